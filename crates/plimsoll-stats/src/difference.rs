//! How far two means are apart, as intervals that may be looked at always: what an experiment
//! compares its arms by.
//!
//! The interval is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and
//! Ramdas (*Time-uniform central limit theory and asymptotic confidence sequences*, 2024, theorem
//! 2.2) for the difference of two means, as `gbstats` computes it: a normal mixture over the
//! standardized sum. It holds at all times together once there are enough units; of rare events in
//! small numbers it says too much, and [`BoundedDifference`] holds for any number of them.
//!
//! A covariate from before the units were assigned takes out what it explains (Deng, Xu, Kohavi
//! and Walker, *Improving the sensitivity of online controlled experiments by utilizing
//! pre-experiment data*, 2013, "CUPED").

use crate::sequential::MeanSequence;
use crate::special::float;

/// What the units of one arm add up to: a number of each, and a covariate beside it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Group {
    count: usize,
    mean: f64,
    /// Sum of squared deviations.
    squares: f64,
    covariate: f64,
    covariate_squares: f64,
    products: f64,
}

impl Group {
    /// Sees a unit: its number, and its covariate (0 where there is none). What is not finite is
    /// passed over.
    pub fn see(&mut self, value: f64, covariate: f64) {
        if !value.is_finite() || !covariate.is_finite() {
            return;
        }
        self.count += 1;
        let n = float(self.count);
        let (from, covariate_from) = (value - self.mean, covariate - self.covariate);
        self.mean += from / n;
        self.covariate += covariate_from / n;
        self.squares += from * (value - self.mean);
        self.covariate_squares += covariate_from * (covariate - self.covariate);
        self.products += from * (covariate - self.covariate);
    }

    /// Both groups as one.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let (a, b) = (float(self.count), float(other.count));
        if a == 0.0 {
            return *other;
        }
        let all = a + b;
        let (apart, covariate_apart) = (other.mean - self.mean, other.covariate - self.covariate);
        let weight = a * b / all;
        Self {
            count: self.count + other.count,
            mean: self.mean + apart * b / all,
            squares: self.squares + other.squares + apart * apart * weight,
            covariate: self.covariate + covariate_apart * b / all,
            covariate_squares: self.covariate_squares
                + other.covariate_squares
                + covariate_apart * covariate_apart * weight,
            products: self.products + other.products + apart * covariate_apart * weight,
        }
    }

    /// How many units were seen.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their mean.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Their variance; 0 of fewer than two.
    #[must_use]
    pub fn variance(&self) -> f64 {
        self.per_degree(self.squares)
    }

    fn per_degree(&self, sum: f64) -> f64 {
        if self.count < 2 { 0.0 } else { sum / float(self.count - 1) }
    }

    /// The variance of what is left of a value when `slope` times the covariate is taken away.
    fn residual(&self, slope: f64) -> f64 {
        let [own, covariate, both] =
            [self.squares, self.covariate_squares, self.products].map(|sum| self.per_degree(sum));
        (own + slope * slope * covariate - 2.0 * slope * both).max(0.0)
    }
}

/// How far the treated mean is above the control's.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Difference {
    /// The difference.
    pub estimate: f64,
    /// The variance of the estimate.
    pub variance: f64,
    /// Units of both.
    pub count: usize,
    /// What the covariate is taken away with; 0 without one.
    pub slope: f64,
}

impl Difference {
    /// The difference as it is. `None` with fewer than two units in one, or where nothing varies:
    /// then nothing says how sure it is.
    #[must_use]
    pub fn of(control: &Group, treated: &Group) -> Option<Self> {
        Self::with_slope(control, treated, 0.0)
    }

    /// The difference of what the covariate does not explain. The slope is of both groups
    /// together; assignment does not depend on the covariate, so the estimate stays the same on
    /// average and varies less.
    #[must_use]
    pub fn adjusted(control: &Group, treated: &Group) -> Option<Self> {
        let both = control.with(treated);
        let slope = both.products / both.covariate_squares;
        Self::with_slope(control, treated, if slope.is_finite() { slope } else { 0.0 })
    }

    fn with_slope(control: &Group, treated: &Group, slope: f64) -> Option<Self> {
        if control.count < 2 || treated.count < 2 {
            return None;
        }
        let mean = |group: &Group| group.mean - slope * group.covariate;
        let variance = |group: &Group| group.residual(slope) / float(group.count);
        let difference = Self {
            estimate: mean(treated) - mean(control),
            variance: variance(control) + variance(treated),
            count: control.count + treated.count,
            slope,
        };
        let is_known = difference.estimate.is_finite() && difference.variance > 0.0;
        is_known.then_some(difference)
    }

    /// The interval at confidence 1 - `alpha`. All intervals that are ever looked at hold the
    /// difference together with that probability.
    #[must_use]
    pub fn interval(&self, mixture: Mixture, alpha: f64) -> (f64, f64) {
        let half = self.variance.sqrt() * mixture.bound(float(self.count), alpha);
        (self.estimate - half, self.estimate + half)
    }

