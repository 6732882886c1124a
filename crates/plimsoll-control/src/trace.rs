//! How a decision came to be: everything on record about it, in one answer.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::{Known, leaf};
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_ledger::Entry;
use plimsoll_policy::Action;
use plimsoll_store::{DeploymentRow, ModelRow, VersionRow};
use plimsoll_types::record::{Kind, LeafDraft, Route};
use plimsoll_types::{DecisionId, RefusalCode, Time};
use std::time::Duration;

/// Between the intent of a deployment and the deployment lies a sync of the ledger.
const BETWEEN: Duration = Duration::from_secs(10);

impl Control {
    /// The trace of a decision. Its body is in it for those who may read it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn trace_decision(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<api::Trace, ControlError> {
        let entries = self.ledger.get(id.as_bytes()).map_err(ControlError::Unreadable)?;
        let entry = entries.iter().find(|entry| entry.leaf.draft.kind == Kind::Decision);
        let resource = self.decision_resource(ctx, id, entry)?;
        self.may_read(ctx, Action::ReadDecision, &resource)?;
        let missing = || ControlError::not_found("decision", id);
        let entry = entry.ok_or_else(missing)?;
        let draft = &entry.leaf.draft;
        let row = match draft.deployment {
            Some(deployment) => self.store.read(|r| r.deployment(deployment))?,
            None => None,
        };
        let row = row.ok_or_else(missing)?;
        let summary = self.summary(ctx, &mut Known::default(), entry, None)?.ok_or_else(missing)?;
        let (body, body_withheld) = self.body_for(ctx, entry)?;
        let version = self.version_of(&row, draft)?;
        let changes = self.changes_for(&row, version.as_ref(), draft)?;
        let route = why(draft, version.as_ref(), &changes);
        let is_open = body.is_some();
        let explanation = if is_open { self.traced_explanation(ctx, id, &entries)? } else { None };
        let others = entries.iter().filter(|other| other.index != entry.index);
        let mut records: Vec<_> = others.map(traced_record).collect();
        records.extend(self.traced_reviews(id)?);
        Ok(api::Trace {
            decision: api::Decision { summary, leaf: leaf(entry), body, body_withheld },
            route,
            model: version.map(|(model, version)| self.traced_model(model, version)).transpose()?,
            contract: self.traced_contract(&row, draft)?,
            policy: draft.policy.map(|digest| api::TracedPolicy {
                digest,
                is_in_force: digest == self.policy_digest,
            }),
            changes,
            explanation,
            records,
            receipt: api::TracedReceipt {
                index: entry.index,
                leaf_hash: entry.hash,
                href: format!("/api/v1/decisions/{id}/receipt"),
            },
        })
    }

    /// The version that a decision names by its manifest.
    pub(crate) fn version_of(
        &self,
        row: &DeploymentRow,
        draft: &LeafDraft,
    ) -> Result<Option<(ModelRow, VersionRow)>, ControlError> {
        let Some(manifest) = draft.model else { return Ok(None) };
        self.store.read(|r| Ok(r.model(row.model)?.zip(r.version_with(row.model, manifest)?)))
    }

    fn traced_model(
        &self,
        model: ModelRow,
        version: VersionRow,
    ) -> Result<api::TracedModel, ControlError> {
        let shown = self.shown_version(&model.name, version.clone())?;
        Ok(api::TracedModel {
            name: model.name,
            owner: model.owner,
            version: version.number,
            manifest: version.digest,
            author: version.author,
            author_name: self.display_name(version.author)?,
            created_at: version.created_at.into(),
            files: shown.files,
            facts: shown.facts,
        })
    }

    /// The explanation that is on record; none is computed.
    fn traced_explanation(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        entries: &[Entry],
    ) -> Result<Option<api::TracedExplanation>, ControlError> {
        let query = api::ExplanationQuery {
            audience: Some(api::Audience::Engineer),
            ..api::ExplanationQuery::default()
        };
        if !self.has_explanation(entries)? {
            return Ok(None);
        }
        let explained = self.explain_decision(ctx, id, &query)?;
        let (source, account) = (explained.source, explained.account);
        Ok(Some(api::TracedExplanation { source, account }))
    }

    fn traced_contract(
        &self,
        row: &DeploymentRow,
        draft: &LeafDraft,
    ) -> Result<Option<api::TracedContract>, ControlError> {
        let Some(digest) = draft.contract else { return Ok(None) };
        let stored = self.store.read(|r| r.contract(digest))?;
        let author = stored.as_ref().map(|stored| self.display_name(stored.author)).transpose()?;
        Ok(Some(api::TracedContract {
            digest,
            author_name: author.flatten(),
            created_at: stored.map(|stored| stored.created_at.into()),
            is_in_force: row.contract == digest,
        }))
    }

    /// What people said about it: the verdicts, not their reasons.
    fn traced_reviews(&self, id: DecisionId) -> Result<Vec<api::TracedRecord>, ControlError> {
        self.catch_up()?;
        let mut traced = Vec::new();
        for index in self.store.read(|r| r.review_records(id))? {
            let entry = self.ledger.entry(index).map_err(ControlError::Unreadable)?;
            let Some(entry) = entry else { continue };
            let mut record = traced_record(&entry);
            if let Some(body) = self.review_body(&entry)? {
                let who = self.display_name(body.principal)?;
                let who = who.unwrap_or_else(|| body.principal.to_string());
                record.says = Some(format!("{} by {who}", body.verdict));
            }
            traced.push(record);
        }
        Ok(traced)
    }

    /// The intents of the changes that were in force, oldest first.
    fn changes_for(
        &self,
        row: &DeploymentRow,
        version: Option<&(ModelRow, VersionRow)>,
        draft: &LeafDraft,
    ) -> Result<Vec<api::ControlEvent>, ControlError> {
        let mut asked: Vec<(String, &str)> = vec![
            ("server".to_owned(), "Start"),
            (format!("deployment/{}", row.name), "CreateDeployment"),
            (format!("deployment/{}", row.name), "UpdateDeployment"),
            (format!("deployment/{}", row.name), "RollBack"),
        ];
        if let Some(digest) = draft.contract {
            asked.push((format!("contract/{digest}"), "CreateContract"));
        }
        if let Some((model, version)) = version {
            asked.push((format!("model/{}", model.name), "CreateModel"));
            asked.push((format!("release/{}/{}", row.name, version.number), "Release"));
        }
        let mut found = Vec::new();
        for (resource, action) in asked {
            let event = self.change_in_force(&resource, action, draft.time)?;
            // An earlier deployment may have had the name.
            let of_this = |event: &api::ControlEvent| {
                !resource.starts_with("deployment/")
                    || event.time.0 >= row.created_at.minus(BETWEEN)
            };
            found.extend(event.filter(of_this));
        }
        if let Some((model, version)) = version {
            let label = format!("model/{}", model.name);
            found.extend(self.change_in_force(&label, "CreateVersion", version.created_at)?);
        }
        found.sort_by_key(|event| event.index);
        Ok(found)
    }

    fn change_in_force(
        &self,
        resource: &str,
        action: &str,
        time: Time,
    ) -> Result<Option<api::ControlEvent>, ControlError> {
        let Some(id) = self.store.read(|r| r.change_before(resource, action, time))? else {
            return Ok(None);
        };
        let entries = self.ledger.get(id.as_bytes()).map_err(ControlError::Unreadable)?;
        let Some(entry) = entries.first() else { return Ok(None) };
        let event = self.open_event(entry)?;
        let name = self.display_name(event.principal)?;
        Ok(Some(crate::event::shown(entry, event, name)))
    }
}

