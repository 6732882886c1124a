//! `plimsoll alert`. A secret is printed once, to stdout, and nowhere else.

use super::Context;
use crate::cli::{Paged, one_of};
use crate::failure::Failure;
use crate::printer::Facts;
use clap::{Args, Subcommand};
use plimsoll_api::{
    AlertAgain, AlertFilter, AlertRoute, AlertRouteSecret, AlertShape, AlertState, AlertTest,
    CreateAlertRoute, FindingKind, FindingSeverity, SentAlert,
};
use plimsoll_types::{AlertId, Name};
use serde_json::json;
use std::path::PathBuf;

const PATH: &str = "/api/v1/alerts";
const ROUTES: &str = "/api/v1/alerts/routes";
/// The longest file with a routing key.
const MAX_KEY: u64 = 4_096;

/// Verbs of alerts.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// List what was told of findings and is to be, latest first
    #[command(after_help = "\
Examples:
  plimsoll alert list
  plimsoll alert list --state dead --json")]
    List {
        /// Only deliveries in this state
        #[arg(long, value_name = "STATE", value_parser = one_of(AlertState::ALL, AlertState::as_str))]
        state: Option<AlertState>,
        #[command(flatten)]
        paged: Paged,
    },
    /// Try an alert again that was given up
    #[command(
        after_help = "Examples:\n  plimsoll alert redeliver 0198c2f0-8f6a-7d3e-9a41-0c5d7be2f911"
    )]
    Redeliver {
        /// The alert's id
        id: AlertId,
    },
    /// Routes: who is told of findings, and how
    #[command(subcommand)]
    Route(RouteVerb),
    /// Print alerting rules for Prometheus over the metrics of findings
    #[command(
        after_help = "Examples:\n  plimsoll alert rules > /etc/prometheus/rules/plimsoll.yml"
    )]
    Rules,
}

/// Verbs of routes.
#[derive(Subcommand, Debug)]
pub(crate) enum RouteVerb {
    /// Add who is told of findings
    ///
    /// `webhook` is sent CloudEvents; the secret of their signatures (Standard Webhooks) is
    /// printed to stdout, once. `slack` and `teams` take the address of an incoming webhook,
    /// `mail` mailboxes with commas between (the settings name the relay), `pagerduty` the
    /// routing key of an integration of Events API v2.
    #[command(after_help = "\
Examples:
  plimsoll alert route add ops webhook https://events.example.org/plimsoll > secret.txt
  plimsoll alert route add team slack https://hooks.slack.com/services/T0/B0/x --severity warning
  plimsoll alert route add duty pagerduty --key-from routing-key.txt --severity critical
  plimsoll alert route add fairness mail 'Ethics <ethics@example.org>' --kind fairness")]
    Add(Add),
    /// List routes
    #[command(after_help = "Examples:\n  plimsoll alert route list")]
    List(Paged),
    /// Send a test now, once; exit code 2 if it is not taken
    #[command(after_help = "Examples:\n  plimsoll alert route test ops")]
    Test {
        /// The route's name
        name: Name,
    },
    /// Take a route away, its secret with it, and what it was still to be told
    #[command(after_help = "Examples:\n  plimsoll alert route remove ops")]
    Remove {
        /// The route's name
        name: Name,
    },
}

/// Options of `alert route add`.
#[derive(Args, Debug)]
pub(crate) struct Add {
    /// Its name
    name: Name,
    /// In which shape it is told
    #[arg(value_name = "SHAPE", value_parser = one_of(AlertShape::ALL, AlertShape::as_str))]
    shape: AlertShape,
    /// Where to: an address of https, or mailboxes [default for pagerduty: its own]
    #[arg(value_name = "ADDRESS")]
    to: Option<String>,
    /// A file that holds the routing key of PagerDuty
    #[arg(long, value_name = "FILE")]
    key_from: Option<PathBuf>,
    /// Only findings of this deployment; may be given several times [default: every one]
    #[arg(long = "deployment", value_name = "NAME")]
    deployments: Vec<Name>,
    /// Only findings of this kind; may be given several times [default: every one]
    #[arg(long = "kind", value_name = "KIND", value_parser = one_of(FindingKind::ALL, FindingKind::as_str))]
    kinds: Vec<FindingKind>,
    /// The mildest that is told
    #[arg(long, value_name = "SEVERITY", default_value = "warning")]
    #[arg(value_parser = one_of(FindingSeverity::ALL, FindingSeverity::as_str))]
    severity: FindingSeverity,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::List { state, paged } => list(context, state, paged.limit),
        Verb::Redeliver { id } => {
            let again: AlertAgain =
                context.client()?.post(&format!("{PATH}/{id}/redeliver"), &json!({}))?;
            context.printer.show(&again, |again| format!("alert {} is tried again\n", again.id))
        }
        Verb::Route(verb) => route(context, verb),
        Verb::Rules => {
            let rules = context.client()?.bytes(&format!("{PATH}/prometheus-rules"))?;
            context.printer.bytes(&rules)
        }
    }
}

