//! Versions tried under live traffic: a bad one is rolled back after a handful of requests, a good
//! one is released, no request is lost or unrecorded, and a crash leaves one state or the other.
//!
//! `PLIMSOLL_CRASH_ROUNDS` sets the rounds of kills (4 by default) and `PLIMSOLL_DRILLS` the drills
//! (10 by default); `make soak` has 200 of each. Times are printed; only what is lost is asserted.

use crate::crash::setting;
use crate::harness::{Connection, Server, get};
use plimsoll_ledger::{Entry, LedgerReader};
use plimsoll_types::record::{Kind, ResultClass, Route};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
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
map:
  subjects: [{ field: customer }]
";

/// Flags payments from an amount on: one tree with one split.
pub(crate) fn flags_from(amount: f64) -> String {
    format!(
        r#"{{"version":[3,0,0],"learner":{{"attributes":{{}},"feature_names":["amount","hour"],"feature_types":["float","float"],
        "learner_model_param":{{"base_score":"0E0","boost_from_average":"1","num_class":"0","num_feature":"2","num_target":"1"}},
        "objective":{{"name":"reg:squarederror","reg_loss_param":{{"scale_pos_weight":"1"}}}},
        "gradient_booster":{{"name":"gbtree","model":{{"gbtree_model_param":{{"num_trees":"1","num_parallel_tree":"1"}},"tree_info":[0],
        "iteration_indptr":[0,1],"trees":[{{"id":0,"tree_param":{{"num_nodes":"3","num_feature":"2","num_deleted":"0","size_leaf_vector":"1"}},
        "left_children":[1,-1,-1],"right_children":[2,-1,-1],"parents":[2147483647,0,0],"split_indices":[0,0,0],
        "split_conditions":[{amount:E},2E-2,9.8E-1],"default_left":[1,0,0],"split_type":[0,0,0],"sum_hessian":[2E0,1E0,1E0],
        "base_weights":[0E0,0E0,0E0],"loss_changes":[0E0,0E0,0E0],"categories":[],"categories_nodes":[],"categories_segments":[],"categories_sizes":[]}}]}}}}}}}}"#
    )
}

