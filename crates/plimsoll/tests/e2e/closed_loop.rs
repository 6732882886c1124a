//! The loop closes by itself: a finding asks, a model is trained, gated, tried under traffic and
//! answers; nobody is asked at T1, people are at T3; once, whatever moment the server dies at.
//!
//! `PLIMSOLL_LOOP_ROUNDS` sets the deaths (4 by default, 50 and more in `make soak`).

use crate::crash::setting;
use crate::governance::{People, facts, key_of, text};
use crate::harness::{BINARY, Connection, Server, demo, get, requests};
use crate::sinks::{Receiver, json as event};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a test waits for what has to come, in looks.
const PATIENCE: usize = 1_800;

/// A server that knows one trainer: this script.
fn server(folder: &Arc<tempfile::TempDir>, script: &str, args: &[&str]) -> Server {
    let path = folder.path().join("trainers.toml");
    let command = ["/bin/sh", "-c", script];
    let text = format!("[own]\ncommand = {command:?}\ntimeout_seconds = 120\nmemory_mib = 4096\n");
    std::fs::write(&path, text).expect("written");
    let set = format!("retrain.trainers_file={}", path.display());
    Server::start_in(Arc::clone(folder), &[args, &["--set", &set]].concat())
}

/// Copies the demo's model, with the retraining's id as a file beside it.
fn copies(slow: &str) -> String {
    let model = text(&demo("credit/model.json"));
    format!(
        "{slow} cp {model} \"$PLIMSOLL_RETRAIN_OUT/model.json\"; \
         echo $PLIMSOLL_RETRAIN > \"$PLIMSOLL_RETRAIN_OUT/run.txt\""
    )
}

/// A finding of performance asks; candidates are tried in shadow, then on half of the traffic.
const POLICY: [&str; 16] = [
    "retrain",
    "policy",
    "set",
    "credit-default",
    "--trainer",
    "own",
    "--when",
    "performance",
    "--step",
    "shadow:20:1s",
    "--step",
    "50:20:1s",
    "--cooldown-hours",
    "0",
    "--budget",
    "100",
];

fn report(server: &Server, key: Option<&str>, kind: &str, about: &str) -> Value {
    let args = ["finding", "report", "credit-default", "--kind", kind, "--about", about];
    server.cli_as(key, &[&args[..], &["--text", "it fell", "--json"]].concat()).json()
}

fn retrains(server: &Server, key: Option<&str>) -> Vec<Value> {
    let page = server.cli_as(key, &["retrain", "list", "--json"]).json();
    page["items"].as_array().expect("a list").clone()
}

/// Waits until the last retraining is as told, and shows it.
fn wait(server: &Server, key: Option<&str>, is: impl Fn(&Value) -> bool) -> Value {
    for _ in 0..PATIENCE {
        if let Some(last) = retrains(server, key).first()
            && is(last)
        {
            let id = last["id"].as_str().expect("an id");
            return server.cli_as(key, &["retrain", "show", id, "--json"]).json();
        }
        std::thread::sleep(LOOK_EVERY);
    }
    panic!("{:?}\n{}", retrains(server, key), server.said());
}

fn trial(one: &Value) -> &str {
    one["trial"]["state"].as_str().unwrap_or_default()
}

fn states(one: &Value) -> Vec<&str> {
    let story = one["story"].as_array().expect("a story");
    let mut states: Vec<&str> = story.iter().filter_map(|step| step["state"].as_str()).collect();
    states.dedup();
    states
}

fn released(server: &Server, key: Option<&str>) -> u64 {
    let shown = server.cli_as(key, &["deployment", "show", "credit-default", "--json"]).json();
    shown["released"]["number"].as_u64().expect("a version answers")
}

fn finding<'a>(list: &'a Value, about: &str) -> Option<&'a Value> {
    list["items"].as_array().expect("a list").iter().find(|one| one["about"] == about)
}

