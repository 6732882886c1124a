//! Uploads that can be gone on with. Whoever began one goes on with it, and nobody else.

use crate::artifact::{MAX_ARTIFACT_BYTES, any_model};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_artifact::{Appender, ArtifactError, Session, SessionId, SessionSpec};
use plimsoll_policy::Action;

impl Control {
    /// Begins an upload of at most `max` bytes.
    ///
    /// # Errors
    /// [`ControlError::Denied`]; [`ControlError::Conflict`] if too many are under way.
    pub fn create_upload(
        &self,
        ctx: &RequestContext,
        wanted: api::CreateUpload,
        max: u64,
    ) -> Result<api::UploadSession, ControlError> {
        self.may_read(ctx, Action::CreateVersion, &any_model(ctx)?)?;
        let max = max.min(MAX_ARTIFACT_BYTES);
        let spec = SessionSpec { owner: ctx.id.to_string(), size: wanted.size, max };
        Ok(shown(&self.artifacts.0.begin_session(&spec, self.clock.now())?))
    }

    /// How far an upload is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if it is not the caller's, ended or expired.
    pub fn read_upload(
        &self,
        ctx: &RequestContext,
        id: &str,
    ) -> Result<api::UploadSession, ControlError> {
        Ok(shown(&self.own_upload(ctx, id)?))
    }

    /// Goes on with an upload at `offset`, which must be where it is.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Conflict`] with the offset where it goes on.
    pub fn append_upload(
        &self,
        ctx: &RequestContext,
        id: &str,
        offset: u64,
    ) -> Result<Appender, ControlError> {
        let session = self.own_upload(ctx, id)?;
        Ok(self.artifacts.0.append(session.id, offset, self.clock.now())?)
    }

    /// Ends an upload: on return the artifact is durable under its digest.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Conflict`] if bytes are missing;
    /// [`ControlError::Invalid`] if they are other bytes than announced.
    pub fn finish_upload(
        &self,
        ctx: &RequestContext,
        id: &str,
        wanted: api::FinishUpload,
    ) -> Result<api::Artifact, ControlError> {
        let session = self.own_upload(ctx, id)?;
        if session.offset == 0 {
            return Err(ControlError::invalid("body", "an artifact has at least one byte"));
        }
        let appender = self.artifacts.0.append(session.id, session.offset, self.clock.now())?;
        let stored = appender.finish(wanted.digest)?;
        Ok(api::Artifact { digest: stored.digest, size: stored.size })
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; [`ControlError::Conflict`] while a request writes to it.
    pub fn abort_upload(&self, ctx: &RequestContext, id: &str) -> Result<(), ControlError> {
        let session = self.own_upload(ctx, id)?;
        Ok(self.artifacts.0.abort_session(session.id)?)
    }

    fn own_upload(&self, ctx: &RequestContext, id: &str) -> Result<Session, ControlError> {
        self.may_read(ctx, Action::CreateVersion, &any_model(ctx)?)?;
        let id: SessionId = id.parse()?;
        let session = self.artifacts.0.session(id, self.clock.now())?;
        if session.owner == ctx.id.to_string() {
            Ok(session)
        } else {
            Err(ArtifactError::NoSession.into())
        }
    }
}

fn shown(session: &Session) -> api::UploadSession {
    api::UploadSession {
        id: session.id.to_string(),
        offset: session.offset,
        size: session.size,
        expires_at: session.expires_at.into(),
    }
}
