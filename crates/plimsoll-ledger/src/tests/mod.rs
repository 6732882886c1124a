//! The ledger from outside: what is acknowledged is there, once, in chain and readable,
//! whatever the disk does.

mod crash;
mod crash_sweep;
mod disk;
mod erasure;
mod go;
mod golden;
mod publish;
mod tear;

use crate::disk::Volume;
use crate::{Holder, Ledger, LedgerConfig, LedgerError, LedgerReader, Receipt, Recovery, Tail};
use disk::FaultDisk;
pub(crate) use golden::golden;
use plimsoll_types::record::{Gap, Heartbeat, Kind, LeafDraft, ResultClass};
use plimsoll_types::{Clock, DecisionId, SystemClock, TenantId, Time};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

pub(super) fn tenant() -> TenantId {
    TenantId::from_bytes([7; 16])
}

pub(super) fn config(folder: &Path) -> LedgerConfig {
    let mut config = LedgerConfig::new(folder.join("data"), folder.join("keys"), tenant());
    config.segment_bytes = 16 << 10;
    config.reserve_bytes = 4096;
    config
}

pub(super) fn open(folder: &Path, volume: &Volume) -> Result<(Ledger, Recovery), LedgerError> {
    Ledger::open_on(config(folder), Arc::new(SystemClock::new()), volume.clone())
}

pub(super) fn draft(kind: Kind) -> LeafDraft {
    let clock = SystemClock::new();
    let now = clock.now();
    LeafDraft::new(kind, *DecisionId::new(now).as_bytes(), tenant(), now, clock.monotonic())
}

/// Records a decision about `subject`; returns its id.
pub(super) fn decide(
    ledger: &Ledger,
    subject: &str,
    body: &[u8],
) -> Result<([u8; 16], Receipt), LedgerError> {
    let mut draft = draft(Kind::Decision);
    draft.result = Some(ResultClass::Answered);
    let sealed = ledger.seal(&[Holder::Subject { tenant: tenant(), subject }], body)?;
    let receipt = ledger.append_blocking(draft, sealed, None)?;
    Ok((draft.id, receipt))
}

#[test]
fn what_is_recorded_is_found_again_after_a_clean_close() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, recovery) = open(folder.path(), &disk.volume()).expect("open");
    assert!(recovery.first_start && recovery.clean);
    let ids: Vec<_> = (0..100)
        .map(|i| decide(&ledger, &format!("person {}", i % 7), &[i; 300]).expect("record").0)
        .collect();
    assert!(ledger.stats().segments > 2, "the records fill several segments");
    ledger.close().expect("close");
    assert!(matches!(decide(&ledger, "late", b""), Err(LedgerError::Closed)));

    let (ledger, recovery) = open(folder.path(), &disk.volume()).expect("open");
    assert_eq!(recovery, Recovery { entries: 100, clean: true, ..Recovery::default() });
    assert_eq!(ledger.durable(), 100);
    for (i, id) in (0..).zip(&ids) {
        let found = ledger.get(id).expect("get");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].index, u64::from(i));
        assert_eq!(ledger.open_body(&found[0]).expect("body"), [i; 300]);
    }
    let forward: Vec<_> = ledger.entries(90).map(|e| e.expect("entry").leaf.draft.id).collect();
    assert_eq!(forward, ids[90..]);
    let back: Vec<_> = ledger.entries_rev(5).map(|e| e.expect("entry").index).collect();
    assert_eq!(back, [4, 3, 2, 1, 0]);
    assert!(ledger.get(&[9; 16]).expect("get").is_empty());
}

#[test]
fn a_reader_sees_the_same_and_verifies_it() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let (id, _) = decide(&ledger, "a", b"body").expect("record");
    for _ in 0..60 {
        decide(&ledger, "b", &[1; 200]).expect("record");
    }
    // While the ledger runs, and without its keys.
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    let verified = reader.verify().expect("verify");
    assert_eq!((verified.entries, verified.tail), (61, Tail::Whole));
    assert_eq!(
        Some(verified.head),
        reader.entries_rev(u64::MAX).next().map(|e| e.expect("entry").hash)
    );
    let entry = reader.get(&id).expect("get").remove(0);
    assert!(matches!(reader.open_body(&entry), Err(LedgerError::KeyGone)));
    let keys = folder.path().join("keys");
    let reader = LedgerReader::open(&folder.path().join("data"), Some(&keys)).expect("reader");
    assert_eq!(reader.open_body(&entry).expect("body"), b"body");
    assert_eq!(reader.count(), 61);
}

