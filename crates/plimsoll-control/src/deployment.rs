//! Deployments: made, changed, archived, and the release of a version into one.

use crate::bootstrap::Control;
use crate::compile::{Files, fit, settings_of};
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::page::{limit, page};
use crate::retention;
use crate::signers;
use crate::words::{environment, stored};
use plimsoll_api as api;
use plimsoll_contract::ErrorDetail;
use plimsoll_explain::CompiledProfile;
use plimsoll_policy::{Action, Deployment, Resource};
use plimsoll_store::{ContractRow, DeploymentRow, ModelRow, Release, VersionRow};
use plimsoll_types::record::Mode;
use plimsoll_types::{DeploymentId, Digest, Name};
use serde_json::json;

/// The longest deadline, in milliseconds: a caller waits no longer than a minute.
const MAX_DEADLINE_MS: u32 = 60_000;
/// The most requests in flight in one deployment. Each holds a body and its rows.
const MAX_IN_FLIGHT: u32 = 65_536;

/// What a deployment's row keeps as JSON: limits and habits no query asks for.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) fallback: Option<Vec<f64>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) fallback_rules: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) fallback_previous: bool,
    pub(crate) error_detail: Option<ErrorDetail>,
    pub(crate) deadline_ms: u32,
    pub(crate) max_in_flight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explain_profile: Option<Digest>,
    pub(crate) retention_days: Option<u32>,
    pub(crate) review: api::Review,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) observe: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) signers: Vec<api::Signer>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) killed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) routes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fallback: None,
            fallback_rules: Vec::new(),
            fallback_previous: false,
            error_detail: None,
            deadline_ms: 1_000,
            max_in_flight: 1_024,
            explain_profile: None,
            retention_days: None,
            review: api::Review { mode: api::ReviewMode::Off, share: None },
            observe: false,
            signers: Vec::new(),
            killed: false,
            routes: Vec::new(),
        }
    }
}

impl Settings {
    fn check(&self) -> Result<(), ControlError> {
        if !(1..=MAX_DEADLINE_MS).contains(&self.deadline_ms) {
            return Err(ControlError::invalid("deadline_ms", "must be 1 to 60000"));
        }
        if !(1..=MAX_IN_FLIGHT).contains(&self.max_in_flight) {
            return Err(ControlError::invalid("max_in_flight", "must be 1 to 65536"));
        }
        if self.observe && (self.has_fallback() || self.review.mode != api::ReviewMode::Off) {
            let detail = "a deployment that observes gives no answers: neither fallback nor review";
            return Err(ControlError::invalid("observe", detail));
        }
        self.check_fallback()?;
        let share = self.review.share;
        let share_fits = match self.review.mode {
            api::ReviewMode::Sampled => share.is_some_and(|share| share > 0.0 && share <= 1.0),
            api::ReviewMode::Off | api::ReviewMode::Held => share.is_none(),
        };
        if !share_fits {
            let detail = "`sampled` takes a share above 0 and at most 1, the others none";
            return Err(ControlError::invalid("review", detail));
        }
        signers::check(&self.signers)
    }
    pub(crate) fn json(&self) -> String {
        json!(self).to_string()
    }
}

