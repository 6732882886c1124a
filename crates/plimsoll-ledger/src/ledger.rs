//! The ledger as its callers see it: open, seal, append and wait, find, close.

use crate::disk::{RealDisk, Volume, lock};
use crate::frame::{Entry, OVERHEAD};
use crate::keys::{Keys, Root, Rotation};
use crate::log::SharedLog;
use crate::publish::{
    self, CheckpointSink, Integrator, NotSigning, PublishConfig, Publishing, SignedCheckpoint,
    Sinks, TreeHead, TreeHeads,
};
use crate::recovery::{self, FIRST_SEGMENT, Found, recover, write_marker};
use crate::seal::{self, Holder, Sealed};
use crate::segment::{Cursor, HEADER};
use crate::spare::{Failure, Spare};
use crate::writer::{Counters, Item, MAX_BATCH, Queue, Refused, Shared, Writer, latest};
use crate::{LedgerError, writer};
use plimsoll_types::record::{Gap, Heartbeat, Kind, LeafDraft, ResultClass};
use plimsoll_types::{Clock, EventId, GatewayId, KeyId, TenantId, Time};
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use tokio::sync::{oneshot, watch};

pub use crate::writer::SYNC_BUCKETS;

/// Segments hold offsets of 32 bits, and a ledger of many tiny ones would be slow.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = (16 << 10)..=(1 << 30);

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct LedgerConfig {
    /// The data folder; the ledger is in its folder `ledger`.
    pub data: PathBuf,
    /// The keys folder, which is never part of a backup of the data folder.
    pub keys: PathBuf,
    /// The organisation whose ledger it is.
    pub tenant: TenantId,
    /// Bytes set aside for a segment, 16 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// The most records that may wait for the writer.
    pub queue_records: usize,
    /// The most bytes that may wait for the writer.
    pub queue_bytes: usize,
    /// Size of the file that is given up when the disk is full; 0 for none.
    pub reserve_bytes: u64,
    /// What wraps the keys; `None` for the file `root.key` in the keys folder.
    pub root: Option<Arc<dyn Root>>,
}

impl LedgerConfig {
    /// The defaults: segments of 64 MiB, a queue of 4,096 records or 64 MiB (a tenth of a
    /// second at 40,000 records/s), a reserve of 256 MiB.
    #[must_use]
    pub const fn new(data: PathBuf, keys: PathBuf, tenant: TenantId) -> Self {
        Self {
            data,
            keys,
            tenant,
            segment_bytes: 64 << 20,
            queue_records: 4096,
            queue_bytes: 64 << 20,
            reserve_bytes: 256 << 20,
            root: None,
        }
    }

    /// The largest sealed body that a record may have.
    fn record_limit(&self) -> usize {
        usize::try_from(self.segment_bytes.min(FIRST_SEGMENT)).unwrap_or(usize::MAX)
            - HEADER
            - OVERHEAD
    }
}

/// Where a durable record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Its place in the ledger, from 0.
    pub index: u64,
    /// Its number in the gateway's own sequence; what a completion names its intent by.
    pub seq: u64,
}

/// Resolves when a record is durable. Dropping it does not take the record back.
///
/// The record that finds the writer asleep does not wake it at once: it gives way to the other
/// tasks of its thread as long as each round of the event loop queues more, so that one sync
/// covers all of them. Dropped, it wakes the writer too.
#[derive(Debug)]
pub struct Durable {
    answer: oneshot::Receiver<Result<Receipt, Refused>>,
    call: Option<Call>,
}

/// The duty to wake the writer.
#[derive(Debug)]
struct Call {
    shared: Arc<Shared>,
    /// Records that waited in the last round.
    seen: usize,
}

impl Call {
    /// Whether to give way once more.
    fn waits(&mut self) -> bool {
        let waiting = self.shared.queue.state().0;
        waiting > std::mem::replace(&mut self.seen, waiting)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.shared.queue.wake();
    }
}

