//! Outcomes: what turned out to be true about decisions, each with who says so. A record each,
//! under the decision's own id, sealed for the people that its row is about. What stands about a
//! decision is read back from the ledger, so that nothing else needs to be kept in step with it.
//!
//! Attributes of people, which fairness is measured by and no model is given, come the same way
//! under an action and a kind of record of their own.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::ERASED;
use crate::deployment::resource_of;
use crate::error::ControlError;
use crate::performance::{table_of, unread};
use crate::rollout_outcomes::Judged;
use plimsoll_api as api;
use plimsoll_contract::{CompiledContract, Source};
use plimsoll_lake::Lake;
use plimsoll_ledger::{Durable, Entry, Holder, LedgerError};
use plimsoll_policy::{Action, Deployment, Resource};
use plimsoll_store::DeploymentRow;
use plimsoll_types::record::{
    DecisionBody, Kind, LeafDraft, MAX_OUTCOME_LABEL, MAX_OUTCOME_REASON, MAX_OUTCOME_WORD,
    OutcomeBody, OutcomeValue, ResultClass,
};
use plimsoll_types::{DecisionId, DeploymentId, Digest, KeyId, Name, OutcomeId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Outcomes of one request: what fits into its body.
pub const MAX_OUTCOMES: usize = 65_536;
/// Outcomes of one decision: a few annotators on each of many rows. All are read when one is told.
const MAX_PER_DECISION: usize = 1_024;
/// Records on their way to the disk before those before them are waited for: a quarter of the
/// ledger's queue. Those share their syncs.
const UNDER_WAY: usize = 512;
/// Above this many records that wait for the ledger's writer, callers go first.
const BUSY: usize = 1_024;
/// How long to let callers go first.
const PAUSE: Duration = Duration::from_millis(2);
/// The name of an outcome that is told without one.
pub(crate) const UNNAMED: &str = "outcome";

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// What turned out to be true.
    Outcomes,
    /// What fairness is measured by.
    Attributes,
}

impl Telling {
    const fn action(self) -> Action {
        match self {
            Self::Outcomes => Action::RecordOutcomes,
            Self::Attributes => Action::RecordAttributes,
        }
    }
    const fn kind(self) -> Kind {
        match self {
            Self::Outcomes => Kind::Outcome,
            Self::Attributes => Kind::Attribute,
        }
    }
}

/// What is known while the outcomes of one request are recorded.
#[derive(Default)]
struct Round {
    /// The deployments that decisions are of, each read once; none if it is gone.
    deployments: HashMap<DeploymentId, Option<Arc<DeploymentRow>>>,
    /// Whether the caller may, asked once for each deployment.
    allowed: HashMap<DeploymentId, bool>,
    /// Contracts by digest, each looked up once.
    contracts: HashMap<Digest, Arc<CompiledContract>>,
    /// What stands about decisions that were told of in this round.
    told: HashMap<DecisionId, Vec<OutcomeBody>>,
    /// The decision that was looked up last: rows of one follow one another.
    last: Option<(DecisionId, Arc<Case>)>,
    under_way: Vec<Durable>,
    /// What guardrails of rollouts see of those, once they are durable.
    judged: Vec<Judged>,
}

/// A decision that something is told of.
struct Case {
    entry: Entry,
    body: DecisionBody,
    deployment: Arc<DeploymentRow>,
    contract: Option<Arc<CompiledContract>>,
}

/// What became of one.
enum Taken {
    Queued(OutcomeId),
    Known(OutcomeId),
}

