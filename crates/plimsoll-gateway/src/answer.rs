//! Answers: what leaves, in the shapes of the caller's protocol.

use plimsoll_contract::Field;
use plimsoll_types::record::{Explanation, Output, ReasonRef};
use plimsoll_types::{DecisionId, Refusal, RefusalCode};
use std::fmt::Arguments;
use std::io::Write as _;

/// The protocol whose shapes an answer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Open Inference Protocol v2, REST.
    Oip,
}

/// An answer, ready to be written to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The decision it belongs to, for the header `plimsoll-decision-id`.
    pub id: DecisionId,
    /// The body, JSON.
    pub body: Vec<u8>,
    /// Seconds after which to try again, for the header `retry-after`.
    pub retry_after: Option<u32>,
    /// Whether a recorded answer was given again.
    pub replayed: bool,
    /// Why it is not an answer, for logs and metrics.
    pub code: Option<RefusalCode>,
    /// Nanoseconds by phase, in the order of [`Phase::ALL`].
    pub nanos: [u32; 12],
}

/// What an answer says.
#[derive(Debug)]
pub(crate) struct Answered<'a> {
    pub(crate) id: DecisionId,
    pub(crate) deployment: &'a str,
    pub(crate) version: u32,
    pub(crate) caller_id: Option<&'a str>,
    pub(crate) rows: usize,
    pub(crate) outputs: &'a [Output<'a>],
    /// Whether the model answers in 64 bits.
    pub(crate) is_double: bool,
    pub(crate) is_fallback: bool,
    /// Why, if the caller asked.
    pub(crate) explanation: Option<&'a Explanation>,
    /// What contributions belong to.
    pub(crate) features: &'a [Field],
    /// The answer waits for a person: it is accepted, and without outputs.
    pub(crate) is_held: bool,
}

/// When to ask again for an answer that waits for a person, in seconds.
const HELD_RETRY: u32 = 30;

impl Answer {
    /// The refusal of a request in the shape of `protocol`.
    #[must_use]
    pub fn refusal(protocol: Protocol, id: DecisionId, refusal: &Refusal) -> Self {
        let Protocol::Oip = protocol;
        let body = serde_json::json!({
            "error": said(refusal), "code": refusal.code, "phase": refusal.phase,
            "field": refusal.field, "row": refusal.row, "decision_id": id,
        });
        Self {
            status: status(refusal.code),
            id,
            body: body.to_string().into_bytes(),
            retry_after: retry_after(refusal.code),
            replayed: false,
            code: Some(refusal.code),
            nanos: [0; 12],
        }
    }

    /// The answer of a model, Open Inference Protocol v2.
    pub(crate) fn oip(answered: &Answered<'_>) -> Self {
        let mut body = Vec::with_capacity(256 + 24 * answered.rows);
        write_oip(answered, &mut body);
        Self {
            // RFC 9110 §15.3.3: accepted, not completed. Nobody can take it for an answer.
            status: if answered.is_held { 202 } else { 200 },
            id: answered.id,
            body,
            retry_after: answered.is_held.then_some(HELD_RETRY),
            replayed: false,
            code: None,
            nanos: [0; 12],
        }
    }
}

