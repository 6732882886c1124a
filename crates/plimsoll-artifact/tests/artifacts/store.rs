//! In and out, whole and in ranges; the folder of an earlier version.

use crate::bench::{MAX, NOW, bench, bytes, key, open, put, sha256};
use plimsoll_artifact::{ArtifactError, ArtifactStore};
use proptest::prelude::*;
use std::fs;

#[test]
fn what_goes_in_comes_out_at_every_edge_of_a_chunk() {
    let bench = bench(4);
    for length in [0, 1, 15, 16, 17, 31, 32, 33, 47, 48, 160, 161] {
        let text = bytes(length as u64, length);
        let stored = put(&bench.store, &text);
        assert_eq!((stored.digest, stored.size), (sha256(&text), length as u64));
        assert_eq!(bench.store.size(stored.digest).expect("read"), Some(length as u64));
        assert_eq!(bench.store.read(stored.digest, MAX).expect("read"), text, "{length}");
    }
}

#[test]
fn nothing_of_an_artifact_can_be_seen_on_disk() {
    let bench = bench(10);
    let text = b"a word that would be recognised ".repeat(200);
    let stored = put(&bench.store, &text);
    let disk = fs::read(bench.file(stored.digest)).expect("on disk");
    assert!(!disk.windows(16).any(|window| text.starts_with(window)));
    // The same bytes twice are two different files: keys are random.
    put(&bench.store, &text);
    assert_ne!(fs::read(bench.file(stored.digest)).expect("on disk"), disk);
}

#[test]
fn what_is_dropped_or_too_large_leaves_nothing() {
    let bench = bench(4);
    let mut upload = bench.store.begin(10).expect("an upload");
    upload.write(b"12345").expect("fits");
    let error = upload.write(b"678901").expect_err("too large");
    assert!(matches!(error, ArtifactError::TooLarge { limit: 10, .. }), "{error}");
    drop(upload);
    let left = fs::read_dir(bench.folder.path().join("uploads")).expect("a folder").count();
    assert_eq!(left, 0);
    let missing = bench.store.read(sha256(b"12345"), MAX).expect_err("was not stored");
    assert!(matches!(missing, ArtifactError::Missing(_)));
    assert_eq!(bench.store.size(sha256(b"12345")).expect("read"), None);
}

#[test]
fn more_than_the_limit_is_not_loaded() {
    let bench = bench(4);
    let stored = put(&bench.store, &bytes(1, 100));
    assert!(matches!(
        bench.store.read(stored.digest, 99),
        Err(ArtifactError::TooLarge { limit: 99, .. })
    ));
    assert!(bench.store.read(stored.digest, 100).is_ok());
}

#[test]
fn artifacts_of_an_earlier_version_are_sealed_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let (good, bad) = (bytes(1, 5000), bytes(2, 100));
    let place = |digest: plimsoll_types::Digest| {
        let name = digest.to_string();
        folder.path().join("sha256").join(&name[..2]).join(name)
    };
    for (digest, text) in [(sha256(&good), &good), (sha256(&bad), &good)] {
        fs::create_dir_all(place(digest).parent().expect("a shard")).expect("made");
        fs::write(place(digest), text).expect("written");
    }
    let looks = ArtifactStore::open_existing(folder.path(), key(7));
    assert_eq!(looks.read(sha256(&good), MAX).expect("read as it stands"), good);

    let (store, opened) = ArtifactStore::open(folder.path(), key(7)).expect("opens");
    assert_eq!((opened.sealed, opened.removed), (1, 0));
    assert_eq!(store.read(sha256(&good), MAX).expect("read"), good);
    assert_ne!(fs::read(place(sha256(&good))).expect("on disk"), good);
    let damaged = store.read(sha256(&bad), MAX).expect_err("was damaged before");
    assert!(matches!(damaged, ArtifactError::Damaged { .. }), "{damaged}");

    // Once. From then on nothing unsealed is read, whatever lies there.
    fs::write(place(sha256(&good)), &good).expect("written");
    let (store, opened) = ArtifactStore::open(folder.path(), key(7)).expect("opens");
    assert_eq!(opened.sealed, 0);
    assert!(matches!(store.read(sha256(&good), MAX), Err(ArtifactError::Damaged { .. })));
}

#[test]
fn an_interrupted_sealing_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = bytes(1, 5000);
    let stored = put(&open(folder.path(), 20), &text);
    fs::remove_file(folder.path().join("format")).expect("as before the mark");
    let (store, opened) = ArtifactStore::open(folder.path(), key(7)).expect("opens");
    assert_eq!(opened.sealed, 0);
    assert_eq!(store.read(stored.digest, MAX).expect("read"), text);
}

#[test]
fn what_is_referred_to_and_not_there_is_told() {
    let bench = bench(4);
    let (here, gone) = (put(&bench.store, b"here").digest, put(&bench.store, b"gone").digest);
    assert!(bench.store.remove(gone).expect("removed"));
    assert!(!bench.store.remove(gone).expect("was removed"));
    let found = bench.store.reconcile([here, gone], NOW).expect("looked");
    assert_eq!((found.dangling, found.expired), (vec![gone], 0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_range_is_what_the_whole_has_there(
        log2 in 4_u8..=7,
        length in 0_usize..700,
        from in 0.0_f64..=1.0,
        part in 0.0_f64..=1.0,
    ) {
        let bench = bench(log2);
        let text = bytes(3, length);
        let stored = put(&bench.store, &text);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a part of a small number")]
        let (start, end) = {
            let start = (length as f64 * from) as usize;
            (start, start + ((length - start) as f64 * part) as usize)
        };
        let reader = bench.store.reader(stored.digest).expect("opens");
        prop_assert_eq!(reader.length(), length as u64);
        let mut reader = reader.range(start as u64, end as u64).expect("within");
        let mut out = Vec::new();
        while let Some(next) = reader.next_bytes().expect("read") {
            prop_assert!(!next.is_empty() || length == 0);
            out.extend_from_slice(&next);
        }
        prop_assert_eq!(out, &text[start..end]);
        let reader = bench.store.reader(stored.digest).expect("opens");
        prop_assert!(reader.range(start as u64, length as u64 + 1).is_err());
    }
}
