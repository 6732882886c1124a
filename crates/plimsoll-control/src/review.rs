//! People's last word: reviews and contests of decisions, and the answers that waited.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::Known;
use crate::error::ControlError;
use crate::page::limit;
use crate::sink_feed::oip_response;
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_ledger::{Entry, Holder, LedgerError};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::{ReviewRow, ReviewTotals};
use plimsoll_types::record::{
    DecisionBody, Kind, LeafDraft, ResultClass, ReviewBody, ReviewedOutput, Verdict,
};
use plimsoll_types::{DecisionId, DeploymentId, EventId, Time};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// The longest reason, in bytes: a page.
const MAX_REASON: usize = 4_096;

/// A decision that somebody says something about.
struct Case {
    entry: Entry,
    body: DecisionBody,
    deployment: DeploymentId,
}

/// What is recorded.
struct Saying {
    verdict: Verdict,
    reason: String,
    outputs: Option<Vec<f64>>,
}

impl Control {
    /// Accepts or overrides a decision. Who asked for it may not.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn review_decision(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        wanted: &api::ReviewDecision,
    ) -> Result<api::ReviewHistory, ControlError> {
        let case = self.case(ctx, id, Action::ReviewDecision)?;
        if wanted.verdict == Verdict::Contested {
            return Err(ControlError::invalid("verdict", "must be `accepted` or `overridden`"));
        }
        let reason = wanted.reason.clone().unwrap_or_default();
        let is_override = wanted.verdict == Verdict::Overridden;
        check_reason(&reason, is_override)?;
        match (&wanted.outputs, is_override) {
            (None, true) => {
                return Err(ControlError::invalid("outputs", "are what takes the model's place"));
            }
            (Some(_), false) => {
                return Err(ControlError::invalid("outputs", "come with an override only"));
            }
            _ => {}
        }
        let saying = Saying { verdict: wanted.verdict, reason, outputs: wanted.outputs.clone() };
        self.say(ctx, &case, saying, |row| {
            let state = row.map(|row| row.state.as_str());
            match state {
                None | Some("waiting") => Ok(()),
                Some(_) => Err(ControlError::conflict(
                    "the decision was reviewed already; it is looked at again if it is contested",
                )),
            }
        })?;
        self.history(ctx, id)
    }

    /// Records that the subject of a decision, or somebody for them, contests it, and puts it
    /// into the queue.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn contest_decision(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        wanted: &api::ContestDecision,
    ) -> Result<api::ReviewCase, ControlError> {
        let case = self.case(ctx, id, Action::ContestDecision)?;
        check_reason(&wanted.reason, true)?;
        let reason = wanted.reason.clone();
        let saying = Saying { verdict: Verdict::Contested, reason, outputs: None };
        self.say(ctx, &case, saying, |_| Ok(()))?;
        let row = self.store.read(|r| r.review(id))?;
        let row = row.ok_or(ControlError::Internal("a contest is not in the queue"))?;
        self.shown_case(&row, &case.entry)
    }

    /// The answer of a decision to who asked for it: the model's, or what a person put in its
    /// place. `None` while it waits for one.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_answer(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<(Value, bool), ControlError> {
        let entry = self.decision_entry(id)?;
        let (resource, body) = self.asked(ctx, id, entry.as_ref())?;
        self.may_read(ctx, Action::ReadAnswer, &resource)?;
        let missing = || ControlError::not_found("decision", id);
        let (entry, mut body) = entry.zip(body).ok_or_else(missing)?;
        let result = entry.leaf.draft.result;
        if !matches!(result, Some(ResultClass::Answered | ResultClass::Held)) {
            return Err(ControlError::conflict("the decision has no answer: no model gave one"));
        }
        self.catch_up()?;
        let row = self.store.read(|r| r.review(id))?;
        let state = row.as_ref().map_or("none", |row| row.state.as_str());
        // A contest asks for another look; what a person said before stands until then.
        let was_reviewed = row.as_ref().is_some_and(|row| row.reviewed_at.is_some());
        let is_pending = result == Some(ResultClass::Held) && !was_reviewed;
        if is_pending {
            body.outputs.clear();
        } else if let Some(after) = self.standing(row.as_ref())? {
            body.outputs = after;
        }
        let mut answer = oip_response(id, &body, self.answered_in_double(&entry, &body));
        let word = if is_pending { "pending" } else { state };
        answer["parameters"]["review"] = json!(word);
        Ok((answer, is_pending))
    }

    /// Decisions that wait for a person, or were reviewed, oldest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_reviews(
        &self,
        ctx: &RequestContext,
        filter: &api::ReviewFilter,
    ) -> Result<api::Page<api::ReviewCase>, ControlError> {
        self.may_read(ctx, Action::ListReviews, &self.server())?;
        self.catch_up()?;
        let limit = limit(filter.limit)?;
        let state = filter.state.unwrap_or(api::ReviewState::Waiting);
        let rows = self.store.read(|r| r.reviews(state.as_str(), filter.cursor, limit))?;
        let full = rows.len() >= usize::try_from(limit).unwrap_or(usize::MAX);
        let next_cursor = rows.last().filter(|_| full).map(|row| row.decision.to_string());
        let mut known = Known::default();
        let mut items = Vec::new();
        for row in rows {
            if self.visible(ctx, &mut known, row.deployment)?.is_none() {
                continue;
            }
            let Some(entry) = self.decision_entry(row.decision)? else { continue };
            items.push(self.shown_case(&row, &entry)?);
        }
        Ok(api::Page { items, next_cursor })
    }

    /// A case with everything said about it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_review(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<api::ReviewHistory, ControlError> {
        let entry = self.decision_entry(id)?;
        let resource = self.decision_resource(ctx, id, entry.as_ref())?;
        self.may_read(ctx, Action::ReadDecision, &resource)?;
        self.catch_up()?;
        self.history(ctx, id)
    }

    /// How much people looked at, and what it changed.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn summarize_reviews(
        &self,
        ctx: &RequestContext,
        window: &api::ReviewWindow,
    ) -> Result<api::ReviewSummary, ControlError> {
        self.may_read(ctx, Action::ListReviews, &self.server())?;
        self.catch_up()?;
        let now = self.clock.now();
        let since = window.since.map_or(Time::EPOCH, |time| time.0);
        let until = window.until.map_or(now, |time| time.0);
        let mut known = Known::default();
        let mut deployments = Vec::new();
        for row in self.store.read(|r| r.live_deployments())? {
            let wanted = window.deployment.as_ref().is_none_or(|name| name == row.name.as_str());
            if !wanted || self.visible(ctx, &mut known, row.id)?.is_none() {
                continue;
            }
            let totals = self.store.read(|r| r.review_totals(row.id, since, until))?;
            deployments.push(shown_totals(row.name.to_string(), &totals, now));
        }
        Ok(api::ReviewSummary { deployments })
    }

    /// The decision with who asked for it, if the caller may do `action` to it.
    fn case(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        action: Action,
    ) -> Result<Case, ControlError> {
        let entry = self.decision_entry(id)?;
        let (resource, body) = self.asked(ctx, id, entry.as_ref())?;
        drop(self.permit(ctx, action, &resource)?);
        let entry = entry.ok_or_else(|| ControlError::not_found("decision", id))?;
        let draft = &entry.leaf.draft;
        if !matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held)) {
            let detail = "there is nothing to look at: no model answered this decision";
            return Err(ControlError::conflict(detail));
        }
        let deployment = draft.deployment;
        let deployment = deployment.ok_or(ControlError::Internal("a decision of no deployment"))?;
        Ok(Case { body: body.ok_or_else(gone)?, deployment, entry })
    }

    /// What policy is asked about a decision, with who asked for it, and its body.
    fn asked(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        entry: Option<&Entry>,
    ) -> Result<(Resource, Option<DecisionBody>), ControlError> {
        let mut resource = self.decision_resource(ctx, id, entry)?;
        let body = match entry {
            Some(entry) => self.kept_body(entry)?,
            None => None,
        };
        if let (Resource::Decision { asker, .. }, Some(body)) = (&mut resource, &body) {
            *asker = Some(body.principal.to_string().into());
        }
        Ok((resource, body))
    }

    /// Records what somebody says, if the case as it stands lets them. One at a time, so that
    /// two people cannot both have the last word.
    fn say(
        &self,
        ctx: &RequestContext,
        case: &Case,
        saying: Saying,
        lets: impl FnOnce(Option<&ReviewRow>) -> Result<(), ControlError>,
    ) -> Result<(), ControlError> {
        let _turn = lock(&self.reviewing);
        self.catch_up_in_turn()?;
        let id = DecisionId::from_bytes(case.entry.leaf.draft.id);
        let row = self.store.read(|r| r.review(id))?;
        lets(row.as_ref())?;
        let before = self.standing(row.as_ref())?.unwrap_or_else(|| case.body.outputs.clone());
        let after = saying.outputs.map(|values| replaced(&before, &values)).transpose()?;
        let body = ReviewBody {
            verdict: saying.verdict,
            decision: id,
            principal: ctx.id,
            reason: saying.reason.into(),
            before,
            after,
        };
        let subjects = self.subjects(case)?;
        let time = case.entry.leaf.draft.time;
        let holders: Vec<Holder<'_>> = if subjects.is_empty() {
            vec![Holder::Day { deployment: case.deployment, time }]
        } else {
            let tenant = case.entry.leaf.draft.tenant;
            subjects.iter().map(|subject| Holder::Subject { tenant, subject }).collect()
        };
        // The same people hold the key as to the decision, so that erasing one erases both.
        let sealed = self.ledger.seal(&holders, &body.encode()).map_err(ControlError::Ledger)?;
        // Erased before that, the key would be a new one, which nobody asked to destroy; erased
        // after it, it is destroyed.
        self.kept_body(&case.entry)?.ok_or_else(gone)?;
        let now = self.clock.now();
        let mut draft = LeafDraft::new(
            Kind::Review,
            *EventId::new(now).as_bytes(),
            case.entry.leaf.draft.tenant,
            now,
            self.clock.monotonic(),
        );
        draft.deployment = Some(case.deployment);
        draft.policy = Some(self.policy_digest);
        draft.extension.review = Some(*id.as_bytes());
        self.review_due.store(true, Ordering::SeqCst);
        self.ledger.append_blocking(draft, sealed, None).map_err(ControlError::Ledger)?;
        self.catch_up_in_turn()
    }

    /// Who a decision is about, as the gateway read it from the request.
    fn subjects(&self, case: &Case) -> Result<Vec<String>, ControlError> {
        let Some(digest) = case.entry.leaf.draft.contract else { return Ok(Vec::new()) };
        Ok(self.compiled(digest)?.subjects(&case.body.rows, &case.body.mapped))
    }

    /// The outcome that a person put in the model's place, if one did.
    fn standing(
        &self,
        row: Option<&ReviewRow>,
    ) -> Result<Option<Vec<ReviewedOutput>>, ControlError> {
        let Some(row) = row else { return Ok(None) };
        let said = self.said(row)?;
        Ok(said.into_iter().rev().find_map(|(_, body)| body.after))
    }

    /// Everything said about a decision, oldest first, as far as it can be opened.
    fn said(&self, row: &ReviewRow) -> Result<Vec<(Entry, ReviewBody)>, ControlError> {
        let mut said = Vec::new();
        for index in self.store.read(|r| r.review_records(row.decision))? {
            let entry = self.ledger.entry(index).map_err(ControlError::Unreadable)?;
            let Some(entry) = entry else { continue };
            if let Some(body) = self.review_body(&entry)? {
                said.push((entry, body));
            }
        }
        Ok(said)
    }

    /// What a review says; `None` if its keys were erased.
    pub(crate) fn review_body(&self, entry: &Entry) -> Result<Option<ReviewBody>, ControlError> {
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => return Ok(None),
            other => other.map_err(ControlError::Unreadable)?,
        };
        ReviewBody::decode(&bytes).map(Some).map_err(|e| ControlError::Unreadable(e.into()))
    }

    fn history(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<api::ReviewHistory, ControlError> {
        let missing = || ControlError::not_found("review of decision", id);
        let row = self.store.read(|r| r.review(id))?.ok_or_else(missing)?;
        let entry = self.decision_entry(id)?.ok_or_else(missing)?;
        let resource = self.decision_resource(ctx, id, Some(&entry))?;
        let is_kept = self.kept_body(&entry)?.is_some();
        let said = if is_kept && self.allows(ctx, Action::ReadDecisionBody, &resource) {
            let said = self.said(&row)?.into_iter().map(|one| self.shown_saying(one));
            Some(said.collect::<Result<_, _>>()?)
        } else {
            None
        };
        Ok(api::ReviewHistory { case: self.shown_case(&row, &entry)?, said })
    }

    fn shown_saying(
        &self,
        (entry, body): (Entry, ReviewBody),
    ) -> Result<api::ReviewRecord, ControlError> {
        let flat = |outputs: Vec<ReviewedOutput>| {
            outputs.into_iter().flat_map(|(_, _, values)| values).collect()
        };
        Ok(api::ReviewRecord {
            id: EventId::from_bytes(entry.leaf.draft.id),
            index: entry.index,
            time: entry.leaf.draft.time.into(),
            verdict: body.verdict,
            principal: body.principal,
            principal_name: self.display_name(body.principal)?,
            reason: body.reason.into(),
            before: flat(body.before),
            after: body.after.map(flat),
        })
    }

    fn shown_case(&self, row: &ReviewRow, entry: &Entry) -> Result<api::ReviewCase, ControlError> {
        let deployment = self.store.read(|r| r.deployment(row.deployment))?;
        let deployment =
            deployment.ok_or(ControlError::Internal("a decision's deployment is gone"))?;
        let reviewer_name = row.reviewer.map(|id| self.display_name(id)).transpose()?.flatten();
        let draft = &entry.leaf.draft;
        let version = self.version_of(&deployment, draft)?;
        Ok(api::ReviewCase {
            decision: api::DecisionSummary {
                id: row.decision,
                index: entry.index,
                time: draft.time.into(),
                deployment: deployment.name.to_string(),
                version: version.map(|(_, version)| version.number),
                route: draft.route,
                result: draft.result.unwrap_or(ResultClass::Failed),
                refused_in: draft.refused_in,
                origin: draft.extension.origin,
            },
            why: stored(&row.why, "reason of a review")?,
            state: stored(&row.state, "state of a review")?,
            contested_at: row.contested_at.map(Into::into),
            reviewed_at: row.reviewed_at.map(Into::into),
            reviewer_name,
        })
    }
}

