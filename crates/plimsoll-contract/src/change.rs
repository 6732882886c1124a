//! What a change of a contract means for callers of the one before: is every request that it took
//! still taken, and does it still mean the same?
//!
//! Where that cannot be decided (two patterns, say), the change counts as breaking. What a model
//! needs is another question; see `bind.rs`.

use crate::contract::{Contract, Field, Kind, MapSource, OnViolation};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The longest text that a field takes unless told; see [`Field::max_length`].
const LENGTH_USUAL: u32 = 256;

/// Something that is different between two contracts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// The field, or the part of the contract.
    pub what: String,
    /// What is different, in words.
    pub says: String,
    /// Whether a caller of the contract before may be refused, or be taken to mean something else.
    pub is_breaking: bool,
}

/// Everything that is different for callers, in the order of the later contract's fields, then
/// what is gone, then the rest. What is only for people (descriptions) is no change.
#[must_use]
pub fn changes(before: &Contract, after: &Contract) -> Vec<Change> {
    let mut found = Changes(Vec::new());
    let old: BTreeMap<&str, (&Field, bool)> = fields(before).collect();
    let new: BTreeMap<&str, (&Field, bool)> = fields(after).collect();
    for (name, (field, is_feature)) in fields(after) {
        match old.get(name) {
            None if field.nullable => found.minor(name, "is new, and may be absent"),
            None => found.breaking(name, "is new, and has to be there"),
            Some((was, was_feature)) => {
                if *was_feature != is_feature {
                    found.breaking(name, "is given to the model, or no more");
                }
                found.field(was, field);
            }
        }
    }
    for (name, _) in fields(before).filter(|(name, _)| !new.contains_key(name)) {
        found.breaking(name, "is not taken any more");
    }
    found.rest(before, after);
    found.0
}

/// Every field by name, and whether the model gets it.
fn fields(contract: &Contract) -> impl Iterator<Item = (&str, (&Field, bool))> {
    let features = contract.features.iter().map(|field| (field.name.as_str(), (field, true)));
    features.chain(contract.context.iter().map(|field| (field.name.as_str(), (field, false))))
}

struct Changes(Vec<Change>);

/// A bound: its value, and whether the value itself is out.
type Bound = Option<(f64, bool)>;

fn lower(field: &Field) -> Bound {
    stricter(field.min, field.exclusive_min, |a, b| a > b)
}

fn upper(field: &Field) -> Bound {
    stricter(field.max, field.exclusive_max, |a, b| a < b)
}

/// Of an inclusive and an exclusive bound the one that leaves less.
fn stricter(
    inclusive: Option<f64>,
    exclusive: Option<f64>,
    is_more: fn(f64, f64) -> bool,
) -> Bound {
    match (inclusive, exclusive) {
        (Some(inclusive), Some(exclusive)) if is_more(inclusive, exclusive) => {
            Some((inclusive, false))
        }
        (_, Some(exclusive)) => Some((exclusive, true)),
        (inclusive, None) => inclusive.map(|value| (value, false)),
    }
}

/// Whether a bound leaves out what the one before took.
fn is_tighter(before: Bound, after: Bound, is_more: fn(f64, f64) -> bool) -> bool {
    match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some((old, was_out)), Some((new, is_out))) => {
            is_more(new, old) || (new == old && is_out && !was_out)
        }
    }
}

impl Changes {
    fn add(&mut self, what: &str, says: &str, is_breaking: bool) {
        self.0.push(Change { what: what.to_owned(), says: says.to_owned(), is_breaking });
    }
    fn breaking(&mut self, what: &str, says: &str) {
        self.add(what, says, true);
    }
    fn minor(&mut self, what: &str, says: &str) {
        self.add(what, says, false);
    }

    fn field(&mut self, was: &Field, is: &Field) {
        let name = is.name.as_str();
        if was.kind != is.kind {
            return self.breaking(name, "is of another kind");
        }
        if was.unit != is.unit {
            self.breaking(name, "has another unit");
        }
        if was.nullable != is.nullable {
            match is.nullable {
                true => self.minor(name, "may be absent"),
                false => self.breaking(name, "has to be there"),
            }
        }
        if was.shape != is.shape {
            self.breaking(name, "has another shape");
        }
        if was.class != is.class {
            self.minor(name, "is personal in another way");
        }
        self.range(was, is);
        self.texts(was, is);
        self.violation(was, is);
    }

