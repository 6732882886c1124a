//! Rollouts as use cases: who may, what is refused, what is written down, and where one goes on.

use super::bench::{Bench, MODEL, deployment, name};
use super::code;
use crate::{ControlError, RequestContext, RolloutVerb};
use plimsoll_api as api;
use plimsoll_api::{Environment, Role, RolloutPhase};
use plimsoll_release::rollout::{Event, Seen};
use std::sync::Arc;
use std::time::Duration;

/// Version 1 answers; 2 was made by an engineer, 3 by the approver.
struct Tried {
    bench: Bench,
    engineer: RequestContext,
    approver: RequestContext,
}

impl Tried {
    fn new() -> Self {
        let bench = Bench::new();
        let engineer = bench.person("alice", &[Role::MlEngineer]);
        let approver = bench.person("carol", &[Role::Approver, Role::MlEngineer]);
        let contract = bench.registry(&engineer);
        let text = String::from_utf8(MODEL.to_vec()).expect("text");
        for (who, base) in [(&engineer, "6E-1"), (&approver, "7E-1")] {
            bench.version(who, text.replace("5E-1", base).as_bytes()).expect("version");
        }
        let wanted = deployment(contract, Environment::Staging);
        bench.control.create_deployment(&engineer, &wanted).expect("deployment");
        let tried = Self { bench, engineer, approver };
        let wanted = api::ReleaseVersion { version: 1 };
        let released =
            tried.bench.control.release_version(&tried.approver, &name("credit-default"), wanted);
        released.expect("released");
        tried
    }
    fn start(&self, who: &RequestContext, version: u32) -> Result<api::Rollout, ControlError> {
        let step = |percent| api::RolloutStep {
            percent,
            requests_min: 3,
            seconds_min: 0,
            seconds_max: 60,
            outcomes_min: 0,
        };
        let wanted = api::StartRollout {
            version,
            steps: Some(vec![step(0.0), step(25.0)]),
            guardrails: None,
            also: Vec::new(),
            false_rollback: None,
            score_output: None,
            positive_from: None,
        };
        self.bench.control.start_rollout(who, &name("credit-default"), &wanted)
    }
    fn change(
        &self,
        who: &RequestContext,
        verb: RolloutVerb,
    ) -> Result<api::Rollout, ControlError> {
        self.bench.control.change_rollout(who, &name("credit-default"), verb, None)
    }
    fn now(&self) -> api::Rollout {
        let deployed = name("credit-default");
        self.bench.control.read_rollout(&self.engineer, &deployed, None).expect("there")
    }
    fn live(&self) -> Option<Arc<plimsoll_serving::ServedRollout>> {
        let snapshot = self.bench.control.snapshots().load_full();
        let served = snapshot.deployment("credit-default").expect("served");
        served.serving.as_ref().expect("ready").rollout.clone()
    }
    fn released(&self) -> u32 {
        let deployed = name("credit-default");
        let shown = self.bench.control.read_deployment(&self.engineer, &deployed).expect("there");
        shown.released.expect("released").number
    }
    fn pairs(&self, count: u32, candidate: Seen) {
        let live = Arc::clone(&self.live().expect("under way").live);
        for _ in 0..count {
            live.see(&Event::Pair(good(), candidate), 1);
        }
    }
}

fn good() -> Seen {
    Seen { latency_us: 1_000.0, score: Some(0.5), positive: Some(true), ..Seen::default() }
}

