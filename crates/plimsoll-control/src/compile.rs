//! From control state to a serving snapshot.
//!
//! A deployment that cannot be compiled is in the snapshot with the reason, so that one
//! damaged file stops one deployment and not the rest.

use crate::artifact::{Artifacts, sha256};
use crate::bootstrap::Control;
use crate::deployment::Settings;
use crate::error::ControlError;
use crate::experiment_state::{arms_of, stops};
use crate::fallback;
use crate::limit;
use crate::rollout_state::exposed;
use crate::routes;
use crate::words::{roles, stored};
use plimsoll_contract::{Binding, CompiledContract, Contract, ErrorDetail};
use plimsoll_explain::{
    BackgroundFile, CompiledProfile, ExplainProfile, Explainer, MAX_BACKGROUND_BYTES,
};
use plimsoll_model::{Limits, Model};
use plimsoll_policy::{PolicySet, Principal};
use plimsoll_serving::{
    ApiKey, Caller, Explain, KeyDigest, KeyHasher, KeyRing, Observed, Review, ServedDeployment,
    ServedVersion, Serving, ServingSnapshot, SnapshotParts,
};
use plimsoll_store::{
    ApiKeyRow, ContractRow, DeploymentRow, FileRow, LimitRow, Meta, ModelRow, PrincipalRow,
    ProfileRow, Read, RolloutRow, SplitRow, StoreError, VersionRow,
};
use plimsoll_types::{Digest, TenantId, Time};
use plimsoll_upstream::{Declaration, Upstream};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

/// Loads and keeps what snapshots share: models and contracts, by digest.
#[derive(Debug)]
pub(crate) struct Compiler {
    limits: Limits,
    models: Mutex<HashMap<Digest, Arc<Model>>>,
    contracts: Mutex<Contracts>,
    explainers: Mutex<Explainers>,
}

/// Compiled contracts, by digest and the deployment's own [`ErrorDetail`].
type Contracts = HashMap<(Digest, Option<u8>), Arc<CompiledContract>>;

/// Explainers, by the digest of the version's manifest and that of the contract.
type Explainers = HashMap<(Digest, Digest), Arc<Explainer>>;

/// The versions of an experiment's arms, with their files.
type Arms = Vec<(VersionRow, Vec<FileRow>)>;

/// The files of a model version.
pub(crate) struct Files<'a> {
    pub(crate) artifacts: &'a Artifacts,
    pub(crate) version: &'a VersionRow,
    pub(crate) files: &'a [FileRow],
}

impl Files<'_> {
    /// The background of the version, if it has one.
    pub(crate) fn background(&self) -> Result<Option<BackgroundFile>, Box<str>> {
        let file = self.files.iter().find(|file| file.role == "background");
        file.map(|file| {
            let bytes = self.artifacts.read(file.digest, MAX_BACKGROUND_BYTES);
            let bytes = bytes.map_err(|error| format!("its background file: {error}"))?;
            BackgroundFile::read(&bytes)
                .map_err(|error| format!("its answers cannot be explained: {error}").into())
        })
        .transpose()
    }
}

/// Everything a snapshot is compiled from, read in one transaction.
struct State {
    meta: Meta,
    principals: Vec<PrincipalRow>,
    keys: Vec<ApiKeyRow>,
    limits: Vec<LimitRow>,
    deployments: Vec<Deployed>,
}

/// A deployment with what it refers to.
struct Deployed {
    row: DeploymentRow,
    model: ModelRow,
    contract: ContractRow,
    profile: Option<ProfileRow>,
    released: Option<(VersionRow, Vec<FileRow>)>,
    /// The version that was released before it: kept loaded, so that going back waits for no file,
    /// and served where it stands in.
    before: Option<(VersionRow, Vec<FileRow>)>,
    /// Whether that is declared.
    stands_in: bool,
    /// The rollout that is under way, and the version that it tries.
    tried: Option<(RolloutRow, VersionRow, Vec<FileRow>)>,
    /// The experiment that is under way, and the versions of its arms.
    arms: Option<(SplitRow, Arms)>,
    /// The versions that rules name.
    routed: Vec<(VersionRow, Vec<FileRow>)>,
}

