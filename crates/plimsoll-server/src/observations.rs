//! How decisions made elsewhere are told: lines of JSON, or CloudEvents 1.0, KServe's logger
//! included. Pure but for the halves that wait for each other.
//!
//! KServe's agent (`pkg/logger/worker.go`) sends two events per request, of the types
//! `org.kubeflow.serving.inference.request` and `.response`, with the same `id` and `source`.

use plimsoll_api as api;
use plimsoll_contract::parse_timestamp;
use plimsoll_gateway::Part;
use plimsoll_types::{Phase, Refusal, RefusalCode};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The types of KServe's logger.
const REQUEST: &str = "org.kubeflow.serving.inference.request";
const RESPONSE: &str = "org.kubeflow.serving.inference.response";
/// A whole decision as a CloudEvent: its data is an observation as in a line of JSON.
const OBSERVATION: &str = "io.plimsoll.observation.v1";
/// How long a half waits for the other: longer than any request takes.
pub(crate) const PAIR_WAIT: Duration = Duration::from_secs(60);
/// Halves that wait, and the bytes of their bodies. More push out those that wait longest, which
/// are recorded as incomplete.
const MAX_HALVES: usize = 8_192;
const MAX_HALVES_BYTES: usize = 64 << 20;
/// The longest id or source.
const MAX_NAME: usize = 512;
/// Numbers of one answer: as many as a request may have cells.
const MAX_NUMBERS: usize = 1 << 20;

/// Outputs: name, numbers per row, numbers.
pub(crate) type Outputs = Vec<(String, u32, Vec<f64>)>;

/// What was asked, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Question {
    Predict(Vec<u8>),
    Oip(Vec<u8>),
}

/// A decision as it was told, ready to be recorded.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) part: Part,
    pub(crate) time: Option<String>,
    pub(crate) question: Option<Question>,
    pub(crate) outputs: Outputs,
    pub(crate) trouble: Option<Refusal>,
}

/// What one item of a request is.
#[derive(Debug, PartialEq)]
pub(crate) enum Item {
    Whole(Told),
    /// One of two; the other has the same source and id.
    Half(Told),
}

/// The attributes of a CloudEvent that matter here.
#[derive(Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) source: String,
    pub(crate) id: String,
    pub(crate) time: Option<String>,
}

/// Halves that wait for each other, by deployment, source and id.
#[derive(Debug, Default)]
pub(crate) struct Pairs(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    halves: HashMap<Key, Half>,
    bytes: usize,
}

/// Deployment, source and id.
type Key = (String, String, String);

/// A half, who reported it, and until when it waits.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    pub(crate) deployment: String,
    pub(crate) told: Told,
    pub(crate) caller: std::sync::Arc<plimsoll_serving::Caller>,
    until: u64,
}

/// What a half met.
#[derive(Debug)]
pub(crate) enum Met {
    /// Its other half: the decision is whole.
    Whole(Told),
    /// The same half, which waits already.
    Same,
    /// Nothing; it waits now.
    Nothing,
}

impl Pairs {
    /// Brings a half together with its other, or lets it wait. Those that had to make room for it
    /// are given back, to be recorded as they are.
    pub(crate) fn meet(&self, half: Half) -> (Met, Vec<Half>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (half.deployment.clone(), half.told.source.clone(), half.told.id.clone());
        if let Some(other) = waiting.halves.get(&key) {
            if other.told.part == half.told.part {
                return (Met::Same, Vec::new());
            }
            let Some(other) = waiting.take(&key) else { return (Met::Nothing, Vec::new()) };
            return (Met::Whole(joined(other.told, half.told)), Vec::new());
        }
        let mut out = Vec::new();
        while waiting.halves.len() >= MAX_HALVES
            || (waiting.bytes > 0 && waiting.bytes + size(&half.told) > MAX_HALVES_BYTES)
        {
            let oldest = waiting.halves.iter().min_by_key(|(_, half)| half.until);
            let Some(key) = oldest.map(|(key, _)| key.clone()) else { break };
            out.extend(waiting.take(&key));
        }
        waiting.bytes += size(&half.told);
        waiting.halves.insert(key, half);
        (Met::Nothing, out)
    }

    /// Halves that waited long enough by `now`; all of them at the end.
    pub(crate) fn over(&self, now: u64) -> Vec<Half> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let over: Vec<Key> = waiting
            .halves
            .iter()
            .filter(|(_, half)| half.until <= now)
            .map(|(key, _)| key.clone())
            .collect();
        over.iter().filter_map(|key| waiting.take(key)).collect()
    }
}

