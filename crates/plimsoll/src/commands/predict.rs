//! `plimsoll model predict`: scores a table batch by batch, in memory that does not grow
//! with it.

use super::{Context, contract, data};
use crate::cli::Predict;
use crate::failure::Failure;
use crate::printer::{Printer, counted};
use fs_err as fs;
use plimsoll_model::{Categories, Model, UnknownCategory};
use plimsoll_table::{
    Column, ColumnData, ColumnKind, ColumnSchema, Limits, Table, TableReader, TableWriter,
};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Scores the table.
pub(super) fn run(context: &Context, args: &Predict) -> Result<(), Failure> {
    let model = contract::load(&args.artifact)?;
    let reader = open(&model, &args.data)?;
    let scorer = Scorer::new(&model, args.raw);
    let sink = Sink::open(&context.printer, args.output.as_deref(), &scorer)?;
    let scored = score(context, reader, scorer, sink);
    context.printer.progress_done();
    if let (Err(_), Some(path)) = (&scored, &args.output) {
        // Half a file of scores could be taken for a whole one.
        drop(fs::remove_file(path));
    }
    let what = if args.raw { "margins" } else { model.output().name };
    context.printer.note(&format!("{} scored: {what}", counted(scored?, "row")));
    Ok(())
}

/// Scores batch after batch; gives back how many rows there were.
fn score(
    context: &Context,
    reader: TableReader,
    mut scorer: Scorer<'_>,
    mut sink: Sink,
) -> Result<u64, Failure> {
    let mut rows = 0_u64;
    for batch in reader {
        let batch = batch.map_err(data::failure)?;
        scorer.score(&batch)?;
        sink.write(&scorer.outputs, &scorer.names)?;
        rows = rows.saturating_add(u64::try_from(batch.rows).unwrap_or(u64::MAX));
        context.printer.progress(&format!("{rows} rows"));
    }
    sink.finish(&scorer.names)?;
    Ok(rows)
}

/// The table's columns in the order of the model's features.
fn open(model: &Model, path: &Path) -> Result<TableReader, Failure> {
    let limits = Limits::default();
    if let Some(names) = model.feature_names() {
        let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
        return TableReader::open(path, &limits, Some(&names)).map_err(data::failure);
    }
    let reader = TableReader::open(path, &limits, None).map_err(data::failure)?;
    let (columns, features) = (reader.schema().len(), model.feature_count());
    if columns != features {
        return Err(Failure::user(format!(
            "the table has {columns} columns, the model takes {features} features and does not name them"
        ))
        .hint("leave in the table only the features, in the order of training"));
    }
    Ok(reader)
}

/// Turns batches of a table into numbers of the model.
struct Scorer<'a> {
    model: &'a Model,
    raw: bool,
    /// One for each number of a row.
    names: Vec<String>,
    /// Row-major, one value for each feature.
    inputs: Vec<f64>,
    /// Row-major, one value for each name.
    outputs: Vec<f64>,
}

impl<'a> Scorer<'a> {
    fn new(model: &'a Model, raw: bool) -> Self {
        let output = model.output();
        let (name, count) =
            if raw { ("margin", model.margin_count()) } else { (output.name, output.count) };
        let names = match count {
            1 => vec![name.to_owned()],
            _ => (0..count).map(|place| format!("{name}_{place}")).collect(),
        };
        Self { model, raw, names, inputs: Vec::new(), outputs: Vec::new() }
    }

    /// Scores the batch into `outputs`.
    fn score(&mut self, batch: &Table) -> Result<(), Failure> {
        let width = self.model.feature_count();
        self.inputs.clear();
        self.inputs.resize(batch.rows * width, f64::NAN);
        for (feature, column) in batch.columns.iter().enumerate() {
            let places = self.inputs.iter_mut().skip(feature).step_by(width.max(1));
            fill(self.model, feature, column, places)?;
        }
        self.outputs.clear();
        self.outputs.resize(batch.rows * self.names.len(), 0.0);
        let scored = if self.raw {
            self.model.margins_batch(&self.inputs, batch.rows, &mut self.outputs)
        } else {
            self.model.predict_batch(&self.inputs, batch.rows, &mut self.outputs)
        };
        scored.map_err(|error| Failure::ours("a batch does not fit the model").because(error))
    }
}

/// Puts a column into its places; null is NaN, as models read it.
fn fill<'a>(
    model: &Model,
    feature: usize,
    column: &Column,
    places: impl Iterator<Item = &'a mut f64>,
) -> Result<(), Failure> {
    let categories = contract::categories(model, feature);
    let codes = Codes { column, categories, unknown: model.unknown_category(feature) };
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

/// Where scores go: CSV or Parquet.
enum Sink {
    /// Each number as short as it can be and still be read back to the same bits. The header
    /// comes with the first batch, so that nothing is written for a table that does not fit.
    Csv {
        out: Box<dyn Write>,
        has_header: bool,
        is_double: bool,
    },
    Parquet(Box<TableWriter>),
}

impl Sink {
    fn open(printer: &Printer, path: Option<&Path>, scorer: &Scorer<'_>) -> Result<Self, Failure> {
        let is_double = scorer.model.output().is_double;
        let is_csv =
            |path: &Path| path.extension().is_none_or(|ending| ending.eq_ignore_ascii_case("csv"));
        Ok(match path {
            None => Self::Csv { out: printer.stream(), has_header: false, is_double },
            Some(path) if is_csv(path) => {
                let out = Box::new(BufWriter::new(fs::File::create(path)?));
                Self::Csv { out, has_header: false, is_double }
            }
            Some(path) => {
                let schema: Vec<ColumnSchema> =
                    scorer.names.iter().map(|name| schema(name)).collect();
                Self::Parquet(Box::new(TableWriter::create(path, &schema).map_err(data::failure)?))
            }
        })
    }

    fn write(&mut self, scores: &[f64], names: &[String]) -> Result<(), Failure> {
        match self {
            Self::Csv { out, has_header, is_double } => {
                if !std::mem::replace(has_header, true) {
                    writeln!(out, "{}", names.join(",")).map_err(Failure::output)?;
                }
                csv(out, scores, names.len(), *is_double).map_err(Failure::output)
            }
            Self::Parquet(writer) => writer.write(&table(scores, names)).map_err(data::failure),
        }
    }

    fn finish(mut self, names: &[String]) -> Result<(), Failure> {
        if matches!(self, Self::Csv { .. }) {
            // A table without rows still has its header.
            self.write(&[], names)?;
        }
        match self {
            Self::Csv { mut out, .. } => out.flush().map_err(Failure::output),
            Self::Parquet(writer) => writer.finish().map_err(data::failure),
        }
    }
}

fn schema(name: &str) -> ColumnSchema {
    ColumnSchema { name: name.to_owned(), kind: ColumnKind::Number }
}

#[expect(clippy::cast_possible_truncation, reason = "not double: a 32-bit float, held in 64")]
fn csv(out: &mut dyn Write, scores: &[f64], width: usize, is_double: bool) -> std::io::Result<()> {
    for row in scores.chunks(width.max(1)) {
        for (place, score) in row.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match is_double {
                true => write!(out, "{comma}{score}")?,
                false => write!(out, "{comma}{}", *score as f32)?,
            }
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn table(scores: &[f64], names: &[String]) -> Table {
    let column = |(place, name): (usize, &String)| {
        let values = scores.iter().skip(place).step_by(names.len().max(1));
        Column { name: name.clone(), data: ColumnData::Number(values.copied().collect()) }
    };
    Table {
        columns: names.iter().enumerate().map(column).collect(),
        rows: scores.len() / names.len().max(1),
    }
}
