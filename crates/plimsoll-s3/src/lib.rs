//! S3-compatible storage as an [`object_store::ObjectStore`], over the one outgoing HTTP client.
//!
//! Requests are those of the Amazon S3 API reference (2006-03-01): put with conditions, get with
//! ranges, head, list, delete, copy, and uploads in parts; signed with Signature Version 4 over
//! their whole content. An object is read in pieces of [`PIECE`] bytes, so what is in memory does
//! not depend on its size.
//!
//! ```text
//! s3://bucket/prefix        address, under an endpoint and a region
//! ```
//!
//! **Architecture invariant:** knows no settings and no environment; who is asked for comes in with
//! [`Config`]. Sends through `plimsoll-outbound` only, and brings no cryptography of its own.

mod address;
mod client;
mod error;
mod parts;
mod store;
mod xml;

pub use address::{Address, AddressError};
pub use client::{Access, Config, S3};
pub use error::S3Error;
pub use store::PIECE;
