//! The sealed body of a decision (and of the intent before it): request, answer, reasons.
//!
//! Numbers are always eight bytes, so that values come back to the bit. Only leaves are
//! deterministic CBOR; a body is opened by its version number, its first item.

use super::explanation::Explanation;
use super::wire::{Out, RecordError, array_len, finish, infallible, nullable};
use crate::{ApiKeyId, Cell, Phase, PrincipalId, Protocol, Refusal, RefusalCode, Rows};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;

/// The version of the body's format.
const VERSION: u64 = 1;
/// Items of a body that does not say by which protocol the request came, as none did at first.
const ITEMS: u64 = 16;
/// A body never holds more cells than a request may have rows and fields: 2^24.
const MAX_CELLS: u64 = 1 << 24;
/// Items of the short lists of a body (outputs, flags, mapped texts, phases).
const MAX_ITEMS: u64 = 1 << 20;

/// A contract rule that was broken and let pass, or mended, by the contract's own word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Flag {
    /// Index of the field in the contract.
    pub field: u16,
    /// Row, from 0.
    pub row: u32,
    /// The rule.
    pub code: RefusalCode,
    /// Whether the value was clamped to the allowed range.
    pub clamped: bool,
}

/// One named output of the model: `rows × width` numbers, row-major.
#[derive(Clone, PartialEq, Debug)]
pub struct Output<'a> {
    /// Its name, as in the answer.
    pub name: &'a str,
    /// Numbers per row.
    pub width: u32,
    /// The numbers. `None` where the answer says null.
    pub values: &'a [f64],
}

/// The role of the rule of a deployment that chose the version, among the mapped texts.
pub const ROUTED: &str = "route";

/// The role of what answered in the model's place, among the mapped texts: `version 2`, a rule of
/// the declared fallback, or `outputs`, the declared answer for all.
pub const STOOD_IN: &str = "fallback";

/// A text that the contract maps from outside the rows (a header), the rule that chose the version,
/// or what answered in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapped<'a> {
    /// What it is: `subject`, `interaction`, `event_time`, `slice`, [`ROUTED`] or [`STOOD_IN`].
    pub role: &'a str,
    /// The text.
    pub value: &'a str,
}

/// The parts of a body, borrowed: what the gateway has in hand.
#[derive(Clone, PartialEq, Debug)]
pub struct DecisionParts<'a> {
    /// Who asked.
    pub principal: PrincipalId,
    /// With which key, if with one.
    pub key: Option<ApiKeyId>,
    /// The deployment's name when it was asked.
    pub deployment: &'a str,
    /// The number of the model version, 0 when none was planned.
    pub version: u32,
    /// The caller's own id of the request.
    pub caller_id: Option<&'a str>,
    /// Keyed digest of the idempotency key.
    pub idempotency: Option<[u8; 16]>,
    /// Keyed digest of the request's bytes, so that the same idempotency key with another
    /// request can be told apart.
    pub request: Option<[u8; 16]>,
    /// Length of the request body as received, in bytes.
    pub request_len: u64,
    /// The validated rows; empty when validation refused.
    pub rows: &'a Rows,
    /// Texts from headers.
    pub mapped: &'a [Mapped<'a>],
    /// Rules broken and let pass.
    pub flags: &'a [Flag],
    /// What the model answered.
    pub outputs: &'a [Output<'a>],
    /// Why it answered so, if that was made before the reply.
    pub explanation: Option<&'a Explanation>,
    /// Why it was refused or failed.
    pub refusal: Option<&'a Refusal>,
    /// Nanoseconds by phase, up to the making of this record.
    pub phases: &'a [(Phase, u32)],
    /// By what the request came; `None` if no protocol of ours brought it.
    pub protocol: Option<Protocol>,
}

