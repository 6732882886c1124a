//! What a running server sees by itself: references of versions that were trained on known rows, answers
//! that become worse though no input moves, groups that are treated further apart than is put up with.

use crate::harness::{Connection, Server, get, post};
use crate::rollouts::flags_from;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a test waits for what has to come, in looks.
const PATIENCE: usize = 600;
const DAY: u64 = 86_400;

const CONTRACT: &str = "
version: 1
features:
  - { name: amount, kind: number, min: 0, max: 1 }
  - { name: hour, kind: number, min: 0, max: 24 }
context:
  - { name: region, kind: category, values: [north, south] }
map:
  slices: [{ field: region }]
";

struct Fraud {
    server: Server,
    folder: Arc<tempfile::TempDir>,
}

impl Fraud {
    /// A server with a model, whose days are those of a file.
    fn new(versions: &[f64]) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("temp"));
        std::fs::write(folder.path().join("ahead"), "0").expect("written");
        let ahead = format!("clock.ahead_file={}", folder.path().join("ahead").display());
        let args = ["--dev", "--set", "monitor.slot=1s", "--set", &ahead];
        let fraud = Self { server: Server::start_in(Arc::clone(&folder), &args), folder };
        for (number, from) in versions.iter().enumerate() {
            let file = fraud.write(&format!("v{number}.json"), &flags_from(*from));
            fraud.server.cli(&["model", "add", "fraud", &file]).ok();
        }
        fraud
    }
    fn deploy(&self) {
        let contract = self.write("contract.yaml", CONTRACT);
        let create = ["deployment", "create", "fraud", "--model", "fraud", "--version", "1"];
        let more = ["--contract", &contract, "--environment", "development"];
        self.server.cli(&[&create[..], &more].concat()).ok();
    }
    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }
    fn morning(&self, day: u64) {
        let next = self.write("next", &(day * DAY).to_string());
        std::fs::rename(next, self.folder.path().join("ahead")).expect("renamed");
        std::thread::sleep(LOOK_EVERY);
    }
    /// Asks about payments of these amounts and regions; the ids of the decisions, and the answers.
    fn ask(&self, payments: impl Iterator<Item = (f64, &'static str)>) -> Vec<(String, bool)> {
        let mut connection = Connection::open(self.server.address()).expect("connects");
        payments
            .enumerate()
            .map(|(n, (amount, region))| {
                let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]});
                let inputs = json!([
                    tensor("amount", "FP64", json!(amount)),
                    tensor("hour", "FP64", json!(n % 24)),
                    tensor("region", "BYTES", json!(region)),
                ]);
                let body = json!({ "inputs": inputs }).to_string();
                let (status, id, answer) = connection.ask("fraud", &body, "").expect("answers");
                assert_eq!(status, 200, "{answer}");
                let answer: Value = serde_json::from_str(&answer).expect("JSON");
                let score = answer["outputs"][0]["data"][0].as_f64().expect("a score");
                (id, score >= 0.5)
            })
            .collect()
    }
    /// Waits for an open finding of this kind.
    fn finding(&self, kind: &str) -> Value {
        for _ in 0..PATIENCE {
            if let Some(found) = self.findings(kind).into_iter().next() {
                return found;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("no finding of {kind}\n{}", self.server.said());
    }
    fn findings(&self, kind: &str) -> Vec<Value> {
        let list =
            self.server.cli(&["finding", "list", "--state", "open", "--kind", kind, "--json"]);
        list.json()["items"].as_array().expect("a list").clone()
    }
    fn monitoring(&self) -> Value {
        get(self.server.control(), "/api/v1/deployments/fraud/monitoring", None).json()
    }
}

/// Amounts are spread evenly.
fn amount(n: usize) -> f64 {
    (n as f64 * 0.618_033_988_749_895) % 1.0
}

#[test]
fn a_version_that_is_deployed_is_watched_against_the_data_set_it_was_trained_on() {
    let fraud = Fraud::new(&[0.5]);
    let mut rows = "amount,hour,region\n".to_owned();
    for n in 0..600 {
        let region = if n % 3 == 0 { "south" } else { "north" };
        writeln!(rows, "{:.4},{},{region}", amount(n), n % 24).expect("written");
    }
    let file = fraud.write("rows.csv", &rows);
    fraud.server.cli(&["dataset", "register", "payments", &file]).ok();
    fraud.server.cli(&["model", "card", "set", "fraud/1", "--dataset", "payments/1"]).ok();
    fraud.deploy();
    let known = (0..PATIENCE).find_map(|_| {
        std::thread::sleep(LOOK_EVERY);
        Some(fraud.monitoring()).filter(|found| found["reference"].is_object())
    });
    let known = known.unwrap_or_else(|| panic!("{}\n{}", fraud.monitoring(), fraud.server.said()));
    let reference = &known["reference"];
    assert_eq!(
        (&reference["rows"], &reference["origin"], &reference["version"]),
        (&json!(600), &json!("data set payments/1: rows.csv"), &json!(1)),
        "{reference}"
    );
    // Amounts move, and it is told against that reference.
    std::thread::sleep(Duration::from_secs(2));
    for day in 1..=3 {
        let region = |n: usize| if n.is_multiple_of(3) { "south" } else { "north" };
        fraud.ask((0..300).map(|n| (0.5 + amount(n) / 2.0, region(n))));
        std::thread::sleep(Duration::from_secs(2));
        fraud.morning(day);
    }
    let found = fraud.finding("input_drift");
    assert_eq!(found["about"], "amount", "{found}");
    assert!(fraud.findings("unwatched").is_empty(), "{:?}", fraud.findings("unwatched"));
    // What the server did by itself is in the ledger.
    let events = fraud.server.cli(&["event", "list", "--limit", "1000", "--json"]).json();
    let by_itself =
        events["items"].as_array().expect("a list").iter().any(|one| {
            one["action"] == "Watch" && one["payload"]["facts"]["by_itself"] == json!(true)
        });
    assert!(by_itself, "{events}");
}

#[test]
fn nothing_to_compare_with_is_said_and_asked_for() {
    let fraud = Fraud::new(&[0.5]);
    fraud.deploy();
    let found = fraud.finding("unwatched");
    assert!(
        found["text"].as_str().expect("a text").contains("monitor reference set fraud"),
        "{found}"
    );
    assert_eq!(fraud.monitoring()["state"], "no_reference");
    let said = fraud.server.cli(&["monitor", "status", "fraud"]);
    assert!(said.stdout.contains("reference"), "{}", said.stdout);
    let rows: String = (0..200).map(|n| format!("{:.4},{},north\n", amount(n), n % 24)).collect();
    let file = fraud.write("rows.csv", &format!("amount,hour,region\n{rows}"));
    fraud.server.cli(&["monitor", "reference", "set", "fraud", &file]).ok();
    let id = found["id"].as_str().expect("an id");
    assert_eq!(fraud.server.cli(&["finding", "show", id, "--json"]).json()["state"], "resolved");
}

/// Outcomes that agree with the answers but for one in so many.
fn tell(fraud: &Fraud, answers: &[(String, bool)], wrong_every: usize) {
    let lines: String = answers
        .iter()
        .enumerate()
        .map(|(n, (id, answer))| {
            let value = *answer != n.is_multiple_of(wrong_every);
            format!("{}\n", json!({"decision": id, "value": value}))
        })
        .collect();
    let media = [("content-type", "application/x-ndjson")];
    let told = post(fraud.server.control(), "/api/v1/outcomes", lines.as_bytes(), &media);
    assert_eq!(told.status, 200, "{}", told.body);
}

#[test]
fn answers_that_become_worse_are_told_though_no_input_moves() {
    let fraud = Fraud::new(&[0.5]);
    fraud.deploy();
    let objective = ["monitor", "limits", "set", "fraud", "--objective", "0.8"];
    fraud.server.cli(&objective).ok();
    for day in 1..=3 {
        tell(&fraud, &fraud.ask((0..300).map(|n| (amount(n), "north"))), 10);
        std::thread::sleep(Duration::from_secs(2));
        fraud.morning(day);
    }
    std::thread::sleep(Duration::from_secs(3));
    assert!(fraud.findings("performance").is_empty(), "{:?}", fraud.findings("performance"));
    // One in three is wrong: the same inputs, the same answers.
    for day in 4..=5 {
        tell(&fraud, &fraud.ask((0..300).map(|n| (amount(n), "north"))), 3);
        std::thread::sleep(Duration::from_secs(2));
        fraud.morning(day);
    }
    let found = fraud.finding("performance");
    assert!(
        ["error rate", "squared error"].iter().any(|about| found["about"] == *about),
        "{found}"
    );
    assert!(found["text"].as_str().expect("a text").contains("to one"), "{found}");
    assert!(fraud.findings("input_drift").is_empty());
    // The budget of two in ten over thirty days burns, and metrics say how fast.
    let read = |page: &str, name: &str| {
        let line = page.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
    };
    let burnt = "plimsoll_performance_burn_rate{deployment=\"fraud\",window=\"30d\"}";
    // 90 wrong of the first 900, 200 of the last 600; the last of them are looked at with the next look.
    let wanted = 290.0 / 1_500.0 / 0.2;
    let is_there =
        |page: &String| read(page, burnt).is_some_and(|rate| (rate - wanted).abs() < 0.001);
    let page = (0..PATIENCE).find_map(|_| {
        std::thread::sleep(LOOK_EVERY);
        Some(get(fraud.server.metrics(), "/metrics", None).body).filter(is_there)
    });
    let page = page.unwrap_or_else(|| get(fraud.server.metrics(), "/metrics", None).body);
    let value = |name: &str| read(&page, name).unwrap_or_else(|| panic!("no {name}: {page}"));
    let rate = value(burnt);
    assert!((rate - wanted).abs() < 0.001, "{page}");
    assert!((value("plimsoll_performance_objective{deployment=\"fraud\"") - 0.8).abs() < 1e-9);
    let left = value("plimsoll_performance_budget_left{deployment=\"fraud\"");
    assert!((left + rate - 1.0).abs() < 1e-9);
    assert!(value("plimsoll_performance_burn_limit{deployment=\"fraud\",window=\"1h\"}") > 1.0);
}

#[test]
fn a_limit_of_fairness_from_a_file_makes_a_finding_and_holds_a_candidate() {
    // Version 1 says yes to nearly all; version 2 to large amounts, which the south has not.
    let fraud = Fraud::new(&[0.1, 0.5]);
    fraud.deploy();
    let file = json!({
        "release": 1, "deployment": "fraud",
        "limits": {
            "fairness": [{"metric": "disparate_impact", "least": 0.8}],
            "by": "region", "window": "40", "persistence": 1,
        },
    });
    let path = fraud.write("release.json", &file.to_string());
    fraud.server.cli(&["apply", "-f", &path]).ok();
    let shown = fraud.server.cli(&["monitor", "limits", "show", "fraud", "--json"]).json();
    assert_eq!(shown["limits"]["fairness"][0]["metric"], "disparate_impact");
    // One in five of the south is as the north is.
    let both = |south: f64| {
        (0..400).map(move |n| match (n % 2, n % 10) {
            (0, _) => (0.7, "north"),
            (_, 1) => (0.7, "south"),
            _ => (south, "south"),
        })
    };
    fraud.ask(both(0.3));
    std::thread::sleep(Duration::from_secs(3));
    assert!(fraud.findings("fairness").is_empty(), "{:?}", fraud.findings("fairness"));
    let rollout = json!({
        "version": 2,
        "steps": [{"percent": 50.0, "requests_min": 1_000_000, "seconds_min": 1, "seconds_max": 86_400}],
        "guardrails": [{"kind": "errors", "weight": 1.0}],
    });
    let path = fraud.write("rollout.json", &rollout.to_string());
    fraud.server.cli(&["rollout", "start", "fraud", "--file", &path]).ok();
    fraud.ask(both(0.3));
    let held = fraud.server.reaches("held");
    assert_eq!(held["reason"], "fairness", "{held}");
    let found = fraud.finding("fairness");
    assert_eq!(
        (&found["about"], &found["version"], &found["severity"]),
        (&json!("disparate_impact of a candidate"), &json!(2), &json!("critical")),
        "{found}"
    );
    // Who is asked decides, once.
    fraud.server.cli(&["rollout", "resume", "fraud"]).ok();
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(fraud.server.rollout()["phase"], "running");
    fraud.server.cli(&["rollout", "rollback", "fraud"]).ok();
    // What answers everybody is held to the same limit.
    fraud.ask(both(0.05).chain(both(0.05)));
    for _ in 0..PATIENCE {
        if fraud.findings("fairness").len() == 2 {
            break;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let all = fraud.findings("fairness");
    let own = all.iter().find(|one| one["about"] == "disparate_impact").expect("of the incumbent");
    assert_eq!((&own["version"], &own["slice"]), (&json!(1), &json!("region")), "{own}");
}
