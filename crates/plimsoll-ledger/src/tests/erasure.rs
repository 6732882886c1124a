//! Erasing and rotating: what is erased is gone from every file, whatever happens on the
//! way, and everything else stays.

use super::disk::{FaultDisk, Random};
use super::{config, decide, open, tenant};
use crate::disk::Volume;
use crate::{
    Holder, Ledger, LedgerError, LedgerReader, LocalRoot, Root, RootState, holders, rewrap_root,
};
use plimsoll_types::record::Kind;
use plimsoll_types::{DeploymentId, KeyId, SystemClock, Time};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn key_of(ledger: &Ledger, subject: &str) -> Option<KeyId> {
    ledger.keys().find_subject(tenant(), subject).expect("find")
}

fn body_of(ledger: &Ledger, id: &[u8; 16]) -> Result<Vec<u8>, LedgerError> {
    ledger.open_body(&ledger.get(id).expect("get")[0])
}

/// Every file under `folder`, with its bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).expect("folder") {
        let path = item.expect("item").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.display().to_string(), std::fs::read(&path).expect("read")));
        }
    }
    found
}

fn holding(folder: &Path, needle: &[u8]) -> Vec<String> {
    let found = files(folder).into_iter();
    let with = found.filter(|(_, bytes)| bytes.windows(needle.len()).any(|part| part == needle));
    with.map(|(name, _)| name).collect()
}

/// The slot of a key as the journal has it now.
fn slot_bytes(folder: &Path, key: KeyId) -> Vec<u8> {
    let journals = files(&folder.join("keys"));
    let (_, bytes) = journals.iter().find(|(name, _)| name.ends_with(".keys")).expect("journal");
    let slot = bytes.chunks_exact(128).find(|slot| slot[0] == 1 && slot[4..20] == *key.as_bytes());
    slot.expect("slot")[52..112].to_vec()
}

#[test]
fn an_erased_subject_opens_nothing_and_comes_back_as_another() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let (gone, _) = decide(&ledger, "ann", b"about ann").expect("record");
    let (kept, _) = decide(&ledger, "ben", b"about ben").expect("record");
    let key = key_of(&ledger, "ann").expect("key");
    let wrapped = slot_bytes(folder.path(), key);
    ledger.erase(&[key]).expect("erase");
    assert!(matches!(body_of(&ledger, &gone), Err(LedgerError::KeyGone)));
    assert_eq!(key_of(&ledger, "ann"), None);
    assert!(holding(folder.path(), &wrapped).is_empty(), "the slot is blank at once");
    ledger.erase(&[key]).expect("an erased key may be erased again");
    // The subject comes back: another key, and what was before stays closed.
    let (again, _) = decide(&ledger, "ann", b"ann again").expect("record");
    assert_ne!(key_of(&ledger, "ann").expect("key"), key);
    let erased = ledger.keys().erased(0).expect("erased");
    assert_eq!(erased.keys.iter().map(|e| (e.id, e.is_subject)).collect::<Vec<_>>(), [(key, true)]);
    assert!(ledger.keys().erased(erased.next).expect("erased").keys.is_empty());

    let rotation = ledger.rotate_keys().expect("rotate");
    assert_eq!((rotation.epoch, rotation.keys), (1, 2));
    let check = |ledger: &Ledger| {
        assert!(matches!(body_of(ledger, &gone), Err(LedgerError::KeyGone)));
        assert_eq!(body_of(ledger, &kept).expect("open"), b"about ben");
        assert_eq!(body_of(ledger, &again).expect("open"), b"ann again");
        assert_eq!(ledger.keys().erased(0).expect("erased").keys, erased.keys);
        assert_eq!(ledger.keys().current_epoch().0, 1);
    };
    check(&ledger);
    ledger.close().expect("close");
    drop(ledger);
    let (ledger, recovery) = open(folder.path(), &disk.volume()).expect("open");
    assert_eq!(recovery.damaged_keys, 0);
    check(&ledger);
    // Erased after the cursor, in a later epoch: the cursor still stands.
    let ben = key_of(&ledger, "ben").expect("key");
    ledger.erase(&[ben]).expect("erase");
    let later = ledger.keys().erased(erased.next).expect("erased");
    assert_eq!(later.keys.iter().map(|e| e.id).collect::<Vec<_>>(), [ben]);
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    assert_eq!(reader.verify().expect("verify").entries, 3, "proofs are not touched");
}

