//! Why the store said no.

use std::path::PathBuf;

/// Why a query or change failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file was written by a newer binary.
    #[error(
        "`{path}` has schema {found}, this binary knows up to {known}; run the newer version of Plimsoll that wrote it"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema's number.
        found: i64,
        /// The newest this binary knows.
        known: i64,
    },
    /// The file is a database of something else.
    #[error("`{0}` is not a control state of Plimsoll; choose another data folder")]
    Foreign(PathBuf),
    /// A file already stands where a backup should go.
    #[error("`{0}` exists already; choose another path for the backup")]
    BackupExists(PathBuf),
    /// A thing of this kind and name is already there.
    #[error("there is already a {0} like this")]
    Exists(&'static str),
    /// Something that a row refers to is not there.
    #[error("something that the {0} refers to does not exist")]
    Dangling(&'static str),
    /// No row was there to change.
    #[error("there is no such {0}, or it was changed before")]
    Gone(&'static str),
    /// A row does not hold what it must.
    #[error("the control state is damaged: {0}; restore it from a backup")]
    Damaged(String),
    /// The transaction that a change was to be written in with others failed.
    #[error("a change could not be written together with others; try it again")]
    Lost,
    /// SQLite failed.
    #[error("the control state could not be read or written")]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Tells what a failed insert or update of a `what` was about.
    pub(crate) fn of(what: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        use rusqlite::ffi;
        move |error| match error.sqlite_error().map(|e| e.extended_code) {
            Some(ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY) => {
                Self::Exists(what)
            }
            Some(ffi::SQLITE_CONSTRAINT_FOREIGNKEY) => Self::Dangling(what),
            _ => Self::Sqlite(error),
        }
    }
}
