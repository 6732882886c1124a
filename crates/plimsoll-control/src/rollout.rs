//! Rollouts: a version is tried under traffic, step by step, and released or rolled back.
//!
//! Where a rollout stands is one row, changed in one transaction with the release that it leads to:
//! a crash leaves the state before or the state after, and a rollout goes on from there. What is
//! undone is undone first in the gateways of this process and written down then; everything else
//! is written down first.

use crate::act::{Permit, Turn, Who};
use crate::bootstrap::{Control, SERVER};
use crate::compile::settings_of;
use crate::context::RequestContext;
use crate::deployment::unchanged;
use crate::error::ControlError;
use crate::finding::is_not_attacked;
use crate::page::{cursor, limit, page};
use crate::rollback::check_reason;
use crate::rollout_state::{begun, progress, scoring_json, state_json};
use crate::routes;
use aws_lc_rs::rand;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::rollout::{Guardrail, Phase, Rollout};
use plimsoll_release::watched::Watched;
use plimsoll_serving::{LiveRollout, Scoring};
use plimsoll_store::{DeploymentRow, Release, RolloutRow, RolloutStepRow, TrialRow, Write};
use plimsoll_types::record::{Kind, ResultClass, Route};
use plimsoll_types::{DeploymentId, Name, PrincipalId, RefusalCode, RolloutId};
use serde_json::{Value, json};
use std::time::Duration;

/// The incumbent's answers that a rollout begins with knowing, and the entries of the ledger that
/// are looked through for them.
const KNOWN: u64 = 1_000;
const LOOKED_THROUGH: usize = 10_000;
/// The score from which on an answer is positive, unless told.
const POSITIVE_FROM: f64 = 0.5;
/// How often a record of going back looks for the candidate's last request: for some 100 ms.
const LOOK_EVERY: Duration = Duration::from_micros(200);
const LOOKS: u32 = 500;

/// What a person does to a rollout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RolloutVerb {
    /// It stays at its step; guardrails still watch.
    Hold,
    /// It goes on.
    Resume,
    /// It goes to its next step now; past the last, the candidate is released.
    Advance,
    /// Everybody gets the incumbent.
    RollBack,
}

/// Who changes a rollout.
pub(crate) enum By<'a> {
    Person(Permit<'a>),
    /// The server, for the reason in the rollout.
    Server(Action),
    /// The server, for the candidate of a retraining whose policy this principal set; with what
    /// governance found of it.
    Trial {
        on_behalf_of: PrincipalId,
        standing: Value,
    },
}

impl Control {
    /// Starts to try a version in a deployment where another answers.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if one is tried already.
    pub fn start_rollout(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::StartRollout,
    ) -> Result<api::Rollout, ControlError> {
        let (row, into) = self.deployment_resource(ctx, name)?;
        self.adopt_for(ctx, row.as_ref(), wanted.version)?;
        let (resource, found) = self.release_resource(row.as_ref(), into, wanted.version)?;
        if let Some(row) = row.as_ref().filter(|_| found.is_some()) {
            self.release_allowed(ctx, row, wanted.version)?;
        }
        let permit = self.permit(ctx, Action::Release, &resource)?;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        found.ok_or_else(|| ControlError::not_found("model version", wanted.version))?;
        let incumbent = self.incumbent(&deployment)?;
        if incumbent == wanted.version {
            return Err(ControlError::conflict("the version answers everybody already"));
        }
        self.check_usable(&deployment, wanted.version)?;
        self.check_fit(&deployment, wanted.version)?;
        let read = (wanted.score_output, wanted.positive_from);
        let scoring = self.scoring(&deployment, (incumbent, wanted.version), read)?;
        let mut rollout = begun(wanted, self.clock.now())?;
        self.check_groups(&deployment, &rollout)?;
        let (records, failed) = self.known(deployment.id)?;
        rollout.learn_errors(records, failed);
        let (candidate, is_drill, trial) = (wanted.version, false, None);
        let begin = Begin { incumbent, candidate, scoring, rollout, is_drill, trial };
        let row = self.begin_rollout(By::Person(permit), &deployment, begin)?;
        self.shown_rollout(&row, true)
    }

