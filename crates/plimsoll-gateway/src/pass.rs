//! A request that was resolved to a deployment. From here on it has exactly one completion
//! record (promise `RECORDED`): by its answer, its refusal, or, if it is dropped because the
//! caller hung up, by [`Drop`].

use crate::admit::Gateway;
use crate::answer::Answer;
use crate::limiter::{Charge, used_up};
use crate::recorder::Ended;
use crate::rollout::{Shadow, Turn};
use crate::tally::Listener;
use plimsoll_contract::CompiledContract;
use plimsoll_serving::{Caller, ServedDeployment, Serving, ServingSnapshot};
use plimsoll_types::record::{Origin, ResultClass};
use plimsoll_types::{DecisionId, Phase, Protocol, Refusal, RefusalCode, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Nanoseconds by phase.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PhaseClock {
    pub(crate) started: u64,
    last: u64,
    pub(crate) nanos: [u32; 12],
}

impl PhaseClock {
    pub(crate) fn start(now: u64) -> Self {
        Self { started: now, last: now, nanos: [0; 12] }
    }
    /// Ends `phase` at `now`. A phase that is entered twice adds up.
    pub(crate) fn mark(&mut self, phase: Phase, now: u64) {
        let spent = u32::try_from(now.saturating_sub(self.last)).unwrap_or(u32::MAX);
        let slot = &mut self.nanos[usize::from(phase.code())];
        *slot = slot.saturating_add(spent);
        self.last = now;
    }
    /// The phases that took any time.
    pub(crate) fn spent(&self) -> impl Iterator<Item = (Phase, u32)> {
        Phase::ALL.iter().copied().zip(self.nanos).filter(|&(_, nanos)| nanos > 0)
    }
    /// Nanoseconds from the start to the end of the last phase.
    pub(crate) fn total(&self) -> u64 {
        self.last.saturating_sub(self.started)
    }
    pub(crate) fn of(&self, phase: Phase) -> u32 {
        self.nanos[usize::from(phase.code())]
    }
}

/// An admitted request that waits for its body.
#[derive(Debug)]
pub struct Pass {
    pub(crate) gateway: Gateway,
    pub(crate) snapshot: Arc<ServingSnapshot>,
    pub(crate) deployment: Arc<ServedDeployment>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) id: DecisionId,
    pub(crate) now: Time,
    pub(crate) clock: PhaseClock,
    /// In which protocol it is answered.
    pub(crate) protocol: Protocol,
    /// By which protocol the request came, if it came by one: not the rows of a job or report.
    pub(crate) came_by: Option<Protocol>,
    slot: Arc<AtomicU32>,
    /// What the request uses of its limits.
    pub(crate) charge: Charge,
    /// Seconds after which asking again may help, where a limit says so.
    retry_after: Option<u32>,
    /// Whether a completion record was handed to the ledger.
    pub(crate) completed: bool,
    /// The intent that the completion closes, in mode `strict`.
    pub(crate) intent: Option<u64>,
    /// Keyed digests, if the caller sent an idempotency key.
    pub(crate) tag: Option<[u8; 16]>,
    pub(crate) request: Option<[u8; 16]>,
    /// Length of the body as received.
    pub(crate) request_len: u64,
    /// Where the decision was made, if not here.
    pub(crate) origin: Option<Origin>,
    /// Whether the caller named the version in the path.
    pub(crate) is_pinned: bool,
    /// What a candidate is asked once the answer has left.
    pub(crate) shadow: Option<Box<Shadow>>,
    /// Its turn with a candidate, until its answer leaves.
    pub(crate) turn: Option<Turn>,
}

