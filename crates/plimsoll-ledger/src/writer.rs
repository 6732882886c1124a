//! The queue and the one thread that empties it: takes whatever has queued, gives each
//! record its place, writes them with one write and one sync, and wakes their callers. No
//! timed window: the sync in flight closes the next batch.

use crate::LedgerError;
use crate::disk::{BLOCK, Blocks, Handle, Volume};
use crate::frame;
use crate::index::follow;
use crate::keys::Keys;
use crate::ledger::Receipt;
use crate::log::{Active, Index, Part, SharedLog};
use crate::seal::holder_ids;
use crate::segment::{self, Cursor, HEADER, Header};
use crate::spare::{Finished, Spare};
use crate::sync::{Condvar, Mutex, MutexGuard};
use plimsoll_types::record::{Leaf, LeafDraft};
use plimsoll_types::{Clock, Digest, GatewayId, TenantId, Time};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use tokio::sync::{oneshot, watch};

/// Records written with one sync. A frame's place in its batch is one byte.
pub(crate) const MAX_BATCH: usize = 256;
/// Records for which a sleeping writer is woken at once: a sync costs about as much as making
/// so many records, so that more would only wait.
const ENOUGH: usize = 32;
/// Sealed bytes written with one sync, unless the first record alone is larger: what one
/// sync takes a disk of 400 MB/s ten milliseconds for.
pub(crate) const MAX_BATCH_BYTES: usize = 4 << 20;
/// Buckets of the sync time histogram: bucket n counts syncs below 2^(n+4) microseconds.
pub const SYNC_BUCKETS: usize = 16;

/// Why a queued record was not recorded; shared by all records of a batch.
#[derive(Debug, Clone)]
pub(crate) enum Refused {
    Full,
    Closed,
    TooLarge { bytes: usize, limit: usize },
    Poisoned(Box<str>),
}

impl From<Refused> for LedgerError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full => Self::Full,
            Refused::Closed => Self::Closed,
            Refused::TooLarge { bytes, limit } => Self::TooLarge { bytes, limit },
            Refused::Poisoned(why) => Self::Poisoned(why),
        }
    }
}

/// A record that waits for its place.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) draft: LeafDraft,
    pub(crate) sealed: Vec<u8>,
    pub(crate) tag: Option<[u8; 16]>,
    pub(crate) done: oneshot::Sender<Result<Receipt, Refused>>,
}

impl Item {
    fn bytes(&self) -> usize {
        self.sealed.len() + frame::OVERHEAD
    }
    fn refuse(self, why: &Refused) {
        // A caller that went away does not need to know.
        drop(self.done.send(Err(why.clone())));
    }
}

/// Whoever waits until the key journal is durable.
pub(crate) type Flush = oneshot::Sender<Result<(), Refused>>;

#[derive(Debug, Default)]
struct Waiting {
    items: VecDeque<Item>,
    bytes: usize,
    flushes: Vec<Flush>,
    /// Whether the writer sleeps.
    idle: bool,
    /// Whether a caller has undertaken to wake it.
    called: bool,
    /// Why nothing more is taken.
    stopped: Option<Refused>,
}

/// The bounded queue between callers and writer.
#[derive(Debug)]
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    max_records: usize,
    max_bytes: usize,
}

