//! Experiments as use cases: several versions answer shares of the same traffic until a person
//! concludes which of them answers everybody.
//!
//! Every arm but the control needs what a release needs, and so does the arm that is shipped. What
//! exposes callers less is done first in the gateways of this process and written down then;
//! everything else is written down first, as with a rollout.

use crate::act::Permit;
use crate::bootstrap::{Control, SERVER};
use crate::context::RequestContext;
use crate::deployment::{resource_of, unchanged};
use crate::error::ControlError;
use crate::experiment_state::{
    arms_of, declared, definition, definition_of, states_json, states_of, stops,
};
use crate::page::{cursor, limit, page};
use crate::rollout::By;
use crate::rollout_state::scoring_json;
use aws_lc_rs::rand;
use plimsoll_api as api;
use plimsoll_contract::{Kind as FieldKind, Source as Place};
use plimsoll_policy::{Action, Resource};
use plimsoll_release::experiment::{ARMS_MAX, ArmState, Definition, Stopped, Unit};
use plimsoll_store::{DeploymentRow, Release, RolloutStepRow, SplitRow};
use plimsoll_types::{ExperimentId, Name};
use serde_json::{Value, json};

/// The longest reason, in characters: it is kept for ever, and read by people.
const MAX_REASON: usize = 2_000;

/// What is written down of a change.
pub(crate) struct Written<'a> {
    pub(crate) what: &'a str,
    pub(crate) phase: api::ExperimentPhase,
    pub(crate) states: Vec<ArmState>,
    pub(crate) facts: Value,
    /// The version that answers everybody from now on.
    pub(crate) ship: Option<u32>,
}

