//! Why a job stops.

use plimsoll_ledger::LedgerError;
use plimsoll_table::TableError;
use plimsoll_types::{Refusal, RefusalCode};

/// Why a job stops.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Its file cannot be read, or what it came to not written.
    #[error("{error}{}", cause(error))]
    Table {
        /// What the table says.
        error: TableError,
    },
    /// The deployment may not be asked any more, or the ledger takes no records.
    #[error("{0}")]
    Refused(Refusal),
    /// The columns do not go with the contract.
    #[error("{0}")]
    Columns(String),
    /// A file of the job cannot be opened.
    #[error("a file of the job cannot be opened")]
    Sealed(#[source] LedgerError),
    /// A file of the job cannot be read or written.
    #[error("a file of the job cannot be read or written")]
    Io(#[source] std::io::Error),
    /// The ledger cannot be read.
    #[error("the ledger cannot be read")]
    Ledger(#[source] LedgerError),
    /// How far the job is could not be noted.
    #[error("how far the job is could not be noted: {0}")]
    Notes(String),
    /// Something of ours broke.
    #[error("{0}")]
    Internal(&'static str),
}

/// What a table's error does not say itself. Its library's words hold no value of a row.
fn cause(error: &TableError) -> String {
    std::error::Error::source(error).map_or_else(String::new, |cause| format!(": {cause}"))
}

impl BatchError {
    /// Whether what the job may use is used up for now.
    #[must_use]
    pub const fn is_limit(&self) -> bool {
        matches!(self, Self::Refused(refusal) if matches!(refusal.code, RefusalCode::RateLimited))
    }

    /// Whether the job may go on later as it is: the disk is full, or the ledger takes nothing.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Refused(refusal) => matches!(
                refusal.code,
                RefusalCode::LedgerUnavailable
                    | RefusalCode::NotReady
                    | RefusalCode::Draining
                    | RefusalCode::RateLimited
            ),
            Self::Io(_) | Self::Ledger(_) | Self::Notes(_) => true,
            Self::Table { .. } | Self::Columns(_) | Self::Sealed(_) | Self::Internal(_) => false,
        }
    }
}

impl From<TableError> for BatchError {
    fn from(error: TableError) -> Self {
        Self::Table { error }
    }
}

impl From<Refusal> for BatchError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<std::io::Error> for BatchError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}
