//! Training again: when, with which rows, by whom, and what became of it.

use crate::time::Timestamp;
use crate::words::{FindingKind, FindingSeverity, RetrainState, RetrainTrigger};
use plimsoll_types::{Digest, FindingId, Name, PrincipalId, RetrainId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a deployment's model is trained again, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrainPolicy {
    /// The trainer, as the settings of the server declare it.
    pub trainer: Name,
    /// Findings of these kinds ask for it; none unless told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<FindingKind>,
    /// The mildest of them that does; `warning` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<FindingSeverity>,
    /// Every so many days, 1 to 365.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_days: Option<u32>,
    /// When the version that answers has done so for so many days, 1 to 3650.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// Decisions of so many days are given to the trainer, 1 to 3650; 90 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_days: Option<u32>,
    /// Rows for which this SQL condition holds are left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
    /// Retrainings in 30 days, 1 to 100; 4 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u32>,
    /// Hours from one retraining to the next, 0 to 8760; 24 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cooldown_hours: Option<u32>,
    /// Whether somebody else has to let each go on, whatever the tier.
    #[serde(default)]
    pub needs_approval: bool,
}

/// A deployment's policy, and who set it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RetrainPolicyShown {
    /// The deployment.
    pub deployment: Name,
    /// The policy.
    pub policy: RetrainPolicy,
    /// Who set it, and with whose rights versions are registered.
    pub set_by: PrincipalId,
    /// When.
    pub set_at: Timestamp,
    /// Why nothing is trained now, if something would be: budget, cooldown, a finding of security.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
}

/// Asks that a deployment's model is trained again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestRetrain {
    /// Of which deployment.
    pub deployment: Name,
    /// Why.
    pub reason: String,
}

/// Ends a retraining.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRetrain {
    /// Why.
    pub reason: String,
}

/// The rows that a model is trained on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TrainingManifest {
    /// The deployment whose decisions they are.
    pub deployment: Name,
    /// Decisions at or after.
    pub from: Timestamp,
    /// Decisions before.
    pub until: Timestamp,
    /// The query that gave them.
    pub sql: String,
    /// The condition under which rows were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclude: Option<String>,
    /// Columns that were left out because they are sealed.
    pub left_out: Vec<String>,
    /// How many rows.
    pub rows: u64,
    /// SHA-256 of the Parquet file.
    pub digest: Digest,
    /// Its length in bytes.
    pub bytes: u64,
}

/// One retraining.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Retrain {
    /// Its id.
    pub id: RetrainId,
    /// Of which deployment.
    pub deployment: Name,
    /// Where it stands.
    pub state: RetrainState,
    /// What asked for it.
    pub trigger: RetrainTrigger,
    /// The finding that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingId>,
    /// Why.
    pub reason: String,
    /// The policy as it was then.
    pub policy: RetrainPolicy,
    /// Who asked for it.
    pub requested_by: PrincipalId,
    /// Who let it go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<PrincipalId>,
    /// What it is trained on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<TrainingManifest>,
    /// The registered model.
    pub model: Name,
    /// The candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How often training was begun.
    pub attempts: u32,
    /// Why it failed, or was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its last attempt was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Which retrainings are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrainFilter {
    /// Of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Name>,
    /// At most this many items, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// From where on a log is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrainLogQuery {
    /// The byte to begin at; the first unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
}

/// A part of what a trainer says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RetrainLog {
    /// The text.
    pub text: String,
    /// The byte to go on at.
    pub next: u64,
    /// Whether nothing more will come.
    pub is_over: bool,
}
