//! Rows of a batch job: each a decision of its own, with everything a request has but its socket.
//!
//! Rows go through the phases in slices, so that the model is asked for many at once and one sync
//! covers many records. Nobody waits for an answer in between: what a row came to is an
//! [`Outcome`], to be believed when its [`Durable`] is. It must not know files or jobs.

use crate::admit::Gateway;
use crate::decide::{Ending, Facts};
use crate::explain::Predicted;
use crate::fallback::Earlier;
use crate::limiter::{RowCharge, used_up};
use crate::pass::{Pass, PhaseClock, unready};
use crate::recorder::Ended;
use crate::rollout::switched_off;
use http::HeaderMap;
use plimsoll_contract::{CompiledContract, Envelope, Scratch};
use plimsoll_explain::Room;
use plimsoll_ledger::{Durable, Entry, LedgerError};
use plimsoll_policy::Principal;
use plimsoll_serving::{
    Caller, RoutePlan, ServedDeployment, ServedVersion, Serving, ServingSnapshot, plan,
};
use plimsoll_types::Protocol;
use plimsoll_types::record::{DecisionBody, Explanation, Kind, Mode, Output, ResultClass, Route};
use plimsoll_types::{ApiKeyId, DecisionId, Phase, PrincipalId, Refusal, RefusalCode, Rows, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Handle;

/// Rows of one slice: as many as the ledger writes with one sync.
pub const MAX_SLICE: usize = 256;
/// Calls to an upstream that a slice has under way at once: it shares the service with callers.
const CALLS_AT_ONCE: usize = 8;
/// How long a row waits for room in the ledger's queue, and how often it asks: callers fill it
/// only when the disk is far behind, and then a job should rather stop than press on.
const ROOM_WAIT: Duration = Duration::from_millis(5);
const ROOM_TRIES: u32 = 2_000;

/// How long a job goes on with what a token or certificate gave to whoever began it. Those end
/// within minutes to months, and nobody can be asked in between; a day is enough for a nightly job.
const BORNE_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// Who began a job: each of its rows is asked in this name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asker {
    /// The principal.
    pub principal: PrincipalId,
    /// The key it came with.
    pub key: Option<ApiKeyId>,
    /// Without a key: what its token or certificate gave; `None` only under `--dev`.
    pub bearer: Option<Arc<Principal>>,
    /// When the job was begun: what no key stands behind ends a day later.
    pub began: Time,
}

/// Leave to ask one deployment, as it is now: one snapshot, to be borrowed anew for each slice.
#[derive(Debug)]
pub struct Batch {
    gateway: Gateway,
    snapshot: Arc<ServingSnapshot>,
    deployment: Arc<ServedDeployment>,
    caller: Arc<Caller>,
    rows: RowCharge,
    /// Not the deployment's: rows of a job take no place from callers.
    slot: Arc<AtomicU32>,
}

/// Rows to be decided together, in memory that one slice after the other uses.
#[derive(Debug, Default)]
pub struct Slice {
    rows: Vec<Held>,
    len: usize,
    features: Vec<f64>,
    values: Vec<f64>,
    room: Room,
}

/// One row of a slice.
#[derive(Debug)]
struct Held {
    id: DecisionId,
    scratch: Scratch,
    bytes: u64,
    read: Result<(), Refusal>,
    /// What the model answered, once it was asked.
    answer: Result<Vec<f64>, Refusal>,
}

/// A row that was decided and queued for the ledger.
#[derive(Debug)]
pub struct Scored {
    /// Resolves when its record is durable; what it came to must not be told before.
    pub durable: Durable,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a row came to, as its record says.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The decision.
    pub id: DecisionId,
    /// How it ended.
    pub result: ResultClass,
    /// Why there is no answer, or why it is the fallback. Says no more than the contract lets
    /// callers know.
    pub refusal: Option<Refusal>,
    /// Whether the declared fallback answered.
    pub is_fallback: bool,
    /// The number of the version that was asked; 0 if none was.
    pub version: u32,
    /// The outputs; empty without an answer, and while one waits for a person.
    pub outputs: Vec<f64>,
    /// Reason codes by weight, where the deployment explains inline.
    pub reasons: Vec<Arc<str>>,
}