impl Pass {
    #[expect(
        clippy::too_many_arguments,
        reason = "called once, with everything admission found out"
    )]
    pub(crate) fn new(
        gateway: &Gateway,
        snapshot: Arc<ServingSnapshot>,
        deployment: Arc<ServedDeployment>,
        caller: Arc<Caller>,
        id: DecisionId,
        now: Time,
        clock: PhaseClock,
        protocol: Protocol,
        slot: Arc<AtomicU32>,
    ) -> Self {
        slot.fetch_add(1, Relaxed);
        gateway.0.metrics.in_flight.fetch_add(1, Relaxed);
        Self {
            gateway: gateway.clone(),
            snapshot,
            deployment,
            caller,
            id,
            now,
            clock,
            protocol,
            came_by: Some(protocol),
            slot,
            charge: Charge::default(),
            retry_after: None,
            completed: false,
            intent: None,
            tag: None,
            request: None,
            request_len: 0,
            origin: None,
            is_pinned: false,
            shadow: None,
            turn: None,
        }
    }

    /// The largest body to read for this request, in bytes.
    #[must_use]
    pub fn max_body_bytes(&self) -> usize {
        self.deployment.settings.max_body_bytes
    }
    /// The decision's id.
    #[must_use]
    pub fn id(&self) -> DecisionId {
        self.id
    }

    /// Rate, concurrency, load. (This pass is already counted in.)
    pub(crate) fn admit(&mut self) -> Result<(), Refusal> {
        let inner = &self.gateway.0;
        let all = inner.metrics.in_flight.load(Relaxed);
        let here = self.slot.load(Relaxed);
        let over = all > inner.limits.max_in_flight as u64
            || here > self.deployment.settings.max_in_flight;
        let limited = if over { Ok(()) } else { self.charge() };
        self.mark(Phase::Admit);
        if over {
            let rule = "too many requests are in flight; try again later";
            return Err(Refusal::new(Phase::Admit, RefusalCode::Overloaded).with_rule(rule));
        }
        limited
    }

    /// Uses what the limits of caller and deployment allow.
    fn charge(&mut self) -> Result<(), Refusal> {
        let inner = &self.gateway.0;
        let limits = &self.snapshot.parts().limits;
        let (by, at) = (self.caller.id, self.deployment.id);
        let charged = inner.limiter.admit(limits, by, at, inner.clock.monotonic(), self.now);
        match charged {
            Ok(charge) => {
                self.charge = charge;
                Ok(())
            }
            Err((whose, over)) => {
                let (refusal, seconds) = used_up(whose, over);
                self.retry_after = Some(seconds);
                Err(refusal)
            }
        }
    }

    /// May this caller ask this deployment.
    pub(crate) fn authorize(&mut self) -> Result<(), Refusal> {
        let permitted = self.snapshot.may_infer(&self.caller, &self.deployment);
        self.mark(Phase::Authorize);
        if permitted {
            return Ok(());
        }
        let wrong =
            self.caller.principal.environment.is_some_and(|e| e != self.deployment.environment);
        let code = if wrong { RefusalCode::WrongEnvironment } else { RefusalCode::Forbidden };
        Err(Refusal::new(Phase::Authorize, code))
    }

    /// A version in the path is only a question: it must be the one that answers. Who asks it gets
    /// no other, also while one is tried.
    pub(crate) fn version(&mut self, asked: Option<&str>) -> Result<(), Refusal> {
        let Some(asked) = asked else { return Ok(()) };
        let served = self.serving()?.primary.number;
        if asked.parse() == Ok(served) {
            self.is_pinned = true;
            return Ok(());
        }
        Err(Refusal::new(Phase::Plan, RefusalCode::VersionNotServed).with_rule(
            "callers do not choose versions; leave the version out, or name the one that answers",
        ))
    }

    /// What the deployment serves.
    pub(crate) fn serving(&self) -> Result<&Serving, Refusal> {
        self.deployment.serving.as_ref().map_err(|_| unready(&self.deployment))
    }

    /// The contract that rows are held against, here or elsewhere.
    pub(crate) fn contract(&self) -> Result<&CompiledContract, Refusal> {
        match &self.deployment.observed {
            Some(observed) => Ok(&observed.contract),
            None => self.serving().map(|serving| &*serving.contract),
        }
    }

    pub(crate) fn mark(&mut self, phase: Phase) {
        self.clock.mark(phase, self.gateway.0.clock.monotonic());
    }

    /// Records the refusal and gives the answer that says it.
    pub async fn refuse(mut self, refusal: Refusal) -> Answer {
        let told = self.complete(ended(refusal.code), &refusal).await;
        self.finish();
        let answer = Answer::refusal(self.protocol, self.id, &told);
        let limited = self.retry_after.filter(|_| told.code == RefusalCode::RateLimited);
        let retry_after = limited.or(answer.retry_after);
        Answer { nanos: self.clock.nanos, retry_after, ..answer }
    }

    /// Records a refusal unless a completion was handed over already, and gives the refusal
    /// that the caller is told. One that the ledger does not take either is counted, and is
    /// recorded with the minute's others.
    async fn complete(&mut self, result: ResultClass, refusal: &Refusal) -> Refusal {
        if self.completed {
            return self.redacted(refusal);
        }
        let queued = self.record(&Ended::refused(result, refusal));
        match self.settle(queued).await {
            Ok(()) => self.redacted(refusal),
            Err(unavailable) => {
                if !self.completed {
                    self.give_up(refusal);
                }
                unavailable
            }
        }
    }

    /// The ledger takes nothing: the refusal is counted instead.
    fn give_up(&mut self, refusal: &Refusal) {
        self.completed = true;
        self.gateway.0.tally.count(Listener::Data, refusal.phase, refusal.code, false);
    }

    /// What of a refusal the deployment lets its callers know.
    pub(crate) fn redacted(&self, refusal: &Refusal) -> Refusal {
        match self.contract() {
            Ok(contract) if refusal.phase == Phase::Validate => {
                contract.contract().limits.error_detail.redact(refusal)
            }
            _ => refusal.clone(),
        }
    }

    /// The end of the request: what it took.
    pub(crate) fn finish(&mut self) {
        self.mark(Phase::Respond);
        let metrics = &self.gateway.0.metrics;
        for (phase, nanos) in self.clock.spent() {
            metrics.phase(phase).observe(nanos.into());
        }
        let total = self.clock.total();
        metrics.total.observe(total);
        metrics.overhead.observe(total.saturating_sub(self.clock.of(Phase::Predict).into()));
        self.show_times();
    }
}

