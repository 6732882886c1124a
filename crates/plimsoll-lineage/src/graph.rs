//! The graph: things and what made or read what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::str::FromStr;

/// The longest id of a thing, in bytes: a namespace and a name of OpenLineage, or the longest
/// name of a model with its number.
const MAX_ID: usize = 2_048;

/// What a thing of the graph is.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Data that is known by a name of elsewhere: `namespace#name`.
    Source,
    /// A version of a registered dataset: `name/number`.
    Dataset,
    /// Something that read data and made more: a run of MLflow's or OpenLineage's, by its id.
    Run,
    /// Bytes, by their SHA-256 digest.
    Artifact,
    /// A model version: `name/number`.
    Model,
    /// A deployment, by its name.
    Deployment,
    /// A decision, by its id.
    Decision,
}

impl NodeKind {
    /// Every kind, upstream first.
    pub const ALL: &'static [Self] = &[
        Self::Source,
        Self::Dataset,
        Self::Run,
        Self::Artifact,
        Self::Model,
        Self::Deployment,
        Self::Decision,
    ];

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Dataset => "dataset",
            Self::Run => "run",
            Self::Artifact => "artifact",
            Self::Model => "model",
            Self::Deployment => "deployment",
            Self::Decision => "decision",
        }
    }
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names nothing of the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NodeIdError {
    /// No such kind.
    #[error("the kind is one of source, dataset, run, artifact, model, deployment, decision")]
    Kind,
    /// Empty, or longer than any.
    #[error("an id is 1 to 2048 bytes without control characters")]
    Id,
}

impl FromStr for NodeKind {
    type Err = NodeIdError;
    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == text).ok_or(NodeIdError::Kind)
    }
}

/// Names a thing: `kind:id`.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct NodeId {
    /// What it is.
    pub kind: NodeKind,
    /// Which one.
    pub id: Box<str>,
}

impl NodeId {
    /// Names a thing.
    ///
    /// # Errors
    /// [`NodeIdError::Id`].
    pub fn new(kind: NodeKind, id: impl Into<Box<str>>) -> Result<Self, NodeIdError> {
        let id = id.into();
        if id.is_empty() || id.len() > MAX_ID || id.chars().any(char::is_control) {
            return Err(NodeIdError::Id);
        }
        Ok(Self { kind, id })
    }

    /// Name and number of a dataset's or model's version. Names may have slashes of their own.
    #[must_use]
    pub fn version(&self) -> Option<(&str, u32)> {
        let (name, number) = self.id.rsplit_once('/')?;
        Some((name, number.parse().ok().filter(|number| *number > 0)?))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

impl FromStr for NodeId {
    type Err = NodeIdError;
    fn from_str(text: &str) -> Result<Self, NodeIdError> {
        let (kind, id) = text.split_once(':').ok_or(NodeIdError::Kind)?;
        Self::new(kind.parse()?, id)
    }
}

impl TryFrom<String> for NodeId {
    type Error = NodeIdError;
    fn try_from(text: String) -> Result<Self, NodeIdError> {
        text.parse()
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.to_string()
    }
}

/// A thing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Which one.
    pub id: NodeId,
    /// What people call it.
    pub label: String,
    /// What is known of it: of a run the commit, environment, parameters, seed, machine.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
}

/// How one thing came from another.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EdgeKind {
    /// A run, or a model by its card, read data.
    Read,
    /// A run made it.
    Made,
    /// A version that came from another.
    Derived,
    /// A file is a part of a dataset or model version.
    Part,
    /// The version was let answer in the deployment.
    Released,
    /// The decision was made there, or by it.
    Decided,
}

impl EdgeKind {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Made => "made",
            Self::Derived => "derived",
            Self::Part => "part",
            Self::Released => "released",
            Self::Decided => "decided",
        }
    }
}

/// One step downstream: `to` came from `from`, or used it.
#[derive(
    Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema,
)]
pub struct Edge {
    /// Upstream.
    pub from: NodeId,
    /// Downstream.
    pub to: NodeId,
    /// How.
    pub kind: EdgeKind,
}

/// Where to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// What it came from.
    Up,
    /// What came of it.
    Down,
    /// Both.
    #[default]
    Both,
}

/// A part of the graph around one thing.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Graph {
    /// What was asked about.
    pub root: NodeId,
    /// The things, the root among them.
    pub nodes: Vec<Node>,
    /// The steps between them.
    pub edges: Vec<Edge>,
    /// Whether a bound left something out: depth, number of things, or decisions.
    pub is_cut: bool,
    /// Things that the asker may not see. They and what lies behind them are left out.
    pub withheld: u32,
    /// Pass it back as `cursor` for earlier decisions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl Graph {
    /// The thing of this id.
    #[must_use]
    pub fn node(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kind_and_name() {
        let id: NodeId = "model:a/b/12".parse().expect("an id");
        assert_eq!((id.kind, id.version()), (NodeKind::Model, Some(("a/b", 12))));
        assert_eq!(id.to_string(), "model:a/b/12");
        assert_eq!("what:x".parse::<NodeId>(), Err(NodeIdError::Kind));
        assert_eq!("run:".parse::<NodeId>(), Err(NodeIdError::Id));
        assert_eq!("run:a\nb".parse::<NodeId>(), Err(NodeIdError::Id));
        assert_eq!(NodeId::new(NodeKind::Run, "x".repeat(2_049)), Err(NodeIdError::Id));
        for text in ["model:credit/0", "model:credit", "dataset:loans/x"] {
            assert_eq!(text.parse::<NodeId>().expect("an id").version(), None, "{text}");
        }
    }
}
