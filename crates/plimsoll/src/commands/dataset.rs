//! `plimsoll dataset`: registered from files or from what DVC tracks, granted, downloaded.

use super::{Context, dataset_dvc};
use crate::cli::{Paged, one_of};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use aws_lc_rs::digest::{Context as Hash, SHA256};
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_api::{
    Artifact, CreateDataset, Dataset, DatasetColumn, DatasetFile, DatasetManifest, DatasetQuery,
    DatasetSource, DatasetUse, DatasetVersion, GrantDataset,
};
use plimsoll_artifact::FilePath;
use plimsoll_dvc::{Md5, Md5Hasher};
use plimsoll_table::{Limits, TableReader, summarise};
use plimsoll_types::{Digest, Name};
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

const PATH: &str = "/api/v1/datasets";
const ARTIFACTS: &str = "/api/v1/artifacts";
/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 20;

/// Verbs of datasets.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Register a dataset, or another version of it
    ///
    /// Its manifest has the digest of every file, columns and counts of a table, where it comes
    /// from, and what it may be used for. Files are uploaded and kept sealed unless told
    /// otherwise. What DVC tracks is checked against DVC's own sums first.
    #[command(after_help = "\
Examples:
  plimsoll dataset register loans loans.parquet --purpose credit-scoring --personal income
  plimsoll dataset register loans --dvc data/loans.csv.dvc --licence CC-BY-4.0
  plimsoll dataset register loans --dvc raw.dvc --no-keep --retention-days 365")]
    Register(Register),
    /// List datasets
    #[command(after_help = "Examples:\n  plimsoll dataset list\n  plimsoll dataset list --json")]
    List(Paged),
    /// Show a dataset and who may use it, or one of its versions
    #[command(after_help = "\
Examples:
  plimsoll dataset show loans
  plimsoll dataset show loans 2 --json")]
    Show {
        /// Its name
        name: Name,
        /// A version of it
        version: Option<u32>,
    },
    /// Fetch the files of a version, for a use and purpose that are recorded
    #[command(after_help = "\
Examples:
  plimsoll dataset download loans 2 --use train --purpose credit-scoring --to ./data")]
    Download {
        /// Its name
        name: Name,
        /// Its version
        version: u32,
        /// How it will be used
        #[arg(long = "use", value_name = "USE", value_parser = one_of(DatasetUse::ALL, DatasetUse::as_str))]
        how: DatasetUse,
        /// For which purpose
        #[arg(long, value_name = "PURPOSE")]
        purpose: String,
        /// The folder that gets the files; none of them may be there
        #[arg(long, value_name = "FOLDER")]
        to: PathBuf,
    },
    /// Let somebody else use a dataset for a purpose
    #[command(after_help = "\
Examples:
  plimsoll dataset grant loans alice --use train --purpose credit-scoring
  plimsoll dataset grant loans alice --use read --purpose audit --until 2026-12-31T00:00:00Z")]
    Grant(Grant),
    /// Take such leave back
    #[command(after_help = "\
Examples:
  plimsoll dataset revoke loans alice --use train --purpose credit-scoring")]
    Revoke(Grant),
}

/// What is registered.
#[derive(Args, Debug)]
pub(crate) struct Register {
    /// Its name
    name: Name,
    /// Its files
    #[arg(value_name = "FILE", required_unless_present = "dvc")]
    files: Vec<PathBuf>,
    /// A `.dvc` file that tracks it, instead of files
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    dvc: Option<PathBuf>,
    /// Register digests only; the files are not uploaded
    #[arg(long)]
    no_keep: bool,
    /// Who answers for it, if it is new [default: you]
    #[arg(long, value_name = "OWNER")]
    owner: Option<String>,
    /// Its licence, as an SPDX expression
    #[arg(long, value_name = "LICENCE")]
    licence: Option<String>,
    /// A class of personal data in it; may be given several times
    #[arg(long, value_name = "CLASS")]
    personal: Vec<String>,
    /// A purpose it was gathered for; may be given several times
    #[arg(long = "purpose", value_name = "PURPOSE")]
    purposes: Vec<String>,
    /// Days after which it must go
    #[arg(long, value_name = "DAYS")]
    retention_days: Option<u32>,
    /// What it is
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
}

/// A cell of the access matrix.
#[derive(Args, Debug)]
pub(crate) struct Grant {
    /// The dataset
    name: Name,
    /// Who may use it
    principal: Name,
    /// How
    #[arg(long = "use", value_name = "USE", value_parser = one_of(DatasetUse::ALL, DatasetUse::as_str))]
    how: DatasetUse,
    /// For which purpose, one of the dataset's
    #[arg(long, value_name = "PURPOSE")]
    purpose: String,
    /// Until when [default: without end]
    #[arg(long, value_name = "TIME")]
    until: Option<plimsoll_api::Timestamp>,
}

