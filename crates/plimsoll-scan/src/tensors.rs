//! safetensors and GGUF: headers that loaders trust.

use crate::finding::Rule;
use crate::reader::Reader;
use crate::scan::{Place, Scan};
use crate::text;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// Bytes of a safetensors header, by its specification.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes of one that is read as a tree: a million tensors.
const MAX_READ: usize = 32 << 20;

fn header(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut reader = Reader::new(bytes);
    let length = reader.u64().filter(|&length| length <= MAX_HEADER)?;
    let header = reader.take_u64(length)?;
    Some((header, reader.rest()))
}

/// Whether this can be safetensors: a length, and a `{` after it.
pub(crate) fn is_safetensors(bytes: &[u8]) -> bool {
    header(bytes).is_some_and(|(header, _)| header.first() == Some(&b'{'))
}

/// An object with its keys as they stand, twice or not.
struct Items(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Items;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Items, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = map.next_entry()? {
                    items.push(item);
                }
                Ok(Items(items))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// Checks a header against the specification (`safetensors/src/tensor.rs`).
pub(crate) fn safetensors(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let checked = header(bytes)
        .ok_or("its header is longer than the file")
        .and_then(|(header, data)| check(header, u64::try_from(data.len()).unwrap_or(u64::MAX)));
    if let Err(problem) = checked {
        scan.find(Rule::SafetensorsHeader, place, 8, problem);
    }
}

fn check(header: &[u8], length: u64) -> Result<(), &'static str> {
    if header.len() > MAX_READ {
        return Err("its header is longer than that of any model");
    }
    let Items(items) = serde_json::from_slice(header).map_err(|_| "its header is no JSON")?;
    let mut names = std::collections::HashSet::new();
    let mut spans = Vec::new();
    for (name, value) in &items {
        if !names.insert(name.as_str()) {
            return Err("a tensor is there twice");
        }
        if name == "__metadata__" {
            let texts = value.as_object().is_some_and(|map| map.values().all(Value::is_string));
            if !texts {
                return Err("its metadata is no map of texts");
            }
            continue;
        }
        spans.push(span(value).ok_or("a tensor's size is not that of its type and shape")?);
    }
    spans.sort_unstable();
    let mut end = 0;
    for (from, to) in spans {
        if from != end {
            return Err("tensors overlap, or leave room between them");
        }
        end = to;
    }
    if end == length { Ok(()) } else { Err("the tensors are not as long as the file") }
}

fn span(tensor: &Value) -> Option<(u64, u64)> {
    let bits: u64 = match tensor.get("dtype")?.as_str()? {
        "F64" | "I64" | "U64" | "C64" => 64,
        "F32" | "I32" | "U32" => 32,
        "F16" | "BF16" | "I16" | "U16" => 16,
        "F8_E5M2" | "F8_E4M3" | "F8_E8M0" | "I8" | "U8" | "BOOL" => 8,
        "F4" => 4,
        _ => return None,
    };
    let shape = tensor.get("shape")?.as_array()?;
    let count = shape.iter().try_fold(1_u64, |count, side| count.checked_mul(side.as_u64()?))?;
    let [from, to] = tensor.get("data_offsets")?.as_array()?.as_slice() else { return None };
    let (from, to) = (from.as_u64()?, to.as_u64()?);
    let size = count.checked_mul(bits)?.div_ceil(8);
    (to.checked_sub(from)? == size).then_some((from, to))
}

/// Key-value pairs and tensors of a GGUF file; real ones have some hundred, and thousands.
const MAX_ENTRIES: u64 = 1 << 20;
/// Arrays within arrays.
const MAX_NESTING: u8 = 4;

/// Checks a GGUF header (`ggml/docs/gguf.md`), and its chat template.
pub(crate) fn gguf(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let mut reader = Reader::at(bytes, 4);
    let mut templates = Vec::new();
    let checked = read_gguf(&mut reader, &mut templates);
    for (at, template) in templates {
        text::template(scan, place, at, &String::from_utf8_lossy(template));
    }
    if checked.is_none() {
        let why = "a count, length or offset of its header leads out of the file";
        scan.find(Rule::GgufHeader, place, reader.position(), why);
    }
}

fn read_gguf<'a>(reader: &mut Reader<'a>, templates: &mut Vec<(usize, &'a [u8])>) -> Option<()> {
    if !(2..=3).contains(&reader.u32()?) {
        return None;
    }
    let (tensors, pairs) = (reader.u64()?, reader.u64()?);
    if tensors > MAX_ENTRIES || pairs > MAX_ENTRIES {
        return None;
    }
    let mut alignment = 32_u64;
    for _ in 0..pairs {
        let key = gguf_text(reader)?;
        let kind = reader.u32()?;
        let mut peek = *reader;
        if kind == 8 && key.starts_with(b"tokenizer.chat_template") {
            let at = reader.position();
            templates.push((at, gguf_text(&mut peek)?));
        }
        if kind == 4 && key == b"general.alignment" {
            alignment = peek.u32()?.into();
        }
        gguf_value(reader, kind, 0)?;
    }
    let mut ends = Vec::new();
    for _ in 0..tensors {
        gguf_text(reader)?;
        let sides = reader.u32().filter(|&sides| sides <= 4)?;
        let mut count = 1_u64;
        for _ in 0..sides {
            count = count.checked_mul(reader.u64()?)?;
        }
        let kind = reader.u32()?;
        ends.push(reader.u64()?.checked_add(gguf_bytes(kind, count)?)?);
    }
    if !alignment.is_power_of_two() || alignment > 1 << 16 {
        return None;
    }
    let start = u64::try_from(reader.position()).ok()?.next_multiple_of(alignment);
    let length = u64::try_from(reader.position() + reader.rest().len()).ok()?;
    let fits = |end: u64| start.checked_add(end).is_some_and(|end| end <= length);
    ends.into_iter().all(fits).then_some(())
}

fn gguf_text<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u64()?;
    reader.take_u64(length)
}

fn gguf_value(reader: &mut Reader<'_>, kind: u32, nesting: u8) -> Option<()> {
    let size = match kind {
        0 | 1 | 7 => 1,
        2 | 3 => 2,
        4..=6 => 4,
        10..=12 => 8,
        8 => return gguf_text(reader).map(drop),
        9 if nesting < MAX_NESTING => {
            let of = reader.u32()?;
            let count = reader.u64()?;
            // Each element takes a byte at least, so that the count bounds the loop.
            if count > u64::try_from(reader.rest().len()).ok()? {
                return None;
            }
            for _ in 0..count {
                gguf_value(reader, of, nesting + 1)?;
            }
            return Some(());
        }
        _ => return None,
    };
    reader.take(size).map(drop)
}

/// Bytes of `count` values, at least: blocks of quantized types are counted at their least.
fn gguf_bytes(kind: u32, count: u64) -> Option<u64> {
    match kind {
        0 | 26 => count.checked_mul(4),
        1 | 25 | 30 => count.checked_mul(2),
        27 | 28 => count.checked_mul(8),
        24 => Some(count),
        2..=23 | 29 | 31..=41 => Some(count / 8),
        _ => None,
    }
}
