//! Why a use case said no, and how that is told to a caller.

use plimsoll_api::Problem;
use plimsoll_artifact::ArtifactError;
use plimsoll_ledger::LedgerError;
use plimsoll_policy::Action;
use plimsoll_store::StoreError;

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Policy does not permit it.
    #[error("permission denied: `{action}` on `{resource}`")]
    Denied {
        /// The action.
        action: Action,
        /// The resource.
        resource: Box<str>,
    },
    /// What the tier of its use demands of a release is not there.
    #[error("`{resource}` may not be: {reasons}")]
    Ungoverned {
        /// The release.
        resource: Box<str>,
        /// What is missing.
        reasons: Box<str>,
    },
    /// There is no such thing.
    #[error("there is no {what} `{name}`")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// What was asked for.
        name: Box<str>,
    },
    /// Its deployment keeps its records for a shorter time.
    #[error("the retention of this record has ended")]
    RetentionEnded,
    /// Nothing is held about a subject. Does not repeat who it is.
    #[error("nothing is held about this subject")]
    NothingHeld,
    /// It does not go with what is there already.
    #[error("{0}")]
    Conflict(Box<str>),
    /// The request cannot be carried out as it is.
    #[error("{detail}")]
    Invalid {
        /// The member of the request at fault.
        field: &'static str,
        /// What is wrong with it.
        detail: Box<str>,
    },
    /// The ledger does not take the intent, so nothing was done.
    #[error("the ledger does not take records now, so nothing was changed")]
    Ledger(#[source] LedgerError),
    /// Keys could not be destroyed or wrapped anew; what was begun is tried again.
    #[error("the keys could not be changed now; what was begun is tried again every hour")]
    Keys(#[source] LedgerError),
    /// A record of the ledger cannot be read.
    #[error("a record of the ledger cannot be read")]
    Unreadable(#[source] LedgerError),
    /// The control state cannot be read or written.
    #[error("the control state cannot be read or written")]
    Store(#[source] StoreError),
    /// An artifact cannot be read or written, or is not what its name says.
    #[error(transparent)]
    Artifact(ArtifactError),
    /// The state was changed, but gateways still run the snapshot before.
    #[error("the change was made and recorded, but could not be published to the gateway")]
    Unpublished(#[source] Box<ControlError>),
    /// An MLflow client asked for what cannot be; told in MLflow's words.
    #[error(transparent)]
    Mlflow(#[from] plimsoll_mlflow::Error),
    /// Something of ours broke.
    #[error("{0}")]
    Internal(&'static str),
}

impl ControlError {
    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string().into() }
    }
    pub(crate) fn conflict(detail: impl Into<Box<str>>) -> Self {
        Self::Conflict(detail.into())
    }
    pub(crate) fn invalid(field: &'static str, detail: impl Into<Box<str>>) -> Self {
        Self::Invalid { field, detail: detail.into() }
    }

    /// The HTTP status and the stable word for it.
    #[must_use]
    pub const fn code(&self) -> (u16, &'static str) {
        match self {
            Self::Denied { .. } => (403, "forbidden"),
            Self::Ungoverned { .. } => (403, "ungoverned"),
            Self::NotFound { .. } | Self::NothingHeld => (404, "not_found"),
            Self::Conflict(_) => (409, "conflict"),
            Self::RetentionEnded => (410, "retention_ended"),
            Self::Invalid { .. } => (422, "invalid"),
            Self::Mlflow(error) => (error.code.status(), error.code.as_str()),
            Self::Ledger(_) => (503, "ledger_unavailable"),
            Self::Keys(_) => (503, "keys_unavailable"),
            Self::Artifact(_) | Self::Store(_) => (500, "storage"),
            Self::Unreadable(_) | Self::Unpublished(_) | Self::Internal(_) => (500, "internal"),
        }
    }

    /// What a caller is told. The cause of a failure of ours goes to the log, not to callers.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, code) = self.code();
        let mut problem = Problem::new(status, code, self.to_string());
        if let Self::Invalid { field, .. } = self {
            problem.field = Some((*field).to_owned());
        }
        problem.hint = self.hint();
        problem
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Denied { action, resource } => Some(format!(
                "run `plimsoll access why <principal> {action} {resource}` to see which policies decide"
            )),
            Self::Ungoverned { .. } => Some(
                "see what is asked for with `plimsoll gate show`, run it, and have it approved"
                    .to_owned(),
            ),
            Self::Ledger(_) => Some("retry; see `plimsoll status` for the ledger's health".into()),
            Self::Unpublished(_) => Some("make any other change, or restart the server".into()),
            _ => None,
        }
    }
}

impl From<StoreError> for ControlError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Exists(_) | StoreError::Gone(_) | StoreError::Dangling(_) => {
                Self::conflict(error.to_string())
            }
            error => Self::Store(error),
        }
    }
}
