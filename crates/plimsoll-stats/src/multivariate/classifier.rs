//! Can a classifier tell rows of one table from rows of the other, and by which columns?
//!
//! As NannyML's domain classifier: five folds in the order of the rows, each answered by a model
//! that was fitted on the other four, and the area under the ROC curve of all answers. In the place of
//! LightGBM stands [`crate::booster`]; areas agree within what folds differ by.

use super::Sampled;
use crate::booster::Booster;
use crate::performance::auroc;
use serde::Serialize;

/// Rows of each table that are told apart: with 25 columns half a second.
pub const CLASSIFIED_MAX: usize = 4_000;
/// Parts of the rows.
const FOLDS: usize = 5;
/// The confidence of the interval of the area.
const CONFIDENCE: f64 = 0.95;

/// How well the tables can be told apart.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Classifier {
    /// The area under the ROC curve: 0.5 not at all, 1 always.
    pub area: f64,
    /// The lower end of its interval of 95 %.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
    /// The rows of both tables together.
    pub rows: usize,
    /// By which columns: each one's share of what all splits gained, the largest first.
    pub by: Vec<Attributed>,
}

/// A column's part.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Attributed {
    /// The column.
    pub column: String,
    /// Its share, 0 to 1.
    pub share: f64,
}

impl Classifier {
    /// The area is large enough to matter, and hardly by chance.
    #[must_use]
    pub fn tells_apart(&self) -> bool {
        self.area >= super::AREA_LIMIT && self.lower > 0.5
    }

    pub(super) fn cross_validated(names: &[&str], tables: &Sampled) -> Option<Self> {
        let rows = |columns: &[Vec<f64>]| columns.iter().map(Vec::len).min().unwrap_or(0);
        let (before, now) = (rows(&tables.reference), rows(&tables.current));
        let mut scored = Vec::with_capacity(before + now);
        let mut gains = vec![0.0; names.len()];
        for fold in 0..FOLDS {
            let is_held = |row: usize, all: usize| row * FOLDS / all.max(1) == fold;
            let part = |wants_held: bool| {
                let rows_of = |columns: &[Vec<f64>], all: usize| -> Vec<Vec<f64>> {
                    let keep = |row: usize| is_held(row, all) == wants_held;
                    let of = |column: &Vec<f64>| {
                        let each = column.iter().take(all).enumerate();
                        each.filter(|(row, _)| keep(*row)).map(|(_, value)| *value).collect()
                    };
                    columns.iter().map(of).collect()
                };
                (rows_of(&tables.reference, before), rows_of(&tables.current, now))
            };
            let (first, second) = part(false);
            let target: Vec<f64> = std::iter::repeat_n(0.0, rows(&first))
                .chain(std::iter::repeat_n(1.0, rows(&second)))
                .collect();
            let columns: Vec<Vec<f64>> =
                first.into_iter().zip(second).map(|(a, b)| [a, b].concat()).collect();
            let model = Booster::fit(&columns, &target)?;
            gains.iter_mut().zip(model.gains()).for_each(|(all, gain)| *all += gain);
            let (first, second) = part(true);
            scored.extend(model.predict(&first).into_iter().map(|score| (score, false)));
            scored.extend(model.predict(&second).into_iter().map(|score| (score, true)));
        }
        let area = auroc(&scored, CONFIDENCE)?;
        let all: f64 = gains.iter().sum();
        let mut by: Vec<Attributed> = names
            .iter()
            .zip(gains)
            .map(|(name, gain)| Attributed {
                column: (*name).to_owned(),
                share: if all > 0.0 { gain / all } else { 0.0 },
            })
            .collect();
        by.sort_by(|a, b| b.share.total_cmp(&a.share));
        Some(Self {
            area: area.value,
            lower: area.lower,
            upper: area.upper,
            rows: scored.len(),
            by,
        })
    }
}