impl Control {
    /// Records what is told, all of it durable when this returns. One that is refused does not
    /// stop the others; each is told what became of it. The same one is recorded once, so that a
    /// request can be sent again.
    ///
    /// # Errors
    /// [`ControlError`] if nothing could be taken at all: too many, none permitted, or the ledger
    /// takes no records (those before may be recorded; send all again).
    pub fn record_outcomes(
        &self,
        ctx: &RequestContext,
        telling: Telling,
        wanted: &[Result<api::RecordOutcome, String>],
    ) -> Result<api::OutcomesRecorded, ControlError> {
        if wanted.is_empty() || wanted.len() > MAX_OUTCOMES {
            self.may_tell_anything(ctx, telling)?;
            let detail = format!("must be 1 to {MAX_OUTCOMES}");
            return Err(ControlError::invalid("outcomes", detail));
        }
        // One request at a time: what stands about a decision does not change between looking
        // and recording.
        let _turn = lock(&self.telling);
        let (mut round, mut recorded) = (Round::default(), api::OutcomesRecorded::default());
        let mut denied = None;
        for (place, one) in wanted.iter().enumerate() {
            let decision = one.as_ref().ok().and_then(|one| one.decision);
            let taken = match one {
                Ok(one) => self.take_outcome(ctx, telling, &mut round, one),
                Err(why) => Err(ControlError::invalid("outcomes", why.as_str())),
            };
            let mut item = api::OutcomeItem {
                place,
                state: api::OutcomeState::Refused,
                decision,
                outcome: None,
                code: None,
                why: None,
            };
            match taken {
                Ok(Taken::Queued(id)) => {
                    recorded.recorded += 1;
                    (item.state, item.outcome) = (api::OutcomeState::Recorded, Some(id));
                }
                Ok(Taken::Known(id)) => {
                    recorded.known += 1;
                    (item.state, item.outcome) = (api::OutcomeState::Known, Some(id));
                }
                Err(error) if error.code().0 >= 500 => return Err(error),
                Err(error) => {
                    recorded.refused += 1;
                    item.code = Some(error.code().1.to_owned());
                    item.why = Some(error.to_string());
                    if matches!(error, ControlError::Denied { .. }) {
                        denied = Some(error);
                    }
                }
            }
            recorded.items.push(item);
            if round.under_way.len() >= UNDER_WAY {
                self.settle_round(&mut round)?;
            }
        }
        self.settle_round(&mut round)?;
        match denied {
            Some(error) if recorded.recorded + recorded.known == 0 => Err(error),
            _ => Ok(recorded),
        }
    }

