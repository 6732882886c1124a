//! Uploads that can be gone on with: after a broken connection, after a restart.
//!
//! ```text
//! sessions/<id>/about.json    whose, how long, until when
//! sessions/<id>/data          header and full chunks, sealed
//! sessions/<id>/partial       the chunk that is not full yet, sealed for itself
//! ```
//!
//! The offset is what is on disk, never what somebody noted. A session that is taken up again
//! from disk is sealed anew under another key while it is read: what a crash cut off was sealed
//! under a nonce that must not be used for other bytes.

use crate::cipher::{End, HEADER_LEN, Stream, TAG_LEN, fill};
use crate::error::{ArtifactError, Part};
use crate::parts::PartsSpec;
use crate::store::ArtifactStore;
use crate::upload::{Sealer, Stored};
use fs_err as fs;
use plimsoll_types::digest::{hex, unhex};
use plimsoll_types::{Digest, Time};
use serde::{Deserialize, Serialize};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, PoisonError};

/// Uploads under way at once. Each is a folder, and at most 5 MB of memory while it is written.
pub const MAX_SESSIONS: usize = 256;
/// Seconds that an upload may take from its beginning.
pub const SESSION_TTL: u64 = 24 * 60 * 60;
/// Sessions whose hash and last chunk are kept in memory between requests: 1 MiB each. One more
/// is read back from disk when it goes on.
const MAX_WARM: usize = 16;
/// The longest note of a session: owner, numbers and a path.
const MAX_ABOUT: u64 = 16_384;

/// Names an upload. Random: who does not know it cannot go on with it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    fn new() -> Result<Self, ArtifactError> {
        let mut bytes = [0; 16];
        fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl std::fmt::Display for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}
impl std::fmt::Debug for SessionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionId(…)")
    }
}
impl FromStr for SessionId {
    type Err = ArtifactError;
    fn from_str(text: &str) -> Result<Self, ArtifactError> {
        unhex(text).map(Self).ok_or(ArtifactError::NoSession)
    }
}

/// What an upload is begun with.
#[derive(Debug, Clone, Default)]
pub struct SessionSpec {
    /// Who may go on with it: whatever the caller knows its users by.
    pub owner: String,
    /// Bytes that will come, if that is known.
    pub size: Option<u64>,
    /// Bytes that may come.
    pub max: u64,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who may go on with it.
    pub owner: String,
    /// Bytes taken: where it goes on.
    pub offset: u64,
    /// Bytes that will come, if that is known.
    pub size: Option<u64>,
    /// When it is removed if it has not ended.
    pub expires_at: Time,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) owner: String,
    size: Option<u64>,
    pub(crate) max: u64,
    expires: u64,
    /// Of an upload in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parts: Option<InParts>,
}

/// What an upload in parts is of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct InParts {
    pub(crate) path: String,
    pub(crate) count: u32,
}

/// A session between two requests.
pub(crate) struct Warm {
    sealer: Sealer,
    file: fs::File,
}

/// A session while one request writes to it. However it ends, what was taken stays.
pub struct Appender {
    store: Arc<ArtifactStore>,
    id: SessionId,
    folder: PathBuf,
    about: About,
    warm: Option<Warm>,
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appender").finish_non_exhaustive()
    }
}

impl ArtifactStore {
    /// Begins an upload that can be gone on with.
    ///
    /// # Errors
    /// [`ArtifactError::TooManySessions`], [`ArtifactError::TooLarge`],
    /// [`ArtifactError::Io`].
    pub fn begin_session(&self, spec: &SessionSpec, now: Time) -> Result<Session, ArtifactError> {
        if spec.size.is_some_and(|size| size > spec.max) {
            return Err(ArtifactError::TooLarge { limit: spec.max, what: "uploaded" });
        }
        let id = self.new_session(spec.owner.clone(), spec.size, spec.max, now, None)?;
        let (folder, about) = (self.session_folder(id), self.about(id, now)?);
        let mut file =
            fs::File::create(folder.join("data")).map_err(ArtifactError::io("written"))?;
        let sealer = Sealer::new(Stream::fresh(&self.key, self.layout)?, &mut file)?;
        self.keep_warm(id, Warm { sealer, file });
        Ok(shown(id, &about, 0))
    }

