//! False-discovery control: of the columns that are said to drift, the expected share that does
//! not is at most `alpha`.

use crate::special::float;

/// How p-values of many columns are corrected.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Correction {
    /// Benjamini and Hochberg (1995): for independent or positively dependent tests.
    #[default]
    Bh,
    /// Benjamini and Yekutieli (2001): under any dependence.
    By,
    /// None: every p-value is taken as it is.
    None,
}

impl Correction {
    /// Every choice.
    pub const ALL: &'static [Self] = &[Self::Bh, Self::By, Self::None];
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bh => "bh",
            Self::By => "by",
            Self::None => "none",
        }
    }
    /// The p-values so corrected that those up to alpha are the discoveries at level alpha.
    #[must_use]
    pub fn adjust(self, p_values: &[f64]) -> Vec<f64> {
        let n = p_values.len();
        let factor = match self {
            Self::None => return p_values.to_vec(),
            Self::Bh => 1.0,
            Self::By => (1..=n).map(|i| 1.0 / float(i)).sum(),
        };
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
        let mut adjusted = vec![1.0; n];
        let mut least = 1.0_f64;
        for (place, index) in order.into_iter().enumerate() {
            let rank = float(n - place);
            least = least.min(p_values[index] * factor * float(n) / rank);
            adjusted[index] = least;
        }
        adjusted
    }
}

/// e-BH (Wang and Ramdas 2022): which of these e-values are discoveries at level `alpha`, under
/// any dependence between them. With `k` of `n` found, each is at least `n / (k alpha)`.
#[must_use]
pub fn e_bh(e_values: &[f64], alpha: f64) -> Vec<bool> {
    let n = float(e_values.len());
    let mut sorted = e_values.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let last = sorted.iter().enumerate().rev().find(|(k, e)| **e * float(k + 1) * alpha >= n);
    let limit = last.map_or(f64::INFINITY, |(_, e)| *e);
    e_values.iter().map(|e| *e >= limit && last.is_some()).collect()
}

/// The e-value of a p-value: 1 / (2 √p), whose mean under the hypothesis is 1 (Shafer 2011,
/// Vovk and Wang 2021, the calibrator of exponent one half).
#[must_use]
pub fn e_value(p_value: f64) -> f64 {
    0.5 / p_value.max(f64::MIN_POSITIVE).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_the_paper() {
        // Benjamini and Hochberg 1995, section 3.2: four of fifteen at 0.05.
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let found =
            |correction: Correction| correction.adjust(&p).iter().filter(|p| **p <= 0.05).count();
        assert_eq!(
            (found(Correction::Bh), found(Correction::By), found(Correction::None)),
            (4, 3, 9)
        );
    }

    proptest! {
        /// The definition: the largest k with p(k) <= k alpha / n.
        #[test]
        fn adjusted_as_the_step_up_procedure(
            p in prop::collection::vec(0.0_f64..1.0, 1..40), alpha in 0.001_f64..0.5,
        ) {
            let n = p.len();
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let found = (1..=n).rev().find(|k| sorted[k - 1] <= float(*k) * alpha / float(n)).unwrap_or(0);
            let adjusted = Correction::Bh.adjust(&p);
            prop_assert_eq!(adjusted.iter().filter(|p| **p <= alpha * (1.0 + 1e-12)).count(), found);
        }

        #[test]
        fn e_values_as_the_step_up_procedure(
            e in prop::collection::vec(0.0_f64..200.0, 1..40), alpha in 0.01_f64..0.5,
        ) {
            let n = e.len();
            let mut sorted = e.clone();
            sorted.sort_by(|a, b| b.total_cmp(a));
            let found = (1..=n).rev().find(|k| float(*k) * sorted[k - 1] * alpha >= float(n)).unwrap_or(0);
            prop_assert!(e_bh(&e, alpha).iter().filter(|found| **found).count() >= found);
            prop_assert_eq!(e_bh(&e, alpha).iter().any(|found| *found), found > 0);
        }
    }
}
