//! Judges values against the contract's rules and writes them into rows.
//!
//! Every dialect of request ends here: it names a field, a row and a [`Value`], and this file
//! decides what becomes of it. It must not know how the value was written.

use crate::check::MAX_INTEGER;
use crate::compile::{CompiledContract, Rule, SINGLE_MAX, is_whole};
use crate::contract::{Kind, OnViolation};
use crate::timestamp::parse_timestamp;
use plimsoll_types::{Cell, Phase, Refusal, RefusalCode as Code, Rows};
use std::fmt;

/// Refusals gathered from one request. Enough to fix a client in one go.
const MAX_VIOLATIONS: usize = 16;

/// Flags kept of one request: all fields of a wide row. The rest are counted.
const MAX_FLAGS: usize = 4096;

/// What is kept from a large request to the next one: 3 MiB in all, per `Scratch`.
const KEPT_CELLS: usize = 1 << 16;
const KEPT_BYTES: usize = 1 << 20;

/// Memory that one request after the other reuses.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The rows of the last request that was accepted.
    pub rows: Rows,
    /// The values of it that break a rule but were let through, at most 4,096.
    pub flags: Vec<Flag>,
    /// How many values more were flagged.
    pub flags_dropped: u32,
    /// One bit for each field: whether the request had it.
    seen: Vec<u64>,
    /// Where a string with escapes is decoded.
    pub(crate) buffer: String,
}

pub use plimsoll_types::record::Flag;

/// Why a request was refused: one refusal at least, the first one first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violations {
    primary: Refusal,
    others: Vec<Refusal>,
}

impl Violations {
    /// The first refusal; it stands for the request in records and metrics.
    #[must_use]
    pub fn primary(&self) -> &Refusal {
        &self.primary
    }
    /// Every refusal, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = &Refusal> {
        std::iter::once(&self.primary).chain(&self.others)
    }
    fn from_list(mut list: Vec<Refusal>) -> Option<Self> {
        let others = list.split_off(list.len().min(1));
        list.pop().map(|primary| Self { primary, others })
    }
}

impl From<Refusal> for Violations {
    fn from(primary: Refusal) -> Self {
        Self { primary, others: Vec::new() }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.primary.fmt(f)?;
        self.others.iter().try_for_each(|refusal| write!(f, "; {refusal}"))
    }
}

impl std::error::Error for Violations {}

/// Why reading stopped.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The text cannot be read here.
    Text(Code),
    /// This, said in full.
    Refusal(Box<Refusal>),
    /// [`MAX_VIOLATIONS`] were gathered.
    Enough,
}

impl Fault {
    /// The same with the place in the text where it is.
    #[cold]
    pub(crate) fn at(self, position: usize) -> Self {
        let Self::Text(code) = self else { return self };
        let what = match code {
            Code::MalformedJson => "not JSON",
            Code::NestingTooDeep => "nested too deep",
            Code::BareNan => "NaN and Infinity are not JSON; send null",
            Code::IntegerUnsafe => "an integer beyond 2^53",
            Code::InvalidUtf8 => "half of a surrogate pair",
            Code::OutOfRange => "a number beyond a double",
            other => other.as_str(),
        };
        refuse(code, format!("{what}, at byte {position}")).into()
    }
}

impl From<Code> for Fault {
    fn from(code: Code) -> Self {
        Self::Text(code)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(Box::new(refusal))
    }
}

/// A value of a request, before the contract has judged it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value<'a> {
    /// Absent.
    Null,
    /// True or false.
    Boolean(bool),
    /// A whole number within ±2^53.
    Integer(i64),
    /// Finite.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// Not what the dialect's own typing promised: a code, and its rule where the contract's
    /// words do not say it.
    Wrong(Code, Option<&'static str>),
}

/// Fills the rows of one request.
#[derive(Debug)]
pub(crate) struct FieldWriter<'c, 's> {
    contract: &'c CompiledContract,
    scratch: &'s mut Scratch,
    /// How many rows there are; 0 until the first field says so.
    rows: u32,
    /// Whether rows come one after the other, so that their number is known only at the end.
    by_row: bool,
    violations: Vec<Refusal>,
}

