//! The declaration: the artifact of a model version that answers elsewhere. YAML or JSON, checked
//! before anything is registered. It knows no contract; what it says of one is checked when the
//! two are wired.

use crate::answer::{Numbers, Steps};
use crate::breaker::BreakerRule;
use crate::template::Template;
use plimsoll_model::{Limits, Model, Output, OutputKind};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The one version of the format.
const VERSION: u32 = 1;
/// The largest declaration, in bytes: a template of some hundred fields with comments.
pub(crate) const MAX_DECLARATION: usize = 256 << 10;
/// Endpoints of one service: replicas that are named one by one.
const MAX_ENDPOINTS: usize = 16;
/// Headers of one request.
const MAX_HEADERS: usize = 32;
/// The longest deadline, in milliseconds, as of deployments.
const MAX_DEADLINE_MS: u32 = 60_000;
/// Further attempts after the first.
const MAX_RETRIES: u32 = 3;
/// Calls under way at a time: each holds a connection.
const MAX_IN_FLIGHT: u32 = 4_096;
/// The largest reply that may be asked for, in bytes.
const MAX_ANSWER: u32 = 16 << 20;
/// Labels that stand for numbers.
const MAX_LABELS: usize = 1_024;

/// What the service speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// Open Inference Protocol v2 over HTTP: Triton, `MLServer`, `KServe`, Plimsoll.
    OipV2,
    /// The same over gRPC.
    OipV2Grpc,
    /// `MLflow`'s scoring server, `/invocations`.
    Mlflow,
    /// TensorFlow Serving, `KServe` v1: `:predict` with rows.
    TfServing,
    /// Any JSON over HTTP, written by a template: the legacy wrapper.
    JsonTemplate,
}

impl Protocol {
    /// The word for it in declarations.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OipV2 => "oip-v2",
            Self::OipV2Grpc => "oip-v2-grpc",
            Self::Mlflow => "mlflow",
            Self::TfServing => "tf-serving",
            Self::JsonTemplate => "json-template",
        }
    }

    /// Whether a request is a call of gRPC: HTTP/2, a framed message, a status in the trailers.
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        matches!(self, Self::OipV2Grpc)
    }

    /// Whether tensors have names and types.
    const fn is_oip(self) -> bool {
        matches!(self, Self::OipV2 | Self::OipV2Grpc)
    }
}

/// A service and how it is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// The version of this format: 1.
    pub upstream: u32,
    /// What the service speaks.
    pub kind: Protocol,
    /// Addresses of the service, each with the path that all its paths begin with.
    pub endpoints: Vec<String>,
    /// The model there (kinds `oip-v2`, `oip-v2-grpc` and `tf-serving`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<RemoteModel>,
    /// What is sent, in this order (all kinds but `json-template`, whose template says it).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputRule>,
    /// How a request is written (kind `json-template`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<RequestRule>,
    /// Where the answer is, and what it must be.
    pub answer: AnswerRule,
    /// Headers of every request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, HeaderRule>,
    /// The longest time for the whole answer, retries included, in milliseconds.
    #[serde(default = "deadline_ms")]
    pub deadline_ms: u32,
    /// The longest time for one attempt; the whole deadline if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_ms: Option<u32>,
    /// Further attempts when one fails. Above 0 it declares that asking twice does no harm.
    #[serde(default)]
    pub retries: u32,
    /// Calls under way at a time; one more is not made.
    #[serde(default = "in_flight")]
    pub in_flight: u32,
    /// The largest reply that is read, in bytes.
    #[serde(default = "max_answer_bytes")]
    pub max_answer_bytes: u32,
    /// Rows of one request, where each is a call of its own.
    #[serde(default = "max_rows")]
    pub max_rows: u32,
    /// When an endpoint is left alone.
    #[serde(default)]
    pub breaker: BreakerRule,
    /// What is answered when the service does not, unless the deployment says; else nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Vec<f64>>,
}

const fn deadline_ms() -> u32 {
    500
}
const fn in_flight() -> u32 {
    64
}
const fn max_answer_bytes() -> u32 {
    1 << 20
}
const fn max_rows() -> u32 {
    16
}

/// A model of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteModel {
    /// Its name there.
    pub name: String,
    /// Its version there; the service's own choice if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// All inputs go as one matrix of this name (kinds `oip-v2` and `oip-v2-grpc`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matrix: Option<String>,
    /// As what numbers go (kinds `oip-v2` and `oip-v2-grpc`).
    #[serde(default, skip_serializing_if = "Floats::is_default")]
    pub numbers: Floats,
}

/// The datatype of numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Floats {
    /// Of 64 bits, as contracts have them.
    #[default]
    Fp64,
    /// Of 32 bits, as most models have them. What does not fit is rounded.
    Fp32,
}

