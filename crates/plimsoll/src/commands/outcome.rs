//! `plimsoll outcome`: what turned out to be true about decisions.

use super::{Context, data};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::{Facts, Table as Shown};
use clap::{Args, Subcommand};
use plimsoll_api::{
    DecisionOutcomes, Outcome, OutcomeState, OutcomeValue, OutcomesRecorded, RecordOutcome,
    Timestamp,
};
use plimsoll_table::{Format, Limits, Table, TableReader, TableWriter};
use plimsoll_types::{DecisionId, OutcomeId};
use serde::Serialize;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const PATH: &str = "/api/v1/outcomes";
/// Lines of one request: two megabytes.
const AT_ONCE: usize = 10_000;
/// What is told of those that were refused.
const MAX_TOLD: usize = 10;

/// Verbs of outcomes.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Tell what turned out to be true about a decision
    #[command(after_help = "\
Examples:
  plimsoll outcome record 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --label repaid --source core-banking
  plimsoll outcome record 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --number 1 --annotator anna
  plimsoll outcome record 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --number 0 \\
      --corrects 0198c301-11aa-7cc0-8d21-5f2f90c1a0de --reason 'the payment came after all'")]
    Record(Box<Record>),
    /// Tell outcomes of many decisions, from a file
    ///
    /// Columns, or members of each line: `decision` (or `correlation` and `deployment`), `value` or
    /// `relevance`, and `row`, `name`, `observed_at`, `source`, `annotator`, `id`, `corrects`,
    /// `reason`. The same outcome is recorded once, so a file may be sent again. Exit code 2 if one
    /// was refused.
    #[command(after_help = "\
Examples:
  plimsoll outcome import outcomes.parquet --source core-banking
  plimsoll outcome import labels.csv --decision decision_id --value defaulted --source bureau
  plimsoll outcome import labels.csv --correlation loan --deployment credit-default --value paid
  plimsoll outcome import outcomes.jsonl")]
    Import(Box<Import>),
    /// List what was told of a decision
    #[command(
        after_help = "Examples:\n  plimsoll outcome list 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    List {
        /// The decision id
        id: DecisionId,
    },
}

/// Options of `outcome record`.
#[derive(Args, Debug)]
pub(crate) struct Record {
    /// The decision id
    id: DecisionId,
    /// The row of the decision's request
    #[arg(long, value_name = "N", default_value_t = 0)]
    row: u32,
    /// Which outcome of several
    #[arg(long, value_name = "NAME", default_value = "outcome")]
    name: String,
    /// The class that it was
    #[arg(long, value_name = "LABEL", group = "what")]
    label: Option<String>,
    /// The quantity that it was
    #[arg(long, value_name = "NUMBER", group = "what", allow_negative_numbers = true)]
    number: Option<f64>,
    /// How relevant a ranked item was
    #[arg(long, value_name = "NUMBER", group = "what")]
    relevance: Option<f64>,
    /// When it was so (RFC 3339)
    #[arg(long, value_name = "TIME")]
    observed_at: Option<Timestamp>,
    /// The system it comes from
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Who judged
    #[arg(long, value_name = "WHO")]
    annotator: Option<String>,
    /// The outcome that this one takes the place of
    #[arg(long, value_name = "OUTCOME", requires = "reason")]
    corrects: Option<OutcomeId>,
    /// Why it is corrected
    #[arg(long, value_name = "TEXT", requires = "corrects")]
    reason: Option<String>,
}

/// Options of `outcome import`.
#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The outcomes: a `.parquet`, `.csv` or `.jsonl` file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The column that holds the decision id
    #[arg(long, value_name = "COLUMN")]
    decision: Option<String>,
    /// The column that holds the caller's own id of the request
    #[arg(long, value_name = "COLUMN", conflicts_with = "decision", requires = "deployment")]
    correlation: Option<String>,
    /// The deployment that these requests were sent to
    #[arg(long, value_name = "NAME")]
    deployment: Option<plimsoll_types::Name>,
    /// The column that holds what turned out to be true
    #[arg(long, value_name = "COLUMN")]
    value: Option<String>,
    /// Which outcome of several
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The system they come from
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// Attributes of people instead, which fairness is measured by and no model is given
    #[arg(long)]
    attributes: bool,
}

