//! Checks on what the system sees of itself: it gathers facts here, and `plimsoll-release` judges
//! them. A check that cannot gather its facts says so and does not pass.

use crate::bootstrap::SERVER;
use crate::compile::{Files, fit, settings_of};
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::gate_checks::{Found, Look};
use plimsoll_api as api;
use plimsoll_api::{Graph, Node, NodeId, NodeKind};
use plimsoll_contract::{CompiledContract, Kind, Scratch};
use plimsoll_lineage::Direction;
use plimsoll_policy::{Principal, PrincipalKind, Role, RoleSet};
use plimsoll_release::evidence::{
    self, Correction, Described, Drills, Kept, Key, Log, Open, Origin, Outcomes, Probes, Route,
    Scanned, Watch,
};
use plimsoll_scan::{Limits, Scanner};
use plimsoll_serving::ServedVersion;
use plimsoll_store::{DeploymentRow, FindingFilter, FindingRow, RolloutRow};
use plimsoll_types::{Digest, Name};
use serde_json::{Value, json};
use std::sync::Arc;

/// Rollouts among which the last drill is looked for: a page.
const MAX_ROLLOUTS: u32 = 200;
/// Findings of a deployment that are looked at, in pages.
const MAX_FINDINGS: usize = 10_000;
/// How many things above a version are walked to.
const DEPTH: u32 = 16;

/// A version as it would answer, with the contract that it would answer under.
pub type Fitted = (Arc<CompiledContract>, Digest, ServedVersion);

