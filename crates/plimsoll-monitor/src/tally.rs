//! What was seen of one version of a deployment in a slot of time: counts that merge. Of two
//! halves they give the whole, whichever thread saw which.

use crate::reference::{Reference, Source};
use plimsoll_serving::Seen;
use plimsoll_stats::summary::{CategorySummary, CodeSummary, NumberSummary, Unlike};
use plimsoll_types::{Cell, RefusalCode, Rows};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Upper bounds of the latency buckets, in microseconds: 1-2-5 from twenty microseconds to five
/// seconds.
pub const LATENCY_MICROS: [u64; 17] = [
    20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000, 2_000_000, 5_000_000,
];

/// Fields whose absence is counted where there is no reference: as many as a contract may have.
const MAX_FIELDS: usize = 4_096;

/// The values of one column.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// Numbers between frozen edges.
    Numbers(NumberSummary),
    /// Categories, by their place in the contract's list; booleans are two.
    Codes(CodeSummary),
    /// Texts, the reference's most frequent ones by name.
    Texts(CategorySummary),
}

impl Values {
    /// Sees one cell of a row.
    pub fn see(&mut self, rows: &Rows, cell: Cell) {
        match self {
            Self::Numbers(numbers) => match number(cell) {
                Some(value) => numbers.see(value),
                None => numbers.see_missing(),
            },
            Self::Codes(codes) => match cell {
                Cell::Category(code) => codes.see(code as usize),
                Cell::Boolean(value) => codes.see(usize::from(value)),
                // A text that the contract let pass although it does not list it.
                Cell::Text { .. } => codes.see(usize::MAX),
                _ => codes.see_missing(),
            },
            Self::Texts(texts) => texts.see(rows.text_of(cell)),
        }
    }
    /// The same columns, of which nothing was seen.
    #[must_use]
    pub fn emptied(&self) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(NumberSummary::new(numbers.edges().clone())),
            Self::Codes(codes) => Self::Codes(CodeSummary::new(codes.counts().len())),
            Self::Texts(texts) => {
                Self::Texts(CategorySummary::new(texts.counts().map(|(name, _)| name)))
            }
        }
    }
    /// Adds what another has seen.
    ///
    /// # Errors
    /// [`Unlike`] if it is of another column.
    pub fn merge(&mut self, other: &Self) -> Result<(), Unlike> {
        match (self, other) {
            (Self::Numbers(own), Self::Numbers(more)) => own.merge(more),
            (Self::Codes(own), Self::Codes(more)) => own.merge(more),
            (Self::Texts(own), Self::Texts(more)) => own.merge(more),
            _ => Err(Unlike),
        }
    }
    /// Values seen, without missing ones.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self {
            Self::Numbers(numbers) => numbers.count(),
            Self::Codes(codes) => codes.counts().iter().sum::<u64>() + codes.unseen(),
            Self::Texts(texts) => texts.counts().map(|(_, n)| n).sum::<u64>() + texts.unseen(),
        }
    }
    /// Missing values.
    #[must_use]
    pub fn missing(&self) -> u64 {
        match self {
            Self::Numbers(numbers) => numbers.missing(),
            Self::Codes(codes) => codes.missing(),
            Self::Texts(texts) => texts.missing(),
        }
    }
    /// Values that the reference has nothing like: beyond its range, or none of its categories.
    #[must_use]
    pub fn outside(&self) -> u64 {
        match self {
            Self::Numbers(numbers) => numbers.out_of_range(),
            Self::Codes(codes) => codes.unseen(),
            Self::Texts(texts) => texts.unseen(),
        }
    }
}

/// The number that a cell holds.
pub(crate) fn number(cell: Cell) -> Option<f64> {
    match cell {
        Cell::Number(value) => Some(value),
        #[expect(clippy::cast_precision_loss, reason = "contracts keep integers within 2^53")]
        Cell::Integer(value) => Some(value as f64),
        Cell::Boolean(value) => Some(f64::from(u8::from(value))),
        _ => None,
    }
}

/// What was seen in a slot, or in a window of slots.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Decisions.
    pub requests: u64,
    /// Validated rows.
    pub rows: u64,
    /// Rules of the contract that were broken and let pass.
    pub flags: u64,
    /// Decisions by how they ended: the code of the result.
    pub results: BTreeMap<u8, u64>,
    /// Refusals, failures and fallbacks by their reason's code.
    pub reasons: BTreeMap<u8, u64>,
    /// Counts between [`LATENCY_MICROS`]; the last is everything above.
    pub latency: Vec<u64>,
    /// Where there is no reference: missing values by field.
    pub missing: Vec<u64>,
    /// The reference's columns, in its order.
    pub columns: Vec<Values>,
}

impl Tally {
    /// A tally of nothing, for decisions that are compared with `reference`.
    #[must_use]
    pub fn new(reference: Option<&Reference>) -> Self {
        let columns = reference.map(|reference| &*reference.columns).unwrap_or_default();
        Self {
            latency: vec![0; LATENCY_MICROS.len() + 1],
            columns: columns.iter().map(|column| column.values.emptied()).collect(),
            ..Self::default()
        }
    }