    fn range(&mut self, was: &Field, is: &Field) {
        let (low, high) = ((lower(was), lower(is)), (upper(was), upper(is)));
        if is_tighter(low.0, low.1, |a, b| a > b) || is_tighter(high.0, high.1, |a, b| a < b) {
            self.breaking(&is.name, "takes a smaller range");
        } else if low.0 != low.1 || high.0 != high.1 {
            self.minor(&is.name, "takes a larger range");
        }
    }

    fn texts(&mut self, was: &Field, is: &Field) {
        if is.kind == Kind::Category && was.values != is.values {
            // The model gets a value's place in the list.
            match is.values.starts_with(&was.values) {
                true => self.minor(&is.name, "takes more values, after those before"),
                false => self.breaking(&is.name, "takes other values, or in another order"),
            }
        }
        let length = |field: &Field| field.max_length.unwrap_or(LENGTH_USUAL);
        match length(is).cmp(&length(was)) {
            std::cmp::Ordering::Less => self.breaking(&is.name, "takes shorter texts"),
            std::cmp::Ordering::Greater => self.minor(&is.name, "takes longer texts"),
            std::cmp::Ordering::Equal => {}
        }
        if was.pattern != is.pattern {
            match is.pattern {
                None => self.minor(&is.name, "takes texts of any pattern"),
                Some(_) => self.breaking(&is.name, "takes texts of another pattern"),
            }
        }
    }

    fn violation(&mut self, was: &Field, is: &Field) {
        use OnViolation::{Clamp, Flag, Refuse};
        match (was.on_violation, is.on_violation) {
            (Refuse, Refuse) | (Flag, Flag) | (Clamp, Clamp) => {}
            (Refuse, Flag | Clamp) => self.minor(&is.name, "refuses no more what breaks a rule"),
            (_, Refuse) => self.breaking(&is.name, "refuses what breaks a rule"),
            (Flag, Clamp) | (Clamp, Flag) => {
                self.breaking(&is.name, "treats what breaks a rule in another way");
            }
        }
    }

