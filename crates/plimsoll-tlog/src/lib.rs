//! The transparency log as mathematics: tree, tiles, proofs, signed notes, checkpoints, policies,
//! witnesses.
//!
//! Written from RFC 6962 and RFC 9162 and the C2SP specifications signed-note v1.0.0,
//! tlog-checkpoint v1.0.0, tlog-cosignature v1.0.1, tlog-witness v1.0.0, tlog-tiles v0.1.0,
//! tlog-proof and tlog-policy. Other implementations are yardsticks in tests, never dependencies.
//!
//! | module | what |
//! |---|---|
//! | [`tree`] | leaf and node hashes, the right edge of a growing tree |
//! | [`tile`] | which tiles a tree has, what changes when it grows, their paths and bytes |
//! | [`read`] | proofs and leaves out of tiles, every tile checked against its parent |
//! | [`proof`] | inclusion and consistency proofs, and the text form that goes to an auditor |
//! | [`bundle`] | entries as bytes |
//! | [`note`] | signed notes, keys and signers |
//! | [`checkpoint`] | the head of a log, as a note |
//! | [`cosignature`] | a witness's signature with its time |
//! | [`policy`] | whom to trust, and how many of them |
//! | [`witness`] | what a witness is asked, and what it answers |
//!
//! **Architecture invariant:** no clock, no files, no sockets, no threads, and nothing native: the
//! same code is to run in a browser. `cargo xtask layers` keeps native packages out.

pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
pub mod note;
pub mod policy;
pub mod proof;
pub mod read;
mod text;
pub mod tile;
pub mod tree;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use note::{Note, Signer, Vkey};
pub use policy::Policy;
pub use read::Tiles;
pub use tree::Edge;
