//! Opening the control plane, and what an empty one begins with.

use crate::act::{DeniedReads, Event, Unfinished};
use crate::artifact::{Artifacts, sha256};
use crate::compile::Compiler;
use crate::decision_blocks::Blocks;
use crate::erasure::ErasureWindows;
use crate::error::ControlError;
use crate::experiment_state::Experiments;
use crate::key::{NewKey, make_key};
use crate::loss_watch::Standings;
use crate::report::LastReport;
use crate::rollout_state::Rollouts;
use arc_swap::ArcSwap;
use plimsoll_ledger::{Label, Ledger};
use plimsoll_policy::{PolicySet, Role};
use plimsoll_serving::{KeyHasher, ServingSnapshot};
use plimsoll_store::{Change, PrincipalRow, Store};
use plimsoll_types::record::Stage;
use plimsoll_types::{Clock, Digest, Name, PrincipalId, TenantId, Time};
use serde_json::json;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Who acts when the server itself does.
pub(crate) const SERVER: PrincipalId = PrincipalId::from_bytes([0; 16]);

/// What the control plane is opened with.
#[derive(Debug, Clone)]
pub struct ControlConfig {
    /// The data folder; artifacts stand in it, unless there is a bucket for them.
    pub data: PathBuf,
    /// Where finished artifacts stand, if not in the data folder.
    pub bucket: Option<Arc<plimsoll_artifact::Bucket>>,
    /// No keys, one principal with all roles.
    pub dev: bool,
    /// The operator opted in to showing the ledger's proofs to anyone.
    pub public_ledger: bool,
    /// Bounds on model files.
    pub model_limits: plimsoll_model::Limits,
    /// What erasures wait for.
    pub erasure: ErasureWindows,
}

impl ControlConfig {
    /// The usual settings for a data folder.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        let model_limits = plimsoll_model::Limits::default();
        let erasure = ErasureWindows::default();
        Self { data, bucket: None, dev: false, public_ledger: false, model_limits, erasure }
    }
}

/// What opening found and did.
#[derive(Default)]
pub struct Opened {
    /// The text of the one-time admin key, when one was made. Show it once, keep it nowhere.
    pub admin_key: Option<String>,
    /// Intents of an earlier process that were never carried out, now recorded as failed.
    pub failed_intents: u32,
    /// Intents that were carried out and whose completion is recorded only now.
    pub completed_intents: u32,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("failed_intents", &self.failed_intents)
            .field("completed_intents", &self.completed_intents)
            .finish_non_exhaustive()
    }
}

/// The control plane. Every method blocks on disk.
#[derive(Debug)]
pub struct Control {
    pub(crate) config: ControlConfig,
    pub(crate) store: Store,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tenant: TenantId,
    pub(crate) policies: Arc<PolicySet>,
    pub(crate) policy_digest: Digest,
    pub(crate) hasher: KeyHasher,
    pub(crate) artifacts: Artifacts,
    pub(crate) compiler: Compiler,
    pub(crate) snapshots: Arc<ArcSwap<ServingSnapshot>>,
    /// Held through a change, with the ends that are still to be recorded.
    pub(crate) turn: Mutex<Vec<Unfinished>>,
    pub(crate) denied_reads: Mutex<DeniedReads>,
    /// Held while the queue of reviews is brought up to date, or something is said.
    pub(crate) reviewing: Mutex<()>,
    /// Whether a deployment asked for reviews since the process began.
    pub(crate) reviews_seen: AtomicBool,
    /// Whether the ledger may hold reviews that the queue does not know.
    pub(crate) review_due: AtomicBool,
    /// Held while outcomes are recorded.
    pub(crate) telling: Mutex<()>,
    pub(crate) last_report: Mutex<LastReport>,
    /// What is seen of rollouts under way.
    pub(crate) rollouts: Rollouts,
    /// What was last seen of outcomes.
    pub(crate) standings: Standings,
    /// What is seen of experiments, and what was read of their records.
    pub(crate) experiments: Experiments,
    /// What blocks of the ledger may hold.
    pub(crate) blocks: Mutex<Blocks>,
    pub(crate) started: Time,
}

