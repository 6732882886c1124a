//! Changes of the registry as OpenLineage's events, for sinks that ask for them.

use crate::bootstrap::Control;
use crate::error::ControlError;
use crate::lineage_steps::{Step, steps, told_id};
use plimsoll_api::{NodeId, NodeKind};
use plimsoll_ledger::Entry;
use plimsoll_lineage::{RunState, Telling, openlineage};
use plimsoll_types::record::{ControlEvent, Kind, Stage};
use plimsoll_types::{Digest, EventId};
use serde_json::{Map, Value};

type Result<T> = std::result::Result<T, ControlError>;

/// Who tells it.
const PRODUCER: &str = "https://github.com/plimsoll/plimsoll";

/// What a change took and what it made.
struct Change {
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
}

impl Control {
    /// What a record tells of lineage, if it does: an event of OpenLineage's.
    pub(crate) fn lineage_told_by(&self, entry: &Entry) -> Result<Option<Value>> {
        if entry.leaf.draft.kind != Kind::ControlEvent {
            return Ok(None);
        }
        let event = self.open_event(entry)?;
        if event.stage != Stage::Completed {
            return Ok(None);
        }
        let Some(change) = self.change_of(&event)? else { return Ok(None) };
        let id = event.intent.unwrap_or(EventId::from_bytes(entry.leaf.draft.id));
        let run = match event.resource.strip_prefix("run/") {
            Some(run) => told_id(run),
            None => id.to_string(),
        };
        let mut facts = Map::new();
        facts.insert("event".into(), id.to_string().into());
        facts.insert("resource".into(), (&*event.resource).into());
        let namespace = self.event_source();
        Ok(Some(openlineage(&Telling {
            time: entry.leaf.draft.time,
            run,
            namespace: &namespace,
            job: &event.action,
            state: RunState::Complete,
            producer: PRODUCER,
            inputs: &change.inputs,
            outputs: &change.outputs,
            facts,
        })))
    }

    fn change_of(&self, event: &ControlEvent) -> Result<Option<Change>> {
        let (kind, name) = event.resource.split_once('/').unwrap_or_default();
        let facts = self.facts_of_intent(event)?;
        let number = |member: &str| facts.get(member).and_then(Value::as_u64);
        let made = match (&*event.action, kind) {
            ("CreateVersion", "model") => self.numbered_model(name, &facts)?,
            ("CreateDataset", "dataset") => self.numbered_dataset(name, &facts)?,
            ("AddCataloguedVersion", _) => None,
            ("AdoptCatalogued", "catalogue") => {
                number("version").and_then(|n| id(NodeKind::Model, format!("{name}/{n}")))
            }
            ("DescribeVersion", "version") => id(NodeKind::Model, name),
            ("Release", "release") => {
                let Some((name, n)) = name.rsplit_once('/') else { return Ok(None) };
                return self.released(name, n.parse().unwrap_or(0));
            }
            ("RollBack", "deployment") => {
                return self.released(name, number("to").unwrap_or(0));
            }
            ("EndRun", "run") => return self.ended(name),
            _ => None,
        };
        let Some(made) = made else { return Ok(None) };
        let from = self.store.read(|r| steps(r, &made, true))?;
        // Between data and a version stands a run that tells of itself.
        let is_data = |step: &Step| step.other.kind != NodeKind::Run;
        let inputs = from.into_iter().filter(is_data).map(|step| step.other).collect();
        Ok(Some(Change { inputs, outputs: vec![made] }))
    }

    fn facts_of_intent(&self, event: &ControlEvent) -> Result<Map<String, Value>> {
        let Some(intent) = event.intent else { return Ok(Map::new()) };
        let entries = self.ledger.get(intent.as_bytes()).map_err(ControlError::Unreadable)?;
        for entry in entries {
            let begun = self.open_event(&entry)?;
            if begun.stage == Stage::Intent {
                let payload: Value = serde_json::from_str(&begun.payload).unwrap_or_default();
                return Ok(payload
                    .get("facts")
                    .and_then(Value::as_object)
                    .cloned()
                    .unwrap_or_default());
            }
        }
        Ok(Map::new())
    }

    fn numbered_model(&self, name: &str, facts: &Map<String, Value>) -> Result<Option<NodeId>> {
        let Some(digest) = digest(facts) else { return Ok(None) };
        let found = self.store.read(|r| {
            let Some(model) = r.model_named(name)? else { return Ok(None) };
            Ok::<_, ControlError>(r.version_with(model.id, digest)?)
        })?;
        Ok(found.and_then(|row| id(NodeKind::Model, format!("{name}/{}", row.number))))
    }

    fn numbered_dataset(&self, name: &str, facts: &Map<String, Value>) -> Result<Option<NodeId>> {
        let Some(digest) = digest(facts) else { return Ok(None) };
        let found = self.store.read(|r| {
            let Some(dataset) = r.dataset_named(name)? else { return Ok(None) };
            Ok::<_, ControlError>(r.dataset_with(&dataset.id, digest)?)
        })?;
        Ok(found.and_then(|row| id(NodeKind::Dataset, format!("{name}/{}", row.number))))
    }

    fn released(&self, deployment: &str, number: u64) -> Result<Option<Change>> {
        let model = self.store.read(|r| {
            let row = r.deployments_ever_named(deployment)?.into_iter().next();
            let Some(row) = row else { return Ok(None) };
            Ok::<_, ControlError>(r.model(row.model)?)
        })?;
        let Some(model) = model else { return Ok(None) };
        let inputs = id(NodeKind::Model, format!("{}/{number}", model.name)).into_iter().collect();
        let outputs = id(NodeKind::Deployment, deployment).into_iter().collect();
        Ok(Some(Change { inputs, outputs }))
    }

    /// A run of MLflow's. One that events told of is not told again.
    fn ended(&self, run: &str) -> Result<Option<Change>> {
        let Some(run_id) = id(NodeKind::Run, run) else { return Ok(None) };
        self.store.read(|r| {
            if r.run(run)?.is_none() {
                return Ok(None);
            }
            let ends = |up| -> Result<Vec<NodeId>> {
                Ok(steps(r, &run_id, up)?.into_iter().map(|step| step.other).collect())
            };
            Ok(Some(Change { inputs: ends(true)?, outputs: ends(false)? }))
        })
    }
}

fn id(kind: NodeKind, name: impl Into<Box<str>>) -> Option<NodeId> {
    NodeId::new(kind, name).ok()
}

fn digest(facts: &Map<String, Value>) -> Option<Digest> {
    facts.get("digest").and_then(Value::as_str).and_then(|text| text.parse().ok())
}
