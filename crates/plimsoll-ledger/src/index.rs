//! Where a segment's entries are: by position, by id, by tag. In memory while the segment
//! is written, in a sidecar file afterwards. Derived from the segment and rebuilt from it
//! when missing or damaged.

use crate::LedgerError;
use crate::disk::{Handle, field};
use crate::segment::{Cursor, HEADER, Met};
use plimsoll_types::record::{Kind, Leaf};
use plimsoll_types::{Digest, Time};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

/// No row: the end of a chain.
const NONE: u32 = u32::MAX;

/// The index of a segment in memory. A row is an entry's number within the segment.
#[derive(Debug, Default)]
pub(crate) struct Live {
    offsets: Vec<u32>,
    ids: Vec<[u8; 16]>,
    /// The row before with the same id, or [`NONE`].
    earlier: Vec<u32>,
    last_of_id: HashMap<[u8; 16], u32>,
    last_of_tag: HashMap<[u8; 16], u32>,
    pub(crate) latest: Time,
}

impl Live {
    /// Adds the next entry.
    pub(crate) fn add(
        &mut self,
        offset: u64,
        leaf_id: [u8; 16],
        tag: Option<[u8; 16]>,
        time: Time,
    ) {
        // Segments are smaller than 4 GiB and hold fewer than 2^32 entries.
        let row = u32::try_from(self.offsets.len()).unwrap_or(NONE);
        self.offsets.push(u32::try_from(offset).unwrap_or(u32::MAX));
        self.ids.push(leaf_id);
        self.earlier.push(self.last_of_id.insert(leaf_id, row).unwrap_or(NONE));
        if let Some(tag) = tag {
            self.last_of_tag.insert(tag, row);
        }
        self.latest = self.latest.max(time);
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.offsets.len()).unwrap_or(NONE)
    }
    pub(crate) fn offset(&self, row: u32) -> Option<u32> {
        self.offsets.get(row as usize).copied()
    }
    /// Rows of an id, in order.
    pub(crate) fn rows_of(&self, id: &[u8; 16]) -> Vec<u32> {
        let mut rows = Vec::new();
        let mut next = self.last_of_id.get(id).copied();
        while let Some(row) = next.filter(|&row| row != NONE) {
            rows.push(row);
            next = self.earlier.get(row as usize).copied();
        }
        rows.reverse();
        rows
    }
    /// The last row of a tag.
    pub(crate) fn row_of_tag(&self, tag: &[u8; 16]) -> Option<u32> {
        self.last_of_tag.get(tag).copied()
    }

    /// The sidecar's bytes.
    pub(crate) fn encode(&self, first: u64, end: &Cursor, open: &BTreeSet<u64>) -> Vec<u8> {
        let mut ids: Vec<_> = self.ids.iter().zip(0_u32..).collect();
        ids.sort_unstable();
        let mut tags: Vec<_> = self.last_of_tag.iter().collect();
        tags.sort_unstable();
        let mut body =
            Vec::with_capacity(self.offsets.len() * 24 + tags.len() * 20 + open.len() * 8);
        for offset in &self.offsets {
            body.extend_from_slice(&offset.to_le_bytes());
        }
        for (id, row) in &ids {
            body.extend_from_slice(*id);
            body.extend_from_slice(&row.to_le_bytes());
        }
        for (tag, row) in &tags {
            body.extend_from_slice(*tag);
            body.extend_from_slice(&row.to_le_bytes());
        }
        for seq in open {
            body.extend_from_slice(&seq.to_le_bytes());
        }
        let summary = Summary {
            first,
            count: self.count(),
            tags: u32::try_from(tags.len()).unwrap_or(NONE),
            open: u32::try_from(open.len()).unwrap_or(NONE),
            end: end.offset,
            latest: self.latest,
            lowest: ids.first().map_or([0; 16], |(id, _)| **id),
            highest: ids.last().map_or([0; 16], |(id, _)| **id),
            head: end.previous,
            crc: crc32fast::hash(&body),
        };
        let mut out = summary.encode();
        out.append(&mut body);
        out
    }
}

/// Intents that no completion has followed yet, by sequence number. As many as there are
/// requests in flight.
pub(crate) fn follow(open: &mut BTreeSet<u64>, leaf: &Leaf) {
    if leaf.draft.kind == Kind::Intent {
        open.insert(leaf.seq);
    } else if let Some(intent) = leaf.draft.extension.intent {
        open.remove(&intent);
    }
}

/// Adds what a walk met.
pub(crate) fn note(live: &mut Live, open: &mut BTreeSet<u64>, met: &Met<'_>) {
    live.add(met.offset, met.leaf.draft.id, met.frame.tag, met.leaf.draft.time);
    follow(open, &met.leaf);
}

const MAGIC: &[u8; 8] = b"PLMIDX01";
const ID_ROW: u64 = 20;

/// The header of a sidecar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) first: u64,
    pub(crate) count: u32,
    tags: u32,
    open: u32,
    /// Bytes of the segment in use.
    pub(crate) end: u64,
    /// The latest time of an entry.
    pub(crate) latest: Time,
    lowest: [u8; 16],
    highest: [u8; 16],
    /// Hash of the last entry.
    pub(crate) head: Digest,
    crc: u32,
}

