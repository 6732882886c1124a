//! `plimsoll restore`: a data folder from a backup. The file is read as hostile: nothing is
//! written outside the new folder, and nothing stays of one that does not verify.

use super::Context;
use super::archive::{self, FOLDER, FORMAT, MANIFEST, MAX_FILES, MAX_MANIFEST, Manifest, Stored};
use crate::cli::Restore;
use crate::failure::Failure;
use crate::printer::Facts;
use fs_err as fs;
use fs_err::os::unix::fs::OpenOptionsExt;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// Restores the backup.
pub(super) fn run(context: &Context, args: &Restore) -> Result<(), Failure> {
    refuse_full(&args.data)?;
    let file = fs::File::open(&args.file)?;
    let mut half = args.data.as_os_str().to_owned();
    half.push(".restoring");
    let half = PathBuf::from(half);
    fs::create_dir(&half).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::user(format!("`{}` is left of another restore", half.display()))
                .hint("remove it first")
        }
        _ => error.into(),
    })?;
    let restored = unpack(context, file, &half).and_then(|manifest| {
        sync_folders(&half)?;
        // Takes the place of the empty folder, if there is one.
        fs::rename(&half, &args.data)?;
        Ok(manifest)
    });
    context.printer.progress_done();
    if restored.is_err() {
        drop(fs::remove_dir_all(&half));
    }
    report(context, args, &restored?)
}

fn report(context: &Context, args: &Restore, manifest: &Manifest) -> Result<(), Failure> {
    let bytes: u64 = manifest.files.iter().map(|file| file.size).sum();
    let summary = serde_json::json!({
        "data": args.data, "created_at": manifest.created_at, "files": manifest.files.len(), "bytes": bytes,
    });
    context.printer.show(&summary, |_| {
        Facts::default()
            .add("data", args.data.display())
            .add("backup of", context.time(manifest.created_at))
            .add("files", manifest.files.len())
            .add("bytes", bytes)
            .to_string()
    })?;
    context.printer.hint(
        "start it with the keys folder it was made with: `plimsoll serve --data DIR --keys DIR`",
    );
    Ok(())
}

fn refuse_full(data: &Path) -> Result<(), Failure> {
    let is_empty = match fs::read_dir(data) {
        Ok(mut items) => items.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error.into()),
    };
    if is_empty {
        return Ok(());
    }
    Err(Failure::user(format!("`{}` is not empty", data.display()))
        .hint("restore into a new folder"))
}

/// Writes every file of the backup under `folder` and holds them against the manifest.
fn unpack(context: &Context, file: fs::File, folder: &Path) -> Result<Manifest, Failure> {
    let broken =
        |error: std::io::Error| Failure::unverified("the backup cannot be read").because(error);
    let mut tar = tar::Archive::new(std::io::BufReader::new(file));
    let mut found: Vec<Stored> = Vec::new();
    let mut done = 0_u64;
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if entry.header().entry_type() != tar::EntryType::Regular {
            return Err(Failure::unverified("the backup holds something else than files"));
        }
        let name = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|_| Failure::unverified("the backup holds a name that is not UTF-8"))?;
        if name == MANIFEST {
            return settle(&mut entry, &found, folder);
        }
        if found.len() == MAX_FILES {
            return Err(Failure::unverified("the backup holds too many files"));
        }
        let path = inner(&name)?;
        let place = folder.join(&path);
        if let Some(above) = place.parent() {
            fs::create_dir_all(above)?;
        }
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut out = options.open(&place)?;
        let (size, digest) = archive::copy(&mut entry, &mut out, |count| {
            done += count;
            context.printer.progress(&format!("{} MiB  {path}", done >> 20));
        })?;
        out.sync_all()?;
        found.push(Stored { path, size, length: size, digest });
    }
    Err(Failure::unverified("the backup ends without its manifest")
        .hint("it was cut short; take another one"))
}

/// The path within the data folder of an entry of this name.
fn inner(name: &str) -> Result<String, Failure> {
    let path = Path::new(name).strip_prefix(FOLDER).ok();
    let path = path.filter(|path| {
        path.components().count() > 0
            && path.components().all(|part| matches!(part, Component::Normal(_)))
    });
    let path = path.and_then(Path::to_str);
    path.map(ToOwned::to_owned)
        .ok_or_else(|| Failure::unverified("the backup names a file outside the data folder"))
}

/// Reads the manifest, holds the files against it, and gives them their full lengths.
fn settle(entry: &mut dyn Read, found: &[Stored], folder: &Path) -> Result<Manifest, Failure> {
    let mut bytes = Vec::new();
    entry.take(MAX_MANIFEST).read_to_end(&mut bytes)?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| {
        Failure::unverified("the backup's manifest cannot be read").because(error)
    })?;
    if manifest.format != FORMAT {
        return Err(Failure::user(format!(
            "the backup has format {}, this version reads {FORMAT}",
            manifest.format
        ))
        .hint(format!("restore it with Plimsoll {}", manifest.version)));
    }
    if manifest.files.len() != found.len() {
        return Err(Failure::unverified("the backup does not hold the files its manifest names"));
    }
    for (wanted, got) in manifest.files.iter().zip(found) {
        let same = (&wanted.path, wanted.size, wanted.digest) == (&got.path, got.size, got.digest);
        if !same || wanted.length < wanted.size {
            return Err(Failure::unverified(format!(
                "`{}` is not what the manifest says",
                got.path
            )));
        }
        if wanted.length > wanted.size {
            let file = fs::OpenOptions::new().write(true).open(folder.join(&wanted.path))?;
            file.set_len(wanted.length)?;
            file.sync_all()?;
        }
    }
    Ok(manifest)
}

/// Names survive a power cut only when their folder was synced.
fn sync_folders(folder: &Path) -> Result<(), Failure> {
    for item in fs::read_dir(folder)? {
        let item = item?;
        if item.file_type()?.is_dir() {
            sync_folders(&item.path())?;
        }
    }
    Ok(fs::File::open(folder)?.sync_all()?)
}