impl Control {
    /// Compiles the state as it is now and lets gateways see it.
    pub(crate) fn publish(&self) -> Result<(), ControlError> {
        let state = self.store.read(State::read)?;
        let snapshot = self.compile(&state)?;
        let parts = snapshot.parts();
        tracing::info!(generation = parts.generation, digest = %parts.digest.short(), "snapshot");
        self.snapshots.store(Arc::new(snapshot));
        Ok(())
    }

    fn compile(&self, state: &State) -> Result<ServingSnapshot, ControlError> {
        let mut description = Vec::new();
        let mut deployments = Vec::new();
        for (index, deployed) in (0..).zip(&state.deployments) {
            description.push(deployed.describe());
            deployments.push(Arc::new(self.serve(index, deployed)?));
        }
        self.compiler.forget_all_but(state);
        let (keys, dev, callers) = self.callers(state)?;
        let limits = limit::compiled(&state.limits)?;
        let mut described = json!({
            "deployments": description,
            "keys": state.keys.iter().map(describe_key).collect::<Vec<_>>(),
            "policy": self.policy_digest,
            "principals": state.principals.iter().map(describe_principal).collect::<Vec<_>>(),
            "tenant": state.meta.tenant.to_string(),
            "version": 1,
        });
        // Left out where there is none: then the digest is what it was before there were any.
        if !state.limits.is_empty() {
            described["limits"] = state.limits.iter().map(limit::described).collect();
        }
        Ok(ServingSnapshot::new(SnapshotParts {
            generation: state.meta.generation,
            digest: sha256(described.to_string().as_bytes()),
            made: self.clock.now(),
            tenant: self.tenant,
            policies: Arc::clone(&self.policies),
            policy_digest: self.policy_digest,
            deployments,
            keys,
            limits,
            callers,
            dev,
        }))
    }

    fn serve(&self, index: u32, deployed: &Deployed) -> Result<ServedDeployment, ControlError> {
        let row = &deployed.row;
        let settings: Settings = settings_of(row)?;
        let compiled = self.compiler.contract(&deployed.contract, settings.error_detail);
        let explain: plimsoll_api::Explain = stored(&row.explain, "explain policy")?;
        let explain = match explain {
            plimsoll_api::Explain::Off => Explain::Off,
            plimsoll_api::Explain::Deferred => Explain::Deferred,
            plimsoll_api::Explain::Inline => Explain::Inline,
        };
        let profile = match (&deployed.profile, &compiled) {
            (Some(row), Ok(contract)) => compile_profile(row, contract.contract()).map(Some),
            _ => Ok(None),
        };
        let max_body_bytes = compiled.as_ref().map_or(0, |c| c.contract().limits.max_body_bytes);
        let (profile, profile_wrong) = match profile {
            Ok(profile) => (profile, None),
            Err(wrong) => (None, Some(wrong)),
        };
        let mut fallback = plimsoll_serving::Fallback::default();
        let observed = compiled.as_ref().ok().filter(|_| settings.observe).map(|contract| {
            Observed { contract: Arc::clone(contract), contract_digest: deployed.contract.digest }
        });
        let serving = compiled.and_then(|contract| {
            if settings.observe {
                return Err("it records decisions that are made elsewhere".into());
            }
            if let Some(wrong) = profile_wrong {
                return Err(wrong);
            }
            let (version, files) =
                deployed.released.as_ref().ok_or("no version is released into it")?;
            let primary =
                self.served_version(deployed, (version, files), &contract, &settings, explain)?;
            let declared =
                primary.upstream.as_ref().and_then(|one| one.declared().fallback.as_deref());
            let width = primary.model.output().count;
            fallback = fallback::bound(&settings, &contract, width, declared)?;
            let before = deployed.before.as_ref().filter(|_| deployed.stands_in);
            let previous = before.and_then(|(version, files)| {
                let before = (version, files.as_slice());
                let off = Explain::Off;
                let served = self.served_version(deployed, before, &contract, &settings, off);
                let wrong = |reason: Box<str>| {
                    tracing::warn!(%reason, "the version before cannot stand in");
                };
                served.map_err(wrong).ok().map(Arc::new)
            });
            let contract_digest = deployed.contract.digest;
            let rollout = deployed.tried.as_ref().and_then(|(rollout, version, files)| {
                let candidate =
                    self.served_version(deployed, (version, files), &contract, &settings, explain);
                self.served_rollout(rollout, candidate, &contract)
            });
            let experiment = deployed.arms.as_ref().and_then(|(row, arms)| {
                let arm = |(version, files): &(VersionRow, Vec<FileRow>)| {
                    self.served_version(deployed, (version, files), &contract, &settings, explain)
                };
                self.served_experiment(row, arms.iter().map(arm).collect())
            });
            let routes = routes::served(&settings.routes, &contract, |number| {
                let (version, files) = deployed.routed.iter().find(|(v, _)| v.number == number)?;
                let wanted = (version, files.as_slice());
                let served = self.served_version(deployed, wanted, &contract, &settings, explain);
                served.ok().map(Arc::new)
            });
            let primary = Arc::new(primary);
            Ok(Serving {
                contract,
                contract_digest,
                primary,
                previous,
                rollout,
                experiment,
                routes,
            })
        });
        Ok(ServedDeployment {
            index,
            id: row.id,
            name: row.name.clone(),
            tenant: row.tenant,
            environment: stored(&row.environment, "environment")?,
            owner: row.owner.as_str().into(),
            tier: row.tier.as_str().into(),
            settings: plimsoll_serving::Settings {
                mode: row.mode,
                explain,
                fallback,
                max_body_bytes: usize::try_from(max_body_bytes).unwrap_or(usize::MAX),
                deadline_ms: settings.deadline_ms,
                max_in_flight: settings.max_in_flight,
                review: review(settings.review),
                is_killed: settings.killed,
            },
            profile: profile.map(Arc::new),
            observed,
            serving,
        })
    }

