//! Models that another crate runs in this process: a neural network. Here only their shape is
//! known. It must not know who runs them.

use crate::model::{Format, Inputs, Model, Scorer, TreesUsed};
use crate::output::{Output, Transform};
use std::fmt::Debug;

/// Runs a network.
pub trait Network: Debug + Send + Sync {
    /// Fills `out` with the outputs of `rows`, row-major, one value per feature and output. Says
    /// whether it could; a missing value is NaN.
    fn run(&self, rows: &[f64], out: &mut [f64]) -> bool;
}

impl Model {
    /// The model of a network that reads `features` numbers and puts out `output`.
    #[must_use]
    pub fn of_network(features: usize, output: Output, network: Box<dyn Network>) -> Self {
        Self {
            format: Format::Onnx,
            objective: "network".into(),
            inputs: Inputs {
                count: features,
                names: Box::default(),
                types: Box::default(),
                categories: Box::default(),
                unknown: Box::default(),
            },
            pipeline: None,
            scorer: Scorer::Network(network, output.count),
            transform: Transform::Identity,
            output,
            classes: Box::default(),
            trees_used: TreesUsed { used: 0, total: 0, best_iteration: None },
        }
    }
}
