//! What outlives the process: slots of the open windows, windows that ended, and how far both go.
//!
//! ```text
//! monitor/mark.json                          every slot before this one is in the files
//! monitor/<deployment>/<version>-<reference>/slots           of the window that is open
//! monitor/<deployment>/<version>-<reference>/windows.jsonl   those that ended
//! ```
//!
//! All of it is derived from the ledger. What cannot be read is left behind and counted again.

use crate::recorder::Key;
use crate::reference::Reference;
use crate::tally::Tally;
use crate::track::MAX_WINDOWS;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use fs_err as fs;
use plimsoll_api::MonitoredWindow;
use plimsoll_ledger::LedgerError;
use plimsoll_types::{Digest, Time};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The largest slot in a file: 512 columns of some ten KiB, before they are packed.
const MAX_FRAME: usize = 16 << 20;
/// Bytes of the slots of one window. A day of minutes of hundred columns takes about as many;
/// beyond it, slots are not kept and a crash counts the window again from the ledger.
const MAX_SLOTS: u64 = 256 << 20;
/// Bytes of a file of windows before those that lists no longer show are dropped: some thousand
/// windows of hundred columns.
const MAX_WINDOW_BYTES: u64 = 128 << 20;
/// Windows in a file before the same is done at a start.
const MAX_LINES: usize = 2 * MAX_WINDOWS;

/// Why a watch could not go on.
#[derive(Debug, thiserror::Error)]
pub enum MonitorError {
    /// A file.
    #[error("a file of the monitor could not be read or written")]
    Io(#[from] io::Error),
    /// The ledger.
    #[error("the ledger could not be read")]
    Ledger(#[from] LedgerError),
    /// JSON of our own.
    #[error("what the monitor keeps could not be written")]
    Json(#[from] serde_json::Error),
}

/// How far the files go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Everything before this time is in the files.
    pub until: Time,
    /// Nothing before this ledger index is of that time or later.
    pub index: u64,
}

#[derive(Serialize, Deserialize)]
struct Frame {
    from: Time,
    tally: Tally,
}

/// The monitor's folder.
#[derive(Debug, Clone)]
pub struct Files {
    root: PathBuf,
}

/// The files of one version and its reference.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

impl Files {
    /// The folder, made if it is not there.
    ///
    /// # Errors
    /// [`MonitorError::Io`].
    pub fn open(root: PathBuf) -> Result<Self, MonitorError> {
        fs::create_dir_all(&root)?;
        Ok(Self { root })
    }

    /// How far the files go; `None` if nothing was ever kept.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        serde_json::from_slice(&fs::read(self.root.join("mark.json")).ok()?).ok()
    }

    /// Notes how far the files go.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn note(&self, mark: Mark) -> Result<(), MonitorError> {
        Ok(replace(&self.root.join("mark.json"), &serde_json::to_vec(&mark)?)?)
    }

    /// The files of a version and a reference.
    #[must_use]
    pub fn shelf(&self, key: Key, reference: Option<Digest>) -> Shelf {
        let reference = reference.map_or_else(
            || "none".to_owned(),
            |digest| digest.to_string().chars().take(16).collect(),
        );
        let folder = self.root.join(key.0.to_string()).join(format!("{}-{reference}", key.1));
        Shelf { folder }
    }

    /// Every version that something is kept of without a reference.
    #[must_use]
    pub fn unreferenced(&self) -> Vec<Key> {
        let entries = |folder: &Path| {
            fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).collect::<Vec<_>>()
        };
        let mut found = Vec::new();
        for deployment in entries(&self.root) {
            let Some(id) = deployment.file_name().to_str().and_then(|name| name.parse().ok())
            else {
                continue;
            };
            for version in entries(&deployment.path()) {
                let number = version.file_name().to_str().and_then(|name| {
                    name.strip_suffix("-none").and_then(|number| number.parse().ok())
                });
                found.extend(number.map(|number| (id, number)));
            }
        }
        found
    }
}

