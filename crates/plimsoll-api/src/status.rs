//! What the running server says about itself.

use crate::time::Timestamp;
use plimsoll_types::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/status`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    /// The version of the binary.
    pub version: String,
    /// Whether it runs with `--dev`.
    pub dev: bool,
    /// When this process started.
    pub started_at: Timestamp,
    /// The generation of the control state.
    pub state_generation: u64,
    /// The generation of the serving snapshot in use.
    pub snapshot_generation: u64,
    /// Its digest.
    pub snapshot: Digest,
    /// The digest of the policy set in force.
    pub policy: Digest,
    /// The ledger.
    pub ledger: LedgerStatus,
    /// Every live deployment.
    pub deployments: Vec<DeploymentStatus>,
}

/// How the ledger stands.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct LedgerStatus {
    /// Records in the ledger.
    pub records: u64,
    /// Whether it accepts records.
    pub is_healthy: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Records waiting for the next sync.
    pub queued: u64,
    /// The ledger as a published log.
    pub log: LogStatus,
}

/// How the published log stands.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LogStatus {
    /// The log's verifier key: name, key id, public key.
    pub key: String,
    /// Entries in the tree.
    pub integrated: u64,
    /// Entries that the latest checkpoint covers.
    pub published: u64,
    /// When it was published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Entries that the latest checkpoint with a witness's signature covers.
    pub witnessed: u64,
    /// When a witness last signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub witnessed_at: Option<Timestamp>,
    /// The places outside of the data folder that get checkpoints, witnesses included.
    pub sinks: Vec<SinkStatus>,
    /// Whether checkpoints are signed.
    pub is_signing: bool,
    /// Why not, or why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How a place that gets checkpoints stands.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct SinkStatus {
    /// What it is.
    pub name: String,
    /// Entries that the latest checkpoint it took covers.
    pub size: u64,
    /// When it took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// Why its last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<String>,
}

/// Whether a deployment answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct DeploymentStatus {
    /// Its name.
    pub name: String,
    /// Whether it answers.
    pub is_ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The number of the version that answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
}
