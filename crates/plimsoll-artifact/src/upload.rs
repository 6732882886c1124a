//! Bytes on their way in: sealed chunk by chunk, hashed as they come.

use crate::cipher::{End, Stream};
use crate::error::ArtifactError;
use crate::shelf::Shelf;
use aws_lc_rs::digest::{Context, SHA256};
use fs_err::File;
use plimsoll_types::Digest;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// What was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// SHA-256 of the bytes: the artifact's name.
    pub digest: Digest,
    /// Number of bytes.
    pub size: u64,
}

/// Seals a stream of bytes into a file. Holds one chunk.
pub(crate) struct Sealer {
    stream: Stream,
    hash: Context,
    /// The chunk that is filling up. It is sealed when a byte after it comes, because only then
    /// is it known not to be the last.
    buffer: Vec<u8>,
    chunk: u64,
    size: u64,
}

impl Sealer {
    pub(crate) fn new(stream: Stream, out: &mut impl Write) -> Result<Self, ArtifactError> {
        out.write_all(stream.header()).map_err(ArtifactError::io("written"))?;
        let room = usize::try_from(stream.layout().chunk()).unwrap_or(0);
        let buffer = Vec::with_capacity(room.saturating_add(crate::cipher::TAG_LEN));
        Ok(Self { stream, hash: Context::new(&SHA256), buffer, chunk: 0, size: 0 })
    }

    /// Bytes taken so far.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn write(
        &mut self,
        mut bytes: &[u8],
        out: &mut impl Write,
    ) -> Result<(), ArtifactError> {
        self.hash.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        let full = usize::try_from(self.stream.layout().chunk()).unwrap_or(usize::MAX);
        while !bytes.is_empty() {
            if self.buffer.len() >= full {
                self.flush(End::More, out)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(full - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn flush(&mut self, end: End, out: &mut impl Write) -> Result<(), ArtifactError> {
        self.stream.seal(self.chunk, end, &mut self.buffer)?;
        out.write_all(&self.buffer).map_err(ArtifactError::io("written"))?;
        self.buffer.clear();
        self.chunk += 1;
        Ok(())
    }

    /// The chunk that is not full yet, sealed for itself.
    pub(crate) fn partial(&self) -> Result<Vec<u8>, ArtifactError> {
        self.stream.seal_partial(self.chunk, &self.buffer)
    }

    /// Writes the last chunk and the trailer.
    pub(crate) fn finish(&mut self, out: &mut impl Write) -> Result<Stored, ArtifactError> {
        self.flush(End::Last, out)?;
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.hash.clone().finish().as_ref());
        let digest = Digest::from_bytes(bytes);
        let trailer = self.stream.trailer(self.chunk, digest, self.size)?;
        out.write_all(&trailer).map_err(ArtifactError::io("written"))?;
        Ok(Stored { digest, size: self.size })
    }
}

/// An artifact on its way in. Dropped unfinished, it leaves nothing.
pub struct Upload {
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) file: File,
    pub(crate) path: PathBuf,
    pub(crate) sealer: Sealer,
    pub(crate) max: u64,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("size", &self.sealer.size).finish_non_exhaustive()
    }
}

impl Upload {
    /// Bytes taken so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.sealer.size()
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`]; [`ArtifactError::Io`] if the disk fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        if self.sealer.size().saturating_add(bytes.len() as u64) > self.max {
            return Err(ArtifactError::TooLarge { limit: self.max, what: "uploaded" });
        }
        self.sealer.write(bytes, &mut self.file)
    }

    /// Ends the upload: on return the artifact is durable under its digest.
    ///
    /// # Errors
    /// [`ArtifactError::Io`] or [`ArtifactError::Bucket`] if it cannot be stored.
    pub fn finish(mut self) -> Result<Stored, ArtifactError> {
        let stored = self.sealer.finish(&mut self.file)?;
        self.file.sync_all().map_err(ArtifactError::io("written"))?;
        self.shelf.publish(&self.path, stored.digest)?;
        Ok(stored)
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name; otherwise the next start cleans up
        // what cannot be removed now.
        if fs_err::remove_file(&self.path).is_err() {
            tracing::trace!("nothing to remove after an upload");
        }
    }
}
