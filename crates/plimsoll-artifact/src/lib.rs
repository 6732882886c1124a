//! Artifacts: bytes named by their SHA-256, encrypted at rest, streamed in and out.
//!
//! An artifact is sealed in chunks of 1 MiB by AES-256-GCM in the STREAM construction (Hoang,
//! Reyhanitabar, Rogaway, Vizár: *Online Authenticated-Encryption and its Nonce-Reuse
//! Misuse-Resistance*, CRYPTO 2015) under a key of its own, which is wrapped under the
//! installation's. So a 5 GB file goes through two chunks of memory, any range of it can be read
//! alone, and a changed byte is found by the chunk that it is in. The format is written down in
//! `docs/format/artifact.md`.
//!
//! A file appears under its name only when all of it is on disk; what is under way stands in a
//! folder of its own and can be gone on with ([`ArtifactStore::begin_session`]).
//!
//! All calls block on the disk (or the bucket); an asynchronous caller makes them on a blocking
//! thread.
//!
//! **Architecture invariant:** knows no SQL, no HTTP and no ledger. The key comes in as 32 bytes;
//! who may read what, and what refers to what, is decided elsewhere.

mod bucket;
mod cipher;
mod error;
mod layout;
mod parts;
mod path;
mod reader;
mod session;
mod shelf;
mod store;
mod upload;

pub use bucket::Bucket;
pub use cipher::ArtifactKey;
pub use error::{ArtifactError, Part};
pub use layout::Layout;
pub use parts::{MAX_PARTS, PartUpload, PartsSpec};
pub use path::{FilePath, PathError};
pub use reader::Reader;
pub use session::{Appender, MAX_SESSIONS, SESSION_TTL, Session, SessionId, SessionSpec};
pub use store::{ArtifactStore, Opened, Reconciled};
pub use upload::{Stored, Upload};
