//! `plimsoll status`.

use super::Context;
use crate::failure::Failure;
use crate::printer::{Facts, Table};
use plimsoll_api::Status;

/// Asks the server how it is. Exits with 2 if it does not accept records.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let status: Status = context.client()?.get("/api/v1/status", &())?;
    context.printer.show(&status, |status| text(context, status))?;
    if status.ledger.is_healthy {
        return Ok(());
    }
    Err(Failure::no("the ledger does not accept records"))
}

fn text(context: &Context, status: &Status) -> String {
    let ledger = &status.ledger;
    let health = match (&ledger.reason, ledger.is_healthy) {
        (_, true) => "healthy".to_owned(),
        (Some(reason), false) => reason.clone(),
        (None, false) => "not healthy".to_owned(),
    };
    let facts = Facts::default()
        .add("version", &status.version)
        .maybe("mode", status.dev.then_some("dev: no keys are asked for"))
        .add("started", context.time(status.started_at))
        .add(
            "snapshot",
            format!("{} (generation {})", status.snapshot.short(), status.snapshot_generation),
        )
        .add("policy", status.policy.short())
        .add("ledger", format!("{health}, {} records, {} queued", ledger.records, ledger.queued));
    let log = &ledger.log;
    let published = match (&log.reason, log.is_signing) {
        (None, true) => format!("{} entries published", log.published),
        (Some(reason), true) => format!("{} entries published; failing: {reason}", log.published),
        (reason, false) => {
            format!("not signing: {}", reason.as_deref().unwrap_or("nothing is published"))
        }
    };
    let facts = facts.add("log", published).add("log key", &log.key);
    let sinks = log.sinks.iter().map(|sink| match &sink.failing {
        None => format!("{} has {} entries", sink.name, sink.size),
        Some(why) => format!("{} has {} entries; failing: {why}", sink.name, sink.size),
    });
    let facts = sinks.fold(facts, |facts, sink| facts.add("checkpoints", sink));
    let mut table = Table::new(&["deployment", ">version", "state"]);
    for deployment in &status.deployments {
        let state = match (&deployment.reason, deployment.is_ready) {
            (_, true) => "ready".to_owned(),
            (reason, false) => format!("not ready: {}", reason.as_deref().unwrap_or("unknown")),
        };
        let version =
            deployment.version.map_or_else(|| "-".to_owned(), |version| version.to_string());
        table.row([deployment.name.clone(), version, state]);
    }
    if status.deployments.is_empty() { facts.to_string() } else { format!("{facts}\n{table}") }
}
