//! Two stories with simulated months. A recommender loses accuracy from 82 % to 61 % in three
//! months as tastes and the catalogue change; a forecast of demand falls behind for twelve months.
//! Each is alerted within the first twentieth of its time; the second is trained again and
//! answers, without a person. The clock of the server is set ahead, a day at a time.

use crate::harness::{Server, get, post};
use crate::sinks::{Receiver, json as event};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const DAY: u64 = 86_400;
/// A slot of the monitor and some: what came in is counted, and looked at, before the next day.
const SETTLE: Duration = Duration::from_millis(2_500);

/// xorshift64*, and normal numbers of it by adding twelve.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

/// Rows of features and their outcomes.
type Rows = Vec<(Vec<f64>, f64)>;

struct Story {
    server: Server,
    folder: Arc<tempfile::TempDir>,
    receiver: Receiver,
    warehouse: PathBuf,
    features: usize,
    day: u64,
}

impl Story {
    /// A model that is trained on `before`, deployed under the name `story`.
    fn begin(features: usize, objective: &str, before: &Rows, retrain_days: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (python, script) =
            (root.join(".venv/demo/bin/python"), root.join("tools/stories/train.py"));
        let folder = Arc::new(tempfile::tempdir().expect("temp"));
        let at = |name: &str| folder.path().join(name);
        let warehouse = at("warehouse.csv");
        let names: Vec<String> = (0..features).map(|n| format!("x{n}")).collect();
        std::fs::write(&warehouse, format!("day,{},y\n", names.join(","))).expect("written");
        append(&warehouse, 0, before);
        let trained = Command::new(&python)
            .args([&script, &warehouse])
            .arg(objective)
            .env("PLIMSOLL_RETRAIN_OUT", folder.path())
            .output()
            .expect("python runs");
        assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
        let command = [
            python.display().to_string(),
            script.display().to_string(),
            warehouse.display().to_string(),
            objective.to_owned(),
            "--days".to_owned(),
            retrain_days.to_owned(),
        ];
        let text = format!("[xgboost]\ncommand = {command:?}\n");
        std::fs::write(at("trainers.toml"), text).expect("written");
        let set = |name: &str, path: PathBuf| format!("{name}={}", path.display());
        let (trainers, ahead) = (
            set("retrain.trainers_file", at("trainers.toml")),
            set("clock.ahead_file", at("ahead")),
        );
        std::fs::write(at("ahead"), "0").expect("written");
        let server = Server::start_in(
            Arc::clone(&folder),
            &[
                "--dev",
                "--set",
                &trainers,
                "--set",
                &ahead,
                "--set",
                "monitor.slot=1s",
                "--set",
                "sinks.retry_first=20ms",
            ],
        );
        let mut contract = "version: 1\nlimits: { max_rows: 1024 }\nfeatures:\n".to_owned();
        for name in &names {
            writeln!(contract, "  - {{ name: {name}, kind: number, min: -1000, max: 1000 }}")
                .expect("written");
        }
        std::fs::write(at("contract.yaml"), contract).expect("written");
        let path = |name: &str| at(name).display().to_string();
        server.cli(&["model", "add", "story", &path("model.json")]).ok();
        let create = ["deployment", "create", "story", "--model", "story", "--version", "1"];
        let contract = path("contract.yaml");
        let more = ["--contract", &contract, "--environment", "development", "--mode", "bounded"];
        server.cli(&[&create[..], &more].concat()).ok();
        let receiver = Receiver::start(true);
        let url = receiver.url();
        server.cli(&["alert", "route", "add", "ops", "webhook", &url]).ok();
        server.cli(&["finding", "settings", "story", "--budget", "1000"]).ok();
        Self { server, folder, receiver, warehouse, features, day: 0 }
    }

    /// The next day comes.
    fn morning(&mut self, days: u64) {
        self.day += days;
        let ahead = self.folder.path().join("ahead");
        // Whole or not at all, as the server reads it meanwhile.
        let next = ahead.with_extension("next");
        std::fs::write(&next, (self.day * DAY).to_string()).expect("written");
        std::fs::rename(next, ahead).expect("renamed");
        std::thread::sleep(Duration::from_millis(100));
    }

