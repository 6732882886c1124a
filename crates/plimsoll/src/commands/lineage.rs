//! `plimsoll lineage`: what a thing came from, and what came of it.

use super::Context;
use crate::cli::one_of;
use crate::client::{Client, escape};
use crate::failure::Failure;
use clap::Args;
use fs_err as fs;
use plimsoll_api::{Direction, Graph, LineageQuery, NodeId, NodeKind};
use plimsoll_lineage::{dot, svg, tree};
use std::path::PathBuf;

const PATH: &str = "/api/v1/lineage";

/// How the graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Tree,
    Json,
    Dot,
    Svg,
}

impl Format {
    const ALL: &'static [Self] = &[Self::Tree, Self::Json, Self::Dot, Self::Svg];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Tree => "tree",
            Self::Json => "json",
            Self::Dot => "dot",
            Self::Svg => "svg",
        }
    }
}

/// Options of `lineage`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  plimsoll lineage credit/3
  plimsoll lineage loans/2 --down --decisions 0
  plimsoll lineage run:0190b5a16c2f7d3e8f4a5b6c7d8e9f01 --json
  plimsoll lineage 0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01 --up
  plimsoll lineage credit-default --format svg -o lineage.svg

A thing is `kind:id` (source, dataset, run, artifact, model, deployment, decision), or what it is
plain from: name/number, a deployment's name, a decision's or run's id, a file's digest.")]
pub(crate) struct Lineage {
    /// The thing
    thing: String,
    /// Only what it came from
    #[arg(long, conflicts_with = "down")]
    up: bool,
    /// Only what came of it
    #[arg(long)]
    down: bool,
    /// Steps at most, 1 to 32
    #[arg(long, value_name = "N")]
    depth: Option<u32>,
    /// The newest decisions of its deployments, 0 to 1000 [default: 10]
    #[arg(long, value_name = "N")]
    decisions: Option<u32>,
    /// How it is drawn
    #[arg(long, value_name = "FORMAT", default_value = "tree")]
    #[arg(value_parser = one_of(Format::ALL, Format::as_str))]
    format: Format,
    /// Where the drawing goes, instead of to stdout
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &Lineage) -> Result<(), Failure> {
    let direction = match (args.up, args.down) {
        (true, _) => Direction::Up,
        (_, true) => Direction::Down,
        _ => Direction::Both,
    };
    let query = LineageQuery {
        direction: Some(direction),
        depth: args.depth,
        decisions: args.decisions,
        cursor: None,
    };
    let graph = find(&context.client()?, &args.thing, &query)?;
    if graph.withheld > 0 {
        context.printer.note(&format!("{} things are not yours to see", graph.withheld));
    }
    let is_json = args.format == Format::Json || context.printer.is_json();
    let text = match args.format {
        _ if is_json => {
            let text = serde_json::to_string_pretty(&graph);
            text.map_err(|error| Failure::ours("could not write JSON").because(error))? + "\n"
        }
        Format::Dot => dot(&graph),
        Format::Svg => svg(&graph),
        Format::Tree | Format::Json => tree(&graph, direction),
    };
    match &args.output {
        Some(path) => fs::write(path, text)?,
        None => context.printer.data(&text)?,
    }
    if graph.is_cut && !is_json {
        context.printer.note("there is more; raise `--depth` or `--decisions` to see it");
    }
    Ok(())
}

/// Asks for the first of the things it may be that is there.
fn find(client: &Client, thing: &str, query: &LineageQuery) -> Result<Graph, Failure> {
    let meant = meant(thing)?;
    let mut last = None;
    for id in &meant {
        let name: Vec<String> = id.id.split('/').map(escape).collect();
        match client.get(&format!("{PATH}/{}/{}", id.kind, name.join("/")), query) {
            Err(failure) if failure.status() == Some(404) => last = Some(failure),
            other => return other,
        }
    }
    if meant.len() > 1 {
        return Err(Failure::user(format!("there is no `{thing}`, or it is not yours to see"))
            .hint("say what it is: `model:credit/3`, `dataset:loans/2`, `run:…`"));
    }
    Err(last.unwrap_or_else(|| Failure::user("nothing is asked about")))
}

/// What a text may mean, likeliest first.
fn meant(thing: &str) -> Result<Vec<NodeId>, Failure> {
    use NodeKind::{Artifact, Dataset, Decision, Deployment, Model, Run};
    if let Ok(id) = thing.parse() {
        return Ok(vec![id]);
    }
    let is_hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    let is_version = thing.rsplit_once('/').is_some_and(|(_, n)| n.parse::<u32>().is_ok());
    let kinds: &[NodeKind] = match thing.len() {
        64 if is_hex(thing) => &[Artifact],
        32 if is_hex(thing) => &[Run],
        36 if is_hex(&thing.replace('-', "")) => &[Decision, Run],
        _ if is_version => &[Model, Dataset],
        _ => &[Deployment],
    };
    let id = |kind: &NodeKind| {
        NodeId::new(*kind, thing).map_err(|error| Failure::user(error.to_string()))
    };
    kinds.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_told_by_their_form() {
        let shown = |thing: &str| {
            let ids = meant(thing).expect("something");
            ids.iter().map(|id| id.kind.as_str()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("credit/3"), "model dataset");
        assert_eq!(shown("credit-default"), "deployment");
        assert_eq!(shown("dataset:loans/2"), "dataset");
        assert_eq!(shown(&"ab".repeat(32)), "artifact");
        assert_eq!(shown(&"ab".repeat(16)), "run");
        assert_eq!(shown("0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01"), "decision run");
    }
}
