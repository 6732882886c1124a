//! Rollouts: a version tried under traffic, and what was seen of it.

use crate::time::Timestamp;
use crate::words::{GuardrailKind, RolloutPhase};
use plimsoll_types::{Name, PrincipalId, RolloutId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A version to be tried.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StartRollout {
    /// The number of the version.
    pub version: u32,
    /// How much of the traffic it gets, in steps; shadow, 1 %, 5 %, 25 % unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Vec<RolloutStep>>,
    /// What must not get worse; errors, refusals, latency, score and mix unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guardrails: Option<Vec<RolloutGuardrail>>,
    /// What must not get worse either, beside those.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<RolloutGuardrail>,
    /// The chance that a version that is no worse is rolled back; 0.01 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub false_rollback: Option<f64>,
    /// Which of a row's outputs is the score, from 0; the last unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score_output: Option<u32>,
    /// From which score on an answer is positive (an approval, an alarm); 0.5 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive_from: Option<f64>,
}

/// A step of a rollout.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutStep {
    /// The percentage of requests that the candidate answers; 0 is shadow: it is asked beside the
    /// incumbent and answers nobody.
    pub percent: f64,
    /// Its answers, or pairs, that the step needs at least.
    pub requests_min: u64,
    /// The seconds that it needs at least.
    pub seconds_min: u64,
    /// The seconds after which it is inconclusive; a week unless told.
    #[serde(default = "week")]
    pub seconds_max: u64,
    /// The candidate's answers whose outcome is known that it needs at least, since the rollout
    /// began; none unless told.
    #[serde(default, skip_serializing_if = "is_none")]
    pub outcomes_min: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

fn week() -> u64 {
    7 * 24 * 3600
}

/// What must not get worse.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutGuardrail {
    /// What is compared.
    pub kind: GuardrailKind,
    /// Its part of the chance of a false rollback, relative to the others; 1 unless told.
    #[serde(default = "one")]
    pub weight: f64,
    /// Of latency: where; 0.95 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
    /// Of latency: how many times as long is put up with; 1.25 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// Of score (in the incumbent's spreads; 0.1 unless told) and mix (a share; 0.05 unless told):
    /// what is put up with, either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Of mix: a slice key of the contract, so that only one group of persons is looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The group: the value of that key. It comes with `by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Of outcomes: the name of the outcome; `outcome` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Of outcomes: which value is positive; 1, true and yes unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
}

fn one() -> f64 {
    1.0
}

/// A rollout and where it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Rollout {
    /// Its id, which records of its requests name.
    pub id: RolloutId,
    /// The deployment.
    pub deployment: Name,
    /// The version that answers.
    pub incumbent: u32,
    /// The version that is tried.
    pub candidate: u32,
    /// Where it stands.
    pub phase: RolloutPhase,
    /// The step it is in, from 1.
    pub step: u32,
    /// Its steps.
    pub steps: Vec<RolloutStep>,
    /// The percentage of requests that the candidate answers now.
    pub percent: f64,
    /// The candidate's answers to callers so far.
    pub candidates: u64,
    /// Pairs of answers to the same inputs so far.
    pub pairs: u64,
    /// The candidate's answers, or pairs, in this step.
    pub in_step: u64,
    /// The candidate's answers whose outcome is known, so far.
    #[serde(default)]
    pub outcomes: u64,
    /// The incumbent's, meanwhile.
    #[serde(default)]
    pub incumbent_outcomes: u64,
    /// Pairs that were not compared since the process began, as too many waited.
    pub dropped: u64,
    /// The share of pairs that agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// How much higher the candidate scores on the same inputs, on average.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_shift: Option<f64>,
    /// The share of pairs with the same heaviest reason, where answers are explained inline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_agreement: Option<f64>,
    /// How far apart the two mixes of heaviest reasons are, from 0 to 1 (total variation).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_shift: Option<f64>,
    /// How often each code was the heaviest reason of a pair.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<RolloutReason>,
    /// What each guardrail says.
    pub evidence: Vec<RolloutEvidence>,
    /// Why it ended, or does not go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether it only shows that going back works.
    pub is_drill: bool,
    /// Who started it.
    pub started_by: PrincipalId,
    /// When.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// How the evidence came to be, thinned evenly; not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<RolloutPoint>,
    /// What happened to it, oldest first; not in lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<RolloutChange>,
}

/// What a guardrail says.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RolloutEvidence {
    /// The guardrail.
    pub guardrail: String,
    /// How many to 1 the evidence against the candidate is, now.
    pub wealth: f64,
    /// The most that it was.
    pub most: f64,
    /// From how many on it is rolled back.
    pub goal: f64,
    /// Why it can say nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// How often a reason was the heaviest of an answer, in pairs of answers to the same inputs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RolloutReason {
    /// Its code in the explain profile; `no reason` counts answers without one.
    pub code: String,
    /// Of the incumbent.
    pub incumbent: u64,
    /// Of the candidate.
    pub candidate: u64,
}

/// What guardrails said after so many answers of the candidate.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RolloutPoint {
    /// The candidate's answers and pairs until then.
    pub seen: u64,
    /// The step it was in, from 1.
    pub step: u32,
    /// Of each guardrail, in the order of `evidence`: the decimal logarithm of how many to 1 the
    /// evidence against the candidate was; it is rolled back from that of `goal` on.
    pub log10: Vec<f32>,
}

/// What happened to a rollout.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RolloutChange {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// Who; absent for the server itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<PrincipalId>,
    /// The numbers that decided.
    pub facts: Value,
}

/// Why something is done, for those who read the event.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// The reason; at most 2,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How long a drill tries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DrillRollback {
    /// The requests that go the way that is then closed, at least; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u32>,
}

/// What a drill showed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct RollbackDrill {
    /// The rollout of the drill.
    pub rollout: RolloutId,
    /// The version that answered all the time.
    pub version: u32,
    /// Requests that went the way that was then closed; 0 without traffic.
    pub requests: u64,
    /// From the decision until no request was on that way any more, in microseconds.
    pub took_us: u64,
}
