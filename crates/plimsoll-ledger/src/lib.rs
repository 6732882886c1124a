//! The ledger: seals bodies, puts records in order, makes them durable, finds them again.
//!
//! A record is a [`plimsoll_types::record::Leaf`] (a commitment) and a sealed body. Callers
//! seal in their own thread ([`Ledger::seal`]), hand both over ([`Ledger::append`]) and wait
//! for a [`Receipt`]; one writer thread writes whatever has queued, syncs once, and wakes
//! them. The formats are in `docs/format/record.cddl` and `docs/format/segment.md`.
//!
//! **Architecture invariant:** the ledger knows no SQL, no HTTP and no model, and reads no
//! bodies but those of its own gap and heartbeat records.

mod disk;
mod error;
mod frame;
mod index;
mod keys;
mod ledger;
mod log;
mod publish;
mod reader;
mod recovery;
mod scan;
mod seal;
mod segment;
mod spare;
mod sync;
mod writer;

pub use error::LedgerError;
pub use frame::{Entry, leaf_hash};
pub use keys::{
    CELL_TAG, CellKey, ErasedKey, ErasedKeys, Keys, Label, LocalRoot, Root, RootError, RootState,
    Rotation, rewrap_root,
};
pub use ledger::{
    Durable, Entries, Health, Ledger, LedgerConfig, Receipt, Recovery, SYNC_BUCKETS, Stats,
};
pub use publish::{
    CheckpointSink, Grown, HeadError, KnownHead, LogSource, MAX_SINKS, NotSigning, Progress,
    PublishConfig, Publishing, Resume, SignedCheckpoint, SinkError, SinkState, TreeHead, TreeHeads,
    Verification, WriteOnceFolder, give_up_log,
};
pub use reader::{LedgerReader, Tail, Verified};
pub use scan::Scanned;
pub use seal::{Holder, MAX_HOLDERS, RecordKey, Sealed, holders, is_committed, open_with};

#[cfg(test)]
#[cfg(feature = "model")]
mod model;
#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests;
