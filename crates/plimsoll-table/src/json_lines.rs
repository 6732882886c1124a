//! JSON lines: one object for each row, written as its columns are named.

use crate::table::{Column, ColumnData, Table, TableError};
use arrow::temporal_conversions::timestamp_us_to_datetime;
use serde_json::{Map, Value};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

pub(crate) struct JsonLinesWriter {
    path: PathBuf,
    writer: BufWriter<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for JsonLinesWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonLinesWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl JsonLinesWriter {
    pub(crate) fn to(sink: Box<dyn Write + Send>, name: &Path) -> Self {
        Self { path: name.to_owned(), writer: BufWriter::new(sink) }
    }

    pub(crate) fn write(&mut self, batch: &Table) -> Result<(), TableError> {
        let io = |source| TableError::Io { path: self.path.clone(), source };
        for row in 0..batch.rows {
            let mut object = Map::new();
            for column in &batch.columns {
                if let Some(value) = value(column, row) {
                    object.insert(column.name.clone(), value);
                }
            }
            serde_json::to_writer(&mut self.writer, &object).map_err(|e| io(e.into()))?;
            self.writer.write_all(b"\n").map_err(io)?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Box<dyn Write + Send>, TableError> {
        let Self { path, writer } = self;
        writer.into_inner().map_err(|error| TableError::Io { path, source: error.into_error() })
    }
}

/// A value; a null is left out of its line.
fn value(column: &Column, row: usize) -> Option<Value> {
    fn one<T: Clone + Into<Value>>(values: &[Option<T>], row: usize) -> Option<Value> {
        values.get(row).cloned().flatten().map(Into::into)
    }
    match &column.data {
        // JSON has no infinity and no NaN.
        ColumnData::Number(values) => {
            values.get(row).filter(|n| n.is_finite()).map(|n| (*n).into())
        }
        ColumnData::Integer(values) => one(values, row),
        ColumnData::Boolean(values) => one(values, row),
        ColumnData::Text(values) => {
            values.get(row).cloned().flatten().map(|t| String::from(t).into())
        }
        ColumnData::Timestamp(values) => {
            let time = timestamp_us_to_datetime((*values.get(row)?)?)?;
            Some(time.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into())
        }
    }
}
