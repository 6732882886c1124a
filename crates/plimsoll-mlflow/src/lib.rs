//! MLflow's REST interface as words: the shapes on the wire, its errors, its search grammar,
//! its limits. Written after the interface as `mlflow` 2.x and 3.x speak it.
//!
//! [`Args`] reads a request (a JSON body or a query string) field by field, [`filter`] and
//! [`order`] parse what a search asks into typed clauses, [`Page`] is a checked page token,
//! and [`Error`] is what a client is told.
//!
//! **Architecture invariant:** pure. Knows no storage, no HTTP, no policy; nothing a caller
//! sends is more than data here, and nothing makes it panic.

mod args;
mod check;
mod error;
mod filter;
mod page;
mod source;
mod token;
mod wire;

pub use args::{Args, missing, no_integer};
pub use check::{
    MAX_BATCH, MAX_BATCH_METRICS, MAX_BATCH_PARAMS, MAX_BATCH_TAGS, MAX_DESCRIPTION,
    MAX_EXPERIMENT_TAG, MAX_PARAM, MAX_REGISTRY_TAG, MAX_RUN_TAG, alias_fits, experiment_name_fits,
    is_production_alias, key_fits, model_name_fits, run_id_fits, stage_of, value_fits,
};
pub use error::{Code, Error};
pub use filter::{Clause, Comparison, Field, Grammar, Literal, Order, filter, order};
pub use page::Page;
pub use source::{LoggedSource, Source, source};
pub use wire::{
    Alias, Dataset, DatasetInput, Experiment, LoggedModel, LoggedModelData, LoggedModelInfo,
    LoggedStatus, Metric, ModelInput, ModelOutput, ModelVersion, Pair, RegisteredModel, Run,
    RunData, RunInfo, RunInputs, RunOutputs, Webhook, WebhookEvent,
};

#[cfg(test)]
mod tests;
