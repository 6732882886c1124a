//! Tests that look at the whole of both distributions: Cramér–von Mises and Anderson–Darling,
//! with the statistics and p-values of scipy.

use crate::sample::Sample;
use crate::special::{bessel_k, float};
use std::f64::consts::PI;

/// A statistic and its p-value.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Tested {
    /// The statistic.
    pub statistic: f64,
    /// The p-value.
    pub p_value: f64,
}

/// Each different value of both samples together: how many are below it, how many equal it, and
/// both of the reference alone.
struct Tie {
    below: f64,
    equal: f64,
    below_reference: f64,
    equal_reference: f64,
}

fn ties(reference: &Sample, current: &Sample) -> Vec<Tie> {
    let (a, b) = (reference.sorted(), current.sorted());
    let (mut i, mut j) = (0, 0);
    let mut ties = Vec::new();
    loop {
        let value = match (a.get(i), b.get(j)) {
            (Some(a), Some(b)) => a.min(*b),
            (Some(only), None) | (None, Some(only)) => *only,
            (None, None) => return ties,
        };
        let (from_i, from_j) = (i, j);
        while a.get(i) == Some(&value) {
            i += 1;
        }
        while b.get(j) == Some(&value) {
            j += 1;
        }
        ties.push(Tie {
            below: float(from_i + from_j),
            equal: float(i + j - from_i - from_j),
            below_reference: float(from_i),
            equal_reference: float(i - from_i),
        });
    }
}

/// The two-sample Cramér–von Mises criterion T with its asymptotic p-value (Anderson 1962),
/// which scipy uses above 20 values in the larger sample.
#[must_use]
pub fn cramer_von_mises(reference: &Sample, current: &Sample) -> Option<Tested> {
    if reference.len() < 2 || current.len() < 2 {
        return None;
    }
    let (nx, ny) = (float(reference.len()), float(current.len()));
    let (n, k) = (nx + ny, nx * ny);
    // Ranks of tied values are their mean; places in the own sample run on.
    let squares = |rank: f64, from: f64, count: f64| {
        // The sum of (rank - from - i)² for i = 1..count.
        let d = rank - from;
        count * d * d - d * count * (count + 1.0)
            + count * (count + 1.0) * (2.0 * count + 1.0) / 6.0
    };
    let (mut x, mut y) = (0.0, 0.0);
    for tie in ties(reference, current) {
        let rank = tie.below + (tie.equal + 1.0) / 2.0;
        x += squares(rank, tie.below_reference, tie.equal_reference);
        y += squares(rank, tie.below - tie.below_reference, tie.equal - tie.equal_reference);
    }
    let u = nx * x + ny * y;
    let statistic = u / (k * n) - (4.0 * k - 1.0) / (6.0 * n);
    let mean = (1.0 + 1.0 / n) / 6.0;
    let variance = (n + 1.0) * (4.0 * k * n - 3.0 * (nx * nx + ny * ny) - 2.0 * k);
    let variance = variance / (45.0 * n * n * 4.0 * k);
    let normed = 1.0 / 6.0 + (statistic - mean) / (45.0 * variance).sqrt();
    let p_value = if normed < 0.003 { 1.0 } else { (1.0 - cramer_von_mises_cdf(normed)).max(0.0) };
    Some(Tested { statistic, p_value })
}

/// The limiting distribution (Csörgő and Faraway 1996, equation 1.3), with as many terms as
/// scipy takes: the series stops after the first below 1e-7.
fn cramer_von_mises_cdf(x: f64) -> f64 {
    let mut total = 0.0;
    for k in 0..1000_u32 {
        let k = f64::from(k);
        let u = (libm::lgamma(k + 0.5) - libm::lgamma(k + 1.0)).exp() / (PI.powf(1.5) * x.sqrt());
        let y = 4.0 * k + 1.0;
        let q = y * y / (16.0 * x);
        let term = u * y.sqrt() * (-q).exp() * bessel_k(0.25, q);
        total += term;
        if term.abs() < 1e-7 {
            break;
        }
    }
    total
}

