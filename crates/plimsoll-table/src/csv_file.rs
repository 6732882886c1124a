//! CSV (RFC 4180): a header, then rows of as many fields; UTF-8; an empty field is null.
//!
//! CSV has no types, so a file is read twice: once to guess them, once for the values. What
//! is written and read again keeps its values, but not always its types: a text `12` comes
//! back as an integer, and an empty text as null.

use crate::Typing;
use crate::bytes::{Bytes, FileBytes};
use crate::table::{Column, ColumnData, ColumnKind, ColumnSchema, Table, TableError};
use crate::{Limits, batch_rows};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::temporal_conversions::timestamp_us_to_datetime;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of one row. A quote that is never closed would otherwise read the file into memory.
const MAX_ROW_BYTES: usize = 16 << 20;

/// Bytes of one batch, beyond which it is handed out however few rows it has.
const MAX_BATCH_BYTES: usize = 64 << 20;

#[derive(Debug)]
pub(crate) struct CsvReader {
    rows: Rows,
    schema: Vec<ColumnSchema>,
    /// For each column of the schema, its place in the file.
    places: Vec<usize>,
}

/// The rows of a file, after its header.
#[derive(Debug)]
struct Rows {
    path: PathBuf,
    reader: csv::Reader<Rationed>,
    record: csv::ByteRecord,
}

/// A file that gives out no more bytes than it is allowed for each row.
struct Rationed {
    file: Box<dyn Read + Send>,
    left: usize,
}

impl std::fmt::Debug for Rationed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rationed").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Read for Rationed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let message =
                format!("a row is longer than {MAX_ROW_BYTES} bytes; is a quote left open?");
            return Err(io::Error::other(message));
        }
        let most = buffer.len().min(self.left);
        let count = self.file.read(buffer.get_mut(..most).unwrap_or_default())?;
        self.left -= count;
        Ok(count)
    }
}

impl CsvReader {
    pub(crate) fn open(
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
    ) -> Result<Self, TableError> {
        let io = |source| TableError::Io { path: path.to_owned(), source };
        let bytes = File::open(path).and_then(FileBytes::new).map_err(io)?;
        let bytes: Arc<dyn Bytes> = Arc::new(bytes);
        Self::of_bytes(&bytes, path, limits, columns, Typing::Guessed)
    }

    pub(crate) fn of_bytes(
        bytes: &Arc<dyn Bytes>,
        path: &Path,
        limits: &Limits,
        columns: Option<&[&str]>,
        typing: Typing,
    ) -> Result<Self, TableError> {
        let (mut rows, names) = Rows::open(&**bytes, path, limits)?;
        let places = places(path, &names, columns)?;
        if typing == Typing::Texts {
            let text = |place: &usize| ColumnSchema {
                name: names.get(*place).cloned().unwrap_or_default(),
                kind: ColumnKind::Text,
            };
            let schema = places.iter().map(text).collect();
            return Ok(Self { rows, schema, places });
        }
        let mut guesses = vec![Guess::default(); places.len()];
        while rows.next()? {
            for (guess, place) in guesses.iter_mut().zip(&places) {
                guess.see(rows.field(*place)?);
            }
        }
        let column = |(guess, place): (&Guess, &usize)| ColumnSchema {
            name: names.get(*place).cloned().unwrap_or_default(),
            kind: guess.kind(),
        };
        let schema = guesses.iter().zip(&places).map(column).collect();
        Ok(Self { rows: Rows::open(&**bytes, path, limits)?.0, schema, places })
    }

    pub(crate) fn schema(&self) -> &[ColumnSchema] {
        &self.schema
    }

    pub(crate) fn batch(&mut self) -> Result<Option<Table>, TableError> {
        let mut batch = Table::empty(&self.schema);
        let (most, mut bytes) = (batch_rows(self.places.len()), 0);
        while batch.rows < most && bytes < MAX_BATCH_BYTES && self.rows.next()? {
            for (column, place) in batch.columns.iter_mut().zip(&self.places) {
                let field = self.rows.field(*place)?;
                if !push(&mut column.data, field) {
                    let what = format!("column {} changed while the file was read", place + 1);
                    return Err(self.rows.fault(what));
                }
            }
            bytes += self.rows.record.as_slice().len();
            batch.rows += 1;
        }
        Ok((batch.rows > 0).then_some(batch))
    }
}

