//! Batch jobs and how far each is.

use crate::error::StoreError;
use crate::read::{MAX_PAGE, Read};
use crate::row::{self, Columns, micros, signed};
use crate::store::Store;
use crate::write::{Write, json};
use plimsoll_types::{ApiKeyId, BatchId, Digest, Name, PrincipalId, TenantId, Time};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A batch job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchRow {
    /// Its id.
    pub id: BatchId,
    /// The deployment that is asked.
    pub deployment: Name,
    /// Who asks.
    pub principal: PrincipalId,
    /// With which key.
    pub key: Option<ApiKeyId>,
    /// What the token or certificate gave that it was begun with, as JSON.
    pub bearer: Option<String>,
    /// Where it stands.
    pub state: String,
    /// The format of its file.
    pub format: String,
    /// The format of its result.
    pub output: String,
    /// Columns copied to the result.
    pub keep: Vec<String>,
    /// SHA-256 of its file.
    pub input_digest: Digest,
    /// Length of its file.
    pub input_bytes: u64,
    /// Rows of its file, if that says it.
    pub row_count: Option<u64>,
    /// SHA-256 and length of its result.
    pub result: Option<(Digest, u64)>,
    /// Why it failed, or waits.
    pub why: Option<String>,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// When it was begun.
    pub created_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// When its files were removed.
    pub removed_at: Option<Time>,
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchProgress {
    /// Parts written.
    pub parts: u64,
    /// Rows in them.
    pub rows: u64,
    /// Of these, rows that were refused.
    pub refused: u64,
    /// Of these, rows without an answer for another reason.
    pub failed: u64,
    /// The ledger index from which on rows past these may be recorded.
    pub ledger_from: u64,
}

impl Columns for BatchRow {
    const COLUMNS: &'static str = "id, deployment, principal, key, state, format, output, keep, \
         input_digest, input_bytes, row_count, result_digest, result_bytes, why, tenant, \
         created_at, ended_at, removed_at, bearer";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        let is_null = |at| row.get_ref(at).map(|value| value == ValueRef::Null);
        Ok(Self {
            id: BatchId::from_bytes(row.get(0)?),
            deployment: row::name(row, 1)?,
            principal: PrincipalId::from_bytes(row.get(2)?),
            key: row.get::<_, Option<[u8; 16]>>(3)?.map(ApiKeyId::from_bytes),
            state: row.get(4)?,
            format: row.get(5)?,
            output: row.get(6)?,
            keep: row::json(row, 7)?,
            input_digest: row::digest(row, 8)?,
            input_bytes: row::count(row, 9)?,
            row_count: if is_null(10)? { None } else { Some(row::count(row, 10)?) },
            result: if is_null(11)? {
                None
            } else {
                Some((row::digest(row, 11)?, row::count(row, 12)?))
            },
            why: row.get(13)?,
            tenant: TenantId::from_bytes(row.get(14)?),
            created_at: row::time(row, 15)?,
            ended_at: row::maybe_time(row, 16)?,
            removed_at: row::maybe_time(row, 17)?,
            bearer: row.get(18)?,
        })
    }
}

impl Read<'_> {
    /// The job with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn batch(&self, id: BatchId) -> Result<Option<BatchRow>> {
        self.one("batches WHERE id = ?1", [id.as_bytes()])
    }
    /// Jobs, latest first, before `before`.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn batches(&self, before: Option<BatchId>, limit: u32) -> Result<Vec<BatchRow>> {
        let before = before.map_or([0xff; 16], |id| *id.as_bytes());
        let from = "batches WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
        self.many(from, params![before, limit.min(MAX_PAGE)])
    }
    /// Jobs in a state, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn batches_in(&self, state: &str) -> Result<Vec<BatchRow>> {
        self.whole("batches WHERE state = ?1 ORDER BY id", [state])
    }
    /// Jobs that ended before `time` and still have files.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn batches_over(&self, time: Time) -> Result<Vec<BatchRow>> {
        self.many(
            "batches WHERE ended_at < ?1 AND removed_at IS NULL ORDER BY id LIMIT ?2",
            params![micros(time), MAX_PAGE],
        )
    }
    /// How far a job is.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn batch_progress(&self, id: BatchId) -> Result<BatchProgress> {
        let sql = "SELECT parts, rows, refused, failed, ledger_from FROM batch_progress
                   WHERE batch = ?1";
        let found = self.0.prepare_cached(sql)?.query_row([id.as_bytes()], |row| {
            Ok(BatchProgress {
                parts: row::count(row, 0)?,
                rows: row::count(row, 1)?,
                refused: row::count(row, 2)?,
                failed: row::count(row, 3)?,
                ledger_from: row::count(row, 4)?,
            })
        });
        Ok(found.optional()?.unwrap_or_default())
    }
}

