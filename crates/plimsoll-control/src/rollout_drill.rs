//! A drill: going back, proved on live traffic without harm. The version that answers is tried
//! against itself, on half of the traffic, and sent back: every caller gets the same answers all
//! the time, and the way back is the one that a bad version would take.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::rollout::{Begin, By};
use crate::rollout_state::watched_of;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::rollout::{Exposure, Guardrail, Plan, Rollout, Step, Weighted};
use plimsoll_serving::Scoring;
use plimsoll_types::Name;
use std::time::Duration;

/// How long a drill takes at most, the disk included: one that is older waits for nobody.
pub(crate) const DRILL_MAX: Duration = Duration::from_secs(60);
/// How often a drill looks for traffic, and for the last request: some five seconds in all.
const LOOK_EVERY: Duration = Duration::from_micros(500);
const LOOKS: u32 = 10_000;
/// The most requests that a drill waits for.
const REQUESTS_MAX: u32 = 1_000_000;
/// Longer than any drill takes.
const DAY_SECONDS: u64 = 24 * 3600;

impl Control {
    /// Rolls a rollout back whose candidate is the version that answers, and tells how long that
    /// took. Blocks until it is done, at most some seconds.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if a version is tried.
    pub fn drill_rollback(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: api::DrillRollback,
    ) -> Result<api::RollbackDrill, ControlError> {
        let (deployment, resource) = self.deployment_resource(ctx, name)?;
        let resource = Resource::Deployment(resource);
        let permit = self.permit(ctx, Action::RollBack, &resource)?;
        let deployment = deployment.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let version = self.incumbent(&deployment)?;
        let requests = wanted.requests.unwrap_or(1);
        if !(1..=REQUESTS_MAX).contains(&requests) {
            return Err(ControlError::invalid("requests", "must be 1 to 1000000"));
        }
        let rollout = Rollout::begin(plan(), self.clock.now())
            .map_err(|_| ControlError::Internal("the plan of a drill is none"))?;
        let scoring = Scoring { output: 0, positive_from: 0.5 };
        let (is_drill, trial) = (true, None);
        let (incumbent, candidate) = (version, version);
        let begin = Begin { incumbent, candidate, scoring, rollout, is_drill, trial };
        let row = self.begin_rollout(By::Person(permit), &deployment, begin)?;
        let live = self.rollouts.kept(&row, self.clock.now())?.live;
        wait(|| live.with(|watched| watched.rollout.counts().0) >= u64::from(requests));
        live.go_back(self.clock.monotonic());
        wait(|| live.took().is_some());
        let took = live.took();
        let permit = self.permit(ctx, Action::RollBack, &resource)?;
        let row = self.undo(By::Person(permit), &deployment, &row)?;
        let (requests, _) = watched_of(&row)?.rollout.counts();
        let late = "a request stayed with the version for seconds after it was sent back";
        let took_us = took.ok_or(ControlError::Internal(late))? / 1_000;
        Ok(api::RollbackDrill { rollout: row.id, version, requests, took_us })
    }
}

fn wait(is_there: impl Fn() -> bool) {
    for _ in 0..LOOKS {
        if is_there() {
            return;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Half of the traffic, for as long as the drill takes.
fn plan() -> Plan {
    Plan {
        steps: vec![Step {
            exposure: Exposure::Share(5_000),
            requests_min: u64::from(REQUESTS_MAX),
            seconds_min: DAY_SECONDS,
            seconds_max: 2 * DAY_SECONDS,
            outcomes_min: 0,
        }],
        guardrails: vec![Weighted { guardrail: Guardrail::Errors, weight: 1.0 }],
        ..Plan::default()
    }
}
