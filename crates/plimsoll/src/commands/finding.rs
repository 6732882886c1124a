//! `plimsoll finding`.

use super::{Context, when};
use crate::cli::{Paged, one_of};
use crate::failure::Failure;
use crate::printer::Facts;
use clap::{Args, Subcommand};
use plimsoll_api::{
    AcknowledgeFinding, Alerting, AssignFinding, CreateSilence, Finding, FindingFilter,
    FindingKind, FindingSeverity, FindingState, Page, ReportFinding, ResolveFinding, Silence,
    SnoozeFinding,
};
use plimsoll_types::{Clock, FindingId, Name, SilenceId};

const PATH: &str = "/api/v1/findings";
const SILENCES: &str = "/api/v1/silences";
const HOUR: u64 = 60 * 60;

/// Verbs of findings.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// List findings, first seen last first
    #[command(after_help = "\
Examples:
  plimsoll finding list --state open
  plimsoll finding list --deployment credit-default --severity critical --json")]
    List(List),
    /// Show a finding
    #[command(
        after_help = "Examples:\n  plimsoll finding show 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Show {
        /// The finding's id
        id: FindingId,
    },
    /// Report what you or another tool saw; what is seen again is the same finding
    #[command(after_help = "\
Examples:
  plimsoll finding report credit-default --kind quality --about income \\
      --text 'a third of yesterday'\\''s incomes are monthly, not yearly' --number share=0.33")]
    Report(Report),
    /// Say that you see to a finding
    #[command(
        after_help = "Examples:\n  plimsoll finding ack 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --note 'a feed changed'"
    )]
    Ack {
        /// The finding's id
        id: FindingId,
        /// What is known so far
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Give a finding to somebody
    #[command(
        after_help = "Examples:\n  plimsoll finding assign 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 data-team"
    )]
    Assign {
        /// The finding's id
        id: FindingId,
        /// To whom: a name, a team, a mailbox
        to: String,
    },
    /// Let nobody be told of a finding for some time, unless it becomes critical
    #[command(
        after_help = "Examples:\n  plimsoll finding snooze 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 7d --reason 'fixed on Monday'"
    )]
    Snooze {
        /// The finding's id
        id: FindingId,
        /// Until when: a time (RFC 3339) or a duration from now such as 7d; 90 days at most
        #[arg(value_name = "WHEN")]
        until: String,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Say that a finding is over; it opens again when it is seen again
    #[command(
        after_help = "Examples:\n  plimsoll finding resolve 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911 --reason 'the feed is back'"
    )]
    Resolve {
        /// The finding's id
        id: FindingId,
        /// What was done, or why nothing had to be
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Silences: times in which nobody is told of some findings
    #[command(subcommand)]
    Silence(SilenceVerb),
    /// Show or set how a deployment's findings are told of
    #[command(after_help = "\
Examples:
  plimsoll finding settings credit-default
  plimsoll finding settings credit-default --budget 2 --due critical=1 --due warning=7 \\
      --runbook input_drift=https://wiki.example.org/drift")]
    Settings(Settings),
}

/// Options of `finding list`.
#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only those of this deployment
    #[arg(long, value_name = "NAME")]
    deployment: Option<Name>,
    /// Only those in this state
    #[arg(long, value_name = "STATE", value_parser = one_of(FindingState::ALL, FindingState::as_str))]
    state: Option<FindingState>,
    /// Only those of this kind
    #[arg(long, value_name = "KIND", value_parser = one_of(FindingKind::ALL, FindingKind::as_str))]
    kind: Option<FindingKind>,
    /// Only those of this severity
    #[arg(long, value_name = "SEVERITY", value_parser = one_of(FindingSeverity::ALL, FindingSeverity::as_str))]
    severity: Option<FindingSeverity>,
    /// Only those that this one sees to or, as long as nobody does, whose deployment is this one's
    #[arg(long, value_name = "WHO")]
    owner: Option<String>,
    /// Only those that are past their due time
    #[arg(long)]
    overdue: bool,
    #[command(flatten)]
    paged: Paged,
}

