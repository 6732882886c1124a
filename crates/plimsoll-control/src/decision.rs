//! Decisions, read back from the ledger: lists, one of them, and the newest as they come.

use crate::act::lock;
use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::contract::document_of;
use crate::decision_blocks::Wanted;
use crate::deployment::resource_of;
use crate::error::ControlError;
use crate::ledger_scan::Pick;
use crate::page::{cursor, limit};
use plimsoll_api as api;
use plimsoll_contract::Contract;
use plimsoll_ledger::{Entry as Record, LedgerError};
use plimsoll_policy::{Action, Resource};
use plimsoll_store::DeploymentRow;
use plimsoll_types::digest::hex;
use plimsoll_types::record::{DecisionBody, Kind, LeafDraft, ResultClass};
use plimsoll_types::{Cell, DecisionId, DeploymentId, Digest, Rows, Time};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

/// Records stand in the order they became durable, and carry the time they were accepted. No
/// request runs for longer than its deadline, so beyond this no earlier record can be newer.
const DISORDER: Duration = Duration::from_secs(120);
/// Records looked at in one answer of a tail.
const MAX_TAIL_SCAN: usize = 10_000;
/// Why there is no body any more.
pub(crate) const ERASED: &str = "its keys were erased";
/// Decisions in one answer of a tail.
const MAX_TAIL: usize = 1_000;

/// What is looked up once for all the decisions of one answer.
#[derive(Default)]
pub(crate) struct Known {
    deployments: HashMap<DeploymentId, Option<(DeploymentRow, bool)>>,
    versions: HashMap<(DeploymentId, Digest), Option<u32>>,
}

