//! The thread that follows durable entries into the tree and publishes what it signs.
//!
//! ```text
//! durable entries → tiles and bundles (synced) → head (compare-and-swap) → signature → checkpoint
//! ```
//!
//! The segments are the truth. Whatever fails, the thread begins again from the stored head, and
//! where files do not give that head it makes them anew out of the segments. If those do not give
//! it either, or somebody knows a tree of this log that the entries do not lead to, it signs
//! nothing any more and says why.

use super::folder::{CHECKPOINT, Public, public, read_note, read_path, read_tile};
use super::guard::{self, Guard};
use super::heads::{HeadError, TreeHead, TreeHeads};
use super::proofs;
use super::sinks::{KnownHead, LogSource, PublishedLog, SinkError, Sinks};
use super::status::{NotSigning, Publishing, SignedCheckpoint, Status};
use super::tree::{Growing, PublicFile};
use crate::LedgerError;
use crate::writer::{Shared, text};
use plimsoll_tlog::note::Signature;
use plimsoll_tlog::proof::Consistency;
use plimsoll_tlog::read::Tiles;
use plimsoll_tlog::tree::empty_root;
use plimsoll_tlog::{Checkpoint, Note, Signer};
use plimsoll_types::{Digest, Time};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::watch;

/// How long after a failure the thread tries again.
const RETRY: Duration = Duration::from_secs(1);
/// The longest that the guard in the keys folder lags behind, in nanoseconds. When nothing is left
/// to do it does not lag at all.
const GUARD_LAG: u64 = 5_000_000_000;
/// Times that the tree grows before a ledger that is closed stops waiting for it.
const LAST_ROUNDS: u32 = 4;

/// Nanoseconds that a sink may go on reading files when the ledger closes: five seconds.
const LAST_FILES: u64 = 5_000_000_000;

/// Wakes the integrator.
#[derive(Debug)]
pub(crate) struct Waking(Thread);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What the integrator and those who stop it share.
#[derive(Debug, Default)]
pub(crate) struct Control {
    pub(crate) status: Arc<Status>,
    pub(crate) sinks: OnceLock<Arc<Sinks>>,
    /// Held while the checkpoint's file and what is said of it change.
    checkpoint: Mutex<()>,
    stopping: AtomicBool,
}

impl Control {
    /// Tells the thread to publish what is durable and end.
    pub(crate) fn stop(&self, thread: &Thread) {
        self.stopping.store(true, Ordering::Release);
        thread.unpark();
    }
    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
    fn checkpoint(&self) -> MutexGuard<'_, ()> {
        self.checkpoint.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// How publishing stands, sinks included.
    pub(crate) fn state(&self) -> Publishing {
        let mut state = self.status.get();
        state.sinks = self.sinks.get().map(|sinks| sinks.states()).unwrap_or_default();
        state
    }
}

/// The log as its sinks see it.
struct Fed {
    shared: Arc<Shared>,
    control: Arc<Control>,
    /// When sinks get nothing more, once the ledger closes, by the monotonic clock.
    until: OnceLock<u64>,
}

impl LogSource for Fed {
    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SinkError> {
        let now = self.shared.clock.monotonic();
        let is_over = || now > *self.until.get_or_init(|| now.saturating_add(LAST_FILES));
        if self.control.is_stopping() && is_over() {
            return Err(SinkError::failed("the ledger is closed"));
        }
        read_path(&public(&self.shared.folder), path).map_err(SinkError::failed)
    }

    fn consistency(&self, old: u64, new: u64) -> Result<Consistency, SinkError> {
        let latest =
            self.control.status.latest().ok_or_else(|| SinkError::failed("no checkpoint"))?;
        let public = public(&self.shared.folder);
        let grown = proofs::consistency(&public, latest.size, &latest.root, old, new);
        Ok(grown.map_err(SinkError::failed)?.proof)
    }
}

impl PublishedLog for Fed {
    /// What cannot be written is not lost: the next checkpoint is signed anew.
    fn cosign(&self, checkpoint: &SignedCheckpoint, signatures: &[Signature]) {
        let status = &self.control.status;
        let _one_at_a_time = self.control.checkpoint();
        let before = status.witnessed().filter(|before| before.size == checkpoint.size);
        let note = before.map_or_else(|| checkpoint.note.clone(), |before| before.note.clone());
        let Ok(mut note) = Note::parse(note.as_bytes()) else { return };
        for signature in signatures {
            if note.add(signature.clone()).is_err() {
                return;
            }
        }
        let note = note.to_string();
        if status.latest().is_some_and(|latest| latest.size == checkpoint.size) {
            let volume = self.shared.volume.clone();
            let mut public = Public::new(volume, public(&self.shared.folder));
            if public.put(&[(CHECKPOINT.to_owned(), note.clone().into_bytes())]).is_err() {
                return;
            }
        }
        status.witness(SignedCheckpoint { note, ..checkpoint.clone() }, self.shared.clock.now());
    }
}

