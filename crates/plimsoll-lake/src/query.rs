//! SQL over decision tables, for callers who are not trusted: one statement that only reads,
//! over tables that are given to it, within limits of time, rows and memory.

use crate::engine::THREADS;
use crate::error::LakeError;
use crate::export::{Format, Writer};
use crate::files::Snapshot;
use crate::lake::{Lake, View};
use crate::open::SubjectOf;
use crate::outcome;
use crate::provider::{self, ShownColumn, Stored, Visible};
use crate::refuse;
use crate::shape::Shape;
use crate::table::{Holds, TableId};
use crate::turns::{Over, taking_turns};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::error::DataFusionError;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionStateDefaults};
use datafusion::logical_expr::{LogicalPlan, ScalarUDF};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use futures::StreamExt;
use plimsoll_types::TenantId;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

/// The longest statement, in bytes. Bounds what parsing and planning take, and how deep the
/// plan is.
pub const MAX_STATEMENT: usize = 16 << 10;
/// The deepest nesting of a statement.
const MAX_DEPTH: usize = 48;
/// Rows of an answer beyond which no limit is meant.
const MAX_ROWS: u64 = 1 << 40;
/// Rows of a batch.
const BATCH: usize = 8192;
/// Batches that wait for the reader; more make the query wait.
const WAITING: usize = 2;
/// The name of the table of all decisions.
pub const DECISIONS: &str = "decisions";
/// The name of the table of what turned out to be true about all decisions.
pub const OUTCOMES: &str = "outcomes";
/// The name of the table of attributes, in statements of our own: a deployment cannot have it.
pub(crate) const ATTRIBUTES: &str = "#attributes";
const CATALOG: &str = "plimsoll";
const SCHEMA: &str = "public";
/// Functions whose result may be of any size, alone or one upon the other: a query could take
/// all memory with one row.
const UNBOUNDED: &[&str] = &[
    "repeat",
    "lpad",
    "rpad",
    "space",
    "replace",
    "overlay",
    "concat",
    "concat_ws",
    "struct",
    "named_struct",
    "array_agg",
    "string_agg",
];

/// A query.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The statement.
    pub sql: String,
    /// The deployments that whoever asks may see.
    pub tables: Vec<Visible>,
    /// The organisation in which subjects have their names.
    pub tenant: TenantId,
    /// Rows that are given at most.
    pub rows: u64,
    /// Time until the last row is given.
    pub timeout: Duration,
}

/// The rows of an answer, as they come, in the form of `T`. Dropping it ends the query.
#[derive(Debug)]
pub struct Answer<T = RecordBatch> {
    schema: SchemaRef,
    tables: Vec<String>,
    parts: mpsc::Receiver<Result<Part<T>, LakeError>>,
    task: AbortHandle,
    over: Arc<Over>,
    rows: u64,
    is_cut: bool,
    is_whole: bool,
    /// Whether its end, good or bad, was told.
    is_over: bool,
}

#[derive(Debug)]
enum Part<T> {
    Rows { value: T, rows: u64 },
    End { value: Option<T>, is_cut: bool },
}

impl<T> Answer<T> {
    /// The columns.
    #[must_use]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    /// The tables that the statement names, sorted.
    #[must_use]
    pub fn tables(&self) -> &[String] {
        &self.tables
    }
    /// Rows given so far.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }
    /// Whether there are more rows than were asked for. Right once all were given.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }
    /// Whether all was given.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The next rows, when they are there.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<T, LakeError>>> {
        self.parts.poll_recv(context).map(|part| self.take(part))
    }
    /// The next rows.
    pub async fn next(&mut self) -> Option<Result<T, LakeError>> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }
    /// The next rows, waiting for them in this thread, which must not run tasks.
    pub fn next_blocking(&mut self) -> Option<Result<T, LakeError>> {
        let part = self.parts.blocking_recv();
        self.take(part)
    }

    fn take(&mut self, part: Option<Result<Part<T>, LakeError>>) -> Option<Result<T, LakeError>> {
        match part {
            Some(Ok(Part::Rows { value, rows })) => {
                self.rows += rows;
                Some(Ok(value))
            }
            Some(Ok(Part::End { value, is_cut })) => {
                (self.is_cut, self.is_whole, self.is_over) = (is_cut, true, true);
                value.map(Ok)
            }
            Some(Err(error)) => {
                self.is_over = true;
                Some(Err(error))
            }
            None if self.is_over => None,
            // The task ended without an end: it panicked.
            None => {
                self.is_over = true;
                Some(Err(LakeError::Table("the query broke off".into())))
            }
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        self.over.leave();
        self.task.abort();
    }
}

