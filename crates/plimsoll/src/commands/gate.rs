//! `plimsoll gate`: may this version be promoted? By a server, or from a file of evidence.
//!
//! It asks, reads and writes files; what passes is decided in `plimsoll-release`.

use super::{Context, gate_server};
use crate::cli::Paged;
use crate::failure::Failure;
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_release::gate::{CaseFile, GateResult};
use plimsoll_release::report;
use plimsoll_types::{Clock as _, GovernanceId, Name};
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
    /// Run every check on a version and judge its gate; exit code 2 if it is not passed
    ///
    /// The server runs its own checks. Checks of your own (the plan's plug-ins) run here: a command
    /// gets a JSON object on its input and answers with one, an address is posted to; what they
    /// find is kept with the rest.
    #[command(after_help = "\
Examples:
  plimsoll gate run credit-default --version 3
  plimsoll gate run credit-default --version 3 --junit gate.xml --sarif gate.sarif --markdown gate.md
  plimsoll gate run credit-default --version 3 --contract next.yaml

A plug-in is given {\"deployment\": …, \"version\": …, \"artifact\": …} and answers
{\"verdict\": \"pass\", \"says\": \"no component is known to be vulnerable\"}; `fail`, `not_applicable` (says by
which rule) and `not_evaluable` are the other verdicts. One that ends with an error is not evaluable.")]
    Run(Of),
    /// May a version be released now? Gate, approvals, and what is missing; exit code 2 if not
    #[command(after_help = "\
Examples:
  plimsoll gate show credit-default --version 3
  plimsoll gate show credit-default --version 3 --markdown gate.md")]
    Show(Of),
    /// Every demand, what it rests on, and who demands it; exit code 2 if the gate is not passed
    #[command(after_help = "Examples:\n  plimsoll gate explain credit-default --version 3")]
    Explain(Of),
    /// List gate results of a deployment, newest first
    #[command(after_help = "Examples:\n  plimsoll gate list credit-default --limit 10")]
    List {
        /// The deployment
        deployment: Name,
        #[command(flatten)]
        paged: Paged,
    },
    /// Approve that a version answers: signed here, by a key of your own
    ///
    /// You prove with the same key that you are there now; the server takes it within five minutes.
    /// The approval is bound to the artifact and to the gate result: any change voids it.
    #[command(after_help = "\
Examples:
  plimsoll gate approve credit-default --version 3 --sign-with ada.key")]
    Approve {
        /// The deployment
        deployment: Name,
        /// The number of the version
        #[arg(long, value_name = "N")]
        version: u32,
        /// Under this contract (a file, or a digest): consent to a change of it
        #[arg(long, value_name = "CONTRACT")]
        contract: Option<String>,
        /// The file of your secret key
        #[arg(long, value_name = "FILE")]
        sign_with: PathBuf,
    },
    /// Declare what a deployment's gate looks at, from a file, or show it
    #[command(after_help = "\
Examples:
  plimsoll gate plan credit-default
  plimsoll gate plan credit-default plan.toml

  purpose = \"consumer credit\"
  on_call = \"risk-oncall\"
  threshold = 0.5
  auroc_floor = 0.7
  [[plugins]]
  name = \"bom.audit\"
  version = 1
  proves = \"VUL-01\"
  max_age_s = 604800
  command = [\"./audit.sh\"]")]
    Plan {
        /// The deployment
        deployment: Name,
        /// The plan, TOML, YAML or JSON
        file: Option<PathBuf>,
    },
    /// Keep rows with their outcomes, sealed, which checks run versions on
    #[command(after_help = "\
Examples:
  plimsoll gate evaluation credit-default rows.json

  {\"rows\": [{\"age\": 41}], \"outcomes\": [false], \"groups\": [\"a\"], \"golden\": {\"3\": [0.12]}}")]
    Evaluation {
        /// The deployment
        deployment: Name,
        /// The rows, as JSON
        file: PathBuf,
    },
    /// State what only a person can know: signed here, by a key of your own; it ends by itself
    Attest(Box<super::gate_attest::Attest>),
    /// What people stated of a deployment, and what they may state
    Attestations(super::gate_attest::Attestations),
    /// Put a demand off for a time: ask, allow, end, list
    #[command(subcommand)]
    Exception(Exception),
    /// Let a version be released past its gate for a while. It is loud, and has to be reviewed
    #[command(after_help = "\
