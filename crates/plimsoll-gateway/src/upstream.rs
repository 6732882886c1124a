//! `predict` where the model answers elsewhere: who is asked, how often, for how long, and when
//! nobody is.
//!
//! What is kept of a service from request to request (connections, breakers, calls under way)
//! belongs to the model version, so that two deployments of one version meet the same breaker,
//! and a slow service takes up its own places only. It must not know how a request to the service
//! is written or its reply read.

use crate::pass::Pass;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, TE};
use plimsoll_outbound::{Outbound, OutboundError, Reply, Request, Url};
use plimsoll_serving::{ServedRollout, ServedVersion, ServingSnapshot};
use plimsoll_types::{Clock, Digest, Name, Phase, Refusal, RefusalCode, Rows};
use plimsoll_upstream::{
    Breaker, BreakerState, Call, Declaration, HeaderRule, Lie, Method, Outcome, Ticket, Upstream,
};
use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

/// What of a deployment's deadline is kept for the record and the reply: some syncs of a disk.
const RESERVE: Duration = Duration::from_millis(50);
/// The largest file of a secret, in bytes: a signed token is a few thousand.
const MAX_SECRET: u64 = 16 << 10;
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");

/// What services are reached with.
#[derive(Clone, Debug)]
pub struct UpstreamAccess {
    /// The client that all others are made from.
    pub outbound: Outbound,
    /// The folder of secrets: `<host>/<name>`. A secret goes to its host and no other.
    pub secrets: PathBuf,
}

/// Every service that is asked.
#[derive(Debug, Default)]
pub(crate) struct Upstreams {
    access: OnceLock<UpstreamAccess>,
    live: RwLock<HashMap<Digest, Arc<Live>>>,
}

/// A service as it is now.
#[derive(Debug)]
struct Live {
    model: Name,
    version: u32,
    client: Outbound,
    endpoints: Box<[Endpoint]>,
    next: AtomicUsize,
    in_flight: AtomicU32,
    ended: [AtomicU64; Ended::ALL.len()],
}

#[derive(Debug)]
struct Endpoint {
    url: Url,
    /// What every path begins with.
    base: String,
    headers: HeaderMap,
    breaker: Mutex<Breaker>,
    opened: AtomicU64,
}

/// How asking a service ended, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Answered,
    Busy,
    Open,
    Deadline,
    Unreachable,
    Failed,
    Lied,
}

impl Ended {
    const ALL: [Self; 7] = [
        Self::Answered,
        Self::Busy,
        Self::Open,
        Self::Deadline,
        Self::Unreachable,
        Self::Failed,
        Self::Lied,
    ];
    const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::Open => "open",
            Self::Deadline => "deadline",
            Self::Unreachable => "unreachable",
            Self::Failed => "failed",
            Self::Lied => "lied",
        }
    }
}

/// What a service did, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamStats {
    /// The registered model.
    pub model: Name,
    /// The number of the version.
    pub version: u32,
    /// Requests by how they ended.
    pub ended: Vec<(&'static str, u64)>,
    /// Requests under way.
    pub in_flight: u32,
    /// Where the breaker of each endpoint stands, and how often it has opened.
    pub breakers: Vec<(BreakerState, u64)>,
}

/// Why a service gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// As many calls are under way as may be.
    Busy,
    /// Every breaker is open.
    Open,
    Deadline,
    /// No connection, or none that is permitted or trusted.
    Unreachable(&'static str),
    /// The connection broke, or what came was no HTTP.
    Broken,
    Redirect,
    Status(u16),
    /// A status of gRPC that is not 0.
    Grpc(u16),
    TooLarge,
    Lie(Lie),
    /// The declared request cannot be made of these values.
    Request,
}

