//! The Open Inference Protocol v2 over gRPC
//! (kserve/open-inference-protocol, `specification/protocol/open_inference_grpc.proto`), and
//! gRPC's own health check (grpc/grpc, `doc/health-checking.md`).
//!
//! Every call is unary: one message of five bytes more than its length, and trailers with the
//! status (grpc/grpc, `doc/PROTOCOL-HTTP2.md`). So little needs no framework; connections,
//! streams, resets and times are bounded where those of the other protocols are. Messages are
//! read in place by the contract; here only their frames are.

use crate::accept::peer;
use crate::app::App;
use crate::body::{Whole, read_body};
use crate::oip;
use crate::service::{DECISION_ID, id_header};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use plimsoll_api::oip::TensorMetadata;
use plimsoll_contract::model_of;
use plimsoll_gateway::{Answer, BodyError, Head, Listener, Protocol};
use plimsoll_serving::Caller;
use plimsoll_types::protobuf::{Fault, Reader, Writer};
use plimsoll_types::{DecisionId, Phase, Refusal, RefusalCode};
use std::sync::Arc;

/// The largest message that is not an inference request: names.
const MAX_SMALL: usize = 4096;
/// The flag and the length before a message.
const FRAME: usize = 5;
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// Our word for a refusal, for callers that program against it.
const CODE: HeaderName = HeaderName::from_static("plimsoll-code");
const ENCODINGS: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Codes of gRPC (grpc/grpc, `doc/statuscodes.md`).
const INVALID_ARGUMENT: u8 = 3;
const DEADLINE_EXCEEDED: u8 = 4;
const NOT_FOUND: u8 = 5;
const PERMISSION_DENIED: u8 = 7;
const RESOURCE_EXHAUSTED: u8 = 8;
const FAILED_PRECONDITION: u8 = 9;
const ABORTED: u8 = 10;
const UNIMPLEMENTED: u8 = 12;
const INTERNAL: u8 = 13;
const UNAVAILABLE: u8 = 14;
const UNAUTHENTICATED: u8 = 16;

/// Whether a request is a call of gRPC.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    let media = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    // Nothing, `+proto` or parameters may follow; `application/grpc-web` is another protocol.
    media
        .and_then(|media| media.strip_prefix(b"application/grpc"))
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Health,
    ServerLive,
    ServerReady,
    ServerMetadata,
    ModelReady,
    ModelMetadata,
    Infer,
    Index,
    /// What would change what is served.
    Refused,
}

/// The call of this path.
fn call(path: &str) -> Option<Call> {
    if path == "/grpc.health.v1.Health/Check" {
        return Some(Call::Health);
    }
    Some(match path.strip_prefix("/inference.GRPCInferenceService/")? {
        "ServerLive" => Call::ServerLive,
        "ServerReady" => Call::ServerReady,
        "ServerMetadata" => Call::ServerMetadata,
        "ModelReady" => Call::ModelReady,
        "ModelMetadata" => Call::ModelMetadata,
        "ModelInfer" => Call::Infer,
        "RepositoryIndex" => Call::Index,
        "RepositoryModelLoad" | "RepositoryModelUnload" => Call::Refused,
        _ => return None,
    })
}

/// Why a call has no message for an answer.
struct Trouble {
    status: u8,
    message: String,
    code: RefusalCode,
}

impl Trouble {
    fn of(refusal: &Refusal) -> Self {
        let code = refusal.code;
        let status = status_of(plimsoll_gateway::status(code));
        Self { status, message: plimsoll_gateway::said(refusal), code }
    }
    fn code(code: RefusalCode) -> Self {
        Self::of(&Refusal::new(Phase::Resolve, code))
    }
    fn unimplemented(message: &str) -> Self {
        Self { status: UNIMPLEMENTED, message: message.into(), code: RefusalCode::NotFound }
    }
}

