//! What a backup is: a tar file of a data folder's files and, as its last entry, a manifest
//! with their digests. It knows neither how one is made nor how one is read back.
//!
//! Segments of the ledger are set aside in advance and end in zeros; those are left out and
//! put back by length, so that a backup is as large as what was written.

use crate::failure::Failure;
use aws_lc_rs::digest::{Context as Hash, SHA256};
use plimsoll_api::Timestamp;
use plimsoll_types::Digest;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};

/// The entry that holds the manifest.
pub(super) const MANIFEST: &str = "manifest.json";
/// The version of this format. It goes up when older binaries could not restore it.
pub(super) const FORMAT: u32 = 1;
/// Folder of all other entries.
pub(super) const FOLDER: &str = "data";
/// Files of one backup; more artifacts and segments than a machine serves.
pub(super) const MAX_FILES: usize = 1_000_000;
/// The largest manifest: 256 bytes for each file.
pub(super) const MAX_MANIFEST: u64 = 256 << 20;
/// Bytes copied at a time.
const PIECE: usize = 1 << 20;

/// The last entry of a backup.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    /// [`FORMAT`].
    pub(super) format: u32,
    /// The version of the binary that made it.
    pub(super) version: String,
    /// When it was begun.
    pub(super) created_at: Timestamp,
    /// What the data folder says of its own format.
    pub(super) data_format: String,
    /// Every file, in the order of the entries.
    pub(super) files: Vec<Stored>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    /// Its path in the data folder.
    pub(super) path: String,
    /// Bytes in the backup.
    pub(super) size: u64,
    /// Its length in the data folder: zeros follow the bytes in the backup.
    pub(super) length: u64,
    /// SHA-256 of the bytes in the backup.
    pub(super) digest: Digest,
}

/// Copies everything, calling `step` with the bytes of each piece; gives back their number
/// and digest.
pub(super) fn copy(
    from: &mut dyn Read,
    to: &mut dyn Write,
    mut step: impl FnMut(u64),
) -> Result<(u64, Digest), Failure> {
    let mut hash = Hash::new(&SHA256);
    let mut piece = vec![0; PIECE];
    let mut all = 0_u64;
    loop {
        let count = match from.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        };
        let bytes = piece.get(..count).unwrap_or_default();
        hash.update(bytes);
        to.write_all(bytes)?;
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        all = all.saturating_add(count);
        step(count);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(hash.finish().as_ref());
    Ok((all, Digest::from_bytes(digest)))
}

/// A reader that hashes what passes, for entries whose copying somebody else does.
pub(super) struct Hashing<'a, R> {
    from: R,
    hash: Hash,
    step: &'a mut dyn FnMut(u64),
}

impl<'a, R: Read> Hashing<'a, R> {
    pub(super) fn new(from: R, step: &'a mut dyn FnMut(u64)) -> Self {
        Self { from, hash: Hash::new(&SHA256), step }
    }
    pub(super) fn digest(self) -> Digest {
        let mut digest = [0; 32];
        digest.copy_from_slice(self.hash.finish().as_ref());
        Digest::from_bytes(digest)
    }
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = self.from.read(out)?;
        self.hash.update(out.get(..count).unwrap_or_default());
        (self.step)(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
