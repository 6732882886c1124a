//! Realized performance: how good the answers were, once outcomes are known, and how sure that is.

use crate::special::{Sum, float, normal_quantile};

/// Right and wrong answers of a yes-or-no model: as counts with outcomes, as expectations
/// without.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Confusion {
    /// Yes, and rightly.
    pub true_positives: f64,
    /// Yes, wrongly.
    pub false_positives: f64,
    /// No, wrongly.
    pub false_negatives: f64,
    /// No, and rightly.
    pub true_negatives: f64,
}

/// A ratio; 0 of nothing, as scikit-learn and NannyML have it.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

impl Confusion {
    /// Counts of answers and what they should have been.
    pub fn count(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut confusion = Self::default();
        for (answer, outcome) in pairs {
            *match (answer, outcome) {
                (true, true) => &mut confusion.true_positives,
                (true, false) => &mut confusion.false_positives,
                (false, true) => &mut confusion.false_negatives,
                (false, false) => &mut confusion.true_negatives,
            } += 1.0;
        }
        confusion
    }
    /// How many there are.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.true_positives + self.false_positives + self.false_negatives + self.true_negatives
    }
    /// The share of right answers.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio(self.true_positives + self.true_negatives, self.total())
    }
    /// Of those said yes to, the share rightly.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }
    /// Of those to be said yes to, the share that was.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }
    /// Of those to be said no to, the share that was.
    #[must_use]
    pub fn specificity(&self) -> f64 {
        ratio(self.true_negatives, self.true_negatives + self.false_positives)
    }
    /// The harmonic mean of precision and recall.
    #[must_use]
    pub fn f1(&self) -> f64 {
        let wrong = self.false_positives + self.false_negatives;
        ratio(self.true_positives, self.true_positives + 0.5 * wrong)
    }
    /// The share said yes to.
    #[must_use]
    pub fn selection_rate(&self) -> f64 {
        ratio(self.true_positives + self.false_positives, self.total())
    }
    /// Of those to be said no to, the share said yes to.
    #[must_use]
    pub fn false_positive_rate(&self) -> f64 {
        ratio(self.false_positives, self.false_positives + self.true_negatives)
    }
}

/// A value with what it may as well be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Interval {
    /// The value.
    pub value: f64,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// The share `hits` of `all` with Wilson's interval at this confidence, 0 to 1; `None` of
/// nothing.
#[must_use]
pub fn share(hits: f64, all: f64, confidence: f64) -> Option<Interval> {
    if all <= 0.0 {
        return None;
    }
    let z = normal_quantile(f64::midpoint(1.0, confidence));
    let (p, z2) = (hits / all, z * z);
    let middle = (p + z2 / (2.0 * all)) / (1.0 + z2 / all);
    let half = z / (1.0 + z2 / all) * (p * (1.0 - p) / all + z2 / (4.0 * all * all)).sqrt();
    Some(Interval { value: p, lower: (middle - half).max(0.0), upper: (middle + half).min(1.0) })
}

/// The mean of errors (or squared, or any other loss) with its normal interval; `None` below two.
#[must_use]
pub fn mean(losses: &[f64], confidence: f64) -> Option<Interval> {
    if losses.len() < 2 {
        return None;
    }
    let n = float(losses.len());
    let value = Sum::of(losses.iter().copied()) / n;
    let variance = Sum::of(losses.iter().map(|loss| (loss - value).powi(2))) / (n - 1.0);
    let half = normal_quantile(f64::midpoint(1.0, confidence)) * (variance / n).sqrt();
    Some(Interval { value, lower: value - half, upper: value + half })
}

/// The area under the ROC curve with DeLong's interval; `None` if there is one class only.
///
/// It is the share of pairs of a positive and a negative in which the positive has the higher
/// score, ties half (DeLong, DeLong and Clarke-Pearson 1988).
#[must_use]
pub fn auroc(scored: &[(f64, bool)], confidence: f64) -> Option<Interval> {
    let side = |wanted| {
        let scores =
            scored.iter().filter(|(_, outcome)| *outcome == wanted).map(|(score, _)| *score);
        let mut scores: Vec<f64> = scores.collect();
        scores.sort_by(f64::total_cmp);
        scores
    };
    let (positives, negatives) = (side(true), side(false));
    if positives.is_empty() || negatives.is_empty() {
        return None;
    }
    // The share of the other class below each score.
    let placements = |own: &[f64], other: &[f64]| -> Vec<f64> {
        let below = |score: &f64| {
            let less = other.partition_point(|o| o < score);
            let up_to = other.partition_point(|o| o <= score);
            float(less + up_to) / 2.0 / float(other.len())
        };
        own.iter().map(below).collect()
    };
    let of_positives = placements(&positives, &negatives);
    let of_negatives = placements(&negatives, &positives);
    let value = Sum::of(of_positives.iter().copied()) / float(positives.len());
    let variance = |placements: &[f64], center: f64| {
        let n = float(placements.len());
        if n < 2.0 {
            0.0
        } else {
            Sum::of(placements.iter().map(|p| (p - center).powi(2))) / (n - 1.0) / n
        }
    };
    let spread = variance(&of_positives, value) + variance(&of_negatives, 1.0 - value);
    let half = normal_quantile(f64::midpoint(1.0, confidence)) * spread.sqrt();
    Some(Interval { value, lower: (value - half).max(0.0), upper: (value + half).min(1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_interval() {
        // statsmodels: proportion_confint(8, 10, method="wilson").
        let found = share(8.0, 10.0, 0.95).unwrap();
        assert!((found.lower - 0.490_162_471_536_641_7).abs() < 1e-12, "{found:?}");
        assert!((found.upper - 0.943_317_848_545_662_7).abs() < 1e-9, "{found:?}");
        assert_eq!(share(0.0, 0.0, 0.95), None);
    }

    #[test]
    fn a_perfect_order_is_one_and_ties_are_half() {
        let scored = [(0.1, false), (0.2, false), (0.8, true), (0.9, true)];
        assert_eq!(auroc(&scored, 0.95).unwrap().value, 1.0);
        assert_eq!(auroc(&[(0.5, true), (0.5, false)], 0.95).unwrap().value, 0.5);
        assert_eq!(auroc(&[(0.5, true)], 0.95), None);
    }

    #[test]
    fn nothing_is_zero() {
        let none = Confusion::default();
        assert_eq!((none.accuracy(), none.precision(), none.f1()), (0.0, 0.0, 0.0));
        let some = Confusion::count([(true, true), (true, false), (false, false), (false, true)]);
        assert_eq!(
            (some.accuracy(), some.recall(), some.specificity(), some.f1()),
            (0.5, 0.5, 0.5, 0.5)
        );
    }
}
