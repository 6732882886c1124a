//! The phases against a real ledger, a real contract and a real model, without a socket.

use crate::answer::{Answered, Form};
use crate::{Answer, BodyError, Gateway, GatewayLimits, Head, Protocol};
use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use plimsoll_contract::{CompiledContract, Contract};
use plimsoll_ledger::{Ledger, LedgerConfig, MAX_HOLDERS};
use plimsoll_model::{Limits, Model};
use plimsoll_policy::{Environment, PolicySet, Principal, PrincipalKind, Role, RoleSet};
use plimsoll_serving::{
    ApiKey, Asks, Caller, Compare, Explain, Fallback, FallbackRule, KeyHasher, KeyRing, Review,
    ServedDeployment, ServedVersion, Serving, ServingSnapshot, Settings, SnapshotParts,
};
use plimsoll_types::record::{DecisionBody, Kind, Mode, ResultClass, Route, STOOD_IN};
use plimsoll_types::{
    Clock, DecisionId, DeploymentId, Digest, Name, Phase, PrincipalId, RefusalCode, SystemClock,
    TenantId, Time,
};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const CONTRACT: &str = "
version: 1
features:
  - { name: age, kind: number, min: 18, max: 120 }
  - { name: income, kind: number, min: 0, max: 1000000, nullable: true }
context:
  - { name: customer, kind: string, max_length: 32, class: personal }
map:
  subjects: [{ field: customer }]
  interaction: { header: x-interaction, required: false }
limits: { max_rows: 200, error_detail: full }
";

const TENANT: TenantId = TenantId::from_bytes([9; 16]);

/// Two features, one split: age below 40 gives a margin of `low`, else 1.
fn model(low: &str) -> Model {
    let text = format!(
        r#"{{"version":[3,0,0],"learner":{{"attributes":{{}},"feature_names":["age","income"],"feature_types":["float","float"],
        "learner_model_param":{{"base_score":"0E0","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"}},
        "objective":{{"name":"reg:squarederror","reg_loss_param":{{"scale_pos_weight":"1"}}}},
        "gradient_booster":{{"name":"gbtree","model":{{"gbtree_model_param":{{"num_trees":"1","num_parallel_tree":"1"}},"tree_info":[0],
        "iteration_indptr":[0,1],"trees":[{{"id":0,"tree_param":{{"num_nodes":"3","num_feature":"2","num_deleted":"0","size_leaf_vector":"1"}},
        "left_children":[1,-1,-1],"right_children":[2,-1,-1],"parents":[2147483647,0,0],"split_indices":[0,0,0],
        "split_conditions":[4E1,{low},1E0],"default_left":[1,0,0],"split_type":[0,0,0],"sum_hessian":[2E0,1E0,1E0],
        "base_weights":[0E0,0E0,0E0],"loss_changes":[0E0,0E0,0E0],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]}}]}}}}}}}}"#
    );
    Model::load(text.as_bytes(), &Limits::default()).expect("a model")
}

struct Setup {
    gateway: Gateway,
    _folder: tempfile::TempDir,
}

fn settings() -> Settings {
    Settings {
        mode: Mode::Durable,
        explain: Explain::Off,
        fallback: Fallback::default(),
        max_body_bytes: 4096,
        deadline_ms: 1000,
        max_in_flight: 2,
        review: Review::Off,
        is_killed: false,
    }
}

