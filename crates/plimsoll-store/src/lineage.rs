//! What came from what: runs that events tell of, and the steps that other tables hold.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros};
use crate::write::Write;
use plimsoll_types::{Digest, ModelId, PrincipalId, Time};
use rusqlite::types::FromSql;
use rusqlite::{Params, Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A run that events told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageRunRow {
    /// Its id: a UUID in its usual form.
    pub id: String,
    /// The namespace of its job.
    pub namespace: String,
    /// The name of its job.
    pub job: String,
    /// OpenLineage's word for how far it is.
    pub state: String,
    /// Who told it.
    pub producer: String,
    /// The facets of run and job, as JSON.
    pub facets: String,
    /// The principal that told it first.
    pub author: PrincipalId,
    /// The time of the earliest event.
    pub began_at: Time,
    /// The time of the event that ended it.
    pub ended_at: Option<Time>,
}

impl Columns for LineageRunRow {
    const COLUMNS: &'static str =
        "id, namespace, job, state, producer, facets, author, began_at, ended_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            namespace: row.get(1)?,
            job: row.get(2)?,
            state: row.get(3)?,
            producer: row.get(4)?,
            facets: row.get(5)?,
            author: PrincipalId::from_bytes(row.get(6)?),
            began_at: row::time(row, 7)?,
            ended_at: row::maybe_time(row, 8)?,
        })
    }
}

/// Data that such a run read (`in`) or made (`out`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageDataRow {
    /// `in` or `out`.
    pub direction: String,
    /// The kind of the thing, in the words of the graph.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What else was told of it, as JSON.
    pub facets: String,
}

impl Columns for LineageDataRow {
    const COLUMNS: &'static str = "direction, kind, id, facets";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self { direction: row.get(0)?, kind: row.get(1)?, id: row.get(2)?, facets: row.get(3)? })
    }
}

/// A name and the number of a version.
pub type Numbered = (String, u32);

