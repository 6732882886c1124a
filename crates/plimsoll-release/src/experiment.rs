//! An experiment: versions that answer shares of the same traffic, and which of them does better.
//! What is declared, what is kept of each unit, and what may be said at any moment. Reads no clock,
//! routes nothing and stores nothing.
//!
//! Everything that is said may be looked at always: intervals are confidence sequences
//! ([`plimsoll_stats::difference`]), the split of units is judged by a sequential test
//! ([`plimsoll_stats::contest`]), and what an arm must not do is judged per answer by the guardrails
//! of a rollout ([`crate::rollout`]). A unit counts once, with its first answer, so that units are
//! independent of one another however often somebody comes back.

use crate::rollout::{Exposure, Guardrail, Plan, PlanError, Rollout, Step, Weighted};
use crate::watched::Watched;
use crate::words::words;
use plimsoll_stats::contest::{SPLIT_PRIOR, SplitContest};
use plimsoll_stats::difference::{BoundedDifference, Difference, Group, Mixture};
use plimsoll_stats::discovery::Correction;
use plimsoll_types::Time;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

/// The most arms: what a plan of traffic takes.
pub const ARMS_MAX: usize = 16;
/// The most metrics: each is a number of every unit.
pub const METRICS_MAX: usize = 8;
/// The most slice keys.
pub const SLICES_MAX: usize = 4;
/// Values of a slice key that are told apart; further ones count in no slice.
const SLICE_VALUES_MAX: usize = 50;
/// Units that are kept; those that come later count in splits alone. Each takes about 300 bytes.
pub const UNITS_MAX: usize = 1_000_000;
/// Units of an arm below which nothing is said of it: the intervals hold for many units, and
/// figures of few could point to persons.
pub const LEAST: usize = 100;
/// The chance that a sound split is called unsound, as in a rollout.
const SPLIT_ALPHA: f64 = 0.001;
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
    fn alpha_of(&self, metric: &Metric) -> f64 {
        match metric.role {
            Role::Primary | Role::Secondary => self.alpha / float(self.others()),
            Role::Guardrail => self.stop_alpha() / float(self.guard_metrics().max(1)),
        }
    }
}

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

/// A request that was assigned to an arm.
#[derive(Clone, PartialEq, Debug)]
pub struct Request<'a> {
    /// Whom or what it was assigned by, as a digest.
    pub unit: [u8; 16],
    /// The arm.
    pub arm: usize,
    /// The decision.
    pub decision: [u8; 16],
    /// When.
    pub time: Time,
    /// What the arm answered; `None` if it did not.
    pub answer: Option<Answer<'a>>,
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer<'a> {
    /// The score.
    pub score: f64,
    /// Whether it is positive.
    pub is_positive: bool,
    /// The covariate of each metric; NaN where there is none.
    pub covariates: Vec<f64>,
    /// The value of each slice key.
    pub slices: Vec<Option<Cow<'a, str>>>,
}

/// A unit, by its first answer.
#[derive(Clone, Debug)]
struct Seen {
    arm: u8,
    is_answered: bool,
    time: Time,
    /// A number for each metric, then a covariate for each; NaN where it is not known.
    numbers: Box<[f64]>,
    /// A place in the values of each slice key.
    slices: Box<[u16]>,
}

/// How units are split among arms.
#[derive(Clone, Debug)]
struct Splits {
    /// The arms that take traffic, and the test of how it is split.
    arms: Vec<usize>,
    contest: Option<SplitContest>,
    counts: Vec<u64>,
}

impl Splits {
    fn new(definition: &Definition) -> Self {
        let mut splits = Self {
            arms: (0..definition.arms.len()).collect(),
            contest: None,
            counts: vec![0; definition.arms.len()],
        };
        splits.plan(definition);
        splits
    }

    /// The shares that the arms have which take traffic.
    fn plan(&mut self, definition: &Definition) {
        let of = |arm: &usize| definition.arms.get(*arm).map_or(0.0, |arm| f64::from(arm.share));
        let all: f64 = self.arms.iter().map(of).sum();
        let shares: Vec<f64> = self.arms.iter().map(|arm| of(arm) / all).collect();
        match &mut self.contest {
            Some(contest) => {
                contest.plan(&shares);
            }
            None => self.contest = SplitContest::new(&shares, SPLIT_PRIOR, SPLIT_ALPHA),
        }
    }

