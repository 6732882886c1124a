//! The use cases of control, against a real store and ledger in a temporary folder.

mod bench;
mod datasets;
mod decisions;
mod experiments;
mod files;
mod findings;
mod forensics;
mod governance;
mod integrity;
mod lineage;
mod retrains;
mod reviews;
mod rollback;
mod rollouts;
mod sinks;
mod subjects;

use crate::act::Event;
use crate::bootstrap::SERVER;
use crate::key::base64url;
use crate::{ControlError, RequestContext};
use bench::{Bench, CONTRACT, MODEL, deployment, name};
use plimsoll_api as api;
use plimsoll_api::{Environment, Role};
use plimsoll_store::{Change, StoreError};
use plimsoll_types::record::Stage;
use plimsoll_types::{Clock as _, Digest, RefusalCode, Time};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// `stage action resource` of every event, without what differs from run to run.
fn story(events: &[api::ControlEvent]) -> Vec<String> {
    let short = |resource: &str| resource.split('/').take(2).collect::<Vec<_>>().join("/");
    let told = |event: &api::ControlEvent| {
        let resource = short(&event.resource);
        // Ids and digests are new every time.
        let resource = match resource.split_once('/') {
            Some((kind, id)) if id.len() >= 36 => kind.to_owned(),
            _ => resource,
        };
        let who = event.principal_name.as_deref().unwrap_or("server");
        format!("{} {} {} by {who}", event.stage, event.action, resource)
    };
    events.iter().map(told).collect()
}

fn code(result: Result<impl std::fmt::Debug, ControlError>) -> (u16, String) {
    let error = result.expect_err("refused");
    (error.code().0, error.to_string())
}

#[test]
fn from_an_empty_folder_to_an_answering_deployment() {
    let bench = Bench::new();
    let control = &bench.control;
    let alice = bench.person("alice", &[Role::DataScientist]);
    let bob = bench.person("bob", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let before = bench.events(&erin).len();

    let contract = bench.registry(&alice);
    let made = control
        .create_deployment(&bob, &deployment(contract, Environment::Staging))
        .expect("deployment");
    assert_eq!(made.not_ready_reason.as_deref(), Some("no version is released into it"));
    assert_eq!((made.owner.as_str(), made.tier), ("bob", api::Tier::Unassessed));

    let release = api::ReleaseVersion { version: 1 };
    let denied = control.release_version(&bob, &made.name, release);
    assert_eq!(code(denied).0, 403);
    let released = control.release_version(&carol, &made.name, release).expect("released");
    assert!(released.is_ready, "{:?}", released.not_ready_reason);

    let snapshot = control.snapshots().load_full();
    let served = snapshot.deployment("credit-default").expect("served");
    let serving = served.serving.as_ref().expect("ready");
    assert_eq!(serving.contract_digest, contract);
    assert_eq!(serving.primary.number, 1);
    assert_eq!(serving.primary.manifest, released.released.expect("released").digest);
    // The model asks for income, region, age; the contract has age, region, income.
    assert_eq!(serving.primary.binding.places(), [2, 1, 0]);

    let wanted = api::UpdateDeployment { deadline_ms: Some(50), ..Default::default() };
    let updated = control.update_deployment(&bob, &made.name, &wanted).expect("updated");
    assert_eq!((updated.deadline_ms, updated.is_ready), (50, true));
    control.archive_deployment(&bob, &made.name).expect("archived");
    assert!(control.snapshots().load().deployment("credit-default").is_none());

    let events = bench.events(&erin);
    assert_eq!(
        story(&events[before..]),
        [
            "intent CreateModel model/credit by alice",
            "completed CreateModel model/credit by alice",
            "intent CreateVersion model/credit by alice",
            "completed CreateVersion model/credit by alice",
            "intent CreateContract contract by alice",
            "completed CreateContract contract by alice",
            "intent CreateDeployment deployment/credit-default by bob",
            "completed CreateDeployment deployment/credit-default by bob",
            "denied Release release/credit-default by bob",
            "intent Release release/credit-default by carol",
            "completed Release release/credit-default by carol",
            "intent UpdateDeployment deployment/credit-default by bob",
            "completed UpdateDeployment deployment/credit-default by bob",
            "intent ArchiveDeployment deployment/credit-default by bob",
            "completed ArchiveDeployment deployment/credit-default by bob",
        ]
    );
    let mut intents = HashMap::new();
    for event in &events {
        match (event.stage, event.intent) {
            (Stage::Intent, _) => {
                intents.insert(event.id, event.index);
            }
            (_, Some(intent)) => assert!(intents[&intent] < event.index),
            (_, None) => {}
        }
    }
}

#[test]
fn the_first_start_makes_one_admin_with_one_key() {
    let bench = Bench::new();
    let key = bench.opened.admin_key.clone().expect("a key");
    assert!(key.starts_with("plim_any_"), "{key}");
    assert_eq!(
        bench.control.list_principals(&bench.admin(), &page(10)).expect("list").items.len(),
        1
    );

    // Neither the data folder nor the keys folder holds the key's text.
    let mut folders = vec![bench.folder.path().to_path_buf()];
    let secret = key.rsplit('_').next().expect("secret").as_bytes().to_vec();
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("folder") {
            let entry = entry.expect("entry");
            if entry.file_type().expect("type").is_dir() {
                folders.push(entry.path());
                continue;
            }
            let bytes = std::fs::read(entry.path()).expect("file");
            assert!(!bytes.windows(secret.len()).any(|w| w == secret), "{:?}", entry.path());
            files += 1;
        }
    }
    assert!(files > 3);

    let bench = bench.crash();
    assert!(bench.opened.admin_key.is_none());
    assert!(bench.caller(&key).key.is_some());
}

