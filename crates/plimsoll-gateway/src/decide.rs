//! The phases that need the body: `validate`, `plan`, `predict`, `guard`, `explain`,
//! `record`, `respond`.

use crate::answer::{Answer, Answered, Form};
use crate::explain::Predicted;
use crate::fallback::Earlier;
use crate::gunzip::gunzip;
use crate::idempotency::WINDOW;
use crate::pass::{Pass, ended, unready};
use crate::recorder::Ended;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use plimsoll_contract::{
    CompiledContract, CompiledSource, Envelope, Scratch, Source, Table, Violations, parse_timestamp,
};
use plimsoll_ledger::{Durable, Entry, LedgerError, MAX_HOLDERS};
use plimsoll_serving::{Explain, Review, RoutePlan, ServedVersion};
use plimsoll_types::record::{
    DecisionBody, Explanation, Kind, Mapped, Mode, Output, ResultClass, Route, STOOD_IN,
};
use plimsoll_types::{Phase, Protocol, Refusal, RefusalCode, Rows};
use std::borrow::Cow;
use std::cell::RefCell;
use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};

/// The longest text that a header may give for a subject, interaction or slice.
const MAX_MAPPED_LEN: usize = 256;
/// Rows from which on the model runs where it does not hold up other requests: a row takes
/// about a microsecond, and a worker should not be busy for longer than some 100 of them.
const BLOCKING_ROWS: usize = 128;

/// Why a listener could not read the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// Larger than [`Pass::max_body_bytes`].
    TooLarge,
    /// It did not come in time.
    Timeout,
    /// The connection broke, or the framing is wrong.
    Broken,
}

/// Memory that one request after the other reuses.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) scratch: Scratch,
    features: Vec<f64>,
    pub(crate) values: Vec<f64>,
    explain: plimsoll_explain::Room,
}

/// A record on its way to the disk, and the answer that may leave when it is there.
pub(crate) type Concluded = (Result<Durable, LedgerError>, Answer);

/// What is kept on a thread for the requests to come: of those that wait for an upstream, some are
/// always under way. A `Scratch` bounds what each keeps.
const KEPT_WORK: usize = 8;

thread_local! {
    static WORK: RefCell<Vec<Work>> = const { RefCell::new(Vec::new()) };
}

impl Work {
    pub(crate) fn take() -> Self {
        WORK.with_borrow_mut(Vec::pop).unwrap_or_default()
    }
    pub(crate) fn keep(self) {
        WORK.with_borrow_mut(|kept| {
            if kept.len() < KEPT_WORK {
                kept.push(self);
            }
        });
    }
}

/// What the contract maps from the request, and what the caller asked of the answer.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) caller_id: Option<String>,
    pub(crate) subjects: Vec<String>,
    pub(crate) interaction: Option<[u8; 16]>,
    pub(crate) mapped: Vec<(&'static str, String)>,
    /// Whether the answer is to say why.
    why: bool,
    /// Whether the caller named the version.
    pub(crate) is_pinned: bool,
    /// The groups of persons that guardrails look at, as marks.
    pub(crate) groups: u16,
    /// The rule of the deployment that chooses the version, if one does.
    pub(crate) rule: Option<usize>,
    /// Whether that rule was followed.
    pub(crate) is_routed: bool,
    form: Form,
}

impl Pass {
    /// Goes through the remaining phases with the body and gives the answer. Whatever the
    /// answer is, its completion record is durable first where the deployment's mode says so.
    pub async fn decide(mut self, headers: &HeaderMap, body: Result<&[u8], BodyError>) -> Answer {
        // Given back before the wait for the disk, so that the next request finds it.
        let mut work = Work::take();
        let concluded = self.phases(headers, body, &mut work).await;
        work.keep();
        let settled = match concluded {
            Ok((queued, answer)) => self.settle(queued).await.map(|()| answer),
            Err(refusal) => Err(refusal),
        };
        match settled {
            Ok(answer) => {
                self.finish();
                self.cast();
                Answer { nanos: self.clock.nanos, ..answer }
            }
            Err(refusal) => self.refuse(refusal).await,
        }
    }

