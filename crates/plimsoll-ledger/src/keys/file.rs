//! Files that the server keeps for a while (what a batch job reads and writes), sealed under a
//! key derived from the base secret, and read at any place without opening the rest.
//!
//! ```text
//! "PLMSEAL1" 8 · salt 32 · chunks of 65,536 bytes, each with a tag of 16
//! ```
//!
//! The key is HKDF-Expand of the base secret over salt and context; the nonce of a chunk is its
//! number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
//! Vizár, CRYPTO 2015), so that chunks cannot be reordered, taken away or cut off unseen. The
//! last chunk is shorter than the others, if empty.

use super::{Keys, Label, aead, expand, prk, random};
use crate::LedgerError;
use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

const MAGIC: &[u8; 8] = b"PLMSEAL1";
const SALT: usize = 32;
const HEAD: usize = MAGIC.len() + SALT;
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
/// Chunks of one file: 16 TiB, far below what AES-GCM allows under one key (SP 800-38D §8.3).
const MAX_CHUNKS: u64 = 1 << 28;

/// A sealed file on its way to the disk. Without [`finish`](Self::finish) it is incomplete.
pub struct FileWriter {
    file: File,
    key: LessSafeKey,
    buffer: Vec<u8>,
    chunk: u64,
}

/// A sealed file, to be read at any place.
pub struct SealedFile {
    file: File,
    key: LessSafeKey,
    len: u64,
    last: u64,
}

/// Reads a sealed file from a place on.
pub struct FileReader {
    file: Arc<SealedFile>,
    position: u64,
    /// The chunk that was opened last, and its number.
    chunk: Vec<u8>,
    number: Option<u64>,
}

impl std::fmt::Debug for FileWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWriter").field("chunk", &self.chunk).finish_non_exhaustive()
    }
}
impl std::fmt::Debug for SealedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedFile").field("len", &self.len).finish_non_exhaustive()
    }
}
impl std::fmt::Debug for FileReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileReader").field("position", &self.position).finish_non_exhaustive()
    }
}

impl Keys {
    /// Makes a sealed file at `path` (mode 0600), or a new one in the place of what is there.
    /// `context` says what it is; the same is needed to open it.
    ///
    /// # Errors
    /// I/O.
    pub fn seal_file(&self, context: &[u8], path: &Path) -> Result<FileWriter, LedgerError> {
        let mut salt = [0; SALT];
        random(&mut salt)?;
        let key = self.file_key(context, &salt)?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let made = || {
            let mut file = options.open(path)?;
            file.write_all(MAGIC)?;
            file.write_all(&salt)?;
            Ok(file)
        };
        let file = made().map_err(|source| LedgerError::Io {
            what: "use",
            path: path.to_owned(),
            source,
        })?;
        Ok(FileWriter { file, key, buffer: Vec::with_capacity(CHUNK + TAG), chunk: 0 })
    }

    /// Opens what [`Self::seal_file`] made for the same `context`.
    ///
    /// # Errors
    /// I/O; [`LedgerError::Unsealable`] if it is no such file, or incomplete.
    pub fn open_file(&self, context: &[u8], path: &Path) -> Result<SealedFile, LedgerError> {
        let io = |source| LedgerError::Io { what: "use", path: path.to_owned(), source };
        let file = File::open(path).map_err(io)?;
        let all = file.metadata().map_err(io)?.len();
        let incomplete = LedgerError::Unsealable("the file is incomplete or not a sealed one");
        let (chunk, head) = ((CHUNK + TAG) as u64, HEAD as u64);
        let Some(sealed) = all.checked_sub(head) else { return Err(incomplete) };
        let (last, rest) = (sealed / chunk, sealed % chunk);
        let Some(rest) = rest.checked_sub(TAG as u64).filter(|_| last < MAX_CHUNKS) else {
            return Err(incomplete);
        };
        let mut start = [0; HEAD];
        file.read_exact_at(&mut start, 0).map_err(io)?;
        let Some(salt) = start.strip_prefix(MAGIC) else { return Err(incomplete) };
        let key = self.file_key(context, salt)?;
        let opened = SealedFile { file, key, len: last * CHUNK as u64 + rest, last };
        // A file of another context, or cut off, is told here and not in the middle.
        opened.open_chunk(last, &mut Vec::new()).map_err(io)?;
        Ok(opened)
    }

    fn file_key(&self, context: &[u8], salt: &[u8]) -> Result<LessSafeKey, LedgerError> {
        let base = prk(self.derive(Label::Files)?.as_slice());
        let mut material = Zeroizing::new([0; 32]);
        expand(&base, &[salt, context].concat(), material.as_mut_slice())?;
        aead(material.as_slice())
    }
}

/// Zero 3 · number 8 · whether it is the last 1.
fn nonce(chunk: u64, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    for (byte, number) in nonce.iter_mut().skip(3).zip(chunk.to_be_bytes()) {
        *byte = number;
    }
    nonce[11] = u8::from(is_last);
    Nonce::assume_unique_for_key(nonce)
}