impl Future for Durable {
    type Output = Result<Receipt, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.call.as_mut().is_some_and(Call::waits)
            && pin!(tokio::task::yield_now()).poll(context).is_pending()
        {
            return Poll::Pending;
        }
        self.call = None;
        Pin::new(&mut self.answer).poll(context).map(settled)
    }
}

/// What the writer answered, or that it is gone.
fn settled<T>(
    answer: Result<Result<T, Refused>, oneshot::error::RecvError>,
) -> Result<T, LedgerError> {
    match answer {
        Ok(answer) => answer.map_err(LedgerError::from),
        Err(_) => Err(LedgerError::Thread("writer")),
    }
}

/// Blocks this thread until the writer answers.
fn block_on<T>(receiver: oneshot::Receiver<Result<T, Refused>>) -> Result<T, LedgerError> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(receiver);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return settled(answer),
            Poll::Pending => thread::park(),
        }
    }
}

/// Wakes a parked thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Durable {
    /// Blocks this thread until the record is durable.
    ///
    /// # Errors
    /// As the future's.
    pub fn wait(self) -> Result<Receipt, LedgerError> {
        drop(self.call);
        block_on(self.answer)
    }
}

/// What opening a ledger found and did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovery {
    /// Entries found, without those that recovery added.
    pub entries: u64,
    /// Whether the folder was new.
    pub first_start: bool,
    /// Whether the ledger had been closed properly (or is new).
    pub clean: bool,
    /// Bytes of an unacknowledged batch that were cut off.
    pub torn_bytes: u64,
    /// Intents closed as abandoned.
    pub abandoned: u64,
    /// Sidecar indexes built anew.
    pub rebuilt_indexes: u32,
    /// Entries of the key journal that are damaged.
    pub damaged_keys: u64,
}

/// Whether the ledger takes records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether it does.
    pub ok: bool,
    /// Why not.
    pub reason: Option<Box<str>>,
    /// Records that wait for the writer.
    pub queue_records: usize,
    /// Bytes that wait for the writer.
    pub queue_bytes: usize,
    /// Durable entries.
    pub durable: u64,
}

/// Counters since the ledger was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Batches written.
    pub batches: u64,
    /// Records written.
    pub records: u64,
    /// Bytes written to segments.
    pub bytes: u64,
    /// Segments begun after the first.
    pub segments: u64,
    /// Keys in the journal.
    pub keys: u64,
    /// Time of write and sync: bucket n counts those below 2^(n+4) microseconds and not in a
    /// lower bucket; the last bucket counts the rest.
    pub sync_micros: [u64; SYNC_BUCKETS],
}

/// An open ledger. Clones are the same ledger.
#[derive(Debug, Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
    limit: usize,
    threads: Arc<Threads>,
}

impl Ledger {
    /// Opens the ledger of a data folder, making it if there is none, and recovers what a
    /// crash left: cuts off a torn batch, records the gap, closes open intents.
    ///
    /// # Errors
    /// [`LedgerError`] if a folder is in use, damaged, of another format, or keys are missing.
    pub fn open(
        config: LedgerConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Recovery), LedgerError> {
        Self::open_on(config, clock, Volume(Arc::new(RealDisk)))
    }

    pub(crate) fn open_on(
        mut config: LedgerConfig,
        clock: Arc<dyn Clock>,
        volume: Volume,
    ) -> Result<(Self, Recovery), LedgerError> {
        config.segment_bytes =
            config.segment_bytes.clamp(*SEGMENT_BYTES.start(), *SEGMENT_BYTES.end()) / 8 * 8;
        let folder = recovery::folder(&config.data);
        volume.folder(&config.data)?;
        volume.folder(&folder)?;
        volume.folder(&folder.join("segments"))?;
        let held = lock(&folder)?;
        if recovery::read_identity(&folder)?.is_some() && !Keys::exist(&config.keys) {
            let what =
                "it has no root key, but the ledger was sealed with one; restore the keys folder";
            return Err(LedgerError::Keys { path: config.keys, what });
        }
        let (keys, damaged_keys) =
            Keys::open(&config.keys, &volume, Arc::clone(&clock), config.root.as_ref())?;
        let found = recover(&config, &volume, clock.now())?;
        let recovery = Recovery {
            entries: found.tail.cursor.index,
            first_start: found.first_start,
            clean: found.clean || found.tail.cursor.index == 0,
            torn_bytes: found.torn_bytes,
            abandoned: found.tail.open.len() as u64,
            rebuilt_indexes: found.rebuilt,
            damaged_keys,
        };
        let open: Vec<u64> = found.tail.open.iter().copied().collect();
        let ledger = Self::start(&config, clock, volume, keys, found, held)?;
        if !recovery.clean {
            ledger.record_gap(config.queue_records)?;
        }
        ledger.abandon(&open)?;
        Ok((ledger, recovery))
    }

