//! Special functions, to about fourteen digits: what the tests' p-values are made of.

use std::f64::consts::{PI, SQRT_2};

/// Steps of an expansion. All of them have converged long before.
const STEPS_MAX: u32 = 100_000;

/// A count as a number. Exact below 2^53, and no count here comes near.
pub(crate) fn float(count: usize) -> f64 {
    count as f64
}

/// The whole part of a number that is known to be small and not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates: NaN and negatives become 0, what is too large the largest count"
)]
pub(crate) fn whole(number: f64) -> usize {
    number as usize
}

/// The probability that a standard normal exceeds `z`.
pub(crate) fn normal_sf(z: f64) -> f64 {
    0.5 * libm::erfc(z / SQRT_2)
}

/// The probability that a standard normal is further from zero than `z`.
pub(crate) fn normal_two_sided(z: f64) -> f64 {
    libm::erfc(z.abs() / SQRT_2)
}

/// The `z` that a standard normal stays below with probability `p`: the rational approximation
/// of Acklam, made exact by two steps of Halley's method.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    if p >= 1.0 {
        return f64::INFINITY;
    }
    let tail = p.min(1.0 - p);
    let start = {
        // Abramowitz and Stegun 26.2.23, good to 5e-4: enough to start from.
        let t = (-2.0 * tail.ln()).sqrt();
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328))
            / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)))
    };
    let mut z = start;
    for _ in 0..4 {
        let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
        let error = (tail - normal_sf(z)) / density;
        z -= error / (1.0 - 0.5 * z * error);
    }
    if p < 0.5 { -z } else { z }
}

/// The upper regularised incomplete gamma function Q(a, x): the probability that a gamma
/// variable of shape `a` exceeds `x` (series below a + 1, Lentz's continued fraction above).
pub(crate) fn gamma_q(a: f64, x: f64) -> f64 {
    if x.is_nan() || a.is_nan() {
        return f64::NAN;
    }
    if x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let scale = (a * x.ln() - x - libm::lgamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut shape) = (1.0 / a, 1.0 / a, a);
        for _ in 0..STEPS_MAX {
            shape += 1.0;
            term *= x / shape;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        return (1.0 - scale * sum).clamp(0.0, 1.0);
    }
    let tiny = 1e-300;
    let mut b = x + 1.0 - a;
    let mut c = 1.0 / tiny;
    let mut d = 1.0 / b;
    let mut fraction = d;
    for step in 1..STEPS_MAX {
        let i = f64::from(step);
        let numerator = -i * (i - a);
        b += 2.0;
        d = numerator * d + b;
        d = 1.0 / if d.abs() < tiny { tiny } else { d };
        c = b + numerator / c;
        c = if c.abs() < tiny { tiny } else { c };
        fraction *= d * c;
        if (d * c - 1.0).abs() < 1e-16 {
            break;
        }
    }
    (scale * fraction).clamp(0.0, 1.0)
}

/// The probability that a chi-square variable exceeds `x`.
pub(crate) fn chi_square_sf(x: f64, degrees: usize) -> f64 {
    gamma_q(float(degrees) / 2.0, x / 2.0)
}

/// What Stirling's formula for `ln n!` leaves out.
fn stirling_error(n: f64) -> f64 {
    if n < 16.0 {
        return libm::lgamma(n + 1.0) - (n + 0.5) * n.ln() + n - 0.5 * (2.0 * PI).ln();
    }
    let r = 1.0 / (n * n);
    (1.0 / 12.0 - r * (1.0 / 360.0 - r * (1.0 / 1260.0 - r * (1.0 / 1680.0 - r / 1188.0)))) / n
}

/// `x ln(x / m) + m - x` without cancellation.
fn deviance(x: f64, m: f64) -> f64 {
    if (x - m).abs() < 0.1 * (x + m) {
        let v = (x - m) / (x + m);
        let mut sum = (x - m) * v;
        let mut term = 2.0 * x * v;
        for step in 1..1000_u32 {
            term *= v * v;
            let next = sum + term / f64::from(2 * step + 1);
            if next == sum {
                break;
            }
            sum = next;
        }
        return sum;
    }
    x * (x / m).ln() + m - x
}

