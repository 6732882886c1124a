//! Requests while a version is tried: who gets it, what guardrails see of its answers, and the
//! candidate that is asked the same once the answer has left.
//!
//! A verdict is acted on before the answer that led to it leaves, so the request after it goes to
//! the incumbent already. It must not know who hears of the verdict.

use crate::admit::Gateway;
use crate::answer::reasons;
use crate::decide::{Concluded, Facts, Work};
use crate::pass::{Pass, PhaseClock, ended};
use crate::recorder::Ended;
use http::HeaderMap;
use plimsoll_contract::Scratch;
use plimsoll_release::rollout::{Event, Seen};
use plimsoll_release::watched::Reasons;
use plimsoll_serving::{
    Caller, LiveRollout, RoutePlan, RouteTarget, Scoring, ServedDeployment, ServedGroup, Serving,
    ServingSnapshot, plan, route,
};
use plimsoll_types::record::{Explanation, Flag, Kind, Mapped, Output, ROUTED, ResultClass, Route};
use plimsoll_types::{Clock, DecisionId, Phase, Protocol, Refusal, RefusalCode, Rows};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Requests that wait to be asked of a candidate: each holds its rows. One more is dropped and
/// counted.
const SHADOWS_WAITING: usize = 1_024;
/// Candidates that are asked at once: enough to keep up with a service that takes long, few enough
/// to leave the processor to callers.
pub const SHADOWS_AT_ONCE: usize = 8;

/// What a candidate is asked once the incumbent's answer has left.
#[derive(Debug)]
pub struct Shadow {
    of: DecisionId,
    snapshot: Arc<ServingSnapshot>,
    deployment: Arc<ServedDeployment>,
    caller: Arc<Caller>,
    rows: Rows,
    flags: Vec<Flag>,
    subjects: Vec<String>,
    mapped: Vec<(&'static str, String)>,
    request_len: u64,
    incumbent: Seen,
    /// Its heaviest reason, where answers are explained before they leave.
    reason: Option<String>,
}

/// The work that waits, for whoever carries it out.
#[derive(Debug)]
pub struct Shadows(mpsc::Receiver<Box<Shadow>>);

impl Shadows {
    /// The next; `None` when there will be no more.
    pub async fn next(&mut self) -> Option<Box<Shadow>> {
        self.0.recv().await
    }
}

/// Where shadows wait, and who is told of verdicts.
#[derive(Debug)]
pub(crate) struct ShadowQueue {
    sender: mpsc::Sender<Box<Shadow>>,
    receiver: Mutex<Option<mpsc::Receiver<Box<Shadow>>>>,
    verdicts: Notify,
}

impl Default for ShadowQueue {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(SHADOWS_WAITING);
        Self { sender, receiver: Mutex::new(Some(receiver)), verdicts: Notify::new() }
    }
}

/// A request's turn with a candidate, from the plan until its answer is durable and leaves.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) live: Arc<LiveRollout>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.live.leave(self.clock.monotonic());
    }
}

/// A deployment whose models a person switched off.
pub(crate) fn switched_off() -> Refusal {
    Refusal::new(Phase::Plan, RefusalCode::SwitchedOff)
        .with_rule("a person switched its models off; ask its owner")
}

impl Gateway {
    /// The work that waits for candidates. The first caller gets it.
    #[must_use]
    pub fn shadows(&self) -> Option<Shadows> {
        let mut receiver = self.0.shadows.receiver.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.take().map(Shadows)
    }

    /// Resolves when a guardrail has sent a rollout back.
    pub async fn verdict(&self) {
        self.0.shadows.verdicts.notified().await;
    }

    /// Asks a candidate what the incumbent was asked, records what it says, and compares.
    pub async fn ask_candidate(&self, shadow: Box<Shadow>) {
        let deployment = Arc::clone(&shadow.deployment);
        let rollout = deployment.serving.as_ref().ok().and_then(|s| s.rollout.as_deref());
        let Some(rollout) = rollout.filter(|rollout| !rollout.live.is_back()) else { return };
        let mut pass = self.shadow_pass(&shadow);
        let mut work = Work::take();
        work.scratch.rows.clone_from(&shadow.rows);
        let plan = RoutePlan {
            route: Route::Shadow,
            version: &rollout.candidate,
            rollout: Some(rollout),
            arm: None,
            is_shadowed: false,
        };
        let predicted = pass.predict(plan.version, &mut work).await;
        pass.mark(Phase::Predict);
        let guarded = predicted.and_then(|()| pass.guard(&plan, &work));
        // What could not be explained would be no answer to a caller either.
        let explained = guarded.and_then(|()| pass.explained(&plan, &mut work));
        let latency = pass.clock.of(Phase::Predict).into();
        let groups = shadow.incumbent.groups;
        let mut candidate =
            seen(rollout.live.scoring, explained.as_ref().err(), &work.values, latency);
        if plan.version.upstream.is_none() {
            // Here it ran beside the requests, on another thread: how long that took says nothing.
            candidate.latency_us = shadow.incumbent.latency_us;
        }
        candidate.groups = groups;
        let is_recorded = pass.record_shadow(&shadow, &plan, &explained, &work.values);
        work.keep();
        if is_recorded {
            let reason = explained.as_ref().ok().and_then(Option::as_ref).and_then(heaviest);
            if let (Some(before), Some(after)) = (&shadow.reason, &reason) {
                rollout.live.with(|watched| watched.reasons.see(before, after));
            }
            self.judge(&rollout.live, &Event::Pair(shadow.incumbent, candidate));
        }
    }

