//! What can be wrong with a contract, each with the place where it is.

use crate::contract::{CONTRACT_VERSION, Contract, Field, Kind, MapSource, OnViolation};
use crate::pattern::Pattern;
use std::collections::HashSet;
use std::fmt;

/// Features of one contract. Wider rows than this are tensors.
pub(crate) const MAX_FEATURES: usize = 4096;
/// Context fields of one contract; they identify and group, a few dozen do.
pub(crate) const MAX_CONTEXT: usize = 256;
/// Bytes of a field's name; the longest column names databases allow are 63 to 128.
pub(crate) const MAX_FIELD_NAME: usize = 128;
/// Texts of one category. More is an identifier, which is a string.
pub(crate) const MAX_VALUES: usize = 4096;
/// Bytes of one text of a category.
pub(crate) const MAX_VALUE_BYTES: usize = 256;
/// Characters of a string, whatever the contract says.
pub(crate) const MAX_LENGTH: u32 = 65_536;
/// Dimensions of one row of a tensor; one more is the row.
pub(crate) const MAX_TENSOR_DIMS: usize = 7;
/// Elements of one row of a tensor: 8 MiB of numbers.
pub(crate) const MAX_TENSOR_ELEMENTS: u64 = 1 << 20;
/// Rows of one request.
pub(crate) const MAX_ROWS: u32 = 65_536;
/// Bytes of one body. Byte positions are kept in 32 bits, so this may not pass 4 GiB.
pub(crate) const MAX_BODY_BYTES: u32 = 64 << 20;
/// Subjects of one decision; each has a key of their own in the record.
pub(crate) const MAX_SUBJECTS: usize = 8;
/// Slice keys of one deployment; each multiplies the monitor's windows.
pub(crate) const MAX_SLICES: usize = 16;
/// 2^53: integers up to here are exact in every reader of JSON.
pub(crate) const MAX_INTEGER: i64 = 1 << 53;
/// The same as a number.
pub(crate) const MAX_INTEGER_NUMBER: f64 = 9_007_199_254_740_992.0;

/// One thing that is wrong with a contract.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where: `features[3].min`.
    pub path: String,
    /// What is wrong, and what to do.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// Everything that is wrong with `contract`, in its order.
pub(crate) fn check(contract: &Contract) -> Vec<Problem> {
    let mut check = Check { problems: Vec::new(), contract };
    check.document();
    check.matrix();
    check.map();
    check.problems
}

/// The bounds of a field are open or closed on either side.
pub(crate) fn bounds(field: &Field) -> (Option<f64>, Option<f64>) {
    (field.min.or(field.exclusive_min), field.max.or(field.exclusive_max))
}

struct Check<'a> {
    problems: Vec<Problem>,
    contract: &'a Contract,
}

