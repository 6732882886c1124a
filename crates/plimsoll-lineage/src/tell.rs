//! OpenLineage's run events, as this installation tells of what happens in its registry.

use crate::event::{RunState, SCHEMA_URL};
use crate::graph::NodeId;
use plimsoll_types::Time;
use serde_json::{Map, Value, json};

/// What our facets are described by, in the documents.
const FACET_URL: &str = "https://github.com/plimsoll/plimsoll/blob/main/docs/lineage.md#facets";

/// A change that is told as the run of a job.
#[derive(Clone, Debug)]
pub struct Telling<'a> {
    /// When.
    pub time: Time,
    /// The event that recorded it: the id of the run.
    pub run: String,
    /// The namespace: the installation.
    pub namespace: &'a str,
    /// What was done, as `Release`.
    pub job: &'a str,
    /// Whether it was carried out.
    pub state: RunState,
    /// Who tells it: an address of the program.
    pub producer: &'a str,
    /// What it took.
    pub inputs: &'a [NodeId],
    /// What it made or changed.
    pub outputs: &'a [NodeId],
    /// What else is to be told: a facet of the run, `plimsoll_change`.
    pub facts: Map<String, Value>,
}

/// The event, by the specification 2-0-2.
#[must_use]
pub fn openlineage(telling: &Telling<'_>) -> Value {
    let data = |ids: &[NodeId]| -> Vec<Value> {
        let name = |id: &NodeId| format!("{}/{}", id.kind, id.id);
        ids.iter().map(|id| json!({"namespace": "plimsoll", "name": name(id)})).collect()
    };
    let mut facet = telling.facts.clone();
    facet.insert("_producer".into(), telling.producer.into());
    facet.insert("_schemaURL".into(), FACET_URL.into());
    let micros = i64::try_from(telling.time.as_micros()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
    json!({
        "eventTime": format!("{time:.6}"),
        "producer": telling.producer,
        "schemaURL": SCHEMA_URL,
        "eventType": telling.state.as_str(),
        "run": {"runId": telling.run, "facets": {"plimsoll_change": facet}},
        "job": {"namespace": telling.namespace, "name": telling.job},
        "inputs": data(telling.inputs),
        "outputs": data(telling.outputs),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::read_event;

    #[test]
    fn what_is_told_is_read_back() {
        let id = |text: &str| text.parse::<NodeId>().expect("an id");
        let (inputs, outputs) = ([id("dataset:loans/2")], [id("model:credit/3")]);
        let told = openlineage(&Telling {
            time: Time::from_micros(1_800_000_000_000_000),
            run: "0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01".into(),
            namespace: "urn:plimsoll:x",
            job: "CreateVersion",
            state: RunState::Complete,
            producer: "https://github.com/plimsoll/plimsoll",
            inputs: &inputs,
            outputs: &outputs,
            facts: Map::from_iter([("number".into(), 3.into())]),
        });
        let read = read_event(told.to_string().as_bytes()).expect("an event");
        assert_eq!(read.inputs[0].node, inputs[0]);
        assert_eq!(read.outputs[0].node, outputs[0]);
        assert_eq!(read.run_facets["plimsoll_change"]["number"], 3);
        assert_eq!(read.time.as_micros(), 1_800_000_000_000_000);
    }
}
