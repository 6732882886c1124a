//! An experiment as it is declared: arms, metrics, what is assigned, and what no arm may do.

use super::float;
use crate::rollout::{Exposure, Guardrail, Plan, PlanError, Rollout, Step, Weighted};
use crate::watched::Watched;
use crate::words::words;
use plimsoll_types::Time;
use serde::{Deserialize, Serialize};

/// The most arms: what a plan of traffic takes.
pub const ARMS_MAX: usize = 16;
/// The most metrics: each is a number of every unit.
pub const METRICS_MAX: usize = 8;
/// The most slice keys.
pub const SLICES_MAX: usize = 4;
/// All traffic, in the unit of shares: hundredths of a percent.
const WHOLE: u32 = 10_000;
/// The chance that an arm which does no harm is stopped, unless declared.
pub const FALSE_STOP: f64 = 0.01;
/// The chance of seeing a difference where none is, unless declared.
pub const ALPHA: f64 = 0.05;
/// Units about which intervals are narrowest, unless declared.
pub const UNITS_PLANNED: u64 = 10_000;

words! {
    /// What is assigned to an arm, and counts once.
    Unit {
        Subject = "subject",
        Interaction = "interaction",
        Decision = "decision",
    }
}

words! {
    /// What a metric is for.
    Role {
        Primary = "primary",
        Secondary = "secondary",
        Guardrail = "guardrail",
    }
}

words! {
    /// Which way a metric is better.
    Goal {
        Increase = "increase",
        Decrease = "decrease",
    }
}

/// A version that answers a share of the traffic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arm {
    /// What it is called.
    pub name: String,
    /// The number of the version.
    pub version: u32,
    /// Its share, in hundredths of a percent.
    pub share: u16,
}

/// Where a metric's number comes from.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// The outcome of this name: 1 or 0 by `positive`, or the number that it is.
    Outcome {
        /// Which outcome.
        name: String,
        /// Which class is a yes; without it, numbers are taken as they are.
        positive: Option<String>,
    },
    /// A value that is posted for the experiment.
    Value,
    /// The score of the answer.
    Score,
    /// Whether the answer is positive (an approval, an alarm): 1 or 0.
    Positive,
}

impl Source {
    /// Whether the number comes after the answer.
    #[must_use]
    pub fn is_told(&self) -> bool {
        matches!(self, Self::Outcome { .. } | Self::Value)
    }
}

/// What arms are compared by.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// What it is called.
    pub name: String,
    /// Where it comes from.
    pub source: Source,
    /// What it is for; exactly one is primary.
    pub role: Role,
    /// Which way it is better.
    pub goal: Goal,
    /// A number of the request that was so before the unit was assigned, and explains some of it.
    pub covariate: Option<String>,
    /// The least and the greatest that it can be. Then its intervals hold for any number of units.
    pub bounds: Option<(f64, f64)>,
    /// Seconds from the answer until it is known for good; younger answers do not count yet.
    pub settles_after_s: u64,
    /// Of a guardrail: how much worse is put up with.
    pub margin: f64,
}

/// An experiment as it was declared.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// The arms, the control first.
    pub arms: Vec<Arm>,
    /// What is assigned.
    pub unit: Unit,
    /// What arms are compared by.
    pub metrics: Vec<Metric>,
    /// Keys whose values are looked at each for itself.
    pub slices: Vec<String>,
    /// The chance that any arm is said to differ in a metric from the control that does not.
    pub alpha: f64,
    /// The least difference in the primary metric that matters; within it, arms are the same.
    pub minimum_effect: Option<f64>,
    /// Units about which intervals are narrowest.
    pub units_planned: u64,
    /// What is judged of every answer.
    pub guardrails: Vec<Weighted>,
    /// The chance that any arm is stopped that does no harm.
    pub false_stop: f64,
}

/// Why a definition is none.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum DefinitionError {
    /// Too few or too many arms, or two of the same name or version.
    #[error("an experiment has 2 to {ARMS_MAX} arms, each with a name and a version of its own")]
    Arms,
    /// Shares do not fit.
    #[error("each arm has at least 0.01 % of the traffic, and all together at most 100 %")]
    Shares,
    /// Metrics are missing, or too many, or called the same.
    #[error("an experiment has 1 to {METRICS_MAX} metrics with names of their own; one is primary")]
    Metrics,
    /// A number of a metric is out of range.
    #[error("the metric number {0} has a number out of range")]
    Metric(usize),
    /// Too many slice keys.
    #[error("an experiment has at most {SLICES_MAX} slice keys, each once")]
    Slices,
    /// A chance or the planned units are out of range.
    #[error("chances are above 0 and at most 0.5, and at least 2 units are planned")]
    Number,
    /// A guardrail that compares the same inputs.
    #[error("a guardrail `score` compares the same inputs, which arms do not get")]
    Score,
    /// The guardrails are none.
    #[error(transparent)]
    Guardrails(#[from] PlanError),
}

