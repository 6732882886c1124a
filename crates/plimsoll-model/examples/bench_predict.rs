//! Prints what one prediction costs: CPU time of a single row and rows per CPU-second in batch,
//! for golden models of every format with 25 features.
//!
//! `cargo run --release -p plimsoll-model --example bench_predict`; the same for other runtimes:
//! `tests/golden/bench_peers.py`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::error::Error;
use std::hint::black_box;
use std::io::Read as _;

use plimsoll_model::{Limits, Model};

/// Measurements; the fastest is printed too, since others share the machine.
const PASSES: usize = 9;

/// Repetitions in one measurement: the scheduler counts in ticks of up to 4 ms, so that one
/// measurement must take much longer.
const REPEATS: usize = 16;

/// Golden models: 100 trees of depth 6 in two formats, a pipeline with weighted sums, a forest of 20
/// trees in an ONNX graph, and a small network.
const MODELS: [&str; 5] = [
    "3.2/bench.json.gz",
    "lightgbm/4.7/bench.txt.gz",
    "sklearn/ridge.json.gz",
    "onnx/forest.onnx.gz",
    "onnx/mlp.onnx.gz",
];

fn main() -> Result<(), Box<dyn Error>> {
    let rows: Vec<f64> = golden("rows.f32.gz")?
        .chunks_exact(4)
        .map(|four| Ok(f64::from(f32::from_le_bytes(four.try_into()?))))
        .collect::<Result<_, Box<dyn Error>>>()?;
    for path in MODELS {
        let bytes = golden(path)?;
        let model = Model::load(&bytes, &Limits::default())?;
        println!("{path}, {}", model.format());
        let load = passes(|| {
            black_box(Model::load(black_box(&bytes), &Limits::default())?);
            Ok(())
        })?;
        println!("  load {} kB: {:.2} ms CPU", bytes.len() / 1_000, load.mean / 1e6);
        predict(&model, &rows)?;
    }
    Ok(())
}

fn predict(model: &Model, rows: &[f64]) -> Result<(), Box<dyn Error>> {
    let (features, outputs) = (model.feature_count(), model.output().count);
    let count = rows.len() / features;
    let mut out = vec![0.0; count * outputs];
    let single = passes(|| {
        for (row, out) in rows.chunks(features).zip(out.chunks_mut(outputs)) {
            model.predict(black_box(row), out)?;
        }
        Ok(())
    })?;
    report("  single row", &single, count);
    let batch = passes(|| Ok(model.predict_batch(black_box(rows), count, &mut out)?))?;
    report("  batch of 10,000", &batch, count);
    Ok(())
}

/// CPU nanoseconds of a pass.
struct Cost {
    mean: f64,
    best: f64,
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(what: &str, cost: &Cost, rows: usize) {
    let (mean, best) = (cost.mean / rows as f64, cost.best / rows as f64);
    println!(
        "{what}: {:.3} µs CPU per row (best pass {:.3}), {:.0} rows per CPU-second (best {:.0})",
        mean / 1e3,
        best / 1e3,
        1e9 / mean,
        1e9 / best
    );
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn passes(mut pass: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<Cost, Box<dyn Error>> {
    pass()?;
    let mut cost = Cost { mean: 0.0, best: f64::INFINITY };
    for _ in 0..PASSES {
        let start = cpu_ns()?;
        for _ in 0..REPEATS {
            pass()?;
        }
        let taken = (cpu_ns()? - start) as f64 / REPEATS as f64;
        cost.mean += taken / PASSES as f64;
        cost.best = cost.best.min(taken);
    }
    Ok(cost)
}

/// CPU time of this thread, from the Linux scheduler.
fn cpu_ns() -> Result<u64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}

fn golden(path: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let full = format!("{}/tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(full)?).read_to_end(&mut bytes)?;
    Ok(bytes)
}
