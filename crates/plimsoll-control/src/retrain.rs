//! Training again: policies, what asks for it, and how far each retraining is. The work itself is
//! another crate's; every step of it is written here before the next is begun, so that a process
//! that dies goes on where it was, and never makes a second candidate for one cause.

use crate::bootstrap::{Control, SERVER};
use crate::compile::principal;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::finding::{is_not_attacked, text};
use crate::page::{cursor, limit, page};
use crate::retrain_due::{Cause, Facts, MONTH, Seen, causes, held};
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_policy::{Action, Resource};
use plimsoll_release::Tier;
use plimsoll_store::{DeploymentRow, FindingFilter, RetrainPolicyRow, RetrainRow, RetrainStepRow};
use plimsoll_types::{DeploymentId, EventId, Name, PrincipalId, RetrainId, Time};
use serde_json::json;
use std::time::Duration;

/// The longest reason and condition, in bytes.
const MAX_TEXT: usize = 2_048;
/// Attempts of one retraining: more mean that the trainer takes the server down with it.
const MAX_ATTEMPTS: u32 = 8;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Days of decisions, unless told.
const WINDOW: u32 = 90;

/// What a runner of trainers needs to know.
#[derive(Debug, Clone)]
pub struct RetrainTask {
    /// The retraining.
    pub id: RetrainId,
    /// Where it stands: `queued`, `training` or `registering`.
    pub state: api::RetrainState,
    /// The trainer.
    pub trainer: Name,
    /// Whose decisions it is trained on.
    pub deployment: DeploymentId,
    /// That deployment's name.
    pub name: Name,
    /// Decisions at or after.
    pub from: Time,
    /// Decisions before.
    pub until: Time,
    /// The condition under which rows are left out.
    pub exclude: Option<String>,
    /// The process group of an attempt before this one.
    pub process: Option<i32>,
    /// How often training was begun.
    pub attempts: u32,
    /// When the last attempt was begun.
    pub started_at: Option<Time>,
    /// What it is trained on, once that is known.
    pub manifest: Option<api::TrainingManifest>,
}

