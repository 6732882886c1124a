//! Whoever can write to the folder can destroy an artifact, and cannot change one.

use crate::bench::{Bench, MAX, bench, bytes, key, put};
use plimsoll_artifact::{ArtifactError, ArtifactStore, Part};
use plimsoll_types::Digest;
use std::fs;

/// Header, chunk and tag, trailer.
const HEADER: usize = 100;
const FULL: usize = 16 + 16;
const TRAILER: usize = 56;

fn damage(bench: &Bench, digest: Digest) -> Part {
    match bench.store.read(digest, MAX) {
        Err(ArtifactError::Damaged { part, digest: named }) => {
            assert_eq!(named, digest);
            part
        }
        other => panic!("not found to be damaged: {:?}", other.map(|bytes| bytes.len())),
    }
}

#[test]
fn every_flipped_byte_is_found_and_its_chunk_named() {
    let bench = bench(4);
    let stored = put(&bench.store, &bytes(1, 70));
    let path = bench.file(stored.digest);
    let whole = fs::read(&path).expect("on disk");
    let chunks = whole.len() - HEADER - TRAILER;
    for at in 0..whole.len() {
        let mut other = whole.clone();
        other[at] ^= 1 << (at % 8);
        fs::write(&path, &other).expect("written");
        let part = damage(&bench, stored.digest);
        let expected = if at < HEADER {
            Part::Header
        } else if at < HEADER + chunks {
            Part::Chunk(((at - HEADER) / FULL) as u64)
        } else {
            Part::Trailer
        };
        // The nonce prefix and the chunk size are bound to the wrapped key: the header says so.
        assert_eq!(part, expected, "byte {at}");
    }
    fs::write(&path, &whole).expect("written");
    assert!(bench.store.read(stored.digest, MAX).is_ok());
}

#[test]
fn every_shorter_and_longer_file_is_found() {
    let bench = bench(4);
    let stored = put(&bench.store, &bytes(1, 70));
    let path = bench.file(stored.digest);
    let whole = fs::read(&path).expect("on disk");
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).expect("written");
        damage(&bench, stored.digest);
    }
    for more in [1, 16, 32, 56, 88] {
        let mut other = whole.clone();
        other.resize(whole.len() + more, 0);
        fs::write(&path, &other).expect("written");
        damage(&bench, stored.digest);
    }
}

#[test]
fn chunks_neither_move_nor_go_nor_come_from_elsewhere() {
    let bench = bench(4);
    let text = bytes(1, 80);
    let stored = put(&bench.store, &text);
    let path = bench.file(stored.digest);
    let whole = fs::read(&path).expect("on disk");
    // The same bytes under another object's key.
    put(&bench.store, &text);
    let twin = fs::read(&path).expect("on disk");

    let mut swapped = whole.clone();
    let (one, two) = swapped[HEADER..HEADER + 2 * FULL].split_at_mut(FULL);
    one.swap_with_slice(two);
    fs::write(&path, swapped).expect("written");
    assert_eq!(damage(&bench, stored.digest), Part::Chunk(0));

    let mut dropped = whole.clone();
    dropped.drain(HEADER + FULL..HEADER + 2 * FULL);
    fs::write(&path, dropped).expect("written");
    assert_eq!(damage(&bench, stored.digest), Part::Trailer);

    let mut spliced = whole.clone();
    spliced[HEADER + FULL..HEADER + 2 * FULL]
        .copy_from_slice(&twin[HEADER + FULL..HEADER + 2 * FULL]);
    fs::write(&path, spliced).expect("written");
    assert_eq!(damage(&bench, stored.digest), Part::Chunk(1));

    // A whole artifact under another's name.
    let other = put(&bench.store, &bytes(2, 80));
    fs::copy(bench.file(other.digest), &path).expect("copied");
    assert_eq!(damage(&bench, stored.digest), Part::Digest);
}

#[test]
fn a_range_finds_what_it_reads_and_the_name() {
    let bench = bench(4);
    let stored = put(&bench.store, &bytes(1, 80));
    let path = bench.file(stored.digest);
    let mut other = fs::read(&path).expect("on disk");
    other[HEADER + 3 * FULL] ^= 1;
    fs::write(&path, other).expect("written");
    let read = |start, end| {
        let reader = bench.store.reader(stored.digest).expect("header and end are whole");
        let mut reader = reader.range(start, end).expect("within");
        while reader.next_bytes()?.is_some() {}
        Ok::<_, ArtifactError>(())
    };
    assert!(read(0, 48).is_ok());
    let error = read(47, 49).expect_err("reaches the altered chunk");
    assert!(error.to_string().ends_with("is damaged: chunk 3 was altered"), "{error}");
}

#[test]
fn other_keys_open_nothing() {
    let bench = bench(4);
    let stored = put(&bench.store, &bytes(1, 80));
    let (other, _) = ArtifactStore::open(bench.folder.path(), key(8)).expect("opens");
    assert!(matches!(
        other.read(stored.digest, MAX),
        Err(ArtifactError::Damaged { part: Part::Header, .. })
    ));
}
