//! What passes at this moment, by deployment, for people who watch it pass.
//!
//! Counted only while somebody watches: without a watcher a request pays one load of an atomic. With
//! one it takes a lock for a few additions. What is counted here is shown and forgotten; the
//! ledger has what is kept.

use crate::admit::Gateway;
use crate::pass::Pass;
use crate::recorder::Ended;
use plimsoll_types::record::{Output, ResultClass, Route};
use plimsoll_types::{DeploymentId, Phase, RefusalCode};
use std::collections::HashMap;
use std::mem::take;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Kinds of traffic of one deployment: a handful of versions, seven results.
const MAX_TRAFFIC: usize = 64;
/// Kinds of refusals of one deployment that are told apart: more is no longer read by anybody.
const MAX_REFUSALS: usize = 64;
/// Cells of a distribution: what a chart can show.
const MAX_CELLS: i64 = 64;
/// The narrowest cell is two to this power wide.
const FINEST: i32 = -20;
/// Durations fall into quarters of powers of two nanoseconds, up to 18 minutes.
const TIMES: usize = 160;

/// Counts what passes while anybody watches.
#[derive(Debug, Default)]
pub(crate) struct Live {
    watchers: AtomicUsize,
    passing: Mutex<HashMap<DeploymentId, Passing>>,
}

/// Somebody watches; until this is dropped.
#[derive(Debug)]
pub struct Watching(Gateway);

/// What passed one deployment since it was last taken.
#[derive(Debug, Clone, Default)]
pub struct Passing {
    /// Completions by version (0: none was planned), route and result.
    pub traffic: Vec<(u32, Option<Route>, ResultClass, u64)>,
    /// Refusals by phase, reason and field of the contract.
    pub refusals: Vec<(Phase, RefusalCode, Option<Box<str>>, u64)>,
    /// Time by phase, in the order of [`Phase::ALL`].
    pub phases: [Times; 12],
    /// From accept to the answer.
    pub total: Times,
    /// What the model answered: one number per row.
    pub scores: Scores,
}

/// How long something took, to within an eighth.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<u32>);

/// A distribution of numbers in cells of equal width, a power of two, so that distributions of
/// different widths can be added. The width grows with the range.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    /// Two to this power is the width of a cell.
    pub exponent: i32,
    /// The first cell begins at this many widths.
    pub first: i64,
    /// Numbers by cell.
    pub counts: Vec<u64>,
}

impl Gateway {
    /// Begins to count what passes, until the last of what this gives is dropped.
    #[must_use]
    pub fn watch(&self) -> Watching {
        self.0.live.watchers.fetch_add(1, Relaxed);
        Watching(self.clone())
    }
    /// Whether anybody watches.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.0.live.watchers.load(Relaxed) > 0
    }
    /// What passed since the last call.
    #[must_use]
    pub fn take_passing(&self) -> HashMap<DeploymentId, Passing> {
        take(&mut *self.0.live.passing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.0.live.watchers.fetch_sub(1, Relaxed);
    }
}

impl Pass {
    /// Counts a completion, if anybody watches.
    pub(crate) fn show_ended(&self, result: ResultClass, ended: &Ended<'_>) {
        if !self.gateway.is_watched() {
            return;
        }
        // A refusal may name what the caller made up; the contract's own names are shown alone.
        let field = ended.refusal.and_then(|refusal| refusal.field.as_deref()).filter(|field| {
            let contract = self.contract().map(plimsoll_contract::CompiledContract::contract);
            contract.is_ok_and(|contract| contract.fields().any(|known| known.name == *field))
        });
        let version = ended.plan.map_or(0, |plan| plan.version.number);
        let route = ended.plan.map(|plan| plan.route);
        self.passing(|passing| {
            passing.count(version, route, result);
            if let Some(refusal) = ended.refusal {
                passing.refuse(refusal.phase, refusal.code, field);
            }
            if ended.is_answered() {
                passing.score(ended.outputs);
            }
        });
    }