#[test]
fn a_key_that_never_reached_the_journal_can_be_erased() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let sealed = ledger
        .seal(&[Holder::Subject { tenant: tenant(), subject: "ann" }], b"never written")
        .expect("seal");
    let key = key_of(&ledger, "ann").expect("key");
    ledger.erase(&[key]).expect("erase");
    // Sealed before, written after: recorded, without its body.
    let draft = super::draft(Kind::Decision);
    ledger.append_blocking(draft, sealed, None).expect("record");
    let entry = ledger.get(&draft.id).expect("get").remove(0);
    assert!(entry.sealed.is_empty() && entry.leaf.draft.sealed.is_none());
    ledger.close().expect("close");
    drop(ledger);
    let (ledger, recovery) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    assert_eq!(recovery.damaged_keys, 0);
    assert_eq!(key_of(&ledger, "ann"), None);
    assert_eq!(ledger.keys().erased(0).expect("erased").keys.len(), 1);
}

#[test]
fn a_body_of_several_opens_as_long_as_one_of_them_has_a_key() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let holder = |subject| Holder::Subject { tenant: tenant(), subject };
    let sealed = ledger.seal(&[holder("ann"), holder("ben")], b"both").expect("seal");
    let keys: Vec<_> = holders(sealed.bytes()).collect();
    let draft = super::draft(Kind::Decision);
    ledger.append_blocking(draft, sealed, None).expect("record");
    ledger.erase(&keys[..1]).expect("erase");
    assert_eq!(body_of(&ledger, &draft.id).expect("open"), b"both");
    ledger.erase(&keys[1..]).expect("erase");
    assert!(matches!(body_of(&ledger, &draft.id), Err(LedgerError::KeyGone)));
}

#[test]
fn a_days_key_is_found_and_erased() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let deployment = DeploymentId::from_bytes([4; 16]);
    let time = |day: u64| Time::from_micros(day * 86_400_000_000 + 7);
    for day in [3, 4] {
        let holder = Holder::Day { deployment, time: time(day) };
        let sealed = ledger.seal(&[holder], b"nobody named").expect("seal");
        ledger.append_blocking(super::draft(Kind::Decision), sealed, None).expect("record");
    }
    let find = |day| ledger.keys().find_day(deployment, time(day)).expect("find");
    let key = find(3).expect("key");
    assert_eq!(find(5), None);
    ledger.erase(&[key]).expect("erase");
    assert!(find(3).is_none() && find(4).is_some());
    assert!(!ledger.keys().erased(0).expect("erased").keys[0].is_subject);
}

#[test]
fn keys_rotate_while_callers_go_on() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let done = AtomicBool::new(false);
    let ids = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3)
            .map(|t| {
                let (ledger, done) = (&ledger, &done);
                scope.spawn(move || {
                    let mut ids = Vec::new();
                    for i in 0_u32.. {
                        // New people all the time, and ones known from before.
                        let subject = format!("{t} {}", i % 500);
                        let (id, _) = decide(ledger, &subject, subject.as_bytes()).expect("record");
                        ids.push((id, subject));
                        if i % 16 == 0 {
                            body_of(ledger, &ids[ids.len() / 2].0).expect("open");
                        }
                        if done.load(Ordering::Relaxed) {
                            return ids;
                        }
                    }
                    ids
                })
            })
            .collect();
        for epoch in 1..20 {
            assert_eq!(ledger.rotate_keys().expect("rotate").epoch, epoch);
        }
        done.store(true, Ordering::Relaxed);
        threads.into_iter().flat_map(|t| t.join().expect("thread")).collect::<Vec<_>>()
    });
    for (id, subject) in &ids {
        assert_eq!(body_of(&ledger, id).expect("open"), subject.as_bytes());
    }
    ledger.close().expect("close");
    drop(ledger);
    let (ledger, recovery) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    assert_eq!(recovery.damaged_keys, 0);
    for (id, subject) in &ids {
        assert_eq!(body_of(&ledger, id).expect("open"), subject.as_bytes());
    }
}