impl Queue {
    pub(crate) fn new(max_records: usize, max_bytes: usize) -> Self {
        Self { waiting: Mutex::default(), arrived: Condvar::new(), max_records, max_bytes }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a record, or says at once why not. True if the writer sleeps and the caller is
    /// the one who is to [`Self::wake`] it, after whatever else it has to add.
    pub(crate) fn put(&self, item: Item) -> Result<bool, LedgerError> {
        let mut waiting = self.lock();
        if let Some(why) = &waiting.stopped {
            return Err(why.clone().into());
        }
        let bytes = item.bytes();
        // A record larger than the queue's bytes may pass when it is alone.
        if waiting.items.len() >= self.max_records
            || (waiting.bytes > 0 && waiting.bytes + bytes > self.max_bytes)
        {
            return Err(LedgerError::Busy);
        }
        waiting.bytes += bytes;
        waiting.items.push_back(item);
        if !waiting.idle {
            return Ok(false);
        }
        if waiting.items.len() >= ENOUGH {
            waiting.idle = false;
            drop(waiting);
            self.wake();
            return Ok(false);
        }
        Ok(!std::mem::replace(&mut waiting.called, true))
    }

    /// Wakes the writer.
    pub(crate) fn wake(&self) {
        self.arrived.notify_one();
    }

    /// Asks for the key journal to be made durable, with or without records.
    pub(crate) fn flush(&self, done: Flush) -> Result<(), LedgerError> {
        let mut waiting = self.lock();
        if let Some(why) = &waiting.stopped {
            return Err(why.clone().into());
        }
        if waiting.flushes.len() >= self.max_records {
            return Err(LedgerError::Busy);
        }
        waiting.flushes.push(done);
        if std::mem::take(&mut waiting.idle) {
            drop(waiting);
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Moves the next batch to `batch`, and to `flushes` those who wait for the journal,
    /// waiting for either. False when the queue was stopped and is empty.
    pub(crate) fn take(&self, batch: &mut VecDeque<Item>, flushes: &mut Vec<Flush>) -> bool {
        let mut waiting = self.lock();
        while waiting.items.is_empty() && waiting.flushes.is_empty() {
            if waiting.stopped.is_some() {
                return false;
            }
            waiting.idle = true;
            waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            (waiting.idle, waiting.called) = (false, false);
        }
        let mut bytes = 0;
        while batch.len() < MAX_BATCH {
            let Some(next) = waiting.items.front().map(Item::bytes) else { break };
            if bytes > 0 && bytes + next > MAX_BATCH_BYTES {
                break;
            }
            bytes += next;
            batch.extend(waiting.items.pop_front());
        }
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        flushes.append(&mut waiting.flushes);
        true
    }

    /// Takes no more records. Those that wait are still written.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.stopped.get_or_insert(Refused::Closed);
        self.arrived.notify_one();
    }

    /// Takes no more records and refuses those that wait.
    fn poison(&self, why: &Refused) {
        let mut waiting = self.lock();
        waiting.stopped = Some(why.clone());
        waiting.bytes = 0;
        for item in waiting.items.drain(..) {
            item.refuse(why);
        }
        for flush in waiting.flushes.drain(..) {
            drop(flush.send(Err(why.clone())));
        }
    }

    /// Records and bytes that wait, and why nothing more is taken.
    pub(crate) fn state(&self) -> (usize, usize, Option<Refused>) {
        let waiting = self.lock();
        (waiting.items.len(), waiting.bytes, waiting.stopped.clone())
    }
}

/// Counters, updated once per batch.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) batches: AtomicU64,
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) segments: AtomicU64,
    pub(crate) syncs: [AtomicU64; SYNC_BUCKETS],
}

impl Counters {
    fn count(&self, records: usize, bytes: usize, sync_nanos: u64) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let sixteenths = sync_nanos / 16_000;
        let bucket = (u64::BITS - sixteenths.leading_zeros()) as usize;
        if let Some(bucket) = self.syncs.get(bucket.min(SYNC_BUCKETS - 1)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What ledger and threads share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) keys_folder: PathBuf,
    pub(crate) tenant: TenantId,
    pub(crate) gateway: GatewayId,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) volume: Volume,
    pub(crate) keys: Keys,
    pub(crate) queue: Queue,
    pub(crate) log: Arc<SharedLog>,
    pub(crate) spare: Spare,
    pub(crate) durable: watch::Sender<u64>,
    pub(crate) counters: Counters,
}

