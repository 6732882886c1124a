//! Wire types of the API and the OpenAPI document they generate.
//!
//! Requests refuse unknown members; responses may gain members. Times are RFC 3339 in UTC
//! with microseconds, digests 64 hexadecimal digits, ids UUIDs, words `snake_case`.
//!
//! **Architecture invariant:** no logic. A type here says what travels, never what it does;
//! the use cases are in `plimsoll-control`, the route table in `plimsoll-server`.

mod access;
mod alert;
mod artifact;
mod batch;
mod dataset;
mod decision;
mod deployment;
mod event;
mod experiment;
mod explain;
mod finding;
mod forensics;
mod governance;
mod ledger;
mod limit;
mod lineage;
mod live;
mod model;
mod monitoring;
mod observation;
pub mod oip;
mod openapi;
mod outcome;
mod page;
mod performance;
mod policy;
mod problem;
mod query;
mod receipt;
mod report;
mod retrain;
mod review;
mod rollout;
mod session;
mod sink;
mod status;
mod subject;
mod time;
mod watch_limits;
mod words;

pub use access::{
    AccessCell, AccessMatrix, AccessQuestion, AccessVerdict, ApiKey, CreateKey, CreatePrincipal,
    DecidingPolicy, ExternalIdentity, KeySecret, Policies, PolicyFile, Principal, RotateKey,
};
pub use alert::{
    Alert, AlertAgain, AlertFilter, AlertFinding, AlertRoute, AlertRouteSecret, AlertTest,
    CreateAlertRoute, SentAlert,
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
pub use experiment::{
    ConcludeExperiment, Experiment, ExperimentArm, ExperimentMetric, ExperimentReport,
    ExperimentValue, PostExperimentValues, ReportedArm, ReportedContrast, ReportedInterval,
    ReportedMean, ReportedMetric, ReportedPoint, ReportedSlice, ReportedSplit, StartExperiment,
    StopArm, StoppedArm,
};
pub use explain::{
    DecisionExplanation, ExplanationQuery, ExplanationSource, ProfileSummary, StoredProfile,
};
pub use finding::{
    AcknowledgeFinding, Alerting, AssignFinding, CreateSilence, Finding, FindingFilter,
    ReportFinding, ResolveFinding, Silence, SnoozeFinding,
};
pub use forensics::{
    MovedRow, Replay, ReplayDifference, ReplayResult, ReplayWindow, ReplayedWindow, Trace,
    TracedContract, TracedExplanation, TracedModel, TracedPolicy, TracedReceipt, TracedRecord,
    TracedRoute,
};
pub use governance::{
    ApprovalChallenge, ApprovalKey, ApproveRelease, AssessmentPreview, Attest, AttestableDemand,
    Attestation, Attestations, BreakGlass, BrokenGlass, ChangeWindow, DeclaredOutcomes,
    FactQuestion, GateCatalogue, GateDemand, GateDuty, GateException, GatePlan, GateRun,
    MeasuredShare, PluginCheck, PostCheckResult, PostInteractions, PutAssessment, PutEvaluation,
    RegisterApprovalKey, ReleaseStanding, RequestException, RunGate, StandingQuery,
    StoredAssessment, StoredEvaluation, Weekday,
};
pub use ledger::{LedgerTimeline, LedgerTimelineQuery, TimelinePart};
pub use limit::{Limit, LimitSet, SetLimit};
pub use lineage::{
    AdoptVersion, ArchiveVersion, CardOfVersion, CreateOverride, LineageQuery, ScanBlock,
    ScanBlocks, ScanOverride, VersionCard,
};
pub use live::{LivePhase, LiveRefusal, LiveScores, LiveSecond, LiveTimes, LiveTraffic};
pub use model::{
    Artifact, Contract, ContractDraft, ContractSummary, CreateModel, CreateVersion, DraftQuestion,
    FileRole, ManifestFile, ModelVersion, RegisteredModel, ScanFacts, VersionFacts,
};
pub use monitoring::{
    Age, Backfill, ColumnTest, DriftBy, DriftExplained, DriftPart, DriftQuery, DriftSlice,
    MonitoredColumn, MonitoredKind, MonitoredWindow, MonitoredWindows, Monitoring,
    MonitoringReference, MonitoringSignal, ReferenceCells, ReferenceQuery, ScoreChange, WatchState,
    WindowsQuery,
};
pub use observation::{Observation, Observed, ObservedItem};
pub use openapi::{RouteDoc, SchemaOf, openapi, schema_of};
pub use outcome::{
    DecisionOutcomes, Outcome, OutcomeItem, OutcomeValue, OutcomesRecorded, RecordOutcome,
    RecordOutcomes,
};
pub use page::{Page, PageQuery};
pub use performance::{
    EstimatedMetric, FairnessComparison, FairnessGroup, FairnessQuery, FairnessReport, Performance,
    PerformanceMetric, PerformanceQuery, PerformanceWindow, Rate, ReliabilityBin,
};
pub use plimsoll_contract::Contract as ContractDocument;
pub use plimsoll_explain::ExplainProfile as ProfileDocument;
pub use plimsoll_explain::account::{Account, Audience};
pub use plimsoll_lineage::{Direction, Edge, EdgeKind, Graph, Node, NodeId, NodeIdError, NodeKind};
pub use policy::{PolicyChange, PolicyPreview, PreviewPolicies};
pub use problem::{PROBLEM_MEDIA_TYPE, Problem};
pub use query::{Query, QueryColumn, QueryFormat, QueryTable, QueryTables, SubjectSearch};
pub use receipt::Receipt;
pub use report::{Importance, ModelReport, PartialDependence, ReportQuery, ReportedFeature};
pub use retrain::{
    CancelRetrain, RequestRetrain, Retrain, RetrainFilter, RetrainLog, RetrainLogQuery,
    RetrainPolicy, RetrainPolicyShown, RetrainResult, RetrainRollout, RetrainStep,
    TrainingManifest, Trial,
};
pub use review::{
    ContestDecision, DeploymentReviews, Review, ReviewCase, ReviewDecision, ReviewFilter,
    ReviewHistory, ReviewRecord, ReviewSummary, ReviewWindow,
};
pub use rollout::{
    Because, DrillRollback, RollbackDrill, Rollout, RolloutChange, RolloutEvidence,
    RolloutGuardrail, RolloutPoint, RolloutReason, RolloutStep, StartRollout,
};
pub use session::{Session, SignIn};
pub use sink::{CloudEvent, CreateSink, ResumeSink, Sink, SinkProgress, SinkSecret, SinkTest};
pub use status::{DeploymentStatus, LedgerStatus, LogStatus, SinkStatus, Status};
pub use subject::{
    DeploymentQuestion, EraseSubject, Erasure, ErasureState, ExportSubject, Hold, HoldDeployment,
    HoldSubject, KeyRotation, SubjectExport, SubjectQuestion, SubjectRecord, SubjectStatus,
};
pub use time::Timestamp;
pub use watch_limits::{MeasureLimit, WatchLimits, WatchLimitsShown};
pub use words::{
    AlertShape, AlertState, AlertWhat, BatchFormat, BatchState, Environment, ExperimentAdvice,
    ExperimentPhase, ExperimentUnit, Explain, FindingKind, FindingSeverity, FindingState,
    GuardrailKind, MetricGoal, MetricKind, MetricRole, MetricSays, ObservedState, OutcomeState,
    PrincipalKind, RetrainState, RetrainTrigger, ReviewMode, ReviewState, ReviewWhy, Role,
    RolloutPhase, SinkFormat, SinkProfile, SinkState, Task, Tier, TrialState,
};

#[cfg(test)]
mod tests;
