//! The ledger as its readers see it: finished segments and the one in use, and how to find
//! an entry in them. Holds durable entries only.

use crate::LedgerError;
use crate::disk::Handle;
use crate::frame::Entry;
use crate::index::{Live, Stored, note};
use crate::segment::{self, Cursor, HEADER, Header, Stop, read_entry, walk};
use plimsoll_types::Time;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// Where a finished segment's index is.
#[derive(Debug)]
pub(crate) enum Index {
    /// In memory: not yet written down.
    Live(Live),
    /// In its sidecar. The cell holds the index built anew if the sidecar proves damaged
    /// when it is first used.
    Stored(Stored, OnceLock<Option<Live>>),
}

/// A finished segment.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) first: u64,
    pub(crate) count: u32,
    pub(crate) path: PathBuf,
    pub(crate) index: Index,
}

impl Part {
    pub(crate) fn stored(path: PathBuf, stored: Stored) -> Self {
        let (first, count) = (stored.summary.first, stored.summary.count);
        Self { first, count, path, index: Index::Stored(stored, OnceLock::new()) }
    }

    /// The index in memory, if that is where it is or must be.
    fn live(&self) -> Result<Result<&Live, &Stored>, LedgerError> {
        let (stored, rebuilt) = match &self.index {
            Index::Live(live) => return Ok(Ok(live)),
            Index::Stored(stored, rebuilt) => (stored, rebuilt),
        };
        if rebuilt.get().is_none() {
            let fresh =
                if stored.is_whole() { None } else { Some(rebuild(self, &mut BTreeSet::new())?.0) };
            drop(rebuilt.set(fresh));
        }
        Ok(match rebuilt.get() {
            Some(Some(live)) => Ok(live),
            _ => Err(stored),
        })
    }

    fn offset(&self, row: u32) -> Result<Option<u32>, LedgerError> {
        match self.live()? {
            Ok(live) => Ok(live.offset(row)),
            Err(stored) => stored.offset(row),
        }
    }
    fn rows_of(&self, id: &[u8; 16]) -> Result<Vec<u32>, LedgerError> {
        match self.live()? {
            Ok(live) => Ok(live.rows_of(id)),
            Err(stored) => stored.rows_of(id),
        }
    }
    fn row_of_tag(&self, tag: &[u8; 16]) -> Result<Option<u32>, LedgerError> {
        match self.live()? {
            Ok(live) => Ok(live.row_of_tag(tag)),
            Err(stored) => stored.row_of_tag(tag),
        }
    }
    pub(crate) fn latest(&self) -> Time {
        match &self.index {
            Index::Live(live) => live.latest,
            Index::Stored(stored, _) => stored.summary.latest,
        }
    }
}

/// The index of a finished segment, from the segment. `open` is brought from the intents
/// open before it to those open after it.
pub(crate) fn rebuild(
    part: &Part,
    open: &mut BTreeSet<u64>,
) -> Result<(Live, Cursor), LedgerError> {
    let handle = Handle::read(&part.path)?;
    let header = Header::read(&handle)?;
    let mut cursor =
        Cursor { offset: HEADER as u64, index: header.first, previous: header.previous };
    let mut live = Live::default();
    let stop = walk(&handle, header.gateway, &mut cursor, |met| {
        note(&mut live, open, &met);
        Ok(())
    })?;
    if live.count() != part.count {
        let what = match stop {
            Stop::End => "it does not end where the next segment begins",
            Stop::Bad(what) => what,
        };
        return Err(LedgerError::Damaged {
            path: part.path.clone(),
            index: cursor.index,
            offset: cursor.offset,
            what,
        });
    }
    Ok((live, cursor))
}

/// The segment in use.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) first: u64,
    pub(crate) file: Arc<Handle>,
    pub(crate) live: Live,
}

/// Every segment. Finished ones are shared, so that a search holds no lock while it reads.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) parts: Arc<Vec<Arc<Part>>>,
    pub(crate) active: Active,
}

/// An entry's place, found under the lock and read outside it.
enum Place {
    Active(Arc<Handle>, u64),
    Part(Arc<Part>, u32),
}

impl Log {
    /// Number of durable entries.
    pub(crate) fn count(&self) -> u64 {
        self.active.first + u64::from(self.active.live.count())
    }

