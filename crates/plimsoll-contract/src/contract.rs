//! The contract as a document: what people write, review and sign off, in YAML or JSON.
//!
//! This file must not know how a request is validated; see `compile.rs` and `writer.rs`.

use crate::check::Problem;
use plimsoll_types::Refusal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The largest contract document, in bytes: 4,096 fields with a KiB each.
pub const MAX_DOCUMENT_BYTES: usize = 4 << 20;

/// The only version of the document there is.
pub const CONTRACT_VERSION: u32 = 1;

/// An input contract: every field a request may have, and what each must be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Version of this document's format; 1.
    pub version: u32,
    /// The fields the model gets, in the order in which it gets them.
    pub features: Vec<Field>,
    /// The fields that come with a request but are not given to the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<Field>,
    /// Name of one input tensor that carries all features as a matrix `[rows, features]`.
    /// Only for contracts whose features are all numeric. Without it such a tensor is refused,
    /// because a matrix names no column and cannot show that its columns are in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<String>,
    /// Where to find subjects, interaction id, event time and slice keys.
    #[serde(default, skip_serializing_if = "Mapping::is_empty")]
    pub map: Mapping,
    /// Sizes, and how much a caller is told.
    #[serde(default)]
    pub limits: Limits,
}

/// One field: its kind and the rules for its values.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The name of the tensor that carries it.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// The unit of its values, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// What it means, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The least allowed number (kinds number, integer, tensor).
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "bound")]
    pub min: Option<f64>,
    /// The greatest allowed number.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "bound")]
    pub max: Option<f64>,
    /// All numbers must be greater than this.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "bound")]
    pub exclusive_min: Option<f64>,
    /// All numbers must be less than this.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "bound")]
    pub exclusive_max: Option<f64>,
    /// The allowed texts (kind category). The model gets a text's index in this list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
    /// Whether the value may be null, or the field absent.
    #[serde(default, skip_serializing_if = "is_false")]
    pub nullable: bool,
    /// The longest text, in characters (kind string); 256 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<u32>,
    /// What the whole text must match (kind string): characters, `.`, `\d`, `\w`, `\s`,
    /// classes such as `[A-Z0-9]`, and the counts `?`, `*`, `+`, `{n}`, `{n,m}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// The size of each dimension of one row (kind tensor).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<u32>,
    /// Whether it is personal data.
    #[serde(default, skip_serializing_if = "Class::is_none")]
    pub class: Class,
    /// What happens to a request whose value breaks a rule.
    #[serde(default, skip_serializing_if = "OnViolation::is_refuse")]
    pub on_violation: OnViolation,
}

/// What the values of a field are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A finite number.
    Number,
    /// An integer within ±2^53.
    Integer,
    /// True or false.
    Boolean,
    /// One text of a closed list.
    Category,
    /// A text.
    String,
    /// A point in time: RFC 3339 text, or integer microseconds since 1970 in UTC.
    Timestamp,
    /// Finite numbers in a fixed shape.
    Tensor,
}

/// How personal a field is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Not personal data.
    #[default]
    None,
    /// Personal data.
    Personal,
    /// Personal data of a special category (health, origin, belief and the like).
    Sensitive,
}

/// What happens to a request whose value breaks a rule on range, values, length, pattern or
/// null. Values of another kind, and missing fields, are refused whatever this says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnViolation {
    /// The request is refused.
    #[default]
    Refuse,
    /// The value passes as it is, and the record says so.
    Flag,
    /// The nearest end of the range is used instead, and the record says so.
    Clamp,
}

/// Where to find the keys that decisions are looked up, joined and grouped by.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// The persons a decision is about. Each one's data is sealed under a key of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<MapSource>,
    /// The id of the contact with a customer that the request belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interaction: Option<MapSource>,
    /// When what the request is about happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_time: Option<MapSource>,
    /// The keys that monitoring groups by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<MapSource>,
}

/// One source of a mapped key: exactly one of `field` and `header`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MapSource {
    /// A feature or context field of this contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// A header of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
    /// Whether a request without it is refused.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub required: bool,
}

/// Sizes, and how much a caller is told.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The most rows in one request. 256 unless told: one decision is about few rows, and
    /// large batches belong to offline scoring. Fewer when rows × fields would pass 2^20.
    pub max_rows: u32,
    /// The largest body, in bytes after decompression; 1 MiB unless told.
    pub max_body_bytes: u32,
    /// How much of a refusal a caller is told. The record always has all of it.
    pub error_detail: ErrorDetail,
}

/// How much of a refusal a caller is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ErrorDetail {
    /// Code, field, row and rule.
    #[default]
    Full,
    /// Code, field and row.
    Field,
    /// The code alone.
    Code,
}