impl Control {
    /// Says when a deployment's model is trained again, in place of what was said before.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn set_retrain_policy(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::RetrainPolicy,
    ) -> Result<api::RetrainPolicyShown, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::SetRetrainPolicy, &Resource::Deployment(resource))?;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        check(wanted)?;
        crate::trial::check(wanted, self.clock.now())?;
        // Its versions are registered with these rights, so they must be there.
        let model = self.store.read(|r| r.model(deployment.model))?;
        let model = model.ok_or(ControlError::Internal("a deployment has no model"))?;
        if !self.allows(ctx, Action::CreateVersion, &crate::model::resource_of(&model)) {
            let resource = crate::words::label(&crate::model::resource_of(&model));
            return Err(ControlError::Denied { action: Action::CreateVersion, resource });
        }
        let permit = permit.for_named(format!("retrain-policy/{name}"));
        let row = self.carry_out(permit, json!(wanted), |tx, now| {
            let row = RetrainPolicyRow {
                deployment: deployment.id,
                policy: json!(wanted).to_string(),
                set_by: ctx.id,
                set_at: now,
                trusted: None,
            };
            tx.put_retrain_policy(&row)?;
            Ok(row)
        })?;
        self.shown_policy(&deployment, &row)
    }

    /// A deployment's policy.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_retrain_policy(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::RetrainPolicyShown, ControlError> {
        let (deployment, row) = self.policy_row(ctx, Action::ReadDeployment, name)?;
        self.shown_policy(&deployment, &row)
    }

    /// Takes a deployment's policy away. What is under way goes on.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn remove_retrain_policy(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<(), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::SetRetrainPolicy, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let permit = permit.for_named(format!("retrain-policy/{name}"));
        self.carry_out(permit, json!({"removed": true}), |tx, _| {
            Ok(tx.delete_retrain_policy(row.id)?)
        })
    }

    /// Lets the candidates of a policy, as it is now, answer at tier T1 without being asked each
    /// time: whoever set it does not, and it counts for 180 days.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn trust_retrain_policy(
        &self,
        ctx: &RequestContext,
        name: &Name,
        is_trusted: bool,
    ) -> Result<api::RetrainPolicyShown, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::ApproveRetrain, &Resource::Deployment(resource))?;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let policy = self.store.read(|r| r.retrain_policy(deployment.id))?;
        let mut policy = policy.ok_or_else(|| ControlError::not_found("retrain policy", name))?;
        if is_trusted && policy.set_by == ctx.id {
            let detail = "whoever set the policy does not let its candidates answer";
            return Err(ControlError::conflict(detail));
        }
        if is_trusted && self.config.dev {
            let detail = "the --dev principal is nobody in particular: it trusts nothing";
            return Err(ControlError::conflict(detail));
        }
        let permit = permit.for_named(format!("retrain-policy/{name}"));
        let facts = json!({"trusted": is_trusted, "policy": document::<api::RetrainPolicy>(&policy.policy)?});
        policy.trusted = self.carry_out(permit, facts, |tx, now| {
            // It may have been set anew since it was read.
            let found = tx.retrain_policy(deployment.id)?;
            if found
                .is_none_or(|found| found.policy != policy.policy || found.set_at != policy.set_at)
            {
                return Err(ControlError::conflict("the policy was set anew meanwhile"));
            }
            let trusted = is_trusted.then_some((ctx.id, now));
            tx.trust_retrain_policy(deployment.id, trusted)?;
            Ok(trusted)
        })?;
        self.shown_policy(&deployment, &policy)
    }

    /// Asks by hand that a model is trained again. Neither cooldown nor a spent budget stops a
    /// person; a finding of security and one that is under way do.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn request_retrain(
        &self,
        ctx: &RequestContext,
        wanted: &api::RequestRetrain,
    ) -> Result<api::Retrain, ControlError> {
        text("reason", &wanted.reason, MAX_TEXT)?;
        let (row, resource) = self.deployment_resource(ctx, &wanted.deployment)?;
        let permit = self.permit(ctx, Action::RequestRetrain, &Resource::Deployment(resource))?;
        let who = permit.who().principal;
        let name = &wanted.deployment;
        let deployment = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let policy = self.store.read(|r| r.retrain_policy(deployment.id))?;
        let policy = policy.ok_or_else(|| ControlError::not_found("retrain policy", name))?;
        let mut facts = self.retrain_facts(&deployment, &policy, self.clock.now())?;
        facts.recent.clear();
        if let Some(why) = held(&document(&policy.policy)?, &facts, self.clock.now()) {
            return Err(ControlError::conflict(format!("nothing is trained now: {why}")));
        }
        let cause = Cause {
            trigger: api::RetrainTrigger::Hand,
            name: format!("hand/{}", EventId::new(self.clock.now())),
            finding: None,
            reason: wanted.reason.clone(),
        };
        let row = self.insert_retrain(who, &deployment, &policy, cause)?;
        self.shown_retrain(row, &deployment, true)
    }

    /// Lets a retraining go on that somebody else asked for.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn approve_retrain(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
    ) -> Result<api::Retrain, ControlError> {
        let (row, deployment) = self.retrain_row(ctx, id)?;
        let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
        let permit = self.permit(ctx, Action::ApproveRetrain, &resource)?;
        let permit = permit.for_named(format!("retrain/{id}"));
        // Nobody lets their own change go on; under `--dev` there is one principal only.
        let is_own = [row.requested_by, row.carried_by].contains(&ctx.id);
        if is_own && !self.config.dev {
            let detail = "somebody else than who asked for it, or set its policy, has to";
            return Err(ControlError::conflict(detail));
        }
        let waiting = api::RetrainState::Waiting.as_str();
        if row.state != waiting {
            return Err(ControlError::conflict(format!("it is {}", row.state)));
        }
        let state = api::RetrainState::Queued.to_string();
        let row = RetrainRow { state, approved_by: Some(ctx.id), ..row };
        self.carry_out(permit, json!({"state": row.state}), |tx, now| {
            tx.update_retrain(&row, waiting)?;
            Ok(tx.tell_retrain(id, &told(&row.state, Some("approved".into()), ctx.id, now))?)
        })?;
        self.shown_retrain(row, &deployment, true)
    }

    /// Ends a retraining. A version that it registered stays.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn cancel_retrain(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
        wanted: &api::CancelRetrain,
    ) -> Result<api::Retrain, ControlError> {
        text("reason", &wanted.reason, MAX_TEXT)?;
        let (row, deployment) = self.retrain_row(ctx, id)?;
        let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
        let permit = self.permit(ctx, Action::RequestRetrain, &resource)?;
        let permit = permit.for_named(format!("retrain/{id}"));
        if let Some(trial) = self.store.read(|r| r.trial(id))?.filter(|t| t.ended_at.is_none()) {
            drop(permit);
            self.cancel_trial(ctx.id, trial, &wanted.reason)?;
            return self.shown_retrain(row, &deployment, true);
        }
        if row.ended_at.is_some() || row.state == api::RetrainState::Registering.as_str() {
            return Err(ControlError::conflict(format!("it is {} already", row.state)));
        }
        let facts = json!({"state": "cancelled", "reason": wanted.reason});
        let row = self.carry_out(permit, facts, |tx, now| {
            let before = row.state.clone();
            let state = api::RetrainState::Cancelled.to_string();
            let why = Some(wanted.reason.clone());
            let row = RetrainRow { state, why, process: None, ended_at: Some(now), ..row };
            tx.update_retrain(&row, &before)?;
            tx.tell_retrain(id, &told(&row.state, row.why.clone(), ctx.id, now))?;
            Ok(row)
        })?;
        self.shown_retrain(row, &deployment, true)
    }

    /// Retrainings of deployments that the caller may read, latest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_retrains(
        &self,
        ctx: &RequestContext,
        wanted: &api::RetrainFilter,
    ) -> Result<api::Page<api::Retrain>, ControlError> {
        self.may_read(ctx, Action::ListFindings, &self.server())?;
        let deployment = match &wanted.deployment {
            None => None,
            Some(name) => {
                let (row, resource) = self.deployment_resource(ctx, name)?;
                self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
                Some(row.ok_or_else(|| ControlError::not_found("deployment", name))?.id)
            }
        };
        let (before, limit) = (cursor(wanted.cursor.as_deref())?, limit(wanted.limit)?);
        let rows = self.store.read(|r| r.retrains(deployment, before, limit))?;
        let query = api::PageQuery { limit: wanted.limit, cursor: None };
        page(
            &query,
            rows,
            |row| row.id.to_string(),
            |row| {
                let deployment = self.retrained(&row)?;
                let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
                let may = self.allows(ctx, Action::ReadDeployment, &resource);
                may.then(|| self.shown_retrain(row, &deployment, false)).transpose()
            },
        )
    }

    /// A retraining.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_retrain(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
    ) -> Result<api::Retrain, ControlError> {
        let (row, deployment) = self.retrain_row(ctx, id)?;
        let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
        self.may_read(ctx, Action::ReadDeployment, &resource)?;
        self.shown_retrain(row, &deployment, true)
    }

    /// Whether the caller may read what a trainer says, and whether it says no more.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn may_read_retrain_log(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
    ) -> Result<bool, ControlError> {
        let (row, deployment) = self.retrain_row(ctx, id)?;
        let resource = Resource::Deployment(crate::deployment::resource_of(&deployment)?);
        // A trainer sees rows, and may say what it sees.
        self.may_read(ctx, Action::SetRetrainPolicy, &resource)?;
        Ok(row.ended_at.is_some())
    }

    /// Asks for what is due, of every deployment with a policy. Call it every minute or oftener.
    /// Whether anything was asked for.
    ///
    /// # Errors
    /// [`ControlError`]; what is due is due the next time too.
    pub fn request_due_retrains(&self) -> Result<bool, ControlError> {
        let mut any = false;
        for policy in self.store.read(|r| r.retrain_policies())? {
            let Some(deployment) = self.store.read(|r| r.deployment(policy.deployment))? else {
                continue;
            };
            if deployment.archived_at.is_some() {
                continue;
            }
            let now = self.clock.now();
            let facts = self.retrain_facts(&deployment, &policy, now)?;
            let wanted = document(&policy.policy)?;
            if held(&wanted, &facts, now).is_some() {
                continue;
            }
            for cause in causes(&wanted, &facts, now) {
                if self.store.read(|r| r.retrain_for(deployment.id, &cause.name))?.is_none() {
                    self.insert_retrain(SERVER, &deployment, &policy, cause)?;
                    any = true;
                    break;
                }
            }
        }
        Ok(any)
    }

    /// The retraining to work on now, the oldest first.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn next_retrain(&self) -> Result<Option<RetrainTask>, ControlError> {
        Ok(self.retrain_tasks()?.into_iter().next())
    }

    /// Every retraining that may be worked on now, the oldest first.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn retrain_tasks(&self) -> Result<Vec<RetrainTask>, ControlError> {
        let mut tasks = Vec::new();
        for row in self.store.read(|r| r.retrains_under_way())? {
            let state: api::RetrainState = stored(&row.state, "state of a retraining")?;
            let waits = matches!(state, api::RetrainState::Waiting);
            if waits || self.is_attacked(row.deployment)? {
                continue;
            }
            let deployment = self.retrained(&row)?;
            let policy: api::RetrainPolicy = document(&row.policy)?;
            let days = policy.window_days.unwrap_or(WINDOW);
            tasks.push(RetrainTask {
                id: row.id,
                state,
                trainer: policy.trainer,
                deployment: row.deployment,
                name: deployment.name,
                from: row.created_at.minus(DAY.saturating_mul(days)),
                until: row.created_at,
                exclude: policy.exclude,
                process: row.process,
                attempts: row.attempts,
                started_at: row.started_at,
                manifest: row.manifest.as_deref().map(document).transpose()?,
            });
        }
        Ok(tasks)
    }

    /// The trainer of a retraining that the caller may answer for: whoever may register versions
    /// of its model.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn retrain_trainer(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
    ) -> Result<Name, ControlError> {
        let (row, _) = self.retrain_row(ctx, id)?;
        drop(self.permit_answer(ctx, &row)?);
        Ok(document::<api::RetrainPolicy>(&row.policy)?.trainer)
    }

    /// A trainer elsewhere says what it made, or why nothing: once.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn retrain_answered(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
        made: Result<Vec<api::ManifestFile>, String>,
    ) -> Result<api::Retrain, ControlError> {
        let (row, deployment) = self.retrain_row(ctx, id)?;
        let permit = self.permit_answer(ctx, &row)?.for_named(format!("retrain/{id}"));
        let training = api::RetrainState::Training.as_str();
        if row.state != training {
            return Err(ControlError::conflict(format!("the retraining is {} already", row.state)));
        }
        let (state, why, files) = match made {
            Ok(files) => (api::RetrainState::Registering, None, Some(json!(files).to_string())),
            Err(why) => {
                text("failed", &why, MAX_TEXT)?;
                (api::RetrainState::Failed, Some(why), None)
            }
        };
        let is_over = state == api::RetrainState::Failed;
        let facts = json!({"state": state, "files": files, "reason": why});
        let row = self.carry_out(permit, facts, |tx, now| {
            let ended_at = is_over.then_some(now);
            let row = RetrainRow { state: state.to_string(), files, why, ended_at, ..row };
            tx.update_retrain(&row, training)?;
            tx.tell_retrain(id, &told(&row.state, row.why.clone(), ctx.id, now))?;
            Ok(row)
        })?;
        self.shown_retrain(row, &deployment, true)
    }

    fn permit_answer<'a>(
        &self,
        ctx: &'a RequestContext,
        row: &RetrainRow,
    ) -> Result<crate::act::Permit<'a>, ControlError> {
        let deployment = self.retrained(row)?;
        let model = self.store.read(|r| r.model(deployment.model))?;
        let model = model.ok_or(ControlError::Internal("a deployment has no model"))?;
        self.permit(ctx, Action::CreateVersion, &crate::model::resource_of(&model))
    }

    /// Whether a retraining still is to be worked on.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn is_retrain_wanted(&self, id: RetrainId) -> Result<bool, ControlError> {
        let Some(row) = self.store.read(|r| r.retrain(id))? else { return Ok(false) };
        Ok(row.ended_at.is_none() && !self.is_attacked(row.deployment)?)
    }

    /// A trainer is about to be started on these rows. `false` if it was tried too often, or
    /// somebody ended it: it is over then.
    ///
    /// # Errors
    /// [`ControlError`]; nothing is to be started then.
    pub fn begin_training(
        &self,
        id: RetrainId,
        manifest: &api::TrainingManifest,
    ) -> Result<bool, ControlError> {
        let Some(row) = self.store.read(|r| r.retrain(id))?.filter(|row| row.ended_at.is_none())
        else {
            return Ok(false);
        };
        if row.attempts >= MAX_ATTEMPTS {
            self.fail_retrain(id, &format!("it was begun {MAX_ATTEMPTS} times and never ended"))?;
            return Ok(false);
        }
        let facts = json!({"state": "training", "attempt": row.attempts + 1, "data": manifest});
        self.step_retrain(row, facts, |row, now| RetrainRow {
            state: api::RetrainState::Training.to_string(),
            manifest: Some(json!(manifest).to_string()),
            attempts: row.attempts.saturating_add(1),
            process: None,
            started_at: Some(now),
            ..row
        })?;
        Ok(true)
    }

    /// Notes which process group trains, so that it does not outlive this process unseen.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn note_retrain_process(
        &self,
        id: RetrainId,
        process: Option<i32>,
    ) -> Result<(), ControlError> {
        Ok(self.store.note_retrain_process(id, process)?)
    }

    /// Begins to keep a file that a trainer made, or that tells where its version comes from.
    ///
    /// # Errors
    /// [`ControlError::Artifact`].
    pub fn keep_trained(&self) -> Result<crate::artifact::Upload, ControlError> {
        self.begin_upload(crate::artifact::MAX_ARTIFACT_BYTES)
    }

    /// Where a version comes from, for a file of the version itself: what is under the digest of
    /// its manifest cannot be told otherwise later.
    ///
    /// # Errors
    /// [`ControlError::Store`].
    pub fn retrain_lineage(&self, id: RetrainId) -> Result<Vec<u8>, ControlError> {
        let row = self.under_way(id)?;
        let deployment = self.retrained(&row)?;
        let manifest =
            row.manifest.as_deref().map(document::<api::TrainingManifest>).transpose()?;
        let lineage = json!({
            "lineage": 1, "retrain": id, "deployment": deployment.name,
            "trigger": row.trigger, "finding": row.finding, "reason": row.reason,
            "policy": document::<api::RetrainPolicy>(&row.policy)?, "data": manifest,
            "parent": deployment.released.map(|release| release.number),
        });
        Ok(lineage.to_string().into_bytes())
    }

    /// Training ended well: these files become a version, whatever happens to this process.
    ///
    /// # Errors
    /// [`ControlError`]; it is trained again then.
    pub fn trained(
        &self,
        id: RetrainId,
        files: Vec<api::ManifestFile>,
    ) -> Result<(), ControlError> {
        let row = self.under_way(id)?;
        let facts = json!({"state": "registering", "files": files});
        self.step_retrain(row, facts, |row, _| RetrainRow {
            state: api::RetrainState::Registering.to_string(),
            files: Some(json!(files).to_string()),
            process: None,
            ..row
        })
    }

    /// Registers what training made, with the rights of who set the policy. Done twice, it is
    /// done once: the files name their retraining, and no two versions have the same files.
    ///
    /// # Errors
    /// [`ControlError`]; it is tried again then, unless it can never be.
    pub fn register_retrain(&self, id: RetrainId) -> Result<(), ControlError> {
        let row = self.under_way(id)?;
        let deployment = self.retrained(&row)?;
        let model = self.store.read(|r| r.model(deployment.model))?;
        let model = model.ok_or(ControlError::Internal("a deployment has no model"))?;
        let damaged = ControlError::Internal("a retraining has no files");
        let files = document::<Vec<api::ManifestFile>>(row.files.as_deref().ok_or(damaged)?)?;
        let Some(ctx) = self.acting_as(row.carried_by)? else {
            return self.fail_retrain(id, "who set the policy may do nothing any more");
        };
        let wanted = api::CreateVersion { files };
        let number = match self.registered(&model, &wanted)? {
            Some(number) => number,
            None => match self.create_version(&ctx, &model.name, &wanted) {
                Ok(version) => version.number,
                Err(
                    error @ (ControlError::Denied { .. }
                    | ControlError::Invalid { .. }
                    | ControlError::Conflict(_)),
                ) => return self.fail_retrain(id, &format!("no version was made: {error}")),
                Err(error) => return Err(error),
            },
        };
        self.became_candidate(row, number)
    }

    /// The retraining is over, and what becomes of its candidate begins, in one transaction.
    fn became_candidate(&self, row: RetrainRow, number: u32) -> Result<(), ControlError> {
        let policy: api::RetrainPolicy = document(&row.policy)?;
        let resource = format!("retrain/{}", row.id);
        let facts = json!({
            "state": "candidate", "version": number, "goes_on": !policy.candidate_only,
        });
        let payload = json!({"facts": facts});
        self.carry_out_as(SERVER, "StepRetrain", &resource, payload, |tx, now| {
            is_not_attacked(tx, row.deployment)?;
            let before = row.state.clone();
            let state = api::RetrainState::Candidate.to_string();
            let row = RetrainRow { state, version: Some(number), ended_at: Some(now), ..row };
            tx.update_retrain(&row, &before)?;
            let why = Some(format!("version {number} is registered"));
            tx.tell_retrain(row.id, &told(&row.state, why, SERVER, now))?;
            if policy.candidate_only {
                return Ok(());
            }
            let trial = crate::trial::first(&row, number, now);
            tx.insert_trial(&trial)?;
            Ok(tx.tell_retrain(row.id, &told(&trial.state, None, SERVER, now))?)
        })
    }

    /// A retraining made no version, and will not.
    ///
    /// # Errors
    /// [`ControlError`]; it is tried again then.
    pub fn fail_retrain(&self, id: RetrainId, why: &str) -> Result<(), ControlError> {
        let row = self.under_way(id)?;
        let why: String = why.chars().take(MAX_TEXT).collect();
        let facts = json!({"state": "failed", "reason": why});
        self.step_retrain(row, facts, |row, now| RetrainRow {
            state: api::RetrainState::Failed.to_string(),
            why: Some(why.clone()),
            process: None,
            ended_at: Some(now),
            ..row
        })
    }

    fn step_retrain(
        &self,
        row: RetrainRow,
        facts: serde_json::Value,
        next: impl FnOnce(RetrainRow, Time) -> RetrainRow,
    ) -> Result<(), ControlError> {
        let (resource, before) = (format!("retrain/{}", row.id), row.state.clone());
        let payload = json!({"facts": facts});
        self.carry_out_as(SERVER, "StepRetrain", &resource, payload, |tx, now| {
            let after = next(row, now);
            // What fails may do so at any time; what goes on may not while somebody may attack.
            if after.ended_at.is_none() {
                is_not_attacked(tx, after.deployment)?;
            }
            tx.update_retrain(&after, &before)?;
            let why = match after.attempts {
                0 | 1 => after.why.clone(),
                attempt => after.why.clone().or_else(|| Some(format!("attempt {attempt}"))),
            };
            Ok(tx.tell_retrain(after.id, &told(&after.state, why, SERVER, now))?)
        })
    }

    fn insert_retrain(
        &self,
        who: PrincipalId,
        deployment: &DeploymentRow,
        policy: &RetrainPolicyRow,
        cause: Cause,
    ) -> Result<RetrainRow, ControlError> {
        let wanted: api::RetrainPolicy = document(&policy.policy)?;
        let tier = self.assessed(deployment)?.map(|assessed| assessed.assessment.tier);
        let waits = wanted.needs_approval || asks_for_approval(tier);
        let state = if waits { api::RetrainState::Waiting } else { api::RetrainState::Queued };
        let id = RetrainId::new(self.clock.now());
        let facts = json!({
            "deployment": deployment.name, "trigger": cause.trigger, "cause": cause.name,
            "reason": cause.reason, "state": state,
        });
        let payload = json!({"facts": facts});
        let resource = format!("retrain/{id}");
        self.carry_out_as(who, "RequestRetrain", &resource, payload, |tx, now| {
            let row = RetrainRow {
                id,
                deployment: deployment.id,
                cause: cause.name,
                trigger: cause.trigger.to_string(),
                finding: cause.finding,
                reason: cause.reason,
                state: state.to_string(),
                policy: policy.policy.clone(),
                carried_by: policy.set_by,
                requested_by: who,
                approved_by: None,
                manifest: None,
                files: None,
                version: None,
                attempts: 0,
                process: None,
                why: None,
                created_at: now,
                started_at: None,
                ended_at: None,
            };
            is_not_attacked(tx, deployment.id)?;
            tx.insert_retrain(&row)?;
            let why = Some(format!("{}: {}", row.trigger, row.reason));
            tx.tell_retrain(id, &told(&row.state, why, who, now))?;
            Ok(row)
        })
    }

    fn retrain_facts(
        &self,
        deployment: &DeploymentRow,
        policy: &RetrainPolicyRow,
        now: Time,
    ) -> Result<Facts, ControlError> {
        let states =
            [api::FindingState::Open, api::FindingState::Acknowledged, api::FindingState::Snoozed];
        let mut findings = Vec::new();
        for state in states {
            let filter = FindingFilter {
                deployment: Some(deployment.id),
                state: Some(state.to_string()),
                ..FindingFilter::default()
            };
            for row in self.store.read(|r| r.findings(&filter, plimsoll_store::MAX_PAGE))? {
                findings.push(Seen {
                    id: row.id,
                    kind: stored(&row.kind, "kind of a finding")?,
                    severity: stored(&row.severity, "severity of a finding")?,
                    openings: row.openings,
                });
            }
        }
        let (recent, is_under_way) = self.store.read(|r| {
            let recent = r.retrains_since(deployment.id, now.minus(MONTH))?;
            let is_trained = r.retrain_under_way(deployment.id)?.is_some();
            Ok::<_, ControlError>((recent, is_trained || r.trial_in(deployment.id)?.is_some()))
        })?;
        Ok(Facts {
            findings,
            released: deployment.released.map(|release| (release.number, release.at)),
            set_at: policy.set_at,
            recent: recent.iter().map(|row| row.created_at).collect(),
            is_under_way,
        })
    }

    pub(crate) fn is_attacked(&self, deployment: DeploymentId) -> Result<bool, ControlError> {
        self.has_finding(deployment, api::FindingKind::Security)
    }

    fn under_way(&self, id: RetrainId) -> Result<RetrainRow, ControlError> {
        let row = self.store.read(|r| r.retrain(id))?;
        let row = row.ok_or_else(|| ControlError::not_found("retraining", id))?;
        if row.ended_at.is_some() {
            return Err(ControlError::conflict(format!("the retraining is {} already", row.state)));
        }
        Ok(row)
    }

    fn retrained(&self, row: &RetrainRow) -> Result<DeploymentRow, ControlError> {
        let found = self.store.read(|r| r.deployment(row.deployment))?;
        found.ok_or(ControlError::Internal("a retraining has no deployment"))
    }

    fn retrain_row(
        &self,
        ctx: &RequestContext,
        id: RetrainId,
    ) -> Result<(RetrainRow, DeploymentRow), ControlError> {
        let Some(row) = self.store.read(|r| r.retrain(id))? else {
            self.may_read(ctx, Action::ListFindings, &self.server())?;
            return Err(ControlError::not_found("retraining", id));
        };
        let deployment = self.retrained(&row)?;
        Ok((row, deployment))
    }

    fn policy_row(
        &self,
        ctx: &RequestContext,
        action: Action,
        name: &Name,
    ) -> Result<(DeploymentRow, RetrainPolicyRow), ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, action, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let policy = self.store.read(|r| r.retrain_policy(row.id))?;
        let policy = policy.ok_or_else(|| ControlError::not_found("retrain policy", name))?;
        Ok((row, policy))
    }

    /// A principal that still may act, in a request of the server's own.
    pub(crate) fn acting_as(
        &self,
        id: PrincipalId,
    ) -> Result<Option<RequestContext>, ControlError> {
        let row = self.store.read(|r| r.principal(id))?;
        let Some(row) = row.filter(|row| row.disabled_at.is_none()) else { return Ok(None) };
        let (id, principal) = (row.id, principal(&row)?);
        Ok(Some(RequestContext { principal, id, key: None, request_id: "retrain".into() }))
    }

    fn shown_policy(
        &self,
        deployment: &DeploymentRow,
        row: &RetrainPolicyRow,
    ) -> Result<api::RetrainPolicyShown, ControlError> {
        let (policy, now) = (document(&row.policy)?, self.clock.now());
        let facts = self.retrain_facts(deployment, row, now)?;
        Ok(api::RetrainPolicyShown {
            deployment: deployment.name.clone(),
            held: held(&policy, &facts, now),
            policy,
            set_by: row.set_by,
            set_at: row.set_at.into(),
            trusted_by: row.trusted.map(|(by, _)| by),
            trusted_until: row.trusted.map(|(_, at)| crate::trial::trusted_until(at).into()),
        })
    }

    fn shown_retrain(
        &self,
        row: RetrainRow,
        deployment: &DeploymentRow,
        with_story: bool,
    ) -> Result<api::Retrain, ControlError> {
        let (model, trial, story) = self.store.read(|r| {
            let story = if with_story { r.retrain_steps(row.id)? } else { Vec::new() };
            Ok::<_, ControlError>((r.model(deployment.model)?, r.trial(row.id)?, story))
        })?;
        let model = model.ok_or(ControlError::Internal("a deployment has no model"))?;
        Ok(api::Retrain {
            id: row.id,
            deployment: deployment.name.clone(),
            state: stored(&row.state, "state of a retraining")?,
            trigger: stored(&row.trigger, "trigger of a retraining")?,
            finding: row.finding,
            reason: row.reason,
            policy: document(&row.policy)?,
            requested_by: row.requested_by,
            approved_by: row.approved_by,
            manifest: row.manifest.as_deref().map(document).transpose()?,
            model: model.name,
            version: row.version,
            trial: trial.map(Self::shown_trial).transpose()?,
            story: story.into_iter().map(shown_step).collect(),
            attempts: row.attempts,
            why: row.why,
            created_at: row.created_at.into(),
            started_at: row.started_at.map(Into::into),
            ended_at: row.ended_at.map(Into::into),
        })
    }
}

