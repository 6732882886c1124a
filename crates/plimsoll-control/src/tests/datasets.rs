//! Datasets: registered, granted for a purpose, fetched under a record.

use super::bench::{Bench, name};
use super::code;
use crate::RequestContext;
use plimsoll_api as api;
use plimsoll_api::{DatasetUse, Role};
use plimsoll_types::Clock as _;
use plimsoll_types::record::Stage;
use std::time::Duration;

fn manifest(bench: &Bench, ctx: &RequestContext, text: &[u8]) -> api::DatasetManifest {
    let stored = bench.upload(ctx, text);
    let file = api::DatasetFile {
        path: "loans/part 1.csv".into(),
        digest: stored.digest,
        size: stored.size,
        md5: None,
    };
    api::DatasetManifest {
        files: vec![file],
        columns: Vec::new(),
        rows: Some(1),
        source: api::DatasetSource { kind: "files".into(), ..Default::default() },
        licence: None,
        personal: vec!["income".into()],
        purposes: vec!["scoring".into(), "audit".into()],
        retention_days: Some(30),
        description: None,
    }
}

fn register(
    bench: &Bench,
    ctx: &RequestContext,
    manifest: &api::DatasetManifest,
) -> Result<api::DatasetVersion, crate::ControlError> {
    let wanted = api::CreateDataset { owner: None, manifest: manifest.clone() };
    bench.control.create_dataset(ctx, &name("loans"), &wanted)
}

fn fetch(
    bench: &Bench,
    ctx: &RequestContext,
    r#use: DatasetUse,
    purpose: &str,
) -> Result<Vec<u8>, crate::ControlError> {
    let query = api::DatasetQuery { r#use, purpose: purpose.into() };
    let path = "loans/part 1.csv".parse().expect("a path");
    let mut reader = bench.control.fetch_dataset(ctx, &name("loans"), 1, &path, &query)?;
    Ok(reader.next_bytes()?.unwrap_or_default())
}

fn grant(to: &str, r#use: DatasetUse, purpose: &str) -> api::GrantDataset {
    api::GrantDataset { principal: name(to), r#use, purpose: purpose.into(), expires_at: None }
}

#[test]
fn personal_data_is_used_for_a_purpose_that_somebody_else_granted() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let dan = bench.person("dan", &[Role::Dpo]);
    let made = register(&bench, &alice, &manifest(&bench, &alice, b"a,b\n1,2\n")).expect("made");
    assert_eq!((made.number, made.is_kept), (1, true));

    // The role alone is not enough, not even the owner's.
    for who in [&alice, &bob, &erin] {
        assert_eq!(code(fetch(&bench, who, DatasetUse::Train, "scoring")).0, 403);
    }
    let to_bob = grant("bob", DatasetUse::Train, "scoring");
    assert_eq!(code(bench.control.grant_dataset(&bob, &name("loans"), &to_bob)).0, 403);
    let to_self = grant("alice", DatasetUse::Train, "scoring");
    assert_eq!(code(bench.control.grant_dataset(&alice, &name("loans"), &to_self)).0, 422);
    let other = grant("bob", DatasetUse::Train, "marketing");
    assert_eq!(code(bench.control.grant_dataset(&alice, &name("loans"), &other)).0, 422);
    let shown = bench.control.grant_dataset(&alice, &name("loans"), &to_bob).expect("granted");
    assert_eq!(shown.grants.len(), 1);
    assert_eq!((shown.owner.as_str(), shown.grants[0].granted_by.as_str()), ("alice", "alice"));

    let before = bench.events(&erin).len();
    let got = fetch(&bench, &bob, DatasetUse::Train, "scoring").expect("granted");
    assert_eq!(got, b"a,b\n1,2\n");
    let event = bench.events(&erin).pop().expect("recorded");
    assert_eq!(bench.events(&erin).len() - before, 1);
    assert_eq!((event.stage, event.action.as_str()), (Stage::Completed, "TrainOnDataset"));
    assert_eq!(event.resource, "dataset/loans");
    assert_eq!(event.payload["facts"]["purpose"], "scoring");

    // Another purpose, another use, another person: no.
    assert_eq!(code(fetch(&bench, &bob, DatasetUse::Train, "audit")).0, 403);
    assert_eq!(code(fetch(&bench, &bob, DatasetUse::Export, "scoring")).0, 403);
    assert_eq!(code(fetch(&bench, &alice, DatasetUse::Train, "scoring")).0, 403);
    assert_eq!(bench.events(&erin).pop().expect("recorded").stage, Stage::Denied);
    // The data protection officer takes data out, for a purpose of the dataset.
    assert!(fetch(&bench, &dan, DatasetUse::Export, "audit").is_ok());
    assert_eq!(code(fetch(&bench, &dan, DatasetUse::Export, "marketing")).0, 422);

    bench.control.revoke_dataset(&dan, &name("loans"), &to_bob).expect("revoked");
    assert_eq!(code(fetch(&bench, &bob, DatasetUse::Train, "scoring")).0, 403);
    assert_eq!(code(bench.control.revoke_dataset(&dan, &name("loans"), &to_bob)).0, 409);
}

#[test]
fn grants_end_and_data_does() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    register(&bench, &alice, &manifest(&bench, &alice, b"a\n")).expect("made");
    let day = Duration::from_secs(24 * 60 * 60);
    let until = |time| api::GrantDataset {
        expires_at: Some(api::Timestamp(time)),
        ..grant("bob", DatasetUse::Train, "scoring")
    };
    let past = until(bench.clock.now());
    assert_eq!(code(bench.control.grant_dataset(&alice, &name("loans"), &past)).0, 422);
    let soon = until(bench.clock.now().plus(day));
    bench.control.grant_dataset(&alice, &name("loans"), &soon).expect("granted");
    assert!(fetch(&bench, &bob, DatasetUse::Train, "scoring").is_ok());
    bench.clock.pass(day);
    assert_eq!(code(fetch(&bench, &bob, DatasetUse::Train, "scoring")).0, 403);
    let open = grant("bob", DatasetUse::Train, "scoring");
    bench.control.grant_dataset(&alice, &name("loans"), &open).expect("granted again");
    assert!(fetch(&bench, &bob, DatasetUse::Train, "scoring").is_ok());
    bench.clock.pass(day * 30);
    assert_eq!(code(fetch(&bench, &bob, DatasetUse::Train, "scoring")).0, 410);
}