/// Options of `finding report`.
#[derive(Args, Debug)]
pub(crate) struct Report {
    /// The deployment
    deployment: Name,
    /// What kind of thing is wrong
    #[arg(long, value_name = "KIND", value_parser = one_of(FindingKind::ALL, FindingKind::as_str))]
    kind: FindingKind,
    /// How bad it is
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    #[arg(value_parser = one_of(FindingSeverity::ALL, FindingSeverity::as_str))]
    severity: FindingSeverity,
    /// What it is about: a feature, a metric; never a caller's value
    #[arg(long, value_name = "NAME")]
    about: String,
    /// The part of the population [default: everybody]
    #[arg(long, value_name = "SLICE")]
    slice: Option<String>,
    /// What was seen, in one sentence
    #[arg(long, value_name = "TEXT")]
    text: String,
    /// A number that decided; may be given several times
    #[arg(long = "number", value_name = "NAME=NUMBER", value_parser = pair::<f64>)]
    numbers: Vec<(String, f64)>,
    /// The version that answered
    #[arg(long, value_name = "NUMBER")]
    version: Option<u32>,
}

/// Verbs of silences.
#[derive(Subcommand, Debug)]
pub(crate) enum SilenceVerb {
    /// List silences that hold or will
    #[command(after_help = "Examples:\n  plimsoll finding silence list")]
    List,
    /// Make a silence; findings are recorded all the same, and told together when it ends
    #[command(after_help = "\
Examples:
  plimsoll finding silence add --for 2h --reason 'database maintenance'
  plimsoll finding silence add --deployment credit-default --from 2026-12-06T02:00:00Z --for 2h \\
      --every 7d --reason 'weekly maintenance'")]
    Add(AddSilence),
    /// End a silence
    #[command(
        after_help = "Examples:\n  plimsoll finding silence remove 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Remove {
        /// The silence's id
        id: SilenceId,
    },
}

/// Options of `finding silence add`.
#[derive(Args, Debug)]
pub(crate) struct AddSilence {
    /// Only findings of this deployment [default: every one]
    #[arg(long, value_name = "NAME")]
    deployment: Option<Name>,
    /// Only findings of this kind [default: every one but security]
    #[arg(long, value_name = "KIND", value_parser = one_of(FindingKind::ALL, FindingKind::as_str))]
    kind: Option<FindingKind>,
    /// The worst that is silenced
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    #[arg(value_parser = one_of(FindingSeverity::ALL, FindingSeverity::as_str))]
    severity: FindingSeverity,
    /// When it begins: a time (RFC 3339) or a duration from now [default: now]
    #[arg(long, value_name = "WHEN")]
    from: Option<String>,
    /// How long it lasts, such as 2h; 30 days at most
    #[arg(long = "for", value_name = "DURATION")]
    lasts: String,
    /// After how long it comes again, in whole hours: 24h, 7d
    #[arg(long, value_name = "DURATION")]
    every: Option<String>,
    /// After when it begins no more: a time or a duration from now
    #[arg(long, value_name = "WHEN", requires = "every")]
    until: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

/// Options of `finding settings`.
#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// The deployment
    deployment: Name,
    /// Alerts below critical in 30 days; what is over it waits, and is told with the next
    #[arg(long, value_name = "N")]
    budget: Option<u32>,
    /// Days until findings of a severity are due; may be given several times
    #[arg(long = "due", value_name = "SEVERITY=DAYS", value_parser = pair::<u32>)]
    due: Vec<(String, u32)>,
    /// What to do about findings of a kind; may be given several times
    #[arg(long = "runbook", value_name = "KIND=LINK", value_parser = pair::<String>)]
    runbooks: Vec<(String, String)>,
}

