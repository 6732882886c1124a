//! What owners put up with, of performance and fairness.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros};
use crate::write::Write;
use plimsoll_types::{DeploymentId, PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// The limits of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchLimitsRow {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The limits, as JSON.
    pub limits: String,
    /// Who set them.
    pub changed_by: PrincipalId,
    /// When.
    pub changed_at: Time,
}

impl Columns for WatchLimitsRow {
    const COLUMNS: &'static str = "deployment, limits, changed_by, changed_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            deployment: DeploymentId::from_bytes(row.get(0)?),
            limits: row.get(1)?,
            changed_by: PrincipalId::from_bytes(row.get(2)?),
            changed_at: row::time(row, 3)?,
        })
    }
}

impl Read<'_> {
    /// A deployment's limits, if its owner declared some.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn watch_limits(&self, deployment: DeploymentId) -> Result<Option<WatchLimitsRow>> {
        self.one("watch_limits WHERE deployment = ?1", [deployment.as_bytes()])
    }
    /// Those of every deployment that is not archived.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_watch_limits(&self) -> Result<Vec<WatchLimitsRow>> {
        self.whole(
            "watch_limits WHERE deployment IN (SELECT id FROM deployments WHERE archived_at IS NULL)
             ORDER BY deployment",
            [],
        )
    }
}

impl Write<'_> {
    /// Sets a deployment's limits in place of those before.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if they cannot be written.
    pub fn put_watch_limits(&self, row: &WatchLimitsRow) -> Result<()> {
        self.insert(
            "limits",
            "INSERT INTO watch_limits (deployment, limits, changed_by, changed_at)
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (deployment) DO UPDATE
             SET limits = ?2, changed_by = ?3, changed_at = ?4",
            params![
                row.deployment.as_bytes(),
                row.limits,
                row.changed_by.as_bytes(),
                micros(row.changed_at)
            ],
        )
    }
}
