//! Training again end to end: a finding asks, a trainer trains, a candidate is registered; once,
//! whatever moment the server dies at.

use crate::crash::setting;
use crate::harness::{Server, demo, get, requests};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A server that knows a trainer of this command; what it makes is the demo's own model, with the
/// id of the retraining as a file beside it.
fn server(folder: &Arc<tempfile::TempDir>, command: &[&str]) -> Server {
    let path = folder.path().join("trainers.toml");
    let text = format!("[own]\ncommand = {command:?}\ntimeout_seconds = 120\nmemory_mib = 4096\n");
    std::fs::write(&path, text).expect("written");
    let set = format!("retrain.trainers_file={}", path.display());
    Server::start_in(Arc::clone(folder), &["--dev", "--set", &set])
}

fn copies(slow: &str) -> String {
    let model = demo("credit/model.json");
    let model = model.to_str().expect("text").to_owned();
    format!(
        "echo learning; test -s \"$PLIMSOLL_RETRAIN_DATA\" || exit 5; {slow} \
         cp {model} \"$PLIMSOLL_RETRAIN_OUT/model.json\"; \
         echo $PLIMSOLL_RETRAIN > \"$PLIMSOLL_RETRAIN_OUT/run.txt\"; echo learned"
    )
}

fn ask(server: &Server, count: usize) {
    for body in requests().iter().take(count) {
        assert_eq!(server.infer(body, &[]).status, 200);
    }
}

fn report(server: &Server, kind: &str) -> Value {
    let args = [
        "finding",
        "report",
        "credit-default",
        "--kind",
        kind,
        "--about",
        "auc",
        "--text",
        "it fell",
        "--json",
    ];
    server.cli(&args).json()
}

fn retrains(server: &Server) -> Vec<Value> {
    let page = server.cli(&["retrain", "list", "--json"]).json();
    page["items"].as_array().expect("a list").clone()
}

fn wait(server: &Server, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    for _ in 0..1_500 {
        let found = retrains(server);
        if enough(&found) {
            return found;
        }
        std::thread::sleep(Duration::from_millis(40));
    }
    panic!("{:?}", retrains(server));
}

fn id(one: &Value) -> &str {
    one["id"].as_str().expect("an id")
}

fn versions(server: &Server) -> usize {
    let page = get(server.control(), "/api/v1/models/credit/versions", None).json();
    page["items"].as_array().expect("a list").len()
}

#[test]
fn a_finding_asks_a_trainer_trains_and_a_candidate_is_registered() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let script = copies("");
    let server = server(&folder, &["/bin/sh", "-c", &script]).with_credit("durable");
    ask(&server, 40);
    let unknown = ["retrain", "policy", "set", "credit-default", "--trainer", "other"];
    assert!(server.cli(&unknown).stderr.contains("retrain.trainers_file"));
    let set = [
        "retrain",
        "policy",
        "set",
        "credit-default",
        "--trainer",
        "own",
        "--when",
        "performance",
        "--exclude",
        "result <> 'answered'",
        "--candidate-only",
    ];
    server.cli(&set).ok();
    report(&server, "input_drift");
    report(&server, "performance");
    let found = wait(&server, |found| found.iter().any(|one| !one["ended_at"].is_null()));
    let one = &found[0];
    assert_eq!(
        (found.len(), &one["state"], &one["version"]),
        (1, &"candidate".into(), &2.into()),
        "{one}"
    );
    assert_eq!((&one["trigger"], &one["manifest"]["rows"]), (&"finding".into(), &40.into()));
    let log = server.cli(&["retrain", "log", id(one), "--follow"]).ok();
    assert_eq!(log, "learning\nlearned\n");
    // The version tells where it comes from, and answers nobody.
    let version = server.cli(&["model", "show", "credit", "--version", "2", "--json"]).json();
    let files: Vec<&str> = version["files"]
        .as_array()
        .expect("files")
        .iter()
        .map(|f| f["path"].as_str().expect("text"))
        .collect();
    assert_eq!(files, ["lineage.json", "model.json", "run.txt"]);
    let deployment = server.cli(&["deployment", "show", "credit-default", "--json"]).json();
    assert_eq!(deployment["released"]["number"], 1, "{deployment}");
    // Rows and results are gone; what was said stays.
    let place = server.data_folder().join("retrains").join(id(one));
    assert!(place.join("log").exists() && !place.join("in").exists());
    // The finding goes on; its cause asked once. By hand, the cooldown stops nobody.
    report(&server, "performance");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(retrains(&server).len(), 1);
    server.cli(&["retrain", "request", "credit-default", "--reason", "again"]).ok();
    wait(&server, |found| found.len() == 2 && found.iter().all(|one| one["state"] == "candidate"));
}

