//! Requests while an experiment is under way: which arm they get, and what guardrails see of its
//! answers beside the control's.
//!
//! As with a rollout, a verdict is acted on before the answer that led to it leaves: from then on
//! the arm's units get the control. It must not know who hears of the verdict.

use crate::decide::{Facts, Work};
use crate::pass::Pass;
use crate::rollout::{Turn, seen};
use plimsoll_release::experiment::Unit;
use plimsoll_release::rollout::Event;
use plimsoll_serving::{ArmPlan, RoutePlan, ServedExperiment, Serving, plan};
use plimsoll_types::{Phase, Refusal};
use std::sync::Arc;

impl Pass {
    /// The arm that a request gets. What the unit is declared to be may be missing from a request;
    /// then it is assigned by itself.
    pub(crate) fn arm<'a>(
        &self,
        serving: &'a Serving,
        experiment: &'a ServedExperiment,
        facts: &Facts,
    ) -> (RoutePlan<'a>, Option<Turn>) {
        let unit = match experiment.unit {
            Unit::Subject => facts.subjects.first().map(|subject| subject.as_bytes()),
            Unit::Interaction => facts.interaction.as_ref().map(|pseudonym| &pseudonym[..]),
            Unit::Decision => None,
        };
        let Some(assigned) = experiment.arm(unit.unwrap_or(self.id.as_bytes())) else {
            return (plan(serving), None);
        };
        let Some(live) = &assigned.arm.live else { return (assigned.route(serving), None) };
        if !live.enter() {
            return (plan(serving), None);
        }
        let clock = Arc::clone(&self.gateway.0.clock);
        (assigned.route(serving), Some(Turn { live: Arc::clone(live), clock }))
    }

    /// Shows guardrails how a request ended: an arm's own, or those of every arm if the control
    /// answered.
    pub(crate) fn watch_arm(&mut self, arm: ArmPlan<'_>, refusal: Option<&Refusal>, work: &Work) {
        let latency = self.clock.of(Phase::Predict).into();
        let seen = seen(arm.experiment.scoring, refusal, &work.values, latency);
        match &arm.arm.live {
            Some(live) => self.gateway.judge(live, &Event::Candidate(seen)),
            None => {
                let lives = arm.experiment.arms.iter().filter_map(|arm| arm.live.as_ref());
                lives.for_each(|live| self.gateway.judge(live, &Event::Incumbent(seen)));
            }
        }
    }
}
