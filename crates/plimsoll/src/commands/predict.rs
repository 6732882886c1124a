//! `plimsoll model predict`: scores a table batch by batch, in memory that does not grow
//! with it.

use super::{Context, contract, data, rows};
use crate::cli::Predict;
use crate::failure::Failure;
use crate::printer::{Printer, counted};
use fs_err as fs;
use plimsoll_model::Model;
use plimsoll_table::{
    Column, ColumnData, ColumnKind, ColumnSchema, Table, TableReader, TableWriter,
};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Scores the table.
pub(super) fn run(context: &Context, args: &Predict) -> Result<(), Failure> {
    let model = contract::load(&args.artifact)?;
    let names: Option<Vec<&str>> =
        model.feature_names().map(|names| names.iter().map(AsRef::as_ref).collect());
    let reader = rows::open(model.feature_count(), names.as_deref(), &args.data)?;
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
        rows::fill(&mut self.inputs, batch, |feature| {
            (contract::categories(self.model, feature), self.model.unknown_category(feature))
        })?;
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
