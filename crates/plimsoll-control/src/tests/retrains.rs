//! Retrainings over time, and over deaths of the process.

use super::bench::{Bench, MODEL, deployment, name};
use super::code;
use crate::{RequestContext, RolloutVerb};
use plimsoll_api as api;
use plimsoll_api::{RetrainState, Role};
use plimsoll_types::{Clock as _, Digest, RetrainId, Severity, Signal, SignalKind};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn policy() -> api::RetrainPolicy {
    api::RetrainPolicy {
        trainer: name("own"),
        kinds: vec![api::FindingKind::Performance],
        severity: None,
        every_days: None,
        max_age_days: None,
        window_days: Some(30),
        exclude: None,
        budget: Some(2),
        cooldown_hours: Some(24),
        needs_approval: false,
        candidate_only: true,
        rollout: None,
    }
}

struct Set {
    of: api::Deployment,
    bob: RequestContext,
}

fn set(bench: &Bench, policy: &api::RetrainPolicy) -> Set {
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let contract = bench.registry(&alice);
    let wanted = deployment(contract, api::Environment::Development);
    let of = bench.control.create_deployment(&bob, &wanted).expect("deployment");
    assert_eq!(code(bench.control.set_retrain_policy(&alice, &of.name, policy)).0, 403);
    bench.control.set_retrain_policy(&bob, &of.name, policy).expect("policy");
    Set { of, bob }
}

fn raise(bench: &Bench, set: &Set, kind: SignalKind) -> plimsoll_types::FindingId {
    let now = bench.clock.now();
    let signal = Signal {
        deployment: set.of.id,
        version: None,
        kind,
        severity: Severity::Warning,
        about: "auc".into(),
        slice: None,
        since: now,
        until: now,
        text: "it fell".into(),
        numbers: Vec::new(),
    };
    bench.control.raise(&signal).expect("raised")
}

fn manifest(bench: &Bench) -> api::TrainingManifest {
    let now = bench.clock.now().into();
    api::TrainingManifest {
        deployment: name("trial"),
        from: now,
        until: now,
        sql: "select".into(),
        exclude: None,
        left_out: Vec::new(),
        rows: 1,
        digest: Digest::from_bytes([1; 32]),
        bytes: 1,
    }
}

/// What a trainer would have made, kept.
fn files(bench: &Bench, id: RetrainId) -> Vec<api::ManifestFile> {
    let keep = |path: &str, bytes: &[u8], role| {
        let mut upload = bench.control.keep_trained().expect("begun");
        upload.write(bytes).expect("written");
        let kept = upload.finish().expect("kept");
        api::ManifestFile { path: path.into(), digest: kept.digest, size: kept.size, role }
    };
    let lineage = bench.control.retrain_lineage(id).expect("lineage");
    vec![
        keep("model.json", MODEL, api::FileRole::Model),
        keep("lineage.json", &lineage, api::FileRole::Metadata),
    ]
}

fn resolve(bench: &Bench, bob: &RequestContext, id: plimsoll_types::FindingId) {
    let wanted = api::ResolveFinding { reason: "over".into() };
    bench.control.resolve_finding(bob, id, &wanted).expect("resolved");
}

/// Dies after every step; the next process goes on with the same retraining, and there is one
/// candidate.
#[test]
fn whatever_the_moment_of_death_one_cause_makes_one_candidate() {
    let bench = Bench::new();
    let set = set(&bench, &policy());
    raise(&bench, &set, SignalKind::Performance);
    let bench = bench.crash();
    assert!(bench.control.request_due_retrains().expect("asked"));
    let bench = bench.crash();
    assert!(!bench.control.request_due_retrains().expect("asked"), "one is under way");
    let task = bench.control.next_retrain().expect("read").expect("a task");
    assert_eq!((task.state, task.until.since(task.from)), (RetrainState::Queued, DAY * 30));
    assert!(bench.control.begin_training(task.id, &manifest(&bench)).expect("begun"));
    bench.control.note_retrain_process(task.id, Some(4711)).expect("noted");
    let bench = bench.crash();
    let again = bench.control.next_retrain().expect("read").expect("a task");
    assert_eq!(
        (again.id, again.state, again.process),
        (task.id, RetrainState::Training, Some(4711))
    );
    assert!(bench.control.begin_training(task.id, &manifest(&bench)).expect("begun"));
    bench.control.trained(task.id, files(&bench, task.id)).expect("trained");
    let bench = bench.crash();
    let again = bench.control.next_retrain().expect("read").expect("a task");
    assert_eq!((again.state, again.attempts, again.process), (RetrainState::Registering, 2, None));
    // It died when the version was registered, and that was not noted yet.
    let files = files(&bench, task.id);
    let bob = RequestContext { key: None, ..set.bob.clone() };
    let wanted = api::CreateVersion { files };
    bench.control.create_version(&bob, &set.of.model, &wanted).expect("version");
    let bench = bench.crash();
    bench.control.register_retrain(task.id).expect("registered");
    let done = bench.control.read_retrain(&set.bob, task.id).expect("read");
    assert_eq!((done.state, done.version, done.attempts), (RetrainState::Candidate, Some(2), 2));
    let all = bench.control.list_versions(&set.bob, &set.of.model, &api::PageQuery::default());
    assert_eq!(all.expect("versions").items.len(), 2);
    // The finding is open still; its cause asked.
    bench.clock.pass(DAY * 2);
    raise(&bench, &set, SignalKind::Performance);
    assert!(!bench.control.request_due_retrains().expect("asked"));
    assert!(bench.control.next_retrain().expect("read").is_none());
    assert_eq!(code(bench.control.register_retrain(task.id)).0, 409);
}

