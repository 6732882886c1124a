//! Batch jobs: files of rows that a deployment scores.

use crate::time::Timestamp;
use crate::words::{BatchFormat, BatchState};
use plimsoll_types::{BatchId, Digest, Name, PrincipalId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked of the rows in the request's body.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchQuery {
    /// The deployment that is asked.
    pub deployment: Name,
    /// The format of the rows.
    pub format: BatchFormat,
    /// The format of the result; that of the rows unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<BatchFormat>,
    /// Columns that are copied to the result, separated by commas. Those that the contract does
    /// not name are not asked. Of CSV and Parquet files only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<String>,
}

/// A file with its digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct BatchFile {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
}

/// A batch job and how far it is.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Batch {
    /// Its id.
    pub id: BatchId,
    /// The deployment that is asked.
    pub deployment: Name,
    /// Who asks: the principal of every row's decision.
    pub principal: PrincipalId,
    /// Where it stands.
    pub state: BatchState,
    /// Why it failed, or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The format of its rows.
    pub format: BatchFormat,
    /// The format of its result.
    pub output: BatchFormat,
    /// Columns copied to the result.
    pub keep: Vec<String>,
    /// What it reads.
    pub input: BatchFile,
    /// Rows it reads, if the file says so before it is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u64>,
    /// Rows decided, each durable in the ledger.
    pub rows: u64,
    /// Of the rows in finished parts, those that were refused.
    pub refused: u64,
    /// Of the rows in finished parts, those that got no answer for another reason.
    pub failed: u64,
    /// Rows a second of this run, while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<f64>,
    /// Seconds that it may take still, while it runs and the number of rows is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
    /// What it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<BatchFile>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Until when its result is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<Timestamp>,
}
