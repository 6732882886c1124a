//! The key hierarchy: root (a file) → epoch key (wrapped, a file) → subject, day and system
//! keys (wrapped, in the key journal) → record keys (derived, never stored).
//!
//! The keys folder is no part of the data folder and of no backup of it. A new key is in
//! memory at once and in the journal by the next group commit, which writes and syncs the
//! journal before the segment; so no durable record names a key that is not durable.

mod cache;
mod journal;
mod secret;

use crate::LedgerError;
use crate::disk::{Handle, Volume, field, lock};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{hkdf, hmac, rand};
use cache::Cache;
use journal::{Journal, SLOT, Slot, WRAPPED};
use plimsoll_types::{Clock, DeploymentId, TenantId, Time};
use std::collections::HashMap;
use std::fs::File;
use std::hash::{BuildHasherDefault, Hasher};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// Keys made and not yet in the journal. A group commit takes them all; this many means
/// that commits no longer happen. 65,536 × 128 bytes = 8 MiB.
const MAX_PENDING: usize = 1 << 16;
/// Keys one journal may hold: their map takes 40 bytes each in memory.
const MAX_KEYS: u32 = 1 << 28;
/// The only epoch of this version; rotation makes others.
const EPOCH: u32 = 0;
const ROOT_LEN: usize = 32;

/// What a secret derived from the root is for.
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
}

impl Label {
    const fn text(self) -> &'static [u8] {
        match self {
            Self::Idempotency => b"plimsoll idempotency v1",
            Self::ApiKeys => b"plimsoll api keys v1",
            Self::Assignment => b"plimsoll assignment v1",
            Self::Index => b"plimsoll index v1",
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
    root: hkdf::Prk,
    index: hmac::Key,
    epoch: LessSafeKey,
    cache: Cache,
    state: Mutex<State>,
    /// Key id → slot. A lock of its own: only the opening of bodies needs it.
    ids: Mutex<Ids>,
    /// Held by the one thread that writes the journal, over its syncs.
    journal: Mutex<Journal>,
    /// The journal again, for reading.
    file: Arc<Handle>,
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

impl Keys {
    /// Whether `folder` has a root key.
    pub(crate) fn exist(folder: &Path) -> bool {
        folder.join("root.key").exists()
    }

    /// Opens the keys for writing, making them if there are none. Returns the number of
    /// damaged journal entries too.
    pub(crate) fn open(
        folder: &Path,
        volume: &Volume,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, u64), LedgerError> {
        volume.folder(folder)?;
        let held = lock(folder)?;
        create_missing(folder, volume)?;
        let (mut keys, damaged) = Self::load(folder, true)?;
        keys.clock = Some(clock);
        keys.lock = Some(held);
        locked(&keys.journal).sync(volume)?;
        Ok((keys, damaged))
    }

    /// Opens the keys for reading bodies only.
    pub(crate) fn open_existing(folder: &Path) -> Result<Self, LedgerError> {
        Ok(Self::load(folder, false)?.0)
    }

    fn load(folder: &Path, writable: bool) -> Result<(Self, u64), LedgerError> {
        let root = read_root(&folder.join("root.key"))?;
        let root = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, root.as_slice());
        let epoch = read_epoch(folder, &root)?;
        let index = derived(&root, Label::Index.text())?;
        let mut slots = HashMap::default();
        let path = journal_path(folder);
        let entries =
            std::fs::metadata(&path).map_or(0, |m| usize::try_from(m.len()).unwrap_or(0) / SLOT);
        slots.reserve(entries.min(MAX_KEYS as usize));
        let (journal, written, damaged) = Journal::open(&path, writable, |slot, entry| {
            slots.insert(field(&entry.pseudonym, 0), slot);
        })?;
        let keys = Self {
            folder: folder.to_path_buf(),
            index: hmac::Key::new(hmac::HMAC_SHA256, index.as_slice()),
            root,
            epoch,
            cache: Cache::default(),
            state: Mutex::new(State { slots, written, pending: Vec::new() }),
            ids: Mutex::default(),
            file: journal.handle(),
            journal: Mutex::new(journal),
            clock: None,
            lock: None,
        };
        Ok((keys, damaged))
    }

    /// A secret for another use, derived from the root. The same for the same root.
    ///
    /// # Errors
    /// [`LedgerError::Random`] if the derivation fails, which it does not.
    pub fn derive(&self, label: Label) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
        derived(&self.root, label.text())
    }

    /// A keyed digest of something personal, for a leaf: interaction ids.
    #[must_use]
    pub fn pseudonym(&self, tenant: TenantId, what: &str) -> [u8; 16] {
        field(&self.digest(0, tenant.as_bytes(), what.as_bytes()), 0)
    }

