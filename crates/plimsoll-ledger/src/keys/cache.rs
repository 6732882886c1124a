//! Unwrapped keys, kept for as long as they are used often. Bounded: two generations per
//! shard; when the young one is full it becomes the old one, and the old one is dropped.

use super::HolderKey;
use crate::sync::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

/// Locks, so that request threads seldom meet.
const SHARDS: usize = 16;
/// Keys per generation and shard: 2 × 16 × 1,024 keys of about 200 bytes are 6.5 MB.
const GENERATION: usize = 1024;

type Keys = HashMap<[u8; 16], Arc<HolderKey>, super::Uniform>;

#[derive(Default)]
struct Shard {
    young: Keys,
    old: Keys,
}

#[derive(Default)]
pub(super) struct Cache([Mutex<Shard>; SHARDS]);

impl Cache {
    fn shard(&self, name: &[u8; 16]) -> MutexGuard<'_, Shard> {
        let [first, ..] = name;
        let shard = &self.0[usize::from(*first) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn get(&self, name: &[u8; 16]) -> Option<Arc<HolderKey>> {
        let mut shard = self.shard(name);
        if let Some(key) = shard.young.get(name) {
            return Some(Arc::clone(key));
        }
        let key = shard.old.remove(name)?;
        shard.put(*name, Arc::clone(&key));
        Some(key)
    }

    pub(super) fn put(&self, name: [u8; 16], key: Arc<HolderKey>) {
        self.shard(&name).put(name, key);
    }

    pub(super) fn remove(&self, name: &[u8; 16]) {
        let mut shard = self.shard(name);
        shard.young.remove(name);
        shard.old.remove(name);
    }
}

impl Shard {
    fn put(&mut self, name: [u8; 16], key: Arc<HolderKey>) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, key);
    }
}
