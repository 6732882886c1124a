//! A declaration wired to a contract: writes requests from rows and reads replies.

use crate::answer::{Asked, Lie, Numbers, Steps, read, read_oip};
use crate::declaration::{Declaration, DeclarationError, Floats, InputRule, RemoteModel};
use crate::grpc;
use crate::template::{Piece, Template};
use plimsoll_contract::{CompiledContract, Kind};
use plimsoll_types::{Cell, Rows};
use std::io::Write as _;
use std::ops::Range;

/// The longest path that a row's values may make.
const MAX_PATH: usize = 2_048;

/// Why a declaration does not fit a contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The declaration itself.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// It sends a field that the contract does not have.
    #[error("the upstream is sent `{0}`, which is no field of the contract")]
    Unknown(Box<str>),
    /// The contract has a feature that it does not send.
    #[error("the feature `{0}` of the contract is not sent to the upstream; move it to `context`")]
    Unused(Box<str>),
    /// It sends a tensor where one value stands.
    #[error("the feature `{0}` is a tensor, which the upstream's request has no place for")]
    Tensor(Box<str>),
    /// It sends a text within a matrix of numbers.
    #[error("the upstream is sent `{0}` within a matrix, which holds numbers only")]
    NotNumber(Box<str>),
}

/// A field that is sent.
#[derive(Clone, Debug)]
struct Feed {
    place: usize,
    kind: Kind,
    /// A category's texts.
    values: Box<[Box<str>]>,
}

/// A declared service, ready to be asked with the rows of one contract.
#[derive(Clone, Debug)]
pub struct Upstream {
    declared: Declaration,
    template: Template,
    steps: Option<Steps>,
    numbers: Numbers,
    width: usize,
    feeds: Box<[Feed]>,
}

/// The rows that one call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    rows: Range<usize>,
}

impl Upstream {
    /// Wires a declaration to a contract: every field that is sent is one of the contract's, and
    /// every feature of the contract is sent. Fields of its context may be.
    ///
    /// # Errors
    /// [`WireError`] names the field that does not fit.
    pub fn wire(declared: Declaration, contract: &CompiledContract) -> Result<Self, WireError> {
        let template = declared.template()?;
        let feed = |name: &str| {
            let place = contract.position(name);
            let found = place.and_then(|place| Some((place, contract.field(place)?)));
            let (place, field) = found.ok_or_else(|| WireError::Unknown(name.into()))?;
            let is_number = matches!(field.kind, Kind::Number | Kind::Integer | Kind::Boolean);
            if field.kind == Kind::Tensor {
                return Err(WireError::Tensor(name.into()));
            }
            if template.is_numeric && !is_number {
                return Err(WireError::NotNumber(name.into()));
            }
            let values = field.values.iter().map(|value| value.as_str().into()).collect();
            Ok(Feed { place, kind: field.kind, values })
        };
        let feeds: Box<[Feed]> =
            template.fields.iter().map(|name| feed(name)).collect::<Result<_, _>>()?;
        let is_unused = |place: &usize| feeds.iter().all(|feed| feed.place != *place);
        if let Some(place) = (0..contract.features()).find(is_unused) {
            let name = contract.field(place).map_or("", |field| field.name.as_str());
            return Err(WireError::Unused(name.into()));
        }
        let (steps, numbers) = (declared.steps()?, declared.numbers()?);
        let width = declared.output()?.count;
        Ok(Self { declared, template, steps, numbers, width, feeds })
    }

    /// What was declared.
    #[must_use]
    pub const fn declared(&self) -> &Declaration {
        &self.declared
    }

    /// The calls that so many rows take: one, or one each.
    pub fn calls(&self, rows: usize) -> impl Iterator<Item = Call> + use<> {
        let (step, count) = if self.template.takes_all_rows { (rows, 1) } else { (1, rows) };
        (0..count).map(move |call| Call { rows: call * step..(call + 1) * step })
    }

    /// Whether a request of so many rows may be asked.
    #[must_use]
    pub fn takes(&self, rows: usize) -> bool {
        let most = usize::try_from(self.declared.max_rows).unwrap_or(usize::MAX);
        self.template.takes_all_rows || rows <= most
    }

    /// Appends the body of a call, and says whether there is one.
    pub fn body(&self, rows: &Rows, call: &Call, out: &mut Vec<u8>) -> bool {
        if let (true, Some(model)) = (self.declared.kind.is_grpc(), &self.declared.model) {
            let tensors = self.tensors(model, rows, &call.rows);
            grpc::write(&model.name, model.version.as_deref(), &tensors, out);
            return true;
        }
        self.write(&self.template.body, rows, &call.rows, out);
        !self.template.body.is_empty()
    }