    /// Counts what the phases took, if anybody watches.
    pub(crate) fn show_times(&self) {
        if !self.gateway.is_watched() {
            return;
        }
        self.passing(|passing| {
            for (phase, nanos) in self.clock.spent() {
                passing.phases[usize::from(phase.code())].add(nanos.into());
            }
            passing.total.add(self.clock.total());
        });
    }

    fn passing(&self, count: impl FnOnce(&mut Passing)) {
        let held = &self.gateway.0.live.passing;
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        count(held.entry(self.deployment.id).or_default());
    }
}

impl Passing {
    fn count(&mut self, version: u32, route: Option<Route>, result: ResultClass) {
        let is_same = |t: &&mut (u32, Option<Route>, ResultClass, u64)| {
            (t.0, t.1, t.2) == (version, route, result)
        };
        let has_room = self.traffic.len() < MAX_TRAFFIC;
        match self.traffic.iter_mut().find(is_same) {
            Some((.., count)) => *count += 1,
            None if has_room => {
                self.traffic.push((version, route, result, 1));
            }
            None => {}
        }
    }

    fn refuse(&mut self, phase: Phase, code: RefusalCode, field: Option<&str>) {
        let is_same = |r: &&mut (Phase, RefusalCode, Option<Box<str>>, u64)| {
            (r.0, r.1, r.2.as_deref()) == (phase, code, field)
        };
        let has_room = self.refusals.len() < MAX_REFUSALS;
        match self.refusals.iter_mut().find(is_same) {
            Some((.., count)) => *count += 1,
            None if has_room => {
                self.refusals.push((phase, code, field.map(Into::into), 1));
            }
            None => {}
        }
    }

    /// The score of each row: the only number of the first output, or the second of two, as the
    /// probability of the second class stands there. Of wider answers there is none.
    fn score(&mut self, outputs: &[Output<'_>]) {
        let Some(output) = outputs.first() else { return };
        let width = match output.width {
            1 => 1,
            2 => 2,
            _ => return,
        };
        for row in output.values.chunks_exact(width) {
            if let Some(&score) = row.last() {
                self.scores.add(score);
            }
        }
    }
}

impl Times {
    fn add(&mut self, nanos: u64) {
        if self.0.is_empty() {
            self.0.resize(TIMES, 0);
        }
        if let Some(count) = self.0.get_mut(bucket(nanos)) {
            *count += 1;
        }
    }
    /// How many durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }
    /// The duration that `percent` of all do not exceed, in nanoseconds; 0 without any.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> u64 {
        let wanted = self.count().saturating_mul(percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (place, &count) in self.0.iter().enumerate() {
            seen += u64::from(count);
            if seen >= wanted {
                return middle(place);
            }
        }
        0
    }
}

/// Four buckets for each power of two.
fn bucket(nanos: u64) -> usize {
    let Some(power) = nanos.checked_ilog2().filter(|&power| power >= 2) else {
        return usize::try_from(nanos).unwrap_or(0);
    };
    let quarter = usize::try_from((nanos >> (power - 2)) & 3).unwrap_or(0);
    ((power as usize - 1) * 4 + quarter).min(TIMES - 1)
}

/// The middle of a bucket, in nanoseconds.
fn middle(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64;
    }
    let (shift, quarter) = (bucket / 4 - 1, (bucket % 4) as u64);
    ((4 + quarter) << shift) + ((1 << shift) >> 1)
}

impl Scores {
    /// Counts a number. What is not finite is not shown.
    fn add(&mut self, score: f64) {
        if !score.is_finite() {
            return;
        }
        if self.counts.is_empty() {
            (self.exponent, self.first) = (FINEST, 0);
        }
        loop {
            if let Some(cell) = cell(score, self.exponent) {
                if self.counts.is_empty() {
                    self.first = cell;
                }
                let end = self.first + i64::try_from(self.counts.len()).unwrap_or(MAX_CELLS);
                let (least, most) = (self.first.min(cell), end.max(cell.saturating_add(1)));
                if most.saturating_sub(least) <= MAX_CELLS {
                    self.widen(least, most);
                    let place = usize::try_from(cell - self.first).unwrap_or(0);
                    if let Some(count) = self.counts.get_mut(place) {
                        *count += 1;
                    }
                    return;
                }
            }
            self.coarsen();
        }
    }

