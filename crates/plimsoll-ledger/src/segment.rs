//! A segment: a header and frames, in a file whose blocks are set aside beforehand.
//! Knows how to walk one and to say where and why a walk stops.

use crate::LedgerError;
use crate::disk::{Handle, field};
use crate::frame::{self, Frame, Parsed, leaf_hash};
use plimsoll_types::record::Leaf;
use plimsoll_types::{Digest, GatewayId, TenantId};
use std::path::{Path, PathBuf};

/// Bytes of the header; the first frame follows.
pub(crate) const HEADER: usize = 128;
const MAGIC: &[u8; 8] = b"PLMSEG01";
/// Bytes read at once when walking; grows to the frame's size for a larger one.
const WINDOW: usize = 1 << 20;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) tenant: TenantId,
    pub(crate) gateway: GatewayId,
    /// Index of its first entry.
    pub(crate) first: u64,
    /// Hash of the entry before it.
    pub(crate) previous: Digest,
}

impl Header {
    pub(crate) fn encode(&self) -> [u8; HEADER] {
        let mut out = Vec::with_capacity(HEADER);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(self.tenant.as_bytes());
        out.extend_from_slice(self.gateway.as_bytes());
        out.extend_from_slice(&self.first.to_le_bytes());
        out.extend_from_slice(self.previous.as_bytes());
        out.resize(HEADER - 4, 0);
        let crc = crc32fast::hash(&out);
        out.extend_from_slice(&crc.to_le_bytes());
        field(&out, 0)
    }

    /// The header of an open segment.
    pub(crate) fn read(handle: &Handle) -> Result<Self, LedgerError> {
        let mut bytes = [0; HEADER];
        let format = |what| LedgerError::Format { path: handle.path.clone(), what };
        if handle.read_at(&mut bytes, 0)? < HEADER {
            return Err(format("it is shorter than a segment's header"));
        }
        if !bytes.starts_with(MAGIC) {
            return Err(format("it does not begin as a segment of format 1"));
        }
        if crc32fast::hash(&bytes[..HEADER - 4]).to_le_bytes() != field::<4>(&bytes, HEADER - 4) {
            return Err(format("the checksum of its header is wrong"));
        }
        Ok(Self {
            tenant: TenantId::from_bytes(field(&bytes, 8)),
            gateway: GatewayId::from_bytes(field(&bytes, 24)),
            first: u64::from_le_bytes(field(&bytes, 40)),
            previous: Digest::from_bytes(field(&bytes, 48)),
        })
    }
}

/// The file of the segment whose first entry is `first`.
pub(crate) fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.seg"))
}

