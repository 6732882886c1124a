//! Monitoring through a running server: a population shifts, and the right columns are told.

use crate::harness::{Connection, Server, demo, get, requests};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const SLOT: [&str; 3] = ["--dev", "--set", "monitor.slot=1s"];

fn server() -> Server {
    let server = Server::start_in(Arc::new(tempfile::tempdir().expect("temp")), &SLOT);
    server.with_credit("durable")
}

fn with_reference(server: &Server) -> Value {
    let file = demo("credit/applications.csv");
    let args = [
        "monitor",
        "reference",
        "set",
        "credit-default",
        file.to_str().expect("UTF-8"),
        "--window-rows",
        "300",
        "--min-rows",
        "200",
        "--json",
    ];
    let made = server.cli(&args).json();
    // It is in force from the next slot on.
    std::thread::sleep(Duration::from_millis(1_100));
    made
}

fn monitoring(server: &Server) -> Value {
    get(server.control(), "/api/v1/deployments/credit-default/monitoring", None).json()
}

fn windows(server: &Server) -> Vec<Value> {
    let path = "/api/v1/deployments/credit-default/monitoring/windows?limit=512";
    get(server.control(), path, None).json()["items"].as_array().expect("a list").clone()
}

/// Asks `count` times with the demo's requests in turn, each as `change` makes it.
fn ask(server: &Server, count: usize, change: impl Fn(&str) -> String) {
    let mut connection = Connection::open(server.address()).expect("connects");
    for body in requests().iter().cycle().take(count) {
        let (status, _, answer) = connection.infer(&change(body), "").expect("answers");
        assert_eq!(status, 200, "{answer}");
    }
}

/// The same request by somebody who earns less: everything else stays.
fn poorer(body: &str) -> String {
    let mut asked: Value = serde_json::from_str(body).expect("JSON");
    for input in asked["inputs"].as_array_mut().expect("inputs") {
        if input["name"] == "income" {
            let income = input["data"][0].as_f64().expect("a number");
            input["data"][0] = (income * 0.4).into();
        }
    }
    asked.to_string()
}

