//! When models are trained again, and each time it is done.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros};
use crate::store::Store;
use crate::write::Write;
use plimsoll_types::{DeploymentId, FindingId, ModelId, PrincipalId, RetrainId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// When a deployment's model is trained again, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrainPolicyRow {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// The policy, as JSON.
    pub policy: String,
    /// Who set it, and with whose rights it is carried out.
    pub set_by: PrincipalId,
    /// When.
    pub set_at: Time,
    /// Who lets its candidates answer without being asked each time, and since when.
    pub trusted: Option<(PrincipalId, Time)>,
}

/// One retraining.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrainRow {
    /// Its id.
    pub id: RetrainId,
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// What it is for: of one deployment, there is one for each cause.
    pub cause: String,
    /// What asked for it.
    pub trigger: String,
    /// The finding that did.
    pub finding: Option<FindingId>,
    /// Why, in words.
    pub reason: String,
    /// Where it stands.
    pub state: String,
    /// The policy as it was then, as JSON.
    pub policy: String,
    /// With whose rights it is carried out.
    pub carried_by: PrincipalId,
    /// Who asked for it.
    pub requested_by: PrincipalId,
    /// Who let it go on.
    pub approved_by: Option<PrincipalId>,
    /// What it is trained on, as JSON.
    pub manifest: Option<String>,
    /// What training made, as JSON.
    pub files: Option<String>,
    /// The candidate.
    pub version: Option<u32>,
    /// How often training was begun.
    pub attempts: u32,
    /// The process group of what trains.
    pub process: Option<i32>,
    /// Why it failed, or was ended.
    pub why: Option<String>,
    /// When it was asked for.
    pub created_at: Time,
    /// When its last attempt was begun.
    pub started_at: Option<Time>,
    /// When it ended.
    pub ended_at: Option<Time>,
}

impl Columns for RetrainPolicyRow {
    const COLUMNS: &'static str = "deployment, policy, set_by, set_at, trusted_by, trusted_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            deployment: DeploymentId::from_bytes(row.get(0)?),
            policy: row.get(1)?,
            set_by: PrincipalId::from_bytes(row.get(2)?),
            set_at: row::time(row, 3)?,
            trusted: row
                .get::<_, Option<[u8; 16]>>(4)?
                .map(PrincipalId::from_bytes)
                .zip(row::maybe_time(row, 5)?),
        })
    }
}

impl Columns for RetrainRow {
    const COLUMNS: &'static str = "id, deployment, cause, trigger, finding, reason, state, policy, \
         carried_by, requested_by, approved_by, manifest, files, version, attempts, process, why, \
         created_at, started_at, ended_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: RetrainId::from_bytes(row.get(0)?),
            deployment: DeploymentId::from_bytes(row.get(1)?),
            cause: row.get(2)?,
            trigger: row.get(3)?,
            finding: row.get::<_, Option<[u8; 16]>>(4)?.map(FindingId::from_bytes),
            reason: row.get(5)?,
            state: row.get(6)?,
            policy: row.get(7)?,
            carried_by: PrincipalId::from_bytes(row.get(8)?),
            requested_by: PrincipalId::from_bytes(row.get(9)?),
            approved_by: row.get::<_, Option<[u8; 16]>>(10)?.map(PrincipalId::from_bytes),
            manifest: row.get(11)?,
            files: row.get(12)?,
            version: row.get(13)?,
            attempts: row.get(14)?,
            process: row.get(15)?,
            why: row.get(16)?,
            created_at: row::time(row, 17)?,
            started_at: row::maybe_time(row, 18)?,
            ended_at: row::maybe_time(row, 19)?,
        })
    }
}

