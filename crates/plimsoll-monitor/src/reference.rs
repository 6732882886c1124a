//! What traffic is compared with: for each column the cells that a reference froze, its counts in
//! them, and how far it strays from itself.

use crate::explain::Contributions;
use crate::staleness::Limits;
use crate::tally::{Values, number};
use crate::together::{Numeric, Together, Weights};
use plimsoll_contract::{CompiledContract, CompiledSource, Kind, Source as Mapped};
use plimsoll_stats::cells::Cells;
use plimsoll_stats::multivariate::{ROWS_MAX as SAMPLE_MAX, SEED, choose};
use plimsoll_stats::sample::Sample;
use plimsoll_stats::summary::{
    CATEGORIES_MAX, CategorySummary, CodeSummary, Edges, NumberSummary, cells_for,
};
use plimsoll_types::{Cell, Digest, Rows, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cells of a numeric column: enough that what moves within one is less than two hundredths of
/// the population, few enough that a decision of 25 features is counted in a microsecond.
const CELLS: usize = 60;
/// Rows that a reference may have: in memory 200 MB of 100 columns. A sample of so many says
/// everything that a comparison can use.
pub const MAX_ROWS: usize = 250_000;
/// The fewest rows that shares can be compared with.
pub const MIN_ROWS: usize = 100;
/// Columns of a reference: features, outputs, and outputs within slices.
const MAX_COLUMNS: usize = 512;
/// Outputs that are watched one by one: classes of a classifier.
const MAX_OUTPUTS: usize = 16;
/// Parts of one declared slice that are watched one by one.
const MAX_PARTS: usize = 16;
/// Different texts of one column while a reference is read.
const MAX_TEXTS: usize = 100_000;
/// Into how many parts, in the order of its rows, a reference is cut to see how far it strays
/// from itself, and the fewest rows of one.
const PARTS: usize = 20;
const PART_ROWS: usize = 500;

/// Where a column's values come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The field at this position of a row.
    Field(usize),
    /// The model's output at this position.
    Output(usize),
    /// How far a row is from what the reference's columns say together: [`Reference::joint`].
    Joint,
}

/// A part of the population: the rows whose field has this value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Slice {
    /// The field's position.
    pub place: usize,
    /// The category's position in the contract's list; of a boolean 0 or 1.
    pub code: u32,
    /// The contract's words for it: `region = west`.
    pub text: String,
}

impl Slice {
    pub(crate) fn holds(&self, cells: &[Cell]) -> bool {
        match cells.get(self.place) {
            Some(Cell::Category(code)) => *code == self.code,
            Some(Cell::Boolean(value)) => u32::from(*value) == self.code,
            _ => false,
        }
    }
}

/// One column of a reference.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Column {
    /// The field, or the output; a wide output's with its position: `probabilities[1]`.
    pub name: String,
    /// Where its values come from.
    pub source: Source,
    /// Of which part of the population, if not of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slice: Option<Slice>,
    /// What the reference holds.
    pub values: Values,
    /// The standard deviation of its numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deviation: Option<f64>,
    /// How far parts of the reference are from the whole of it: the largest difference of the
    /// distribution functions (of categories: of a share) beyond chance.
    pub strays: f64,
}

/// The test of a column that is shown beside the distances, with the limits that tools give it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// Population stability index over tenths, at most 0.1.
    Psi,
    /// Jensen–Shannon distance in nats, at most 0.1, as Evidently has it.
    JensenShannon,
    /// Jensen–Shannon distance, base 2, at most 0.1.
    #[serde(rename = "jensen_shannon_base_2")]
    JensenShannonBase2,
    /// Hellinger distance, at most 0.1.
    Hellinger,
    /// Wasserstein distance in standard deviations, at most 0.1; of numbers.
    Wasserstein,
    /// Two-sample Kolmogorov–Smirnov, p at least 0.05; of numbers.
    Ks,
    /// Chi-square of the cells' counts, p at least 0.05.
    ChiSquare,
}

