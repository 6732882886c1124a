//! A new epoch: a new key, and a journal with the surviving keys wrapped under it, while the
//! ledger goes on. Then the old journal and the old key are destroyed, and with them what
//! copies of erased keys' slots the disk may still have.
//!
//! The copy runs beside the group commit and takes the journal's lock only for its end. A
//! crash at any point leaves the old epoch in force, or the new one; see [`super::epoch`].

use super::crypt::wrap;
use super::epoch::{Epoch, MAX_EPOCH, fresh_path, journal_path, make_key, sweep};
use super::journal::{self, Journal, KeySlot, SLOT, Slot, at, blank, header};
use super::{Keys, locked, slot_context, unwrap_slot};
use crate::LedgerError;
use crate::disk::{Handle, Volume};
use aws_lc_rs::aead::LessSafeKey;
use plimsoll_types::Time;
use std::sync::{Arc, PoisonError};

/// Slots that may be left to copy while the group commit waits: half a window of the copy.
const REST: u32 = 4096;
/// Slots copied at once: 1 MiB.
const CHUNK: u32 = 8192;

/// What a rotation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The epoch in force now.
    pub epoch: u32,
    /// Keys that survived.
    pub keys: u64,
}

impl Keys {
    /// Begins a new epoch and destroys the one before. When this returns, no file of the keys
    /// folder holds a key that was erased before it was called, wrapped or not.
    pub(crate) fn rotate(&self, volume: &Volume) -> Result<Rotation, LedgerError> {
        let _turn = locked(&self.rotating);
        let now = self.clock.as_ref().ok_or(LedgerError::KeyGone)?.now();
        let old = self.epoch().number;
        let number = old.checked_add(1).filter(|&n| n <= MAX_EPOCH).ok_or(LedgerError::Full)?;
        // What an earlier rotation could not destroy.
        sweep(&self.folder, old, volume)?;
        locked(&self.journal).blanked = Some(Vec::new());
        let turned = self.turn(volume, number, now);
        locked(&self.journal).blanked = None;
        match turned {
            Ok(keys) => {
                sweep(&self.folder, number, volume)?;
                Ok(Rotation { epoch: number, keys })
            }
            Err(error) => {
                if locked(&self.journal).broken.is_none() {
                    // The stub; if it cannot be removed now, the next start does.
                    drop(sweep(&self.folder, old, volume));
                }
                Err(error)
            }
        }
    }

    /// Copies the journal and puts the new epoch in force. Gives the number of its keys.
    fn turn(&self, volume: &Volume, number: u32, now: Time) -> Result<u64, LedgerError> {
        let key = make_key(&self.folder, number, &*self.root, volume)?;
        let file = volume.create(&fresh_path(&self.folder, number))?;
        let mut copy = Copy { volume, file, key, number, next: 0, keys: 0 };
        volume.write(&copy.file, &header(number, now), 0)?;
        loop {
            let written = self.state().written;
            if written - copy.next <= REST {
                break;
            }
            let to = written.min(copy.next + CHUNK);
            copy.up_to(&self.epoch(), to)?;
        }
        // The bulk, while the group commit goes on.
        volume.sync(&copy.file)?;
        let mut journal = locked(&self.journal);
        if let Some(why) = &journal.broken {
            return Err(LedgerError::Poisoned(why.clone()));
        }
        let written = self.state().written;
        copy.up_to(&self.epoch(), written)?;
        for slot in journal.blanked.take().unwrap_or_default() {
            volume.write(&copy.file, &blank(), at(slot))?;
        }
        volume.sync(&copy.file)?;
        let keys = copy.keys;
        // After a failure from here on it is not known which journal the next start will
        // find, so this one takes nothing any more.
        self.put_in_force(copy, now, &mut journal)
            .inspect_err(|error| journal.broken = Some(error.to_string().into()))?;
        Ok(keys)
    }

    /// Gives the copy its name, on disk and in memory.
    fn put_in_force(
        &self,
        copy: Copy<'_>,
        now: Time,
        journal: &mut Journal,
    ) -> Result<(), LedgerError> {
        let path = journal_path(&self.folder, copy.number);
        copy.volume.rename(&copy.file.path, &path)?;
        copy.volume.sync_folder(&self.folder)?;
        let file = Arc::new(Handle::write(&path)?);
        let mut state = self.state();
        let mut epoch = self.epoch.write().unwrap_or_else(PoisonError::into_inner);
        for slot in &mut state.pending {
            if let Some(Slot::Key(found)) = Slot::decode(slot) {
                *slot = copy.wrapped(&epoch, found)?.encode();
            }
        }
        // Keys that were erased while this ran, and are not blank yet, wait for the next epoch.
        state.oldest_erasure = (!state.blanks.is_empty()).then_some(now);
        *journal = Journal::of(Arc::clone(&file))?;
        *epoch = Epoch { number: copy.number, key: copy.key, file, since: now };
        Ok(())
    }
}

/// A journal being copied under another epoch's key.
struct Copy<'a> {
    volume: &'a Volume,
    file: Handle,
    key: LessSafeKey,
    number: u32,
    /// The next slot to copy.
    next: u32,
    /// Keys copied.
    keys: u64,
}

impl Copy<'_> {
    /// Copies the slots before `to`.
    fn up_to(&mut self, old: &Epoch, to: u32) -> Result<(), LedgerError> {
        let from = self.next;
        let mut out = vec![0; (to - from) as usize * SLOT];
        let (mut keys, mut failed) = (0, None);
        journal::scan(&old.file, from, to, |number, slot| {
            let bytes = match slot {
                Slot::Key(key) => match self.wrapped(old, *key) {
                    Ok(key) => {
                        keys += 1;
                        key.encode()
                    }
                    Err(error) => {
                        failed.get_or_insert(error);
                        return;
                    }
                },
                Slot::Tombstone(tombstone) => tombstone.encode(),
                // One that was not whole stays lost, and keeps its number.
                Slot::Blank | Slot::Damaged => blank(),
            };
            let place = (number - from) as usize * SLOT;
            if let Some(room) = out.get_mut(place..place + SLOT) {
                room.copy_from_slice(&bytes);
            }
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        self.volume.write(&self.file, &out, at(from))?;
        (self.next, self.keys) = (to, self.keys + keys);
        Ok(())
    }

    /// A key's slot, wrapped under the new key.
    fn wrapped(&self, old: &Epoch, mut slot: KeySlot) -> Result<KeySlot, LedgerError> {
        let secret = unwrap_slot(&old.key, old.number, &slot).ok_or_else(|| LedgerError::Keys {
            path: old.file.path.clone(),
            what: "a key does not unwrap under the epoch's key; restore the folder from the \
                   keys' own backup",
        })?;
        slot.wrapped = wrap(&self.key, &slot_context(self.number, &slot), &secret)?;
        Ok(slot)
    }
}
