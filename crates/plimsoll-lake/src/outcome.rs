//! The tables of what was told of decisions later: outcomes, and attributes of people. A row for
//! each record, in the hour of its decision, so that it is kept as long as that.

use crate::builder::{Builder, Place};
use crate::column::{Kind, Value};
use crate::error::LakeError;
use crate::provider::{Stored, Visible, open, shown_type, stored};
use crate::shape::{COMMON, DEPLOYMENT, Role, Shape, Slot};
use crate::source::Source;
use datafusion::common::{Result, ScalarValue, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit};
use plimsoll_ledger::{Keys, LedgerError, Scanned};
use plimsoll_types::record::{OutcomeBody, OutcomeValue};
use plimsoll_types::{DecisionId, KeyId, Time};
use std::sync::Arc;

/// A column of these tables beside those that every table has.
struct Own {
    /// The name it is stored under.
    name: &'static str,
    /// The name it is shown under.
    shown: &'static str,
    kind: Kind,
    is_sealed: bool,
}

const fn clear(name: &'static str, kind: Kind) -> Own {
    Own { name, shown: name, kind, is_sealed: false }
}

const fn sealed(name: &'static str, kind: Kind) -> Own {
    Own { name, shown: name, kind, is_sealed: true }
}

/// In the order of the values that [`values`] gives. What may name or judge a person is sealed.
const OWN: [Own; 13] = [
    Own { shown: "row", ..clear("of_row", Kind::Count) },
    clear("name", Kind::Text),
    sealed("label", Kind::Text),
    sealed("number", Kind::Number),
    sealed("relevance", Kind::Number),
    clear("recorded_at", Kind::Time),
    clear("observed_at", Kind::Time),
    clear("source", Kind::Text),
    sealed("annotator", Kind::Text),
    sealed("source_id", Kind::Text),
    clear("outcome_id", Kind::Text),
    clear("corrects", Kind::Text),
    sealed("reason", Kind::Text),
];

/// Columns that every table has and these show: as stored, as shown, whether the leaf says it.
const SHARED: [(Slot, &str, bool); 6] = [
    (Slot::DecisionId, "decision_id", true),
    (Slot::Index, "index", true),
    (Slot::Time, "decided_at", true),
    (Slot::Model, "model", true),
    (Slot::Principal, "principal", false),
    (Slot::ApiKey, "api_key", false),
];

fn common(slot: Slot) -> (&'static str, Kind) {
    COMMON.get(slot as usize).map_or(("", Kind::Text), |common| (common.name, common.kind))
}

/// The columns as they are stored.
pub(crate) fn shape() -> Shape {
    let mut shape = Shape::default();
    places(&mut shape);
    shape
}

fn places(shape: &mut Shape) -> Vec<Option<usize>> {
    OWN.iter().map(|own| shape.place(own.name, Role::Outcome, own.kind, own.is_sealed)).collect()
}

/// Adds the row of an outcome or attribute.
pub(crate) fn write(
    keys: Option<&Keys>,
    builder: &mut Builder,
    shape: &mut Shape,
    entry: &Scanned<'_>,
) -> Result<(), LakeError> {
    let draft = &entry.leaf.draft;
    let id = DecisionId::from_bytes(draft.id);
    let places = places(shape);
    builder.common(shape, Slot::DecisionId, Value::Text(&id.to_string()));
    builder.common(shape, Slot::Index, Value::Count(entry.index));
    builder.common(shape, Slot::Row, Value::Count(0));
    builder.common(shape, Slot::Time, Value::Time(micros(id.time())));
    if let Some(model) = draft.model {
        builder.common(shape, Slot::Model, Value::Text(&model.to_string()));
    }
    if let Some((keys, body, holders)) = opened(keys, entry)? {
        builder.holders(shape, &holders);
        builder.common(shape, Slot::Principal, Value::Text(&body.principal.to_string()));
        if let Some(key) = body.key {
            builder.common(shape, Slot::ApiKey, Value::Text(&key.to_string()));
        }
        let at = Place { index: entry.index, row: 0, holders: &holders };
        let texts = Texts::of(&body);
        let values = values(&body, &texts, draft.time);
        for ((own, place), value) in OWN.iter().zip(places).zip(values) {
            let Some(place) = place else { continue };
            match value {
                _ if own.is_sealed => builder.seal(keys, shape, at, place, value)?,
                Some(value) => builder.set(shape, place, value),
                None => {}
            }
        }
    }
    builder.end_row();
    Ok(())
}

fn micros(time: Time) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

/// Ids as texts, which values point into.
struct Texts {
    id: String,
    corrects: Option<String>,
}

