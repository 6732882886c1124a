//! Where finished artifacts stand: a folder, or a bucket. `sha256/ab/<64 digits>` in both.

use crate::bucket::Bucket;
use crate::error::ArtifactError;
use fs_err as fs;
use plimsoll_types::Digest;
use plimsoll_types::digest::hex;
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The shelf of finished artifacts.
#[derive(Debug)]
pub(crate) enum Shelf {
    /// `…/sha256` in the data folder.
    Folder(PathBuf),
    /// Any object store.
    Bucket(Arc<Bucket>),
}

impl Shelf {
    /// Bytes on disk of an artifact, if it is there.
    pub(crate) fn size(&self, digest: Digest) -> Result<Option<u64>, ArtifactError> {
        match self {
            Self::Folder(folder) => match fs::metadata(path_in(folder, digest)) {
                Ok(found) => Ok(Some(found.len())),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(ArtifactError::io("read")(error)),
            },
            Self::Bucket(bucket) => bucket.size(&key_of(digest)),
        }
    }

    pub(crate) fn open(&self, digest: Digest) -> Result<Option<Object>, ArtifactError> {
        match self {
            Self::Folder(folder) => match fs::File::open(path_in(folder, digest)) {
                Ok(file) => {
                    let length = file.metadata().map_err(ArtifactError::io("read"))?.len();
                    Ok(Some(Object::File { file, length }))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(ArtifactError::io("read")(error)),
            },
            Self::Bucket(bucket) => {
                let key = key_of(digest);
                let Some(length) = bucket.size(&key)? else { return Ok(None) };
                Ok(Some(Object::Remote { bucket: Arc::clone(bucket), key, length }))
            }
        }
    }

    /// Puts a finished file, which is synced, under its name. The file is gone afterwards.
    pub(crate) fn publish(&self, staged: &Path, digest: Digest) -> Result<(), ArtifactError> {
        match self {
            Self::Folder(folder) => {
                put_durably(folder, staged, digest).map_err(ArtifactError::io("written"))
            }
            Self::Bucket(bucket) => {
                bucket.put(&key_of(digest), staged)?;
                fs::remove_file(staged).map_err(ArtifactError::io("written"))
            }
        }
    }

    /// Takes an artifact away. Whether it was there.
    pub(crate) fn remove(&self, digest: Digest) -> Result<bool, ArtifactError> {
        match self {
            Self::Folder(folder) => match fs::remove_file(path_in(folder, digest)) {
                Ok(()) => Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
                Err(error) => Err(ArtifactError::io("removed")(error)),
            },
            Self::Bucket(bucket) => bucket.remove(&key_of(digest)),
        }
    }
}

fn put_durably(folder: &Path, staged: &Path, digest: Digest) -> std::io::Result<()> {
    let target = path_in(folder, digest);
    let shard = target.parent().unwrap_or(folder);
    fs::create_dir_all(shard)?;
    fs::rename(staged, &target)?;
    // The names must be durable too: the file's in its shard, the shard's in the folder.
    fs::File::open(shard)?.sync_all()?;
    fs::File::open(folder)?.sync_all()
}

pub(crate) fn path_in(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(hex(&digest.as_bytes()[..1])).join(digest.to_string())
}

fn key_of(digest: Digest) -> String {
    format!("sha256/{}/{digest}", hex(&digest.as_bytes()[..1]))
}

/// A stored artifact, open for reading.
pub(crate) enum Object {
    File { file: fs::File, length: u64 },
    Remote { bucket: Arc<Bucket>, key: String, length: u64 },
}

impl Object {
    /// Bytes on disk.
    pub(crate) const fn length(&self) -> u64 {
        match self {
            Self::File { length, .. } | Self::Remote { length, .. } => *length,
        }
    }

    /// Fills `out` with a range, or with less of it where the object ends.
    pub(crate) fn read(&mut self, at: Range<u64>, out: &mut Vec<u8>) -> Result<(), ArtifactError> {
        out.clear();
        match self {
            Self::File { file, .. } => {
                let mut read = || {
                    file.seek(SeekFrom::Start(at.start))?;
                    file.by_ref().take(at.end.saturating_sub(at.start)).read_to_end(out)
                };
                read().map(drop).map_err(ArtifactError::io("read"))
            }
            Self::Remote { bucket, key, .. } => {
                out.extend_from_slice(&bucket.read(key, at)?);
                Ok(())
            }
        }
    }
}
