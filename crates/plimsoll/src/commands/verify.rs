//! `plimsoll verify`: proofs checked offline, with nothing but a public key.

use super::ledger::{Growth, grown};
use super::{Context, offline};
use crate::cli_ledger::Verify;
use crate::failure::Failure;
use crate::printer::Facts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fs_err as fs;
use plimsoll_api::{DecisionBody, Receipt, Timestamp};
use plimsoll_ledger::{RecordKey, open_with};
use plimsoll_tlog::policy::Accepted;
use plimsoll_tlog::proof::TlogProof;
use plimsoll_tlog::{Checkpoint, Policy, Vkey};
use plimsoll_types::record::{self, Kind, Leaf, ResultClass};
use plimsoll_types::{DecisionId, Time};
use serde::Serialize;
use std::error::Error;
use std::io::Read;
use std::path::Path;

/// The largest file that is read here: a receipt with a body of 16 MiB in base64 twice over.
const MAX_FILE_BYTES: u64 = 64 << 20;

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Verify) -> Result<(), Failure> {
    match verb {
        Verify::Receipt { file, key, policy } => {
            let policy = trusted(key.as_deref(), policy.as_deref())?;
            receipt(context, &read_file(file)?, &policy)
        }
        Verify::Consistency { old, new, key, proof, data } => {
            let key = vkey(key)?;
            let (old, new) = (checkpoint(old, &key)?, checkpoint(new, &key)?);
            let proof = match proof {
                Some(file) => {
                    let growth: Option<Growth> = serde_json::from_slice(&read_file(file)?).ok();
                    growth.and_then(|growth| growth.proof())
                }
                None => Some(grown(context, old.size, new.size, data.as_deref())?.proof),
            };
            let proof = proof.ok_or_else(|| Failure::unverified("the proof is malformed"))?;
            consistency(context, &old, &new, proof)
        }
    }
}

/// What `verify receipt --json` prints.
#[derive(Serialize)]
struct Report {
    decision: DecisionId,
    index: u64,
    origin: String,
    size: u64,
    /// The witnesses that cosigned, by their names in the policy.
    witnesses: Vec<Witnessed>,
    time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<ResultClass>,
    /// What was asked and answered, if the receipt opens it. Fields are by their place: their
    /// names are in the contract.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<DecisionBody>,
}

/// Which witness had seen the checkpoint when.
#[derive(Serialize)]
struct Witnessed {
    name: String,
    time: Timestamp,
}

fn receipt(context: &Context, bytes: &[u8], policy: &Policy) -> Result<(), Failure> {
    let report = verified(bytes, policy)?;
    context.printer.show(&report, |report| {
        let witnesses: Vec<_> = report
            .witnesses
            .iter()
            .map(|seen| format!("{} at {}", seen.name, context.time(seen.time)))
            .collect();
        let body = match &report.body {
            Some(body) => {
                format!("opened: deployment {}, version {}", body.deployment, body.version)
            }
            None => "not disclosed".to_owned(),
        };
        Facts::default()
            .add("decision", report.decision)
            .add("log", &report.origin)
            .add("index", report.index)
            .add("log size", report.size)
            .maybe("witnesses", (!witnesses.is_empty()).then(|| witnesses.join(", ")))
            .add("time", context.time(report.time))
            .maybe("result", report.result)
            .add("body", body)
            .to_string()
    })?;
    context.printer.note("the decision is in the log, as this receipt says");
    Ok(())
}

/// Goes through the steps of `docs/format/receipt.md`; the first that fails is named.
fn verified(bytes: &[u8], policy: &Policy) -> Result<Report, Failure> {
    let receipt: Receipt =
        serde_json::from_slice(bytes).map_err(|_| failed("format", "it is not a receipt"))?;
    if receipt.format != Receipt::FORMAT {
        return Err(failed("format", "it is of a format that this version does not read"));
    }
    let binary = |text: &String| STANDARD.decode(text);
    let leaf = binary(&receipt.leaf).map_err(|_| failed("format", "its leaf is not base64"))?;
    let sealed = receipt.sealed.as_ref().map(binary).transpose();
    let sealed = sealed.map_err(|_| failed("format", "its body is not base64"))?;
    let key = receipt.record_key.as_ref().map(binary).transpose().ok();
    let key = key.and_then(|key| key.map(<[u8; 32]>::try_from).transpose().ok());
    let key = key.ok_or_else(|| failed("format", "its record key is not 32 bytes in base64"))?;

    let proof = TlogProof::parse(&receipt.proof).map_err(|e| failed("proof", chain(&e)))?;
    let accepted =
        policy.accept(proof.checkpoint.as_bytes()).map_err(|e| failed("checkpoint", chain(&e)))?;
    proof
        .verify_in(&plimsoll_tlog::tree::leaf_hash(&leaf), &accepted.checkpoint)
        .map_err(|e| failed("inclusion", chain(&e)))?;
    let leaf = Leaf::decode(&leaf).map_err(|e| failed("leaf", chain(&e)))?;
    if leaf.draft.kind != Kind::Decision {
        return Err(failed("leaf", "the entry is not a decision"));
    }
    let body = opened(&leaf, sealed.as_deref(), key)?;
    Ok(report(&leaf, proof.index, accepted, body))
}

