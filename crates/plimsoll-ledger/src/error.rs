//! Why the ledger said no. Messages name what was wrong, where, and what to do; they
//! never carry a caller's data or key material.

use plimsoll_types::record::RecordError;
use std::path::{Path, PathBuf};

/// Why a ledger operation failed.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The queue holds as many records or bytes as it may. Nothing was taken; try again.
    #[error("the ledger's queue is full; retry after the syncs in flight")]
    Busy,
    /// The disk is full or the reserve file was spent. Nothing was taken.
    #[error("the ledger's disk is full; free space, it goes on by itself")]
    Full,
    /// A write or sync failed, so what is on disk is not known. Only a restart, which
    /// recovers from the disk, may go on. Whether this record is durable is unknown.
    #[error("the ledger stopped after a failed write or sync ({0}); restart to recover")]
    Poisoned(Box<str>),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
    /// The record does not fit into a segment.
    #[error("a record of {bytes} bytes is larger than the ledger's limit of {limit}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A body may be held by 1 to [`crate::MAX_HOLDERS`] keys.
    #[error("a body is sealed for 1 to {limit} holders, not {given}")]
    Holders {
        /// How many were given.
        given: usize,
        /// The limit.
        limit: usize,
    },
    /// Another process has the folder.
    #[error("`{0}` is in use by another process; stop it first")]
    Locked(PathBuf),
    /// A file could not be read or written.
    #[error("could not {what} `{path}`")]
    Io {
        /// What was tried: `open`, `write`, `sync`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Bytes on disk are not what was durably written there.
    #[error(
        "`{path}` is damaged at entry {index}, offset {offset}: {what}; restore it from a backup"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The entry's index.
        index: u64,
        /// Offset in the file.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// There is no entry at this index.
    #[error("there is no entry {0}")]
    Absent(u64),
    /// The folder was written by another format version.
    #[error("`{path}` has a format this version does not read: {what}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
    /// The keys folder cannot be used.
    #[error("the keys folder cannot be used, `{path}`: {what}")]
    Keys {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        what: &'static str,
    },
    /// What wraps the keys' few secrets did not do its part.
    #[error("the root `{name}` cannot be used: {why}")]
    Root {
        /// Which root.
        name: Box<str>,
        /// Why not.
        why: crate::RootError,
    },
    /// More keys were erased than this process remembers.
    #[error("{0} keys were erased since the start, the limit of one run; restart to go on")]
    TooManyErased(usize),
    /// None of the keys that open a body is in the key journal (erased, or another keys folder).
    #[error("no key opens this body: its keys were erased or belong to another keys folder")]
    KeyGone,
    /// A sealed body is not what its leaf commits to, or was not sealed with this key.
    #[error("the sealed body does not open: {0}")]
    Unsealable(&'static str),
    /// A leaf or one of the ledger's own bodies is malformed.
    #[error("a record is malformed")]
    Record(#[from] RecordError),
    /// The source of random numbers failed.
    #[error("the system's random number generator failed")]
    Random,
    /// A published file is not what the ledger's entries make of it.
    #[error("`{path}` is not what the ledger's entries make of it: {what}")]
    Published {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: Box<str>,
    },
    /// A key, note or checkpoint of the log is none.
    #[error("a note of the log is not one")]
    Note(#[from] plimsoll_tlog::note::NoteError),
    /// A bundle of entries is none.
    #[error("a bundle of entries is not one")]
    Bundle(#[from] plimsoll_tlog::bundle::BundleError),
    /// There is no such tile.
    #[error("a tile of the log is not one")]
    Tile(#[from] plimsoll_tlog::tile::TileError),
    /// The tree's head could not be read or moved.
    #[error("the head of the tree could not be kept")]
    Head(#[from] crate::publish::HeadError),
    /// A thread could not be started or stopped by itself.
    #[error("the ledger's {0} thread failed")]
    Thread(&'static str),
}

impl LedgerError {
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { what, path, source }
    }

    /// Whether the disk had no room: the one write error after which going on is safe,
    /// because it is met when space is set aside and not when records are written.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Full => true,
            Self::Io { source, .. } => {
                matches!(
                    source.kind(),
                    std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
                )
            }
            _ => false,
        }
    }
}
