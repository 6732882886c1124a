//! What closes the loop beside requests: candidates of retrainings that are brought on their way,
//! and limits of performance and fairness that are looked at.

use crate::accept::Life;
use crate::app::App;
use crate::references::References;
use plimsoll_types::{DeploymentId, Time};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often it is looked whether a candidate can go on.
const EVERY: Duration = Duration::from_secs(1);
/// Looking at limits reads decision tables: the pause is so many times as long as a look took, so
/// that it takes a twentieth of a core at most.
const REST: u32 = 20;
/// The longest pause.
const MAX_PAUSE: Duration = Duration::from_secs(60 * 60);

/// Brings candidates on their way until the server drains; what is left goes on after the next
/// start.
pub(crate) async fn tend(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let references = Arc::new(References::default());
    loop {
        let (app, references) = (Arc::clone(&app), Arc::clone(&references));
        let look = move || {
            // First, as a gate asks whether a version is watched.
            references.look(&app);
            app.control.tend_trials()
        };
        // What could not be looked after was told of; it is tried again.
        drop(tokio::task::spawn_blocking(look).await);
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(EVERY, drains).await.is_ok() {
            return;
        }
    }
}

/// Looks at outcomes, each slot or seldomer, until the server drains: of deployments with limits, and
/// of those to which any came since the last look.
pub(crate) async fn watch(app: Arc<App>, slot: Duration, mut life: watch::Receiver<Life>) {
    let mut pause = slot;
    let mut seen: HashMap<DeploymentId, Time> = HashMap::new();
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(pause, drains).await.is_ok() {
            return;
        }
        let (app, before) = (Arc::clone(&app), std::mem::take(&mut seen));
        let look = move || {
            let begun = app.clock.monotonic();
            let last = app.monitor.last_outcomes();
            let mut due: BTreeSet<DeploymentId> =
                app.control.with_limits().unwrap_or_default().into_iter().collect();
            due.extend(last.iter().filter(|(id, at)| before.get(id) != Some(at)).map(|(id, _)| id));
            for id in due {
                if let Err(error) = app.control.judge_outcomes(&app.lake, id) {
                    tracing::warn!(deployment = %id, %error, "outcomes could not be looked at");
                }
            }
            (last, Duration::from_nanos(app.clock.monotonic().saturating_sub(begun)))
        };
        let (last, took) = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        seen = last;
        pause = slot.max(took.saturating_mul(REST)).min(MAX_PAUSE.max(slot));
    }
}

/// Looks at limits, each slot or seldomer, until the server drains.
pub(crate) async fn judge(app: Arc<App>, slot: Duration, mut life: watch::Receiver<Life>) {
    let mut pause = slot;
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(pause, drains).await.is_ok() {
            return;
        }
        let app = Arc::clone(&app);
        let look = move || {
            let begun = app.clock.monotonic();
            // What could not be looked at was told of; it is looked at again.
            drop(app.control.judge_limits(&app.lake));
            Duration::from_nanos(app.clock.monotonic().saturating_sub(begun))
        };
        let took = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        pause = slot.max(took.saturating_mul(REST)).min(MAX_PAUSE.max(slot));
    }
}