/// What somebody knows of the log.
#[derive(Debug)]
struct Known {
    by: Box<str>,
    size: u64,
    /// The root, if it is known; a witness keeps it to itself and looks at proofs.
    root: Option<Digest>,
}

/// Why a step did not succeed.
#[derive(Debug)]
enum Halt {
    /// For good.
    Not(NotSigning),
    /// For now.
    Failed(LedgerError),
}

impl From<LedgerError> for Halt {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error)
    }
}
impl From<NotSigning> for Halt {
    fn from(why: NotSigning) -> Self {
        Self::Not(why)
    }
}
impl From<HeadError> for Halt {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::Conflict => Self::Not(NotSigning::Conflict),
            error @ HeadError::Store(_) => Self::Failed(error.into()),
        }
    }
}

/// The thread's state.
#[derive(Debug)]
pub(crate) struct Integrator {
    shared: Arc<Shared>,
    control: Arc<Control>,
    heads: Arc<dyn TreeHeads>,
    signer: Signer,
    interval: Duration,
    public: Public,
    guard: Guard,
    guarded_at: u64,
    durable: watch::Receiver<u64>,
    /// The stored head, and the tree it is the head of.
    head: Option<TreeHead>,
    tree: Growing,
}

impl Integrator {
    pub(crate) fn new(
        shared: Arc<Shared>,
        control: Arc<Control>,
        heads: Arc<dyn TreeHeads>,
        signer: Signer,
        interval: Duration,
    ) -> Self {
        let public = Public::new(shared.volume.clone(), public(&shared.folder));
        let guard = Guard::new(&shared.keys_folder);
        let durable = shared.durable.subscribe();
        let (head, tree) = (None, Growing::default());
        Self {
            shared,
            control,
            heads,
            signer,
            interval,
            public,
            guard,
            guarded_at: 0,
            durable,
            head,
            tree,
        }
    }

    /// The thread: works until it is stopped, or may sign nothing any more.
    pub(crate) fn run(mut self) {
        let fed = self.follow();
        if let (Some(sinks), Some(fed)) = (self.control.sinks.get(), fed) {
            sinks.stop(fed);
        }
    }

    /// Publishes what becomes durable. Gives back the threads of the sinks, if they were started.
    fn follow(&mut self) -> Option<Vec<JoinHandle<()>>> {
        let (mut has_begun, mut fed) = (false, None);
        while !self.control.is_stopping() {
            let step = if has_begun { self.step() } else { self.begin().map(|()| true) };
            let pause = match step {
                Ok(true) if has_begun => self.interval,
                Ok(_) => Duration::ZERO,
                Err(Halt::Not(why)) => {
                    self.control.status.stop(why);
                    return fed;
                }
                Err(Halt::Failed(error)) => {
                    self.control.status.change(|state| state.failing = Some(text(&error)));
                    has_begun = false;
                    self.pause(RETRY);
                    continue;
                }
            };
            has_begun = true;
            if fed.is_none() {
                fed = self.feed();
            }
            self.control.status.change(|state| state.failing = None);
            self.pause(pause);
            self.wait_for_entries();
        }
        if has_begun {
            self.end();
        }
        fed
    }

    /// Starts the threads of the sinks.
    fn feed(&self) -> Option<Vec<JoinHandle<()>>> {
        let sinks = self.control.sinks.get()?;
        let (shared, control) = (Arc::clone(&self.shared), Arc::clone(&self.control));
        let clock = Arc::clone(&shared.clock);
        let log: Arc<dyn PublishedLog> = Arc::new(Fed { shared, control, until: OnceLock::new() });
        // Without threads there is lag, which is shown.
        sinks.start(&self.control.status, &clock, &log).ok()
    }

    /// Publishes what became durable until the ledger was closed.
    fn end(&mut self) {
        for _ in 0..LAST_ROUNDS {
            match self.step() {
                Ok(true) => {}
                // The next start goes on from here.
                Ok(false) | Err(_) => break,
            }
        }
        drop(self.tell_guard());
    }

