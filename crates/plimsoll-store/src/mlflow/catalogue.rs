//! The catalogue: registered models and their versions, aliases and stages.

use super::Result;
use super::pair::PairKind;
use super::search::{Search, Searched, find};
use crate::read::Read;
use crate::row::Columns;
use crate::write::Write;
use plimsoll_mlflow::{Alias, ModelVersion, RegisteredModel};
use rusqlite::{OptionalExtension, Row, params};

/// The most aliases of a model that are shown.
const MAX_ALIASES: u32 = 1_000;

/// A registered model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueRow {
    /// Its number.
    pub row: i64,
    /// Its name, unique.
    pub name: String,
    /// Who answers for it.
    pub owner: String,
    /// What it is for.
    pub description: String,
    /// When it was registered.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
}

impl Columns for CatalogueRow {
    const COLUMNS: &'static str =
        "m.row, m.name, m.owner, m.description, m.created_at, m.updated_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            row: row.get(0)?,
            name: row.get(1)?,
            owner: row.get(2)?,
            description: row.get(3)?,
            created_at: row.get(4)?,
            updated_at: row.get(5)?,
        })
    }
}

/// A version of a registered model of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogueVersion {
    /// Its number among all rows.
    pub row: i64,
    /// The number of its model's row.
    pub model: i64,
    /// Its model's name.
    pub name: String,
    /// Its number, from 1. Never used twice.
    pub number: u32,
    /// The principal that made it.
    pub author: [u8; 16],
    /// The name of that principal when it did.
    pub user: String,
    /// What it is for.
    pub description: String,
    /// Where it says that its files are.
    pub source: String,
    /// Where they are.
    pub location: String,
    /// The run that made it, or empty.
    pub run: String,
    /// A link to that run, or empty.
    pub run_link: String,
    /// The logged model that it is.
    pub logged: Option<String>,
    /// MLflow's stage.
    pub stage: String,
    /// `PENDING_REGISTRATION`, `FAILED_REGISTRATION` or `READY`.
    pub status: String,
    /// Why.
    pub status_text: String,
    /// Why it must be kept, if it must.
    pub hold: Option<String>,
    /// Whether it stands among the versions that deployments may use, under the same number.
    pub governed: bool,
    /// When it was made.
    pub created_at: i64,
    /// When what is said about it was changed.
    pub updated_at: i64,
}

impl Columns for CatalogueVersion {
    const COLUMNS: &'static str = "v.row, v.model, m.name, v.number, v.author, v.user, \
         v.description, v.source, v.location, v.run, v.run_link, v.logged, v.stage, v.status, \
         v.status_text, v.hold, v.governed, v.created_at, v.updated_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            row: row.get(0)?,
            model: row.get(1)?,
            name: row.get(2)?,
            number: row.get(3)?,
            author: row.get(4)?,
            user: row.get(5)?,
            description: row.get(6)?,
            source: row.get(7)?,
            location: row.get(8)?,
            run: row.get(9)?,
            run_link: row.get(10)?,
            logged: row.get(11)?,
            stage: row.get(12)?,
            status: row.get(13)?,
            status_text: row.get(14)?,
            hold: row.get(15)?,
            governed: row.get(16)?,
            created_at: row.get(17)?,
            updated_at: row.get(18)?,
        })
    }
}

const MODELS: Searched = Searched {
    from: "ml_models m",
    row: "m.row",
    tags: "model",
    params: "",
    metrics: "",
    differs: "mlflow.prompt.is_prompt",
    column: |name| match name {
        "name" => "m.name",
        "creation_timestamp" => "m.created_at",
        _ => "m.updated_at",
    },
    last: "m.name",
    ties: "m.name",
};

const VERSIONS: Searched = Searched {
    from: "ml_versions v JOIN ml_models m ON m.row = v.model",
    row: "v.row",
    tags: "version",
    params: "",
    metrics: "",
    differs: "mlflow.prompt.is_prompt",
    column: |name| match name {
        "name" => "m.name",
        "version_number" => "v.number",
        "run_id" => "v.run",
        "source_path" => "v.source",
        "creation_timestamp" => "v.created_at",
        _ => "v.updated_at",
    },
    last: "v.updated_at DESC, m.name, v.number DESC",
    ties: "m.name, v.number DESC",
};