impl DecisionParts<'_> {
    /// Appends the body's bytes to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        infallible(self.write(&mut Encoder::new(out)));
    }

    fn write(&self, e: &mut Out<'_>) -> Result<(), minicbor::encode::Error<Infallible>> {
        e.array(ITEMS + u64::from(self.protocol.is_some()))?.u64(VERSION)?;
        e.bytes(self.principal.as_bytes())?;
        match &self.key {
            Some(key) => e.bytes(key.as_bytes())?,
            None => e.null()?,
        };
        e.str(self.deployment)?.u32(self.version)?;
        match self.caller_id {
            Some(id) => e.str(id)?,
            None => e.null()?,
        };
        for digest in [&self.idempotency, &self.request] {
            match digest {
                Some(digest) => e.bytes(digest)?,
                None => e.null()?,
            };
        }
        e.u64(self.request_len)?;
        write_rows(e, self.rows)?;
        e.array(self.mapped.len() as u64)?;
        for mapped in self.mapped {
            e.array(2)?.str(mapped.role)?.str(mapped.value)?;
        }
        e.array(self.flags.len() as u64)?;
        for flag in self.flags {
            e.array(4)?.u16(flag.field)?.u32(flag.row)?.u8(flag.code.code())?.bool(flag.clamped)?;
        }
        e.array(self.outputs.len() as u64)?;
        for output in self.outputs {
            e.array(3)?.str(output.name)?.u32(output.width)?.array(output.values.len() as u64)?;
            for value in output.values {
                e.f64(*value)?;
            }
        }
        match self.explanation {
            Some(explanation) => explanation.write(e)?,
            None => {
                e.null()?;
            }
        }
        match self.refusal {
            Some(refusal) => write_refusal(e, refusal)?,
            None => {
                e.null()?;
            }
        }
        e.array(self.phases.len() as u64 * 2)?;
        for (phase, nanos) in self.phases {
            e.u8(phase.code())?.u32(*nanos)?;
        }
        if let Some(protocol) = self.protocol {
            e.u8(protocol.code())?;
        }
        Ok(())
    }
}

fn write_rows(e: &mut Out<'_>, rows: &Rows) -> Result<(), minicbor::encode::Error<Infallible>> {
    e.array(2)?.u64(rows.width as u64)?.array(rows.cells.len() as u64)?;
    for &cell in &rows.cells {
        match cell {
            Cell::Null => e.null()?,
            Cell::Boolean(v) => e.bool(v)?,
            Cell::Integer(v) => e.i64(v)?,
            Cell::Number(v) => e.f64(v)?,
            Cell::Category(v) => e.array(1)?.u32(v)?,
            Cell::Timestamp(v) => e.array(2)?.u8(0)?.i64(v)?,
            Cell::Text { .. } => e.str(rows.text_of(cell).unwrap_or_default())?,
            Cell::Tensor { .. } => {
                let numbers = rows.tensor_of(cell).unwrap_or_default();
                e.array(3)?.u8(1)?.u64(numbers.len() as u64)?.array(numbers.len() as u64)?;
                for number in numbers {
                    e.f64(*number)?;
                }
                &mut *e
            }
        };
    }
    Ok(())
}

fn write_refusal(
    e: &mut Out<'_>,
    refusal: &Refusal,
) -> Result<(), minicbor::encode::Error<Infallible>> {
    e.array(5)?.u8(refusal.phase.code())?.u8(refusal.code.code())?;
    for text in [&refusal.field, &refusal.rule] {
        match text {
            Some(text) => e.str(text)?,
            None => e.null()?,
        };
    }
    match refusal.row {
        Some(row) => e.u32(row)?,
        None => e.null()?,
    };
    Ok(())
}

/// A body read back.
#[derive(Clone, PartialEq, Debug)]
pub struct DecisionBody {
    /// Who asked.
    pub principal: PrincipalId,
    /// With which key.
    pub key: Option<ApiKeyId>,
    /// The deployment's name when it was asked.
    pub deployment: Box<str>,
    /// The number of the model version, 0 when none was planned.
    pub version: u32,
    /// The caller's own id of the request.
    pub caller_id: Option<Box<str>>,
    /// Keyed digest of the idempotency key.
    pub idempotency: Option<[u8; 16]>,
    /// Keyed digest of the request's bytes.
    pub request: Option<[u8; 16]>,
    /// Length of the request body as received, in bytes.
    pub request_len: u64,
    /// The validated rows.
    pub rows: Rows,
    /// Texts from headers: role and value.
    pub mapped: Vec<(Box<str>, Box<str>)>,
    /// Rules broken and let pass.
    pub flags: Vec<Flag>,
    /// Outputs: name, numbers per row, numbers.
    pub outputs: Vec<(Box<str>, u32, Vec<f64>)>,
    /// Why the model answered so, if that was made before the reply.
    pub explanation: Option<Explanation>,
    /// Why it was refused or failed.
    pub refusal: Option<Refusal>,
    /// Nanoseconds by phase.
    pub phases: Vec<(Phase, u32)>,
    /// By what the request came, if the record says so.
    pub protocol: Option<Protocol>,
}

