//! `plimsoll query` and `plimsoll decision export`: SQL over decision tables, of a server or
//! of a data folder.

use super::{Context, lake, when};
use crate::cli_query::{self, Export, Format, Offline, Query};
use crate::failure::Failure;
use crate::printer::{Table, counted};
use plimsoll_api as api;
use plimsoll_lake::{Ask, Format as Bytes, Visible};
use plimsoll_types::{Clock, Name};
use serde_json::{Map, Value};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// The longest that a query may take.
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// What a server may take beside the query's own time: recording it, planning it.
const GRACE: Duration = Duration::from_secs(10);

/// A question, whoever answers it.
struct Question<'a> {
    sql: String,
    deployment: Option<&'a Name>,
    format: api::QueryFormat,
    limit: u64,
    timeout: Duration,
}

/// Runs `query`.
pub(super) fn run(context: &Context, args: &Query) -> Result<(), Failure> {
    if args.schema {
        return schema(context, args);
    }
    let sql = match args.sql.as_deref() {
        Some("-") | None => cli_query::text(Path::new("-"))?,
        Some(sql) => sql.to_owned(),
    };
    let is_json = context.printer.is_json();
    let format = args.format.unwrap_or(if is_json { Format::Json } else { Format::Table });
    let timeout = when::duration(&args.timeout)?;
    if timeout < Duration::from_secs(1) || timeout > MAX_TIMEOUT {
        return Err(Failure::user("`--timeout` must be 1s to 10m"));
    }
    let question = Question {
        sql,
        deployment: args.deployment.as_ref(),
        format: wire(format),
        limit: args.limit,
        timeout,
    };
    if format == Format::Table && args.output.is_none() {
        let mut lines = Vec::new();
        let rows = ask(context, &args.offline, &question, &mut lines)?;
        context.printer.data(&table(&lines)?)?;
        return said(context, rows, args.limit);
    }
    let rows = write(context, &args.offline, &question, args.output.as_deref())?;
    said(context, rows, args.limit)
}

/// Runs `decision export`.
pub(super) fn export(context: &Context, args: &Export) -> Result<(), Failure> {
    let now = context.clock.now();
    let mut sql = format!("select * from \"{}\"", args.deployment);
    let bounds = [(">=", &args.since), ("<", &args.until)];
    let mut word = "where";
    for (op, time) in bounds {
        if let Some(text) = time {
            let time = when::past(text, now)?;
            sql.push_str(&format!(" {word} \"time\" {op} '{time}'"));
            word = "and";
        }
    }
    let ending = args.output.as_deref().and_then(Path::extension).and_then(|e| e.to_str());
    let by_name = match ending {
        Some("json" | "ndjson" | "jsonl") => Format::Json,
        Some("parquet") => Format::Parquet,
        _ => Format::Csv,
    };
    let question = Question {
        sql,
        deployment: Some(&args.deployment),
        format: wire(args.format.unwrap_or(by_name)),
        limit: args.limit,
        timeout: MAX_TIMEOUT,
    };
    let rows = write(context, &args.offline, &question, args.output.as_deref())?;
    said(context, rows, args.limit)
}

fn wire(format: Format) -> api::QueryFormat {
    match format {
        Format::Table | Format::Json => api::QueryFormat::Json,
        Format::Csv => api::QueryFormat::Csv,
        Format::Parquet => api::QueryFormat::Parquet,
    }
}

/// Says that there may be more rows. A server does not count them for us: their number is known
/// where they were counted here.
fn said(context: &Context, rows: Option<u64>, limit: u64) -> Result<(), Failure> {
    match rows {
        Some(rows) if rows >= limit => {
            context.printer.warn("there may be more rows; raise `--limit` to see them");
        }
        Some(rows) => context.printer.detail(&counted(rows, "row")),
        None => {}
    }
    Ok(())
}

/// Writes the answer to stdout, or to a file that gets its name when it is whole.
fn write(
    context: &Context,
    offline: &Offline,
    question: &Question<'_>,
    output: Option<&Path>,
) -> Result<Option<u64>, Failure> {
    let Some(path) = output else {
        let mut out = context.printer.stream();
        let rows = ask(context, offline, question, &mut *out)?;
        out.flush().map_err(Failure::output)?;
        return Ok(rows);
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = path.with_file_name(name);
    let mut out = std::io::BufWriter::new(fs_err::File::create(&part)?);
    let asked = ask(context, offline, question, &mut out);
    let written = asked.and_then(|rows| {
        out.flush().map_err(Failure::output)?;
        fs_err::rename(&part, path)?;
        Ok(rows)
    });
    if written.is_err() {
        drop(fs_err::remove_file(&part));
    }
    written
}

/// Asks, and writes the answer as it comes. Gives the number of rows where it is known.
fn ask(
    context: &Context,
    offline: &Offline,
    question: &Question<'_>,
    out: &mut dyn Write,
) -> Result<Option<u64>, Failure> {
    match &offline.data {
        Some(data) => ask_files(context, data, offline.keys.as_deref(), question, out).map(Some),
        None => ask_server(context, question, out),
    }
}

fn ask_server(
    context: &Context,
    question: &Question<'_>,
    out: &mut dyn Write,
) -> Result<Option<u64>, Failure> {
    let query = api::Query {
        sql: question.sql.clone(),
        deployment: question.deployment.map(ToString::to_string),
        format: question.format,
        limit: Some(question.limit),
        timeout_seconds: u32::try_from(question.timeout.as_secs()).ok(),
    };
    let mut counted = Lines { out, lines: 0 };
    context.client()?.stream("/api/v1/query", &query, question.timeout + GRACE, &mut counted)?;
    Ok((question.format == api::QueryFormat::Json).then_some(counted.lines))
}

/// Counts lines on their way.
struct Lines<'a> {
    out: &'a mut dyn Write,
    lines: u64,
}