#[test]
fn many_callers_are_each_recorded_once_and_in_chain() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let ids: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|t| {
                let ledger = ledger.clone();
                scope.spawn(move || {
                    (0..250)
                        .map(|i| decide(&ledger, &format!("{t} {}", i % 50), b"x").expect("record"))
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().expect("thread")).collect()
    });
    assert_eq!(ledger.durable(), 2000);
    let stats = ledger.stats();
    assert_eq!((stats.records, stats.keys), (2000, 400));
    assert_eq!(stats.sync_micros.iter().sum::<u64>(), stats.batches);
    for (id, receipt) in ids {
        let found = ledger.get(&id).expect("get");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].index, receipt.index);
    }
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    assert_eq!(reader.verify().expect("verify").entries, 2000);
}

#[test]
fn a_dropped_caller_is_recorded_all_the_same() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let record = draft(Kind::Decision);
    drop(ledger.append(record, crate::Sealed::none(), None).expect("queue"));
    decide(&ledger, "next", b"").expect("record");
    let found = ledger.get(&record.id).expect("get");
    assert_eq!(found.len(), 1);
    assert!(matches!(ledger.open_body(&found[0]), Err(LedgerError::Unsealable(_))));
}

#[test]
fn the_latest_record_of_a_tag_is_found_within_its_window() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let tagged = |at: u64, tag: [u8; 16]| {
        let mut draft = draft(Kind::Decision);
        draft.time = Time::from_micros(at);
        ledger.append_blocking(draft, crate::Sealed::none(), Some(tag)).expect("record").index
    };
    tagged(1_000, [1; 16]);
    let second = tagged(2_000, [1; 16]);
    let since = |tag: u8, t| {
        ledger.find_tag(&[tag; 16], Time::from_micros(t)).expect("find").map(|e| e.index)
    };
    assert_eq!(since(1, 0), Some(second));
    // Into finished segments, whose sidecars are being written meanwhile.
    for i in 0..400 {
        tagged(3_000 + i, [2; 16]);
    }
    assert!(ledger.stats().segments > 1);
    assert_eq!(since(1, 2_000), Some(second));
    assert_eq!(since(1, 2_001), None);
    assert_eq!(since(3, 0), None);
    assert_eq!(since(2, 3_399), Some(401));
}

#[test]
fn open_intents_are_closed_as_abandoned_after_a_crash() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let intent = draft(Kind::Intent);
    let lost = ledger.append_blocking(intent, crate::Sealed::none(), None).expect("record");
    let kept = draft(Kind::Intent);
    let seq = ledger.append_blocking(kept, crate::Sealed::none(), None).expect("record").seq;
    // The intent is several segments back when the crash comes.
    for _ in 0..100 {
        decide(&ledger, "someone", &[0; 200]).expect("record");
    }
    let mut completion = LeafDraft { kind: Kind::Decision, ..kept };
    completion.extension.intent = Some(seq);
    ledger.append_blocking(completion, crate::Sealed::none(), None).expect("record");
    drop(ledger);

    let (ledger, recovery) = open(folder.path(), &disk.volume()).expect("open");
    assert!(!recovery.clean && !recovery.first_start);
    assert_eq!((recovery.entries, recovery.abandoned), (103, 1));
    let gap = ledger.entry(103).expect("entry").expect("gap");
    assert_eq!(gap.leaf.draft.kind, Kind::Gap);
    assert_eq!(
        &*Gap::decode(&ledger.open_body(&gap).expect("body")).expect("gap").reason,
        "crash recovery"
    );
    let found = ledger.get(&intent.id).expect("get");
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].leaf.draft.result, Some(ResultClass::Abandoned));
    assert_eq!(found[1].leaf.draft.extension.intent, Some(lost.seq));
    assert_eq!(ledger.get(&kept.id).expect("get").len(), 2);
    ledger.close().expect("close");
    let (_, recovery) = open(folder.path(), &disk.volume()).expect("open");
    assert!(recovery.clean && recovery.abandoned == 0);
}

