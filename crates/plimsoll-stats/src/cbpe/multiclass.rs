//! CBPE of a model with several classes: each against all others, then the mean.

use super::{
    Isotonic, Known, Metric, calibrate, calibrator, chunks, deviation, expected, expected_auroc,
    sampling, thresholds,
};
use crate::performance::{Confusion, auroc};
use crate::special::float;
use serde::Serialize;

/// Rows of a model with several classes.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// For each class the scores of all rows, 0 to 1.
    pub scores: &'a [Vec<f64>],
    /// The class that each row was answered with, as its place in `scores`.
    pub answers: &'a [usize],
}

/// An estimate over several classes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct MulticlassEstimate {
    /// The metric: the mean over classes, but accuracy, which is over rows.
    pub metric: Metric,
    /// Its estimated value.
    pub value: f64,
    /// The standard error from so many rows being few; of a mean over classes, that of its parts as
    /// if they did not depend on each other.
    pub sampling_error: f64,
    /// Below this the estimate is an alert.
    pub lower_threshold: f64,
    /// Above this as well.
    pub upper_threshold: f64,
}

/// CBPE of a model with several classes.
#[derive(Clone, PartialEq, Debug)]
pub struct MulticlassCbpe {
    calibrators: Vec<Option<Isotonic>>,
    thresholds: Vec<(Metric, f64, f64)>,
    /// Of each metric, the deviation of a row's part and the share of rows that have one, by class; of
    /// accuracy once.
    sampled: Vec<Vec<(f64, f64)>>,
}

impl MulticlassCbpe {
    /// Fits on a reference whose outcomes are classes by their place in `scores`; `None` if
    /// lengths differ or there are fewer than twenty rows.
    #[must_use]
    pub fn fit(reference: Answered<'_>, outcomes: &[usize]) -> Option<Self> {
        let rows = outcomes.len();
        let fits = reference.answers.len() == rows
            && reference.scores.iter().all(|scores| scores.len() == rows)
            && !reference.scores.iter().flatten().any(|score| score.is_nan());
        if !fits || rows < super::ROWS_MIN || reference.scores.len() < 2 {
            return None;
        }
        let calibrators = reference.scores.iter().enumerate().map(|(class, scores)| {
            let own: Vec<bool> = outcomes.iter().map(|outcome| *outcome == class).collect();
            calibrator(scores, &own)
        });
        let limits = |metric: &Metric| {
            let chunks = chunks(rows)
                .filter_map(|(from, to)| realized(*metric, reference, outcomes, from, to));
            let (lower, upper) = thresholds(chunks);
            (*metric, lower, upper)
        };
        Some(Self {
            calibrators: calibrators.collect(),
            thresholds: Metric::ALL.iter().map(limits).collect(),
            sampled: Metric::ALL
                .iter()
                .map(|metric| sampled(*metric, reference, outcomes))
                .collect(),
        })
    }

    /// Estimates every metric over rows without outcomes.
    #[must_use]
    pub fn estimate(&self, rows: Answered<'_>) -> Vec<MulticlassEstimate> {
        let mut calibrated: Vec<Vec<f64>> = rows
            .scores
            .iter()
            .zip(&self.calibrators)
            .map(|(scores, curve)| {
                scores.iter().map(|score| calibrate(curve.as_ref(), *score)).collect()
            })
            .collect();
        // The classes of a row make up 1 again; a row without any share has all alike.
        let classes = float(calibrated.len());
        for row in 0..rows.answers.len() {
            let all: f64 = calibrated.iter().filter_map(|class| class.get(row)).sum();
            for share in calibrated.iter_mut().filter_map(|class| class.get_mut(row)) {
                *share = if all == 0.0 { 1.0 / classes } else { *share / all };
            }
        }
        let of = |metric: Metric| match metric {
            Metric::Accuracy => {
                let own = rows
                    .answers
                    .iter()
                    .enumerate()
                    .filter_map(|(row, answer)| calibrated.get(*answer)?.get(row));
                own.sum::<f64>() / float(rows.answers.len())
            }
            metric => {
                let each = calibrated.iter().zip(rows.scores).enumerate().map(
                    |(class, (shares, scores))| {
                        if metric == Metric::Auroc {
                            return expected_auroc(scores, shares);
                        }
                        metric.of(&expected(
                            shares,
                            rows.answers.iter().map(|answer| *answer == class),
                        ))
                    },
                );
                each.sum::<f64>() / classes
            }
        };
        let count = float(rows.answers.len());
        let error = |parts: &Vec<(f64, f64)>| {
            let squares = parts.iter().map(|(deviation, part)| deviation.powi(2) / (count * part));
            squares.sum::<f64>().sqrt() / float(parts.len())
        };
        let each = self.thresholds.iter().zip(&self.sampled);
        each.map(|(&(metric, lower_threshold, upper_threshold), parts)| MulticlassEstimate {
            metric,
            value: of(metric),
            sampling_error: error(parts),
            lower_threshold,
            upper_threshold,
        })
        .collect()
    }
}

/// What the sampling error of a metric is made of: of each class against all others.
fn sampled(metric: Metric, rows: Answered<'_>, outcomes: &[usize]) -> Vec<(f64, f64)> {
    if metric == Metric::Accuracy {
        let pairs = rows.answers.iter().zip(outcomes);
        let right: Vec<f64> = pairs.map(|(a, o)| f64::from(u8::from(a == o))).collect();
        return vec![(deviation(&right), 1.0)];
    }
    let of = |(class, scores): (usize, &Vec<f64>)| {
        let answers: Vec<bool> = rows.answers.iter().map(|answer| *answer == class).collect();
        let outcomes: Vec<bool> = outcomes.iter().map(|outcome| *outcome == class).collect();
        sampling(metric, Known { scores, answers: &answers, outcomes: &outcomes })
    };
    rows.scores.iter().enumerate().map(of).collect()
}

/// The metric with outcomes, over some rows; `None` if a class is not among them.
fn realized(
    metric: Metric,
    rows: Answered<'_>,
    outcomes: &[usize],
    from: usize,
    to: usize,
) -> Option<f64> {
    let (answers, outcomes) = (rows.answers.get(from..to)?, outcomes.get(from..to)?);
    if metric == Metric::Accuracy {
        let right =
            answers.iter().zip(outcomes).filter(|(answer, outcome)| answer == outcome).count();
        return Some(float(right) / float(answers.len()));
    }
    let each = rows.scores.iter().enumerate().map(|(class, scores)| {
        let own = outcomes.iter().map(|outcome| *outcome == class);
        if metric == Metric::Auroc {
            let scored: Vec<(f64, bool)> = scores.get(from..to)?.iter().copied().zip(own).collect();
            return auroc(&scored, 0.95).map(|found| found.value);
        }
        let pairs = answers.iter().map(|answer| *answer == class).zip(own);
        Some(metric.of(&Confusion::count(pairs)))
    });
    let each: Option<Vec<f64>> = each.collect();
    each.map(|each| each.iter().sum::<f64>() / float(rows.scores.len()))
}