    fn start(
        config: &LedgerConfig,
        clock: Arc<dyn Clock>,
        volume: Volume,
        keys: Keys,
        found: Found,
        held: File,
    ) -> Result<Self, LedgerError> {
        let folder = recovery::folder(&config.data);
        let spare = Spare::new(volume.clone(), &folder, config.segment_bytes, config.reserve_bytes);
        let shared = Arc::new(Shared {
            folder,
            keys_folder: config.keys.clone(),
            tenant: config.tenant,
            gateway: found.gateway,
            clock,
            volume,
            keys,
            queue: Queue::new(config.queue_records, config.queue_bytes),
            log: Arc::new(SharedLog::new(found.log)),
            spare,
            durable: watch::Sender::new(found.tail.cursor.index),
            counters: Counters::default(),
        });
        let writer = Writer::new(Arc::clone(&shared), found.tail);
        let writer = spawn("plimsoll-ledger", move || writer.run())?;
        let background = Arc::clone(&shared);
        let spare = spawn("plimsoll-spare", move || background.spare.run(&background.log))?;
        let running = Mutex::new(Some(Running { writer, spare, integrator: None, lock: held }));
        let publishing = Arc::default();
        let threads = Arc::new(Threads { shared: Arc::clone(&shared), publishing, running });
        Ok(Self { shared, limit: config.record_limit(), threads })
    }

