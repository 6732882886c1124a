//! What the owner of a deployment puts up with, of performance and fairness.

use crate::time::Timestamp;
use crate::words::Task;
use plimsoll_types::{Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of one measure.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MeasureLimit {
    /// The measure, such as `accuracy`, `mae` or `disparate_impact`.
    pub metric: String,
    /// Its value must not be below this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// Nor above this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
}

/// What is put up with, and how it is measured.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WatchLimits {
    /// Of performance, realized and estimated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub performance: Vec<MeasureLimit>,
    /// Of fairness. A candidate whose answers are beyond one is held, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fairness: Vec<MeasureLimit>,
    /// The share of outcomes of thirty days that answers are to be right in, between 0 and 1: what
    /// burn rates are of. Of yes and no, and of classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<f64>,
    /// The length of a window: a time such as `1d`, or a number of answers; `1d` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Windows in a row that are beyond a limit before it is told, 1 to 30; 2 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<u32>,
    /// A slice key, or `version`: its values are held to the limits of performance too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Attributes or slice keys whose groups are compared, with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What answers are; told by answers and outcomes unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// The output that is judged; needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// Which outcome of several; `outcome` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// The label that is yes; `1`, `true` and `yes` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// Scores from here on are answered with yes; 0.5 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The labels of the classes, in the order of the output, with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
    /// Items of a ranking that count; 10 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
    /// Of intervals, all of which has to lie beyond a limit; 0.95 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// A deployment's limits, and who set them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct WatchLimitsShown {
    /// The deployment.
    pub deployment: Name,
    /// The limits.
    pub limits: WatchLimits,
    /// Who set them.
    pub changed_by: PrincipalId,
    /// When.
    pub changed_at: Timestamp,
}