impl Trouble {
    fn refusal(self) -> Refusal {
        use RefusalCode as Code;
        let (code, rule): (_, Box<str>) = match self {
            Self::Busy => {
                (Code::UpstreamUnavailable, "as many calls are under way as are declared".into())
            }
            Self::Open => (
                Code::UpstreamUnavailable,
                "it failed too often and is left alone for a while (its circuit is open)".into(),
            ),
            Self::Deadline => {
                (Code::DeadlineExceeded, "the upstream did not answer in time".into())
            }
            Self::Unreachable(why) => {
                (Code::UpstreamUnavailable, format!("it cannot be reached ({why})").into())
            }
            Self::Broken => (Code::UpstreamFailed, "the connection broke".into()),
            Self::Redirect => {
                (Code::UpstreamFailed, "it redirects, and redirects are not followed".into())
            }
            Self::Status(status) => {
                (Code::UpstreamFailed, format!("it answered with status {status}").into())
            }
            Self::Grpc(status) => {
                (Code::UpstreamFailed, format!("it answered with gRPC status {status}").into())
            }
            Self::TooLarge => {
                (Code::UpstreamFailed, "its answer is larger than is declared".into())
            }
            Self::Lie(lie) => {
                (Code::UpstreamFailed, format!("its answer was not believed: {lie}").into())
            }
            Self::Request => {
                (Code::UpstreamFailed, "the declared request cannot be made of these values".into())
            }
        };
        Refusal::new(Phase::Predict, code).with_rule(rule)
    }

    const fn ended(self) -> Ended {
        match self {
            Self::Busy => Ended::Busy,
            Self::Open => Ended::Open,
            Self::Deadline => Ended::Deadline,
            Self::Unreachable(_) => Ended::Unreachable,
            Self::Broken | Self::Redirect | Self::Status(_) | Self::Grpc(_) | Self::Request => {
                Ended::Failed
            }
            Self::TooLarge | Self::Lie(_) => Ended::Lied,
        }
    }

    /// What it says about the endpoint. Of a refused request nobody knows whose fault it is.
    const fn outcome(self) -> Outcome {
        match self {
            Self::Status(408 | 429) => Outcome::Bad,
            // INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS, PERMISSION_DENIED, FAILED_PRECONDITION,
            // ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, UNAUTHENTICATED: what 4xx are in HTTP.
            Self::Grpc(3 | 5..=7 | 9..=12 | 16) => Outcome::Unknown,
            Self::Status(400..=499) | Self::Request => Outcome::Unknown,
            _ => Outcome::Bad,
        }
    }

    /// Whether another attempt may end otherwise. A lie would be told again.
    const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Deadline
                | Self::Unreachable(_)
                | Self::Broken
                | Self::Status(408 | 429 | 502 | 503 | 504)
                // DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNAVAILABLE.
                | Self::Grpc(4 | 8 | 14)
        )
    }
}

impl From<OutboundError> for Trouble {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Deadline { .. } => Self::Deadline,
            OutboundError::Broken { .. } => Self::Broken,
            OutboundError::TooLarge { .. } => Self::TooLarge,
            OutboundError::Redirect { .. } => Self::Redirect,
            other => Self::Unreachable(other.code()),
        }
    }
}

impl Pass {
    /// Asks the service that answers for `version`. `values` then has the outputs, row-major.
    pub(crate) async fn ask(
        &self,
        version: &ServedVersion,
        upstream: &Upstream,
        rows: &Rows,
        values: &mut Vec<f64>,
    ) -> Result<(), Refusal> {
        let inner = &self.gateway.0;
        let live = inner.upstreams.live(version, upstream, &self.snapshot);
        let live = live.map_err(|trouble| trouble.refusal())?;
        let declared = Duration::from_millis(upstream.declared().deadline_ms.into());
        let budget = nanos(self.time_left().min(declared));
        let asking = Asking {
            live: &live,
            upstream,
            rows,
            clock: &*inner.clock,
            until: inner.clock.monotonic().saturating_add(budget),
        };
        values.clear();
        let asked = asking.ask(values).await;
        let ended = asked.map_or_else(Trouble::ended, |()| Ended::Answered);
        if let Some(count) = live.ended.get(ended as usize) {
            count.fetch_add(1, Relaxed);
        }
        asked.map_err(Trouble::refusal)
    }

    /// What is left of the deployment's deadline, less what record and reply need.
    fn time_left(&self) -> Duration {
        let spent = self.gateway.0.clock.monotonic().saturating_sub(self.clock.started);
        let whole = Duration::from_millis(self.deployment.settings.deadline_ms.into());
        let left = whole.saturating_sub(Duration::from_nanos(spent));
        left.saturating_sub(RESERVE.min(left / 4))
    }
}

