//! Batch jobs: a file of rows goes in, each row is a decision of its own, and a file of what they
//! came to comes out.
//!
//! [`Engine::run`] carries out one [`Job`] from the place it got to. It decides chunks of rows by
//! [`plimsoll_gateway::Batch`], waits until each row's record is durable, writes a *part* with
//! what the rows came to, and then notes its [`Progress`]. The ids of decisions follow from the
//! job and the row, so a job that a crash cut short finds in the ledger which rows past its note
//! are recorded, takes what they came to from there, and records no row twice.
//!
//! **Architecture invariant:** it knows neither HTTP nor the control state. Where jobs are kept is
//! behind [`Notes`].

mod engine;
mod error;
mod input;
mod job;
mod output;
mod pace;
mod vault;

pub use engine::{Ended, Engine, Made};
pub use error::BatchError;
pub use input::read_table;
pub use job::{Job, Notes, Progress, Running, decision_id};
pub use vault::{InputWriter, Vault};

pub use plimsoll_table::Format;
