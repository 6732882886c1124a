//! Checkpoints as files that are written once, in a folder that should be on another disk or
//! mount: one that the server can add to and not change, if the operator can arrange it.

use super::sinks::{CheckpointSink, Growth, KnownHead, SinkError};
use super::status::SignedCheckpoint;
use plimsoll_tlog::note::{MAX_NOTE_BYTES, Signature};
use plimsoll_tlog::{Checkpoint, Note, Vkey};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The least time between two files: 525,600 of them a year.
const INTERVAL: Duration = Duration::from_secs(60);
const ENDING: &str = ".checkpoint";
/// Files looked at for the latest one: twenty years of them.
const MAX_FILES: usize = 10_000_000;

/// A folder of checkpoints, each in a file named by its size.
#[derive(Debug)]
pub struct WriteOnceFolder {
    folder: PathBuf,
    name: String,
    log: Option<Vkey>,
}

impl WriteOnceFolder {
    /// The folder, which must be there.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        let name = format!("the folder `{}`", folder.display());
        Self { folder, name, log: None }
    }

    fn path(&self, size: u64) -> PathBuf {
        self.folder.join(format!("{size:020}{ENDING}"))
    }

    /// The file with the largest size in its name.
    fn last(&self) -> Result<Option<PathBuf>, SinkError> {
        let items = std::fs::read_dir(&self.folder).map_err(|e| self.failed(&e))?;
        let mut last: Option<PathBuf> = None;
        for item in items.take(MAX_FILES) {
            let path = item.map_err(|e| self.failed(&e))?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let digits = name.strip_suffix(ENDING).unwrap_or_default();
            let is_one = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
            if is_one && last.as_ref().is_none_or(|last| path > *last) {
                last = Some(path);
            }
        }
        Ok(last)
    }

    fn failed(&self, error: &std::io::Error) -> SinkError {
        SinkError::failed(format!("{} cannot be used: {error}", self.name))
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_NOTE_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a note: what is signed, whoever signed it.
fn text_of(note: &[u8]) -> Option<String> {
    Some(Note::parse(note).ok()?.text().to_owned())
}

impl CheckpointSink for WriteOnceFolder {
    fn name(&self) -> &str {
        &self.name
    }
    fn interval(&self) -> Duration {
        INTERVAL
    }

    /// What was not signed by this log's key does not count: anyone who can write to the folder
    /// could stop the signing with it.
    fn known(&mut self, empty: &str) -> Result<Option<KnownHead>, SinkError> {
        let Some(path) = self.last()? else { return Ok(None) };
        let note = read(&path).map_err(|e| self.failed(&e))?;
        let head = text_of(&note).and_then(|text| Checkpoint::parse(&text).ok());
        let own = text_of(empty.as_bytes()).and_then(|text| Checkpoint::parse(&text).ok());
        match (head, own) {
            (Some(head), Some(own)) if head.origin == own.origin => {
                Ok(Some(KnownHead { size: head.size, root: Some(head.root) }))
            }
            _ => Err(SinkError::failed(format!(
                "`{}` is not a checkpoint of this log",
                path.display()
            ))),
        }
    }

    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        _: &dyn Growth,
    ) -> Result<Vec<Signature>, SinkError> {
        let path = self.path(checkpoint.size);
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).mode(0o440).open(&path) {
            Ok(mut file) => {
                file.write_all(checkpoint.note.as_bytes())
                    .and_then(|()| file.sync_all())
                    .and_then(|()| File::open(&self.folder)?.sync_all())
                    .map_err(|e| self.failed(&e))?;
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let found = read(&path).map_err(|e| self.failed(&e))?;
                if text_of(&found) != text_of(checkpoint.note.as_bytes()) {
                    return Err(SinkError::Forked(checkpoint.size));
                }
            }
            Err(e) => return Err(self.failed(&e)),
        }
        Ok(Vec::new())
    }
}