impl Look<'_> {
    fn tier(&self) -> plimsoll_release::Tier {
        self.assessed.assessment.tier
    }

    fn is_answering(&self) -> bool {
        self.row.released.is_some_and(|release| release.number == self.version.number)
    }

    /// Who may see everything of the tenant, for reading what a check rests on.
    fn reader(&self) -> RequestContext {
        let principal = Principal {
            kind: PrincipalKind::User,
            id: SERVER.to_string().into(),
            roles: RoleSet::all(),
            environment: None,
            scopes: None,
            tenant: self.row.tenant,
            dev: false,
        };
        RequestContext { principal, id: SERVER, key: None, request_id: "gate".into() }
    }

    /// MON-01: a reference is set, and nothing says that the version is not watched.
    pub(crate) fn monitor_reference(&self) -> Found {
        let number = self.version.number;
        let references = self.control.store.read(|r| r.references())?;
        let mine = references
            .into_iter()
            .find(|row| row.deployment == self.row.id && row.version == number);
        let blind = self.open_findings()?.into_iter().filter(|row| {
            let kinds = [api::FindingKind::Unwatched, api::FindingKind::Staleness];
            kinds.iter().any(|kind| kind.as_str() == row.kind)
        });
        Ok(evidence::watched(&Watch {
            deployment: self.row.name.to_string(),
            version: number,
            reference: mine.map(|row| row.digest.short()),
            is_answering: self.is_answering(),
            blind: blind.map(|row| row.about).collect(),
        }))
    }

    /// MON-01: somebody is told of what is found.
    pub(crate) fn alerts_routed(&self) -> Found {
        let routes = self.control.store.read(|r| r.alert_routes())?;
        let drift = [api::FindingKind::InputDrift, api::FindingKind::Performance];
        let routes: Vec<Route> = routes
            .into_iter()
            .map(|row| Route {
                name: row.name.to_string(),
                is_for: row.deployments.is_none_or(|names| names.contains(&self.row.name)),
                takes_drift: row.kinds.is_none_or(|kinds| {
                    drift.iter().all(|kind| kinds.iter().any(|named| named == kind.as_str()))
                }),
                takes_warnings: row.severity != api::FindingSeverity::Critical.as_str(),
            })
            .collect();
        Ok(evidence::alerted(&routes))
    }

    /// MON-01: it is declared how accuracy becomes known.
    pub(crate) fn outcomes_declared(&self) -> Found {
        let declared = self.plan.outcomes.as_ref().map(|of| Outcomes {
            source: &of.source,
            delay_days: of.delay_days,
            proxy: &of.proxy,
        });
        Ok(evidence::outcomes_declared(declared.as_ref()))
    }

    /// VUL-01: the files are scanned again, by the scanner of today.
    pub(crate) fn components_scanned(&self) -> Found {
        if self.is_elsewhere() {
            let away = Scanned { is_elsewhere: true, ..Scanned::default() };
            return Ok(evidence::scanned(&away));
        }
        let mut scanner = Scanner::new(Limits::default());
        for file in &self.files {
            let limit = usize::try_from(file.size).unwrap_or(usize::MAX);
            scanner.file(&file.path, &self.control.artifacts.read(file.digest, limit)?);
        }
        let report = scanner.finish();
        let passed = self.let_pass()?;
        let found = report.findings.iter().filter(|finding| {
            // The model file loads, so a format that the scanner does not know is no finding.
            let is_model = self.files.iter().any(|f| f.role == "model" && f.path == finding.path)
                && finding.members.is_empty()
                && finding.rule == plimsoll_scan::Rule::UnknownContent;
            let word = format!("{} in {}", finding.rule.id(), finding.path);
            !is_model && !passed.contains(&word)
        });
        Ok(evidence::scanned(&Scanned {
            scanner: env!("CARGO_PKG_VERSION").to_owned(),
            looked_at: report.looked_at,
            found: found.map(|f| format!("{} in `{}`", f.rule.id(), f.path)).collect(),
            is_elsewhere: false,
        }))
    }

    /// What was found when the version was registered, and somebody else let pass.
    fn let_pass(&self) -> Result<Vec<String>, ControlError> {
        let facts: api::VersionFacts =
            serde_json::from_str(&self.version.facts).unwrap_or_default();
        Ok(facts.scan.map(|scan| scan.let_pass).unwrap_or_default())
    }

    /// SCH-02: requests that break the contract are put to it, as the gateway serves it.
    pub(crate) fn contract_enforced(&self) -> Found {
        let snapshot = self.control.snapshots.load_full();
        let served = snapshot.deployment(self.row.name.as_str());
        let live = served
            .and_then(|served| served.serving.as_ref().ok())
            .filter(|serving| serving.contract_digest == self.row.contract)
            .map(|serving| Arc::clone(&serving.contract));
        let is_live = live.is_some();
        let contract = match live {
            Some(contract) => contract,
            None => self.control.compiled(self.row.contract)?,
        };
        let (mut sent, mut refused) = (0, 0);
        let mut scratch = Scratch::default();
        let kept = self.sheet.as_ref().ok().and_then(|sheet| sheet.request());
        for body in broken(&contract, kept.as_ref()) {
            sent += 1;
            let is_refused = contract.validate_oip(body.as_bytes(), &mut scratch).is_err();
            refused += u32::from(is_refused);
        }
        Ok(evidence::enforced(Probes { is_live, sent, refused }))
    }

    /// The graph above the version.
    fn above(&self) -> Result<Graph, ControlError> {
        let model = self.control.store.read(|r| r.model(self.row.model))?;
        let model = model.ok_or(ControlError::Internal("a deployment has no model"))?;
        let id = NodeId::new(NodeKind::Model, format!("{}/{}", model.name, self.version.number));
        let id = id.map_err(|_| ControlError::Internal("a version has no name"))?;
        let query = api::LineageQuery {
            direction: Some(Direction::Up),
            depth: Some(DEPTH),
            decisions: Some(0),
            cursor: None,
        };
        self.control.lineage(&self.reader(), &id, &query)
    }

    /// LIN-01: the graph says what the version was made of.
    pub(crate) fn lineage_complete(&self) -> Found {
        Ok(evidence::traced(&origin(&self.above()?)))
    }

    /// DAT-01: the registered datasets above the version are described.
    pub(crate) fn data_described(&self) -> Found {
        let graph = self.above()?;
        let datasets = graph.nodes.iter().filter(|node| node.id.kind == NodeKind::Dataset);
        let has = |node: &Node, member: &str| match node.facts.get(member) {
            Some(Value::Array(list)) => !list.is_empty(),
            Some(Value::Bool(yes)) => *yes,
            Some(Value::String(text)) => !text.is_empty(),
            _ => false,
        };
        let described: Vec<Described> = datasets
            .map(|node| Described {
                name: node.id.id.to_string(),
                has_licence: has(node, "licence"),
                is_personal: has(node, "personal"),
                has_purpose: has(node, "purposes"),
            })
            .collect();
        Ok(evidence::described(&described))
    }

    /// RBK-02: going back was practised.
    pub(crate) fn rollback_drilled(&self) -> Found {
        let rollouts = self.control.store.read(|r| r.rollouts(self.row.id, None, MAX_ROLLOUTS))?;
        let last = rollouts.into_iter().find(|row| row.is_drill && row.ended_at.is_some());
        let last = match last {
            Some(row) => self.took(&row)?.zip(row.ended_at).map(|(took, at)| (at, took)),
            None => None,
        };
        let drills = Drills { is_answering: self.row.released.is_some(), last };
        Ok(evidence::drilled(drills, self.tier(), self.control.clock.now()))
    }

    /// How long a drill took, as its history says.
    fn took(&self, row: &RolloutRow) -> Result<Option<u64>, ControlError> {
        let steps = self.control.store.read(|r| r.rollout_steps(row.id))?;
        let took = steps.iter().rev().find_map(|step| {
            let facts: Value = serde_json::from_str(&step.facts).unwrap_or_default();
            facts.get("took_us").and_then(Value::as_u64)
        });
        Ok(took)
    }

    /// Findings of the deployment that nobody resolved.
    fn open_findings(&self) -> Result<Vec<FindingRow>, ControlError> {
        let mut filter =
            FindingFilter { deployment: Some(self.row.id), ..FindingFilter::default() };
        let mut open = Vec::new();
        loop {
            let page =
                self.control.store.read(|r| r.findings(&filter, plimsoll_store::MAX_PAGE))?;
            let Some(last) = page.last() else { break };
            filter.before = Some(last.id);
            let is_open = |row: &FindingRow| row.state != api::FindingState::Resolved.as_str();
            open.extend(page.into_iter().filter(is_open));
            if open.len() >= MAX_FINDINGS {
                break;
            }
        }
        Ok(open)
    }

    fn waiting(&self) -> Result<Vec<Open>, ControlError> {
        let open = self.open_findings()?.into_iter().map(|row| Open {
            about: format!("{} of {}", row.kind.replace('_', " "), row.about),
            is_critical: row.severity == api::FindingSeverity::Critical.as_str(),
            is_seen_to: row.state != api::FindingState::Open.as_str(),
            since: row.opened_at,
        });
        Ok(open.collect())
    }

    /// MON-02: somebody sees to what is found.
    pub(crate) fn findings_triaged(&self) -> Found {
        Ok(evidence::triaged(&self.waiting()?, false, self.tier(), self.control.clock.now()))
    }

    /// INC-01: somebody sees to what is critical.
    pub(crate) fn incidents_seen(&self) -> Found {
        Ok(evidence::triaged(&self.waiting()?, true, self.tier(), self.control.clock.now()))
    }

    /// MON-03: something follows when the model gets worse, or old.
    pub(crate) fn breach_corrected(&self) -> Found {
        let row = self.control.store.read(|r| r.retrain_policy(self.row.id))?;
        let policy: Option<api::RetrainPolicy> =
            row.and_then(|row| serde_json::from_str(&row.policy).ok());
        let max_age = policy.as_ref().and_then(|policy| policy.max_age_days);
        let of = Correction {
            retrains: policy
                .as_ref()
                .is_some_and(|policy| !policy.kinds.is_empty() || policy.every_days.is_some()),
            declared: &self.plan.on_breach,
            max_age_days: self.plan.max_age_days.or(max_age),
            made: self.version.created_at,
        };
        Ok(evidence::corrected(&of, self.control.clock.now()))
    }

    /// LED-02: the log is signed, and somebody outside holds a head of it.
    pub(crate) fn log_proven(&self) -> Found {
        let state = self.control.ledger.publishing();
        let copied =
            state.sinks.iter().filter_map(|sink| Some((sink.name.to_string(), sink.taken_at?)));
        let log = Log {
            stopped: state.stopped.as_ref().map(ToString::to_string),
            is_published: !state.vkey.is_empty() && state.published > 0,
            published_at: state.published_at,
            witnessed_at: state.witnessed_at,
            copied: copied.collect(),
        };
        Ok(evidence::proven(&log, self.control.clock.now()))
    }

    /// RET-01: records are kept long enough, and no longer.
    pub(crate) fn records_kept(&self) -> Found {
        let contract = self.control.compiled(self.row.contract)?;
        let days = self.settings.retention_days;
        Ok(evidence::kept(Kept { days, is_personal: !contract.mapping().subjects.is_empty() }))
    }

    /// ACC-02: no key is too old.
    pub(crate) fn keys_fresh(&self) -> Found {
        let now = self.control.clock.now();
        let keys = self.control.store.read(|r| r.all_keys())?;
        let live = keys
            .into_iter()
            .filter(|key| key.revoked_at.is_none() && key.expires_at.is_none_or(|ends| ends > now));
        let keys: Vec<Key> = live
            .map(|key| Key {
                name: key.name.to_string(),
                made: key.created_at,
                ends: key.expires_at.is_some(),
            })
            .collect();
        Ok(evidence::fresh(&keys, now))
    }

    /// HUM-01: decisions are looked at.
    pub(crate) fn decisions_overseen(&self) -> Found {
        let people = self.control.store.read(|r| r.all_principals())?;
        let reviewers = people.iter().filter(|who| {
            who.disabled_at.is_none()
                && who.roles.iter().any(|role| role == Role::Reviewer.as_str())
        });
        let is_reviewed = self.settings.review.mode != api::ReviewMode::Off;
        Ok(evidence::overseen(is_reviewed, reviewers.count()))
    }
}

