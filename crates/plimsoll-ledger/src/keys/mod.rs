//! The key hierarchy: root (a file, a key service, a hardware module) → epoch key and base
//! secret (wrapped by it, a file each) → subject, day and system keys (wrapped under the
//! epoch's key, in the key journal) → record keys (derived, or wrapped in the record itself
//! when it has several holders; never stored).
//!
//! The keys folder is no part of the data folder and of no backup of it. A new key is in
//! memory at once and in the journal by the next group commit, which writes and syncs the
//! journal before the segment; so no durable record names a key that is not durable.
//!
//! Locks are taken in this order: journal, state, epoch, cache; and ids, epoch.

mod cache;
mod cells;
mod crypt;
mod epoch;
mod erase;
mod journal;
mod root;
mod rotate;
mod secret;

pub(crate) use crypt::{aead, expand, prk, random};
pub use erase::{ErasedKey, ErasedKeys};
pub use root::{LocalRoot, Root, RootError, RootState};
pub use rotate::Rotation;

use crate::LedgerError;
use crate::disk::{Volume, field, lock};
use crate::sync::{Mutex, MutexGuard, RwLock, RwLockReadGuard};
use aws_lc_rs::aead::LessSafeKey;
use aws_lc_rs::{hkdf, hmac};
use cache::Cache;
pub use cells::{CELL_TAG, CellKey};
use crypt::{WRAPPED, derived, fresh, unwrap, wrap};
use epoch::{Epoch, journal_path};
use journal::{Journal, KeySlot, SLOT, Slot};
use plimsoll_types::{Clock, DeploymentId, KeyId, TenantId, Time};
use root::Wrapped;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use zeroize::Zeroizing;

/// Slots made and not yet in the journal. A group commit takes them all; this many means
/// that commits no longer happen. 65,536 × 128 bytes = 8 MiB.
const MAX_PENDING: usize = 1 << 16;
/// Slots one journal may have: their map takes 40 bytes each in memory.
const MAX_KEYS: u32 = 1 << 28;
/// Attempts of a reader to open an epoch that a running server may rotate away meanwhile.
const READ_ATTEMPTS: usize = 3;

/// What a secret derived from the base secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// Digests of idempotency keys.
    Idempotency,
    /// The pepper of API keys' digests.
    ApiKeys,
    /// Assignment of subjects to canary shares and arms.
    Assignment,
    /// Pseudonyms of subjects, interactions and days.
    Index,
    /// The sealing of secrets that others keep: [`Keys::seal_secret`].
    Secrets,
}

impl Label {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Idempotency => b"plimsoll idempotency v1",
            Self::ApiKeys => b"plimsoll api keys v1",
            Self::Assignment => b"plimsoll assignment v1",
            Self::Index => b"plimsoll index v1",
            Self::Secrets => b"plimsoll secrets v1",
        }
    }
}

/// What a journaled key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    Subject = 1,
    Day = 2,
    System = 3,
}

/// A subject, day or system key, ready to derive record keys from.
pub(crate) struct HolderKey {
    pub(crate) id: [u8; 16],
    pub(crate) prk: hkdf::Prk,
}

/// Pseudonyms are uniform already: their own bytes are the hash.
type Uniform = BuildHasherDefault<Uniformly>;

#[derive(Default)]
struct Uniformly(u64);

impl Hasher for Uniformly {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= u64::from_le_bytes(field(bytes, 8));
    }
    fn write_usize(&mut self, _: usize) {}
}

/// The keys of a ledger. Shared by every thread; shows no secret.
pub struct Keys {
    folder: PathBuf,
    root: Arc<dyn Root>,
    /// What everything but subject, day and system keys derives from.
    base: hkdf::Prk,
    index: hmac::Key,
    /// Held for reading as long as its journal is read.
    epoch: RwLock<Epoch>,
    cache: Cache,
    state: Mutex<State>,
    /// Key id → slot. A lock of its own: only the opening of bodies needs it.
    ids: Mutex<Ids>,
    /// Held by the one thread that writes the journal, over its syncs.
    journal: Mutex<Journal>,
    /// Held through a rotation: there is one at a time.
    rotating: Mutex<()>,
    clock: Option<Arc<dyn Clock>>,
    /// Held while the keys may be written.
    lock: Option<File>,
}

