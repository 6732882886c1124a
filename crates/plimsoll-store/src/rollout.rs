//! Rollouts, and the history of each.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros};
use crate::store::Store;
use crate::under_way::{Stand, UnderWay};
use crate::write::Write;
use plimsoll_types::{DeploymentId, PrincipalId, RolloutId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

const ROLLOUTS: UnderWay = UnderWay {
    what: "rollout",
    table: "rollouts",
    steps: "rollout_steps",
    step: "step of a rollout",
};

/// A rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRow {
    /// Its id.
    pub id: RolloutId,
    /// The deployment in which a version is tried.
    pub deployment: DeploymentId,
    /// The version that answers.
    pub incumbent: u32,
    /// The version that is tried.
    pub candidate: u32,
    /// What assigns requests.
    pub salt: [u8; 32],
    /// How answers are read, as JSON.
    pub scoring: String,
    /// Plan, guardrails and evidence, as JSON.
    pub state: String,
    /// Where it stands.
    pub phase: String,
    /// Whether it only shows that going back works.
    pub is_drill: bool,
    /// Who started it.
    pub started_by: PrincipalId,
    /// When.
    pub started_at: Time,
    /// When it last changed, or its evidence was written down.
    pub updated_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
}

/// What happened to a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutStepRow {
    /// What: `start`, `step`, `hold`, ….
    pub what: String,
    /// The numbers that decided, as JSON.
    pub facts: String,
    /// Who; zero for the server.
    pub principal: PrincipalId,
    /// When.
    pub created_at: Time,
}

impl Columns for RolloutRow {
    const COLUMNS: &'static str = "id, deployment, incumbent, candidate, salt, scoring, state, \
         phase, is_drill, started_by, started_at, updated_at, ended_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            id: RolloutId::from_bytes(row.get(0)?),
            deployment: DeploymentId::from_bytes(row.get(1)?),
            incumbent: row.get(2)?,
            candidate: row.get(3)?,
            salt: row.get(4)?,
            scoring: row.get(5)?,
            state: row.get(6)?,
            phase: row.get(7)?,
            is_drill: row.get(8)?,
            started_by: PrincipalId::from_bytes(row.get(9)?),
            started_at: row::time(row, 10)?,
            updated_at: row::time(row, 11)?,
            ended_at: row::maybe_time(row, 12)?,
        })
    }
}

impl Columns for RolloutStepRow {
    const COLUMNS: &'static str = "what, facts, principal, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            what: row.get(0)?,
            facts: row.get(1)?,
            principal: PrincipalId::from_bytes(row.get(2)?),
            created_at: row::time(row, 3)?,
        })
    }
}

impl Read<'_> {
    /// The rollout that is under way in a deployment.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn rollout_in(&self, deployment: DeploymentId) -> Result<Option<RolloutRow>> {
        ROLLOUTS.one_in(self, deployment)
    }
    /// The rollout with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn rollout(&self, id: RolloutId) -> Result<Option<RolloutRow>> {
        ROLLOUTS.one(self, id.as_bytes())
    }
    /// Rollouts of a deployment, latest first, before `before`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn rollouts(
        &self,
        deployment: DeploymentId,
        before: Option<RolloutId>,
        limit: u32,
    ) -> Result<Vec<RolloutRow>> {
        let before = before.as_ref().map(RolloutId::as_bytes);
        ROLLOUTS.latest(self, deployment, (before, limit))
    }
    /// Rollouts of all deployments, latest first, before `before`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_rollouts(&self, before: Option<RolloutId>, limit: u32) -> Result<Vec<RolloutRow>> {
        let before = before.map_or([0xff; 16], |id| *id.as_bytes());
        let from = "rollouts WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
        self.many(from, params![before, limit.min(MAX_PAGE)])
    }
    /// Every rollout that is under way.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn rollouts_under_way(&self) -> Result<Vec<RolloutRow>> {
        ROLLOUTS.all(self)
    }
    /// What happened to a rollout, oldest first; of a very long history, the beginning.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn rollout_steps(&self, id: RolloutId) -> Result<Vec<RolloutStepRow>> {
        ROLLOUTS.history(self, id.as_bytes())
    }
}

impl Write<'_> {
    /// Adds a rollout.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if one is under way in the deployment.
    pub fn insert_rollout(&self, row: &RolloutRow) -> Result<()> {
        self.insert(
            "rollout in this deployment",
            &format!(
                "INSERT INTO rollouts ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                 ?12, ?13)",
                RolloutRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.deployment.as_bytes(),
                row.incumbent,
                row.candidate,
                row.salt,
                row.scoring,
                row.state,
                row.phase,
                row.is_drill,
                row.started_by.as_bytes(),
                micros(row.started_at),
                micros(row.updated_at),
                row.ended_at.map(micros),
            ],
        )
    }
    /// Writes where a rollout stands that is under way.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it has ended.
    pub fn update_rollout(&self, row: &RolloutRow) -> Result<()> {
        let now = Stand {
            state: &row.state,
            phase: &row.phase,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
        };
        ROLLOUTS.stand(self, row.id.as_bytes(), now)
    }
    /// Adds to the history of a rollout.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn insert_rollout_step(&self, id: RolloutId, step: &RolloutStepRow) -> Result<()> {
        ROLLOUTS.add_step(self, id.as_bytes(), step)
    }
}

impl Store {
    /// Writes down the evidence of a rollout that is under way; no change of state.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_rollout(&self, id: RolloutId, state: &str, now: Time) -> Result<()> {
        let sql = "UPDATE rollouts SET state = ?2, updated_at = ?3
                   WHERE id = ?1 AND ended_at IS NULL";
        self.writer().execute(sql, params![id.as_bytes(), state, micros(now)])?;
        Ok(())
    }
}