impl Control {
    /// Starts an experiment in a deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if something is tried already.
    pub fn start_experiment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::StartExperiment,
    ) -> Result<api::Experiment, ControlError> {
        let (row, into) = self.deployment_resource(ctx, name)?;
        let arms = wanted.arms.iter().skip(1).take(ARMS_MAX).map(|arm| arm.version);
        let arms: Vec<u32> = arms.collect();
        // Without an arm there is still somebody who may, or may not, let versions answer.
        let asked = if arms.is_empty() { vec![0] } else { arms.clone() };
        let mut permit = None;
        for number in asked {
            self.adopt_for(ctx, row.as_ref(), number)?;
            let (resource, found) = self.release_resource(row.as_ref(), into.clone(), number)?;
            if let Some(row) = row.as_ref().filter(|_| found.is_some()) {
                self.release_allowed(ctx, row, number)?;
            }
            permit = Some(self.permit(ctx, Action::Release, &resource)?);
            if row.is_some() && !arms.is_empty() {
                found.ok_or_else(|| ControlError::not_found("model version", number))?;
            }
        }
        let permit = permit.ok_or(ControlError::Internal("no arm was asked about"))?;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let incumbent = self.incumbent(&deployment)?;
        let definition = definition(wanted)?;
        definition.check().map_err(|why| ControlError::invalid("experiment", why.to_string()))?;
        if wanted.arms.first().map(|arm| arm.version) != Some(incumbent) {
            let detail =
                format!("the first is the control: version {incumbent}, which answers now");
            return Err(ControlError::invalid("arms", detail));
        }
        self.check_units(&deployment, &definition)?;
        let read = (wanted.score_output, wanted.positive_from);
        let mut scoring = None;
        for number in arms {
            self.check_usable(&deployment, number)?;
            self.check_fit(&deployment, number)?;
            scoring = Some(self.scoring(&deployment, (incumbent, number), read)?);
        }
        let scoring = scoring.ok_or(ControlError::Internal("an experiment without arms"))?;
        let (records, failed) = self.known(deployment.id)?;
        let now = self.clock.now();
        let watches = definition.watches(now);
        let watches =
            watches.map_err(|why| ControlError::invalid("guardrails", why.to_string()))?;
        let state = |mut watched: Option<plimsoll_release::watched::Watched>| {
            watched.iter_mut().for_each(|watched| watched.rollout.learn_errors(records, failed));
            ArmState { watched, stopped: None }
        };
        let states: Vec<ArmState> = watches.into_iter().map(state).collect();
        let mut salt = [0; 32];
        rand::fill(&mut salt)
            .map_err(|_| ControlError::Internal("the random number generator failed"))?;
        let unwritable = |_| ControlError::Internal("an experiment cannot be written");
        let row = SplitRow {
            id: ExperimentId::new(now),
            deployment: deployment.id,
            definition: serde_json::to_string(wanted).map_err(unwritable)?,
            salt,
            scoring: scoring_json(scoring),
            state: states_json(&states)?,
            phase: api::ExperimentPhase::Running.to_string(),
            first_index: self.ledger.durable(),
            started_by: ctx.id,
            started_at: now,
            updated_at: now,
            ended_at: None,
        };
        self.begin_experiment(permit, &deployment, &row, wanted)?;
        self.shown_experiment(&row, true)
    }

    /// The contract names what units, covariates and slices are made of.
    fn check_units(
        &self,
        deployment: &DeploymentRow,
        definition: &Definition,
    ) -> Result<(), ControlError> {
        let contract = self.compiled(deployment.contract)?;
        let map = contract.mapping();
        let is_there = match definition.unit {
            Unit::Subject => !map.subjects.is_empty(),
            Unit::Interaction => map.interaction.is_some(),
            Unit::Decision => true,
        };
        if !is_there {
            let detail =
                format!("the contract maps no {}; take `decision`, or map one", definition.unit);
            return Err(ControlError::invalid("unit", detail));
        }
        let headers = map.slices.iter().filter(|slice| slice.source == Place::Header).count();
        for key in &definition.slices {
            let found = map.slices.iter().find(|slice| *slice.name == **key);
            if found.is_none_or(|slice| slice.source == Place::Header && headers > 1) {
                let detail = "must be slice keys of the contract; of several from headers, the record does not say which is which";
                return Err(ControlError::invalid("slices", detail));
            }
        }
        for name in definition.metrics.iter().filter_map(|metric| metric.covariate.as_deref()) {
            let field = contract.position(name).and_then(|place| contract.field(place));
            let is_number = field.is_some_and(|field| {
                matches!(field.kind, FieldKind::Number | FieldKind::Integer | FieldKind::Boolean)
            });
            if !is_number {
                let detail = "a covariate is a number of the contract";
                return Err(ControlError::invalid("covariate", detail));
            }
        }
        Ok(())
    }

    /// Writes an experiment down; when this returns, gateways of this process serve it.
    fn begin_experiment(
        &self,
        permit: Permit<'_>,
        deployment: &DeploymentRow,
        row: &SplitRow,
        wanted: &api::StartExperiment,
    ) -> Result<(), ControlError> {
        let by = permit.who().principal;
        let salt: String = row.salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let facts = json!({ "experiment": row.id, "what": "start", "definition": wanted });
        let mut recorded = facts.clone();
        // With it, every assignment can be computed again.
        recorded["salt"] = salt.into();
        let permit = permit.for_named(format!("deployment/{}", deployment.name));
        self.carry_out(permit, recorded, |tx, now| {
            unchanged(tx.deployment(deployment.id)?.as_ref(), deployment)?;
            tx.insert_split(row)?;
            let facts = facts.to_string();
            let step =
                RolloutStepRow { what: "start".to_owned(), facts, principal: by, created_at: now };
            Ok(tx.insert_split_step(row.id, &step)?)
        })
    }

    /// Stops an arm: its units get the control with their next request.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn stop_arm(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::StopArm,
    ) -> Result<api::Experiment, ControlError> {
        let (deployment, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::RollBack, &Resource::Deployment(resource))?;
        let (deployment, row) = self.experiment_under_way(deployment, name)?;
        reason(&wanted.reason)?;
        let arm = self.running_arm(&row, &wanted.arm)?;
        if arm == 0 {
            let detail = "the control answers whom no arm answers; conclude the experiment instead";
            return Err(ControlError::invalid("arm", detail));
        }
        let stop = ("person", Some(wanted.reason.as_str()));
        let row = self.end_arms(By::Person(permit), &deployment, &row, (&[arm], stop))?;
        self.shown_experiment(&row, true)
    }

    /// Sends the units of arms to the control, first in the gateways and then in the books. When no
    /// arm is left, the experiment is over.
    pub(crate) fn end_arms(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &SplitRow,
        (arms, (why, reason)): (&[usize], (&str, Option<&str>)),
    ) -> Result<SplitRow, ControlError> {
        let now = self.clock.now();
        let kept = self.experiments.kept(row, now)?;
        let lives = || arms.iter().filter_map(|arm| kept.lives.get(*arm)?.as_ref());
        for live in lives() {
            live.go_back(self.clock.monotonic());
            live.with(|watched| watched.rollout.roll_back());
        }
        let mut states = kept.states(&states_of(row)?);
        for arm in arms {
            if let Some(state) = states.get_mut(*arm).filter(|state| state.stopped.is_none()) {
                let ended = state.watched.as_ref().and_then(|watched| watched.rollout.reason());
                let guardrail =
                    ended.map(|ended| ended.what.clone()).filter(|what| what != "person");
                let why = guardrail.unwrap_or_else(|| why.to_owned());
                state.stopped = Some(Stopped { at_us: now.as_micros(), why });
            }
        }
        let is_over = states.iter().skip(1).all(|state| state.stopped.is_some());
        let names = declared(row)?.arms;
        let named = |arm: &usize| names.get(*arm).map(|arm| arm.name.clone());
        let ended: Vec<_> = arms
            .iter()
            .filter_map(|arm| {
                let state = states.get(*arm)?;
                let evidence = state.watched.as_ref().and_then(|w| w.rollout.reason());
                let why = state.stopped.as_ref().map(|stopped| stopped.why.clone());
                Some(json!({ "arm": named(arm), "why": why, "evidence": evidence }))
            })
            .collect();
        let phase =
            if is_over { api::ExperimentPhase::Stopped } else { api::ExperimentPhase::Running };
        let facts = json!({ "arms": ended, "reason": reason });
        let written = Written { what: "stop_arm", phase, states, facts, ship: None };
        self.write_experiment(by, deployment, row, written)
    }

    /// Ends an experiment: an arm's version answers everybody, by a release like any other, or the
    /// control goes on. The numbers that decided are recorded.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn conclude_experiment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::ConcludeExperiment,
    ) -> Result<api::Experiment, ControlError> {
        let (deployment, resource) = self.deployment_resource(ctx, name)?;
        let found = match &deployment {
            Some(deployment) => self.store.read(|r| r.split_in(deployment.id))?,
            None => None,
        };
        let arm = |row: &SplitRow| {
            let ship = wanted.ship.as_ref()?;
            declared(row).ok()?.arms.into_iter().position(|arm| arm.name == *ship)
        };
        // The control is no release: it answers everybody but the arms already.
        let is_release = wanted.ship.is_some() && found.as_ref().and_then(arm) != Some(0);
        let number = found.as_ref().and_then(|row| arms_of(row).ok()?.get(arm(row)?).copied());
        let permit = if is_release {
            let number = number.unwrap_or(0);
            let (resource, _) = self.release_resource(deployment.as_ref(), resource, number)?;
            self.permit(ctx, Action::Release, &resource)?
        } else {
            self.permit(ctx, Action::RollBack, &Resource::Deployment(resource))?
        };
        let (deployment, row) = self.experiment_under_way(deployment, name)?;
        reason(&wanted.reason)?;
        let permit = permit.for_named(format!("deployment/{}", deployment.name));
        let Some(ship) = wanted.ship.as_ref().filter(|_| is_release) else {
            let row = self.end_experiment(By::Person(permit), &deployment, &row, &wanted.reason)?;
            return self.shown_experiment(&row, true);
        };
        let arm = self.running_arm(&row, ship)?;
        let number = number.ok_or_else(|| ControlError::not_found("arm", ship))?;
        self.release_allowed(ctx, &deployment, number)?;
        self.check_usable(&deployment, number)?;
        self.check_fit(&deployment, number)?;
        let report = self.deciding(&row)?;
        let kept = self.experiments.kept(&row, self.clock.now())?;
        if kept.lives.get(arm).and_then(Option::as_ref).is_some_and(|live| live.is_back()) {
            return Err(ControlError::conflict("a guardrail has stopped the arm meanwhile"));
        }
        let written = Written {
            what: "ship",
            phase: api::ExperimentPhase::Shipped,
            states: kept.states(&states_of(&row)?),
            facts: json!({
                "arm": ship, "version": number, "before": deployment.released.map(|r| r.number),
                "reason": wanted.reason, "report": report,
            }),
            ship: Some(number),
        };
        let row = self.write_experiment(By::Person(permit), &deployment, &row, written)?;
        self.shown_experiment(&row, true)
    }

    /// Ends the experiment of a deployment, if one is under way: everybody gets the control.
    pub(crate) fn end_experiment_in(
        &self,
        ctx: &RequestContext,
        deployment: &DeploymentRow,
        why: &str,
    ) -> Result<bool, ControlError> {
        let Some(row) = self.store.read(|r| r.split_in(deployment.id))? else {
            return Ok(false);
        };
        let resource = Resource::Deployment(resource_of(deployment)?);
        let permit = self.permit(ctx, Action::RollBack, &resource)?;
        self.end_experiment(By::Person(permit), deployment, &row, why)?;
        Ok(true)
    }

    fn end_experiment(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &SplitRow,
        why: &str,
    ) -> Result<SplitRow, ControlError> {
        let kept = self.experiments.kept(row, self.clock.now())?;
        for live in kept.lives.iter().flatten() {
            live.go_back(self.clock.monotonic());
        }
        // Ending must not wait for numbers that cannot be read.
        let report = self.deciding(row).map_err(|error| {
            tracing::warn!(%error, "an experiment ends without its numbers");
        });
        let states = kept.states(&states_of(row)?);
        let facts = json!({ "reason": why, "report": report.ok() });
        let phase = api::ExperimentPhase::Stopped;
        let written = Written { what: "stop", phase, states, facts, ship: None };
        self.write_experiment(by, deployment, row, written)
    }

    /// The report as it is recorded with a decision: less the slices, which may be thousands, and
    /// the way there, which the ledger gives again.
    fn deciding(&self, row: &SplitRow) -> Result<api::ExperimentReport, ControlError> {
        let mut report = self.report_of(row)?;
        report.trail.clear();
        report.metrics.iter_mut().for_each(|metric| metric.slices.clear());
        Ok(report)
    }

    /// Writes down where an experiment stands now, with the numbers that decided.
    pub(crate) fn write_experiment(
        &self,
        by: By<'_>,
        deployment: &DeploymentRow,
        row: &SplitRow,
        written: Written<'_>,
    ) -> Result<SplitRow, ControlError> {
        let Written { what, phase, states, mut facts, ship } = written;
        facts["experiment"] = json!(row.id);
        facts["what"] = what.into();
        let label = format!("deployment/{}", deployment.name);
        let (principal, action, label, payload) = match &by {
            By::Person(permit) => {
                let who = permit.who();
                (who.principal, who.action, who.resource, permit.payload(facts.clone()))
            }
            By::Server(action) => {
                (SERVER, action.as_str(), label.as_str(), json!({ "facts": facts }))
            }
            By::Trial { .. } => return Err(ControlError::Internal("an experiment is no trial")),
        };
        let is_over = phase != api::ExperimentPhase::Running;
        let state = states_json(&states)?;
        let row = self.carry_out_as(principal, action, label, payload, |tx, now| {
            // Guardrails and people may stop arms at the same time.
            let there = tx.split(row.id)?;
            if there.is_none_or(|there| stops(&there) != stops(row)) {
                let detail = "an arm was stopped meanwhile; look again";
                return Err(ControlError::conflict(detail));
            }
            let ended_at = is_over.then_some(now);
            let row = SplitRow {
                state,
                phase: phase.to_string(),
                updated_at: now,
                ended_at,
                ..row.clone()
            };
            tx.update_split(&row)?;
            let facts = facts.to_string();
            let step = RolloutStepRow { what: what.to_owned(), facts, principal, created_at: now };
            tx.insert_split_step(row.id, &step)?;
            if let Some(number) = ship {
                unchanged(tx.deployment(deployment.id)?.as_ref(), deployment)?;
                let released = Some(Release { number, by: principal, at: now });
                let updated_at = now;
                tx.update_deployment(&DeploymentRow {
                    released,
                    updated_at,
                    ..deployment.clone()
                })?;
            }
            Ok(row)
        })?;
        if is_over {
            self.experiments.forget(row.id);
        }
        Ok(row)
    }

    /// The versions of the arms of the experiment that is under way, if one is.
    pub(crate) fn arms_in(&self, deployment: &DeploymentRow) -> Result<Vec<u32>, ControlError> {
        let row = self.store.read(|r| r.split_in(deployment.id))?;
        row.map_or(Ok(Vec::new()), |row| arms_of(&row))
    }

    fn experiment_under_way(
        &self,
        deployment: Option<DeploymentRow>,
        name: &Name,
    ) -> Result<(DeploymentRow, SplitRow), ControlError> {
        let deployment = deployment.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let row = self.store.read(|r| r.split_in(deployment.id))?;
        let none = || ControlError::conflict("no experiment is under way in the deployment");
        Ok((deployment, row.ok_or_else(none)?))
    }

    /// The place of an arm that was not stopped.
    fn running_arm(&self, row: &SplitRow, name: &str) -> Result<usize, ControlError> {
        let arms = definition_of(row)?.arms;
        let arm = arms.iter().position(|arm| arm.name == name);
        let arm = arm.ok_or_else(|| ControlError::not_found("arm", name))?;
        match states_of(row)?.get(arm).and_then(|state| state.stopped.as_ref()) {
            None => Ok(arm),
            Some(stopped) => {
                Err(ControlError::conflict(format!("the arm was stopped by `{}`", stopped.why)))
            }
        }
    }

    /// The experiment that is under way in a deployment, or else the last one; with the row.
    pub(crate) fn experiment_row(
        &self,
        ctx: &RequestContext,
        action: Action,
        name: &Name,
        id: Option<ExperimentId>,
    ) -> Result<SplitRow, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, action, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let found = self.store.read(|r| match id {
            Some(id) => Ok::<_, ControlError>(r.split(id)?.filter(|one| one.deployment == row.id)),
            None => Ok(r.splits(row.id, None, 1)?.into_iter().next()),
        })?;
        found.ok_or_else(|| match id {
            Some(id) => ControlError::not_found("experiment", id),
            None => ControlError::not_found("experiment in the deployment", name),
        })
    }

    /// An experiment with its history; without an id, the one under way, or else the last.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_experiment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        id: Option<ExperimentId>,
    ) -> Result<api::Experiment, ControlError> {
        let row = self.experiment_row(ctx, Action::ReadDeployment, name, id)?;
        self.shown_experiment(&row, true)
    }

    /// Experiments of a deployment, latest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_experiments(
        &self,
        ctx: &RequestContext,
        name: &Name,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Experiment>, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let (before, limit) = (cursor(query.cursor.as_deref())?, limit(query.limit)?);
        let rows = self.store.read(|r| r.splits(row.id, before, limit))?;
        let shown = |row: SplitRow| self.shown_experiment(&row, false).map(Some);
        page(query, rows, |row| row.id.to_string(), shown)
    }
}

fn reason(text: &str) -> Result<(), ControlError> {
    if text.trim().is_empty() || text.chars().count() > MAX_REASON {
        let rule = format!("must be 1 to {MAX_REASON} characters");
        return Err(ControlError::invalid("reason", rule));
    }
    Ok(())
}
