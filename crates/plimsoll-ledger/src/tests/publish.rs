//! The published log from outside: what is served is what the entries make of it, whatever the
//! disk does, and nothing is signed that could contradict an earlier signature.

use super::disk::{FaultDisk, Random};
use super::{config, decide, tenant};
use crate::{
    CheckpointSink, HeadError, Holder, KnownHead, Ledger, LedgerError, LedgerReader, LogSource,
    NotSigning, PublishConfig, Publishing, SignedCheckpoint, SinkError, TreeHead, TreeHeads,
    Verification, WriteOnceFolder,
};
use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::note::Signature;
use plimsoll_tlog::tile::{BundleId, Resource, TileId, grown, grown_bundles};
use plimsoll_tlog::tree::root_of;
use plimsoll_tlog::witness::{self, AddCheckpoint, Witness};
use plimsoll_tlog::{Checkpoint, Tiles, Vkey, bundle};
use plimsoll_types::{Digest, SystemClock};
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const ORIGIN: &str = "example.com/log";

/// A store of heads that keeps what it was given, and everything it was ever given.
#[derive(Debug, Default)]
pub(super) struct Heads {
    disk: Option<FaultDisk>,
    state: Mutex<(Option<TreeHead>, Vec<TreeHead>)>,
}

impl Heads {
    /// One that fails when the power of this disk is off.
    pub(super) fn on(disk: &FaultDisk, earlier: &Self) -> Self {
        let state = earlier.state.lock().expect("lock").clone();
        Self { disk: Some(disk.clone()), state: Mutex::new(state) }
    }
    pub(super) fn history(&self) -> Vec<TreeHead> {
        self.state.lock().expect("lock").1.clone()
    }
    fn set(&self, head: Option<TreeHead>) {
        self.state.lock().expect("lock").0 = head;
    }
    fn stored(&self) -> Option<TreeHead> {
        self.state.lock().expect("lock").0.clone()
    }
}

impl TreeHeads for Heads {
    fn load(&self) -> Result<Option<TreeHead>, HeadError> {
        Ok(self.stored())
    }
    fn advance(&self, expected: Option<&TreeHead>, next: &TreeHead) -> Result<(), HeadError> {
        if self.disk.as_ref().is_some_and(FaultDisk::is_dead) {
            return Err(HeadError::Store("power cut".into()));
        }
        let mut state = self.state.lock().expect("lock");
        if state.0.as_ref() != expected {
            return Err(HeadError::Conflict);
        }
        state.0 = Some(next.clone());
        state.1.push(next.clone());
        Ok(())
    }
}

pub(super) fn open(folder: &Path, disk: &FaultDisk, heads: &Arc<Heads>) -> Ledger {
    try_open(folder, disk, heads).expect("open")
}

pub(super) fn try_open(
    folder: &Path,
    disk: &FaultDisk,
    heads: &Arc<Heads>,
) -> Result<Ledger, LedgerError> {
    open_with_sinks(folder, disk, heads, Vec::new())
}

fn open_with_sinks(
    folder: &Path,
    disk: &FaultDisk,
    heads: &Arc<Heads>,
    sinks: Vec<Box<dyn CheckpointSink>>,
) -> Result<Ledger, LedgerError> {
    let clock = Arc::new(SystemClock::new());
    let (ledger, _) = Ledger::open_on(config(folder), clock, disk.volume())?;
    start_publishing(&ledger, heads, sinks)?;
    Ok(ledger)
}

pub(super) fn start_publishing(
    ledger: &Ledger,
    heads: &Arc<Heads>,
    sinks: Vec<Box<dyn CheckpointSink>>,
) -> Result<(), LedgerError> {
    let publishing =
        PublishConfig { interval: Duration::ZERO, ..PublishConfig::new(ORIGIN.to_owned()) };
    ledger.publish(&publishing, Arc::clone(heads) as Arc<dyn TreeHeads>, sinks)
}