    /// The version that answers where one may be tried.
    pub(crate) fn incumbent(&self, deployment: &DeploymentRow) -> Result<u32, ControlError> {
        self.no_rollout_in(deployment)?;
        if settings_of(deployment)?.killed {
            let detail = "the deployment's models are switched off; revive it first";
            return Err(ControlError::conflict(detail));
        }
        let none = "no version answers in the deployment; release one without a rollout";
        Ok(deployment.released.ok_or_else(|| ControlError::conflict(none))?.number)
    }

    /// Nothing is tried in the deployment: no version, and no experiment.
    pub(crate) fn no_rollout_in(&self, deployment: &DeploymentRow) -> Result<(), ControlError> {
        if self.store.read(|r| r.split_in(deployment.id))?.is_some() {
            let detail = "an experiment is under way in the deployment; conclude it first";
            return Err(ControlError::conflict(detail));
        }
        match self.store.read(|r| r.rollout_in(deployment.id))? {
            None => Ok(()),
            Some(rollout) => Err(ControlError::conflict(format!(
                "version {} is tried in the deployment; wait for it, or roll it back",
                rollout.candidate
            ))),
        }
    }

    /// How answers are read; refuses a version whose answers have another shape than the
    /// incumbent's, as callers would notice.
    pub(crate) fn scoring(
        &self,
        deployment: &DeploymentRow,
        (incumbent, candidate): (u32, u32),
        (score_output, positive_from): (Option<u32>, Option<f64>),
    ) -> Result<Scoring, ControlError> {
        let model = |number| {
            let (version, files) = self.store.read(|r| {
                let version = r.version(deployment.model, number)?;
                Ok::<_, ControlError>((version, r.files(deployment.model, number)?))
            })?;
            let version =
                version.ok_or_else(|| ControlError::not_found("model version", number))?;
            let model = self.compiler.model(&self.artifacts, &version, &files);
            model.map_err(|why| ControlError::invalid("version", why))
        };
        let (before, after) = (model(incumbent)?, model(candidate)?);
        let (before, after) = (before.output(), after.output());
        if before.name != after.name || before.count != after.count {
            let detail = format!(
                "it answers `{}` with {} numbers, the version that answers now `{}` with {}; callers would notice",
                after.name, after.count, before.name, before.count
            );
            return Err(ControlError::invalid("version", detail));
        }
        let output = score_output.map_or(after.count.saturating_sub(1), |n| n as usize);
        if output >= after.count {
            let detail = format!("a row has {} outputs, counted from 0", after.count);
            return Err(ControlError::invalid("score_output", detail));
        }
        let positive_from = positive_from.unwrap_or(POSITIVE_FROM);
        if !positive_from.is_finite() {
            return Err(ControlError::invalid("positive_from", "must be a finite number"));
        }
        Ok(Scoring { output, positive_from })
    }

    /// Groups that guardrails look at are by keys that the contract has.
    pub(crate) fn check_groups(
        &self,
        deployment: &DeploymentRow,
        rollout: &Rollout,
    ) -> Result<(), ControlError> {
        let keys = self.slice_keys(deployment)?;
        for weighted in &rollout.plan().guardrails {
            if let Guardrail::Mix { group: Some(group), .. } = &weighted.guardrail
                && !keys.contains(&group.by)
            {
                let detail = "`by` must be a slice key of the deployment's contract";
                return Err(ControlError::invalid("guardrails", detail));
            }
        }
        Ok(())
    }

    /// How many of the incumbent's last answers are known, and how many of them failed.
    pub(crate) fn known(&self, deployment: DeploymentId) -> Result<(u64, u64), ControlError> {
        let (mut records, mut failed) = (0, 0);
        for entry in self.ledger.entries_rev(self.ledger.durable()).take(LOOKED_THROUGH) {
            let draft = entry.map_err(ControlError::Unreadable)?.leaf.draft;
            let switched_off = Some(RefusalCode::SwitchedOff.code());
            let is_meant = draft.kind == Kind::Decision
                && draft.deployment == Some(deployment)
                && draft.extension.fallback_reason != switched_off
                && matches!(draft.route, Some(Route::Primary | Route::Fallback));
            if is_meant {
                records += 1;
                let is_failed =
                    matches!(draft.result, Some(ResultClass::Failed | ResultClass::TimedOut));
                failed += u64::from(is_failed || draft.route == Some(Route::Fallback));
            }
            if records == KNOWN {
                break;
            }
        }
        Ok((records, failed))
    }

