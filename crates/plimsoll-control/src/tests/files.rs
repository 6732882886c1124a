//! Files under MLflow's paths, and uploads that go on.

use super::bench::Bench;
use super::code;
use crate::{ControlError, FileEntry, RequestContext};
use plimsoll_api as api;
use plimsoll_api::Role;
use plimsoll_artifact::FilePath;
use plimsoll_types::Clock as _;
use plimsoll_types::record::Stage;
use std::time::Duration;

const MODEL: &str = "1/models/m-7/artifacts";

fn path(text: &str) -> FilePath {
    text.parse().expect("a path")
}

fn put(bench: &Bench, ctx: &RequestContext, at: &str, text: &[u8]) -> Result<(), ControlError> {
    let mut upload = bench.control.begin_file(ctx, &path(at), 1 << 20)?;
    upload.write(text)?;
    bench.control.end_file(ctx, &path(at), upload)
}

fn read(bench: &Bench, ctx: &RequestContext, at: &str) -> Result<Vec<u8>, ControlError> {
    let mut reader = bench.control.read_file(ctx, &path(at))?;
    let mut out = Vec::new();
    while let Some(bytes) = reader.next_bytes()? {
        out.extend_from_slice(&bytes);
    }
    Ok(out)
}

fn names(entries: &[FileEntry]) -> Vec<(&str, Option<u64>)> {
    entries.iter().map(|entry| (entry.name.as_str(), entry.size)).collect()
}

#[test]
fn files_are_put_listed_read_changed_and_removed() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    for (at, text) in [
        ("1/r/artifacts/a.txt", &b"one"[..]),
        ("1/r/artifacts/a/b/c.bin", b"two!"),
        ("1/r/artifacts/a/empty", b""),
        ("1/r/artifacts/a0", b"three"),
        ("2/r/x", b"one"),
    ] {
        put(&bench, &alice, at, text).expect("put");
        assert_eq!(read(&bench, &alice, at).expect("read"), text);
    }
    let list = |folder: Option<&str>| {
        let folder = folder.map(path);
        bench.control.list_files(&alice, folder.as_ref()).expect("listed")
    };
    assert_eq!(names(&list(None)), [("1", None), ("2", None)]);
    let found = list(Some("1/r/artifacts"));
    assert_eq!(names(&found), [("a.txt", Some(3)), ("a", None), ("a0", Some(5))]);
    assert_eq!(names(&list(Some("1/r/artifacts/a"))), [("b", None), ("empty", Some(0))]);
    assert_eq!(names(&list(Some("1/r/artifacts/a.txt"))), []);
    assert_eq!(names(&list(Some("nowhere"))), []);
    assert_eq!(bench.control.run_folder(&alice, "r").expect("found"), path("1/r/artifacts"));
    assert_eq!(code(bench.control.run_folder(&alice, "s")).0, 404);

    put(&bench, &alice, "1/r/artifacts/a.txt", b"other").expect("changed");
    assert_eq!(read(&bench, &alice, "1/r/artifacts/a.txt").expect("read"), b"other");
    assert_eq!(read(&bench, &alice, "2/r/x").expect("the same bytes elsewhere"), b"one");
    assert_eq!(code(put(&bench, &alice, "1/r/artifacts/a", b"")).0, 409, "a folder is there");
    assert_eq!(code(put(&bench, &alice, "2/r/x/y", b"")).0, 409, "a file is there");

    bench.control.remove_files(&alice, &path("1/r/artifacts/a")).expect("removed");
    assert_eq!(code(read(&bench, &alice, "1/r/artifacts/a/b/c.bin")).0, 404);
    assert_eq!(read(&bench, &alice, "1/r/artifacts/a0").expect("is beside it"), b"three");
    bench.control.remove_files(&alice, &path("1/r/artifacts/a")).expect("gone already");
    bench.control.reconcile_artifacts().expect("looked");
}

#[test]
fn the_files_of_a_registered_version_do_not_change_and_who_tries_is_recorded() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let (pickle, about) = (format!("{MODEL}/python_model.pkl"), format!("{MODEL}/MLmodel"));
    put(&bench, &alice, &pickle, b"the champion").expect("put");
    put(&bench, &alice, &about, b"flavors: {}").expect("put");
    let early = bench.control.begin_file(&alice, &path(&pickle), 100).expect("not protected yet");
    let now = bench.clock.now();
    let protect = |tx: &plimsoll_store::Write<'_>| tx.protect_path(MODEL, "credit/3", now);
    bench.control.store().amend(protect).expect("registered");
    bench.control.store().amend(protect).expect("twice is once");

    let before = bench.events(&erin).len();
    let attempts: [(&str, Result<(), ControlError>); 6] = [
        ("put over", put(&bench, &alice, &pickle, b"evil")),
        ("put beside", put(&bench, &alice, &format!("{MODEL}/x"), b"evil")),
        ("end late", bench.control.end_file(&alice, &path(&pickle), early)),
        ("delete", bench.control.remove_files(&alice, &path(&about))),
        ("delete the folder", bench.control.remove_files(&alice, &path(MODEL))),
        ("delete what it is in", bench.control.remove_files(&alice, &path("1"))),
    ];
    for (what, result) in attempts {
        let (status, text) = code(result);
        assert_eq!(status, 409, "{what}");
        assert!(text.contains("belongs to model version `credit/3`"), "{what}: {text}");
    }
    let events = bench.events(&erin);
    assert_eq!(events.len() - before, 6);
    for event in &events[before..] {
        assert_eq!((event.stage, event.action.as_str()), (Stage::Denied, "ChangeFile"));
        assert_eq!(event.principal_name.as_deref(), Some("alice"));
    }
    assert_eq!(read(&bench, &alice, &pickle).expect("read"), b"the champion");
    assert_eq!(read(&bench, &alice, &about).expect("read"), b"flavors: {}");
    let folder = bench.control.version_folder(&erin, "credit/3").expect("found");
    assert_eq!(folder, path(MODEL));
    // Two versions may be of the same files.
    let again = |tx: &plimsoll_store::Write<'_>| tx.protect_path(MODEL, "credit/4", now);
    bench.control.store().amend(again).expect("registered");
    assert_eq!(bench.control.version_folder(&erin, "credit/4").expect("found"), path(MODEL));
    // A neighbour whose name begins the same is not protected.
    put(&bench, &alice, "1/models/m-70/artifacts/MLmodel", b"").expect("put");
    assert_eq!(
        bench
            .crash()
            .control
            .store()
            .amend(|tx| { tx.protection_of("1/models/m-7/artifacts/MLmodel") })
            .expect("read")
            .map(|found| found.reason)
            .as_deref(),
        Some("credit/3")
    );
}