/// Waits until everything durable is published, or publishing stopped.
pub(super) fn settled(ledger: &Ledger) -> Publishing {
    loop {
        let state = ledger.publishing();
        if state.stopped.is_some() || state.published >= ledger.durable() {
            return state;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub(super) fn record(ledger: &Ledger, count: usize) {
    let holder = [Holder::Subject { tenant: tenant(), subject: "someone" }];
    let waiting: Vec<_> = (0..count)
        .map(|i| {
            let body = ledger.seal(&holder, format!("body {i}").as_bytes()).expect("seal");
            let mut draft = super::draft(plimsoll_types::record::Kind::Decision);
            draft.result = Some(plimsoll_types::record::ResultClass::Answered);
            let item = ledger.append(draft, body, None).expect("queue");
            if i % 500 == 499 {
                std::thread::sleep(Duration::from_millis(5));
            }
            item
        })
        .collect();
    for item in waiting {
        item.wait().expect("durable");
    }
}

pub(super) fn public(folder: &Path) -> PathBuf {
    folder.join("data/ledger/public")
}

pub(super) fn leaves(ledger: &Ledger) -> Vec<Digest> {
    ledger.entries(0).map(|entry| entry.expect("entry").hash).collect()
}

/// Every file under a folder, in order.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).into_iter().flatten() {
        let path = item.expect("item").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Whether the folder is a log of these leaves, by the reader of the specification's crate alone.
pub(super) fn is_log_of(folder: &Path, leaves: &[Digest], vkey: &str) {
    let root = public(folder);
    let note = std::fs::read(root.join("checkpoint")).expect("checkpoint");
    let vkey: Vkey = vkey.parse().expect("key");
    let checkpoint = Checkpoint::open(&note, &[&vkey]).expect("signed").checkpoint;
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), (ORIGIN, leaves.len() as u64));
    assert_eq!(checkpoint.root, root_of(leaves));
    let read = |tile: TileId| std::fs::read(root.join(tile.path()));
    let mut tiles = Tiles::open(checkpoint.size, &checkpoint.root, read).expect("edge");
    for (i, leaf) in (0..).zip(leaves) {
        assert_eq!(tiles.leaf(i).expect("leaf"), *leaf);
    }
    for id in grown_bundles(0, checkpoint.size) {
        let bytes = std::fs::read(root.join(id.path())).expect("bundle");
        let hashes = bundle::leaf_hashes(&bytes, id.width()).expect("bundle");
        let from = usize::try_from(id.first_entry()).expect("small");
        assert_eq!(hashes, leaves[from..from + usize::from(id.width())]);
    }
}

#[test]
fn what_is_durable_is_published_and_a_restart_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let mut vkey = String::new();
    for more in [1, 200, 60, 400] {
        let ledger = open(folder.path(), &disk, &heads);
        record(&ledger, more);
        let state = settled(&ledger);
        assert_eq!(state.stopped, None);
        assert!(vkey.is_empty() || vkey == *state.vkey, "the key stays");
        vkey = state.vkey.into();
        is_log_of(folder.path(), &leaves(&ledger), &vkey);
        ledger.close().expect("close");
    }
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    let head = heads.stored();
    let verification = Verification { head, ..Verification::default() };
    let verified = reader.verify_with(&verification, |_| {}).expect("verify");
    assert_eq!((verified.entries, verified.published), (661, 661));
    // Partial tiles went when the full one came; those of the tile in use stay.
    assert!(!public(folder.path()).join("tile/0/000.p").exists());
    assert!(public(folder.path()).join("tile/0/002.p").exists());
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(folder.path().join("keys/log.key")).expect("key").permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_ledger_that_was_closed_has_published_its_last_entry() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    settled(&ledger);
    record(&ledger, 700);
    ledger.close().expect("close");
    assert_eq!(ledger.publishing().published, 700);
    assert_eq!(
        std::fs::read(folder.path().join("keys/log.head")).expect("guard"),
        std::fs::read(public(folder.path()).join("checkpoint")).expect("checkpoint"),
        "the keys folder knows the last checkpoint"
    );
}

#[test]
fn files_are_synced_before_the_head_moves_and_the_head_before_a_signature() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    record(&ledger, 3);
    settled(&ledger);
    ledger.close().expect("close");
    let trace = disk.trace();
    let at = |what: &str| {
        trace.iter().position(|op| op == what).unwrap_or_else(|| panic!("{what} in {trace:?}"))
    };
    let first = heads.history()[0].size;
    let (tile, checkpoint) = (format!("{first}.fresh"), "checkpoint.fresh");
    let order = [
        format!("write {tile}"),
        format!("sync {tile}"),
        format!("rename {tile} {first}"),
        "sync 000.p".to_owned(),
        format!("write {checkpoint}"),
        format!("sync {checkpoint}"),
        format!("rename {checkpoint} checkpoint"),
        "sync public".to_owned(),
    ];
    // The folder `public` is synced before, too: when `tile` is made in it.
    let places: Vec<usize> = order[..7].iter().map(|op| at(op)).collect();
    assert!(places.is_sorted(), "{trace:?}");
    assert!(trace.iter().rposition(|op| op == &order[7]) > Some(places[6]));
}