    async fn phases(
        &mut self,
        headers: &HeaderMap,
        body: Result<&[u8], BodyError>,
        work: &mut Work,
    ) -> Result<Concluded, Refusal> {
        self.mark(Phase::Accept);
        let body = body.map_err(refuse_body)?;
        self.request_len = body.len() as u64;
        if let Some(entry) = self.idempotent(headers, body)? {
            return self.replay(&entry, headers, body, work);
        }
        let deployment = Arc::clone(&self.deployment);
        let serving = deployment.serving.as_ref().map_err(|_| unready(&deployment))?;
        let mut facts = self.validate(headers, body, &mut work.scratch)?;
        if deployment.settings.is_killed {
            return Ok(self.switched_off(serving, &facts, work).await);
        }
        let (plan, turn) = self.route(serving, &mut facts);
        self.turn = turn;
        if let Some(upstream) = &plan.version.upstream
            && !upstream.takes(work.scratch.rows.len())
        {
            let refusal = Refusal::new(Phase::Plan, RefusalCode::TooManyRows)
                .with_rule("each row is a call to the upstream, which declares its `max_rows`");
            self.watch(&plan, &facts, Err(&refusal), work);
            return Err(refusal);
        }
        self.mark(Phase::Plan);
        if deployment.settings.mode == Mode::Strict {
            self.intend(&facts, &plan, &work.scratch).await?;
        }
        self.in_time()?;
        let predicted = self.predict(plan.version, work).await;
        self.mark(Phase::Predict);
        let guarded = predicted.and_then(|()| self.guard(&plan, work));
        self.mark(Phase::Guard);
        let explained = guarded.and_then(|()| self.explained(&plan, work));
        self.mark(Phase::Explain);
        let earlier = match &explained {
            Ok(_) => None,
            Err(_) => self.earlier(serving, plan.version, work).await,
        };
        Ok(self.conclude(&facts, plan, explained, earlier, work))
    }

    /// Why the model answered so, where the deployment says so with the answer.
    pub(crate) fn explained(
        &self,
        plan: &RoutePlan<'_>,
        work: &mut Work,
    ) -> Result<Option<Explanation>, Refusal> {
        let predicted = Predicted { inputs: &work.features, answers: &work.values };
        self.explain(plan, predicted, &mut work.explain)
    }

    /// Notes the idempotency key; the recorded entry if it was answered before.
    fn idempotent(&mut self, headers: &HeaderMap, body: &[u8]) -> Result<Option<Entry>, Refusal> {
        let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
        let inner = Arc::clone(&self.gateway.0);
        let key = value.to_str().unwrap_or_default();
        let tag = inner.idempotency.tag(self.caller.id, self.deployment.id, key)?;
        inner.idempotency.begin(tag)?;
        self.tag = Some(tag);
        // What part of the body is JSON is part of what was asked.
        let json = headers.get(JSON_LENGTH).map_or(&[][..], |value| value.as_bytes());
        let parts = [body, json];
        let parts = if json.is_empty() { &parts[..1] } else { &parts[..] };
        self.request = Some(inner.idempotency.digest(parts));
        // The lookup may read a file.
        aside(|| inner.ledger.find_tag(&tag, self.now.minus(WINDOW))).map_err(|error| {
            tracing::error!(error = %error, "the ledger could not look up an idempotency key");
            Refusal::new(Phase::Validate, RefusalCode::LedgerUnavailable)
        })
    }

