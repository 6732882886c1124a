//! The head of the tree, kept where a compare-and-swap is: what keeps one log from being signed
//! in two ways, whatever happens to files.

use plimsoll_types::Digest;
use std::error::Error;
use std::fmt;

/// How far the tree has grown, and how far it may have been signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeHead {
    /// The log's verifier key, which says whose tree it is.
    pub log: Box<str>,
    /// Number of entries in the tree.
    pub size: u64,
    /// Root hash of the tree.
    pub root: Digest,
    /// The largest size for which a signature may exist.
    pub signed: u64,
}

/// Why a head could not be read or moved.
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// Another head is stored than the one expected: somebody else moved it.
    #[error("another process moved the tree's head")]
    Conflict,
    /// The store failed; nothing was changed.
    #[error("the tree's head could not be read or written")]
    Store(#[source] Box<dyn Error + Send + Sync>),
}

/// Where the tree's head is kept.
pub trait TreeHeads: Send + Sync + fmt::Debug {
    /// The stored head; `None` before the first.
    ///
    /// # Errors
    /// [`HeadError::Store`].
    fn load(&self) -> Result<Option<TreeHead>, HeadError>;

    /// Puts `next` in the place of `expected`. Durable on return.
    ///
    /// # Errors
    /// [`HeadError::Conflict`] if another head is stored; nothing is changed then.
    fn advance(&self, expected: Option<&TreeHead>, next: &TreeHead) -> Result<(), HeadError>;
}
