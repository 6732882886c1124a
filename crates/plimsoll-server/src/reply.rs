//! Replies of everything that is not inference.

use crate::body::{Streamed, Whole};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use plimsoll_api::{PROBLEM_MEDIA_TYPE, Problem};
use serde::Serialize;

/// A reply before it is HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media: &'static str,
    pub(crate) body: Vec<u8>,
    /// Read while it is sent, in the place of `body`.
    pub(crate) stream: Option<Streamed>,
    pub(crate) retry_after: Option<u32>,
    /// How long others may keep it.
    pub(crate) cache: &'static str,
}

/// Nothing but the published log may be kept by anyone.
const NO_STORE: &str = "no-store";

impl Reply {
    /// A JSON reply.
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self::bytes(status, "application/json", body),
            Err(error) => {
                tracing::error!(error = %error, "a reply could not be written as JSON");
                Self::problem(&Problem::new(500, "internal", "something of ours broke"))
            }
        }
    }
    /// A reply of text.
    pub(crate) fn text(status: u16, media: &'static str, body: String) -> Self {
        Self::bytes(status, media, body.into_bytes())
    }
    /// A reply of bytes.
    pub(crate) fn bytes(status: u16, media: &'static str, body: Vec<u8>) -> Self {
        Self { status, media, body, stream: None, retry_after: None, cache: NO_STORE }
    }
    /// The same reply, which others may keep like this.
    pub(crate) fn cached(self, cache: &'static str) -> Self {
        Self { cache, ..self }
    }
    /// A reply without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self::bytes(status, "", Vec::new())
    }
    /// A problem (RFC 9457).
    pub(crate) fn problem(problem: &Problem) -> Self {
        let retry_after = matches!(problem.status, 429 | 503).then_some(1);
        let body = serde_json::to_vec(problem).unwrap_or_default();
        Self { retry_after, ..Self::bytes(problem.status, PROBLEM_MEDIA_TYPE, body) }
    }

    pub(crate) fn into_response(self) -> Response<Whole> {
        let body = self.stream.map_or_else(|| Whole::from(self.body), Whole::streamed);
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !self.media.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(self.cache));
        if self.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"plimsoll\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
