//! The store against a real database in a temporary folder.

use crate::*;
use plimsoll_types::record::Mode;
use plimsoll_types::{
    ApiKeyId, DeploymentId, Digest, EventId, ModelId, Name, PrincipalId, TenantId, Time,
};
use rusqlite::Connection;
use std::path::PathBuf;

fn now(n: u64) -> Time {
    Time::from_micros(1_800_000_000_000_000 + n)
}
fn name(text: &str) -> Name {
    text.parse().expect("a name")
}
fn change(n: u64) -> Change<'static> {
    let event = EventId::new(now(n));
    Change { event, action: "Test", resource: "test", time: now(n), settled_to: n }
}

struct Bench {
    _folder: tempfile::TempDir,
    path: PathBuf,
    store: Store,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("control.sqlite");
    let store = Store::open(&path, now(0)).expect("opens");
    Bench { _folder: folder, path, store }
}

fn principal(n: u8) -> PrincipalRow {
    PrincipalRow {
        id: PrincipalId::from_bytes([n; 16]),
        name: name(&format!("p{n}")),
        kind: "user".into(),
        roles: vec!["admin".into(), "caller".into()],
        tenant: TenantId::from_bytes([9; 16]),
        is_dev: false,
        created_at: now(n.into()),
        disabled_at: None,
    }
}
fn key(n: u8) -> ApiKeyRow {
    ApiKeyRow {
        id: ApiKeyId::from_bytes([n; 16]),
        principal: PrincipalId::from_bytes([1; 16]),
        name: name("ci"),
        prefix: "plim_any_abcdefgh".into(),
        digest: [n; 32],
        environment: Some("staging".into()),
        scopes: Some(vec![name("credit")]),
        created_at: now(1),
        expires_at: None,
        revoked_at: None,
        replaced_by: None,
    }
}
fn model() -> ModelRow {
    ModelRow {
        id: ModelId::from_bytes([3; 16]),
        name: name("credit"),
        owner: "risk".into(),
        description: None,
        tenant: TenantId::from_bytes([9; 16]),
        created_at: now(1),
        latest_version: 0,
    }
}
fn version(number: u32) -> VersionRow {
    let byte = u8::try_from(number).expect("small");
    VersionRow {
        model: model().id,
        number,
        digest: Digest::from_bytes([byte; 32]),
        manifest: "{}".into(),
        facts: "{}".into(),
        author: PrincipalId::from_bytes([1; 16]),
        created_at: now(2),
    }
}
fn contract() -> ContractRow {
    ContractRow {
        digest: Digest::from_bytes([4; 32]),
        document: "{}".into(),
        author: PrincipalId::from_bytes([1; 16]),
        created_at: now(3),
    }
}
fn deployment(n: u8) -> DeploymentRow {
    DeploymentRow {
        id: DeploymentId::from_bytes([n; 16]),
        name: name("credit-default"),
        model: model().id,
        contract: contract().digest,
        environment: "production".into(),
        owner: "risk".into(),
        tier: "unassessed".into(),
        mode: Mode::Durable,
        explain: "off".into(),
        settings: "{}".into(),
        released: None,
        tenant: TenantId::from_bytes([9; 16]),
        created_at: now(4),
        updated_at: now(4),
        archived_at: None,
    }
}
fn file() -> FileRow {
    FileRow {
        path: "model.json".into(),
        digest: Digest::from_bytes([7; 32]),
        size: 5,
        role: "model".into(),
    }
}

/// One of everything.
fn fill(store: &Store) {
    let filled = store.write(&change(1), |tx| {
        tx.insert_principal(&principal(1))?;
        tx.insert_key(&key(1))?;
        tx.insert_model(&model())?;
        tx.insert_version(&version(1), &[file()])?;
        tx.insert_version(&version(2), &[])?;
        tx.insert_contract(&contract())?;
        tx.insert_deployment(&deployment(1))
    });
    assert_eq!(filled.expect("filled").1, 1);
}