impl Check<'_> {
    fn say(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.problems.push(Problem { path: path.into(), message: message.into() });
    }

    fn deny(&mut self, wrong: bool, path: &str, member: &str, message: &str) {
        if wrong {
            self.say(format!("{path}.{member}"), message);
        }
    }

    fn document(&mut self) {
        let contract = self.contract;
        if contract.version != CONTRACT_VERSION {
            self.say("version", format!("must be {CONTRACT_VERSION}"));
        }
        if contract.features.is_empty() || contract.features.len() > MAX_FEATURES {
            self.say("features", format!("must be 1 to {MAX_FEATURES} fields"));
        }
        if contract.context.len() > MAX_CONTEXT {
            self.say("context", format!("must be at most {MAX_CONTEXT} fields"));
        }
        let mut names = HashSet::new();
        for (part, fields) in [("features", &contract.features), ("context", &contract.context)] {
            for (place, field) in fields.iter().enumerate() {
                let path = format!("{part}[{place}]");
                if !names.insert(field.name.as_str()) {
                    self.say(format!("{path}.name"), format!("`{}` is used twice", field.name));
                }
                self.field(&path, field);
                if part == "features" && field.kind == Kind::Timestamp {
                    let kind = field.kind.as_str();
                    let message = format!("a model cannot take a {kind}; move it to `context`");
                    self.say(format!("{path}.kind"), message);
                }
            }
        }
        let limits = &contract.limits;
        self.deny(
            !(1..=MAX_ROWS).contains(&limits.max_rows),
            "limits",
            "max_rows",
            "must be 1 to 65536",
        );
        self.deny(
            !(1..=MAX_BODY_BYTES).contains(&limits.max_body_bytes),
            "limits",
            "max_body_bytes",
            "must be 1 to 67108864 (64 MiB)",
        );
    }

    fn field(&mut self, path: &str, field: &Field) {
        self.deny(
            !is_field_name(&field.name),
            path,
            "name",
            "must be 1 to 128 bytes without control characters, quotes, backslashes or outer space",
        );
        self.range(path, field);
        self.values(path, field);
        self.text(path, field);
        self.shape(path, field);
        let clamps = field.on_violation == OnViolation::Clamp;
        let closed = field.exclusive_min.is_none() && field.exclusive_max.is_none();
        let bounded = field.min.is_some() || field.max.is_some();
        self.deny(
            clamps && !(is_numeric(field.kind) && closed && bounded),
            path,
            "on_violation",
            "clamp needs a number, integer or tensor with `min` or `max`; use flag or refuse",
        );
    }

    fn range(&mut self, path: &str, field: &Field) {
        let given = [
            ("min", field.min),
            ("max", field.max),
            ("exclusive_min", field.exclusive_min),
            ("exclusive_max", field.exclusive_max),
        ];
        for (member, bound) in given {
            let Some(bound) = bound else { continue };
            self.deny(!bound.is_finite(), path, member, "must be finite");
            self.deny(
                !is_numeric(field.kind),
                path,
                member,
                "only a number, integer or tensor has a range",
            );
            self.deny(
                field.kind == Kind::Integer && bound.abs() > MAX_INTEGER_NUMBER,
                path,
                member,
                "must be within 2^53",
            );
            self.deny(
                field.kind == Kind::Integer && bound.fract() != 0.0,
                path,
                member,
                "must be a whole number",
            );
        }
        let both = "give either an inclusive or an exclusive bound";
        self.deny(
            field.min.is_some() && field.exclusive_min.is_some(),
            path,
            "exclusive_min",
            both,
        );
        self.deny(
            field.max.is_some() && field.exclusive_max.is_some(),
            path,
            "exclusive_max",
            both,
        );
        if let (Some(low), Some(high)) = bounds(field) {
            let open = field.exclusive_min.is_some() || field.exclusive_max.is_some();
            let empty = low > high || (open && low >= high);
            self.deny(empty, path, "min", "the range is empty: the least exceeds the greatest");
        }
    }

    fn values(&mut self, path: &str, field: &Field) {
        if field.kind != Kind::Category {
            self.deny(!field.values.is_empty(), path, "values", "only a category has values");
            return;
        }
        self.deny(
            field.values.is_empty() || field.values.len() > MAX_VALUES,
            path,
            "values",
            "must be 1 to 4096 texts",
        );
        let mut seen = HashSet::new();
        for (place, value) in field.values.iter().enumerate() {
            let member = format!("values[{place}]");
            self.deny(!seen.insert(value), path, &member, "is there twice");
            self.deny(value.len() > MAX_VALUE_BYTES, path, &member, "must be at most 256 bytes");
        }
    }

    fn text(&mut self, path: &str, field: &Field) {
        let is_string = field.kind == Kind::String;
        if let Some(length) = field.max_length {
            self.deny(!is_string, path, "max_length", "only a string has a length");
            self.deny(
                !(1..=MAX_LENGTH).contains(&length),
                path,
                "max_length",
                "must be 1 to 65536",
            );
        }
        if let Some(pattern) = &field.pattern {
            self.deny(!is_string, path, "pattern", "only a string has a pattern");
            if let Err(error) = Pattern::new(pattern) {
                self.say(format!("{path}.pattern"), error.to_string());
            }
        }
    }

    fn shape(&mut self, path: &str, field: &Field) {
        if field.kind != Kind::Tensor {
            self.deny(!field.shape.is_empty(), path, "shape", "only a tensor has a shape");
            return;
        }
        self.deny(field.nullable, path, "nullable", "a tensor is always there");
        let elements =
            field.shape.iter().try_fold(1_u64, |all, &size| all.checked_mul(size.into()));
        let fits = elements.is_some_and(|all| (1..=MAX_TENSOR_ELEMENTS).contains(&all));
        self.deny(
            !fits || field.shape.is_empty() || field.shape.len() > MAX_TENSOR_DIMS,
            path,
            "shape",
            "must be 1 to 7 sizes of at least 1 with a product of at most 1048576",
        );
    }

    fn matrix(&mut self) {
        let Some(name) = &self.contract.matrix else { return };
        let taken = self.contract.fields().any(|field| field.name == *name);
        let numeric = |kind| matches!(kind, Kind::Number | Kind::Integer | Kind::Boolean);
        if taken || !is_field_name(name) {
            self.say("matrix", "must be a name that no field has");
        }
        if !self.contract.features.iter().all(|field| numeric(field.kind)) {
            self.say("matrix", "needs features that are all number, integer or boolean");
        }
    }

    fn map(&mut self) {
        let map = &self.contract.map;
        if map.subjects.len() > MAX_SUBJECTS {
            self.say("map.subjects", format!("must be at most {MAX_SUBJECTS}"));
        }
        if map.slices.len() > MAX_SLICES {
            self.say("map.slices", format!("must be at most {MAX_SLICES}"));
        }
        for (part, sources) in [("subjects", &map.subjects), ("slices", &map.slices)] {
            for (place, source) in sources.iter().enumerate() {
                let path = format!("map.{part}[{place}]");
                let before = sources.get(..place).unwrap_or_default();
                let same =
                    |one: &MapSource| (&one.field, &one.header) == (&source.field, &source.header);
                if before.iter().any(same) {
                    self.say(path.as_str(), "is there twice");
                }
                self.source(&path, source);
            }
        }
        if let Some(source) = &map.interaction {
            self.source("map.interaction", source);
        }
        if let Some(source) = &map.event_time {
            self.source("map.event_time", source);
            let field = source.field.as_ref().and_then(|name| self.find(name));
            if field.is_some_and(|field| field.kind != Kind::Timestamp) {
                self.say("map.event_time.field", "must be a timestamp");
            }
        }
    }

    fn source(&mut self, path: &str, source: &MapSource) {
        match (&source.field, &source.header) {
            (Some(name), None) => match self.find(name) {
                None => self.say(format!("{path}.field"), format!("no field is called `{name}`")),
                Some(field) if field.kind == Kind::Tensor => {
                    self.say(format!("{path}.field"), "a tensor cannot be a key");
                }
                Some(_) => {}
            },
            (None, Some(name)) if is_header_name(name) => {}
            (None, Some(_)) => self.say(format!("{path}.header"), "is not a header name"),
            _ => self.say(path, "give exactly one of `field` and `header`"),
        }
    }

    fn find(&self, name: &str) -> Option<&Field> {
        self.contract.fields().find(|field| field.name == name)
    }
}

fn is_numeric(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Integer | Kind::Tensor)
}

/// The rule keeps names such that their JSON text is the name between quotes, unescaped.
fn is_field_name(name: &str) -> bool {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    (1..=MAX_FIELD_NAME).contains(&name.len()) && name.chars().all(plain) && name.trim() == name
}

/// A token of RFC 9110 §5.6.2.
fn is_header_name(name: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=MAX_FIELD_NAME).contains(&name.len()) && name.bytes().all(token)
}
