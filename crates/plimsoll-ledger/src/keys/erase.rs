//! Erasing keys. From the moment an erasure has begun no thread is given the key; when it is
//! durable the journal holds a tombstone instead, and no record under the key is written
//! any more: what was sealed before and still waits is recorded without its body.

use super::journal::{self, Slot, Tombstone, blank};
use super::{Keys, SLOT, State};
use crate::LedgerError;
use crate::disk::field;
use plimsoll_types::{KeyId, Time};

/// Keys erased by one process: 4 million ids of 16 bytes are 128 MiB of set.
const MAX_ERASED: usize = 1 << 22;
/// Slots looked at for one answer of [`Keys::erased`]: 128 MiB of journal.
const MAX_SCAN: u32 = 1 << 20;

/// A key that is gone for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErasedKey {
    /// Its id, as sealed bodies name it.
    pub id: KeyId,
    /// Whether it was a person's, and not a deployment's day.
    pub is_subject: bool,
    /// When it was erased.
    pub time: Time,
}

/// Some keys that were erased, in the order of their erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedKeys {
    /// The keys.
    pub keys: Vec<ErasedKey>,
    /// Where to go on; the same as asked for when there is nothing new. Stays good for as
    /// long as the keys folder lives, rotations and restarts included.
    pub next: u64,
}

impl Keys {
    /// Begins to erase a key: takes it from everyone who might use it. Whether there was
    /// such a key. Durable with the next [`Keys::flush`].
    pub(crate) fn bury(&self, id: &[u8; 16]) -> Result<bool, LedgerError> {
        let Some(slot) = self.slot_of(id)? else { return Ok(false) };
        let now = self.clock.as_ref().ok_or(LedgerError::KeyGone)?.now();
        let mut state = self.state();
        let Some(key) = self.slot(&state, slot)?.filter(|key| key.id == *id) else {
            return Ok(false);
        };
        if state.erased.contains(id) {
            // Begun by another thread, and not durable yet.
            return Ok(true);
        }
        if state.erased.len() >= MAX_ERASED {
            return Err(LedgerError::TooManyErased(MAX_ERASED));
        }
        state.next_slot()?;
        let tombstone =
            Tombstone { id: *id, kind: key.kind, slot, erased: now.as_micros() }.encode();
        state.pending.push(tombstone);
        state.erased.insert(*id);
        state.oldest_erasure.get_or_insert(now);
        state.forget(slot, &field(&key.pseudonym, 0));
        self.cache.remove(&field(&key.pseudonym, 0));
        Ok(true)
    }

    /// Whether there is a key with this id, durable or not.
    ///
    /// # Errors
    /// I/O.
    pub fn has(&self, id: KeyId) -> Result<bool, LedgerError> {
        let Some(slot) = self.slot_of(id.as_bytes())? else { return Ok(false) };
        let state = self.state();
        Ok(self.slot(&state, slot)?.is_some_and(|key| key.id == *id.as_bytes()))
    }

    /// The slot of a key, durable or not.
    fn slot_of(&self, id: &[u8; 16]) -> Result<Option<u32>, LedgerError> {
        let written = {
            let state = self.state();
            let pending = state.pending.iter().position(
                |bytes| matches!(Slot::decode(bytes), Some(Slot::Key(key)) if key.id == *id),
            );
            if let Some(place) = pending {
                return Ok(u32::try_from(place).ok().map(|place| state.written + place));
            }
            state.written
        };
        self.durable_slot(id, written)
    }

    /// Which of the ids that a sealed body names were erased by this process.
    pub(crate) fn are_all_erased(&self, mut ids: impl Iterator<Item = [u8; 16]>) -> bool {
        let state = self.state();
        !state.erased.is_empty() && ids.all(|id| state.erased.contains(&id))
    }

    /// Keys whose erasure is durable, from where an earlier answer ended; 0 begins. Whoever
    /// keeps something under a key's protection elsewhere removes it by this list.
    ///
    /// # Errors
    /// I/O.
    pub fn erased(&self, from: u64) -> Result<ErasedKeys, LedgerError> {
        let written = self.state().written;
        let start = u32::try_from(from).unwrap_or(u32::MAX).min(written);
        let end = written.min(start.saturating_add(MAX_SCAN));
        let mut keys = Vec::new();
        journal::scan(&self.epoch().file, start, end, |_, slot| {
            if let Slot::Tombstone(found) = slot {
                keys.push(ErasedKey {
                    id: KeyId::from_bytes(found.id),
                    is_subject: found.kind == super::Kind::Subject as u8,
                    time: Time::from_micros(found.erased),
                });
            }
        })?;
        Ok(ErasedKeys { keys, next: end.into() })
    }
}

impl State {
    /// Lets go of a key's slot. One that waits is never written; one that is being written
    /// just now is blanked by the next flush, like one that was.
    fn forget(&mut self, slot: u32, short: &[u8; 16]) {
        if self.slots.get(short) == Some(&slot) {
            self.slots.remove(short);
        }
        if let Some(waiting) =
            slot.checked_sub(self.written).and_then(|place| self.pending.get_mut(place as usize))
        {
            let bytes: &mut [u8; SLOT] = waiting;
            *bytes = blank();
        }
        self.blanks.push(slot);
    }
}
