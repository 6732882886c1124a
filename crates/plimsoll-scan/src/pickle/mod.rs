//! Pickles, read and never run: the streams in a file, one after the other.
//!
//! The language is that of CPython's `Lib/pickletools.py`, protocols 0 to 5.

mod globals;
mod machine;
mod opcode;
mod value;

pub(crate) use globals::{Verdict, judge};

use crate::dispatch;
use crate::finding::Rule;
use crate::reader::Reader;
use crate::scan::{Place, Scan};
use machine::{Machine, Outcome, Storage};
use std::collections::HashMap;

/// Streams in one file: PyTorch's old format has five.
const MAX_STREAMS: usize = 100_000;

/// Who will read the pickle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Loader {
    /// `pickle`, `joblib`, or anything.
    Any,
    /// `torch.load`, which gives persistent ids a meaning.
    Torch,
}

/// Scans what says that it is a pickle: whatever is no pickle in it is a finding. Gives the
/// tensors it refers to, with their bytes, for the archive they lie in.
pub(crate) fn scan(
    scan: &mut Scan,
    place: &Place,
    bytes: &[u8],
    loader: Loader,
) -> HashMap<String, u64> {
    let mut stored = Vec::new();
    streams(scan, place, bytes, loader, &mut stored);
    stored.into_iter().map(|storage| (storage.key, storage.bytes)).collect()
}

fn streams(
    scan: &mut Scan,
    place: &Place,
    bytes: &[u8],
    loader: Loader,
    stored: &mut Vec<Storage>,
) {
    let (mut at, mut loader, mut is_legacy) = (0, loader, false);
    for stream in 0..MAX_STREAMS {
        let mut outcome = Machine::new(bytes, at, loader).run();
        if stream == 0 && outcome.is_torch_magic {
            (loader, is_legacy) = (Loader::Torch, true);
        }
        // What is no pickle at all after a whole one is not code.
        if stream > 0 && outcome.fault.is_some() && !outcome.acts && outcome.notes.is_empty() {
            scan.find(Rule::TrailingData, place, at, "there are bytes after the pickle's end");
            return;
        }
        publish(scan, place, &outcome);
        if let Some((at, problem)) = outcome.fault {
            scan.find(Rule::PickleBroken, place, at, problem);
            return;
        }
        at = outcome.end;
        stored.append(&mut outcome.storages);
        if is_legacy && stream == LEGACY_STREAMS - 1 {
            return storages(
                scan,
                place,
                bytes.get(at..).unwrap_or_default(),
                stored,
                &outcome.texts,
            );
        }
        if at >= bytes.len() {
            return;
        }
    }
    scan.find(Rule::Limit, place, at, "there are more pickles than a scan looks at");
}

/// Magic number, protocol, system, object, keys.
const LEGACY_STREAMS: usize = 5;

/// PyTorch's old format ends with the tensors: a count and raw values for each key, in the order
/// of the keys (`torch.serialization._legacy_load`).
fn storages(scan: &mut Scan, place: &Place, bytes: &[u8], stored: &[Storage], keys: &[&str]) {
    let sizes: HashMap<&str, u64> =
        stored.iter().map(|storage| (storage.key.as_str(), storage.bytes)).collect();
    let mut reader = Reader::new(bytes);
    let is_whole = keys.iter().all(|key| {
        let values = sizes.get(key).copied();
        reader.u64().is_some() && values.is_some_and(|size| reader.take_u64(size).is_some())
    });
    if !is_whole {
        scan.find(Rule::PickleBroken, place, 0, "its tensors are not what its pickle says");
    } else if !reader.is_empty() {
        scan.find(Rule::TrailingData, place, 0, "there are bytes after the tensors");
    }
}

/// Whether the bytes act as pickles, whatever they are called: they call something, or import
/// what is known to be dangerous. Then they are judged as such.
pub(crate) fn sniff(scan: &mut Scan, place: &Place, bytes: &[u8]) -> bool {
    let mut at = 0;
    for _ in 0..MAX_STREAMS {
        let outcome = Machine::new(bytes, at, Loader::Any).run();
        if outcome.acts {
            self::scan(scan, place, bytes, Loader::Any);
            return true;
        }
        at = outcome.end;
        if outcome.fault.is_some() || at >= bytes.len() {
            // Data alone to the last byte is a pickle too, and a harmless one.
            return outcome.fault.is_none() && std::str::from_utf8(bytes).is_err();
        }
    }
    false
}

/// Whether the bytes begin as pickles of protocol 2 and later do.
pub(crate) fn has_header(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 0..=5, ..])
}

fn publish(scan: &mut Scan, place: &Place, outcome: &Outcome<'_>) {
    for note in &outcome.notes {
        scan.find(note.rule, place, note.at, note.why.clone());
    }
    for (at, bytes) in &outcome.nested {
        let inner = place.member(&format!("bytes@{at}"));
        dispatch::embedded(scan, &inner, bytes);
    }
}
