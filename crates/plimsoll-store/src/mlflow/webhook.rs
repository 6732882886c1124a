//! Webhooks of the registry, and what is still to be sent to them.

use super::Result;
use crate::read::Read;
use crate::row::{self, Columns};
use crate::write::{Write, json};
use plimsoll_mlflow::WebhookEvent;
use rusqlite::{Row, params};

/// A webhook. Its address and secret are sealed; the store cannot read them.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookRow {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its address, sealed.
    pub url: Vec<u8>,
    /// The secret of its signatures, sealed.
    pub secret: Option<Vec<u8>>,
    /// What it is told of.
    pub events: Vec<WebhookEvent>,
    /// `ACTIVE` or `DISABLED`.
    pub status: String,
    /// When it was made.
    pub created_at: i64,
    /// When it was changed.
    pub updated_at: i64,
}

impl std::fmt::Debug for WebhookRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookRow").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Columns for WebhookRow {
    const COLUMNS: &'static str =
        "id, name, description, url, secret, events, status, created_at, updated_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            id: row.get(0)?,
            name: row.get(1)?,
            description: row.get(2)?,
            url: row.get(3)?,
            secret: row.get(4)?,
            events: row::json(row, 5)?,
            status: row.get(6)?,
            created_at: row.get(7)?,
            updated_at: row.get(8)?,
        })
    }
}

/// Something to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryRow {
    /// Its number, in the order of what happened.
    pub row: i64,
    /// To which webhook.
    pub webhook: String,
    /// What.
    pub body: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried.
    pub due_at: i64,
}

impl Columns for DeliveryRow {
    const COLUMNS: &'static str = "row, webhook, body, attempts, due_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            row: row.get(0)?,
            webhook: row.get(1)?,
            body: row.get(2)?,
            attempts: row.get(3)?,
            due_at: row.get(4)?,
        })
    }
}

impl Read<'_> {
    /// Every webhook, by when it was made. Their number is bounded by control.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn webhooks(&self) -> Result<Vec<WebhookRow>> {
        self.whole("ml_webhooks ORDER BY created_at DESC, id", [])
    }
    /// The webhook with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn webhook(&self, id: &str) -> Result<Option<WebhookRow>> {
        self.one("ml_webhooks WHERE id = ?1", [id])
    }
    /// What is to be sent now, oldest first.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn due_deliveries(&self, now: i64, limit: u32) -> Result<Vec<DeliveryRow>> {
        self.many("ml_deliveries WHERE due_at <= ?1 ORDER BY row LIMIT ?2", params![now, limit])
    }
    /// When something is to be sent next.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn next_delivery(&self) -> Result<Option<i64>> {
        let sql = "SELECT min(due_at) FROM ml_deliveries";
        Ok(self.0.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
    /// How much is still to be sent.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn delivery_count(&self) -> Result<u32> {
        let sql = "SELECT count(*) FROM ml_deliveries";
        Ok(self.0.prepare_cached(sql)?.query_row([], |row| row.get(0))?)
    }
}

impl Write<'_> {
    /// Adds a webhook.
    ///
    /// # Errors
    /// [`crate::StoreError::Exists`] if the id is taken.
    pub fn insert_webhook(&self, row: &WebhookRow) -> Result<()> {
        self.insert(
            "webhook",
            "INSERT INTO ml_webhooks (id, name, description, url, secret, events, status,
                                      created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                row.id,
                row.name,
                row.description,
                row.url,
                row.secret,
                json(&row.events)?,
                row.status,
                row.created_at,
                row.updated_at
            ],
        )
    }
    /// Writes a webhook anew.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn update_webhook(&self, row: &WebhookRow) -> Result<()> {
        self.update(
            "webhook",
            "UPDATE ml_webhooks SET name = ?2, description = ?3, url = ?4, secret = ?5,
                events = ?6, status = ?7, updated_at = ?8 WHERE id = ?1",
            params![
                row.id,
                row.name,
                row.description,
                row.url,
                row.secret,
                json(&row.events)?,
                row.status,
                row.updated_at
            ],
        )
    }
    /// Takes a webhook away, with what was still to be sent to it.
    ///
    /// # Errors
    /// [`crate::StoreError::Gone`] if it is not there.
    pub fn delete_webhook(&self, id: &str) -> Result<()> {
        self.update("webhook", "DELETE FROM ml_webhooks WHERE id = ?1", [id])
    }
    /// Notes that `body` is to be sent to a webhook.
    ///
    /// # Errors
    /// [`crate::StoreError::Dangling`] if there is no such webhook.
    pub fn insert_delivery(&self, webhook: &str, body: &str, now: i64) -> Result<()> {
        self.insert(
            "delivery",
            "INSERT INTO ml_deliveries (webhook, body, attempts, due_at) VALUES (?1, ?2, 0, ?3)",
            params![webhook, body, now],
        )
    }
    /// Notes that a delivery was tried and is to be tried again.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn delay_delivery(&self, row: i64, due_at: i64) -> Result<()> {
        let sql = "UPDATE ml_deliveries SET attempts = attempts + 1, due_at = ?2 WHERE row = ?1";
        self.change(sql, params![row, due_at]).map(drop)
    }
    /// Forgets a delivery: it arrived, or was given up.
    ///
    /// # Errors
    /// [`crate::StoreError`] if it cannot be written.
    pub fn end_delivery(&self, row: i64) -> Result<()> {
        self.change("DELETE FROM ml_deliveries WHERE row = ?1", [row]).map(drop)
    }
}
