//! Read and write CSV and Parquet tables as typed columns.
//!
//! Tables are read in batches, so that memory is bounded by a batch and not by the file.
//!
//! **Architecture invariant:** this crate is never on the request path, and knows nothing of
//! contracts, models or deployments.

mod bytes;
mod csv_file;
mod json_lines;
mod parquet_file;
mod summary;
mod table;

pub use bytes::Bytes;
pub use summary::{ColumnSummary, MAX_DISTINCT, summarise};
pub use table::{Coded, Column, ColumnData, ColumnKind, ColumnSchema, Table, TableError};

use csv_file::{CsvReader, CsvWriter};
use json_lines::JsonLinesWriter;
use parquet_file::{ParquetReader, ParquetWriter, Texts};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of one batch.
pub const MAX_BATCH_ROWS: usize = 65_536;

/// Cells of one batch: 64 MiB of numbers. Wide tables come in shorter batches.
const MAX_BATCH_CELLS: usize = 8 << 20;

/// How large a table may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest file, in bytes.
    pub max_bytes: u64,
    /// The most rows.
    pub max_rows: u64,
    /// The most columns.
    pub max_columns: usize,
}

impl Default for Limits {
    /// 64 GiB, a billion rows and 8,192 columns: what a patient person waits for on one
    /// machine, and twice the features of the widest contract.
    fn default() -> Self {
        Self { max_bytes: 64 << 30, max_rows: 1_000_000_000, max_columns: 8192 }
    }
}

/// The formats, told apart by the extension of the file's name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Comma-separated values (RFC 4180) with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// One JSON object in each line. Written only: a line has no types until somebody says what
    /// it should hold.
    JsonLines,
}

impl Format {
    /// The format that the extension of a file's name says.
    ///
    /// # Errors
    /// [`TableError::Extension`] if it says none.
    pub fn of(path: &Path) -> Result<Self, TableError> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("csv") => Ok(Self::Csv),
            Some("parquet") => Ok(Self::Parquet),
            Some("jsonl" | "ndjson") => Ok(Self::JsonLines),
            _ => Err(TableError::Extension { path: path.to_owned() }),
        }
    }
}

/// How the columns of a CSV file get their types. Parquet has its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Typing {
    /// Guessed from all rows, which reads the file twice.
    Guessed,
    /// Texts, all of them: somebody else knows what they should be.
    Texts,
}

/// Reads a whole table into memory. Large files: [`TableReader`].
///
/// # Errors
/// As [`TableReader`].
pub fn read(path: &Path, limits: &Limits, columns: Option<&[&str]>) -> Result<Table, TableError> {
    let reader = TableReader::open(path, limits, columns)?;
    let mut table = Table::empty(reader.schema());
    for batch in reader {
        table.append(batch?);
    }
    Ok(table)
}

/// Reads a table in batches of at most [`MAX_BATCH_ROWS`] rows.
#[derive(Debug)]
pub struct TableReader {
    path: PathBuf,
    source: Source,
    rows_left: u64,
    max_rows: u64,
    is_done: bool,
}

#[derive(Debug)]
enum Source {
    Csv(Box<CsvReader>),
    Parquet(Box<ParquetReader>),
}

impl TableReader {
    /// Opens the `.csv` or `.parquet` file at `path`. With `columns`, only those are read, in
    /// that order. The types of a CSV file's columns are guessed from all its rows: boolean
    /// (`true`, `false`), integer, number, timestamp (RFC 3339), else text; an empty field is
    /// null.
    ///
    /// # Errors
    /// [`TableError`] if it cannot be opened, is too large, has no header, repeats or lacks a
    /// column, or has a column of a type that has no place in a table.
    pub fn open(
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
    ) -> Result<Self, TableError> {
        Self::open_with(path, limits, columns, Texts::Each)
    }

