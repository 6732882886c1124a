//! Pictures of the graph: an indented tree for terminals, DOT for Graphviz, SVG for pages.

use crate::graph::{Direction, Edge, Graph, Node, NodeId, NodeKind};
use crate::layout::{Layout, layout};
use std::collections::BTreeSet;

/// A box of the picture, in pixels.
const BOX: (usize, usize) = (220, 44);
/// From one layer to the next, and from one place to the next.
const STEP: (usize, usize) = (290, 60);
/// Room around the whole.
const MARGIN: usize = 16;
/// Letters of a label that fit a box.
const LETTERS: usize = 30;
/// The deepest branch of a tree that is drawn: the API walks no further.
const MAX_DEPTH: usize = 64;

/// The graph as a tree for people: what the root came from, then what came of it. What was drawn
/// before is named again with `…` and not followed twice.
#[must_use]
pub fn tree(graph: &Graph, direction: Direction) -> String {
    let mut out = String::new();
    line(&mut out, graph.node(&graph.root), &graph.root, "", "");
    let mut branch = |title: &str, up: bool| {
        if graph.edges.iter().any(|edge| near(edge, up) == &graph.root) {
            out.push_str(&format!("{title}\n"));
            let mut seen = BTreeSet::from([&graph.root]);
            grow(graph, &graph.root, up, "  ", &mut seen, &mut out, 0);
        }
    };
    if direction != Direction::Down {
        branch("came from", true);
    }
    if direction != Direction::Up {
        branch("led to", false);
    }
    out
}

fn near(edge: &Edge, up: bool) -> &NodeId {
    if up { &edge.to } else { &edge.from }
}

fn far(edge: &Edge, up: bool) -> &NodeId {
    if up { &edge.from } else { &edge.to }
}

fn grow<'a>(
    graph: &'a Graph,
    from: &NodeId,
    up: bool,
    indent: &str,
    seen: &mut BTreeSet<&'a NodeId>,
    out: &mut String,
    depth: usize,
) {
    let mut edges: Vec<&Edge> = graph.edges.iter().filter(|edge| near(edge, up) == from).collect();
    edges.sort_by(|a, b| (far(a, up), a.kind).cmp(&(far(b, up), b.kind)));
    for edge in edges {
        let id = far(edge, up);
        let is_new = seen.insert(id);
        let how = if is_new {
            edge.kind.as_str().to_owned()
        } else {
            format!("{} …", edge.kind.as_str())
        };
        line(out, graph.node(id), id, indent, &how);
        if is_new && depth < MAX_DEPTH {
            grow(graph, id, up, &format!("{indent}  "), seen, out, depth + 1);
        }
    }
}

fn line(out: &mut String, node: Option<&Node>, id: &NodeId, indent: &str, how: &str) {
    let label = node.map_or("", |node| node.label.as_str());
    let label =
        if label.is_empty() || label == &*id.id { String::new() } else { format!("  {label}") };
    let how = if how.is_empty() { String::new() } else { format!("{how:9}") };
    out.push_str(&format!("{indent}{how}{id}{}\n", plain(&label)));
}

/// Without what could move a terminal's cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The graph in Graphviz' language.
#[must_use]
pub fn dot(graph: &Graph) -> String {
    let quoted = |text: &str| {
        let text = plain(text).replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{text}\"")
    };
    let mut out = "digraph lineage {\n  rankdir=LR;\n  node [shape=box];\n".to_owned();
    for node in &graph.nodes {
        let id = node.id.to_string();
        let label = format!("{}: {}", node.id.kind, node.label);
        let root = if node.id == graph.root { ", penwidth=2" } else { "" };
        out.push_str(&format!("  {} [label={}{root}];\n", quoted(&id), quoted(&label)));
    }
    for Edge { from, to, kind } in &graph.edges {
        let (from, to) = (quoted(&from.to_string()), quoted(&to.to_string()));
        out.push_str(&format!("  {from} -> {to} [label={}];\n", quoted(kind.as_str())));
    }
    out.push_str("}\n");
    out
}

/// The graph as a picture that stands for itself: no script, no style of elsewhere.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let found = layout(graph);
    let (width, height) = (
        found.layers.saturating_sub(1) * STEP.0 + BOX.0 + 2 * MARGIN,
        found.widest.saturating_sub(1) * STEP.1 + BOX.1 + 2 * MARGIN,
    );
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<title>Lineage of {}</title>\n",
        escaped(&graph.root.to_string())
    );
    out.push_str("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n");
    ways(&found, graph, &mut out);
    boxes(&found, graph, &mut out);
    out.push_str("</svg>\n");
    out
}

fn corner((layer, place): (usize, usize)) -> (usize, usize) {
    (MARGIN + layer * STEP.0, MARGIN + place * STEP.1)
}

fn ways(found: &Layout, graph: &Graph, out: &mut String) {
    for (edge, way) in graph.edges.iter().zip(&found.ways) {
        let mut path = String::new();
        for pair in way.windows(2) {
            let &[from, to] = pair else { continue };
            let ((x, y), (to_x, to_y)) = (corner(from), corner(to));
            let (x, y, to_y) = (x + BOX.0, y + BOX.1 / 2, to_y + BOX.1 / 2);
            if path.is_empty() {
                path.push_str(&format!("M{x} {y}"));
            } else {
                path.push_str(&format!(" L{x} {y}"));
            }
            let middle = (x + to_x) / 2;
            path.push_str(&format!(" C{middle} {y} {middle} {to_y} {to_x} {to_y}"));
        }
        if !path.is_empty() {
            let kind = edge.kind.as_str();
            out.push_str(&format!(
                "<path d=\"{path}\" fill=\"none\" stroke=\"#6b7280\"><title>{} {kind} {}</title></path>\n",
                escaped(&edge.from.to_string()),
                escaped(&edge.to.to_string()),
            ));
        }
    }
}

