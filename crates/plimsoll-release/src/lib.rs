//! What may be released, and how: decisions from facts, without effects.
//!
//! | module | what |
//! |---|---|
//! | [`facts`], [`questions`] | what is known of a use of a model, and how it is asked |
//! | [`catalog`] | checks and the duties that demand them, as data |
//! | [`assess`](mod@assess) | facts to tier, duties and demanded checks |
//! | [`gate`] | demanded checks, results and exceptions to a gate result |
//! | [`report`] | a gate result as JUnit, SARIF, Markdown |
//! | [`evidence`] | what the system sees of itself, judged against a demand |
//! | [`attestation`] | what only people can know, stated by one of them |
//! | [`approval`] | whether a promotion has the approvals that its tier requires |
//! | [`rollout`] | a promotion under traffic: steps, guardrails, rollback |
//! | [`watched`] | a rollout with what pairs of answers say of the two versions |
//! | [`experiment`] | several versions under traffic, and which of them does better |
//! | [`simulate`] | rollouts on made-up traffic, next to the rules of others |
//!
//! **Architecture invariant:** nothing here reads a clock, draws a random number, does I/O or
//! knows storage. Times, seeds and facts come in as arguments.

pub mod approval;
pub mod assess;
pub mod attestation;
pub mod catalog;
mod day;
pub mod evidence;
pub mod experiment;
pub mod facts;
pub mod gate;
pub mod questions;
pub mod report;
pub mod rollout;
pub mod simulate;
pub mod watched;
mod words;

pub use assess::{Assessment, Tier, assess};
pub use day::{Day, DayError};
pub use facts::Facts;
