//! `plimsoll review`.

use super::{Context, when};
use crate::cli::{Paged, one_of};
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{Args, Subcommand};
use plimsoll_api::{
    ContestDecision, Review, ReviewCase, ReviewDecision, ReviewFilter, ReviewHistory, ReviewMode,
    ReviewRecord, ReviewState, ReviewSummary, ReviewWindow,
};
use plimsoll_types::record::Verdict;
use plimsoll_types::{Clock, DecisionId, Name};
use std::str::FromStr;

const PATH: &str = "/api/v1/reviews";

/// Verbs of reviews.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// List decisions that wait for a person, oldest first
    #[command(after_help = "\
Examples:
  plimsoll review list
  plimsoll review list --state overridden --json")]
    List {
        /// Only those in this state
        #[arg(long, value_name = "STATE", default_value = "waiting")]
        #[arg(value_parser = one_of(ReviewState::ALL, ReviewState::as_str))]
        state: ReviewState,
        #[command(flatten)]
        paged: Paged,
    },
    /// Show what was said about a decision
    #[command(
        after_help = "Examples:\n  plimsoll review show 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Show {
        /// The decision id
        id: DecisionId,
    },
    /// Let a decision stand; a held answer is given from then on
    #[command(after_help = "\
Examples:
  plimsoll review accept 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911
  plimsoll review accept 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --reason 'income verified'")]
    Accept {
        /// The decision id
        id: DecisionId,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Put another outcome in the model's place
    #[command(after_help = "\
Examples:
  plimsoll review override 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --outputs 0 --reason 'wrong income'")]
    Override {
        /// The decision id
        id: DecisionId,
        /// The outcome: as many numbers as the model gave, in the same order
        #[arg(long, value_name = "NUMBER,…", value_delimiter = ',', required = true)]
        #[arg(allow_negative_numbers = true)]
        outputs: Vec<f64>,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Record that a decision is contested, so that a person looks at it
    #[command(after_help = "\
Examples:
  plimsoll review contest 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --reason 'I moved in March'")]
    Contest {
        /// The decision id
        id: DecisionId,
        /// What the subject says
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// How much people looked at, and what it changed
    #[command(after_help = "\
Examples:
  plimsoll review summary
  plimsoll review summary --deployment credit-default --since 30d --json")]
    Summary(Summary),
}

/// Options of `review summary`.
#[derive(Args, Debug)]
pub(crate) struct Summary {
    /// Only decisions of this deployment
    #[arg(long, value_name = "NAME")]
    deployment: Option<Name>,
    /// Only decisions at or after: a time (RFC 3339) or a duration ago such as 30d
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
    /// Only decisions before: a time (RFC 3339) or a duration ago
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
}

/// Which answers a person looks at, on the command line: `off`, `held`, `sampled:0.05`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Setting(pub(crate) Review);

impl FromStr for Setting {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be `off`, `held`, or `sampled:` and a share such as 0.05".to_owned();
        let (mode, share) = match text.split_once(':') {
            Some((mode, share)) => (mode, Some(share.parse::<f64>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let mode: ReviewMode = mode.parse().map_err(|_| wrong())?;
        let fits = match (mode, share) {
            (ReviewMode::Sampled, Some(share)) => share > 0.0 && share <= 1.0,
            (ReviewMode::Off | ReviewMode::Held, None) => true,
            _ => false,
        };
        if fits { Ok(Self(Review { mode, share })) } else { Err(wrong()) }
    }
}

/// A setting for people.
pub(super) fn setting(review: Review) -> String {
    match review.share {
        Some(share) => format!("{}:{share}", review.mode),
        None => review.mode.to_string(),
    }
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List { state, paged } => list(context, state, paged.limit),
        Verb::Show { id } => {
            let found: ReviewHistory = context.client()?.get(&path(id, "review"), &())?;
            show(context, &found)
        }
        Verb::Accept { id, reason } => {
            let body = ReviewDecision { verdict: Verdict::Accepted, reason, outputs: None };
            show(context, &context.client()?.post(&path(id, "review"), &body)?)
        }
        Verb::Override { id, outputs, reason } => {
            let (verdict, reason) = (Verdict::Overridden, Some(reason));
            let body = ReviewDecision { verdict, reason, outputs: Some(outputs) };
            show(context, &context.client()?.post(&path(id, "review"), &body)?)
        }
        Verb::Contest { id, reason } => {
            let body = ContestDecision { reason };
            let case: ReviewCase = context.client()?.post(&path(id, "contest"), &body)?;
            context.printer.show(&case, |case| facts(context, case).to_string())
        }
        Verb::Summary(args) => summary(context, &args),
    }
}

fn path(id: DecisionId, what: &str) -> String {
    format!("/api/v1/decisions/{id}/{what}")
}

fn list(context: &Context, state: ReviewState, limit: u32) -> Result<(), Failure> {
    let filter = ReviewFilter { state: Some(state), ..ReviewFilter::default() };
    let page = context.client()?.list::<ReviewCase>(PATH, &filter, limit)?;
    let heads = ["time", "decision", "deployment", ">version", "why", "state", "reviewer"];
    context.show_page(&page, &heads, |table, case| {
        let decision = &case.decision;
        table.row([
            context.time(decision.time),
            decision.id.to_string(),
            decision.deployment.clone(),
            decision.version.map_or_else(|| "-".to_owned(), |version| version.to_string()),
            case.why.to_string(),
            case.state.to_string(),
            case.reviewer_name.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    })
}

fn facts(context: &Context, case: &ReviewCase) -> Facts {
    Facts::default()
        .add("decision", case.decision.id)
        .add("deployment", &case.decision.deployment)
        .add("time", context.time(case.decision.time))
        .add("why", case.why)
        .add("state", case.state)
        .maybe("contested", case.contested_at.map(|time| context.time(time)))
        .maybe("reviewed", case.reviewed_at.map(|time| context.time(time)))
        .maybe("reviewer", case.reviewer_name.as_deref())
}

fn show(context: &Context, found: &ReviewHistory) -> Result<(), Failure> {
    context.printer.show(found, |found| {
        let head = facts(context, &found.case).to_string();
        match found.said.as_deref() {
            Some([]) => head,
            Some(said) => format!("{head}\n{}", sayings(context, said)),
            None => format!("{head}\nwhat was said is for who may read the decision's body\n"),
        }
    })
}

fn sayings(context: &Context, said: &[ReviewRecord]) -> Table {
    let mut table = Table::new(&["time", "who", "verdict", "before", "after", "reason"]);
    let numbers =
        |values: &[f64]| values.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    for one in said {
        table.row([
            context.time(one.time),
            one.principal_name.clone().unwrap_or_else(|| one.principal.to_string()),
            one.verdict.to_string(),
            numbers(&one.before),
            one.after.as_deref().map_or_else(|| "-".to_owned(), numbers),
            one.reason.clone(),
        ]);
    }
    table
}

fn summary(context: &Context, args: &Summary) -> Result<(), Failure> {
    let now = context.clock.now();
    let window = ReviewWindow {
        deployment: args.deployment.as_ref().map(ToString::to_string),
        since: args.since.as_deref().map(|text| when::past(text, now)).transpose()?,
        until: args.until.as_deref().map(|text| when::past(text, now)).transpose()?,
    };
    let found: ReviewSummary = context.client()?.get(&format!("{PATH}/summary"), &window)?;
    context.printer.show(&found, |found| {
        let heads = [
            "deployment",
            ">decisions",
            ">asked",
            ">reviewed",
            ">waiting",
            ">overridden",
            ">contested",
            ">reviewed share",
            ">override rate",
            ">median",
            ">longest",
        ];
        let mut table = Table::new(&heads);
        let dash = || "-".to_owned();
        let percent =
            |share: Option<f64>| share.map_or_else(dash, |share| format!("{:.2} %", share * 100.0));
        let seconds =
            |time: Option<f64>| time.map_or_else(dash, |seconds| format!("{seconds:.0} s"));
        for one in &found.deployments {
            table.row([
                one.deployment.clone(),
                one.decisions.map_or_else(dash, |count| count.to_string()),
                one.asked.to_string(),
                one.reviewed.to_string(),
                one.waiting.to_string(),
                one.overridden.to_string(),
                one.contested.to_string(),
                percent(one.reviewed_share),
                percent(one.override_rate),
                seconds(one.median_seconds),
                seconds(one.max_seconds),
            ]);
        }
        table.to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_shown() {
        for text in ["off", "held", "sampled:0.05", "sampled:1"] {
            let read: Setting = text.parse().expect(text);
            assert_eq!(setting(read.0), text);
        }
        for bad in ["", "on", "sampled", "sampled:0", "sampled:1.5", "held:0.5", "sampled:x"] {
            assert!(bad.parse::<Setting>().is_err(), "{bad}");
        }
    }
}
