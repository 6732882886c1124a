//! Sends what the ledger records to webhooks.
//!
//! A sink's worker pulls a bounded number of events from its [`Feed`] (which reads them from
//! the ledger), posts one after the other, and moves its durable cursor behind what was
//! acknowledged. The ledger is the queue: a receiver that is down costs disk and a growing
//! lag, never memory, latency of decisions, or an event. An event is sent until it is
//! acknowledged with a 2xx, in the ledger's order, and carries the same id each time.
//!
//! Formats: CloudEvents 1.0.2 over HTTP (structured, binary, batched), signed as in Standard
//! Webhooks. Both are written down in `docs/format/events.md`.
//!
//! Alerts travel in the same formats and in those of chats and pagers ([`post`]).
//!
//! **Architecture invariant:** knows neither ledger nor store nor policy; what is sent, and
//! to whom, is its feed's to say.

mod alert;
mod encode;
mod feed;
mod retry;
mod sign;
mod status;
mod worker;

pub use alert::{event, post};
pub use encode::{MAX_BATCH, Message, encode};
pub use feed::{Feed, FeedError, Pull, Target};
pub use retry::Backoff;
pub use sign::sign;
pub use status::Progress;
pub use worker::{Sinks, Tested};

#[cfg(test)]
mod tests;
