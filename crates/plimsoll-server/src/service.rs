//! From an HTTP request to its response: the one place where paths become calls.

use crate::accept::{Answering, peer};
use crate::app::App;
use crate::body::{Whole, hear_out, read_body};
use crate::grpc;
use crate::reply::{Reply, ReplyBody};
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use plimsoll_gateway::{Answer, BodyError, Head, Listener, Protocol};
use plimsoll_types::{DecisionId, Time};
use std::cell::RefCell;
use std::fmt::Arguments;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// Carries the decision's id on every answer, refusals included.
pub(crate) const DECISION_ID: HeaderName = HeaderName::from_static("plimsoll-decision-id");
/// Says that a recorded answer was given again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Says how many bytes of the body are JSON, where raw tensors follow it.
const JSON_LENGTH: HeaderName = HeaderName::from_static("inference-header-content-length");
const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

/// What all connections answer from.
pub(crate) struct Service {
    pub(crate) app: Arc<App>,
}

impl Answering for Service {
    type Body = ReplyBody;

    async fn answer(&self, listener: Listener, request: Request<Incoming>) -> Response<ReplyBody> {
        if self.app.serves(listener, Listener::Data) && request.method() == Method::POST {
            if grpc::is_call(request.headers()) {
                return grpc::answer(&self.app, request).await.map(ReplyBody::Whole);
            }
            if let Some(target) = target(request.uri().path()) {
                let target = target.map(str::to_owned);
                return self.infer(target, request).await.map(ReplyBody::Whole);
            }
        }
        let head = (request.method(), request.uri(), request.headers());
        if let Some(answer) = crate::console_oidc::answer(&self.app, listener, head).await {
            return answer;
        }
        if let Some(file) = crate::console::file(&self.app, listener, &request) {
            return file;
        }
        let reply: Reply = crate::routes::dispatch(&self.app, listener, request).await;
        reply.into_response()
    }
}

impl Service {
    /// A request for a decision, whose body is read when the head is admitted.
    async fn infer(&self, target: Target<String>, request: Request<Incoming>) -> Response<Whole> {
        let (parts, body) = request.into_parts();
        let deployment = self.named(target.deployment.as_deref());
        let head = Head {
            deployment,
            version: target.version.as_deref(),
            headers: &parts.headers,
            peer: peer(&parts.extensions),
            protocol: target.protocol,
        };
        let started = self.app.traces.begin(&parts.headers);
        let answer = match self.app.gateway.admit(head).await {
            Ok(pass) => {
                let body =
                    read_body(body, pass.max_body_bytes(), self.app.limits.body_timeout).await;
                pass.decide(&parts.headers, body.as_deref().map_err(|&error| error)).await
            }
            Err(answer) => {
                hear_out(body).await;
                answer
            }
        };
        if let Some(started) = started {
            self.app.traces.end(started, deployment, &answer);
        }
        respond(answer)
    }