/// The body, if the receipt has one and its key.
fn opened(
    leaf: &Leaf,
    sealed: Option<&[u8]>,
    key: Option<[u8; 32]>,
) -> Result<Option<DecisionBody>, Failure> {
    let Some(sealed) = sealed else {
        return match key {
            Some(_) => Err(failed("body", "it has a record key and no body")),
            None => Ok(None),
        };
    };
    let reference = leaf.draft.sealed.as_ref();
    let reference = reference.ok_or_else(|| failed("body", "the leaf commits to no body"))?;
    let Some(key) = key else {
        return if plimsoll_ledger::is_committed(sealed, reference) {
            Ok(None)
        } else {
            Err(failed("body", "it is not the one that the leaf commits to"))
        };
    };
    let text = open_with(&RecordKey::from_bytes(key), reference, sealed);
    let text = text.map_err(|e| failed("body", chain(&e)))?;
    let body = record::DecisionBody::decode(&text).map_err(|e| failed("body", chain(&e)))?;
    Ok(Some(offline::unnamed(body)))
}

fn report(leaf: &Leaf, index: u64, accepted: Accepted, body: Option<DecisionBody>) -> Report {
    let seen = |(name, seconds): (String, u64)| Witnessed {
        name,
        time: Timestamp(Time::from_micros(seconds.saturating_mul(1_000_000))),
    };
    Report {
        decision: DecisionId::from_bytes(leaf.draft.id),
        index,
        origin: accepted.checkpoint.origin,
        size: accepted.checkpoint.size,
        witnesses: accepted.witnesses.into_iter().map(seen).collect(),
        time: Timestamp(leaf.draft.time),
        result: leaf.draft.result,
        body,
    }
}

fn failed(step: &str, why: impl std::fmt::Display) -> Failure {
    Failure::unverified(format!("the receipt proves nothing; step `{step}`: {why}"))
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Two checkpoints of one log, in a line for each.
#[derive(Serialize)]
struct Consistent {
    origin: String,
    old: u64,
    new: u64,
}

fn consistency(
    context: &Context,
    old: &Checkpoint,
    new: &Checkpoint,
    proof: plimsoll_tlog::proof::Consistency,
) -> Result<(), Failure> {
    if (proof.old, proof.new) != (old.size, new.size) {
        return Err(Failure::unverified("the proof is about other sizes than the checkpoints'"));
    }
    proof.verify(&old.root, &new.root).map_err(|error| {
        let (new, old) = (new.size, old.size);
        Failure::unverified(format!("checkpoint at size {new} does not extend the one at {old}"))
            .because(error)
    })?;
    let found = Consistent { origin: new.origin.clone(), old: old.size, new: new.size };
    context.printer.show(&found, |found| {
        let sizes = format!("{} to {} entries", found.old, found.new);
        Facts::default().add("log", &found.origin).add("grew from", sizes).to_string()
    })?;
    context.printer.note("the later checkpoint extends the earlier one");
    Ok(())
}

/// A checkpoint file whose signature verifies.
fn checkpoint(file: &Path, key: &Vkey) -> Result<Checkpoint, Failure> {
    let accepted = Policy::of_log(key.clone())
        .accept(&read_file(file)?)
        .map_err(|error| Failure::unverified(format!("`{}`: {}", file.display(), chain(&error))))?;
    Ok(accepted.checkpoint)
}

/// Whom to trust: a key alone, or a policy.
fn trusted(key: Option<&str>, policy: Option<&Path>) -> Result<Policy, Failure> {
    match (key, policy) {
        (Some(key), _) => Ok(Policy::of_log(vkey(key)?)),
        (None, Some(file)) => policy_of(file),
        (None, None) => Err(Failure::user("name the log's key with `--key`, or a `--policy`")),
    }
}

/// A policy in a file.
pub(super) fn policy_of(file: &Path) -> Result<Policy, Failure> {
    Policy::parse(&read_file(file)?).map_err(|error| {
        Failure::user(format!("`{}` is not a policy", file.display())).because(chain(&error))
    })
}

/// A verifier key, or the file that has it.
pub(super) fn vkey(text: &str) -> Result<Vkey, Failure> {
    let error = match text.parse::<Vkey>() {
        Ok(key) => return Ok(key),
        Err(error) => error,
    };
    let file = Path::new(text);
    if !file.is_file() {
        return Err(Failure::user("`--key` is neither a verifier key nor a file")
            .because(error)
            .hint("`plimsoll ledger key` prints it"));
    }
    let bytes = read_file(file)?;
    let line = String::from_utf8_lossy(&bytes);
    line.trim().parse().map_err(|error: plimsoll_tlog::note::NoteError| {
        Failure::user(format!("`{}` does not hold a verifier key", file.display())).because(error)
    })
}

/// A small file.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|len| len > MAX_FILE_BYTES) {
        let limit = MAX_FILE_BYTES >> 20;
        return Err(Failure::user(format!("`{}` is larger than {limit} MiB", path.display())));
    }
    Ok(bytes)
}