struct State {
    /// First half of the pseudonym → slot.
    slots: HashMap<[u8; 16], u32, Uniform>,
    /// Slots in the journal; those after are `pending`.
    written: u32,
    pending: Vec<[u8; SLOT]>,
    /// Slots of erased keys that are to be blanked.
    blanks: Vec<u32>,
    /// Keys erased by this process. Records sealed under them may still be under way.
    erased: HashSet<[u8; 16], Uniform>,
    /// The first erasure in this epoch.
    oldest_erasure: Option<Time>,
}

/// Where keys are by id: read from the journal as far as it is durable, when a body is opened.
#[derive(Default)]
struct Ids {
    slots: HashMap<[u8; 16], u32, Uniform>,
    /// Slots read so far.
    covered: u32,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// What loading the journal found.
#[derive(Default)]
struct Loaded {
    slots: HashMap<[u8; 16], u32, Uniform>,
    damaged: u64,
    /// Slots that a tombstone speaks of, and when they were erased.
    erased: Vec<(u32, [u8; 16], Time)>,
}

impl Loaded {
    fn visit(&mut self, number: u32, slot: &Slot) {
        match slot {
            Slot::Key(key) => {
                self.slots.insert(field(&key.pseudonym, 0), number);
            }
            Slot::Tombstone(tombstone) => {
                let time = Time::from_micros(tombstone.erased);
                self.erased.push((tombstone.slot, tombstone.id, time));
            }
            Slot::Blank => {}
            Slot::Damaged => self.damaged += 1,
        }
    }

    /// Forgets keys whose tombstone is durable and whose slot a crash left unblanked.
    fn bury(&mut self, journal: &Journal) -> Result<Vec<u32>, LedgerError> {
        let mut blanks = Vec::new();
        for &(number, id, _) in &self.erased {
            if let Some(Slot::Key(key)) = journal::read(&journal.handle(), number)?
                && key.id == id
            {
                let short = field(&key.pseudonym, 0);
                if self.slots.get(&short) == Some(&number) {
                    self.slots.remove(&short);
                }
                blanks.push(number);
            }
        }
        Ok(blanks)
    }
}

impl Keys {
    /// Whether `folder` has keys.
    pub(crate) fn exist(folder: &Path) -> bool {
        base_path(folder).exists()
    }

    /// Opens the keys for writing, making them if there are none, and ends what a crash left
    /// of a rotation or an erasure. Returns the number of damaged slots too.
    pub(crate) fn open(
        folder: &Path,
        volume: &Volume,
        clock: Arc<dyn Clock>,
        root: Option<&Arc<dyn Root>>,
    ) -> Result<(Self, u64), LedgerError> {
        volume.folder(folder)?;
        let held = lock(folder)?;
        let root = make_missing(folder, volume, root, clock.now())?;
        let (mut keys, damaged) = Self::load(folder, root, Some(volume))?;
        keys.clock = Some(clock);
        keys.lock = Some(held);
        // The epoch in force was read whole: what is of another may go.
        let current = keys.epoch().number;
        epoch::sweep(folder, current, volume)?;
        Ok((keys, damaged))
    }

