//! How fast a job may go: callers first.

use plimsoll_gateway::Gateway;
use plimsoll_types::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Callers are there if one asked within this time.
const RECENT: Duration = Duration::from_millis(250);
/// How often a worker that rests looks whether callers are still there.
const LOOK: Duration = Duration::from_millis(20);
/// The longest that the first worker rests after a slice, so that a job never stands still.
const MAX_REST: Duration = Duration::from_millis(200);

/// Watches whether callers are there.
#[derive(Debug)]
pub(crate) struct Pace {
    gateway: Gateway,
    clock: Arc<dyn Clock>,
    /// Requests of callers, as counted last.
    seen: AtomicU64,
    /// When a caller last asked, on the clock that never goes back; 0 for never.
    asked: AtomicU64,
}

impl Pace {
    pub(crate) fn new(gateway: Gateway, clock: Arc<dyn Clock>) -> Self {
        let seen = AtomicU64::new(asked(&gateway));
        Self { gateway, clock, seen, asked: AtomicU64::new(0) }
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.monotonic()
    }

    /// Rests after a slice that began at `since`: while callers are there the first worker rests as
    /// long as it worked, and the others altogether. `stop` ends the rest.
    pub(crate) fn rest(&self, worker: usize, since: u64, stop: impl Fn() -> bool) {
        if !self.has_callers() {
            return;
        }
        if worker == 0 {
            let worked = Duration::from_nanos(self.now().saturating_sub(since));
            return std::thread::sleep(worked.min(MAX_REST));
        }
        while self.has_callers() && !stop() {
            std::thread::sleep(LOOK);
        }
    }

    fn has_callers(&self) -> bool {
        let (asked, now) = (asked(&self.gateway), self.now());
        if self.seen.swap(asked, Relaxed) != asked {
            self.asked.store(now.max(1), Relaxed);
        }
        let last = self.asked.load(Relaxed);
        last > 0 && now.saturating_sub(last) < u64::try_from(RECENT.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Requests of callers so far. Rows are counted after they are resolved, so that a reader in
/// between sees too many callers rather than too few.
fn asked(gateway: &Gateway) -> u64 {
    let metrics = gateway.metrics();
    let rows = metrics.batch_rows.load(Relaxed);
    metrics.resolved.load(Relaxed).saturating_sub(rows)
}
