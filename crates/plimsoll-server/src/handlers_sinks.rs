//! The handlers of sinks.

use crate::app::App;
use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use crate::sinks::target;
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_outbound::Url;
use plimsoll_policy::Action;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ChangeSink, CreateSink, ReadSinks, RemoveSink, TestSink};
    vec![
        control("GET", "/api/v1/sinks", ReadSinks, |app, ctx, input| {
            let mut page = app.control.list_sinks(ctx, &input.query()?)?;
            page.items.iter_mut().for_each(|sink| live(app, sink));
            ok(&page)
        })
        .named("list_sinks", "Receivers of events, and how far each is")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Sink>>),
        control("POST", "/api/v1/sinks", CreateSink, create)
            .named("create_sink", "Add a receiver of events; the secret is in this answer only")
            .reads(schema_of::<api::CreateSink>)
            .gives(201, schema_of::<api::SinkSecret>),
        control("GET", "/api/v1/sinks/{name}", ReadSinks, |app, ctx, input| {
            let mut sink = app.control.read_sink(ctx, &input.parsed("name")?)?;
            live(app, &mut sink);
            ok(&sink)
        })
        .named("get_sink", "A receiver of events, and how far it is")
        .gives(200, schema_of::<api::Sink>),
        control("POST", "/api/v1/sinks/{name}/pause", ChangeSink, |app, ctx, input| {
            let sink = app.control.pause_sink(ctx, &input.parsed("name")?)?;
            app.sinks.changed();
            ok(&sink)
        })
        .named("pause_sink", "Send nothing; the place in the ledger is kept")
        .gives(200, schema_of::<api::Sink>),
        control("POST", "/api/v1/sinks/{name}/resume", ChangeSink, |app, ctx, input| {
            let sink = app.control.resume_sink(ctx, &input.parsed("name")?, input.json()?)?;
            app.sinks.changed();
            ok(&sink)
        })
        .named("resume_sink", "Send on, from where it stood or from another index")
        .reads(schema_of::<api::ResumeSink>)
        .gives(200, schema_of::<api::Sink>),
        control("POST", "/api/v1/sinks/{name}/test", TestSink, test)
            .named("test_sink", "Send a test event now, once")
            .gives(200, schema_of::<api::SinkTest>),
        control("DELETE", "/api/v1/sinks/{name}", RemoveSink, |app, ctx, input| {
            app.control.remove_sink(ctx, &input.parsed("name")?)?;
            app.sinks.changed();
            Ok(Reply::empty(204))
        })
        .named("remove_sink", "Take a receiver away, and its secret with it")
        .gives_nothing(),
    ]
}

fn create(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let wanted: api::CreateSink = input.json()?;
    let refused = |error: plimsoll_outbound::OutboundError| {
        let mut problem = api::Problem::new(422, "invalid", error.to_string());
        problem.field = Some("url".to_owned());
        problem.hint = Some("allow its network with the setting `outbound.allow`".to_owned());
        Fail::Problem(Box::new(problem))
    };
    let url: Url = wanted.url.parse().map_err(refused)?;
    app.outbound.check(&url).map_err(refused)?;
    let made = app.control.create_sink(ctx, &wanted, &url.to_string())?;
    app.sinks.changed();
    created(&made)
}

fn test(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let (sink, event) = app.control.test_sink(ctx, &input.parsed("name")?)?;
    let sink = target(&sink).map_err(|error| Fail::problem(500, "internal", error.to_string()))?;
    let tested = app.sinks.test(&sink, &event);
    ok(&api::SinkTest { delivered: tested.delivered, status: tested.status, reason: tested.reason })
}

/// What the running worker knows better than the store.
fn live(app: &App, sink: &mut api::Sink) {
    let Some(running) = app.sinks.progress_of(sink.id) else { return };
    let (age, entries) = app.sinks.lag(running.next);
    sink.progress = api::SinkProgress {
        next: running.next,
        lag_entries: entries,
        lag_seconds: age.as_secs(),
        delivered: running.delivered,
        failures: running.failures,
        failing_since: running.failing_since.map(Into::into),
        reason: running.reason.map(Into::into),
        retry_at: running.retry_at.map(Into::into),
    };
}
