//! What a version needs before it answers callers: asked once when it is to be tried, and again when
//! it is to answer everybody.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::deployment::resource_of;
use crate::error::ControlError;
use plimsoll_policy::{Action, Deployment, Resource};
use plimsoll_store::{DeploymentRow, VersionRow};

impl Control {
    /// Whether `ctx` may let this version answer in a deployment: policy permits it (so nobody lets
    /// a version of their own answer), and it carries the signature that the deployment asks for.
    /// A refusal is recorded.
    pub(crate) fn release_allowed(
        &self,
        ctx: &RequestContext,
        deployment: &DeploymentRow,
        version: u32,
    ) -> Result<(), ControlError> {
        let into = resource_of(deployment)?;
        let (resource, _) = self.release_resource(Some(deployment), into, version)?;
        let permit = self.permit(ctx, Action::Release, &resource)?;
        self.check_signature(&permit, deployment, version)?;
        Ok(())
    }

    /// What policy is asked about, and the version if there is one of this number.
    pub(crate) fn release_resource(
        &self,
        deployment: Option<&DeploymentRow>,
        into: Deployment,
        number: u32,
    ) -> Result<(Resource, Option<VersionRow>), ControlError> {
        let found = deployment.map(|row| self.version_in(row, number)).transpose()?.flatten();
        let (model, author) = match &found {
            Some((model, version)) => (model.name.clone(), version.author.to_string().into()),
            None => (into.name.clone(), "".into()),
        };
        let resource = Resource::Release { model, number, author, into };
        Ok((resource, found.map(|(_, version)| version)))
    }
}