    /// Sees a decision.
    pub fn see(&mut self, seen: &Seen<'_>, reference: Option<&Arc<Reference>>) {
        self.requests += 1;
        self.flags += seen.flags as u64;
        *self.results.entry(seen.result.code()).or_default() += 1;
        if let Some(reason) = seen.refusal {
            *self.reasons.entry(reason.code()).or_default() += 1;
        }
        let micros = seen.nanos / 1_000;
        let bucket = LATENCY_MICROS.partition_point(|bound| *bound < micros);
        if let Some(count) = self.latency.get_mut(bucket) {
            *count += 1;
        }
        let rows = seen.rows.len();
        self.rows += rows as u64;
        match reference {
            Some(reference) => (0..rows).for_each(|row| self.see_row(seen, row, reference)),
            None => (0..rows).for_each(|row| self.see_absent(seen.rows.row(row))),
        }
    }

    fn see_row(&mut self, seen: &Seen<'_>, row: usize, reference: &Reference) {
        let cells = seen.rows.row(row);
        let width = seen.outputs.len() / seen.rows.len().max(1);
        for (column, values) in reference.columns.iter().zip(&mut self.columns) {
            if let Some(slice) = &column.slice
                && !slice.holds(cells)
            {
                continue;
            }
            match column.source {
                Source::Field(place) => {
                    values.see(seen.rows, cells.get(place).copied().unwrap_or(Cell::Null));
                }
                Source::Joint => {
                    if let (Some(joint), Values::Numbers(numbers)) = (&reference.joint, values) {
                        numbers.see(joint.error(cells));
                    }
                }
                Source::Output(place) => {
                    let output = (place < width).then(|| seen.outputs.get(row * width + place));
                    if let (Some(Some(output)), Values::Numbers(numbers)) = (output, values) {
                        numbers.see(*output);
                    }
                }
            }
        }
    }

    fn see_absent(&mut self, cells: &[Cell]) {
        if self.missing.len() < cells.len().min(MAX_FIELDS) {
            self.missing.resize(cells.len().min(MAX_FIELDS), 0);
        }
        for (count, cell) in self.missing.iter_mut().zip(cells) {
            *count += u64::from(matches!(cell, Cell::Null));
        }
    }

    /// Adds what another has seen.
    ///
    /// # Errors
    /// [`Unlike`] if it was of another reference; then this one is to be thrown away.
    pub fn merge(&mut self, other: &Self) -> Result<(), Unlike> {
        if self.columns.len() != other.columns.len() {
            return Err(Unlike);
        }
        self.requests += other.requests;
        self.rows += other.rows;
        self.flags += other.flags;
        for (code, count) in &other.results {
            *self.results.entry(*code).or_default() += count;
        }
        for (code, count) in &other.reasons {
            *self.reasons.entry(*code).or_default() += count;
        }
        add(&mut self.latency, &other.latency);
        add(&mut self.missing, &other.missing);
        self.columns.iter_mut().zip(&other.columns).try_for_each(|(own, more)| own.merge(more))
    }

    /// The same as it is written: the edges of numbers are the reference's, and not repeated.
    #[must_use]
    pub fn without_edges(&self) -> Self {
        let columns = self.columns.iter().map(|values| match values {
            Values::Numbers(numbers) => Values::Numbers(numbers.without_edges()),
            other => other.clone(),
        });
        Self { columns: columns.collect(), ..self.clone() }
    }

    /// What was written, on the reference's edges.
    ///
    /// # Errors
    /// [`Unlike`] if it was of another reference.
    pub fn on_edges(self, reference: Option<&Reference>) -> Result<Self, Unlike> {
        let own = reference.map(|reference| &*reference.columns).unwrap_or_default();
        if own.len() != self.columns.len() {
            return Err(Unlike);
        }
        let columns = self.columns.into_iter().zip(own).map(|(values, column)| {
            match (values, &column.values) {
                (Values::Numbers(numbers), Values::Numbers(known)) => {
                    numbers.on_edges(known.edges()).map(Values::Numbers)
                }
                (values, _) => Ok(values),
            }
        });
        let columns = columns.collect::<Result<_, _>>()?;
        Ok(Self { columns, ..self })
    }

    /// The latency that this share of decisions stayed within, in microseconds: the upper bound
    /// of its bucket; `None` of nothing.
    #[must_use]
    pub fn latency_within(&self, share: f64) -> Option<u64> {
        let all: u64 = self.latency.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "a share of a count needs no last digit")]
        let wanted = all as f64 * share;
        let mut below = 0;
        let bucket = self.latency.iter().position(|count| {
            below += count;
            #[expect(clippy::cast_precision_loss, reason = "as above")]
            let is_enough = below as f64 >= wanted;
            is_enough
        })?;
        (all > 0).then(|| LATENCY_MICROS.get(bucket).copied().unwrap_or(u64::MAX))
    }

    /// Reasons by name.
    pub fn reasons(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.reasons
            .iter()
            .filter_map(|(code, count)| Some((RefusalCode::from_code(*code)?.as_str(), *count)))
    }
}

fn add(own: &mut Vec<u64>, more: &[u64]) {
    if own.len() < more.len() {
        own.resize(more.len(), 0);
    }
    own.iter_mut().zip(more).for_each(|(own, more)| *own += more);
}
