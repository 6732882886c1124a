//! "Why was I declined?", answered from the record: with the answer, after it, and later.

use crate::harness::{Http, Server, demo, get, requests};
use plimsoll_ledger::LedgerReader;
use plimsoll_types::record::{DeferredExplanation, Kind};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// The demo's credit deployment, explained as `explain` says with its own profile.
fn explained(server: Server, explain: &str) -> Server {
    let server = server.with_credit("durable");
    let profile = demo("credit/explain-profile.yaml");
    let profile = profile.to_str().expect("UTF-8");
    let update = ["deployment", "update", "credit-default", "--explain", explain];
    server.cli(&[&update[..], &["--explain-profile", profile]].concat()).ok();
    server
}

/// The request, asking why.
fn asking(body: &str) -> String {
    let mut request: Value = serde_json::from_str(body).expect("JSON");
    request["parameters"]["explain"] = true.into();
    request.to_string()
}

fn tensor<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let outputs = answer["outputs"].as_array().expect("a list");
    outputs.iter().find(|output| output["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

fn numbers(tensor: &Value) -> Vec<f64> {
    tensor["data"].as_array().expect("a list").iter().map(|v| v.as_f64().expect("number")).collect()
}

fn id(answer: &Http) -> String {
    answer.header("plimsoll-decision-id").expect("an id").to_owned()
}

#[test]
fn an_inline_explanation_adds_up_and_is_told_to_each_reader() {
    let server = explained(Server::dev(), "inline");
    let expected: Value = serde_json::from_str(
        &std::fs::read_to_string(demo("credit/expected.json")).expect("committed"),
    )
    .expect("JSON");
    let mut declined = None;
    for (body, margin) in requests().iter().zip(expected["margins"].as_array().expect("a list")) {
        let answer = server.infer(&asking(body), &[]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        let said = answer.json();
        let contributions = numbers(tensor(&said, "explanation.contributions"));
        assert_eq!(contributions.len(), 25);
        assert_eq!(tensor(&said, "explanation.features")["data"][0], "age");
        let base = numbers(tensor(&said, "explanation.base"))[0];
        let margin = margin.as_f64().expect("a number");
        let sum = base + contributions.iter().sum::<f64>();
        assert!((sum - margin).abs() <= 1e-5 * (1.0 + margin.abs()), "{sum} for {margin}");
        let probability = said["outputs"][0]["data"][0].as_f64().expect("a number");
        let reasons = tensor(&said, "explanation.reasons");
        let count = reasons["data"].as_array().expect("a list").len();
        assert!((1..=4).contains(&count), "{reasons}");
        if probability >= 0.2 {
            declined.get_or_insert(id(&answer));
        }
    }
    let declined = declined.expect("somebody is declined");
    let told = server.cli(&["decision", "explain", &declined, "--json"]).json();
    assert_eq!(told["source"], "inline");
    let account = &told["account"];
    assert_eq!(account["is_adverse"], true);
    assert_eq!(account["language"], "en");
    let change = account["change"].as_str().expect("something can change");
    assert!(change.starts_with("The result would have been different with"), "{change}");
    assert!(account["figures"].is_null() && account["reasons"][0]["contribution"].is_null());
    let german = ["decision", "explain", &declined, "--language", "de", "--for", "officer"];
    let told = server.cli(&german).ok();
    assert!(told.contains("für Sie ungünstig") && told.contains("tree_path_dependent"), "{told}");
    let shown = server.cli(&["decision", "explain", &declined, "--language", "fr"]);
    assert_eq!(shown.code, 1);
    assert!(shown.stderr.contains("en, de"), "{}", shown.stderr);
}

#[test]
fn who_does_not_ask_is_not_told_and_the_record_has_it_all_the_same() {
    let server = explained(Server::dev(), "inline");
    let body = &requests()[0];
    let quiet = server.infer(body, &[]);
    assert_eq!(quiet.json()["outputs"].as_array().expect("a list").len(), 1);
    let told = server.cli(&["decision", "explain", &id(&quiet), "--for", "engineer", "--json"]);
    let told = told.json();
    assert_eq!(told["source"], "inline");
    let residual = told["account"]["figures"]["residual"].as_f64().expect("a number");
    assert!(residual.abs() < 1e-5, "{residual}");
    // Asked again under the same key, it is the same answer, explanation and all.
    let key = [("idempotency-key", "why-1")];
    let (first, again) = (server.infer(&asking(body), &key), server.infer(&asking(body), &key));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(first.body, again.body);
    // Where nothing is explained with the answer, asking for it is refused.
    server.cli(&["deployment", "update", "credit-default", "--explain", "off"]).ok();
    let refused = server.infer(&asking(body), &[]);
    assert_eq!((refused.status, refused.json()["field"].as_str()), (400, Some("explain")));
    // And a decision without a recorded explanation is explained when somebody asks.
    let later = server.infer(body, &[]);
    let told = server.cli(&["decision", "explain", &id(&later), "--json"]).json();
    assert_eq!(told["source"], "computed");
}

#[test]
fn every_decision_is_explained_after_the_reply_exactly_once_through_crashes() {
    let mut server = explained(Server::dev(), "deferred");
    let bodies = requests();
    let mut ids = Vec::new();
    for round in 0..4 {
        for body in &bodies[round * 40..(round + 1) * 40] {
            let answer = server.infer(body, &[]);
            assert_eq!(answer.status, 200, "{}", answer.body);
            ids.push(id(&answer));
        }
        // At some moment of its work.
        std::thread::sleep(Duration::from_millis(130 * round as u64));
        let folder = server.kill();
        server = Server::start_in(folder, &["--dev"]);
    }
    let last = ids.last().expect("asked");
    let mut source = String::new();
    for _ in 0..200 {
        let told = server.cli(&["decision", "explain", last, "--json"]).json();
        source = told["source"].as_str().expect("a word").to_owned();
        if source == "deferred" {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(source, "deferred");
    let (keys, data) = (server.keys_folder(), server.data_folder());
    let (_folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let reader = LedgerReader::open(&data, Some(&keys)).expect("opens");
    let (mut answers, mut made) = (HashMap::new(), HashMap::new());
    for entry in reader.entries(0) {
        let entry = entry.expect("reads");
        match entry.leaf.draft.kind {
            Kind::Decision => drop(answers.insert(entry.leaf.draft.id, entry.index)),
            Kind::Explanation => {
                let body = DeferredExplanation::decode(&reader.open_body(&entry).expect("opens"));
                let body = body.expect("decodes");
                assert!(body.made.is_ok());
                let twice = made.insert(entry.leaf.draft.id, body.decision);
                assert_eq!(twice, None, "a decision is explained twice");
            }
            _ => {}
        }
    }
    assert_eq!(answers.len(), ids.len());
    assert_eq!(answers, made);
}

#[test]
fn a_profile_that_does_not_fit_is_refused_with_the_place() {
    let server = Server::dev().with_credit("durable");
    let folder = tempfile::tempdir().expect("temp");
    let path = folder.path().join("profile.yaml");
    std::fs::write(&path, "{version: 1, features: {shoe_size: {hidden: true}}}").expect("writes");
    let path = path.to_str().expect("UTF-8");
    let update = ["deployment", "update", "credit-default", "--explain-profile", path];
    let said = server.cli(&update);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("features.shoe_size: is not a feature"), "{}", said.stderr);
    let contract = demo("credit/contract.yaml");
    let contract = contract.to_str().expect("UTF-8");
    let checked = server.cli(&["explain-profile", "check", path, "--contract", contract]);
    assert_eq!(checked.code, 1);
    assert!(checked.stdout.contains("features.shoe_size"), "{}", checked.stdout);
    let drafted = server.cli(&["explain-profile", "draft", contract]).ok();
    assert!(drafted.contains("net income of the applicant"), "{drafted}");
}

/// Background rows for the demo's cancer model: its requests, as the file that a version keeps.
fn cancer_background() -> Value {
    let lines = std::fs::read_to_string(demo("cancer/requests.jsonl")).expect("committed");
    let rows: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // The context comes first.
    let tensors = |row: &Value| row["inputs"].as_array().expect("a list")[4..].to_vec();
    let names: Vec<Value> = tensors(&rows[0]).iter().map(|t| t["name"].clone()).collect();
    let values = |row: &Value| tensors(row).iter().map(|t| t["data"][0].clone()).collect::<Value>();
    serde_json::json!({
        "format": "plimsoll-background 1", "features": names,
        "rows": rows.iter().map(values).collect::<Value>(),
    })
}

#[test]
fn a_version_says_what_it_goes_by() {
    let server = Server::dev();
    let key = server.admin_key.as_deref();
    let ask = |path: &str| get(server.control(), &format!("/api/v1/models/cancer/{path}"), key);
    let model = demo("cancer/model.json").to_string_lossy().into_owned();
    server.cli(&["model", "add", "cancer", &model]).ok();
    let without = ask("versions/1/report");
    assert_eq!(without.status, 409, "{}", without.body);
    let rows = server.folder.path().join("background.json");
    std::fs::write(&rows, cancer_background().to_string()).expect("write");
    let rows = format!("background={}", rows.display());
    server.cli(&["model", "add", "cancer", &model, "--file", &rows]).ok();
    let report = ask("versions/2/report");
    assert_eq!(report.status, 200, "{}", report.body);
    let report = report.json();
    assert_eq!((&report["rows"], &report["title"]), (&64.into(), &"cancer/2".into()));
    let of = |list: &str| report[list].as_array().expect("a list").clone();
    let number = |value: &Value| value.as_f64().expect("a number");
    assert_eq!(of("importance").len(), 30);
    let sizes: Vec<f64> = of("importance").iter().map(|one| number(&one["mean_abs"])).collect();
    assert!(sizes.is_sorted_by(|a, b| a >= b) && sizes[0] > 0.1, "{sizes:?}");
    assert!(!of("features").is_empty());
    for feature in of("features") {
        let contributions = feature["contributions"].as_array().expect("a list");
        let mean = contributions.iter().map(|value| number(value).abs()).sum::<f64>() / 64.0;
        let told = number(&feature["mean_abs"]);
        assert!((mean - told).abs() < 1e-9 * (1.0 + told), "{mean} for {told}");
    }
    assert_eq!(ask("versions/2/report").json(), report, "the second time");
    assert_eq!(ask("versions/2/report?output=1").status, 422);
    assert_eq!(ask("versions/9/report").status, 404);
}
