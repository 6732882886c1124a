//! Decisions that were made elsewhere, as they are reported.

use crate::words::ObservedState;
use plimsoll_types::DecisionId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A decision that was made elsewhere, in one line of JSON.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// What it is called where it was made. With `source`, it is recorded once.
    pub id: String,
    /// Where it was made; the deployment's own name unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// When it was made (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// What was asked: the fields of the contract.
    pub inputs: Map<String, Value>,
    /// What was answered: a number or a list of numbers by name. Left out: there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Map<String, Value>>,
}

/// What became of one reported decision.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ObservedItem {
    /// The place in the request, from 0.
    pub place: usize,
    /// What became of it.
    pub state: ObservedState,
    /// The decision that stands for it in the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<DecisionId>,
    /// What is wrong with it. Never a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What became of reported decisions.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// Recorded and durable, broken ones included.
    pub recorded: u64,
    /// Of these, those that broke the contract or could not be read whole.
    pub broken: u64,
    /// Recorded before.
    pub known: u64,
    /// Waiting for the other half of their pair.
    pub waiting: u64,
    /// No observations.
    pub malformed: u64,
    /// Each of them, in order.
    pub items: Vec<ObservedItem>,
}