    /// Asks about rows, so many in a request, and tells how they turned out.
    fn live(&self, rows: &Rows, at_once: usize) {
        let media = [("content-type", "application/x-ndjson")];
        let mut lines = String::new();
        for part in rows.chunks(at_once) {
            let inputs: Vec<Value> = (0..self.features)
                .map(|n| {
                    let data: Vec<f64> = part.iter().map(|(x, _)| x[n]).collect();
                    json!({"name": format!("x{n}"), "shape": [part.len()], "datatype": "FP64", "data": data})
                })
                .collect();
            let body = json!({ "inputs": inputs }).to_string();
            let to = self.server.address();
            let answer = post(to, "/v2/models/story/infer", body.as_bytes(), &[]);
            assert_eq!(answer.status, 200, "{}", answer.body);
            let id = answer.header("plimsoll-decision-id").expect("an id").to_owned();
            for (row, (_, y)) in part.iter().enumerate() {
                let line = json!({"decision": id, "row": row, "value": y});
                writeln!(lines, "{line}").expect("written");
            }
        }
        let to = self.server.control();
        let answer = post(to, "/api/v1/outcomes", lines.as_bytes(), &media);
        assert_eq!(answer.status, 200, "{}", answer.body);
        append(&self.warehouse, self.day, rows);
        std::thread::sleep(SETTLE);
    }

