//! The two-sample Kolmogorov–Smirnov test, exact and asymptotic as scipy's `ks_2samp`.
//!
//! Up to [`EXACT_MAX`] values in the larger sample the p-value is exact: the share of lattice
//! paths that reach the observed distance (Hodges 1958). Above, it is the distribution of the
//! one-sample statistic at the effective size (Simard and L'Ecuyer 2011), which is itself exact
//! or good to seven digits and more.

use crate::special::{binomial, float, whole};
use std::f64::consts::PI;

/// The larger sample up to which the p-value is exact.
pub const EXACT_MAX: usize = 10_000;

/// The p-value of the distance `d` between samples of `n1` and `n2` values.
#[must_use]
pub fn p_value(d: f64, n1: usize, n2: usize) -> f64 {
    if n1 == 0 || n2 == 0 || d.is_nan() {
        return f64::NAN;
    }
    let (large, small) = (n1.max(n2), n1.min(n2));
    let effective = float(large) * float(small) / (float(large) + float(small));
    if large <= EXACT_MAX {
        return exact(d, large, small, effective);
    }
    one_sample_sf(effective.round(), d)
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `d` is a multiple of 1 / lcm; the p-value is exact.
fn exact(d: f64, m: usize, n: usize, effective: f64) -> f64 {
    let g = gcd(m, n);
    let lcm = m / g * n;
    let h = whole((d * float(lcm)).round());
    if h == 0 {
        return 1.0;
    }
    // Massart's bound is below the least positive number.
    if 2.0 * effective * d * d > 760.0 {
        return 0.0;
    }
    if m == n { outside_square(m, h) } else { outside_band(m, n, g, h) }
}

/// The share of paths to (n, n) that leave the lines x - y = ±h: the alternating sum of
/// reflections, as nested products.
fn outside_square(n: usize, h: usize) -> f64 {
    let mut p = 0.0;
    for k in (0..=n / h).rev() {
        let mut ratio = 1.0;
        for j in 0..h {
            let top = float(n) - float(k * h) - float(j);
            ratio *= top / float(n + k * h + j + 1);
        }
        p = ratio * (1.0 - p);
    }
    (2.0 * p).clamp(0.0, 1.0)
}

/// The share of paths to (m, n) that leave the band |x/m - y/n| < h/lcm. Column by column:
/// of the paths to (i, j), i in i + j come from the left and j from below.
fn outside_band(m: usize, n: usize, g: usize, h: usize) -> f64 {
    let (mg, ng) = (m / g, n / g);
    // The rows of column i inside of the band: from `first` to before `end`.
    let band = |i: usize| {
        let first = if ng * i < h { 0 } else { ((ng * i - h) / mg + 1).min(n) };
        let end = (ng * i + h).div_ceil(mg).min(n + 1);
        (first, end)
    };
    let (mut first, mut end) = band(0);
    // Shares of the column at the left, for the rows from `first` on.
    let mut left = vec![0.0; end - first];
    let mut column: Vec<f64> = Vec::with_capacity(left.len() + 2);
    for i in 1..=m {
        let (next_first, next_end) = band(i);
        if next_end <= next_first {
            return 1.0;
        }
        column.clear();
        // What is below the band has left it.
        let mut below = if next_first == 0 { 0.0 } else { 1.0 };
        for j in next_first..next_end {
            let before =
                if j < end { j.checked_sub(first).and_then(|at| left.get(at)) } else { None };
            let before = before.copied().unwrap_or(1.0);
            below = (before * float(i) + below * float(j)) / float(i + j);
            column.push(below);
        }
        std::mem::swap(&mut left, &mut column);
        (first, end) = (next_first, next_end);
    }
    left.last().copied().unwrap_or(1.0).clamp(0.0, 1.0)
}

/// The probability that the one-sample statistic of `n` values exceeds `x`.
fn one_sample_sf(n: f64, x: f64) -> f64 {
    if n < 1.0 {
        return f64::NAN;
    }
    if x >= 1.0 {
        return 0.0;
    }
    let t = n * x;
    if t <= 0.5 {
        return 1.0;
    }
    if t <= 1.0 {
        return 1.0 - lowest(n, t);
    }
    if t >= n - 1.0 {
        return (2.0 * (n * (-x).ln_1p()).exp()).clamp(0.0, 1.0);
    }
    let square = t * x;
    let miller = || (2.0 * smirnov(n, x)).clamp(0.0, 1.0);
    if x >= 0.5 {
        return miller();
    }
    if n <= 140.0 {
        return if square <= 4.0 { (1.0 - durbin(n, x)).clamp(0.0, 1.0) } else { miller() };
    }
    if square >= 370.0 {
        return 0.0;
    }
    if square >= 2.2 {
        return miller();
    }
    let below =
        if n <= 100_000.0 && n * x.powf(1.5) <= 1.4 { durbin(n, x) } else { pelz_good(n, x) };
    (1.0 - below).clamp(0.0, 1.0)
}

/// P(D <= t / n) for 1/2 <= t <= 1: n! ((2t - 1) / n)^n.
fn lowest(n: f64, t: f64) -> f64 {
    (1..=whole(n)).map(|i| (float(i) / n * (2.0 * t - 1.0)).ln()).sum::<f64>().exp()
}

/// The one-sided tail P(D+ >= x): Smirnov's sum, each term a binomial probability over its place.
fn smirnov(n: f64, x: f64) -> f64 {
    let last = whole((n * (1.0 - x)).floor());
    let term = |v: usize| {
        let v = float(v);
        let mean = v + n * x;
        binomial(v, n, mean, n - mean) / (mean / n)
    };
    x * (0..=last).map(term).sum::<f64>()
}

/// P(D <= x) by powers of Durbin's matrix (Marsaglia, Tsang and Wang 2003).
fn durbin(n: f64, x: f64) -> f64 {
    // Far enough from both ends that a product of two stays in range.
    const SCALE: f64 = 1e100;
    const SCALE_DIGITS: f64 = 100.0;
    let k = whole((n * x).ceil());
    let h = float(k) - n * x;
    let m = 2 * k - 1;
    let mut factorials = vec![1.0_f64; m + 2];
    for i in 1..factorials.len() {
        factorials[i] = factorials[i - 1] * float(i);
    }
    let mut matrix = vec![0.0; m * m];
    for row in 0..m {
        for column in 0..m.min(row + 2) {
            matrix[row * m + column] = 1.0 / factorials[row + 1 - column];
        }
    }
    let mut power = 1.0;
    for i in 0..m {
        power *= h;
        matrix[i * m] -= power / factorials[i + 1];
        matrix[(m - 1) * m + (m - 1 - i)] -= power / factorials[i + 1];
    }
    if 2.0 * h > 1.0 {
        matrix[(m - 1) * m] += (2.0 * h - 1.0).powf(float(m)) / factorials[m];
    }
    let times = |a: &[f64], b: &[f64]| {
        let mut product = vec![0.0; m * m];
        for row in 0..m {
            for inner in 0..m {
                let factor = a[row * m + inner];
                let from = &b[inner * m..(inner + 1) * m];
                let to = &mut product[row * m..(row + 1) * m];
                to.iter_mut().zip(from).for_each(|(to, from)| *to += factor * from);
            }
        }
        product
    };
    let middle = (k - 1) * m + (k - 1);
    let mut result = vec![0.0; m * m];
    (0..m).for_each(|i| result[i * m + i] = 1.0);
    let (mut result_scale, mut scale) = (0.0, 0.0);
    let mut left = whole(n);
    let rescale = |cells: &mut Vec<f64>, scale: &mut f64| {
        while cells[middle] > SCALE {
            cells.iter_mut().for_each(|cell| *cell /= SCALE);
            *scale += SCALE_DIGITS;
        }
    };
    while left > 0 {
        if left % 2 == 1 {
            result = times(&result, &matrix);
            result_scale += scale;
            rescale(&mut result, &mut result_scale);
        }
        matrix = times(&matrix, &matrix);
        scale *= 2.0;
        rescale(&mut matrix, &mut scale);
        left /= 2;
    }
    // n! / n^n, in steps that stay in range.
    let mut p = result[middle];
    for i in 1..=whole(n) {
        p *= float(i) / n;
        if p < 1.0 / SCALE {
            p *= SCALE;
            result_scale -= SCALE_DIGITS;
        }
    }
    (p * 10.0_f64.powf(result_scale)).clamp(0.0, 1.0)
}

/// P(D <= x) for large `n`: the expansion of Pelz and Good (1976) to the order n^-3/2, in the
/// form that converges for small `x`.
fn pelz_good(n: f64, x: f64) -> f64 {
    let z = n.sqrt() * x;
    let (z2, z4, z6) = (z * z, z.powi(4), z.powi(6));
    let log_q = -PI * PI / 8.0 / z2;
    if log_q < -708.0 {
        return 0.0;
    }
    let (pi2, pi4, pi6) = (PI.powi(2), PI.powi(4), PI.powi(6));
    let terms = whole((16.0 * z / PI).ceil());
    let mut sums = [0.0; 4];
    for k in (1..=terms).rev() {
        let m2 = (2.0 * float(k) - 1.0).powi(2);
        let (m4, m6) = (m2 * m2, m2 * m2 * m2);
        let factor = (log_q * m2).exp();
        let of = [
            1.0,
            -z2 + pi2 / 4.0 * m2,
            6.0 * z6
                + 2.0 * z4
                + (2.0 * z4 - 5.0 * z2) * pi2 / 4.0 * m2
                + pi4 * (1.0 - 2.0 * z2) / 16.0 * m4,
            -30.0 * z6 - 90.0 * z.powi(8)
                + pi2 * (135.0 * z4 - 96.0 * z6) / 4.0 * m2
                + pi4 * (-60.0 * z2 + 212.0 * z4) / 16.0 * m4
                + pi6 * (5.0 - 30.0 * z2) / 64.0 * m6,
        ];
        sums.iter_mut().zip(of).for_each(|(sum, of)| *sum += factor * of);
    }
    let root = (2.0 * PI).sqrt();
    let under = [z, 6.0 * z4, 72.0 * z.powi(7), 6480.0 * z.powi(10)];
    sums.iter_mut().zip(under).for_each(|(sum, under)| *sum *= root / under);
    let log_q = -pi2 / 2.0 / z2;
    let (mut second, mut third) = (0.0, 0.0);
    for k in (1..=terms).rev() {
        let k2 = float(k).powi(2);
        let factor = k2 * (log_q * k2).exp();
        second += factor;
        third += (3.0 * z2 - pi2 * k2) * factor;
    }
    sums[2] -= second * pi2 * root / (36.0 * z.powi(3));
    sums[3] += third * pi2 * root / (216.0 * z6);
    sums[0] + sums[1] / n.sqrt() + sums[2] / n + sums[3] / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_meet() {
        // Where one method hands over to the next they must agree.
        for (n, square) in [(140.0, 4.0), (500.0, 2.2), (5000.0, 2.2), (90_000.0, 2.2)] {
            let x = f64::sqrt(square / n);
            let (below, above) =
                (one_sample_sf(n, x * (1.0 - 1e-9)), one_sample_sf(n, x * (1.0 + 1e-9)));
            // The expansion leaves out what is of the order 1 / n².
            assert!((below / above - 1.0).abs() < 1e-5, "{n}: {below} {above}");
        }
        let n = 3000.0;
        let x = f64::powf(1.4 / n, 2.0 / 3.0);
        let (exact, expansion) = (durbin(n, x), pelz_good(n, x));
        assert!((exact - expansion).abs() < 1e-6, "{exact} {expansion}");
    }

    #[test]
    fn all_paths_of_small_samples() {
        // 3 and 2 values: of the 10 orders, 2 reach D = 1.
        assert!((p_value(1.0, 3, 2) - 0.2).abs() < 1e-15);
        assert!((p_value(1.0, 2, 2) - 1.0 / 3.0).abs() < 1e-15);
        assert_eq!(p_value(0.0, 5, 7), 1.0);
        assert!(p_value(0.5, 0, 3).is_nan());
    }
}