    fn stop(&mut self, arm: usize, definition: &Definition) {
        self.arms.retain(|one| *one != arm);
        self.plan(definition);
    }

    fn see(&mut self, arm: usize) {
        self.counts.iter_mut().skip(arm).take(1).for_each(|count| *count += 1);
        let place = self.arms.iter().position(|one| *one == arm);
        // Of one arm that is left there is nothing to compare.
        if let (Some(contest), Some(place), true) = (&mut self.contest, place, self.arms.len() > 1)
        {
            contest.see(place);
        }
    }

    fn shown(&self, what: &str) -> Split {
        let contest = self.contest.as_ref();
        Split {
            what: what.to_owned(),
            counts: self.counts.clone(),
            evidence: contest.map_or(0.0, SplitContest::log_evidence).exp(),
            goal: 1.0 / SPLIT_ALPHA,
            is_wrong: contest.is_some_and(SplitContest::is_rejected),
        }
    }
}

/// What is known of an experiment's units, from its records in the order of the ledger. Reading
/// them again gives the same.
#[derive(Clone, Debug)]
pub struct Tally {
    definition: Definition,
    units: HashMap<[u8; 16], usize>,
    seen: Vec<Seen>,
    /// The decision that counts of each unit.
    decisions: HashMap<[u8; 16], usize>,
    requests: Vec<u64>,
    assigned: Splits,
    answered: Splits,
    /// Of each metric that is told afterwards.
    known: Vec<Option<Splits>>,
    slice_values: Vec<HashMap<String, u16>>,
    left_out: u64,
}

impl Tally {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(definition: Definition) -> Self {
        let splits = Splits::new(&definition);
        let known = |metric: &Metric| metric.source.is_told().then(|| splits.clone());
        Self {
            known: definition.metrics.iter().map(known).collect(),
            slice_values: vec![HashMap::new(); definition.slices.len()],
            requests: vec![0; definition.arms.len()],
            units: HashMap::new(),
            seen: Vec::new(),
            decisions: HashMap::new(),
            assigned: splits.clone(),
            answered: splits,
            left_out: 0,
            definition,
        }
    }

    /// The experiment.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// An arm was stopped: from here on, units are split among the others.
    pub fn stop(&mut self, arm: usize) {
        let definition = &self.definition;
        self.assigned.stop(arm, definition);
        self.answered.stop(arm, definition);
        self.known.iter_mut().flatten().for_each(|splits| splits.stop(arm, definition));
    }

    /// Sees a request that was assigned to an arm.
    pub fn request(&mut self, request: &Request<'_>) {
        let Some(count) = self.requests.get_mut(request.arm) else { return };
        *count += 1;
        let place = match self.units.get(&request.unit) {
            Some(place) => *place,
            None => {
                self.assigned.see(request.arm);
                if self.seen.len() >= UNITS_MAX {
                    self.left_out += 1;
                    return;
                }
                self.units.insert(request.unit, self.seen.len());
                self.seen.push(Seen {
                    arm: u8::try_from(request.arm).unwrap_or(u8::MAX),
                    is_answered: false,
                    time: request.time,
                    numbers: Box::default(),
                    slices: Box::default(),
                });
                self.seen.len() - 1
            }
        };
        let Some(answer) = &request.answer else { return };
        let slices = self.slices(&answer.slices);
        let Some(seen) = self.seen.get_mut(place) else { return };
        if seen.is_answered || usize::from(seen.arm) != request.arm {
            return;
        }
        self.answered.see(request.arm);
        let number = |metric: &Metric| match metric.source {
            Source::Outcome { .. } | Source::Value => f64::NAN,
            Source::Score => answer.score,
            Source::Positive => f64::from(u8::from(answer.is_positive)),
        };
        let numbers = self.definition.metrics.iter().map(number);
        let covariates = (0..self.definition.metrics.len())
            .map(|metric| answer.covariates.get(metric).copied().unwrap_or(f64::NAN));
        seen.numbers = numbers.chain(covariates).collect();
        (seen.slices, seen.time, seen.is_answered) = (slices, request.time, true);
        self.decisions.insert(request.decision, place);
    }

