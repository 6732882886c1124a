//! `plimsoll batch`: a file of rows goes to the server, which decides and records each; what they
//! came to comes back. The job is the server's: this command may end at any time.

use super::Context;
use crate::cli::{Paged, one_of};
use crate::client::{Client, query_text};
use crate::failure::Failure;
use crate::printer::Facts;
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_api::{Batch, BatchFormat, BatchQuery, BatchState};
use plimsoll_types::{BatchId, Name};
use serde_json::json;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATH: &str = "/api/v1/batches";
/// How often to ask how far a job is.
const EVERY: Duration = Duration::from_millis(500);
/// How often a server that does not answer is asked again: half an hour in all.
const TRIES_AWAY: u32 = 900;
const AWAY: Duration = Duration::from_secs(2);

/// Verbs of batch jobs.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Decide every row of a file, each recorded before it is told
    ///
    /// The file goes to the server, which carries the job out beside its callers: a row that breaks
    /// the contract is refused, recorded, and stands in the result with the reason; it never stops
    /// the job. This command shows how far it is and fetches the result. It may end before: the
    /// job goes on, and `plimsoll batch resume ID` takes it up again. Exit code 2 if the job failed.
    #[command(after_help = "\
Examples:
  plimsoll batch score --deployment credit-default loans.parquet -o scores.parquet
  plimsoll batch score --deployment credit-default loans.csv -o scores.csv --keep customer_id
  plimsoll batch score --deployment credit-default loans.jsonl --no-wait")]
    Score(Score),
    /// List jobs, latest first
    #[command(after_help = "Examples:\n  plimsoll batch list\n  plimsoll batch list --json")]
    List(Paged),
    /// Show a job and how far it is
    #[command(after_help = "Examples:\n  plimsoll batch show 01931b5e-9d1c-7c4e-8f43-5a2b9d3c1e7f")]
    Show {
        /// The job
        id: BatchId,
    },
    /// Take a job up again: watch it and fetch its result; one that failed goes on
    #[command(after_help = "\
Examples:
  plimsoll batch resume 01931b5e-9d1c-7c4e-8f43-5a2b9d3c1e7f -o scores.parquet")]
    Resume {
        /// The job
        id: BatchId,
        /// Where the result goes
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// End a job; what is decided stays decided
    #[command(
        after_help = "Examples:\n  plimsoll batch cancel 01931b5e-9d1c-7c4e-8f43-5a2b9d3c1e7f"
    )]
    Cancel {
        /// The job
        id: BatchId,
    },
}

/// Options of `batch score`.
#[derive(Args, Debug)]
pub(crate) struct Score {
    /// The rows: a `.parquet`, `.csv` or `.jsonl` file
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// The deployment to ask
    #[arg(short, long, value_name = "NAME")]
    deployment: Name,
    /// Where the result goes; its extension says its format
    #[arg(short, long, value_name = "FILE", required_unless_present = "no_wait")]
    output: Option<PathBuf>,
    /// Copy this column to the result; may be given several times. One that the contract does not
    /// name is not asked
    #[arg(long, value_name = "COLUMN")]
    keep: Vec<String>,
    /// The format of the rows [default: what the extension says]
    #[arg(long, value_name = "FORMAT", value_parser = one_of(BatchFormat::ALL, BatchFormat::as_str))]
    format: Option<BatchFormat>,
    /// Begin the job and end, without waiting for it
    #[arg(long)]
    no_wait: bool,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Score(args) => score(context, args),
        Verb::List(paged) => list(context, paged.limit),
        Verb::Show { id } => {
            let batch: Batch = context.client()?.get(&path(id), &())?;
            show(context, &batch)
        }
        Verb::Resume { id, output } => resume(context, id, output.as_deref()),
        Verb::Cancel { id } => {
            let path = format!("{}/cancel", path(id));
            let batch: Batch = context.client()?.post(&path, &json!({}))?;
            show(context, &batch)
        }
    }
}

fn path(id: BatchId) -> String {
    format!("{PATH}/{id}")
}

fn score(context: &Context, args: Score) -> Result<(), Failure> {
    let format = args.format.map_or_else(|| format_of(&args.input), Ok)?;
    let output = args.output.as_deref().map(format_of).transpose()?;
    if args.keep.iter().any(|name| name.contains(',')) {
        return Err(Failure::user("the name of a kept column must have no comma"));
    }
    let keep = (!args.keep.is_empty()).then(|| args.keep.join(","));
    let query = BatchQuery { deployment: args.deployment, format, output, keep };
    let client = context.client()?;
    let file = fs::File::open(&args.input)?;
    let length = file.metadata()?.len();
    context.printer.progress(&format!("sending {length} bytes"));
    let to = format!("{PATH}{}", query_text(&query)?);
    let begun: Result<Batch, Failure> = client.upload(&to, &mut BufReader::new(file), length);
    context.printer.progress_done();
    let batch = begun?;
    if args.no_wait {
        show(context, &batch)?;
        context
            .printer
            .hint(&format!("take it up with `plimsoll batch resume {} -o FILE`", batch.id));
        return Ok(());
    }
    context.printer.note(&format!("batch job {}", batch.id));
    follow(context, &client, batch.id, args.output.as_deref())
}

