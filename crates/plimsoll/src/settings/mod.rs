//! Settings: one list of keys, resolved once, each value with where it came from.
//!
//! The only place that reads the environment and `plimsoll.toml`. It knows no command; `serve`
//! and the client get finished values.

mod layers;
mod units;

pub(crate) use layers::{Environment, Layers, Origin, Sourced};
pub(crate) use units::{
    BucketName, Endpoint, LogFormat, LogLevel, Networks, Place, PublicUrl, Secret, Share, Size,
    Value,
};

use crate::failure::Failure;
use plimsoll_identity::IdentityDocument;
use plimsoll_root::RootAddress;
use plimsoll_server::{
    ClientCertificates, ErasureWindows, LedgerLimits, Listeners, LogConfig, MailConfig,
    OutboundSettings, ServerConfig, ServerLimits, SinkRetries, TlsFiles, Trainers, check_trainers,
};
use plimsoll_types::TenantId;
use std::net::{IpAddr, SocketAddr};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// One setting: its key in the file, its default, what it is.
#[derive(Debug)]
pub(crate) struct Key {
    /// `group.name`, as in the file.
    pub(crate) path: &'static str,
    /// What holds if nobody says otherwise.
    pub(crate) default: &'static str,
    /// What it is, in a line.
    pub(crate) doc: &'static str,
    is_number: bool,
}

impl Key {
    /// Whether it may stand in the environment only.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self.path, "client.key" | "ledger.root_secret" | "s3.secret" | "s3.token")
    }

    /// The variable of the environment: `PLIMSOLL_LISTEN_DATA`; `client.` is left out.
    pub(crate) fn env(&self) -> String {
        let path = self.path.strip_prefix("client.").unwrap_or(self.path);
        format!("PLIMSOLL_{}", path.replace('.', "_").to_uppercase())
    }
}

