//! How many units an experiment needs: looked at once at its end, and looked at all the time.

use crate::difference::Mixture;
use crate::special::{normal_quantile, normal_sf};

/// The most units that are looked for: more than anybody has.
const UNITS_MAX: f64 = 1e12;
/// Halvings of an interval until its ends are the same number.
const HALVINGS: u32 = 200;

/// A comparison that is planned.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Design {
    /// The difference that must not be missed.
    pub effect: f64,
    /// The variance of a unit's number in the control.
    pub control: f64,
    /// The same where it is treated.
    pub treated: f64,
    /// Units that are treated for each one of the control.
    pub ratio: f64,
    /// The chance of seeing a difference where none is.
    pub alpha: f64,
    /// The chance of seeing the difference where it is.
    pub power: f64,
}

impl Design {
    /// A comparison of shares: `rate` in the control, `rate + effect` where it is treated.
    #[must_use]
    pub fn of_rates(rate: f64, effect: f64, ratio: f64, (alpha, power): (f64, f64)) -> Self {
        let other = rate + effect;
        let (control, treated) = (rate * (1.0 - rate), other * (1.0 - other));
        Self { effect, control, treated, ratio, alpha, power }
    }

    fn is_right(&self) -> bool {
        let is_chance = |chance: f64| chance > 0.0 && chance < 1.0;
        let is_variance = |variance: f64| variance >= 0.0 && variance.is_finite();
        self.effect != 0.0
            && self.effect.is_finite()
            && is_variance(self.control)
            && is_variance(self.treated)
            && self.control + self.treated > 0.0
            && self.ratio > 0.0
            && self.ratio.is_finite()
            && is_chance(self.alpha)
            && is_chance(self.power)
            && self.power > self.alpha
    }

    /// The effect in standard errors with `control` units in the control.
    fn standardized(&self, control: f64) -> f64 {
        let variance = self.control / control + self.treated / (control * self.ratio);
        self.effect.abs() / variance.sqrt()
    }

    /// The units of the control that are needed if one looks once, at the end: the two-sided
    /// normal test, as statsmodels' `NormalIndPower` solves it. Times `1 + ratio`, all units.
    /// `None` if a number is out of range, or more are needed than anybody has.
    #[must_use]
    pub fn fixed(&self) -> Option<f64> {
        let z = normal_quantile(1.0 - self.alpha / 2.0);
        self.solve(|design, units| {
            let shift = design.standardized(units);
            normal_sf(z - shift) + normal_sf(z + shift)
        })
    }

    /// The units of the control after which the confidence sequence leaves out 0 with probability
    /// `power` at least, where it is narrowest at `narrowest` units of both. One that is looked at
    /// all the time mostly ends sooner.
    #[must_use]
    pub fn sequential(&self, narrowest: f64) -> Option<f64> {
        let mixture = Mixture::narrowest_at(narrowest, self.alpha)?;
        self.solve(|design, units| {
            let bound = mixture.bound(units * (1.0 + design.ratio), design.alpha);
            normal_sf(bound - design.standardized(units))
        })
    }

    /// Where a chance that grows with the units reaches the power.
    fn solve(&self, chance: impl Fn(&Self, f64) -> f64) -> Option<f64> {
        if !self.is_right() || chance(self, UNITS_MAX) < self.power {
            return None;
        }
        let (mut low, mut high) = (f64::MIN_POSITIVE, UNITS_MAX);
        for _ in 0..HALVINGS {
            // Between 1 and a million millions the middle of the exponents is sooner there.
            let middle = if high > 2.0 * low.max(1.0) {
                (low.max(0.5) * high).sqrt()
            } else {
                f64::midpoint(low, high)
            };
            if chance(self, middle) < self.power {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looking_always_costs_more_units_and_out_of_range_is_nothing() {
        let design = Design::of_rates(0.1, 0.02, 1.0, (0.05, 0.8));
        let fixed = design.fixed().unwrap();
        let always = design.sequential(2.0 * fixed).unwrap();
        assert!(always > fixed && always < 3.0 * fixed, "{fixed} {always}");
        for wrong in [
            Design { effect: 0.0, ..design },
            Design { alpha: 0.0, ..design },
            Design { power: 1.0, ..design },
            Design { ratio: 0.0, ..design },
            Design { control: f64::NAN, ..design },
            Design { effect: 1e-9, ..design },
        ] {
            assert_eq!(wrong.fixed(), None, "{wrong:?}");
        }
        assert_eq!(design.sequential(0.0), None);
    }
}
