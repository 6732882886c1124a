//! `plimsoll ledger`: the ledger's files, checkpoints, key and growth.

use super::verify::{policy_of, read_file, vkey};
use super::{Context, ledger_keys, root};
use crate::cli_ledger::Ledger;
use crate::failure::Failure;
use crate::printer::{Facts, counted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plimsoll_api::Status;
use plimsoll_ledger::{
    Grown, LedgerError, LedgerReader, Progress, Resume, Tail, TreeHead, Verification, Verified,
    give_up_log,
};
use plimsoll_store::{Store, TreeHeadRow, read_tree_head};
use plimsoll_tlog::proof::Consistency;
use plimsoll_tlog::read::Tiles;
use plimsoll_tlog::tile::TileId;
use plimsoll_tlog::{Checkpoint, Note};
use plimsoll_types::{Clock, Digest};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What `ledger verify --json` prints.
#[derive(Serialize)]
struct Report {
    entries: u64,
    segments: u64,
    bytes: u64,
    head: Digest,
    root: Digest,
    published: u64,
    /// Where an unfinished write at the end begins, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    torn_at: Option<u64>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: &Ledger) -> Result<(), Failure> {
    match verb {
        Ledger::Verify { data, key, policy, resume, skip_bodies } => {
            let mut log = key.as_deref().map(vkey).transpose()?;
            let head = head(data)?;
            let mut witnesses = Vec::new();
            if let Some(file) = policy {
                let policy = policy_of(file)?;
                let stored = head.as_ref().map(|head| &*head.log);
                let mut logs = policy.logs().iter().map(|log| log.vkey.clone());
                log = logs.find(|log| stored.is_none_or(|stored| log.to_string() == stored));
                let keys = policy.witnesses().iter().map(|witness| witness.vkey.clone());
                witnesses = keys.collect();
            }
            let at = resume.as_deref().map(read_resume).transpose()?.flatten();
            let skip_bodies = *skip_bodies;
            let verification = Verification { log, witnesses, head, skip_bodies, resume: at };
            verify(context, data, &verification, resume.as_deref())
        }
        Ledger::Checkpoint { data } => {
            context.printer.bytes(&checkpoint(context, data.as_deref())?)
        }
        Ledger::Key { data } => {
            let key = match data {
                None => context.client()?.get::<Status>("/api/v1/status", &())?.ledger.log.key,
                Some(data) => head(data)?.map(|head| head.log.into()).unwrap_or_default(),
            };
            if key.is_empty() {
                return Err(Failure::no("nothing was published yet"));
            }
            context.printer.data(&format!("{key}\n"))
        }
        Ledger::Consistency { old, new, data } => {
            let grown = grown(context, *old, *new, data.as_deref())?;
            context.printer.json(&Growth::from(&grown))
        }
        Ledger::NewLog { data, keys } => new_log(context, data, keys),
        Ledger::RotateKeys => ledger_keys::rotate(context),
        Ledger::RewrapRoot { keys, to, secret_file, user } => {
            ledger_keys::rewrap(context, keys, to, secret_file.as_deref(), user.as_deref())
        }
    }
}

fn verify(
    context: &Context,
    data: &Path,
    verification: &Verification,
    resume: Option<&Path>,
) -> Result<(), Failure> {
    let reader = open(data, None)?;
    let mut unkept = None;
    let progress = |at: Progress| {
        context.printer.progress(&format!("{} of {} entries", at.entries, at.of));
        if let (Some(file), Some(at)) = (resume, at.resume) {
            unkept = keep(file, &at).err();
        }
    };
    let verified = reader.verify_with(verification, progress);
    context.printer.progress_done();
    if let Some(failure) = unkept {
        context.printer.warn(&format!("how far it got could not be kept: {failure}"));
    }
    let verified = verified.map_err(failure)?;
    if let Some(file) = resume {
        drop(fs_err::remove_file(file));
    }
    context.printer.show(&report(&verified), |report| {
        Facts::default()
            .add("entries", report.entries)
            .add("segments", report.segments)
            .add("bytes", report.bytes)
            .add("head", report.head)
            .add("root", report.root)
            .add("published", report.published)
            .maybe("torn at", report.torn_at)
            .to_string()
    })?;
    if let Tail::Torn { index, .. } = verified.tail {
        context.printer.warn(&format!(
            "the write of entry {index} was not finished; it was never acknowledged, \
             and the next start drops it"
        ));
    }
    if verified.unknown_signatures > 0 && verification.log.is_some() {
        context.printer.warn(&format!(
            "{} under the checkpoint not checked; name the witnesses with `--policy`",
            counted(verified.unknown_signatures as u64, "signature")
        ));
    }
    if verified.published > 0 && verification.log.is_none() && verification.head.is_none() {
        context
            .printer
            .warn("the checkpoint's signature was not checked; name the key with `--key`");
    }
    context.printer.note("every record is what it was when it was written");
    Ok(())
}

/// The stored head of a data folder's tree. A folder without control state has none.
fn head(data: &Path) -> Result<Option<TreeHead>, Failure> {
    let path = data.join("plimsoll.db");
    if !path.is_file() {
        return Ok(None);
    }
    let row = read_tree_head(&path)
        .map_err(|error| Failure::user("the control state could not be read").because(error))?;
    Ok(row.map(|TreeHeadRow { log, size, root, signed }| TreeHead { log, size, root, signed }))
}

/// How far a verification got, as its file holds it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    format: String,
    entries: u64,
    root: Digest,
    last: Digest,
    offset: u64,
    bytes: u64,
}

const KEPT: &str = "plimsoll-verification 1";

