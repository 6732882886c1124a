//! OpenLineage's run events, read as text of a stranger: bounded and checked against the
//! specification 2-0-2 (`spec/OpenLineage.json`).

use crate::graph::{NodeId, NodeKind};
use plimsoll_types::{Digest, Time};
use serde_json::{Map, Value};
use std::fmt;
use uuid::Uuid;

/// The largest event: the facets of a job of a thousand columns have some hundred KiB.
pub const MAX_EVENT_BYTES: usize = 1 << 20;
/// The specification that events of ours follow.
pub const SCHEMA_URL: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
/// Data that one event reads or makes.
const MAX_DATASETS: usize = 1_000;
/// Facets of one thing: the specification has 38.
const MAX_FACETS: usize = 256;
/// The longest namespace or name, in bytes: an address.
const MAX_NAME: usize = 1_000;
/// The namespace of what this installation knows by itself.
const OURS: &str = "plimsoll";

/// Why an event is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Too large.
    #[error("an event has at most {MAX_EVENT_BYTES} bytes")]
    Size,
    /// No JSON object.
    #[error("the event is no JSON object")]
    Json,
    /// About a job or dataset and no run.
    #[error("the event is about no run: `run` and `job` must be there")]
    NoRun,
    /// A member that is missing or not what the specification says.
    #[error("`{0}` is missing, or not what specification 2-0-2 says")]
    Member(&'static str),
    /// A facet without what every facet must have.
    #[error("a facet of `{0}` is no object with `_producer` and `_schemaURL`")]
    Facet(&'static str),
    /// More than is kept.
    #[error("`{0}` has too many members")]
    TooMany(&'static str),
}

/// How far a run is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RunState {
    /// It began.
    Start,
    /// It goes on.
    Running,
    /// It ended well.
    Complete,
    /// It was stopped.
    Abort,
    /// It failed.
    Fail,
    /// Something else is told about it.
    Other,
}

impl RunState {
    const ALL: &'static [Self] =
        &[Self::Start, Self::Running, Self::Complete, Self::Abort, Self::Fail, Self::Other];

    /// OpenLineage's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Running => "RUNNING",
            Self::Complete => "COMPLETE",
            Self::Abort => "ABORT",
            Self::Fail => "FAIL",
            Self::Other => "OTHER",
        }
    }
    /// Whether nothing follows.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Complete | Self::Abort | Self::Fail)
    }
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Data that a run read or made.
#[derive(Clone, PartialEq, Debug)]
pub struct DatasetRef {
    /// What it is here: known by its name in our namespace, by the digest in its version facet,
    /// or else by the name it has elsewhere.
    pub node: NodeId,
    /// Everything else that was told of it.
    pub facets: Map<String, Value>,
}

/// What a run event says.
#[derive(Clone, PartialEq, Debug)]
pub struct RunEvent {
    /// When.
    pub time: Time,
    /// How far the run is.
    pub state: RunState,
    /// Who tells it, as an address.
    pub producer: String,
    /// The run's id: a UUID, in its usual form.
    pub run: String,
    /// The namespace of its job.
    pub namespace: String,
    /// The name of its job.
    pub job: String,
    /// The facets of the run.
    pub run_facets: Map<String, Value>,
    /// The facets of the job.
    pub job_facets: Map<String, Value>,
    /// What it read.
    pub inputs: Vec<DatasetRef>,
    /// What it made.
    pub outputs: Vec<DatasetRef>,
}