/// A service that is not there.
pub(crate) const DEAD: &str = "
upstream: 1
kind: json-template
endpoints: [http://127.0.0.1:9]
request: {path: /score, body: {A: '{amount}', H: '{hour}'}}
answer: {output: value, pointer: /S, read: number}
deadline_ms: 250
retries: 0
attempt_ms: 150
in_flight: 64
breaker: {failures: 10, window: 20, open_ms: 1000, probes: 3}
";

/// A payment; amounts are spread evenly, and each customer comes back.
pub(crate) fn payment(number: u64) -> (String, u64) {
    // The golden ratio spreads consecutive numbers evenly over the unit interval.
    let amount = (number as f64 * 0.618_033_988_749_895) % 1.0;
    let customer = number % 9_973;
    let tensor = |name: &str, datatype: &str, value: Value| json!({"name": name, "shape": [1], "datatype": datatype, "data": [value]});
    let inputs = json!([
        tensor("amount", "FP64", json!(amount)),
        tensor("hour", "FP64", json!(number % 24)),
        tensor("customer", "BYTES", json!(format!("c{customer}"))),
    ]);
    (json!({"inputs": inputs}).to_string(), customer)
}

/// A server with the deployment `fraud`, whose first version answers.
pub(crate) fn serve(versions: &[String], options: &[&str]) -> Server {
    serve_by(CONTRACT, versions, options)
}

/// The same by another contract.
pub(crate) fn serve_by(contract: &str, versions: &[String], options: &[&str]) -> Server {
    let text = contract;
    let server = Server::dev();
    for (number, text) in versions.iter().enumerate() {
        let name = if text.starts_with('{') { "json" } else { "yaml" };
        let file = server.folder.path().join(format!("v{number}.{name}"));
        std::fs::write(&file, text).expect("written");
        server.cli(&["model", "add", "fraud", file.to_str().expect("UTF-8")]).ok();
    }
    let contract = server.folder.path().join("contract.yaml");
    std::fs::write(&contract, text).expect("written");
    let create = [
        "deployment",
        "create",
        "fraud",
        "--model",
        "fraud",
        "--version",
        "1",
        "--contract",
        contract.to_str().expect("UTF-8"),
        "--environment",
        "development",
    ];
    server.cli(&[&create[..], options].concat()).ok();
    server
}

/// Callers that ask until they are told to stop.
pub(crate) struct Callers {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    threads: Vec<JoinHandle<Vec<u16>>>,
}

impl Callers {
    pub(crate) fn start(server: &Server, count: u64) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let threads = (0..count).map(|_| {
            let (stop, sent, address) = (Arc::clone(&stop), Arc::clone(&sent), server.address());
            std::thread::spawn(move || {
                let mut answered = Vec::new();
                let mut connection = Connection::open(address).expect("connects");
                while !stop.load(Ordering::Relaxed) {
                    let number = sent.fetch_add(1, Ordering::Relaxed);
                    match connection.ask("fraud", &payment(number).0, "") {
                        Ok((status, ..)) => answered.push(status),
                        // The server was killed.
                        Err(_) => break,
                    }
                }
                answered
            })
        });
        Self { threads: threads.collect(), stop, sent }
    }
    /// The status of every answer.
    pub(crate) fn stop(self) -> Vec<u16> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().flat_map(|thread| thread.join().expect("asked")).collect()
    }
    pub(crate) fn wait_for(&self, more: u64) {
        let wanted = self.sent.load(Ordering::Relaxed) + more;
        for _ in 0..PATIENCE {
            if self.sent.load(Ordering::Relaxed) >= wanted {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("the server does not answer");
    }
}

impl Server {
    pub(crate) fn rollout(&self) -> Value {
        self.cli(&["rollout", "show", "fraud", "--json"]).json()
    }
    pub(crate) fn released(&self) -> u64 {
        let shown = self.cli(&["deployment", "show", "fraud", "--json"]).json();
        shown["released"]["number"].as_u64().expect("a number")
    }
    /// Waits until the rollout is in this phase.
    pub(crate) fn reaches(&self, phase: &str) -> Value {
        for _ in 0..PATIENCE {
            let now = self.rollout();
            // A verdict is there before it is written down.
            let is_end = ["rolled_back", "promoted"].contains(&phase);
            if now["phase"] == phase && (!is_end || !now["ended_at"].is_null()) {
                return now;
            }
            assert!(now["ended_at"].is_null(), "{now:#}");
            std::thread::sleep(LOOK_EVERY);
        }
        panic!("never {phase}: {:#}\n{}", self.rollout(), self.said());
    }
    /// A number of the metrics page, summed over its labels.
    fn metric(&self, name: &str) -> u64 {
        let page = get(self.metrics(), "/metrics", None).body;
        let value = |line: &str| {
            let rest = line.strip_prefix(name)?;
            let is_it = rest.starts_with('{') || rest.starts_with(' ');
            is_it.then(|| rest.rsplit(' ').next()?.parse::<u64>().ok()).flatten()
        };
        page.lines().filter_map(value).sum()
    }
}

/// What the ledger holds.
pub(crate) fn entries(folder: &Path) -> Vec<Entry> {
    let reader = LedgerReader::open(&folder.join("data"), None).expect("opens");
    reader.verify().expect("the chain holds");
    reader.entries(0).collect::<Result<Vec<_>, _>>().expect("reads")
}

/// Stops the server and looks whether every answer has its one record: decisions that answer
/// callers by route.
fn recorded(server: Server, answers: &[u16]) -> HashMap<Route, u64> {
    let resolved = server.metric("plimsoll_gateway_requests_resolved_total");
    let completions = server.metric("plimsoll_gateway_completions_total");
    assert_eq!(resolved, completions, "requests = completions");
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let mut routes: HashMap<Route, u64> = HashMap::new();
    let mut ids = std::collections::HashSet::new();
    for entry in entries(folder.path()) {
        let draft = entry.leaf.draft;
        if draft.kind == Kind::Decision {
            assert!(ids.insert(draft.id), "a decision has two completions");
            *routes.entry(draft.route.expect("planned")).or_default() += 1;
        }
    }
    let to_callers: u64 =
        routes.iter().filter(|(route, _)| **route != Route::Shadow).map(|(_, count)| count).sum();
    assert_eq!(to_callers, answers.len() as u64, "each answer has its record: {routes:?}");
    routes
}

#[test]
fn a_model_that_flags_two_payments_in_five_is_rolled_back_under_traffic() {
    let server = serve(&[flags_from(0.98), flags_from(0.58)], &[]);
    let callers = Callers::start(&server, 4);
    callers.wait_for(1_500);
    let start = ["rollout", "start", "fraud", "--version", "2", "--step", "5:100000:1h", "--json"];
    let begun = server.cli(&start).json();
    assert_eq!((&begun["phase"], &begun["percent"]), (&json!("running"), &json!(5.0)));
    let ended = server.reaches("rolled_back");
    callers.wait_for(500);
    let answers = callers.stop();
    assert_eq!(ended["reason"], "mix", "{ended:#}");
    assert_eq!(server.released(), 1);
    assert!(answers.iter().all(|status| *status == 200));
    let watched = server.cli(&["rollout", "watch", "fraud"]);
    assert_eq!(watched.code, 2, "{}", watched.stderr);
    let told = ended["history"].as_array().expect("a list").last().expect("an end").clone();
    assert_eq!((&told["what"], &told["by"]), (&json!("rollback"), &Value::Null));
    let said = &told["facts"]["reason"]["evidence"];
    assert!(said["most"].as_f64() >= said["goal"].as_f64(), "{told:#}");
    let candidates = ended["candidates"].as_u64().expect("a number");
    println!(
        "40 % of good payments flagged, 5 % of traffic: rolled back after {candidates} canary requests of {}, by `{}`; nobody was with it any more {} us after that",
        answers.len(),
        ended["reason"],
        told["facts"]["took_us"]
    );
    let routes = recorded(server, &answers);
    let canaries = routes.get(&Route::Canary).copied().unwrap_or_default();
    // A few may have been with it when it was decided.
    assert!((candidates..=candidates + 4).contains(&canaries), "{canaries} for {candidates}");
    assert!(candidates < 400, "a handful, not {candidates}");
}

#[test]
fn a_model_that_is_worse_never_answers_anybody_when_it_is_asked_beside() {
    let server = serve(&[flags_from(0.98), flags_from(0.58)], &[]);
    let callers = Callers::start(&server, 2);
    callers.wait_for(300);
    server.cli(&["rollout", "start", "fraud", "--version", "2"]).ok();
    let ended = server.reaches("rolled_back");
    callers.wait_for(50);
    let answers = callers.stop();
    let (pairs, candidates) = (ended["pairs"].as_u64(), ended["candidates"].as_u64());
    println!("40 % flagged, in shadow: rolled back after {pairs:?} pairs by `{}`", ended["reason"]);
    assert_eq!(candidates, Some(0));
    assert!(ended["agreement"].as_f64().expect("compared") < 0.9, "{ended:#}");
    let shadows = server.metric("plimsoll_decisions_by_route_total{route=\"shadow\"}");
    assert!(shadows >= pairs.expect("pairs"), "each is recorded");
    let routes = recorded(server, &answers);
    assert_eq!(routes.get(&Route::Canary), None);
    assert_eq!(routes.get(&Route::Shadow), Some(&shadows));
}

const PROFILE: &str = "
version: 1
decision: {threshold: 0.5, adverse: above}
languages: [en]
principles: {en: A rule looks at the payment.}
features:
  amount: {code: A01, label: {en: the amount}}
  hour: {code: H01, label: {en: the hour}}
";

/// Whoever pays much pays late at night here, so that looking at either gives the same answers.
#[test]
fn a_model_that_answers_the_same_for_other_reasons_is_seen_to() {
    let by_hour = flags_from(0.5).replace(
        "[0,0,0],\n        \"split_conditions\":[5E-1",
        "[1,0,0],\n        \"split_conditions\":[1.2E1",
    );
    assert_ne!(by_hour, flags_from(0.5));
    let server = serve(&[flags_from(0.5), by_hour], &[]);
    let profile = server.folder.path().join("profile.yaml");
    std::fs::write(&profile, PROFILE).expect("written");
    let profile = profile.to_str().expect("UTF-8");
    let explain = ["--explain", "inline", "--explain-profile", profile];
    server.cli(&[&["deployment", "update", "fraud"], &explain[..]].concat()).ok();
    let start = ["rollout", "start", "fraud", "--version", "2", "--step", "shadow:100000:1h"];
    server.cli(&start).ok();
    let mut connection = Connection::open(server.address()).expect("connects");
    for number in 0..60 {
        let mut asked: Value = serde_json::from_str(&payment(number).0).expect("JSON");
        let is_much = asked["inputs"][0]["data"][0].as_f64().expect("a number") >= 0.5;
        asked["inputs"][1]["data"][0] = json!(if is_much { 23 } else { 9 });
        let (status, ..) = connection.ask("fraud", &asked.to_string(), "").expect("answers");
        assert_eq!(status, 200);
    }
    let compared = |now: &Value| now["pairs"] == 60;
    let now = (0..PATIENCE).find_map(|_| {
        std::thread::sleep(LOOK_EVERY);
        Some(server.rollout()).filter(compared)
    });
    let now = now.expect("all are compared");
    assert_eq!((&now["agreement"], &now["score_shift"]), (&json!(1.0), &json!(0.0)));
    assert_eq!((&now["reason_agreement"], &now["reason_shift"]), (&json!(0.0), &json!(1.0)));
    let said = json!([
        {"code": "A01", "incumbent": 60, "candidate": 0},
        {"code": "H01", "incumbent": 0, "candidate": 60},
    ]);
    assert_eq!(now["reasons"], said, "{now:#}");
    let told = server.cli(&["rollout", "show", "fraud"]).ok();
    assert!(told.contains("same reason") && told.contains("0.00 %"), "{told}");
    // What the candidate would have said is on record.
    let (folder, _) = server.stop();
    let shadows = entries(folder.path()).into_iter().filter(|entry| {
        let draft = &entry.leaf.draft;
        draft.kind == Kind::Decision && draft.route == Some(Route::Shadow)
    });
    assert_eq!(shadows.count(), 60);
}

#[test]
fn a_service_that_is_dead_is_rolled_back_within_five_requests() {
    for percent in [1, 5, 25] {
        let server = serve(&[flags_from(0.98), DEAD.to_owned()], &[]);
        let callers = Callers::start(&server, 1);
        callers.wait_for(1_200);
        let step = format!("{percent}:100000:1h");
        server.cli(&["rollout", "start", "fraud", "--version", "2", "--step", &step]).ok();
        let ended = server.reaches("rolled_back");
        callers.wait_for(200);
        let answers = callers.stop();
        let failed = answers.iter().filter(|status| **status != 200).count();
        println!("a dead service, {percent} %: rolled back after {failed} canary requests");
        assert_eq!(ended["reason"], "errors", "{ended:#}");
        assert!((1..=5).contains(&failed), "{failed} callers heard of it at {percent} %");
        let routes = recorded(server, &answers);
        assert_eq!(routes.get(&Route::Canary), Some(&(failed as u64)));
    }
}

#[test]
fn a_model_that_is_no_worse_goes_through_its_steps_and_is_released() {
    // The same answers from another file.
    let server = serve(&[flags_from(0.98), flags_from(0.980_001)], &[]);
    let callers = Callers::start(&server, 2);
    let steps = ["--step", "shadow:100:1s", "--step", "10:50:1s", "--step", "50:50:1s"];
    let start = ["rollout", "start", "fraud", "--version", "2"];
    server.cli(&[&start[..], &steps[..]].concat()).ok();
    // Nothing else is released meanwhile, and nothing else is tried.
    for args in [
        &["rollout", "start", "fraud", "--version", "2"][..],
        &["deployment", "release", "fraud", "--version", "2"],
        &["deployment", "archive", "fraud"],
        &["drill", "rollback", "fraud"],
    ] {
        let refused = server.cli(args);
        assert_eq!(refused.code, 1, "{args:?}: {}", refused.stdout);
        assert!(refused.stderr.contains("version 2 is tried"), "{}", refused.stderr);
    }
    let watched = server.cli(&["rollout", "watch", "fraud", "--json"]);
    assert_eq!(watched.code, 0, "{}", watched.stderr);
    let ended = server.rollout();
    assert_eq!(ended["phase"], "promoted", "{ended:#}");
    assert_eq!(ended["agreement"], 1.0);
    let history = ended["history"].as_array().expect("a list").iter();
    let history: Vec<_> = history.map(|one| one["what"].as_str().expect("a word")).collect();
    assert_eq!(history, ["start", "step", "step", "promote"]);
    assert_eq!(server.released(), 2);
    callers.wait_for(100);
    let answers = callers.stop();
    assert!(answers.iter().all(|status| *status == 200));
    // The way back from a release is what it was before there were rollouts.
    server.cli(&["rollback", "fraud"]).ok();
    assert_eq!(server.released(), 1);
    let routes = recorded(server, &answers);
    assert!(routes[&Route::Shadow] >= 100 && routes[&Route::Canary] >= 100, "{routes:?}");
}

/// The salt of the rollout, out of the event that it began with.
pub(crate) fn salt_of(server: &Server) -> Vec<u8> {
    let events = server.cli(&["event", "list", "--json", "--limit", "100"]).json();
    let items = events["items"].as_array().or(events.as_array()).expect("a list").clone();
    let salt = items.iter().find_map(|event| event["payload"]["facts"]["salt"].as_str());
    let salt = salt.expect("the intent of the start has it");
    let byte = |at: usize| u8::from_str_radix(&salt[at..at + 2], 16).expect("hexadecimal");
    (0..salt.len()).step_by(2).map(byte).collect()
}

#[test]
fn a_person_always_gets_the_same_version() {
    let server = serve(&[flags_from(0.98), flags_from(0.980_001)], &[]);
    let start = ["rollout", "start", "fraud", "--version", "2", "--step", "30:100000:1h"];
    server.cli(&start).ok();
    let mut connection = Connection::open(server.address()).expect("connects");
    let mut asked = HashMap::new();
    for number in 0..1_200 {
        let (body, customer) = payment(number % 300);
        let (status, id, answer) = connection.ask("fraud", &body, "").expect("answers");
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        let version = answer["model_version"].as_str().expect("text").to_owned();
        let known = asked.entry(customer).or_insert_with(|| version.clone());
        assert_eq!(*known, version, "{id}: customer {customer} was moved");
    }
    let canaries = asked.values().filter(|version| *version == "2").count();
    assert!((50..130).contains(&canaries), "{canaries} of 300 customers at 30 %");
    // Ten lines replay it from the salt, as docs/releases.md says.
    let salt = salt_of(&server);
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &salt);
    for (customer, version) in &asked {
        let tag = aws_lc_rs::hmac::sign(&key, format!("c{customer}").as_bytes());
        let word = u64::from_be_bytes(tag.as_ref()[..8].try_into().expect("eight bytes"));
        let is_canary = u128::from(word) < 3_000 * (1_u128 << 64) / 10_000;
        assert_eq!(is_canary, version == "2", "customer {customer}");
    }
    // Whoever names the version that answers gets it, and is no part of the rollout.
    let (body, _) = payment(7);
    let named = body.replacen('{', "{\"model_version\":\"1\",", 1);
    for _ in 0..20 {
        let (status, _, answer) = connection.ask("fraud", &named, "").expect("answers");
        assert_eq!(status, 200, "{answer}");
        assert!(answer.contains("\"model_version\":\"1\""), "{answer}");
    }
    let (folder, _) = server.stop();
    let decisions = entries(folder.path()).into_iter().map(|entry| entry.leaf.draft);
    let decisions: Vec<_> = decisions.filter(|draft| draft.kind == Kind::Decision).collect();
    let assigned = decisions.iter().filter(|draft| draft.extension.rollout.is_some()).count();
    assert_eq!((decisions.len(), assigned), (1_220, 1_200));
}

