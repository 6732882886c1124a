//! The folder that the published log lies in, laid out as it is served: `checkpoint`,
//! `tile/<level>/<index>`, `tile/entries/<index>`. A file appears under its name whole and
//! durable, or not at all.

use crate::LedgerError;
use crate::disk::Volume;
use plimsoll_tlog::bundle::{self, MAX_BUNDLE_BYTES};
use plimsoll_tlog::note::MAX_NOTE_BYTES;
use plimsoll_tlog::tile::{BundleId, Resource, TILE_WIDTH, TileId};
use std::collections::{BTreeMap, HashSet};
use std::fs::{DirBuilder, File};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Name of the file with the latest checkpoint.
pub(crate) const CHECKPOINT: &str = "checkpoint";
/// What a file is called while it is made.
const FRESH: &str = ".fresh";
/// Folders remembered as made: a thousand tiles are in each, so this is a hundred million entries'
/// worth, and forgetting them costs a look at the disk.
const MAX_KNOWN: usize = 1 << 12;

/// The folder of the published log in a ledger's folder.
pub(crate) fn public(ledger: &Path) -> PathBuf {
    ledger.join("public")
}

/// Writes the folder of the published log.
#[derive(Debug)]
pub(crate) struct Public {
    volume: Volume,
    root: PathBuf,
    /// Folders that are there.
    known: HashSet<PathBuf>,
}

impl Public {
    pub(crate) fn new(volume: Volume, root: PathBuf) -> Self {
        Self { volume, root, known: HashSet::new() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Puts files in place, each under its path below the root: contents, then names, then
    /// folders, each step for all of them before the next. Files that are there with the same
    /// bytes are left alone.
    ///
    /// # Errors
    /// I/O. Some of the files may then be in place, whole.
    pub(crate) fn put(&mut self, files: &[(String, Vec<u8>)]) -> Result<(), LedgerError> {
        let mut folders: BTreeMap<PathBuf, File> = BTreeMap::new();
        let (mut fresh, mut names) = (Vec::new(), Vec::new());
        for (path, bytes) in files {
            let path = self.root.join(path);
            if is_there(&path, bytes) {
                continue;
            }
            let folder = path.parent().unwrap_or(&path);
            if !folders.contains_key(folder) {
                self.make(folder)?;
                // Opened before the names in it change, so that no error of theirs is missed.
                let opened = File::open(folder).map_err(LedgerError::io("open", folder))?;
                folders.insert(folder.to_path_buf(), opened);
            }
            let mut name = path.clone().into_os_string();
            name.push(FRESH);
            let handle = self.volume.create(Path::new(&name))?;
            self.volume.write(&handle, bytes, 0)?;
            fresh.push(handle);
            names.push(path);
        }
        self.volume.sync_files(&fresh)?;
        for (handle, name) in fresh.iter().zip(&names) {
            self.volume.rename(&handle.path, name)?;
        }
        for (path, folder) in &folders {
            self.volume.sync_opened(folder, path)?;
        }
        Ok(())
    }

    /// Removes the partial tiles and bundle that `full` took the place of. What cannot be removed
    /// stays: it is right, only no longer needed.
    pub(crate) fn remove_partials(&mut self, full: &str) {
        let folder = self.root.join(format!("{full}.p"));
        let Ok(items) = std::fs::read_dir(&folder) else { return };
        for item in items.flatten().take(usize::from(TILE_WIDTH) * 2) {
            drop(self.volume.remove(&item.path()));
        }
        self.known.remove(&folder);
        drop(std::fs::remove_dir(&folder));
    }

    /// Makes a folder and those above it, each durable in the one above.
    fn make(&mut self, folder: &Path) -> Result<(), LedgerError> {
        if self.known.contains(folder) {
            return Ok(());
        }
        if !folder.is_dir() {
            if let Some(above) = folder.parent() {
                self.make(above)?;
            }
            match DirBuilder::new().mode(0o700).create(folder) {
                Err(e) if e.kind() != ErrorKind::AlreadyExists => {
                    return Err(LedgerError::io("create", folder)(e));
                }
                _ => self.volume.sync_folder(folder.parent().unwrap_or(folder))?,
            }
        }
        if self.known.len() >= MAX_KNOWN {
            self.known.clear();
        }
        self.known.insert(folder.to_path_buf());
        Ok(())
    }
}

/// Whether a file has these bytes already.
fn is_there(path: &Path, bytes: &[u8]) -> bool {
    read_bounded(path, bytes.len()).is_ok_and(|found| found.is_some_and(|found| found == bytes))
}

/// A file of at most `limit` bytes; `None` if there is none.
///
/// # Errors
/// I/O, or [`LedgerError::Published`] if it is larger.
pub(crate) fn read_bounded(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, LedgerError> {
    let file = match File::open(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(LedgerError::io("open", path))?,
    };
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(LedgerError::io("read", path))?;
    if bytes.len() > limit {
        let (path, what) = (path.to_path_buf(), format!("it has more than {limit} bytes").into());
        return Err(LedgerError::Published { path, what });
    }
    Ok(Some(bytes))
}

/// The checkpoint file.
///
/// # Errors
/// I/O.
pub(crate) fn read_note(root: &Path) -> Result<Option<Vec<u8>>, LedgerError> {
    read_bounded(&root.join(CHECKPOINT), MAX_NOTE_BYTES)
}

/// The bytes of a tile, out of its file or, when that was removed, out of the full tile's.
///
/// # Errors
/// I/O; `None` if it was never published.
pub(crate) fn read_tile(root: &Path, tile: TileId) -> Result<Option<Vec<u8>>, LedgerError> {
    if let Some(bytes) = read_bounded(&root.join(tile.path()), tile.bytes())? {
        return Ok(Some(bytes));
    }
    let Ok(full) = TileId::new(tile.level(), tile.index(), TILE_WIDTH) else { return Ok(None) };
    let bytes = read_bounded(&root.join(full.path()), full.bytes())?;
    Ok(bytes.map(|mut bytes| {
        bytes.truncate(tile.bytes());
        bytes
    }))
}

/// The bytes of a bundle, out of its file or, when that was removed, out of the full bundle's.
///
/// # Errors
/// I/O; `None` if it was never published.
pub(crate) fn read_bundle(root: &Path, id: BundleId) -> Result<Option<Vec<u8>>, LedgerError> {
    if let Some(bytes) = read_bounded(&root.join(id.path()), MAX_BUNDLE_BYTES)? {
        return Ok(Some(bytes));
    }
    let Ok(full) = BundleId::new(id.index(), TILE_WIDTH) else { return Ok(None) };
    let path = root.join(full.path());
    let Some(mut bytes) = read_bounded(&path, MAX_BUNDLE_BYTES)? else { return Ok(None) };
    let entries = bundle::entries(&bytes, TILE_WIDTH)
        .map_err(|e| LedgerError::Published { path, what: e.to_string().into() })?;
    let kept = entries.iter().take(id.width().into()).map(|entry| 2 + entry.len()).sum();
    bytes.truncate(kept);
    Ok(Some(bytes))
}

/// The bytes of what a path below the log's prefix names; `None` if it names nothing, or what it
/// names was never published. Only the one form that a path can have is looked at.
///
/// # Errors
/// I/O or damage.
pub(crate) fn read_path(root: &Path, path: &str) -> Result<Option<Vec<u8>>, LedgerError> {
    match Resource::parse(path) {
        Ok(Resource::Tile(tile)) => read_tile(root, tile),
        Ok(Resource::Bundle(bundle)) => read_bundle(root, bundle),
        Err(_) => Ok(None),
    }
}
