//! The decision tables of the running server: opened at start, kept in step beside requests.

use crate::accept::Life;
use crate::app::App;
use crate::error::ServerError;
use plimsoll_contract::Contract;
use plimsoll_control::Control;
use plimsoll_lake::{Catalog, Lake, LakeConfig, LakeError, Source};
use plimsoll_ledger::Ledger;
use plimsoll_types::{Clock, DeploymentId, Digest, Time};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How often tables are brought in step. Queries see newer decisions all the same.
const EVERY: Duration = Duration::from_secs(2);
/// The same while there is a backlog: between two parts the disk is the ledger's.
const BACKLOG: Duration = Duration::from_millis(50);
/// The pause after a failure, which is seldom gone at once.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// Contracts and retention from the control state.
#[derive(Debug)]
struct Stored(Arc<Control>);

impl Catalog for Stored {
    fn contract(&self, digest: Digest) -> Option<Contract> {
        match self.0.contract_document(digest) {
            Ok(found) => found,
            Err(error) => {
                tracing::error!(%error, "a contract could not be read for its decision table");
                None
            }
        }
    }

    fn kept_from(&self, deployment: DeploymentId) -> Option<Time> {
        // What could not be told now is kept until the next hour.
        self.0.kept_from(deployment).unwrap_or_else(|error| {
            tracing::error!(%error, "how long a deployment keeps decisions could not be read");
            None
        })
    }
}

/// Opens the tables of the data folder.
pub(crate) fn open(
    data: PathBuf,
    ledger: Ledger,
    control: &Arc<Control>,
    clock: &Arc<dyn Clock>,
) -> Result<Lake, ServerError> {
    Lake::open(LakeConfig {
        data,
        source: Source::Ledger(ledger),
        catalog: Arc::new(Stored(Arc::clone(control))),
        clock: Arc::clone(clock),
        writable: true,
    })
    .map_err(ServerError::Lake)
}

/// Brings the tables in step until the server drains.
pub(crate) async fn keep_up(app: Arc<App>, mut life: watch::Receiver<Life>) {
    let mut pause = EVERY;
    loop {
        let drains = async { life.wait_for(|&life| life != Life::Serving).await.map(|_| ()) };
        if tokio::time::timeout(pause, drains).await.is_ok() {
            return;
        }
        let stepped = match app.lake.background(step) {
            Ok(running) => running.await.unwrap_or_else(|error| {
                tracing::error!(error = %error, "keeping the decision tables panicked");
                Ok(false)
            }),
            Err(error) => Err(error),
        };
        pause = match stepped {
            Ok(true) => BACKLOG,
            Ok(false) => EVERY,
            Err(error) => {
                tracing::error!(error = %error, "the decision tables could not be brought in step");
                AFTER_FAILURE
            }
        };
    }
}

/// One step. Gives whether there is more to do.
fn step(lake: &Lake) -> Result<bool, LakeError> {
    /// A backlog that is worth another step at once.
    const MANY: u64 = 50_000;
    let progress = lake.advance()?;
    if progress.durable.saturating_sub(progress.entries) > MANY {
        return Ok(true);
    }
    lake.compact()
}
