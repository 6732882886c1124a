//! What is measured on columns of values and on streams of results, as mathematics.
//!
//! | module | what |
//! |---|---|
//! | [`drift`] | two tables compared column by column: conventions, tests, verdicts, the report |
//! | [`sample`], [`cells`] | sorted samples, shares in cells, and the distances between them |
//! | [`ks`], [`ranks`], [`counts`] | the tests with p-values, as scipy's |
//! | [`discovery`] | false-discovery control: Benjamini–Hochberg, Benjamini–Yekutieli, e-BH |
//!
//! **Architecture invariant:** this crate knows neither deployments nor storage. It opens no
//! file, reads no clock, draws no random number and starts no thread.

pub mod cells;
pub mod counts;
pub mod discovery;
pub mod drift;
pub mod ks;
pub mod ranks;
pub mod sample;
mod special;
