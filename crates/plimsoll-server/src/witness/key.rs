//! The key of a witness: one line in a file that only its owner reads.

use super::WitnessError;
use crate::error::ServerError;
use aws_lc_rs::rand;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::note::{NoteError, Secret, Vkey};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// No key file is longer: a name of 255 bytes and a seed in base64.
const MAX_KEY_BYTES: u64 = 1_024;

/// The key in `path`; a new one with this name if there is none.
///
/// # Errors
/// If there is none and no name, if the file holds no key or one with another name, or cannot be
/// read or written.
pub fn load_key(path: &Path, name: Option<&str>) -> Result<Cosigner, WitnessError> {
    match read(path)? {
        Some(key) => match name.filter(|name| *name != key.vkey().name()) {
            None => Ok(key),
            Some(_) => {
                let name = key.vkey().name().to_owned();
                Err(WitnessError::Name { path: path.to_owned(), name })
            }
        },
        None => make(path, name.ok_or_else(|| WitnessError::NoKey(path.to_owned()))?),
    }
}

/// The public key of the witness whose key is in `path`.
///
/// # Errors
/// If there is none, or it cannot be read.
pub fn vkey(path: &Path) -> Result<Vkey, WitnessError> {
    let key = read(path)?.ok_or_else(|| WitnessError::NoKey(path.to_owned()))?;
    Ok(key.vkey().clone())
}

fn read(path: &Path) -> Result<Option<Cosigner>, WitnessError> {
    let failed = |source| ServerError::Folder { what: "read", path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error).into()),
    };
    let mut text = String::new();
    file.take(MAX_KEY_BYTES).read_to_string(&mut text).map_err(failed)?;
    let key = Secret::parse(text.trim_end_matches('\n')).and_then(Cosigner::from_secret);
    key.map(Some).map_err(|source| WitnessError::Key { path: path.to_owned(), source })
}

fn make(path: &Path, name: &str) -> Result<Cosigner, WitnessError> {
    let failed = |source| ServerError::Folder { what: "make", path: path.to_owned(), source };
    let wrong = |source: NoteError| WitnessError::Key { path: path.to_owned(), source };
    let mut seed = [0; 32];
    rand::fill(&mut seed).map_err(|error| failed(std::io::Error::other(error)))?;
    let key = Cosigner::from_seed(name, &seed).map_err(wrong)?;
    let folder = match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => parent,
        None => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(failed)?;
    let folder = fs::File::open(folder).map_err(failed)?;
    // Never over a key that came in between.
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(key.secret().expose().as_bytes()).map_err(failed)?;
    file.write_all(b"\n").map_err(failed)?;
    file.sync_all().and_then(|()| folder.sync_all()).map_err(failed)?;
    Ok(key)
}
