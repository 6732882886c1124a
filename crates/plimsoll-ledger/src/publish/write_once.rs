//! Checkpoints as files that are written once, in a folder that should be on another disk or
//! mount: one that the server can add to and not change, if the operator can arrange it.

use super::sinks::{CheckpointSink, KnownHead, LogSource, SinkError};
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

/// A folder of checkpoints: `<key id of the log>/<size>.checkpoint`.
#[derive(Debug)]
pub struct WriteOnceFolder {
    root: PathBuf,
    name: String,
    /// The folder of this log, once the log is known.
    folder: Option<PathBuf>,
}

impl WriteOnceFolder {
    /// The folder, which must be there.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let name = format!("the folder `{}`", root.display());
        Self { root, name, folder: None }
    }

    /// The file with the largest size in its name.
    fn last(&self, folder: &Path) -> Result<Option<PathBuf>, SinkError> {
        let items = std::fs::read_dir(folder).map_err(|e| self.failed(&e))?;
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

/// Makes a file that was not there, whole. The name is given by a link, which never takes the
/// place of another file.
fn write_new(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let fresh = path.with_extension("fresh");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o440).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh)?;
    linked?;
    File::open(folder)?.sync_all()
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

    fn known(&mut self, log: &Vkey, _: &str) -> Result<Option<KnownHead>, SinkError> {
        let folder = self.root.join(format!("{:08x}", log.key_id()));
        if !self.root.is_dir() {
            return Err(self.failed(&ErrorKind::NotFound.into()));
        }
        match std::fs::create_dir(&folder) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(self.failed(&e)),
            _ => {}
        }
        let last = self.last(&folder)?;
        self.folder = Some(folder);
        let Some(path) = last else { return Ok(None) };
        let note = read(&path).map_err(|e| self.failed(&e))?;
        let opened = Checkpoint::open(&note, &[log]).map_err(|error| {
            SinkError::failed(format!("`{}` is no checkpoint of this log: {error}", path.display()))
        })?;
        let Checkpoint { size, root, .. } = opened.checkpoint;
        Ok(Some(KnownHead { size, root: Some(root) }))
    }

    fn put(
        &mut self,
        checkpoint: &SignedCheckpoint,
        _: &dyn LogSource,
    ) -> Result<Vec<Signature>, SinkError> {
        let away = || SinkError::failed(format!("{} could not be used at the start", self.name));
        let folder = self.folder.as_ref().ok_or_else(away)?;
        let path = folder.join(format!("{:020}{ENDING}", checkpoint.size));
        match write_new(folder, &path, checkpoint.note.as_bytes()) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let found = read(&path).map_err(|e| self.failed(&e))?;
                if text_of(&found) == text_of(checkpoint.note.as_bytes()) {
                    Ok(Vec::new())
                } else {
                    Err(SinkError::Forked(checkpoint.size))
                }
            }
            other => other.map(|()| Vec::new()).map_err(|e| self.failed(&e)),
        }
    }
}