    /// Gives the recorded answer again, and records that.
    fn replay(
        &mut self,
        entry: &Entry,
        headers: &HeaderMap,
        body: &[u8],
        work: &mut Work,
    ) -> Result<Concluded, Refusal> {
        let asked = body;
        let unreadable = |_| Refusal::new(Phase::Validate, RefusalCode::LedgerUnavailable);
        let plaintext = self.gateway.0.ledger.open_body(entry).map_err(unreadable)?;
        let body = DecisionBody::decode(&plaintext)
            .map_err(|_| Refusal::new(Phase::Validate, RefusalCode::Internal))?;
        if body.request != self.request {
            return Err(Refusal::new(Phase::Validate, RefusalCode::IdempotencyMismatch)
                .with_field("Idempotency-Key")
                .with_rule("use a new key for a new request"));
        }
        // The same bytes were valid before; how they want the answer is read from them again.
        let facts = self.check(headers, asked, &mut work.scratch).unwrap_or_default();
        let outputs: Vec<_> = body
            .outputs
            .iter()
            .map(|(name, width, values)| Output { name, width: *width, values })
            .collect();
        let of = entry.leaf.draft.id;
        let ended = Ended {
            replay_of: Some(of),
            ..Ended::new(Kind::Decision, Some(ResultClass::Replayed))
        };
        let queued = self.record(&ended);
        // What a person was to see first is not given away by asking twice.
        let is_held = entry.leaf.draft.result == Some(ResultClass::Held);
        let answered = Answered {
            id: plimsoll_types::DecisionId::from_bytes(of),
            deployment: &body.deployment,
            version: body.version,
            caller_id: body.caller_id.as_deref(),
            rows: body.rows.len(),
            outputs: if is_held { &[] } else { &outputs },
            is_double: self.answered_in_double(&body),
            is_fallback: entry.leaf.draft.route == Some(Route::Fallback) && !is_held,
            is_held,
            form: facts.form,
            explanation: body.explanation.as_ref().filter(|_| facts.why && !is_held),
            features: self.features(),
        };
        let mut answer = Answer::of(self.protocol, &answered);
        answer.replayed = true;
        Ok((queued, answer))
    }

