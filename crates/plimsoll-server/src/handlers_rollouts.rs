//! The handlers of rollouts, of the kill switch, and of the drill that proves the way back.

use crate::app::App;
use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::{RequestContext, RolloutVerb};
use plimsoll_policy::Action;
use plimsoll_types::RolloutId;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ListDeployments, ReadDeployment, Release, RollBack};
    vec![
        control("GET", "/api/v1/rollouts", ListDeployments, |app, ctx, input| {
            ok(&app.control.list_all_rollouts(ctx, &input.query()?)?)
        })
        .named("list_all_rollouts", "Rollouts of all deployments, latest first")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Rollout>>),
        control("POST", "/api/v1/deployments/{name}/rollouts", Release, |app, ctx, input| {
            created(&app.control.start_rollout(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named("start_rollout", "Try a version under traffic, step by step")
        .reads(schema_of::<api::StartRollout>)
        .gives(201, schema_of::<api::Rollout>),
        control("GET", "/api/v1/deployments/{name}/rollouts", ReadDeployment, |app, ctx, input| {
            ok(&app.control.list_rollouts(ctx, &input.parsed("name")?, &input.query()?)?)
        })
        .named("list_rollouts", "Rollouts of a deployment, latest first")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Rollout>>),
        control(
            "GET",
            "/api/v1/deployments/{name}/rollouts/{id}",
            ReadDeployment,
            |app, ctx, input| {
                ok(&app.control.read_rollout(ctx, &input.parsed("name")?, which(input)?)?)
            },
        )
        .named(
            "get_rollout",
            "A rollout with its history; `current` is the one under way, or the last",
        )
        .gives(200, schema_of::<api::Rollout>),
        control(
            "POST",
            "/api/v1/deployments/{name}/rollouts/current/hold",
            RollBack,
            |app, ctx, input| change(app, ctx, input, RolloutVerb::Hold),
        )
        .named("hold_rollout", "Let a rollout stay at its step; guardrails still watch")
        .reads(schema_of::<api::Because>)
        .gives(200, schema_of::<api::Rollout>),
        control(
            "POST",
            "/api/v1/deployments/{name}/rollouts/current/resume",
            Release,
            |app, ctx, input| change(app, ctx, input, RolloutVerb::Resume),
        )
        .named("resume_rollout", "Let a rollout go on that is held or inconclusive")
        .reads(schema_of::<api::Because>)
        .gives(200, schema_of::<api::Rollout>),
        control(
            "POST",
            "/api/v1/deployments/{name}/rollouts/current/advance",
            Release,
            |app, ctx, input| change(app, ctx, input, RolloutVerb::Advance),
        )
        .named("advance_rollout", "Let a rollout go to its next step now; past the last, release")
        .reads(schema_of::<api::Because>)
        .gives(200, schema_of::<api::Rollout>),
        control(
            "POST",
            "/api/v1/deployments/{name}/rollouts/current/rollback",
            RollBack,
            |app, ctx, input| change(app, ctx, input, RolloutVerb::RollBack),
        )
        .named("roll_back_rollout", "Let everybody get the version that answered before")
        .reads(schema_of::<api::Because>)
        .gives(200, schema_of::<api::Rollout>),
        control("POST", "/api/v1/deployments/{name}/kill", RollBack, |app, ctx, input| {
            switch(app, ctx, input, true)
        })
        .named(
            "kill_deployment",
            "Switch a deployment's models off; its fallback answers, or nothing",
        )
        .reads(schema_of::<api::Because>)
        .gives(200, schema_of::<api::Deployment>),
        control("POST", "/api/v1/deployments/{name}/revive", RollBack, |app, ctx, input| {
            switch(app, ctx, input, false)
        })
        .named("revive_deployment", "Switch a deployment's models on again")
        .reads(schema_of::<api::Because>)
        .gives(200, schema_of::<api::Deployment>),
        control("POST", "/api/v1/deployments/{name}/drill", RollBack, |app, ctx, input| {
            ok(&app.control.drill_rollback(ctx, &input.parsed("name")?, input.json()?)?)
        })
        .named("drill_rollback", "Prove on live traffic, without harm, that going back works")
        .reads(schema_of::<api::DrillRollback>)
        .gives(200, schema_of::<api::RollbackDrill>),
    ]
}

fn which(input: &Input) -> Result<Option<RolloutId>, Fail> {
    if input.param("id") == "current" { Ok(None) } else { input.parsed("id").map(Some) }
}

fn change(
    app: &App,
    ctx: &RequestContext,
    input: &Input,
    verb: RolloutVerb,
) -> Result<Reply, Fail> {
    let api::Because { reason } = input.json()?;
    let name = input.parsed("name")?;
    ok(&app.control.change_rollout(ctx, &name, verb, reason.as_deref())?)
}

fn switch(app: &App, ctx: &RequestContext, input: &Input, off: bool) -> Result<Reply, Fail> {
    let api::Because { reason } = input.json()?;
    ok(&app.control.kill_deployment(ctx, &input.parsed("name")?, off, reason.as_deref())?)
}