    /// Opens the keys for reading bodies only.
    pub(crate) fn open_existing(
        folder: &Path,
        root: Option<&Arc<dyn Root>>,
    ) -> Result<Self, LedgerError> {
        let mut last = None;
        for _ in 0..READ_ATTEMPTS {
            // Whoever rotates removes the epoch that was in force when this began.
            let opened =
                root::open(folder, root, None).and_then(|root| Self::load(folder, root, None));
            match opened {
                Ok((keys, _)) => return Ok(keys),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or(LedgerError::KeyGone))
    }

    fn load(
        folder: &Path,
        root: Arc<dyn Root>,
        writable: Option<&Volume>,
    ) -> Result<(Self, u64), LedgerError> {
        let base = prk(BASE.read(&base_path(folder), &*root)?.as_slice());
        let index = derived(&base, Label::Index.text())?;
        let number = epoch::current(folder)?.ok_or_else(|| no_journal(folder))?;
        let key = epoch::read_key(folder, number, &*root)?;
        let path = journal_path(folder, number);
        let entries =
            std::fs::metadata(&path).map_or(0, |m| usize::try_from(m.len()).unwrap_or(0) / SLOT);
        let mut loaded = Loaded::default();
        loaded.slots.reserve(entries.min(MAX_KEYS as usize));
        let (mut journal, since, written) =
            Journal::open(&path, number, writable.is_some(), |slot, found| {
                loaded.visit(slot, found);
            })?;
        let blanks = loaded.bury(&journal)?;
        match writable {
            Some(volume) if blanks.is_empty() => journal.sync(volume)?,
            Some(volume) => journal.append(volume, written, &[], &blanks)?,
            None => {}
        }
        let state = State {
            slots: loaded.slots,
            written,
            pending: Vec::new(),
            blanks: Vec::new(),
            erased: HashSet::default(),
            oldest_erasure: loaded.erased.iter().map(|one| one.2).filter(|&at| at >= since).min(),
        };
        let keys = Self {
            folder: folder.to_path_buf(),
            index: hmac::Key::new(hmac::HMAC_SHA256, index.as_slice()),
            root,
            base,
            epoch: RwLock::new(Epoch { number, key, file: journal.handle(), since }),
            cache: Cache::default(),
            state: Mutex::new(state),
            ids: Mutex::default(),
            journal: Mutex::new(journal),
            rotating: Mutex::default(),
            clock: None,
            lock: None,
        };
        Ok((keys, loaded.damaged))
    }

    /// A secret for another use. The same for as long as the keys folder lives.
    ///
    /// # Errors
    /// [`LedgerError::Random`] if the derivation fails, which it does not.
    pub fn derive(&self, label: Label) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
        derived(&self.base, label.text())
    }

    /// A keyed digest of something personal, for a leaf: interaction ids.
    #[must_use]
    pub fn pseudonym(&self, tenant: TenantId, what: &str) -> [u8; 16] {
        field(&self.digest(0, tenant.as_bytes(), what.as_bytes()), 0)
    }

    /// The keyed digest that stands for a subject wherever its name must not.
    #[must_use]
    pub fn subject_digest(&self, tenant: TenantId, subject: &str) -> [u8; 32] {
        self.digest(Kind::Subject as u8, tenant.as_bytes(), subject.as_bytes())
    }

    /// The id of a subject's key, if it has one.
    ///
    /// # Errors
    /// I/O.
    pub fn find_subject(
        &self,
        tenant: TenantId,
        subject: &str,
    ) -> Result<Option<KeyId>, LedgerError> {
        self.find(&self.subject_digest(tenant, subject))
    }

    /// The id of the key of a deployment's day, if it has one.
    ///
    /// # Errors
    /// I/O.
    pub fn find_day(
        &self,
        deployment: DeploymentId,
        time: Time,
    ) -> Result<Option<KeyId>, LedgerError> {
        self.find(&self.digest(Kind::Day as u8, deployment.as_bytes(), &day(time)))
    }

    fn find(&self, pseudonym: &[u8; 32]) -> Result<Option<KeyId>, LedgerError> {
        let state = self.state();
        let Some(slot) = state.slots.get(&field::<16>(pseudonym, 0)).copied() else {
            return Ok(None);
        };
        Ok(self.slot(&state, slot)?.map(|key| KeyId::from_bytes(key.id)))
    }