#[test]
fn cooldown_budget_and_attacks_hold_and_a_person_may_ask_between() {
    let bench = Bench::new();
    let set = set(&bench, &policy());
    let fail = |bench: &Bench| {
        let task = bench.control.next_retrain().expect("read").expect("a task");
        bench.control.fail_retrain(task.id, "a drill").expect("failed");
    };
    let held = || bench.control.read_retrain_policy(&set.bob, &set.of.name).expect("policy").held;
    let first = raise(&bench, &set, SignalKind::Performance);
    assert!(bench.control.request_due_retrains().expect("asked"));
    fail(&bench);
    resolve(&bench, &set.bob, first);
    raise(&bench, &set, SignalKind::Performance);
    assert!(!bench.control.request_due_retrains().expect("asked"), "the cooldown");
    assert!(held().expect("held").contains("cooldown"));
    let by_hand = api::RequestRetrain { deployment: set.of.name.clone(), reason: "now".into() };
    let asked = bench.control.request_retrain(&set.bob, &by_hand).expect("asked");
    assert_eq!(asked.trigger, api::RetrainTrigger::Hand);
    assert_eq!(code(bench.control.request_retrain(&set.bob, &by_hand)).0, 409);
    fail(&bench);
    bench.clock.pass(DAY * 3);
    assert!(!bench.control.request_due_retrains().expect("asked"), "the budget of two");
    assert!(held().expect("held").contains("budget"));
    bench.clock.pass(DAY * 30);
    let attack = raise(&bench, &set, SignalKind::Security);
    assert!(!bench.control.request_due_retrains().expect("asked"), "an attack");
    assert_eq!(code(bench.control.request_retrain(&set.bob, &by_hand)).0, 409);
    resolve(&bench, &set.bob, attack);
    assert!(bench.control.request_due_retrains().expect("asked"));
    let task = bench.control.next_retrain().expect("read").expect("a task");
    assert!(bench.control.is_retrain_wanted(task.id).expect("read"));
    // Under way, it stops while somebody may attack, and goes on after.
    raise(&bench, &set, SignalKind::Security);
    assert!(!bench.control.is_retrain_wanted(task.id).expect("read"));
    assert!(bench.control.next_retrain().expect("read").is_none());
    resolve(&bench, &set.bob, attack);
    assert_eq!(bench.control.next_retrain().expect("read").expect("a task").id, task.id);
}

#[test]
fn nobody_lets_their_own_retraining_go_on() {
    let bench = Bench::new();
    let policy = api::RetrainPolicy { needs_approval: true, ..policy() };
    let set = set(&bench, &policy);
    let (own, carol) = (
        bench.person("both", &[Role::MlEngineer, Role::Approver]),
        bench.person("carol", &[Role::Approver]),
    );
    let by_hand = api::RequestRetrain { deployment: set.of.name.clone(), reason: "now".into() };
    let asked = bench.control.request_retrain(&own, &by_hand).expect("asked");
    assert_eq!(asked.state, RetrainState::Waiting);
    assert!(bench.control.next_retrain().expect("read").is_none());
    assert_eq!(code(bench.control.approve_retrain(&set.bob, asked.id)).0, 403);
    assert_eq!(code(bench.control.approve_retrain(&own, asked.id)).0, 409);
    let approved = bench.control.approve_retrain(&carol, asked.id).expect("approved");
    assert_eq!((approved.state, approved.approved_by), (RetrainState::Queued, Some(carol.id)));
    let wanted = api::CancelRetrain { reason: "wrong window".into() };
    let over = bench.control.cancel_retrain(&set.bob, asked.id, &wanted).expect("cancelled");
    assert_eq!(over.state, RetrainState::Cancelled);
    assert!(!bench.control.begin_training(asked.id, &manifest(&bench)).expect("looked"));
}