#[test]
fn heartbeats_are_recorded_and_readable() {
    let folder = tempfile::tempdir().expect("folder");
    let (ledger, _) = open(folder.path(), &FaultDisk::default().volume()).expect("open");
    let beat = Heartbeat { complete_to: Time::from_micros(5), requests: 3, completions: 3 };
    let receipt = ledger.heartbeat(beat).expect("queue").wait().expect("record");
    let entry = ledger.entry(receipt.index).expect("entry").expect("there");
    assert_eq!(Heartbeat::decode(&ledger.open_body(&entry).expect("body")), Ok(beat));
}

#[test]
fn keys_are_durable_before_the_records_that_name_them() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let before = disk.trace().len();
    decide(&ledger, "someone new", b"x").expect("record");
    let trace: Vec<_> = disk
        .trace()
        .split_off(before)
        .into_iter()
        .filter(|op| op.contains("epoch") || op.ends_with("000.seg"))
        .collect();
    let last = trace.get(trace.len() - 4..).expect("four changes");
    assert_eq!(
        last,
        [
            "write epoch-0000.keys",
            "sync epoch-0000.keys",
            "write 00000000000000000000.seg",
            "sync 00000000000000000000.seg"
        ]
    );
    let before = disk.trace().len();
    decide(&ledger, "someone new", b"x").expect("record");
    assert!(
        disk.trace().split_off(before).iter().all(|op| !op.contains("epoch")),
        "a known key costs no sync"
    );
}

#[test]
fn a_failed_write_or_sync_stops_the_ledger_for_good() {
    for (what, name) in [("sync", ".seg"), ("write", ".seg"), ("sync", ".keys"), ("write", ".keys")]
    {
        let folder = tempfile::tempdir().expect("folder");
        let disk = FaultDisk::default();
        let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
        let (id, _) = decide(&ledger, "kept", b"kept").expect("record");
        // Nothing of the background thread's work is in the way of the fault.
        while !folder.path().join("data/ledger/next.seg").exists() {
            std::thread::yield_now();
        }
        disk.fail(what, name, ErrorKind::Other);
        assert!(
            matches!(decide(&ledger, "lost", b""), Err(LedgerError::Poisoned(_))),
            "{what} {name}"
        );
        disk.heal();
        assert!(
            matches!(decide(&ledger, "kept", b""), Err(LedgerError::Poisoned(_))),
            "no second try"
        );
        assert!(!ledger.health().ok);
        assert!(matches!(ledger.close(), Err(LedgerError::Poisoned(_))));
        drop(ledger);
        let (ledger, recovery) = open(folder.path(), &disk.volume()).expect("open");
        assert!(!recovery.clean);
        let entry = ledger.get(&id).expect("get").remove(0);
        assert_eq!(ledger.open_body(&entry).expect("body"), b"kept");
        decide(&ledger, "new", b"").expect("record");
    }
}

#[test]
fn a_full_disk_refuses_and_the_ledger_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    disk.fail("allocate", "next", ErrorKind::StorageFull);
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    while ledger.health().ok {
        std::thread::yield_now();
    }
    assert!(matches!(decide(&ledger, "a", b""), Err(LedgerError::Full)));
    assert!(!folder.path().join("data/ledger/reserve").exists(), "the reserve was given up");
    disk.heal();
    while !ledger.health().ok {
        std::thread::sleep(Duration::from_millis(10));
    }
    decide(&ledger, "a", b"").expect("record");
    assert!(folder.path().join("data/ledger/reserve").exists());
    // No room for keys: nothing is half written, so the ledger is not stopped.
    disk.fail("write", "epoch", ErrorKind::StorageFull);
    for i in 0..9000 {
        ledger
            .seal(&[Holder::Subject { tenant: tenant(), subject: &format!("{i}") }], b"")
            .expect("seal");
    }
    assert!(matches!(decide(&ledger, "b", b""), Err(LedgerError::Full)));
    disk.heal();
    decide(&ledger, "b", b"").expect("record");
}

#[test]
fn a_full_queue_refuses_at_once() {
    let folder = tempfile::tempdir().expect("folder");
    let mut config = config(folder.path());
    config.queue_records = 0;
    let (ledger, _) =
        Ledger::open_on(config, Arc::new(SystemClock::new()), FaultDisk::default().volume())
            .expect("open");
    assert!(matches!(decide(&ledger, "a", b""), Err(LedgerError::Busy)));
    let limit = 16 << 10;
    assert!(matches!(decide(&ledger, "a", &vec![0; limit]), Err(LedgerError::TooLarge { .. })));
    assert!(matches!(ledger.seal(&[], b""), Err(LedgerError::Holders { given: 0, .. })));
}

