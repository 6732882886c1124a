//! What governs a deployment's releases: its assessment, the plan of its gate, results of checks,
//! gate results, approvals, exceptions, and the glass that is broken in an emergency.
//!
//! Facts, assessments and gate results travel as the documents that `plimsoll assess` and
//! `plimsoll gate judge` read and print.

use crate::time::Timestamp;
use plimsoll_types::{Digest, GovernanceId, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// States the facts of a deployment's use.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutAssessment {
    /// The facts, by their names; one that is absent is unknown, which never counts as no.
    pub facts: Value,
    /// What is known to be in place, as `plimsoll assess` reads it; nothing unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Value>,
}

/// What is owed for a deployment's use, as of now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StoredAssessment {
    /// Its record.
    pub id: GovernanceId,
    /// The deployment.
    pub deployment: Name,
    /// The facts as stated.
    pub facts: Value,
    /// What the facts lead to now, with measured interactions in the place of stated ones.
    pub assessment: Value,
    /// Interactions of the last 30 days over the total that was posted, if one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interactions: Option<MeasuredShare>,
    /// Who stated the facts.
    pub by: PrincipalId,
    /// Their name.
    pub by_name: String,
    /// When.
    pub at: Timestamp,
}

/// A measured part of a posted whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MeasuredShare {
    /// Interactions of the last 30 days that the deployment had part in: distinct ids of the
    /// contract's `map.interaction`, and requests without one. Absent: too many to count, which is all.
    pub part: Option<u64>,
    /// All interactions with customers in the last 30 days, as posted.
    pub whole: u64,
}

/// Says how many interactions with customers there were in the last 30 days, in all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostInteractions {
    /// How many.
    pub whole: u64,
}

/// A day of the week.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Weekday {
    /// Thursday, the day of 1970-01-01.
    Thu,
    /// Friday.
    Fri,
    /// Saturday.
    Sat,
    /// Sunday.
    Sun,
    /// Monday.
    Mon,
    /// Tuesday.
    Tue,
    /// Wednesday.
    Wed,
}

/// When versions may be released, in UTC.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWindow {
    /// On these days …
    pub days: Vec<Weekday>,
    /// … from this minute of the day …
    pub from_minute: u16,
    /// … to before this one, at most 1440.
    pub until_minute: u16,
}

/// A check of a team's own, whose results are posted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PluginCheck {
    /// Its name, not one of the build's checks.
    pub name: String,
    /// Counts up when what it does changes; results of an older one do not count.
    pub version: u32,
    /// The demand that it proves, such as `VUL-01`.
    pub proves: String,
    /// How long a result counts, in seconds.
    pub max_age_s: u64,
    /// The command that `plimsoll gate run` runs for it; none if results only come by the API.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The address that `plimsoll gate run` asks in place of a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How long it may take, in seconds, 1 to 3600; 60 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_s: Option<u32>,
}

/// Where the truth about decisions comes from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeclaredOutcomes {
    /// What tells how a decision turned out.
    pub source: String,
    /// Days until it is known.
    pub delay_days: u32,
    /// What stands in its place, where the truth never comes.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy: String,
}

/// What a gate of a deployment looks at, and the thresholds, fixed before a run.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GatePlan {
    /// What the deployment is for.
    pub purpose: String,
    /// Who is called at night.
    pub on_call: String,
    /// Whether it is declared that callers are refused when there is nothing to fall back to.
    pub fail_closed: bool,
    /// When versions may be released; at any time unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<ChangeWindow>,
    /// A decision is a yes from this value of the first output on; 0.5 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// By how much accuracy may be worse than the incumbent's; 0.01 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// The area under the ROC curve that a first version has at least, with its interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auroc_floor: Option<f64>,
    /// The smallest ratio of the shares said yes to between groups; 0.8 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parity_ratio: Option<f64>,
    /// The largest difference of error rates between groups; 0.1 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub odds_difference: Option<f64>,
    /// The time of a prediction at the 99th percentile, in microseconds; the deadline unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// The size of the model file, in bytes; 1 GiB unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_bytes: Option<u64>,
    /// Features that whoever is decided about can change; all unless told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mutable: Vec<String>,
    /// Where the truth about decisions comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<DeclaredOutcomes>,
    /// What people do when the model gets worse, where no retraining is asked for by itself.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub on_breach: String,
    /// The age that no version outlives, in days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// Checks of the team's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginCheck>,
}

