//! One step of the graph: what a thing came from, and what came of it, out of the tables that
//! say so.

use crate::error::ControlError;
use plimsoll_api::{EdgeKind, NodeId, NodeKind};
use plimsoll_store::{Numbered, Read};
use plimsoll_types::{Digest, ModelId};

type Result<T> = std::result::Result<T, ControlError>;

/// How many letters of a dataset's digest MLflow must be told so that it names it.
pub(crate) const MIN_DIGEST: usize = 12;

/// A thing one step away.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    /// The thing.
    pub(crate) other: NodeId,
    /// How the one came from the other.
    pub(crate) kind: EdgeKind,
    /// Whether the way goes on from there.
    pub(crate) goes_on: bool,
}

/// Steps from `id`, each once, in order.
pub(crate) fn steps(read: &Read<'_>, id: &NodeId, up: bool) -> Result<Vec<Step>> {
    let mut found = Found(Vec::new());
    match id.kind {
        NodeKind::Source => source(read, id, up, &mut found)?,
        NodeKind::Dataset => dataset(read, id, up, &mut found)?,
        NodeKind::Run => run(read, id, up, &mut found)?,
        NodeKind::Artifact => artifact(read, id, up, &mut found)?,
        NodeKind::Model => model(read, id, up, &mut found)?,
        NodeKind::Deployment if up => {
            let versions = read.versions_of_deployment(&id.id)?;
            found.versions(NodeKind::Model, versions, EdgeKind::Released);
        }
        NodeKind::Deployment | NodeKind::Decision => {}
    }
    let mut steps = found.0;
    steps.sort();
    steps.dedup();
    Ok(steps)
}

/// A decision's: its deployment's other versions have nothing to do with it.
pub(crate) fn upstream_of_decision(
    deployment: &str,
    version: Option<Numbered>,
) -> Result<Vec<Step>> {
    let mut found = Found(Vec::new());
    found.versions(NodeKind::Model, version.into_iter().collect(), EdgeKind::Decided);
    if let Ok(other) = NodeId::new(NodeKind::Deployment, deployment) {
        found.0.push(Step { other, kind: EdgeKind::Decided, goes_on: false });
    }
    Ok(found.0)
}

/// Steps that were found. What cannot be named is none: names were checked when they came in.
struct Found(Vec<Step>);

impl Found {
    fn add(&mut self, kind: NodeKind, id: impl Into<Box<str>>, how: EdgeKind) {
        if let Ok(other) = NodeId::new(kind, id) {
            self.0.push(Step { other, kind: how, goes_on: true });
        }
    }
    fn versions(&mut self, kind: NodeKind, list: Vec<Numbered>, how: EdgeKind) {
        list.into_iter().for_each(|(name, number)| self.add(kind, format!("{name}/{number}"), how));
    }
    fn runs(&mut self, list: Vec<String>, how: EdgeKind) {
        list.into_iter().for_each(|id| self.add(NodeKind::Run, id, how));
    }
    /// Data that an event names: bytes are what they are a part of, if that is registered.
    fn data(&mut self, read: &Read<'_>, kind: &str, id: &str, how: EdgeKind) -> Result<()> {
        let Ok(kind) = kind.parse::<NodeKind>() else { return Ok(()) };
        if kind == NodeKind::Artifact {
            let before = self.0.len();
            self.versions(NodeKind::Dataset, read.datasets_with_file(id)?, how);
            if let Ok(digest) = id.parse::<Digest>() {
                self.versions(NodeKind::Model, read.versions_with_file(digest)?, how);
            }
            if self.0.len() > before {
                return Ok(());
            }
        }
        self.add(kind, id, how);
        Ok(())
    }
}

/// Which way data goes to be made (`out`) or read (`in`), and how that is called.
const fn told(up: bool) -> (&'static str, EdgeKind) {
    if up { ("out", EdgeKind::Made) } else { ("in", EdgeKind::Read) }
}

fn source(read: &Read<'_>, id: &NodeId, up: bool, found: &mut Found) -> Result<()> {
    let (direction, how) = told(up);
    found.runs(read.lineage_runs_of(id.kind.as_str(), &id.id, direction)?, how);
    if let (false, Some(of)) = (up, id.id.strip_prefix("mlflow#"))
        && let Some((name, digest)) = of.rsplit_once('@')
    {
        found.runs(read.ml_runs_of_source(name, digest)?, how);
    }
    Ok(())
}

fn dataset(read: &Read<'_>, id: &NodeId, up: bool, found: &mut Found) -> Result<()> {
    let (direction, how) = told(up);
    found.runs(read.lineage_runs_of(id.kind.as_str(), &id.id, direction)?, how);
    let Some((name, number)) = id.version() else { return Ok(()) };
    let Some(row) = read.dataset_named(name)? else { return Ok(()) };
    found.runs(read.lineage_runs_of_dataset(&row.id, number, direction)?, how);
    if up {
        return Ok(());
    }
    if let Some(version) = read.dataset_version(&row.id, number)? {
        let source = format!("plimsoll:/datasets/{name}/{number}");
        found.runs(read.ml_runs_of_dataset(version.digest, &source)?, how);
    }
    for card in read.cards_with_dataset(&id.id)? {
        if let Some(model) = read.model(card.model)? {
            found.add(NodeKind::Model, format!("{}/{}", model.name, card.number), how);
        }
    }
    Ok(())
}

