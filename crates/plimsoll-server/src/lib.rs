//! Listeners, authentication, routes, start and drain.
//!
//! [`run`] opens the data folder, serves until it is told to stop, and drains. Paths become
//! calls in `routes.rs` (one table) and `service.rs` (inference, which the table only
//! documents); everything a caller can ask for is in that table.
//!
//! **Architecture invariant:** no business rule lives here. Handlers parse, call one use
//! case, convert.

mod accept;
mod alerts;
mod app;
mod background;
mod background_batches;
mod background_explain;
mod background_loop;
mod background_retrain;
mod background_rollouts;
mod body;
mod bucket;
mod buckets;
mod checkpoint_mail;
mod checkpoint_sinks;
mod config;
mod console;
mod console_oidc;
mod doors;
mod error;
mod first_bytes;
mod folder;
mod freshness;
mod grpc;
mod handlers;
mod handlers_artifact;
mod handlers_batches;
mod handlers_dataset;
mod handlers_experiments;
mod handlers_explain;
mod handlers_findings;
mod handlers_forensics;
mod handlers_governance;
mod handlers_lake;
mod handlers_ledger;
mod handlers_limits;
mod handlers_lineage;
mod handlers_loop;
mod handlers_mlflow;
mod handlers_monitoring;
mod handlers_mpu;
mod handlers_observe;
mod handlers_outcomes;
mod handlers_protocols;
mod handlers_releases;
mod handlers_retrain;
mod handlers_reviews;
mod handlers_rollouts;
mod handlers_sinks;
mod handlers_subjects;
mod heads;
mod issuers;
mod lake;
mod lane;
mod live;
mod metrics;
mod metrics_findings;
mod metrics_identity;
mod metrics_monitor;
mod metrics_performance;
mod metrics_rollouts;
mod metrics_sinks;
mod monitoring;
mod observations;
mod oip;
mod outcomes;
mod plain;
mod reading;
mod references;
mod reply;
mod routes;
mod service;
mod sessions;
mod sinks;
mod start;
mod tls;
mod traces;
mod trainers;
mod trainers_webhook;
mod webhooks;
pub mod witness;

pub use config::{
    ClientCertificates, LedgerLimits, Listeners, LogConfig, MailConfig, OutboundSettings,
    ServerConfig, ServerLimits, SinkRetries, TlsFiles,
};
pub use error::ServerError;
pub use plimsoll_control::ErasureWindows;
pub use start::{Started, run};
pub use trainers::{MAX_TRAINERS, Trainer, Trainers, check as check_trainers};
pub use trainers_webhook::{Shape as TrainerShape, Webhook as TrainerWebhook};

/// The OpenAPI document of this build.
#[must_use]
pub fn openapi() -> serde_json::Value {
    routes::RouteTable::new().openapi()
}
