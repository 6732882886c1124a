//! The handlers of traces and replays.

use crate::handlers::ok;
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action;
use plimsoll_types::DecisionId;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ReadDecision, ReadDecisionBody, ReplayDecisions};
    vec![
        control("GET", "/api/v1/decisions/{id}/trace", ReadDecision, |app, ctx, input| {
            ok(&app.control.trace_decision(ctx, input.parsed::<DecisionId>("id")?)?)
        })
        .named("trace_decision", "How a decision came to be: everything on record about it")
        .gives(200, schema_of::<api::Trace>),
        control("POST", "/api/v1/decisions/{id}/replay", ReadDecisionBody, |app, ctx, input| {
            ok(&app.control.replay_decision(ctx, input.parsed::<DecisionId>("id")?)?)
        })
        .named("replay_decision", "Compute a decision again from its record")
        .gives(200, schema_of::<api::Replay>),
        control("POST", "/api/v1/deployments/{name}/replay", ReplayDecisions, |app, ctx, input| {
            let name = input.parsed("name")?;
            ok(&app.control.replay_window(ctx, &name, &input.json()?)?)
        })
        .named("replay_window", "Compute a part of a window again on another version")
        .reads(schema_of::<api::ReplayWindow>)
        .gives(200, schema_of::<api::ReplayedWindow>),
    ]
}
