//! `plimsoll gate`: may this version be promoted? From a file of evidence, for pipelines.
//!
//! It reads and writes files; what passes is decided in `plimsoll-release`.

use super::Context;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_release::gate::{CaseFile, GateResult};
use plimsoll_release::report;
use plimsoll_types::Clock as _;
use std::path::PathBuf;

/// The largest case: ten thousand results of a kilobyte.
const FILE_MAX: u64 = 16 << 20;

/// Verbs of gate.
#[derive(Subcommand, Debug)]
pub(crate) enum Gate {
    /// Judge a version by the evidence in a file; exit code 2 if it may not be promoted
    ///
    /// The file is JSON: `deployment`, `artifact` (its SHA-256), `assessment` (what `plimsoll
    /// assess --json` printed), `declared` (the checks there are), `results` (what came of them)
    /// and `exceptions`. A result counts only for this artifact, by this version of its check, and
    /// as long as the check says; what was never checked does not pass.
    #[command(after_help = "\
Examples:
  plimsoll gate judge case.json
  plimsoll gate judge case.json --junit gate.xml --sarif gate.sarif --markdown gate.md
  plimsoll gate judge case.json --json | jq .reasons")]
    Judge(Judge),
}

/// Options of `gate judge`.
#[derive(Args, Debug)]
pub(crate) struct Judge {
    /// The evidence, as JSON
    file: PathBuf,
    /// Write the result as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write the result as SARIF 2.1.0
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
    /// Write the result as Markdown
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Gate) -> Result<(), Failure> {
    match verb {
        Gate::Judge(args) => judge(context, &args),
    }
}

fn judge(context: &Context, args: &Judge) -> Result<(), Failure> {
    let name = args.file.display();
    if fs::metadata(&args.file)?.len() > FILE_MAX {
        return Err(Failure::user(format!("`{name}` is larger than 16 MiB")));
    }
    let text = fs::read_to_string(&args.file)?;
    let case: CaseFile = serde_json::from_str(&text)
        .map_err(|e| Failure::user(format!("`{name}` holds no case for a gate")).because(e))?;
    let result = case.judge(context.clock.now());
    if let Some(path) = &args.junit {
        fs::write(path, report::junit(&result))?;
    }
    if let Some(path) = &args.sarif {
        fs::write(path, format!("{:#}\n", report::sarif(&result)))?;
    }
    if let Some(path) = &args.markdown {
        fs::write(path, report::markdown(&result))?;
    }
    context.printer.show(&result, GateResult::explain)?;
    if result.is_passed {
        Ok(())
    } else {
        Err(Failure::no(format!("gate not passed: {}", result.reasons.join("; "))))
    }
}
