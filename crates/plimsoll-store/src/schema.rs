//! Opening the file: settings, migrations, and the refusal of files that are not ours.

use crate::error::StoreError;
use plimsoll_types::{TenantId, Time};
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};
use std::path::Path;
use std::time::Duration;

/// Numbered from 1; a file's `user_version` is the number of the last one applied. Never
/// change one that was released: add another.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_control_state.sql"),
    include_str!("../migrations/0002_tree_head.sql"),
    include_str!("../migrations/0003_subjects.sql"),
    include_str!("../migrations/0004_explain.sql"),
    include_str!("../migrations/0005_sinks_reviews.sql"),
    include_str!("../migrations/0006_identity.sql"),
    include_str!("../migrations/0007_batches.sql"),
    include_str!("../migrations/0008_mlflow.sql"),
    include_str!("../migrations/0009_artifacts.sql"),
    include_str!("../migrations/0010_releases.sql"),
    include_str!("../migrations/0011_rollouts.sql"),
    include_str!("../migrations/0012_governance.sql"),
    include_str!("../migrations/0013_monitoring.sql"),
    include_str!("../migrations/0014_findings.sql"),
    include_str!("../migrations/0015_lineage.sql"),
    include_str!("../migrations/0016_experiments.sql"),
    include_str!("../migrations/0017_loop.sql"),
    include_str!("../migrations/0018_batch_bearers.sql"),
];

/// "PLIM": tells our files from other databases.
const APPLICATION_ID: i32 = 0x504c_494d;

/// How long to wait for another process's transaction (a backup tool, say).
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Statements that a connection keeps prepared: more than there are kinds of requests that are
/// asked often. A kept one is some kilobytes; the library's own 16 are used up by one page.
const STATEMENTS: usize = 256;

/// Opens the file for writing, making or migrating it as needed.
pub(crate) fn open_writer(path: &Path, now: Time) -> Result<Connection, StoreError> {
    let mut writer = Connection::open(path)?;
    writer.busy_timeout(BUSY_TIMEOUT)?;
    writer.set_prepared_statement_cache_capacity(STATEMENTS);
    refuse_others(path, &writer)?;
    // FULL: a change is on disk before it is told. secure_delete: what is deleted is
    // overwritten, so that a copied file does not keep it.
    writer.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;
         PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;",
    )?;
    migrate(path, &mut writer, now)?;
    Ok(writer)
}

/// Opens the file for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let reader = Connection::open_with_flags(path, flags)?;
    reader.busy_timeout(BUSY_TIMEOUT)?;
    reader.set_prepared_statement_cache_capacity(STATEMENTS);
    reader.execute_batch("PRAGMA query_only = ON; PRAGMA trusted_schema = OFF;")?;
    Ok(reader)
}

fn refuse_others(path: &Path, file: &Connection) -> Result<(), StoreError> {
    let foreign = |error: rusqlite::Error| match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => StoreError::Foreign(path.to_path_buf()),
        _ => StoreError::Sqlite(error),
    };
    let id: i32 = file.pragma_query_value(None, "application_id", |r| r.get(0)).map_err(foreign)?;
    let tables: i64 = file
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(foreign)?;
    if id != APPLICATION_ID && tables > 0 {
        return Err(StoreError::Foreign(path.to_path_buf()));
    }
    Ok(())
}

fn migrate(path: &Path, writer: &mut Connection, now: Time) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    // Read inside the transaction: two processes that start at once migrate once.
    let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { path: path.to_path_buf(), found, known });
    }
    let done = usize::try_from(found).map_err(|_| StoreError::Foreign(path.to_path_buf()))?;
    for migration in MIGRATIONS.iter().skip(done) {
        tx.execute_batch(migration)?;
    }
    if done == 0 {
        tx.pragma_update(None, "application_id", APPLICATION_ID)?;
        tx.execute(
            "INSERT INTO meta (one, tenant, generation, settled_to, created_at) VALUES (1, ?1, 0, 0, ?2)",
            params![TenantId::new(now).as_bytes(), crate::row::micros(now)],
        )?;
    }
    tx.pragma_update(None, "user_version", known)?;
    tx.commit()?;
    Ok(())
}
