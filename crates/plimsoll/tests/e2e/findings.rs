//! Findings and alerts end to end: one finding however often it is seen, receivers of every
//! shape, and a server that is killed between a finding and its telling.

use crate::harness::{Server, get};
use crate::mail::{Relay, free_port};
use crate::sinks::{Receiver, json, signature};
use crate::tls::certificates;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

fn quick() -> [&'static str; 5] {
    ["--dev", "--set", "sinks.retry_first=20ms", "--set", "sinks.retry_max=200ms"]
}

fn server() -> Server {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    Server::start_in(folder, &quick()).with_credit("durable")
}

/// Reports what was seen; gives the finding.
fn report(server: &Server, severity: &str, about: &str) -> Value {
    let text = format!("{about} has moved");
    let args = [
        "finding",
        "report",
        "credit-default",
        "--kind",
        "input_drift",
        "--severity",
        severity,
        "--about",
        about,
        "--text",
        &text,
        "--number",
        "psi=0.4",
        "--json",
    ];
    server.cli(&args).json()
}

fn id(finding: &Value) -> &str {
    finding["id"].as_str().expect("an id")
}

fn alerts(server: &Server, state: &str) -> Vec<Value> {
    let page = server.cli(&["alert", "list", "--state", state, "--json"]).json();
    page["items"].as_array().expect("a list").clone()
}