Examples:
  plimsoll gate break-glass credit-default --for 2h --reason \"every answer fails, incident 4711\"
  plimsoll gate break-glass credit-default --review 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911")]
    BreakGlass {
        /// The deployment
        deployment: Name,
        /// Why
        #[arg(long, required_unless_present = "review", requires = "for")]
        reason: Option<String>,
        /// For how long, at most 72h
        #[arg(long = "for", id = "for", value_name = "TIME")]
        lasts: Option<String>,
        /// Say that you looked at what was done behind this one
        #[arg(long, value_name = "ID", conflicts_with = "reason")]
        review: Option<GovernanceId>,
    },
}

/// Verbs of exceptions.
#[derive(Subcommand, Debug)]
pub(crate) enum Exception {
    /// Ask for one; it counts once somebody else allows it
    #[command(after_help = "\
Examples:
  plimsoll gate exception ask credit-default DOC-01 --owner ada --compensating RSK-01 \\
      --for 30d --reason \"the model card is being translated\"")]
    Ask {
        /// The deployment
        deployment: Name,
        /// The demand that is put off
        check: String,
        /// Who answers for it
        #[arg(long)]
        owner: String,
        /// The demand that makes up for it meanwhile
        #[arg(long, value_name = "CHECK")]
        compensating: String,
        /// For how long, at most 180d
        #[arg(long = "for", value_name = "TIME")]
        lasts: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Allow one that somebody else asked for
    #[command(
        after_help = "Examples:\n  plimsoll gate exception allow credit-default 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Allow {
        /// The deployment
        deployment: Name,
        /// The exception
        id: GovernanceId,
    },
    /// End one before its time
    #[command(
        after_help = "Examples:\n  plimsoll gate exception end credit-default 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    End {
        /// The deployment
        deployment: Name,
        /// The exception
        id: GovernanceId,
    },
    /// List those of a deployment
    #[command(after_help = "Examples:\n  plimsoll gate exception list credit-default")]
    List {
        /// The deployment
        deployment: Name,
    },
}

/// A version in a deployment, and where the result is written to.
#[derive(Args, Debug)]
pub(crate) struct Of {
    /// The deployment
    pub(super) deployment: Name,
    /// The number of the version
    #[arg(long, value_name = "N")]
    pub(super) version: u32,
    /// Under this contract (a file, or a digest) in place of the deployment's own: before it is
    /// changed to it
    #[arg(long, value_name = "CONTRACT")]
    pub(super) contract: Option<String>,
    #[command(flatten)]
    pub(super) files: Files,
}

/// Files that a gate result is written to.
#[derive(Args, Debug)]
pub(crate) struct Files {
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

impl Files {
    /// Writes the result to each file that is named.
    pub(super) fn write(&self, result: &GateResult) -> Result<(), Failure> {
        if let Some(path) = &self.junit {
            fs::write(path, report::junit(result))?;
        }
        if let Some(path) = &self.sarif {
            fs::write(path, format!("{:#}\n", report::sarif(result)))?;
        }
        if let Some(path) = &self.markdown {
            fs::write(path, report::markdown(result))?;
        }
        Ok(())
    }
}

/// Options of `gate judge`.
#[derive(Args, Debug)]
pub(crate) struct Judge {
    /// The evidence, as JSON
    file: PathBuf,
    #[command(flatten)]
    files: Files,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Gate) -> Result<(), Failure> {
    match verb {
        Gate::Judge(args) => judge(context, &args),
        Gate::Attest(args) => super::gate_attest::attest(context, &args),
        Gate::Attestations(args) => super::gate_attest::list(context, &args),
        other => gate_server::run(context, other),
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
    args.files.write(&result)?;
    context.printer.show(&result, GateResult::explain)?;
    verdict(&result)
}

/// Exit code 2 of a gate that is not passed.
pub(super) fn verdict(result: &GateResult) -> Result<(), Failure> {
    if result.is_passed {
        Ok(())
    } else {
        Err(Failure::no(format!("gate not passed: {}", result.reasons.join("; "))))
    }
}
