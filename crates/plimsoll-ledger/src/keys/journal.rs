//! The key journal: one fixed-size entry per subject, day and system key, wrapped under the
//! epoch's key. Append-only; erasing and rotating it come with the ledger's later parts.
//!
//! An entry whose checksum is wrong is passed over, not cut off: entries after it may be
//! whole and in use, and one that was torn by a crash was never in use.

use crate::LedgerError;
use crate::disk::{Handle, Volume, field};
use std::path::Path;
use std::sync::Arc;

/// Bytes of an entry.
pub(crate) const SLOT: usize = 128;
const MAGIC: &[u8; 8] = b"PLMKEY01";
/// The journal grows by this many bytes (8,192 keys), so that appends rarely change its length.
const GROWTH: u64 = 1 << 20;
/// Bytes read at once when loading.
const WINDOW: usize = 1 << 20;
/// Marks a slot in use, with the entry's version.
const IN_USE: u8 = 1;
/// Wrapped key: nonce 12, ciphertext 32, tag 16.
pub(crate) const WRAPPED: usize = 60;

/// One wrapped key.
#[derive(Clone, Copy)]
pub(crate) struct Slot {
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

impl Slot {
    pub(crate) fn encode(&self) -> [u8; SLOT] {
        let mut out = Vec::with_capacity(SLOT);
        out.extend_from_slice(&[IN_USE, self.kind, 0, 0]);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.pseudonym);
        out.extend_from_slice(&self.wrapped);
        out.extend_from_slice(&self.created.to_le_bytes());
        out.resize(SLOT - 4, 0);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        field(&out, 0)
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let content = bytes.get(..SLOT - 4)?;
        if content.first() != Some(&IN_USE)
            || crc32fast::hash(content).to_le_bytes() != field::<4>(bytes, SLOT - 4)
        {
            return None;
        }
        Some(Self {
            kind: *content.get(1)?,
            id: field(content, 4),
            pseudonym: field(content, 20),
            wrapped: field(content, 52),
            created: u64::from_le_bytes(field(content, 112)),
        })
    }
}

/// The journal's file, for the one thread that writes it.
#[derive(Debug)]
pub(crate) struct Journal {
    handle: Arc<Handle>,
    /// Bytes set aside.
    len: u64,
}

fn at(slot: u32) -> u64 {
    // Slot 0 is the file's header.
    (u64::from(slot) + 1) * SLOT as u64
}

impl Journal {
    /// Makes an empty journal.
    pub(crate) fn create(volume: &Volume, path: &Path, epoch: u32) -> Result<(), LedgerError> {
        let mut header = MAGIC.to_vec();
        header.extend_from_slice(&epoch.to_le_bytes());
        header.resize(SLOT - 4, 0);
        let crc = crc32fast::hash(&header);
        header.extend_from_slice(&crc.to_le_bytes());
        volume.replace(path, &header)
    }

    /// Opens a journal and shows every whole entry to `visit`. Returns the journal, the next
    /// free slot, and the number of damaged ones.
    pub(crate) fn open(
        path: &Path,
        writable: bool,
        mut visit: impl FnMut(u32, &Slot),
    ) -> Result<(Self, u32, u64), LedgerError> {
        let handle = if writable { Handle::write(path)? } else { Handle::read(path)? };
        let len = handle.len()?;
        let mut header = [0; SLOT];
        let filled = handle.read_at(&mut header, 0)?;
        if filled < SLOT
            || !header.starts_with(MAGIC)
            || crc32fast::hash(&header[..SLOT - 4]).to_le_bytes() != field::<4>(&header, SLOT - 4)
        {
            return Err(LedgerError::Keys {
                path: path.to_path_buf(),
                what: "it is no key journal of format 1; restore it from the keys' own backup",
            });
        }
        let (mut next, mut damaged) = (0, 0);
        scan(&handle, 0, u32::MAX, |slot, found| {
            next = slot + 1;
            match found {
                Some(found) => visit(slot, found),
                None => damaged += 1,
            }
        })?;
        Ok((Self { handle: Arc::new(handle), len }, next, damaged))
    }

    /// The file, for reading what was appended.
    pub(crate) fn handle(&self) -> Arc<Handle> {
        Arc::clone(&self.handle)
    }

    /// Writes entries from `slot` on and returns when they are durable.
    pub(crate) fn append(
        &mut self,
        volume: &Volume,
        slot: u32,
        entries: &[u8],
    ) -> Result<(), LedgerError> {
        let (start, end) = (at(slot), at(slot) + entries.len() as u64);
        if end > self.len {
            // Zeros first: a full disk is met here, where nothing is half written.
            let len = end.div_ceil(GROWTH) * GROWTH;
            volume
                .zero(&self.handle, self.len, len)
                .map_err(|e| if e.is_full() { LedgerError::Full } else { e })?;
            self.len = len;
        }
        // From here on even "disk full" means that what is on disk is unknown.
        let written =
            volume.write(&self.handle, entries, start).and_then(|()| volume.sync(&self.handle));
        written.map_err(|e| LedgerError::Poisoned(e.to_string().into()))
    }

    /// Makes what an earlier process wrote durable, synced by it or not.
    pub(crate) fn sync(&self, volume: &Volume) -> Result<(), LedgerError> {
        volume.sync(&self.handle)
    }
}

/// The entry in `slot`, if it is whole.
pub(crate) fn read(handle: &Handle, slot: u32) -> Result<Option<Slot>, LedgerError> {
    let mut bytes = [0; SLOT];
    let filled = handle.read_at(&mut bytes, at(slot))?;
    Ok(if filled == SLOT { Slot::decode(&bytes) } else { None })
}

/// Shows the entries of slots `from..to` that are in use, `None` for a damaged one.
pub(crate) fn scan(
    handle: &Handle,
    from: u32,
    to: u32,
    mut visit: impl FnMut(u32, Option<&Slot>),
) -> Result<(), LedgerError> {
    let mut slot = from;
    let mut window = vec![0; WINDOW];
    while slot < to {
        let filled = handle.read_at(&mut window, at(slot))?;
        if filled < SLOT {
            break;
        }
        for bytes in window.get(..filled - filled % SLOT).unwrap_or_default().chunks_exact(SLOT) {
            if slot >= to {
                break;
            }
            let found = Slot::decode(bytes);
            if found.is_some() || bytes.iter().any(|&b| b != 0) {
                visit(slot, found.as_ref());
            }
            slot += 1;
        }
    }
    Ok(())
}
