//! How an experiment's intervals went while its records came in: a report as of earlier places of
//! the ledger, for people who want to see whether a result came slowly or at once. It decides
//! nothing.

use plimsoll_release::experiment::{Contrast, LEAST, Tally};
use plimsoll_types::Time;

/// The record at which the first point is made: below it no arm has units enough.
const FIRST: u64 = 2 * LEAST as u64;
/// A point is made each time there are a seventh more records, so that all of them together cost
/// eight looks at the last of them, and no number of records makes more than 320.
const MORE: u64 = 7;

/// What the primary metric said at one place of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) at: Time,
    /// Units of all arms of which the metric was known.
    pub(crate) units: usize,
    pub(crate) contrasts: Vec<Contrast>,
}

/// What it said at all of them, oldest first.
#[derive(Debug)]
pub(crate) struct Trail {
    points: Vec<Point>,
    records: u64,
    next: u64,
}

impl Default for Trail {
    fn default() -> Self {
        Self { points: Vec::new(), records: 0, next: FIRST }
    }
}

impl Trail {
    /// The tally has seen one more record, of this time.
    pub(crate) fn saw(&mut self, tally: &Tally, at: Time) {
        self.records += 1;
        if self.records < self.next {
            return;
        }
        self.next += self.next / MORE;
        if let Some((units, contrasts)) = tally.primary(at) {
            self.points.push(Point { at, units, contrasts });
        }
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }
}
