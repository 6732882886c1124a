//! Experiments as use cases: who may, what is refused, what stops an arm, and what a crash leaves.

use super::bench::{Bench, MODEL, deployment, name};
use super::code;
use crate::{ControlError, RequestContext};
use plimsoll_api as api;
use plimsoll_api::{Environment, ExperimentPhase, Role};
use plimsoll_release::rollout::{Event, Seen};
use plimsoll_serving::{LiveRollout, ServedExperiment};
use std::sync::Arc;
use std::time::Duration;

/// Version 1 answers; 2 and 3 were made by an engineer, 4 by the approver.
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
        for (who, base) in [(&engineer, "6E-1"), (&engineer, "7E-1"), (&approver, "8E-1")] {
            bench.version(who, text.replace("5E-1", base).as_bytes()).expect("version");
        }
        let wanted = deployment(contract, Environment::Staging);
        bench.control.create_deployment(&engineer, &wanted).expect("deployment");
        let wanted = api::ReleaseVersion { version: 1 };
        bench
            .control
            .release_version(&approver, &name("credit-default"), wanted)
            .expect("released");
        Self { bench, engineer, approver }
    }
    fn start(
        &self,
        who: &RequestContext,
        versions: &[u32],
        change: impl FnOnce(&mut api::StartExperiment),
    ) -> Result<api::Experiment, ControlError> {
        let mut wanted = wanted(versions);
        change(&mut wanted);
        self.bench.control.start_experiment(who, &name("credit-default"), &wanted)
    }
    fn served(&self) -> Option<Arc<ServedExperiment>> {
        let snapshot = self.bench.control.snapshots().load_full();
        let served = snapshot.deployment("credit-default").expect("served");
        served.serving.as_ref().expect("ready").experiment.clone()
    }
    fn live(&self, arm: usize) -> Arc<LiveRollout> {
        Arc::clone(self.served().expect("under way").arms[arm].live.as_ref().expect("an arm"))
    }
    fn now(&self) -> api::Experiment {
        let deployed = name("credit-default");
        self.bench.control.read_experiment(&self.engineer, &deployed, None).expect("there")
    }
    fn released(&self) -> u32 {
        let deployed = name("credit-default");
        let shown = self.bench.control.read_deployment(&self.engineer, &deployed).expect("there");
        shown.released.expect("released").number
    }
    fn conclude(
        &self,
        who: &RequestContext,
        ship: Option<&str>,
    ) -> Result<api::Experiment, ControlError> {
        let wanted =
            api::ConcludeExperiment { ship: ship.map(str::to_owned), reason: "so it is".into() };
        self.bench.control.conclude_experiment(who, &name("credit-default"), &wanted)
    }
    /// An arm that fails, beside a control that does not.
    fn fail(&self, arm: usize) {
        let live = self.live(arm);
        let good = Seen { latency_us: 1_000.0, ..Seen::default() };
        for _ in 0..40 {
            live.see(&Event::Incumbent(good), 1);
            live.see(&Event::Candidate(Seen { failed: true, ..good }), 1);
        }
        assert!(live.is_back(), "before anything is written down");
    }
}

fn wanted(versions: &[u32]) -> api::StartExperiment {
    let arm = |version: &u32| api::ExperimentArm {
        name: format!("v{version}"),
        version: *version,
        percent: 100.0 / versions.len().max(1) as f64 - 0.01,
    };
    let metric = api::ExperimentMetric {
        name: "repaid".into(),
        kind: api::MetricKind::Outcome,
        role: Some(api::MetricRole::Primary),
        goal: None,
        outcome: None,
        positive: None,
        covariate: None,
        least: None,
        most: None,
        settles_after_seconds: None,
        margin: None,
    };
    api::StartExperiment {
        arms: versions.iter().map(arm).collect(),
        unit: None,
        metrics: vec![metric],
        slices: Vec::new(),
        alpha: None,
        minimum_effect: None,
        units: None,
        guardrails: None,
        false_stop: None,
        score_output: None,
        positive_from: None,
    }
}

