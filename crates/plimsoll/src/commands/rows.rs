//! Tables as the rows of a model: columns by name, categories by their codes.

use super::data;
use crate::failure::Failure;
use plimsoll_model::Categories;
use plimsoll_table::{Column, ColumnData, Limits, Table, TableReader};
use std::path::Path;

/// The table's columns in the order of the model's features: by `names`, or all of them.
pub(super) fn open(
    features: usize,
    names: Option<&[&str]>,
    path: &Path,
) -> Result<TableReader, Failure> {
    let limits = Limits::default();
    if names.is_some() {
        return TableReader::open(path, &limits, names).map_err(data::failure);
    }
    let reader = TableReader::open(path, &limits, None).map_err(data::failure)?;
    let columns = reader.schema().len();
    if columns != features {
        return Err(Failure::user(format!(
            "the table has {columns} columns, the model takes {features} features and does not name them"
        ))
        .hint("leave in the table only the features, in the order of training"));
    }
    Ok(reader)
}

/// Puts a batch into `inputs`, row-major; null is NaN, as models read it. `categories` are
/// those a feature was trained with.
pub(super) fn fill<'a>(
    inputs: &mut Vec<f32>,
    batch: &Table,
    categories: impl Fn(usize) -> Option<&'a Categories>,
) -> Result<(), Failure> {
    let width = batch.columns.len();
    inputs.clear();
    inputs.resize(batch.rows * width, f32::NAN);
    for (feature, column) in batch.columns.iter().enumerate() {
        let places = inputs.iter_mut().skip(feature).step_by(width.max(1));
        fill_column(categories(feature), column, places)?;
    }
    Ok(())
}

/// Puts a column into its places.
fn fill_column<'a>(
    categories: Option<&Categories>,
    column: &Column,
    places: impl Iterator<Item = &'a mut f32>,
) -> Result<(), Failure> {
    let codes = Codes { column, categories };
    match &column.data {
        ColumnData::Number(values) => {
            for (place, &value) in places.zip(values) {
                *place = single(value);
            }
        }
        ColumnData::Integer(values) => {
            for (place, value) in places.zip(values) {
                let Some(value) = value else { continue };
                *place = codes.of_integer(*value)?;
            }
        }
        ColumnData::Boolean(values) => {
            for (place, value) in places.zip(values) {
                *place = value.map_or(f32::NAN, |value| f32::from(u8::from(value)));
            }
        }
        ColumnData::Text(values) => {
            for (place, value) in places.zip(values) {
                let Some(value) = value else { continue };
                *place = codes.of_text(value)?;
            }
        }
        ColumnData::Timestamp(_) => return Err(codes.failure("has times; the model takes numbers")),
    }
    Ok(())
}

/// The codes a model was trained with for the categories of a column.
struct Codes<'a> {
    column: &'a Column,
    categories: Option<&'a Categories>,
}

impl Codes<'_> {
    fn of_integer(&self, value: i64) -> Result<f32, Failure> {
        match self.categories {
            None => Ok(integer(value)),
            Some(Categories::Integers(known)) => {
                self.code(known.iter().position(|one| *one == value))
            }
            Some(Categories::Texts(_)) => self.of_text(&value.to_string()),
        }
    }

    fn of_text(&self, text: &str) -> Result<f32, Failure> {
        match self.categories {
            None => Err(self
                .failure("has texts, for which the model file names no categories")
                .hint("put the codes of training in their place")),
            Some(Categories::Texts(known)) => {
                self.code(known.iter().position(|one| **one == *text))
            }
            Some(Categories::Integers(_)) => {
                Err(self.failure("has texts; the model takes integers"))
            }
        }
    }

    fn code(&self, place: Option<usize>) -> Result<f32, Failure> {
        let place = place.and_then(|place| u32::try_from(place).ok());
        let place =
            place.ok_or_else(|| self.failure("has a value that the model was not trained with"))?;
        Ok(integer(place.into()))
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::user(format!("column `{}` {what}", self.column.name))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "rounding to the model's precision is meant")]
fn single(value: f64) -> f32 {
    value as f32
}

fn integer(value: i64) -> f32 {
    value as f32
}
