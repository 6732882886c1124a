//! Explain profiles, and explanations of decisions.

use crate::time::Timestamp;
use plimsoll_explain::account::{Account, Audience};
use plimsoll_types::{DecisionId, Digest, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stored explain profile. Profiles are posted as their own document, in JSON or YAML.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StoredProfile {
    /// SHA-256 of its canonical JSON.
    pub digest: Digest,
    /// The id of the principal that stored it.
    pub author: PrincipalId,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The document.
    pub profile: plimsoll_explain::ExplainProfile,
}

/// An explain profile without its document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ProfileSummary {
    /// SHA-256 of its canonical JSON.
    pub digest: Digest,
    /// Features it says something of.
    pub features: u64,
    /// Whether the same profile was stored before.
    pub existed: bool,
}

/// How a decision is to be explained.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplanationQuery {
    /// Who reads it; `subject` unless told.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub audience: Option<Audience>,
    /// A language of the deployment's explain profile; its first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Which row of the request, from 0; the first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u32>,
}

/// Where an explanation comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExplanationSource {
    /// It is a part of the decision's record.
    Inline,
    /// It was made after the reply and has a record of its own.
    Deferred,
    /// It was computed now, from the recorded input with the recorded model version.
    Computed,
}

/// Why a decision came out as it did, in words for one reader.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DecisionExplanation {
    /// The decision.
    pub decision: DecisionId,
    /// When it was accepted.
    pub time: Timestamp,
    /// The deployment's name.
    pub deployment: String,
    /// The number of the version that answered.
    pub version: u32,
    /// Which row of the request, from 0.
    pub row: u32,
    /// Where the explanation comes from.
    pub source: ExplanationSource,
    /// It, in words.
    pub account: Account,
}
