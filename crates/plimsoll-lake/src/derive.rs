//! From a record of the ledger to rows of a decision table.
//!
//! A decision gives a row for each row of its request, and one if it has none. What its leaf
//! says is always there; what its body says is there as long as the body opens.

use crate::builder::{Builder, Place};
use crate::column::{Kind, Value};
use crate::error::LakeError;
use crate::outcome;
use crate::shape::{Role, Shape, Slot};
use crate::table::{Holds, TableId};
use plimsoll_contract::{
    CompiledContract, Contract, Disposition, Kind as FieldKind, Source, parse_timestamp,
};
use plimsoll_ledger::{Keys, LedgerError, Scanned};
use plimsoll_types::digest::hex;
use plimsoll_types::record::{DecisionBody, Kind as RecordKind, LeafDraft};
use plimsoll_types::{
    Cell, DecisionId, DeploymentId, Digest, KeyId, RefusalCode, Rows, TenantId, Time,
};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// Microseconds of an hour.
const HOUR: u64 = 3_600_000_000;
/// A decision's id is made when the request is accepted; what is further apart than this is a
/// stray.
const SAME_TIME: u64 = 60_000_000;

/// What a lake asks about deployments.
pub trait Catalog: Send + Sync + std::fmt::Debug {
    /// The contract with this digest, if it is known.
    fn contract(&self, digest: Digest) -> Option<Contract>;
    /// The beginning of the first day of which the deployment keeps decisions, if its retention
    /// ends and nothing holds it. Decisions from before are in no table.
    fn kept_from(&self, deployment: DeploymentId) -> Option<Time>;
}

/// An hour of UTC, counted from 1970.
pub(crate) fn hour_of(time: Time) -> u64 {
    time.as_micros() / HOUR
}

/// What is done with the fields of one contract.
#[derive(Debug)]
struct Plan {
    contract: CompiledContract,
    /// By place in a row.
    fields: Vec<Option<FieldPlan>>,
    /// Columns of subjects: a request's row names at most as many as the map has sources.
    subjects: Vec<usize>,
    /// Columns of slice keys from headers, in the map's order.
    slices: Vec<usize>,
    /// Columns of outputs met so far: name, whether it is wide, place.
    outputs: Vec<(Box<str>, bool, usize)>,
}

#[derive(Clone, Copy, Debug)]
struct FieldPlan {
    place: usize,
    kind: Kind,
    sealed: bool,
}

/// One deployment's shape and the plans of its contracts.
#[derive(Debug, Default)]
pub(crate) struct Table {
    pub(crate) shape: Arc<Shape>,
    plans: HashMap<Digest, Option<Plan>>,
}

impl Table {
    pub(crate) fn new(shape: Shape) -> Self {
        Self { shape: Arc::new(shape), ..Self::default() }
    }
}

/// Rows that are made and not yet written, by deployment and hour.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) builders: HashMap<(TableId, u64), Builder>,
    pub(crate) decisions: u64,
    /// What the rows take in memory, about.
    pub(crate) bytes: usize,
}

/// What reading one record needs.
pub(crate) struct Reading<'a> {
    pub(crate) keys: Option<&'a Keys>,
    pub(crate) catalog: &'a dyn Catalog,
    /// What the catalog said of retention, asked once in each reading.
    pub(crate) kept: HashMap<DeploymentId, Option<Time>>,
    pub(crate) tables: &'a mut HashMap<TableId, Table>,
    pub(crate) pending: &'a mut Pending,
}