    /// A version, loaded and bound as its deployment serves it.
    fn served_version(
        &self,
        deployed: &Deployed,
        (version, files): (&VersionRow, &[FileRow]),
        contract: &CompiledContract,
        settings: &Settings,
        explain: Explain,
    ) -> Result<ServedVersion, Box<str>> {
        let model = self.compiler.model(&self.artifacts, version, files)?;
        let artifacts = Files { artifacts: &self.artifacts, version, files };
        let upstream = self.compiler.upstream(&artifacts, &model, contract)?;
        let binding = fit(contract, &model, settings)?;
        let explainer = match explain {
            Explain::Off => None,
            Explain::Deferred | Explain::Inline => {
                Some(self.compiler.explainer(&artifacts, &model, contract, &binding)?)
            }
        };
        Ok(ServedVersion {
            model_name: deployed.model.name.clone(),
            number: version.number,
            manifest: version.digest,
            model,
            binding,
            explainer,
            upstream,
        })
    }

    fn callers(&self, state: &State) -> Result<(KeyRing, Option<Arc<Caller>>, u32), ControlError> {
        let by_id: BTreeMap<_, _> = state.principals.iter().map(|p| (p.id, p)).collect();
        let mut keys: HashMap<KeyDigest, ApiKey> = HashMap::new();
        let mut callers: u32 = 0;
        let mut next = || {
            callers = callers.saturating_add(1);
            callers - 1
        };
        for row in &state.keys {
            let Some(holder) = by_id.get(&row.principal) else { continue };
            let mut principal = principal(holder)?;
            principal.environment =
                row.environment.as_deref().map(|e| stored(e, "environment")).transpose()?;
            principal.scopes = row.scopes.as_deref().map(Arc::from);
            let caller = Caller { index: next(), id: holder.id, principal, key: Some(row.id) };
            let key = ApiKey {
                caller: Arc::new(caller),
                expires: row.expires_at,
                revoked: row.revoked_at.is_some() || holder.disabled_at.is_some(),
            };
            keys.insert(row.digest, key);
        }
        let dev = state.principals.iter().find(|p| self.config.dev && p.is_dev);
        let dev = dev
            .map(|row| {
                let principal = principal(row)?;
                let caller = Caller { index: next(), id: row.id, principal, key: None };
                Ok::<_, ControlError>(Arc::new(caller))
            })
            .transpose()?;
        Ok((KeyRing::new(self.hasher.clone(), keys), dev, callers))
    }
}

fn review(setting: plimsoll_api::Review) -> Review {
    match (setting.mode, setting.share) {
        (plimsoll_api::ReviewMode::Off, _) => Review::Off,
        (plimsoll_api::ReviewMode::Held, _) => Review::Held,
        (plimsoll_api::ReviewMode::Sampled, share) => Review::Sampled(share.unwrap_or(1.0)),
    }
}

