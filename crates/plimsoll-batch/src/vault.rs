//! The files of a job: what it reads, its parts, its result. All of them sealed; a job's folder is
//! removed as a whole.

use crate::error::BatchError;
use aws_lc_rs::digest::{Context, SHA256};
use fs_err as fs;
use plimsoll_ledger::{FileReader, FileWriter, Ledger, SealedFile};
use plimsoll_table::Bytes;
use plimsoll_types::{BatchId, Digest};
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

const INPUT: &str = "input";
const RESULT: &str = "result";

/// The folder of all jobs.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
    ledger: Ledger,
}

/// A file of rows on its way in. Dropped unfinished, it leaves nothing that is used.
#[derive(Debug)]
pub struct InputWriter {
    sink: Hashed,
    max: u64,
}

/// Writes to a sealed file, and keeps count and digest of what it was given.
#[derive(Debug, Clone)]
pub(crate) struct Hashed(Arc<Mutex<Sink>>);

struct Sink {
    file: Option<FileWriter>,
    hash: Context,
    len: u64,
}

impl std::fmt::Debug for Sink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sink").field("len", &self.len).finish_non_exhaustive()
    }
}

/// A sealed file as a table reads it.
#[derive(Debug)]
pub(crate) struct Opened(pub(crate) Arc<SealedFile>);

impl Bytes for Opened {
    fn len(&self) -> u64 {
        self.0.len()
    }
    fn reader(&self, position: u64) -> Box<dyn Read + Send> {
        Box::new(self.0.reader(position))
    }
}

impl Vault {
    /// The jobs in `folder`, sealed with the keys of `ledger`.
    #[must_use]
    pub fn new(folder: PathBuf, ledger: Ledger) -> Self {
        Self { folder, ledger }
    }

    /// Begins the file of a new job, of at most `max` bytes.
    ///
    /// # Errors
    /// I/O.
    pub fn begin_input(&self, job: BatchId, max: u64) -> Result<InputWriter, BatchError> {
        fs::create_dir_all(self.path(job))?;
        Ok(InputWriter { sink: self.create(job, INPUT)?, max })
    }

    /// The result of a job that is done, from the beginning, and its length.
    ///
    /// # Errors
    /// I/O, or it is not there.
    pub fn result(&self, job: BatchId) -> Result<(FileReader, u64), BatchError> {
        let file = self.open(job, RESULT)?;
        let len = file.len();
        Ok((file.reader(0), len))
    }

    /// Removes what a job read and its parts, which its result takes the place of.
    ///
    /// # Errors
    /// I/O.
    pub fn tidy(&self, job: BatchId, parts: u64) -> io::Result<()> {
        let mut names = (0..parts).map(part).chain([INPUT.to_owned()]);
        names.try_for_each(|name| gone(fs::remove_file(self.path(job).join(name))))
    }

    /// Removes everything of a job.
    ///
    /// # Errors
    /// I/O.
    pub fn remove(&self, job: BatchId) -> io::Result<()> {
        gone(fs::remove_dir_all(self.path(job)))
    }

    /// The jobs that have a folder.
    ///
    /// # Errors
    /// I/O.
    pub fn jobs(&self) -> io::Result<Vec<BatchId>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let names = fs::read_dir(&self.folder)?.filter_map(Result::ok);
        Ok(names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
    }

    pub(crate) fn open_input(&self, job: BatchId) -> Result<Arc<SealedFile>, BatchError> {
        self.open(job, INPUT)
    }
    pub(crate) fn open_part(
        &self,
        job: BatchId,
        number: u64,
    ) -> Result<Arc<SealedFile>, BatchError> {
        self.open(job, &part(number))
    }
    pub(crate) fn create_part(&self, job: BatchId, number: u64) -> Result<Hashed, BatchError> {
        self.create(job, &part(number))
    }
    pub(crate) fn create_result(&self, job: BatchId) -> Result<Hashed, BatchError> {
        self.create(job, RESULT)
    }

    fn create(&self, job: BatchId, name: &str) -> Result<Hashed, BatchError> {
        let keys = self.ledger.keys();
        let file = keys.seal_file(&context(job, name), &self.path(job).join(name));
        let sink = Sink {
            file: Some(file.map_err(BatchError::Sealed)?),
            hash: Context::new(&SHA256),
            len: 0,
        };
        Ok(Hashed(Arc::new(Mutex::new(sink))))
    }

    fn open(&self, job: BatchId, name: &str) -> Result<Arc<SealedFile>, BatchError> {
        let keys = self.ledger.keys();
        let file = keys.open_file(&context(job, name), &self.path(job).join(name));
        file.map(Arc::new).map_err(BatchError::Sealed)
    }

    /// Makes the names in a job's folder durable, and that of the folder.
    pub(crate) fn settle(&self, job: BatchId) -> io::Result<()> {
        fs::File::open(self.path(job))?.sync_all()?;
        fs::File::open(&self.folder)?.sync_all()
    }

    fn path(&self, job: BatchId) -> PathBuf {
        self.folder.join(job.to_string())
    }
}

impl InputWriter {
    /// Takes the next bytes; false if there are more than allowed. Blocks on the disk.
    ///
    /// # Errors
    /// I/O.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<bool> {
        let len = self.sink.len().saturating_add(bytes.len() as u64);
        if len > self.max {
            return Ok(false);
        }
        self.sink.write_all(bytes).map(|()| true)
    }
    /// Ends the file: it is durable when this returns. Gives its digest and length.
    ///
    /// # Errors
    /// I/O.
    pub fn finish(self, vault: &Vault, job: BatchId) -> io::Result<(Digest, u64)> {
        let made = self.sink.finish()?;
        vault.settle(job)?;
        Ok(made)
    }
}

impl Hashed {
    fn with<T>(&self, act: impl FnOnce(&mut Sink) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn len(&self) -> u64 {
        self.with(|sink| sink.len)
    }
    /// Completes the file; gives the digest and length of what it was given.
    pub(crate) fn finish(&self) -> io::Result<(Digest, u64)> {
        self.with(|sink| {
            let file =
                sink.file.take().ok_or_else(|| io::Error::other("it was finished before"))?;
            file.finish()?;
            let mut bytes = [0; 32];
            bytes.copy_from_slice(sink.hash.clone().finish().as_ref());
            Ok((Digest::from_bytes(bytes), sink.len))
        })
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|sink| {
            let file = sink.file.as_mut().ok_or_else(|| io::Error::other("it was finished"))?;
            let count = file.write(bytes)?;
            sink.hash.update(bytes.get(..count).unwrap_or_default());
            sink.len += count as u64;
            Ok(count)
        })
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn part(number: u64) -> String {
    format!("part-{number:08}")
}

fn context(job: BatchId, name: &str) -> Vec<u8> {
    [b"batch ", &job.as_bytes()[..], name.as_bytes()].concat()
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
