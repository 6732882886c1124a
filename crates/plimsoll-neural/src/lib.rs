//! Neural networks in ONNX, for decisions about rows of numbers.
//!
//! `plimsoll-model` runs the graphs that tables need by itself, small networks included. This crate
//! is for the others: convolutions, recurrent and attention layers, normalizations. A file is read
//! by our own parser first, which refuses data outside of it, operators of other domains, graphs
//! within operators and files that are too large. Then the size of every value is computed for the
//! rows that a run may have ([`shape`]), and what would take more memory or work than a decision may
//! is refused, too. Only then `rten` gets the file (docs/adr/0018-neural-onnx.md).
//!
//! **Architecture invariant:** as `plimsoll-model`: no files, no sockets, no clock.

mod attributes;
mod shape;

use plimsoll_model::onnx_file::{self, Graph};
use plimsoll_model::{Limits, LoadError, Model, Network, Output, OutputKind};
use rten::ThreadPool;
use rten_tensor::NdTensorView;
use rten_tensor::prelude::*;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use shape::{NetworkLimits, ShapeError};

/// `TensorProto.DataType`.
const FLOAT: i64 = 1;
/// Rows of one run: the sizes of all values are computed for so many.
const BATCH: usize = 64;

/// Why a network was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file is refused before anybody else reads it.
    #[error(transparent)]
    File(#[from] LoadError),
    /// A value of the graph is of no known size, or of one that is too large.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It is no graph from one matrix of rows to one matrix of outputs.
    #[error("{0}")]
    Form(&'static str),
    /// The runtime does not take it. What it said is not repeated: it may hold parts of the file.
    #[error("the network cannot be run: an operator or one of its attributes is not supported")]
    Runtime,
}

/// Loads any model: by `plimsoll-model` if it can, else as a network.
///
/// # Errors
/// That of `plimsoll-model` for all formats but ONNX; for ONNX files that it does not run,
/// [`NetworkError`] says why the network was not loaded.
pub fn load(bytes: &[u8], limits: &Limits) -> Result<Model, NetworkError> {
    match Model::load(bytes, limits) {
        Err(LoadError::Unsupported { .. })
            if plimsoll_model::Format::sniff(bytes) == Some(plimsoll_model::Format::Onnx) =>
        {
            load_network(bytes, limits, &NetworkLimits::default())
        }
        loaded => Ok(loaded?),
    }
}

/// Loads a network: one matrix of floats `[rows, features]` in, one of `[rows, outputs]` out.
///
/// # Errors
/// [`NetworkError`] says what is wrong with it.
pub fn load_network(
    bytes: &[u8],
    limits: &Limits,
    network: &NetworkLimits,
) -> Result<Model, NetworkError> {
    if bytes.len() > limits.bytes_max {
        let (bytes, max) = (bytes.len(), limits.bytes_max);
        return Err(LoadError::FileTooLarge { bytes, max }.into());
    }
    let file = onnx_file::read(bytes)?;
    let graph = file.graph.as_ref().ok_or(NetworkError::Form("the file holds no graph"))?;
    let (input, features) = input_of(graph, limits)?;
    let [answer] = graph.outputs.as_slice() else {
        return Err(NetworkError::Form("the graph must have one output, of floats"));
    };
    if answer.kind != FLOAT {
        return Err(NetworkError::Form("the graph must have one output, of floats"));
    }
    let shape = shape::check(graph, input, [BATCH as u64, features as u64], answer.name, network)?;
    let outputs = match shape.as_slice() {
        [rows] if *rows == BATCH as u64 => 1,
        [rows, width] if *rows == BATCH as u64 => usize::try_from(*width).unwrap_or(usize::MAX),
        _ => return Err(NetworkError::Form("the output must be one row of numbers for each row")),
    };
    if !(1..=limits.outputs_max.min(Limits::OUTPUTS_MAX)).contains(&outputs) {
        return Err(NetworkError::Form("the output has no numbers, or too many"));
    }
    let kind = kind_of(graph, answer.name, outputs);
    let output = Output { name: kind.name(), kind, count: outputs, is_double: false };
    let runner = Runner::new(bytes, features, outputs)?;
    // What cannot run is not registered.
    let (rows, mut out) = (vec![0.5; features * 2], vec![0.0; outputs * 2]);
    if !runner.run(&rows, &mut out) {
        return Err(NetworkError::Runtime);
    }
    Ok(Model::of_network(features, output, Box::new(runner)))
}

/// The one input that no initializer fills, and its numbers per row.
fn input_of<'a>(graph: &Graph<'a>, limits: &Limits) -> Result<(&'a str, usize), NetworkError> {
    const FORM: NetworkError =
        NetworkError::Form("the graph must have one input: floats of the shape [rows, features]");
    let is_filled = |name: &str| graph.initializers.iter().any(|(filled, _)| *filled == name);
    let mut inputs = graph.inputs.iter().filter(|input| !is_filled(input.name));
    let (Some(input), None) = (inputs.next(), inputs.next()) else { return Err(FORM) };
    let Some([rows, Some(features)]) = input.shape.as_deref() else { return Err(FORM) };
    // With another fixed number of rows than one, a single decision could not be asked for; with
    // one, its rows would have to go one by one, which nobody exports on purpose.
    let max = limits.features_max.min(Limits::FEATURES_MAX);
    let features = usize::try_from(*features).unwrap_or(usize::MAX);
    if input.kind != FLOAT || rows.is_some() || !(1..=max).contains(&features) {
        return Err(FORM);
    }
    Ok((input.name, features))
}