impl Read<'_> {
    /// A deployment's policy, if it has one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain_policy(&self, deployment: DeploymentId) -> Result<Option<RetrainPolicyRow>> {
        self.one("retrain_policies WHERE deployment = ?1", [deployment.as_bytes()])
    }
    /// Every policy.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain_policies(&self) -> Result<Vec<RetrainPolicyRow>> {
        self.whole("retrain_policies ORDER BY deployment", [])
    }
    /// The retraining with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain(&self, id: RetrainId) -> Result<Option<RetrainRow>> {
        self.one("retrains WHERE id = ?1", [id.as_bytes()])
    }
    /// The one that is under way on a deployment.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain_under_way(&self, deployment: DeploymentId) -> Result<Option<RetrainRow>> {
        self.one("retrains WHERE deployment = ?1 AND ended_at IS NULL", [deployment.as_bytes()])
    }
    /// The one for a cause.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain_for(&self, deployment: DeploymentId, cause: &str) -> Result<Option<RetrainRow>> {
        self.one(
            "retrains WHERE deployment = ?1 AND cause = ?2",
            params![deployment.as_bytes(), cause],
        )
    }
    /// The one that made a version of a model, in whichever deployment.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain_of(&self, model: ModelId, version: u32) -> Result<Option<RetrainRow>> {
        self.one(
            "retrains WHERE version = ?2 AND deployment IN
               (SELECT id FROM deployments WHERE model = ?1) ORDER BY id DESC LIMIT 1",
            params![model.as_bytes(), version],
        )
    }
    /// Those that are under way, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrains_under_way(&self) -> Result<Vec<RetrainRow>> {
        self.whole("retrains WHERE ended_at IS NULL ORDER BY id", [])
    }
    /// Those of a deployment that were asked for after `since`, latest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrains_since(&self, deployment: DeploymentId, since: Time) -> Result<Vec<RetrainRow>> {
        self.many(
            "retrains WHERE deployment = ?1 AND created_at > ?2 ORDER BY id DESC LIMIT ?3",
            params![deployment.as_bytes(), micros(since), MAX_PAGE],
        )
    }
    /// Retrainings, latest first, before `before`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrains(
        &self,
        deployment: Option<DeploymentId>,
        before: Option<RetrainId>,
        limit: u32,
    ) -> Result<Vec<RetrainRow>> {
        let before = before.map_or([0xff; 16], |id| *id.as_bytes());
        self.many(
            "retrains WHERE id < ?1 AND (?2 IS NULL OR deployment = ?2) ORDER BY id DESC LIMIT ?3",
            params![before, deployment.map(|id| *id.as_bytes()), limit.min(MAX_PAGE)],
        )
    }
}

impl Write<'_> {
    /// Sets a deployment's policy. Whoever trusted the one before has not seen this one.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn put_retrain_policy(&self, row: &RetrainPolicyRow) -> Result<()> {
        self.insert(
            "retrain policy",
            "INSERT INTO retrain_policies (deployment, policy, set_by, set_at)
             VALUES (?1, ?2, ?3, ?4) ON CONFLICT (deployment) DO UPDATE
             SET policy = ?2, set_by = ?3, set_at = ?4, trusted_by = NULL, trusted_at = NULL",
            params![
                row.deployment.as_bytes(),
                row.policy,
                row.set_by.as_bytes(),
                micros(row.set_at)
            ],
        )
    }
    /// Takes a deployment's policy away.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it has none.
    pub fn delete_retrain_policy(&self, deployment: DeploymentId) -> Result<()> {
        let sql = "DELETE FROM retrain_policies WHERE deployment = ?1";
        self.update("retrain policy", sql, [deployment.as_bytes()])
    }
    /// Adds a retraining.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is one for its cause, or one is under way.
    pub fn insert_retrain(&self, row: &RetrainRow) -> Result<()> {
        self.insert(
            "retraining",
            &format!(
                "INSERT INTO retrains ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                 ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
                RetrainRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.deployment.as_bytes(),
                row.cause,
                row.trigger,
                row.finding.map(|id| *id.as_bytes()),
                row.reason,
                row.state,
                row.policy,
                row.carried_by.as_bytes(),
                row.requested_by.as_bytes(),
                row.approved_by.map(|id| *id.as_bytes()),
                row.manifest,
                row.files,
                row.version,
                row.attempts,
                row.process,
                row.why,
                micros(row.created_at),
                row.started_at.map(micros),
                row.ended_at.map(micros),
            ],
        )
    }
    /// Writes what may change of a retraining, if it still is in `state`.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it is not.
    pub fn update_retrain(&self, row: &RetrainRow, state: &str) -> Result<()> {
        self.update(
            "retraining",
            "UPDATE retrains SET state = ?3, approved_by = ?4, manifest = ?5, files = ?6,
                version = ?7, attempts = ?8, process = ?9, why = ?10, started_at = ?11,
                ended_at = ?12 WHERE id = ?1 AND state = ?2 AND ended_at IS NULL",
            params![
                row.id.as_bytes(),
                state,
                row.state,
                row.approved_by.map(|id| *id.as_bytes()),
                row.manifest,
                row.files,
                row.version,
                row.attempts,
                row.process,
                row.why,
                row.started_at.map(micros),
                row.ended_at.map(micros),
            ],
        )
    }
}

impl Store {
    /// Notes which process group trains.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_retrain_process(&self, id: RetrainId, process: Option<i32>) -> Result<()> {
        let sql = "UPDATE retrains SET process = ?2 WHERE id = ?1 AND ended_at IS NULL";
        self.writer().execute(sql, params![id.as_bytes(), process])?;
        Ok(())
    }
}