/// The two-sample Anderson–Darling statistic with midranks, normed, and its p-value by
/// interpolation between the critical values of Scholz and Stephens (1987), so 0.001 to 0.25.
#[must_use]
pub fn anderson_darling(reference: &Sample, current: &Sample) -> Option<Tested> {
    let (nx, ny) = (float(reference.len()), float(current.len()));
    let n = nx + ny;
    let ties = ties(reference, current);
    if nx < 1.0 || ny < 1.0 || n < 4.0 || ties.len() < 2 {
        return None;
    }
    let (mut x, mut y) = (0.0, 0.0);
    for tie in &ties {
        let middle = tie.below + tie.equal / 2.0;
        let weight = tie.equal / n / (middle * (n - middle) - n * tie.equal / 4.0);
        let own = tie.below_reference + tie.equal_reference / 2.0;
        x += weight * (n * own - middle * nx).powi(2);
        y += weight * (n * (middle - own) - middle * ny).powi(2);
    }
    let a2 = (x / nx + y / ny) * (n - 1.0) / n;
    let statistic = (a2 - 1.0) / anderson_variance(nx, ny).sqrt();
    Some(Tested { statistic, p_value: anderson_p(statistic) })
}

/// The variance of the statistic of two samples.
fn anderson_variance(nx: f64, ny: f64) -> f64 {
    let n = nx + ny;
    let k = 2.0;
    let big_h = 1.0 / nx + 1.0 / ny;
    // Partial sums of 1/(n-1), 1/(n-2), ..., 1/2, each over 2, 3, ..., n-1.
    let (mut partial, mut g, mut place) = (0.0, 0.0, 2.0);
    let mut denominator = n - 1.0;
    while denominator > 1.5 {
        partial += 1.0 / denominator;
        g += partial / place;
        place += 1.0;
        denominator -= 1.0;
    }
    let h = partial + 1.0;
    let a = (4.0 * g - 6.0) * (k - 1.0) + (10.0 - 6.0 * g) * big_h;
    let b = (2.0 * g - 4.0) * k * k + 8.0 * h * k + (2.0 * g - 14.0 * h - 4.0) * big_h - 8.0 * h
        + 4.0 * g
        - 6.0;
    let c = (6.0 * h + 2.0 * g - 2.0) * k * k
        + (4.0 * h - 4.0 * g + 6.0) * k
        + (2.0 * h - 6.0) * big_h
        + 4.0 * h;
    let d = (2.0 * h + 6.0) * k * k - 4.0 * h * k;
    (a * n.powi(3) + b * n * n + c * n + d) / ((n - 1.0) * (n - 2.0) * (n - 3.0))
}

/// A parabola through the logarithms of the levels, fitted by least squares.
fn anderson_p(statistic: f64) -> f64 {
    const LEVELS: [f64; 7] = [0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001];
    const CRITICAL: [[f64; 3]; 7] = [
        [0.675, -0.245, -0.105],
        [1.281, 0.25, -0.305],
        [1.645, 0.678, -0.362],
        [1.96, 1.149, -0.391],
        [2.326, 1.822, -0.396],
        [2.573, 2.364, -0.345],
        [3.085, 3.615, -0.154],
    ];
    let critical = CRITICAL.map(|row| row.iter().sum::<f64>());
    let (least, most) = (critical[0], critical[6]);
    if statistic < least {
        return LEVELS[0];
    }
    if statistic > most {
        return LEVELS[6];
    }
    // Around the middle the normal equations are well conditioned.
    let center = critical.iter().sum::<f64>() / 7.0;
    let mut system = [[0.0; 4]; 3];
    for (x, level) in critical.iter().zip(LEVELS) {
        let powers = [1.0, x - center, (x - center).powi(2)];
        for (row, factor) in system.iter_mut().zip(powers) {
            for (cell, power) in row.iter_mut().zip(powers) {
                *cell += factor * power;
            }
            row[3] += factor * level.ln();
        }
    }
    let [c0, c1, c2] = solve(system);
    let x = statistic - center;
    (c0 + c1 * x + c2 * x * x).exp()
}

/// Gauss–Jordan on three equations whose diagonal is not zero.
fn solve(mut system: [[f64; 4]; 3]) -> [f64; 3] {
    for pivot in 0..3 {
        let own = system[pivot];
        for (place, row) in system.iter_mut().enumerate() {
            if place != pivot {
                let factor = row[pivot] / own[pivot];
                row.iter_mut().zip(own).for_each(|(cell, own)| *cell -= factor * own);
            }
        }
    }
    [0, 1, 2].map(|place: usize| system[place][3] / system[place][place])
}
