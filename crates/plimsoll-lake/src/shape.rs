//! The columns of one deployment's decision table: those every table has, and those its
//! contracts and models brought over time. A column is added when it is first met and never
//! changed, so tables of different hours are read together by the names of their columns.
//!
//! A feature that changes its kind, or comes to be sealed, gets a further *variant*: another
//! stored column that is shown under the same name.

use crate::column::Kind;
use crate::error::LakeError;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// The most stored columns of a table. Contracts have at most 4,096 fields; this is how often
/// all of them may change their kind. Further columns are left out.
const MAX_VARIANTS: usize = 16_384;

/// What a column that every table has comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Level {
    /// The leaf, or what everybody may know who may see the decision.
    Leaf,
    /// The body: only for those who may read it, and gone with its keys.
    Body,
    /// Never shown: what opens and erases the others.
    Hidden,
}

/// A column that every table has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) level: Level,
}

macro_rules! common {
    ($($slot:ident $name:literal $kind:ident $level:ident,)+) => {
        /// The place of each column that every table has.
        #[expect(dead_code, reason = "phases are reached by counting from the first")]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(usize)]
        pub(crate) enum Slot { $($slot,)+ }

        /// The columns that every table has, by [`Slot`].
        pub(crate) const COMMON: &[Common] = &[
            $(Common { name: $name, kind: Kind::$kind, level: Level::$level },)+
        ];
    };
}

common! {
    DecisionId "decision_id" Text Leaf,
    Index "index" Count Leaf,
    Row "row" Count Leaf,
    Rows "rows" Count Body,
    Time "time" Time Leaf,
    Version "version" Count Leaf,
    Route "route" Text Leaf,
    Result "result" Text Leaf,
    Phase "phase" Text Leaf,
    Code "code" Text Body,
    FallbackReason "fallback_reason" Text Leaf,
    Model "model" Text Leaf,
    Contract "contract" Text Leaf,
    Interaction "interaction" Text Leaf,
    ReplayOf "replay_of" Text Leaf,
    Subject "subject" Text Body,
    Principal "principal" Text Body,
    ApiKey "api_key" Text Body,
    Correlation "correlation" Text Body,
    EventTime "event_time" Time Body,
    Flags "flags" Text Body,
    RequestBytes "request_bytes" Count Body,
    LatencyNs "latency_ns" Count Body,
    AcceptNs "accept_ns" Count Body,
    AuthenticateNs "authenticate_ns" Count Body,
    ResolveNs "resolve_ns" Count Body,
    AdmitNs "admit_ns" Count Body,
    AuthorizeNs "authorize_ns" Count Body,
    ValidateNs "validate_ns" Count Body,
    PlanNs "plan_ns" Count Body,
    PredictNs "predict_ns" Count Body,
    GuardNs "guard_ns" Count Body,
    ExplainNs "explain_ns" Count Body,
    RecordNs "record_ns" Count Body,
    RespondNs "respond_ns" Count Body,
    Keys "_keys" Bytes Hidden,
    Salt "_salt" Bytes Hidden,
}

/// The name that every table shows its deployment under; no stored column.
pub(crate) const DEPLOYMENT: &str = "deployment";

/// Where a column of a deployment's own comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A feature of the input contract.
    Feature,
    /// A context field of the input contract.
    Context,
    /// A header that the contract maps to a slice key.
    Slice,
    /// An output of the model.
    Output,
    /// The pseudonym of a further subject.
    Subject,
    /// What was told of a decision later.
    Outcome,
}

impl Role {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Feature => "feature",
            Self::Context => "context",
            Self::Slice => "slice",
            Self::Output => "output",
            Self::Subject => "subject",
            Self::Outcome => "outcome",
        }
    }
}

/// A stored column of a deployment's own.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Variant {
    /// The name it is shown under.
    pub(crate) name: String,
    /// The name it is stored under.
    pub(crate) stored: String,
    /// What its values are, once they are open.
    pub(crate) kind: Kind,
    /// Whether its cells are sealed.
    pub(crate) sealed: bool,
    pub(crate) role: Role,
}

impl Variant {
    /// What is stored: the values, or their sealed forms.
    pub(crate) fn stored_kind(&self) -> Kind {
        if self.sealed { Kind::Bytes } else { self.kind }
    }
}

/// The columns of one deployment's table.
#[derive(Clone, Default, Debug)]
pub(crate) struct Shape {
    variants: Vec<Variant>,
    /// Field's or output's own name, role, kind, sealed → place in `variants`.
    known: HashMap<(String, Role, Kind, bool), usize>,
}

/// The file that keeps a shape.
#[derive(Serialize, Deserialize)]
struct Document {
    format: u32,
    columns: Vec<Stored>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    /// The field's or output's own name.
    of: String,
    #[serde(flatten)]
    variant: Variant,
}

const FORMAT: u32 = 1;