/// The end of the ledger, which only the writer moves.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) file: Arc<Handle>,
    /// The segment's length.
    pub(crate) len: u64,
    pub(crate) cursor: Cursor,
    /// Intents without completion.
    pub(crate) open: BTreeSet<u64>,
}

/// A record that was written, until it is shown to readers.
struct Written {
    offset: u64,
    leaf: Leaf,
}

/// The writer.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    tail: Tail,
    batch: VecDeque<Item>,
    flushes: Vec<Flush>,
    buffer: Vec<u8>,
    /// What the last block of the segment holds before the end of the ledger.
    lead: Vec<u8>,
    blocks: Blocks,
    written: Vec<Written>,
}

/// Refuses whatever still waits when the writer ends, by whatever way.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        let why = self
            .0
            .queue
            .state()
            .2
            .unwrap_or_else(|| Refused::Poisoned("the writer stopped".into()));
        self.0.queue.poison(&why);
    }
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, tail: Tail) -> Self {
        Self {
            shared,
            tail,
            batch: VecDeque::new(),
            flushes: Vec::new(),
            buffer: Vec::new(),
            lead: Vec::new(),
            blocks: Blocks::default(),
            written: Vec::new(),
        }
    }

    /// The thread: returns the end of the ledger if everything taken is durable.
    pub(crate) fn run(mut self) -> Option<Cursor> {
        let _ending = Ending(Arc::clone(&self.shared));
        while self.shared.queue.take(&mut self.batch, &mut self.flushes) {
            while !self.batch.is_empty() || !self.flushes.is_empty() {
                let Err(error) = self.commit() else { continue };
                let why =
                    if error.is_full() { Refused::Full } else { Refused::Poisoned(text(&error)) };
                if matches!(why, Refused::Poisoned(_)) {
                    self.shared.queue.poison(&why);
                }
                for item in self.batch.drain(..) {
                    item.refuse(&why);
                }
                for flush in self.flushes.drain(..) {
                    drop(flush.send(Err(why.clone())));
                }
                if matches!(why, Refused::Poisoned(_)) {
                    return None;
                }
            }
        }
        Some(self.tail.cursor)
    }

    /// Makes as much of the batch durable as fits into the segment, or takes the next one.
    fn commit(&mut self) -> Result<(), LedgerError> {
        let Shared { keys, volume, .. } = &*self.shared;
        settle_keys(keys, volume, &mut self.batch, &mut self.flushes)?;
        if self.batch.is_empty() {
            return Ok(());
        }
        let cursor = self.encode();
        if self.written.is_empty() {
            return if self.tail.cursor.offset == HEADER as u64 {
                self.refuse_first()
            } else {
                self.roll()
            };
        }
        let started = self.shared.clock.monotonic();
        let from = self.block()?;
        let volume = &self.shared.volume;
        volume
            .write(&self.tail.file, self.blocks.bytes(), from)
            .and_then(|()| volume.sync(&self.tail.file))
            .map_err(|e| LedgerError::Poisoned(text(&e)))?;
        let nanos = self.shared.clock.monotonic().saturating_sub(started);
        self.shared.counters.count(self.written.len(), self.buffer.len(), nanos);
        self.tail.cursor = cursor;
        self.keep_lead();
        self.publish();
        Ok(())
    }

    /// Brings the batch into whole blocks: what the first one holds already, the batch, zeros
    /// (which lie there anyway). Returns where they begin.
    fn block(&mut self) -> Result<u64, LedgerError> {
        let lead = lead(self.tail.cursor.offset);
        let from = self.tail.cursor.offset - lead as u64;
        if self.lead.len() != lead {
            self.lead.resize(lead, 0);
            self.tail.file.read_exact_at(&mut self.lead, from)?;
        }
        let len = (lead + self.buffer.len()).next_multiple_of(BLOCK);
        self.blocks.clear(len);
        self.blocks.put(&self.lead);
        self.blocks.put(&self.buffer);
        let room = usize::try_from(self.tail.len - from).unwrap_or(usize::MAX);
        self.blocks.fill(len.min(room));
        Ok(from)
    }

    /// Remembers what the block in which the ledger ends now holds.
    fn keep_lead(&mut self) {
        let end = self.lead.len() + self.buffer.len();
        let start = end - lead(self.tail.cursor.offset);
        let last = self.blocks.bytes().get(start..end).unwrap_or_default();
        self.lead.clear();
        self.lead.extend_from_slice(last);
    }

    /// Refuses a record that fits into no segment of this size: `append` let it pass because
    /// new segments are larger than this one, which an earlier configuration made.
    fn refuse_first(&mut self) -> Result<(), LedgerError> {
        let limit = usize::try_from(self.tail.len).unwrap_or(usize::MAX);
        if let Some(item) = self.batch.pop_front() {
            let bytes = item.bytes();
            item.refuse(&Refused::TooLarge { bytes, limit });
        }
        Ok(())
    }

    /// Encodes the records that fit. Returns where the ledger ends after them.
    fn encode(&mut self) -> Cursor {
        self.buffer.clear();
        self.written.clear();
        let mut cursor = self.tail.cursor;
        for (item, position) in self.batch.iter().zip(0..=u8::MAX) {
            let (start, gateway) = (self.buffer.len(), self.shared.gateway);
            let leaf =
                Leaf { gateway, seq: cursor.index, previous: cursor.previous, draft: item.draft };
            let hash =
                frame::write(&mut self.buffer, &leaf, item.tag.as_ref(), &item.sealed, position);
            let size = (self.buffer.len() - start) as u64;
            if cursor.offset + size > self.tail.len {
                self.buffer.truncate(start);
                break;
            }
            self.written.push(Written { offset: cursor.offset, leaf });
            cursor =
                Cursor { offset: cursor.offset + size, index: cursor.index + 1, previous: hash };
        }
        cursor
    }

    /// Shows what is durable to readers, then wakes those who wait for it.
    fn publish(&mut self) {
        let count = {
            let mut log = self.shared.log.write();
            for (written, item) in self.written.iter().zip(&self.batch) {
                let draft = &written.leaf.draft;
                log.active.live.add(written.offset, draft.id, item.tag, draft.time);
            }
            log.count()
        };
        self.shared.durable.send_replace(count);
        for written in self.written.drain(..) {
            follow(&mut self.tail.open, &written.leaf);
            let Some(item) = self.batch.pop_front() else { break };
            let receipt = Receipt { index: written.leaf.seq, seq: written.leaf.seq };
            // A caller that went away is recorded all the same.
            drop(item.done.send(Ok(receipt)));
        }
    }

    /// Goes on in the next segment. Everything in this one is durable.
    fn roll(&mut self) -> Result<(), LedgerError> {
        let shared = &self.shared;
        let next = shared.spare.take()?;
        let header = Header {
            tenant: shared.tenant,
            gateway: shared.gateway,
            first: self.tail.cursor.index,
            previous: self.tail.cursor.previous,
        };
        let file = begin(&shared.volume, &shared.folder, next, &header)
            .map_err(|e| LedgerError::Poisoned(text(&e)))?;
        shared.spare.renamed();
        let end = self.tail.cursor;
        let active = Active {
            first: end.index,
            file: Arc::clone(&file),
            live: crate::index::Live::default(),
        };
        let part = {
            let mut log = shared.log.write();
            let done = std::mem::replace(&mut log.active, active);
            let (first, count, path) = (done.first, done.live.count(), done.file.path.clone());
            let part = Arc::new(Part { first, count, path, index: Index::Live(done.live) });
            Arc::make_mut(&mut log.parts).push(Arc::clone(&part));
            part
        };
        shared.counters.segments.fetch_add(1, Ordering::Relaxed);
        shared.spare.finish(Finished { part, end, open: self.tail.open.clone() });
        self.tail.len = file.len()?;
        self.tail.file = file;
        self.tail.cursor.offset = HEADER as u64;
        self.lead.clear();
        Ok(())
    }
}

