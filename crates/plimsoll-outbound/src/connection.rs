//! One connection, driven by the request that uses it: no task lives beside it.

use crate::error::OutboundError;
use crate::http2;
use crate::url::Url;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2 as two};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use tokio::io::{AsyncRead, AsyncWrite};

/// The largest head of a reply, in bytes, and the buffer of a connection.
pub(crate) const MAX_HEAD: usize = 32 << 10;
/// The most headers of a reply.
const MAX_HEADERS: usize = 100;

/// A TCP or TLS connection.
pub(crate) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

pub(crate) type Io = TokioIo<Box<dyn Duplex>>;
pub(crate) type Message = Request<Full<Bytes>>;
/// What must run for a connection to do anything; done when the connection has ended.
pub(crate) type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(two::SendRequest<Full<Bytes>>),
}

/// An open connection to one origin.
pub(crate) struct Live {
    sender: Sender,
    /// `None` when it has ended.
    driver: Option<Driver>,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Live(open: {})", self.driver.is_some())
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
    /// A connection that speaks HTTP/1.1.
    pub(crate) async fn new(stream: Box<dyn Duplex>) -> Result<Self, hyper::Error> {
        let mut builder = http1::Builder::new();
        builder.max_headers(MAX_HEADERS).max_buf_size(MAX_HEAD);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        let driver = Box::pin(async move { drop(connection.await) });
        Ok(Self { sender: Sender::One(sender), driver: Some(driver) })
    }

    /// A connection that speaks HTTP/2, from its first byte on.
    pub(crate) async fn new_http2(stream: Box<dyn Duplex>) -> Result<Self, hyper::Error> {
        let (sender, driver) = http2::handshake(TokioIo::new(stream)).await?;
        Ok(Self { sender: Sender::Two(sender), driver: Some(driver) })
    }

    /// Whether another request can go over it. Looks whether the other side has closed it.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.drive(std::future::ready(())).await;
        let is_ready = match &self.sender {
            Sender::One(sender) => sender.is_ready(),
            Sender::Two(sender) => sender.is_ready(),
        };
        self.driver.is_some() && is_ready
    }

    /// Sends a request and waits for the head of its reply.
    pub(crate) async fn exchange(&mut self, message: Message) -> Exchange {
        let answer = match &mut self.sender {
            Sender::One(sender) => {
                let answer = sender.try_send_request(message);
                self.drive(answer).await
            }
            Sender::Two(sender) => {
                let answer = sender.try_send_request(message);
                self.drive(answer).await
            }
        };
        answer.map_or_else(Exchange::failed, Exchange::Answered)
    }

    /// Reads a body of at most `limit` bytes, and the trailers after it.
    pub(crate) async fn read(
        &mut self,
        url: &Url,
        mut body: Incoming,
        limit: usize,
    ) -> Result<(Bytes, HeaderMap), OutboundError> {
        let (mut read, mut trailers) = (BytesMut::new(), HeaderMap::new());
        while let Some(frame) = self.drive(body.frame()).await {
            let frame =
                frame.map_err(|source| OutboundError::Broken { host: url.host.clone(), source })?;
            match frame.into_data() {
                Ok(data) if data.len() > limit - read.len() => {
                    return Err(OutboundError::TooLarge { host: url.host.clone(), limit });
                }
                Ok(data) => read.extend_from_slice(&data),
                // Bounded as heads are.
                Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
            }
        }
        Ok((read.freeze(), trailers))
    }

    /// Runs `work`, which waits for the connection, and the connection.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let driver = &mut self.driver;
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Some(running) = driver
                && running.as_mut().poll(context).is_ready()
            {
                *driver = None;
            }
            match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(done),
                // What the connection left behind when it ended may be there by now; its end
                // woke nobody.
                Poll::Pending if driver.is_none() => work.as_mut().poll(context),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

impl Exchange {
    fn failed(mut error: TrySendError<Message>) -> Self {
        match error.take_message() {
            Some(message) => Self::Unsent(message),
            None => Self::Broken(error.into_error()),
        }
    }
}
