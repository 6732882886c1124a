//! The background thread: makes the next segment before it is needed, writes the sidecars
//! of finished ones, and keeps the reserve file. It is the one that meets a full disk.

use crate::LedgerError;
use crate::disk::{Handle, Volume};
use crate::index::{self, Stored};
use crate::log::{Index, Part, SharedLog};
use crate::segment::{Cursor, HEADER};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long after a failure the thread tries again.
const RETRY: Duration = Duration::from_secs(1);

/// A finished segment whose sidecar is to be written.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) part: Arc<Part>,
    pub(crate) end: Cursor,
    pub(crate) open: BTreeSet<u64>,
}

#[derive(Debug, Default)]
struct State {
    next: Option<Handle>,
    /// The writer has the file and it still has its old name, which the next one will need.
    taken: bool,
    finished: Vec<Finished>,
    /// Why there is no next segment.
    failed: Option<Failure>,
    stop: bool,
}

/// What keeps the next segment from being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No room. Ends by itself when there is room again.
    Full,
    /// Anything else.
    Other(Box<str>),
}

/// What the background thread and the writer share.
#[derive(Debug)]
pub(crate) struct Spare {
    state: Mutex<State>,
    changed: Condvar,
    volume: Volume,
    folder: PathBuf,
    segment_bytes: u64,
    reserve_bytes: u64,
    /// Whether the last failure was a full disk; read at every append.
    full: AtomicBool,
}

impl Spare {
    pub(crate) fn new(
        volume: Volume,
        ledger: &Path,
        segment_bytes: u64,
        reserve_bytes: u64,
    ) -> Self {
        Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            volume,
            folder: ledger.to_path_buf(),
            segment_bytes,
            reserve_bytes,
            full: AtomicBool::new(false),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next segment's file, all zeros. Waits until it is made. Another one is made after
    /// [`Self::renamed`].
    pub(crate) fn take(&self) -> Result<Handle, LedgerError> {
        let mut state = self.state();
        loop {
            if let Some(next) = state.next.take() {
                state.taken = true;
                return Ok(next);
            }
            match &state.failed {
                Some(Failure::Full) => return Err(LedgerError::Full),
                Some(Failure::Other(why)) => return Err(LedgerError::Poisoned(why.clone())),
                None if state.stop => return Err(LedgerError::Thread("background")),
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// The file that was taken has its own name now.
    pub(crate) fn renamed(&self) {
        self.state().taken = false;
        self.changed.notify_all();
    }

    /// Hands over a finished segment.
    pub(crate) fn finish(&self, finished: Finished) {
        self.state().finished.push(finished);
        self.changed.notify_all();
    }

    pub(crate) fn failed(&self) -> Option<Failure> {
        self.state().failed.clone()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.state().stop = true;
        self.changed.notify_all();
    }

    /// The thread: works until it is stopped.
    pub(crate) fn run(&self, log: &SharedLog) {
        loop {
            let (finished, wanted) = {
                let mut state = self.state();
                loop {
                    if state.stop && state.finished.is_empty() {
                        return;
                    }
                    let wanted = state.next.is_none() && !state.taken && !state.stop;
                    if !state.finished.is_empty() || (wanted && state.failed.is_none()) {
                        break (std::mem::take(&mut state.finished), wanted);
                    }
                    if state.failed.is_some() {
                        let (after, time) = self
                            .changed
                            .wait_timeout(state, RETRY)
                            .unwrap_or_else(PoisonError::into_inner);
                        state = after;
                        if time.timed_out() {
                            break (Vec::new(), wanted);
                        }
                    } else {
                        state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                    }
                }
            };
            // The next segment first: the writer may wait for it.
            if wanted {
                let made = self.prepare();
                self.full.store(matches!(made, Err(Failure::Full)), Ordering::Relaxed);
                let mut state = self.state();
                (state.next, state.failed) = match made {
                    Ok(handle) => (Some(handle), None),
                    Err(failure) => (None, Some(failure)),
                };
                self.changed.notify_all();
            }
            for finished in finished {
                self.index(log, &finished);
            }
        }
    }

    /// A segment of zeros, durable, under the name that the next roll will change.
    fn prepare(&self) -> Result<Handle, Failure> {
        let made = self.ensure_reserve().and_then(|()| self.make());
        match made {
            Ok(handle) => Ok(handle),
            Err(e) if e.is_full() => {
                // The reserve gives room to records that were already taken, to the other
                // files of this disk, and to whoever must act now.
                self.release_reserve();
                Err(Failure::Full)
            }
            Err(e) => Err(Failure::Other(format!("{e}").into())),
        }
    }

    fn make(&self) -> Result<Handle, LedgerError> {
        let path = self.folder.join("next.seg");
        if let Some(handle) = left_over(&path, self.segment_bytes)? {
            return Ok(handle);
        }
        let fresh = path.with_extension("fresh");
        let handle = self.volume.directly(self.volume.allocate(&fresh, self.segment_bytes)?);
        self.volume.zero(&handle, 0, self.segment_bytes)?;
        self.volume.rename(&fresh, &path)?;
        Ok(Handle { path, ..handle })
    }

    pub(crate) fn ensure_reserve(&self) -> Result<(), LedgerError> {
        let path = self.folder.join("reserve");
        if std::fs::metadata(&path).map_or(0, |m| m.len()) == self.reserve_bytes {
            return Ok(());
        }
        if self.reserve_bytes == 0 {
            return self.volume.remove(&path);
        }
        let fresh = path.with_extension("fresh");
        let made = self.volume.allocate(&fresh, self.reserve_bytes);
        if made.is_err() {
            self.volume.remove(&fresh)?;
        }
        made?;
        self.volume.rename(&fresh, &path)
    }

    /// Best effort: the disk is full, and the caller reports that.
    fn release_reserve(&self) {
        for name in ["reserve", "reserve.fresh", "next.fresh"] {
            drop(self.volume.remove(&self.folder.join(name)));
        }
    }

    /// Writes a sidecar and puts it in place of the index in memory. A sidecar that cannot
    /// be written is no loss: the index stays in memory and is rebuilt at the next start.
    fn index(&self, log: &SharedLog, finished: &Finished) {
        let Index::Live(live) = &finished.part.index else { return };
        let path = index::path(&finished.part.path);
        let bytes = live.encode(finished.part.first, &finished.end, &finished.open);
        if self.volume.replace(&path, &bytes).is_err() {
            return;
        }
        let Some(stored) = Stored::open(&path) else { return };
        let part = Arc::new(Part::stored(finished.part.path.clone(), stored));
        let mut log = log.write();
        let parts = Arc::make_mut(&mut log.parts);
        if let Some(place) = parts.iter_mut().find(|place| place.first == part.first) {
            *place = part;
        }
    }
}

/// A segment that an earlier process made and did not use: durable zeros under its name.
fn left_over(path: &Path, len: u64) -> Result<Option<Handle>, LedgerError> {
    if !path.exists() {
        return Ok(None);
    }
    let handle = Handle::write(path)?;
    let mut head = [0; HEADER];
    let filled = handle.read_at(&mut head, 0)?;
    Ok((filled == HEADER && head == [0; HEADER] && handle.len()? == len).then_some(handle))
}
