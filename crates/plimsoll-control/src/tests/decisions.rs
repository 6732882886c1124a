//! Decisions that a gateway would have recorded, read back.

use super::bench::{Bench, deployment, name};
use super::code;
use plimsoll_api as api;
use plimsoll_api::{Environment, Role};
use plimsoll_ledger::Holder;
use plimsoll_types::record::{
    DecisionParts, Extension, Flag, Kind, LeafDraft, Output, ResultClass, Route,
};
use plimsoll_types::{Cell, Clock as _, DecisionId, Digest, Phase, PrincipalId, RefusalCode, Rows};
use serde_json::json;
use std::time::Duration;

/// Records one decision of the deployment as a gateway does.
pub(super) fn decide(bench: &Bench, made: &api::Deployment, result: ResultClass) -> DecisionId {
    decide_with(bench, made, result, 0.25)
}

/// The same with this answer.
pub(super) fn decide_with(
    bench: &Bench,
    made: &api::Deployment,
    result: ResultClass,
    answer: f64,
) -> DecisionId {
    let asker = made.released.as_ref().expect("released").released_by;
    decided(bench, made, result, answer, asker)
}

/// The same asked by this principal. What is held is marked for a review.
pub(super) fn decided(
    bench: &Bench,
    made: &api::Deployment,
    result: ResultClass,
    answer: f64,
    asker: PrincipalId,
) -> DecisionId {
    let control = &bench.control;
    // Ids of one millisecond come in no order.
    bench.clock.pass(Duration::from_millis(1));
    let id = DecisionId::new(bench.clock.now());
    let mut rows = Rows { width: 4, ..Rows::default() };
    rows.text.push_str("customer-7");
    rows.cells =
        vec![Cell::Integer(41), Cell::Category(2), Cell::Null, Cell::Text { start: 0, len: 10 }];
    let parts = DecisionParts {
        principal: asker,
        key: None,
        deployment: "credit-default",
        version: 1,
        caller_id: Some("mine"),
        idempotency: None,
        request: None,
        request_len: 99,
        rows: &rows,
        mapped: &[],
        flags: &[Flag { field: 0, row: 0, code: RefusalCode::OutOfRange, clamped: true }],
        outputs: &[Output { name: "probability", width: 1, values: &[answer] }],
        explanation: None,
        refusal: None,
        phases: &[(Phase::Predict, 1_500)],
        protocol: Some(plimsoll_types::Protocol::Oip),
    };
    let mut body = Vec::new();
    parts.encode(&mut body);
    let holder = Holder::Subject { tenant: control.tenant(), subject: "customer-7" };
    let sealed = control.ledger().seal(&[holder], &body).expect("sealed");
    let now = bench.clock.now();
    let review = (result == ResultClass::Held).then_some(*id.as_bytes());
    let draft = LeafDraft {
        extension: Extension { review, ..Extension::default() },
        deployment: Some(made.id),
        model: Some(made.released.as_ref().expect("released").digest),
        contract: Some(made.contract),
        route: Some(Route::Primary),
        result: Some(result),
        ..LeafDraft::new(Kind::Decision, *id.as_bytes(), control.tenant(), now, 0)
    };
    control.ledger().append_blocking(draft, sealed, None).expect("recorded");
    id
}

pub(super) struct Scene {
    pub(super) bench: Bench,
    pub(super) made: api::Deployment,
    pub(super) bob: crate::RequestContext,
    pub(super) erin: crate::RequestContext,
}

pub(super) fn scene() -> Scene {
    let bench = Bench::new();
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let contract = bench.registry(&bob);
    let wanted = deployment(contract, Environment::Staging);
    bench.control.create_deployment(&bob, &wanted).expect("deployment");
    let release = api::ReleaseVersion { version: 1 };
    let made = bench.control.release_version(&carol, &wanted.name, release).expect("released");
    Scene { bench, made, bob, erin }
}

#[test]
fn a_decision_shows_its_body_only_to_who_may_read_it() {
    let Scene { bench, made, bob, erin } = scene();
    let id = decide(&bench, &made, ResultClass::Answered);
    let decision = bench.control.read_decision(&erin, id).expect("read");
    assert_eq!(decision.summary.version, Some(1));
    assert_eq!(decision.leaf.contract, Some(made.contract));
    let body = decision.body.expect("a body");
    let row = json!({"age": 41, "region": "c", "income": null, "customer": "customer-7"});
    assert_eq!(json!(body.rows), json!([row]));
    assert_eq!(body.principal_name.as_deref(), Some("carol"));
    assert_eq!((body.flags[0].field.as_str(), body.flags[0].is_clamped), ("age", true));
    assert_eq!(body.outputs[0].values, [0.25]);
    assert_eq!(body.phases, [api::PhaseTime { phase: Phase::Predict, nanos: 1_500 }]);

    let masked = bench.control.read_decision(&bob, id).expect("read");
    assert_eq!((masked.body, masked.leaf), (None, decision.leaf));
    assert_eq!(masked.body_withheld.as_deref(), Some("reading it needs `ReadDecisionBody`"));

    let dave = bench.person("dave", &[Role::Caller]);
    assert_eq!(code(bench.control.read_decision(&dave, id)).0, 403);
    let unknown = DecisionId::from_bytes([7; 16]);
    assert_eq!(code(bench.control.read_decision(&dave, unknown)).0, 403);
    assert_eq!(code(bench.control.read_decision(&erin, unknown)).0, 404);
}

