//! Control state in SQLite: schema, migrations, typed queries. The only SQL there is.
//!
//! [`Store::read`] gives typed queries, [`Store::write`] one transaction that changes state,
//! counts the generation up and writes the outbox. All calls block; callers that must not
//! block go through a thread of their own.
//!
//! **Architecture invariant:** the store decides nothing. Who may do what, whether a contract
//! fits a model, what a word means: all of it is settled before a row comes here. The gateway
//! cannot reach this crate.

mod alert;
mod batch;
mod card;
mod change;
mod dataset;
mod error;
mod explain;
mod file;
mod finding;
mod governance;
mod group;
mod head;
mod identity;
mod lineage;
mod mlflow;
mod monitoring;
mod read;
mod release;
mod retrain;
mod review;
mod rollout;
mod row;
mod schema;
mod sink;
mod split;
mod store;
mod subject;
mod trial;
mod under_way;
mod watch_limits;
mod write;

pub use alert::{AlertRow, DeliveryState, DueAlert, RouteRow, SentAlert};
pub use batch::{BatchProgress, BatchRow};
pub use card::{ArchivedRow, BlockRow, CardRow, OverrideRow};
pub use dataset::{DatasetFileRow, DatasetRow, DatasetVersionRow, GrantRow};
pub use error::StoreError;
pub use file::{PathRow, ProtectedRow};
pub use finding::{FindingFilter, FindingKey, FindingRow, SilenceRow};
pub use governance::GovernanceRow;
pub use head::{TreeHeadRow, read_tree_head};
pub use identity::{IdentityRow, LimitRow};
pub use lineage::{LineageDataRow, LineageRunRow, Numbered};
pub use mlflow::{
    Audience, CatalogueRow, CatalogueVersion, DeliveryRow, ExperimentRow, LoggedRow, PairKind,
    RunDatasetRow, RunRow, Search, WebhookRow,
};
pub use monitoring::{FreshnessRow, ReferenceRow, UnreferencedRow};
pub use read::{MAX_PAGE, Read};
pub use retrain::{RetrainPolicyRow, RetrainRow};
pub use review::{ReviewMark, ReviewRow, ReviewTotals};
pub use rollout::{RolloutRow, RolloutStepRow};
pub use row::{
    ApiKeyRow, ContractRow, DeploymentRow, FileRow, Meta, ModelRow, PrincipalRow, ProfileRow,
    Release, VersionRow,
};
pub use sink::{SinkCursor, SinkRow};
pub use split::SplitRow;
pub use store::{Change, Store};
pub use subject::{ErasureRow, HoldRow, MAX_OF_SUBJECT};
pub use trial::{RetrainStepRow, TrialRow};
pub use watch_limits::WatchLimitsRow;
pub use write::Write;

#[cfg(test)]
mod tests;