fn resume(context: &Context, id: BatchId, output: Option<&Path>) -> Result<(), Failure> {
    let client = context.client()?;
    let batch: Batch = client.get(&path(id), &())?;
    if let Some(output) = output
        && format_of(output)? != batch.output
    {
        return Err(Failure::user(format!("the result of this job is {}", batch.output))
            .hint(format!("give the file a name that ends in `.{}`", batch.output)));
    }
    if batch.state == BatchState::Failed {
        let _: Batch = client.post(&format!("{}/resume", path(id)), &json!({}))?;
    }
    follow(context, &client, id, output)
}

/// Shows how far a job is until it ends, then fetches what it made.
fn follow(
    context: &Context,
    client: &Client,
    id: BatchId,
    output: Option<&Path>,
) -> Result<(), Failure> {
    let batch = wait(context, client, id)?;
    let failed = batch.why.clone().unwrap_or_else(|| "for no reason that is known".to_owned());
    match batch.state {
        BatchState::Done => {}
        BatchState::Cancelled => return Err(Failure::no(format!("job {id} was cancelled"))),
        _ => {
            return Err(Failure::no(format!("job {id} failed: {failed}"))
                .hint(format!("mend what is wrong, then `plimsoll batch resume {id} -o FILE`")));
        }
    }
    if let Some(output) = output {
        fetch(client, &batch, output)?;
        context.printer.note(&format!("wrote {}", output.display()));
    }
    show(context, &batch)
}

fn wait(context: &Context, client: &Client, id: BatchId) -> Result<Batch, Failure> {
    let mut away = 0;
    loop {
        match client.get::<Batch>(&path(id), &()) {
            Ok(batch) if batch.ended_at.is_some() => {
                context.printer.progress_done();
                return Ok(batch);
            }
            Ok(batch) => {
                away = 0;
                context.printer.progress(&line(&batch));
                std::thread::sleep(EVERY);
            }
            // No answer at all: the job goes on there, or will.
            Err(failure) if failure.status().is_none() && away < TRIES_AWAY => {
                away += 1;
                context.printer.progress("the server does not answer; the job goes on there");
                std::thread::sleep(AWAY);
            }
            Err(failure) => {
                context.printer.progress_done();
                return Err(failure
                    .hint_or(&format!("take it up with `plimsoll batch resume {id} -o FILE`")));
            }
        }
    }
}

/// How far a job is, on one line.
fn line(batch: &Batch) -> String {
    let mut line = match batch.row_count {
        Some(all) => format!("{} of {all} rows", batch.rows),
        None => format!("{} rows", batch.rows),
    };
    if batch.refused > 0 {
        line.push_str(&format!(", {} refused", batch.refused));
    }
    if let Some(rate) = batch.rows_per_second {
        line.push_str(&format!(", {rate:.0} rows/s"));
    }
    if let Some(seconds) = batch.seconds_left {
        line.push_str(&format!(", {seconds} s left"));
    }
    if let Some(why) = &batch.why {
        line.push_str(&format!(" ({why})"));
    }
    line
}

/// The result appears under its name when all of it is there.
fn fetch(client: &Client, batch: &Batch, output: &Path) -> Result<(), Failure> {
    let mut partial = output.as_os_str().to_owned();
    partial.push(".part");
    let mut file = fs::File::create(&partial)?;
    let length = client.download(&format!("{}/result", path(batch.id)), &(), &mut file)?;
    if batch.result.is_some_and(|result| result.bytes != length) {
        return Err(Failure::user("the result broke off")
            .hint(format!("fetch it with `plimsoll batch resume {} -o FILE`", batch.id)));
    }
    file.flush()?;
    file.sync_all()?;
    Ok(fs::rename(&partial, output)?)
}

fn format_of(path: &Path) -> Result<BatchFormat, Failure> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => Ok(BatchFormat::Parquet),
        Some("csv") => Ok(BatchFormat::Csv),
        Some("jsonl" | "ndjson") => Ok(BatchFormat::JsonLines),
        _ => Err(Failure::user(format!(
            "`{}` is not a .parquet, .csv or .jsonl file",
            path.display()
        ))
        .hint("say what the rows are with `--format`")),
    }
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<Batch>(PATH, &(), limit)?;
    let heads = ["id", "deployment", "state", ">rows", ">refused", ">failed", "begun"];
    context.show_page(&page, &heads, |table, batch| {
        table.row([
            batch.id.to_string(),
            batch.deployment.to_string(),
            batch.state.to_string(),
            batch.rows.to_string(),
            batch.refused.to_string(),
            batch.failed.to_string(),
            context.time(batch.created_at),
        ]);
    })
}

fn show(context: &Context, batch: &Batch) -> Result<(), Failure> {
    context.printer.show(batch, |batch| facts(context, batch).to_string())
}

fn facts(context: &Context, batch: &Batch) -> Facts {
    Facts::default()
        .add("batch", batch.id)
        .add("deployment", &batch.deployment)
        .add("state", batch.state)
        .maybe("why", batch.why.as_deref())
        .add(
            "rows",
            batch
                .row_count
                .map_or(batch.rows.to_string(), |all| format!("{} of {all}", batch.rows)),
        )
        .add("refused", batch.refused)
        .add("failed", batch.failed)
        .maybe("rows/s", batch.rows_per_second.map(|rate| format!("{rate:.0}")))
        .maybe("seconds left", batch.seconds_left)
        .add("input", format!("{} ({} bytes)", batch.input.digest, batch.input.bytes))
        .maybe("result", batch.result.map(|file| format!("{} ({} bytes)", file.digest, file.bytes)))
        .add("begun", context.time(batch.created_at))
        .maybe("ended", batch.ended_at.map(|time| context.time(time)))
        .maybe("kept until", batch.kept_until.map(|time| context.time(time)))
}
