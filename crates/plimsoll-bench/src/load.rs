//! The load itself: connections that take turns, the clock of an open loop, and the report.
//!
//! Open loop: request number `i` is due at `start + i / rate` whatever the answers do, waits for
//! a free connection if it must, and its latency counts from when it was due. So a server that
//! stalls is not asked more gently ("coordinated omission", Tene 2013).

use crate::cpu;
use crate::http::{Request, exchange};
use crate::latency::{Histogram, Summary};
use plimsoll_types::{Clock, SystemClock};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

/// Pause after a connection failed, so that a dead server is not hammered.
const RETRY_PAUSE: Duration = Duration::from_millis(20);
/// How long answers that are still out may take at the end.
const DRAIN: Duration = Duration::from_secs(5);
/// Permits of an open loop that may wait: far more than any run has requests due at once, and
/// far below what a semaphore can hold.
const MAX_DUE: usize = 1 << 24;

/// What to do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The requests, sent in turn.
    pub(crate) requests: Vec<Request>,
    /// Where to.
    pub(crate) address: SocketAddr,
    /// Over how many connections.
    pub(crate) connections: u16,
    /// Requests per second (open loop); as fast as possible without it.
    pub(crate) rate: Option<u32>,
    /// Time before measuring.
    pub(crate) warmup: Duration,
    /// Time of measuring.
    pub(crate) measured: Duration,
    /// Processes under test.
    pub(crate) pids: Vec<u32>,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `closed` or `open`.
    pub(crate) mode: &'static str,
    /// Connections used.
    pub(crate) connections: u16,
    /// Requests per second that were due (open loop).
    pub(crate) rate: Option<u32>,
    /// Seconds measured.
    pub(crate) seconds: f64,
    /// Answers while measuring.
    pub(crate) requests: u64,
    /// Requests sent and answered over the whole run, warm-up and drain included: what the
    /// server's own counters must show.
    pub(crate) requests_with_warmup: u64,
    /// Broken connections and answers while measuring.
    pub(crate) errors: u64,
    /// The first error, in words.
    pub(crate) first_error: Option<String>,
    /// Answers by status code.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Answers per second.
    pub(crate) per_second: f64,
    /// Latencies.
    pub(crate) latency: Summary,
    /// CPU seconds of the processes under test while measuring.
    pub(crate) cpu_seconds: f64,
    /// The same per answer, in microseconds.
    pub(crate) cpu_us_per_request: f64,
    /// CPU seconds of this generator.
    pub(crate) generator_cpu_seconds: f64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    /// The runtime or its clock thread could not start.
    #[error("cannot start: {0}")]
    Start(std::io::Error),
}

/// What the connections share; all on one thread.
struct Shared {
    plan: Vec<Request>,
    address: SocketAddr,
    clock: Arc<SystemClock>,
    pace: Option<Pace>,
    next: Cell<u64>,
    stop: Arc<AtomicBool>,
    seen: RefCell<Seen>,
    all: Cell<u64>,
}

/// The clock of an open loop.
#[derive(Clone)]
struct Pace {
    rate: u32,
    start: u64,
    due: Arc<Semaphore>,
}

/// What was seen since measuring began.
struct Seen {
    latency: Histogram,
    statuses: BTreeMap<u16, u64>,
    errors: u64,
    first_error: Option<String>,
}

/// Runs the plan on this thread (one more keeps the time of an open loop).
///
/// # Errors
/// [`LoadError::Start`]; broken connections are counted in the report instead.
pub(crate) fn run(plan: &Plan) -> Result<Report, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(LoadError::Start)?;
    LocalSet::new().block_on(&runtime, drive(plan))
}

async fn drive(plan: &Plan) -> Result<Report, LoadError> {
    let clock = Arc::new(SystemClock::new());
    let stop = Arc::new(AtomicBool::new(false));
    let pace = plan.rate.map(|rate| Pace {
        rate,
        start: clock.monotonic(),
        due: Arc::new(Semaphore::new(0)),
    });
    if let Some(pace) = &pace {
        keep_time(pace.clone(), Arc::clone(&clock), Arc::clone(&stop))?;
    }
    let shared = Rc::new(Shared {
        plan: plan.requests.clone(),
        address: plan.address,
        clock,
        pace,
        next: Cell::new(0),
        stop,
        seen: RefCell::new(Seen::new()),
        all: Cell::new(0),
    });
    let mut connections = JoinSet::new();
    for _ in 0..plan.connections {
        connections.spawn_local(connection(Rc::clone(&shared)));
    }
    tokio::time::sleep(plan.warmup).await;
    let own = [std::process::id()];
    let begin = (shared.clock.monotonic(), cpu::seconds(&plan.pids), cpu::seconds(&own));
    shared.seen.replace(Seen::new());
    tokio::time::sleep(plan.measured).await;
    let seen = shared.seen.replace(Seen::new());
    let end = (shared.clock.monotonic(), cpu::seconds(&plan.pids), cpu::seconds(&own));
    shared.stop.store(true, Ordering::Relaxed);
    if let Some(pace) = &shared.pace {
        pace.due.close();
    }
    let all_done = async { while connections.join_next().await.is_some() {} };
    // Answers later than this are not waited for; the counts then show the difference.
    drop(tokio::time::timeout(DRAIN, all_done).await);
    let measured = Measured { nanos: end.0 - begin.0, cpu: end.1 - begin.1, own: end.2 - begin.2 };
    Ok(report(plan, seen, shared.all.get(), &measured))
}

