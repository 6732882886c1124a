//! `plimsoll retrain`.

use super::Context;
use crate::cli::{Paged, one_of};
use crate::failure::Failure;
use crate::printer::Facts;
use clap::{Args, Subcommand};
use plimsoll_api::{
    CancelRetrain, FindingKind, FindingSeverity, RequestRetrain, Retrain, RetrainFilter,
    RetrainLog, RetrainLogQuery, RetrainPolicy, RetrainPolicyShown,
};
use plimsoll_types::{Name, RetrainId};
use serde_json::json;
use std::time::Duration;

const PATH: &str = "/api/v1/retrains";
/// How often a log is looked at that somebody follows.
const EVERY: Duration = Duration::from_millis(500);

/// Verbs of training again.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Policies: when a deployment's model is trained again, and how
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Ask that a deployment's model is trained again
    ///
    /// Neither budget nor cooldown stops a person; an open finding of security does.
    #[command(
        after_help = "Examples:\n  plimsoll retrain request credit-default --reason 'new product since May'"
    )]
    Request {
        /// The deployment
        deployment: Name,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// List retrainings, latest first
    #[command(after_help = "Examples:\n  plimsoll retrain list --deployment credit-default")]
    List {
        /// Only those of this deployment
        #[arg(long, value_name = "NAME")]
        deployment: Option<Name>,
        #[command(flatten)]
        paged: Paged,
    },
    /// Show a retraining
    #[command(
        after_help = "Examples:\n  plimsoll retrain show 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Show {
        /// The retraining's id
        id: RetrainId,
    },
    /// Let a retraining go on that somebody else asked for
    #[command(
        after_help = "Examples:\n  plimsoll retrain approve 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Approve {
        /// The retraining's id
        id: RetrainId,
    },
    /// End a retraining
    #[command(
        after_help = "Examples:\n  plimsoll retrain cancel 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --reason 'wrong window'"
    )]
    Cancel {
        /// The retraining's id
        id: RetrainId,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Print what a trainer says
    #[command(after_help = "\
Examples:
  plimsoll retrain log 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --follow")]
    Log {
        /// The retraining's id
        id: RetrainId,
        /// Go on until it ends
        #[arg(long)]
        follow: bool,
    },
}

/// Verbs of policies.
#[derive(Subcommand, Debug)]
pub(crate) enum PolicyVerb {
    /// Say when a deployment's model is trained again
    #[command(after_help = "\
Examples:
  plimsoll retrain policy set credit-default --trainer xgboost --when performance --when input_drift
  plimsoll retrain policy set credit-default --trainer dvc --every-days 30 --needs-approval
  plimsoll retrain policy set credit-default --trainer xgboost --max-age-days 180 --window-days 365 \\
      --exclude \"result <> 'answered'\" --budget 2 --cooldown-hours 72")]
    Set(Set),
    /// Show a deployment's policy, and what holds it
    #[command(after_help = "Examples:\n  plimsoll retrain policy show credit-default")]
    Show {
        /// The deployment
        deployment: Name,
    },
    /// Train a deployment's model no more by itself
    #[command(after_help = "Examples:\n  plimsoll retrain policy remove credit-default")]
    Remove {
        /// The deployment
        deployment: Name,
    },
}

/// Options of `retrain policy set`.
#[derive(Args, Debug)]
pub(crate) struct Set {
    /// The deployment
    deployment: Name,
    /// The trainer, as the settings of the server declare it
    #[arg(long, value_name = "NAME")]
    trainer: Name,
    /// Findings of this kind ask for it; may be given several times
    #[arg(long = "when", value_name = "KIND", value_parser = one_of(FindingKind::ALL, FindingKind::as_str))]
    kinds: Vec<FindingKind>,
    /// The mildest of them that does
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    #[arg(value_parser = one_of(FindingSeverity::ALL, FindingSeverity::as_str))]
    severity: FindingSeverity,
    /// Every so many days
    #[arg(long, value_name = "DAYS")]
    every_days: Option<u32>,
    /// When the version that answers has done so for so many days
    #[arg(long, value_name = "DAYS")]
    max_age_days: Option<u32>,
    /// Decisions of so many days are given to the trainer [default: 90]
    #[arg(long, value_name = "DAYS")]
    window_days: Option<u32>,
    /// Rows for which this SQL condition holds are left out
    #[arg(long, value_name = "CONDITION")]
    exclude: Option<String>,
    /// Retrainings in 30 days [default: 4]
    #[arg(long, value_name = "N")]
    budget: Option<u32>,
    /// Hours from one to the next [default: 24]
    #[arg(long, value_name = "HOURS")]
    cooldown_hours: Option<u32>,
    /// Somebody else has to let each go on, whatever the tier
    #[arg(long)]
    needs_approval: bool,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Policy(verb) => policy(context, verb),
        Verb::Request { deployment, reason } => {
            let body = RequestRetrain { deployment, reason };
            show(context, &context.client()?.post(PATH, &body)?)
        }
        Verb::List { deployment, paged } => list(context, deployment, paged.limit),
        Verb::Show { id } => show(context, &context.client()?.get(&format!("{PATH}/{id}"), &())?),
        Verb::Approve { id } => {
            let path = format!("{PATH}/{id}/approve");
            show(context, &context.client()?.post(&path, &json!({}))?)
        }
        Verb::Cancel { id, reason } => {
            let path = format!("{PATH}/{id}/cancel");
            show(context, &context.client()?.post(&path, &CancelRetrain { reason })?)
        }
        Verb::Log { id, follow } => log(context, id, follow),
    }
}

