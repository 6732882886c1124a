//! Who may depend on whom: the layers and prohibitions of `ARCHITECTURE.md` as data, checked
//! against the graph that cargo resolves, and a picture of that graph for reviewers.

use crate::workspace::{Metadata, Workspace, XtaskError};
use std::collections::{BTreeMap, BTreeSet};

const GRAPH: &str = "docs/dependency-graph.txt";

/// The layer of every crate of ours. A crate may depend only on layers below its own.
const LAYERS: &[(&str, u8)] = &[
    ("plimsoll-types", 0),
    ("plimsoll-api", 1),
    ("plimsoll-console", 1),
    ("plimsoll-contract", 1),
    ("plimsoll-dvc", 1),
    ("plimsoll-explain", 1),
    ("plimsoll-identity", 1),
    ("plimsoll-lineage", 1),
    ("plimsoll-mlflow", 1),
    ("plimsoll-model", 1),
    ("plimsoll-policy", 1),
    ("plimsoll-release", 1),
    ("plimsoll-serving", 1),
    ("plimsoll-stats", 1),
    ("plimsoll-assurance", 1),
    ("plimsoll-scan", 1),
    ("plimsoll-sign", 1),
    ("plimsoll-table", 1),
    ("plimsoll-tlog", 1),
    ("plimsoll-upstream", 1),
    ("plimsoll-artifact", 2),
    ("plimsoll-neural", 1),
    ("plimsoll-ledger", 2),
    ("plimsoll-outbound", 2),
    ("plimsoll-store", 2),
    ("plimsoll-lake", 2),
    ("plimsoll-batch", 3),
    ("plimsoll-control", 3),
    ("plimsoll-gateway", 3),
    ("plimsoll-monitor", 3),
    ("plimsoll-root", 3),
    ("plimsoll-s3", 3),
    ("plimsoll-sinks", 3),
    ("plimsoll-server", 4),
    ("plimsoll", 4),
    // Tools: they may use everything, and nothing may use them.
    ("plimsoll-bench", TOOLS),
    ("plimsoll-fuzz", TOOLS),
    ("xtask", TOOLS),
];
const TOOLS: u8 = 9;

/// Edges within a layer. Each needs a sentence in `ARCHITECTURE.md`.
const WITHIN: &[(&str, &str)] = &[
    ("plimsoll-api", "plimsoll-contract"),
    ("plimsoll-api", "plimsoll-explain"),
    ("plimsoll-api", "plimsoll-lineage"),
    ("plimsoll-batch", "plimsoll-gateway"),
    ("plimsoll-explain", "plimsoll-contract"),
    ("plimsoll-explain", "plimsoll-model"),
    ("plimsoll-release", "plimsoll-stats"),
    ("plimsoll-identity", "plimsoll-policy"),
    ("plimsoll-serving", "plimsoll-contract"),
    ("plimsoll-serving", "plimsoll-explain"),
    ("plimsoll-serving", "plimsoll-model"),
    ("plimsoll-serving", "plimsoll-policy"),
    ("plimsoll-serving", "plimsoll-release"),
    ("plimsoll-serving", "plimsoll-upstream"),
    ("plimsoll-upstream", "plimsoll-contract"),
    ("plimsoll-upstream", "plimsoll-model"),
    ("plimsoll-neural", "plimsoll-model"),
    ("plimsoll", "plimsoll-server"),
    ("plimsoll-lake", "plimsoll-ledger"),
];

/// What a crate must not reach, by any path of normal and build dependencies, and why.
const UNREACHABLE: &[(&str, &[&str], &str)] = &[
    ("plimsoll-types", &["tokio", "http", "rusqlite", "fs-err"], "the words do no I/O"),
    ("plimsoll-contract", &["tokio", "http", "hyper", "axum"], "a contract knows no HTTP"),
    ("plimsoll-mlflow", &["tokio", "http", "rusqlite", "fs-err"], "a wire is only words"),
    ("plimsoll-model", &["tokio", "http", "hyper", "axum"], "a model opens no socket"),
    ("plimsoll-dvc", &["tokio", "http", "fs-err"], "a parser opens no file"),
    ("plimsoll-explain", &["tokio", "http", "fs-err"], "an explanation is pure arithmetic"),
    ("plimsoll-identity", &["tokio", "http", "fs-err"], "keys and time are given to it"),
    ("plimsoll-lineage", &["tokio", "http", "rusqlite", "fs-err"], "a graph asks nobody"),
    ("plimsoll-policy", &["tokio", "http", "rusqlite"], "policy fetches no facts"),
    (
        "plimsoll-assurance",
        &["tokio", "http", "fs-err", "rusqlite"],
        "tests of a model see rows and answers, nothing else",
    ),
    ("plimsoll-stats", &["tokio", "http", "arrow", "fs-err"], "statistics are pure arithmetic"),
    ("plimsoll-release", &["tokio", "http", "rusqlite", "fs-err"], "a release decides from facts"),
    ("plimsoll-scan", &["tokio", "http", "fs-err", "rusqlite"], "what is judged is never run"),
    ("plimsoll-sign", &["tokio", "http", "fs-err", "rusqlite"], "signatures are bytes to bytes"),
    ("plimsoll-upstream", &["tokio", "http", "hyper", "fs-err"], "a declaration opens no socket"),
    ("plimsoll-serving", &["tokio", "rusqlite"], "planning is pure and never waits"),
    ("plimsoll-api", &["tokio", "axum", "rusqlite"], "wire types hold no logic"),
    ("plimsoll-ledger", &["plimsoll-store", "rusqlite", "http"], "the ledger stands without SQL"),
    ("plimsoll-artifact", &["plimsoll-store", "rusqlite", "hyper"], "artifacts stand without SQL"),
    (
        "plimsoll-gateway",
        &[
            "plimsoll-store",
            "plimsoll-control",
            "plimsoll-table",
            "plimsoll-lake",
            "rusqlite",
            "axum",
        ],
        "no SQL, control plane or tables on the path of a request",
    ),
    ("plimsoll-batch", &["plimsoll-store", "plimsoll-control"], "a job knows no control state"),
    ("plimsoll-control", &["plimsoll-gateway", "axum", "hyper"], "control serves no inference"),
    (
        "plimsoll-lake",
        &["plimsoll-store", "rusqlite", "hyper"],
        "tables come from the ledger alone",
    ),
    ("plimsoll-tlog", &["tokio", "http", "rusqlite", "fs-err"], "the log is mathematics"),
];

