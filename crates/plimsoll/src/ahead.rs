//! A clock that is ahead of the machine's, so that months pass in a test. Only for `serve --dev`.

use plimsoll_types::{Clock, SystemClock, Time};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// How often the file is read.
const EVERY: Duration = Duration::from_millis(20);
/// The furthest that the clock is ahead, in seconds: ten years.
const MAX_AHEAD: u64 = 10 * 366 * 24 * 60 * 60;

/// The machine's clock, and so much later as a file says. It never goes back.
#[derive(Debug)]
pub(crate) struct AheadClock {
    clock: SystemClock,
    seconds: Arc<AtomicU64>,
}

impl AheadClock {
    /// Follows a file that holds a number of seconds. Without the file, or without a number in it,
    /// the clock stays where it is.
    pub(crate) fn following(clock: SystemClock, file: PathBuf) -> Self {
        let read = move || -> Option<u64> {
            let text = fs_err::read_to_string(&file).ok()?;
            text.trim().parse().ok().filter(|seconds| *seconds <= MAX_AHEAD)
        };
        let seconds = Arc::new(AtomicU64::new(read().unwrap_or(0)));
        let follows = Arc::downgrade(&seconds);
        std::thread::spawn(move || {
            while let Some(seconds) = follows.upgrade() {
                if let Some(told) = read() {
                    seconds.fetch_max(told, Relaxed);
                }
                drop(seconds);
                std::thread::sleep(EVERY);
            }
        });
        Self { clock, seconds }
    }
}

impl Clock for AheadClock {
    fn now(&self) -> Time {
        self.clock.now().plus(Duration::from_secs(self.seconds.load(Relaxed)))
    }
    fn monotonic(&self) -> u64 {
        self.clock.monotonic()
    }
}
