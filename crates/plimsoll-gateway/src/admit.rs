//! The first phases: `accept`, `authenticate`, `resolve`, `admit`, `authorize`. They need
//! the head of a request only, so that nobody uploads a body in vain.

use crate::answer::Answer;
use crate::idempotency::Idempotency;
use crate::limiter::{Limiter, Whose};
use crate::live::Live;
use crate::metrics::Metrics;
use crate::pass::{Pass, PhaseClock};
use crate::rollout::ShadowQueue;
use crate::tally::{Listener, Tally};
use crate::trust::{Known, Trust, Unknown, refusal};
use crate::upstream::{UpstreamAccess, UpstreamStats, Upstreams};
use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use plimsoll_identity::{CertificateNames, is_token};
use plimsoll_ledger::{Label, Ledger, LedgerError};
use plimsoll_serving::{Caller, LimitKind, ServedDeployment, ServingSnapshot, Watch};
use plimsoll_types::{Clock, DecisionId, DeploymentId, Phase, Protocol, Refusal, RefusalCode};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

/// Bounds over all deployments.
#[derive(Debug, Clone, Copy)]
pub struct GatewayLimits {
    /// Inference requests in flight at once.
    pub max_in_flight: usize,
}

/// The data plane of one process.
#[derive(Debug, Clone)]
pub struct Gateway(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) snapshots: Arc<ArcSwap<ServingSnapshot>>,
    pub(crate) ledger: Ledger,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: GatewayLimits,
    pub(crate) metrics: Metrics,
    pub(crate) tally: Tally,
    pub(crate) idempotency: Idempotency,
    pub(crate) upstreams: Upstreams,
    pub(crate) limiter: Limiter,
    pub(crate) shadows: ShadowQueue,
    pub(crate) live: Live,
    trust: OnceLock<Trust>,
    pub(crate) watch: OnceLock<Arc<dyn Watch>>,
    draining: AtomicBool,
    in_flight: RwLock<HashMap<DeploymentId, Arc<AtomicU32>>>,
}

/// The head of an inference request, as a listener read it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// The name in the path.
    pub deployment: &'a str,
    /// The version in the path, if one is there.
    pub version: Option<&'a str>,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The names in the client's certificate, if the connection has one.
    pub peer: Option<&'a CertificateNames>,
    /// The protocol whose shapes the answer has.
    pub protocol: Protocol,
}

impl Gateway {
    /// A gateway that answers from `snapshots` and records into `ledger`.
    ///
    /// # Errors
    /// [`LedgerError`] if the keys folder gives no secret for idempotency keys.
    pub fn new(
        snapshots: Arc<ArcSwap<ServingSnapshot>>,
        ledger: Ledger,
        clock: Arc<dyn Clock>,
        limits: GatewayLimits,
    ) -> Result<Self, LedgerError> {
        let idempotency = Idempotency::new(&*ledger.keys().derive(Label::Idempotency)?);
        Ok(Self(Arc::new(Inner {
            snapshots,
            ledger,
            clock,
            limits,
            metrics: Metrics::default(),
            tally: Tally::default(),
            idempotency,
            upstreams: Upstreams::default(),
            limiter: Limiter::default(),
            shadows: ShadowQueue::default(),
            live: Live::default(),
            trust: OnceLock::new(),
            watch: OnceLock::new(),
            draining: AtomicBool::new(false),
            in_flight: RwLock::default(),
        })))
    }

