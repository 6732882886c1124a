//! An experiment: versions that answer shares of the same traffic, and which of them does better.
//! What is declared, what is kept of each unit, and what may be said at any moment. Reads no clock,
//! routes nothing and stores nothing.
//!
//! Everything that is said may be looked at always: intervals are confidence sequences
//! ([`plimsoll_stats::difference`]), the split of units is judged by a sequential test
//! ([`plimsoll_stats::contest`]), and what an arm must not do is judged per answer by the guardrails
//! of a rollout ([`crate::rollout`]). A unit counts once, with its first answer, so that units are
//! independent of one another however often somebody comes back.

mod compare;
mod declared;
mod report;
mod splits;
mod tally;

use crate::watched::Watched;
use serde::{Deserialize, Serialize};

pub use compare::LEAST;
pub use declared::{
    ALPHA, ARMS_MAX, Arm, Definition, DefinitionError, FALSE_STOP, Goal, METRICS_MAX, Metric, Role,
    SLICES_MAX, Source, UNITS_PLANNED, Unit,
};
pub use report::{Advice, Contrast, MeanOf, MetricReport, Report, Says, SliceReport, Split};
pub use tally::{Answer, Request, Tally, UNITS_MAX};

/// An arm while the experiment is under way.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmState {
    /// What its guardrails saw; the control has none.
    pub watched: Option<Watched>,
    /// When and why it was stopped.
    pub stopped: Option<Stopped>,
}

/// The end of an arm: its units get the control.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// When, in microseconds since 1970.
    pub at_us: u64,
    /// Why: a guardrail, a metric, or `person`.
    pub why: String,
}

/// A count as a number; all here are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of arms and comparisons")]
fn float(count: usize) -> f64 {
    count as f64
}
