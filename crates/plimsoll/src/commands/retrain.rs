//! `plimsoll retrain`.

use super::Context;
use crate::cli::{Paged, one_of};
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{Args, Subcommand};
use plimsoll_api::{
    CancelRetrain, FindingKind, FindingSeverity, RequestRetrain, Retrain, RetrainFilter,
    RetrainLog, RetrainLogQuery, RetrainPolicy, RetrainPolicyShown, RetrainRollout, Timestamp,
};
use plimsoll_types::{Name, RetrainId};
use serde_json::json;
use std::path::{Path, PathBuf};
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
      --exclude \"result <> 'answered'\" --budget 2 --cooldown-hours 72
  plimsoll retrain policy set demand --trainer xgboost --when performance --step shadow:200:5m --step 10:500:10m")]
    Set(Set),
    /// Show a deployment's policy, and what holds it
    #[command(after_help = "Examples:\n  plimsoll retrain policy show credit-default")]
    Show {
        /// The deployment
        deployment: Name,
    },
    /// Let the candidates of a policy, as it is now, answer at tier T1 without being asked each time
    ///
    /// Whoever set the policy does not. It counts for 180 days, and not after the policy is set
    /// anew; a candidate still has to pass its gate and its rollout. At T2 and T3 every candidate
    /// is approved on its own.
    #[command(after_help = "\
Examples:
  plimsoll retrain policy trust credit-default
  plimsoll retrain policy trust credit-default --no")]
    Trust {
        /// The deployment
        deployment: Name,
        /// No more
        #[arg(long)]
        no: bool,
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
    /// End with a registered candidate, which nothing goes on with
    #[arg(long)]
    candidate_only: bool,
    /// A step of how candidates are tried: `shadow` or a percentage, the requests and the time that
    /// it needs at least, such as `5:1000:10m`; may be given several times
    #[arg(long, value_name = "PERCENT:REQUESTS:TIME")]
    step: Vec<String>,
    /// How candidates are tried, from a file: YAML, TOML or JSON with steps, guardrails,
    /// false_rollback, score_output, positive_from
    #[arg(long, value_name = "FILE", conflicts_with = "step")]
    rollout: Option<PathBuf>,
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
                candidate_only: args.candidate_only,
                rollout: rollout(&args.step, args.rollout.as_deref())?,
            };
            show_policy(context, &context.client()?.post(&path(&args.deployment), &body)?)
        }
        PolicyVerb::Show { deployment } => {
            show_policy(context, &context.client()?.get(&path(&deployment), &())?)
        }
        PolicyVerb::Trust { deployment, no } => {
            let path = format!("{}/trust", path(&deployment));
            if no {
                context.client()?.delete(&path)?;
                context.printer.note("candidates are approved one by one");
                return Ok(());
            }
            show_policy(context, &context.client()?.post(&path, &json!({}))?)
        }
        PolicyVerb::Remove { deployment } => {
            context.client()?.delete(&path(&deployment))?;
            context.printer.note(&format!("{deployment} is trained no more by itself"));
            Ok(())
        }
    }
}

/// How candidates are tried, if it is told.
fn rollout(steps: &[String], file: Option<&Path>) -> Result<Option<RetrainRollout>, Failure> {
    if let Some(file) = file {
        return super::gate_server::document(file).map(Some);
    }
    if steps.is_empty() {
        return Ok(None);
    }
    let steps = steps.iter().map(|text| super::rollout::step(text)).collect::<Result<_, _>>()?;
    Ok(Some(RetrainRollout { steps: Some(steps), ..RetrainRollout::default() }))
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
            .add("then", if policy.candidate_only { "nothing" } else { "gate, rollout, release" })
            .maybe("trusted until", shown.trusted_until.map(|time| context.time(time)))
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
            state(one),
            one.trigger.to_string(),
            one.version.map_or_else(none, |number| number.to_string()),
            one.reason.clone(),
            why(one).unwrap_or_else(none),
        ]);
    })
}

/// Where it stands, or its candidate does.
fn state(one: &Retrain) -> String {
    one.trial.as_ref().map_or_else(|| one.state.to_string(), |trial| trial.state.to_string())
}

fn why(one: &Retrain) -> Option<String> {
    one.trial.as_ref().and_then(|trial| trial.why.clone()).or_else(|| one.why.clone())
}

fn show(context: &Context, retrain: &Retrain) -> Result<(), Failure> {
    context.printer.show(retrain, |one| {
        let mut story = Table::new(&["when", "state", "why"]);
        for step in &one.story {
            let why = step.why.clone().unwrap_or_default();
            story.row([context.time(step.at), step.state.clone(), why]);
        }
        let facts = Facts::default()
            .add("retraining", one.id)
            .add("deployment", &one.deployment)
            .add("state", state(one))
            .add("trigger", one.trigger)
            .maybe("finding", one.finding)
            .add("reason", &one.reason)
            .add("trainer", &one.policy.trainer)
            .maybe("rows", one.manifest.as_ref().map(|manifest| manifest.rows))
            .maybe("data", one.manifest.as_ref().map(|manifest| manifest.digest))
            .maybe("candidate", one.version.map(|number| format!("{} {number}", one.model)))
            .add("attempts", one.attempts)
            .maybe("gate result", one.trial.as_ref().and_then(|trial| trial.gate))
            .maybe("rollout", one.trial.as_ref().and_then(|trial| trial.rollout))
            .maybe("why", why(one))
            .add("asked", context.time(one.created_at))
            .maybe("ended", ended(one).map(|time| context.time(time)));
        format!("{facts}{story}")
    })
}

/// When all of it was over: training, if nothing went on with the candidate.
fn ended(one: &Retrain) -> Option<Timestamp> {
    one.trial.as_ref().map_or(one.ended_at, |trial| trial.ended_at)
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