impl Test {
    /// Every test, with its name.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Psi, "psi"),
        (Self::JensenShannon, "jensen_shannon"),
        (Self::JensenShannonBase2, "jensen_shannon_base_2"),
        (Self::Hellinger, "hellinger"),
        (Self::Wasserstein, "wasserstein"),
        (Self::Ks, "ks"),
        (Self::ChiSquare, "chi_square"),
    ];
    /// The test of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, own)| *own == name).map(|(test, _)| test)
    }
}

/// How a deployment is watched.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habits {
    /// A window's length in seconds; windows begin at multiples of it since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_seconds: Option<u64>,
    /// Or the rows after which one ends, at the end of a slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_rows: Option<u64>,
    /// Fewer rows in a window are not enough to say anything.
    pub min_rows: u64,
    /// What is put up with: the largest difference of the distribution functions, 0 to 1.
    pub tolerance: f64,
    /// False alerts that are put up with in thirty days, over everything that is watched here.
    pub alerts_per_month: f64,
    /// Windows in a row that a change is to be seen in before it is told.
    pub persistence: u32,
    /// Tests of single columns, in place of what Evidently takes by default.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, Test>,
    /// Days after which the reference is too old.
    pub max_age_days: u32,
    /// The day after which somebody is to look at model and reference again, if one was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Time>,
    /// How old other things may be.
    #[serde(default)]
    pub limits: Limits,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            window_seconds: Some(86_400),
            window_rows: None,
            min_rows: 200,
            tolerance: 0.1,
            alerts_per_month: 1.0,
            persistence: 2,
            tests: BTreeMap::new(),
            max_age_days: 180,
            review_by: None,
            limits: Limits::default(),
        }
    }
}

/// What the traffic of one version is compared with.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Reference {
    /// The contract whose rows these are.
    pub contract: Digest,
    /// From when on traffic is compared with it.
    pub from: Time,
    /// When it was made.
    pub made: Time,
    /// Where its rows are from, in words: a file, decisions of a time.
    pub origin: String,
    /// Rows.
    pub rows: u64,
    /// Rows that did not keep the contract, and are not in it.
    pub refused: u64,
    /// How the deployment is watched.
    pub habits: Habits,
    /// Its columns.
    pub columns: Vec<Column>,
    /// What its columns say together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub joint: Option<Together>,
    /// How much of the score hangs on each field.
    #[serde(default, skip_serializing_if = "Weights::is_empty")]
    pub weights: Weights,
    /// What its fields contributed to its scores, where the version can be explained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contributions: Option<Contributions>,
}

/// Why something is no reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Too few rows.
    #[error("a reference needs at least {MIN_ROWS} rows that keep the contract, and {0} do")]
    Few(usize),
    /// Too many rows.
    #[error("a reference has at most {MAX_ROWS} rows; send a sample of them")]
    Many,
    /// Habits that make no sense.
    #[error("{0}")]
    Habit(&'static str),
}

impl Habits {
    /// Checks that they make sense.
    ///
    /// # Errors
    /// [`ReferenceError::Habit`] says which does not.
    pub fn check(&self) -> Result<(), ReferenceError> {
        let wrong = |what| Err(ReferenceError::Habit(what));
        match (self.window_seconds, self.window_rows) {
            (Some(1..=31_536_000), None) | (None, Some(1..)) => {}
            _ => {
                return wrong(
                    "a window has either `window_seconds`, 1 to a year's, or `window_rows`",
                );
            }
        }
        if !(self.tolerance > 0.0 && self.tolerance < 1.0) {
            return wrong("`tolerance` must be between 0 and 1");
        }
        if !(self.alerts_per_month > 0.0 && self.alerts_per_month <= 1_000.0) {
            return wrong("`alerts_per_month` must be above 0 and at most 1000");
        }
        if self.min_rows == 0 || !(1..=100).contains(&self.persistence) || self.max_age_days == 0 {
            return wrong(
                "`min_rows`, `persistence` (at most 100) and `max_age_days` must be at least 1",
            );
        }
        let limits = &self.limits;
        let ages = [
            limits.model_days,
            limits.training_data_days,
            limits.evaluation_days,
            limits.outcome_days,
        ];
        if ages.contains(&0) || !(limits.outside > 0.0 && limits.outside <= 1.0) {
            return wrong(
                "limits of ages must be at least 1 day, that of values outside above 0 and at most 1",
            );
        }
        Ok(())
    }
}