#[test]
fn tiles_that_are_gone_or_altered_are_made_anew_from_the_segments() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    record(&ledger, 600);
    let vkey = settled(&ledger).vkey;
    let leaves = leaves(&ledger);
    ledger.close().expect("close");
    let before: Vec<_> = files(&public(folder.path()))
        .iter()
        .map(|path| std::fs::read(path).expect("read"))
        .collect();

    std::fs::remove_dir_all(public(folder.path())).expect("remove");
    let ledger = open(folder.path(), &disk, &heads);
    while ledger.publishing().published < 600 {
        std::thread::sleep(Duration::from_millis(2));
    }
    is_log_of(folder.path(), &leaves, &vkey);
    ledger.close().expect("close");
    // A partial tile of the right edge.
    let edge = grown(0, 600).find(|tile| tile.level() == 0 && !tile.is_full()).expect("edge");
    std::fs::write(public(folder.path()).join(edge.path()), [7; 32]).expect("write");
    let ledger = open(folder.path(), &disk, &heads);
    assert_eq!(settled(&ledger).stopped, None);
    is_log_of(folder.path(), &leaves, &vkey);
    ledger.close().expect("close");
    assert!(before.len() >= files(&public(folder.path())).len());
}

#[test]
fn entries_that_do_not_give_the_stored_root_are_not_signed_but_recording_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    record(&ledger, 10);
    settled(&ledger);
    ledger.close().expect("close");
    let head = heads.stored().expect("head");
    heads.set(Some(TreeHead { root: Digest::ZERO, ..head.clone() }));
    let ledger = open(folder.path(), &disk, &heads);
    let stopped = |ledger: &Ledger| loop {
        if let Some(why) = ledger.publishing().stopped {
            return why;
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert_eq!(stopped(&ledger), NotSigning::Root(10));
    decide(&ledger, "someone", b"x").expect("recorded all the same");
    assert!(ledger.health().ok);
    ledger.close().expect("close");
    assert_eq!(heads.history().len(), heads.history().iter().filter(|h| h.size <= 10).count());

    heads.set(Some(TreeHead { log: "other+00000000+AA".into(), ..head.clone() }));
    let ledger = open(folder.path(), &disk, &heads);
    assert!(matches!(stopped(&ledger), NotSigning::Log { .. }));
    drop(ledger);
    heads.set(Some(head.clone()));
    std::fs::remove_file(folder.path().join("keys/log.key")).expect("remove");
    let ledger = open(folder.path(), &disk, &heads);
    assert!(matches!(stopped(&ledger), NotSigning::Log { .. }), "no other key is made");
    assert!(!folder.path().join("keys/log.key").exists());
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status();
    assert!(status.expect("cp").success());
}

#[test]
fn an_old_backup_is_not_signed_from() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    record(&ledger, 20);
    settled(&ledger);
    ledger.close().expect("close");
    copy(&folder.path().join("data"), &folder.path().join("backup"));
    let old = heads.stored();
    let ledger = open(folder.path(), &disk, &heads);
    record(&ledger, 20);
    settled(&ledger);
    ledger.close().expect("close");

    // The data folder and the control state as they were, the keys folder as it is.
    std::fs::remove_dir_all(folder.path().join("data")).expect("remove");
    copy(&folder.path().join("backup"), &folder.path().join("data"));
    heads.set(old.clone());
    let ledger = open(folder.path(), &disk, &heads);
    let Some(NotSigning::Behind { known, durable, .. }) = settled(&ledger).stopped else {
        panic!("{:?}", ledger.publishing())
    };
    assert_eq!((known, durable), (40, 20));
    // It has other entries then, more than were known: now it is another log of the same name.
    record(&ledger, 50);
    ledger.close().expect("close");
    let ledger = open(folder.path(), &disk, &heads);
    let Some(NotSigning::Forked { size, .. }) = settled(&ledger).stopped else {
        panic!("{:?}", ledger.publishing())
    };
    assert_eq!(size, 40);
    assert_eq!(heads.stored(), old, "nothing was signed");
    let vkey = ledger.publishing().vkey;
    let (data, keys) = (folder.path().join("data"), folder.path().join("keys"));
    let forget = || {
        heads.set(None);
        Ok::<_, LedgerError>(())
    };
    assert!(matches!(crate::give_up_log(&data, &keys, forget), Err(LedgerError::Locked(_))));
    ledger.close().expect("close");

    // The way out: the old log is given up, another begins.
    crate::give_up_log(&data, &keys, forget).expect("given up");
    assert!(keys.join("log.key.1").exists());
    let ledger = open(folder.path(), &disk, &heads);
    let state = settled(&ledger);
    assert_eq!(state.stopped, None);
    assert_ne!(state.vkey, vkey, "it has another key");
    is_log_of(folder.path(), &leaves(&ledger), &state.vkey);
}

