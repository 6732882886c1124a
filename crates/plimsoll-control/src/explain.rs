//! "Why was I declined?": the explanation of one decision, for one reader.
//!
//! It comes from the record where it was made with the decision or after it; else it is
//! computed now, from the recorded input with the recorded model version.

use crate::bootstrap::Control;
use crate::compile::{Files, compile_profile, settings_of};
use crate::context::RequestContext;
use crate::contract::document_of;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_contract::{CompiledContract, Contract};
use plimsoll_explain::account::{Audience, Told, account};
use plimsoll_explain::counterfactual::{Budget, Decided, Search, counterfactual};
use plimsoll_explain::{CompiledProfile, ExplainProfile, Explainer, Room, Row};
use plimsoll_ledger::{Entry, LedgerError};
use plimsoll_policy::Action;
use plimsoll_serving::ServedVersion;
use plimsoll_store::{FileRow, VersionRow};
use plimsoll_types::record::{
    DecisionBody, DeferredExplanation, Explanation, Kind, ResultClass, Route,
};
use plimsoll_types::{Cell, DecisionId, Digest};
use std::sync::Arc;

/// What explains decisions of one version under one contract, held together.
pub(crate) struct Ready {
    pub(crate) contract: Arc<CompiledContract>,
    pub(crate) version: ServedVersion,
    pub(crate) explainer: Arc<Explainer>,
}

impl Control {
    /// Why a decision came out as it did, in words for the reader that `query` names.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`]. A decision without an answer of a model,
    /// or whose keys are gone, has no explanation.
    pub fn explain_decision(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        query: &api::ExplanationQuery,
    ) -> Result<api::DecisionExplanation, ControlError> {
        let entry = self.decision_entry(id)?;
        let resource = self.decision_resource(ctx, id, entry.as_ref())?;
        self.may_read(ctx, Action::ReadDecision, &resource)?;
        self.may_read(ctx, Action::ReadDecisionBody, &resource)?;
        let entry = entry.ok_or_else(|| ControlError::not_found("decision", id))?;
        let body = self.answered_body(&entry)?;
        let contract = self.recorded_contract(&entry)?;
        let (source, explanation) = self.explanation_of(id, &entry, &body)?;
        let profile = self.profile_of(&entry, &explanation, &contract)?;
        let language = language(&profile, query.language.as_deref())?;
        let row = query.row.unwrap_or_default();
        let place = usize::try_from(row).unwrap_or(usize::MAX);
        let explained = explanation.rows.get(place).ok_or_else(|| {
            let detail = format!("the decision has {} rows", explanation.rows.len());
            ControlError::invalid("row", detail)
        })?;
        let output = profile.decision().map_or(explained.output, |rule| rule.output);
        let value = answer(&body, place, output);
        let audience = query.audience.unwrap_or_default();
        let is_adverse = profile.decision().zip(value).is_some_and(|(rule, v)| rule.is_adverse(v));
        let changes = if is_adverse && audience != Audience::Engineer {
            self.changes(&entry, &body, place, &profile)?
        } else {
            None
        };
        let told = Told {
            profile: &profile,
            contract: &contract,
            rows: &body.rows,
            row: place,
            explanation: &explanation,
            value,
            changes: changes.as_deref(),
        };
        let account = account(&told, audience, &language)
            .ok_or(ControlError::Internal("an explained row has no account"))?;
        Ok(api::DecisionExplanation {
            decision: id,
            time: entry.leaf.draft.time.into(),
            deployment: body.deployment.to_string(),
            version: body.version,
            row,
            source,
            account,
        })
    }

    /// The smallest change that would have led to another result; empty if none was found,
    /// `None` if nothing is declared that could change.
    fn changes(
        &self,
        entry: &Entry,
        body: &DecisionBody,
        row: usize,
        profile: &CompiledProfile,
    ) -> Result<Option<Vec<(usize, Cell)>>, ControlError> {
        let ready = self.ready(entry)?;
        let decided = Decided {
            model: &ready.version.model,
            binding: &ready.version.binding,
            contract: ready.contract.contract(),
            profile,
            rows: &body.rows,
            row,
        };
        Ok(match counterfactual(decided, Budget::default()) {
            Search::Found(found) => Some(found.changes),
            Search::None | Search::BudgetSpent => Some(Vec::new()),
            Search::NotDeclared => None,
        })
    }

