//! The handlers of experiments.

use crate::handlers::{created, ok};
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_policy::Action;
use plimsoll_types::ExperimentId;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ReadDeployment, ReadPerformance, RecordOutcomes, Release, RollBack};
    vec![
        control("POST", "/api/v1/deployments/{name}/experiments", Release, |app, ctx, input| {
            created(&app.control.start_experiment(ctx, &input.parsed("name")?, &input.json()?)?)
        })
        .named("start_experiment", "Let versions answer shares of the same traffic")
        .reads(schema_of::<api::StartExperiment>)
        .gives(201, schema_of::<api::Experiment>),
        control(
            "GET",
            "/api/v1/deployments/{name}/experiments",
            ReadDeployment,
            |app, ctx, input| {
                ok(&app.control.list_experiments(ctx, &input.parsed("name")?, &input.query()?)?)
            },
        )
        .named("list_experiments", "Experiments of a deployment, latest first")
        .asks(schema_of::<api::PageQuery>)
        .gives(200, schema_of::<api::Page<api::Experiment>>),
        control(
            "GET",
            "/api/v1/deployments/{name}/experiments/{id}",
            ReadDeployment,
            |app, ctx, input| {
                ok(&app.control.read_experiment(ctx, &input.parsed("name")?, which(input)?)?)
            },
        )
        .named(
            "read_experiment",
            "An experiment with its history; `current` is the one under way, or the last",
        )
        .gives(200, schema_of::<api::Experiment>),
        control(
            "GET",
            "/api/v1/deployments/{name}/experiments/{id}/report",
            ReadPerformance,
            |app, ctx, input| {
                ok(&app.control.report_experiment(ctx, &input.parsed("name")?, which(input)?)?)
            },
        )
        .named("read_experiment_report", "What an experiment says so far; it may be looked at always")
        .gives(200, schema_of::<api::ExperimentReport>),
        control(
            "POST",
            "/api/v1/deployments/{name}/experiments/current/stop",
            RollBack,
            |app, ctx, input| {
                ok(&app.control.stop_arm(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named("stop_experiment_arm", "Stop an arm; its units get the control")
        .reads(schema_of::<api::StopArm>)
        .gives(200, schema_of::<api::Experiment>),
        control(
            "POST",
            "/api/v1/deployments/{name}/experiments/current/conclude",
            RollBack,
            |app, ctx, input| {
                ok(&app.control.conclude_experiment(ctx, &input.parsed("name")?, &input.json()?)?)
            },
        )
        .named(
            "conclude_experiment",
            "End an experiment: ship an arm, which needs what a release needs, or go on with the control",
        )
        .reads(schema_of::<api::ConcludeExperiment>)
        .gives(200, schema_of::<api::Experiment>),
        control("POST", "/api/v1/experiments/{id}/values", RecordOutcomes, |app, ctx, input| {
            let id = input.parsed::<ExperimentId>("id")?;
            ok(&app.control.post_experiment_values(ctx, id, &input.json()?)?)
        })
        .named("post_experiment_values", "Tell what decisions of an experiment were worth")
        .reads(schema_of::<api::PostExperimentValues>)
        .gives(200, schema_of::<api::OutcomesRecorded>),
    ]
}

fn which(input: &Input) -> Result<Option<ExperimentId>, Fail> {
    if input.param("id") == "current" { Ok(None) } else { input.parsed("id").map(Some) }
}
