//! What a server is started with. Resolved and checked by the binary's settings; here only
//! the finished values.

use crate::trainers::Trainers;
use plimsoll_control::ErasureWindows;
use plimsoll_identity::IdentityDocument;
use plimsoll_ledger::Root;
use plimsoll_outbound::Network;
use plimsoll_s3::S3;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Certificate chain and private key, PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain, leaf first.
    pub cert: PathBuf,
    /// The private key, PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
    /// Which certificates clients may show, if any. The metrics listener asks for none.
    pub clients: Option<ClientCertificates>,
}

/// Which certificates clients may show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// The authorities that are trusted, PEM.
    pub ca: PathBuf,
    /// What they revoked, PEM. With it, a certificate about whose revocation nothing is known is
    /// refused.
    pub crl: Option<PathBuf>,
    /// Whether a client without one gets no connection.
    pub required: bool,
}

impl TlsFiles {
    /// The same for a listener that asks clients for no certificate.
    pub(crate) fn without_clients(&self) -> Self {
        Self { clients: None, ..self.clone() }
    }
}

/// The addresses to listen on. Under `--dev` all three are one and the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// Inference.
    pub data: SocketAddr,
    /// The API under `/api/v1/`.
    pub control: SocketAddr,
    /// `/metrics` and health.
    pub metrics: SocketAddr,
    /// A second address of the data listener, for callers that expect gRPC on a port of its own.
    pub grpc: Option<SocketAddr>,
}

/// Bounds on what callers can make the server hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerLimits {
    /// Connections at once for inference.
    pub max_connections: usize,
    /// Connections at once of the control listener, and as many of the metrics listener, so that
    /// callers of models cannot lock operators out.
    pub max_control_connections: usize,
    /// HTTP/2 streams at once on one connection.
    pub max_streams: u32,
    /// HTTP/2 streams that a client may reset before they were answered (rapid reset,
    /// CVE-2023-44487).
    pub max_reset_streams: usize,
    /// Time to send a request's headers.
    pub header_timeout: Duration,
    /// Time to send a request's body.
    pub body_timeout: Duration,
    /// Time an idle keep-alive connection is held.
    pub idle_timeout: Duration,
    /// Largest artifact upload, in bytes.
    pub max_artifact_bytes: u64,
    /// How long a drain waits for requests in flight.
    pub drain_timeout: Duration,
    /// Inference requests in flight at once, over all deployments.
    pub max_in_flight: usize,
}

/// What the ledger is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLimits {
    /// Size of a segment file, in bytes.
    pub segment_bytes: u64,
    /// Records that may wait for the writer.
    pub queue_records: usize,
    /// Bytes that may wait for the writer.
    pub queue_bytes: usize,
    /// Disk space kept in reserve, in bytes; 0 keeps none.
    pub reserve_bytes: u64,
}

/// What may be spoken to from within.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutboundSettings {
    /// Networks that are allowed although they are private, loopback or reserved.
    pub allow: Vec<Network>,
    /// Whether plain http may be spoken to them.
    pub plain_http: bool,
    /// Certificates of authorities that are trusted beside the public ones, PEM.
    pub ca: Option<PathBuf>,
}

/// When an event that was not acknowledged is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkRetries {
    /// The wait after the first failure; it doubles with each.
    pub first: Duration,
    /// The longest wait.
    pub max: Duration,
}

/// How the ledger is shown to others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogConfig {
    /// The log's name; one made of the tenant's id if there is none.
    pub origin: Option<String>,
    /// Whether anyone may read checkpoints and tiles.
    pub public: bool,
    /// A folder that each minute's checkpoint is written to, once.
    pub folder: Option<PathBuf>,
    /// A folder or mounted bucket that gets a copy of the published log.
    pub copy: Option<PathBuf>,
    /// Who is sent each minute's checkpoint: an URL.
    pub post: Option<String>,
    /// The witnesses to ask for signatures: a C2SP tlog-policy with their addresses.
    pub policy: Option<PathBuf>,
    /// Mailboxes that are sent checkpoints, with commas between.
    pub mail_to: Option<String>,
    /// The least time between two of these.
    pub mail_every: Duration,
}

/// How mail is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailConfig {
    /// The relay: `smtps://HOST`, `smtp://HOST` (STARTTLS) or `smtp+plain://HOST`.
    pub relay: String,
    /// Who it is from: a mailbox.
    pub from: String,
    /// Who logs in at the relay, if it asks.
    pub user: Option<String>,
    /// The file with their password.
    pub password_file: Option<PathBuf>,
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The data folder.
    pub data: PathBuf,
    /// The keys folder.
    pub keys: PathBuf,
    /// Loopback only, one port, no keys, one principal with all roles.
    pub dev: bool,
    /// The addresses.
    pub listen: Listeners,
    /// The deployment that `/invocations` asks, which names none.
    pub default_deployment: Option<String>,
    /// Where people reach the control listener, without a slash at its end; links in alerts begin
    /// with it.
    pub public_url: Option<String>,
    /// TLS for all listeners, if configured.
    pub tls: Option<TlsFiles>,
    /// Where OpenTelemetry traces go (OTLP over HTTP), if configured.
    pub otlp_endpoint: Option<String>,
    /// Share of requests traced, 0 to 1.
    pub trace_ratio: f64,
    /// Threads that serve requests; 0 means one per core.
    pub workers: usize,
    /// Bounds.
    pub limits: ServerLimits,
    /// The ledger's bounds.
    pub ledger: LedgerLimits,
    /// How the ledger is shown to others.
    pub log: LogConfig,
    /// The bucket of finished artifacts; `None` for the data folder.
    pub artifacts: Option<S3>,
    /// A bucket that gets a copy of the published log.
    pub log_bucket: Option<S3>,
    /// What wraps the keys; `None` for the file in the keys folder.
    pub root: Option<Arc<dyn Root>>,
    /// What erasures wait for.
    pub erasure: ErasureWindows,
    /// What may be spoken to from within.
    pub outbound: OutboundSettings,
    /// When events are sent again.
    pub sinks: SinkRetries,
    /// How long a slot of the monitor is: what it counts together.
    pub monitor_slot: Duration,
    /// Who vouches for callers beside our own keys.
    pub identity: IdentityDocument,
    /// How mail is sent, if it is.
    pub mail: Option<MailConfig>,
    /// Who may be asked to train models.
    pub trainers: Trainers,
}
