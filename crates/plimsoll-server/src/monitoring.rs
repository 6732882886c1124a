//! The monitor beside requests: opened with the references that control keeps, and asked once a
//! slot.

use crate::accept::Life;
use crate::app::App;
use crate::config::ServerConfig;
use crate::error::ServerError;
use crate::freshness::Freshness;
use plimsoll_control::{Control, KeptReference};
use plimsoll_ledger::Ledger;
use plimsoll_monitor::monitor::reference_of;
use plimsoll_monitor::{Monitor, MonitorConfig, Signals, Watched};
use plimsoll_types::{Clock, Signal};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Opens the monitor's folder. What it had not kept when the last process ended is counted again.
pub(crate) fn open(
    config: &ServerConfig,
    ledger: &Ledger,
    control: &Arc<Control>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<Monitor>, ServerError> {
    let kept = control.references().map_err(ServerError::Control)?;
    let watched = kept.into_iter().filter_map(watched).collect();
    let folder = config.data.join("monitor");
    let config = MonitorConfig { folder, slot: config.monitor_slot };
    let findings: Arc<dyn Signals> = Arc::new(Findings(Arc::clone(control)));
    let monitor =
        Monitor::open(&config, ledger.clone(), Arc::clone(clock), watched, Some(findings));
    Ok(Arc::new(monitor.map_err(ServerError::Monitor)?))
}

/// Findings, of which signals are made. A signal is raised where the monitor looks, which is beside
/// requests and may block.
#[derive(Debug)]
struct Findings(Arc<Control>);

impl Signals for Findings {
    fn raise(&self, signal: Signal) {
        if let Err(error) = self.0.raise(&signal) {
            tracing::error!(
                deployment = %signal.deployment, kind = signal.kind.name(), %error,
                "a signal could not be kept as a finding; it is raised again with the next window"
            );
        }
    }
}

fn watched(kept: KeptReference) -> Option<Watched> {
    match reference_of(&kept.document) {
        Ok(reference) => {
            Some(Watched { key: (kept.deployment, kept.version), reference, digest: kept.digest })
        }
        Err(error) => {
            tracing::error!(
                deployment = %kept.deployment, version = kept.version, %error,
                "a reference cannot be read; the version is not watched until it is set again"
            );
            None
        }
    }
}

/// Takes what was counted, each slot, until the server drains.
pub(crate) async fn each_slot(app: Arc<App>, slot: Duration, mut life: watch::Receiver<Life>) {
    let freshness = Arc::new(Freshness::default());
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(slot, drains).await.is_ok() {
            return;
        }
        let (app, freshness) = (Arc::clone(&app), Arc::clone(&freshness));
        let tick = move || {
            freshness.look(&app);
            app.monitor.tick(&app.gateway.snapshot())
        };
        if let Ok(Err(error)) = tokio::task::spawn_blocking(tick).await {
            tracing::error!(
                %error, "the monitor could not keep what it counted; it is counted again at the next start"
            );
        }
    }
}
