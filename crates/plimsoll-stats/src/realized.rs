//! Realized performance as a list of measures with intervals: of yes-or-no answers, of classes,
//! of quantities, of rankings. Values are scikit-learn's; where it leaves a measure open (one
//! class only, no spread), it is left out.

use crate::performance::{Confusion, Interval, auroc, mean, share};
use crate::special::{Sum, float, normal_quantile};
use serde::Serialize;
use std::collections::BTreeMap;

/// A measure of how good answers are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// The share of right answers.
    Accuracy,
    /// Of those said yes to, the share rightly.
    Precision,
    /// Of those to be said yes to, the share that was.
    Recall,
    /// Of those to be said no to, the share that was.
    Specificity,
    /// The harmonic mean of precision and recall.
    F1,
    /// The area under the ROC curve.
    Auroc,
    /// The area under the precision-recall curve, as steps.
    AveragePrecision,
    /// The mean of minus the logarithm of the probability that what was true was given.
    LogLoss,
    /// The mean squared difference of probability and outcome.
    Brier,
    /// The expected calibration error over ten bins of equal width.
    CalibrationError,
    /// The mean value of an answer, in the currency of the declared values.
    BusinessValue,
    /// Mean absolute error, in the unit of the outcome.
    Mae,
    /// Median absolute error, in the unit of the outcome.
    MedianAe,
    /// Root of the mean squared error, in the unit of the outcome.
    Rmse,
    /// Mean absolute error as a share of the outcome.
    Mape,
    /// The mean of answer less outcome, in its unit.
    Bias,
    /// The share of the outcomes' variance that answers explain.
    R2,
    /// Normalized discounted cumulative gain.
    Ndcg,
    /// The mean of one over the place of the first relevant item.
    Mrr,
    /// The mean of the average precision of each ranking.
    MeanAveragePrecision,
    /// The share of relevant items among the first.
    PrecisionAt,
}

impl Measure {
    /// The name on the wire and in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::Specificity => "specificity",
            Self::F1 => "f1",
            Self::Auroc => "auroc",
            Self::AveragePrecision => "average_precision",
            Self::LogLoss => "log_loss",
            Self::Brier => "brier",
            Self::CalibrationError => "calibration_error",
            Self::BusinessValue => "business_value",
            Self::Mae => "mae",
            Self::MedianAe => "median_ae",
            Self::Rmse => "rmse",
            Self::Mape => "mape",
            Self::Bias => "bias",
            Self::R2 => "r2",
            Self::Ndcg => "ndcg",
            Self::Mrr => "mrr",
            Self::MeanAveragePrecision => "mean_average_precision",
            Self::PrecisionAt => "precision_at",
        }
    }
}

/// A measure's value, and what it may as well be, where that is known.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// What was measured.
    pub measure: Measure,
    /// Its value.
    pub value: f64,
    /// The lower and upper end.
    pub interval: Option<(f64, f64)>,
}

impl Measured {
    fn of(measure: Measure, found: Interval) -> Self {
        Self { measure, value: found.value, interval: Some((found.lower, found.upper)) }
    }
    const fn alone(measure: Measure, value: f64) -> Self {
        Self { measure, value, interval: None }
    }
}

/// A yes-or-no answer with its outcome.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Said {
    /// The probability of yes, 0 to 1; or a score of any range, of which only the order counts.
    pub score: f64,
    /// What was answered.
    pub answer: bool,
    /// What was true.
    pub outcome: bool,
}

/// What an answer is worth, by answer and outcome, in any currency.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Worth {
    /// Yes, and rightly.
    pub true_positive: f64,
    /// Yes, wrongly.
    pub false_positive: f64,
    /// No, wrongly.
    pub false_negative: f64,
    /// No, and rightly.
    pub true_negative: f64,
}

impl Worth {
    const fn of(&self, said: &Said) -> f64 {
        match (said.answer, said.outcome) {
            (true, true) => self.true_positive,
            (true, false) => self.false_positive,
            (false, true) => self.false_negative,
            (false, false) => self.true_negative,
        }
    }
}

