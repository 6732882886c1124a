//! Where checkpoints are kept outside of the data folder, so that nobody who holds it can deny
//! them: write-once files, other machines, witnesses. A sink that is slow or away costs nothing
//! but its own lag: checkpoints are published without it, and it gets the latest when it is back.

use super::status::{NotSigning, SignedCheckpoint, Status};
use plimsoll_tlog::Vkey;
use plimsoll_tlog::note::Signature;
use plimsoll_tlog::proof::Consistency;
use plimsoll_types::{Clock, Digest, Time};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};
use std::time::Duration;

/// Sinks of one log; each has a thread of its own.
pub const MAX_SINKS: usize = 16;
/// The first pause after a failure; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_secs(1);
/// The longest pause between two attempts.
const MAX_RETRY: Duration = Duration::from_secs(60);

/// What somebody outside knows of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHead {
    /// Entries that the latest checkpoint it knows covers.
    pub size: u64,
    /// Their root hash, if it tells it.
    pub root: Option<Digest>,
}

/// Why a sink did not take a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// It could not be reached, or failed; the next attempt may succeed.
    #[error("{0}")]
    Failed(Box<str>),
    /// It knows a later checkpoint of this log.
    #[error("it knows a checkpoint of {0} entries")]
    Ahead(u64),
    /// It knows another tree of this log.
    #[error("it knows another tree of this log of up to {0} entries")]
    Forked(u64),
}

impl SinkError {
    /// A failure that may pass.
    #[must_use]
    pub fn failed(why: impl fmt::Display) -> Self {
        Self::Failed(why.to_string().into())
    }
}

/// The published log, for sinks that want more of it than a checkpoint.
pub trait LogSource {
    /// The published file of a path below the log's prefix (`tile/0/000`); `None` if there is none.
    ///
    /// # Errors
    /// [`SinkError::Failed`] if it cannot be read.
    fn file(&self, path: &str) -> Result<Option<Vec<u8>>, SinkError>;

    /// That the log of `new` entries begins with the log of `old` ones.
    ///
    /// # Errors
    /// [`SinkError::Failed`] if the tiles cannot be read.
    fn consistency(&self, old: u64, new: u64) -> Result<Consistency, SinkError>;
}

/// The log that sinks are fed from.
pub(crate) trait PublishedLog: LogSource + Send + Sync {
    /// Puts signatures under a checkpoint.
    fn cosign(&self, checkpoint: &SignedCheckpoint, signatures: &[Signature]);
}

/// A place outside of the data folder that takes checkpoints. A witness is one that answers with a
/// signature.
pub trait CheckpointSink: Send + fmt::Debug {
    /// What it is called in health and metrics.
    fn name(&self) -> &str;

    /// The least time between two checkpoints that it is given.
    fn interval(&self) -> Duration;

    /// The latest checkpoint of the log that it knows, signed by this key. `empty` is the signed checkpoint of the log
    /// without entries, with which a witness can be asked.
    ///
    /// # Errors
    /// If it cannot be asked.
    fn known(&mut self, log: &Vkey, empty: &str) -> Result<Option<KnownHead>, SinkError>;

    /// Takes a checkpoint; gives the signatures that it has for it, which are verified already.
    ///
    /// # Errors
    /// If it does not.
    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        source: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError>;
}

/// How a sink stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SinkState {
    /// What it is called.
    pub name: Box<str>,
    /// Entries that the latest checkpoint it took covers.
    pub size: u64,
    /// When it took it.
    pub taken_at: Option<Time>,
    /// Why its last attempt failed.
    pub failing: Option<Box<str>>,
}

/// The sinks of a log.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    sinks: Vec<Mutex<Box<dyn CheckpointSink>>>,
    states: Mutex<Vec<SinkState>>,
    stopping: AtomicBool,
}

struct Waking(Thread);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn locked<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sinks {
    pub(crate) fn new(sinks: Vec<Box<dyn CheckpointSink>>) -> Self {
        let state =
            |name: &str| SinkState { name: name.into(), size: 0, taken_at: None, failing: None };
        let states = sinks.iter().take(MAX_SINKS).map(|sink| state(sink.name())).collect();
        let states = Mutex::new(states);
        let sinks = sinks.into_iter().take(MAX_SINKS).map(Mutex::new).collect();
        Self { sinks, states, stopping: AtomicBool::new(false) }
    }

    /// How they stand.
    pub(crate) fn states(&self) -> Vec<SinkState> {
        locked(&self.states).clone()
    }