/// The values of a column while a reference is read.
#[derive(Debug)]
enum Read {
    /// NaN is a missing one.
    Numbers(Vec<f64>),
    /// [`NONE`] is a missing one; how many the contract lists.
    Codes(Vec<u32>, usize),
    /// Counts by text, and missing ones.
    Texts(BTreeMap<Box<str>, u64>, u64),
    /// Nothing that is compared: times, tensors.
    Nothing,
}

const NONE: u32 = u32::MAX;
/// A text that the contract does not list.
const UNLISTED: u32 = u32::MAX - 1;

/// Reads rows, in their order, and makes a reference of them.
#[derive(Debug)]
pub struct Builder {
    contract: Digest,
    names: Vec<String>,
    fields: Vec<Read>,
    /// Parts of declared slices: where, which, in words.
    slices: Vec<Slice>,
    output: String,
    outputs: Vec<Vec<f64>>,
    rows: usize,
}

impl Builder {
    /// A builder for rows of this contract, and answers of `width` numbers that are called
    /// `output`.
    #[must_use]
    pub fn new(contract: &CompiledContract, digest: Digest, output: &str, width: usize) -> Self {
        let fields = (0..contract.width()).filter_map(|place| contract.field(place));
        let (names, fields) = fields
            .map(|field| {
                let read = match field.kind {
                    Kind::Number | Kind::Integer => Read::Numbers(Vec::new()),
                    Kind::Boolean => Read::Codes(Vec::new(), 2),
                    Kind::Category => Read::Codes(Vec::new(), field.values.len()),
                    Kind::String => Read::Texts(BTreeMap::new(), 0),
                    Kind::Timestamp | Kind::Tensor => Read::Nothing,
                };
                (field.name.clone(), read)
            })
            .unzip();
        let declared = contract.mapping().slices.iter();
        Self {
            contract: digest,
            names,
            fields,
            slices: declared.flat_map(|source| parts(contract, source)).collect(),
            output: output.to_owned(),
            outputs: vec![Vec::new(); width.min(MAX_OUTPUTS)],
            rows: 0,
        }
        .without_identities(contract)
    }

    /// What names a person or an occasion is different every time, and compared with nothing.
    fn without_identities(mut self, contract: &CompiledContract) -> Self {
        let map = contract.mapping();
        let sources = map.subjects.iter().chain(&map.interaction).chain(&map.event_time);
        for source in sources {
            if let Mapped::Field(place) = source.source
                && let Some(read) = self.fields.get_mut(place)
            {
                *read = Read::Nothing;
            }
        }
        self
    }

    /// Reads validated rows and what the model answers to them, row-major; `outputs` may be
    /// empty.
    ///
    /// # Errors
    /// [`ReferenceError::Many`] at more than [`MAX_ROWS`].
    pub fn read(&mut self, rows: &Rows, outputs: &[f64]) -> Result<(), ReferenceError> {
        let width = outputs.len() / rows.len().max(1);
        for row in 0..rows.len() {
            if self.rows == MAX_ROWS {
                return Err(ReferenceError::Many);
            }
            self.rows += 1;
            let cells = rows.row(row);
            for (place, read) in self.fields.iter_mut().enumerate() {
                read.push(rows, cells.get(place).copied().unwrap_or(Cell::Null));
            }
            for (place, read) in self.outputs.iter_mut().enumerate() {
                let value = (place < width).then(|| outputs.get(row * width + place)).flatten();
                read.push(value.copied().unwrap_or(f64::NAN));
            }
        }
        Ok(())
    }

