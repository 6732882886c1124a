//! Giving a log up, so that another can begin over the same entries.

use super::folder::public;
use super::guard::Guard;
use super::key;
use crate::LedgerError;
use crate::disk::{RealDisk, Volume, lock};
use crate::recovery;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

/// Gives up the log of a data folder that no server uses: its key is laid aside, its checkpoints
/// and tiles are forgotten. The next start makes another key, which is another log, and publishes
/// every entry under it. `forget` must forget the stored head, durably.
///
/// What the old log signed stays true of the entries that it covered, and whoever holds its
/// checkpoints can see where it ended.
///
/// # Errors
/// [`LedgerError::Locked`] if the folder is in use, I/O, or what `forget` says. It can be run
/// again then.
pub fn give_up_log<E: From<LedgerError>>(
    data: &Path,
    keys: &Path,
    forget: impl FnOnce() -> Result<(), E>,
) -> Result<(), E> {
    let folder = recovery::folder(data);
    let volume = Volume(Arc::new(RealDisk));
    let _held = lock(&folder)?;
    // First the key: without it nothing can be signed, wherever this is broken off.
    key::lay_aside(&volume, keys)?;
    forget()?;
    Guard::new(keys).forget(&volume)?;
    match std::fs::remove_dir_all(public(&folder)) {
        Err(e) if e.kind() != ErrorKind::NotFound => {
            Err(LedgerError::io("remove", &public(&folder))(e).into())
        }
        _ => Ok(()),
    }
}