fn boxes(found: &Layout, graph: &Graph, out: &mut String) {
    for (node, &place) in graph.nodes.iter().zip(&found.places) {
        let (x, y) = corner(place);
        let line = if node.id == graph.root { 2 } else { 1 };
        let (width, height) = BOX;
        out.push_str(&format!(
            "<g><title>{}</title><rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
             fill=\"#ffffff\" stroke=\"#111827\" stroke-width=\"{line}\"/>\
             <rect x=\"{x}\" y=\"{y}\" width=\"5\" height=\"{height}\" fill=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"#6b7280\">{}</text>\
             <text x=\"{}\" y=\"{}\" fill=\"#111827\">{}</text></g>\n",
            escaped(&node.id.to_string()),
            ink(node.id.kind),
            x + 14,
            y + 17,
            node.id.kind,
            x + 14,
            y + 34,
            escaped(&short(&node.label)),
        ));
    }
}

/// Colours that people who see few colours tell apart (Okabe and Ito, 2008).
const fn ink(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Source => "#999999",
        NodeKind::Dataset => "#009e73",
        NodeKind::Run => "#e69f00",
        NodeKind::Artifact => "#f0e442",
        NodeKind::Model => "#0072b2",
        NodeKind::Deployment => "#d55e00",
        NodeKind::Decision => "#cc79a7",
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(LETTERS).collect();
    if text.chars().count() > LETTERS {
        short.pop();
        short.push('…');
    }
    short
}

/// Text of XML 1.0: characters that it cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::EdgeKind;
    use proptest::prelude::*;

    fn graph(steps: &[(&str, &str, EdgeKind)]) -> Graph {
        let id = |text: &str| text.parse::<NodeId>().expect("an id");
        let mut ids: Vec<NodeId> =
            steps.iter().flat_map(|(from, to, _)| [id(from), id(to)]).collect();
        ids.sort();
        ids.dedup();
        let node =
            |id: NodeId| Node { label: id.id.to_string(), id, facts: serde_json::Map::new() };
        Graph {
            root: id("model:credit/3"),
            nodes: ids.into_iter().map(node).collect(),
            edges: steps
                .iter()
                .map(|(from, to, kind)| Edge { from: id(from), to: id(to), kind: *kind })
                .collect(),
            is_cut: false,
            withheld: 0,
            next_cursor: None,
        }
    }

    fn usual() -> Graph {
        graph(&[
            ("dataset:loans/2", "run:ab", EdgeKind::Read),
            ("source:s3#x<y>", "run:ab", EdgeKind::Read),
            ("run:ab", "model:credit/3", EdgeKind::Made),
            ("dataset:loans/2", "model:credit/3", EdgeKind::Read),
            ("model:credit/3", "deployment:live", EdgeKind::Released),
            ("deployment:live", "decision:1", EdgeKind::Decided),
        ])
    }

    #[test]
    fn a_tree_says_where_from_and_where_to() {
        assert_eq!(
            tree(&usual(), Direction::Both),
            "model:credit/3\n\
             came from\n\
             \u{20} read     dataset:loans/2\n\
             \u{20} made     run:ab\n\
             \u{20}   read     source:s3#x<y>\n\
             \u{20}   read …   dataset:loans/2\n\
             led to\n\
             \u{20} released deployment:live\n\
             \u{20}   decided  decision:1\n"
        );
        assert!(!tree(&usual(), Direction::Up).contains("led to"));
    }

    #[test]
    fn layers_go_downstream_and_nothing_covers_anything() {
        let graph = usual();
        let found = layout(&graph);
        let of = |text: &str| {
            let at = graph.nodes.iter().position(|n| n.id.to_string() == text).expect("there");
            found.places[at].0
        };
        assert_eq!((of("dataset:loans/2"), of("run:ab"), of("model:credit/3")), (0, 1, 2));
        assert_eq!((of("deployment:live"), of("decision:1")), (3, 4));
        let places: BTreeSet<_> = found.places.iter().collect();
        assert_eq!(places.len(), graph.nodes.len());
        // The step over a layer goes by a place of its own.
        let over = graph
            .edges
            .iter()
            .position(|e| e.from.kind == NodeKind::Dataset && e.to.kind == NodeKind::Model)
            .expect("there");
        assert_eq!(found.ways[over].len(), 3);
        assert!(!places.contains(&found.ways[over][1]));
    }

    #[test]
    fn pictures_are_escaped() {
        let svg = svg(&usual());
        assert!(svg.contains("source:s3#x&lt;y&gt;") && !svg.contains("x<y>"), "{svg}");
        assert!(dot(&usual()).contains("\"dataset:loans/2\" -> \"run:ab\" [label=\"read\"]"));
    }

    proptest! {
        #[test]
        fn any_graph_is_laid_out(steps in prop::collection::vec((0u8..12, 0u8..12), 0..60)) {
            let names: Vec<(String, String)> =
                steps.iter().map(|(a, b)| (format!("run:{a}"), format!("run:{b}"))).collect();
            let steps: Vec<_> =
                names.iter().map(|(a, b)| (a.as_str(), b.as_str(), EdgeKind::Read)).collect();
            let graph = graph(&steps);
            let found = layout(&graph);
            let places: BTreeSet<_> = found.places.iter().collect();
            prop_assert_eq!(places.len(), graph.nodes.len());
            prop_assert_eq!(found.ways.len(), graph.edges.len());
            drop((svg(&graph), dot(&graph), tree(&graph, Direction::Both)));
        }
    }
}
