//! Decision tables: derived from the ledger, kept in step with it, made anew, erased from.
//!
//! The cursor says up to which entry the ledger is in files. What comes after it is in memory
//! (`Pending`) as far as a query asked for it, so queries see every durable decision, and a
//! lake that nobody asks holds nothing.

use crate::derive::{Catalog, Pending, Reading, Table, hour_of};
use crate::engine::Engine;
use crate::error::LakeError;
use crate::files::{
    self, COLUMNS_FILE, FileWriter, Hours, Snapshot, TableFile, Wanted, make_folder, survey,
};
use crate::shape::{COMMON, Level, Shape, Slot};
use crate::source::Source;
use crate::table::TableId;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchReader};
use arrow::compute::{filter_record_batch, nullif};
use arrow::datatypes::UInt64Type;
use fs_err as fs;
use plimsoll_types::{Clock, GatewayId, Time};
use std::collections::{HashMap, HashSet};
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::task::JoinHandle;

/// Bytes of rows that are held until they are written: some 1,200 decisions. Writing them takes
/// about as much again, and a server that nobody asks for its tables never holds more for them.
/// Parts of four times the size were tried: hardly less CPU, and 35 MiB more under load.
const MAX_PART: usize = 2 << 20;
/// Parts that one call writes at most, one after the other: a second's work.
const MAX_PARTS: usize = 16;
/// The same for who has nothing else to do than to write tables: larger files, fewer syncs.
const MAX_BACKLOG: usize = 32 << 20;
/// The same where they may not be written.
const MAX_UNWRITTEN: usize = 256 << 20;
/// Decisions that make a write worth while; fewer wait for the end of their hour. A query reads
/// those that are not written yet from the ledger, which takes it a tenth of a second at most.
const WORTH_WRITING: u64 = 10_000;
/// Bytes of files that are made into one. Beyond, an hour's files are large enough already.
const MAX_MERGED: u64 = 1 << 30;
/// How long after its end an hour's last decisions are taken to be durable.
const SETTLED: u64 = 5 * 60 * 1_000_000;
/// Microseconds of an hour.
const HOUR: u64 = 3_600_000_000;
const MAGIC: &str = "plimsoll-lake 1";

/// What a lake is opened with.
#[derive(Debug)]
pub struct LakeConfig {
    /// The data folder; the tables are in its folder `lake`.
    pub data: PathBuf,
    /// Where the decisions are.
    pub source: Source,
    /// The names and classes of fields, and how long decisions are kept.
    pub catalog: Arc<dyn Catalog>,
    /// The time, which says when an hour is over.
    pub clock: Arc<dyn Clock>,
    /// Whether tables may be written. One process at a time may.
    pub writable: bool,
}

/// Decision tables. Clones are the same.
#[derive(Clone, Debug)]
pub struct Lake(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) folder: PathBuf,
    pub(crate) source: Source,
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    writable: bool,
    /// Held by whoever changes files; taken before `state`.
    upkeep: Mutex<()>,
    state: Mutex<State>,
    /// The cursor of `state`, for who must not wait.
    written: AtomicU64,
    pub(crate) engine: Engine,
    /// Held while the tables may be written.
    _lock: Option<std::fs::File>,
}

#[derive(Debug)]
struct State {
    /// Entries that are in files.
    cursor: u64,
    /// Entries that are in files or in `pending`.
    next: u64,
    /// How far the erasures in the key journal are carried out.
    erased: u64,
    tables: HashMap<TableId, Table>,
    pending: Pending,
    files: Arc<Snapshot>,
}

/// How far the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Entries of the ledger that are in files.
    pub entries: u64,
    /// Entries of the ledger that are durable.
    pub durable: u64,
    /// Decisions written by this call.
    pub decisions: u64,
}

/// What an erasure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Erased {
    /// Rows that were emptied or removed.
    pub rows: u64,
    /// Files that were written anew.
    pub files: u64,
}

/// What a query reads: files and what is not written yet.
pub(crate) struct View {
    pub(crate) files: Arc<Snapshot>,
    pub(crate) pending: HashMap<TableId, Vec<RecordBatch>>,
    pub(crate) shapes: HashMap<TableId, Arc<Shape>>,
}