impl<'c, 's> FieldWriter<'c, 's> {
    pub(crate) fn new(contract: &'c CompiledContract, scratch: &'s mut Scratch) -> Self {
        scratch.rows.clear(contract.width());
        scratch.rows.cells.shrink_to(KEPT_CELLS);
        scratch.rows.text.shrink_to(KEPT_BYTES);
        scratch.rows.numbers.shrink_to(KEPT_CELLS);
        scratch.buffer.shrink_to(KEPT_BYTES);
        scratch.flags.clear();
        scratch.flags_dropped = 0;
        scratch.seen.clear();
        scratch.seen.resize(contract.required.len(), 0);
        Self { contract, scratch, rows: 0, by_row: false, violations: Vec::new() }
    }

    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Says how many rows the next field has. All fields must agree.
    #[inline]
    pub(crate) fn set_rows(&mut self, rows: u64) -> Result<(), Fault> {
        if u64::from(self.rows) == rows && rows > 0 {
            return Ok(());
        }
        let most = self.contract.max_rows;
        let count = match u32::try_from(rows) {
            Ok(0) => {
                return Err(refuse(Code::ShapeMismatch, "there must be at least one row").into());
            }
            Ok(count) if count <= most => count,
            _ => {
                return Err(
                    refuse(Code::TooManyRows, format!("must be at most {most} rows")).into()
                );
            }
        };
        if self.rows != 0 {
            return Err(refuse(
                Code::ShapeMismatch,
                "all fields must have the same number of rows",
            )
            .into());
        }
        self.rows = count;
        self.scratch.rows.cells.resize(self.contract.width() * count as usize, Cell::Null);
        Ok(())
    }

    /// Adds a row of nulls, the next one, and says which it is.
    pub(crate) fn add_row(&mut self) -> Result<usize, Fault> {
        let most = self.contract.max_rows;
        if self.rows == most {
            return Err(refuse(Code::TooManyRows, format!("must be at most {most} rows")).into());
        }
        let row = self.rows as usize;
        self.by_row = true;
        self.rows += 1;
        self.scratch.rows.cells.resize(self.contract.width() * (row + 1), Cell::Null);
        Ok(row)
    }

    /// Forgets which fields were there: each row says so anew.
    pub(crate) fn begin_fields(&mut self) {
        self.scratch.seen.fill(0);
    }

    /// Looks for what is missing in the last row.
    pub(crate) fn end_fields(&mut self) -> Result<(), Fault> {
        self.missing_fields()?;
        // Said once; the end of the request need not say it again.
        for (seen, required) in self.scratch.seen.iter_mut().zip(&self.contract.required) {
            *seen |= required;
        }
        Ok(())
    }

    /// Marks `field` as there; false if it already was.
    #[inline]
    pub(crate) fn claim(&mut self, field: usize) -> bool {
        let bit = 1 << (field % 64);
        match self.scratch.seen.get_mut(field / 64) {
            Some(word) if *word & bit == 0 => {
                *word |= bit;
                true
            }
            _ => false,
        }
    }

    /// Judges one value of a field that is not a tensor and writes its cell.
    #[inline]
    pub(crate) fn put(&mut self, field: usize, row: usize, value: Value<'_>) -> Result<(), Fault> {
        let Some(rule) = self.contract.rules.get(field) else { return Err(Code::Internal.into()) };
        match self.cell(rule, (field, row), value) {
            Ok(cell) => self.set(field, row, cell),
            Err(code) => {
                let said = if let Value::Wrong(_, said) = value { said } else { None };
                self.violate_rule(rule, row, code, said)
            }
        }
    }

    /// Like [`put`](Self::put), for a dialect that has only one type of number: whole numbers
    /// are integers, 0 and 1 are booleans.
    pub(crate) fn put_untyped(
        &mut self,
        field: usize,
        row: usize,
        value: Value<'_>,
    ) -> Result<(), Fault> {
        let kind = self.contract.rules.get(field).map(|rule| rule.kind);
        let value = match (kind, value) {
            (Some(Kind::Integer), Value::Number(number)) if is_whole(number) => {
                Value::Integer(whole(number))
            }
            (Some(Kind::Boolean), Value::Number(0.0) | Value::Integer(0)) => Value::Boolean(false),
            (Some(Kind::Boolean), Value::Number(1.0) | Value::Integer(1)) => Value::Boolean(true),
            _ => value,
        };
        self.put(field, row, value)
    }

    /// Judges one element of a tensor. Elements come in order, so the first makes the cell.
    pub(crate) fn put_element(
        &mut self,
        field: usize,
        row: usize,
        element: usize,
        value: Value<'_>,
    ) -> Result<(), Fault> {
        let Some(rule) = self.contract.rules.get(field) else { return Err(Code::Internal.into()) };
        if element == 0 {
            let start = position(self.scratch.rows.numbers.len())?;
            let len = position(rule.elements)?;
            self.set(field, row, Cell::Tensor { start, len })?;
        }
        let judged = match value {
            Value::Number(number) => self.number(rule, (field, row), number),
            Value::Integer(integer) => self.number(rule, (field, row), double(integer)),
            Value::Null => Err(Code::NullNotAllowed),
            Value::Wrong(code, _) => Err(code),
            Value::Boolean(_) | Value::Text(_) => Err(Code::WrongKind),
        };
        match judged {
            Ok(number) => {
                self.scratch.rows.numbers.push(number);
                Ok(())
            }
            Err(code) => self.violate(field, row, code),
        }
    }

