//! Findings over time: budgets that come back, silences that end, deaths in between.

use super::bench::{Bench, deployment, name};
use super::code;
use crate::alert::AlertEnd;
use plimsoll_api as api;
use plimsoll_api::Role;
use plimsoll_types::{Clock as _, DeploymentId, Severity, Signal, SignalKind};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn signal(of: DeploymentId, about: &str, severity: Severity) -> Signal {
    let now = plimsoll_types::Time::from_micros(1);
    Signal {
        deployment: of,
        version: Some(1),
        kind: SignalKind::InputDrift,
        severity,
        about: about.into(),
        slice: None,
        since: now,
        until: now,
        text: format!("{about} moved"),
        numbers: vec![("psi".into(), 0.3), ("nothing".into(), f64::NAN)],
    }
}

/// A deployment, and a route to which warnings and worse go.
fn with_route(bench: &Bench) -> DeploymentId {
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let contract = bench.registry(&alice);
    let wanted = deployment(contract, api::Environment::Development);
    let made = bench.control.create_deployment(&bob, &wanted).expect("deployment");
    let wanted = api::CreateAlertRoute {
        name: name("ops"),
        shape: api::AlertShape::Webhook,
        to: Some("https://example.org/hook".into()),
        key: None,
        deployments: None,
        kinds: None,
        severity: None,
    };
    bench
        .control
        .create_alert_route(&bench.admin(), &wanted, "https://example.org")
        .expect("route");
    made.id
}

/// What is due, taken.
fn told(bench: &Bench) -> Vec<(String, Vec<String>)> {
    let mut told = Vec::new();
    loop {
        let due = bench.control.due_alerts().expect("read");
        if due.is_empty() {
            return told;
        }
        for one in due {
            let also = one.alert.also.iter().map(|other| other.about.clone()).collect();
            told.push((format!("{} {}", one.alert.what, one.alert.finding.about), also));
            let id = one.target.id;
            bench.control.note_alert(one.alert.id, id, &AlertEnd::Delivered).expect("noted");
        }
    }
}

fn one(text: &str, also: &[&str]) -> (String, Vec<String>) {
    (text.into(), also.iter().map(ToString::to_string).collect())
}

#[test]
fn the_budget_comes_back_after_a_month_and_brings_what_waited() {
    let bench = Bench::new();
    let of = with_route(&bench);
    let raise =
        |about: &str, severity| bench.control.raise(&signal(of, about, severity)).expect("raised");
    raise("income", Severity::Warning);
    assert_eq!(told(&bench), [one("opened income", &[])]);
    bench.clock.pass(DAY);
    raise("age", Severity::Warning);
    // What waits is told in the order of its coming.
    bench.clock.pass(DAY / 24);
    raise("region", Severity::Warning);
    assert!(told(&bench).is_empty());
    assert!(!bench.control.release_held().expect("looked"));
    bench.clock.pass(DAY * 30);
    assert!(bench.control.release_held().expect("looked"));
    assert_eq!(told(&bench), [one("opened age", &["region"])]);
    assert!(!bench.control.release_held().expect("looked"), "once");
    // What is critical waits for nothing.
    raise("score", Severity::Critical);
    raise("score", Severity::Critical);
    assert_eq!(told(&bench), [one("opened score", &[])]);
}

#[test]
fn what_is_raised_survives_a_death_with_its_alert_and_nothing_is_told_twice() {
    let bench = Bench::new();
    let of = with_route(&bench);
    let id = bench.control.raise(&signal(of, "income", Severity::Critical)).expect("raised");
    let due = bench.control.due_alerts().expect("read").remove(0).alert.id;
    let bench = bench.crash();
    assert_eq!(bench.control.raise(&signal(of, "income", Severity::Critical)).expect("raised"), id);
    let again = bench.control.due_alerts().expect("read");
    assert_eq!((again.len(), again[0].alert.id), (1, due));
    let later = bench.clock.now().plus(DAY);
    let route = again[0].target.id;
    bench.control.note_alert(due, route, &AlertEnd::Again(later, "503".into())).expect("noted");
    assert!(bench.control.due_alerts().expect("read").is_empty());
    bench.clock.pass(DAY * 2);
    let retried = bench.control.due_alerts().expect("read");
    assert_eq!((retried[0].alert.id, retried[0].attempts), (due, 1));
    bench.control.note_alert(due, route, &AlertEnd::Delivered).expect("noted");
    assert!(bench.control.due_alerts().expect("read").is_empty());
}

#[test]
fn a_silence_ends_and_a_snooze_does_and_both_tell() {
    let bench = Bench::new();
    let of = with_route(&bench);
    let dan = bench.person("dan", &[Role::MlEngineer]);
    let now = bench.clock.now();
    let wanted = api::CreateSilence {
        deployment: Some(name("trial")),
        kind: None,
        severity: Some(api::FindingSeverity::Critical),
        starts_at: None,
        ends_at: now.plus(DAY).into(),
        every_hours: None,
        last_at: None,
        reason: "maintenance".into(),
    };
    let deployment = bench.control.store.read(|r| r.deployment(of)).expect("read").expect("there");
    let wanted = api::CreateSilence { deployment: Some(deployment.name), ..wanted };
    let everywhere = api::CreateSilence { deployment: None, ..wanted.clone() };
    assert_eq!(code(bench.control.create_silence(&dan, &everywhere)).0, 403);
    bench.control.create_silence(&dan, &wanted).expect("silence");
    let id = bench.control.raise(&signal(of, "score", Severity::Critical)).expect("raised");
    assert!(told(&bench).is_empty());
    bench.clock.pass(DAY * 2);
    bench.control.release_held().expect("looked");
    assert_eq!(told(&bench), [one("opened score", &[])]);
    let until = bench.clock.now().plus(DAY).into();
    let snooze = api::SnoozeFinding { until, reason: "tomorrow".into() };
    bench.control.snooze_finding(&dan, id, &snooze).expect("snoozed");
    bench.control.raise(&signal(of, "score", Severity::Critical)).expect("raised");
    assert!(told(&bench).is_empty());
    bench.clock.pass(DAY * 2);
    bench.control.raise(&signal(of, "score", Severity::Critical)).expect("raised");
    assert_eq!(told(&bench), [one("returned score", &[])]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let resolve = api::ResolveFinding { reason: "over".into() };
    assert_eq!(code(bench.control.resolve_finding(&erin, id, &resolve)).0, 403);
    let over = bench.control.resolve_finding(&dan, id, &resolve).expect("resolved");
    assert_eq!((over.state, over.occurrences), (api::FindingState::Resolved, 3));
    assert_eq!(told(&bench), [one("resolved score", &[])]);
    assert!(over.numbers.contains_key("psi") && !over.numbers.contains_key("nothing"));
}

#[test]
fn signals_out_of_bounds_and_of_nowhere_are_refused() {
    let bench = Bench::new();
    let of = with_route(&bench);
    let nowhere = DeploymentId::from_bytes([9; 16]);
    let refused = |signal: &Signal| code(bench.control.raise(signal)).0;
    assert_eq!(refused(&signal(nowhere, "income", Severity::Info)), 404);
    assert_eq!(refused(&signal(of, "", Severity::Info)), 422);
    assert_eq!(refused(&signal(of, &"x".repeat(513), Severity::Info)), 422);
    let many = Signal { numbers: vec![("n".into(), 1.0); 65], ..signal(of, "a", Severity::Info) };
    assert_eq!(refused(&many), 422);
}