/// Names of deployments and outputs are of a small alphabet, and a caller's id was checked
/// when it was read, so only numbers need the serializer.
fn write_oip(answered: &Answered<'_>, out: &mut Vec<u8>) {
    let a = answered;
    put(
        out,
        format_args!(r#"{{"model_name":"{}","model_version":"{}","id":"#, a.deployment, a.version),
    );
    match a.caller_id {
        Some(id) => put(out, format_args!("{}", serde_json::Value::from(id))),
        None => put(out, format_args!(r#""{}""#, a.id)),
    }
    put(out, format_args!(r#","parameters":{{"decision_id":"{}""#, a.id));
    if a.is_fallback {
        out.extend_from_slice(br#","fallback":true"#);
    }
    if a.is_held {
        out.extend_from_slice(br#","review":"pending""#);
    }
    out.extend_from_slice(br#"},"outputs":["#);
    for (index, output) in a.outputs.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(out, format_args!(r#"{{"name":"{}","shape":[{}"#, output.name, a.rows));
        if output.width > 1 {
            put(out, format_args!(",{}", output.width));
        }
        let datatype = if a.is_double { "FP64" } else { "FP32" };
        put(out, format_args!(r#"],"datatype":"{datatype}","data":["#));
        for (index, value) in output.values.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            write_number(*value, a.is_double, out);
        }
        out.extend_from_slice(b"]}");
    }
    if let Some(explanation) = a.explanation {
        write_explanation(explanation, a.features, out);
    }
    out.extend_from_slice(b"]}");
}

/// The explanation as output tensors: names of features, contributions and base in units of
/// the margin, and reason codes by weight, padded with empty texts.
fn write_explanation(explanation: &Explanation, features: &[Field], out: &mut Vec<u8>) {
    let rows = explanation.rows.len();
    let names = features.iter().map(|field| field.name.as_str());
    write_texts("explanation.features", &[features.len()], names, out);
    let width = explanation.contributions.len().checked_div(rows).unwrap_or_default();
    let contributions = explanation.contributions.iter().copied();
    write_doubles("explanation.contributions", &[rows, width], contributions, out);
    write_doubles("explanation.base", &[rows], explanation.rows.iter().map(|row| row.base), out);
    let of = |row: usize| {
        let here = move |reason: &&ReasonRef| usize::try_from(reason.row) == Ok(row);
        explanation.reasons.iter().filter(here)
    };
    let most = (0..rows).map(|row| of(row).count()).max().unwrap_or_default();
    let codes = (0..rows).flat_map(|row| {
        let codes = of(row).map(|reason| &*reason.code);
        codes.chain(std::iter::repeat("")).take(most)
    });
    write_texts("explanation.reasons", &[rows, most], codes, out);
}

fn write_doubles(
    name: &str,
    shape: &[usize],
    values: impl Iterator<Item = f64>,
    out: &mut Vec<u8>,
) {
    begin_tensor(name, "FP64", shape, out);
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // Contributions are checked to be finite; null is the honest number otherwise.
        if !value.is_finite() || serde_json::to_writer(&mut *out, &value).is_err() {
            out.extend_from_slice(b"null");
        }
    }
    out.extend_from_slice(b"]}");
}

fn write_texts<'a>(
    name: &str,
    shape: &[usize],
    texts: impl Iterator<Item = &'a str>,
    out: &mut Vec<u8>,
) {
    begin_tensor(name, "BYTES", shape, out);
    for (index, text) in texts.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(out, format_args!("{}", serde_json::Value::from(text)));
    }
    out.extend_from_slice(b"]}");
}

fn begin_tensor(name: &str, datatype: &str, shape: &[usize], out: &mut Vec<u8>) {
    put(out, format_args!(r#",{{"name":"{name}","datatype":"{datatype}","shape":"#));
    put(out, format_args!(r#"{shape:?},"data":["#));
}

/// The shortest text of a float of its width; null for what JSON has no word for.
#[expect(clippy::cast_possible_truncation, reason = "not double: a 32-bit float, held in 64")]
fn write_number(value: f64, is_double: bool, out: &mut Vec<u8>) {
    let written = match is_double {
        _ if !value.is_finite() => return out.extend_from_slice(b"null"),
        true => serde_json::to_writer(&mut *out, &value),
        false => serde_json::to_writer(&mut *out, &(value as f32)),
    };
    // Writing into a vector cannot fail; if it did, null is the honest number.
    if written.is_err() {
        out.extend_from_slice(b"null");
    }
}

/// Appends formatted text. Writing into a vector cannot fail.
fn put(out: &mut Vec<u8>, text: Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

/// What a caller is told of a refusal, in words.
#[must_use]
pub fn said(refusal: &Refusal) -> String {
    let field =
        refusal.field.as_ref().map_or_else(String::new, |field| format!(": field `{field}`"));
    let row = refusal.row.map_or_else(String::new, |row| format!(", row {row}"));
    let rule = refusal.rule.as_ref().map_or_else(String::new, |rule| format!(": {rule}"));
    format!("{}{field}{row}{rule}", words(refusal.code))
}

/// The HTTP status of a refusal: what the caller can do about it.
#[must_use]
pub const fn status(code: RefusalCode) -> u16 {
    use RefusalCode as C;
    match code {
        C::Unauthenticated | C::KeyExpired | C::KeyRevoked => 401,
        C::Forbidden | C::WrongEnvironment | C::UngovernedChange => 403,
        C::UnknownDeployment | C::VersionNotServed | C::NotFound => 404,
        C::MethodNotAllowed => 405,
        C::IdempotencyInFlight => 409,
        C::BodyTooLarge => 413,
        C::UnsupportedMediaType | C::UnsupportedEncoding => 415,
        C::IdempotencyMismatch => 422,
        C::RateLimited => 429,
        C::ModelFailed | C::OutputRejected | C::ExplanationFailed | C::Internal => 500,
        C::Draining | C::NotReady | C::Overloaded | C::LedgerUnavailable => 503,
        C::DeadlineExceeded => 504,
        _ => 400,
    }
}

const fn retry_after(code: RefusalCode) -> Option<u32> {
    use RefusalCode as C;
    match code {
        C::RateLimited
        | C::Overloaded
        | C::LedgerUnavailable
        | C::IdempotencyInFlight
        | C::Draining => Some(1),
        C::NotReady => Some(5),
        _ => None,
    }
}

/// What a refusal says to the caller.
const fn words(code: RefusalCode) -> &'static str {
    use RefusalCode as C;
    match code {
        C::BodyTooLarge => "the request body is too large",
        C::UnsupportedMediaType => "the content type must be application/json",
        C::UnsupportedEncoding => "the content encoding must be identity or gzip",
        C::DecompressionLimit => "the compressed body cannot be read",
        C::MalformedRequest => "the request is malformed",
        C::DeadlineExceeded => "the deadline passed before the answer was ready",
        C::Draining => "the server is shutting down",
        C::NotFound => "there is nothing at this path",
        C::MethodNotAllowed => "the path does not have this method",
        C::UngovernedChange => "what is served changes by a governed release only",
        // One word for all three: a caller without a valid key learns nothing of the others.
        C::Unauthenticated | C::KeyExpired | C::KeyRevoked => "a valid API key is required",
        // Triton's clients look for this beginning.
        C::UnknownDeployment => "Request for unknown model: no such deployment",
        C::VersionNotServed => "Request for unknown model: this version does not answer",
        C::NotReady => "the deployment is not ready",
        C::Forbidden => "policy does not permit this",
        C::WrongEnvironment => "the key belongs to another environment",
        C::RateLimited => "too many requests",
        C::Overloaded => "too much load",
        C::LedgerUnavailable => "the decision cannot be recorded",
        C::IdempotencyInFlight => "the same idempotency key is being answered",
        C::IdempotencyMismatch => "the idempotency key came with another request before",
        C::IdempotencyInvalid => "the idempotency key is malformed",
        C::MalformedJson => "the body is not JSON",
        C::NestingTooDeep => "the JSON is nested too deep",
        C::DuplicateKey => "an object has the same key twice",
        C::InvalidUtf8 => "the body is not UTF-8",
        C::BareNan => "NaN and Infinity are not JSON; send null where the contract allows it",
        C::IntegerUnsafe => "integers must be within 2^53",
        C::MalformedEnvelope => "the request does not have the protocol's shape",
        C::ShapeMismatch => "data and shape disagree",
        C::DatatypeMismatch => "the datatype does not fit",
        C::TooManyRows => "too many rows",
        C::UnknownField => "the contract has no such field",
        C::MissingField => "a field is missing",
        C::DuplicateField => "a field comes twice",
        C::NullNotAllowed => "null is not allowed",
        C::WrongKind => "the value is of the wrong kind",
        C::OutOfRange => "the value is out of range",
        C::NotAllowedValue => "the value is not one of the allowed ones",
        C::TooLong => "the text is too long",
        C::PatternMismatch => "the text does not match its pattern",
        C::InvalidTimestamp => "not a timestamp",
        C::MissingMapping => "an id that the contract requires is missing",
        C::ModelFailed => "the model failed",
        C::OutputRejected => "the model's answer was rejected",
        C::ExplanationFailed => "the answer could not be explained",
        C::Internal => "something of ours broke",
    }
}
