//! The graph of what came from what, walked from one thing, and OpenLineage's events taken in.
//!
//! Most steps are what registry, tracking, datasets and releases hold anyway, so they are looked
//! up and not written a second time: nothing can say another thing than they do. Only what events
//! of elsewhere tell is kept for itself.

use crate::act::Who;
use crate::artifact::sha256;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::Known;
use crate::error::ControlError;
use crate::ledger_scan::Pick;
use crate::lineage_steps::{Step, upstream_of_decision};
use crate::page::cursor;
use plimsoll_api as api;
use plimsoll_api::{Direction, Edge, EdgeKind, Graph, Node, NodeId, NodeKind};
use plimsoll_lineage::{DatasetRef, EventError, RunEvent, read_event};
use plimsoll_policy::Action;
use plimsoll_store::{LineageDataRow, LineageRunRow};
use plimsoll_types::record::Stage;
use plimsoll_types::{DecisionId, DeploymentId};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// Things of one answer, decisions not counted: more is no picture.
const MAX_NODES: usize = 1_000;
/// Steps of one answer.
const MAX_EDGES: usize = 10_000;
/// Steps away from the root, unless told, and at most.
const DEPTH: u32 = 16;
const MAX_DEPTH: u32 = 32;
/// Decisions, unless told, and at most.
const DECISIONS: u32 = 10;
const MAX_DECISIONS: u32 = 1_000;
/// Data that one run reads and makes, over all its events.
const MAX_DATA: u32 = 10_000;

/// A walk in one direction after the other.
struct Walk {
    nodes: BTreeMap<NodeId, Node>,
    order: Vec<NodeId>,
    edges: BTreeSet<Edge>,
    is_cut: bool,
    withheld: BTreeSet<NodeId>,
    /// Deployments whose decisions are wanted, with the versions that are meant; all if none is.
    deployments: BTreeMap<NodeId, BTreeSet<u32>>,
}

impl Control {
    /// The graph around a thing, as far as the caller may see it.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] if the thing is not there or the caller may not see it.
    pub fn lineage(
        &self,
        ctx: &RequestContext,
        root: &NodeId,
        query: &api::LineageQuery,
    ) -> Result<Graph, ControlError> {
        self.may_read(ctx, Action::ReadLineage, &self.server())?;
        let bounded = |wanted: Option<u32>, usual, low, high, field, detail| match wanted {
            None => Ok(usual),
            Some(n) if (low..=high).contains(&n) => Ok(n),
            Some(_) => Err(ControlError::invalid(field, detail)),
        };
        let depth = bounded(query.depth, DEPTH, 1, MAX_DEPTH, "depth", "must be 1 to 32")?;
        let decisions = bounded(
            query.decisions,
            DECISIONS,
            0,
            MAX_DECISIONS,
            "decisions",
            "must be 0 to 1000",
        )?;
        let before = cursor(query.cursor.as_deref())?;
        let missing = || ControlError::not_found(root.kind.as_str(), &root.id);
        let (root, node) = self.node(ctx, root)?.ok_or_else(missing)?;
        let mut walk = Walk {
            nodes: BTreeMap::from([(root.clone(), node)]),
            order: vec![root.clone()],
            edges: BTreeSet::new(),
            is_cut: false,
            withheld: BTreeSet::new(),
            deployments: BTreeMap::new(),
        };
        let direction = query.direction.unwrap_or_default();
        if direction != Direction::Down {
            self.walk(ctx, &mut walk, &root, true, depth)?;
        }
        if direction != Direction::Up {
            self.walk(ctx, &mut walk, &root, false, depth)?;
        }
        let next = self.add_decisions(ctx, &mut walk, decisions, before)?;
        let Walk { mut nodes, order, edges, is_cut, withheld, .. } = walk;
        Ok(Graph {
            root,
            nodes: order.iter().filter_map(|id| nodes.remove(id)).collect(),
            edges: edges.into_iter().collect(),
            is_cut: is_cut || next.is_some(),
            withheld: u32::try_from(withheld.len()).unwrap_or(u32::MAX),
            next_cursor: next.map(|index| index.to_string()),
        })
    }

