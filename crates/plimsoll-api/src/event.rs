//! Control events as the ledger has them.

use crate::time::Timestamp;
use plimsoll_types::record::Stage;
use plimsoll_types::{EventId, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which control events a list shows; newest first.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventFilter {
    /// Only those at this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Only those of this action: `CreateDeployment`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    /// At most this many, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A change of control state, or the refusal of one.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ControlEvent {
    /// Its id.
    pub id: EventId,
    /// Its index in the ledger.
    pub index: u64,
    /// When.
    pub time: Timestamp,
    /// Where it stands.
    pub stage: Stage,
    /// The action.
    pub action: String,
    /// Who acted.
    pub principal: PrincipalId,
    /// The name of who acted, if there still is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_name: Option<String>,
    /// On what.
    pub resource: String,
    /// The intent that this ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<EventId>,
    /// The facts.
    pub payload: Value,
}
