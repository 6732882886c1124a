//! Replies of everything that is not inference.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use http_body_util::Full;
use plimsoll_api::{PROBLEM_MEDIA_TYPE, Problem};
use serde::Serialize;

/// A reply before it is HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media: &'static str,
    pub(crate) body: Vec<u8>,
    pub(crate) retry_after: Option<u32>,
}

impl Reply {
    /// A JSON reply.
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Self { status, media: "application/json", body, retry_after: None },
            Err(error) => {
                tracing::error!(error = %error, "a reply could not be written as JSON");
                Self::problem(&Problem::new(500, "internal", "something of ours broke"))
            }
        }
    }
    /// A reply of text.
    pub(crate) fn text(status: u16, media: &'static str, body: String) -> Self {
        Self { status, media, body: body.into_bytes(), retry_after: None }
    }
    /// A reply without a body.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, media: "", body: Vec::new(), retry_after: None }
    }
    /// A problem (RFC 9457).
    pub(crate) fn problem(problem: &Problem) -> Self {
        let retry_after = matches!(problem.status, 429 | 503).then_some(1);
        let body = serde_json::to_vec(problem).unwrap_or_default();
        Self { status: problem.status, media: PROBLEM_MEDIA_TYPE, body, retry_after }
    }

    pub(crate) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !self.media.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == 401 {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"plimsoll\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
