//! The explain profile as a document, in YAML or JSON.

use super::check::ProfileProblem;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The largest profile document, in bytes: 4,096 features with a KiB each.
pub const MAX_PROFILE_BYTES: usize = 4 << 20;

/// The only version of the document there is.
pub const PROFILE_VERSION: u32 = 1;

/// Texts by language tag (BCP 47): `en`, `de`.
pub(crate) type Texts = BTreeMap<String, String>;

/// What is said about a deployment's decisions, and to whom.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainProfile {
    /// Version of this document's format; 1.
    pub version: u32,
    /// Which answers are adverse to the person concerned. Without it reasons are given by
    /// weight alone, and there are no counterfactuals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionRule>,
    /// The most reasons that are given for one row, 1 to 16. Four unless told: more are "not
    /// likely to be helpful" (official interpretation of Regulation B, 12 CFR 1002.9(b)(2)).
    #[serde(default = "four", skip_serializing_if = "is_four")]
    pub most_reasons: u8,
    /// The languages in which persons are told; `en` and `de` have words of their own, others
    /// need `adverse`, `favourable` and `principles` here.
    #[serde(default = "english", skip_serializing_if = "is_english")]
    pub languages: Vec<String>,
    /// How decisions of this kind are made, in plain words, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub principles: Texts,
    /// The sentence for a feature that weighed against the person, unless the feature has its
    /// own. May name `{label}`, `{value}` and `{unit}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adverse: Texts,
    /// The sentence for a feature that weighed in the person's favour.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub favourable: Texts,
    /// What is said of each feature, by its name in the contract. A feature that is not here
    /// is told under its own name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub features: BTreeMap<String, FeatureProfile>,
}

/// Which answers are adverse.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DecisionRule {
    /// Which number of the answer decides, from 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output: u16,
    /// The limit, in the answer's units.
    pub threshold: f64,
    /// The side of the limit on which an answer is adverse. An answer at the limit is above.
    pub adverse: Side,
}

/// A side of a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// At the limit, or more.
    Above,
    /// Less than the limit.
    Below,
}

impl DecisionRule {
    /// Whether an answer of `value` is adverse.
    #[must_use]
    pub fn is_adverse(&self, value: f64) -> bool {
        (value >= self.threshold) == (self.adverse == Side::Above)
    }
}

/// What is said of a feature, and what a person can do about it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeatureProfile {
    /// The reason code; the feature's name unless told. Features with the same code are one
    /// reason: their contributions are added up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it is called to a person, by language.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub label: Texts,
    /// The sentence when it weighed against the person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub adverse: Texts,
    /// The sentence when it weighed in the person's favour.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub favourable: Texts,
    /// Whether it is kept from the person (a fraud signal, say). Officers see it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub hidden: bool,
    /// How the person can change it; `fixed` unless told.
    #[serde(default, skip_serializing_if = "Change::is_fixed")]
    pub change: Change,
    /// What is proposed is a multiple of it (kinds number and integer).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// The values it can be changed to (kind category); all of the contract's unless told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

/// How a person can change a feature.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// Not at all: age, history.
    #[default]
    Fixed,
    /// To any value that the contract allows.
    Any,
    /// To a greater one.
    Up,
    /// To a smaller one.
    Down,
}

impl Change {
    fn is_fixed(&self) -> bool {
        *self == Self::Fixed
    }
}

/// Why a document is not a usable profile.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProfileError {
    /// Larger than [`MAX_PROFILE_BYTES`].
    #[error("the explain profile is larger than {MAX_PROFILE_BYTES} bytes")]
    TooLarge,
    /// Not YAML, or not this document.
    #[error("the explain profile is not readable as YAML: {0}")]
    Yaml(String),
    /// Not JSON, or not this document.
    #[error("the explain profile is not readable as JSON: {0}")]
    Json(String),
    /// Readable, but it contradicts itself or its contract.
    #[error("the explain profile has {} problem(s): {}", .0.len(), list(.0))]
    Problems(Vec<ProfileProblem>),
    /// It could not be written out.
    #[error("the explain profile cannot be written: {0}")]
    Write(String),
}

impl ExplainProfile {
    /// The profile of a deployment that has none: reasons by weight, under the contract's names.
    #[must_use]
    pub fn silent() -> Self {
        Self {
            version: PROFILE_VERSION,
            decision: None,
            most_reasons: four(),
            languages: vec!["en".to_owned(), "de".to_owned()],
            principles: Texts::new(),
            adverse: Texts::new(),
            favourable: Texts::new(),
            features: BTreeMap::new(),
        }
    }

    /// Reads a profile from YAML, unchecked.
    ///
    /// # Errors
    /// If the text is too large, not YAML, or has unknown or repeated members.
    pub fn from_yaml(text: &str) -> Result<Self, ProfileError> {
        if text.len() > MAX_PROFILE_BYTES {
            return Err(ProfileError::TooLarge);
        }
        // Without `strict_booleans`, `values: [yes, no]` would be read as two booleans.
        let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| ProfileError::Yaml(error.to_string()))
    }

    /// Reads a profile from JSON, unchecked.
    ///
    /// # Errors
    /// If the text is too large, not JSON, or has unknown or repeated members.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ProfileError> {
        if bytes.len() > MAX_PROFILE_BYTES {
            return Err(ProfileError::TooLarge);
        }
        serde_json::from_slice(bytes).map_err(|error| ProfileError::Json(error.to_string()))
    }

    /// The profile as YAML.
    ///
    /// # Errors
    /// If the text cannot be written; no profile is known that causes it.
    pub fn to_yaml(&self) -> Result<String, ProfileError> {
        serde_saphyr::to_string(self).map_err(|error| ProfileError::Write(error.to_string()))
    }

    /// The bytes its digest is taken over: JSON with sorted members and no space.
    ///
    /// # Errors
    /// If it cannot be written as JSON; no profile is known that causes it.
    pub fn canonical_json(&self) -> Result<Vec<u8>, ProfileError> {
        let write = |error: serde_json::Error| ProfileError::Write(error.to_string());
        let mut value = serde_json::to_value(self).map_err(write)?;
        value.sort_all_objects();
        serde_json::to_vec(&value).map_err(write)
    }
}

fn list(problems: &[ProfileProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

const fn four() -> u8 {
    4
}
fn is_four(value: &u8) -> bool {
    *value == 4
}
fn english() -> Vec<String> {
    vec!["en".to_owned()]
}
fn is_english(value: &[String]) -> bool {
    value == ["en"]
}
fn is_zero(value: &u16) -> bool {
    *value == 0
}
fn is_false(value: &bool) -> bool {
    !*value
}