impl Floats {
    /// The word for it in the protocol.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fp64 => "FP64",
            Self::Fp32 => "FP32",
        }
    }

    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What is sent of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum InputRule {
    /// A field of the contract, under its own name.
    Field(String),
    /// A field of the contract under the name it has there.
    Renamed {
        /// The field of the contract.
        field: String,
        /// Its name there.
        name: String,
    },
}

impl InputRule {
    pub(crate) fn field(&self) -> &str {
        match self {
            Self::Field(field) | Self::Renamed { field, .. } => field,
        }
    }
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Field(name) | Self::Renamed { name, .. } => name,
        }
    }
}

/// How a request of a `json-template` is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestRule {
    /// The method.
    #[serde(default)]
    pub method: Method,
    /// The path after the endpoint's, with `{field}` where a value stands.
    #[serde(default)]
    pub path: String,
    /// The body: any JSON, with `"{field}"` where a value stands and `{"$rows": …}` where a list
    /// of all rows does. None for a request without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Json>,
}

/// Methods that ask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `POST`.
    #[default]
    Post,
    /// `PUT`.
    Put,
    /// `GET`.
    Get,
}

/// Where the answer is in a reply, and what it must be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerRule {
    /// What the numbers are: `probability`, `value`, `class_probabilities`, … It names the output.
    pub output: String,
    /// Numbers per row.
    #[serde(default = "one")]
    pub count: u32,
    /// The output's name there (kinds `oip-v2` and `oip-v2-grpc`); its only output if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// A JSON pointer (RFC 6901) to the answer; `*` stands for each row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// How a number is written.
    #[serde(default)]
    pub read: Value,
    /// The numbers that texts stand for (`read: label`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, f64>,
    /// The least number that is believed; 0 for probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The greatest number that is believed; 1 for probabilities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
}

const fn one() -> u32 {
    1
}

/// How a number of an answer is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// As a number.
    #[default]
    Number,
    /// As a number within a text.
    Text,
    /// As true (1) or false (0).
    Boolean,
    /// As a text that a label names.
    Label,
}

/// A header's value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum HeaderRule {
    /// This text.
    Text(String),
    /// A secret of the keys folder, which never stands in an artifact.
    Secret {
        /// Its name: the file `upstreams/<host>/<secret>` of the keys folder.
        secret: String,
        /// What stands before it, such as `Bearer `.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        prefix: String,
    },
}

/// Why a declaration was refused. `place` is the member that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeclarationError {
    /// The document is too large.
    #[error("the upstream declaration has {found} bytes, over the limit of {max}")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// It is not YAML or JSON of the declared members.
    #[error("the upstream declaration cannot be read: {0}")]
    Document(Box<str>),
    /// A member is wrong.
    #[error("`{place}` {problem}")]
    Member {
        /// Which.
        place: &'static str,
        /// What is wrong, and what would be right.
        problem: Box<str>,
    },
}

pub(crate) fn wrong(place: &'static str, problem: impl Into<Box<str>>) -> DeclarationError {
    DeclarationError::Member { place, problem: problem.into() }
}

impl Declaration {
    /// Whether bytes are meant as a declaration: their first word is `upstream`.
    #[must_use]
    pub fn is_meant(bytes: &[u8]) -> bool {
        let mut rest = bytes.trim_ascii_start();
        // YAML may begin with comments and a document mark.
        while rest.starts_with(b"#") || rest.starts_with(b"---") {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            rest = rest.get(end..).unwrap_or_default().trim_ascii_start();
        }
        if let Some(object) = rest.strip_prefix(b"{") {
            return object.trim_ascii_start().starts_with(b"\"upstream\"");
        }
        rest.starts_with(b"upstream:")
    }

