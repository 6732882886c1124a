//! Whether a version may answer in a deployment: the one question that every entrance asks which
//! makes a version answer. Default deny.
//!
//! | where it stands | what it was assessed as | asked for |
//! |---|---|---|
//! | development, staging | nothing, or T0 | nothing: a sandbox, which no production key reaches |
//! | production | nothing, or T0 | cannot be met: state the facts first |
//! | anywhere | T1 to T3 | the gate, judged now, and the approvals of its tier |
//! | anywhere | T4 | cannot be met |
//!
//! The gate is judged anew, from the results that count now; approvals are bound to the digest of
//! what that gives. So a result that got old, an exception that expired, a plan or an assessment
//! that changed, and another artifact all leave nothing of an approval.

use crate::act::{Event, Permit};
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::deployment::resource_of;
use crate::error::ControlError;
use crate::words::{label, stored};
use plimsoll_api as api;
use plimsoll_policy::{Action, Deployment, Resource};
use plimsoll_release::Tier;
use plimsoll_release::approval::{Permission, Promotion, Required, permit};
use plimsoll_release::gate::GateResult;
use plimsoll_store::{DeploymentRow, VersionRow};
use plimsoll_types::record::Stage;
use plimsoll_types::{Digest, Name, PrincipalId};
use serde_json::{Value, json};

/// What governance found of a version in a deployment, as of now.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) artifact: Digest,
    pub(crate) tier: Option<Tier>,
    /// Whether a gate and approvals are asked for.
    pub(crate) gate_asked: bool,
    pub(crate) gate: Option<GateResult>,
    pub(crate) required: Required,
    pub(crate) permission: Permission,
}

impl Standing {
    fn refused(artifact: Digest, tier: Option<Tier>, why: &str) -> Self {
        let permission = Permission { reasons: vec![why.to_owned()], ..Permission::default() };
        let required = Required::default();
        Self { artifact, tier, gate_asked: true, gate: None, required, permission }
    }
    fn sandbox(artifact: Digest, tier: Option<Tier>) -> Self {
        let permission = Permission { is_allowed: true, ..Permission::default() };
        let required = Required::default();
        Self { artifact, tier, gate_asked: false, gate: None, required, permission }
    }
    fn is_passed(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.is_passed)
    }

    /// The facts that policy is asked about.
    pub(crate) fn facts(&self) -> plimsoll_policy::Standing {
        plimsoll_policy::Standing {
            gate_asked: self.gate_asked,
            gate_passed: self.is_passed(),
            approvals: u32::try_from(self.permission.by.len()).unwrap_or(u32::MAX),
            approved: self.permission.is_allowed && !self.permission.is_emergency,
            emergency: self.permission.is_emergency,
        }
    }

    /// The numbers that decided, for the ledger.
    pub(crate) fn told(&self) -> Value {
        let counts = self.gate.as_ref().map(|gate| {
            let counts = gate.counts().into_iter();
            counts.map(|(state, n)| (state.to_string(), n)).collect::<Vec<_>>()
        });
        json!({
            "tier": self.tier,
            "gate_asked": self.gate_asked,
            "gate": self.gate.as_ref().map(GateResult::digest),
            "passed": self.is_passed(),
            "states": counts,
            "people": self.required.people,
            "approved_by": self.permission.by,
            "void": self.permission.void,
            "emergency": self.permission.is_emergency,
            "reasons": self.permission.reasons,
        })
    }
}

impl Control {
    /// Whether `ctx` may let version `number` answer in a deployment now: policy permits it (so
    /// nobody lets a version of their own answer), the gate and approvals are there, and it carries
    /// the signature that the deployment asks for. A refusal is recorded.
    ///
    /// # Errors
    /// [`ControlError::Denied`], or [`ControlError::Ungoverned`], which says what is missing.
    pub(crate) fn release_allowed(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        number: u32,
    ) -> Result<(), ControlError> {
        let (resource, found) = self.release_resource(Some(row), resource_of(row)?, number)?;
        let governed = found.as_ref().map(|_| row);
        let (permit, _) = self.permit_release(ctx, resource, governed, number)?;
        self.check_signature(&permit, row, number)?;
        Ok(())
    }

