//! The rows of a job, chunk by chunk, and each as the values of a contract's fields.

use crate::error::BatchError;
use crate::job::Job;
use crate::vault::Opened;
use plimsoll_contract::{CompiledContract, Field, Kind, Scratch, Table as Dialect, Value};
use plimsoll_ledger::SealedFile;
use plimsoll_table::{
    Bytes, Column, ColumnData, ColumnSchema, Format, Limits, Table, TableReader, Typing,
};
use plimsoll_types::{Phase, Refusal, RefusalCode};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Lines of one chunk, and bytes: what a table's batch is bounded by.
const MAX_LINES: usize = 16_384;
const MAX_LINES_BYTES: usize = 32 << 20;
/// Bytes of one line. A row of 4,096 fields takes some hundred thousand.
const MAX_LINE: usize = 1 << 20;
/// What errors call the file.
const NAME: &str = "the input";

/// The rows of a job.
pub(crate) enum Input {
    Table(TableReader),
    Lines(Lines),
}

/// Rows that are decided together.
pub(crate) enum Chunk {
    Table(Table),
    Lines(Vec<Box<[u8]>>),
}

/// The lines of a file.
pub(crate) struct Lines {
    reader: BufReader<Box<dyn Read + Send>>,
    at: u64,
}

/// For each column of a table that feeds a field: the column, the field, and what it holds.
pub(crate) struct Columns<'c> {
    fed: Vec<(usize, usize, &'c Field)>,
    /// Whether texts stand for numbers too: in a CSV file there is nothing else.
    is_text: bool,
}

impl Input {
    pub(crate) fn open(job: &Job, file: Arc<SealedFile>) -> Result<Self, BatchError> {
        let bytes: Arc<dyn Bytes> = Arc::new(Opened(file));
        if job.format == Format::JsonLines {
            if !job.keep.is_empty() {
                let why = "columns can be kept of CSV and Parquet files only";
                return Err(BatchError::Columns(why.to_owned()));
            }
            let reader = BufReader::new(bytes.reader(0));
            return Ok(Self::Lines(Lines { reader, at: 0 }));
        }
        let (name, limits) = (Path::new(NAME), Limits::default());
        let reader = TableReader::of_bytes(&bytes, name, job.format, Typing::Texts, &limits)?;
        for name in &job.keep {
            if !reader.schema().iter().any(|column| column.name == *name) {
                return Err(BatchError::Columns(format!(
                    "the input has no column `{name}` to keep"
                )));
            }
        }
        Ok(Self::Table(reader))
    }

    /// How many rows there are, if the file says so before it is read.
    pub(crate) fn row_count(&self) -> Option<u64> {
        match self {
            Self::Table(reader) => reader.row_count(),
            Self::Lines(_) => None,
        }
    }

    /// The columns to copy to the output.
    pub(crate) fn kept(&self, job: &Job) -> Vec<ColumnSchema> {
        let Self::Table(reader) = self else { return Vec::new() };
        let find = |name: &String| reader.schema().iter().find(|column| column.name == *name);
        job.keep.iter().filter_map(find).cloned().collect()
    }

    pub(crate) fn next(&mut self) -> Result<Option<Chunk>, BatchError> {
        match self {
            Self::Table(reader) => Ok(reader.next().transpose()?.map(Chunk::Table)),
            Self::Lines(lines) => lines.next(),
        }
    }

    /// Checks that every column is one of the contract's or kept, before a row is decided: a
    /// column that nobody asked about must not be passed over in silence.
    pub(crate) fn check(&self, job: &Job, contract: &CompiledContract) -> Result<(), BatchError> {
        let Self::Table(reader) = self else { return Ok(()) };
        let is_known = |column: &&ColumnSchema| {
            contract.position(&column.name).is_some() || job.keep.contains(&column.name)
        };
        let unknown = reader.schema().iter().find(|column| !is_known(column));
        if let Some(column) = unknown {
            return Err(BatchError::Columns(format!(
                "the contract has no field `{}`; leave the column out, or keep it without asking it",
                column.name
            )));
        }
        let fed = reader.schema().iter().filter_map(|column| contract.position(&column.name));
        let tensor =
            fed.filter_map(|place| contract.field(place)).find(|field| field.kind == Kind::Tensor);
        match tensor {
            Some(field) => Err(BatchError::Columns(format!(
                "the field `{}` is a tensor, which a column cannot hold; send JSON lines",
                field.name
            ))),
            None => Ok(()),
        }
    }
}

