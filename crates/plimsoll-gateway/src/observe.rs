//! Decisions that were made elsewhere: held against the contract and recorded as any other, marked
//! as unverified. Nothing here saw them being made, and nothing is answered to who asked for them.

use crate::admit::Gateway;
use crate::decide::{Facts, aside};
use crate::pass::{Pass, PhaseClock, unready};
use crate::recorder::Ended;
use http::HeaderMap;
use plimsoll_contract::{Envelope, Scratch, Table};
use plimsoll_ledger::{Durable, LedgerError};
use plimsoll_serving::{Caller, ServedDeployment, ServingSnapshot};
use plimsoll_types::Protocol;
use plimsoll_types::record::{Kind, Origin, Output, ResultClass};
use plimsoll_types::{DecisionId, Phase, Refusal, RefusalCode, Time};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What an event tells of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Question and answer.
    Whole,
    /// The question; its answer never came.
    Request,
    /// The answer; its question never came.
    Response,
}

/// What was asked, in the shape in which it was.
#[derive(Debug, Clone, Copy)]
pub enum Asked<'a> {
    /// A body of KServe v1 or TensorFlow Serving.
    Predict(&'a [u8]),
    /// A body of the Open Inference Protocol.
    Oip(&'a [u8]),
}

/// A decision that was made elsewhere.
#[derive(Debug, Clone)]
pub struct Observation<'a> {
    /// Where it was made.
    pub source: &'a str,
    /// What it is called there.
    pub id: &'a str,
    /// What of it is told.
    pub part: Part,
    /// When it was made (RFC 3339).
    pub time: Option<&'a str>,
    /// What was asked.
    pub asked: Option<Asked<'a>>,
    /// What was answered: name, numbers per row, numbers.
    pub outputs: &'a [(String, u32, Vec<f64>)],
    /// What is wrong with how it was told: an answer that cannot be read, a half without the other.
    pub trouble: Option<Refusal>,
}

/// What became of an observation.
#[derive(Debug)]
pub enum Observed {
    /// It is queued for the ledger.
    Noting(Box<Noting>),
    /// It was recorded before, as this decision; `None` while it is on its way to the disk.
    Known(Option<DecisionId>),
}

/// An observation on its way to the disk. Until it is there, the same one is not taken again.
#[derive(Debug)]
pub struct Noting {
    pass: Pass,
    durable: Durable,
    broken: Option<Refusal>,
}

impl Noting {
    /// Waits until the record is durable. Gives the decision, and what is wrong with it.
    ///
    /// # Errors
    /// [`LedgerError`] if it is not durable.
    pub async fn settle(self) -> Result<(DecisionId, Option<Refusal>), LedgerError> {
        let Self { pass, durable, broken } = self;
        durable.await?;
        Ok((pass.id, broken))
    }
}

impl Gateway {
    /// Records a decision that was made elsewhere, unless it was recorded before. `caller` was
    /// permitted to report it.
    ///
    /// # Errors
    /// The refusal: the deployment is not one that observes, or the ledger takes no records.
    pub fn observe(
        &self,
        caller: &Arc<Caller>,
        name: &str,
        observation: &Observation<'_>,
    ) -> Result<Observed, Refusal> {
        let snapshot = self.snapshot();
        let Some(deployment) = snapshot.deployment(name).cloned() else {
            return Err(Refusal::new(Phase::Resolve, RefusalCode::UnknownDeployment));
        };
        if deployment.observed.is_none() {
            return Err(Refusal::new(Phase::Plan, RefusalCode::ObserveOnly)
                .with_rule("the deployment makes its own decisions; make one with `--observe`"));
        }
        let inner = &self.0;
        let part: &[u8] = match observation.part {
            Part::Whole => b"whole",
            Part::Request => b"request",
            Part::Response => b"response",
        };
        let (source, id) = (observation.source.as_bytes(), observation.id.as_bytes());
        let parts = [&b"observation"[..], deployment.id.as_bytes(), source, id, part];
        let tag = inner.idempotency.digest(&parts);
        if inner.idempotency.begin(tag).is_err() {
            return Ok(Observed::Known(None));
        }
        let mut pass = self.observing(snapshot, deployment, caller, tag);
        let known = aside(|| inner.ledger.find_tag(&tag, Time::EPOCH));
        let known = known.map_err(|error| unrecorded(&error))?;
        if let Some(entry) = known {
            return Ok(Observed::Known(Some(DecisionId::from_bytes(entry.leaf.draft.id))));
        }
        let (durable, broken) = pass.note(observation)?;
        Ok(Observed::Noting(Box::new(Noting { pass, durable, broken })))
    }

