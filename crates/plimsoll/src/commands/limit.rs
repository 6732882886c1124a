//! `plimsoll limit`.

use super::Context;
use crate::cli::Paged;
use crate::failure::Failure;
use crate::printer::Facts;
use clap::{Args, Subcommand};
use plimsoll_api::{Limit, LimitSet, SetLimit};

const PATH: &str = "/api/v1/limits";

/// Verbs of limits.
#[derive(Subcommand, Debug)]
pub(crate) enum Verb {
    /// Set a limit, in place of the one before; what is not named is without limit
    ///
    /// It holds from the next request on. Who asks for more is answered 429 with `retry-after`,
    /// and the refusal is recorded. Uses are counted in memory and begin anew with a restart.
    #[command(after_help = "\
Examples:
  plimsoll limit set everyone --rate 50 --burst 100
  plimsoll limit set principal:nightly --in-flight 4 --rows-per-day 2000000
  plimsoll limit set deployment:credit-default --rate 400")]
    Set(Set),
    /// List limits
    #[command(after_help = "Examples:\n  plimsoll limit list\n  plimsoll limit list --json")]
    List(Paged),
    /// Show a limit
    #[command(after_help = "Examples:\n  plimsoll limit show deployment:credit-default")]
    Show {
        /// `everyone`, `principal:NAME` or `deployment:NAME`
        of: String,
    },
    /// Take a limit away
    #[command(after_help = "Examples:\n  plimsoll limit remove principal:nightly")]
    Remove {
        /// `everyone`, `principal:NAME` or `deployment:NAME`
        of: String,
    },
}

/// What is set.
#[derive(Args, Debug)]
#[group(id = "what", required = true, multiple = true, args = ["rate", "in_flight", "requests_per_day", "rows_per_day"])]
pub(crate) struct Set {
    /// `everyone` (each principal without a limit of its own), `principal:NAME` or
    /// `deployment:NAME`
    of: String,
    /// Requests per second in the long run
    #[arg(long, value_name = "N")]
    rate: Option<f64>,
    /// Requests at once, before the rate counts [default: one second's]
    #[arg(long, value_name = "N", requires = "rate")]
    burst: Option<u32>,
    /// Requests in flight at once
    #[arg(long, value_name = "N")]
    in_flight: Option<u32>,
    /// Requests in a day of UTC
    #[arg(long, value_name = "N")]
    requests_per_day: Option<u64>,
    /// Rows in a day of UTC; the request that passes it is still answered
    #[arg(long, value_name = "N")]
    rows_per_day: Option<u64>,
}

/// Runs the verb.
pub(super) fn run(context: &Context, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Set(set) => {
            let limit = Limit {
                requests_per_second: set.rate,
                burst: set.burst,
                in_flight: set.in_flight,
                requests_per_day: set.requests_per_day,
                rows_per_day: set.rows_per_day,
            };
            let made: LimitSet = context.client()?.post(PATH, &SetLimit { of: set.of, limit })?;
            context.printer.show(&made, |made| facts(context, made).to_string())
        }
        Verb::List(paged) => list(context, paged.limit),
        Verb::Show { of } => {
            let one: LimitSet = context.client()?.get(&path(&of)?, &())?;
            context.printer.show(&one, |one| facts(context, one).to_string())
        }
        Verb::Remove { of } => {
            context.client()?.delete(&path(&of)?)?;
            context.printer.note(&format!("removed the limit of {of}"));
            Ok(())
        }
    }
}

/// Names need no escape in a path; anything else is none.
fn path(of: &str) -> Result<String, Failure> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if of.is_empty() || !of.bytes().all(is_plain) {
        return Err(Failure::user(
            "a limit is of `everyone`, `principal:NAME` or `deployment:NAME`",
        ));
    }
    Ok(format!("{PATH}/{of}"))
}

fn list(context: &Context, limit: u32) -> Result<(), Failure> {
    let page = context.client()?.list::<LimitSet>(PATH, &(), limit)?;
    let heads =
        ["of", ">per second", ">burst", ">in flight", ">requests a day", ">rows a day", "set"];
    context.show_page(&page, &heads, |table, one| {
        let Limit { requests_per_second, burst, in_flight, requests_per_day, rows_per_day } =
            one.limit;
        table.row([
            one.of.clone(),
            cell(requests_per_second),
            cell(burst),
            cell(in_flight),
            cell(requests_per_day),
            cell(rows_per_day),
            context.time(one.changed_at),
        ]);
    })
}

fn cell(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn facts(context: &Context, one: &LimitSet) -> Facts {
    Facts::default()
        .add("limit of", &one.of)
        .maybe("requests per second", one.limit.requests_per_second)
        .maybe("burst", one.limit.burst)
        .maybe("in flight", one.limit.in_flight)
        .maybe("requests per day", one.limit.requests_per_day)
        .maybe("rows per day", one.limit.rows_per_day)
        .add("set by", one.changed_by_name.clone().unwrap_or_else(|| one.changed_by.to_string()))
        .add("set at", context.time(one.changed_at))
}
