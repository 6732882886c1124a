//! Uploads whose parts come in any order and at once, as MLflow's clients send large files.
//!
//! ```text
//! sessions/<id>/about.json        whose, for what, until when
//! sessions/<id>/parts/<number>    a part that is there whole, sealed for itself
//! sessions/<id>/parts/<n>.<m>.new a part on its way
//! ```
//!
//! A part is named to its sender by the digest of its bytes, and found by it again at the end. There
//! the parts are opened one after the other and sealed anew as one artifact, a chunk at a time; until
//! then nobody sees any of it. Sessions of both kinds expire alike.

use crate::cipher::Stream;
use crate::error::ArtifactError;
use crate::reader::Reader;
use crate::session::SessionId;
use crate::shelf::Object;
use crate::store::ArtifactStore;
use crate::upload::{Sealer, Stored};
use fs_err as fs;
use plimsoll_types::{Digest, Time};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

/// Parts of one upload: what S3 takes, and clients are made for.
pub const MAX_PARTS: u32 = 10_000;

/// What an upload in parts is begun with.
#[derive(Debug, Clone, Default)]
pub struct PartsSpec {
    /// Who may end it.
    pub owner: String,
    /// Where the file will stand: only there can it be ended.
    pub path: String,
    /// How many parts will come.
    pub count: u32,
    /// Bytes that may come in all.
    pub max: u64,
}

/// A part on its way in. Dropped unfinished, it leaves nothing.
pub struct PartUpload {
    sealer: Sealer,
    file: fs::File,
    /// Where it is written, and where it stands when it is whole.
    new: PathBuf,
    path: PathBuf,
    max: u64,
    /// Bytes of the part that this one replaces.
    old: u64,
    /// Bytes of all parts of the session, those under way and to be replaced among them.
    total: Arc<AtomicU64>,
    is_done: bool,
}

impl std::fmt::Debug for PartUpload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartUpload").finish_non_exhaustive()
    }
}

impl ArtifactStore {
    /// Begins an upload in parts.
    ///
    /// # Errors
    /// [`ArtifactError::Parts`] if the number of parts is none; [`ArtifactError::TooManySessions`];
    /// [`ArtifactError::Io`].
    pub fn begin_parts(&self, spec: &PartsSpec, now: Time) -> Result<SessionId, ArtifactError> {
        if !(1..=MAX_PARTS).contains(&spec.count) {
            return Err(ArtifactError::Parts("an upload has 1 to 10,000 parts"));
        }
        self.new_session(spec.owner.clone(), None, spec.max, now, Some(spec))
    }

    /// Begins a part, numbered from 1. One of the same number is replaced when this one is whole.
    ///
    /// # Errors
    /// [`ArtifactError::NoSession`] if the upload ended or expired; [`ArtifactError::Parts`] if it
    /// has no such part.
    pub fn begin_part(
        &self,
        id: SessionId,
        number: u32,
        now: Time,
    ) -> Result<PartUpload, ArtifactError> {
        let about = self.about(id, now)?;
        let parts = about.parts.ok_or(ArtifactError::NoSession)?;
        if !(1..=parts.count).contains(&number) {
            return Err(ArtifactError::Parts("the upload has no part of this number"));
        }
        let folder = self.session_folder(id).join("parts");
        let total = self.total_of(id, &folder)?;
        let turn = self.next_number();
        let new = folder.join(format!("{number}.{turn}.new"));
        let mut file = fs::File::create(&new).map_err(gone)?;
        let sealer = Sealer::new(Stream::fresh(&self.key, self.layout)?, &mut file)?;
        let path = folder.join(number.to_string());
        let old = fs::metadata(&path).ok().and_then(|old| self.layout.length(old.len()));
        let old = old.unwrap_or(0);
        Ok(PartUpload { sealer, file, new, path, max: about.max, old, total, is_done: false })
    }

    /// Puts the parts together, in the order of their numbers from 1, each with the digest that its
    /// sender was told. On return the artifact is durable under its digest; what is left of the upload
    /// is removed by [`Self::abort_session`].
    ///
    /// # Errors
    /// [`ArtifactError::NoSession`] if it is not `owner`'s, not for `path`, ended or expired;
    /// [`ArtifactError::Parts`] if they are not all its parts, or not these; [`ArtifactError::Busy`]
    /// while another request ends it.
    pub fn finish_parts(
        &self,
        id: SessionId,
        owner: &str,
        path: &str,
        digests: &[Digest],
        now: Time,
    ) -> Result<Stored, ArtifactError> {
        self.owned_parts(id, owner, path, now)?;
        if !self.writing().insert(id) {
            return Err(ArtifactError::Busy);
        }
        let stored = self.put_together(id, digests, now);
        self.writing().remove(&id);
        stored
    }