fn setup(settings: Settings, low: &str) -> Setup {
    let folder = tempfile::tempdir().expect("temp");
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let config = LedgerConfig {
        reserve_bytes: 0,
        segment_bytes: 1 << 20,
        ..LedgerConfig::new(folder.path().join("data"), folder.path().join("keys"), TENANT)
    };
    let (ledger, _) = Ledger::open(config, Arc::clone(&clock)).expect("opens");
    let contract = CompiledContract::compile(&Contract::from_yaml(CONTRACT).expect("reads"))
        .expect("compiles");
    let model = model(low);
    let binding = plimsoll_serving::fit(&contract, &model).expect("binds");
    let primary = ServedVersion {
        model_name: Name::new("credit").expect("name"),
        number: 3,
        manifest: Digest::from_bytes([1; 32]),
        model: Arc::new(model),
        binding,
        explainer: None,
        upstream: None,
    };
    let serving = Serving {
        contract: Arc::new(contract),
        contract_digest: Digest::from_bytes([2; 32]),
        primary: Arc::new(primary),
        previous: None,
        rollout: None,
        experiment: None,
        routes: Vec::new(),
    };
    let deployment = |index, name: &str, serving| {
        Arc::new(ServedDeployment {
            index,
            id: DeploymentId::from_bytes([u8::try_from(index).expect("small"); 16]),
            name: Name::new(name).expect("name"),
            tenant: TENANT,
            environment: Environment::Production,
            owner: "ada".into(),
            tier: "unassessed".into(),
            settings: settings.clone(),
            profile: None,
            observed: None,
            serving,
        })
    };
    let deployments = vec![
        deployment(0, "credit", Ok(serving)),
        deployment(1, "empty", Err("no version".into())),
    ];
    let hasher = KeyHasher::new(&[5; 32]);
    let mut keys = HashMap::new();
    let callers = [
        ("caller", Role::Caller, None),
        ("auditor", Role::Auditor, None),
        ("staging", Role::Caller, Some(Environment::Staging)),
    ];
    for (index, (text, role, environment)) in (0..).zip(callers) {
        let principal = Principal {
            kind: PrincipalKind::Service,
            id: text.into(),
            roles: RoleSet::NONE.with(role),
            environment,
            scopes: None,
            tenant: TENANT,
            dev: false,
        };
        let id = PrincipalId::from_bytes([u8::try_from(index).expect("small") + 1; 16]);
        let caller = Arc::new(Caller { index, id, principal, key: None });
        keys.insert(hasher.digest(text), ApiKey { caller, expires: None, revoked: false });
    }
    let snapshot = ServingSnapshot::new(SnapshotParts {
        generation: 1,
        digest: Digest::from_bytes([3; 32]),
        made: clock.now(),
        tenant: TENANT,
        policies: Arc::new(PolicySet::builtin().expect("policies")),
        policy_digest: Digest::from_bytes([4; 32]),
        deployments,
        keys: KeyRing::new(hasher, keys),
        callers: 3,
        limits: plimsoll_serving::Limits::default(),
        dev: None,
    });
    let limits = GatewayLimits { max_in_flight: 100 };
    let gateway = Gateway::new(Arc::new(ArcSwap::from_pointee(snapshot)), ledger, clock, limits)
        .expect("opens");
    Setup { gateway, _folder: folder }
}

fn headers(key: &str, more: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers
        .insert("authorization", HeaderValue::from_str(&format!("Bearer {key}")).expect("header"));
    for (name, value) in more {
        let name: HeaderName = name.parse().expect("name");
        headers.insert(name, HeaderValue::from_str(value).expect("value"));
    }
    headers
}

fn head<'a>(deployment: &'a str, headers: &'a HeaderMap) -> Head<'a> {
    Head { deployment, version: None, headers, peer: None, protocol: Protocol::Oip }
}

fn body(age: f64) -> Bytes {
    format!(
        r#"{{"id":"mine","inputs":[{{"name":"age","shape":[1],"datatype":"FP64","data":[{age}]}},
        {{"name":"income","shape":[1],"datatype":"FP64","data":[null]}},
        {{"name":"customer","shape":[1],"datatype":"BYTES","data":["jane.roe"]}}]}}"#
    )
    .into()
}

async fn ask(setup: &Setup, key: &str, more: &[(&str, &str)], body: Bytes) -> Answer {
    let headers = headers(key, more);
    match setup.gateway.admit(head("credit", &headers)).await {
        Ok(pass) => pass.decide(&headers, Ok(&body)).await,
        Err(answer) => answer,
    }
}