    /// Records one, or says why not.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn record_outcome(
        &self,
        ctx: &RequestContext,
        telling: Telling,
        wanted: &api::RecordOutcome,
    ) -> Result<api::OutcomesRecorded, ControlError> {
        let _turn = lock(&self.telling);
        let mut round = Round::default();
        let taken = self.take_outcome(ctx, telling, &mut round, wanted)?;
        self.settle_round(&mut round)?;
        let (state, outcome) = match taken {
            Taken::Queued(id) => (api::OutcomeState::Recorded, id),
            Taken::Known(id) => (api::OutcomeState::Known, id),
        };
        let is_new = state == api::OutcomeState::Recorded;
        let item = api::OutcomeItem {
            place: 0,
            state,
            decision: wanted.decision,
            outcome: Some(outcome),
            code: None,
            why: None,
        };
        Ok(api::OutcomesRecorded {
            recorded: is_new.into(),
            known: (!is_new).into(),
            refused: 0,
            items: vec![item],
        })
    }

    /// What was told of a decision, for those who may read its body.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_outcomes(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<api::DecisionOutcomes, ControlError> {
        let entries = self.ledger.get(id.as_bytes()).map_err(ControlError::Unreadable)?;
        let entry = entries.iter().find(|entry| entry.leaf.draft.kind == Kind::Decision);
        let resource = self.decision_resource(ctx, id, entry)?;
        self.may_read(ctx, Action::ReadDecisionBody, &resource)?;
        let entry = entry.ok_or_else(|| ControlError::not_found("decision", id))?;
        let is_kept = !self.is_entry_past_retention(entry)?;
        let mut found = api::DecisionOutcomes { count: 0, outcomes: Vec::new(), withheld: None };
        for entry in entries.iter().filter(|entry| entry.leaf.draft.kind == Kind::Outcome) {
            found.count += 1;
            match self.outcome_body(entry)?.filter(|_| is_kept) {
                Some(body) => found.outcomes.push(self.shown_outcome(entry, body)?),
                None => found.withheld = Some(ERASED.to_owned()),
            }
        }
        let corrected: Vec<OutcomeId> =
            found.outcomes.iter().filter_map(|outcome| outcome.corrects).collect();
        for outcome in &mut found.outcomes {
            outcome.is_current = !corrected.contains(&outcome.id);
        }
        Ok(found)
    }

    /// Finds the decisions of what is told by the caller's own id of a request. What is not found
    /// stays without a decision. Blocks.
    ///
    /// # Errors
    /// [`ControlError`] if the tables cannot be read.
    pub fn correlate(
        &self,
        ctx: &RequestContext,
        lake: &Lake,
        telling: Telling,
        wanted: &mut [Result<api::RecordOutcome, String>],
    ) -> Result<(), ControlError> {
        let mut by_deployment: HashMap<Name, Vec<&mut Result<api::RecordOutcome, String>>> =
            HashMap::new();
        for one in wanted {
            let Ok(said) = &*one else { continue };
            let Some(correlation) = said.correlation.as_deref() else { continue };
            let name = said.deployment.as_deref().and_then(|name| name.parse().ok());
            match name {
                _ if said.decision.is_some() => {
                    *one = Err("name the decision, or the request by `correlation`".into());
                }
                _ if correlation.is_empty() || correlation.len() > MAX_OUTCOME_WORD => {
                    *one = Err(format!("`correlation` must be 1 to {MAX_OUTCOME_WORD} bytes"));
                }
                None => *one = Err("`correlation` comes with its `deployment`".into()),
                Some(name) => by_deployment.entry(name).or_default().push(one),
            }
        }
        for (name, told) in by_deployment {
            let (row, resource) = self.deployment_resource(ctx, &name)?;
            let resource = Resource::Deployment(resource);
            // Who may not tell learns nothing of which ids there are.
            let Some(row) = row.filter(|_| self.allows(ctx, telling.action(), &resource)) else {
                continue;
            };
            let ids = told.iter().filter_map(|one| one.as_ref().ok()?.correlation.as_deref());
            let ids: Vec<&str> = ids.collect();
            let table = table_of(&row);
            let found = lake.correlated(&table, ctx.tenant(), &ids).map_err(unread)?;
            for one in told.into_iter().filter_map(|one| one.as_mut().ok()) {
                let id = one.correlation.as_deref().and_then(|id| found.get(id));
                one.decision = id.copied();
            }
        }
        Ok(())
    }

    /// Refuses who could tell nothing of any deployment.
    pub(crate) fn may_tell_anything(
        &self,
        ctx: &RequestContext,
        telling: Telling,
    ) -> Result<(), ControlError> {
        let scoped = ctx.principal.scopes.as_ref().and_then(|scopes| scopes.first().cloned());
        let name = scoped.map_or_else(|| Name::new("unknown"), Ok);
        let name = name.map_err(|_| ControlError::Internal("not a name"))?;
        let unknown = Deployment {
            name,
            environment: ctx.environment(),
            owner: "".into(),
            tier: api::Tier::Unassessed.as_str().into(),
            tenant: ctx.tenant(),
        };
        self.permit(ctx, telling.action(), &Resource::Deployment(unknown)).map(drop)
    }

    fn take_outcome(
        &self,
        ctx: &RequestContext,
        telling: Telling,
        round: &mut Round,
        wanted: &api::RecordOutcome,
    ) -> Result<Taken, ControlError> {
        let Some(decision) = wanted.decision else {
            self.may_tell_anything(ctx, telling)?;
            let detail = match &wanted.correlation {
                Some(_) => "no decision of this deployment has this `correlation`",
                None => "name the decision that it is about",
            };
            return Err(ControlError::invalid("decision", detail));
        };
        let case = self.told_of(ctx, telling, round, decision)?;
        let body = self.outcome_of(ctx, telling, &case, wanted)?;
        let said = round.told.entry(decision).or_default();
        if let Some(known) = settled(said, &body)? {
            return Ok(Taken::Known(known));
        }
        if said.len() >= MAX_PER_DECISION {
            let detail = format!("a decision has at most {MAX_PER_DECISION} outcomes");
            return Err(ControlError::conflict(detail));
        }
        let durable = self.append_outcome(telling, &case, &body)?;
        round.under_way.push(durable);
        // A second source tells nothing new of how often a version is wrong.
        let is_first = !said.iter().any(|old| old.row == body.row && old.name == body.name);
        if telling == Telling::Outcomes && is_first {
            round.judged.extend(self.told_rollout(&case.entry.leaf.draft, &case.body, &body));
        }
        let id = body.id;
        said.push(body);
        Ok(Taken::Queued(id))
    }

    /// Waits until all is durable, and lets guardrails see it then.
    fn settle_round(&self, round: &mut Round) -> Result<(), ControlError> {
        for durable in round.under_way.drain(..) {
            durable.wait().map_err(ControlError::Ledger)?;
        }
        let now = self.clock.monotonic();
        round.judged.drain(..).for_each(|judged| judged.see(now));
        Ok(())
    }

    /// The decision, if the caller may tell of it, with what was told before.
    fn told_of(
        &self,
        ctx: &RequestContext,
        telling: Telling,
        round: &mut Round,
        decision: DecisionId,
    ) -> Result<Arc<Case>, ControlError> {
        if let Some((last, case)) = &round.last
            && *last == decision
        {
            return Ok(Arc::clone(case));
        }
        let entries = self.ledger.get(decision.as_bytes()).map_err(ControlError::Unreadable)?;
        let entry = entries.iter().find(|entry| entry.leaf.draft.kind == Kind::Decision);
        let row = match entry.and_then(|entry| entry.leaf.draft.deployment) {
            Some(deployment) => self.told_deployment(round, deployment)?,
            None => None,
        };
        let Some((entry, row)) = entry.zip(row) else {
            self.may_tell_anything(ctx, telling)?;
            return Err(ControlError::not_found("decision", decision));
        };
        let resource = Resource::Deployment(resource_of(&row)?);
        match round.allowed.get(&row.id) {
            Some(true) => {}
            Some(false) => {
                let action = telling.action();
                let resource = format!("deployment/{}", row.name).into();
                return Err(ControlError::Denied { action, resource });
            }
            None => {
                let permit = self.permit(ctx, telling.action(), &resource).map(drop);
                round.allowed.insert(row.id, permit.is_ok());
                permit?;
            }
        }
        let draft = &entry.leaf.draft;
        if !matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held)) {
            let detail = "no model answered this decision, so nothing can be true or wrong of it";
            return Err(ControlError::conflict(detail));
        }
        let body = self.body_of(&row, entry)?.ok_or_else(gone)?;
        if let std::collections::hash_map::Entry::Vacant(new) = round.told.entry(decision) {
            let mut said = Vec::new();
            for entry in entries.iter().filter(|e| e.leaf.draft.kind == telling.kind()) {
                said.extend(self.outcome_body(entry)?);
            }
            new.insert(said);
        }
        let contract = match draft.contract {
            Some(digest) => Some(self.told_contract(round, digest)?),
            None => None,
        };
        let case = Arc::new(Case { body, deployment: row, contract, entry: entry.clone() });
        round.last = Some((decision, Arc::clone(&case)));
        Ok(case)
    }

    fn told_deployment(
        &self,
        round: &mut Round,
        id: DeploymentId,
    ) -> Result<Option<Arc<DeploymentRow>>, ControlError> {
        if let Some(known) = round.deployments.get(&id) {
            return Ok(known.clone());
        }
        let row = self.store.read(|r| r.deployment(id))?.map(Arc::new);
        round.deployments.insert(id, row.clone());
        Ok(row)
    }

    fn told_contract(
        &self,
        round: &mut Round,
        digest: Digest,
    ) -> Result<Arc<CompiledContract>, ControlError> {
        if let Some(known) = round.contracts.get(&digest) {
            return Ok(Arc::clone(known));
        }
        let contract = self.compiled(digest)?;
        round.contracts.insert(digest, Arc::clone(&contract));
        Ok(contract)
    }

    /// What a decision of this deployment says, if its keys are there and its retention has not
    /// ended.
    fn body_of(
        &self,
        row: &DeploymentRow,
        entry: &Entry,
    ) -> Result<Option<DecisionBody>, ControlError> {
        let is_past = self.is_past_retention(row, entry.leaf.draft.time)?;
        if is_past { Ok(None) } else { self.decoded_body(entry) }
    }

    /// What is told, as it is recorded.
    fn outcome_of(
        &self,
        ctx: &RequestContext,
        telling: Telling,
        case: &Case,
        wanted: &api::RecordOutcome,
    ) -> Result<OutcomeBody, ControlError> {
        let row = wanted.row.unwrap_or(0);
        let rows = case.body.rows.len().max(1);
        if usize::try_from(row).map_or(true, |row| row >= rows) {
            let detail = format!("the decision has {rows} rows, counted from 0");
            return Err(ControlError::invalid("row", detail));
        }
        if telling == Telling::Attributes && wanted.name.is_none() {
            return Err(ControlError::invalid("name", "names the attribute"));
        }
        if wanted.corrects.is_some() != wanted.reason.is_some() {
            let detail = "comes with `corrects`, and `corrects` comes with a reason";
            return Err(ControlError::invalid("reason", detail));
        }
        let source = match &wanted.source {
            Some(source) => word("source", source, MAX_OUTCOME_WORD)?,
            None => ctx.id.to_string().into(),
        };
        let optional = |field, text: &Option<String>, most| {
            text.as_deref().map(|text| word(field, text, most)).transpose()
        };
        Ok(OutcomeBody {
            id: OutcomeId::new(self.clock.now()),
            row,
            name: word("name", wanted.name.as_deref().unwrap_or(UNNAMED), MAX_OUTCOME_WORD)?,
            value: value(wanted)?,
            observed_at: wanted.observed_at.map(|time| time.0),
            source,
            annotator: optional("annotator", &wanted.annotator, MAX_OUTCOME_WORD)?,
            principal: ctx.id,
            key: ctx.key,
            caller_id: optional("id", &wanted.id, MAX_OUTCOME_WORD)?,
            corrects: wanted.corrects,
            reason: optional("reason", &wanted.reason, MAX_OUTCOME_REASON)?,
        })
    }

    /// Seals it for those that the row is about, and queues it.
    fn append_outcome(
        &self,
        telling: Telling,
        case: &Case,
        body: &OutcomeBody,
    ) -> Result<Durable, ControlError> {
        let of = &case.entry.leaf.draft;
        let subjects = case.subjects(usize::try_from(body.row).unwrap_or(usize::MAX));
        let holders: Vec<Holder<'_>> = if subjects.is_empty() {
            vec![Holder::Day { deployment: case.deployment.id, time: of.time }]
        } else {
            let tenant = of.tenant;
            subjects.iter().map(|subject| Holder::Subject { tenant, subject }).collect()
        };
        let before = self.keys_of(case, &subjects)?;
        while self.ledger.queued() > BUSY {
            std::thread::sleep(PAUSE);
        }
        let sealed = self.ledger.seal(&holders, &body.encode()).map_err(ControlError::Ledger)?;
        // Erased before that, the key would be a new one, which nobody asked to destroy; erased
        // after it, it is destroyed.
        if self.keys_of(case, &subjects)? != before
            || self.body_of(&case.deployment, &case.entry)?.is_none()
        {
            return Err(gone());
        }
        let draft = LeafDraft {
            deployment: Some(case.deployment.id),
            model: of.model,
            contract: of.contract,
            policy: Some(self.policy_digest),
            ..LeafDraft::new(
                telling.kind(),
                of.id,
                of.tenant,
                self.clock.now(),
                self.clock.monotonic(),
            )
        };
        self.ledger.append(draft, sealed, None).map_err(ControlError::Ledger)
    }

    /// The keys of the people that a row is about; each must be there, or somebody was erased.
    fn keys_of(&self, case: &Case, subjects: &[String]) -> Result<Vec<KeyId>, ControlError> {
        let tenant = case.entry.leaf.draft.tenant;
        let key = |subject: &String| {
            let found = self.ledger.keys().find_subject(tenant, subject);
            found.map_err(ControlError::Keys)?.ok_or_else(gone)
        };
        subjects.iter().map(key).collect()
    }

    /// What a record of an outcome says; `None` if its keys were erased.
    pub(crate) fn outcome_body(&self, entry: &Entry) -> Result<Option<OutcomeBody>, ControlError> {
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => return Ok(None),
            other => other.map_err(ControlError::Unreadable)?,
        };
        OutcomeBody::decode(&bytes).map(Some).map_err(|e| ControlError::Unreadable(e.into()))
    }

    fn shown_outcome(
        &self,
        entry: &Entry,
        body: OutcomeBody,
    ) -> Result<api::Outcome, ControlError> {
        let (value, relevance) = match body.value {
            OutcomeValue::Label(label) => (Some(api::OutcomeValue::Label(label.into())), None),
            OutcomeValue::Number(number) => (Some(api::OutcomeValue::Number(number)), None),
            OutcomeValue::Relevance(relevance) => (None, Some(relevance)),
        };
        Ok(api::Outcome {
            id: body.id,
            index: entry.index,
            recorded_at: entry.leaf.draft.time.into(),
            is_current: true,
            row: body.row,
            name: body.name.into(),
            value,
            relevance,
            observed_at: body.observed_at.map(Into::into),
            source: body.source.into(),
            annotator: body.annotator.map(Into::into),
            principal: body.principal,
            principal_name: self.display_name(body.principal)?,
            key: body.key,
            source_id: body.caller_id.map(Into::into),
            corrects: body.corrects,
            reason: body.reason.map(Into::into),
        })
    }
}

