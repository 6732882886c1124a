//! Sinks: receivers of events that follow the ledger.

use crate::time::Timestamp;
use crate::words::{SinkFormat, SinkProfile, SinkState};
use plimsoll_types::record::Kind;
use plimsoll_types::{Name, PrincipalId, SinkId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Adds a sink. The caller owns it: it is sent what its owner may read, and nothing else.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSink {
    /// Its name, unique.
    pub name: Name,
    /// Where events are posted: https, and no address that is not allowed.
    pub url: String,
    /// How an event travels; `structured` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<SinkFormat>,
    /// Which types of events; `plimsoll` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<SinkProfile>,
    /// Whether decisions come with what was asked and answered; needs `ReadDecisionBody`.
    #[serde(default)]
    pub include_body: bool,
    /// Only records of these kinds; every kind unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Vec<Kind>>,
    /// Only records of these deployments; every deployment, and what belongs to none, unless
    /// told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<Vec<Name>>,
    /// The ledger index to begin at; what is recorded from now on unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
}

/// Lets a sink go on, from where it stood or from elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeSink {
    /// The ledger index to go on at: an earlier one sends again, a later one skips.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
}

/// A sink, without its secret and without the path of its address, which may hold one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Sink {
    /// Its id.
    pub id: SinkId,
    /// Its name.
    pub name: Name,
    /// Scheme, host and port of its address.
    pub origin: String,
    /// How an event travels.
    pub format: SinkFormat,
    /// Which types of events.
    pub profile: SinkProfile,
    /// Whether decisions come with what was asked and answered.
    pub includes_body: bool,
    /// Only records of these kinds.
    pub kinds: Option<Vec<Kind>>,
    /// Only records of these deployments.
    pub deployments: Option<Vec<Name>>,
    /// Whose rights decide what is sent.
    pub owner: PrincipalId,
    /// That principal's name, if there still is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_name: Option<String>,
    /// Whether events are sent.
    pub state: SinkState,
    /// When it was added.
    pub created_at: Timestamp,
    /// How far it is.
    pub progress: SinkProgress,
}

/// How far a sink is.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SinkProgress {
    /// The ledger index that comes next: every event before it was acknowledged or is none of
    /// this sink's.
    pub next: u64,
    /// Ledger entries from there to the end.
    pub lag_entries: u64,
    /// Age of the record that comes next, in seconds; 0 if there is none.
    pub lag_seconds: u64,
    /// Events that were acknowledged, ever.
    pub delivered: u64,
    /// Attempts that failed since the server began.
    pub failures: u64,
    /// Since when every attempt has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// A new sink with its secret, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SinkSecret {
    /// What signatures are made with: `whsec_…`, as in Standard Webhooks.
    pub secret: String,
    /// Everything else about it.
    pub sink: Sink,
}

impl std::fmt::Debug for SinkSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkSecret").field("sink", &self.sink).finish_non_exhaustive()
    }
}

/// What came of a test event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SinkTest {
    /// Whether the receiver acknowledged it.
    pub delivered: bool,
    /// The HTTP status it answered with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it was not delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An event, after CloudEvents 1.0. How it becomes bytes is `plimsoll-sinks`' to know.
#[derive(Clone, PartialEq, Debug)]
pub struct CloudEvent {
    /// Unique together with `source`; an event that is sent again keeps it.
    pub id: String,
    /// Who observed it: a URI reference.
    pub source: String,
    /// What kind of occurrence: `io.plimsoll.decision.v1`.
    pub kind: String,
    /// What it is about, in the context of the source.
    pub subject: Option<String>,
    /// When it occurred.
    pub time: Timestamp,
    /// Extension attributes: names of lower-case letters and digits.
    pub extensions: BTreeMap<&'static str, String>,
    /// The data, sent as `application/json`.
    pub data: Value,
}
