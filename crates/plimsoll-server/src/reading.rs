//! An artifact that is read while it is sent.

use crate::reply::{BrokeOff, Pieces};
use bytes::Bytes;
use plimsoll_artifact::{ArtifactError, Reader};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::task::JoinHandle;

/// An artifact that is read as fast as the caller takes it: one chunk ahead, and no thread is
/// held while the caller is slow.
#[derive(Debug)]
pub(crate) struct Reading {
    reader: Option<Reader>,
    next: Option<JoinHandle<Chunk>>,
    left: u64,
    spent: Spent,
}

/// Memory of chunks that were sent, for the next ones; as many as are ever under way at once. The
/// threads that read are many and the one that sends is none of them: were each chunk new, each of
/// those threads would keep a hundred chunks that others freed before its allocator gave one of
/// them away again.
#[derive(Clone, Debug, Default)]
struct Spent(Arc<Mutex<Vec<Vec<u8>>>>);

impl Spent {
    fn slot(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A chunk while it is sent.
struct Sent {
    bytes: Vec<u8>,
    spent: Spent,
}

impl AsRef<[u8]> for Sent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.spent.slot().push(std::mem::take(&mut self.bytes));
    }
}

/// A chunk, with the reader of the next.
type Chunk = (Reader, Result<Option<Vec<u8>>, ArtifactError>);

impl Reading {
    /// The `left` bytes of `reader`.
    pub(crate) fn new(reader: Reader, left: u64) -> Self {
        Self { reader: Some(reader), next: None, left, spent: Spent::default() }
    }
}

impl Pieces for Reading {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokeOff>>> {
        let next = match (&mut self.next, self.reader.take()) {
            (Some(next), _) => next,
            (None, Some(mut reader)) => {
                if let Some(room) = self.spent.slot().pop() {
                    reader.reuse(room);
                }
                self.next.insert(tokio::task::spawn_blocking(move || {
                    let bytes = reader.next_bytes();
                    (reader, bytes)
                }))
            }
            (None, None) => return Poll::Ready(None),
        };
        let Poll::Ready(done) = Pin::new(next).poll(context) else { return Poll::Pending };
        self.next = None;
        match done {
            Ok((reader, Ok(Some(bytes)))) => {
                self.left = self.left.saturating_sub(bytes.len() as u64);
                self.reader = Some(reader);
                let spent = self.spent.clone();
                Poll::Ready(Some(Ok(Bytes::from_owner(Sent { bytes, spent }))))
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
