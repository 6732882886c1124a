//! The command line: every command, option and example, and nothing of what they do.
//!
//! `docs/cli.md` is generated from here.

use crate::cli_ledger::{Ledger, Verify};
use crate::commands::forensics::{ReplayArgs, TraceArgs};
use crate::commands::review::Setting as ReviewSetting;
use crate::commands::upstream::CheckUpstream;
use crate::commands::witness::Witness;
use crate::printer::Color;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use plimsoll_api::{Environment, Explain, PrincipalKind, Role, Tier};
use plimsoll_contract::ErrorDetail;
use plimsoll_types::record::{Mode, ResultClass};
use plimsoll_types::{ApiKeyId, DecisionId, Digest, Name};
use std::net::IpAddr;
use std::path::PathBuf;

/// The heading of the options that every command has.
pub(crate) const GLOBAL: &str = "Global options";

/// What `--help` of the whole says at its end.
const ABOUT_EXITS: &str = "\
Exit codes: 0 yes, 1 your error, 2 the answer is no, 3 verification failed, 70 our fault.
Data goes to stdout, words to stderr.";

/// A self-hosted model risk control plane: every decision validated, authorized and recorded.
#[derive(Parser, Debug)]
#[command(name = "plimsoll", version, after_help = ABOUT_EXITS, arg_required_else_help = true)]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = GLOBAL)]
pub(crate) struct Global {
    /// Print data as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Server to talk to [env: PLIMSOLL_URL] [default: http://127.0.0.1:8081]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// API key; others can list it, so prefer --key-file [env: PLIMSOLL_KEY]
    #[arg(long, global = true, value_name = "KEY", conflicts_with = "key_file")]
    pub(crate) key: Option<String>,
    /// File that holds the API key [env: PLIMSOLL_KEY_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key_file: Option<String>,
    /// Settings file [env: PLIMSOLL_CONFIG] [default: plimsoll.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Show times in UTC instead of the local zone
    #[arg(long, global = true)]
    pub(crate) utc: bool,
    /// When to colour words
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true
    )]
    #[arg(value_parser = one_of(Color::ALL, Color::as_str))]
    pub(crate) color: Color,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more
    #[arg(short, long, global = true)]
    pub(crate) verbose: bool,
}

/// Every noun, and the verbs that stand alone.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run the server: data plane, control plane and ledger in one process
    #[command(after_help = "\
Examples:
  plimsoll serve
  plimsoll serve --dev
  plimsoll serve --port 9000 --data /var/lib/plimsoll --keys /etc/plimsoll/keys
  plimsoll serve --host 0.0.0.0 --set tls.cert=cert.pem --set tls.key=key.pem")]
    Serve(Serve),
    /// Show Plimsoll at work: a server with two models, live traffic, and what comes of it
    ///
    /// Runs `serve --dev` in a folder of its own, so nothing else on this machine is touched.
    /// Ctrl-C ends it and checks that every request has its decision on record.
    #[command(after_help = "\
