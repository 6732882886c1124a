//! Experiments under live traffic: the better of three arms is found and shipped, a person keeps
//! their arm and anybody with the key can compute it again, missing outcomes are seen, an arm that
//! fails is stopped alone, and a crash forgets none of it.

use crate::harness::{Connection, Http, Server, get, post};
use crate::rollouts::{DEAD, entries, flags_from};
use plimsoll_types::record::{Kind, Route};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// How long a test waits for what has to come.
const PATIENCE: u32 = 600;
const LOOK_EVERY: Duration = Duration::from_millis(100);

const CONTRACT: &str = "
version: 1
features:
  - { name: amount, kind: number, min: 0, max: 1 }
  - { name: hour, kind: number, min: 0, max: 24 }
context:
  - { name: customer, kind: string, max_length: 32, class: personal }
  - { name: channel, kind: string, max_length: 16 }
map:
  subjects: [{ field: customer }]
  slices: [{ field: channel }]
";

/// A number in 0 to 1 that belongs to another (SplitMix64).
fn drawn(number: u64) -> f64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ z >> 31) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A request of a customer.
fn request(customer: u64) -> String {
    let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]});
    let channel = if customer.is_multiple_of(2) { "web" } else { "shop" };
    let inputs = json!([
        tensor("amount", "FP64", json!(drawn(customer))),
        tensor("hour", "FP64", json!(customer % 24)),
        tensor("customer", "BYTES", json!(format!("c{customer}"))),
        tensor("channel", "BYTES", json!(channel)),
    ]);
    json!({"inputs": inputs}).to_string()
}

/// A server with the deployment `fraud`, whose first version answers.
fn serve(versions: &[String]) -> Server {
    let server = Server::dev();
    for (number, text) in versions.iter().enumerate() {
        let name = if text.starts_with('{') { "json" } else { "yaml" };
        let file = server.folder.path().join(format!("v{number}.{name}"));
        std::fs::write(&file, text).expect("written");
        server.cli(&["model", "add", "fraud", file.to_str().expect("UTF-8")]).ok();
    }
    let contract = server.folder.path().join("contract.yaml");
    std::fs::write(&contract, CONTRACT).expect("written");
    let contract = contract.to_str().expect("UTF-8").to_owned();
    let create = ["deployment", "create", "fraud", "--model", "fraud", "--version", "1"];
    let more = ["--contract", &contract, "--environment", "development"];
    server.cli(&[&create[..], &more[..]].concat()).ok();
    server
}

/// Starts an experiment with arms of these percentages, versions 1, 2, ….
fn start(server: &Server, percents: &[f64], metrics: &Value) -> Value {
    let arm = |(place, percent): (usize, &f64)| {
        let name = ["control", "b", "c"][place];
        json!({"name": name, "version": place + 1, "percent": percent})
    };
    let arms: Vec<Value> = percents.iter().enumerate().map(arm).collect();
    let wanted = json!({"arms": arms, "metrics": metrics, "slices": ["channel"], "units": 2_000});
    let file = server.folder.path().join("experiment.json");
    std::fs::write(&file, wanted.to_string()).expect("written");
    let start = ["experiment", "start", "fraud", "--file", file.to_str().expect("UTF-8"), "--json"];
    server.cli(&start).json()
}

fn sale() -> Value {
    json!([{"name": "sale", "kind": "outcome", "outcome": "sale", "role": "primary"}])
}

/// Asks for each customer; the status, the decision's id and the version that answered.
fn ask(server: &Server, customers: impl Iterator<Item = u64>) -> Vec<(u64, u16, String, u64)> {
    let mut connection = Connection::open(server.address()).expect("connects");
    let one = |customer: u64| {
        let (status, id, answer) =
            connection.ask("fraud", &request(customer), "").expect("answers");
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let version = answer["model_version"].as_str().and_then(|text| text.parse().ok());
        (customer, status, id, version.unwrap_or_default())
    };
    customers.map(one).collect()
}

/// Tells whether each decision led to a sale.
fn tell(server: &Server, sales: impl Iterator<Item = (String, bool)>) {
    let line = |(id, sold): (String, bool)| {
        format!(
            "{}\n",
            json!({"decision": id, "name": "sale", "value": u8::from(sold), "source": "till"})
        )
    };
    let body: String = sales.map(line).collect();
    let headers = [("content-type", "application/x-ndjson")];
    let answer = post(server.control(), "/api/v1/outcomes", body.as_bytes(), &headers);
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.json()["refused"], 0, "{}", answer.body);
}