/// Why a deployment that serves nothing does not answer.
pub(crate) fn unready(deployment: &ServedDeployment) -> Refusal {
    let (code, rule) = match deployment.observed {
        Some(_) => (
            RefusalCode::ObserveOnly,
            "its decisions are made elsewhere; report them to its `observations`",
        ),
        None => (RefusalCode::NotReady, "the deployment has no version and contract to serve with"),
    };
    Refusal::new(Phase::Plan, code).with_rule(rule)
}

/// How a request ends that is refused so.
pub(crate) const fn ended(code: RefusalCode) -> ResultClass {
    match code {
        RefusalCode::DeadlineExceeded => ResultClass::TimedOut,
        RefusalCode::ModelFailed
        | RefusalCode::OutputRejected
        | RefusalCode::ExplanationFailed
        | RefusalCode::UpstreamUnavailable
        | RefusalCode::UpstreamFailed
        | RefusalCode::Internal => ResultClass::Failed,
        _ => ResultClass::Refused,
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.completed {
            let (result, refusal) = if std::thread::panicking() {
                (ResultClass::Failed, Refusal::new(Phase::Predict, RefusalCode::Internal))
            } else {
                let rule = "the caller hung up before the request was complete";
                let refusal = Refusal::new(Phase::Accept, RefusalCode::MalformedRequest);
                (ResultClass::Refused, refusal.with_rule(rule))
            };
            // Nobody waits for it: the record is queued, and written as any other.
            if self.record(&Ended::refused(result, &refusal)).is_err() {
                self.give_up(&refusal);
            }
        }
        if let Some(tag) = &self.tag {
            self.gateway.0.idempotency.end(tag);
        }
        self.slot.fetch_sub(1, Relaxed);
        self.gateway.0.metrics.in_flight.fetch_sub(1, Relaxed);
    }
}
