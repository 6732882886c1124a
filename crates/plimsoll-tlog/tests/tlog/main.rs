//! The transparency log from outside: against another implementation, against vectors of the
//! specifications and real checkpoints, against forgeries, and before a verifier that is not ours.

mod forged;
mod go;
mod kit;
mod note;
mod policy;
mod proof;
mod tile;
mod tree;
mod witness;