impl Lake {
    /// Opens the tables of a data folder. Tables that do not fit the ledger are made anew when
    /// they may be written, and refused otherwise.
    ///
    /// # Errors
    /// [`LakeError`] if the folder is in use or not usable.
    pub fn open(config: LakeConfig) -> Result<Self, LakeError> {
        let LakeConfig { data, source, catalog, clock, writable } = config;
        // Without keys there are leaves alone, and they must not pass for the whole.
        let writable = writable && source.keys().is_some();
        let folder = data.join("lake");
        let lock = if writable { Some(prepare(&data, &folder)?) } else { None };
        let gateway = source.gateway();
        let cursor = read_cursor(&folder, gateway)?.filter(|c| c.entries <= source.durable());
        let cursor = match (cursor, writable) {
            (Some(cursor), _) => cursor,
            (None, true) => start_anew(&folder, &source)?,
            (None, false) => Cursor::default(),
        };
        let mut tables = HashMap::new();
        let mut hours = HashMap::new();
        // Without a cursor of this ledger, no file counts.
        for (table, path) in files::tables(&folder)? {
            let (found, useless) = survey(&path, cursor.entries)?;
            if writable {
                remove(&useless)?;
            }
            let shape = read_shape(&path)?;
            if shape.is_none() && !found.is_empty() {
                let what = "the list of its columns is missing or damaged";
                return Err(LakeError::Format { path, what });
            }
            let shape = shape.unwrap_or_default();
            tables.insert(table, Table::new(shape));
            hours.insert(table, Arc::new(found));
        }
        let state = State {
            cursor: cursor.entries,
            next: cursor.entries,
            erased: cursor.erased,
            tables,
            pending: Pending::default(),
            files: Arc::new(Snapshot::new(hours)),
        };
        Ok(Self(Arc::new(Inner {
            folder,
            source,
            catalog,
            clock,
            writable,
            upkeep: Mutex::new(()),
            written: AtomicU64::new(state.cursor),
            state: Mutex::new(state),
            engine: Engine::default(),
            _lock: lock,
        })))
    }

    /// Writes decisions to files, if there are enough of them or their hour is over. Call it
    /// every few seconds; does at most a second's work, and gives how far it came.
    ///
    /// # Errors
    /// [`LakeError`]; what is written stays valid, and the next call goes on.
    pub fn advance(&self) -> Result<Progress, LakeError> {
        let upkeep = locked(&self.0.upkeep);
        self.follow_erasures(&upkeep)?;
        let durable = self.0.source.durable();
        let now = self.0.clock.now();
        let mut state = locked(&self.0.state);
        if durable.saturating_sub(state.cursor) < WORTH_WRITING {
            let waiting = self.0.source.time_of(state.cursor)?;
            if !waiting.is_some_and(|time| is_settled(hour_of(time), now)) {
                return Ok(state.progress(durable, 0));
            }
        }
        let mut decisions = 0;
        for _ in 0..MAX_PARTS {
            decisions += state.write(&self.0, MAX_PART)?;
            if state.cursor >= durable {
                break;
            }
        }
        Ok(state.progress(durable, decisions))
    }

    /// Writes every decision that is durable, where tables may be written.
    ///
    /// # Errors
    /// [`LakeError`].
    pub fn catch_up(&self, mut each: impl FnMut(Progress)) -> Result<Progress, LakeError> {
        if !self.0.writable {
            return Ok(self.progress());
        }
        let _upkeep = locked(&self.0.upkeep);
        let durable = self.0.source.durable();
        loop {
            let mut state = locked(&self.0.state);
            let decisions = state.write(&self.0, MAX_BACKLOG)?;
            let progress = state.progress(durable, decisions);
            drop(state);
            each(progress);
            if progress.entries >= durable {
                return Ok(progress);
            }
        }
    }

    /// Makes one file of the several of an hour that is over, if there is such an hour. Gives
    /// whether there was.
    ///
    /// # Errors
    /// [`LakeError`]; the files stay as they are.
    pub fn compact(&self) -> Result<bool, LakeError> {
        let _upkeep = locked(&self.0.upkeep);
        let now = self.0.clock.now();
        let files = Arc::clone(&locked(&self.0.state).files);
        let found = files.tables.iter().find_map(|(id, hours)| {
            let mut settled = hours.iter().filter(|(hour, _)| is_settled(**hour, now));
            let bytes = |files: &[Arc<TableFile>]| files.iter().map(|file| file.bytes).sum::<u64>();
            let (hour, files) =
                settled.find(|(_, files)| files.len() > 1 && bytes(files) <= MAX_MERGED)?;
            Some((*id, *hour, files.clone()))
        });
        let Some((id, hour, parts)) = found else { return Ok(false) };
        // Nobody waits for the state meanwhile: files are immutable, and only upkeep adds any.
        let merged = self.0.merge(id, hour, &parts)?;
        let mut state = locked(&self.0.state);
        let replaced = parts.iter().map(|file| file.path.clone()).collect();
        state.swap(id, hour, vec![merged], replaced, false);
        Ok(true)
    }

