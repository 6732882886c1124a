//! `plimsoll rollout`: a version is tried under traffic; what is seen of it, and how far it is.

use super::Context;
use super::because::Because;
use crate::cli::Paged;
use crate::client::Client;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use clap::{Args, Subcommand};
use fs_err as fs;
use plimsoll_api::{
    GuardrailKind, Rollout, RolloutGuardrail, RolloutPhase, RolloutStep, StartRollout,
};
use plimsoll_types::{Name, RolloutId};
use std::path::PathBuf;
use std::time::Duration;

/// How often to ask how far a rollout is.
const EVERY: Duration = Duration::from_secs(1);

/// Verbs of rollouts.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Try a version under traffic, step by step
    ///
    /// It is asked beside the version that answers (shadow), then answers 1 %, 5 % and 25 % of the
    /// requests, and is released when it does no worse in any of this. If it does worse, everybody
    /// gets the version that answered before with the next request. docs/releases.md has the
    /// guardrails. Needs what a release needs.
    #[command(after_help = "\
Examples:
  plimsoll rollout start credit-default --version 2
  plimsoll rollout start credit-default --version 2 --step shadow:500:5m --step 10:1000:10m
  plimsoll rollout start credit-default --version 2 --outcome repaid --group region=north
  plimsoll rollout start credit-default --file rollout.json")]
    Start(Start),
    /// Show the rollout that is under way, or the last one, with its history
    #[command(after_help = "\
Examples:
  plimsoll rollout show credit-default
  plimsoll rollout show credit-default --json | jq .evidence")]
    Show {
        /// The deployment
        name: Name,
        /// Another rollout of it
        #[arg(long, value_name = "ID")]
        id: Option<RolloutId>,
    },
    /// List rollouts of a deployment, latest first
    #[command(after_help = "Examples:\n  plimsoll rollout list credit-default")]
    List {
        /// The deployment
        name: Name,
        #[command(flatten)]
        paged: Paged,
    },
    /// Let it stay at its step; guardrails still watch
    #[command(after_help = "\
Examples:
  plimsoll rollout hold credit-default --reason 'waiting for the outcomes of May'")]
    Hold {
        /// The deployment
        name: Name,
        #[command(flatten)]
        because: Because,
    },
    /// Let it go on that was held or found no answer in its time
    #[command(after_help = "Examples:\n  plimsoll rollout resume credit-default")]
    Resume {
        /// The deployment
        name: Name,
        #[command(flatten)]
        because: Because,
    },
    /// Let it go to its next step now; past the last, the version is released
    #[command(after_help = "Examples:\n  plimsoll rollout advance credit-default")]
    Advance {
        /// The deployment
        name: Name,
        #[command(flatten)]
        because: Because,
    },
    /// Let everybody get the version that answered before
    #[command(after_help = "\
Examples:
  plimsoll rollout rollback credit-default --reason 'complaints by phone'")]
    Rollback {
        /// The deployment
        name: Name,
        #[command(flatten)]
        because: Because,
    },
    /// Show how far it is until it ends; exit code 2 if it is rolled back
    #[command(after_help = "Examples:\n  plimsoll rollout watch credit-default")]
    Watch {
        /// The deployment
        name: Name,
    },
}

