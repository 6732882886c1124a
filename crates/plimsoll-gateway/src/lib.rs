//! The data plane: the phases of an inference request, from `accept` to `respond`.
//!
//! A listener gives [`Gateway::admit`] the head of a request. It answers with a [`Pass`] or a
//! refusal. With the body, [`Pass::decide`] goes through the remaining phases and gives the
//! [`Answer`]; the decision is recorded, and durable where the deployment's mode asks for
//! it, before the answer exists. `docs/life-of-a-request.md` walks through it.
//!
//! **Architecture invariant:** the gateway knows nothing of SQL, of the control plane, or of
//! sockets. What it serves is in the [`plimsoll_serving::ServingSnapshot`] it borrows.

mod admit;
mod answer;
mod answer_raw;
mod answer_table;
mod batch;
mod decide;
mod experiment;
mod explain;
mod fallback;
mod gunzip;
mod idempotency;
mod limiter;
mod live;
mod metrics;
mod observe;
mod pass;
mod recorder;
mod rollout;
mod tally;
mod trust;
mod upstream;

pub use admit::{Gateway, GatewayLimits, Head};
pub use answer::{Answer, said, status};
pub use batch::{Asker, Batch, MAX_SLICE, Outcome, Scored, Slice};
pub use decide::BodyError;
pub use limiter::Whose;
pub use live::{Passing, Scores, Times, Watching};
pub use metrics::{Histogram, Metrics, PHASE_BUCKETS_NS};
pub use observe::{Asked, Noting, Observation, Observed, Part};
pub use pass::Pass;
pub use plimsoll_types::Protocol;
pub use rollout::{SHADOWS_AT_ONCE, Shadow, Shadows};
pub use tally::{Listener, Tally};
pub use trust::{IssuerStats, Meet, Trust, TrustedIssuer};
pub use upstream::{UpstreamAccess, UpstreamStats};

#[cfg(test)]
mod tests;