#[test]
fn files_need_a_role() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let carl = bench.person("carl", &[Role::Caller]);
    put(&bench, &alice, "1/r/x", b"x").expect("put");
    assert_eq!(read(&bench, &erin, "1/r/x").expect("read"), b"x");
    assert_eq!(code(put(&bench, &erin, "1/r/x", b"y")).0, 403);
    assert_eq!(code(bench.control.remove_files(&erin, &path("1/r/x"))).0, 403);
    assert_eq!(code(read(&bench, &carl, "1/r/x")).0, 403);
    assert_eq!(code(bench.control.list_files(&carl, None)).0, 403);
    assert_eq!(code(bench.control.run_folder(&carl, "r")).0, 403);
    assert_eq!(code(bench.control.version_folder(&carl, "credit/3")).0, 403);
}

#[test]
fn an_upload_is_gone_on_with_by_who_began_it() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::DataScientist]);
    let wanted = api::CreateUpload { size: Some(6) };
    let made = bench.control.create_upload(&alice, wanted, 100).expect("begun");
    assert_eq!((made.offset, made.size), (0, Some(6)));
    let mut appender = bench.control.append_upload(&alice, &made.id, 0).expect("goes on");
    appender.write(b"abc").expect("written");
    assert_eq!(code(bench.control.abort_upload(&alice, &made.id)).0, 409);
    appender.pause().expect("paused");

    assert_eq!(code(bench.control.read_upload(&bob, &made.id)).0, 404);
    assert_eq!(code(bench.control.append_upload(&bob, &made.id, 3)).0, 404);
    assert_eq!(code(bench.control.read_upload(&alice, "../../etc/passwd")).0, 404);
    let bench = bench.crash();
    let (status, text) = code(bench.control.append_upload(&alice, &made.id, 0));
    assert!(status == 409 && text.contains("offset 3"), "{text}");
    assert_eq!(code(bench.control.finish_upload(&alice, &made.id, Default::default())).0, 409);
    let mut appender = bench.control.append_upload(&alice, &made.id, 3).expect("goes on");
    appender.write(b"def").expect("written");
    appender.pause().expect("paused");
    let stored = bench.control.finish_upload(&alice, &made.id, Default::default()).expect("ends");
    assert_eq!(stored, bench.upload(&alice, b"abcdef"));

    let late = bench.control.create_upload(&alice, wanted, 100).expect("begun");
    assert_eq!(code(bench.control.create_upload(&alice, wanted, 5)).0, 422);
    bench.clock.pass(Duration::from_secs(25 * 60 * 60));
    assert_eq!(code(bench.control.read_upload(&alice, &late.id)).0, 404);
    bench.control.reconcile_artifacts().expect("looked");
    let folder = bench.folder.path().join("data/artifacts/sessions");
    assert_eq!(std::fs::read_dir(folder).expect("a folder").count(), 0);
}

#[test]
fn a_version_has_a_bill_of_materials() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let carl = bench.person("carl", &[Role::Caller]);
    bench.registry(&alice);
    let credit = super::name("credit");
    let bom = bench.control.version_bom(&alice, &credit, 1).expect("made");
    let version = bench.control.read_version(&alice, &credit, 1).expect("read");
    assert_eq!(bom["specVersion"], "1.7");
    let model = &bom["metadata"]["component"];
    assert_eq!(model["type"], "machine-learning-model");
    assert_eq!(model["hashes"][0]["content"], version.digest.to_string());
    assert_eq!(bom["components"][0]["name"], "model.json");
    assert_eq!(bom["components"][0]["hashes"][0]["content"], version.files[0].digest.to_string());
    assert_eq!(bom["dependencies"][0]["dependsOn"][0], bom["components"][0]["bom-ref"]);
    assert_eq!(bench.control.version_bom(&alice, &credit, 1).expect("again"), bom);
    assert_eq!(code(bench.control.version_bom(&carl, &credit, 1)).0, 403);
    assert_eq!(code(bench.control.version_bom(&alice, &credit, 2)).0, 404);
}
