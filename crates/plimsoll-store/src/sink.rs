//! Sinks and how far each is.

use crate::error::StoreError;
use crate::read::Read;
use crate::row::{self, Columns, micros, signed};
use crate::store::Store;
use crate::write::{Write, json};
use plimsoll_types::{Name, PrincipalId, SinkId, TenantId, Time};
use rusqlite::types::ValueRef;
use rusqlite::{OptionalExtension, Row, params};

type Result<T> = std::result::Result<T, StoreError>;

/// A sink. Its address and secret are sealed; the store cannot read them.
#[derive(Clone, PartialEq, Eq)]
pub struct SinkRow {
    /// Its id.
    pub id: SinkId,
    /// Its name, unique.
    pub name: Name,
    /// Scheme, host and port of its address.
    pub origin: String,
    /// Its whole address, sealed.
    pub address: Vec<u8>,
    /// The secret of its signatures, sealed.
    pub secret: Vec<u8>,
    /// Whose rights decide what is sent.
    pub owner: PrincipalId,
    /// How an event travels.
    pub format: String,
    /// Which types of events.
    pub profile: String,
    /// Whether decisions come with their bodies.
    pub include_body: bool,
    /// Only records of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Only records of these deployments.
    pub deployments: Option<Vec<Name>>,
    /// `active` or `paused`.
    pub state: String,
    /// Counts the changes of this row.
    pub revision: u64,
    /// The organisation it belongs to.
    pub tenant: TenantId,
    /// When it was added.
    pub created_at: Time,
}

impl std::fmt::Debug for SinkRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SinkRow").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Columns for SinkRow {
    const COLUMNS: &'static str = "id, name, origin, address, secret, owner, format, profile, \
         include_body, kinds, deployments, state, revision, tenant, created_at";
    fn read(row: &Row<'_>) -> std::result::Result<Self, rusqlite::Error> {
        let is_null = |at| row.get_ref(at).map(|value| value == ValueRef::Null);
        Ok(Self {
            id: SinkId::from_bytes(row.get(0)?),
            name: row::name(row, 1)?,
            origin: row.get(2)?,
            address: row.get(3)?,
            secret: row.get(4)?,
            owner: PrincipalId::from_bytes(row.get(5)?),
            format: row.get(6)?,
            profile: row.get(7)?,
            include_body: row.get(8)?,
            kinds: if is_null(9)? { None } else { Some(row::json(row, 9)?) },
            deployments: if is_null(10)? { None } else { Some(row::json(row, 10)?) },
            state: row.get(11)?,
            revision: row::count(row, 12)?,
            tenant: TenantId::from_bytes(row.get(13)?),
            created_at: row::time(row, 14)?,
        })
    }
}

/// How far a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SinkCursor {
    /// The ledger index that comes next.
    pub next: u64,
    /// Events acknowledged so far.
    pub delivered: u64,
    /// How often somebody moved the sink.
    pub moves: u64,
}

impl Read<'_> {
    /// Every sink, by name. Their number is bounded by control.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn sinks(&self) -> Result<Vec<SinkRow>> {
        self.whole("sinks ORDER BY name", [])
    }
    /// The sink with this name.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn sink_named(&self, name: &str) -> Result<Option<SinkRow>> {
        self.one("sinks WHERE name = ?1", [name])
    }
    /// The sink with this id.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn sink(&self, id: SinkId) -> Result<Option<SinkRow>> {
        self.one("sinks WHERE id = ?1", [id.as_bytes()])
    }
    /// How far a sink is.
    ///
    /// # Errors
    /// See [`Read::meta`].
    pub fn sink_cursor(&self, id: SinkId) -> Result<SinkCursor> {
        let sql = "SELECT next, delivered, moves FROM sink_cursors WHERE sink = ?1";
        let found = self.0.prepare_cached(sql)?.query_row([id.as_bytes()], |row| {
            let count = |at| row.get(at).map(|n: i64| u64::try_from(n).unwrap_or(0));
            Ok(SinkCursor { next: count(0)?, delivered: count(1)?, moves: count(2)? })
        });
        Ok(found.optional()?.unwrap_or_default())
    }
}

impl Write<'_> {
    /// Adds a sink that begins at ledger index `next`.
    ///
    /// # Errors
    /// [`StoreError::Exists`] if the name is taken.
    pub fn insert_sink(&self, row: &SinkRow, next: u64) -> Result<()> {
        self.insert(
            "sink",
            &format!(
                "INSERT INTO sinks ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                 ?12, ?13, ?14, ?15)",
                SinkRow::COLUMNS
            ),
            params![
                row.id.as_bytes(),
                row.name.as_str(),
                row.origin,
                row.address,
                row.secret,
                row.owner.as_bytes(),
                row.format,
                row.profile,
                row.include_body,
                row.kinds.as_ref().map(json).transpose()?,
                row.deployments.as_ref().map(json).transpose()?,
                row.state,
                signed(row.revision),
                row.tenant.as_bytes(),
                micros(row.created_at),
            ],
        )?;
        self.insert(
            "sink",
            "INSERT INTO sink_cursors (sink, next) VALUES (?1, ?2)",
            params![row.id.as_bytes(), signed(next)],
        )
    }
    /// Writes a sink's state and counts its revision up.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if it was changed since `row` was read.
    pub fn update_sink(&self, row: &SinkRow, state: &str) -> Result<()> {
        self.update(
            "sink",
            "UPDATE sinks SET state = ?3, revision = revision + 1
             WHERE id = ?1 AND revision = ?2",
            params![row.id.as_bytes(), signed(row.revision), state],
        )
    }
    /// Moves a sink to another ledger index.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such sink.
    pub fn move_sink(&self, id: SinkId, next: u64) -> Result<()> {
        self.update(
            "sink",
            "UPDATE sink_cursors SET next = ?2, moves = moves + 1 WHERE sink = ?1",
            params![id.as_bytes(), signed(next)],
        )
    }
    /// Takes a sink away, and its secret with it.
    ///
    /// # Errors
    /// [`StoreError::Gone`] if there is no such sink.
    pub fn delete_sink(&self, id: SinkId) -> Result<()> {
        self.update("sink", "DELETE FROM sinks WHERE id = ?1", [id.as_bytes()])
    }
}

impl Store {
    /// Notes that a sink got as far as ledger index `next`, with `more` events acknowledged.
    /// Nothing happens to a sink that somebody moved since `moves` was read: they know better.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn advance_sink(&self, id: SinkId, moves: u64, next: u64, more: u64) -> Result<()> {
        let sql = "UPDATE sink_cursors SET next = ?3, delivered = delivered + ?4
                   WHERE sink = ?1 AND moves = ?2";
        let params = params![id.as_bytes(), signed(moves), signed(next), signed(more)];
        self.writer().execute(sql, params)?;
        Ok(())
    }
}
