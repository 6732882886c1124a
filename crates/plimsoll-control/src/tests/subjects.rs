//! Erasing, holding, exporting: through crashes, and never with a name where it stays.

use super::bench::{Bench, deployment};
use super::{code, story};
use crate::{ControlError, RequestContext};
use plimsoll_api as api;
use plimsoll_api::{Environment, ErasureState, Role};
use plimsoll_ledger::Holder;
use plimsoll_types::record::{DecisionParts, Kind, LeafDraft, ResultClass};
use plimsoll_types::{Clock as _, DecisionId, PrincipalId, Rows};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const ANN: &str = "Ann Unmistakable";

fn served(bench: &Bench) -> api::Deployment {
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let contract = bench.registry(&alice);
    let wanted = deployment(contract, Environment::Staging);
    bench.control.create_deployment(&bob, &wanted).expect("deployment")
}

/// Records a decision about a subject, as a gateway does.
fn decide(bench: &Bench, into: &api::Deployment, subject: &str) -> DecisionId {
    let (ledger, tenant) = (bench.control.ledger(), bench.control.tenant());
    let rows = Rows { width: 0, cells: Vec::new(), text: String::new(), numbers: Vec::new() };
    let mut body = Vec::new();
    DecisionParts {
        principal: PrincipalId::from_bytes([1; 16]),
        key: None,
        deployment: into.name.as_str(),
        version: 0,
        caller_id: Some(subject),
        idempotency: None,
        request: None,
        request_len: 1,
        rows: &rows,
        mapped: &[],
        flags: &[],
        outputs: &[],
        explanation: None,
        refusal: None,
        phases: &[],
        protocol: None,
    }
    .encode(&mut body);
    let now = bench.clock.now();
    let id = DecisionId::new(now);
    let draft = LeafDraft {
        deployment: Some(into.id),
        result: Some(ResultClass::Answered),
        ..LeafDraft::new(Kind::Decision, *id.as_bytes(), tenant, now, 0)
    };
    let sealed = ledger.seal(&[Holder::Subject { tenant, subject }], &body).expect("seal");
    ledger.append_blocking(draft, sealed, None).expect("record");
    id
}

fn erase(bench: &Bench, dpo: &RequestContext, now: bool) -> Result<api::Erasure, ControlError> {
    let wanted =
        api::EraseSubject { subject: ANN.into(), reason: "art. 17".into(), rotate_now: now };
    bench.control.erase_subject(dpo, &wanted)
}

fn status(bench: &Bench, dpo: &RequestContext) -> api::SubjectStatus {
    let question = api::SubjectQuestion { subject: ANN.into() };
    bench.control.subject_status(dpo, &question).expect("status")
}