#[test]
fn people_hold_resume_advance_and_roll_back() {
    let server = serve(&[flags_from(0.98), flags_from(0.980_001)], &["--fallback", "0.5"]);
    let steps = ["--step", "shadow:5:1h", "--step", "40:5:1h"];
    let start = ["rollout", "start", "fraud", "--version", "2"];
    server.cli(&[&start[..], &steps[..]].concat()).ok();
    let change = |verb: &str| server.cli(&["rollout", verb, "fraud", "--json"]);
    assert_eq!(change("resume").code, 1, "it is not held");
    assert_eq!(change("hold").json()["phase"], "held");
    assert_eq!(change("resume").json()["phase"], "running");
    let advanced = change("advance").json();
    assert_eq!((&advanced["step"], &advanced["percent"]), (&json!(2), &json!(40.0)));
    assert_eq!(change("rollback").json()["phase"], "rolled_back");
    assert_eq!(change("hold").code, 1, "it is over");
    // The switch rolls back what is tried, and leaves the fallback.
    server.cli(&[&start[..], &["--step", "100:5:1h"]].concat()).ok();
    assert_eq!(server.cli(&["deployment", "kill", "fraud", "--json"]).json()["killed"], true);
    assert_eq!(server.rollout()["phase"], "rolled_back");
    let mut connection = Connection::open(server.address()).expect("connects");
    let (status, id, answer) = connection.ask("fraud", &payment(1).0, "").expect("answers");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains("0.5") && answer.contains("\"fallback\":true"), "{answer}");
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    assert_eq!(shown["summary"]["route"], "fallback");
    assert_eq!(server.cli(&start).code, 1, "nothing is tried while it is off");
    server.cli(&["deployment", "update", "fraud", "--fallback", "none"]).ok();
    let (status, _, answer) = connection.ask("fraud", &payment(1).0, "").expect("answers");
    assert_eq!((status, answer.contains("switched_off")), (503, true), "{answer}");
    server.cli(&["deployment", "revive", "fraud"]).ok();
    assert_eq!(connection.ask("fraud", &payment(1).0, "").expect("answers").0, 200);
    // Every change is in the ledger, with its end.
    let events = server.cli(&["event", "list", "--json", "--limit", "100"]).json();
    let items = events["items"].as_array().or(events.as_array()).expect("a list").clone();
    let ends = |action: &str| {
        let is_it = |event: &&Value| event["action"] == action && event["stage"] == "completed";
        items.iter().filter(is_it).count()
    };
    assert_eq!(ends("RollBack"), 5, "hold, rollback, rollback by the switch, kill, revive");
}

