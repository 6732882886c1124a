//! The accept loop: connections bounded in number, headers and bodies bounded in time.
//!
//! `hyper` has no timer of its own, so a server without this loop waits for ever for the
//! header of a slow client.

use crate::first_bytes::begin;
use crate::lane::Lanes;
use crate::tls::{self, Tls};
use bytes::Bytes;
use http::{Extensions, Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use plimsoll_gateway::Listener;
use plimsoll_identity::CertificateNames;
use std::convert::Infallible;
use std::error::Error;
use std::io::{Cursor, ErrorKind};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::task::TaskTracker;

/// The largest head of a request: request line and all headers.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// The most headers a request may have.
const MAX_HEADERS: usize = 64;
/// How long to wait after the process ran out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where the server stands in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Life {
    /// It takes requests.
    Serving,
    /// It finishes those in flight.
    Draining,
    /// It cuts those still in flight.
    Ending,
}

/// What answers requests: the server, or a witness.
pub(crate) trait Answering: Send + Sync + 'static {
    /// What its responses carry. One that fails cuts its connection.
    type Body: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request.
    fn answer(
        &self,
        listener: Listener,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Body>> + Send;
}

/// What every connection of a listener shares.
pub(crate) struct Acceptor<A> {
    pub(crate) service: Arc<A>,
    pub(crate) listener: Listener,
    pub(crate) tls: Option<Tls>,
    pub(crate) header_timeout: Duration,
    /// How long a caller may take nothing of its answers.
    pub(crate) patience: Duration,
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
    pub(crate) life: watch::Receiver<Life>,
    pub(crate) builder: Arc<auto::Builder<TokioExecutor>>,
    /// Where connections are served that no lane serves.
    pub(crate) runtime: Handle,
}

/// Bounds of one connection.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) header_timeout: Duration,
    /// HTTP/2 streams at once.
    pub(crate) max_streams: u32,
    /// HTTP/2 streams reset before they were answered.
    pub(crate) max_reset_streams: usize,
}

/// How connections are served.
pub(crate) fn builder(bounds: Bounds) -> Arc<auto::Builder<TokioExecutor>> {
    let Bounds { header_timeout, max_streams, max_reset_streams } = bounds;
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        // Never `pipeline_flush`: with it a reply is taken as fast as it is made, and all of a
        // file that is read slowly waits in memory.
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(max_streams)
        .max_pending_accept_reset_streams(max_reset_streams)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(Some(header_timeout))
        .keep_alive_timeout(header_timeout);
    Arc::new(builder)
}

impl<A> Clone for Acceptor<A> {
    fn clone(&self) -> Self {
        Self {
            service: Arc::clone(&self.service),
            listener: self.listener,
            tls: self.tls.clone(),
            header_timeout: self.header_timeout,
            patience: self.patience,
            connections: Arc::clone(&self.connections),
            tasks: self.tasks.clone(),
            life: self.life.clone(),
            builder: Arc::clone(&self.builder),
            runtime: self.runtime.clone(),
        }
    }
}

impl<A: Answering> Acceptor<A> {
    /// Accepts connections until the server drains. With lanes, they go there first.
    pub(crate) async fn run(mut self, listener: TcpListener, lanes: Option<Lanes>) {
        loop {
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.life.wait_for(|&life| life != Life::Serving) => return,
            };
            match accepted {
                Ok((stream, _)) if stream.set_nodelay(true).is_err() => {}
                Ok((stream, _)) => match &lanes {
                    Some(lanes) => lanes.take(stream, permit),
                    None => self.connect(stream, permit),
                },
                Err(error) if is_callers(&error) => {}
                Err(error) => {
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn connect(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let this = self.clone();
        self.tasks.spawn(async move {
            // Held to the end of the connection.
            let _permit = permit;
            match &this.tls {
                None => this.serve(stream, None).await,
                Some(tls) => {
                    let handshake = tls.accept(stream);
                    if let Ok(Ok(stream)) =
                        tokio::time::timeout(this.header_timeout, handshake).await
                    {
                        let peer = tls::names(&stream).map(Arc::new);
                        this.serve(stream, peer).await;
                    }
                }
            }
        });
    }

    /// Serves what a lane does not, beginning with what the lane has read of it.
    pub(crate) fn adopt(
        &self,
        stream: std::net::TcpStream,
        read: Vec<u8>,
        permit: OwnedSemaphorePermit,
    ) {
        let this = self.clone();
        let task = async move {
            let _permit = permit;
            let Ok(stream) = TcpStream::from_std(stream) else { return };
            let (rest, replies) = stream.into_split();
            this.serve(tokio::io::join(Cursor::new(read).chain(rest), replies), None).await;
        };
        self.tasks.spawn_on(task, &self.runtime);
    }

    async fn serve<S>(&self, stream: S, peer: Option<Arc<CertificateNames>>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut life = self.life.clone();
        let begun = tokio::select! {
            begun = begin(stream, self.header_timeout, self.patience) => begun,
            _ = life.wait_for(|&life| life != Life::Serving) => return,
        };
        let Some(stream) = begun else { return };
        let service = service_fn(|mut request: Request<Incoming>| {
            if let Some(peer) = &peer {
                request.extensions_mut().insert(Arc::clone(peer));
            }
            let service = Arc::clone(&self.service);
            let listener = self.listener;
            async move { Ok::<_, Infallible>(service.answer(listener, request).await) }
        });
        let connection = self.builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            // What a caller does wrong on the wire is answered or closed by hyper.
            _ = connection.as_mut() => return,
            _ = life.wait_for(|&life| life != Life::Serving) => connection.as_mut().graceful_shutdown(),
        }
        // A connection that is cut drops its request, which records that it was.
        tokio::select! {
            _ = connection => {}
            _ = life.wait_for(|&life| life == Life::Ending) => {}
        }
    }
}

/// The names in the certificate of the connection a request came over.
pub(crate) fn peer(extensions: &Extensions) -> Option<&CertificateNames> {
    extensions.get::<Arc<CertificateNames>>().map(|names| &**names)
}

fn is_callers(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}
