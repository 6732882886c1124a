//! From nothing to production at every tier: what the build sees by itself, what people state, and
//! who approves.

use crate::governance::{People, evaluation, facts, key_of, text};
use serde_json::{Value, json};
use std::time::Duration;

/// Facts of a use at tier T1: people look at nearly all of it, and little is at stake.
pub(crate) fn light() -> Value {
    let mut light = facts();
    light["criticality"] = json!("non_critical");
    light["reviewed"] = json!({"part": 999, "whole": 1000});
    light
}

/// Facts of a use at tier T3: it can harm customers.
fn high() -> Value {
    let mut high = facts();
    high["harms"] = json!(["biased_decision", "denied_service"]);
    high
}

/// The evaluation set with groups that are treated alike: every other one of each rank.
pub(crate) fn grouped() -> Value {
    let mut set = evaluation();
    let golden = set["golden"]["1"].as_array().expect("a list").clone();
    let mut places: Vec<usize> = (0..golden.len()).collect();
    places.sort_by(|a, b| golden[*a].as_f64().partial_cmp(&golden[*b].as_f64()).expect("numbers"));
    let mut groups = vec![""; places.len()];
    for (rank, place) in places.into_iter().enumerate() {
        groups[place] = if rank % 2 == 0 { "a" } else { "b" };
    }
    set["groups"] = json!(groups);
    set
}

impl People {
    /// Demands that stand in the way, with what is said of them.
    pub(crate) fn open(&self, version: &str) -> Vec<String> {
        let explain = ["gate", "explain", "credit-default", "--version", version, "--json"];
        let said = self.ada(&explain);
        let result: Value = serde_json::from_str(&said.stdout).expect("JSON");
        let demands = result["demands"].as_array().expect("demands").iter();
        let lets = |one: &Value| {
            ["pass", "not_applicable", "exempted"].iter().any(|state| one["state"] == *state)
        };
        let open = demands.filter(|one| one["demand"]["blocks"] == true && !lets(one));
        open.map(|one| format!("{} {}", one["demand"]["check"], one["lines"])).collect()
    }

    pub(crate) fn assess(&self, facts: &Value) -> String {
        let facts = self.write("facts.json", &json!({ "facts": facts }));
        let owed = self.ada(&["assess", &facts, "--deployment", "credit-default", "--json"]).json();
        owed["assessment"]["tier"].as_str().expect("a tier").to_owned()
    }

    /// Runs the gate of a version, and asks that nothing is left open.
    #[track_caller]
    pub(crate) fn passes(&self, version: &str) {
        let gate = self.gate(version);
        assert_eq!(gate.code, 0, "{}\n{:#?}", gate.stderr, self.open(version));
    }
}

#[test]
fn a_light_use_goes_to_production_with_checks_of_the_build_and_one_statement() {
    let people = People::new();
    people.furnish();
    assert_eq!(people.assess(&light()), "T1");
    let rows = people.write("rows.json", &evaluation());
    people.ada(&["gate", "evaluation", "credit-default", &rows]).ok();
    // Nothing is watched, routed or declared: each is said, with what to do.
    people.gate("1");
    let open = people.open("1").join("\n");
    for fix in [
        "plimsoll monitor reference set credit-default FILE --version 1",
        "plimsoll alert route add",
        "`outcomes` with a `source`",
        "plimsoll gate attest credit-default CHG-01 --version N",
    ] {
        assert!(open.contains(fix), "`{fix}` is not in {open}");
    }
    people.plan_with(&json!({}));
    people.watch();
    people.refused(&people.release("1"), "CHG-01 is not evaluable");
    // The author does not judge the own change, and nobody without the role does.
    let judged = ["--version", "1", "--not-significant"];
    let own = people.attest(&people.ada, "CHG-01", &judged);
    assert!(own.stderr.contains("who made the version"), "{}", own.stderr);
    let erin = people.attest(&people.erin, "CHG-01", &judged);
    assert!(erin.stderr.contains("none of the roles"), "{}", erin.stderr);
    let silent = people.attest(&people.bob, "CHG-01", &["--version", "1"]);
    assert!(silent.stderr.contains("whether the change is significant"), "{}", silent.stderr);
    people.attest(&people.bob, "CHG-01", &judged).ok();
    people.passes("1");
    people.refused(&people.release("1"), "1 more people have to approve");
    people.approve(&people.bob, "1").ok();
    people.release("1").ok();

    // What was stated of the first version says nothing of the second.
    people.gate("2");
    let open = people.open("2");
    assert_eq!(open.len(), 1, "{open:#?}");
    assert!(open[0].contains("CHG-01") && open[0].contains("another version"), "{open:#?}");
    let may = people.ada(&["gate", "attestations", "credit-default", "--may"]).ok();
    assert!(may.contains("CHG-01") && !may.contains("RSK-01"), "{may}");
}

