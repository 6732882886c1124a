//! What becomes of the candidates of retrainings, and the story of both.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros};
use crate::write::Write;
use plimsoll_types::{DeploymentId, PrincipalId, RetrainId, RolloutId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// Steps of one story that are shown and kept. A retraining has some twenty; one that waits for
/// years may have a few each day.
const MAX_STEPS: u32 = 1_000;

/// What becomes of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialRow {
    /// The retraining that made it.
    pub retrain: RetrainId,
    /// The deployment that it is for.
    pub deployment: DeploymentId,
    /// Its number.
    pub version: u32,
    /// Where it stands.
    pub state: String,
    /// Why it does not go on, or ended.
    pub why: Option<String>,
    /// The digest of the gate result that it was last judged by.
    pub gate: Option<String>,
    /// When that was.
    pub judged_at: Option<Time>,
    /// The rollout that tries it.
    pub rollout: Option<RolloutId>,
    /// Since when it stands there.
    pub since: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
}

/// A state of a retraining, or of what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetrainStepRow {
    /// The state.
    pub state: String,
    /// Why.
    pub why: Option<String>,
    /// Who brought it there; zero for the server.
    pub principal: PrincipalId,
    /// When.
    pub created_at: Time,
}

impl Columns for TrialRow {
    const COLUMNS: &'static str =
        "retrain, deployment, version, state, why, gate, judged_at, rollout, since, ended_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            retrain: RetrainId::from_bytes(row.get(0)?),
            deployment: DeploymentId::from_bytes(row.get(1)?),
            version: row.get(2)?,
            state: row.get(3)?,
            why: row.get(4)?,
            gate: row.get(5)?,
            judged_at: row::maybe_time(row, 6)?,
            rollout: row.get::<_, Option<[u8; 16]>>(7)?.map(RolloutId::from_bytes),
            since: row::time(row, 8)?,
            ended_at: row::maybe_time(row, 9)?,
        })
    }
}

impl Columns for RetrainStepRow {
    const COLUMNS: &'static str = "state, why, principal, created_at";
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            state: row.get(0)?,
            why: row.get(1)?,
            principal: PrincipalId::from_bytes(row.get(2)?),
            created_at: row::time(row, 3)?,
        })
    }
}

impl Read<'_> {
    /// What became of a retraining's candidate.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn trial(&self, retrain: RetrainId) -> Result<Option<TrialRow>> {
        self.one("retrain_trials WHERE retrain = ?1", [retrain.as_bytes()])
    }
    /// Whose candidate a rollout tries.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn trial_by_rollout(&self, rollout: RolloutId) -> Result<Option<TrialRow>> {
        self.one("retrain_trials WHERE rollout = ?1", [rollout.as_bytes()])
    }
    /// The candidate that is on its way in a deployment.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn trial_in(&self, deployment: DeploymentId) -> Result<Option<TrialRow>> {
        self.one(
            "retrain_trials WHERE deployment = ?1 AND ended_at IS NULL",
            [deployment.as_bytes()],
        )
    }
    /// Every candidate that is on its way, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn trials_under_way(&self) -> Result<Vec<TrialRow>> {
        self.whole("retrain_trials WHERE ended_at IS NULL ORDER BY retrain", [])
    }
    /// The story of a retraining, oldest first; of a very long one, the beginning.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn retrain_steps(&self, retrain: RetrainId) -> Result<Vec<RetrainStepRow>> {
        self.many(
            "retrain_steps WHERE retrain = ?1 ORDER BY place LIMIT ?2",
            params![retrain.as_bytes(), MAX_STEPS],
        )
    }
}

impl Write<'_> {
    /// Adds a candidate that is on its way.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it, or another in the deployment, is on its way.
    pub fn insert_trial(&self, row: &TrialRow) -> Result<()> {
        self.insert(
            "trial of a candidate",
            &format!(
                "INSERT INTO retrain_trials ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                TrialRow::COLUMNS
            ),
            params![
                row.retrain.as_bytes(),
                row.deployment.as_bytes(),
                row.version,
                row.state,
                row.why,
                row.gate,
                row.judged_at.map(micros),
                row.rollout.map(|id| *id.as_bytes()),
                micros(row.since),
                row.ended_at.map(micros),
            ],
        )
    }
    /// Writes where a candidate stands, if it still is in `state` and on its way.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it is not.
    pub fn update_trial(&self, row: &TrialRow, state: &str) -> Result<()> {
        self.update(
            "trial of a candidate",
            "UPDATE retrain_trials SET state = ?3, why = ?4, gate = ?5, judged_at = ?6,
                rollout = ?7, since = ?8, ended_at = ?9
             WHERE retrain = ?1 AND state = ?2 AND ended_at IS NULL",
            params![
                row.retrain.as_bytes(),
                state,
                row.state,
                row.why,
                row.gate,
                row.judged_at.map(micros),
                row.rollout.map(|id| *id.as_bytes()),
                micros(row.since),
                row.ended_at.map(micros),
            ],
        )
    }
    /// Adds to the story of a retraining, up to its bound.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn tell_retrain(&self, retrain: RetrainId, step: &RetrainStepRow) -> Result<()> {
        self.insert(
            "step of a retraining",
            "INSERT INTO retrain_steps (retrain, place, state, why, principal, created_at)
             SELECT ?1, count(*), ?2, ?3, ?4, ?5 FROM retrain_steps WHERE retrain = ?1
             HAVING count(*) < ?6",
            params![
                retrain.as_bytes(),
                step.state,
                step.why,
                step.principal.as_bytes(),
                micros(step.created_at),
                MAX_STEPS,
            ],
        )
    }
    /// Notes who lets candidates of a deployment's policy answer, as the policy now is.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it has none.
    pub fn trust_retrain_policy(
        &self,
        deployment: DeploymentId,
        trusted: Option<(PrincipalId, Time)>,
    ) -> Result<()> {
        self.update(
            "retrain policy",
            "UPDATE retrain_policies SET trusted_by = ?2, trusted_at = ?3 WHERE deployment = ?1",
            params![
                deployment.as_bytes(),
                trusted.map(|(by, _)| *by.as_bytes()),
                trusted.map(|(_, at)| micros(at)),
            ],
        )
    }
}
