//! Start, run, drain.

use crate::accept::{self, Acceptor, Bounds, Life};
use crate::alerts::{self, Alerts};
use crate::app::App;
use crate::background;
use crate::background_batches::{self, Batches};
use crate::background_explain;
use crate::background_loop;
use crate::background_retrain::{self, Retrains};
use crate::background_rollouts;
use crate::buckets;
use crate::checkpoint_sinks;
use crate::config::{ServerConfig, TlsFiles};
use crate::console_oidc::SignIns;
use crate::error::ServerError;
use crate::folder;
use crate::handlers_observe;
use crate::heads::StoredHeads;
use crate::issuers::{self, Believed};
use crate::lake;
use crate::lane::Lanes;
use crate::live::{self, Watchers};
use crate::monitoring;
use crate::observations::Pairs;
use crate::routes::RouteTable;
use crate::service::Service;
use crate::sessions::Sessions;
use crate::sinks;
use crate::tls::Tls;
use crate::traces::Traces;
use crate::webhooks::{self, Webhooks};
use plimsoll_batch::{Engine, Vault};
use plimsoll_control::{Control, ControlConfig};
use plimsoll_gateway::{Gateway, GatewayLimits, Listener, TrustedIssuer, UpstreamAccess};
use plimsoll_ledger::{Ledger, LedgerConfig, PublishConfig, Recovery};
use plimsoll_sinks::{Backoff, Sinks};
use plimsoll_store::Store;
use plimsoll_types::Clock;
use std::net::SocketAddr;
use std::num::NonZero;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

/// How long cut connections have to let go of their requests: a poll of each, no more.
const CUT_TIMEOUT: Duration = Duration::from_secs(2);
/// Connections that the kernel keeps until they are accepted. More at once are left to retry after a
/// second and more; the kernel has a bound of its own (`somaxconn`).
const BACKLOG: u32 = 4096;

/// What there is to tell once the server answers.
#[derive(Debug)]
pub struct Started {
    /// Where inference is answered.
    pub data: SocketAddr,
    /// Where the API is answered.
    pub control: SocketAddr,
    /// Where metrics are answered.
    pub metrics: SocketAddr,
    /// Where gRPC is answered beside the data listener, if anywhere.
    pub grpc: Option<SocketAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// The one-time admin key of a first start. Not kept anywhere.
    pub admin_key: Option<String>,
    /// What the ledger found when it opened.
    pub recovery: Recovery,
    /// Whether this is `--dev`.
    pub dev: bool,
}

/// Runs a server until it is told to stop and has drained. Blocks.
///
/// # Errors
/// [`ServerError`] if it could not start.
pub fn run(
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    started: impl FnOnce(&Started),
) -> Result<(), ServerError> {
    check(&config)?;
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.workers > 0 {
        builder.worker_threads(config.workers);
    }
    let runtime =
        builder.enable_all().thread_name("plimsoll").build().map_err(ServerError::Runtime)?;
    runtime.block_on(serve(config, clock, started))
}

/// Threads that answer plain inference requests.
fn lanes(workers: usize) -> usize {
    match workers {
        0 => std::thread::available_parallelism().map_or(1, NonZero::get),
        workers => workers,
    }
}

fn check(config: &ServerConfig) -> Result<(), ServerError> {
    let listen = &config.listen;
    let all = [listen.data, listen.control, listen.metrics].into_iter().chain(listen.grpc);
    let others = all.into_iter().find(|a| !a.ip().is_loopback());
    match others {
        Some(address) if config.dev => Err(ServerError::DevAddress(address)),
        _ => Ok(()),
    }
}

