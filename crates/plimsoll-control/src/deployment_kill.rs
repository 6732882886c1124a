//! The kill switch: a deployment's models off, its declared fallback on, and back.

use crate::bootstrap::Control;
use crate::compile::settings_of;
use crate::context::RequestContext;
use crate::deployment::{Settings, unchanged};
use crate::error::ControlError;
use crate::rollback::check_reason;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::DeploymentRow;
use plimsoll_types::Name;
use serde_json::json;

impl Control {
    /// Switches a deployment's models off, or on again. While they are off, its fallback answers,
    /// or nothing does; a rollout that is under way is rolled back first, and an experiment
    /// ends. `reason` is recorded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if it is so already.
    pub fn kill_deployment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        off: bool,
        reason: Option<&str>,
    ) -> Result<api::Deployment, ControlError> {
        check_reason(reason)?;
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit =
            self.permit(ctx, Action::RollBack, &Resource::Deployment(resource))?.because(reason);
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let settings = settings_of(&row)?;
        if settings.killed == off {
            let detail = if off { "its models are off already" } else { "its models are on" };
            return Err(ControlError::conflict(detail));
        }
        // Going back may take rules away from the settings.
        let row = match off && self.roll_back_rollout(ctx, &row, reason)? {
            true => self.deployment_resource(ctx, name)?.0,
            false => Some(row),
        };
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        if off {
            self.end_experiment_in(ctx, &row, "kill")?;
        }
        let settings = Settings { killed: off, ..settings_of(&row)? };
        let facts = json!({ "killed": off, "fallback": settings.declared() });
        let row = self.carry_out(permit, facts, |tx, now| {
            unchanged(tx.deployment(row.id)?.as_ref(), &row)?;
            let row = DeploymentRow { settings: settings.json(), updated_at: now, ..row };
            tx.update_deployment(&row)?;
            Ok(row)
        })?;
        self.shown_deployment(row)
    }
}