    /// The folder of a new session, of either kind.
    pub(crate) fn new_session(
        &self,
        owner: String,
        size: Option<u64>,
        max: u64,
        now: Time,
        parts: Option<&PartsSpec>,
    ) -> Result<SessionId, ArtifactError> {
        if self.session_ids()?.len() >= MAX_SESSIONS {
            self.expire_sessions(now)?;
        }
        if self.session_ids()?.len() >= MAX_SESSIONS {
            return Err(ArtifactError::TooManySessions(MAX_SESSIONS));
        }
        let id = SessionId::new()?;
        let folder = self.session_folder(id);
        let expires = now.as_secs().saturating_add(SESSION_TTL);
        let in_parts = parts.map(|spec| InParts { path: spec.path.clone(), count: spec.count });
        let about = About { owner, size, max, expires, parts: in_parts };
        let text = serde_json::to_vec(&about).map_err(|_| ArtifactError::Cipher)?;
        let make = || {
            fs::create_dir_all(&folder)?;
            if parts.is_some() {
                fs::create_dir_all(folder.join("parts"))?;
            }
            fs::write(folder.join("about.json"), text)
        };
        make().map_err(ArtifactError::io("written"))?;
        Ok(id)
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// [`ArtifactError::NoSession`] if it ended or expired.
    pub fn session(&self, id: SessionId, now: Time) -> Result<Session, ArtifactError> {
        let about = self.about(id, now)?;
        if let Some(warm) = self.warm().get(&id) {
            return Ok(shown(id, &about, warm.sealer.size()));
        }
        if self.writing().contains(&id) {
            return Err(ArtifactError::Busy);
        }
        let offset = offset_on_disk(&self.session_folder(id), &self.key)?;
        Ok(shown(id, &about, offset))
    }

    /// Goes on with an upload at `offset`, which must be where it is.
    ///
    /// # Errors
    /// [`ArtifactError::NoSession`], [`ArtifactError::Busy`], [`ArtifactError::Offset`],
    /// [`ArtifactError::DamagedUpload`].
    pub fn append(
        self: &Arc<Self>,
        id: SessionId,
        offset: u64,
        now: Time,
    ) -> Result<Appender, ArtifactError> {
        let about = self.about(id, now)?;
        if !self.writing().insert(id) {
            return Err(ArtifactError::Busy);
        }
        let folder = self.session_folder(id);
        // From here on the drop of the appender gives the session free again.
        let mut appender = Appender { store: Arc::clone(self), id, folder, about, warm: None };
        let known = self.warm().remove(&id);
        let warm = match known {
            Some(warm) => warm,
            None => taken_up(self, &appender.folder)?,
        };
        let at = warm.sealer.size();
        appender.warm = Some(warm);
        if at != offset {
            return Err(ArtifactError::Offset { at });
        }
        Ok(appender)
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// [`ArtifactError::Busy`] while a request writes to it; [`ArtifactError::Io`].
    pub fn abort_session(&self, id: SessionId) -> Result<(), ArtifactError> {
        if !self.writing().insert(id) {
            return Err(ArtifactError::Busy);
        }
        self.warm().remove(&id);
        let removed = remove_folder(&self.session_folder(id));
        self.writing().remove(&id);
        removed
    }

    /// Removes uploads that expired. Gives their number.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn expire_sessions(&self, now: Time) -> Result<usize, ArtifactError> {
        let mut removed = 0;
        for id in self.session_ids()? {
            if !matches!(self.about(id, now), Err(ArtifactError::NoSession)) {
                continue;
            }
            match self.abort_session(id) {
                Ok(()) => removed += 1,
                Err(ArtifactError::Busy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(removed)
    }

    pub(crate) fn session_folder(&self, id: SessionId) -> PathBuf {
        self.sessions.join(id.to_string())
    }

    fn session_ids(&self) -> Result<Vec<SessionId>, ArtifactError> {
        let mut ids = Vec::new();
        for item in fs::read_dir(&self.sessions).map_err(ArtifactError::io("read"))? {
            let item = item.map_err(ArtifactError::io("read"))?;
            ids.extend(item.file_name().to_str().and_then(|name| name.parse::<SessionId>().ok()));
        }
        Ok(ids)
    }

    /// A session that is there and has not expired.
    pub(crate) fn about(&self, id: SessionId, now: Time) -> Result<About, ArtifactError> {
        let text = read_all(&self.session_folder(id).join("about.json"), MAX_ABOUT)?;
        // One that a crash cut short was acknowledged to nobody.
        let about: About = serde_json::from_slice(&text).map_err(|_| ArtifactError::NoSession)?;
        if now.as_secs() >= about.expires { Err(ArtifactError::NoSession) } else { Ok(about) }
    }

    fn keep_warm(&self, id: SessionId, warm: Warm) {
        let mut kept = self.warm();
        if kept.len() >= MAX_WARM
            && let Some(other) = kept.keys().next().copied()
        {
            // What it took is on disk; it is read back when it goes on.
            kept.remove(&other);
        }
        kept.insert(id, warm);
    }

    fn warm(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<SessionId, Warm>> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub(crate) fn writing(
        &self,
    ) -> std::sync::MutexGuard<'_, std::collections::HashSet<SessionId>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Appender {
    /// Bytes taken so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.warm.as_ref().map_or(0, |warm| warm.sealer.size())
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`] beyond what was announced or may come;
    /// [`ArtifactError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        let limit = self.about.size.unwrap_or(self.about.max).min(self.about.max);
        let warm = self.warm.as_mut().ok_or(ArtifactError::NoSession)?;
        if warm.sealer.size().saturating_add(bytes.len() as u64) > limit {
            return Err(ArtifactError::TooLarge { limit, what: "uploaded" });
        }
        let written = warm.sealer.write(bytes, &mut warm.file);
        if written.is_err() {
            // What is in memory and what is on disk may differ: the next one reads it back.
            self.warm = None;
        }
        written
    }

    /// Ends this request; the upload can be gone on with. On return what was taken is durable.
    ///
    /// # Errors
    /// [`ArtifactError::Io`].
    pub fn pause(mut self) -> Result<u64, ArtifactError> {
        let offset = self.offset();
        self.rest(true)?;
        Ok(offset)
    }

    /// Ends the upload: on return the artifact is durable under its digest, which must be
    /// `expected` where the uploader named one.
    ///
    /// # Errors
    /// [`ArtifactError::Incomplete`], [`ArtifactError::OtherDigest`] (the upload is over then),
    /// [`ArtifactError::Io`].
    pub fn finish(mut self, expected: Option<Digest>) -> Result<Stored, ArtifactError> {
        let got = self.offset();
        if let Some(announced) = self.about.size.filter(|&size| size != got) {
            return Err(ArtifactError::Incomplete { announced, got });
        }
        let mut warm = self.warm.take().ok_or(ArtifactError::NoSession)?;
        let stored = warm.sealer.finish(&mut warm.file)?;
        if expected.is_some_and(|digest| digest != stored.digest) {
            remove_folder(&self.folder)?;
            return Err(ArtifactError::OtherDigest(stored.digest));
        }
        warm.file.sync_all().map_err(ArtifactError::io("written"))?;
        self.store.shelf.publish(&self.folder.join("data"), stored.digest)?;
        remove_folder(&self.folder)?;
        Ok(stored)
    }

    /// Puts what is in memory on disk and gives the session back.
    fn rest(&mut self, is_durable: bool) -> Result<(), ArtifactError> {
        let Some(warm) = self.warm.take() else { return Ok(()) };
        let partial = warm.sealer.partial()?;
        let (new, path) = (self.folder.join("partial.new"), self.folder.join("partial"));
        let put = || {
            fs::write(&new, partial)?;
            if is_durable {
                warm.file.sync_data()?;
                fs::File::open(&new)?.sync_all()?;
            }
            fs::rename(&new, &path)
        };
        put().map_err(ArtifactError::io("written"))?;
        self.store.keep_warm(self.id, warm);
        Ok(())
    }
}

impl Drop for Appender {
    fn drop(&mut self) {
        if let Err(error) = self.rest(false) {
            tracing::debug!(%error, "an upload that broke off is read back when it goes on");
        }
        self.store.writing().remove(&self.id);
    }
}

fn shown(id: SessionId, about: &About, offset: u64) -> Session {
    let expires_at = Time::from_micros(about.expires.saturating_mul(1_000_000));
    Session { id, owner: about.owner.clone(), offset, size: about.size, expires_at }
}

fn remove_folder(folder: &Path) -> Result<(), ArtifactError> {
    match fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ArtifactError::io("removed")(error)),
    }
}

/// What is on disk of a session.
struct OnDisk {
    file: fs::File,
    stream: Stream,
    /// Full chunks that are there whole.
    chunks: u64,
    /// The beginning of the next.
    partial: Vec<u8>,
}

fn on_disk(folder: &Path, key: &crate::ArtifactKey) -> Result<OnDisk, ArtifactError> {
    let mut file = match fs::File::open(folder.join("data")) {
        Ok(file) => file,
        // It ended, and a crash came before its folder was gone.
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(ArtifactError::NoSession),
        Err(error) => return Err(ArtifactError::io("read")(error)),
    };
    let length = file.metadata().map_err(ArtifactError::io("read"))?.len();
    let mut header = vec![0; HEADER_LEN];
    file.read_exact(&mut header).map_err(ArtifactError::io("read"))?;
    let damaged = ArtifactError::DamagedUpload(Part::Header);
    let stream = Stream::open(key, &header).ok_or(damaged)?;
    let full = stream.layout().chunk() + TAG_LEN as u64;
    let mut chunks = length.saturating_sub(HEADER_LEN as u64) / full;
    // What a crash cut off was not acknowledged: part of a chunk, or the last chunk and the
    // trailer of an upload that was about to end.
    while chunks > 0 && !is_whole(&mut file, &stream, chunks - 1)? {
        chunks -= 1;
    }
    // One of an earlier place is in a full chunk by now; `.new` is left where a crash came
    // between the renames.
    let mut partial = None;
    for name in ["partial", "partial.new"] {
        let sealed = read_all(&folder.join(name), full * 2)?;
        partial = partial.or_else(|| stream.open_partial(chunks, &sealed));
    }
    Ok(OnDisk { file, stream, chunks, partial: partial.unwrap_or_default() })
}

fn is_whole(file: &mut fs::File, stream: &Stream, chunk: u64) -> Result<bool, ArtifactError> {
    Ok(stream.unseal(chunk, End::More, &mut sealed_chunk(file, stream, chunk)?).is_ok())
}

fn sealed_chunk(
    file: &mut fs::File,
    stream: &Stream,
    chunk: u64,
) -> Result<Vec<u8>, ArtifactError> {
    let full = stream.layout().chunk() + TAG_LEN as u64;
    let mut bytes = Vec::with_capacity(usize::try_from(full).unwrap_or(0));
    let mut read = || {
        file.seek(SeekFrom::Start(HEADER_LEN as u64 + chunk * full))?;
        file.by_ref().take(full).read_to_end(&mut bytes)
    };
    read().map_err(ArtifactError::io("read"))?;
    Ok(bytes)
}

/// A small file of ours; nothing if it is not there.
fn read_all(path: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let mut bytes = Vec::new();
    match fs::File::open(path) {
        Ok(file) => {
            let read = file.take(limit).read_to_end(&mut bytes);
            read.map_err(ArtifactError::io("read"))?;
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(ArtifactError::io("read")(error)),
    }
    Ok(bytes)
}

fn offset_on_disk(folder: &Path, key: &crate::ArtifactKey) -> Result<u64, ArtifactError> {
    let found = on_disk(folder, key)?;
    Ok(found.chunks * found.stream.layout().chunk() + found.partial.len() as u64)
}

/// Takes a session up from disk: reads, checks and hashes what is there, sealing it anew.
fn taken_up(store: &ArtifactStore, folder: &Path) -> Result<Warm, ArtifactError> {
    let mut found = on_disk(folder, &store.key)?;
    let (new, path) = (folder.join("data.new"), folder.join("data"));
    let mut file = fs::File::create(&new).map_err(ArtifactError::io("written"))?;
    let mut sealer = Sealer::new(Stream::fresh(&store.key, store.layout)?, &mut file)?;
    for chunk in 0..found.chunks {
        let mut text = sealed_chunk(&mut found.file, &found.stream, chunk)?;
        let opened = found.stream.unseal(chunk, End::More, &mut text);
        opened.map_err(ArtifactError::DamagedUpload)?;
        sealer.write(&text, &mut file)?;
    }
    sealer.write(&found.partial, &mut file)?;
    // The partial chunk of the new file first: until the last rename it is found as `.new`.
    let partial = sealer.partial()?;
    let put = || {
        fs::write(folder.join("partial.new"), partial)?;
        file.sync_data()?;
        fs::rename(&new, &path)?;
        fs::rename(folder.join("partial.new"), folder.join("partial"))
    };
    put().map_err(ArtifactError::io("written"))?;
    Ok(Warm { sealer, file })
}
