//! The measures, and what each is in each convention.

use super::Pair;
use crate::cells::{self, Cells, FittedCells};
use crate::sample::{Distances, Sample, distances, runs};
use crate::{counts, ks, ranks};
use serde::Serialize;
use std::f64::consts::E;

/// Whose habits decide and whose cells are cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// An effect size and a corrected p-value, both.
    #[default]
    Plimsoll,
    /// Those of Evidently 0.7.
    Evidently,
    /// Those of NannyML 0.13.
    NannyMl,
}

impl Convention {
    /// Every convention.
    pub const ALL: &'static [Self] = &[Self::Plimsoll, Self::Evidently, Self::NannyMl];
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plimsoll => "plimsoll",
            Self::Evidently => "evidently",
            Self::NannyMl => "nannyml",
        }
    }
}

/// A univariate measure of drift.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Two-sample Kolmogorov–Smirnov.
    Ks,
    /// Chi-square.
    Chi2,
    /// Z-test of two proportions; of two categories.
    Z,
    /// Two-sample Cramér–von Mises.
    Cvm,
    /// Two-sample Anderson–Darling.
    Anderson,
    /// Population stability index.
    Psi,
    /// Jensen–Shannon distance.
    Js,
    /// Kullback–Leibler divergence.
    Kl,
    /// Hellinger distance.
    Hellinger,
    /// Wasserstein distance.
    Wasserstein,
    /// Energy distance.
    Energy,
    /// Total variation distance.
    Tvd,
    /// L-infinity distance.
    LInfinity,
}

impl Measure {
    /// Every measure.
    pub const ALL: &'static [Self] = &[
        Self::Ks,
        Self::Chi2,
        Self::Z,
        Self::Cvm,
        Self::Anderson,
        Self::Psi,
        Self::Js,
        Self::Kl,
        Self::Hellinger,
        Self::Wasserstein,
        Self::Energy,
        Self::Tvd,
        Self::LInfinity,
    ];
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ks => "ks",
            Self::Chi2 => "chi2",
            Self::Z => "z",
            Self::Cvm => "cvm",
            Self::Anderson => "anderson",
            Self::Psi => "psi",
            Self::Js => "js",
            Self::Kl => "kl",
            Self::Hellinger => "hellinger",
            Self::Wasserstein => "wasserstein",
            Self::Energy => "energy",
            Self::Tvd => "tvd",
            Self::LInfinity => "l_infinity",
        }
    }
    /// Whether it comes with a p-value.
    #[must_use]
    pub fn is_test(self) -> bool {
        matches!(self, Self::Ks | Self::Chi2 | Self::Z | Self::Cvm | Self::Anderson)
    }
    /// The threshold that goes with it: the largest p-value, or the least distance, that counts
    /// as drift.
    #[must_use]
    pub fn threshold(self) -> f64 {
        match self {
            Self::Ks | Self::Chi2 | Self::Z => 0.05,
            _ => 0.1,
        }
    }
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Score {
    /// With what.
    pub measure: Measure,
    /// The statistic or distance.
    pub value: f64,
    /// What its value is a number of.
    pub unit: &'static str,
    /// The p-value, if it is a test, before any correction.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
}

/// Measures a column. `None` if the measure is none for such a column, or there are too few
/// values for it.
#[must_use]
pub fn measure(convention: Convention, measure: Measure, pair: &Pair) -> Option<Score> {
    measure_once(convention, measure, pair, &mut None)
}

