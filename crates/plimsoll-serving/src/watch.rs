//! What a gateway shows of each decision to whoever watches deployments.

use plimsoll_types::record::ResultClass;
use plimsoll_types::{DeploymentId, Digest, RefusalCode, Rows, Time};

/// A decision as it is recorded: what a watch may count. The ledger's record has all of it, so
/// that what was counted and lost can be counted again.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The number of the version that was asked; 0 if none was.
    pub version: u32,
    /// The contract that the rows keep.
    pub contract: Option<Digest>,
    /// When the request was accepted.
    pub time: Time,
    /// Nanoseconds from then to the record.
    pub nanos: u64,
    /// How it ended.
    pub result: ResultClass,
    /// Why there is no answer, or why it is the fallback.
    pub refusal: Option<RefusalCode>,
    /// The validated rows.
    pub rows: &'a Rows,
    /// Rules of the contract that were broken and let pass.
    pub flags: usize,
    /// The model's outputs, row-major; empty without an answer of the model.
    pub outputs: &'a [f64],
}

/// Sees every decision, on the thread that made it: it must cost little and wait for nothing.
pub trait Watch: std::fmt::Debug + Send + Sync {
    /// Sees a decision that was handed to the ledger.
    fn see(&self, seen: &Seen<'_>);
}