/// A principal as policy sees it, not limited by any key.
pub(crate) fn principal(row: &PrincipalRow) -> Result<Principal, ControlError> {
    let kind: plimsoll_api::PrincipalKind = stored(&row.kind, "kind of principal")?;
    Ok(Principal {
        kind: crate::words::principal_kind(kind),
        id: row.id.to_string().into(),
        roles: roles(&row.roles)?,
        environment: None,
        scopes: None,
        tenant: row.tenant,
        dev: row.is_dev,
    })
}

/// The settings in a deployment's row.
pub(crate) fn settings_of(row: &DeploymentRow) -> Result<Settings, ControlError> {
    let damaged = |_| StoreError::Damaged("the settings of a deployment are unreadable".into());
    Ok(serde_json::from_str(&row.settings).map_err(damaged)?)
}

/// Binds a model to a contract, with the fallback that stands in for it.
pub(crate) fn fit(
    contract: &CompiledContract,
    model: &Model,
    settings: &Settings,
) -> Result<Binding, Box<str>> {
    let outputs = model.output().count;
    fallback::bound(settings, contract, outputs, None)?;
    if model.is_elsewhere() {
        return Ok(Binding::default());
    }
    plimsoll_serving::fit(contract, model).map_err(|error| error.to_string().into())
}