impl Control {
    /// Decisions that the caller may see, newest first.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn list_decisions(
        &self,
        ctx: &RequestContext,
        filter: &api::DecisionFilter,
    ) -> Result<api::Page<api::DecisionSummary>, ControlError> {
        self.may_read(ctx, Action::ListDecisions, &self.server())?;
        let before = cursor(filter.cursor.as_deref())?;
        let since = filter.since.map_or(Time::EPOCH, |t| t.0);
        let mut known = Known::default();
        let wanted = Wanted {
            since: filter.since.map(|since| since.0),
            until: filter.until.map(|until| until.0),
            deployment: self.deployment_wanted(filter.deployment.as_deref())?,
            result: filter.result,
        };
        let skip = |end| lock(&self.blocks).skip(end, &wanted);
        let (items, next) = self.walk_back_past(before, limit(filter.limit)?, skip, |entry| {
            let draft = &entry.leaf.draft;
            if draft.time < since.minus(DISORDER) {
                return Ok(Pick::End);
            }
            let is_wanted = draft.time >= since
                && filter.until.is_none_or(|until| draft.time < until.0)
                && filter.result.is_none_or(|result| draft.result == Some(result));
            if !is_wanted {
                return Ok(Pick::Skip);
            }
            let summary = self.summary(ctx, &mut known, &entry, filter.deployment.as_deref())?;
            Ok(summary.map_or(Pick::Skip, Pick::Show))
        })?;
        Ok(api::Page { items, next_cursor: next.map(|index| index.to_string()) })
    }

    /// The deployment of that name which is not archived, if a list names one that exists; the name
    /// of an archived one is another's, so nothing is passed over for it.
    fn deployment_wanted(&self, name: Option<&str>) -> Result<Option<DeploymentId>, ControlError> {
        let Some(name) = name else { return Ok(None) };
        let same = self.store.read(|r| r.all_deployments())?;
        let mut same = same.into_iter().filter(|row| row.name.as_str() == name);
        Ok(same.next().map(|row| row.id).filter(|_| same.next().is_none()))
    }

    /// Decisions that became durable at or after index `from`, oldest first; with `None`, no
    /// decision and the index to begin at. Does not wait: whoever wants to wait watches
    /// the ledger and asks again.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn tail_decisions(
        &self,
        ctx: &RequestContext,
        from: Option<u64>,
        deployment: Option<&str>,
    ) -> Result<api::DecisionTail, ControlError> {
        self.may_read(ctx, Action::TailDecisions, &self.server())?;
        let Some(from) = from else {
            return Ok(api::DecisionTail { items: Vec::new(), next: self.ledger.durable() });
        };
        let mut known = Known::default();
        let mut tail = api::DecisionTail { items: Vec::new(), next: from };
        for entry in self.ledger.entries(from).take(MAX_TAIL_SCAN) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            tail.next = entry.index.saturating_add(1);
            tail.items.extend(self.summary(ctx, &mut known, &entry, deployment)?);
            if tail.items.len() >= MAX_TAIL {
                break;
            }
        }
        Ok(tail)
    }

    /// One decision: its leaf, and its body if the caller may read it.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_decision(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
    ) -> Result<api::Decision, ControlError> {
        let entry = self.decision_entry(id)?;
        let resource = self.decision_resource(ctx, id, entry.as_ref())?;
        self.may_read(ctx, Action::ReadDecision, &resource)?;
        let missing = || ControlError::not_found("decision", id);
        let entry = entry.ok_or_else(missing)?;
        let summary =
            self.summary(ctx, &mut Known::default(), &entry, None)?.ok_or_else(missing)?;
        let (body, body_withheld) = self.body_for(ctx, &entry)?;
        Ok(api::Decision { summary, leaf: leaf(&entry), body, body_withheld })
    }

    /// The completion of a decision.
    pub(crate) fn decision_entry(&self, id: DecisionId) -> Result<Option<Record>, ControlError> {
        let entries = self.ledger.get(id.as_bytes()).map_err(ControlError::Unreadable)?;
        Ok(entries.into_iter().find(|entry| entry.leaf.draft.kind == Kind::Decision))
    }

    /// What policy is asked about a decision, there or not.
    pub(crate) fn decision_resource(
        &self,
        ctx: &RequestContext,
        id: DecisionId,
        entry: Option<&Record>,
    ) -> Result<Resource, ControlError> {
        let deployment = entry.and_then(|entry| entry.leaf.draft.deployment);
        let row = match deployment {
            Some(deployment) => self.store.read(|r| r.deployment(deployment))?,
            None => None,
        };
        let deployment = row.as_ref().map(resource_of).transpose()?;
        match deployment {
            Some(d) => Ok(Resource::Decision {
                id,
                deployment: d.name,
                environment: d.environment,
                asker: None,
                tenant: d.tenant,
            }),
            None => {
                let name = plimsoll_types::Name::new("unknown");
                Ok(Resource::Decision {
                    id,
                    deployment: name.map_err(|_| ControlError::Internal("not a name"))?,
                    environment: ctx.environment(),
                    asker: None,
                    tenant: ctx.tenant(),
                })
            }
        }
    }

    /// What a list shows of a record, if it is a decision of this deployment that the caller
    /// may see.
    pub(crate) fn summary(
        &self,
        ctx: &RequestContext,
        known: &mut Known,
        entry: &Record,
        wanted: Option<&str>,
    ) -> Result<Option<api::DecisionSummary>, ControlError> {
        let draft = &entry.leaf.draft;
        let (Kind::Decision, Some(deployment)) = (draft.kind, draft.deployment) else {
            return Ok(None);
        };
        let Some(row) = self.visible(ctx, known, deployment)? else { return Ok(None) };
        if wanted.is_some_and(|wanted| wanted != row.name.as_str()) {
            return Ok(None);
        }
        self.summed_up(known, entry, &row).map(Some)
    }

    fn summed_up(
        &self,
        known: &mut Known,
        entry: &Record,
        row: &DeploymentRow,
    ) -> Result<api::DecisionSummary, ControlError> {
        let draft = &entry.leaf.draft;
        Ok(api::DecisionSummary {
            id: DecisionId::from_bytes(draft.id),
            index: entry.index,
            time: draft.time.into(),
            deployment: row.name.to_string(),
            version: self.number(known, row, draft.model)?,
            route: draft.route,
            result: draft.result.unwrap_or(ResultClass::Failed),
            refused_in: draft.refused_in,
            origin: draft.extension.origin,
        })
    }

    /// A decision with its body, whoever asks: for those who may have all of a subject's.
    pub(crate) fn opened(
        &self,
        known: &mut Known,
        entry: &Record,
    ) -> Result<Option<api::Decision>, ControlError> {
        let Some(id) = entry.leaf.draft.deployment else { return Ok(None) };
        let Some(row) = self.store.read(|r| r.deployment(id))? else { return Ok(None) };
        let summary = self.summed_up(known, entry, &row)?;
        let body = self.body(entry)?;
        let body_withheld = body.is_none().then(|| ERASED.to_owned());
        Ok(Some(api::Decision { summary, leaf: leaf(entry), body, body_withheld }))
    }

    /// The deployment, if the caller may see its decisions. Policy looks at nothing of a
    /// decision but its deployment, so it is asked once for each.
    pub(crate) fn visible(
        &self,
        ctx: &RequestContext,
        known: &mut Known,
        id: DeploymentId,
    ) -> Result<Option<DeploymentRow>, ControlError> {
        let seen = match known.deployments.entry(id) {
            Entry::Occupied(seen) => seen.into_mut(),
            Entry::Vacant(unseen) => unseen.insert(self.look_at(ctx, id)?),
        };
        Ok(seen.as_ref().filter(|(_, may)| *may).map(|(row, _)| row.clone()))
    }

    /// The deployment, and whether the caller may see its decisions.
    fn look_at(
        &self,
        ctx: &RequestContext,
        id: DeploymentId,
    ) -> Result<Option<(DeploymentRow, bool)>, ControlError> {
        let Some(row) = self.store.read(|r| r.deployment(id))? else { return Ok(None) };
        let facts = resource_of(&row)?;
        let resource = Resource::Decision {
            id: DecisionId::from_bytes([0; 16]),
            deployment: facts.name,
            environment: facts.environment,
            asker: None,
            tenant: facts.tenant,
        };
        let may = self.allows(ctx, Action::ReadDecision, &resource);
        Ok(Some((row, may)))
    }

    fn number(
        &self,
        known: &mut Known,
        row: &DeploymentRow,
        manifest: Option<Digest>,
    ) -> Result<Option<u32>, ControlError> {
        let Some(manifest) = manifest else { return Ok(None) };
        if let Some(number) = known.versions.get(&(row.id, manifest)) {
            return Ok(*number);
        }
        let version = self.store.read(|r| r.version_with(row.model, manifest))?;
        let number = version.map(|version| version.number);
        known.versions.insert((row.id, manifest), number);
        Ok(number)
    }

    /// The body of a decision as it travels; `None` if its keys are gone.
    pub(crate) fn body(&self, entry: &Record) -> Result<Option<api::DecisionBody>, ControlError> {
        let Some(body) = self.decoded_body(entry)? else { return Ok(None) };
        let contract = self.contract_of(&entry.leaf.draft)?;
        let principal_name = self.display_name(body.principal)?;
        Ok(Some(shown(body, contract.as_ref(), principal_name)))
    }

    /// The body of a decision; `None` if it has none or its keys are gone.
    pub(crate) fn decoded_body(
        &self,
        entry: &Record,
    ) -> Result<Option<DecisionBody>, ControlError> {
        if entry.leaf.draft.sealed.is_none() {
            return Ok(None);
        }
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => return Ok(None),
            other => other.map_err(ControlError::Unreadable)?,
        };
        DecisionBody::decode(&bytes).map(Some).map_err(|e| ControlError::Unreadable(e.into()))
    }

    pub(crate) fn contract_of(&self, draft: &LeafDraft) -> Result<Option<Contract>, ControlError> {
        let Some(digest) = draft.contract else { return Ok(None) };
        let row = self.store.read(|r| r.contract(digest))?;
        row.as_ref().map(document_of).transpose()
    }
}

