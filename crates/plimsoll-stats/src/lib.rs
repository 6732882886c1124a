//! What is measured on columns of values and on streams of results, as mathematics.
//!
//! | module | what |
//! |---|---|
//! | [`drift`] | two tables compared column by column: conventions, tests, verdicts, the report |
//! | [`multivariate`] | two tables compared as wholes: PCA, a classifier, maximum mean discrepancy |
//! | [`sample`], [`cells`] | sorted samples, shares in cells, and the distances between them |
//! | [`ks`], [`ranks`], [`counts`] | the tests with p-values, as scipy's |
//! | [`performance`], [`realized`], [`cbpe`] | realized performance with intervals; estimated before outcomes |
//! | [`bootstrap`] | the paired bootstrap of a difference of two models, as scipy's |
//! | [`fairness`] | are groups treated alike? |
//! | [`summary`] | mergeable summaries of streams on edges that a reference froze |
//! | [`sequential`] | tests that may be looked at after every record |
//! | [`edetector`] | when a loss has risen, however long it was low before |
//! | [`burn`] | how fast a budget of wrong answers is used up |
//! | [`contest`] | the same for two streams: is the candidate worse than the incumbent? |
//! | [`difference`], [`power`] | two means compared at any time, with a covariate; units that are needed |
//! | [`outage`] | the same for failures, so that an outage is found within five answers |
//! | [`discovery`] | false-discovery control: Benjamini–Hochberg, Benjamini–Yekutieli, e-BH |
//!
//! **Architecture invariant:** this crate knows neither deployments nor storage. It opens no
//! file, reads no clock, draws nothing that does not follow from a seed, and starts no thread.

pub mod booster;
pub mod bootstrap;
pub mod burn;
pub mod cbpe;
pub mod cells;
pub mod contest;
pub mod counts;
pub mod difference;
pub mod discovery;
pub mod dle;
pub mod drift;
pub mod edetector;
pub mod fairness;
pub mod ks;
pub mod multivariate;
mod opening;
pub mod outage;
pub mod performance;
pub mod power;
pub mod ranks;
pub mod realized;
pub mod sample;
pub mod sequential;
mod special;
pub mod summary;
