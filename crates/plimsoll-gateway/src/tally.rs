//! Refusals, counted by listener, phase and reason.
//!
//! Refusals before `resolve` have no record of their own: an anonymous caller could buy disk
//! syncs with them. They are counted here and recorded once a minute.

use plimsoll_types::record::{RefusalCount, RefusalTally};
use plimsoll_types::{Phase, RefusalCode, Time};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Where a request came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listener {
    /// Inference.
    Data,
    /// The API.
    Control,
    /// Metrics and health.
    Metrics,
}

impl Listener {
    /// Every listener.
    pub const ALL: [Self; 3] = [Self::Data, Self::Control, Self::Metrics];
    /// Its name in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Control => "control",
            Self::Metrics => "metrics",
        }
    }
}

const PHASES: usize = 12;
const CODES: usize = 128;
const SLOTS: usize = 3 * PHASES * CODES;

/// Counts of refusals since the process began.
#[derive(Debug)]
pub struct Tally {
    /// Every refusal, for metrics.
    all: Box<[AtomicU64]>,
    /// Those without a record of their own, since the last [`Tally::take`].
    unrecorded: Box<[AtomicU64]>,
}

impl Default for Tally {
    fn default() -> Self {
        let zeros = || (0..SLOTS).map(|_| AtomicU64::new(0)).collect();
        Self { all: zeros(), unrecorded: zeros() }
    }
}

fn slot(listener: Listener, phase: Phase, code: RefusalCode) -> usize {
    let code = usize::from(code.code()).min(CODES - 1);
    (listener as usize * PHASES + usize::from(phase.code())) * CODES + code
}

impl Tally {
    /// Counts a refusal; `recorded` says whether it has a record of its own.
    pub fn count(&self, listener: Listener, phase: Phase, code: RefusalCode, recorded: bool) {
        let slot = slot(listener, phase, code);
        self.all[slot].fetch_add(1, Relaxed);
        if !recorded {
            self.unrecorded[slot].fetch_add(1, Relaxed);
        }
    }

    /// Every refusal since the process began.
    #[must_use]
    pub fn totals(&self) -> Vec<RefusalCount> {
        counts(&self.all, |count| count.load(Relaxed))
    }

    /// The refusals without a record since the last call, as a record of the time between;
    /// `None` if there were none.
    #[must_use]
    pub fn take(&self, from: Time, to: Time) -> Option<RefusalTally> {
        let counts = counts(&self.unrecorded, |count| count.swap(0, Relaxed));
        if counts.is_empty() { None } else { Some(RefusalTally { from, to, counts }) }
    }

    /// Puts counts back that could not be recorded.
    pub fn give_back(&self, tally: &RefusalTally) {
        for count in &tally.counts {
            let listener = Listener::ALL.into_iter().find(|l| l.as_str() == &*count.listener);
            if let Some(listener) = listener {
                self.unrecorded[slot(listener, count.phase, count.code)]
                    .fetch_add(count.count, Relaxed);
            }
        }
    }
}

fn counts(slots: &[AtomicU64], read: impl Fn(&AtomicU64) -> u64) -> Vec<RefusalCount> {
    let mut found = Vec::new();
    for listener in Listener::ALL {
        for &phase in Phase::ALL {
            for &code in RefusalCode::ALL {
                let count = read(&slots[slot(listener, phase, code)]);
                if count > 0 {
                    found.push(RefusalCount {
                        listener: listener.as_str().into(),
                        phase,
                        code,
                        count,
                    });
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_record_of_its_own_is_taken_once() {
        let tally = Tally::default();
        tally.count(Listener::Data, Phase::Authenticate, RefusalCode::Unauthenticated, false);
        tally.count(Listener::Data, Phase::Authenticate, RefusalCode::Unauthenticated, false);
        tally.count(Listener::Data, Phase::Validate, RefusalCode::OutOfRange, true);
        let taken = tally.take(Time::EPOCH, Time::from_micros(1)).expect("two refusals");
        assert_eq!(taken.counts.len(), 1);
        assert_eq!(taken.counts[0].count, 2);
        assert_eq!(tally.take(Time::EPOCH, Time::EPOCH), None);
        tally.give_back(&taken);
        assert_eq!(tally.take(Time::EPOCH, Time::from_micros(1)), Some(taken));
        assert_eq!(tally.totals().iter().map(|c| c.count).sum::<u64>(), 3);
    }

    #[test]
    fn every_code_has_a_slot_of_its_own() {
        assert!(RefusalCode::ALL.iter().all(|code| usize::from(code.code()) < CODES));
        assert_eq!(Phase::ALL.len(), PHASES);
    }
}