pub(crate) fn leaf(entry: &Record) -> api::DecisionLeaf {
    let leaf = &entry.leaf;
    let draft = &leaf.draft;
    api::DecisionLeaf {
        kind: draft.kind,
        tenant: draft.tenant,
        gateway: leaf.gateway,
        seq: leaf.seq,
        previous: leaf.previous,
        leaf_hash: Some(entry.hash),
        deployment: draft.deployment,
        model: draft.model,
        contract: draft.contract,
        policy: draft.policy,
        snapshot: draft.snapshot,
        ciphertext: draft.sealed.map(|sealed| sealed.ciphertext),
        key_commitment: draft.sealed.map(|sealed| hex(&sealed.key_commitment)),
        replay_of: draft.extension.replay_of.map(DecisionId::from_bytes),
    }
}

fn shown(
    body: DecisionBody,
    contract: Option<&Contract>,
    principal_name: Option<String>,
) -> api::DecisionBody {
    let name = |place: usize| {
        let field = contract.and_then(|contract| contract.fields().nth(place));
        field.map_or_else(|| format!("field {place}"), |field| field.name.clone())
    };
    let flags = body.flags.iter().map(|flag| api::DecisionFlag {
        field: name(flag.field.into()),
        row: flag.row,
        code: flag.code,
        is_clamped: flag.clamped,
    });
    let outputs = body.outputs.into_iter();
    let phases = body.phases.into_iter();
    api::DecisionBody {
        principal: body.principal,
        principal_name,
        key: body.key,
        deployment: body.deployment.into(),
        version: body.version,
        caller_id: body.caller_id.map(Into::into),
        request_len: body.request_len,
        rows: shown_rows(&body.rows, contract),
        mapped: body
            .mapped
            .into_iter()
            .map(|(role, value)| api::MappedText { role: role.into(), value: value.into() })
            .collect(),
        flags: flags.collect(),
        outputs: outputs
            .map(|(name, width, values)| api::DecisionOutput { name: name.into(), width, values })
            .collect(),
        refusal: body.refusal.map(|refusal| api::DecisionRefusal {
            phase: refusal.phase,
            code: refusal.code,
            field: refusal.field.map(Into::into),
            row: refusal.row,
            rule: refusal.rule.map(Into::into),
        }),
        phases: phases.map(|(phase, nanos)| api::PhaseTime { phase, nanos }).collect(),
        protocol: body.protocol,
    }
}

