//! `record`: the completion record of a request, handed to the ledger.

use crate::pass::Pass;
use crate::tally::Listener;
use plimsoll_ledger::{Durable, Holder, LedgerError};
use plimsoll_serving::{RoutePlan, Seen};
use plimsoll_types::record::{
    DecisionParts, Explanation, Extension, Flag, Kind, LeafDraft, Mapped, Mode, Output,
    ResultClass, Route,
};
use plimsoll_types::{Digest, KeyId, Phase, Refusal, RefusalCode, Rows};
use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;

/// How a request ended, and everything worth keeping of it.
#[derive(Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) kind: Kind,
    pub(crate) result: Option<ResultClass>,
    pub(crate) refusal: Option<&'a Refusal>,
    pub(crate) rows: &'a Rows,
    pub(crate) mapped: &'a [Mapped<'a>],
    pub(crate) subjects: &'a [String],
    pub(crate) interaction: Option<[u8; 16]>,
    pub(crate) flags: &'a [Flag],
    pub(crate) outputs: &'a [Output<'a>],
    pub(crate) explanation: Option<&'a Explanation>,
    pub(crate) plan: Option<&'a RoutePlan<'a>>,
    pub(crate) caller_id: Option<&'a str>,
    pub(crate) replay_of: Option<[u8; 16]>,
    pub(crate) fallback_reason: Option<RefusalCode>,
    /// Whether a person is to look at the answer.
    pub(crate) is_reviewed: bool,
}

static NO_ROWS: Rows =
    Rows { width: 0, cells: Vec::new(), text: String::new(), numbers: Vec::new() };

impl<'a> Ended<'a> {
    pub(crate) fn refused(result: ResultClass, refusal: &'a Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::new(Kind::Decision, Some(result)) }
    }
    /// Whether there is an answer, given or held.
    pub(crate) fn is_answered(&self) -> bool {
        matches!(self.result, Some(ResultClass::Answered | ResultClass::Held))
    }
    pub(crate) fn new(kind: Kind, result: Option<ResultClass>) -> Self {
        Self {
            kind,
            result,
            refusal: None,
            rows: &NO_ROWS,
            mapped: &[],
            subjects: &[],
            interaction: None,
            flags: &[],
            outputs: &[],
            explanation: None,
            plan: None,
            caller_id: None,
            replay_of: None,
            fallback_reason: None,
            is_reviewed: false,
        }
    }
}

/// The loss window of mode `bounded`, in records: a quarter of the ledger's queue, so that
/// answers begin to wait long before the queue is full and requests are refused.
const BOUNDED_BACKLOG: usize = 1024;

