//! How deployments are watched: references, windows, what was said.

use crate::app::App;
use crate::handlers::ok;
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_batch::{Format, read_table};
use plimsoll_contract::{Class, CompiledContract, Kind};
use plimsoll_control::{ControlError, RequestContext};
use plimsoll_monitor::explain::Sampler;
use plimsoll_monitor::monitor::document;
use plimsoll_monitor::reference::{Habits, Test};
use plimsoll_monitor::staleness::Limits;
use plimsoll_monitor::{Builder, Reference, ReferenceError, Watched};
use plimsoll_policy::Action;
use plimsoll_serving::{ServedDeployment, ServedVersion};
use plimsoll_types::{DeploymentId, Digest, Name, Rows, Time};
use serde_json::json;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Rows that the model is asked about at once.
pub(crate) const CHUNK: usize = 1_024;
/// Windows in a list unless told, and at most.
const WINDOWS: u32 = 50;
const MAX_WINDOWS: u32 = 512;
/// Characters of what a file is called.
const MAX_ORIGIN: usize = 200;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ReadMonitoring, Watch};
    vec![
        control("GET", "/api/v1/deployments/{name}/monitoring", ReadMonitoring, status)
            .named("get_monitoring", "How a deployment is watched, and how it stands")
            .gives(200, schema_of::<api::Monitoring>),
        control("GET", "/api/v1/deployments/{name}/monitoring/windows", ReadMonitoring, windows)
            .named("list_monitoring_windows", "Windows of a deployment's traffic, column by column")
            .asks(schema_of::<api::WindowsQuery>)
            .gives(200, schema_of::<api::MonitoredWindows>),
        control(
            "GET",
            "/api/v1/deployments/{name}/monitoring/explanation",
            ReadMonitoring,
            explain,
        )
        .named("explain_drift", "Which fields and which slice a change of the score comes from")
        .asks(schema_of::<api::DriftQuery>)
        .gives(200, schema_of::<api::DriftExplained>),
        control("POST", "/api/v1/deployments/{name}/monitoring/backfill", Watch, backfill)
            .named("backfill_monitoring", "Count a deployment's decisions again from the ledger")
            .gives(202, schema_of::<api::Backfill>),
        control("PUT", "/api/v1/deployments/{name}/reference", Watch, set_reference)
            .named(
                "set_reference",
                "Say what traffic is compared with: a CSV or Parquet file, or decisions of a time",
            )
            .asks(schema_of::<api::ReferenceQuery>)
            .reads_media("application/octet-stream")
            .gives(200, schema_of::<api::MonitoringReference>),
    ]
}

fn status(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let name: Name = input.parsed("name")?;
    let id = app.control.may_see_watch(ctx, &name)?;
    ok(&app.monitor.monitoring(id, name.as_str(), version(app, &name)))
}

fn windows(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let name: Name = input.parsed("name")?;
    let id = app.control.may_see_watch(ctx, &name)?;
    let query: api::WindowsQuery = input.query()?;
    let limit = query.limit.unwrap_or(WINDOWS);
    if !(1..=MAX_WINDOWS).contains(&limit) {
        return Err(invalid("limit", format!("must be 1 to {MAX_WINDOWS}")));
    }
    let number = query.version.or_else(|| version(app, &name)).unwrap_or_default();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let times = (
        query.since.map_or(Time::EPOCH, |time| time.0),
        query.until.map_or(Time::from_micros(u64::MAX), |time| time.0),
    );
    let items = app.monitor.windows((id, number), times, limit, query.column.as_deref());
    let reference = query.column.as_deref().map(|column| {
        let snapshot = app.gateway.snapshot();
        let subject = snapshot.deployment(name.as_str()).and_then(|served| Subject::of(served));
        let names = |contract: &Digest, place| subject.as_ref()?.categories(*contract, place);
        app.monitor.reference_cells((id, number), column, &names)
    });
    ok(&api::MonitoredWindows { items, reference: reference.unwrap_or_default() })
}

fn explain(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let name: Name = input.parsed("name")?;
    let id = app.control.may_see_watch(ctx, &name)?;
    let query: api::DriftQuery = input.query()?;
    let key = (id, version(app, &name).unwrap_or_default());
    let found = app.monitor.explain(key, query.open.unwrap_or(false), &app.gateway.snapshot());
    ok(&found.ok_or_else(|| {
        let detail = "there is no such window yet, or no reference that it is compared with";
        Fail::problem(409, "conflict", detail)
    })?)
}

/// The version that answers; 0 of decisions that are made elsewhere.
fn version(app: &App, name: &Name) -> Option<u32> {
    let snapshot = app.gateway.snapshot();
    Some(Subject::of(snapshot.deployment(name.as_str())?)?.number())
}

