//! Sealed cells: what is in them, and where their nonce comes from.
//!
//! ```text
//! cell = AES-256-GCM(cell key, nonce, kind 1 · value)        ciphertext and tag
//! nonce = index 6 · row 4 · column 2, big-endian
//! ```
//!
//! The cell key is derived from the keys of the row's holders and the random salt of the file
//! (`Keys::cell_key`), so no nonce is used twice: a place has one value in one file.

use crate::column::{Kind, Value};

/// Texts are padded to a multiple of this, because their exact length says something of them.
const BUCKET: usize = 16;
/// The form of everything that is one number: its length says nothing.
const SCALAR: usize = 9;

/// The nonce of a cell.
pub(crate) fn nonce(index: u64, row: u64, column: usize) -> [u8; 12] {
    let [_, _, a, b, c, d, e, f] = index.to_be_bytes();
    let [_, _, _, _, g, h, i, j] = row.to_be_bytes();
    let column = u16::try_from(column).unwrap_or(u16::MAX);
    let [k, l] = column.to_be_bytes();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

/// The text that is sealed for a value; `None` is a null, which is sealed as well.
pub(crate) fn encode(value: Option<Value<'_>>, out: &mut Vec<u8>) {
    let mut scalar = |kind: u8, bytes: [u8; 8]| {
        out.push(kind);
        out.extend_from_slice(&bytes);
    };
    match value {
        None | Some(Value::Bytes(_)) => scalar(0, [0; 8]),
        Some(Value::Boolean(value)) => scalar(1, u64::from(value).to_le_bytes()),
        Some(Value::Integer(value)) => scalar(2, value.to_le_bytes()),
        Some(Value::Number(value)) => scalar(3, value.to_le_bytes()),
        Some(Value::Time(value)) => scalar(5, value.to_le_bytes()),
        Some(Value::Count(value)) => scalar(7, value.to_le_bytes()),
        Some(Value::Text(text)) => {
            let begin = out.len();
            out.push(4);
            out.extend_from_slice(text.as_bytes());
            out.push(0x80);
            out.resize(begin + (out.len() - begin).next_multiple_of(BUCKET), 0);
        }
        Some(Value::Tensor(values)) => {
            out.push(6);
            values.iter().for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
    }
}

/// What was sealed, opened.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Opened<'a> {
    Null,
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Time(i64),
    Count(u64),
    Text(&'a str),
    Tensor(Vec<f64>),
}

/// The value in an opened cell; `None` if it is none of this version.
pub(crate) fn decode(text: &[u8]) -> Option<Opened<'_>> {
    let (&kind, rest) = text.split_first()?;
    let scalar = || -> Option<[u8; 8]> {
        (text.len() == SCALAR).then(|| rest.first_chunk().copied()).flatten()
    };
    Some(match kind {
        0 => scalar().map(|_| Opened::Null)?,
        1 => Opened::Boolean(u64::from_le_bytes(scalar()?) != 0),
        2 => Opened::Integer(i64::from_le_bytes(scalar()?)),
        3 => Opened::Number(f64::from_le_bytes(scalar()?)),
        4 => {
            let end = rest.iter().rposition(|&byte| byte != 0)?;
            let text = rest.get(..end).filter(|_| rest.get(end) == Some(&0x80))?;
            Opened::Text(std::str::from_utf8(text).ok()?)
        }
        5 => Opened::Time(i64::from_le_bytes(scalar()?)),
        6 => {
            let (numbers, []) = rest.as_chunks::<8>() else { return None };
            Opened::Tensor(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect())
        }
        7 => Opened::Count(u64::from_le_bytes(scalar()?)),
        _ => return None,
    })
}

impl<'a> Opened<'a> {
    /// The value as one of `kind`, as it is without loss; texts are made in `text`.
    pub(crate) fn as_kind<'b>(&'b self, kind: Kind, text: &'b mut String) -> Option<Value<'b>>
    where
        'a: 'b,
    {
        let value = match self {
            Self::Null => return None,
            Self::Boolean(value) => Value::Boolean(*value),
            Self::Integer(value) if kind == Kind::Number => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "contract integers are within ±2^53"
                )]
                let value = *value as f64;
                Value::Number(value)
            }
            Self::Integer(value) => Value::Integer(*value),
            Self::Number(value) => Value::Number(*value),
            Self::Time(value) => Value::Time(*value),
            Self::Count(value) => Value::Count(*value),
            Self::Text(value) => Value::Text(value),
            Self::Tensor(values) => Value::Tensor(values),
        };
        if kind != Kind::Text || matches!(value, Value::Text(_)) {
            return Some(value);
        }
        *text = match value {
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) | Value::Time(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::Count(value) => value.to_string(),
            Value::Tensor(values) => format!("{values:?}"),
            Value::Text(_) | Value::Bytes(_) => String::new(),
        };
        Some(Value::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Opened<'static>> {
        prop_oneof![
            Just(Opened::Null),
            any::<bool>().prop_map(Opened::Boolean),
            any::<i64>().prop_map(Opened::Integer),
            any::<f64>().prop_map(Opened::Number),
            any::<i64>().prop_map(Opened::Time),
            any::<u64>().prop_map(Opened::Count),
            ".{0,40}".prop_map(|text| Opened::Text(Box::leak(text.into_boxed_str()))),
            proptest::collection::vec(any::<f64>(), 0..9).prop_map(Opened::Tensor),
        ]
    }

    fn borrowed<'a>(opened: &'a Opened<'_>) -> Option<Value<'a>> {
        Some(match opened {
            Opened::Null => return None,
            Opened::Boolean(value) => Value::Boolean(*value),
            Opened::Integer(value) => Value::Integer(*value),
            Opened::Number(value) => Value::Number(*value),
            Opened::Time(value) => Value::Time(*value),
            Opened::Count(value) => Value::Count(*value),
            Opened::Text(value) => Value::Text(value),
            Opened::Tensor(values) => Value::Tensor(values),
        })
    }

    proptest! {
        #[test]
        fn what_is_sealed_comes_back(value in value()) {
            let mut bytes = Vec::new();
            encode(borrowed(&value), &mut bytes);
            prop_assert_eq!(decode(&bytes), Some(value));
        }
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            drop(decode(&bytes));
        }
        #[test]
        fn another_cell_has_another_nonce(
            a in (0_u64..1 << 48, 0_u64..1 << 32, 0_usize..1 << 14),
            b in (0_u64..1 << 48, 0_u64..1 << 32, 0_usize..1 << 14),
        ) {
            prop_assert_eq!(nonce(a.0, a.1, a.2) == nonce(b.0, b.1, b.2), a == b);
        }
    }

    #[test]
    fn lengths_say_little() {
        let len = |value| {
            let mut out = Vec::new();
            encode(value, &mut out);
            out.len()
        };
        assert_eq!(len(None), len(Some(Value::Number(1.5))));
        assert_eq!(len(Some(Value::Text(""))), len(Some(Value::Text("fourteen bytes"))));
    }
}