impl Compiler {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            models: Mutex::default(),
            contracts: Mutex::default(),
            explainers: Mutex::default(),
        }
    }

    /// A snapshot that serves nothing to nobody.
    pub(crate) fn empty(
        &self,
        tenant: TenantId,
        policies: &Arc<PolicySet>,
        policy_digest: Digest,
        hasher: &KeyHasher,
        made: Time,
    ) -> ServingSnapshot {
        ServingSnapshot::new(SnapshotParts {
            generation: 0,
            digest: Digest::ZERO,
            made,
            tenant,
            policies: Arc::clone(policies),
            policy_digest,
            deployments: Vec::new(),
            keys: KeyRing::new(hasher.clone(), HashMap::new()),
            callers: 0,
            limits: plimsoll_serving::Limits::default(),
            dev: None,
        })
    }

    /// Loads bytes as a model, or as the declaration of one that answers elsewhere.
    pub(crate) fn load(&self, bytes: &[u8]) -> Result<Model, Box<str>> {
        if Declaration::is_meant(bytes) {
            let declared = Declaration::read(bytes).and_then(|declared| declared.model());
            return declared.map_err(|error| error.to_string().into());
        }
        #[cfg(feature = "neural")]
        let loaded = plimsoll_neural::load(bytes, &self.limits);
        #[cfg(not(feature = "neural"))]
        let loaded = Model::load(bytes, &self.limits);
        loaded.map_err(|error| error.to_string().into())
    }

    /// The largest model file, in bytes.
    pub(crate) const fn max_bytes(&self) -> usize {
        self.limits.bytes_max
    }

    /// The model of a version, loaded once.
    pub(crate) fn model(
        &self,
        artifacts: &Artifacts,
        version: &VersionRow,
        files: &[FileRow],
    ) -> Result<Arc<Model>, Box<str>> {
        if let Some(model) = crate::act::lock(&self.models).get(&version.digest) {
            return Ok(Arc::clone(model));
        }
        let file = files.iter().find(|file| file.role == "model").ok_or("it has no model file")?;
        let bytes = artifacts.read(file.digest, self.limits.bytes_max);
        let bytes = bytes.map_err(|error| format!("its model file: {error}"))?;
        let model = Arc::new(self.load(&bytes)?);
        crate::act::lock(&self.models).insert(version.digest, Arc::clone(&model));
        Ok(model)
    }

    /// Where a version answers, if not here, in the fields of a contract.
    pub(crate) fn upstream(
        &self,
        files: &Files<'_>,
        model: &Model,
        contract: &CompiledContract,
    ) -> Result<Option<Arc<Upstream>>, Box<str>> {
        if !model.is_elsewhere() {
            return Ok(None);
        }
        let file = files.files.iter().find(|file| file.role == "model");
        let file = file.ok_or("it has no model file")?;
        let bytes = files.artifacts.read(file.digest, self.limits.bytes_max);
        let bytes = bytes.map_err(|error| format!("its model file: {error}"))?;
        let declared = Declaration::read(&bytes).map_err(|error| error.to_string())?;
        let upstream = Upstream::wire(declared, contract).map_err(|error| error.to_string())?;
        Ok(Some(Arc::new(upstream)))
    }

    /// What explains a version's answers in the features of a contract, prepared once.
    pub(crate) fn explainer(
        &self,
        files: &Files<'_>,
        model: &Arc<Model>,
        contract: &CompiledContract,
        binding: &Binding,
    ) -> Result<Arc<Explainer>, Box<str>> {
        if model.is_elsewhere() {
            return Err("its answers come from elsewhere and cannot be explained; set the deployment's `explain` to off".into());
        }
        let canonical = contract.contract().canonical_json().map_err(|error| error.to_string())?;
        let key = (files.version.digest, sha256(&canonical));
        if let Some(explainer) = crate::act::lock(&self.explainers).get(&key) {
            return Ok(Arc::clone(explainer));
        }
        let words = |error: plimsoll_explain::ExplainError| -> Box<str> {
            format!("its answers cannot be explained: {error}").into()
        };
        let background = files.background()?;
        let features = contract.contract().features.len();
        let explainer = Explainer::new(model, binding.places(), features, background.as_ref());
        let explainer = Arc::new(explainer.map_err(words)?);
        crate::act::lock(&self.explainers).insert(key, Arc::clone(&explainer));
        Ok(explainer)
    }

    /// A contract with the deployment's own level of detail, compiled once.
    pub(crate) fn contract(
        &self,
        row: &ContractRow,
        detail: Option<ErrorDetail>,
    ) -> Result<Arc<CompiledContract>, Box<str>> {
        let key = (row.digest, detail.map(|detail| detail as u8));
        if let Some(contract) = crate::act::lock(&self.contracts).get(&key) {
            return Ok(Arc::clone(contract));
        }
        let words = |error: plimsoll_contract::ContractError| error.to_string();
        let mut document = Contract::from_json(row.document.as_bytes()).map_err(words)?;
        if let Some(detail) = detail {
            document.limits.error_detail = detail;
        }
        let contract = Arc::new(CompiledContract::compile(&document).map_err(words)?);
        crate::act::lock(&self.contracts).insert(key, Arc::clone(&contract));
        Ok(contract)
    }

    /// Lets go of what no deployment uses any more.
    fn forget_all_but(&self, state: &State) {
        let deployed = &state.deployments;
        let is_used = |digest: &Digest| {
            let answers = |d: &Deployed| d.released.as_ref().is_some_and(|r| r.0.digest == *digest);
            let is_tried = |d: &Deployed| d.tried.as_ref().is_some_and(|t| t.1.digest == *digest);
            let is_arm = |d: &Deployed| {
                d.arms.as_ref().is_some_and(|(_, arms)| arms.iter().any(|a| a.0.digest == *digest))
            };
            let is_routed = |d: &Deployed| d.routed.iter().any(|(v, _)| v.digest == *digest);
            let is_before = |d: &Deployed| d.before.as_ref().is_some_and(|b| b.0.digest == *digest);
            let used = |d: &Deployed| {
                answers(d) || is_before(d) || is_tried(d) || is_arm(d) || is_routed(d)
            };
            deployed.iter().any(used)
        };
        crate::act::lock(&self.models).retain(|digest, _| is_used(digest));
        crate::act::lock(&self.explainers).retain(|(digest, _), _| is_used(digest));
        crate::act::lock(&self.contracts)
            .retain(|(digest, _), _| deployed.iter().any(|d| d.contract.digest == *digest));
    }
}

/// The profile of a deployment, against its contract.
pub(crate) fn compile_profile(
    row: &ProfileRow,
    contract: &Contract,
) -> Result<CompiledProfile, Box<str>> {
    let words = |error: plimsoll_explain::ProfileError| -> Box<str> { error.to_string().into() };
    let document = ExplainProfile::from_json(row.document.as_bytes()).map_err(words)?;
    CompiledProfile::compile(document, row.digest, contract).map_err(words)
}

impl State {
    fn read(store: &Read<'_>) -> Result<Self, ControlError> {
        let deployments = store.live_deployments()?.into_iter();
        Ok(Self {
            meta: store.meta()?,
            principals: store.all_principals()?,
            keys: store.all_keys()?,
            limits: store.limits()?,
            deployments: deployments
                .map(|row| Deployed::read(store, row))
                .collect::<Result<_, _>>()?,
        })
    }
}