impl Read<'_> {
    /// The registered model with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn catalogued(&self, name: &str) -> Result<Option<CatalogueRow>> {
        self.one("ml_models m WHERE m.name = ?1", [name])
    }
    /// The version with this number, unless it was deleted.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn catalogued_version(&self, name: &str, number: u32) -> Result<Option<CatalogueVersion>> {
        self.one(
            "ml_versions v JOIN ml_models m ON m.row = v.model
             WHERE m.name = ?1 AND v.number = ?2 AND v.deleted_at IS NULL",
            params![name, number],
        )
    }
    /// The newest version of each stage.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn latest_versions(&self, model: i64) -> Result<Vec<CatalogueVersion>> {
        self.many(
            "ml_versions v JOIN ml_models m ON m.row = v.model
             WHERE v.model = ?1 AND v.number IN
               (SELECT max(number) FROM ml_versions WHERE model = ?1 AND deleted_at IS NULL
                GROUP BY stage)
             ORDER BY v.number",
            [model],
        )
    }
    /// The highest number that a version of a model ever had, deleted ones too; 0 if none.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn highest_number(&self, name: &str) -> Result<u32> {
        let sql = "SELECT coalesce(max(v.number), 0) FROM ml_versions v
                   JOIN ml_models m ON m.row = v.model WHERE m.name = ?1";
        Ok(self.0.prepare_cached(sql)?.query_row([name], |row| row.get(0))?)
    }
    /// The registered version that is this logged model, if there is one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn version_of_logged(&self, logged: &str) -> Result<Option<(String, u32)>> {
        let sql = "SELECT m.name, v.number FROM ml_versions v JOIN ml_models m ON m.row = v.model
                   WHERE v.logged = ?1 AND v.deleted_at IS NULL LIMIT 1";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row([logged], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }
    /// Registered models that a search finds.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn find_models(&self, search: &Search) -> Result<Vec<CatalogueRow>> {
        find(self, &MODELS, search, &[])
    }
    /// Versions that a search finds.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn find_versions(&self, search: &Search) -> Result<Vec<CatalogueVersion>> {
        find(self, &VERSIONS, search, &[("v.deleted_at IS NULL".to_owned(), vec![])])
    }
    /// The aliases of a model, by name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn aliases(&self, model: i64) -> Result<Vec<(String, u32)>> {
        let sql = "SELECT alias, number FROM ml_aliases WHERE model = ?1 ORDER BY alias LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement
            .query_map(params![model, MAX_ALIASES], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// The number of the version that an alias points to.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn aliased(&self, model: i64, alias: &str) -> Result<Option<u32>> {
        let sql = "SELECT number FROM ml_aliases WHERE model = ?1 AND alias = ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(params![model, alias], |row| row.get(0)).optional()?)
    }
    /// The name of a live deployment in which a version answers, if there is one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployment_of(&self, name: &str, number: Option<u32>) -> Result<Option<String>> {
        let sql = "SELECT d.name FROM deployments d JOIN registered_models m ON m.id = d.model
                   WHERE m.name = ?1 AND (?2 IS NULL OR d.released = ?2)
                     AND d.archived_at IS NULL LIMIT 1";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(params![name, number], |row| row.get(0)).optional()?)
    }
    /// A version that keeps its model from being deleted: one that is held or governed.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn kept_version(&self, model: i64) -> Result<Option<u32>> {
        let sql = "SELECT number FROM ml_versions
                   WHERE model = ?1 AND (hold IS NOT NULL OR governed = 1) LIMIT 1";
        Ok(self.0.prepare_cached(sql)?.query_row([model], |row| row.get(0)).optional()?)
    }
    /// A version with everything said about it.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn whole_version(&self, row: &CatalogueVersion) -> Result<ModelVersion> {
        let aliases = self.aliases(row.model)?.into_iter();
        Ok(ModelVersion {
            name: row.name.clone(),
            version: row.number.to_string(),
            creation_timestamp: row.created_at,
            last_updated_timestamp: row.updated_at,
            user_id: row.user.clone(),
            current_stage: row.stage.clone(),
            description: row.description.clone(),
            source: row.source.clone(),
            run_id: row.run.clone(),
            status: row.status.clone(),
            status_message: row.status_text.clone(),
            tags: self.pairs(PairKind::Version, row.row)?,
            run_link: row.run_link.clone(),
            aliases: aliases.filter(|(_, n)| *n == row.number).map(|(alias, _)| alias).collect(),
            model_id: row.logged.clone(),
        })
    }
    /// A registered model with its newest versions, tags and aliases.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn whole_model(&self, row: &CatalogueRow) -> Result<RegisteredModel> {
        let latest = self.latest_versions(row.row)?;
        let aliases = self.aliases(row.row)?.into_iter();
        Ok(RegisteredModel {
            name: row.name.clone(),
            creation_timestamp: row.created_at,
            last_updated_timestamp: row.updated_at,
            description: row.description.clone(),
            latest_versions: latest
                .iter()
                .map(|version| self.whole_version(version))
                .collect::<Result<_>>()?,
            tags: self.pairs(PairKind::Model, row.row)?,
            aliases: aliases
                .map(|(alias, number)| Alias { alias, version: number.to_string() })
                .collect(),
        })
    }
}

