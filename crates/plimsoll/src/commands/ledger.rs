//! `plimsoll ledger`: the files themselves, without a server, and its keys.

use super::{Context, root};
use crate::cli::Ledger;
use crate::failure::Failure;
use crate::printer::Facts;
use plimsoll_api::KeyRotation;
use plimsoll_ledger::{LedgerError, LedgerReader, Tail, Verified, rewrap_root};
use plimsoll_types::Digest;
use serde::Serialize;
use std::path::Path;

/// What `ledger verify --json` prints.
#[derive(Serialize)]
struct Report {
    entries: u64,
    segments: u64,
    bytes: u64,
    head: Digest,
    /// Where an unfinished write at the end begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_at: Option<u64>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Ledger) -> Result<(), Failure> {
    match verb {
        Ledger::Verify { data } => verify(context, data),
        Ledger::RotateKeys => rotate_keys(context),
        Ledger::RewrapRoot { keys, to, secret_file, user } => {
            let mut settings = context.settings()?;
            settings.keys.value.clone_from(keys);
            let from = root::open(context, &settings)?;
            let new = root::other(context, to, user.as_deref(), secret_file.as_deref(), keys)?;
            rewrap_root(keys, from.as_ref(), new.as_ref()).map_err(failure)?;
            context.printer.note(&format!("the keys are wrapped by `{to}`"));
            context.printer.hint(&format!("set `ledger.root` to `{to}` before the next start"));
            Ok(())
        }
    }
}

fn rotate_keys(context: &Context) -> Result<(), Failure> {
    let done: KeyRotation =
        context.client()?.post("/api/v1/ledger/rotate-keys", &serde_json::json!({}))?;
    context.printer.show(&done, |done| {
        Facts::default()
            .add("epoch", done.epoch)
            .add("keys", done.keys)
            .add("erasures", done.erasures)
            .to_string()
    })
}

fn verify(context: &Context, data: &Path) -> Result<(), Failure> {
    let reader = open(data, None)?;
    let verified = reader.verify().map_err(failure)?;
    context.printer.show(&report(&verified), |report| {
        Facts::default()
            .add("entries", report.entries)
            .add("segments", report.segments)
            .add("bytes", report.bytes)
            .add("head", report.head)
            .maybe("torn at", report.torn_at)
            .to_string()
    })?;
    if let Tail::Torn { index, .. } = verified.tail {
        context.printer.warn(&format!(
            "the write of entry {index} was not finished; it was never acknowledged, \
             and the next start drops it"
        ));
    }
    context.printer.note("every record is what it was when it was written");
    Ok(())
}

/// Opens the ledger of a data folder for reading.
pub(super) fn open(data: &Path, keys: Option<&Path>) -> Result<LedgerReader, Failure> {
    if !data.is_dir() {
        return Err(Failure::user(format!("`{}` is not a data folder", data.display())));
    }
    LedgerReader::open(data, keys).map_err(failure)
}

/// The same, with keys that the root of the settings wraps.
pub(super) fn open_sealed(
    context: &Context,
    data: &Path,
    keys: Option<&Path>,
) -> Result<LedgerReader, Failure> {
    let root = match keys {
        Some(_) => root::open(context, &context.settings()?)?,
        None => None,
    };
    if !data.is_dir() {
        return open(data, None);
    }
    LedgerReader::open_under(data, keys, root.as_ref()).map_err(failure)
}

/// Damage is a failed verification; what cannot be read at all is the user's to mend.
pub(super) fn failure(error: LedgerError) -> Failure {
    match &error {
        LedgerError::Damaged { .. } | LedgerError::Record(_) | LedgerError::Unsealable(_) => {
            Failure::unverified(error.to_string())
        }
        LedgerError::KeyGone => Failure::no(error.to_string()),
        _ => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let failure = Failure::user(error.to_string());
            match cause {
                Some(cause) => failure.because(cause),
                None => failure,
            }
        }
    }
}

fn report(verified: &Verified) -> Report {
    let torn_at = match verified.tail {
        Tail::Torn { index, .. } => Some(index),
        Tail::Whole => None,
    };
    let Verified { entries, segments, bytes, head, .. } = *verified;
    Report { entries, segments, bytes, head, torn_at }
}
