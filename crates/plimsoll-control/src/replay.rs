//! Decisions computed again from their records: one, on the version that answered it; a
//! window, on another version.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_contract::{Binding, CompiledContract};
use plimsoll_ledger::Entry;
use plimsoll_model::Model;
use plimsoll_policy::{Action, Resource};
use plimsoll_serving::{Difference, Rule, compare, distance, fit, recompute, same_bits};
use plimsoll_store::{DeploymentRow, FileRow, VersionRow};
use plimsoll_types::record::{DecisionBody, Kind, LeafDraft, ResultClass, Route};
use plimsoll_types::{DecisionId, Digest, Name, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Records looked at for one part of a window: a part takes about a second.
const MAX_SCAN: u64 = 20_000;
/// Decisions computed again in one part.
const MAX_DECISIONS: u64 = 5_000;
/// Rows that an answer names as those that moved most.
const MAX_MOVED: usize = 20;
/// Contracts of one window that are compiled at a time; more are compiled again.
const MAX_BINDINGS: usize = 8;
/// A request is recorded when it ends, with the time it was accepted; none runs for longer.
const DISORDER: Duration = Duration::from_secs(120);

impl Control {
    /// Computes a decision again from its record, with the artifact that answered it, whose
    /// digest is checked. Needs the right to read its body.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn replay_decision(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<api::Replay, ControlError> {
        let entry = self.decision_entry(id)?;
        let resource = self.decision_resource(ctx, id, entry.as_ref())?;
        self.may_read(ctx, Action::ReadDecisionBody, &resource)?;
        let missing = || ControlError::not_found("decision", id);
        let entry = entry.ok_or_else(missing)?;
        let draft = &entry.leaf.draft;
        let row = match draft.deployment {
            Some(deployment) => self.store.read(|r| r.deployment(deployment))?,
            None => None,
        };
        let row = row.ok_or_else(missing)?;
        let mut replay = api::Replay {
            decision: id,
            result: api::ReplayResult::NotAnswered,
            model: draft.model,
            artifact: None,
            values: 0,
            differing: 0,
            differences: Vec::new(),
        };
        if draft.extension.origin.is_some() {
            let why =
                "the decision was made elsewhere: there is no version here to compute it with";
            return Err(ControlError::conflict(why));
        }
        if !is_answered(draft) {
            return Ok(replay);
        }
        let erased = || {
            ControlError::conflict("the decision's keys were erased, or its retention has ended")
        };
        let body = self.kept_body(&entry)?.ok_or_else(erased)?;
        let version = self.version_of(&row, draft)?;
        let (_, version) = version.ok_or_else(|| {
            ControlError::conflict("the version that answered is not in the registry")
        })?;
        let candidate = self.candidate(&version)?;
        replay.artifact = Some(candidate.artifact);
        let computed = self.compute(&candidate, draft, &body)?;
        let Some((before, width)) = recorded(&body) else { return Ok(replay) };
        let found = compare(before, &computed, width);
        replay.result = if found.differing == 0 {
            api::ReplayResult::BitEqual
        } else {
            api::ReplayResult::Different
        };
        (replay.values, replay.differing) = (found.values, found.differing);
        replay.differences = found.differences.into_iter().map(shown).collect();
        Ok(replay)
    }

    fn compute(
        &self,
        candidate: &Candidate,
        draft: &LeafDraft,
        body: &DecisionBody,
    ) -> Result<Vec<f64>, ControlError> {
        let digest = draft.contract.ok_or(ControlError::Internal("a decision has no contract"))?;
        let contract = self.compiled(digest)?;
        let binding = fit(&contract, &candidate.model);
        let binding = binding.map_err(|reason| {
            ControlError::conflict(format!("the version does not fit the contract: {reason}"))
        })?;
        recompute(&candidate.model, &binding, &body.rows)
            .ok_or(ControlError::Internal("the model does not take the recorded rows"))
    }

    pub(crate) fn compiled(&self, digest: Digest) -> Result<Arc<CompiledContract>, ControlError> {
        let row = self.store.read(|r| r.contract(digest))?;
        let row = row.ok_or_else(|| ControlError::not_found("contract", digest))?;
        let broken = |_| ControlError::Internal("a stored contract does not compile");
        self.compiler.contract(&row, None).map_err(broken)
    }

    /// A version, loaded from its artifact. The bytes are checked against the digest in its
    /// manifest, and the manifest against its own.
    fn candidate(&self, version: &VersionRow) -> Result<Candidate, ControlError> {
        let files = self.store.read(|r| r.files(version.model, version.number))?;
        if crate::artifact::sha256(version.manifest.as_bytes()) != version.digest {
            return Err(ControlError::Internal("a manifest is not what its digest says"));
        }
        let file = files.iter().find(|file| file.role == "model");
        let file: &FileRow = file.ok_or(ControlError::Internal("a version has no model file"))?;
        let bytes = self.artifacts.read(file.digest, self.compiler.max_bytes())?;
        let broken = |_| ControlError::Internal("a model file does not load any more");
        let model = self.compiler.load(&bytes).map_err(broken)?;
        Ok(Candidate { model, artifact: file.digest })
    }

    /// Computes a part of a window of a deployment's decisions again, on another version.
    /// What is told is how many change and which, never what was asked or answered.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn replay_window(
        &self,
        ctx: &RequestContext,
        name: &Name,
        wanted: &api::ReplayWindow,
    ) -> Result<api::ReplayedWindow, ControlError> {
        let (row, resource) = self.deployment_resource(ctx, name)?;
        self.may_read(ctx, Action::ReplayDecisions, &Resource::Deployment(resource))?;
        let row = row.ok_or_else(|| ControlError::not_found("deployment", name))?;
        if wanted.threshold.is_some_and(|at| !at.is_finite()) {
            return Err(ControlError::invalid("threshold", "must be a finite number"));
        }
        let version = self.replay_version(ctx, &row, wanted)?;
        let candidate = self.candidate(&version)?;
        let since = wanted.since.map_or(Time::EPOCH, |time| time.0);
        let until = wanted.until.map_or_else(|| self.clock.now(), |time| time.0);
        let end = self.index_at(until.plus(DISORDER))?;
        let from = match wanted.cursor {
            Some(cursor) => cursor,
            None => self.index_at(since)?,
        };
        let mut run = Run {
            control: self,
            candidate: &candidate,
            threshold: wanted.threshold,
            bindings: HashMap::new(),
            out: api::ReplayedWindow::default(),
        };
        let mut next = from;
        for entry in self.ledger.entries(from) {
            if next >= end || run.out.scanned >= MAX_SCAN || run.out.decisions >= MAX_DECISIONS {
                break;
            }
            let entry = entry.map_err(ControlError::Unreadable)?;
            next = entry.index.saturating_add(1);
            run.out.scanned = run.out.scanned.saturating_add(1);
            let draft = &entry.leaf.draft;
            let in_window = draft.kind == Kind::Decision
                && draft.deployment == Some(row.id)
                // What answered nobody is nothing that would have been answered otherwise.
                && draft.route != Some(Route::Shadow)
                && (since..until).contains(&draft.time);
            if in_window {
                run.decision(&entry)?;
            }
        }
        let mut out = run.out;
        out.left = end.saturating_sub(next);
        out.next_cursor = (next < end).then_some(next);
        Ok(out)
    }

    fn replay_version(
        &self,
        ctx: &RequestContext,
        row: &DeploymentRow,
        wanted: &api::ReplayWindow,
    ) -> Result<VersionRow, ControlError> {
        let model = self.store.read(|r| match &wanted.model {
            Some(name) => r.model_named(name.as_str()),
            None => r.model(row.model),
        })?;
        let missing = || ControlError::not_found("model version", wanted.version);
        let name = model.as_ref().map_or_else(|| row.name.clone(), |model| model.name.clone());
        let (version, resource) = self.version_resource(ctx, &name, wanted.version)?;
        self.may_read(ctx, Action::ReadVersion, &resource)?;
        let (_, version) = version.ok_or_else(missing)?;
        Ok(version)
    }

    /// About the index of the first record made at or after `time`: none of those before it
    /// was accepted later.
    pub(crate) fn index_at(&self, time: Time) -> Result<u64, ControlError> {
        let time = time.minus(DISORDER);
        let (mut low, mut high) = (0, self.ledger.durable());
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.ledger.entry(middle).map_err(ControlError::Unreadable)?;
            if entry.is_some_and(|entry| entry.leaf.draft.time < time) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

/// A version to compute with.
struct Candidate {
    model: Model,
    artifact: Digest,
}

/// Whether a model gave the recorded outputs.
fn is_answered(draft: &LeafDraft) -> bool {
    let answered = matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held));
    answered && draft.route != Some(Route::Fallback)
}

