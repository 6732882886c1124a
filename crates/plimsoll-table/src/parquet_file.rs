//! Parquet: columns of scalars. Nested columns, decimals and binaries are refused by name.

use crate::bytes::{Bytes, Chunks, FileBytes};
use crate::csv_file::places;
use crate::table::{Coded, Column, ColumnData, ColumnKind, ColumnSchema, Table, TableError};
use crate::{Limits, batch_rows};
use arrow::array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, Int32Type, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader,
    ParquetRecordBatchReaderBuilder,
};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use std::collections::HashSet;
use std::fs::File;
use std::io::Write;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How texts are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Texts {
    /// One by one.
    Each,
    /// By their place in a list.
    Coded,
}

#[derive(Debug)]
pub(crate) struct ParquetReader {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    schema: Vec<ColumnSchema>,
    rows: u64,
}

impl ParquetReader {
    pub(crate) fn open(
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
        texts: Texts,
    ) -> Result<Self, TableError> {
        let io = |source| TableError::Io { path: path.to_owned(), source };
        let bytes = File::open(path).and_then(FileBytes::new).map_err(io)?;
        Self::of_bytes(Arc::new(bytes), path, limits, columns, texts)
    }

    pub(crate) fn of_bytes(
        bytes: Arc<dyn Bytes>,
        name: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
        texts: Texts,
    ) -> Result<Self, TableError> {
        guarded(name, || Self::open_unguarded(bytes, name, limits, columns, texts))
    }

    pub(crate) fn row_count(&self) -> u64 {
        self.rows
    }

    /// The next batch's rows and columns, texts by their place in a list.
    pub(crate) fn coded_batch(&mut self) -> Result<Option<(usize, Vec<Coded>)>, TableError> {
        guarded(&self.path.clone(), || self.coded_unguarded())
    }

    pub(crate) fn batch(&mut self) -> Result<Option<Table>, TableError> {
        guarded(&self.path.clone(), || self.batch_unguarded())
    }

    fn open_unguarded(
        bytes: Arc<dyn Bytes>,
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
        texts: Texts,
    ) -> Result<Self, TableError> {
        let damaged = |source| TableError::Parquet { path: path.to_owned(), source };
        let chunks = Chunks(bytes);
        let metadata = ArrowReaderMetadata::load(&chunks, ArrowReaderOptions::default());
        let metadata = metadata.map_err(damaged)?;
        let coded = if texts == Texts::Coded { with_codes(&metadata) } else { None };
        let metadata = coded.unwrap_or(metadata);
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(chunks, metadata);
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
        let fields = builder.schema().fields().clone();
        let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        check_names(path, &names, limits)?;
        let places = places(path, &names, columns)?;
        let wanted = places.iter().filter_map(|place| fields.get(*place));
        let schema =
            wanted.map(|field| column_schema(path, field)).collect::<Result<Vec<_>, _>>()?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), places);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(batch_rows(schema.len()))
            .build()
            .map_err(damaged)?;
        Ok(Self { path: path.to_owned(), reader, schema, rows })
    }

    pub(crate) fn schema(&self) -> &[ColumnSchema] {
        &self.schema
    }

    fn batch_unguarded(&mut self) -> Result<Option<Table>, TableError> {
        let Some((rows, data)) = self.columns(convert)? else { return Ok(None) };
        let names = self.schema.iter().map(|column| column.name.clone());
        let columns = names.zip(data).map(|(name, data)| Column { name, data }).collect();
        Ok(Some(Table { columns, rows }))
    }

    fn coded_unguarded(&mut self) -> Result<Option<(usize, Vec<Coded>)>, TableError> {
        self.columns(|array, kind| match kind {
            ColumnKind::Text => coded(array),
            kind => convert(array, kind).map(Coded::Plain),
        })
    }

    /// The next batch's rows, and its columns as `convert` makes them.
    fn columns<T>(
        &mut self,
        convert: impl Fn(&ArrayRef, ColumnKind) -> Option<T>,
    ) -> Result<Option<(usize, Vec<T>)>, TableError> {
        let Some(batch) = self.reader.next() else { return Ok(None) };
        let batch = batch.map_err(|source| TableError::Parquet {
            path: self.path.clone(),
            source: ParquetError::from(source),
        })?;
        let columns = self.schema.iter().map(|column| {
            let fault =
                || TableError::Value { path: self.path.clone(), column: column.name.clone() };
            let array = batch.column_by_name(&column.name).ok_or_else(fault)?;
            convert(array, column.kind).ok_or_else(fault)
        });
        Ok(Some((batch.num_rows(), columns.collect::<Result<_, _>>()?)))
    }
}

