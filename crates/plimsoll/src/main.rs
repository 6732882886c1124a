//! Plimsoll: a self-hosted model risk control plane. The binary: command line, settings, words.
//!
//! **Architecture invariant:** nothing depends on this crate, and it holds no rule of the
//! domain: what may be done is decided by the server, what a file means by the crates below.

/// Records are made by one thread and freed by another, which glibc's allocator answers with
/// locks: a governed decision costs a quarter more CPU with it (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod ahead;
mod cli;
mod cli_ledger;
mod cli_query;
mod client;
mod commands;
mod failure;
mod logging;
mod printer;
mod settings;

use clap::Parser;
use failure::{Exit, Failure};
use printer::{Color, Printer, Words};
use settings::Environment;
use std::process::ExitCode;

fn main() -> ExitCode {
    let (printer, result) = match (cli::Cli::try_parse(), Environment::read()) {
        (Ok(cli), Ok(environment)) => commands::run(cli, environment),
        (Err(error), _) => return usage(&error),
        (_, Err(failure)) => (plain(), Err(failure)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => exit(&printer, &failure),
    }
}

/// Help and version are answers; anything else is the user's error. clap words it itself.
fn usage(error: &clap::Error) -> ExitCode {
    let is_answer = !error.use_stderr();
    match error.print() {
        Ok(()) if is_answer => ExitCode::SUCCESS,
        _ => ExitCode::from(Exit::User as u8),
    }
}

fn exit(printer: &Printer, failure: &Failure) -> ExitCode {
    if failure.exit() != Exit::Hangup {
        printer.failure(failure);
    }
    ExitCode::from(failure.exit() as u8)
}

fn plain() -> Printer {
    Printer::new(false, Words::Normal, Color::Never, true)
}