/// Measures of yes-or-no answers. Those of probabilities only if every score is one.
#[must_use]
pub fn binary(rows: &[Said], worth: Option<&Worth>, confidence: f64) -> Vec<Measured> {
    let confusion = Confusion::count(rows.iter().map(|said| (said.answer, said.outcome)));
    let Confusion { true_positives: tp, false_positives: fp, .. } = confusion;
    let Confusion { false_negatives: fnn, true_negatives: tn, .. } = confusion;
    let shares = [
        (Measure::Accuracy, tp + tn, confusion.total()),
        (Measure::Precision, tp, tp + fp),
        (Measure::Recall, tp, tp + fnn),
        (Measure::Specificity, tn, tn + fp),
    ];
    let mut found: Vec<Measured> = shares
        .into_iter()
        .filter_map(|(measure, hits, all)| {
            share(hits, all, confidence).map(|share| Measured::of(measure, share))
        })
        .collect();
    found.extend(f1(&confusion, confidence).map(|f1| Measured::of(Measure::F1, f1)));
    let scored: Vec<(f64, bool)> = rows.iter().map(|said| (said.score, said.outcome)).collect();
    found.extend(auroc(&scored, confidence).map(|area| Measured::of(Measure::Auroc, area)));
    found.extend(
        average_precision(&scored).map(|area| Measured::alone(Measure::AveragePrecision, area)),
    );
    if rows.iter().all(|said| (0.0..=1.0).contains(&said.score)) {
        let losses: Vec<f64> = scored.iter().map(|(p, outcome)| log_loss(*p, *outcome)).collect();
        let squares: Vec<f64> =
            scored.iter().map(|(p, outcome)| (p - f64::from(*outcome)).powi(2)).collect();
        for (measure, losses) in [(Measure::LogLoss, losses), (Measure::Brier, squares)] {
            found.extend(mean(&losses, confidence).map(|loss| Measured::of(measure, loss)));
        }
        let error = Reliability::of(&scored, confidence).error;
        found.push(Measured::alone(Measure::CalibrationError, error));
    }
    if let Some(worth) = worth {
        let values: Vec<f64> = rows.iter().map(|said| worth.of(said)).collect();
        found.extend(
            mean(&values, confidence).map(|value| Measured::of(Measure::BusinessValue, value)),
        );
    }
    found
}

/// Minus the logarithm of the probability of what was true, as scikit-learn clips it.
fn log_loss(p: f64, outcome: bool) -> f64 {
    let p = if outcome { p } else { 1.0 - p };
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// F1 with an interval by the delta method over the four shares of the confusion matrix.
fn f1(confusion: &Confusion, confidence: f64) -> Option<Interval> {
    let n = confusion.total();
    let hits = confusion.true_positives / n;
    let wrong = (confusion.false_positives + confusion.false_negatives) / n;
    let whole = 2.0 * hits + wrong;
    if n < 1.0 || whole <= 0.0 {
        return None;
    }
    let (by_hit, by_wrong) = (2.0 * wrong / whole.powi(2), -2.0 * hits / whole.powi(2));
    let drift = by_hit * hits + by_wrong * wrong;
    let variance = by_hit.powi(2) * hits + by_wrong.powi(2) * wrong - drift.powi(2);
    Some(around(2.0 * hits / whole, variance.max(0.0) / n, confidence, (0.0, 1.0)))
}

/// A value with its normal interval, within bounds.
fn around(value: f64, variance: f64, confidence: f64, (least, most): (f64, f64)) -> Interval {
    let half = normal_quantile(f64::midpoint(1.0, confidence)) * variance.sqrt();
    Interval { value, lower: (value - half).max(least), upper: (value + half).min(most) }
}

/// The area under the precision-recall curve as steps; rows with equal scores are one. `None`
/// without a positive.
#[must_use]
pub fn average_precision(scored: &[(f64, bool)]) -> Option<f64> {
    let all = scored.iter().filter(|(_, outcome)| *outcome).count();
    if all == 0 {
        return None;
    }
    let mut rows = scored.to_vec();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut seen, mut hits, mut area) = (0, 0, Sum::default());
    for step in rows.chunk_by(|a, b| a.0 == b.0) {
        let more = step.iter().filter(|(_, outcome)| *outcome).count();
        (seen, hits) = (seen + step.len(), hits + more);
        area.add(float(more) / float(all) * (float(hits) / float(seen)));
    }
    Some(area.get())
}

/// How far probabilities are from what happens, in bins of scores.
#[derive(Clone, PartialEq, Debug)]
pub struct Reliability {
    /// The bins that have rows, by rising score.
    pub bins: Vec<Bin>,
    /// The expected calibration error: the mean distance of both, weighted by rows.
    pub error: f64,
}

/// Rows with similar scores.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Bin {
    /// Scores from here on.
    pub from: f64,
    /// Scores up to here; the last bin's own end is in it.
    pub to: f64,
    /// How many.
    pub rows: usize,
    /// Their mean score.
    pub score: f64,
    /// The share of outcomes that were yes, with Wilson's interval.
    pub outcome: Interval,
}

/// Bins of equal width: as many as people draw.
const BINS: usize = 10;

