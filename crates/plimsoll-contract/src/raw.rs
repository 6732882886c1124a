//! Values of a tensor as raw bytes: little-endian, row-major, without gaps; a text after its
//! length in four bytes. So the binary tensor extension
//! (triton-inference-server/server, `docs/protocol/extension_binary_data.md`) and the
//! `raw_input_contents` of gRPC carry them.
//!
//! It must not know which of the two carried them.

use crate::check::MAX_INTEGER;
use crate::compile::CompiledContract;
use crate::tensor::{self, Datatype, Plan};
use crate::writer::{Fault, FieldWriter, Value};
use plimsoll_types::RefusalCode as Code;

/// Reads `elements` values, which must be all that `bytes` hold.
pub(crate) fn read(
    contract: &CompiledContract,
    writer: &mut FieldWriter<'_, '_>,
    plan: &Plan,
    elements: u64,
    bytes: &[u8],
) -> Result<(), Fault> {
    let Some(width) = width(plan.datatype) else {
        return read_texts(contract, writer, plan, elements, bytes);
    };
    // Sizes that are too large to multiply are too large for any body.
    let needed = elements.checked_mul(width as u64);
    if needed != Some(bytes.len() as u64) {
        return Err(tensor::refuse_uneven(writer, plan));
    }
    for (index, value) in bytes.chunks_exact(width).enumerate() {
        tensor::put(contract, writer, plan, index, value_of(plan.datatype, value))?;
    }
    Ok(())
}

fn read_texts(
    contract: &CompiledContract,
    writer: &mut FieldWriter<'_, '_>,
    plan: &Plan,
    elements: u64,
    mut bytes: &[u8],
) -> Result<(), Fault> {
    let mut index = 0_usize;
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((text, rest)) = rest.split_at_checked(length) else { break };
        if index as u64 == elements {
            break;
        }
        tensor::put(contract, writer, plan, index, text_of(text))?;
        index += 1;
        bytes = rest;
    }
    if index as u64 == elements && bytes.is_empty() {
        return Ok(());
    }
    Err(tensor::refuse_uneven(writer, plan))
}

/// Bytes of one value; `None` for texts.
const fn width(datatype: Datatype) -> Option<usize> {
    use Datatype as D;
    Some(match datatype {
        D::Bytes => return None,
        D::Bool | D::Int8 | D::Uint8 => 1,
        D::Fp16 | D::Bf16 | D::Int16 | D::Uint16 => 2,
        D::Fp32 | D::Int32 | D::Uint32 => 4,
        D::Fp64 | D::Int64 | D::Uint64 => 8,
    })
}

fn value_of(datatype: Datatype, bytes: &[u8]) -> Value<'static> {
    use Datatype as D;
    let mut wide = [0_u8; 8];
    if let Some(low) = wide.get_mut(..bytes.len()) {
        low.copy_from_slice(bytes);
    }
    let [a, b, c, d, ..] = wide;
    match datatype {
        D::Bool if a <= 1 => Value::Boolean(a == 1),
        D::Bool => Value::Wrong(Code::WrongKind, Some("a BOOL must be one byte, 0 or 1")),
        D::Int8 => Value::Integer(i8::from_le_bytes([a]).into()),
        D::Int16 => Value::Integer(i16::from_le_bytes([a, b]).into()),
        D::Int32 => Value::Integer(i32::from_le_bytes([a, b, c, d]).into()),
        D::Int64 => integer(i64::from_le_bytes(wide)),
        D::Uint8 => Value::Integer(a.into()),
        D::Uint16 => Value::Integer(u16::from_le_bytes([a, b]).into()),
        D::Uint32 => Value::Integer(u32::from_le_bytes([a, b, c, d]).into()),
        D::Uint64 => integer(i64::try_from(u64::from_le_bytes(wide)).unwrap_or(i64::MAX)),
        D::Fp16 => number(half(u16::from_le_bytes([a, b]))),
        D::Bf16 => number(f32::from_bits(u32::from(u16::from_le_bytes([a, b])) << 16).into()),
        D::Fp32 => number(f32::from_le_bytes([a, b, c, d]).into()),
        D::Fp64 => number(f64::from_le_bytes(wide)),
        D::Bytes => Value::Wrong(Code::Internal, None),
    }
}

/// Raw numbers have no null; NaN stands for it, as in the servers of the protocol.
pub(crate) fn number(number: f64) -> Value<'static> {
    match number {
        _ if number.is_nan() => Value::Null,
        _ if number.is_infinite() => Value::Wrong(Code::OutOfRange, Some("must be finite")),
        _ => Value::Number(number),
    }
}

/// An integer, if every reader of JSON would keep it.
pub(crate) fn integer(integer: i64) -> Value<'static> {
    if (-MAX_INTEGER..=MAX_INTEGER).contains(&integer) {
        Value::Integer(integer)
    } else {
        Value::Wrong(Code::IntegerUnsafe, Some("must be within 2^53"))
    }
}

/// A text, if it is one.
pub(crate) fn text_of(bytes: &[u8]) -> Value<'_> {
    match simdutf8::basic::from_utf8(bytes) {
        Ok(text) => Value::Text(text),
        Err(_) => Value::Wrong(Code::InvalidUtf8, Some("must be UTF-8")),
    }
}

/// A float of 16 bits (IEEE 754, binary16): a sign, five bits of exponent, ten of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let size = match i32::from(bits >> 10 & 0x1f) {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * 2_f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_what_the_standard_says() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65_504.0),
            (0x0001, 2_f64.powi(-24)),
            (0x0400, 2_f64.powi(-14)),
            (0x3555, 0.333_251_953_125),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x7e00).is_nan());
    }
}
