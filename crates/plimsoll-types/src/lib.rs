//! The words every part of Plimsoll shares: typed ids, names, digests, times,
//! and the records of the ledger with their canonical bytes.
//!
//! **Architecture invariant:** this crate does no I/O. The only clock in the
//! workspace is [`time::SystemClock`]; everything else takes a [`Clock`].

pub mod digest;
pub mod id;
pub mod name;
pub mod promise;
pub mod protobuf;
pub mod record;
pub mod refusal;
pub mod rows;
pub mod signal;
pub mod time;

pub use digest::Digest;
pub use id::{
    AlertId, AlertRouteId, ApiKeyId, BatchId, DecisionId, DeploymentId, EventId, ExperimentId,
    FindingId, GatewayId, GovernanceId, KeyId, ModelId, OutcomeId, PrincipalId, RetrainId,
    RolloutId, SilenceId, SinkId, TenantId,
};
pub use name::Name;
pub use promise::Promise;
pub use refusal::{Phase, Protocol, Refusal, RefusalCode};
pub use rows::{Cell, Rows};
pub use signal::{Severity, Signal, SignalKind};
pub use time::{Clock, SystemClock, Time};
