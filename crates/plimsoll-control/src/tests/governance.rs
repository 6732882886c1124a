//! Who may approve, with what, and until when; what stays refused and is on record.

use super::bench::{Bench, deployment, name};
use super::code;
use crate::{ControlError, RequestContext};
use plimsoll_api as api;
use plimsoll_api::{Environment, Role};
use plimsoll_release::approval::{Statement, public_of, sign};
use plimsoll_types::Digest;
use serde_json::json;
use std::time::Duration;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A use at tier T1: suggestions of which a person accepts each.
fn facts() -> serde_json::Value {
    json!({
        "setting": "production", "customer_traffic_seen": false, "live_outcome": true,
        "areas": ["workflow"], "interactions": {"part": 300, "whole": 10000}, "harms": [],
        "buyers": [], "vendor_review": false, "criticality": "non_critical",
        "reviewed": {"part": 100, "whole": 100},
        "personal_data": false, "profiling": false, "solely_automated": false,
        "prohibited": [], "annex1": false, "annex3": [], "transparency": [],
        "general_purpose_provider": false, "roles": ["deployer"],
        "operator_financial": false, "customer_financial": false, "public_body": false,
    })
}

struct Case {
    bench: Bench,
    alice: RequestContext,
    carol: RequestContext,
    dora: RequestContext,
}

impl Case {
    fn new() -> Self {
        let bench = Bench::new();
        let alice = bench.person("alice", &[Role::MlEngineer, Role::Approver]);
        let carol = bench.person("carol", &[Role::Approver]);
        let dora = bench.person("dora", &[Role::Risk]);
        let contract = bench.registry(&alice);
        let wanted = deployment(contract, Environment::Production);
        bench.control.create_deployment(&alice, &wanted).expect("deployment");
        Self { bench, alice, carol, dora }
    }
    fn assess(
        &self,
        who: &RequestContext,
        facts: serde_json::Value,
    ) -> Result<String, ControlError> {
        let wanted = api::PutAssessment { facts, controls: None };
        let told = self.bench.control.put_assessment(who, &name("credit-default"), &wanted)?;
        Ok(told.assessment["tier"].as_str().expect("a tier").to_owned())
    }
    fn release(&self, who: &RequestContext) -> Result<api::Deployment, ControlError> {
        let wanted = api::ReleaseVersion { version: 1 };
        self.bench.control.release_version(who, &name("credit-default"), wanted)
    }
    fn standing(&self) -> api::ReleaseStanding {
        let query = api::StandingQuery::default();
        let control = &self.bench.control;
        let standing = control.release_standing(&self.carol, &name("credit-default"), 1, query);
        standing.expect("standing")
    }
    fn register(&self, who: &RequestContext, secret: u8) {
        let public_key = hex(&public_of(&[secret; 32]));
        let wanted = api::RegisterApprovalKey { public_key };
        self.bench.control.register_approval_key(who, &wanted).expect("registered");
    }
    /// An approval by `who`, signed with a secret, over a challenge of `asked`, after a while.
    fn approve(
        &self,
        who: &RequestContext,
        secret: u8,
        asked: &RequestContext,
        later: Duration,
    ) -> Result<api::ReleaseStanding, ControlError> {
        let control = &self.bench.control;
        let challenge = control.approval_challenge(asked).expect("a challenge");
        let standing = self.standing();
        let statement = Statement {
            deployment: "credit-default".into(),
            artifact: standing.artifact,
            gate: standing.gate.unwrap_or(Digest::ZERO),
            by: who.id.to_string(),
            at_us: plimsoll_types::Clock::now(&*self.bench.clock).as_micros(),
        };
        self.bench.clock.pass(later);
        let secret = [secret; 32];
        let wanted = api::ApproveRelease {
            version: 1,
            contract: None,
            artifact: statement.artifact,
            gate: statement.gate,
            at_us: statement.at_us,
            signature: hex(&sign(&secret, &statement.message())),
            challenge: challenge.id,
            challenge_signature: hex(&sign(&secret, challenge.text.as_bytes())),
        };
        control.approve_release(who, &name("credit-default"), &wanted)
    }
}

#[test]
fn an_approval_is_refused_unless_its_giver_is_there_with_a_key_of_their_own() {
    let case = Case::new();
    assert_eq!(case.assess(&case.alice, facts()).expect("assessed"), "T1");
    let none = Duration::ZERO;
    case.register(&case.carol, 7);
    case.register(&case.alice, 8);
    let why = |said: Result<api::ReleaseStanding, ControlError>| {
        let (status, said) = code(said);
        assert_eq!(status, 403, "{said}");
        said
    };
    let said = why(case.approve(&case.alice, 8, &case.alice, none));
    assert!(said.contains("whoever made a version"), "{said}");
    let said = why(case.approve(&case.carol, 9, &case.carol, none));
    assert!(said.contains("not by a key"), "{said}");
    let said = why(case.approve(&case.carol, 7, &case.dora, none));
    assert!(said.contains("none of the approver's"), "{said}");
    let said = why(case.approve(&case.carol, 7, &case.carol, Duration::from_secs(301)));
    assert!(said.contains("just proven"), "{said}");
    // All in order, and there is no gate result to consent to.
    let said = why(case.approve(&case.carol, 7, &case.carol, Duration::from_secs(290)));
    assert!(said.contains("no gate result"), "{said}");
    let keys = case.bench.control.list_approval_keys(&case.carol).expect("keys").items;
    case.bench.control.end_approval_key(&case.carol, keys[0].id).expect("ended");
    let said = why(case.approve(&case.carol, 7, &case.carol, none));
    assert!(said.contains("not by a key"), "{said}");

    let erin = case.bench.person("erin", &[Role::Auditor]);
    let events = case.bench.events(&erin);
    let denied = events.iter().filter(|event| {
        event.action == "ApproveRelease" && event.stage == plimsoll_types::record::Stage::Denied
    });
    assert_eq!(denied.count(), 6, "every refusal is on record");
}