impl From<Fault> for Trouble {
    fn from(_: Fault) -> Self {
        Self::code(RefusalCode::MalformedRequest)
    }
}

/// Answers a call.
pub(crate) async fn answer(app: &Arc<App>, request: Request<Incoming>) -> Response<Whole> {
    let answered = match call(request.uri().path()) {
        Some(Call::Infer) => return infer(app, request).await,
        Some(call) => small(app, call, request).await,
        None => Err(Trouble::unimplemented("the server has no such method")),
    };
    match answered {
        Ok(message) => good(&message, None),
        Err(trouble) => bad(&trouble, None),
    }
}

/// Everything but inference: answered from the snapshot.
async fn small(app: &Arc<App>, call: Call, request: Request<Incoming>) -> Result<Vec<u8>, Trouble> {
    let is_open =
        matches!(call, Call::Health | Call::ServerLive | Call::ServerReady | Call::ServerMetadata);
    let (parts, body) = request.into_parts();
    let caller = if is_open { None } else { Some(caller(app, &parts).await?) };
    let body = read(app, body, MAX_SMALL).await?;
    let message = unframed(&body)?;
    let mut out = Vec::new();
    let mut w = Writer(&mut out);
    match (call, &caller) {
        (Call::Health, _) => health(app, message, &mut w)?,
        (Call::ServerLive, _) => w.integer(1, 1),
        (Call::ServerReady, _) => w.integer(1, u64::from(app.gateway.ledger().health().ok)),
        (Call::ServerMetadata, _) => {
            w.text(1, "plimsoll");
            w.text(2, env!("CARGO_PKG_VERSION"));
            oip::EXTENSIONS.iter().for_each(|name| w.text(3, name));
        }
        (Call::ModelReady, Some(caller)) => {
            let (name, version) = model_of(message).map_err(|refusal| Trouble::of(&refusal))?;
            let found = oip::find(app, caller, name, version).map_err(Trouble::code)?;
            w.integer(1, u64::from(found.serving.is_ok()));
        }
        (Call::ModelMetadata, Some(caller)) => {
            let (name, version) = model_of(message).map_err(|refusal| Trouble::of(&refusal))?;
            metadata(app, caller, name, version, &mut w)?;
        }
        (Call::Index, Some(caller)) => {
            for deployment in oip::readable(app, caller) {
                let version = oip::served(&deployment).map(|number| number.to_string());
                let state = if version.is_some() { "READY" } else { "UNAVAILABLE" };
                w.message(1, |entry| {
                    entry.text(1, deployment.name.as_str());
                    entry.text(2, version.as_deref().unwrap_or_default());
                    entry.text(3, state);
                });
            }
        }
        _ => return Err(refused(app, RefusalCode::UngovernedChange)),
    }
    Ok(out)
}

/// `grpc.health.v1`: of the server, or of one of its two services.
fn health(app: &App, message: &[u8], w: &mut Writer<'_>) -> Result<(), Trouble> {
    const SERVING: u64 = 1;
    const NOT_SERVING: u64 = 2;
    let mut service = "";
    Reader::new(message).fields::<Fault>(|field, value| {
        if field == 1 {
            service = value.text()?;
        }
        Ok(())
    })?;
    if !matches!(service, "" | "inference.GRPCInferenceService" | "grpc.health.v1.Health") {
        let message = "the server has no such service".into();
        return Err(Trouble { status: NOT_FOUND, message, code: RefusalCode::NotFound });
    }
    let is_healthy = app.gateway.ledger().health().ok;
    w.integer(1, if is_healthy { SERVING } else { NOT_SERVING });
    Ok(())
}

