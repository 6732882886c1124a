//! What a rollout does by itself: steps when the plan says so, goes back when a guardrail says so,
//! and writes its evidence down from time to time, so that a crash forgets little.

use crate::bootstrap::Control;
use crate::compile::principal;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::rollout::By;
use crate::rollout_drill::DRILL_MAX;
use crate::rollout_state::{Kept, progress, state_json};
use plimsoll_policy::Action;
use plimsoll_release::rollout::Phase;
use plimsoll_store::{DeploymentRow, RolloutRow};
use plimsoll_types::{Severity, Signal, SignalKind};
use std::time::Duration;

/// How often the evidence of a rollout is written down while nothing is decided: after a crash it
/// goes on from there, and what it saw meanwhile is seen again.
const NOTE_EVERY: Duration = Duration::from_secs(5);

impl Control {
    /// Looks after every rollout under way. Call it every second, and at once when a gateway says
    /// that a guardrail has decided.
    ///
    /// # Errors
    /// The first [`ControlError`]; the other rollouts are looked after all the same, and what
    /// failed is tried again.
    pub fn tend_rollouts(&self) -> Result<(), ControlError> {
        let rows = self.store.read(|r| r.rollouts_under_way())?;
        let mut wrong = Ok(());
        for row in &rows {
            if let Err(error) = self.tend(row) {
                tracing::warn!(rollout = %row.id, %error, "a rollout could not be looked after");
                wrong = wrong.and(Err(error));
            }
        }
        wrong
    }

    fn tend(&self, row: &RolloutRow) -> Result<(), ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let deployment = deployment.ok_or(ControlError::Internal("a rollout has no deployment"))?;
        let now = self.clock.now();
        let kept = self.rollouts.kept(row, now)?;
        let is_ours = row.started_at >= self.started && now.since(row.started_at) < DRILL_MAX;
        if row.is_drill && is_ours {
            // The drill waits for it and ends it. One that nobody waits for was cut short.
            return Ok(());
        }
        let undo = By::Server(Action::RollBack);
        if row.is_drill {
            return self.undo(undo, &deployment, row).map(drop);
        }
        if kept.live.is_back() {
            return self.undo(undo, &deployment, row).map(|row| self.tell_undone(&row, &kept));
        }
        let mut after = kept.live.with(|watched| watched.clone());
        after.rollout.tick(now);
        let is_new = (after.rollout.phase(), after.rollout.step()) != (kept.phase, kept.step);
        match after.rollout.phase() {
            Phase::RolledBack => {
                self.undo(undo, &deployment, row).map(|row| self.tell_undone(&row, &kept))
            }
            Phase::Promoted => self.promote(&deployment, row),
            _ if is_new => self.take_step(&deployment, row).map(drop),
            _ => self.keep_up(row, &kept),
        }
    }

    /// Makes a finding of a rollback that nobody asked for: somebody should know why.
    fn tell_undone(&self, row: &RolloutRow, kept: &Kept) {
        let reason = kept.live.with(|watched| watched.rollout.reason().cloned());
        let what = reason.as_ref().map_or("guardrail", |reason| reason.what.as_str());
        let (candidates, pairs) = reason.as_ref().map_or((0, 0), |r| (r.candidates, r.pairs));
        #[expect(clippy::cast_precision_loss, reason = "counts for people, far below 2^53")]
        let numbers = vec![
            ("candidate_answers".to_owned(), candidates as f64),
            ("pairs".to_owned(), pairs as f64),
        ];
        let signal = Signal {
            deployment: row.deployment,
            version: Some(row.candidate),
            kind: SignalKind::Release,
            severity: Severity::Critical,
            about: what.to_owned(),
            slice: None,
            since: row.started_at,
            until: self.clock.now(),
            text: format!(
                "version {} was rolled back by its guardrail {what}, after {candidates} answers to \
                 callers and {pairs} compared beside the incumbent's",
                row.candidate
            ),
            numbers,
        };
        if let Err(error) = self.raise(&signal) {
            tracing::warn!(rollout = %row.id, %error, "a rollback could not be kept as a finding");
        }
    }

    /// Releases the candidate in the name of who started the rollout, if they still may; else a
    /// person has to decide.
    fn promote(&self, deployment: &DeploymentRow, row: &RolloutRow) -> Result<(), ControlError> {
        let allowed = match self.store.read(|r| r.trial_by_rollout(row.id))? {
            // Who set the policy made the version, and lets it answer as little as anybody their own.
            Some(trial) => self.trial_may_answer(trial),
            None => self
                .starter(row)
                .and_then(|ctx| self.release_allowed(&ctx, deployment, row.candidate))
                .and_then(|()| self.check_usable(deployment, row.candidate))
                .and_then(|()| self.check_fit(deployment, row.candidate)),
        };
        match allowed {
            Ok(()) => self.take_step(deployment, row).map(drop),
            Err(error) => {
                tracing::warn!(rollout = %row.id, %error, "a candidate that passed may not be released");
                self.hold(By::Server(Action::Release), deployment, row, "release").map(drop)
            }
        }
    }

    /// Who started a rollout, with the roles they have now.
    fn starter(&self, row: &RolloutRow) -> Result<RequestContext, ControlError> {
        let found = self.store.read(|r| r.principal(row.started_by))?;
        let found = found.filter(|found| found.disabled_at.is_none());
        let found = found.ok_or_else(|| {
            ControlError::conflict("who started the rollout is here no more; advance it by hand")
        })?;
        Ok(RequestContext {
            principal: principal(&found)?,
            id: found.id,
            key: None,
            request_id: format!("rollout/{}", row.id).into(),
        })
    }

    fn keep_up(&self, row: &RolloutRow, kept: &Kept) -> Result<(), ControlError> {
        let now = self.clock.now();
        let watched = kept.live.with(|watched| watched.clone());
        let seen = progress(&watched.rollout);
        if seen == kept.seen || now.since(kept.noted) < NOTE_EVERY || watched.rollout.is_over() {
            return Ok(());
        }
        // Where it stands is a change, and this is none: it is read when no change is under way.
        let turn = self.begin_turn()?;
        let watched = kept.live.with(|watched| watched.clone());
        self.store.note_rollout(row.id, &state_json(&watched)?, now)?;
        drop(turn);
        self.rollouts.note(row.id, |kept| (kept.noted, kept.seen) = (now, seen));
        Ok(())
    }
}