fn policy(context: &Context, verb: PolicyVerb) -> Result<(), Failure> {
    let path = |name: &Name| format!("/api/v1/deployments/{name}/retrain");
    match verb {
        PolicyVerb::Set(args) => {
            let body = RetrainPolicy {
                trainer: args.trainer,
                kinds: args.kinds,
                severity: Some(args.severity),
                every_days: args.every_days,
                max_age_days: args.max_age_days,
                window_days: args.window_days,
                exclude: args.exclude,
                budget: args.budget,
                cooldown_hours: args.cooldown_hours,
                needs_approval: args.needs_approval,
            };
            show_policy(context, &context.client()?.post(&path(&args.deployment), &body)?)
        }
        PolicyVerb::Show { deployment } => {
            show_policy(context, &context.client()?.get(&path(&deployment), &())?)
        }
        PolicyVerb::Remove { deployment } => {
            context.client()?.delete(&path(&deployment))?;
            context.printer.note(&format!("{deployment} is trained no more by itself"));
            Ok(())
        }
    }
}

fn show_policy(context: &Context, shown: &RetrainPolicyShown) -> Result<(), Failure> {
    context.printer.show(shown, |shown| {
        let policy = &shown.policy;
        let kinds: Vec<String> = policy.kinds.iter().map(ToString::to_string).collect();
        Facts::default()
            .add("deployment", &shown.deployment)
            .add("trainer", &policy.trainer)
            .maybe("findings", (!kinds.is_empty()).then(|| kinds.join(", ")))
            .maybe("every", policy.every_days.map(|days| format!("{days} days")))
            .maybe("at an age of", policy.max_age_days.map(|days| format!("{days} days")))
            .add("window", format!("{} days", policy.window_days.unwrap_or(90)))
            .maybe("left out", policy.exclude.as_deref())
            .add("budget", format!("{} in 30 days", policy.budget.unwrap_or(4)))
            .add("cooldown", format!("{} hours", policy.cooldown_hours.unwrap_or(24)))
            .add("approval", if policy.needs_approval { "always" } else { "as the tier asks" })
            .maybe("held now", shown.held.as_deref())
            .to_string()
    })
}

fn list(context: &Context, deployment: Option<Name>, limit: u32) -> Result<(), Failure> {
    let filter = RetrainFilter { deployment, ..RetrainFilter::default() };
    let page = context.client()?.list::<Retrain>(PATH, &filter, limit)?;
    let heads = ["id", "asked", "deployment", "state", "trigger", ">version", "reason", "why"];
    context.show_page(&page, &heads, |table, one| {
        let none = || "-".to_owned();
        table.row([
            one.id.to_string(),
            context.time(one.created_at),
            one.deployment.to_string(),
            one.state.to_string(),
            one.trigger.to_string(),
            one.version.map_or_else(none, |number| number.to_string()),
            one.reason.clone(),
            one.why.clone().unwrap_or_else(none),
        ]);
    })
}

fn show(context: &Context, retrain: &Retrain) -> Result<(), Failure> {
    context.printer.show(retrain, |one| {
        Facts::default()
            .add("retraining", one.id)
            .add("deployment", &one.deployment)
            .add("state", one.state)
            .add("trigger", one.trigger)
            .maybe("finding", one.finding)
            .add("reason", &one.reason)
            .add("trainer", &one.policy.trainer)
            .maybe("rows", one.manifest.as_ref().map(|manifest| manifest.rows))
            .maybe("data", one.manifest.as_ref().map(|manifest| manifest.digest))
            .maybe("candidate", one.version.map(|number| format!("{} {number}", one.model)))
            .add("attempts", one.attempts)
            .maybe("why", one.why.as_deref())
            .add("asked", context.time(one.created_at))
            .maybe("ended", one.ended_at.map(|time| context.time(time)))
            .to_string()
    })
}

fn log(context: &Context, id: RetrainId, follow: bool) -> Result<(), Failure> {
    let client = context.client()?;
    let mut from = 0;
    loop {
        let query = RetrainLogQuery { from: Some(from) };
        let part: RetrainLog = client.get(&format!("{PATH}/{id}/log"), &query)?;
        context.printer.data(&part.text)?;
        let is_end = part.text.is_empty();
        from = part.next.max(from);
        if is_end && (part.is_over || !follow) {
            return Ok(());
        }
        if is_end {
            std::thread::sleep(EVERY);
        }
    }
}