#[test]
fn who_made_a_version_does_not_try_it_and_who_runs_it_may_stop_it() {
    let tried = Tried::new();
    assert_eq!(code(tried.start(&tried.engineer, 2)).0, 403, "an engineer releases nothing");
    assert_eq!(code(tried.start(&tried.approver, 3)).0, 403, "not a version of one's own");
    assert_eq!(code(tried.start(&tried.approver, 9)).0, 404);
    assert_eq!(code(tried.start(&tried.approver, 1)).0, 409, "it answers already");
    let begun = tried.start(&tried.approver, 2).expect("begun");
    assert_eq!((begun.phase, begun.incumbent, begun.candidate), (RolloutPhase::Running, 1, 2));
    assert_eq!(code(tried.start(&tried.approver, 2)).0, 409, "one at a time");
    assert_eq!(code(tried.change(&tried.engineer, RolloutVerb::Advance)).0, 403);
    let held = tried.change(&tried.engineer, RolloutVerb::Hold).expect("held");
    assert_eq!(held.phase, RolloutPhase::Held);
    assert_eq!(code(tried.change(&tried.engineer, RolloutVerb::Resume)).0, 403);
    let back = tried.change(&tried.engineer, RolloutVerb::RollBack).expect("back");
    assert_eq!((back.phase, back.reason.as_deref()), (RolloutPhase::RolledBack, Some("person")));
    assert!(tried.live().is_none());
    assert_eq!(tried.released(), 1);
}

#[test]
fn a_plan_leads_from_step_to_step_to_the_release() {
    let tried = Tried::new();
    tried.start(&tried.approver, 2).expect("begun");
    tried.bench.control.tend_rollouts().expect("tended");
    assert_eq!(tried.now().step, 1, "it needs requests");
    tried.pairs(3, good());
    tried.bench.control.tend_rollouts().expect("tended");
    assert_eq!((tried.now().step, tried.now().percent), (2, 25.0));
    assert_eq!(tried.live().expect("under way").step, 1);
    let live = Arc::clone(&tried.live().expect("under way").live);
    (0..3).for_each(|_| assert!(!live.see(&Event::Candidate(good()), 1)));
    tried.bench.control.tend_rollouts().expect("tended");
    let ended = tried.now();
    assert_eq!((ended.phase, ended.candidates), (RolloutPhase::Promoted, 3));
    assert_eq!(tried.released(), 2);
    assert!(tried.live().is_none());
    let told: Vec<_> = ended.history.iter().map(|change| change.what.as_str()).collect();
    assert_eq!(told, ["start", "step", "promote"]);
}

#[test]
fn a_verdict_is_written_down_with_its_numbers_and_the_incumbent_stays() {
    let tried = Tried::new();
    tried.start(&tried.approver, 2).expect("begun");
    let served = tried.live().expect("under way");
    tried.pairs(10, Seen { failed: true, ..Seen::default() });
    assert!(served.live.is_back(), "before anything is written down");
    // Whatever is published meanwhile, it stays back.
    let deployed = name("credit-default");
    let wanted = api::UpdateDeployment { deadline_ms: Some(500), ..Default::default() };
    tried.bench.control.update_deployment(&tried.engineer, &deployed, &wanted).expect("updated");
    assert!(tried.live().expect("not written down yet").live.is_back());
    tried.bench.control.tend_rollouts().expect("tended");
    let ended = tried.now();
    let told = ended.history.last().expect("an end");
    assert_eq!((ended.phase, told.what.as_str()), (RolloutPhase::RolledBack, "rollback"));
    assert_eq!((told.by, &told.facts["reason"]["what"]), (None, &"errors".into()));
    assert!(told.facts["reason"]["evidence"]["most"].as_f64() >= Some(200.0), "{}", told.facts);
    assert_eq!(tried.released(), 1);
}

#[test]
fn rolling_back_a_deployment_rolls_back_what_is_tried() {
    let tried = Tried::new();
    tried.start(&tried.approver, 2).expect("begun");
    let deployed = name("credit-default");
    let shown = tried.bench.control.roll_back(&tried.engineer, &deployed).expect("back");
    assert_eq!(shown.released.expect("released").number, 1);
    assert_eq!(tried.now().phase, RolloutPhase::RolledBack);
    // There is nothing further back.
    assert_eq!(code(tried.bench.control.roll_back(&tried.engineer, &deployed)).0, 409);
}