fn metadata(
    app: &App,
    caller: &Caller,
    name: &str,
    version: Option<&str>,
    w: &mut Writer<'_>,
) -> Result<(), Trouble> {
    let found = oip::find(app, caller, name, version).map_err(Trouble::code)?;
    let metadata = oip::described(&found).map_err(Trouble::code)?;
    w.text(1, &metadata.name);
    metadata.versions.iter().for_each(|version| w.text(2, version));
    w.text(3, &metadata.platform);
    let mut tensors = |field, tensors: &[TensorMetadata]| {
        for tensor in tensors {
            w.message(field, |inner| {
                inner.text(1, &tensor.name);
                inner.text(2, &tensor.datatype);
                inner.integers(3, tensor.shape.iter().copied());
            });
        }
    };
    tensors(4, &metadata.inputs);
    tensors(5, &metadata.outputs);
    Ok(())
}

/// `ModelInfer`: the same phases as every other request for a decision. The deployment's name is
/// in the message, so a message is read before it is resolved, but not before its caller is known,
/// and not one larger than any deployment takes.
async fn infer(app: &Arc<App>, request: Request<Incoming>) -> Response<Whole> {
    let (parts, body) = request.into_parts();
    if let Err(trouble) = caller(app, &parts).await {
        return bad(&trouble, None);
    }
    let snapshot = app.gateway.snapshot();
    let limits = snapshot.parts().deployments.iter().map(|one| one.settings.max_body_bytes);
    let largest = limits.max().unwrap_or_default().max(MAX_SMALL);
    let body = match read(app, body, largest).await {
        Ok(body) => body,
        Err(trouble) => return bad(&trouble, None),
    };
    let named = unframed(&body).and_then(|message| match model_of(message) {
        Ok((name, version)) => Ok((message, name, version)),
        Err(refusal) => Err(refused_by(app, &refusal)),
    });
    let (message, deployment, version) = match named {
        Ok(named) => named,
        Err(trouble) => return bad(&trouble, None),
    };
    let headers = &parts.headers;
    let peer = peer(&parts.extensions);
    let head = Head { deployment, version, headers, peer, protocol: Protocol::Grpc };
    let started = app.traces.begin(headers);
    let answer = match app.gateway.admit(head).await {
        Ok(pass) => {
            let fits = message.len() <= pass.max_body_bytes();
            pass.decide(headers, if fits { Ok(message) } else { Err(BodyError::TooLarge) }).await
        }
        Err(answer) => answer,
    };
    if let Some(started) = started {
        app.traces.end(started, deployment, &answer);
    }
    respond(&answer)
}

fn respond(answer: &Answer) -> Response<Whole> {
    let Some(code) = answer.code else { return good(&answer.body, Some(answer)) };
    let message = String::from_utf8_lossy(&answer.body).into_owned();
    bad(&Trouble { status: status_of(answer.status), message, code }, Some(answer))
}

/// Who calls. Whoever is not known is counted.
async fn caller(app: &App, parts: &Parts) -> Result<Arc<Caller>, Trouble> {
    let known = app.gateway.authenticate(&parts.headers, peer(&parts.extensions)).await;
    known.map_err(|refusal| refused_by(app, &refusal))
}

fn refused(app: &App, code: RefusalCode) -> Trouble {
    refused_by(app, &Refusal::new(Phase::Resolve, code))
}

/// Counts a refusal of what was not resolved to a deployment.
fn refused_by(app: &App, refusal: &Refusal) -> Trouble {
    app.gateway.tally().count(Listener::Data, refusal.phase, refusal.code, false);
    Trouble::of(refusal)
}

async fn read(app: &App, body: Incoming, limit: usize) -> Result<Bytes, Trouble> {
    let body = read_body(body, limit.saturating_add(FRAME), app.limits.body_timeout).await;
    body.map_err(|error| {
        let code = match error {
            BodyError::TooLarge => RefusalCode::BodyTooLarge,
            BodyError::Timeout => RefusalCode::BodyTimeout,
            BodyError::Broken => RefusalCode::MalformedRequest,
        };
        refused_by(app, &Refusal::new(Phase::Accept, code))
    })
}