    /// Number of slots used so far: keys, and two for each that was erased.
    pub(crate) fn count(&self) -> u64 {
        let state = self.state();
        u64::from(state.written) + state.pending.len() as u64
    }

    /// The epoch in force and since when it is.
    #[must_use]
    pub fn current_epoch(&self) -> (u32, Time) {
        let epoch = self.epoch();
        (epoch.number, epoch.since)
    }

    /// When the first key of this epoch was erased. Until the epoch is destroyed, copies of
    /// its slot that the disk or a backup has may still be unwrapped.
    #[must_use]
    pub fn oldest_erasure(&self) -> Option<Time> {
        self.state().oldest_erasure
    }

    /// What wraps the epoch's key, and what its provider says of it.
    ///
    /// # Errors
    /// [`LedgerError::Root`] if the provider does not answer.
    pub fn root(&self) -> Result<(Box<str>, RootState), LedgerError> {
        let name = self.root.name();
        let state = self.root.state();
        state.map(|state| (name.clone(), state)).map_err(|why| LedgerError::Root { name, why })
    }

    /// Nanoseconds of the clock these keys were opened with.
    pub(crate) fn monotonic(&self) -> u64 {
        self.clock.as_ref().map_or(0, |clock| clock.monotonic())
    }

    pub(crate) fn subject(
        &self,
        tenant: TenantId,
        subject: &str,
    ) -> Result<Arc<HolderKey>, LedgerError> {
        self.key(Kind::Subject, tenant.as_bytes(), subject.as_bytes())
    }
    pub(crate) fn day(
        &self,
        deployment: DeploymentId,
        time: Time,
    ) -> Result<Arc<HolderKey>, LedgerError> {
        self.key(Kind::Day, deployment.as_bytes(), &day(time))
    }
    pub(crate) fn system(&self) -> Result<Arc<HolderKey>, LedgerError> {
        self.key(Kind::System, &[0; 16], &[])
    }

    fn digest(&self, kind: u8, owner: &[u8; 16], name: &[u8]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.index);
        context.update(&[kind]);
        context.update(owner);
        context.update(name);
        field(context.sign().as_ref(), 0)
    }

    fn key(
        &self,
        kind: Kind,
        owner: &[u8; 16],
        name: &[u8],
    ) -> Result<Arc<HolderKey>, LedgerError> {
        let pseudonym = self.digest(kind as u8, owner, name);
        let short = field(&pseudonym, 0);
        if let Some(key) = self.cache.get(&short) {
            return Ok(key);
        }
        let mut state = self.state();
        let key = match state.slots.get(&short).copied() {
            Some(slot) => {
                let slot = self.slot(&state, slot)?.ok_or(LedgerError::KeyGone)?;
                self.unwrap(&self.epoch(), &slot)?
            }
            None => self.create(&mut state, kind, pseudonym)?,
        };
        let key = Arc::new(key);
        // Under the lock, so that two threads never make two keys of one name, and none puts
        // back what an erasure took out.
        self.cache.put(short, Arc::clone(&key));
        Ok(key)
    }

    /// The key with this id, if it is in the journal.
    pub(crate) fn by_id(&self, id: &[u8; 16]) -> Result<Option<HolderKey>, LedgerError> {
        let written = {
            let state = self.state();
            if state.erased.contains(id) {
                return Ok(None);
            }
            state.written
        };
        let Some(slot) = self.durable_slot(id, written)? else { return Ok(None) };
        let epoch = self.epoch();
        match journal::read(&epoch.file, slot)? {
            Some(Slot::Key(found)) if found.id == *id => self.unwrap(&epoch, &found).map(Some),
            _ => Ok(None),
        }
    }

