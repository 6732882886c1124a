//! What every request can reach.

use crate::alerts::Alerts;
use crate::background_batches::Batches;
use crate::background_retrain::Retrains;
use crate::config::ServerLimits;
use crate::console_oidc::SignIns;
use crate::live::Watchers;
use crate::observations::Pairs;
use crate::routes::RouteTable;
use crate::sessions::Sessions;
use crate::traces::Traces;
use crate::webhooks::Webhooks;
use plimsoll_control::Control;
use plimsoll_gateway::{Gateway, Listener};
use plimsoll_lake::Lake;
use plimsoll_monitor::Monitor;
use plimsoll_outbound::Outbound;
use plimsoll_sinks::Sinks;
use plimsoll_types::{Clock, Time};
use std::sync::Arc;

/// What every request can reach.
pub(crate) struct App {
    pub(crate) gateway: Gateway,
    pub(crate) control: Arc<Control>,
    pub(crate) outbound: Outbound,
    pub(crate) sinks: Sinks,
    pub(crate) batches: Batches,
    /// Halves of decisions made elsewhere that wait for the other.
    pub(crate) pairs: Pairs,
    pub(crate) webhooks: Webhooks,
    /// What tells people of findings.
    pub(crate) alerts: Alerts,
    /// What trains models again.
    pub(crate) retrains: Retrains,
    pub(crate) lake: Lake,
    /// Sees how traffic moves.
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: ServerLimits,
    pub(crate) traces: Traces,
    pub(crate) routes: RouteTable,
    pub(crate) started: Time,
    /// Whether the operator opted in to showing the ledger's proofs to anyone.
    pub(crate) public_ledger: bool,
    /// Whether witnesses are asked to sign checkpoints.
    pub(crate) has_witnesses: bool,
    /// The deployment that `/invocations` asks, which names none.
    pub(crate) default_deployment: Option<String>,
    /// Under `--dev` one listener serves everything.
    pub(crate) one_port: bool,
    /// Whether connections are encrypted, so that cookies may insist on it.
    pub(crate) is_tls: bool,
    /// The browsers that are signed in.
    pub(crate) sessions: Sessions,
    /// Where people sign in beside keys.
    pub(crate) sign_ins: SignIns,
    /// Those who watch decisions pass.
    pub(crate) watchers: Watchers,
}

impl App {
    /// Whether `listener` serves what belongs to `wanted`.
    pub(crate) fn serves(&self, listener: Listener, wanted: Listener) -> bool {
        self.one_port || listener == wanted
    }
}