    /// Whether a recorded answer was given in 64 bits: as the version that gave it answers, if it
    /// still does, else as its numbers need.
    fn answered_in_double(&self, body: &DecisionBody) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "asks whether anything is lost")]
        let is_single = |value: &f64| f64::from(*value as f32).to_bits() == value.to_bits();
        match self.serving() {
            Ok(serving) if serving.primary.number == body.version => {
                serving.primary.model.output().is_double
            }
            _ => !body.outputs.iter().all(|(_, _, values)| values.iter().all(is_single)),
        }
    }

    fn validate(
        &mut self,
        headers: &HeaderMap,
        body: &[u8],
        scratch: &mut Scratch,
    ) -> Result<Facts, Refusal> {
        let checked = self.check(headers, body, scratch);
        if checked.is_ok() {
            self.charge.add_rows(scratch.rows.len(), self.now);
        }
        self.mark(Phase::Validate);
        checked
    }

    fn check(
        &self,
        headers: &HeaderMap,
        body: &[u8],
        scratch: &mut Scratch,
    ) -> Result<Facts, Refusal> {
        let serving = self.serving()?;
        let body = plain_body(self.protocol, headers, body, self.max_body_bytes())?;
        let mut envelope = self
            .read(&serving.contract, headers, &body, scratch)
            .map_err(|broken| broken.primary().clone())?;
        if self.protocol == Protocol::Explain {
            envelope.explain = Some(true);
        }
        self.asked(&envelope, &serving.primary)?;
        self.facts(headers, &envelope, scratch)
    }

    /// Reads the body in the dialect of its protocol.
    fn read<'a>(
        &self,
        contract: &CompiledContract,
        headers: &HeaderMap,
        body: &'a [u8],
        scratch: &mut Scratch,
    ) -> Result<Envelope<'a>, Violations> {
        match self.protocol {
            Protocol::Oip => match headers.get(JSON_LENGTH) {
                None => contract.validate_oip(body, scratch),
                Some(length) => {
                    let (json, binary) = split(body, length.as_bytes())?;
                    contract.validate_binary(json, binary, scratch)
                }
            },
            Protocol::Grpc => contract.validate_grpc(body, scratch),
            Protocol::Predict | Protocol::Explain => {
                contract.validate_table(Table::Predict, body, scratch)
            }
            Protocol::Invocations => contract.validate_table(Table::Invocations, body, scratch),
        }
    }

    /// What the body asks beside its values must be what the path and the model say: a wish
    /// that is passed over in silence would be answered wrongly.
    fn asked(&self, envelope: &Envelope<'_>, primary: &ServedVersion) -> Result<(), Refusal> {
        let refuse = |code, member: &str, rule: &str| {
            Err(Refusal::new(Phase::Validate, code).with_field(member).with_rule(rule))
        };
        let malformed = RefusalCode::MalformedEnvelope;
        if envelope.model_name.is_some_and(|name| name != self.deployment.name.as_str()) {
            return refuse(malformed, "model_name", "must be the deployment in the path");
        }
        if envelope.model_version.is_some_and(|version| version.parse() != Ok(primary.number)) {
            let rule = "callers do not choose versions; leave it out, or name the one that answers";
            return refuse(RefusalCode::VersionNotServed, "model_version", rule);
        }
        if envelope.outputs.iter().any(|&name| name != primary.model.output().name) {
            return refuse(malformed, "outputs", "must be outputs of the model");
        }
        if envelope.explain == Some(true) && self.deployment.settings.explain != Explain::Inline {
            return refuse(
                malformed,
                "explain",
                "this deployment gives no explanations with its answers",
            );
        }
        Ok(())
    }

    /// Reads what the contract maps: subjects, interaction, event time, slices.
    pub(crate) fn facts(
        &self,
        headers: &HeaderMap,
        envelope: &Envelope<'_>,
        scratch: &Scratch,
    ) -> Result<Facts, Refusal> {
        let map = self.contract()?.mapping();
        let mut facts = Facts {
            caller_id: envelope.id.map(str::to_owned),
            why: envelope.explain == Some(true),
            is_pinned: self.is_pinned || envelope.model_version.is_some(),
            form: Form { binary: envelope.binary, columns: envelope.columns },
            ..Facts::default()
        };
        for source in &map.subjects {
            for row in 0..scratch.rows.len() {
                let Some(text) = self.mapped(headers, scratch, row, source)? else { continue };
                if facts.subjects.iter().any(|known| *known == text) {
                    continue;
                }
                // Each subject holds a key of its own to the body, so that each can be erased.
                if facts.subjects.len() == MAX_HOLDERS {
                    let rule = format!("one request is about at most {MAX_HOLDERS} subjects");
                    return Err(Refusal::new(Phase::Validate, RefusalCode::TooManyRows)
                        .with_field(&*source.name)
                        .with_rule(rule));
                }
                facts.subjects.push(text.into_owned());
                if source.source == Source::Header {
                    break;
                }
            }
        }
        if let Some(source) = &map.interaction {
            let text = self.mapped(headers, scratch, 0, source)?;
            let digest = |text: Cow<'_, str>| {
                self.gateway.0.idempotency.digest(&[b"interaction", text.as_bytes()])
            };
            facts.interaction = text.map(digest);
        }
        let event_time = map.event_time.iter().map(|source| ("event_time", source));
        let slices = map.slices.iter().map(|source| ("slice", source));
        let subjects = map.subjects.iter().map(|source| ("subject", source));
        let interaction = map.interaction.iter().map(|source| ("interaction", source));
        for (role, source) in interaction.chain(event_time).chain(slices).chain(subjects) {
            if source.source != Source::Header {
                continue;
            }
            if let Some(text) = self.mapped(headers, scratch, 0, source)? {
                if role == "event_time" && parse_timestamp(&text).is_none() {
                    return Err(Refusal::new(Phase::Validate, RefusalCode::InvalidTimestamp)
                        .with_field(&*source.name)
                        .with_rule("must be a timestamp of RFC 3339"));
                }
                facts.mapped.push((role, text.into_owned()));
            }
        }
        facts.groups = self.groups(headers, scratch);
        facts.rule = self.ruled(headers, scratch);
        Ok(facts)
    }

    /// The text that `source` gives for `row`.
    pub(crate) fn mapped<'a>(
        &'a self,
        headers: &'a HeaderMap,
        scratch: &'a Scratch,
        row: usize,
        source: &CompiledSource,
    ) -> Result<Option<Cow<'a, str>>, Refusal> {
        let text = match source.source {
            Source::Field(_) => self.contract()?.mapped_text(&scratch.rows, row, source),
            Source::Header => {
                let value = headers.get(&*source.name).and_then(|value| value.to_str().ok());
                value
                    .filter(|text| !text.is_empty() && text.len() <= MAX_MAPPED_LEN)
                    .map(Cow::Borrowed)
            }
        };
        if text.is_none() && source.required {
            return Err(Refusal::new(Phase::Validate, RefusalCode::MissingMapping)
                .with_field(&*source.name));
        }
        Ok(text)
    }

    /// Mode `strict`: the intent is durable before the model is called.
    async fn intend(
        &mut self,
        facts: &Facts,
        plan: &RoutePlan<'_>,
        scratch: &Scratch,
    ) -> Result<(), Refusal> {
        let mapped = facts.mapped();
        let intent = Ended {
            rows: &scratch.rows,
            flags: &scratch.flags,
            plan: Some(plan),
            ..facts.ended(&mapped, Kind::Intent, None)
        };
        let queued = self.record(&intent);
        let durable = match queued {
            Ok(durable) => durable.await,
            Err(error) => Err(error),
        };
        self.mark(Phase::Record);
        let receipt = durable.map_err(|error| {
            tracing::warn!(error = %error, "an intent could not be recorded");
            Refusal::new(Phase::Record, RefusalCode::LedgerUnavailable)
        })?;
        self.intent = Some(receipt.seq);
        Ok(())
    }

    /// The features of the contract, which contributions are in the order of.
    fn features(&self) -> &[plimsoll_contract::Field] {
        let serving = self.deployment.serving.as_ref();
        serving.map_or(&[], |serving| &serving.contract.contract().features)
    }

    pub(crate) fn in_time(&self) -> Result<(), Refusal> {
        let spent = self.gateway.0.clock.monotonic().saturating_sub(self.clock.started);
        if spent > u64::from(self.deployment.settings.deadline_ms) * 1_000_000 {
            return Err(Refusal::new(Phase::Predict, RefusalCode::DeadlineExceeded));
        }
        Ok(())
    }

    pub(crate) async fn predict(
        &self,
        version: &ServedVersion,
        work: &mut Work,
    ) -> Result<(), Refusal> {
        if let Some(upstream) = &version.upstream {
            // Boxed: most requests are answered here, and should not carry its room around.
            let asked = self.ask(version, upstream, &work.scratch.rows, &mut work.values);
            return Box::pin(asked).await;
        }
        if work.scratch.rows.len() >= BLOCKING_ROWS {
            aside(|| predict(version, work));
        } else {
            predict(version, work);
        }
        Ok(())
    }

    /// Is the answer fit to leave: finite, and as many numbers as rows ask for.
    #[expect(clippy::unused_self, reason = "a phase, as the others")]
    pub(crate) fn guard(&self, plan: &RoutePlan<'_>, work: &Work) -> Result<(), Refusal> {
        let width = plan.version.model.output().count;
        if work.values.len() != work.scratch.rows.len().saturating_mul(width) {
            return Err(Refusal::new(Phase::Predict, RefusalCode::ModelFailed));
        }
        if work.values.iter().all(|value| value.is_finite()) {
            return Ok(());
        }
        Err(Refusal::new(Phase::Guard, RefusalCode::OutputRejected)
            .with_rule("every output must be finite"))
    }

    /// How the request ends: with the answer in `values`, with the declared fallback, which takes
    /// its place there, or with the failure.
    pub(crate) fn ending(
        &self,
        route: Route,
        explained: Result<Option<Explanation>, Refusal>,
        earlier: Option<Earlier>,
        rows: &Rows,
        values: &mut Vec<f64>,
    ) -> Ending {
        let mut stood_in = Vec::new();
        let (route, result, refusal, explanation) = match explained {
            Ok(explanation) => (route, ResultClass::Answered, None, explanation),
            Err(refusal) => match self.stand_in(earlier, rows, values) {
                Some(told) => {
                    stood_in = told;
                    (Route::Fallback, ResultClass::Answered, Some(refusal), None)
                }
                None => (route, ended(refusal.code), Some(refusal), None),
            },
        };
        let review = self.deployment.settings.review;
        let is_reviewed = result == ResultClass::Answered && review.picks(self.id);
        let is_held = is_reviewed && review == Review::Held;
        let result = if is_held { ResultClass::Held } else { result };
        Ending { route, result, refusal, explanation, is_reviewed, stood_in }
    }

    /// Records the answer, the fallback or the failure, and gives it.
    pub(crate) fn conclude(
        &mut self,
        facts: &Facts,
        plan: RoutePlan<'_>,
        explained: Result<Option<Explanation>, Refusal>,
        earlier: Option<Earlier>,
        work: &mut Work,
    ) -> Concluded {
        let rows = work.scratch.rows.len();
        if plan.rollout.is_some() {
            self.watch(&plan, facts, explained.as_ref().map(Option::as_ref), work);
        }
        if let Some(arm) = plan.arm {
            self.watch_arm(arm, explained.as_ref().err(), work);
        }
        let ending =
            self.ending(plan.route, explained, earlier, &work.scratch.rows, &mut work.values);
        let Ending { route, result, refusal, explanation, is_reviewed, stood_in } = ending;
        let is_held = result == ResultClass::Held;
        let plan = RoutePlan { route, ..plan };
        let output = plan.version.model.output();
        let width = u32::try_from(output.count).unwrap_or(u32::MAX);
        let outputs = [Output { name: output.name, width, values: &work.values }];
        let recorded = if result == ResultClass::Failed { &[] } else { &outputs[..] };
        let mapped = facts.mapped_with(&stood_in);
        let ended = Ended {
            fallback_reason: refusal
                .as_ref()
                .filter(|_| route == Route::Fallback)
                .map(|refusal| refusal.code),
            refusal: refusal.as_ref(),
            rows: &work.scratch.rows,
            flags: &work.scratch.flags,
            outputs: recorded,
            explanation: explanation.as_ref(),
            plan: Some(&plan),
            is_reviewed,
            ..facts.ended(&mapped, Kind::Decision, Some(result))
        };
        let queued = self.record(&ended);
        if let (true, Some(refusal)) = (result != ResultClass::Answered, &refusal) {
            return (queued, Answer::refusal(self.protocol, self.id, refusal));
        }
        let deployment = Arc::clone(&self.deployment);
        let answered = Answered {
            id: self.id,
            deployment: deployment.name.as_str(),
            version: plan.version.number,
            caller_id: facts.caller_id.as_deref(),
            rows,
            outputs: if is_held { &[] } else { &outputs },
            is_double: output.is_double,
            is_fallback: route == Route::Fallback && !is_held,
            is_held,
            form: facts.form,
            explanation: explanation.as_ref().filter(|_| facts.why && !is_held),
            features: self.features(),
        };
        (queued, Answer::of(self.protocol, &answered))
    }
}