impl DecisionBody {
    /// The body in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        let d = &mut d;
        let items = array_len(d, ITEMS + 1)? as u64;
        if items < ITEMS || d.u64()? != VERSION {
            return Err(RecordError::Unknown("body version"));
        }
        let body = Self {
            principal: PrincipalId::from_bytes(super::wire::fixed(d)?),
            key: nullable(d, |d| super::wire::fixed(d).map(ApiKeyId::from_bytes))?,
            deployment: d.str()?.into(),
            version: d.u32()?,
            caller_id: nullable(d, text)?,
            idempotency: nullable(d, super::wire::fixed)?,
            request: nullable(d, super::wire::fixed)?,
            request_len: d.u64()?,
            rows: read_rows(d)?,
            mapped: list(d, |d| {
                array_len(d, 2)?;
                Ok((text(d)?, text(d)?))
            })?,
            flags: list(d, read_flag)?,
            outputs: list(d, |d| {
                array_len(d, 3)?;
                Ok((text(d)?, d.u32()?, numbers(d)?))
            })?,
            explanation: nullable(d, Explanation::read)?,
            refusal: nullable(d, read_refusal)?,
            phases: read_phases(d)?,
            protocol: if items > ITEMS { Some(read_protocol(d)?) } else { None },
        };
        finish(d, bytes.len())?;
        Ok(body)
    }
}

fn text(d: &mut Decoder<'_>) -> Result<Box<str>, RecordError> {
    Ok(d.str()?.into())
}

fn list<T>(
    d: &mut Decoder<'_>,
    mut item: impl FnMut(&mut Decoder<'_>) -> Result<T, RecordError>,
) -> Result<Vec<T>, RecordError> {
    (0..array_len(d, MAX_ITEMS)?).map(|_| item(d)).collect()
}

fn numbers(d: &mut Decoder<'_>) -> Result<Vec<f64>, RecordError> {
    (0..array_len(d, MAX_CELLS)?).map(|_| Ok(d.f64()?)).collect()
}

fn read_flag(d: &mut Decoder<'_>) -> Result<Flag, RecordError> {
    array_len(d, 4)?;
    Ok(Flag {
        field: d.u16()?,
        row: d.u32()?,
        code: RefusalCode::from_code(d.u8()?).ok_or(RecordError::Unknown("refusal code"))?,
        clamped: d.bool()?,
    })
}

fn read_refusal(d: &mut Decoder<'_>) -> Result<Refusal, RecordError> {
    array_len(d, 5)?;
    Ok(Refusal {
        phase: Phase::from_code(d.u8()?).ok_or(RecordError::Unknown("phase"))?,
        code: RefusalCode::from_code(d.u8()?).ok_or(RecordError::Unknown("refusal code"))?,
        field: nullable(d, text)?,
        rule: nullable(d, text)?,
        row: nullable(d, |d| Ok(d.u32()?))?,
    })
}

fn read_phases(d: &mut Decoder<'_>) -> Result<Vec<(Phase, u32)>, RecordError> {
    let len = array_len(d, 64)?;
    (0..len / 2)
        .map(|_| Ok((Phase::from_code(d.u8()?).ok_or(RecordError::Unknown("phase"))?, d.u32()?)))
        .collect()
}

fn read_protocol(d: &mut Decoder<'_>) -> Result<Protocol, RecordError> {
    Protocol::from_code(d.u8()?).ok_or(RecordError::Unknown("protocol"))
}

fn read_rows(d: &mut Decoder<'_>) -> Result<Rows, RecordError> {
    array_len(d, 2)?;
    let width = usize::try_from(d.u64()?).map_err(|_| RecordError::Bound("row width"))?;
    let mut rows = Rows { width, ..Rows::default() };
    for _ in 0..array_len(d, MAX_CELLS)? {
        let cell = read_cell(d, &mut rows)?;
        rows.cells.push(cell);
    }
    Ok(rows)
}

fn read_cell(d: &mut Decoder<'_>, rows: &mut Rows) -> Result<Cell, RecordError> {
    Ok(match d.datatype()? {
        Type::Null => {
            d.null()?;
            Cell::Null
        }
        Type::Bool => Cell::Boolean(d.bool()?),
        Type::F64 => Cell::Number(d.f64()?),
        Type::String => {
            let value = d.str()?;
            let start = arena(rows.text.len())?;
            rows.text.push_str(value);
            Cell::Text { start, len: arena(value.len())? }
        }
        Type::Array => match array_len(d, 3)? {
            1 => Cell::Category(d.u32()?),
            2 => {
                d.u8()?;
                Cell::Timestamp(d.i64()?)
            }
            _ => {
                d.u8()?;
                d.u64()?;
                let start = arena(rows.numbers.len())?;
                rows.numbers.extend(numbers(d)?);
                Cell::Tensor { start, len: arena(rows.numbers.len())? - start }
            }
        },
        _ => Cell::Integer(d.i64()?),
    })
}

fn arena(len: usize) -> Result<u32, RecordError> {
    u32::try_from(len).map_err(|_| RecordError::Bound("arena length"))
}