/// `NAME=VALUE`.
fn pair<T: std::str::FromStr>(text: &str) -> Result<(String, T), String> {
    let wanted = || format!("`{text}` is not NAME=VALUE");
    let (name, value) = text.split_once('=').ok_or_else(wanted)?;
    Ok((name.to_owned(), value.parse().map_err(|_| wanted())?))
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List(args) => list(context, args),
        Verb::Show { id } => {
            let finding: Finding = context.client()?.get(&format!("{PATH}/{id}"), &())?;
            show(context, &finding)
        }
        Verb::Report(args) => {
            let body = ReportFinding {
                deployment: args.deployment,
                kind: args.kind,
                severity: args.severity,
                about: args.about,
                slice: args.slice,
                text: args.text,
                numbers: args.numbers.into_iter().collect(),
                version: args.version,
                since: None,
            };
            show(context, &context.client()?.post(PATH, &body)?)
        }
        Verb::Ack { id, note } => change(context, id, "acknowledge", &AcknowledgeFinding { note }),
        Verb::Assign { id, to } => change(context, id, "assign", &AssignFinding { to }),
        Verb::Snooze { id, until, reason } => {
            let until = when::future(&until, context.clock.now())?;
            change(context, id, "snooze", &SnoozeFinding { until, reason })
        }
        Verb::Resolve { id, reason } => change(context, id, "resolve", &ResolveFinding { reason }),
        Verb::Silence(verb) => silence(context, verb),
        Verb::Settings(args) => settings(context, args),
    }
}

fn change(
    context: &Context,
    id: FindingId,
    what: &str,
    body: &impl serde::Serialize,
) -> Result<(), Failure> {
    let finding: Finding = context.client()?.post(&format!("{PATH}/{id}/{what}"), body)?;
    show(context, &finding)
}

fn list(context: &Context, args: List) -> Result<(), Failure> {
    let List { deployment, state, kind, severity, owner, overdue, paged } = args;
    let is_overdue = overdue.then_some(true);
    let rest = FindingFilter::default();
    let filter = FindingFilter { deployment, state, kind, severity, owner, is_overdue, ..rest };
    let page = context.client()?.list::<Finding>(PATH, &filter, paged.limit)?;
    let heads = ["id", "deployment", "severity", "state", "kind", "about", ">seen", "due", "text"];
    context.show_page(&page, &heads, |table, one| {
        let slice = one.slice.as_ref().map(|slice| format!(" ({slice})")).unwrap_or_default();
        table.row([
            one.id.to_string(),
            one.deployment.to_string(),
            one.severity.to_string(),
            one.state.to_string(),
            one.kind.to_string(),
            format!("{}{slice}", one.about),
            one.occurrences.to_string(),
            if one.is_overdue { "overdue".to_owned() } else { context.time(one.due_at) },
            one.text.clone(),
        ]);
    })
}

fn show(context: &Context, finding: &Finding) -> Result<(), Failure> {
    context.printer.show(finding, |one| {
        let mut facts = Facts::default()
            .add("finding", one.id)
            .add("deployment", &one.deployment)
            .add("severity", one.severity)
            .add("state", one.state)
            .add("kind", one.kind)
            .add("about", &one.about)
            .maybe("slice", one.slice.as_deref())
            .add("text", &one.text)
            .add("owner", &one.owner)
            .maybe("assignee", one.assignee.as_deref())
            .maybe("version", one.version)
            .add("seen", format!("{} times", one.occurrences))
            .add("opened", context.time(one.opened_at))
            .add("last seen", context.time(one.seen_at))
            .add("due", context.time(one.due_at))
            .add("runbook", &one.runbook)
            .maybe("snoozed until", one.snoozed_until.map(|time| context.time(time)))
            .maybe("changed by", one.changed_by_name.as_deref())
            .maybe("reason", one.reason.as_deref());
        if one.is_held {
            facts = facts.add("alert", "held until the budget or a silence lets it go");
        }
        let mut text = facts.to_string();
        for (name, value) in &one.numbers {
            text.push_str(&format!("  {name} = {value}\n"));
        }
        text
    })
}

