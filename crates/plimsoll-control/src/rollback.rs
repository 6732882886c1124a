//! Going back to the version before: one call, no version to be named, nothing to be approved
//! again, as what is gone back to was approved when it was released.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::deployment::unchanged;
use crate::error::ControlError;
use crate::routes;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{DeploymentRow, Release};
use plimsoll_types::Name;
use serde_json::json;

/// The longest reason, in characters: it is kept for ever, and read by people.
const MAX_REASON: usize = 2_000;

impl Control {
    /// Rolls back the rollout that is under way, or ends the experiment; without either, lets the version answer again that
    /// was released before the present one, and marks the present one as rolled back, so that
    /// going back once more goes further back. When this returns, gateways of this process route
    /// to it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if there is nothing to go back to.
    pub fn roll_back(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Deployment, ControlError> {
        self.roll_back_because(ctx, name, None)
    }

    /// The same for a reason, which is recorded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn roll_back_because(
        &self,
        ctx: &RequestContext,
        name: &Name,
        reason: Option<&str>,
    ) -> Result<api::Deployment, ControlError> {
        if reason.is_some_and(|reason| reason.chars().count() > MAX_REASON) {
            let rule = format!("must have at most {MAX_REASON} characters");
            return Err(ControlError::invalid("reason", rule));
        }
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::RollBack, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        if self.roll_back_rollout(ctx, &row)? || self.end_experiment_in(ctx, &row, "rollback")? {
            // Going back may take rules away from the settings.
            let (row, _) = self.deployment_resource(ctx, name)?;
            let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
            return self.shown_deployment(row);
        }
        let nothing = || ControlError::conflict("there is no earlier version to go back to");
        let present = row.released.ok_or_else(nothing)?.number;
        let earlier = self.store.read(|r| r.released_before(row.id, present))?;
        let earlier = earlier.ok_or_else(nothing)?;
        self.check_life(row.model, earlier)?;
        // It answered before, but its files may be damaged since, or the contract changed.
        self.check_fit(&row, earlier)?;
        let mut facts = json!({ "from": present, "to": earlier });
        if let Some(reason) = reason {
            facts["reason"] = reason.into();
        }
        let row = self.carry_out(permit, facts, |tx, now| {
            unchanged(tx.deployment(row.id)?.as_ref(), &row)?;
            tx.withdraw(row.id, present, now)?;
            let release = Release { number: earlier, by: ctx.id, at: now };
            let settings = routes::settings_without(&row, present)?;
            let row = DeploymentRow { released: Some(release), updated_at: now, settings, ..row };
            tx.update_deployment(&row)?;
            Ok(row)
        })?;
        self.shown_deployment(row)
    }
}
