//! What is known of a thing of the graph, for those who may see it.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::Known;
use crate::error::ControlError;
use crate::lineage::decision_node;
use crate::lineage_steps::{told_id, tracked_id};
use plimsoll_api::{NodeId, NodeKind, Timestamp};
use plimsoll_lineage::Node;
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{LineageRunRow, Read, RunRow};
use plimsoll_types::{DecisionId, Digest, Time};
use serde_json::{Map, Value, json};

type Result<T> = std::result::Result<T, ControlError>;

/// Parameters of a run that are shown: the experiment's page has all of them.
const MAX_PARAMETERS: usize = 200;
/// Names of parameters and tags that hold what the random numbers of a run began with.
const SEEDS: &[&str] = &["seed", "random_state", "random_seed", "plimsoll.seed"];
/// Files that lock the environment of a run, the strictest first.
const LOCKS: &[&str] = &[
    "uv.lock",
    "poetry.lock",
    "requirements.lock",
    "conda.yaml",
    "python_env.yaml",
    "requirements.txt",
];

impl Control {
    /// A thing under its one name, if it is there and the caller may see it.
    pub(crate) fn node(&self, ctx: &RequestContext, id: &NodeId) -> Result<Option<(NodeId, Node)>> {
        let found = match id.kind {
            NodeKind::Source => self.source_node(id)?,
            NodeKind::Dataset => self.dataset_node(ctx, id)?,
            NodeKind::Run => self.run_node(ctx, id)?,
            NodeKind::Artifact => self.artifact_node(id)?,
            NodeKind::Model => self.model_node(ctx, id)?,
            NodeKind::Deployment => self.deployment_node(ctx, id)?,
            NodeKind::Decision => self.decision_node_of(ctx, id)?,
        };
        Ok(found.map(|node| (node.id.clone(), node)))
    }

    fn source_node(&self, id: &NodeId) -> Result<Option<Node>> {
        let is_told = self.store.read(|r| {
            let told = |way| {
                Ok::<bool, ControlError>(!r.lineage_runs_of("source", &id.id, way)?.is_empty())
            };
            let tracked = match id.id.strip_prefix("mlflow#").and_then(|of| of.rsplit_once('@')) {
                Some((name, digest)) => !r.ml_runs_of_source(name, digest)?.is_empty(),
                None => false,
            };
            Ok::<_, ControlError>(tracked || told("in")? || told("out")?)
        })?;
        Ok(is_told.then(|| node(id, id.id.split_once('#').map_or("", |(_, name)| name), json!({}))))
    }

    fn dataset_node(&self, ctx: &RequestContext, id: &NodeId) -> Result<Option<Node>> {
        let Some((name, number)) = id.version() else { return Ok(None) };
        let found = self.store.read(|r| {
            let Some(row) = r.dataset_named(name)? else { return Ok(None) };
            let owner = r.principal_named(&row.owner)?.map(|owner| owner.id.to_string());
            Ok::<_, ControlError>(r.dataset_version(&row.id, number)?.map(|v| (row, owner, v)))
        })?;
        let Some((row, owner, version)) = found else { return Ok(None) };
        let what = Resource::Dataset {
            name: row.name.clone(),
            owner: owner.unwrap_or_else(|| row.owner.clone()).into(),
            personal: true,
            granted: Vec::new(),
            tenant: row.tenant,
        };
        if !self.allows(ctx, Action::DescribeDataset, &what) {
            return Ok(None);
        }
        let manifest = crate::dataset::manifest_of(&version)?;
        let facts = json!({
            "digest": version.digest, "owner": row.owner, "created_at": stamp(version.created_at),
            "files": manifest.files.len(), "rows": manifest.rows, "licence": manifest.licence,
            "personal": manifest.personal, "purposes": manifest.purposes,
            "source": manifest.source,
        });
        Ok(Some(node(id, &id.id, facts)))
    }

