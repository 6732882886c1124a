//! Artifacts, registered models, model versions and contracts.

use crate::time::Timestamp;
use plimsoll_types::{Digest, ModelId, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stored artifact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Artifact {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// Registers a model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateModel {
    /// Its name, unique.
    pub name: Name,
    /// Who answers for it; the caller unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A registered model: a named family of versions.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RegisteredModel {
    /// Its id.
    pub id: ModelId,
    /// Its name.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The number of its newest version; 0 if it has none.
    pub latest_version: u32,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What a file of a model version is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FileRole {
    /// The model itself; every version has exactly one.
    Model,
    /// Background data for explanations.
    Background,
    /// The input contract the model was exported with.
    Contract,
    /// What the exporter says about the model.
    Metadata,
    /// Anything else.
    Other,
}

/// One file of a model version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Its path within the version: `/` between parts, no `.` or `..`.
    pub path: String,
    /// SHA-256 of its bytes, as the upload of the artifact answered.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What it is.
    pub role: FileRole,
}

/// Adds a version to a registered model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVersion {
    /// Its files, all uploaded before.
    pub files: Vec<ManifestFile>,
}

/// A numbered, immutable version of a registered model.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ModelVersion {
    /// The registered model.
    pub model: Name,
    /// Its number, from 1.
    pub number: u32,
    /// SHA-256 of its manifest.
    pub digest: Digest,
    /// Its files, by path.
    pub files: Vec<ManifestFile>,
    /// The id of the principal that made it.
    pub author: PrincipalId,
    /// The author's name.
    pub author_name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// What loading the model file told.
    pub facts: VersionFacts,
}

/// What loading a model file told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct VersionFacts {
    /// The format: `XGBoost JSON`, `XGBoost UBJSON`, `LightGBM text`, `scikit-learn JSON`, `ONNX`.
    pub format: String,
    /// The objective it was trained for.
    pub objective: String,
    /// Trees.
    pub trees: u64,
    /// Features.
    pub features: u64,
    /// Numbers per row in an answer.
    pub outputs: u64,
    /// What the scan of its files looked at; it found nothing, or there would be no version.
    /// Absent for versions from before scans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<ScanFacts>,
}

/// What a scan that found nothing looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ScanFacts {
    /// Files, and members of archives among them.
    pub looked_at: u64,
    /// Bytes of them, unpacked.
    pub bytes: u64,
    /// The scanner's version.
    pub scanner: String,
    /// What it found and an approver let pass: rule and file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub let_pass: Vec<String>,
}

/// A stored contract. Contracts are posted as their own document, in JSON or YAML.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "StoredContract")]
pub struct Contract {
    /// SHA-256 of its canonical JSON.
    pub digest: Digest,
    /// The id of the principal that stored it.
    pub author: PrincipalId,
    /// When it was stored.
    pub created_at: Timestamp,
    /// The document.
    pub contract: plimsoll_contract::Contract,
}

/// A first contract of a model version, made of the signature that MLflow stored with it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContractDraft {
    /// The registered model.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// The contract, as far as the signature says it.
    pub contract: plimsoll_contract::Contract,
    /// What a person must decide before the contract can be used.
    pub questions: Vec<DraftQuestion>,
    /// The contract as YAML, with each question as a comment before the field it is about.
    pub yaml: String,
}

/// What a signature does not know of a feature.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DraftQuestion {
    /// Where in the contract, such as `features[0]`.
    pub path: String,
    /// What to decide.
    pub question: String,
}

/// A contract without its document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ContractSummary {
    /// SHA-256 of its canonical JSON.
    pub digest: Digest,
    /// Features it names.
    pub features: u64,
    /// Whether the same contract was stored before.
    pub existed: bool,
}
