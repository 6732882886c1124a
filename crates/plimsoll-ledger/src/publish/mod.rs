//! From durable entries to a public log (C2SP tlog-tiles): tiles and entry bundles, the tree's
//! head, signed checkpoints, proofs, and the verification of all of them.
//!
//! Nothing here is on the way of a record: callers are told when their record is durable, and the
//! tree follows. The files lie in `public/` of the ledger's folder as they are served.

mod folder;
mod guard;
mod heads;
mod integrator;
mod key;
mod leaves;
mod status;
mod tree;

pub use heads::{HeadError, TreeHead, TreeHeads};
pub(crate) use integrator::{Control, Integrator};
pub use status::{NotSigning, Publishing, SignedCheckpoint};

/// How a ledger is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishConfig {
    /// The log's name: the first line of its checkpoints, the name of its key.
    pub origin: String,
}