    /// Number of keys made so far.
    pub(crate) fn count(&self) -> u64 {
        let state = self.state();
        u64::from(state.written) + state.pending.len() as u64
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
        const DAY: u64 = 24 * 60 * 60;
        self.key(Kind::Day, deployment.as_bytes(), &(time.as_secs() / DAY).to_le_bytes())
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
            Some(slot) => self.unwrap(&self.slot(&state, slot)?.ok_or(LedgerError::KeyGone)?)?,
            None => self.create(&mut state, kind, pseudonym)?,
        };
        let key = Arc::new(key);
        // Under the lock, so that two threads never make two keys of one name.
        self.cache.put(short, Arc::clone(&key));
        Ok(key)
    }

    /// The key with this id, if it is in the journal.
    pub(crate) fn by_id(&self, id: &[u8; 16]) -> Result<Option<HolderKey>, LedgerError> {
        let written = self.state().written;
        let slot = {
            let mut ids = locked(&self.ids);
            let Ids { slots, covered } = &mut *ids;
            journal::scan(&self.file, *covered, written, |slot, entry| {
                if let Some(entry) = entry {
                    slots.insert(entry.id, slot);
                }
            })?;
            *covered = written;
            slots.get(id).copied()
        };
        let Some(slot) = slot else { return Ok(None) };
        match journal::read(&self.file, slot)? {
            Some(found) if found.id == *id => self.unwrap(&found).map(Some),
            _ => Ok(None),
        }
    }

    fn slot(&self, state: &State, slot: u32) -> Result<Option<Slot>, LedgerError> {
        match slot.checked_sub(state.written) {
            None => journal::read(&self.file, slot),
            Some(pending) => {
                Ok(state.pending.get(pending as usize).and_then(|bytes| Slot::decode(bytes)))
            }
        }
    }

    fn create(
        &self,
        state: &mut State,
        kind: Kind,
        pseudonym: [u8; 32],
    ) -> Result<HolderKey, LedgerError> {
        let Some(clock) = &self.clock else { return Err(LedgerError::KeyGone) };
        if state.pending.len() >= MAX_PENDING {
            return Err(LedgerError::Busy);
        }
        let number = u64::from(state.written) + state.pending.len() as u64;
        let number =
            u32::try_from(number).ok().filter(|&n| n < MAX_KEYS).ok_or(LedgerError::Full)?;
        let mut secret = Zeroizing::new([0; 32]);
        random(secret.as_mut_slice())?;
        let mut slot = Slot {
            id: [0; 16],
            kind: kind as u8,
            pseudonym,
            wrapped: [0; WRAPPED],
            created: clock.now().as_micros(),
        };
        random(&mut slot.id)?;
        slot.wrapped = wrap(&self.epoch, &slot_context(&slot), &secret)?;
        state.pending.push(slot.encode());
        state.slots.insert(field(&pseudonym, 0), number);
        Ok(HolderKey {
            id: slot.id,
            prk: hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret.as_slice()),
        })
    }

    fn unwrap(&self, slot: &Slot) -> Result<HolderKey, LedgerError> {
        let secret = unwrap(&self.epoch, &slot_context(slot), &slot.wrapped).ok_or_else(|| LedgerError::Keys {
            path: journal_path(&self.folder),
            what: "a key does not unwrap under the epoch's key; restore the folder from the keys' own backup",
        })?;
        Ok(HolderKey {
            id: slot.id,
            prk: hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, secret.as_slice()),
        })
    }

    /// Writes and syncs the keys made since the last time. Every record sealed before this
    /// is called names keys that are durable when it returns.
    pub(crate) fn flush(&self, volume: &Volume) -> Result<(), LedgerError> {
        let (slot, pending) = {
            let state = self.state();
            if state.pending.is_empty() {
                return Ok(());
            }
            (state.written, state.pending.concat())
        };
        locked(&self.journal).append(volume, slot, &pending)?;
        let count = pending.len() / SLOT;
        let mut state = self.state();
        state.pending.drain(..count);
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
}

/// A lock left by a panic is taken over: what it guards changes in single steps.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn journal_path(folder: &Path) -> PathBuf {
    folder.join(format!("epoch-{EPOCH:04}.keys"))
}

fn epoch_path(folder: &Path) -> PathBuf {
    folder.join(format!("epoch-{EPOCH:04}.kek"))
}

/// What a wrapped key is bound to: all of its entry but the key.
fn slot_context(slot: &Slot) -> Vec<u8> {
    let mut context = b"plimsoll key v1".to_vec();
    context.extend_from_slice(&EPOCH.to_le_bytes());
    context.push(slot.kind);
    context.extend_from_slice(&slot.id);
    context.extend_from_slice(&slot.pseudonym);
    context
}