/// Bytes from the beginning of its block to `offset`.
fn lead(offset: u64) -> usize {
    usize::try_from(offset % BLOCK as u64).unwrap_or(0)
}

/// Keys first: no durable record may name a key that is not durable, and none may be written
/// under a key whose erasure is. A record that was sealed before its keys were erased, and
/// would be written after, loses its body: it could not be opened anyway.
pub(crate) fn settle_keys(
    keys: &Keys,
    volume: &Volume,
    batch: &mut VecDeque<Item>,
    flushes: &mut Vec<Flush>,
) -> Result<(), LedgerError> {
    keys.flush(volume)?;
    for flush in flushes.drain(..) {
        // Whoever no longer waits does not need to know.
        drop(flush.send(Ok(())));
    }
    for item in batch {
        if !item.sealed.is_empty() && keys.are_all_erased(holder_ids(&item.sealed)) {
            item.sealed.clear();
            item.draft.sealed = None;
        }
    }
    Ok(())
}

/// Turns a file of zeros into the segment that `header` begins: contents, name, folder.
pub(crate) fn begin(
    volume: &Volume,
    folder: &std::path::Path,
    zeros: Handle,
    header: &Header,
) -> Result<Arc<Handle>, LedgerError> {
    volume.write(&zeros, &header.encode(), 0)?;
    volume.sync(&zeros)?;
    let segments = folder.join("segments");
    let path = segment::path(&segments, header.first);
    volume.rename(&zeros.path, &path)?;
    volume.sync_folder(&segments)?;
    volume.sync_folder(folder)?;
    Ok(Arc::new(volume.directly(Handle { path, ..zeros })))
}

