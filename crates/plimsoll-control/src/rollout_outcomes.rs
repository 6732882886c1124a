//! Outcomes as guardrails of a rollout see them: an outcome is joined with the version that gave the
//! answer by the answer's own record, which names the rollout and the part that took the request.

use crate::bootstrap::Control;
use crate::performance::Positive;
use plimsoll_lake::TruthValue;
use plimsoll_release::rollout::{Event, Guardrail};
use plimsoll_serving::LiveRollout;
use plimsoll_types::RolloutId;
use plimsoll_types::record::{DecisionBody, LeafDraft, OutcomeBody, OutcomeValue, ROUTED, Route};
use std::sync::Arc;

/// What an outcome says of a version that is tried, once it is durable.
#[derive(Debug)]
pub(crate) struct Judged {
    live: Arc<LiveRollout>,
    event: Event,
}

impl Judged {
    /// Lets the guardrails see it. If that decides, everybody is sent back before this returns;
    /// who looks after rollouts writes it down within a second.
    pub(crate) fn see(self, now: u64) {
        self.live.see(&self.event, now);
    }
}

impl Control {
    /// What the first outcome of an answer's first row says in the rollout in which the answer was
    /// given, if that is under way and compares outcomes of this name. Answers that a rule or the
    /// fallback gave are no fair sample of either version.
    pub(crate) fn told_rollout(
        &self,
        answer: &LeafDraft,
        body: &DecisionBody,
        told: &OutcomeBody,
    ) -> Option<Judged> {
        let rollout = RolloutId::from_bytes(answer.extension.rollout?);
        let is_candidate = match answer.route? {
            Route::Canary => true,
            Route::Primary => false,
            Route::Shadow | Route::Fallback | Route::Arm => return None,
        };
        let is_routed = body.mapped.iter().any(|(role, _)| &**role == ROUTED);
        if told.row != 0 || told.corrects.is_some() || is_routed {
            return None;
        }
        let live = self.rollouts.live(rollout)?;
        let compared = live.with(|watched| {
            let guardrails = watched.rollout.plan().guardrails.iter();
            let mut guardrails = guardrails.map(|weighted| &weighted.guardrail);
            guardrails.find_map(|guardrail| match guardrail {
                Guardrail::Outcomes { name, positive } => Some((name.clone(), positive.clone())),
                _ => None,
            })
        });
        let (_, positive) = compared.filter(|(name, _)| **name == *told.name)?;
        let (_, _, values) = body.outputs.first()?;
        let score = values.get(live.scoring.output).copied().filter(|score| score.is_finite())?;
        let truth = match &told.value {
            OutcomeValue::Label(label) => TruthValue::Label(label.to_string()),
            OutcomeValue::Number(number) => TruthValue::Number(*number),
            // How relevant an item was makes no answer right or wrong.
            OutcomeValue::Relevance(_) => return None,
        };
        let is_positive = score >= live.scoring.positive_from;
        let wrong = is_positive != Positive::new(positive.as_ref()).is(&truth);
        Some(Judged { live, event: Event::Outcome(is_candidate, wrong) })
    }
}
