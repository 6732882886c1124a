//! Uploads in parts: any order, at once, again, after a restart, and never half.

use crate::bench::{NOW, bytes, key, sha256};
use plimsoll_artifact::{ArtifactError, ArtifactStore, PartsSpec, SESSION_TTL, SessionId};
use plimsoll_types::{Digest, Time};
use std::path::Path;
use std::sync::Arc;

const PATH: &str = "1/r/artifacts/model.bin";

fn open(folder: &Path) -> Arc<ArtifactStore> {
    Arc::new(ArtifactStore::open(folder, key(5)).expect("opens").0)
}

fn begin(store: &ArtifactStore, count: u32, max: u64) -> SessionId {
    let spec = PartsSpec { owner: "me".into(), path: PATH.into(), count, max };
    store.begin_parts(&spec, NOW).expect("begun")
}

fn put(store: &ArtifactStore, id: SessionId, number: u32, text: &[u8]) -> Digest {
    let mut part = store.begin_part(id, number, NOW).expect("begun");
    for piece in text.chunks(70_000) {
        part.write(piece).expect("written");
    }
    part.finish().expect("ends").digest
}

#[test]
fn parts_become_one_artifact_in_their_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = bytes(1, 5_000_000);
    let store = open(folder.path());
    let id = begin(&store, 3, 6_000_000);
    let pieces: Vec<&[u8]> = text.chunks(2_000_000).collect();
    let third = put(&store, id, 3, pieces[2]);
    put(&store, id, 1, b"another, sent before");
    let first = std::thread::scope(|scope| {
        let first = scope.spawn(|| put(&store, id, 1, pieces[0]));
        drop(store.begin_part(id, 2, NOW).expect("begun and given up"));
        first.join().expect("ends")
    });
    assert_eq!(first, sha256(pieces[0]));
    let finish = |store: &ArtifactStore, digests: &[Digest]| {
        store.finish_parts(id, "me", PATH, digests, NOW)
    };
    let second = sha256(pieces[1]);
    let error = finish(&store, &[first, second, third]).expect_err("one is missing");
    assert!(matches!(error, ArtifactError::Parts(_)), "{error}");

    // After a restart the parts are there, and what was on its way is not.
    let half = store.begin_part(id, 2, NOW).expect("begun");
    std::mem::forget(half);
    drop(store);
    let store = open(folder.path());
    put(&store, id, 2, pieces[1]);
    let names = folder.path().join(format!("sessions/{id}/parts"));
    assert_eq!(std::fs::read_dir(names).expect("there").count(), 3);
    for wrong in [vec![first, second], vec![first, third, second], vec![second; 3]] {
        assert!(matches!(finish(&store, &wrong), Err(ArtifactError::Parts(_))));
    }
    for (owner, path) in [("you", PATH), ("me", "1/r/artifacts/other")] {
        let other = store.finish_parts(id, owner, path, &[first, second, third], NOW);
        assert!(matches!(other, Err(ArtifactError::NoSession)));
        assert!(matches!(store.abort_parts(id, owner, path, NOW), Err(ArtifactError::NoSession)));
    }
    let stored = finish(&store, &[first, second, third]).expect("ends");
    assert_eq!((stored.digest, stored.size), (sha256(&text), text.len() as u64));
    assert!(store.read(stored.digest, 1 << 30).expect("read") == text);
    store.abort_parts(id, "me", PATH, NOW).expect("cleaned up");
    assert!(matches!(store.begin_part(id, 1, NOW), Err(ArtifactError::NoSession)));
}

#[test]
fn a_changed_byte_of_a_part_is_found_at_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    let id = begin(&store, 1, 1 << 30);
    let digest = put(&store, id, 1, &bytes(2, 3_000_000));
    let path = folder.path().join(format!("sessions/{id}/parts/1"));
    let mut sealed = std::fs::read(&path).expect("on disk");
    sealed[1_500_000] ^= 1;
    std::fs::write(&path, sealed).expect("written");
    let error = store.finish_parts(id, "me", PATH, &[digest], NOW).expect_err("was altered");
    assert!(matches!(error, ArtifactError::Damaged { .. }), "{error}");
}

#[test]
fn parts_together_are_bounded_and_expire() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = open(folder.path());
    for count in [0, 10_001] {
        let spec = PartsSpec { count, max: 9, ..PartsSpec::default() };
        assert!(matches!(store.begin_parts(&spec, NOW), Err(ArtifactError::Parts(_))));
    }
    let id = begin(&store, 2, 100);
    put(&store, id, 1, &[1; 60]);
    let mut part = store.begin_part(id, 2, NOW).expect("begun");
    assert!(matches!(part.write(&[2; 41]), Err(ArtifactError::TooLarge { .. })));
    drop(part);
    put(&store, id, 1, &[3; 70]);
    put(&store, id, 2, &[4; 30]);
    for number in [0, 3] {
        assert!(matches!(store.begin_part(id, number, NOW), Err(ArtifactError::Parts(_))));
    }
    let later = Time::from_micros(NOW.as_micros() + (SESSION_TTL + 1) * 1_000_000);
    assert!(matches!(store.begin_part(id, 1, later), Err(ArtifactError::NoSession)));
    assert_eq!(store.expire_sessions(later).expect("removed"), 1);
    assert_eq!(std::fs::read_dir(folder.path().join("sessions")).expect("there").count(), 0);
}
