//! The two requests of a witness: `POST /add-checkpoint`, and `GET /<origin hash>/checkpoint` for
//! monitors.

use super::heads::{FileHeads, HeadsError};
use crate::accept::Answering;
use crate::body::read_body;
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use plimsoll_gateway::{BodyError, Listener};
use plimsoll_tlog::note::Signature;
use plimsoll_tlog::witness::{MAX_REQUEST_BYTES, Witness, WitnessError};
use plimsoll_types::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Requests at once: each holds a body of up to 164 KiB and a thread that waits for the disk.
const MAX_IN_FLIGHT: usize = 32;
/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
const TEXT: &str = "text/plain; charset=utf-8";

/// What all connections of a witness answer from.
pub(super) struct Service {
    state: Arc<State>,
    in_flight: Semaphore,
}

struct State {
    witness: Witness,
    heads: FileHeads,
    clock: Arc<dyn Clock>,
}

impl Service {
    pub(super) fn new(witness: Witness, heads: FileHeads, clock: Arc<dyn Clock>) -> Self {
        let state = Arc::new(State { witness, heads, clock });
        Self { state, in_flight: Semaphore::new(MAX_IN_FLIGHT) }
    }

    async fn add_checkpoint(&self, body: Incoming) -> Response<Full<Bytes>> {
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return text(503, "the witness is busy; try again\n");
        };
        let body = match read_body(body, MAX_REQUEST_BYTES, BODY_TIMEOUT).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return text(413, "the request is too large\n"),
            Err(BodyError::Timeout) => return text(408, "the request took too long\n"),
            Err(BodyError::Broken) => return text(400, "the request did not come whole\n"),
        };
        let state = Arc::clone(&self.state);
        // A client that hangs up does not stop what has begun: the head is kept, the answer lost.
        let answered = tokio::task::spawn_blocking(move || state.answer(&body)).await;
        answered.unwrap_or_else(|error| {
            tracing::error!(error = %error, "a request broke");
            text(500, "something of ours broke\n")
        })
    }
}

impl State {
    fn answer(&self, body: &[u8]) -> Response<Full<Bytes>> {
        let now = self.clock.now().as_secs();
        let answer: Result<Signature, WitnessError<HeadsError>> =
            self.witness.add_checkpoint(body, now, &self.heads);
        match answer {
            Ok(signature) => text(200, &format!("{signature}\n")),
            Err(WitnessError::Refused(refusal)) => {
                tracing::info!(status = refusal.status(), reason = %refusal, "not cosigned");
                let (body, content_type) = refusal.body();
                reply(refusal.status(), content_type, body)
            }
            Err(WitnessError::Heads(error)) => {
                tracing::error!(error = %error, "a head could not be kept");
                text(500, "the witness cannot keep its state\n")
            }
        }
    }
}

impl Answering for Service {
    type Body = Full<Bytes>;

    async fn answer(&self, _: Listener, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path();
        if path == "/add-checkpoint" {
            return if request.method() == Method::POST {
                self.add_checkpoint(request.into_body()).await
            } else {
                not_allowed("POST")
            };
        }
        let hash = path.strip_prefix('/').and_then(|path| path.strip_suffix("/checkpoint"));
        let note = hash.and_then(|hash| self.state.heads.note(hash));
        match (note, request.method()) {
            (Some(note), &Method::GET | &Method::HEAD) => text(200, &note),
            (Some(_), _) => not_allowed("GET"),
            (None, _) => text(404, "there is nothing here\n"),
        }
    }
}

fn not_allowed(method: &'static str) -> Response<Full<Bytes>> {
    let mut response = text(405, "this path takes another method\n");
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(method));
    response
}

fn text(status: u16, body: &str) -> Response<Full<Bytes>> {
    reply(status, TEXT, body.to_owned())
}

fn reply(status: u16, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