impl Reliability {
    /// Of probabilities and outcomes.
    #[must_use]
    pub fn of(scored: &[(f64, bool)], confidence: f64) -> Self {
        let mut sums = [(0_usize, 0_usize, Sum::default()); BINS];
        for (score, outcome) in scored {
            let place = crate::special::whole(score.clamp(0.0, 1.0) * float(BINS)).min(BINS - 1);
            if let Some((rows, hits, sum)) = sums.get_mut(place) {
                *rows += 1;
                *hits += usize::from(*outcome);
                sum.add(*score);
            }
        }
        let width = 1.0 / float(BINS);
        let bins = sums.iter().enumerate().filter_map(|(place, (rows, hits, sum))| {
            let outcome = share(float(*hits), float(*rows), confidence)?;
            let from = float(place) * width;
            let score = sum.get() / float(*rows);
            Some(Bin { from, to: from + width, rows: *rows, score, outcome })
        });
        let bins: Vec<Bin> = bins.collect();
        let off = bins.iter().map(|bin| float(bin.rows) * (bin.outcome.value - bin.score).abs());
        let error = Sum::of(off) / float(scored.len().max(1));
        Self { bins, error }
    }
}

/// An answer of one class of several, with its outcome.
#[derive(Clone, PartialEq, Debug)]
pub struct Chosen {
    /// The probability of each class, if the model gives them.
    pub scores: Vec<f64>,
    /// The class that was answered.
    pub answer: usize,
    /// The class that was true.
    pub outcome: usize,
}

/// Measures of answers that are one of several classes: precision, recall, F1 and AUROC are means
/// over the classes that are answered or true.
#[must_use]
pub fn multiclass(rows: &[Chosen], confidence: f64) -> Vec<Measured> {
    let right = rows.iter().filter(|row| row.answer == row.outcome).count();
    let accuracy = share(float(right), float(rows.len()), confidence);
    let mut found: Vec<Measured> =
        accuracy.map(|share| Measured::of(Measure::Accuracy, share)).into_iter().collect();
    let classes: std::collections::BTreeSet<usize> =
        rows.iter().flat_map(|row| [row.answer, row.outcome]).collect();
    let each: Vec<Confusion> = classes
        .iter()
        .map(|class| {
            Confusion::count(rows.iter().map(|row| (row.answer == *class, row.outcome == *class)))
        })
        .collect();
    let over = |of: fn(&Confusion) -> f64| Sum::of(each.iter().map(of)) / float(each.len().max(1));
    found.push(Measured::alone(Measure::Precision, over(Confusion::precision)));
    found.push(Measured::alone(Measure::Recall, over(Confusion::recall)));
    found.push(Measured::alone(Measure::F1, over(Confusion::f1)));
    let of_class = |class: usize| -> Option<f64> {
        let scored: Option<Vec<(f64, bool)>> =
            rows.iter().map(|row| Some((*row.scores.get(class)?, row.outcome == class))).collect();
        auroc(&scored?, confidence).map(|area| area.value)
    };
    let width = rows.first().map_or(0, |row| row.scores.len());
    let areas: Option<Vec<f64>> = (0..width).map(of_class).collect();
    if let Some(areas) = areas.filter(|areas| areas.len() > 1) {
        let macro_mean = Sum::of(areas.iter().copied()) / float(areas.len());
        found.push(Measured::alone(Measure::Auroc, macro_mean));
    }
    let losses: Option<Vec<f64>> =
        rows.iter().map(|row| row.scores.get(row.outcome).map(|p| log_loss(*p, true))).collect();
    if let Some(losses) = losses.filter(|_| width > 1) {
        found.extend(mean(&losses, confidence).map(|loss| Measured::of(Measure::LogLoss, loss)));
    }
    found
}

