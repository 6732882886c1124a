//! The one way a change goes: permit, intent, transaction, completion, snapshot.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::words::label;
use plimsoll_ledger::{Holder, LedgerError};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{Change, Write};
use plimsoll_types::record::{ControlEvent, Kind, LeafDraft, Stage};
use plimsoll_types::{EventId, PrincipalId, Time};
use serde_json::{Value, json};
use std::sync::{Mutex, PoisonError};

/// Denied reads that are recorded per minute; more are counted and told by the next record.
/// Each is a record of about 500 bytes: a caller who asks in a loop buys 30 KB a minute.
const DENIED_READS_PER_MINUTE: u32 = 60;
/// Ends that could not be recorded and wait to be tried again. Each is one change that was
/// made while the ledger failed; the change after it is refused, so there is one at most.
const MAX_UNFINISHED: usize = 16;

/// Leave to do one action to one resource. No change is made without one.
#[derive(Debug)]
#[must_use]
pub(crate) struct Permit<'a> {
    context: &'a RequestContext,
    action: &'static str,
    label: Box<str>,
    reason: Option<Box<str>>,
}

impl Permit<'_> {
    /// The same leave, with the name that the new thing got meanwhile.
    pub(crate) fn for_named(self, label: impl Into<Box<str>>) -> Self {
        Self { label: label.into(), ..self }
    }
    /// The same leave, with why it is used, which is recorded.
    pub(crate) fn because(self, reason: Option<&str>) -> Self {
        Self { reason: reason.map(Into::into), ..self }
    }
    /// Why it is used, if that was told.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
    /// Who does what to what.
    pub(crate) fn who(&self) -> Who<'_> {
        Who { principal: self.context.id, action: self.action, resource: &self.label }
    }
    /// Facts as they go to the ledger, with the request they came in.
    pub(crate) fn payload(&self, facts: Value) -> Value {
        let mut payload = json!({"request": self.context.request_id, "facts": facts});
        if let Some(reason) = &self.reason {
            payload["reason"] = json!(reason);
        }
        payload
    }
}

/// Who does what to what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) principal: PrincipalId,
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
}

/// Held through a change.
pub(crate) type Turn<'a> = std::sync::MutexGuard<'a, Vec<Unfinished>>;

/// An event that is not recorded yet.
#[derive(Debug, Clone)]
pub(crate) struct Event<'a> {
    pub(crate) stage: Stage,
    pub(crate) action: &'a str,
    pub(crate) principal: PrincipalId,
    pub(crate) resource: &'a str,
    pub(crate) intent: Option<EventId>,
    pub(crate) payload: Value,
}

/// The end of an intent that the ledger did not take yet.
#[derive(Debug)]
pub(crate) struct Unfinished {
    stage: Stage,
    action: Box<str>,
    principal: PrincipalId,
    resource: Box<str>,
    intent: EventId,
    payload: Value,
}

/// Denied reads of the minute.
#[derive(Debug, Default)]
pub(crate) struct DeniedReads {
    minute: u64,
    recorded: u32,
    suppressed: u64,
}

