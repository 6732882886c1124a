//! Bytes on their way out: every chunk is checked before any of it is given.

use crate::cipher::{ArtifactKey, End, HEADER_LEN, Stream, TAG_LEN};
use crate::error::{ArtifactError, Part};
use crate::layout::{HEADER, Layout, TRAILER};
use crate::shelf::Object;
use aws_lc_rs::digest::{Context, SHA256};
use plimsoll_types::Digest;

/// An artifact, or a range of it, chunk by chunk.
pub struct Reader {
    object: Object,
    stream: Stream,
    digest: Digest,
    length: u64,
    /// The next chunk to read, and the one to end before.
    chunk: u64,
    until: u64,
    /// The range of bytes that is wanted.
    start: u64,
    end: u64,
    /// Of a whole read: the chunks so far.
    hash: Option<Context>,
    /// Where the next chunk is read to.
    room: Vec<u8>,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens an artifact; checks its header, and that it is the one of this name and whole.
    pub(crate) fn new(
        mut object: Object,
        key: &ArtifactKey,
        digest: Digest,
    ) -> Result<Self, ArtifactError> {
        let damaged = |part| ArtifactError::damaged(digest, part);
        let mut bytes = Vec::with_capacity(HEADER_LEN);
        object.read(0..HEADER, &mut bytes)?;
        let stream = Stream::open(key, &bytes).ok_or_else(|| damaged(Part::Header))?;
        let layout: Layout = stream.layout();
        let sealed = object.length();
        let length = layout.length(sealed).ok_or_else(|| damaged(Part::Trailer))?;
        object.read(sealed.saturating_sub(TRAILER)..sealed, &mut bytes)?;
        match stream.open_trailer(layout.chunks(length), &bytes) {
            Some((named, says)) if says == length => {
                if named != digest {
                    return Err(damaged(Part::Digest));
                }
            }
            _ => return Err(damaged(Part::Trailer)),
        }
        let until = layout.chunks(length);
        let hash = Some(Context::new(&SHA256));
        let (start, end, room) = (0, length, Vec::new());
        Ok(Self { object, stream, digest, length, chunk: 0, until, start, end, hash, room })
    }

    /// Bytes of the whole artifact.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// The digest that the artifact is named by.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Only the bytes from `start` to before `end`.
    ///
    /// # Errors
    /// [`ArtifactError::Range`] if they are not all there.
    pub fn range(mut self, start: u64, end: u64) -> Result<Self, ArtifactError> {
        if start > end || end > self.length {
            return Err(ArtifactError::Range { length: self.length });
        }
        if (start, end) != (0, self.length) {
            self.hash = None;
            let needed = self.stream.layout().covering(start, end);
            (self.chunk, self.until) = (needed.start, needed.end);
        }
        (self.start, self.end) = (start, end);
        Ok(self)
    }

    /// Reads the next bytes into this memory, which a caller has done with.
    pub fn reuse(&mut self, room: Vec<u8>) {
        self.room = room;
    }

    /// The next bytes, at most one chunk; `None` after the last.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] with the chunk; nothing of it was given.
    pub fn next_bytes(&mut self) -> Result<Option<Vec<u8>>, ArtifactError> {
        let layout = self.stream.layout();
        if self.chunk >= self.until {
            return Ok(None);
        }
        let begin = self.chunk.saturating_mul(layout.chunk());
        let number = self.chunk;
        let mut text = self.open_chunk(number)?;
        self.chunk += 1;
        if let Some(hash) = &mut self.hash {
            hash.update(&text);
            if self.chunk == layout.chunks(self.length)
                && hash.clone().finish().as_ref() != self.digest.as_bytes()
            {
                return Err(ArtifactError::damaged(self.digest, Part::Digest));
            }
        }
        let at = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        text.truncate(at(self.end.saturating_sub(begin)));
        text.drain(..at(self.start.saturating_sub(begin)).min(text.len()));
        Ok(Some(text))
    }

    fn open_chunk(&mut self, number: u64) -> Result<Vec<u8>, ArtifactError> {
        let layout = self.stream.layout();
        let is_last = number + 1 == layout.chunks(self.length);
        let place = layout.place(number, self.length);
        let room = usize::try_from(layout.chunk()).unwrap_or(0).saturating_add(TAG_LEN);
        let mut sealed = std::mem::take(&mut self.room);
        sealed.clear();
        sealed.reserve_exact(room);
        self.object.read(place, &mut sealed)?;
        let end = if is_last { End::Last } else { End::More };
        let opened = self.stream.unseal(number, end, &mut sealed);
        opened.map_err(|part| ArtifactError::damaged(self.digest, part))?;
        Ok(sealed)
    }
}
