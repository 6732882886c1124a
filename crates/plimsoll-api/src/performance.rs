//! How good a deployment's answers were, and whether groups of people were treated alike.

use crate::time::Timestamp;
use crate::words::Task;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is measured.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PerformanceQuery {
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
    /// Items of a ranking that count; 10 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u32>,
    /// The labels of the classes, in the order of the output, with commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<String>,
    /// What yes rightly, yes wrongly, no wrongly and no rightly are worth: four numbers with
    /// commas between.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worth: Option<String>,
    /// The length of a window: a time such as `1d` or `6h`, or a number of answers; all is one
    /// window unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// A slice key that the contract declares, or `version`: its values are measured on their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Only decisions accepted at or after this time; 30 days ago unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only decisions accepted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Of intervals; 0.95 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// One measure.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PerformanceMetric {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// The lower end of its interval, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lower: Option<f64>,
    /// The upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upper: Option<f64>,
}

/// A measure as it is estimated before outcomes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct EstimatedMetric {
    /// Its name.
    pub name: String,
    /// Its estimate.
    pub value: f64,
    /// The standard error from so many rows being few.
    pub sampling_error: f64,
    /// Below this it is lower than it ever was by chance.
    pub lower_threshold: f64,
    /// Above this it is higher.
    pub upper_threshold: f64,
}

/// A bin of scores, and what happened.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ReliabilityBin {
    /// Scores from here on.
    pub from: f64,
    /// Scores up to here.
    pub to: f64,
    /// How many answers.
    pub rows: u64,
    /// Their mean score.
    pub score: f64,
    /// The share of outcomes that were yes.
    pub outcome: f64,
    /// The lower end of its interval.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// A window, or the part of it that a slice is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct PerformanceWindow {
    /// From when on.
    pub from: Timestamp,
    /// Until before when.
    pub to: Timestamp,
    /// The slice's value; absent for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// Answers.
    pub answers: u64,
    /// Answers whose outcome is known.
    pub known: u64,
    /// When the latest of these outcomes was recorded: a later one changes the window.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_outcome: Option<Timestamp>,
    /// Whether there are enough outcomes to say something.
    pub is_enough: bool,
    /// What was measured; nothing if there are not enough.
    pub metrics: Vec<PerformanceMetric>,
    /// What is estimated from scores alone, where most outcomes are not known yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub estimated: Vec<EstimatedMetric>,
}

/// How good a deployment's answers were.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Performance {
    /// The deployment.
    pub deployment: String,
    /// What its answers are.
    pub task: Task,
    /// The output that was judged.
    pub output: String,
    /// Which outcome.
    pub outcome: String,
    /// Outcomes below which nothing is said.
    pub least: u64,
    /// Whether there are more answers than are looked at: the oldest are left out.
    pub is_cut: bool,
    /// Windows, oldest first, each for all and then for its slices.
    pub windows: Vec<PerformanceWindow>,
    /// How scores and outcomes go together, over all windows; of yes-or-no answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<ReliabilityBin>,
    /// Why nothing is estimated, if something could be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_estimated: Option<String>,
}

/// Whose treatment is compared.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FairnessQuery {
    /// Attributes, with commas between: as told of people, or slice keys of the contract. Several
    /// are looked at each alone and all together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
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
    /// Only decisions accepted at or after this time; 30 days ago unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only decisions accepted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Of intervals; 0.95 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
}

/// A rate with its interval.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Rate {
    /// The rate.
    pub value: f64,
    /// The lower end.
    pub lower: f64,
    /// The upper end.
    pub upper: f64,
}

/// A group of people.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FairnessGroup {
    /// The values of its attributes, with ` & ` between.
    pub name: String,
    /// Answers to it; of a small group not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<u64>,
    /// Answers whose outcome is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<u64>,
    /// The share that was answered with yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selection_rate: Option<Rate>,
    /// Of those to be said yes to, the share that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub true_positive_rate: Option<Rate>,
    /// Of those to be said no to, the share said yes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub false_positive_rate: Option<Rate>,
    /// How far probabilities are from what happens to this group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_error: Option<f64>,
    /// Whether it is too small to be looked at: its rates would be luck, and point to persons.
    pub is_small: bool,
}

/// How groups by one attribute, or by several together, compare.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FairnessComparison {
    /// The attributes.
    pub by: Vec<String>,
    /// The groups.
    pub groups: Vec<FairnessGroup>,
    /// How far those that are not small are apart; an interval is of the two that are furthest.
    pub metrics: Vec<PerformanceMetric>,
}

/// Whether groups of people were treated alike.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct FairnessReport {
    /// The deployment.
    pub deployment: String,
    /// From when on.
    pub from: Timestamp,
    /// Until before when.
    pub to: Timestamp,
    /// Rows below which a group is small.
    pub least: u64,
    /// Whether there are more answers than are looked at: the oldest are left out.
    pub is_cut: bool,
    /// Each attribute alone, then all together.
    pub comparisons: Vec<FairnessComparison>,
}
