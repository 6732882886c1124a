//! What is seen of a deployment's traffic over time.

use crate::time::Timestamp;
use plimsoll_types::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a deployment stands with whoever watches it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WatchState {
    /// There is nothing to compare its traffic with.
    #[default]
    NoReference,
    /// Too few rows came to say anything.
    NotEnoughData,
    /// Nothing is further from the reference than is put up with.
    Steady,
    /// Something is, and there is evidence enough.
    Moved,
}

/// What a column is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MonitoredKind {
    /// What callers send.
    #[default]
    Input,
    /// What the model answers.
    Output,
    /// All inputs together: how far a row is from what the reference's principal components make of
    /// it. It moves when a relation between columns breaks, although none of them moves.
    Together,
}

/// A test of a column: the one that was chosen for it, else what Evidently takes by default for a
/// column of this type and size.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ColumnTest {
    /// Its name and unit.
    pub name: String,
    /// What came out.
    pub value: f64,
    /// Its limit: a p-value is beyond it below, a distance at it or above.
    pub limit: f64,
    /// Whether it is beyond.
    pub is_beyond: bool,
}

/// One column in one window.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct MonitoredColumn {
    /// The field or output.
    pub name: String,
    /// The part of the population; all of it without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// What it is of.
    pub kind: MonitoredKind,
    /// Whether it holds categories.
    pub is_category: bool,
    /// Whether there were values enough; without, distances are 0 and say nothing.
    pub is_enough: bool,
    /// Values that were there.
    pub values: u64,
    /// Share of values that were missing.
    pub missing: f64,
    /// The reference's share.
    pub missing_reference: f64,
    /// Share of values beyond the reference's range, or of no category that it knows.
    pub outside: f64,
    /// The reference's share.
    pub outside_reference: f64,
    /// The distance that decides: of numbers the largest difference of the distribution functions
    /// (Kolmogorov–Smirnov), of categories the largest difference of a share. 0 to 1.
    pub distance: f64,
    /// How much of it is put up with.
    pub tolerance: f64,
    /// The population stability index over tenths of the reference, in nats.
    pub psi: f64,
    /// The Jensen–Shannon distance, base 2, 0 to 1.
    pub jensen_shannon: f64,
    /// The Hellinger distance, 0 to 1.
    pub hellinger: f64,
    /// The Wasserstein distance in standard deviations of the reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wasserstein_normed: Option<f64>,
    /// The median, as near as the reference's cells tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median: Option<f64>,
    /// The reference's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub median_reference: Option<f64>,
    /// About how many different values there were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distinct: Option<f64>,
    /// The column's test, for people; what is told does not hang on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<ColumnTest>,
    /// How many to one the evidence is, over all windows, that it is further than is put up with.
    pub evidence: f64,
    /// Windows in a row in which it was.
    pub drift_run: u32,
    /// The same evidence of missing values and values outside.
    pub quality_evidence: f64,
    /// Windows in a row in which there were more of them than is put up with.
    pub quality_run: u32,
    /// What the evidence of one column alone has to reach within the budget of false alerts.
    pub evidence_needed: f64,
    /// Whether there is evidence enough that it has moved, and has for as many windows as asked.
    pub is_drift_told: bool,
    /// The same of missing values and values outside.
    pub is_quality_told: bool,
}

/// One window of one version.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MonitoredWindow {
    /// The version.
    pub version: u32,
    /// When it begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// What it says.
    pub state: WatchState,
    /// Decisions.
    pub requests: u64,
    /// Rows that kept the contract.
    pub rows: u64,
    /// Rules of the contract that were broken and let pass.
    pub flags: u64,
    /// Refusals, failures and fallbacks by their reason.
    pub reasons: BTreeMap<String, u64>,
    /// The latency that half of decisions stayed within, in microseconds, by bucket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p50_us: Option<u64>,
    /// The same of ninety-nine in a hundred.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_p99_us: Option<u64>,
    /// Share of features' values beyond the reference's range or of no category that it knows.
    pub outside: f64,
    /// The columns.
    pub columns: Vec<MonitoredColumn>,
}

/// What traffic is compared with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MonitoringReference {
    /// The version.
    pub version: u32,
    /// Where its rows are from.
    pub origin: String,
    /// The digest of the document that is compared with.
    pub digest: Digest,
    /// Rows.
    pub rows: u64,
    /// Rows that did not keep the contract, and are not in it.
    pub refused: u64,
    /// Columns that are compared.
    pub columns: u64,
    /// When it was made.
    pub made_at: Timestamp,
    /// From when on traffic is compared with it.
    pub from: Timestamp,
    /// A window's length in seconds, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
    /// The rows after which a window ends, if it ends by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_rows: Option<u64>,
    /// Fewer rows are not enough to say anything.
    pub min_rows: u64,
    /// What is put up with.
    pub tolerance: f64,
    /// False alerts that are put up with in thirty days.
    pub alerts_per_month: f64,
    /// Windows in a row that a change is to be seen in before it is told.
    pub persistence: u32,
}

/// The age of something that is not to grow too old.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Age {
    /// Of what.
    pub of: String,
    /// Days.
    pub days: f64,
    /// How old it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_days: Option<f64>,
    /// Whether it is older.
    pub is_stale: bool,
}

