//! From a folder to an open ledger: identity, segments, sidecars, and the tail, of which
//! only what is whole and in chain is kept. A torn end is what a crash leaves of a batch
//! that nobody was told of; anything else that is wrong is damage, and the ledger refuses
//! to start on it rather than cut off durable records.

use crate::LedgerError;
use crate::disk::{Handle, Volume, field};
use crate::frame::{self, Parsed};
use crate::index::{self, Live, Stored, note};
use crate::ledger::LedgerConfig;
use crate::log::{Active, Log, Part, rebuild};
use crate::segment::{self, Cursor, HEADER, Header, Stop, Window, walk};
use crate::writer::{MAX_BATCH_BYTES, Tail, begin, origin};
use plimsoll_types::record::Leaf;
use plimsoll_types::{Digest, GatewayId, TenantId, Time};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The first segment of a ledger is smaller and not zero-filled, so that a first start is
/// quick; also the bound of a record, which must fit into any segment.
pub(crate) const FIRST_SEGMENT: u64 = 8 << 20;
/// Where the torn end of a batch can lie: one batch, or one large record, and its overhead.
pub(crate) const TEAR: u64 = MAX_BATCH_BYTES as u64 + 2 * FIRST_SEGMENT;

/// What opening found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) gateway: GatewayId,
    pub(crate) log: Log,
    pub(crate) tail: Tail,
    pub(crate) first_start: bool,
    pub(crate) clean: bool,
    pub(crate) torn_bytes: u64,
    pub(crate) rebuilt: u32,
}

/// The ledger's folder in a data folder.
pub(crate) fn folder(data: &Path) -> PathBuf {
    data.join("ledger")
}

/// Opens a ledger's folder for writing, repairing what a crash may have left.
pub(crate) fn recover(
    config: &LedgerConfig,
    volume: &Volume,
    now: Time,
) -> Result<Found, LedgerError> {
    let folder = folder(&config.data);
    let segments = folder.join("segments");
    let first_start = !identity_path(&folder).exists();
    let gateway = match read_identity(&folder)? {
        Some((tenant, gateway)) if tenant == config.tenant => gateway,
        Some(_) => {
            return Err(LedgerError::Format { path: folder, what: "it belongs to another tenant" });
        }
        None if !segment::list(&segments)?.is_empty() => {
            return Err(LedgerError::Format {
                path: folder,
                what: "its file `identity` is missing; restore it from a backup",
            });
        }
        None => {
            let gateway = GatewayId::new(now);
            volume.replace(&identity_path(&folder), &identity(config.tenant, gateway))?;
            gateway
        }
    };
    let chain = Chain::read(&segments, gateway)?;
    let (parts, rebuilt) = index_finished(&chain, Some(volume))?;
    let marker = read_marker(&folder)?;
    let (log, tail, torn_bytes) = match chain.last() {
        None => {
            let (log, tail) = begin_first(config, volume, &folder, gateway)?;
            (log, tail, 0)
        }
        Some(last) => recover_last(last, parts, gateway, volume, marker)?,
    };
    let here = (tail.cursor.index, tail.cursor.previous);
    if let Some((count, _)) =
        marker.filter(|&(count, head)| count > here.0 || (count == here.0 && head != here.1))
    {
        return Err(LedgerError::Damaged {
            path: tail.file.path.clone(),
            index: here.0.min(count),
            offset: tail.cursor.offset,
            what: "the ledger ended elsewhere when it was closed",
        });
    }
    let clean = marker == Some(here) && torn_bytes == 0;
    volume.remove(&marker_path(&folder))?;
    volume.sync_folder(&folder)?;
    Ok(Found { gateway, log, tail, first_start, clean, torn_bytes, rebuilt })
}

/// The segments of a ledger, their headers checked against each other's names.
pub(crate) struct Chain {
    pub(crate) segments: Vec<(Header, PathBuf)>,
}

impl Chain {
    pub(crate) fn read(folder: &Path, gateway: GatewayId) -> Result<Self, LedgerError> {
        let mut segments = Vec::new();
        for (first, path) in segment::list(folder)? {
            let header = Header::read(&Handle::read(&path)?)?;
            if header.first != first || header.gateway != gateway {
                return Err(LedgerError::Format {
                    path,
                    what: "its header does not fit its name or its ledger",
                });
            }
            segments.push((header, path));
        }
        match segments.first() {
            Some((header, path)) if header.first != 0 => Err(LedgerError::Format {
                path: path.clone(),
                what: "segments before it are missing; restore them from a backup",
            }),
            _ => Ok(Self { segments }),
        }
    }