/// The completion of a decision: its leaf and body.
fn recorded(setup: &Setup, id: DecisionId) -> (plimsoll_types::record::Leaf, DecisionBody) {
    let ledger = setup.gateway.ledger();
    let entries = ledger.get(id.as_bytes()).expect("reads");
    let mut found: Vec<_> =
        entries.into_iter().filter(|e| e.leaf.draft.kind == Kind::Decision).collect();
    assert_eq!(found.len(), 1, "exactly one completion");
    let entry = found.remove(0);
    let plaintext = ledger.open_body(&entry).expect("opens");
    (entry.leaf, DecisionBody::decode(&plaintext).expect("reads"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_models_and_its_record_says_everything() {
    let setup = setup(settings(), "-2.5E-1");
    let answer = ask(&setup, "caller", &[("x-interaction", "call-7")], body(30.0)).await;
    let text = String::from_utf8(answer.body.clone()).expect("UTF-8");
    assert_eq!(answer.status, 200, "{text}");
    assert_eq!(
        text,
        format!(
            r#"{{"model_name":"credit","model_version":"3","id":"mine","parameters":{{"decision_id":"{}"}},"outputs":[{{"name":"value","shape":[1],"datatype":"FP32","data":[-0.25]}}]}}"#,
            answer.id
        )
    );
    let (leaf, body) = recorded(&setup, answer.id);
    let draft = leaf.draft;
    assert_eq!(
        (draft.result, draft.route, draft.refused_in),
        (Some(ResultClass::Answered), Some(Route::Primary), None)
    );
    assert_eq!(draft.model, Some(Digest::from_bytes([1; 32])));
    assert_eq!(draft.contract, Some(Digest::from_bytes([2; 32])));
    assert_eq!(draft.snapshot, Some(Digest::from_bytes([3; 32])));
    assert_eq!(draft.policy, Some(Digest::from_bytes([4; 32])));
    assert!(draft.extension.interaction.is_some());
    assert_eq!(body.principal, PrincipalId::from_bytes([1; 16]));
    assert_eq!(
        (&*body.deployment, body.version, body.caller_id.as_deref()),
        ("credit", 3, Some("mine"))
    );
    assert_eq!(body.outputs, vec![("value".into(), 1, vec![-0.25])]);
    assert_eq!(&*body.mapped[0].1, "call-7");
    assert!(body.phases.iter().any(|(phase, _)| *phase == Phase::Validate));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_before_resolve_are_counted_and_have_no_record() {
    let setup = setup(settings(), "0E0");
    let before = setup.gateway.ledger().durable();
    for key in ["nobody", ""] {
        assert_eq!(ask(&setup, key, &[], body(30.0)).await.status, 401);
    }
    let none = HeaderMap::new();
    let refused = setup.gateway.admit(head("credit", &none)).await.expect_err("no key");
    assert_eq!(refused.code, Some(RefusalCode::Unauthenticated));
    let known = headers("caller", &[]);
    let refused = setup.gateway.admit(head("elsewhere", &known)).await.expect_err("no deployment");
    assert_eq!((refused.status, refused.code), (404, Some(RefusalCode::UnknownDeployment)));
    assert_eq!(setup.gateway.ledger().durable(), before);
    let counted: u64 = setup.gateway.tally().totals().iter().map(|count| count.count).sum();
    assert_eq!(counted, 4);
    assert_eq!(setup.gateway.metrics().resolved.load(Relaxed), 0);
}

/// Name, headers, body, and the status, code and phase of the refusal.
type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], Bytes, u16, RefusalCode, Phase);

#[tokio::test(flavor = "multi_thread")]
async fn refusals_from_resolve_on_have_exactly_one_record_each() {
    let setup = setup(settings(), "0E0");
    let long: Bytes = vec![b' '; 10].into();
    let cases: Vec<Case<'_>> = vec![
        ("auditor", &[], body(30.0), 403, RefusalCode::Forbidden, Phase::Authorize),
        ("staging", &[], body(30.0), 403, RefusalCode::WrongEnvironment, Phase::Authorize),
        ("caller", &[], body(12.0), 400, RefusalCode::OutOfRange, Phase::Validate),
        ("caller", &[], long, 400, RefusalCode::MalformedJson, Phase::Validate),
        (
            "caller",
            &[("content-type", "text/csv")],
            body(30.0),
            415,
            RefusalCode::UnsupportedMediaType,
            Phase::Validate,
        ),
        (
            "caller",
            &[("content-encoding", "zstd")],
            body(30.0),
            415,
            RefusalCode::UnsupportedEncoding,
            Phase::Validate,
        ),
        (
            "caller",
            &[("idempotency-key", "")],
            body(30.0),
            400,
            RefusalCode::IdempotencyInvalid,
            Phase::Validate,
        ),
    ];
    for (key, more, body, status, code, phase) in cases {
        let answer = ask(&setup, key, more, body).await;
        assert_eq!((answer.status, answer.code), (status, Some(code)));
        let (leaf, body) = recorded(&setup, answer.id);
        assert_eq!(
            (leaf.draft.result, leaf.draft.refused_in),
            (Some(ResultClass::Refused), Some(phase))
        );
        let refusal = body.refusal.expect("a refusal");
        assert_eq!(refusal.code, code);
        let text = String::from_utf8(answer.body).expect("UTF-8");
        assert!(!text.contains("12.0") && !text.contains("jane.roe"), "echoed: {text}");
    }
    let metrics = setup.gateway.metrics();
    let completions: u64 = metrics.completions.iter().map(|count| count.load(Relaxed)).sum();
    assert_eq!((metrics.resolved.load(Relaxed), completions), (7, 7));
    assert_eq!(metrics.in_flight.load(Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_without_a_version_is_not_ready_and_a_wrong_version_is_not_served() {
    let setup = setup(settings(), "0E0");
    let headers = headers("caller", &[]);
    let pass = setup.gateway.admit(head("empty", &headers)).await.expect("admitted");
    let answer = pass.decide(&headers, Ok(&body(30.0))).await;
    assert_eq!((answer.status, answer.code), (503, Some(RefusalCode::NotReady)));
    let mut asked = head("credit", &headers);
    asked.version = Some("2");
    let answer = setup.gateway.admit(asked).await.expect_err("not served");
    assert_eq!((answer.status, answer.code), (404, Some(RefusalCode::VersionNotServed)));
    recorded(&setup, answer.id);
    asked.version = Some("3");
    assert!(setup.gateway.admit(asked).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_and_a_caller_that_hangs_up_are_recorded() {
    let setup = setup(settings(), "0E0");
    let headers = headers("caller", &[]);
    for (error, status) in
        [(BodyError::TooLarge, 413), (BodyError::Timeout, 408), (BodyError::Broken, 400)]
    {
        let pass = setup.gateway.admit(head("credit", &headers)).await.expect("admitted");
        let answer = pass.decide(&headers, Err(error)).await;
        assert_eq!(answer.status, status);
        recorded(&setup, answer.id);
    }
    let pass = setup.gateway.admit(head("credit", &headers)).await.expect("admitted");
    let id = pass.id();
    let mut durable = setup.gateway.ledger().watch();
    durable.borrow_and_update();
    drop(pass);
    durable.changed().await.expect("a record");
    let (leaf, _) = recorded(&setup, id);
    assert_eq!(leaf.draft.result, Some(ResultClass::Refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_in_flight_are_shed_and_recorded() {
    let setup = setup(settings(), "0E0");
    let headers = headers("caller", &[]);
    let first = setup.gateway.admit(head("credit", &headers)).await.expect("one");
    let second = setup.gateway.admit(head("credit", &headers)).await.expect("two");
    let third = setup.gateway.admit(head("credit", &headers)).await.expect_err("three");
    assert_eq!((third.status, third.retry_after), (503, Some(1)));
    recorded(&setup, third.id);
    drop((first, second));
    assert!(setup.gateway.admit(head("credit", &headers)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_answers_once() {
    let setup = setup(settings(), "-2.5E-1");
    let key = [("idempotency-key", "k-1")];
    let first = ask(&setup, "caller", &key, body(30.0)).await;
    let again = ask(&setup, "caller", &key, body(30.0)).await;
    assert_eq!((first.body.clone(), first.id), (again.body.clone(), again.id));
    assert!(again.replayed && !first.replayed);
    let other = ask(&setup, "caller", &key, body(50.0)).await;
    assert_eq!((other.status, other.code), (422, Some(RefusalCode::IdempotencyMismatch)));
    // Completions: the answer, the replay, the mismatch.
    let results: Vec<_> = setup
        .gateway
        .ledger()
        .entries(0)
        .map(|e| e.expect("reads").leaf.draft)
        .filter_map(|d| d.result)
        .collect();
    assert_eq!(results, [ResultClass::Answered, ResultClass::Replayed, ResultClass::Refused]);
    // A key that is being answered conflicts.
    let headers = headers("caller", &[("idempotency-key", "k-2")]);
    let (who, what) = (PrincipalId::from_bytes([1; 16]), DeploymentId::from_bytes([0; 16]));
    let tag = setup.gateway.0.idempotency.tag(who, what, "k-2").expect("valid");
    setup.gateway.0.idempotency.begin(tag).expect("free");
    let pass = setup.gateway.admit(head("credit", &headers)).await.expect("admitted");
    assert_eq!(pass.decide(&headers, Ok(&body(30.0))).await.status, 409);
    // The loser must not have freed the winner's key.
    assert!(setup.gateway.0.idempotency.begin(tag).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_mode_records_the_intent_first() {
    let setup = setup(Settings { mode: Mode::Strict, ..settings() }, "0E0");
    let answer = ask(&setup, "caller", &[], body(30.0)).await;
    let entries = setup.gateway.ledger().get(answer.id.as_bytes()).expect("reads");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0].leaf.draft.kind, Kind::Intent);
    assert_eq!(entries[1].leaf.draft.extension.intent, Some(entries[0].leaf.seq));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_answer_is_recorded_and_not_given_however_often_it_is_asked_for() {
    let setup = setup(Settings { review: Review::Held, ..settings() }, "0E0");
    let key = [("idempotency-key", "one")];
    let first = ask(&setup, "caller", &key, body(50.0)).await;
    let again = ask(&setup, "caller", &key, body(50.0)).await;
    for answer in [&first, &again] {
        let text = std::str::from_utf8(&answer.body).expect("UTF-8");
        assert_eq!((answer.status, answer.retry_after), (202, Some(30)), "{text}");
        assert!(text.contains(r#""review":"pending""#), "{text}");
        assert!(text.ends_with(r#""outputs":[]}"#), "{text}");
    }
    assert!(again.replayed && !first.replayed);
    let (leaf, body) = recorded(&setup, first.id);
    assert_eq!(leaf.draft.result, Some(ResultClass::Held));
    assert_eq!(leaf.draft.extension.review, Some(*first.id.as_bytes()));
    assert_eq!(body.outputs[0].2, [1.0], "the model's answer is on record");
    // What was refused has nothing to hold.
    let refused = ask(&setup, "caller", &[], Bytes::from_static(b"{}")).await;
    assert_eq!(refused.status, 400);
    assert_eq!(recorded(&setup, refused.id).0.draft.extension.review, None);
}

#[test]
fn a_held_answer_has_no_numbers_in_any_protocol() {
    let answered = Answered {
        id: DecisionId::from_bytes([7; 16]),
        deployment: "credit",
        version: 1,
        caller_id: None,
        rows: 2,
        outputs: &[],
        is_double: false,
        is_fallback: false,
        form: Form::default(),
        explanation: None,
        features: &[],
        is_held: true,
    };
    for protocol in
        [Protocol::Oip, Protocol::Grpc, Protocol::Predict, Protocol::Explain, Protocol::Invocations]
    {
        let answer = Answer::of(protocol, &answered);
        assert_eq!((answer.status, answer.retry_after), (202, Some(30)), "{protocol:?}");
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains("review") && text.contains("pending"), "{protocol:?}: {text}");
        assert!(!text.contains("predictions"), "{protocol:?}: {text}");
        if protocol != Protocol::Grpc {
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_marked_by_its_id_and_answered_at_once() {
    let review = Review::Sampled(0.5);
    let setup = setup(Settings { review, ..settings() }, "0E0");
    let mut marked = 0;
    for _ in 0..200 {
        let answer = ask(&setup, "caller", &[], body(50.0)).await;
        assert_eq!(answer.status, 200);
        let leaf = recorded(&setup, answer.id).0;
        assert_eq!(leaf.draft.result, Some(ResultClass::Answered));
        assert_eq!(leaf.draft.extension.review.is_some(), review.picks(answer.id));
        marked += u32::from(leaf.draft.extension.review.is_some());
    }
    // 200 fair draws miss 50 to 150 once in 10^12.
    assert!((50..=150).contains(&marked), "{marked} of 200");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passed_is_a_time_out() {
    let setup = setup(Settings { deadline_ms: 0, ..settings() }, "0E0");
    let answer = ask(&setup, "caller", &[], body(30.0)).await;
    assert_eq!(answer.status, 504, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(recorded(&setup, answer.id).0.draft.result, Some(ResultClass::TimedOut));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_finite_is_held_back_or_replaced() {
    // Two margins of f32::MAX add up to infinity.
    let fallback = Settings { fallback: declared(vec![], vec![0.5]), ..settings() };
    for (settings, status, result, route) in [
        (settings(), 500, ResultClass::Failed, Route::Primary),
        (fallback, 200, ResultClass::Answered, Route::Fallback),
    ] {
        let setup = setup(settings, "0E0");
        let answer = overflow(&setup).await;
        assert_eq!(answer.status, status);
        let (leaf, body) = recorded(&setup, answer.id);
        assert_eq!((leaf.draft.result, leaf.draft.route), (Some(result), Some(route)));
        assert_eq!(body.refusal.map(|refusal| refusal.code), Some(RefusalCode::OutputRejected));
        if status == 200 {
            assert_eq!(
                leaf.draft.extension.fallback_reason,
                Some(RefusalCode::OutputRejected.code())
            );
            assert!(String::from_utf8(answer.body).expect("UTF-8").contains(r#""fallback":true"#));
        }
    }
}

/// A declared fallback: rules over the age, and an answer for the rest.
fn declared(rules: Vec<(f64, f64)>, outputs: Vec<f64>) -> Fallback {
    let rule = |(below, answer)| FallbackRule {
        place: 0,
        asks: Asks::Number(Compare::Less, below),
        outputs: vec![answer],
        text: format!("age < {below} -> {answer}").into(),
    };
    Fallback { previous: false, rules: rules.into_iter().map(rule).collect(), outputs }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_declared_stands_in_and_the_record_says_what_did() {
    let previous = Fallback { previous: true, ..declared(vec![(200.0, 0.2)], vec![]) };
    for (fallback, told, value) in [
        (previous, Some("version 2"), "[0.0]"),
        (declared(vec![(25.0, 0.1), (40.0, 0.75)], vec![0.5]), Some("age < 40 -> 0.75"), "[0.75]"),
        (declared(vec![(25.0, 0.1)], vec![0.5]), Some("outputs"), "[0.5]"),
        (declared(vec![(25.0, 0.1)], vec![]), None, ""),
    ] {
        let setup = setup(Settings { fallback, ..settings() }, "0E0");
        let answer = overflow(&setup).await;
        let (leaf, body) = recorded(&setup, answer.id);
        let mapped = body.mapped.iter().find(|(role, _)| &**role == STOOD_IN);
        assert_eq!(mapped.map(|(_, text)| &**text), told);
        let text = String::from_utf8(answer.body).expect("UTF-8");
        if told.is_none() {
            assert_eq!((answer.status, leaf.draft.route), (500, Some(Route::Primary)), "{text}");
            continue;
        }
        assert_eq!((answer.status, leaf.draft.route), (200, Some(Route::Fallback)), "{text}");
        let reason = leaf.draft.extension.fallback_reason;
        assert_eq!(reason, Some(RefusalCode::OutputRejected.code()));
        assert_eq!(
            body.outputs.first().map(|(_, _, values)| format!("{values:?}")).as_deref(),
            Some(value)
        );
        assert!(text.contains(r#""fallback":true"#), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_before_answers_while_models_are_switched_off() {
    let fallback = Fallback { previous: true, ..Fallback::default() };
    let setup = setup(Settings { fallback, is_killed: true, ..settings() }, "0E0");
    let answer = overflow(&setup).await;
    let (leaf, body) = recorded(&setup, answer.id);
    assert_eq!((answer.status, leaf.draft.route), (200, Some(Route::Fallback)));
    let reason = leaf.draft.extension.fallback_reason;
    assert_eq!(reason, Some(RefusalCode::SwitchedOff.code()));
    assert!(body.mapped.iter().any(|(role, text)| &**role == STOOD_IN && &**text == "version 2"));
}

/// Asks a gateway whose model puts out infinity, and whose version before does not.
async fn overflow(setup: &Setup) -> Answer {
    let snapshot = setup.gateway.snapshot();
    let parts = snapshot.parts();
    let credit = &parts.deployments[0];
    let serving = credit.serving.as_ref().expect("served");
    let text = include_str!("../tests/overflow.json");
    let model = Model::load(text.as_bytes(), &Limits::default()).expect("a model");
    let binding = plimsoll_serving::fit(&serving.contract, &model).expect("binds");
    let primary = ServedVersion {
        model_name: serving.primary.model_name.clone(),
        number: 3,
        manifest: serving.primary.manifest,
        model: Arc::new(model),
        binding,
        explainer: None,
        upstream: None,
    };
    let previous = ServedVersion {
        model_name: serving.primary.model_name.clone(),
        number: 2,
        manifest: Digest::from_bytes([5; 32]),
        model: Arc::clone(&serving.primary.model),
        binding: serving.primary.binding.clone(),
        explainer: None,
        upstream: None,
    };
    let deployment = ServedDeployment {
        index: 0,
        id: credit.id,
        name: credit.name.clone(),
        tenant: credit.tenant,
        environment: credit.environment,
        owner: credit.owner.clone(),
        tier: credit.tier.clone(),
        settings: credit.settings.clone(),
        profile: None,
        observed: None,
        serving: Ok(Serving {
            primary: Arc::new(primary),
            previous: Some(Arc::new(previous)),
            ..serving.clone()
        }),
    };
    setup.gateway.0.snapshots.store(Arc::new(ServingSnapshot::new(SnapshotParts {
        generation: 2,
        digest: parts.digest,
        made: parts.made,
        tenant: parts.tenant,
        policies: Arc::clone(&parts.policies),
        policy_digest: parts.policy_digest,
        deployments: vec![Arc::new(deployment)],
        keys: parts.keys.clone(),
        callers: parts.callers,
        limits: plimsoll_serving::Limits::default(),
        dev: None,
    })));
    ask(setup, "caller", &[], body(30.0)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_takes_nothing_means_no_answer() {
    let setup = setup(settings(), "0E0");
    setup.gateway.ledger().close().expect("closes");
    let answer = ask(&setup, "caller", &[], body(30.0)).await;
    assert_eq!((answer.status, answer.code), (503, Some(RefusalCode::LedgerUnavailable)));
    assert_eq!(answer.retry_after, Some(1));
    let completions: u64 =
        setup.gateway.metrics().completions.iter().map(|count| count.load(Relaxed)).sum();
    let tally = setup.gateway.tally().take(Time::EPOCH, Time::EPOCH).expect("counted instead");
    let counted: u64 = tally.counts.iter().map(|count| count.count).sum();
    assert_eq!((completions, counted), (0, 1), "requests = completions + aggregated refusals");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_gateway_refuses_new_requests() {
    let setup = setup(settings(), "0E0");
    setup.gateway.begin_drain();
    let answer = ask(&setup, "caller", &[], body(30.0)).await;
    assert_eq!((answer.status, answer.code), (503, Some(RefusalCode::Draining)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_cannot_be_met_is_refused_and_not_passed_over() {
    let setup = setup(settings(), "0E0");
    let plain = String::from_utf8(body(30.0).to_vec()).expect("UTF-8");
    let with = |member: &str| Bytes::from(plain.replacen('{', &format!("{{{member},"), 1));
    let malformed = RefusalCode::MalformedEnvelope;
    for (member, code) in [
        (r#""model_name":"elsewhere""#, malformed),
        (r#""model_version":"2""#, RefusalCode::VersionNotServed),
        (r#""outputs":[{"name":"secrets"}]"#, malformed),
        (r#""parameters":{"explain":true}"#, malformed),
    ] {
        let answer = ask(&setup, "caller", &[], with(member)).await;
        assert_eq!(answer.code, Some(code), "{member}");
        recorded(&setup, answer.id);
    }
    for member in [
        r#""model_name":"credit""#,
        r#""model_version":"3""#,
        r#""outputs":[{"name":"value"}]"#,
        r#""parameters":{"explain":false}"#,
    ] {
        assert_eq!(ask(&setup, "caller", &[], with(member)).await.status, 200, "{member}");
    }
}

/// A subject beyond those that can hold a key to the body could not be erased from it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_about_more_subjects_than_can_hold_its_key_is_refused() {
    let setup = setup(settings(), "0E0");
    let rows = |count: usize| {
        let list =
            |item: &dyn Fn(usize) -> String| (0..count).map(item).collect::<Vec<_>>().join(",");
        let (ages, names) = (list(&|_| "30".into()), list(&|n| format!("\"c{n}\"")));
        Bytes::from(format!(
            r#"{{"inputs":[{{"name":"age","shape":[{count}],"datatype":"FP64","data":[{ages}]}},
            {{"name":"customer","shape":[{count}],"datatype":"BYTES","data":[{names}]}}]}}"#
        ))
    };
    assert_eq!(ask(&setup, "caller", &[], rows(MAX_HOLDERS)).await.status, 200);
    let answer = ask(&setup, "caller", &[], rows(MAX_HOLDERS + 1)).await;
    assert_eq!((answer.status, answer.code), (400, Some(RefusalCode::TooManyRows)));
    recorded(&setup, answer.id);
}