#[test]
fn drills_under_load_lose_nothing() {
    let server = serve(&[flags_from(0.98)], &[]);
    let callers = Callers::start(&server, 4);
    callers.wait_for(200);
    let drills = setting("PLIMSOLL_DRILLS", 10);
    let mut took: Vec<u64> = (0..drills)
        .map(|_| {
            let done = server.cli(&["drill", "rollback", "fraud", "--requests", "5", "--json"]);
            let done = done.json();
            assert!(done["requests"].as_u64() >= Some(5), "{done:#}");
            done["took_us"].as_u64().expect("a number")
        })
        .collect();
    let answers = callers.stop();
    assert!(answers.iter().all(|status| *status == 200));
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    println!(
        "{drills} drills under load: from the decision to no request on the old way {} us (median), {} us (p99), {} us (most); {} requests, none lost",
        at(50),
        at(99),
        took[took.len() - 1],
        answers.len()
    );
    let routes = recorded(server, &answers);
    assert!(routes[&Route::Canary] >= 5 * drills);
}

/// xorshift64*, as in `crash`.
fn next(state: &mut u64) -> u64 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    state.wrapping_mul(0x2545_F491_4F6C_DD1D)
}

/// A rollout that ended is either promoted and its candidate answers, or rolled back and the
/// incumbent does; one that goes on has not released anything.
fn is_one_or_the_other(server: &Server, what: &str) {
    let (rollout, released) = (server.rollout(), server.released());
    let history = rollout["history"].as_array().expect("a list").iter();
    let ends = history.filter(|one| one["what"] == "promote" || one["what"] == "rollback").count();
    let answers = match rollout["phase"].as_str().expect("a word") {
        "promoted" => &rollout["candidate"],
        _ => &rollout["incumbent"],
    };
    assert_eq!(answers.as_u64(), Some(released), "{what}: {rollout:#}");
    assert_eq!(ends, usize::from(!rollout["ended_at"].is_null()), "{what}: {rollout:#}");
}