impl Shelf {
    /// Adds a slot of the open window, durably.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn add_slot(&self, from: Time, tally: &Tally) -> Result<(), MonitorError> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join("slots");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
        if file.metadata()?.len() > MAX_SLOTS {
            return Ok(());
        }
        let json = serde_json::to_vec(&Frame { from, tally: tally.without_edges() })?;
        let mut packer = DeflateEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(&json)?;
        let packed = packer.finish()?;
        let length = u32::try_from(packed.len()).map_err(io::Error::other)?;
        let mut frame = length.to_le_bytes().to_vec();
        frame.extend(crc32fast::hash(&packed).to_le_bytes());
        frame.extend(packed);
        file.write_all(&frame)?;
        Ok(file.sync_data()?)
    }

    /// The slots from `since` on and before `until`, as far as they can be read.
    #[must_use]
    pub fn slots(
        &self,
        since: Option<Time>,
        until: Time,
        reference: Option<&Reference>,
    ) -> Vec<(Time, Tally)> {
        let bytes = fs::read(self.folder.join("slots")).unwrap_or_default();
        let mut rest = &bytes[..];
        let mut slots = Vec::new();
        while let Some((frame, after)) = next(rest) {
            rest = after;
            let is_wanted = since.is_none_or(|since| since <= frame.from) && frame.from < until;
            if is_wanted && let Ok(tally) = frame.tally.on_edges(reference) {
                slots.push((frame.from, tally));
            }
        }
        slots
    }

    /// Keeps only these slots: what was kept of others is counted again.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn keep_slots(&self, slots: &[(Time, Tally)]) -> Result<(), MonitorError> {
        self.clear_slots()?;
        slots.iter().try_for_each(|(from, tally)| self.add_slot(*from, tally))
    }

    /// Forgets all slots: their window has ended.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn clear_slots(&self) -> Result<(), MonitorError> {
        match fs::remove_file(self.folder.join("slots")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Adds a window that has ended, durably; `all` are those that lists show, this one among them.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn add_window(
        &self,
        window: &MonitoredWindow,
        all: &VecDeque<MonitoredWindow>,
    ) -> Result<(), MonitorError> {
        fs::create_dir_all(&self.folder)?;
        let path = self.folder.join("windows.jsonl");
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path)?;
        if file.metadata()?.len() > MAX_WINDOW_BYTES {
            return self.keep_windows(all);
        }
        let mut line = serde_json::to_vec(window)?;
        line.push(b'\n');
        file.write_all(&line)?;
        Ok(file.sync_data()?)
    }

    /// Removes everything: another reference has taken the place of this one.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn remove(&self) -> Result<(), MonitorError> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The windows that ended, the oldest first, as far as they can be read.
    ///
    /// # Errors
    /// [`MonitorError`] if the file could not be made shorter.
    pub fn windows(&self) -> Result<VecDeque<MonitoredWindow>, MonitorError> {
        let text = fs::read(self.folder.join("windows.jsonl")).unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let all: Vec<&[u8]> = lines.collect();
        let read = all.iter().map_while(|line| serde_json::from_slice(line).ok());
        let mut windows: VecDeque<MonitoredWindow> = read.collect();
        let is_whole = windows.len() == all.len() && all.len() <= MAX_LINES;
        while windows.len() > MAX_WINDOWS {
            windows.pop_front();
        }
        if !is_whole {
            self.keep_windows(&windows)?;
        }
        Ok(windows)
    }

    /// Keeps only these windows.
    ///
    /// # Errors
    /// [`MonitorError`] if it could not.
    pub fn keep_windows(&self, windows: &VecDeque<MonitoredWindow>) -> Result<(), MonitorError> {
        fs::create_dir_all(&self.folder)?;
        let mut text = Vec::new();
        for window in windows {
            text.extend(serde_json::to_vec(window)?);
            text.push(b'\n');
        }
        Ok(replace(&self.folder.join("windows.jsonl"), &text)?)
    }
}

/// The next frame and what follows it; `None` at the end and at what a crash left half.
fn next(bytes: &[u8]) -> Option<(Frame, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (packed, rest) = rest.split_at_checked(length)?;
    if crc32fast::hash(packed) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut json = Vec::new();
    let limit = u64::try_from(MAX_FRAME).ok()?;
    DeflateDecoder::new(packed).take(limit).read_to_end(&mut json).ok()?;
    Some((serde_json::from_slice(&json).ok()?, rest))
}

/// Writes a file whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    fs::rename(new, path)
}
