//! What a sink is sent: records of the ledger as events, filtered by what the sink wants and
//! by what its owner may read.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::decision::{ERASED, Known, leaf};
use crate::error::ControlError;
use crate::sink::kinds;
use crate::words::stored;
use plimsoll_api as api;
use plimsoll_contract::{Contract, Kind as FieldKind};
use plimsoll_ledger::{Entry, LedgerError};
use plimsoll_policy::Action;
use plimsoll_store::SinkRow;
use plimsoll_types::record::{
    DecisionBody, Gap, Heartbeat, Kind, RefusalTally, ResultClass, Route,
};
use plimsoll_types::{DecisionId, EventId, SinkId};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Records looked at for one pull.
const MAX_SCAN: usize = 4_096;
/// Events of one pull.
const MAX_EVENTS: usize = 256;
/// Sealed bytes of the records in one pull, after which it ends: with bodies as JSON it is a
/// few times as much in memory.
const MAX_BYTES: usize = 1 << 20;

/// Events for a sink, each with the index of its record.
#[derive(Debug, Default)]
pub struct SinkPull {
    /// The events, in the ledger's order.
    pub events: Vec<(u64, api::CloudEvent)>,
    /// The index to go on at when all of them are delivered.
    pub next: u64,
    /// Whether the end of the ledger was reached.
    pub is_end: bool,
}

impl Control {
    /// The events of a sink from ledger index `from` on: a bounded number, fewer than there
    /// are. The sink's filter and its owner's rights are read anew each time.
    ///
    /// # Errors
    /// [`ControlError::Conflict`] if the owner was disabled: nothing is skipped then.
    pub fn pull_sink(&self, id: SinkId, from: u64) -> Result<SinkPull, ControlError> {
        let row = self.store.read(|r| r.sink(id))?;
        let row = row.ok_or_else(|| ControlError::not_found("sink", id))?;
        let owner = self.sink_owner(&row)?;
        let owner = owner.ok_or_else(|| ControlError::conflict("the sink's owner is disabled"))?;
        let mut feed = Feed::new(self, &row, owner)?;
        let mut pull = SinkPull { next: from, is_end: true, ..SinkPull::default() };
        let mut bytes = 0_usize;
        for entry in self.ledger.entries(from).take(MAX_SCAN) {
            let entry = entry.map_err(ControlError::Unreadable)?;
            pull.next = entry.index.saturating_add(1);
            let before = pull.events.len();
            feed.events(&entry, &mut pull.events)?;
            if pull.events.len() > before {
                bytes = bytes.saturating_add(entry.sealed.len());
            }
            if pull.events.len() >= MAX_EVENTS || bytes >= MAX_BYTES {
                break;
            }
        }
        pull.is_end = pull.next >= self.ledger.durable();
        Ok(pull)
    }
}

struct Feed<'a> {
    control: &'a Control,
    row: &'a SinkRow,
    owner: RequestContext,
    profile: api::SinkProfile,
    kinds: Option<Vec<Kind>>,
    known: Known,
    may_read_events: bool,
}

impl<'a> Feed<'a> {
    fn new(
        control: &'a Control,
        row: &'a SinkRow,
        owner: RequestContext,
    ) -> Result<Self, ControlError> {
        Ok(Self {
            may_read_events: control.allows(&owner, Action::ReadEvents, &control.server()),
            profile: stored(&row.profile, "profile of a sink")?,
            kinds: row.kinds.as_deref().map(kinds),
            known: Known::default(),
            control,
            row,
            owner,
        })
    }