impl Asker {
    fn borne(&self, bearer: &Principal, now: Time) -> Result<Arc<Caller>, RefusalCode> {
        if self.began.plus(BORNE_FOR) < now {
            return Err(RefusalCode::Unauthenticated);
        }
        let (id, principal) = (self.principal, bearer.clone());
        Ok(Arc::new(Caller { index: Caller::ELSEWHERE, id, principal, key: None }))
    }
}

impl Gateway {
    /// Leave for `asker` to ask the deployment called `name`, by the snapshot of this moment.
    ///
    /// # Errors
    /// The refusal: the key ended, policy says no, the deployment is gone or serves nothing, the
    /// day's rows are used up.
    pub fn batch(&self, asker: &Asker, name: &str) -> Result<Batch, Refusal> {
        let snapshot = self.snapshot();
        let parts = snapshot.parts();
        let now = self.0.clock.now();
        let known = match (asker.key, &asker.bearer) {
            (Some(key), _) => parts.keys.holder(key, now).cloned(),
            (None, Some(bearer)) => asker.borne(bearer, now),
            (None, None) => parts.dev.clone().ok_or(RefusalCode::Unauthenticated),
        };
        let known = known.ok().filter(|caller| caller.id == asker.principal);
        let refuse = |phase, code| Err(Refusal::new(phase, code));
        let Some(caller) = known else {
            return refuse(Phase::Authenticate, RefusalCode::Unauthenticated);
        };
        let Some(deployment) = snapshot.deployment(name).cloned() else {
            return refuse(Phase::Resolve, RefusalCode::UnknownDeployment);
        };
        if !snapshot.may_infer(&caller, &deployment) {
            return refuse(Phase::Authorize, RefusalCode::Forbidden);
        }
        if deployment.serving.is_err() {
            return Err(unready(&deployment));
        }
        let (clock, slot) = (&self.0.clock, Arc::default());
        let rows = self
            .0
            .limiter
            .admit_rows(&parts.limits, caller.id, deployment.id, clock.monotonic(), clock.now())
            .map_err(|(whose, over)| used_up(whose, over).0)?;
        Ok(Batch { gateway: self.clone(), snapshot, deployment, caller, rows, slot })
    }
}

impl Slice {
    /// Empties the slice.
    pub fn clear(&mut self) {
        self.len = 0;
    }
    /// How many rows it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }
    /// Whether it has no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    /// Whether it has [`MAX_SLICE`] rows.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len >= MAX_SLICE
    }

    /// Adds a row: `bytes` is its length as it came, `read` validates it into the scratch.
    pub fn push(
        &mut self,
        id: DecisionId,
        bytes: u64,
        read: impl FnOnce(&mut Scratch) -> Result<(), Refusal>,
    ) {
        if self.len == self.rows.len() {
            self.rows.push(Held {
                id,
                scratch: Scratch::default(),
                bytes: 0,
                read: Ok(()),
                answer: Ok(Vec::new()),
            });
        }
        if let Some(held) = self.rows.get_mut(self.len) {
            (held.id, held.bytes) = (id, bytes);
            held.read = read(&mut held.scratch);
            self.len += 1;
        }
    }
}

impl Batch {
    /// The contract that rows must keep, and its version that answers.
    #[must_use]
    pub fn contract(&self) -> Option<&CompiledContract> {
        self.deployment.serving.as_ref().ok().map(|serving| &*serving.contract)
    }
    /// The output of the version that answers: its name, and numbers per row.
    #[must_use]
    pub fn output(&self) -> Option<(&str, usize)> {
        let serving = self.deployment.serving.as_ref().ok()?;
        let output = serving.primary.model.output();
        Some((output.name, output.count))
    }

    /// Decides every row of the slice and queues its record. Blocks; `runtime` drives calls to a
    /// model that answers elsewhere.
    ///
    /// # Errors
    /// The refusal that stops the job: the ledger takes no records. Rows in `scored` are
    /// recorded all the same.
    pub fn score(
        &self,
        slice: &mut Slice,
        runtime: &Handle,
        scored: &mut Vec<Scored>,
    ) -> Result<(), Refusal> {
        let serving = self.deployment.serving.as_ref().map_err(|_| unready(&self.deployment))?;
        let mut passes = self.begin(slice, serving)?;
        self.predict(slice, &mut passes, serving, runtime);
        let Slice { rows, room, len, .. } = slice;
        for (held, (pass, facts)) in rows.iter_mut().take(*len).zip(&mut passes) {
            scored.push(conclude(held, pass, facts, serving, (room, runtime))?);
            self.rows.add(1, self.gateway.0.clock.now());
        }
        Ok(())
    }

