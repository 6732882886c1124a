//! Logged models: what a run made before anybody registers it.

use super::Result;
use super::pair::PairKind;
use super::search::{Search, Searched, find};
use crate::read::Read;
use crate::row::Columns;
use crate::write::Write;
use plimsoll_mlflow::{LoggedModel, LoggedModelData, LoggedModelInfo};
use rusqlite::types::Value;
use rusqlite::{Row, params};

/// The most metrics of a logged model that are shown.
const MAX_METRICS: u32 = 1_000;

/// A logged model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedRow {
    /// Its number.
    pub row: i64,
    /// Its id, `m-…`.
    pub id: String,
    /// Its experiment.
    pub experiment: i64,
    /// Its name.
    pub name: String,
    /// What it is, in the client's words.
    pub kind: Option<String>,
    /// The run that made it.
    pub run: Option<String>,
    /// Where its files are.
    pub location: String,
    /// The word of its status.
    pub status: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
}

impl Columns for LoggedRow {
    const COLUMNS: &'static str = "l.row, l.id, l.experiment, l.name, l.kind, l.run, l.location, \
         l.status, l.created_at, l.updated_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            row: row.get(0)?,
            id: row.get(1)?,
            experiment: row.get(2)?,
            name: row.get(3)?,
            kind: row.get(4)?,
            run: row.get(5)?,
            location: row.get(6)?,
            status: row.get(7)?,
            created_at: row.get(8)?,
            updated_at: row.get(9)?,
        })
    }
}

const SEARCHED: Searched = Searched {
    from: "ml_logged l",
    row: "l.row",
    tags: "logged",
    params: "logged-param",
    metrics: "SELECT value, is_nan FROM ml_metrics m WHERE m.logged = l.id",
    differs: "",
    column: |name| match name {
        "name" => "l.name",
        "model_id" => "l.id",
        "model_type" => "l.kind",
        "status" => "replace(l.status, 'LOGGED_MODEL_', '')",
        "source_run_id" => "l.run",
        "creation_timestamp" => "l.created_at",
        "last_updated_timestamp" => "l.updated_at",
        _ => "l.experiment",
    },
    last: "l.created_at DESC, l.id",
    ties: "l.created_at DESC, l.id",
};

impl Read<'_> {
    /// The logged model with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn logged(&self, id: &str) -> Result<Option<LoggedRow>> {
        self.one("ml_logged l WHERE l.id = ?1 AND l.deleted_at IS NULL", [id])
    }
    /// Logged models of these experiments that a search finds.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn find_logged(&self, experiments: &[i64], search: &Search) -> Result<Vec<LoggedRow>> {
        let marks = vec!["?"; experiments.len()].join(", ");
        let of = format!("l.deleted_at IS NULL AND l.experiment IN ({marks})");
        let ids = experiments.iter().map(|id| Value::Integer(*id)).collect();
        find(self, &SEARCHED, search, &[(of, ids)])
    }
    /// A logged model with everything that was told of it.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn whole_logged(&self, row: &LoggedRow) -> Result<LoggedModel> {
        Ok(LoggedModel {
            info: LoggedModelInfo {
                model_id: row.id.clone(),
                experiment_id: row.experiment.to_string(),
                name: row.name.clone(),
                creation_timestamp_ms: row.created_at,
                last_updated_timestamp_ms: row.updated_at,
                artifact_uri: row.location.clone(),
                status: row.status.clone(),
                model_type: row.kind.clone(),
                source_run_id: row.run.clone(),
                tags: self.pairs(PairKind::Logged, row.row)?,
            },
            data: LoggedModelData {
                params: self.pairs(PairKind::LoggedParam, row.row)?,
                metrics: self.logged_metrics(&row.id, MAX_METRICS)?,
            },
        })
    }
}

impl Write<'_> {
    /// Adds a logged model. Gives its number.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the id is taken.
    pub fn insert_logged(&self, row: &LoggedRow) -> Result<i64> {
        self.insert(
            "logged model",
            "INSERT INTO ml_logged (id, experiment, name, kind, run, location, status, created_at,
                                    updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                row.id,
                row.experiment,
                row.name,
                row.kind,
                row.run,
                row.location,
                row.status,
                row.created_at,
                row.updated_at
            ],
        )?;
        Ok(self.last_row())
    }
    /// Writes the status of a logged model.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn status_logged(&self, row: i64, status: &str, now: i64) -> Result<()> {
        let sql = "UPDATE ml_logged SET status = ?2, updated_at = ?3 WHERE row = ?1";
        self.update("logged model", sql, params![row, status, now])
    }
    /// Hides a logged model. Nothing is erased.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn delete_logged(&self, row: i64, now: i64) -> Result<()> {
        let sql = "UPDATE ml_logged SET deleted_at = ?2 WHERE row = ?1";
        self.update("logged model", sql, params![row, now])
    }
}