/// How a request ends that reached the model.
pub(crate) struct Ending {
    pub(crate) route: Route,
    pub(crate) result: ResultClass,
    /// Why there is no answer, or why it is the fallback.
    pub(crate) refusal: Option<Refusal>,
    pub(crate) explanation: Option<Explanation>,
    pub(crate) is_reviewed: bool,
    /// What answered in the model's place, for the record.
    pub(crate) stood_in: Vec<String>,
}

impl Ending {
    /// Why the fallback answered, if it did.
    pub(crate) fn fallback_reason(&self) -> Option<RefusalCode> {
        self.refusal.as_ref().filter(|_| self.route == Route::Fallback).map(|refusal| refusal.code)
    }
}

impl Facts {
    pub(crate) fn mapped(&self) -> Vec<Mapped<'_>> {
        self.mapped_with(&[])
    }
    /// The mapped texts, and what answered in the model's place.
    pub(crate) fn mapped_with<'a>(&'a self, stood_in: &'a [String]) -> Vec<Mapped<'a>> {
        let mapped = self.mapped.iter().map(|(role, value)| Mapped { role, value });
        mapped.chain(stood_in.iter().map(|value| Mapped { role: STOOD_IN, value })).collect()
    }
    pub(crate) fn ended<'a>(
        &'a self,
        mapped: &'a [Mapped<'a>],
        kind: Kind,
        result: Option<ResultClass>,
    ) -> Ended<'a> {
        Ended {
            mapped,
            subjects: &self.subjects,
            interaction: self.interaction,
            caller_id: self.caller_id.as_deref(),
            ..Ended::new(kind, result)
        }
    }
}

