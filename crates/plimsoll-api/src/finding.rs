//! Findings: what is wrong with a deployment, who sees to it, and when nobody is told.

use crate::time::Timestamp;
use crate::words::{FindingKind, FindingSeverity, FindingState};
use plimsoll_types::{DeploymentId, FindingId, Name, PrincipalId, SilenceId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Something that is wrong with a deployment, however often it is seen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// Its id.
    pub id: FindingId,
    /// Of which deployment.
    pub deployment: Name,
    /// That deployment's id.
    pub deployment_id: DeploymentId,
    /// What kind of thing is wrong.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: FindingSeverity,
    /// Where it stands.
    pub state: FindingState,
    /// What it is about: a feature, a metric, a guardrail.
    pub about: String,
    /// The part of the population; all of it if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// What was seen last, in one sentence.
    pub text: String,
    /// The numbers that decided; units are in the names.
    pub numbers: BTreeMap<String, f64>,
    /// The version it was last seen with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Who answers for the deployment.
    pub owner: String,
    /// Who sees to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<String>,
    /// How often it was seen, ever.
    pub occurrences: u64,
    /// How often it opened: once, and with each return.
    pub openings: u64,
    /// When what it was seen in last began.
    pub since: Timestamp,
    /// And ended.
    pub until: Timestamp,
    /// When it opened, this time.
    pub opened_at: Timestamp,
    /// When it was last seen.
    pub seen_at: Timestamp,
    /// When it is to be seen to.
    pub due_at: Timestamp,
    /// Whether it is past that, and not resolved.
    pub is_overdue: bool,
    /// What to do about it.
    pub runbook: String,
    /// Nobody is told before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snoozed_until: Option<Timestamp>,
    /// Who acknowledged, snoozed or resolved it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<PrincipalId>,
    /// That principal's name, if there still is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by_name: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether telling of it waits: for the budget, or for the end of a silence.
    pub is_held: bool,
}

/// Which findings are wanted.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingFilter {
    /// Of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Name>,
    /// In this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<FindingState>,
    /// Of this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FindingKind>,
    /// Of this severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<FindingSeverity>,
    /// That this one sees to; or, as long as nobody does, that this one's deployment has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Opened, this time, before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_before: Option<Timestamp>,
    /// Whether it is past its due time, and not resolved; true only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_overdue: Option<bool>,
    /// At most this many items, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// Reports what a person or another tool saw. What is seen again is the same finding.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportFinding {
    /// Of which deployment.
    pub deployment: Name,
    /// What kind of thing is wrong.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: FindingSeverity,
    /// What it is about: a feature, a metric. Never a value of a caller.
    pub about: String,
    /// The part of the population; all of it unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// What was seen, in one sentence.
    pub text: String,
    /// The numbers that decided; units are in the names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
    /// The version that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Since when; now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}

/// Says that somebody sees to a finding.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AcknowledgeFinding {
    /// What was seen so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Gives a finding to somebody.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignFinding {
    /// To whom: a principal's name, a team, a mailbox.
    pub to: String,
}

/// Lets nobody be told of a finding for some time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeFinding {
    /// Until when; at most 90 days from now.
    pub until: Timestamp,
    /// Why.
    pub reason: String,
}

/// Says that a finding is over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveFinding {
    /// What was done, or why nothing had to be.
    pub reason: String,
}

/// Makes a time in which nobody is told of some findings. They are recorded all the same, and
/// told together when it ends.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSilence {
    /// Of this deployment; every one unless told, which takes leave to change the server's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Name>,
    /// Of this kind; every kind unless told. `security` is silenced by its name only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FindingKind>,
    /// The worst that is silenced; `warning` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<FindingSeverity>,
    /// When it begins; now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it ends; at most 30 days after its begin.
    pub ends_at: Timestamp,
    /// After how many hours it comes again: 24 for each day, 168 for each week.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_hours: Option<u32>,
    /// After when it begins no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

/// A time in which nobody is told of some findings.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Silence {
    /// Its id.
    pub id: SilenceId,
    /// Of this deployment; every one if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<Name>,
    /// Of this kind; every kind but `security` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FindingKind>,
    /// The worst that is silenced.
    pub severity: FindingSeverity,
    /// When it begins for the first time.
    pub starts_at: Timestamp,
    /// When it ends for the first time.
    pub ends_at: Timestamp,
    /// After how many hours it comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_hours: Option<u32>,
    /// After when it begins no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<Timestamp>,
    /// Whether it holds now.
    pub is_active: bool,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub created_by: PrincipalId,
    /// When.
    pub created_at: Timestamp,
}

/// How a deployment's findings are told of. What is left out is as it is unless told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Alerting {
    /// Alerts below `critical` in 30 days, 0 to 1000; 1 unless told. What is over it waits, and
    /// is told together with the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<u32>,
    /// Days until a finding of this severity is due, 1 to 365; 1, 14 and 30 from `critical`
    /// down unless told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub due_days: BTreeMap<FindingSeverity, u32>,
    /// What to do about findings of this kind: a link.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub runbooks: BTreeMap<FindingKind, String>,
}