#[test]
fn every_arm_needs_what_a_release_needs() {
    let tried = Tried::new();
    let start = |who, versions: &[u32]| code(tried.start(who, versions, |_| {})).0;
    assert_eq!(start(&tried.engineer, &[1, 2]), 403, "an engineer releases nothing");
    assert_eq!(start(&tried.engineer, &[1]), 403);
    assert_eq!(start(&tried.approver, &[1, 2, 4]), 403, "not a version of one's own");
    assert_eq!(start(&tried.approver, &[1, 9]), 404);
    assert_eq!(start(&tried.approver, &[1]), 422, "nothing to compare");
    assert_eq!(start(&tried.approver, &[2, 3]), 422, "the control answers now");
    let refused = |change: fn(&mut api::StartExperiment)| {
        code(tried.start(&tried.approver, &[1, 2], change)).0
    };
    assert_eq!(refused(|w| w.unit = Some(api::ExperimentUnit::Interaction)), 422);
    assert_eq!(refused(|w| w.slices = vec!["region".into()]), 422, "no slice key");
    assert_eq!(refused(|w| w.metrics[0].covariate = Some("region".into())), 422, "no number");
    assert_eq!(refused(|w| w.metrics[0].least = Some(0.0)), 422);
    assert_eq!(refused(|w| w.arms[1].percent = f64::NAN), 422);
    assert!(tried.served().is_none());
    let begun = tried.start(&tried.approver, &[1, 2, 3], |_| {}).expect("begun");
    assert_eq!((begun.phase, begun.stopped.len()), (ExperimentPhase::Running, 0));
    assert_eq!(tried.served().expect("under way").arms.len(), 3);
    assert_eq!(start(&tried.approver, &[1, 2]), 409, "one at a time");
    // Whoever runs deployments stops an arm, and ships none.
    assert_eq!(code(tried.conclude(&tried.engineer, Some("v2"))).0, 403);
    let stop = api::StopArm { arm: "v3".into(), reason: "no".into() };
    let deployed = name("credit-default");
    let stopped = tried.bench.control.stop_arm(&tried.engineer, &deployed, &stop).expect("stopped");
    assert_eq!(
        (stopped.phase, stopped.stopped[0].why.as_str()),
        (ExperimentPhase::Running, "person")
    );
    assert!(tried.live(2).is_back() && !tried.live(1).is_back());
    assert_eq!(code(tried.conclude(&tried.approver, Some("v3"))).0, 409, "it was stopped");
    let ended = tried.conclude(&tried.approver, Some("v2")).expect("shipped");
    assert_eq!((ended.phase, tried.released()), (ExperimentPhase::Shipped, 2));
    assert!(tried.served().is_none());
    let told = ended.history.last().expect("an end");
    assert_eq!((told.what.as_str(), &told.facts["version"]), ("ship", &2.into()));
    assert!(told.facts["report"]["splits"].is_array(), "{}", told.facts);
}

#[test]
fn an_arm_that_fails_is_stopped_alone_and_stays_so_after_a_crash() {
    let mut tried = Tried::new();
    tried.start(&tried.approver, &[1, 2, 3], |_| {}).expect("begun");
    tried.fail(1);
    tried.bench.control.tend_experiments().expect("tended");
    let now = tried.now();
    assert_eq!((now.phase, now.stopped.len()), (ExperimentPhase::Running, 1));
    assert_eq!((now.stopped[0].arm.as_str(), now.stopped[0].why.as_str()), ("v2", "errors"));
    let evidence = &now.history.last().expect("a change").facts["arms"][0]["evidence"]["evidence"];
    assert!(evidence["most"].as_f64() >= evidence["goal"].as_f64(), "{evidence}");
    assert!(!tried.live(2).is_back(), "the other goes on");
    tried.bench.clock.pass(Duration::from_secs(6));
    tried.bench.control.tend_experiments().expect("tended");
    tried.bench = tried.bench.crash();
    assert!(tried.live(1).is_back() && !tried.live(2).is_back());
    // When no arm is left, it is over, and the control answers.
    tried.fail(2);
    tried.bench.control.tend_experiments().expect("tended");
    assert_eq!((tried.now().phase, tried.released()), (ExperimentPhase::Stopped, 1));
    assert!(tried.served().is_none());
    let findings =
        tried.bench.control.list_findings(&tried.engineer, &api::FindingFilter::default());
    assert!(findings.is_ok_and(|page| !page.items.is_empty()), "somebody is told");
}

#[test]
fn going_back_and_switching_off_end_it() {
    let tried = Tried::new();
    let deployed = name("credit-default");
    tried.start(&tried.approver, &[1, 2], |_| {}).expect("begun");
    let live = tried.live(1);
    tried.bench.control.roll_back(&tried.engineer, &deployed).expect("back");
    assert!(live.is_back());
    assert_eq!((tried.now().phase, tried.released()), (ExperimentPhase::Stopped, 1));
    tried.start(&tried.approver, &[1, 2], |_| {}).expect("begun");
    tried.bench.control.kill_deployment(&tried.engineer, &deployed, true).expect("off");
    assert_eq!(tried.now().phase, ExperimentPhase::Stopped);
    assert_eq!(code(tried.start(&tried.approver, &[1, 2], |_| {})).0, 409, "its models are off");
}