Examples:
  plimsoll demo
  plimsoll demo --port 9000 --rate 200
  plimsoll demo --seconds 30 --json
  plimsoll demo --loop")]
    Demo(Demo),
    /// Settings
    #[command(subcommand)]
    Config(Config),
    /// Registered models, their versions, and offline predictions
    #[command(subcommand)]
    Model(Model),
    /// Input contracts
    #[command(subcommand)]
    Contract(Contract),
    /// Deployments
    #[command(subcommand)]
    Deployment(Deployment),
    /// What persons are told of a deployment's decisions
    #[command(subcommand)]
    ExplainProfile(crate::commands::explain_profile::Verb),
    /// Principals: who acts
    #[command(subcommand)]
    Principal(Principal),
    /// API keys
    #[command(subcommand)]
    Key(Key),
    /// Decisions in the ledger
    #[command(subcommand)]
    Decision(Decision),
    /// Control events in the ledger
    #[command(subcommand)]
    Event(Event),
    /// Who may do what, and why
    #[command(subcommand)]
    Access(Access),
    /// The ledger: its files, its checkpoints, its key
    #[command(subcommand)]
    Ledger(Ledger),
    /// Check a proof offline, with nothing but the log's public key
    #[command(subcommand)]
    Verify(Verify),
    /// Subjects: what is held about a person, its erasure, legal holds
    #[command(subcommand)]
    Subject(crate::commands::subject::Subject),
    /// Reviews: what people say about decisions
    #[command(subcommand)]
    Review(crate::commands::review::Verb),
    /// Sinks: receivers of events that follow the ledger
    #[command(subcommand)]
    Sink(crate::commands::sink::Verb),
    /// Findings: what is wrong with deployments, and who sees to it
    #[command(subcommand)]
    Finding(crate::commands::finding::Verb),
    /// Alerts: who is told of findings, and what was told
    #[command(subcommand)]
    Alert(crate::commands::alert::Verb),
    /// Retraining: when models are trained again, and what became of it
    #[command(subcommand)]
    Retrain(crate::commands::retrain::Verb),
    /// What a thing came from, and what came of it: data, runs, versions, deployments, decisions
    Lineage(crate::commands::lineage::Lineage),
    /// Runs that make models: repeated, and told of
    #[command(subcommand)]
    Run(crate::commands::run::Verb),
    /// Datasets: what they are, where they come from, who may use them for what
    #[command(subcommand)]
    Dataset(crate::commands::dataset::Verb),
    /// Batch jobs: every row of a file decided and recorded
    #[command(subcommand)]
    Batch(crate::commands::batch::Verb),
    /// Decisions that are made elsewhere, recorded here
    #[command(subcommand)]
    Observe(crate::commands::observe::Verb),
    /// Outcomes: what turned out to be true about decisions
    #[command(subcommand)]
    Outcome(crate::commands::outcome::Verb),
    /// Identities: whose tokens and certificates are believed
    #[command(subcommand)]
    Identity(crate::commands::identity::Verb),
    /// Limits: how much may be asked, and by whom
    #[command(subcommand)]
    Limit(crate::commands::limit::Verb),
    /// Monitor: whether traffic moves, how good answers were, and whether to everybody alike
    #[command(subcommand)]
    Monitor(crate::commands::monitor::Verb),
    /// Copy a data folder, running or not, into one file
    ///
    /// Keys are never part of it: back up the keys folder apart, or the bodies stay sealed.
    #[command(after_help = "Examples:\n  plimsoll backup --data ./plimsoll-data -o backup.tar")]
    Backup(Backup),
    /// Make a data folder from a backup
    #[command(after_help = "Examples:\n  plimsoll restore backup.tar --data ./plimsoll-data")]
    Restore(Restore),
    /// Ask decision tables with SQL
    ///
    /// There is a table for every deployment, with its features and outputs, and `decisions`
    /// with the decisions of all. Names are written as in the contract; those with a hyphen in
    /// double quotes. What is personal opens for those who may read decisions' bodies.
    #[command(after_help = crate::cli_query::EXAMPLES)]
    Query(crate::cli_query::Query),
    /// The decision tables
    #[command(subcommand)]
    Lake(crate::cli_query::Lake),
    /// What the running server says about itself
    #[command(after_help = "Examples:\n  plimsoll status\n  plimsoll status --json")]
    Status,
    /// Print the OpenAPI document
    #[command(after_help = "Examples:\n  plimsoll openapi > openapi.json")]
    Openapi,
    /// Print the version
    #[command(after_help = "Examples:\n  plimsoll version\n  plimsoll version --json")]
    Version,
    /// A witness: cosigns checkpoints of other people's logs
    #[command(subcommand)]
    Witness(Witness),
    /// Explanations of models and their answers, offline
    #[command(subcommand)]
    Explain(crate::commands::Explain),
    /// Has a table drifted from a reference? Offline, column by column
    #[command(subcommand)]
    Drift(crate::commands::drift::Drift),
    /// What is owed for a use of a model: risk tier, duties, checks. Offline, from facts
    Assess(crate::commands::assess::Assess),
    /// May a version be promoted? Checks, approvals, exceptions, the emergency
    #[command(subcommand)]
    Gate(crate::commands::gate::Gate),
    /// Keys of your own, which your approvals are signed with
    #[command(subcommand)]
    Approval(crate::commands::approval::Verb),
    /// Make a deployment what a file says, or show what would change
    Apply(crate::commands::apply::Apply),
    /// Undo a release: the version before answers again
    Rollback(crate::commands::rollback::Rollback),
    /// Versions tried under traffic, step by step, and rolled back when they do worse
    #[command(subcommand)]
    Rollout(crate::commands::rollout::Verb),
    /// Versions that answer shares of the same traffic, and which of them does better
    #[command(subcommand)]
    Experiment(crate::commands::experiment::Verb),
    /// Prove that what is needed in trouble works
    #[command(subcommand)]
    Drill(crate::commands::drill::Drill),
    /// What would a model file do to whoever loads it? Exit code 2 if anything is found
    ///
    /// Pickles, archives and models of every kind are read and never loaded; folders are looked
    /// through. docs/scanning.md has the rules.
    #[command(after_help = "\
