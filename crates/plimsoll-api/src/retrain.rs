//! Training again: when, with which rows, by whom, and what became of it.

use crate::model::ManifestFile;
use crate::rollout::{RolloutGuardrail, RolloutStep};
use crate::time::Timestamp;
use crate::words::{FindingKind, FindingSeverity, RetrainState, RetrainTrigger, TrialState};
use plimsoll_types::{Digest, FindingId, Name, PrincipalId, RetrainId, RolloutId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When a deployment's model is trained again, and how.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// Whether it ends with a registered candidate, which nothing goes on with.
    #[serde(default)]
    pub candidate_only: bool,
    /// How a candidate is tried under traffic; as any version, with the guardrails on errors,
    /// refusals and latency, unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RetrainRollout>,
}

/// How candidates are tried under traffic.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrainRollout {
    /// How much of the traffic a candidate gets, in steps; shadow, 1 %, 5 %, 25 % unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<RolloutStep>>,
    /// What must not get worse; errors, refusals and latency unless told: what is trained for
    /// another population scores it otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Vec<RolloutGuardrail>>,
    /// The chance that a version that is no worse is rolled back; 0.01 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_rollback: Option<f64>,
    /// Which of a row's outputs is the score, from 0; the last unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_output: Option<u32>,
    /// From which score on an answer is positive; 0.5 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_from: Option<f64>,
}

/// A deployment's policy, and who set it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RetrainPolicyShown {
    /// The deployment.
    pub deployment: Name,
    /// The policy.
    pub policy: RetrainPolicy,
    /// Who set it, and with whose rights versions are registered.
    pub set_by: PrincipalId,
    /// When.
    pub set_at: Timestamp,
    /// Who lets its candidates answer at tier T1 without being asked each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_by: Option<PrincipalId>,
    /// Until when that counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trusted_until: Option<Timestamp>,
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

/// What becomes of a candidate.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Trial {
    /// Where it stands.
    pub state: TrialState,
    /// Why it does not go on, or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The digest of the gate result that it was last judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<Digest>,
    /// The rollout that tries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutId>,
    /// Since when it stands there.
    pub since: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// A state that a retraining, or its candidate, came to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RetrainStep {
    /// When.
    pub at: Timestamp,
    /// The state: a word of retrainings, or of candidates.
    pub state: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who; absent for the server itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<PrincipalId>,
}

/// One retraining.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
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
    /// What becomes of the candidate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// Every state so far, oldest first; not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub story: Vec<RetrainStep>,
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

/// What a trainer elsewhere made of what it was asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetrainResult {
    /// The token of the request, which binds the answer to it.
    pub token: String,
    /// The files of the version, whose artifacts were uploaded before; one is the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ManifestFile>,
    /// Or why there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
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
