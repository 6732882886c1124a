//! Power cuts at random moments under load, from seeds: everything acknowledged is there
//! exactly once and readable, nothing else is there that was not asked for, and what was
//! erased stays so.
//!
//! `PLIMSOLL_SIM_SEEDS` sets how many seeds (500 by default, 10,000 in `make soak`) and
//! `PLIMSOLL_SIM_FIRST` the first of them.

use super::disk::{FaultDisk, Random};
use super::{decide, draft, open, tenant};
use crate::{Holder, Ledger, LedgerError, LedgerReader, holders};
use plimsoll_types::KeyId;
use plimsoll_types::record::{Kind, LeafDraft};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

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
}

fn check(ledger: &Ledger, known: &Known) -> Result<(), String> {
    let mut completed: HashMap<[u8; 16], Vec<_>> = HashMap::new();
    for entry in ledger.entries(0) {
        let entry = entry.map_err(|e| e.to_string())?;
        if entry.leaf.draft.kind == Kind::Decision {
            if !known.asked.contains(&entry.leaf.draft.id) {
                return Err("a record that nobody asked for".into());
            }
            completed.entry(entry.leaf.draft.id).or_default().push(entry);
        }
    }
    if completed.values().any(|found| found.len() != 1) {
        return Err("a record is there twice".into());
    }
    for (id, (subject, body)) in &known.acknowledged {
        let found = completed
            .get(id)
            .and_then(|found| found.first())
            .ok_or("an acknowledged record is lost")?;
        let is_erased = holders(&found.sealed).any(|key| known.erased.contains(&key));
        match ledger.open_body(found) {
            Ok(_) if is_erased => return Err("a body opens after its erasure".into()),
            Ok(opened) if opened == *body => {}
            Ok(_) => return Err("a body is another".into()),
            Err(LedgerError::KeyGone | LedgerError::Unsealable(_))
                if known.touched.contains(subject) => {}
            Err(error) => return Err(error.to_string()),
        }
        if !ledger
            .get(id)
            .map_err(|e| e.to_string())?
            .iter()
            .any(|entry| entry.index == found.index)
        {
            return Err("a record is not found by its id".into());
        }
    }
    Ok(())
}

/// Some power cuts, then a good start. `lie` names files whose syncs do nothing.
fn run(seed: u64, lie: Option<&'static str>) -> Result<Tally, String> {
    let (mut random, mut tally) = (Random(seed), Tally::default());
    let folder = tempfile::tempdir().expect("folder");
    let known = Mutex::new(Known::default());
    for _ in 0..CUTS {
        let disk = FaultDisk::default();
        disk.lie(lie);
        disk.die_after(1 + random.below(150));
        match open(folder.path(), &disk.volume()) {
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
    let disk = FaultDisk::default();
    let (ledger, _) = open(folder.path(), &disk.volume()).map_err(|e| e.to_string())?;
    let known = known.into_inner().expect("lock");
    check(&ledger, &known)?;
    decide(&ledger, "after", b"").map_err(|e| e.to_string())?;
    ledger.close().map_err(|e| e.to_string())?;
    let reader =
        LedgerReader::open(&folder.path().join("data"), None).map_err(|e| e.to_string())?;
    reader.verify().map_err(|e| e.to_string())?;
    tally.acknowledged = known.acknowledged.len();
    tally.erased = known.erased.len();
    tally.epochs = ledger.keys().current_epoch().0;
    Ok(tally)
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_power_cuts() {
    let mut all = Tally::default();
    let first = setting("PLIMSOLL_SIM_FIRST", 0);
    for seed in first..first + setting("PLIMSOLL_SIM_SEEDS", SEEDS) {
        let tally = run(seed, None).unwrap_or_else(|what| panic!("seed {seed}: {what}"));
        all.acknowledged += tally.acknowledged;
        all.torn += tally.torn;
        all.cut_in_open += tally.cut_in_open;
        all.erased += tally.erased;
        all.epochs += tally.epochs;
    }
    println!(
        "{} acknowledged, {} torn ends, {} cuts while opening, {} keys erased, {} epochs",
        all.acknowledged, all.torn, all.cut_in_open, all.erased, all.epochs
    );
    assert!(
        all.acknowledged > 1000 && all.torn > 20 && all.cut_in_open > 20,
        "the simulation meets what it is for"
    );
    assert!(all.erased > 100 && all.epochs > 20, "erasures and rotations are among it");
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