#[test]
fn a_manifest_is_checked_and_a_version_is_made_once() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let good = manifest(&bench, &alice, b"a\n");
    type Spoil = fn(&mut api::DatasetManifest);
    let bad: [(&str, Spoil); 6] = [
        ("1 to", |m| m.files.clear()),
        ("the path of file 0", |m| m.files[0].path = "../x".into()),
        ("another size", |m| m.files[0].size += 1),
        ("twice", |m| m.files.push(m.files[0].clone())),
        ("classes", |m| m.personal = vec![String::new()]),
        ("MD5", |m| m.files[0].md5 = Some("x".into())),
    ];
    for (says, spoil) in bad {
        let mut wrong = good.clone();
        spoil(&mut wrong);
        let (status, text) = code(register(&bench, &alice, &wrong));
        assert!(status == 422 && text.contains(says), "{text} / {says}");
    }
    register(&bench, &alice, &good).expect("made");
    assert_eq!(code(register(&bench, &alice, &good)).0, 409);
    let mut next = good.clone();
    next.rows = Some(2);
    next.files[0].digest = plimsoll_types::Digest::from_bytes([1; 32]);
    let made = register(&bench, &alice, &next).expect("another");
    assert_eq!((made.number, made.is_kept), (2, false), "bytes that are not here");

    let listed = bench.control.list_datasets(&erin, &api::PageQuery::default()).expect("listed");
    assert_eq!(listed.items.len(), 1);
    assert_eq!(listed.items[0].latest_version, 2);
    let shown = bench.control.read_dataset_version(&erin, &name("loans"), 2).expect("shown");
    assert_eq!(shown, made);
    assert_eq!(code(register(&bench, &erin, &good)).0, 403);
    assert_eq!(code(bench.control.read_dataset(&erin, &name("none"))).0, 404);
    assert_eq!(code(bench.control.read_dataset_version(&erin, &name("loans"), 3)).0, 404);
    bench.control.reconcile_artifacts().expect("looked");
}