fn keep(file: &Path, at: &Resume) -> Result<(), Failure> {
    let Resume { entries, root, last, offset, bytes } = *at;
    let kept = Kept { format: KEPT.into(), entries, root, last, offset, bytes };
    let text = serde_json::to_vec(&kept)
        .map_err(|error| Failure::ours("could not write JSON").because(error))?;
    let fresh = file.with_extension("fresh");
    fs_err::write(&fresh, text)?;
    Ok(fs_err::rename(&fresh, file)?)
}

fn read_resume(file: &Path) -> Result<Option<Resume>, Failure> {
    if !file.exists() {
        return Ok(None);
    }
    let wrong = || Failure::user(format!("`{}` is not a state of `ledger verify`", file.display()));
    let kept: Kept = serde_json::from_slice(&read_file(file)?).map_err(|_| wrong())?;
    if kept.format != KEPT {
        return Err(wrong());
    }
    let Kept { entries, root, last, offset, bytes, .. } = kept;
    Ok(Some(Resume { entries, root, last, offset, bytes }))
}

/// The latest checkpoint, from the server or a data folder.
fn checkpoint(context: &Context, data: Option<&Path>) -> Result<Vec<u8>, Failure> {
    match data {
        None => context.client()?.bytes("/ledger/checkpoint"),
        Some(data) => {
            let note = open(data, None)?.published_note().map_err(failure)?;
            note.ok_or_else(|| Failure::no("no checkpoint was published yet"))
        }
    }
}

/// Proof of growth as `ledger consistency` prints it and `verify consistency` reads it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Growth {
    old: u64,
    old_root: String,
    new: u64,
    new_root: String,
    /// In the order of RFC 6962 §2.1.2.
    hashes: Vec<String>,
}

impl From<&Grown> for Growth {
    fn from(grown: &Grown) -> Self {
        let text = |digest: &Digest| STANDARD.encode(digest.as_bytes());
        Self {
            old: grown.proof.old,
            old_root: text(&grown.old_root),
            new: grown.proof.new,
            new_root: text(&grown.new_root),
            hashes: grown.proof.hashes.iter().map(text).collect(),
        }
    }
}

impl Growth {
    /// The proof; its roots are for people, a verifier has them from checkpoints.
    pub(super) fn proof(&self) -> Option<Consistency> {
        let hash = |text: &String| {
            let bytes: [u8; 32] = STANDARD.decode(text).ok()?.try_into().ok()?;
            Some(Digest::from_bytes(bytes))
        };
        let hashes = self.hashes.iter().map(hash).collect::<Option<_>>()?;
        Some(Consistency { old: self.old, new: self.new, hashes })
    }
}

/// The proof of growth, out of a data folder or the server's tiles, each checked on the way.
pub(super) fn grown(
    context: &Context,
    old: u64,
    new: u64,
    data: Option<&Path>,
) -> Result<Grown, Failure> {
    let uncovered = || Failure::user(format!("the latest checkpoint does not cover {new} entries"));
    if old > new {
        return Err(Failure::user("the earlier size is larger than the later one"));
    }
    if let Some(data) = data {
        let grown = open(data, None)?.consistency(old, new).map_err(failure)?;
        return grown.ok_or_else(uncovered);
    }
    let note = checkpoint(context, None)?;
    let malformed = |error| Failure::unverified("the server's checkpoint is none").because(error);
    let note = Note::parse(&note).map_err(malformed)?;
    let Checkpoint { size, root, .. } = Checkpoint::parse(note.text()).map_err(malformed)?;
    if size < new {
        return Err(uncovered());
    }
    let client = context.client()?;
    let fetch = |tile: TileId| client.bytes(&format!("/ledger/{}", tile.path()));
    let read = || {
        let mut tiles = Tiles::open(size, &root, fetch)?;
        let (old_root, new_root) = (tiles.root_at(old)?, tiles.root_at(new)?);
        Ok(Grown { old_root, new_root, proof: tiles.consistency(old, new)? })
    };
    read().map_err(|error: plimsoll_tlog::read::ReadError<Failure>| match error {
        plimsoll_tlog::read::ReadError::Source { source, .. } => source,
        error => Failure::unverified(error.to_string()),
    })
}

fn new_log(context: &Context, data: &Path, keys: &Path) -> Result<(), Failure> {
    let path = data.join("plimsoll.db");
    if !path.is_file() || !keys.is_dir() {
        return Err(Failure::user("these are not a data folder and its keys folder"));
    }
    let unusable = |error| Failure::user("the control state could not be changed").because(error);
    let store = Store::open(&path, context.clock.now()).map_err(unusable)?;
    let old = store.tree_head().map_err(unusable)?;
    give_up_log(data, keys, || store.forget_tree_head().map_err(GivingUp::State)).map_err(
        |error| match error {
            GivingUp::Ledger(error) => failure(error),
            GivingUp::State(error) => unusable(error),
        },
    )?;
    if let Some(old) = old {
        let (log, signed) = (old.log, old.signed);
        context
            .printer
            .note(&format!("the log `{log}` was given up; it had signed {signed} entries"));
    }
    context.printer.note("the next start begins another log, with a key of its own");
    context.printer.hint(
        "give it another name with the setting `ledger.origin`, and tell whoever follows the log",
    );
    Ok(())
}

/// Why a log could not be given up.
enum GivingUp {
    Ledger(LedgerError),
    State(plimsoll_store::StoreError),
}

impl From<LedgerError> for GivingUp {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
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
        LedgerError::Damaged { .. }
        | LedgerError::Published { .. }
        | LedgerError::Format { .. }
        | LedgerError::Record(_)
        | LedgerError::Unsealable(_) => Failure::unverified(error.to_string()),
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
    let Verified { entries, segments, bytes, head, root, published, .. } = *verified;
    Report { entries, segments, bytes, head, root, published, torn_at }
}
