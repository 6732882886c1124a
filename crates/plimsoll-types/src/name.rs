//! Names that people give to models, deployments and principals.

use std::fmt;
use std::str::FromStr;

/// The longest name, in bytes. 63 is the limit of a DNS label, so a name can become one.
pub const MAX_NAME_LEN: usize = 63;

/// A name: 1 to 63 of `a-z 0-9 - _ .`, beginning and ending with a letter or digit.
///
/// The small alphabet keeps names safe in paths, URLs, metrics labels and logs.
#[derive(
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", extend("pattern" = "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"))]
pub struct Name(Box<str>);

/// Why a text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to 63 of a-z, 0-9, `-`, `_` and `.`, beginning and ending with a letter or digit"
)]
pub struct NameError(());

impl Name {
    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// [`NameError`] if it is empty, too long, or has another character.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let edge = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let bytes = text.as_bytes();
        let inside = |b: &u8| edge(*b) || matches!(b, b'-' | b'_' | b'.');
        match (bytes.first(), bytes.last()) {
            (Some(&first), Some(&last))
                if bytes.len() <= MAX_NAME_LEN
                    && edge(first)
                    && edge(last)
                    && bytes.iter().all(inside) =>
            {
                Ok(Self(text.into()))
            }
            _ => Err(NameError(())),
        }
    }
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({})", self.0)
    }
}
impl FromStr for Name {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}
impl TryFrom<String> for Name {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}
impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.into()
    }
}
impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked() {
        for good in ["a", "credit-default", "v1.2_x", &"a".repeat(63)] {
            assert_eq!(Name::new(good).expect("good").as_str(), good);
        }
        for bad in ["", "A", "-a", "a-", "a/b", "..", "a b", "ä", &"a".repeat(64)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
    }
}
