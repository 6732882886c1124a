//! Listeners, authentication, routes, start and drain.
//!
//! [`run`] opens the data folder, serves until it is told to stop, and drains. Paths become
//! calls in `routes.rs` (one table) and `service.rs` (inference, which the table only
//! documents); everything a caller can ask for is in that table.
//!
//! **Architecture invariant:** no business rule lives here. Handlers parse, call one use
//! case, convert.

mod accept;
mod app;
mod background;
mod background_batches;
mod background_explain;
mod body;
mod bucket;
mod checkpoint_mail;
mod checkpoint_sinks;
mod config;
mod console;
mod console_oidc;
mod doors;
mod error;
mod first_bytes;
mod folder;
mod grpc;
mod handlers;
mod handlers_artifact;
mod handlers_batches;
mod handlers_dataset;
mod handlers_explain;
mod handlers_forensics;
mod handlers_lake;
mod handlers_ledger;
mod handlers_limits;
mod handlers_mlflow;
mod handlers_observe;
mod handlers_protocols;
mod handlers_releases;
mod handlers_reviews;
mod handlers_sinks;
mod handlers_subjects;
mod heads;
mod issuers;
mod lake;
mod lane;
mod live;
mod metrics;
mod metrics_identity;
mod metrics_sinks;
mod observations;
mod oip;
mod plain;
mod reading;
mod reply;
mod routes;
mod service;
mod sessions;
mod sinks;
mod start;
mod tls;
mod traces;
mod webhooks;
pub mod witness;

pub use config::{
    ClientCertificates, LedgerLimits, Listeners, LogConfig, MailConfig, OutboundSettings,
    ServerConfig, ServerLimits, SinkRetries, TlsFiles,
};
pub use error::ServerError;
pub use plimsoll_control::ErasureWindows;
pub use start::{Started, run};

/// The OpenAPI document of this build.
#[must_use]
pub fn openapi() -> serde_json::Value {
    routes::RouteTable::new().openapi()
}