/// Runs what takes long where it holds up no other request, if this runtime has such a place.
/// A lane has none; the requests that it takes are small.
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::current().runtime_flavor() {
        RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// Every row through the model; `work.values` has the outputs, row-major.
fn predict(version: &ServedVersion, work: &mut Work) {
    let width = version.model.output().count;
    let rows = work.scratch.rows.len();
    work.features.clear();
    for row in 0..rows {
        version.binding.model_row(&work.scratch.rows, row, &mut work.features);
    }
    work.values.clear();
    work.values.resize(rows.saturating_mul(width), 0.0);
    let inputs = work.features.chunks_exact(version.model.feature_count().max(1));
    let mut outputs = work.values.chunks_exact_mut(width.max(1));
    let predicted =
        inputs.zip(&mut outputs).all(|(row, out)| version.model.predict(row, out).is_ok());
    if !predicted {
        work.values.clear();
    }
}

/// The header of the binary tensor extension: how many bytes of the body are JSON.
const JSON_LENGTH: &str = "inference-header-content-length";

/// JSON, and the raw tensors after it.
fn split<'a>(body: &'a [u8], length: &[u8]) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    let length = std::str::from_utf8(length).ok().filter(|text| text.bytes().all(is_digit));
    let length = length.and_then(|text| text.parse().ok()).filter(|&length: &usize| length > 0);
    length.and_then(|length| body.split_at_checked(length)).ok_or_else(|| {
        Refusal::new(Phase::Validate, RefusalCode::MalformedEnvelope)
            .with_field("Inference-Header-Content-Length")
            .with_rule("must be the length of the JSON that the body begins with, in bytes")
    })
}