/// The same file, its texts read as the dictionaries that they mostly are; `None` if the library
/// will not read it so.
fn with_codes(metadata: &ArrowReaderMetadata) -> Option<ArrowReaderMetadata> {
    let code = |field: &Arc<Field>| {
        if !field.data_type().is_string() {
            return Arc::clone(field);
        }
        Arc::new(field.as_ref().clone().with_data_type(dictionary()))
    };
    let fields: Vec<Arc<Field>> = metadata.schema().fields().iter().map(code).collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).ok()
}

fn dictionary() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// Runs `read`. The library is known to panic on some damaged files (a failed assertion about
/// lengths or schema); a reader after that is dropped, so nothing half-done is seen.
fn guarded<T>(path: &Path, read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        let source = ParquetError::General("the file is damaged".to_owned());
        Err(TableError::Parquet { path: path.to_owned(), source })
    })
}

fn check_names(path: &Path, names: &[&str], limits: &Limits) -> Result<(), TableError> {
    let header = |what: String| TableError::Header { path: path.to_owned(), what };
    if names.is_empty() || names.len() > limits.max_columns {
        return Err(header(format!("must have 1 to {} columns", limits.max_columns)));
    }
    let mut seen = HashSet::new();
    match names.iter().find(|name| !seen.insert(**name)) {
        Some(name) => Err(header(format!("column `{name}` is there twice"))),
        None => Ok(()),
    }
}

fn column_schema(path: &Path, field: &Field) -> Result<ColumnSchema, TableError> {
    let kind = kind(field.data_type()).ok_or_else(|| TableError::Unsupported {
        path: path.to_owned(),
        column: field.name().clone(),
        data_type: field.data_type().to_string(),
    })?;
    Ok(ColumnSchema { name: field.name().clone(), kind })
}

/// The kind of column that holds values of `data_type`. A column of nulls is one of numbers.
fn kind(data_type: &DataType) -> Option<ColumnKind> {
    if data_type.is_integer() {
        return Some(ColumnKind::Integer);
    }
    if data_type.is_floating() || *data_type == DataType::Null {
        return Some(ColumnKind::Number);
    }
    if data_type.is_string() {
        return Some(ColumnKind::Text);
    }
    match data_type {
        DataType::Boolean => Some(ColumnKind::Boolean),
        DataType::Timestamp(_, _) | DataType::Date32 | DataType::Date64 => {
            Some(ColumnKind::Timestamp)
        }
        DataType::Dictionary(_, values) => kind(values),
        _ => None,
    }
}

/// Texts by their place in the array's own list; `None` if one is not a text.
fn coded(array: &ArrayRef) -> Option<Coded> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(array, &dictionary(), &options).ok()?;
    let dictionary = array.as_any().downcast_ref::<DictionaryArray<Int32Type>>()?;
    let texts = dictionary.values().as_any().downcast_ref::<StringArray>()?;
    // What is missing may be a key without a value or a key of a missing text.
    let place = |key: Option<i32>| {
        let place = usize::try_from(key?).ok()?;
        if texts.is_null(place) { None } else { u32::try_from(place).ok() }
    };
    let places = dictionary.keys().iter().map(place).collect();
    let texts = texts.iter().map(|text| text.unwrap_or_default().into()).collect();
    Some(Coded::Texts { texts, places })
}

