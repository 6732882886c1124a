//! The store: one writing connection, a few reading connections, transactions.

use crate::error::StoreError;
use crate::group::Waiting;
use crate::read::Read;
use crate::row::{micros, signed};
use crate::schema::{open_reader, open_writer};
use crate::write::Write;
use plimsoll_types::{EventId, Time};
use rusqlite::backup::Backup;
use rusqlite::{Connection, TransactionBehavior, params};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// How many changes the outbox remembers. It is asked only about changes whose end is not
/// in the ledger yet: at most one, unless the ledger fails for long.
const OUTBOX_LEN: i64 = 10_000;

/// Pages copied at a time in a backup (4 MiB), so that writers wait for little.
const BACKUP_PAGES: i32 = 1_024;

/// Connections that read. Each holds at most 2 MB of pages; more than there are cores would only
/// wait for one another's cores.
const READERS: usize = 4;

/// What a transaction is about, for the outbox.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The intent in the ledger.
    pub event: EventId,
    /// The action.
    pub action: &'a str,
    /// The resource.
    pub resource: &'a str,
    /// When.
    pub time: Time,
    /// The ledger index before which every intent has its end: this one's.
    pub settled_to: u64,
}

/// Control state in one SQLite file.
pub struct Store {
    path: PathBuf,
    pub(crate) writer: Mutex<Connection>,
    readers: [Mutex<Connection>; READERS],
    /// Changes that wait to be written together.
    pub(crate) waiting: Mutex<VecDeque<Box<dyn Waiting>>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the file at `path`, makes it if there is none, migrates it if it is older.
    ///
    /// # Errors
    /// [`StoreError::Newer`] or [`StoreError::Foreign`] for files that are not for this
    /// binary; [`StoreError::Sqlite`] if the file cannot be used.
    pub fn open(path: &Path, now: Time) -> Result<Self, StoreError> {
        let writer = open_writer(path, now)?;
        let [a, b, c, d] = std::array::from_fn(|_| open_reader(path).map(Mutex::new));
        Ok(Self {
            path: path.to_path_buf(),
            writer: writer.into(),
            readers: [a?, b?, c?, d?],
            waiting: Mutex::default(),
        })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs queries that see one state of the world.
    ///
    /// # Errors
    /// What `queries` says, or [`StoreError`].
    pub fn read<T, E: From<StoreError>>(
        &self,
        queries: impl FnOnce(&Read<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut reader = self.reader();
        let tx = reader.transaction().map_err(StoreError::from)?;
        let answer = queries(&Read(&tx))?;
        tx.commit().map_err(StoreError::from)?;
        Ok(answer)
    }

    /// Makes a change: one transaction, durable on return, that also counts the generation
    /// up and writes the outbox. Gives back the change's answer and the new generation.
    ///
    /// # Errors
    /// What `change` says, or [`StoreError`]; in both cases nothing was changed.
    pub fn write<T, E: From<StoreError>>(
        &self,
        about: &Change<'_>,
        change: impl FnOnce(&Write<'_>) -> Result<T, E>,
    ) -> Result<(T, u64), E> {
        let mut writer = lock(&self.writer);
        let tx = writer
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(StoreError::from)?;
        let answer = change(&Write::new(&tx))?;
        let generation = publish(&tx, about)?;
        tx.commit().map_err(StoreError::from)?;
        Ok((answer, generation))
    }

    /// Notes how far a change is that [`Self::write`] made before: one transaction, durable on
    /// return, that counts as no change of its own.
    ///
    /// # Errors
    /// What `change` says, or [`StoreError`]; in both cases nothing was changed.
    pub fn amend<T>(
        &self,
        change: impl FnOnce(&Write<'_>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = lock(&self.writer);
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = change(&Write::new(&tx))?;
        tx.commit()?;
        Ok(answer)
    }

    /// Remembers that every intent before ledger index `index` has its end.
    ///
    /// # Errors
    /// [`StoreError::Sqlite`] if it cannot be written.
    pub fn settle(&self, index: u64) -> Result<(), StoreError> {
        let sql = "UPDATE meta SET settled_to = max(settled_to, ?1)";
        lock(&self.writer).execute(sql, [signed(index)])?;
        Ok(())
    }

    /// A reading connection: one that nobody uses, else the first, when it is given back.
    pub(crate) fn reader(&self) -> MutexGuard<'_, Connection> {
        let [first, ..] = &self.readers;
        self.readers.iter().find_map(free).unwrap_or_else(|| lock(first))
    }

    /// The writing connection, for changes that are no change of state: cursors.
    pub(crate) fn writer(&self) -> MutexGuard<'_, Connection> {
        lock(&self.writer)
    }

    /// Copies the state to a new file while it is in use.
    ///
    /// # Errors
    /// [`StoreError::BackupExists`] if `path` is taken; [`StoreError::Sqlite`] if the copy
    /// cannot be made.
    pub fn backup_to(&self, path: &Path) -> Result<(), StoreError> {
        if path.exists() {
            return Err(StoreError::BackupExists(path.to_path_buf()));
        }
        // A connection of its own: readers go on while the copy runs.
        let from = open_reader(&self.path)?;
        let mut to = Connection::open(path)?;
        Backup::new(&from, &mut to)?.run_to_completion(BACKUP_PAGES, Duration::ZERO, None)?;
        Ok(())
    }
}

fn publish(tx: &Connection, about: &Change<'_>) -> Result<u64, StoreError> {
    let generation: i64 = tx.query_row(
        "UPDATE meta SET generation = generation + 1, settled_to = max(settled_to, ?1)
         RETURNING generation",
        [signed(about.settled_to)],
        |row| row.get(0),
    )?;
    tx.execute(
        "INSERT INTO outbox (generation, event, action, resource, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            generation,
            about.event.as_bytes(),
            about.action,
            about.resource,
            micros(about.time)
        ],
    )?;
    tx.execute(
        "DELETE FROM outbox WHERE generation <= ?1",
        [generation.saturating_sub(OUTBOX_LEN)],
    )?;
    Ok(u64::try_from(generation).unwrap_or(0))
}

/// The connection, if nobody uses it.
fn free(shared: &Mutex<Connection>) -> Option<MutexGuard<'_, Connection>> {
    match shared.try_lock() {
        Ok(free) => Some(free),
        Err(TryLockError::Poisoned(free)) => Some(free.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A panic in a transaction rolled it back while it unwound, so the connection is sound.
pub(crate) fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
