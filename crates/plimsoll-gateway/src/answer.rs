//! Answers: what leaves, in the shapes of the caller's protocol.

use crate::{answer_raw, answer_table};
use plimsoll_contract::Field;
use plimsoll_types::record::{Explanation, Output, ReasonRef};
use plimsoll_types::{DecisionId, Protocol, Refusal, RefusalCode};
use std::fmt::Arguments;
use std::io::Write as _;

/// An answer, ready to be written to a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The decision it belongs to, for the header `plimsoll-decision-id`.
    pub id: DecisionId,
    /// The body: JSON, unless the protocol says otherwise.
    pub body: Vec<u8>,
    /// Bytes of JSON in the body, if raw tensors follow it.
    pub json_len: Option<usize>,
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
    pub(crate) form: Form,
    /// Why, if the caller asked.
    pub(crate) explanation: Option<&'a Explanation>,
    /// What contributions belong to.
    pub(crate) features: &'a [Field],
    /// The answer waits for a person: it is accepted, and without outputs.
    pub(crate) is_held: bool,
}

/// When to ask again for an answer that waits for a person, in seconds.
const HELD_RETRY: u32 = 30;

/// How the caller wants the answer written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Form {
    /// Outputs as raw bytes.
    pub(crate) binary: bool,
    /// Outputs by column.
    pub(crate) columns: bool,
}

impl Answer {
    /// The refusal of a request in the shape of `protocol`.
    #[must_use]
    pub fn refusal(protocol: Protocol, id: DecisionId, refusal: &Refusal) -> Self {
        let status = status(refusal.code);
        let said = said(refusal);
        let mut body = match protocol {
            Protocol::Invocations => serde_json::json!({
                "error_code": answer_table::error_code(status), "message": said,
            }),
            _ => serde_json::json!({"error": said}),
        };
        let ours = serde_json::json!({
            "code": refusal.code, "phase": refusal.phase,
            "field": refusal.field, "row": refusal.row, "decision_id": id,
        });
        if let (Some(body), serde_json::Value::Object(ours)) = (body.as_object_mut(), ours) {
            body.extend(ours);
        }
        let is_grpc = protocol == Protocol::Grpc;
        let text = if is_grpc { said } else { body.to_string() };
        Self {
            status,
            id,
            body: text.into_bytes(),
            json_len: None,
            retry_after: retry_after(refusal.code),
            replayed: false,
            code: Some(refusal.code),
            nanos: [0; 12],
        }
    }