fn backfill(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let name: Name = input.parsed("name")?;
    let id = app.control.may_watch(ctx, &name)?;
    if !app.monitor.begin_backfill(id) {
        return Err(Fail::problem(
            409,
            "conflict",
            "the deployment is being counted again already",
        ));
    }
    let monitor = Arc::clone(&app.monitor);
    let run = move || {
        if let Err(error) = monitor.backfill(id) {
            tracing::error!(deployment = %id, %error, "decisions could not be counted again");
        }
    };
    // Not on the pool that callers of the API wait for: it may take minutes.
    std::thread::Builder::new()
        .name("plimsoll-backfill".to_owned())
        .spawn(run)
        .map_err(|_| Fail::problem(503, "unavailable", "no thread could be started"))?;
    let shown = app.monitor.monitoring(id, name.as_str(), None).backfill;
    let begun = api::Backfill { done: 0, all: 0, is_over: false, error: None };
    Ok(Reply::json(202, &shown.unwrap_or(begun)))
}

fn set_reference(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let name: Name = input.parsed("name")?;
    // Asked before the body is looked at.
    let id = app.control.may_watch(ctx, &name)?;
    let query: api::ReferenceQuery = input.query()?;
    let snapshot = app.gateway.snapshot();
    let served = snapshot.deployment(name.as_str()).filter(|served| served.id == id);
    let answering = served.and_then(|served| Subject::of(served));
    // Of a version that does not answer yet, so that it is watched from its first answer on.
    let early = match (query.version, &answering) {
        (Some(number), Some(subject)) if subject.number() == number => None,
        (Some(number), _) => Some(app.control.version_to_watch(ctx, &name, number)?),
        (None, _) => None,
    };
    let subject = match &early {
        Some((contract, digest, version)) => {
            Some(Subject { contract, digest: *digest, version: Some(version) })
        }
        None => answering,
    };
    let subject = subject.ok_or_else(|| {
        Fail::problem(409, "conflict", "the deployment serves no version that could be watched")
    })?;
    let number = subject.number();
    let reference = reference(app, id, &subject, &query, input)?;
    let document = document(&reference)
        .map_err(|_| ControlError::Internal("a reference could not be written"))?;
    let facts = json!({"origin": reference.origin, "rows": reference.rows});
    let digest = app.control.set_reference(ctx, &name, number, document, facts)?;
    app.monitor.adopt(Watched { key: (id, number), reference, digest });
    let shown = app.monitor.monitoring(id, name.as_str(), Some(number)).reference;
    ok(&shown.ok_or(ControlError::Internal("a reference was set and is not there"))?)
}

/// What is watched: a version that answers here, or decisions that are made elsewhere.
pub(crate) struct Subject<'a> {
    pub(crate) contract: &'a CompiledContract,
    pub(crate) digest: Digest,
    pub(crate) version: Option<&'a ServedVersion>,
}

impl<'a> Subject<'a> {
    fn of(served: &'a ServedDeployment) -> Option<Self> {
        if let Some(observed) = &served.observed {
            let (contract, digest) = (&*observed.contract, observed.contract_digest);
            return Some(Self { contract, digest, version: None });
        }
        let serving = served.serving.as_ref().ok()?;
        let (contract, digest) = (&*serving.contract, serving.contract_digest);
        Some(Self { contract, digest, version: Some(&serving.primary) })
    }
    /// Decisions that are made elsewhere have no version here.
    fn number(&self) -> u32 {
        self.version.map_or(0, |version| version.number)
    }
    /// What the categories of a field are called, if this is the contract that a reference was made
    /// by and the field holds nothing of a person.
    fn categories(&self, contract: Digest, place: usize) -> Option<Vec<String>> {
        let field = self.contract.field(place).filter(|_| contract == self.digest)?;
        match field.kind {
            Kind::Boolean => Some(vec!["false".to_owned(), "true".to_owned()]),
            Kind::Category => Some(field.values.clone()),
            _ => (field.class == Class::None).then(Vec::new),
        }
    }
    /// What answers are called, and how many numbers they have.
    pub(crate) fn output(&self) -> (&str, usize) {
        match self.version {
            Some(version) => (version.model.output().name, version.model.output().count),
            None => ("output", 1),
        }
    }
}

fn reference(
    app: &App,
    id: DeploymentId,
    subject: &Subject<'_>,
    query: &api::ReferenceQuery,
    input: &Input,
) -> Result<Reference, Fail> {
    let habits = habits(query)?;
    habits.check().map_err(broken)?;
    let (output, width) = subject.output();
    let mut builder = Builder::new(subject.contract, subject.digest, output, width);
    let mut sampler = Sampler::default();
    let (origin, refused) = match &query.format {
        Some(format) => {
            let format = match format.as_str() {
                "csv" => Format::Csv,
                "parquet" => Format::Parquet,
                _ => return Err(invalid("format", "must be `csv` or `parquet`".to_owned())),
            };
            let origin = query.origin.clone().unwrap_or_else(|| "a file".to_owned());
            if origin.chars().count() > MAX_ORIGIN || origin.chars().any(char::is_control) {
                let what = format!("must be at most {MAX_ORIGIN} characters of text");
                return Err(invalid("origin", what));
            }
            (origin, from_file(subject, format, input.body.to_vec(), (&mut builder, &mut sampler))?)
        }
        None => {
            let (Some(from), Some(until)) = (query.from, query.until) else {
                let what =
                    "send a file and say its `format`, or say `from` and `until` of decisions";
                return Err(invalid("format", what.to_owned()));
            };
            let key = (id, subject.number());
            app.monitor
                .read_decisions(
                    key,
                    (from.0, until.0),
                    subject.version,
                    (&mut builder, &mut sampler),
                )
                .map_err(|_| Fail::problem(503, "unavailable", "the ledger could not be read"))?;
            (format!("decisions from {from} to {until}"), 0)
        }
    };
    let now = app.clock.now();
    let times: (Time, Time) = (now, app.monitor.next_start());
    let mut reference = builder.finish(habits, origin, refused, times).map_err(broken)?;
    reference.contributions = subject.version.and_then(|version| sampler.contributions(version));
    Ok(reference)
}

