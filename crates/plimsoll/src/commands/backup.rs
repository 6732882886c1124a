//! `plimsoll backup`: copies a data folder, in use or not.
//!
//! The order makes the copy whole: control state first, then the artifacts it names, then the
//! ledger, which has every event that the state rests on. What the ledger was writing at that
//! moment is at the end of its last segment, and is dropped by the next start as after a crash.

use super::Context;
use super::archive::{FOLDER, FORMAT, Hashing, MANIFEST, MAX_FILES, Manifest, Stored};
use crate::cli::Backup;
use crate::failure::Failure;
use crate::printer::Facts;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use plimsoll_api::Timestamp;
use plimsoll_store::Store;
use plimsoll_types::Clock;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The control state, which is copied by its own engine.
const STATE: &str = "plimsoll.db";
/// Folders deeper than this are none of ours.
const MAX_DEPTH: usize = 8;
/// Bytes looked at at a time for the end of a segment.
const WINDOW: u64 = 1 << 16;

/// Makes the backup.
pub(super) fn run(context: &Context, args: &Backup) -> Result<(), Failure> {
    let data_format = data_format(&args.data)?;
    refuse_inside(&args.data, &args.output)?;
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let file = options.open(&args.output).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::user(format!("`{}` exists already", args.output.display()))
        }
        _ => error.into(),
    })?;
    let made = write(context, args, file, data_format);
    context.printer.progress_done();
    if made.is_err() {
        drop(fs::remove_file(&args.output));
    }
    let manifest = made?;
    let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
    context.printer.show(&manifest_summary(&manifest, bytes), |_| {
        Facts::default()
            .add("backup", args.output.display())
            .add("files", manifest.files.len())
            .add("bytes", bytes)
            .to_string()
    })?;
    context
        .printer
        .hint("keys are not in it: back up the keys folder apart, or the bodies stay sealed");
    Ok(())
}

fn manifest_summary(manifest: &Manifest, bytes: u64) -> serde_json::Value {
    serde_json::json!({
        "format": manifest.format,
        "created_at": manifest.created_at,
        "files": manifest.files.len(),
        "bytes": bytes,
    })
}

/// What the folder says it is.
fn data_format(data: &Path) -> Result<String, Failure> {
    /// The line is about twenty bytes.
    const LIMIT: u64 = 256;
    let mut text = String::new();
    let file = fs::File::open(data.join("format"))
        .map_err(|_| Failure::user(format!("`{}` is not a data folder", data.display())))?;
    file.take(LIMIT).read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}

fn refuse_inside(data: &Path, output: &Path) -> Result<(), Failure> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new(".")))?;
    if folder.starts_with(fs::canonicalize(data)?) {
        return Err(Failure::user("the backup may not lie in the data folder"));
    }
    Ok(())
}

fn write(
    context: &Context,
    args: &Backup,
    file: fs::File,
    data_format: String,
) -> Result<Manifest, Failure> {
    let created_at = Timestamp(context.clock.now());
    let mut archive = Archive {
        context,
        tar: tar::Builder::new(std::io::BufWriter::new(file)),
        files: Vec::new(),
        done: 0,
    };
    archive.state(&args.data, &args.output)?;
    for path in list(&args.data)? {
        archive.file(&args.data, &path)?;
    }
    archive.finish(created_at, data_format)
}

/// A backup in the making.
struct Archive<'a> {
    context: &'a Context,
    tar: tar::Builder<std::io::BufWriter<fs::File>>,
    files: Vec<Stored>,
    done: u64,
}