Examples:
  plimsoll scan model.pkl
  plimsoll scan ./download --json
  plimsoll scan model.pt --sarif -o findings.sarif")]
    Scan(crate::commands::scan::ScanArgs),
    /// Print docs/cli.md
    #[command(hide = true)]
    HelpMarkdown,
}

/// Options of `serve`, also read by `config show`.
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// Data on this port, control on the next, metrics on the one after; with --dev all on one
    #[arg(long, value_name = "P")]
    pub(crate) port: Option<u16>,
    /// Address to listen on; 0.0.0.0 opens the server to other machines
    #[arg(long, value_name = "IP")]
    pub(crate) host: Option<IpAddr>,
    /// A second address for inference, for callers that expect gRPC on a port of its own
    #[arg(long, value_name = "IP:P")]
    pub(crate) grpc: Option<String>,
    /// Folder of state, artifacts and ledger [default: ./plimsoll-data]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<String>,
    /// Folder of keys, apart from the data folder [default: ./plimsoll-keys]
    #[arg(long, value_name = "DIR")]
    pub(crate) keys: Option<String>,
    /// For trying things: loopback only, one port, no keys asked for
    #[arg(long)]
    pub(crate) dev: bool,
    /// Any setting, see `plimsoll config show`
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

/// Options of `demo`.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Port of the demo's server; 0 takes a free one
    #[arg(long, value_name = "P", default_value_t = 8080)]
    pub(crate) port: u16,
    /// Folder of the demo: its data, its keys, two requests to try; used again if it is there
    #[arg(long, value_name = "DIR", default_value = "./plimsoll-demo")]
    pub(crate) data: PathBuf,
    /// Requests per second
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rate: u32,
    /// End after so many seconds [default: at Ctrl-C]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) seconds: Option<u32>,
    /// After --seconds, end the traffic only; the server goes on until Ctrl-C
    #[arg(long, requires = "seconds")]
    pub(crate) keep: bool,
    /// Let the population shift, and watch the loop close: alert, retraining, gate, shadow, canary,
    /// promoted; it ends then. Needs a Python with xgboost
    #[arg(long = "loop", conflicts_with = "keep")]
    pub(crate) closed_loop: bool,
    /// The Python that trains [default: .venv/demo/bin/python, else python3]
    #[arg(long, value_name = "FILE", requires = "closed_loop")]
    pub(crate) python: Option<PathBuf>,
}

/// Verbs of settings.
#[derive(Subcommand, Debug)]
pub(crate) enum Config {
    /// Each setting with its value and where it came from
    #[command(after_help = "\
Examples:
  plimsoll config show
  plimsoll config show --json
  plimsoll config show --port 9000 --set log.level=debug")]
    Show(Serve),
    /// Print a settings file with every default, to start from
    #[command(after_help = "Examples:\n  plimsoll config example > plimsoll.toml")]
    Example,
}

