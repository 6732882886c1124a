//! The client: resolve, check, pin, connect, send, read, each within one deadline.

use crate::address::{AddressClass, Network};
use crate::connection::{Duplex, Exchange, Live};
use crate::error::OutboundError;
use crate::resolve::{Resolve, SystemResolver};
use crate::tls::{self, Connectors, Roots};
use crate::url::Url;
use bytes::Bytes;
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT,
};
use http::{HeaderMap, Method, StatusCode, Version};
use http_body_util::Full;
use plimsoll_types::Clock;
use rustls_pki_types::ServerName;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::Semaphore;

/// Requests under way at a time; more wait, within their deadline.
const MAX_CONNECTIONS: usize = 64;
/// Connections kept open for the next request, over all hosts.
const MAX_IDLE: usize = 16;
/// How long an idle connection is kept: less than servers do.
const IDLE_LIFE: Duration = Duration::from_secs(20);
/// How long a connection is used before its host is resolved and checked again.
const CONNECTION_LIFE: Duration = Duration::from_secs(60);
/// Addresses of one host that are taken; a host with more is refused.
const MAX_ADDRESSES: usize = 32;
/// How long one address may take to connect, so that one dead address does not cost the
/// whole deadline.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The deadline of a request that sets none.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// The largest reply of a request that sets none: an acknowledgement with an explanation.
const DEFAULT_REPLY: usize = 64 << 10;

/// What the client may do.
#[derive(Debug, Clone)]
pub struct OutboundConfig {
    /// Addresses that may be spoken to although they are not global.
    pub allow: Vec<Network>,
    /// Whether plain `http` may be spoken to addresses in `allow`.
    pub plain_http: bool,
    /// Whose certificates are trusted.
    pub roots: Roots,
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
}

impl Default for OutboundConfig {
    /// Global addresses by `https`, with Mozilla's authorities.
    fn default() -> Self {
        let resolver = Arc::new(SystemResolver);
        Self { allow: Vec::new(), plain_http: false, roots: Roots::WebPki, resolver }
    }
}

impl OutboundConfig {
    /// For `--dev`: the own machine too, also by plain `http`.
    #[must_use]
    pub fn dev() -> Self {
        Self { allow: Network::LOOPBACK.to_vec(), plain_http: true, ..Self::default() }
    }
}

/// A request.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// The headers. `host`, lengths and the connection are the client's.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// From now to the last byte of the reply.
    pub deadline: Duration,
    /// The largest body of a reply, in bytes.
    pub max_reply: usize,
    /// Whether it goes by HTTP/2, without asking whether the other side speaks it; else by
    /// HTTP/1.1.
    pub is_http2: bool,
}

impl Request {
    /// A request with a deadline of 10 s and at most 64 KiB of reply.
    #[must_use]
    pub fn new(method: Method, url: Url, body: impl Into<Bytes>) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: body.into(),
            deadline: DEFAULT_DEADLINE,
            max_reply: DEFAULT_REPLY,
            is_http2: false,
        }
    }
    /// `GET`.
    #[must_use]
    pub fn get(url: Url) -> Self {
        Self::new(Method::GET, url, Bytes::new())
    }
    /// `POST`.
    #[must_use]
    pub fn post(url: Url, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, url, body)
    }
    /// The same with a header.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
    /// The same with another deadline.
    #[must_use]
    pub const fn within(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
    /// The same with another bound of the reply's body, in bytes.
    #[must_use]
    pub const fn at_most(mut self, max_reply: usize) -> Self {
        self.max_reply = max_reply;
        self
    }

    fn message(self) -> http::Request<Full<Bytes>> {
        let mut message = http::Request::new(Full::new(self.body));
        *message.method_mut() = self.method;
        let mut headers = self.headers;
        for name in [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
            headers.remove(name);
        }
        if self.is_http2 {
            // RFC 9113 §8.3.1: `:authority` takes the place of `host`.
            headers.remove(HOST);
            *message.version_mut() = Version::HTTP_2;
            *message.uri_mut() = self.url.whole();
        } else if let Ok(host) = HeaderValue::from_str(&self.url.authority()) {
            *message.uri_mut() = self.url.target();
            headers.insert(HOST, host);
        }
        let agent = HeaderValue::from_static(concat!("plimsoll/", env!("CARGO_PKG_VERSION")));
        headers.entry(USER_AGENT).or_insert(agent);
        *message.headers_mut() = headers;
        message
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {}, {} bytes)", self.method, self.url, self.body.len())
    }
}

/// A reply, whatever its status (but no redirect, which is an error).
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// What came after the body.
    pub trailers: HeaderMap,
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({}, {} bytes)", self.status, self.body.len())
    }
}

/// The client. Clones are the same client and share its connections.
#[derive(Debug, Clone)]
pub struct Outbound(Arc<Inner>);

struct Inner {
    config: OutboundConfig,
    connectors: Connectors,
    clock: Arc<dyn Clock>,
    permits: Semaphore,
    max_idle: usize,
    idle: Mutex<Vec<Idle>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("config", &self.config).finish_non_exhaustive()
    }
}

