//! What a reference's columns say together, and how much of the score hangs on each.
//!
//! Neither keeps a row: the principal components of the reference, fitted on every other row, and
//! the errors of the rows between, so that the reference is held against itself as traffic is.

use crate::tally::number;
use plimsoll_stats::multivariate::{COLUMNS_MAX, Kind, Reconstruction};
use plimsoll_types::Cell;
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// What the errors are called where columns are.
pub const NAME: &str = "columns together";
/// Rows for each column below which components would be of chance.
const ROWS_PER_COLUMN: usize = 20;
/// The code of a text that the contract does not list: no category of the reference.
pub(crate) const UNLISTED: f64 = -1.0;
/// Into how many parts of equal size a number is cut to see how the score hangs on it.
const PARTS: usize = 10;

/// A field's values as numbers.
#[derive(Debug)]
pub(crate) enum Numeric {
    /// NaN is missing.
    Numbers(Vec<f64>),
    /// Codes of so many categories; NaN is missing.
    Codes(Vec<f64>, usize),
    /// Nothing that can be compared.
    Nothing,
}

/// How rows are held against what a reference's columns say together.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Together {
    /// The positions of the fields, and whether each holds categories.
    fields: Vec<(usize, bool)>,
    components: Reconstruction,
}

thread_local! {
    static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
}

impl Together {
    /// Fits a reference, and gives the errors of those of its rows that were not fitted. `None` if
    /// there are fewer than two columns, too many, or too few rows for them.
    pub(crate) fn fit(fields: &[Numeric]) -> Option<(Self, Vec<f64>)> {
        let known: Vec<(usize, Kind, &[f64])> = fields
            .iter()
            .enumerate()
            .filter_map(|(place, field)| match field {
                Numeric::Numbers(values) => Some((place, Kind::Number, &**values)),
                Numeric::Codes(codes, listed) => Some((place, Kind::Category(*listed), &**codes)),
                Numeric::Nothing => None,
            })
            .collect();
        let rows = known.iter().map(|(_, _, values)| values.len()).min()?;
        if !(2..=COLUMNS_MAX).contains(&known.len()) || rows < ROWS_PER_COLUMN * known.len() {
            return None;
        }
        let half = |odd: usize| -> Vec<Vec<f64>> {
            let of = |values: &[f64]| values.iter().skip(odd).step_by(2).copied().collect();
            known.iter().map(|(_, _, values)| of(values)).collect()
        };
        let kinds: Vec<Kind> = known.iter().map(|(_, kind, _)| *kind).collect();
        let components = Reconstruction::fit(&kinds, &half(0))?;
        let errors = components.errors(&half(1));
        let fields = known.iter().map(|(place, kind, _)| (*place, *kind != Kind::Number));
        Some((Self { fields: fields.collect(), components }, errors))
    }

    /// How far this row is from what the reference's columns say together.
    #[must_use]
    pub fn error(&self, cells: &[Cell]) -> f64 {
        let value = |(place, is_category): &(usize, bool)| {
            let cell = cells.get(*place).copied().unwrap_or(Cell::Null);
            match (is_category, cell) {
                (true, Cell::Category(code)) => f64::from(code),
                (true, Cell::Text { .. }) => UNLISTED,
                _ => number(cell).unwrap_or(f64::NAN),
            }
        };
        SCRATCH.with_borrow_mut(|scratch| {
            self.components.error(self.fields.iter().map(value), scratch)
        })
    }
}

/// How much of the score hangs on each field, by itself: the share of the score's variance that
/// parts of the field explain (the correlation ratio η², Pearson 1905), 0 to 1.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Weights(BTreeMap<String, f64>);

impl Weights {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The weight of a field; `None` if it is not known.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<f64> {
        self.0.get(field).copied()
    }

    pub(crate) fn of(names: &[String], fields: &[Numeric], score: &[f64]) -> Self {
        let each = names.iter().zip(fields).filter_map(|(name, field)| {
            let weight = match field {
                Numeric::Numbers(values) => explained(&parts(values), score),
                Numeric::Codes(codes, _) => {
                    explained(&codes.iter().map(|c| part(*c)).collect::<Vec<_>>(), score)
                }
                Numeric::Nothing => None,
            };
            Some((name.clone(), weight?))
        });
        Self(each.collect())
    }
}

/// A category's part; what is missing or unlisted is one more.
fn part(code: f64) -> usize {
    if code >= 0.0 { whole(code).saturating_add(1) } else { 0 }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "codes of categories are small and not negative"
)]
fn whole(code: f64) -> usize {
    code as usize
}

/// Tenths by rank; what is missing is one more.
fn parts(values: &[f64]) -> Vec<usize> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let edges: Vec<f64> =
        (1..PARTS).filter_map(|at| sorted.get(at * sorted.len() / PARTS).copied()).collect();
    let of = |value: &f64| {
        if value.is_finite() { 1 + edges.partition_point(|edge| edge <= value) } else { 0 }
    };
    values.iter().map(of).collect()
}

/// The share of the score's variance between parts; `None` if the score does not vary.
fn explained(parts: &[usize], score: &[f64]) -> Option<f64> {
    let pairs = || parts.iter().zip(score).filter(|(_, score)| score.is_finite());
    let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    let n = count(pairs().count());
    let mean = pairs().map(|(_, score)| score).sum::<f64>() / n;
    let all: f64 = pairs().map(|(_, score)| (score - mean).powi(2)).sum();
    let mut sums: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for (part, score) in pairs() {
        let (n, sum) = sums.entry(*part).or_default();
        (*n, *sum) = (*n + 1.0, *sum + score);
    }
    let between: f64 = sums.values().map(|(n, sum)| n * (sum / n - mean).powi(2)).sum();
    (all > 0.0).then(|| (between / all).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_score_hangs_on_weighs_most() {
        let x: Vec<f64> = (0..1_000).map(|i| f64::from((i * 37) % 1_000)).collect();
        let noise: Vec<f64> = (0..1_000).map(|i| f64::from((i * 91 + 5) % 997)).collect();
        let score: Vec<f64> = x.iter().map(|x| x / 1_000.0).collect();
        let names = ["x".to_owned(), "noise".to_owned(), "gone".to_owned()];
        let fields = [Numeric::Numbers(x), Numeric::Numbers(noise), Numeric::Nothing];
        let weights = Weights::of(&names, &fields, &score);
        assert!(weights.get("x").unwrap() > 0.95);
        assert!(weights.get("noise").unwrap() < 0.1);
        assert_eq!(weights.get("gone"), None);
    }

    #[test]
    fn too_few_rows_or_columns_say_nothing_together() {
        let column = || Numeric::Numbers((0..39).map(f64::from).collect());
        assert!(Together::fit(&[column(), column()]).is_none());
        assert!(Together::fit(&[column()]).is_none());
        assert!(Together::fit(&[]).is_none());
    }
}