/// Makes root, epoch key and journal in this order. A crash between leaves a prefix, which
/// the next start completes.
fn create_missing(folder: &Path, volume: &Volume) -> Result<(), LedgerError> {
    let root_path = folder.join("root.key");
    let (epoch, journal) = (epoch_path(folder), journal_path(folder));
    if !root_path.exists() {
        if epoch.exists() || journal.exists() {
            return Err(LedgerError::Keys {
                path: root_path,
                what: "it is missing; restore it from the keys' own backup",
            });
        }
        let mut root = Zeroizing::new([0; ROOT_LEN]);
        random(root.as_mut_slice())?;
        volume.replace(&root_path, root.as_slice())?;
    }
    if !epoch.exists() {
        if journal.exists() {
            return Err(LedgerError::Keys {
                path: epoch,
                what: "it is missing; restore it from the keys' own backup",
            });
        }
        let root = read_root(&root_path)?;
        let root = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, root.as_slice());
        let mut secret = Zeroizing::new([0; 32]);
        random(secret.as_mut_slice())?;
        let mut bytes = epoch_head();
        let wrapped = wrap(&wrapping_key(&root)?, &bytes, &secret)?;
        bytes.extend_from_slice(&wrapped);
        volume.replace(&epoch, &bytes)?;
    }
    if !journal.exists() {
        Journal::create(volume, &journal, EPOCH)?;
    }
    Ok(())
}

/// The beginning of the epoch key's file, which is also what its wrap is bound to.
fn epoch_head() -> Vec<u8> {
    let mut head = b"PLMKEK01".to_vec();
    head.extend_from_slice(&EPOCH.to_le_bytes());
    head
}

fn read_root(path: &Path) -> Result<Zeroizing<Vec<u8>>, LedgerError> {
    let keys = |what| LedgerError::Keys { path: path.to_path_buf(), what };
    let mode = std::fs::metadata(path).map_err(LedgerError::io("open", path))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(keys("others than its owner may read it; run `chmod 600` on it"));
    }
    let root = Zeroizing::new(std::fs::read(path).map_err(LedgerError::io("read", path))?);
    if root.len() == ROOT_LEN {
        Ok(root)
    } else {
        Err(keys("a root key has 32 bytes; restore it from the keys' own backup"))
    }
}

fn read_epoch(folder: &Path, root: &hkdf::Prk) -> Result<LessSafeKey, LedgerError> {
    let path = epoch_path(folder);
    let bytes = std::fs::read(&path).map_err(LedgerError::io("read", &path))?;
    let head = epoch_head();
    let wrapped: Option<[u8; WRAPPED]> =
        bytes.strip_prefix(head.as_slice()).and_then(|rest| rest.try_into().ok());
    let secret = match wrapped {
        Some(wrapped) => unwrap(&wrapping_key(root)?, &head, &wrapped),
        None => None,
    };
    let what =
        "it does not unwrap under the root key; restore the folder from the keys' own backup";
    aead(secret.ok_or(LedgerError::Keys { path, what })?.as_slice())
}

fn wrapping_key(root: &hkdf::Prk) -> Result<LessSafeKey, LedgerError> {
    aead(derived(root, b"plimsoll epoch wrap v1")?.as_slice())
}

fn derived(root: &hkdf::Prk, label: &[u8]) -> Result<Zeroizing<[u8; 32]>, LedgerError> {
    let mut out = Zeroizing::new([0; 32]);
    expand(root, label, out.as_mut_slice())?;
    Ok(out)
}

/// How much key material to expand to.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand (RFC 5869 §2.3) with SHA-256. Fails only for impossible lengths.
pub(crate) fn expand(prk: &hkdf::Prk, info: &[u8], out: &mut [u8]) -> Result<(), LedgerError> {
    prk.expand(&[info], Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .map_err(|_| LedgerError::Random)
}

/// AES-256-GCM under a 32-byte key.
pub(crate) fn aead(key: &[u8]) -> Result<LessSafeKey, LedgerError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| LedgerError::Random)
}

pub(crate) fn random(out: &mut [u8]) -> Result<(), LedgerError> {
    rand::fill(out).map_err(|_| LedgerError::Random)
}

/// Nonce, ciphertext and tag of a wrapped 32-byte key. The nonce is random: 2^28 keys under
/// one epoch's key stay far below AES-GCM's bound of 2^32 (SP 800-38D §8.3).
fn wrap(
    key: &LessSafeKey,
    context: &[u8],
    secret: &[u8; 32],
) -> Result<[u8; WRAPPED], LedgerError> {
    let mut nonce = [0; 12];
    random(&mut nonce)?;
    let mut text = Zeroizing::new(*secret);
    let tag = key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(context),
            text.as_mut_slice(),
        )
        .map_err(|_| LedgerError::Random)?;
    let mut out = [0; WRAPPED];
    out[..12].copy_from_slice(&nonce);
    out[12..44].copy_from_slice(text.as_slice());
    out[44..].copy_from_slice(tag.as_ref());
    Ok(out)
}

fn unwrap(
    key: &LessSafeKey,
    context: &[u8],
    wrapped: &[u8; WRAPPED],
) -> Option<Zeroizing<[u8; 32]>> {
    let mut text = Zeroizing::new(field::<48>(wrapped, 12));
    let nonce = Nonce::assume_unique_for_key(field(wrapped, 0));
    let opened = key.open_in_place(nonce, Aad::from(context), text.as_mut_slice()).ok()?;
    let secret = Zeroizing::new(field(opened, 0));
    opened.zeroize();
    Some(secret)
}

#[cfg(test)]
mod tests;
