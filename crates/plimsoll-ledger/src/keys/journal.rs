//! The key journal of an epoch: slots of one size. A key's slot holds it wrapped under the
//! epoch's key. Erasing a key appends a tombstone and blanks the key's slot; both with one
//! sync, and a start blanks what a crash left unblanked. A key keeps its slot's number for
//! as long as the ledger lives: rotation copies slot by slot.
//!
//! A slot whose checksum is wrong is passed over, not cut off: slots after it may be
//! whole and in use, and one that was torn by a crash was never in use.

use super::crypt::WRAPPED;
use crate::LedgerError;
use crate::disk::{Handle, Volume, field};
use plimsoll_types::Time;
use std::path::Path;
use std::sync::Arc;

/// Bytes of a slot.
pub(crate) const SLOT: usize = 128;
const MAGIC: &[u8; 8] = b"PLMKEY01";
/// The journal grows by this many bytes (8,192 keys), so that appends rarely change its length.
const GROWTH: u64 = 1 << 20;
/// Bytes read at once when loading.
pub(crate) const WINDOW: usize = 1 << 20;
/// What the first byte of a slot says. Zero is a free slot.
const KEY: u8 = 1;
const BLANK: u8 = 2;
const TOMBSTONE: u8 = 3;

/// What a slot holds.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    Key(KeySlot),
    Tombstone(Tombstone),
    /// An erased key was here.
    Blank,
    /// Not whole.
    Damaged,
}

/// One wrapped key.
#[derive(Clone, Copy)]
pub(crate) struct KeySlot {
    /// The key's random name, as sealed bodies hold it.
    pub(crate) id: [u8; 16],
    /// A [`super::Kind`].
    pub(crate) kind: u8,
    /// Keyed digest of what the key is for.
    pub(crate) pseudonym: [u8; 32],
    pub(crate) wrapped: [u8; WRAPPED],
    /// When it was made, microseconds.
    pub(crate) created: u64,
}

/// What is left of an erased key: no pseudonym, nothing of the key.
#[derive(Clone, Copy)]
pub(crate) struct Tombstone {
    pub(crate) id: [u8; 16],
    pub(crate) kind: u8,
    /// The slot that the key had.
    pub(crate) slot: u32,
    /// When it was erased, microseconds.
    pub(crate) erased: u64,
}

impl KeySlot {
    pub(crate) fn encode(&self) -> [u8; SLOT] {
        encode(KEY, self.kind, &self.id, &[&self.pseudonym, &self.wrapped], self.created, 0)
    }
}

impl Tombstone {
    pub(crate) fn encode(&self) -> [u8; SLOT] {
        encode(TOMBSTONE, self.kind, &self.id, &[], self.erased, self.slot)
    }
}

/// The slot of a key that was erased.
pub(crate) fn blank() -> [u8; SLOT] {
    encode(BLANK, 0, &[0; 16], &[], 0, 0)
}

fn encode(
    what: u8,
    kind: u8,
    id: &[u8; 16],
    secrets: &[&[u8]],
    time: u64,
    number: u32,
) -> [u8; SLOT] {
    let mut out = Vec::with_capacity(SLOT);
    out.extend_from_slice(&[what, kind, 0, 0]);
    out.extend_from_slice(id);
    secrets.iter().for_each(|secret| out.extend_from_slice(secret));
    out.resize(112, 0);
    out.extend_from_slice(&time.to_le_bytes());
    out.extend_from_slice(&number.to_le_bytes());
    let crc = crc32fast::hash(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    field(&out, 0)
}

impl Slot {
    /// What `bytes` hold; `None` for a free slot.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        if bytes.iter().all(|&b| b == 0) {
            return None;
        }
        Some(Self::whole(bytes).unwrap_or(Self::Damaged))
    }

    fn whole(bytes: &[u8]) -> Option<Self> {
        let content = bytes.get(..SLOT - 4)?;
        if crc32fast::hash(content).to_le_bytes() != field::<4>(bytes, SLOT - 4) {
            return None;
        }
        let (id, kind) = (field(content, 4), *content.get(1)?);
        let (time, number) =
            (u64::from_le_bytes(field(content, 112)), u32::from_le_bytes(field(content, 120)));
        match *content.first()? {
            KEY => Some(Self::Key(KeySlot {
                id,
                kind,
                pseudonym: field(content, 20),
                wrapped: field(content, 52),
                created: time,
            })),
            TOMBSTONE => Some(Self::Tombstone(Tombstone { id, kind, slot: number, erased: time })),
            BLANK => Some(Self::Blank),
            _ => None,
        }
    }
}

/// The journal's file, for the one thread that writes it.
#[derive(Debug)]
pub(crate) struct Journal {
    handle: Arc<Handle>,
    /// Bytes set aside.
    len: u64,
    /// Slots blanked while a rotation copies the journal.
    pub(crate) blanked: Option<Vec<u32>>,
    /// Why it takes nothing any more: it is not known which file is in force.
    pub(crate) broken: Option<Box<str>>,
}

