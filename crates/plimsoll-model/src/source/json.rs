//! JSON (RFC 8259), also as XGBoost writes it: with the words `NaN` and `Infinity` for numbers.
//!
//! Its own reader rather than serde_json, because numbers must be rounded once, to `f32`, and
//! because a fault must name the place in the model. Texts with escapes go to serde_json.

use std::borrow::Cow;

use super::{Items, Path, SKIP_DEPTH_MAX, Scalar, Source};
use crate::error::LoadError;
use crate::model::Format;

/// Longest number or literal, in bytes; XGBoost writes at most 20.
const TOKEN_BYTES_MAX: usize = 40;

/// Reads JSON from memory.
pub(crate) struct Json<'a> {
    /// For messages.
    format: Format,
    bytes: &'a [u8],
    at: usize,
    path: Path,
}

impl<'a> Json<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(bytes: &'a [u8], format: Format) -> Self {
        Self { format, bytes, at: 0, path: Path::default() }
    }

    /// The next byte that is not white space, without taking it.
    fn peek(&mut self) -> Option<u8> {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(*byte);
            }
            self.at += 1;
        }
        None
    }

    fn take(&mut self, byte: u8, problem: &'static str) -> Result<(), LoadError> {
        if self.peek() != Some(byte) {
            return Err(self.fault(problem));
        }
        self.at += 1;
        Ok(())
    }

    /// After an item: takes a comma, or `close` and says that nothing follows.
    fn follows(&mut self, first: bool, close: u8) -> Result<bool, LoadError> {
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            Some(_) => Err(self.fault("expected a comma or the end of the list")),
            None => Err(self.fault("the file ends too early")),
        }
    }

    /// Passes a text and returns it with its quotes, and whether it has escapes.
    fn raw_text(&mut self) -> Result<(&'a [u8], bool), LoadError> {
        self.take(b'"', "expected a text")?;
        let start = self.at;
        let mut escaped = false;
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    self.at += 2;
                }
                Some(0..=0x1f) => return Err(self.fault("control character in a text")),
                Some(_) => self.at += 1,
                None => return Err(self.fault("the file ends too early")),
            }
        }
        self.at += 1;
        Ok((self.bytes.get(start - 1..self.at).unwrap_or_default(), escaped))
    }

    fn token(&mut self) -> Result<&'a [u8], LoadError> {
        self.peek();
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let window = rest.get(..TOKEN_BYTES_MAX).unwrap_or(rest);
        let length = window
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'+' | b'-' | b'.'))
            .unwrap_or(window.len());
        if length == 0 {
            return Err(self.fault("expected a number"));
        }
        if length == TOKEN_BYTES_MAX {
            return Err(self.fault("number is longer than 39 bytes"));
        }
        self.at += length;
        Ok(rest.get(..length).unwrap_or_default())
    }
}

impl<'a> Source<'a> for Json<'a> {
    fn open_object(&mut self) -> Result<(), LoadError> {
        self.take(b'{', "expected an object")
    }

    fn next_key(&mut self, first: bool) -> Result<Option<Cow<'a, str>>, LoadError> {
        if !self.follows(first, b'}')? {
            return Ok(None);
        }
        let key = self.text()?;
        self.take(b':', "expected a colon")?;
        Ok(Some(key))
    }

    fn open_array(&mut self) -> Result<Items, LoadError> {
        self.take(b'[', "expected an array")?;
        Ok(Items::default())
    }

    fn next_item(&mut self, items: &mut Items) -> Result<bool, LoadError> {
        let more = self.follows(items.taken == 0, b']')?;
        items.taken += usize::from(more);
        Ok(more)
    }

    fn scalar(&mut self, _: &Items) -> Result<Scalar<'a>, LoadError> {
        self.token().map(Scalar::Token)
    }

    fn text(&mut self) -> Result<Cow<'a, str>, LoadError> {
        let (quoted, escaped) = self.raw_text()?;
        if escaped {
            return serde_json::from_slice::<String>(quoted)
                .map(Cow::Owned)
                .map_err(|_| self.fault("text has a wrong escape or is not UTF-8"));
        }
        let plain = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        std::str::from_utf8(plain).map(Cow::Borrowed).map_err(|_| self.fault("text is not UTF-8"))
    }

    fn skip(&mut self, depth: usize) -> Result<(), LoadError> {
        if depth == SKIP_DEPTH_MAX {
            return Err(self.fault("nested more than 32 levels deep"));
        }
        match self.peek() {
            Some(b'{') => {
                self.open_object()?;
                let mut first = true;
                while self.next_key(first)?.is_some() {
                    first = false;
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Some(b'[') => {
                let mut items = self.open_array()?;
                while self.next_item(&mut items)? {
                    self.skip(depth + 1)?;
                }
                Ok(())
            }
            Some(b'"') => self.raw_text().map(|_| ()),
            _ => {
                let token = self.token()?;
                let known = matches!(token, b"true" | b"false" | b"null");
                if known || super::decimal(token).is_some() {
                    return Ok(());
                }
                Err(self.fault("expected a value"))
            }
        }
    }

    fn end(&mut self) -> Result<(), LoadError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("more bytes follow the model")),
        }
    }

    fn path(&mut self) -> &mut Path {
        &mut self.path
    }

    fn fault(&self, problem: &'static str) -> LoadError {
        let at = self.at.min(self.bytes.len());
        LoadError::Syntax { format: self.format, path: self.path.to_string(), at, problem }
    }
}
