//! The closed set of things a principal can ask to do, each with the one kind of
//! resource it is done to. A test holds this list against `schema.cedarschema`.

use crate::resource::ResourceKind;
use std::fmt;
use std::str::FromStr;

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident => $kind:ident,)+) => {
        /// What a principal asks to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Action {
            $($(#[$doc])* $name,)+
        }

        impl Action {
            /// Every action, in the order of the schema.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The name of the action in the schema, in policies and in the ledger.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)+
                }
            }

            /// The one kind of resource the action is done to.
            #[must_use]
            pub const fn resource_kind(self) -> ResourceKind {
                match self {
                    $(Self::$name => ResourceKind::$kind,)+
                }
            }
        }
    };
}

actions! {
    /// Ask whether the server is alive and ready.
    ReadHealth => Server,
    /// Load the console's pages, and sign in with a key.
    OpenConsole => Server,
    /// Read the OpenAPI document.
    ReadOpenapi => Server,
    /// Read Prometheus metrics.
    ReadMetrics => Server,
    /// Read the generations, queues and components of the running server.
    ReadStatus => Server,
    /// Read checkpoints, tiles and commitment leaves of the ledger (no bodies).
    ReadLedger => Server,
    /// Read control events.
    ReadEvents => Server,
    /// Copy the running data folder.
    Backup => Server,
    /// Stop accepting and finish what is in flight.
    Drain => Server,
    /// Open the list of deployments; each one shown needs `ReadDeployment` of its own.
    ListDeployments => Server,
    /// Open the list of registered models; each one shown needs `ReadModel`.
    ListModels => Server,
    /// Open the list of decisions; each one shown needs `ReadDecision`.
    ListDecisions => Server,
    /// Follow new decisions; each one shown needs `ReadDecision`.
    TailDecisions => Server,
    /// Open the list of principals; each one shown needs `ReadPrincipal`.
    ListPrincipals => Server,
    /// Open the list of API keys; each one shown needs `ReadKey`.
    ListKeys => Server,
    /// Ask with SQL; a deployment's decisions need `ReadDecision`, their values `ReadDecisionBody`.
    QueryDecisions => Server,

    /// Ask a deployment for a decision.
    Infer => Deployment,
    /// Read a deployment's settings and its inputs.
    ReadDeployment => Deployment,
    /// Make a deployment (its first version needs `Release` as well).
    CreateDeployment => Deployment,
    /// Change a deployment's settings (another version needs `Release` as well).
    UpdateDeployment => Deployment,
    /// Take a deployment out of service for good.
    ArchiveDeployment => Deployment,

    /// See how a deployment's traffic compares with its reference.
    ReadMonitoring => Deployment,
    /// Say what a deployment's traffic is compared with, and count it again.
    Watch => Deployment,

    /// Let the version answer again in a deployment that was released before.
    RollBack => Deployment,

    /// Let a model version answer in a deployment.
    Release => Release,

    /// State facts about a deployment's use, declare its gate, ask for an exception.
    AssessDeployment => Deployment,
    /// Run a gate's checks on a version, or post what a check of one's own found.
    RunGate => Deployment,
    /// Approve that a version that passed its gate answers in a deployment.
    ApproveRelease => Deployment,
    /// Allow an exception that somebody else asked for, or end one.
    AllowException => Deployment,
    /// Let a version answer past its gate, for a few hours, loudly.
    BreakGlass => Deployment,
    /// Register or end a key of one's own that approvals are signed with.
    KeepApprovalKey => Principal,

    /// Read a registered model.
    ReadModel => Model,
    /// Register a model.
    CreateModel => Model,
    /// Add a version to a registered model.
    CreateVersion => Model,
    /// Read a model version and its manifest.
    ReadVersion => Version,

    /// Read and list files under MLflow's paths.
    ReadFile => Server,
    /// Put or remove a file under MLflow's paths; those of registered versions never change.
    ChangeFile => Server,

    /// Open the list of datasets; each one shown needs `DescribeDataset`.
    ListDatasets => Server,
    /// See a dataset's manifest and who may use it, not its rows.
    DescribeDataset => Dataset,
    /// Register a dataset or another version of it.
    CreateDataset => Dataset,
    /// Say who may use a dataset, how and for which purpose.
    GrantDataset => Dataset,
    /// Read a dataset.
    ReadDataset => Dataset,
    /// Fetch a dataset to train on it.
    TrainOnDataset => Dataset,
    /// Take a dataset out of the installation.
    ExportDataset => Dataset,

    /// Read a decision's metadata: when, which version, which result.
    ReadDecision => Decision,
    /// Read a decision's values: features, prediction, principal.
    ReadDecisionBody => Decision,

    /// Read the policies in force.
    ReadPolicy => Policy,
    /// Ask who may do what, and why.
    ReadAccess => Policy,

    /// Read a principal and its roles.
    ReadPrincipal => Principal,
    /// Make a principal and give it roles.
    CreatePrincipal => Principal,

    /// Read an API key's scopes, environment and expiry (never the secret).
    ReadKey => Key,
    /// Make an API key.
    CreateKey => Key,
    /// Replace an API key by a new one, with overlap.
    RotateKey => Key,
    /// End an API key at once.
    RevokeKey => Key,

    /// Read sinks: where events go, and how far each is (never a secret).
    ReadSinks => Server,
    /// Add a sink; it is sent what its owner may read.
    CreateSink => Server,
    /// Pause a sink, let it go on, or send it elsewhere in the ledger.
    ChangeSink => Server,
    /// Send a test event to a sink.
    TestSink => Server,
    /// Take a sink away.
    RemoveSink => Server,

    /// Read how much may be asked, and by whom.
    ReadLimits => Server,
    /// Set how much may be asked, and by whom, or take such a limit away.
    SetLimit => Server,

    /// Compute a window of a deployment's decisions again, on another version.
    ReplayDecisions => Deployment,
    /// Open the queue of reviews and their summary; each decision shown needs `ReadDecision`.
    ListReviews => Server,
    /// Accept or override a decision.
    ReviewDecision => Decision,
    /// Contest a decision, so that a person looks at it.
    ContestDecision => Decision,
    /// Fetch the answer of a decision that was held for review.
    ReadAnswer => Decision,

    /// Tell what turned out to be true about a deployment's decisions.
    RecordOutcomes => Deployment,
    /// Tell attributes of people that fairness is measured by, and no model is given.
    RecordAttributes => Deployment,
    /// Read how good a deployment's answers were: shares and means, no values.
    ReadPerformance => Deployment,
    /// Read whether groups of people are treated alike: shares of groups, none of them small.
    ReadFairness => Deployment,

    /// Open the list of batch jobs; each one shown needs `ReadDeployment`.
    ListBatches => Server,
    /// Begin, end or resume a batch job (each row needs `Infer` as well), and fetch its result.
    ScoreBatch => Deployment,
    /// Report decisions that were made elsewhere.
    Observe => Deployment,
    /// Open the catalogue of registered models; each one shown needs `ReadCatalogued`.
    ListCatalogue => Server,
    /// Read a registered model of the catalogue with its versions.
    ReadCatalogued => Catalogued,
    /// Register a model in the catalogue.
    AddCatalogued => Catalogued,
    /// Add a version to a registered model of the catalogue.
    AddCataloguedVersion => Catalogued,
    /// Change what is said about a model or version: description, tags, name, aliases and
    /// stages that are not production's.
    ChangeCatalogued => Catalogued,
    /// Let an alias or stage of production point to a version, or to none.
    PromoteCatalogued => Catalogued,
    /// Take a model or version that nobody needs out of the catalogue.
    DeleteCatalogued => Catalogued,
    /// Place a legal hold on a version, or release it.
    HoldCatalogued => Catalogued,
    /// Read experiments, runs and logged models.
    ReadTracking => Server,
    /// Write experiments, runs and logged models.
    WriteTracking => Server,
    /// Read the registry's webhooks (never a secret).
    ReadWebhooks => Server,
    /// Add, change or take away a webhook of the registry.
    ChangeWebhooks => Server,
    /// Send a test event to a webhook of the registry.
    TestWebhook => Server,

    /// Open the list of findings; each one shown needs `ReadDeployment`.
    ListFindings => Server,
    /// Acknowledge, assign, snooze or resolve a finding, or silence those of a deployment.
    HandleFinding => Deployment,
    /// Read who is told of findings, and what was told (never a secret).
    ReadAlerting => Server,
    /// Say who is told of findings, or silence those of every deployment.
    ChangeAlerting => Server,
    /// Send a test to who is told of findings.
    TestAlertRoute => Server,
    /// Say when and how a deployment's model is trained again.
    SetRetrainPolicy => Deployment,
    /// Ask that a deployment's model is trained again, or end that.
    RequestRetrain => Deployment,
    /// Let somebody else's request to train again go on.
    ApproveRetrain => Deployment,

    /// Read what came from what; each thing shown needs leave of its own.
    ReadLineage => Server,
    /// Tell what came from what, as OpenLineage's events do.
    WriteLineage => Server,
    /// Say something about a model version: its card.
    DescribeVersion => Version,
    /// Archive a model version: no deployment gets it any more.
    ArchiveVersion => Version,
    /// Make a version of the catalogue one that deployments may use.
    AdoptCatalogued => Catalogued,
    /// Read which files scans blocked, and what was let pass.
    ReadScans => Server,
    /// Let a file pass that a scan blocked, for a time.
    OverrideScan => Catalogued,

    /// Read an input contract.
    ReadContract => Contract,
    /// Store an input contract.
    CreateContract => Contract,
    /// Read an explain profile.
    ReadProfile => Contract,
    /// Store an explain profile.
    CreateProfile => Contract,

    /// Ask what is held about a subject: holds, erasures and how far they are.
    ReadSubject => Server,
    /// Take out everything held about a subject, opened.
    ExportSubject => Server,
    /// Destroy a subject's keys.
    EraseSubject => Server,
    /// Place a legal hold on a subject or deployment, or release one.
    HoldSubject => Server,
    /// Begin a new epoch of keys and destroy the one before.
    RotateKeys => Server,
}

impl Action {
    /// Whether the schema lets an anonymous principal ask at all. No policy can widen it.
    #[must_use]
    pub const fn is_open_to_anonymous(self) -> bool {
        matches!(self, Self::ReadHealth | Self::OpenConsole | Self::ReadLedger)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text named no [`Action`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "no such action; actions are named as in the schema, for example `Infer` or `ReadDecision`"
)]
pub struct UnknownAction(());

impl FromStr for Action {
    type Err = UnknownAction;
    fn from_str(text: &str) -> Result<Self, UnknownAction> {
        Self::ALL.iter().copied().find(|action| action.as_str() == text).ok_or(UnknownAction(()))
    }
}