    /// Writes a rollout down; when this returns, gateways of this process serve it.
    pub(crate) fn begin_rollout(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        begin: Begin,
    ) -> Result<RolloutRow, ControlError> {
        let Begin { incumbent, candidate, scoring, rollout, is_drill, trial } = begin;
        let mut salt = [0; 32];
        rand::fill(&mut salt)
            .map_err(|_| ControlError::Internal("the random number generator failed"))?;
        let label = format!("deployment/{}", deployment.name);
        let (started_by, principal, action) = match &by {
            By::Person(permit) => {
                (permit.who().principal, permit.who().principal, permit.who().action)
            }
            By::Server(action) => (SERVER, SERVER, action.as_str()),
            By::Trial { on_behalf_of, .. } => (*on_behalf_of, SERVER, Action::Release.as_str()),
        };
        let now = self.clock.now();
        let watched = Watched::new(rollout);
        let row = RolloutRow {
            id: RolloutId::new(now),
            deployment: deployment.id,
            incumbent,
            candidate,
            salt,
            scoring: scoring_json(scoring),
            state: state_json(&watched)?,
            phase: watched.rollout.phase().to_string(),
            is_drill,
            started_by,
            started_at: now,
            updated_at: now,
            ended_at: None,
        };
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let plan = watched.rollout.plan();
        let facts = json!({
            "rollout": row.id, "what": "start", "incumbent": incumbent, "candidate": candidate,
            "plan": plan, "drill": is_drill,
        });
        let mut recorded = facts.clone();
        // With it, every assignment can be computed again.
        recorded["salt"] = salt.into();
        let (label, payload) = match &by {
            By::Person(permit) => (permit.who().resource, permit.payload(recorded)),
            By::Server(_) => (label.as_str(), json!({ "facts": recorded })),
            By::Trial { standing, .. } => {
                recorded["retrain"] = json!(trial.as_ref().map(|trial| trial.retrain));
                recorded["governance"] = standing.clone();
                (label.as_str(), json!({ "facts": recorded }))
            }
        };
        self.carry_out_as(principal, action, label, payload, |tx, now| {
            unchanged(tx.deployment(deployment.id)?.as_ref(), deployment)?;
            tx.insert_rollout(&row)?;
            let facts = facts.to_string();
            let step =
                RolloutStepRow { what: "start".to_owned(), facts, principal, created_at: now };
            tx.insert_rollout_step(row.id, &step)?;
            // The candidate of a retraining is tried once, whatever happens to this process, and not
            // while somebody may attack: a finding that came since it was looked is seen here.
            if let Some(trial) = &trial {
                is_not_attacked(tx, deployment.id)?;
                let state = api::TrialState::Rollout.to_string();
                let why = Some(format!("it is tried beside version {incumbent}"));
                let after = TrialRow {
                    state: state.clone(),
                    why: why.clone(),
                    rollout: Some(row.id),
                    since: now,
                    ..trial.clone()
                };
                tx.update_trial(&after, &trial.state)?;
                tx.tell_retrain(trial.retrain, &crate::retrain::told(&state, why, SERVER, now))?;
            }
            Ok(())
        })?;
        Ok(row)
    }

    /// A person holds the rollout of a deployment, lets it go on, or rolls it back; `reason` is
    /// recorded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if none is under way.
    pub fn change_rollout(
        &self,
        ctx: &RequestContext,
        name: &Name,
        verb: RolloutVerb,
        reason: Option<&str>,
    ) -> Result<api::Rollout, ControlError> {
        check_reason(reason)?;
        let (deployment, resource) = self.deployment_resource(ctx, name)?;
        let row = match &deployment {
            Some(deployment) => self.store.read(|r| r.rollout_in(deployment.id))?,
            None => None,
        };
        let permit = match verb {
            // What exposes less must not wait for an approver.
            RolloutVerb::Hold | RolloutVerb::RollBack => {
                self.permit(ctx, Action::RollBack, &Resource::Deployment(resource))?
            }
            RolloutVerb::Resume | RolloutVerb::Advance => {
                let number = row.as_ref().map_or(0, |row| row.candidate);
                let (resource, _) = self.release_resource(deployment.as_ref(), resource, number)?;
                self.permit(ctx, Action::Release, &resource)?
            }
        };
        let permit = permit.because(reason);
        let deployment = deployment.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let none = || ControlError::conflict("no version is tried in the deployment");
        let row = row.ok_or_else(none)?;
        if row.is_drill {
            return Err(ControlError::conflict("a drill is under way; it ends by itself"));
        }
        let row = match verb {
            RolloutVerb::Hold => self.hold(By::Person(permit), &deployment, &row, "person")?,
            RolloutVerb::Resume => {
                self.release_allowed(ctx, &deployment, row.candidate)?;
                self.resume(By::Person(permit), &deployment, &row)?
            }
            RolloutVerb::Advance => {
                self.release_allowed(ctx, &deployment, row.candidate)?;
                self.advance(By::Person(permit), &deployment, &row)?
            }
            RolloutVerb::RollBack => self.undo(By::Person(permit), &deployment, &row)?,
        };
        self.shown_rollout(&row, true)
    }