    /// Adds the events that a record makes: none, one, or KServe's pair.
    fn events(
        &mut self,
        entry: &Entry,
        out: &mut Vec<(u64, api::CloudEvent)>,
    ) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        let wanted = self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&draft.kind));
        if !wanted || (self.row.deployments.is_some() && draft.deployment.is_none()) {
            return Ok(());
        }
        let name = match draft.deployment {
            None if !self.may_read_events => return Ok(()),
            None => None,
            Some(deployment) => {
                let seen = self.control.visible(&self.owner, &mut self.known, deployment)?;
                let Some(row) = seen else { return Ok(()) };
                let listed = self.row.deployments.as_ref();
                if listed.is_some_and(|names| !names.contains(&row.name)) {
                    return Ok(());
                }
                Some(row.name.to_string())
            }
        };
        if self.profile == api::SinkProfile::Kserve {
            return self.pair(entry, out);
        }
        let data = self.data(entry)?;
        let mut extensions = BTreeMap::from([("sequence", format!("{:020}", entry.index))]);
        extensions.extend(name.map(|name| ("partitionkey", name)));
        out.push((
            entry.index,
            api::CloudEvent {
                id: format!("{}.{}", DecisionId::from_bytes(draft.id), draft.kind),
                source: format!("urn:plimsoll:gateway:{}", entry.leaf.gateway),
                kind: format!("io.plimsoll.{}.v1", draft.kind),
                subject: Some(DecisionId::from_bytes(subject(entry)).to_string()),
                time: draft.time.into(),
                extensions,
                data,
            },
        ));
        Ok(())
    }

    fn data(&mut self, entry: &Entry) -> Result<Value, ControlError> {
        let control = self.control;
        let draft = &entry.leaf.draft;
        Ok(match draft.kind {
            Kind::Decision => {
                let summary = control.summary(&self.owner, &mut self.known, entry, None)?;
                let (body, body_withheld) = match (self.row.include_body, &summary) {
                    (true, Some(_)) => control.body_for(&self.owner, entry)?,
                    _ => (None, None),
                };
                json!({
                    "summary": summary, "leaf": leaf(entry),
                    "body": body, "body_withheld": body_withheld,
                })
            }
            Kind::ControlEvent => {
                let event = control.open_event(entry)?;
                let name = control.display_name(event.principal)?;
                json!(crate::event::shown(entry, event, name))
            }
            kind => {
                let mut data = json!({
                    "id": EventId::from_bytes(draft.id), "index": entry.index,
                    "time": api::Timestamp(draft.time), "leaf": leaf(entry),
                });
                if kind == Kind::Review {
                    data["facts"] =
                        control.review_facts(&self.owner, entry, self.row.include_body)?;
                } else if let Some(facts) = control.facts_of(entry, kind)? {
                    data["facts"] = facts;
                }
                data
            }
        })
    }

    /// KServe's request and response event of an answered decision: equal ids, because its
    /// consumers join them by it.
    fn pair(
        &mut self,
        entry: &Entry,
        out: &mut Vec<(u64, api::CloudEvent)>,
    ) -> Result<(), ControlError> {
        let draft = &entry.leaf.draft;
        let answered = matches!(draft.result, Some(ResultClass::Answered));
        if draft.kind != Kind::Decision || !answered {
            return Ok(());
        }
        let control = self.control;
        let id = DecisionId::from_bytes(draft.id);
        let resource = control.decision_resource(&self.owner, id, Some(entry))?;
        if !control.allows(&self.owner, Action::ReadDecisionBody, &resource) {
            return Ok(());
        }
        let Some(body) = control.kept_body(entry)? else { return Ok(()) };
        let contract = control.contract_of(draft)?;
        let environment = match &resource {
            plimsoll_policy::Resource::Decision { environment, .. } => environment.as_str(),
            _ => "",
        };
        let endpoint = match draft.route {
            Some(Route::Canary) => "canary",
            Some(Route::Shadow) => "shadow",
            _ => "default",
        };
        let extensions = BTreeMap::from([
            ("inferenceservicename", body.deployment.to_string()),
            ("namespace", environment.to_owned()),
            ("component", "predictor".to_owned()),
            ("endpoint", endpoint.to_owned()),
            ("recordedtime", api::Timestamp(draft.time).to_string()),
        ]);
        let event = |half: &str, data| api::CloudEvent {
            id: id.to_string(),
            source: format!("urn:plimsoll:gateway:{}", entry.leaf.gateway),
            kind: format!("org.kubeflow.serving.inference.{half}"),
            subject: None,
            time: draft.time.into(),
            extensions: extensions.clone(),
            data,
        };
        let is_double = control.answered_in_double(entry, &body);
        let asked = oip_request(&body, contract.as_ref());
        let answered = oip_response(id, &body, is_double);
        out.push((entry.index, event("request", asked)));
        out.push((entry.index, event("response", answered)));
        Ok(())
    }
}