    /// Makes room for the cells from `least` to before `most`.
    fn widen(&mut self, least: i64, most: i64) {
        let before = usize::try_from(self.first - least).unwrap_or(0);
        self.counts.splice(0..0, std::iter::repeat_n(0, before));
        self.first = least;
        self.counts.resize(usize::try_from(most - least).unwrap_or(0), 0);
    }

    /// Doubles the width of the cells.
    fn coarsen(&mut self) {
        let first = self.first.div_euclid(2);
        let mut counts: Vec<u64> = Vec::with_capacity(self.counts.len() / 2 + 1);
        for (cell, &count) in (self.first..).zip(&self.counts) {
            let place = usize::try_from(cell.div_euclid(2) - first).unwrap_or(0);
            if counts.len() <= place {
                counts.resize(place + 1, 0);
            }
            counts[place] += count;
        }
        (self.exponent, self.first, self.counts) = (self.exponent + 1, first, counts);
    }
}

/// Which cell a number falls into; none if the cells are too narrow to be counted.
fn cell(score: f64, exponent: i32) -> Option<i64> {
    /// Whole numbers below it are exact in a double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let cell = (score / 2_f64.powi(exponent)).floor();
    #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
    (cell.abs() < EXACT).then_some(cell as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_within_an_eighth() {
        let mut times = Times::default();
        assert_eq!(times.percentile(50), 0);
        for nanos in 1..=10_000 {
            times.add(nanos * 1_000);
        }
        assert_eq!(times.count(), 10_000);
        for (percent, truth) in [(50, 5_000_000_u64), (95, 9_500_000), (99, 9_900_000)] {
            let found = times.percentile(percent);
            assert!(found.abs_diff(truth) * 8 <= truth, "{percent}: {found} for {truth}");
        }
        times.add(u64::MAX);
        assert!(times.percentile(100) > 1 << 39);
    }

    #[test]
    fn every_bucket_holds_its_own_middle() {
        for place in 0..TIMES {
            assert_eq!(bucket(middle(place)), place);
        }
    }

    #[test]
    fn a_distribution_keeps_every_number_and_few_bins() {
        let mut scores = Scores::default();
        for n in 0..1_000 {
            scores.add(f64::from(n) / 1_000.0);
        }
        assert_eq!(scores.counts.iter().sum::<u64>(), 1_000);
        assert!((32..=64).contains(&scores.counts.len()), "{scores:?}");
        assert_eq!((scores.exponent, scores.first), (-6, 0));
        scores.add(-1e300);
        scores.add(1e300);
        scores.add(f64::NAN);
        assert_eq!(scores.counts.iter().sum::<u64>(), 1_002);
        assert!(scores.counts.len() <= 64);
    }

    #[test]
    fn equal_numbers_are_one_narrow_bin() {
        let mut scores = Scores::default();
        scores.add(0.25);
        scores.add(0.25);
        assert_eq!(scores, Scores { exponent: FINEST, first: 1 << 18, counts: vec![2] });
    }

    #[test]
    fn kinds_are_bounded_and_told_apart() {
        let mut passing = Passing::default();
        for version in 0..200 {
            passing.count(version, None, ResultClass::Answered);
        }
        passing.count(3, None, ResultClass::Answered);
        passing.count(3, None, ResultClass::Refused);
        assert_eq!(passing.traffic.len(), MAX_TRAFFIC);
        assert_eq!(passing.traffic[3], (3, None, ResultClass::Answered, 2));
        let refuse = |passing: &mut Passing, field| {
            passing.refuse(Phase::Validate, RefusalCode::OutOfRange, field);
        };
        refuse(&mut passing, Some("age"));
        refuse(&mut passing, Some("age"));
        refuse(&mut passing, None);
        let told: Vec<_> =
            passing.refusals.iter().map(|(_, _, field, n)| (field.as_deref(), *n)).collect();
        assert_eq!(told, [(Some("age"), 2), (None, 1)]);
    }
}