fn page(limit: u32) -> api::PageQuery {
    api::PageQuery { limit: Some(limit), cursor: None }
}

/// What is left when the process dies between intent and transaction, or between
/// transaction and completion.
#[test]
fn intents_without_an_end_get_one_at_the_next_start() {
    let bench = Bench::new();
    let erin = bench.person("erin", &[Role::Auditor]);
    let begin = |action| Event {
        stage: Stage::Intent,
        action,
        principal: SERVER,
        resource: "model/x",
        intent: None,
        payload: json!({}),
    };
    let (lost, _) = bench.control.record(&begin("CreateModel")).expect("recorded");
    let (made, index) = bench.control.record(&begin("CreateContract")).expect("recorded");
    let about = Change {
        event: made,
        action: "CreateContract",
        resource: "model/x",
        time: Time::EPOCH,
        // What the store would say if the other intent had an end.
        settled_to: index - 1,
    };
    bench.control.store.write(&about, |_| Ok::<_, StoreError>(())).expect("written");

    let bench = bench.crash();
    assert_eq!((bench.opened.failed_intents, bench.opened.completed_intents), (1, 1));
    let events = bench.events(&erin);
    let end = |intent| events.iter().find(|e| e.intent == Some(intent)).expect("an end");
    assert_eq!(end(lost).stage, Stage::Failed);
    assert_eq!(end(made).stage, Stage::Completed);
    let bench = bench.crash();
    assert_eq!((bench.opened.failed_intents, bench.opened.completed_intents), (0, 0));
}

#[test]
fn a_failed_change_is_recorded_as_failed_and_changes_nothing() {
    let bench = Bench::new();
    let erin = bench.person("erin", &[Role::Auditor]);
    let generation = bench.control.snapshots().load().parts().generation;
    let admin = bench.admin();
    let resource =
        plimsoll_policy::Resource::Principal { id: "x".into(), tenant: bench.control.tenant() };
    let permit = bench
        .control
        .permit(&admin, plimsoll_policy::Action::CreatePrincipal, &resource)
        .expect("permitted");
    let failed = bench.control.carry_out(permit, json!({}), |tx, _| {
        let row = tx.principal_named("erin")?.expect("erin");
        Ok(tx.insert_principal(&row)?)
    });
    assert_eq!(code(failed), (409, "there is already a principal like this".into()));
    let last = bench.events(&erin).pop().expect("events");
    assert_eq!((last.stage, last.payload), (Stage::Failed, json!({"reason": "conflict"})));
    assert_eq!(bench.control.snapshots().load().parts().generation, generation);
}