    fn rest(&mut self, before: &Contract, after: &Contract) {
        if before.matrix != after.matrix {
            match before.matrix {
                None => self.minor("matrix", "all features may come as one"),
                Some(_) => self.breaking("matrix", "has another name, or is not taken any more"),
            }
        }
        let names = |contract: &Contract| -> Vec<String> {
            contract.features.iter().map(|field| field.name.clone()).collect()
        };
        if before.matrix.is_some() && names(before) != names(after) {
            self.breaking("matrix", "its columns are others, or in another order");
        }
        let demanded = |contract: &Contract| -> Vec<MapSource> {
            let map = &contract.map;
            let single = map.interaction.iter().chain(&map.event_time);
            let all = map.subjects.iter().chain(&map.slices).chain(single);
            all.filter(|source| source.required).cloned().collect()
        };
        let old = demanded(before);
        if demanded(after).iter().any(|source| !old.contains(source)) {
            self.breaking("map", "a key has to be there that had not");
        } else if before.map != after.map {
            self.minor("map", "keys are found elsewhere");
        }
        for (name, was, is) in [
            ("limits.max_rows", before.limits.max_rows, after.limits.max_rows),
            ("limits.max_body_bytes", before.limits.max_body_bytes, after.limits.max_body_bytes),
        ] {
            match is.cmp(&was) {
                std::cmp::Ordering::Less => self.breaking(name, "is smaller"),
                std::cmp::Ordering::Greater => self.minor(name, "is larger"),
                std::cmp::Ordering::Equal => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CompiledContract, Scratch};
    use proptest::prelude::*;

    const BASE: &str = r"
version: 1
features:
  - { name: age, kind: integer, unit: years, min: 18, max: 100 }
  - { name: home, kind: category, values: [rent, own] }
  - { name: ratio, kind: number, exclusive_min: 0, max: 1, nullable: true }
context:
  - { name: id, kind: string, max_length: 10, pattern: 'A\d{9}' }
map:
  interaction: { field: id }
limits: { max_rows: 8, max_body_bytes: 4096, error_detail: full }
";

    fn contract(text: &str) -> Contract {
        Contract::from_yaml(text).unwrap()
    }

    #[test]
    fn each_change_is_told_and_breaks_or_not() {
        for (from, to, says, is_breaking) in [
            ("unit: years", "unit: months", "another unit", true),
            ("min: 18", "min: 21", "smaller range", true),
            ("min: 18", "min: 16", "larger range", false),
            ("min: 18, ", "", "larger range", false),
            ("max: 100", "exclusive_max: 100", "smaller range", true),
            ("exclusive_min: 0", "min: 0", "larger range", false),
            ("kind: integer", "kind: number", "another kind", true),
            ("[rent, own]", "[rent, own, family]", "more values", false),
            ("[rent, own]", "[own, rent]", "another order", true),
            ("[rent, own]", "[rent]", "other values", true),
            (", nullable: true", "", "has to be there", true),
            ("values: [rent, own]", "values: [rent, own], nullable: true", "may be absent", false),
            ("max_length: 10", "max_length: 9", "shorter texts", true),
            ("max_length: 10", "max_length: 12", "longer texts", false),
            (r", pattern: 'A\d{9}'", "", "any pattern", false),
            (r"'A\d{9}'", r"'B\d{9}'", "another pattern", true),
            ("max_rows: 8", "max_rows: 7", "is smaller", true),
            ("max_rows: 8", "max_rows: 9", "is larger", false),
            ("max: 100 }", "max: 100, on_violation: clamp }", "refuses no more", false),
            ("context:\n", "  - { name: new, kind: boolean }\ncontext:\n", "has to be there", true),
            (
                "context:\n",
                "  - { name: new, kind: boolean, nullable: true }\ncontext:\n",
                "may be absent",
                false,
            ),
            ("{ field: id }", "{ header: x-id }", "has to be there that had not", true),
            ("{ field: id }", "{ header: x-id, required: false }", "found elsewhere", false),
        ] {
            let (before, after) = (contract(BASE), contract(&BASE.replace(from, to)));
            assert_ne!(before, after, "{from}");
            let found = changes(&before, &after);
            assert!(
                found.iter().any(|one| one.says.contains(says) && one.is_breaking == is_breaking),
                "{from} -> {to}: {found:?}"
            );
            assert_eq!(found.iter().any(|one| one.is_breaking), is_breaking, "{to}: {found:?}");
        }
        let before = contract(BASE);
        let mut gone = before.clone();
        gone.context.clear();
        let found = changes(&before, &gone);
        assert!(found.iter().any(|one| one.what == "id" && one.is_breaking), "{found:?}");
        let mut moved = before.clone();
        let field = moved.context.remove(0);
        moved.features.push(field);
        assert!(changes(&before, &moved).iter().any(|one| one.is_breaking));
        let mut told = before.clone();
        told.features[0].description = Some("for people".into());
        assert_eq!(changes(&before, &told), []);
    }

    fn number() -> impl Strategy<Value = Field> {
        let bound = || proptest::option::of((-3_i8..3).prop_map(f64::from));
        (bound(), bound(), bound(), bound(), any::<bool>()).prop_map(
            |(min, max, above, below, nullable)| Field {
                min: min.map(|min| min - 2.0),
                max: max.map(|max| max + 2.0),
                exclusive_min: above.map(|above| above - 2.0),
                exclusive_max: below.map(|below| below + 2.0),
                nullable,
                ..contract(BASE).features[2].clone()
            },
        )
    }

    proptest! {
        /// Without a breaking change, what the contract before took the later one takes.
        #[test]
        fn what_was_taken_is_taken(was in number(), is in number(), value in -6_i8..6) {
            let of = |field: &Field| {
                let features = vec![field.clone()];
                let map = crate::Mapping::default();
                Contract { features, context: Vec::new(), map, ..contract(BASE) }
            };
            let (before, after) = (of(&was), of(&is));
            prop_assume!(!changes(&before, &after).iter().any(|one| one.is_breaking));
            let (Ok(before), Ok(after)) =
                (CompiledContract::compile(&before), CompiledContract::compile(&after))
            else {
                return Ok(());
            };
            let body = format!(
                r#"{{"inputs":[{{"name":"ratio","shape":[1],"datatype":"FP64","data":[{value}]}}]}}"#
            );
            let mut scratch = Scratch::default();
            let taken = |contract: &CompiledContract, scratch: &mut Scratch| {
                contract.validate_oip(body.as_bytes(), scratch).is_ok()
            };
            if taken(&before, &mut scratch) {
                prop_assert!(taken(&after, &mut scratch));
            }
        }
    }
}
