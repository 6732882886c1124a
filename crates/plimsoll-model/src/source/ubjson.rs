//! UBJSON (draft 12) as XGBoost writes it: big-endian, every length and key an `L` with 64 bits,
//! objects without a count, arrays counted, and counted with one type for numbers.
//!
//! Of the draft, only what XGBoost reads is read. Every length is compared with the bytes that
//! remain before anything is allocated or passed over.

use std::borrow::Cow;

use super::{Items, Path, SKIP_DEPTH_MAX, Scalar, Source};
use crate::error::LoadError;
use crate::model::Format;

const ENDS_EARLY: &str = "the file ends too early";

/// Reads UBJSON from memory.
pub(crate) struct Ubjson<'a> {
    bytes: &'a [u8],
    at: usize,
    path: Path,
}

impl<'a> Ubjson<'a> {
    /// Starts at the first byte.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, path: Path::default() }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn take(&mut self, byte: u8, problem: &'static str) -> Result<(), LoadError> {
        if self.peek() != Some(byte) {
            return Err(self.fault(if self.peek().is_none() { ENDS_EARLY } else { problem }));
        }
        self.at += 1;
        Ok(())
    }

    fn marker(&mut self) -> Result<u8, LoadError> {
        let marker = self.peek().ok_or_else(|| self.fault(ENDS_EARLY))?;
        self.at += 1;
        Ok(marker)
    }

    fn slice(&mut self, length: usize) -> Result<&'a [u8], LoadError> {
        let end = self.at.checked_add(length);
        let slice = end.and_then(|end| self.bytes.get(self.at..end));
        let slice = slice.ok_or_else(|| self.fault(ENDS_EARLY))?;
        self.at += length;
        Ok(slice)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], LoadError> {
        let slice = self.slice(N)?;
        slice.try_into().map_err(|_| self.fault(ENDS_EARLY))
    }

    /// A length of things that take at least `width` bytes each.
    fn length(&mut self, width: usize) -> Result<usize, LoadError> {
        self.take(b'L', "expected a 64-bit length")?;
        let length = usize::try_from(i64::from_be_bytes(self.fixed()?)).ok();
        let remain = self.bytes.len() - self.at;
        match length.filter(|length| length.checked_mul(width).is_some_and(|all| all <= remain)) {
            Some(length) => Ok(length),
            None => Err(self.fault("length is more than the bytes that remain")),
        }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, LoadError> {
        let length = self.length(1)?;
        let bytes = self.slice(length)?;
        std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| self.fault("text is not UTF-8"))
    }

    /// Bytes of one number with this marker; `None` for what is not a number.
    fn width(marker: u8) -> Option<usize> {
        match marker {
            b'i' | b'U' => Some(1),
            b'I' => Some(2),
            b'l' | b'd' => Some(4),
            b'L' | b'D' => Some(8),
            _ => None,
        }
    }
}

impl<'a> Source<'a> for Ubjson<'a> {
    fn open_object(&mut self) -> Result<(), LoadError> {
        self.take(b'{', "expected an object")
    }

    fn next_key(&mut self, _: bool) -> Result<Option<Cow<'a, str>>, LoadError> {
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        self.string().map(Some)
    }

    fn open_array(&mut self) -> Result<Items, LoadError> {
        self.take(b'[', "expected an array")?;
        let mut items = Items::default();
        if self.peek() == Some(b'$') {
            self.at += 1;
            let marker = self.marker()?;
            let width = Self::width(marker)
                .ok_or_else(|| self.fault("array has an item type that is not a number"))?;
            self.take(b'#', "expected a count after an item type")?;
            items = Items { taken: 0, count: Some(self.length(width)?), marker: Some(marker) };
        } else if self.peek() == Some(b'#') {
            self.at += 1;
            items.count = Some(self.length(1)?);
        }
        Ok(items)
    }

    fn next_item(&mut self, items: &mut Items) -> Result<bool, LoadError> {
        let more = match items.count {
            Some(count) => items.taken < count,
            None if self.peek() == Some(b']') => {
                self.at += 1;
                false
            }
            None => true,
        };
        items.taken += usize::from(more);
        Ok(more)
    }

    fn scalar(&mut self, items: &Items) -> Result<Scalar<'a>, LoadError> {
        let marker = match items.marker {
            Some(marker) => marker,
            None => self.marker()?,
        };
        Ok(match marker {
            b'd' => Scalar::Real(f64::from(f32::from_be_bytes(self.fixed()?))),
            b'D' => Scalar::Real(f64::from_be_bytes(self.fixed()?)),
            b'i' => Scalar::Integer(i64::from(i8::from_be_bytes(self.fixed()?))),
            b'U' => Scalar::Integer(i64::from(u8::from_be_bytes(self.fixed()?))),
            b'I' => Scalar::Integer(i64::from(i16::from_be_bytes(self.fixed()?))),
            b'l' => Scalar::Integer(i64::from(i32::from_be_bytes(self.fixed()?))),
            b'L' => Scalar::Integer(i64::from_be_bytes(self.fixed()?)),
            b'T' => Scalar::Flag(true),
            b'F' => Scalar::Flag(false),
            _ => return Err(self.fault("expected a number")),
        })
    }

    fn text(&mut self) -> Result<Cow<'a, str>, LoadError> {
        self.take(b'S', "expected a text")?;
        self.string()
    }

    fn skip(&mut self, depth: usize) -> Result<(), LoadError> {
        if depth == SKIP_DEPTH_MAX {
            return Err(self.fault("nested more than 32 levels deep"));
        }
        match self.peek() {
            Some(b'{') => {
                self.open_object()?;
                while self.next_key(false)?.is_some() {
                    self.skip(depth + 1)?;
                }
            }
            Some(b'[') => {
                let mut items = self.open_array()?;
                if let (Some(count), Some(width)) =
                    (items.count, items.marker.and_then(Self::width))
                {
                    // `open_array` compared the product with the bytes that remain.
                    self.at += count * width;
                    return Ok(());
                }
                while self.next_item(&mut items)? {
                    self.skip(depth + 1)?;
                }
            }
            Some(b'S') => {
                self.text()?;
            }
            Some(b'C') => {
                self.slice(2)?;
            }
            Some(b'Z') => self.at += 1,
            _ => {
                self.scalar(&Items::default())?;
            }
        }
        Ok(())
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
        let path = self.path.to_string();
        LoadError::Syntax { format: Format::XgboostUbjson, path, at: self.at, problem }
    }
}
