//! The Open Inference Protocol v2 over gRPC, as a client speaks it
//! (kserve/open-inference-protocol, `specification/protocol/open_inference_grpc.proto`): a
//! `ModelInferRequest` with raw contents, written from rows, and a `ModelInferResponse`, read in
//! place. It knows messages and their frames, not HTTP/2.

use crate::answer::{Asked, Lie};
use plimsoll_types::protobuf::{Fault, Reader, Value, Writer};

/// The one method that is called.
pub(crate) const PATH: &str = "/inference.GRPCInferenceService/ModelInfer";
/// The flag and the length before a message (grpc/grpc, `doc/PROTOCOL-HTTP2.md`).
const FRAME: usize = 5;
/// Sizes of a tensor's shape, as of replies in JSON.
const MAX_RANK: usize = 8;

/// A tensor to send: raw, little-endian, row-major; a text after its length in four bytes.
pub(crate) struct Sent<'a> {
    pub(crate) name: &'a str,
    pub(crate) datatype: &'static str,
    pub(crate) shape: [u64; 2],
    pub(crate) raw: Vec<u8>,
}

/// Appends a framed request.
pub(crate) fn write(model: &str, version: Option<&str>, tensors: &[Sent<'_>], out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(&[0; FRAME]);
    let mut w = Writer(out);
    w.text(1, model);
    w.text(2, version.unwrap_or_default());
    for tensor in tensors {
        w.message(5, |w| {
            w.text(1, tensor.name);
            w.text(2, tensor.datatype);
            w.integers(3, tensor.shape.iter().map(|size| size.cast_signed()));
        });
    }
    for tensor in tensors {
        w.bytes(7, &tensor.raw);
    }
    // A request is as large as its rows, which are bounded far below 4 GiB.
    let length = u32::try_from(out.len() - from - FRAME).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(from + 1..from + FRAME) {
        place.copy_from_slice(&length.to_be_bytes());
    }
}

impl From<Fault> for Lie {
    fn from(_: Fault) -> Self {
        Self::NotMessage
    }
}

/// An `InferOutputTensor`, in place.
#[derive(Default)]
struct Tensor<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: [u64; MAX_RANK],
    rank: usize,
    contents: Option<Reader<'a>>,
}

/// Appends the answers of a framed reply: those of the output `name`, or of the only one.
///
/// The message is read in place, so that it costs no memory but its own, and never more numbers
/// are kept than were asked for.
pub(crate) fn read(
    reply: &[u8],
    name: Option<&str>,
    asked: &Asked<'_>,
    out: &mut Vec<f64>,
) -> Result<(), Lie> {
    let message = Reader::new(unframed(reply)?);
    let (mut found, mut place, mut raws) = (None, 0_usize, 0_usize);
    message.fields::<Lie>(|field, value| {
        match field {
            5 => {
                let tensor = Tensor::read(value.bytes()?)?;
                if name.is_none_or(|name| name == tensor.name)
                    && found.replace((place, tensor)).is_some()
                {
                    return Err(Lie::Twice);
                }
                place += 1;
            }
            6 => raws += 1,
            _ => {}
        }
        Ok(())
    })?;
    let (place, tensor) = found.ok_or(Lie::Missing)?;
    let wanted = asked.rows.checked_mul(asked.width).ok_or(Lie::WrongCount)?;
    let sizes = tensor.shape.get(..tensor.rank).unwrap_or_default();
    let product = sizes.iter().try_fold(1_u64, |all, size| all.checked_mul(*size));
    let fits =
        |count: Option<u64>, n: usize| count.and_then(|c| usize::try_from(c).ok()) == Some(n);
    if !fits(product, wanted) || !fits(sizes.first().copied(), asked.rows) {
        return Err(Lie::WrongCount);
    }
    let mut taken = Taken { asked, wanted, count: 0, out };
    match tensor.contents.filter(|contents| !contents.is_empty()) {
        // One or the other: two readers might not agree on which is meant.
        Some(_) if raws > 0 => return Err(Lie::Twice),
        Some(contents) => taken.contents(tensor.datatype, contents)?,
        None => taken.raw(tensor.datatype, raw_contents(message, place)?)?,
    }
    if taken.count == wanted { Ok(()) } else { Err(Lie::WrongCount) }
}

/// The one message of a reply.
fn unframed(reply: &[u8]) -> Result<&[u8], Lie> {
    let ([flag, length @ ..], message) =
        reply.split_first_chunk::<FRAME>().ok_or(Lie::NotMessage)?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    // A compressed one was not asked for.
    if *flag == 0 && length == message.len() { Ok(message) } else { Err(Lie::NotMessage) }
}