/// What became of a file.
#[derive(Debug, Default, Serialize)]
struct Total {
    recorded: u64,
    known: u64,
    refused: u64,
    /// Why some were refused: the first of them.
    told: Vec<String>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Record(args) => record(context, *args),
        Verb::Import(args) => import(context, &args),
        Verb::List { id } => list(context, id),
    }
}

fn record(context: &Context, args: Record) -> Result<(), Failure> {
    let value = match (args.label, args.number) {
        (Some(label), _) => Some(OutcomeValue::Label(label)),
        (None, Some(number)) => Some(OutcomeValue::Number(number)),
        (None, None) if args.relevance.is_some() => None,
        (None, None) => {
            return Err(Failure::user(
                "say what it was with `--label`, `--number` or `--relevance`",
            ));
        }
    };
    let wanted = RecordOutcome {
        decision: Some(args.id),
        row: Some(args.row),
        name: Some(args.name),
        value,
        relevance: args.relevance,
        observed_at: args.observed_at,
        source: args.source,
        annotator: args.annotator,
        corrects: args.corrects,
        reason: args.reason,
        ..RecordOutcome::default()
    };
    let done: OutcomesRecorded = context.client()?.post(PATH, &wanted)?;
    context.printer.show(&done, |done| {
        let item = done.items.first();
        Facts::default()
            .maybe("state", item.map(|item| item.state))
            .maybe("outcome", item.and_then(|item| item.outcome))
            .to_string()
    })
}

fn list(context: &Context, id: DecisionId) -> Result<(), Failure> {
    let found: DecisionOutcomes =
        context.client()?.get(&format!("/api/v1/decisions/{id}/outcomes"), &())?;
    context.printer.show(&found, |found| {
        let heads = [
            "recorded",
            "outcome",
            ">row",
            "name",
            "value",
            "source",
            "annotator",
            "told by",
            "current",
        ];
        let mut table = Shown::new(&heads);
        for one in &found.outcomes {
            table.row([
                one.recorded_at.to_string(),
                one.id.to_string(),
                one.row.to_string(),
                one.name.clone(),
                shown(one),
                one.source.clone(),
                one.annotator.clone().unwrap_or_default(),
                one.principal_name.clone().unwrap_or_else(|| one.principal.to_string()),
                if one.is_current { "yes" } else { "corrected" }.to_owned(),
            ]);
        }
        table.to_string()
    })?;
    if let Some(why) = &found.withheld {
        context.printer.warn(why);
    }
    Ok(())
}

fn shown(outcome: &Outcome) -> String {
    match (&outcome.value, outcome.relevance) {
        (Some(OutcomeValue::Label(label)), _) => label.clone(),
        (Some(OutcomeValue::Number(number)), _) => number.to_string(),
        (Some(OutcomeValue::Boolean(truth)), _) => truth.to_string(),
        (None, Some(relevance)) => format!("relevance {relevance}"),
        (None, None) => String::new(),
    }
}

fn import(context: &Context, args: &Import) -> Result<(), Failure> {
    let path = if args.attributes { "/api/v1/attributes" } else { PATH };
    let mut sender =
        Sender { context, client: context.client()?, path, sent: 0, total: Total::default() };
    let extension = args.file.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("jsonl" | "ndjson")) {
        let (mut lines, mut count) = (Vec::new(), 0);
        for line in BufReader::new(fs_err::File::open(&args.file)?).lines() {
            let line = line?;
            if line.trim().is_empty() {
                continue;
            }
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
            count += 1;
            if count == AT_ONCE {
                sender.send("application/x-ndjson", &std::mem::take(&mut lines), count)?;
                count = 0;
            }
        }
        sender.send("application/x-ndjson", &lines, count)?;
    } else {
        let reader = TableReader::open(&args.file, &Limits::default(), None);
        for batch in reader.map_err(data::failure)? {
            let batch = named(args, batch.map_err(data::failure)?)?;
            let rows = batch.rows;
            sender.send("application/vnd.apache.parquet", &parquet(&batch)?, rows)?;
        }
    }
    let total = sender.finish();
    context.printer.show(&total, |total| {
        Facts::default()
            .add("recorded", total.recorded)
            .add("known", total.known)
            .add("refused", total.refused)
            .to_string()
    })?;
    total.told.iter().for_each(|why| context.printer.warn(why));
    if total.refused > 0 {
        return Err(Failure::no(format!("{} outcomes were refused", total.refused)));
    }
    Ok(())
}

