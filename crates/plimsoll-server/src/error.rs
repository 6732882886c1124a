//! Why a server did not start, or stopped.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a server did not start, or stopped. What lies beneath is in `source`.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// `--dev` on an address that others can reach.
    #[error("--dev listens on loopback only, not on `{0}`; leave --dev out to serve others")]
    DevAddress(SocketAddr),
    /// An address could not be bound.
    #[error("could not listen on `{address}`; is another process using it")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Certificate or key could not be used.
    #[error("the TLS file `{path}` could not be used: {reason}")]
    Tls {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The data folder was written by another version.
    #[error("the data folder `{path}` has format `{found}`, this version reads `{expected}`")]
    Format {
        /// The folder.
        path: PathBuf,
        /// What its format file says.
        found: String,
        /// What this version writes.
        expected: &'static str,
    },
    /// A folder or file could not be used.
    #[error("could not {what} `{path}`")]
    Folder {
        /// What was tried.
        what: &'static str,
        /// The folder or file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The monitor's folder could not be used.
    #[error("the monitor could not be opened")]
    Monitor(#[source] plimsoll_monitor::MonitorError),
    /// A setting of the published log cannot be used.
    #[error("the setting `{what}` cannot be used: {why}")]
    Log {
        /// The setting.
        what: &'static str,
        /// Why not.
        why: String,
    },
    /// The bucket of artifacts cannot be used, so that no artifact could be read or kept.
    #[error("artifacts cannot be kept: {0}")]
    Bucket(plimsoll_s3::S3Error),
    /// The ledger did not open or failed.
    #[error("the ledger failed")]
    Ledger(#[source] plimsoll_ledger::LedgerError),
    /// The store did not open.
    #[error("the store of control state did not open")]
    Store(#[source] plimsoll_store::StoreError),
    /// The decision tables did not open.
    #[error("the decision tables did not open")]
    Lake(#[source] plimsoll_lake::LakeError),
    /// The control plane did not open.
    #[error("the control plane did not start")]
    Control(#[source] plimsoll_control::ControlError),
    /// The runtime or a signal handler could not be had.
    #[error("the runtime could not start")]
    Runtime(#[source] std::io::Error),
    /// Traces could not be exported.
    #[error("the trace exporter could not start: {0}")]
    Traces(String),
}