/// Callers that ask all the time, of whichever server stands at the address now.
struct Load {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Load {
    fn on(server: &Server, key: Option<&str>) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (to, halt, count) = (server.address(), Arc::clone(&stop), Arc::clone(&asked));
        let header = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
        let thread = std::thread::spawn(move || {
            let bodies = requests();
            let mut connection = None;
            for n in 0_usize.. {
                if halt.load(Ordering::Relaxed) {
                    return;
                }
                let open = match connection.take() {
                    Some(open) => Ok(open),
                    None => Connection::open(to),
                };
                if let Ok(mut open) = open
                    && let Ok((200, ..)) = open.infer(&bodies[n % bodies.len()], &header)
                {
                    connection = Some(open);
                    count.fetch_add(1, Ordering::Relaxed);
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        Self { stop, asked, thread: Some(thread) }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[test]
fn from_a_finding_to_a_version_that_answers_without_a_person() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = server(&folder, &copies(""), &["--dev"]).with_credit("durable");
    let load = Load::on(&server, None);
    // Rows enough for a reference: it is trained on them, and watched against them.
    while load.asked.load(Ordering::Relaxed) < 250 {
        std::thread::sleep(LOOK_EVERY);
    }
    server.cli(&POLICY).ok();
    let asked = report(&server, None, "performance", "auc");
    let one = wait(&server, None, |one| trial(one) == "promoted");
    assert_eq!(
        states(&one),
        ["queued", "training", "registering", "candidate", "gate", "rollout", "promoted"],
        "{one:#}"
    );
    assert_eq!((&one["version"], released(&server, None)), (&json!(2), 2));
    assert!(load.asked.load(Ordering::Relaxed) > 40);
    // Nobody set a reference; the version has had one since before it answered.
    let watched = get(server.control(), "/api/v1/deployments/credit-default/monitoring", None);
    let watched = watched.json();
    let origin = watched["reference"]["origin"].as_str().unwrap_or_default();
    let id = one["id"].as_str().expect("an id");
    assert!(origin.starts_with(&format!("rows of retraining {id}")), "{watched}");
    assert_eq!(watched["reference"]["version"], 2, "{watched}");
    let open = server.cli(&["finding", "list", "--kind", "unwatched", "--state", "open", "--json"]);
    assert_eq!(open.json()["items"], json!([]), "unwatched");
    let said = server.cli(&["retrain", "show", one["id"].as_str().expect("an id")]).ok();
    assert!(said.contains("promoted") && said.contains("its rollout ended well"), "{said}");
    // What asked for it is over, and asks anew if it is seen again.
    let id = asked["id"].as_str().expect("an id");
    let seen = server.cli(&["finding", "show", id, "--json"]).json();
    assert_eq!(seen["state"], "resolved", "{seen}");
    report(&server, None, "performance", "auc");
    let next = wait(&server, None, |one| one["version"] == 3 && trial(one) == "promoted");
    assert_eq!((retrains(&server, None).len(), released(&server, None)), (2, 3), "{next:#}");
    // Every change of state is in the ledger, with its reason.
    let events = server.cli(&["event", "list", "--limit", "1000", "--json"]).json();
    let steps: Vec<&Value> = events["items"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["action"] == "StepTrial" && one["stage"] == "intent")
        .collect();
    assert!(steps.len() >= 2, "{steps:?}");
    assert!(steps.iter().all(|one| one["payload"]["facts"]["reason"].is_string()), "{steps:?}");
    let started =
        events["items"].as_array().expect("a list").iter().filter(|one| {
            one["action"] == "Release" && one["payload"]["facts"]["retrain"].is_string()
        });
    assert_eq!(started.count(), 2);
}

#[test]
fn security_suspends_and_a_person_ends_it() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = server(&folder, &copies(""), &["--dev"]).with_credit("durable");
    let _load = Load::on(&server, None);
    let steps = ["--step", "shadow:20:1s", "--step", "10:1000000:1s"];
    server.cli(&[&POLICY[..8], &steps].concat()).ok();
    report(&server, None, "performance", "auc");
    wait(&server, None, |one| trial(one) == "rollout");
    let attack = report(&server, None, "security", "poisoned rows");
    let held = |word: &str| {
        wait(&server, None, |one| {
            one["trial"]["why"].as_str().is_some_and(|why| why.contains(word))
        })
    };
    held("suspended");
    let shown = || server.cli(&["rollout", "show", "credit-default", "--json"]).json();
    // Whatever was due at that moment, it stays held.
    for _ in 0..20 {
        assert_eq!((&shown()["phase"], &shown()["reason"]), (&json!("held"), &json!("security")));
        std::thread::sleep(LOOK_EVERY);
    }
    let id = attack["id"].as_str().expect("an id");
    server.cli(&["finding", "resolve", id, "--reason", "a drill"]).ok();
    let one = held("it goes on");
    // While it is on its way, no other begins.
    let more = ["retrain", "request", "credit-default", "--reason", "now"];
    assert!(server.cli(&more).stderr.contains("under way"));
    let id = one["id"].as_str().expect("an id");
    server.cli(&["retrain", "cancel", id, "--reason", "wrong data"]).ok();
    let one = wait(&server, None, |one| trial(one) == "cancelled");
    assert_eq!((&one["trial"]["why"], released(&server, None)), (&json!("wrong data"), 1));
    assert_eq!(shown()["phase"], "rolled_back");
}

/// Facts of a use that people oversee, and of little else.
fn light() -> Value {
    let mut light = facts();
    light["criticality"] = json!("non_critical");
    light["reviewed"] = json!({"part": 100, "whole": 100});
    light
}

/// Facts of a use that can harm customers.
fn harmful() -> Value {
    let mut harmful = facts();
    harmful["harms"] = json!(["denied_service"]);
    harmful
}

/// People, a deployment in production assessed by these facts, a policy by ada, and callers.
fn people(facts: &Value, tier: &str, folder: &Arc<tempfile::TempDir>) -> (People, String) {
    let key = folder.path().join("key.pem");
    let script = format!(
        "{}; echo '{{\"code\":\"train.py\",\"data\":\"rows\"}}' > \"$PLIMSOLL_RETRAIN_OUT/provenance.json\"; \
         {BINARY} model sign \"$PLIMSOLL_RETRAIN_OUT\" --signing-key {}",
        copies(""),
        key.display()
    );
    // Heads of the log are kept outside of the data folder, as T2 demands.
    let outside = folder.path().join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    let outside = format!("ledger.checkpoint_folder={}", text(&outside));
    let people = People::over(server(folder, &script, &["--set", &outside]));
    people.furnish();
    people.declare_as(facts, tier);
    let caller = key_of(&people.server, "shop", &["caller"]);
    (people, caller)
}

/// What a team's pipeline does: it runs the checks of the team's own and posts what they found.
fn pipeline(people: &People, version: &str) {
    let rows = text(&demo("credit/applications.csv"));
    let set = ["monitor", "reference", "set", "credit-default", &rows, "--version", version];
    people.ada(&set).ok();
    people.state(version);
    people.gate(version);
}

#[test]
fn at_t1_nobody_is_asked_each_time_as_somebody_else_trusts_the_policy() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let (people, caller) = people(&light(), "T1", &folder);
    let gate = people.gate("1");
    assert_eq!(gate.code, 0, "{}{}", gate.stdout, gate.stderr);
    people.approve(&people.bob, "1").ok();
    people.release("1").ok();
    people.ada(&POLICY).ok();
    let trust = ["retrain", "policy", "trust", "credit-default"];
    let own = people.ada(&trust);
    assert_eq!(own.code, 1, "who set it trusted it: {}", own.stdout);
    people.bob(&trust).ok();
    let _load = Load::on(&people.server, Some(&caller));
    let ada = Some(people.ada.as_str());
    report(&people.server, ada, "performance", "auc");
    // The build's checks are run by the server; the team's own by its pipeline.
    let one = wait(&people.server, ada, |one| {
        ["gate", "held", "gate_failed"].contains(&trial(one)) && one["trial"]["why"].is_string()
            || trial(one) == "rollout"
    });
    assert!(["gate", "rollout"].contains(&trial(&one)), "{one:#}");
    pipeline(&people, "3");
    let one = wait(&people.server, ada, |one| !one["trial"]["ended_at"].is_null());
    assert_eq!(trial(&one), "promoted", "{one:#}");
    assert_eq!(released(&people.server, ada), 3);
    assert!(one["trial"]["gate"].is_string(), "nothing is promoted without a gate result");
    // A policy that is set anew is trusted by nobody: the next one waits for a person.
    people.ada(&POLICY).ok();
    report(&people.server, ada, "performance", "auc");
    wait(&people.server, ada, |one| one["version"] == 4 && one["trial"]["why"].is_string());
    pipeline(&people, "4");
    let one = wait(&people.server, ada, |one| trial(one) == "held");
    let why = one["trial"]["why"].as_str().expect("said");
    assert!(why.contains("1 more people have to approve"), "{why}");
    people.approve(&people.bob, "4").ok();
    let one = wait(&people.server, ada, |one| !one["trial"]["ended_at"].is_null());
    assert_eq!((trial(&one), released(&people.server, ada)), ("promoted", 4), "{one:#}");
}

#[test]
fn at_t3_it_is_held_and_says_who_has_to_approve_what() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let (people, _) = people(&harmful(), "T3", &folder);
    let update = ["deployment", "update", "credit-default", "--explain", "inline"];
    people.ada(&[&update[..], &["--review", "sampled:0.1"]].concat()).ok();
    key_of(&people.server, "olga", &["reviewer"]);
    let rows = people.write("rows.json", &crate::gates::grouped());
    people.ada(&["gate", "evaluation", "credit-default", &rows]).ok();
    people.ada(&POLICY).ok();
    people.bob(&["retrain", "policy", "trust", "credit-default"]).ok();
    let ada = Some(people.ada.as_str());
    report(&people.server, ada, "performance", "auc");
    // Whoever asks is told that a person has to let training begin.
    let one = wait(&people.server, ada, |one| one["state"] == "waiting");
    let id = one["id"].as_str().expect("an id").to_owned();
    assert_eq!(people.ada(&["retrain", "approve", &id]).code, 1, "one's own policy");
    people.bob(&["retrain", "approve", &id]).ok();
    wait(&people.server, ada, |one| one["trial"]["why"].is_string());
    for (key, demand, more) in [
        (&people.bob, "DOC-01", &["--version", "3"][..]),
        (&people.rita, "REV-01", &["--version", "3"]),
        (&people.rita, "HUM-01", &[]),
        (&people.rita, "INC-01", &[]),
    ] {
        people.attest(key, demand, more).ok();
    }
    pipeline(&people, "3");
    let one =
        wait(&people.server, ada, |one| ["held", "gate_failed", "rollout"].contains(&trial(one)));
    assert_eq!(trial(&one), "held", "{one:#}");
    let list = people.ada(&["finding", "list", "--json"]).json();
    let told =
        finding(&list, "approval of a retrained version").expect("a finding")["text"].clone();
    let told = told.as_str().expect("text");
    for word in ["T3", "2 other people", "approver and risk", "gate approve credit-default", "3"] {
        assert!(told.contains(word), "`{word}` is not in: {told}");
    }
    // It stays so, though somebody trusts the policy: that is for T1.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(trial(&retrains(&people.server, ada)[0]), "held");
}

#[test]
fn limits_that_are_broken_in_a_row_become_findings_and_ask_for_training() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let quick = ["--dev", "--set", "monitor.slot=1s"];
    let server = server(&folder, &copies(""), &quick).with_credit("durable");
    let set = ["monitor", "limits", "set", "credit-default"];
    assert_eq!(server.cli(&[&set[..], &["--limit", "acuracy>=0.9"]].concat()).code, 1);
    server.cli(&[&set[..], &["--limit", "accuracy>=0.9", "--window", "40"]].concat()).ok();
    let shown = server.cli(&["monitor", "limits", "show", "credit-default"]).ok();
    assert!(shown.contains("accuracy") && shown.contains("0.9"), "{shown}");
    server.cli(&[&POLICY[..8], &["--candidate-only"]].concat()).ok();
    let tell = |count: usize, is_right: bool| {
        let bodies = requests();
        let mut lines = String::new();
        for body in bodies.iter().take(count) {
            let answer = server.infer(body, &[]);
            let id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
            let said = answer.json()["outputs"][0]["data"][0].as_f64().expect("a number") >= 0.5;
            lines.push_str(&format!("{}\n", json!({"decision": id, "value": said == is_right})));
        }
        let media = [("content-type", "application/x-ndjson")];
        let path = "/api/v1/outcomes";
        let answer = crate::harness::post(server.control(), path, lines.as_bytes(), &media);
        assert_eq!(answer.status, 200, "{}", answer.body);
    };
    let findings = || server.cli(&["finding", "list", "--kind", "performance", "--json"]).json();
    let count = |found: &Value| found["items"].as_array().expect("a list").len();
    // Right, then one window of wrong answers: not often enough.
    tell(40, true);
    tell(40, false);
    std::thread::sleep(Duration::from_secs(6));
    assert_eq!(count(&findings()), 0);
    tell(40, false);
    for _ in 0..PATIENCE {
        if count(&findings()) > 0 {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let found = findings();
    let one = finding(&found, "accuracy").expect("a finding");
    assert!(one["text"].as_str().expect("text").contains("it must be 0.9 at least"), "{one}");
    let one = wait(&server, None, |one| one["state"] == "candidate");
    assert_eq!((&one["trigger"], one["trial"].is_null()), (&json!("finding"), true), "{one:#}");
}

/// Kills at moments all over the loop; in the end there is one of everything.
#[test]
fn however_often_the_server_dies_the_loop_closes_once() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let receiver = Receiver::start(true);
    let quick = ["--dev", "--set", "sinks.retry_first=20ms", "--set", "sinks.retry_max=200ms"];
    let script = copies("sleep 0.3;");
    let mut server = server(&folder, &script, &quick).with_credit("durable");
    let url = receiver.url();
    server.cli(&["alert", "route", "add", "ops", "webhook", &url, "--severity", "info"]).ok();
    server.cli(&["finding", "settings", "credit-default", "--budget", "1000"]).ok();
    server.cli(&POLICY).ok();
    let rounds = setting("PLIMSOLL_LOOP_ROUNDS", 4);
    let mut loops = 0;
    for round in 0..rounds {
        // Each loop is interrupted several times, at moments that move.
        if round.is_multiple_of(4) {
            report(&server, None, "performance", "auc");
            loops += 1;
        }
        let load = Load::on(&server, None);
        std::thread::sleep(Duration::from_millis(150 + (round * 379) % 2_300));
        drop(load);
        drop(server.kill());
        server = self::server(&folder, &script, &quick);
        if round % 4 == 3 {
            let _load = Load::on(&server, None);
            wait(&server, None, |one| trial(one) == "promoted");
        }
    }
    let _load = Load::on(&server, None);
    let one = wait(&server, None, |one| trial(one) == "promoted");
    let all = retrains(&server, None);
    assert_eq!(all.len(), loops, "no duplicate retrain: {all:#?}");
    assert!(all.iter().all(|one| trial(one) == "promoted"), "{all:#?}");
    let count = u64::try_from(loops).expect("few");
    let page = get(server.control(), "/api/v1/models/credit/versions", None).json();
    assert_eq!(page["items"].as_array().expect("a list").len(), loops + 1);
    assert_eq!(released(&server, None), count + 1);
    let rollouts = server.cli(&["rollout", "list", "credit-default", "--json"]).json();
    let rollouts = rollouts["items"].as_array().expect("a list");
    assert_eq!(rollouts.len(), loops, "no candidate is tried twice: {rollouts:#?}");
    assert_eq!(states(&one).iter().filter(|state| **state == "promoted").count(), 1, "{one:#}");
    // What asked was told under one id for each opening and each end, however often it was sent.
    let findings = server.cli(&["finding", "list", "--json"]).json();
    let asked = finding(&findings, "auc").expect("no finding is lost");
    assert_eq!((&asked["openings"], &asked["state"]), (&json!(loops), &json!("resolved")));
    let waiting = || server.cli(&["alert", "list", "--state", "waiting", "--json"]).json();
    for _ in 0..PATIENCE {
        if waiting()["items"].as_array().is_some_and(Vec::is_empty) {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let mut told: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in receiver.wait(|_| true).iter().map(event) {
        if one["data"]["finding"]["about"] == "auc" {
            let begins = ["opened", "returned"].iter().any(|what| one["data"]["what"] == *what);
            let what = if begins { "begun" } else { "over" };
            told.entry(what).or_default().insert(one["id"].as_str().expect("an id").to_owned());
        }
    }
    let count = |what: &str| told.get(what).map_or(0, BTreeSet::len);
    assert_eq!((count("begun"), count("over")), (loops, loops), "{told:?}");
}

/// The story of the demo's trainer: XGBoost, to a version that answers.
#[test]
fn xgboost_learns_again_and_its_model_answers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (python, script) = (root.join(".venv/demo/bin/python"), root.join("demo/retrain.py"));
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let script = format!("{} {}", python.display(), script.display());
    let server = server(&folder, &script, &["--dev"]).with_credit("durable");
    let _load = Load::on(&server, None);
    server.cli(&POLICY).ok();
    report(&server, None, "performance", "auc");
    let one = wait(&server, None, |one| !one["trial"]["ended_at"].is_null());
    assert_eq!((trial(&one), released(&server, None)), ("promoted", 2), "{one:#}");
    let version = server.cli(&["model", "show", "credit", "--version", "2", "--json"]).json();
    assert_eq!(version["facts"]["trees"], 60, "{version}");
}
