//! Datasets: what they are, where they come from, who may use them for what.

use crate::time::Timestamp;
use plimsoll_types::{Digest, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A use of a dataset.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DatasetUse {
    /// Look at its rows.
    Read,
    /// Train on it.
    Train,
    /// Take it out of the installation.
    Export,
}

impl DatasetUse {
    /// Every use.
    pub const ALL: &'static [Self] = &[Self::Read, Self::Train, Self::Export];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Train => "train",
            Self::Export => "export",
        }
    }
}

/// A file of a dataset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetFile {
    /// Its path in the dataset.
    pub path: String,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What DVC names it by: a claim, checked when the file was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub md5: Option<String>,
}

/// A column, and what is in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetColumn {
    /// Its name.
    pub name: String,
    /// `boolean`, `integer`, `number`, `text` or `timestamp`.
    pub kind: String,
    /// Rows without a value.
    pub missing: u64,
    /// Different values, up to a bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<u64>,
    /// The smallest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The largest number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

/// Where a dataset comes from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSource {
    /// `files` or `dvc`.
    pub kind: String,
    /// An address, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The commit of the repository that tracks it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// What DVC has to say against it: `legacy`, `not_pushed`, `stale`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What a dataset is: its version is named by the digest of this document.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetManifest {
    /// Its files.
    pub files: Vec<DatasetFile>,
    /// Its columns, if it is a table.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<DatasetColumn>,
    /// Its rows, if it is a table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Where it comes from.
    pub source: DatasetSource,
    /// Its licence, as an SPDX expression where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// Classes of personal data in it, as `contact`, `income`, `health`; none means none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub personal: Vec<String>,
    /// The purposes that it was gathered for; grants are for one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<String>,
    /// Days after which it must go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
    /// What it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// Registers a dataset, or another version of it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateDataset {
    /// Who answers for it, if it is new; the caller unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What it is.
    pub manifest: DatasetManifest,
}

/// A dataset.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Dataset {
    /// Its name.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// The number of its newest version.
    pub latest_version: u32,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Who may use it for what. Left out of lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<DatasetGrant>,
}

/// A version of a dataset.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DatasetVersion {
    /// The dataset.
    pub dataset: Name,
    /// Its number, from 1.
    pub number: u32,
    /// The digest of its manifest.
    pub digest: Digest,
    /// What it is.
    pub manifest: DatasetManifest,
    /// Whether its files are kept here, sealed, and not only known by their digests.
    pub is_kept: bool,
    /// Who registered it.
    pub author: PrincipalId,
    /// When.
    pub created_at: Timestamp,
}

/// One cell of the access matrix.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DatasetGrant {
    /// Who may use the dataset.
    pub principal: Name,
    /// How.
    pub r#use: DatasetUse,
    /// For which purpose.
    pub purpose: String,
    /// Who said so.
    pub granted_by: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Grants a use of a dataset, or takes the grant back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantDataset {
    /// Who may use it.
    pub principal: Name,
    /// How.
    pub r#use: DatasetUse,
    /// For which purpose, one of the newest version's.
    pub purpose: String,
    /// Until when; without end unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What a download says of itself.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetQuery {
    /// How it will be used.
    pub r#use: DatasetUse,
    /// For which purpose.
    pub purpose: String,
}
