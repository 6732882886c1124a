//! `plimsoll observe`: files of decisions that were made elsewhere, reported to the server.

use super::{Context, data};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::Facts;
use clap::{Args, Subcommand};
use plimsoll_api::{Observed, ObservedState, Timestamp};
use plimsoll_table::{Column, ColumnData, Limits, Table, TableReader};
use plimsoll_types::{Name, Time};
use serde::Serialize;
use serde_json::{Map, Value};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

/// Observations of one request: some hundred kilobytes.
const AT_ONCE: usize = 1_000;
/// What is told of those that were not taken.
const MAX_TOLD: usize = 10;

/// Verbs of decisions made elsewhere.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Report every row of a file as a decision that was made elsewhere
    ///
    /// Each is held against the deployment's contract and recorded, marked as unverified; what
    /// breaks the contract is recorded as that. The same id from the same source is recorded once,
    /// so a file may be sent again. Exit code 2 if a row was no observation.
    #[command(after_help = "\
Examples:
  plimsoll observe import --deployment legacy-scores scores.parquet --id id --output score
  plimsoll observe import --deployment legacy-scores scores.csv --id id --time scored_at \\
      --output score --source mainframe
  plimsoll observe import --deployment legacy-scores decisions.jsonl")]
    Import(Import),
}

/// Options of `observe import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The decisions: a `.parquet` or `.csv` file, or a `.jsonl` file of observations
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The deployment that observes
    #[arg(short, long, value_name = "NAME")]
    deployment: Name,
    /// The column that holds the id of a decision
    #[arg(long, value_name = "COLUMN")]
    id: Option<String>,
    /// The column that holds when it was made
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// A column that holds what was answered; may be given several times
    #[arg(long = "output", value_name = "COLUMN")]
    outputs: Vec<String>,
    /// Where they were made [default: the deployment's name]
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
}

/// What became of the file.
#[derive(Debug, Default, Serialize)]
struct Total {
    recorded: u64,
    broken: u64,
    known: u64,
    malformed: u64,
    /// Why some were not taken whole: the first of them.
    told: Vec<String>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    let Verb::Import(args) = verb;
    import(context, &args)
}

fn import(context: &Context, args: &Import) -> Result<(), Failure> {
    let client = context.client()?;
    let mut sender = Sender {
        context,
        client,
        path: format!("/api/v1/deployments/{}/observations", args.deployment),
        lines: Vec::new(),
        count: 0,
        sent: 0,
        total: Total::default(),
    };
    let extension = args.file.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("jsonl" | "ndjson")) {
        for line in BufReader::new(fs_err::File::open(&args.file)?).lines() {
            sender.add(line?.as_bytes())?;
        }
    } else {
        table(args, &mut sender)?;
    }
    let total = sender.finish()?;
    context.printer.show(&total, |total| {
        Facts::default()
            .add("recorded", total.recorded)
            .add("broken", total.broken)
            .add("known", total.known)
            .add("malformed", total.malformed)
            .to_string()
    })?;
    total.told.iter().for_each(|why| context.printer.warn(why));
    if total.malformed > 0 {
        return Err(Failure::no(format!("{} rows were no observations", total.malformed)));
    }
    Ok(())
}

fn table(args: &Import, sender: &mut Sender<'_>) -> Result<(), Failure> {
    let Some(id) = &args.id else {
        return Err(Failure::user("name the column of ids with `--id`")
            .hint("an id says which decision it is, so that it is recorded once"));
    };
    let reader = TableReader::open(&args.file, &Limits::default(), None).map_err(data::failure)?;
    let own = [id].into_iter().chain(&args.time).chain(&args.outputs);
    for name in own {
        if !reader.schema().iter().any(|column| column.name == *name) {
            return Err(Failure::user(format!("`{}` has no column `{name}`", args.file.display())));
        }
    }
    for batch in reader {
        let batch = batch.map_err(data::failure)?;
        for row in 0..batch.rows {
            sender.add(observation(args, id, &batch, row).to_string().as_bytes())?;
        }
    }
    Ok(())
}

/// A row as an observation.
fn observation(args: &Import, id: &str, batch: &Table, row: usize) -> Value {
    let (mut inputs, mut outputs) = (Map::new(), Map::new());
    let mut object = Map::new();
    if let Some(source) = &args.source {
        object.insert("source".into(), source.clone().into());
    }
    for column in &batch.columns {
        let value = value(column, row);
        if column.name == id {
            let text = match value {
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            };
            object.insert("id".into(), text.into());
        } else if args.time.as_ref() == Some(&column.name) {
            if !value.is_null() {
                object.insert("time".into(), value);
            }
        } else if args.outputs.contains(&column.name) {
            if !value.is_null() {
                outputs.insert(column.name.clone(), value);
            }
        } else {
            inputs.insert(column.name.clone(), value);
        }
    }
    object.insert("inputs".into(), inputs.into());
    if !outputs.is_empty() {
        object.insert("outputs".into(), outputs.into());
    }
    object.into()
}

fn value(column: &Column, row: usize) -> Value {
    fn one<T: Clone + Into<Value>>(values: &[Option<T>], row: usize) -> Value {
        values.get(row).cloned().flatten().map_or(Value::Null, Into::into)
    }
    match &column.data {
        ColumnData::Number(values) => {
            values.get(row).map_or(Value::Null, |number| (*number).into())
        }
        ColumnData::Integer(values) => one(values, row),
        ColumnData::Boolean(values) => one(values, row),
        ColumnData::Text(values) => {
            values.get(row).cloned().flatten().map_or(Value::Null, |text| String::from(text).into())
        }
        ColumnData::Timestamp(values) => match values.get(row).copied().flatten() {
            Some(micros) => match u64::try_from(micros) {
                Ok(micros) => Timestamp(Time::from_micros(micros)).to_string().into(),
                Err(_) => micros.into(),
            },
            None => Value::Null,
        },
    }
}

/// Sends observations, many at a time.
struct Sender<'a> {
    context: &'a Context,
    client: Client,
    path: String,
    lines: Vec<u8>,
    count: usize,
    sent: u64,
    total: Total,
}

impl Sender<'_> {
    fn add(&mut self, line: &[u8]) -> Result<(), Failure> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
        self.count += 1;
        if self.count == AT_ONCE { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), Failure> {
        if self.count == 0 {
            return Ok(());
        }
        let answer: Observed =
            self.client.post_bytes(&self.path, "application/x-ndjson", &self.lines)?;
        self.total.recorded += answer.recorded;
        self.total.broken += answer.broken;
        self.total.known += answer.known;
        self.total.malformed += answer.malformed;
        for item in answer.items {
            let is_told = matches!(item.state, ObservedState::Broken | ObservedState::Malformed);
            if let Some(why) = item.why.filter(|_| is_told && self.total.told.len() < MAX_TOLD) {
                let place = self.sent + u64::try_from(item.place).unwrap_or(u64::MAX);
                self.total.told.push(format!("row {place}: {why}"));
            }
        }
        self.sent += u64::try_from(self.count).unwrap_or(u64::MAX);
        self.context.printer.progress(&format!("{} rows", self.sent));
        self.lines.clear();
        self.count = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Total, Failure> {
        self.send()?;
        self.context.printer.progress_done();
        Ok(self.total)
    }
}
