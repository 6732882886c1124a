//! Answers as raw bytes: the outputs that follow the JSON of the binary tensor extension, and
//! the `ModelInferResponse` of the Open Inference Protocol over gRPC
//! (kserve/open-inference-protocol, `specification/protocol/open_inference_grpc.proto`).

use crate::answer::{Answered, Told, Values, datatype, told};
use plimsoll_types::protobuf::Writer;
use plimsoll_types::record::Output;

/// Bytes of an output, raw.
pub(crate) fn size(answered: &Answered<'_>, output: &Output<'_>) -> usize {
    output.values.len().saturating_mul(if answered.is_double { 8 } else { 4 })
}

/// The outputs, little-endian, one after the other.
pub(crate) fn write_outputs(answered: &Answered<'_>, out: &mut Vec<u8>) {
    for output in answered.outputs {
        write_output(answered, output, out);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "not double: a 32-bit float, held in 64")]
fn write_output(answered: &Answered<'_>, output: &Output<'_>, out: &mut Vec<u8>) {
    out.reserve(size(answered, output));
    for value in output.values {
        match answered.is_double {
            true => out.extend_from_slice(&value.to_le_bytes()),
            false => out.extend_from_slice(&(*value as f32).to_le_bytes()),
        }
    }
}

/// A `ModelInferResponse`. Who asked in raw contents is answered in them, as its clients expect.
pub(crate) fn write_grpc(answered: &Answered<'_>, out: &mut Vec<u8>) {
    let a = answered;
    let mut w = Writer(out);
    w.text(1, a.deployment);
    w.text(2, &a.version.to_string());
    let id = a.id.to_string();
    w.text(3, a.caller_id.unwrap_or(&id));
    w.message(4, |entry| {
        entry.text(1, "decision_id");
        entry.message(2, |value| value.text(3, &id));
    });
    if a.is_fallback {
        w.message(4, |entry| {
            entry.text(1, "fallback");
            entry.message(2, |value| value.integer(1, 1));
        });
    }
    if a.is_held {
        w.message(4, |entry| {
            entry.text(1, "review");
            entry.message(2, |value| value.text(3, "pending"));
        });
    }
    let told = a.explanation.map(|explanation| told(explanation, a.features));
    let told = told.iter().flatten();
    for output in a.outputs {
        let width = if output.width > 1 { Some(output.width) } else { None };
        let shape = std::iter::once(a.rows as u64).chain(width.map(u64::from));
        let mut packed = Vec::new();
        if !a.form.binary {
            write_output(a, output, &mut packed);
        }
        let list = if a.is_double { 7 } else { 6 };
        w.message(5, |tensor| {
            head(tensor, output.name, datatype(a), shape);
            if !packed.is_empty() {
                // The wire has packed floats just as they are in memory.
                tensor.message(5, |contents| contents.bytes(list, &packed));
            }
        });
    }
    for tensor in told.clone() {
        write_told(&mut w, tensor, a.form.binary);
    }
    if a.form.binary {
        for output in a.outputs {
            let mut raw = Vec::new();
            write_output(a, output, &mut raw);
            w.bytes(6, &raw);
        }
        for tensor in told {
            w.bytes(6, &raw_of(tensor));
        }
    }
}

fn write_told(w: &mut Writer<'_>, told: &Told<'_>, is_raw: bool) {
    let (datatype, list) = match told.values {
        Values::Doubles(_) => ("FP64", 7),
        Values::Texts(_) => ("BYTES", 8),
    };
    w.message(5, |tensor| {
        head(tensor, told.name, datatype, told.shape.iter().map(|&size| size as u64));
        if is_raw {
            return;
        }
        tensor.message(5, |contents| match &told.values {
            Values::Doubles(_) => contents.bytes(list, &raw_of(told)),
            Values::Texts(texts) => {
                texts.iter().for_each(|text| contents.bytes(list, text.as_bytes()));
            }
        });
    });
}

fn head(w: &mut Writer<'_>, name: &str, datatype: &str, shape: impl Iterator<Item = u64>) {
    w.text(1, name);
    w.text(2, datatype);
    w.integers(3, shape.map(u64::cast_signed));
}

fn raw_of(told: &Told<'_>) -> Vec<u8> {
    let mut raw = Vec::new();
    match &told.values {
        Values::Doubles(values) => {
            values.iter().for_each(|value| raw.extend_from_slice(&value.to_le_bytes()));
        }
        Values::Texts(texts) => {
            for text in texts {
                // Names of fields and codes of reasons have a few dozen bytes.
                let length = u32::try_from(text.len()).unwrap_or_default();
                raw.extend_from_slice(&length.to_le_bytes());
                raw.extend_from_slice(text.as_bytes());
            }
        }
    }
    raw
}
