//! Governance records: assessments, plans, results of checks, gate results, exceptions, approvals,
//! keys of approvers. Written once; each may be ended once.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros};
use crate::write::Write;
use plimsoll_types::{DeploymentId, Digest, GovernanceId, PrincipalId, Time};
use rusqlite::types::ValueRef;
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A governance record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GovernanceRow {
    /// Its id.
    pub id: GovernanceId,
    /// The deployment that it is about; none if it is about a principal.
    pub deployment: Option<DeploymentId>,
    /// What it is.
    pub kind: String,
    /// The artifact that it is about, if it is about one.
    pub artifact: Option<Digest>,
    /// What it says, as JSON.
    pub document: String,
    /// Who made it.
    pub made_by: PrincipalId,
    /// When.
    pub made_at: Time,
    /// Who ended it.
    pub ended_by: Option<PrincipalId>,
    /// When it ended.
    pub ended_at: Option<Time>,
}

impl Columns for GovernanceRow {
    const COLUMNS: &'static str =
        "id, deployment, kind, artifact, document, made_by, made_at, ended_by, ended_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        let is_null = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)? == ValueRef::Null);
        Ok(Self {
            id: GovernanceId::from_bytes(row.get(0)?),
            deployment: match is_null(1)? {
                true => None,
                false => Some(DeploymentId::from_bytes(row.get(1)?)),
            },
            kind: row.get(2)?,
            artifact: if is_null(3)? { None } else { Some(row::digest(row, 3)?) },
            document: row.get(4)?,
            made_by: PrincipalId::from_bytes(row.get(5)?),
            made_at: row::time(row, 6)?,
            ended_by: match is_null(7)? {
                true => None,
                false => Some(PrincipalId::from_bytes(row.get(7)?)),
            },
            ended_at: row::maybe_time(row, 8)?,
        })
    }
}

impl Read<'_> {
    /// One governance record.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn governance(&self, id: GovernanceId) -> Result<Option<GovernanceRow>> {
        self.one("governance WHERE id = ?1", [id.as_bytes()])
    }
    /// The newest records of a kind about a deployment, newest first; at most [`MAX_PAGE`].
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn governance_of(
        &self,
        deployment: DeploymentId,
        kind: &str,
        limit: u32,
    ) -> Result<Vec<GovernanceRow>> {
        self.many(
            "governance WHERE deployment = ?1 AND kind = ?2 ORDER BY place DESC LIMIT ?3",
            params![deployment.as_bytes(), kind, limit.min(MAX_PAGE)],
        )
    }
    /// The newest records of a kind about a deployment and an artifact, newest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn governance_about(
        &self,
        deployment: DeploymentId,
        kind: &str,
        artifact: Digest,
        limit: u32,
    ) -> Result<Vec<GovernanceRow>> {
        self.many(
            "governance WHERE deployment = ?1 AND kind = ?2 AND artifact = ?3
             ORDER BY place DESC LIMIT ?4",
            params![deployment.as_bytes(), kind, artifact.as_bytes(), limit.min(MAX_PAGE)],
        )
    }
    /// The live records of a kind that a principal made, newest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn governance_by(&self, who: PrincipalId, kind: &str) -> Result<Vec<GovernanceRow>> {
        self.many(
            "governance WHERE made_by = ?1 AND kind = ?2 AND ended_at IS NULL
             ORDER BY place DESC LIMIT ?3",
            params![who.as_bytes(), kind, MAX_PAGE],
        )
    }
}

impl Write<'_> {
    /// Adds a governance record.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already; [`StoreError::Dangling`] if what it is
    /// about is not.
    pub fn insert_governance(&self, row: &GovernanceRow) -> Result<()> {
        self.insert(
            "governance record",
            "INSERT INTO governance (id, deployment, kind, artifact, document, made_by, made_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.id.as_bytes(),
                row.deployment.as_ref().map(DeploymentId::as_bytes),
                row.kind,
                row.artifact.as_ref().map(Digest::as_bytes),
                row.document,
                row.made_by.as_bytes(),
                micros(row.made_at),
            ],
        )
    }
    /// Ends a live governance record.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such live record.
    pub fn end_governance(&self, id: GovernanceId, by: PrincipalId, now: Time) -> Result<()> {
        self.update(
            "governance record",
            "UPDATE governance SET ended_by = ?2, ended_at = ?3
             WHERE id = ?1 AND ended_at IS NULL",
            params![id.as_bytes(), by.as_bytes(), micros(now)],
        )
    }
}