    /// Gathers a violation of the contract by `field`.
    #[cold]
    pub(crate) fn violate(&mut self, field: usize, row: usize, code: Code) -> Result<(), Fault> {
        let Some(rule) = self.contract.rules.get(field) else { return Err(Code::Internal.into()) };
        self.violate_rule(rule, row, code, None)
    }

    #[cold]
    fn violate_rule(
        &mut self,
        rule: &Rule,
        row: usize,
        code: Code,
        said: Option<&'static str>,
    ) -> Result<(), Fault> {
        let text = said.map_or_else(|| rule.text(code), Into::into);
        let mut refusal = refuse(code, text).with_field(&*rule.name);
        if self.rows > 1 || self.by_row {
            refusal.row = u32::try_from(row).ok();
        }
        self.gather(refusal)
    }

    /// Gathers a violation that has no field of the contract.
    #[cold]
    pub(crate) fn gather(&mut self, refusal: Refusal) -> Result<(), Fault> {
        self.violations.push(refusal);
        if self.violations.len() < MAX_VIOLATIONS { Ok(()) } else { Err(Fault::Enough) }
    }

    /// Looks for what is missing, and ends. `read` is how reading ended.
    pub(crate) fn finish(mut self, read: Result<(), Fault>) -> Result<(), Violations> {
        let end = read.and_then(|()| self.missing());
        if let Err(Fault::Refusal(refusal)) = end {
            self.violations.push(*refusal);
        } else if let Err(Fault::Text(code)) = end {
            self.violations.push(Refusal::new(Phase::Validate, code));
        }
        if self.rows == 1 {
            self.violations.iter_mut().for_each(|refusal| refusal.row = None);
        }
        Violations::from_list(self.violations).map_or(Ok(()), Err)
    }

    fn missing(&mut self) -> Result<(), Fault> {
        self.missing_fields()?;
        self.missing_keys()
    }

    fn missing_fields(&mut self) -> Result<(), Fault> {
        let contract = self.contract;
        for (word, required) in contract.required.iter().enumerate() {
            let seen = self.scratch.seen.get(word).copied().unwrap_or(0);
            let mut missing = required & !seen;
            while missing != 0 {
                let field = word * 64 + missing.trailing_zeros() as usize;
                let Some(rule) = contract.rules.get(field) else { break };
                let text = rule.text(Code::MissingField);
                let mut refusal = refuse(Code::MissingField, text).with_field(&*rule.name);
                refusal.row = self.rows.checked_sub(1).filter(|_| self.by_row);
                self.gather(refusal)?;
                missing &= missing - 1;
            }
        }
        Ok(())
    }

