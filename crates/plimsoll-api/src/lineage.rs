//! What came from what, what is said about model versions, and files that a scan blocked.

use crate::time::Timestamp;
use plimsoll_lineage::Direction;
use plimsoll_types::{Digest, Name};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far to look.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineageQuery {
    /// What it came from (`up`), what came of it (`down`), or `both`, which is what is meant
    /// unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Steps, 1 to 32; 16 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    /// The newest decisions of the deployments that are found, 0 to 1000; 10 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decisions: Option<u32>,
    /// The `next_cursor` of an answer before: earlier decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// What is said about a model version beside its files. What is absent in a change stays.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionCard {
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Who made it. Once set it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub developer: Option<String>,
    /// Who validated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validator: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intended_use: Option<String>,
    /// What it is not for, and where it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<String>,
    /// The run that made it: an id of MLflow's or OpenLineage's. Once set it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_run: Option<String>,
    /// Versions of datasets that it was made from, as `name/number`. Once set they stay.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub datasets: Vec<String>,
    /// The number of the version of the same model that it came from. Once set it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<u32>,
    /// Its licence, as an SPDX expression where there is one. Once set it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The day it was placed on the market, as `2026-07-01`. Once set it stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placed_on_market: Option<String>,
}

/// A model version's card, and its place in life.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct CardOfVersion {
    /// The registered model.
    pub model: Name,
    /// The version's number.
    pub number: u32,
    /// What is said.
    pub card: VersionCard,
    /// How often something was said; 0 if nothing was.
    pub revision: u32,
    /// Who said the last of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Why it is archived, if it is: no deployment gets it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived: Option<String>,
    /// Why it must be kept, if it is under a legal hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
    /// Deployments that it was ever released into.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<String>,
    /// Whether it has a signature, `model.sig`. A deployment that names signers verifies it.
    pub is_signed: bool,
}

/// Archives a model version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveVersion {
    /// Why.
    pub reason: String,
}

/// Makes a version of the catalogue one that deployments may use.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptVersion {
    /// Which of its files is the model; found out unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// A file that a scan found something in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScanBlock {
    /// The file.
    pub digest: Digest,
    /// Its path in the version it was to be part of.
    pub path: String,
    /// That version's model, with its number if it has one.
    pub about: String,
    /// The rules that it breaks.
    pub rules: Vec<String>,
    /// Who wanted it to be part of a version.
    pub author: String,
    /// When it was last looked at.
    pub created_at: Timestamp,
    /// Leave that was given for it to pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<ScanOverride>,
}

/// Files that scans blocked, newest first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScanBlocks {
    /// The files.
    pub items: Vec<ScanBlock>,
}

/// Leave for a file to pass, though a scan found something in it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScanOverride {
    /// The rules that are let pass.
    pub rules: Vec<String>,
    /// Why.
    pub reason: String,
    /// Who gave it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Lets a file pass that a scan blocked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateOverride {
    /// The file.
    pub digest: Digest,
    /// Why.
    pub reason: String,
    /// Until when: at most 90 days from now.
    pub expires_at: Timestamp,
}