    /// The reference. `refused` rows did not keep the contract.
    ///
    /// # Errors
    /// [`ReferenceError`] if there are too few rows.
    pub fn finish(
        self,
        habits: Habits,
        origin: String,
        refused: u64,
        (made, from): (Time, Time),
    ) -> Result<Reference, ReferenceError> {
        habits.check()?;
        if self.rows < MIN_ROWS {
            return Err(ReferenceError::Few(self.rows));
        }
        let mut columns = Vec::new();
        for (place, (name, read)) in self.names.iter().zip(&self.fields).enumerate() {
            columns.extend(read.column(name, Source::Field(place)));
        }
        let is_wide = self.outputs.len() > 1;
        for (place, values) in self.outputs.iter().enumerate() {
            let name = match is_wide {
                true => format!("{}[{place}]", self.output),
                false => self.output.clone(),
            };
            columns.extend(numbers(values, &name, Source::Output(place)));
        }
        self.slice_scores(&mut columns);
        columns.truncate(MAX_COLUMNS - 1);
        let chosen = choose(self.rows, SAMPLE_MAX, SEED);
        let numeric: Vec<Numeric> = self.fields.iter().map(|read| read.numeric(&chosen)).collect();
        let joint = Together::fit(&numeric);
        columns.extend(
            joint
                .as_ref()
                .and_then(|(_, errors)| numbers(errors, crate::together::NAME, Source::Joint)),
        );
        let score = self.outputs.get(score_of(self.outputs.len()));
        let score: Vec<f64> = score
            .map(|values| chosen.iter().filter_map(|row| values.get(*row).copied()).collect())
            .unwrap_or_default();
        let weights = Weights::of(&self.names, &numeric, &score);
        let rows = self.rows as u64;
        Ok(Reference {
            contract: self.contract,
            from,
            made,
            origin,
            rows,
            refused,
            habits,
            columns,
            joint: joint.map(|(joint, _)| joint),
            weights,
            contributions: None,
        })
    }

    /// The first output within each part of each declared slice that has rows enough.
    fn slice_scores(&self, columns: &mut Vec<Column>) {
        let score = score_of(self.outputs.len());
        let Some(values) = self.outputs.get(score) else { return };
        let Some(name) = columns
            .iter()
            .find(|column| column.source == Source::Output(score))
            .map(|column| column.name.clone())
        else {
            return;
        };
        for slice in &self.slices {
            let Some(Read::Codes(codes, _)) = self.fields.get(slice.place) else { continue };
            let own = codes.iter().zip(values).filter(|(code, _)| **code == slice.code);
            let own: Vec<f64> = own.map(|(_, value)| *value).collect();
            if own.len() >= MIN_ROWS
                && let Some(column) = numbers(&own, &name, Source::Output(score))
            {
                columns.push(Column { slice: Some(slice.clone()), ..column });
            }
        }
    }
}

/// The output that stands for all of them: of two classes the second says as much as the first; of
/// more, each is watched overall.
#[must_use]
pub fn score_of(outputs: usize) -> usize {
    outputs.saturating_sub(1).min(1)
}

/// The parts of a slice that a contract declares: those of a category or boolean.
fn parts(contract: &CompiledContract, source: &CompiledSource) -> Vec<Slice> {
    let Mapped::Field(place) = source.source else { return Vec::new() };
    let Some(field) = contract.field(place) else { return Vec::new() };
    let values: Vec<String> = match field.kind {
        Kind::Category => field.values.clone(),
        Kind::Boolean => vec!["false".to_owned(), "true".to_owned()],
        _ => return Vec::new(),
    };
    let parts = values.into_iter().take(MAX_PARTS).zip(0..);
    parts
        .map(|(value, code)| Slice { place, code, text: format!("{} = {value}", field.name) })
        .collect()
}

impl Read {
    fn push(&mut self, rows: &Rows, cell: Cell) {
        match self {
            Self::Numbers(values) => values.push(number(cell).unwrap_or(f64::NAN)),
            Self::Codes(codes, _) => codes.push(match cell {
                Cell::Category(code) => code,
                Cell::Boolean(value) => u32::from(value),
                Cell::Text { .. } => UNLISTED,
                _ => NONE,
            }),
            Self::Texts(counts, missing) => match rows.text_of(cell) {
                None => *missing += 1,
                Some(text) => {
                    // Beyond the bound only what is known is counted: the frequent ones are.
                    if counts.len() < MAX_TEXTS && !counts.contains_key(text) {
                        counts.insert(text.into(), 0);
                    }
                    if let Some(count) = counts.get_mut(text) {
                        *count += 1;
                    }
                }
            },
            Self::Nothing => {}
        }
    }