impl Reading<'_> {
    /// Adds the rows of a record, if it is a decision or was told of one.
    pub(crate) fn add(&mut self, entry: &Scanned<'_>) -> Result<(), LakeError> {
        let draft = &entry.leaf.draft;
        let Some(deployment) = draft.deployment else { return Ok(()) };
        let holds = match draft.kind {
            RecordKind::Decision => Holds::Decisions,
            RecordKind::Outcome => Holds::Outcomes,
            RecordKind::Attribute => Holds::Attributes,
            _ => return Ok(()),
        };
        // What is told of a decision lies in its hour, and goes with it.
        let time = match holds {
            Holds::Decisions => draft.time,
            Holds::Outcomes | Holds::Attributes => DecisionId::from_bytes(draft.id).time(),
        };
        let kept = self.kept.entry(deployment);
        let kept = kept.or_insert_with(|| self.catalog.kept_from(deployment));
        if kept.is_some_and(|kept| time < kept) {
            return Ok(());
        }
        let id = TableId { deployment, holds };
        if holds != Holds::Decisions {
            return self.add_outcome(entry, id, hour_of(time));
        }
        let body = self.body(entry)?;
        let builder = builder_of(self.keys, self.pending, (id, hour_of(time)))?;
        let table = self.tables.entry(id).or_default();
        let before = builder.bytes();
        let mut row =
            RowWriter { entry, builder: &mut *builder, shape: Arc::make_mut(&mut table.shape) };
        match (&body, self.keys) {
            (Some(body), Some(keys)) => {
                let plan = match draft.contract {
                    Some(digest) => table
                        .plans
                        .entry(digest)
                        .or_insert_with(|| Plan::new(self.catalog, digest, row.shape))
                        .as_mut(),
                    None => None,
                };
                row.decision(keys, body, plan)?;
            }
            _ => row.bare(0),
        }
        let made = builder.bytes() - before;
        self.pending.decisions += 1;
        self.pending.bytes += made;
        Ok(())
    }

    fn add_outcome(
        &mut self,
        entry: &Scanned<'_>,
        id: TableId,
        hour: u64,
    ) -> Result<(), LakeError> {
        let builder = builder_of(self.keys, self.pending, (id, hour))?;
        let before = builder.bytes();
        let table = self.tables.entry(id).or_default();
        outcome::write(self.keys, builder, Arc::make_mut(&mut table.shape), entry)?;
        let made = builder.bytes() - before;
        self.pending.decisions += 1;
        self.pending.bytes += made;
        Ok(())
    }

    /// The body, if its keys are there. One that does not open although they are is told and
    /// passed over: a single damaged record must not hold up the tables of all others.
    fn body(&self, entry: &Scanned<'_>) -> Result<Option<DecisionBody>, LakeError> {
        let Some(keys) = self.keys.filter(|_| entry.leaf.draft.sealed.is_some()) else {
            return Ok(None);
        };
        let opened = match entry.open(keys) {
            Ok(bytes) => DecisionBody::decode(&bytes).map_err(LedgerError::from),
            Err(error) => Err(error),
        };
        match opened {
            Ok(body) => Ok(Some(body)),
            Err(LedgerError::KeyGone) => Ok(None),
            Err(error @ (LedgerError::Unsealable(_) | LedgerError::Record(_))) => {
                tracing::error!(index = entry.index, %error, "a decision's body is not readable; its table has the leaf alone");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The rows of a table's hour while they are made.
fn builder_of<'p>(
    keys: Option<&Keys>,
    pending: &'p mut Pending,
    at: (TableId, u64),
) -> Result<&'p mut Builder, LakeError> {
    match pending.builders.entry(at) {
        std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
        std::collections::hash_map::Entry::Vacant(new) => {
            // Without keys nothing is sealed, and nothing needs a salt.
            let salt = keys.map(Keys::fresh_salt).transpose()?.unwrap_or_default();
            Ok(new.insert(Builder::new(salt)))
        }
    }
}

impl Plan {
    fn new(catalog: &dyn Catalog, digest: Digest, shape: &mut Shape) -> Option<Self> {
        let contract = catalog.contract(digest)?;
        let compiled = CompiledContract::compile(&contract).ok()?;
        let map = compiled.mapping();
        let identifies = |place| {
            let mut sources = map.subjects.iter().chain(&map.interaction);
            sources.any(|source| source.source == Source::Field(place))
        };
        let features = contract.features.len();
        let fields = contract.fields().enumerate().map(|(place, field)| {
            let sealed = match Disposition::of(field, identifies(place)) {
                Disposition::Clear => false,
                Disposition::Seal => true,
                Disposition::Drop => return None,
            };
            let role = if place < features { Role::Feature } else { Role::Context };
            let kind = kind_of(field.kind);
            Some(FieldPlan { place: shape.place(&field.name, role, kind, sealed)?, kind, sealed })
        });
        let fields = fields.collect();
        let further = (2..=map.subjects.len()).map(|number| format!("subject_{number}"));
        let further =
            further.filter_map(|name| shape.place(&name, Role::Subject, Kind::Text, false));
        let subjects = std::iter::once(Slot::Subject as usize).chain(further).collect();
        let headers = map.slices.iter().filter(|slice| slice.source == Source::Header);
        // A header has no class, so it is taken to be personal.
        let slices = headers
            .filter_map(|slice| shape.place(&slice.name, Role::Slice, Kind::Text, true))
            .collect();
        Some(Self { contract: compiled, fields, subjects, slices, outputs: Vec::new() })
    }

    /// The column of an output.
    fn output(&mut self, shape: &mut Shape, name: &str, is_wide: bool) -> Option<usize> {
        let known = self.outputs.iter().find(|(n, w, _)| **n == *name && *w == is_wide);
        if let Some((_, _, place)) = known {
            return Some(*place);
        }
        let kind = if is_wide { Kind::Tensor } else { Kind::Number };
        let place = shape.place(name, Role::Output, kind, false)?;
        self.outputs.push((name.into(), is_wide, place));
        Some(place)
    }

    /// The subjects that row `row` is about, each once.
    fn subjects_of(&self, body: &DecisionBody, row: usize) -> Vec<String> {
        let sources = self.contract.mapping().subjects.iter();
        let fields = sources.filter_map(|s| self.contract.mapped_text(&body.rows, row, s));
        let headers = mapped(body, "subject").map(Cow::Borrowed);
        let mut found: Vec<String> = Vec::new();
        for subject in fields.chain(headers) {
            if !found.iter().any(|known| *known == subject) {
                found.push(subject.into_owned());
            }
        }
        found
    }
}

fn mapped<'b>(body: &'b DecisionBody, role: &'static str) -> impl Iterator<Item = &'b str> {
    body.mapped.iter().filter(move |(r, _)| **r == *role).map(|(_, value)| &**value)
}

fn kind_of(kind: FieldKind) -> Kind {
    match kind {
        FieldKind::Number => Kind::Number,
        FieldKind::Integer => Kind::Integer,
        FieldKind::Boolean => Kind::Boolean,
        FieldKind::Category | FieldKind::String => Kind::Text,
        FieldKind::Timestamp => Kind::Time,
        FieldKind::Tensor => Kind::Tensor,
    }
}

struct RowWriter<'a, 'e> {
    entry: &'a Scanned<'e>,
    builder: &'a mut Builder,
    shape: &'a mut Shape,
}

impl RowWriter<'_, '_> {
    /// A row with what the leaf says alone.
    fn bare(&mut self, row: usize) {
        self.leaf(row);
        self.builder.end_row();
    }

    fn leaf(&mut self, row: usize) {
        let draft: &LeafDraft = &self.entry.leaf.draft;
        let (builder, shape) = (&mut *self.builder, &*self.shape);
        let id = DecisionId::from_bytes(draft.id);
        let apart = id.time().as_micros().abs_diff(draft.time.as_micros());
        builder.has_strays |= apart > SAME_TIME || hour_of(id.time()) != hour_of(draft.time);
        builder.common(shape, Slot::DecisionId, Value::Text(&id.to_string()));
        builder.common(shape, Slot::Index, Value::Count(self.entry.index));
        builder.common(shape, Slot::Row, Value::Count(row as u64));
        let micros = i64::try_from(draft.time.as_micros()).unwrap_or(i64::MAX);
        builder.common(shape, Slot::Time, Value::Time(micros));
        let more = &draft.extension;
        let words = [
            (Slot::Route, draft.route.map(|route| route.as_str())),
            (Slot::Result, draft.result.map(|result| result.as_str())),
            (Slot::Phase, draft.refused_in.map(|phase| phase.as_str())),
            (
                Slot::FallbackReason,
                more.fallback_reason.and_then(RefusalCode::from_code).map(|code| code.as_str()),
            ),
        ];
        for (slot, word) in words {
            if let Some(word) = word {
                builder.common(shape, slot, Value::Text(word));
            }
        }
        let texts = [
            (Slot::Model, draft.model.map(|digest| digest.to_string())),
            (Slot::Contract, draft.contract.map(|digest| digest.to_string())),
            (Slot::Interaction, more.interaction.map(|pseudonym| hex(&pseudonym))),
            (Slot::ReplayOf, more.replay_of.map(|id| DecisionId::from_bytes(id).to_string())),
        ];
        for (slot, text) in texts {
            if let Some(text) = text {
                builder.common(shape, slot, Value::Text(&text));
            }
        }
    }

    fn decision(
        &mut self,
        keys: &Keys,
        body: &DecisionBody,
        mut plan: Option<&mut Plan>,
    ) -> Result<(), LakeError> {
        let record = self.entry.holders();
        for row in 0..body.rows.len().max(1) {
            let subjects =
                plan.as_ref().map(|plan| plan.subjects_of(body, row)).unwrap_or_default();
            let tenant = self.entry.leaf.draft.tenant;
            let Some(holders) = row_holders(keys, tenant, &record, &subjects)? else {
                self.bare(row);
                continue;
            };
            self.leaf(row);
            self.builder.holders(self.shape, &holders);
            self.body(keys, body);
            if let Some(plan) = plan.as_deref_mut() {
                for (&place, subject) in plan.subjects.iter().zip(&subjects) {
                    let pseudonym = hex(&keys.subject_pseudonym(tenant, subject));
                    self.builder.set(self.shape, place, Value::Text(&pseudonym));
                }
                self.planned(keys, body, plan, row, &holders)?;
            }
            self.builder.end_row();
        }
        Ok(())
    }

    /// What a body says without its contract.
    fn body(&mut self, keys: &Keys, body: &DecisionBody) {
        let (builder, shape) = (&mut *self.builder, &*self.shape);
        if body.version > 0 {
            builder.common(shape, Slot::Version, Value::Count(body.version.into()));
        }
        builder.common(shape, Slot::Rows, Value::Count(body.rows.len() as u64));
        builder.common(shape, Slot::Principal, Value::Text(&body.principal.to_string()));
        if let Some(key) = body.key {
            builder.common(shape, Slot::ApiKey, Value::Text(&key.to_string()));
        }
        if let Some(id) = &body.caller_id {
            let digest = hex(&correlation(keys, self.entry.leaf.draft.tenant, id));
            builder.common(shape, Slot::Correlation, Value::Text(&digest));
        }
        if let Some(refusal) = &body.refusal {
            builder.common(shape, Slot::Code, Value::Text(refusal.code.as_str()));
        }
        builder.common(shape, Slot::RequestBytes, Value::Count(body.request_len));
        let total: u64 = body.phases.iter().map(|(_, nanos)| u64::from(*nanos)).sum();
        builder.common(shape, Slot::LatencyNs, Value::Count(total));
        for (phase, nanos) in &body.phases {
            let slot = Slot::AcceptNs as usize + usize::from(phase.code());
            builder.set(shape, slot, Value::Count(u64::from(*nanos)));
        }
    }

    /// What a body says by its contract.
    fn planned(
        &mut self,
        keys: &Keys,
        body: &DecisionBody,
        plan: &mut Plan,
        row: usize,
        holders: &[KeyId],
    ) -> Result<(), LakeError> {
        let at = Place { index: self.entry.index, row: row as u64, holders };
        for (place, (&cell, field)) in body.rows.row(row).iter().zip(&plan.fields).enumerate() {
            let Some(field) = field else { continue };
            let value = value(&plan.contract, &body.rows, place, cell, field.kind);
            if field.sealed {
                self.builder.seal(keys, self.shape, at, field.place, value)?;
            } else if let Some(value) = value {
                self.builder.set(self.shape, field.place, value);
            }
        }
        let headers: Vec<&str> = mapped(body, "slice").collect();
        // With one left out it is not known which are there.
        if headers.len() == plan.slices.len() {
            for (&place, text) in plan.slices.iter().zip(headers) {
                self.builder.seal(keys, self.shape, at, place, Some(Value::Text(text)))?;
            }
        }
        let event_time = plan.contract.event_time(&body.rows, row);
        let header = || mapped(body, "event_time").next().and_then(parse_timestamp);
        if let Some(micros) = event_time.or_else(header) {
            self.builder.common(self.shape, Slot::EventTime, Value::Time(micros));
        }
        if let Some(text) = flags(&plan.contract, body, row) {
            self.builder.common(self.shape, Slot::Flags, Value::Text(&text));
        }
        for (name, width, values) in &body.outputs {
            let width = usize::try_from(*width).unwrap_or(usize::MAX);
            let Some(place) = plan.output(self.shape, name, width != 1) else { continue };
            let start = row.saturating_mul(width);
            let values = values.get(start..start.saturating_add(width)).unwrap_or_default();
            match values {
                [value] if width == 1 && value.is_finite() => {
                    self.builder.set(self.shape, place, Value::Number(*value));
                }
                _ if width == 1 || values.is_empty() => {}
                _ => self.builder.set(self.shape, place, Value::Tensor(values)),
            }
        }
        Ok(())
    }
}

/// The caller's own id of a request, as its column has it: it may name a person.
pub(crate) fn correlation(keys: &Keys, tenant: TenantId, id: &str) -> [u8; 16] {
    keys.pseudonym(tenant, &format!("correlation\0{id}"))
}

/// Who holds the cells of a row: the record's holder if it has one, else the row's subjects
/// together, else all of the record's holders together. `None` if one of them was erased.
fn row_holders(
    keys: &Keys,
    tenant: TenantId,
    record: &[KeyId],
    subjects: &[String],
) -> Result<Option<Vec<KeyId>>, LakeError> {
    if record.len() <= 1 {
        return Ok(Some(record.to_vec()));
    }
    let mut holders = Vec::with_capacity(record.len());
    for subject in subjects {
        match keys.find_subject(tenant, subject)?.filter(|id| record.contains(id)) {
            Some(id) => holders.push(id),
            None => return Ok(None),
        }
    }
    if subjects.is_empty() {
        for id in record {
            if !keys.has(*id)? {
                return Ok(None);
            }
            holders.push(*id);
        }
    }
    Ok(Some(holders))
}

fn value<'b>(
    contract: &'b CompiledContract,
    rows: &'b Rows,
    place: usize,
    cell: Cell,
    kind: Kind,
) -> Option<Value<'b>> {
    Some(match cell {
        Cell::Null => return None,
        Cell::Boolean(value) => Value::Boolean(value),
        Cell::Integer(value) if kind == Kind::Number => {
            #[expect(clippy::cast_precision_loss, reason = "contract integers are within ±2^53")]
            let value = value as f64;
            Value::Number(value)
        }
        Cell::Integer(value) => Value::Integer(value),
        Cell::Number(value) => Value::Number(value),
        Cell::Timestamp(micros) => Value::Time(micros),
        Cell::Text { .. } => Value::Text(rows.text_of(cell)?),
        Cell::Tensor { .. } => Value::Tensor(rows.tensor_of(cell)?),
        Cell::Category(index) => {
            let values = &contract.field(place)?.values;
            Value::Text(values.get(usize::try_from(index).ok()?)?)
        }
    })
}

/// The rules that this row broke: `field:code`, `field:code:clamped`, with spaces between.
fn flags(contract: &CompiledContract, body: &DecisionBody, row: usize) -> Option<String> {
    let mut text = String::new();
    for flag in body.flags.iter().filter(|flag| usize::try_from(flag.row) == Ok(row)) {
        let name = contract.field(flag.field.into()).map_or("?", |field| &field.name);
        let clamped = if flag.clamped { ":clamped" } else { "" };
        let space = if text.is_empty() { "" } else { " " };
        text.push_str(&format!("{space}{name}:{}{clamped}", flag.code));
    }
    (!text.is_empty()).then_some(text)
}

/// Contracts in memory, of deployments whose retention does not end.
impl Catalog for HashMap<Digest, Contract> {
    fn contract(&self, digest: Digest) -> Option<Contract> {
        self.get(&digest).cloned()
    }
    fn kept_from(&self, _: DeploymentId) -> Option<Time> {
        None
    }
}
