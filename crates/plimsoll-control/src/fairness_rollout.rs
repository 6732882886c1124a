//! A candidate that treats groups further apart than the deployment's owner puts up with is held: a
//! person decides, once.

use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::fairness::fairness_signals;
use crate::rollout::By;
use crate::watch_limits::{fairness_limits, fairness_query};
use plimsoll_api as api;
use plimsoll_lake::Lake;
use plimsoll_policy::Action;
use plimsoll_release::rollout::Phase;
use plimsoll_store::{DeploymentRow, RolloutRow};
use plimsoll_types::Signal;

/// Why it is held.
pub(crate) const FAIRNESS: &str = "fairness";
/// How sure it has to be unless told: the answers are looked at again and again while they come.
const CONFIDENCE: f64 = 0.999;

impl Control {
    /// Looks at the answers that the candidate of a rollout under way gave to callers; holds it, and
    /// makes findings, if they are beyond a limit of fairness. What a person lets go on after that
    /// is not held for it again.
    pub(crate) fn hold_unfair(
        &self,
        lake: &Lake,
        deployment: &DeploymentRow,
        limits: &api::WatchLimits,
    ) -> Result<(), ControlError> {
        if limits.fairness.is_empty() {
            return Ok(());
        }
        let Some(row) = self.store.read(|r| r.rollout_in(deployment.id))? else { return Ok(()) };
        let is_running = row.phase == Phase::Running.as_str() && !row.is_drill;
        if !is_running || self.was_unfair(&row)? {
            return Ok(());
        }
        let mut query = fairness_query(limits, row.started_at, self.clock.now());
        query.confidence = query.confidence.or(Some(CONFIDENCE));
        let report = self.fairness_among(lake, deployment, &query, Some(row.candidate))?;
        let signals = fairness_signals(deployment.id, &report, &fairness_limits(limits));
        if signals.is_empty() {
            return Ok(());
        }
        self.hold(By::Server(Action::RollBack), deployment, &row, FAIRNESS)?;
        for signal in signals {
            self.raise(&Signal {
                version: Some(row.candidate),
                about: format!("{} of a candidate", signal.about),
                text: format!("version {} is tried, and held: {}", row.candidate, signal.text),
                ..signal
            })?;
        }
        Ok(())
    }

    /// Whether it was held for this before.
    fn was_unfair(&self, row: &RolloutRow) -> Result<bool, ControlError> {
        let steps = self.store.read(|r| r.rollout_steps(row.id))?;
        let is_it = |facts: &str| {
            let facts: Option<serde_json::Value> = serde_json::from_str(facts).ok();
            facts.is_some_and(|facts| facts["reason"]["what"] == FAIRNESS)
        };
        Ok(steps.iter().any(|step| step.what == "hold" && is_it(&step.facts)))
    }
}