    fn run_node(&self, ctx: &RequestContext, id: &NodeId) -> Result<Option<Node>> {
        let (tracked, told) = self.store.read(|r| {
            let tracked = r.run(&tracked_id(&id.id))?;
            Ok::<_, ControlError>((tracked, r.lineage_run(&told_id(&id.id))?))
        })?;
        if (tracked.is_none() && told.is_none())
            || !self.allows(ctx, Action::ReadTracking, &self.server())
        {
            return Ok(None);
        }
        let mut facts = Map::new();
        let mut name = id.clone();
        let mut label = String::new();
        if let Some(told) = &told {
            label = format!("{}/{}", told.namespace, told.job);
            name = NodeId { kind: NodeKind::Run, id: told.id.as_str().into() };
            facts.extend(told_facts(told));
        }
        if let Some(tracked) = &tracked {
            label.clone_from(&tracked.name);
            name = NodeId { kind: NodeKind::Run, id: tracked.id.as_str().into() };
            facts.extend(self.store.read(|r| tracked_facts(r, tracked))?);
        }
        facts.retain(|_, value| !value.is_null());
        Ok(Some(Node { id: name, label, facts }))
    }

    fn artifact_node(&self, id: &NodeId) -> Result<Option<Node>> {
        let Ok(digest) = id.id.parse::<Digest>() else { return Ok(None) };
        let size = self.artifacts.size(digest)?;
        let is_known = size.is_some()
            || self.store.read(|r| {
                let told = |way| {
                    Ok::<_, ControlError>(!r.lineage_runs_of("artifact", &id.id, way)?.is_empty())
                };
                Ok::<_, ControlError>(
                    told("in")? || told("out")? || !r.datasets_with_file(&id.id)?.is_empty(),
                )
            })?;
        Ok(is_known.then(|| node(id, &digest.short(), json!({"size": size}))))
    }

    fn model_node(&self, ctx: &RequestContext, id: &NodeId) -> Result<Option<Node>> {
        let Some((name, number)) = id.version() else { return Ok(None) };
        let (model, governed, catalogue, version, card) = self.store.read(|r| {
            let model = r.model_named(name)?;
            let (governed, card) = match &model {
                Some(model) => (r.version(model.id, number)?, r.card(model.id, number)?),
                None => (None, None),
            };
            let version = r.catalogued_version(name, number)?;
            Ok::<_, ControlError>((model, governed, r.catalogued(name)?, version, card))
        })?;
        let what = match (&model, &governed, &catalogue, &version) {
            (Some(model), Some(version), ..) => {
                (Action::ReadVersion, crate::version::resource_of(model, version))
            }
            (.., Some(model), Some(_)) => {
                (Action::ReadCatalogued, self.catalogued_resource(model, None))
            }
            _ => return Ok(None),
        };
        if !self.allows(ctx, what.0, &what.1) {
            return Ok(None);
        }
        let mut facts = json!({"is_governed": governed.is_some()});
        if let Some(version) = &governed {
            facts["digest"] = json!(version.digest);
            facts["created_at"] = json!(stamp(version.created_at));
            facts["facts"] = serde_json::from_str(&version.facts).unwrap_or_default();
        }
        if let Some(card) = card {
            facts["card"] = serde_json::from_str(&card.document).unwrap_or_default();
        }
        if let Some(version) = version {
            facts["source"] = json!(version.source);
            facts["status"] = json!(version.status);
        }
        Ok(Some(node(id, &id.id, facts)))
    }

    fn deployment_node(&self, ctx: &RequestContext, id: &NodeId) -> Result<Option<Node>> {
        let rows = self.store.read(|r| r.deployments_ever_named(&id.id))?;
        let Some(row) = rows.into_iter().next() else { return Ok(None) };
        let resource = Resource::Deployment(crate::deployment::resource_of(&row)?);
        if !self.allows(ctx, Action::ReadDeployment, &resource) {
            return Ok(None);
        }
        let facts = json!({
            "id": row.id, "environment": row.environment, "owner": row.owner, "tier": row.tier,
            "version": row.released.map(|release| release.number),
            "archived_at": row.archived_at.map(stamp),
        });
        Ok(Some(node(id, &id.id, facts)))
    }