#[test]
fn denials_are_recorded_and_denied_reads_not_without_end() {
    let bench = Bench::new();
    let dave = bench.person("dave", &[Role::Caller]);
    let erin = bench.person("erin", &[Role::Auditor]);
    let before = bench.events(&erin).len();
    for n in 0..200 {
        let wanted = name(&format!("m{n}"));
        assert_eq!(code(bench.control.read_model(&dave, &wanted)).0, 403);
    }
    let wanted = api::CreateModel { name: name("mine"), owner: None, description: None };
    assert_eq!(code(bench.control.create_model(&dave, &wanted)).0, 403);
    let events = bench.events(&erin);
    let denied: Vec<_> = events[before..].iter().collect();
    assert_eq!(denied.len(), 61);
    assert!(denied.iter().all(|e| e.stage == Stage::Denied && e.intent.is_none()));
    assert_eq!(denied[60].resource, "model/mine");

    bench.clock.pass(Duration::from_secs(60));
    assert_eq!(code(bench.control.status(&dave)).0, 403);
    // The record of a denied read is not waited for; this one is, and comes after it.
    assert_eq!(code(bench.control.create_model(&dave, &wanted)).0, 403);
    let events = bench.events(&erin);
    let told = events.iter().rev().find(|e| e.action == "ReadStatus").expect("recorded");
    assert_eq!(told.payload["suppressed"], 140);
}

#[test]
fn anonymous_may_nothing() {
    let bench = Bench::new();
    let nobody = RequestContext::anonymous("test");
    let control = &bench.control;
    assert_eq!(code(control.status(&nobody)).0, 403);
    assert_eq!(code(control.list_keys(&nobody, &page(1))).0, 403);
    assert_eq!(code(control.list_decisions(&nobody, &Default::default())).0, 403);
    assert_eq!(code(control.access_matrix(&nobody)).0, 403);
    assert_eq!(code(control.upload_artifact(&nobody, 10)).0, 403);
    assert_eq!(code(bench.contract(&nobody, CONTRACT)).0, 403);
    assert_eq!(code(control.archive_deployment(&nobody, &name("x"))).0, 403);
}

#[test]
fn rotation_overlaps_and_revocation_is_at_once() {
    let bench = Bench::new();
    bench.person("dave", &[Role::Caller]);
    let admin = bench.admin();
    let old = bench.key("dave");
    let outcome = |key: &str| {
        let snapshot = bench.control.snapshots().load_full();
        snapshot.parts().keys.authenticate(key, bench.clock.now()).map(|caller| caller.id)
    };
    let wanted = api::RotateKey { overlap_seconds: 600 };
    let new = bench.control.rotate_key(&admin, old.key.id, wanted).expect("rotated");
    assert_eq!(new.key.principal, old.key.principal);
    assert_eq!(
        (outcome(&old.secret), outcome(&new.secret)),
        (Ok(old.key.principal), Ok(old.key.principal))
    );
    assert_eq!(code(bench.control.rotate_key(&admin, old.key.id, wanted)).0, 409);
    bench.clock.pass(Duration::from_secs(599));
    assert!(outcome(&old.secret).is_ok());
    bench.clock.pass(Duration::from_secs(1));
    assert_eq!(outcome(&old.secret), Err(RefusalCode::KeyExpired));
    assert!(outcome(&new.secret).is_ok());

    bench.control.revoke_key(&admin, new.key.id).expect("revoked");
    assert_eq!(outcome(&new.secret), Err(RefusalCode::KeyRevoked));
    assert_eq!(code(bench.control.revoke_key(&admin, new.key.id)).0, 409);
    let too_long = api::RotateKey { overlap_seconds: 31 * 24 * 3_600 };
    assert_eq!(code(bench.control.rotate_key(&admin, new.key.id, too_long)).0, 422);
}

#[test]
fn a_rotated_key_keeps_its_limits_and_length_of_life() {
    let bench = Bench::new();
    bench.person("dave", &[Role::Caller]);
    let admin = bench.admin();
    let now = bench.control.clock.now();
    let wanted = api::CreateKey {
        name: name("batch"),
        principal: Some(name("dave")),
        environment: Some(Environment::Staging),
        scopes: Some(vec![name("credit-default")]),
        expires_at: Some(now.plus(Duration::from_secs(1_000)).into()),
    };
    let old = bench.control.create_key(&admin, &wanted).expect("key");
    assert!(old.secret.starts_with("plim_staging_"));
    bench.clock.pass(Duration::from_secs(900));
    let rotated = api::RotateKey { overlap_seconds: 600 };
    let new = bench.control.rotate_key(&admin, old.key.id, rotated).expect("rotated");
    assert_eq!(new.key.scopes, wanted.scopes);
    assert_eq!(new.key.environment, wanted.environment);
    let life = new.key.expires_at.expect("ends").0.since(new.key.created_at.0);
    assert_eq!(life.as_secs(), 999);
    // The overlap never makes the old key live longer than it would have.
    let keys = bench.control.list_keys(&admin, &page(100)).expect("keys").items;
    let old = keys.iter().find(|key| key.id == old.key.id).expect("listed");
    assert_eq!(old.expires_at, wanted.expires_at);
    assert_eq!(old.replaced_by, Some(new.key.id));
    let caller = bench.caller(&new.secret);
    assert_eq!(caller.principal.environment, Some(plimsoll_policy::Environment::Staging));
}

