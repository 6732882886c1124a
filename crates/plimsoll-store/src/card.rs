//! What is said about a model version, whether it is archived, and files that a scan blocked.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros};
use crate::write::Write;
use plimsoll_types::{Digest, ModelId, PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A revision of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardRow {
    /// The registered model.
    pub model: ModelId,
    /// The version's number.
    pub number: u32,
    /// Which revision, from 1.
    pub revision: u32,
    /// The whole card, as JSON.
    pub document: String,
    /// The run that the card says made it.
    pub training_run: Option<String>,
    /// The number of the version it came from.
    pub parent: Option<u32>,
    /// Who said it.
    pub author: PrincipalId,
    /// When.
    pub created_at: Time,
}

impl Columns for CardRow {
    const COLUMNS: &'static str =
        "model, number, revision, document, training_run, parent, author, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            model: ModelId::from_bytes(row.get(0)?),
            number: row.get(1)?,
            revision: row.get(2)?,
            document: row.get(3)?,
            training_run: row.get(4)?,
            parent: row.get(5)?,
            author: PrincipalId::from_bytes(row.get(6)?),
            created_at: row::time(row, 7)?,
        })
    }
}

/// That a version is not to be released any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivedRow {
    /// Who said so.
    pub author: PrincipalId,
    /// Why.
    pub reason: String,
    /// When.
    pub created_at: Time,
}

impl Columns for ArchivedRow {
    const COLUMNS: &'static str = "author, reason, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            author: PrincipalId::from_bytes(row.get(0)?),
            reason: row.get(1)?,
            created_at: row::time(row, 2)?,
        })
    }
}

/// A file that a scan found something in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockRow {
    /// The file.
    pub digest: Digest,
    /// Who wanted it to become part of a version.
    pub author: PrincipalId,
    /// Of which: `model` or `model/number`.
    pub about: String,
    /// Its path there.
    pub path: String,
    /// The rules that it breaks, as a list in JSON.
    pub rules: String,
    /// When.
    pub created_at: Time,
}

impl Columns for BlockRow {
    const COLUMNS: &'static str = "digest, author, about, path, rules, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            digest: row::digest(row, 0)?,
            author: PrincipalId::from_bytes(row.get(1)?),
            about: row.get(2)?,
            path: row.get(3)?,
            rules: row.get(4)?,
            created_at: row::time(row, 5)?,
        })
    }
}

/// Leave for such a file to pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverrideRow {
    /// The file.
    pub digest: Digest,
    /// The rules that are let pass, as a list in JSON.
    pub rules: String,
    /// Why.
    pub reason: String,
    /// Who gave it.
    pub author: PrincipalId,
    /// When.
    pub created_at: Time,
    /// Until when.
    pub expires_at: Time,
}

impl Columns for OverrideRow {
    const COLUMNS: &'static str = "digest, rules, reason, author, created_at, expires_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            digest: row::digest(row, 0)?,
            rules: row.get(1)?,
            reason: row.get(2)?,
            author: PrincipalId::from_bytes(row.get(3)?),
            created_at: row::time(row, 4)?,
            expires_at: row::time(row, 5)?,
        })
    }
}

impl Read<'_> {
    /// The newest revision of a version's card.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn card(&self, model: ModelId, number: u32) -> Result<Option<CardRow>> {
        self.one(
            "version_cards WHERE model = ?1 AND number = ?2 ORDER BY revision DESC LIMIT 1",
            params![model.as_bytes(), number],
        )
    }
    /// The versions of the same model that say they came from this one.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn children(&self, model: ModelId, number: u32) -> Result<Vec<u32>> {
        let sql = "SELECT DISTINCT number FROM version_cards WHERE model = ?1 AND parent = ?2
                   ORDER BY number";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params![model.as_bytes(), number], |row| row.get(0))?;
        Ok(rows.collect::<std::result::Result<_, _>>()?)
    }
    /// The newest cards that name this version of a dataset, `name/number`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn cards_with_dataset(&self, dataset: &str) -> Result<Vec<CardRow>> {
        self.whole(
            "version_cards c WHERE EXISTS (SELECT 1 FROM json_each(c.document, '$.datasets') d
               WHERE d.value = ?1)
             ORDER BY model, number",
            [dataset],
        )
    }
    /// Whether a version is archived, and why.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn archived_version(&self, model: ModelId, number: u32) -> Result<Option<ArchivedRow>> {
        let from = "archived_versions WHERE model = ?1 AND number = ?2";
        self.one(from, params![model.as_bytes(), number])
    }
    /// Who wanted a file that a scan found something in.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn blocks(&self, digest: Digest) -> Result<Vec<BlockRow>> {
        self.whole("scan_blocks WHERE digest = ?1 ORDER BY created_at", [digest.as_bytes()])
    }
    /// Files of one version that a scan found something in.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn blocks_about(&self, about: &str) -> Result<Vec<BlockRow>> {
        self.whole("scan_blocks WHERE about = ?1 ORDER BY path", [about])
    }
    /// Every file that a scan found something in, newest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn all_blocks(&self, limit: u32) -> Result<Vec<BlockRow>> {
        self.many("scan_blocks ORDER BY created_at DESC, digest LIMIT ?1", [limit])
    }
    /// Leaves that were given for a file.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn overrides(&self, digest: Digest) -> Result<Vec<OverrideRow>> {
        self.whole("scan_overrides WHERE digest = ?1 ORDER BY row", [digest.as_bytes()])
    }
    /// The files below a folder, by path: at most `limit`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn files_below(&self, folder: &str, limit: u32) -> Result<Vec<crate::PathRow>> {
        // `0` is what follows `/`.
        let from = "files WHERE path > ?1 || '/' AND path < ?1 || '0' ORDER BY path LIMIT ?2";
        self.many(from, params![folder, limit])
    }
}

impl Write<'_> {
    /// Adds a revision of a card.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if there is such a revision.
    pub fn insert_card(&self, row: &CardRow) -> Result<()> {
        self.insert(
            "revision of the card",
            "INSERT INTO version_cards (model, number, revision, document, training_run, parent,
               author, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                row.model.as_bytes(),
                row.number,
                row.revision,
                row.document,
                row.training_run,
                row.parent,
                row.author.as_bytes(),
                micros(row.created_at)
            ],
        )
    }
    /// Archives a version.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is archived.
    pub fn archive_version(&self, model: ModelId, number: u32, row: &ArchivedRow) -> Result<()> {
        self.insert(
            "archived version",
            "INSERT INTO archived_versions (model, number, author, reason, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                model.as_bytes(),
                number,
                row.author.as_bytes(),
                row.reason,
                micros(row.created_at)
            ],
        )
    }
    /// Notes a file that a scan found something in.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn put_block(&self, row: &BlockRow) -> Result<()> {
        let sql = "INSERT INTO scan_blocks (digest, author, about, path, rules, created_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                   ON CONFLICT DO UPDATE SET rules = ?5, created_at = ?6";
        let (digest, author) = (row.digest.as_bytes(), row.author.as_bytes());
        let time = micros(row.created_at);
        self.change(sql, params![digest, author, row.about, row.path, row.rules, time]).map(drop)
    }
    /// Notes leave for such a file to pass.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn insert_override(&self, row: &OverrideRow) -> Result<()> {
        self.insert(
            "override",
            "INSERT INTO scan_overrides (digest, rules, reason, author, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![
                row.digest.as_bytes(),
                row.rules,
                row.reason,
                row.author.as_bytes(),
                micros(row.created_at),
                micros(row.expires_at)
            ],
        )
    }
}