/// An open connection that no request uses. Times are monotonic nanoseconds.
struct Idle {
    url: Url,
    home: Home,
    is_http2: bool,
    made: u64,
    used: u64,
    /// Boxed: it is handed from place to place with every request.
    live: Box<Live>,
}

/// Where a connection is driven from. One that another runtime made would be woken by that one's
/// thread, and would die with it; so each takes its own connections only.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// A runtime of this one thread.
    Thread(ThreadId),
    /// The process's runtime of many threads.
    Shared,
}

impl Home {
    fn here() -> Self {
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => Self::Thread(std::thread::current().id()),
            _ => Self::Shared,
        }
    }
}

impl Outbound {
    /// A client.
    ///
    /// # Errors
    /// [`OutboundError::Roots`] if the certificates to trust are unusable.
    pub fn new(config: OutboundConfig, clock: Arc<dyn Clock>) -> Result<Self, OutboundError> {
        let connectors = config.roots.connectors()?;
        let permits = Semaphore::new(MAX_CONNECTIONS);
        let (max_idle, idle) = (MAX_IDLE, Mutex::default());
        Ok(Self(Arc::new(Inner { config, connectors, clock, permits, max_idle, idle })))
    }

    /// A client under the same rules with connections of its own: at most `most` requests under
    /// way, and as many connections kept. What it does holds up nobody else.
    #[must_use]
    pub fn apart(&self, most: usize) -> Self {
        Self(Arc::new(Inner {
            config: self.0.config.clone(),
            connectors: self.0.connectors.clone(),
            clock: Arc::clone(&self.0.clock),
            permits: Semaphore::new(most.min(Semaphore::MAX_PERMITS)),
            max_idle: most,
            idle: Mutex::default(),
        }))
    }

    /// Refuses at once what could not be sent later, without asking a resolver: plain `http`
    /// where it has no leave, and an address written as numbers that is not allowed.
    ///
    /// # Errors
    /// [`OutboundError::Plain`], [`OutboundError::Forbidden`].
    pub fn check(&self, url: &Url) -> Result<(), OutboundError> {
        match url.address() {
            Some(address) => self.0.may_reach(url, address),
            None if url.is_plain && !self.0.config.plain_http => {
                Err(OutboundError::Plain { host: url.host.clone() })
            }
            None => Ok(()),
        }
    }

    /// Sends a request and reads its reply.
    ///
    /// # Errors
    /// [`OutboundError`]; unless it is [`OutboundError::Deadline`], [`OutboundError::Broken`],
    /// [`OutboundError::TooLarge`] or [`OutboundError::Redirect`], nothing was sent.
    pub async fn send(&self, request: Request) -> Result<Reply, OutboundError> {
        self.send_over(request, true).await
    }

    /// The same, blocking a thread that may be one of a runtime or none. Keeps no connection.
    ///
    /// # Errors
    /// As [`Self::send`], and [`OutboundError::Thread`].
    pub fn send_blocking(&self, request: Request) -> Result<Reply, OutboundError> {
        // A thread of its own: a runtime cannot be entered from within another one.
        std::thread::scope(|scope| {
            let work = || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.map_err(|_| OutboundError::Thread)?.block_on(self.send_over(request, false))
            };
            let thread = std::thread::Builder::new().name("plimsoll-outbound".into());
            let running = thread.spawn_scoped(scope, work).map_err(|_| OutboundError::Thread)?;
            running.join().unwrap_or(Err(OutboundError::Thread))
        })
    }

    async fn send_over(&self, request: Request, keep: bool) -> Result<Reply, OutboundError> {
        let (host, deadline) = (request.url.host.clone(), request.deadline);
        let sent = Box::pin(self.0.send(request, keep));
        tokio::time::timeout(deadline, sent)
            .await
            .unwrap_or(Err(OutboundError::Deadline { host, deadline }))
    }
}

impl Inner {
    async fn send(&self, request: Request, keep: bool) -> Result<Reply, OutboundError> {
        let Ok(_permit) = self.permits.acquire().await else {
            return Err(OutboundError::Thread);
        };
        let (url, limit, is_http2) = (request.url.clone(), request.max_reply, request.is_http2);
        let mut message = request.message();
        if keep {
            while let Some(mut idle) = self.take_idle(&url, is_http2) {
                if !idle.live.is_usable().await {
                    continue;
                }
                match idle.live.exchange(message).await {
                    Exchange::Unsent(unsent) => message = unsent,
                    answer => return self.finish(&url, idle, answer, limit, keep).await,
                }
            }
        }
        let stream = self.connect(&url, is_http2).await?;
        let broken = |source| OutboundError::Broken { host: url.host.clone(), source };
        let live = if is_http2 { Live::new_http2(stream).await } else { Live::new(stream).await };
        let live = Box::new(live.map_err(broken)?);
        let made = self.clock.monotonic();
        let mut idle =
            Idle { url: url.clone(), home: Home::here(), is_http2, made, used: made, live };
        let answer = idle.live.exchange(message).await;
        self.finish(&url, idle, answer, limit, keep).await
    }

