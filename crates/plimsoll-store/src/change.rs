//! Which control event put what in force.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::micros;
use crate::store::{Change, Store};
use plimsoll_types::{EventId, Time};
use rusqlite::{OptionalExtension, params};

impl Read<'_> {
    /// The latest change by `action` to `resource` at or before `time`: its intent.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn change_before(
        &self,
        resource: &str,
        action: &str,
        time: Time,
    ) -> Result<Option<EventId>, StoreError> {
        let sql = "SELECT event FROM changes
                   WHERE resource = ?1 AND action = ?2 AND created_at <= ?3
                   ORDER BY created_at DESC LIMIT 1";
        let params = params![resource, action, micros(time)];
        let found = self.0.prepare_cached(sql)?.query_row(params, |row| row.get(0));
        Ok(found.optional()?.map(EventId::from_bytes))
    }
}

impl Store {
    /// Notes something that a later trace asks about and that changed no state: a start.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn note(&self, change: &Change<'_>) -> Result<(), StoreError> {
        self.writer().execute(
            "INSERT OR IGNORE INTO changes (event, action, resource, created_at)
             VALUES (?1, ?2, ?3, ?4)",
            params![change.event.as_bytes(), change.action, change.resource, micros(change.time)],
        )?;
        Ok(())
    }
}