/// What is built without native code, so that it can become WebAssembly, by any path of normal and
/// build dependencies.
const WITHOUT_NATIVE_CODE: &[&str] = &["plimsoll-tlog"];
/// What builds or finds native code; so do the packages that are called `…-sys`.
const NATIVE: &[&str] = &["bindgen", "cc", "cmake", "nasm-rs", "pkg-config", "vcpkg"];

/// What only these crates may name as a dependency of their own.
const ONLY_BY: &[(&str, &[&str], &str)] = &[
    ("rusqlite", &["plimsoll-store"], "the store is the only SQL"),
    ("cedar-policy", &["plimsoll-policy"], "policy is the only one that evaluates"),
    (
        "hyper",
        &["plimsoll-outbound", "plimsoll-server"],
        "sockets are the server's, and the one client's",
    ),
    ("datafusion", &["plimsoll-lake"], "one crate knows the query engine"),
    ("clap", &["plimsoll", "plimsoll-bench", "plimsoll-fuzz", "xtask"], "only binaries have one"),
];

/// Names of packages and what each depends on: normal and build dependencies.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Every breach of the layers, and whether the committed graph is the real one.
///
/// # Errors
/// If cargo cannot say who depends on whom, or the graph cannot be read or written.
pub(crate) fn check(workspace: &Workspace, bless: bool) -> Result<Vec<String>, XtaskError> {
    let metadata = workspace.metadata()?;
    let own: BTreeSet<String> = own_names(&metadata);
    let graph = graph(&metadata);
    let mut findings = breaches(&own, &graph);
    let text = draw(&own, &graph);
    if bless {
        fs_err::write(workspace.root.join(GRAPH), text)?;
    } else if workspace.read(GRAPH).unwrap_or_default() != text {
        findings
            .push(format!("{GRAPH} is not what cargo resolves: run `cargo xtask layers --bless`"));
    }
    Ok(findings)
}

fn own_names(metadata: &Metadata) -> BTreeSet<String> {
    let member = |id: &String| metadata.workspace_members.contains(id);
    metadata.packages.iter().filter(|p| member(&p.id)).map(|p| p.name.clone()).collect()
}

/// Two versions of one package count as one: no prohibition here is about versions.
fn graph(metadata: &Metadata) -> Graph {
    let names: BTreeMap<&str, &str> =
        metadata.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
    let mut graph = Graph::new();
    for node in &metadata.resolve.nodes {
        let Some(name) = names.get(node.id.as_str()) else { continue };
        let edges = graph.entry((*name).to_owned()).or_default();
        for dep in &node.deps {
            let is_dev_only = dep.dep_kinds.iter().all(|kind| kind.kind.as_deref() == Some("dev"));
            if let Some(to) = names.get(dep.pkg.as_str()).filter(|_| !is_dev_only) {
                edges.insert((*to).to_owned());
            }
        }
    }
    graph
}

fn breaches(own: &BTreeSet<String>, graph: &Graph) -> Vec<String> {
    let layers: BTreeMap<&str, u8> = LAYERS.iter().copied().collect();
    let empty = BTreeSet::new();
    let mut findings = Vec::new();
    for name in own {
        let Some(&layer) = layers.get(name.as_str()) else {
            findings.push(format!("{name} has no layer: add it to LAYERS and to ARCHITECTURE.md"));
            continue;
        };
        for to in graph.get(name).unwrap_or(&empty).intersection(own) {
            let below = layers.get(to.as_str()).is_some_and(|&other| other < layer);
            if !below && !WITHIN.contains(&(name.as_str(), to.as_str())) {
                findings.push(format!("{name} depends on {to}, which is not in a layer below it"));
            }
        }
        for (what, only, why) in ONLY_BY {
            let direct = graph.get(name).is_some_and(|edges| edges.contains(*what));
            if direct && !only.contains(&name.as_str()) {
                findings.push(format!("{name} depends on {what}: {why}"));
            }
        }
    }
    for (from, forbidden, why) in UNREACHABLE {
        for to in *forbidden {
            if let Some(path) = path(graph, from, to) {
                findings.push(format!("{}: {why}", path.join(" -> ")));
            }
        }
    }
    for from in WITHOUT_NATIVE_CODE {
        let native = |name: &&String| name.ends_with("-sys") || NATIVE.contains(&name.as_str());
        for to in graph.keys().filter(native) {
            if let Some(path) = path(graph, from, to) {
                findings.push(format!("{}: built without native code", path.join(" -> ")));
            }
        }
    }
    findings
}