    fn slices(&mut self, values: &[Option<Cow<'_, str>>]) -> Box<[u16]> {
        let place = |(known, value): (&mut HashMap<String, u16>, &Option<Cow<'_, str>>)| {
            let value = &**value.as_ref()?;
            if let Some(place) = known.get(value) {
                return Some(*place);
            }
            let next =
                u16::try_from(known.len()).ok().filter(|_| known.len() < SLICE_VALUES_MAX)?;
            known.insert(value.to_owned(), next);
            Some(next)
        };
        let places = self.slice_values.iter_mut().zip(values).map(place);
        places.map(|place| place.unwrap_or(u16::MAX)).collect()
    }

    /// Whether a decision is the one of its unit that counts.
    #[must_use]
    pub fn counts(&self, decision: &[u8; 16]) -> bool {
        self.decisions.contains_key(decision)
    }

    /// A number of a metric became known of a decision; what was known before is replaced.
    pub fn tell(&mut self, decision: &[u8; 16], metric: usize, number: f64) {
        let Some(seen) = self.decisions.get(decision).and_then(|place| self.seen.get_mut(*place))
        else {
            return;
        };
        let Some(known) = seen.numbers.get_mut(metric).filter(|_| number.is_finite()) else {
            return;
        };
        let is_new = known.is_nan();
        *known = number;
        let arm = usize::from(seen.arm);
        if let (true, Some(Some(splits))) = (is_new, self.known.get_mut(metric)) {
            splits.see(arm);
        }
    }

    /// Requests that were assigned to an arm.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.iter().sum()
    }

    /// What may be said now. Arms that were stopped are shown, and not advised.
    #[must_use]
    pub fn report(&self, stopped: &[bool], now: Time) -> Report {
        let metrics: Vec<MetricReport> = (0..self.definition.metrics.len())
            .filter_map(|place| self.metric(place, now))
            .collect();
        let mut splits = vec![self.assigned.shown("assigned"), self.answered.shown("answered")];
        for (metric, known) in self.definition.metrics.iter().zip(&self.known) {
            splits.extend(known.as_ref().map(|known| known.shown(&metric.name)));
        }
        let (advice, leader) = self.advice(&metrics, &splits, stopped);
        Report {
            requests: self.requests.clone(),
            splits,
            metrics,
            advice,
            leader,
            left_out: self.left_out,
        }
    }

    /// Units of which a metric is known for good: arm, number, covariate, and the unit.
    fn units_of(&self, place: usize, now: Time) -> impl Iterator<Item = (usize, f64, f64, &Seen)> {
        let settles = self.definition.metrics.get(place).map_or(0, |metric| metric.settles_after_s);
        let until = now.minus(Duration::from_secs(settles));
        let covariate = self.definition.metrics.len() + place;
        self.seen.iter().filter(move |seen| seen.time <= until).filter_map(move |seen| {
            let number = seen.numbers.get(place).copied().filter(|number| number.is_finite())?;
            let covariate = seen.numbers.get(covariate).copied().unwrap_or(f64::NAN);
            Some((usize::from(seen.arm), number, covariate, seen))
        })
    }

    /// What the primary metric says of each arm, as a report at this time would, and of how many
    /// units it is known. Slices are left out: this is asked often.
    #[must_use]
    pub fn primary(&self, now: Time) -> Option<(usize, Vec<Contrast>)> {
        let is_primary = |metric: &Metric| metric.role == Role::Primary;
        let place = self.definition.metrics.iter().position(is_primary)?;
        let (means, contrasts) = self.compared(place, self.usual_covariate(place, now), now)?;
        Some((means.iter().map(|mean| mean.units).sum(), contrasts))
    }

    fn metric(&self, place: usize, now: Time) -> Option<MetricReport> {
        let metric = self.definition.metrics.get(place)?;
        let usual = self.usual_covariate(place, now);
        let (means, contrasts) = self.compared(place, usual, now)?;
        let is_primary = metric.role == Role::Primary;
        let slices = if is_primary { self.slice_reports(place, usual, now) } else { Vec::new() };
        Some(MetricReport { metric: place, means, contrasts, slices })
    }