impl Waiting {
    fn take(&mut self, key: &Key) -> Option<Half> {
        let half = self.halves.remove(key)?;
        self.bytes = self.bytes.saturating_sub(size(&half.told));
        Some(half)
    }
}

impl Half {
    pub(crate) fn new(
        deployment: &str,
        told: Told,
        caller: std::sync::Arc<plimsoll_serving::Caller>,
        now: u64,
    ) -> Self {
        let wait = u64::try_from(PAIR_WAIT.as_nanos()).unwrap_or(u64::MAX);
        Self { deployment: deployment.to_owned(), told, caller, until: now.saturating_add(wait) }
    }

    /// The half as a decision of its own, whose other half never came.
    pub(crate) fn alone(mut self) -> Self {
        let (code, rule) = match self.told.part {
            Part::Response => (RefusalCode::MissingField, "no event told what was asked"),
            _ => (RefusalCode::DeadlineExceeded, "no event told what was answered"),
        };
        let trouble = Refusal::new(Phase::Respond, code).with_rule(rule);
        self.told.trouble.get_or_insert(trouble);
        self
    }
}

fn size(told: &Told) -> usize {
    let question = match &told.question {
        Some(Question::Predict(body) | Question::Oip(body)) => body.len(),
        None => 0,
    };
    let numbers: usize = told.outputs.iter().map(|(_, _, values)| values.len() * 8).sum();
    question + numbers + told.source.len() + told.id.len() + 256
}

fn joined(first: Told, second: Told) -> Told {
    let (request, response) =
        if first.part == Part::Request { (first, second) } else { (second, first) };
    Told {
        part: Part::Whole,
        time: request.time.or(response.time),
        question: request.question,
        outputs: response.outputs,
        trouble: request.trouble.or(response.trouble),
        ..Told { source: request.source, id: request.id, ..empty() }
    }
}

fn empty() -> Told {
    Told {
        source: String::new(),
        id: String::new(),
        part: Part::Whole,
        time: None,
        question: None,
        outputs: Vec::new(),
        trouble: None,
    }
}

/// An observation as in a line of JSON.
pub(crate) fn line(deployment: &str, value: &[u8]) -> Result<Item, String> {
    let told: api::Observation = serde_json::from_slice(value)
        .map_err(|error| format!("it is no observation: {}", shape(&error)))?;
    whole(deployment, told)
}

fn whole(deployment: &str, told: api::Observation) -> Result<Item, String> {
    let source = told.source.unwrap_or_else(|| deployment.to_owned());
    names(&source, &told.id, told.time.as_deref())?;
    let body = serde_json::json!({"instances": [told.inputs]}).to_string().into_bytes();
    let (outputs, trouble) = match told.outputs {
        Some(outputs) => named(&outputs),
        None => (Vec::new(), None),
    };
    let question = Some(Question::Predict(body));
    let (time, id, part) = (told.time, told.id, Part::Whole);
    Ok(Item::Whole(Told { source, id, part, time, question, outputs, trouble }))
}

/// A CloudEvent in its structured mode.
pub(crate) fn structured(deployment: &str, value: &Value) -> Result<Item, String> {
    let Value::Object(event) = value else { return Err("a CloudEvent is an object".to_owned()) };
    let text = |name| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let attributes = Attributes {
        version: text("specversion"),
        kind: text("type"),
        source: text("source"),
        id: text("id"),
        time: event.get("time").and_then(Value::as_str).map(str::to_owned),
    };
    let data = match (event.get("data"), event.get("data_base64").and_then(Value::as_str)) {
        (Some(Value::String(text)), _) => text.clone().into_bytes(),
        (Some(data), _) => data.to_string().into_bytes(),
        (None, Some(text)) => {
            use base64::Engine as _;
            let decoded = base64::engine::general_purpose::STANDARD.decode(text);
            decoded.map_err(|_| "`data_base64` is not base64".to_owned())?
        }
        (None, None) => return Err("the event has no data".to_owned()),
    };
    event_of(deployment, attributes, &data)
}