macro_rules! settings {
    ($($field:ident: $type:ty = $path:literal, $default:literal, $doc:literal;)+) => {
        /// Every setting's value, with where it came from.
        #[derive(Debug)]
        pub(crate) struct Settings { $(#[doc = $doc] pub(crate) $field: Sourced<$type>,)+ }

        /// Every setting.
        pub(crate) const KEYS: &[Key] = &[$(Key {
            path: $path,
            default: $default,
            doc: $doc,
            is_number: is_number(stringify!($type)),
        },)+];

        impl Settings {
            /// Takes each value from the highest layer that has one.
            pub(crate) fn resolve(layers: &Layers) -> Result<Self, Failure> {
                let mut keys = KEYS.iter();
                let mut next = || keys.next().ok_or_else(|| Failure::ours("a setting has no key"));
                Ok(Self { $($field: layers.get(next()?)?,)+ })
            }

            /// Key, value and origin of each setting; secrets hidden.
            pub(crate) fn rows(&self) -> Vec<(&'static str, String, &Origin)> {
                vec![$(($path, self.$field.value.show(), &self.$field.origin),)+]
            }
        }
    };
}

settings! {
    data: PathBuf = "data", "./plimsoll-data", "folder of everything but keys: state, artifacts, ledger";
    keys: PathBuf = "keys", "./plimsoll-keys", "folder of keys, never inside the data folder and never part of its backup";
    workers: usize = "workers", "0", "threads that serve requests; 0 is one per core";
    default_deployment: Option<String> = "default_deployment", "", "deployment that `/invocations` asks, which names none (MLflow's protocol); empty is none";
    public_url: Option<PublicUrl> = "server.public_url", "", "where people reach the console's listener, such as https://plimsoll.example.org; links in alerts begin with it, empty leaves them out";
    listen_data: SocketAddr = "listen.data", "127.0.0.1:8080", "inference; 0.0.0.0 opens it to other machines";
    listen_control: SocketAddr = "listen.control", "127.0.0.1:8081", "the API under /api/v1/";
    listen_metrics: SocketAddr = "listen.metrics", "127.0.0.1:8082", "metrics and health";
    listen_grpc: Option<SocketAddr> = "listen.grpc", "", "a second address for inference, for callers that expect gRPC on a port of its own; empty is none, as `listen.data` answers gRPC too";
    tls_cert: Option<PathBuf> = "tls.cert", "", "certificate chain in PEM, leaf first; empty is plain HTTP";
    tls_key: Option<PathBuf> = "tls.key", "", "its private key in PEM";
    tls_client_ca: Option<PathBuf> = "tls.client_ca", "", "authorities in PEM whose client certificates are taken on the data and control listeners; empty asks for none";
    tls_client_crl: Option<PathBuf> = "tls.client_crl", "", "revocation lists in PEM, read at the start; with them a certificate that none covers is refused";
    tls_client_required: bool = "tls.client_required", "false", "whether a client without a certificate gets no connection there";
    identity_file: Option<PathBuf> = "identity.file", "", "TOML file that declares whose tokens and which client certificates are believed, and the roles they give; empty believes own keys only";
    max_connections: usize = "limits.max_connections", "4096", "connections at once for inference";
    max_control_connections: usize = "limits.max_control_connections", "512", "connections at once to the control listener, and as many to the metrics listener";
    max_streams: usize = "limits.max_streams", "128", "HTTP/2 streams at once on one connection";
    max_reset_streams: usize = "limits.max_reset_streams", "32", "HTTP/2 streams that a client may reset before they were answered";
    max_in_flight: usize = "limits.max_in_flight", "1024", "inference requests in flight at once, over all deployments";
    max_artifact: Size = "limits.max_artifact", "16GiB", "largest artifact upload";
    header_timeout: Duration = "limits.header_timeout", "10s", "time to send a request's headers";
    body_timeout: Duration = "limits.body_timeout", "30s", "time to send a request's body";
    idle_timeout: Duration = "limits.idle_timeout", "75s", "time an idle connection is held";
    drain_timeout: Duration = "limits.drain_timeout", "30s", "how long a drain waits for requests in flight";
    segment: Size = "ledger.segment", "64MiB", "size of a ledger segment";
    queue_records: usize = "ledger.queue_records", "4096", "records that may wait for the next sync";
    queue: Size = "ledger.queue", "64MiB", "bytes that may wait for the next sync";
    reserve: Size = "ledger.reserve", "256MiB", "disk space kept in reserve; 0 keeps none";
    ledger_origin: Option<String> = "ledger.origin", "", "the published log's name, best the URL it is read at without the scheme; empty makes one of the tenant's id. Another name is another log";
    ledger_public: bool = "ledger.public", "false", "whether anyone may read checkpoints and tiles without a key; bodies stay sealed";
    ledger_folder: Option<PathBuf> = "ledger.checkpoint_folder", "", "folder, best on another machine, that each minute's checkpoint is written to, once";
    ledger_copy: Option<Place> = "ledger.copy", "", "folder, or s3://BUCKET/PREFIX, that the published log is copied to: tiles, bundles, checkpoint";
    ledger_post: Option<String> = "ledger.post", "", "URL that each minute's checkpoint is posted to";
    ledger_policy: Option<PathBuf> = "ledger.policy", "", "witnesses to ask for signatures: a C2SP tlog-policy with their addresses";
    ledger_mail_to: Option<String> = "ledger.mail_to", "", "mailboxes that checkpoints are sent to, with commas between; needs `mail.relay`";
    ledger_mail_every: Duration = "ledger.mail_every", "1h", "the least time between two of these";
    rotate_within: Duration = "ledger.rotate_within", "30d", "within this time after an erasure the keys' epoch is destroyed";
    key_backups: Duration = "ledger.key_backups", "30d", "how long backups of the keys folder are kept; an erasure is final only then";
    root: RootAddress = "ledger.root", "file", "what wraps the keys: file, env:PLIMSOLL_NAME, vault:https://HOST/MOUNT/KEY, kms:https://HOST/REGION/KEY, pkcs11:LIBRARY?token=LABEL&key=LABEL";
    root_user: Option<String> = "ledger.root_user", "", "its access key's id (kms)";
    root_secret: Option<Secret> = "ledger.root_secret", "", "its token (vault), secret access key (kms) or PIN (pkcs11); only in the environment";
    root_secret_file: Option<PathBuf> = "ledger.root_secret_file", "", "file that holds it";
    root_ca_file: Option<PathBuf> = "ledger.root_ca_file", "", "certificates of authorities in PEM to trust instead of the public ones when it is reached";
    artifacts: Option<BucketName> = "artifacts.store", "", "where finished artifacts stand: s3://BUCKET/PREFIX; empty is the data folder";
    s3_endpoint: Option<Endpoint> = "s3.endpoint", "", "where buckets are asked for, such as https://minio.example:9000; empty is Amazon's endpoint of the region";
    s3_region: String = "s3.region", "us-east-1", "the region that requests are signed for";
    s3_path_style: bool = "s3.path_style", "false", "whether the bucket stands in the path and not in the host's name, as most servers of one's own want";
    s3_key_id: Option<String> = "s3.key_id", "", "the access key's id";
    s3_secret: Option<Secret> = "s3.secret", "", "its secret; only in the environment";
    s3_secret_file: Option<PathBuf> = "s3.secret_file", "", "file that holds it";
    s3_token: Option<Secret> = "s3.token", "", "the session's token, of a key that is lent; only in the environment";
    s3_ca_file: Option<PathBuf> = "s3.ca_file", "", "certificates of authorities in PEM to trust instead of the public ones when buckets are asked";
    log_level: LogLevel = "log.level", "info", "error, warn, info, debug or trace";
    log_format: LogFormat = "log.format", "human", "human, or json for one object per line";
    otlp_endpoint: Option<String> = "telemetry.otlp_endpoint", "", "where traces go (OTLP over HTTP); empty sends none";
    trace_ratio: Share = "telemetry.trace_ratio", "1", "share of requests traced, 0 to 1";
    outbound_allow: Networks = "outbound.allow", "", "networks that outgoing requests (upstreams, sinks) may reach although they are private: `10.1.0.0/16, ::1`";
    outbound_plain_http: bool = "outbound.plain_http", "false", "whether they may be reached without TLS";
    outbound_ca: Option<PathBuf> = "outbound.ca_file", "", "certificates of authorities in PEM to trust beside the public ones";
    sink_retry_first: Duration = "sinks.retry_first", "1s", "wait before an event that was not acknowledged is sent again; it doubles with each failure";
    sink_retry_max: Duration = "sinks.retry_max", "5m", "the longest such wait";
    monitor_slot: Duration = "monitor.slot", "1m", "what the monitor counts together, 1s to 1h; windows are made of such slots";
    mail_relay: Option<String> = "mail.relay", "", "who takes mail: smtps://HOST, smtp://HOST (STARTTLS) or smtp+plain://HOST";
    mail_from: Option<String> = "mail.from", "", "the mailbox it is from, such as `Plimsoll <plimsoll@example.org>`";
    mail_user: Option<String> = "mail.user", "", "who logs in at the relay; empty logs nobody in";
    mail_password_file: Option<PathBuf> = "mail.password_file", "", "file that holds their password";
    trainers_file: Option<PathBuf> = "retrain.trainers_file", "", "TOML file that declares the commands which train models again; empty declares none";
    clock_ahead: Option<PathBuf> = "clock.ahead_file", "", "for tests, and refused without `--dev`: file with the seconds that the clock is ahead of the machine's";
    url: String = "client.url", "http://127.0.0.1:8081", "server that commands talk to; under `serve --dev` it is http://127.0.0.1:8080";
    key: Option<Secret> = "client.key", "", "API key; only in the environment or as `--key`";
    key_file: Option<PathBuf> = "client.key_file", "", "file that holds the API key";
    ca_file: Option<PathBuf> = "client.ca_file", "", "root certificates in PEM to trust instead of the public ones";
    client_cert: Option<PathBuf> = "client.cert_file", "", "certificate chain in PEM to show to a server that asks for one";
    client_cert_key: Option<PathBuf> = "client.cert_key_file", "", "its private key in PEM";
    timeout: Duration = "client.timeout", "1m", "longest time for one request, uploads not counted";
}

/// What `serve` and `config show` take from the command line beside the layers.
#[derive(Clone, Default, Debug)]
pub(crate) struct Overrides {
    /// Data on this port, control on the next, metrics on the one after.
    pub(crate) port: Option<u16>,
    /// The address of all listeners.
    pub(crate) host: Option<IpAddr>,
    /// Loopback only, one port, no keys.
    pub(crate) dev: bool,
}

impl Settings {
    /// Applies what concerns several settings at once.
    pub(crate) fn apply(&mut self, over: &Overrides) -> Result<(), Failure> {
        let listeners = [&mut self.listen_data, &mut self.listen_control, &mut self.listen_metrics];
        for (offset, listener) in (0..).zip(listeners) {
            if let Some(host) = over.host {
                listener.value.set_ip(host);
                listener.origin = Origin::Cli("--host");
            }
            if let Some(port) = over.port {
                // Port 0 lets the system choose each.
                let port = if port == 0 { Some(0) } else { port.checked_add(offset) };
                let port = port
                    .ok_or_else(|| Failure::user("`--port` leaves no room for the two after it"))?;
                listener.value.set_port(port);
                listener.origin = Origin::Cli("--port");
            }
        }
        if over.dev {
            let one = self.listen_data.value;
            if !one.ip().is_loopback() {
                return Err(Failure::user(format!(
                    "`--dev` asks for no keys, so it listens on loopback only, not on `{one}`"
                ))
                .hint(format!("it comes from: {}", self.listen_data.origin)));
            }
            for listener in [&mut self.listen_control, &mut self.listen_metrics] {
                *listener = Sourced { value: one, origin: Origin::Cli("--dev") };
            }
        }
        Ok(())
    }

    /// What a server is started with.
    pub(crate) fn server(&self, dev: bool) -> Result<ServerConfig, Failure> {
        apart(&self.data.value, &self.keys.value)?;
        let listen = Listeners {
            data: self.listen_data.value,
            control: self.listen_control.value,
            metrics: self.listen_metrics.value,
            grpc: self.listen_grpc.value,
        };
        if !dev {
            distinct(&listen)?;
        }
        Ok(ServerConfig {
            data: self.data.value.clone(),
            keys: self.keys.value.clone(),
            dev,
            listen,
            default_deployment: self.default_deployment.value.clone(),
            public_url: self.public_url.value.as_ref().map(|url| url.0.clone()),
            tls: self.tls()?,
            otlp_endpoint: self.otlp_endpoint.value.clone(),
            trace_ratio: self.trace_ratio.value.0,
            workers: self.workers.value,
            limits: ServerLimits {
                max_connections: positive(&self.max_connections, "limits.max_connections")?,
                max_control_connections: positive(
                    &self.max_control_connections,
                    "limits.max_control_connections",
                )?,
                max_streams: u32::try_from(positive(&self.max_streams, "limits.max_streams")?)
                    .unwrap_or(u32::MAX),
                max_reset_streams: positive(&self.max_reset_streams, "limits.max_reset_streams")?,
                header_timeout: self.header_timeout.value,
                body_timeout: self.body_timeout.value,
                idle_timeout: self.idle_timeout.value,
                max_artifact_bytes: self.max_artifact.value.0,
                drain_timeout: self.drain_timeout.value,
                max_in_flight: positive(&self.max_in_flight, "limits.max_in_flight")?,
            },
            ledger: LedgerLimits {
                segment_bytes: self.segment.value.0,
                queue_records: positive(&self.queue_records, "ledger.queue_records")?,
                queue_bytes: usize::try_from(self.queue.value.0).map_err(|_| {
                    Failure::user("setting `ledger.queue` is more than memory can hold")
                })?,
                reserve_bytes: self.reserve.value.0,
            },
            outbound: OutboundSettings {
                allow: self.outbound_allow.value.0.clone(),
                plain_http: self.outbound_plain_http.value,
                ca: self.outbound_ca.value.clone(),
            },
            sinks: SinkRetries {
                first: self.sink_retry_first.value,
                max: self.sink_retry_max.value,
            },
            log: LogConfig {
                origin: self.ledger_origin.value.clone(),
                public: self.ledger_public.value,
                folder: self.ledger_folder.value.clone(),
                copy: self.ledger_copy.value.as_ref().and_then(Place::folder),
                post: self.ledger_post.value.clone(),
                policy: self.ledger_policy.value.clone(),
                mail_to: self.ledger_mail_to.value.clone(),
                mail_every: self.ledger_mail_every.value,
            },
            mail: self.mail(),
            trainers: self.trainers()?,
            monitor_slot: self.monitor_slot()?,
            identity: self.identity()?,
            artifacts: None,
            log_bucket: None,
            root: None,
            erasure: ErasureWindows {
                rotate_within: self.rotate_within.value,
                key_backups: self.key_backups.value,
            },
        })
    }

    fn monitor_slot(&self) -> Result<Duration, Failure> {
        let slot = self.monitor_slot.value;
        if (1..=3_600).contains(&slot.as_secs()) {
            return Ok(slot);
        }
        Err(Failure::user("setting `monitor.slot` must be 1s to 1h")
            .hint(format!("it comes from: {}", self.monitor_slot.origin)))
    }

    /// Mail needs a relay and a sender; whoever wants to send some says so if one is missing.
    fn mail(&self) -> Option<MailConfig> {
        let (relay, from) = self.mail_relay.value.clone().zip(self.mail_from.value.clone())?;
        let user = self.mail_user.value.clone();
        Some(MailConfig { relay, from, user, password_file: self.mail_password_file.value.clone() })
    }

    fn tls(&self) -> Result<Option<TlsFiles>, Failure> {
        match (&self.tls_cert.value, &self.tls_key.value) {
            (Some(cert), Some(key)) => {
                let clients = self.clients()?;
                Ok(Some(TlsFiles { cert: cert.clone(), key: key.clone(), clients }))
            }
            (None, None) if self.tls_client_ca.value.is_some() => {
                Err(Failure::user("`tls.client_ca` needs `tls.cert` and `tls.key`"))
            }
            (None, None) => Ok(None),
            _ => Err(Failure::user("TLS needs both `tls.cert` and `tls.key`")),
        }
    }

    fn clients(&self) -> Result<Option<ClientCertificates>, Failure> {
        let (crl, required) = (self.tls_client_crl.value.clone(), self.tls_client_required.value);
        match self.tls_client_ca.value.clone() {
            Some(ca) => Ok(Some(ClientCertificates { ca, crl, required })),
            None if crl.is_some() || required => Err(Failure::user(
                "`tls.client_crl` and `tls.client_required` need `tls.client_ca`",
            )),
            None => Ok(None),
        }
    }

    /// Who may be asked to train models, as declared.
    fn trainers(&self) -> Result<Trainers, Failure> {
        let Some(path) = &self.trainers_file.value else { return Ok(Trainers::default()) };
        let within = |failure: Failure| failure.within(&format!("`{}`", path.display()));
        let text = layers::read_bounded(path)?;
        let trainers: Trainers =
            toml::from_str(&text).map_err(|error| within(layers::not_toml(&text, &error)))?;
        check_trainers(&trainers).map_err(|why| within(Failure::user(why)))?;
        Ok(trainers)
    }

    /// Who vouches for callers, as declared.
    fn identity(&self) -> Result<IdentityDocument, Failure> {
        match &self.identity_file.value {
            Some(path) => identity(path),
            None => Ok(IdentityDocument::default()),
        }
    }

    /// The documented settings file with every default, as in `docs/plimsoll.toml`.
    pub(crate) fn example() -> String {
        let mut text = String::from(
            "# Every setting of Plimsoll with its default. Precedence: command line, environment\n\
             # (the variable is named beside each), this file, default. Unknown keys are errors.\n\
             # `plimsoll config show` tells each value and where it came from.\n",
        );
        let mut group = "";
        for key in KEYS.iter().filter(|key| !key.is_secret()) {
            let (its_group, name) = key.path.split_once('.').unwrap_or(("", key.path));
            if its_group != group {
                text.push_str(&format!("\n[{its_group}]"));
                group = its_group;
            }
            let quote = if key.is_number { "" } else { "\"" };
            let (env, doc, default) = (key.env(), key.doc, key.default);
            text.push_str(&format!("\n# {doc} ({env})\n{name} = {quote}{default}{quote}\n"));
        }
        text
    }
}

/// Whether a type is written without quotes in TOML.
const fn is_number(kind: &str) -> bool {
    matches!(kind.as_bytes(), b"usize" | b"Share" | b"bool")
}

/// Reads a declaration of issuers and certificates, and checks it.
pub(crate) fn identity(path: &Path) -> Result<IdentityDocument, Failure> {
    let within = |failure: Failure| failure.within(&format!("`{}`", path.display()));
    let text = layers::read_bounded(path)?;
    let document: IdentityDocument =
        toml::from_str(&text).map_err(|error| within(layers::not_toml(&text, &error)))?;
    // Which organisation it is for is known only when the data folder is open.
    let checked = document.clone().compile(TenantId::from_bytes([0; 16]));
    checked.map_err(|error| within(Failure::user(error.to_string())))?;
    Ok(document)
}

fn positive(setting: &Sourced<usize>, path: &str) -> Result<usize, Failure> {
    match setting.value {
        0 => Err(Failure::user(format!("setting `{path}` must be at least 1"))
            .hint(format!("it comes from: {}", setting.origin))),
        value => Ok(value),
    }
}

/// Keys that lie within the data folder would end up in its backups.
fn apart(data: &Path, keys: &Path) -> Result<(), Failure> {
    let plain = |path: &Path| -> PathBuf {
        path.components().filter(|part| !matches!(part, Component::CurDir)).collect()
    };
    let (data, keys) = (plain(data), plain(keys));
    if keys.starts_with(&data) || data.starts_with(&keys) {
        return Err(Failure::user(
            "the keys folder and the data folder may not contain one another",
        )
        .hint("keep keys where backups of the data folder do not reach: `--keys DIR`"));
    }
    Ok(())
}

fn distinct(listen: &Listeners) -> Result<(), Failure> {
    let all = [Some(listen.data), Some(listen.control), Some(listen.metrics), listen.grpc];
    let fixed = all.into_iter().flatten().filter(|address| address.port() != 0);
    let mut seen = std::collections::HashSet::new();
    if fixed.into_iter().any(|address| !seen.insert(address)) {
        return Err(Failure::user("two listeners have the same address").hint(
            "give `listen.data`, `listen.control`, `listen.metrics` and `listen.grpc` a port each",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