    /// The same, to be read with [`next_coded`](Self::next_coded).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_coded(
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
    ) -> Result<Self, TableError> {
        Self::open_with(path, limits, columns, Texts::Coded)
    }

    fn open_with(
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
        texts: Texts,
    ) -> Result<Self, TableError> {
        let format = Format::of(path)?;
        let io = |source| TableError::Io { path: path.to_owned(), source };
        let bytes = std::fs::metadata(path).map_err(io)?.len();
        if bytes > limits.max_bytes {
            let what = format!("{bytes} bytes, the limit is {}", limits.max_bytes);
            return Err(TableError::TooLarge { path: path.to_owned(), what });
        }
        let source = match format {
            Format::Csv => Source::Csv(Box::new(CsvReader::open(path, limits, columns)?)),
            Format::Parquet => {
                Source::Parquet(Box::new(ParquetReader::open(path, limits, columns, texts)?))
            }
            Format::JsonLines => return Err(TableError::Extension { path: path.to_owned() }),
        };
        let max_rows = limits.max_rows;
        Ok(Self { path: path.to_owned(), source, rows_left: max_rows, max_rows, is_done: false })
    }

    /// Reads `bytes`, which errors call `name`, as [`open`](Self::open) reads a file.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`TableError::Extension`] for a format that is only written.
    pub fn of_bytes(
        bytes: &Arc<dyn Bytes>,
        name: &Path,
        format: Format,
        typing: Typing,
        limits: &Limits,
    ) -> Result<Self, TableError> {
        let source = match format {
            Format::Csv => {
                Source::Csv(Box::new(CsvReader::of_bytes(bytes, name, limits, None, typing)?))
            }
            Format::Parquet => {
                let bytes = Arc::clone(bytes);
                let parquet = ParquetReader::of_bytes(bytes, name, limits, None, Texts::Each)?;
                Source::Parquet(Box::new(parquet))
            }
            Format::JsonLines => return Err(TableError::Extension { path: name.to_owned() }),
        };
        let max_rows = limits.max_rows;
        Ok(Self { path: name.to_owned(), source, rows_left: max_rows, max_rows, is_done: false })
    }

    /// How many rows there are, where the file says so before it is read.
    #[must_use]
    pub fn row_count(&self) -> Option<u64> {
        match &self.source {
            Source::Csv(_) => None,
            Source::Parquet(reader) => Some(reader.row_count()),
        }
    }

    /// The columns, in the order of each batch.
    #[must_use]
    pub fn schema(&self) -> &[ColumnSchema] {
        match &self.source {
            Source::Csv(reader) => reader.schema(),
            Source::Parquet(reader) => reader.schema(),
        }
    }

    fn batch(&mut self) -> Result<Option<Table>, TableError> {
        let batch = match &mut self.source {
            Source::Csv(reader) => reader.batch()?,
            Source::Parquet(reader) => reader.batch()?,
        };
        self.count(batch.as_ref().map_or(0, |batch| batch.rows))?;
        Ok(batch)
    }

    fn count(&mut self, rows: usize) -> Result<(), TableError> {
        let left = self.rows_left.checked_sub(rows as u64);
        self.rows_left = left.ok_or_else(|| TableError::TooLarge {
            path: self.path.clone(),
            what: format!("more than {} rows", self.max_rows),
        })?;
        Ok(())
    }

    /// The next batch, column by column, with texts by their place in a list where the file has
    /// them so: a Parquet file of categories is read many times as fast. `None` at the end.
    ///
    /// # Errors
    /// As reading a batch; after an error there is no more.
    pub fn next_coded(&mut self) -> Result<Option<Vec<Coded>>, TableError> {
        if self.is_done {
            return Ok(None);
        }
        self.is_done = true;
        let batch = match &mut self.source {
            Source::Csv(reader) => reader.batch()?.map(|batch| {
                let rows = batch.rows;
                let plain = batch.columns.into_iter().map(|column| Coded::Plain(column.data));
                (rows, plain.collect())
            }),
            Source::Parquet(reader) => reader.coded_batch()?,
        };
        let Some((rows, columns)) = batch else { return Ok(None) };
        self.count(rows)?;
        self.is_done = false;
        Ok(Some(columns))
    }
}

impl Iterator for TableReader {
    type Item = Result<Table, TableError>;

    /// The next batch. After an error there is none.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let batch = self.batch().transpose();
        self.is_done = !matches!(batch, Some(Ok(_)));
        batch
    }
}

/// Writes a table in batches. Without [`finish`](Self::finish) the file is incomplete.
#[derive(Debug)]
pub struct TableWriter {
    path: PathBuf,
    schema: Vec<ColumnSchema>,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    Csv(Box<CsvWriter>),
    Parquet(Box<ParquetWriter>),
    JsonLines(Box<JsonLinesWriter>),
}

impl TableWriter {
    /// Creates the `.csv` or `.parquet` file at `path`, or empties it. Parquet files are
    /// compressed with Zstandard.
    ///
    /// # Errors
    /// [`TableError`] if it cannot be created.
    pub fn create(path: &Path, schema: &[ColumnSchema]) -> Result<Self, TableError> {
        let format = Format::of(path)?;
        let io = |source| TableError::Io { path: path.to_owned(), source };
        let file = std::fs::File::create(path).map_err(io)?;
        Self::to(Box::new(file), path, format, schema)
    }

    /// Writes to `sink`, which errors call `name`.
    ///
    /// # Errors
    /// [`TableError`] if the header cannot be written.
    pub fn to(
        sink: Box<dyn Write + Send>,
        name: &Path,
        format: Format,
        schema: &[ColumnSchema],
    ) -> Result<Self, TableError> {
        let sink = match format {
            Format::Csv => Sink::Csv(Box::new(CsvWriter::to(sink, name, schema)?)),
            Format::Parquet => Sink::Parquet(Box::new(ParquetWriter::to(sink, name, schema)?)),
            Format::JsonLines => Sink::JsonLines(Box::new(JsonLinesWriter::to(sink, name))),
        };
        Ok(Self { path: name.to_owned(), schema: schema.to_vec(), sink })
    }

    /// Writes `batch`, whose columns must be those of the writer.
    ///
    /// # Errors
    /// [`TableError`] if they are not, or the file cannot be written.
    pub fn write(&mut self, batch: &Table) -> Result<(), TableError> {
        if !batch.schema().eq(self.schema.iter().cloned()) {
            return Err(TableError::OtherColumns { path: self.path.clone() });
        }
        match &mut self.sink {
            Sink::Csv(writer) => writer.write(batch),
            Sink::Parquet(writer) => writer.write(batch),
            Sink::JsonLines(writer) => writer.write(batch),
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// [`TableError`] if the file cannot be written.
    pub fn finish(self) -> Result<(), TableError> {
        self.into_sink().map(drop)
    }

    /// Completes the table and gives back what it was written to.
    ///
    /// # Errors
    /// [`TableError`] if it cannot be written.
    pub fn into_sink(self) -> Result<Box<dyn Write + Send>, TableError> {
        match self.sink {
            Sink::Csv(writer) => writer.finish(),
            Sink::Parquet(writer) => writer.finish(),
            Sink::JsonLines(writer) => writer.finish(),
        }
    }
}

/// Rows of a batch of a table of so many columns.
fn batch_rows(columns: usize) -> usize {
    (MAX_BATCH_CELLS / columns.max(1)).clamp(1, MAX_BATCH_ROWS)
}
