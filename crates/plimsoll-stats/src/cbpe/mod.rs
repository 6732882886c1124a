//! Performance before outcomes are known: confidence-based performance estimation (CBPE), with
//! the numbers of NannyML 0.13.
//!
//! If scores are calibrated, a score of 0.8 is right four times in five, and so the expected
//! confusion matrix follows from scores alone. Scores are calibrated on a reference with outcomes
//! first, if that helps. It rests on the relation between scores and outcomes being what it was:
//! **concept drift and poisoned outcomes do not show in it**. The gap between estimated and
//! realized performance does show them.
//!
//! Equal scores may come in another order in NannyML, whose sort is not stable; the decision to
//! calibrate, the sampling error of AUROC and the AUROC of several classes can differ by that.

mod isotonic;
mod multiclass;
mod shuffle;

pub use isotonic::Isotonic;
pub use multiclass::{Answered, MulticlassCbpe, MulticlassEstimate};

use crate::performance::{Confusion, auroc};
use crate::special::{Sum, float};
use serde::Serialize;

/// Chunks of the reference that the thresholds come from.
const CHUNKS: usize = 10;

/// Reference rows below which nothing is estimated: two to test on in each of ten splits.
const ROWS_MIN: usize = 20;

/// What is estimated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// The area under the ROC curve.
    Auroc,
    /// The share of right answers.
    Accuracy,
    /// Precision.
    Precision,
    /// Recall.
    Recall,
    /// Specificity.
    Specificity,
    /// F1.
    F1,
}

impl Metric {
    /// Every metric.
    pub const ALL: &'static [Self] =
        &[Self::Auroc, Self::Accuracy, Self::Precision, Self::Recall, Self::Specificity, Self::F1];

    /// Its value of a confusion matrix; AUROC is not one of those.
    fn of(self, confusion: &Confusion) -> f64 {
        match self {
            Self::Auroc => f64::NAN,
            Self::Accuracy => confusion.accuracy(),
            Self::Precision => confusion.precision(),
            Self::Recall => confusion.recall(),
            Self::Specificity => confusion.specificity(),
            Self::F1 => confusion.f1(),
        }
    }
}

/// Rows with outcomes: the model's score of each, its answer, what was right.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// Scores, 0 to 1.
    pub scores: &'a [f64],
    /// Answers.
    pub answers: &'a [bool],
    /// Outcomes.
    pub outcomes: &'a [bool],
}

/// An estimate of one metric over some rows.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Estimate {
    /// The metric.
    pub metric: Metric,
    /// Its estimated value.
    pub value: f64,
    /// The standard error from so many rows being few; the band is three of them.
    pub sampling_error: f64,
    /// Below this the estimate is an alert: mean - 3 standard deviations of the reference's
    /// chunks.
    pub lower_threshold: f64,
    /// Above this as well.
    pub upper_threshold: f64,
}

impl Estimate {
    /// Whether the estimate is beyond a threshold.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.value < self.lower_threshold || self.value > self.upper_threshold
    }
}

/// CBPE of a yes-or-no model.
#[derive(Clone, PartialEq, Debug)]
pub struct Cbpe {
    calibrator: Option<Isotonic>,
    metrics: Vec<Fitted>,
}

/// A metric's thresholds, and its sampling error: deviation and fraction of the reference.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Fitted {
    metric: Metric,
    deviation: f64,
    fraction: f64,
    lower: f64,
    upper: f64,
}

impl Cbpe {
    /// Fits on a reference; `None` if it has fewer than twenty rows, or not as many answers and
    /// outcomes as scores, or a score that is no number.
    #[must_use]
    pub fn fit(known: Known<'_>) -> Option<Self> {
        let rows = known.scores.len();
        let fits = known.answers.len() == rows && known.outcomes.len() == rows;
        if !fits || rows < ROWS_MIN || known.scores.iter().any(|score| score.is_nan()) {
            return None;
        }
        let fitted = |metric: &Metric| {
            let (deviation, fraction) = sampling(*metric, known);
            let (lower, upper) = thresholds(
                chunks(rows).filter_map(|(from, to)| realized(*metric, known, from, to)),
            );
            Fitted { metric: *metric, deviation, fraction, lower, upper }
        };
        let metrics = Metric::ALL.iter().map(fitted).collect();
        Some(Self { calibrator: calibrator(known.scores, known.outcomes), metrics })
    }

