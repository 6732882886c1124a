//! References: what the traffic of a version is compared with.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros};
use crate::write::Write;
use plimsoll_types::{DeploymentId, Digest, PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The number of the version.
    pub version: u32,
    /// SHA-256 of `document`.
    pub digest: Digest,
    /// The monitor's document.
    pub document: String,
    /// Who set it.
    pub changed_by: PrincipalId,
    /// When.
    pub changed_at: Time,
}

impl Columns for ReferenceRow {
    const COLUMNS: &'static str = "deployment, version, digest, document, changed_by, changed_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            deployment: DeploymentId::from_bytes(row.get(0)?),
            version: row.get(1)?,
            digest: row::digest(row, 2)?,
            document: row.get(3)?,
            changed_by: PrincipalId::from_bytes(row.get(4)?),
            changed_at: row::time(row, 5)?,
        })
    }
}

impl Read<'_> {
    /// Every reference of deployments that are not archived.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn references(&self) -> Result<Vec<ReferenceRow>> {
        self.whole(
            "watch_references WHERE deployment IN (SELECT id FROM deployments WHERE archived_at IS NULL)
             ORDER BY deployment, version",
            [],
        )
    }

    /// Versions that answer, are tried, or are on their way there, and have no reference.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn unreferenced(&self) -> Result<Vec<UnreferencedRow>> {
        self.whole(
            "(SELECT id AS deployment, released AS version FROM deployments
                WHERE archived_at IS NULL AND released IS NOT NULL
              UNION SELECT deployment, version FROM retrain_trials WHERE ended_at IS NULL
              UNION SELECT deployment, candidate FROM rollouts
                WHERE ended_at IS NULL AND is_drill = 0) AS served
             WHERE NOT EXISTS (SELECT 1 FROM watch_references AS own
               WHERE own.deployment = served.deployment AND own.version = served.version)
             ORDER BY deployment, version",
            [],
        )
    }

    /// The reference of the newest version of a deployment that has one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn newest_reference(&self, deployment: DeploymentId) -> Result<Option<ReferenceRow>> {
        self.one(
            "watch_references WHERE deployment = ?1 ORDER BY version DESC LIMIT 1",
            [deployment.as_bytes()],
        )
    }

    /// What the released version of each deployment is as old as.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn freshness(&self) -> Result<Vec<FreshnessRow>> {
        self.whole(
            "(SELECT d.id, d.released, v.created_at AS registered,
                (SELECT max(w.created_at) FROM version_cards c, json_each(c.document, '$.datasets') e,
                   datasets s, dataset_versions w
                 WHERE c.model = d.model AND c.number = d.released AND w.dataset = s.id
                   AND e.value = s.name || '/' || w.number
                   AND c.revision = (SELECT max(revision) FROM version_cards
                     WHERE model = d.model AND number = d.released)) AS trained,
                (SELECT max(g.made_at) FROM governance g
                 WHERE g.deployment = d.id AND g.kind IN ('gate', 'evaluation')) AS evaluated
              FROM deployments d JOIN model_versions v ON v.model = d.model AND v.number = d.released
              WHERE d.archived_at IS NULL)",
            [],
        )
    }
}

/// A version of a deployment that has no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnreferencedRow {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The number of the version.
    pub version: u32,
}

impl Columns for UnreferencedRow {
    const COLUMNS: &'static str = "deployment, version";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self { deployment: DeploymentId::from_bytes(row.get(0)?), version: row.get(1)? })
    }
}

/// When things happened that a deployment's version is as old as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessRow {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The number of the version that answers.
    pub version: u32,
    /// When the version was registered.
    pub registered: Time,
    /// When the newest data set was registered that its card names.
    pub trained: Option<Time>,
    /// When checks or a gate last looked at the deployment.
    pub evaluated: Option<Time>,
}

impl Columns for FreshnessRow {
    const COLUMNS: &'static str = "id, released, registered, trained, evaluated";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            deployment: DeploymentId::from_bytes(row.get(0)?),
            version: row.get(1)?,
            registered: row::time(row, 2)?,
            trained: row::maybe_time(row, 3)?,
            evaluated: row::maybe_time(row, 4)?,
        })
    }
}

impl Write<'_> {
    /// Sets a reference where there is none. Whether it did.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn set_first_reference(&self, row: &ReferenceRow) -> Result<bool> {
        let known: Option<ReferenceRow> = self.one(
            "watch_references WHERE deployment = ?1 AND version = ?2",
            params![row.deployment.as_bytes(), row.version],
        )?;
        if known.is_some() {
            return Ok(false);
        }
        self.set_reference(row).map(|()| true)
    }

    /// Sets a reference in place of the one before.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn set_reference(&self, row: &ReferenceRow) -> Result<()> {
        self.insert(
            "reference",
            "INSERT INTO watch_references (deployment, version, digest, document, changed_by, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (deployment, version) DO UPDATE SET digest = excluded.digest,
               document = excluded.document, changed_by = excluded.changed_by,
               changed_at = excluded.changed_at",
            params![
                row.deployment.as_bytes(),
                row.version,
                row.digest.as_bytes(),
                row.document,
                row.changed_by.as_bytes(),
                micros(row.changed_at)
            ],
        )
    }
}
