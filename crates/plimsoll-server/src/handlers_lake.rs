//! Handlers of decision tables: SQL, and the decisions about a person.

use crate::app::App;
use crate::handlers::blocking;
use crate::reply::{BrokeOff, Pieces, Reply};
use crate::routes::{Call, Fail, Input, Route, control, other};
use bytes::Bytes;
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::{Control, QueryEnd, QueryPermit, Readable, RequestContext};
use plimsoll_gateway::Listener;
use plimsoll_lake::{Answer, Ask, Format, Lake, LakeError, MAX_STATEMENT, Subject, Visible};
use plimsoll_policy::Action;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Rows of an answer unless told.
const ROWS: u64 = 10_000;
/// Rows of an answer at most.
const MAX_ROWS: u64 = 10_000_000;
/// Time for an answer unless told.
const TIMEOUT: u32 = 30;
/// Time for an answer at most.
const MAX_TIMEOUT: u32 = 600;
/// Decisions of a search unless told, and at most.
const FOUND: u32 = 100;
const MAX_FOUND: u32 = 1000;
/// The longest name of a subject, as in requests.
const MAX_SUBJECT: usize = 1024;

pub(crate) fn routes() -> Vec<Route> {
    use Action::QueryDecisions;
    vec![
        other(Listener::Control, "POST", "/api/v1/query", QueryDecisions, Call::Query)
            .named("query_decisions", "One `SELECT` over decision tables; rows as they come")
            .reads(schema_of::<api::Query>)
            .gives_media(Format::Json.media_type()),
        control("GET", "/api/v1/query/tables", QueryDecisions, tables)
            .named("list_query_tables", "The decision tables and their columns")
            .gives(200, schema_of::<api::QueryTables>),
        control("POST", "/api/v1/decisions/search", QueryDecisions, search)
            .named("search_decisions", "The decisions about a person, newest first")
            .reads(schema_of::<api::SubjectSearch>)
            .gives(200, schema_of::<api::Page<api::DecisionSummary>>),
    ]
}

/// Answers one statement. The status is told when the first rows are there, so that what is
/// wrong with a statement is told as a problem.
pub(crate) async fn query(
    app: &Arc<App>,
    ctx: RequestContext,
    input: Input,
) -> Result<Reply, Fail> {
    let asked: api::Query = input.json()?;
    let rows = within("limit", asked.limit.unwrap_or(ROWS), MAX_ROWS)?;
    let seconds = asked.timeout_seconds.unwrap_or(TIMEOUT).into();
    let seconds = within("timeout_seconds", seconds, MAX_TIMEOUT.into())?;
    if asked.sql.len() > MAX_STATEMENT {
        let text = format!("`sql` has at most {MAX_STATEMENT} bytes");
        return Err(Fail::problem(422, "invalid", text));
    }
    let format = match asked.format {
        api::QueryFormat::Json => Format::Json,
        api::QueryFormat::Csv => Format::Csv,
        api::QueryFormat::Parquet => Format::Parquet,
    };
    let control = Arc::clone(&app.control);
    let sql = asked.sql;
    let (permit, sql) =
        blocking(move || control.begin_query(&ctx, &sql).map(|permit| (permit, sql))).await??;
    let mut running = Running { control: Arc::clone(&app.control), permit, answer: Err("failed") };
    let ask = Ask {
        sql,
        tables: of_deployment(visible(&running.permit.tables), asked.deployment.as_deref()),
        tenant: running.permit.tenant,
        rows,
        timeout: Duration::from_secs(seconds),
    };
    let lake = app.lake.clone();
    let planned = blocking(move || lake.query_as(ask, format)).await?;
    match planned {
        Ok(answer) => running.answer = Ok(answer),
        Err(error) => {
            running.answer = Err(word(&error));
            return Err(told(&error));
        }
    }
    let Ok(answer) = &mut running.answer else {
        return Err(Fail::problem(500, "internal", "something of ours broke"));
    };
    let first = match answer.next().await {
        None => None,
        Some(Ok(first)) => Some(Bytes::from(first)),
        Some(Err(error)) => {
            running.answer = Err(word(&error));
            return Err(told(&error));
        }
    };
    let rest = Box::new(Rest { first, running });
    Ok(Reply::pieces(200, format.media_type(), rest))
}

fn within(name: &str, value: u64, most: u64) -> Result<u64, Fail> {
    if (1..=most).contains(&value) {
        return Ok(value);
    }
    Err(Fail::problem(422, "invalid", format!("`{name}` must be 1 to {most}")))
}

fn visible(tables: &[Readable]) -> Vec<Visible> {
    let one = |table: &Readable| Visible {
        deployment: table.deployment,
        name: table.name.clone(),
        may_open: table.may_open,
    };
    tables.iter().map(one).collect()
}