#[test]
fn changes_take_turns_and_snapshots_follow_in_order() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let before = bench.control.snapshots().load().parts().generation;
    std::thread::scope(|threads| {
        for writer in 0..2 {
            let (control, alice) = (&bench.control, &alice);
            threads.spawn(move || {
                for n in 0..10 {
                    let name = name(&format!("m-{writer}-{n}"));
                    let wanted = api::CreateModel { name, owner: None, description: None };
                    control.create_model(alice, &wanted).expect("made");
                }
            });
        }
    });
    assert_eq!(bench.control.snapshots().load().parts().generation, before + 20);
    let mut query = page(7);
    let mut seen = 0;
    loop {
        let page = bench.control.list_models(&alice, &query).expect("page");
        seen += page.items.len();
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, 20);
}

#[test]
fn versions_that_do_not_load_or_repeat_get_no_number() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let control = &bench.control;
    bench.registry(&alice);
    let again = code(bench.version(&alice, MODEL));
    assert_eq!(again, (409, "version 1 of `credit` has the same files".into()));
    let text = String::from_utf8(MODEL.to_vec()).expect("text");
    let broken = text.replace("\"left_children\":[1,-1,3", "\"left_children\":[1,-1,0");
    let refused = code(bench.version(&alice, broken.as_bytes()));
    assert_eq!(refused.0, 422);
    assert!(refused.1.starts_with("the file `model.json` is no model: learner."), "{}", refused.1);
    let second = bench.version(&alice, text.replace("5E-1", "6E-1").as_bytes()).expect("version");
    assert_eq!((second.number, second.facts.trees, second.facts.features), (2, 2, 3));
    assert_eq!(second.author_name, "alice");
    let list = control.list_versions(&alice, &name("credit"), &page(10)).expect("versions");
    assert_eq!(list.items.iter().map(|v| v.number).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(list.items[0], second);
}

#[test]
fn manifests_are_checked() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    bench.registry(&alice);
    let artifact = bench.upload(&alice, MODEL);
    let file = |path: &str, role| api::ManifestFile {
        path: path.into(),
        digest: artifact.digest,
        size: artifact.size,
        role,
    };
    use api::FileRole::{Metadata, Model};
    let absent = api::ManifestFile { digest: Digest::ZERO, ..file("model.json", Model) };
    let short = api::ManifestFile { size: 1, ..file("model.json", Model) };
    let cases = [
        (vec![], "must be 1 to 64 files"),
        (vec![file("../model.json", Model)], "the path of file 0"),
        (vec![file("/etc/passwd", Model)], "the path of file 0"),
        (vec![file("a\\b", Model)], "the path of file 0"),
        (vec![file("a", Model), file("a", Metadata)], "the path `a` is there twice"),
        (vec![file("a", Metadata)], "exactly one file must have the role `model`"),
        (vec![file("a", Model), file("b", Model)], "exactly one file must have the role `model`"),
        (vec![absent], "was not uploaded"),
        (vec![short], "has another size"),
    ];
    for (files, says) in cases {
        let wanted = api::CreateVersion { files };
        let refused = code(bench.control.create_version(&alice, &name("credit"), &wanted));
        assert_eq!(refused.0, 422);
        assert!(refused.1.contains(says), "{} / {says}", refused.1);
    }
}

