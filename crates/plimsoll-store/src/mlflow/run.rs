//! Runs, with the datasets and logged models that they read and made.

use super::Result;
use super::pair::PairKind;
use super::search::{Audience, Search, Searched, find};
use crate::read::Read;
use crate::row::Columns;
use crate::write::Write;
use plimsoll_mlflow::{
    Dataset, DatasetInput, ModelInput, ModelOutput, Pair, Run, RunData, RunInfo, RunInputs,
    RunOutputs,
};
use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, params};

/// A dataset as runs read it: experiment, name, digest, and what for.
type DatasetUse = (i64, String, String, Option<String>);

/// The most datasets or logged models of a run that are shown.
const MAX_SHOWN: u32 = 1_000;

/// A run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its number.
    pub row: i64,
    /// Its id.
    pub id: String,
    /// Its experiment.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// Who it says made it.
    pub user: String,
    /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub status: String,
    /// `active` or `deleted`.
    pub stage: String,
    /// When it began.
    pub start_time: Option<i64>,
    /// When it ended.
    pub end_time: Option<i64>,
    /// The principal that made it.
    pub author: [u8; 16],
    /// The digest that its end left in the ledger.
    pub sealed: Option<Vec<u8>>,
    /// Where its artifacts are.
    pub location: String,
}

impl Columns for RunRow {
    const COLUMNS: &'static str = "r.row, r.id, r.experiment, r.name, r.user, r.status, r.stage, \
         r.start_time, r.end_time, r.author, r.sealed, e.location || '/' || r.id || '/artifacts'";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            row: row.get(0)?,
            id: row.get(1)?,
            experiment: row.get(2)?,
            name: row.get(3)?,
            user: row.get(4)?,
            status: row.get(5)?,
            stage: row.get(6)?,
            start_time: row.get(7)?,
            end_time: row.get(8)?,
            author: row.get(9)?,
            sealed: row.get(10)?,
            location: row.get(11)?,
        })
    }
}

impl RunRow {
    /// What it is, on the wire.
    #[must_use]
    pub fn info(&self) -> RunInfo {
        RunInfo {
            run_id: self.id.clone(),
            run_uuid: self.id.clone(),
            run_name: self.name.clone(),
            experiment_id: self.experiment.to_string(),
            user_id: self.user.clone(),
            status: self.status.clone(),
            start_time: self.start_time,
            end_time: self.end_time,
            artifact_uri: self.location.clone(),
            lifecycle_stage: self.stage.clone(),
        }
    }
}

const SEARCHED: Searched = Searched {
    from: "ml_runs r JOIN ml_experiments e ON e.row = r.experiment",
    row: "r.row",
    tags: "run",
    params: "param",
    metrics: "SELECT value, is_nan FROM ml_latest m WHERE m.run = r.row",
    differs: "",
    column: |name| match name {
        "run_id" => "r.id",
        "run_name" => "r.name",
        "status" => "r.status",
        "user_id" => "r.user",
        "start_time" => "r.start_time",
        "end_time" => "r.end_time",
        _ => "(e.location || '/' || r.id || '/artifacts')",
    },
    last: "r.start_time DESC, r.id",
    ties: "r.start_time DESC, r.id",
};

/// A dataset, as a run tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDatasetRow {
    /// Its tags in this run.
    pub tags: Vec<Pair>,
    /// The dataset.
    pub dataset: Dataset,
}