impl Archive<'_> {
    /// The control state: a copy that its engine makes beside the backup while it is in use.
    fn state(&mut self, data: &Path, output: &Path) -> Result<(), Failure> {
        let path = data.join(STATE);
        if !path.is_file() {
            return Ok(());
        }
        let unusable =
            |error| Failure::user("the control state could not be copied").because(error);
        let store = Store::open(&path, self.context.clock.now()).map_err(unusable)?;
        let mut copy = output.as_os_str().to_owned();
        copy.push(".state");
        let copy = Temporary(copy.into());
        store.backup_to(&copy.0).map_err(unusable)?;
        let mut file = fs::File::open(&copy.0)?;
        let length = file.metadata()?.len();
        self.entry(STATE, &mut file, length, length)
    }

    fn file(&mut self, data: &Path, path: &str) -> Result<(), Failure> {
        let mut file = fs::File::open(data.join(path))?;
        let length = file.metadata()?.len();
        let size = if path.ends_with(".seg") { written(&mut file, length)? } else { length };
        file.seek(SeekFrom::Start(0))?;
        self.entry(path, &mut file, size, length)
    }

    fn entry(
        &mut self,
        path: &str,
        from: &mut dyn Read,
        size: u64,
        length: u64,
    ) -> Result<(), Failure> {
        let mut header = tar::Header::new_gnu();
        header.set_size(size);
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        let (printer, before, mut done) = (&self.context.printer, self.done, self.done);
        let mut step = |count| {
            done += count;
            printer.progress(&format!("{} MiB  {path}", done >> 20));
        };
        let mut from = Hashing::new(from.take(size), &mut step);
        self.tar.append_data(&mut header, format!("{FOLDER}/{path}"), &mut from)?;
        let digest = from.digest();
        if done - before != size {
            return Err(Failure::user(format!(
                "`{path}` became shorter while it was copied; try again"
            )));
        }
        self.done = done;
        self.files.push(Stored { path: path.to_owned(), size, length, digest });
        Ok(())
    }

    fn finish(mut self, created_at: Timestamp, data_format: String) -> Result<Manifest, Failure> {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let manifest =
            Manifest { format: FORMAT, version, created_at, data_format, files: self.files };
        let bytes = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Failure::ours("could not write JSON").because(error))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o600);
        header.set_entry_type(tar::EntryType::Regular);
        self.tar.append_data(&mut header, MANIFEST, bytes.as_slice())?;
        let mut out = self.tar.into_inner()?;
        out.flush()?;
        let file = out.into_inner().map_err(|error| Failure::from(error.into_error()))?;
        file.sync_all()?;
        Ok(manifest)
    }
}

/// A file that goes when it is no longer needed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Every file of the folder that belongs into a backup, in the order of names: artifacts
/// before the ledger, segments by their first entry.
fn list(data: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    walk(data, "", 0, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn walk(folder: &Path, above: &str, depth: usize, found: &mut Vec<String>) -> Result<(), Failure> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name();
        let name = name.to_str().ok_or_else(|| {
            Failure::user(format!("`{}` has a file whose name is not UTF-8", folder.display()))
        })?;
        let path = if above.is_empty() { name.to_owned() } else { format!("{above}/{name}") };
        let kind = item.file_type()?;
        if is_left_out(&path) {
            continue;
        }
        if kind.is_dir() && depth < MAX_DEPTH {
            walk(&item.path(), &path, depth + 1, found)?;
        } else if kind.is_file() && found.len() < MAX_FILES {
            found.push(path);
        } else {
            return Err(Failure::user(format!("`{path}` does not belong into a data folder")));
        }
    }
    Ok(())
}

/// What is only of use to the running process, or made anew by the next.
fn is_left_out(path: &str) -> bool {
    let is_state = path
        .strip_prefix(STATE)
        .is_some_and(|rest| matches!(rest, "" | "-wal" | "-shm" | "-journal"));
    let of_process = matches!(
        path,
        "artifacts/uploads"
            | "artifacts/sessions"
            | "lake"
            | "monitor"
            | "format.new"
            | "ledger/lock"
            | "ledger/end"
            | "ledger/reserve"
    );
    // Made from the segments by the next start, and there are many.
    let is_derived = path == "ledger/public/tile";
    let name = path.rsplit('/').next().unwrap_or(path);
    is_state
        || of_process
        || is_derived
        || name == "next.seg"
        || name.ends_with(".fresh")
        || name.ends_with(".new")
}

/// How much of a segment is written: everything up to its last byte that is not zero. Bytes
/// after it would be written by batches that begin later.
fn written(file: &mut fs::File, length: u64) -> Result<u64, Failure> {
    let mut end = length;
    while end > 0 {
        let start = end.saturating_sub(WINDOW);
        file.seek(SeekFrom::Start(start))?;
        let mut window = Vec::new();
        Read::by_ref(file).take(end - start).read_to_end(&mut window)?;
        if let Some(last) = window.iter().rposition(|byte| *byte != 0) {
            return Ok(start + u64::try_from(last).unwrap_or(0) + 1);
        }
        end = start;
    }
    Ok(0)
}
