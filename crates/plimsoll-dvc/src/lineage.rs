//! What came from what in a repository: the graph that `dvc dag` draws, of what is locked.

use crate::hash::Hash;
use crate::lock::Lock;
use crate::tracked::{Output, Tracked};
use std::collections::{BTreeMap, BTreeSet};

/// One step: a stage or `.dvc` file made what another stage read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The stage, or the `.dvc` file.
    pub source: String,
    /// The stage that read it.
    pub target: String,
    /// The path.
    pub path: String,
    /// What identifies the bytes that were read.
    pub hash: Option<Hash>,
    /// Whether what was read is what is there now: otherwise the stage ran on something else.
    pub is_current: bool,
}

/// The graph of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Graph {
    /// Steps, in order.
    pub edges: Vec<Edge>,
    /// What stages read and nothing in the repository tracks: code, and data nobody added.
    pub untracked: BTreeSet<String>,
}

/// Joins inputs and outputs by path. `tracked` are `.dvc` files by their own path.
#[must_use]
pub fn graph(tracked: &[(String, Tracked)], lock: &Lock) -> Graph {
    let mut makers: BTreeMap<&str, (&str, &Output)> = BTreeMap::new();
    for (name, file) in tracked {
        makers.extend(file.outputs.iter().map(|out| (out.path.as_str(), (name.as_str(), out))));
    }
    for (name, stage) in &lock.stages {
        makers.extend(stage.outputs.iter().map(|out| (out.path.as_str(), (name.as_str(), out))));
    }
    let mut graph = Graph::default();
    for (name, stage) in &lock.stages {
        for input in &stage.inputs {
            match maker(&makers, &input.path) {
                Some((source, made, is_same)) => graph.edges.push(Edge {
                    source: source.to_owned(),
                    target: name.clone(),
                    path: input.path.clone(),
                    hash: input.hash.clone(),
                    // Of a file in a folder only the folder's sum is known here.
                    is_current: !is_same || made.hash == input.hash,
                }),
                None => drop(graph.untracked.insert(input.path.clone())),
            }
        }
    }
    graph.edges.sort();
    graph
}

/// Who made a path: the path itself, or a folder that it is in.
fn maker<'a>(
    makers: &BTreeMap<&str, (&'a str, &'a Output)>,
    path: &str,
) -> Option<(&'a str, &'a Output, bool)> {
    if let Some((source, made)) = makers.get(path) {
        return Some((source, made, true));
    }
    let folders = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
    folders
        .rev()
        .find_map(|folder| makers.get(folder))
        .map(|(source, made)| (*source, *made, false))
}
