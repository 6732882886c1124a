//! What each column of a table looks like, in a handful of facts and one pass.

use crate::table::{ColumnData, ColumnKind, ColumnSchema, Table, TableError};
use std::collections::HashSet;

/// Different texts that are kept of one column; with more, it is no closed list.
pub const MAX_DISTINCT: usize = 50;

/// What one column looks like.
#[derive(Clone, PartialEq, Debug)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ColumnKind,
    /// How many rows were seen.
    pub rows: u64,
    /// In how many of them it was null.
    pub nulls: u64,
    /// The least finite number; microseconds for a timestamp.
    pub min: Option<f64>,
    /// The greatest finite number; microseconds for a timestamp.
    pub max: Option<f64>,
    /// The different texts in order of first sight; `None` if there are more than
    /// [`MAX_DISTINCT`], or it is no column of texts.
    pub distinct: Option<Vec<String>>,
    /// Characters of the longest text.
    pub max_length: u64,
}

/// Summarises the batches of a reader whose columns are `schema`.
///
/// # Errors
/// The first error of the reader.
pub fn summarise(
    schema: &[ColumnSchema],
    batches: impl Iterator<Item = Result<Table, TableError>>,
) -> Result<Vec<ColumnSummary>, TableError> {
    let mut columns: Vec<Summary> = schema.iter().map(Summary::new).collect();
    for batch in batches {
        for (summary, column) in columns.iter_mut().zip(&batch?.columns) {
            summary.see(&column.data);
        }
    }
    Ok(columns.into_iter().map(|summary| summary.column).collect())
}

struct Summary {
    column: ColumnSummary,
    /// The same texts as `column.distinct`, to look up.
    known: HashSet<Box<str>>,
}

impl Summary {
    fn new(schema: &ColumnSchema) -> Self {
        let column = ColumnSummary {
            name: schema.name.clone(),
            kind: schema.kind,
            rows: 0,
            nulls: 0,
            min: None,
            max: None,
            distinct: (schema.kind == ColumnKind::Text).then(Vec::new),
            max_length: 0,
        };
        Self { column, known: HashSet::new() }
    }

    fn see(&mut self, data: &ColumnData) {
        self.column.rows += data.len() as u64;
        match data {
            ColumnData::Number(values) => {
                for &number in values {
                    self.null(number.is_nan());
                    self.number(number);
                }
            }
            ColumnData::Integer(values) | ColumnData::Timestamp(values) => {
                for value in values {
                    self.null(value.is_none());
                    self.number(value.map_or(f64::NAN, |integer| integer as f64));
                }
            }
            ColumnData::Boolean(values) => {
                values.iter().for_each(|value| self.null(value.is_none()))
            }
            ColumnData::Text(values) => {
                for value in values {
                    self.null(value.is_none());
                    self.text(value.as_deref());
                }
            }
        }
    }

    fn null(&mut self, is_null: bool) {
        self.column.nulls += u64::from(is_null);
    }

    fn number(&mut self, number: f64) {
        if !number.is_finite() {
            return;
        }
        let column = &mut self.column;
        column.min = Some(column.min.map_or(number, |min| min.min(number)));
        column.max = Some(column.max.map_or(number, |max| max.max(number)));
    }

    fn text(&mut self, text: Option<&str>) {
        let Some(text) = text else { return };
        self.column.max_length = self.column.max_length.max(text.chars().count() as u64);
        let Some(distinct) = &mut self.column.distinct else { return };
        if self.known.contains(text) {
            return;
        }
        if distinct.len() == MAX_DISTINCT {
            self.column.distinct = None;
            self.known.clear();
            return;
        }
        distinct.push(text.to_owned());
        self.known.insert(text.into());
    }
}