#[test]
fn artifacts_are_named_by_their_bytes() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let artifact = bench.upload(&alice, b"abc");
    let sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!((artifact.digest.to_string().as_str(), artifact.size), (sha, 3));
    let file = bench.folder.path().join("data/artifacts/sha256/ba").join(sha);
    let sealed = std::fs::read(file).expect("file");
    assert!(sealed.starts_with(b"PLMART01") && !sealed.windows(3).any(|bytes| bytes == b"abc"));
    assert_eq!(bench.upload(&alice, b"abc"), artifact);

    let mut upload = bench.control.upload_artifact(&alice, 4).expect("upload");
    upload.write(b"four").expect("fits");
    assert_eq!(code(upload.write(b"!")).0, 422);
    drop(upload);
    assert_eq!(code(bench.control.upload_artifact(&alice, 4).expect("upload").finish()).0, 422);
    let uploads = bench.folder.path().join("data/artifacts/uploads");
    assert_eq!(std::fs::read_dir(uploads).expect("folder").count(), 0);
}

#[test]
fn a_contract_is_stored_once_however_it_is_written() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::DataScientist]);
    let first = bench.contract(&alice, CONTRACT).expect("stored");
    assert!(!first.existed);
    let read = bench.control.read_contract(&alice, first.digest).expect("read");
    let json = serde_json::to_vec(&read.contract).expect("json");
    let again =
        bench.control.create_contract(&alice, crate::ContractFormat::Json, &json).expect("stored");
    assert_eq!((again.digest, again.existed), (first.digest, true));
    let wrong = CONTRACT.replace("min: 18", "min: 180");
    let refused = code(bench.contract(&alice, &wrong));
    assert!(refused.1.contains("features[0].min"), "{}", refused.1);
    assert_eq!(code(bench.control.read_contract(&alice, Digest::ZERO)).0, 404);
}

#[test]
fn what_does_not_fit_is_not_released() {
    let bench = Bench::new();
    let control = &bench.control;
    let alice = bench.person("alice", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let contract = bench.registry(&alice);
    let release = |n: u32, text: &str, says: &str| {
        let contract = bench.contract(&alice, text).expect("contract").digest;
        let deployment_name = name(&format!("d{n}"));
        let wanted = api::CreateDeployment {
            name: deployment_name.clone(),
            ..deployment(contract, Environment::Staging)
        };
        control.create_deployment(&alice, &wanted).expect("deployment");
        let refused =
            control.release_version(&carol, &deployment_name, api::ReleaseVersion { version: 1 });
        let refused = code(refused);
        assert_eq!(refused.0, 422);
        assert!(refused.1.contains(says), "{} / {says}", refused.1);
    };
    release(1, &CONTRACT.replace("name: income", "name: salary"), "`income` is not a feature");
    release(
        2,
        &CONTRACT.replace("[a, b, c, d]", "[a, b, c, z]"),
        "none the model was trained with",
    );

    let make = |change: fn(&mut api::CreateDeployment)| {
        let mut wanted = deployment(contract, Environment::Staging);
        change(&mut wanted);
        control.create_deployment(&alice, &wanted)
    };
    let unknown = code(make(|d| d.explain_profile = Some(Digest::ZERO)));
    assert_eq!(unknown.0, 422);
    assert!(unknown.1.contains("there is no explain profile with this digest"), "{}", unknown.1);
    assert_eq!(code(make(|d| d.contract = Digest::ZERO)).0, 422);
    assert_eq!(code(make(|d| d.model = name("other"))).0, 422);
    assert_eq!(code(make(|d| d.deadline_ms = Some(0))).0, 422);
    assert_eq!(code(make(|d| d.name = name("d1"))).0, 409);
    let fallback = api::Fallback { outputs: vec![0.5, 0.5], ..api::Fallback::default() };
    let wanted = api::CreateDeployment {
        fallback: Some(fallback),
        ..deployment(contract, Environment::Staging)
    };
    control.create_deployment(&alice, &wanted).expect("deployment");
    let refused = control.release_version(&carol, &wanted.name, api::ReleaseVersion { version: 1 });
    assert!(code(refused).1.contains("the fallback has 2 numbers, the model's answer 1"));
    let missing = control.release_version(&carol, &wanted.name, api::ReleaseVersion { version: 9 });
    assert_eq!(code(missing).0, 404);
}

#[test]
fn a_damaged_artifact_stops_one_deployment_only() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let contract = bench.registry(&alice);
    let text = String::from_utf8(MODEL.to_vec()).expect("text").replace("5E-1", "6E-1");
    let second = bench.version(&alice, text.as_bytes()).expect("version");
    for (deployed, version) in [("first", 1), ("second", 2)] {
        let wanted = api::CreateDeployment {
            name: name(deployed),
            ..deployment(contract, Environment::Staging)
        };
        bench.control.create_deployment(&alice, &wanted).expect("deployment");
        let release = api::ReleaseVersion { version };
        bench.control.release_version(&carol, &wanted.name, release).expect("released");
    }
    let sha = second.files[0].digest.to_string();
    let file = bench.folder.path().join("data/artifacts/sha256").join(&sha[..2]).join(&sha);
    std::fs::write(file, text.replace("6E-1", "7E-1")).expect("damaged");
    let bench = bench.crash();
    let ready = |deployed| bench.control.read_deployment(&alice, &name(deployed)).expect("read");
    assert!(ready("first").is_ready);
    let reason = ready("second").not_ready_reason.expect("a reason");
    assert!(reason.contains(&format!("the artifact `{sha}` is damaged")), "{reason}");
}