/// Makes of rows what an answer gives.
trait Form<T>: Send {
    fn rows(&mut self, batch: RecordBatch) -> Result<T, LakeError>;
    fn end(self: Box<Self>) -> Result<Option<T>, LakeError>;
}

/// The rows as they are.
struct AsTheyAre;

impl Form<RecordBatch> for AsTheyAre {
    fn rows(&mut self, batch: RecordBatch) -> Result<RecordBatch, LakeError> {
        Ok(batch)
    }
    fn end(self: Box<Self>) -> Result<Option<RecordBatch>, LakeError> {
        Ok(None)
    }
}

impl Form<Vec<u8>> for Writer {
    fn rows(&mut self, batch: RecordBatch) -> Result<Vec<u8>, LakeError> {
        self.write(&batch)
    }
    fn end(self: Box<Self>) -> Result<Option<Vec<u8>>, LakeError> {
        self.finish().map(Some)
    }
}

type MakeForm<T> = fn(Format, &SchemaRef) -> Result<Box<dyn Form<T>>, LakeError>;

impl Lake {
    /// Answers a statement. Blocks until it is planned; must not be called from a task.
    ///
    /// # Errors
    /// [`LakeError::Statement`] if it is not one that is answered, [`LakeError::Limit`], or
    /// what reading the tables met.
    pub fn query(&self, ask: Ask) -> Result<Answer, LakeError> {
        self.answer(ask, MAX_STATEMENT, Format::Json, |_, _| Ok(Box::new(AsTheyAre)))
    }

    /// Answers a statement of our own, which is as long as there are deployments.
    pub(crate) fn query_trusted(&self, ask: Ask) -> Result<Answer, LakeError> {
        self.answer(ask, usize::MAX, Format::Json, |_, _| Ok(Box::new(AsTheyAre)))
    }

    /// Answers a statement in bytes. They are made in the query's own threads.
    ///
    /// # Errors
    /// As [`query`](Self::query).
    pub fn query_as(&self, ask: Ask, format: Format) -> Result<Answer<Vec<u8>>, LakeError> {
        self.answer(ask, MAX_STATEMENT, format, |format, schema| {
            Ok(Box::new(Writer::new(format, schema)?))
        })
    }

    fn answer<T: Send + 'static>(
        &self,
        ask: Ask,
        length: usize,
        format: Format,
        make: MakeForm<T>,
    ) -> Result<Answer<T>, LakeError> {
        let permit = self.0.engine.admit()?;
        let is_ours = length == usize::MAX;
        let statement = parse(&ask.sql, length)?;
        let view = self.view()?;
        let (runtime, env) = (self.0.engine.runtime()?, self.0.engine.env().map_err(told)?);
        let (planned, plan) = oneshot::channel();
        let (sender, parts) = mpsc::channel(WAITING);
        let source = self.0.source.clone();
        let over = Arc::new(Over::at(Instant::now() + ask.timeout));
        let limits = Limits { over: Arc::clone(&over), timeout: ask.timeout, rows: ask.rows };
        let task = runtime.spawn(async move {
            let files = Arc::clone(&view.files);
            let session = session(env, &source, ask.tenant);
            let start = start(&session, statement, &ask, is_ours, &view, &source, &limits.over);
            let started = timeout_at(limits.over.deadline(), start).await;
            let started = started.unwrap_or_else(|_| Err(limits.too_long()));
            let started = started.and_then(|(stream, tables)| {
                let form = make(format, &stream.schema())?;
                Ok((stream, tables, form))
            });
            drop(view);
            let (stream, form) = match started {
                Ok((stream, tables, form)) => {
                    drop(planned.send(Ok((stream.schema(), tables))));
                    (stream, form)
                }
                Err(_) if files.is_revoked() => return drop(planned.send(Err(LakeError::Erased))),
                Err(error) => return drop(planned.send(Err(error))),
            };
            run(stream, form, &files, &limits, &sender).await;
            drop(permit);
        });
        let task = task.abort_handle();
        let lost = |_| LakeError::Statement("the query could not be planned".into());
        let (schema, tables) = plan.blocking_recv().map_err(lost)??;
        Ok(Answer {
            schema,
            tables,
            parts,
            task,
            over,
            rows: 0,
            is_cut: false,
            is_whole: false,
            is_over: false,
        })
    }

    /// The columns of a deployment's table.
    ///
    /// # Errors
    /// [`LakeError`] if the ledger cannot be read.
    pub fn columns(&self, visible: &Visible) -> Result<Vec<ShownColumn>, LakeError> {
        let view = self.view()?;
        let id = TableId::decisions(visible.deployment);
        let shape = view.shapes.get(&id).map(Arc::clone).unwrap_or_default();
        Ok(provider::shown(&shape))
    }
}

