//! What runs beside requests: the minute's refusals and the heartbeat, and every hour what
//! erasures have due.

use crate::accept::Life;
use crate::app::App;
use plimsoll_ledger::{Holder, LedgerError};
use plimsoll_types::record::{Heartbeat, Kind, LeafDraft, RefusalTally};
use plimsoll_types::{EventId, Time};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;

/// How often refusals without a record of their own are recorded, and completeness is stated.
const EVERY: Duration = Duration::from_secs(60);

/// How often new parts of the ledger are noted.
const NOTES: Duration = Duration::from_secs(2);
/// The rest between two turns while much is to be noted: half the time is left to requests.
const NOTES_BACKLOG: Duration = Duration::from_millis(200);

/// Records the tally and a heartbeat each minute, until the server drains.
pub(crate) async fn each_minute(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut from = app.clock.now();
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(EVERY, drains).await.is_ok() {
            return;
        }
        from = minute(&app, from).await;
    }
}

/// Sends events to the sinks until the server drains; what is not sent stays in the ledger.
pub(crate) async fn run_sinks(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let (stop, stopping) = watch::channel(false);
    let drains = async {
        drop(life.wait_for(|&life| life != Life::Serving).await);
        stop.send_replace(true);
        // The sender stays alive until the workers have ended.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = app.sinks.clone().run(stopping) => {}
        () = drains => {}
    }
}

/// Does what erasures and retention have due: once now, then every hour, until the server
/// drains.
pub(crate) async fn each_hour(app: Arc<App>, mut life: watch::Receiver<Life>) {
    loop {
        let control = Arc::clone(&app.control);
        if let Ok(Err(error)) = tokio::task::spawn_blocking(move || control.reconcile()).await {
            tracing::error!(error = %error, "what erasures and retention have due could not be done");
        }
        end_tables(&app).await;
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(plimsoll_control::RECONCILE_EVERY, drains).await.is_ok() {
            return;
        }
    }
}

/// Notes what parts of the ledger hold, for lists, until the server drains.
pub(crate) async fn note_blocks(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut pause = NOTES;
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(pause, drains).await.is_ok() {
            return;
        }
        let control = Arc::clone(&app.control);
        pause = match tokio::task::spawn_blocking(move || control.note_blocks()).await {
            Ok(Ok(true)) => NOTES_BACKLOG,
            Ok(Ok(false)) => NOTES,
            Ok(Err(error)) => {
                tracing::error!(error = %error, "the ledger could not be read for lists");
                EVERY
            }
            Err(_) => EVERY,
        };
    }
}

/// Removes decision tables that are past their retention.
async fn end_tables(app: &App) {
    let ended = match app.lake.background(plimsoll_lake::Lake::end_retention) {
        Ok(running) => running.await.unwrap_or(Ok(0)),
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::error!(error = %error, "decision tables past their retention could not be removed");
    }
}

/// Records what was refused since `from`, and that everything up to now is recorded. Returns
/// the time up to which refusals are recorded.
pub(crate) async fn minute(app: &App, from: Time) -> Time {
    let now = app.clock.now();
    let metrics = app.gateway.metrics();
    // Read before the tally: what is resolved afterwards belongs to the next heartbeat.
    let completions = metrics.completions.iter().map(|count| count.load(Relaxed)).sum();
    let requests = metrics.resolved.load(Relaxed);
    let mut recorded_to = now;
    if let Some(tally) = app.gateway.tally().take(from, now)
        && let Err(error) = record(app, &tally, now).await
    {
        tracing::warn!(error = %error, "the minute's refusals could not be recorded; they are kept");
        app.gateway.tally().give_back(&tally);
        recorded_to = from;
    }
    let beat = Heartbeat { complete_to: now, requests, completions };
    match app.gateway.ledger().heartbeat(beat) {
        Ok(durable) => {
            if let Err(error) = durable.await {
                tracing::warn!(error = %error, "a heartbeat could not be recorded");
            }
        }
        Err(error) => tracing::warn!(error = %error, "a heartbeat could not be recorded"),
    }
    settle(app).await;
    recorded_to
}

/// Lets the next start begin its look for unfinished changes here.
async fn settle(app: &App) {
    let control = Arc::clone(&app.control);
    let settle = move || {
        control.settle()?;
        control.catch_up()
    };
    if let Ok(Err(error)) = tokio::task::spawn_blocking(settle).await {
        tracing::warn!(error = %error, "the control state could not note how far the ledger is settled");
    }
}

async fn record(app: &App, tally: &RefusalTally, now: Time) -> Result<(), LedgerError> {
    let ledger = app.gateway.ledger();
    let tenant = app.gateway.snapshot().parts().tenant;
    let id = *EventId::new(now).as_bytes();
    let draft = LeafDraft::new(Kind::RefusalTally, id, tenant, now, app.clock.monotonic());
    let sealed = ledger.seal(&[Holder::System], &tally.encode())?;
    ledger.append(draft, sealed, None)?.await.map(|_| ())
}