#[test]
fn tiers_rise_by_facts_and_fall_only_by_who_may_allow_exceptions() {
    let case = Case::new();
    let (status, said) = code(case.release(&case.carol));
    assert_eq!(status, 403);
    assert!(said.contains("nobody assessed"), "{said}");
    let engineer = case.bench.person("max", &[Role::MlEngineer]);
    let mut high = facts();
    high["harms"] = json!(["denied_service"]);
    assert_eq!(case.assess(&engineer, facts()).expect("assessed"), "T1");
    assert_eq!(case.assess(&engineer, high).expect("assessed"), "T3");
    assert_eq!(
        (case.standing().people, case.standing().roles),
        (2, vec!["approver".into(), "risk".into()])
    );
    assert_eq!(code(case.assess(&engineer, facts())).0, 403);
    assert_eq!(case.assess(&case.dora, facts()).expect("assessed"), "T1");
    // What is prohibited is released by nothing.
    let mut prohibited = facts();
    prohibited["prohibited"] = json!(["5(1)(f)"]);
    assert_eq!(case.assess(&case.dora, prohibited).expect("assessed"), "T4");
    let until = plimsoll_types::Clock::now(&*case.bench.clock).plus(Duration::from_secs(3_600));
    let glass = api::BreakGlass { reason: "an emergency".into(), until: until.into() };
    case.bench.control.break_glass(&case.carol, &name("credit-default"), &glass).expect("broken");
    let (status, said) = code(case.release(&case.carol));
    assert_eq!(status, 403);
    assert!(said.contains("prohibited"), "{said}");
}

#[test]
fn a_broken_glass_ends_by_itself_and_by_its_review() {
    let case = Case::new();
    case.assess(&case.alice, facts()).expect("assessed");
    let at = |seconds: u64| {
        plimsoll_types::Clock::now(&*case.bench.clock).plus(Duration::from_secs(seconds))
    };
    let deployed = name("credit-default");
    let glass = |seconds| api::BreakGlass { reason: "outage".into(), until: at(seconds).into() };
    let control = &case.bench.control;
    let too_long = control.break_glass(&case.carol, &deployed, &glass(73 * 3_600));
    assert_eq!(code(too_long).0, 422);
    let broken = control.break_glass(&case.carol, &deployed, &glass(600)).expect("broken");
    case.release(&case.carol).expect("released in an emergency");
    case.bench.clock.pass(Duration::from_secs(601));
    assert_eq!(code(case.release(&case.carol)).0, 403);
    assert_eq!(code(control.break_glass(&case.carol, &deployed, &glass(600))).0, 409);
    assert_eq!(code(control.review_glass(&case.carol, &deployed, broken.id)).0, 409);
    control.review_glass(&case.dora, &deployed, broken.id).expect("reviewed");
    control.break_glass(&case.carol, &deployed, &glass(600)).expect("broken again");
}

#[test]
fn a_change_window_and_an_exception_are_kept() {
    let case = Case::new();
    case.assess(&case.alice, facts()).expect("assessed");
    let deployed = name("credit-default");
    let control = &case.bench.control;
    let plan = api::GatePlan {
        window: Some(api::ChangeWindow {
            days: vec![api::Weekday::Sat],
            from_minute: 0,
            until_minute: 1,
        }),
        ..api::GatePlan::default()
    };
    control.put_plan(&case.alice, &deployed, &plan).expect("declared");
    let said = code(case.release(&case.carol)).1;
    assert!(said.contains("outside of the change window"), "{said}");

    let until = plimsoll_types::Clock::now(&*case.bench.clock).plus(Duration::from_secs(60));
    let mut wanted = api::RequestException {
        check: "ART-01".into(),
        owner: "alice".into(),
        reason: "no time".into(),
        compensating: "LED-01".into(),
        until: until.into(),
    };
    let refused = control.request_exception(&case.alice, &deployed, &wanted);
    assert!(code(refused).1.contains("may not be put off"));
    wanted.check = "DOC-01".into();
    let asked = control.request_exception(&case.alice, &deployed, &wanted).expect("asked");
    assert_eq!(asked.objection.as_deref(), Some("nobody allowed it yet"));
    assert_eq!(code(control.allow_exception(&case.alice, &deployed, asked.id)).0, 409);
    let allowed = control.allow_exception(&case.dora, &deployed, asked.id).expect("allowed");
    assert_eq!(allowed.objection, None);
    case.bench.clock.pass(Duration::from_secs(61));
    let listed = control.list_exceptions(&case.alice, &deployed).expect("listed").items;
    assert_eq!(listed[0].objection.as_deref(), Some("it has expired"));
    control.end_exception(&case.dora, &deployed, asked.id).expect("ended");
    assert_eq!(control.list_exceptions(&case.alice, &deployed).expect("listed").items.len(), 0);
}
