//! Experiments: versions that answer shares of the same traffic, and which of them does better.

use crate::rollout::{RolloutChange, RolloutGuardrail};
use crate::time::Timestamp;
use crate::words::{
    ExperimentAdvice, ExperimentPhase, ExperimentUnit, MetricGoal, MetricKind, MetricRole,
    MetricSays,
};
use plimsoll_types::{DecisionId, ExperimentId, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An experiment to be started.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartExperiment {
    /// The arms, 2 to 16. The first is the control: the version that answers now.
    pub arms: Vec<ExperimentArm>,
    /// What is assigned to an arm and counts once; `subject` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<ExperimentUnit>,
    /// What arms are compared by, 1 to 8; exactly one is primary.
    pub metrics: Vec<ExperimentMetric>,
    /// Slice keys of the contract by whose values the primary metric is looked at, at most 4.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<String>,
    /// The chance that any arm is said to differ in a metric that does not; 0.05 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// The least difference in the primary metric that matters: arms whose interval lies within it
    /// are the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_effect: Option<f64>,
    /// Units about which intervals are narrowest, such as `plimsoll experiment plan` says; 10,000
    /// unless told. Intervals hold at every number of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub units: Option<u64>,
    /// What stops an arm at once, judged per answer; errors, refusals and latency unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Vec<RolloutGuardrail>>,
    /// The chance that any arm is stopped that does no harm; 0.01 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_stop: Option<f64>,
    /// Which of a row's outputs is the score, from 0; the last unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_output: Option<u32>,
    /// From which score on an answer is positive (an approval, an alarm); 0.5 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_from: Option<f64>,
}

/// A version that answers a share of the traffic.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentArm {
    /// What it is called.
    pub name: String,
    /// The number of the version.
    pub version: u32,
    /// The percentage of units that get it, to a hundredth. What no arm gets takes no part.
    pub percent: f64,
}

/// What arms are compared by.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentMetric {
    /// What it is called; the name of the values that are posted for it.
    pub name: String,
    /// Where its number comes from.
    pub kind: MetricKind,
    /// What it is for; `secondary` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<MetricRole>,
    /// Which way it is better; `increase` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<MetricGoal>,
    /// Of an outcome: which one; `outcome` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Of an outcome: the class that counts as 1, all others as 0. Without it, numbers count as
    /// they are, and `1`, `true` and `yes` as 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// A number of the request that was so before the unit was assigned; what it explains is taken
    /// out (CUPED).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub covariate: Option<String>,
    /// The least that it can be, with `most`: then intervals hold for any number of units, and are
    /// wider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The greatest that it can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
    /// Seconds from an answer until its number is known for good; younger answers do not count
    /// yet. 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settles_after_seconds: Option<u64>,
    /// Of a guardrail: how much worse is put up with. An arm whose whole interval is worse than
    /// that is stopped. 0 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

/// An experiment and where it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Experiment {
    /// Its id, which records of its requests name as the key of their assignment.
    pub id: ExperimentId,
    /// The deployment.
    pub deployment: Name,
    /// Where it stands.
    pub phase: ExperimentPhase,
    /// What was declared.
    pub definition: StartExperiment,
    /// The arms that were stopped.
    pub stopped: Vec<StoppedArm>,
    /// Who started it.
    pub started_by: PrincipalId,
    /// When.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// What happened to it, oldest first; not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<RolloutChange>,
}

/// An arm that was stopped: its units get the control.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct StoppedArm {
    /// The arm.
    pub arm: String,
    /// When.
    pub at: Timestamp,
    /// A guardrail, a metric, or `person`.
    pub why: String,
}

/// An arm to be stopped.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StopArm {
    /// The arm; not the control.
    pub arm: String,
    /// Why.
    pub reason: String,
}

/// The end of an experiment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConcludeExperiment {
    /// The arm whose version answers everybody from now on; without it, the control goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ship: Option<String>,
    /// Why.
    pub reason: String,
}

/// Values to be posted for metrics of kind `value`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostExperimentValues {
    /// The values, 1 to 65,536.
    pub values: Vec<ExperimentValue>,
}

