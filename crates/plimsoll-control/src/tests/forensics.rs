//! Traces and replays of decisions that a gateway would have recorded.

use super::bench::{MODEL, name};
use super::code;
use super::decisions::{Scene, decide, decide_with, scene};
use plimsoll_api as api;
use plimsoll_api::Role;
use plimsoll_model::{Limits, Model};
use plimsoll_types::DecisionId;
use plimsoll_types::record::ResultClass;
use std::time::Duration;

/// What the model of these tests answers to the rows of these tests.
fn answer() -> f64 {
    let model = Model::load(MODEL, &Limits::default()).expect("a model");
    let mut out = [0.0];
    // Its features are income, region, age.
    model.predict(&[f64::NAN, 2.0, 41.0], &mut out).expect("predicted");
    out[0]
}

/// A second version that answers otherwise.
fn other_model() -> Vec<u8> {
    // Not read as JSON: split conditions of categories are bare NaN.
    let text = std::str::from_utf8(MODEL).expect("text");
    let (old, new) = (r#""base_score":"[5E-1]""#, r#""base_score":"[25E-2]""#);
    assert!(text.contains(old));
    text.replace(old, new).into_bytes()
}

fn window(version: u32) -> api::ReplayWindow {
    api::ReplayWindow {
        model: None,
        version,
        since: None,
        until: None,
        threshold: None,
        cursor: None,
    }
}

#[test]
fn a_trace_tells_who_put_what_in_force() {
    let Scene { bench, made, bob, erin } = scene();
    let early = decide(&bench, &made, ResultClass::Answered);
    bench.clock.pass(Duration::from_secs(60));
    let wanted = api::UpdateDeployment { deadline_ms: Some(50), ..Default::default() };
    bench.control.update_deployment(&bob, &made.name, &wanted).expect("updated");
    let late = decide(&bench, &made, ResultClass::Answered);
    let actions = |trace: &api::Trace| -> Vec<String> {
        let name = |event: &api::ControlEvent| {
            let who = event.principal_name.as_deref().unwrap_or("server");
            format!("{} by {who}", event.action)
        };
        trace.changes.iter().map(name).collect()
    };
    let trace = bench.control.trace_decision(&erin, early).expect("traced");
    let before = [
        "Start by server",
        "CreateModel by bob",
        "CreateVersion by bob",
        "CreateContract by bob",
        "CreateDeployment by bob",
        "Release by carol",
    ];
    assert_eq!(actions(&trace), before);
    assert!(trace.decision.body.is_some());
    assert!(
        trace.route.why.starts_with("version 1 is the primary, released by carol"),
        "{trace:?}"
    );
    let model = trace.model.expect("a model");
    assert_eq!((model.name.as_str(), model.version), ("credit", 1));
    assert_eq!(model.manifest, made.released.as_ref().expect("released").digest);
    assert_eq!(model.files.len(), 1);
    assert!(trace.contract.expect("a contract").is_in_force);
    assert_eq!(trace.receipt.index, trace.decision.summary.index);

    let trace = bench.control.trace_decision(&erin, late).expect("traced");
    assert_eq!(actions(&trace).last().map(String::as_str), Some("UpdateDeployment by bob"));
    // The metadata of a trace is for who may read the decision, its body for fewer.
    let masked = bench.control.trace_decision(&bob, late).expect("traced");
    assert_eq!(masked.decision.body, None);
    assert!(!format!("{masked:?}").contains("customer-7"));
    let dave = bench.person("dave", &[Role::Caller]);
    assert_eq!(code(bench.control.trace_decision(&dave, late)).0, 403);
    assert_eq!(code(bench.control.trace_decision(&erin, DecisionId::from_bytes([7; 16]))).0, 404);
}

#[test]
fn a_replay_is_bit_equal_or_shows_the_difference() {
    let Scene { bench, made, bob, erin } = scene();
    let right = decide_with(&bench, &made, ResultClass::Answered, answer());
    let replay = bench.control.replay_decision(&erin, right).expect("replayed");
    assert_eq!(replay.result, api::ReplayResult::BitEqual);
    assert_eq!((replay.values, replay.differing), (1, 0));

    let next_float = f64::from_bits(answer().to_bits() + 1);
    let wrong = decide_with(&bench, &made, ResultClass::Answered, next_float);
    let replay = bench.control.replay_decision(&erin, wrong).expect("replayed");
    assert_eq!((replay.result, replay.differing), (api::ReplayResult::Different, 1));
    assert_eq!(replay.differences[0].recorded, [next_float]);
    assert_eq!(replay.differences[0].computed, [answer()]);

    let refused = decide(&bench, &made, ResultClass::Refused);
    let replay = bench.control.replay_decision(&erin, refused).expect("replayed");
    assert_eq!(replay.result, api::ReplayResult::NotAnswered);
    assert_eq!(code(bench.control.replay_decision(&bob, right)).0, 403);

    // An artifact that is no longer what its digest says is found out.
    let shelf = bench.folder.path().join("data/artifacts/sha256");
    for shard in std::fs::read_dir(shelf).expect("folder") {
        for file in std::fs::read_dir(shard.expect("entry").path()).expect("folder") {
            let path = file.expect("entry").path();
            let mut bytes = std::fs::read(&path).expect("read");
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, bytes).expect("written");
        }
    }
    assert_eq!(code(bench.control.replay_decision(&erin, right)).0, 500);
}

