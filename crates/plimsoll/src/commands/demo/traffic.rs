//! The demo's callers: an open loop of threads that send what the script says, when it is due.

use super::script::Script;
use super::wire::{Outcome, Reply, Wire};
use plimsoll_types::{Clock, SystemClock, Time};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

/// Callers at once: at 1000 requests a second each has 8 ms for one.
pub(super) const CALLERS: usize = 8;
/// Outcomes that may wait to be looked at: 8 s of the highest rate.
const MAX_WAITING: usize = 8192;
/// The longest sleep, so that the end is not slept through.
const NAP: Duration = Duration::from_millis(50);
/// A request later than this is left out: after a night asleep there is nothing to catch up.
const LATE_MAX: Duration = Duration::from_secs(1);

/// A request that was sent, and what came of it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Seen {
    /// When it ended.
    pub(super) time: Time,
    /// The same on the clock that never goes back, in nanoseconds.
    pub(super) monotonic: u64,
    /// How long it took, in nanoseconds.
    pub(super) nanos: u64,
    /// The deployment that was asked.
    pub(super) deployment: &'static str,
    /// What came of it.
    pub(super) reply: Reply,
}

/// Running traffic.
#[derive(Debug)]
pub(super) struct Traffic {
    seen: Receiver<Seen>,
    stop: Arc<AtomicBool>,
}

/// What a caller works with.
#[derive(Clone)]
struct Caller {
    wire: Wire,
    script: Arc<Script>,
    clock: SystemClock,
    next: Arc<AtomicU64>,
    start: u64,
    rate: u64,
    stop: Arc<AtomicBool>,
    seen: SyncSender<Seen>,
}

impl Traffic {
    /// Starts sending `rate` requests per second.
    pub(super) fn start(wire: &Wire, script: Script, rate: u32, clock: SystemClock) -> Self {
        let (sender, seen) = sync_channel(MAX_WAITING);
        let stop = Arc::new(AtomicBool::new(false));
        let caller = Caller {
            wire: wire.clone(),
            script: Arc::new(script),
            clock,
            next: Arc::default(),
            start: clock.monotonic(),
            rate: u64::from(rate.max(1)),
            stop: Arc::clone(&stop),
            seen: sender,
        };
        for _ in 0..CALLERS {
            let caller = caller.clone();
            std::thread::spawn(move || caller.run());
        }
        Self { seen, stop }
    }

    /// What has come back since it was last asked.
    pub(super) fn seen(&self) -> impl Iterator<Item = Seen> {
        self.seen.try_iter()
    }

    /// Sends nothing more, waits for what is under way, and returns it.
    pub(super) fn stop(self) -> impl Iterator<Item = Seen> {
        self.stop.store(true, Ordering::Relaxed);
        // Ends when the last caller has hung up.
        self.seen.into_iter()
    }
}

impl Caller {
    fn run(self) {
        while let Some(n) = self.wait() {
            let job = self.script.job(n, self.clock.now());
            let key = job.idempotency_key.as_deref();
            for _ in 0..if key.is_some() { 2 } else { 1 } {
                if !self.send(job.deployment, &job.body, key) {
                    return;
                }
            }
        }
    }

    /// The next request that is ours, once it is due.
    fn wait(&self) -> Option<u64> {
        loop {
            let n = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.start + n.saturating_mul(1_000_000_000 / self.rate);
            loop {
                if self.stop.load(Ordering::Relaxed) {
                    return None;
                }
                let early = due.saturating_sub(self.clock.monotonic());
                if early == 0 {
                    break;
                }
                std::thread::sleep(Duration::from_nanos(early).min(NAP));
            }
            if Duration::from_nanos(self.clock.monotonic().saturating_sub(due)) < LATE_MAX {
                return Some(n);
            }
        }
    }

    /// Whether anybody still looks.
    fn send(&self, deployment: &'static str, body: &str, key: Option<&str>) -> bool {
        let before = self.clock.monotonic();
        let reply = self.wire.infer(deployment, body, key);
        let monotonic = self.clock.monotonic();
        let nanos = monotonic.saturating_sub(before);
        let is_broken = matches!(reply.outcome, Outcome::Broken(_));
        let seen = Seen { time: self.clock.now(), monotonic, nanos, deployment, reply };
        if is_broken {
            // A server that is gone should not be asked as fast as the machine can.
            std::thread::sleep(NAP);
        }
        self.seen.send(seen).is_ok()
    }
}
