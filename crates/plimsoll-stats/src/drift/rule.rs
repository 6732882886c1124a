//! When a column has drifted: the defaults of each convention, and what stands in for them.

use super::column::tally;
use super::measure::{chunk_distances, of_cells};
use super::{Convention, Measure, Pair};
use crate::cells::{FittedCells, with_rest};
use crate::sample::Sample;
use crate::special::{Sum, float};
use serde::Serialize;

/// Values on each side below which Plimsoll's convention says "not enough data".
pub const VALUES_MIN: usize = 30;

/// Chunks of each table in NannyML's convention, its default.
pub const CHUNKS: usize = 10;

/// Rows of the reference up to which Evidently tests, and above which it measures distances.
const TESTED_MAX: usize = 1000;

/// A measure with the threshold from which it counts as drift: the largest p-value of a test,
/// the least value of a distance.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Test {
    /// The measure.
    pub measure: Measure,
    /// The threshold.
    pub threshold: f64,
}

impl Test {
    /// A measure with its usual threshold.
    #[must_use]
    pub fn usual(measure: Measure) -> Self {
        Self { measure, threshold: measure.threshold() }
    }
}

/// What decides about a column.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// One measure beyond its threshold.
    One(Test),
    /// A test whose corrected p-value is up to its threshold, and any of the distances.
    Both {
        /// The test.
        evidence: Test,
        /// The distances, one of which must be reached.
        effects: Vec<Test>,
    },
    /// A distance of any chunk beyond mean + 3 standard deviations of the reference's chunks.
    Chunks(Measure),
}

impl Rule {
    /// The default of `convention` for a column. `alpha`: the largest p-value of Plimsoll's.
    #[must_use]
    pub fn usual(convention: Convention, pair: &Pair, alpha: f64) -> Self {
        match convention {
            Convention::Plimsoll => {
                let (evidence, effect) = match pair {
                    Pair::Numbers { .. } => (Measure::Ks, Measure::Wasserstein),
                    Pair::Categories { .. } => (Measure::Chi2, Measure::Tvd),
                };
                Self::Both {
                    evidence: Test { measure: evidence, threshold: alpha },
                    effects: vec![Test::usual(Measure::Psi), Test::usual(effect)],
                }
            }
            Convention::Evidently => Self::One(Test::usual(evidently(pair))),
            Convention::NannyMl => Self::Chunks(Measure::Js),
        }
    }

    /// Every measure it needs, the deciding one first.
    #[must_use]
    pub fn measures(&self) -> Vec<Measure> {
        match self {
            Self::One(test) => vec![test.measure],
            Self::Both { evidence, effects } => {
                [evidence].into_iter().chain(effects).map(|test| test.measure).collect()
            }
            Self::Chunks(measure) => vec![*measure],
        }
    }
}

/// Evidently's table: by type, different values in both tables, and rows of the reference.
fn evidently(pair: &Pair) -> Measure {
    let distinct = pair.distinct();
    let is_small = pair.reference_len() <= TESTED_MAX;
    match pair {
        Pair::Numbers { .. } if distinct > 5 => {
            if is_small {
                Measure::Ks
            } else {
                Measure::Wasserstein
            }
        }
        Pair::Numbers { .. } | Pair::Categories { .. } => match (is_small, distinct > 2) {
            (true, true) => Measure::Chi2,
            (true, false) => Measure::Z,
            (false, _) => Measure::Js,
        },
    }
}

/// What a rule by chunks found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Chunks {
    /// The distance of each chunk of the reference.
    pub reference: Vec<f64>,
    /// The distance of each chunk of the current table.
    pub current: Vec<f64>,
    /// Mean + 3 standard deviations (of a population) of the reference's.
    pub threshold: f64,
}

impl Chunks {
    /// How many chunks of the current table are beyond the threshold.
    #[must_use]
    pub fn alerts(&self) -> usize {
        self.current.iter().filter(|distance| **distance > self.threshold).count()
    }

    /// The distances of both tables' chunks from the whole reference.
    #[must_use]
    pub(super) fn of(measure: Measure, pair: &Pair) -> Option<Self> {
        let (reference, current) = match pair {
            Pair::Numbers { reference, current, .. } => {
                let fitted = FittedCells::fit(reference);
                let of = |sample: &Sample| {
                    let chunks = split(sample.in_order());
                    let chunks = chunks.map(|chunk| Sample::new(chunk.to_vec(), false));
                    chunk_distances(measure, &fitted, reference, chunks)
                };
                (of(reference), of(current))
            }
            Pair::Categories { names, reference, current } => {
                let shares = |codes: &[u32]| {
                    let counts = tally(codes, names.len()).into_iter();
                    counts.map(|count| count as f64 / float(codes.len())).collect::<Vec<f64>>()
                };
                let whole = shares(reference.rows());
                let of = |codes: &[u32]| {
                    let distance =
                        |chunk| of_cells(measure, &with_rest(whole.clone(), shares(chunk)));
                    split(codes).map(distance).collect::<Vec<f64>>()
                };
                (of(reference.rows()), of(current.rows()))
            }
        };
        if reference.is_empty() || current.is_empty() {
            return None;
        }
        let n = float(reference.len());
        let mean = Sum::of(reference.iter().copied()) / n;
        let variance = Sum::of(reference.iter().map(|one| (one - mean).powi(2))) / n;
        Some(Self { reference, current, threshold: mean + 3.0 * variance.sqrt() })
    }
}

/// Chunks of a tenth each; what is left over is one more, smaller.
fn split<T>(values: &[T]) -> std::slice::Chunks<'_, T> {
    values.chunks((values.len() / CHUNKS).max(1))
}
