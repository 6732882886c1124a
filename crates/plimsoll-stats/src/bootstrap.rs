//! The paired bootstrap: how sure is a difference of two models on the same rows? Rows are drawn
//! with replacement, both models' answers together, and the difference is taken again each time.
//!
//! What is drawn follows from a seed, so that the same rows give the same interval wherever it is
//! computed. Nothing here draws from a source of chance.

use crate::performance::Interval;
use crate::special::{float, normal_quantile, normal_sf, whole};

/// How often rows are drawn, unless told: the ends of a 95 % interval then have a standard error
/// of about a hundredth of the width.
pub const RESAMPLES: usize = 2_000;
/// The most rows and resamples together: some ten seconds of work.
pub const DRAWS_MAX: usize = 100_000_000;
/// The most rows of which each is left out once, for the correction of skewness: the work is their
/// square. Beyond, the interval is of percentiles, which it approaches.
pub const LEFT_OUT_MAX: usize = 20_000;

/// A difference with its interval, and which kind of interval it is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bootstrapped {
    /// The difference, and the interval's ends.
    pub interval: Interval,
    /// Whether the ends are corrected for bias and skewness (BCa), or are percentiles.
    pub is_corrected: bool,
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Sequence(u64);

impl Sequence {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// A place below `count`. The remainder favours small places by less than 2^-40.
    fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % count).unwrap_or(0)
    }
}

/// The interval of a statistic of `rows` rows at this confidence, by `resamples` resamples that
/// follow from `seed`: corrected for bias and skewness (Efron 1987), as `scipy.stats.bootstrap`
/// computes it, or of percentiles where that cannot be.
///
/// The statistic is asked with how often each row counts. `None` if it has no value for the rows
/// as they are, or for more than one resample in a hundred.
pub fn bootstrap(
    rows: usize,
    resamples: usize,
    confidence: f64,
    seed: u64,
    statistic: &mut dyn FnMut(&[u32]) -> Option<f64>,
) -> Option<Bootstrapped> {
    let resamples = resamples.min(DRAWS_MAX / rows.max(1));
    if rows < 2 || resamples < 2 || !(0.0..1.0).contains(&confidence) {
        return None;
    }
    let mut weights = vec![1_u32; rows];
    let value = statistic(&weights).filter(|value| value.is_finite())?;
    let mut sequence = Sequence(seed);
    let mut drawn = Vec::with_capacity(resamples);
    for _ in 0..resamples {
        weights.fill(0);
        for _ in 0..rows {
            if let Some(weight) = weights.get_mut(sequence.below(rows)) {
                *weight += 1;
            }
        }
        drawn.extend(statistic(&weights).filter(|value| value.is_finite()));
    }
    if drawn.len() * 100 < resamples * 99 {
        return None;
    }
    drawn.sort_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    let ends = corrected(&drawn, value, tail, left_out(rows, &mut weights, statistic).as_deref());
    let (low, high) = ends.unwrap_or((tail, 1.0 - tail));
    let interval =
        Interval { value, lower: percentile(&drawn, low), upper: percentile(&drawn, high) };
    Some(Bootstrapped { interval, is_corrected: ends.is_some() })
}

/// The statistic with each row left out once.
fn left_out(
    rows: usize,
    weights: &mut [u32],
    statistic: &mut dyn FnMut(&[u32]) -> Option<f64>,
) -> Option<Vec<f64>> {
    if rows > LEFT_OUT_MAX {
        return None;
    }
    weights.fill(1);
    let mut values = Vec::with_capacity(rows);
    for row in 0..rows {
        if let Some(weight) = weights.get_mut(row) {
            *weight = 0;
        }
        values.push(statistic(weights).filter(|value| value.is_finite())?);
        if let Some(weight) = weights.get_mut(row) {
            *weight = 1;
        }
    }
    Some(values)
}

