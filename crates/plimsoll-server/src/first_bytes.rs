//! What `hyper` has no timer for: the first bytes of a connection, and a client that does not read.
//!
//! It tells HTTP/1 and HTTP/2 apart by the first bytes, so a client that sends nothing, or the `P`
//! that both begin with, would be waited for without end; and so would one that takes no answer.
//!
//! Must not know what the bytes ask.

use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep, timeout};

/// What every connection of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection of which the first bytes were read; they are read again.
pub(crate) struct Begun<S> {
    first: Vec<u8>,
    /// How many of the first were read again.
    at: usize,
    stream: S,
    /// How long the client may take nothing of what is written to it.
    patience: Duration,
    /// When it has taken nothing for that long; none while it does.
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Reads until it is plain whether HTTP/1 or HTTP/2 is spoken. `None` if that takes longer than
/// `time`, or if the client is gone. Later, writing fails once the client has taken nothing for
/// `patience`.
pub(crate) async fn begin<S: AsyncRead + Unpin>(
    mut stream: S,
    time: Duration,
    patience: Duration,
) -> Option<Begun<S>> {
    let mut first = Vec::with_capacity(PREFACE.len());
    let read = async {
        while is_open(&first) {
            let mut rest = (&mut stream).take((PREFACE.len() - first.len()) as u64);
            if rest.read_buf(&mut first).await.ok()? == 0 {
                return None;
            }
        }
        Some(())
    };
    timeout(time, read).await.ok()??;
    Some(Begun { first, at: 0, stream, patience, stalled: None })
}

/// Whether these may be the first bytes of either.
fn is_open(first: &[u8]) -> bool {
    first.len() < PREFACE.len() && PREFACE.starts_with(first)
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = &mut *self;
        match this.first.get(this.at..) {
            None | Some([]) => Pin::new(&mut this.stream).poll_read(context, buffer),
            Some(rest) => {
                let count = rest.len().min(buffer.remaining());
                buffer.put_slice(rest.get(..count).unwrap_or_default());
                this.at += count;
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl<S> Begun<S> {
    /// What became of writing: after too long a wait, the client's failure.
    fn in_time<T>(&mut self, context: &mut Context<'_>, wrote: Poll<Result<T>>) -> Poll<Result<T>> {
        if wrote.is_ready() {
            self.stalled = None;
            return wrote;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        stalled.as_mut().poll(context).map(|()| Err(ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begun<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(context, wrote)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.in_time(context, wrote)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let wrote = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(context, wrote)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let wrote = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(context, wrote)
    }
}