impl Shape {
    /// The place among all columns of the variant for `of`, added if it is new; `None` if
    /// there are too many.
    pub(crate) fn place(
        &mut self,
        of: &str,
        role: Role,
        kind: Kind,
        sealed: bool,
    ) -> Option<usize> {
        let key = (of.to_owned(), role, kind, sealed);
        if let Some(place) = self.known.get(&key) {
            return Some(COMMON.len() + place);
        }
        if self.variants.len() >= MAX_VARIANTS {
            return None;
        }
        let sibling = self.known.iter().find(|((name, r, ..), _)| name == of && *r == role);
        let sibling = sibling.and_then(|(_, place)| self.variants.get(*place));
        let name = match sibling {
            Some(variant) => variant.name.clone(),
            None => self.free(of, |shape, name| shape.variants.iter().any(|v| v.name == name)),
        };
        let wish = if sealed { format!("sealed#{name}") } else { name.clone() };
        let stored =
            self.free(&wish, |shape, name| shape.variants.iter().any(|v| v.stored == name));
        let place = self.variants.len();
        self.variants.push(Variant { name, stored, kind, sealed, role });
        self.known.insert(key, place);
        Some(COMMON.len() + place)
    }

    /// `wish`, with as many underscores as it takes to be nobody else's name.
    fn free(&self, wish: &str, taken: impl Fn(&Self, &str) -> bool) -> String {
        let mut name = wish.to_owned();
        let common = |name: &str| name == DEPLOYMENT || COMMON.iter().any(|c| c.name == name);
        while common(&name) || taken(self, &name) {
            name.push('_');
        }
        name
    }

    /// The deployment's own columns.
    pub(crate) fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// The kind that the column at `place` stores.
    pub(crate) fn stored_kind(&self, place: usize) -> Option<Kind> {
        match COMMON.get(place) {
            Some(common) => Some(common.kind),
            None => self.variants.get(place - COMMON.len()).map(Variant::stored_kind),
        }
    }

    /// The stored name of the column at `place`.
    pub(crate) fn stored_name(&self, place: usize) -> Option<&str> {
        match COMMON.get(place) {
            Some(common) => Some(common.name),
            None => self.variants.get(place - COMMON.len()).map(|variant| &*variant.stored),
        }
    }

    /// All stored columns, as files of this table are read: texts as views, which are cheaper
    /// to read.
    pub(crate) fn schema(&self) -> SchemaRef {
        let common = COMMON.iter().map(|common| (common.name, common.kind));
        let own = self.variants.iter().map(|variant| (&*variant.stored, variant.stored_kind()));
        let field = |(name, kind): (&str, Kind)| {
            let data_type = match kind {
                Kind::Text => DataType::Utf8View,
                kind => kind.data_type(),
            };
            Field::new(name, data_type, true)
        };
        Arc::new(Schema::new(common.chain(own).map(field).collect::<Vec<_>>()))
    }

    /// The shape as a document.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        let mut columns: Vec<(usize, Stored)> = Vec::new();
        for ((of, ..), &place) in &self.known {
            if let Some(variant) = self.variants.get(place) {
                columns.push((place, Stored { of: of.clone(), variant: variant.clone() }));
            }
        }
        columns.sort_by_key(|(place, _)| *place);
        let columns = columns.into_iter().map(|(_, stored)| stored).collect();
        serde_json::to_vec_pretty(&Document { format: FORMAT, columns }).map_err(LakeError::table)
    }

    /// The shape in a document; `None` if it is not one of this version.
    pub(crate) fn from_json(bytes: &[u8]) -> Option<Self> {
        let document: Document = serde_json::from_slice(bytes).ok()?;
        if document.format != FORMAT || document.columns.len() > MAX_VARIANTS {
            return None;
        }
        let mut shape = Self::default();
        for Stored { of, variant } in document.columns {
            let key = (of, variant.role, variant.kind, variant.sealed);
            shape.known.insert(key, shape.variants.len());
            shape.variants.push(variant);
        }
        Some(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_added_and_never_changed() {
        let mut shape = Shape::default();
        let age = shape.place("age", Role::Feature, Kind::Integer, false).expect("place");
        assert_eq!(age, COMMON.len());
        assert_eq!(shape.place("age", Role::Feature, Kind::Integer, false), Some(age));
        shape.place("age", Role::Feature, Kind::Number, false).expect("place");
        shape.place("age", Role::Feature, Kind::Number, true).expect("place");
        shape.place("time", Role::Feature, Kind::Number, false).expect("place");
        shape.place("age", Role::Output, Kind::Number, false).expect("place");
        let names: Vec<_> = shape.variants().iter().map(|v| (&*v.name, &*v.stored)).collect();
        assert_eq!(
            names,
            [
                ("age", "age"),
                ("age", "age_"),
                ("age", "sealed#age"),
                ("time_", "time_"),
                ("age_", "age__"),
            ]
        );
        let again = Shape::from_json(&shape.to_json().expect("json")).expect("shape");
        assert_eq!(again.variants, shape.variants);
        assert_eq!(again.known, shape.known);
        assert!(Shape::from_json(b"{\"format\":2,\"columns\":[]}").is_none());
    }

    #[test]
    fn every_slot_is_its_column() {
        assert_eq!(COMMON.get(Slot::Salt as usize).map(|c| c.name), Some("_salt"));
        assert_eq!(COMMON.len(), Slot::Salt as usize + 1);
        for (phase, slot) in plimsoll_types::Phase::ALL.iter().zip(Slot::AcceptNs as usize..) {
            assert_eq!(COMMON.get(slot).map(|c| c.name), Some(&*format!("{phase}_ns")));
        }
    }
}
