//! `plimsoll run`: repeats a run from what it declared, and tells of the runs of a DVC pipeline.

use super::{Context, run_dvc};
use crate::client::{Client, escape};
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use aws_lc_rs::digest::{SHA256, digest};
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_artifact::FilePath;
use plimsoll_types::{Clock as _, Digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// What a run declares in order to be repeated, among its artifacts.
const DECLARATION: &str = "plimsoll-run.json";
/// Inputs or outputs of one run.
const MAX_FILES: usize = 10_000;
/// Where programs are looked for: nothing of the caller's environment is passed on.
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// How often it is looked whether the command ended.
const LOOK: Duration = Duration::from_millis(20);

/// Verbs of runs.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Run a run's declared command again in a clean folder, and compare what comes of it
    ///
    /// The run declares command, inputs, outputs and tolerances in its artifact
    /// `plimsoll-run.json`. The command is shown, and runs only with `--yes`: it is code of whoever
    /// logged the run. It gets the declared inputs, an empty environment but for `--env`, and no
    /// more. Exit code 2 if digests differ or a metric is out of its tolerance.
    #[command(after_help = "\
Examples:
  plimsoll run reproduce 0190b5a16c2f7d3e8f4a5b6c7d8e9f01
  plimsoll run reproduce 0190b5a16c2f7d3e8f4a5b6c7d8e9f01 --yes --env PYTHONHASHSEED=0 --json")]
    Reproduce(Reproduce),
    /// Tell of the stages of a DVC pipeline what they read and made, as runs of OpenLineage's
    ///
    /// Every file that is at hand and has the sum of `dvc.lock` is named by its SHA-256, so that
    /// registered datasets and versions are met; the others by DVC's own sum.
    #[command(after_help = "\
Examples:
  plimsoll run import-dvc .
  plimsoll run import-dvc ./repo --namespace credit-models")]
    ImportDvc(run_dvc::ImportDvc),
}

/// Options of `run reproduce`.
#[derive(Args, Debug)]
pub(crate) struct Reproduce {
    /// The run's id
    run: String,
    /// Run the declared command: you trust whoever logged it
    #[arg(long)]
    yes: bool,
    /// A variable for the command; may be given several times
    #[arg(long = "env", value_name = "NAME=VALUE")]
    variables: Vec<String>,
    /// Seconds after which the command is ended
    #[arg(long, value_name = "SECONDS", default_value = "3600")]
    timeout: u64,
    /// Keep the folder in which it ran
    #[arg(long)]
    keep: bool,
}

/// A path that stays within its folder.
#[derive(Deserialize, Debug)]
#[serde(try_from = "String")]
struct Plain(FilePath);

impl TryFrom<String> for Plain {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: plimsoll_artifact::PathError| error.to_string())
    }
}

impl Plain {
    fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// What a run declares.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Declaration {
    /// The program and its arguments; no shell is between.
    command: Vec<String>,
    #[serde(default)]
    inputs: Vec<Input>,
    #[serde(default)]
    outputs: Vec<Output>,
    #[serde(default)]
    metrics: Option<Metrics>,
}

/// A file that the command reads: an artifact of the run, or a file of a registered dataset.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Input {
    path: Plain,
    #[serde(default)]
    artifact: Option<Plain>,
    #[serde(default)]
    dataset: Option<String>,
    #[serde(default)]
    file: Option<Plain>,
    #[serde(default)]
    purpose: Option<String>,
}

/// A file that the command makes, bit by bit the same.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Output {
    path: Plain,
    digest: Digest,
}

/// Numbers that the command writes, as one object of JSON; each is compared with the run's metric
/// of that name.
#[derive(Deserialize, Debug)]
#[serde(deny_unknown_fields)]
struct Metrics {
    file: Plain,
    /// How far a number may be from the recorded one, by name.
    tolerance: BTreeMap<String, f64>,
}

#[derive(Serialize, Debug)]
struct Compared {
    run: String,
    is_reproduced: bool,
    outputs: Vec<ComparedOutput>,
    metrics: Vec<ComparedMetric>,
}

#[derive(Serialize, Debug)]
struct ComparedOutput {
    path: String,
    declared: Digest,
    made: Option<Digest>,
}

