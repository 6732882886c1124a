//! `plimsoll drill`: what is needed in trouble, proved while there is none.

use super::Context;
use crate::failure::Failure;
use crate::printer::Facts;
use clap::Subcommand;
use plimsoll_api::{DrillRollback, RollbackDrill};
use plimsoll_types::Name;

/// Drills.
#[derive(Subcommand, Debug)]
pub(crate) enum Drill {
    /// Roll back on live traffic, without harm
    ///
    /// The version that answers is tried against itself on half of the traffic, and sent back the
    /// way a bad version would be. Every caller gets the same answers all the time; the ledger says
    /// that it was a drill, and how long it took. Without traffic it waits five seconds and shows
    /// the way back alone.
    #[command(after_help = "\
Examples:
  plimsoll drill rollback credit-default
  plimsoll drill rollback credit-default --requests 100 --json | jq .took_us")]
    Rollback {
        /// The deployment
        name: Name,
        /// Requests that go the way that is then closed
        #[arg(long, value_name = "N", default_value_t = 1)]
        requests: u32,
    },
}

/// Runs the drill.
pub(super) fn run(context: &Context, drill: &Drill) -> Result<(), Failure> {
    let Drill::Rollback { name, requests } = drill;
    let body = DrillRollback { requests: Some(*requests) };
    let path = format!("/api/v1/deployments/{name}/drill");
    let done: RollbackDrill = context.client()?.post(&path, &body)?;
    context.printer.show(&done, |done| {
        Facts::default()
            .add("version", done.version)
            .add("requests", done.requests)
            .add("took", format!("{} us", done.took_us))
            .add("rollout", done.rollout)
            .to_string()
    })?;
    if done.requests == 0 {
        context.printer.note("there was no traffic; only the way back was shown");
    }
    Ok(())
}
