//! Tests of a model as a black box, for gates: what is asked and what is answered, nothing else.
//!
//! | module | what |
//! |---|---|
//! | [`robustness`] | do small changes within the contract change decisions; which single feature does? |
//! | [`repeat`] | is the same row always answered to the bit, alone and among others? |
//! | [`hostile`] | requests that break the contract, or nearly, from ones that keep it |
//!
//! Everything follows from a seed, so a finding can be looked at again.
//!
//! **Architecture invariant:** this crate knows neither models, contracts nor storage: rows are
//! numbers, requests JSON, the model a closure. It reads no clock, opens no file, and does not
//! decide whether a gate passes.

pub mod hostile;
mod random;
pub mod repeat;
pub mod robustness;

pub use random::Random;

/// A count as a number. Nothing counted here reaches 2^32.
pub(crate) fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
