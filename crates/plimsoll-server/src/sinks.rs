//! The sinks' feed: control, as the sinks' workers see it.

use crate::config::OutboundSettings;
use crate::error::ServerError;
use plimsoll_control::{Control, ControlError, SinkTarget};
use plimsoll_outbound::{Network, Outbound, OutboundConfig, Roots};
use plimsoll_sinks::{Feed, FeedError, Pull, Target};
use plimsoll_types::{Clock, SinkId, Time};
use std::sync::Arc;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// The largest file of certificates.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The one outgoing client, as configured. Under `--dev` this machine may be reached too.
pub(crate) fn outbound(
    settings: &OutboundSettings,
    dev: bool,
    clock: Arc<dyn Clock>,
) -> Result<Outbound, ServerError> {
    let mut config = OutboundConfig {
        allow: settings.allow.clone(),
        plain_http: settings.plain_http || dev,
        ..OutboundConfig::default()
    };
    if dev {
        config.allow.extend(Network::LOOPBACK);
    }
    if let Some(pem) = authorities(settings)? {
        config.roots = Roots::Both(pem.into());
    }
    Outbound::new(config, clock).map_err(|error| ServerError::Tls {
        path: settings.ca.clone().unwrap_or_default(),
        reason: error.to_string(),
    })
}

/// The authorities that are trusted beside the public ones, in PEM.
pub(crate) fn authorities(settings: &OutboundSettings) -> Result<Option<Vec<u8>>, ServerError> {
    let Some(path) = &settings.ca else { return Ok(None) };
    let unreadable = |reason: String| ServerError::Tls { path: path.clone(), reason };
    let size = fs_err::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if size > MAX_CA_BYTES {
        return Err(unreadable("it is larger than 1 MiB".to_owned()));
    }
    fs_err::read(path).map(Some).map_err(|error| unreadable(error.to_string()))
}

/// Control as a feed.
#[derive(Debug)]
pub(crate) struct ControlFeed(pub(crate) Arc<Control>);

impl Feed for ControlFeed {
    fn targets(&self) -> Result<Vec<Target>, FeedError> {
        let targets = self.0.sink_targets().map_err(told)?;
        targets.iter().filter(|target| target.is_active).map(target).collect()
    }

    fn pull(&self, id: SinkId, from: u64) -> Result<Pull, FeedError> {
        let pull = self.0.pull_sink(id, from).map_err(told)?;
        Ok(Pull { events: pull.events, next: pull.next, is_end: pull.is_end })
    }

    fn advance(&self, target: &Target, next: u64, more: u64) -> Result<(), FeedError> {
        self.0.advance_sink(target.id, target.moves, next, more).map_err(told)
    }

    fn head(&self, index: u64) -> (Option<Time>, u64) {
        let ledger = self.0.ledger();
        let entry = ledger.entry(index).ok().flatten();
        (entry.map(|entry| entry.leaf.draft.time), ledger.durable())
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.0.ledger().watch()
    }
}

/// A sink as its worker needs it.
pub(crate) fn target(sink: &SinkTarget) -> Result<Target, FeedError> {
    let address = std::str::from_utf8(&sink.address.0);
    let address = address.map_err(|_| FeedError("an address is not text".into()))?;
    Ok(Target {
        id: sink.id,
        name: sink.name.clone(),
        revision: sink.revision,
        address: Zeroizing::new(address.to_owned()),
        secret: sink.secret.0.clone(),
        format: sink.format,
        next: sink.next,
        delivered: sink.delivered,
        moves: sink.moves,
    })
}

fn told(error: ControlError) -> FeedError {
    FeedError(error.to_string().into())
}