impl Read<'_> {
    /// The run with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn run(&self, id: &str) -> Result<Option<RunRow>> {
        self.one("ml_runs r JOIN ml_experiments e ON e.row = r.experiment WHERE r.id = ?1", [id])
    }
    /// The number and stage of a run: all that logging needs.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn run_number(&self, id: &str) -> Result<Option<(i64, String)>> {
        let sql = "SELECT row, stage FROM ml_runs WHERE id = ?1";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
    /// Runs of these experiments that a search finds.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn find_runs(
        &self,
        experiments: &[i64],
        search: &Search,
        audience: Audience,
    ) -> Result<Vec<RunRow>> {
        let marks = vec!["?"; experiments.len()].join(", ");
        let of = format!("r.experiment IN ({marks})");
        let ids = experiments.iter().map(|id| Value::Integer(*id)).collect();
        find(self, &SEARCHED, search, &[(of, ids), (audience.sql("r.stage"), vec![])])
    }
    /// A run with everything that it logged.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn whole_run(&self, run: &RunRow) -> Result<Run> {
        Ok(Run {
            info: run.info(),
            data: RunData {
                metrics: self.latest_metrics(run.row)?,
                params: self.pairs(PairKind::Param, run.row)?,
                tags: self.pairs(PairKind::Run, run.row)?,
            },
            inputs: RunInputs {
                dataset_inputs: self.dataset_inputs(run.row)?,
                model_inputs: self
                    .run_models(run.row, "in")?
                    .into_iter()
                    .map(|(model_id, _)| ModelInput { model_id })
                    .collect(),
            },
            outputs: RunOutputs {
                model_outputs: self
                    .run_models(run.row, "out")?
                    .into_iter()
                    .map(|(model_id, step)| ModelOutput { model_id, step })
                    .collect(),
            },
        })
    }
    fn run_models(&self, run: i64, direction: &str) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT logged, step FROM ml_run_models WHERE run = ?1 AND direction = ?2
                   ORDER BY step, logged LIMIT ?3";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement
            .query_map(params![run, direction, MAX_SHOWN], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// Datasets that runs of these experiments read: experiment, name, digest, and what for.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn datasets_of(&self, experiments: &[i64], limit: u32) -> Result<Vec<DatasetUse>> {
        let marks = vec!["?"; experiments.len()].join(", ");
        let sql = format!(
            "SELECT DISTINCT d.experiment, d.name, d.digest, p.value
             FROM ml_datasets d JOIN ml_inputs i ON i.dataset = d.row
             LEFT JOIN ml_pairs p
               ON p.kind = 'input' AND p.owner = i.row AND p.key = 'mlflow.data.context'
             WHERE d.experiment IN ({marks}) ORDER BY 1, 2, 3, 4 LIMIT {limit}"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(rusqlite::params_from_iter(experiments), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    fn dataset_inputs(&self, run: i64) -> Result<Vec<DatasetInput>> {
        let sql = "SELECT i.row, d.name, d.digest, d.source_type, d.source, d.schema, d.profile
                   FROM ml_inputs i JOIN ml_datasets d ON d.row = i.dataset
                   WHERE i.run = ?1 ORDER BY i.row LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![run, MAX_SHOWN], |row| {
            let dataset = Dataset {
                name: row.get(1)?,
                digest: row.get(2)?,
                source_type: row.get(3)?,
                source: row.get(4)?,
                schema: row.get(5)?,
                profile: row.get(6)?,
            };
            Ok((row.get::<_, i64>(0)?, dataset))
        })?;
        let found: Vec<(i64, Dataset)> = rows.collect::<std::result::Result<_, _>>()?;
        let whole =
            |(row, dataset)| Ok(DatasetInput { tags: self.pairs(PairKind::Input, row)?, dataset });
        found.into_iter().map(whole).collect()
    }
}

impl Write<'_> {
    /// Adds a run. Gives its number.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the id is taken.
    pub fn insert_run(&self, run: &RunRow) -> Result<i64> {
        self.insert(
            "run",
            "INSERT INTO ml_runs (id, experiment, name, user, status, stage, start_time, end_time,
                                  author)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                run.id,
                run.experiment,
                run.name,
                run.user,
                run.status,
                run.stage,
                run.start_time,
                run.end_time,
                run.author
            ],
        )?;
        Ok(self.last_row())
    }
    /// Writes what may change of a run: name, status, end.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn update_run(&self, run: &RunRow) -> Result<()> {
        self.update(
            "run",
            "UPDATE ml_runs SET name = ?2, status = ?3, end_time = ?4 WHERE row = ?1",
            params![run.row, run.name, run.status, run.end_time],
        )
    }
    /// Deletes a run or brings it back. Nothing is erased.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn stage_run(&self, row: i64, stage: &str) -> Result<()> {
        self.update("run", "UPDATE ml_runs SET stage = ?2 WHERE row = ?1", params![row, stage])
    }
    /// Notes the digest that a run's end left in the ledger.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn seal_run(&self, row: i64, digest: &[u8]) -> Result<()> {
        self.update("run", "UPDATE ml_runs SET sealed = ?2 WHERE row = ?1", params![row, digest])
    }
    /// Notes that a run read a dataset. Telling it twice changes the tags only.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn log_dataset(&self, run: &RunRow, input: &RunDatasetRow) -> Result<()> {
        let Dataset { name, digest, source_type, source, schema, profile } = &input.dataset;
        self.insert(
            "dataset",
            "INSERT INTO ml_datasets (experiment, name, digest, source_type, source, schema, profile)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
            params![run.experiment, name, digest, source_type, source, schema, profile],
        )?;
        self.insert(
            "dataset",
            "INSERT INTO ml_inputs (run, dataset)
             SELECT ?1, row FROM ml_datasets WHERE experiment = ?2 AND name = ?3 AND digest = ?4
             ON CONFLICT DO NOTHING",
            params![run.row, run.experiment, name, digest],
        )?;
        let sql = "SELECT i.row FROM ml_inputs i JOIN ml_datasets d ON d.row = i.dataset
                   WHERE i.run = ?1 AND d.name = ?2 AND d.digest = ?3";
        let row: i64 = self
            .connection()
            .prepare_cached(sql)?
            .query_row(params![run.row, name, digest], |row| row.get(0))?;
        self.set_pairs(PairKind::Input, row, &input.tags)
    }
    /// Notes that a run read (`in`) or made (`out`) a logged model.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn log_run_model(&self, run: i64, direction: &str, logged: &str, step: i64) -> Result<()> {
        self.insert(
            "logged model of a run",
            "INSERT INTO ml_run_models (run, direction, logged, step) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET step = excluded.step",
            params![run, direction, logged, step],
        )
    }
}