    /// Throws the tables away and makes them anew from the ledger.
    ///
    /// # Errors
    /// [`LakeError`].
    pub fn rebuild(&self, each: impl FnMut(Progress)) -> Result<Progress, LakeError> {
        {
            let _upkeep = locked(&self.0.upkeep);
            let mut state = locked(&self.0.state);
            state.files.revoke();
            self.0.engine.forget();
            let cursor = start_anew(&self.0.folder, &self.0.source)?;
            state.tables.clear();
            state.pending = Pending::default();
            (state.cursor, state.next, state.erased) = (0, 0, cursor.erased);
            self.0.written.store(0, Ordering::Relaxed);
            state.files = Arc::default();
        }
        self.catch_up(each)
    }

    /// Carries out the erasures that the key journal has since the last time: rows of which an
    /// erased key is a holder keep what their leaf says and nothing else. Call it when an
    /// erasure is durable; [`advance`](Self::advance) does it too, so that a crash between
    /// leaves nothing undone. Queries that run are broken off; nothing of the erased is in
    /// memory, in a file, or in a file's statistics when this returns.
    ///
    /// # Errors
    /// [`LakeError`]; call it again then.
    pub fn erase(&self) -> Result<Erased, LakeError> {
        let upkeep = locked(&self.0.upkeep);
        self.follow_erasures(&upkeep)
    }

    fn follow_erasures(&self, upkeep: &MutexGuard<'_, ()>) -> Result<Erased, LakeError> {
        let mut erased = Erased::default();
        let Some(keys) = self.0.source.keys().filter(|_| self.0.writable) else {
            return Ok(erased);
        };
        loop {
            let from = locked(&self.0.state).erased;
            let found = keys.erased(from)?;
            if found.next == from {
                return Ok(erased);
            }
            let gone: HashSet<[u8; 16]> = found.keys.iter().map(|key| *key.id.as_bytes()).collect();
            if !gone.is_empty() {
                let more = self.empty(&gone, upkeep)?;
                erased.rows += more.rows;
                erased.files += more.files;
            }
            let mut state = locked(&self.0.state);
            state.erased = found.next;
            // Without an erasure it is as well written with the next entries.
            if !gone.is_empty() {
                state.keep_cursor(&self.0, state.cursor)?;
            }
        }
    }

    /// Empties the rows that one of these keys holds.
    fn empty(
        &self,
        gone: &HashSet<[u8; 16]>,
        _upkeep: &MutexGuard<'_, ()>,
    ) -> Result<Erased, LakeError> {
        let mut erased = Erased::default();
        let files = {
            let mut state = locked(&self.0.state);
            // Rows and cell keys that are not written are read again, without the gone keys.
            state.read_again();
            state.files.revoke();
            let fresh = Arc::new(Snapshot::new(state.files.tables.clone()));
            state.files.followed_by(&fresh, Vec::new());
            state.files = Arc::clone(&fresh);
            fresh
        };
        self.0.engine.forget();
        for (id, hours) in &files.tables {
            for (hour, parts) in hours.iter() {
                let mut kept = parts.clone();
                let mut replaced = Vec::new();
                for file in &mut kept {
                    let marks = marks(file, gone)?;
                    if marks.is_empty() {
                        continue;
                    }
                    let (anew, rows) = self.0.rewrite(*id, file, &marks)?;
                    replaced.push(file.path.clone());
                    *file = anew;
                    erased.files += 1;
                    erased.rows += rows;
                }
                if replaced.is_empty() {
                    continue;
                }
                locked(&self.0.state).swap(*id, *hour, kept, Vec::new(), true);
                // At once: nobody may read them any more.
                remove(&replaced)?;
            }
        }
        self.0.engine.forget();
        Ok(erased)
    }