    /// Rolls back the rollout of a deployment, if one is under way.
    pub(crate) fn roll_back_rollout(
        &self,
        ctx: &RequestContext,
        deployment: &DeploymentRow,
        reason: Option<&str>,
    ) -> Result<bool, ControlError> {
        let Some(row) = self.store.read(|r| r.rollout_in(deployment.id))? else {
            return Ok(false);
        };
        let resource = Resource::Deployment(crate::deployment::resource_of(deployment)?);
        let permit = self.permit(ctx, Action::RollBack, &resource)?.because(reason);
        self.undo(By::Person(permit), deployment, &row)?;
        Ok(true)
    }

    /// It stays at its step. What holds it already goes on holding it, unless a person says so.
    pub(crate) fn hold(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &RolloutRow,
        why: &str,
    ) -> Result<RolloutRow, ControlError> {
        let is_asked = matches!(by, By::Person(_));
        self.change((by, false), deployment, row, |watched| {
            if watched.rollout.is_over() {
                return Err(ControlError::conflict("the rollout has ended meanwhile"));
            }
            if watched.rollout.phase() == Phase::Held && !is_asked {
                return Ok(None);
            }
            watched.rollout.hold_for(why);
            Ok(Some("hold"))
        })
    }

    pub(crate) fn resume(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &RolloutRow,
    ) -> Result<RolloutRow, ControlError> {
        let now = self.clock.now();
        self.change((by, true), deployment, row, |watched| {
            if !matches!(watched.rollout.phase(), Phase::Held | Phase::Inconclusive) {
                return Err(ControlError::conflict("the rollout is not held"));
            }
            watched.rollout.resume(now);
            Ok(Some("resume"))
        })
    }

    /// A person sends it to its next step; past the last, the candidate is released.
    pub(crate) fn advance(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &RolloutRow,
    ) -> Result<RolloutRow, ControlError> {
        let now = self.clock.now();
        self.change((by, true), deployment, row, |watched| {
            if watched.rollout.is_over() {
                return Err(ControlError::conflict("the rollout was rolled back meanwhile"));
            }
            watched.rollout.advance_now(now);
            Ok(Some(if watched.rollout.phase() == Phase::Promoted { "promote" } else { "step" }))
        })
    }

    /// What the plan says at this moment: a step, an end, that it does not know, or nothing. A hold
    /// that came first stands.
    pub(crate) fn take_step(
        &self,
        deployment: &DeploymentRow,
        row: &RolloutRow,
    ) -> Result<RolloutRow, ControlError> {
        let now = self.clock.now();
        self.change((By::Server(Action::Release), true), deployment, row, |watched| {
            // Against what is written down, so that nothing that is not stays so.
            let kept = self.rollouts.kept(row, now)?;
            watched.rollout.tick(now);
            let (phase, step) = (watched.rollout.phase(), watched.rollout.step());
            Ok(match phase {
                // What a guardrail ended is undone, and not stepped.
                Phase::Held | Phase::RolledBack => None,
                _ if (phase, step) == (kept.phase, kept.step) => None,
                Phase::Promoted => Some("promote"),
                _ if step != kept.step => Some("step"),
                phase => Some(phase.as_str()),
            })
        })
    }

    /// Everybody gets the incumbent: first in the gateways of this process, then in the books.
    pub(crate) fn undo(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &RolloutRow,
    ) -> Result<RolloutRow, ControlError> {
        let live = self.rollouts.kept(row, self.clock.now())?.live;
        live.go_back(self.clock.monotonic());
        live.with(|watched| watched.rollout.roll_back());
        // Waited for here, and not while other changes wait for this one.
        self.wait_until_empty(&live);
        self.change((by, false), deployment, row, |watched| {
            watched.rollout.roll_back();
            Ok(Some("rollback"))
        })
    }