    /// The slot of a key that is among the first `written`.
    fn durable_slot(&self, id: &[u8; 16], written: u32) -> Result<Option<u32>, LedgerError> {
        let mut ids = locked(&self.ids);
        let Ids { slots, covered } = &mut *ids;
        let to = written.max(*covered);
        journal::scan(&self.epoch().file, *covered, to, |number, slot| match slot {
            Slot::Key(key) => drop(slots.insert(key.id, number)),
            Slot::Tombstone(tombstone) => drop(slots.remove(&tombstone.id)),
            Slot::Blank | Slot::Damaged => {}
        })?;
        *covered = to;
        Ok(slots.get(id).copied())
    }

    fn slot(&self, state: &State, slot: u32) -> Result<Option<KeySlot>, LedgerError> {
        let found = match slot.checked_sub(state.written) {
            None => journal::read(&self.epoch().file, slot)?,
            Some(pending) => {
                state.pending.get(pending as usize).and_then(|bytes| Slot::decode(bytes))
            }
        };
        Ok(match found {
            Some(Slot::Key(key)) => Some(key),
            _ => None,
        })
    }

    fn create(
        &self,
        state: &mut State,
        kind: Kind,
        pseudonym: [u8; 32],
    ) -> Result<HolderKey, LedgerError> {
        let Some(clock) = &self.clock else { return Err(LedgerError::KeyGone) };
        let number = state.next_slot()?;
        let secret = fresh()?;
        let mut slot = KeySlot {
            id: [0; 16],
            kind: kind as u8,
            pseudonym,
            wrapped: [0; WRAPPED],
            created: clock.now().as_micros(),
        };
        random(&mut slot.id)?;
        let epoch = self.epoch();
        slot.wrapped = wrap(&epoch.key, &slot_context(epoch.number, &slot), &secret)?;
        state.pending.push(slot.encode());
        state.slots.insert(field(&pseudonym, 0), number);
        Ok(HolderKey { id: slot.id, prk: prk(secret.as_slice()) })
    }

    fn unwrap(&self, epoch: &Epoch, slot: &KeySlot) -> Result<HolderKey, LedgerError> {
        let secret = unwrap_slot(&epoch.key, epoch.number, slot).ok_or_else(|| LedgerError::Keys {
            path: journal_path(&self.folder, epoch.number),
            what: "a key does not unwrap under the epoch's key; restore the folder from the keys' own backup",
        })?;
        Ok(HolderKey { id: slot.id, prk: prk(secret.as_slice()) })
    }

    /// Writes and syncs the keys made, and buries those erased, since the last time. Every
    /// record sealed before this is called names keys that are durable when it returns, and
    /// every erasure begun before is durable.
    pub(crate) fn flush(&self, volume: &Volume) -> Result<(), LedgerError> {
        {
            let state = self.state();
            if state.pending.is_empty() && state.blanks.is_empty() {
                return Ok(());
            }
        }
        // Before the slots are taken: a rotation wraps those that wait anew.
        let mut journal = locked(&self.journal);
        let (slot, pending, blanks) = {
            let state = self.state();
            (state.written, state.pending.concat(), state.blanks.clone())
        };
        journal.append(volume, slot, &pending, &blanks)?;
        let count = pending.len() / SLOT;
        let mut state = self.state();
        state.pending.drain(..count);
        state.blanks.drain(..blanks.len());
        state.written += u32::try_from(count).unwrap_or(0);
        Ok(())
    }