/// The values of `array` as `kind`; `None` if one does not fit.
fn convert(array: &ArrayRef, kind: ColumnKind) -> Option<ColumnData> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let array = cast_with_options(array, &target(array.data_type(), kind), &options).ok()?;
    let any = array.as_any();
    Some(match kind {
        ColumnKind::Number => {
            let values = any.downcast_ref::<Float64Array>()?;
            if values.null_count() == 0 {
                return Some(ColumnData::Number(values.values().to_vec()));
            }
            ColumnData::Number(values.iter().map(|value| value.unwrap_or(f64::NAN)).collect())
        }
        ColumnKind::Integer => {
            ColumnData::Integer(any.downcast_ref::<Int64Array>()?.iter().collect())
        }
        ColumnKind::Boolean => {
            ColumnData::Boolean(any.downcast_ref::<BooleanArray>()?.iter().collect())
        }
        ColumnKind::Text => {
            let values = any.downcast_ref::<StringArray>()?.iter();
            ColumnData::Text(values.map(|value| value.map(Box::from)).collect())
        }
        ColumnKind::Timestamp => {
            ColumnData::Timestamp(any.downcast_ref::<TimestampMicrosecondArray>()?.iter().collect())
        }
    })
}

/// The one type of array that each kind is converted through. A time zone is kept, because
/// taking it away would shift the times.
fn target(data_type: &DataType, kind: ColumnKind) -> DataType {
    match kind {
        ColumnKind::Number => DataType::Float64,
        ColumnKind::Integer => DataType::Int64,
        ColumnKind::Boolean => DataType::Boolean,
        ColumnKind::Text => DataType::Utf8,
        ColumnKind::Timestamp => {
            let zone = match data_type {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            };
            DataType::Timestamp(TimeUnit::Microsecond, zone)
        }
    }
}

pub(crate) struct ParquetWriter {
    path: PathBuf,
    schema: Arc<Schema>,
    writer: ArrowWriter<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl ParquetWriter {
    pub(crate) fn to(
        sink: Box<dyn Write + Send>,
        path: &Path,
        schema: &[ColumnSchema],
    ) -> Result<Self, TableError> {
        let damaged = |source| TableError::Parquet { path: path.to_owned(), source };
        let fields: Vec<Field> = schema.iter().map(arrow_field).collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .build();
        let writer =
            ArrowWriter::try_new(sink, Arc::clone(&schema), Some(properties)).map_err(damaged)?;
        Ok(Self { path: path.to_owned(), schema, writer })
    }

    pub(crate) fn write(&mut self, batch: &Table) -> Result<(), TableError> {
        let arrays = batch.columns.iter().map(|column| array(&column.data)).collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(ParquetError::from);
        let written = batch.and_then(|batch| self.writer.write(&batch));
        written.map_err(|source| TableError::Parquet { path: self.path.clone(), source })
    }

    pub(crate) fn finish(self) -> Result<Box<dyn Write + Send>, TableError> {
        let path = self.path;
        self.writer.into_inner().map_err(|source| TableError::Parquet { path, source })
    }
}

fn arrow_field(column: &ColumnSchema) -> Field {
    let data_type = match column.kind {
        ColumnKind::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        kind => target(&DataType::Null, kind),
    };
    Field::new(&column.name, data_type, true)
}

fn array(data: &ColumnData) -> ArrayRef {
    match data {
        ColumnData::Number(values) => {
            let values = values.iter().map(|number| (!number.is_nan()).then_some(*number));
            Arc::new(values.collect::<Float64Array>())
        }
        ColumnData::Integer(values) => Arc::new(values.iter().copied().collect::<Int64Array>()),
        ColumnData::Boolean(values) => Arc::new(values.iter().copied().collect::<BooleanArray>()),
        ColumnData::Text(values) => {
            Arc::new(values.iter().map(Option::as_deref).collect::<StringArray>())
        }
        ColumnData::Timestamp(values) => {
            let values = values.iter().copied().collect::<TimestampMicrosecondArray>();
            Arc::new(values.with_timezone("UTC"))
        }
    }
}