/// Waits until there are windows of so many rows together.
fn windows_of(server: &Server, rows: u64) -> Vec<Value> {
    for _ in 0..400 {
        let found = windows(server);
        let seen: u64 = found.iter().filter_map(|window| window["rows"].as_u64()).sum();
        if seen >= rows {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("no windows of {rows} rows: {}\n{}", monitoring(server), server.said());
}

fn told(found: &Value, kind: &str) -> BTreeSet<String> {
    let signals = found["signals"].as_array().expect("a list").iter();
    let of_kind = signals.filter(|signal| signal["kind"] == kind);
    of_kind.map(|signal| signal["about"].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn a_population_shifts_and_the_right_column_is_told() {
    let server = server();
    // Nothing to compare with is said, and is not taken for health.
    for attempt in 0.. {
        let found = monitoring(&server);
        assert_eq!(found["state"], "no_reference");
        if told(&found, "unwatched").contains("reference") {
            break;
        }
        assert!(attempt < 200, "nothing was said: {found}");
        std::thread::sleep(Duration::from_millis(50));
    }
    let reference = with_reference(&server);
    assert!(reference["rows"].as_u64().is_some_and(|rows| rows > 900), "{reference}");
    assert_eq!(monitoring(&server)["state"], "not_enough_data");

    // A window ends with the slot in which it has its rows, so fewer than 300 are left over.
    ask(&server, 700, str::to_owned);
    let healthy = windows_of(&server, 401);
    assert!(healthy.iter().all(|window| window["state"] == "steady"), "{healthy:#?}");
    let found = monitoring(&server);
    assert!(told(&found, "input_drift").is_empty(), "{found:#}");
    assert_eq!(server.cli(&["monitor", "status", "credit-default"]).code, 0);

    for asked in [1_100, 1_500, 1_900] {
        ask(&server, 400, poorer);
        windows_of(&server, asked - 299);
    }
    let found = monitoring(&server);
    assert_eq!(found["state"], "moved", "{found:#}");
    let mut moved = told(&found, "input_drift");
    // Incomes that no longer go with the rest are seen by both.
    moved.remove("columns together");
    assert_eq!(moved, BTreeSet::from(["income".to_owned()]));
    let signals = found["signals"].as_array().expect("a list");
    let of_income = signals.iter().find(|signal| signal["about"] == "income").expect("it was told");
    assert!(
        of_income["text"].as_str().expect("a text").contains("comes from income"),
        "{of_income}"
    );
    assert!(of_income["numbers"]["share_of_score_change"].as_f64().expect("a share") > 0.5);
    let said = server.cli(&["monitor", "drift", "credit-default"]);
    assert_eq!(said.code, 2, "{}", said.stderr);
    let first = said.stdout.lines().nth(1).expect("a row");
    assert!(first.starts_with("income"), "{}", said.stdout);
    let explained = server.cli(&["monitor", "explain", "credit-default", "--json"]).json();
    let first = &explained["columns"][0];
    assert_eq!(first["column"], "income", "{explained:#}");
    if explained["by"] == "contributions" {
        // Parts add up to the change of the mean margin.
        let parts = explained["columns"].as_array().expect("a list").iter();
        let sum: f64 = parts.filter_map(|part| part["contribution"].as_f64()).sum();
        let score = |name: &str| explained["score"][name].as_f64().expect("a number");
        assert!((sum - (score("now") - score("before"))).abs() < 1e-6, "{explained:#}");
    }
    let ages = monitoring(&server)["ages"].as_array().expect("a list").clone();
    let of: Vec<&str> = ages.iter().filter_map(|age| age["of"].as_str()).collect();
    assert!(of.contains(&"model") && of.contains(&"reference"), "{ages:?}");
    assert!(ages.iter().all(|age| age["is_stale"] == false), "{ages:?}");
    let page = get(server.metrics(), "/metrics", None).body;
    assert!(page.contains(
        "plimsoll_monitor_age_days{deployment=\"credit-default\",version=\"1\",of=\"model\"}"
    ));
    let line = "plimsoll_monitor_drift{deployment=\"credit-default\",version=\"1\",column=\"income\",slice=\"\"} 1";
    assert!(page.contains(line), "{page}");
}

#[test]
fn after_a_kill_the_windows_are_what_they_were() {
    let server = server();
    with_reference(&server);
    ask(&server, 350, str::to_owned);
    let ended = windows_of(&server, 51);
    // Of these some are on no disk but the ledger's when the power goes.
    ask(&server, 120, str::to_owned);
    let folder = server.kill();
    // Past the slots of what was asked. A process that is killed before its own first slot is over
    // leaves nothing to count that it was left itself.
    std::thread::sleep(Duration::from_secs(4));
    let server = Server::start_in(folder, &SLOT);
    let recounts = |server: &Server| server.said().contains("were counted again");
    assert!(recounts(&server), "{}", server.said());
    let server = Server::start_in(server.kill(), &SLOT);
    assert!(!recounts(&server), "{}", server.said());
    assert!(windows(&server).starts_with(&ended), "what had ended stays as it was");
    let rows = || {
        let open = monitoring(&server)["open"]["rows"].as_u64().unwrap_or(0);
        let ended = windows(&server);
        open + ended.iter().filter_map(|window| window["rows"].as_u64()).sum::<u64>()
    };
    let wait_for = |wanted: u64| {
        for attempt in 0.. {
            if rows() == wanted {
                return;
            }
            assert!(attempt < 200, "{} of {wanted} rows: {:#}", rows(), monitoring(&server));
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    wait_for(470);
    // What the files hold is what the ledger holds.
    ask(&server, 250, str::to_owned);
    wait_for(720);
    let kept = monitoring(&server);
    let done = server.cli(&["monitor", "backfill", "credit-default", "--json"]).json();
    assert_eq!(done["is_over"], true, "{done}");
    assert_eq!(rows(), 720);
    let again = monitoring(&server);
    let (last, again) = (&kept["last"], &again["last"]);
    assert_eq!(last["columns"], again["columns"], "counted again, a window says the same");
}