impl Lines {
    fn next(&mut self) -> Result<Option<Chunk>, BatchError> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < MAX_LINES && bytes < MAX_LINES_BYTES {
            let Some(line) = self.line()? else { break };
            bytes += line.len();
            lines.push(line);
        }
        Ok((!lines.is_empty()).then_some(Chunk::Lines(lines)))
    }

    /// The next line that is not empty.
    fn line(&mut self) -> Result<Option<Box<[u8]>>, BatchError> {
        loop {
            let mut line = Vec::new();
            let mut bounded = (&mut self.reader).take(MAX_LINE as u64 + 1);
            if bounded.read_until(b'\n', &mut line)? == 0 {
                return Ok(None);
            }
            self.at += 1;
            if line.len() > MAX_LINE {
                let why = format!("line {} is longer than {MAX_LINE} bytes", self.at);
                return Err(BatchError::Columns(why));
            }
            let line = line.trim_ascii();
            if !line.is_empty() {
                return Ok(Some(line.into()));
            }
        }
    }
}

impl Chunk {
    pub(crate) fn rows(&self) -> usize {
        match self {
            Self::Table(table) => table.rows,
            Self::Lines(lines) => lines.len(),
        }
    }

    /// Which columns feed which fields.
    pub(crate) fn columns<'c>(&self, job: &Job, contract: &'c CompiledContract) -> Columns<'c> {
        let is_text = job.format == Format::Csv;
        match self {
            Self::Table(table) => Columns::of(table, contract, is_text),
            Self::Lines(_) => Columns { fed: Vec::new(), is_text },
        }
    }

    /// Validates one row. Gives its length as it came, as near as that can be said.
    pub(crate) fn bytes(&self, row: usize) -> u64 {
        match self {
            // Eight bytes for each value: a column holds no lengths.
            Self::Table(table) => table.columns.len() as u64 * 8,
            Self::Lines(lines) => lines.get(row).map_or(0, |line| line.len() as u64),
        }
    }

    pub(crate) fn read(
        &self,
        row: usize,
        columns: &Columns<'_>,
        contract: &CompiledContract,
        scratch: &mut Scratch,
    ) -> Result<(), Refusal> {
        let read = match self {
            Self::Table(table) => {
                let texts = columns.texts(table, row);
                let texts: &[String] = &texts;
                contract.validate_row(columns.values(table, row, texts), scratch)
            }
            Self::Lines(lines) => {
                let line = lines.get(row).map_or(&b""[..], |line| line);
                let body = [b"{\"instances\":[", line, b"]}"].concat();
                let read = contract.validate_table(Dialect::Predict, &body, scratch);
                read.and_then(|envelope| match envelope.rows {
                    1 => Ok(()),
                    _ => Err(Refusal::new(Phase::Validate, RefusalCode::ShapeMismatch)
                        .with_rule("a line holds one row")
                        .into()),
                })
            }
        };
        read.map_err(|violations| violations.primary().clone())
    }

    /// The kept columns of rows from `from` on.
    pub(crate) fn kept(&self, kept: &[ColumnSchema], from: usize) -> Vec<Column> {
        let Self::Table(table) = self else { return Vec::new() };
        let columns = kept.iter().filter_map(|column| table.column(&column.name));
        columns
            .map(|column| Column { name: column.name.clone(), data: tail(&column.data, from) })
            .collect()
    }
}

impl<'c> Columns<'c> {
    fn of(table: &Table, contract: &'c CompiledContract, is_text: bool) -> Self {
        let columns = table.columns.iter().enumerate();
        let fed = columns.filter_map(|(at, column)| {
            let place = contract.position(&column.name)?;
            Some((at, place, contract.field(place)?))
        });
        Self { fed: fed.collect(), is_text }
    }
}