/// Erases and rotates with the power going at the nth change. False when it was done before.
fn cut_at(n: u64, seed: u64) -> bool {
    let mut random = Random(seed * 1000 + n);
    let folder = tempfile::tempdir().expect("folder");
    let first = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &first.volume()).expect("open");
    let mut ids = Vec::new();
    for person in ["ann", "ben", "cat", "dan"] {
        ids.push(decide(&ledger, person, person.as_bytes()).expect("record").0);
    }
    ledger.close().expect("close");
    drop(ledger);
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let key = key_of(&ledger, "ann").expect("key");
    let wrapped = slot_bytes(folder.path(), key);
    let kek = std::fs::read(folder.path().join("keys/epoch-0000.kek")).expect("read");
    let kek = &kek[14..74];
    disk.die_after(n);
    let erased = ledger.erase(&[key]).is_ok();
    let rotated = erased && ledger.rotate_keys().is_ok();
    let after = rotated.then(|| decide(&ledger, "eve", b"eve"));
    let cut = !matches!(after, Some(Ok(_)));
    drop(ledger);
    disk.crash(&mut random);

    let context = format!("cut at {n}, seed {seed}");
    let keys = folder.path().join("keys");
    let check = |when: &str| {
        if erased {
            assert!(holding(&keys, &wrapped).is_empty(), "{context}, {when}: the key is there");
        }
        if rotated {
            assert!(holding(&keys, kek).is_empty(), "{context}, {when}: the old epoch is there");
        }
    };
    check("before the start");
    let disk = FaultDisk::default();
    let (ledger, recovery) = open(folder.path(), &disk.volume()).expect(&context);
    assert_eq!(recovery.damaged_keys, 0, "{context}");
    check("after the start");
    let epochs = files(&keys).iter().filter(|(name, _)| name.contains("epoch-")).count();
    assert_eq!(epochs, 2, "{context}: one epoch, its key and its journal");
    match body_of(&ledger, &ids[0]) {
        Ok(_) => assert!(!erased, "{context}: it opens after its erasure"),
        Err(LedgerError::KeyGone) => {}
        Err(error) => panic!("{context}: {error}"),
    }
    for (id, person) in ids.iter().zip(["ann", "ben", "cat", "dan"]).skip(1) {
        assert_eq!(body_of(&ledger, id).expect(&context), person.as_bytes(), "{context}");
    }
    // And it goes on from here.
    if let Some(key) = key_of(&ledger, "ann") {
        ledger.erase(&[key]).expect(&context);
    }
    ledger.rotate_keys().expect(&context);
    assert!(matches!(body_of(&ledger, &ids[0]), Err(LedgerError::KeyGone)), "{context}");
    assert!(holding(&keys, &wrapped).is_empty() && holding(&keys, kek).is_empty(), "{context}");
    decide(&ledger, "fay", b"fay").expect(&context);
    cut
}

#[test]
fn the_power_may_go_at_any_change_of_an_erasure_and_a_rotation() {
    for seed in 0..8 {
        let last = (1..).find(|&n| !cut_at(n, seed)).expect("it ends");
        assert!(last > 20, "an erasure and a rotation take {last} changes");
    }
}

