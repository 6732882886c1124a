//! Experiments.

use super::Result;
use super::search::{Audience, Search, Searched, find};
use crate::read::Read;
use crate::row::Columns;
use crate::write::Write;
use rusqlite::{Row, params};

/// An experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentRow {
    /// Its number, which is its id.
    pub row: i64,
    /// Its name, unique, also among deleted ones.
    pub name: String,
    /// Where its artifacts are.
    pub location: String,
    /// `active` or `deleted`.
    pub stage: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
}

impl Columns for ExperimentRow {
    const COLUMNS: &'static str = "e.row, e.name, e.location, e.stage, e.created_at, e.updated_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            row: row.get(0)?,
            name: row.get(1)?,
            location: row.get(2)?,
            stage: row.get(3)?,
            created_at: row.get(4)?,
            updated_at: row.get(5)?,
        })
    }
}

const SEARCHED: Searched = Searched {
    from: "ml_experiments e",
    row: "e.row",
    tags: "experiment",
    params: "",
    metrics: "",
    differs: "",
    column: |name| match name {
        "name" => "e.name",
        "creation_time" => "e.created_at",
        "last_update_time" => "e.updated_at",
        _ => "e.row",
    },
    last: "e.created_at DESC, e.row DESC",
    ties: "e.created_at DESC, e.row DESC",
};

impl Read<'_> {
    /// The experiment with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn experiment(&self, id: i64) -> Result<Option<ExperimentRow>> {
        self.one("ml_experiments e WHERE e.row = ?1", [id])
    }
    /// The experiment with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn experiment_named(&self, name: &str) -> Result<Option<ExperimentRow>> {
        self.one("ml_experiments e WHERE e.name = ?1", [name])
    }
    /// Experiments that a search finds.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn find_experiments(
        &self,
        search: &Search,
        audience: Audience,
    ) -> Result<Vec<ExperimentRow>> {
        find(self, &SEARCHED, search, &[(audience.sql("e.stage"), vec![])])
    }
}

impl Write<'_> {
    /// Adds an experiment whose artifacts are at `location`, else under its id. Gives its id.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the name is taken.
    pub fn insert_experiment(&self, name: &str, location: Option<&str>, now: i64) -> Result<i64> {
        self.insert(
            "experiment",
            "INSERT INTO ml_experiments (name, location, stage, created_at, updated_at)
             VALUES (?1, ?2, 'active', ?3, ?3)",
            params![name, location.unwrap_or_default(), now],
        )?;
        let id = self.last_row();
        if location.is_none() {
            let sql =
                "UPDATE ml_experiments SET location = 'mlflow-artifacts:/' || row WHERE row = ?1";
            self.change(sql, [id])?;
        }
        Ok(id)
    }
    /// Gives an experiment another name.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the name is taken, [`crate::StoreError::Gone`] if it is
    /// not there.
    pub fn rename_experiment(&self, id: i64, name: &str, now: i64) -> Result<()> {
        let sql = "UPDATE ml_experiments SET name = ?2, updated_at = ?3 WHERE row = ?1";
        self.update("experiment", sql, params![id, name, now])
    }
    /// Deletes an experiment with its runs, or brings both back. Nothing is erased.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn stage_experiment(&self, id: i64, stage: &str, now: i64) -> Result<()> {
        let sql = "UPDATE ml_experiments SET stage = ?2, updated_at = ?3 WHERE row = ?1";
        self.update("experiment", sql, params![id, stage, now])?;
        self.change("UPDATE ml_runs SET stage = ?2 WHERE experiment = ?1", params![id, stage])?;
        Ok(())
    }
    /// The number that the last insert gave.
    pub(crate) fn last_row(&self) -> i64 {
        self.connection().last_insert_rowid()
    }
}
