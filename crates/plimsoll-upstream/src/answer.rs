//! Answers as declared, read from replies that may be anything.
//!
//! Nothing of a reply is kept but the numbers that were asked for. JSON is read once, without
//! building it, and what stands beside the answer is passed over without recursion, however deep.
//! A bare NaN, a number beyond 64-bit floats, the same member twice on the way to the answer: each
//! is a [`Lie`], and so is every number that is not believed.

use crate::declaration::Value;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

/// Steps of a pointer.
const MAX_STEPS: usize = 32;
/// Levels of lists that a tensor's data may be nested in.
const MAX_NESTING: usize = 8;
/// Sizes of a tensor's shape.
const MAX_RANK: usize = 8;

/// What is wrong with a reply. Never holds any of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lie {
    /// Not JSON, or nested too deep, or a number that is none.
    #[error("it is not JSON")]
    NotJson,
    /// Not one whole message of the protocol.
    #[error("it is not a message of the protocol")]
    NotMessage,
    /// The declared place is not there.
    #[error("the answer is not where it is declared to be")]
    Missing,
    /// An object on the way to the answer has its member twice.
    #[error("a member on the way to the answer is there twice")]
    Twice,
    /// The answer is of another kind.
    #[error("the answer is of another kind than declared")]
    WrongKind,
    /// Not one answer for each row, or not as many numbers as declared.
    #[error("there are more or fewer numbers than declared")]
    WrongCount,
    /// A number that is not believed.
    #[error("a number is outside the declared range")]
    OutOfRange,
    /// A text that no label names.
    #[error("a text is none of the declared labels")]
    UnknownLabel,
}

/// How numbers are written, and which are believed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Numbers {
    pub(crate) read: Value,
    pub(crate) labels: HashMap<Box<str>, f64>,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// One step on the way to the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// The member of this name; in a list, the item at this place if the name is one.
    Member(Box<str>, Option<usize>),
    /// Every item of a list: one per row.
    EachRow,
}

/// A JSON pointer (RFC 6901), in which `*` stands for each row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps(Box<[Step]>);

impl Steps {
    pub(crate) fn parse(pointer: &str) -> Result<Self, &'static str> {
        if pointer.is_empty() {
            return Ok(Self(Box::default()));
        }
        let rest = pointer.strip_prefix('/').ok_or("must have a `pointer` that begins with `/`")?;
        let steps: Box<[Step]> = rest.split('/').take(MAX_STEPS + 1).map(step).collect();
        if steps.len() > MAX_STEPS {
            return Err("must have a `pointer` of at most 32 steps");
        }
        Ok(Self(steps))
    }

    /// How many steps stand for each row.
    pub(crate) fn each_row(&self) -> usize {
        self.0.iter().filter(|step| **step == Step::EachRow).count()
    }
}

fn step(text: &str) -> Step {
    if text == "*" {
        return Step::EachRow;
    }
    let name = text.replace("~1", "/").replace("~0", "~");
    let is_place = name == "0" || !name.starts_with(['0', '+']);
    let place = if is_place { name.parse().ok() } else { None };
    Step::Member(name.into(), place)
}

/// What is looked for in one reply.
pub(crate) struct Asked<'a> {
    pub(crate) numbers: &'a Numbers,
    /// Numbers per row.
    pub(crate) width: usize,
    pub(crate) rows: usize,
}

/// Appends the answers that `steps` lead to, row-major.
pub(crate) fn read(
    reply: &[u8],
    steps: &Steps,
    asked: &Asked<'_>,
    out: &mut Vec<f64>,
) -> Result<(), Lie> {
    let (from, fault) = (out.len(), Cell::new(None));
    let walk = Walk { steps: &steps.0, asked, fault: &fault, out };
    finish(reply, walk, &fault)?;
    if out.len() - from != asked.rows * asked.width {
        return Err(Lie::WrongCount);
    }
    Ok(())
}

/// Appends the answers of a reply of the Open Inference Protocol: those of the output `name`, or
/// of the only one.
pub(crate) fn read_oip(
    reply: &[u8],
    name: Option<&str>,
    asked: &Asked<'_>,
    out: &mut Vec<f64>,
) -> Result<(), Lie> {
    let fault = Cell::new(None);
    let mut found = None;
    let walk = Outputs { name, found: &mut found, fault: &fault };
    finish(reply, walk, &fault)?;
    let tensor: Tensor = found.ok_or(Lie::Missing)?;
    let wanted = asked.rows * asked.width;
    let product = tensor.shape.0.iter().try_fold(1_u64, |all, size| all.checked_mul(*size));
    if tensor.data.numbers.len() != wanted
        || product.and_then(|n| n.try_into().ok()) != Some(wanted)
    {
        return Err(Lie::WrongCount);
    }
    if tensor.shape.0.first().copied() != u64::try_from(asked.rows).ok() {
        return Err(Lie::WrongCount);
    }
    for number in tensor.data.numbers {
        out.push(asked.numbers.believed(number)?);
    }
    Ok(())
}