    pub(crate) fn log(&self) -> &SharedLog {
        &self.shared.log
    }
    /// The keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.shared.keys
    }
    /// The gateway whose sequence this ledger holds.
    #[must_use]
    pub fn gateway(&self) -> GatewayId {
        self.shared.gateway
    }

    /// Seals a body, in the caller's thread. Makes the holders' keys if they have none.
    ///
    /// # Errors
    /// [`LedgerError::Holders`], [`LedgerError::TooLarge`], [`LedgerError::Busy`] if too many
    /// new keys wait to become durable, or I/O.
    pub fn seal(&self, holders: &[Holder<'_>], plaintext: &[u8]) -> Result<Sealed, LedgerError> {
        if plaintext.len() > self.limit {
            return Err(LedgerError::TooLarge { bytes: plaintext.len(), limit: self.limit });
        }
        seal::seal(&self.shared.keys, holders, plaintext)
    }

    /// Queues a record. Its place, gateway and chain are the writer's to fill in. `tag` is
    /// what [`Self::find_tag`] finds it by.
    ///
    /// # Errors
    /// At once, with nothing taken: [`LedgerError::Busy`], [`LedgerError::Full`],
    /// [`LedgerError::Poisoned`], [`LedgerError::Closed`], [`LedgerError::TooLarge`].
    pub fn append(
        &self,
        mut draft: LeafDraft,
        body: Sealed,
        tag: Option<[u8; 16]>,
    ) -> Result<Durable, LedgerError> {
        if self.shared.spare.is_full() {
            return Err(LedgerError::Full);
        }
        draft.sealed = body.reference();
        let sealed = body.into_bytes();
        if sealed.len() > self.limit {
            return Err(LedgerError::TooLarge { bytes: sealed.len(), limit: self.limit });
        }
        let (done, answer) = oneshot::channel();
        let asleep = self.shared.queue.put(Item { draft, sealed, tag, done })?;
        let call = asleep.then(|| Call { shared: Arc::clone(&self.shared), seen: 0 });
        Ok(Durable { answer, call })
    }

    /// Records and blocks until it is durable: for control events.
    ///
    /// # Errors
    /// As [`Self::append`] and its future.
    pub fn append_blocking(
        &self,
        draft: LeafDraft,
        body: Sealed,
        tag: Option<[u8; 16]>,
    ) -> Result<Receipt, LedgerError> {
        self.append(draft, body, tag)?.wait()
    }

    /// Records "complete up to this time".
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn heartbeat(&self, beat: Heartbeat) -> Result<Durable, LedgerError> {
        let body = self.seal(&[Holder::System], &beat.encode())?;
        self.append(self.own_draft(Kind::Heartbeat), body, None)
    }

    /// Erases keys: no body sealed under them alone opens any more, in this process from now
    /// on, and for good when this returns. Ids without a key are passed over. Blocks for a
    /// sync. Copies of the key that the disk may hold still go with [`Self::rotate_keys`].
    ///
    /// # Errors
    /// As [`Self::append`] and its future; then it is not known whether the keys are there
    /// after a restart, and erasing them again settles it.
    pub fn erase(&self, keys: &[KeyId]) -> Result<(), LedgerError> {
        for key in keys {
            self.shared.keys.bury(key.as_bytes())?;
        }
        let (done, receiver) = oneshot::channel();
        self.shared.queue.flush(done)?;
        block_on(receiver)
    }

    /// Begins a new epoch: wraps the surviving keys anew and destroys the journal and the key
    /// of the epoch before, while records go on. Blocks for as long as the copy takes: each key
    /// is unwrapped and wrapped once.
    ///
    /// # Errors
    /// [`LedgerError`]; the epoch before is in force then, or the ledger stopped.
    pub fn rotate_keys(&self) -> Result<Rotation, LedgerError> {
        self.shared.keys.rotate(&self.shared.volume)
    }

    /// Every durable entry with this id, in order: an intent and its completion.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn get(&self, id: &[u8; 16]) -> Result<Vec<Entry>, LedgerError> {
        self.shared.log.get(id)
    }

    /// The entry at `index`, if it is durable.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn entry(&self, index: u64) -> Result<Option<Entry>, LedgerError> {
        self.shared.log.entry(index)
    }

    /// The latest durable entry with this tag, unless it was recorded before `since`.
    ///
    /// # Errors
    /// I/O or damage.
    pub fn find_tag(&self, tag: &[u8; 16], since: Time) -> Result<Option<Entry>, LedgerError> {
        self.shared.log.find_tag(tag, since)
    }

    /// Opens an entry's body.
    ///
    /// # Errors
    /// [`LedgerError::KeyGone`] after an erasure, [`LedgerError::Unsealable`] if the body is
    /// not what the leaf commits to or the entry has none.
    pub fn open_body(&self, entry: &Entry) -> Result<Vec<u8>, LedgerError> {
        open_body(&self.shared.keys, entry)
    }

    /// Durable entries from `from` on, up to those durable when they are reached.
    #[must_use]
    pub fn entries(&self, from: u64) -> Entries {
        Entries { log: Arc::clone(&self.shared.log), next: Some(from), back: false }
    }

    /// Durable entries before `before`, latest first.
    #[must_use]
    pub fn entries_rev(&self, before: u64) -> Entries {
        Entries::back(Arc::clone(&self.shared.log), before)
    }

    /// Number of durable entries.
    #[must_use]
    pub fn durable(&self) -> u64 {
        *self.shared.durable.borrow()
    }

    /// Follows the number of durable entries.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.durable.subscribe()
    }

    /// Records that wait for the writer.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.shared.queue.state().0
    }

    /// Whether the ledger takes records, and why not.
    #[must_use]
    pub fn health(&self) -> Health {
        let (queue_records, queue_bytes, stopped) = self.shared.queue.state();
        let reason = match (stopped, self.shared.spare.failed()) {
            (Some(why), _) => Some(LedgerError::from(why).to_string().into()),
            (None, Some(Failure::Full)) => Some(LedgerError::Full.to_string().into()),
            (None, Some(Failure::Other(why))) => Some(why),
            (None, None) => None,
        };
        Health { ok: reason.is_none(), reason, queue_records, queue_bytes, durable: self.durable() }
    }

    /// Counters since the ledger was opened.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let counters = &self.shared.counters;
        Stats {
            batches: counters.batches.load(Ordering::Relaxed),
            records: counters.records.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            segments: counters.segments.load(Ordering::Relaxed),
            keys: self.shared.keys.count(),
            sync_micros: std::array::from_fn(|n| {
                counters.syncs.get(n).map_or(0, |c| c.load(Ordering::Relaxed))
            }),
        }
    }

    /// Publishes the ledger as a log from now on: a thread follows durable entries into tiles and
    /// signs checkpoints, which each of up to [`crate::MAX_SINKS`] sinks gets. The signing key is made if there is none and nothing was ever signed.
    ///
    /// Call it once. Whether it may sign is found out by the thread; see [`Self::publishing`].
    ///
    /// # Errors
    /// [`LedgerError`] if the key or the name cannot be used, or the head cannot be read.
    pub fn publish(
        &self,
        config: &PublishConfig,
        heads: Arc<dyn TreeHeads>,
        sinks: Vec<Box<dyn CheckpointSink>>,
    ) -> Result<(), LedgerError> {
        let mut running = self.threads.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(running) = running.as_mut().filter(|running| running.integrator.is_none()) else {
            return Err(LedgerError::Closed);
        };
        let control = &self.threads.publishing;
        let (shared, origin) = (&self.shared, config.origin.as_str());
        let signer = match publish::read_signer(&shared.keys_folder, origin)? {
            Some(signer) => signer,
            None => match heads.load()? {
                None => publish::make_signer(&shared.volume, &shared.keys_folder, origin)?,
                Some(TreeHead { log: stored, .. }) => {
                    let own = "without a key (`log.key`)".into();
                    control.status.stop(NotSigning::Log { stored, own });
                    return Ok(());
                }
            },
        };
        let vkey = signer.vkey().to_string().into();
        control.status.change(|state| state.vkey = vkey);
        drop(control.sinks.set(Arc::new(Sinks::new(sinks))));
        let (shared, control) = (Arc::clone(shared), Arc::clone(control));
        let integrator = Integrator::new(shared, control, heads, signer, config.interval);
        running.integrator = Some(spawn("plimsoll-tree", move || integrator.run())?);
        Ok(())
    }

    /// The ledger's folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// How publishing stands.
    #[must_use]
    pub fn publishing(&self) -> Publishing {
        self.threads.publishing.state()
    }

    /// The latest published checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> Option<Arc<SignedCheckpoint>> {
        self.threads.publishing.status.latest()
    }

    /// The latest checkpoint that a witness signed, with its signature.
    #[must_use]
    pub fn witnessed(&self) -> Option<Arc<SignedCheckpoint>> {
        self.threads.publishing.status.witnessed()
    }

    /// Follows the published checkpoints. Is also told, without a new one, when publishing stops.
    #[must_use]
    pub fn watch_checkpoint(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.threads.publishing.status.watch()
    }

    /// Takes no more records, waits until those taken are durable, and writes down that the
    /// ledger ended properly. Clones are closed too. A ledger that is dropped without this
    /// starts with a gap record the next time.
    ///
    /// # Errors
    /// [`LedgerError::Poisoned`] if the ledger had stopped before; I/O.
    pub fn close(&self) -> Result<(), LedgerError> {
        self.threads.stop(true)
    }

    fn own_draft(&self, kind: Kind) -> LeafDraft {
        let now = self.shared.clock.now();
        LeafDraft::new(
            kind,
            *EventId::new(now).as_bytes(),
            self.shared.tenant,
            now,
            self.shared.clock.monotonic(),
        )
    }

    fn record_gap(&self, queue_records: usize) -> Result<(), LedgerError> {
        let gap = Gap {
            from: latest(&self.shared.log),
            to: self.shared.clock.now(),
            reason: "crash recovery".into(),
            at_most: Some((queue_records + MAX_BATCH) as u64),
        };
        let body = self.seal(&[Holder::System], &gap.encode())?;
        self.append_blocking(self.own_draft(Kind::Gap), body, None).map(drop)
    }

    /// Closes intents that no completion followed.
    fn abandon(&self, open: &[u64]) -> Result<(), LedgerError> {
        for &seq in open {
            let Some(intent) = self.shared.log.entry(seq)? else { continue };
            let mut draft = intent.leaf.draft;
            draft.kind = Kind::Decision;
            draft.time = self.shared.clock.now();
            draft.monotonic = self.shared.clock.monotonic();
            draft.result = Some(ResultClass::Abandoned);
            draft.extension.intent = Some(seq);
            self.append_blocking(draft, Sealed::none(), None)?;
        }
        Ok(())
    }
}