fn silence(context: &Context, verb: SilenceVerb) -> Result<(), Failure> {
    match verb {
        SilenceVerb::List => {
            let page: Page<Silence> = context.client()?.get(SILENCES, &())?;
            let heads =
                ["id", "deployment", "kind", "up to", "from", "until", "every", "now", "why"];
            context.show_page(&page, &heads, |table, one| {
                let all = || "every".to_owned();
                table.row([
                    one.id.to_string(),
                    one.deployment.as_ref().map_or_else(all, ToString::to_string),
                    one.kind.map_or_else(all, |kind| kind.to_string()),
                    one.severity.to_string(),
                    context.time(one.starts_at),
                    context.time(one.ends_at),
                    one.every_hours.map_or_else(|| "-".to_owned(), |hours| format!("{hours}h")),
                    if one.is_active { "yes" } else { "no" }.to_owned(),
                    one.reason.clone(),
                ]);
            })
        }
        SilenceVerb::Add(args) => add_silence(context, args),
        SilenceVerb::Remove { id } => {
            context.client()?.delete(&format!("{SILENCES}/{id}"))?;
            context.printer.note(&format!("removed silence {id}"));
            Ok(())
        }
    }
}

fn add_silence(context: &Context, args: AddSilence) -> Result<(), Failure> {
    let now = context.clock.now();
    let starts_at = match &args.from {
        Some(text) => when::future(text, now)?,
        None => now.into(),
    };
    let hours = |text: &String| {
        let duration = when::duration(text)?.as_secs();
        let whole = duration > 0 && duration % HOUR == 0;
        let hours = u32::try_from(duration / HOUR).ok().filter(|_| whole);
        hours.ok_or_else(|| Failure::user(format!("`{text}` is not a number of whole hours")))
    };
    let body = CreateSilence {
        deployment: args.deployment,
        kind: args.kind,
        severity: Some(args.severity),
        starts_at: Some(starts_at),
        ends_at: starts_at.0.plus(when::duration(&args.lasts)?).into(),
        every_hours: args.every.as_ref().map(hours).transpose()?,
        last_at: args.until.as_ref().map(|text| when::future(text, now)).transpose()?,
        reason: args.reason,
    };
    let made: Silence = context.client()?.post(SILENCES, &body)?;
    context.printer.show(&made, |made| {
        Facts::default()
            .add("silence", made.id)
            .add("from", context.time(made.starts_at))
            .add("until", context.time(made.ends_at))
            .maybe("every", made.every_hours.map(|hours| format!("{hours}h")))
            .add("now", if made.is_active { "yes" } else { "no" })
            .to_string()
    })
}

fn settings(context: &Context, args: Settings) -> Result<(), Failure> {
    let path = format!("/api/v1/deployments/{}/alerting", args.deployment);
    let client = context.client()?;
    let mut alerting: Alerting = client.get(&path, &())?;
    if args.budget.is_some() || !args.due.is_empty() || !args.runbooks.is_empty() {
        alerting.budget = args.budget.or(alerting.budget);
        for (severity, days) in args.due {
            alerting.due_days.insert(word(&severity)?, days);
        }
        for (kind, link) in args.runbooks {
            alerting.runbooks.insert(word(&kind)?, link);
        }
        alerting = client.post(&path, &alerting)?;
    }
    context.printer.show(&alerting, |alerting| {
        let days = |severity, usual| alerting.due_days.get(&severity).copied().unwrap_or(usual);
        let mut text = Facts::default()
            .add("alerts in 30 days", alerting.budget.unwrap_or(1))
            .add("critical due", format!("{} days", days(FindingSeverity::Critical, 1)))
            .add("warning due", format!("{} days", days(FindingSeverity::Warning, 14)))
            .add("info due", format!("{} days", days(FindingSeverity::Info, 30)))
            .to_string();
        for (kind, link) in &alerting.runbooks {
            text.push_str(&format!("  runbook of {kind}: {link}\n"));
        }
        text
    })
}

fn word<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|all: String| Failure::user(format!("`{text}` is not {all}")))
}