    /// Appends the path of a call, to follow that of the endpoint. `None` if it would be longer
    /// than 2,048 bytes, or if a value made it climb; or if a
    /// tensor of gRPC would have nulls among other values, which only floats (as NaN) can.
    pub fn path(&self, rows: &Rows, call: &Call, out: &mut String) -> Option<()> {
        let has_part = |field| (1..call.rows.len()).contains(&self.nulls(rows, &call.rows, field));
        if self.declared.kind.is_grpc() && (0..self.feeds.len()).any(has_part) {
            return None;
        }
        let mut path = Vec::new();
        self.write(&self.template.path, rows, &call.rows, &mut path);
        let path = std::str::from_utf8(&path).ok().filter(|path| path.len() <= MAX_PATH)?;
        // A value must not climb out of the path that was declared.
        if path.split(['/', '?']).any(|part| matches!(part, "." | "..")) {
            return None;
        }
        out.push_str(path);
        Some(())
    }

    /// Appends the answers of a reply, row-major.
    ///
    /// # Errors
    /// [`Lie`] if the reply is not what was declared; what was appended is then of no meaning.
    pub fn read(&self, reply: &[u8], call: &Call, out: &mut Vec<f64>) -> Result<(), Lie> {
        let asked = Asked { numbers: &self.numbers, width: self.width, rows: call.rows.len() };
        // The walk counts from the start of its own.
        let mut found = Vec::with_capacity(asked.rows * asked.width + 1);
        let name = self.declared.answer.name.as_deref();
        match &self.steps {
            Some(steps) => read(reply, steps, &asked, &mut found)?,
            None if self.declared.kind.is_grpc() => grpc::read(reply, name, &asked, &mut found)?,
            None => read_oip(reply, name, &asked, &mut found)?,
        }
        out.append(&mut found);
        Ok(())
    }

    fn write(&self, pieces: &[Piece], rows: &Rows, of: &Range<usize>, out: &mut Vec<u8>) {
        for piece in pieces {
            match piece {
                Piece::Raw(text) => out.extend_from_slice(text),
                Piece::Value(field) => self.value(rows, of.start, *field, out),
                Piece::InText(field) => self.in_text(rows, of.start, *field, out),
                Piece::InPath(field) => {
                    let mut text = Vec::new();
                    self.plain(rows, of.start, *field, &mut text);
                    percent(&text, out);
                }
                Piece::Column(field) => {
                    commas(of.clone(), out, |row, out| self.value(rows, row, *field, out));
                }
                Piece::Rows(pieces) => {
                    commas(of.clone(), out, |row, out| {
                        self.write(pieces, rows, &(row..row + 1), out)
                    });
                }
                Piece::Count => put(out, format_args!("{}", of.len())),
                Piece::Datatype(field) => out.extend_from_slice(self.datatype(*field).as_bytes()),
            }
        }
    }