struct Measured {
    nanos: u64,
    cpu: f64,
    own: f64,
}

#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of a run are below 2^53")]
fn report(plan: &Plan, seen: Seen, all: u64, measured: &Measured) -> Report {
    let seconds = measured.nanos as f64 / 1e9;
    let requests = seen.latency.total();
    let each = (requests as f64).max(1.0);
    Report {
        mode: if plan.rate.is_some() { "open" } else { "closed" },
        connections: plan.connections,
        rate: plan.rate,
        seconds: rounded(seconds, 1e3),
        requests,
        requests_with_warmup: all,
        errors: seen.errors,
        first_error: seen.first_error,
        statuses: seen.statuses,
        per_second: rounded(requests as f64 / seconds, 10.0),
        latency: seen.latency.summary(),
        cpu_seconds: rounded(measured.cpu, 1e3),
        cpu_us_per_request: rounded(measured.cpu * 1e6 / each, 1e2),
        generator_cpu_seconds: rounded(measured.own, 1e3),
    }
}

fn rounded(number: f64, steps: f64) -> f64 {
    (number * steps).round() / steps
}

/// One connection: takes the next request in turn until told to stop.
async fn connection(shared: Rc<Shared>) {
    let mut stream = None;
    let mut buffer = Vec::new();
    while let Some((number, due)) = shared.turn().await {
        let Some(request) = shared.request(number) else { return };
        let answer = async {
            let open = match stream.take() {
                Some(open) => open,
                None => connect(shared.address).await?,
            };
            let open = stream.insert(open);
            exchange(open, request, &mut buffer).await
        };
        match answer.await {
            Ok(answer) => {
                if answer.closes {
                    stream = None;
                }
                shared.all.set(shared.all.get() + 1);
                let latency = shared.clock.monotonic().saturating_sub(due);
                shared.seen.borrow_mut().answer(answer.status, latency);
            }
            Err(error) => {
                stream = None;
                shared.seen.borrow_mut().error(&error.to_string());
                tokio::time::sleep(RETRY_PAUSE).await;
            }
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream, std::io::Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Shared {
    /// The number of the next request and when it is due; `None` once the load is over.
    async fn turn(&self) -> Option<(u64, u64)> {
        if let Some(pace) = &self.pace {
            // Each permit is one request; closing the semaphore ends the load.
            pace.due.acquire().await.ok()?.forget();
        }
        if self.stop.load(Ordering::Relaxed) {
            return None;
        }
        let number = self.next.replace(self.next.get() + 1);
        let due = match &self.pace {
            Some(pace) => pace.due_at(number),
            None => self.clock.monotonic(),
        };
        Some((number, due))
    }
    fn request(&self, number: u64) -> Option<&Request> {
        let count = u64::try_from(self.plan.len()).ok()?;
        self.plan.get(usize::try_from(number.checked_rem(count)?).ok()?)
    }
}

impl Pace {
    /// When request `number` is due, in the clock's nanoseconds.
    fn due_at(&self, number: u64) -> u64 {
        let offset = u128::from(number) * 1_000_000_000 / u128::from(self.rate);
        self.start.saturating_add(u64::try_from(offset).unwrap_or(u64::MAX))
    }
}

/// A thread that adds a permit for each request when it is due. A thread, because the runtime's
/// own timers count in milliseconds; the kernel wakes a sleeping thread within about 60 µs.
fn keep_time(pace: Pace, clock: Arc<SystemClock>, stop: Arc<AtomicBool>) -> Result<(), LoadError> {
    let tick = move || {
        let mut number = 0;
        while !stop.load(Ordering::Relaxed) {
            let now = clock.monotonic();
            let mut due = 0;
            while pace.due_at(number) <= now {
                number += 1;
                due += 1;
            }
            if pace.due.available_permits() < MAX_DUE {
                pace.due.add_permits(due);
            }
            let wait = pace.due_at(number).saturating_sub(clock.monotonic());
            std::thread::sleep(Duration::from_nanos(wait));
        }
    };
    std::thread::Builder::new().name("pace".into()).spawn(tick).map_err(LoadError::Start)?;
    Ok(())
}

impl Seen {
    fn new() -> Self {
        Self { latency: Histogram::new(), statuses: BTreeMap::new(), errors: 0, first_error: None }
    }
    fn answer(&mut self, status: u16, nanos: u64) {
        *self.statuses.entry(status).or_default() += 1;
        self.latency.add(nanos);
    }
    fn error(&mut self, error: &str) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_owned());
    }
}

#[cfg(test)]
mod tests;