/// What the graph says of a version's origin.
fn origin(graph: &Graph) -> Origin {
    let of = |kind: NodeKind| graph.nodes.iter().filter(move |node| node.id.kind == kind);
    let names = |kind| of(kind).map(|node| node.id.id.to_string());
    let says = |members: &[&str], pointers: &[&str]| {
        of(NodeKind::Run).any(|run| {
            let facets = run.facts.get("facets");
            let is_said = |value: &Value| match value {
                Value::Object(map) => !map.is_empty(),
                Value::String(text) => !text.is_empty(),
                _ => false,
            };
            members.iter().any(|member| run.facts.get(*member).is_some_and(is_said))
                || pointers.iter().any(|at| facets.and_then(|f| f.pointer(at)).is_some_and(is_said))
        })
    };
    Origin {
        runs: names(NodeKind::Run).collect(),
        data: names(NodeKind::Dataset).chain(names(NodeKind::Source)).collect(),
        datasets: names(NodeKind::Dataset).collect(),
        has_code: says(&["commit"], &["/job/sourceCodeLocation"]),
        has_parameters: says(&["parameters"], &["/run/plimsoll_parameters"]),
        has_environment: says(
            &["environment"],
            &["/run/plimsoll_environment", "/run/processing_engine"],
        ),
        dangling: graph.withheld,
        is_cut: graph.is_cut,
    }
}