impl Write for Lines<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.out.write(bytes)?;
        let written = bytes.get(..count).unwrap_or_default();
        self.lines += written.iter().map(|byte| u64::from(*byte == b'\n')).sum::<u64>();
        Ok(count)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

fn ask_files(
    context: &Context,
    data: &Path,
    keys: Option<&Path>,
    question: &Question<'_>,
    out: &mut dyn Write,
) -> Result<u64, Failure> {
    let (lake, tables, tenant) = lake::open(context, data, keys)?;
    let ask = Ask {
        sql: question.sql.clone(),
        tables: wanted(tables, question.deployment)?,
        tenant,
        rows: question.limit,
        timeout: question.timeout,
    };
    let format = match question.format {
        api::QueryFormat::Json => Bytes::Json,
        api::QueryFormat::Csv => Bytes::Csv,
        api::QueryFormat::Parquet => Bytes::Parquet,
    };
    let mut answer = lake.query_as(ask, format).map_err(lake::failure)?;
    while let Some(bytes) = answer.next_blocking() {
        out.write_all(&bytes.map_err(lake::failure)?).map_err(Failure::output)?;
    }
    Ok(answer.rows())
}

fn wanted(tables: Vec<Visible>, deployment: Option<&Name>) -> Result<Vec<Visible>, Failure> {
    let Some(deployment) = deployment else { return Ok(tables) };
    let found: Vec<_> =
        tables.into_iter().filter(|table| table.name == deployment.as_str()).collect();
    if found.is_empty() {
        return Err(Failure::user(format!("there is no deployment `{deployment}`")));
    }
    Ok(found)
}

/// JSON lines as a table for people.
fn table(lines: &[u8]) -> Result<String, Failure> {
    let wrong = |error: serde_json::Error| Failure::ours("a row is not JSON").because(error);
    let mut shown: Option<Table> = None;
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let row: Map<String, Value> = serde_json::from_slice(line).map_err(wrong)?;
        let table = shown.get_or_insert_with(|| {
            let mut table = Table::new(&[]);
            for (name, value) in &row {
                let mark = if value.is_number() { ">" } else { "" };
                table.head(&format!("{mark}{name}"));
            }
            table
        });
        table.cells(row.into_iter().map(|(_, value)| match value {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        }));
    }
    Ok(shown.map(|table| table.to_string()).unwrap_or_default())
}

/// Shows the tables and their columns.
fn schema(context: &Context, args: &Query) -> Result<(), Failure> {
    let mut tables = match &args.offline.data {
        None => context.client()?.get::<api::QueryTables>("/api/v1/query/tables", &())?,
        Some(data) => {
            let (lake, tables, _) = lake::open(context, data, args.offline.keys.as_deref())?;
            let mut shown = Vec::with_capacity(tables.len());
            for table in tables {
                let columns = lake.columns(&table).map_err(lake::failure)?;
                let columns = columns.into_iter().map(|column| api::QueryColumn {
                    name: column.name,
                    kind: column.kind,
                    role: column.role.to_owned(),
                    is_sealed: column.is_sealed,
                });
                shown.push(api::QueryTable {
                    name: table.name,
                    deployment: table.deployment,
                    is_open: args.offline.keys.is_some(),
                    columns: columns.collect(),
                });
            }
            api::QueryTables { tables: shown }
        }
    };
    if let Some(wanted) = &args.deployment {
        tables.tables.retain(|table| table.name == wanted.as_str());
    }
    context.printer.show(&tables, |tables| {
        let mut shown = Table::new(&["table", "column", "type", "role", "sealed"]);
        for table in &tables.tables {
            for column in &table.columns {
                shown.row([
                    table.name.clone(),
                    column.name.clone(),
                    column.kind.clone(),
                    column.role.clone(),
                    if column.is_sealed { "yes" } else { "" }.to_owned(),
                ]);
            }
        }
        shown.to_string()
    })
}