    /// The chosen rows as numbers, for what looks at columns together.
    fn numeric(&self, chosen: &[usize]) -> Numeric {
        let code = |code: u32| match code {
            NONE => f64::NAN,
            UNLISTED => crate::together::UNLISTED,
            code => f64::from(code),
        };
        match self {
            Self::Numbers(values) => {
                let chosen = chosen.iter().filter_map(|row| values.get(*row).copied());
                Numeric::Numbers(chosen.collect())
            }
            Self::Codes(codes, listed) => {
                let chosen = chosen.iter().filter_map(|row| codes.get(*row).copied());
                Numeric::Codes(chosen.map(code).collect(), *listed)
            }
            Self::Texts(..) | Self::Nothing => Numeric::Nothing,
        }
    }

    fn column(&self, name: &str, source: Source) -> Option<Column> {
        match self {
            Self::Numbers(values) => numbers(values, name, source),
            Self::Codes(codes, listed) => Some(categories(codes, *listed, name, source)),
            Self::Texts(counts, missing) => {
                let values = Values::Texts(texts(counts, *missing)?);
                let (deviation, strays) = (None, 0.0);
                Some(Column {
                    name: name.to_owned(),
                    source,
                    slice: None,
                    values,
                    deviation,
                    strays,
                })
            }
            Self::Nothing => None,
        }
    }
}

/// The column of these numbers; nothing if none is there.
fn numbers(values: &[f64], name: &str, source: Source) -> Option<Column> {
    let sample = Sample::new(values.to_vec(), false);
    if sample.is_empty() {
        return None;
    }
    let edges = Edges::freeze(&sample, cells_for(sample.len()).min(CELLS));
    let summary = |values: &[f64]| {
        let mut summary = NumberSummary::new(edges.clone());
        values.iter().for_each(|value| summary.see(*value));
        summary
    };
    let whole = summary(values);
    let part = (values.len() / PARTS).max(PART_ROWS);
    let strays = values
        .chunks_exact(part)
        .filter(|_| values.len() > part)
        .filter_map(|part| summary(part).kolmogorov_smirnov(&whole).ok());
    let strays = beyond_chance(strays, part);
    Some(Column {
        name: name.to_owned(),
        source,
        slice: None,
        deviation: Some(sample.deviation()),
        values: Values::Numbers(whole),
        strays,
    })
}

fn categories(codes: &[u32], listed: usize, name: &str, source: Source) -> Column {
    let summary = |codes: &[u32]| {
        let mut summary = CodeSummary::new(listed);
        for code in codes {
            match *code {
                NONE => summary.see_missing(),
                code => summary.see(code as usize),
            }
        }
        summary
    };
    let whole = summary(codes);
    let part = (codes.len() / PARTS).max(PART_ROWS);
    let strays = codes
        .chunks_exact(part)
        .filter(|_| codes.len() > part)
        .filter_map(|part| summary(part).cells(&whole).ok())
        .map(|cells: Cells| cells.l_infinity());
    let strays = beyond_chance(strays, part);
    let values = Values::Codes(whole);
    Column { name: name.to_owned(), source, slice: None, values, deviation: None, strays }
}

/// The largest of these distances of parts of `rows` rows, less what chance alone makes of the
/// largest of [`PARTS`] in nineteen references of twenty (Dvoretzky–Kiefer–Wolfowitz, Massart).
fn beyond_chance(distances: impl Iterator<Item = f64>, rows: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
    let chance = ((2.0 * PARTS as f64 / 0.05).ln() / (2.0 * rows as f64)).sqrt();
    distances.filter(|distance| distance.is_finite()).fold(0.0, f64::max).max(chance) - chance
}

/// The most frequent texts by name; nothing if hardly one comes twice, as with names.
fn texts(counts: &BTreeMap<Box<str>, u64>, missing: u64) -> Option<CategorySummary> {
    let all: u64 = counts.values().sum();
    if all == 0 || counts.len() as u64 > all / 2 {
        return None;
    }
    let mut order: Vec<(&str, u64)> = counts.iter().map(|(text, n)| (&**text, *n)).collect();
    order.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut summary =
        CategorySummary::new(order.iter().take(CATEGORIES_MAX).map(|(text, _)| *text));
    for (text, count) in order {
        (0..count).for_each(|_| summary.see(Some(text)));
    }
    (0..missing).for_each(|_| summary.see(None));
    Some(summary)
}