#[test]
fn an_erasure_is_pending_until_the_epoch_and_its_backups_are_gone() {
    let bench = Bench::new();
    let into = served(&bench);
    let dpo = bench.person("dana", &[Role::Dpo]);
    let erin = bench.person("erin", &[Role::Auditor]);
    assert_eq!(code(erase(&bench, &dpo, false)).0, 404, "nothing is held yet");
    let (gone, kept) = (decide(&bench, &into, ANN), decide(&bench, &into, "Ben"));
    assert!(status(&bench, &dpo).is_known);
    let before = bench.events(&erin).len();

    let erasure = erase(&bench, &dpo, false).expect("erased");
    assert_eq!(erasure.state, ErasureState::Pending);
    assert!(erasure.erased_at.is_some() && erasure.rotated_at.is_none());
    assert_eq!(erasure.rotates_by.expect("window").0, erasure.asked_at.0.plus(30 * DAY));
    assert_eq!(erasure.final_by.expect("window").0, erasure.asked_at.0.plus(60 * DAY));
    let withheld = bench.control.read_decision(&dpo, gone).expect("read");
    assert_eq!(withheld.body_withheld.as_deref(), Some("its keys were erased"));
    assert!(bench.control.read_decision(&dpo, kept).expect("read").body.is_some());
    assert_eq!(erase(&bench, &dpo, false).expect("again").id, erasure.id, "asking again is safe");
    let found = status(&bench, &dpo);
    assert_eq!((found.is_known, found.erasures.len()), (false, 1));

    bench.control.reconcile().expect("reconcile");
    assert_eq!(bench.control.ledger().keys().current_epoch().0, 0, "not due");
    bench.clock.pass(30 * DAY);
    bench.control.reconcile().expect("reconcile");
    assert_eq!(bench.control.ledger().keys().current_epoch().0, 1);
    assert_eq!(status(&bench, &dpo).erasures[0].state, ErasureState::Pending);
    bench.clock.pass(30 * DAY);
    bench.control.reconcile().expect("reconcile");
    assert!(status(&bench, &dpo).erasures.is_empty(), "whom it was about is forgotten");
    let all = bench.control.list_erasures(&erin, &api::PageQuery::default()).expect("list").items;
    assert_eq!((all.len(), all[0].id, all[0].state), (1, erasure.id, ErasureState::Final));
    assert!(bench.control.read_decision(&dpo, kept).expect("read").body.is_some());
    let events = bench.events(&erin);
    let told: Vec<_> = story(&events[before..]);
    assert_eq!(
        told,
        [
            "intent EraseSubject subject-key by dana",
            "completed EraseSubject subject-key by dana",
            "intent RotateKeys server by server",
            "completed RotateKeys server by server",
            "intent FinishErasures server by server",
            "completed FinishErasures server by server",
        ]
    );
    let text = serde_json::to_string(&events).expect("JSON");
    assert!(!text.contains("Unmistakable"), "no event names the subject");
}

#[test]
fn only_who_may_does_and_a_hold_blocks() {
    let bench = Bench::new();
    let into = served(&bench);
    let dpo = bench.person("dana", &[Role::Dpo]);
    decide(&bench, &into, ANN);
    for (who, role) in [("eve", Role::Auditor), ("max", Role::Admin), ("cal", Role::Caller)] {
        let other = bench.person(who, &[role]);
        assert_eq!(code(erase(&bench, &other, false)).0, 403, "{role}");
        let export = api::ExportSubject { subject: ANN.into(), from: None };
        assert_eq!(code(bench.control.export_subject(&other, &export)).0, 403, "{role}");
        assert_eq!(bench.control.rotate_keys(&other).is_ok(), role == Role::Admin, "{role}");
    }
    let naming = |reason: &str| api::EraseSubject {
        subject: ANN.into(),
        reason: reason.into(),
        rotate_now: false,
    };
    for reason in ["", "asked by ann unmistakable", &"x".repeat(501)] {
        let (status, text) = code(bench.control.erase_subject(&dpo, &naming(reason)));
        assert_eq!(status, 422, "{reason}");
        assert!(!text.to_lowercase().contains("unmistakable"), "{text}");
    }
    let wanted = api::HoldSubject { subject: ANN.into(), reason: "a case".into() };
    let hold = bench.control.hold_subject(&dpo, &wanted).expect("held");
    assert_eq!(code(bench.control.hold_subject(&dpo, &wanted)).0, 409);
    assert_eq!(code(erase(&bench, &dpo, false)).0, 409);
    assert_eq!(status(&bench, &dpo).hold.expect("hold"), hold);
    let bench = bench.crash();
    assert_eq!(code(erase(&bench, &dpo, false)).0, 409, "a hold outlives a crash");
    let question = api::SubjectQuestion { subject: ANN.into() };
    assert_eq!(bench.control.release_subject(&dpo, &question).expect("released").id, hold.id);
    assert_eq!(code(bench.control.release_subject(&dpo, &question)).0, 409);
    assert!(erase(&bench, &dpo, true).expect("erased").rotated_at.is_some());
}