fn is_digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

/// Whether a body of this media type is one that the protocol reads.
fn is_readable(protocol: Protocol, headers: &HeaderMap, media: &str) -> bool {
    let one_of = |known: &[&str]| known.iter().any(|known| media.eq_ignore_ascii_case(known));
    match protocol {
        Protocol::Grpc => true,
        Protocol::Oip if headers.contains_key(JSON_LENGTH) => {
            one_of(&["application/octet-stream", "application/json"])
        }
        // What `curl -d` says, as in the documents of TensorFlow Serving.
        Protocol::Predict | Protocol::Explain => {
            one_of(&["application/json", "application/x-www-form-urlencoded"])
        }
        Protocol::Oip | Protocol::Invocations => one_of(&["application/json"]),
    }
}

/// The body as it is meant: of the right type, decompressed within the limit.
fn plain_body<'a>(
    protocol: Protocol,
    headers: &HeaderMap,
    body: &'a [u8],
    limit: usize,
) -> Result<Cow<'a, [u8]>, Refusal> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(kind) = text(CONTENT_TYPE) {
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !is_readable(protocol, headers, kind) {
            return Err(Refusal::new(Phase::Validate, RefusalCode::UnsupportedMediaType));
        }
    }
    match text(CONTENT_ENCODING) {
        None | Some("identity") => Ok(Cow::Borrowed(body)),
        Some("gzip") => gunzip(body, limit).map(Cow::Owned),
        Some(_) => Err(Refusal::new(Phase::Validate, RefusalCode::UnsupportedEncoding)),
    }
}

fn refuse_body(error: BodyError) -> Refusal {
    let (code, rule) = match error {
        BodyError::TooLarge => {
            (RefusalCode::BodyTooLarge, "the body must be within the deployment's limit")
        }
        BodyError::Timeout => (RefusalCode::BodyTimeout, "it must come within the server's limit"),
        BodyError::Broken => (RefusalCode::MalformedRequest, "the body broke off"),
    };
    Refusal::new(Phase::Accept, code).with_rule(rule)
}
