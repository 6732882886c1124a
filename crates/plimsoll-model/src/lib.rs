//! Loads models safely and predicts on the CPU.
//!
//! A model file is read as hostile: it is bounded, checked once, and becomes an immutable
//! [`Model`] whose margins equal the training framework's to the bit. Read are XGBoost's JSON and
//! UBJSON (releases 1.7 to 3.2 are tested), LightGBM's text, the JSON that `plimsoll_export`
//! makes of scikit-learn's models and pipelines, and ONNX graphs of the operators that tables need.
//!
//! Rows are `f64`, one value per feature; where a framework computes in `f32`, the model rounds as
//! it does. A missing value is NaN, a category is its index among the training categories.
//!
//! This crate must not know about requests, contracts, files, or where a model came from: it
//! takes bytes and rows of numbers, and gives back numbers.
//!
//! Bit equality has one condition outside this crate: `exp` and `ln` are the platform's C library
//! functions, as they are in the frameworks. Margins of XGBoost's log-link and logistic models use
//! one logarithm per output at load time; everything else is addition.

mod ensemble;
mod error;
mod lightgbm;
mod limits;
mod linear;
mod model;
mod network;
mod onnx;
mod output;
mod pack;
mod pipeline;
mod predict;
mod sklearn;
mod source;
mod tree;
mod xgboost;

pub use error::{LoadError, PredictError};
pub use limits::Limits;
pub use linear::Linear;
pub use model::{Categories, FeatureType, Format, Model, TreeRange, TreesUsed, UnknownCategory};
pub use network::Network;
pub use output::{Output, OutputKind};
pub use pipeline::Pipeline;
pub use tree::{CategorySet, LeafValues, Node, Test, Tree};

/// ONNX files as they are read, for those who run graphs that this crate does not.
pub mod onnx_file {
    pub use crate::onnx::document::{Attribute, Declared, Graph, Literal, Model, Node};
    pub use crate::onnx::read;
}
