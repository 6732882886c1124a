//! Tests that may be looked at after every record, and stopped at any time, without the error
//! rate growing: betting e-processes for rates, confidence sequences for means.
//!
//! A fixed-sample p-value looked at after every record is below 0.05 sooner or later, always. The
//! wealth of a fair bet is not: that it ever reaches 1 / alpha has probability at most alpha
//! (Ville's inequality). So wealth is evidence that adds up over time, and can be shown as such:
//! "4,000 to 1".

use crate::special::{Sum, float};

/// The most of its wealth a bet puts at risk.
const STAKE_MAX: f64 = 0.5;

/// Which side of the hypothesis the bet is against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The mean is at most the bound; evidence that it is above.
    Above,
    /// The mean is at least the bound; evidence that it is below.
    Below,
}

/// A bet that the mean of values in 0 to 1 is beyond a bound: an e-process for the hypothesis
/// that it is not, whatever else their distribution is and even if it changes (Waudby-Smith and
/// Ramdas, *Estimating means of bounded random variables by betting*, 2024). Its stake is theirs
/// for fixed `alpha`, chosen from the past alone.
///
/// For the rate of events the values are 1 where it happened and 0 where not.
#[derive(Clone, PartialEq, Debug)]
pub struct Bet {
    side: Side,
    bound: f64,
    alpha: f64,
    /// The logarithm of the wealth, and the highest it has been.
    log_wealth: f64,
    most: f64,
    count: usize,
    sum: f64,
    /// Sum of squared deviations from the mean of the time, each with half a pseudo-observation.
    squares: f64,
}

impl Bet {
    /// A bet against "the mean is not beyond `bound`", 0 < bound < 1, to be decided at `alpha`.
    /// `None` if either is out of range.
    #[must_use]
    pub fn new(side: Side, bound: f64, alpha: f64) -> Option<Self> {
        let is_inside = |value: f64| value > 0.0 && value < 1.0;
        (is_inside(bound) && is_inside(alpha)).then_some(Self {
            side,
            bound,
            alpha,
            log_wealth: 0.0,
            most: 0.0,
            count: 0,
            sum: 0.0,
            squares: 0.0,
        })
    }

    /// Sees the next value, which is brought into 0 to 1; NaN is passed over.
    pub fn see(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let value = value.clamp(0.0, 1.0);
        let (x, bound) = match self.side {
            Side::Above => (value, self.bound),
            Side::Below => (1.0 - value, 1.0 - self.bound),
        };
        let stake = self.stake().min(STAKE_MAX / bound);
        self.log_wealth += (stake * (x - bound)).ln_1p();
        self.most = self.most.max(self.log_wealth);
        self.count += 1;
        self.sum += x;
        let mean = (0.5 + self.sum) / (1.0 + float(self.count));
        self.squares += (x - mean).powi(2);
    }

    /// The predictable plug-in stake: sqrt(2 ln(1/alpha) / (n v)) with the variance so far.
    fn stake(&self) -> f64 {
        let next = float(self.count) + 1.0;
        let variance = (0.25 + self.squares) / next;
        (2.0 * (1.0 / self.alpha).ln() / (variance * next * (next + 1.0).ln())).sqrt()
    }

    /// The wealth: how many to 1 the evidence against the hypothesis is, now.
    #[must_use]
    pub fn wealth(&self) -> f64 {
        self.log_wealth.exp()
    }

    /// Whether the wealth has ever reached 1 / alpha. Once it has, the hypothesis is rejected for
    /// good.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.most >= (1.0 / self.alpha).ln()
    }

    /// A p-value that holds at any time: 1 over the highest wealth.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        (-self.most).exp()
    }

    /// How many values were seen.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}

/// A confidence sequence for the mean of values in 0 to 1: intervals that *all* hold the mean
/// with probability 1 - alpha. The predictable plug-in empirical-Bernstein sequence of
/// Waudby-Smith and Ramdas (2024), theorem 2, as `confseq.predmix` computes it.
#[derive(Clone, PartialEq, Debug)]
pub struct MeanSequence {
    alpha: f64,
    count: usize,
    sum: f64,
    /// Of squared deviations from the mean of the time, with half a pseudo-observation.
    squares: f64,
    /// Sums of stakes, of stakes times values, and of the variance terms of both sides.
    stakes: Sum,
    weighted: Sum,
    lower_terms: Sum,
    upper_terms: Sum,
    lower: f64,
    upper: f64,
}

impl MeanSequence {
    /// A sequence at confidence 1 - `alpha`; `None` unless 0 < alpha < 1.
    #[must_use]
    pub fn new(alpha: f64) -> Option<Self> {
        (alpha > 0.0 && alpha < 1.0).then_some(Self {
            alpha,
            count: 0,
            sum: 0.0,
            squares: 0.0,
            stakes: Sum::default(),
            weighted: Sum::default(),
            lower_terms: Sum::default(),
            upper_terms: Sum::default(),
            lower: 0.0,
            upper: 1.0,
        })
    }

    /// Sees the next value, which is brought into 0 to 1; NaN is passed over.
    pub fn see(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let x = value.clamp(0.0, 1.0);
        let n = float(self.count) + 1.0;
        let variance = (0.25 + self.squares) / n;
        let log = (2.0 / self.alpha).ln();
        let stake = (2.0 * log / (n * (n + 1.0).ln() * variance)).sqrt().min(STAKE_MAX);
        // Deviations are from the mean before this value, so that the stake stays fair; the first
        // is from 0, seen from either side.
        let mean = if self.count == 0 { 0.0 } else { self.sum / float(self.count) };
        let from_below = (x - mean).powi(2);
        let from_above = if self.count == 0 { (1.0 - x).powi(2) } else { from_below };
        let factor = -(-stake).ln_1p() - stake;
        self.stakes.add(stake);
        self.weighted.add(stake * x);
        self.lower_terms.add(from_below * factor);
        self.upper_terms.add(from_above * factor);
        self.count += 1;
        self.sum += x;
        let mean = (0.5 + self.sum) / (n + 1.0);
        self.squares += (x - mean).powi(2);
        let center = self.weighted.get() / self.stakes.get();
        let half = |terms: Sum| (log + terms.get()) / self.stakes.get();
        // Every interval holds the mean, so their intersection does.
        self.lower = self.lower.max(center - half(self.lower_terms));
        self.upper = self.upper.min(center + half(self.upper_terms));
    }

    /// The interval now. Empty (lower above upper) if the values have no common mean.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        (self.lower, self.upper)
    }

    /// How many values were seen.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }
}
