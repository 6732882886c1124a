//! Power cuts at random moments under load, from seeds: callers append, somebody erases and begins
//! epochs, the tree grows and is published, and the power goes, also while the ledger opens.
//! What must hold then is named by [`Invariant`].
//!
//! `PLIMSOLL_SIM_SEEDS` sets how many seeds (500 by default, 10,000 in `make soak`) and
//! `PLIMSOLL_SIM_FIRST` the first of them.

use super::disk::{FaultDisk, Random};
use super::publish::{Heads, leaves, settled};
use super::{decide, draft, tenant};
use crate::{
    Entry, Holder, Ledger, LedgerError, LedgerReader, PublishConfig, Recovery, TreeHead, TreeHeads,
    Verification, holders,
};
use plimsoll_tlog::tree::root_of;
use plimsoll_types::record::{Kind, LeafDraft};
use plimsoll_types::{Digest, KeyId};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SEEDS: u64 = 500;
const CUTS: u64 = 3;

fn setting(name: &str, default: u64) -> u64 {
    // Tests read the environment; the product reads it in one place.
    #[expect(clippy::disallowed_methods, reason = "the seeds of a long test are set from outside")]
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// How many seeds: `default`, or as many more as the longer test asks for.
pub(super) fn seeds(default: u64) -> u64 {
    setting("PLIMSOLL_SIM_SEEDS", SEEDS) * default / SEEDS
}

/// What holds whenever the ledger is open, whatever happened before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Invariant {
    /// The ledger opens, takes records and closes.
    Opens,
    /// A record that was acknowledged is there.
    Recorded,
    /// No record is there twice.
    Once,
    /// No record is there that nobody asked for.
    Asked,
    /// A record is found by its id.
    Found,
    /// A body opens, and is what was sealed, unless its erasure was begun.
    Readable,
    /// No body opens after its erasure was acknowledged.
    Forgotten,
    /// Every tree that may have been signed is a beginning of the log.
    Unforked,
    /// What is durable is published.
    Published,
    /// The folder verifies from outside: chain, bodies, sidecars, tiles, checkpoint, head.
    Verified,
}

type Broken = (Invariant, String);

/// How an error breaks an invariant.
fn breaks<E: ToString>(invariant: Invariant) -> impl Fn(E) -> Broken {
    move |error| (invariant, error.to_string())
}

fn holds(is_so: bool, invariant: Invariant, what: &str) -> Result<(), Broken> {
    if is_so { Ok(()) } else { Err((invariant, what.to_owned())) }
}

#[derive(Default)]
struct Known {
    /// Acknowledged decisions, whom they are about, and their bodies.
    acknowledged: HashMap<[u8; 16], (String, Vec<u8>)>,
    /// People whose erasure was begun.
    touched: HashSet<String>,
    /// Keys whose erasure is durable.
    erased: HashSet<KeyId>,
    /// Everything that was ever asked for.
    asked: HashSet<[u8; 16]>,
}

fn caller(ledger: &Ledger, mut random: Random, known: &Mutex<Known>) {
    for _ in 0..30 {
        let body = vec![
            u8::try_from(random.below(256)).expect("byte");
            usize::try_from(random.below(900)).expect("small")
        ];
        let subject = format!("person {}", random.below(40));
        let mut record = draft(Kind::Decision);
        known.lock().expect("lock").asked.insert(record.id);
        if random.below(4) == 0 {
            let intent = LeafDraft { kind: Kind::Intent, ..record };
            let Ok(receipt) = ledger.append_blocking(intent, crate::Sealed::none(), None) else {
                return;
            };
            record.extension.intent = Some(receipt.seq);
        }
        let Ok(sealed) =
            ledger.seal(&[Holder::Subject { tenant: tenant(), subject: &subject }], &body)
        else {
            return;
        };
        if ledger.append_blocking(record, sealed, None).is_err() {
            return;
        }
        known.lock().expect("lock").acknowledged.insert(record.id, (subject, body));
    }
}

/// Erases people, and begins epochs, until the power goes.
fn eraser(ledger: &Ledger, mut random: Random, known: &Mutex<Known>) {
    for _ in 0..6 {
        let subject = format!("person {}", random.below(10));
        known.lock().expect("lock").touched.insert(subject.clone());
        if let Ok(Some(key)) = ledger.keys().find_subject(tenant(), &subject) {
            if ledger.erase(&[key]).is_err() {
                return;
            }
            known.lock().expect("lock").erased.insert(key);
        }
        if random.below(3) == 0 && ledger.rotate_keys().is_err() {
            return;
        }
    }
}

/// What a run met.
#[derive(Default)]
struct Tally {
    acknowledged: usize,
    torn: usize,
    cut_in_open: usize,
    erased: usize,
    epochs: u32,
    signed: usize,
}