/// One request to a service, with all its calls and attempts.
struct Asking<'a> {
    live: &'a Live,
    upstream: &'a Upstream,
    rows: &'a Rows,
    clock: &'a dyn Clock,
    /// Monotonic nanoseconds.
    until: u64,
}

impl Asking<'_> {
    async fn ask(&self, values: &mut Vec<f64>) -> Result<(), Trouble> {
        let _place = Place::take(&self.live.in_flight, self.upstream.declared().in_flight)?;
        for call in self.upstream.calls(self.rows.len()) {
            self.call(&call, values).await?;
        }
        Ok(())
    }

    /// One call, asked again where that is declared to be harmless.
    async fn call(&self, call: &Call, values: &mut Vec<f64>) -> Result<(), Trouble> {
        let mut body = Vec::new();
        self.upstream.body(self.rows, call, &mut body);
        let body = Bytes::from(body);
        let mut path = String::new();
        self.upstream.path(self.rows, call, &mut path).ok_or(Trouble::Request)?;
        let (mut tried, mut left) = (0_u32, self.upstream.declared().retries);
        loop {
            if self.is_over() {
                return Err(Trouble::Deadline);
            }
            let attempt = self.admitted(tried).ok_or(Trouble::Open)?;
            tried |= 1 << attempt.place;
            let answered = self.attempt(&attempt, call, &path, body.clone(), values).await;
            let outcome = answered.map_or_else(Trouble::outcome, |()| Outcome::Good);
            attempt.report(outcome);
            match answered {
                Err(trouble) if left > 0 && trouble.is_passing() => left -= 1,
                other => return other,
            }
        }
    }

    /// The next endpoint whose breaker lets a call through; one that was not tried, if there is.
    fn admitted(&self, tried: u32) -> Option<Attempt<'_>> {
        let endpoints = &self.live.endpoints;
        let first = self.live.next.fetch_add(1, Relaxed);
        let places = || (0..endpoints.len()).map(|n| first.wrapping_add(n) % endpoints.len());
        let is_tried = |place: &usize| tried & (1 << *place) != 0;
        let untried = places().filter(|place| !is_tried(place));
        untried.chain(places().filter(is_tried)).find_map(|place| {
            let endpoint = endpoints.get(place)?;
            let ticket = lock(&endpoint.breaker).admit(self.clock.monotonic())?;
            Some(Attempt { endpoint, place, ticket, clock: self.clock, is_reported: false })
        })
    }

    async fn attempt(
        &self,
        attempt: &Attempt<'_>,
        call: &Call,
        path: &str,
        body: Bytes,
        values: &mut Vec<f64>,
    ) -> Result<(), Trouble> {
        let (declared, endpoint) = (self.upstream.declared(), attempt.endpoint);
        let left = Duration::from_nanos(self.until.saturating_sub(self.clock.monotonic()));
        let most = declared.attempt_ms.unwrap_or(declared.deadline_ms);
        let url = endpoint.url.with_path(&format!("{}{path}", endpoint.base));
        let deadline = left.min(Duration::from_millis(most.into()));
        let mut headers = endpoint.headers.clone();
        let is_grpc = declared.kind.is_grpc();
        if is_grpc {
            headers.insert(GRPC_TIMEOUT, grpc_timeout(deadline));
        }
        let request = Request {
            method: method(declared),
            url: url.map_err(|_| Trouble::Request)?,
            headers,
            body,
            deadline,
            max_reply: usize::try_from(declared.max_answer_bytes).unwrap_or(usize::MAX),
            is_http2: is_grpc,
        };
        let reply = self.live.client.send(request).await?;
        if !reply.status.is_success() {
            return Err(Trouble::Status(reply.status.as_u16()));
        }
        if is_grpc {
            grpc_status(&reply)?;
        }
        self.upstream.read(&reply.body, call, values).map_err(Trouble::Lie)
    }

    fn is_over(&self) -> bool {
        self.clock.monotonic() >= self.until
    }
}