#[test]
fn sidecars_are_rebuilt_when_missing_or_damaged() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    let ids: Vec<_> =
        (0..100).map(|_| decide(&ledger, "a", &[0; 200]).expect("record").0).collect();
    ledger.close().expect("close");
    drop(ledger);
    let mut sidecars: Vec<_> = std::fs::read_dir(folder.path().join("data/ledger/segments"))
        .expect("list")
        .map(|item| item.expect("item").path())
        .filter(|path| path.extension().is_some_and(|e| e == "idx"))
        .collect();
    sidecars.sort();
    assert!(sidecars.len() >= 3);
    std::fs::remove_file(&sidecars[0]).expect("remove");
    let mut bytes = std::fs::read(&sidecars[1]).expect("read");
    bytes[20] ^= 1; // its header: seen when the ledger is opened
    std::fs::write(&sidecars[1], &bytes).expect("write");
    let mut bytes = std::fs::read(&sidecars[2]).expect("read");
    let last = bytes.len() - 30;
    bytes[last] ^= 1; // its body: seen when it is used
    std::fs::write(&sidecars[2], &bytes).expect("write");

    let (ledger, recovery) = open(folder.path(), &disk.volume()).expect("open");
    assert_eq!((recovery.rebuilt_indexes, recovery.clean), (2, true));
    for id in &ids {
        assert_eq!(ledger.get(id).expect("get").len(), 1);
    }
}

#[test]
fn two_processes_cannot_have_one_folder_and_keys_are_not_made_anew() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).expect("open");
    assert!(matches!(open(folder.path(), &disk.volume()), Err(LedgerError::Locked(_))));
    decide(&ledger, "a", b"").expect("record");
    ledger.close().expect("close");
    std::fs::rename(folder.path().join("keys"), folder.path().join("lost")).expect("rename");
    assert!(matches!(open(folder.path(), &disk.volume()), Err(LedgerError::Keys { .. })));
    assert!(!folder.path().join("keys").exists());
    let mut other = config(folder.path());
    other.keys = folder.path().join("lost");
    other.tenant = TenantId::from_bytes([8; 16]);
    let wrong = Ledger::open_on(other, Arc::new(SystemClock::new()), disk.volume());
    assert!(matches!(wrong, Err(LedgerError::Format { .. })));
}

#[test]
fn a_start_reads_only_the_tail() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let mut config = config(folder.path());
    config.segment_bytes = 8 << 20;
    let (ledger, _) =
        Ledger::open_on(config.clone(), Arc::new(SystemClock::new()), disk.volume()).expect("open");
    let mut ids = Vec::new();
    for round in 0..100 {
        let waiting: Vec<_> = (0..1000)
            .map(|i| {
                let draft = draft(Kind::Decision);
                ids.push(draft.id);
                let holder = Holder::Subject {
                    tenant: tenant(),
                    subject: &format!("{}", (round * 1000 + i) % 777),
                };
                let sealed = ledger.seal(&[holder], &[3; 200]).expect("seal");
                ledger.append(draft, sealed, None).expect("queue")
            })
            .collect();
        for durable in waiting {
            durable.wait().expect("record");
        }
    }
    ledger.close().expect("close");
    drop(ledger);
    // Damage far from the tail is not seen at start: proof that only the tail is read.
    let first = crate::segment::path(&folder.path().join("data/ledger/segments"), 0);
    let mut bytes = std::fs::read(&first).expect("read");
    bytes[1000] ^= 1;
    std::fs::write(&first, &bytes).expect("write");
    let clock = SystemClock::new();
    let (ledger, recovery) = Ledger::open_on(config, Arc::new(clock), disk.volume()).expect("open");
    println!("start with 100,000 records: {:.1} ms", clock.monotonic() as f64 / 1e6);
    assert_eq!(recovery, Recovery { entries: 100_000, clean: true, ..Recovery::default() });
    for id in ids.iter().skip(5).step_by(997) {
        let found = ledger.get(id).expect("get");
        assert_eq!(ledger.open_body(&found[0]).expect("body"), [3; 200]);
    }
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    assert!(matches!(reader.verify(), Err(LedgerError::Damaged { index: 0..=3, .. })));
}
