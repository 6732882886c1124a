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
    }
}
