//! Sees every decision on the thread that made it.
//!
//! Each thread has a shard of its own, whose lock nobody else wants but the flush, once a slot. So
//! threads share nothing, and a decision costs its own counting.

use crate::reference::Reference;
use crate::tally::Tally;
use arc_swap::ArcSwap;
use plimsoll_serving::{Seen, Watch};
use plimsoll_types::record::ResultClass;
use plimsoll_types::{DeploymentId, Time};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Shards: more than lanes and workers on any machine of today. Threads beyond share.
const SHARDS: usize = 64;
/// Tallies of one shard between two flushes: versions times slots. One has some hundred KiB
/// where the reference has many columns.
const MAX_TALLIES: usize = 1_024;

/// A version of a deployment; number 0 is of decisions for which none was planned.
pub type Key = (DeploymentId, u32);
/// What is compared with what.
pub type References = HashMap<Key, Arc<Reference>>;

/// What one thread has seen of a version in a slot.
#[derive(Debug)]
pub struct Counted {
    /// The version.
    pub key: Key,
    /// The slot's number: its start in slots since 1970.
    pub slot: u64,
    /// With what it is compared, if with anything.
    pub reference: Option<Arc<Reference>>,
    /// What was seen.
    pub tally: Tally,
}

/// Sees every decision.
#[derive(Debug)]
pub struct Recorder {
    slot_micros: u64,
    references: ArcSwap<References>,
    shards: Box<[Mutex<Vec<Counted>>]>,
    dropped: AtomicU64,
}

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}
static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);

/// The shard of this thread.
fn shard() -> usize {
    let known = SHARD.get();
    if known != usize::MAX {
        return known;
    }
    let new = NEXT_SHARD.fetch_add(1, Relaxed) % SHARDS;
    SHARD.set(new);
    new
}

impl Recorder {
    /// A recorder of slots of so many microseconds.
    #[must_use]
    pub fn new(slot_micros: u64) -> Self {
        Self {
            slot_micros: slot_micros.max(1),
            references: ArcSwap::default(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            dropped: AtomicU64::new(0),
        }
    }
    /// Compares with these from now on.
    pub fn compare_with(&self, references: References) {
        self.references.store(Arc::new(references));
    }
    /// The number of the slot that `time` is in.
    #[must_use]
    pub fn slot(&self, time: Time) -> u64 {
        time.as_micros() / self.slot_micros
    }
    /// When a slot begins.
    #[must_use]
    pub fn start(&self, slot: u64) -> Time {
        Time::from_micros(slot.saturating_mul(self.slot_micros))
    }
    /// Everything that was seen of slots before `slot`, and no longer kept here.
    #[must_use]
    pub fn take_before(&self, slot: u64) -> Vec<Counted> {
        let mut taken = Vec::new();
        for shard in &self.shards {
            let mut kept = lock(shard);
            taken.extend(kept.extract_if(.., |counted| counted.slot < slot));
        }
        taken
    }
    /// Decisions that were not counted, because a thread had too many versions and slots to
    /// count. The ledger has them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    fn reference(&self, seen: &Seen<'_>, key: Key, slot: u64) -> Option<Arc<Reference>> {
        let references = self.references.load();
        let reference = references.get(&key)?;
        let is_right =
            seen.contract == Some(reference.contract) && self.slot(reference.from) <= slot;
        is_right.then(|| Arc::clone(reference))
    }
}

impl Watch for Recorder {
    fn see(&self, seen: &Seen<'_>) {
        // Its answer was counted when it was first given.
        if seen.result == ResultClass::Replayed {
            return;
        }
        let (key, slot) = ((seen.deployment, seen.version), self.slot(seen.time));
        let Some(shard) = self.shards.get(shard()) else { return };
        let mut kept = lock(shard);
        let is_it = |counted: &Counted| {
            counted.slot == slot
                && counted.key == key
                && counted.reference.as_ref().is_none_or(|of| seen.contract == Some(of.contract))
        };
        // What was seen last is most often seen next.
        if let Some(counted) = kept.iter_mut().rev().find(|counted| is_it(counted)) {
            counted.tally.see(seen, counted.reference.as_ref());
            return;
        }
        if kept.len() >= MAX_TALLIES {
            self.dropped.fetch_add(1, Relaxed);
            return;
        }
        let reference = self.reference(seen, key, slot);
        let mut tally = Tally::new(reference.as_deref());
        tally.see(seen, reference.as_ref());
        kept.push(Counted { key, slot, reference, tally });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