/// A shortest path from one package to another.
fn path(graph: &Graph, from: &str, to: &str) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
    let mut queue = std::collections::VecDeque::from([from]);
    while let Some(name) = queue.pop_front() {
        if name == to {
            let back = std::iter::successors(Some(name), |name| came_from.get(name).copied());
            let mut path: Vec<String> = back.map(str::to_owned).collect();
            path.reverse();
            return Some(path);
        }
        for next in graph.get(name).into_iter().flatten() {
            if next != from && !came_from.contains_key(next.as_str()) {
                came_from.insert(next, name);
                queue.push_back(next);
            }
        }
    }
    None
}

/// The picture: our crates by layer, with what each depends on directly.
fn draw(own: &BTreeSet<String>, graph: &Graph) -> String {
    let mut text = "Who depends on whom, without dev-dependencies.\n\
                    Written by `cargo xtask layers --bless`; read its diff in a review.\n"
        .to_owned();
    let (of_us, of_others) = ("ours:  ", "others:");
    for (name, layer) in LAYERS.iter().filter(|(name, _)| own.contains(*name)) {
        let layer = if *layer == TOOLS { "tool".to_owned() } else { format!("L{layer}") };
        let edges = graph.get(*name).cloned().unwrap_or_default();
        let (ours, others): (Vec<_>, Vec<_>) = edges.into_iter().partition(|to| own.contains(to));
        text.push_str(&format!("\n{layer} {name}\n"));
        for (whose, names) in [(of_us, ours), (of_others, others)] {
            if !names.is_empty() {
                text.push_str(&format!("   {whose} {}\n", names.join(", ")));
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph_of(edges: &[(&str, &[&str])]) -> (BTreeSet<String>, Graph) {
        let graph: Graph = edges
            .iter()
            .map(|(from, to)| ((*from).to_owned(), to.iter().map(|to| (*to).to_owned()).collect()))
            .collect();
        let own = graph.keys().filter(|name| name.starts_with("plimsoll")).cloned().collect();
        (own, graph)
    }

    #[test]
    fn edges_down_and_drawn_edges_pass() {
        let (own, graph) = graph_of(&[
            ("plimsoll-types", &["uuid"]),
            ("plimsoll-policy", &["plimsoll-types", "cedar-policy"]),
            ("plimsoll-serving", &["plimsoll-policy", "plimsoll-types"]),
            ("plimsoll-gateway", &["plimsoll-serving", "tokio"]),
        ]);
        assert_eq!(breaches(&own, &graph), [""; 0]);
    }

    #[test]
    fn every_kind_of_breach_is_found() {
        let (own, graph) = graph_of(&[
            ("plimsoll-new", &[]),
            ("plimsoll-types", &["plimsoll-api"]),
            ("plimsoll-gateway", &["cunning"]),
            ("plimsoll-server", &["rusqlite"]),
            ("cunning", &["plimsoll-gateway", "rusqlite"]),
            ("plimsoll-tlog", &["zstd"]),
            ("zstd", &["zstd-sys"]),
            ("zstd-sys", &["cc"]),
            ("cc", &[]),
        ]);
        let mut own = own;
        own.insert("plimsoll-api".to_owned());
        assert_eq!(
            breaches(&own, &graph),
            [
                "plimsoll-new has no layer: add it to LAYERS and to ARCHITECTURE.md",
                "plimsoll-server depends on rusqlite: the store is the only SQL",
                "plimsoll-types depends on plimsoll-api, which is not in a layer below it",
                "plimsoll-gateway -> cunning -> rusqlite: no SQL, control plane or tables on the \
                 path of a request",
                "plimsoll-tlog -> zstd -> zstd-sys -> cc: built without native code",
                "plimsoll-tlog -> zstd -> zstd-sys: built without native code",
            ]
        );
    }

    #[test]
    fn the_picture_is_by_layer() {
        let (own, graph) = graph_of(&[
            ("plimsoll-types", &["uuid", "serde"]),
            ("plimsoll-api", &["plimsoll-types"]),
        ]);
        let picture = draw(&own, &graph);
        let (_, body) = picture.split_once("\n\n").expect("head and body");
        assert_eq!(
            body,
            "L0 plimsoll-types\n   others: serde, uuid\n\nL1 plimsoll-api\n   ours:   plimsoll-types\n"
        );
    }
}
