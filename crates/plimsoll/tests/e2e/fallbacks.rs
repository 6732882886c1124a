//! What answers when the model does not: the version before, a rule, the answer for the rest; each
//! recorded as what it is, with its reason.

use crate::harness::{Connection, Server};
use crate::rollouts::{Callers, DEAD, entries, flags_from, payment, serve};
use plimsoll_types::record::Route;

/// Asks; the status, the answer, and what the record says stood in.
fn asked(server: &Server, number: u64) -> (u16, String, Vec<String>) {
    let mut connection = Connection::open(server.address()).expect("connects");
    let (status, id, answer) = connection.ask("fraud", &payment(number).0, "").expect("answers");
    let shown = server.cli(&["decision", "show", &id, "--json"]).json();
    let mapped = shown["body"]["mapped"].as_array().cloned().unwrap_or_default();
    let stood_in = mapped.iter().filter(|one| one["role"] == "fallback");
    let stood_in = stood_in.filter_map(|one| one["value"].as_str()).map(str::to_owned).collect();
    let is_fallback = answer.contains("\"fallback\":true");
    assert_eq!(shown["summary"]["route"] == "fallback", is_fallback, "{shown:#}");
    (status, answer, stood_in)
}

fn update(server: &Server, options: &[&str]) -> crate::harness::Said {
    server.cli(&[&["deployment", "update", "fraud"], options].concat())
}

#[test]
fn the_version_before_and_rules_stand_in_for_a_model() {
    let server = serve(&[flags_from(0.98), DEAD.to_owned()], &["--fallback-previous"]);
    server.cli(&["deployment", "release", "fraud", "--version", "2"]).ok();
    // The service is dead: the version before answers, here and while models are switched off.
    for switch in [None, Some("kill")] {
        if let Some(verb) = switch {
            server.cli(&["deployment", verb, "fraud", "--reason", "incident 4711"]).ok();
            let events = server.cli(&["event", "list", "--json", "--limit", "20"]).ok();
            assert!(events.contains("incident 4711"), "{events}");
        }
        let (status, answer, stood_in) = asked(&server, 1);
        assert_eq!((status, stood_in), (200, vec!["version 1".to_owned()]), "{answer}");
        // The nearest of single precision.
        assert!(answer.contains("0.01999999955"), "{answer}");
    }
    // Rules are held against the contract when they are declared.
    for wrong in ["weight > 1 -> 1", "amount > much -> 1", "customer < b -> 1", "amount > 1"] {
        assert_eq!(update(&server, &["--fallback-rule", wrong]).code, 1, "{wrong}");
    }
    assert_eq!(update(&server, &["--fallback-rule", "amount > 0 -> 1,2"]).code, 1, "too wide");
    let rules = ["--fallback-rule", "amount > 0.5 -> 0.75", "--fallback-rule", "hour < 2 -> 0.25"];
    update(&server, &rules).ok();
    let shown = server.cli(&["deployment", "show", "fraud"]).ok();
    assert!(shown.contains("amount > 0.5 -> 0.75; hour < 2 -> 0.25"), "{shown}");
    let (status, answer, stood_in) = asked(&server, 1);
    assert_eq!((status, stood_in), (200, vec!["amount > 0.5 -> 0.75".to_owned()]), "{answer}");
    assert!(answer.contains("0.75"), "{answer}");
    let (_, answer, stood_in) = asked(&server, 0);
    assert!(answer.contains("0.25"), "{answer}");
    assert_eq!(stood_in, ["hour < 2 -> 0.25"]);
    // No rule holds for 2: an amount of 0.24 at two o'clock.
    assert_eq!((asked(&server, 2).0, asked(&server, 2).2.len()), (503, 0), "fails closed");
    update(&server, &[&rules[..], &["--fallback", "0.5"]].concat()).ok();
    let (status, answer, stood_in) = asked(&server, 2);
    assert_eq!((status, stood_in), (200, vec!["outputs".to_owned()]), "{answer}");
    server.cli(&["deployment", "revive", "fraud"]).ok();
    assert_eq!(asked(&server, 1).2, ["amount > 0.5 -> 0.75"], "the service is still dead");
}

/// Of a version that is tried, the one before is the one that answers everybody else.
#[test]
fn callers_of_a_dead_candidate_get_the_incumbents_answer() {
    let server = serve(&[flags_from(0.98), DEAD.to_owned()], &["--fallback-previous"]);
    let callers = Callers::start(&server, 1);
    callers.wait_for(1_200);
    let start = ["rollout", "start", "fraud", "--version", "2", "--step", "25:100000:1h"];
    server.cli(&start).ok();
    let ended = server.reaches("rolled_back");
    let answers = callers.stop();
    assert!(answers.iter().all(|status| *status == 200), "nobody heard of it");
    assert_eq!(ended["reason"], "errors", "failures count although the version before answered");
    assert!(ended["candidates"].as_u64().is_some_and(|count| count <= 5), "{ended:#}");
    let (folder, _) = server.stop();
    let drafts = entries(folder.path()).into_iter().map(|entry| entry.leaf.draft);
    let stood_in = drafts.filter(|draft| draft.route == Some(Route::Fallback)).count();
    assert_eq!(ended["candidates"], stood_in, "each is marked, and nobody else");
}
