//! `plimsoll run import-dvc`: the stages of a DVC pipeline as OpenLineage's events. It reads
//! `dvc.lock` as it stands and runs nothing.

use super::Context;
use super::dataset_dvc::{Repo, malformed, text};
use crate::failure::Failure;
use crate::printer::Table;
use aws_lc_rs::digest::{Context as Hash, SHA256, digest};
use clap::Args;
use fs_err as fs;
use plimsoll_api::Timestamp;
use plimsoll_dvc::{Hash as Sum, Lock, LockedStage, Md5Hasher, Output};
use plimsoll_types::Clock as _;
use plimsoll_types::digest::hex;
use serde_json::{Value, json};
use std::io::Read as _;
use std::path::{Path, PathBuf};

const PRODUCER: &str = "https://github.com/plimsoll/plimsoll";
const FACET: &str = "https://github.com/plimsoll/plimsoll/blob/main/docs/lineage.md#facets";
const VERSION_FACET: &str = "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet";
const SOURCE_FACET: &str = "https://openlineage.io/spec/facets/1-0-1/SourceCodeLocationJobFacet.json#/$defs/SourceCodeLocationJobFacet";
/// Bytes of a file that are read at once.
const PIECE: usize = 1 << 20;

/// Options of `run import-dvc`.
#[derive(Args, Debug)]
pub(crate) struct ImportDvc {
    /// The folder of `dvc.lock`
    folder: PathBuf,
    /// What the pipeline's stages and files are named under [default: dvc, and the folder's name]
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

/// Runs the command.
pub(super) fn run(context: &Context, args: &ImportDvc) -> Result<(), Failure> {
    let path = args.folder.join("dvc.lock");
    let repo = Repo::around(&path)?;
    let lock = Lock::read(&text(&path)?, repo.folder()).map_err(malformed)?;
    let namespace = args.namespace.clone().unwrap_or_else(|| format!("dvc:{}", repo.title()));
    let client = context.client()?;
    let time = Timestamp(context.clock.now());
    let mut told = Vec::new();
    for (name, stage) in &lock.stages {
        let event = event(&repo, &namespace, name, stage, time)?;
        client.post_empty("/api/v1/lineage", &event)?;
        told.push(json!({
            "stage": name, "run": event["run"]["runId"],
            "inputs": event["inputs"].as_array().map_or(0, Vec::len),
            "outputs": event["outputs"].as_array().map_or(0, Vec::len),
        }));
    }
    context.printer.show(&told, |told| {
        let mut table = Table::new(&["stage", "run", ">read", ">made"]);
        let word = |of: &Value, name: &str| match of.get(name) {
            Some(Value::String(text)) => text.clone(),
            other => other.map(ToString::to_string).unwrap_or_default(),
        };
        for one in told {
            table.row(["stage", "run", "inputs", "outputs"].map(|name| word(one, name)));
        }
        table.to_string()
    })
}

fn event(
    repo: &Repo,
    namespace: &str,
    name: &str,
    stage: &LockedStage,
    time: Timestamp,
) -> Result<Value, Failure> {
    let commit = repo.commit();
    let data = |list: &[Output]| -> Result<Vec<Value>, Failure> {
        let mut found = Vec::new();
        for output in list {
            named(repo, namespace, output, &mut found)?;
        }
        Ok(found)
    };
    let (inputs, outputs) = (data(&stage.inputs)?, data(&stage.outputs)?);
    // The same stage of the same bytes is the same run, however often it is told.
    let same = json!([namespace, name, commit, stage.command, inputs, outputs]).to_string();
    let source = commit.map(|commit| {
        json!({"_producer": PRODUCER, "_schemaURL": SOURCE_FACET, "type": "git",
               "url": format!("file:{}", repo.title()), "version": commit})
    });
    let mut job = json!({"namespace": namespace, "name": name, "facets": {
        "plimsoll_command": {"_producer": PRODUCER, "_schemaURL": FACET, "command": stage.command},
    }});
    if let Some(source) = source {
        job["facets"]["sourceCodeLocation"] = source;
    }
    Ok(json!({
        "eventTime": time, "producer": PRODUCER, "schemaURL": plimsoll_lineage::SCHEMA_URL,
        "eventType": "COMPLETE",
        "run": {"runId": uuid(&same), "facets": {"plimsoll_parameters": {
            "_producer": PRODUCER, "_schemaURL": FACET, "parameters": stage.parameters}}},
        "job": job, "inputs": inputs, "outputs": outputs,
    }))
}

/// The files behind an entry of the lock. What is at hand with the right sum has a SHA-256.
fn named(
    repo: &Repo,
    namespace: &str,
    output: &Output,
    found: &mut Vec<Value>,
) -> Result<(), Failure> {
    let mut files = Vec::new();
    let at_hand = repo.output(output, &mut files, &mut Vec::new()).is_ok();
    let one = |path: &str, version: Option<String>| {
        let mut one = json!({"namespace": namespace, "name": path});
        if let Some(version) = version {
            one["facets"] = json!({"version": {"_producer": PRODUCER, "_schemaURL": VERSION_FACET,
                                               "datasetVersion": version}});
        }
        one
    };
    if !at_hand || files.is_empty() {
        let sum = match &output.hash {
            Some(Sum::File(sum)) => Some(format!("md5:{sum}")),
            Some(Sum::Folder(sum)) => Some(format!("md5:{sum}.dir")),
            _ => None,
        };
        found.push(one(&output.path, sum));
        return Ok(());
    }
    let is_folder = matches!(output.hash, Some(Sum::Folder(_)));
    for file in files {
        let (sha, md5) = sums(&file.place)?;
        let rest = file.path.split_once('/').map_or("", |(_, rest)| rest);
        let path = if is_folder { format!("{}/{rest}", output.path) } else { output.path.clone() };
        let is_it = file.sum.is_none_or(|sum| sum.to_string() == md5);
        let version = if is_it {
            Some(format!("sha256:{sha}"))
        } else {
            file.sum.map(|sum| format!("md5:{sum}"))
        };
        found.push(one(&path, version));
    }
    Ok(())
}

/// SHA-256 and MD5 of a file.
fn sums(path: &Path) -> Result<(String, String), Failure> {
    let (mut sha, mut md5) = (Hash::new(&SHA256), Md5Hasher::default());
    let mut file = fs::File::open(path)?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            return Ok((hex(sha.finish().as_ref()), md5.finish().to_string()));
        }
        let bytes = piece.get(..read).unwrap_or_default();
        sha.update(bytes);
        md5.update(bytes);
    }
}

/// A UUID of version 8 (RFC 9562 §5.8) of a text's digest.
fn uuid(text: &str) -> String {
    let all = hex(digest(&SHA256, text.as_bytes()).as_ref());
    let part = |from: usize, to: usize| all.get(from..to).unwrap_or_default();
    format!("{}-{}-8{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}