/// What the numbers are, by the operator that makes them.
fn kind_of(graph: &Graph<'_>, answer: &str, outputs: usize) -> OutputKind {
    let makes = |node: &&onnx_file::Node<'_>| node.outputs.contains(&answer);
    match graph.nodes.iter().find(makes).map(|node| node.operator) {
        Some("Sigmoid") if outputs == 1 => OutputKind::Probability,
        Some("Sigmoid") => OutputKind::ClassScores,
        Some("Softmax") if outputs > 1 => OutputKind::ClassProbabilities,
        _ => OutputKind::Value,
    }
}

/// `rten` with a network, on the caller's time: one thread of its own that is waited for.
struct Runner {
    model: rten::Model,
    pool: Arc<ThreadPool>,
    features: usize,
    outputs: usize,
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runner({} to {})", self.features, self.outputs)
    }
}

impl Runner {
    fn new(bytes: &[u8], features: usize, outputs: usize) -> Result<Self, NetworkError> {
        // It is a large library that reads a stranger's file: a panic in it is a refusal.
        let loaded = catch_unwind(AssertUnwindSafe(|| rten::Model::load(bytes.to_vec())));
        let model = loaded.ok().and_then(Result::ok).ok_or(NetworkError::Runtime)?;
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        Ok(Self { model, pool, features, outputs })
    }

    fn batch(&self, rows: &[f64], out: &mut [f64]) -> Option<()> {
        #[expect(clippy::cast_possible_truncation, reason = "the network computes in 32 bits")]
        let single: Vec<f32> = rows.iter().map(|value| *value as f32).collect();
        let count = rows.len() / self.features;
        let input = NdTensorView::from_data([count, self.features], &*single);
        let mut options = rten::RunOptions::default();
        options.thread_pool = Some(Arc::clone(&self.pool));
        let output = self.model.run_one(input.into(), Some(options)).ok()?;
        let output: rten_tensor::Tensor<f32> = output.try_into().ok()?;
        let values = output.to_vec();
        if values.len() != out.len() {
            return None;
        }
        out.iter_mut().zip(values).for_each(|(place, value)| *place = value.into());
        Some(())
    }
}

impl Network for Runner {
    fn run(&self, rows: &[f64], out: &mut [f64]) -> bool {
        let mut batches = rows.chunks(self.features * BATCH);
        let mut places = out.chunks_mut(self.outputs * BATCH);
        batches.by_ref().zip(places.by_ref()).all(|(rows, out)| {
            let ran = catch_unwind(AssertUnwindSafe(|| self.batch(rows, out)));
            ran.ok().flatten().is_some()
        })
    }
}