fn finish<'de, S: DeserializeSeed<'de>>(
    reply: &'de [u8],
    seed: S,
    fault: &Cell<Option<Lie>>,
) -> Result<(), Lie> {
    let mut reader = serde_json::Deserializer::from_slice(reply);
    let read = seed.deserialize(&mut reader).map(|_| ()).and_then(|()| reader.end());
    read.map_err(|error| match fault.get() {
        Some(lie) => lie,
        None if error.is_data() => Lie::WrongKind,
        None => Lie::NotJson,
    })
}

impl Numbers {
    pub(crate) fn believed(&self, number: f64) -> Result<f64, Lie> {
        if number.is_finite() && (self.min..=self.max).contains(&number) {
            return Ok(number);
        }
        Err(Lie::OutOfRange)
    }

    fn text(&self, text: &str) -> Result<f64, Lie> {
        match self.read {
            Value::Label => self.labels.get(text).copied().ok_or(Lie::UnknownLabel),
            // Rust also reads `inf` and `nan`, which no number of JSON begins like.
            Value::Text if text.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                self.believed(text.parse().map_err(|_| Lie::WrongKind)?)
            }
            Value::Text | Value::Number | Value::Boolean => Err(Lie::WrongKind),
        }
    }
}

/// Goes the remaining steps.
struct Walk<'a, 'b> {
    steps: &'b [Step],
    asked: &'b Asked<'a>,
    fault: &'b Cell<Option<Lie>>,
    out: &'b mut Vec<f64>,
}

impl Walk<'_, '_> {
    fn fault<E: serde::de::Error>(&self, lie: Lie) -> E {
        fail(self.fault, lie)
    }
    fn next(&mut self) -> Walk<'_, '_> {
        let steps = self.steps.get(1..).unwrap_or_default();
        Walk { steps, asked: self.asked, fault: self.fault, out: self.out }
    }
    fn take<E: serde::de::Error>(&mut self, number: Result<f64, Lie>) -> Result<(), E> {
        let number = if self.steps.is_empty() { number } else { Err(Lie::Missing) };
        self.out.push(number.map_err(|lie| self.fault(lie))?);
        Ok(())
    }
    /// The rows of a list were counted before anything is kept of more.
    fn has_room(&self) -> bool {
        self.out.len() <= self.asked.rows.saturating_mul(self.asked.width)
    }
}

fn fail<E: serde::de::Error>(fault: &Cell<Option<Lie>>, lie: Lie) -> E {
    if fault.get().is_none() {
        fault.set(Some(lie));
    }
    E::custom("lie")
}

impl<'de> DeserializeSeed<'de> for Walk<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the declared answer")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let steps = self.steps;
        let Some(Step::Member(wanted, _)) = steps.first() else {
            return Err(self.fault(Lie::WrongKind));
        };
        let mut is_found = false;
        while let Some(Name(name)) = map.next_key()? {
            if *name != **wanted {
                map.next_value::<IgnoredAny>()?;
            } else if std::mem::replace(&mut is_found, true) {
                return Err(self.fault(Lie::Twice));
            } else {
                map.next_value_seed(self.next())?;
            }
        }
        if is_found { Ok(()) } else { Err(self.fault(Lie::Missing)) }
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let steps = self.steps;
        match steps.first() {
            Some(Step::EachRow) => {
                while items.next_element_seed(self.next())?.is_some() {
                    if !self.has_room() {
                        return Err(self.fault(Lie::WrongCount));
                    }
                }
                Ok(())
            }
            Some(Step::Member(_, Some(place))) => {
                let mut at = 0;
                while at < *place && items.next_element::<IgnoredAny>()?.is_some() {
                    at += 1;
                }
                if items.next_element_seed(self.next())?.is_none() {
                    return Err(self.fault(Lie::Missing));
                }
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
            Some(Step::Member(_, None)) => Err(self.fault(Lie::Missing)),
            None => {
                let from = self.out.len();
                let mut row = Row(self);
                while items.next_element_seed(&mut row)?.is_some() {
                    if row.0.out.len() - from > row.0.asked.width {
                        return Err(row.0.fault(Lie::WrongCount));
                    }
                }
                if row.0.out.len() - from == row.0.asked.width {
                    return Ok(());
                }
                Err(row.0.fault(Lie::WrongCount))
            }
        }
    }

    fn visit_bool<E: serde::de::Error>(mut self, value: bool) -> Result<(), E> {
        let is_read = self.asked.numbers.read == Value::Boolean;
        let number = if is_read { Ok(f64::from(u8::from(value))) } else { Err(Lie::WrongKind) };
        self.take(number.and_then(|number| self.asked.numbers.believed(number)))
    }
    fn visit_f64<E: serde::de::Error>(mut self, value: f64) -> Result<(), E> {
        let is_read = self.asked.numbers.read == Value::Number;
        let number = if is_read { Ok(value) } else { Err(Lie::WrongKind) };
        self.take(number.and_then(|number| self.asked.numbers.believed(number)))
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON has one kind of number; this is its float"
    )]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON has one kind of number; this is its float"
    )]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }
    fn visit_str<E: serde::de::Error>(mut self, value: &str) -> Result<(), E> {
        self.take(self.asked.numbers.text(value))
    }
    fn visit_unit<E: serde::de::Error>(mut self) -> Result<(), E> {
        self.take(Err(Lie::WrongKind))
    }
}