    /// The tensors of a call of gRPC.
    fn tensors<'s>(
        &'s self,
        model: &'s RemoteModel,
        rows: &Rows,
        of: &Range<usize>,
    ) -> Vec<grpc::Sent<'s>> {
        let count = of.len() as u64;
        if let Some(matrix) = &model.matrix {
            let mut raw = Vec::new();
            for row in of.clone() {
                (0..self.feeds.len()).for_each(|field| self.raw(rows, row, field, &mut raw));
            }
            let shape = [count, self.feeds.len() as u64];
            return vec![grpc::Sent { name: matrix, datatype: model.numbers.as_str(), shape, raw }];
        }
        let tensor = |(field, input): (usize, &'s InputRule)| {
            let mut raw = Vec::new();
            // A value that is null is one that is not there: `path` saw that all are.
            if self.nulls(rows, of, field) > 0 {
                return None;
            }
            of.clone().for_each(|row| self.raw(rows, row, field, &mut raw));
            let datatype = self.datatype(field);
            Some(grpc::Sent { name: input.name(), datatype, shape: [count, 1], raw })
        };
        self.declared.inputs.iter().enumerate().filter_map(tensor).collect()
    }

    /// Whether a field goes as a float, whose NaN stands for null.
    fn is_float(&self, field: usize) -> bool {
        let kind = self.feeds.get(field).map(|feed| feed.kind);
        self.template.is_numeric || kind == Some(Kind::Number)
    }

    /// How many rows have a null for which the datatype has no value.
    fn nulls(&self, rows: &Rows, of: &Range<usize>, field: usize) -> usize {
        let is_null = |row: &usize| matches!(self.cell(rows, *row, field).0, Cell::Null);
        if self.is_float(field) { 0 } else { of.clone().filter(is_null).count() }
    }

    /// A value as raw bytes: as its datatype, or as a number of a matrix.
    fn raw(&self, rows: &Rows, row: usize, field: usize, out: &mut Vec<u8>) {
        let in_matrix = self.template.is_numeric;
        let (cell, _) = self.cell(rows, row, field);
        match cell {
            Cell::Null | Cell::Tensor { .. } => self.float(f64::NAN, out),
            Cell::Number(value) => self.float(value, out),
            Cell::Boolean(value) if in_matrix => self.float(f64::from(u8::from(value)), out),
            #[expect(clippy::cast_precision_loss, reason = "contracts keep integers within 2^53")]
            Cell::Integer(value) if in_matrix => self.float(value as f64, out),
            Cell::Boolean(value) => out.push(u8::from(value)),
            Cell::Integer(value) => out.extend_from_slice(&value.to_le_bytes()),
            Cell::Category(_) | Cell::Text { .. } | Cell::Timestamp(_) => {
                let mut text = Vec::new();
                self.plain(rows, row, field, &mut text);
                // Contracts bound texts far below 4 GiB.
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                out.extend_from_slice(&length.to_le_bytes());
                out.extend_from_slice(&text);
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "declared to be rounded")]
    fn float(&self, value: f64, out: &mut Vec<u8>) {
        match self.floats() {
            Floats::Fp64 => out.extend_from_slice(&value.to_le_bytes()),
            Floats::Fp32 => out.extend_from_slice(&(value as f32).to_le_bytes()),
        }
    }

    fn floats(&self) -> Floats {
        self.declared.model.as_ref().map(|model| model.numbers).unwrap_or_default()
    }

    fn datatype(&self, field: usize) -> &'static str {
        match self.feeds.get(field).map(|feed| feed.kind) {
            Some(Kind::Integer) => "INT64",
            Some(Kind::Boolean) => "BOOL",
            Some(Kind::Category | Kind::String | Kind::Timestamp) => "BYTES",
            Some(Kind::Number | Kind::Tensor) | None => self.floats().as_str(),
        }
    }

    fn cell<'r>(&'r self, rows: &Rows, row: usize, field: usize) -> (Cell, &'r [Box<str>]) {
        let feed = self.feeds.get(field);
        let cell = feed.and_then(|feed| rows.row(row).get(feed.place).copied());
        (cell.unwrap_or(Cell::Null), feed.map_or(&[], |feed| &feed.values))
    }

    /// A value as JSON.
    fn value(&self, rows: &Rows, row: usize, field: usize, out: &mut Vec<u8>) {
        let (cell, values) = self.cell(rows, row, field);
        let quoted = match cell {
            Cell::Null | Cell::Tensor { .. } => return out.extend_from_slice(b"null"),
            Cell::Boolean(value) => return put(out, format_args!("{value}")),
            Cell::Integer(value) => return put(out, format_args!("{value}")),
            Cell::Number(value) => return number(value, out),
            Cell::Category(value) => text(values.get(value as usize).map_or("", |text| text), out),
            Cell::Text { .. } => text(rows.text_of(cell).unwrap_or_default(), out),
            Cell::Timestamp(micros) => text(&timestamp(micros), out),
        };
        debug_assert!(quoted);
    }

    /// A value within a JSON text.
    fn in_text(&self, rows: &Rows, row: usize, field: usize, out: &mut Vec<u8>) {
        let mut plain = Vec::new();
        self.plain(rows, row, field, &mut plain);
        let mut quoted = Vec::with_capacity(plain.len() + 2);
        text(std::str::from_utf8(&plain).unwrap_or_default(), &mut quoted);
        out.extend_from_slice(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
    }

    /// A value as text without quotes; nothing for null.
    fn plain(&self, rows: &Rows, row: usize, field: usize, out: &mut Vec<u8>) {
        let (cell, values) = self.cell(rows, row, field);
        match cell {
            Cell::Null | Cell::Tensor { .. } => {}
            Cell::Category(value) => {
                out.extend_from_slice(
                    values.get(value as usize).map_or("", |text| text).as_bytes(),
                );
            }
            Cell::Text { .. } => {
                out.extend_from_slice(rows.text_of(cell).unwrap_or_default().as_bytes());
            }
            Cell::Timestamp(micros) => out.extend_from_slice(timestamp(micros).as_bytes()),
            Cell::Boolean(_) | Cell::Integer(_) | Cell::Number(_) => {
                self.value(rows, row, field, out);
            }
        }
    }
}

fn commas(rows: Range<usize>, out: &mut Vec<u8>, mut each: impl FnMut(usize, &mut Vec<u8>)) {
    for (index, row) in rows.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        each(row, out);
    }
}

/// The shortest text that reads back to the same number. Contracts let only finite ones through.
fn number(value: f64, out: &mut Vec<u8>) {
    if serde_json::to_writer(&mut *out, &value).is_err() {
        out.extend_from_slice(b"null");
    }
}

/// A JSON text. Writing into a vector cannot fail.
fn text(value: &str, out: &mut Vec<u8>) -> bool {
    serde_json::to_writer(out, value).is_ok()
}

/// RFC 3339 in UTC.
fn timestamp(micros: i64) -> String {
    jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// RFC 3986 §2.1: everything but unreserved characters.
fn percent(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        if crate::declaration::is_path_byte(*byte) {
            out.push(*byte);
        } else {
            put(out, format_args!("%{byte:02X}"));
        }
    }
}

/// Appends formatted text. Writing into a vector cannot fail.
fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let written = out.write_fmt(text);
    debug_assert!(written.is_ok());
}

#[cfg(test)]
mod tests;
