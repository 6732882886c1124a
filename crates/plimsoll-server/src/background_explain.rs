//! Deferred explanations, made beside requests in small turns.

use crate::accept::Life;
use crate::app::App;
use plimsoll_control::{ControlError, Deferral, Explained};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::watch;

/// How long to wait when everything is explained: what a person who asks does not notice.
const IDLE: Duration = Duration::from_millis(500);
/// How long to wait when ledger or store refused: long enough for a full disk to be noticed.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Makes deferred explanations until the server drains. What is left then is made after the
/// next start.
pub(crate) async fn explain(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut deferral = None;
    loop {
        let pause = match turn(&app, &mut deferral).await {
            Ok(explained) if explained.is_done => IDLE,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(error = %error, "deferred explanations wait");
                AFTER_FAILURE
            }
        };
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(pause, drains).await.is_ok() {
            return;
        }
    }
}

async fn turn(app: &App, deferral: &mut Option<Deferral>) -> Result<Explained, ControlError> {
    let control = Arc::clone(&app.control);
    let held = deferral.take();
    let task = tokio::task::spawn_blocking(move || {
        let mut deferral = match held {
            Some(deferral) => deferral,
            None => control.begin_deferred()?,
        };
        let explained = control.explain_deferred(&mut deferral);
        Ok::<_, ControlError>((deferral, explained))
    });
    let done = task.await.map_err(|_| ControlError::Internal("explaining stopped"))?;
    let (held, explained) = done?;
    *deferral = Some(held);
    let explained = explained?;
    let metrics = app.gateway.metrics();
    metrics.deferred_made.fetch_add(explained.made, Relaxed);
    metrics.deferred_failed.fetch_add(explained.failed, Relaxed);
    metrics.deferred_lag.store(explained.lag, Relaxed);
    Ok(explained)
}