/// The outputs on record, row-major, and how many there are of a row.
fn recorded(body: &DecisionBody) -> Option<(&[f64], usize)> {
    let (_, width, values) = body.outputs.first()?;
    Some((values, usize::try_from(*width).ok().filter(|width| *width > 0)?))
}

fn shown(one: Difference) -> api::ReplayDifference {
    api::ReplayDifference { row: one.row, recorded: one.recorded, computed: one.computed }
}

/// A window on its way.
struct Run<'a> {
    control: &'a Control,
    candidate: &'a Candidate,
    threshold: Option<f64>,
    /// How the candidate is fed from a contract; `None` where it does not fit.
    bindings: HashMap<Digest, Option<Binding>>,
    out: api::ReplayedWindow,
}

impl Run<'_> {
    fn decision(&mut self, entry: &Entry) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        if !is_answered(draft) {
            self.out.not_answered += 1;
            return Ok(());
        }
        let Some(body) = self.control.kept_body(entry)? else {
            self.out.erased += 1;
            return Ok(());
        };
        let candidate = self.candidate;
        let computed = match self.binding(draft)? {
            Some(binding) => recompute(&candidate.model, binding, &body.rows),
            None => None,
        };
        let (Some(computed), Some((before, width))) = (computed, recorded(&body)) else {
            self.out.misfits += 1;
            return Ok(());
        };
        self.out.decisions += 1;
        let changed = self.rows(DecisionId::from_bytes(draft.id), before, &computed, width);
        self.out.changed_decisions += u64::from(changed);
        Ok(())
    }

    fn binding(&mut self, draft: &LeafDraft) -> Result<Option<&Binding>, ControlError> {
        let Some(digest) = draft.contract else { return Ok(None) };
        if !self.bindings.contains_key(&digest) {
            if self.bindings.len() >= MAX_BINDINGS {
                self.bindings.clear();
            }
            let contract = self.control.compiled(digest)?;
            self.bindings.insert(digest, fit(&contract, &self.candidate.model).ok());
        }
        Ok(self.bindings.get(&digest).and_then(Option::as_ref))
    }

    /// Compares every row; whether any would have been decided otherwise.
    fn rows(&mut self, id: DecisionId, before: &[f64], after: &[f64], width: usize) -> bool {
        let candidate_width = self.candidate.model.output().count;
        let rule = Rule::of(width, self.threshold);
        let mut changed = false;
        let rows = before.chunks(width).zip(after.chunks(candidate_width.max(1)));
        for (row, (before, after)) in (0_u64..).zip(rows) {
            self.out.rows += 1;
            let apart = distance(before, after);
            if width != candidate_width || !apart.is_finite() {
                self.out.incomparable_rows += 1;
                continue;
            }
            self.out.equal_rows += u64::from(same_bits(before, after));
            let is_changed = rule.changes(before, after);
            self.out.changed_rows += u64::from(is_changed);
            changed |= is_changed;
            self.out.sum_before += before.first().copied().unwrap_or(0.0);
            self.out.sum_after += after.first().copied().unwrap_or(0.0);
            self.out.sum_distance += apart;
            self.out.max_distance = self.out.max_distance.max(apart);
            if apart > 0.0 {
                let moved = api::MovedRow { decision: id, row, distance: apart, is_changed };
                keep_most(&mut self.out.most_changed, moved);
            }
        }
        changed
    }
}

/// Keeps the rows that moved most, in that order.
fn keep_most(kept: &mut Vec<api::MovedRow>, one: api::MovedRow) {
    let at = kept.partition_point(|other| other.distance >= one.distance);
    if at < MAX_MOVED {
        kept.insert(at, one);
        kept.truncate(MAX_MOVED);
    }
}