    /// Finds the tree that the stored head is the head of, and holds it against what others know.
    fn begin(&mut self) -> Result<(), Halt> {
        let durable = self.shared.log.read().count();
        let (log, head) = (self.signer.vkey().to_string(), self.heads.load()?);
        if let Some(head) = head.as_ref().filter(|head| *head.log != *log) {
            let (stored, own) = (head.log.clone(), log.into());
            return Err(NotSigning::Log { stored, own }.into());
        }
        let (size, root) = head.as_ref().map_or((0, empty_root()), |head| (head.size, head.root));
        let mut known = self.known()?;
        known.push(Known { by: "the control state".into(), size, root: Some(root) });
        known.sort_by_key(|known| known.size);
        if let Some(Known { by, size, .. }) = known.pop_if(|known| known.size > durable) {
            return Err(NotSigning::Behind { by, known: size, durable }.into());
        }
        self.tree = self.open(size, root)?;
        for Known { by, size: at, root: expected } in known {
            let is_ours = self.root_at(at, size, root)?;
            if expected.is_some_and(|expected| expected != is_ours) {
                return Err(NotSigning::Forked { by, size: at }.into());
            }
        }
        self.head = head;
        let integrated = self.tree.size();
        self.control.status.change(|state| state.integrated = integrated);
        self.publish_again()
    }

    /// What is known of this log outside the segments.
    fn known(&self) -> Result<Vec<Known>, Halt> {
        let mut known = Vec::new();
        if let Some(note) = self.guard.latest()? {
            let by: Box<str> = guard::NAME.into();
            let checkpoint = self.own(&note).map_err(|e| NotSigning::Unreadable {
                by: by.clone(),
                why: e.to_string().into(),
            })?;
            known.push(Known { by, size: checkpoint.size, root: Some(checkpoint.root) });
        }
        // What is not signed by this log is no word of its; it is written over.
        if let Some(checkpoint) = self.published_file()?.and_then(|note| self.own(&note).ok()) {
            let by = "the published checkpoint".into();
            known.push(Known { by, size: checkpoint.size, root: Some(checkpoint.root) });
        }
        if let Some(sinks) = self.control.sinks.get() {
            let log = self.signer.vkey();
            let empty = Checkpoint::new(log.name(), 0, empty_root()).sign(&self.signer);
            let empty = empty.map_err(LedgerError::from)?.to_string();
            let of = |(by, KnownHead { size, root })| Known { by, size, root };
            known.extend(sinks.known(log, &empty).into_iter().map(of));
        }
        Ok(known)
    }

    /// The checkpoint of a note that this log signed.
    fn own(&self, note: &[u8]) -> Result<Checkpoint, LedgerError> {
        Ok(Checkpoint::open(note, &[self.signer.vkey()])?.checkpoint)
    }

    fn published_file(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        read_note(self.public.root())
    }

    /// The tree of the stored head: its right edge out of the tiles, or all of it out of the
    /// segments.
    fn open(&mut self, size: u64, root: Digest) -> Result<Growing, Halt> {
        let log = Arc::clone(&self.shared.log);
        if let Some(tree) = Growing::open(self.public.root(), &log, size, &root)? {
            return Ok(tree);
        }
        let control = Arc::clone(&self.control);
        let goes_on = || !control.is_stopping();
        let built = Growing::rebuild(&mut self.public, &log, size, &root, goes_on)?;
        built.ok_or_else(|| NotSigning::Root(size).into())
    }

    /// The root that the tree had at `size`, grown to it if it is not that large yet. `stored` and
    /// `root` are of the stored head.
    fn root_at(&mut self, size: u64, stored: u64, root: Digest) -> Result<Digest, Halt> {
        while self.tree.size() < size {
            let (grown, files) = self.tree.grown(&self.shared.log, size)?;
            self.public.put(&files)?;
            self.tree = grown;
        }
        if size >= stored {
            return Ok(self.tree.root());
        }
        let past = |public: &Public| -> Option<Digest> {
            let folder = public.root();
            let absent = || LedgerError::Absent(size);
            let read = |tile| read_tile(folder, tile)?.ok_or_else(absent);
            Tiles::open(stored, &root, read).ok()?.root_at(size).ok()
        };
        if let Some(past) = past(&self.public) {
            return Ok(past);
        }
        // A tile on the way is missing or altered. The segments have what belongs there.
        let (log, control) = (Arc::clone(&self.shared.log), Arc::clone(&self.control));
        let goes_on = || !control.is_stopping();
        Growing::rebuild(&mut self.public, &log, stored, &root, goes_on)?
            .ok_or(NotSigning::Root(stored))?;
        let missing = || LedgerError::Published {
            path: self.public.root().to_path_buf(),
            what: "its tiles do not lead to earlier checkpoints".into(),
        };
        Ok(past(&self.public).ok_or_else(missing)?)
    }

