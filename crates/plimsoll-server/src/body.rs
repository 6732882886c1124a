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
use tokio::sync::mpsc;

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

/// Bytes that are read while they are sent, and how many there are.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) pieces: mpsc::Receiver<Bytes>,
    pub(crate) left: u64,
}

/// The body of a response: all bytes at once, then the trailers that gRPC ends with; or pieces of
/// a file.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    bytes: Bytes,
    trailers: Option<HeaderMap>,
    stream: Option<Streamed>,
}

impl Whole {
    /// The same with trailers.
    pub(crate) fn with_trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..self }
    }
    /// A body that is read while it is sent.
    pub(crate) fn streamed(stream: Streamed) -> Self {
        Self { stream: Some(stream), ..Self::default() }
    }
}

impl From<Vec<u8>> for Whole {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), ..Self::default() }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(stream) = &mut self.stream {
            // A reader that fails sends less than was announced, and the connection breaks: the
            // caller sees that the file is not whole.
            return stream.pieces.poll_recv(context).map(|piece| {
                let piece = piece?;
                stream.left = stream.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            });
        }
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
            && self.trailers.is_none()
            && self.stream.as_ref().is_none_or(|stream| stream.left == 0)
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(stream) = &self.stream {
            return SizeHint::with_exact(stream.left);
        }
        match self.trailers {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.bytes.len() as u64),
        }
    }
}
