//! Which version takes a request, by rule; and rollouts that later outcomes and groups of persons
//! end.

use crate::harness::{Connection, Server, post};
use crate::rollouts::{Callers, flags_from, payment, serve, serve_by};
use serde_json::{Value, json};

const GROUPED: &str = "
version: 1
features:
  - { name: amount, kind: number, min: 0, max: 1 }
  - { name: hour, kind: number, min: 0, max: 24 }
context:
  - { name: region, kind: string, max_length: 16 }
  - { name: customer, kind: string, max_length: 32, class: personal }
map:
  subjects: [{ field: customer }]
  slices: [{ field: region }]
";

/// Asks with a header; which version answered, and the decision.
fn asked(server: &Server, number: u64, headers: &str) -> (String, String) {
    let mut connection = Connection::open(server.address()).expect("connects");
    let (status, id, answer) =
        connection.ask("fraud", &payment(number).0, headers).expect("answers");
    assert_eq!(status, 200, "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    (answer["model_version"].as_str().expect("text").to_owned(), id)
}

fn update(server: &Server, routes: &[&str]) -> crate::harness::Said {
    let rules = routes.iter().flat_map(|rule| ["--route", *rule]);
    let args: Vec<&str> = ["deployment", "update", "fraud"].into_iter().chain(rules).collect();
    server.cli(&args)
}

#[test]
fn rules_send_requests_to_a_version_and_the_record_says_why() {
    let models = [flags_from(0.98), flags_from(0.980_001), flags_from(0.980_002)];
    let server = serve(&models, &[]);
    for wrong in ["header:x-cohort=beta", "context:nothing=1 -> 2", "header:cookie=a -> 2"] {
        assert_eq!(update(&server, &[wrong]).code, 1, "{wrong}");
    }
    assert_eq!(update(&server, &["header:x-cohort=beta -> 9"]).code, 1, "there is no version 9");
    update(
        &server,
        &[
            "header:x-cohort=beta, staff -> canary",
            "context:customer=c7 -> 3",
            "header:x-old=yes -> incumbent",
        ],
    )
    .ok();
    let beta = "x-cohort: staff\r\n";
    // Nothing is tried: the rule is passed over.
    assert_eq!(asked(&server, 1, beta).0, "1");
    let (version, id) = asked(&server, 7, "");
    assert_eq!(version, "3");
    let shown = server.cli(&["decision", "show", &id, "--json"]).ok();
    assert!(shown.contains("context:customer=c7 -> 3"), "{shown}");
    // In shadow the candidate answers nobody, whatever rules say.
    let steps = ["--step", "shadow:100000:1h", "--step", "0.01:100000:1h"];
    let start = ["rollout", "start", "fraud", "--version", "2"];
    server.cli(&[&start[..], &steps[..]].concat()).ok();
    assert_eq!(asked(&server, 1, beta).0, "1");
    server.cli(&["rollout", "advance", "fraud"]).ok();
    let (version, id) = asked(&server, 1, beta);
    assert_eq!(version, "2");
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert_eq!(shown["summary"]["route"], "canary");
    assert!(shown.to_string().contains("header:x-cohort=beta, staff -> canary"), "{shown:#}");
    assert_eq!(asked(&server, 1, "x-cohort: other\r\n").0, "1");
    assert_eq!(asked(&server, 1, "x-old: yes\r\n").0, "1");
    let rollout = server.rollout();
    assert_eq!((&rollout["candidates"], &rollout["in_step"]), (&json!(1), &json!(0)));
    // What is sent back is not reached by a rule either.
    server.cli(&["rollout", "rollback", "fraud"]).ok();
    assert_eq!(asked(&server, 1, beta).0, "1");
    // `apply` does the same as `update`.
    let file = server.folder.path().join("release.yaml");
    let text =
        "release: 1\ndeployment: fraud\nsettings: { routes: ['header:x-cohort=beta -> 3'] }\n";
    std::fs::write(&file, text).expect("written");
    let apply = ["apply", "-f", file.to_str().expect("UTF-8")];
    assert_eq!(server.cli(&[&apply[..], &["--dry-run"]].concat()).code, 2);
    server.cli(&apply).ok();
    assert_eq!(asked(&server, 1, "x-cohort: beta\r\n").0, "3");
    // The switch stops rules, too.
    server.cli(&["deployment", "update", "fraud", "--fallback", "0.5"]).ok();
    server.cli(&["deployment", "kill", "fraud"]).ok();
    let mut connection = Connection::open(server.address()).expect("connects");
    let killed = connection.ask("fraud", &payment(1).0, "x-cohort: beta\r\n").expect("answers");
    assert!(killed.2.contains("\"fallback\":true"), "{}", killed.2);
    server.cli(&["deployment", "revive", "fraud"]).ok();
    update(&server, &["none"]).ok();
    assert_eq!(asked(&server, 1, "x-cohort: beta\r\n").0, "1");
}

/// Asks, and tells at once whether the payment was fraud: from 0.98 on.
fn labelled(server: &Server, numbers: std::ops::Range<u64>) {
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut lines = String::new();
    for number in numbers {
        let (body, _) = payment(number);
        let (status, id, answer) = connection.ask("fraud", &body, "").expect("answers");
        assert_eq!(status, 200, "{answer}");
        let amount = (number as f64 * 0.618_033_988_749_895) % 1.0;
        let line = json!({"decision": id, "value": amount >= 0.98});
        lines.push_str(&format!("{line}\n"));
    }
    let headers = [("content-type", "application/x-ndjson")];
    let told = post(server.control(), "/api/v1/outcomes", lines.as_bytes(), &headers);
    assert_eq!(told.status, 200, "{}", told.body);
    assert_eq!(told.json()["refused"], 0, "{}", told.body);
}

#[test]
fn a_version_that_turns_out_to_be_wrong_is_rolled_back_by_its_outcomes() {
    // It flags 18 of 100 payments that are none; nothing but outcomes is compared.
    let server = serve(&[flags_from(0.98), flags_from(0.80)], &[]);
    let file = server.folder.path().join("rollout.json");
    let plan = json!({
        "version": 2,
        "steps": [{"percent": 20, "requests_min": 50, "seconds_min": 0, "outcomes_min": 5000}],
        "guardrails": [{"kind": "errors"}, {"kind": "outcomes"}],
    });
    std::fs::write(&file, plan.to_string()).expect("written");
    let start = ["rollout", "start", "fraud", "--file", file.to_str().expect("UTF-8"), "--json"];
    let begun = server.cli(&start).json();
    let says = |shown: &Value| shown["evidence"][1]["note"].clone();
    assert_eq!(says(&begun), "no outcomes yet", "{begun:#}");
    let mut number = 0;
    while server.rollout()["ended_at"].is_null() {
        labelled(&server, number..number + 100);
        number += 100;
        assert!(number < 10_000, "never: {:#}", server.rollout());
    }
    let ended = server.rollout();
    let (known, before) = (&ended["outcomes"], &ended["incumbent_outcomes"]);
    println!(
        "18 % wrongly flagged, by outcomes: rolled back after {known} of the candidate and {before} meanwhile"
    );
    assert_eq!((&ended["phase"], &ended["reason"]), (&json!("rolled_back"), &json!("outcomes")));
    assert_eq!(says(&ended), Value::Null);
    assert_eq!(server.released(), 1);
    // Told again, an outcome counts once.
    labelled(&server, 0..10);
    assert_eq!(server.rollout()["outcomes"], *known);
}

/// Flags half of the payments by the hour: all of the north's, and none of the south's.
fn flags_by_hour() -> String {
    let text = flags_from(12.0);
    assert!(text.contains("\"split_indices\":[0,0,0]"));
    text.replace("\"split_indices\":[0,0,0]", "\"split_indices\":[1,0,0]")
}

#[test]
fn a_version_that_treats_a_group_otherwise_is_rolled_back() {
    let server = serve_by(GROUPED, &[flags_from(0.5), flags_by_hour()], &[]);
    let start = |options: &[&str]| {
        let start = ["rollout", "start", "fraud", "--version", "2", "--step", "shadow:100000:1h"];
        server.cli(&[&start[..], options].concat())
    };
    assert_eq!(start(&["--group", "nowhere=north"]).code, 1, "no slice key");
    let file = server.folder.path().join("rollout.json");
    let plan = json!({
        "version": 2,
        "steps": [{"percent": 30, "requests_min": 100_000, "seconds_min": 3600}],
        "guardrails": [{"kind": "errors"}, {"kind": "mix"}],
        "also": [{"kind": "mix", "by": "region", "group": "north"}],
    });
    std::fs::write(&file, plan.to_string()).expect("written");
    server.cli(&["rollout", "start", "fraud", "--file", file.to_str().expect("UTF-8")]).ok();
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut number = 0;
    loop {
        for _ in 0..100 {
            let (body, _) = payment(number);
            let mut body: Value = serde_json::from_str(&body).expect("JSON");
            let is_north = number % 24 >= 12;
            let region = if is_north { "north" } else { "south" };
            let tensor =
                json!({"name": "region", "shape": [1], "datatype": "BYTES", "data": [region]});
            body["inputs"].as_array_mut().expect("a list").push(tensor);
            let answer = connection.ask("fraud", &body.to_string(), "").expect("answers");
            assert_eq!(answer.0, 200, "{}", answer.2);
            number += 1;
        }
        let now = server.rollout();
        if !now["ended_at"].is_null() {
            println!(
                "a group flagged twice as often: rolled back after {} canary requests",
                now["candidates"]
            );
            assert_eq!(now["reason"], "mix of region=north", "{now:#}");
            break;
        }
        assert!(number < 20_000, "never: {now:#}");
    }
}

/// Fail closed, and the declared answer: with a dead version tried, sent back, and switched off.
#[test]
fn the_declared_fallback_answers_whatever_is_switched() {
    let dead = crate::rollouts::DEAD.to_owned();
    let server = serve(&[flags_from(0.98), dead], &["--fallback", "0.25"]);
    let callers = Callers::start(&server, 1);
    callers.wait_for(1_200);
    let start = ["rollout", "start", "fraud", "--version", "2", "--step", "25:100000:1h"];
    server.cli(&start).ok();
    let ended = server.reaches("rolled_back");
    callers.wait_for(50);
    let answers = callers.stop();
    assert_eq!(ended["reason"], "errors", "failures count although the fallback answered");
    assert!(answers.iter().all(|status| *status == 200), "nobody heard of it");
    let ask = || {
        let mut connection = Connection::open(server.address()).expect("connects");
        let (status, _, answer) = connection.ask("fraud", &payment(1).0, "").expect("answers");
        (status, answer)
    };
    assert!(!ask().1.contains("\"fallback\":true"), "the version before answers again");
    server.cli(&["deployment", "kill", "fraud"]).ok();
    assert!(ask().1.contains("0.25"));
    server.cli(&["deployment", "update", "fraud", "--fallback", "none"]).ok();
    assert_eq!(ask().0, 503, "fails closed");
    server.cli(&["deployment", "revive", "fraud"]).ok();
    assert_eq!(ask().0, 200);
}
