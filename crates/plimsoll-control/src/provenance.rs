//! How a model version was made, for whoever must show it: SLSA's provenance in an in-toto
//! statement, out of the version, the run that made it and what that read.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_api::{EdgeKind, Graph, Node, NodeId, NodeKind};
use plimsoll_lineage::{Direction, Material, Provenance, statement};
use plimsoll_types::Name;
use serde_json::{Map, Value};

/// From the version to its run, and from there to what it read, and to what made that.
const DEPTH: u32 = 4;

impl Control {
    /// The provenance of a model version, as far as the caller may see it. It is not signed: who
    /// asks vouches for it with a key of their own.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn version_provenance(
        &self,
        ctx: &RequestContext,
        model: &Name,
        number: u32,
    ) -> Result<Value, ControlError> {
        let version = self.read_version(ctx, model, number)?;
        let root = NodeId::new(NodeKind::Model, format!("{model}/{number}"))
            .map_err(|_| ControlError::Internal("a version has no name"))?;
        let query = api::LineageQuery {
            direction: Some(Direction::Up),
            depth: Some(DEPTH),
            decisions: Some(0),
            cursor: None,
        };
        let graph = self.lineage(ctx, &root, &query)?;
        let mut of = Provenance {
            files: version.files.iter().map(|f| (f.path.clone(), f.digest)).collect(),
            builder: self.event_source(),
            ..Provenance::default()
        };
        let made = graph.edges.iter().find(|e| e.to == root && e.kind == EdgeKind::Made);
        if let Some(run) = made.and_then(|edge| graph.node(&edge.from)) {
            describe(run, &mut of);
        }
        of.materials.extend(graph.nodes.iter().filter(|n| n.id != root).filter_map(material));
        of.external.insert("model".into(), format!("{model}/{number}").into());
        cut(&graph, &mut of);
        Ok(statement(&of))
    }
}

fn describe(run: &Node, of: &mut Provenance) {
    let text = |name: &str| run.facts.get(name).and_then(Value::as_str).map(str::to_owned);
    of.run = Some(run.id.to_string());
    (of.started, of.ended) = (text("began_at"), text("ended_at"));
    let take = |names: &[&str], to: &mut Map<String, Value>| {
        for name in names {
            if let Some(value) = run.facts.get(*name) {
                to.insert((*name).to_owned(), value.clone());
            }
        }
    };
    take(&["code", "parameters", "seed"], &mut of.external);
    take(&["machine", "environment", "sealed"], &mut of.internal);
    if let Some(commit) = text("commit") {
        let uri = format!("git+{}", text("code").unwrap_or_default());
        of.materials.push(Material { uri, digest: vec![("gitCommit", commit)] });
    }
    if let Some(lock) = run.facts.get("environment") {
        let of_lock = |name| lock.get(name).and_then(Value::as_str).unwrap_or_default();
        let digest = vec![("sha256", of_lock("digest").to_owned())];
        of.materials.push(Material { uri: format!("file:{}", of_lock("file")), digest });
    }
}

/// What a version was made from: data and other versions, not the runs between them.
fn material(node: &Node) -> Option<Material> {
    let is_made_of = matches!(
        node.id.kind,
        NodeKind::Dataset | NodeKind::Source | NodeKind::Artifact | NodeKind::Model
    );
    let digest = match node.id.kind {
        NodeKind::Artifact => Some(node.id.id.to_string()),
        _ => node.facts.get("digest").and_then(Value::as_str).map(str::to_owned),
    };
    let uri = format!("plimsoll:{}/{}", node.id.kind, node.id.id);
    is_made_of
        .then(|| Material { uri, digest: digest.map(|d| ("sha256", d)).into_iter().collect() })
}

/// A statement that leaves something out says so.
fn cut(graph: &Graph, of: &mut Provenance) {
    if graph.is_cut || graph.withheld > 0 {
        of.internal.insert("isIncomplete".into(), true.into());
    }
}
