//! Which bucket, and where in it, written as one setting.

use object_store::path::Path;
use std::fmt;
use std::str::FromStr;

/// A bucket's name, in bytes (S3 user guide, "Bucket naming rules").
const NAME: std::ops::RangeInclusive<usize> = 3..=63;
/// The longest prefix: a key may have 1,024 bytes, and ours have less than 200.
const MAX_PREFIX: usize = 512;

/// A bucket and a folder in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The bucket.
    pub bucket: Box<str>,
    /// What every key begins with; empty for the whole bucket.
    pub prefix: Path,
}

/// The text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It does not begin as one.
    #[error("it must be `s3://BUCKET` or `s3://BUCKET/PREFIX`")]
    Scheme,
    /// The bucket's name is none.
    #[error("the bucket's name must be 3 to 63 of lower-case letters, digits, `-` and `.`")]
    Bucket,
    /// The prefix is none.
    #[error(
        "the prefix must be at most 512 of letters, digits, `-`, `_`, `.` and `/`, without empty parts, `.` or `..`"
    )]
    Prefix,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix("s3://").ok_or(AddressError::Scheme)?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b);
        let bytes = bucket.as_bytes();
        let is_name = NAME.contains(&bytes.len())
            && bytes.iter().copied().all(plain)
            && edge(bytes.first())
            && edge(bytes.last())
            && !bucket.contains("..");
        if !is_name {
            return Err(AddressError::Bucket);
        }
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
        let is_path = prefix.is_empty()
            || prefix.len() <= MAX_PREFIX
                && prefix.bytes().all(plain)
                && !prefix.split('/').any(|part| matches!(part, "" | "." | ".."));
        if !is_path {
            return Err(AddressError::Prefix);
        }
        Ok(Self { bucket: bucket.into(), prefix: Path::from(prefix) })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.prefix.as_ref().is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_and_others_are_refused() {
        for text in ["s3://models", "s3://my-models.eu/a/b_c.d", "s3://123"] {
            let address: Address = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
        let address: Address = "s3://models/a/".parse().expect("a slash at the end is none");
        assert_eq!(address.to_string(), "s3://models/a");
        for (text, error) in [
            ("", AddressError::Scheme),
            ("models", AddressError::Scheme),
            ("https://models", AddressError::Scheme),
            ("s3://", AddressError::Bucket),
            ("s3://ab", AddressError::Bucket),
            ("s3://Models", AddressError::Bucket),
            ("s3://-models", AddressError::Bucket),
            ("s3://a..b", AddressError::Bucket),
            ("s3://models@evil", AddressError::Bucket),
            ("s3://models/a//b", AddressError::Prefix),
            ("s3://models/../b", AddressError::Prefix),
            ("s3://models/a?b", AddressError::Prefix),
            ("s3://models/a%2fb", AddressError::Prefix),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error), "{text}");
        }
    }
}
