//! SQL over decision tables.

use crate::time::Timestamp;
use plimsoll_types::DeploymentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A question in SQL. Its text is in the body and not in the URL, because URLs are logged.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// One `SELECT`. `subject('…')` gives the pseudonym that the column `subject` holds.
    pub sql: String,
    /// Only the table of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// The form of the answer; JSON lines unless told.
    #[serde(default)]
    pub format: QueryFormat,
    /// At most this many rows, 1 to 10,000,000; 10,000 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// At most this long, 1 to 600 seconds; 30 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueryFormat {
    /// One JSON object per row and line.
    #[default]
    Json,
    /// Comma-separated values with a head line.
    Csv,
    /// Parquet.
    Parquet,
}

/// The tables that the caller may ask.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueryTables {
    /// One per deployment; beside them there is `decisions` with the decisions of all, in the
    /// columns that all have.
    pub tables: Vec<QueryTable>,
}

/// A decision table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueryTable {
    /// Its name: the deployment's.
    pub name: String,
    /// The deployment.
    pub deployment: DeploymentId,
    /// Whether the caller may read values; without, they are null.
    pub is_open: bool,
    /// Its columns.
    pub columns: Vec<QueryColumn>,
}

/// A column of a decision table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct QueryColumn {
    /// Its name.
    pub name: String,
    /// Its type, in the words of Arrow.
    pub kind: String,
    /// Where it comes from: `decision`, `feature`, `context`, `slice`, `output` or `subject`.
    pub role: String,
    /// Whether its cells are sealed under the subjects' keys.
    pub is_sealed: bool,
}

/// Asks for the decisions about a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubjectSearch {
    /// The person, as requests name them.
    pub subject: String,
    /// Only those of this deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment: Option<String>,
    /// Only those accepted at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only those accepted before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// At most this many, 1 to 1000; 100 unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}