/// Requests that break a contract: nothing at all, a field that it does not name, and a request
/// that keeps it (if one is known) with each of its fields in turn of another kind.
fn broken(contract: &CompiledContract, kept: Option<&Value>) -> Vec<String> {
    let input = |name: &str, kind: &str, value: Value| json!({"name": name, "shape": [1], "datatype": kind, "data": [value]});
    let inputs: Vec<Value> =
        kept.and_then(|body| body["inputs"].as_array()).cloned().unwrap_or_default();
    let with = |place: usize, one: Value| {
        let mut inputs = inputs.clone();
        match inputs.get_mut(place) {
            Some(there) => *there = one,
            None => inputs.push(one),
        }
        json!({ "inputs": inputs }).to_string()
    };
    let unnamed = input("plimsoll_no_such_field", "FP64", 1.into());
    let mut bodies = vec![json!({"inputs": []}).to_string(), with(usize::MAX, unnamed)];
    for field in (0..contract.features()).filter_map(|at| contract.field(at)) {
        let (kind, value) = match field.kind {
            Kind::Category | Kind::String => ("BOOL", true.into()),
            _ => ("BYTES", "plimsoll no such value".into()),
        };
        let place = inputs.iter().position(|one| one["name"] == field.name.as_str());
        bodies.push(with(place.unwrap_or(usize::MAX), input(&field.name, kind, value)));
    }
    bodies
}

impl crate::bootstrap::Control {
    /// A version with the contract that it is to answer under, for a reference that is set before
    /// it answers.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A conflict if it does not fit.
    pub fn version_to_watch(
        &self,
        ctx: &RequestContext,
        name: &Name,
        number: u32,
    ) -> Result<Fitted, ControlError> {
        self.may_watch(ctx, name)?;
        let (row, _) = self.deployment_resource(ctx, name)?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        self.fitted(&row, number)
    }

    /// The same for the server itself.
    pub(crate) fn fitted(&self, row: &DeploymentRow, number: u32) -> Result<Fitted, ControlError> {
        let found = self.version_in(row, number)?;
        let (model_row, version) =
            found.ok_or_else(|| ControlError::not_found("model version", number))?;
        let files = self.store.read(|r| r.files(row.model, number))?;
        let contract = self.compiled(row.contract)?;
        let served = || -> Result<ServedVersion, Box<str>> {
            let model = self.compiler.model(&self.artifacts, &version, &files)?;
            let artifacts = Files { artifacts: &self.artifacts, version: &version, files: &files };
            let upstream = self.compiler.upstream(&artifacts, &model, &contract)?;
            let settings = settings_of(row).map_err(|error| error.to_string())?;
            let binding = fit(&contract, &model, &settings)?;
            Ok(ServedVersion {
                model_name: model_row.name.clone(),
                number,
                manifest: version.digest,
                model,
                binding,
                explainer: None,
                upstream,
            })
        };
        let served = served().map_err(|why| ControlError::conflict(why.to_string()))?;
        Ok((contract, row.contract, served))
    }
}
