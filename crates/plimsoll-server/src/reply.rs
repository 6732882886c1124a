//! Replies of everything that is not inference.

use crate::body::Whole;
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, SET_COOKIE, WWW_AUTHENTICATE,
};
use http::{Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use plimsoll_api::{PROBLEM_MEDIA_TYPE, Problem};
use serde::Serialize;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// What comes piece by piece. Dropped when the caller goes.
pub(crate) trait Pieces: Send {
    /// The next piece; an error breaks the reply off.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>>;
}

/// A reply that could not be given to its end. The connection is cut, so that nobody takes the
/// part for the whole.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the reply broke off")]
pub(crate) struct BrokeOff;

/// The body of any response.
pub(crate) enum ReplyBody {
    /// At once.
    Whole(Whole),
    /// Piece by piece.
    Pieces(Box<dyn Pieces>),
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        match self.get_mut() {
            Self::Whole(whole) => {
                Pin::new(whole).poll_frame(context).map_err(|never| match never {})
            }
            Self::Pieces(pieces) => pieces.poll_piece(context).map_ok(Frame::data),
        }
    }
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(whole) => whole.is_end_stream(),
            Self::Pieces(_) => false,
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(whole) => whole.size_hint(),
            Self::Pieces(_) => SizeHint::default(),
        }
    }
}

/// What a reply is made of.
pub(crate) enum Content {
    /// Bytes.
    Bytes(Vec<u8>),
    /// What comes piece by piece.
    Pieces(Box<dyn Pieces>),
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// A reply before it is HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) media: &'static str,
    pub(crate) body: Content,
    pub(crate) retry_after: Option<u32>,
    /// How long others may keep it.
    pub(crate) cache: &'static str,
    /// A cookie to set.
    pub(crate) cookie: Option<HeaderValue>,
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
        Self {
            status,
            media,
            body: Content::Bytes(body),
            retry_after: None,
            cache: NO_STORE,
            cookie: None,
        }
    }
    /// A reply that comes piece by piece.
    pub(crate) fn pieces(status: u16, media: &'static str, pieces: Box<dyn Pieces>) -> Self {
        let body = Content::Pieces(pieces);
        Self { status, media, body, retry_after: None, cache: NO_STORE, cookie: None }
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

    pub(crate) fn into_response(self) -> Response<ReplyBody> {
        let body = match self.body {
            Content::Bytes(bytes) => ReplyBody::Whole(Whole::from(bytes)),
            Content::Pieces(pieces) => ReplyBody::Pieces(pieces),
        };
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
        if let Some(cookie) = self.cookie {
            headers.insert(SET_COOKIE, cookie);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