/// What a decision of an experiment was worth.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentValue {
    /// The decision.
    pub decision: DecisionId,
    /// The metric.
    pub metric: String,
    /// The number.
    pub value: f64,
    /// The system it comes from; the caller's id as a principal unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The source's own id of it: the same one is recorded once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

/// What may be said of an experiment now. It may be looked at always.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ExperimentReport {
    /// The experiment.
    pub experiment: ExperimentId,
    /// As of when.
    pub at: Timestamp,
    /// The place in the ledger up to which records were read.
    pub read_to: u64,
    /// Whether all were read; else ask again, and reading goes on.
    pub is_complete: bool,
    /// The arms, the control first.
    pub arms: Vec<ReportedArm>,
    /// How units are split among the arms.
    pub splits: Vec<ReportedSplit>,
    /// What each metric says.
    pub metrics: Vec<ReportedMetric>,
    /// What the numbers suggest; a person decides.
    pub advice: ExperimentAdvice,
    /// Of which arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leader: Option<String>,
    /// Records whose arm is not the one that their unit is assigned by the key: 0, or something is
    /// wrong.
    pub misassigned: u64,
    /// Units beyond the first million, which count in splits alone.
    pub left_out: u64,
    /// How the primary metric's intervals went while records came in, oldest first: what a report
    /// at that place of the ledger would have said. The last is what this one says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<ReportedPoint>,
}

/// What the primary metric said at one place of the ledger.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedPoint {
    /// When.
    pub at: Timestamp,
    /// Units of all arms of which it was known.
    pub units: u64,
    /// The intervals of the arms that had units enough.
    pub intervals: Vec<ReportedInterval>,
}

/// How far an arm was above the control.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedInterval {
    /// The arm.
    pub arm: String,
    /// How far it was above the control.
    pub difference: f64,
    /// Where the difference was at least.
    pub lower: f64,
    /// Where it was at most.
    pub upper: f64,
}

/// An arm in a report.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedArm {
    /// The arm.
    pub arm: String,
    /// The version.
    pub version: u32,
    /// The percentage that it gets.
    pub percent: f64,
    /// Requests that were assigned to it.
    pub requests: u64,
    /// Why it was stopped, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// How units are split, against the declared shares.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedSplit {
    /// Which units: `assigned`, `answered`, or the metric that is known of them.
    pub what: String,
    /// Units of each arm.
    pub units: Vec<u64>,
    /// How many to 1 the evidence is that the split is wrong.
    pub evidence: f64,
    /// From how many on it is.
    pub goal: f64,
    /// Whether it is wrong: then a comparison of the arms may be, too.
    pub is_wrong: bool,
}

/// What a metric says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedMetric {
    /// The metric.
    pub name: String,
    /// What it is for.
    pub role: MetricRole,
    /// Of each arm.
    pub arms: Vec<ReportedMean>,
    /// Each arm beside the control.
    pub contrasts: Vec<ReportedContrast>,
    /// The same by slices, of the primary metric.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<ReportedSlice>,
}

/// A metric in one arm.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedMean {
    /// The arm.
    pub arm: String,
    /// Units of which it is known.
    pub units: u64,
    /// Their mean; absent of fewer than a hundred.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Their standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
}

/// An arm beside the control.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedContrast {
    /// The arm.
    pub arm: String,
    /// How far it is above the control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<f64>,
    /// Where the difference is at least, at any time that one looks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// Where it is at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
    /// The confidence of that.
    pub confidence: f64,
    /// The p-value, which holds at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// The share of the variance that the covariate leaves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance_left: Option<f64>,
    /// What the interval says.
    pub says: MetricSays,
    /// Of a guardrail: whether the arm is worse by more than is put up with.
    pub is_harm: bool,
}

/// An arm beside the control in one slice.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReportedSlice {
    /// The slice key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Units of the arm in it.
    pub units: u64,
    /// The comparison; its interval holds together with those of all other slices.
    pub contrast: ReportedContrast,
    /// Its p-value, corrected for how many slices are looked at.
    pub p_adjusted: f64,
    /// Whether the arm differs in it.
    pub is_different: bool,
}