    /// The same for who has leave of another kind: whether the gate and approvals are there. A
    /// refusal is recorded.
    pub(crate) fn promotion_allowed_by_gate(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        number: u32,
    ) -> Result<(), ControlError> {
        let standing = self.governed_standing(row, number)?;
        if standing.permission.is_allowed {
            return Ok(());
        }
        Err(self.refuse_release(ctx, row, number, &standing))
    }

    /// What policy is asked about, and the version if there is one of this number.
    pub(crate) fn release_resource(
        &self,
        deployment: Option<&DeploymentRow>,
        into: Deployment,
        number: u32,
    ) -> Result<(Resource, Option<VersionRow>), ControlError> {
        let found = deployment.map(|row| self.version_in(row, number)).transpose()?.flatten();
        let (model, author) = match &found {
            Some((model, version)) => (model.name.clone(), version.author.to_string().into()),
            None => (into.name.clone(), "".into()),
        };
        let standing = plimsoll_policy::Standing::default();
        let resource = Resource::Release { model, number, author, into, standing };
        Ok((resource, found.map(|(_, version)| version)))
    }

    /// Leave to release: policy is asked twice, first whether who asks may release at all, then
    /// with what governance found, so that policy sees gate and approvals.
    pub(crate) fn permit_release<'a>(
        &self,
        ctx: &'a RequestContext,
        bare: Resource,
        row: Option<&DeploymentRow>,
        number: u32,
    ) -> Result<(Permit<'a>, Option<Standing>), ControlError> {
        let permit = self.permit(ctx, Action::Release, &bare)?;
        let Some(row) = row else { return Ok((permit, None)) };
        let standing = self.governed_standing(row, number)?;
        let governed = match bare {
            Resource::Release { model, number, author, into, .. } => {
                Resource::Release { model, number, author, into, standing: standing.facts() }
            }
            other => other,
        };
        if !self.allows(ctx, Action::Release, &governed) || !standing.permission.is_allowed {
            return Err(self.refuse_release(ctx, row, number, &standing));
        }
        if standing.permission.is_emergency {
            tracing::warn!(
                deployment = %row.name, number,
                "a version is released by breaking the glass"
            );
        }
        Ok((permit, Some(standing)))
    }

    /// Records a refusal with its numbers, durably, and says it.
    pub(crate) fn refuse_release(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        number: u32,
        standing: &Standing,
    ) -> ControlError {
        let into = match resource_of(row) {
            Ok(into) => into,
            Err(error) => return error,
        };
        let (model, author) = (row.name.clone(), "".into());
        let facts = standing.facts();
        let resource = label(&Resource::Release { model, number, author, into, standing: facts });
        let event = Event {
            stage: Stage::Denied,
            action: Action::Release.as_str(),
            principal: ctx.id,
            resource: &resource,
            intent: None,
            payload: json!({
                "request": ctx.request_id,
                "policies": ["ungoverned-release"],
                "governance": standing.told(),
            }),
        };
        if let Err(error) = self.record(&event) {
            tracing::warn!(%error, "a denial could not be recorded");
        }
        let mut reasons = standing.permission.reasons.clone();
        reasons.extend(standing.permission.void.iter().map(|why| format!("an approval: {why}")));
        ControlError::Ungoverned { resource, reasons: reasons.join("; ").into() }
    }

    /// What governance finds of version `number` in a deployment now.
    pub(crate) fn governed_standing(
        &self,
        row: &DeploymentRow,
        number: u32,
    ) -> Result<Standing, ControlError> {
        self.trusted_standing(row, number, None)
    }

    /// The same of the candidate of a retraining, whose policy `trust` lets go on by itself: at
    /// tier T1 that is the one person's consent.
    pub(crate) fn trusted_standing(
        &self,
        row: &DeploymentRow,
        number: u32,
        trust: Option<PrincipalId>,
    ) -> Result<Standing, ControlError> {
        let version = self.store.read(|r| r.version(row.model, number))?;
        let version = version.ok_or_else(|| ControlError::not_found("model version", number))?;
        let environment: api::Environment = stored(&row.environment, "environment")?;
        let is_production = environment == api::Environment::Production;
        let Some(assessed) = self.assessed(row)? else {
            return Ok(if is_production {
                let why = "nobody assessed what this use of a model can do";
                Standing::refused(version.digest, None, why)
            } else {
                Standing::sandbox(version.digest, None)
            });
        };
        let tier = assessed.assessment.tier;
        if tier == Tier::T0 {
            return Ok(if is_production {
                let why = "it was assessed as a sandbox, and none stands in production";
                Standing::refused(version.digest, Some(tier), why)
            } else {
                Standing::sandbox(version.digest, Some(tier))
            });
        }
        self.gated(row, &version, &assessed, trust)
    }

    /// The gate judged now, and the approvals that count for what it gave.
    fn gated(
        &self,
        row: &DeploymentRow,
        version: &VersionRow,
        assessed: &crate::governance::Assessed,
        trust: Option<PrincipalId>,
    ) -> Result<Standing, ControlError> {
        let plan = self.plan_of(row)?;
        let gate = self.judged(row, version, &assessed.assessment, &plan)?;
        let mut required = Required::of(gate.tier);
        let trust = trust.filter(|by| *by != version.author);
        let trust = trust.filter(|_| crate::trial::trust_suffices(gate.tier));
        if trust.is_some() {
            required.people = required.people.saturating_sub(1);
        }
        let (approvals, approvers) = self.approvals_of(row, version.digest)?;
        let glass = self.live_glass(row)?;
        let now = self.clock.now();
        let author = version.author.to_string();
        let mut permission = permit(&Promotion {
            gate: &gate,
            artifact: version.digest,
            author: &author,
            approvals: &approvals,
            approvers: &approvers,
            required: &required,
            window: plan.window.as_ref().map(|window| crate::governance::window_at(window, now)),
            break_glass: glass.as_ref(),
            now,
        });
        permission.by.extend(trust.map(|by| by.to_string()));
        Ok(Standing {
            artifact: version.digest,
            tier: Some(gate.tier),
            gate_asked: true,
            gate: Some(gate),
            required,
            permission,
        })
    }

    /// Whether a version may be released into a deployment now, and why not; under another contract
    /// where one is asked about.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn release_standing(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
        query: api::StandingQuery,
    ) -> Result<api::ReleaseStanding, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let row = self.under(row, query.contract)?;
        let standing = self.governed_standing(&row, number)?;
        let Standing { artifact, tier, gate_asked, gate, required, permission } = standing;
        let mut approved_by = Vec::new();
        for id in &permission.by {
            let known = id.parse().map(|id| self.display_name(id));
            approved_by.push(known.ok().transpose()?.flatten().unwrap_or_else(|| id.clone()));
        }
        Ok(api::ReleaseStanding {
            deployment: row.name,
            version: number,
            artifact,
            tier: tier.map(|tier| tier.to_string()),
            gate_asked,
            is_allowed: permission.is_allowed,
            is_emergency: permission.is_emergency,
            reasons: permission.reasons,
            gate: gate.as_ref().map(GateResult::digest),
            result: gate.as_ref().map(|gate| json!(gate)),
            approved_by,
            void: permission.void,
            people: u32::try_from(required.people).unwrap_or(u32::MAX),
            roles: required.roles.into_iter().collect(),
        })
    }

    /// Deployments in production, or assessed, of the registered model that is called `name`: an
    /// alias of production that is moved means them all.
    pub(crate) fn governed_deployments(
        &self,
        name: &str,
    ) -> Result<Vec<DeploymentRow>, ControlError> {
        let rows = self.store.read(|r| {
            let Some(model) = r.model_named(name)? else { return Ok(Vec::new()) };
            let rows = r.live_deployments()?.into_iter();
            Ok::<_, plimsoll_store::StoreError>(
                rows.filter(|row| row.model == model.id).collect::<Vec<_>>(),
            )
        })?;
        let production = api::Environment::Production.as_str();
        Ok(rows
            .into_iter()
            .filter(|row| {
                row.environment == production || row.tier != api::Tier::Unassessed.as_str()
            })
            .collect())
    }
}
