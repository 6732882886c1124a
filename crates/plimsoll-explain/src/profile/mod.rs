//! The explain profile of a deployment: which answers are adverse, what a person is told of
//! each feature and in which words, and which features a person can change.
//!
//! - `document`: what people write, review and sign off;
//! - `check`: everything that is wrong with one, against its contract;
//! - `compile`: from contributions to reason codes, as the gateway needs it;
//! - `draft`: a first profile, from a contract.

mod check;
mod compile;
mod document;
mod draft;

pub use check::ProfileProblem;
pub use compile::CompiledProfile;
pub use document::{
    Change, DecisionRule, ExplainProfile, FeatureProfile, MAX_PROFILE_BYTES, PROFILE_VERSION,
    ProfileError, Side,
};
pub use draft::draft;

#[cfg(test)]
mod tests;