    pub(crate) fn last(&self) -> Option<&(Header, PathBuf)> {
        self.segments.last()
    }

    /// Finished segments, each with the header after it.
    pub(crate) fn finished(&self) -> impl Iterator<Item = (&Header, &PathBuf, &Header)> {
        self.segments
            .iter()
            .zip(self.segments.iter().skip(1))
            .map(|((header, path), (next, _))| (header, path, next))
    }
}

/// The index of every finished segment: its sidecar, rebuilt if it is missing or does not
/// fit. Without a volume nothing is written and a rebuilt index stays in memory.
pub(crate) fn index_finished(
    chain: &Chain,
    volume: Option<&Volume>,
) -> Result<(Vec<Arc<Part>>, u32), LedgerError> {
    let mut parts: Vec<Arc<Part>> = Vec::new();
    let mut rebuilt = 0;
    for (header, path, next) in chain.finished() {
        let sidecar = index::path(path);
        let fits = |stored: &Stored| {
            let s = &stored.summary;
            s.first == header.first
                && s.first + u64::from(s.count) == next.first
                && s.head == next.previous
        };
        if let Some(stored) = Stored::open(&sidecar).filter(fits) {
            parts.push(Arc::new(Part::stored(path.clone(), stored)));
            continue;
        }
        rebuilt += 1;
        let count = u32::try_from(next.first - header.first).unwrap_or(u32::MAX);
        let mut part = Part {
            first: header.first,
            count,
            path: path.clone(),
            index: crate::log::Index::Live(Live::default()),
        };
        let mut open = open_before(parts.last())?;
        let (live, end) = rebuild(&part, &mut open)?;
        if end.previous != next.previous {
            let what = "the next segment does not follow its last entry";
            return Err(LedgerError::Damaged {
                path: path.clone(),
                index: end.index,
                offset: end.offset,
                what,
            });
        }
        if let Some(volume) = volume {
            volume.replace(&sidecar, &live.encode(header.first, &end, &open))?;
        }
        let stored = if volume.is_some() { Stored::open(&sidecar) } else { None };
        part = match stored {
            Some(stored) => Part::stored(path.clone(), stored),
            None => Part { index: crate::log::Index::Live(live), ..part },
        };
        parts.push(Arc::new(part));
    }
    Ok((parts, rebuilt))
}

/// Intents open at the end of a finished segment.
fn open_before(part: Option<&Arc<Part>>) -> Result<BTreeSet<u64>, LedgerError> {
    match part.map(|part| &part.index) {
        Some(crate::log::Index::Stored(stored, _)) => stored.open_intents(),
        // Only readers keep indexes in memory, and they close no intents.
        _ => Ok(BTreeSet::new()),
    }
}

fn begin_first(
    config: &LedgerConfig,
    volume: &Volume,
    folder: &Path,
    gateway: GatewayId,
) -> Result<(Log, Tail), LedgerError> {
    let len = config.segment_bytes.min(FIRST_SEGMENT);
    let zeros = volume.allocate(&folder.join("first.fresh"), len)?;
    let header = Header { tenant: config.tenant, gateway, first: 0, previous: Digest::ZERO };
    let file = begin(volume, folder, zeros, &header)?;
    let active = Active { first: 0, file: Arc::clone(&file), live: Live::default() };
    let log = Log { parts: Arc::default(), active };
    Ok((log, Tail { file, len, cursor: origin(), open: BTreeSet::new() }))
}

fn recover_last(
    (header, path): &(Header, PathBuf),
    parts: Vec<Arc<Part>>,
    gateway: GatewayId,
    volume: &Volume,
    marker: Option<(u64, Digest)>,
) -> Result<(Log, Tail, u64), LedgerError> {
    let file = volume.directly(Handle::write(path)?);
    let mut cursor =
        Cursor { offset: HEADER as u64, index: header.first, previous: header.previous };
    let mut live = Live::default();
    let mut open = open_before(parts.last())?;
    let stop = walk(&file, gateway, &mut cursor, |met| {
        note(&mut live, &mut open, &met);
        Ok(())
    })?;
    let mut torn_bytes = 0;
    // After a clean end nothing can follow, and looking would read the whole segment.
    if stop != Stop::End || marker != Some((cursor.index, cursor.previous)) {
        torn_bytes = torn_end(&file, gateway, &cursor, stop)?;
        volume.zero(&file, cursor.offset, cursor.offset + torn_bytes)?;
    }
    // Records that were written and never synced are kept, so they must become durable.
    volume.sync(&file)?;
    let len = file.len()?;
    let file = Arc::new(file);
    let active = Active { first: header.first, file: Arc::clone(&file), live };
    Ok((Log { parts: Arc::new(parts), active }, Tail { file, len, cursor, open }, torn_bytes))
}

