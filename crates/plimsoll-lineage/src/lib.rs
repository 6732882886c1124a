//! What came from what: the graph of datasets, runs, model versions, deployments and decisions;
//! its pictures as text, DOT and SVG; OpenLineage's events in and out; and provenance as in-toto
//! statements.
//!
//! **Architecture invariant:** pure: takes values and text, gives values and text. Knows no
//! storage, asks nobody, reads no clock, decides nothing about who may see what.

mod draw;
mod event;
mod graph;
mod layout;
mod provenance;
mod tell;

pub use draw::{dot, svg, tree};
pub use event::{
    DatasetRef, EventError, MAX_EVENT_BYTES, RunEvent, RunState, SCHEMA_URL, read_event,
};
pub use graph::{Direction, Edge, EdgeKind, Graph, Node, NodeId, NodeIdError, NodeKind};
pub use provenance::{Material, Provenance, SLSA_PREDICATE, STATEMENT, statement};
pub use tell::{Telling, openlineage};
