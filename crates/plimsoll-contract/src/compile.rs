//! The compiled contract: immutable, shared by all requests, built once.

use crate::check::{MAX_INTEGER_NUMBER, bounds};
use crate::contract::{Contract, ContractError, Field, Kind, MapSource, OnViolation};
use crate::grpc;
use crate::index::NameIndex;
use crate::oip::{self, Envelope};
use crate::pattern::Pattern;
use crate::tabular::{self, Table};
use crate::writer::{Scratch, Violations};
use plimsoll_types::{Cell, RefusalCode, Rows};
use std::borrow::Cow;

/// Cells of one request: 16 MiB of them. A short body that leaves nullable fields out can
/// ask for rows × fields cells, so this bounds what a small request may allocate.
const MAX_CELLS: usize = 1 << 20;

/// Characters of a string whose contract says nothing.
const DEFAULT_MAX_LENGTH: u32 = 256;

/// A checked contract in the form that validation runs on.
#[derive(Debug)]
pub struct CompiledContract {
    contract: Contract,
    pub(crate) rules: Box<[Rule]>,
    pub(crate) index: NameIndex,
    pub(crate) features: usize,
    pub(crate) max_rows: u32,
    /// One bit for each field that may not be absent.
    pub(crate) required: Box<[u64]>,
    /// Nullable fields that the map nevertheless requires.
    pub(crate) required_keys: Box<[usize]>,
    map: CompiledMap,
}

/// One field, ready to judge values.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Box<str>,
    /// The name as JSON text, with its quotes.
    pub(crate) quoted: Box<[u8]>,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) on_violation: OnViolation,
    /// Whether a number must also fit the model's 32-bit floats.
    pub(crate) single: bool,
    low: f64,
    high: f64,
    open_low: bool,
    open_high: bool,
    pub(crate) values: NameIndex,
    pub(crate) max_length: usize,
    pub(crate) pattern: Option<Pattern>,
    /// Elements of one row of a tensor; 1 for other kinds.
    pub(crate) elements: usize,
    pub(crate) shape: Box<[u64]>,
}

/// The compiled map: where to find subjects, interaction id, event time and slice keys.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CompiledMap {
    /// The persons a decision is about.
    pub subjects: Box<[CompiledSource]>,
    /// The interaction id.
    pub interaction: Option<CompiledSource>,
    /// The event time.
    pub event_time: Option<CompiledSource>,
    /// The keys that monitoring groups by.
    pub slices: Box<[CompiledSource]>,
}

/// One source of a mapped key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompiledSource {
    /// The name of the field, or of the header in lower case.
    pub name: Box<str>,
    /// Where to read it.
    pub source: Source,
    /// Whether a request without it is refused. Validation does so for fields; for headers it
    /// is the gateway's business ([`RefusalCode::MissingMapping`]).
    pub required: bool,
}

/// Where to read a mapped key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// The field at this position: features first, then context.
    Field(usize),
    /// The header called [`CompiledSource::name`].
    Header,
}

impl CompiledContract {
    /// Checks and compiles `contract`.
    ///
    /// # Errors
    /// [`ContractError::Problems`] with everything that is wrong with it.
    pub fn compile(contract: &Contract) -> Result<Self, ContractError> {
        let problems = contract.check();
        if !problems.is_empty() {
            return Err(ContractError::Problems(problems));
        }
        let features = contract.features.len();
        let rules: Box<[Rule]> = contract
            .fields()
            .enumerate()
            .map(|(place, field)| Rule::new(field, place < features))
            .collect();
        let index = NameIndex::new(rules.iter().map(|rule| &*rule.name));
        let map = CompiledMap::new(contract, &index);
        let fits = u32::try_from(MAX_CELLS / rules.len().max(1)).unwrap_or(u32::MAX);
        Ok(Self {
            required: bits(rules.iter().map(|rule| !rule.nullable)),
            required_keys: map.required_keys(&rules),
            max_rows: contract.limits.max_rows.min(fits.max(1)),
            contract: contract.clone(),
            rules,
            index,
            features,
            map,
        })
    }