    fn shadow_pass(&self, shadow: &Shadow) -> Pass {
        let inner = &self.0;
        let now = inner.clock.now();
        let mut pass = Pass::new(
            self,
            Arc::clone(&shadow.snapshot),
            Arc::clone(&shadow.deployment),
            Arc::clone(&shadow.caller),
            DecisionId::new(now),
            now,
            PhaseClock::start(inner.clock.monotonic()),
            Protocol::Oip,
            Arc::default(),
        );
        pass.request_len = shadow.request_len;
        pass.came_by = None;
        // Nobody waits for it: without its record it was never asked.
        pass.completed = true;
        pass
    }

    /// Lets guardrails see what happened; tells of the verdict, if that was one.
    pub(crate) fn judge(&self, live: &LiveRollout, event: &Event) {
        if live.see(event, self.0.clock.monotonic()) {
            self.0.shadows.verdicts.notify_one();
        }
    }
}

/// The heaviest reason of the first row; `None` where no profile says what the reasons are.
fn heaviest(explanation: &Explanation) -> Option<String> {
    explanation.profile?;
    Some(reasons(explanation, 0).next().unwrap_or(Reasons::NONE).to_owned())
}

/// What guardrails see of an answer, or of a refusal.
pub(crate) fn seen(
    scoring: Scoring,
    refusal: Option<&Refusal>,
    values: &[f64],
    latency_ns: u64,
) -> Seen {
    match refusal {
        None => scoring.seen(values, latency_ns),
        Some(refusal) => {
            let result = ended(refusal.code);
            let failed = matches!(result, ResultClass::Failed | ResultClass::TimedOut);
            Scoring::unanswered(failed, latency_ns)
        }
    }
}