    /// Gives an upload in parts up.
    ///
    /// # Errors
    /// As [`Self::finish_parts`].
    pub fn abort_parts(
        &self,
        id: SessionId,
        owner: &str,
        path: &str,
        now: Time,
    ) -> Result<(), ArtifactError> {
        self.owned_parts(id, owner, path, now)?;
        self.abort_session(id)
    }

    fn owned_parts(
        &self,
        id: SessionId,
        owner: &str,
        path: &str,
        now: Time,
    ) -> Result<(), ArtifactError> {
        let about = self.about(id, now)?;
        let is_it = about.owner == owner && about.parts.is_some_and(|parts| parts.path == path);
        if is_it { Ok(()) } else { Err(ArtifactError::NoSession) }
    }

    fn put_together(
        &self,
        id: SessionId,
        digests: &[Digest],
        now: Time,
    ) -> Result<Stored, ArtifactError> {
        let about = self.about(id, now)?;
        let count = about.parts.map_or(0, |parts| parts.count);
        if u32::try_from(digests.len()) != Ok(count) {
            return Err(ArtifactError::Parts("an upload ends with all its parts, each once"));
        }
        let folder = self.session_folder(id).join("parts");
        let mut whole = self.begin(about.max)?;
        for (number, digest) in (1_u32..).zip(digests) {
            let mut part = self.part(&folder.join(number.to_string()), *digest)?;
            while let Some(bytes) = part.next_bytes()? {
                whole.write(&bytes)?;
            }
        }
        whole.finish()
    }

    fn part(&self, path: &Path, digest: Digest) -> Result<Reader, ArtifactError> {
        let other = ArtifactError::Parts("a part did not come, or others came since");
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(other),
            Err(error) => return Err(ArtifactError::io("read")(error)),
        };
        let length = file.metadata().map_err(ArtifactError::io("read"))?.len();
        match Reader::new(Object::File { file, length }, &self.key, digest) {
            // Another part of that number, which is whole.
            Err(ArtifactError::Damaged { part: crate::Part::Digest, .. }) => Err(other),
            read => read,
        }
    }

    /// Bytes of all parts of a session. Counted from disk when nobody counts them.
    fn total_of(&self, id: SessionId, folder: &Path) -> Result<Arc<AtomicU64>, ArtifactError> {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.retain(|_, total| Arc::strong_count(total) > 1);
        if let Some(total) = totals.get(&id) {
            return Ok(Arc::clone(total));
        }
        let mut bytes = 0_u64;
        for item in fs::read_dir(folder).map_err(gone)? {
            let item = item.map_err(ArtifactError::io("read"))?;
            if item.file_name().to_string_lossy().ends_with(".new") {
                // Of a process that died: nobody writes to it any more.
                fs::remove_file(item.path()).map_err(ArtifactError::io("removed"))?;
                continue;
            }
            let length = item.metadata().map_err(ArtifactError::io("read"))?.len();
            bytes = bytes.saturating_add(self.layout.length(length).unwrap_or(length));
        }
        let total = Arc::new(AtomicU64::new(bytes));
        totals.insert(id, Arc::clone(&total));
        Ok(total)
    }
}

impl PartUpload {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`ArtifactError::TooLarge`] if all parts together are; [`ArtifactError::Io`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ArtifactError> {
        let count = bytes.len() as u64;
        // Whoever goes beyond is refused; what was counted is given back when the part is dropped.
        let before = self.total.fetch_add(count, Ordering::Relaxed);
        self.sealer.write(bytes, &mut self.file)?;
        if before.saturating_add(count) > self.max.saturating_add(self.old) {
            return Err(ArtifactError::TooLarge { limit: self.max, what: "uploaded" });
        }
        Ok(())
    }

    /// Ends the part: on return it is durable, and named by its digest.
    ///
    /// # Errors
    /// [`ArtifactError::Io`]; [`ArtifactError::NoSession`] if the upload was given up meanwhile.
    pub fn finish(mut self) -> Result<Stored, ArtifactError> {
        let stored = self.sealer.finish(&mut self.file)?;
        self.file.sync_all().map_err(ArtifactError::io("written"))?;
        fs::rename(&self.new, &self.path).map_err(gone)?;
        if let Some(folder) = self.path.parent() {
            fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(gone)?;
        }
        self.total.fetch_sub(self.old, Ordering::Relaxed);
        self.is_done = true;
        Ok(stored)
    }
}

impl Drop for PartUpload {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        self.total.fetch_sub(self.sealer.size(), Ordering::Relaxed);
        if fs::remove_file(&self.new).is_err() {
            tracing::trace!("nothing to remove after a part");
        }
    }
}

/// A session whose folder is gone was ended by another request.
fn gone(error: std::io::Error) -> ArtifactError {
    match error.kind() {
        ErrorKind::NotFound => ArtifactError::NoSession,
        _ => ArtifactError::Io { what: "written", source: error },
    }
}
