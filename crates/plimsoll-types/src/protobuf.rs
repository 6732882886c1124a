//! Protocol Buffers' wire format (<https://protobuf.dev/programming-guides/encoding>), as much of
//! it as ONNX files and the Open Inference Protocol over gRPC use. It must not know messages.
//!
//! A reader by hand rather than generated code, because a message of a stranger must be looked at
//! with suspicion before it is believed, and because nothing of it need be copied: texts and
//! tensors stay slices of what was received, so that a message costs no memory but its own.

/// Why bytes are no message, and where.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The byte, counted from the start of what the first reader reads.
    pub at: usize,
    /// What is wrong, in words.
    pub problem: &'static str,
}

/// A field's value.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// An integer, boolean or enumeration.
    Varint(u64),
    /// Eight bytes: an `f64`.
    Fixed64([u8; 8]),
    /// Four bytes: an `f32`.
    Fixed32([u8; 4]),
    /// A text, a message, or packed numbers.
    Bytes(Reader<'a>),
}

/// Reads the fields of one message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    /// Where `bytes` starts in the file.
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a whole file or message.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The bytes that remain.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.bytes
    }

    /// Whether nothing remains.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }

    /// A fault at the next byte.
    #[must_use]
    pub fn fault(self, problem: &'static str) -> Fault {
        Fault { at: self.at, problem }
    }

    /// Calls `field` for each field of the message with its number and value.
    ///
    /// # Errors
    /// A [`Fault`] of the message, or the first error of `field`.
    pub fn fields<E: From<Fault>>(
        mut self,
        mut field: impl FnMut(u64, Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((number, value)) = self.next_field()? {
            field(number, value)?;
        }
        Ok(())
    }

    /// Takes the next field; `None` at the end of the message.
    ///
    /// # Errors
    /// A [`Fault`] of the message.
    pub fn next_field(&mut self) -> Result<Option<(u64, Value<'a>)>, Fault> {
        if self.bytes.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.fixed()?),
            2 => Value::Bytes(self.bytes()?),
            5 => Value::Fixed32(self.fixed()?),
            _ => return Err(self.fault("a field of no known wire type")),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let Some((head, rest)) = self.bytes.split_at_checked(count) else {
            return Err(self.fault("the message ends too early"));
        };
        self.bytes = rest;
        self.at = self.at.saturating_add(count);
        Ok(head)
    }

    /// Takes `N` bytes.
    ///
    /// # Errors
    /// A [`Fault`] if there are fewer.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.fault("the message ends too early"))
    }

    /// Takes an integer of variable length.
    ///
    /// # Errors
    /// A [`Fault`] if it is longer than 64 bits, or the message ends within it.
    pub fn varint(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.fixed()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.fault("an integer is longer than 64 bits"))
    }

    fn bytes(&mut self) -> Result<Self, Fault> {
        let length = self.varint()?;
        let start = self.at;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(Self { bytes: self.take(length)?, at: start })
    }
}