impl Pass {
    /// Which version answers. Whoever names the version gets that one; then rules of the deployment
    /// choose. What all others are assigned by is their first subject, so that a person always
    /// gets the same version; without one, the decision.
    pub(crate) fn route<'a>(
        &self,
        serving: &'a Serving,
        facts: &mut Facts,
    ) -> (RoutePlan<'a>, Option<Turn>) {
        if facts.is_pinned {
            return (plan(serving), None);
        }
        if let Some(chosen) = self.chosen(serving, facts) {
            return chosen;
        }
        if let Some(experiment) = serving.experiment.as_deref() {
            return self.arm(serving, experiment, facts);
        }
        if serving.rollout.is_none() {
            return (plan(serving), None);
        }
        let planned = match facts.subjects.first() {
            Some(subject) => route(serving, subject.as_bytes()),
            None => route(serving, self.id.as_bytes()),
        };
        match planned.rollout {
            Some(rollout) if planned.route == Route::Canary => {
                if !rollout.live.enter() {
                    return (plan(serving), None);
                }
                let (live, clock) = (Arc::clone(&rollout.live), Arc::clone(&self.gateway.0.clock));
                (planned, Some(Turn { live, clock }))
            }
            _ => (planned, None),
        }
    }

    /// The version that a rule chooses. What the rule says is kept with the decision, so that the
    /// choice can be explained from the record alone.
    fn chosen<'a>(
        &self,
        serving: &'a Serving,
        facts: &mut Facts,
    ) -> Option<(RoutePlan<'a>, Option<Turn>)> {
        let rule = serving.routes.get(facts.rule?)?;
        let planned = plan(serving);
        let chosen = match &rule.target {
            RouteTarget::Incumbent => (planned, None),
            RouteTarget::Version(version) => (RoutePlan { version, ..planned }, None),
            RouteTarget::Candidate => {
                // Everybody may have been sent back meanwhile.
                let rollout = serving.rollout.as_deref().filter(|one| one.live.enter())?;
                let (live, clock) = (Arc::clone(&rollout.live), Arc::clone(&self.gateway.0.clock));
                let version = &*rollout.candidate;
                let (route, rollout) = (Route::Canary, Some(rollout));
                let routed = RoutePlan { route, version, rollout, ..planned };
                (routed, Some(Turn { live, clock }))
            }
        };
        facts.is_routed = true;
        facts.mapped.push((ROUTED, rule.text.to_string()));
        Some(chosen)
    }

    /// The rule that chooses the version, if one does.
    pub(crate) fn ruled(&self, headers: &HeaderMap, scratch: &Scratch) -> Option<usize> {
        let serving = self.deployment.serving.as_ref().ok()?;
        serving.ruled(|source| self.mapped(headers, scratch, 0, source).ok().flatten())
    }

    /// Which groups of persons that guardrails look at the first row is in, as marks.
    pub(crate) fn groups(&self, headers: &HeaderMap, scratch: &Scratch) -> u16 {
        let serving = self.deployment.serving.as_ref().ok();
        let Some(rollout) = serving.and_then(|serving| serving.rollout.as_deref()) else {
            return 0;
        };
        let is_in = |group: &&ServedGroup| {
            let text = self.mapped(headers, scratch, 0, &group.source).ok().flatten();
            text.as_deref() == Some(&*group.is)
        };
        rollout.groups.iter().filter(is_in).fold(0, |marks, group| marks | group.mark)
    }

    /// The end of a request to a deployment whose models are switched off.
    pub(crate) async fn switched_off(
        &mut self,
        serving: &Serving,
        facts: &Facts,
        work: &mut Work,
    ) -> Concluded {
        work.values.clear();
        self.mark(Phase::Plan);
        let earlier = self.earlier(serving, &serving.primary, work).await;
        self.conclude(facts, plan(serving), Err(switched_off()), earlier, work)
    }

    /// Shows guardrails how a request ended, and notes what the candidate is to be asked, too.
    pub(crate) fn watch(
        &mut self,
        plan: &RoutePlan<'_>,
        facts: &Facts,
        explained: Result<Option<&Explanation>, &Refusal>,
        work: &Work,
    ) {
        let Some(rollout) = plan.rollout else { return };
        let latency = self.clock.of(Phase::Predict).into();
        let seen = seen(rollout.live.scoring, explained.err(), &work.values, latency);
        let seen = Seen { groups: facts.groups, ..seen };
        if plan.is_shadowed {
            let reason = explained.ok().flatten().and_then(heaviest);
            self.shadow = Some(Box::new(self.shadow_of(facts, work, seen, reason)));
            return;
        }
        let event = match plan.route {
            Route::Canary if facts.is_routed => Event::Routed(seen),
            Route::Canary => Event::Candidate(seen),
            _ => Event::Incumbent(seen),
        };
        self.gateway.judge(&rollout.live, &event);
    }

    fn shadow_of(
        &self,
        facts: &Facts,
        work: &Work,
        incumbent: Seen,
        reason: Option<String>,
    ) -> Shadow {
        Shadow {
            of: self.id,
            snapshot: Arc::clone(&self.snapshot),
            deployment: Arc::clone(&self.deployment),
            caller: Arc::clone(&self.caller),
            rows: work.scratch.rows.clone(),
            flags: work.scratch.flags.clone(),
            subjects: facts.subjects.clone(),
            mapped: facts.mapped.clone(),
            request_len: self.request_len,
            incumbent,
            reason,
        }
    }

    /// Lets the candidate be asked, now that the answer is durable and may leave.
    pub(crate) fn cast(&mut self) {
        let Some(shadow) = self.shadow.take() else { return };
        let inner = &self.gateway.0;
        if inner.shadows.sender.try_send(shadow).is_err() {
            inner.metrics.shadows_dropped.fetch_add(1, Relaxed);
            let serving = self.deployment.serving.as_ref().ok();
            if let Some(rollout) = serving.and_then(|serving| serving.rollout.as_deref()) {
                rollout.live.drop_pair();
            }
        }
    }

    /// Records what a candidate said that answers nobody; `caller_id` is the decision that it
    /// was asked beside. It is no contact with a customer, so it names no interaction.
    fn record_shadow(
        &mut self,
        shadow: &Shadow,
        plan: &RoutePlan<'_>,
        explained: &Result<Option<Explanation>, Refusal>,
        values: &[f64],
    ) -> bool {
        let refusal = explained.as_ref().err();
        let result = refusal.map_or(ResultClass::Answered, |refusal| ended(refusal.code));
        let output = plan.version.model.output();
        let width = u32::try_from(output.count).unwrap_or(u32::MAX);
        let outputs = [Output { name: output.name, width, values }];
        let of = shadow.of.to_string();
        let mapped: Vec<_> =
            shadow.mapped.iter().map(|(role, value)| Mapped { role, value }).collect();
        let ended = Ended {
            refusal,
            rows: &shadow.rows,
            flags: &shadow.flags,
            outputs: if refusal.is_some() { &[] } else { &outputs },
            explanation: explained.as_ref().ok().and_then(Option::as_ref),
            mapped: &mapped,
            subjects: &shadow.subjects,
            caller_id: Some(&of),
            plan: Some(plan),
            ..Ended::new(Kind::Decision, Some(result))
        };
        let queued = self.record(&ended);
        if queued.is_ok() {
            self.gateway.0.metrics.resolved.fetch_add(1, Relaxed);
        }
        queued.is_ok()
    }
}
