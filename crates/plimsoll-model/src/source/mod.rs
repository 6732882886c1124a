//! Reading a tree of objects, arrays and scalars in one pass, whatever the syntax.
//!
//! [`Source`] is what the two syntaxes share: a reader of a schema names the members it knows
//! and is called for each. Unknown members are skipped with bounded depth, known ones must not
//! repeat, and the path to the current place is kept for messages. Nothing here knows a model.

use std::borrow::Cow;
use std::fmt;

use crate::error::LoadError;

pub(crate) mod json;
pub(crate) mod ubjson;

/// Deepest nesting in a part of the file that is skipped: XGBoost writes at most 8 levels,
/// and skipping recurses.
pub(crate) const SKIP_DEPTH_MAX: usize = 32;

/// Longest text that is kept (a feature name, a parameter), in bytes.
const TEXT_BYTES_MAX: usize = 4_096;

/// One number or truth value, as the syntax gives it.
#[derive(Clone, Copy)]
pub(crate) enum Scalar<'a> {
    /// The text of a JSON number or literal.
    Token(&'a [u8]),
    /// An integer.
    Integer(i64),
    /// A binary floating point number; one of 32 bits is here without loss.
    Real(f64),
    /// A truth value.
    Flag(bool),
}

/// Where an array stands.
#[derive(Clone, Copy, Default)]
pub(crate) struct Items {
    /// Items yielded so far.
    pub(crate) taken: usize,
    /// How many there are, where the syntax says so.
    pub(crate) count: Option<usize>,
    /// The marker of every item, where the syntax says so.
    pub(crate) marker: Option<u8>,
}

/// A one-pass reader of a syntax.
pub(crate) trait Source<'a>: Sized {
    /// Opens an object.
    fn open_object(&mut self) -> Result<(), LoadError>;
    /// The next key, or `None` once the object is closed. `first` right after opening.
    fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, LoadError>;
    /// Opens an array.
    fn open_array(&mut self) -> Result<Items, LoadError>;
    /// Whether another item follows; closes the array if not.
    fn next_item(&mut self, items: &mut Items) -> Result<bool, LoadError>;
    /// Reads a number or truth value; `items` is the array it stands in.
    fn scalar(&mut self, items: &Items) -> Result<Scalar<'a>, LoadError>;
    /// Reads a text.
    fn text(&mut self) -> Result<Cow<'a, str>, LoadError>;
    /// Passes over any value, at most [`SKIP_DEPTH_MAX`] levels from `depth`.
    fn skip(&mut self, depth: usize) -> Result<(), LoadError>;
    /// Fails if anything follows the document.
    fn end(&mut self) -> Result<(), LoadError>;
    /// The place in the document.
    fn path(&mut self) -> &mut Path;
    /// A fault at the current place.
    fn fault(&self, problem: &'static str) -> LoadError;

    /// Reads an object, calling `member` for every key of `known`, which must read the value.
    fn object(
        &mut self,
        known: &'static [&'static str],
        mut member: impl FnMut(&mut Self, &'static str) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        self.open_object()?;
        let mut seen = 0_u64;
        let mut first = true;
        while let Some(key) = self.next_key(first)? {
            first = false;
            let Some(index) = known.iter().position(|name| *name == key) else {
                self.skip(0)?;
                continue;
            };
            let name = known.get(index).copied().unwrap_or_default();
            self.path().push(Step::Key(name));
            let bit = 1_u64 << (index % 64);
            if seen & bit != 0 {
                return Err(self.fault("appears twice"));
            }
            seen |= bit;
            member(self, name)?;
            self.path().pop();
        }
        Ok(())
    }

    /// Reads an array of at most `max` items, which are called `what`.
    fn array(
        &mut self,
        max: usize,
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<(), LoadError>,
    ) -> Result<(), LoadError> {
        let mut items = self.open_array()?;
        while self.next_item(&mut items)? {
            if items.taken > max {
                return Err(LoadError::OverLimit { path: self.path().to_string(), what, max });
            }
            self.path().push(Step::Index(items.taken - 1));
            item(self)?;
            self.path().pop();
        }
        Ok(())
    }

    /// Reads an array of scalars that `convert` accepts; `expected` says what those are.
    fn scalars<T>(
        &mut self,
        expected: &'static str,
        convert: impl Fn(Scalar<'a>) -> Option<T>,
    ) -> Result<Vec<T>, LoadError> {
        let mut items = self.open_array()?;
        // A count was compared with the bytes that remain, so this cannot exceed the file.
        let mut values = Vec::with_capacity(items.count.unwrap_or(0));
        while self.next_item(&mut items)? {
            let scalar = self.scalar(&items)?;
            let Some(value) = convert(scalar) else {
                self.path().push(Step::Index(items.taken - 1));
                return Err(self.fault(expected));
            };
            values.push(value);
        }
        Ok(values)
    }

    /// Reads an array of `f32`, correctly rounded.
    fn reals(&mut self) -> Result<Vec<f32>, LoadError> {
        self.scalars("expected a number", real)
    }

    /// Reads an array of `f64`, correctly rounded.
    fn doubles(&mut self) -> Result<Vec<f64>, LoadError> {
        self.scalars("expected a number", wide)
    }

    /// Reads one number; `null` is NaN.
    fn number_or_null(&mut self) -> Result<f64, LoadError> {
        let number = match self.scalar(&Items::default())? {
            Scalar::Token(b"null") => Some(f64::NAN),
            scalar => wide(scalar),
        };
        number.ok_or_else(|| self.fault("expected a number or null"))
    }

    /// Reads one integer from 0.
    fn count(&mut self) -> Result<u32, LoadError> {
        let number = integer(self.scalar(&Items::default())?).and_then(|n| u32::try_from(n).ok());
        number.ok_or_else(|| self.fault("expected an integer from 0 to 4294967295"))
    }

    /// Reads one truth value.
    fn flag(&mut self) -> Result<bool, LoadError> {
        let flag = flag(self.scalar(&Items::default())?);
        flag.ok_or_else(|| self.fault("expected true or false"))
    }

    /// Reads an array of integers from 0.
    fn counts(&mut self) -> Result<Vec<u32>, LoadError> {
        self.scalars("expected an integer from 0 to 4294967295", |scalar| {
            u32::try_from(integer(scalar)?).ok()
        })
    }

    /// Reads an array of 32-bit integers.
    fn integers(&mut self) -> Result<Vec<i32>, LoadError> {
        self.scalars("expected a 32-bit integer", |scalar| i32::try_from(integer(scalar)?).ok())
    }

    /// Reads an array of truth values, written as such or as 0 and 1.
    fn flags(&mut self) -> Result<Vec<bool>, LoadError> {
        self.scalars("expected 0, 1, true or false", flag)
    }

    /// Reads a text that is kept.
    fn short_text(&mut self) -> Result<Cow<'a, str>, LoadError> {
        let text = self.text()?;
        if text.len() > TEXT_BYTES_MAX {
            return Err(self.fault("text is longer than 4096 bytes"));
        }
        Ok(text)
    }
}

