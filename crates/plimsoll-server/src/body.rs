//! Bodies: of requests, bounded in size and time; of responses, whole.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use plimsoll_gateway::BodyError;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// The largest body of a refused request that is read to its end: most requests are smaller.
const MAX_HEARD: u64 = 64 * 1024;
/// How long that may take: what was sent with the head is there.
const HEAR_TIME: Duration = Duration::from_millis(250);

/// The whole body, at most `limit` bytes, within `time`.
pub(crate) async fn read_body(
    body: Incoming,
    limit: usize,
    time: Duration,
) -> Result<Bytes, BodyError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let collected = Limited::new(body, limit).collect();
    match tokio::time::timeout(time, collected).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(BodyError::TooLarge),
        Ok(Err(_)) => Err(BodyError::Broken),
        Err(_) => Err(BodyError::Timeout),
    }
}

/// Lets a caller that is refused by its head end a small request. Over HTTP/2 a stream that is
/// answered before it has ended is reset, which some clients (curl) take for a failure and not
/// for the answer. Nothing is kept; who sends more, or slowly, is not waited for.
pub(crate) async fn hear_out(mut body: Incoming) {
    if body.size_hint().upper().is_none_or(|bytes| bytes > MAX_HEARD) {
        return;
    }
    let all = async { while let Some(Ok(_)) = body.frame().await {} };
    let _in_time = tokio::time::timeout(HEAR_TIME, all).await;
}

/// The body of a response: all bytes at once, then the trailers that gRPC ends with.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
}

impl Whole {
    /// The same with trailers.
    pub(crate) fn with_trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..self }
    }
}

impl From<Bytes> for Whole {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, trailers: None }
    }
}

impl From<Vec<u8>> for Whole {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), trailers: None }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.trailers {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.bytes.len() as u64),
        }
    }
}