fn of_deployment(mut tables: Vec<Visible>, wanted: Option<&str>) -> Vec<Visible> {
    tables.retain(|table| wanted.is_none_or(|wanted| wanted == table.name));
    tables
}

/// A query and the duty to record its end, however it comes.
struct Running {
    control: Arc<Control>,
    permit: QueryPermit,
    /// Why not, if not.
    answer: Result<Answer<Vec<u8>>, &'static str>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let end = match &self.answer {
            Ok(answer) => QueryEnd::Answered {
                rows: answer.rows(),
                tables: answer.tables(),
                is_whole: answer.is_whole(),
            },
            Err(why) => QueryEnd::Failed(why),
        };
        self.control.end_query(&self.permit, &end);
    }
}

/// The rows as they come. Dropped when they were all given, or when the caller goes.
struct Rest {
    first: Option<Bytes>,
    running: Running,
}

impl Pieces for Rest {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Ok(answer) = &mut self.running.answer else { return Poll::Ready(None) };
        Poll::Ready(match ready!(answer.poll_next(context)) {
            None => None,
            Some(Ok(bytes)) => Some(Ok(Bytes::from(bytes))),
            Some(Err(error)) => {
                // Whose statement it was is in the ledger; what it said is not told here.
                tracing::warn!(why = word(&error), "a query broke off");
                Some(Err(BrokeOff))
            }
        })
    }
}

/// A word for why, for records and logs, that says nothing of the statement.
fn word(error: &LakeError) -> &'static str {
    match error {
        LakeError::Statement(_) => "statement",
        LakeError::Limit(_) => "limit",
        LakeError::Erased => "erased",
        _ => "failed",
    }
}

fn told(error: &LakeError) -> Fail {
    match error {
        LakeError::Statement(_) => Fail::problem(422, "query_refused", error.to_string()),
        LakeError::Limit(_) => Fail::problem(422, "query_limit", error.to_string()),
        LakeError::Erased => Fail::problem(409, "conflict", error.to_string()),
        LakeError::Table(detail) => {
            tracing::error!(detail, "a decision table is not readable");
            Fail::problem(500, "storage", "a decision table is not readable")
        }
        error => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "the decision tables failed");
            Fail::problem(500, "storage", "the decision tables cannot be read now")
        }
    }
}

fn tables(app: &App, ctx: &RequestContext, _: &Input) -> Result<Reply, Fail> {
    let tables = visible(&app.control.readable(ctx)?);
    let mut shown = Vec::with_capacity(tables.len());
    for table in tables {
        let columns = app.lake.columns(&table).map_err(|error| told(&error))?;
        let columns = columns.into_iter().map(|column| api::QueryColumn {
            name: column.name,
            kind: column.kind,
            role: column.role.to_owned(),
            is_sealed: column.is_sealed,
        });
        shown.push(api::QueryTable {
            name: table.name,
            deployment: table.deployment,
            is_open: table.may_open,
            columns: columns.collect(),
        });
    }
    Ok(Reply::json(200, &api::QueryTables { tables: shown }))
}

/// The decisions about a person. Recorded like any query; the person is not.
fn search(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let asked: api::SubjectSearch = input.json()?;
    let limit = within("limit", asked.limit.unwrap_or(FOUND).into(), MAX_FOUND.into())?;
    if asked.subject.is_empty() || asked.subject.len() > MAX_SUBJECT {
        let text = format!("`subject` has 1 to {MAX_SUBJECT} bytes");
        return Err(Fail::problem(422, "invalid", text));
    }
    let permit = app.control.begin_query(ctx, "search by subject")?;
    let found = find(app, &permit, &asked, limit);
    let names: Vec<String> = permit.tables.iter().map(|table| table.name.clone()).collect();
    let end = match &found {
        Ok(found) => {
            QueryEnd::Answered { rows: found.len() as u64, tables: &names, is_whole: true }
        }
        Err(error) => QueryEnd::Failed(word(error)),
    };
    app.control.end_query(&permit, &end);
    let ids = found.map_err(|error| told(&error))?;
    let items = app.control.summaries(ctx, &ids)?;
    Ok(Reply::json(200, &api::Page { items, next_cursor: None }))
}

fn find(
    app: &App,
    permit: &QueryPermit,
    asked: &api::SubjectSearch,
    limit: u64,
) -> Result<Vec<plimsoll_types::DecisionId>, LakeError> {
    let tables = of_deployment(visible(&permit.tables), asked.deployment.as_deref());
    let lake: &Lake = &app.lake;
    lake.find_subject(&Subject {
        name: &asked.subject,
        tenant: permit.tenant,
        tables,
        since: asked.since.map(|time| time.0),
        until: asked.until.map(|time| time.0),
        limit,
    })
}
