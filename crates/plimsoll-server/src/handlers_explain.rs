//! Explain profiles, and explanations of decisions.

use crate::handlers::{created, ok};
use crate::routes::{Route, control};
use plimsoll_api as api;
use plimsoll_api::schema_of;
use plimsoll_control::ContractFormat;
use plimsoll_policy::Action;
use plimsoll_types::{DecisionId, Digest};

pub(crate) fn routes() -> Vec<Route> {
    use Action::{CreateProfile, ReadDecisionBody, ReadProfile, ReadVersion};
    vec![
        control("POST", "/api/v1/explain-profiles", CreateProfile, |app, ctx, input| {
            let format = if input.media.contains("yaml") {
                ContractFormat::Yaml
            } else {
                ContractFormat::Json
            };
            created(&app.control.create_profile(ctx, format, &input.body)?)
        })
        .named("create_explain_profile", "Keep an explain profile (JSON or YAML)")
        .reads(schema_of::<api::ProfileDocument>)
        .gives(201, schema_of::<api::ProfileSummary>),
        control("GET", "/api/v1/explain-profiles/{digest}", ReadProfile, |app, ctx, input| {
            ok(&app.control.read_profile(ctx, input.parsed::<Digest>("digest")?)?)
        })
        .named("get_explain_profile", "An explain profile")
        .gives(200, schema_of::<api::StoredProfile>),
        control(
            "GET",
            "/api/v1/decisions/{id}/explanation",
            ReadDecisionBody,
            |app, ctx, input| {
                let id = input.parsed::<DecisionId>("id")?;
                ok(&app.control.explain_decision(ctx, id, &input.query()?)?)
            },
        )
        .named("explain_decision", "Why a decision came out as it did, for one reader")
        .asks(schema_of::<api::ExplanationQuery>)
        .gives(200, schema_of::<api::DecisionExplanation>),
        control(
            "GET",
            "/api/v1/models/{model}/versions/{number}/report",
            ReadVersion,
            |app, ctx, input| {
                let (model, number) = (input.parsed("model")?, input.parsed("number")?);
                ok(&*app.control.report_version(ctx, &model, number, &input.query()?)?)
            },
        )
        .named("report_version", "What a model version goes by over its background rows")
        .asks(schema_of::<api::ReportQuery>)
        .gives(200, schema_of::<api::ModelReport>),
    ]
}