    /// What the record of a row says it came to; the body is `None` if its keys are gone.
    #[must_use]
    pub fn recorded(&self, entry: &Entry) -> Outcome {
        let draft = &entry.leaf.draft;
        let body = self.gateway.0.ledger.open_body(entry).ok();
        let body = body.and_then(|bytes| DecisionBody::decode(&bytes).ok());
        let result = draft.result.unwrap_or(ResultClass::Abandoned);
        let is_told = result == ResultClass::Answered;
        let told = body.as_ref().filter(|_| is_told);
        let outputs = told.and_then(|body| body.outputs.first());
        let explanation = told.and_then(|body| body.explanation.as_ref());
        Outcome {
            id: DecisionId::from_bytes(draft.id),
            result,
            refusal: body.as_ref().and_then(|body| body.refusal.as_ref()).map(|r| self.told(r)),
            is_fallback: draft.route == Some(Route::Fallback),
            version: body.as_ref().map_or(0, |body| body.version),
            outputs: outputs.map(|(_, _, values)| values.clone()).unwrap_or_default(),
            reasons: codes(explanation),
        }
    }

    /// What of a refusal the contract lets callers know.
    fn told(&self, refusal: &Refusal) -> Refusal {
        match self.contract() {
            Some(contract) if refusal.phase == Phase::Validate => {
                contract.contract().limits.error_detail.redact(refusal)
            }
            _ => refusal.clone(),
        }
    }

    fn pass(&self, held: &Held) -> Pass {
        let inner = &self.gateway.0;
        let mut pass = Pass::new(
            &self.gateway,
            Arc::clone(&self.snapshot),
            Arc::clone(&self.deployment),
            Arc::clone(&self.caller),
            held.id,
            inner.clock.now(),
            PhaseClock::start(inner.clock.monotonic()),
            Protocol::Oip,
            Arc::clone(&self.slot),
        );
        pass.request_len = held.bytes;
        pass.came_by = None;
        // Until its record is queued there is no duty: the job goes on with the row later.
        pass.completed = true;
        pass
    }

    /// A pass for each row with what the contract maps from it; in mode `strict`, every intent is
    /// durable when this returns.
    fn begin(&self, slice: &mut Slice, serving: &Serving) -> Result<Vec<(Pass, Facts)>, Refusal> {
        let mut passes = Vec::with_capacity(slice.len);
        let mut intents = Vec::new();
        let headers = HeaderMap::new();
        for held in slice.rows.iter_mut().take(slice.len) {
            let mut pass = self.pass(held);
            let read = std::mem::replace(&mut held.read, Ok(()));
            let facts =
                read.and_then(|()| pass.facts(&headers, &Envelope::default(), &held.scratch));
            let facts = facts.unwrap_or_else(|refusal| {
                held.read = Err(refusal);
                Facts::default()
            });
            if held.read.is_ok() && self.deployment.settings.mode == Mode::Strict {
                let (plan, mapped) = (plan(serving), facts.mapped());
                let intent = Ended {
                    rows: &held.scratch.rows,
                    flags: &held.scratch.flags,
                    plan: Some(&plan),
                    ..facts.ended(&mapped, Kind::Intent, None)
                };
                intents.push((passes.len(), queue(&mut pass, &intent)?));
                // From the intent on there is the duty to complete it.
                pass.completed = false;
            }
            passes.push((pass, facts));
        }
        for (row, intent) in intents {
            let receipt = intent.wait().map_err(|error| unrecorded(&error))?;
            if let Some((pass, _)) = passes.get_mut(row) {
                pass.intent = Some(receipt.seq);
            }
        }
        Ok(passes)
    }

