//! A rollout as gateways see it: who gets the candidate, what is seen of its answers, and the switch
//! that sends everybody back to the incumbent with the next request.
//!
//! The switch and the judge outlive a snapshot: whatever else is published meanwhile, what was
//! seen stays seen, and what was rolled back stays rolled back.

use crate::deployment::{RoutePlan, ServedVersion};
use crate::traffic::{Target, Traffic};
use plimsoll_contract::CompiledSource;
use plimsoll_release::rollout::{Event, Seen, Verdict};
use plimsoll_release::watched::Watched;
use plimsoll_types::RolloutId;
use plimsoll_types::record::Route;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Models that answer sooner are judged as if they took so long, in microseconds: below a
/// millisecond, caches and the scheduler decide how long one takes, not the version.
const LATENCY_FLOOR_US: f64 = 1_000.0;

/// A version that is tried under traffic.
#[derive(Debug)]
pub struct ServedRollout {
    /// The rollout, as records name it.
    pub id: RolloutId,
    /// Its step, from 0.
    pub step: u16,
    /// The version that is tried, loaded and bound.
    pub candidate: Arc<ServedVersion>,
    /// Whether it answers anybody in this step, or is asked beside the incumbent alone.
    pub is_exposed: bool,
    /// Who gets it.
    pub traffic: Traffic,
    /// Groups of persons that guardrails look at.
    pub groups: Vec<ServedGroup>,
    /// What is seen of it, over all snapshots.
    pub live: Arc<LiveRollout>,
}

/// A group of persons that a guardrail looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServedGroup {
    /// The bit that marks who is in it.
    pub mark: u16,
    /// Where a request says what it is grouped by.
    pub source: CompiledSource,
    /// The group's value there.
    pub is: Box<str>,
}

impl ServedRollout {
    pub(crate) fn route<'a>(&'a self, primary: &'a ServedVersion, key: &[u8]) -> RoutePlan<'a> {
        let assigned = self.traffic.plan(key);
        let (route, version) = match assigned.target {
            Target::Canary => (Route::Canary, &*self.candidate),
            Target::Primary | Target::Arm(_) => (Route::Primary, primary),
        };
        RoutePlan {
            route,
            version,
            rollout: Some(self),
            arm: None,
            is_shadowed: assigned.is_shadowed,
        }
    }
}

/// How an answer is read by guardrails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scoring {
    /// Which of the numbers of a row is the score.
    pub output: usize,
    /// From which score on an answer is positive: an approval, an alarm.
    pub positive_from: f64,
}

impl Scoring {
    /// What guardrails see of an answer: the first row's, if it has several.
    #[must_use]
    pub fn seen(&self, values: &[f64], latency_ns: u64) -> Seen {
        #[expect(clippy::cast_precision_loss, reason = "a latency is compared to a few digits")]
        let latency = latency_ns as f64 / 1e3;
        let score = values.get(self.output).copied();
        Seen {
            latency_us: latency.max(LATENCY_FLOOR_US),
            score,
            positive: score.map(|score| score >= self.positive_from),
            ..Seen::default()
        }
    }

    /// What guardrails see of a request that got no answer of the model.
    #[must_use]
    pub fn unanswered(failed: bool, latency_ns: u64) -> Seen {
        let silent = Self { output: usize::MAX, positive_from: 0.0 };
        Seen { failed, refused: !failed, ..silent.seen(&[], latency_ns) }
    }
}

/// What is seen of a rollout while it is under way, and where its requests go.
#[derive(Debug)]
pub struct LiveRollout {
    /// The rollout.
    pub id: RolloutId,
    /// How answers are read.
    pub scoring: Scoring,
    judge: Mutex<Watched>,
    is_back: AtomicBool,
    /// When it was sent back, and when the candidate's last request left it, by the monotonic
    /// clock, in nanoseconds.
    decided: AtomicU64,
    left: AtomicU64,
    /// Requests that the candidate answers now.
    inside: AtomicU32,
    /// Pairs that were not compared, as too many waited.
    dropped: AtomicU64,
}