/// Why that version answered, in words.
fn why(
    draft: &LeafDraft,
    version: Option<&(ModelRow, VersionRow)>,
    changes: &[api::ControlEvent],
) -> api::TracedRoute {
    let release = changes.iter().find(|event| event.action == "Release");
    let released = release.map(|event| {
        let who = event.principal_name.clone().unwrap_or_else(|| event.principal.to_string());
        format!(", released by {who} at {}", event.time)
    });
    let number = version.map(|(_, version)| format!("version {}", version.number));
    let number = number.unwrap_or_else(|| "no version".to_owned());
    let released = released.unwrap_or_default();
    let why = match (draft.route, draft.refused_in) {
        (Some(Route::Fallback), _) => {
            let code = draft.extension.fallback_reason.and_then(RefusalCode::from_code);
            let reason = code.map_or("its answer was rejected", RefusalCode::as_str);
            format!("the declared fallback, because {number} gave no answer: {reason}")
        }
        (Some(route), _) => format!("{number} is the {route}{released}"),
        (None, Some(phase)) => format!("no version was asked: the request was refused in {phase}"),
        (None, None) => "no version was asked".to_owned(),
    };
    api::TracedRoute { route: draft.route, why }
}

fn traced_record(entry: &Entry) -> api::TracedRecord {
    let draft = &entry.leaf.draft;
    let says = (draft.kind == Kind::Intent)
        .then(|| "durable before the model was called (mode strict)".to_owned());
    api::TracedRecord { index: entry.index, kind: draft.kind, time: draft.time.into(), says }
}
