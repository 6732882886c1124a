//! What is measured on columns of values and on streams of results, as mathematics.
//!
//! | module | what |
//! |---|---|
//! | [`drift`] | two tables compared column by column: conventions, tests, verdicts, the report |
//! | [`sample`], [`cells`] | sorted samples, shares in cells, and the distances between them |
//! | [`ks`], [`ranks`], [`counts`] | the tests with p-values, as scipy's |
//! | [`performance`], [`realized`], [`cbpe`] | realized performance with intervals; estimated before outcomes |
//! | [`fairness`] | are groups treated alike? |
//! | [`summary`] | mergeable summaries of streams on edges that a reference froze |
//! | [`sequential`] | tests that may be looked at after every record |
//! | [`contest`] | the same for two streams: is the candidate worse than the incumbent? |
//! | [`outage`] | the same for failures, so that an outage is found within five answers |
//! | [`discovery`] | false-discovery control: Benjamini–Hochberg, Benjamini–Yekutieli, e-BH |
//!
//! **Architecture invariant:** this crate knows neither deployments nor storage. It opens no
//! file, reads no clock, draws no random number and starts no thread.

pub mod booster;
pub mod cbpe;
pub mod cells;
pub mod contest;
pub mod counts;
pub mod discovery;
pub mod dle;
pub mod drift;
pub mod fairness;
pub mod ks;
pub mod outage;
pub mod performance;
pub mod ranks;
pub mod realized;
pub mod sample;
pub mod sequential;
mod special;
pub mod summary;