impl DeniedReads {
    /// Whether one more is recorded, and how many were not since the last that was.
    fn admit(&mut self, now: Time) -> Option<u64> {
        let minute = now.as_secs() / 60;
        if minute != self.minute {
            (self.minute, self.recorded) = (minute, 0);
        }
        if self.recorded >= DENIED_READS_PER_MINUTE {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.recorded += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

impl Control {
    /// Whether policy permits it; asks, records nothing.
    pub(crate) fn allows(&self, ctx: &RequestContext, action: Action, what: &Resource) -> bool {
        self.policies.authorize(&ctx.principal, action, what).allowed
    }

    /// Leave to read. A denial is recorded without waiting for the disk, and not without end.
    pub(crate) fn may_read(
        &self,
        ctx: &RequestContext,
        action: Action,
        what: &Resource,
    ) -> Result<(), ControlError> {
        let verdict = self.policies.authorize(&ctx.principal, action, what);
        if verdict.allowed {
            return Ok(());
        }
        let denied = Denied::new(ctx, action, what, &verdict);
        let suppressed = lock(&self.denied_reads).admit(self.clock.now());
        if let Some(suppressed) = suppressed {
            let event = denied.event(suppressed);
            if let Err(error) = self.append(&event, EventId::new(self.clock.now())) {
                tracing::warn!(%error, "a denied read could not be recorded");
            }
        }
        Err(denied.error())
    }

    /// Leave to change something. A denial is durable before it is told.
    pub(crate) fn permit<'a>(
        &self,
        ctx: &'a RequestContext,
        action: Action,
        what: &Resource,
    ) -> Result<Permit<'a>, ControlError> {
        let verdict = self.policies.authorize(&ctx.principal, action, what);
        if verdict.allowed {
            let (action, label) = (action.as_str(), label(what));
            return Ok(Permit { context: ctx, action, label, reason: None });
        }
        let denied = Denied::new(ctx, action, what, &verdict);
        if let Err(error) = self.record(&denied.event(0)) {
            tracing::warn!(%error, "a denial could not be recorded");
        }
        Err(denied.error())
    }

    /// Makes a change that was permitted. `facts` go to the ledger before it is made; they
    /// hold no secret. Blocks for three syncs.
    pub(crate) fn carry_out<T>(
        &self,
        permit: Permit<'_>,
        facts: Value,
        change: impl FnOnce(&Write<'_>, Time) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let Who { principal, action, resource } = permit.who();
        self.carry_out_as(principal, action, resource, permit.payload(facts), change)
    }

    /// The same with facts that are read when no other change can come before it any more: what
    /// a change says it changed *from* is then what it was.
    pub(crate) fn carry_out_seeing<T>(
        &self,
        permit: Permit<'_>,
        facts: impl FnOnce() -> Result<Value, ControlError>,
        change: impl FnOnce(&Write<'_>, Time) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let mut turn = self.begin_turn()?;
        let payload = permit.payload(facts()?);
        let change = |tx: &Write<'_>, now, _| change(tx, now);
        let answer = self.act(&mut turn, permit.who(), payload, change, |_| Ok(Value::Null))?;
        self.publish().map_err(|error| ControlError::Unpublished(error.into()))?;
        Ok(answer)
    }

    /// The same for the server itself, which no policy is asked about.
    pub(crate) fn carry_out_as<T>(
        &self,
        principal: PrincipalId,
        action: &str,
        resource: &str,
        payload: Value,
        change: impl FnOnce(&Write<'_>, Time) -> Result<T, ControlError>,
    ) -> Result<T, ControlError> {
        let mut turn = self.begin_turn()?;
        let who = Who { principal, action, resource };
        let change = |tx: &Write<'_>, now, _| change(tx, now);
        let answer = self.act(&mut turn, who, payload, change, |_| Ok(Value::Null))?;
        self.publish().map_err(|error| ControlError::Unpublished(error.into()))?;
        Ok(answer)
    }

    /// One change at a time: events of changes never interleave, and snapshots are published
    /// in the order of their generations.
    pub(crate) fn begin_turn(&self) -> Result<Turn<'_>, ControlError> {
        let mut turn = lock(&self.turn);
        self.finish_all(&mut turn)?;
        Ok(turn)
    }

    /// Intent, transaction, what else belongs to the change, completion. When `then` fails,
    /// the change is begun and stays without an end until someone carries it out; else what
    /// it gives is told by the completion.
    pub(crate) fn act<T>(
        &self,
        turn: &mut Turn<'_>,
        who: Who<'_>,
        payload: Value,
        change: impl FnOnce(&Write<'_>, Time, EventId) -> Result<T, ControlError>,
        then: impl FnOnce(&T) -> Result<Value, ControlError>,
    ) -> Result<T, ControlError> {
        let Who { principal, action, resource } = who;
        let begin =
            Event { stage: Stage::Intent, action, principal, resource, intent: None, payload };
        let (intent, index) = self.record(&begin).map_err(ControlError::Ledger)?;
        let time = self.clock.now();
        let about = Change { event: intent, action, resource, time, settled_to: index };
        let made = self.store.write(&about, |tx| change(tx, time, intent));
        let (stage, payload) = match &made {
            Ok((answer, generation)) => {
                let mut payload = json!({"generation": generation});
                let facts = then(answer)?;
                if !facts.is_null() {
                    payload["facts"] = facts;
                }
                (Stage::Completed, payload)
            }
            Err(error) => (Stage::Failed, json!({"reason": error.code().1})),
        };
        let (action, resource) = (action.into(), resource.into());
        turn.push(Unfinished { stage, action, principal, resource, intent, payload });
        if let Err(error) = self.finish_all(turn) {
            // What was done stays done. It is tried again before the next change, and after
            // a restart by `recover`.
            tracing::error!(%error, "the end of a control event could not be recorded");
        }
        Ok(made?.0)
    }

    /// Records something that changed no state.
    pub(crate) fn note(
        &self,
        who: Who<'_>,
        stage: Stage,
        payload: Value,
    ) -> Result<(), ControlError> {
        let Who { principal, action, resource } = who;
        let event = Event { stage, action, principal, resource, intent: None, payload };
        self.record(&event).map(drop).map_err(ControlError::Ledger)
    }

    fn finish_all(&self, unfinished: &mut Vec<Unfinished>) -> Result<(), ControlError> {
        while let Some(end) = unfinished.first() {
            if let Err(error) = self.record(&end.event()) {
                unfinished.truncate(MAX_UNFINISHED);
                return Err(ControlError::Ledger(error));
            }
            unfinished.remove(0);
        }
        Ok(())
    }

    /// Records an event and waits until it is durable. Gives its id and index.
    pub(crate) fn record(&self, event: &Event<'_>) -> Result<(EventId, u64), LedgerError> {
        let id = EventId::new(self.clock.now());
        let receipt = self.append(event, id)?.wait()?;
        Ok((id, receipt.index))
    }

    pub(crate) fn append(
        &self,
        event: &Event<'_>,
        id: EventId,
    ) -> Result<plimsoll_ledger::Durable, LedgerError> {
        let body = ControlEvent {
            stage: event.stage,
            action: event.action.into(),
            principal: event.principal,
            resource: event.resource.into(),
            intent: event.intent,
            payload: event.payload.to_string().into(),
        };
        let sealed = self.ledger.seal(&[Holder::System], &body.encode())?;
        let mut draft = LeafDraft::new(
            Kind::ControlEvent,
            *id.as_bytes(),
            self.tenant,
            self.clock.now(),
            self.clock.monotonic(),
        );
        draft.policy = Some(self.policy_digest);
        self.ledger.append(draft, sealed, None)
    }

    /// Remembers that everything so far has its end, so that the next start looks through
    /// less of the ledger. Cheap; call it every minute.
    ///
    /// # Errors
    /// [`ControlError::Ledger`] or [`ControlError::Store`]; nothing is lost then.
    pub fn settle(&self) -> Result<(), ControlError> {
        let mut unfinished = lock(&self.turn);
        self.finish_all(&mut unfinished)?;
        Ok(self.store.settle(self.ledger.durable())?)
    }
}

impl Unfinished {
    fn event(&self) -> Event<'_> {
        Event {
            stage: self.stage,
            action: &self.action,
            principal: self.principal,
            resource: &self.resource,
            intent: Some(self.intent),
            payload: self.payload.clone(),
        }
    }
}

/// A denial, before it is recorded and told.
struct Denied<'a> {
    context: &'a RequestContext,
    action: Action,
    label: Box<str>,
    policies: &'a [Box<str>],
    errors: usize,
}

impl<'a> Denied<'a> {
    fn new(
        context: &'a RequestContext,
        action: Action,
        what: &Resource,
        verdict: &'a plimsoll_policy::Verdict,
    ) -> Self {
        let (policies, errors) = (&*verdict.policies, verdict.errors.len());
        Self { context, action, label: label(what), policies, errors }
    }
    fn event(&self, suppressed: u64) -> Event<'_> {
        let mut payload = json!({"request": self.context.request_id, "policies": self.policies});
        if self.errors > 0 {
            payload["errors"] = self.errors.into();
        }
        if suppressed > 0 {
            payload["suppressed"] = suppressed.into();
        }
        Event {
            stage: Stage::Denied,
            action: self.action.as_str(),
            principal: self.context.id,
            resource: &self.label,
            intent: None,
            payload,
        }
    }
    fn error(self) -> ControlError {
        ControlError::Denied { action: self.action, resource: self.label }
    }
}

/// Nothing under these locks is left half done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