    fn performance(&self, query: &str) -> Value {
        let path = format!("/api/v1/deployments/story/performance?{query}");
        let answer = get(self.server.control(), &path, None);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// A measure of the last window.
    fn measure(&self, query: &str, name: &str) -> f64 {
        let found = self.performance(query);
        let windows = found["windows"].as_array().expect("windows");
        let metrics = windows.last().expect("a window")["metrics"].as_array().expect("metrics");
        let metric = metrics.iter().find(|one| one["name"] == name);
        metric.unwrap_or_else(|| panic!("{found}"))["value"].as_f64().expect("a number")
    }

    /// What the receiver was told so far, of these kinds.
    fn told(&self, kinds: &[&str]) -> Vec<Value> {
        let got = self.receiver.wait(|_| true);
        let events = got.iter().map(event);
        events
            .filter(|one| kinds.iter().any(|kind| one["data"]["finding"]["kind"] == *kind))
            .collect()
    }
}

fn append(warehouse: &Path, day: u64, rows: &Rows) {
    let mut text = std::fs::read_to_string(warehouse).expect("read");
    for (x, y) in rows {
        let x: Vec<String> = x.iter().map(|value| format!("{value:.5}")).collect();
        writeln!(text, "{day},{},{y}", x.join(",")).expect("written");
    }
    let next = warehouse.with_extension("next");
    std::fs::write(&next, text).expect("written");
    std::fs::rename(next, warehouse).expect("renamed");
}

/// What is recommended is clicked if taste and item go together, but for 17 % of whims. `part` of
/// three months have passed: tastes have turned, and the catalogue has other items.
fn clicks(dice: &mut Dice, count: usize, part: f64) -> Rows {
    // The angle at which a model that knew the old taste is right about 61 %.
    let angle = part * 0.32 * std::f64::consts::PI;
    let row = |_| {
        let mut x: Vec<f64> = (0..5).map(|_| dice.normal()).collect();
        x[2] += 12.0 * part;
        let taste = x[0] * angle.cos() + x[1] * angle.sin();
        let is_whim = dice.unit() < 0.17;
        ((taste > 0.0) != is_whim, x)
    };
    (0..count).map(row).map(|(y, x)| (x, f64::from(u8::from(y)))).collect()
}

#[test]
fn a_recommender_that_loses_a_fifth_in_three_months_is_told_in_the_first_days() {
    const SPAN: f64 = 90.0;
    let mut dice = Dice(20_261_122);
    let before = clicks(&mut dice, 20_000, 0.0);
    let mut story = Story::begin(5, "binary:logistic", &before, "30");
    let reference = story.folder.path().join("reference.csv");
    let mut text = "x0,x1,x2,x3,x4\n".to_owned();
    for (x, _) in &before {
        let x: Vec<String> = x.iter().map(|value| format!("{value:.4}")).collect();
        writeln!(text, "{}", x.join(",")).expect("written");
    }
    std::fs::write(&reference, text).expect("written");
    let path = reference.display().to_string();
    let set = ["monitor", "reference", "set", "story", &path, "--tolerance", "0.02"];
    story.server.cli(&set).ok();
    let limits = ["monitor", "limits", "set", "story", "--limit", "accuracy>=0.78"];
    story.server.cli(&limits).ok();
    // Healthy days.
    for _ in 0..4 {
        story.live(&clicks(&mut dice, 5_000, 0.0), 1_000);
        story.morning(1);
    }
    let kinds = ["input_drift", "output_drift", "performance", "estimated_performance"];
    assert!(story.told(&kinds).is_empty(), "{:#?}", story.told(&kinds));
    let healthy = story.measure("window=1d", "accuracy");
    assert!((0.80..0.84).contains(&healthy), "{healthy}");
    // It begins.
    let begun = story.day;
    let first = loop {
        let part = (story.day - begun) as f64 / SPAN;
        assert!(part <= 0.05, "nobody was told within the first twentieth");
        story.live(&clicks(&mut dice, 5_000, part), 1_000);
        if let Some(first) = story.told(&kinds).into_iter().next() {
            break first;
        }
        story.morning(1);
    };
    let (passed, now) = (story.day - begun, story.measure("window=1d", "accuracy"));
    assert_eq!(
        (&first["data"]["finding"]["kind"], &first["data"]["finding"]["about"]),
        (&json!("input_drift"), &json!("x2"))
    );
    assert!(now > 0.79, "it was told while little was lost: {now}");
    println!(
        "told after {passed} of {SPAN} days at an accuracy of {:.1} %, from {:.1} %",
        now * 100.0,
        healthy * 100.0
    );
    // What would have come: the other alert, and the end of the story.
    for day in [30, 60, 90] {
        story.morning(begun + day - story.day);
        for _ in 0..2 {
            story.live(&clicks(&mut dice, 2_000, day as f64 / SPAN), 1_000);
            story.morning(1);
        }
    }
    let end = story.measure("window=1d", "accuracy");
    assert!((0.58..0.64).contains(&end), "{end}");
    assert!(!story.told(&["performance"]).is_empty());
}

/// Demand follows price and weather, and grows by 60 in twelve months, of which `part` have passed.
fn demand(dice: &mut Dice, count: usize, part: f64) -> Rows {
    let row = |_| {
        let x: Vec<f64> = (0..4).map(|_| dice.normal()).collect();
        let level = 100.0 - 8.0 * x[0] + 5.0 * x[1] + 4.0 * (x[2] * 2.0).sin();
        let y = level + 60.0 * part + 6.0 * dice.normal();
        (x, y)
    };
    (0..count).map(row).collect()
}

#[test]
fn a_forecast_that_falls_behind_is_trained_again_and_answers_without_a_person() {
    const SPAN: f64 = 365.0;
    let mut dice = Dice(7);
    let before = demand(&mut dice, 8_000, 0.0);
    let mut story = Story::begin(4, "reg:squarederror", &before, "3");
    let limits = ["monitor", "limits", "set", "story", "--limit", "bias>=-1"];
    let task = ["--task", "regression", "--persistence", "2"];
    story.server.cli(&[&limits[..], &task].concat()).ok();
    let policy = ["retrain", "policy", "set", "story", "--trainer", "xgboost"];
    let steps = ["--when", "performance", "--step", "shadow:20:1s", "--step", "25:10:1s"];
    story.server.cli(&[&policy[..], &steps].concat()).ok();
    for _ in 0..3 {
        story.live(&demand(&mut dice, 1_000, 0.0), 500);
        story.morning(1);
    }
    assert!(story.told(&["performance"]).is_empty(), "{:#?}", story.told(&["performance"]));
    let begun = story.day;
    let part = |story: &Story| (story.day - begun) as f64 / SPAN;
    loop {
        assert!(part(&story) <= 0.05, "nobody was told within the first twentieth");
        story.live(&demand(&mut dice, 1_000, part(&story)), 500);
        if !story.told(&["performance"]).is_empty() {
            break;
        }
        story.morning(1);
    }
    println!("told after {} of {SPAN} days", story.day - begun);
    // Nobody does anything but ask for forecasts.
    let list = ["retrain", "list", "--json"];
    let last = |story: &Story| story.server.cli(&list).json()["items"][0].clone();
    for _ in 0..60 {
        if !last(&story)["trial"]["ended_at"].is_null() {
            break;
        }
        story.live(&demand(&mut dice, 400, part(&story)), 10);
    }
    let one = last(&story);
    assert_eq!(
        (&one["trial"]["state"], &one["trigger"]),
        (&json!("promoted"), &json!("finding")),
        "{one:#}"
    );
    let shown = story.server.cli(&["deployment", "show", "story", "--json"]).json();
    assert_eq!(shown["released"]["number"], 2, "{shown}");
    // It is watched against the rows that it was trained on.
    let watched = |story: &Story| {
        get(story.server.control(), "/api/v1/deployments/story/monitoring", None).json()
    };
    let now = watched(&story);
    let origin = now["reference"]["origin"].as_str().unwrap_or_default();
    assert!(origin.starts_with("rows of retraining "), "{now}");
    assert_eq!((&now["reference"]["version"], &now["version"]), (&json!(2), &json!(2)), "{now}");
    // It has caught up.
    story.morning(1);
    story.live(&demand(&mut dice, 2_000, part(&story)), 500);
    let bias = story.measure("window=1d&task=regression", "bias");
    assert!(bias > -1.0, "{bias}");
    // The day ends, and its window says that nothing has moved.
    story.morning(1);
    let now = (0..100).map(|_| {
        std::thread::sleep(Duration::from_millis(100));
        watched(&story)
    });
    let now = now.take_while(|now| now["last"].is_null()).count();
    assert!(now < 100, "no window ended");
    let now = watched(&story);
    assert_eq!((&now["state"], &now["last"]["version"]), (&json!("steady"), &json!(2)), "{now}");
}