#[test]
fn killed_at_any_moment_a_rollout_goes_on_or_is_back_never_both() {
    let rounds = setting("PLIMSOLL_CRASH_ROUNDS", 4);
    let seed = setting("PLIMSOLL_CRASH_SEED", 1);
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut server = serve(&[flags_from(0.98), flags_from(0.980_001), flags_from(0.58)], &[]);
    let mut met: HashMap<String, u32> = HashMap::new();
    for round in 0..rounds {
        let what = format!("round {round} of seed {seed}");
        // A version that is no worse, and one that is, in turn; or a drill.
        let other = if server.released() == 1 { "2" } else { "1" };
        let version = if next(&mut state).is_multiple_of(2) { other } else { "3" };
        let callers = Callers::start(&server, 4);
        callers.wait_for(50);
        let steps = ["--step", "shadow:10:0", "--step", "20:10:0", "--step", "60:10:0"];
        let start = ["rollout", "start", "fraud", "--version", version];
        server.cli(&[&start[..], &steps[..]].concat()).ok();
        std::thread::sleep(Duration::from_millis(next(&mut state) % 4_000));
        let folder = server.kill();
        callers.stop();
        server = Server::start_in(folder, &["--dev"]);
        is_one_or_the_other(&server, &what);
        let phase = server.rollout()["phase"].as_str().expect("a word").to_owned();
        if phase == "running" {
            // It goes on from where it was written down, and comes to an end.
            let callers = Callers::start(&server, 4);
            for _ in 0..PATIENCE {
                if !server.rollout()["ended_at"].is_null() {
                    break;
                }
                std::thread::sleep(LOOK_EVERY);
            }
            callers.stop();
            is_one_or_the_other(&server, &what);
            let ended = server.rollout();
            let wanted = if version == "3" { "rolled_back" } else { "promoted" };
            assert_eq!(ended["phase"], wanted, "{what}: {ended:#}");
        }
        *met.entry(phase).or_default() += 1;
    }
    println!("{rounds} kills, found after the start: {met:?}");
    let (folder, code) = server.stop();
    assert_eq!(code, Some(0));
    let mut answered = HashMap::new();
    for entry in entries(folder.path()) {
        let draft = entry.leaf.draft;
        if draft.kind == Kind::Decision && draft.result == Some(ResultClass::Answered) {
            *answered.entry(draft.id).or_insert(0_u32) += 1;
        }
    }
    assert!(answered.values().all(|count| *count == 1));
}