/// Where a slot begins.
pub(crate) fn at(slot: u32) -> u64 {
    // Slot 0 is the file's header.
    (u64::from(slot) + 1) * SLOT as u64
}

/// The slot before the first: which epoch, since when.
pub(crate) fn header(epoch: u32, since: Time) -> [u8; SLOT] {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&epoch.to_le_bytes());
    header.extend_from_slice(&[0; 4]);
    header.extend_from_slice(&since.as_micros().to_le_bytes());
    header.resize(SLOT - 4, 0);
    let crc = crc32fast::hash(&header);
    header.extend_from_slice(&crc.to_le_bytes());
    field(&header, 0)
}

impl Journal {
    /// Makes an empty journal.
    pub(crate) fn create(
        volume: &Volume,
        path: &Path,
        epoch: u32,
        since: Time,
    ) -> Result<(), LedgerError> {
        volume.replace(path, &header(epoch, since))
    }

    /// A journal that this process wrote.
    pub(crate) fn of(handle: Arc<Handle>) -> Result<Self, LedgerError> {
        let len = handle.len()?;
        Ok(Self { handle, len, blanked: None, broken: None })
    }

    /// Opens the journal of an epoch and shows every slot in use to `visit`. Returns the
    /// journal, since when it is in force, and the next free slot.
    pub(crate) fn open(
        path: &Path,
        epoch: u32,
        writable: bool,
        mut visit: impl FnMut(u32, &Slot),
    ) -> Result<(Self, Time, u32), LedgerError> {
        let handle = if writable { Handle::write(path)? } else { Handle::read(path)? };
        let mut found = [0; SLOT];
        let filled = handle.read_at(&mut found, 0)?;
        let since = Time::from_micros(u64::from_le_bytes(field(&found, 16)));
        if filled < SLOT || found != header(epoch, since) {
            return Err(LedgerError::Keys {
                path: path.to_path_buf(),
                what: "it is no key journal of format 1; restore it from the keys' own backup",
            });
        }
        let mut next = 0;
        scan(&handle, 0, u32::MAX, |slot, found| {
            next = slot + 1;
            visit(slot, found);
        })?;
        Ok((Self::of(Arc::new(handle))?, since, next))
    }

    /// The file, for reading what was appended.
    pub(crate) fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.handle)
    }

    /// Writes slots from `slot` on, blanks others, and returns when both are durable.
    pub(crate) fn append(
        &mut self,
        volume: &Volume,
        slot: u32,
        slots: &[u8],
        blanks: &[u32],
    ) -> Result<(), LedgerError> {
        if let Some(why) = &self.broken {
            return Err(LedgerError::Poisoned(why.clone()));
        }
        let (start, end) = (at(slot), at(slot) + slots.len() as u64);
        if end > self.len {
            // Zeros first: a full disk is met here, where nothing is half written.
            let len = end.div_ceil(GROWTH) * GROWTH;
            volume
                .zero(&self.handle, self.len, len)
                .map_err(|e| if e.is_full() { LedgerError::Full } else { e })?;
            self.len = len;
        }
        // From here on even "disk full" means that what is on disk is unknown.
        self.write(volume, start, slots, blanks)
            .map_err(|e| LedgerError::Poisoned(e.to_string().into()))
    }

    fn write(
        &mut self,
        volume: &Volume,
        start: u64,
        slots: &[u8],
        blanks: &[u32],
    ) -> Result<(), LedgerError> {
        volume.write(&self.handle, slots, start)?;
        for &slot in blanks {
            volume.write(&self.handle, &blank(), at(slot))?;
        }
        if let Some(blanked) = &mut self.blanked {
            blanked.extend_from_slice(blanks);
        }
        volume.sync(&self.handle)
    }

    /// Makes what an earlier process wrote durable, synced by it or not.
    pub(crate) fn sync(&self, volume: &Volume) -> Result<(), LedgerError> {
        volume.sync(&self.handle)
    }
}

/// What is in `slot`, if anything.
pub(crate) fn read(handle: &Handle, slot: u32) -> Result<Option<Slot>, LedgerError> {
    let mut bytes = [0; SLOT];
    let filled = handle.read_at(&mut bytes, at(slot))?;
    Ok(if filled == SLOT { Slot::decode(&bytes) } else { None })
}

/// Shows the slots of `from..to` that are in use.
pub(crate) fn scan(
    handle: &Handle,
    from: u32,
    to: u32,
    mut visit: impl FnMut(u32, &Slot),
) -> Result<(), LedgerError> {
    let mut slot = from;
    let mut window = vec![0; WINDOW.min((to - from) as usize * SLOT)];
    while slot < to {
        let filled = handle.read_at(&mut window, at(slot))?;
        if filled < SLOT {
            break;
        }
        for bytes in window.get(..filled - filled % SLOT).unwrap_or_default().chunks_exact(SLOT) {
            if slot >= to {
                break;
            }
            if let Some(found) = Slot::decode(bytes) {
                visit(slot, &found);
            }
            slot += 1;
        }
    }
    Ok(())
}
