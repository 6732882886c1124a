//! How publishing stands, for health, metrics and everybody who waits for a checkpoint.

use super::sinks::SinkState;
use plimsoll_types::{Digest, Time};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// A checkpoint that was signed and published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// Number of entries it covers.
    pub size: u64,
    /// Root hash of their tree.
    pub root: Digest,
    /// When it was published, by this machine's clock.
    pub time: Time,
    /// The signed note.
    pub note: String,
}

/// Why no checkpoint is signed any more. Records are taken all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSigning {
    /// Somebody knows a later checkpoint of this log than the ledger has entries for.
    #[error(
        "{by} knows a checkpoint of {known} entries and this ledger has {durable}: it was made from an old backup; restore a later one, or give the log up with `plimsoll ledger new-log`"
    )]
    Behind {
        /// Who knows it.
        by: Box<str>,
        /// Entries it covers.
        known: u64,
        /// Entries the ledger has.
        durable: u64,
    },
    /// Somebody knows another tree of this log than the entries give.
    #[error(
        "the first {size} entries are not those of the checkpoint that {by} knows: the ledger was altered, or began anew; restore it from a backup, or give the log up with `plimsoll ledger new-log`"
    )]
    Forked {
        /// Who knows it.
        by: Box<str>,
        /// Entries it covers.
        size: u64,
    },
    /// The segments do not give the stored root.
    #[error(
        "the entries do not give the stored root of the tree of {0} entries; `plimsoll ledger verify` names the first bad one, then restore it from a backup"
    )]
    Root(u64),
    /// The stored head is that of another log.
    #[error(
        "the tree was signed as the log `{stored}`, and its name and key are now `{own}`; put back the setting `ledger.origin` and the keys folder, or begin a new log with `plimsoll ledger new-log`"
    )]
    Log {
        /// The verifier key in the store.
        stored: Box<str>,
        /// The verifier key of settings and keys folder.
        own: Box<str>,
    },
    /// What somebody knows of this log cannot be read.
    #[error("the latest checkpoint that {by} knows cannot be read: {why}")]
    Unreadable {
        /// Who knows it.
        by: Box<str>,
        /// Why not.
        why: Box<str>,
    },
    /// Somebody else moved the tree's head.
    #[error("another process moved the tree's head; stop it, then restart this one")]
    Conflict,
}

/// How publishing stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Publishing {
    /// The log's verifier key; empty if nothing is published.
    pub vkey: Box<str>,
    /// Entries in the tree.
    pub integrated: u64,
    /// Entries that the latest published checkpoint covers.
    pub published: u64,
    /// When that was published.
    pub published_at: Option<Time>,
    /// Entries that the latest checkpoint with a witness's signature covers.
    pub witnessed: u64,
    /// When a witness last signed.
    pub witnessed_at: Option<Time>,
    /// How the places outside of the data folder stand.
    pub sinks: Vec<SinkState>,
    /// Why nothing is signed any more.
    pub stopped: Option<NotSigning>,
    /// Why the last attempt failed. It is made again and again.
    pub failing: Option<Box<str>>,
    /// Bytes of files published since the start.
    pub bytes: u64,
}

/// What integrator and readers share.
#[derive(Debug)]
pub(crate) struct Status {
    state: Mutex<Publishing>,
    latest: watch::Sender<Option<Arc<SignedCheckpoint>>>,
    /// The latest that a witness signed.
    witnessed: Mutex<Option<Arc<SignedCheckpoint>>>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            latest: watch::Sender::new(None),
            witnessed: Mutex::default(),
        }
    }
}

impl Status {
    fn state(&self) -> MutexGuard<'_, Publishing> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn get(&self) -> Publishing {
        self.state().clone()
    }
    pub(crate) fn change(&self, change: impl FnOnce(&mut Publishing)) {
        change(&mut self.state());
    }
    /// Ends all waiting: nothing more is published.
    pub(crate) fn stop(&self, why: NotSigning) {
        self.state().stopped = Some(why);
        // Wakes those who wait, so that they see it.
        self.latest.send_modify(|_| {});
    }
    pub(crate) fn publish(&self, checkpoint: SignedCheckpoint) {
        self.change(|state| {
            state.published = checkpoint.size;
            state.published_at = Some(checkpoint.time);
        });
        self.latest.send_replace(Some(Arc::new(checkpoint)));
    }
    /// Takes up a checkpoint with the signatures of witnesses.
    pub(crate) fn witness(&self, checkpoint: SignedCheckpoint, now: Time) {
        let checkpoint = Arc::new(checkpoint);
        self.change(|state| (state.witnessed, state.witnessed_at) = (checkpoint.size, Some(now)));
        self.latest.send_if_modified(|latest| {
            let is_same = latest.as_ref().is_some_and(|latest| latest.size == checkpoint.size);
            if is_same {
                *latest = Some(Arc::clone(&checkpoint));
            }
            is_same
        });
        *self.witnessed.lock().unwrap_or_else(PoisonError::into_inner) = Some(checkpoint);
    }
    /// The latest checkpoint that a witness signed.
    pub(crate) fn witnessed(&self) -> Option<Arc<SignedCheckpoint>> {
        self.witnessed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    pub(crate) fn latest(&self) -> Option<Arc<SignedCheckpoint>> {
        self.latest.borrow().clone()
    }
    pub(crate) fn watch(&self) -> watch::Receiver<Option<Arc<SignedCheckpoint>>> {
        self.latest.subscribe()
    }
}
