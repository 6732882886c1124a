//! What a monitor adds to each decision, on one thread.

use clap::Args;
use plimsoll_contract::{CompiledContract, Contract, ContractError};
use plimsoll_monitor::reference::Habits;
use plimsoll_monitor::{Builder, Recorder, ReferenceError};
use plimsoll_serving::{Seen, Watch as _};
use plimsoll_types::record::ResultClass;
use plimsoll_types::{Cell, Clock as _, DeploymentId, Digest, Rows, SystemClock, Time};
use serde::Serialize;
use std::collections::HashMap;
use std::sync::Arc;

/// Rows of the reference.
const REFERENCE: usize = 20_000;
/// Different decisions that are seen in turn: more than fit a cache's first level.
const DECISIONS: usize = 4_096;

/// What to measure.
#[derive(Args)]
pub(crate) struct WatchArgs {
    /// Numeric features; a fifth of them are categories.
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=500))]
    features: u16,
    /// Decisions to count.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    decisions: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    #[error(transparent)]
    Contract(#[from] ContractError),
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    features: u16,
    decisions: u64,
    /// Nanoseconds of CPU of one decision with a reference, its columns together counted too.
    watched_cpu_ns: f64,
    /// The same without a reference.
    unwatched_cpu_ns: f64,
    /// Nanoseconds that passed.
    watched_ns: f64,
    unwatched_ns: f64,
}

/// xorshift64*: the same numbers every time.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
        let number = (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64;
        number / (1_u64 << 53) as f64
    }
    fn row(&mut self, features: u16, rows: &mut Rows) {
        rows.clear(usize::from(features));
        for feature in 0..features {
            let drawn = self.next();
            rows.cells.push(match feature % 5 {
                4 => Cell::Category(if drawn < 0.7 { 0 } else { 1 + u32::from(drawn < 0.9) }),
                // Bell-shaped enough: edges are at quantiles, so the shape does not matter.
                _ => Cell::Number(drawn + self.next() + self.next()),
            });
        }
    }
}

pub(crate) fn run(args: &WatchArgs) -> Result<Report, WatchError> {
    let mut text = "version: 1\nfeatures:\n".to_owned();
    for feature in 0..args.features {
        let kind = if feature % 5 == 4 { "category, values: [a, b, c]" } else { "number" };
        text.push_str(&format!("  - {{ name: f{feature}, kind: {kind} }}\n"));
    }
    let contract = CompiledContract::compile(&Contract::from_yaml(&text)?)?;
    let mut draws = Draws(0x9e37_79b9_7f4a_7c15);
    let mut builder = Builder::new(&contract, Digest::ZERO, "score", 1);
    let mut rows = Rows::default();
    for _ in 0..REFERENCE {
        draws.row(args.features, &mut rows);
        builder.read(&rows, &[draws.next()])?;
    }
    let times = (Time::EPOCH, Time::EPOCH);
    let reference = builder.finish(Habits::default(), "drawn".to_owned(), 0, times)?;
    let decisions: Vec<(Rows, f64)> = (0..DECISIONS)
        .map(|_| {
            let mut rows = Rows::default();
            draws.row(args.features, &mut rows);
            (rows, draws.next())
        })
        .collect();
    let deployment = DeploymentId::from_bytes([1; 16]);
    let recorder = Recorder::new(60_000_000);
    let (unwatched_ns, unwatched_cpu_ns) =
        measure(&recorder, deployment, &decisions, args.decisions);
    drop(recorder.take_before(u64::MAX));
    recorder.compare_with(HashMap::from([((deployment, 1), Arc::new(reference))]));
    let (watched_ns, watched_cpu_ns) = measure(&recorder, deployment, &decisions, args.decisions);
    Ok(Report {
        features: args.features,
        decisions: args.decisions,
        watched_cpu_ns,
        unwatched_cpu_ns,
        watched_ns,
        unwatched_ns,
    })
}

fn measure(
    recorder: &Recorder,
    deployment: DeploymentId,
    decisions: &[(Rows, f64)],
    count: u64,
) -> (f64, f64) {
    let clock = SystemClock::new();
    let own = [std::process::id()];
    let (begun, cpu) = (clock.monotonic(), crate::cpu::seconds(&own));
    let rounds = usize::try_from(count).unwrap_or(usize::MAX);
    for (rows, score) in decisions.iter().cycle().take(rounds) {
        recorder.see(&Seen {
            deployment,
            version: 1,
            contract: Some(Digest::ZERO),
            time: Time::EPOCH,
            nanos: 80_000,
            result: ResultClass::Answered,
            refusal: None,
            rows,
            flags: 0,
            outputs: std::slice::from_ref(score),
        });
    }
    let spent = clock.monotonic().saturating_sub(begun);
    #[expect(clippy::cast_precision_loss, reason = "a mean needs no last digit")]
    let (spent, count) = (spent as f64, count.max(1) as f64);
    (spent / count, (crate::cpu::seconds(&own) - cpu) * 1e9 / count)
}