/// Opens an entry's body with `keys`.
pub(crate) fn open_body(keys: &Keys, entry: &Entry) -> Result<Vec<u8>, LedgerError> {
    match &entry.leaf.draft.sealed {
        Some(reference) => seal::open(keys, &entry.sealed, reference),
        None => Err(LedgerError::Unsealable("the record has no body")),
    }
}

/// Entries one after the other, one in memory at a time.
#[derive(Debug)]
pub struct Entries {
    log: Arc<SharedLog>,
    next: Option<u64>,
    back: bool,
}

impl Entries {
    pub(crate) fn forward(log: Arc<SharedLog>, from: u64) -> Self {
        Self { log, next: Some(from), back: false }
    }
    pub(crate) fn back(log: Arc<SharedLog>, before: u64) -> Self {
        let count = log.read().count();
        Self { log, next: before.min(count).checked_sub(1), back: true }
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, LedgerError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next?;
        let found = self.log.entry(index);
        self.next = match &found {
            Ok(Some(_)) if self.back => index.checked_sub(1),
            Ok(Some(_)) => index.checked_add(1),
            Ok(None) | Err(_) => None,
        };
        found.transpose()
    }
}

fn spawn<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, LedgerError> {
    thread::Builder::new().name(name.into()).spawn(work).map_err(|_| LedgerError::Thread(name))
}