#[derive(Serialize, Debug)]
struct ComparedMetric {
    name: String,
    recorded: Option<f64>,
    made: Option<f64>,
    tolerance: f64,
    is_within: bool,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Reproduce(args) => reproduce(context, &args),
        Verb::ImportDvc(args) => run_dvc::run(context, &args),
    }
}

fn reproduce(context: &Context, args: &Reproduce) -> Result<(), Failure> {
    let client = context.client()?;
    let query = serde_json::json!({"run_id": args.run});
    let run: Value = client.get("/api/2.0/mlflow/runs/get", &query)?;
    let place = run.pointer("/run/info/artifact_uri").and_then(Value::as_str).unwrap_or_default();
    let place = FilePath::from_source(place)
        .ok_or_else(|| Failure::user("the run's artifacts are not kept here"))?;
    let declared = client.bytes(&artifact(&place, DECLARATION)).map_err(|failure| {
        if failure.status() == Some(404) {
            Failure::user(format!("the run declares nothing: it has no artifact `{DECLARATION}`"))
                .hint("docs/lineage.md says what to log")
        } else {
            failure
        }
    })?;
    let declared: Declaration = serde_json::from_slice(&declared)
        .map_err(|error| Failure::user(format!("`{DECLARATION}` is malformed: {error}")))?;
    check(&declared)?;
    if !args.yes {
        return Err(Failure::user(format!("it would run {:?}", declared.command))
            .hint("pass --yes if you trust whoever logged the run"));
    }
    let folder = tempfile::Builder::new()
        .prefix("plimsoll-run-")
        .disable_cleanup(args.keep)
        .tempdir()
        .map_err(|error| Failure::ours("no folder could be made").because(error))?;
    if args.keep {
        context.printer.note(&format!("it runs in {}", folder.path().display()));
    }
    for input in &declared.inputs {
        fetch(&client, &place, input, folder.path())?;
    }
    let status = carry_out(context, args, &declared.command, folder.path())?;
    if !status.success() {
        return Err(Failure::no(format!("the command failed: {status}")));
    }
    let compared = compare(&args.run, &declared, &run, folder.path())?;
    context.printer.show(&compared, text)?;
    if compared.is_reproduced { Ok(()) } else { Err(Failure::no("the run is not reproduced")) }
}

fn check(declared: &Declaration) -> Result<(), Failure> {
    let wrong = |what: &str| Err(Failure::user(format!("`{DECLARATION}` {what}")));
    if declared.command.is_empty() {
        return wrong("names no command");
    }
    if declared.inputs.len() > MAX_FILES || declared.outputs.len() > MAX_FILES {
        return wrong("names too many files");
    }
    if declared.outputs.is_empty() && declared.metrics.is_none() {
        return wrong("names nothing to compare");
    }
    let is_one = |input: &Input| input.artifact.is_some() != input.dataset.is_some();
    if !declared.inputs.iter().all(is_one) {
        return wrong("has an input that is not either an `artifact` or of a `dataset`");
    }
    let tolerances = declared.metrics.iter().flat_map(|metrics| metrics.tolerance.values());
    if tolerances.into_iter().any(|t| !(t.is_finite() && *t >= 0.0)) {
        return wrong("has a tolerance that is no number from 0 on");
    }
    Ok(())
}

fn artifact(place: &FilePath, path: &str) -> String {
    let parts: Vec<String> = format!("{place}/{path}").split('/').map(escape).collect();
    format!("/api/2.0/mlflow-artifacts/artifacts/{}", parts.join("/"))
}

fn fetch(client: &Client, place: &FilePath, input: &Input, to: &Path) -> Result<(), Failure> {
    let path = match (&input.artifact, &input.dataset) {
        (Some(path), _) => artifact(place, path.as_str()),
        (None, Some(dataset)) => {
            let (name, number) = dataset
                .rsplit_once('/')
                .ok_or_else(|| Failure::user("a dataset is named `name/number`"))?;
            let file = input.file.as_ref().unwrap_or(&input.path).as_str();
            let file: Vec<String> = file.split('/').map(escape).collect();
            let purpose = input.purpose.as_deref().unwrap_or_default();
            format!(
                "/api/v1/datasets/{}/versions/{}/files/{}?use=train&purpose={}",
                escape(name),
                escape(number),
                file.join("/"),
                escape(purpose)
            )
        }
        (None, None) => return Err(Failure::user("an input has no source")),
    };
    let target = inside(to, &input.path)?;
    let bytes = client.bytes(&path).map_err(|failure| failure.within(input.path.as_str()))?;
    Ok(fs::write(target, bytes)?)
}