impl Summary {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&self.first.to_le_bytes());
        for number in [self.count, self.tags, self.open, 0] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.end.to_le_bytes());
        out.extend_from_slice(&self.latest.as_micros().to_le_bytes());
        out.extend_from_slice(&self.lowest);
        out.extend_from_slice(&self.highest);
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(&self.crc.to_le_bytes());
        out.resize(HEADER - 4, 0);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        if !bytes.starts_with(MAGIC)
            || crc32fast::hash(&bytes[..HEADER - 4]).to_le_bytes() != field::<4>(bytes, HEADER - 4)
        {
            return None;
        }
        let number = |at| u32::from_le_bytes(field(bytes, at));
        let long = |at| u64::from_le_bytes(field(bytes, at));
        Some(Self {
            first: long(8),
            count: number(16),
            tags: number(20),
            open: number(24),
            end: long(32),
            latest: Time::from_micros(long(40)),
            lowest: field(bytes, 48),
            highest: field(bytes, 64),
            head: Digest::from_bytes(field(bytes, 80)),
            crc: number(112),
        })
    }

    fn ids_at(&self) -> u64 {
        HEADER as u64 + u64::from(self.count) * 4
    }
    fn tags_at(&self) -> u64 {
        self.ids_at() + u64::from(self.count) * ID_ROW
    }
    fn open_at(&self) -> u64 {
        self.tags_at() + u64::from(self.tags) * ID_ROW
    }
    fn len(&self) -> u64 {
        self.open_at() + u64::from(self.open) * 8
    }
}

/// The sidecar's file of a segment's.
pub(crate) fn path(segment: &Path) -> PathBuf {
    segment.with_extension("idx")
}

/// A sidecar on disk.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) summary: Summary,
    path: PathBuf,
}

impl Stored {
    /// The sidecar at `path`, if its header is whole and its length fits.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let handle = Handle::read(path).ok()?;
        let mut head = [0; HEADER];
        handle.read_exact_at(&mut head, 0).ok()?;
        let summary = Summary::decode(&head)?;
        (handle.len().ok()? == summary.len()).then(|| Self { summary, path: path.to_path_buf() })
    }

    /// Whether the body's checksum is right. Reads the whole sidecar.
    pub(crate) fn is_whole(&self) -> bool {
        const PIECE: usize = 1 << 18;
        let Ok(handle) = Handle::read(&self.path) else { return false };
        let mut hasher = crc32fast::Hasher::new();
        let mut piece = vec![0; PIECE];
        let mut at = HEADER as u64;
        loop {
            match handle.read_at(&mut piece, at) {
                Ok(0) => break,
                Ok(n) => {
                    hasher.update(piece.get(..n).unwrap_or_default());
                    at += n as u64;
                }
                Err(_) => return false,
            }
        }
        hasher.finalize() == self.summary.crc
    }

    /// Sequence numbers of the intents that were open at the segment's end.
    pub(crate) fn open_intents(&self) -> Result<BTreeSet<u64>, LedgerError> {
        let handle = Handle::read(&self.path)?;
        let mut bytes = vec![0; self.summary.open as usize * 8];
        handle.read_exact_at(&mut bytes, self.summary.open_at())?;
        Ok(bytes.chunks_exact(8).map(|b| u64::from_le_bytes(field(b, 0))).collect())
    }

    pub(crate) fn offset(&self, row: u32) -> Result<Option<u32>, LedgerError> {
        if row >= self.summary.count {
            return Ok(None);
        }
        let mut bytes = [0; 4];
        Handle::read(&self.path)?.read_exact_at(&mut bytes, HEADER as u64 + u64::from(row) * 4)?;
        Ok(Some(u32::from_le_bytes(bytes)))
    }

    pub(crate) fn rows_of(&self, id: &[u8; 16]) -> Result<Vec<u32>, LedgerError> {
        let s = &self.summary;
        if s.count == 0 || *id < s.lowest || *id > s.highest {
            return Ok(Vec::new());
        }
        let table = Table { handle: Handle::read(&self.path)?, at: s.ids_at(), rows: s.count };
        let mut rows = Vec::new();
        for place in table.lower_bound(id)?..s.count {
            let (found, row) = table.row(place)?;
            if found != *id {
                break;
            }
            rows.push(row);
        }
        Ok(rows)
    }

    pub(crate) fn row_of_tag(&self, tag: &[u8; 16]) -> Result<Option<u32>, LedgerError> {
        let s = &self.summary;
        if s.tags == 0 {
            return Ok(None);
        }
        let table = Table { handle: Handle::read(&self.path)?, at: s.tags_at(), rows: s.tags };
        let place = table.lower_bound(tag)?;
        if place == s.tags {
            return Ok(None);
        }
        let (found, row) = table.row(place)?;
        Ok((found == *tag).then_some(row))
    }
}

/// A sorted table of 16-byte keys and row numbers.
struct Table {
    handle: Handle,
    at: u64,
    rows: u32,
}

impl Table {
    fn row(&self, place: u32) -> Result<([u8; 16], u32), LedgerError> {
        let mut bytes = [0; 20];
        self.handle.read_exact_at(&mut bytes, self.at + u64::from(place) * ID_ROW)?;
        Ok((field(&bytes, 0), u32::from_le_bytes(field(&bytes, 16))))
    }

    /// The first place whose key is not below `key`.
    fn lower_bound(&self, key: &[u8; 16]) -> Result<u32, LedgerError> {
        let (mut low, mut high) = (0, self.rows);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.row(middle)?.0 < *key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}