/// A scalar as `f32`, as XGBoost reads it.
///
/// Decimal text goes to `f32` in one correct rounding ([`str::parse`]). By way of `f64` it would
/// round twice, which for some texts of more than nine digits gives the other neighbour.
pub(crate) fn real(scalar: Scalar<'_>) -> Option<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding to f32 is the point, and infinities are refused where they matter"
    )]
    #[expect(clippy::cast_precision_loss, reason = "as above")]
    match scalar {
        Scalar::Token(text) => decimal(text),
        Scalar::Integer(value) => Some(value as f32),
        Scalar::Real(value) => Some(value as f32),
        Scalar::Flag(_) => None,
    }
}

/// A scalar as `f64`.
pub(crate) fn wide(scalar: Scalar<'_>) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "rounding is meant")]
    match scalar {
        Scalar::Token(text) => parse(text),
        Scalar::Integer(value) => Some(value as f64),
        Scalar::Real(value) => Some(value),
        Scalar::Flag(_) => None,
    }
}

/// Parses a JSON number, or one of the three words XGBoost writes for what JSON lacks.
pub(crate) fn decimal(text: &[u8]) -> Option<f32> {
    parse(text)
}

/// Parses to the nearest number of its type.
fn parse<F: From<f32> + std::str::FromStr>(text: &[u8]) -> Option<F> {
    match text {
        b"NaN" => return Some(f32::NAN.into()),
        b"Infinity" => return Some(f32::INFINITY.into()),
        b"-Infinity" => return Some(f32::NEG_INFINITY.into()),
        _ => {}
    }
    let (first, last) = (text.strip_prefix(b"-").unwrap_or(text).first()?, text.last()?);
    let plain =
        text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    if !(first.is_ascii_digit() && last.is_ascii_digit() && plain) {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A scalar as an integer; fractions and exponents are not integers.
pub(crate) fn integer(scalar: Scalar<'_>) -> Option<i64> {
    match scalar {
        Scalar::Token(text) if !text.starts_with(b"+") => {
            std::str::from_utf8(text).ok()?.parse().ok()
        }
        Scalar::Integer(value) => Some(value),
        Scalar::Token(_) | Scalar::Real(_) | Scalar::Flag(_) => None,
    }
}

fn flag(scalar: Scalar<'_>) -> Option<bool> {
    match scalar {
        Scalar::Token(b"1" | b"true") | Scalar::Integer(1) | Scalar::Flag(true) => Some(true),
        Scalar::Token(b"0" | b"false") | Scalar::Integer(0) | Scalar::Flag(false) => Some(false),
        _ => None,
    }
}

/// The place in a document.
#[derive(Clone, Debug, Default)]
pub(crate) struct Path(Vec<Step>);

/// One step of a [`Path`]. Keys are the schema's own, so a path echoes nothing foreign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// A member of an object.
    Key(&'static str),
    /// An item of an array.
    Index(usize),
}

impl Path {
    fn push(&mut self, step: Step) {
        self.0.push(step);
    }
    fn pop(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if depth == 0 => write!(f, "{key}")?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        if self.0.is_empty() { write!(f, "top level") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Just below the middle of two neighbours: by way of `f64` it becomes the middle, which then
    /// rounds to even, the farther neighbour.
    #[test]
    #[expect(clippy::cast_possible_truncation, reason = "what must not be done")]
    fn decimals_are_rounded_once() {
        let text = "1.00000017881393432617187499";
        let twice = text.parse::<f64>().map(|value| (value as f32).to_bits());
        assert_eq!(decimal(text.as_bytes()).map(f32::to_bits), Some(0x3f80_0001));
        assert_eq!(twice, Ok(0x3f80_0002));
    }

    #[test]
    fn only_json_numbers_and_three_words_are_decimals() {
        for (text, value) in
            [("5E-1", 0.5), ("-0", -0.0), ("1e39", f32::INFINITY), ("-Infinity", f32::NEG_INFINITY)]
        {
            assert_eq!(decimal(text.as_bytes()).map(f32::to_bits), Some(value.to_bits()), "{text}");
        }
        for text in
            ["", "-", "+1", ".5", "1.", "nan", "inf", "infinity", "1e", "0x1", "1_0", "--1", "1 "]
        {
            assert_eq!(decimal(text.as_bytes()), None, "{text}");
        }
    }
}
