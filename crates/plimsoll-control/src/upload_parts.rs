//! Files that come in parts, as MLflow's clients send large ones. Whoever began such an upload ends
//! it; a part is taken from whoever knows the upload's name, which is random and told to nobody else,
//! because clients send parts without a key, as to a signed address of a bucket.

use crate::artifact::failed;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_artifact::{FilePath, PartUpload, PartsSpec, SessionId};
use plimsoll_policy::Action;
use plimsoll_types::Digest;

impl Control {
    /// Begins a file of `count` parts and at most `max` bytes at a path.
    ///
    /// # Errors
    /// As [`Self::begin_file`]; [`ControlError::Invalid`] if the count is none.
    pub fn begin_file_parts(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        count: u32,
        max: u64,
    ) -> Result<SessionId, ControlError> {
        // The same questions, so that nobody sends parts for nothing.
        drop(self.begin_file(ctx, path, max)?);
        let owner = ctx.id.to_string();
        let max = max.min(crate::artifact::MAX_ARTIFACT_BYTES);
        let spec = PartsSpec { owner, path: path.to_string(), count, max };
        self.artifacts.0.begin_parts(&spec, self.clock.now()).map_err(failed)
    }

    /// Begins a part of an upload whose name somebody knows. Nothing is changed by it: only the end
    /// of the upload puts a file anywhere, and that is permitted to who began it.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if there is no such upload; [`ControlError::Invalid`] if it has no
    /// such part.
    pub fn begin_part(&self, upload: &str, number: u32) -> Result<PartUpload, ControlError> {
        let id: SessionId = upload.parse().map_err(failed)?;
        self.artifacts.0.begin_part(id, number, self.clock.now()).map_err(failed)
    }

    /// Ends a file that came in parts: on return it is durable at the path.
    ///
    /// # Errors
    /// As [`Self::end_file`]; [`ControlError::NotFound`] if the upload is not the caller's or not of
    /// this path; [`ControlError::Invalid`] if a part did not come.
    pub fn end_file_parts(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        upload: &str,
        parts: &[Digest],
    ) -> Result<(), ControlError> {
        // Asked before the parts are put together, which takes its time, and again when they are.
        drop(self.begin_file(ctx, path, 0)?);
        let (id, owner): (SessionId, _) = (upload.parse().map_err(failed)?, ctx.id.to_string());
        let now = self.clock.now();
        let stored = self.artifacts.0.finish_parts(id, &owner, path.as_str(), parts, now);
        self.put_stored(ctx, path, stored.map_err(failed)?)?;
        if let Err(error) = self.artifacts.0.abort_session(id) {
            tracing::warn!(%error, "the parts of an upload that ended stay until they expire");
        }
        Ok(())
    }

    /// Gives a file in parts up.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::NotFound`].
    pub fn abort_file_parts(
        &self,
        ctx: &RequestContext,
        path: &FilePath,
        upload: &str,
    ) -> Result<(), ControlError> {
        self.may_read(ctx, Action::ChangeFile, &self.server())?;
        let id: SessionId = upload.parse().map_err(failed)?;
        let owner = ctx.id.to_string();
        let aborted = self.artifacts.0.abort_parts(id, &owner, path.as_str(), self.clock.now());
        aborted.map_err(failed)
    }
}