/// The numbers of one row: scalars, not lists again.
struct Row<'a, 'b>(Walk<'a, 'b>);

impl<'de> DeserializeSeed<'de> for &mut Row<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        struct Scalar<'a, 'b>(Walk<'a, 'b>);
        impl<'de> Visitor<'de> for Scalar<'_, '_> {
            type Value = ();
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of the declared answer")
            }
            fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
                self.0.visit_bool(value)
            }
            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
                self.0.visit_f64(value)
            }
            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
                self.0.visit_u64(value)
            }
            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
                self.0.visit_i64(value)
            }
            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
                self.0.visit_str(value)
            }
        }
        from.deserialize_any(Scalar(self.0.next()))
    }
}

/// A member's name, borrowed where it has no escapes.
struct Name<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Borrowed(text)))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Name<'de>, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

/// An output tensor.
#[derive(Deserialize)]
struct Tensor<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Shape,
    data: Flat,
}

/// A tensor's shape.
struct Shape(Vec<u64>);

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Sizes;
        impl<'de> Visitor<'de> for Sizes {
            type Value = Shape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a shape")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Shape, A::Error> {
                let mut sizes = Vec::new();
                while let Some(size) = items.next_element()? {
                    if sizes.len() == MAX_RANK {
                        return Err(A::Error::custom("the shape has too many sizes"));
                    }
                    sizes.push(size);
                }
                Ok(Shape(sizes))
            }
        }
        from.deserialize_seq(Sizes)
    }
}

/// A tensor's data, nested or flat, row-major. What is no number leaves a NaN, which is not
/// believed; it may be another output's text.
#[derive(Default)]
struct Flat {
    numbers: Vec<f64>,
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut flat = Self::default();
        Level { out: &mut flat.numbers, depth: 0 }.deserialize(from)?;
        Ok(flat)
    }
}

struct Level<'a> {
    out: &'a mut Vec<f64>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Level<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a tensor's data")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        if self.depth == MAX_NESTING {
            return Err(A::Error::custom("the data is nested too deep"));
        }
        while items.next_element_seed(Level { out: self.out, depth: self.depth + 1 })?.is_some() {}
        Ok(())
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.out.push(f64::from(u8::from(value)));
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.out.push(value);
        Ok(())
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON has one kind of number; this is its float"
    )]
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.out.push(value as f64);
        Ok(())
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "JSON has one kind of number; this is its float"
    )]
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.out.push(value as f64);
        Ok(())
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.out.push(f64::NAN);
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.push(f64::NAN);
        Ok(())
    }
}

/// Finds one output among those of a reply.
struct Outputs<'n, 'o, 'de> {
    name: Option<&'n str>,
    found: &'o mut Option<Tensor<'de>>,
    fault: &'o Cell<Option<Lie>>,
}

impl<'de> DeserializeSeed<'de> for Outputs<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Outputs<'_, '_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reply of the Open Inference Protocol")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut is_found = false;
        while let Some(Name(name)) = map.next_key()? {
            if name != "outputs" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if std::mem::replace(&mut is_found, true) {
                return Err(fail(self.fault, Lie::Twice));
            }
            let list = TensorList { name: self.name, found: self.found, fault: self.fault };
            map.next_value_seed(list)?;
        }
        Ok(())
    }
}

struct TensorList<'n, 'o, 'de> {
    name: Option<&'n str>,
    found: &'o mut Option<Tensor<'de>>,
    fault: &'o Cell<Option<Lie>>,
}

impl<'de> DeserializeSeed<'de> for TensorList<'_, '_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for TensorList<'_, '_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("output tensors")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(tensor) = items.next_element::<Tensor<'de>>()? {
            if self.name.is_some_and(|name| name != tensor.name) {
                continue;
            }
            if self.found.replace(tensor).is_some() {
                return Err(fail(self.fault, Lie::Twice));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