fn values(server: &Server, id: &Value, values: &[Value]) -> Http {
    let path = format!("/api/v1/experiments/{}/values", id.as_str().expect("an id"));
    post(server.control(), &path, json!({ "values": values }).to_string().as_bytes(), &[])
}

fn report(server: &Server) -> Value {
    let report = server.cli(&["experiment", "report", "fraud", "--json"]).json();
    assert_eq!((&report["is_complete"], &report["misassigned"]), (&json!(true), &json!(0)));
    report
}

fn shown(server: &Server) -> Value {
    server.cli(&["experiment", "show", "fraud", "--json"]).json()
}

fn released(server: &Server) -> u64 {
    let shown = server.cli(&["deployment", "show", "fraud", "--json"]).json();
    shown["released"]["number"].as_u64().expect("a number")
}

/// The salt of the experiment, out of the event that it began with.
fn salt_of(server: &Server) -> Vec<u8> {
    let events = server.cli(&["event", "list", "--json", "--limit", "100"]).json();
    let items = events["items"].as_array().or(events.as_array()).expect("a list").clone();
    let salt = items.iter().find_map(|event| event["payload"]["facts"]["salt"].as_str());
    let salt = salt.expect("the intent of the start has it");
    let byte = |at: usize| u8::from_str_radix(&salt[at..at + 2], 16).expect("hexadecimal");
    (0..salt.len()).step_by(2).map(byte).collect()
}

