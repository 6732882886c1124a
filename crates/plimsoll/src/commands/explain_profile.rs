//! `plimsoll explain-profile`: what persons are told of a deployment's decisions.

use super::{Context, contract};
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::counted;
use clap::Subcommand;
use plimsoll_api::{ProfileSummary, StoredProfile};
use plimsoll_explain::{ExplainProfile, ProfileProblem, draft};
use plimsoll_types::Digest;
use serde::Serialize;
use std::path::{Path, PathBuf};

const PATH: &str = "/api/v1/explain-profiles";

/// The verbs.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Write a first explain profile for a contract
    ///
    /// Every feature gets a code and its description as label; nothing is changeable, because
    /// only people know what persons can change. Set the limit, go through the features, then
    /// check it.
    #[command(
        after_help = "Examples:\n  plimsoll explain-profile draft contract.yaml -o profile.yaml"
    )]
    Draft {
        /// The input contract
        contract: PathBuf,
        /// Write here instead of to stdout
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check an explain profile against a contract
    #[command(
        after_help = "Examples:\n  plimsoll explain-profile check profile.yaml --contract contract.yaml"
    )]
    Check {
        /// The explain profile
        profile: PathBuf,
        /// The input contract of the deployment
        #[arg(long, value_name = "FILE")]
        contract: PathBuf,
    },
    /// Store an explain profile
    #[command(after_help = "Examples:\n  plimsoll explain-profile add profile.yaml")]
    Add {
        /// The explain profile
        profile: PathBuf,
    },
    /// Show a stored explain profile
    #[command(after_help = "Examples:\n  plimsoll explain-profile show DIGEST > profile.yaml")]
    Show {
        /// Its digest
        digest: Digest,
    },
}

/// What `explain-profile check --json` prints.
#[derive(Serialize)]
struct Report {
    features: usize,
    problems: Vec<Place>,
}

/// One thing that is wrong, and where.
#[derive(Serialize)]
struct Place {
    path: String,
    message: String,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Draft { contract, output } => {
            let profile = draft(&contract::read(&contract)?);
            let text = profile.to_yaml().map_err(|error| Failure::ours(error.to_string()))?;
            match output {
                Some(path) => {
                    fs_err::write(&path, text)?;
                    context.printer.note(&format!("wrote {}", path.display()));
                }
                None if context.printer.is_json() => context.printer.json(&profile)?,
                None => context.printer.data(&text)?,
            }
            context.printer.hint("set the limit and what persons can change, then check it");
            Ok(())
        }
        Verb::Check { profile, contract } => check(context, &profile, &contract),
        Verb::Add { profile } => {
            let stored = store(context, &context.client()?, &profile)?;
            context.printer.show(&stored, |stored| format!("{}\n", stored.digest))
        }
        Verb::Show { digest } => {
            let found: StoredProfile = context.client()?.get(&format!("{PATH}/{digest}"), &())?;
            if context.printer.is_json() {
                return context.printer.json(&found);
            }
            let text = found.profile.to_yaml().map_err(|error| Failure::ours(error.to_string()))?;
            context.printer.data(&text)
        }
    }
}

/// The digest of a stored profile: as given, or of the file given, which is stored first.
pub(super) fn stored(context: &Context, client: &Client, text: &str) -> Result<Digest, Failure> {
    match text.parse() {
        Ok(digest) => Ok(digest),
        Err(_) => Ok(store(context, client, text.as_ref())?.digest),
    }
}

fn store(context: &Context, client: &Client, path: &Path) -> Result<ProfileSummary, Failure> {
    let stored: ProfileSummary = client.post(PATH, &read(path)?)?;
    let known = if stored.existed { "was stored before" } else { "stored" };
    context.printer.note(&format!(
        "explain profile {} {known}, {}",
        stored.digest.short(),
        counted(stored.features, "feature")
    ));
    Ok(stored)
}

/// Reads a profile: JSON if the file is called so, else YAML.
pub(super) fn read(path: &Path) -> Result<ExplainProfile, Failure> {
    let bytes = fs_err::read(path)?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let profile = if is_json {
        ExplainProfile::from_json(&bytes)
    } else {
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::user(format!("`{}` is not UTF-8", path.display())))?;
        ExplainProfile::from_yaml(&text)
    };
    profile
        .map_err(|error| Failure::user(error.to_string()).within(&format!("`{}`", path.display())))
}

fn check(context: &Context, profile: &Path, contract: &Path) -> Result<(), Failure> {
    let document = read(profile)?;
    let problems = document.check(&contract::read(contract)?);
    let report = Report {
        features: document.features.len(),
        problems: problems.iter().map(place).collect(),
    };
    context.printer.show(&report, |report| {
        report.problems.iter().map(|one| format!("{}: {}\n", one.path, one.message)).collect()
    })?;
    if problems.is_empty() {
        context.printer.note("the explain profile fits the contract");
        return Ok(());
    }
    let count = u64::try_from(problems.len()).unwrap_or(u64::MAX);
    Err(Failure::user(format!("the explain profile has {}", counted(count, "problem"))))
}

fn place(problem: &ProfileProblem) -> Place {
    Place { path: problem.path.clone(), message: problem.message.clone() }
}