    /// Asks the model for all rows that keep the contract, at once.
    fn predict(
        &self,
        slice: &mut Slice,
        passes: &mut [(Pass, Facts)],
        serving: &Serving,
        runtime: &Handle,
    ) {
        if self.deployment.settings.is_killed {
            let held = slice.rows.iter_mut().take(slice.len);
            held.for_each(|held| held.answer = Err(switched_off()));
            return;
        }
        let version = &*serving.primary;
        if version.upstream.is_some() {
            return ask(slice, passes, version, runtime);
        }
        let Slice { rows, len, features, values, .. } = slice;
        features.clear();
        let mut count = 0_usize;
        for held in rows.iter().take(*len).filter(|held| held.read.is_ok()) {
            version.binding.model_row(&held.scratch.rows, 0, features);
            count += 1;
        }
        let width = version.model.output().count;
        values.clear();
        values.resize(count.saturating_mul(width), 0.0);
        let predicted = version.model.predict_batch(features, count, values);
        let mut answers = values.chunks_exact(width.max(1));
        for held in rows.iter_mut().take(*len).filter(|held| held.read.is_ok()) {
            held.answer = match (&predicted, answers.next()) {
                (Ok(()), Some(answer)) => Ok(answer.to_vec()),
                _ => Err(Refusal::new(Phase::Predict, RefusalCode::ModelFailed)),
            };
        }
    }
}

/// Asks a model that answers elsewhere, some rows at a time.
fn ask(slice: &mut Slice, passes: &mut [(Pass, Facts)], version: &ServedVersion, runtime: &Handle) {
    let share = slice.len.div_ceil(CALLS_AT_ONCE).max(1);
    let rows = slice.rows.get_mut(..slice.len).unwrap_or_default();
    std::thread::scope(|threads| {
        for (rows, passes) in rows.chunks_mut(share).zip(passes.chunks_mut(share)) {
            threads.spawn(move || {
                for (held, (pass, _)) in rows.iter_mut().zip(passes) {
                    if held.read.is_ok() {
                        held.answer = ask_one(&held.scratch.rows, pass, version, runtime);
                    }
                }
            });
        }
    });
}

fn ask_one(
    rows: &Rows,
    pass: &mut Pass,
    version: &ServedVersion,
    runtime: &Handle,
) -> Result<Vec<f64>, Refusal> {
    let failed = || Refusal::new(Phase::Predict, RefusalCode::ModelFailed);
    let upstream = version.upstream.as_deref().ok_or_else(failed)?;
    let mut values = Vec::new();
    // The deadline of a row begins when it is asked, not when its slice does.
    pass.clock = PhaseClock::start(pass.gateway.0.clock.monotonic());
    runtime.block_on(pass.ask(version, upstream, rows, &mut values))?;
    Ok(values)
}

/// `guard`, `explain` and `record` of one row.
fn conclude(
    held: &mut Held,
    pass: &mut Pass,
    facts: &Facts,
    serving: &Serving,
    (room, runtime): (&mut Room, &Handle),
) -> Result<Scored, Refusal> {
    let plan = plan(serving);
    if let Err(refusal) = &held.read {
        let ended = Ended::refused(ResultClass::Refused, refusal);
        let durable = record(pass, &ended)?;
        let outcome = Outcome {
            refusal: Some(pass.redacted(refusal)),
            ..Outcome::empty(held.id, ResultClass::Refused)
        };
        return Ok(Scored { durable, outcome });
    }
    let answer = std::mem::replace(&mut held.answer, Ok(Vec::new()));
    let (mut values, guarded) = match answer {
        Ok(values) => {
            let guarded = guard(&values, plan.version);
            (values, guarded)
        }
        Err(refusal) => (Vec::new(), Err(refusal)),
    };
    let explained = guarded.and_then(|()| explain(pass, &plan, held, &values, room));
    let earlier = match &explained {
        Ok(_) => None,
        Err(_) => earlier(held, pass, serving, runtime),
    };
    let rows = &held.scratch.rows;
    let mut ending = pass.ending(plan.route, explained, earlier, rows, &mut values);
    let stood_in = std::mem::take(&mut ending.stood_in);
    let plan = RoutePlan { route: ending.route, ..plan };
    let output = plan.version.model.output();
    let width = u32::try_from(output.count).unwrap_or(u32::MAX);
    let outputs = [Output { name: output.name, width, values: &values }];
    let mapped = facts.mapped_with(&stood_in);
    let ended = Ended {
        fallback_reason: ending.fallback_reason(),
        refusal: ending.refusal.as_ref(),
        rows: &held.scratch.rows,
        flags: &held.scratch.flags,
        outputs: if ending.result == ResultClass::Failed { &[] } else { &outputs },
        explanation: ending.explanation.as_ref(),
        plan: Some(&plan),
        is_reviewed: ending.is_reviewed,
        ..facts.ended(&mapped, Kind::Decision, Some(ending.result))
    };
    let durable = record(pass, &ended)?;
    Ok(Scored { durable, outcome: told(held.id, ending, plan.version.number, values) })
}

