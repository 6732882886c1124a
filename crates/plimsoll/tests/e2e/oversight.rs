//! Forensics and human oversight from the command line: traces, replays, reviews, contests.

use crate::harness::{Server, demo, get, requests};
use serde_json::Value;
use std::path::Path;

fn text(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

fn key_of(server: &Server, who: &str, roles: &[&str]) -> String {
    let mut args = vec!["principal", "create", who, "--kind", "user"];
    roles.iter().for_each(|role| args.extend(["--role", role]));
    server.cli(&args).ok();
    let made = server.cli(&["key", "create", who, "--principal", who, "--json"]).json();
    made["secret"].as_str().expect("a secret").to_owned()
}

/// The demo's model with another base score: a candidate.
pub(crate) fn candidate(folder: &Path) -> String {
    let model = std::fs::read_to_string(demo("credit/model.json")).expect("the demo's model");
    let mut model: Value = serde_json::from_str(&model).expect("JSON");
    let base = &mut model["learner"]["learner_model_param"]["base_score"];
    let old = base.as_str().expect("a number").trim_matches(['[', ']']).to_owned();
    let old: f64 = old.parse().expect("a number");
    *base = format!("[{:E}]", (old + 0.2).min(0.9)).into();
    let path = folder.join("candidate.json");
    std::fs::write(&path, model.to_string()).expect("written");
    text(&path)
}

#[test]
fn a_decision_is_traced_and_computed_again_with_and_without_the_server() {
    let server = Server::dev().with_credit("strict");
    let silent = server.infer(&requests()[0], &[]);
    let silent = silent.header("plimsoll-decision-id").expect("an id").to_owned();
    let silent = server.cli(&["decision", "trace", &silent, "--json"]).json();
    assert!(silent["explanation"].is_null(), "what is not on record is not computed: {silent}");
    server.cli(&["deployment", "update", "credit-default", "--explain", "inline"]).ok();
    let asked = server.infer(&requests()[0], &[]);
    let id = asked.header("plimsoll-decision-id").expect("an id").to_owned();
    let trace = server.cli(&["decision", "trace", &id, "--json"]).json();
    let actions: Vec<&str> = trace["changes"]
        .as_array()
        .expect("changes")
        .iter()
        .map(|event| event["action"].as_str().expect("an action"))
        .collect();
    let expected = [
        "Start",
        "CreateModel",
        "CreateVersion",
        "CreateContract",
        "CreateDeployment",
        "Release",
        "UpdateDeployment",
    ];
    assert_eq!(actions, expected);
    assert_eq!(trace["model"]["version"], 1);
    assert_eq!(trace["records"][0]["kind"], "intent");
    assert_eq!(trace["model"]["facts"]["format"], "XGBoost JSON");
    assert_eq!(trace["explanation"]["source"], "inline");
    let reasons = trace["explanation"]["account"]["reasons"].as_array().expect("reasons");
    assert!(!reasons.is_empty() || trace["explanation"]["account"]["figures"].is_object());
    let why = trace["route"]["why"].as_str().expect("why");
    assert!(why.contains("version 1 is the primary, released by dev"), "{why}");
    let shown = server.cli(&["decision", "trace", &id]).ok();
    for word in ["CreateContract", "in force", "recorded with the decision", "/receipt", "strict"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }

    let replay = server.cli(&["decision", "replay", &id, "--json"]).json();
    assert_eq!(replay["result"], "bit_equal");
    let refused = server.infer("{}", &[]);
    let other = refused.header("plimsoll-decision-id").expect("an id").to_owned();
    assert_eq!(server.cli(&["decision", "replay", &other]).code, 2, "nothing to replay");
    assert_eq!(server.cli(&["decision", "trace", "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"]).code, 1);

    let (folder, _) = server.stop();
    let (data, keys) = (text(&folder.path().join("data")), text(&folder.path().join("keys")));
    let offline = ["decision", "replay", &id, "--data", &data, "--keys", &keys, "--json"];
    let run = |args: &[&str]| {
        let output = std::process::Command::new(crate::harness::BINARY).args(args).output();
        output.expect("runs")
    };
    let output = run(&offline);
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{stdout}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let offline_replay: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(offline_replay, replay, "both hands say the same");

    // A model file that was changed on disk is found out: verification failed.
    let artifact = replay["artifact"].as_str().expect("a digest");
    let path = folder.path().join("data/artifacts/sha256").join(&artifact[..2]).join(artifact);
    let mut bytes = std::fs::read(&path).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    assert_eq!(run(&offline).status.code(), Some(3));
}

#[test]
fn a_window_on_a_candidate_tells_what_would_change() {
    let server = Server::dev().with_credit("durable");
    for body in requests().iter().cycle().take(60) {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
    assert_eq!(server.infer("{}", &[]).status, 400);
    let folder = tempfile::tempdir().expect("temp");
    server.cli(&["model", "add", "credit", &candidate(folder.path())]).ok();
    let window = ["decision", "replay", "--deployment", "credit-default", "--from", "1h"];
    let same = server.cli(&[&window[..], &["--against", "1", "--json"]].concat()).json();
    assert_eq!((&same["decisions"], &same["not_answered"]), (&60.into(), &1.into()));
    assert_eq!((&same["agreement"], &same["changed_decisions"]), (&1.0.into(), &0.into()));
    let other = ["--against", "credit@2", "--threshold", "0.5", "--json"];
    let other = server.cli(&[&window[..], &other].concat()).json();
    assert_eq!(other["decisions"], 60);
    assert_eq!(other["equal_rows"], 0, "{other}");
    assert!(other["mean_after"].as_f64() > other["mean_before"].as_f64(), "{other}");
    assert_eq!(other["most_changed"].as_array().expect("rows").len(), 20);
    let changed = [&window[..], &["--against", "2", "--fail-on", "changed"]].concat();
    let said = server.cli(&changed);
    assert_eq!(said.code, 2, "any bit is a change: {}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("moved most"), "{}", said.stdout);
    assert_eq!(server.cli(&[&window[..], &["--against", "9"]].concat()).code, 1);
}

#[test]
fn a_held_answer_waits_for_a_person_who_did_not_ask_for_it() {
    let server = Server::production();
    let engineer = key_of(&server, "ada", &["ml-engineer"]);
    let approver = key_of(&server, "bob", &["approver"]);
    let shop = key_of(&server, "shop", &["caller"]);
    let both = key_of(&server, "both", &["caller", "reviewer"]);
    let rita = key_of(&server, "rita", &["reviewer"]);
    let auditor = key_of(&server, "erin", &["auditor"]);
    let as_ = |key: &str, args: &[&str]| server.cli_as(Some(key), args);
    let (model, contract) = (text(&demo("credit/model.json")), text(&demo("credit/contract.yaml")));
    as_(&engineer, &["model", "add", "credit", &model]).ok();
    let create = ["deployment", "create", "credit-default", "--model", "credit"];
    let rest = ["--contract", &contract, "--environment", "staging", "--review", "held"];
    as_(&engineer, &[&create[..], &rest].concat()).ok();
    as_(&approver, &["deployment", "release", "credit-default", "--version", "1"]).ok();

    let ask = |key: &str| {
        let auth = format!("Bearer {key}");
        let asked = server.infer(&requests()[0], &[("authorization", &auth)]);
        let id = asked.header("plimsoll-decision-id").expect("an id").to_owned();
        (asked, id)
    };
    let (asked, id) = ask(&shop);
    assert_eq!((asked.status, asked.header("retry-after")), (202, Some("30")), "{}", asked.body);
    assert_eq!(asked.json()["outputs"], serde_json::json!([]));
    let path = format!("/v2/decisions/{id}/answer");
    let fetch = |key: &str| get(server.address(), &path, Some(key));
    assert_eq!(fetch(&shop).status, 202);
    assert_eq!(fetch(&both).status, 403, "another's answer");

    let (_, own) = ask(&both);
    let said = as_(&both, &["review", "accept", &own]);
    assert_eq!(said.code, 2, "who asked reviewed: {}", said.stdout);
    let list = as_(&rita, &["review", "list", "--json"]).json();
    assert_eq!(list["items"].as_array().expect("a list").len(), 2);
    let reason = ["--reason", "income was mistyped"];
    let put = [&["review", "override", &id, "--outputs", "0.125"][..], &reason].concat();
    as_(&rita, &put).ok();
    assert_eq!(as_(&rita, &put).code, 1, "a second last word");
    let answer = fetch(&shop);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    assert_eq!(answer["outputs"][0]["data"], serde_json::json!([0.125]));
    assert_eq!(answer["parameters"]["review"], "overridden");
    let same = get(server.control(), &format!("/api/v1/decisions/{id}/answer"), Some(&shop));
    assert_eq!(same.json(), answer);

    as_(&shop, &["review", "contest", &id, "--reason", "I moved in March"]).ok();
    as_(&rita, &["review", "accept", &id]).ok();
    as_(&rita, &["review", "accept", &own]).ok();
    let shown = as_(&rita, &["review", "show", &id]).ok();
    for word in ["overridden", "contested", "accepted", "I moved in March"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    let summary = as_(&auditor, &["review", "summary", "--json"]).json();
    let one = &summary["deployments"][0];
    assert_eq!(
        (&one["decisions"], &one["reviewed"], &one["contested"]),
        (&2.into(), &2.into(), &1.into()),
        "{one}"
    );
    let trace = as_(&auditor, &["decision", "trace", &id, "--json"]).json();
    assert_eq!(trace["records"].as_array().expect("records").len(), 3, "{trace}");
    // What the model said is still on record, and comes out to the bit.
    assert_eq!(as_(&auditor, &["decision", "replay", &id]).code, 0);
}