impl Control {
    /// The body of a decision, if this principal may read it, and otherwise why not.
    pub(crate) fn body_for(
        &self,
        ctx: &RequestContext,
        entry: &Entry,
    ) -> Result<(Option<api::DecisionBody>, Option<String>), ControlError> {
        let id = DecisionId::from_bytes(entry.leaf.draft.id);
        let resource = self.decision_resource(ctx, id, Some(entry))?;
        if self.is_entry_past_retention(entry)? {
            return Ok((None, Some("its retention has ended".to_owned())));
        }
        if !self.allows(ctx, Action::ReadDecisionBody, &resource) {
            return Ok((None, Some("reading it needs `ReadDecisionBody`".to_owned())));
        }
        Ok(match self.body(entry)? {
            Some(body) => (Some(body), None),
            None => (None, Some(ERASED.to_owned())),
        })
    }

    /// The body of a decision that is still kept; `None` if it is not, has none, or its keys
    /// are gone.
    pub(crate) fn kept_body(&self, entry: &Entry) -> Result<Option<DecisionBody>, ControlError> {
        if self.is_entry_past_retention(entry)? { Ok(None) } else { self.decoded_body(entry) }
    }

    /// Whether a recorded answer was given in 64 bits: as the version that gave it answers, if it
    /// is still released, else as its numbers need.
    pub(crate) fn answered_in_double(&self, entry: &Entry, body: &DecisionBody) -> bool {
        #[expect(clippy::cast_possible_truncation, reason = "asks whether anything is lost")]
        let is_single = |value: &f64| f64::from(*value as f32).to_bits() == value.to_bits();
        let draft = &entry.leaf.draft;
        let snapshot = self.snapshots.load();
        let mut deployments = snapshot.parts().deployments.iter();
        let served = deployments.find(|served| Some(served.id) == draft.deployment);
        match served.and_then(|served| served.serving.as_ref().ok()) {
            Some(serving) if Some(serving.primary.manifest) == draft.model => {
                serving.primary.model.output().is_double
            }
            _ => !body.outputs.iter().all(|(_, _, values)| values.iter().all(is_single)),
        }
    }

    /// What a review says: who and which verdict; why and which outcome for who may read the
    /// decision's body.
    fn review_facts(
        &self,
        ctx: &RequestContext,
        entry: &Entry,
        include_body: bool,
    ) -> Result<Value, ControlError> {
        let Some(body) = self.review_body(entry)? else { return Ok(Value::Null) };
        let mut facts = json!({
            "decision": body.decision, "verdict": body.verdict, "principal": body.principal,
        });
        let decided = self.decision_entry(body.decision)?;
        let resource = self.decision_resource(ctx, body.decision, decided.as_ref())?;
        if include_body && self.allows(ctx, Action::ReadDecisionBody, &resource) {
            let shown = |outputs: Vec<plimsoll_types::record::ReviewedOutput>| -> Vec<Value> {
                let one =
                    |(name, width, values)| json!({"name": name, "width": width, "values": values});
                outputs.into_iter().map(one).collect()
            };
            facts["reason"] = json!(body.reason);
            facts["before"] = json!(shown(body.before));
            facts["after"] = json!(body.after.map(shown));
        }
        Ok(facts)
    }