/// Whether a tier asks for a person's word before training: T2 and above.
fn asks_for_approval(tier: Option<Tier>) -> bool {
    tier.is_some_and(|tier| tier >= Tier::T2)
}

fn shown_step(step: RetrainStepRow) -> api::RetrainStep {
    api::RetrainStep {
        at: step.created_at.into(),
        state: step.state,
        why: step.why,
        by: Some(step.principal).filter(|by| *by != SERVER),
    }
}

/// A step of a story.
pub(crate) fn told(
    state: &str,
    why: Option<String>,
    principal: PrincipalId,
    created_at: Time,
) -> RetrainStepRow {
    RetrainStepRow { state: state.to_owned(), why, principal, created_at }
}

pub(crate) fn document<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, ControlError> {
    serde_json::from_str(text).map_err(|_| ControlError::Internal("a retraining is unreadable"))
}

fn check(policy: &api::RetrainPolicy) -> Result<(), ControlError> {
    let within = |field, value: Option<u32>, least: u32, most: u32| {
        if value.is_none_or(|value| (least..=most).contains(&value)) {
            return Ok(());
        }
        Err(ControlError::invalid(field, format!("must be {least} to {most}")))
    };
    within("every_days", policy.every_days, 1, 365)?;
    within("max_age_days", policy.max_age_days, 1, 3_650)?;
    within("window_days", policy.window_days, 1, 3_650)?;
    within("budget", policy.budget, 1, 100)?;
    within("cooldown_hours", policy.cooldown_hours, 0, 8_760)?;
    if policy.kinds.contains(&api::FindingKind::Security) {
        let detail = "a finding of security holds retraining, and asks for none";
        return Err(ControlError::invalid("kinds", detail));
    }
    let Some(condition) = policy.exclude.as_deref() else { return Ok(()) };
    text("exclude", condition, MAX_TEXT)?;
    if is_condition(condition) {
        return Ok(());
    }
    let detail = "must be one condition on columns, without a statement of its own";
    Err(ControlError::invalid("exclude", detail))
}

/// Whether a text is a condition that stays within the brackets it is put in. What it may name
/// beyond that, the decision tables check.
fn is_condition(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let has_statement =
        words.clone().any(|word| ["select", "union", "from", "with"].contains(&word));
    let has_sign = [";", "--", "/*"].iter().any(|sign| lower.contains(sign));
    let mut depth = 0_i32;
    let is_within = lower.chars().all(|c| {
        depth = match c {
            '(' => depth.saturating_add(1),
            ')' => depth.saturating_sub(1),
            _ => depth,
        };
        depth >= 0
    });
    !has_statement && !has_sign && is_within && depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_stays_within_its_brackets() {
        assert!(is_condition("region = 'north' AND (income < 0 OR income IS NULL)"));
        for bad in [
            "1 = 1) UNION SELECT name FROM x WHERE (1 = 1",
            "true) OR (true",
            "(true",
            "true; drop table x",
            "true -- ",
            "exists (select 1)",
        ] {
            assert!(!is_condition(bad), "{bad}");
        }
    }
}