impl Control {
    /// Opens the control plane over its store and ledger: ends what a crash cut short, makes
    /// the first principal of an empty store, records the start, publishes the first snapshot.
    ///
    /// # Errors
    /// [`ControlError`] if store, ledger or artifacts cannot be used.
    pub fn open(
        config: ControlConfig,
        store: Store,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, Opened), ControlError> {
        let tenant = store.read(|r| r.meta())?.tenant;
        let policies = PolicySet::builtin().map_err(|_| {
            ControlError::Internal("the policies shipped with this build are broken")
        })?;
        let policies = Arc::new(policies);
        let policy_digest = sha256(&policies.source_bytes());
        let pepper = ledger.keys().derive(Label::ApiKeys).map_err(ControlError::Ledger)?;
        let hasher = KeyHasher::new(&pepper);
        let artifacts = Artifacts::open(&config.data, config.bucket.clone(), ledger.keys())?;
        let compiler = Compiler::new(config.model_limits);
        let first = compiler.empty(tenant, &policies, policy_digest, &hasher, clock.now());
        let control = Self {
            started: clock.now(),
            config,
            store,
            ledger,
            clock,
            tenant,
            policies,
            policy_digest,
            hasher,
            artifacts,
            compiler,
            snapshots: Arc::new(ArcSwap::from_pointee(first)),
            turn: Mutex::default(),
            denied_reads: Mutex::default(),
            reviewing: Mutex::default(),
            reviews_seen: AtomicBool::new(false),
            review_due: AtomicBool::new(true),
            telling: Mutex::default(),
            last_report: Mutex::default(),
            rollouts: Rollouts::default(),
            standings: Standings::default(),
            experiments: Experiments::default(),
            blocks: Mutex::default(),
        };
        control.repeat_erasures()?;
        let mut opened = control.recover()?;
        opened.admin_key = control.first_principal()?;
        control.record_server("Start")?;
        control.publish()?;
        Ok((control, opened))
    }

    /// Where snapshots are published. Read by gateways; written here only.
    #[must_use]
    pub fn snapshots(&self) -> Arc<ArcSwap<ServingSnapshot>> {
        Arc::clone(&self.snapshots)
    }
    /// The organisation of the installation.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }
    /// The ledger that events go to.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// The control state, for a backup.
    #[must_use]
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Records that the server stops. Call it when no request is left.
    ///
    /// # Errors
    /// [`ControlError::Ledger`] if the ledger takes no records.
    pub fn stop(&self) -> Result<(), ControlError> {
        self.record_server("Stop")?;
        self.settle()
    }

    fn record_server(&self, action: &str) -> Result<(), ControlError> {
        let payload = json!({
            "version": env!("CARGO_PKG_VERSION"),
            "dev": self.config.dev,
            "policy": self.policy_digest,
        });
        let event = Event {
            stage: Stage::Completed,
            action,
            principal: SERVER,
            resource: "server",
            intent: None,
            payload,
        };
        let (event, index) = self.record(&event).map_err(ControlError::Ledger)?;
        let time = self.clock.now();
        let change = Change { event, action, resource: "server", time, settled_to: index };
        Ok(self.store.note(&change)?)
    }

    /// Makes `dev` under `--dev`, and otherwise `admin` with its key, if nobody is there yet.
    fn first_principal(&self) -> Result<Option<String>, ControlError> {
        let principals = self.store.read(|r| r.all_principals())?;
        if principals.iter().any(|p| p.is_dev == self.config.dev) {
            return Ok(None);
        }
        if self.config.dev {
            self.make_dev()?;
            return Ok(None);
        }
        self.make_admin().map(Some)
    }

    fn make_dev(&self) -> Result<(), ControlError> {
        let roles = Role::ALL.iter().map(ToString::to_string).collect();
        let row = self.first_row("dev", roles, true)?;
        let facts = json!({"facts": {"name": "dev", "id": row.id}});
        let label = format!("principal/{}", row.id);
        self.carry_out_as(SERVER, "CreatePrincipal", &label, facts, |tx, _| {
            Ok(tx.insert_principal(&row)?)
        })
    }

    fn make_admin(&self) -> Result<String, ControlError> {
        let row = self.first_row("admin", vec![Role::Admin.to_string()], false)?;
        let wanted = NewKey {
            name: row.name.clone(),
            principal: row.id,
            environment: None,
            scopes: None,
            expires_at: None,
        };
        let (secret, key) = make_key(&self.hasher, wanted, self.clock.now())?;
        let facts = json!({"facts": {"name": "admin", "id": row.id, "key": key.id}});
        let label = format!("principal/{}", row.id);
        self.carry_out_as(SERVER, "CreatePrincipal", &label, facts, |tx, _| {
            tx.insert_principal(&row)?;
            Ok(tx.insert_key(&key)?)
        })?;
        Ok(secret)
    }

    fn first_row(
        &self,
        name: &str,
        roles: Vec<String>,
        is_dev: bool,
    ) -> Result<PrincipalRow, ControlError> {
        let now = self.clock.now();
        Ok(PrincipalRow {
            id: PrincipalId::new(now),
            name: Name::new(name).map_err(|_| ControlError::Internal("not a name"))?,
            kind: "user".into(),
            roles,
            tenant: self.tenant,
            is_dev,
            created_at: now,
            disabled_at: None,
        })
    }
}