    /// The candidate of a retraining goes no further while a finding of security is open. Asked
    /// within the turn of the change, it holds until the change is made: findings take turns too.
    fn not_suspended(&self, row: &RolloutRow) -> Result<(), ControlError> {
        let is_trial = self.store.read(|r| r.trial_by_rollout(row.id))?.is_some();
        if is_trial && self.is_attacked(row.deployment)? {
            return Err(ControlError::conflict(
                "a finding of security is open; resolve it, and the candidate goes on",
            ));
        }
        Ok(())
    }

    /// Changes where a rollout stands. What is decided, written down and put in force here, no other
    /// change comes between: a step that was due does not undo a hold that came before it.
    /// `decide` is shown what is seen at this moment, changes it, and gives the word for it; `None`
    /// changes nothing. What `exposes` more is refused while the rollout is suspended.
    fn change(
        &self,
        (by, exposes): (By<'_>, bool),
        deployment: &DeploymentRow,
        row: &RolloutRow,
        decide: impl Fn(&mut Watched) -> Result<Option<&'static str>, ControlError>,
    ) -> Result<RolloutRow, ControlError> {
        let mut turn = self.begin_turn()?;
        if exposes {
            self.not_suspended(row)?;
        }
        let live = self.rollouts.kept(row, self.clock.now())?.live;
        let (before, after, what) = live.with(|watched| {
            let before = watched.clone();
            let mut after = before.clone();
            let what = decide(&mut after);
            // Of a promotion and a guardrail's verdict one comes first, and the other does not come.
            if after.rollout.phase() == Phase::Promoted && matches!(what, Ok(Some(_))) {
                *watched = after.clone();
            }
            (before, after, what)
        });
        let Some(what) = what? else { return Ok(row.clone()) };
        let is_promoted = after.rollout.phase() == Phase::Promoted;
        let written = self.write_down(&mut turn, by, deployment, row, (what, &after, &live));
        match &written {
            Err(_) if is_promoted => live.with(|watched| *watched = before),
            Err(_) => {}
            Ok(_) if after.rollout.is_over() => self.rollouts.forget(row.id),
            Ok(written) => {
                // What was seen meanwhile stays seen.
                drop(live.with(|watched| decide(watched)));
                let seen = progress(&after.rollout);
                self.rollouts.note(row.id, |kept| {
                    (kept.phase, kept.step) = (after.rollout.phase(), after.rollout.step());
                    (kept.noted, kept.seen) = (written.updated_at, seen);
                });
            }
        }
        let written = written?;
        self.publish().map_err(|error| ControlError::Unpublished(error.into()))?;
        Ok(written)
    }

    /// Writes down where a rollout stands now, with the numbers that decided.
    fn write_down(
        &self,
        turn: &mut Turn<'_>,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &RolloutRow,
        (what, after, live): (&str, &Watched, &LiveRollout),
    ) -> Result<RolloutRow, ControlError> {
        let rollout = &after.rollout;
        let mut facts = facts(row, what, after);
        if rollout.phase() == Phase::RolledBack {
            facts["took_us"] = json!(live.took().map(|took| took / 1_000));
        }
        let label = format!("deployment/{}", deployment.name);
        let (principal, action, label, payload) = match &by {
            By::Person(permit) => {
                if let Some(reason) = permit.reason() {
                    facts["because"] = reason.into();
                }
                let who = permit.who();
                (who.principal, who.action, who.resource, permit.payload(facts.clone()))
            }
            By::Server(action) => {
                (SERVER, action.as_str(), label.as_str(), json!({ "facts": facts }))
            }
            By::Trial { .. } => {
                (SERVER, Action::Release.as_str(), label.as_str(), json!({ "facts": facts }))
            }
        };
        let state = state_json(after)?;
        let is_promoted = rollout.phase() == Phase::Promoted;
        let change = |tx: &Write<'_>, now, _| {
            let row = RolloutRow {
                state,
                phase: rollout.phase().to_string(),
                updated_at: now,
                ended_at: rollout.is_over().then_some(now),
                ..row.clone()
            };
            tx.update_rollout(&row)?;
            let facts = facts.to_string();
            let step = RolloutStepRow { what: what.to_owned(), facts, principal, created_at: now };
            tx.insert_rollout_step(row.id, &step)?;
            if rollout.phase() == Phase::RolledBack && !row.is_drill {
                // What was sent back is not reached by a rule either.
                let now_in = tx.deployment(deployment.id)?;
                let now_in = now_in.ok_or(ControlError::Internal("a rollout has no deployment"))?;
                let settings = routes::settings_without(&now_in, row.candidate)?;
                if settings != now_in.settings {
                    tx.update_deployment(&DeploymentRow { settings, updated_at: now, ..now_in })?;
                }
            }
            if is_promoted {
                unchanged(tx.deployment(deployment.id)?.as_ref(), deployment)?;
                let by = if principal == SERVER { row.started_by } else { principal };
                let release = Release { number: row.candidate, by, at: now };
                tx.update_deployment(&DeploymentRow {
                    released: Some(release),
                    updated_at: now,
                    ..deployment.clone()
                })?;
            }
            Ok(row)
        };
        let who = Who { principal, action, resource: label };
        self.act(turn, who, payload, change, |_| Ok(Value::Null))
    }