#[test]
fn everything_comes_back_after_reopening() {
    let bench = bench();
    let tenant = bench.store.read(|r| r.meta()).expect("meta").tenant;
    fill(&bench.store);
    drop(bench.store);
    let store = Store::open(&bench.path, now(99)).expect("reopens");
    store
        .read(|r| {
            let meta = r.meta()?;
            assert_eq!((meta.tenant, meta.generation, meta.settled_to), (tenant, 1, 1));
            assert_eq!(meta.created_at, now(0));
            assert_eq!(r.principal_named("p1")?, Some(principal(1)));
            assert_eq!(r.key(key(1).id)?, Some(key(1)));
            assert_eq!(r.model_named("credit")?, Some(ModelRow { latest_version: 2, ..model() }));
            assert_eq!(r.version(model().id, 1)?, Some(version(1)));
            assert_eq!(r.version_with(model().id, version(2).digest)?, Some(version(2)));
            assert_eq!(r.files(model().id, 1)?, [file()]);
            assert_eq!(r.contract(contract().digest)?, Some(contract()));
            assert_eq!(r.deployment_named("credit-default")?, Some(deployment(1)));
            Ok::<_, StoreError>(())
        })
        .expect("reads");
}

#[test]
fn newer_and_foreign_files_are_refused() {
    let bench = bench();
    drop(bench.store);
    let raw = Connection::open(&bench.path).expect("raw");
    raw.pragma_update(None, "user_version", 99).expect("set");
    drop(raw);
    let error = Store::open(&bench.path, now(0)).expect_err("newer");
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("has schema 99, this binary knows up to"));

    let other = bench.path.with_extension("other");
    Connection::open(&other).expect("raw").execute_batch("CREATE TABLE t (a)").expect("made");
    assert!(matches!(Store::open(&other, now(0)), Err(StoreError::Foreign(_))));
    let text = bench.path.with_extension("txt");
    std::fs::write(&text, "not a database, and long enough to be read as one".repeat(40))
        .expect("written");
    assert!(matches!(Store::open(&text, now(0)), Err(StoreError::Foreign(_))));
}

/// The database itself refuses, whatever the code does.
#[test]
fn versions_and_contracts_are_immutable() {
    let bench = bench();
    fill(&bench.store);
    let raw = Connection::open(&bench.path).expect("raw");
    for sql in [
        "UPDATE model_versions SET manifest = '[]'",
        "DELETE FROM model_versions",
        "UPDATE manifest_files SET size = 6",
        "DELETE FROM manifest_files",
        "UPDATE contracts SET document = '[]'",
        "DELETE FROM contracts",
    ] {
        let error = raw.execute(sql, []).expect_err(sql);
        assert!(error.to_string().contains("immutable"), "{sql}: {error}");
    }
}

#[test]
fn a_failed_change_changes_nothing() {
    let bench = bench();
    fill(&bench.store);
    let twice = |tx: &Write<'_>| {
        tx.insert_principal(&principal(2))?;
        tx.insert_principal(&principal(2))
    };
    let error = bench.store.write(&change(2), twice).expect_err("exists");
    assert!(matches!(error, StoreError::Exists("principal")), "{error}");
    bench
        .store
        .read(|r| {
            assert_eq!(r.principal(principal(2).id)?, None);
            assert_eq!(r.meta()?.generation, 1);
            assert_eq!(r.generation_of(change(2).event)?, None);
            Ok::<_, StoreError>(())
        })
        .expect("reads");
}

#[test]
fn names_are_unique_among_live_deployments_only() {
    let bench = bench();
    fill(&bench.store);
    let again = bench.store.write(&change(2), |tx| tx.insert_deployment(&deployment(2)));
    assert!(matches!(again, Err(StoreError::Exists("deployment"))));
    let replace = |tx: &Write<'_>| {
        tx.archive_deployment(deployment(1).id, now(5))?;
        tx.insert_deployment(&deployment(2))
    };
    bench.store.write(&change(3), replace).expect("replaced");
    let twice = bench.store.write(&change(4), |tx| tx.archive_deployment(deployment(1).id, now(6)));
    assert!(matches!(twice, Err(StoreError::Gone("deployment"))));
    let ever = bench.store.read(|r| r.deployments_ever_named("credit-default")).expect("read");
    assert_eq!(ever.iter().map(|d| d.archived_at).collect::<Vec<_>>(), [None, Some(now(5))]);
}