/// Reads the rows of a table's bytes against a contract, one after the other, for whoever needs
/// rows and no decisions. Columns that are no field of the contract are passed over. `read` is
/// given each row that keeps the contract, and a refusal for each that does not; it may break off.
///
/// # Errors
/// [`BatchError`] if the bytes are no such table, or if none of its columns is a field.
pub fn read_table(
    bytes: Vec<u8>,
    format: Format,
    contract: &CompiledContract,
    mut read: impl FnMut(Result<&Scratch, Refusal>) -> ControlFlow<()>,
) -> Result<(), BatchError> {
    let bytes: Arc<dyn Bytes> = Arc::new(Held(bytes.into()));
    let limits = Limits::default();
    let reader = TableReader::of_bytes(&bytes, Path::new(NAME), format, Typing::Texts, &limits)?;
    let mut scratch = Scratch::default();
    for table in reader {
        let table = table?;
        let columns = Columns::of(&table, contract, format == Format::Csv);
        if columns.fed.is_empty() {
            return Err(BatchError::Columns("no column is a field of the contract".to_owned()));
        }
        for row in 0..table.rows {
            let texts = columns.texts(&table, row);
            let kept = contract.validate_row(columns.values(&table, row, &texts), &mut scratch);
            let kept = kept.map_err(|violations| violations.primary().clone());
            if read(kept.map(|()| &scratch)).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Bytes in memory.
#[derive(Debug)]
struct Held(Arc<[u8]>);

impl Bytes for Held {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }
    fn reader(&self, position: u64) -> Box<dyn Read + Send> {
        let mut cursor = Cursor::new(Arc::clone(&self.0));
        cursor.set_position(position);
        Box::new(cursor)
    }
}

impl Columns<'_> {
    /// Numbers that stand where the contract wants texts, written as texts.
    fn texts(&self, table: &Table, row: usize) -> Vec<String> {
        let wants_text = |kind| matches!(kind, Kind::Category | Kind::String);
        let columns = self.fed.iter().filter(|(_, _, field)| wants_text(field.kind));
        let text = |(at, _, _): &(usize, usize, &Field)| match &table.columns.get(*at)?.data {
            ColumnData::Integer(values) => Some(values.get(row).copied()??.to_string()),
            ColumnData::Boolean(values) => Some(values.get(row).copied()??.to_string()),
            _ => None,
        };
        columns.map(|column| text(column).unwrap_or_default()).collect()
    }

    fn values<'t>(
        &'t self,
        table: &'t Table,
        row: usize,
        texts: &'t [String],
    ) -> impl Iterator<Item = (usize, Value<'t>)> {
        let mut texts = texts.iter();
        self.fed.iter().filter_map(move |(at, place, field)| {
            let wants_text = matches!(field.kind, Kind::Category | Kind::String);
            let text = if wants_text { texts.next().map_or("", String::as_str) } else { "" };
            let data = &table.columns.get(*at)?.data;
            Some((*place, value(data, row, field.kind, text, self.is_text)))
        })
    }
}

fn value<'t>(
    data: &'t ColumnData,
    row: usize,
    kind: Kind,
    text: &'t str,
    is_text: bool,
) -> Value<'t> {
    match data {
        ColumnData::Number(values) => match values.get(row) {
            Some(number) if !number.is_nan() => Value::Number(*number),
            _ => Value::Null,
        },
        ColumnData::Integer(values) => match values.get(row).copied().flatten() {
            Some(_) if !text.is_empty() => Value::Text(text),
            Some(integer) => Value::Integer(integer),
            None => Value::Null,
        },
        ColumnData::Boolean(values) => match values.get(row).copied().flatten() {
            Some(_) if !text.is_empty() => Value::Text(text),
            Some(boolean) => Value::Boolean(boolean),
            None => Value::Null,
        },
        ColumnData::Timestamp(values) => {
            values.get(row).copied().flatten().map_or(Value::Null, Value::Integer)
        }
        ColumnData::Text(values) => match values.get(row).and_then(Option::as_deref) {
            Some(text) if is_text => typed(text, kind),
            Some(text) => Value::Text(text),
            None => Value::Null,
        },
    }
}

/// The text of a CSV field as what the contract wants there; else as the text that it is, which
/// the contract refuses.
fn typed(text: &str, kind: Kind) -> Value<'_> {
    let typed = match kind {
        Kind::Number => text.parse().ok().map(Value::Number),
        Kind::Integer => {
            let integer = text.parse().ok().map(Value::Integer);
            integer.or_else(|| text.parse().ok().map(Value::Number))
        }
        Kind::Boolean => match text {
            "true" | "True" | "TRUE" | "1" => Some(Value::Boolean(true)),
            "false" | "False" | "FALSE" | "0" => Some(Value::Boolean(false)),
            _ => None,
        },
        Kind::Category | Kind::String | Kind::Timestamp | Kind::Tensor => None,
    };
    typed.unwrap_or(Value::Text(text))
}

fn tail(data: &ColumnData, from: usize) -> ColumnData {
    fn rest<T: Clone>(values: &[T], from: usize) -> Vec<T> {
        values.get(from..).unwrap_or_default().to_vec()
    }
    match data {
        ColumnData::Number(values) => ColumnData::Number(rest(values, from)),
        ColumnData::Integer(values) => ColumnData::Integer(rest(values, from)),
        ColumnData::Boolean(values) => ColumnData::Boolean(rest(values, from)),
        ColumnData::Text(values) => ColumnData::Text(rest(values, from)),
        ColumnData::Timestamp(values) => ColumnData::Timestamp(rest(values, from)),
    }
}
