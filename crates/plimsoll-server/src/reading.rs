//! An artifact that is read while it is sent.

use crate::reply::{BrokeOff, Pieces};
use bytes::Bytes;
use plimsoll_artifact::{ArtifactError, Reader};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

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
}

impl Pieces for Reading {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        let next = match (&mut self.next, self.reader.take()) {
            (Some(next), _) => next,
            (None, Some(mut reader)) => self.next.insert(tokio::task::spawn_blocking(move || {
                let bytes = reader.next_bytes();
                (reader, bytes)
            })),
            (None, None) => return Poll::Ready(None),
        };
        let Poll::Ready(done) = Pin::new(next).poll(context) else { return Poll::Pending };
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
                Poll::Ready(Some(Err(BrokeOff)))
            }
            Err(error) => {
                tracing::error!(%error, "reading an artifact panicked");
                Poll::Ready(Some(Err(BrokeOff)))
            }
        }
    }

    fn left(&self) -> Option<u64> {
        Some(self.left)
    }
}