/// The time that is left, in the unit that keeps it within eight digits.
fn grpc_timeout(left: Duration) -> HeaderValue {
    let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX).clamp(1, 99_999_999);
    HeaderValue::from_str(&format!("{millis}m")).unwrap_or(HeaderValue::from_static("1S"))
}

/// The status of a call, which comes after the answer, or instead of it.
fn grpc_status(reply: &Reply) -> Result<(), Trouble> {
    /// What a client is to take a missing status for (grpc/grpc, `doc/statuscodes.md`).
    const UNKNOWN: u16 = 2;
    let status = reply.trailers.get(GRPC_STATUS).or_else(|| reply.headers.get(GRPC_STATUS));
    let status = status.and_then(|status| status.to_str().ok()?.parse().ok());
    match status.unwrap_or(UNKNOWN) {
        0 => Ok(()),
        status => Err(Trouble::Grpc(status)),
    }
}

fn method(declared: &Declaration) -> http::Method {
    match declared.request.as_ref().map(|request| request.method) {
        Some(Method::Get) => http::Method::GET,
        Some(Method::Put) => http::Method::PUT,
        Some(Method::Post) | None => http::Method::POST,
    }
}

/// One of the calls that may be under way, given back when it is dropped.
struct Place<'a>(&'a AtomicU32);

impl<'a> Place<'a> {
    fn take(taken: &'a AtomicU32, most: u32) -> Result<Self, Trouble> {
        let place = Self(taken);
        if taken.fetch_add(1, Relaxed) < most { Ok(place) } else { Err(Trouble::Busy) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A call that a breaker let through. The breaker hears of it even if the caller hangs up.
struct Attempt<'a> {
    endpoint: &'a Endpoint,
    place: usize,
    ticket: Ticket,
    clock: &'a dyn Clock,
    is_reported: bool,
}

impl Attempt<'_> {
    fn report(mut self, outcome: Outcome) {
        self.is_reported = true;
        self.note(outcome);
    }

    fn note(&self, outcome: Outcome) {
        let now = self.clock.monotonic();
        let mut breaker = lock(&self.endpoint.breaker);
        if !breaker.report(&self.ticket, outcome, now) {
            return;
        }
        let state = breaker.state(now);
        drop(breaker);
        let host = self.endpoint.url.host();
        if state == BreakerState::Open {
            self.endpoint.opened.fetch_add(1, Relaxed);
            tracing::warn!(host, "an upstream failed too often and is left alone for a while");
        } else {
            tracing::info!(host, "an upstream answers again");
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.is_reported {
            self.note(Outcome::Unknown);
        }
    }
}

impl Upstreams {
    /// Lets services be asked. Once, at the start.
    pub(crate) fn reach(&self, access: UpstreamAccess) {
        if self.access.set(access).is_err() {
            tracing::warn!("upstreams are reached in another way already");
        }
    }

    /// What every service did.
    pub(crate) fn stats(&self, now: u64) -> Vec<UpstreamStats> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        let mut stats: Vec<_> = live.values().map(|live| live.stats(now)).collect();
        stats.sort_by(|a, b| (&a.model, a.version).cmp(&(&b.model, b.version)));
        stats
    }

    fn live(
        &self,
        version: &ServedVersion,
        upstream: &Upstream,
        snapshot: &ServingSnapshot,
    ) -> Result<Arc<Live>, Trouble> {
        let known = self.live.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = known.get(&version.manifest) {
            return Ok(Arc::clone(live));
        }
        drop(known);
        let access = self.access.get().ok_or(Trouble::Unreachable("no_client"))?;
        let mut known = self.live.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(live) = known.get(&version.manifest) {
            return Ok(Arc::clone(live));
        }
        let live = Arc::new(Live::new(version, upstream.declared(), access)?);
        // Bounded by what is served.
        let served = &snapshot.parts().deployments;
        known.retain(|manifest, _| {
            let is_tried = |r: &Arc<ServedRollout>| r.candidate.manifest == *manifest;
            let is_it = |s: &plimsoll_serving::Serving| {
                let is_arm = |arm: &plimsoll_serving::ServedArm| arm.version.manifest == *manifest;
                let is_routed = |route: &plimsoll_serving::ServedRoute| {
                    matches!(&route.target, plimsoll_serving::RouteTarget::Version(version)
                        if version.manifest == *manifest)
                };
                s.primary.manifest == *manifest
                    || s.previous.as_ref().is_some_and(|before| before.manifest == *manifest)
                    || s.routes.iter().any(is_routed)
                    || s.rollout.as_ref().is_some_and(is_tried)
                    || s.experiment.as_ref().is_some_and(|e| e.arms.iter().any(is_arm))
            };
            served.iter().any(|deployment| deployment.serving.as_ref().is_ok_and(is_it))
        });
        known.insert(version.manifest, Arc::clone(&live));
        Ok(live)
    }
}

impl Live {
    fn new(
        version: &ServedVersion,
        declared: &Declaration,
        access: &UpstreamAccess,
    ) -> Result<Self, Trouble> {
        let endpoint = |address: &String| {
            let url: Url = address.parse().map_err(Trouble::from)?;
            access.outbound.check(&url).map_err(Trouble::from)?;
            let exposed = url.expose();
            let base = exposed.strip_prefix(&url.to_string()).unwrap_or_default();
            Ok(Endpoint {
                base: base.trim_end_matches('/').to_owned(),
                headers: headers(declared, url.host(), &access.secrets)?,
                breaker: Mutex::new(Breaker::new(declared.breaker)),
                opened: AtomicU64::new(0),
                url,
            })
        };
        let endpoints = declared.endpoints.iter().map(endpoint).collect::<Result<_, Trouble>>()?;
        Ok(Self {
            model: version.model_name.clone(),
            version: version.number,
            client: access.outbound.apart(usize::try_from(declared.in_flight).unwrap_or(1)),
            endpoints,
            next: AtomicUsize::new(0),
            in_flight: AtomicU32::new(0),
            ended: Default::default(),
        })
    }

