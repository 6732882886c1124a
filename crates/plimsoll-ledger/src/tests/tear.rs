//! The end of a ledger, cut at every byte, filled with garbage, or damaged: whole entries
//! stay, torn ones go, and durable ones that were damaged are never cut off silently.

use super::disk::FaultDisk;
use super::{decide, draft, open};
use crate::segment::{self, HEADER};
use crate::{LedgerError, LedgerReader, Tail, frame};
use plimsoll_types::Digest;
use plimsoll_types::record::{Kind, Leaf};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

/// A ledger whose segment holds batches of the given sizes; returns the segment's path and
/// the offset after every entry.
fn craft(folder: &Path, batches: &[u8]) -> (PathBuf, Vec<usize>) {
    let (ledger, _) = open(folder, &FaultDisk::default().volume()).expect("open");
    let gateway = ledger.gateway();
    ledger.close().expect("close");
    std::fs::remove_file(folder.join("data/ledger/end")).expect("remove");
    let path = segment::path(&folder.join("data/ledger/segments"), 0);
    let mut bytes = std::fs::read(&path).expect("read");
    let (mut frames, mut ends, mut previous, mut seq) = (Vec::new(), Vec::new(), Digest::ZERO, 0);
    for &size in batches {
        for position in 0..size {
            let leaf = Leaf { gateway, seq, previous, draft: draft(Kind::Decision) };
            previous = frame::write(&mut frames, &leaf, Some(&[position; 16]), &[], position);
            ends.push(HEADER + frames.len());
            seq += 1;
        }
    }
    bytes[HEADER..HEADER + frames.len()].copy_from_slice(&frames);
    std::fs::write(&path, &bytes).expect("write");
    (path, ends)
}

/// Entries whose bytes, padding included, are the same in both.
fn unchanged(whole: &[u8], bytes: &[u8], ends: &[usize]) -> u64 {
    ends.iter().filter(|&&end| whole[..end] == bytes[..end]).count() as u64
}

/// Entries found by recovery, without those it adds; then checks that the ledger works.
fn recovered(folder: &Path) -> Result<u64, LedgerError> {
    let (ledger, recovery) = open(folder, &FaultDisk::default().volume())?;
    decide(&ledger, "after", b"").expect("record");
    ledger.close().expect("close");
    let reader = LedgerReader::open(&folder.join("data"), None).expect("reader");
    let verified = reader.verify().expect("verify");
    assert_eq!(verified.tail, Tail::Whole);
    // The gap record, unless nothing was recorded, and the one just added.
    assert_eq!(verified.entries, recovery.entries + 1 + u64::from(recovery.entries > 0));
    Ok(recovery.entries)
}

#[test]
fn a_tail_torn_at_any_byte_keeps_whole_entries_only() {
    let folder = tempfile::tempdir().expect("folder");
    let (path, ends) = craft(folder.path(), &[2, 1, 3]);
    let whole = std::fs::read(&path).expect("read");
    for cut in ends[2]..=ends[5] {
        let mut bytes = whole.clone();
        bytes[cut..].fill(0);
        std::fs::write(&path, &bytes).expect("write");
        // The round before closed its ledger elsewhere.
        drop(std::fs::remove_file(folder.path().join("data/ledger/end")));
        let kept = unchanged(&whole, &bytes, &ends);
        let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
        assert_eq!(reader.verify().expect("verify").entries, kept, "cut at {cut}");
        assert_eq!(recovered(folder.path()).expect("open"), kept, "cut at {cut}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn garbage_at_the_tail_invents_nothing(from in 0_usize..900, garbage in prop::collection::vec(any::<u8>(), 1..900)) {
        let folder = tempfile::tempdir().expect("folder");
        let (path, ends) = craft(folder.path(), &[2, 1, 3]);
        let whole = std::fs::read(&path).expect("read");
        let mut bytes = whole.clone();
        let start = ends[2] + from % (ends[5] - ends[2] + 1);
        let end = (start + garbage.len()).min(bytes.len());
        bytes[start..].fill(0);
        bytes[start..end].copy_from_slice(&garbage[..end - start]);
        std::fs::write(&path, &bytes).expect("write");
        prop_assert_eq!(recovered(folder.path()).expect("open"), unchanged(&whole, &bytes, &ends));
    }

    #[test]
    fn hostile_bytes_are_no_frame_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let zeros = bytes.iter().take(frame::HEAD).all(|&b| b == 0);
        match frame::parse(&bytes) {
            frame::Parsed::End => prop_assert!(zeros),
            frame::Parsed::Frame(_) => prop_assert!(false, "a checksum by chance"),
            frame::Parsed::More(size) => prop_assert!(size > bytes.len()),
            frame::Parsed::Bad(_) => {}
        }
    }

    #[test]
    fn frames_come_back(sealed in prop::collection::vec(any::<u8>(), 0..300), tag: Option<[u8; 16]>, position: u8) {
        let leaf = Leaf { gateway: plimsoll_types::GatewayId::from_bytes([1; 16]), seq: 3, previous: Digest::ZERO, draft: draft(Kind::Decision) };
        let mut bytes = Vec::new();
        let hash = frame::write(&mut bytes, &leaf, tag.as_ref(), &sealed, position);
        let frame::Parsed::Frame(found) = frame::parse(&bytes) else { panic!("no frame") };
        prop_assert_eq!(found.size, bytes.len());
        prop_assert_eq!((found.position, found.tag, found.sealed), (position, tag, &sealed[..]));
        prop_assert_eq!(Leaf::decode(found.leaf), Ok(leaf));
        prop_assert_eq!(crate::leaf_hash(found.leaf), hash);
    }
}

#[test]
fn a_hole_in_the_last_batch_is_a_tear_and_in_an_earlier_one_is_damage() {
    for (damaged, kept) in
        [(3, Some(3)), (4, Some(4)), (5, Some(5)), (0, None), (1, None), (2, None)]
    {
        let folder = tempfile::tempdir().expect("folder");
        let (path, ends) = craft(folder.path(), &[2, 1, 3]);
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[ends[damaged] - 20] ^= 1;
        std::fs::write(&path, &bytes).expect("write");
        let verified =
            LedgerReader::open(&folder.path().join("data"), None).expect("reader").verify();
        let opened = recovered(folder.path());
        match kept {
            Some(kept) => {
                assert_eq!(
                    verified.expect("verify").tail,
                    Tail::Torn { index: kept, offset: ends[damaged - 1] as u64 }
                );
                assert_eq!(opened.expect("open"), kept);
            }
            None => {
                let named = |error| matches!(error, LedgerError::Damaged { index, .. } if index == damaged as u64);
                assert!(named(verified.expect_err("damage")));
                assert!(named(opened.expect_err("damage")), "entry {damaged}");
            }
        }
    }
}

#[test]
fn an_entry_lost_after_a_clean_close_is_damage() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    decide(&ledger, "a", b"").expect("record");
    decide(&ledger, "a", b"").expect("record");
    ledger.close().expect("close");
    let path = segment::path(&folder.path().join("data/ledger/segments"), 0);
    let mut bytes = std::fs::read(&path).expect("read");
    let last = bytes.iter().rposition(|&b| b != 0).expect("entries");
    bytes[last - 3] ^= 1;
    std::fs::write(&path, &bytes).expect("write");
    assert!(matches!(
        open(folder.path(), &disk.volume()),
        Err(LedgerError::Damaged { index: 1, .. })
    ));
}
