//! What an experiment does by itself: stops arms when a guardrail says so, and writes its evidence
//! down from time to time, so that a crash forgets little.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::experiment_state::{Kept, declared, states_json, states_of};
use crate::rollout::By;
use plimsoll_policy::Action;
use plimsoll_release::experiment::Role;
use plimsoll_store::{DeploymentRow, SplitRow};
use plimsoll_types::{Severity, Signal, SignalKind};
use std::time::Duration;

/// How often the evidence is written down and metrics are judged while nothing is decided.
const NOTE_EVERY: Duration = Duration::from_secs(5);
/// Entries of the ledger that are read each time: some hundred milliseconds of work.
const READ_EACH_TIME: usize = 20_000;

impl Control {
    /// Looks after every experiment under way. Call it every second, and at once when a gateway
    /// says that a guardrail has decided.
    ///
    /// # Errors
    /// The first [`ControlError`]; the other experiments are looked after all the same, and what
    /// failed is tried again.
    pub fn tend_experiments(&self) -> Result<(), ControlError> {
        let rows = self.store.read(|r| r.splits_under_way())?;
        let mut wrong = Ok(());
        for row in &rows {
            if let Err(error) = self.tend_experiment(row) {
                tracing::warn!(experiment = %row.id, %error, "an experiment could not be looked after");
                wrong = wrong.and(Err(error));
            }
        }
        wrong
    }

    fn tend_experiment(&self, row: &SplitRow) -> Result<(), ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let deployment =
            deployment.ok_or(ControlError::Internal("an experiment has no deployment"))?;
        let kept = self.experiments.kept(row, self.clock.now())?;
        let states = states_of(row)?;
        let is_back =
            |(place, live): (usize, &Option<std::sync::Arc<plimsoll_serving::LiveRollout>>)| {
                let is_new = states.get(place).is_some_and(|state| state.stopped.is_none());
                live.as_ref().is_some_and(|live| live.is_back() && is_new).then_some(place)
            };
        let back: Vec<usize> = kept.lives.iter().enumerate().filter_map(is_back).collect();
        if !back.is_empty() {
            return self.stop_by_itself(&deployment, row, &back, "guardrail");
        }
        {
            let reading = self.experiments.reading(row)?;
            let mut reading = lock(&reading);
            self.read_on(row, &mut reading, READ_EACH_TIME)?;
        }
        self.keep_experiment(&deployment, row, &kept)
    }

    /// Judges metrics that are guardrails, and writes the evidence down.
    fn keep_experiment(
        &self,
        deployment: &DeploymentRow,
        row: &SplitRow,
        kept: &Kept,
    ) -> Result<(), ControlError> {
        let now = self.clock.now();
        if now.since(kept.noted) < NOTE_EVERY {
            return Ok(());
        }
        let states = states_of(row)?;
        if let Some((arm, metric)) = self.harmed(row)? {
            return self.stop_by_itself(deployment, row, &[arm], &metric);
        }
        let seen = kept.answers();
        if seen != kept.seen {
            let state = states_json(&kept.states(&states))?;
            self.store.note_split(row.id, &state, (row.updated_at, now))?;
        }
        self.experiments.note(row.id, now, seen);
        Ok(())
    }

    /// An arm that is worse in a guardrail metric by more than is put up with.
    fn harmed(&self, row: &SplitRow) -> Result<Option<(usize, String)>, ControlError> {
        let reading = self.experiments.reading(row)?;
        let reading = lock(&reading);
        let definition = reading.tally.definition();
        if definition.metrics.iter().all(|metric| metric.role != Role::Guardrail) {
            return Ok(None);
        }
        let stopped: Vec<bool> = states_of(row)?.iter().map(|s| s.stopped.is_some()).collect();
        let report = reading.tally.report(&stopped, self.clock.now());
        let harm = |metric: &plimsoll_release::experiment::MetricReport| {
            let is_new = |arm: usize| !stopped.get(arm).copied().unwrap_or_default();
            let found = metric.contrasts.iter().find(|one| one.is_harm && is_new(one.arm))?;
            Some((found.arm, definition.metrics.get(metric.metric)?.name.clone()))
        };
        Ok(report.metrics.iter().find_map(harm))
    }

    fn stop_by_itself(
        &self,
        deployment: &DeploymentRow,
        row: &SplitRow,
        arms: &[usize],
        why: &str,
    ) -> Result<(), ControlError> {
        let by = By::Server(Action::RollBack);
        let row = self.end_arms(by, deployment, row, (arms, (why, None)))?;
        let (names, states) = (declared(&row)?.arms, states_of(&row)?);
        for (arm, state) in arms.iter().filter_map(|arm| names.get(*arm).zip(states.get(*arm))) {
            let why = state.stopped.as_ref().map_or(why, |stopped| stopped.why.as_str());
            let answers = state.watched.as_ref().map_or(0, |watched| watched.rollout.counts().0);
            let signal = Signal {
                deployment: row.deployment,
                version: Some(arm.version),
                kind: SignalKind::Release,
                severity: Severity::Critical,
                about: why.to_owned(),
                slice: None,
                since: row.started_at,
                until: self.clock.now(),
                text: format!(
                    "arm `{}` of an experiment (version {}) was stopped by `{why}` after {answers} answers",
                    arm.name, arm.version
                ),
                #[expect(clippy::cast_precision_loss, reason = "a count for people")]
                numbers: vec![("arm_answers".to_owned(), answers as f64)],
            };
            if let Err(error) = self.raise(&signal) {
                tracing::warn!(experiment = %row.id, %error, "the end of an arm could not be kept as a finding");
            }
        }
        Ok(())
    }
}
