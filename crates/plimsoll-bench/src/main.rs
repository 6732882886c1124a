//! Measures, and prints one line of JSON.
//!
//! `load` is a load generator for one HTTP/1.1 endpoint: fixed requests in turn over kept-alive
//! connections, as fast as answers come (closed loop) or at a constant rate of arrival (open
//! loop), on one thread, so that it takes little of the cores it shares. It prints statuses,
//! throughput, latency, and the CPU time of the processes under test, and must not know what it
//! asks for or what the answers mean.
//!
//! `explain` is what explanations of a model cost, on one thread.
//!
//! `ledger` is what durable records cost, and what a bare loop of write and sync does.
//!
//! `watch` is what a monitor adds to a decision: counting its values between frozen edges.
//!
//! `lake` fills a ledger through its own write path and measures decision tables.

mod cpu;
mod explain;
mod http;
mod lake;
mod latency;
mod ledger;
mod load;
mod watch;

use clap::{Args, Parser, Subcommand};
use http::{Request, Target};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Bytes of all requests together: a few thousand bodies of some KiB, held in memory.
const MAX_REQUEST_BYTES: usize = 256 << 20;

#[derive(Parser)]
#[command(name = "plimsoll-bench", about = "Measures and prints one line of JSON")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Send requests for some seconds and print what came of it as JSON.
    Load(LoadArgs),
    /// Explain rows with exact SHAP values and print what that cost as JSON.
    Explain(explain::ExplainArgs),
    /// Write durable records, or as many bytes without a ledger, and print what that cost as JSON.
    Ledger(ledger::LedgerArgs),
    /// Fill a ledger with decisions, derive their tables, ask them, and print the figures as JSON.
    Lake(lake::LakeArgs),
    /// Count decisions as a monitor does and print what one costs as JSON.
    Watch(watch::WatchArgs),
}

#[derive(Args)]
struct LoadArgs {
    /// Where to send: http://host:port/path. TLS is not spoken.
    #[arg(long)]
    url: String,
    /// A file with one body per line, sent in turn by POST. Without it: GET.
    #[arg(long)]
    bodies: Option<PathBuf>,
    /// Connections, kept alive.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    connections: u16,
    /// Requests per second, at a constant rate however slow the answers (open loop). Latency
    /// then counts from the time a request was due. Without it: as fast as answers come.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: Option<u32>,
    /// Seconds to measure.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Seconds to run before measuring.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(0..=600))]
    warmup: u64,
    /// Another header, as `name: value`.
    #[arg(long = "header")]
    headers: Vec<String>,
    /// A process under test; its threads and descendants count too.
    #[arg(long = "pid")]
    pids: Vec<u32>,
}

#[derive(Debug, thiserror::Error)]
enum BenchError {
    #[error("cannot read the bodies: {0}")]
    Bodies(std::io::Error),
    #[error("the bodies file has no line with a body")]
    NoBodies,
    #[error("the requests are larger than {MAX_REQUEST_BYTES} bytes together")]
    TooMuch,
    #[error(transparent)]
    Target(#[from] http::TargetError),
    #[error(transparent)]
    Load(#[from] load::LoadError),
    #[error(transparent)]
    Explain(#[from] explain::MeasureError),
    #[error(transparent)]
    Ledger(#[from] ledger::LedgerBenchError),
    #[error(transparent)]
    Lake(#[from] lake::LakeBenchError),
    #[error(transparent)]
    Watch(#[from] watch::WatchError),
    #[error("cannot write the result: {0}")]
    Output(std::io::Error),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Load(args) => run(&args),
        Command::Explain(args) => explain::run(&args).map_err(BenchError::from).and_then(print),
        Command::Ledger(args) => ledger::run(&args).map_err(BenchError::from).and_then(print),
        Command::Lake(args) => lake::run(&args).map_err(BenchError::from).and_then(print),
        Command::Watch(args) => watch::run(&args).map_err(BenchError::from).and_then(print),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to do if even the message cannot be written.
            drop(writeln!(std::io::stderr().lock(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &LoadArgs) -> Result<(), BenchError> {
    let target = Target::parse(&args.url)?;
    let plan = load::Plan {
        requests: requests(&target, args)?,
        address: target.address,
        connections: args.connections,
        rate: args.rate,
        warmup: Duration::from_secs(args.warmup),
        measured: Duration::from_secs(args.seconds),
        pids: args.pids.clone(),
    };
    print(load::run(&plan)?)
}

fn print(report: impl serde::Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string(&report).map_err(|error| BenchError::Output(error.into()))?;
    writeln!(std::io::stdout().lock(), "{text}").map_err(BenchError::Output)
}

fn requests(target: &Target, args: &LoadArgs) -> Result<Vec<Request>, BenchError> {
    let Some(path) = &args.bodies else {
        return Ok(vec![Request::get(target, &args.headers)?]);
    };
    let text = fs_err::read_to_string(path).map_err(BenchError::Bodies)?;
    if text.len() > MAX_REQUEST_BYTES {
        return Err(BenchError::TooMuch);
    }
    let lines = text.lines().filter(|line| !line.is_empty());
    let requests: Vec<Request> =
        lines.map(|body| Request::post(target, &args.headers, body)).collect::<Result<_, _>>()?;
    if requests.is_empty() {
        return Err(BenchError::NoBodies);
    }
    Ok(requests)
}
