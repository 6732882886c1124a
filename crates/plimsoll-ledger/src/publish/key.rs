//! The log's signing key: 32 random bytes in the keys folder, never in a backup of the data.

use crate::LedgerError;
use crate::disk::Volume;
use crate::keys::random;
use plimsoll_tlog::Signer;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const SEED: usize = 32;

fn path(keys: &Path) -> PathBuf {
    keys.join("log.key")
}

/// The signer of the log `origin`; `None` if the keys folder has no key for it.
///
/// # Errors
/// [`LedgerError::Keys`] if the key cannot be used, [`LedgerError::Tree`] if no log can have
/// this name.
pub(crate) fn read_signer(keys: &Path, origin: &str) -> Result<Option<Signer>, LedgerError> {
    let path = path(keys);
    let mut file = match std::fs::File::open(&path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        other => other.map_err(LedgerError::io("open", &path))?,
    };
    let mode = file.metadata().map_err(LedgerError::io("open", &path))?.permissions().mode();
    if mode & 0o077 != 0 {
        let what = "others may read it; take the permission from them (`chmod 600`)";
        return Err(LedgerError::Keys { path, what });
    }
    let mut seed = Zeroizing::new([0; SEED]);
    let whole = file.read_exact(seed.as_mut_slice()).and_then(|()| file.read(&mut [0]));
    if !matches!(whole, Ok(0)) {
        let what = "a signing key has 32 bytes; restore it from the keys' own backup";
        return Err(LedgerError::Keys { path, what });
    }
    Ok(Some(Signer::from_seed(origin, &seed)?))
}

/// Makes a key for the log `origin`.
///
/// # Errors
/// As [`read_signer`]; I/O.
pub(crate) fn make_signer(
    volume: &Volume,
    keys: &Path,
    origin: &str,
) -> Result<Signer, LedgerError> {
    let mut seed = Zeroizing::new([0; SEED]);
    random(seed.as_mut_slice())?;
    let signer = Signer::from_seed(origin, &seed)?;
    volume.replace(&path(keys), seed.as_slice())?;
    Ok(signer)
}

/// Lays the key aside under another name, if there is one: `log.key` becomes `log.key.1`, or the
/// first number that is free.
///
/// # Errors
/// I/O, or if there are too many.
pub(crate) fn lay_aside(volume: &Volume, keys: &Path) -> Result<(), LedgerError> {
    /// Logs that were given up. Each was an accident.
    const MAX: u32 = 1000;
    let path = path(keys);
    if !path.exists() {
        return Ok(());
    }
    let free = (1..MAX).map(|n| keys.join(format!("log.key.{n}"))).find(|path| !path.exists());
    let what = "too many keys of logs that were given up are in it; move them elsewhere";
    let free = free.ok_or_else(|| LedgerError::Keys { path: keys.to_path_buf(), what })?;
    volume.rename(&path, &free)?;
    volume.sync_folder(keys)
}