impl Write<'_> {
    /// Adds a registered model to the catalogue. Gives its number.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the name is taken.
    pub fn insert_catalogued(
        &self,
        name: &str,
        owner: &str,
        description: &str,
        now: i64,
    ) -> Result<i64> {
        self.insert(
            "registered model",
            "INSERT INTO ml_models (name, owner, description, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?4)",
            params![name, owner, description, now],
        )?;
        Ok(self.last_row())
    }
    /// Writes a model's name and description, and that it was changed now.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the name is taken, [`crate::StoreError::Gone`] if it is
    /// not there.
    pub fn update_catalogued(
        &self,
        row: i64,
        name: &str,
        description: &str,
        now: i64,
    ) -> Result<()> {
        let sql =
            "UPDATE ml_models SET name = ?2, description = ?3, updated_at = ?4 WHERE row = ?1";
        self.update("registered model", sql, params![row, name, description, now])
    }
    /// Takes a model out of the catalogue, with its versions.
    ///
    /// # Errors
    /// [`crate::StoreError`] if one of its versions is held or governed.
    pub fn delete_catalogued(&self, row: i64) -> Result<()> {
        self.change(
            "DELETE FROM ml_pairs WHERE kind = 'version'
             AND owner IN (SELECT row FROM ml_versions WHERE model = ?1)",
            [row],
        )?;
        self.remove_pairs(PairKind::Model, row)?;
        self.change("DELETE FROM ml_versions WHERE model = ?1", [row])?;
        self.update("registered model", "DELETE FROM ml_models WHERE row = ?1", [row])
    }
    /// Adds a version. Gives the number of its row.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the number is taken.
    pub fn insert_catalogued_version(&self, v: &CatalogueVersion) -> Result<i64> {
        self.insert(
            "model version",
            "INSERT INTO ml_versions (model, number, author, user, description, source, location,
               run, run_link, logged, stage, status, status_text, governed, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            params![
                v.model,
                v.number,
                v.author,
                v.user,
                v.description,
                v.source,
                v.location,
                v.run,
                v.run_link,
                v.logged,
                v.stage,
                v.status,
                v.status_text,
                v.governed,
                v.created_at,
                v.updated_at
            ],
        )?;
        Ok(self.last_row())
    }
    /// Writes what is said about a version: description, stage, status, hold.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn update_catalogued_version(&self, v: &CatalogueVersion, now: i64) -> Result<()> {
        self.update(
            "model version",
            "UPDATE ml_versions SET description = ?2, stage = ?3, status = ?4, status_text = ?5,
                hold = ?6, updated_at = ?7
             WHERE row = ?1 AND deleted_at IS NULL",
            params![v.row, v.description, v.stage, v.status, v.status_text, v.hold, now],
        )
    }
    /// Hides a version, with its aliases. Its number is never used again.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn delete_catalogued_version(&self, v: &CatalogueVersion, now: i64) -> Result<()> {
        let sql = "DELETE FROM ml_aliases WHERE model = ?1 AND number = ?2";
        self.change(sql, params![v.model, v.number])?;
        let sql = "UPDATE ml_versions SET deleted_at = ?2 WHERE row = ?1 AND deleted_at IS NULL";
        self.update("model version", sql, params![v.row, now])
    }
    /// Archives the other versions of a model that are in `stage`.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn archive_stage(&self, v: &CatalogueVersion, stage: &str, now: i64) -> Result<()> {
        let sql = "UPDATE ml_versions SET stage = 'Archived', updated_at = ?4
                   WHERE model = ?1 AND stage = ?2 AND row <> ?3";
        self.change(sql, params![v.model, stage, v.row, now]).map(drop)
    }
    /// Points an alias to a version.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn set_alias(&self, model: i64, alias: &str, number: u32) -> Result<()> {
        self.insert(
            "alias",
            "INSERT INTO ml_aliases (model, alias, number) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET number = excluded.number",
            params![model, alias, number],
        )
    }
    /// Takes an alias away. Whether it was there.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn remove_alias(&self, model: i64, alias: &str) -> Result<bool> {
        let sql = "DELETE FROM ml_aliases WHERE model = ?1 AND alias = ?2";
        Ok(self.change(sql, params![model, alias])? > 0)
    }
}