#[test]
fn a_trainer_that_never_ends_is_given_up() {
    let bench = Bench::new();
    let set = set(&bench, &policy());
    raise(&bench, &set, SignalKind::Performance);
    bench.control.request_due_retrains().expect("asked");
    let id = bench.control.next_retrain().expect("read").expect("a task").id;
    for _ in 0..8 {
        assert!(bench.control.begin_training(id, &manifest(&bench)).expect("begun"));
    }
    assert!(!bench.control.begin_training(id, &manifest(&bench)).expect("given up"));
    let over = bench.control.read_retrain(&set.bob, id).expect("read");
    assert_eq!((over.state, over.attempts), (RetrainState::Failed, 8));
}

/// A candidate that is tried beside version 1.
fn tried(bench: &Bench) -> (Set, RetrainId) {
    let policy = api::RetrainPolicy { candidate_only: false, ..policy() };
    let set = set(bench, &policy);
    let carol = bench.person("carol", &[Role::Approver]);
    let wanted = api::ReleaseVersion { version: 1 };
    bench.control.release_version(&carol, &set.of.name, wanted).expect("released");
    raise(bench, &set, SignalKind::Performance);
    assert!(bench.control.request_due_retrains().expect("asked"));
    let id = bench.control.next_retrain().expect("read").expect("a task").id;
    assert!(bench.control.begin_training(id, &manifest(bench)).expect("begun"));
    bench.control.trained(id, files(bench, id)).expect("trained");
    (set, id)
}

fn phase(bench: &Bench, set: &Set) -> api::RolloutPhase {
    bench.control.read_rollout(&set.bob, &set.of.name, None).expect("there").phase
}

/// What was looked at before the finding came does not count: each step asks again when nothing
/// can come between.
#[test]
fn a_finding_of_security_is_seen_by_the_step_that_it_comes_before() {
    let bench = Bench::new();
    let (set, id) = tried(&bench);
    let attack = raise(&bench, &set, SignalKind::Security);
    // The trainer had ended already.
    assert_eq!(code(bench.control.register_retrain(id)).0, 409);
    let one = bench.control.read_retrain(&set.bob, id).expect("read");
    assert_eq!((one.state, one.version), (RetrainState::Registering, None));
    resolve(&bench, &set.bob, attack);
    bench.control.register_retrain(id).expect("registered");
    let all = bench.control.list_versions(&set.bob, &set.of.model, &api::PageQuery::default());
    assert_eq!(all.expect("versions").items.len(), 2, "registered once");
    raise(&bench, &set, SignalKind::Security);
    bench.control.tend_trials().expect("tended");
    assert!(bench.control.read_rollout(&set.bob, &set.of.name, None).is_err(), "not tried");
    resolve(&bench, &set.bob, attack);
    bench.control.tend_trials().expect("tended");
    assert_eq!(phase(&bench, &set), api::RolloutPhase::Running);
    // It runs, and a step is looked for when the finding comes.
    let row = bench.control.store.read(|r| r.rollouts_under_way()).expect("read").remove(0);
    let deployment = bench.control.store.read(|r| r.deployment(row.deployment)).expect("read");
    let deployment = deployment.expect("there");
    raise(&bench, &set, SignalKind::Security);
    assert_eq!(code(bench.control.take_step(&deployment, &row)).0, 409);
    bench.control.tend_trials().expect("tended");
    assert_eq!(phase(&bench, &set), api::RolloutPhase::Held);
    for _ in 0..3 {
        bench.clock.pass(Duration::from_secs(2));
        bench.control.tend_rollouts().expect("tended");
        bench.control.tend_trials().expect("tended");
        assert_eq!(phase(&bench, &set), api::RolloutPhase::Held);
    }
    let by_hand =
        bench.control.change_rollout(&bench.admin(), &set.of.name, RolloutVerb::Resume, None);
    assert!([403, 409].contains(&code(by_hand).0), "nobody makes it go on before");
    resolve(&bench, &set.bob, attack);
    bench.control.tend_trials().expect("tended");
    assert_eq!(phase(&bench, &set), api::RolloutPhase::Running);
}
