//! `explain`: why the model answered so, before the answer leaves, where the deployment asks
//! for it.

use crate::decide::aside;
use crate::pass::Pass;
use plimsoll_explain::{Room, Row};
use plimsoll_serving::{Explain, RoutePlan, ServedVersion};
use plimsoll_types::record::Explanation;
use plimsoll_types::{Phase, Refusal, RefusalCode};
use std::sync::atomic::Ordering::Relaxed;

/// Rows that are explained between two looks at the clock: some ten microseconds each.
const ROWS_AT_ONCE: usize = 16;

/// What the phase reads: the model's inputs and its answer, row-major.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Predicted<'a> {
    pub(crate) inputs: &'a [f64],
    pub(crate) answers: &'a [f64],
}

impl Pass {
    /// Explains every row of an answer; `None` where the deployment does not explain inline.
    ///
    /// A deployment that promises an explanation with every answer gives no answer without
    /// one: what cannot be explained is refused, and the refusal is recorded and counted.
    pub(crate) fn explain(
        &self,
        plan: &RoutePlan<'_>,
        predicted: Predicted<'_>,
        room: &mut Room,
    ) -> Result<Option<Explanation>, Refusal> {
        if self.deployment.settings.explain != Explain::Inline {
            return Ok(None);
        }
        let rows = predicted.answers.len() / plan.version.model.output().count.max(1);
        let explained = if rows > ROWS_AT_ONCE {
            aside(|| self.explain_rows(plan.version, predicted, room))
        } else {
            self.explain_rows(plan.version, predicted, room)
        };
        explained.map(Some).inspect_err(|_| {
            self.gateway.0.metrics.explanation_failures.fetch_add(1, Relaxed);
        })
    }

    fn explain_rows(
        &self,
        version: &ServedVersion,
        predicted: Predicted<'_>,
        room: &mut Room,
    ) -> Result<Explanation, Refusal> {
        let failed = || Refusal::new(Phase::Explain, RefusalCode::ExplanationFailed);
        let explainer = version.explainer.as_ref().ok_or_else(failed)?;
        let profile = self.deployment.profile.as_deref();
        let mut explanation = explainer.begin(profile);
        let inputs = predicted.inputs.chunks_exact(version.model.feature_count().max(1));
        let answers = predicted.answers.chunks_exact(version.model.output().count.max(1));
        for (place, (inputs, answer)) in inputs.zip(answers).enumerate() {
            if place > 0 && place.is_multiple_of(ROWS_AT_ONCE) {
                self.in_time()?;
            }
            let row = Row { inputs, answer, seed: *self.id.as_bytes() };
            explainer.explain(row, profile, room, &mut explanation).map_err(|error| {
                tracing::error!(
                    error = %error, deployment = %self.deployment.name,
                    "an answer could not be explained and was withheld"
                );
                failed()
            })?;
        }
        Ok(explanation)
    }
}
