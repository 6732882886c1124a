//! Why a model answered as it did.
//!
//! Every method gives the same thing, an [`Explanation`]: for each output of the model a base
//! value and one contribution per feature of the input contract, which together make up the
//! margin. [`Method`] says how they were found; [`Quality`] says whether they are exact.
//!
//! | module | what |
//! |---|---|
//! | [`shap`] | exact SHAP values of tree ensembles, path-dependent and interventional |
//!
//! Other methods take their place beside it, one file or folder each, and give the same types.
//!
//! **Architecture invariant:** this crate knows models and input contracts, but neither
//! deployments, nor requests, nor storage. It opens no file, reads no clock and starts no thread.

mod error;
mod explanation;
pub mod shap;

pub use error::ExplainError;
pub use explanation::{
    ADDITIVITY_TOLERANCE, Explanation, FEATURES_MAX, FeatureGroups, Method, Quality,
};