/// Reads a run event.
///
/// # Errors
/// [`EventError`]: the first thing that is wrong. It never repeats what was sent.
pub fn read_event(bytes: &[u8]) -> Result<RunEvent, EventError> {
    if bytes.len() > MAX_EVENT_BYTES {
        return Err(EventError::Size);
    }
    let event: Map<String, Value> = serde_json::from_slice(bytes).map_err(|_| EventError::Json)?;
    let (Some(Value::Object(run)), Some(Value::Object(job))) = (event.get("run"), event.get("job"))
    else {
        return Err(EventError::NoRun);
    };
    let state = match event.get("eventType") {
        None | Some(Value::Null) => RunState::Other,
        Some(word) => {
            let known = RunState::ALL.iter().copied().find(|s| word.as_str() == Some(s.as_str()));
            known.ok_or(EventError::Member("eventType"))?
        }
    };
    if !text(&event, "schemaURL")?.contains("RunEvent") {
        return Err(EventError::Member("schemaURL"));
    }
    let id = text(run, "runId")?;
    let id = Uuid::try_parse(id).map_err(|_| EventError::Member("runId"))?;
    Ok(RunEvent {
        time: time(text(&event, "eventTime")?)?,
        state,
        producer: text(&event, "producer")?.to_owned(),
        run: id.as_hyphenated().to_string(),
        namespace: text(job, "namespace")?.to_owned(),
        job: text(job, "name")?.to_owned(),
        run_facets: facets(run, "facets", "run")?,
        job_facets: facets(job, "facets", "job")?,
        inputs: datasets(&event, "inputs", "inputFacets")?,
        outputs: datasets(&event, "outputs", "outputFacets")?,
    })
}

/// Names of members are told in errors, so they are ours and not the sender's.
fn text<'a>(of: &'a Map<String, Value>, member: &'static str) -> Result<&'a str, EventError> {
    let found = of.get(member).and_then(Value::as_str);
    let fits = |text: &&str| {
        !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
    };
    found.filter(fits).ok_or(EventError::Member(member))
}

fn time(text: &str) -> Result<Time, EventError> {
    let time: jiff::Timestamp = text.parse().map_err(|_| EventError::Member("eventTime"))?;
    let micros = u64::try_from(time.as_microsecond());
    micros.map(Time::from_micros).map_err(|_| EventError::Member("eventTime"))
}

fn facets(
    of: &Map<String, Value>,
    member: &str,
    whose: &'static str,
) -> Result<Map<String, Value>, EventError> {
    let found = match of.get(member) {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::Object(found)) => found,
        Some(_) => return Err(EventError::Facet(whose)),
    };
    if found.len() > MAX_FACETS {
        return Err(EventError::TooMany(whose));
    }
    let is_facet = |facet: &Value| {
        let has = |member| facet.get(member).is_some_and(Value::is_string);
        has("_producer") && has("_schemaURL")
    };
    if found.values().all(is_facet) { Ok(found.clone()) } else { Err(EventError::Facet(whose)) }
}

fn datasets(
    event: &Map<String, Value>,
    member: &'static str,
    more: &str,
) -> Result<Vec<DatasetRef>, EventError> {
    let list = match event.get(member) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) if list.len() <= MAX_DATASETS => list,
        Some(Value::Array(_)) => return Err(EventError::TooMany(member)),
        Some(_) => return Err(EventError::Member(member)),
    };
    let read = |one: &Value| {
        let one = one.as_object().ok_or(EventError::Member(member))?;
        let (namespace, name) = (text(one, "namespace")?, text(one, "name")?);
        let mut all = facets(one, "facets", member)?;
        let node = known(namespace, name, &all).ok_or(EventError::Member("name"))?;
        all.extend(facets(one, more, member)?);
        if node.kind != NodeKind::Source {
            // What it is called elsewhere would be lost otherwise.
            all.insert("name".into(), format!("{namespace}#{name}").into());
        }
        Ok(DatasetRef { node, facets: all })
    };
    list.iter().map(read).collect()
}

