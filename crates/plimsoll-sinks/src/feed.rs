//! Where workers get events from and tell how far they are. Calls block.

use plimsoll_api::{CloudEvent, SinkFormat};
use plimsoll_types::{Name, SinkId, Time};
use std::fmt::Debug;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// A sink, with everything that sending needs.
#[derive(Clone)]
pub struct Target {
    /// The sink.
    pub id: SinkId,
    /// Its name.
    pub name: Name,
    /// Counts its changes: a worker of an older one ends.
    pub revision: u64,
    /// Where events are posted.
    pub address: Zeroizing<String>,
    /// What signatures are made with.
    pub secret: Zeroizing<Vec<u8>>,
    /// How an event travels.
    pub format: SinkFormat,
    /// The index that comes next.
    pub next: u64,
    /// Events acknowledged so far.
    pub delivered: u64,
    /// How often somebody moved it: a worker of an earlier place moves its cursor no more.
    pub moves: u64,
}

impl Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Target").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Some events, each with the index of its record; several may have one index.
#[derive(Debug, Default)]
pub struct Pull {
    /// The events, in order.
    pub events: Vec<(u64, CloudEvent)>,
    /// The index to go on at when all of them are delivered.
    pub next: u64,
    /// Whether there is nothing more for now.
    pub is_end: bool,
}

/// Why a feed gave nothing, in words for an operator.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct FeedError(pub Box<str>);

/// Where events come from.
pub trait Feed: Send + Sync + Debug + 'static {
    /// The sinks that are sent events.
    ///
    /// # Errors
    /// [`FeedError`]; it is asked again.
    fn targets(&self) -> Result<Vec<Target>, FeedError>;
    /// A bounded number of events from `from` on.
    ///
    /// # Errors
    /// [`FeedError`]; it is asked again.
    fn pull(&self, id: SinkId, from: u64) -> Result<Pull, FeedError>;
    /// Makes durable that everything before `next` is delivered, `more` events of it since
    /// the last time. Does nothing if somebody moved the sink meanwhile.
    ///
    /// # Errors
    /// [`FeedError`]; what was delivered since the last time may be sent again.
    fn advance(&self, target: &Target, next: u64, more: u64) -> Result<(), FeedError>;
    /// When the record at `index` was made, and how many records there are.
    fn head(&self, index: u64) -> (Option<Time>, u64);
    /// Follows the number of records.
    fn watch(&self) -> watch::Receiver<u64>;
}