/// The raw contents of the output at `place`.
fn raw_contents(mut message: Reader<'_>, mut place: usize) -> Result<Reader<'_>, Lie> {
    while let Some((field, value)) = message.next_field()? {
        match (field, place) {
            (6, 0) => return Ok(value.bytes()?),
            (6, _) => place -= 1,
            _ => {}
        }
    }
    Err(Lie::WrongCount)
}

impl<'a> Tensor<'a> {
    fn read(message: Reader<'a>) -> Result<Self, Lie> {
        let mut tensor = Self::default();
        let mut seen = 0_u8;
        message.fields::<Lie>(|field, value| {
            if matches!(field, 1 | 2 | 5) {
                let bit = 1 << field;
                if seen & bit != 0 {
                    return Err(Lie::Twice);
                }
                seen |= bit;
            }
            match (field, value) {
                (1, value) => tensor.name = value.text()?,
                (2, value) => tensor.datatype = value.text()?,
                (3, Value::Varint(size)) => tensor.size(size)?,
                (3, value) => {
                    let mut packed = value.bytes()?;
                    while !packed.is_empty() {
                        tensor.size(packed.varint()?)?;
                    }
                }
                (5, value) => tensor.contents = Some(value.bytes()?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(tensor)
    }

    /// A negative size takes the upper half of 64 bits, and no product of it is what was asked.
    fn size(&mut self, size: u64) -> Result<(), Lie> {
        *self.shape.get_mut(self.rank).ok_or(Lie::WrongCount)? = size;
        self.rank += 1;
        Ok(())
    }
}

/// The numbers that are believed.
struct Taken<'a, 'o> {
    asked: &'a Asked<'a>,
    wanted: usize,
    count: usize,
    out: &'o mut Vec<f64>,
}

impl Taken<'_, '_> {
    fn put(&mut self, number: f64) -> Result<(), Lie> {
        if self.count == self.wanted {
            return Err(Lie::WrongCount);
        }
        self.count += 1;
        self.out.push(self.asked.numbers.believed(number)?);
        Ok(())
    }

    /// Raw numbers, as many as the bytes are.
    fn raw(&mut self, datatype: &str, bytes: Reader<'_>) -> Result<(), Lie> {
        let width = match datatype {
            "BOOL" | "INT8" | "UINT8" => 1,
            "INT16" | "UINT16" => 2,
            "FP32" | "INT32" | "UINT32" => 4,
            "FP64" | "INT64" | "UINT64" => 8,
            _ => return Err(Lie::WrongKind),
        };
        let chunks = bytes.rest().chunks_exact(width);
        if !chunks.remainder().is_empty() {
            return Err(Lie::WrongCount);
        }
        for chunk in chunks {
            let mut wide = [0_u8; 8];
            if let Some(low) = wide.get_mut(..width) {
                low.copy_from_slice(chunk);
            }
            self.put(value_of(datatype, wide)?)?;
        }
        Ok(())
    }

    /// `InferTensorContents`: the list that belongs to the datatype, packed or one by one.
    fn contents(&mut self, datatype: &str, contents: Reader<'_>) -> Result<(), Lie> {
        let list = match datatype {
            "BOOL" => 1,
            "INT8" | "INT16" | "INT32" => 2,
            "INT64" => 3,
            "UINT8" | "UINT16" | "UINT32" => 4,
            "UINT64" => 5,
            "FP32" => 6,
            "FP64" => 7,
            _ => return Err(Lie::WrongKind),
        };
        contents.fields::<Lie>(|field, value| {
            if field != list {
                return Err(Lie::WrongKind);
            }
            match (list, value) {
                (6, Value::Fixed32(bytes)) => self.put(f32::from_le_bytes(bytes).into()),
                (7, Value::Fixed64(bytes)) => self.put(f64::from_le_bytes(bytes)),
                (1..=5, Value::Varint(bits)) => self.put(whole(list, bits)?),
                (_, Value::Bytes(mut packed)) => {
                    while !packed.is_empty() {
                        let number = match list {
                            6 => f32::from_le_bytes(packed.fixed()?).into(),
                            7 => f64::from_le_bytes(packed.fixed()?),
                            _ => whole(list, packed.varint()?)?,
                        };
                        self.put(number)?;
                    }
                    Ok(())
                }
                _ => Err(Lie::WrongKind),
            }
        })
    }
}

/// A number of variable length, in the list of its kind.
#[expect(clippy::cast_precision_loss, reason = "answers are floats, as those in JSON are")]
fn whole(list: u64, bits: u64) -> Result<f64, Lie> {
    match list {
        1 if bits > 1 => Err(Lie::WrongKind),
        2 | 3 => Ok(bits.cast_signed() as f64),
        _ => Ok(bits as f64),
    }
}

#[expect(clippy::cast_precision_loss, reason = "answers are floats, as those in JSON are")]
fn value_of(datatype: &str, wide: [u8; 8]) -> Result<f64, Lie> {
    let [a, b, c, d, ..] = wide;
    Ok(match datatype {
        "BOOL" if a > 1 => return Err(Lie::WrongKind),
        "INT8" => i8::from_le_bytes([a]).into(),
        "INT16" => i16::from_le_bytes([a, b]).into(),
        "INT32" => i32::from_le_bytes([a, b, c, d]).into(),
        "INT64" => i64::from_le_bytes(wide) as f64,
        "FP32" => f32::from_le_bytes([a, b, c, d]).into(),
        "FP64" => f64::from_le_bytes(wide),
        // BOOL and those without a sign: the bytes that are not there are 0.
        _ => u64::from_le_bytes(wide) as f64,
    })
}

#[cfg(test)]
mod tests;