/// The threads of an open ledger; stopped with its last clone.
#[derive(Debug)]
struct Threads {
    shared: Arc<Shared>,
    publishing: Arc<publish::Control>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    writer: JoinHandle<Option<Cursor>>,
    spare: JoinHandle<()>,
    integrator: Option<JoinHandle<()>>,
    lock: File,
}

impl Threads {
    fn stop(&self, mark: bool) -> Result<(), LedgerError> {
        let Some(running) = self.running.lock().unwrap_or_else(PoisonError::into_inner).take()
        else {
            return Ok(());
        };
        let shared = &self.shared;
        shared.queue.close();
        let end = running.writer.join();
        // After the last entry and before the folder's lock goes.
        let integrator = running.integrator.map(|integrator| {
            self.publishing.stop(integrator.thread());
            integrator.join()
        });
        shared.spare.stop();
        let spare = running.spare.join();
        let marked = match end {
            Err(_) => Err(LedgerError::Thread("writer")),
            Ok(_) if spare.is_err() => Err(LedgerError::Thread("background")),
            Ok(_) if matches!(integrator, Some(Err(_))) => Err(LedgerError::Thread("integrator")),
            Ok(Some(end)) if mark => write_marker(&shared.volume, &shared.folder, &end),
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(shared
                .queue
                .state()
                .2
                .map_or(LedgerError::Thread("writer"), writer::Refused::into)),
        };
        shared.keys.unlock();
        drop(running.lock);
        marked
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // Without the end marker: the next start records the gap.
        drop(self.stop(false));
    }
}