impl FileWriter {
    /// Seals the last chunk and makes the file durable.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(mut self) -> io::Result<()> {
        self.seal(true)?;
        self.file.sync_all()
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        if self.chunk >= MAX_CHUNKS {
            return Err(io::Error::other("a sealed file is too large"));
        }
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce(self.chunk, is_last), Aad::empty(), &mut self.buffer)
            .map_err(|_| io::Error::other("a chunk could not be sealed"))?;
        self.buffer.extend_from_slice(tag.as_ref());
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        self.chunk += 1;
        Ok(())
    }
}

impl Write for FileWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let most = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(bytes.get(..most).unwrap_or_default());
        if self.buffer.len() == CHUNK {
            self.seal(false)?;
        }
        Ok(most)
    }
    /// Only whole chunks are sealed; the rest waits for `finish`.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SealedFile {
    /// Bytes of the plaintext.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.len
    }
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// A reader from `position` on.
    #[must_use]
    pub fn reader(self: &Arc<Self>, position: u64) -> FileReader {
        FileReader { file: Arc::clone(self), position, chunk: Vec::new(), number: None }
    }

    fn open_chunk(&self, number: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let is_last = number == self.last;
        let len = if is_last { self.len - number * CHUNK as u64 } else { CHUNK as u64 };
        out.clear();
        out.resize(usize::try_from(len).unwrap_or(CHUNK) + TAG, 0);
        let offset = HEAD as u64 + number * (CHUNK + TAG) as u64;
        self.file.read_exact_at(out, offset)?;
        let opened = self.key.open_in_place(nonce(number, is_last), Aad::empty(), out);
        let len = opened.map_err(|_| io::Error::other("a sealed file was altered"))?.len();
        out.truncate(len);
        Ok(())
    }
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.file.len || buffer.is_empty() {
            return Ok(0);
        }
        let number = self.position / CHUNK as u64;
        if self.number != Some(number) {
            self.number = None;
            self.file.open_chunk(number, &mut self.chunk)?;
            self.number = Some(number);
        }
        let at = usize::try_from(self.position % CHUNK as u64).unwrap_or(CHUNK);
        let here = self.chunk.get(at..).unwrap_or_default();
        let most = here.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..most), here.get(..most)) {
            to.copy_from_slice(from);
        }
        self.position += most as u64;
        Ok(most)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let place = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::End(by) => self.file.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = place.ok_or_else(|| io::Error::other("before the beginning of a file"))?;
        Ok(self.position)
    }
}

#[cfg(test)]
#[cfg(not(feature = "model"))]
mod tests {
    use super::*;
    use crate::disk::{RealDisk, Volume};
    use plimsoll_types::SystemClock;

    fn keys(folder: &Path) -> Keys {
        let volume = Volume(Arc::new(RealDisk));
        Keys::open(folder, &volume, Arc::new(SystemClock::new()), None).expect("opens").0
    }

    #[test]
    fn what_is_sealed_comes_back_at_any_place_and_is_not_on_the_disk() {
        let folder = tempfile::tempdir().expect("temp");
        let keys = keys(&folder.path().join("keys"));
        let path = folder.path().join("file");
        for len in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 7] {
            let plain: Vec<u8> = (0..len).map(|n| u8::try_from(n % 251).expect("small")).collect();
            let mut writer = keys.seal_file(b"a", &path).expect("makes");
            writer.write_all(&plain).expect("writes");
            writer.finish().expect("finishes");
            let file = Arc::new(keys.open_file(b"a", &path).expect("opens"));
            assert_eq!(file.len(), len as u64);
            let mut back = Vec::new();
            file.reader(0).read_to_end(&mut back).expect("reads");
            assert_eq!(back, plain);
            let mut reader = file.reader(0);
            for place in [len / 2, len.saturating_sub(3), 0] {
                reader.seek(SeekFrom::Start(place as u64)).expect("seeks");
                let mut end = Vec::new();
                reader.read_to_end(&mut end).expect("reads");
                assert_eq!(end, plain[place..]);
            }
            let stored = std::fs::read(&path).expect("reads");
            assert!(len < 64 || !stored.windows(32).any(|w| w == &plain[..32]));
            assert!(keys.open_file(b"b", &path).is_err(), "another context");
        }
    }

    #[test]
    fn a_file_that_was_cut_or_altered_does_not_open_or_read() {
        let folder = tempfile::tempdir().expect("temp");
        let keys = keys(&folder.path().join("keys"));
        let path = folder.path().join("file");
        let mut writer = keys.seal_file(b"a", &path).expect("makes");
        writer.write_all(&vec![7; 2 * CHUNK + 9]).expect("writes");
        writer.finish().expect("finishes");
        let whole = std::fs::read(&path).expect("reads");
        for len in [0, 7, HEAD, HEAD + CHUNK + TAG, HEAD + 2 * (CHUNK + TAG), whole.len() - 1] {
            std::fs::write(&path, &whole[..len]).expect("writes");
            assert!(keys.open_file(b"a", &path).is_err(), "cut to {len}");
        }
        let mut altered = whole;
        altered[HEAD + 100] ^= 1;
        std::fs::write(&path, &altered).expect("writes");
        let file = Arc::new(keys.open_file(b"a", &path).expect("its last chunk is whole"));
        assert!(file.reader(0).read_to_end(&mut Vec::new()).is_err());
    }
}
