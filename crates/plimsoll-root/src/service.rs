//! Asking a key service: one request, one JSON answer, errors without data.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{CONTENT_TYPE, HeaderValue};
use plimsoll_ledger::RootError;
use plimsoll_outbound::{Outbound, Request};
use plimsoll_types::Clock;
use serde_json::Value;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest answer: a wrapped key and what the provider says about it.
const MAX_ANSWER: usize = 64 << 10;

/// How key services are reached.
#[derive(Debug, Clone)]
pub struct Service {
    /// The client.
    pub outbound: Outbound,
    /// The time that requests are signed with.
    pub clock: Arc<dyn Clock>,
}

/// What a service answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Service {
    /// Sends a request. Blocks.
    pub(crate) fn ask(&self, request: Request) -> Result<Answer, RootError> {
        let reply = self.outbound.send_blocking(request.at_most(MAX_ANSWER));
        let reply = reply.map_err(|error| RootError::Unreachable(error.to_string().into()))?;
        let status = reply.status.as_u16();
        if status >= 500 {
            return Err(RootError::Unreachable(format!("status {status}").into()));
        }
        let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// A text of the answer.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }

    /// That the service said no. What it said stays out: it may repeat what it was sent.
    pub(crate) fn refused(&self) -> RootError {
        RootError::Refused(format!("status {}", self.status).into())
    }

    /// The secret in base64 at `pointer`.
    pub(crate) fn secret(&self, pointer: &str) -> Result<Zeroizing<[u8; 32]>, RootError> {
        let malformed = || RootError::Refused("its answer is malformed".into());
        let text = self.text(pointer).ok_or_else(malformed)?;
        let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| malformed())?);
        let bytes: &[u8; 32] = bytes.as_slice().try_into().map_err(|_| malformed())?;
        Ok(Zeroizing::new(*bytes))
    }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn json(request: Request, media: &'static str) -> Request {
    request.with_header(CONTENT_TYPE, HeaderValue::from_static(media))
}