/// The probabilities at which the ends are taken (Efron and Tibshirani 1993, 14.9 to 14.15).
/// `None` where nothing differs, so that there is nothing to correct.
fn corrected(drawn: &[f64], value: f64, tail: f64, left_out: Option<&[f64]>) -> Option<(f64, f64)> {
    let left_out = left_out?;
    let below = drawn.partition_point(|one| *one < value);
    let up_to = drawn.partition_point(|one| *one <= value);
    let bias = normal_quantile(float(below + up_to) / (2.0 * float(drawn.len())));
    let count = float(left_out.len());
    let mean = left_out.iter().sum::<f64>() / count;
    let from_mean = left_out.iter().map(|one| (count - 1.0) * (mean - one));
    let cubes = from_mean.clone().map(|u| u.powi(3)).sum::<f64>() / count.powi(3);
    let squares = from_mean.map(|u| u.powi(2)).sum::<f64>() / count.powi(2);
    let skewness = cubes / squares.powf(1.5) / 6.0;
    let end = |z: f64| {
        let moved = bias + z;
        1.0 - normal_sf(bias + moved / (1.0 - skewness * moved))
    };
    let z = normal_quantile(tail);
    let ends = (end(z), end(-z));
    let is_usable = ends.0.is_finite() && ends.1.is_finite() && ends.0 <= ends.1;
    is_usable.then_some(ends)
}

/// The value below which this share of sorted values lies, interpolated (Hyndman and Fan's 7).
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let at = share * float(last);
    let low = whole(at.floor()).min(last);
    let get = |place: usize| sorted.get(place.min(last)).copied().unwrap_or(f64::NAN);
    get(low) + (get(low + 1) - get(low)) * (at - at.floor())
}

/// A sum over rows as often as each counts, divided by their number.
fn weighted(weights: &[u32], values: &[f64]) -> Option<f64> {
    let all: f64 = weights.iter().map(|weight| f64::from(*weight)).sum();
    let sum: f64 = weights.iter().zip(values).map(|(w, value)| f64::from(*w) * value).sum();
    (all > 0.0).then(|| sum / all)
}

/// The mean of differences, each of one row, with its interval.
#[must_use]
pub fn mean_difference(
    differences: &[f64],
    resamples: usize,
    confidence: f64,
    seed: u64,
) -> Option<Bootstrapped> {
    let mut statistic = |weights: &[u32]| weighted(weights, differences);
    bootstrap(differences.len(), resamples, confidence, seed, &mut statistic)
}

/// Scores in their order, so that the area under the curve of any weights is one pass.
struct Ranked {
    /// Rows by score, and whether the score is that of the row before.
    order: Vec<(usize, bool)>,
}

impl Ranked {
    fn new(scores: &[f64]) -> Self {
        let mut rows: Vec<(usize, f64)> = scores.iter().copied().enumerate().collect();
        rows.sort_by(|(_, a), (_, b)| a.total_cmp(b));
        let mut before = f64::NAN;
        let order = rows.into_iter().map(|(row, score)| {
            let is_tie = score == before;
            before = score;
            (row, is_tie)
        });
        Self { order: order.collect() }
    }

    /// The share of pairs of an outcome and none of which the former has the higher score; ties
    /// are half. `None` without both.
    fn auroc(&self, weights: &[u32], outcomes: &[bool]) -> Option<f64> {
        let (mut below, mut tied_no, mut tied_yes) = (0.0, 0.0, 0.0);
        let (mut won, mut yes) = (0.0, 0.0);
        for (row, is_tie) in &self.order {
            if !is_tie {
                won += tied_yes * (below + tied_no / 2.0);
                below += tied_no;
                (tied_no, tied_yes) = (0.0, 0.0);
            }
            let weight = f64::from(weights.get(*row).copied().unwrap_or(0));
            if outcomes.get(*row).copied().unwrap_or(false) {
                tied_yes += weight;
                yes += weight;
            } else {
                tied_no += weight;
            }
        }
        won += tied_yes * (below + tied_no / 2.0);
        below += tied_no;
        (yes > 0.0 && below > 0.0).then(|| won / (yes * below))
    }
}

/// The area under the ROC curve of `before` less that of `now`, on the same rows, with its
/// interval: what is lost. `None` if the lists differ in length, or outcomes are all alike.
#[must_use]
pub fn auroc_difference(
    before: &[f64],
    now: &[f64],
    outcomes: &[bool],
    resamples: usize,
    confidence: f64,
    seed: u64,
) -> Option<Bootstrapped> {
    if before.len() != outcomes.len() || now.len() != outcomes.len() {
        return None;
    }
    let (before, now) = (Ranked::new(before), Ranked::new(now));
    let mut statistic =
        |weights: &[u32]| Some(before.auroc(weights, outcomes)? - now.auroc(weights, outcomes)?);
    bootstrap(outcomes.len(), resamples, confidence, seed, &mut statistic)
}