async fn serve(
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    started: impl FnOnce(&Started),
) -> Result<(), ServerError> {
    // Before anything is written, so that a second server on the same port changes nothing.
    let sockets = Sockets::bind(&config)?;
    let tls = config.tls.as_ref().map(Tls::load).transpose()?;
    // Probes and scrapers have no certificates.
    let without = TlsFiles::without_clients;
    let metrics_tls = config.tls.as_ref().map(without).as_ref().map(Tls::load).transpose()?;
    let parts = tokio::task::block_in_place(|| open(&config, Arc::clone(&clock)))?;
    let Opened { app, issuers, recovery, admin_key } = parts;
    let app = Arc::new(app);

    let (stage, life) = watch::channel(Life::Serving);
    let tasks = TaskTracker::new();
    let addresses = sockets.addresses.clone();
    let acceptor = Acceptor {
        service: Arc::new(Service { app: Arc::clone(&app) }),
        listener: Listener::Data,
        header_timeout: config.limits.header_timeout,
        patience: config.limits.idle_timeout,
        connections: Arc::new(Semaphore::new(config.limits.max_connections)),
        tasks: tasks.clone(),
        life: life.clone(),
        tls: tls.clone(),
        builder: accept::builder(Bounds {
            header_timeout: config.limits.header_timeout,
            max_streams: config.limits.max_streams,
            max_reset_streams: config.limits.max_reset_streams,
        }),
        runtime: Handle::current(),
    };
    if let Some(socket) = sockets.grpc {
        // No lane reads HTTP/2.
        tasks.spawn(acceptor.clone().run(socket, None));
    }
    for (listener, socket) in sockets.listeners {
        let mut acceptor = Acceptor { listener, ..acceptor.clone() };
        if listener != Listener::Data {
            // Of their own, so that callers of models cannot lock operators out.
            let connections = Semaphore::new(config.limits.max_control_connections);
            acceptor.connections = Arc::new(connections);
        }
        if listener == Listener::Metrics {
            acceptor.tls = metrics_tls.clone();
        }
        let is_plain = listener == Listener::Data && tls.is_none();
        let lanes = is_plain.then(|| Lanes::start(lanes(config.workers), &acceptor)).transpose()?;
        tasks.spawn(acceptor.run(socket, lanes));
    }
    for issuer in issuers {
        let (outbound, clock) = (app.outbound.clone(), Arc::clone(&app.clock));
        tasks.spawn(issuers::keep(issuer, outbound, clock, life.clone()));
    }
    tasks.spawn(background_explain::explain(Arc::clone(&app), life.clone()));
    tasks.spawn(background::each_minute(Arc::clone(&app), life.clone()));
    tasks.spawn(background::run_sinks(Arc::clone(&app), life.clone()));
    tasks.spawn(handlers_observe::expire(Arc::clone(&app), life.clone()));
    tasks.spawn(background_batches::run(Arc::clone(&app), life.clone()));
    tasks.spawn(background_rollouts::tend(Arc::clone(&app), life.clone()));
    tasks.spawn(background_rollouts::shadow(Arc::clone(&app), life.clone()));
    tasks.spawn(alerts::run(Arc::clone(&app), life.clone()));
    tasks.spawn(background_loop::tend(Arc::clone(&app), life.clone()));
    tasks.spawn(background_loop::judge(Arc::clone(&app), config.monitor_slot, life.clone()));
    tasks.spawn(background_loop::watch(Arc::clone(&app), config.monitor_slot, life.clone()));
    tasks.spawn(background_retrain::keep(Arc::clone(&app), life.clone()));
    tasks.spawn(webhooks::run(Arc::clone(&app), life.clone()));
    tasks.spawn(background::each_hour(Arc::clone(&app), life.clone()));
    tasks.spawn(monitoring::each_slot(Arc::clone(&app), config.monitor_slot, life.clone()));
    tasks.spawn(background::note_blocks(Arc::clone(&app), life.clone()));
    tasks.spawn(live::run(Arc::clone(&app), life.clone()));
    tasks.spawn(lake::keep_up(Arc::clone(&app), life));
    started(&Started {
        data: addresses.data,
        control: addresses.control,
        metrics: addresses.metrics,
        grpc: addresses.grpc,
        scheme: if tls.is_some() { "https" } else { "http" },
        admin_key,
        recovery,
        dev: config.dev,
    });

    let mut signals = Signals::new().map_err(ServerError::Runtime)?;
    signals.wait().await;
    tracing::info!("draining: requests in flight are finished, new ones are refused");
    app.gateway.begin_drain();
    stage.send_replace(Life::Draining);
    tasks.close();
    let finished = tasks.wait();
    tokio::pin!(finished);
    tokio::select! {
        () = &mut finished => return close(&app).await,
        () = tokio::time::sleep(config.limits.drain_timeout) => {
            tracing::warn!("the drain took too long; connections are cut");
        }
        () = signals.wait() => tracing::warn!("told to stop a second time; connections are cut"),
    }
    // Before the ledger closes: what is cut leaves a record too.
    stage.send_replace(Life::Ending);
    if tokio::time::timeout(CUT_TIMEOUT, finished).await.is_err() {
        tracing::warn!("some requests did not end even when they were cut");
    }
    close(&app).await
}