/// Why a document is not a usable contract.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ContractError {
    /// Larger than [`MAX_DOCUMENT_BYTES`].
    #[error("the contract is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// Not YAML, or not this document.
    #[error("the contract is not readable as YAML: {0}")]
    Yaml(String),
    /// Not JSON, or not this document.
    #[error("the contract is not readable as JSON: {0}")]
    Json(String),
    /// Readable, but it contradicts itself or the rules.
    #[error("the contract has {} problem(s): {}", .0.len(), list(.0))]
    Problems(Vec<Problem>),
    /// It could not be written out.
    #[error("the contract cannot be written: {0}")]
    Write(String),
}

impl Contract {
    /// Reads a contract from YAML. Does not [`check`](Self::check) it.
    ///
    /// # Errors
    /// If the text is too large, not YAML, or has unknown or repeated members.
    pub fn from_yaml(text: &str) -> Result<Self, ContractError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(ContractError::TooLarge);
        }
        let options = serde_saphyr::options! {
            // Without this, `values: [yes, no]` would be read as two booleans.
            strict_booleans: true,
            with_snippet: false,
        };
        serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| ContractError::Yaml(error.to_string()))
    }
    /// Reads a contract from JSON. Does not [`check`](Self::check) it.
    ///
    /// # Errors
    /// If the text is too large, not JSON, or has unknown or repeated members.
    pub fn from_json(bytes: &[u8]) -> Result<Self, ContractError> {
        if bytes.len() > MAX_DOCUMENT_BYTES {
            return Err(ContractError::TooLarge);
        }
        serde_json::from_slice(bytes).map_err(|error| ContractError::Json(error.to_string()))
    }
    /// The contract as YAML.
    ///
    /// # Errors
    /// If the text cannot be written; no contract is known that causes it.
    pub fn to_yaml(&self) -> Result<String, ContractError> {
        serde_saphyr::to_string(self).map_err(|error| ContractError::Write(error.to_string()))
    }
    /// The bytes a digest of this contract is taken over: JSON with sorted members and no
    /// space; a member with its default value is left out, but limits are always written.
    /// Two documents that mean the same have the same bytes, however they were written.
    ///
    /// # Errors
    /// If the contract cannot be written as JSON; no contract is known that causes it.
    pub fn canonical_json(&self) -> Result<Vec<u8>, ContractError> {
        let write = |error: serde_json::Error| ContractError::Write(error.to_string());
        let mut value = serde_json::to_value(self).map_err(write)?;
        value.sort_all_objects();
        serde_json::to_vec(&value).map_err(write)
    }
    /// Everything that is wrong with the contract, each with its place. Empty: it compiles.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        crate::check::check(self)
    }
    /// All fields: features, then context.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.features.iter().chain(&self.context)
    }
}

impl Field {
    /// A field of this name and kind with no further rule.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            unit: None,
            description: None,
            min: None,
            max: None,
            exclusive_min: None,
            exclusive_max: None,
            values: Vec::new(),
            nullable: false,
            max_length: None,
            pattern: None,
            shape: Vec::new(),
            class: Class::None,
            on_violation: OnViolation::Refuse,
        }
    }
}

impl Kind {
    /// The word for it, as in the document.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Boolean => "boolean",
            Self::Category => "category",
            Self::String => "string",
            Self::Timestamp => "timestamp",
            Self::Tensor => "tensor",
        }
    }
}

impl Class {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

impl OnViolation {
    fn is_refuse(&self) -> bool {
        *self == Self::Refuse
    }
}

impl Mapping {
    /// Whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl MapSource {
    /// A required field.
    #[must_use]
    pub fn field(name: impl Into<String>) -> Self {
        Self { field: Some(name.into()), header: None, required: true }
    }
    /// A required header.
    #[must_use]
    pub fn header(name: impl Into<String>) -> Self {
        Self { field: None, header: Some(name.into()), required: true }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_rows: 256, max_body_bytes: 1 << 20, error_detail: ErrorDetail::Full }
    }
}

impl ErrorDetail {
    /// What a caller may be told of `refusal`.
    #[must_use]
    pub fn redact(self, refusal: &Refusal) -> Refusal {
        let whole = Refusal::new(refusal.phase, refusal.code);
        match self {
            Self::Full => refusal.clone(),
            Self::Field => Refusal { field: refusal.field.clone(), row: refusal.row, ..whole },
            Self::Code => whole,
        }
    }
}

fn list(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_true(value: &bool) -> bool {
    *value
}

fn yes() -> bool {
    true
}

/// Writes whole numbers without a fraction: `18`, not `18.0`.
#[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53, so exact")]
fn bound<S: serde::Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match *value {
        Some(number) if number.fract() == 0.0 && number.abs() <= EXACT => {
            serializer.serialize_i64(number as i64)
        }
        Some(number) => serializer.serialize_f64(number),
        None => serializer.serialize_none(),
    }
}
