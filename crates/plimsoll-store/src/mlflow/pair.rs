//! Keys and values of things.

use super::Result;
use crate::read::Read;
use crate::write::Write;
use plimsoll_mlflow::Pair;
use rusqlite::{OptionalExtension, params};

/// What a pair belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairKind {
    /// A tag of an experiment.
    Experiment,
    /// A tag of a run.
    Run,
    /// A parameter of a run.
    Param,
    /// A tag of a registered model.
    Model,
    /// A tag of a version.
    Version,
    /// A tag of a logged model.
    Logged,
    /// A parameter of a logged model.
    LoggedParam,
    /// A tag of a run's dataset.
    Input,
}

impl PairKind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Experiment => "experiment",
            Self::Run => "run",
            Self::Param => "param",
            Self::Model => "model",
            Self::Version => "version",
            Self::Logged => "logged",
            Self::LoggedParam => "logged-param",
            Self::Input => "input",
        }
    }
}

impl Read<'_> {
    /// The pairs of a thing, by key.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn pairs(&self, kind: PairKind, owner: i64) -> Result<Vec<Pair>> {
        let sql = "SELECT key, value FROM ml_pairs WHERE kind = ?1 AND owner = ?2 ORDER BY key";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![kind.as_str(), owner], |row| {
            Ok(Pair { key: row.get(0)?, value: row.get(1)? })
        })?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// The value of a thing's key.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn pair(&self, kind: PairKind, owner: i64, key: &str) -> Result<Option<String>> {
        let sql = "SELECT value FROM ml_pairs WHERE kind = ?1 AND owner = ?2 AND key = ?3";
        let mut statement = self.0.prepare_cached(sql)?;
        Ok(statement.query_row(params![kind.as_str(), owner, key], |row| row.get(0)).optional()?)
    }
}

impl Write<'_> {
    /// Writes the value of a thing's key, whether it had one or not.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn set_pair(&self, kind: PairKind, owner: i64, key: &str, value: &str) -> Result<()> {
        self.insert(
            "tag",
            "INSERT INTO ml_pairs (kind, owner, key, value) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value",
            params![kind.as_str(), owner, key, value],
        )
    }
    /// Writes several.
    ///
    /// # Errors
    /// [`crate::StoreError`] if they cannot be written.
    pub fn set_pairs(&self, kind: PairKind, owner: i64, pairs: &[Pair]) -> Result<()> {
        pairs.iter().try_for_each(|pair| self.set_pair(kind, owner, &pair.key, &pair.value))
    }
    /// Takes a pair away. Whether it was there.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn remove_pair(&self, kind: PairKind, owner: i64, key: &str) -> Result<bool> {
        let sql = "DELETE FROM ml_pairs WHERE kind = ?1 AND owner = ?2 AND key = ?3";
        Ok(self.change(sql, params![kind.as_str(), owner, key])? > 0)
    }
    /// Takes every pair of a thing away.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn remove_pairs(&self, kind: PairKind, owner: i64) -> Result<()> {
        let sql = "DELETE FROM ml_pairs WHERE kind = ?1 AND owner = ?2";
        self.change(sql, params![kind.as_str(), owner]).map(drop)
    }
}