#[test]
fn a_window_on_another_version_tells_what_changes() {
    let Scene { bench, made, bob, erin } = scene();
    let mut ids = Vec::new();
    for n in 0..30 {
        bench.clock.pass(Duration::from_secs(60));
        let result = if n % 3 == 0 { ResultClass::Refused } else { ResultClass::Answered };
        ids.push(decide_with(&bench, &made, result, answer()));
    }
    let same = bench.control.replay_window(&bob, &made.name, &window(1)).expect("replayed");
    assert_eq!((same.decisions, same.equal_rows, same.changed_rows), (20, 20, 0));
    assert_eq!((same.not_answered, same.next_cursor), (10, None));
    assert_eq!(same.most_changed, []);

    let bytes = other_model();
    bench.version(&bob, &bytes).expect("a second version");
    let other = bench.control.replay_window(&bob, &made.name, &window(2)).expect("replayed");
    assert_eq!((other.decisions, other.equal_rows, other.changed_decisions), (20, 0, 20));
    assert!(other.max_distance > 0.0 && other.sum_before != other.sum_after);
    assert_eq!(other.most_changed.len(), 20);
    // Its numbers differ, its decisions need not.
    let far = api::ReplayWindow { threshold: Some(1_000.0), ..window(2) };
    let far = bench.control.replay_window(&bob, &made.name, &far).expect("replayed");
    assert_eq!((far.changed_rows, far.equal_rows), (0, 0));
    let between = f64::midpoint(other.sum_before / 20.0, other.sum_after / 20.0);
    let near = api::ReplayWindow { threshold: Some(between), ..window(2) };
    let near = bench.control.replay_window(&bob, &made.name, &near).expect("replayed");
    assert_eq!(near.changed_decisions, 20);
    assert!(near.most_changed.iter().all(|row| row.is_changed && ids.contains(&row.decision)));

    // A window of time, and one that begins where another ended.
    let at = |id: DecisionId| Some(id.time().into());
    let part = api::ReplayWindow { since: at(ids[10]), until: at(ids[20]), ..window(2) };
    let part = bench.control.replay_window(&erin, &made.name, &part).expect("replayed");
    assert_eq!(part.decisions + part.not_answered, 10);
    let rest =
        api::ReplayWindow { cursor: Some(bench.control.ledger().durable() - 5), ..window(2) };
    let rest = bench.control.replay_window(&erin, &made.name, &rest).expect("replayed");
    assert!(rest.scanned == 5 && rest.decisions <= 5);

    assert_eq!(code(bench.control.replay_window(&bob, &made.name, &window(9))).0, 404);
    let bad = api::ReplayWindow { threshold: Some(f64::NAN), ..window(2) };
    assert_eq!(code(bench.control.replay_window(&bob, &made.name, &bad)).0, 422);
    let dave = bench.person("dave", &[Role::Caller]);
    assert_eq!(code(bench.control.replay_window(&dave, &made.name, &window(2))).0, 403);
    assert_eq!(code(bench.control.replay_window(&bob, &name("other"), &window(2))).0, 404);
}
