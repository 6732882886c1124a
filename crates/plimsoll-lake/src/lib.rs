//! Decision tables: the ledger's decisions as Parquet, by deployment and hour, and SQL over
//! them.
//!
//! Tables are derived and can be thrown away: [`Lake::rebuild`] makes them anew. What is
//! personal by the contract is sealed cell by cell under the keys of the row's holders, so it
//! goes with them ([`Lake::erase`]); everything else stands in clear, for any reader of
//! Parquet, until the deployment's retention ends ([`Lake::end_retention`]).
//!
//! **Architecture invariant:** nothing here is on the path of a request, and nothing here knows
//! HTTP or the control state. Who may see what is decided by whoever asks ([`Ask::tables`]).

mod builder;
mod cell;
mod column;
mod derive;
mod engine;
mod error;
mod export;
mod files;
mod find;
mod judged;
mod lake;
mod open;
mod outcome;
mod provider;
mod query;
mod refuse;
mod shape;
mod source;
mod table;
mod turns;

pub use derive::Catalog;
pub use error::LakeError;
pub use export::{Format, Writer};
pub use find::Subject;
pub use judged::{Answered, Judge, Judged, Truth, TruthValue};
pub use lake::{Erased, Lake, LakeConfig, Progress};
pub use provider::{ShownColumn, Visible};
pub use query::{Answer, Ask, DECISIONS, MAX_STATEMENT, OUTCOMES};
pub use shape::Role;
pub use source::Source;

#[cfg(test)]
mod tests;