impl Read<'_> {
    fn listed<T: FromSql>(&self, sql: &str, params: impl Params) -> Result<Vec<T>> {
        let sql = format!("{sql} LIMIT {MAX_PAGE}");
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params, |row| row.get(0))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    fn numbered(&self, sql: &str, params: impl Params) -> Result<Vec<Numbered>> {
        let sql = format!("{sql} LIMIT {MAX_PAGE}");
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map(params, |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }

    /// The run that events told of.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn lineage_run(&self, id: &str) -> Result<Option<LineageRunRow>> {
        self.one("lineage_runs WHERE id = ?1", [id])
    }
    /// What such a run read (`in`) or made (`out`): at most a page.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn lineage_data(&self, run: &str, direction: &str) -> Result<Vec<LineageDataRow>> {
        let from = "lineage_data WHERE run = ?1 AND direction = ?2 ORDER BY kind, id LIMIT ?3";
        self.many(from, params![run, direction, MAX_PAGE])
    }
    /// The runs that read (`in`) or made (`out`) a thing: at most a page.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn lineage_runs_of(&self, kind: &str, id: &str, direction: &str) -> Result<Vec<String>> {
        self.listed(
            "SELECT run FROM lineage_data WHERE kind = ?1 AND id = ?2 AND direction = ?3
             ORDER BY run",
            params![kind, id, direction],
        )
    }
    /// The same for the files of a dataset's version, by their digests.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn lineage_runs_of_dataset(
        &self,
        dataset: &[u8; 16],
        number: u32,
        direction: &str,
    ) -> Result<Vec<String>> {
        self.listed(
            "SELECT DISTINCT l.run FROM dataset_digests d JOIN lineage_data l
               ON l.kind = 'artifact' AND l.id = d.digest AND l.direction = ?3
             WHERE d.dataset = ?1 AND d.number = ?2 ORDER BY l.run",
            params![dataset, number, direction],
        )
    }
    /// The same for the files of a model version.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn lineage_runs_of_version(
        &self,
        model: ModelId,
        number: u32,
        direction: &str,
    ) -> Result<Vec<String>> {
        self.listed(
            "SELECT DISTINCT l.run FROM manifest_files f JOIN lineage_data l
               ON l.kind = 'artifact' AND l.id = lower(hex(f.digest)) AND l.direction = ?3
             WHERE f.model = ?1 AND f.number = ?2 ORDER BY l.run",
            params![model.as_bytes(), number, direction],
        )
    }
    /// The versions of datasets that have a file of this digest.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn datasets_with_file(&self, digest: &str) -> Result<Vec<Numbered>> {
        self.numbered(
            "SELECT d.name, f.number FROM dataset_digests f JOIN datasets d ON d.id = f.dataset
             WHERE f.digest = ?1 ORDER BY d.name, f.number",
            [digest],
        )
    }
    /// The versions of datasets whose manifest has a digest that begins so.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn datasets_named_by(&self, digest: &str) -> Result<Vec<Numbered>> {
        self.numbered(
            "SELECT d.name, v.number FROM dataset_versions v JOIN datasets d ON d.id = v.dataset
             WHERE substr(lower(hex(v.digest)), 1, length(?1)) = ?1 ORDER BY d.name, v.number",
            [digest],
        )
    }
    /// The model versions that have a file of this digest.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn versions_with_file(&self, digest: Digest) -> Result<Vec<Numbered>> {
        self.numbered(
            "SELECT m.name, f.number FROM manifest_files f JOIN registered_models m
               ON m.id = f.model
             WHERE f.digest = ?1 ORDER BY m.name, f.number",
            [digest.as_bytes()],
        )
    }
    /// The versions of the catalogue that a run of MLflow's made, or that say so by their card.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn versions_of_run(&self, run: &str) -> Result<Vec<Numbered>> {
        self.numbered(
            "SELECT m.name, v.number FROM ml_versions v JOIN ml_models m ON m.row = v.model
             WHERE v.run = ?1 AND v.deleted_at IS NULL
             UNION SELECT m.name, c.number FROM version_cards c JOIN registered_models m
               ON m.id = c.model WHERE c.training_run = ?1
             ORDER BY 1, 2",
            [run],
        )
    }
    /// The runs of MLflow's that read a dataset: by a digest of theirs that the manifest's begins
    /// with (twelve letters at least), or by a source that names it.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn ml_runs_of_dataset(&self, digest: Digest, source: &str) -> Result<Vec<String>> {
        self.listed(
            "SELECT DISTINCT r.id FROM ml_datasets d JOIN ml_inputs i ON i.dataset = d.row
               JOIN ml_runs r ON r.row = i.run
             WHERE (length(d.digest) >= 12 AND substr(?1, 1, length(d.digest)) = d.digest)
               OR d.source = ?2 OR instr(d.source, '\"' || ?2 || '\"') > 0
             ORDER BY r.id",
            params![digest.to_string(), source],
        )
    }
    /// The runs of MLflow's that read a dataset which is known by MLflow's name and digest only.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn ml_runs_of_source(&self, name: &str, digest: &str) -> Result<Vec<String>> {
        self.listed(
            "SELECT DISTINCT r.id FROM ml_datasets d JOIN ml_inputs i ON i.dataset = d.row
               JOIN ml_runs r ON r.row = i.run
             WHERE d.name = ?1 AND d.digest = ?2 ORDER BY r.id",
            [name, digest],
        )
    }
    /// The deployments into which a version was released: at most a page of names.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn deployments_of_version(&self, model: ModelId, number: u32) -> Result<Vec<String>> {
        self.listed(
            "SELECT DISTINCT d.name FROM releases r JOIN deployments d ON d.id = r.deployment
             WHERE d.model = ?1 AND r.number = ?2 ORDER BY d.name",
            params![model.as_bytes(), number],
        )
    }
    /// The versions that were released into the deployments of this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn versions_of_deployment(&self, name: &str) -> Result<Vec<Numbered>> {
        self.numbered(
            "SELECT DISTINCT m.name, r.number FROM releases r
               JOIN deployments d ON d.id = r.deployment JOIN registered_models m ON m.id = d.model
             WHERE d.name = ?1 ORDER BY m.name, r.number",
            [name],
        )
    }
}

impl Write<'_> {
    /// Writes what an event told of a run: what was told before stays where this says nothing.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn put_lineage_run(&self, row: &LineageRunRow, data: &[LineageDataRow]) -> Result<()> {
        self.insert(
            "run",
            "INSERT INTO lineage_runs (id, namespace, job, state, producer, facets, author,
               began_at, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET namespace = ?2, job = ?3, producer = ?5,
               state = CASE WHEN ended_at IS NULL OR ?9 IS NOT NULL THEN ?4 ELSE state END,
               facets = json_patch(facets, ?6), began_at = min(began_at, ?8),
               ended_at = coalesce(?9, ended_at)",
            params![
                row.id,
                row.namespace,
                row.job,
                row.state,
                row.producer,
                row.facets,
                row.author.as_bytes(),
                micros(row.began_at),
                row.ended_at.map(micros)
            ],
        )?;
        for data in data {
            self.insert(
                "data of a run",
                "INSERT INTO lineage_data (run, direction, kind, id, facets)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT DO UPDATE SET facets = json_patch(facets, excluded.facets)",
                params![row.id, data.direction, data.kind, data.id, data.facets],
            )?;
        }
        Ok(())
    }
    /// How many things a run read and made so far.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn lineage_size(&self, run: &str) -> Result<u32> {
        let sql = "SELECT count(*) FROM lineage_data WHERE run = ?1";
        Ok(self.connection().prepare_cached(sql)?.query_row([run], |row| row.get(0))?)
    }
}
