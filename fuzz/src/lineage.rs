//! What tools tell of lineage: run events of OpenLineage's, and names of things.

use crate::signature::Signature;
use plimsoll_lineage::{NodeId, read_event};

/// Words of its language.
pub(crate) const WORDS: &[&str] = &[
    "\"eventTime\":",
    "\"eventType\":\"COMPLETE\"",
    "\"runId\":",
    "\"facets\":{",
    "\"inputFacets\":{",
    "\"_producer\":\"a:b\"",
    "\"_schemaURL\":\"a:c\"",
    "\"datasetVersion\":\"sha256:",
    "\"namespace\":\"plimsoll\"",
    "dataset/loans/2",
    "2026-11-01T10:00:00+25:00",
];

/// Every thing that an event names has a name that is read back.
pub(crate) fn event(input: &[u8]) -> Signature {
    let read = read_event(input);
    if let Ok(event) = &read {
        for data in event.inputs.iter().chain(&event.outputs) {
            let text = data.node.to_string();
            assert_eq!(text.parse::<NodeId>().as_ref(), Ok(&data.node), "{text}");
        }
        assert_eq!(event.run.len(), 36);
    }
    Signature::of(&read, |event| event.inputs.len() + event.outputs.len())
}
