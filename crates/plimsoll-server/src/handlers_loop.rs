//! The handlers of what closes the loop: limits of what is watched, and trust in a retrain policy.

use crate::background_retrain::answered;
use crate::handlers::ok;
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action;
use plimsoll_types::RetrainId;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ApproveRetrain, CreateVersion, ReadMonitoring, Watch};
    vec![
        control(
            "GET",
            "/api/v1/deployments/{name}/monitoring/limits",
            ReadMonitoring,
            |app, ctx, input| ok(&app.control.read_watch_limits(ctx, &input.parsed("name")?)?),
        )
        .named("get_watch_limits", "What a deployment's owner puts up with")
        .gives(200, schema_of::<api::WatchLimitsShown>),
        control("PUT", "/api/v1/deployments/{name}/monitoring/limits", Watch, |app, ctx, input| {
            let (name, limits) = (input.parsed("name")?, input.json()?);
            ok(&app.control.set_watch_limits(ctx, &name, &limits)?)
        })
        .named("set_watch_limits", "Say which performance and fairness are put up with")
        .reads(schema_of::<api::WatchLimits>)
        .gives(200, schema_of::<api::WatchLimitsShown>),
        control(
            "POST",
            "/api/v1/deployments/{name}/retrain/trust",
            ApproveRetrain,
            |app, ctx, input| {
                ok(&app.control.trust_retrain_policy(ctx, &input.parsed("name")?, true)?)
            },
        )
        .named("trust_retrain_policy", "Let a policy's candidates answer at T1 without asking")
        .gives(200, schema_of::<api::RetrainPolicyShown>),
        control(
            "DELETE",
            "/api/v1/deployments/{name}/retrain/trust",
            ApproveRetrain,
            |app, ctx, input| {
                ok(&app.control.trust_retrain_policy(ctx, &input.parsed("name")?, false)?)
            },
        )
        .named("distrust_retrain_policy", "Ask for approval of a policy's candidates again")
        .gives(200, schema_of::<api::RetrainPolicyShown>),
        control("POST", "/api/v1/retrains/{id}/result", CreateVersion, |app, ctx, input| {
            let id = input.parsed::<RetrainId>("id")?;
            ok(&answered(app, ctx, id, input.json()?)?)
        })
        .named("answer_retrain", "Say what a trainer elsewhere made of a retraining, once")
        .reads(schema_of::<api::RetrainResult>)
        .gives(200, schema_of::<api::Retrain>),
    ]
}
