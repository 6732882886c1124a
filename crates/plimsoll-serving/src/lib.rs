//! The serving snapshot: everything a gateway needs to answer, compiled, immutable.
//!
//! Control compiles a snapshot and publishes it; a gateway borrows one at `accept` and uses
//! it to the end of the request, so one request sees one state of the world.
//!
//! **Architecture invariant:** nothing here awaits, reads a clock, or knows storage.

mod deployment;
mod experiment;
mod fallback;
mod fit;
mod keys;
mod limit;
mod recompute;
mod rollout;
mod routes;
mod snapshot;
pub mod traffic;
mod watch;

pub use deployment::{
    Explain, Observed, Review, RoutePlan, ServedDeployment, ServedVersion, Serving, Settings, plan,
    route,
};
pub use experiment::{ArmPlan, ServedArm, ServedExperiment};
pub use fallback::{Asks, Compare, FOR_THE_REST, Fallback, FallbackRule};
pub use fit::fit;
pub use keys::{ApiKey, Caller, KeyDigest, KeyHasher, KeyRing, MAX_KEY_LEN};
pub use limit::{Limit, LimitKind, Limits, Over, Rate, Usage};
pub use recompute::{
    Comparison, Difference, MAX_DIFFERENCES, Rule, compare, distance, recompute, same_bits,
};
pub use rollout::{LiveRollout, Scoring, ServedGroup, ServedRollout};
pub use routes::{RouteTarget, ServedRoute};
pub use snapshot::{ServingSnapshot, SnapshotParts};
pub use watch::{Seen, Watch};
