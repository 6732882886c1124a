//! What people say about decisions.

use crate::decision::DecisionSummary;
use crate::time::Timestamp;
use crate::words::{ReviewMode, ReviewState, ReviewWhy};
use plimsoll_types::record::Verdict;
use plimsoll_types::{DecisionId, EventId, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which of a deployment's answers a person looks at.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Which of them.
    pub mode: ReviewMode,
    /// For `sampled`: the share, above 0 and at most 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
}

/// Accepts or overrides a decision.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewDecision {
    /// `accepted` or `overridden`.
    pub verdict: Verdict,
    /// Why; needed to override.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The outcome that takes the place of the model's: as many numbers, in the same order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Vec<f64>>,
}

/// Contests a decision, so that a person looks at it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContestDecision {
    /// What the subject says.
    pub reason: String,
}

/// Which cases the queue shows; oldest decision first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewFilter {
    /// Only those in this state; `waiting` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ReviewState>,
    /// At most this many, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<DecisionId>,
}

/// A decision that a person looks at, or has looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReviewCase {
    /// The decision.
    pub decision: DecisionSummary,
    /// Why a person looks at it.
    pub why: ReviewWhy,
    /// Where it stands.
    pub state: ReviewState,
    /// When it was last contested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contested_at: Option<Timestamp>,
    /// When it was last reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_at: Option<Timestamp>,
    /// Who reviewed it last, if there still is a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewer_name: Option<String>,
}

/// A case with what was said, oldest first, for those who may read the decision's body.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReviewHistory {
    /// The case.
    pub case: ReviewCase,
    /// What was said; absent for who may not read the decision's body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Vec<ReviewRecord>>,
}

/// What one person said about a decision.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReviewRecord {
    /// The id of the record.
    pub id: EventId,
    /// Its index in the ledger.
    pub index: u64,
    /// When.
    pub time: Timestamp,
    /// What they said.
    pub verdict: Verdict,
    /// Who said it, or passed it on.
    pub principal: PrincipalId,
    /// That principal's name, if there still is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// Why.
    pub reason: String,
    /// The outcome before.
    pub before: Vec<f64>,
    /// The outcome after, if it is another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Vec<f64>>,
}

/// Which decisions a summary is about.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewWindow {
    /// Only those of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Only decisions made at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only decisions made before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// How much people looked at, and what it changed.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReviewSummary {
    /// One per deployment that the caller may see decisions of.
    pub deployments: Vec<DeploymentReviews>,
}

/// The reviews of one deployment's decisions in a window.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentReviews {
    /// The deployment's name.
    pub deployment: String,
    /// Answered decisions in the hours of the window, counted while any deployment asks for
    /// reviews; absent if none were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decisions: Option<u64>,
    /// Decisions that a person was asked to look at, or looked at unasked.
    pub asked: u64,
    /// Of these, reviewed.
    pub reviewed: u64,
    /// Of these, waiting.
    pub waiting: u64,
    /// Reviewed, and the outcome stood.
    pub accepted: u64,
    /// Reviewed, and another outcome took its place.
    pub overridden: u64,
    /// Contested.
    pub contested: u64,
    /// Reviewed among all decisions, if those were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reviewed_share: Option<f64>,
    /// Overridden among the reviewed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub override_rate: Option<f64>,
    /// Median time from decision (or contest) to review, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub median_seconds: Option<f64>,
    /// The longest such time, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_seconds: Option<f64>,
    /// Age of the oldest decision that waits, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oldest_waiting_seconds: Option<f64>,
}
