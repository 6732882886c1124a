//! Closed sets of words that travel.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// The word as it travels.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { f.write_str(self.as_str()) }
        }
        impl FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(format!("one of: {}", [$($text),+].join(", "))),
                }
            }
        }
    )+};
}

words! {
    /// Where a deployment stands, and what a key may be limited to.
    Environment {
        /// For trying things; nobody relies on it.
        Development = "development",
        /// As production, without its callers.
        Staging = "staging",
        /// Answers people rely on.
        Production = "production",
    }

    /// What a principal may be trusted with.
    Role {
        /// Asks deployments for decisions.
        Caller = "caller",
        /// Registers models, versions and contracts.
        DataScientist = "data-scientist",
        /// Runs deployments.
        MlEngineer = "ml-engineer",
        /// Lets versions that others made answer.
        Approver = "approver",
        /// Accepts or overrides single decisions.
        Reviewer = "reviewer",
        /// Reads everything, changes nothing.
        Auditor = "auditor",
        /// The data protection officer.
        Dpo = "dpo",
        /// Manages principals, keys and the server.
        Admin = "admin",
        /// Tells what turned out to be true; reads nothing.
        Labeler = "labeler",
        /// Answers for risk: allows exceptions, approves what can do harm.
        Risk = "risk",
    }

    /// A person or a program.
    PrincipalKind {
        /// A person.
        User = "user",
        /// A program.
        Service = "service",
    }

    /// When explanations of a deployment's answers are made.
    Explain {
        /// Never. The default.
        Off = "off",
        /// After the reply.
        Deferred = "deferred",
        /// Before the reply, as a part of it.
        Inline = "inline",
    }

    /// The risk tier of a deployment.
    Tier {
        /// Nobody assessed it yet.
        Unassessed = "unassessed",
        /// Sandbox.
        T0 = "T0",
        /// Light.
        T1 = "T1",
        /// Full.
        T2 = "T2",
        /// High.
        T3 = "T3",
        /// Prohibited.
        T4 = "T4",
    }

    /// Which of a deployment's answers a person looks at.
    ReviewMode {
        /// None, unless one is contested. The default.
        Off = "off",
        /// A share of them, after they were given.
        Sampled = "sampled",
        /// Every one, before it is given: the caller fetches it when it was reviewed.
        Held = "held",
    }

    /// Why a person looks at a decision.
    ReviewWhy {
        /// Its answer waits for it.
        Held = "held",
        /// It was drawn.
        Sampled = "sampled",
        /// It was contested.
        Contested = "contested",
        /// Somebody chose to.
        Chosen = "chosen",
    }

    /// Where a review stands.
    ReviewState {
        /// Nobody has looked at it, or it was contested since.
        Waiting = "waiting",
        /// The outcome stands.
        Accepted = "accepted",
        /// Another outcome took its place.
        Overridden = "overridden",
    }

    /// How an event travels to a sink (CloudEvents HTTP binding).
    SinkFormat {
        /// One JSON document per request. The signature covers all of it.
        Structured = "structured",
        /// The data as the body, the attributes as headers, which the signature leaves out.
        Binary = "binary",
        /// Up to 100 events per request, as a JSON array.
        Batch = "batch",
    }

    /// Which types of events a sink is sent.
    SinkProfile {
        /// One event per record, with types of our own.
        Plimsoll = "plimsoll",
        /// A request and a response event per answered decision, as KServe's agent sends them.
        Kserve = "kserve",
        /// Changes of the registry as OpenLineage's run events, which travel as `binary`.
        Openlineage = "openlineage",
    }

    /// Whether a sink is sent events.
    SinkState {
        /// It is.
        Active = "active",
        /// It is not; its place in the ledger is kept.
        Paused = "paused",
    }
    /// What became of a decision that was reported.
    ObservedState {
        /// It is durable in the ledger.
        Recorded = "recorded",
        /// It is durable, and broke the contract or could not be read whole; the record says why.
        Broken = "broken",
        /// It was recorded before.
        Known = "known",
        /// It waits for the other half of its pair.
        Waiting = "waiting",
        /// It is no observation; nothing was recorded.
        Malformed = "malformed",
    }

    /// What a model's answers are.
    Task {
        /// Yes or no, by a score.
        Binary = "binary",
        /// One of several classes.
        Multiclass = "multiclass",
        /// A quantity.
        Regression = "regression",
        /// An order of a request's rows.
        Ranking = "ranking",
    }

    /// What became of an outcome that was told.
    OutcomeState {
        /// It is durable in the ledger.
        Recorded = "recorded",
        /// It was recorded before.
        Known = "known",
        /// It was not recorded; it is told why.
        Refused = "refused",
    }

    /// The format of a batch job's rows or result.
    BatchFormat {
        /// Comma-separated values (RFC 4180) with a header.
        Csv = "csv",
        /// Apache Parquet.
        Parquet = "parquet",
        /// One JSON object in each line.
        JsonLines = "jsonl",
    }

    /// Where a batch job stands.
    BatchState {
        /// It waits for the jobs before it.
        Queued = "queued",
        /// It is being carried out, or goes on when what it waits for is there.
        Running = "running",
        /// Every row is decided, and its result is there.
        Done = "done",
        /// It could not go on; what is decided stays decided.
        Failed = "failed",
        /// Somebody ended it; what is decided stays decided.
        Cancelled = "cancelled",
    }

    /// Where a rollout stands.
    RolloutPhase {
        /// It goes on by itself.
        Running = "running",
        /// It stays at its step until a person lets it go on; guardrails still watch.
        Held = "held",
        /// Its step found no answer in its time; a person decides.
        Inconclusive = "inconclusive",
        /// Everybody gets the incumbent.
        RolledBack = "rolled_back",
        /// The candidate is released.
        Promoted = "promoted",
    }

    /// What must not get worse in a rollout.
    GuardrailKind {
        /// Requests that failed.
        Errors = "errors",
        /// Requests that were refused once a version was chosen.
        Refusals = "refusals",
        /// How long the model takes, at a quantile.
        Latency = "latency",
        /// The mean score on the same inputs, in shadow.
        Score = "score",
        /// The share of positive answers.
        Mix = "mix",
        /// Answers that turned out to be wrong.
        Outcomes = "outcomes",
    }

    /// Where an experiment stands.
    ExperimentPhase {
        /// Arms answer their shares.
        Running = "running",
        /// It ended, and the control goes on.
        Stopped = "stopped",
        /// It ended, and an arm's version was released.
        Shipped = "shipped",
    }

    /// What is assigned to an arm of an experiment, and counts once.
    ExperimentUnit {
        /// Whom a request is about.
        Subject = "subject",
        /// A contact with a customer.
        Interaction = "interaction",
        /// A single decision.
        Decision = "decision",
    }

    /// Where the number of a metric comes from.
    MetricKind {
        /// What turned out to be true.
        Outcome = "outcome",
        /// A value that is posted for the experiment.
        Value = "value",
        /// The score of the answer.
        Score = "score",
        /// Whether the answer is positive: an approval, an alarm.
        Positive = "positive",
    }

    /// What a metric is for.
    MetricRole {
        /// What decides.
        Primary = "primary",
        /// What is looked at beside it.
        Secondary = "secondary",
        /// What must not get worse.
        Guardrail = "guardrail",
    }

    /// Which way a metric is better.
    MetricGoal {
        /// More is better.
        Increase = "increase",
        /// Less is better.
        Decrease = "decrease",
    }

    /// What an interval says of an arm beside the control.
    MetricSays {
        /// All of it is better.
        Better = "better",
        /// All of it is worse.
        Worse = "worse",
        /// All of it is within the least difference that matters.
        Same = "same",
        /// None of these yet.
        Unclear = "unclear",
    }

    /// What the numbers of an experiment suggest.
    ExperimentAdvice {
        /// An arm is better and does no harm.
        Ship = "ship",
        /// No arm is better.
        Keep = "keep",
        /// Nothing is clear yet.
        GoOn = "go_on",
        /// Units are not split as declared: find out why before anything else.
        Look = "look",
    }

    /// What kind of thing is wrong.
    FindingKind {
        /// Values that break the contract's expectations.
        Quality = "quality",
        /// The distribution of an input has moved.
        InputDrift = "input_drift",
        /// The distribution of scores or decisions has moved.
        OutputDrift = "output_drift",
        /// Performance, by outcomes, has fallen.
        Performance = "performance",
        /// Performance, as estimated before outcomes, has fallen.
        EstimatedPerformance = "estimated_performance",
        /// Scores no longer mean the probability that they say.
        Calibration = "calibration",
        /// A group is treated worse than its limit allows.
        Fairness = "fairness",
        /// A model, its data, its reference or its outcomes are too old.
        Staleness = "staleness",
        /// Something that must be declared for watching is missing.
        Unwatched = "unwatched",
        /// A release was held or rolled back.
        Release = "release",
        /// Somebody may be attacking.
        Security = "security",
    }

    /// How bad it is.
    FindingSeverity {
        /// Worth knowing.
        Info = "info",
        /// Somebody should look, by day.
        Warning = "warning",
        /// Somebody must look now.
        Critical = "critical",
    }

    /// Where a finding stands.
    FindingState {
        /// Nobody said anything about it yet.
        Open = "open",
        /// Somebody sees to it.
        Acknowledged = "acknowledged",
        /// Nobody is told of it for some time.
        Snoozed = "snoozed",
        /// It is over, until it is seen again.
        Resolved = "resolved",
    }

    /// What is told of a finding.
    AlertWhat {
        /// It is there.
        Opened = "opened",
        /// It is worse than before.
        Worsened = "worsened",
        /// It was resolved or snoozed, and is there again.
        Returned = "returned",
        /// Somebody sees to it.
        Acknowledged = "acknowledged",
        /// It is over.
        Resolved = "resolved",
        /// Nothing: somebody tests the route.
        Test = "test",
    }

    /// In which shape somebody is told.
    AlertShape {
        /// A CloudEvent over HTTP, signed as in Standard Webhooks.
        Webhook = "webhook",
        /// Mail, over the relay of the settings.
        Mail = "mail",
        /// An incoming webhook of Slack, or of what speaks like it.
        Slack = "slack",
        /// An adaptive card, as Microsoft Teams takes it.
        Teams = "teams",
        /// An event of PagerDuty's Events API v2.
        Pagerduty = "pagerduty",
    }

    /// How far the delivery of an alert is.
    AlertState {
        /// It is tried, again after a failure.
        Waiting = "waiting",
        /// The receiver took it.
        Delivered = "delivered",
        /// It is tried no more.
        Dead = "dead",
    }

    /// Where a retraining stands.
    RetrainState {
        /// Somebody has to let it go on.
        Waiting = "waiting",
        /// It waits for its turn.
        Queued = "queued",
        /// A trainer works on it.
        Training = "training",
        /// What the trainer made becomes a version.
        Registering = "registering",
        /// Its version is registered, for a gate to look at.
        Candidate = "candidate",
        /// It made no version.
        Failed = "failed",
        /// Somebody ended it.
        Cancelled = "cancelled",
    }

    /// Where the candidate of a retraining stands.
    TrialState {
        /// Its gate is run, or waits for results of checks.
        Gate = "gate",
        /// Somebody has to act: approve it, or state what is not known.
        Held = "held",
        /// It is tried under traffic.
        Rollout = "rollout",
        /// It answers.
        Promoted = "promoted",
        /// Its gate is not passed.
        GateFailed = "gate_failed",
        /// It did worse under traffic, or a person took it back.
        RolledBack = "rolled_back",
        /// It cannot be tried.
        Refused = "refused",
        /// Somebody ended it.
        Cancelled = "cancelled",
    }

    /// What asked for a retraining.
    RetrainTrigger {
        /// A finding.
        Finding = "finding",
        /// The calendar.
        Schedule = "schedule",
        /// The age of the version that answers.
        Age = "age",
        /// A person.
        Hand = "hand",
    }
}