    fn place(&self, index: u64) -> Option<Place> {
        if let Some(row) = index.checked_sub(self.active.first) {
            let offset = self.active.live.offset(u32::try_from(row).ok()?)?;
            return Some(Place::Active(Arc::clone(&self.active.file), offset.into()));
        }
        let after = self.parts.partition_point(|part| part.first <= index);
        let part = self.parts.get(after.checked_sub(1)?)?;
        Some(Place::Part(Arc::clone(part), u32::try_from(index - part.first).ok()?))
    }

    fn active_rows(&self, rows: &[u32]) -> Vec<(u64, u64)> {
        rows.iter()
            .filter_map(|&row| {
                Some((self.active.first + u64::from(row), self.active.live.offset(row)?.into()))
            })
            .collect()
    }
}

/// Entries that lie one after the other in one file.
pub(crate) struct Run {
    pub(crate) file: Arc<Handle>,
    /// Where the first of them is.
    pub(crate) offset: u64,
    /// Index after the last of them.
    pub(crate) end: u64,
}

/// A [`Log`] behind its lock, with the reads that readers and ledger share.
#[derive(Debug)]
pub(crate) struct SharedLog(std::sync::RwLock<Log>);

impl SharedLog {
    pub(crate) fn new(log: Log) -> Self {
        Self(std::sync::RwLock::new(log))
    }
    /// A lock left by a panic is taken over: every change to the log is one assignment or
    /// an append, so there is no half-done state to fear.
    pub(crate) fn read(&self) -> std::sync::RwLockReadGuard<'_, Log> {
        self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
    pub(crate) fn write(&self) -> std::sync::RwLockWriteGuard<'_, Log> {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn entry(&self, index: u64) -> Result<Option<Entry>, LedgerError> {
        let place = self.read().place(index);
        match place {
            None => Ok(None),
            Some(Place::Active(file, offset)) => read_entry(&file, index, offset).map(Some),
            Some(Place::Part(part, row)) => read_row(&part, row),
        }
    }

    /// The durable entries from `index` on that lie in the same segment; `None` if there is no
    /// such entry.
    pub(crate) fn run(&self, index: u64) -> Result<Option<Run>, LedgerError> {
        let (place, count) = {
            let log = self.read();
            (log.place(index), log.count())
        };
        let run = match place {
            None => return Ok(None),
            Some(Place::Active(file, offset)) => Run { file, offset, end: count },
            Some(Place::Part(part, row)) => {
                let Some(offset) = part.offset(row)? else { return Ok(None) };
                let file = Arc::new(Handle::read(&part.path)?);
                Run { file, offset: offset.into(), end: part.first + u64::from(part.count) }
            }
        };
        Ok(Some(run))
    }

    /// Every entry of an id, in order.
    pub(crate) fn get(&self, id: &[u8; 16]) -> Result<Vec<Entry>, LedgerError> {
        let (parts, file, active) = {
            let log = self.read();
            let rows = log.active.live.rows_of(id);
            (Arc::clone(&log.parts), Arc::clone(&log.active.file), log.active_rows(&rows))
        };
        let mut entries = Vec::new();
        for part in parts.iter() {
            for row in part.rows_of(id)? {
                entries.extend(read_row(part, row)?);
            }
        }
        for (index, offset) in active {
            entries.push(read_entry(&file, index, offset)?);
        }
        Ok(entries)
    }

    /// The latest entry with a tag, if it is not older than `since`.
    pub(crate) fn find_tag(
        &self,
        tag: &[u8; 16],
        since: Time,
    ) -> Result<Option<Entry>, LedgerError> {
        let (parts, file, active) = {
            let log = self.read();
            let rows: Vec<u32> = log.active.live.row_of_tag(tag).into_iter().collect();
            (Arc::clone(&log.parts), Arc::clone(&log.active.file), log.active_rows(&rows))
        };
        let young = |entry: Entry| (entry.leaf.draft.time >= since).then_some(entry);
        if let Some(&(index, offset)) = active.first() {
            return read_entry(&file, index, offset).map(young);
        }
        for part in parts.iter().rev() {
            if part.latest() < since {
                break;
            }
            if let Some(row) = part.row_of_tag(tag)? {
                return Ok(read_row(part, row)?.and_then(young));
            }
        }
        Ok(None)
    }
}

fn read_row(part: &Part, row: u32) -> Result<Option<Entry>, LedgerError> {
    let Some(offset) = part.offset(row)? else { return Ok(None) };
    let handle = Handle::read(&part.path)?;
    segment::read_entry(&handle, part.first + u64::from(row), offset.into()).map(Some)
}
