//! Where a table's bytes come from: a file, or whatever else can be read at any place.

use bytes::Bytes as Buffer;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

/// Bytes that can be read at any place, by several readers at once.
pub trait Bytes: Send + Sync + fmt::Debug {
    /// How many there are.
    fn len(&self) -> u64;
    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// A reader from `position` on.
    fn reader(&self, position: u64) -> Box<dyn Read + Send>;
}

/// A file as bytes.
#[derive(Debug)]
pub(crate) struct FileBytes {
    file: Arc<File>,
    len: u64,
}

impl FileBytes {
    pub(crate) fn new(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), len })
    }
}

struct FileReader {
    file: Arc<File>,
    position: u64,
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Bytes for FileBytes {
    fn len(&self) -> u64 {
        self.len
    }
    fn reader(&self, position: u64) -> Box<dyn Read + Send> {
        Box::new(FileReader { file: Arc::clone(&self.file), position })
    }
}

/// Bytes as the Parquet library reads them.
pub(crate) struct Chunks(pub(crate) Arc<dyn Bytes>);

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<Box<dyn Read + Send>>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        Ok(BufReader::new(self.0.reader(start)))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Buffer> {
        // A damaged file may ask for more than there is; that must not be allocated.
        let end = u64::try_from(length).ok().and_then(|length| start.checked_add(length));
        if end.is_none_or(|end| end > self.0.len()) {
            return Err(ParquetError::EOF("the file is damaged: a column ends beyond it".into()));
        }
        let mut buffer = vec![0; length];
        self.0.reader(start).read_exact(&mut buffer)?;
        Ok(buffer.into())
    }
}
