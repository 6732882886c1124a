//! Two tables compared column by column: has a column of the current one drifted from the
//! reference?
//!
//! [`compare`] measures one column, [`Report::decide`] puts all columns together, corrects for
//! their number and gives the verdicts. A [`Convention`] says which tests decide and how they
//! cut their cells: what practitioners know from Evidently and NannyML, number by number, or
//! Plimsoll's own.

mod column;
mod measure;
mod page;
mod report;
mod rule;
mod wholes;

pub use column::{Check, Codes, ColumnReport, Missing, Pair, Plot, Side, Values, compare};
pub use measure::{Convention, Measure, Score, measure};
pub use report::{Report, Settings, Tables, Verdict};
pub use rule::{CHUNKS, Chunks, Rule, Test, VALUES_MIN};
pub use wholes::lines as multivariate_lines;