fn route(context: &Context, verb: RouteVerb) -> Result<(), Failure> {
    match verb {
        RouteVerb::Add(args) => add(context, args),
        RouteVerb::List(paged) => {
            let page = context.client()?.list::<AlertRoute>(ROUTES, &(), paged.limit)?;
            let heads = ["name", "shape", "to", "from severity", "kinds", "deployments"];
            context.show_page(&page, &heads, |table, one| {
                let all = || "every".to_owned();
                let words = |words: Vec<String>| words.join(", ");
                table.row([
                    one.name.to_string(),
                    one.shape.to_string(),
                    one.origin.clone(),
                    one.severity.to_string(),
                    one.kinds.as_ref().map_or_else(all, |kinds| {
                        words(kinds.iter().map(ToString::to_string).collect())
                    }),
                    one.deployments.as_ref().map_or_else(all, |names| {
                        words(names.iter().map(ToString::to_string).collect())
                    }),
                ]);
            })
        }
        RouteVerb::Test { name } => test(context, &name),
        RouteVerb::Remove { name } => {
            context.client()?.delete(&format!("{ROUTES}/{name}"))?;
            context.printer.note(&format!("removed alert route {name}"));
            Ok(())
        }
    }
}

fn add(context: &Context, args: Add) -> Result<(), Failure> {
    let key = args.key_from.as_ref().map(|path| {
        let failed = |error: std::io::Error| {
            Failure::user(format!("`{}` could not be read", path.display())).because(error)
        };
        if fs_err::metadata(path).map_err(failed)?.len() > MAX_KEY {
            return Err(Failure::user(format!("`{}` is no routing key", path.display())));
        }
        Ok(fs_err::read_to_string(path).map_err(failed)?.trim().to_owned())
    });
    let body = CreateAlertRoute {
        name: args.name,
        shape: args.shape,
        to: args.to,
        key: key.transpose()?,
        deployments: Some(args.deployments).filter(|names| !names.is_empty()),
        kinds: Some(args.kinds).filter(|kinds| !kinds.is_empty()),
        severity: Some(args.severity),
    };
    let made: AlertRouteSecret = context.client()?.post(ROUTES, &body)?;
    // The secret alone is data, so that `> secret.txt` keeps it; the rest is words.
    context.printer.show(&made, |made| {
        made.secret.as_ref().map(|secret| format!("{secret}\n")).unwrap_or_default()
    })?;
    let route = &made.route;
    let facts = Facts::default()
        .add("alert route", &route.name)
        .add("shape", route.shape)
        .add("to", &route.origin)
        .add("from severity", route.severity);
    context.printer.note(facts.to_string().trim_end());
    let hint = if made.secret.is_some() {
        "keep the secret now: it is not shown again; receivers check `webhook-signature` with it"
    } else {
        "run `plimsoll alert route test` to see whether it is taken"
    };
    context.printer.hint(hint);
    Ok(())
}

fn test(context: &Context, name: &Name) -> Result<(), Failure> {
    let tested: AlertTest = context.client()?.post(&format!("{ROUTES}/{name}/test"), &json!({}))?;
    context.printer.show(&tested, |tested| {
        Facts::default()
            .add("delivered", if tested.delivered { "yes" } else { "no" })
            .maybe("reason", tested.reason.as_deref())
            .to_string()
    })?;
    if tested.delivered {
        return Ok(());
    }
    Err(Failure::no(format!("the test was not taken by alert route `{name}`")))
}

fn list(context: &Context, state: Option<AlertState>, limit: u32) -> Result<(), Failure> {
    let filter = AlertFilter { state, ..AlertFilter::default() };
    let page = context.client()?.list::<SentAlert>(PATH, &filter, limit)?;
    let heads = ["alert", "made", "route", "deployment", "what", "state", ">tried", "last"];
    context.show_page(&page, &heads, |table, one| {
        table.row([
            one.id.to_string(),
            context.time(one.created_at),
            one.route.to_string(),
            one.deployment.to_string(),
            one.what.to_string(),
            one.state.to_string(),
            one.attempts.to_string(),
            one.reason.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    })
}