/// First index and path of every segment in `folder`, in order.
pub(crate) fn list(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LedgerError> {
    let mut found = Vec::new();
    for item in std::fs::read_dir(folder).map_err(LedgerError::io("list", folder))? {
        let path = item.map_err(LedgerError::io("list", folder))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some(digits) = name.strip_suffix(".seg").filter(|digits| digits.len() == 20) else {
            continue;
        };
        if let Ok(first) = digits.parse() {
            found.push((first, path));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Where a walk stands: the next entry's place and what it must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) offset: u64,
    pub(crate) index: u64,
    pub(crate) previous: Digest,
}

/// An entry met on a walk.
#[derive(Debug)]
pub(crate) struct Met<'a> {
    pub(crate) index: u64,
    pub(crate) offset: u64,
    pub(crate) leaf: Leaf,
    pub(crate) frame: Frame<'a>,
}

/// Why a walk stopped; the cursor it left says where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing was written there, or the segment ends.
    End,
    /// What is there is no entry that may follow.
    Bad(&'static str),
}

/// Walks entries from `cursor` until something stops it. Checks checksum, leaf, gateway,
/// sequence number and the previous entry's hash.
pub(crate) fn walk(
    handle: &Handle,
    gateway: GatewayId,
    cursor: &mut Cursor,
    mut visit: impl FnMut(Met<'_>) -> Result<(), LedgerError>,
) -> Result<Stop, LedgerError> {
    walk_hashed(handle, gateway, cursor, |met, _| visit(met))
}

/// The same; `visit` also gets the leaf's hash.
pub(crate) fn walk_hashed(
    handle: &Handle,
    gateway: GatewayId,
    cursor: &mut Cursor,
    mut visit: impl FnMut(Met<'_>, Digest) -> Result<(), LedgerError>,
) -> Result<Stop, LedgerError> {
    let mut window = Window::new(handle)?;
    loop {
        let frame = match window.frame(cursor.offset)? {
            Parsed::Frame(frame) => frame,
            Parsed::End => return Ok(Stop::End),
            Parsed::More(_) => return Ok(Stop::Bad("a frame goes beyond the segment")),
            Parsed::Bad(what) => return Ok(Stop::Bad(what)),
        };
        let Ok(leaf) = Leaf::decode(frame.leaf) else {
            return Ok(Stop::Bad("a leaf is malformed"));
        };
        if leaf.gateway != gateway {
            return Ok(Stop::Bad("the entry is another gateway's"));
        }
        if leaf.seq != cursor.index {
            return Ok(Stop::Bad("a sequence number is missing"));
        }
        if leaf.previous != cursor.previous {
            return Ok(Stop::Bad("the entry does not follow the one before it"));
        }
        let hash = leaf_hash(frame.leaf);
        let size = frame.size as u64;
        visit(Met { index: cursor.index, offset: cursor.offset, leaf, frame }, hash)?;
        *cursor = Cursor { offset: cursor.offset + size, index: cursor.index + 1, previous: hash };
    }
}

/// The entry at `offset`.
pub(crate) fn read_entry(
    handle: &Handle,
    index: u64,
    offset: u64,
) -> Result<frame::Entry, LedgerError> {
    /// Most entries fit, so that one read does.
    const FIRST_READ: usize = 4096;
    let damaged = |what| LedgerError::Damaged { path: handle.path.clone(), index, offset, what };
    let len = handle.len()?;
    let mut bytes = vec![0; FIRST_READ];
    for _ in 0..2 {
        let filled = handle.read_at(&mut bytes, offset)?;
        bytes.truncate(filled);
        match frame::parse(&bytes) {
            Parsed::Frame(_) => {
                let entry =
                    frame::Entry::parse(&bytes).ok_or_else(|| damaged("a leaf is malformed"))?;
                return if entry.index == index {
                    Ok(entry)
                } else {
                    Err(damaged("another entry is in its place"))
                };
            }
            Parsed::More(size) if offset.saturating_add(size as u64) <= len => {
                bytes.resize(size, 0)
            }
            Parsed::More(_) => return Err(damaged("a frame goes beyond the segment")),
            Parsed::End => return Err(damaged("nothing is in its place")),
            Parsed::Bad(what) => return Err(damaged(what)),
        }
    }
    Err(damaged("its file was cut while it was read"))
}

/// A part of a segment in memory.
pub(crate) struct Window<'h> {
    handle: &'h Handle,
    len: u64,
    start: u64,
    bytes: Vec<u8>,
}

impl<'h> Window<'h> {
    pub(crate) fn new(handle: &'h Handle) -> Result<Self, LedgerError> {
        Ok(Self { handle, len: handle.len()?, start: 0, bytes: Vec::new() })
    }

    /// What lies at `offset`.
    pub(crate) fn frame(&mut self, offset: u64) -> Result<Parsed<'_>, LedgerError> {
        self.load(offset, frame::HEAD)?;
        let size = frame::announced(self.from(offset));
        if offset.saturating_add(size as u64) <= self.len {
            self.load(offset, size)?;
        }
        Ok(frame::parse(self.from(offset)))
    }

    /// The bytes from `offset`, at least `need` of them unless the file ends.
    pub(crate) fn bytes(&mut self, offset: u64, need: usize) -> Result<&[u8], LedgerError> {
        self.load(offset, need)?;
        Ok(self.from(offset))
    }

    fn load(&mut self, offset: u64, need: usize) -> Result<(), LedgerError> {
        let end = self.start + self.bytes.len() as u64;
        if offset >= self.start
            && (offset + need as u64 <= end || (end == self.len && offset <= end))
        {
            return Ok(());
        }
        self.bytes.resize(need.max(WINDOW), 0);
        let filled = self.handle.read_at(&mut self.bytes, offset)?;
        self.bytes.truncate(filled);
        self.start = offset;
        Ok(())
    }

    fn from(&self, offset: u64) -> &[u8] {
        let skip = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        self.bytes.get(skip..).unwrap_or_default()
    }
}