    /// Takes up the checkpoint file as it is, if it is that of the head.
    fn publish_again(&mut self) -> Result<(), Halt> {
        let Some(head) = &self.head else { return Ok(()) };
        let (Some(note), path) = (self.published_file()?, self.public.root().join(CHECKPOINT))
        else {
            return Ok(());
        };
        let is_current = |found: Checkpoint| found.size == head.size && found.root == head.root;
        if !self.own(&note).is_ok_and(is_current) {
            return Ok(());
        }
        let modified = std::fs::metadata(&path).and_then(|facts| facts.modified()).ok();
        let since = modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let micros = since.and_then(|since| u64::try_from(since.as_micros()).ok());
        let time = micros.map_or_else(|| self.shared.clock.now(), Time::from_micros);
        let note = String::from_utf8_lossy(&note).into_owned();
        let (size, root) = (head.size, head.root);
        self.control.status.publish(SignedCheckpoint { size, root, time, note });
        Ok(())
    }

    /// One step: grows the tree and publishes it. False if there was nothing to do.
    fn step(&mut self) -> Result<bool, Halt> {
        // A sink may have found that this log was forked.
        if let Some(why) = self.control.status.get().stopped {
            return Err(why.into());
        }
        let durable = *self.durable.borrow_and_update();
        let signed = self.head.as_ref().map_or(0, |head| head.signed);
        let published = self.control.status.latest().map_or(0, |latest| latest.size);
        if durable > self.tree.size() || signed < self.tree.size() {
            self.integrate(durable)?;
        } else if published >= signed {
            self.tell_guard()?;
            return Ok(false);
        }
        self.publish()?;
        Ok(true)
    }

    /// Grows the tree by what is durable, or as much of it as it grows at once.
    fn integrate(&mut self, durable: u64) -> Result<(), Halt> {
        let replaced: Vec<String> = self.tree.partials().collect();
        let (grown, files) = self.tree.grown(&self.shared.log, durable)?;
        self.public.put(&files)?;
        let (log, size) = (self.signer.vkey().to_string().into(), grown.size());
        let next = TreeHead { log, size, root: grown.root(), signed: size };
        self.heads.advance(self.head.as_ref(), &next)?;
        (self.head, self.tree) = (Some(next), grown);
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        self.control.status.change(|state| {
            state.integrated = size;
            state.bytes += bytes as u64;
        });
        for full in replaced.iter().filter(|path| is_among(path, &files)) {
            self.public.remove_partials(full);
        }
        Ok(())
    }

    /// Signs the stored head and publishes the checkpoint. The head was stored first: whatever
    /// happens from here on, no other tree of this size can be signed.
    fn publish(&mut self) -> Result<(), Halt> {
        let Some(head) = &self.head else { return Ok(()) };
        let (size, root) = (head.size, head.root);
        let checkpoint = Checkpoint::new(self.signer.vkey().name(), size, root);
        let note = checkpoint.sign(&self.signer).map_err(LedgerError::from)?.to_string();
        {
            let _one_at_a_time = self.control.checkpoint();
            self.public.put(&[(CHECKPOINT.to_owned(), note.clone().into_bytes())])?;
            let time = self.shared.clock.now();
            self.control.status.publish(SignedCheckpoint { size, root, time, note });
        }
        let now = self.shared.clock.monotonic();
        if now.saturating_sub(self.guarded_at) > GUARD_LAG {
            self.tell_guard()?;
        }
        Ok(())
    }

    fn tell_guard(&mut self) -> Result<(), LedgerError> {
        self.guarded_at = self.shared.clock.monotonic();
        match self.control.status.latest() {
            Some(latest) if self.guard.lacks(&latest) => {
                self.guard.put(&self.shared.volume, &latest)
            }
            _ => Ok(()),
        }
    }

    /// Sleeps, unless it is told to stop.
    fn pause(&self, time: Duration) {
        let clock = &self.shared.clock;
        let start = clock.monotonic();
        while !self.control.is_stopping() {
            let gone = Duration::from_nanos(clock.monotonic().saturating_sub(start));
            let Some(left) = time.checked_sub(gone).filter(|left| !left.is_zero()) else { return };
            thread::park_timeout(left);
        }
    }

    /// Waits until there is something for the next step, or it is told to stop.
    fn wait_for_entries(&mut self) {
        let waker = Waker::from(Arc::new(Waking(thread::current())));
        let mut context = Context::from_waker(&waker);
        while !self.control.is_stopping() {
            let published = self.control.status.latest().map_or(0, |latest| latest.size);
            if *self.durable.borrow() > published {
                return;
            }
            // An idle step tells the guard of the last checkpoint.
            if self.control.status.latest().is_some_and(|latest| self.guard.lacks(&latest)) {
                return;
            }
            let mut changed = pin!(self.durable.changed());
            if matches!(changed.as_mut().poll(&mut context), Poll::Pending) {
                thread::park();
            }
        }
    }
}

/// Whether a file of this path is among `files`.
fn is_among(path: &str, files: &[PublicFile]) -> bool {
    files.iter().any(|(other, _)| other == path)
}