/// Opens and begins to publish.
fn start(
    folder: &Path,
    disk: &FaultDisk,
    heads: &Arc<Heads>,
) -> Result<(Ledger, Recovery), LedgerError> {
    let (ledger, recovery) = super::open(folder, &disk.volume())?;
    let publishing = PublishConfig {
        interval: Duration::ZERO,
        ..PublishConfig::new("example.com/log".to_owned())
    };
    ledger.publish(&publishing, Arc::clone(heads) as Arc<dyn TreeHeads>, Vec::new())?;
    Ok((ledger, recovery))
}

/// The only decision of each id.
fn decisions(ledger: &Ledger, known: &Known) -> Result<HashMap<[u8; 16], Entry>, Broken> {
    let mut found = HashMap::new();
    for entry in ledger.entries(0) {
        let entry = entry.map_err(breaks(Invariant::Verified))?;
        let (kind, id) = (entry.leaf.draft.kind, entry.leaf.draft.id);
        if kind == Kind::Decision {
            holds(known.asked.contains(&id), Invariant::Asked, "nobody asked for it")?;
            let is_new = found.insert(id, entry).is_none();
            holds(is_new, Invariant::Once, "a record is there twice")?;
        }
    }
    Ok(found)
}

fn check_records(ledger: &Ledger, known: &Known) -> Result<(), Broken> {
    let found = decisions(ledger, known)?;
    for (id, (subject, body)) in &known.acknowledged {
        let entry = found.get(id).ok_or((Invariant::Recorded, "it is lost".to_owned()))?;
        let is_erased = holders(&entry.sealed).any(|key| known.erased.contains(&key));
        match ledger.open_body(entry) {
            Ok(opened) => {
                holds(!is_erased, Invariant::Forgotten, "a body opens after its erasure")?;
                holds(opened == *body, Invariant::Readable, "a body is another")?;
            }
            Err(LedgerError::KeyGone | LedgerError::Unsealable(_))
                if known.touched.contains(subject) => {}
            Err(error) => return Err((Invariant::Readable, error.to_string())),
        }
        let by_id = ledger.get(id).map_err(breaks(Invariant::Found))?;
        let is_it = by_id.iter().any(|other| other.index == entry.index);
        holds(is_it, Invariant::Found, "it is not found by its id")?;
    }
    Ok(())
}

/// Whether every stored head is that of a beginning of the log.
fn check_heads(leaves: &[Digest], history: &[TreeHead]) -> Result<(), Broken> {
    for head in history {
        let size = usize::try_from(head.size).unwrap_or(usize::MAX);
        let root = leaves.get(..size).map(root_of);
        holds(root == Some(head.root), Invariant::Unforked, &format!("at {size} entries"))?;
    }
    Ok(())
}

/// Some power cuts, then a good start. `lie` names files whose syncs do nothing.
fn run(seed: u64, lie: Option<&'static str>) -> Result<Tally, Broken> {
    let (mut random, mut tally) = (Random(seed), Tally::default());
    let folder = tempfile::tempdir().expect("folder");
    let known = Mutex::new(Known::default());
    let mut heads = Arc::new(Heads::default());
    for _ in 0..CUTS {
        let disk = FaultDisk::default();
        disk.lie(lie);
        heads = Arc::new(Heads::on(&disk, &heads));
        disk.die_after(1 + random.below(300));
        match start(folder.path(), &disk, &heads) {
            Ok((ledger, recovery)) => {
                tally.torn += usize::from(recovery.torn_bytes > 0);
                std::thread::scope(|scope| {
                    for _ in 0..3 {
                        let random = Random(random.next());
                        let (ledger, known) = (&ledger, &known);
                        scope.spawn(move || caller(ledger, random, known));
                    }
                    let random = Random(random.next());
                    scope.spawn(|| eraser(&ledger, random, &known));
                });
                if random.below(8) == 0 {
                    // May fail: the power may be off already.
                    drop(ledger.close());
                }
            }
            Err(_) => tally.cut_in_open += 1,
        }
        disk.crash(&mut random);
    }
    let known = known.into_inner().expect("lock");
    let disk = FaultDisk::default();
    heads = Arc::new(Heads::on(&disk, &heads));
    finish(folder.path(), &disk, &heads, &known, &mut tally)?;
    tally.acknowledged = known.acknowledged.len();
    tally.erased = known.erased.len();
    Ok(tally)
}