#[test]
fn nobody_releases_what_they_made() {
    let bench = Bench::new();
    let both = bench.person("alice", &[Role::MlEngineer, Role::Approver]);
    let contract = bench.registry(&both);
    let wanted = deployment(contract, Environment::Staging);
    bench.control.create_deployment(&both, &wanted).expect("deployment");
    let release = api::ReleaseVersion { version: 1 };
    assert_eq!(code(bench.control.release_version(&both, &wanted.name, release)).0, 403);

    let erin = bench.person("erin", &[Role::Auditor]);
    let question = api::AccessQuestion {
        principal: "alice".into(),
        action: "Release".into(),
        resource: "release/credit-default/1".into(),
    };
    let why = bench.control.access_why(&erin, &question).expect("an answer");
    assert!(!why.is_allowed);
    assert_eq!(
        why.policies.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(),
        ["own-version-release"]
    );
    assert!(why.text.contains("own-version-release"));
    let matrix = bench.control.access_matrix(&erin).expect("matrix");
    assert_eq!(matrix.principals, ["admin", "alice", "erin", "anonymous"]);
    let row = |action: &str, resource: &str| {
        let found = matrix.rows.iter().find(|r| r.action == action && r.resource == resource);
        found.expect("a row").marks.clone()
    };
    assert_eq!(
        row("Release", "release/credit-default/1"),
        ["default", "forbid", "default", "default"]
    );
    assert_eq!(row("ReadHealth", "server"), ["permit"; 4]);
    for resource in ["model/credit", "version/credit/1", "principal/alice", "policy"] {
        let question = api::AccessQuestion { resource: resource.into(), ..question.clone() };
        assert_eq!(code(bench.control.access_why(&erin, &question)).0, 422, "{resource}");
    }
}

#[test]
fn the_dev_principal_releases_in_development_only() {
    let bench = Bench::dev();
    assert!(bench.opened.admin_key.is_none());
    let dev = bench.dev_context();
    let contract = bench.registry(&dev);
    for (environment, says) in [(Environment::Development, 200), (Environment::Production, 403)] {
        let wanted = api::CreateDeployment {
            name: name(&format!("in-{environment}")),
            ..deployment(contract, environment)
        };
        bench.control.create_deployment(&dev, &wanted).expect("deployment");
        let release = api::ReleaseVersion { version: 1 };
        let told = bench.control.release_version(&dev, &wanted.name, release);
        assert_eq!(told.map_or_else(|e| e.code().0, |_| 200), says);
    }
    assert!(bench.control.status(&dev).expect("status").dev);
}

#[test]
fn the_snapshot_digest_says_what_is_served() {
    let bench = Bench::new();
    let digest = |bench: &Bench| bench.control.snapshots().load().parts().digest;
    let first = digest(&bench);
    let bench = bench.crash();
    assert_eq!(digest(&bench), first);
    let admin_key = bench.control.list_keys(&RequestContext::anonymous("x"), &page(1));
    assert!(admin_key.is_err());
}

/// RFC 4648 §10, in the alphabet of §5.
#[test]
fn base64url_vectors() {
    for (bytes, text) in [("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg")]
    {
        assert_eq!(base64url(bytes.as_bytes()), text);
    }
    assert_eq!(base64url(&[0xfb, 0xff]), "-_8");
}