#[test]
fn the_better_of_three_arms_is_found_and_shipped() {
    let server = serve(&[flags_from(0.98), flags_from(0.97), flags_from(0.96)]);
    let metrics = json!([
        {"name": "sale", "kind": "outcome", "outcome": "sale", "role": "primary"},
        {"name": "revenue", "kind": "value", "covariate": "hour"},
        {"name": "flagged", "kind": "positive", "goal": "decrease"},
    ]);
    let begun = start(&server, &[40.0, 30.0, 30.0], &metrics);
    assert_eq!(begun["phase"], "running", "{begun:#}");
    // Nothing else is tried or released meanwhile.
    for args in [
        &["rollout", "start", "fraud", "--version", "2"][..],
        &["deployment", "release", "fraud", "--version", "2"],
        &["drill", "rollback", "fraud"],
    ] {
        let refused = server.cli(args);
        assert_eq!(refused.code, 1, "{args:?}: {}", refused.stdout);
        assert!(refused.stderr.contains("an experiment is under way"), "{}", refused.stderr);
    }
    // Each customer comes, and some come again.
    let mut asked = ask(&server, 0..1_800);
    asked.extend(ask(&server, 0..200));
    assert!(asked.iter().all(|(_, status, ..)| *status == 200));
    let mut arm_of: HashMap<u64, u64> = HashMap::new();
    for (customer, _, id, version) in &asked {
        let known = arm_of.entry(*customer).or_insert(*version);
        assert_eq!(known, version, "{id}: customer {customer} was moved");
    }
    // Version 2 sells more than twice as often as the others.
    let rate = |version: u64| if version == 2 { 0.5 } else { 0.2 };
    let sold = |customer: u64, version: u64| drawn(customer + 50_000) < rate(version);
    tell(
        &server,
        asked.iter().map(|(customer, _, id, version)| (id.clone(), sold(*customer, *version))),
    );
    let worth: Vec<Value> = asked
        .iter()
        .map(|(customer, _, id, version)| {
            // The hour explains most of what is earned.
            let value =
                (customer % 24) as f64 + f64::from(u8::from(*version == 2)) + drawn(*customer);
            json!({"decision": id, "metric": "revenue", "value": value, "source": "till"})
        })
        .collect();
    let told = values(&server, &begun["id"], &worth).json();
    assert_eq!((&told["recorded"], &told["refused"]), (&json!(2_000), &json!(0)), "{told}");
    let strays = [
        json!({"decision": asked[0].2, "metric": "sale", "value": 1.0}),
        json!({"decision": "0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911", "metric": "revenue", "value": 1.0}),
    ];
    let refused = values(&server, &begun["id"], &strays).json();
    assert_eq!(refused["refused"], 2, "{refused}");

    let now = report(&server);
    assert_eq!((&now["advice"], &now["leader"]), (&json!("ship"), &json!("b")), "{now:#}");
    assert_eq!(
        now["splits"][0]["units"]
            .as_array()
            .expect("units")
            .iter()
            .filter_map(Value::as_u64)
            .sum::<u64>(),
        1_800
    );
    assert!(
        now["splits"].as_array().expect("splits").iter().all(|split| split["is_wrong"] == false)
    );
    let says = |metric: usize, arm: usize| now["metrics"][metric]["contrasts"][arm]["says"].clone();
    assert_eq!((says(0, 0), says(1, 0)), (json!("better"), json!("better")), "{now:#}");
    assert_ne!(says(0, 1), json!("better"));
    let left = now["metrics"][1]["contrasts"][0]["variance_left"].as_f64().expect("a covariate");
    assert!(left < 0.1, "the hour explains most: {left}");
    // The way there is told too, and ends where the report is.
    let trail = now["trail"].as_array().expect("a trail");
    let units: Vec<u64> = trail.iter().filter_map(|point| point["units"].as_u64()).collect();
    assert!(units.len() > 5 && units.is_sorted(), "{units:?}");
    let (last, says_now) = (&trail[trail.len() - 1]["intervals"], &now["metrics"][0]["contrasts"]);
    for (arm, member) in [(0, "difference"), (0, "lower"), (0, "upper"), (1, "lower")] {
        assert_eq!(last[arm][member], says_now[arm][member]);
    }
    let width = |point: &Value| {
        let first = &point["intervals"][0];
        Some(first["upper"].as_f64()? - first["lower"].as_f64()?)
    };
    let widths: Vec<f64> = trail.iter().filter_map(width).collect();
    assert!(widths.len() > 3 && widths[0] > widths[widths.len() - 1], "{widths:?}");
    let slices = now["metrics"][0]["slices"].as_array().expect("slices");
    assert_eq!(slices.len(), 4, "two channels, two arms: {slices:#?}");
    assert!(server.cli(&["experiment", "report", "fraud"]).ok().contains("better"));

    // Ten lines replay every assignment from the salt, as docs/experiments.md says.
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &salt_of(&server));
    for (customer, version) in &arm_of {
        let tag = aws_lc_rs::hmac::sign(&key, format!("c{customer}").as_bytes());
        let word = u128::from(u64::from_be_bytes(tag.as_ref()[8..16].try_into().expect("eight")));
        let ends = [4_000_u128, 7_000, 10_000].map(|end| (end << 64) / 10_000);
        let arm = ends.iter().position(|end| word < *end).expect("all take part");
        assert_eq!(arm as u64 + 1, *version, "customer {customer}");
    }
    // The decision is recorded with the numbers that decided, and is a release like any other.
    let ship =
        ["experiment", "conclude", "fraud", "--ship", "b", "--reason", "sells more", "--json"];
    let ended = server.cli(&ship).json();
    assert_eq!((&ended["phase"], released(&server)), (&json!("shipped"), 2), "{ended:#}");
    let last = ended["history"].as_array().expect("a list").last().expect("an end").clone();
    assert_eq!((&last["what"], &last["facts"]["report"]["leader"]), (&json!("ship"), &json!("b")));
    assert!(ask(&server, 0..50).iter().all(|(.., version)| *version == 2));
    // An outcome that comes late still counts, and the way back is as ever.
    assert_eq!(report(&server)["advice"], "ship");
    server.cli(&["rollback", "fraud"]).ok();
    assert_eq!(released(&server), 1);
    let (folder, _) = server.stop();
    let decisions = entries(folder.path()).into_iter().map(|entry| entry.leaf.draft);
    let decisions: Vec<_> = decisions.filter(|draft| draft.kind == Kind::Decision).collect();
    let arms = decisions.iter().filter(|draft| draft.route == Some(Route::Arm));
    let named = arms
        .filter(|draft| draft.extension.arm.is_some() && draft.extension.assignment_key.is_some());
    assert_eq!((decisions.len(), named.count()), (2_050, 2_000), "each answer names its arm");
}

