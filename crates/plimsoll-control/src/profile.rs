//! Explain profiles: checked, stored under the digest of their meaning.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::contract::ContractFormat;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_explain::{ExplainProfile, ProfileError};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{ProfileRow, StoreError};
use plimsoll_types::Digest;
use serde_json::json;

impl Control {
    /// Stores an explain profile. The same profile, however it is written, is stored once.
    /// Whether it fits a contract is checked where the two meet, in a deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_profile(
        &self,
        ctx: &RequestContext,
        format: ContractFormat,
        document: &[u8],
    ) -> Result<api::ProfileSummary, ControlError> {
        // Asked before the document is parsed: whoever may not store one costs nothing.
        let permit = self.permit(
            ctx,
            Action::CreateProfile,
            &resource(ctx, "new", ctx.principal.id.clone()),
        )?;
        let profile = parse(format, document)?;
        let canonical = profile.canonical_json().map_err(refuse)?;
        let digest = sha256(&canonical);
        let document = String::from_utf8(canonical)
            .map_err(|_| ControlError::Internal("canonical JSON is not UTF-8"))?;
        let features = u64::try_from(profile.features.len()).unwrap_or(u64::MAX);
        let permit = permit.for_named(format!("explain-profile/{digest}"));
        if self.store.read(|r| r.profile(digest))?.is_some() {
            return Ok(api::ProfileSummary { digest, features, existed: true });
        }
        let facts = json!({"digest": digest, "features": features});
        self.carry_out(permit, facts, |tx, now| {
            Ok(tx.insert_profile(&ProfileRow {
                digest,
                document,
                author: ctx.id,
                created_at: now,
            })?)
        })?;
        Ok(api::ProfileSummary { digest, features, existed: false })
    }

    /// A stored explain profile.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_profile(
        &self,
        ctx: &RequestContext,
        digest: Digest,
    ) -> Result<api::StoredProfile, ControlError> {
        let row = self.store.read(|r| r.profile(digest))?;
        let author = row.as_ref().map(|row| row.author.to_string()).unwrap_or_default();
        let resource = resource(ctx, &digest.to_string(), author.into());
        self.may_read(ctx, Action::ReadProfile, &resource)?;
        let row = row.ok_or_else(|| ControlError::not_found("explain profile", digest))?;
        Ok(api::StoredProfile {
            digest,
            author: row.author,
            created_at: row.created_at.into(),
            profile: document_of(&row)?,
        })
    }

    /// The profile that a deployment is to have.
    pub(crate) fn profile_for(&self, digest: Digest) -> Result<ProfileRow, ControlError> {
        let row = self.store.read(|r| r.profile(digest))?;
        row.ok_or_else(|| {
            let detail = "there is no explain profile with this digest; post it to /api/v1/explain-profiles first";
            ControlError::invalid("explain_profile", detail)
        })
    }
}

/// The document of a stored profile.
pub(crate) fn document_of(row: &ProfileRow) -> Result<ExplainProfile, ControlError> {
    let damaged = |_| StoreError::Damaged("an explain profile is unreadable".into());
    Ok(ExplainProfile::from_json(row.document.as_bytes()).map_err(damaged)?)
}

/// Policy sees a profile as it sees a contract: a document that somebody wrote.
fn resource(ctx: &RequestContext, name: &str, author: Box<str>) -> Resource {
    Resource::Contract { name: name.into(), author, tenant: ctx.tenant() }
}

fn parse(format: ContractFormat, document: &[u8]) -> Result<ExplainProfile, ControlError> {
    let profile = match format {
        ContractFormat::Json => ExplainProfile::from_json(document),
        ContractFormat::Yaml => match std::str::from_utf8(document) {
            Ok(text) => ExplainProfile::from_yaml(text),
            Err(_) => {
                return Err(ControlError::invalid("body", "the explain profile is not UTF-8"));
            }
        },
    };
    profile.map_err(refuse)
}

fn refuse(error: ProfileError) -> ControlError {
    ControlError::invalid("body", error.to_string())
}
