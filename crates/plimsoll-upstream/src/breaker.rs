//! A circuit breaker: leaves a service alone that keeps failing, and asks it again with care.
//!
//! A pure state machine (Nygard, *Release It!*, 2nd ed., §5.2): time comes in as nanoseconds of a
//! monotonic clock, outcomes as reports. It knows no service.

use serde::{Deserialize, Serialize};

/// Outcomes that are remembered: the bits of a word.
const MAX_WINDOW: u32 = 64;
/// The longest time a service is left alone, in milliseconds: an hour.
const MAX_OPEN_MS: u32 = 3_600_000;

/// When to leave a service alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerRule {
    /// It opens when so many of the last `window` calls failed.
    pub failures: u32,
    /// How many calls are looked back at, 1 to 64.
    pub window: u32,
    /// How long nothing is asked once it is open, in milliseconds.
    pub open_ms: u32,
    /// So many calls must then succeed, one at a time, before it closes.
    pub probes: u32,
}

impl Default for BreakerRule {
    fn default() -> Self {
        Self { failures: 5, window: 20, open_ms: 2_000, probes: 2 }
    }
}

impl BreakerRule {
    /// What is wrong with the rule, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        if !(1..=MAX_WINDOW).contains(&self.window) {
            return Some("`window` must be 1 to 64");
        }
        if !(1..=self.window).contains(&self.failures) {
            return Some("`failures` must be 1 to `window`");
        }
        if !(1..=MAX_OPEN_MS).contains(&self.open_ms) {
            return Some("`open_ms` must be 1 to 3600000");
        }
        (!(1..=MAX_WINDOW).contains(&self.probes)).then_some("`probes` must be 1 to 64")
    }
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// Calls go through.
    Closed,
    /// One call at a time goes through, to see.
    HalfOpen,
    /// No call goes through.
    Open,
}

impl BreakerState {
    /// The word for it in metrics and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service works.
    Good,
    /// The service failed.
    Bad,
    /// Nobody knows: the call was given up for another reason.
    Unknown,
}

/// The leave to make one call. To be given back with what came of it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a probe that is never reported keeps the breaker half open"]
pub struct Ticket {
    /// A ticket of an earlier state says nothing about the present one.
    epoch: u64,
}

/// The state machine.
#[derive(Clone, Debug)]
pub struct Breaker {
    rule: BreakerRule,
    state: State,
    epoch: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The last outcomes, the newest in the lowest bit; 1 is a failure.
    Closed {
        recent: u64,
    },
    Open {
        until: u64,
    },
    HalfOpen {
        is_probing: bool,
        good: u32,
    },
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub const fn new(rule: BreakerRule) -> Self {
        Self { rule, state: State::Closed { recent: 0 }, epoch: 0 }
    }

    /// Where it stands at `now`, in nanoseconds. An open one whose time is over shows itself as
    /// half open: the next call goes through.
    #[must_use]
    pub const fn state(&self, now: u64) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { until } if now < until => BreakerState::Open,
            State::Open { .. } | State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// The leave to make a call at `now`, or none.
    pub const fn admit(&mut self, now: u64) -> Option<Ticket> {
        if let State::Open { until } = self.state
            && now >= until
        {
            self.enter(State::HalfOpen { is_probing: false, good: 0 });
        }
        match &mut self.state {
            State::Closed { .. } => Some(Ticket { epoch: self.epoch }),
            State::HalfOpen { is_probing, .. } if !*is_probing => {
                *is_probing = true;
                Some(Ticket { epoch: self.epoch })
            }
            State::Open { .. } | State::HalfOpen { .. } => None,
        }
    }

    /// Takes note of what came of a call. Whether the state changed.
    pub const fn report(&mut self, ticket: &Ticket, outcome: Outcome, now: u64) -> bool {
        if ticket.epoch != self.epoch {
            return false;
        }
        let epoch = self.epoch;
        match (&mut self.state, outcome) {
            (State::Closed { .. }, Outcome::Unknown) | (State::Open { .. }, _) => {}
            (State::Closed { recent }, outcome) => {
                *recent = (*recent << 1) | matches!(outcome, Outcome::Bad) as u64;
                let seen = *recent & (u64::MAX >> (MAX_WINDOW - self.rule.window));
                if seen.count_ones() >= self.rule.failures {
                    self.open(now);
                }
            }
            (State::HalfOpen { is_probing, .. }, Outcome::Unknown) => *is_probing = false,
            (State::HalfOpen { .. }, Outcome::Bad) => self.open(now),
            (State::HalfOpen { is_probing, good }, Outcome::Good) => {
                *is_probing = false;
                *good += 1;
                if *good >= self.rule.probes {
                    self.enter(State::Closed { recent: 0 });
                }
            }
        }
        epoch != self.epoch
    }

