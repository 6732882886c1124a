//! Bundles of the reference implementation's v0.2, which say what they say in another way: each
//! file is a subject of the statement, and what was signed is DSSE's encoding with two mistakes
//! that every verifier of these bundles has to repeat. None is made any more.

use crate::SignError;
use crate::manifest::{Manifest, Method, Resource, STATEMENT, Serialization};
use plimsoll_types::Digest;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What their predicate is called.
const PREDICATE: &str = "https://model_signing/Digests/v0.1";

#[derive(Deserialize)]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// What was signed: the payload as Python shows bytes, in place of the bytes.
pub(crate) fn encoding(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut text = format!("DSSEV1 {} {kind} {} b'", kind.len(), payload.len()).into_bytes();
    for &byte in payload {
        match byte {
            b'\\' | b'\'' => text.extend([b'\\', byte]),
            b'\t' => text.extend(b"\\t"),
            b'\n' => text.extend(b"\\n"),
            b'\r' => text.extend(b"\\r"),
            b' '..=b'~' => text.push(byte),
            _ => text.extend(format!("\\x{byte:02x}").into_bytes()),
        }
    }
    text.push(b'\'');
    text
}

/// Whether a payload is such a statement.
pub(crate) fn is_early(payload: &[u8]) -> bool {
    serde_json::from_slice::<Statement>(payload)
        .is_ok_and(|statement| statement.predicate_type == PREDICATE)
}

/// Reads such a statement. It says neither what the model is called nor what was left out.
pub(crate) fn read(payload: &[u8]) -> Result<Manifest, SignError> {
    let statement: Statement = serde_json::from_slice(payload)
        .map_err(|_| SignError::Bundle("the payload is no statement"))?;
    if statement.kind != STATEMENT || statement.predicate_type != PREDICATE {
        return Err(SignError::Bundle("the payload is another statement than of v0.2"));
    }
    let resources = statement.subject.into_iter().map(|subject| {
        let how = subject.annotations.get("actual_hash_algorithm").map(String::as_str);
        let digest = subject.digest.get("sha256").and_then(|text| text.parse::<Digest>().ok());
        match (how, digest) {
            (None | Some("sha256" | "file-sha256"), Some(digest)) => {
                Ok(Resource { name: subject.name, digest })
            }
            _ => Err(SignError::Bundle("its files are hashed with another function than SHA-256")),
        }
    });
    let rules =
        Serialization { method: Method::Files, allow_symlinks: false, ignore_paths: Vec::new() };
    Manifest::new("", rules, resources.collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_signed_is_what_python_shows() {
        // `f"DSSEV1 4 kind {len(p)} {p}"` in Python 3.
        let payload = b"{\"a\": \"it's\\n\"}\n\t\r\x00\x7f\xc3\xa9";
        let shown = "DSSEV1 4 kind 22 b'{\"a\": \"it\\'s\\\\n\"}\\n\\t\\r\\x00\\x7f\\xc3\\xa9'";
        assert_eq!(String::from_utf8(encoding("kind", payload)).expect("text"), shown);
    }
}