    /// Validates the body of one `infer` request of the Open Inference Protocol v2 (REST) and
    /// fills `scratch` with its rows and flags. The body's size is the caller's business.
    ///
    /// # Errors
    /// Every rule that the request breaks, up to 16; what breaks the protocol itself ends the
    /// reading at once.
    pub fn validate_oip<'a>(
        &self,
        body: &'a [u8],
        scratch: &mut Scratch,
    ) -> Result<Envelope<'a>, Violations> {
        oip::read(self, body, &[], scratch)
    }

    /// Validates a request of the Open Inference Protocol v2 (REST) whose tensors, or some of
    /// them, follow the JSON as raw bytes (the binary tensor extension).
    ///
    /// # Errors
    /// As [`validate_oip`](Self::validate_oip).
    pub fn validate_binary<'a>(
        &self,
        json: &'a [u8],
        binary: &'a [u8],
        scratch: &mut Scratch,
    ) -> Result<Envelope<'a>, Violations> {
        oip::read(self, json, binary, scratch)
    }

    /// Validates a `ModelInferRequest` of the Open Inference Protocol v2 over gRPC.
    ///
    /// # Errors
    /// As [`validate_oip`](Self::validate_oip).
    pub fn validate_grpc<'a>(
        &self,
        message: &'a [u8],
        scratch: &mut Scratch,
    ) -> Result<Envelope<'a>, Violations> {
        grpc::read(self, message, scratch)
    }

    /// Validates a request that carries a table.
    ///
    /// # Errors
    /// As [`validate_oip`](Self::validate_oip).
    pub fn validate_table<'a>(
        &self,
        table: Table,
        body: &'a [u8],
        scratch: &mut Scratch,
    ) -> Result<Envelope<'a>, Violations> {
        tabular::read(self, table, body, scratch)
    }

    /// The document this was compiled from.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }
    /// Fields per row: features and context.
    #[must_use]
    pub fn width(&self) -> usize {
        self.rules.len()
    }
    /// How many of the fields, from the first, are features.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }
    /// The field at position `place` of a row.
    #[must_use]
    pub fn field(&self, place: usize) -> Option<&Field> {
        let context = || self.contract.context.get(place.checked_sub(self.features)?);
        self.contract.features.get(place).or_else(context)
    }
    /// The position of the field called `name`.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.index.find(name)
    }
    /// The map.
    #[must_use]
    pub fn mapping(&self) -> &CompiledMap {
        &self.map
    }

    /// The key that `source` names in row `row`, as text: a text as it is, a category's text,
    /// a boolean as `true` or `false`, a number in its shortest form, a timestamp as
    /// microseconds. `None` if it is null, or `source` is a header.
    #[must_use]
    pub fn mapped_text<'r>(
        &'r self,
        rows: &'r Rows,
        row: usize,
        source: &CompiledSource,
    ) -> Option<Cow<'r, str>> {
        let Source::Field(place) = source.source else { return None };
        let cell = *rows.row(row).get(place)?;
        match cell {
            Cell::Null | Cell::Tensor { .. } => None,
            Cell::Boolean(value) => Some(Cow::Borrowed(if value { "true" } else { "false" })),
            Cell::Integer(value) | Cell::Timestamp(value) => Some(value.to_string().into()),
            Cell::Number(value) => Some(value.to_string().into()),
            Cell::Category(value) => {
                let text = self.rules.get(place)?.values.get(usize::try_from(value).ok()?)?;
                Some(Cow::Borrowed(text))
            }
            Cell::Text { .. } => rows.text_of(cell).map(Cow::Borrowed),
        }
    }

    /// The event time of row `row` in microseconds since 1970, if the map names a field for
    /// it and the field is not null. A header's text goes through
    /// [`parse_timestamp`](crate::parse_timestamp).
    #[must_use]
    pub fn event_time(&self, rows: &Rows, row: usize) -> Option<i64> {
        let Source::Field(place) = self.map.event_time.as_ref()?.source else { return None };
        match rows.row(row).get(place)? {
            Cell::Timestamp(micros) => Some(*micros),
            _ => None,
        }
    }
}

impl Rule {
    fn new(field: &Field, is_feature: bool) -> Self {
        let (low, high) = bounds(field);
        let elements = field.shape.iter().map(|&size| size as usize).product();
        Self {
            name: field.name.as_str().into(),
            quoted: format!("\"{}\"", field.name).into_bytes().into(),
            kind: field.kind,
            nullable: field.nullable,
            on_violation: field.on_violation,
            single: is_feature,
            low: low.unwrap_or(f64::NEG_INFINITY),
            high: high.unwrap_or(f64::INFINITY),
            open_low: field.exclusive_min.is_some(),
            open_high: field.exclusive_max.is_some(),
            values: NameIndex::new(field.values.iter().map(String::as_str)),
            max_length: field.max_length.unwrap_or(DEFAULT_MAX_LENGTH) as usize,
            pattern: field.pattern.as_deref().and_then(|text| Pattern::new(text).ok()),
            elements,
            shape: field.shape.iter().map(|&size| size.into()).collect(),
        }
    }

    /// Whether `value` is inside the allowed range.
    pub(crate) fn allows(&self, value: f64) -> bool {
        let above = if self.open_low { value > self.low } else { value >= self.low };
        let below = if self.open_high { value < self.high } else { value <= self.high };
        above && below
    }

    /// The nearest end of the range. Only for rules that clamp, whose bounds are closed.
    pub(crate) fn nearest(&self, value: f64) -> f64 {
        value.max(self.low).min(self.high)
    }