/// States what only a person can know, signed by a key of their own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attest {
    /// The demand that it answers, such as `RSK-01`.
    pub demand: String,
    /// The number of the version, of a demand that is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What is stated.
    pub says: String,
    /// The SHA-256 of the document that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// Of a change (`CHG-01`): whether it is significant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub significant: Option<bool>,
    /// Until when it counts.
    pub until: Timestamp,
    /// When, in microseconds since 1970: after the challenge, and not in the future.
    pub at_us: u64,
    /// The signature over the attestation's text, 128 hexadecimal digits.
    pub signature: String,
    /// The challenge.
    pub challenge: GovernanceId,
    /// The signature over the challenge's text, 128 hexadecimal digits.
    pub challenge_signature: String,
}

/// What a person stated.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Attestation {
    /// Its record.
    pub id: GovernanceId,
    /// The demand that it answers.
    pub demand: String,
    /// The artifact that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Digest>,
    /// What is stated.
    pub says: String,
    /// The SHA-256 of the document that it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// Of a change: whether it is significant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub significant: Option<bool>,
    /// Who states it.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Until when it counts.
    pub until: Timestamp,
    /// Who took it back, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<String>,
}

/// A demand that people may answer, and how.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct AttestableDemand {
    /// The demand.
    pub demand: String,
    /// What is stated.
    pub states: String,
    /// Who may: anybody with one of these roles.
    pub roles: Vec<String>,
    /// For how many days at most, at the tier of the use.
    pub days: u32,
    /// Whether it is about one version.
    pub of_version: bool,
    /// Whether a document has to be named.
    pub needs_evidence: bool,
}

/// What people stated of a deployment, newest first, and what they may state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Attestations {
    /// What they stated.
    pub items: Vec<Attestation>,
    /// What they may.
    pub may: Vec<AttestableDemand>,
}

/// Rows with what is known of them, which checks run versions on. Kept sealed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PutEvaluation {
    /// The rows: values by the contract's names.
    pub rows: Vec<serde_json::Map<String, Value>>,
    /// What turned out for each row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<bool>,
    /// The group of each row that fairness is looked at by.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The first output for each row as whoever trained the version has it, by version number.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub golden: std::collections::BTreeMap<u32, Vec<f64>>,
}

/// An evaluation set that is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StoredEvaluation {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its rows.
    pub rows: u64,
}

/// Runs a gate's checks on a version.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunGate {
    /// The number of the version.
    pub version: u32,
    /// Under this contract in place of the deployment's own: before it is changed to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
}

/// Under which contract a version is asked about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StandingQuery {
    /// Under this one in place of the deployment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
}

/// What a check of a team's own found of a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostCheckResult {
    /// The number of the model version.
    pub version: u32,
    /// Under this contract in place of the deployment's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
    /// The check's name, as the plan declares it.
    pub check: String,
    /// The check's version.
    pub check_version: u32,
    /// `pass`, `fail`, `not_applicable` or `not_evaluable`.
    pub verdict: String,
    /// In words: what was measured against what; if it does not apply, by which rule.
    pub says: String,
    /// The digest of the evidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
}