/// The same, where several measures share one walk over the samples.
pub(super) fn measure_once(
    convention: Convention,
    measure: Measure,
    pair: &Pair,
    walked: &mut Option<Distances>,
) -> Option<Score> {
    let mut walk = |reference: &Sample, current: &Sample| {
        *walked.get_or_insert_with(|| distances(reference, current))
    };
    if pair.reference_len() == 0 || pair.current_len() == 0 {
        return None;
    }
    let (value, unit, p_value) = match measure {
        Measure::Ks => {
            let (reference, current) = pair.samples()?;
            let d = walk(reference, current).kolmogorov_smirnov;
            let p = ks::p_value(d, reference.len(), current.len());
            (d, "largest difference of shares, 0 to 1", Some(p))
        }
        Measure::Chi2 => {
            let (reference, current) = pair.counts();
            let found = match convention {
                Convention::Evidently => counts::goodness_of_fit(&reference, &current),
                Convention::NannyMl => counts::contingency(&reference, &current),
                Convention::Plimsoll => counts::contingency_of_frequent(&reference, &current),
            };
            (found.statistic, "chi-square", Some(found.p_value))
        }
        Measure::Z => {
            let (reference, current) = pair.counts();
            let [hits_r, rest_r] = two(&reference)?;
            let [hits_c, rest_c] = two(&current)?;
            let (all_r, all_c) = (hits_r + rest_r, hits_c + rest_c);
            let p = counts::proportions((hits_r, all_r), (hits_c, all_c));
            let gap = hits_c as f64 / all_c as f64 - hits_r as f64 / all_r as f64;
            (gap.abs(), "difference of shares, 0 to 1", Some(p))
        }
        Measure::Cvm => {
            let (reference, current) = pair.samples()?;
            let found = ranks::cramer_von_mises(reference, current)?;
            (found.statistic, "T", Some(found.p_value))
        }
        Measure::Anderson => {
            let (reference, current) = pair.samples()?;
            let found = ranks::anderson_darling(reference, current)?;
            (found.statistic, "normed A2", Some(found.p_value))
        }
        Measure::Wasserstein => {
            let (reference, current) = pair.samples()?;
            let distance = walk(reference, current).wasserstein;
            match convention {
                Convention::NannyMl => (distance, "units of the column", None),
                Convention::Evidently | Convention::Plimsoll => {
                    let norm = reference.deviation().max(1e-3);
                    (distance / norm, "standard deviations of the reference", None)
                }
            }
        }
        Measure::Energy => {
            let (reference, current) = pair.samples()?;
            (walk(reference, current).energy, "square root of the column's units", None)
        }
        Measure::Hellinger => (hellinger(convention, pair), "0 to 1", None),
        Measure::Tvd => (cells_of(convention, pair).total_variation(), "0 to 1", None),
        Measure::LInfinity => (cells_of(convention, pair).l_infinity(), "share, 0 to 1", None),
        Measure::Psi => {
            let cells = cells_of(convention, pair);
            let cells = match convention {
                Convention::Evidently => cells.filled(),
                Convention::Plimsoll | Convention::NannyMl => cells.floored(),
            };
            (cells.psi(), "nats", None)
        }
        Measure::Kl => {
            let cells = cells_of(convention, pair);
            let cells = match convention {
                Convention::Evidently => cells.filled(),
                Convention::Plimsoll | Convention::NannyMl => cells.floored(),
            };
            (cells.kullback_leibler(), "nats", None)
        }
        Measure::Js => {
            let cells = cells_of(convention, pair);
            match convention {
                Convention::Evidently => {
                    (cells.jensen_shannon(E), "root of nats, 0 to 0.8326", None)
                }
                Convention::Plimsoll | Convention::NannyMl => {
                    (cells.jensen_shannon(2.0), "root of bits, 0 to 1", None)
                }
            }
        }
    };
    Some(Score { measure, value, unit, p_value })
}

/// Counts of exactly one or two categories.
fn two(counts: &[u64]) -> Option<[u64; 2]> {
    match counts {
        [only] => Some([*only, 0]),
        [first, second] => Some([*first, *second]),
        _ => None,
    }
}

/// A column in the cells of a convention.
pub(super) fn cells_of(convention: Convention, pair: &Pair) -> Cells {
    let Some((reference, current)) = pair.samples() else {
        let (reference, current) = pair.counts();
        return Cells::of_counts(&reference, &current);
    };
    match convention {
        Convention::Evidently => cells::evidently(reference, current, pair.is_integer()),
        Convention::NannyMl => FittedCells::fit(reference).cells(reference, current),
        Convention::Plimsoll => cells::deciles(reference, current),
    }
}

/// Evidently cuts other cells for this one: Sturges's rule on the different values.
fn hellinger(convention: Convention, pair: &Pair) -> f64 {
    let samples = pair.samples().filter(|_| convention == Convention::Evidently);
    let Some((reference, current)) = samples else {
        return cells_of(convention, pair).hellinger();
    };
    let values = runs(reference.sorted()).chain(runs(current.sorted())).map(|(value, _)| value);
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    let range = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
    let edges = cells::sturges_edges(range, values.len(), pair.is_integer());
    cells::by_edges(reference, current, &edges).hellinger_by_overlap()
}

/// A sample's share of a rule by chunks: the distance of each chunk of `sample` from the
/// reference, in NannyML's cells.
pub(super) fn chunk_distances(
    measure: Measure,
    fitted: &FittedCells,
    reference: &Sample,
    chunks: impl Iterator<Item = Sample>,
) -> Vec<f64> {
    let distance = |chunk: Sample| of_cells(measure, &fitted.cells(reference, &chunk));
    chunks.map(distance).collect()
}

/// A distance that rules by chunks know.
pub(super) fn of_cells(measure: Measure, cells: &Cells) -> f64 {
    match measure {
        Measure::Hellinger => cells.hellinger(),
        Measure::LInfinity => cells.l_infinity(),
        _ => cells.jensen_shannon(2.0),
    }
}