    /// Reads and checks a declaration, YAML or JSON.
    ///
    /// # Errors
    /// [`DeclarationError`] names the member that is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, DeclarationError> {
        if bytes.len() > MAX_DECLARATION {
            return Err(DeclarationError::TooLarge { found: bytes.len(), max: MAX_DECLARATION });
        }
        let document = |error: String| DeclarationError::Document(error.into());
        let read: Self = if bytes.trim_ascii_start().starts_with(b"{") {
            serde_json::from_slice(bytes).map_err(|error| document(error.to_string()))?
        } else {
            let text =
                std::str::from_utf8(bytes).map_err(|_| document("it is not UTF-8".into()))?;
            // Without `strict_booleans`, a template's `no` would be sent as a boolean.
            let options = serde_saphyr::options! { strict_booleans: true, with_snippet: false };
            serde_saphyr::from_str_with_options(text, options)
                .map_err(|error| document(error.to_string()))?
        };
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), DeclarationError> {
        if self.upstream != VERSION {
            return Err(wrong("upstream", "must be 1, the version of this format"));
        }
        if !(1..=MAX_ENDPOINTS).contains(&self.endpoints.len()) {
            return Err(wrong("endpoints", "must be 1 to 16 addresses"));
        }
        if self.endpoints.iter().any(|endpoint| !is_base(endpoint)) {
            return Err(wrong(
                "endpoints",
                "must be addresses like `https://host:8443/path`, without query or fragment",
            ));
        }
        self.check_bounds()?;
        self.check_headers()?;
        self.check_kind()?;
        self.output()?;
        self.numbers()?;
        self.steps()?;
        if let Some(problem) = self.breaker.problem() {
            return Err(wrong("breaker", problem));
        }
        self.template().map(|_| ())
    }

    fn check_bounds(&self) -> Result<(), DeclarationError> {
        if !(1..=MAX_DEADLINE_MS).contains(&self.deadline_ms) {
            return Err(wrong("deadline_ms", "must be 1 to 60000"));
        }
        if self.attempt_ms.is_some_and(|ms| !(1..=self.deadline_ms).contains(&ms)) {
            return Err(wrong("attempt_ms", "must be 1 to `deadline_ms`"));
        }
        if self.retries > MAX_RETRIES {
            return Err(wrong("retries", "must be 0 to 3"));
        }
        if !(1..=MAX_IN_FLIGHT).contains(&self.in_flight) {
            return Err(wrong("in_flight", "must be 1 to 4096"));
        }
        if !(1..=MAX_ANSWER).contains(&self.max_answer_bytes) {
            return Err(wrong("max_answer_bytes", "must be 1 to 16777216"));
        }
        if self.max_rows == 0 {
            return Err(wrong("max_rows", "must be at least 1"));
        }
        let count = usize::try_from(self.answer.count).unwrap_or(usize::MAX);
        let fits = |f: &Vec<f64>| f.len() == count && f.iter().all(|number| number.is_finite());
        if !self.fallback.as_ref().is_none_or(fits) {
            return Err(wrong("fallback", "must be finite numbers, as many as `answer.count`"));
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<(), DeclarationError> {
        if self.headers.len() > MAX_HEADERS {
            return Err(wrong("headers", "must be at most 32"));
        }
        for (name, value) in &self.headers {
            let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
            if name.is_empty() || !name.bytes().all(token) {
                return Err(wrong("headers", "must have names of a-z, 0-9 and `-`"));
            }
            let ours = ["host", "content-length", "transfer-encoding", "connection"];
            let of_grpc = matches!(name.as_str(), "content-type" | "te" | "user-agent")
                || name.starts_with("grpc-")
                || name.ends_with("-bin");
            if ours.contains(&name.as_str()) || (self.kind.is_grpc() && of_grpc) {
                return Err(wrong(
                    "headers",
                    format!("may not set `{name}`, which is the client's"),
                ));
            }
            let plain = |text: &str| text.bytes().all(|b| (b' '..=b'~').contains(&b));
            match value {
                HeaderRule::Text(text) if !plain(text) => {
                    return Err(wrong("headers", "must be printable ASCII"));
                }
                HeaderRule::Secret { secret, prefix } if !is_word(secret) || !plain(prefix) => {
                    return Err(wrong(
                        "headers",
                        "must name a secret by letters, digits, `-` and `_`",
                    ));
                }
                HeaderRule::Text(_) if is_credential(name) => {
                    return Err(wrong(
                        "headers",
                        format!(
                            "holds a credential: give `{name}` as `{{secret: NAME}}`, never in an artifact"
                        ),
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Each kind has its own members, and no others.
    fn check_kind(&self) -> Result<(), DeclarationError> {
        let is_template = self.kind == Protocol::JsonTemplate;
        if is_template != self.request.is_some() {
            return Err(wrong("request", "belongs to kind `json-template`, which needs it"));
        }
        if is_template != self.inputs.is_empty() {
            return Err(wrong(
                "inputs",
                "must name the fields to send; of kind `json-template` the template does",
            ));
        }
        let needs_model = self.kind.is_oip() || self.kind == Protocol::TfServing;
        if needs_model != self.model.is_some() {
            return Err(wrong(
                "model",
                "belongs to kinds `oip-v2`, `oip-v2-grpc` and `tf-serving`, which need it",
            ));
        }
        if let Some(model) = &self.model {
            let version = model.version.as_deref().unwrap_or("1");
            let is_part = |text: &str| !text.is_empty() && text.bytes().all(is_path_byte);
            if !is_part(&model.name) || !is_part(version) {
                return Err(wrong(
                    "model",
                    "must have a name and version of letters, digits, `-`, `_` and `.`",
                ));
            }
            let is_plain = model.matrix.is_none() && model.numbers.is_default();
            if !is_plain && !self.kind.is_oip() {
                return Err(wrong(
                    "model",
                    "may have `matrix` and `numbers` for kinds `oip-v2` and `oip-v2-grpc` only",
                ));
            }
        }
        if self.answer.pointer.is_some() && self.kind.is_oip() {
            return Err(wrong(
                "answer",
                "has no `pointer` for kinds `oip-v2` and `oip-v2-grpc`; it may have a `name`",
            ));
        }
        if self.answer.name.is_some() && !self.kind.is_oip() {
            return Err(wrong(
                "answer",
                "may have a `name` for kinds `oip-v2` and `oip-v2-grpc` only",
            ));
        }
        if self.kind.is_grpc() && self.answer.read != Value::Number {
            return Err(wrong("answer", "reads numbers for kind `oip-v2-grpc`, which have types"));
        }
        Ok(())
    }

    /// What the answers are.
    pub(crate) fn output(&self) -> Result<Output, DeclarationError> {
        let Some(kind) = OutputKind::named(&self.answer.output) else {
            let known = OutputKind::ALL.map(OutputKind::name).join("`, `");
            return Err(wrong("answer", format!("must have an `output` of `{known}`")));
        };
        let count = usize::try_from(self.answer.count).unwrap_or(usize::MAX);
        if !(1..=Limits::OUTPUTS_MAX).contains(&count) {
            return Err(wrong("answer", "must have a `count` of 1 to 1024"));
        }
        Ok(Output { name: kind.name(), kind, count, is_double: true })
    }

    /// How its numbers are read and which are believed.
    pub(crate) fn numbers(&self) -> Result<Numbers, DeclarationError> {
        let rule = &self.answer;
        if (rule.read == Value::Label) == rule.labels.is_empty() || rule.labels.len() > MAX_LABELS {
            return Err(wrong("answer", "must have 1 to 1024 `labels` exactly if it reads labels"));
        }
        let kind = self.output()?.kind;
        let is_share = matches!(kind, OutputKind::Probability | OutputKind::ClassProbabilities);
        let (least, most) = if is_share { (0.0, 1.0) } else { (f64::MIN, f64::MAX) };
        let (min, max) = (rule.min.unwrap_or(least), rule.max.unwrap_or(most));
        if !(min.is_finite() && max.is_finite() && min <= max) {
            return Err(wrong("answer", "must have a finite `min` that is not above `max`"));
        }
        if rule.labels.values().any(|number| !(min..=max).contains(number)) {
            return Err(wrong("answer", "must have `labels` from `min` to `max`"));
        }
        let labels = rule.labels.iter().map(|(text, number)| (text.as_str().into(), *number));
        Ok(Numbers { read: rule.read, labels: labels.collect(), min, max })
    }

    /// The way to the answer; none for kind `oip-v2`, on either way, which has a shape of its own.
    pub(crate) fn steps(&self) -> Result<Option<Steps>, DeclarationError> {
        let pointer = match (self.kind, self.answer.pointer.as_deref()) {
            (Protocol::OipV2 | Protocol::OipV2Grpc, _) => return Ok(None),
            (_, Some(pointer)) => pointer,
            (Protocol::Mlflow | Protocol::TfServing, None) => "/predictions/*",
            (Protocol::JsonTemplate, None) => {
                return Err(wrong("answer", "must have a `pointer` to the answer"));
            }
        };
        Steps::parse(pointer).map(Some).map_err(|problem| wrong("answer", problem))
    }

    pub(crate) fn template(&self) -> Result<Template, DeclarationError> {
        let template = Template::of(self)?;
        let rows = self.steps()?.map_or(1, |steps| steps.each_row());
        if rows != usize::from(template.takes_all_rows) {
            return Err(wrong(
                "answer",
                "must have one `*` in its `pointer` where a request holds all rows, else none",
            ));
        }
        Ok(template)
    }

    /// The model that it declares: its shape is known, its answers come from elsewhere.
    ///
    /// # Errors
    /// [`DeclarationError`], but not of one that [`read`](Self::read) gave.
    pub fn model(&self) -> Result<Model, DeclarationError> {
        let fields = self.template()?.fields;
        Ok(Model::declared(self.kind.as_str(), &fields, self.output()?))
    }
}

/// Headers whose values are secrets by their meaning.
fn is_credential(name: &str) -> bool {
    let words = ["authorization", "cookie", "api-key", "apikey", "token", "secret", "password"];
    words.iter().any(|word| name.contains(word))
}

fn is_word(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=64).contains(&text.len()) && text.bytes().all(word)
}

pub(crate) const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// The client checks addresses; what matters here is that a path can follow.
fn is_base(endpoint: &str) -> bool {
    let rest = endpoint.strip_prefix("https://").or_else(|| endpoint.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(['?', '#', '@', ' ', '{', '}', '\\'])
    })
}