    /// What the small records say, none of it personal.
    fn facts_of(&self, entry: &Entry, kind: Kind) -> Result<Option<Value>, ControlError> {
        if !matches!(kind, Kind::Gap | Kind::Heartbeat | Kind::RefusalTally) {
            return Ok(None);
        }
        let bytes = match self.ledger.open_body(entry) {
            Err(LedgerError::KeyGone) => return Ok(None),
            other => other.map_err(ControlError::Unreadable)?,
        };
        let time = |time| api::Timestamp(time);
        let facts = match kind {
            Kind::Gap => Gap::decode(&bytes).map(|gap| {
                json!({
                    "from": time(gap.from), "to": time(gap.to),
                    "reason": gap.reason, "at_most": gap.at_most,
                })
            }),
            Kind::Heartbeat => Heartbeat::decode(&bytes).map(|beat| {
                json!({
                    "complete_to": time(beat.complete_to),
                    "requests": beat.requests, "completions": beat.completions,
                })
            }),
            _ => RefusalTally::decode(&bytes).map(|tally| {
                let counts = tally.counts.iter().map(|one| {
                    json!({
                        "listener": one.listener, "phase": one.phase,
                        "code": one.code, "count": one.count,
                    })
                });
                let counts: Vec<Value> = counts.collect();
                json!({"from": time(tally.from), "to": time(tally.to), "counts": counts})
            }),
        };
        facts.map(Some).map_err(|error| ControlError::Unreadable(error.into()))
    }
}

/// What an event is about: the decision, or the record itself.
fn subject(entry: &Entry) -> [u8; 16] {
    let draft = &entry.leaf.draft;
    match draft.kind {
        Kind::Review => draft.extension.review.unwrap_or(draft.id),
        _ => draft.id,
    }
}

/// The request of a decision in the shape of the Open Inference Protocol v2.
fn oip_request(body: &DecisionBody, contract: Option<&Contract>) -> Value {
    let rows = crate::decision::shown_rows(&body.rows, contract);
    let kind = |name: &str| {
        contract.and_then(|c| c.fields().find(|field| field.name == name)).map(|field| field.kind)
    };
    let columns = rows.first().into_iter().flat_map(Map::keys).map(|name| {
        let data: Vec<&Value> =
            rows.iter().map(|row| row.get(name).unwrap_or(&Value::Null)).collect();
        let width = data.iter().find_map(|value| value.as_array()).map(Vec::len);
        let shape = match width {
            Some(width) => vec![data.len(), width],
            None => vec![data.len()],
        };
        let flat: Vec<Value> = data
            .into_iter()
            .flat_map(|value| match value {
                Value::Array(numbers) => numbers.clone(),
                other => vec![other.clone()],
            })
            .collect();
        json!({"name": name, "shape": shape, "datatype": datatype(kind(name)), "data": flat})
    });
    let inputs: Vec<Value> = columns.collect();
    json!({"id": body.caller_id, "inputs": inputs})
}

const fn datatype(kind: Option<FieldKind>) -> &'static str {
    match kind {
        Some(FieldKind::Boolean) => "BOOL",
        Some(FieldKind::Integer) => "INT64",
        Some(FieldKind::Number | FieldKind::Tensor) => "FP64",
        Some(FieldKind::Category | FieldKind::String | FieldKind::Timestamp) | None => "BYTES",
    }
}

/// The answer of a decision in the shape of the Open Inference Protocol v2.
pub(crate) fn oip_response(id: DecisionId, body: &DecisionBody, is_double: bool) -> Value {
    let rows = body.rows.len();
    let datatype = if is_double { "FP64" } else { "FP32" };
    let outputs = body.outputs.iter().map(|(name, width, values)| {
        let shape = if *width > 1 { json!([rows, width]) } else { json!([rows]) };
        json!({"name": name, "shape": shape, "datatype": datatype, "data": values})
    });
    let outputs: Vec<Value> = outputs.collect();
    json!({
        "model_name": body.deployment, "model_version": body.version.to_string(),
        "id": body.caller_id.as_deref().map_or_else(|| id.to_string(), str::to_owned),
        "parameters": {"decision_id": id}, "outputs": outputs,
    })
}