#[test]
fn a_ledger_that_began_anew_under_the_same_key_is_not_signed() {
    let folder = tempfile::tempdir().expect("folder");
    let disk = FaultDisk::default();
    let ledger = open(folder.path(), &disk, &Arc::new(Heads::default()));
    record(&ledger, 5);
    settled(&ledger);
    ledger.close().expect("close");
    std::fs::remove_dir_all(folder.path().join("data")).expect("remove");
    let ledger = open(folder.path(), &disk, &Arc::new(Heads::default()));
    record(&ledger, 9);
    assert!(matches!(
        settled(&ledger).stopped,
        Some(NotSigning::Forked { .. } | NotSigning::Behind { .. })
    ));
}

#[test]
fn a_head_that_somebody_else_moved_stops_signing() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    record(&ledger, 5);
    settled(&ledger);
    heads.set(None);
    record(&ledger, 1);
    assert_eq!(settled(&ledger).stopped, Some(NotSigning::Conflict));
}

#[test]
fn a_failing_disk_delays_publishing_and_loses_nothing() {
    for (what, name) in
        [("write", ".fresh"), ("sync", ".fresh"), ("rename", ".fresh"), ("create", ".fresh")]
    {
        let folder = tempfile::tempdir().expect("folder");
        let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
        let ledger = open(folder.path(), &disk, &heads);
        record(&ledger, 300);
        let vkey = settled(&ledger).vkey;
        // Segments are prepared under such names, too; none is needed for the next entries.
        disk.fail(what, name, std::io::ErrorKind::Other);
        record(&ledger, 3);
        while ledger.publishing().failing.is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(ledger.publishing().published <= 300);
        disk.heal();
        assert_eq!(settled(&ledger).stopped, None);
        is_log_of(folder.path(), &leaves(&ledger), &vkey);
    }
}

/// A ledger that was closed properly, with its head and the log's key.
fn closed(entries: usize) -> (tempfile::TempDir, Verification) {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let ledger = open(folder.path(), &disk, &heads);
    // In parts, so that there are partial tiles of several widths.
    for _ in 0..5 {
        record(&ledger, entries / 5);
        settled(&ledger);
    }
    ledger.close().expect("close");
    let log = settled(&ledger).vkey.parse().expect("key");
    let head = heads.stored();
    (folder, Verification { log: Some(log), head, ..Verification::default() })
}

fn verified(folder: &Path, verification: &Verification) -> Result<crate::Verified, LedgerError> {
    LedgerReader::open(&folder.join("data"), None)?.verify_with(verification, |_| {})
}

/// The file that an error is about.
fn named(error: &LedgerError) -> Option<&Path> {
    match error {
        LedgerError::Damaged { path, .. }
        | LedgerError::Published { path, .. }
        | LedgerError::Format { path, .. } => Some(path),
        _ => None,
    }
}

