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
mod proofs;
mod renew;
mod sinks;
mod status;
mod tree;
mod verify;
mod write_once;

use std::time::Duration;

pub use heads::{HeadError, TreeHead, TreeHeads};
pub(crate) use integrator::{Control, Integrator};
pub(crate) use key::{make_signer, read_signer};
pub use proofs::Grown;
pub use renew::give_up_log;
pub(crate) use sinks::Sinks;
pub use sinks::{CheckpointSink, KnownHead, LogSource, MAX_SINKS, SinkError, SinkState};
pub use status::{NotSigning, Publishing, SignedCheckpoint};
pub use verify::{Progress, Resume, Verification};
pub use write_once::WriteOnceFolder;

/// How a ledger is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishConfig {
    /// The log's name: the first line of its checkpoints, the name of its key.
    pub origin: String,
    /// The least time from one checkpoint to the next.
    pub interval: Duration,
}

impl PublishConfig {
    /// A checkpoint every 750 ms while there are new entries. With the time that one takes to make
    /// (ten syncs) an entry is published within a second of being durable.
    #[must_use]
    pub const fn new(origin: String) -> Self {
        Self { origin, interval: Duration::from_millis(750) }
    }
}