/// A file on its way into a manifest.
pub(super) struct Found {
    /// Where it is.
    pub(super) place: PathBuf,
    /// Its path in the dataset.
    pub(super) path: String,
    /// What DVC says its MD5 sum is.
    pub(super) sum: Option<Md5>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Register(args) => register(context, args),
        Verb::List(paged) => list(context, paged.limit),
        Verb::Show { name, version: None } => {
            let dataset: Dataset = context.client()?.get(&format!("{PATH}/{name}"), &())?;
            context.printer.show(&dataset, |dataset| text(context, dataset))
        }
        Verb::Show { name, version: Some(number) } => {
            let version: DatasetVersion =
                context.client()?.get(&format!("{PATH}/{name}/versions/{number}"), &())?;
            context.printer.show(&version, |version| version_text(context, version))
        }
        Verb::Download { name, version, how, purpose, to } => {
            download(context, &name, version, &DatasetQuery { r#use: how, purpose }, &to)
        }
        Verb::Grant(args) => grant(context, args, "grants"),
        Verb::Revoke(args) => grant(context, args, "revocations"),
    }
}

fn register(context: &Context, args: Register) -> Result<(), Failure> {
    let (found, source) = match &args.dvc {
        Some(path) => dataset_dvc::find(path)?,
        None => (plain(&args.files)?, DatasetSource { kind: "files".into(), ..Default::default() }),
    };
    for warning in &source.warnings {
        context.printer.warn(&format!("DVC: {warning}"));
    }
    let files = found.iter().map(measure).collect::<Result<Vec<_>, _>>()?;
    let (columns, rows) = match found.as_slice() {
        [one] if is_table(&one.place) => columns(&one.place)?,
        _ => (Vec::new(), None),
    };
    let client = context.client()?;
    if !args.no_keep {
        for (file, found) in files.iter().zip(&found) {
            keep(context, &client, file, found)?;
        }
    }
    let manifest = DatasetManifest {
        files,
        columns,
        rows,
        source,
        licence: args.licence,
        personal: args.personal,
        purposes: args.purposes,
        retention_days: args.retention_days,
        description: args.description,
    };
    let path = format!("{PATH}/{}/versions", args.name);
    let made: DatasetVersion =
        client.post(&path, &CreateDataset { owner: args.owner, manifest })?;
    context.printer.show(&made, |made| version_text(context, made))
}

fn plain(files: &[PathBuf]) -> Result<Vec<Found>, Failure> {
    let found = files.iter().map(|place| {
        let name = place.file_name().and_then(|name| name.to_str());
        let wrong = || Failure::user(format!("`{}` has no name of UTF-8", place.display()));
        Ok(Found { place: place.clone(), path: name.ok_or_else(wrong)?.into(), sum: None })
    });
    found.collect()
}

/// Reads a file once: both sums, and its length.
fn measure(found: &Found) -> Result<DatasetFile, Failure> {
    let mut file = fs::File::open(&found.place)?;
    let (mut hash, mut sum, mut size) = (Hash::new(&SHA256), Md5Hasher::default(), 0_u64);
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            break;
        }
        let bytes = piece.get(..count).unwrap_or_default();
        hash.update(bytes);
        sum.update(bytes);
        size = size.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }
    let sum = sum.finish();
    if found.sum.is_some_and(|claimed| claimed != sum) {
        let message = format!("`{}` is not what DVC's sum says", found.place.display());
        return Err(Failure::unverified(message)
            .hint("run `dvc checkout`, or `dvc commit` if the change is meant"));
    }
    let md5 = found.sum.map(|sum| sum.to_string());
    Ok(DatasetFile { path: found.path.clone(), digest: digest_of(hash), size, md5 })
}

fn digest_of(hash: Hash) -> Digest {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash.finish().as_ref());
    Digest::from_bytes(bytes)
}

fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "csv" || ending == "parquet")
}

fn columns(path: &Path) -> Result<(Vec<DatasetColumn>, Option<u64>), Failure> {
    let unread = |error: plimsoll_table::TableError| Failure::user(error.to_string());
    let reader = TableReader::open(path, &Limits::default(), None).map_err(unread)?;
    let schema = reader.schema().to_vec();
    let summaries = summarise(&schema, reader).map_err(unread)?;
    let rows = summaries.first().map(|column| column.rows);
    let column = |column: plimsoll_table::ColumnSummary| DatasetColumn {
        name: column.name,
        kind: format!("{:?}", column.kind).to_lowercase(),
        missing: column.nulls,
        distinct: column.distinct.map(|known| u64::try_from(known.len()).unwrap_or(u64::MAX)),
        min: column.min,
        max: column.max,
    };
    Ok((summaries.into_iter().map(column).collect(), rows))
}

fn keep(
    context: &Context,
    client: &Client,
    file: &DatasetFile,
    found: &Found,
) -> Result<(), Failure> {
    context.printer.detail(&format!("uploading {} ({} bytes)", found.path, file.size));
    let mut bytes = fs::File::open(&found.place)?;
    let stored: Artifact = client.upload(ARTIFACTS, &mut bytes, file.size)?;
    if stored.digest != file.digest {
        return Err(Failure::user(format!("`{}` changed meanwhile", found.place.display())));
    }
    Ok(())
}

