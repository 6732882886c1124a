//! References of monitors: who may set them, and the record that they did. What is in a reference
//! is the monitor's business.

use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{FreshnessRow, ReferenceRow};
use plimsoll_types::{DeploymentId, Digest, Name};
use serde_json::Value;

/// A reference as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReference {
    /// The deployment.
    pub deployment: DeploymentId,
    /// The number of the version.
    pub version: u32,
    /// The digest of the document.
    pub digest: Digest,
    /// The monitor's document.
    pub document: String,
}

impl Control {
    /// Whether the caller may say what a deployment's traffic is compared with. Gives the
    /// deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn may_watch(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<DeploymentId, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        drop(self.permit(ctx, Action::Watch, &Resource::Deployment(resource))?);
        row.map(|row| row.id).ok_or_else(|| ControlError::not_found("deployment", name))
    }

    /// Whether the caller may see how a deployment stands. Gives the deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn may_see_watch(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<DeploymentId, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadMonitoring, &Resource::Deployment(resource))?;
        row.map(|row| row.id).ok_or_else(|| ControlError::not_found("deployment", name))
    }

    /// Sets the reference of a version in place of the one before. Gives its digest. `facts` say
    /// where it is from.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn set_reference(
        &self,
        ctx: &RequestContext,
        name: &Name,
        version: u32,
        document: String,
        mut facts: Value,
    ) -> Result<Digest, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::Watch, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let digest = sha256(document.as_bytes());
        facts["reference"] = Value::String(digest.to_string());
        facts["version"] = version.into();
        self.carry_out(permit, facts, |tx, now| {
            Ok(tx.set_reference(&ReferenceRow {
                deployment: row.id,
                version,
                digest,
                document,
                changed_by: ctx.id,
                changed_at: now,
            })?)
        })?;
        self.is_watched(row.id, version)?;
        Ok(digest)
    }

    /// Every reference of live deployments.
    ///
    /// # Errors
    /// [`ControlError`] if the store cannot be read.
    pub fn references(&self) -> Result<Vec<KeptReference>, ControlError> {
        let rows = self.store.read(|r| r.references())?;
        let kept = rows.into_iter().map(|row| KeptReference {
            deployment: row.deployment,
            version: row.version,
            digest: row.digest,
            document: row.document,
        });
        Ok(kept.collect())
    }

    /// When things happened that each deployment's version is as old as: for what watches, not for a
    /// caller.
    ///
    /// # Errors
    /// [`ControlError`] if the store cannot be read.
    pub fn freshness(&self) -> Result<Vec<FreshnessRow>, ControlError> {
        Ok(self.store.read(|r| r.freshness())?)
    }
}
