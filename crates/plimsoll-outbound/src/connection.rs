//! One connection, driven by the request that uses it: no task lives beside it.

use crate::error::OutboundError;
use crate::url::Url;
use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest head of a reply, in bytes, and the buffer of a connection.
const MAX_HEAD: usize = 32 << 10;
/// The most headers of a reply.
const MAX_HEADERS: usize = 100;

/// A TCP or TLS connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

type Message = Request<Full<Bytes>>;
type Driven = Connection<TokioIo<Box<dyn Duplex>>, Full<Bytes>>;

/// An open connection to one origin.
pub(crate) struct Live {
    sender: SendRequest<Full<Bytes>>,
    /// `None` when it has ended.
    connection: Option<Driven>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live(open: {})", self.connection.is_some())
    }
}

/// What came of an exchange.
pub(crate) enum Exchange {
    Answered(Response<Incoming>),
    /// The connection was gone before a byte of the request was written: safe to send again.
    Unsent(Message),
    Broken(hyper::Error),
}

impl Live {
    pub(crate) async fn new(stream: Box<dyn Duplex>) -> Result<Self, hyper::Error> {
        let mut builder = Builder::new();
        builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender, connection: Some(connection) })
    }

    /// Whether another request can go over it. Looks whether the other side has closed it.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.drive(std::future::ready(())).await;
        self.connection.is_some() && self.sender.is_ready()
    }

    /// Sends a request and waits for the head of its reply.
    pub(crate) async fn exchange(&mut self, message: Message) -> Exchange {
        let answer = self.sender.try_send_request(message);
        match self.drive(answer).await {
            Ok(response) => Exchange::Answered(response),
            Err(mut error) => match error.take_message() {
                Some(message) => Exchange::Unsent(message),
                None => Exchange::Broken(error.into_error()),
            },
        }
    }

    /// Reads a body of at most `limit` bytes.
    pub(crate) async fn read(
        &mut self,
        url: &Url,
        mut body: Incoming,
        limit: usize,
    ) -> Result<Bytes, OutboundError> {
        let mut read = BytesMut::new();
        while let Some(frame) = self.drive(body.frame()).await {
            let frame =
                frame.map_err(|source| OutboundError::Broken { host: url.host.clone(), source })?;
            let Ok(data) = frame.into_data() else { continue };
            if data.len() > limit - read.len() {
                return Err(OutboundError::TooLarge { host: url.host.clone(), limit });
            }
            read.extend_from_slice(&data);
        }
        Ok(read.freeze())
    }

    /// Runs `work`, which waits for the connection, and the connection.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let connection = &mut self.connection;
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Some(running) = connection
                && pin!(running).poll(context).is_ready()
            {
                *connection = None;
            }
            match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(done),
                // What the connection left behind when it ended may be there by now; its end
                // woke nobody.
                Poll::Pending if connection.is_none() => work.as_mut().poll(context),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}