#[test]
fn a_rotation_that_fails_leaves_the_epoch_before_or_stops_the_ledger() {
    for (what, name) in [
        ("create", "epoch-0001.fresh"),
        ("write", "epoch-0001.fresh"),
        ("sync", "epoch-0001.fresh"),
        ("rename", "epoch-0001.fresh"),
        ("sync", "keys"),
        ("write", "epoch-0000.kek"),
        ("truncate", "epoch-0000"),
        ("remove", "epoch-0000.keys"),
    ] {
        let folder = tempfile::tempdir().expect("folder");
        let disk = FaultDisk::default();
        let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
        let (id, _) = decide(&ledger, "ann", b"ann").expect("record");
        disk.fail(what, name, ErrorKind::StorageFull);
        assert!(ledger.rotate_keys().is_err(), "{what} {name}");
        disk.heal();
        assert_eq!(body_of(&ledger, &id).expect("open"), b"ann", "{what} {name}");
        let went_on = decide(&ledger, "ben", b"ben");
        let stopped = matches!(went_on, Err(LedgerError::Poisoned(_)));
        assert!(went_on.is_ok() || stopped, "{what} {name}");
        if !stopped {
            ledger.rotate_keys().expect("the next one does it");
        }
        drop(ledger);
        let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
        assert_eq!(body_of(&ledger, &id).expect("open"), b"ann", "{what} {name}");
        if let Ok((id, _)) = went_on {
            assert_eq!(body_of(&ledger, &id).expect("open"), b"ben", "{what} {name}");
        }
    }
}

#[test]
fn a_backup_of_yesterdays_data_does_not_open_with_todays_keys() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let (id, _) = decide(&ledger, "ann", b"about ann").expect("record");
    let backup = tempfile::tempdir().expect("folder");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .arg(folder.path().join("data"))
        .arg(backup.path())
        .status();
    assert!(copied.expect("cp runs").success());
    ledger.erase(&[key_of(&ledger, "ann").expect("key")]).expect("erase");
    ledger.rotate_keys().expect("rotate");
    drop(ledger);
    let keys = folder.path().join("keys");
    let reader = LedgerReader::open(&backup.path().join("data"), Some(&keys)).expect("reader");
    let entry = reader.get(&id).expect("get").remove(0);
    assert!(matches!(reader.open_body(&entry), Err(LedgerError::KeyGone)));
}

#[test]
fn another_root_takes_over_and_the_old_one_opens_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let volume: Volume = FaultDisk::default().volume();
    let (ledger, _) = open(folder.path(), &volume).expect("open");
    let (id, _) = decide(&ledger, "ann", b"ann").expect("record");
    let keys = folder.path().join("keys");
    let other: Arc<dyn Root> = Arc::new(LocalRoot::new("env", &[9; 32]).expect("root"));
    assert!(matches!(rewrap_root(&keys, None, Some(&other)), Err(LedgerError::Locked(_))));
    ledger.close().expect("close");
    drop(ledger);
    rewrap_root(&keys, None, Some(&other)).expect("rewrap");
    rewrap_root(&keys, None, Some(&other)).expect("again, as after a crash");
    assert!(!keys.join("root.key").exists(), "the old root is destroyed");
    assert!(matches!(open(folder.path(), &volume), Err(LedgerError::Keys { .. })));
    let wrong: Arc<dyn Root> = Arc::new(LocalRoot::new("env", &[8; 32]).expect("root"));
    let third: Arc<dyn Root> = Arc::new(LocalRoot::new("env", &[7; 32]).expect("root"));
    assert!(matches!(
        rewrap_root(&keys, Some(&wrong), Some(&third)),
        Err(LedgerError::Keys { .. })
    ));
    let mut config = config(folder.path());
    config.root = Some(other);
    let (ledger, _) = Ledger::open_on(config, Arc::new(SystemClock::new()), volume).expect("open");
    assert_eq!(body_of(&ledger, &id).expect("open"), b"ann");
    assert_eq!(ledger.keys().root().expect("root"), ("env".into(), RootState::Usable));
    ledger.rotate_keys().expect("rotate");
    assert!(!keys.join("root.key").exists(), "no root key is made beside another root");
    ledger.close().expect("close");
    drop(ledger);
    // And back to a file.
    let other: Arc<dyn Root> = Arc::new(LocalRoot::new("env", &[9; 32]).expect("root"));
    rewrap_root(&keys, Some(&other), None).expect("rewrap");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    assert_eq!(body_of(&ledger, &id).expect("open"), b"ann");
}