fn habits(query: &api::ReferenceQuery) -> Result<Habits, Fail> {
    let usual = Habits::default();
    let chosen =
        query.tests.as_deref().unwrap_or_default().split(',').filter(|one| !one.is_empty());
    let tests = chosen.map(|one| {
        let (name, test) = one.rsplit_once('=')?;
        Some((name.to_owned(), Test::from_name(test)?))
    });
    let tests: Option<_> = tests.collect();
    Ok(Habits {
        tests: tests.ok_or_else(|| {
            invalid(
                "tests",
                "must be like `income=psi,home=chi_square`, with names of tests".to_owned(),
            )
        })?,
        window_seconds: match query.window_rows {
            Some(_) => query.window_seconds,
            None => query.window_seconds.or(usual.window_seconds),
        },
        window_rows: query.window_rows,
        min_rows: query.min_rows.unwrap_or(usual.min_rows),
        tolerance: query.tolerance.unwrap_or(usual.tolerance),
        alerts_per_month: query.alerts_per_month.unwrap_or(usual.alerts_per_month),
        persistence: query.persistence.unwrap_or(usual.persistence),
        max_age_days: query.max_age_days.unwrap_or(usual.max_age_days),
        review_by: query.review_by.map(|time| time.0),
        limits: Limits {
            model_days: query.max_model_days.unwrap_or(usual.limits.model_days),
            training_data_days: query.max_data_days.unwrap_or(usual.limits.training_data_days),
            evaluation_days: query.max_evaluation_days.unwrap_or(usual.limits.evaluation_days),
            outcome_days: query.max_outcome_days.unwrap_or(usual.limits.outcome_days),
            outside: query.max_outside.unwrap_or(usual.limits.outside),
        },
    })
}

/// Reads a file's rows, asks the version what it answers to them, and gives how many rows did
/// not keep the contract.
pub(crate) fn from_file(
    subject: &Subject<'_>,
    format: Format,
    bytes: Vec<u8>,
    (builder, sampler): (&mut Builder, &mut Sampler),
) -> Result<u64, Fail> {
    let mut refused = 0;
    let mut failed = Ok(());
    let mut chunk: Vec<Rows> = Vec::new();
    let read = read_table(bytes, format, subject.contract, |row| {
        match row {
            Ok(scratch) => chunk.push(scratch.rows.clone()),
            Err(_) => refused += 1,
        }
        if chunk.len() >= CHUNK {
            failed = take(subject.version, &mut chunk, (&mut *builder, &mut *sampler));
        }
        if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    read.map_err(|error| invalid("body", error.to_string()))?;
    failed?;
    take(subject.version, &mut chunk, (builder, sampler))?;
    Ok(refused)
}

/// Asks the version about these rows, if it answers here, and gives all to the builder.
fn take(
    version: Option<&ServedVersion>,
    chunk: &mut Vec<Rows>,
    (builder, sampler): (&mut Builder, &mut Sampler),
) -> Result<(), Fail> {
    let (answers, width) = version.map_or((Vec::new(), 0), |version| answers(version, chunk));
    for (row, rows) in chunk.drain(..).enumerate() {
        let own = answers.get(row * width..(row + 1) * width).unwrap_or_default();
        builder.read(&rows, own).map_err(broken)?;
        if let Some(version) = version {
            sampler.see(version, &rows);
        }
    }
    Ok(())
}

/// What the version answers to these rows, row-major, and the numbers of one; nothing if it
/// answers elsewhere or not at all.
pub(crate) fn answers(version: &ServedVersion, rows: &[Rows]) -> (Vec<f64>, usize) {
    let width = version.model.output().count;
    let mut inputs = Vec::new();
    for row in rows {
        version.binding.model_row(row, 0, &mut inputs);
    }
    let mut answers = vec![0.0; rows.len().saturating_mul(width)];
    let answered = version.upstream.is_none()
        && version.model.predict_batch(&inputs, rows.len(), &mut answers).is_ok();
    if answered { (answers, width) } else { (Vec::new(), 0) }
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` gives")]
fn broken(error: ReferenceError) -> Fail {
    invalid("reference", error.to_string())
}

fn invalid(field: &'static str, what: String) -> Fail {
    Fail::Control(ControlError::Invalid { field, detail: what.into() })
}