impl LiveRollout {
    /// A rollout that goes on from `watched`.
    #[must_use]
    pub fn new(id: RolloutId, scoring: Scoring, watched: Watched) -> Self {
        Self {
            id,
            scoring,
            is_back: AtomicBool::new(watched.rollout.exposure().is_none()),
            judge: Mutex::new(watched),
            decided: AtomicU64::new(0),
            left: AtomicU64::new(0),
            inside: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
        }
    }

    /// Whether everybody gets the incumbent.
    #[must_use]
    pub fn is_back(&self) -> bool {
        self.is_back.load(Ordering::SeqCst)
    }

    /// Sends everybody back to the incumbent, from the next request on. Tells whether this call
    /// did; `now` is the monotonic clock's.
    pub fn go_back(&self, now: u64) -> bool {
        let is_first = !self.is_back.swap(true, Ordering::SeqCst);
        if is_first {
            self.decided.store(now.max(1), Ordering::SeqCst);
        }
        is_first
    }

    /// Sees an answer. If that decides, everybody is sent back before this returns, and it is true.
    pub fn see(&self, event: &Event, now: u64) -> bool {
        let verdict = self.with(|watched| watched.see(event));
        verdict == Verdict::RollBack && self.go_back(now)
    }

    /// Looks at what was seen, or changes where it stands. Requests wait meanwhile.
    pub fn with<T>(&self, look: impl FnOnce(&mut Watched) -> T) -> T {
        look(&mut self.judge.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A request goes to the candidate; `false` if everybody is sent back meanwhile.
    #[must_use]
    pub fn enter(&self) -> bool {
        self.inside.fetch_add(1, Ordering::SeqCst);
        if self.is_back() {
            self.inside.fetch_sub(1, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// The candidate has answered a request that entered.
    pub fn leave(&self, now: u64) {
        self.left.fetch_max(now, Ordering::SeqCst);
        self.inside.fetch_sub(1, Ordering::SeqCst);
    }

    /// How long it took from the decision until no request was with the candidate any more, in
    /// nanoseconds; `None` while one is, or if nobody was sent back.
    #[must_use]
    pub fn took(&self) -> Option<u64> {
        let decided = self.decided.load(Ordering::SeqCst);
        let is_empty = self.inside.load(Ordering::SeqCst) == 0;
        (decided > 0 && is_empty).then(|| self.left.load(Ordering::SeqCst).saturating_sub(decided))
    }

    /// A pair was not compared, as too many waited.
    pub fn drop_pair(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Pairs that were not compared, since the process began.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_release::rollout::{Plan, Rollout};
    use plimsoll_types::Time;

    fn live() -> LiveRollout {
        let rollout = Rollout::begin(Plan::default(), Time::EPOCH).unwrap();
        let scoring = Scoring { output: 0, positive_from: 0.5 };
        LiveRollout::new(RolloutId::from_bytes([1; 16]), scoring, Watched::new(rollout))
    }

    #[test]
    fn a_verdict_sends_everybody_back_at_once_and_only_once() {
        let live = live();
        let good = live.scoring.seen(&[0.25], 5_000);
        let bad = Scoring::unanswered(true, 5_000);
        let mut pairs = 0;
        while !live.see(&Event::Pair(good, bad), 7) {
            pairs += 1;
            assert!(pairs < 20, "an outage is seen within a few pairs");
        }
        assert!(live.is_back() && !live.enter());
        assert!(!live.see(&Event::Pair(good, bad), 9) && !live.go_back(9));
    }

    #[test]
    fn going_back_takes_until_the_last_request_has_left() {
        let live = live();
        assert!(live.enter());
        assert_eq!(live.took(), None);
        assert!(live.go_back(100));
        assert_eq!(live.took(), None, "one is inside");
        live.leave(350);
        assert_eq!(live.took(), Some(250));
    }

    #[test]
    fn what_takes_less_than_a_millisecond_is_not_told_apart() {
        let scoring = Scoring { output: 1, positive_from: 0.5 };
        let (soon, late) = (scoring.seen(&[0.9, 0.1], 3_000), scoring.seen(&[0.9, 0.6], 2_000_000));
        assert_eq!((soon.latency_us, late.latency_us), (1_000.0, 2_000.0));
        assert_eq!((soon.positive, late.positive), (Some(false), Some(true)));
        assert_eq!(Scoring::unanswered(false, 0).score, None);
    }
}