/// Verbs of models.
#[derive(Subcommand, Debug)]
pub(crate) enum Model {
    /// Add a version to a registered model, registering the model if it is new
    #[command(after_help = "\
Examples:
  plimsoll model add credit model.ubj
  plimsoll model add credit model.json --file background=train.parquet --description 'PD at 12 months'
  plimsoll model add legacy upstream.yaml    # answers elsewhere: docs/upstreams.md")]
    Add(ModelAdd),
    /// List registered models
    #[command(after_help = "Examples:\n  plimsoll model list\n  plimsoll model list --json")]
    List(Paged),
    /// Show a registered model and its versions, or one version
    #[command(after_help = "\
Examples:
  plimsoll model show credit
  plimsoll model show credit --version 3")]
    Show {
        /// The registered model
        name: Name,
        /// The number of a version
        #[arg(long, value_name = "N")]
        version: Option<u32>,
    },
    /// What is said about a version beside its files
    #[command(subcommand)]
    Card(crate::commands::model_card::Card),
    /// Make a version that an MLflow client registered one that deployments may use
    ///
    /// Its files are loaded and scanned as those of any other version. A release does this by
    /// itself.
    #[command(after_help = "\
Examples:
  plimsoll model adopt credit/3
  plimsoll model adopt credit/3 --file model.ubj")]
    Adopt(crate::commands::model_card::Adopt),
    /// Archive a version: no deployment gets it any more, and nothing of it goes
    #[command(after_help = "\
Examples:
  plimsoll model archive credit/1 --reason 'superseded by 3'")]
    Archive(crate::commands::model_card::Archive),
    /// How a version was made (SLSA), or what it is made of (CycloneDX), signed if wanted
    #[command(after_help = "\
Examples:
  plimsoll model provenance credit/3
  plimsoll model provenance credit/3 --signing-key key.pem -o provenance.json
  plimsoll model provenance credit/3 --bom --signing-key key.pem -o bom.json")]
    Provenance(crate::commands::model_card::ProvenanceArgs),
    /// Verify a signed provenance and print it; exit code 3 if it does not hold
    #[command(after_help = "\
Examples:
  plimsoll model verify-provenance provenance.json --public-key key.pub")]
    VerifyProvenance(crate::commands::model_card::VerifyProvenance),
    /// List files that scans blocked, and what was let pass
    #[command(after_help = "Examples:\n  plimsoll model blocks\n  plimsoll model blocks --json")]
    Blocks,
    /// Let a file pass that a scan blocked: on record, for a time, and not by who wanted it
    #[command(after_help = "\
Examples:
  plimsoll model override DIGEST --reason 'reviewed by security' --until 2026-12-31T00:00:00Z")]
    Override(crate::commands::model_card::Override),
    /// Score a table with a model file, without a server
    ///
    /// Columns are matched by the names in the model file if it has them, else taken in order.
    #[command(after_help = "\
Examples:
  plimsoll model predict model.ubj data.parquet -o scores.parquet
  plimsoll model predict model.json data.csv --raw > margins.csv")]
    Predict(Predict),
    /// See what an upstream declaration makes of a request and of a reply, without asking anybody
    ///
    /// Exit code 2: the reply is not believed.
    #[command(after_help = "\
Examples:
  plimsoll model check-upstream upstream.yaml --contract contract.yaml
  plimsoll model check-upstream upstream.yaml --contract contract.yaml --request one.json --reply reply.json")]
    CheckUpstream(CheckUpstream),
    /// Sign a model, a file or a folder, in the format of OpenSSF Model Signing
    #[command(after_help = "\
Examples:
  plimsoll model sign ./model --signing-key key.pem
  plimsoll model sign model.ubj --signing-key key.pem -o model.ubj.sig
  plimsoll model sign ./model --signing-key key.pem --certificate me.pem --chain ca.pem")]
    Sign(crate::commands::model_sign::SignArgs),
    /// Verify a model's signature and every file of it; exit code 3 if either does not hold
    #[command(after_help = "\
Examples:
  plimsoll model verify ./model --public-key key.pub
  plimsoll model verify model.ubj --signature model.ubj.sig --public-key key.pub
  plimsoll model verify ./model --root ca.pem")]
    Verify(crate::commands::model_sign::VerifyArgs),
}

/// Options of `model add`.
#[derive(Args, Debug)]
pub(crate) struct ModelAdd {
    /// The registered model
    pub(crate) name: Name,
    /// The model file: XGBoost JSON or UBJSON, LightGBM text, scikit-learn JSON, ONNX; or the
    /// declaration of an upstream
    pub(crate) artifact: PathBuf,
    /// Another file of the version; roles: background, contract, metadata, other
    #[arg(long = "file", value_name = "ROLE=PATH")]
    pub(crate) files: Vec<String>,
    /// What the model is for (used when it is registered)
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Who answers for the model (used when it is registered) [default: you]
    #[arg(long, value_name = "WHO")]
    pub(crate) owner: Option<String>,
}

