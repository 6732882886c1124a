//! Bodies: of requests, bounded in size and time; of responses, whole.

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use plimsoll_artifact::{ArtifactError, Reader};
use plimsoll_gateway::BodyError;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::task::JoinHandle;

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

/// Why a body ends before its end: the connection is cut, so that nobody takes it for whole.
#[derive(Debug, thiserror::Error)]
#[error("the body cannot be read to its end")]
pub(crate) struct BrokenOff;

/// The body of a response: all bytes at once, or an artifact while it is read; then the trailers
/// that gRPC ends with.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    bytes: Bytes,
    reading: Option<Reading>,
    trailers: Option<HeaderMap>,
}

impl Whole {
    /// The same with trailers.
    pub(crate) fn with_trailers(self, trailers: HeaderMap) -> Self {
        Self { trailers: Some(trailers), ..self }
    }
}

impl From<Vec<u8>> for Whole {
    fn from(bytes: Vec<u8>) -> Self {
        Self { bytes: bytes.into(), reading: None, trailers: None }
    }
}

impl From<Reading> for Whole {
    fn from(reading: Reading) -> Self {
        Self { bytes: Bytes::new(), reading: Some(reading), trailers: None }
    }
}

/// An artifact that is read as fast as the caller takes it: one chunk ahead, and no thread is
/// held while the caller is slow.
#[derive(Debug)]
pub(crate) struct Reading {
    reader: Option<Reader>,
    next: Option<JoinHandle<Chunk>>,
    left: u64,
}

/// A chunk, with the reader of the next.
type Chunk = (Reader, Result<Option<Vec<u8>>, ArtifactError>);

impl Reading {
    /// The `left` bytes of `reader`.
    pub(crate) const fn new(reader: Reader, left: u64) -> Self {
        Self { reader: Some(reader), next: None, left }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        let next = match (&mut self.next, self.reader.take()) {
            (Some(next), _) => next,
            (None, Some(mut reader)) => self.next.insert(tokio::task::spawn_blocking(move || {
                let bytes = reader.next_bytes();
                (reader, bytes)
            })),
            (None, None) => return Poll::Ready(None),
        };
        let Poll::Ready(done) = Pin::new(next).poll(cx) else { return Poll::Pending };
        self.next = None;
        match done {
            Ok((reader, Ok(Some(bytes)))) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.reader = Some(reader);
                Poll::Ready(Some(Ok(bytes.into())))
            }
            Ok((_, Ok(None))) => Poll::Ready(None),
            Ok((_, Err(error))) => {
                tracing::error!(%error, "an artifact could not be read to its end");
                Poll::Ready(Some(Err(BrokenOff)))
            }
            Err(error) => {
                tracing::error!(%error, "reading an artifact panicked");
                Poll::Ready(Some(Err(BrokenOff)))
            }
        }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if !self.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.bytes)))));
        }
        if let Some(reading) = &mut self.reading {
            return reading.poll(cx).map_ok(Frame::data);
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        let is_read = self.reading.as_ref().is_none_or(|reading| reading.left == 0);
        self.bytes.is_empty() && is_read && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.trailers, &self.reading) {
            (Some(_), _) => SizeHint::default(),
            (None, Some(reading)) => SizeHint::with_exact(reading.left),
            (None, None) => SizeHint::with_exact(self.bytes.len() as u64),
        }
    }
}
