//! The registry of ids. Each kind is its own type, so that a decision id cannot
//! be passed where a deployment id is wanted. All are UUIDv7 (RFC 9562 §5.7):
//! they sort by the time they were made, which lookups in the ledger rely on.

use crate::time::Time;
use std::fmt;
use std::str::FromStr;
use uuid::{NoContext, Timestamp, Uuid};

/// The text was not a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID")]
pub struct IdError(());

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(transparent)]
        pub struct $name(#[schemars(with = "String")] Uuid);

        impl $name {
            /// A new id that carries `now` in its first 48 bits, the rest random.
            #[must_use]
            pub fn new(now: Time) -> Self {
                let micros = now.as_micros();
                let nanos = u32::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
                Self(Uuid::new_v7(Timestamp::from_unix(NoContext, micros / 1_000_000, nanos)))
            }
            /// An id from its 16 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
            /// The 16 bytes of the id.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
            /// The time in the id, millisecond resolution. Zero for an id that is not version 7.
            #[must_use]
            pub fn time(&self) -> Time {
                self.0.get_timestamp().map_or(Time::EPOCH, |stamp| {
                    let (seconds, nanos) = stamp.to_unix();
                    Time::from_micros(seconds.saturating_mul(1_000_000).saturating_add(u64::from(nanos / 1_000)))
                })
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.as_hyphenated())
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Uuid::try_parse(text).map(Self).map_err(|_| IdError(()))
            }
        }
    )+};
}

ids! {
    /// Joins a decision record with its outcome, explanation, review and receipt.
    DecisionId,
    /// A served use of a registered model.
    DeploymentId,
    /// A registered model: a named family of versions.
    ModelId,
    /// A person or service that acts.
    PrincipalId,
    /// An API key (the id, never the secret).
    ApiKeyId,
    /// A control event in the ledger.
    EventId,
    /// One gateway process over its lifetime in one data folder.
    GatewayId,
    /// A random name of a subject key or deployment-and-day key in the key journal.
    KeyId,
    /// An organisation whose data is kept apart from the others'.
    TenantId,
    /// A receiver of events that follow the ledger.
    SinkId,
    /// What turned out to be true about a row of a decision, as one source told it.
    OutcomeId,
    /// A batch job: a file of rows that a deployment scores.
    BatchId,
    /// A rollout: a version tried under traffic.
    RolloutId,
    /// An experiment: versions that answer shares of the same traffic.
    ExperimentId,
    /// Something that is wrong with a deployment, however often it is seen.
    FindingId,
    /// A time in which nobody is told of some findings.
    SilenceId,
    /// Who is told of findings, and how.
    AlertRouteId,
    /// A message about findings: the id of its CloudEvent, kept by every attempt.
    AlertId,
    /// One carrying out of a retraining, from what asked for it to the candidate.
    RetrainId,
    /// A governance record: an assessment, a check's result, a gate result, an approval.
    GovernanceId,
}