/// Options of `rollout start`.
#[derive(Args, Debug)]
pub(crate) struct Start {
    /// The deployment
    name: Name,
    /// The number of the version
    #[arg(long, value_name = "N", required_unless_present = "file")]
    version: Option<u32>,
    /// A step: `shadow` or a percentage, the requests and the time that it needs at least, such as
    /// `5:1000:10m`; with a fourth part, the answers whose outcome is known, such as `5:1000:10m:50`;
    /// may be given several times
    #[arg(long, value_name = "PERCENT:REQUESTS:TIME", conflicts_with = "file")]
    step: Vec<String>,
    /// Also compare how often answers turn out to be wrong, by the outcome of this name
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    outcome: Option<String>,
    /// Which value of the outcome is positive [default: 1, true or yes]
    #[arg(long, value_name = "VALUE", requires = "outcome")]
    positive: Option<String>,
    /// Also compare the share of positive answers in a group of persons, by a slice key of the
    /// contract, such as `region=north`; may be given several times
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "file")]
    group: Vec<String>,
    /// The chance that a version that is no worse is rolled back [default: 0.01]
    #[arg(long, value_name = "CHANCE", conflicts_with = "file")]
    false_rollback: Option<f64>,
    /// From which score on an answer is positive [default: 0.5]
    #[arg(long, value_name = "SCORE", conflicts_with = "file")]
    positive_from: Option<f64>,
    /// Everything from a JSON file, as the API takes it
    #[arg(long, value_name = "FILE", conflicts_with = "version")]
    file: Option<PathBuf>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Start(args) => start(context, args),
        Verb::Show { name, id } => {
            let id = id.map_or_else(|| "current".to_owned(), |id| id.to_string());
            let found: Rollout = context.client()?.get(&format!("{}/{id}", path(&name)), &())?;
            show(context, &found)
        }
        Verb::List { name, paged } => list(context, &name, paged.limit),
        Verb::Hold { name, because } => change(context, &name, "hold", &because),
        Verb::Resume { name, because } => change(context, &name, "resume", &because),
        Verb::Advance { name, because } => change(context, &name, "advance", &because),
        Verb::Rollback { name, because } => change(context, &name, "rollback", &because),
        Verb::Watch { name } => watch(context, &name),
    }
}

fn path(name: &Name) -> String {
    format!("/api/v1/deployments/{name}/rollouts")
}

fn start(context: &Context, args: Start) -> Result<(), Failure> {
    let body = match args.file {
        Some(file) => serde_json::from_str(&fs::read_to_string(&file)?)
            .map_err(|error| Failure::user(format!("{}: {error}", file.display())))?,
        None => StartRollout {
            version: args.version.unwrap_or_default(),
            steps: if args.step.is_empty() {
                None
            } else {
                Some(args.step.iter().map(|text| step(text)).collect::<Result<_, _>>()?)
            },
            guardrails: None,
            also: also(&args)?,
            false_rollback: args.false_rollback,
            score_output: None,
            positive_from: args.positive_from,
        },
    };
    let begun: Rollout = context.client()?.post(&path(&args.name), &body)?;
    show(context, &begun)?;
    context.printer.hint(&format!("watch it with `plimsoll rollout watch {}`", args.name));
    Ok(())
}

/// The guardrails beside the usual ones.
fn also(args: &Start) -> Result<Vec<RolloutGuardrail>, Failure> {
    let usual = |kind| RolloutGuardrail {
        kind,
        weight: 1.0,
        quantile: None,
        tolerance: None,
        margin: None,
        by: None,
        group: None,
        outcome: None,
        positive: None,
    };
    let outcome = args.outcome.iter().map(|name| {
        let (outcome, positive) = (Some(name.clone()), args.positive.clone());
        Ok(RolloutGuardrail { outcome, positive, ..usual(GuardrailKind::Outcomes) })
    });
    let group = args.group.iter().map(|text| {
        let wrong = || Failure::user("`--group` is KEY=VALUE, such as `region=north`");
        let (by, group) = text.split_once('=').ok_or_else(wrong)?;
        let (by, group) = (Some(by.to_owned()), Some(group.to_owned()));
        Ok(RolloutGuardrail { by, group, ..usual(GuardrailKind::Mix) })
    });
    outcome.chain(group).collect()
}

/// `shadow:500:5m`, `2.5:1000:10m` or, with outcomes, `5:1000:1d:50`.
pub(super) fn step(text: &str) -> Result<RolloutStep, Failure> {
    let wrong = || {
        Failure::user("`--step` is PERCENT:REQUESTS:TIME, such as `shadow:500:5m` or `5:1000:10m`")
    };
    let mut parts = text.splitn(4, ':');
    let mut next = || parts.next().ok_or_else(wrong);
    let percent = match next()? {
        "shadow" => 0.0,
        number => number.parse().ok().filter(|percent| *percent > 0.0).ok_or_else(wrong)?,
    };
    let requests_min = next()?.parse().map_err(|_| wrong())?;
    let seconds_min = super::when::duration(next()?)?.as_secs();
    let seconds_max = seconds_min.saturating_add(7 * 24 * 3600);
    let outcomes_min = parts.next().map_or(Ok(0), str::parse).map_err(|_| wrong())?;
    Ok(RolloutStep { percent, requests_min, seconds_min, seconds_max, outcomes_min })
}