    /// The body of a decision that a model answered.
    pub(crate) fn answered_body(&self, entry: &Entry) -> Result<DecisionBody, ControlError> {
        let draft = &entry.leaf.draft;
        let is_answered = matches!(draft.result, Some(ResultClass::Answered | ResultClass::Held));
        if !is_answered || draft.route == Some(Route::Fallback) {
            return Err(ControlError::conflict(
                "no model answered this decision, so there is no model's answer to explain",
            ));
        }
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => {
                return Err(ControlError::conflict("the keys of this decision were erased"));
            }
            other => other.map_err(ControlError::Unreadable)?,
        };
        DecisionBody::decode(&bytes).map_err(|error| ControlError::Unreadable(error.into()))
    }

    fn recorded_contract(&self, entry: &Entry) -> Result<Contract, ControlError> {
        let digest = entry.leaf.draft.contract;
        let row = digest.map(|digest| self.store.read(|r| r.contract(digest))).transpose()?;
        let row = row.flatten().ok_or_else(|| ControlError::not_found("contract", "recorded"))?;
        document_of(&row)
    }

    /// The explanation, and where it is from.
    fn explanation_of(
        &self,
        id: DecisionId,
        entry: &Entry,
        body: &DecisionBody,
    ) -> Result<(api::ExplanationSource, Explanation), ControlError> {
        if let Some(explanation) = &body.explanation {
            return Ok((api::ExplanationSource::Inline, explanation.clone()));
        }
        let entries = self.ledger.get(id.as_bytes()).map_err(ControlError::Unreadable)?;
        for entry in entries.iter().filter(|e| e.leaf.draft.kind == Kind::Explanation) {
            if let Some(explanation) = self.deferred_of(entry)? {
                return Ok((api::ExplanationSource::Deferred, explanation));
            }
        }
        let ready = self.ready(entry)?;
        let profile = self.current_profile(entry, ready.contract.contract())?;
        let explanation = compute(&ready, profile.as_ref(), body, *id.as_bytes())
            .map_err(ControlError::conflict)?;
        Ok((api::ExplanationSource::Computed, explanation))
    }

    /// Whether an explanation is among the records of one decision.
    pub(crate) fn has_explanation(&self, entries: &[Entry]) -> Result<bool, ControlError> {
        for entry in entries {
            let has = match entry.leaf.draft.kind {
                Kind::Decision => {
                    let body = self.decoded_body(entry)?;
                    body.is_some_and(|body| body.explanation.is_some())
                }
                Kind::Explanation => self.deferred_of(entry)?.is_some(),
                _ => false,
            };
            if has {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The explanation in a record of its own; `None` if it says why there is none.
    fn deferred_of(&self, entry: &Entry) -> Result<Option<Explanation>, ControlError> {
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => return Ok(None),
            other => other.map_err(ControlError::Unreadable)?,
        };
        let body = DeferredExplanation::decode(&bytes)
            .map_err(|error| ControlError::Unreadable(error.into()))?;
        Ok(body.made.ok())
    }

    /// What explains a recorded decision: its own version under its own contract.
    pub(crate) fn ready(&self, entry: &Entry) -> Result<Ready, ControlError> {
        let draft = &entry.leaf.draft;
        if draft.model.is_none() && draft.extension.origin.is_some() {
            let detail = "the decision was made elsewhere; no model here explains it";
            return Err(ControlError::conflict(detail));
        }
        let manifest = draft.model.ok_or(ControlError::Internal("an answer names no version"))?;
        let contract = draft.contract.ok_or(ControlError::Internal("an answer has no contract"))?;
        let (model_name, version, files) = self.recorded_version(entry, manifest)?;
        let contract = self.store.read(|r| r.contract(contract))?;
        let contract = contract.ok_or_else(|| ControlError::not_found("contract", "recorded"))?;
        let cannot = |reason: Box<str>| ControlError::conflict(reason);
        let contract = self.compiler.contract(&contract, None).map_err(cannot)?;
        let model = self.compiler.model(&self.artifacts, &version, &files).map_err(cannot)?;
        let settings = crate::deployment::Settings::default();
        let binding = crate::compile::fit(&contract, &model, &settings).map_err(cannot)?;
        let files = Files { artifacts: &self.artifacts, version: &version, files: &files };
        let explainer =
            self.compiler.explainer(&files, &model, &contract, &binding).map_err(cannot)?;
        let version = ServedVersion {
            model_name,
            number: version.number,
            manifest,
            model,
            binding,
            explainer: Some(Arc::clone(&explainer)),
            upstream: None,
        };
        Ok(Ready { contract, version, explainer })
    }

    fn recorded_version(
        &self,
        entry: &Entry,
        manifest: Digest,
    ) -> Result<(plimsoll_types::Name, VersionRow, Vec<FileRow>), ControlError> {
        let gone = || ControlError::not_found("model version", manifest.short());
        let deployment = entry.leaf.draft.deployment.ok_or_else(gone)?;
        self.store.read(|r| {
            let row = r.deployment(deployment)?.ok_or_else(gone)?;
            let model = r.model(row.model)?.ok_or_else(gone)?;
            let version = r.version_with(row.model, manifest)?.ok_or_else(gone)?;
            let files = r.files(row.model, version.number)?;
            Ok((model.name, version, files))
        })
    }

    /// The profile that the deployment has now.
    pub(crate) fn current_profile(
        &self,
        entry: &Entry,
        contract: &Contract,
    ) -> Result<Option<CompiledProfile>, ControlError> {
        let Some(deployment) = entry.leaf.draft.deployment else { return Ok(None) };
        let row = self.store.read(|r| r.deployment(deployment))?;
        let settings = row.as_ref().map(settings_of).transpose()?;
        let Some(digest) = settings.and_then(|settings| settings.explain_profile) else {
            return Ok(None);
        };
        // A profile for a later contract may not fit an earlier one: then names speak.
        Ok(compile_profile(&self.profile_for(digest)?, contract).ok())
    }

    /// The profile that chose the reasons; else the deployment's; else one that says nothing.
    fn profile_of(
        &self,
        entry: &Entry,
        explanation: &Explanation,
        contract: &Contract,
    ) -> Result<CompiledProfile, ControlError> {
        let recorded = match explanation.profile {
            Some(digest) => self.store.read(|r| r.profile(digest))?,
            None => None,
        };
        if let Some(profile) = recorded.and_then(|row| compile_profile(&row, contract).ok()) {
            return Ok(profile);
        }
        if let Some(profile) = self.current_profile(entry, contract)? {
            return Ok(profile);
        }
        CompiledProfile::compile(ExplainProfile::silent(), Digest::ZERO, contract)
            .map_err(|_| ControlError::Internal("the empty explain profile does not compile"))
    }
}

/// Explains every row of a recorded decision.
pub(crate) fn compute(
    ready: &Ready,
    profile: Option<&CompiledProfile>,
    body: &DecisionBody,
    seed: [u8; 16],
) -> Result<Explanation, String> {
    let (model, binding) = (&ready.version.model, &ready.version.binding);
    let (_, width, values) = body.outputs.first().ok_or("the record has no answer")?;
    let width = usize::try_from(*width).unwrap_or(usize::MAX).max(1);
    let mut explanation = ready.explainer.begin(profile);
    let (mut room, mut inputs) = (Room::default(), Vec::with_capacity(model.feature_count()));
    for (place, answer) in values.chunks_exact(width).enumerate() {
        inputs.clear();
        binding.model_row(&body.rows, place, &mut inputs);
        let row = Row { inputs: &inputs, answer, seed };
        ready
            .explainer
            .explain(row, profile, &mut room, &mut explanation)
            .map_err(|error| error.to_string())?;
    }
    Ok(explanation)
}

fn answer(body: &DecisionBody, row: usize, output: u16) -> Option<f64> {
    let (_, width, values) = body.outputs.first()?;
    let width = usize::try_from(*width).ok()?;
    values.get(row.checked_mul(width)?.checked_add(output.into())?).copied()
}

fn language(profile: &CompiledProfile, wanted: Option<&str>) -> Result<String, ControlError> {
    let languages = &profile.document().languages;
    let found = match wanted {
        None => languages.first(),
        Some(wanted) => languages.iter().find(|tag| tag.eq_ignore_ascii_case(wanted)),
    };
    found.cloned().ok_or_else(|| {
        let detail = format!("the explain profile has: {}", languages.join(", "));
        ControlError::invalid("language", detail)
    })
}