/// Options of `model predict`.
#[derive(Args, Debug)]
pub(crate) struct Predict {
    /// The model file: XGBoost JSON or UBJSON, LightGBM text, scikit-learn JSON, ONNX
    pub(crate) artifact: PathBuf,
    /// The rows: CSV or Parquet
    pub(crate) data: PathBuf,
    /// Margins instead of outputs
    #[arg(long)]
    pub(crate) raw: bool,
    /// Where to: CSV or Parquet by its ending [default: CSV to stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Verbs of contracts.
#[derive(Subcommand, Debug)]
pub(crate) enum Contract {
    /// Propose a contract from data, for people to review
    #[command(after_help = "\
Examples:
  plimsoll contract infer train.parquet --exclude defaulted -o contract.yaml
  plimsoll contract infer applications.csv")]
    Infer {
        /// The rows: CSV or Parquet
        data: PathBuf,
        /// A column that callers do not send, such as the target; may be given several times
        #[arg(long, value_name = "COLUMN")]
        exclude: Vec<String>,
        /// Where to [default: stdout]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Draft a contract from the signature that MLflow stored with a version
    #[command(after_help = "\
Examples:
  plimsoll contract draft --model credit --version 3 -o contract.yaml")]
    Draft(ContractDraft),
    /// Check a contract, alone, against a model file, or against data
    #[command(after_help = "\
Examples:
  plimsoll contract check contract.yaml
  plimsoll contract check contract.yaml --model model.ubj --data holdout.parquet")]
    Check {
        /// The contract: YAML or JSON
        contract: PathBuf,
        /// A model file whose inputs the contract must name
        #[arg(long, value_name = "ARTIFACT")]
        model: Option<PathBuf>,
        /// Rows that the contract must let pass: CSV or Parquet
        #[arg(long, value_name = "DATA")]
        data: Option<PathBuf>,
    },
    /// Store a contract
    #[command(after_help = "Examples:\n  plimsoll contract add contract.yaml")]
    Add {
        /// The contract: YAML or JSON
        contract: PathBuf,
    },
    /// Show a stored contract
    #[command(after_help = "Examples:\n  plimsoll contract show DIGEST > contract.yaml")]
    Show {
        /// Its digest
        digest: Digest,
    },
}

/// Whose signature a contract is drafted from.
#[derive(Args, Debug)]
pub(crate) struct ContractDraft {
    /// The registered model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: String,
    /// Its version
    #[arg(long, value_name = "NUMBER")]
    pub(crate) version: u32,
    /// Where to [default: stdout]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// Verbs of deployments.
#[derive(Subcommand, Debug)]
pub(crate) enum Deployment {
    /// Make a deployment, and release a version into it if one is named
    #[command(after_help = "\
Examples:
  plimsoll deployment create credit-default --model credit --version 1 --contract contract.yaml \\
      --environment production --owner risk-team
  plimsoll deployment create trial --model credit --contract contract.yaml \\
      --environment development --mode bounded --fallback 0.5")]
    Create(DeploymentCreate),
    /// List deployments
    #[command(after_help = "Examples:\n  plimsoll deployment list")]
    List(Paged),
    /// Show a deployment
    #[command(after_help = "Examples:\n  plimsoll deployment show credit-default")]
    Show {
        /// The deployment
        name: Name,
    },
    /// Change a deployment's settings
    #[command(after_help = "\
Examples:
  plimsoll deployment update credit-default --mode strict
  plimsoll deployment update credit-default --contract contract-v2.yaml --fallback none
  plimsoll deployment update fraud --fallback-previous --fallback-rule 'amount > 5000 -> 1' --fallback 0
  plimsoll deployment update credit-default --route 'header:x-cohort=beta -> canary'")]
    Update(DeploymentUpdate),
    /// Let a version answer
    #[command(after_help = "Examples:\n  plimsoll deployment release credit-default --version 2")]
    Release {
        /// The deployment
        name: Name,
        /// The number of the model version
        #[arg(long, value_name = "N")]
        version: u32,
    },
    /// What answers, whether it is ready, how it stands with its gate; exit code 2 if not ready
    #[command(after_help = "\
Examples:
  plimsoll deployment status credit-default
  plimsoll deployment status credit-default --watch --every 5s")]
    Status {
        /// The deployment
        name: Name,
        /// Show it again and again, until it is interrupted
        #[arg(long)]
        watch: bool,
        /// How often
        #[arg(long, value_name = "TIME", default_value = "2s", requires = "watch")]
        every: String,
    },
    /// Switch a deployment's models off at once; its fallback answers, or nothing does
    #[command(after_help = "\
Examples:
  plimsoll deployment kill credit-default --reason 'every answer is wrong since noon'")]
    Kill {
        /// The deployment
        name: Name,
        #[command(flatten)]
        because: crate::commands::because::Because,
    },
    /// Switch a deployment's models on again
    #[command(after_help = "Examples:\n  plimsoll deployment revive credit-default")]
    Revive {
        /// The deployment
        name: Name,
        #[command(flatten)]
        because: crate::commands::because::Because,
    },
    /// Take a deployment out of service for good
    #[command(after_help = "Examples:\n  plimsoll deployment archive trial")]
    Archive {
        /// The deployment
        name: Name,
    },
}

/// Options of `deployment create`.
#[derive(Args, Debug)]
pub(crate) struct DeploymentCreate {
    /// The deployment
    pub(crate) name: Name,
    /// The registered model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Name,
    /// Only record decisions that are made elsewhere; the model needs no version
    #[arg(long, conflicts_with_all = ["version", "fallback", "fallback_rule", "fallback_previous", "review"])]
    pub(crate) observe: bool,
    /// The number of the version to release
    #[arg(long, value_name = "N")]
    pub(crate) version: Option<u32>,
    /// The input contract: a file, which is stored first, or the digest of a stored one
    #[arg(long, value_name = "FILE|DIGEST")]
    pub(crate) contract: String,
    /// Where it stands
    #[arg(long, value_parser = one_of(Environment::ALL, Environment::as_str))]
    pub(crate) environment: Environment,
    /// Who answers for it [default: you]
    #[arg(long, value_name = "WHO")]
    pub(crate) owner: Option<String>,
    /// Its risk tier
    #[arg(long, value_parser = one_of(Tier::ALL, Tier::as_str))]
    pub(crate) tier: Option<Tier>,
    /// When an answer may leave [default: durable]
    #[arg(long, value_parser = one_of(Mode::ALL, Mode::as_str))]
    pub(crate) mode: Option<Mode>,
    /// When explanations are made [default: off]
    #[arg(long, value_parser = one_of(Explain::ALL, Explain::as_str))]
    pub(crate) explain: Option<Explain>,
    /// What persons are told: a file, which is stored first, or the digest of a stored profile
    #[arg(long, value_name = "FILE|DIGEST")]
    pub(crate) explain_profile: Option<String>,
    /// The answer when the model cannot give one: a number for each output, the same for all rows
    #[arg(long, value_name = "NUMBER,…", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) fallback: Option<Vec<f64>>,
    /// A rule that answers instead, `amount > 5000 -> 1`, the first that holds; may be repeated
    #[arg(long, value_name = "RULE")]
    pub(crate) fallback_rule: Vec<String>,
    /// The version before answers instead, if it can
    #[arg(long)]
    pub(crate) fallback_previous: bool,
    /// How much of a refusal callers are told [default: what the contract says]
    #[arg(long, value_parser = one_of(&DETAILS, detail_word))]
    pub(crate) error_detail: Option<ErrorDetail>,
    /// The longest time from accepting a request to its reply [default: 1s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) deadline: Option<String>,
    /// Requests in flight at once [default: 1024]
    #[arg(long, value_name = "N")]
    pub(crate) max_in_flight: Option<u32>,
    /// How long records are kept: `365d`, six months at least, or `forever`
    #[arg(long, value_name = "DAYS")]
    pub(crate) retention: Option<String>,
    /// Which answers a person looks at: off, held, or sampled:SHARE [default: off]
    #[arg(long, value_name = "WHICH")]
    pub(crate) review: Option<ReviewSetting>,
    /// Ask for a signature: who may have signed, and the public key in PEM; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    pub(crate) signer: Vec<String>,
}

/// Options of `deployment update`.
#[derive(Args, Debug)]
pub(crate) struct DeploymentUpdate {
    /// The deployment
    pub(crate) name: Name,
    /// The input contract: a file, which is stored first, or the digest of a stored one
    #[arg(long, value_name = "FILE|DIGEST")]
    pub(crate) contract: Option<String>,
    /// Who answers for it
    #[arg(long, value_name = "WHO")]
    pub(crate) owner: Option<String>,
    /// When an answer may leave
    #[arg(long, value_parser = one_of(Mode::ALL, Mode::as_str))]
    pub(crate) mode: Option<Mode>,
    /// When explanations are made
    #[arg(long, value_parser = one_of(Explain::ALL, Explain::as_str))]
    pub(crate) explain: Option<Explain>,
    /// What persons are told: a file, the digest of a stored profile, or `none`
    #[arg(long, value_name = "FILE|DIGEST")]
    pub(crate) explain_profile: Option<String>,
    /// The answer when the model cannot give one, or none; with the two below, the whole of what is
    /// declared, instead of what was before
    #[arg(long, value_name = "NUMBER,…|none", allow_hyphen_values = true)]
    pub(crate) fallback: Option<String>,
    /// A rule that answers instead, `amount > 5000 -> 1`, the first that holds; may be repeated
    #[arg(long, value_name = "RULE")]
    pub(crate) fallback_rule: Vec<String>,
    /// The version before answers instead, if it can
    #[arg(long)]
    pub(crate) fallback_previous: bool,
    /// How much of a refusal callers are told: full, field, code, or contract for what that says
    #[arg(long, value_parser = ["full", "field", "code", "contract"], hide_possible_values = true)]
    pub(crate) error_detail: Option<String>,
    /// The longest time from accepting a request to its reply
    #[arg(long, value_name = "DURATION")]
    pub(crate) deadline: Option<String>,
    /// Requests in flight at once
    #[arg(long, value_name = "N")]
    pub(crate) max_in_flight: Option<u32>,
    /// How long records are kept: `365d`, six months at least, or `forever`
    #[arg(long, value_name = "DAYS")]
    pub(crate) retention: Option<String>,
    /// Which answers a person looks at: off, held, or sampled:SHARE
    #[arg(long, value_name = "WHICH")]
    pub(crate) review: Option<ReviewSetting>,
    /// Who may have signed what is released, instead of those before; `none` asks for no signature
    #[arg(long, value_name = "NAME=FILE|none")]
    pub(crate) signer: Vec<String>,
    /// A rule that sends requests to a version whatever the split says, instead of those before:
    /// `header:x-cohort=beta -> canary`, `context:channel=branch -> 3`; may be repeated; `none`
    /// takes all away
    #[arg(long, value_name = "RULE|none")]
    pub(crate) route: Vec<String>,
}

/// Verbs of principals.
#[derive(Subcommand, Debug)]
pub(crate) enum Principal {
    /// Make a principal
    #[command(after_help = "\
Examples:
  plimsoll principal create alice --kind user --role data-scientist
  plimsoll principal create scoring --kind service --role caller")]
    Create {
        /// Its name
        name: Name,
        /// A person or a program
        #[arg(long, value_parser = one_of(PrincipalKind::ALL, PrincipalKind::as_str))]
        kind: PrincipalKind,
        /// What it is trusted with; may be given several times
        #[arg(long = "role", required = true, value_parser = one_of(Role::ALL, Role::as_str))]
        roles: Vec<Role>,
    },
    /// List principals
    #[command(after_help = "Examples:\n  plimsoll principal list")]
    List(Paged),
}

/// Verbs of keys.
#[derive(Subcommand, Debug)]
pub(crate) enum Key {
    /// Make an API key; its secret is printed this once
    #[command(after_help = "\
Examples:
  plimsoll key create scoring-prod --principal scoring --environment production --expires 90d
  plimsoll key create trial --scope credit-default > key.txt")]
    Create {
        /// What it is for
        name: Name,
        /// The principal it speaks for [default: you]
        #[arg(long, value_name = "NAME")]
        principal: Option<Name>,
        /// The only environment it works in
        #[arg(long, value_parser = one_of(Environment::ALL, Environment::as_str))]
        environment: Option<Environment>,
        /// A deployment it reaches; may be given several times [default: all]
        #[arg(long = "scope", value_name = "DEPLOYMENT")]
        scopes: Vec<Name>,
        /// When it ends: a time (RFC 3339) or a duration from now such as 90d [default: never]
        #[arg(long, value_name = "WHEN")]
        expires: Option<String>,
    },
    /// List API keys, never their secrets
    #[command(after_help = "Examples:\n  plimsoll key list")]
    List(Paged),
    /// Replace an API key by a new one
    #[command(after_help = "\
Examples:
  plimsoll key rotate 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --overlap 24h")]
    Rotate {
        /// The key's id
        id: ApiKeyId,
        /// How long the old key keeps working; at most 30d
        #[arg(long, value_name = "DURATION", default_value = "0")]
        overlap: String,
    },
    /// End an API key at once
    #[command(after_help = "Examples:\n  plimsoll key revoke 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911")]
    Revoke {
        /// The key's id
        id: ApiKeyId,
    },
}

/// Verbs of decisions.
#[derive(Subcommand, Debug)]
pub(crate) enum Decision {
    /// Show a decision
    ///
    /// With --data the ledger's files are read, without a server; with --keys as well the body
    /// is opened.
    #[command(after_help = "\
Examples:
  plimsoll decision show 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911
  plimsoll decision show 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --data DIR --keys DIR")]
    Show {
        /// The decision id
        id: DecisionId,
        /// Read this data folder
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Open the body with this keys folder
        #[arg(long, value_name = "DIR", requires = "data")]
        keys: Option<PathBuf>,
    },
    /// List decisions, newest first
    #[command(after_help = "\
Examples:
  plimsoll decision list --deployment credit-default --since 1h
  plimsoll decision list --result refused --limit 20 --json
  plimsoll decision list --subject-file - < name.txt")]
    List {
        /// Only those of this deployment
        #[arg(long, value_name = "NAME")]
        deployment: Option<Name>,
        /// Only those at or after: a time (RFC 3339) or a duration ago such as 10m
        #[arg(long, value_name = "WHEN")]
        since: Option<String>,
        /// Only those before: a time (RFC 3339) or a duration ago
        #[arg(long, value_name = "WHEN")]
        until: Option<String>,
        /// Only those that ended so
        #[arg(long, value_parser = one_of(ResultClass::ALL, ResultClass::as_str))]
        result: Option<ResultClass>,
        #[command(flatten)]
        about: crate::cli_query::About,
        #[command(flatten)]
        paged: Paged,
    },
    /// Write decisions to a file: all columns of a deployment's table
    #[command(after_help = crate::cli_query::EXPORT_EXAMPLES)]
    Export(crate::cli_query::Export),
    /// Get what proves a decision offline; waits for the checkpoint that covers it
    #[command(after_help = "\
Examples:
  plimsoll decision receipt 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 -o receipt.json
  plimsoll decision receipt 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --json")]
    Receipt {
        /// The decision id
        id: DecisionId,
        /// Where to [default: stdout]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Print decisions as they come; with --json one object per line
    #[command(after_help = "\
Examples:
  plimsoll decision tail
  plimsoll decision tail --deployment credit-default --json")]
    Tail {
        /// Only those of this deployment
        #[arg(long, value_name = "NAME")]
        deployment: Option<Name>,
    },
    /// Say why a decision came out as it did, in words for one reader
    #[command(after_help = "\
Examples:
  plimsoll decision explain 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911
  plimsoll decision explain 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --for officer --language de")]
    Explain(crate::commands::decision_explain::Explain),
    /// Show how a decision came to be: version, contract, policies, who put them in force
    #[command(after_help = "\
Examples:
  plimsoll decision trace 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911
  plimsoll decision trace 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --json")]
    Trace(TraceArgs),
    /// Compute a decision again from its record, or a window of them on another version
    ///
    /// Of one decision: exit code 0 if the recorded numbers come out to the bit, 2 if not. Of a
    /// window: how many decisions the candidate changes, how far scores move, and which most.
    #[command(after_help = "\
Examples:
  plimsoll decision replay 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911
  plimsoll decision replay 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --data DIR --keys DIR
  plimsoll decision replay --deployment credit-default --from 7d --against 3 --threshold 0.5
  plimsoll decision replay --deployment credit-default --against credit@3 --fail-on changed")]
    Replay(ReplayArgs),
}

/// Verbs of control events.
#[derive(Subcommand, Debug)]
pub(crate) enum Event {
    /// List control events, newest first
    #[command(after_help = "\
Examples:
  plimsoll event list
  plimsoll event list --action Release --json")]
    List {
        /// Only those of this action
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        #[command(flatten)]
        paged: Paged,
    },
}

/// Verbs of access.
#[derive(Subcommand, Debug)]
pub(crate) enum Access {
    /// Every action of every principal on every resource
    #[command(after_help = "\
Examples:
  plimsoll access matrix
  plimsoll access matrix --principal alice --principal scoring")]
    Matrix {
        /// Only this principal; may be given several times
        #[arg(long = "principal", value_name = "NAME")]
        principals: Vec<String>,
    },
    /// Which policies decide; exits with 2 if the principal may not
    #[command(after_help = "\
Examples:
  plimsoll access why scoring Infer deployment/credit-default
  plimsoll access why anonymous ReadLedger server")]
    Why {
        /// A principal, or anonymous
        principal: String,
        /// An action: Infer, Release, ReadDecision
        action: String,
        /// A resource: deployment/NAME, model/NAME, release/NAME/N, server
        resource: String,
    },
}

/// Options of `backup`.
#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The data folder
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The file to make
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

/// Options of `restore`.
#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup
    pub(crate) file: PathBuf,
    /// The data folder to make; it must be empty or absent
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
}

/// How much of a list is wanted.
#[derive(Args, Debug)]
pub(crate) struct Paged {
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) limit: u32,
}

/// How much of a refusal callers are told.
const DETAILS: [ErrorDetail; 3] = [ErrorDetail::Full, ErrorDetail::Field, ErrorDetail::Code];

/// The word for it on the command line.
pub(crate) fn detail_word(detail: ErrorDetail) -> &'static str {
    match detail {
        ErrorDetail::Full => "full",
        ErrorDetail::Field => "field",
        ErrorDetail::Code => "code",
    }
}

/// Reads one of a closed set of words.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    word: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(move |&value| word(value))).try_map(move |text| {
        all.iter().copied().find(|&value| word(value) == text).ok_or("not one of the words")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