/// The path within the folder, whose folders are made.
fn inside(folder: &Path, path: &Plain) -> Result<PathBuf, Failure> {
    let target = folder.join(path.as_str());
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(target)
}

fn carry_out(
    context: &Context,
    args: &Reproduce,
    command: &[String],
    folder: &Path,
) -> Result<ExitStatus, Failure> {
    let (program, rest) =
        command.split_first().ok_or_else(|| Failure::user("there is no command"))?;
    let mut started = Command::new(program);
    started.args(rest).current_dir(folder).env_clear().env("PATH", PATH).env("HOME", folder);
    for variable in &args.variables {
        let (name, value) =
            variable.split_once('=').ok_or_else(|| Failure::user("`--env` takes NAME=VALUE"))?;
        started.env(name, value);
    }
    // Data goes to stdout: what the command says is words.
    started.stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
    let mut child = started
        .spawn()
        .map_err(|error| Failure::user(format!("`{program}` cannot be run")).because(error))?;
    let end = context.clock.monotonic().saturating_add(args.timeout.saturating_mul(1_000_000_000));
    loop {
        if let Some(status) = child.try_wait().map_err(Failure::output)? {
            return Ok(status);
        }
        if context.clock.monotonic() >= end {
            drop(child.kill());
            drop(child.wait());
            return Err(Failure::no(format!("the command did not end in {} s", args.timeout)));
        }
        std::thread::sleep(LOOK);
    }
}

fn compare(
    run: &str,
    declared: &Declaration,
    recorded: &Value,
    folder: &Path,
) -> Result<Compared, Failure> {
    let mut outputs = Vec::new();
    for output in &declared.outputs {
        let path = folder.join(output.path.as_str());
        // A link could lead to what was there before.
        let is_file = fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
        let made = if is_file { Some(sha256(&fs::read(&path)?)) } else { None };
        outputs.push(ComparedOutput {
            path: output.path.as_str().to_owned(),
            declared: output.digest,
            made,
        });
    }
    let mut metrics = Vec::new();
    if let Some(wanted) = &declared.metrics {
        let text = fs::read(folder.join(wanted.file.as_str())).unwrap_or_default();
        let made: Value = serde_json::from_slice(&text).unwrap_or_default();
        for (name, tolerance) in &wanted.tolerance {
            let (was, is) = (metric(recorded, name), made.get(name).and_then(Value::as_f64));
            let is_within = was.zip(is).is_some_and(|(was, is)| (was - is).abs() <= *tolerance);
            metrics.push(ComparedMetric {
                name: name.clone(),
                recorded: was,
                made: is,
                tolerance: *tolerance,
                is_within,
            });
        }
    }
    let is_reproduced = outputs.iter().all(|output| output.made == Some(output.declared))
        && metrics.iter().all(|metric| metric.is_within);
    Ok(Compared { run: run.to_owned(), is_reproduced, outputs, metrics })
}

fn metric(run: &Value, name: &str) -> Option<f64> {
    let all = run.pointer("/run/data/metrics")?.as_array()?;
    let found =
        all.iter().find(|metric| metric.get("key").and_then(Value::as_str) == Some(name))?;
    found.get("value")?.as_f64()
}

fn sha256(bytes: &[u8]) -> Digest {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    Digest::from_bytes(out)
}

fn text(compared: &Compared) -> String {
    let head = Facts::default()
        .add("run", &compared.run)
        .add("reproduced", if compared.is_reproduced { "yes" } else { "no" });
    let mut table = Table::new(&["what", "recorded", "made again", "same"]);
    for output in &compared.outputs {
        let made = output.made.map_or("nothing".to_owned(), |digest| digest.short());
        let same = if output.made == Some(output.declared) { "yes" } else { "no" };
        table.row([output.path.clone(), output.declared.short(), made, same.into()]);
    }
    for metric in &compared.metrics {
        let shown = |value: Option<f64>| value.map_or("nothing".to_owned(), |v| v.to_string());
        let same = if metric.is_within { "within" } else { "no" };
        let same = format!("{same} {}", metric.tolerance);
        table.row([metric.name.clone(), shown(metric.recorded), shown(metric.made), same]);
    }
    format!("{head}\n{table}")
}