/// A run of a gate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GateRun {
    /// Its record.
    pub id: GovernanceId,
    /// The deployment.
    pub deployment: Name,
    /// The number of the version.
    pub version: u32,
    /// What approvals are bound to: the digest of the gate result.
    pub digest: Digest,
    /// Whether it passed.
    pub is_passed: bool,
    /// The gate result, as `plimsoll gate judge --json` prints it.
    pub result: Value,
    /// Who ran it.
    pub by: PrincipalId,
    /// Their name.
    pub by_name: String,
    /// When.
    pub at: Timestamp,
}

/// Whether a version may answer in a deployment now, and why not.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReleaseStanding {
    /// The deployment.
    pub deployment: Name,
    /// The number of the version.
    pub version: u32,
    /// Its artifact.
    pub artifact: Digest,
    /// The tier of the use as of now; absent if nobody assessed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<String>,
    /// Whether a gate and approvals are asked for.
    pub gate_asked: bool,
    /// Whether it may be released.
    pub is_allowed: bool,
    /// Whether only by breaking the glass.
    pub is_emergency: bool,
    /// Why not, or what an emergency passes over.
    pub reasons: Vec<String>,
    /// The digest of the gate result as judged now, which approvals are bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Digest>,
    /// The gate result as judged now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// People whose approval counts.
    pub approved_by: Vec<String>,
    /// Approvals that do not count, and why.
    pub void: Vec<String>,
    /// How many people the tier asks for.
    pub people: u32,
    /// Roles of which one of them each has to have.
    pub roles: Vec<String>,
}

/// Registers the public key that one's approvals are signed with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegisterApprovalKey {
    /// An Ed25519 public key, 64 hexadecimal digits.
    pub public_key: String,
}

/// A key that approvals are signed with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalKey {
    /// Its record.
    pub id: GovernanceId,
    /// The principal whose key it is.
    pub principal: PrincipalId,
    /// The public key, 64 hexadecimal digits.
    pub public_key: String,
    /// When it was registered.
    pub at: Timestamp,
}

/// What an approver signs to prove, now, who they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ApprovalChallenge {
    /// Its record.
    pub id: GovernanceId,
    /// The text to sign.
    pub text: String,
    /// Until when it can be used, once.
    pub expires_at: Timestamp,
}

/// An approval: signed by the approver's own key, over what `plimsoll gate approve` shows.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRelease {
    /// The number of the version.
    pub version: u32,
    /// Under this contract in place of the deployment's own: consent to a change of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Digest>,
    /// The digest of its artifact.
    pub artifact: Digest,
    /// The digest of the gate result that is consented to.
    pub gate: Digest,
    /// When, in microseconds since 1970: after the challenge, and not in the future.
    pub at_us: u64,
    /// The signature over the approval's text, 128 hexadecimal digits.
    pub signature: String,
    /// The challenge.
    pub challenge: GovernanceId,
    /// The signature over the challenge's text, 128 hexadecimal digits.
    pub challenge_signature: String,
}

/// Asks for an exception: a demand is put off for a time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestException {
    /// The demand, such as `DOC-01`.
    pub check: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The demand that makes up for it meanwhile, and has to pass itself.
    pub compensating: String,
    /// Until when, at most 180 days.
    pub until: Timestamp,
}

/// An exception. It counts once somebody else allowed it, until it ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct GateException {
    /// Its record.
    pub id: GovernanceId,
    /// The demand that it puts off.
    pub check: String,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The demand that makes up for it.
    pub compensating: String,
    /// Who asked for it.
    pub requested_by: String,
    /// Who allowed it, if somebody did.
    pub approved_by: Option<String>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Why it does not count now, if it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objection: Option<String>,
}

/// Breaks the glass: a version may be released past its gate for a while.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlass {
    /// Why.
    pub reason: String,
    /// Until when, at most 72 hours.
    pub until: Timestamp,
}

/// A glass that was broken.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BrokenGlass {
    /// Its record.
    pub id: GovernanceId,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Who looked at it afterwards; while nobody did, gates do not pass.
    pub reviewed_by: Option<String>,
}