    /// Whether calibration was found to help.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.calibrator.is_some()
    }

    /// Estimates every metric over rows without outcomes.
    #[must_use]
    pub fn estimate(&self, scores: &[f64], answers: &[bool]) -> Vec<Estimate> {
        let calibrated: Vec<f64> =
            scores.iter().map(|score| calibrate(self.calibrator.as_ref(), *score)).collect();
        let confusion = expected(&calibrated, answers.iter().copied());
        let estimate = |fitted: &Fitted| Estimate {
            metric: fitted.metric,
            value: match fitted.metric {
                Metric::Auroc => expected_auroc(scores, &calibrated),
                metric => metric.of(&confusion),
            },
            sampling_error: fitted.deviation / (float(scores.len()) * fitted.fraction).sqrt(),
            lower_threshold: fitted.lower,
            upper_threshold: fitted.upper,
        };
        self.metrics.iter().map(estimate).collect()
    }
}

fn calibrate(calibrator: Option<&Isotonic>, score: f64) -> f64 {
    calibrator.map_or(score, |curve| curve.at(score))
}

/// NannyML's chunks by default: a tenth of the rows each, and what is left over.
fn chunks(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let size = (rows / CHUNKS).max(1);
    (0..rows).step_by(size).map(move |from| (from, (from + size).min(rows)))
}

/// Mean ± 3 standard deviations (of a population), within 0 to 1.
fn thresholds(realized: impl Iterator<Item = f64>) -> (f64, f64) {
    let realized: Vec<f64> = realized.collect();
    let mean = Sum::of(realized.iter().copied()) / float(realized.len());
    let spread = 3.0 * deviation(&realized);
    ((mean - spread).max(0.0), (mean + spread).min(1.0))
}

fn deviation(values: &[f64]) -> f64 {
    let n = float(values.len());
    let mean = Sum::of(values.iter().copied()) / n;
    (Sum::of(values.iter().map(|value| (value - mean).powi(2))) / n).sqrt()
}

/// The metric with outcomes; `None` where there is none.
fn realized(metric: Metric, known: Known<'_>, from: usize, to: usize) -> Option<f64> {
    let (scores, answers) = (known.scores.get(from..to)?, known.answers.get(from..to)?);
    let outcomes = known.outcomes.get(from..to)?;
    if metric == Metric::Auroc {
        let scored: Vec<(f64, bool)> =
            scores.iter().copied().zip(outcomes.iter().copied()).collect();
        return auroc(&scored, 0.95).map(|found| found.value);
    }
    let pairs = answers.iter().copied().zip(outcomes.iter().copied());
    Some(metric.of(&Confusion::count(pairs)))
}

/// The expected confusion matrix.
fn expected(calibrated: &[f64], answers: impl Iterator<Item = bool>) -> Confusion {
    let mut confusion = Confusion::default();
    for (p, answer) in calibrated.iter().zip(answers) {
        if answer {
            confusion.true_positives += p;
            confusion.false_positives += 1.0 - p;
        } else {
            confusion.false_negatives += p;
            confusion.true_negatives += 1.0 - p;
        }
    }
    confusion
}

/// The expected area under the ROC curve: rows by falling score, expected positives and negatives
/// up to each, rounded to five decimals as NannyML does. Rows with equal scores are one step, so
/// that their order does not matter.
fn expected_auroc(scores: &[f64], calibrated: &[f64]) -> f64 {
    let mut rows: Vec<(f64, f64)> =
        scores.iter().copied().zip(calibrated.iter().copied()).collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let round = |value: f64| (value * 1e5).round_ties_even() / 1e5;
    let (mut positives, mut seen, mut area) = (0.0, 0.0, Sum::default());
    let mut before = (0.0, 0.0);
    for step in rows.chunk_by(|a, b| a.0 == b.0) {
        positives += step.iter().map(|(_, p)| p).sum::<f64>();
        seen += float(step.len());
        let here = (round(seen - positives), round(positives));
        area.add((here.0 - before.0) * f64::midpoint(here.1, before.1));
        before = here;
    }
    area.get() / (before.0 * before.1)
}