impl Write<'_> {
    /// Adds a job none of whose rows is in the ledger before index `ledger_from`.
    ///
    /// # Errors
    /// [`StoreError::Dangling`] if there is no such principal.
    pub fn insert_batch(&self, row: &BatchRow, ledger_from: u64) -> Result<()> {
        self.insert(
            "batch job",
            &format!(
                "INSERT INTO batches ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                 ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)",
                BatchRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.deployment.as_str(),
                row.principal.as_bytes(),
                row.key.map(|key| *key.as_bytes()),
                row.state,
                row.format,
                row.output,
                json(&row.keep)?,
                row.input_digest.as_bytes(),
                signed(row.input_bytes),
                row.row_count.map(signed),
                row.result.map(|(digest, _)| *digest.as_bytes()),
                row.result.map(|(_, bytes)| signed(bytes)),
                row.why,
                row.tenant.as_bytes(),
                micros(row.created_at),
                row.ended_at.map(micros),
                row.removed_at.map(micros),
                row.bearer,
            ],
        )?;
        self.insert(
            "batch job",
            "INSERT INTO batch_progress (batch, ledger_from) VALUES (?1, ?2)",
            params![row.id.as_bytes(), signed(ledger_from)],
        )
    }
    /// Writes where a job stands, its result and why it stands there, if it still is in `state`.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it is not.
    pub fn update_batch(&self, row: &BatchRow, state: &str) -> Result<()> {
        self.update(
            "batch job",
            "UPDATE batches SET state = ?3, result_digest = ?4, result_bytes = ?5, why = ?6,
                ended_at = ?7 WHERE id = ?1 AND state = ?2",
            params![
                row.id.as_bytes(),
                state,
                row.state,
                row.result.map(|(digest, _)| *digest.as_bytes()),
                row.result.map(|(_, bytes)| signed(bytes)),
                row.why,
                row.ended_at.map(micros),
            ],
        )
    }
}

impl Store {
    /// Notes how far a job is.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_batch(&self, id: BatchId, progress: &BatchProgress) -> Result<()> {
        let sql = "UPDATE batch_progress SET parts = ?2, rows = ?3, refused = ?4, failed = ?5,
                   ledger_from = ?6 WHERE batch = ?1";
        let BatchProgress { parts, rows, refused, failed, ledger_from } = *progress;
        let [parts, rows, refused, failed] = [parts, rows, refused, failed].map(signed);
        let params = params![id.as_bytes(), parts, rows, refused, failed, signed(ledger_from)];
        self.writer().execute(sql, params)?;
        Ok(())
    }
    /// Writes where a job stands without a control event: begun, or waiting for the reason given.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_batch_state(&self, id: BatchId, state: &str, why: Option<&str>) -> Result<()> {
        let sql = "UPDATE batches SET state = ?2, why = ?3 WHERE id = ?1 AND ended_at IS NULL";
        self.writer().execute(sql, params![id.as_bytes(), state, why])?;
        Ok(())
    }
    /// Notes that a job's files were removed.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_batch_removed(&self, id: BatchId, now: Time) -> Result<()> {
        let sql = "UPDATE batches SET removed_at = ?2 WHERE id = ?1";
        self.writer().execute(sql, params![id.as_bytes(), micros(now)])?;
        Ok(())
    }
}