struct Limits {
    over: Arc<Over>,
    timeout: Duration,
    rows: u64,
}

impl Limits {
    fn too_long(&self) -> LakeError {
        LakeError::Limit(format!(
            "the query took longer than {:?}; ask for less, or give it more time",
            self.timeout
        ))
    }
}

/// Gives parts to the reader until there are no more, time is up, or nobody reads.
async fn run<T>(
    mut stream: SendableRecordBatchStream,
    mut form: Box<dyn Form<T>>,
    files: &Snapshot,
    limits: &Limits,
    sender: &mpsc::Sender<Result<Part<T>, LakeError>>,
) {
    let mut left = limits.rows;
    let end = loop {
        let next = tokio::select! {
            next = timeout_at(limits.over.deadline(), stream.next()) => next,
            () = sender.closed() => return,
        };
        let batch = match next {
            Err(_) => break Err(limits.too_long()),
            Ok(None) => break Ok(false),
            // Before the rows leave: what was erased is not told any more.
            Ok(Some(_)) if files.is_revoked() => break Err(LakeError::Erased),
            Ok(Some(Err(_))) if limits.over.is_late() => break Err(limits.too_long()),
            Ok(Some(Err(error))) => break Err(told(error)),
            Ok(Some(Ok(batch))) => batch,
        };
        let rows = usize::try_from(left).unwrap_or(usize::MAX).min(batch.num_rows());
        let is_cut = rows < batch.num_rows();
        left -= rows as u64;
        let value = match form.rows(batch.slice(0, rows)) {
            Ok(value) => value,
            Err(error) => break Err(error),
        };
        let part = Part::Rows { value, rows: rows as u64 };
        match timeout_at(limits.over.deadline(), sender.send(Ok(part))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => break Err(limits.too_long()),
        }
        if is_cut {
            break Ok(true);
        }
    };
    let end = end.and_then(|is_cut| Ok(Part::End { value: form.end()?, is_cut }));
    // However slow the reader is, it is told how it ended, if it still is there.
    drop(sender.send(end).await);
}

/// The one statement, if it is one that reads.
fn parse(sql: &str, length: usize) -> Result<Statement, LakeError> {
    if sql.len() > length {
        let text = format!("a statement has at most {length} bytes");
        return Err(LakeError::Statement(text));
    }
    if length == MAX_STATEMENT {
        refuse::long(sql)?;
    }
    let parsed = DFParserBuilder::new(sql)
        .with_dialect(&PostgreSqlDialect {})
        .with_recursion_limit(MAX_DEPTH)
        .build()
        .and_then(|mut parser| parser.parse_statements());
    let mut statements = parsed.map_err(told)?;
    match (statements.pop_front(), statements.pop_front()) {
        (Some(Statement::Statement(sql)), None) if matches!(*sql, Sql::Query(_)) => {
            Ok(Statement::Statement(sql))
        }
        (Some(_), None) => Err(LakeError::Statement("only `SELECT` is answered".into())),
        (None, _) => Err(LakeError::Statement("there is no statement".into())),
        (_, Some(_)) => Err(LakeError::Statement("one statement at a time is answered".into())),
    }
}

/// A session that can read what is registered with it and nothing else.
fn session(
    env: Arc<datafusion::execution::runtime_env::RuntimeEnv>,
    source: &crate::Source,
    tenant: TenantId,
) -> SessionContext {
    let mut config = SessionConfig::new()
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_target_partitions(THREADS)
        .with_batch_size(BATCH);
    let options = config.options_mut();
    // Names are as the contract writes them.
    options.sql_parser.enable_ident_normalization = false;
    options.execution.enable_recursive_ctes = false;
    let functions = SessionStateDefaults::default_scalar_functions();
    let functions = functions.into_iter().filter(|function| !UNBOUNDED.contains(&function.name()));
    let aggregates = SessionStateDefaults::default_aggregate_functions();
    let aggregates = aggregates.into_iter().filter(|one| !UNBOUNDED.contains(&one.name()));
    let subject = ScalarUDF::from(SubjectOf::new(source.clone(), tenant));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(env)
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(functions.chain([Arc::new(subject)]).collect())
        .with_aggregate_functions(aggregates.collect())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .build();
    SessionContext::new_with_state(state)
}

