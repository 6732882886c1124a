//! The handlers of training again.

use crate::app::App;
use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_policy::Action;
use plimsoll_types::RetrainId;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = policies();
    routes.extend(retrains());
    routes
}

fn policies() -> Vec<Route> {
    use Action::{ReadDeployment, SetRetrainPolicy};
    vec![
        control("GET", "/api/v1/deployments/{name}/retrain", ReadDeployment, |app, ctx, input| {
            ok(&app.control.read_retrain_policy(ctx, &input.parsed("name")?)?)
        })
        .named("get_retrain_policy", "When a deployment's model is trained again, and how")
        .gives(200, schema_of::<api::RetrainPolicyShown>),
        control("POST", "/api/v1/deployments/{name}/retrain", SetRetrainPolicy, set)
            .named("set_retrain_policy", "Say when a deployment's model is trained again")
            .reads(schema_of::<api::RetrainPolicy>)
            .gives(200, schema_of::<api::RetrainPolicyShown>),
        control(
            "DELETE",
            "/api/v1/deployments/{name}/retrain",
            SetRetrainPolicy,
            |app, ctx, input| {
                app.control.remove_retrain_policy(ctx, &input.parsed("name")?)?;
                Ok(Reply::empty(204))
            },
        )
        .named("remove_retrain_policy", "Train a deployment's model no more by itself")
        .gives_nothing(),
    ]
}

fn retrains() -> Vec<Route> {
    use Action::{ApproveRetrain, ListFindings, ReadDeployment, RequestRetrain, SetRetrainPolicy};
    vec![
        control("GET", "/api/v1/retrains", ListFindings, |app, ctx, input| {
            ok(&app.control.list_retrains(ctx, &input.query()?)?)
        })
        .named("list_retrains", "Retrainings, latest first")
        .asks(schema_of::<api::RetrainFilter>)
        .gives(200, schema_of::<api::Page<api::Retrain>>),
        control("POST", "/api/v1/retrains", RequestRetrain, |app, ctx, input| {
            let retrain = app.control.request_retrain(ctx, &input.json()?)?;
            app.retrains.more.notify_one();
            created(&retrain)
        })
        .named("request_retrain", "Ask that a deployment's model is trained again")
        .reads(schema_of::<api::RequestRetrain>)
        .gives(201, schema_of::<api::Retrain>),
        control("GET", "/api/v1/retrains/{id}", ReadDeployment, |app, ctx, input| {
            ok(&app.control.read_retrain(ctx, input.parsed::<RetrainId>("id")?)?)
        })
        .named("get_retrain", "A retraining and how far it is")
        .gives(200, schema_of::<api::Retrain>),
        control("POST", "/api/v1/retrains/{id}/approve", ApproveRetrain, |app, ctx, input| {
            let retrain = app.control.approve_retrain(ctx, input.parsed::<RetrainId>("id")?)?;
            app.retrains.more.notify_one();
            ok(&retrain)
        })
        .named("approve_retrain", "Let a retraining go on that somebody else asked for")
        .gives(200, schema_of::<api::Retrain>),
        control("POST", "/api/v1/retrains/{id}/cancel", RequestRetrain, |app, ctx, input| {
            let id = input.parsed::<RetrainId>("id")?;
            ok(&app.control.cancel_retrain(ctx, id, &input.json()?)?)
        })
        .named("cancel_retrain", "End a retraining")
        .reads(schema_of::<api::CancelRetrain>)
        .gives(200, schema_of::<api::Retrain>),
        control("GET", "/api/v1/retrains/{id}/log", SetRetrainPolicy, log)
            .named("get_retrain_log", "What a trainer says, from a byte on")
            .asks(schema_of::<api::RetrainLogQuery>)
            .gives(200, schema_of::<api::RetrainLog>),
    ]
}

fn set(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let wanted: api::RetrainPolicy = input.json()?;
    if !app.retrains.has(wanted.trainer.as_str()) {
        let detail = format!("the settings declare no trainer `{}`", wanted.trainer);
        let mut problem = api::Problem::new(422, "invalid", detail);
        problem.field = Some("trainer".to_owned());
        problem.hint = Some("declare it in the file of `retrain.trainers_file`".to_owned());
        return Err(Fail::Problem(Box::new(problem)));
    }
    let set = app.control.set_retrain_policy(ctx, &input.parsed("name")?, &wanted)?;
    app.retrains.more.notify_one();
    ok(&set)
}

fn log(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let id = input.parsed::<RetrainId>("id")?;
    let query: api::RetrainLogQuery = input.query()?;
    // Asked before the log is read: what it says after its end is read too.
    let is_ended = app.control.may_read_retrain_log(ctx, id)?;
    let from = query.from.unwrap_or(0);
    let read = app.retrains.log(id, from);
    let (text, next) = read.map_err(|error| {
        tracing::warn!(%error, "the log of a retraining could not be read");
        Fail::problem(500, "storage", "the log cannot be read now")
    })?;
    let is_over = is_ended && text.is_empty();
    ok(&api::RetrainLog { text, next, is_over })
}
