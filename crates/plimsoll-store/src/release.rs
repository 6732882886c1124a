//! The history of what was released into a deployment. Written by the database itself, whenever
//! a deployment's released version changes.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::micros;
use crate::write::Write;
use plimsoll_types::{DeploymentId, Time};
use rusqlite::{OptionalExtension, params};

type Result<T> = std::result::Result<T, StoreError>;

impl Read<'_> {
    /// The version that was released last before `number`, is another, and was not rolled back.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn released_before(&self, deployment: DeploymentId, number: u32) -> Result<Option<u32>> {
        let found = self
            .0
            .prepare_cached(
                "SELECT number FROM releases
                 WHERE deployment = ?1 AND number <> ?2 AND withdrawn_at IS NULL
                 ORDER BY place DESC LIMIT 1",
            )?
            .query_row(params![deployment.as_bytes(), number], |row| row.get(0))
            .optional()?;
        Ok(found)
    }
}

impl Write<'_> {
    /// Marks every release of a version into a deployment as rolled back.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn withdraw(&self, deployment: DeploymentId, number: u32, now: Time) -> Result<()> {
        let marked = self.change(
            "UPDATE releases SET withdrawn_at = ?3
             WHERE deployment = ?1 AND number = ?2 AND withdrawn_at IS NULL",
            params![deployment.as_bytes(), number, micros(now)],
        )?;
        if marked > 0 { Ok(()) } else { Err(StoreError::Gone("release")) }
    }
}
