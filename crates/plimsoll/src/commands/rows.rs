//! Tables as the rows of a model: columns by name, categories by their codes.

use super::data;
use crate::failure::Failure;
use plimsoll_explain::BackgroundFile;
use plimsoll_model::{Categories, Model, UnknownCategory};
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

/// The rows of a table as background rows of `model`.
pub(super) fn background(model: &Model, path: &Path) -> Result<BackgroundFile, Failure> {
    let names = model.feature_names();
    let names: Option<Vec<&str>> = names.map(|names| names.iter().map(AsRef::as_ref).collect());
    let features = model.feature_count();
    let (mut rows, mut inputs) = (Vec::new(), Vec::new());
    for batch in open(features, names.as_deref(), path)? {
        let batch = batch.map_err(data::failure)?;
        fill(&mut inputs, &batch, |feature| {
            (super::contract::categories(model, feature), model.unknown_category(feature))
        })?;
        let number = |value: &f64| (!value.is_nan()).then_some(*value);
        rows.extend(inputs.chunks(features.max(1)).map(|row| row.iter().map(number).collect()));
    }
    let names = names.unwrap_or_default().into_iter().map(str::to_owned).collect();
    let file = BackgroundFile::new(names, rows);
    file.rows_of(model).map_err(|error| Failure::user(error.to_string()))?;
    Ok(file)
}

/// Puts a batch into `inputs`, row-major; null is NaN, as models read it. `categories` are
/// those a feature was trained with, and what becomes of others.
pub(super) fn fill<'a>(
    inputs: &mut Vec<f64>,
    batch: &Table,
    categories: impl Fn(usize) -> (Option<&'a Categories>, UnknownCategory),
) -> Result<(), Failure> {
    let width = batch.columns.len();
    inputs.clear();
    inputs.resize(batch.rows * width, f64::NAN);
    for (feature, column) in batch.columns.iter().enumerate() {
        let places = inputs.iter_mut().skip(feature).step_by(width.max(1));
        fill_column(categories(feature), column, places)?;
    }
    Ok(())
}

/// Puts a column into its places.
fn fill_column<'a>(
    (categories, unknown): (Option<&Categories>, UnknownCategory),
    column: &Column,
    places: impl Iterator<Item = &'a mut f64>,
) -> Result<(), Failure> {
    let codes = Codes { column, categories, unknown };
    match &column.data {
        ColumnData::Number(values) => {
            for (place, &value) in places.zip(values) {
                *place = value;
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
                *place = value.map_or(f64::NAN, |value| f64::from(u8::from(value)));
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
    unknown: UnknownCategory,
}

impl Codes<'_> {
    fn of_integer(&self, value: i64) -> Result<f64, Failure> {
        match self.categories {
            None => Ok(integer(value)),
            Some(Categories::Integers(known)) => {
                self.code(known.iter().position(|one| *one == value))
            }
            Some(Categories::Texts(_)) => self.of_text(&value.to_string()),
        }
    }

    fn of_text(&self, text: &str) -> Result<f64, Failure> {
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

    fn code(&self, place: Option<usize>) -> Result<f64, Failure> {
        match (place.and_then(|place| u32::try_from(place).ok()), self.unknown) {
            (Some(place), _) => Ok(place.into()),
            (None, UnknownCategory::Missing) => Ok(f64::NAN),
            (None, UnknownCategory::Coded) => Ok(Model::UNKNOWN_CODE),
            (None, UnknownCategory::Refused) => {
                Err(self.failure("has a value that the model was not trained with"))
            }
        }
    }

    fn failure(&self, what: &str) -> Failure {
        Failure::user(format!("column `{}` {what}", self.column.name))
    }
}

fn integer(value: i64) -> f64 {
    value as f64
}