    /// Removes the tables of hours that their deployment keeps no longer. Call it every hour,
    /// when the keys of those days are destroyed. Gives how many files went.
    ///
    /// # Errors
    /// [`LakeError`]; call it again then.
    pub fn end_retention(&self) -> Result<usize, LakeError> {
        let upkeep = locked(&self.0.upkeep);
        self.follow_erasures(&upkeep)?;
        if !self.0.writable {
            return Ok(0);
        }
        let files = Arc::clone(&locked(&self.0.state).files);
        let mut kept = files.tables.clone();
        let mut gone = Vec::new();
        for (id, hours) in &mut kept {
            let Some(from) = self.0.catalog.kept_from(id.deployment).map(hour_of) else { continue };
            let (before, since): (Hours, Hours) = hours
                .iter()
                .map(|(hour, files)| (*hour, files.clone()))
                .partition(|(hour, _)| *hour < from);
            gone.extend(before.into_values().flatten().map(|file| file.path.clone()));
            *hours = Arc::new(since);
        }
        let mut state = locked(&self.0.state);
        // What is not written is read again, without what is kept no longer.
        state.read_again();
        if gone.is_empty() {
            return Ok(0);
        }
        // As with an erasure: who still reads must stop, so that nothing waits for them.
        state.files.revoke();
        state.follow(kept, Vec::new());
        drop(state);
        self.0.engine.forget();
        remove(&gone)?;
        // An hour's folder goes when it is empty; if not, something else is in it.
        gone.iter().filter_map(|path| path.parent()).for_each(|hour| drop(fs::remove_dir(hour)));
        Ok(gone.len())
    }

    /// Does work that may block on a thread of the engine, which yields to requests.
    ///
    /// # Errors
    /// [`LakeError::Engine`] if there is no thread to be had.
    pub fn background<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<JoinHandle<T>, LakeError> {
        let lake = self.clone();
        Ok(self.0.engine.runtime()?.spawn_blocking(move || work(&lake)))
    }

    /// How far the tables are, without reading anything or waiting for anyone.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let entries = self.0.written.load(Ordering::Relaxed);
        Progress { entries, durable: self.0.source.durable(), decisions: 0 }
    }

    /// What a query reads now: every decision that is durable.
    pub(crate) fn view(&self) -> Result<View, LakeError> {
        loop {
            let mut state = locked(&self.0.state);
            let next = state.next;
            state.read(&self.0, if self.0.writable { MAX_PART } else { MAX_UNWRITTEN })?;
            let is_all = state.next >= self.0.source.durable();
            // A backlog is read in parts; where it may be written, it is, and memory stays small.
            // Entries may have become durable meanwhile: another turn reads those.
            if is_all {
                return state.view();
            }
            if !self.0.writable && state.next == next {
                let what = "more decisions are not in tables than a query reads at once; \
                            run `plimsoll lake rebuild`, or the server, which writes them";
                return Err(LakeError::Limit(what.into()));
            }
            if self.0.writable {
                drop(state);
                let _upkeep = locked(&self.0.upkeep);
                locked(&self.0.state).write(&self.0, MAX_PART)?;
            }
        }
    }
}

impl State {
    fn progress(&self, durable: u64, decisions: u64) -> Progress {
        Progress { entries: self.cursor, durable, decisions }
    }

