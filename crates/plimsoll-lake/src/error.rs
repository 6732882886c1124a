//! Why a decision table could not be derived, or a query not be answered.

use plimsoll_ledger::LedgerError;
use std::path::{Path, PathBuf};

/// Why the lake could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LakeError {
    /// A file could not be read or written.
    #[error("could not {what} `{path}`", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The folder is not one of this version, or not of this ledger.
    #[error("`{path}` is not usable: {what}; rebuild the tables with `plimsoll lake rebuild`", path = .path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Another process writes the tables.
    #[error("another process writes the decision tables in `{path}`; stop the server first", path = .0.display())]
    InUse(PathBuf),
    /// The ledger could not be read.
    #[error("the ledger could not be read")]
    Ledger(#[from] LedgerError),
    /// A table could not be made or read.
    #[error("a decision table is not readable: {0}")]
    Table(String),
    /// The statement is not one that is answered. The text speaks of the caller's own statement;
    /// it is told to the caller and never logged.
    #[error("{0}")]
    Statement(String),
    /// A limit was reached.
    #[error("{0}")]
    Limit(String),
    /// Tables were erased from while the query ran.
    #[error("data was erased while the query ran; ask again")]
    Erased,
    /// The engine has no thread.
    #[error("the query engine could not start")]
    Engine(#[source] std::io::Error),
}

impl LakeError {
    pub(crate) fn io<'p>(
        what: &'static str,
        path: &'p Path,
    ) -> impl Fn(std::io::Error) -> Self + use<'p> {
        move |source| Self::Io { what, path: path.to_path_buf(), source }
    }
    pub(crate) fn table(error: impl std::fmt::Display) -> Self {
        Self::Table(error.to_string())
    }
}
