//! Artifacts as control uses them: the sealed store of the data folder, and who may write to it.

use crate::act::Who;
use crate::bootstrap::{Control, SERVER};
use crate::context::RequestContext;
use crate::error::ControlError;
use aws_lc_rs::digest::{SHA256, digest};
use plimsoll_api::Artifact;
use plimsoll_artifact::{ArtifactError, ArtifactKey, ArtifactStore, Bucket};
use plimsoll_ledger::{Keys, Label};
use plimsoll_policy::{Action, Resource};
use plimsoll_types::record::Stage;
use plimsoll_types::{Digest, Name};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// The largest artifact. It goes through memory a chunk at a time; what is loaded as a model is
/// bounded by the model limits.
pub const MAX_ARTIFACT_BYTES: u64 = 64 << 30;

/// Missing artifacts that an event names; it counts the others.
const MAX_TOLD: usize = 10;

/// SHA-256 of `bytes`.
pub(crate) fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest::from_bytes(out)
}

/// The artifacts of the installation.
#[derive(Debug)]
pub(crate) struct Artifacts(pub(crate) Arc<ArtifactStore>);

impl Artifacts {
    /// Opens the folder, or the bucket with the folder for uploads under way. Uploads that a crash
    /// cut short are removed, and what an earlier version kept unsealed is sealed.
    pub(crate) fn open(
        data: &Path,
        bucket: Option<Arc<Bucket>>,
        keys: &Keys,
    ) -> Result<Self, ControlError> {
        let secret = keys.derive(Label::Artifacts).map_err(ControlError::Ledger)?;
        let key = ArtifactKey::new(&secret).map_err(failed)?;
        let folder = data.join("artifacts");
        let opened = match bucket {
            Some(bucket) => ArtifactStore::open_bucket(&folder, bucket, key),
            None => ArtifactStore::open(&folder, key),
        };
        let (store, opened) = opened.map_err(failed)?;
        if opened.moved > 0 {
            tracing::info!(
                artifacts = opened.moved,
                "artifacts of the data folder are in the bucket now"
            );
        }
        if opened.removed > 0 {
            tracing::info!(uploads = opened.removed, "uploads that were cut short are removed");
        }
        if opened.sealed > 0 {
            tracing::info!(artifacts = opened.sealed, "artifacts are sealed from now on");
        }
        Ok(Self(Arc::new(store)))
    }

    /// The size of an artifact, if it is there.
    pub(crate) fn size(&self, digest: Digest) -> Result<Option<u64>, ControlError> {
        self.0.size(digest).map_err(failed)
    }

    /// The bytes of an artifact, checked against its name.
    pub(crate) fn read(&self, digest: Digest, limit: usize) -> Result<Vec<u8>, ControlError> {
        match self.0.read(digest, u64::try_from(limit).unwrap_or(u64::MAX)) {
            Err(ArtifactError::TooLarge { .. }) => {
                Err(ControlError::invalid("files", "a file is larger than may be loaded"))
            }
            other => other.map_err(failed),
        }
    }
}

/// What a caller is told of an artifact that cannot be read or written.
pub(crate) fn failed(error: ArtifactError) -> ControlError {
    match error {
        ArtifactError::TooLarge { limit, .. } => {
            ControlError::invalid("body", format!("an artifact is at most {limit} bytes"))
        }
        ArtifactError::Missing(digest) => ControlError::not_found("artifact", digest),
        ArtifactError::NoSession => ControlError::not_found("upload", "of this id"),
        error @ (ArtifactError::Range { .. }
        | ArtifactError::OtherDigest(_)
        | ArtifactError::Parts(_)) => ControlError::invalid("body", error.to_string()),
        error @ (ArtifactError::Busy
        | ArtifactError::TooManySessions(_)
        | ArtifactError::Offset { .. }
        | ArtifactError::Incomplete { .. }
        | ArtifactError::DamagedUpload(_)) => ControlError::conflict(error.to_string()),
        error => ControlError::Artifact(error),
    }
}

impl From<ArtifactError> for ControlError {
    fn from(error: ArtifactError) -> Self {
        failed(error)
    }
}

/// An artifact on its way in. Dropped unfinished, it leaves nothing.
#[derive(Debug)]
pub struct Upload(plimsoll_artifact::Upload);

impl Upload {
    /// Takes the next bytes. Blocks on the disk.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] beyond the size allowed; [`ControlError::Artifact`] if the
    /// disk fails.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ControlError> {
        self.0.write(bytes).map_err(failed)
    }

    /// Ends the upload: on return the artifact is on disk under its digest.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] if there were no bytes; [`ControlError::Artifact`] if the
    /// disk fails.
    pub fn finish(self) -> Result<Artifact, ControlError> {
        if self.0.size() == 0 {
            return Err(ControlError::invalid("body", "an artifact has at least one byte"));
        }
        self.end()
    }

    /// The same, and there may be no bytes: a file of somebody's folder may be empty.
    pub(crate) fn end(self) -> Result<Artifact, ControlError> {
        let stored = self.0.finish().map_err(failed)?;
        Ok(Artifact { digest: stored.digest, size: stored.size })
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
        self.begin_upload(max.min(MAX_ARTIFACT_BYTES))
    }

    /// An upload that was permitted.
    pub(crate) fn begin_upload(&self, max: u64) -> Result<Upload, ControlError> {
        self.artifacts.0.begin(max).map(Upload).map_err(failed)
    }

    /// Looks whether every artifact that a version or a file names is there, and removes uploads
    /// that expired. What is missing is logged: only a backup has it.
    ///
    /// # Errors
    /// [`ControlError::Store`] or [`ControlError::Artifact`] if it cannot be looked at.
    pub fn reconcile_artifacts(&self) -> Result<(), ControlError> {
        let named = self.store.read(|r| r.artifacts_in_use())?;
        let found = self.artifacts.0.reconcile(named, self.clock.now()).map_err(failed)?;
        if found.expired > 0 {
            tracing::info!(uploads = found.expired, "uploads that expired are removed");
        }
        for digest in &found.dangling {
            tracing::error!(%digest, "an artifact that is in use is not there: restore it from a backup");
        }
        if found.expired == 0 && found.dangling.is_empty() {
            return Ok(());
        }
        // What was repaired and what cannot be is on record, for whoever asks why a version fails.
        let who = Who { principal: SERVER, action: "ReconcileArtifacts", resource: "artifacts" };
        let told: Vec<_> = found.dangling.iter().take(MAX_TOLD).collect();
        let payload = json!({"facts": {
            "expired_uploads": found.expired, "missing": found.dangling.len(), "first": told,
        }});
        let is_whole = found.dangling.is_empty();
        self.note(who, if is_whole { Stage::Completed } else { Stage::Failed }, payload)
    }
}

/// An upload is for no model yet; what is asked is whether the caller may make versions.
pub(crate) fn any_model(ctx: &RequestContext) -> Result<Resource, ControlError> {
    let name = Name::new("artifacts").map_err(|_| ControlError::Internal("not a name"))?;
    Ok(Resource::Model { name, owner: ctx.principal.id.clone(), tenant: ctx.tenant() })
}