/// Waits until there are so many deliveries in this state.
fn wait_for(server: &Server, state: &str, count: usize) -> Vec<Value> {
    for _ in 0..1_500 {
        let found = alerts(server, state);
        if found.len() >= count {
            return found;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("no {count} deliveries are {state}: {:?}", alerts(server, state));
}

fn lines(got: &[(std::collections::BTreeMap<String, String>, Vec<u8>)]) -> Vec<Value> {
    got.iter().map(json).collect()
}

#[test]
fn what_is_seen_again_is_the_same_finding_and_people_see_to_it() {
    let server = server();
    let first = report(&server, "warning", "income");
    let again = report(&server, "warning", "income");
    assert_eq!(id(&again), id(&first));
    assert_eq!((&again["occurrences"], &again["state"]), (&2.into(), &"open".into()));
    assert_ne!(id(&report(&server, "warning", "age")), id(&first));
    let worse = report(&server, "critical", "income");
    assert_eq!((id(&worse), &worse["severity"]), (id(&first), &"critical".into()));
    assert!(worse["due_at"].as_str() < first["due_at"].as_str(), "{worse}");

    let ack = server.cli(&["finding", "ack", id(&first), "--note", "a feed", "--json"]).json();
    assert_eq!((&ack["state"], &ack["reason"]), (&"acknowledged".into(), &"a feed".into()));
    server.cli(&["finding", "assign", id(&first), "data-team"]).ok();
    let snoozed = ["finding", "snooze", id(&first), "7d", "--reason", "Monday", "--json"];
    assert_eq!(server.cli(&snoozed).json()["state"], "snoozed");
    let late = ["finding", "snooze", id(&first), "91d", "--reason", "never"];
    assert_eq!(server.cli(&late).code, 1);
    let resolve = ["finding", "resolve", id(&first), "--reason", "the feed is back", "--json"];
    assert_eq!(server.cli(&resolve).json()["state"], "resolved");
    assert_eq!(server.cli(&resolve).code, 1, "it is over already");

    let back = report(&server, "warning", "income");
    assert_eq!((id(&back), &back["state"]), (id(&first), &"open".into()));
    assert_eq!((&back["openings"], &back["severity"]), (&2.into(), &"warning".into()));
    assert_eq!(back["assignee"], "data-team");
    let list = ["finding", "list", "--deployment", "credit-default", "--state", "open", "--json"];
    assert_eq!(server.cli(&list).json()["items"].as_array().expect("a list").len(), 2);

    // Each change has its intent and its end; being seen once more has none.
    let events = server.cli(&["event", "list", "--limit", "1000", "--json"]).json();
    let of = |action: &str| {
        let events = events["items"].as_array().expect("a list").iter();
        events.filter(|e| e["action"] == action && e["stage"] == "completed").count()
    };
    assert_eq!((of("RaiseFinding"), of("HandleFinding")), (4, 4));
    let page = get(server.metrics(), "/metrics", None).body;
    let line = "plimsoll_findings{deployment=\"credit-default\",kind=\"input_drift\",\
                severity=\"warning\",state=\"open\"} 2";
    assert!(page.contains(line), "{page}");
    let rules = server.cli(&["alert", "rules"]).ok();
    assert!(rules.contains("deployment=\\\"credit-default\\\",kind=\\\"fairness\\\""), "{rules}");
}

#[test]
fn every_shape_is_told_and_a_budget_holds_back_what_is_not_critical() {
    let server = server();
    let add = |name: &str, shape: &str, receiver: &Receiver, more: &[&str]| {
        let url = receiver.url();
        let args = [&["alert", "route", "add", name, shape, &url], more].concat();
        server.cli(&args).ok()
    };
    let (hook, slack, teams, pager) = (
        Receiver::start(true),
        Receiver::start(true),
        Receiver::start(true),
        Receiver::start(true),
    );
    let secret = add("ops", "webhook", &hook, &[]).trim().to_owned();
    assert!(secret.starts_with("whsec_"), "{secret}");
    add("team", "slack", &slack, &["--kind", "input_drift"]);
    add("room", "teams", &teams, &["--deployment", "credit-default"]);
    let key = server.data_folder().join("../key.txt");
    std::fs::write(&key, "R0UT1NGKEY\n").expect("written");
    let key = key.to_str().expect("text");
    add("duty", "pagerduty", &pager, &["--severity", "critical", "--key-from", key]);
    let listed = server.cli(&["alert", "route", "list", "--json"]).ok();
    assert!(!listed.contains("R0UT1NGKEY") && !listed.contains("t0ken"), "{listed}");
    server.cli(&["alert", "route", "test", "duty"]).ok();
    pager.wait(|got| got.len() == 1);

    // The month's one warning is told; the next two wait.
    report(&server, "warning", "income");
    let got = hook.wait(|got| got.len() == 1);
    let event = json(&got[0]);
    assert_eq!(event["type"], "io.plimsoll.finding.opened.v1");
    assert_eq!(event["data"]["finding"]["numbers"]["psi"], 0.4);
    assert_eq!(got[0].0["webhook-signature"], signature(&secret, &got[0]));
    assert_eq!(report(&server, "warning", "age")["is_held"], true);
    assert_eq!(report(&server, "warning", "income")["is_held"], false);

    // What is critical is told at once, and what waited comes along.
    let critical = report(&server, "critical", "score");
    let events = lines(&hook.wait(|got| got.len() == 2));
    assert_eq!(events[1]["data"]["finding"]["about"], "score");
    assert_eq!(events[1]["data"]["also"][0]["about"], "age");
    let page = server.cli(&["finding", "list", "--json"]).json();
    assert!(page["items"].as_array().expect("a list").iter().all(|f| f["is_held"] == false));
    assert!(json(&slack.wait(|got| got.len() == 2)[1])["blocks"].is_array());
    assert_eq!(json(&teams.wait(|got| got.len() == 2)[1])["type"], "message");

    // One incident, whatever becomes of the finding.
    server.cli(&["finding", "ack", id(&critical)]).ok();
    server.cli(&["finding", "resolve", id(&critical), "--reason", "rolled back"]).ok();
    let got = lines(&pager.wait(|got| got.len() == 4));
    let told: Vec<&str> =
        got[1..].iter().map(|event| event["event_action"].as_str().expect("text")).collect();
    assert_eq!(told, ["trigger", "acknowledge", "resolve"]);
    let keys: BTreeSet<&str> =
        got[1..].iter().map(|event| event["dedup_key"].as_str().expect("text")).collect();
    assert_eq!(keys.len(), 1);
    assert!(got.iter().all(|event| event["routing_key"] == "R0UT1NGKEY"));
    // Chats are told that it is over, not who sees to it.
    slack.wait(|got| got.len() == 3);
    hook.wait(|got| got.len() == 4);
}

#[test]
fn a_silence_holds_what_happens_and_lets_it_go_when_it_ends() {
    let server = server();
    let hook = Receiver::start(true);
    server.cli(&["alert", "route", "add", "ops", "webhook", &hook.url()]).ok();
    let silence = ["finding", "silence", "add", "--for", "2h", "--reason", "maintenance", "--json"];
    let made = server.cli(&silence).json();
    assert_eq!(made["is_active"], true);
    assert_eq!(report(&server, "warning", "income")["is_held"], true);
    report(&server, "critical", "score");
    let got = lines(&hook.wait(|got| got.len() == 1));
    assert_eq!(got[0]["data"]["finding"]["about"], "score");
    assert!(got[0]["data"]["also"].is_null(), "the silence still holds");
    let silence = made["id"].as_str().expect("an id");
    server.cli(&["finding", "silence", "remove", silence]).ok();
    // It is told with the next thing, or within a minute.
    report(&server, "critical", "latency");
    let got = lines(&hook.wait(|got| got.len() == 2));
    assert_eq!(got[1]["data"]["also"][0]["about"], "income");
}

/// Told by a receiver that was down, through two deaths of the server: the same id each time.
#[test]
fn a_finding_is_told_with_one_id_however_often_the_server_dies() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    let server = Server::start_in(Arc::clone(&folder), &quick()).with_credit("durable");
    let hook = Receiver::start(false);
    server.cli(&["alert", "route", "add", "ops", "webhook", &hook.url()]).ok();
    let finding = report(&server, "critical", "income");
    let waiting = wait_for(&server, "waiting", 1);
    let alert = waiting[0]["id"].as_str().expect("an id").to_owned();
    let folder = server.kill();
    let server = Server::start_in(folder, &quick());
    let again = report(&server, "critical", "income");
    assert_eq!((id(&again), &again["occurrences"]), (id(&finding), &2.into()));
    hook.up.store(true, Ordering::SeqCst);
    let got = hook.wait(|got| !got.is_empty());
    // Before or after the end is noted: what comes again has the same id.
    let folder = server.kill();
    let server = Server::start_in(folder, &quick());
    wait_for(&server, "delivered", 1);
    assert_eq!(json(&got[0])["id"], alert);
    let ids: BTreeSet<String> =
        hook.wait(|_| true).iter().map(|one| one.0["webhook-id"].clone()).collect();
    assert_eq!(ids, BTreeSet::from([alert]));
}

#[test]
fn what_a_receiver_will_never_take_is_shown_and_can_be_sent_again() {
    let server = server();
    let hook = Receiver::start(true);
    hook.refuses.store(true, Ordering::SeqCst);
    server.cli(&["alert", "route", "add", "ops", "webhook", &hook.url()]).ok();
    report(&server, "critical", "income");
    let dead = wait_for(&server, "dead", 1);
    assert!(dead[0]["reason"].as_str().expect("a reason").contains("400"), "{dead:?}");
    hook.refuses.store(false, Ordering::SeqCst);
    server.cli(&["alert", "redeliver", dead[0]["id"].as_str().expect("an id")]).ok();
    assert_eq!(wait_for(&server, "delivered", 1)[0]["id"], dead[0]["id"]);
    assert_eq!(json(&hook.wait(|got| got.len() == 1)[0])["id"], dead[0]["id"]);
    // An address within is none, unless the operator allows it.
    let bad = ["alert", "route", "add", "meta", "slack", "https://169.254.169.254/latest"];
    let said = server.cli(&bad);
    assert_eq!(said.code, 1);
    assert!(
        said.stderr.contains("outbound.allow") && !said.stderr.contains("latest"),
        "{}",
        said.stderr
    );
    let mail = server.cli(&["alert", "route", "add", "m", "mail", "a@example.org"]);
    assert!(mail.stderr.contains("mail.relay"), "{}", mail.stderr);
}

#[test]
fn mail_is_told_over_the_relay_of_the_settings() {
    let folder = Arc::new(tempfile::tempdir().expect("temp"));
    certificates(folder.path());
    let port = free_port();
    let relay = Relay::start(folder.path(), port, "plain");
    let set = [
        format!("mail.relay=smtp+plain://localhost:{port}"),
        "mail.from=Plimsoll <plimsoll@example.org>".to_owned(),
        "server.public_url=https://plimsoll.example.org/".to_owned(),
    ];
    let args: Vec<&str> = set.iter().flat_map(|one| ["--set", one]).collect();
    let server = Server::start_in(Arc::clone(&folder), &[&quick()[..], &args].concat());
    let server = server.with_credit("durable");
    server.cli(&["alert", "route", "add", "m", "mail", "Team <team@example.org>"]).ok();
    let finding = report(&server, "critical", "income");
    wait_for(&server, "delivered", 1);
    let kept = relay.kept();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let text = kept[0].to_string();
    assert!(text.contains("[critical] credit-default: input_drift of income opened"), "{text}");
    assert!(text.contains("income has moved") && text.contains(id(&finding)), "{text}");
    let page = format!("https://plimsoll.example.org/console/findings/{}", id(&finding));
    assert!(text.contains(&page), "{text}");
}