    /// Lets models that answer elsewhere be asked. Without it they are unreachable.
    pub fn reach(&self, access: UpstreamAccess) {
        self.0.upstreams.reach(access);
    }
    /// Lets others vouch for callers. Without it keys alone are believed; a second call changes
    /// nothing.
    pub fn trust(&self, trust: Trust) {
        drop(self.0.trust.set(trust));
    }
    /// Shows every decision to `watch`. Without it nothing is counted; a second call changes
    /// nothing.
    pub fn watch_by(&self, watch: Arc<dyn Watch>) {
        drop(self.0.watch.set(watch));
    }
    /// Who vouches for callers, if anybody.
    #[must_use]
    pub fn trusted(&self) -> Option<&Trust> {
        self.0.trust.get()
    }
    /// Requests that limits refused, by whose limit and which.
    pub fn limited(&self) -> impl Iterator<Item = (Whose, LimitKind, u64)> {
        self.0.limiter.refused()
    }
    /// Principals and deployments whose use is counted.
    #[must_use]
    pub fn tracked(&self) -> usize {
        self.0.limiter.tracked()
    }
    /// What the services did that answer for models.
    #[must_use]
    pub fn upstreams(&self) -> Vec<UpstreamStats> {
        self.0.upstreams.stats(self.0.clock.monotonic())
    }
    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
    /// The refusals of every listener.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.0.tally
    }
    /// The snapshot that new requests borrow.
    #[must_use]
    pub fn snapshot(&self) -> Arc<ServingSnapshot> {
        self.0.snapshots.load_full()
    }
    /// The ledger that decisions go to.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.0.ledger
    }

    /// Who calls with these headers over a connection with this certificate, for listeners with
    /// other paths than inference.
    ///
    /// # Errors
    /// The refusal, not yet counted.
    pub async fn authenticate(
        &self,
        headers: &HeaderMap,
        peer: Option<&CertificateNames>,
    ) -> Result<Arc<Caller>, Refusal> {
        let snapshot = self.0.snapshots.load_full();
        self.identify(&snapshot, headers, peer).await
    }

    /// Who calls. Only a token whose key is not known yet, and the first request ever of a
    /// principal whom others vouch for, wait for anything.
    async fn identify(
        &self,
        snapshot: &ServingSnapshot,
        headers: &HeaderMap,
        peer: Option<&CertificateNames>,
    ) -> Result<Arc<Caller>, Refusal> {
        let inner = &self.0;
        let known = match inner.authenticate(snapshot, headers, peer)? {
            Ok(known) => known,
            Err(unknown) => {
                let again = Box::pin(unknown.may_pass(&*inner.clock)).await;
                let again =
                    again.then(|| inner.authenticate(snapshot, headers, peer)).transpose()?;
                let again = again.and_then(Result::ok);
                again.ok_or(refusal(RefusalCode::Unauthenticated))?
            }
        };
        if let (Some(identity), Some(trust)) = (known.identity, inner.trust.get())
            && !trust.has_met(identity.id)
        {
            Box::pin(trust.meet(identity, inner.clock.now())).await?;
        }
        Ok(known.caller)
    }

    /// Refuses new requests from now on.
    pub fn begin_drain(&self) {
        self.0.draining.store(true, Relaxed);
    }
    /// `accept` to `authorize`. A request that passes is resolved to a deployment, and from
    /// then on has exactly one completion record, whatever becomes of it.
    ///
    /// # Errors
    /// The answer that refuses it, already counted or recorded.
    pub async fn admit(&self, head: Head<'_>) -> Result<Pass, Answer> {
        let inner = &self.0;
        let now = inner.clock.now();
        let id = DecisionId::new(now);
        let mut clock = PhaseClock::start(inner.clock.monotonic());
        let refuse = |refusal: Refusal| {
            inner.tally.count(Listener::Data, refusal.phase, refusal.code, false);
            Err(Answer::refusal(head.protocol, id, &refusal))
        };
        let snapshot = match self.accept() {
            Ok(snapshot) => snapshot,
            Err(refusal) => return refuse(refusal),
        };
        clock.mark(Phase::Accept, inner.clock.monotonic());
        let caller = match self.identify(&snapshot, head.headers, head.peer).await {
            Ok(caller) => caller,
            Err(refusal) => return refuse(refusal),
        };
        clock.mark(Phase::Authenticate, inner.clock.monotonic());
        let deployment = match resolve(&snapshot, &head) {
            Ok(deployment) => deployment,
            Err(refusal) => return refuse(refusal),
        };
        clock.mark(Phase::Resolve, inner.clock.monotonic());
        inner.metrics.resolved.fetch_add(1, Relaxed);
        let slot = self.in_flight(deployment.id);
        let mut pass =
            Pass::new(self, snapshot, deployment, caller, id, now, clock, head.protocol, slot);
        match pass.admit().and_then(|()| pass.authorize()).and_then(|()| pass.version(head.version))
        {
            Ok(()) => Ok(pass),
            Err(refusal) => Err(pass.refuse(refusal).await),
        }
    }

    fn accept(&self) -> Result<Arc<ServingSnapshot>, Refusal> {
        if self.0.draining.load(Relaxed) {
            let rule = "the server is shutting down";
            return Err(Refusal::new(Phase::Accept, RefusalCode::Draining).with_rule(rule));
        }
        Ok(self.0.snapshots.load_full())
    }

    fn in_flight(&self, id: DeploymentId) -> Arc<AtomicU32> {
        let held = self.0.in_flight.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = held.get(&id) {
            return Arc::clone(slot);
        }
        drop(held);
        // Bounded by the deployments that ever were, as only a resolved request gets here.
        let mut held = self.0.in_flight.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(held.entry(id).or_default())
    }
}

impl Inner {
    /// Who calls: the principal of the bearer key or token, else of the certificate, or under
    /// `--dev` the one there is.
    fn authenticate(
        &self,
        snapshot: &ServingSnapshot,
        headers: &HeaderMap,
        peer: Option<&CertificateNames>,
    ) -> Result<Result<Known, Unknown<'_>>, Refusal> {
        let own = |caller: &Arc<Caller>| Known { caller: Arc::clone(caller), identity: None };
        let unauthenticated = || refusal(RefusalCode::Unauthenticated);
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let trust = self.trust.get();
            let known = peer.and_then(|names| trust?.certificate(names));
            let known = known.or_else(|| snapshot.parts().dev.as_ref().map(own));
            return known.map(Ok).ok_or_else(unauthenticated);
        };
        if values.next().is_some() {
            // Two readers would choose differently.
            return Err(unauthenticated());
        }
        let text = value.to_str().ok().and_then(|text| text.split_once(' '));
        let (scheme, key) = text.ok_or_else(unauthenticated)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(unauthenticated());
        }
        let key = key.trim();
        if is_token(key) {
            let trust = self.trust.get().ok_or_else(unauthenticated)?;
            return match trust.token(key, &*self.clock) {
                Ok(known) => Ok(Ok(known)),
                Err(Unknown::Refused) => Err(unauthenticated()),
                Err(unknown) => Ok(Err(unknown)),
            };
        }
        match snapshot.parts().keys.authenticate(key, self.clock.now()) {
            Ok(caller) => Ok(Ok(own(caller))),
            Err(code) => Err(refusal(code)),
        }
    }
}

fn resolve(snapshot: &ServingSnapshot, head: &Head<'_>) -> Result<Arc<ServedDeployment>, Refusal> {
    let unknown = || Refusal::new(Phase::Resolve, RefusalCode::UnknownDeployment);
    snapshot.deployment(head.deployment).cloned().ok_or_else(unknown)
}
