//! What the running server says about itself.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use plimsoll_api as api;
use plimsoll_ledger::{Publishing, SinkState};
use plimsoll_policy::Action;
use plimsoll_serving::ServedDeployment;

impl Control {
    /// How server, ledger and deployments stand.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn status(&self, ctx: &RequestContext) -> Result<api::Status, ControlError> {
        self.may_read(ctx, Action::ReadStatus, &self.server())?;
        let snapshot = self.snapshots.load_full();
        let parts = snapshot.parts();
        let health = self.ledger.health();
        Ok(api::Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dev: self.config.dev,
            started_at: self.started.into(),
            state_generation: self.store.read(|r| r.meta())?.generation,
            snapshot_generation: parts.generation,
            snapshot: parts.digest,
            policy: self.policy_digest,
            ledger: api::LedgerStatus {
                records: self.ledger.durable(),
                is_healthy: health.ok,
                reason: health.reason.map(Into::into),
                queued: u64::try_from(health.queue_records).unwrap_or(u64::MAX),
                log: log_status(self.ledger.publishing()),
            },
            deployments: parts.deployments.iter().map(|served| shown(served)).collect(),
        })
    }
}

fn log_status(state: Publishing) -> api::LogStatus {
    let is_signing = state.stopped.is_none() && !state.vkey.is_empty();
    let stopped = state.stopped.map(|why| why.to_string());
    api::LogStatus {
        key: state.vkey.into(),
        integrated: state.integrated,
        published: state.published,
        published_at: state.published_at.map(Into::into),
        witnessed: state.witnessed,
        witnessed_at: state.witnessed_at.map(Into::into),
        sinks: state.sinks.into_iter().map(sink_status).collect(),
        is_signing,
        reason: stopped.or_else(|| state.failing.map(Into::into)),
    }
}

fn sink_status(sink: SinkState) -> api::SinkStatus {
    api::SinkStatus {
        name: sink.name.into(),
        size: sink.size,
        taken_at: sink.taken_at.map(Into::into),
        failing: sink.failing.map(Into::into),
    }
}

fn shown(served: &ServedDeployment) -> api::DeploymentStatus {
    let serving = served.serving.as_ref();
    api::DeploymentStatus {
        name: served.name.to_string(),
        is_ready: serving.is_ok(),
        version: serving.ok().map(|serving| serving.primary.number),
        reason: serving.err().map(ToString::to_string),
    }
}