    /// Lets another process have the folder.
    pub(crate) fn unlock(&self) {
        if let Some(lock) = &self.lock {
            drop(lock.unlock());
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
    fn epoch(&self) -> RwLockReadGuard<'_, Epoch> {
        self.epoch.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The number of the next slot, if there may be one more.
    fn next_slot(&self) -> Result<u32, LedgerError> {
        if self.pending.len() >= MAX_PENDING {
            return Err(LedgerError::Busy);
        }
        let number = u64::from(self.written) + self.pending.len() as u64;
        u32::try_from(number).ok().filter(|&n| n < MAX_KEYS).ok_or(LedgerError::Full)
    }
}

/// A lock left by a panic is taken over: what it guards changes in single steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The number of a day (UTC), as a pseudonym has it.
fn day(time: Time) -> [u8; 8] {
    const DAY: u64 = 24 * 60 * 60;
    (time.as_secs() / DAY).to_le_bytes()
}

const BASE: Wrapped = Wrapped { magic: b"PLMBAS01", epoch: 0 };

fn base_path(folder: &Path) -> PathBuf {
    folder.join("base.key")
}

fn no_journal(folder: &Path) -> LedgerError {
    let what = "the key journal is missing; restore it from the keys' own backup";
    LedgerError::Keys { path: folder.to_path_buf(), what }
}

/// What a wrapped key is bound to: all of its slot but the key.
fn slot_context(epoch: u32, slot: &KeySlot) -> [u8; 68] {
    let mut context = [0; 68];
    let (label, rest) = context.split_at_mut(15);
    label.copy_from_slice(b"plimsoll key v1");
    let (number, rest) = rest.split_at_mut(4);
    number.copy_from_slice(&epoch.to_le_bytes());
    let (kind, rest) = rest.split_at_mut(1);
    kind.copy_from_slice(&[slot.kind]);
    let (id, pseudonym) = rest.split_at_mut(16);
    id.copy_from_slice(&slot.id);
    pseudonym.copy_from_slice(&slot.pseudonym);
    context
}

fn unwrap_slot(key: &LessSafeKey, epoch: u32, slot: &KeySlot) -> Option<Zeroizing<[u8; 32]>> {
    unwrap(key, &slot_context(epoch, slot), &slot.wrapped)
}

/// Makes root, base secret, epoch key and journal in this order. A crash between leaves a
/// prefix, which the next start completes.
fn make_missing(
    folder: &Path,
    volume: &Volume,
    root: Option<&Arc<dyn Root>>,
    now: Time,
) -> Result<Arc<dyn Root>, LedgerError> {
    let base = base_path(folder);
    let is_new = !base.exists();
    if is_new && epoch::any(folder)? {
        return Err(LedgerError::Keys {
            path: base,
            what: "it is missing; restore it from the keys' own backup",
        });
    }
    let root = root::open(folder, root, is_new.then_some(volume))?;
    if is_new {
        BASE.write(&base, &*fresh()?, &*root, volume)?;
    }
    if epoch::current(folder)?.is_none() {
        if !epoch::is_new(folder)? {
            return Err(no_journal(folder));
        }
        epoch::make_first(folder, &*root, volume, now)?;
    }
    Ok(root)
}

/// Wraps base secret and epoch key of a folder that no process uses under another root;
/// `None` stands for `root.key`, which is made if it is not there, and destroyed when another
/// root took over. A crash between leaves one secret under each; running it again goes on.
///
/// # Errors
/// [`LedgerError::Locked`] if a server runs; [`LedgerError::Keys`] if neither root unwraps;
/// [`LedgerError::Root`].
pub fn rewrap_root(
    folder: &Path,
    from: Option<&Arc<dyn Root>>,
    to: Option<&Arc<dyn Root>>,
) -> Result<(), LedgerError> {
    let volume = Volume(Arc::new(crate::disk::RealDisk));
    let _held = lock(folder)?;
    let number = epoch::current(folder)?.ok_or_else(|| no_journal(folder))?;
    let new = root::open(folder, to, Some(&volume))?;
    let files =
        [(BASE, base_path(folder)), (epoch::wrapped(number), epoch::key_path(folder, number))];
    for (file, path) in files {
        if file.read(&path, &*new).is_ok() {
            continue;
        }
        let old = root::open(folder, from, None)?;
        let secret = file.read(&path, &*old)?;
        file.write(&path, &secret, &*new, &volume)?;
    }
    let unused = root::path(folder);
    if to.is_some() && unused.exists() {
        epoch::destroy(&unused, &volume)?;
        volume.sync_folder(folder)?;
    }
    Ok(())
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests;