    /// Breadth first, so that a bound leaves out what is furthest.
    fn walk(
        &self,
        ctx: &RequestContext,
        walk: &mut Walk,
        root: &NodeId,
        up: bool,
        depth: u32,
    ) -> Result<(), ControlError> {
        let mut seen = BTreeSet::from([root.clone()]);
        let mut queue = VecDeque::from([(root.clone(), 0)]);
        while let Some((id, far)) = queue.pop_front() {
            if !up && id.kind == NodeKind::Deployment {
                walk.deployments.entry(id.clone()).or_default();
            }
            let steps = self.steps(ctx, &id, up)?;
            if far >= depth {
                walk.is_cut |= !steps.is_empty();
                continue;
            }
            for Step { other, kind, goes_on } in steps {
                let Some((other, node)) = self.node(ctx, &other)? else {
                    walk.withheld.insert(other);
                    continue;
                };
                if other == id {
                    continue;
                }
                let is_new = !walk.nodes.contains_key(&other);
                if walk.edges.len() >= MAX_EDGES || (is_new && walk.nodes.len() >= MAX_NODES) {
                    walk.is_cut = true;
                    continue;
                }
                let (from, to) =
                    if up { (other.clone(), id.clone()) } else { (id.clone(), other.clone()) };
                walk.edges.insert(Edge { from, to, kind });
                if is_new {
                    walk.order.push(other.clone());
                    walk.nodes.insert(other.clone(), node);
                }
                if !up && other.kind == NodeKind::Deployment {
                    let versions = walk.deployments.entry(other.clone()).or_default();
                    versions.extend(id.version().map(|(_, number)| number));
                }
                if seen.insert(other.clone()) && goes_on {
                    queue.push_back((other, far + 1));
                }
            }
        }
        Ok(())
    }

    fn steps(
        &self,
        ctx: &RequestContext,
        id: &NodeId,
        up: bool,
    ) -> Result<Vec<Step>, ControlError> {
        if id.kind == NodeKind::Decision {
            return if up { self.steps_of_decision(ctx, id) } else { Ok(Vec::new()) };
        }
        self.store.read(|r| crate::lineage_steps::steps(r, id, up))
    }

    /// A decision came from the version that answered, and through its deployment.
    fn steps_of_decision(
        &self,
        ctx: &RequestContext,
        id: &NodeId,
    ) -> Result<Vec<Step>, ControlError> {
        let Ok(decision) = id.id.parse::<DecisionId>() else { return Ok(Vec::new()) };
        let Some(entry) = self.decision_entry(decision)? else { return Ok(Vec::new()) };
        let mut known = Known::default();
        let draft = &entry.leaf.draft;
        let Some(deployment) = draft.deployment else { return Ok(Vec::new()) };
        let Some(row) = self.visible(ctx, &mut known, deployment)? else { return Ok(Vec::new()) };
        let version = self.version_of(&row, draft)?;
        upstream_of_decision(
            row.name.as_str(),
            version.map(|(m, v)| (m.name.to_string(), v.number)),
        )
    }

    /// The newest decisions of the deployments that were found going down, and where earlier ones
    /// begin.
    fn add_decisions(
        &self,
        ctx: &RequestContext,
        walk: &mut Walk,
        limit: u32,
        before: Option<u64>,
    ) -> Result<Option<u64>, ControlError> {
        if limit == 0 || walk.deployments.is_empty() {
            return Ok(None);
        }
        let mut wanted: HashMap<DeploymentId, (NodeId, BTreeSet<u32>)> = HashMap::new();
        for (id, versions) in &walk.deployments {
            for row in self.store.read(|r| r.deployments_ever_named(&id.id))? {
                wanted.insert(row.id, (id.clone(), versions.clone()));
            }
        }
        let mut known = Known::default();
        let (found, next) = self.walk_back(before, limit, |entry| {
            let deployment = entry.leaf.draft.deployment;
            let Some((id, versions)) = deployment.and_then(|d| wanted.get(&d)) else {
                return Ok(Pick::Skip);
            };
            let Some(summary) = self.summary(ctx, &mut known, &entry, None)? else {
                return Ok(Pick::Skip);
            };
            let is_meant =
                versions.is_empty() || summary.version.is_some_and(|n| versions.contains(&n));
            if !is_meant {
                return Ok(Pick::Skip);
            }
            Ok(Pick::Show((id.clone(), summary)))
        })?;
        for (deployment, summary) in found {
            let Ok(id) = NodeId::new(NodeKind::Decision, summary.id.to_string()) else { continue };
            let edge = Edge { from: deployment, to: id.clone(), kind: EdgeKind::Decided };
            walk.edges.insert(edge);
            if !walk.nodes.contains_key(&id) {
                walk.order.push(id.clone());
                walk.nodes.insert(id.clone(), decision_node(id, &summary));
            }
        }
        Ok(next)
    }