    /// The answer of a model in the shape of `protocol`.
    pub(crate) fn of(protocol: Protocol, answered: &Answered<'_>) -> Self {
        let mut body = Vec::with_capacity(256 + 24 * answered.rows);
        let mut json_len = None;
        match protocol {
            Protocol::Oip => {
                write_oip(answered, &mut body);
                if answered.form.binary {
                    json_len = Some(body.len());
                    answer_raw::write_outputs(answered, &mut body);
                }
            }
            Protocol::Grpc => answer_raw::write_grpc(answered, &mut body),
            Protocol::Predict | Protocol::Explain => {
                let member = if answered.form.columns { "outputs" } else { "predictions" };
                answer_table::write(answered, member, &mut body);
            }
            Protocol::Invocations => answer_table::write(answered, "predictions", &mut body),
        }
        Self {
            // RFC 9110 §15.3.3: accepted, not completed. Nobody can take it for an answer.
            status: if answered.is_held { 202 } else { 200 },
            id: answered.id,
            body,
            json_len,
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
        let datatype = datatype(a);
        if a.form.binary {
            let size = answer_raw::size(a, output);
            put(out, format_args!(r#"],"datatype":"{datatype}","parameters":"#));
            put(out, format_args!(r#"{{"binary_data_size":{size}}}}}"#));
            continue;
        }
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

/// The datatype of a model's outputs.
pub(crate) fn datatype(answered: &Answered<'_>) -> &'static str {
    if answered.is_double { "FP64" } else { "FP32" }
}

/// One tensor of an explanation.
pub(crate) struct Told<'a> {
    pub(crate) name: &'static str,
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Values<'a>,
}

/// The values of a tensor of an explanation.
pub(crate) enum Values<'a> {
    Doubles(Vec<f64>),
    Texts(Vec<&'a str>),
}

/// The explanation as output tensors: names of features, contributions and base in units of
/// the margin, and reason codes by weight, padded with empty texts.
pub(crate) fn told<'a>(explanation: &'a Explanation, features: &'a [Field]) -> [Told<'a>; 4] {
    let rows = explanation.rows.len();
    let names = features.iter().map(|field| field.name.as_str()).collect();
    let width = explanation.contributions.len().checked_div(rows).unwrap_or_default();
    let base = explanation.rows.iter().map(|row| row.base).collect();
    let most = (0..rows).map(|row| reasons(explanation, row).count()).max().unwrap_or_default();
    let codes = (0..rows)
        .flat_map(|row| reasons(explanation, row).chain(std::iter::repeat("")).take(most))
        .collect();
    let tensor = |name, shape, values| Told { name, shape, values };
    [
        tensor("explanation.features", vec![features.len()], Values::Texts(names)),
        tensor(
            "explanation.contributions",
            vec![rows, width],
            Values::Doubles(explanation.contributions.clone()),
        ),
        tensor("explanation.base", vec![rows], Values::Doubles(base)),
        tensor("explanation.reasons", vec![rows, most], Values::Texts(codes)),
    ]
}

/// The reason codes of a row, by weight.
pub(crate) fn reasons(explanation: &Explanation, row: usize) -> impl Iterator<Item = &str> {
    let here = move |reason: &&ReasonRef| usize::try_from(reason.row) == Ok(row);
    explanation.reasons.iter().filter(here).map(|reason| &*reason.code)
}

fn write_explanation(explanation: &Explanation, features: &[Field], out: &mut Vec<u8>) {
    for Told { name, shape, values } in told(explanation, features) {
        match values {
            Values::Doubles(values) => write_doubles(name, &shape, &values, out),
            Values::Texts(texts) => write_texts(name, &shape, &texts, out),
        }
    }
}

fn write_doubles(name: &str, shape: &[usize], values: &[f64], out: &mut Vec<u8>) {
    begin_tensor(name, "FP64", shape, out);
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_number(*value, true, out);
    }
    out.extend_from_slice(b"]}");
}

fn write_texts(name: &str, shape: &[usize], texts: &[&str], out: &mut Vec<u8>) {
    begin_tensor(name, "BYTES", shape, out);
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        put(out, format_args!("{}", serde_json::Value::from(*text)));
    }
    out.extend_from_slice(b"]}");
}

fn begin_tensor(name: &str, datatype: &str, shape: &[usize], out: &mut Vec<u8>) {
    put(out, format_args!(r#",{{"name":"{name}","datatype":"{datatype}","shape":"#));
    put(out, format_args!(r#"{shape:?},"data":["#));
}

/// The shortest text of a float of its width; null for what JSON has no word for.
#[expect(clippy::cast_possible_truncation, reason = "not double: a 32-bit float, held in 64")]
pub(crate) fn write_number(value: f64, is_double: bool, out: &mut Vec<u8>) {
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
pub(crate) fn put(out: &mut Vec<u8>, text: Arguments<'_>) {
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
        C::ObserveOnly => 409,
        C::SwitchedOff => 503,
        C::UnknownDeployment | C::VersionNotServed | C::NotFound => 404,
        C::MethodNotAllowed => 405,
        C::BodyTimeout => 408,
        C::IdempotencyInFlight => 409,
        C::BodyTooLarge => 413,
        C::UnsupportedMediaType | C::UnsupportedEncoding => 415,
        C::IdempotencyMismatch => 422,
        C::RateLimited => 429,
        C::ModelFailed | C::OutputRejected | C::ExplanationFailed | C::Internal => 500,
        C::UpstreamFailed => 502,
        C::Draining
        | C::NotReady
        | C::Overloaded
        | C::LedgerUnavailable
        | C::UpstreamUnavailable => 503,
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
        | C::UpstreamUnavailable
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
        C::UnsupportedMediaType => "the content type is not one that this path reads",
        C::UnsupportedEncoding => "the content encoding must be identity or gzip",
        C::DecompressionLimit => "the compressed body cannot be read",
        C::MalformedRequest => "the request is malformed",
        C::DeadlineExceeded => "the deadline passed before the answer was ready",
        C::Draining => "the server is shutting down",
        C::NotFound => "there is nothing at this path",
        C::MethodNotAllowed => "the path does not have this method",
        C::BodyTimeout => "the request body did not come in time",
        C::UngovernedChange => "what is served changes by a governed release only",
        // One word for all three: a caller without a valid key learns nothing of the others.
        C::Unauthenticated | C::KeyExpired | C::KeyRevoked => "a valid API key is required",
        // Triton's clients look for this beginning.
        C::UnknownDeployment => "Request for unknown model: no such deployment",
        C::VersionNotServed => "Request for unknown model: this version does not answer",
        C::NotReady => "the deployment is not ready",
        C::Forbidden => "policy does not permit this",
        C::WrongEnvironment => "the key belongs to another environment",
        C::SwitchedOff => "the deployment's models are switched off",
        C::ObserveOnly => "the deployment only observes: its decisions are made elsewhere",
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
        C::UpstreamUnavailable => "the service that answers for the model takes no calls now",
        C::UpstreamFailed => "the service that answers for the model failed",
        C::Internal => "something of ours broke",
    }
}
