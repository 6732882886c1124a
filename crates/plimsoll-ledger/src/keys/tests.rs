//! Keys on disk: made, read again, rotated, destroyed, damaged.

use super::*;
use crate::disk::RealDisk;
use plimsoll_types::SystemClock;
use std::os::unix::fs::PermissionsExt;

fn open(folder: &Path) -> Result<(Keys, u64), LedgerError> {
    Keys::open(folder, &Volume(Arc::new(RealDisk)), Arc::new(SystemClock::new()), None)
}

fn tenant() -> TenantId {
    TenantId::from_bytes([1; 16])
}

#[test]
fn keys_are_the_same_after_reopening_and_apart_by_name() {
    let folder = tempfile::tempdir().expect("folder");
    let volume = Volume(Arc::new(RealDisk));
    let day = |n: u64| Time::from_micros(n * 86_400_000_000 + 5);
    let deployment = DeploymentId::from_bytes([1; 16]);
    let all = |keys: &Keys| {
        let made = [
            keys.subject(tenant(), "a").expect("key"),
            keys.subject(tenant(), "b").expect("key"),
            keys.subject(TenantId::from_bytes([2; 16]), "a").expect("key"),
            keys.day(deployment, day(1)).expect("key"),
            keys.day(deployment, day(2)).expect("key"),
            keys.system().expect("key"),
        ];
        made.map(|key| {
            let mut out = [0; 32];
            expand(&key.prk, b"x", &mut out).expect("expand");
            (key.id, out)
        })
    };
    let (keys, _) = open(folder.path()).expect("open");
    let made = all(&keys);
    assert_eq!(keys.count(), 6);
    assert_eq!(made, all(&keys));
    for (i, one) in made.iter().enumerate() {
        assert!(made.iter().skip(i + 1).all(|other| other.0 != one.0 && other.1 != one.1));
    }
    let derived = keys.derive(Label::Idempotency).expect("derive");
    assert_ne!(derived, keys.derive(Label::ApiKeys).expect("derive"));
    assert!(keys.by_id(&made[0].0).expect("by id").is_none(), "not before it is durable");
    keys.flush(&volume).expect("flush");
    assert_eq!(keys.by_id(&made[5].0).expect("by id").expect("there").id, made[5].0);
    drop(keys);
    let (keys, damaged) = open(folder.path()).expect("open");
    assert_eq!((keys.count(), damaged), (6, 0));
    assert_eq!(made, all(&keys));
    assert_eq!(derived, keys.derive(Label::Idempotency).expect("derive"));
    assert!(!format!("{keys:?}").contains("root"), "no secret is shown");
}

#[test]
fn a_key_that_was_never_flushed_is_made_anew() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, _) = open(folder.path()).expect("open");
    let lost = keys.subject(tenant(), "a").expect("key").id;
    drop(keys);
    let (keys, _) = open(folder.path()).expect("open");
    assert_ne!(keys.subject(tenant(), "a").expect("key").id, lost);
}

#[test]
fn keys_stay_usable_when_the_cache_forgets_them() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, _) = open(folder.path()).expect("open");
    let first = keys.subject(tenant(), "0").expect("key").id;
    // More than the cache holds, none of them in the journal yet.
    for i in 1..40_000 {
        keys.subject(tenant(), &i.to_string()).expect("key");
    }
    assert_eq!(keys.subject(tenant(), "0").expect("key").id, first);
    keys.flush(&Volume(Arc::new(RealDisk))).expect("flush");
    assert_eq!(
        keys.subject(tenant(), "1").expect("key").id,
        keys.subject(tenant(), "1").expect("key").id
    );
    assert_eq!(keys.count(), 40_000);
}

#[test]
fn too_many_keys_without_a_commit_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let (keys, _) = open(folder.path()).expect("open");
    for i in 0..MAX_PENDING {
        keys.subject(tenant(), &i.to_string()).expect("key");
    }
    assert!(matches!(keys.subject(tenant(), "one more"), Err(LedgerError::Busy)));
}