    /// Reads the reply and keeps the connection if it can be used again.
    async fn finish(
        &self,
        url: &Url,
        mut idle: Idle,
        answer: Exchange,
        limit: usize,
        keep: bool,
    ) -> Result<Reply, OutboundError> {
        let host = || url.host.clone();
        let response = match answer {
            Exchange::Answered(response) => response,
            Exchange::Broken(source) => return Err(OutboundError::Broken { host: host(), source }),
            Exchange::Unsent(_) => {
                let source = io::Error::from(io::ErrorKind::ConnectionReset);
                return Err(OutboundError::Connect { host: host(), source });
            }
        };
        let (parts, body) = response.into_parts();
        if parts.status.is_redirection() && parts.status != StatusCode::NOT_MODIFIED {
            return Err(OutboundError::Redirect { host: host(), status: parts.status.as_u16() });
        }
        let (body, trailers) = idle.live.read(url, body, limit).await?;
        if keep && idle.live.is_usable().await {
            self.put_idle(idle);
        }
        Ok(Reply { status: parts.status, headers: parts.headers, body, trailers })
    }

    fn take_idle(&self, url: &Url, is_http2: bool) -> Option<Idle> {
        let home = Home::here();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget_old(&mut idle);
        let is_ours = |idle: &Idle| {
            idle.home == home && idle.is_http2 == is_http2 && idle.url.has_origin_of(url)
        };
        let at = idle.iter().rposition(is_ours)?;
        Some(idle.remove(at))
    }

    fn put_idle(&self, mut one: Idle) {
        one.used = self.clock.monotonic();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.forget_old(&mut idle);
        if idle.len() >= self.max_idle.max(1) {
            idle.remove(0);
        }
        idle.push(one);
    }

    fn forget_old(&self, idle: &mut Vec<Idle>) {
        let now = self.clock.monotonic();
        let age = |since: u64| Duration::from_nanos(now.saturating_sub(since));
        idle.retain(|one| age(one.used) < IDLE_LIFE && age(one.made) < CONNECTION_LIFE);
    }

    /// A connection to a checked address of the host, TLS included.
    async fn connect(&self, url: &Url, is_http2: bool) -> Result<Box<dyn Duplex>, OutboundError> {
        let host = || url.host.clone();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in self.addresses(url).await? {
            let connect = TcpStream::connect(SocketAddr::new(address, url.port));
            let stream = match tokio::time::timeout(CONNECT_TIMEOUT, connect).await {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => {
                    last = error;
                    continue;
                }
                Err(_) => {
                    last = io::Error::from(io::ErrorKind::TimedOut);
                    continue;
                }
            };
            // Requests are one write, and the reply is waited for.
            stream
                .set_nodelay(true)
                .map_err(|source| OutboundError::Connect { host: host(), source })?;
            if url.is_plain {
                return Ok(Box::new(stream));
            }
            let name = ServerName::try_from(url.host.to_string())
                .map_err(|_| OutboundError::Url("its host cannot stand in a certificate"))?;
            let stream = self.connectors.of(is_http2).connect(name, stream).await;
            let stream = stream.map_err(|source| OutboundError::Tls { host: host(), source })?;
            if is_http2 && stream.get_ref().1.alpn_protocol() != Some(tls::HTTP_2) {
                let source = io::Error::other("it did not agree to speak HTTP/2");
                return Err(OutboundError::Tls { host: host(), source });
            }
            return Ok(Box::new(stream));
        }
        Err(OutboundError::Connect { host: host(), source: last })
    }

    /// The addresses of the host: all of them, and every one allowed. One that is not
    /// condemns the others, because a name that points both ways is not what it seems.
    async fn addresses(&self, url: &Url) -> Result<Vec<IpAddr>, OutboundError> {
        if let Some(address) = url.address() {
            self.may_reach(url, address)?;
            return Ok(vec![address.to_canonical()]);
        }
        let unresolved = || OutboundError::Resolve { host: url.host.clone() };
        let found = self.config.resolver.resolve(&url.host).await.map_err(|_| unresolved())?;
        if found.is_empty() || found.len() > MAX_ADDRESSES {
            return Err(unresolved());
        }
        for address in &found {
            self.may_reach(url, *address)?;
        }
        Ok(found.into_iter().map(|address| address.to_canonical()).collect())
    }

    fn may_reach(&self, url: &Url, address: IpAddr) -> Result<(), OutboundError> {
        let listed = self.config.allow.iter().any(|network| network.contains(address));
        let class = AddressClass::of(address);
        if class != AddressClass::Global && !listed {
            return Err(OutboundError::Forbidden { host: url.host.clone(), class });
        }
        if url.is_plain && !(self.config.plain_http && listed) {
            return Err(OutboundError::Plain { host: url.host.clone() });
        }
        Ok(())
    }
}
