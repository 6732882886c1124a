//! What runs beside requests for rollouts: candidates that are asked once an answer has left, and
//! whoever writes down what guardrails and plans decide.

use crate::accept::Life;
use crate::app::App;
use plimsoll_gateway::SHADOWS_AT_ONCE;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often to look whether a step is over. A guardrail's verdict does not wait for it.
const EVERY: Duration = Duration::from_secs(1);

/// Writes down what is decided, at once and every second, until the server drains. Afterwards a
/// verdict still sends everybody back; it is written down after the next start, when it is seen
/// again.
pub(crate) async fn tend(app: Arc<App>, mut life: watch::Receiver<Life>) {
    loop {
        let control = Arc::clone(&app.control);
        let tend = move || (control.tend_rollouts(), control.tend_experiments());
        let tended = tokio::task::spawn_blocking(tend).await;
        // A rollout or experiment that could not be looked after was told of; it is tried again.
        drop(tended);
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        tokio::select! {
            _ = drains => return,
            () = app.gateway.verdict() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Asks candidates, a few at once, until the server drains.
pub(crate) async fn shadow(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let Some(mut waiting) = app.gateway.shadows() else { return };
    let mut asked = JoinSet::new();
    loop {
        while asked.len() >= SHADOWS_AT_ONCE {
            drop(asked.join_next().await);
        }
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        let next = tokio::select! {
            _ = drains => None,
            next = waiting.next() => next,
        };
        let Some(next) = next else { break };
        let gateway = app.gateway.clone();
        asked.spawn(async move { gateway.ask_candidate(next).await });
    }
    while asked.join_next().await.is_some() {}
}