#[test]
fn a_drill_without_traffic_shows_the_way_back() {
    let tried = Tried::new();
    let deployed = name("credit-default");
    let wanted = api::DrillRollback::default();
    let done =
        tried.bench.control.drill_rollback(&tried.engineer, &deployed, wanted).expect("done");
    assert_eq!((done.version, done.requests, done.took_us), (1, 0, 0));
    let now = tried.now();
    assert!(now.is_drill && now.phase == RolloutPhase::RolledBack);
    assert_eq!(tried.released(), 1);
}

#[test]
fn a_crash_forgets_what_was_not_written_down_and_no_more() {
    let mut tried = Tried::new();
    tried.start(&tried.approver, 2).expect("begun");
    tried.change(&tried.engineer, RolloutVerb::Hold).expect("held");
    tried.pairs(7, good());
    tried.bench.clock.pass(Duration::from_secs(6));
    tried.bench.control.tend_rollouts().expect("tended");
    // Seen, and acted on, but not written down.
    tried.pairs(10, Seen { failed: true, ..Seen::default() });
    assert!(tried.live().expect("under way").live.is_back());
    tried.bench = tried.bench.crash();
    let now = tried.now();
    assert_eq!((now.phase, now.pairs), (RolloutPhase::Held, 7), "as it was written down");
    assert_eq!(tried.released(), 1);
    // It is seen again, and decided again: a hold keeps nothing from being rolled back.
    let served = tried.live().expect("goes on");
    assert!(!served.live.is_back());
    tried.pairs(10, Seen { failed: true, ..Seen::default() });
    tried.bench.control.tend_rollouts().expect("tended");
    assert_eq!((tried.now().phase, tried.released()), (RolloutPhase::RolledBack, 1));
}

#[test]
fn a_step_that_was_due_does_not_undo_a_hold_that_came_first() {
    let tried = Tried::new();
    tried.start(&tried.approver, 2).expect("begun");
    let control = &tried.bench.control;
    let row = control.store.read(|r| r.rollouts_under_way()).expect("read").remove(0);
    let deployment = control.store.read(|r| r.deployment(row.deployment)).expect("read");
    let deployment = deployment.expect("there");
    // Whoever looks after rollouts has seen that a step is due; the hold comes before they take it.
    tried.pairs(3, good());
    tried.change(&tried.engineer, RolloutVerb::Hold).expect("held");
    control.take_step(&deployment, &row).expect("looked");
    let now = tried.now();
    assert_eq!((now.phase, now.step, now.history.len()), (RolloutPhase::Held, 1, 2));
    assert_eq!(tried.live().expect("under way").live.with(|w| w.rollout.step()), 0);
    // Nor does what was noted of evidence before.
    tried.bench.clock.pass(Duration::from_secs(6));
    tried.pairs(1, good());
    control.tend_rollouts().expect("tended");
    let tried = Tried { bench: tried.bench.crash(), ..tried };
    assert_eq!(tried.now().phase, RolloutPhase::Held);
    tried.change(&tried.approver, RolloutVerb::Resume).expect("resumed");
    tried.bench.control.tend_rollouts().expect("tended");
    assert_eq!((tried.now().phase, tried.now().step), (RolloutPhase::Running, 2));
}

#[test]
fn whatever_comes_between_a_hold_stands() {
    let tried = Tried::new();
    tried.start(&tried.approver, 2).expect("begun");
    for round in 0..30 {
        tried.pairs(3, good());
        std::thread::scope(|scope| {
            let other = scope.spawn(|| tried.bench.control.tend_rollouts().expect("tended"));
            let held = tried.change(&tried.engineer, RolloutVerb::Hold);
            other.join().expect("tended");
            assert_eq!(held.expect("held").phase, RolloutPhase::Held);
        });
        assert_eq!(tried.now().phase, RolloutPhase::Held, "round {round}");
        tried.bench.control.tend_rollouts().expect("tended");
        assert_eq!(tried.now().phase, RolloutPhase::Held, "round {round}");
        tried.change(&tried.approver, RolloutVerb::Resume).expect("resumed");
    }
}