/// A CloudEvent with these attributes and this data.
pub(crate) fn event_of(
    deployment: &str,
    attributes: Attributes,
    data: &[u8],
) -> Result<Item, String> {
    let Attributes { version, kind, source, id, time } = attributes;
    if version != "1.0" {
        return Err("`specversion` must be 1.0".to_owned());
    }
    names(&source, &id, time.as_deref())?;
    let half = |part, question, outputs, trouble| {
        let (source, id, time) = (source.clone(), id.clone(), time.clone());
        Ok(Item::Half(Told { source, id, part, time, question, outputs, trouble }))
    };
    match kind.as_str() {
        REQUEST => half(Part::Request, Some(question(data)), Vec::new(), None),
        RESPONSE => {
            let (outputs, trouble) = answer(data);
            half(Part::Response, None, outputs, trouble)
        }
        OBSERVATION => {
            let mut told: api::Observation = serde_json::from_slice(data)
                .map_err(|error| format!("its data is no observation: {}", shape(&error)))?;
            (told.id, told.source) = (id, Some(source));
            told.time = time.or(told.time);
            whole(deployment, told)
        }
        _ => Err(format!("`type` must be {REQUEST}, {RESPONSE} or {OBSERVATION}")),
    }
}

/// Where JSON broke, without the words of the parser: those may repeat a value.
fn shape(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

fn names(source: &str, id: &str, time: Option<&str>) -> Result<(), String> {
    let fits = |text: &str| !text.is_empty() && text.len() <= MAX_NAME;
    if !fits(source) || !fits(id) {
        return Err(format!("`id` and `source` must have 1 to {MAX_NAME} bytes"));
    }
    match time {
        Some(time) if parse_timestamp(time).is_none() => {
            Err("`time` must be a timestamp of RFC 3339".to_owned())
        }
        _ => Ok(()),
    }
}

/// A request's body: the Open Inference Protocol has `inputs` that are a list of objects.
fn question(data: &[u8]) -> Question {
    let is_oip = serde_json::from_slice::<Value>(data).is_ok_and(|value| {
        let inputs = value.get("inputs").and_then(Value::as_array);
        inputs.is_some_and(|inputs| inputs.iter().all(|one| one.get("datatype").is_some()))
    });
    if is_oip { Question::Oip(data.to_vec()) } else { Question::Predict(data.to_vec()) }
}

fn unread(rule: &'static str) -> Refusal {
    Refusal::new(Phase::Guard, RefusalCode::OutputRejected).with_field("outputs").with_rule(rule)
}

/// The numbers of a response: `predictions` of KServe v1, `outputs` of the Open Inference Protocol.
fn answer(data: &[u8]) -> (Outputs, Option<Refusal>) {
    let bad = |rule| (Vec::new(), Some(unread(rule)));
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return bad("must be JSON") };
    if let Some(predictions) = value.get("predictions") {
        return match numbers(predictions) {
            Some((width, values)) => (vec![("predictions".to_owned(), width, values)], None),
            None => bad("`predictions` must be numbers, or lists of as many numbers"),
        };
    }
    let Some(tensors) = value.get("outputs").and_then(Value::as_array) else {
        return bad("must have `predictions` or `outputs`");
    };
    let mut outputs = Vec::new();
    for tensor in tensors {
        let name = tensor.get("name").and_then(Value::as_str).filter(|n| n.len() <= MAX_NAME);
        let shape = tensor.get("shape").and_then(Value::as_array);
        let width: u64 = shape.map_or(1, |shape| {
            shape.iter().skip(1).map(|size| size.as_u64().unwrap_or(0)).product()
        });
        let (name, data) = (name.unwrap_or("output"), tensor.get("data").and_then(numbers));
        let Some((_, values)) = data else { return bad("`data` must be numbers") };
        let Ok(width) = u32::try_from(width.max(1)) else { return bad("`shape` is too wide") };
        outputs.push((name.to_owned(), width, values));
    }
    (outputs, None)
}

/// Outputs by name, each a number or a list of numbers: those of one row.
fn named(outputs: &Map<String, Value>) -> (Outputs, Option<Refusal>) {
    let mut read = Vec::new();
    for (name, value) in outputs {
        let one = value.as_f64().map(|number| vec![number]);
        let Some(values) = one.or_else(|| numbers(value).map(|(_, values)| values)) else {
            return (Vec::new(), Some(unread("must be numbers or lists of numbers")));
        };
        let Ok(width) = u32::try_from(values.len().max(1)) else { continue };
        read.push((name.clone(), width, values));
    }
    (read, None)
}