    /// The evidence that there is a difference: how many to 1.
    #[must_use]
    pub fn e_value(&self, mixture: Mixture) -> f64 {
        let spread = mixture.spread(float(self.count));
        let square = self.estimate * self.estimate / self.variance;
        (square * spread / (2.0 * (spread + 1.0))).exp() / (spread + 1.0).sqrt()
    }

    /// A p-value that holds at any time: the interval at confidence 1 - alpha leaves out 0 exactly
    /// where it is below alpha.
    #[must_use]
    pub fn p_value(&self, mixture: Mixture) -> f64 {
        self.e_value(mixture).recip().min(1.0)
    }
}

/// How a confidence sequence spreads its attention over time: intervals are narrowest about a
/// number of units that is chosen beforehand, and hold at every other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mixture {
    squared: f64,
}

impl Mixture {
    /// Narrowest at `units` units for confidence 1 - `alpha`: Waudby-Smith's approximation
    /// rho² = (-2 ln alpha + ln(1 - 2 ln alpha)) / units. `None` if one is out of range.
    #[must_use]
    pub fn narrowest_at(units: f64, alpha: f64) -> Option<Self> {
        let is_right = units >= 1.0 && units.is_finite() && alpha > 0.0 && alpha < 1.0;
        let log = -2.0 * alpha.ln();
        is_right.then(|| Self { squared: (log + log.ln_1p()) / units })
    }

    fn spread(self, units: f64) -> f64 {
        units * self.squared
    }

    /// How many standard errors the interval reaches to either side after so many units.
    #[must_use]
    pub fn bound(self, units: f64, alpha: f64) -> f64 {
        let spread = self.spread(units);
        let log = 0.5 * spread.ln_1p() - alpha.ln();
        (2.0 * (spread + 1.0) / spread * log).sqrt()
    }
}

/// The difference of means of numbers between two bounds, held for any number of units: each arm's
/// own confidence sequence at half of alpha ([`MeanSequence`]), one taken from the other. Wider
/// than [`Difference`], and right for rare events.
#[derive(Clone, PartialEq, Debug)]
pub struct BoundedDifference {
    control: MeanSequence,
    treated: MeanSequence,
    low: f64,
    width: f64,
}

impl BoundedDifference {
    /// For numbers from `low` to `high`, at confidence 1 - `alpha`. `None` if one is out of range.
    #[must_use]
    pub fn new(low: f64, high: f64, alpha: f64) -> Option<Self> {
        let width = high - low;
        let (control, treated) = (MeanSequence::new(alpha / 2.0)?, MeanSequence::new(alpha / 2.0)?);
        let is_right = width > 0.0 && width.is_finite();
        is_right.then_some(Self { control, treated, low, width })
    }

    /// Sees the number of a unit of the control.
    pub fn control(&mut self, value: f64) {
        self.control.see((value - self.low) / self.width);
    }

    /// Sees the number of a unit that was treated.
    pub fn treated(&mut self, value: f64) {
        self.treated.see((value - self.low) / self.width);
    }

    /// The interval now.
    #[must_use]
    pub fn interval(&self) -> (f64, f64) {
        let ((low, high), (from, to)) = (self.control.interval(), self.treated.interval());
        ((from - high) * self.width, (to - low) * self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_groups_are_one_whatever_came_first() {
        let rows = [(1.0, 2.0), (4.0, 1.0), (2.5, 7.0), (-3.0, 0.5), (8.0, 4.0)];
        let (mut all, mut first, mut rest) = <(Group, Group, Group)>::default();
        for (place, (value, covariate)) in rows.into_iter().enumerate() {
            all.see(value, covariate);
            if place < 2 { first.see(value, covariate) } else { rest.see(value, covariate) }
        }
        let both = first.with(&rest);
        assert_eq!(both.count(), all.count());
        for (own, said) in [
            (both.mean, all.mean),
            (both.squares, all.squares),
            (both.covariate_squares, all.covariate_squares),
            (both.products, all.products),
        ] {
            assert!((own - said).abs() < 1e-12, "{own} {said}");
        }
        assert_eq!(Group::default().with(&all), all);
    }

    #[test]
    fn the_interval_leaves_out_nothing_exactly_when_the_p_value_is_small() {
        let mixture = Mixture::narrowest_at(1_000.0, 0.05).unwrap();
        for tenths in 0..80_u32 {
            let estimate = f64::from(tenths) / 10.0;
            let one = Difference { estimate, variance: 1.0, count: 900, slope: 0.0 };
            for alpha in [0.2, 0.05, 0.001] {
                let (lower, _) = one.interval(mixture, alpha);
                assert_eq!(lower > 0.0, one.p_value(mixture) < alpha, "{estimate} {alpha}");
            }
        }
    }

    #[test]
    fn what_says_nothing_gives_nothing() {
        let mut flat = Group::default();
        (0..10).for_each(|_| flat.see(1.0, 0.0));
        assert_eq!(Difference::of(&flat, &flat), None, "nothing varies");
        assert_eq!(Difference::of(&flat, &Group::default()), None);
        let mut odd = flat;
        odd.see(f64::NAN, 0.0);
        assert_eq!(odd, flat);
        assert_eq!(Mixture::narrowest_at(0.0, 0.05), None);
        assert!(BoundedDifference::new(1.0, 1.0, 0.05).is_none());
    }
}
