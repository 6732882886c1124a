//! What the ledger holds over time, and how much of it others vouch for.

use crate::time::Timestamp;
use plimsoll_types::record::ResultClass;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of which time, and in how many parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LedgerTimelineQuery {
    /// From when on; from the first record on unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Until when; until now unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Into how many parts of the same length, 1 to 120; 48 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<u32>,
}

/// What the ledger holds over time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LedgerTimeline {
    /// The parts, oldest first.
    pub parts: Vec<TimelinePart>,
    /// Records of all times.
    pub records: u64,
    /// How many of them, from the first on, the latest checkpoint covers.
    pub published: u64,
    /// How many of them the latest checkpoint that a witness signed covers.
    pub witnessed: u64,
    /// Whether everything of that time was looked at. If not, the oldest is left out: its blocks
    /// are not noted yet.
    pub is_whole: bool,
}

/// What the ledger holds of a part of the time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct TimelinePart {
    /// From when on.
    pub from: Timestamp,
    /// Until before when.
    pub until: Timestamp,
    /// Records, of every kind.
    pub records: u64,
    /// Decisions, by how they ended; `abandoned` ones were under way when a process died.
    pub results: BTreeMap<ResultClass, u64>,
    /// Records that the latest checkpoint covers.
    pub published: u64,
    /// Records that a checkpoint covers that a witness signed.
    pub witnessed: u64,
}
