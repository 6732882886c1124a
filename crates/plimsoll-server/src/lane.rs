//! Lanes: one thread per core, each with connections of its own, that answers the plain
//! inference requests of the data listener. A connection that sends anything else is handed
//! over to `hyper` with what was read of it, for good.
//!
//! A lane's tasks never move between threads. What is ready in one round of the event loop
//! is decided one after the other, the ledger is woken once for all of it, and the lane is
//! woken once for all that a sync made durable: half of what a decision cost was being woken
//! for it alone (docs/benchmarks.md).

use crate::accept::{Acceptor, Life};
use crate::error::ServerError;
use crate::plain::{self, MAX_PLAIN, Plain};
use crate::service::{Service, write_answer};
use http::HeaderMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::LocalSet;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::TaskTracker;

/// Bytes read at once: a request of usual size.
const READ: usize = 4096;
/// How long the rest of a request may take that did not come at once. A slower one is left to
/// `hyper`, which has timers for every part of it.
const GRACE: Duration = Duration::from_millis(50);

/// A connection on its way to its lane.
struct Arrival {
    stream: std::net::TcpStream,
    permit: OwnedSemaphorePermit,
    open: Open,
}

/// Counts a lane's connections, as long as it lives.
struct Open(Arc<AtomicUsize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// All lanes. When they are dropped, each ends with its last connection.
pub(crate) struct Lanes(Vec<Lane>);

struct Lane {
    arrivals: mpsc::UnboundedSender<Arrival>,
    open: Arc<AtomicUsize>,
}

impl Lanes {
    /// Starts `count` threads.
    pub(crate) fn start(count: usize, acceptor: &Acceptor<Service>) -> Result<Self, ServerError> {
        (0..count).map(|_| Lane::start(acceptor.clone())).collect::<Result<_, _>>().map(Self)
    }

    /// Gives the connection to the lane that has the fewest.
    pub(crate) fn take(&self, stream: TcpStream, permit: OwnedSemaphorePermit) {
        let Some(lane) = self.0.iter().min_by_key(|lane| lane.open.load(Relaxed)) else { return };
        let Ok(stream) = stream.into_std() else { return };
        lane.open.fetch_add(1, Relaxed);
        let open = Open(Arc::clone(&lane.open));
        // A lane that is gone was cut: so is the connection.
        drop(lane.arrivals.send(Arrival { stream, permit, open }));
    }
}

impl Lane {
    fn start(acceptor: Acceptor<Service>) -> Result<Self, ServerError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        // Not bounded itself: every arrival holds one of the permits, which are.
        let (arrivals, arriving) = mpsc::unbounded_channel();
        // A drain waits for the thread as it does for a task.
        let token = acceptor.tasks.token();
        std::thread::Builder::new()
            .name("plimsoll-lane".into())
            .spawn(move || {
                let all = LocalSet::new();
                all.block_on(&runtime, run(acceptor, arriving));
                // Requests that were cut leave their records before the drain is over.
                drop(all);
                drop(token);
            })
            .map_err(ServerError::Runtime)?;
        Ok(Self { arrivals, open: Arc::default() })
    }
}

/// The lane's thread: serves what arrives until nothing more will, or until it is cut.
async fn run(acceptor: Acceptor<Service>, mut arriving: mpsc::UnboundedReceiver<Arrival>) {
    let mut life = acceptor.life.clone();
    let acceptor = Rc::new(acceptor);
    let tasks = TaskTracker::new();
    let serve = async {
        while let Some(arrival) = arriving.recv().await {
            tasks.spawn_local(serve(Rc::clone(&acceptor), arrival));
        }
        tasks.close();
        tasks.wait().await;
    };
    tokio::select! {
        () = serve => {}
        _ = life.wait_for(|&life| life == Life::Ending) => {}
    }
}

/// Answers a connection's plain requests; hands it over at the first other one.
async fn serve(acceptor: Rc<Acceptor<Service>>, arrival: Arrival) {
    let Arrival { stream, permit, open: _open } = arrival;
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    let mut connection =
        Connection { stream, bytes: Vec::new(), headers: HeaderMap::new(), reply: Vec::new() };
    if connection.answer(&acceptor).await == Then::HandOver
        && let Ok(stream) = connection.stream.into_std()
    {
        acceptor.adopt(stream, connection.bytes, permit);
    }
}

/// What becomes of a connection.
#[derive(PartialEq, Eq)]
enum Then {
    Close,
    HandOver,
}

struct Connection {
    stream: TcpStream,
    /// What was read and not yet answered.
    bytes: Vec<u8>,
    headers: HeaderMap,
    reply: Vec<u8>,
}

impl Connection {
    async fn answer(&mut self, acceptor: &Acceptor<Service>) -> Then {
        let limits = acceptor.service.app.limits;
        let mut life = acceptor.life.clone();
        let mut draining = pin!(life.wait_for(|&life| life != Life::Serving));
        // Looked at when it is over, not set anew for every request.
        let mut idle = pin!(sleep_until(Instant::now() + limits.header_timeout));
        let mut answered = false;
        loop {
            let request = match plain::read(&self.bytes, &mut self.headers) {
                Plain::Whole(request) => request,
                Plain::Other => return Then::HandOver,
                Plain::Part if self.bytes.is_empty() => {
                    self.bytes.reserve(READ);
                    tokio::select! {
                        biased;
                        read = self.stream.read_buf(&mut self.bytes) => match read {
                            Ok(0) | Err(_) => return Then::Close,
                            Ok(_) => continue,
                        },
                        _ = &mut draining => return Then::Close,
                        () = &mut idle => {
                            if !std::mem::take(&mut answered) {
                                return Then::Close;
                            }
                            idle.as_mut().reset(Instant::now() + limits.idle_timeout);
                            continue;
                        }
                    }
                }
                Plain::Part => {
                    self.bytes.reserve(MAX_PLAIN.saturating_sub(self.bytes.len()).clamp(1, READ));
                    match timeout(GRACE, self.stream.read_buf(&mut self.bytes)).await {
                        Ok(Ok(read)) if read > 0 => continue,
                        _ => return Then::HandOver,
                    }
                }
            };
            let service = &acceptor.service;
            let answer = service.infer_whole(request.target, &self.headers, request.body).await;
            answered = true;
            let close = *acceptor.life.borrow() != Life::Serving;
            self.reply.clear();
            write_answer(&mut self.reply, &answer, service.app.clock.now(), close);
            let len = request.len;
            self.bytes.drain(..len);
            if self.write(limits.idle_timeout).await.is_err() || close {
                return Then::Close;
            }
        }
    }

    /// Writes the reply. A caller that does not read it within `time` is cut.
    async fn write(&mut self, time: Duration) -> std::io::Result<()> {
        let written = self.stream.try_write(&self.reply).unwrap_or(0);
        match self.reply.get(written..) {
            None | Some([]) => Ok(()),
            Some(rest) => timeout(time, self.stream.write_all(rest)).await?,
        }
    }
}
