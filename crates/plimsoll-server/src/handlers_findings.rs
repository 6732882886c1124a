//! The handlers of findings, and of who is told of them.

use crate::alerts;
use crate::app::App;
use crate::checkpoint_mail::mailboxes;
use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_outbound::Url;
use plimsoll_policy::Action;
use plimsoll_types::{AlertId, FindingId, SilenceId};

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = findings();
    routes.extend(silences());
    routes.extend(alert_routes());
    routes
}

fn findings() -> Vec<Route> {
    use Action::{HandleFinding, ListFindings, ReadDeployment, UpdateDeployment};
    vec![
        control("GET", "/api/v1/findings", ListFindings, |app, ctx, input| {
            ok(&app.control.list_findings(ctx, &input.query()?)?)
        })
        .named("list_findings", "What is wrong with deployments, first seen last first")
        .asks(schema_of::<api::FindingFilter>)
        .gives(200, schema_of::<api::Page<api::Finding>>),
        control("POST", "/api/v1/findings", HandleFinding, |app, ctx, input| {
            let finding = app.control.report_finding(ctx, &input.json()?)?;
            app.alerts.wake();
            created(&finding)
        })
        .named("report_finding", "Report what a person or another tool saw")
        .reads(schema_of::<api::ReportFinding>)
        .gives(201, schema_of::<api::Finding>),
        control("GET", "/api/v1/findings/{id}", ReadDeployment, |app, ctx, input| {
            ok(&app.control.read_finding(ctx, input.parsed::<FindingId>("id")?)?)
        })
        .named("get_finding", "A finding")
        .gives(200, schema_of::<api::Finding>),
        control("POST", "/api/v1/findings/{id}/acknowledge", HandleFinding, |app, ctx, input| {
            let id = input.parsed::<FindingId>("id")?;
            let finding = app.control.acknowledge_finding(ctx, id, &input.json()?)?;
            app.alerts.wake();
            ok(&finding)
        })
        .named("acknowledge_finding", "Say that you see to a finding")
        .reads(schema_of::<api::AcknowledgeFinding>)
        .gives(200, schema_of::<api::Finding>),
        control("POST", "/api/v1/findings/{id}/assign", HandleFinding, |app, ctx, input| {
            let id = input.parsed::<FindingId>("id")?;
            ok(&app.control.assign_finding(ctx, id, &input.json()?)?)
        })
        .named("assign_finding", "Give a finding to somebody")
        .reads(schema_of::<api::AssignFinding>)
        .gives(200, schema_of::<api::Finding>),
        control("POST", "/api/v1/findings/{id}/snooze", HandleFinding, |app, ctx, input| {
            let id = input.parsed::<FindingId>("id")?;
            ok(&app.control.snooze_finding(ctx, id, &input.json()?)?)
        })
        .named("snooze_finding", "Let nobody be told of a finding for some time")
        .reads(schema_of::<api::SnoozeFinding>)
        .gives(200, schema_of::<api::Finding>),
        control("POST", "/api/v1/findings/{id}/resolve", HandleFinding, |app, ctx, input| {
            let id = input.parsed::<FindingId>("id")?;
            let finding = app.control.resolve_finding(ctx, id, &input.json()?)?;
            app.alerts.wake();
            ok(&finding)
        })
        .named("resolve_finding", "Say that a finding is over; it opens again when it is seen")
        .reads(schema_of::<api::ResolveFinding>)
        .gives(200, schema_of::<api::Finding>),
        control("GET", "/api/v1/deployments/{name}/alerting", ReadDeployment, |app, ctx, input| {
            ok(&app.control.read_alerting(ctx, &input.parsed("name")?)?)
        })
        .named("get_alerting", "How a deployment's findings are told of")
        .gives(200, schema_of::<api::Alerting>),
        control(
            "POST",
            "/api/v1/deployments/{name}/alerting",
            UpdateDeployment,
            |app, ctx, input| {
                ok(&app.control.set_alerting(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named("set_alerting", "Say how a deployment's findings are told of")
        .reads(schema_of::<api::Alerting>)
        .gives(200, schema_of::<api::Alerting>),
    ]
}

fn silences() -> Vec<Route> {
    use Action::{HandleFinding, ListFindings};
    vec![
        control("GET", "/api/v1/silences", ListFindings, |app, ctx, _| {
            ok(&app.control.list_silences(ctx)?)
        })
        .named("list_silences", "Times in which nobody is told of some findings")
        .gives(200, schema_of::<api::Page<api::Silence>>),
        control("POST", "/api/v1/silences", HandleFinding, |app, ctx, input| {
            created(&app.control.create_silence(ctx, &input.json()?)?)
        })
        .named("create_silence", "Let nobody be told of some findings for a time, or each week")
        .reads(schema_of::<api::CreateSilence>)
        .gives(201, schema_of::<api::Silence>),
        control("DELETE", "/api/v1/silences/{id}", HandleFinding, |app, ctx, input| {
            app.control.remove_silence(ctx, input.parsed::<SilenceId>("id")?)?;
            Ok(Reply::empty(204))
        })
        .named("remove_silence", "End a silence")
        .gives_nothing(),
    ]
}

fn alert_routes() -> Vec<Route> {
    use Action::{ChangeAlerting, ReadAlerting, TestAlertRoute};
    vec![
        control("GET", "/api/v1/alerts", ReadAlerting, |app, ctx, input| {
            ok(&app.control.list_alerts(ctx, &input.query()?)?)
        })
        .named("list_alerts", "What was told of findings and is to be, latest first")
        .asks(schema_of::<api::AlertFilter>)
        .gives(200, schema_of::<api::Page<api::SentAlert>>),
        control("POST", "/api/v1/alerts/{id}/redeliver", ChangeAlerting, |app, ctx, input| {
            let id = input.parsed::<AlertId>("id")?;
            app.control.redeliver_alert(ctx, id)?;
            app.alerts.wake();
            ok(&api::AlertAgain { id })
        })
        .named("redeliver_alert", "Try an alert again that was given up")
        .gives(200, schema_of::<api::AlertAgain>),
        control("GET", "/api/v1/alerts/routes", ReadAlerting, |app, ctx, input| {
            ok(&app.control.list_alert_routes(ctx, &input.query()?)?)
        })
        .named("list_alert_routes", "Who is told of findings, and how")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::AlertRoute>>),
        control("POST", "/api/v1/alerts/routes", ChangeAlerting, create)
            .named("create_alert_route", "Add who is told of findings; a secret is shown once")
            .reads(schema_of::<api::CreateAlertRoute>)
            .gives(201, schema_of::<api::AlertRouteSecret>),
        control("POST", "/api/v1/alerts/routes/{name}/test", TestAlertRoute, |app, ctx, input| {
            let (target, alert) = app.control.test_alert_route(ctx, &input.parsed("name")?)?;
            ok(&alerts::test(app, &target, &alert))
        })
        .named("test_alert_route", "Send a test now, once")
        .gives(200, schema_of::<api::AlertTest>),
        control("DELETE", "/api/v1/alerts/routes/{name}", ChangeAlerting, |app, ctx, input| {
            app.control.remove_alert_route(ctx, &input.parsed("name")?)?;
            Ok(Reply::empty(204))
        })
        .named("remove_alert_route", "Tell somebody no more")
        .gives_nothing(),
        control("GET", "/api/v1/alerts/prometheus-rules", ReadAlerting, |app, ctx, _| {
            let rules = app.control.prometheus_rules(ctx)?;
            Ok(Reply::text(200, "application/yaml", rules))
        })
        .named("prometheus_rules", "Alerting rules for Prometheus over the metrics of findings")
        .gives_media("application/yaml"),
    ]
}

fn create(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let wanted: api::CreateAlertRoute = input.json()?;
    let origin = origin(app, &wanted)?;
    created(&app.control.create_alert_route(ctx, &wanted, &origin)?)
}

/// What may be shown of where a route leads, if it leads anywhere.
fn origin(app: &App, wanted: &api::CreateAlertRoute) -> Result<String, Fail> {
    let refused = |why: String, hint: &str| {
        let mut problem = api::Problem::new(422, "invalid", why);
        (problem.field, problem.hint) = (Some("to".to_owned()), Some(hint.to_owned()));
        Fail::Problem(Box::new(problem))
    };
    let Some(to) = &wanted.to else { return Ok("https://events.pagerduty.com".to_owned()) };
    if wanted.shape == api::AlertShape::Mail {
        if !app.alerts.has_relay() {
            let hint = "set `mail.relay` and `mail.from`, and start the server again";
            return Err(refused("no relay is set that would take mail".to_owned(), hint));
        }
        let hint = "name mailboxes with commas between";
        mailboxes(to).map_err(|why| refused(why, hint))?;
        return Ok(to.clone());
    }
    let hint = "allow its network with the setting `outbound.allow`";
    let url: Url = to
        .parse()
        .map_err(|error: plimsoll_outbound::OutboundError| refused(error.to_string(), hint))?;
    app.outbound.check(&url).map_err(|error| refused(error.to_string(), hint))?;
    Ok(url.to_string())
}