/// A start without faults, and every invariant.
fn finish(
    folder: &Path,
    disk: &FaultDisk,
    heads: &Arc<Heads>,
    known: &Known,
    tally: &mut Tally,
) -> Result<(), Broken> {
    let opens = Invariant::Opens;
    let (ledger, _) = start(folder, disk, heads).map_err(breaks(opens))?;
    check_records(&ledger, known)?;
    decide(&ledger, "after", b"").map_err(breaks(opens))?;
    let state = settled(&ledger);
    let all = ledger.durable();
    holds(state.published == all, Invariant::Published, &format!("{:?}", state.stopped))?;
    check_heads(&leaves(&ledger), &heads.history())?;
    tally.signed = heads.history().len();
    tally.epochs = ledger.keys().current_epoch().0;
    ledger.close().map_err(breaks(opens))?;
    drop(ledger);
    let wrong = Invariant::Verified;
    let reader = LedgerReader::open(&folder.join("data"), None).map_err(breaks(wrong))?;
    let head = heads.load().map_err(breaks(wrong))?;
    let verification = Verification { head, ..Verification::default() };
    let found = reader.verify_with(&verification, |_| {}).map_err(breaks(wrong))?;
    holds(found.published == found.entries, Invariant::Published, "not the last entries")
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_power_cuts() {
    let mut all = Tally::default();
    let first = setting("PLIMSOLL_SIM_FIRST", 0);
    for seed in first..first + setting("PLIMSOLL_SIM_SEEDS", SEEDS) {
        let tally = run(seed, None)
            .unwrap_or_else(|(invariant, what)| panic!("seed {seed} breaks {invariant:?}: {what}"));
        all.acknowledged += tally.acknowledged;
        all.torn += tally.torn;
        all.cut_in_open += tally.cut_in_open;
        all.erased += tally.erased;
        all.epochs += tally.epochs;
        all.signed += tally.signed;
    }
    println!(
        "{} acknowledged, {} torn ends, {} cuts while opening, {} keys erased, {} epochs, {} heads",
        all.acknowledged, all.torn, all.cut_in_open, all.erased, all.epochs, all.signed
    );
    assert!(
        all.acknowledged > 1000 && all.torn > 20 && all.cut_in_open > 20,
        "the simulation meets what it is for"
    );
    assert!(all.erased > 100 && all.epochs > 20, "erasures and rotations are among it");
    assert!(all.signed > 1000, "the tree grows meanwhile");
}

#[test]
fn the_simulation_notices_a_sync_that_is_missing() {
    for lie in [".seg", ".keys"] {
        assert!(
            (0..100).any(|seed| run(seed, Some(lie)).is_err()),
            "no seed noticed that {lie} is not synced"
        );
    }
}

/// A ledger in which all is right, and what a caller believes of it that is not.
#[test]
fn the_simulation_notices_each_invariant_that_is_broken() {
    use Invariant::{Asked, Forgotten, Opens, Readable, Recorded, Unforked, Verified};
    let folder = tempfile::tempdir().expect("folder");
    let (disk, heads) = (FaultDisk::default(), Arc::new(Heads::default()));
    let known = || {
        let (ledger, _) = start(folder.path(), &disk, &heads).expect("opens");
        let mut known = Known::default();
        for entry in ledger.entries(0).map(|entry| entry.expect("entry")) {
            if entry.leaf.draft.kind != Kind::Decision {
                continue;
            }
            known.asked.insert(entry.leaf.draft.id);
            let body = ledger.open_body(&entry).expect("opens");
            known.acknowledged.insert(entry.leaf.draft.id, ("a".to_owned(), body));
        }
        settled(&ledger);
        ledger.close().expect("closes");
        known
    };
    {
        let (ledger, _) = start(folder.path(), &disk, &heads).expect("opens");
        decide(&ledger, "a", b"body").expect("records");
        ledger.close().expect("closes");
    }
    let broken = |known: &Known| {
        let found = finish(folder.path(), &disk, &heads, known, &mut Tally::default());
        found.err().map(|(which, _)| which)
    };
    // Each good end adds a record, of which the next has to know.
    assert_eq!(broken(&known()), None);
    let mut wrong = known();
    wrong.acknowledged.insert([1; 16], ("a".to_owned(), Vec::new()));
    assert_eq!(broken(&wrong), Some(Recorded));
    assert_eq!(broken(&Known::default()), Some(Asked));
    let mut wrong = known();
    wrong.acknowledged.values_mut().for_each(|(_, body)| body.push(0));
    assert_eq!(broken(&wrong), Some(Readable));
    let mut wrong = known();
    let (ledger, _) = super::open(folder.path(), &disk.volume()).expect("opens");
    wrong.erased.extend(ledger.keys().find_subject(tenant(), "a").expect("reads"));
    ledger.close().expect("closes");
    drop(ledger);
    assert_eq!(broken(&wrong), Some(Forgotten));
    // A head that is none of this log's: somebody signed another tree.
    let right = heads.history().pop().expect("a head");
    let other = TreeHead { size: 1, root: Digest::from_bytes([1; 32]), ..right };
    assert_eq!(
        check_heads(&[Digest::ZERO; 2], &[other]).map_err(|(which, _)| which),
        Err(Unforked)
    );
    let path = crate::segment::path(&folder.path().join("data/ledger/segments"), 0);
    let mut bytes = std::fs::read(&path).expect("read");
    bytes[200] ^= 1;
    std::fs::write(&path, bytes).expect("write");
    let which = broken(&Known::default());
    assert!(matches!(which, Some(Opens | Verified)), "{which:?}");
}
