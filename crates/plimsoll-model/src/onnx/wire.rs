//! Protocol Buffers' wire format (https://protobuf.dev/programming-guides/encoding), as much of it
//! as ONNX files use. It must not know messages.
//!
//! A reader by hand rather than generated code, because a message of ONNX must be looked at with
//! suspicion before it is believed, and because nothing of it need be copied: texts and tensors
//! stay slices of the file.

/// Why bytes are no message, and where.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: &'static str,
}

/// A field's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
    /// A text, a message, or packed numbers.
    Bytes(Reader<'a>),
}

/// Reads the fields of one message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    /// Where `bytes` starts in the file.
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a whole file.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The bytes that remain.
    pub(super) fn rest(self) -> &'a [u8] {
        self.bytes
    }

    /// A fault at the next byte.
    pub(super) fn fault(self, problem: &'static str) -> Fault {
        Fault { at: self.at, problem }
    }

    /// Calls `field` for each field of the message with its number and value.
    pub(super) fn fields<E: From<Fault>>(
        mut self,
        mut field: impl FnMut(u64, Value<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !self.bytes.is_empty() {
            let tag = self.varint()?;
            let value = match tag & 7 {
                0 => Value::Varint(self.varint()?),
                1 => Value::Fixed64(self.fixed()?),
                2 => Value::Bytes(self.bytes()?),
                5 => Value::Fixed32(self.fixed()?),
                _ => return Err(self.fault("a field of no known wire type").into()),
            };
            field(tag >> 3, value)?;
        }
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Fault> {
        let Some((head, rest)) = self.bytes.split_at_checked(count) else {
            return Err(self.fault("the message ends too early"));
        };
        self.bytes = rest;
        self.at = self.at.saturating_add(count);
        Ok(head)
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let bytes = self.take(N)?;
        bytes.try_into().map_err(|_| self.fault("the message ends too early"))
    }

    pub(super) fn varint(&mut self) -> Result<u64, Fault> {
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
    pub(super) fn bytes(self) -> Result<Reader<'a>, Fault> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Fault { at: 0, problem: "a number where a message or text belongs" }),
        }
    }

    /// The text.
    pub(super) fn text(self) -> Result<&'a str, Fault> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes.rest()).map_err(|_| bytes.fault("a text is not UTF-8"))
    }

    /// The integer; negative ones take all 64 bits.
    pub(super) fn integer(self) -> Result<i64, Fault> {
        match self {
            Self::Varint(value) => Ok(value.cast_signed()),
            _ => Err(Fault { at: 0, problem: "something else where an integer belongs" }),
        }
    }

    /// Appends an integer, or packed ones.
    pub(super) fn integers(self, out: &mut Vec<i64>) -> Result<(), Fault> {
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
    pub(super) fn singles(self, out: &mut Vec<f32>) -> Result<(), Fault> {
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
    pub(super) fn doubles(self, out: &mut Vec<f64>) -> Result<(), Fault> {
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
