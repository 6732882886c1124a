//! The sealed body of an outcome: what turned out to be true about a row of a decision, and who
//! says so. Attributes of people that a model is never given, and that fairness is measured by,
//! have the same body under a kind of their own.

use super::wire::{RecordError, array_len, finish, fixed, infallible, nullable};
use crate::{ApiKeyId, OutcomeId, PrincipalId, Time};
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;

/// The longest name, source, annotator or caller's id, in bytes: a path or an address.
pub const MAX_OUTCOME_WORD: usize = 256;
/// The longest label, in bytes: a class, not a text.
pub const MAX_OUTCOME_LABEL: usize = 1_024;
/// The longest reason of a correction, in bytes: a page.
pub const MAX_OUTCOME_REASON: usize = 4_096;
/// Fields of the body's array.
const FIELDS: u64 = 13;

/// What turned out to be true.
#[derive(Clone, PartialEq, Debug)]
pub enum OutcomeValue {
    /// A class.
    Label(Box<str>),
    /// A quantity, in the unit of the model's output. Finite.
    Number(f64),
    /// How relevant a ranked item was; 0 is not at all. Finite and not negative.
    Relevance(f64),
}

/// An outcome of one row of a decision. The decision is the leaf's id.
#[derive(Clone, PartialEq, Debug)]
pub struct OutcomeBody {
    /// Its own id, by which a later one corrects it.
    pub id: OutcomeId,
    /// The row of the decision's request, from 0.
    pub row: u32,
    /// Which outcome of several, or which attribute.
    pub name: Box<str>,
    /// What it was.
    pub value: OutcomeValue,
    /// When it was so, if somebody says.
    pub observed_at: Option<Time>,
    /// The system it comes from.
    pub source: Box<str>,
    /// The person or program that judged, as the source names it.
    pub annotator: Option<Box<str>>,
    /// Who told it.
    pub principal: PrincipalId,
    /// The key they came with.
    pub key: Option<ApiKeyId>,
    /// The source's own id of it: the same one is taken once.
    pub caller_id: Option<Box<str>>,
    /// The outcome that this one takes the place of.
    pub corrects: Option<OutcomeId>,
    /// Why it was corrected.
    pub reason: Option<Box<str>>,
}

impl OutcomeBody {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(192 + self.name.len() + self.source.len());
        infallible(self.write(&mut out));
        out
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), minicbor::encode::Error<Infallible>> {
        let mut e = Encoder::new(out);
        e.array(FIELDS)?.u64(1)?.bytes(self.id.as_bytes())?.u32(self.row)?.str(&self.name)?;
        match &self.value {
            OutcomeValue::Label(label) => e.array(2)?.u8(0)?.str(label)?,
            OutcomeValue::Number(number) => e.array(2)?.u8(1)?.f64(*number)?,
            OutcomeValue::Relevance(relevance) => e.array(2)?.u8(2)?.f64(*relevance)?,
        };
        match self.observed_at {
            Some(time) => e.u64(time.as_micros())?,
            None => e.null()?,
        };
        e.str(&self.source)?;
        text(&mut e, self.annotator.as_deref())?;
        e.bytes(self.principal.as_bytes())?;
        id(&mut e, self.key.as_ref().map(ApiKeyId::as_bytes))?;
        text(&mut e, self.caller_id.as_deref())?;
        id(&mut e, self.corrects.as_ref().map(OutcomeId::as_bytes))?;
        text(&mut e, self.reason.as_deref())
    }

    /// The body in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, FIELDS)? as u64 != FIELDS || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let body = Self {
            id: OutcomeId::from_bytes(fixed(&mut d)?),
            row: d.u32()?,
            name: word(&mut d, MAX_OUTCOME_WORD)?,
            value: value(&mut d)?,
            observed_at: nullable(&mut d, |d| Ok(Time::from_micros(d.u64()?)))?,
            source: word(&mut d, MAX_OUTCOME_WORD)?,
            annotator: nullable(&mut d, |d| word(d, MAX_OUTCOME_WORD))?,
            principal: PrincipalId::from_bytes(fixed(&mut d)?),
            key: nullable(&mut d, |d| Ok(ApiKeyId::from_bytes(fixed(d)?)))?,
            caller_id: nullable(&mut d, |d| word(d, MAX_OUTCOME_WORD))?,
            corrects: nullable(&mut d, |d| Ok(OutcomeId::from_bytes(fixed(d)?)))?,
            reason: nullable(&mut d, |d| word(d, MAX_OUTCOME_REASON))?,
        };
        finish(&d, bytes.len())?;
        Ok(body)
    }

    /// Whether both say the same of the same, whoever told it and when.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.row == other.row
            && self.name == other.name
            && self.value == other.value
            && self.observed_at == other.observed_at
            && self.is_from_where(other)
            && self.corrects == other.corrects
    }

    /// Whether both come from the same source and annotator.
    #[must_use]
    pub fn is_from_where(&self, other: &Self) -> bool {
        self.source == other.source && self.annotator == other.annotator
    }
}