    /// Nobody waits for an answer, and no place is taken from callers who do.
    fn observing(
        &self,
        snapshot: Arc<ServingSnapshot>,
        deployment: Arc<ServedDeployment>,
        caller: &Arc<Caller>,
        tag: [u8; 16],
    ) -> Pass {
        let inner = &self.0;
        let now = inner.clock.now();
        let clock = PhaseClock::start(inner.clock.monotonic());
        let (id, slot) = (DecisionId::new(now), Arc::default());
        let caller = Arc::clone(caller);
        let protocol = Protocol::Oip;
        let mut pass =
            Pass::new(self, snapshot, deployment, caller, id, now, clock, protocol, slot);
        // Who reports it reports it again if this ends before its record is queued.
        pass.completed = true;
        pass.came_by = None;
        pass.tag = Some(tag);
        pass.origin = Some(Origin::Unverified);
        pass
    }
}

impl Pass {
    /// Queues the record. Gives what is wrong with the decision, if something is.
    fn note(
        &mut self,
        observation: &Observation<'_>,
    ) -> Result<(Durable, Option<Refusal>), Refusal> {
        let mut scratch = Scratch::default();
        let read = self.read_asked(observation.asked, &mut scratch);
        let (mut facts, broken) = match read {
            Ok(facts) => (facts, None),
            Err(refusal) => {
                scratch = Scratch::default();
                (Facts::default(), Some(refusal))
            }
        };
        facts.caller_id = Some(observation.id.to_owned());
        facts.mapped.push(("event_source", observation.source.to_owned()));
        if let Some(time) = observation.time {
            facts.mapped.retain(|(role, _)| *role != "event_time");
            facts.mapped.push(("event_time", time.to_owned()));
        }
        let broken = broken.or_else(|| observation.trouble.clone());
        let is_answered = observation.part != Part::Request && !observation.outputs.is_empty();
        let result = if is_answered { ResultClass::Answered } else { ResultClass::Abandoned };
        let outputs: Vec<Output<'_>> = observation
            .outputs
            .iter()
            .map(|(name, width, values)| Output { name, width: *width, values })
            .collect();
        let mapped = facts.mapped();
        let ended = Ended {
            refusal: broken.as_ref(),
            rows: &scratch.rows,
            flags: &scratch.flags,
            outputs: &outputs,
            ..facts.ended(&mapped, Kind::Decision, Some(result))
        };
        let durable = self.record(&ended).map_err(|error| unrecorded(&error))?;
        let metrics = &self.gateway.0.metrics;
        metrics.resolved.fetch_add(1, Relaxed);
        metrics.observed.fetch_add(1, Relaxed);
        Ok((durable, broken.map(|refusal| self.redacted(&refusal))))
    }

    fn read_asked(
        &mut self,
        asked: Option<Asked<'_>>,
        scratch: &mut Scratch,
    ) -> Result<Facts, Refusal> {
        let contract = self.contract().map_err(|_| unready(&self.deployment))?;
        let (read, len) = match asked {
            None => return Ok(Facts::default()),
            Some(Asked::Predict(body)) => {
                (contract.validate_table(Table::Predict, body, scratch), body.len())
            }
            Some(Asked::Oip(body)) => (contract.validate_oip(body, scratch), body.len()),
        };
        let read = read.map(drop).map_err(|violations| violations.primary().clone());
        self.request_len = len as u64;
        read?;
        self.facts(&HeaderMap::new(), &Envelope::default(), scratch)
    }
}

fn unrecorded(error: &LedgerError) -> Refusal {
    tracing::warn!(error = %error, "a decision made elsewhere could not be recorded");
    Refusal::new(Phase::Record, RefusalCode::LedgerUnavailable)
        .with_rule("the ledger cannot take records now; report it again later")
}
