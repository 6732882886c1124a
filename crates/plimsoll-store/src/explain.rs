//! Explain profiles, and how far deferred explanations were made.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{ProfileRow, micros, signed};
use crate::store::{Store, lock};
use crate::write::Write;
use plimsoll_types::Digest;
use rusqlite::params;

impl Read<'_> {
    /// The explain profile with this digest.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn profile(&self, digest: Digest) -> Result<Option<ProfileRow>, StoreError> {
        self.one("explain_profiles WHERE digest = ?1", [digest.as_bytes()])
    }

    /// The ledger index up to which deferred explanations were made.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn explained_to(&self) -> Result<u64, StoreError> {
        let sql = "SELECT done_to FROM explain_cursor";
        let index: i64 = self.0.query_row(sql, [], |row| row.get(0))?;
        Ok(u64::try_from(index).unwrap_or(0))
    }
}

impl Write<'_> {
    /// Adds an explain profile.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already.
    pub fn insert_profile(&self, row: &ProfileRow) -> Result<(), StoreError> {
        self.insert(
            "explain profile",
            "INSERT INTO explain_profiles (digest, document, author, created_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![
                row.digest.as_bytes(),
                row.document,
                row.author.as_bytes(),
                micros(row.created_at)
            ],
        )
    }
}

impl Store {
    /// Remembers that deferred explanations were made up to ledger index `index`. It is no
    /// change of control state, so it has no event and no generation.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note_explained(&self, index: u64) -> Result<(), StoreError> {
        let sql = "UPDATE explain_cursor SET done_to = max(done_to, ?1)";
        lock(&self.writer).execute(sql, [signed(index)])?;
        Ok(())
    }
}