#[test]
fn any_byte_that_is_flipped_is_found_and_its_file_is_named() {
    let (folder, verification) = closed(800);
    verified(folder.path(), &verification).expect("right as it is");
    let ledger = folder.path().join("data/ledger");
    let mut paths = files(&public(folder.path()));
    paths.extend(files(&ledger.join("segments")));
    paths.extend([ledger.join("end"), ledger.join("identity")]);
    for kind in ["tile/0/", "tile/1/", "tile/entries/", "checkpoint", ".p/", ".seg", ".idx"] {
        assert!(paths.iter().any(|path| path.to_string_lossy().contains(kind)), "{kind}");
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(1500));
    let place = (0..paths.len(), any::<prop::sample::Index>(), 0_u8..8);
    runner
        .run(&place, |(file, at, bit)| {
            let path = &paths[file];
            let whole = std::fs::read(path).expect("read");
            let mut bytes = whole.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            std::fs::write(path, &bytes).expect("write");
            let found = verified(folder.path(), &verification);
            std::fs::write(path, &whole).expect("put back");
            let Err(error) = found.and_then(|found| match found.unknown_signatures {
                0 => Ok(()),
                _ => Err(LedgerError::Published { path: path.clone(), what: "unknown".into() }),
            }) else {
                return Err(TestCaseError::fail(format!("{} at {at}: not found", path.display())));
            };
            prop_assert_eq!(named(&error), Some(path.as_path()), "at {}: {}", at, error);
            Ok(())
        })
        .expect("always");
    verified(folder.path(), &verification).expect("right as it was");
}

#[test]
fn files_that_are_missing_are_named() {
    let (folder, verification) = closed(600);
    for path in
        ["checkpoint", "tile/0/001", "tile/1/000.p/2", "tile/entries/000", "tile/0/002.p/88"]
    {
        let path = public(folder.path()).join(path);
        let whole = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        std::fs::remove_file(&path).expect("remove");
        let error = verified(folder.path(), &verification).expect_err("missing");
        assert_eq!(named(&error), Some(path.as_path()), "{error}");
        std::fs::write(&path, whole).expect("put back");
    }
    // A checkpoint of another log, and one that covers more than there is.
    let other = TreeHead { root: Digest::ZERO, ..verification.head.clone().expect("head") };
    let wrong = Verification { head: Some(other), ..verification.clone() };
    assert!(matches!(verified(folder.path(), &wrong), Err(LedgerError::Published { .. })));
    let later = TreeHead { size: 9999, ..verification.head.clone().expect("head") };
    let wrong = Verification { head: Some(later), ..verification };
    assert!(matches!(verified(folder.path(), &wrong), Err(LedgerError::Published { .. })));
}

#[test]
fn paths_are_read_in_their_one_form_and_partial_tiles_out_of_full_ones() {
    let (folder, _) = closed(600);
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    let root = public(folder.path());
    let full = std::fs::read(root.join("tile/0/001")).expect("tile");
    let read = |path: &str| reader.public_file(path).expect("reads");
    assert_eq!(read("tile/0/001").as_deref(), Some(&full[..]));
    assert_eq!(read("tile/0/001.p/9").as_deref(), Some(&full[..9 * 32]), "it was removed");
    let bundle = read("tile/entries/000.p/3").expect("cut from the full one");
    assert_eq!(bundle::entries(&bundle, 3).expect("three").len(), 3);
    for path in [
        "tile/0/1",
        "tile/0/../0/001",
        "tile/00/001",
        "tile/0/001.p/256",
        "tile/0/001.p/0",
        "../identity",
        "tile/entries/../../../identity",
        "tile/0/x000/001",
        "tile/9/000",
        "tile/0/999",
        "checkpoint",
        "",
        "tile/0/001.fresh",
    ] {
        assert_eq!(read(path), None, "{path}");
    }
    assert!(Resource::parse("tile/0/001").is_ok());
    assert!(BundleId::new(0, 3).is_ok());
}

#[test]
fn a_verification_that_was_broken_off_goes_on() {
    let folder = tempfile::tempdir().expect("folder");
    let mut wide = config(folder.path());
    wide.segment_bytes = 8 << 20;
    let (ledger, _) =
        Ledger::open_on(wide, Arc::new(SystemClock::new()), FaultDisk::default().volume())
            .expect("open");
    let heads = Arc::new(Heads::default());
    let publishing = PublishConfig::new(ORIGIN.to_owned());
    ledger
        .publish(&publishing, Arc::clone(&heads) as Arc<dyn TreeHeads>, Vec::new())
        .expect("publish");
    for _ in 0..140 {
        record_plain(&ledger, 1000);
    }
    ledger.close().expect("close");
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    let verification = Verification { head: heads.stored(), ..Verification::default() };
    let mut places = Vec::new();
    let whole = reader.verify_with(&verification, |p| places.extend(p.resume)).expect("verify");
    assert_eq!((places.len(), whole.entries), (2, 140_000));
    for resume in places {
        let mut words = 0;
        let again = Verification { resume: Some(resume), ..verification.clone() };
        assert_eq!(reader.verify_with(&again, |_| words += 1).expect("verify"), whole);
        assert!(words < 2, "it did not begin from the start");
    }
}

