//! NumPy arrays (`numpy.lib.format`): object arrays are pickles.

use crate::dispatch;
use crate::finding::Rule;
use crate::pickle::{self, Loader};
use crate::reader::{Reader, find};
use crate::scan::{Place, Scan};

/// Looks at one array, and at what follows it.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let Some((header, data)) = header(bytes) else {
        return scan.find(Rule::Unreadable, place, 0, "the header of the array is damaged");
    };
    let at = bytes.len() - data.len();
    if has_objects(header) {
        let inner = place.member(&format!("objects@{at}"));
        pickle::scan(scan, &inner, data, Loader::Any);
        return;
    }
    let Some(length) = length(header) else {
        // A structured type: its size is not worked out, and its values are never run.
        return;
    };
    match data.get(length..) {
        None => scan.find(Rule::Unreadable, place, at, "the array is cut short"),
        Some([]) => {}
        Some(more) if more.starts_with(b"\x93NUMPY") => {
            dispatch::content(scan, &place.member(&format!("next@{}", at + length)), more);
        }
        Some(more) => {
            scan.find(Rule::TrailingData, place, at + length, "bytes follow the array");
            pickle::sniff(scan, place, more);
        }
    }
}

fn header(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = Reader::new(bytes);
    reader.take(6)?;
    let version = reader.u8()?;
    reader.u8()?;
    let length = match version {
        1 => u32::from(reader.u16()?),
        2 | 3 => reader.u32()?,
        _ => return None,
    };
    let text = std::str::from_utf8(reader.take_u64(length.into())?).ok()?;
    text.contains("'descr'").then_some((text, reader.rest()))
}

/// Whether a type code of the header, quoted and without its byte order, is `O`.
fn has_objects(header: &str) -> bool {
    header.split(['\'', '"']).skip(1).step_by(2).any(|code| {
        let code = code.trim_start_matches(['<', '>', '=', '|']);
        code.starts_with('O') || code == "object"
    })
}

/// Bytes of the values: of a plain type and a plain shape.
fn length(header: &str) -> Option<usize> {
    let after = |key: &str| header.get(find(header.as_bytes(), key.as_bytes())? + key.len()..);
    let code = after("'descr':")?.trim_start().strip_prefix('\'')?;
    let code = code.split('\'').next()?.trim_start_matches(['<', '>', '=', '|']);
    let width: usize = code.get(1..)?.split('[').next()?.parse().ok()?;
    let width = if code.starts_with('U') { width.checked_mul(4)? } else { width };
    let width = if code.starts_with(['M', 'm']) { 8 } else { width };
    let shape = after("'shape':")?.trim_start().strip_prefix('(')?.split(')').next()?;
    let sides = shape.split(',').map(str::trim).filter(|side| !side.is_empty());
    sides.map(|side| side.parse::<usize>().ok()).try_fold(width, |n, side| n.checked_mul(side?))
}