    /// What each knows. One that cannot be asked is left out: it will say so when it is given the
    /// next checkpoint, and a witness does not sign one that does not extend what it knows.
    pub(crate) fn known(&self, log: &Vkey, empty: &str) -> Vec<(Box<str>, KnownHead)> {
        let mut known = Vec::new();
        for (place, sink) in self.sinks.iter().enumerate() {
            let mut sink = locked(sink);
            match sink.known(log, empty) {
                Ok(head) => known.extend(head.map(|head| (sink.name().into(), head))),
                Err(error) => self.change(place, |state| state.failing = Some(text(&error))),
            }
        }
        known
    }

    fn change(&self, place: usize, change: impl FnOnce(&mut SinkState)) {
        if let Some(state) = locked(&self.states).get_mut(place) {
            change(state);
        }
    }

    /// Starts a thread for each.
    pub(crate) fn start(
        self: &Arc<Self>,
        status: &Arc<Status>,
        clock: &Arc<dyn Clock>,
        log: &Arc<dyn PublishedLog>,
    ) -> std::io::Result<Vec<JoinHandle<()>>> {
        let run = |place| {
            let feed = Feed {
                place,
                sinks: Arc::clone(self),
                status: Arc::clone(status),
                clock: Arc::clone(clock),
                log: Arc::clone(log),
            };
            thread::Builder::new().name(format!("plimsoll-sink-{place}")).spawn(move || feed.run())
        };
        (0..self.sinks.len()).map(run).collect()
    }

    /// Gives each the last checkpoint, once, and ends the threads.
    pub(crate) fn stop(&self, threads: Vec<JoinHandle<()>>) {
        self.stopping.store(true, Ordering::Release);
        threads.iter().for_each(|thread| thread.thread().unpark());
        // One that panicked took nothing with it.
        threads.into_iter().for_each(|thread| drop(thread.join()));
    }
}

/// The thread of one sink.
struct Feed {
    place: usize,
    sinks: Arc<Sinks>,
    status: Arc<Status>,
    clock: Arc<dyn Clock>,
    log: Arc<dyn PublishedLog>,
}

impl Feed {
    fn run(self) {
        let Some(sink) = self.sinks.sinks.get(self.place) else { return };
        let mut checkpoints = self.status.watch();
        let (mut taken, mut retry) = (0, FIRST_RETRY);
        loop {
            let is_last = self.is_stopping();
            let latest = checkpoints.borrow_and_update().clone();
            let mut pause = None;
            if let Some(latest) = latest.filter(|latest| latest.size > taken) {
                let given = locked(sink).put(&latest, &*self.log);
                match given {
                    Ok(signatures) => {
                        (taken, retry) = (latest.size, FIRST_RETRY);
                        self.took(&latest, &signatures);
                        pause = Some(locked(sink).interval());
                    }
                    Err(error) => {
                        self.refused(&error);
                        pause = Some(retry);
                        retry = (retry * 2).min(MAX_RETRY);
                    }
                }
            }
            if is_last {
                return;
            }
            match pause {
                Some(pause) => self.pause(pause),
                None => self.wait(&mut checkpoints),
            }
        }
    }

    fn took(&self, checkpoint: &SignedCheckpoint, signatures: &[Signature]) {
        let now = self.clock.now();
        self.sinks.change(self.place, |state| {
            (state.size, state.taken_at, state.failing) = (checkpoint.size, Some(now), None);
        });
        if !signatures.is_empty() {
            self.log.cosign(checkpoint, signatures);
        }
    }

    fn refused(&self, error: &SinkError) {
        let mut name: Box<str> = "".into();
        self.sinks.change(self.place, |state| {
            state.failing = Some(text(error));
            name.clone_from(&state.name);
        });
        let durable = self.status.get().published;
        match *error {
            SinkError::Failed(_) => {}
            SinkError::Ahead(known) => {
                self.status.stop(NotSigning::Behind { by: name, known, durable });
            }
            SinkError::Forked(size) => self.status.stop(NotSigning::Forked { by: name, size }),
        }
    }

    fn is_stopping(&self) -> bool {
        self.sinks.stopping.load(Ordering::Acquire)
    }

    fn pause(&self, time: Duration) {
        let start = self.clock.monotonic();
        while !self.is_stopping() {
            let gone = Duration::from_nanos(self.clock.monotonic().saturating_sub(start));
            let Some(left) = time.checked_sub(gone).filter(|left| !left.is_zero()) else { return };
            thread::park_timeout(left);
        }
    }

    fn wait(&self, checkpoints: &mut tokio::sync::watch::Receiver<Option<Arc<SignedCheckpoint>>>) {
        let waker = Waker::from(Arc::new(Waking(thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut changed = pin!(checkpoints.changed());
        while !self.is_stopping() && matches!(changed.as_mut().poll(&mut context), Poll::Pending) {
            thread::park();
        }
    }
}

fn text(error: &SinkError) -> Box<str> {
    error.to_string().into()
}