fn record_plain(ledger: &Ledger, count: usize) {
    let waiting: Vec<_> = (0..count)
        .map(|_| {
            let draft = super::draft(plimsoll_types::record::Kind::Decision);
            ledger.append(draft, crate::Sealed::none(), None).expect("queue")
        })
        .collect();
    for item in waiting {
        item.wait().expect("durable");
    }
}

#[test]
fn proofs_verify_and_need_a_checkpoint_that_covers_them() {
    let (folder, verification) = closed(700);
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    let policy = plimsoll_tlog::Policy::of_log(verification.log.expect("key"));
    for index in [0, 255, 256, 511, 699] {
        let entry = reader.entry(index).expect("reads").expect("there");
        let mut leaf = Vec::new();
        entry.leaf.encode(&mut leaf);
        let proof = reader.prove(index).expect("reads").expect("covered");
        let accepted = proof.verify(&leaf, &policy).expect("proves");
        assert_eq!(accepted.checkpoint.size, 700);
        leaf[10] ^= 1;
        assert!(proof.verify(&leaf, &policy).is_err());
    }
    assert_eq!(reader.prove(700).expect("reads"), None);
    for (old, new) in [(0, 700), (1, 256), (140, 280), (700, 700)] {
        let grown = reader.consistency(old, new).expect("reads").expect("covered");
        grown.proof.verify(&grown.old_root, &grown.new_root).expect("grew");
    }
    assert_eq!(reader.consistency(3, 701).expect("reads"), None);
    assert!(reader.consistency(9, 3).is_err());
}

/// A witness in this process, after the pure one of the specification's crate.
#[derive(Debug)]
struct InProcess {
    witness: Witness,
    heads: Arc<WitnessHeads>,
    old: u64,
}

#[derive(Debug, Default)]
struct WitnessHeads(Mutex<Option<witness::Head>>);

impl witness::Heads for WitnessHeads {
    type Error = std::convert::Infallible;
    fn advance<T, R>(
        &self,
        _: &str,
        next: impl FnOnce(Option<&witness::Head>) -> Result<(witness::Head, T), R>,
    ) -> Result<Result<T, R>, Self::Error> {
        let mut head = self.0.lock().expect("lock");
        Ok(next(head.as_ref()).map(|(next, with)| {
            *head = Some(next);
            with
        }))
    }
}

impl InProcess {
    fn new(log: &str, heads: &Arc<WitnessHeads>) -> Self {
        let cosigner = Cosigner::from_seed("example.com/witness", &[5; 32]).expect("key");
        let witness = Witness::new(cosigner, vec![log.parse().expect("key")]);
        Self { witness, heads: Arc::clone(heads), old: 0 }
    }
    fn ask(&mut self, old: u64, proof: Vec<Digest>, note: &str) -> Result<Signature, SinkError> {
        let body = AddCheckpoint { old, proof, checkpoint: note.to_owned() }.to_string();
        match self.witness.add_checkpoint(body.as_bytes(), 1_800_000_000, &*self.heads) {
            Ok(signature) => Ok(signature),
            Err(witness::WitnessError::Refused(witness::Refusal::Conflict(size))) => {
                Err(SinkError::Ahead(size))
            }
            Err(witness::WitnessError::Refused(witness::Refusal::Inconsistent)) => {
                Err(SinkError::Forked(old))
            }
            Err(error) => Err(SinkError::failed(error)),
        }
    }
}

impl CheckpointSink for InProcess {
    fn name(&self) -> &str {
        "the witness"
    }
    fn interval(&self) -> Duration {
        Duration::ZERO
    }
    fn known(&mut self, _: &Vkey, empty: &str) -> Result<Option<KnownHead>, SinkError> {
        match self.ask(0, Vec::new(), empty) {
            Ok(_) => Ok(None),
            Err(SinkError::Ahead(size)) => {
                self.old = size;
                Ok(Some(KnownHead { size, root: None }))
            }
            Err(error) => Err(error),
        }
    }
    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        source: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError> {
        let proof = source.consistency(self.old, checkpoint.size)?.hashes;
        let signature = self.ask(self.old, proof, &checkpoint.note)?;
        self.old = checkpoint.size;
        Ok(vec![signature])
    }
}