#[test]
fn a_full_use_goes_to_production_without_a_plug_in_and_not_without_what_was_stated() {
    let people = People::new();
    people.furnish();
    people.declare();
    people.plan_with(&json!({}));
    people.attest(&people.bob, "DOC-01", &["--version", "1"]).ok();
    people.passes("1");
    people.approve(&people.bob, "1").ok();
    let listed = people.ada(&["gate", "attestations", "credit-default", "--json"]).json();
    let items = listed["items"].as_array().expect("a list");
    // It was stated once for each version: the older counts as well as the newer.
    for risk in items.iter().filter(|one| one["demand"] == "RSK-01") {
        let id = risk["id"].as_str().expect("an id");
        let end = ["gate", "attestations", "credit-default", "--end", id];
        people.server.cli_as(Some(&people.rita), &end).ok();
    }
    people.refused(&people.release("1"), "RSK-01 is not evaluable");
    people.attest(&people.rita, "RSK-01", &[]).ok();
    // The same of the same person until the same day: what was approved is what it was.
    people.release("1").ok();
    // What stands in for a model is declared, and there.
    let rollback = |version: &str, options: &[&str]| {
        people.ada(&[&["deployment", "update", "credit-default"], options].concat()).ok();
        people.gate(version);
        let open = people.open(version);
        open.into_iter().find(|one| one.contains("RBK-01")).unwrap_or_default()
    };
    let none = rollback("1", &["--fallback", "none"]);
    assert!(none.contains("declare a fallback"), "{none}");
    let alone = rollback("1", &["--fallback-previous"]);
    assert!(alone.contains("there is no version before this one"), "{alone}");
    assert_eq!(rollback("2", &["--fallback-previous"]), "", "version 1 stands in for it");
    assert_eq!(rollback("1", &["--fallback-rule", "amount > 5000 -> 1"]), "");
}

#[test]
fn a_use_that_can_harm_takes_two_people_with_their_roles() {
    let people = People::new();
    people.furnish();
    people.declare();
    assert_eq!(people.assess(&high()), "T3");
    people.plan_with(&json!({}));
    let update = ["deployment", "update", "credit-default", "--explain", "deferred"];
    people.ada(&[&update[..], &["--review", "sampled:0.1"]].concat()).ok();
    key_of(&people.server, "olga", &["reviewer"]);
    let rows = people.write("rows.json", &grouped());
    people.ada(&["gate", "evaluation", "credit-default", &rows]).ok();
    for (key, demand, more) in [
        (&people.bob, "DOC-01", &["--version", "1"][..]),
        (&people.rita, "REV-01", &["--version", "1"]),
        (&people.rita, "HUM-01", &[]),
        (&people.rita, "INC-01", &[]),
    ] {
        people.attest(key, demand, more).ok();
    }
    people.passes("1");
    people.refused(&people.release("1"), "2 more people have to approve");
    people.refused(&people.approve(&people.ada, "1"), "does not approve it");
    people.approve(&people.bob, "1").ok();
    // The same person twice is one person.
    people.approve(&people.bob, "1").ok();
    people.refused(&people.release("1"), "1 more people have to approve");
    people.refused(&people.release("1"), "nobody with the role `risk`");
    // A second approver without the role is a second person, and not enough.
    let carl = key_of(&people.server, "carl", &["approver"]);
    let file = text(&people.file("carl.key"));
    people.server.cli_as(Some(&carl), &["approval", "key", "new", &file]).ok();
    let approve = ["gate", "approve", "credit-default", "--version", "1", "--sign-with", &file];
    people.server.cli_as(Some(&carl), &approve).ok();
    let said = people.release("1");
    people.refused(&said, "nobody with the role `risk`");
    assert!(!said.stderr.contains("more people"), "{}", said.stderr);
    people.approve(&people.rita, "1").ok();
    people.release("1").ok();
    let now = people.bob(&["deployment", "show", "credit-default", "--json"]).json();
    assert_eq!((&now["released"]["number"], &now["tier"]), (&json!(1), &json!("T3")));
}

#[test]
fn a_statement_ends_by_itself() {
    let people = People::new();
    people.furnish();
    assert_eq!(people.assess(&light()), "T1");
    let rows = people.write("rows.json", &evaluation());
    people.ada(&["gate", "evaluation", "credit-default", &rows]).ok();
    people.plan_with(&json!({}));
    people.watch();
    let judged = ["--version", "1", "--not-significant"];
    people.attest(&people.bob, "CHG-01", &judged).ok();
    people.passes("1");
    let listed = people.ada(&["gate", "attestations", "credit-default", "--json"]).json();
    let id = listed["items"][0]["id"].as_str().expect("an id").to_owned();
    people.bob(&["gate", "attestations", "credit-default", "--end", &id]).ok();
    // The newest that counts is looked for: one that ends soon is one.
    let file = text(&people.file("bob.key"));
    let short = [
        "gate",
        "attest",
        "credit-default",
        "CHG-01",
        "--version",
        "1",
        "--significant",
        "--says",
        "another population",
        "--for",
        "5s",
        "--sign-with",
        &file,
    ];
    people.bob(&short).ok();
    for attempt in 0.. {
        let open = people.open("1");
        if open.iter().any(|one| one.contains("it ended on")) {
            break;
        }
        assert!(attempt < 100, "{open:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}
