//! Wire types of the API and the OpenAPI document they generate.
//!
//! Requests refuse unknown members; responses may gain members. Times are RFC 3339 in UTC
//! with microseconds, digests 64 hexadecimal digits, ids UUIDs, words `snake_case`.
//!
//! **Architecture invariant:** no logic. A type here says what travels, never what it does;
//! the use cases are in `plimsoll-control`, the route table in `plimsoll-server`.

mod access;
mod artifact;
mod batch;
mod dataset;
mod decision;
mod deployment;
mod event;
mod explain;
mod forensics;
mod limit;
mod live;
mod model;
mod observation;
pub mod oip;
mod openapi;
mod page;
mod policy;
mod problem;
mod query;
mod receipt;
mod report;
mod review;
mod session;
mod sink;
mod status;
mod subject;
mod time;
mod words;

pub use access::{
    AccessCell, AccessMatrix, AccessQuestion, AccessVerdict, ApiKey, CreateKey, CreatePrincipal,
    DecidingPolicy, ExternalIdentity, KeySecret, Policies, PolicyFile, Principal, RotateKey,
};
pub use artifact::{CreateUpload, FinishUpload, UploadSession};
pub use batch::{Batch, BatchFile, BatchQuery};
pub use dataset::{
    CreateDataset, Dataset, DatasetColumn, DatasetFile, DatasetGrant, DatasetManifest,
    DatasetQuery, DatasetSource, DatasetUse, DatasetVersion, GrantDataset,
};
pub use decision::{
    Decision, DecisionBody, DecisionFilter, DecisionFlag, DecisionLeaf, DecisionOutput,
    DecisionRefusal, DecisionSummary, DecisionTail, MappedText, PhaseTime, TailQuery,
};
pub use deployment::{
    CreateDeployment, Deployment, Fallback, ReleaseVersion, ReleasedVersion, RollBack, Signer,
    UpdateDeployment,
};
pub use event::{ControlEvent, EventFilter};
pub use explain::{
    DecisionExplanation, ExplanationQuery, ExplanationSource, ProfileSummary, StoredProfile,
};
pub use forensics::{
    MovedRow, Replay, ReplayDifference, ReplayResult, ReplayWindow, ReplayedWindow, Trace,
    TracedContract, TracedExplanation, TracedModel, TracedPolicy, TracedReceipt, TracedRecord,
    TracedRoute,
};
pub use limit::{Limit, LimitSet, SetLimit};
pub use live::{LivePhase, LiveRefusal, LiveScores, LiveSecond, LiveTimes, LiveTraffic};
pub use model::{
    Artifact, Contract, ContractSummary, CreateModel, CreateVersion, FileRole, ManifestFile,
    ModelVersion, RegisteredModel, ScanFacts, VersionFacts,
};
pub use observation::{Observation, Observed, ObservedItem};
pub use openapi::{RouteDoc, SchemaOf, openapi, schema_of};
pub use page::{Page, PageQuery};
pub use plimsoll_contract::Contract as ContractDocument;
pub use plimsoll_explain::ExplainProfile as ProfileDocument;
pub use plimsoll_explain::account::{Account, Audience};
pub use policy::{PolicyChange, PolicyPreview, PreviewPolicies};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem};
pub use query::{Query, QueryColumn, QueryFormat, QueryTable, QueryTables, SubjectSearch};
pub use receipt::Receipt;
pub use report::{Importance, ModelReport, PartialDependence, ReportQuery, ReportedFeature};
pub use review::{
    ContestDecision, DeploymentReviews, Review, ReviewCase, ReviewDecision, ReviewFilter,
    ReviewHistory, ReviewRecord, ReviewSummary, ReviewWindow,
};
pub use session::{Session, SignIn};
pub use sink::{CloudEvent, CreateSink, ResumeSink, Sink, SinkProgress, SinkSecret, SinkTest};
pub use status::{DeploymentStatus, LedgerStatus, LogStatus, SinkStatus, Status};
pub use subject::{
    DeploymentQuestion, EraseSubject, Erasure, ErasureState, ExportSubject, Hold, HoldDeployment,
    HoldSubject, KeyRotation, SubjectExport, SubjectQuestion, SubjectRecord, SubjectStatus,
};
pub use time::Timestamp;
pub use words::{
    BatchFormat, BatchState, Environment, Explain, ObservedState, PrincipalKind, ReviewMode,
    ReviewState, ReviewWhy, Role, SinkFormat, SinkProfile, SinkState, Tier,
};

#[cfg(test)]
mod tests;
