//! An epoch's two files: its key, wrapped by the root, and its key journal.
//!
//! A new epoch is in force from the moment its journal has its name; until then it is a
//! stub, and from then on those before it are leftovers. Stubs and leftovers are overwritten
//! with zeros, cut to nothing and removed: at the end of a rotation, and at every start.

use super::crypt::{aead, fresh};
use super::journal::Journal;
use super::root::{Root, Wrapped};
use crate::LedgerError;
use crate::disk::{Handle, Volume};
use aws_lc_rs::aead::LessSafeKey;
use plimsoll_types::Time;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Epochs of one folder: one a day for 27 years.
pub(super) const MAX_EPOCH: u32 = 9_999;

/// The epoch in force.
pub(super) struct Epoch {
    pub(super) number: u32,
    pub(super) key: LessSafeKey,
    /// Its journal, for reading.
    pub(super) file: Arc<Handle>,
    /// When it began.
    pub(super) since: Time,
}

pub(super) fn key_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("epoch-{number:04}.kek"))
}
pub(super) fn journal_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("epoch-{number:04}.keys"))
}
pub(super) fn fresh_path(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("epoch-{number:04}.fresh"))
}

pub(super) const fn wrapped(epoch: u32) -> Wrapped {
    Wrapped { magic: b"PLMKEK01", epoch }
}

/// Makes an epoch's key.
pub(super) fn make_key(
    folder: &Path,
    number: u32,
    root: &dyn Root,
    volume: &Volume,
) -> Result<LessSafeKey, LedgerError> {
    let secret = fresh()?;
    wrapped(number).write(&key_path(folder, number), &secret, root, volume)?;
    aead(secret.as_slice())
}

pub(super) fn read_key(
    folder: &Path,
    number: u32,
    root: &dyn Root,
) -> Result<LessSafeKey, LedgerError> {
    aead(wrapped(number).read(&key_path(folder, number), root)?.as_slice())
}

/// What there is of an epoch.
#[derive(Debug, Default, Clone, Copy)]
struct Files {
    key: bool,
    journal: bool,
    fresh: bool,
}

fn list(folder: &Path) -> Result<BTreeMap<u32, Files>, LedgerError> {
    let mut found: BTreeMap<u32, Files> = BTreeMap::new();
    for item in std::fs::read_dir(folder).map_err(LedgerError::io("read", folder))? {
        let name = item.map_err(LedgerError::io("read", folder))?.file_name();
        let Some((number, kind)) = name.to_str().and_then(parse) else { continue };
        let files = found.entry(number).or_default();
        match kind {
            "kek" => files.key = true,
            "keys" => files.journal = true,
            _ => files.fresh = true,
        }
    }
    Ok(found)
}

fn parse(name: &str) -> Option<(u32, &str)> {
    let (number, kind) = name.strip_prefix("epoch-")?.split_once('.')?;
    let number = number.parse().ok().filter(|_| number.len() == 4)?;
    ["kek", "keys", "fresh"].contains(&kind).then_some((number, kind))
}

/// Whether the folder has anything of an epoch.
pub(super) fn any(folder: &Path) -> Result<bool, LedgerError> {
    Ok(!list(folder)?.is_empty())
}

/// Whether the folder is one whose first epoch is being made: it has its key at most.
pub(super) fn is_new(folder: &Path) -> Result<bool, LedgerError> {
    Ok(list(folder)?.keys().all(|&number| number == 0))
}

/// The epoch in force: the latest whose journal has its name.
pub(super) fn current(folder: &Path) -> Result<Option<u32>, LedgerError> {
    let found = list(folder)?;
    let newest = found.iter().rev().find(|(_, files)| files.journal);
    match newest {
        Some((&number, files)) if !files.key => Err(LedgerError::Keys {
            path: key_path(folder, number),
            what: "it is missing; restore it from the keys' own backup",
        }),
        newest => Ok(newest.map(|(&number, _)| number)),
    }
}

/// Makes epoch 0 of a new folder, or what a crash left out of it.
pub(super) fn make_first(
    folder: &Path,
    root: &dyn Root,
    volume: &Volume,
    now: Time,
) -> Result<(), LedgerError> {
    if !key_path(folder, 0).exists() {
        make_key(folder, 0, root, volume)?;
    }
    Journal::create(volume, &journal_path(folder, 0), 0, now)
}

/// Destroys stubs and leftovers: everything but epoch `current`, which is whole.
pub(super) fn sweep(folder: &Path, current: u32, volume: &Volume) -> Result<(), LedgerError> {
    let mut any = false;
    for (&number, files) in &list(folder)? {
        let (others, fresh) = (number != current, files.fresh);
        // The key first: without it the journal is noise.
        for (is_there, path) in [
            (others && files.key, key_path(folder, number)),
            (others && files.journal, journal_path(folder, number)),
            (fresh, fresh_path(folder, number)),
        ] {
            if is_there {
                destroy(&path, volume)?;
                any = true;
            }
        }
    }
    for path in [super::root::path(folder), super::base_path(folder)] {
        let fresh = path.with_extension("fresh");
        if fresh.exists() {
            destroy(&fresh, volume)?;
            any = true;
        }
    }
    if any { volume.sync_folder(folder) } else { Ok(()) }
}

/// Overwrites a file with zeros, syncs, cuts it to nothing, removes it.
pub(super) fn destroy(path: &Path, volume: &Volume) -> Result<(), LedgerError> {
    let handle = Handle::write(path)?;
    volume.zero(&handle, 0, handle.len()?)?;
    volume.truncate(&handle)?;
    volume.remove(path)
}
