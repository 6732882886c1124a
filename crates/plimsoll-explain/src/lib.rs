//! Why a model answered as it did.
//!
//! Every method gives the same thing, an [`Explanation`]: for each output of the model a base
//! value and one contribution per feature of the input contract, which together make up the
//! margin. [`Method`] says how they were found; [`Quality`] says whether they are exact.
//!
//! | module | what |
//! |---|---|
//! | [`shap`] | exact SHAP values of tree ensembles, path-dependent and interventional |
//! | [`global`] | what a model goes by over many rows, as data and plots |
//! | `explainer` | explains the decisions of a served version, and writes what a record holds |
//! | `profile` | the explain profile: adverse answers, reason codes, what a person can change |
//! | [`account`] | a recorded explanation in words, for one reader |
//!
//! Other methods take their place beside it, one file or folder each, and give the same types.
//!
//! **Architecture invariant:** this crate knows models and input contracts, but neither
//! deployments, nor requests, nor storage. It opens no file, reads no clock and starts no thread.

pub mod account;
mod background;
pub mod counterfactual;
mod error;
mod explainer;
mod explanation;
mod game;
pub mod global;
mod kernel;
mod lime;
mod linear;
mod permutation;
mod profile;
pub mod shap;
mod words;

pub use background::{BackgroundFile, MAX_BACKGROUND_BYTES};
pub use error::ExplainError;
pub use explainer::{Explainer, Room, Row};
pub use explanation::{
    ADDITIVITY_TOLERANCE, Explanation, FEATURES_MAX, FeatureGroups, Method, Quality,
};
pub use game::Ask;
pub use kernel::kernel;
pub use lime::Lime;
pub use linear::LinearExplainer;
pub use permutation::permutation;
pub use profile::{
    Change, CompiledProfile, DecisionRule, ExplainProfile, FeatureProfile, MAX_PROFILE_BYTES,
    PROFILE_VERSION, ProfileError, ProfileProblem, Side, draft,
};

#[cfg(test)]
mod asked_tests;
