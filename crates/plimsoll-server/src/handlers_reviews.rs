//! The handlers of reviews, contests, and answers that waited for one.

use crate::app::App;
use crate::handlers::{created, ok};
use crate::reply::Reply;
use crate::routes::{Call, Fail, Input, Route, control, data};
use plimsoll_api as api;
use plimsoll_api::oip::InferResponse;
use plimsoll_api::schema_of;
use plimsoll_control::RequestContext;
use plimsoll_policy::Action;
use plimsoll_types::DecisionId;

/// When to ask again for an answer that still waits, in seconds.
const RETRY: u32 = 30;

pub(crate) fn routes() -> Vec<Route> {
    use Action::{ContestDecision, ListReviews, ReadAnswer, ReadDecision, ReviewDecision};
    let fetch = "The answer of a decision that was held for review; 202 while it waits";
    vec![
        control("GET", "/api/v1/reviews", ListReviews, |app, ctx, input| {
            ok(&app.control.list_reviews(ctx, &input.query()?)?)
        })
        .named("list_reviews", "Decisions that wait for a person, or were reviewed")
        .asks(schema_of::<api::ReviewFilter>)
        .gives(200, schema_of::<api::Page<api::ReviewCase>>),
        control("GET", "/api/v1/reviews/summary", ListReviews, |app, ctx, input| {
            ok(&app.control.summarize_reviews(ctx, &input.query()?)?)
        })
        .named("summarize_reviews", "How much people looked at, and what it changed")
        .asks(schema_of::<api::ReviewWindow>)
        .gives(200, schema_of::<api::ReviewSummary>),
        control("GET", "/api/v1/decisions/{id}/review", ReadDecision, |app, ctx, input| {
            ok(&app.control.read_review(ctx, input.parsed::<DecisionId>("id")?)?)
        })
        .named("get_review", "What was said about a decision")
        .gives(200, schema_of::<api::ReviewHistory>),
        control("POST", "/api/v1/decisions/{id}/review", ReviewDecision, |app, ctx, input| {
            let id = input.parsed::<DecisionId>("id")?;
            created(&app.control.review_decision(ctx, id, &input.json()?)?)
        })
        .named("review_decision", "Accept or override a decision; who asked for it may not")
        .reads(schema_of::<api::ReviewDecision>)
        .gives(201, schema_of::<api::ReviewHistory>),
        control("POST", "/api/v1/decisions/{id}/contest", ContestDecision, |app, ctx, input| {
            let id = input.parsed::<DecisionId>("id")?;
            created(&app.control.contest_decision(ctx, id, &input.json()?)?)
        })
        .named("contest_decision", "Contest a decision, so that a person looks at it")
        .reads(schema_of::<api::ContestDecision>)
        .gives(201, schema_of::<api::ReviewCase>),
        control("GET", "/api/v1/decisions/{id}/answer", ReadAnswer, answer)
            .named("get_answer", fetch)
            .gives(200, schema_of::<InferResponse>),
        // The same where callers are, whom the control listener may not admit.
        data("GET", "/v2/decisions/{id}/answer", ReadAnswer, Call::Control(answer))
            .named("oip_answer", fetch)
            .gives(200, schema_of::<InferResponse>),
    ]
}

fn answer(app: &App, ctx: &RequestContext, input: &Input) -> Result<Reply, Fail> {
    let (answer, is_pending) = app.control.read_answer(ctx, input.parsed::<DecisionId>("id")?)?;
    let status = if is_pending { 202 } else { 200 };
    Ok(Reply { retry_after: is_pending.then_some(RETRY), ..Reply::json(status, &answer) })
}