    fn compared(
        &self,
        place: usize,
        usual: f64,
        now: Time,
    ) -> Option<(Vec<MeanOf>, Vec<Contrast>)> {
        let metric = self.definition.metrics.get(place)?;
        let alpha = self.definition.alpha_of(metric);
        let mut groups = vec![Group::default(); self.definition.arms.len()];
        for (arm, number, covariate, _) in self.units_of(place, now) {
            let covariate = if covariate.is_finite() { covariate } else { usual };
            groups.get_mut(arm)?.see(number, covariate);
        }
        let bounded = self.bounded(place, alpha, now);
        let compared = |(arm, bounded): (usize, &Option<(f64, f64)>)| {
            self.contrast(metric, &groups, (arm, alpha), *bounded)
        };
        let contrasts = bounded.iter().enumerate().skip(1).map(compared).collect();
        let means = groups
            .iter()
            .map(|group| MeanOf {
                units: group.count(),
                mean: group.mean(),
                variance: group.variance(),
            })
            .collect();
        Some((means, contrasts))
    }

    /// The mean of the covariate, which stands for one that is not known.
    fn usual_covariate(&self, place: usize, now: Time) -> f64 {
        let mut known = Group::default();
        self.units_of(place, now).for_each(|(_, _, covariate, _)| known.see(covariate, 0.0));
        known.mean()
    }

    /// The interval of each arm where the metric has bounds.
    fn bounded(&self, place: usize, alpha: f64, now: Time) -> Vec<Option<(f64, f64)>> {
        let arms = self.definition.arms.len();
        let bounds = self.definition.metrics.get(place).and_then(|metric| metric.bounds);
        let Some((low, high)) = bounds else { return vec![None; arms] };
        let mut all: Vec<_> = (0..arms).map(|_| BoundedDifference::new(low, high, alpha)).collect();
        for (arm, number, _, _) in self.units_of(place, now) {
            for (other, difference) in all.iter_mut().enumerate() {
                let Some(difference) = difference else { continue };
                match arm {
                    0 => difference.control(number),
                    _ if arm == other => difference.treated(number),
                    _ => {}
                }
            }
        }
        all.into_iter().map(|one| one.map(|one| one.interval())).collect()
    }

    fn contrast(
        &self,
        metric: &Metric,
        groups: &[Group],
        (arm, alpha): (usize, f64),
        bounded: Option<(f64, f64)>,
    ) -> Contrast {
        let mut contrast = Contrast { arm, confidence: 1.0 - alpha, ..Contrast::default() };
        let (Some(control), Some(treated)) = (groups.first(), groups.get(arm)) else {
            return contrast;
        };
        if control.count() < LEAST || treated.count() < LEAST {
            return contrast;
        }
        contrast.difference = Some(treated.mean() - control.mean());
        let plain = Difference::of(control, treated);
        let difference = match (&metric.covariate, &plain) {
            (Some(_), Some(plain)) => {
                let adjusted = Difference::adjusted(control, treated).unwrap_or(*plain);
                contrast.variance_left = Some(adjusted.variance / plain.variance);
                Some(adjusted)
            }
            _ => plain,
        };
        contrast.interval = bounded;
        if let (None, Some(difference), Some(mixture)) = (bounded, difference, self.mixture(alpha))
        {
            contrast.difference = Some(difference.estimate);
            contrast.interval = Some(difference.interval(mixture, alpha));
            contrast.p_value = Some(difference.p_value(mixture));
        }
        let effect = self.definition.minimum_effect.filter(|_| metric.role == Role::Primary);
        contrast.says =
            contrast.interval.map_or(Says::Unclear, |one| says(metric.goal, one, effect));
        let is_guardrail = metric.role == Role::Guardrail;
        contrast.is_harm =
            is_guardrail && contrast.interval.is_some_and(|one| is_harm(metric, one));
        contrast
    }

    fn mixture(&self, alpha: f64) -> Option<Mixture> {
        #[expect(clippy::cast_precision_loss, reason = "where intervals are narrowest, about")]
        Mixture::narrowest_at(self.definition.units_planned as f64, alpha)
    }