/// Something that a watch said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MonitoringSignal {
    /// What kind of thing is wrong.
    pub kind: String,
    /// How bad it is.
    pub severity: String,
    /// What it is about.
    pub about: String,
    /// The part of the population; all of it without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<String>,
    /// The version, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// When what it was seen in began.
    pub since: Timestamp,
    /// When what it was seen in ended.
    pub until: Timestamp,
    /// One sentence.
    pub text: String,
    /// The numbers that decided, by name.
    pub numbers: BTreeMap<String, f64>,
}

/// How far a recount is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Backfill {
    /// Ledger entries that were looked at.
    pub done: u64,
    /// Ledger entries to look at.
    pub all: u64,
    /// Whether it is over.
    pub is_over: bool,
    /// Why it failed, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// How a deployment is watched, and how it stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Monitoring {
    /// The deployment.
    pub deployment: String,
    /// The version that answers; none if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How it stands, by its last window that ended.
    pub state: WatchState,
    /// What its traffic is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<MonitoringReference>,
    /// The window that is open, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<MonitoredWindow>,
    /// The last window that ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<MonitoredWindow>,
    /// Decisions for which no version was planned (refused), by reason, in their open window.
    pub unplanned: BTreeMap<String, u64>,
    /// How old things are.
    pub ages: Vec<Age>,
    /// What was said, the newest first.
    pub signals: Vec<MonitoringSignal>,
    /// A recount that runs or ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<Backfill>,
}

/// Which windows to list.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WindowsQuery {
    /// Of which version; of the one that answers unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// How many at most, the newest; 50 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Of one column only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// Windows, the oldest first.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct MonitoredWindows {
    /// The windows.
    pub items: Vec<MonitoredWindow>,
}

/// How to watch, and which decisions to compare with where no file is sent.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReferenceQuery {
    /// The number of a version that need not answer yet; the one that answers unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// `csv` or `parquet`: what the body is. Without it the reference is of decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// What the file is called, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Decisions from this time on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Decisions before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// A window's length in seconds; a day unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
    /// Or the rows after which a window ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_rows: Option<u64>,
    /// Fewer rows are not enough to say anything; 200 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_rows: Option<u64>,
    /// The largest difference of distribution functions that is put up with; 0.1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// False alerts that are put up with in thirty days; 1 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts_per_month: Option<f64>,
    /// Windows in a row that a change is to be seen in before it is told; 2 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistence: Option<u32>,
    /// Tests of single columns, as `income=psi,home=chi_square`: `psi`, `jensen_shannon`,
    /// `jensen_shannon_base_2`, `hellinger`, `wasserstein`, `ks` or `chi_square`; what Evidently takes
    /// by default unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<String>,
    /// Days after which the reference is too old; 180 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_days: Option<u32>,
    /// When somebody is to look at model and reference again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Timestamp>,
    /// Days after which the version is too old; 365 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_model_days: Option<u32>,
    /// Days after which the data that it was trained on is too old; 365 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_data_days: Option<u32>,
    /// Days after which the last evaluation is too old; 180 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_evaluation_days: Option<u32>,
    /// Days after which the last outcome is too old, where there ever was one; 90 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_outcome_days: Option<u32>,
    /// The share of features' values unlike any of the reference that is put up with; 0.05 unless
    /// told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_outside: Option<f64>,
}

/// Of which window a change of the score is explained.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DriftQuery {
    /// Of the window that has not ended, as far as it is known; of the last one unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<bool>,
}

/// What parts of a change of the score are measured by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftBy {
    /// The change of each field's mean contribution (its SHAP value); parts add up to the change of
    /// the mean margin.
    Contributions,
    /// Each field's distance times how much of the score hangs on it: an order, not amounts.
    WeightedDistances,
    /// Each field's distance, where nothing is known of the score.
    Distances,
}

/// The mean margin of the score, before and now.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct ScoreChange {
    /// Of the reference.
    pub before: f64,
    /// Of a sample of the window.
    pub now: f64,
    /// Rows of that sample.
    pub rows: u64,
}

/// A field's part in a change of the score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DriftPart {
    /// The field.
    pub column: String,
    /// How far it is from the reference, 0 to 1.
    pub distance: f64,
    /// How much of it is put up with.
    pub tolerance: f64,
    /// Whether it was told that it has moved.
    pub is_told: bool,
    /// The change of its mean contribution, in units of the margin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contribution: Option<f64>,
    /// Its share of all parts' sizes, 0 to 1.
    pub share: f64,
}

/// A slice's part in a change of the score.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DriftSlice {
    /// The part of the population.
    pub slice: String,
    /// Its share of the rows, 0 to 1.
    pub rows: f64,
    /// How far the score has moved in it, 0 to 1.
    pub distance: f64,
    /// How far the score has moved overall.
    pub overall: f64,
}

/// Why a deployment's score has moved.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DriftExplained {
    /// The version.
    pub version: u32,
    /// When the window begins.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// What parts are measured by.
    pub by: DriftBy,
    /// The change of the mean margin, where contributions are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreChange>,
    /// The fields, the largest part first.
    pub columns: Vec<DriftPart>,
    /// The slices, the largest part first.
    pub slices: Vec<DriftSlice>,
    /// The same in a sentence.
    pub text: String,
}
