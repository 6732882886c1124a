//! Principals whom others vouch for, and limits.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, PrincipalRow, micros};
use crate::write::Write;
use plimsoll_types::{PrincipalId, Time};
use rusqlite::{Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// Who a principal is elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityRow {
    /// The principal.
    pub principal: PrincipalId,
    /// What its issuer is called here.
    pub issuer: String,
    /// The issuer's address, or `x509`.
    pub url: String,
    /// The name at the issuer.
    pub subject: String,
}

/// Shows no subject: it may be a person's.
impl std::fmt::Debug for IdentityRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityRow").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl Columns for IdentityRow {
    const COLUMNS: &'static str = "principal, issuer, url, subject";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            principal: PrincipalId::from_bytes(row.get(0)?),
            issuer: row.get(1)?,
            url: row.get(2)?,
            subject: row.get(3)?,
        })
    }
}

/// A limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// `everyone`, `principal` or `deployment`.
    pub of: String,
    /// The principal's or deployment's id; zeros for everyone.
    pub id: [u8; 16],
    /// What may be used, as JSON.
    pub document: String,
    /// Who set it.
    pub changed_by: PrincipalId,
    /// When.
    pub changed_at: Time,
}

impl Columns for LimitRow {
    const COLUMNS: &'static str = "of, id, document, changed_by, changed_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        Ok(Self {
            of: row.get(0)?,
            id: row.get(1)?,
            document: row.get(2)?,
            changed_by: PrincipalId::from_bytes(row.get(3)?),
            changed_at: row::time(row, 4)?,
        })
    }
}

impl Read<'_> {
    /// Who a principal is elsewhere; nothing if it is one of ours.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn identity(&self, id: PrincipalId) -> Result<Option<IdentityRow>> {
        self.one("identities WHERE principal = ?1", [id.as_bytes()])
    }
    /// Every limit.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn limits(&self) -> Result<Vec<LimitRow>> {
        self.whole("limits ORDER BY of, id", [])
    }
    /// One limit.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn limit(&self, of: &str, id: [u8; 16]) -> Result<Option<LimitRow>> {
        self.one("limits WHERE of = ?1 AND id = ?2", params![of, id])
    }
}

impl Write<'_> {
    /// Adds a principal with who it is elsewhere.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if it is there already.
    pub fn insert_identity(&self, principal: &PrincipalRow, row: &IdentityRow) -> Result<()> {
        self.insert_principal(principal)?;
        self.insert(
            "identity",
            "INSERT INTO identities (principal, issuer, url, subject) VALUES (?1, ?2, ?3, ?4)",
            params![row.principal.as_bytes(), row.issuer, row.url, row.subject],
        )
    }
    /// Sets a limit, in place of the one before.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    pub fn set_limit(&self, row: &LimitRow) -> Result<()> {
        self.insert(
            "limit",
            "INSERT INTO limits (of, id, document, changed_by, changed_at)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (of, id) DO UPDATE SET document = excluded.document,
               changed_by = excluded.changed_by, changed_at = excluded.changed_at",
            params![
                row.of,
                row.id,
                row.document,
                row.changed_by.as_bytes(),
                micros(row.changed_at)
            ],
        )
    }
    /// Takes a limit away.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is none.
    pub fn remove_limit(&self, of: &str, id: [u8; 16]) -> Result<()> {
        self.update("limit", "DELETE FROM limits WHERE of = ?1 AND id = ?2", params![of, id])
    }
}
