//! Erasures and holds: rows, queries, changes. People stand in them by keyed digest only.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{Columns, DeploymentRow, maybe_time, micros, time};
use crate::write::Write;
use plimsoll_types::{DeploymentId, EventId, KeyId, PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// The destruction of a subject's key, and how far it is.
#[derive(Clone, PartialEq, Eq)]
pub struct ErasureRow {
    /// The control event that it began with.
    pub id: EventId,
    /// The subject's keyed digest, until it is final.
    pub subject: Option<[u8; 32]>,
    /// The key.
    pub key: KeyId,
    /// Why.
    pub reason: String,
    /// Who asked for it.
    pub principal: PrincipalId,
    /// When it was asked for.
    pub asked_at: Time,
    /// When the key was gone from the journal.
    pub erased_at: Option<Time>,
    /// The epoch in force then.
    pub epoch: Option<u32>,
    /// When that epoch was destroyed.
    pub rotated_at: Option<Time>,
    /// When no backup of the keys folder was older any more.
    pub final_at: Option<Time>,
}

impl std::fmt::Debug for ErasureRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ErasureRow").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A legal hold on a subject or on a deployment.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldRow {
    /// The control event that it began with.
    pub id: EventId,
    /// The subject's keyed digest.
    pub subject: Option<[u8; 32]>,
    /// The deployment.
    pub deployment: Option<DeploymentId>,
    /// Why.
    pub reason: String,
    /// Who placed it.
    pub principal: PrincipalId,
    /// When.
    pub placed_at: Time,
}

impl std::fmt::Debug for HoldRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldRow").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Columns for ErasureRow {
    const COLUMNS: &'static str = "id, subject, key, reason, principal, asked_at, erased_at, \
         epoch, rotated_at, final_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let epoch = row.get::<_, Option<u32>>(7)?;
        Ok(Self {
            id: EventId::from_bytes(row.get(0)?),
            subject: row.get(1)?,
            key: KeyId::from_bytes(row.get(2)?),
            reason: row.get(3)?,
            principal: PrincipalId::from_bytes(row.get(4)?),
            asked_at: time(row, 5)?,
            erased_at: maybe_time(row, 6)?,
            epoch,
            rotated_at: maybe_time(row, 8)?,
            final_at: maybe_time(row, 9)?,
        })
    }
}

impl Columns for HoldRow {
    const COLUMNS: &'static str = "id, subject, deployment, reason, principal, placed_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: EventId::from_bytes(row.get(0)?),
            subject: row.get(1)?,
            deployment: row.get::<_, Option<[u8; 16]>>(2)?.map(DeploymentId::from_bytes),
            reason: row.get(3)?,
            principal: PrincipalId::from_bytes(row.get(4)?),
            placed_at: time(row, 5)?,
        })
    }
}

impl Read<'_> {
    /// The erasure that began with this event.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn erasure(&self, id: EventId) -> Result<Option<ErasureRow>> {
        self.one("erasures WHERE id = ?1", [id.as_bytes()])
    }
    /// The erasures of a subject that are not forgotten yet, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn erasures_of(&self, subject: &[u8; 32], limit: u32) -> Result<Vec<ErasureRow>> {
        self.many("erasures WHERE subject = ?1 ORDER BY id LIMIT ?2", params![subject, limit])
    }
    /// Erasures that are not final, oldest first, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn open_erasures(&self, after: Option<EventId>, limit: u32) -> Result<Vec<ErasureRow>> {
        let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        self.many(
            "erasures WHERE final_at IS NULL AND id > ?1 ORDER BY id LIMIT ?2",
            params![after, limit],
        )
    }
    /// Erasures in the order they were asked for, after `after`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn erasures(&self, after: Option<EventId>, limit: u32) -> Result<Vec<ErasureRow>> {
        let after = after.map(|id| id.as_bytes().to_vec()).unwrap_or_default();
        self.many("erasures WHERE id > ?1 ORDER BY id LIMIT ?2", params![after, limit])
    }
    /// Every deployment there is or was, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_deployments(&self) -> Result<Vec<DeploymentRow>> {
        self.whole("deployments ORDER BY id", [])
    }
    /// The hold on a subject, if there is one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn hold_on_subject(&self, subject: &[u8; 32]) -> Result<Option<HoldRow>> {
        self.one("holds WHERE subject = ?1 AND released_at IS NULL", [subject])
    }
    /// The hold on a deployment, if there is one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn hold_on_deployment(&self, deployment: DeploymentId) -> Result<Option<HoldRow>> {
        self.one(
            "holds WHERE deployment = ?1 AND released_at IS NULL",
            [deployment.as_bytes().as_slice()],
        )
    }
}

impl Write<'_> {
    /// Adds an erasure.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the event began one before.
    pub fn insert_erasure(&self, row: &ErasureRow) -> Result<()> {
        self.insert(
            "erasure",
            "INSERT INTO erasures (id, subject, key, reason, principal, asked_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.id.as_bytes(),
                row.subject,
                row.key.as_bytes(),
                row.reason,
                row.principal.as_bytes(),
                micros(row.asked_at),
            ],
        )
    }
    /// Notes that the key is gone, in an epoch.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such erasure.
    pub fn erased(&self, id: EventId, epoch: u32, now: Time) -> Result<()> {
        self.update(
            "erasure",
            "UPDATE erasures SET erased_at = ?2, epoch = ?3 WHERE id = ?1",
            params![id.as_bytes(), micros(now), epoch],
        )
    }
    /// Notes that every epoch before `epoch` was destroyed. Gives the number of erasures that
    /// it concerns.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`].
    pub fn rotated(&self, epoch: u32, now: Time) -> Result<u64> {
        let changed = self.change(
            "UPDATE erasures SET rotated_at = ?2
             WHERE rotated_at IS NULL AND erased_at IS NOT NULL AND epoch < ?1",
            params![epoch, micros(now)],
        )?;
        Ok(u64::try_from(changed).unwrap_or(u64::MAX))
    }
    /// Takes back that an epoch was destroyed: a backup brought the key back, and it was
    /// erased again.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such erasure.
    pub fn reopen_erasure(&self, id: EventId) -> Result<()> {
        self.update(
            "erasure",
            "UPDATE erasures SET rotated_at = NULL, final_at = NULL WHERE id = ?1",
            params![id.as_bytes()],
        )
    }
    /// Makes an erasure final, and forgets whom it was about.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such erasure.
    pub fn finish_erasure(&self, id: EventId, now: Time) -> Result<()> {
        self.update(
            "erasure",
            "UPDATE erasures SET final_at = ?2, subject = NULL WHERE id = ?1",
            params![id.as_bytes(), micros(now)],
        )
    }
    /// Adds a hold.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the event placed one before.
    pub fn insert_hold(&self, row: &HoldRow) -> Result<()> {
        self.insert(
            "hold",
            "INSERT INTO holds (id, subject, deployment, reason, principal, placed_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.id.as_bytes(),
                row.subject,
                row.deployment.map(|id| *id.as_bytes()),
                row.reason,
                row.principal.as_bytes(),
                micros(row.placed_at),
            ],
        )
    }
    /// Ends a hold, and forgets whom it was on.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it was released before.
    pub fn release_hold(&self, id: EventId, now: Time) -> Result<()> {
        self.update(
            "hold",
            "UPDATE holds SET released_at = ?2, subject = NULL
             WHERE id = ?1 AND released_at IS NULL",
            params![id.as_bytes(), micros(now)],
        )
    }
}

/// The bound of lists that are read whole here.
pub const MAX_OF_SUBJECT: u32 = 100;