#[test]
fn lists_filter_page_and_end() {
    let Scene { bench, made, erin, .. } = scene();
    let mut ids = Vec::new();
    for n in 0..10 {
        bench.clock.pass(Duration::from_secs(60));
        let result = if n % 2 == 0 { ResultClass::Answered } else { ResultClass::Refused };
        ids.push(decide(&bench, &made, result));
    }
    ids.reverse();
    let list = |filter: &api::DecisionFilter| {
        let mut filter = filter.clone();
        let mut seen = Vec::new();
        loop {
            let page = bench.control.list_decisions(&erin, &filter).expect("page");
            seen.extend(page.items.iter().map(|d| d.id));
            filter.cursor = page.next_cursor;
            if filter.cursor.is_none() {
                return seen;
            }
        }
    };
    let all = api::DecisionFilter { limit: Some(3), ..Default::default() };
    assert_eq!(list(&all), ids);
    let refused = api::DecisionFilter { result: Some(ResultClass::Refused), ..all.clone() };
    assert_eq!(list(&refused), ids.iter().copied().step_by(2).collect::<Vec<_>>());
    let since = api::DecisionFilter { since: Some(ids[3].time().into()), ..all.clone() };
    assert_eq!(list(&since), ids[..4]);
    let until = api::DecisionFilter { until: Some(ids[3].time().into()), ..all.clone() };
    assert_eq!(list(&until), ids[4..]);
    let other = api::DecisionFilter { deployment: Some("other".into()), ..all.clone() };
    assert_eq!(list(&other), []);

    // Archiving hides nothing that was decided.
    let bob = bench.person("bo", &[Role::MlEngineer]);
    bench.control.archive_deployment(&bob, &name("credit-default")).expect("archived");
    let named = api::DecisionFilter { deployment: Some("credit-default".into()), ..all };
    assert_eq!(list(&named), ids);

    let bad = api::DecisionFilter { limit: Some(0), ..Default::default() };
    assert_eq!(code(bench.control.list_decisions(&erin, &bad)).0, 422);
    let bad = api::DecisionFilter { cursor: Some("x".into()), ..Default::default() };
    assert_eq!(code(bench.control.list_decisions(&erin, &bad)).0, 422);
}

#[test]
fn a_tail_shows_what_came_since() {
    let Scene { bench, made, bob, .. } = scene();
    decide(&bench, &made, ResultClass::Answered);
    let begin = bench.control.tail_decisions(&bob, None, None).expect("tail");
    assert_eq!(begin.items, []);
    let id = decide(&bench, &made, ResultClass::Answered);
    let next = bench.control.tail_decisions(&bob, Some(begin.next), None).expect("tail");
    assert_eq!(next.items.iter().map(|d| d.id).collect::<Vec<_>>(), [id]);
    assert_eq!(bench.control.tail_decisions(&bob, Some(next.next), None).expect("tail").items, []);
    let other = bench.control.tail_decisions(&bob, Some(begin.next), Some("other")).expect("tail");
    assert_eq!((other.items.len(), other.next), (0, next.next));
}

#[test]
fn a_scoped_key_sees_decisions_of_its_deployments_only() {
    let Scene { bench, made, .. } = scene();
    let id = decide(&bench, &made, ResultClass::Answered);
    let scoped = |deployment: &str| {
        let wanted = api::CreateKey {
            name: name("tool"),
            principal: Some(name("bob")),
            environment: None,
            scopes: Some(vec![name(deployment)]),
            expires_at: None,
        };
        let key = bench.control.create_key(&bench.admin(), &wanted).expect("key");
        bench.caller(&key.secret)
    };
    let list = |ctx| bench.control.list_decisions(&ctx, &Default::default()).expect("list").items;
    assert_eq!(list(scoped("credit-default")).len(), 1);
    assert_eq!(list(scoped("other")).len(), 0);
    assert_eq!(code(bench.control.read_decision(&scoped("other"), id)).0, 403);
}

#[test]
fn an_unknown_contract_leaves_fields_without_names() {
    let Scene { bench, mut made, erin, .. } = scene();
    made.contract = Digest::from_bytes([1; 32]);
    let id = decide(&bench, &made, ResultClass::Answered);
    let body = bench.control.read_decision(&erin, id).expect("read").body.expect("a body");
    assert_eq!(body.rows[0].get("field 0"), Some(&json!(41)));
}