/// The table with the columns' names as they travel, and what was told for all rows.
fn named(args: &Import, mut batch: Table) -> Result<Table, Failure> {
    let renamed =
        [(&args.decision, "decision"), (&args.correlation, "correlation"), (&args.value, "value")];
    let is_mapped = renamed.iter().any(|(from, _)| from.is_some());
    for (from, to) in renamed {
        let Some(from) = from else { continue };
        let Some(column) = batch.columns.iter_mut().find(|column| column.name == *from) else {
            return Err(Failure::user(format!("`{}` has no column `{from}`", args.file.display())));
        };
        column.name = to.to_owned();
    }
    if is_mapped {
        // Beside what was named, only what has a meaning here travels.
        batch.columns.retain(|column| MEMBERS.contains(&column.name.as_str()));
    }
    let deployment = args.deployment.as_ref().map(ToString::to_string);
    let constant = [("deployment", &deployment), ("name", &args.name), ("source", &args.source)];
    for (name, text) in constant {
        let Some(text) = text else { continue };
        batch.columns.retain(|column| column.name != name);
        let texts = vec![Some(text.as_str().into()); batch.rows];
        let data = plimsoll_table::ColumnData::Text(texts);
        batch.columns.push(plimsoll_table::Column { name: name.to_owned(), data });
    }
    Ok(batch)
}

/// What an outcome may have.
const MEMBERS: [&str; 13] = [
    "decision",
    "correlation",
    "deployment",
    "row",
    "name",
    "value",
    "relevance",
    "observed_at",
    "source",
    "annotator",
    "id",
    "corrects",
    "reason",
];

/// Bytes that are still wanted when their writer is gone.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn parquet(batch: &Table) -> Result<Vec<u8>, Failure> {
    let bytes = Shared::default();
    let sink: Box<dyn Write + Send> = Box::new(bytes.clone());
    let schema: Vec<_> = batch.schema().collect();
    let writer = TableWriter::to(sink, Path::new("outcomes"), Format::Parquet, &schema);
    let mut writer = writer.map_err(data::failure)?;
    writer.write(batch).map_err(data::failure)?;
    writer.finish().map_err(data::failure)?;
    let all = std::mem::take(&mut *bytes.0.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(all)
}

/// Sends outcomes, many at a time.
struct Sender<'a> {
    context: &'a Context,
    client: Client,
    path: &'static str,
    sent: usize,
    total: Total,
}

impl Sender<'_> {
    fn send(&mut self, media: &str, body: &[u8], count: usize) -> Result<(), Failure> {
        if count == 0 {
            return Ok(());
        }
        let answer: OutcomesRecorded = self.client.post_bytes(self.path, media, body)?;
        self.total.recorded += answer.recorded;
        self.total.known += answer.known;
        self.total.refused += answer.refused;
        let refused = answer.items.into_iter().filter(|one| one.state == OutcomeState::Refused);
        for item in refused {
            if let Some(why) = item.why.filter(|_| self.total.told.len() < MAX_TOLD) {
                self.total.told.push(format!("row {}: {why}", self.sent + item.place));
            }
        }
        self.sent += count;
        self.context.printer.progress(&format!("{} rows", self.sent));
        Ok(())
    }

    fn finish(self) -> Total {
        self.context.printer.progress_done();
        self.total
    }
}
