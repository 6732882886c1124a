//! From an HTTP request to its response: the one place where paths become calls.

use crate::accept::Answering;
use crate::app::App;
use crate::body::read_body;
use crate::reply::Reply;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use plimsoll_gateway::{Answer, Head, Listener, Protocol};
use plimsoll_types::DecisionId;
use std::sync::Arc;

/// Carries the decision's id on every answer, refusals included.
const DECISION_ID: HeaderName = HeaderName::from_static("plimsoll-decision-id");
/// Says that a recorded answer was given again.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What all connections answer from.
pub(crate) struct Service {
    pub(crate) app: Arc<App>,
}

impl Answering for Service {
    async fn answer(
        &self,
        listener: Listener,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        if self.app.serves(listener, Listener::Data)
            && let Some(target) = infer_target(&request)
        {
            let target = target.map(str::to_owned);
            return self.infer(target, request).await;
        }
        let reply: Reply = crate::routes::dispatch(&self.app, listener, request).await;
        reply.into_response()
    }
}

impl Service {
    /// Open Inference Protocol v2: `POST /v2/models/{deployment}[/versions/{version}]/infer`.
    async fn infer(
        &self,
        target: Target<String>,
        request: Request<Incoming>,
    ) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let head = Head {
            deployment: &target.deployment,
            version: target.version.as_deref(),
            headers: &parts.headers,
            protocol: Protocol::Oip,
        };
        let started = self.app.traces.begin(&parts.headers);
        let answer = match self.app.gateway.admit(head).await {
            Ok(pass) => {
                let body =
                    read_body(body, pass.max_body_bytes(), self.app.limits.body_timeout).await;
                pass.decide(&parts.headers, body).await
            }
            Err(answer) => answer,
        };
        if let Some(started) = started {
            self.app.traces.end(started, &target.deployment, &answer);
        }
        respond(answer)
    }
}

/// The deployment and version that a path names.
struct Target<T> {
    deployment: T,
    version: Option<T>,
}

impl<'a> Target<&'a str> {
    fn map(self, f: impl Fn(&'a str) -> String) -> Target<String> {
        Target { deployment: f(self.deployment), version: self.version.map(f) }
    }
}

/// Recognises an inference request. Everything else goes through the route table.
fn infer_target(request: &Request<Incoming>) -> Option<Target<&str>> {
    if request.method() != Method::POST {
        return None;
    }
    let rest = request.uri().path().strip_prefix("/v2/models/")?.strip_suffix("/infer")?;
    let (deployment, version) = match rest.split_once('/') {
        None => (rest, None),
        Some((deployment, rest)) => (deployment, Some(rest.strip_prefix("versions/")?)),
    };
    Some(Target { deployment, version })
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() =
        StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(DECISION_ID, id_header(answer.id));
    if let Some(seconds) = answer.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

fn id_header(id: DecisionId) -> HeaderValue {
    HeaderValue::from_str(&id.to_string()).unwrap_or(HeaderValue::from_static(""))
}
