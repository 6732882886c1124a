//! Experiments on live traffic, and the history of each. The word here is split, as MLflow has
//! experiments of its own.

use crate::error::StoreError;
use crate::read::Read;
use crate::rollout::RolloutStepRow;
use crate::row::{self, Columns, micros};
use crate::store::Store;
use crate::under_way::{Stand, UnderWay};
use crate::write::Write;
use plimsoll_types::{DeploymentId, ExperimentId, PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

const SPLITS: UnderWay = UnderWay {
    what: "experiment",
    table: "experiments",
    steps: "experiment_steps",
    step: "step of an experiment",
};

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitRow {
    /// Its id.
    pub id: ExperimentId,
    /// The deployment whose traffic is split.
    pub deployment: DeploymentId,
    /// What was declared, as JSON.
    pub definition: String,
    /// What assigns units.
    pub salt: [u8; 32],
    /// How answers are read, as JSON.
    pub scoring: String,
    /// The arms and what their guardrails saw, as JSON.
    pub state: String,
    /// Where it stands.
    pub phase: String,
    /// The place in the ledger before which nothing is of it.
    pub first_index: u64,
    /// Who started it.
    pub started_by: PrincipalId,
    /// When.
    pub started_at: Time,
    /// When it last changed, or its evidence was written down.
    pub updated_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
}

impl Columns for SplitRow {
    const COLUMNS: &'static str = "id, deployment, definition, salt, scoring, state, phase, \
         first_index, started_by, started_at, updated_at, ended_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            id: ExperimentId::from_bytes(row.get(0)?),
            deployment: DeploymentId::from_bytes(row.get(1)?),
            definition: row.get(2)?,
            salt: row.get(3)?,
            scoring: row.get(4)?,
            state: row.get(5)?,
            phase: row.get(6)?,
            first_index: row::count(row, 7)?,
            started_by: PrincipalId::from_bytes(row.get(8)?),
            started_at: row::time(row, 9)?,
            updated_at: row::time(row, 10)?,
            ended_at: row::maybe_time(row, 11)?,
        })
    }
}

impl Read<'_> {
    /// The experiment that is under way in a deployment.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn split_in(&self, deployment: DeploymentId) -> Result<Option<SplitRow>> {
        SPLITS.one_in(self, deployment)
    }
    /// The experiment with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn split(&self, id: ExperimentId) -> Result<Option<SplitRow>> {
        SPLITS.one(self, id.as_bytes())
    }
    /// Experiments of a deployment, latest first, before `before`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn splits(
        &self,
        deployment: DeploymentId,
        before: Option<ExperimentId>,
        limit: u32,
    ) -> Result<Vec<SplitRow>> {
        let before = before.as_ref().map(ExperimentId::as_bytes);
        SPLITS.latest(self, deployment, (before, limit))
    }
    /// Every experiment that is under way.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn splits_under_way(&self) -> Result<Vec<SplitRow>> {
        SPLITS.all(self)
    }
    /// What happened to an experiment, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn split_steps(&self, id: ExperimentId) -> Result<Vec<RolloutStepRow>> {
        SPLITS.history(self, id.as_bytes())
    }
}

impl Write<'_> {
    /// Adds an experiment.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if one is under way in the deployment.
    pub fn insert_split(&self, row: &SplitRow) -> Result<()> {
        self.insert(
            "experiment in this deployment",
            &format!(
                "INSERT INTO experiments ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, \
                 ?11, ?12)",
                SplitRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.deployment.as_bytes(),
                row.definition,
                row.salt,
                row.scoring,
                row.state,
                row.phase,
                row::signed(row.first_index),
                row.started_by.as_bytes(),
                micros(row.started_at),
                micros(row.updated_at),
                row.ended_at.map(micros),
            ],
        )
    }
    /// Writes where an experiment stands that is under way.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it has ended.
    pub fn update_split(&self, row: &SplitRow) -> Result<()> {
        let now = Stand {
            state: &row.state,
            phase: &row.phase,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
        };
        SPLITS.stand(self, row.id.as_bytes(), now)
    }
    /// Adds to the history of an experiment.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn insert_split_step(&self, id: ExperimentId, step: &RolloutStepRow) -> Result<()> {
        SPLITS.add_step(self, id.as_bytes(), step)
    }
}

impl Store {
    /// Writes down the evidence of an experiment that is under way, unless it changed since it was
    /// read, at `before`; no change of state.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_split(
        &self,
        id: ExperimentId,
        state: &str,
        (before, now): (Time, Time),
    ) -> Result<()> {
        let sql = "UPDATE experiments SET state = ?2, updated_at = ?3
                   WHERE id = ?1 AND ended_at IS NULL AND updated_at = ?4";
        let row = params![id.as_bytes(), state, micros(now), micros(before)];
        self.writer().execute(sql, row)?;
        Ok(())
    }
}