    /// The same for a request that was read to its end.
    pub(crate) async fn infer_whole(
        &self,
        target: Target<&str>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Answer {
        let Target { protocol, deployment, version } = target;
        let deployment = self.named(deployment);
        // Lanes speak no TLS.
        let head = Head { deployment, version, headers, peer: None, protocol };
        let started = self.app.traces.begin(headers);
        let answer = match self.app.gateway.admit(head).await {
            Ok(pass) => {
                let fits = body.len() <= pass.max_body_bytes();
                pass.decide(headers, if fits { Ok(body) } else { Err(BodyError::TooLarge) }).await
            }
            Err(answer) => answer,
        };
        if let Some(started) = started {
            self.app.traces.end(started, deployment, &answer);
        }
        answer
    }

    /// The deployment that is meant: the declared one where the path names none. No deployment
    /// has the empty name.
    fn named<'a>(&'a self, deployment: Option<&'a str>) -> &'a str {
        deployment.or(self.app.default_deployment.as_deref()).unwrap_or_default()
    }
}

/// What a path asks: the deployment and version that it names, and in which protocol.
pub(crate) struct Target<T> {
    pub(crate) protocol: Protocol,
    /// `None`: the declared one.
    pub(crate) deployment: Option<T>,
    pub(crate) version: Option<T>,
}

impl<'a> Target<&'a str> {
    fn map(self, f: impl Fn(&'a str) -> String) -> Target<String> {
        let Self { protocol, deployment, version } = self;
        Target { protocol, deployment: deployment.map(&f), version: version.map(f) }
    }
}

/// Recognises the path of an inference request. Everything else goes through the route table.
pub(crate) fn target(path: &str) -> Option<Target<&str>> {
    if let Some(rest) = path.strip_prefix("/v2/models/") {
        return model(Protocol::Oip, rest.strip_suffix("/infer")?);
    }
    if let Some(rest) = path.strip_prefix("/v1/models/") {
        let (rest, verb) = rest.rsplit_once(':')?;
        let protocol = match verb {
            "predict" => Protocol::Predict,
            "explain" => Protocol::Explain,
            _ => return None,
        };
        return model(protocol, rest);
    }
    let protocol = Protocol::Invocations;
    if path == "/invocations" {
        return Some(Target { protocol, deployment: None, version: None });
    }
    let deployment = path.strip_prefix("/deployments/")?.strip_suffix("/invocations")?;
    Some(Target { protocol, deployment: Some(deployment), version: None })
}

/// `{deployment}[/versions/{version}]`.
fn model(protocol: Protocol, path: &str) -> Option<Target<&str>> {
    let (deployment, version) = match path.split_once('/') {
        None => (path, None),
        Some((deployment, rest)) => (deployment, Some(rest.strip_prefix("versions/")?)),
    };
    Some(Target { protocol, deployment: Some(deployment), version })
}

fn respond(answer: Answer) -> Response<Whole> {
    let media = media(&answer);
    let mut response = Response::new(Whole::from(answer.body));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(DECISION_ID, id_header(answer.id));
    if let Some(length) = answer.json_len {
        headers.insert(JSON_LENGTH, HeaderValue::from(length));
    }
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Writes an answer as a response of HTTP/1.1, with what [`respond`] says. `close`: the last
/// one of its connection.
pub(crate) fn write_answer(out: &mut Vec<u8>, answer: &Answer, now: Time, close: bool) {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    put(out, format_args!("\r\ncontent-type: {}\r\n", media(answer)));
    if let Some(length) = answer.json_len {
        put(out, format_args!("{JSON_LENGTH}: {length}\r\n"));
    }
    put(
        out,
        format_args!("{DECISION_ID}: {}\r\ncontent-length: {}\r\n", answer.id, answer.body.len()),
    );
    if let Some(seconds) = answer.retry_after {
        put(out, format_args!("{RETRY_AFTER}: {seconds}\r\n"));
    }
    if answer.replayed {
        put(out, format_args!("{REPLAYED}: true\r\n"));
    }
    if close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    out.extend_from_slice(b"date: ");
    DATE.with_borrow_mut(|date| {
        if date.second != now.as_secs() {
            let time = UNIX_EPOCH + Duration::from_secs(now.as_secs());
            *date = Date { second: now.as_secs(), text: httpdate::fmt_http_date(time) };
        }
        out.extend_from_slice(date.text.as_bytes());
    });
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(&answer.body);
}

fn media(answer: &Answer) -> &'static str {
    if answer.json_len.is_some() { BINARY } else { JSON }
}

/// The date of RFC 9110 §5.6.7, made once a second.
#[derive(Default)]
struct Date {
    second: u64,
    text: String,
}

thread_local! {
    static DATE: RefCell<Date> = RefCell::default();
}

/// Appends formatted text. Writing into a vector cannot fail.
fn put(out: &mut Vec<u8>, text: Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

pub(crate) fn id_header(id: DecisionId) -> HeaderValue {
    HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static(""))
}