    fn missing_keys(&mut self) -> Result<(), Fault> {
        let contract = self.contract;
        // A key whose own rules are broken is missing too; that need not be said twice.
        let keys: &[usize] = if self.violations.is_empty() { &contract.required_keys } else { &[] };
        for &field in keys {
            let is_null = |row: &usize| self.scratch.rows.row(*row).get(field) == Some(&Cell::Null);
            if let Some(row) = (0..self.rows as usize).find(is_null) {
                self.violate(field, row, Code::MissingMapping)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn set(&mut self, field: usize, row: usize, cell: Cell) -> Result<(), Fault> {
        let place = row * self.contract.rules.len() + field;
        let slot = self.scratch.rows.cells.get_mut(place).ok_or(Code::Internal)?;
        *slot = cell;
        Ok(())
    }

    #[inline]
    fn cell(&mut self, rule: &Rule, at: (usize, usize), value: Value<'_>) -> Result<Cell, Code> {
        match (rule.kind, value) {
            (Kind::Number, Value::Number(number)) => {
                self.number(rule, at, number).map(Cell::Number)
            }
            (Kind::Number, Value::Integer(integer)) => {
                self.number(rule, at, double(integer)).map(Cell::Number)
            }
            (Kind::Integer, Value::Integer(integer)) => self.integer(rule, at, integer),
            (Kind::Boolean, Value::Boolean(boolean)) => Ok(Cell::Boolean(boolean)),
            (Kind::Category, Value::Text(text)) => self.category(rule, at, text),
            (Kind::String, Value::Text(text)) => self.string(rule, at, text),
            (Kind::Timestamp, Value::Integer(micros)) => Ok(Cell::Timestamp(micros)),
            (Kind::Timestamp, Value::Text(text)) => {
                parse_timestamp(text).map(Cell::Timestamp).ok_or(Code::InvalidTimestamp)
            }
            (_, Value::Null) if rule.nullable => Ok(Cell::Null),
            (_, Value::Null) => {
                self.let_through(rule, at, Code::NullNotAllowed).map(|()| Cell::Null)
            }
            (_, Value::Wrong(code, _)) => Err(code),
            _ => Err(Code::WrongKind),
        }
    }

    #[inline]
    fn number(&mut self, rule: &Rule, at: (usize, usize), number: f64) -> Result<f64, Code> {
        let fits = !rule.single || number.abs() <= SINGLE_MAX;
        if fits && rule.allows(number) {
            return Ok(number);
        }
        if rule.on_violation == OnViolation::Clamp {
            let nearest = rule.nearest(number);
            if rule.single && nearest.abs() > SINGLE_MAX {
                return Err(Code::OutOfRange);
            }
            self.flag(at, Code::OutOfRange, true);
            return Ok(nearest);
        }
        if !fits {
            return Err(Code::OutOfRange);
        }
        self.let_through(rule, at, Code::OutOfRange).map(|()| number)
    }

    #[inline]
    fn integer(&mut self, rule: &Rule, at: (usize, usize), integer: i64) -> Result<Cell, Code> {
        let number = double(integer);
        let judged = self.number(rule, at, number)?;
        // Bounds of an integer are whole and within 2^53, so a clamped value is too.
        let unchanged = judged.to_bits() == number.to_bits();
        Ok(Cell::Integer(if unchanged { integer } else { whole(judged) }))
    }

    #[inline]
    fn category(&mut self, rule: &Rule, at: (usize, usize), text: &str) -> Result<Cell, Code> {
        match rule.values.find(text).and_then(|place| u32::try_from(place).ok()) {
            Some(place) => Ok(Cell::Category(place)),
            None => {
                self.let_through(rule, at, Code::NotAllowedValue)?;
                self.text(text)
            }
        }
    }

    fn string(&mut self, rule: &Rule, at: (usize, usize), text: &str) -> Result<Cell, Code> {
        // A character has at least one byte, so counting is rarely needed.
        if text.len() > rule.max_length && text.chars().count() > rule.max_length {
            self.let_through(rule, at, Code::TooLong)?;
        }
        if rule.pattern.as_ref().is_some_and(|pattern| !pattern.matches(text)) {
            self.let_through(rule, at, Code::PatternMismatch)?;
        }
        self.text(text)
    }

    fn text(&mut self, text: &str) -> Result<Cell, Code> {
        let arena = &mut self.scratch.rows.text;
        let (start, len) = (position(arena.len())?, position(text.len())?);
        arena.push_str(text);
        Ok(Cell::Text { start, len })
    }

    /// Flags a value that breaks the rule `code`, if the contract says so; else refuses it.
    #[cold]
    fn let_through(&mut self, rule: &Rule, at: (usize, usize), code: Code) -> Result<(), Code> {
        if rule.on_violation != OnViolation::Flag {
            return Err(code);
        }
        self.flag(at, code, false);
        Ok(())
    }

    #[cold]
    fn flag(&mut self, (field, row): (usize, usize), code: Code, clamped: bool) {
        let (field, row) = (u16::try_from(field), u32::try_from(row));
        match (field, row) {
            (Ok(field), Ok(row)) if self.scratch.flags.len() < MAX_FLAGS => {
                self.scratch.flags.push(Flag { field, row, code, clamped });
            }
            _ => self.scratch.flags_dropped = self.scratch.flags_dropped.saturating_add(1),
        }
    }
}

/// A refusal of this phase.
pub(crate) fn refuse(code: Code, rule: impl Into<Box<str>>) -> Refusal {
    Refusal::new(Phase::Validate, code).with_rule(rule)
}

fn position(value: usize) -> Result<u32, Code> {
    u32::try_from(value).map_err(|_| Code::BodyTooLarge)
}

fn double(integer: i64) -> f64 {
    debug_assert!(integer.abs() <= MAX_INTEGER, "the reader lets no larger integer through");
    integer as f64
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within ±2^53, so exact")]
fn whole(number: f64) -> i64 {
    number as i64
}
