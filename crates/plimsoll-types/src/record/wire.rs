//! Small helpers over the CBOR codec (RFC 8949), shared by the records.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// Why bytes are not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not CBOR, or not of the expected types.
    #[error("the record is not well-formed CBOR of its kind: {0}")]
    Malformed(Box<str>),
    /// A number that stands for no known word.
    #[error("the record has an unknown {0}; it was written by a newer version of Plimsoll")]
    Unknown(&'static str),
    /// A required field is absent.
    #[error("the record lacks its field {0}")]
    Missing(&'static str),
    /// A bound of the format is broken.
    #[error("the record breaks a bound of its format: {0}")]
    Bound(&'static str),
}

impl From<minicbor::decode::Error> for RecordError {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::Malformed(error.to_string().into())
    }
}

pub(super) type Out<'a> = Encoder<&'a mut Vec<u8>>;

/// Writing CBOR into a vector cannot fail, so the codec's `Result` carries nothing.
pub(super) fn infallible<T>(result: Result<T, minicbor::encode::Error<std::convert::Infallible>>) {
    debug_assert!(result.is_ok());
}

/// The entries of a map of definite length, at most `max`.
pub(super) fn map_len(input: &mut Decoder<'_>, max: u64) -> Result<u64, RecordError> {
    input.map()?.filter(|&n| n <= max).ok_or(RecordError::Bound("map length"))
}

/// The items of an array of definite length, at most `max`.
pub(super) fn array_len(input: &mut Decoder<'_>, max: u64) -> Result<usize, RecordError> {
    let len = input.array()?.filter(|&n| n <= max).ok_or(RecordError::Bound("array length"))?;
    usize::try_from(len).map_err(|_| RecordError::Bound("array length"))
}

/// A byte string of exactly `N` bytes.
pub(super) fn fixed<const N: usize>(input: &mut Decoder<'_>) -> Result<[u8; N], RecordError> {
    input.bytes()?.try_into().map_err(|_| RecordError::Bound("byte string length"))
}

/// `None` for null, else what `read` reads.
pub(super) fn nullable<'b, T>(
    input: &mut Decoder<'b>,
    read: impl FnOnce(&mut Decoder<'b>) -> Result<T, RecordError>,
) -> Result<Option<T>, RecordError> {
    if input.datatype()? == Type::Null {
        input.null()?;
        return Ok(None);
    }
    read(input).map(Some)
}

/// Refuses bytes after the record.
pub(super) fn finish(input: &Decoder<'_>, len: usize) -> Result<(), RecordError> {
    if input.position() == len { Ok(()) } else { Err(RecordError::Bound("bytes after the end")) }
}