impl Texts {
    fn of(body: &OutcomeBody) -> Self {
        Self { id: body.id.to_string(), corrects: body.corrects.map(|id| id.to_string()) }
    }
}

/// The values of a row, as [`OWN`] lists their columns.
fn values<'b>(body: &'b OutcomeBody, texts: &'b Texts, recorded: Time) -> [Option<Value<'b>>; 13] {
    let (mut label, mut number, mut relevance) = (None, None, None);
    match &body.value {
        OutcomeValue::Label(text) => label = Some(Value::Text(text)),
        OutcomeValue::Number(value) => number = Some(Value::Number(*value)),
        OutcomeValue::Relevance(value) => relevance = Some(Value::Number(*value)),
    }
    [
        Some(Value::Count(body.row.into())),
        Some(Value::Text(&body.name)),
        label,
        number,
        relevance,
        Some(Value::Time(micros(recorded))),
        body.observed_at.map(|time| Value::Time(micros(time))),
        Some(Value::Text(&body.source)),
        body.annotator.as_deref().map(Value::Text),
        body.caller_id.as_deref().map(Value::Text),
        Some(Value::Text(&texts.id)),
        texts.corrects.as_deref().map(Value::Text),
        body.reason.as_deref().map(Value::Text),
    ]
}

type Opened<'k> = Option<(&'k Keys, OutcomeBody, Vec<KeyId>)>;

/// The body and whose keys hold it; `None` where one of them is gone. One that does not open
/// although they are there is told and passed over, as with decisions.
fn opened<'k>(keys: Option<&'k Keys>, entry: &Scanned<'_>) -> Result<Opened<'k>, LakeError> {
    let Some(keys) = keys.filter(|_| entry.leaf.draft.sealed.is_some()) else { return Ok(None) };
    let holders = entry.holders();
    for holder in &holders {
        if !keys.has(*holder)? {
            return Ok(None);
        }
    }
    let body = entry.open(keys).and_then(|bytes| Ok(OutcomeBody::decode(&bytes)?));
    match body {
        Ok(body) => Ok(Some((keys, body, holders))),
        Err(LedgerError::KeyGone) => Ok(None),
        Err(error @ (LedgerError::Unsealable(_) | LedgerError::Record(_))) => {
            tracing::error!(index = entry.index, %error, "an outcome is not readable; its table has the leaf alone");
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The table of one deployment as it is shown: what the leaf does not say is null for whoever may
/// not read it.
pub(crate) fn view(
    table: Arc<Stored>,
    shape: &Shape,
    visible: &Visible,
    source: &Source,
) -> Result<LogicalPlan> {
    let mut columns =
        vec![lit(ScalarValue::Utf8View(Some(visible.name.clone()))).alias(DEPLOYMENT)];
    for (slot, shown, is_leaf) in SHARED {
        let (name, kind) = common(slot);
        let value = if is_leaf || visible.may_open { stored(name) } else { null(kind)? };
        columns.push(value.alias(shown));
    }
    for ((number, variant), own) in shape.variants().iter().enumerate().zip(&OWN) {
        let value =
            if visible.may_open { open(number, variant, visible, source) } else { null(own.kind)? };
        columns.push(value.alias(own.shown));
    }
    LogicalPlanBuilder::scan(TableReference::bare("#stored"), provider_as_source(table), None)?
        .project(columns)?
        .build()
}

fn null(kind: Kind) -> Result<Expr> {
    Ok(lit(ScalarValue::try_new_null(&shown_type(kind))?))
}

/// The tables of several deployments as one.
pub(crate) fn all(views: Vec<LogicalPlan>) -> Result<LogicalPlan> {
    let mut all: Option<LogicalPlanBuilder> = None;
    for view in views {
        all = Some(match all {
            None => LogicalPlanBuilder::from(view),
            Some(all) => all.union(view)?,
        });
    }
    let Some(all) = all else {
        let kinds = columns().map(|(name, kind)| Ok(null(kind)?.alias(name)));
        let empty: Vec<Expr> = kinds.collect::<Result<_>>()?;
        return LogicalPlanBuilder::empty(false).project(empty)?.build();
    };
    all.build()
}

/// The columns as they are shown.
fn columns() -> impl Iterator<Item = (&'static str, Kind)> {
    let shared = SHARED.iter().map(|(slot, shown, _)| (*shown, common(*slot).1));
    let own = OWN.iter().map(|own| (own.shown, own.kind));
    std::iter::once((DEPLOYMENT, Kind::Text)).chain(shared).chain(own)
}