impl Definition {
    /// Checks that it is one.
    ///
    /// # Errors
    /// [`DefinitionError`] with what is wrong first.
    pub fn check(&self) -> Result<(), DefinitionError> {
        let distinct = |names: Vec<&str>| {
            let mut sorted = names.clone();
            sorted.sort_unstable();
            sorted.dedup();
            sorted.len() == names.len() && names.iter().all(|name| !name.is_empty())
        };
        let mut versions: Vec<u32> = self.arms.iter().map(|arm| arm.version).collect();
        versions.sort_unstable();
        versions.dedup();
        let has_names = distinct(self.arms.iter().map(|arm| arm.name.as_str()).collect());
        if !(2..=ARMS_MAX).contains(&self.arms.len())
            || versions.len() != self.arms.len()
            || !has_names
        {
            return Err(DefinitionError::Arms);
        }
        let all: u32 = self.arms.iter().map(|arm| u32::from(arm.share)).sum();
        if self.arms.iter().any(|arm| arm.share == 0) || all > WHOLE {
            return Err(DefinitionError::Shares);
        }
        let primaries = self.metrics.iter().filter(|metric| metric.role == Role::Primary).count();
        let has_names = distinct(self.metrics.iter().map(|metric| metric.name.as_str()).collect());
        if self.metrics.len() > METRICS_MAX || primaries != 1 || !has_names {
            return Err(DefinitionError::Metrics);
        }
        let is_right = |metric: &Metric| {
            let has_bounds = metric.bounds.is_none_or(|(low, high)| {
                low < high && (high - low).is_finite() && metric.covariate.is_none()
            });
            has_bounds && metric.margin >= 0.0 && metric.margin.is_finite()
        };
        if let Some(place) = self.metrics.iter().position(|metric| !is_right(metric)) {
            return Err(DefinitionError::Metric(place));
        }
        if self.slices.len() > SLICES_MAX
            || !distinct(self.slices.iter().map(String::as_str).collect())
        {
            return Err(DefinitionError::Slices);
        }
        let is_chance = |chance: f64| chance > 0.0 && chance <= 0.5;
        let is_effect = self.minimum_effect.is_none_or(|effect| effect > 0.0 && effect.is_finite());
        if !is_chance(self.alpha)
            || !is_chance(self.false_stop)
            || self.units_planned < 2
            || !is_effect
        {
            return Err(DefinitionError::Number);
        }
        let is_score = |weighted: &Weighted| matches!(weighted.guardrail, Guardrail::Score { .. });
        if self.guardrails.iter().any(is_score) {
            return Err(DefinitionError::Score);
        }
        self.watches(Time::EPOCH).map(drop)
    }

    /// The guardrails that are judged unless others are declared: what no arm may do whatever it
    /// is tried for. Half of the chance of a false stop is on errors.
    #[must_use]
    pub fn usual_guardrails() -> Vec<Weighted> {
        let weighted = |guardrail, weight| Weighted { guardrail, weight };
        vec![
            weighted(Guardrail::Errors, 5.0),
            weighted(Guardrail::Refusals, 2.5),
            weighted(Guardrail::Latency { quantile: 0.95, tolerance: 1.25 }, 2.5),
        ]
    }

    /// What watches each arm but the control, from `now` on: a rollout that never takes a step, and
    /// ends where a guardrail says so.
    ///
    /// # Errors
    /// If the guardrails are none.
    pub fn watches(&self, now: Time) -> Result<Vec<Option<Watched>>, DefinitionError> {
        let Some((control, others)) = self.arms.split_first() else { return Ok(Vec::new()) };
        let mut watches = vec![None];
        for arm in others {
            let both = u32::from(arm.share) + u32::from(control.share);
            let share = (WHOLE * u32::from(arm.share) / both.max(1)).clamp(1, WHOLE - 1);
            let plan = Plan {
                steps: vec![Step {
                    outcomes_min: 0,
                    exposure: Exposure::Share(u16::try_from(share).unwrap_or(u16::MAX)),
                    requests_min: 1,
                    seconds_min: 0,
                    seconds_max: u64::MAX,
                }],
                guardrails: self.guardrails.clone(),
                false_rollback: self.stop_alpha(),
            };
            watches.push(Some(Watched::new(Rollout::begin(plan, now)?)));
        }
        Ok(watches)
    }

    /// The chance of a false stop that one arm has, from guardrails of answers or of metrics.
    fn stop_alpha(&self) -> f64 {
        let parts = if self.guard_metrics() > 0 { 2 } else { 1 };
        self.false_stop / float(self.others() * parts)
    }

    fn guard_metrics(&self) -> usize {
        self.metrics.iter().filter(|metric| metric.role == Role::Guardrail).count()
    }

    fn others(&self) -> usize {
        self.arms.len().saturating_sub(1).max(1)
    }

    /// The chance of error that one comparison of a metric has.
    pub(super) fn alpha_of(&self, metric: &Metric) -> f64 {
        match metric.role {
            Role::Primary | Role::Secondary => self.alpha / float(self.others()),
            Role::Guardrail => self.stop_alpha() / float(self.guard_metrics().max(1)),
        }
    }
}