    /// Takes in one event of OpenLineage's. It is durable when this returns; the end of a run
    /// leaves the digest of what was told of it in the ledger.
    ///
    /// # Errors
    /// [`ControlError::Invalid`] if it is no run event of specification 2-0-2.
    pub fn accept_lineage(&self, ctx: &RequestContext, bytes: &[u8]) -> Result<(), ControlError> {
        // No control event follows, so the permit has nothing to name.
        self.permit(ctx, Action::WriteLineage, &self.server()).map(drop)?;
        let event = read_event(bytes).map_err(refused)?;
        let (row, data) = rows(ctx, event);
        let run = row.id.clone();
        let ended = row.ended_at.is_some();
        self.store.together::<_, ControlError>(move |tx| {
            tx.put_lineage_run(&row, &data)?;
            if tx.lineage_size(&row.id)? > MAX_DATA {
                return Err(ControlError::conflict("the run has more data than is kept of one"));
            }
            Ok(())
        })?;
        if ended { self.seal_told_run(ctx, &run) } else { Ok(()) }
    }

    fn seal_told_run(&self, ctx: &RequestContext, run: &str) -> Result<(), ControlError> {
        let told = self.store.read(|r| {
            let row = r.lineage_run(run)?;
            Ok::<_, ControlError>((row, r.lineage_data(run, "in")?, r.lineage_data(run, "out")?))
        })?;
        let (Some(row), read, made) = told else { return Ok(()) };
        let line = |data: &LineageDataRow| {
            format!("{}\n", json!([data.direction, data.kind, data.id, data.facets]))
        };
        let head = json!([row.id, row.namespace, row.job, row.state, row.producer, row.facets]);
        let lines: String = read.iter().chain(&made).map(line).collect();
        let digest = sha256(format!("plimsoll-lineage 1\n{head}\n{lines}").as_bytes());
        let label = format!("run/{run}");
        let who = Who { principal: ctx.id, action: "EndRun", resource: &label };
        let payload = json!({
            "request": ctx.request_id,
            "facts": {"status": row.state, "digest": digest, "read": read.len(),
                      "made": made.len()},
        });
        self.note(who, Stage::Completed, payload)
    }
}

/// What an event is refused for; the specification's words and ours, never the sender's.
fn refused(error: EventError) -> ControlError {
    ControlError::invalid("event", error.to_string())
}

fn rows(ctx: &RequestContext, event: RunEvent) -> (LineageRunRow, Vec<LineageDataRow>) {
    let data = |direction: &'static str| {
        move |of: DatasetRef| LineageDataRow {
            direction: direction.into(),
            kind: of.node.kind.as_str().into(),
            id: of.node.id.into(),
            facets: json!(of.facets).to_string(),
        }
    };
    let read = event.inputs.into_iter().map(data("in"));
    let data = read.chain(event.outputs.into_iter().map(data("out"))).collect();
    let row = LineageRunRow {
        id: event.run,
        namespace: event.namespace,
        job: event.job,
        state: event.state.as_str().into(),
        producer: event.producer,
        facets: json!({"run": event.run_facets, "job": event.job_facets}).to_string(),
        author: ctx.id,
        began_at: event.time,
        ended_at: event.state.is_end().then_some(event.time),
    };
    (row, data)
}

pub(crate) fn decision_node(id: NodeId, summary: &api::DecisionSummary) -> Node {
    let label = format!("{} {}", summary.result, summary.time);
    let facts = json!({
        "time": summary.time, "result": summary.result, "deployment": summary.deployment,
        "version": summary.version, "index": summary.index,
    });
    Node { id, label, facts: facts.as_object().cloned().unwrap_or_default() }
}
