//! A report of an experiment, as types.

use crate::words::words;
use serde::Serialize;

words! {
    /// What an interval says of an arm beside the control.
    Says {
        Better = "better",
        Worse = "worse",
        Same = "same",
        Unclear = "unclear",
    }
}

words! {
    /// What the numbers suggest. A person decides.
    Advice {
        Ship = "ship",
        Keep = "keep",
        GoOn = "go_on",
        Look = "look",
    }
}

/// What may be said of an experiment now.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Report {
    /// Requests of each arm.
    pub requests: Vec<u64>,
    /// How units are split.
    pub splits: Vec<Split>,
    /// What each metric says.
    pub metrics: Vec<MetricReport>,
    /// What the numbers suggest.
    pub advice: Advice,
    /// Of which arm.
    pub leader: Option<usize>,
    /// Units that came after the most that are kept.
    pub left_out: u64,
}

/// How units are split among the arms, against the declared shares.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Split {
    /// Which units: assigned, answered, or those of which a metric is known.
    pub what: String,
    /// Units of each arm.
    pub counts: Vec<u64>,
    /// How many to 1 the evidence is that it is not the declared one.
    pub evidence: f64,
    /// From how many on it is wrong.
    pub goal: f64,
    /// Whether it is wrong, for good.
    pub is_wrong: bool,
}

/// What a metric says.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MetricReport {
    /// Which, from 0.
    pub metric: usize,
    /// Of each arm.
    pub means: Vec<MeanOf>,
    /// Each arm but the control beside it.
    pub contrasts: Vec<Contrast>,
    /// The same by slices, of the primary metric.
    pub slices: Vec<SliceReport>,
}

/// A metric in one arm.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct MeanOf {
    /// Units of which it is known.
    pub units: usize,
    /// Their mean.
    pub mean: f64,
    /// Their variance.
    pub variance: f64,
}

/// An arm beside the control.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Contrast {
    /// The arm.
    pub arm: usize,
    /// How far it is above the control; `None` before both have enough units.
    pub difference: Option<f64>,
    /// Where the difference is, at any time that one looks.
    pub interval: Option<(f64, f64)>,
    /// The confidence of the interval.
    pub confidence: f64,
    /// The p-value that holds at any time; not of a metric with bounds.
    pub p_value: Option<f64>,
    /// The share of the variance that the covariate leaves.
    pub variance_left: Option<f64>,
    /// What the interval says.
    pub says: Says,
    /// Of a guardrail: whether the arm is worse by more than is put up with.
    pub is_harm: bool,
}

impl Default for Contrast {
    fn default() -> Self {
        Self {
            arm: 0,
            difference: None,
            interval: None,
            confidence: 0.0,
            p_value: None,
            variance_left: None,
            says: Says::Unclear,
            is_harm: false,
        }
    }
}

/// An arm beside the control, in one slice.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SliceReport {
    /// The slice key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// Units of the arm in it.
    pub units: usize,
    /// The comparison.
    pub contrast: Contrast,
    /// Its p-value, corrected for how many slices are looked at.
    pub p_adjusted: f64,
    /// Whether it is a discovery.
    pub is_different: bool,
}