    /// The primary metric by the values of each slice key. Intervals hold together for all of
    /// them (Bonferroni); which slices differ is corrected for false discoveries under any
    /// dependence (Benjamini and Yekutieli 2001), on p-values that hold at any time.
    fn slice_reports(&self, place: usize, usual: f64, now: Time) -> Vec<SliceReport> {
        let Some(metric) = self.definition.metrics.get(place) else { return Vec::new() };
        let arms = self.definition.arms.len();
        let mut groups: Vec<HashMap<u16, Vec<Group>>> =
            vec![HashMap::new(); self.slice_values.len()];
        for (arm, number, covariate, seen) in self.units_of(place, now) {
            let covariate = if covariate.is_finite() { covariate } else { usual };
            for (groups, value) in groups.iter_mut().zip(&seen.slices) {
                let of_value = groups.entry(*value).or_insert_with(|| vec![Group::default(); arms]);
                of_value
                    .iter_mut()
                    .skip(arm)
                    .take(1)
                    .for_each(|group| group.see(number, covariate));
            }
        }
        let mut found = Vec::new();
        for ((key, values), groups) in
            self.definition.slices.iter().zip(&self.slice_values).zip(&groups)
        {
            let mut values: Vec<_> = values.iter().collect();
            values.sort_unstable();
            for (value, groups) in
                values.into_iter().filter_map(|(v, place)| Some((v, groups.get(place)?)))
            {
                let is_enough =
                    |arm: &usize| groups.get(*arm).is_some_and(|one| one.count() >= LEAST);
                let enough = (0..arms).take(1).all(|control| is_enough(&control));
                found.extend(
                    (1..arms)
                        .filter(|arm| enough && is_enough(arm))
                        .map(|arm| (key, value, groups, arm)),
                );
            }
        }
        let alpha = self.definition.alpha / float(found.len().max(1));
        let plain = Metric { bounds: None, ..metric.clone() };
        let contrasts: Vec<Contrast> = found
            .iter()
            .map(|(_, _, groups, arm)| self.contrast(&plain, groups, (*arm, alpha), None))
            .collect();
        let p_values: Vec<f64> = contrasts.iter().map(|one| one.p_value.unwrap_or(1.0)).collect();
        let adjusted = Correction::By.adjust(&p_values);
        let report = |(((key, value, groups, arm), contrast), p): ((_, Contrast), f64)| {
            let (key, value, groups, arm): (&String, &String, &Vec<Group>, usize) =
                (key, value, groups, arm);
            SliceReport {
                key: key.clone(),
                value: value.clone(),
                units: groups.get(arm).map_or(0, Group::count),
                contrast,
                p_adjusted: p,
                is_different: p <= self.definition.alpha,
            }
        };
        found.into_iter().zip(contrasts).zip(adjusted).map(report).collect()
    }

    /// What the numbers suggest, and of which arm.
    fn advice(
        &self,
        metrics: &[MetricReport],
        splits: &[Split],
        stopped: &[bool],
    ) -> (Advice, Option<usize>) {
        let role =
            |report: &&MetricReport| self.definition.metrics.get(report.metric).map(|one| one.role);
        let Some(primary) = metrics.iter().find(|one| role(one) == Some(Role::Primary)) else {
            return (Advice::GoOn, None);
        };
        let is_in = |contrast: &&Contrast| !stopped.get(contrast.arm).copied().unwrap_or_default();
        let harms = |arm: usize| {
            metrics.iter().flat_map(|one| &one.contrasts).any(|one| one.arm == arm && one.is_harm)
        };
        let running: Vec<&Contrast> = primary.contrasts.iter().filter(is_in).collect();
        let better = running.iter().filter(|one| one.says == Says::Better && !harms(one.arm));
        let size = |one: &Contrast| one.difference.unwrap_or_default().abs();
        let leader = better.max_by(|a, b| size(a).total_cmp(&size(b))).map(|one| one.arm);
        if splits.iter().any(|split| split.is_wrong) {
            return (Advice::Look, leader);
        }
        match leader {
            Some(arm) => (Advice::Ship, Some(arm)),
            None if running.iter().all(|one| matches!(one.says, Says::Worse | Says::Same)) => {
                (Advice::Keep, Some(0))
            }
            None => (Advice::GoOn, None),
        }
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

fn says(goal: Goal, (lower, upper): (f64, f64), effect: Option<f64>) -> Says {
    let (least, most) = match goal {
        Goal::Increase => (lower, upper),
        Goal::Decrease => (-upper, -lower),
    };
    if effect.is_some_and(|effect| -effect < least && most < effect) {
        return Says::Same;
    }
    if least > 0.0 {
        Says::Better
    } else if most < 0.0 {
        Says::Worse
    } else {
        Says::Unclear
    }
}

fn is_harm(metric: &Metric, (lower, upper): (f64, f64)) -> bool {
    match metric.goal {
        Goal::Increase => upper < -metric.margin,
        Goal::Decrease => lower > metric.margin,
    }
}

/// A count as a number; all here are far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "counts of arms and comparisons")]
fn float(count: usize) -> f64 {
    count as f64
}
