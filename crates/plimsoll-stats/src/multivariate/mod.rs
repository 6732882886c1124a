//! Two tables compared as wholes: has what columns say *together* changed, even where no column
//! has?
//!
//! | measure | what it sees |
//! |---|---|
//! | [`Reconstruction`] | a linear relation between columns that the reference had and the current table has not |
//! | [`Classifier`] | whatever tells rows of the two apart, and by which columns |
//! | [`Discrepancy`] | any difference, with a p-value |
//!
//! Rows are lists of numbers: a category is its code, NaN is missing. Each measure looks at a
//! bounded sample ([`choose`]), so that neither time nor memory grow with the tables.

mod classifier;
mod discrepancy;
mod reconstruction;

pub use classifier::{CLASSIFIED_MAX, Classifier};
pub use discrepancy::{COMPARED_MAX, Discrepancy};
pub use reconstruction::{Chunked, Reconstruction};

use serde::{Deserialize, Serialize};

/// Rows of each table that are reconstructed: with 25 columns 2 MB, and ten chunks of a thousand.
pub const ROWS_MAX: usize = 10_000;
/// Columns that are compared together. The eigenvectors of so many take about a second.
pub const COLUMNS_MAX: usize = 200;
/// Rows of each table below which nothing is said: ten chunks of as many as a mean needs.
pub const ROWS_MIN: usize = 100;
/// Where the classifier's area counts as drift: Evidently's limit for its domain classifier.
const AREA_LIMIT: f64 = 0.55;
/// The seed of every sample and permutation, so that a comparison can be repeated.
pub const SEED: u64 = 8;

/// What the values of a column are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Numbers.
    Number,
    /// Codes of categories, from 0 to below this count.
    Category(usize),
}

/// A column of both tables, row by row.
#[derive(Clone, PartialEq, Debug)]
pub struct Joint {
    /// Its name.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Of the reference.
    pub reference: Vec<f64>,
    /// Of the current table.
    pub current: Vec<f64>,
}

/// What is found about two tables as wholes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Multivariate {
    /// Columns that were compared together.
    pub columns: usize,
    /// PCA reconstruction error, chunk by chunk.
    pub reconstruction: Option<Chunked>,
    /// How well a classifier tells the tables apart, and by what.
    pub classifier: Option<Classifier>,
    /// Maximum mean discrepancy.
    pub discrepancy: Option<Discrepancy>,
    /// Whether there is evidence of a difference (the discrepancy's p-value is at most alpha) and
    /// it matters: the classifier's area is at least 0.55 with an interval above one half, or the
    /// reconstruction error of the whole is beyond that of the reference's chunks.
    pub is_drifted: bool,
}

impl Multivariate {
    /// Compares columns together. `None` if there are none, too many, or too few rows.
    #[must_use]
    pub fn compare(columns: &[Joint], alpha: f64) -> Option<Self> {
        let rows = |of: fn(&Joint) -> &Vec<f64>| columns.iter().map(|c| of(c).len()).min();
        let (before, now) = (rows(|c| &c.reference)?, rows(|c| &c.current)?);
        if columns.len() > COLUMNS_MAX || before.min(now) < ROWS_MIN {
            return None;
        }
        let whole = Sampled::of(columns, before.min(ROWS_MAX), now.min(ROWS_MAX));
        let reconstruction = Reconstruction::fit(&whole.kinds, &whole.reference)
            .map(|fitted| fitted.chunks(&whole.reference, &whole.current));
        let classified = Sampled::of(columns, before.min(CLASSIFIED_MAX), now.min(CLASSIFIED_MAX));
        let names: Vec<&str> = columns.iter().map(|column| &*column.name).collect();
        let classifier = Classifier::cross_validated(&names, &classified);
        let compared = Sampled::of(columns, before.min(COMPARED_MAX), now.min(COMPARED_MAX));
        let discrepancy = Discrepancy::of(&compared);
        let is_evident = discrepancy.as_ref().is_some_and(|found| found.p_value <= alpha);
        let matters = classifier.as_ref().is_some_and(Classifier::tells_apart)
            || reconstruction.as_ref().is_some_and(Chunked::is_beyond);
        let is_drifted = is_evident && matters;
        Some(Self { columns: columns.len(), reconstruction, classifier, discrepancy, is_drifted })
    }
}

/// Rows of both tables, by column.
pub(crate) struct Sampled {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) reference: Vec<Vec<f64>>,
    pub(crate) current: Vec<Vec<f64>>,
}

impl Sampled {
    pub(crate) fn of(columns: &[Joint], reference: usize, current: usize) -> Self {
        let pick = |of: fn(&Joint) -> &Vec<f64>, most: usize| {
            let rows = columns.iter().map(|column| of(column).len()).min().unwrap_or(0);
            let chosen = choose(rows, most, SEED);
            let value = |column: &Vec<f64>, row: usize| {
                column.get(row).copied().filter(|value| value.is_finite()).unwrap_or(f64::NAN)
            };
            columns
                .iter()
                .map(|column| chosen.iter().map(|row| value(of(column), *row)).collect())
                .collect()
        };
        Self {
            kinds: columns.iter().map(|column| column.kind).collect(),
            reference: pick(|column| &column.reference, reference),
            current: pick(|column| &column.current, current),
        }
    }
}

/// `most` places out of `all`, or all of them, in order and each set as likely as any other: Knuth's
/// algorithm S (TAOCP 3.4.2).
#[must_use]
pub fn choose(all: usize, most: usize, seed: u64) -> Vec<usize> {
    let mut draws = Draws::new(seed);
    let mut wanted = most.min(all);
    let mut chosen = Vec::with_capacity(wanted);
    for place in 0..all {
        if wanted == 0 {
            break;
        }
        if draws.below(all - place) < wanted {
            chosen.push(place);
            wanted -= 1;
        }
    }
    chosen
}

/// Numbers that look drawn, the same for the same seed: SplitMix64 (Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Draws(u64);

impl Draws {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
    /// A number below `bound`, by multiplication (Lemire 2019); uneven by less than 2^-40 here.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = u128::from(self.next()) * (bound as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_of_the_size_asked_and_even() {
        assert_eq!(choose(5, 9, 1), [0, 1, 2, 3, 4]);
        let mut counts = [0_u32; 20];
        for seed in 0..4_000 {
            let chosen = choose(20, 5, seed);
            assert_eq!(chosen.len(), 5);
            assert!(chosen.is_sorted());
            chosen.into_iter().for_each(|place| counts[place] += 1);
        }
        // Each of 20 is expected 1,000 times, give or take 27.
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
    }
}