    fn stats(&self, now: u64) -> UpstreamStats {
        let ended = Ended::ALL.iter().zip(&self.ended);
        let breaker = |at: &Endpoint| (lock(&at.breaker).state(now), at.opened.load(Relaxed));
        UpstreamStats {
            model: self.model.clone(),
            version: self.version,
            ended: ended.map(|(how, count)| (how.as_str(), count.load(Relaxed))).collect(),
            in_flight: self.in_flight.load(Relaxed),
            breakers: self.endpoints.iter().map(breaker).collect(),
        }
    }
}

/// The declared headers for one host.
fn headers(declared: &Declaration, host: &str, secrets: &Path) -> Result<HeaderMap, Trouble> {
    const NO_SECRET: Trouble = Trouble::Unreachable("no_secret");
    let mut headers = HeaderMap::new();
    if declared.kind.is_grpc() {
        headers.insert(CONTENT_TYPE, GRPC);
        // Without it, gRPC servers take us for a proxy that loses trailers.
        headers.insert(TE, HeaderValue::from_static("trailers"));
    } else {
        headers.insert(ACCEPT, JSON);
        headers.insert(CONTENT_TYPE, JSON);
    }
    for (name, rule) in &declared.headers {
        let name: HeaderName = name.parse().map_err(|_| Trouble::Request)?;
        let (text, is_secret) = match rule {
            HeaderRule::Text(text) => (text.clone(), false),
            HeaderRule::Secret { secret, prefix } => {
                let read = secret_of(&secrets.join(host).join(secret));
                let read = read.filter(|_| !matches!(host, "." | "..")).ok_or_else(|| {
                    tracing::error!(host, secret, "an upstream's secret is not in the keys folder");
                    NO_SECRET
                })?;
                (format!("{prefix}{read}"), true)
            }
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| NO_SECRET)?;
        value.set_sensitive(is_secret);
        headers.insert(name, value);
    }
    Ok(headers)
}

fn secret_of(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fs_err::File::open(path).ok()?;
    file.take(MAX_SECRET).read_to_string(&mut text).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn lock(breaker: &Mutex<Breaker>) -> std::sync::MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