impl<'a> Value<'a> {
    /// The message or text.
    ///
    /// # Errors
    /// A [`Fault`] if it is a number.
    pub fn bytes(self) -> Result<Reader<'a>, Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Fault { at: 0, problem: "a number where a message or text belongs" }),
        }
    }

    /// The text.
    ///
    /// # Errors
    /// A [`Fault`] if it is a number, or not UTF-8.
    pub fn text(self) -> Result<&'a str, Fault> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes.rest()).map_err(|_| bytes.fault("a text is not UTF-8"))
    }

    /// The integer; negative ones take all 64 bits.
    ///
    /// # Errors
    /// A [`Fault`] if it is something else.
    pub fn integer(self) -> Result<i64, Fault> {
        match self {
            Self::Varint(value) => Ok(value.cast_signed()),
            _ => Err(Fault { at: 0, problem: "something else where an integer belongs" }),
        }
    }

    /// Appends an integer, or packed ones.
    ///
    /// # Errors
    /// A [`Fault`] if it is something else, or the last of them is not whole.
    pub fn integers(self, out: &mut Vec<i64>) -> Result<(), Fault> {
        let Self::Bytes(mut packed) = self else {
            out.push(self.integer()?);
            return Ok(());
        };
        while !packed.bytes.is_empty() {
            out.push(packed.varint()?.cast_signed());
        }
        Ok(())
    }

    /// Appends an `f32`, or packed ones.
    ///
    /// # Errors
    /// A [`Fault`] if it is something else, or the last of them is not whole.
    pub fn singles(self, out: &mut Vec<f32>) -> Result<(), Fault> {
        match self {
            Self::Fixed32(bytes) => out.push(f32::from_le_bytes(bytes)),
            Self::Bytes(mut packed) => {
                out.reserve(packed.bytes.len() / 4);
                while !packed.bytes.is_empty() {
                    out.push(f32::from_le_bytes(packed.fixed()?));
                }
            }
            _ => return Err(Fault { at: 0, problem: "something else where numbers belong" }),
        }
        Ok(())
    }

    /// Appends an `f64`, or packed ones.
    ///
    /// # Errors
    /// A [`Fault`] if it is something else, or the last of them is not whole.
    pub fn doubles(self, out: &mut Vec<f64>) -> Result<(), Fault> {
        match self {
            Self::Fixed64(bytes) => out.push(f64::from_le_bytes(bytes)),
            Self::Bytes(mut packed) => {
                out.reserve(packed.bytes.len() / 8);
                while !packed.bytes.is_empty() {
                    out.push(f64::from_le_bytes(packed.fixed()?));
                }
            }
            _ => return Err(Fault { at: 0, problem: "something else where numbers belong" }),
        }
        Ok(())
    }
}

/// Appends the fields of one message. Defaults (0, false, empty) are left out, as proto3 does.
#[derive(Debug)]
pub struct Writer<'a>(pub &'a mut Vec<u8>);

impl Writer<'_> {
    /// Appends an integer of variable length, without a field.
    pub fn varint(&mut self, mut value: u64) {
        loop {
            let low = u8::try_from(value & 0x7f).unwrap_or_default();
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    /// An integer, boolean or enumeration.
    pub fn integer(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3);
            self.varint(value);
        }
    }

    /// A text.
    pub fn text(&mut self, field: u64, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// A text, bytes, message or packed numbers, there even if it is empty: one of a list.
    pub fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// A message that `write` writes.
    pub fn message(&mut self, field: u64, write: impl FnOnce(&mut Writer<'_>)) {
        let mut inner = Vec::new();
        write(&mut Writer(&mut inner));
        self.bytes(field, &inner);
    }

    /// Packed integers.
    pub fn integers(&mut self, field: u64, values: impl Iterator<Item = i64>) {
        let mut packed = Vec::new();
        values.for_each(|value| Writer(&mut packed).varint(value.cast_unsigned()));
        if !packed.is_empty() {
            self.bytes(field, &packed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let mut writer = Writer(&mut bytes);
        writer.integer(1, 300);
        writer.integer(2, 0);
        writer.text(3, "a text");
        writer.text(4, "");
        writer.message(5, |inner| inner.integer(1, u64::MAX));
        writer.integers(6, [-1, 0, 150].into_iter());
        let mut seen = Vec::new();
        let mut numbers = Vec::new();
        let read = Reader::new(&bytes).fields::<Fault>(|field, value| {
            seen.push(field);
            match field {
                1 => assert!(matches!(value, Value::Varint(300))),
                3 => assert_eq!(value.text()?, "a text"),
                5 => value.bytes()?.fields::<Fault>(|_, inner| {
                    assert_eq!(inner.integer()?, -1);
                    Ok(())
                })?,
                _ => value.integers(&mut numbers)?,
            }
            Ok(())
        });
        assert!(read.is_ok());
        assert_eq!((seen, numbers), (vec![1, 3, 5, 6], vec![-1, 0, 150]));
    }

    #[test]
    fn lengths_that_lie_are_faults() {
        for bytes in [
            &b"\x0a\x05ab"[..],
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
            b"\x08",
            b"\x0b\x0c",
            b"\x0d\x00",
        ] {
            assert!(Reader::new(bytes).fields::<Fault>(|_, _| Ok(())).is_err(), "{bytes:?}");
        }
    }
}