    fn decision_node_of(&self, ctx: &RequestContext, id: &NodeId) -> Result<Option<Node>> {
        let Ok(decision) = id.id.parse::<DecisionId>() else { return Ok(None) };
        let Some(entry) = self.decision_entry(decision)? else { return Ok(None) };
        let summary = self.summary(ctx, &mut Known::default(), &entry, None)?;
        Ok(summary.map(|summary| decision_node(id.clone(), &summary)))
    }
}

fn stamp(time: Time) -> Timestamp {
    time.into()
}

fn node(id: &NodeId, label: &str, facts: Value) -> Node {
    let mut facts = facts.as_object().cloned().unwrap_or_default();
    facts.retain(|_, value| !value.is_null());
    Node { id: id.clone(), label: label.to_owned(), facts }
}

fn told_facts(row: &LineageRunRow) -> Map<String, Value> {
    let facets: Value = serde_json::from_str(&row.facets).unwrap_or_default();
    // SourceCodeLocationJobFacet: the commit is its version.
    let commit = facets.pointer("/job/sourceCodeLocation/version").cloned();
    let facts = json!({
        "state": row.state, "producer": row.producer, "commit": commit,
        "began_at": stamp(row.began_at), "ended_at": row.ended_at.map(stamp), "facets": facets,
    });
    facts.as_object().cloned().unwrap_or_default()
}

/// The five things that a run is repeated by: commit, environment, parameters, seed, machine.
pub(crate) fn tracked_facts(read: &Read<'_>, row: &RunRow) -> Result<Map<String, Value>> {
    let run = read.whole_run(row)?;
    let tag = |name: &str| run.data.tags.iter().find(|tag| tag.key == name).map(|tag| &tag.value);
    let all = run.data.params.iter().chain(&run.data.tags);
    let seed = all.clone().find(|pair| SEEDS.contains(&pair.key.as_str()));
    let parameters: Map<String, Value> = run
        .data
        .params
        .iter()
        .take(MAX_PARAMETERS)
        .map(|pair| (pair.key.clone(), pair.value.as_str().into()))
        .collect();
    let metrics: Map<String, Value> = run
        .data
        .metrics
        .iter()
        .take(MAX_PARAMETERS)
        .map(|metric| (metric.key.clone(), json!(metric.value)))
        .collect();
    let facts = json!({
        "state": row.status, "experiment": row.experiment.to_string(),
        "began_at": row.start_time.and_then(millis).map(stamp),
        "ended_at": row.end_time.and_then(millis).map(stamp),
        "commit": tag("mlflow.source.git.commit"), "code": tag("mlflow.source.name"),
        "seed": seed.map(|pair| &pair.value), "machine": tag("plimsoll.machine"),
        "environment": environment(read, row, &run.outputs.model_outputs)?,
        "parameters": parameters, "metrics": metrics,
        "sealed": row.sealed.as_deref().map(plimsoll_types::digest::hex),
    });
    Ok(facts.as_object().cloned().unwrap_or_default())
}

fn millis(millis: i64) -> Option<Time> {
    u64::try_from(millis).ok().map(|millis| Time::from_micros(millis.saturating_mul(1_000)))
}

/// The strictest file that locks the environment: one the run logged, or one beside its model.
fn environment(
    read: &Read<'_>,
    row: &RunRow,
    models: &[plimsoll_mlflow::ModelOutput],
) -> Result<Option<Value>> {
    let mut folders = vec![row.location.clone()];
    for model in models {
        folders.extend(read.logged(&model.model_id)?.map(|model| model.location));
    }
    for folder in folders {
        let Some(folder) = plimsoll_artifact::FilePath::from_source(&folder) else { continue };
        for lock in LOCKS {
            if let Some(file) = read.file_at(&format!("{folder}/{lock}"))? {
                return Ok(Some(json!({"file": lock, "digest": file.digest})));
            }
        }
    }
    Ok(None)
}
