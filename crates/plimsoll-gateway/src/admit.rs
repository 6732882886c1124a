//! The first phases: `accept`, `authenticate`, `resolve`, `admit`, `authorize`. They need
//! the head of a request only, so that nobody uploads a body in vain.

use crate::answer::Answer;
use crate::idempotency::Idempotency;
use crate::metrics::Metrics;
use crate::pass::{Pass, PhaseClock};
use crate::tally::{Listener, Tally};
use crate::upstream::{UpstreamAccess, UpstreamStats, Upstreams};
use arc_swap::ArcSwap;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use plimsoll_ledger::{Label, Ledger, LedgerError};
use plimsoll_serving::{Caller, ServedDeployment, ServingSnapshot};
use plimsoll_types::{
    Clock, DecisionId, DeploymentId, Phase, Protocol, Refusal, RefusalCode, Time,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};

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
            draining: AtomicBool::new(false),
            in_flight: RwLock::default(),
        })))
    }

    /// Lets models that answer elsewhere be asked. Without it they are unreachable.
    pub fn reach(&self, access: UpstreamAccess) {
        self.0.upstreams.reach(access);
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

    /// Who calls with these headers, for listeners with other paths than inference.
    ///
    /// # Errors
    /// The refusal, not yet counted.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Refusal> {
        authenticate(&self.0.snapshots.load(), headers, self.0.clock.now())
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
        let caller = match authenticate(&snapshot, head.headers, now) {
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

/// Who calls: the principal of the bearer key, or under `--dev` the one there is.
fn authenticate(
    snapshot: &ServingSnapshot,
    headers: &HeaderMap,
    now: Time,
) -> Result<Arc<Caller>, Refusal> {
    let refuse = |code| Err(Refusal::new(Phase::Authenticate, code));
    let Some(value) = headers.get(AUTHORIZATION) else {
        return snapshot
            .parts()
            .dev
            .clone()
            .ok_or(Refusal::new(Phase::Authenticate, RefusalCode::Unauthenticated));
    };
    let Some((scheme, key)) = value.to_str().ok().and_then(|text| text.split_once(' ')) else {
        return refuse(RefusalCode::Unauthenticated);
    };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return refuse(RefusalCode::Unauthenticated);
    }
    match snapshot.parts().keys.authenticate(key.trim(), now) {
        Ok(caller) => Ok(Arc::clone(caller)),
        Err(code) => refuse(code),
    }
}

fn resolve(snapshot: &ServingSnapshot, head: &Head<'_>) -> Result<Arc<ServedDeployment>, Refusal> {
    let unknown = || Refusal::new(Phase::Resolve, RefusalCode::UnknownDeployment);
    snapshot.deployment(head.deployment).cloned().ok_or_else(unknown)
}