/// What was opened.
struct Opened {
    app: App,
    /// Whose keys have to be kept fresh.
    issuers: Vec<Arc<TrustedIssuer>>,
    recovery: Recovery,
    admin_key: Option<String>,
}

/// Opens everything there is on disk.
fn open(config: &ServerConfig, clock: Arc<dyn Clock>) -> Result<Opened, ServerError> {
    folder::prepare(&config.data)?;
    let bucket = config.artifacts.as_ref().map(buckets::artifacts).transpose()?;
    let store =
        Store::open(&config.data.join("plimsoll.db"), clock.now()).map_err(ServerError::Store)?;
    let tenant = store.read(|read| read.meta()).map_err(ServerError::Store)?.tenant;
    let ledger_config = LedgerConfig {
        segment_bytes: config.ledger.segment_bytes,
        queue_records: config.ledger.queue_records,
        queue_bytes: config.ledger.queue_bytes,
        reserve_bytes: config.ledger.reserve_bytes,
        root: config.root.clone(),
        ..LedgerConfig::new(config.data.clone(), config.keys.clone(), tenant)
    };
    let (ledger, recovery) =
        Ledger::open(ledger_config, Arc::clone(&clock)).map_err(ServerError::Ledger)?;
    let control_config = ControlConfig {
        bucket,
        dev: config.dev,
        public_ledger: config.log.public,
        erasure: config.erasure,
        ..ControlConfig::new(config.data.clone())
    };
    let (control, opened) =
        Control::open(control_config, store, ledger.clone(), Arc::clone(&clock))
            .map_err(ServerError::Control)?;
    if opened.completed_intents + opened.failed_intents > 0 {
        tracing::info!(
            made = opened.completed_intents,
            not_made = opened.failed_intents,
            "changes that were under way when the process died have their end in the ledger now"
        );
    }
    let control = Arc::new(control);
    let origin = config.log.origin.clone().unwrap_or_else(|| format!("plimsoll/{tenant}"));
    let heads = Arc::new(StoredHeads(Arc::clone(&control)));
    let outbound = sinks::outbound(&config.outbound, config.dev, Arc::clone(&clock))?;
    let shown_to = checkpoint_sinks::sinks(config, &outbound)?;
    ledger.publish(&PublishConfig::new(origin), heads, shown_to).map_err(ServerError::Ledger)?;
    let limits = GatewayLimits { max_in_flight: config.limits.max_in_flight };
    let gateway = Gateway::new(control.snapshots(), ledger, Arc::clone(&clock), limits)
        .map_err(ServerError::Ledger)?;
    let Believed { trust, issuers } =
        issuers::believed(config.identity.clone(), tenant, &control, &outbound)?;
    gateway.trust(trust);
    let secrets = config.keys.join("upstreams");
    gateway.reach(UpstreamAccess { outbound: outbound.clone(), secrets });
    let traces =
        Traces::new(config.otlp_endpoint.as_deref(), config.trace_ratio, Arc::clone(&clock))?;
    let feed = Arc::new(sinks::ControlFeed(Arc::clone(&control)));
    let backoff = Backoff { first: config.sinks.first, max: config.sinks.max };
    let vault = Vault::new(config.data.join("batches"), gateway.ledger().clone());
    let engine = Engine::new(gateway.clone(), vault, Arc::clone(&clock), Handle::current());
    let lake = lake::open(config.data.clone(), gateway.ledger().clone(), &control, &clock)?;
    let monitor = monitoring::open(config, gateway.ledger(), &control, &clock)?;
    gateway.watch_by(monitor.recorder());
    let app = App {
        monitor,
        batches: Batches::new(engine),
        pairs: Pairs::default(),
        gateway,
        control,
        lake,
        sinks: Sinks::new(feed, outbound.clone(), Arc::clone(&clock), backoff),
        webhooks: Webhooks::default(),
        alerts: Alerts::new(config)?,
        retrains: Retrains::new(config.trainers.clone(), config.data.join("retrains")),
        outbound,
        started: clock.now(),
        clock,
        limits: config.limits,
        traces,
        routes: RouteTable::new(),
        public_ledger: config.log.public,
        has_witnesses: config.log.policy.is_some(),
        default_deployment: config.default_deployment.clone(),
        one_port: config.dev,
        is_tls: config.tls.is_some(),
        sessions: Sessions::default(),
        sign_ins: SignIns::new(&issuers)?,
        watchers: Watchers::default(),
    };
    Ok(Opened { app, issuers, recovery, admin_key: opened.admin_key })
}