/// An error and its source, for those who get only the text.
pub(crate) fn text(error: &LedgerError) -> Box<str> {
    match error {
        LedgerError::Poisoned(why) => why.clone(),
        LedgerError::Io { source, .. } => format!("{error}: {source}").into(),
        other => other.to_string().into(),
    }
}

/// The beginning of an empty ledger.
pub(crate) const fn origin() -> Cursor {
    Cursor { offset: HEADER as u64, index: 0, previous: Digest::ZERO }
}

/// The time of the last record, for the record of a gap.
pub(crate) fn latest(log: &SharedLog) -> Time {
    let log = log.read();
    let before = log.parts.last().map_or(Time::EPOCH, |part| part.latest());
    log.active.live.latest.max(before)
}

// The model's locks work in its own threads only.
#[cfg(all(test, not(feature = "model")))]
mod tests {
    use super::*;
    use plimsoll_types::record::Kind;

    fn item() -> Item {
        let tenant = TenantId::from_bytes([1; 16]);
        let draft = LeafDraft::new(Kind::Decision, [0; 16], tenant, Time::EPOCH, 0);
        Item { draft, sealed: Vec::new(), tag: None, done: oneshot::channel().0 }
    }

    #[test]
    fn one_record_has_the_duty_to_wake_a_sleeping_writer_until_there_are_enough() {
        let queue = Queue::new(2 * ENOUGH, usize::MAX);
        let put = || queue.put(item()).expect("room");
        assert!(!put(), "nobody wakes a writer that does not sleep");
        queue.lock().idle = true;
        assert!(put(), "the first does");
        while queue.state().0 + 1 < ENOUGH {
            assert!(!put(), "the others do not");
            assert!(queue.lock().idle);
        }
        assert!(!put());
        assert!(!queue.lock().idle, "enough wait: it was woken");
        let mut batch = VecDeque::new();
        assert!(queue.take(&mut batch, &mut Vec::new()));
        assert_eq!(batch.len(), ENOUGH);
    }
}
