//! Rows as bytes: CSV, JSON, Parquet.

use crate::error::LakeError;
use arrow::array::RecordBatch;
use arrow::csv::WriterBuilder;
use arrow::datatypes::SchemaRef;
use arrow::json::writer::{LineDelimited, WriterBuilder as JsonBuilder};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// One JSON object per row and line; nulls are written.
    #[default]
    Json,
    /// Comma-separated values (RFC 4180) with a head line.
    Csv,
    /// Parquet.
    Parquet,
}

impl Format {
    /// Every format.
    pub const ALL: &[Self] = &[Self::Json, Self::Csv, Self::Parquet];
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }
    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// Turns rows into bytes, piece by piece.
#[derive(Debug)]
pub struct Writer(Inner);

enum Inner {
    Json,
    Csv { has_head: bool, schema: SchemaRef },
    Parquet(Box<ArrowWriter<Vec<u8>>>),
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inner")
    }
}

impl Writer {
    /// A writer of rows with these columns.
    ///
    /// # Errors
    /// [`LakeError::Table`] if the format cannot hold such columns.
    pub fn new(format: Format, schema: &SchemaRef) -> Result<Self, LakeError> {
        Ok(Self(match format {
            Format::Json => Inner::Json,
            Format::Csv => Inner::Csv { has_head: false, schema: schema.clone() },
            Format::Parquet => {
                let zstd = Compression::ZSTD(ZstdLevel::default());
                let properties = WriterProperties::builder().set_compression(zstd).build();
                let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties));
                Inner::Parquet(Box::new(writer.map_err(LakeError::table)?))
            }
        }))
    }

    /// The bytes that these rows add.
    ///
    /// # Errors
    /// [`LakeError::Table`] if a value cannot be written so.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<Vec<u8>, LakeError> {
        let mut out = Vec::new();
        match &mut self.0 {
            Inner::Json => {
                let mut writer = JsonBuilder::new()
                    .with_explicit_nulls(true)
                    .build::<_, LineDelimited>(&mut out);
                writer.write(batch).map_err(LakeError::table)?;
                writer.finish().map_err(LakeError::table)?;
            }
            Inner::Csv { has_head, .. } => {
                let mut writer = WriterBuilder::new()
                    .with_header(!std::mem::replace(has_head, true))
                    .build(&mut out);
                writer.write(&flat(batch)?).map_err(LakeError::table)?;
            }
            Inner::Parquet(writer) => {
                writer.write(batch).map_err(LakeError::table)?;
                out = std::mem::take(writer.inner_mut());
            }
        }
        Ok(out)
    }

    /// The bytes of the end.
    ///
    /// # Errors
    /// [`LakeError::Table`] if the file cannot be ended.
    pub fn finish(self) -> Result<Vec<u8>, LakeError> {
        match self.0 {
            Inner::Json | Inner::Csv { has_head: true, .. } => Ok(Vec::new()),
            Inner::Csv { schema, .. } => {
                let mut writer = Self(Inner::Csv { has_head: false, schema: schema.clone() });
                writer.write(&RecordBatch::new_empty(schema))
            }
            Inner::Parquet(writer) => writer.into_inner().map_err(LakeError::table),
        }
    }
}

/// The rows with lists as texts: CSV has none.
fn flat(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    use arrow::datatypes::{DataType, Field, Schema};
    use std::sync::Arc;
    let is_list = |field: &Field| field.data_type().is_nested();
    if !batch.schema_ref().fields().iter().any(|field| is_list(field)) {
        return Ok(batch.clone());
    }
    let (mut fields, mut columns) = (Vec::new(), Vec::new());
    for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let column = if is_list(field) {
            arrow::compute::cast(column, &DataType::Utf8).map_err(LakeError::table)?
        } else {
            Arc::clone(column)
        };
        fields.push(Field::new(field.name(), column.data_type().clone(), true));
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(LakeError::table)
}
