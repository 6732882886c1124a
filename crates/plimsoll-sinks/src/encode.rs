//! Events as HTTP messages: CloudEvents 1.0.2, HTTP protocol binding 1.0.2 and JSON format.

use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use plimsoll_api::{CloudEvent, SinkFormat};
use serde_json::{Map, Value};

/// The most events of one batched request.
pub const MAX_BATCH: usize = 100;
/// About how long the body of a batch gets before another begins, in bytes.
const MAX_BATCH_BYTES: usize = 1 << 20;

const STRUCTURED: HeaderValue =
    HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
const BATCH: HeaderValue =
    HeaderValue::from_static("application/cloudevents-batch+json; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is posted.
#[derive(Debug, Clone)]
pub struct Message {
    /// The id of the message for its signature: stays the same when it is sent again.
    pub id: String,
    /// The headers that the format asks for.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
    /// How many events it carries.
    pub count: usize,
}

/// The next message of these events, which carries at least the first of them.
#[must_use]
pub fn encode(format: SinkFormat, events: &[&CloudEvent]) -> Option<Message> {
    let (first, _) = events.split_first()?;
    let mut headers = HeaderMap::new();
    let (id, body, count) = match format {
        SinkFormat::Structured => {
            headers.insert(CONTENT_TYPE, STRUCTURED);
            (message_id(first), document(first).to_string().into_bytes(), 1)
        }
        SinkFormat::Binary => {
            headers.insert(CONTENT_TYPE, JSON);
            attributes(first, &mut headers);
            (message_id(first), first.data.to_string().into_bytes(), 1)
        }
        SinkFormat::Batch => {
            headers.insert(CONTENT_TYPE, BATCH);
            let (body, count) = batch(events);
            (format!("{}+{count}", message_id(first)), body, count)
        }
    };
    Some(Message { id, headers, body, count })
}

/// Events of one record may share their id (KServe's do); messages may not.
fn message_id(event: &CloudEvent) -> String {
    match event.kind.strip_prefix("org.kubeflow.serving.inference.") {
        Some(half) => format!("{}.{half}", event.id),
        None => event.id.clone(),
    }
}

/// The JSON format (structured mode).
fn document(event: &CloudEvent) -> Value {
    let mut document = Map::new();
    let mut put = |name: &str, value: &str| document.insert(name.into(), value.into());
    put("specversion", "1.0");
    put("id", &event.id);
    put("source", &event.source);
    put("type", &event.kind);
    if let Some(subject) = &event.subject {
        put("subject", subject);
    }
    put("time", &event.time.to_string());
    for (name, value) in &event.extensions {
        put(name, value);
    }
    put("datacontenttype", "application/json");
    document.insert("data".into(), event.data.clone());
    Value::Object(document)
}

/// The attributes as headers (binary mode).
fn attributes(event: &CloudEvent, headers: &mut HeaderMap) {
    let mut put = |name: &'static str, value: &str| {
        let name = HeaderName::from_bytes(format!("ce-{name}").as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&percent(value))) {
            headers.insert(name, value);
        }
    };
    put("specversion", "1.0");
    put("id", &event.id);
    put("source", &event.source);
    put("type", &event.kind);
    if let Some(subject) = &event.subject {
        put("subject", subject);
    }
    put("time", &event.time.to_string());
    for (name, value) in &event.extensions {
        put(name, value);
    }
}

/// Header values, percent-encoded as in §3.1.3.2 of the HTTP binding: everything outside
/// printable ASCII, and space, double quote and percent.
fn percent(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        if matches!(byte, 0x21..=0x7e) && !matches!(byte, b'"' | b'%') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn batch(events: &[&CloudEvent]) -> (Vec<u8>, usize) {
    let mut body = vec![b'['];
    let mut count = 0;
    for event in events.iter().take(MAX_BATCH) {
        let text = document(event).to_string();
        if count > 0 && body.len().saturating_add(text.len()) > MAX_BATCH_BYTES {
            break;
        }
        if count > 0 {
            body.push(b',');
        }
        body.extend_from_slice(text.as_bytes());
        count += 1;
    }
    body.push(b']');
    (body, count)
}
