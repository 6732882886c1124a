//! The head of the ledger's tree: one row, changed only by compare-and-swap.

use crate::error::StoreError;
use crate::row::signed;
use crate::schema::open_reader;
use crate::store::{Store, lock};
use plimsoll_types::Digest;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use std::path::Path;

/// The head of the ledger's tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeHeadRow {
    /// The log's verifier key, which says whose tree it is.
    pub log: Box<str>,
    /// Number of entries in the tree.
    pub size: u64,
    /// Root hash of the tree.
    pub root: Digest,
    /// The largest size for which a signature may exist.
    pub signed: u64,
}

impl Store {
    /// The stored head; `None` before the first.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read.
    pub fn tree_head(&self) -> Result<Option<TreeHeadRow>, StoreError> {
        read(&self.reader())
    }

    /// Puts `next` in the place of `expected`: false, with nothing changed, if another head is
    /// stored. Durable on return.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be read or written.
    pub fn swap_tree_head(
        &self,
        expected: Option<&TreeHeadRow>,
        next: &TreeHeadRow,
    ) -> Result<bool, StoreError> {
        let mut writer = lock(&self.writer);
        let tx = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if read(&tx)?.as_ref() != expected {
            return Ok(false);
        }
        tx.execute(
            "INSERT OR REPLACE INTO tree_head (one, log, size, root, signed)
             VALUES (1, ?1, ?2, ?3, ?4)",
            params![next.log, signed(next.size), next.root.as_bytes(), signed(next.signed)],
        )?;
        tx.commit()?;
        Ok(true)
    }
}

impl Store {
    /// Forgets the head: the tree begins anew, as another log.
    ///
    /// # Errors
    /// [`StoreError`] if it cannot be written.
    pub fn forget_tree_head(&self) -> Result<(), StoreError> {
        lock(&self.writer).execute("DELETE FROM tree_head", [])?;
        Ok(())
    }
}

/// The head stored in the file at `path`, which is neither made nor migrated nor written: for
/// verifying a copy. `None` before the first.
///
/// # Errors
/// [`StoreError`] if the file cannot be read.
pub fn read_tree_head(path: &Path) -> Result<Option<TreeHeadRow>, StoreError> {
    let file = open_reader(path)?;
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name = 'tree_head'";
    let tables: i64 = file.query_row(sql, [], |row| row.get(0))?;
    if tables == 0 { Ok(None) } else { read(&file) }
}

fn read(connection: &Connection) -> Result<Option<TreeHeadRow>, StoreError> {
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    let sql = "SELECT log, size, root, signed FROM tree_head";
    let row = connection.prepare_cached(sql)?.query_row([], |row| {
        Ok(TreeHeadRow {
            log: row.get(0)?,
            size: count(row.get(1)?),
            root: Digest::from_bytes(row.get(2)?),
            signed: count(row.get(3)?),
        })
    });
    Ok(row.optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::Time;

    fn head(size: u64) -> TreeHeadRow {
        let root = Digest::from_bytes([u8::try_from(size).expect("small"); 32]);
        TreeHeadRow { log: "a+00000000+AA".into(), size, root, signed: size }
    }

    #[test]
    fn a_head_is_swapped_only_for_the_one_expected_and_survives() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("state.db");
        let store = Store::open(&path, Time::from_micros(1)).expect("opens");
        assert_eq!(store.tree_head().expect("reads"), None);
        assert!(!store.swap_tree_head(Some(&head(1)), &head(2)).expect("swaps"), "none is stored");
        assert!(store.swap_tree_head(None, &head(1)).expect("swaps"));
        assert!(!store.swap_tree_head(None, &head(2)).expect("swaps"), "one is stored");
        let other = TreeHeadRow { root: Digest::ZERO, ..head(1) };
        assert!(!store.swap_tree_head(Some(&other), &head(2)).expect("swaps"), "of another root");
        assert!(store.swap_tree_head(Some(&head(1)), &head(2)).expect("swaps"));
        assert_eq!(read_tree_head(&path).expect("reads"), Some(head(2)));
        drop(store);
        let store = Store::open(&path, Time::from_micros(2)).expect("opens");
        assert_eq!(store.tree_head().expect("reads"), Some(head(2)));
        let impossible = TreeHeadRow { signed: 9, ..head(3) };
        assert!(store.swap_tree_head(Some(&head(2)), &impossible).is_err());
        assert_eq!(store.tree_head().expect("reads"), Some(head(2)));
        store.forget_tree_head().expect("forgets");
        assert_eq!(store.tree_head().expect("reads"), None);
    }
}
