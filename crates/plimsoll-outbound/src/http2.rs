//! HTTP/2 (RFC 9113) with one request at a time, as gRPC needs it.
//!
//! Hyper wants to run parts of a connection as tasks of their own. Here they are kept beside the
//! connection and driven with it, so that nothing of a connection runs while no request uses it,
//! and all of it ends with the request that gives it up. It must not know gRPC.

use crate::connection::{Driver, Io, MAX_HEAD};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2::{Builder, Connection, SendRequest};
use hyper::rt::Executor;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

/// What the other side may send before it is read, in bytes: as large as most replies are, so
/// that none waits for leave to go on.
const WINDOW: u32 = 1 << 20;
/// Streams that the other side reset and we still know of. One request at a time has one.
const MAX_RESETS: usize = 8;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the parts that hyper would run as tasks.
#[derive(Clone, Default)]
struct Parts(Arc<Mutex<Vec<Task>>>);

impl Parts {
    fn take(&self) -> Vec<Task> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Parts {
    fn execute(&self, part: F) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(part));
    }
}

/// A connection and its parts. A request has at most one part of its own, its body.
struct Whole {
    connection: Connection<Io, Full<Bytes>, Parts>,
    new: Parts,
    parts: Vec<Task>,
}

impl Future for Whole {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let whole = &mut *self;
        loop {
            whole.parts.append(&mut whole.new.take());
            whole.parts.retain_mut(|part| part.as_mut().poll(context).is_pending());
            if pin!(&mut whole.connection).poll(context).is_ready() {
                return Poll::Ready(());
            }
            let new = whole.new.take();
            if new.is_empty() {
                return Poll::Pending;
            }
            whole.parts.extend(new);
        }
    }
}

/// Begins to speak HTTP/2, without asking whether the other side does.
pub(crate) async fn handshake(io: Io) -> Result<(SendRequest<Full<Bytes>>, Driver), hyper::Error> {
    let new = Parts::default();
    let mut builder = Builder::new(new.clone());
    builder
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_reset_streams(MAX_RESETS)
        .max_pending_accept_reset_streams(MAX_RESETS)
        .max_local_error_reset_streams(MAX_RESETS);
    let (sender, connection) = builder.handshake(io).await?;
    Ok((sender, Box::pin(Whole { connection, new, parts: Vec::new() })))
}