/// What a dataset of OpenLineage is here. A version facet that says `sha256:` and a digest names
/// bytes, and that is better than any name.
fn known(namespace: &str, name: &str, facets: &Map<String, Value>) -> Option<NodeId> {
    if namespace == OURS {
        let (kind, id) = name.split_once('/')?;
        let node = NodeId::new(kind.parse().ok()?, id).ok()?;
        let is_data = !matches!(node.kind, NodeKind::Run | NodeKind::Decision);
        return is_data.then_some(node);
    }
    let version = facets.get("version").and_then(|facet| facet.get("datasetVersion"));
    let digest = version.and_then(Value::as_str).and_then(|text| text.strip_prefix("sha256:"));
    match digest.and_then(|text| text.parse::<Digest>().ok()) {
        Some(digest) => NodeId::new(NodeKind::Artifact, digest.to_string()).ok(),
        None => NodeId::new(NodeKind::Source, format!("{namespace}#{name}")).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    const RUN: &str = "0190b5a1-6c2f-7d3e-8f4a-5b6c7d8e9f01";

    fn event() -> Value {
        json!({
            "eventTime": "2026-11-01T10:00:00.5+01:00", "producer": "https://example.org/p",
            "schemaURL": SCHEMA_URL, "eventType": "COMPLETE",
            "run": {"runId": RUN.to_uppercase(), "facets": {"seed": {
                "_producer": "x:y", "_schemaURL": "x:z", "value": 7}}},
            "job": {"namespace": "n", "name": "train"},
            "inputs": [{"namespace": "s3://b", "name": "loans.csv"},
                       {"namespace": "plimsoll", "name": "dataset/loans/2"}],
            "outputs": [{"namespace": "s3://b", "name": "model", "facets": {"version": {
                "_producer": "x:y", "_schemaURL": "x:z",
                "datasetVersion": format!("sha256:{}", "ab".repeat(32))}}}],
        })
    }

    fn with(path: &str, value: Value) -> Result<RunEvent, EventError> {
        let mut event = event();
        *event.pointer_mut(path).expect("a member") = value;
        read_event(event.to_string().as_bytes())
    }

    #[test]
    fn an_event_is_read_whole() {
        let read = read_event(event().to_string().as_bytes()).expect("an event");
        assert_eq!(read.run, RUN);
        assert_eq!((read.state, read.time.as_millis()), (RunState::Complete, 1_793_523_600_500));
        let names: Vec<String> =
            read.inputs.iter().chain(&read.outputs).map(|data| data.node.to_string()).collect();
        let artifact = format!("artifact:{}", "ab".repeat(32));
        assert_eq!(names, ["source:s3://b#loans.csv", "dataset:loans/2", &artifact]);
        assert_eq!(read.outputs[0].facets["name"], "s3://b#model");
        assert_eq!(read.run_facets["seed"]["value"], 7);
    }

    #[test]
    fn what_the_specification_does_not_say_is_refused() {
        use EventError::{Facet, Member, NoRun, TooMany};
        let many = vec![json!({"namespace": "n", "name": "x"}); MAX_DATASETS + 1];
        for (path, value, error) in [
            ("/eventTime", json!("yesterday"), Member("eventTime")),
            ("/eventTime", json!("1969-01-01T00:00:00Z"), Member("eventTime")),
            ("/eventType", json!("DONE"), Member("eventType")),
            ("/producer", json!(""), Member("producer")),
            ("/schemaURL", json!("x#/$defs/JobEvent"), Member("schemaURL")),
            ("/run", json!(null), NoRun),
            ("/run/runId", json!("7"), Member("runId")),
            ("/run/facets/seed", json!({"value": 7}), Facet("run")),
            ("/run/facets", json!([]), Facet("run")),
            ("/job/name", json!("a\u{0}b"), Member("name")),
            ("/job/namespace", json!("x".repeat(1_001)), Member("namespace")),
            ("/inputs", json!({}), Member("inputs")),
            ("/inputs", json!(many), TooMany("inputs")),
            ("/inputs/0", json!("x"), Member("inputs")),
            ("/inputs/1/name", json!("decision/1"), Member("name")),
            ("/inputs/1/name", json!("loans"), Member("name")),
        ] {
            assert_eq!(with(path, value.clone()), Err(error), "{path} {value}");
        }
        assert_eq!(read_event(b"[]"), Err(EventError::Json));
        assert_eq!(read_event(&vec![b' '; MAX_EVENT_BYTES + 1]), Err(EventError::Size));
        assert_eq!(with("/eventType", json!(null)).expect("may be absent").state, RunState::Other);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", at in 0usize..600) {
            drop(read_event(text.as_bytes()));
            let mut event = event().to_string().into_bytes();
            let place = at % event.len();
            event.splice(place..place, text.bytes());
            drop(read_event(&event));
        }
    }
}