    /// Reads what is durable and not read yet, until `most` bytes of rows are held.
    fn read(&mut self, lake: &Inner, most: usize) -> Result<(), LakeError> {
        let Self { next, tables, pending, .. } = self;
        if pending.bytes >= most {
            return Ok(());
        }
        let keys = lake.source.keys();
        let (catalog, kept) = (&*lake.catalog, HashMap::new());
        let mut reading = Reading { keys, catalog, kept, tables, pending };
        let mut failed = None;
        let read = lake.source.scan(*next, &mut |entry| {
            if let Err(error) = reading.add(&entry) {
                failed = Some(error);
                return ControlFlow::Break(());
            }
            *next = entry.index + 1;
            if reading.pending.bytes >= most {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        if failed.is_some() || read.is_err() {
            // A half-read entry may have left rows behind.
            self.read_again();
        }
        failed.map_or(Ok(()), Err)?;
        read.map(drop)
    }

    /// Forgets what is read and not written: it is read again.
    fn read_again(&mut self) {
        self.pending = Pending::default();
        self.next = self.cursor;
    }

    /// Reads a part of at most so many bytes and writes it. Gives the decisions written.
    fn write(&mut self, lake: &Inner, most: usize) -> Result<u64, LakeError> {
        if !lake.writable {
            return Ok(0);
        }
        self.read(lake, most)?;
        let pending = std::mem::take(&mut self.pending);
        let decisions = pending.decisions;
        let (first, end) = (self.cursor, self.next);
        let written = self.write_files(lake, pending, first..end).and_then(|written| {
            if end > first {
                // The one step by which all of them count.
                self.keep_cursor(lake, end)?;
            }
            Ok(written)
        });
        let written = written.inspect_err(|_| self.read_again())?;
        self.cursor = end;
        lake.written.store(end, Ordering::Relaxed);
        if !written.is_empty() {
            let mut tables = self.files.tables.clone();
            for (id, file) in written {
                let hours = Arc::make_mut(tables.entry(id).or_default());
                hours.entry(file.hour).or_default().push(file);
            }
            self.follow(tables, Vec::new());
        }
        Ok(decisions)
    }

    /// A file for each deployment and hour. Each one's rows are given back as soon as they are in
    /// it.
    fn write_files(
        &self,
        lake: &Inner,
        pending: Pending,
        entries: Range<u64>,
    ) -> Result<Vec<(TableId, Arc<TableFile>)>, LakeError> {
        let mut written = Vec::with_capacity(pending.builders.len());
        for ((id, hour), builder) in pending.builders {
            let Some(table) = self.tables.get(&id) else { continue };
            lake.keep_shape(id, &table.shape)?;
            let wanted = Wanted {
                table: id,
                hour,
                first: entries.start,
                end: entries.end,
                generation: 0,
                has_strays: builder.has_strays,
            };
            let batch = builder.into_batch(&table.shape)?;
            let mut writer = FileWriter::new(&lake.folder, &wanted, batch.schema())?;
            writer.write(&batch)?;
            written.push((id, writer.finish()?.0));
        }
        Ok(written)
    }

    fn keep_cursor(&self, lake: &Inner, entries: u64) -> Result<(), LakeError> {
        write_cursor(&lake.folder, lake.source.gateway(), Cursor { entries, erased: self.erased })
    }

    /// Other files for an hour. `is_erasure`: nobody may read those before any more.
    fn swap(
        &mut self,
        id: TableId,
        hour: u64,
        files: Vec<Arc<TableFile>>,
        replaced: Vec<PathBuf>,
        is_erasure: bool,
    ) {
        let mut tables = self.files.tables.clone();
        Arc::make_mut(tables.entry(id).or_default()).insert(hour, files);
        if is_erasure {
            self.files.revoke();
        }
        self.follow(tables, replaced);
    }

    fn follow(&mut self, tables: HashMap<TableId, Arc<Hours>>, replaced: Vec<PathBuf>) {
        let next = Arc::new(Snapshot::new(tables));
        self.files.followed_by(&next, replaced);
        self.files = next;
    }

    fn view(&self) -> Result<View, LakeError> {
        let mut pending: HashMap<TableId, Vec<RecordBatch>> = HashMap::new();
        for ((id, _), builder) in &self.pending.builders {
            if let Some(table) = self.tables.get(id) {
                pending.entry(*id).or_default().push(builder.batch(&table.shape)?);
            }
        }
        let shapes =
            self.tables.iter().map(|(id, table)| (*id, Arc::clone(&table.shape))).collect();
        Ok(View { files: Arc::clone(&self.files), pending, shapes })
    }
}

impl Inner {
    /// Makes the columns of a table durable before a file has them.
    fn keep_shape(&self, id: TableId, shape: &Shape) -> Result<(), LakeError> {
        let folder = self.folder.join(id.to_string());
        make_folder(&self.folder, &folder)?;
        let path = folder.join(COLUMNS_FILE);
        let bytes = shape.to_json()?;
        if fs::read(&path).is_ok_and(|there| there == bytes) {
            return Ok(());
        }
        files::replace(&path, &bytes)
    }

    /// One file of several.
    fn merge(
        &self,
        id: TableId,
        hour: u64,
        parts: &[Arc<TableFile>],
    ) -> Result<Arc<TableFile>, LakeError> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else {
            return Err(LakeError::Table("an hour has no files".into()));
        };
        let mut schemas = Vec::with_capacity(parts.len());
        for part in parts {
            schemas.push(files::read(part, None)?.schema());
        }
        let wanted = Wanted {
            table: id,
            hour,
            first: first.first,
            end: last.end,
            generation: parts.iter().map(|part| part.generation).max().unwrap_or(0),
            has_strays: parts.iter().any(|part| part.has_strays),
        };
        let mut writer = FileWriter::new(&self.folder, &wanted, files::union(schemas.iter()))?;
        for part in parts {
            for batch in files::read(part, None)? {
                writer.write(&batch.map_err(LakeError::table)?)?;
            }
        }
        Ok(writer.finish()?.0)
    }

    /// The file without what the marked rows said beyond their leaf.
    fn rewrite(
        &self,
        id: TableId,
        file: &TableFile,
        marks: &HashMap<u64, Mark>,
    ) -> Result<(Arc<TableFile>, u64), LakeError> {
        let reader = files::read(file, None)?;
        let wanted = Wanted {
            table: id,
            hour: file.hour,
            first: file.first,
            end: file.end,
            generation: file.generation + 1,
            has_strays: file.has_strays,
        };
        let mut writer = FileWriter::new(&self.folder, &wanted, reader.schema())?;
        let mut erased = 0;
        for batch in reader {
            let batch = batch.map_err(LakeError::table)?;
            let (cleared, rows) = clear(&batch, marks)?;
            erased += rows;
            writer.write(&cleared)?;
        }
        Ok((writer.finish()?.0, erased))
    }
}

/// What becomes of a decision's rows.
#[derive(Debug, Default)]
struct Mark {
    /// Rows whose keys are gone.
    rows: HashSet<u64>,
    /// Whether there is another row.
    has_others: bool,
}

/// Decisions of a file with rows that one of the keys holds, by index.
fn marks(file: &TableFile, gone: &HashSet<[u8; 16]>) -> Result<HashMap<u64, Mark>, LakeError> {
    let mut marks: HashMap<u64, Mark> = HashMap::new();
    let mut others: HashSet<u64> = HashSet::new();
    for batch in files::read(file, Some(&[Slot::Index, Slot::Row, Slot::Keys]))? {
        let batch = batch.map_err(LakeError::table)?;
        // Without a key in it, a file holds leaves alone.
        let Some(keys) = column(&batch, Slot::Keys) else { continue };
        let (index, row) = (counts(&batch, Slot::Index)?, counts(&batch, Slot::Row)?);
        let keys = keys.as_binary_opt::<i32>().ok_or_else(|| unfit(Slot::Keys))?;
        for place in 0..batch.num_rows() {
            let index = index.get(place).copied().unwrap_or_default();
            let holders = if keys.is_valid(place) { keys.value(place) } else { &[] };
            if holders.as_chunks::<16>().0.iter().any(|holder| gone.contains(holder)) {
                let row = row.get(place).copied().unwrap_or_default();
                marks.entry(index).or_default().rows.insert(row);
            } else if !holders.is_empty() {
                others.insert(index);
            }
        }
    }
    for (index, mark) in &mut marks {
        mark.has_others = others.contains(index);
    }
    Ok(marks)
}

/// Empties marked rows. Of a decision whose body is gone altogether one row stays, as when the
/// table is made anew.
fn clear(batch: &RecordBatch, marks: &HashMap<u64, Mark>) -> Result<(RecordBatch, u64), LakeError> {
    let (index, row) = (counts(batch, Slot::Index)?, counts(batch, Slot::Row)?);
    let mut erased = 0;
    let (mut emptied, mut kept) = (Vec::new(), Vec::new());
    for (index, row) in index.iter().zip(row) {
        let mark = marks.get(index);
        let is_emptied = mark.is_some_and(|mark| mark.rows.contains(row));
        let is_rest = mark.is_some_and(|mark| !mark.has_others) && *row > 0;
        erased += u64::from(is_emptied);
        emptied.push(is_emptied);
        kept.push(!is_rest);
    }
    let emptied = BooleanArray::from(emptied);
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    let columns = columns.map(|(field, values)| -> Result<ArrayRef, LakeError> {
        let common = COMMON.iter().find(|common| common.name == field.name());
        let of_leaf =
            common.is_some_and(|common| common.level == Level::Leaf && common.name != VERSION);
        if of_leaf {
            Ok(Arc::clone(values))
        } else {
            nullif(values, &emptied).map_err(LakeError::table)
        }
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let batch = RecordBatch::try_new(batch.schema(), columns).map_err(LakeError::table)?;
    let batch = filter_record_batch(&batch, &BooleanArray::from(kept)).map_err(LakeError::table)?;
    Ok((batch, erased))
}

/// Shown to whoever may see the decision, but it comes from the body.
const VERSION: &str = "version";

fn column(batch: &RecordBatch, slot: Slot) -> Option<&ArrayRef> {
    batch.column_by_name(COMMON.get(slot as usize)?.name)
}

fn counts(batch: &RecordBatch, slot: Slot) -> Result<&[u64], LakeError> {
    let values = column(batch, slot).and_then(|values| values.as_primitive_opt::<UInt64Type>());
    Ok(values.ok_or_else(|| unfit(slot))?.values())
}

fn unfit(slot: Slot) -> LakeError {
    let name = COMMON.get(slot as usize).map_or("", |common| common.name);
    LakeError::Table(format!("its column `{name}` is not what it should be"))
}

fn is_settled(hour: u64, now: Time) -> bool {
    hour_of(Time::from_micros(now.as_micros().saturating_sub(SETTLED))) > hour
        && now.as_micros() >= hour.saturating_mul(HOUR)
}

/// Makes the folder and holds it.
fn prepare(data: &Path, folder: &Path) -> Result<std::fs::File, LakeError> {
    make_folder(data, folder)?;
    let path = folder.join("lock");
    let file = fs::OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let (file, _) = file.map_err(LakeError::io("open", &path))?.into_parts();
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(LakeError::InUse(folder.to_path_buf())),
        Err(std::fs::TryLockError::Error(error)) => Err(LakeError::io("lock", &path)(error)),
    }
}

/// How far the tables follow.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    /// The ledger.
    entries: u64,
    /// The erasures in the key journal.
    erased: u64,
}

/// The cursor, if it is one of this version and ledger.
fn read_cursor(folder: &Path, gateway: GatewayId) -> Result<Option<Cursor>, LakeError> {
    let path = folder.join("cursor");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(LakeError::io("read", &path))?,
    };
    let mut lines = text.lines();
    if lines.next() != Some(MAGIC) || lines.next() != Some(&gateway.to_string()) {
        return Ok(None);
    }
    let mut number = || lines.next().and_then(|line| line.parse().ok());
    let found = number().zip(number());
    Ok(found.map(|(entries, erased)| Cursor { entries, erased }))
}

fn write_cursor(folder: &Path, gateway: GatewayId, cursor: Cursor) -> Result<(), LakeError> {
    let Cursor { entries, erased } = cursor;
    let text = format!("{MAGIC}\n{gateway}\n{entries}\n{erased}\n");
    files::replace(&folder.join("cursor"), text.as_bytes())
}

/// Throws away what there is. The cursor goes first, so that nothing of it counts any more.
/// What is read from now on is read without the keys that are erased by now.
fn start_anew(folder: &Path, source: &Source) -> Result<Cursor, LakeError> {
    let erased = source.keys().map(|keys| keys.erased(u64::MAX)).transpose()?;
    let cursor = Cursor { entries: 0, erased: erased.map_or(0, |erased| erased.next) };
    write_cursor(folder, source.gateway(), cursor)?;
    for (_, path) in files::tables(folder)? {
        fs::remove_dir_all(&path).map_err(LakeError::io("remove", &path))?;
    }
    files::sync_folder(folder)?;
    Ok(cursor)
}

fn read_shape(folder: &Path) -> Result<Option<Shape>, LakeError> {
    let path = folder.join(COLUMNS_FILE);
    match fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        bytes => Ok(Shape::from_json(&bytes.map_err(LakeError::io("read", &path))?)),
    }
}

/// Removes files, durably.
fn remove(paths: &[PathBuf]) -> Result<(), LakeError> {
    let mut folders = HashSet::new();
    for path in paths {
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LakeError::io("remove", path)(error));
            }
            _ => folders.extend(path.parent()),
        }
    }
    folders.into_iter().try_for_each(files::sync_folder)
}

/// A lock left by a panic is taken over: the files are the truth, and what is in memory is
/// read again when a read fails.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
