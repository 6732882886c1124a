//! Files under paths, and which of them may not change any more.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros, signed};
use crate::store::Store;
use crate::write::Write;
use plimsoll_types::{Digest, PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// The most artifacts that are looked for at once.
const MAX_IN_USE: u32 = 1_000_000;

/// A path and the artifact that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathRow {
    /// Its path: parts separated by `/`.
    pub path: String,
    /// The artifact.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
    /// Who put it there.
    pub author: PrincipalId,
    /// When.
    pub updated_at: Time,
}

impl Columns for PathRow {
    const COLUMNS: &'static str = "path, digest, size, author, updated_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            path: row.get(0)?,
            digest: Digest::from_bytes(row.get(1)?),
            size: row::count(row, 2)?,
            author: PrincipalId::from_bytes(row.get(3)?),
            updated_at: row::time(row, 4)?,
        })
    }
}

/// A path that may not change, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProtectedRow {
    /// A file, or a folder with all that is in it.
    pub path: String,
    /// The model version it is part of: `name/number`.
    pub reason: String,
}

impl Columns for ProtectedRow {
    const COLUMNS: &'static str = "path, reason";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self { path: row.get(0)?, reason: row.get(1)? })
    }
}

impl Read<'_> {
    /// The file at a path.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn file_at(&self, path: &str) -> Result<Option<PathRow>> {
        self.one("files WHERE path = ?1", [path])
    }
    /// The first file whose path comes after `after` and begins with `prefix`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn file_after(&self, prefix: &str, after: &str) -> Result<Option<PathRow>> {
        let from = "files WHERE path > ?2 AND path >= ?1 AND substr(path, 1, length(?1)) = ?1 \
                    ORDER BY path LIMIT 1";
        self.one(from, [prefix, after])
    }
    /// What protects a path: an entry for it, for a folder that it is in, or for something
    /// within it.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn protection_of(&self, path: &str) -> Result<Option<ProtectedRow>> {
        self.one(
            "protected_paths WHERE path = ?1 OR substr(?1, 1, length(path) + 1) = path || '/' \
             OR substr(path, 1, length(?1) + 1) = ?1 || '/' LIMIT 1",
            [path],
        )
    }
    /// The path that a model version protects: `name/number`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn protected_by(&self, reason: &str) -> Result<Option<ProtectedRow>> {
        self.one("protected_paths WHERE reason = ?1 ORDER BY path LIMIT 1", [reason])
    }
    /// Every artifact that a model version, a file or a dataset names.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn artifacts_in_use(&self) -> Result<Vec<Digest>> {
        let sql = format!(
            "SELECT digest FROM manifest_files UNION SELECT digest FROM files \
             UNION SELECT digest FROM dataset_files LIMIT {MAX_IN_USE}"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let rows = statement.query_map([], |row| row.get(0).map(Digest::from_bytes))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
}

impl Write<'_> {
    /// Says that a path and all that is in it may not change any more. Saying it again changes
    /// nothing.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn protect_path(&self, path: &str, reason: &str, now: Time) -> Result<()> {
        let sql = "INSERT INTO protected_paths (path, reason, created_at) VALUES (?1, ?2, ?3)
                   ON CONFLICT (path, reason) DO NOTHING";
        self.change(sql, params![path, reason, micros(now)]).map(drop)
    }
}

impl Store {
    /// Puts an artifact under a path, unless the path is protected; then it gives what by.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn put_file(&self, row: &PathRow) -> Result<Option<ProtectedRow>> {
        self.unless_protected(&row.path, |tx| {
            let sql = "INSERT INTO files (path, digest, size, author, updated_at)
                       VALUES (?1, ?2, ?3, ?4, ?5)
                       ON CONFLICT (path) DO UPDATE SET digest = ?2, size = ?3, author = ?4,
                       updated_at = ?5";
            let (digest, author) = (row.digest.as_bytes(), row.author.as_bytes());
            let time = micros(row.updated_at);
            tx.change(sql, params![row.path, digest, signed(row.size), author, time]).map(drop)
        })
    }

    /// Takes the file at a path away, and everything in the folder of that name, unless any of
    /// it is protected; then it gives what by.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn remove_files(&self, path: &str) -> Result<Option<ProtectedRow>> {
        self.unless_protected(path, |tx| {
            // `0` is what follows `/`.
            let sql = "DELETE FROM files
                       WHERE path = ?1 OR (path > ?1 || '/' AND path < ?1 || '0')";
            tx.change(sql, [path]).map(drop)
        })
    }

    fn unless_protected(
        &self,
        path: &str,
        change: impl FnOnce(&Write<'_>) -> Result<()>,
    ) -> Result<Option<ProtectedRow>> {
        self.amend(|tx| {
            let found = tx.protection_of(path)?;
            if found.is_none() {
                change(tx)?;
            }
            Ok(found)
        })
    }
}