fn download(
    context: &Context,
    name: &Name,
    number: u32,
    query: &DatasetQuery,
    to: &Path,
) -> Result<(), Failure> {
    let client = context.client()?;
    let base = format!("{PATH}/{name}/versions/{number}");
    let version: DatasetVersion = client.get(&base, &())?;
    if !version.is_kept {
        return Err(Failure::user("the files of this version are not kept here")
            .hint("fetch them from where its manifest says it comes from"));
    }
    fs::create_dir_all(to)?;
    for file in &version.manifest.files {
        let wrong = |_| Failure::unverified("a path of the manifest leads elsewhere");
        let path: FilePath = file.path.parse().map_err(wrong)?;
        let target = to.join(path.as_str());
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        let url = path.as_str().split('/').map(escape).collect::<Vec<_>>().join("/");
        fetch(&client, &format!("{base}/files/{url}"), query, file, &target)?;
        context.printer.note(&format!("{} ({} bytes)", target.display(), file.size));
    }
    context.printer.show(&version, |version| version_text(context, version))
}

/// Fetches one file beside its place; it gets its name when its digest is right.
fn fetch(
    client: &Client,
    url: &str,
    query: &DatasetQuery,
    file: &DatasetFile,
    target: &Path,
) -> Result<(), Failure> {
    if target.exists() {
        return Err(Failure::user(format!("`{}` is there already", target.display())));
    }
    let mut part = target.as_os_str().to_owned();
    part.push(".part");
    let mut out = Hashed { file: fs::File::create(&part)?, hash: Hash::new(&SHA256) };
    let done = client.download(url, query, &mut out).and_then(|_| {
        out.file.sync_all()?;
        if digest_of(out.hash) == file.digest {
            return Ok(fs::rename(&part, target)?);
        }
        Err(Failure::unverified(format!("`{}` is not what its digest says", file.path)))
    });
    if done.is_err() {
        drop(fs::remove_file(&part));
    }
    done
}

/// Writes and hashes.
struct Hashed {
    file: fs::File,
    hash: Hash,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

fn grant(context: &Context, args: Grant, what: &str) -> Result<(), Failure> {
    let path = format!("{PATH}/{}/{what}", args.name);
    let wanted = GrantDataset {
        principal: args.principal,
        r#use: args.how,
        purpose: args.purpose,
        expires_at: args.until,
    };
    let dataset: Dataset = context.client()?.post(&path, &wanted)?;
    context.printer.show(&dataset, |dataset| text(context, dataset))
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<Dataset>(PATH, &(), limit)?;
    context.show_page(&page, &["name", ">versions", "owner", "registered"], |table, dataset| {
        table.row([
            dataset.name.to_string(),
            dataset.latest_version.to_string(),
            dataset.owner.clone(),
            context.time(dataset.created_at),
        ]);
    })
}

fn text(context: &Context, dataset: &Dataset) -> String {
    let head = Facts::default()
        .add("dataset", &dataset.name)
        .add("versions", dataset.latest_version)
        .add("owner", &dataset.owner)
        .add("registered", context.time(dataset.created_at));
    let mut grants = Table::new(&["who", "may", "for", "said by", "until"]);
    for grant in &dataset.grants {
        grants.row([
            grant.principal.to_string(),
            grant.r#use.as_str().to_owned(),
            grant.purpose.clone(),
            grant.granted_by.clone(),
            grant.expires_at.map(|end| context.time(end)).unwrap_or_default(),
        ]);
    }
    format!("{head}\n{grants}")
}

fn version_text(context: &Context, version: &DatasetVersion) -> String {
    let manifest = &version.manifest;
    let words = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    let head = Facts::default()
        .add("dataset", &version.dataset)
        .add("version", version.number)
        .add("digest", version.digest)
        .add("files kept", if version.is_kept { "yes, sealed" } else { "no, digests only" })
        .maybe("rows", manifest.rows)
        .add("source", &manifest.source.kind)
        .maybe("address", manifest.source.address.as_ref())
        .maybe("commit", manifest.source.commit.as_ref())
        .maybe("warnings", words(&manifest.source.warnings))
        .maybe("licence", manifest.licence.as_ref())
        .maybe("personal data", words(&manifest.personal))
        .maybe("purposes", words(&manifest.purposes))
        .maybe("retention", manifest.retention_days.map(|days| format!("{days} days")))
        .add("registered", context.time(version.created_at));
    let mut files = Table::new(&["file", ">bytes", "digest", "md5"]);
    for file in &manifest.files {
        let md5 = file.md5.clone().unwrap_or_default();
        files.row([file.path.clone(), file.size.to_string(), file.digest.short(), md5]);
    }
    let mut columns = Table::new(&["column", "kind", ">missing", ">distinct", ">min", ">max"]);
    for column in &manifest.columns {
        let number = |n: Option<f64>| n.map(|n| n.to_string()).unwrap_or_default();
        columns.row([
            column.name.clone(),
            column.kind.clone(),
            column.missing.to_string(),
            column.distinct.map(|n| n.to_string()).unwrap_or_default(),
            number(column.min),
            number(column.max),
        ]);
    }
    if manifest.columns.is_empty() {
        format!("{head}\n{files}")
    } else {
        format!("{head}\n{files}\n{columns}")
    }
}
