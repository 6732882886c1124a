//! The records of the ledger and their canonical bytes.
//!
//! A record is a [`Leaf`] (a small commitment without personal data, deterministic CBOR,
//! at most [`MAX_LEAF_LEN`] bytes, never changed) and a *body* that is sealed beside it
//! ([`DecisionBody`], [`ControlEvent`], …). The format is written down in
//! `docs/format/record.cddl`; golden vectors stand in `tests/golden/`.

mod body;
mod event;
mod explanation;
mod leaf;
mod outcome;
mod review;
mod wire;

pub use body::{DecisionBody, DecisionParts, Flag, Mapped, Output, ROUTED, STOOD_IN};
pub use event::{ControlEvent, Gap, Heartbeat, RefusalCount, RefusalTally, Stage};
pub use explanation::{
    DeferredExplanation, ExplainMethod, ExplainedRow, Explanation, MAX_REASON_CODE, ReasonRef,
};
pub use leaf::{Extension, Leaf, LeafDraft, MAX_LEAF_LEN, SealedRef};
pub use outcome::{
    MAX_OUTCOME_LABEL, MAX_OUTCOME_REASON, MAX_OUTCOME_WORD, OutcomeBody, OutcomeValue,
};
pub use review::{ReviewBody, ReviewedOutput, Verdict};
pub use wire::RecordError;

use crate::refusal::words;
use std::fmt;

words! {
    /// What a record is about. The numbers of kinds that have no code yet are reserved.
    Kind {
        /// A request that is about to reach a model (mode `strict`).
        Intent = 0 "intent",
        /// The completion of an inference request: the decision.
        Decision = 1 "decision",
        /// A change of control state: intent before acting, completion after.
        ControlEvent = 2 "control_event",
        /// A minute of requests refused before `resolve`, counted by listener and reason.
        RefusalTally = 3 "refusal_tally",
        /// Sequence numbers that were given out and have no record, with the reason.
        Gap = 4 "gap",
        /// "Complete up to this time."
        Heartbeat = 5 "heartbeat",
        /// Delayed ground truth for a row of a decision.
        Outcome = 6 "outcome",
        /// What a person said about a decision: it stands, another outcome, or a contest.
        Review = 7 "review",
        /// An explanation computed after the reply.
        Explanation = 8 "explanation",
        /// A finding of the monitor (reserved).
        Finding = 9 "finding",
        /// An attribute of a person that no model is given: what fairness is measured by.
        Attribute = 10 "attribute",
    }
}

words! {
    /// How an inference request ended.
    ResultClass {
        /// A model answered.
        Answered = 0 "answered",
        /// A phase refused the request.
        Refused = 1 "refused",
        /// The model or a part of ours failed.
        Failed = 2 "failed",
        /// The deadline passed first.
        TimedOut = 3 "timed_out",
        /// An intent that no completion followed, closed by recovery.
        Abandoned = 4 "abandoned",
        /// The recorded answer of an earlier decision was given again.
        Replayed = 5 "replayed",
        /// A model answered, and the answer waits for a person.
        Held = 6 "held",
    }
}

words! {
    /// In which part a model version took the request.
    Route {
        /// Answers the caller.
        Primary = 0 "primary",
        /// Answers a share of callers.
        Canary = 1 "canary",
        /// Answers no one.
        Shadow = 2 "shadow",
        /// The declared answer when the primary cannot.
        Fallback = 3 "fallback",
        /// One arm of an A/B experiment.
        Arm = 4 "arm",
    }
}

words! {
    /// Where a decision was made, if not here. Absent from decisions that were made here.
    Origin {
        /// Elsewhere, as somebody says who may say so: nobody here saw it being made.
        Unverified = 1 "unverified",
    }
}

words! {
    /// When a deployment's answer may leave.
    Mode {
        /// An intent is durable before the model is called, the decision before the reply.
        Strict = 0 "strict",
        /// The decision is durable before the reply. The default.
        Durable = 1 "durable",
        /// The reply does not wait: a crash may lose the decisions of a stated window.
        Bounded = 2 "bounded",
    }
}

#[cfg(test)]
mod tests;
