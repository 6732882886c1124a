//! Exact SHAP values, from outside the crate.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail like tests")]
#![expect(clippy::cast_possible_truncation, reason = "numbers are small")]

mod common;
mod exact;
mod reference;
