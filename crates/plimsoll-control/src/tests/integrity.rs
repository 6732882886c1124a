//! What is uploaded is scanned, and what is released is signed where that is asked for.

use super::bench::{Bench, MODEL, deployment, name};
use super::code;
use plimsoll_api::{self as api, Environment, FileRole, Role};
use plimsoll_sign::{Manifest, Resource, Serialization, Signer, sign};

/// Would print a word, if it were ever loaded.
const PAYLOAD: &[u8] = b"cos\nsystem\n(S'echo harmless'\ntR.";
const KEY: &[u8] = include_bytes!("../../../plimsoll-sign/tests/data/key.pem");
const PUBLIC: &str = include_str!("../../../plimsoll-sign/tests/data/key.pub");
const STRANGER: &str = include_str!("../../../plimsoll-sign/tests/data/other.pub");

fn file(bench: &Bench, path: &str, role: FileRole, bytes: &[u8]) -> api::ManifestFile {
    let ctx = bench.person(&format!("u{}", bytes.len()), &[Role::MlEngineer]);
    let stored = bench.upload(&ctx, bytes);
    api::ManifestFile { path: path.into(), digest: stored.digest, size: stored.size, role }
}

#[test]
fn a_finding_blocks_a_version() {
    let bench = Bench::new();
    let alice = bench.person("alice", &[Role::MlEngineer]);
    bench.registry(&alice);
    let clean = bench.control.read_version(&alice, &name("credit"), 1).expect("version");
    let scan = clean.facts.scan.expect("it was scanned");
    assert_eq!((scan.looked_at, scan.bytes), (1, u64::try_from(MODEL.len()).unwrap()));
    let wanted = api::CreateVersion {
        files: vec![
            file(&bench, "model.json", FileRole::Model, MODEL),
            file(&bench, "notes.txt", FileRole::Other, PAYLOAD),
        ],
    };
    let refused = code(bench.control.create_version(&alice, &name("credit"), &wanted));
    assert_eq!(refused.0, 422);
    assert!(refused.1.contains("pickle-dangerous-import in `notes.txt`"), "{}", refused.1);
    let next = bench.control.read_version(&alice, &name("credit"), 2);
    assert_eq!(code(next).0, 404, "there is no such version");
}

fn signed(key: &[u8], files: &[&api::ManifestFile]) -> String {
    let resources = files
        .iter()
        .map(|file| Resource { name: file.path.clone(), digest: file.digest })
        .collect();
    let manifest = Manifest::new("credit", Serialization::default(), resources).expect("manifest");
    sign(&manifest, &Signer::from_pem(key).expect("key")).expect("signature")
}

#[test]
fn a_deployment_may_ask_for_a_signature() {
    let bench = Bench::new();
    let control = &bench.control;
    let alice = bench.person("alice", &[Role::MlEngineer]);
    let carol = bench.person("carol", &[Role::Approver]);
    let contract = bench.registry(&alice);
    let model = file(&bench, "model.json", FileRole::Model, MODEL);
    let notes = file(&bench, "notes.txt", FileRole::Other, b"as it was trained");
    let swapped = file(&bench, "notes.txt", FileRole::Other, b"as nobody signed it");
    let both = signed(KEY, &[&model, &notes]);
    let version = |files: Vec<api::ManifestFile>| {
        let wanted = api::CreateVersion { files };
        control.create_version(&alice, &name("credit"), &wanted).expect("version").number
    };
    let bundle = file(&bench, "model.sig", FileRole::Other, both.as_bytes());
    let good = version(vec![model.clone(), notes.clone(), bundle.clone()]);
    let changed = version(vec![model.clone(), swapped, bundle.clone()]);
    let more = file(&bench, "more.txt", FileRole::Other, b"unsigned");
    let added = version(vec![model.clone(), notes, more, bundle]);

    let signer = |name_: &str, key: &str| api::Signer { name: name(name_), public_key: key.into() };
    let wanted = |n: &str, signers: Vec<api::Signer>| api::CreateDeployment {
        name: name(n),
        signers: Some(signers),
        ..deployment(contract, Environment::Staging)
    };
    let builders = vec![signer("stranger", STRANGER), signer("builders", PUBLIC)];
    control.create_deployment(&alice, &wanted("d", builders.clone())).expect("deployment");
    let release = |n: &str, version| {
        control.release_version(&carol, &name(n), api::ReleaseVersion { version })
    };
    for (number, says) in [
        (1, "it has no file `model.sig`"),
        (changed, "`notes.txt` is not the file that was signed"),
        (added, "`more.txt` is there and was not signed"),
    ] {
        let refused = code(release("d", number));
        assert_eq!(refused.0, 422);
        assert!(refused.1.contains(says), "{} / {says}", refused.1);
    }
    let released = release("d", good).expect("released");
    assert_eq!(released.signers, builders);

    // Only by a stranger: nobody that is named signed it.
    let strangers = vec![signer("stranger", STRANGER)];
    control.create_deployment(&alice, &wanted("e", strangers.clone())).expect("deployment");
    let refused = code(release("e", good));
    assert!(refused.1.contains("signed by nobody whom the deployment names"), "{}", refused.1);
    // Nor may what answers lose its signer by an update.
    let update = api::UpdateDeployment { signers: Some(strangers), ..Default::default() };
    assert_eq!(code(control.update_deployment(&alice, &name("d"), &update)).0, 422);
    let wrong = wanted("f", vec![signer("x", "no key")]);
    assert_eq!(code(control.create_deployment(&alice, &wrong)).0, 422);
}