/// Each row from the contract's field names to values.
pub(crate) fn shown_rows(rows: &Rows, contract: Option<&Contract>) -> Vec<Map<String, Value>> {
    let fields: Vec<_> = contract.map(|contract| contract.fields().collect()).unwrap_or_default();
    let one = |row: usize| {
        let cells = rows.row(row).iter().enumerate();
        cells
            .map(|(place, cell)| {
                let field = fields.get(place);
                let name = field.map_or_else(|| format!("field {place}"), |f| f.name.clone());
                let texts = field.map(|f| f.values.as_slice()).unwrap_or_default();
                (name, shown_cell(rows, *cell, texts))
            })
            .collect()
    };
    (0..rows.len()).map(one).collect()
}

fn shown_cell(rows: &Rows, cell: Cell, texts: &[String]) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Boolean(value) => value.into(),
        Cell::Integer(value) => value.into(),
        Cell::Number(value) => value.into(),
        Cell::Category(index) => {
            let text = usize::try_from(index).ok().and_then(|index| texts.get(index));
            text.map_or_else(|| index.into(), |text| text.as_str().into())
        }
        // Before 1970 there is no `Timestamp`; such a time is shown as it was received.
        Cell::Timestamp(micros) => match u64::try_from(micros) {
            Ok(micros) => api::Timestamp(Time::from_micros(micros)).to_string().into(),
            Err(_) => micros.into(),
        },
        Cell::Text { .. } => rows.text_of(cell).unwrap_or_default().into(),
        Cell::Tensor { .. } => rows.tensor_of(cell).unwrap_or_default().into(),
    }
}