#[test]
fn a_damaged_entry_costs_one_key_and_no_other() {
    let folder = tempfile::tempdir().expect("folder");
    let volume = Volume(Arc::new(RealDisk));
    let (keys, _) = open(folder.path()).expect("open");
    let ids = ["a", "b", "c"].map(|name| keys.subject(tenant(), name).expect("key").id);
    keys.flush(&volume).expect("flush");
    drop(keys);
    let path = folder.path().join("epoch-0000.keys");
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[2 * SLOT + 60] ^= 1;
    std::fs::write(&path, &bytes).expect("write");
    let (keys, damaged) = open(folder.path()).expect("open");
    assert_eq!(damaged, 1);
    assert_eq!(keys.subject(tenant(), "c").expect("key").id, ids[2]);
    assert!(keys.by_id(&ids[1]).expect("by id").is_none());
    // A new key takes a new slot, not the damaged one's.
    let fresh = keys.subject(tenant(), "b").expect("key").id;
    keys.flush(&volume).expect("flush");
    assert_ne!(fresh, ids[1]);
    assert_eq!(keys.by_id(&ids[2]).expect("by id").expect("there").id, ids[2]);
}

#[test]
fn folders_that_are_unsafe_or_incomplete_are_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let root = folder.path().join("root.key");
    drop(open(folder.path()).expect("open"));
    assert_eq!(std::fs::metadata(&root).expect("metadata").permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    assert!(matches!(open(folder.path()), Err(LedgerError::Keys { .. })));
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let kept = std::fs::read(&root).expect("read");
    std::fs::write(&root, [1; 32]).expect("write");
    assert!(
        matches!(open(folder.path()), Err(LedgerError::Keys { .. })),
        "another root does not unwrap"
    );
    std::fs::remove_file(&root).expect("remove");
    assert!(
        matches!(open(folder.path()), Err(LedgerError::Keys { .. })),
        "a lost root is not made anew"
    );
    std::fs::write(&root, kept).expect("write");
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    let (held, _) = open(folder.path()).expect("open");
    assert!(matches!(open(folder.path()), Err(LedgerError::Locked(_))));
    drop(held);
    drop(Keys::open_existing(folder.path(), None).expect("open"));
}

#[test]
fn golden_slots() {
    let slot = KeySlot {
        id: [0xa1; 16],
        kind: Kind::Day as u8,
        pseudonym: [0xb2; 32],
        wrapped: [0xc3; WRAPPED],
        created: 0x0102_0304,
    };
    crate::tests::golden("key-slot", &slot.encode());
    let tombstone =
        journal::Tombstone { id: [0xa1; 16], kind: 1, slot: 0x0506_0708, erased: 0x0102_0304 };
    crate::tests::golden("key-tombstone", &tombstone.encode());
    crate::tests::golden("key-blank", &journal::blank());
    crate::tests::golden("key-header", &journal::header(0x0a0b, Time::from_micros(0x0102_0304)));
    assert!(
        matches!(Slot::decode(&slot.encode()), Some(Slot::Key(key)) if key.created == slot.created)
    );
    assert!(
        matches!(Slot::decode(&tombstone.encode()), Some(Slot::Tombstone(t)) if t.slot == tombstone.slot)
    );
    assert!(matches!(Slot::decode(&journal::blank()), Some(Slot::Blank)));
    assert!(Slot::decode(&[0; SLOT]).is_none());
}

#[test]
fn secrets_open_for_their_own_context_and_root_only() {
    let (folder, other) =
        (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
    let (keys, _) = open(folder.path()).expect("open");
    let sealed = keys.seal_secret(b"sink a", b"a secret").expect("sealed");
    assert_ne!(sealed, keys.seal_secret(b"sink a", b"a secret").expect("sealed"));
    assert!(!sealed.windows(8).any(|w| w == b"a secret"));
    assert_eq!(**keys.open_secret(b"sink a", &sealed).expect("opened"), *b"a secret");
    assert!(keys.open_secret(b"sink b", &sealed).is_err());
    for at in 0..sealed.len() {
        let mut flipped = sealed.clone();
        flipped[at] ^= 1;
        assert!(keys.open_secret(b"sink a", &flipped).is_err(), "byte {at}");
    }
    for len in 0..sealed.len() {
        assert!(keys.open_secret(b"sink a", &sealed[..len]).is_err());
    }
    assert!(keys.seal_secret(b"", &[0; (16 << 10) + 1]).is_err());
    let (strangers, _) = open(other.path()).expect("open");
    assert!(strangers.open_secret(b"sink a", &sealed).is_err());
    drop(keys);
    let (again, _) = open(folder.path()).expect("open");
    assert_eq!(**again.open_secret(b"sink a", &sealed).expect("opened"), *b"a secret");
}