#[test]
fn security_holds_approval_waits_and_failures_are_told() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = server(&folder, &["/bin/sh", "-c", "echo no; exit 3"]).with_credit("durable");
    ask(&server, 3);
    let set = [
        "retrain",
        "policy",
        "set",
        "credit-default",
        "--trainer",
        "own",
        "--when",
        "performance",
        "--needs-approval",
        "--candidate-only",
    ];
    server.cli(&set).ok();
    let attack = report(&server, "security");
    report(&server, "performance");
    let request = ["retrain", "request", "credit-default", "--reason", "now"];
    let refused = server.cli(&request);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("security"), "{}", refused.stderr);
    assert!(retrains(&server).is_empty());
    server.cli(&["finding", "resolve", id(&attack), "--reason", "a drill"]).ok();
    let found = wait(&server, |found| !found.is_empty());
    assert_eq!(found[0]["state"], "waiting");
    server.cli(&["retrain", "approve", id(&found[0])]).ok();
    let found = wait(&server, |found| !found[0]["ended_at"].is_null());
    assert_eq!(found[0]["state"], "failed");
    assert!(found[0]["why"].as_str().expect("why").contains("code 3"), "{found:?}");
    assert_eq!(versions(&server), 1);
    let bad = ["--exclude", "1=1) UNION (SELECT 1"];
    assert_eq!(server.cli(&[&set[..], &bad].concat()).code, 1);
}

/// `PLIMSOLL_RETRAIN_ROUNDS` deaths (3 by default), each some moment later than the one before.
#[test]
fn however_often_the_server_dies_one_finding_makes_one_candidate() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let script = copies("sleep 1;");
    let command = ["/bin/sh", "-c", script.as_str()];
    let mut server = server_with_policy(&folder, &command);
    report(&server, "performance");
    for round in 0..setting("PLIMSOLL_RETRAIN_ROUNDS", 3) {
        std::thread::sleep(Duration::from_millis(300 + round % 5 * 450));
        drop(server.kill());
        server = self::server(&folder, &command);
        report(&server, "performance");
    }
    let found = wait(&server, |found| !found.is_empty() && !found[0]["ended_at"].is_null());
    assert_eq!((found.len(), &found[0]["state"]), (1, &"candidate".into()), "{found:?}");
    assert_eq!(versions(&server), 2);
    let findings = server.cli(&["finding", "list", "--json"]).json();
    assert_eq!(findings["items"].as_array().expect("a list").len(), 1);
    // No trainer outlived its server.
    let mark = format!("PLIMSOLL_RETRAIN={}", id(&found[0]));
    let processes = std::fs::read_dir("/proc").expect("Linux").map_while(Result::ok);
    let left = processes.filter(|entry| {
        let environ = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|one| one == mark.as_bytes())
    });
    assert_eq!(left.count(), 0);
}

fn server_with_policy(folder: &Arc<tempfile::TempDir>, command: &[&str]) -> Server {
    let server = server(folder, command).with_credit("durable");
    ask(&server, 3);
    let set =
        ["retrain", "policy", "set", "credit-default", "--trainer", "own", "--when", "performance"];
    server.cli(&[&set[..], &["--candidate-only"]].concat()).ok();
    server
}

/// A real trainer: XGBoost on the demo's history, the script of the repository.
#[test]
fn xgboost_learns_again_on_the_demos_history() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (python, script) = (root.join(".venv/demo/bin/python"), root.join("demo/retrain.py"));
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let command = [python.to_str().expect("text"), script.to_str().expect("text")];
    let server = server_with_policy(&folder, &command);
    server.cli(&["retrain", "request", "credit-default", "--reason", "a new month"]).ok();
    let found = wait(&server, |found| !found.is_empty() && !found[0]["ended_at"].is_null());
    let log = server.cli(&["retrain", "log", id(&found[0])]).ok();
    assert_eq!(found[0]["state"], "candidate", "{found:?}\n{log}");
    assert!(log.contains("AUC"), "{log}");
    let version = server.cli(&["model", "show", "credit", "--version", "2", "--json"]).json();
    assert_eq!(version["facts"]["trees"], 60, "{version}");
    // It fits the deployment, and answers when somebody releases it.
    server.cli(&["deployment", "release", "credit-default", "--version", "2"]).ok();
    ask(&server, 3);
}