fn change(context: &Context, name: &Name, verb: &str, why: &Because) -> Result<(), Failure> {
    let path = format!("{}/current/{verb}", path(name));
    let now: Rollout = context.client()?.post(&path, &why.body())?;
    show(context, &now)
}

fn list(context: &Context, name: &Name, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<Rollout>(&path(name), &(), limit)?;
    let heads = ["id", "started", ">from", ">to", "phase", ">step", ">requests", ">pairs", "why"];
    context.show_page(&page, &heads, |table, one| {
        table.row([
            one.id.to_string(),
            context.time(one.started_at),
            one.incumbent.to_string(),
            one.candidate.to_string(),
            phase(one),
            format!("{}/{}", one.step, one.steps.len()),
            one.candidates.to_string(),
            one.pairs.to_string(),
            one.reason.clone().unwrap_or_default(),
        ]);
    })
}

fn phase(one: &Rollout) -> String {
    if one.is_drill { format!("{} (drill)", one.phase) } else { one.phase.to_string() }
}

fn show(context: &Context, one: &Rollout) -> Result<(), Failure> {
    context.printer.show(one, |one| {
        let heads = ["guardrail", ">evidence", ">most", ">rolled back at", "note"];
        let mut evidence = Table::new(&heads);
        for said in &one.evidence {
            evidence.row([
                said.guardrail.clone(),
                format!("{:.2}", said.wealth),
                format!("{:.2}", said.most),
                format!("{:.0}", said.goal),
                said.note.clone().unwrap_or_default(),
            ]);
        }
        let mut history = Table::new(&["when", "what", "why"]);
        for change in &one.history {
            let why = change.facts["reason"]["what"].as_str().unwrap_or_default();
            history.row([context.time(change.at), change.what.clone(), why.to_owned()]);
        }
        let facts = Facts::default()
            .add("rollout", one.id)
            .add("deployment", &one.deployment)
            .add("versions", format!("{} answers, {} is tried", one.incumbent, one.candidate))
            .add("phase", phase(one))
            .maybe("why", one.reason.clone())
            .add("step", exposure(one))
            .add("requests", one.candidates)
            .add("pairs", one.pairs)
            .add(
                "outcomes",
                format!("{} of the candidate, {} meanwhile", one.outcomes, one.incumbent_outcomes),
            )
            .maybe("agreement", one.agreement.map(percent))
            .maybe("score shift", one.score_shift.map(|shift| format!("{shift:+.4}")))
            .maybe("same reason", one.reason_agreement.map(percent))
            .maybe("reason shift", one.reason_shift.map(percent))
            .add("started", context.time(one.started_at))
            .maybe("ended", one.ended_at.map(|at| context.time(at)));
        format!("{facts}\n{evidence}\n{history}")
    })
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn exposure(one: &Rollout) -> String {
    let exposed = match one.phase {
        RolloutPhase::RolledBack => "nobody gets it".to_owned(),
        RolloutPhase::Promoted => "everybody gets it".to_owned(),
        _ if one.percent == 0.0 => "shadow".to_owned(),
        _ => format!("{} %", one.percent),
    };
    format!("{} of {}: {exposed}", one.step, one.steps.len())
}

fn watch(context: &Context, name: &Name) -> Result<(), Failure> {
    let client = context.client()?;
    let ended = loop {
        let now = ask(&client, name)?;
        if now.ended_at.is_some() {
            context.printer.progress_done();
            break now;
        }
        let needed = now.steps.get(now.step.saturating_sub(1) as usize);
        let needed = needed.map_or(0, |step| step.requests_min);
        let most = now.evidence.iter().max_by(|a, b| a.wealth.total_cmp(&b.wealth));
        let most = most.map_or_else(String::new, |one| {
            format!("; most against it: {} {:.1} of {:.0}", one.guardrail, one.wealth, one.goal)
        });
        context.printer.progress(&format!(
            "{}, step {}; {} of {needed}{most}",
            now.phase,
            exposure(&now),
            now.in_step
        ));
        std::thread::sleep(EVERY);
    };
    show(context, &ended)?;
    if ended.phase == RolloutPhase::RolledBack {
        let why = ended.reason.clone().unwrap_or_default();
        return Err(Failure::no(format!("version {} was rolled back: {why}", ended.candidate)));
    }
    Ok(())
}

fn ask(client: &Client, name: &Name) -> Result<Rollout, Failure> {
    client.get(&format!("{}/current", path(name)), &())
}