/// Measures of quantities: pairs of answer and outcome.
#[must_use]
pub fn regression(rows: &[(f64, f64)], confidence: f64) -> Vec<Measured> {
    let errors: Vec<f64> = rows.iter().map(|(answer, outcome)| answer - outcome).collect();
    let sizes: Vec<f64> = errors.iter().map(|error| error.abs()).collect();
    let squares: Vec<f64> = errors.iter().map(|error| error * error).collect();
    let shares: Vec<f64> = sizes
        .iter()
        .zip(rows)
        .map(|(size, (_, outcome))| size / outcome.abs().max(f64::EPSILON))
        .collect();
    let mut found = Vec::new();
    let means = [(Measure::Mae, &sizes), (Measure::Mape, &shares), (Measure::Bias, &errors)];
    for (measure, values) in means {
        found.extend(mean(values, confidence).map(|mean| Measured::of(measure, mean)));
    }
    if let Some(square) = mean(&squares, confidence) {
        let (lower, upper) = (square.lower.max(0.0).sqrt(), square.upper.sqrt());
        let interval = Interval { value: square.value.sqrt(), lower, upper };
        found.push(Measured::of(Measure::Rmse, interval));
    }
    found.extend(median(sizes).map(|value| Measured::alone(Measure::MedianAe, value)));
    found.extend(r2(rows, confidence).map(|r2| Measured::of(Measure::R2, r2)));
    found
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The explained share of the variance, with an interval by its influence function; `None` if
/// outcomes do not vary.
fn r2(rows: &[(f64, f64)], confidence: f64) -> Option<Interval> {
    let n = float(rows.len());
    if rows.len() < 2 {
        return None;
    }
    let center = Sum::of(rows.iter().map(|(_, outcome)| *outcome)) / n;
    let spread = Sum::of(rows.iter().map(|(_, outcome)| (outcome - center).powi(2))) / n;
    let error = Sum::of(rows.iter().map(|(answer, outcome)| (answer - outcome).powi(2))) / n;
    if spread <= 0.0 {
        return None;
    }
    let influence = rows.iter().map(|(answer, outcome)| {
        let square = (answer - outcome).powi(2);
        let apart = (outcome - center).powi(2);
        (-(square - error) / spread + error * (apart - spread) / spread.powi(2)).powi(2)
    });
    let variance = Sum::of(influence) / n / n;
    Some(around(1.0 - error / spread, variance, confidence, (f64::NEG_INFINITY, 1.0)))
}

/// Measures of rankings: of each its items' scores and relevances. Those of the first `at` items.
#[must_use]
pub fn ranking(rankings: &[Vec<(f64, f64)>], at: usize, confidence: f64) -> Vec<Measured> {
    let mut by_measure: BTreeMap<Measure, Vec<f64>> = BTreeMap::new();
    for items in rankings {
        let mut add = |measure, value: Option<f64>| {
            by_measure.entry(measure).or_default().extend(value);
        };
        add(Measure::Ndcg, ndcg(items, at));
        let relevant: Vec<(f64, bool)> =
            items.iter().map(|(score, relevance)| (*score, *relevance > 0.0)).collect();
        add(Measure::MeanAveragePrecision, average_precision(&relevant));
        let mut order = relevant;
        order.sort_by(|a, b| b.0.total_cmp(&a.0));
        let first = order.iter().position(|(_, is_relevant)| *is_relevant);
        add(Measure::Mrr, Some(first.map_or(0.0, |place| 1.0 / float(place + 1))));
        let hits = order.iter().take(at).filter(|(_, is_relevant)| *is_relevant).count();
        add(Measure::PrecisionAt, (at > 0).then(|| float(hits) / float(at)));
    }
    let measured = |(measure, values): (Measure, Vec<f64>)| {
        mean(&values, confidence).map(|mean| Measured::of(measure, mean))
    };
    by_measure.into_iter().filter_map(measured).collect()
}

/// Normalized discounted cumulative gain with linear gains, equal scores sharing their places as
/// scikit-learn has it (McSherry and Najork 2008). `None` if nothing is relevant.
fn ndcg(items: &[(f64, f64)], at: usize) -> Option<f64> {
    let discount = |place: usize| {
        if place < at { 1.0 / (float(place) + 2.0).log2() } else { 0.0 }
    };
    let mut rows = items.to_vec();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut place, mut gained) = (0, Sum::default());
    for ties in rows.chunk_by(|a, b| a.0 == b.0) {
        let gain = Sum::of(ties.iter().map(|(_, relevance)| *relevance)) / float(ties.len());
        gained.add(gain * Sum::of((place..place + ties.len()).map(discount)));
        place += ties.len();
    }
    rows.sort_by(|a, b| b.1.total_cmp(&a.1));
    let best = Sum::of(rows.iter().enumerate().map(|(place, row)| row.1 * discount(place)));
    (best > 0.0).then(|| gained.get() / best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gives_nothing_and_never_a_number_that_is_none() {
        let one = [Said { score: 0.5, answer: true, outcome: true }];
        for found in [
            binary(&[], None, 0.95),
            binary(&one, None, 0.95),
            multiclass(&[], 0.95),
            regression(&[], 0.95),
            regression(&[(1.0, 1.0)], 0.95),
            ranking(&[], 10, 0.95),
            ranking(&[vec![(1.0, 0.0)], vec![]], 10, 0.95),
        ] {
            assert!(found.iter().all(|one| one.value.is_finite()), "{found:?}");
        }
    }

    #[test]
    fn a_calibrated_score_has_no_error() {
        let rows: Vec<(f64, bool)> = (0..100).map(|row| (0.25, row % 4 == 0)).collect();
        let found = Reliability::of(&rows, 0.95);
        assert_eq!((found.error, found.bins.len(), found.bins[0].rows), (0.0, 1, 100));
        assert!(found.bins[0].outcome.lower < 0.25 && found.bins[0].outcome.upper > 0.25);
    }
}