    /// Waits a moment until no request is with the candidate any more.
    fn wait_until_empty(&self, live: &LiveRollout) {
        for _ in 0..LOOKS {
            if live.took().is_some() {
                return;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The rollout that is under way in a deployment, or else the last one.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_rollout(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: Option<RolloutId>,
    ) -> Result<api::Rollout, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let found = self.store.read(|r| match id {
            Some(id) => {
                Ok::<_, ControlError>(r.rollout(id)?.filter(|one| one.deployment == row.id))
            }
            None => Ok(r.rollouts(row.id, None, 1)?.into_iter().next()),
        })?;
        let found = found.ok_or_else(|| match id {
            Some(id) => ControlError::not_found("rollout", id),
            None => ControlError::not_found("rollout in the deployment", name),
        })?;
        self.shown_rollout(&found, true)
    }

    /// Rollouts of a deployment, latest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_rollouts(
        &self,
        ctx: &RequestContext,
        name: &Name,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Rollout>, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let (before, limit) = (cursor(query.cursor.as_deref())?, limit(query.limit)?);
        let rows = self.store.read(|r| r.rollouts(row.id, before, limit))?;
        page(query, rows, |row| row.id.to_string(), |row| self.shown_rollout(&row, false).map(Some))
    }

    /// Rollouts of every deployment that the caller may read, latest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_all_rollouts(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Rollout>, ControlError> {
        self.may_read(ctx, Action::ListDeployments, &self.server())?;
        let (before, limit) = (cursor(query.cursor.as_deref())?, limit(query.limit)?);
        let rows = self.store.read(|r| r.all_rollouts(before, limit))?;
        page(
            query,
            rows,
            |row| row.id.to_string(),
            |row| {
                let deployment = self.store.read(|r| r.deployment(row.deployment))?;
                let Some(deployment) = deployment else { return Ok(None) };
                let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
                let may = self.allows(ctx, Action::ReadDeployment, &resource);
                may.then(|| self.shown_rollout(&row, false)).transpose()
            },
        )
    }
}

/// What a rollout begins with.
pub(crate) struct Begin {
    pub(crate) incumbent: u32,
    pub(crate) candidate: u32,
    pub(crate) scoring: Scoring,
    pub(crate) rollout: Rollout,
    pub(crate) is_drill: bool,
    /// The candidate of a retraining, which is on its way with it.
    pub(crate) trial: Option<TrialRow>,
}

/// What is recorded of a change: the numbers that decided.
fn facts(row: &RolloutRow, what: &str, after: &Watched) -> Value {
    let rollout = &after.rollout;
    let (candidates, pairs) = rollout.counts();
    let evidence: Vec<_> = rollout
        .evidence()
        .map(|(guardrail, evidence)| json!({"guardrail": guardrail.to_string(), "evidence": evidence}))
        .collect();
    json!({
        "rollout": row.id, "what": what, "incumbent": row.incumbent, "candidate": row.candidate,
        "phase": rollout.phase(), "step": rollout.step(), "exposure": rollout.exposure(),
        "candidates": candidates, "pairs": pairs, "outcomes": rollout.outcomes(), "reason": rollout.reason(),
        "evidence": evidence, "agreement": after.pairs.agreement(),
        "score_shift": after.pairs.mean_shift(),
        "reason_agreement": after.reasons.agreement(), "reason_shift": after.reasons.shift(),
        "drill": row.is_drill,
    })
}
