//! ONNX (`onnx.proto`): tensors that lie elsewhere, and operators that a library is loaded for.
//! And the operations of TensorFlow's graphs that reach for files.

use crate::finding::Rule;
use crate::reader::find;
use crate::scan::{Place, Scan, shown};
use crate::tarball::check_path;
use plimsoll_types::protobuf::{Fault, Reader, Value};
use std::collections::BTreeSet;

/// Messages within messages: graphs in attributes of nodes in graphs.
const MAX_NESTING: u8 = 32;

/// Operators of these are part of every runtime.
const DOMAINS: &[&str] =
    &["", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training", "com.microsoft"];

/// Whether this is a model: named so, or a message that begins with a version and has a graph.
pub(crate) fn is_onnx(place: &Place, bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    let begins = matches!(reader.next_field(), Ok(Some((1, Value::Varint(1..=64)))));
    if !begins && !place.has_ending(&[".onnx"]) {
        return false;
    }
    let mut has_graph = false;
    let whole = Reader::new(bytes).fields::<Fault>(|number, value| {
        has_graph |= number == 7 && matches!(value, Value::Bytes(_));
        Ok(())
    });
    has_graph && (whole.is_ok() || place.has_ending(&[".onnx"]))
}

#[derive(Default)]
struct Found {
    /// Locations of tensors, and other keys of theirs.
    locations: BTreeSet<String>,
    odd_keys: BTreeSet<String>,
    /// Domains of operators, and of the functions that define some.
    domains: BTreeSet<String>,
    defined: BTreeSet<String>,
}

/// Looks at every node and tensor.
pub(crate) fn scan(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    let mut found = Found::default();
    if let Err(fault) = model(Reader::new(bytes), &mut found) {
        scan.find(Rule::Unreadable, place, fault.at, fault.problem);
    }
    for domain in found.domains.difference(&found.defined) {
        if !DOMAINS.contains(&domain.as_str()) {
            let why = format!("it uses operators of `{}`", shown(domain));
            scan.find(Rule::OnnxCustomOperator, place, 0, why);
        }
    }
    for key in &found.odd_keys {
        let why = format!("a tensor elsewhere has the attribute `{}`", shown(key));
        scan.find(Rule::OnnxExternalEscape, place, 0, why);
    }
    for location in found.locations {
        if !is_beside(&location) {
            let why = "a tensor lies in a file outside of the model's folder";
            scan.find(Rule::OnnxExternalEscape, place, 0, why);
        } else if place.members.is_empty() {
            let folder = place.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let separator = if folder.is_empty() { "" } else { "/" };
            scan.external.insert(format!("{folder}{separator}{location}"));
        }
    }
}

fn is_beside(location: &str) -> bool {
    let mut scratch = Scan::new(crate::scan::Limits::default());
    let place = Place::file("");
    check_path(&mut scratch, &place, location);
    scratch.report.is_clean() && !location.is_empty()
}

fn model(reader: Reader<'_>, found: &mut Found) -> Result<(), Fault> {
    reader.fields(|number, value| match number {
        7 => graph(value.bytes()?, found, 0),
        25 => function(value.bytes()?, found),
        _ => Ok(()),
    })
}

fn function(reader: Reader<'_>, found: &mut Found) -> Result<(), Fault> {
    reader.fields(|number, value| match number {
        7 => node(value.bytes()?, found, 1),
        10 => {
            found.defined.insert(text(value)?);
            Ok(())
        }
        _ => Ok(()),
    })
}

fn graph(reader: Reader<'_>, found: &mut Found, nesting: u8) -> Result<(), Fault> {
    if nesting > MAX_NESTING {
        return Err(reader.fault("graphs are nested deeper than anything honest"));
    }
    reader.fields(|number, value| match number {
        1 => node(value.bytes()?, found, nesting),
        5 => tensor(value.bytes()?, found),
        15 => sparse(value.bytes()?, found),
        _ => Ok(()),
    })
}

fn node(reader: Reader<'_>, found: &mut Found, nesting: u8) -> Result<(), Fault> {
    reader.fields(|number, value| match number {
        7 => {
            found.domains.insert(text(value)?);
            Ok(())
        }
        5 => attribute(value.bytes()?, found, nesting),
        _ => Ok(()),
    })
}

fn attribute(reader: Reader<'_>, found: &mut Found, nesting: u8) -> Result<(), Fault> {
    reader.fields(|number, value| match number {
        5 | 10 => tensor(value.bytes()?, found),
        6 | 11 => graph(value.bytes()?, found, nesting + 1),
        22 | 23 => sparse(value.bytes()?, found),
        _ => Ok(()),
    })
}

fn sparse(reader: Reader<'_>, found: &mut Found) -> Result<(), Fault> {
    reader.fields(|number, value| match number {
        1 | 2 => tensor(value.bytes()?, found),
        _ => Ok(()),
    })
}

fn tensor(reader: Reader<'_>, found: &mut Found) -> Result<(), Fault> {
    reader.fields(|number, value| {
        if number != 13 {
            return Ok(());
        }
        let (mut key, mut location) = (String::new(), String::new());
        value.bytes()?.fields(|number, value| {
            match number {
                1 => key = text(value)?,
                2 => location = text(value)?,
                _ => {}
            }
            Ok::<(), Fault>(())
        })?;
        match key.as_str() {
            "location" => found.locations.insert(location),
            "offset" | "length" | "checksum" => false,
            _ => found.odd_keys.insert(key),
        };
        Ok(())
    })
}

fn text(value: Value<'_>) -> Result<String, Fault> {
    Ok(String::from_utf8_lossy(value.bytes()?.rest()).into_owned())
}

/// Operations that read, write or run: `op` is field 2 of a `NodeDef`.
const OPERATIONS: &[&str] = &[
    "ReadFile",
    "WriteFile",
    "MatchingFiles",
    "PyFunc",
    "PyFuncStateless",
    "EagerPyFunc",
    "LoadLibrary",
    "PrintV2",
    "ImmutableConst",
];

/// Looks for operations in a TensorFlow graph.
pub(crate) fn saved_model(scan: &mut Scan, place: &Place, bytes: &[u8]) {
    for operation in OPERATIONS {
        let length = u8::try_from(operation.len()).unwrap_or(u8::MAX);
        let field = [&[0x12, length], operation.as_bytes()].concat();
        if let Some(at) = find(bytes, &field) {
            let why = format!("it has the operation `{operation}`");
            scan.find(Rule::TensorflowOperation, place, at, why);
        }
    }
}