/// A calibrator, if calibration makes the calibration error smaller on rows held out.
fn calibrator(scores: &[f64], outcomes: &[bool]) -> Option<Isotonic> {
    let scored: Vec<(f64, bool)> = scores.iter().copied().zip(outcomes.iter().copied()).collect();
    // One class alone cannot be calibrated, and what is nearly perfect need not.
    if auroc(&scored, 0.95)?.value > 0.999 {
        return None;
    }
    let points = |rows: &[usize]| -> Vec<(f64, f64)> {
        let point =
            |row: &usize| scored.get(*row).map(|(score, outcome)| (*score, f64::from(*outcome)));
        rows.iter().filter_map(point).collect()
    };
    let (mut raw, mut calibrated) = (Vec::new(), Vec::new());
    for split in shuffle::splits(outcomes) {
        let curve = Isotonic::fit(points(&split.train))?;
        let test = points(&split.test);
        calibrated.extend(test.iter().map(|(score, outcome)| (curve.at(*score), *outcome)));
        raw.extend(test);
    }
    let helps = isotonic::calibration_error(raw) > isotonic::calibration_error(calibrated);
    helps.then(|| Isotonic::fit(points(&(0..scores.len()).collect::<Vec<_>>()))).flatten()
}

/// What the sampling error of a metric is made of: the deviation of one row's part in it over the
/// reference, and the share of rows that have one.
fn sampling(metric: Metric, known: Known<'_>) -> (f64, f64) {
    let rows = float(known.scores.len());
    let pairs = || known.answers.iter().copied().zip(known.outcomes.iter().copied());
    let of = |counts: fn(bool, bool) -> Option<bool>| -> Vec<f64> {
        pairs().filter_map(|(answer, outcome)| counts(answer, outcome)).map(f64::from).collect()
    };
    match metric {
        Metric::Auroc => placements(known),
        Metric::Accuracy => (deviation(&of(|answer, outcome| Some(answer == outcome))), 1.0),
        Metric::Precision => {
            let parts = of(|answer, outcome| answer.then_some(outcome));
            (deviation(&parts), float(parts.len()) / rows)
        }
        Metric::Recall => {
            let parts = of(|answer, outcome| outcome.then_some(answer));
            (deviation(&parts), float(parts.len()) / rows)
        }
        Metric::Specificity => {
            let parts = of(|answer, outcome| (!outcome).then_some(!answer));
            (deviation(&parts), float(parts.len()) / rows)
        }
        Metric::F1 => {
            let parts = of(|answer, outcome| (answer || outcome).then_some(answer && outcome));
            let right: f64 = parts.iter().sum();
            let all = float(parts.len());
            let factor = all / ((all - right) * 0.5 + right);
            (deviation(&parts) * factor, all / rows)
        }
    }
}

/// Of each positive the share of negatives below it, of the rarer class.
fn placements(known: Known<'_>) -> (f64, f64) {
    let rows = float(known.scores.len());
    let positives = known.outcomes.iter().filter(|outcome| **outcome).count();
    let flips = float(positives) / rows > 0.5;
    let mut scored: Vec<(f64, bool)> = known
        .scores
        .iter()
        .zip(known.outcomes)
        .map(|(score, outcome)| if flips { (1.0 - score, !outcome) } else { (*score, *outcome) })
        .collect();
    scored.sort_by(|a, b| a.0.total_cmp(&b.0));
    let count = scored.iter().filter(|(_, outcome)| *outcome).count();
    let negatives = rows - float(count);
    // Row 0 cannot be told from no row in NannyML's way of listing them, and is left out.
    let ranks = scored.iter().enumerate().filter(|(rank, (_, outcome))| *outcome && *rank > 0);
    let shares: Vec<f64> =
        ranks.enumerate().map(|(before, (rank, _))| float(rank - before) / negatives).collect();
    (deviation(&shares), float(count) / rows)
}
