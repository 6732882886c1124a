//! The sealed body of a review: what a person said about a decision.

use super::wire::{RecordError, array_len, finish, fixed, infallible, nullable};
use crate::refusal::words;
use crate::{DecisionId, PrincipalId};
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;
use std::fmt;

/// Numbers of one output: as many as a decision may have cells, 2^24.
const MAX_VALUES: u64 = 1 << 24;
/// Outputs of a model.
const MAX_OUTPUTS: u64 = 1 << 10;

words! {
    /// What a person says about a decision.
    Verdict {
        /// It stands.
        Accepted = 0 "accepted",
        /// Another outcome takes its place.
        Overridden = 1 "overridden",
        /// The subject, or somebody for them, wants a person to look at it.
        Contested = 2 "contested",
    }
}

/// One named output: its numbers per row, and the numbers, row-major.
pub type ReviewedOutput = (Box<str>, u32, Vec<f64>);

/// What a person said about a decision.
#[derive(Clone, PartialEq, Debug)]
pub struct ReviewBody {
    /// What they said.
    pub verdict: Verdict,
    /// About which decision.
    pub decision: DecisionId,
    /// Who said it, or passed it on.
    pub principal: PrincipalId,
    /// Why, in their words.
    pub reason: Box<str>,
    /// The outcome before: the model's, or that of the review before this one.
    pub before: Vec<ReviewedOutput>,
    /// The outcome that takes its place; none unless overridden.
    pub after: Option<Vec<ReviewedOutput>>,
}

impl ReviewBody {
    /// The body's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.reason.len());
        infallible(self.write(&mut out));
        out
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), minicbor::encode::Error<Infallible>> {
        let mut e = Encoder::new(out);
        e.array(7)?.u64(1)?.u8(self.verdict.code())?;
        e.bytes(self.decision.as_bytes())?.bytes(self.principal.as_bytes())?;
        e.str(&self.reason)?;
        write_outputs(&mut e, &self.before)?;
        match &self.after {
            Some(after) => write_outputs(&mut e, after),
            None => e.null().map(drop),
        }
    }

    /// The body in `bytes`.
    ///
    /// # Errors
    /// [`RecordError`] if they are not one.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut d = Decoder::new(bytes);
        if array_len(&mut d, 7)? != 7 || d.u64()? != 1 {
            return Err(RecordError::Unknown("body version"));
        }
        let body = Self {
            verdict: Verdict::from_code(d.u8()?).ok_or(RecordError::Unknown("verdict"))?,
            decision: DecisionId::from_bytes(fixed(&mut d)?),
            principal: PrincipalId::from_bytes(fixed(&mut d)?),
            reason: d.str()?.into(),
            before: read_outputs(&mut d)?,
            after: nullable(&mut d, read_outputs)?,
        };
        finish(&d, bytes.len())?;
        Ok(body)
    }
}

fn write_outputs(
    e: &mut Encoder<&mut Vec<u8>>,
    outputs: &[ReviewedOutput],
) -> Result<(), minicbor::encode::Error<Infallible>> {
    e.array(outputs.len() as u64)?;
    for (name, width, values) in outputs {
        e.array(3)?.str(name)?.u32(*width)?.array(values.len() as u64)?;
        for value in values {
            e.f64(*value)?;
        }
    }
    Ok(())
}

fn read_outputs(d: &mut Decoder<'_>) -> Result<Vec<ReviewedOutput>, RecordError> {
    let outputs = 0..array_len(d, MAX_OUTPUTS)?;
    let one = |d: &mut Decoder<'_>| {
        if array_len(d, 3)? != 3 {
            return Err(RecordError::Bound("array length"));
        }
        let (name, width) = (d.str()?.into(), d.u32()?);
        let values = 0..array_len(d, MAX_VALUES)?;
        let values = values.map(|_| Ok(d.f64()?)).collect::<Result<_, RecordError>>()?;
        Ok((name, width, values))
    };
    outputs.map(|_| one(d)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;
    use proptest::prelude::*;

    fn overridden() -> ReviewBody {
        ReviewBody {
            verdict: Verdict::Overridden,
            decision: DecisionId::from_bytes([1; 16]),
            principal: PrincipalId::from_bytes([2; 16]),
            reason: "income was mistyped".into(),
            before: vec![("probability".into(), 1, vec![0.25])],
            after: Some(vec![("probability".into(), 1, vec![0.75])]),
        }
    }

    fn contested() -> ReviewBody {
        ReviewBody {
            verdict: Verdict::Contested,
            principal: PrincipalId::from_bytes([3; 16]),
            reason: "ich bin im März umgezogen".into(),
            before: vec![("classes".into(), 2, vec![0.25, 0.75, 1.0, 0.0])],
            after: None,
            ..overridden()
        }
    }

    /// The stored examples of format version 1 must read for ever.
    #[test]
    fn golden_reviews() {
        let text = include_str!("../../tests/golden/review_v1.txt");
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 2);
        for (line, body) in lines.into_iter().zip([overridden(), contested()]) {
            let (name, bytes) = line.split_once(' ').expect("name and hex");
            assert_eq!(hex(&body.encode()), bytes, "{name}");
            assert_eq!(ReviewBody::decode(&body.encode()), Ok(body), "{name}");
        }
    }

    #[test]
    fn what_is_cut_or_longer_is_refused() {
        let bytes = overridden().encode();
        for end in 0..bytes.len() {
            assert!(ReviewBody::decode(&bytes[..end]).is_err(), "{end}");
        }
        assert!(ReviewBody::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(body) = ReviewBody::decode(&bytes) {
                prop_assert!(ReviewBody::decode(&body.encode()).is_ok());
            }
        }

        #[test]
        fn bodies_round_trip(reason in ".*", values in prop::collection::vec(-1e9_f64..1e9, 0..20)) {
            let before = vec![("score".into(), 1, values.clone())];
            let body = ReviewBody { reason: reason.into(), before, after: None, ..contested() };
            prop_assert_eq!(ReviewBody::decode(&body.encode()), Ok(body));
        }
    }
}
