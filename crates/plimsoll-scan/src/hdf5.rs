//! HDF5, as Keras writes it: the model's description is JSON in an attribute.
//!
//! The file's structure is not followed: attributes are stored whole, so that the description is
//! found by its beginning, wherever it lies.

use crate::finding::Rule;
use crate::json;
use crate::reader::find;
use crate::scan::{Place, Scan};

const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";
/// Descriptions in one file: the model's, and its training's.
const MAX_DESCRIPTIONS: usize = 64;
/// Bytes of a description: a network of ten thousand layers has some megabytes.
const MAX_DESCRIPTION: usize = 64 << 20;

/// Whether a superblock is at one of the places where readers look for it.
pub(crate) fn is_hdf5(bytes: &[u8]) -> bool {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        if rest.starts_with(MAGIC) {
            return true;
        }
        if rest.is_empty() {
            return false;
        }
        at = if at == 0 { 512 } else { at * 2 };
    }
    false
}

/// Looks at every description in the file.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let mut read = 0;
    let mut from = 0;
    while let Some(step) = bytes.get(from..).and_then(next_description) {
        let at = from + step;
        let rest = bytes.get(at..).unwrap_or_default();
        let length = object_length(rest.get(..rest.len().min(MAX_DESCRIPTION)).unwrap_or(rest));
        let value = length.and_then(|length| serde_json::from_slice(rest.get(..length)?).ok());
        if let (Some(value), Some(length)) = (value, length) {
            json::keras(scan, place, at, &value);
            from = at + length;
        } else {
            let why = "a description of the model cannot be read";
            scan.find(Rule::Unreadable, place, at, why);
            from = at + 1;
        }
        read += 1;
        if read == MAX_DESCRIPTIONS {
            return scan.find(Rule::Limit, place, at, "there are more descriptions than looked at");
        }
    }
    let says = find(bytes, b"model_config");
    if let Some(at) = says.filter(|_| read == 0) {
        scan.find(Rule::Unreadable, place, at, "it has a description that cannot be found");
    }
}

/// Where the next object that has a class begins. One pass, however many there are.
fn next_description(bytes: &[u8]) -> Option<usize> {
    const KEYS: [&[u8]; 4] = [b"class_name\"", b"module\"", b"config\"", b"registered_name\""];
    let begins = |at: usize| {
        let rest = bytes.get(at + 1..).unwrap_or_default();
        KEYS.iter().any(|key| rest.starts_with(key))
    };
    let mut quotes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'"');
    let key = quotes.find_map(|(at, _)| begins(at).then_some(at))?;
    // Whatever key comes first, its object begins shortly before it.
    let brace = bytes.get(..key)?.iter().rposition(|&byte| byte == b'{');
    Some(brace.unwrap_or(key))
}

/// Bytes of the JSON object at the beginning.
fn object_length(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'{' if !in_text => depth += 1,
            b'}' if !in_text => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