/// The answer of the version before, where that stands in.
fn earlier(held: &Held, pass: &mut Pass, serving: &Serving, runtime: &Handle) -> Option<Earlier> {
    let version = pass.stands_in(serving, &serving.primary)?;
    let rows = &held.scratch.rows;
    let values = match version.upstream {
        Some(_) => ask_one(rows, pass, version, runtime).ok()?,
        None => {
            let mut inputs = Vec::new();
            version.binding.model_row(rows, 0, &mut inputs);
            let mut values = vec![0.0; version.model.output().count];
            version.model.predict(&inputs, &mut values).ok()?;
            values
        }
    };
    guard(&values, version).ok()?;
    Some(Earlier { number: version.number, values })
}

fn explain(
    pass: &Pass,
    plan: &RoutePlan<'_>,
    held: &Held,
    answers: &[f64],
    room: &mut Room,
) -> Result<Option<Explanation>, Refusal> {
    let mut inputs = Vec::new();
    plan.version.binding.model_row(&held.scratch.rows, 0, &mut inputs);
    pass.explain(plan, Predicted { inputs: &inputs, answers }, room)
}

/// Is the answer fit to be told: as many numbers as declared, all of them finite.
fn guard(values: &[f64], version: &ServedVersion) -> Result<(), Refusal> {
    if values.len() != version.model.output().count {
        return Err(Refusal::new(Phase::Predict, RefusalCode::ModelFailed));
    }
    if values.iter().all(|value| value.is_finite()) {
        return Ok(());
    }
    Err(Refusal::new(Phase::Guard, RefusalCode::OutputRejected)
        .with_rule("every output must be finite"))
}

fn told(id: DecisionId, ending: Ending, version: u32, values: Vec<f64>) -> Outcome {
    let is_told = ending.result == ResultClass::Answered;
    Outcome {
        id,
        result: ending.result,
        is_fallback: ending.route == Route::Fallback,
        version,
        outputs: if is_told { values } else { Vec::new() },
        reasons: codes(ending.explanation.as_ref().filter(|_| is_told)),
        refusal: ending.refusal,
    }
}

fn codes(explanation: Option<&Explanation>) -> Vec<Arc<str>> {
    explanation.map_or_else(Vec::new, |explanation| {
        explanation.reasons.iter().map(|reason| Arc::clone(&reason.code)).collect()
    })
}

impl Outcome {
    fn empty(id: DecisionId, result: ResultClass) -> Self {
        Self {
            id,
            result,
            refusal: None,
            is_fallback: false,
            version: 0,
            outputs: Vec::new(),
            reasons: Vec::new(),
        }
    }
}

/// Queues the completion of a row, and counts it.
fn record(pass: &mut Pass, ended: &Ended<'_>) -> Result<Durable, Refusal> {
    let durable = queue(pass, ended)?;
    let metrics = &pass.gateway.0.metrics;
    metrics.resolved.fetch_add(1, Relaxed);
    metrics.batch_rows.fetch_add(1, Relaxed);
    Ok(durable)
}

/// Queues a record, waiting for room as long as callers leave none.
fn queue(pass: &mut Pass, ended: &Ended<'_>) -> Result<Durable, Refusal> {
    for _ in 0..ROOM_TRIES {
        match pass.record(ended) {
            Err(LedgerError::Busy) => std::thread::sleep(ROOM_WAIT),
            other => return other.map_err(|error| unrecorded(&error)),
        }
    }
    Err(unrecorded(&LedgerError::Busy))
}

fn unrecorded(error: &LedgerError) -> Refusal {
    tracing::warn!(error = %error, "a row of a batch job could not be recorded");
    Refusal::new(Phase::Record, RefusalCode::LedgerUnavailable)
        .with_rule("the ledger cannot take records now")
}
