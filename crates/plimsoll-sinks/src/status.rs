//! How each sink is doing, for answers and metrics.

use plimsoll_types::{Name, SinkId, Time};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How far a running sink is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// Its name.
    pub name: Name,
    /// The index that comes next.
    pub next: u64,
    /// Events acknowledged, ever.
    pub delivered: u64,
    /// Attempts that failed since the server began.
    pub failures: u64,
    /// Failures in a row.
    pub in_a_row: u32,
    /// Since when every attempt has failed.
    pub failing_since: Option<Time>,
    /// Why the last attempt failed.
    pub reason: Option<Box<str>>,
    /// When it is tried again.
    pub retry_at: Option<Time>,
}

/// The progress of every running sink: bounded by the number of sinks.
#[derive(Debug, Default)]
pub(crate) struct Board(Mutex<HashMap<SinkId, Progress>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, HashMap<SinkId, Progress>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn all(&self) -> Vec<Progress> {
        let mut all: Vec<Progress> = self.lock().values().cloned().collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
    pub(crate) fn get(&self, id: SinkId) -> Option<Progress> {
        self.lock().get(&id).cloned()
    }
    pub(crate) fn keep_only(&self, live: impl Fn(&SinkId) -> bool) {
        self.lock().retain(|id, _| live(id));
    }
    /// Begins a worker's line; failures of an earlier worker of the sink stay counted.
    pub(crate) fn begin(&self, id: SinkId, name: &Name, next: u64, delivered: u64) {
        let mut board = self.lock();
        let failures = board.get(&id).map_or(0, |before| before.failures);
        let progress = Progress {
            name: name.clone(),
            next,
            delivered,
            failures,
            in_a_row: 0,
            failing_since: None,
            reason: None,
            retry_at: None,
        };
        board.insert(id, progress);
    }
    pub(crate) fn moved(&self, id: SinkId, next: u64, more: u64) {
        if let Some(progress) = self.lock().get_mut(&id) {
            progress.next = next;
            progress.delivered = progress.delivered.saturating_add(more);
            (progress.in_a_row, progress.failing_since) = (0, None);
            (progress.reason, progress.retry_at) = (None, None);
        }
    }
    /// Notes a failure; gives the number of failures in a row.
    pub(crate) fn failed(&self, id: SinkId, now: Time, reason: &str) -> u32 {
        let mut board = self.lock();
        let Some(progress) = board.get_mut(&id) else { return 1 };
        progress.failures = progress.failures.saturating_add(1);
        progress.in_a_row = progress.in_a_row.saturating_add(1);
        progress.failing_since.get_or_insert(now);
        progress.reason = Some(reason.into());
        progress.in_a_row
    }
    pub(crate) fn retries(&self, id: SinkId, at: Time) {
        if let Some(progress) = self.lock().get_mut(&id) {
            progress.retry_at = Some(at);
        }
    }
}
