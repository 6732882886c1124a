//! The checks and generators of this repository: what CI runs beside the tests.
//!
//! `cargo xtask layers` and `tidy` look, `codegen` writes (or compares with `--check`), and
//! `ci` runs all of it with formatting and lints. No task changes what the product does.

mod codegen;
mod layers;
mod licences;
mod tidy;
mod workspace;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;
use workspace::{Workspace, XtaskError};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Checks and generators of this repository")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check who depends on whom against the layers, and docs/dependency-graph.txt
    Layers {
        /// Write docs/dependency-graph.txt instead of comparing it
        #[arg(long)]
        bless: bool,
    },
    /// Check headers, words, manifests, lengths, links, licences and banned packages
    Tidy,
    /// Write docs/openapi.json and docs/cli.md from the binary
    Codegen {
        /// Compare instead of writing
        #[arg(long)]
        check: bool,
    },
    /// Formatting, lints, layers, tidy and codegen --check
    Ci,
}

fn main() -> ExitCode {
    let workspace = Workspace::here();
    let findings = match Cli::parse().task {
        Task::Layers { bless } => layers::check(&workspace, bless),
        Task::Tidy => tidy::check(&workspace),
        Task::Codegen { check } => codegen::run(&workspace, check),
        Task::Ci => ci(&workspace),
    };
    match findings {
        Ok(findings) if findings.is_empty() => ExitCode::SUCCESS,
        Ok(findings) => {
            for finding in &findings {
                say(finding);
            }
            say(&format!("{} finding(s)", findings.len()));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Everything CI runs beside the tests; the cheap ones first. One that fails hides no other.
fn ci(workspace: &Workspace) -> Result<Vec<String>, XtaskError> {
    let clippy = "clippy --release --locked --workspace --all-targets -- -D warnings";
    let mut findings = passes(workspace, "fmt --all --check")?;
    findings.extend(layers::check(workspace, false)?);
    findings.extend(tidy::check(workspace)?);
    findings.extend(passes(workspace, clippy)?);
    findings.extend(codegen::run(workspace, true)?);
    Ok(findings)
}

/// Whether a cargo command succeeds; it says itself what it finds.
fn passes(workspace: &Workspace, command: &str) -> Result<Vec<String>, XtaskError> {
    let args: Vec<&str> = command.split(' ').collect();
    match workspace.cargo(&args) {
        Err(XtaskError::Failed(command)) => Ok(vec![format!("`{command}` failed: see above")]),
        other => other.map(|()| Vec::new()),
    }
}

/// One line of words for people.
fn say(line: &str) {
    // Nothing is left to do if even the message cannot be written.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}
