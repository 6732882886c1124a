//! The latest checkpoint again, in the keys folder. Backups of the data folder do not hold it, so
//! a ledger that was made from an old one is told from the one that signed.

use super::status::SignedCheckpoint;
use crate::LedgerError;
use crate::disk::Volume;
use crate::publish::folder::read_bounded;
use plimsoll_tlog::note::MAX_NOTE_BYTES;
use std::path::{Path, PathBuf};

/// Who is said to know what the guard knows.
pub(crate) const NAME: &str = "the keys folder (`log.head`)";

/// The file in the keys folder.
#[derive(Debug)]
pub(crate) struct Guard {
    path: PathBuf,
    /// The size that it has now, as far as this process wrote it.
    size: u64,
}

impl Guard {
    pub(crate) fn new(keys: &Path) -> Self {
        Self { path: keys.join("log.head"), size: 0 }
    }

    /// The note that it holds.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn latest(&self) -> Result<Option<Vec<u8>>, LedgerError> {
        read_bounded(&self.path, MAX_NOTE_BYTES)
    }

    /// Whether it has yet to be told of this checkpoint.
    pub(crate) const fn lacks(&self, checkpoint: &SignedCheckpoint) -> bool {
        self.size < checkpoint.size
    }

    /// Remembers a checkpoint.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn put(
        &mut self,
        volume: &Volume,
        checkpoint: &SignedCheckpoint,
    ) -> Result<(), LedgerError> {
        volume.replace(&self.path, checkpoint.note.as_bytes())?;
        self.size = checkpoint.size;
        Ok(())
    }

    /// Forgets what it knows.
    ///
    /// # Errors
    /// I/O.
    pub(crate) fn forget(&self, volume: &Volume) -> Result<(), LedgerError> {
        volume.remove(&self.path)?;
        volume.sync_folder(self.path.parent().unwrap_or(&self.path))
    }
}
