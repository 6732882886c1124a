//! Tests on counts: chi-square of two kinds, and the comparison of two proportions.

use crate::special::{Sum, chi_square_sf, normal_two_sided};

/// Counts that a test needs in each cell for its distribution to hold.
const EXPECTED_MIN: f64 = 5.0;

/// A chi-square test.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChiSquare {
    /// The statistic; infinite if something happened that was expected never to.
    pub statistic: f64,
    /// Degrees of freedom.
    pub degrees: usize,
    /// The p-value.
    pub p_value: f64,
}

impl ChiSquare {
    fn new(statistic: f64, degrees: usize) -> Self {
        // Without a degree of freedom there is nothing to be surprised by.
        let p_value = if degrees == 0 { 1.0 } else { chi_square_sf(statistic, degrees) };
        Self { statistic, degrees, p_value }
    }
}

/// Are both drawn from one distribution? Pearson's test of the 2 × k table of counts, with
/// Yates's correction if k is 2, as scipy's `chi2_contingency`. Cells that are empty in both are
/// left out.
#[must_use]
pub fn contingency(reference: &[u64], current: &[u64]) -> ChiSquare {
    let cells: Vec<(f64, f64)> = pairs(reference, current).filter(|(r, c)| r + c > 0.0).collect();
    let (all_r, all_c) = totals(&cells);
    let all = all_r + all_c;
    let degrees = cells.len().saturating_sub(1);
    let term = |observed: f64, expected: f64| {
        let gap = (observed - expected).abs();
        let gap = if degrees == 1 { gap - gap.min(0.5) } else { gap };
        gap * gap / expected
    };
    let statistic = Sum::of(cells.iter().flat_map(|(r, c)| {
        let share = (r + c) / all;
        [term(*r, share * all_r), term(*c, share * all_c)]
    }));
    ChiSquare::new(statistic, degrees)
}

/// The same, with rare categories together: those of which either sample expects fewer than
/// five, for which the test's distribution does not hold.
#[must_use]
pub fn contingency_of_frequent(reference: &[u64], current: &[u64]) -> ChiSquare {
    let cells: Vec<(f64, f64)> = pairs(reference, current).collect();
    let (all_r, all_c) = totals(&cells);
    let least = all_r.min(all_c) / (all_r + all_c);
    let (mut rare, mut own) = ((0, 0), (Vec::new(), Vec::new()));
    for (r, c) in reference.iter().zip(current) {
        if (*r as f64 + *c as f64) * least < EXPECTED_MIN {
            rare = (rare.0 + r, rare.1 + c);
        } else {
            own.0.push(*r);
            own.1.push(*c);
        }
    }
    own.0.push(rare.0);
    own.1.push(rare.1);
    contingency(&own.0, &own.1)
}

/// Does the current sample have the reference's shares, taken as known? Pearson's goodness of
/// fit, as Evidently applies scipy's `chisquare`.
#[must_use]
pub fn goodness_of_fit(reference: &[u64], current: &[u64]) -> ChiSquare {
    let cells: Vec<(f64, f64)> = pairs(reference, current).collect();
    let (all_r, all_c) = totals(&cells);
    let factor = all_c / all_r;
    let term = |(r, c): &(f64, f64)| {
        let expected = r * factor;
        (c - expected) * (c - expected) / expected
    };
    ChiSquare::new(Sum::of(cells.iter().map(term)), cells.len().saturating_sub(1))
}

/// Two proportions: the two-sided p-value of the pooled Z-test of `hits` of `all`. 1 where
/// neither or all are hits.
#[must_use]
pub fn proportions((hits_r, all_r): (u64, u64), (hits_c, all_c): (u64, u64)) -> f64 {
    let (n_r, n_c) = (all_r as f64, all_c as f64);
    let (p_r, p_c) = (hits_r as f64 / n_r, hits_c as f64 / n_c);
    let pooled = (hits_r as f64 + hits_c as f64) / (n_r + n_c);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n_r + 1.0 / n_c)).sqrt();
    if spread == 0.0 { 1.0 } else { normal_two_sided((p_r - p_c) / spread) }
}

fn pairs(reference: &[u64], current: &[u64]) -> impl Iterator<Item = (f64, f64)> {
    reference.iter().zip(current).map(|(r, c)| (*r as f64, *c as f64))
}

fn totals(cells: &[(f64, f64)]) -> (f64, f64) {
    (cells.iter().map(|cell| cell.0).sum(), cells.iter().map(|cell| cell.1).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_seen_cannot_be_expected() {
        let found = goodness_of_fit(&[10, 0], &[9, 1]);
        assert_eq!((found.statistic, found.p_value), (f64::INFINITY, 0.0));
    }

    #[test]
    fn rare_categories_do_not_make_a_surprise() {
        // Forty categories seen once each: no test of forty cells says anything.
        let reference: Vec<u64> = [1000].into_iter().chain([1; 40]).chain([0; 40]).collect();
        let current: Vec<u64> = [1000].into_iter().chain([0; 40]).chain([1; 40]).collect();
        assert_eq!(contingency_of_frequent(&reference, &current).p_value, 1.0);
        assert!(contingency(&reference, &current).p_value < 0.5);
    }

    #[test]
    fn nothing_to_compare_is_no_surprise() {
        assert_eq!(contingency(&[5], &[7]).p_value, 1.0);
        assert_eq!(proportions((0, 5), (0, 9)), 1.0);
        assert_eq!(proportions((5, 5), (9, 9)), 1.0);
    }
}
