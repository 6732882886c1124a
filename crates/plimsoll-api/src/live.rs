//! What passes a deployment, second by second.

use crate::time::Timestamp;
use plimsoll_types::record::{ResultClass, Route};
use plimsoll_types::{Phase, RefusalCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What passed a deployment within a second. Sent as server-sent events (`data:` holds one).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LiveSecond {
    /// The end of the second.
    pub time: Timestamp,
    /// Completions by version, route and result.
    pub traffic: Vec<LiveTraffic>,
    /// Refusals by phase, reason and field.
    pub refusals: Vec<LiveRefusal>,
    /// Time by phase, for the phases that took any.
    pub phases: Vec<LivePhase>,
    /// From accept to the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<LiveTimes>,
    /// What the model answered: of each row the only number, or the second of two. None if there
    /// were none, or for those who may not read decisions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scores: Option<LiveScores>,
}

/// Completions of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LiveTraffic {
    /// The number of the version; none where none was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// In which part it took them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<Route>,
    /// How they ended.
    pub result: ResultClass,
    /// How many.
    pub count: u64,
}

/// Refusals of one kind.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LiveRefusal {
    /// The phase that refused.
    pub phase: Phase,
    /// Why.
    pub code: RefusalCode,
    /// The field of the contract at fault, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How many.
    pub count: u64,
}

/// What a phase took.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LivePhase {
    /// The phase.
    pub phase: Phase,
    /// What it took.
    #[serde(flatten)]
    pub times: LiveTimes,
}

/// Percentiles of durations in nanoseconds, each to within an eighth.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LiveTimes {
    /// How many durations.
    pub count: u64,
    /// Half took at most so long.
    pub p50: u64,
    /// Of twenty, nineteen took at most so long.
    pub p95: u64,
    /// Of a hundred, all but one.
    pub p99: u64,
}

/// A distribution in cells of equal width. Widths are powers of two, so that the distributions of
/// two seconds can be added.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LiveScores {
    /// Two to this power is the width of a cell.
    pub exponent: i32,
    /// The first cell begins at this many widths.
    pub first: i64,
    /// Numbers by cell.
    pub counts: Vec<u64>,
}
