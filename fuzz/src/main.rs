//! A fuzzer for every parser of hostile input, on stable Rust and without instrumentation.
//!
//! `corpus` replays the committed inputs of `fuzz/corpus/<target>/`. `run` mutates them: blindly,
//! by splicing two of them, and with words of the target's own language. It keeps an input when
//! the target behaves in a way not seen before (see [`signature`]), so that the next mutation
//! starts from there; it catches panics and watches the peak of memory. What it learns and what
//! crashes stays in a state folder, so that the next run goes on from it.
//!
//! What is fuzzed is in [`targets`]; nothing else here knows a format.

mod artifact;
mod engine;
mod identity;
mod lineage;
mod memory;
mod mlflow;
mod mutate;
mod outbound;
mod scan;
mod signature;
mod state;
mod targets;
mod tlog;
mod upstream;

use clap::{Parser, Subcommand};
use engine::{Budget, Outcome};
use state::State;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use targets::{TARGETS, Target};

#[derive(Parser)]
#[command(name = "plimsoll-fuzz", about = "Feeds hostile input to Plimsoll's parsers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Name the targets
    List,
    /// Replay every committed input of every target
    Corpus,
    /// Fuzz a target, or all of them one after the other
    Run {
        /// A target's name, or `all`
        target: String,
        /// Seconds for each target
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// Where the sequence of mutations starts
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// What is kept between runs: inputs that behaved in new ways, and crashes
        #[arg(long, default_value = ".cache/fuzz")]
        state: PathBuf,
    },
    /// Give one file to a target, and let it crash
    Replay {
        /// The target
        target: String,
        /// The input
        file: PathBuf,
    },
}

/// Why the fuzzer itself could not work.
#[derive(Debug, thiserror::Error)]
enum FuzzError {
    /// No such target.
    #[error("there is no target `{0}`; see `plimsoll-fuzz list`")]
    NoTarget(String),
    /// A file could not be read or written.
    #[error(transparent)]
    File(#[from] std::io::Error),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing crashed.
fn run(command: Command) -> Result<bool, FuzzError> {
    match command {
        Command::List => {
            TARGETS.iter().for_each(|target| say(target.name));
            Ok(true)
        }
        Command::Corpus => {
            quiet_panics();
            each(TARGETS, engine::replay)
        }
        Command::Run { target, seconds, seed, state } => {
            quiet_panics();
            let budget = Budget { time: Duration::from_secs(seconds), seed };
            let chosen =
                if target == "all" { TARGETS } else { std::slice::from_ref(find(&target)?) };
            each(chosen, |target| engine::run(target, budget, &State::open(&state, target.name)?))
        }
        Command::Replay { target, file } => {
            let input = fs_err::read(file)?;
            (find(&target)?.run)(&input);
            Ok(true)
        }
    }
}

fn each(
    targets: &[Target],
    mut task: impl FnMut(&Target) -> Result<Outcome, std::io::Error>,
) -> Result<bool, FuzzError> {
    let mut is_clean = true;
    for target in targets {
        let outcome = task(target)?;
        say(&format!("{:<20} {outcome}", target.name));
        is_clean &= outcome.crashes.is_empty();
    }
    Ok(is_clean)
}

fn find(name: &str) -> Result<&'static Target, FuzzError> {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.ok_or_else(|| FuzzError::NoTarget(name.to_owned()))
}

/// A crash is told once, with its input; the default message would come thousands of times.
fn quiet_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}

fn say(line: &str) {
    // Nothing is left to do if even the message cannot be written.
    drop(writeln!(std::io::stderr().lock(), "{line}"));
}

#[cfg(test)]
mod tests;