/// The one message of a body.
fn unframed(body: &[u8]) -> Result<&[u8], Trouble> {
    let malformed = || Trouble::code(RefusalCode::MalformedRequest);
    let ([flag, length @ ..], message) = body.split_first_chunk::<FRAME>().ok_or_else(malformed)?;
    if *flag != 0 {
        return Err(Trouble::unimplemented("messages must not be compressed"));
    }
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length == message.len() { Ok(message) } else { Err(malformed()) }
}

/// The code of gRPC that says what an HTTP status does.
const fn status_of(status: u16) -> u8 {
    match status {
        400 | 415 => INVALID_ARGUMENT,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        404 => NOT_FOUND,
        405 => UNIMPLEMENTED,
        409 => ABORTED,
        413 | 429 => RESOURCE_EXHAUSTED,
        422 => FAILED_PRECONDITION,
        503 => UNAVAILABLE,
        408 | 504 => DEADLINE_EXCEEDED,
        _ => INTERNAL,
    }
}

/// A message and the status 0, which is after it.
fn good(message: &[u8], answer: Option<&Answer>) -> Response<Whole> {
    let mut body = Vec::with_capacity(FRAME + message.len());
    body.push(0);
    // An answer is as long as its rows, which are bounded far below 4 GiB.
    body.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let mut response = Response::new(Whole::from(body).with_trailers(trailers));
    heads(response.headers_mut(), answer);
    response
}

/// Trailers only.
fn bad(trouble: &Trouble, answer: Option<&Answer>) -> Response<Whole> {
    let mut response = Response::new(Whole::default());
    let headers = response.headers_mut();
    heads(headers, answer);
    headers.insert(STATUS, HeaderValue::from(u16::from(trouble.status)));
    let message = HeaderValue::from_str(&percent_encoded(&trouble.message));
    headers.insert(MESSAGE, message.unwrap_or(HeaderValue::from_static("")));
    headers.insert(CODE, HeaderValue::from_static(trouble.code.as_str()));
    headers.insert(ENCODINGS, HeaderValue::from_static("identity"));
    response
}

fn heads(headers: &mut HeaderMap, answer: Option<&Answer>) {
    headers.insert(CONTENT_TYPE, GRPC);
    if let Some(answer) = answer
        && answer.id != DecisionId::from_bytes([0; 16])
    {
        headers.insert(DECISION_ID, id_header(answer.id));
    }
}

/// A message as trailers carry it: everything but printable ASCII, and `%`, percent-encoded.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | 0..0x20 | 0x7f.. => out.push_str(&format!("%{byte:02X}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_to_the_byte() {
        assert_eq!(unframed(b"\0\0\0\0\x02ab").ok(), Some(&b"ab"[..]));
        assert_eq!(unframed(b"\0\0\0\0\0").ok(), Some(&b""[..]));
        for (bytes, status) in [
            (&b""[..], INVALID_ARGUMENT),
            (b"\0\0\0\0", INVALID_ARGUMENT),
            (b"\0\0\0\0\x03ab", INVALID_ARGUMENT),
            (b"\0\0\0\0\x01ab", INVALID_ARGUMENT),
            (b"\0\xff\xff\xff\xffab", INVALID_ARGUMENT),
            (b"\x01\0\0\0\x02ab", UNIMPLEMENTED),
        ] {
            let trouble = unframed(bytes).err().map(|trouble| trouble.status);
            assert_eq!(trouble, Some(status), "{bytes:?}");
        }
    }

    #[test]
    fn messages_survive_trailers() {
        assert_eq!(percent_encoded("a field `ä` is 100 %\n"), "a field `%C3%A4` is 100 %25%0A");
    }

    #[test]
    fn only_grpc_is_a_call() {
        let is = |media: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
            is_call(&headers)
        };
        assert!(is("application/grpc") && is("application/grpc+proto"));
        assert!(!is("application/grpc-web") && !is("application/json"));
    }
}