impl Control {
    /// Makes a deployment. It answers once a version is released into it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn create_deployment(
        &self,
        ctx: &RequestContext,
        wanted: &api::CreateDeployment,
    ) -> Result<api::Deployment, ControlError> {
        let owner = self.owner(ctx, wanted.owner.as_deref())?;
        let tier = wanted.tier.unwrap_or(api::Tier::Unassessed);
        if tier != api::Tier::Unassessed {
            let detail = "a tier is what facts lead to; state them with `plimsoll assess`";
            return Err(ControlError::invalid("tier", detail));
        }
        let permit = self.permit(
            ctx,
            Action::CreateDeployment,
            &Resource::Deployment(Deployment {
                name: wanted.name.clone(),
                environment: environment(wanted.environment),
                owner: owner.as_str().into(),
                tier: tier.as_str().into(),
                tenant: ctx.tenant(),
            }),
        )?;
        let defaults = Settings::default();
        let mut settings = Settings {
            error_detail: wanted.error_detail,
            deadline_ms: wanted.deadline_ms.unwrap_or(defaults.deadline_ms),
            max_in_flight: wanted.max_in_flight.unwrap_or(defaults.max_in_flight),
            explain_profile: wanted.explain_profile,
            retention_days: wanted.retention_days,
            review: wanted.review.unwrap_or(defaults.review),
            observe: wanted.observe,
            signers: wanted.signers.clone().unwrap_or_default(),
            killed: false,
            routes: Vec::new(),
            ..Settings::default()
        };
        settings.declare(wanted.fallback.clone())?;
        settings.check()?;
        retention::check(settings.retention_days, tier)?;
        let explain = wanted.explain.unwrap_or(api::Explain::Off);
        self.register_if_catalogued(ctx, &wanted.model)?;
        let model = self.model_for(&wanted.model)?;
        let contract = self.contract_for(wanted.contract)?;
        self.check_profile(&settings, &contract)?;
        self.check_rules(&settings, wanted.contract)?;
        if self.store.read(|r| r.deployment_named(wanted.name.as_str()))?.is_some() {
            let detail = format!("there is already a deployment `{}`", wanted.name);
            return Err(ControlError::conflict(detail));
        }
        let row = self.carry_out(permit, json!(wanted), |tx, now| {
            let row = DeploymentRow {
                id: DeploymentId::new(now),
                name: wanted.name.clone(),
                model: model.id,
                contract: wanted.contract,
                environment: wanted.environment.to_string(),
                owner,
                tier: tier.to_string(),
                mode: wanted.mode.unwrap_or(Mode::Durable),
                explain: explain.to_string(),
                settings: settings.json(),
                released: None,
                tenant: ctx.tenant(),
                created_at: now,
                updated_at: now,
                archived_at: None,
            };
            tx.insert_deployment(&row)?;
            Ok(row)
        })?;
        self.shown_deployment(row)
    }

    /// Changes a deployment. Its version, name, model and environment stay.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn update_deployment(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::UpdateDeployment,
    ) -> Result<api::Deployment, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit = self.permit(ctx, Action::UpdateDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        let changed = self.changed(ctx, row.clone(), wanted)?;
        self.check_routes(ctx, &row, &settings_of(&changed)?.routes)?;
        if let Some(release) = changed.released {
            self.check_fit(&changed, release.number)?;
            self.check_signature(&permit, &changed, release.number)?;
        }
        if let Some(rollout) = self.store.read(|r| r.rollout_in(row.id))? {
            self.check_fit(&changed, rollout.candidate)?;
        }
        for number in self.arms_in(&row)? {
            self.check_fit(&changed, number)?;
        }
        let mut facts = json!(wanted);
        if let Some(change) = self.contract_change(ctx, &row, &changed)? {
            facts["contract_change"] = change;
        }
        let row = self.carry_out(permit, facts, |tx, now| {
            // Someone else may have changed it since it was read.
            unchanged(tx.deployment(row.id)?.as_ref(), &row)?;
            let row = DeploymentRow { updated_at: now, ..changed };
            tx.update_deployment(&row)?;
            Ok(row)
        })?;
        self.shown_deployment(row)
    }

    fn changed(
        &self,
        ctx: &RequestContext,
        mut row: DeploymentRow,
        wanted: &api::UpdateDeployment,
    ) -> Result<DeploymentRow, ControlError> {
        let mut settings = settings_of(&row)?;
        if let Some(contract) = wanted.contract {
            row.contract = self.contract_for(contract)?.digest;
        }
        if let Some(profile) = wanted.explain_profile {
            settings.explain_profile = profile;
        }
        self.check_profile(&settings, &self.contract_for(row.contract)?)?;
        if let Some(owner) = &wanted.owner {
            row.owner = self.owner(ctx, Some(owner))?;
        }
        if let Some(explain) = wanted.explain {
            row.explain = explain.to_string();
        }
        if let Some(fallback) = &wanted.fallback {
            settings.declare(fallback.clone())?;
        }
        if let Some(detail) = wanted.error_detail {
            settings.error_detail = detail;
        }
        row.mode = wanted.mode.unwrap_or(row.mode);
        settings.deadline_ms = wanted.deadline_ms.unwrap_or(settings.deadline_ms);
        settings.max_in_flight = wanted.max_in_flight.unwrap_or(settings.max_in_flight);
        if let Some(days) = wanted.retention_days {
            retention::check(days, stored(&row.tier, "tier")?)?;
            settings.retention_days = days;
        }
        settings.review = wanted.review.unwrap_or(settings.review);
        if let Some(signers) = &wanted.signers {
            settings.signers.clone_from(signers);
        }
        if let Some(routes) = &wanted.routes {
            settings.routes.clone_from(routes);
        }
        settings.check()?;
        self.check_rules(&settings, row.contract)?;
        row.settings = settings.json();
        Ok(row)
    }

    /// Lets a version answer in a deployment. When this returns, gateways of this process
    /// route to it. Going back to an earlier version is the same.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn release_version(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: api::ReleaseVersion,
    ) -> Result<api::Deployment, ControlError> {
        let (row, into) = self.deployment_resource(ctx, name)?;
        self.adopt_for(ctx, row.as_ref(), wanted.version)?;
        let (resource, found) = self.release_resource(row.as_ref(), into, wanted.version)?;
        let governed = row.as_ref().filter(|_| found.is_some());
        let (permit, standing) = self.permit_release(ctx, resource, governed, wanted.version)?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        if settings_of(&row)?.observe {
            let detail = "the deployment only observes decisions that are made elsewhere";
            return Err(ControlError::conflict(detail));
        }
        let version =
            found.ok_or_else(|| ControlError::not_found("model version", wanted.version))?;
        self.no_rollout_in(&row)?;
        self.check_usable(&row, wanted.version)?;
        self.check_fit(&row, wanted.version)?;
        let signer = self.check_signature(&permit, &row, wanted.version)?;
        let mut facts = json!({
            "version": wanted.version,
            "digest": version.digest,
            "contract": row.contract,
            "before": row.released.map(|release| release.number),
        });
        if let Some(signer) = signer {
            facts["signer"] = json!(signer);
        }
        if let Some(standing) = standing {
            facts["governance"] = standing.told();
        }
        let row = self.carry_out(permit, facts, |tx, now| {
            unchanged(tx.deployment(row.id)?.as_ref(), &row)?;
            let release = Release { number: wanted.version, by: ctx.id, at: now };
            let row = DeploymentRow { released: Some(release), updated_at: now, ..row };
            tx.update_deployment(&row)?;
            Ok(row)
        })?;
        self.shown_deployment(row)
    }

    /// The deployment's profile is there, and fits its contract.
    fn check_profile(
        &self,
        settings: &Settings,
        contract: &ContractRow,
    ) -> Result<(), ControlError> {
        let Some(digest) = settings.explain_profile else { return Ok(()) };
        let profile = self.profile_for(digest)?;
        let contract = crate::contract::document_of(contract)?;
        let compiled =
            CompiledProfile::compile(crate::profile::document_of(&profile)?, digest, &contract);
        compiled
            .map(|_| ())
            .map_err(|error| ControlError::invalid("explain_profile", error.to_string()))
    }

    pub(crate) fn version_in(
        &self,
        row: &DeploymentRow,
        number: u32,
    ) -> Result<Option<(ModelRow, VersionRow)>, ControlError> {
        self.store.read(|r| Ok(r.model(row.model)?.zip(r.version(row.model, number)?)))
    }

    /// Loads version `number` and binds it to the deployment's contract, as serving will.
    pub(crate) fn check_fit(&self, row: &DeploymentRow, number: u32) -> Result<(), ControlError> {
        let settings = settings_of(row)?;
        let contract = self.contract_for(row.contract)?;
        let (version, files) = self.store.read(|r| {
            let version = r.version(row.model, number)?;
            Ok::<_, ControlError>((version, r.files(row.model, number)?))
        })?;
        let version = version.ok_or_else(|| ControlError::not_found("model version", number))?;
        let fits = || -> Result<(), Box<str>> {
            let contract = self.compiler.contract(&contract, settings.error_detail)?;
            let model = self.compiler.model(&self.artifacts, &version, &files)?;
            let binding = fit(&contract, &model, &settings)?;
            let files = Files { artifacts: &self.artifacts, version: &version, files: &files };
            self.compiler.upstream(&files, &model, &contract)?;
            if row.explain == api::Explain::Off.as_str() {
                return Ok(());
            }
            self.compiler.explainer(&files, &model, &contract, &binding).map(|_| ())
        };
        fits().map_err(|reason| {
            let detail = format!("version {number} does not fit the deployment: {reason}");
            ControlError::invalid("version", detail)
        })
    }

    /// Takes a deployment out of service for good. Its decisions stay.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn archive_deployment(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Deployment, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        let permit =
            self.permit(ctx, Action::ArchiveDeployment, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        self.no_rollout_in(&row)?;
        let row = self.carry_out(permit, json!({"id": row.id}), |tx, now| {
            tx.archive_deployment(row.id, now)?;
            Ok(DeploymentRow { archived_at: Some(now), updated_at: now, ..row })
        })?;
        self.shown_deployment(row)
    }

    /// A live deployment.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_deployment(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<api::Deployment, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReadDeployment, &Resource::Deployment(resource))?;
        self.shown_deployment(row.ok_or_else(|| ControlError::not_found("deployment", name))?)
    }

    /// Live deployments that the caller may see, by name.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_deployments(
        &self,
        ctx: &RequestContext,
        query: &api::PageQuery,
    ) -> Result<api::Page<api::Deployment>, ControlError> {
        self.may_read(ctx, Action::ListDeployments, &self.server())?;
        let after = query.cursor.as_deref();
        let limit = limit(query.limit)?;
        let rows = self.store.read(|r| r.deployments(after, limit))?;
        page(
            query,
            rows,
            |row| row.name.to_string(),
            |row| {
                let resource = Resource::Deployment(resource_of(&row)?);
                let may = self.allows(ctx, Action::ReadDeployment, &resource);
                may.then(|| self.shown_deployment(row)).transpose()
            },
        )
    }

    /// A live deployment, if it is there, and what policy is asked about.
    pub(crate) fn deployment_resource(
        &self,
        ctx: &RequestContext,
        name: &Name,
    ) -> Result<(Option<DeploymentRow>, Deployment), ControlError> {
        let Some(row) = self.store.read(|r| r.deployment_named(name.as_str()))? else {
            let missing = Deployment {
                name: name.clone(),
                environment: ctx.environment(),
                owner: "".into(),
                tier: api::Tier::Unassessed.as_str().into(),
                tenant: ctx.tenant(),
            };
            return Ok((None, missing));
        };
        let resource = resource_of(&row)?;
        Ok((Some(row), resource))
    }

    fn model_for(&self, name: &Name) -> Result<ModelRow, ControlError> {
        let row = self.store.read(|r| r.model_named(name.as_str()))?;
        row.ok_or_else(|| {
            ControlError::invalid("model", format!("there is no registered model `{name}`"))
        })
    }

    pub(crate) fn contract_for(&self, digest: Digest) -> Result<ContractRow, ControlError> {
        let row = self.store.read(|r| r.contract(digest))?;
        row.ok_or_else(|| {
            let detail =
                "there is no contract with this digest; post it to /api/v1/contracts first";
            ControlError::invalid("contract", detail)
        })
    }

    pub(crate) fn shown_deployment(
        &self,
        row: DeploymentRow,
    ) -> Result<api::Deployment, ControlError> {
        let settings = settings_of(&row)?;
        let missing = ControlError::Internal("a deployment has no model");
        let model = self.store.read(|r| r.model(row.model))?.ok_or(missing)?;
        let released = match row.released {
            Some(release) => {
                let version = self.store.read(|r| r.version(row.model, release.number))?;
                version.map(|version| api::ReleasedVersion {
                    number: release.number,
                    digest: version.digest,
                    released_by: release.by,
                    released_at: release.at.into(),
                })
            }
            None => None,
        };
        let not_ready_reason = self.not_ready(&row);
        Ok(api::Deployment {
            id: row.id,
            name: row.name,
            model: model.name,
            contract: row.contract,
            environment: stored(&row.environment, "environment")?,
            owner: row.owner,
            tier: stored(&row.tier, "tier")?,
            mode: row.mode,
            explain: stored(&row.explain, "explain policy")?,
            explain_profile: settings.explain_profile,
            fallback: settings.declared(),
            error_detail: settings.error_detail,
            deadline_ms: settings.deadline_ms,
            max_in_flight: settings.max_in_flight,
            retention_days: settings.retention_days,
            review: settings.review,
            observe: settings.observe,
            signers: settings.signers,
            routes: settings.routes,
            killed: settings.killed,
            released,
            is_ready: not_ready_reason.is_none(),
            not_ready_reason,
            created_at: row.created_at.into(),
            updated_at: row.updated_at.into(),
            archived_at: row.archived_at.map(Into::into),
        })
    }

    /// Why the snapshot in use does not serve a deployment.
    fn not_ready(&self, row: &DeploymentRow) -> Option<String> {
        let snapshot = self.snapshots.load();
        match snapshot.deployment(row.name.as_str()).filter(|served| served.id == row.id) {
            Some(served) => served.serving.as_ref().err().map(ToString::to_string),
            None => Some("it is not in the serving snapshot".to_owned()),
        }
    }
}

pub(crate) fn resource_of(row: &DeploymentRow) -> Result<Deployment, ControlError> {
    Ok(Deployment {
        name: row.name.clone(),
        environment: stored(&row.environment, "environment")?,
        owner: row.owner.as_str().into(),
        tier: row.tier.as_str().into(),
        tenant: row.tenant,
    })
}

pub(crate) fn unchanged(
    now: Option<&DeploymentRow>,
    then: &DeploymentRow,
) -> Result<(), ControlError> {
    if now == Some(then) {
        return Ok(());
    }
    let detail = format!("the deployment `{}` was changed meanwhile; try again", then.name);
    Err(ControlError::conflict(detail))
}