impl Case {
    /// Who a row is about: those that it names, or, if it names nobody, all that the decision
    /// names.
    fn subjects(&self, row: usize) -> Vec<String> {
        let Some(contract) = &self.contract else { return Vec::new() };
        let (rows, mapped) = (&self.body.rows, &self.body.mapped);
        let mut own: Vec<String> = Vec::new();
        let fields = contract.mapping().subjects.iter();
        let fields = fields.filter(|source| matches!(source.source, Source::Field(_)));
        let fields = fields.filter_map(|source| contract.mapped_text(rows, row, source));
        let headers = mapped.iter().filter(|(role, _)| &**role == "subject");
        for subject in
            fields.map(|text| text.into_owned()).chain(headers.map(|(_, t)| t.to_string()))
        {
            if !own.contains(&subject) {
                own.push(subject);
            }
        }
        if own.is_empty() { contract.subjects(rows, mapped) } else { own }
    }
}

/// What stands already: the outcome that says the same, if there is one.
fn settled(said: &[OutcomeBody], new: &OutcomeBody) -> Result<Option<OutcomeId>, ControlError> {
    let is_about = |old: &&OutcomeBody| old.row == new.row && old.name == new.name;
    let is_corrected = |old: &OutcomeBody| said.iter().any(|later| later.corrects == Some(old.id));
    let by_id = said.iter().find(|old| {
        old.caller_id.is_some() && old.caller_id == new.caller_id && old.source == new.source
    });
    if let Some(old) = by_id {
        if old.says_the_same(new) {
            return Ok(Some(old.id));
        }
        return Err(ControlError::conflict(
            "this source told something else under the same id; correct it under a new one",
        ));
    }
    if let Some(old) = said.iter().find(|old| old.says_the_same(new)) {
        return Ok(Some(old.id));
    }
    let Some(corrects) = new.corrects else {
        let mut standing = said.iter().filter(is_about).filter(|old| !is_corrected(old));
        return match standing.find(|old| old.is_from_where(new)) {
            Some(old) => Err(ControlError::conflict(format!(
                "this source told another outcome before; correct it with `corrects: {}`",
                old.id
            ))),
            None => Ok(None),
        };
    };
    match said.iter().filter(is_about).find(|old| old.id == corrects) {
        None => Err(ControlError::invalid(
            "corrects",
            "names no outcome of this row and name; `GET /api/v1/decisions/{id}/outcomes` lists them",
        )),
        Some(old) if is_corrected(old) => {
            Err(ControlError::conflict("it was corrected already; correct the latest one"))
        }
        Some(_) => Ok(None),
    }
}

