//! The control plane: registry, deployments, access; sole publisher of serving snapshots.
//!
//! [`Control`] holds one method per use case; each takes a [`RequestContext`] first. A change
//! of state always goes the same way: policy permits it, an *intent* is durable in the ledger,
//! one transaction changes the state, a *completion* follows in the ledger, and the serving
//! snapshot is compiled anew and published. A denial is recorded too.
//!
//! All methods block on disk; an asynchronous caller runs them on a blocking thread.
//!
//! **Architecture invariant:** serves no inference, knows no HTTP. Nothing but this crate
//! publishes a snapshot; nothing changes control state but through [`Control`].

mod access;
mod act;
mod adopt;
mod alert;
mod alert_rules;
mod approvals;
mod artifact;
mod attest;
mod batch;
mod bom;
mod bootstrap;
mod card;
mod catalogue;
mod compile;
mod context;
mod contract;
mod contract_change;
mod contract_draft;
mod dataset;
mod decision;
mod decision_blocks;
mod deployment;
mod deployment_kill;
mod erasure;
mod error;
mod event;
mod experiment;
mod experiment_read;
mod experiment_report;
mod experiment_state;
mod experiment_tend;
mod experiment_trail;
mod explain;
mod explain_worker;
mod fairness;
mod fairness_rollout;
mod fallback;
mod file;
mod finding;
mod finding_state;
mod gate;
mod gate_checks;
mod gate_live;
mod gate_model;
mod governance;
mod identity;
mod interactions;
mod key;
mod ledger_scan;
mod ledger_timeline;
mod limit;
mod lineage;
mod lineage_nodes;
mod lineage_steps;
mod lineage_tell;
mod loss_watch;
mod mlflow;
mod model;
mod monitoring;
mod outcome;
mod page;
mod performance;
mod performance_estimated;
mod policy_preview;
mod principal;
mod profile;
mod provenance;
mod query;
mod receipt;
mod recover;
mod reference_due;
mod release_gate;
mod replay;
mod report;
mod retention;
mod retrain;
mod retrain_due;
mod review;
mod review_queue;
mod rollback;
mod rollout;
mod rollout_drill;
mod rollout_outcomes;
mod rollout_state;
mod rollout_tend;
mod routes;
mod scan_override;
mod signers;
mod sink;
mod sink_feed;
mod status;
mod subject;
mod trace;
mod trial;
mod upload;
mod upload_parts;
mod version;
mod version_scan;
mod watch_limits;
mod words;

pub use alert::{AlertEnd, AlertTarget, DueAlert};
pub use artifact::{MAX_ARTIFACT_BYTES, Upload};
pub use batch::{BatchTask, MAX_BATCH_BYTES};
pub use bootstrap::{Control, ControlConfig, Opened};
pub use context::RequestContext;
pub use contract::ContractFormat;
pub use erasure::{ErasureWindows, RECONCILE_EVERY};
pub use error::ControlError;
pub use explain_worker::{Deferral, Explained};
pub use fairness::{FairnessLimit, fairness_signals};
pub use file::FileEntry;
pub use gate_live::Fitted;
pub use loss_watch::Standing;
pub use mlflow::{WebhookDelivery, WebhookTarget};
pub use monitoring::KeptReference;
pub use outcome::{MAX_OUTCOMES, Telling};
pub use performance::{PerformanceLimit, performance_signals};
pub use query::{QueryEnd, QueryPermit, Readable};
pub use reference_due::{ReferenceSource, Unreferenced};
pub use retention::kept_from;
pub use retrain::RetrainTask;
pub use rollout::RolloutVerb;
pub use sink::{Secret, SinkTarget};
pub use sink_feed::SinkPull;

#[cfg(test)]
mod tests;
