//! Handlers of outcomes, performance and fairness.

use crate::app::App;
use crate::handlers::ok;
use crate::outcomes::told;
use crate::reply::Reply;
use crate::routes::{Fail, Input, Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::{RequestContext, Telling};
use plimsoll_policy::Action;
use plimsoll_types::{DecisionId, Name};

pub(crate) fn routes() -> Vec<Route> {
    use Action::{
        ReadDecisionBody, ReadFairness, ReadPerformance, RecordAttributes, RecordOutcomes,
    };
    vec![
        control("POST", "/api/v1/outcomes", RecordOutcomes, |app, ctx, input| {
            record(app, ctx, input, Telling::Outcomes)
        })
        .named(
            "record_outcomes",
            "Tell what turned out to be true of decisions: one, many, JSON lines, CSV or Parquet",
        )
        .reads(schema_of::<api::RecordOutcomes>)
        .gives(200, schema_of::<api::OutcomesRecorded>),
        control("GET", "/api/v1/decisions/{id}/outcomes", ReadDecisionBody, |app, ctx, input| {
            ok(&app.control.read_outcomes(ctx, input.parsed::<DecisionId>("id")?)?)
        })
        .named("list_outcomes", "What was told of a decision, corrections and what they correct")
        .gives(200, schema_of::<api::DecisionOutcomes>),
        control(
            "GET",
            "/api/v1/deployments/{name}/performance",
            ReadPerformance,
            |app, ctx, input| {
                let name = input.parsed::<Name>("name")?;
                ok(&app.control.read_performance(ctx, &app.lake, &name, &input.query()?)?)
            },
        )
        .named("get_performance", "How good a deployment's answers were, by window and slice")
        .asks(schema_of::<api::PerformanceQuery>)
        .gives(200, schema_of::<api::Performance>),
        control("POST", "/api/v1/attributes", RecordAttributes, |app, ctx, input| {
            record(app, ctx, input, Telling::Attributes)
        })
        .named(
            "record_attributes",
            "Tell attributes of people that fairness is measured by and no model is given",
        )
        .reads(schema_of::<api::RecordOutcomes>)
        .gives(200, schema_of::<api::OutcomesRecorded>),
        control("GET", "/api/v1/deployments/{name}/fairness", ReadFairness, |app, ctx, input| {
            let name = input.parsed::<Name>("name")?;
            ok(&app.control.read_fairness(ctx, &app.lake, &name, &input.query()?)?)
        })
        .named("get_fairness", "Whether groups of people were treated alike")
        .asks(schema_of::<api::FairnessQuery>)
        .gives(200, schema_of::<api::FairnessReport>),
    ]
}

/// Records what is told. One that is told alone is answered with why it was refused.
fn record(app: &App, ctx: &RequestContext, input: &Input, telling: Telling) -> Result<Reply, Fail> {
    let (mut wanted, is_alone) = told(&input.media, &input.body)?;
    app.control.correlate(ctx, &app.lake, telling, &mut wanted)?;
    if let ([one], true) = (wanted.as_slice(), is_alone) {
        let one = one.as_ref().map_err(|why| Fail::bad("malformed_body", why.clone()))?;
        return ok(&app.control.record_outcome(ctx, telling, one)?);
    }
    ok(&app.control.record_outcomes(ctx, telling, &wanted)?)
}
