//! What exact SHAP values cost: CPU time of one thread, in batch and one row at a time.
//!
//! Rows come as raw little-endian `f32`, so that any language can write them, and contributions
//! can be written out as `f64`, so that any other can compare them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use plimsoll_explain::ExplainError;
use plimsoll_explain::shap::{Background, Scratch, Simd, TreeExplainer, TreeOptions};
use plimsoll_model::{Limits, LoadError, Model};
use serde::Serialize;

#[derive(Args)]
pub(crate) struct ExplainArgs {
    /// The model file.
    #[arg(long)]
    model: PathBuf,
    /// Rows to explain: little-endian f32, row-major, NaN for a missing value.
    #[arg(long)]
    rows: PathBuf,
    /// Background rows, in the same form. Without it values are path-dependent.
    #[arg(long)]
    background: Option<PathBuf>,
    /// The best instructions to use, if the processor has them.
    #[arg(long, value_enum, default_value = "avx512")]
    simd: SimdArg,
    /// No tables: every tree in f64.
    #[arg(long)]
    no_tables: bool,
    /// CPU seconds of each measurement.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Write the contributions here: little-endian f64, one per row, output and feature.
    #[arg(long)]
    values: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum SimdArg {
    Portable,
    Avx2,
    Avx512,
}

/// What was measured.
#[derive(Serialize)]
pub(crate) struct Report {
    simd: String,
    trees: usize,
    deep_trees: usize,
    tables: usize,
    table_bytes: usize,
    /// CPU milliseconds to prepare.
    prepare_ms: f64,
    rows: usize,
    batch_us: Spread,
    single_us: Spread,
    /// From the mean of batches.
    rows_per_cpu_second: f64,
    base: Vec<f64>,
}

/// CPU microseconds per row over the passes.
#[derive(Serialize)]
struct Spread {
    mean: f64,
    least: f64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("`{0}` is not a number of f32")]
    Rows(PathBuf),
    #[error(transparent)]
    Model(#[from] LoadError),
    #[error(transparent)]
    Explain(#[from] ExplainError),
    #[error("cannot read the CPU time of this thread")]
    Clock,
}

/// Measures.
pub(crate) fn run(args: &ExplainArgs) -> Result<Report, MeasureError> {
    let model = Arc::new(Model::load(&fs_err::read(&args.model)?, &Limits::default())?);
    let rows = reals(&args.rows)?;
    let background = args.background.as_deref().map(reals).transpose()?;
    let width = model.feature_count();
    let background = background.map(|values| Background::new(values, width)).transpose()?;
    let simd = match args.simd {
        SimdArg::Portable => Simd::Portable,
        SimdArg::Avx2 => Simd::Avx2,
        SimdArg::Avx512 => Simd::Avx512,
    };
    let mut options =
        TreeOptions { background: background.as_ref(), simd, ..TreeOptions::default() };
    if args.no_tables {
        options.tree_bytes_max = 0;
    }
    let start = cpu_ns()?;
    let explainer = TreeExplainer::new(model, &options)?;
    let prepare_ms = (cpu_ns()? - start) / 1e6;

    let count = rows.len() / width;
    let mut scratch = Scratch::default();
    let mut values = vec![0.0; count * explainer.outputs() * explainer.features()];
    let mut margins = vec![0.0; count * explainer.outputs()];
    let batch_us = measure(args.seconds, count, || {
        explainer.explain_rows(&rows, &mut scratch, &mut values, &mut margins)
    })?;
    if let Some(path) = &args.values {
        fs_err::write(path, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    // Not more rows than make a second of work for a slow model.
    let some = count.min(10_000);
    let single_us = measure(args.seconds, some, || {
        rows.chunks_exact(width)
            .take(some)
            .try_for_each(|row| explainer.explain_row(row, &mut scratch).map(drop))
    })?;
    let size = explainer.size();
    Ok(Report {
        simd: format!("{:?}", explainer.simd()),
        trees: size.trees,
        deep_trees: size.deep_trees,
        tables: size.tables,
        table_bytes: size.bytes,
        prepare_ms,
        rows: count,
        rows_per_cpu_second: 1e6 / batch_us.mean,
        batch_us,
        single_us,
        base: explainer.base().to_vec(),
    })
}

/// CPU time per row of passes over at least `seconds`, after one to warm up.
#[expect(clippy::cast_precision_loss, reason = "rows of a run are far below 2^53")]
fn measure(
    seconds: f64,
    rows: usize,
    mut pass: impl FnMut() -> Result<(), ExplainError>,
) -> Result<Spread, MeasureError> {
    pass()?;
    let (mut passes, mut total, mut least) = (0.0, 0.0, f64::INFINITY);
    while total < seconds * 1e9 {
        let start = cpu_ns()?;
        pass()?;
        let taken = cpu_ns()? - start;
        passes += 1.0;
        total += taken;
        least = f64::min(least, taken);
    }
    let per_row = 1e3 * rows as f64;
    Ok(Spread { mean: total / passes / per_row, least: least / per_row })
}

/// CPU time of this thread, from the Linux scheduler.
fn cpu_ns() -> Result<f64, MeasureError> {
    let text = fs_err::read_to_string("/proc/thread-self/schedstat")?;
    text.split(' ').next().and_then(|first| first.parse().ok()).ok_or(MeasureError::Clock)
}

fn reals(path: &Path) -> Result<Vec<f64>, MeasureError> {
    let bytes = fs_err::read(path)?;
    let (four, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(MeasureError::Rows(path.to_owned()));
    }
    Ok(four.iter().map(|four| f32::from_le_bytes(*four).into()).collect())
}