#[test]
fn sinks_get_the_last_checkpoint_and_a_witness_signs_it() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let files_of = folder.path().join("once");
    std::fs::create_dir(&files_of).expect("make");
    let sinks = |vkey: &str, witness: &Arc<WitnessHeads>| -> Vec<Box<dyn CheckpointSink>> {
        vec![
            Box::new(WriteOnceFolder::new(files_of.clone())),
            Box::new(InProcess::new(vkey, witness)),
        ]
    };
    // The key is made by a first start.
    let ledger = open(folder.path(), &disk, &heads);
    let vkey = ledger.publishing().vkey;
    ledger.close().expect("close");
    let witness = Arc::new(WitnessHeads::default());
    let ledger =
        open_with_sinks(folder.path(), &disk, &heads, sinks(&vkey, &witness)).expect("open");
    record(&ledger, 300);
    settled(&ledger);
    copy(&folder.path().join("data"), &folder.path().join("backup"));
    let old = heads.stored();
    record(&ledger, 40);
    settled(&ledger);
    ledger.close().expect("close");
    let state = ledger.publishing();
    assert_eq!((state.stopped, state.published, state.witnessed), (None, 340, 340));
    assert!(state.sinks.iter().all(|sink| sink.size == 340 && sink.failing.is_none()));
    let kept = files(&files_of);
    assert!(kept.last().is_some_and(|path| path.ends_with("00000000000000000340.checkpoint")));

    // The published checkpoint carries the witness's signature, and so do proofs.
    let own: Vkey = vkey.parse().expect("key");
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    let note = reader.published_note().expect("read").expect("there");
    let by = InProcess::new(&vkey, &witness).witness.vkey().clone();
    let opened = Checkpoint::open(&note, &[&own, &by]).expect("signed by both");
    assert_eq!(opened.signatures.len(), 2);
    let known = Verification {
        log: Some(own),
        witnesses: vec![by],
        head: heads.stored(),
        ..Verification::default()
    };
    assert_eq!(verified(folder.path(), &known).expect("verify").unknown_signatures, 0);
    let unknown = Verification { witnesses: Vec::new(), ..known };
    assert_eq!(verified(folder.path(), &unknown).expect("verify").unknown_signatures, 1);

    // An old backup, with control state and even keys folder of that time: one who knows better
    // is enough, and nothing is signed.
    for only in [0, 1] {
        for name in ["data", "keys/log.head"] {
            let path = folder.path().join(name);
            drop(std::fs::remove_dir_all(&path).or_else(|_| std::fs::remove_file(&path)));
        }
        copy(&folder.path().join("backup"), &folder.path().join("data"));
        heads.set(old.clone());
        let signed = heads.history().len();
        let sink = sinks(&vkey, &witness).swap_remove(only);
        let ledger = open_with_sinks(folder.path(), &disk, &heads, vec![sink]).expect("open");
        let Some(NotSigning::Behind { known, durable, .. }) = settled(&ledger).stopped else {
            panic!("{:?}", ledger.publishing())
        };
        assert_eq!((known, durable >= 300), (340, true));
        ledger.close().expect("close");
        assert_eq!(heads.history().len(), signed, "nothing was signed");
    }
}

#[test]
fn a_sink_that_is_away_delays_nothing() {
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let nowhere = Box::new(WriteOnceFolder::new(folder.path().join("nowhere")));
    let ledger = open_with_sinks(folder.path(), &disk, &heads, vec![nowhere]).expect("open");
    record(&ledger, 30);
    let state = settled(&ledger);
    assert_eq!((state.stopped, state.published), (None, 30));
    ledger.close().expect("close");
    let sinks = ledger.publishing().sinks;
    assert!(sinks[0].failing.is_some() && sinks[0].size == 0, "{sinks:?}");
}

/// CPU seconds of this process so far, in ticks of 10 ms.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("stat");
    let after = stat.rsplit(") ").next().expect("fields");
    let ticks = after.split(' ').skip(11).take(2).map(|n| n.parse::<f64>().expect("number"));
    ticks.sum::<f64>() / 100.0
}