#[test]
fn an_erasure_that_a_crash_cut_short_is_carried_out() {
    let bench = Bench::new();
    let into = served(&bench);
    let dpo = bench.person("dana", &[Role::Dpo]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let gone = decide(&bench, &into, ANN);
    let keys = bench.control.ledger().keys();
    let key = keys.find_subject(bench.control.tenant(), ANN).expect("find").expect("key");
    // The transaction was made, the process died before the key went.
    let mut turn = bench.control.begin_turn().expect("turn");
    let who = crate::act::Who { principal: dpo.id, action: "EraseSubject", resource: "x" };
    let subject = keys.subject_digest(bench.control.tenant(), ANN);
    let row = bench.control.act(
        &mut turn,
        who,
        serde_json::json!({}),
        |tx, now, id| {
            let row = plimsoll_store::ErasureRow {
                id,
                subject: Some(subject),
                key,
                reason: "r".into(),
                principal: dpo.id,
                asked_at: now,
                erased_at: None,
                epoch: None,
                rotated_at: None,
                final_at: None,
            };
            tx.insert_erasure(&row)?;
            Ok(row)
        },
        |_| Err(ControlError::Internal("died")),
    );
    assert!(row.is_err());
    drop(turn);
    assert!(bench.control.read_decision(&dpo, gone).expect("read").body.is_some());
    let bench = bench.crash();
    assert!(bench.control.read_decision(&dpo, gone).expect("read").body.is_none());
    assert!(status(&bench, &dpo).erasures[0].erased_at.is_some());
    let events = bench.events(&erin);
    let ends = |events: &[api::ControlEvent]| {
        let ended = events.iter().filter(|event| event.action == "EraseSubject");
        ended.map(|event| event.stage.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ends(&events), ["intent", "completed"]);
    let bench = bench.crash();
    assert_eq!(ends(&bench.events(&erin)), ["intent", "completed"], "once");
}

#[test]
fn keys_that_a_backup_brings_back_go_again() {
    let bench = Bench::new();
    let into = served(&bench);
    let dpo = bench.person("dana", &[Role::Dpo]);
    let gone = decide(&bench, &into, ANN);
    let folder = std::sync::Arc::clone(&bench.folder);
    let (keys, backup) = (folder.path().join("keys"), folder.path().join("backup"));
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
        assert!(done.expect("cp runs").success());
    };
    copy(&keys, &backup);
    erase(&bench, &dpo, true).expect("erased");
    bench.clock.pass(40 * DAY);
    bench.control.reconcile().expect("reconcile");
    let Bench { clock, control, .. } = bench;
    drop(control);
    std::fs::remove_dir_all(&keys).expect("remove");
    copy(&backup, &keys);
    let (control, _) = super::bench::open(folder.path(), clock, false);
    let read = control.read_decision(&dpo, gone).expect("read");
    assert_eq!(read.body_withheld.as_deref(), Some("its keys were erased"));
    let all = control.list_erasures(&dpo, &api::PageQuery::default()).expect("list").items;
    assert_eq!(all[0].state, ErasureState::Pending, "and is not final any more");
}

#[test]
fn everything_held_about_a_subject_is_taken_out_in_parts() {
    let bench = Bench::new();
    let into = served(&bench);
    let dpo = bench.person("dana", &[Role::Dpo]);
    let mut wanted = Vec::new();
    for n in 0..450 {
        decide(&bench, &into, "Ben");
        if n % 2 == 0 {
            wanted.push(decide(&bench, &into, ANN));
        }
    }
    let (mut found, mut from) = (Vec::new(), None);
    loop {
        let ask = api::ExportSubject { subject: ANN.into(), from };
        let part = bench.control.export_subject(&dpo, &ask).expect("part");
        assert!(part.others.is_empty() && part.decisions.len() <= 200);
        for decision in part.decisions {
            assert_eq!(decision.body.expect("opened").caller_id.as_deref(), Some(ANN));
            found.push(decision.summary.id);
        }
        from = part.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(found, wanted);
    let exports = bench.events(&bench.person("erin", &[Role::Auditor]));
    let exports = exports.iter().filter(|event| event.action == "ExportSubject");
    assert_eq!(exports.count(), 1, "taking data out leaves one event");
}

#[test]
fn days_beyond_retention_end_and_a_hold_keeps_them() {
    let bench = Bench::new();
    let into = served(&bench);
    let dpo = bench.person("dana", &[Role::Dpo]);
    let bob = bench.person("bert", &[Role::MlEngineer]);
    let change = |days: Option<u32>| {
        let wanted = api::UpdateDeployment {
            retention_days: Some(days),
            ..api::UpdateDeployment::default()
        };
        bench.control.update_deployment(&bob, &into.name, &wanted)
    };
    for days in [1, 182, 40_000] {
        assert_eq!(code(change(Some(days))).0, 422, "{days}");
    }
    assert_eq!(change(Some(200)).expect("changed").retention_days, Some(200));
    let unnamed = |bench: &Bench| {
        let (ledger, tenant) = (bench.control.ledger(), bench.control.tenant());
        let time = bench.clock.now();
        let id = DecisionId::new(time);
        let draft = LeafDraft {
            deployment: Some(into.id),
            result: Some(ResultClass::Refused),
            ..LeafDraft::new(Kind::Decision, *id.as_bytes(), tenant, time, 0)
        };
        let holder = Holder::Day { deployment: into.id, time };
        let sealed = ledger.seal(&[holder], b"nobody is named").expect("seal");
        ledger.append_blocking(draft, sealed, None).expect("record");
        id
    };
    let opens = |bench: &Bench, id: &DecisionId| {
        let entry = bench.control.ledger().get(id.as_bytes()).expect("get").remove(0);
        bench.control.ledger().open_body(&entry).is_ok()
    };
    let old: Vec<_> = (0..5)
        .map(|_| {
            let id = unnamed(&bench);
            bench.clock.pass(DAY);
            id
        })
        .collect();
    let about_ann = decide(&bench, &into, ANN);
    let hold = api::HoldDeployment { deployment: into.name.clone(), reason: "a case".into() };
    bench.control.hold_deployment(&dpo, &hold).expect("held");
    bench.clock.pass(198 * DAY);
    bench.control.reconcile().expect("reconcile");
    assert!(old.iter().all(|id| opens(&bench, id)), "held");
    let question = api::DeploymentQuestion { deployment: into.name.clone() };
    bench.control.release_deployment(&dpo, &question).expect("released");
    bench.control.reconcile().expect("reconcile");
    let open: Vec<bool> = old.iter().map(|id| opens(&bench, id)).collect();
    assert_eq!(open, [false, false, false, true, true], "days older than 200 are gone");
    assert!(bench.control.read_decision(&dpo, about_ann).expect("read").body.is_some());
    let receipt = bench.control.receipt(&dpo, about_ann, false);
    assert!(receipt.is_ok_and(|receipt| receipt.is_none()), "nothing is published here");
    bench.clock.pass(10 * DAY);
    let past = bench.control.read_decision(&dpo, about_ann).expect("read");
    assert_eq!(past.body_withheld.as_deref(), Some("its retention has ended"));
    let receipt = bench.control.receipt(&dpo, about_ann, false);
    assert_eq!(code(receipt), (410, "the retention of this record has ended".to_owned()));
    bench.control.reconcile().expect("reconcile");
    assert!(old.iter().all(|id| !opens(&bench, id)));
    let erin = bench.person("erin", &[Role::Auditor]);
    let events = bench.events(&erin);
    let ends = events.iter().filter(|event| event.action == "EndRetention");
    assert_eq!(ends.clone().count(), 4, "an intent and an end, twice");
    assert!(ends.clone().all(|event| event.resource == "deployment/credit-default"));
    // Their slots go with the epoch, within the same window as those of people.
    assert_eq!(bench.control.ledger().keys().current_epoch().0, 0);
    bench.clock.pass(30 * DAY);
    bench.control.reconcile().expect("reconcile");
    assert_eq!(bench.control.ledger().keys().current_epoch().0, 1);
    assert_eq!(bench.control.ledger().keys().oldest_erasure(), None);
}