/// How many bytes after `cursor` a torn batch left. An error if what follows shows that the
/// entry at `cursor` was durable once: then it was damaged, not torn.
pub(crate) fn torn_end(
    file: &Handle,
    gateway: GatewayId,
    cursor: &Cursor,
    stop: Stop,
) -> Result<u64, LedgerError> {
    let end = file.len()?.min(cursor.offset.saturating_add(TEAR));
    let mut window = Window::new(file)?;
    let (mut at, mut dirty) = (cursor.offset, 0);
    while at < end {
        let piece = window.bytes(at, frame::HEAD)?;
        let head = piece.first_chunk::<8>().copied().unwrap_or_default();
        if head == [0; 8] {
            // Skips zeros quickly: the common case is nothing but zeros.
            let zeros = piece.chunks_exact(8).take_while(|word| **word == [0; 8]).count().max(1);
            at += zeros as u64 * 8;
            continue;
        }
        dirty = at + 8 - cursor.offset;
        if let Parsed::Frame(frame) = window.frame(at)?
            && let Ok(leaf) = Leaf::decode(frame.leaf)
            && leaf.gateway == gateway
        {
            // A batch is written only after the one before it was synced.
            if leaf.seq.saturating_sub(frame.position.into()) > cursor.index {
                let what = match stop {
                    Stop::End => "it is missing, and later entries are there",
                    Stop::Bad(what) => what,
                };
                let (path, index, offset) = (file.path.clone(), cursor.index, cursor.offset);
                return Err(LedgerError::Damaged { path, index, offset, what });
            }
            dirty = at + frame.size as u64 - cursor.offset;
            at += frame.size as u64;
            continue;
        }
        at += 8;
    }
    Ok(dirty)
}

const IDENTITY: &[u8; 8] = b"PLMLED01";
const MARKER: &[u8; 8] = b"PLMEND01";

fn identity_path(folder: &Path) -> PathBuf {
    folder.join("identity")
}

fn identity(tenant: TenantId, gateway: GatewayId) -> Vec<u8> {
    checked([IDENTITY, &tenant.as_bytes()[..], gateway.as_bytes()].concat())
}

/// Whose ledger the folder holds.
pub(crate) fn read_identity(folder: &Path) -> Result<Option<(TenantId, GatewayId)>, LedgerError> {
    let Some(bytes) = read_checked(&identity_path(folder), IDENTITY, 40)? else { return Ok(None) };
    Ok(Some((TenantId::from_bytes(field(&bytes, 8)), GatewayId::from_bytes(field(&bytes, 24)))))
}

fn marker_path(folder: &Path) -> PathBuf {
    folder.join("end")
}

/// Writes down that the ledger was closed at `cursor`.
pub(crate) fn write_marker(
    volume: &Volume,
    folder: &Path,
    cursor: &Cursor,
) -> Result<(), LedgerError> {
    let bytes = [MARKER, &cursor.index.to_le_bytes()[..], cursor.previous.as_bytes()].concat();
    volume.replace(&marker_path(folder), &checked(bytes))
}

pub(crate) fn read_marker(folder: &Path) -> Result<Option<(u64, Digest)>, LedgerError> {
    let Some(bytes) = read_checked(&marker_path(folder), MARKER, 48)? else { return Ok(None) };
    Ok(Some((u64::from_le_bytes(field(&bytes, 8)), Digest::from_bytes(field(&bytes, 16)))))
}

fn checked(mut bytes: Vec<u8>) -> Vec<u8> {
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

/// A small file of known length, beginning and checksum; `None` if there is none.
fn read_checked(path: &Path, magic: &[u8; 8], len: usize) -> Result<Option<Vec<u8>>, LedgerError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(LedgerError::io("read", path)(e)),
    };
    let content = bytes.get(..len).filter(|content| content.starts_with(magic));
    match content {
        Some(content)
            if bytes.len() == len + 4
                && crc32fast::hash(content).to_le_bytes() == field::<4>(&bytes, len) =>
        {
            Ok(Some(bytes))
        }
        _ => Err(LedgerError::Format {
            path: path.to_path_buf(),
            what: "it is damaged or of another format",
        }),
    }
}