#[test]
fn references_are_checked() {
    let bench = bench();
    fill(&bench.store);
    let nobody = ApiKeyRow { principal: PrincipalId::from_bytes([8; 16]), ..key(2) };
    let error = bench.store.write(&change(2), |tx| tx.insert_key(&nobody)).expect_err("dangling");
    assert!(matches!(error, StoreError::Dangling("API key")), "{error}");
    let by = PrincipalId::from_bytes([1; 16]);
    let release = |number| DeploymentRow {
        released: Some(Release { number, by, at: now(5) }),
        ..deployment(1)
    };
    let error = bench.store.write(&change(3), |tx| tx.update_deployment(&release(7)));
    assert!(matches!(error, Err(StoreError::Dangling("deployment"))));
    bench.store.write(&change(4), |tx| tx.update_deployment(&release(2))).expect("released");
    let read = bench.store.read(|r| r.deployment(deployment(1).id)).expect("read");
    assert_eq!(read, Some(release(2)));
}

#[test]
fn keys_are_replaced_and_revoked_once() {
    let bench = bench();
    fill(&bench.store);
    let rotate = |tx: &Write<'_>| {
        tx.insert_key(&key(2))?;
        tx.replace_key(key(1).id, key(2).id, now(50))
    };
    bench.store.write(&change(2), rotate).expect("rotated");
    let again = bench.store.write(&change(3), |tx| tx.replace_key(key(1).id, key(2).id, now(60)));
    assert!(matches!(again, Err(StoreError::Gone("API key"))));
    bench.store.write(&change(4), |tx| tx.revoke_key(key(2).id, now(51))).expect("revoked");
    let keys = bench.store.read(|r| r.keys(None, 10)).expect("read");
    assert_eq!((keys[0].expires_at, keys[0].replaced_by), (Some(now(50)), Some(key(2).id)));
    assert_eq!(keys[1].revoked_at, Some(now(51)));
    let rest = bench.store.read(|r| r.keys(Some(key(1).id), 10)).expect("read");
    assert_eq!(rest, keys[1..]);
}

#[test]
fn pages_follow_each_other() {
    let bench = bench();
    let many = |tx: &Write<'_>| (10..30).try_for_each(|n| tx.insert_principal(&principal(n)));
    bench.store.write(&change(1), many).expect("filled");
    let mut after: Option<String> = None;
    let mut seen = Vec::new();
    loop {
        let page = bench.store.read(|r| r.principals(after.as_deref(), 7)).expect("page");
        let Some(last) = page.last() else { break };
        after = Some(last.name.to_string());
        seen.extend(page);
    }
    assert_eq!(seen, (10..30).map(principal).collect::<Vec<_>>());
}

#[test]
fn the_outbox_names_the_generation_of_an_event() {
    let bench = bench();
    let change = change(1);
    bench.store.write(&change, |tx| tx.insert_principal(&principal(1))).expect("written");
    let generation = bench.store.read(|r| r.generation_of(change.event)).expect("read");
    assert_eq!(generation, Some(1));
    bench.store.settle(40).expect("settled");
    bench.store.settle(30).expect("settled");
    assert_eq!(bench.store.read(|r| r.meta()).expect("meta").settled_to, 40);
}

/// Threads of one store and a second store on the same file: every change counts once.
#[test]
fn writers_take_turns() {
    let bench = bench();
    let other = Store::open(&bench.path, now(0)).expect("opens");
    std::thread::scope(|threads| {
        for n in 0..4_u8 {
            let store = if n % 2 == 0 { &bench.store } else { &other };
            threads.spawn(move || {
                for i in 0..8 {
                    let row = principal(n * 8 + i);
                    let at = change(u64::from(n) * 8 + u64::from(i));
                    store.write(&at, |tx| tx.insert_principal(&row)).expect("written");
                }
            });
        }
    });
    let meta = bench.store.read(|r| r.meta()).expect("meta");
    assert_eq!(meta.generation, 32);
    assert_eq!(other.read(|r| r.all_principals()).expect("read").len(), 32);
}

#[test]
fn a_backup_opens_by_itself() {
    let bench = bench();
    fill(&bench.store);
    let copy = bench.path.with_extension("copy");
    bench.store.backup_to(&copy).expect("copied");
    assert!(matches!(bench.store.backup_to(&copy), Err(StoreError::BackupExists(_))));
    let copy = Store::open(&copy, now(0)).expect("opens");
    assert_eq!(copy.read(|r| r.meta()).expect("meta").generation, 1);
    assert_eq!(copy.read(|r| r.key(key(1).id)).expect("read"), Some(key(1)));
}