fn gone() -> ControlError {
    ControlError::conflict("the decision's keys were erased, or its retention has ended")
}

fn word(field: &'static str, text: &str, most: usize) -> Result<Box<str>, ControlError> {
    if text.trim().is_empty() || text.len() > most {
        return Err(ControlError::invalid(field, format!("must be 1 to {most} bytes of text")));
    }
    Ok(text.into())
}

fn value(wanted: &api::RecordOutcome) -> Result<OutcomeValue, ControlError> {
    let number = |field, number: f64, least: f64| {
        if number.is_finite() && number >= least {
            return Ok(number);
        }
        Err(ControlError::invalid(field, "must be a number that is finite and not too small"))
    };
    match (&wanted.value, wanted.relevance) {
        (Some(api::OutcomeValue::Boolean(truth)), None) => {
            Ok(OutcomeValue::Label(if *truth { "true" } else { "false" }.into()))
        }
        (Some(api::OutcomeValue::Number(value)), None) => {
            number("value", *value, f64::NEG_INFINITY).map(OutcomeValue::Number)
        }
        (Some(api::OutcomeValue::Label(label)), None) => {
            word("value", label, MAX_OUTCOME_LABEL).map(OutcomeValue::Label)
        }
        (None, Some(relevance)) => number("relevance", relevance, 0.0).map(OutcomeValue::Relevance),
        _ => Err(ControlError::invalid("value", "is told, or `relevance`, and not both")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::PrincipalId;

    fn said(id: u8, value: f64) -> OutcomeBody {
        OutcomeBody {
            id: OutcomeId::from_bytes([id; 16]),
            row: 0,
            name: UNNAMED.into(),
            value: OutcomeValue::Number(value),
            observed_at: None,
            source: "bank".into(),
            annotator: None,
            principal: PrincipalId::from_bytes([1; 16]),
            key: None,
            caller_id: None,
            corrects: None,
            reason: None,
        }
    }

    #[test]
    fn the_same_is_known_another_needs_to_correct() {
        let first = [said(1, 0.0)];
        assert_eq!(settled(&first, &said(2, 0.0)).expect("taken"), Some(first[0].id));
        assert!(settled(&first, &said(2, 1.0)).is_err(), "another value from the same source");
        let elsewhere = OutcomeBody { source: "agency".into(), ..said(2, 1.0) };
        assert_eq!(settled(&first, &elsewhere).expect("taken"), None, "a second source may differ");
        let other = OutcomeBody { name: "after 90 days".into(), ..said(2, 1.0) };
        assert_eq!(settled(&first, &other).expect("taken"), None, "partial outcomes stand alone");
        let fixed = OutcomeBody { corrects: Some(first[0].id), ..said(2, 1.0) };
        assert_eq!(settled(&first, &fixed).expect("taken"), None);
        let both = [first[0].clone(), fixed.clone()];
        assert_eq!(
            settled(&both, &OutcomeBody { id: said(3, 0.0).id, ..fixed.clone() }).expect("taken"),
            Some(fixed.id)
        );
        let again = OutcomeBody { corrects: Some(first[0].id), ..said(3, 2.0) };
        assert!(settled(&both, &again).is_err(), "only the latest is corrected");
        let stray = OutcomeBody { corrects: Some(said(9, 0.0).id), ..said(3, 2.0) };
        assert!(settled(&both, &stray).is_err());
        assert!(settled(&both, &said(4, 5.0)).is_err(), "the correction stands now");
    }

    #[test]
    fn an_id_of_the_source_stands_for_one_outcome() {
        let with = |id: u8, value| OutcomeBody { caller_id: Some("x".into()), ..said(id, value) };
        let first = [with(1, 0.0)];
        assert_eq!(settled(&first, &with(2, 0.0)).expect("taken"), Some(first[0].id));
        assert!(settled(&first, &with(2, 1.0)).is_err());
    }
}
