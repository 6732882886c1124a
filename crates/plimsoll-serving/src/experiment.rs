//! An experiment as gateways see it: which arm a request gets, and the switch of each arm that
//! sends its units to the control with the next request.
//!
//! Like a rollout's, the switches and judges outlive a snapshot.

use crate::deployment::{RoutePlan, ServedVersion, plan};
use crate::rollout::{LiveRollout, Scoring};
use crate::traffic::{Target, Traffic};
use plimsoll_release::experiment::Unit;
use plimsoll_types::ExperimentId;
use plimsoll_types::record::Route;
use std::sync::Arc;

/// Versions that answer shares of the same traffic.
#[derive(Debug)]
pub struct ServedExperiment {
    /// The experiment, as records name it.
    pub id: ExperimentId,
    /// What is assigned.
    pub unit: Unit,
    /// The arms, the control first.
    pub arms: Vec<ServedArm>,
    /// Which of them a unit gets.
    pub traffic: Traffic,
    /// How answers are read by guardrails.
    pub scoring: Scoring,
}

/// A version that answers a share of the traffic.
#[derive(Debug)]
pub struct ServedArm {
    /// The version, loaded and bound.
    pub version: Arc<ServedVersion>,
    /// What is seen of it beside the control; the control has none.
    pub live: Option<Arc<LiveRollout>>,
}

/// The arm that a request was assigned to.
#[derive(Debug, Clone, Copy)]
pub struct ArmPlan<'a> {
    /// The experiment.
    pub experiment: &'a ServedExperiment,
    /// The arm, from 0, which is the control.
    pub number: u8,
    /// The arm itself.
    pub arm: &'a ServedArm,
}

impl ServedExperiment {
    /// The arm of a unit by the hash alone; `None` if it takes no part, or its arm was stopped.
    #[must_use]
    pub fn arm(&self, key: &[u8]) -> Option<ArmPlan<'_>> {
        let Target::Arm(number) = self.traffic.plan(key).target else { return None };
        let arm = self.arms.get(usize::from(number))?;
        let is_stopped = arm.live.as_ref().is_some_and(|live| live.is_back());
        (!is_stopped).then_some(ArmPlan { experiment: self, number, arm })
    }
}

impl<'a> ArmPlan<'a> {
    /// The route of a request that gets this arm.
    #[must_use]
    pub fn route(self, serving: &'a crate::deployment::Serving) -> RoutePlan<'a> {
        RoutePlan {
            route: Route::Arm,
            version: &self.arm.version,
            arm: Some(self),
            ..plan(serving)
        }
    }
}