thread_local! {
    /// The body's plaintext: one buffer per thread, so that a request allocates none.
    static PLAINTEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Pass {
    /// Seals the record and queues it. Counts what it records; the caller then waits with
    /// [`Pass::settle`], or does not.
    pub(crate) fn record(&mut self, ended: &Ended<'_>) -> Result<Durable, LedgerError> {
        let queued = self.queue(ended);
        if let (Ok(_), Some(result)) = (&queued, ended.result) {
            self.completed = true;
            self.gateway.0.metrics.completion(result).fetch_add(1, Relaxed);
            if let Some(plan) = ended.plan {
                self.gateway.0.metrics.route(plan.route).fetch_add(1, Relaxed);
            }
            self.show_ended(result, ended);
            if let Some(refusal) = ended.refusal {
                self.gateway.0.tally.count(Listener::Data, refusal.phase, refusal.code, true);
            }
            if ended.kind == Kind::Decision {
                self.show(ended, result);
            }
        }
        queued
    }

    /// Shows the decision to who watches, as its record has it.
    fn show(&self, ended: &Ended<'_>, result: ResultClass) {
        let Some(watch) = self.gateway.0.watch.get() else { return };
        let answered = ended.outputs.first().map_or(&[][..], |output| output.values);
        let is_model = ended.plan.is_none_or(|plan| plan.route != Route::Fallback);
        watch.see(&Seen {
            deployment: self.deployment.id,
            version: ended.plan.map_or(0, |plan| plan.version.number),
            contract: self.contract_digest(),
            time: self.now,
            nanos: self.clock.total(),
            result,
            refusal: ended.refusal.map(|refusal| refusal.code),
            rows: ended.rows,
            flags: ended.flags.len(),
            outputs: if is_model { answered } else { &[] },
        });
    }

    /// The contract that rows are held against.
    fn contract_digest(&self) -> Option<Digest> {
        let observed = self.deployment.observed.as_ref().map(|observed| observed.contract_digest);
        let serving = self.deployment.serving.as_ref().ok();
        observed.or(serving.map(|serving| serving.contract_digest))
    }

    fn queue(&mut self, ended: &Ended<'_>) -> Result<Durable, LedgerError> {
        let ledger = self.gateway.0.ledger.clone();
        let sealed = PLAINTEXT.with_borrow_mut(|plaintext| {
            plaintext.clear();
            self.parts(ended, |parts| parts.encode(plaintext));
            ledger.seal(&self.holders(ended.subjects), plaintext)
        })?;
        // What was observed is found again however it ended, so that it is not recorded twice.
        let tag = self.tag.filter(|_| ended.is_answered() || self.origin.is_some());
        ledger.append(self.leaf(ended), sealed, tag)
    }

    fn parts(&self, ended: &Ended<'_>, with: impl FnOnce(&DecisionParts<'_>)) {
        let mut phases = [(Phase::Accept, 0); 12];
        let mut count = 0;
        for spent in self.clock.spent() {
            phases[count] = spent;
            count += 1;
        }
        with(&DecisionParts {
            principal: self.caller.id,
            key: self.caller.key,
            deployment: self.deployment.name.as_str(),
            version: ended.plan.map_or(0, |plan| plan.version.number),
            caller_id: ended.caller_id,
            idempotency: self.tag,
            request: self.request,
            request_len: self.request_len,
            rows: ended.rows,
            mapped: ended.mapped,
            flags: ended.flags,
            outputs: ended.outputs,
            explanation: ended.explanation,
            refusal: ended.refusal,
            phases: &phases[..count],
            protocol: self.came_by,
        });
    }

    /// Who holds the key to the body: the subjects it is about, else the deployment's day.
    fn holders<'a>(&self, subjects: &'a [String]) -> Vec<Holder<'a>> {
        if subjects.is_empty() {
            return vec![Holder::Day { deployment: self.deployment.id, time: self.now }];
        }
        let tenant = self.deployment.tenant;
        subjects.iter().map(|subject| Holder::Subject { tenant, subject }).collect()
    }

    fn leaf(&self, ended: &Ended<'_>) -> LeafDraft {
        let parts = self.snapshot.parts();
        let contract = self.contract_digest();
        let id = *self.id.as_bytes();
        let rollout = ended.plan.and_then(|plan| plan.rollout);
        let arm = ended.plan.and_then(|plan| plan.arm);
        LeafDraft {
            deployment: Some(self.deployment.id),
            model: ended.plan.map(|plan| plan.version.manifest),
            contract,
            policy: Some(parts.policy_digest),
            snapshot: Some(parts.digest).filter(|digest| *digest != Digest::ZERO),
            route: ended.plan.map(|plan| plan.route),
            result: ended.result,
            // A fallback answered although the model's answer was refused.
            refused_in: ended.refusal.map(|r| r.phase).filter(|_| !ended.is_answered()),
            extension: Extension {
                interaction: ended.interaction,
                intent: self.intent,
                rollout: rollout.map(|rollout| *rollout.id.as_bytes()),
                step: rollout.map(|rollout| rollout.step),
                arm: arm.map(|arm| arm.number.into()),
                // The experiment's id names the key that its event has.
                assignment_key: arm.map(|arm| KeyId::from_bytes(*arm.experiment.id.as_bytes())),
                replay_of: ended.replay_of,
                fallback_reason: ended.fallback_reason.map(RefusalCode::code),
                explainer_pack: ended.explanation.and_then(|explanation| explanation.pack),
                // One review for one decision: it has the decision's id.
                review: ended.is_reviewed.then_some(id),
                origin: self.origin,
                ..Extension::default()
            },
            ..LeafDraft::new(ended.kind, id, self.deployment.tenant, self.now, self.clock.started)
        }
    }

    /// Mode `bounded`: the answer does not wait, unless so many records wait already that a
    /// crash would lose more than the stated window.
    fn may_leave_early(&self) -> bool {
        self.deployment.settings.mode == Mode::Bounded
            && self.gateway.0.ledger.queued() < BOUNDED_BACKLOG
    }

    /// Waits until the record is durable, if the deployment's mode asks for it.
    pub(crate) async fn settle(
        &mut self,
        queued: Result<Durable, LedgerError>,
    ) -> Result<(), Refusal> {
        let outcome = match queued {
            Ok(_) if self.may_leave_early() => Ok(()),
            Ok(durable) => durable.await.map(|_| ()),
            Err(error) => Err(error),
        };
        self.mark(Phase::Record);
        outcome.map_err(|error| {
            tracing::warn!(error = %error, "a decision could not be recorded");
            Refusal::new(Phase::Record, RefusalCode::LedgerUnavailable)
                .with_rule("the ledger cannot take records now; try again later")
        })
    }
}
