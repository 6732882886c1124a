//! What is known about how a decision came to be, and what comes of computing it again.

use crate::decision::Decision;
use crate::event::ControlEvent;
use crate::explain::ExplanationSource;
use crate::model::{ManifestFile, VersionFacts};
use crate::time::Timestamp;
use plimsoll_explain::account::Account;
use plimsoll_types::record::{Kind, Route};
use plimsoll_types::{DecisionId, Digest, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Everything on record about how a decision came to be.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Trace {
    /// The decision, with its body for those who may read it.
    pub decision: Decision,
    /// Which version answered in which part, and why that one.
    pub route: TracedRoute,
    /// The version and its files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<TracedModel>,
    /// The input contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contract: Option<TracedContract>,
    /// The policy set that let the caller ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<TracedPolicy>,
    /// The control events that put version, deployment, contract and policy in force, the
    /// release that approved the version among them.
    pub changes: Vec<ControlEvent>,
    /// Why it came out so, as it is on record, for those who may read the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<TracedExplanation>,
    /// Other records about the decision: its intent, an explanation, reviews.
    pub records: Vec<TracedRecord>,
    /// Where the proof is.
    pub receipt: TracedReceipt,
}

/// Which version answered in which part, and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedRoute {
    /// The part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// Why, in words.
    pub why: String,
}

/// Why a decision came out as it did: its first row, in the words for an engineer. For other
/// readers, rows and languages there is `GET /api/v1/decisions/{id}/explanation`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedExplanation {
    /// Which record it is in.
    pub source: ExplanationSource,
    /// It, in words and figures.
    pub account: Account,
}

/// A model version and where it comes from, as far as that is known.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedModel {
    /// The registered model.
    pub name: Name,
    /// Who answers for it.
    pub owner: String,
    /// The number of the version.
    pub version: u32,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Who made it.
    pub author: PrincipalId,
    /// That principal's name, if there still is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// When.
    pub created_at: Timestamp,
    /// Its files: the model, and what was exported with it.
    pub files: Vec<ManifestFile>,
    /// What loading the model file told.
    pub facts: VersionFacts,
}

/// The input contract of a decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedContract {
    /// Its digest.
    pub digest: Digest,
    /// Who stored it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author_name: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
    /// Whether the deployment still has it.
    pub is_in_force: bool,
}

/// The policy set of a decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedPolicy {
    /// Its digest.
    pub digest: Digest,
    /// Whether it is still in force.
    pub is_in_force: bool,
}

/// Another record about the decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedRecord {
    /// Its index in the ledger.
    pub index: u64,
    /// What it is.
    pub kind: Kind,
    /// When it was made.
    pub time: Timestamp,
    /// What it says, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// Where the proof of a decision is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TracedReceipt {
    /// The decision's index in the ledger.
    pub index: u64,
    /// The hash of its leaf (RFC 6962).
    pub leaf_hash: Digest,
    /// Where the receipt is fetched.
    pub href: String,
}

/// What came of computing a decision again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReplayResult {
    /// The recorded outputs came out, to the bit.
    BitEqual,
    /// Other outputs came out.
    Different,
    /// There is nothing to compare: no model answered.
    NotAnswered,
}

/// A decision computed again from its record, on the version that answered it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Replay {
    /// The decision.
    pub decision: DecisionId,
    /// What came of it.
    pub result: ReplayResult,
    /// The digest of the version's manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Digest>,
    /// The digest of the model file that was loaded and checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// Numbers compared.
    pub values: u64,
    /// Numbers that differ.
    pub differing: u64,
    /// The first rows that differ, at most 100.
    pub differences: Vec<ReplayDifference>,
}

/// A row that came out otherwise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReplayDifference {
    /// The row, from 0.
    pub row: u64,
    /// What is on record.
    pub recorded: Vec<f64>,
    /// What came out; null where it is no number.
    pub computed: Vec<f64>,
}

/// Computes a window of a deployment's decisions again, on another version. One request looks
/// at a part of the window; `next_cursor` leads to the next.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayWindow {
    /// The registered model of the candidate; the deployment's unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Name>,
    /// The number of the candidate version.
    pub version: u32,
    /// Only decisions accepted at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only decisions accepted before this time; now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// How one output becomes a decision: at or above this number is yes. Several outputs
    /// decide by the largest; one output without a threshold changes with any bit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The `next_cursor` of the answer before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u64>,
}

/// A part of a window, computed again. Counts and sums add up over the parts.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct ReplayedWindow {
    /// Decisions computed again.
    pub decisions: u64,
    /// Their rows.
    pub rows: u64,
    /// Rows whose numbers came out to the bit.
    pub equal_rows: u64,
    /// Rows that would have been decided otherwise.
    pub changed_rows: u64,
    /// Decisions with such a row.
    pub changed_decisions: u64,
    /// Decisions of the window that no model answered.
    pub not_answered: u64,
    /// Decisions whose keys were erased.
    pub erased: u64,
    /// Decisions whose contract the candidate does not fit.
    pub misfits: u64,
    /// Sum of the first output of every row, as recorded.
    pub sum_before: f64,
    /// Sum of the first output of every row, as it came out.
    pub sum_after: f64,
    /// Sum over rows of the largest distance of an output.
    pub sum_distance: f64,
    /// The largest distance of an output.
    pub max_distance: f64,
    /// Rows whose outputs cannot be compared: another number of them, or not finite.
    pub incomparable_rows: u64,
    /// The rows that moved most, at most 20.
    pub most_changed: Vec<MovedRow>,
    /// Records of the ledger looked at.
    pub scanned: u64,
    /// Records of the ledger in the window that are still to be looked at, about.
    pub left: u64,
    /// Where the window goes on; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<u64>,
}

/// A row that another version decides or scores otherwise.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MovedRow {
    /// The decision.
    pub decision: DecisionId,
    /// Its row, from 0.
    pub row: u64,
    /// The largest distance of an output.
    pub distance: f64,
    /// Whether the decision changes.
    pub is_changed: bool,
}
