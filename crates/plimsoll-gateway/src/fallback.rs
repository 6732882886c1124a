//! What answers in a model's place, as the deployment declares it: the version before, a rule, the
//! answer for the rest. It must not know why the model gave no answer.

use crate::decide::Work;
use crate::pass::Pass;
use plimsoll_serving::{ServedVersion, Serving};
use plimsoll_types::{Phase, Rows};

/// An answer of the version before.
#[derive(Debug)]
pub(crate) struct Earlier {
    /// The number of the version.
    pub(crate) number: u32,
    /// Its outputs, row-major.
    pub(crate) values: Vec<f64>,
}

impl Pass {
    /// The version that is declared to stand in for one that failed.
    pub(crate) fn stands_in<'a>(
        &self,
        serving: &'a Serving,
        failed: &ServedVersion,
    ) -> Option<&'a ServedVersion> {
        let is_declared = self.deployment.settings.fallback.previous;
        serving.before(failed).filter(|_| is_declared)
    }

    /// What the version before answers, if it is declared to stand in, there is time, and its
    /// answer is fit to leave. `work.values` is empty then.
    pub(crate) async fn earlier(
        &mut self,
        serving: &Serving,
        failed: &ServedVersion,
        work: &mut Work,
    ) -> Option<Earlier> {
        let version = self.stands_in(serving, failed)?;
        let rows = work.scratch.rows.len();
        if version.upstream.as_ref().is_some_and(|upstream| !upstream.takes(rows)) {
            return None;
        }
        self.in_time().ok()?;
        let predicted = self.predict(version, work).await;
        // No time of the version that failed, which guardrails judge.
        self.mark(Phase::Guard);
        let values = std::mem::take(&mut work.values);
        let width = version.model.output().count;
        let is_fit = predicted.is_ok()
            && values.len() == rows.saturating_mul(width)
            && values.iter().all(|value| value.is_finite());
        is_fit.then_some(Earlier { number: version.number, values })
    }

    /// What is answered in the model's place, which is then in `values`, and what says so in the
    /// record; `None` where nothing is declared for one of the rows.
    pub(crate) fn stand_in(
        &self,
        earlier: Option<Earlier>,
        rows: &Rows,
        values: &mut Vec<f64>,
    ) -> Option<Vec<String>> {
        if let Some(Earlier { number, values: answered }) = earlier {
            *values = answered;
            return Some(vec![format!("version {number}")]);
        }
        let fallback = &self.deployment.settings.fallback;
        if fallback.rules.is_empty() && fallback.outputs.is_empty() {
            return None;
        }
        let (mut answered, mut told) = (Vec::new(), Vec::<String>::new());
        for row in 0..rows.len() {
            let (outputs, text) = fallback.answer(rows, row)?;
            answered.extend_from_slice(outputs);
            if !told.iter().any(|known| known == text) {
                told.push(text.to_owned());
            }
        }
        *values = answered;
        Some(told)
    }
}