impl Rows {
    /// Opens the file and reads its header.
    fn open(
        bytes: &dyn Bytes,
        path: &Path,
        limits: &Limits,
    ) -> Result<(Self, Vec<String>), TableError> {
        let file = Rationed { file: bytes.reader(0), left: 0 };
        let reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file);
        let mut rows = Self { path: path.to_owned(), reader, record: csv::ByteRecord::new() };
        let header = |what: String| TableError::Header { path: path.to_owned(), what };
        if !rows.next()? {
            return Err(header("the file is empty".to_owned()));
        }
        if rows.record.len() > limits.max_columns {
            return Err(header(format!("more than {} columns", limits.max_columns)));
        }
        let names = (0..rows.record.len()).map(|place| rows.field(place).map(str::to_owned));
        let names = names.collect::<Result<Vec<_>, _>>()?;
        let mut seen = HashSet::new();
        for (place, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(header(format!("column {} has no name", place + 1)));
            }
            if !seen.insert(name) {
                return Err(header(format!("column `{name}` is there twice")));
            }
        }
        Ok((rows, names))
    }

    /// Reads the next row; false at the end.
    fn next(&mut self) -> Result<bool, TableError> {
        self.reader.get_mut().left = MAX_ROW_BYTES;
        self.reader.read_byte_record(&mut self.record).map_err(|error| {
            let line =
                error.position().map_or_else(|| self.reader.position().line(), csv::Position::line);
            let what = match error.into_kind() {
                csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                    format!("it has {len} fields, the header has {expected_len}")
                }
                csv::ErrorKind::Io(error) => error.to_string(),
                _ => "it is not CSV".to_owned(),
            };
            TableError::Line { path: self.path.clone(), line, what }
        })
    }

    fn field(&self, place: usize) -> Result<&str, TableError> {
        let bytes = self.record.get(place).unwrap_or_default();
        std::str::from_utf8(bytes)
            .map_err(|_| self.fault(format!("column {} is not UTF-8", place + 1)))
    }

    #[cold]
    fn fault(&self, what: String) -> TableError {
        let line = self.record.position().map_or(0, csv::Position::line);
        TableError::Line { path: self.path.clone(), line, what }
    }
}

/// Where the wanted columns are; all of them if none are named.
pub(crate) fn places<S: AsRef<str>>(
    path: &Path,
    names: &[S],
    columns: Option<&[&str]>,
) -> Result<Vec<usize>, TableError> {
    let Some(columns) = columns else { return Ok((0..names.len()).collect()) };
    let place = |column: &&str| {
        names.iter().position(|name| name.as_ref() == *column).ok_or_else(|| {
            TableError::MissingColumn { path: path.to_owned(), column: (*column).to_owned() }
        })
    };
    columns.iter().map(place).collect()
}

/// Which types a column's fields allow so far.
#[derive(Clone)]
struct Guess {
    boolean: bool,
    integer: bool,
    number: bool,
    timestamp: bool,
    is_empty: bool,
}

impl Default for Guess {
    fn default() -> Self {
        Self { boolean: true, integer: true, number: true, timestamp: true, is_empty: true }
    }
}

impl Guess {
    fn see(&mut self, field: &str) {
        if field.is_empty() {
            return;
        }
        self.is_empty = false;
        self.boolean = self.boolean && boolean(field).is_some();
        self.integer = self.integer && integer(field).is_some();
        self.number = self.number && number(field).is_some();
        self.timestamp = self.timestamp && timestamp(field).is_some();
    }

    /// A column without any value is one of numbers, which models read as missing.
    fn kind(&self) -> ColumnKind {
        match self {
            Self { is_empty: true, .. } => ColumnKind::Number,
            Self { boolean: true, .. } => ColumnKind::Boolean,
            Self { integer: true, .. } => ColumnKind::Integer,
            Self { number: true, .. } => ColumnKind::Number,
            Self { timestamp: true, .. } => ColumnKind::Timestamp,
            _ => ColumnKind::Text,
        }
    }
}

/// Appends `field`; false if it is not of the column's type.
fn push(data: &mut ColumnData, field: &str) -> bool {
    fn parsed<T>(field: &str, parse: impl Fn(&str) -> Option<T>) -> Option<Option<T>> {
        if field.is_empty() { Some(None) } else { parse(field).map(Some) }
    }
    match data {
        ColumnData::Number(values) => {
            parsed(field, number).map(|value| values.push(value.unwrap_or(f64::NAN))).is_some()
        }
        ColumnData::Integer(values) => {
            parsed(field, integer).map(|value| values.push(value)).is_some()
        }
        ColumnData::Boolean(values) => {
            parsed(field, boolean).map(|value| values.push(value)).is_some()
        }
        ColumnData::Timestamp(values) => {
            parsed(field, timestamp).map(|value| values.push(value)).is_some()
        }
        ColumnData::Text(values) => {
            values.push((!field.is_empty()).then(|| field.into()));
            true
        }
    }
}