fn text(
    e: &mut Encoder<&mut Vec<u8>>,
    text: Option<&str>,
) -> Result<(), minicbor::encode::Error<Infallible>> {
    match text {
        Some(text) => e.str(text).map(drop),
        None => e.null().map(drop),
    }
}

fn id(
    e: &mut Encoder<&mut Vec<u8>>,
    id: Option<&[u8; 16]>,
) -> Result<(), minicbor::encode::Error<Infallible>> {
    match id {
        Some(id) => e.bytes(id).map(drop),
        None => e.null().map(drop),
    }
}

fn word(d: &mut Decoder<'_>, most: usize) -> Result<Box<str>, RecordError> {
    let text = d.str()?;
    if text.len() > most {
        return Err(RecordError::Bound("text length"));
    }
    Ok(text.into())
}

fn value(d: &mut Decoder<'_>) -> Result<OutcomeValue, RecordError> {
    if array_len(d, 2)? != 2 {
        return Err(RecordError::Bound("array length"));
    }
    let kind = d.u8()?;
    if kind == 0 {
        return Ok(OutcomeValue::Label(word(d, MAX_OUTCOME_LABEL)?));
    }
    let number = d.f64()?;
    match kind {
        1 if number.is_finite() => Ok(OutcomeValue::Number(number)),
        2 if number.is_finite() && number >= 0.0 => Ok(OutcomeValue::Relevance(number)),
        1 | 2 => Err(RecordError::Bound("value")),
        _ => Err(RecordError::Unknown("kind of value")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;
    use proptest::prelude::*;

    fn first() -> OutcomeBody {
        OutcomeBody {
            id: OutcomeId::from_bytes([1; 16]),
            row: 0,
            name: "outcome".into(),
            value: OutcomeValue::Label("repaid".into()),
            observed_at: Some(Time::from_micros(1_700_000_000_000_000)),
            source: "core-banking".into(),
            annotator: None,
            principal: PrincipalId::from_bytes([2; 16]),
            key: None,
            caller_id: Some("loan-4711".into()),
            corrects: None,
            reason: None,
        }
    }

    fn correction() -> OutcomeBody {
        OutcomeBody {
            id: OutcomeId::from_bytes([3; 16]),
            row: 7,
            value: OutcomeValue::Number(0.5),
            observed_at: None,
            annotator: Some("märz".into()),
            key: Some(ApiKeyId::from_bytes([4; 16])),
            caller_id: None,
            corrects: Some(OutcomeId::from_bytes([1; 16])),
            reason: Some("the loan was repaid late".into()),
            ..first()
        }
    }

    fn relevance() -> OutcomeBody {
        OutcomeBody { value: OutcomeValue::Relevance(2.0), ..first() }
    }

    /// The stored examples of format version 1 must read for ever.
    #[test]
    fn golden_outcomes() {
        let text = include_str!("../../tests/golden/outcome_v1.txt");
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let bodies = [first(), correction(), relevance()];
        assert_eq!(lines.len(), bodies.len());
        for (line, body) in lines.into_iter().zip(bodies) {
            let (name, bytes) = line.split_once(' ').expect("name and hex");
            assert_eq!(hex(&body.encode()), bytes, "{name}");
            assert_eq!(OutcomeBody::decode(&body.encode()), Ok(body), "{name}");
        }
    }

    #[test]
    fn what_is_cut_longer_or_no_number_is_refused() {
        let bytes = correction().encode();
        for end in 0..bytes.len() {
            assert!(OutcomeBody::decode(&bytes[..end]).is_err(), "{end}");
        }
        assert!(OutcomeBody::decode(&[&bytes[..], &[0]].concat()).is_err());
        for value in [OutcomeValue::Number(f64::NAN), OutcomeValue::Relevance(-1.0)] {
            assert!(OutcomeBody::decode(&OutcomeBody { value, ..first() }.encode()).is_err());
        }
        let source = "x".repeat(MAX_OUTCOME_WORD + 1).into();
        assert!(OutcomeBody::decode(&OutcomeBody { source, ..first() }.encode()).is_err());
    }

    #[test]
    fn the_same_is_the_same_whoever_tells_it() {
        let again = OutcomeBody {
            id: OutcomeId::from_bytes([9; 16]),
            principal: PrincipalId::from_bytes([8; 16]),
            caller_id: None,
            ..first()
        };
        assert!(first().says_the_same(&again));
        assert!(!first().says_the_same(&relevance()));
        assert!(!first().says_the_same(&OutcomeBody { annotator: Some("a".into()), ..first() }));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(body) = OutcomeBody::decode(&bytes) {
                prop_assert!(OutcomeBody::decode(&body.encode()).is_ok());
            }
        }

        #[test]
        fn bodies_round_trip(
            label in ".{0,60}", row in any::<u32>(), annotator in prop::option::of(".{0,40}"),
        ) {
            let value = OutcomeValue::Label(label.into());
            let annotator = annotator.map(Into::into);
            let body = OutcomeBody { value, row, annotator, ..correction() };
            prop_assert_eq!(OutcomeBody::decode(&body.encode()), Ok(body));
        }
    }
}