fn run(read: &Read<'_>, id: &NodeId, up: bool, found: &mut Found) -> Result<()> {
    let (direction, how) = if up { ("in", EdgeKind::Read) } else { ("out", EdgeKind::Made) };
    for data in read.lineage_data(&told_id(&id.id), direction)? {
        found.data(read, &data.kind, &data.id, how)?;
    }
    let Some(row) = read.run(&tracked_id(&id.id))? else { return Ok(()) };
    if !up {
        found.versions(NodeKind::Model, read.versions_of_run(&row.id)?, how);
        return Ok(());
    }
    for input in read.whole_run(&row)?.inputs.dataset_inputs {
        let of = input.dataset;
        let named = match dataset_in_source(&of.source) {
            Some(named) => vec![named],
            None if of.digest.len() >= MIN_DIGEST => read.datasets_named_by(&of.digest)?,
            None => Vec::new(),
        };
        if named.is_empty() {
            found.add(NodeKind::Source, format!("mlflow#{}@{}", of.name, of.digest), how);
        }
        found.versions(NodeKind::Dataset, named, how);
    }
    Ok(())
}

/// `plimsoll:/datasets/name/number`, as a source of its own or as a member of one.
fn dataset_in_source(source: &str) -> Option<Numbered> {
    let (_, rest) = source.split_once("plimsoll:/datasets/")?;
    let named = rest.split('"').next().unwrap_or_default();
    let (name, number) = named.rsplit_once('/')?;
    Some((name.to_owned(), number.parse().ok()?))
}

/// MLflow writes ids of runs without hyphens, OpenLineage with them.
pub(crate) fn tracked_id(id: &str) -> String {
    if id.len() == 36 { id.replace('-', "") } else { id.to_owned() }
}

/// See [`tracked_id`].
pub(crate) fn told_id(id: &str) -> String {
    let is_plain = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    if !is_plain {
        return id.to_owned();
    }
    let part = |from: usize, to: usize| id.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

fn artifact(read: &Read<'_>, id: &NodeId, up: bool, found: &mut Found) -> Result<()> {
    let (direction, how) = told(up);
    found.runs(read.lineage_runs_of(id.kind.as_str(), &id.id, direction)?, how);
    if !up {
        found.versions(NodeKind::Dataset, read.datasets_with_file(&id.id)?, EdgeKind::Part);
        if let Ok(digest) = id.id.parse::<Digest>() {
            found.versions(NodeKind::Model, read.versions_with_file(digest)?, EdgeKind::Part);
        }
    }
    Ok(())
}

fn model(read: &Read<'_>, id: &NodeId, up: bool, found: &mut Found) -> Result<()> {
    let (direction, how) = told(up);
    found.runs(read.lineage_runs_of(id.kind.as_str(), &id.id, direction)?, how);
    let Some((name, number)) = id.version() else { return Ok(()) };
    if up && let Some(version) = read.catalogued_version(name, number)? {
        found.runs(Some(version.run).filter(|run| !run.is_empty()).into_iter().collect(), how);
    }
    let Some(row) = read.model_named(name)? else { return Ok(()) };
    found.runs(read.lineage_runs_of_version(row.id, number, direction)?, how);
    if up {
        return by_card(read, (row.id, name, number), found);
    }
    let children = read.children(row.id, number)?.into_iter().map(|n| (name.to_owned(), n));
    found.versions(NodeKind::Model, children.collect(), EdgeKind::Derived);
    for deployment in read.deployments_of_version(row.id, number)? {
        found.add(NodeKind::Deployment, deployment, EdgeKind::Released);
    }
    Ok(())
}

fn by_card(
    read: &Read<'_>,
    (model, name, number): (ModelId, &str, u32),
    found: &mut Found,
) -> Result<()> {
    let Some(row) = read.card(model, number)? else { return Ok(()) };
    let card: plimsoll_api::VersionCard = serde_json::from_str(&row.document)
        .map_err(|_| plimsoll_store::StoreError::Damaged("a card is unreadable".into()))?;
    if let Some(run) = card.training_run {
        found.add(NodeKind::Run, run, EdgeKind::Made);
    }
    for dataset in card.datasets {
        found.add(NodeKind::Dataset, dataset, EdgeKind::Read);
    }
    if let Some(parent) = card.parent {
        found.add(NodeKind::Model, format!("{name}/{parent}"), EdgeKind::Derived);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_runs_have_two_spellings() {
        let (told, tracked) =
            ("0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01", "0190b5a16c2f7d3e8f4a5b6c7d8e9f01");
        assert_eq!((tracked_id(told), told_id(tracked)), (tracked.to_owned(), told.to_owned()));
        assert_eq!((tracked_id("x"), told_id("x")), ("x".to_owned(), "x".to_owned()));
    }

    #[test]
    fn sources_name_datasets() {
        let loans = Some(("loans".to_owned(), 2));
        assert_eq!(dataset_in_source("plimsoll:/datasets/loans/2"), loans);
        assert_eq!(dataset_in_source(r#"{"uri": "plimsoll:/datasets/loans/2"}"#), loans);
        assert_eq!(dataset_in_source("s3://loans/2"), None);
    }
}