fn boolean(field: &str) -> Option<bool> {
    match field {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Whether it has the zeros before it that codes have and numbers do not: `007`.
fn is_code(field: &str) -> bool {
    let digits = field.strip_prefix('-').unwrap_or(field).as_bytes();
    matches!(digits, [b'0', b'0'..=b'9', ..] | [b'+', ..])
}

fn integer(field: &str) -> Option<i64> {
    if is_code(field) || field == "-0" { None } else { field.parse().ok() }
}

/// A number. Digits alone that no integer holds are an identifier, not a number.
fn number(field: &str) -> Option<f64> {
    let is_digits = field.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    if is_code(field) || (is_digits && field != "-0" && integer(field).is_none()) {
        return None;
    }
    field.parse().ok()
}

/// A timestamp of RFC 3339, which has an offset, within the years 1678 to 2261.
fn timestamp(field: &str) -> Option<i64> {
    let (date, rest) = field.as_bytes().split_at_checked(10)?;
    let is_date = date.iter().enumerate().all(|(place, byte)| match place {
        4 | 7 => *byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let has_time = matches!(rest, [b'T' | b't' | b' ', ..]);
    let has_offset = matches!(rest, [.., b'Z' | b'z'] | [.., b'+' | b'-', _, _, b':', _, _]);
    if !(is_date && has_time && has_offset) {
        return None;
    }
    string_to_timestamp_nanos(field).ok().map(|nanos| nanos.div_euclid(1_000))
}

pub(crate) struct CsvWriter {
    path: PathBuf,
    writer: csv::Writer<Box<dyn Write + Send>>,
}

impl std::fmt::Debug for CsvWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsvWriter").field("path", &self.path).finish_non_exhaustive()
    }
}

impl CsvWriter {
    pub(crate) fn to(
        sink: Box<dyn Write + Send>,
        path: &Path,
        schema: &[ColumnSchema],
    ) -> Result<Self, TableError> {
        let writer = csv::Writer::from_writer(sink);
        let mut csv = Self { path: path.to_owned(), writer };
        csv.row(schema.iter().map(|column| column.name.clone()))?;
        Ok(csv)
    }

    pub(crate) fn write(&mut self, batch: &Table) -> Result<(), TableError> {
        for row in 0..batch.rows {
            let fields = batch.columns.iter().map(|column| field(column, row));
            let fields: Option<Vec<String>> = fields.collect();
            let outside =
                || TableError::Value { path: self.path.clone(), column: unwritable(batch, row) };
            let fields = fields.ok_or_else(outside)?;
            self.row(fields.into_iter())?;
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Box<dyn Write + Send>, TableError> {
        let Self { path, writer } = self;
        writer.into_inner().map_err(|error| TableError::Io { path, source: error.into_error() })
    }

    fn row(&mut self, fields: impl Iterator<Item = String>) -> Result<(), TableError> {
        self.writer
            .write_record(fields)
            .map_err(|source| TableError::Csv { path: self.path.clone(), source })
    }
}

/// A value as a field; `None` for a timestamp beyond the calendar.
fn field(column: &Column, row: usize) -> Option<String> {
    fn shown<T: ToString>(values: &[Option<T>], row: usize) -> String {
        values.get(row).and_then(Option::as_ref).map(ToString::to_string).unwrap_or_default()
    }
    Some(match &column.data {
        ColumnData::Number(values) => match values.get(row) {
            // The shortest text that is read back as the same number.
            Some(number) if !number.is_nan() => format!("{number:?}"),
            _ => String::new(),
        },
        ColumnData::Integer(values) => shown(values, row),
        ColumnData::Boolean(values) => shown(values, row),
        ColumnData::Text(values) => shown(values, row),
        ColumnData::Timestamp(values) => match values.get(row) {
            Some(Some(micros)) => {
                timestamp_us_to_datetime(*micros)?.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
            }
            _ => String::new(),
        },
    })
}

fn unwritable(batch: &Table, row: usize) -> String {
    let column = batch.columns.iter().find(|column| field(column, row).is_none());
    column.map(|column| column.name.clone()).unwrap_or_default()
}
