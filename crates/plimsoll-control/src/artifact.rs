//! Artifacts: files named by the digest of their bytes, `sha256/ab/<64 digits>`.
//!
//! A file appears under its name only when all of it is on disk. What stands under a name
//! is read back against it, so a damaged artifact is never served.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use aws_lc_rs::digest::{Context, SHA256, digest};
use fs_err as fs;
use plimsoll_api::Artifact;
use plimsoll_policy::{Action, Resource};
use plimsoll_types::digest::hex;
use plimsoll_types::{Digest, Name};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The largest artifact: a model of 8 million nodes takes some hundred MB as JSON.
pub const MAX_ARTIFACT_BYTES: u64 = 1 << 30;

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    of(digest(&SHA256, bytes))
}

fn of(digest: aws_lc_rs::digest::Digest) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    Digest::from_bytes(bytes)
}

/// The folder of artifacts.
#[derive(Debug)]
pub(crate) struct Artifacts {
    folder: PathBuf,
    uploads: PathBuf,
    count: AtomicU64,
}

impl Artifacts {
    /// Opens the folder, making it if needed. Uploads that a crash cut short are removed.
    pub(crate) fn open(data: &Path) -> Result<Self, ControlError> {
        let folder = data.join("artifacts").join("sha256");
        let uploads = data.join("artifacts").join("uploads");
        let made = || {
            if uploads.exists() {
                fs::remove_dir_all(&uploads)?;
            }
            fs::create_dir_all(&uploads)?;
            fs::create_dir_all(&folder)
        };
        made().map_err(ControlError::artifact("prepared"))?;
        Ok(Self { folder, uploads, count: AtomicU64::new(0) })
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join(hex(&digest.as_bytes()[..1])).join(name)
    }

    /// The size of an artifact, if it is there.
    pub(crate) fn size(&self, digest: Digest) -> Result<Option<u64>, ControlError> {
        match fs::metadata(self.path(digest)) {
            Ok(found) => Ok(Some(found.len())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ControlError::artifact("read")(error)),
        }
    }

    /// The bytes of an artifact, checked against its name.
    pub(crate) fn read(&self, digest: Digest, limit: usize) -> Result<Vec<u8>, ControlError> {
        let open = || {
            let file = fs::File::open(self.path(digest))?;
            let mut bytes = Vec::new();
            file.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1))
                .read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = open().map_err(ControlError::artifact("read"))?;
        if bytes.len() > limit {
            return Err(ControlError::invalid("files", "a file is larger than may be loaded"));
        }
        if sha256(&bytes) != digest {
            return Err(ControlError::Internal("an artifact is not what its digest says"));
        }
        Ok(bytes)
    }
}

/// An artifact on its way in. Dropped unfinished, it leaves nothing.
pub struct Upload {
    file: Option<fs::File>,
    temporary: PathBuf,
    folder: PathBuf,
    hash: Context,
    size: u64,
    max: u64,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("size", &self.size).finish_non_exhaustive()
    }
}

impl Upload {
    /// Takes the next bytes. Blocks on the disk.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] beyond the size allowed; [`ControlError::Artifact`] if the
    /// disk fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ControlError> {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.size > self.max {
            let detail = format!("an artifact is at most {} bytes", self.max);
            return Err(ControlError::invalid("body", detail));
        }
        self.hash.update(bytes);
        let file = self.file.as_mut().ok_or(ControlError::Internal("the upload has ended"))?;
        file.write_all(bytes).map_err(ControlError::artifact("written"))
    }

    /// Ends the upload: on return the artifact is on disk under its digest.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] if there were no bytes; [`ControlError::Artifact`] if the
    /// disk fails.
    pub fn finish(mut self) -> Result<Artifact, ControlError> {
        if self.size == 0 {
            return Err(ControlError::invalid("body", "an artifact has at least one byte"));
        }
        let digest = of(self.hash.clone().finish());
        let shard = self.folder.join(hex(&digest.as_bytes()[..1]));
        let target = shard.join(digest.to_string());
        self.keep(&shard, &target).map_err(ControlError::artifact("written"))?;
        Ok(Artifact { digest, size: self.size })
    }

    fn keep(&mut self, shard: &Path, target: &Path) -> std::io::Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_all()?;
        }
        fs::create_dir_all(shard)?;
        fs::rename(&self.temporary, target)?;
        // The names must be durable too: the file's in its shard, the shard's in the folder.
        fs::File::open(shard)?.sync_all()?;
        fs::File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name; otherwise the next start cleans up
        // what cannot be removed now.
        if fs::remove_file(&self.temporary).is_err() {
            tracing::trace!("nothing to remove after an upload");
        }
    }
}

impl Control {
    /// Begins the upload of an artifact of at most `max` bytes. Storing bytes changes no
    /// state: only a version that names them does, and that is a control event.
    ///
    /// # Errors
    /// [`ControlError::Denied`] unless policy lets the caller make versions.
    pub fn upload_artifact(&self, ctx: &RequestContext, max: u64) -> Result<Upload, ControlError> {
        self.may_read(ctx, Action::CreateVersion, &any_model(ctx)?)?;
        let n = self.artifacts.count.fetch_add(1, Ordering::Relaxed);
        let temporary = self.artifacts.uploads.join(n.to_string());
        let file = fs::File::create(&temporary).map_err(ControlError::artifact("written"))?;
        Ok(Upload {
            file: Some(file),
            temporary,
            folder: self.artifacts.folder.clone(),
            hash: Context::new(&SHA256),
            size: 0,
            max: max.min(MAX_ARTIFACT_BYTES),
        })
    }
}

/// An upload is for no model yet; what is asked is whether the caller may make versions.
fn any_model(ctx: &RequestContext) -> Result<Resource, ControlError> {
    let name = Name::new("artifacts").map_err(|_| ControlError::Internal("not a name"))?;
    Ok(Resource::Model { name, owner: ctx.principal.id.clone(), tenant: ctx.tenant() })
}
