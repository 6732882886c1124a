//! Limits: how much may be asked, and by whom.

use crate::time::Timestamp;
use plimsoll_types::PrincipalId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What may be used. What is left out is without limit.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Requests per second in the long run, 0.001 to 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<f64>,
    /// Requests at once, before the rate counts; as many as one second's unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Requests in flight at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<u32>,
    /// Requests in a day of UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_day: Option<u64>,
    /// Rows in a day of UTC; the request that passes it is still answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_day: Option<u64>,
}

/// Sets a limit, in place of the one before.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SetLimit {
    /// `everyone` (each principal that has none of its own), `principal:NAME` or
    /// `deployment:NAME`.
    pub of: String,
    /// What may be used.
    pub limit: Limit,
}

/// A limit that is set.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LimitSet {
    /// Whose it is: `everyone`, `principal:NAME` or `deployment:NAME`.
    pub of: String,
    /// What may be used.
    pub limit: Limit,
    /// Who set it.
    pub changed_by: PrincipalId,
    /// That principal's name, if there still is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_by_name: Option<String>,
    /// When.
    pub changed_at: Timestamp,
}