    const fn open(&mut self, now: u64) {
        let until = now.saturating_add(self.rule.open_ms as u64 * 1_000_000);
        self.enter(State::Open { until });
    }

    const fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch = self.epoch.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULE: BreakerRule = BreakerRule { failures: 3, window: 5, open_ms: 10, probes: 2 };
    const MS: u64 = 1_000_000;

    fn call(breaker: &mut Breaker, outcome: Outcome, now: u64) -> bool {
        let Some(ticket) = breaker.admit(now) else { return false };
        breaker.report(&ticket, outcome, now);
        true
    }

    /// As often as opens it.
    fn fail(breaker: &mut Breaker) {
        for _ in 0..3 {
            assert!(call(breaker, Outcome::Bad, 0));
        }
    }

    #[test]
    fn it_opens_waits_probes_and_closes() {
        let mut breaker = Breaker::new(RULE);
        for outcome in [Outcome::Bad, Outcome::Good, Outcome::Bad, Outcome::Good] {
            assert!(call(&mut breaker, outcome, 0));
        }
        assert_eq!(breaker.state(0), BreakerState::Closed);
        assert!(call(&mut breaker, Outcome::Bad, 0), "the third failure of the last five");
        assert_eq!(breaker.state(10 * MS - 1), BreakerState::Open);
        assert!(!call(&mut breaker, Outcome::Good, 10 * MS - 1));
        assert_eq!(breaker.state(10 * MS), BreakerState::HalfOpen);
        let probe = breaker.admit(10 * MS).expect("one probe");
        assert!(breaker.admit(10 * MS).is_none(), "one at a time");
        assert!(!breaker.report(&probe, Outcome::Good, 10 * MS));
        let probe = breaker.admit(10 * MS).expect("the next probe");
        assert!(breaker.report(&probe, Outcome::Good, 10 * MS));
        assert_eq!(breaker.state(10 * MS), BreakerState::Closed);
    }

    #[test]
    fn old_failures_are_forgotten_and_a_failing_probe_opens_again() {
        let mut breaker = Breaker::new(RULE);
        for _ in 0..20 {
            for outcome in [Outcome::Bad, Outcome::Bad, Outcome::Good, Outcome::Good, Outcome::Good]
            {
                assert!(call(&mut breaker, outcome, 0), "two of any five");
            }
        }
        fail(&mut breaker);
        assert!(call(&mut breaker, Outcome::Bad, 10 * MS));
        assert_eq!(breaker.state(20 * MS - 1), BreakerState::Open);
    }

    #[test]
    fn what_comes_late_or_unknown_decides_nothing() {
        let mut breaker = Breaker::new(RULE);
        let late: Vec<_> = (0..3).map(|_| breaker.admit(0).expect("closed")).collect();
        fail(&mut breaker);
        let probe = breaker.admit(10 * MS).expect("a probe");
        for ticket in &late {
            assert!(!breaker.report(ticket, Outcome::Good, 10 * MS));
        }
        assert_eq!(breaker.state(10 * MS), BreakerState::HalfOpen);
        breaker.report(&probe, Outcome::Unknown, 10 * MS);
        assert!(breaker.admit(10 * MS).is_some(), "a probe that was given up makes room");
    }

    proptest! {
        /// Against a plain account of the last outcomes: closed while fewer than `failures` of the
        /// last `window` failed; nothing passes while open; probes come one at a time.
        #[test]
        fn it_keeps_its_rule(
            failures in 1_u32..6, more in 0_u32..6, probes in 1_u32..4,
            steps in proptest::collection::vec((any::<bool>(), 0_u64..8), 1..200),
        ) {
            let rule = BreakerRule { failures, window: failures + more, open_ms: 10, probes };
            let mut breaker = Breaker::new(rule);
            let (mut now, mut seen, mut good, mut until) = (0, Vec::new(), 0, None);
            for (is_bad, wait) in steps {
                now += wait * MS;
                let ticket = breaker.admit(now);
                if until.is_some_and(|until| now < until) {
                    prop_assert!(ticket.is_none());
                    continue;
                }
                let ticket = ticket.expect("closed, or a probe");
                if until.is_some() {
                    prop_assert!(breaker.admit(now).is_none());
                }
                let outcome = if is_bad { Outcome::Bad } else { Outcome::Good };
                breaker.report(&ticket, outcome, now);
                if until.is_some() {
                    good = if is_bad { 0 } else { good + 1 };
                    if is_bad { until = Some(now + 10 * MS) }
                    if good == probes { until = None; good = 0; seen.clear() }
                } else {
                    seen.push(is_bad);
                    let recent = seen.iter().rev().take(rule.window as usize);
                    if recent.filter(|bad| **bad).count() >= failures as usize {
                        until = Some(now + 10 * MS);
                    }
                }
                prop_assert_eq!(breaker.state(now) == BreakerState::Closed, until.is_none());
            }
        }
    }
}