/// Plans the statement and starts it. Gives the tables it names too.
async fn start(
    session: &SessionContext,
    statement: Statement,
    ask: &Ask,
    is_ours: bool,
    view: &View,
    source: &crate::Source,
    over: &Arc<Over>,
) -> Result<(SendableRecordBatchStream, Vec<String>), LakeError> {
    refuse::wide(&statement)?;
    let named = session.state().resolve_table_references(&statement).map_err(told)?;
    register(session, &named, ask, is_ours, view, source)?;
    let plan = session.state().statement_to_plan(statement).await.map_err(told)?;
    let only_reads =
        SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    only_reads.verify_plan(&plan).map_err(told)?;
    refuse::large(&plan)?;
    let frame = session.execute_logical_plan(plan).await.map_err(told)?;
    // One more than is given, to know whether there are more.
    let rows = usize::try_from(ask.rows.min(MAX_ROWS) + 1).unwrap_or(usize::MAX);
    let frame = frame.limit(0, Some(rows)).map_err(told)?;
    let context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.map_err(told)?;
    let plan = taking_turns(plan, over).map_err(told)?;
    let stream = execute_stream(plan, context).map_err(told)?;
    let known: BTreeSet<String> = named.iter().map(|name| name.table().to_owned()).collect();
    Ok((stream, known.into_iter().collect()))
}

/// Registers the tables that the statement names, as far as they may be seen.
fn register(
    session: &SessionContext,
    named: &[TableReference],
    ask: &Ask,
    is_ours: bool,
    view: &View,
    source: &crate::Source,
) -> Result<(), LakeError> {
    let browses = named.iter().any(|name| name.schema().is_some_and(|s| s != SCHEMA));
    let is_named = |table: &str| browses || named.iter().any(|name| name.table() == table);
    register_told(session, &is_named, ask, is_ours, view, source)?;
    let mut views = Vec::new();
    for visible in &ask.tables {
        if !is_named(&visible.name) && !is_named(DECISIONS) {
            continue;
        }
        let plan = plan(visible, view, source)?;
        if is_named(&visible.name) && ![DECISIONS, OUTCOMES].contains(&visible.name.as_str()) {
            let name = TableReference::bare(visible.name.as_str());
            session.register_table(name, provider::table(plan.clone())).map_err(told)?;
        }
        views.push(plan);
    }
    if is_named(DECISIONS) {
        let plan = provider::decisions(views).map_err(told)?;
        let name = TableReference::bare(DECISIONS);
        session.register_table(name, provider::table(plan)).map_err(told)?;
    }
    Ok(())
}

/// Registers what was told of decisions: outcomes for whoever sees the decisions, attributes for
/// questions of our own.
fn register_told(
    session: &SessionContext,
    is_named: &dyn Fn(&str) -> bool,
    ask: &Ask,
    is_ours: bool,
    view: &View,
    source: &crate::Source,
) -> Result<(), LakeError> {
    let mut told_of = vec![(OUTCOMES, Holds::Outcomes)];
    if is_ours {
        told_of.push((ATTRIBUTES, Holds::Attributes));
    }
    for (name, holds) in told_of.into_iter().filter(|(name, _)| is_named(name)) {
        let mut views = Vec::new();
        for visible in &ask.tables {
            let id = TableId { deployment: visible.deployment, holds };
            let shape = outcome::shape();
            let stored = stored(&shape, id, view)?;
            views.push(outcome::view(stored, &shape, visible, source).map_err(told)?);
        }
        let plan = outcome::all(views).map_err(told)?;
        session.register_table(TableReference::bare(name), provider::table(plan)).map_err(told)?;
    }
    Ok(())
}

fn plan(visible: &Visible, view: &View, source: &crate::Source) -> Result<LogicalPlan, LakeError> {
    let empty = Shape::default();
    let id = TableId::decisions(visible.deployment);
    let shape = view.shapes.get(&id).map_or(&empty, |shape| shape);
    provider::view(stored(shape, id, view)?, shape, visible, source).map_err(told)
}

fn stored(shape: &Shape, id: TableId, view: &View) -> Result<Arc<Stored>, LakeError> {
    let pending = view.pending.get(&id).map(Vec::as_slice).unwrap_or_default();
    Ok(Arc::new(Stored::new(shape, id, &view.files, pending)?))
}

/// An error of the engine in one line. It may repeat the statement, which is the caller's own.
pub(crate) fn told(error: DataFusionError) -> LakeError {
    let root = error.find_root();
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            LakeError::Limit("the query needs more memory than it may have; ask for less".into())
        }
        DataFusionError::ObjectStore(_)
        | DataFusionError::ParquetError(_)
        | DataFusionError::IoError(_) => {
            LakeError::Table("a file could not be read; if data was just erased, ask again".into())
        }
        _ => {
            let text = root.strip_backtrace();
            LakeError::Statement(text.lines().next().unwrap_or_default().to_owned())
        }
    }
}