    /// The rule that `code` says was broken, in words of the contract.
    pub(crate) fn text(&self, code: RefusalCode) -> Cow<'static, str> {
        match code {
            RefusalCode::OutOfRange => self.range_text().into(),
            RefusalCode::NotAllowedValue => values_text(&self.values).into(),
            RefusalCode::TooLong => {
                format!("must be at most {} characters", self.max_length).into()
            }
            RefusalCode::PatternMismatch => "must match the pattern of the contract".into(),
            RefusalCode::InvalidTimestamp => {
                "must be a timestamp of RFC 3339, such as 2026-11-22T06:40:00Z".into()
            }
            RefusalCode::NullNotAllowed => "must not be null".into(),
            RefusalCode::MissingField => "must be present".into(),
            RefusalCode::MissingMapping => "must not be null, because it is a mapped key".into(),
            RefusalCode::WrongKind => self.kind_text().into(),
            RefusalCode::DatatypeMismatch => self.datatype_text().into(),
            RefusalCode::ShapeMismatch => self.shape_text().into(),
            other => other.as_str().into(),
        }
    }

    fn range_text(&self) -> String {
        let least = |open| if open { "greater than" } else { "at least" };
        let most = |open| if open { "less than" } else { "at most" };
        let (low, high) = (self.low, self.high);
        let mut text = match (low.is_finite(), high.is_finite()) {
            (true, true) if !self.open_low && !self.open_high => {
                return format!("must be between {low} and {high}");
            }
            (true, true) => {
                let (least, most) = (least(self.open_low), most(self.open_high));
                return format!("must be {least} {low} and {most} {high}");
            }
            (true, false) => format!("must be {} {low}", least(self.open_low)),
            (false, true) => format!("must be {} {high}", most(self.open_high)),
            (false, false) => "must be finite".to_owned(),
        };
        if self.single {
            text.push_str(", also as a 32-bit float");
        }
        text
    }

    fn kind_text(&self) -> &'static str {
        match self.kind {
            Kind::Number => "must be a number",
            Kind::Integer => "must be an integer",
            Kind::Boolean => "must be a boolean",
            Kind::Category | Kind::String => "must be a text",
            Kind::Timestamp => "must be a timestamp",
            Kind::Tensor => "must have numbers as elements",
        }
    }

    fn datatype_text(&self) -> &'static str {
        match self.kind {
            Kind::Number | Kind::Tensor => "must be sent as FP32, FP64 or an integer datatype",
            Kind::Integer => "must be sent as an integer datatype",
            Kind::Boolean => "must be sent as BOOL",
            Kind::Category | Kind::String => "must be sent as BYTES",
            Kind::Timestamp => "must be sent as BYTES (RFC 3339) or INT64 (microseconds)",
        }
    }

    fn shape_text(&self) -> String {
        if self.shape.is_empty() {
            return "must have the shape [rows] or [rows, 1], and as many values".to_owned();
        }
        let sizes: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        format!("must have the shape [rows, {}], and as many values", sizes.join(", "))
    }
}

/// At most eight values are listed: a refusal is a sentence, not a catalogue.
fn values_text(values: &NameIndex) -> String {
    const LISTED: usize = 8;
    let mut text = "must be one of ".to_owned();
    for (place, value) in values.names().enumerate() {
        if place == LISTED {
            text.push_str(", …");
            break;
        }
        if place > 0 {
            text.push_str(", ");
        }
        text.push('`');
        text.push_str(value);
        text.push('`');
    }
    text
}

impl CompiledMap {
    fn new(contract: &Contract, index: &NameIndex) -> Self {
        let source = |source: &MapSource| compile_source(source, index);
        let sources = |list: &[MapSource]| list.iter().filter_map(source).collect();
        Self {
            subjects: sources(&contract.map.subjects),
            interaction: contract.map.interaction.as_ref().and_then(source),
            event_time: contract.map.event_time.as_ref().and_then(source),
            slices: sources(&contract.map.slices),
        }
    }

    /// Every source, each with what it is for.
    pub fn sources(&self) -> impl Iterator<Item = &CompiledSource> {
        let single = self.interaction.iter().chain(&self.event_time);
        self.subjects.iter().chain(single).chain(&self.slices)
    }

    fn required_keys(&self, rules: &[Rule]) -> Box<[usize]> {
        let key = |one: &CompiledSource| match one.source {
            Source::Field(place) if one.required && rules.get(place)?.nullable => Some(place),
            Source::Field(_) | Source::Header => None,
        };
        let mut keys: Vec<usize> = self.sources().filter_map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into()
    }
}

/// `None` only for a source that the check refuses.
fn compile_source(source: &MapSource, index: &NameIndex) -> Option<CompiledSource> {
    let required = source.required;
    match (&source.field, &source.header) {
        (Some(name), _) => {
            let source = Source::Field(index.find(name)?);
            Some(CompiledSource { name: name.as_str().into(), source, required })
        }
        (None, Some(name)) => {
            let name = name.to_ascii_lowercase().into();
            Some(CompiledSource { name, source: Source::Header, required })
        }
        (None, None) => None,
    }
}

/// Packs `flags` into words of 64.
fn bits(flags: impl Iterator<Item = bool>) -> Box<[u64]> {
    let flags: Vec<bool> = flags.collect();
    flags
        .chunks(64)
        .map(|chunk| chunk.iter().rev().fold(0, |word, &flag| word << 1 | u64::from(flag)))
        .collect()
}

/// The largest 32-bit float.
pub(crate) const SINGLE_MAX: f64 = f32::MAX as f64;

/// Whether `value` is a whole number that every reader keeps exactly.
pub(crate) fn is_whole(value: f64) -> bool {
    value.fract() == 0.0 && value.abs() <= MAX_INTEGER_NUMBER
}