/// The end: the last refusals, the stop event, the ledger closed cleanly.
async fn close(app: &Arc<App>) -> Result<(), ServerError> {
    background::minute(app, app.started).await;
    let app = Arc::clone(app);
    let closed = tokio::task::spawn_blocking(move || {
        if let Err(error) = app.control.stop() {
            tracing::warn!(error = %error, "the stop could not be recorded");
        }
        app.traces.shutdown();
        app.gateway.ledger().close()
    });
    match closed.await {
        Ok(closed) => closed.map_err(ServerError::Ledger),
        Err(error) => Err(ServerError::Runtime(std::io::Error::other(error))),
    }
}

#[derive(Debug, Clone)]
struct Addresses {
    data: SocketAddr,
    control: SocketAddr,
    metrics: SocketAddr,
    grpc: Option<SocketAddr>,
}

struct Sockets {
    listeners: Vec<(Listener, TcpListener)>,
    /// A second door of the data listener.
    grpc: Option<TcpListener>,
    addresses: Addresses,
}

impl Sockets {
    fn bind(config: &ServerConfig) -> Result<Self, ServerError> {
        let listen = &config.listen;
        let data = bind(listen.data)?;
        let (grpc, grpc_address) = match listen.grpc {
            None => (None, None),
            Some(address) => {
                let socket = bind(address)?;
                let address = local(&socket, address)?;
                (Some(socket), Some(address))
            }
        };
        if config.dev {
            let address = local(&data, listen.data)?;
            let addresses =
                Addresses { data: address, control: address, metrics: address, grpc: grpc_address };
            return Ok(Self { listeners: vec![(Listener::Data, data)], grpc, addresses });
        }
        let (control, metrics) = (bind(listen.control)?, bind(listen.metrics)?);
        let addresses = Addresses {
            data: local(&data, listen.data)?,
            control: local(&control, listen.control)?,
            metrics: local(&metrics, listen.metrics)?,
            grpc: grpc_address,
        };
        let listeners = vec![
            (Listener::Data, data),
            (Listener::Control, control),
            (Listener::Metrics, metrics),
        ];
        Ok(Self { listeners, grpc, addresses })
    }
}

pub(crate) fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    listen(address).map_err(|source| ServerError::Bind { address, source })
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A port whose last connections are still closing can be taken again at once.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// The address that a listener really has: port 0 asks for any.
pub(crate) fn local(
    listener: &TcpListener,
    address: SocketAddr,
) -> Result<SocketAddr, ServerError> {
    listener.local_addr().map_err(|source| ServerError::Bind { address, source })
}

/// Being told to stop.
pub(crate) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
    pub(crate) async fn wait(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A load test's start, or a proxy's: many connections before the first is accepted.
    #[tokio::test]
    async fn a_burst_of_connections_waits_to_be_accepted() {
        let kernel = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
        let many = kernel.trim().parse::<usize>().unwrap().min(600);
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let wait = Duration::from_secs(2);
        let connect = || std::net::TcpStream::connect_timeout(&address, wait).unwrap();
        let held: Vec<_> = (0..many).map(|_| connect()).collect();
        assert_eq!(held.len(), many);
    }
}
