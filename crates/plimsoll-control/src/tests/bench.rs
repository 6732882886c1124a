//! A control plane in a temporary folder, with the real store and ledger and a clock that
//! stands still until it is moved.

use crate::{Control, ControlConfig, ControlError, Opened, RequestContext};
use plimsoll_api as api;
use plimsoll_ledger::{Ledger, LedgerConfig};
use plimsoll_store::Store;
use plimsoll_types::{Clock, Name, Time};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub(super) const MODEL: &[u8] = include_bytes!("small.json");
pub(super) const CONTRACT: &str = "
version: 1
features:
  - { name: age, kind: integer, min: 18, max: 120 }
  - { name: region, kind: category, values: [a, b, c, d] }
  - { name: income, kind: number, nullable: true }
context:
  - { name: customer, kind: string, class: personal }
map:
  subjects: [ { field: customer } ]
";

#[derive(Debug)]
pub(super) struct Stopped(AtomicU64);

impl Stopped {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_800_000_000_000_000)))
    }
    pub(super) fn pass(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).expect("short");
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for Stopped {
    fn now(&self) -> Time {
        // A microsecond for every look, so that ids come in the order they were made.
        Time::from_micros(self.0.fetch_add(1, Ordering::SeqCst))
    }
    fn monotonic(&self) -> u64 {
        self.0.load(Ordering::SeqCst) * 1_000
    }
}

pub(super) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(super) struct Bench {
    pub(super) folder: Arc<tempfile::TempDir>,
    pub(super) clock: Arc<Stopped>,
    pub(super) control: Control,
    pub(super) opened: Opened,
    dev: bool,
}

pub(super) fn open(folder: &Path, clock: Arc<Stopped>, dev: bool) -> (Control, Opened) {
    let data = folder.join("data");
    std::fs::create_dir_all(&data).expect("folder");
    let store = Store::open(&data.join("control.sqlite"), clock.now()).expect("store");
    let tenant = store.read(|r| r.meta()).expect("meta").tenant;
    let config = LedgerConfig {
        segment_bytes: 1 << 20,
        reserve_bytes: 0,
        ..LedgerConfig::new(data.clone(), folder.join("keys"), tenant)
    };
    let (ledger, _) = Ledger::open(config, Arc::clone(&clock) as Arc<dyn Clock>).expect("ledger");
    let config = ControlConfig { dev, ..ControlConfig::new(data) };
    Control::open(config, store, ledger, clock).expect("control")
}

impl Bench {
    pub(super) fn new() -> Self {
        Self::with(false)
    }
    pub(super) fn dev() -> Self {
        Self::with(true)
    }
    fn with(dev: bool) -> Self {
        let folder = Arc::new(tempfile::tempdir().expect("folder"));
        let clock = Stopped::new();
        let (control, opened) = open(folder.path(), Arc::clone(&clock), dev);
        Self { folder, clock, control, opened, dev }
    }
    /// The process ends without a word and starts again.
    pub(super) fn crash(self) -> Self {
        let Self { folder, clock, control, dev, .. } = self;
        drop(control);
        let (control, opened) = open(folder.path(), Arc::clone(&clock), dev);
        Self { folder, clock, control, opened, dev }
    }

    /// Who a key stands for, as a listener would find out.
    pub(super) fn caller(&self, key: &str) -> RequestContext {
        let snapshot = self.control.snapshots().load_full();
        let caller = snapshot.parts().keys.authenticate(key, self.clock.now()).expect("a live key");
        RequestContext::of(caller, "test")
    }
    pub(super) fn admin(&self) -> RequestContext {
        self.caller(self.opened.admin_key.as_deref().expect("first start"))
    }
    pub(super) fn dev_context(&self) -> RequestContext {
        let snapshot = self.control.snapshots().load_full();
        RequestContext::of(snapshot.parts().dev.as_ref().expect("dev"), "test")
    }
    /// A principal with these roles and a key.
    pub(super) fn person(&self, who: &str, roles: &[api::Role]) -> RequestContext {
        let admin = self.admin();
        let wanted = api::CreatePrincipal {
            name: name(who),
            kind: api::PrincipalKind::User,
            roles: roles.to_vec(),
        };
        self.control.create_principal(&admin, &wanted).expect("principal");
        self.caller(&self.key(who).secret)
    }
    pub(super) fn key(&self, who: &str) -> api::KeySecret {
        let wanted = api::CreateKey {
            name: name("laptop"),
            principal: Some(name(who)),
            environment: None,
            scopes: None,
            expires_at: None,
        };
        self.control.create_key(&self.admin(), &wanted).expect("key")
    }

    pub(super) fn upload(&self, ctx: &RequestContext, bytes: &[u8]) -> api::Artifact {
        let mut upload = self.control.upload_artifact(ctx, 1 << 20).expect("upload");
        for chunk in bytes.chunks(1_000) {
            upload.write(chunk).expect("written");
        }
        upload.finish().expect("kept")
    }
    pub(super) fn version(
        &self,
        ctx: &RequestContext,
        bytes: &[u8],
    ) -> Result<api::ModelVersion, ControlError> {
        let artifact = self.upload(ctx, bytes);
        let file = api::ManifestFile {
            path: "model.json".into(),
            digest: artifact.digest,
            size: artifact.size,
            role: api::FileRole::Model,
        };
        let wanted = api::CreateVersion { files: vec![file] };
        self.control.create_version(ctx, &name("credit"), &wanted)
    }
    /// A registered model with one version, and a contract.
    pub(super) fn registry(&self, ctx: &RequestContext) -> plimsoll_types::Digest {
        let wanted = api::CreateModel { name: name("credit"), owner: None, description: None };
        self.control.create_model(ctx, &wanted).expect("model");
        self.version(ctx, MODEL).expect("version");
        self.contract(ctx, CONTRACT).expect("contract").digest
    }
    pub(super) fn contract(
        &self,
        ctx: &RequestContext,
        text: &str,
    ) -> Result<api::ContractSummary, ControlError> {
        self.control.create_contract(ctx, crate::ContractFormat::Yaml, text.as_bytes())
    }
    pub(super) fn events(&self, ctx: &RequestContext) -> Vec<api::ControlEvent> {
        let filter = api::EventFilter { limit: Some(1_000), ..api::EventFilter::default() };
        let mut events = self.control.list_events(ctx, &filter).expect("events").items;
        events.reverse();
        events
    }
}

pub(super) fn deployment(
    contract: plimsoll_types::Digest,
    environment: api::Environment,
) -> api::CreateDeployment {
    api::CreateDeployment {
        name: name("credit-default"),
        model: name("credit"),
        contract,
        environment,
        owner: None,
        tier: None,
        mode: None,
        explain: None,
        explain_profile: None,
        fallback: None,
        error_detail: None,
        deadline_ms: None,
        max_in_flight: None,
        retention_days: None,
        review: None,
        observe: false,
        signers: None,
    }
}