/// Records 300,000 entries with bodies of 700 bytes; the folder, and the head if it is published.
fn figures_of_recording(published: bool) -> (tempfile::TempDir, Option<TreeHead>) {
    let folder = tempfile::tempdir().expect("folder");
    let mut wide = config(folder.path());
    wide.segment_bytes = 64 << 20;
    let (ledger, _) = Ledger::open(wide, Arc::new(SystemClock::new())).expect("open");
    let heads = Arc::new(Heads::default());
    if published {
        let publishing = PublishConfig::new(ORIGIN.to_owned());
        ledger
            .publish(&publishing, Arc::clone(&heads) as Arc<dyn TreeHeads>, Vec::new())
            .expect("publish");
    }
    let (start, clock) = (cpu(), SystemClock::new());
    let began = plimsoll_types::Clock::monotonic(&clock);
    for _ in 0..150 {
        let waiting: Vec<_> = (0..2000)
            .map(|_| {
                let body = ledger.seal(&[Holder::System], &[7; 700]).expect("seal");
                let draft = super::draft(plimsoll_types::record::Kind::Decision);
                ledger.append(draft, body, None).expect("queue")
            })
            .collect();
        for item in waiting {
            item.wait().expect("durable");
        }
    }
    let wall = plimsoll_types::Clock::monotonic(&clock) - began;
    let of = ledger.publishing().published;
    ledger.close().expect("close");
    println!(
        "recording, published {published}: {:.2} us of CPU for an entry, {} ms, {of} published by then",
        (cpu() - start) * 1e6 / 300_000.0,
        wall / 1_000_000
    );
    (folder, heads.stored())
}

/// Figures for `docs/benchmarks.md`; run with `--run-ignored only --no-capture`.
#[test]
#[ignore = "prints figures, checks none"]
fn figures_of_publishing_and_verification() {
    drop(figures_of_recording(false));
    let (folder, head) = figures_of_recording(true);
    let reader = LedgerReader::open(&folder.path().join("data"), None).expect("reader");
    for skip_bodies in [false, true] {
        let verification =
            Verification { head: head.clone(), skip_bodies, ..Verification::default() };
        let start = cpu();
        let found = reader.verify_with(&verification, |_| {}).expect("verify");
        let micros = (cpu() - start) * 1e6 / 300_000.0;
        println!(
            "verification of {}, bodies {}: {micros:.2} us of CPU for an entry",
            found.entries, !skip_bodies
        );
    }
}

/// Power cuts at random moments while the tree grows: what was ever signed stays a beginning of
/// the log, and the log is whole in the end.
#[test]
fn power_cuts_never_fork_the_log() {
    let mut signed = 0;
    for seed in 0..super::crash::seeds(120) {
        let mut random = Random(seed ^ 0x7109);
        let folder = tempfile::tempdir().expect("folder");
        let mut heads = Arc::new(Heads::default());
        for _ in 0..3 {
            let disk = FaultDisk::default();
            heads = Arc::new(Heads::on(&disk, &heads));
            disk.die_after(20 + random.below(400));
            if let Ok(ledger) = try_open(folder.path(), &disk, &heads) {
                for _ in 0..random.below(40) {
                    if decide(&ledger, "someone", b"body").is_err() {
                        break;
                    }
                }
                if random.below(3) == 0 {
                    drop(ledger.close());
                }
            }
            disk.crash(&mut random);
        }
        let disk = FaultDisk::default();
        heads = Arc::new(Heads::on(&disk, &heads));
        let ledger = try_open(folder.path(), &disk, &heads)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        record(&ledger, 2);
        let state = settled(&ledger);
        assert_eq!(state.stopped, None, "seed {seed}");
        let leaves = leaves(&ledger);
        for head in heads.history() {
            let size = usize::try_from(head.size).expect("small");
            assert_eq!(head.root, root_of(&leaves[..size]), "seed {seed}: forked at {size}");
        }
        signed += heads.history().len();
        is_log_of(folder.path(), &leaves, &state.vkey);
        ledger.close().expect("close");
        let verification = Verification { head: heads.stored(), ..Verification::default() };
        verified(folder.path(), &verification).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
    assert!(signed > 500, "the simulation meets what it is for: {signed}");
}