impl Deployed {
    fn read(store: &Read<'_>, row: DeploymentRow) -> Result<Self, ControlError> {
        let gone = |what: &str| StoreError::Damaged(format!("the {what} of a deployment is gone"));
        let settings = settings_of(&row)?;
        let released = match row.released {
            Some(release) => {
                let version = store.version(row.model, release.number)?;
                let version = version.ok_or_else(|| gone("version"))?;
                Some((version, store.files(row.model, release.number)?))
            }
            None => None,
        };
        let before = match row.released {
            Some(release) => store.released_before(row.id, release.number)?,
            None => None,
        };
        let before = match before {
            // One that is archived answers nobody, here neither.
            Some(number) if store.archived_version(row.model, number)?.is_none() => {
                let files = store.files(row.model, number)?;
                store.version(row.model, number)?.map(|version| (version, files))
            }
            _ => None,
        };
        let tried = match store.rollout_in(row.id)? {
            Some(rollout) => {
                let version = store.version(row.model, rollout.candidate)?;
                let version = version.ok_or_else(|| gone("candidate"))?;
                let files = store.files(row.model, rollout.candidate)?;
                Some((rollout, version, files))
            }
            None => None,
        };
        let arms = match store.split_in(row.id)? {
            Some(experiment) => {
                let version = |number: u32| {
                    let version = store.version(row.model, number)?;
                    let version = version.ok_or_else(|| gone("arm"))?;
                    Ok::<_, ControlError>((version, store.files(row.model, number)?))
                };
                let arms: Result<_, _> = arms_of(&experiment)?.into_iter().map(version).collect();
                Some((experiment, arms?))
            }
            None => None,
        };
        let mut routed = Vec::new();
        for number in routes::versions(&settings.routes) {
            // One that is gone has its rule left out.
            if let Some(version) = store.version(row.model, number)? {
                routed.push((version, store.files(row.model, number)?));
            }
        }
        let profile = settings.explain_profile.map(|digest| {
            let row = store.profile(digest)?;
            row.ok_or_else(|| ControlError::from(gone("explain profile")))
        });
        let profile = profile.transpose()?;
        Ok(Self {
            model: store.model(row.model)?.ok_or_else(|| gone("model"))?,
            contract: store.contract(row.contract)?.ok_or_else(|| gone("contract"))?,
            profile,
            released,
            before,
            stands_in: settings.fallback_previous,
            tried,
            arms,
            routed,
            row,
        })
    }

    fn describe(&self) -> Value {
        let row = &self.row;
        let released = self.released.as_ref();
        let mut described = json!({
            "contract": row.contract,
            "environment": row.environment,
            "explain": row.explain,
            "id": row.id,
            "mode": row.mode,
            "model": self.model.name,
            "name": row.name,
            "owner": row.owner,
            "settings": row.settings,
            "tier": row.tier,
            "version": released.map(|(version, _)| json!([version.number, version.digest])),
        });
        // Left out where there is none, as with limits.
        if let Some((rollout, version, _)) = &self.tried {
            described["rollout"] =
                json!([rollout.id, version.number, version.digest, exposed(rollout)]);
        }
        let before = self.before.as_ref().filter(|_| self.stands_in);
        if let Some((version, _)) = before {
            described["before"] = json!([version.number, version.digest]);
        }
        if let Some((experiment, arms)) = &self.arms {
            let arms: Vec<_> =
                arms.iter().map(|(arm, _)| json!([arm.number, arm.digest])).collect();
            described["experiment"] = json!([experiment.id, arms, stops(experiment)]);
        }
        described
    }
}

fn describe_key(row: &ApiKeyRow) -> Value {
    json!({
        "environment": row.environment,
        "expires": row.expires_at,
        "id": row.id,
        "principal": row.principal,
        "revoked": row.revoked_at.is_some(),
        "scopes": row.scopes,
    })
}

fn describe_principal(row: &PrincipalRow) -> Value {
    json!({
        "dev": row.is_dev,
        "disabled": row.disabled_at.is_some(),
        "id": row.id,
        "kind": row.kind,
        "roles": row.roles,
    })
}