#[test]
fn outcomes_that_one_arm_lacks_are_a_wrong_split_and_not_a_winner() {
    let server = serve(&[flags_from(0.98), flags_from(0.97)]);
    start(&server, &[50.0, 50.0], &sale());
    let asked = ask(&server, 0..700);
    // The till of the second arm loses what was not sold.
    let kept =
        asked.iter().filter(|(customer, _, _, version)| *version == 1 || drawn(*customer) < 0.3);
    tell(&server, kept.map(|(customer, _, id, _)| (id.clone(), drawn(*customer) < 0.3)));
    let now = report(&server);
    assert_eq!(now["advice"], "look", "{now:#}");
    let wrong: Vec<&str> = now["splits"]
        .as_array()
        .expect("splits")
        .iter()
        .filter(|split| split["is_wrong"] == true)
        .filter_map(|split| split["what"].as_str())
        .collect();
    assert_eq!(wrong, ["sale"]);
    let stop =
        ["experiment", "conclude", "fraud", "--stop", "--reason", "the till is broken", "--json"];
    assert_eq!(server.cli(&stop).json()["phase"], "stopped");
    assert_eq!(released(&server), 1);
    assert!(ask(&server, 0..50).iter().all(|(.., version)| *version == 1));
}

#[test]
fn an_arm_that_fails_is_stopped_alone_and_a_crash_forgets_none_of_it() {
    let server = serve(&[flags_from(0.98), flags_from(0.97), DEAD.to_owned()]);
    start(&server, &[40.0, 30.0, 30.0], &sale());
    let asked = ask(&server, 0..300);
    let failed = asked.iter().filter(|(_, status, ..)| *status != 200).count();
    println!("an arm that is dead, 30 % of traffic: stopped after {failed} of its requests");
    assert!((1..=20).contains(&failed), "{failed} callers heard of it");
    // The others go on.
    let before: HashMap<u64, u64> = asked
        .iter()
        .skip(100)
        .filter(|(_, status, ..)| *status == 200)
        .map(|(customer, _, _, version)| (*customer, *version))
        .collect();
    assert!(before.values().any(|version| *version == 2), "{before:?}");
    let stopped = || {
        for _ in 0..PATIENCE {
            let now = shown(&server);
            if now["stopped"].as_array().is_some_and(|all| !all.is_empty()) {
                return now;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("never stopped");
    };
    let now = stopped();
    assert_eq!((&now["phase"], &now["stopped"][0]["arm"]), (&json!("running"), &json!("c")));
    assert_eq!(now["stopped"][0]["why"], "errors", "{now:#}");
    let last = now["history"].as_array().expect("a list").last().expect("an end").clone();
    assert_eq!((&last["what"], &last["by"]), (&json!("stop_arm"), &Value::Null));

    let folder = server.kill();
    let server = Server::start_in(folder, &["--dev"]);
    let now = shown(&server);
    assert_eq!((&now["phase"], &now["stopped"][0]["arm"]), (&json!("running"), &json!("c")));
    let again = ask(&server, 100..600);
    assert!(again.iter().all(|(_, status, ..)| *status == 200), "the arm stays stopped");
    for (customer, _, id, version) in &again {
        let known = before.get(customer).copied().unwrap_or(*version);
        assert_eq!(known, *version, "{id}: customer {customer} was moved");
    }
    // What was seen before and after is in one report, and the split of those who go on is sound.
    let now = report(&server);
    let requests: u64 = now["arms"]
        .as_array()
        .expect("arms")
        .iter()
        .filter_map(|arm| arm["requests"].as_u64())
        .sum();
    assert!(requests > 500, "{now:#}");
    assert_eq!(now["arms"][2]["stopped"], "errors");
    // A person stops the last one: then there is nothing left to compare.
    let stop = ["experiment", "stop", "fraud", "--arm", "c", "--reason", "again", "--json"];
    assert_eq!(server.cli(&stop).code, 1, "it was stopped before");
    let stop = ["experiment", "stop", "fraud", "--arm", "b", "--reason", "enough", "--json"];
    assert_eq!(server.cli(&stop).json()["phase"], "stopped");
    assert!(ask(&server, 0..50).iter().all(|(.., version)| *version == 1));
    // The kill switch ends one, too; so does going back.
    for end in [&["deployment", "kill", "fraud"][..], &["rollback", "fraud"]] {
        start(&server, &[50.0, 50.0], &sale());
        server.cli(end).ok();
        assert_eq!(shown(&server)["phase"], "stopped", "{end:?}");
        assert_eq!(released(&server), 1);
        if end[0] == "deployment" {
            server.cli(&["deployment", "revive", "fraud"]).ok();
        }
    }
    let listed = get(server.control(), "/api/v1/deployments/fraud/experiments", None).json();
    assert_eq!(listed["items"].as_array().expect("a list").len(), 3);
}
