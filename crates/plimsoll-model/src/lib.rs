//! Loads tree models safely and predicts on the CPU.
//!
//! A model file is read as hostile: it is bounded, checked once, and becomes an immutable
//! [`Model`] whose margins equal the training framework's to the bit. XGBoost JSON and UBJSON
//! are read (releases 1.7 to 3.2 are tested); other formats will become the same [`Model`].
//!
//! This crate must not know about requests, contracts, files, or where a model came from: it
//! takes bytes and rows of `f32`, and gives back numbers.
//!
//! Bit equality has one condition outside this crate: [`f32::exp`] and [`f32::ln`] are the
//! platform's C library functions, as they are in XGBoost. Margins of log-link and logistic
//! models use one logarithm per output at load time; everything else is addition.

mod error;
mod limits;
mod model;
mod objective;
mod predict;
mod source;
mod tree;
mod xgboost;

pub use error::{LoadError, PredictError};
pub use limits::Limits;
pub use model::{Categories, FeatureType, Format, Model, TreeRange, TreesUsed};
pub use objective::{Output, OutputKind};
pub use tree::{CategorySet, LeafValues, Node, Test, Tree};
