//! What a witness has cosigned, a file for each log: `heads/<hash of the origin>`, the checkpoint
//! with its signatures as monitors get it.
//!
//! A head is on disk before anybody hears of it: written beside, synced, renamed over the last,
//! the folder synced. Requests for one log wait for each other; a lock on the folder keeps a
//! second process out.

use super::WitnessError;
use crate::error::ServerError;
use fs_err as fs;
use plimsoll_tlog::note::MAX_NOTE_BYTES;
use plimsoll_tlog::witness::{Head, Heads, Witness, origin_hash};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The content of the file `format`.
const FORMAT: &str = "plimsoll-witness 1\n";

/// The heads of the logs that a witness knows.
#[derive(Debug)]
pub(super) struct FileHeads {
    folder: fs::File,
    /// By the hash of the origin.
    logs: BTreeMap<String, Log>,
    /// Locked while this lives.
    _lock: fs::File,
}

#[derive(Debug)]
struct Log {
    /// Held while a head is decided and written.
    state: Mutex<State>,
    /// What monitors get, which does not wait for the disk.
    shown: Mutex<Option<String>>,
}

#[derive(Debug)]
enum State {
    /// What is on disk.
    Known(Option<Head>),
    /// A rename or its sync failed, so the disk may have either head: only a restart can tell.
    Unknown,
}

/// Why a head was not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum HeadsError {
    /// No log of this witness.
    #[error("the log is not one of this witness")]
    Origin,
    /// An earlier write failed half-way.
    #[error("an earlier write of this head failed; restart the witness to read what is on disk")]
    Unknown,
    /// The disk failed.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

impl FileHeads {
    /// Opens or makes the folder, and reads the heads of all logs of the witness.
    pub(super) fn open(data: &Path, witness: &Witness) -> Result<Self, WitnessError> {
        let failed = |what: &'static str| {
            move |source| ServerError::Folder { what, path: data.to_owned(), source }
        };
        let path = data.join("heads");
        fs::create_dir_all(&path).map_err(failed("make"))?;
        let lock = fs::File::create(data.join("lock")).map_err(failed("lock"))?;
        if lock.file().try_lock().is_err() {
            return Err(WitnessError::Locked(data.to_owned()));
        }
        check_format(data)?;
        let folder = fs::File::open(&path).map_err(failed("read"))?;
        let mut logs = BTreeMap::new();
        for origin in witness.origins() {
            let name = origin_hash(origin);
            let head = read(&path.join(&name), origin, witness)?;
            let shown = Mutex::new(head.as_ref().map(|head| head.note.clone()));
            logs.insert(name, Log { state: Mutex::new(State::Known(head)), shown });
        }
        Ok(Self { folder, logs, _lock: lock })
    }

    /// The head by the hash of its origin, as monitors ask for it.
    pub(super) fn note(&self, origin_hash: &str) -> Option<String> {
        lock(&self.logs.get(origin_hash)?.shown).clone()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a head beside the last: nothing has changed if this fails.
    fn write(&self, name: &str, head: &Head) -> std::io::Result<PathBuf> {
        let new = self.path(&format!("{name}.new"));
        let mut file = fs::File::create(&new)?;
        file.write_all(head.note.as_bytes())?;
        file.sync_all()?;
        Ok(new)
    }
}

impl Heads for FileHeads {
    type Error = HeadsError;

    fn advance<T, R>(
        &self,
        origin: &str,
        next: impl FnOnce(Option<&Head>) -> Result<(Head, T), R>,
    ) -> Result<Result<T, R>, HeadsError> {
        let name = origin_hash(origin);
        let log = self.logs.get(&name).ok_or(HeadsError::Origin)?;
        let mut state = lock(&log.state);
        let State::Known(latest) = &*state else { return Err(HeadsError::Unknown) };
        let (head, answer) = match next(latest.as_ref()) {
            Ok(next) => next,
            Err(refused) => return Ok(Err(refused)),
        };
        // Asked again, it signs again: nothing new to keep, so repeating costs no sync.
        if latest.as_ref().is_some_and(|kept| (kept.size, kept.root) == (head.size, head.root)) {
            return Ok(Ok(answer));
        }
        let new = self.write(&name, &head)?;
        *state = State::Unknown;
        fs::rename(new, self.path(&name))?;
        self.folder.sync_all()?;
        *lock(&log.shown) = Some(head.note.clone());
        *state = State::Known(Some(head));
        Ok(Ok(answer))
    }
}

/// A panic under a lock leaves a state that says itself whether it is known.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The head in a file, which must be one of this log that this witness cosigned: its signature
/// also finds what the disk altered.
fn read(path: &Path, origin: &str, witness: &Witness) -> Result<Option<Head>, WitnessError> {
    let failed = |source| ServerError::Folder { what: "read", path: path.to_owned(), source };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error).into()),
    };
    let limit = u64::try_from(MAX_NOTE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut note = Vec::new();
    file.take(limit).read_to_end(&mut note).map_err(failed)?;
    let wrong = |source| WitnessError::Head { path: path.to_owned(), source };
    match Head::open(&note, witness.vkey()) {
        Ok((found, head)) if found == origin => Ok(Some(head)),
        Ok(_) => Err(wrong(None)),
        Err(source) => Err(wrong(Some(source))),
    }
}

fn check_format(data: &Path) -> Result<(), WitnessError> {
    let path = data.join("format");
    let failed = |source| ServerError::Folder { what: "read", path: path.clone(), source };
    match fs::read_to_string(&path) {
        Ok(found) if found == FORMAT => Ok(()),
        Ok(found) => Err(ServerError::Format {
            path: data.to_owned(),
            found: found.trim_end().chars().take(64).collect(),
            expected: FORMAT.trim_end(),
        }
        .into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::write(&path, FORMAT).map_err(failed)?;
            let synced = fs::File::open(&path).and_then(|file| file.sync_all());
            synced.and_then(|()| fs::File::open(data)?.sync_all()).map_err(failed)?;
            Ok(())
        }
        Err(error) => Err(failed(error).into()),
    }
}