/// A list of numbers, or of lists of as many numbers each. Gives how many there are in a row.
fn numbers(value: &Value) -> Option<(u32, Vec<f64>)> {
    let rows = value.as_array()?;
    let mut values = Vec::new();
    let mut width = None;
    for row in rows {
        let before = values.len();
        match row {
            Value::Array(row) => {
                for number in row {
                    values.push(number.as_f64()?);
                }
            }
            number => values.push(number.as_f64()?),
        }
        let here = values.len() - before;
        if values.len() > MAX_NUMBERS || *width.get_or_insert(here) != here {
            return None;
        }
    }
    Some((u32::try_from(width.unwrap_or(1).max(1)).ok()?, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_policy::Principal;
    use plimsoll_types::PrincipalId;
    use std::sync::Arc;

    fn told(id: &str, part: Part) -> Told {
        Told { source: "s".into(), id: id.into(), part, ..empty() }
    }
    fn half(id: &str, part: Part, now: u64) -> Half {
        let caller = plimsoll_serving::Caller {
            index: 0,
            id: PrincipalId::from_bytes([1; 16]),
            principal: Principal::anonymous(),
            key: None,
        };
        Half::new("d", told(id, part), Arc::new(caller), now)
    }

    #[test]
    fn halves_meet_once_wait_and_are_given_up() {
        let pairs = Pairs::default();
        assert!(matches!(pairs.meet(half("a", Part::Request, 0)).0, Met::Nothing));
        assert!(matches!(pairs.meet(half("a", Part::Request, 0)).0, Met::Same));
        let (Met::Whole(whole), _) = pairs.meet(half("a", Part::Response, 1)) else { panic!() };
        assert_eq!(whole.part, Part::Whole);
        assert!(matches!(pairs.meet(half("b", Part::Response, 5)).0, Met::Nothing));
        let wait = u64::try_from(PAIR_WAIT.as_nanos()).expect("fits");
        assert!(pairs.over(wait).is_empty());
        let over = pairs.over(wait + 5);
        assert_eq!(over.len(), 1);
        let alone = over[0].clone().alone();
        assert_eq!(alone.told.trouble.expect("said").code, RefusalCode::MissingField);
        assert!(pairs.over(u64::MAX).is_empty());
    }

    #[test]
    fn a_full_buffer_gives_up_those_that_wait_longest() {
        let pairs = Pairs::default();
        for n in 0..MAX_HALVES {
            let (_, out) = pairs.meet(half(&n.to_string(), Part::Request, n as u64));
            assert!(out.is_empty());
        }
        let (_, out) = pairs.meet(half("more", Part::Request, 1 << 40));
        assert_eq!((out.len(), out[0].told.id.as_str()), (1, "0"));
    }

    #[test]
    fn answers_are_read_in_every_shape_or_said_to_be_unreadable() {
        let read = |text: &str| answer(text.as_bytes());
        let one =
            |name: &str, width, values: &[f64]| vec![(name.to_owned(), width, values.to_vec())];
        assert_eq!(read(r#"{"predictions":[0.5,1]}"#).0, one("predictions", 1, &[0.5, 1.0]));
        assert_eq!(
            read(r#"{"predictions":[[0.5,1],[2,3]]}"#).0,
            one("predictions", 2, &[0.5, 1.0, 2.0, 3.0])
        );
        let oip = r#"{"outputs":[{"name":"p","shape":[2,1],"datatype":"FP32","data":[0.5,1]}]}"#;
        assert_eq!(read(oip).0, one("p", 1, &[0.5, 1.0]));
        for text in [
            "",
            "{}",
            "[]",
            r#"{"predictions":["x"]}"#,
            r#"{"predictions":[[1],[1,2]]}"#,
            r#"{"outputs":[{"name":"p"}]}"#,
        ] {
            let (outputs, trouble) = read(text);
            assert!(outputs.is_empty() && trouble.is_some(), "{text}");
        }
    }

    #[test]
    fn what_is_no_observation_is_said_without_its_values() {
        for text in
            ["", "{}", r#"{"id":"secret-7","inputs":{},"more":1}"#, r#"{"id":"","inputs":{}}"#]
        {
            let why = line("d", text.as_bytes()).expect_err("refused");
            assert!(!why.contains("secret"), "{why}");
        }
        let event = serde_json::json!({"specversion": "1.0", "type": "other", "source": "s", "id": "1", "data": {}});
        assert!(structured("d", &event).is_err());
    }
}
