//! A witness: a server of its own that cosigns the checkpoints of the logs it knows, each only if
//! it extends the last (C2SP tlog-witness). What it decides is in `plimsoll_tlog::witness`; here
//! are its files, its sockets and its end.
//!
//! It asks nobody who they are: what counts is the signature of a log that it knows, and all it
//! has is public.

mod heads;
mod key;
mod service;

pub use key::{load_key, vkey};

use crate::accept::{self, Acceptor, Life};
use crate::error::ServerError;
use crate::start::{Signals, bind, local};
use heads::FileHeads;
use plimsoll_gateway::Listener;
use plimsoll_tlog::cosignature::Cosigner;
use plimsoll_tlog::note::{NoteError, Vkey};
use plimsoll_tlog::witness::Witness;
use plimsoll_types::Clock;
use service::Service;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tokio_util::task::TaskTracker;

/// Connections at once. A log needs one.
const MAX_CONNECTIONS: usize = 256;
/// How long a client may take to send the head of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// HTTP/2 streams at once on one connection: a log asks one question at a time.
const MAX_STREAMS: u32 = 128;
/// HTTP/2 streams reset before they were answered.
const MAX_RESET_STREAMS: usize = 32;
/// How long requests in flight have to end after a signal: an answer takes one sync of the disk.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// What a witness runs with.
#[derive(Debug)]
pub struct WitnessConfig {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder of what it has cosigned.
    pub data: PathBuf,
    /// Its key; see [`load_key`].
    pub key: Cosigner,
    /// The keys of the logs it knows.
    pub logs: Vec<Vkey>,
}

/// Why a witness did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum WitnessError {
    /// There is no key yet, and no name for one.
    #[error("the witness has no key in `{0}` yet, and a new one needs a name")]
    NoKey(PathBuf),
    /// The key file holds no key of a witness.
    #[error("`{path}` holds no key of a witness")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: NoteError,
    },
    /// The key in the file has another name than was asked for.
    #[error("the key in `{path}` is called `{name}`")]
    Name {
        /// The file.
        path: PathBuf,
        /// The name it has.
        name: String,
    },
    /// Not the key of a log, or one twice.
    #[error("the key number {0} of the logs is that of a witness, or is there twice")]
    Log(usize),
    /// A head on disk is not what this witness wrote.
    #[error(
        "`{path}` is not a checkpoint that this witness cosigned; it was altered, or the key is another"
    )]
    Head {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: Option<NoteError>,
    },
    /// Another process has the folder.
    #[error("another witness runs on `{0}`")]
    Locked(PathBuf),
    /// A folder, address or thread could not be had.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Runs a witness until it is told to stop. Blocks.
///
/// # Errors
/// [`WitnessError`] if it could not start.
pub fn run(
    config: WitnessConfig,
    clock: Arc<dyn Clock>,
    started: impl FnOnce(SocketAddr),
) -> Result<(), WitnessError> {
    let witness = Witness::new(config.key, check(config.logs)?);
    let heads = FileHeads::open(&config.data, &witness)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("witness")
        .build()
        .map_err(ServerError::Runtime)?;
    let service = Service::new(witness, heads, clock);
    Ok(runtime.block_on(serve(config.listen, service, started))?)
}

fn check(logs: Vec<Vkey>) -> Result<Vec<Vkey>, WitnessError> {
    for (at, log) in logs.iter().enumerate() {
        let is_log = log.algorithm() == plimsoll_tlog::note::Algorithm::Ed25519;
        if !is_log || logs.iter().take(at).any(|other| other == log) {
            return Err(WitnessError::Log(at + 1));
        }
    }
    Ok(logs)
}

async fn serve(
    listen: SocketAddr,
    service: Service,
    started: impl FnOnce(SocketAddr),
) -> Result<(), ServerError> {
    let socket = bind(listen)?;
    let address = local(&socket, listen)?;
    let mut signals = Signals::new().map_err(ServerError::Runtime)?;
    let (stage, life) = watch::channel(Life::Serving);
    let tasks = TaskTracker::new();
    let acceptor = Acceptor {
        service: Arc::new(service),
        // A witness has one listener; the name is not looked at.
        listener: Listener::Data,
        tls: None,
        header_timeout: HEADER_TIMEOUT,
        patience: HEADER_TIMEOUT,
        connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        tasks: tasks.clone(),
        life,
        builder: accept::builder(accept::Bounds {
            header_timeout: HEADER_TIMEOUT,
            max_streams: MAX_STREAMS,
            max_reset_streams: MAX_RESET_STREAMS,
        }),
        runtime: Handle::current(),
    };
    tasks.spawn(acceptor.run(socket, None));
    started(address);
    signals.wait().await;
    stage.send_replace(Life::Draining);
    tasks.close();
    if tokio::time::timeout(DRAIN_TIMEOUT, tasks.wait()).await.is_err() {
        tracing::warn!("the drain took too long; connections are cut");
    }
    stage.send_replace(Life::Ending);
    Ok(())
}