fn gone() -> ControlError {
    ControlError::conflict("the decision's keys were erased, or its retention has ended")
}

fn check_reason(reason: &str, is_needed: bool) -> Result<(), ControlError> {
    let blank = reason.trim().is_empty();
    if (is_needed && blank) || reason.len() > MAX_REASON {
        return Err(ControlError::invalid("reason", "must be 1 to 4096 bytes of text"));
    }
    Ok(())
}

/// The same outputs with other numbers.
fn replaced(
    before: &[ReviewedOutput],
    values: &[f64],
) -> Result<Vec<ReviewedOutput>, ControlError> {
    let wanted: usize = before.iter().map(|(_, _, values)| values.len()).sum();
    if values.len() != wanted || !values.iter().all(|value| value.is_finite()) {
        let detail = format!("must be {wanted} finite numbers, as many as the model gave");
        return Err(ControlError::invalid("outputs", detail));
    }
    let mut rest = values;
    let mut take = |count: usize| {
        let (taken, left) = rest.split_at(count.min(rest.len()));
        rest = left;
        taken.to_vec()
    };
    let same = |(name, width, values): &ReviewedOutput| (name.clone(), *width, take(values.len()));
    Ok(before.iter().map(same).collect())
}

fn shown_totals(deployment: String, totals: &ReviewTotals, now: Time) -> api::DeploymentReviews {
    let reviewed = totals.accepted.saturating_add(totals.overridden);
    let seconds = |micros: u64| std::time::Duration::from_micros(micros).as_secs_f64();
    api::DeploymentReviews {
        deployment,
        decisions: totals.decisions,
        asked: totals.asked,
        reviewed,
        waiting: totals.waiting,
        accepted: totals.accepted,
        overridden: totals.overridden,
        contested: totals.contested,
        reviewed_share: totals.decisions.and_then(|all| share(reviewed, all)),
        override_rate: share(totals.overridden, reviewed),
        median_seconds: totals.times.get(totals.times.len() / 2).copied().map(seconds),
        max_seconds: totals.times.last().copied().map(seconds),
        oldest_waiting_seconds: totals.oldest_waiting.map(|made| now.since(made).as_secs_f64()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share; counts are far below 2^53")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