/// The probability of `x` successes in `n` trials, where `n p = mean` and `n (1 - p) = rest`
/// (Loader, *Fast and accurate computation of binomial probabilities*, 2000).
pub(crate) fn binomial(x: f64, n: f64, mean: f64, rest: f64) -> f64 {
    if mean <= 0.0 || rest <= 0.0 {
        return if (mean <= 0.0 && x == 0.0) || (rest <= 0.0 && x == n) { 1.0 } else { 0.0 };
    }
    if x == 0.0 {
        return (n * (-mean / n).ln_1p()).exp();
    }
    if x == n {
        return (n * (-rest / n).ln_1p()).exp();
    }
    let log = stirling_error(n)
        - stirling_error(x)
        - stirling_error(n - x)
        - deviance(x, mean)
        - deviance(n - x, rest);
    log.exp() * (n / (2.0 * PI * x * (n - x))).sqrt()
}

/// The modified Bessel function of the second kind, K of order `nu`, for `x > 0`: the integral
/// of `exp(-x cosh t) cosh(nu t)`, on which the trapezoidal rule converges exponentially.
pub(crate) fn bessel_k(nu: f64, x: f64) -> f64 {
    const STEP: f64 = 1.0 / 32.0;
    let mut sum = 0.5 * (-x).exp();
    for step in 1..STEPS_MAX {
        let t = f64::from(step) * STEP;
        let term = (-x * t.cosh()).exp() * (nu * t).cosh();
        sum += term;
        if term <= sum * 1e-18 {
            break;
        }
    }
    sum * STEP
}

/// A sum that loses nothing to the order of its terms (Neumaier).
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Sum {
    sum: f64,
    rest: f64,
}

impl Sum {
    pub(crate) fn add(&mut self, term: f64) {
        let next = self.sum + term;
        self.rest += if self.sum.abs() >= term.abs() {
            (self.sum - next) + term
        } else {
            (term - next) + self.sum
        };
        self.sum = next;
    }
    pub(crate) fn get(self) -> f64 {
        // An infinite term has made the rest nonsense.
        if self.sum.is_finite() { self.sum + self.rest } else { self.sum }
    }
    pub(crate) fn of(terms: impl IntoIterator<Item = f64>) -> f64 {
        let mut sum = Self::default();
        terms.into_iter().for_each(|term| sum.add(term));
        sum.get()
    }
    /// The sum of a term of each value, in several sums side by side: one addition does not wait
    /// for the one before it.
    pub(crate) fn of_each(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
        const LANES: usize = 8;
        let mut lanes = [Self::default(); LANES];
        let mut chunks = values.chunks_exact(LANES);
        for chunk in &mut chunks {
            lanes.iter_mut().zip(chunk).for_each(|(lane, value)| lane.add(term(*value)));
        }
        let mut whole = Self::default();
        chunks.remainder().iter().for_each(|value| whole.add(term(*value)));
        for lane in lanes {
            whole.add(lane.sum);
            whole.add(lane.rest);
        }
        whole.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() <= 1e-13 * b.abs(), "{a} {b}");
    }

    #[test]
    fn sums_side_by_side_lose_nothing_either() {
        for count in [0_u32, 1, 7, 8, 9, 1_000] {
            let mut values: Vec<f64> = (0..count).map(|i| f64::from(i) * 0.1 + 1e12).collect();
            values.extend([1e300, 1.0, -1e300]);
            let exact = Sum::of(values.iter().map(|value| value * 3.0));
            let found = Sum::of_each(&values, |value| value * 3.0);
            assert!((found - exact).abs() <= exact.abs() * 2.0 * f64::EPSILON, "{found} {exact}");
        }
        assert_eq!(Sum::of_each(&[f64::MAX, f64::MAX], |value| value), f64::INFINITY);
    }

    #[test]
    fn known_values() {
        // scipy.stats.norm.isf, chi2.sf, scipy.special.kv, binom.pmf
        near(normal_quantile(0.975), 1.959_963_984_540_054);
        near(normal_quantile(0.025), -1.959_963_984_540_054);
        near(normal_quantile(1e-10), -6.361_340_902_404_056);
        near(chi_square_sf(3.841_458_820_694_124, 1), 0.05);
        near(bessel_k(0.5, 2.0), (PI / 4.0).sqrt() * (-2.0_f64).exp());
        near(binomial(2.0, 5.0, 1.5, 3.5), 0.3087);
        assert!(normal_quantile(0.5).abs() < 1e-12);
    }

    #[test]
    fn gamma_of_whole_shapes_is_a_poisson_sum() {
        for a in 1..40_u32 {
            for x in [0.1, 1.0, 7.5, 30.0, 90.0] {
                let (mut term, mut sum) = (1.0, 0.0);
                for k in 0..a {
                    sum += term;
                    term *= x / f64::from(k + 1);
                }
                let exact = sum * f64::exp(-x);
                assert!((gamma_q(f64::from(a), x) - exact).abs() <= 1e-13, "{a} {x}");
            }
        }
    }
}
