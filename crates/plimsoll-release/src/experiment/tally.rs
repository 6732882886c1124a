//! What is kept of each unit: its first answer, and what becomes known of it.

use super::declared::{Definition, Metric, Source};
use super::splits::Splits;
use plimsoll_types::Time;
use std::borrow::Cow;
use std::collections::HashMap;

/// Values of a slice key that are told apart; further ones count in no slice.
const SLICE_VALUES_MAX: usize = 50;
/// Units that are kept; those that come later count in splits alone. Each takes about 300 bytes.
pub const UNITS_MAX: usize = 1_000_000;

/// A request that was assigned to an arm.
#[derive(Clone, PartialEq, Debug)]
pub struct Request<'a> {
    /// Whom or what it was assigned by, as a digest.
    pub unit: [u8; 16],
    /// The arm.
    pub arm: usize,
    /// The decision.
    pub decision: [u8; 16],
    /// When.
    pub time: Time,
    /// What the arm answered; `None` if it did not.
    pub answer: Option<Answer<'a>>,
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer<'a> {
    /// The score.
    pub score: f64,
    /// Whether it is positive.
    pub is_positive: bool,
    /// The covariate of each metric; NaN where there is none.
    pub covariates: Vec<f64>,
    /// The value of each slice key.
    pub slices: Vec<Option<Cow<'a, str>>>,
}

/// A unit, by its first answer.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) arm: u8,
    pub(super) is_answered: bool,
    pub(super) time: Time,
    /// A number for each metric, then a covariate for each; NaN where it is not known.
    pub(super) numbers: Box<[f64]>,
    /// A place in the values of each slice key.
    pub(super) slices: Box<[u16]>,
}

/// What is known of an experiment's units, from its records in the order of the ledger. Reading
/// them again gives the same.
#[derive(Clone, Debug)]
pub struct Tally {
    pub(super) definition: Definition,
    units: HashMap<[u8; 16], usize>,
    pub(super) seen: Vec<Seen>,
    /// The decision that counts of each unit.
    decisions: HashMap<[u8; 16], usize>,
    pub(super) requests: Vec<u64>,
    pub(super) assigned: Splits,
    pub(super) answered: Splits,
    /// Of each metric that is told afterwards.
    pub(super) known: Vec<Option<Splits>>,
    pub(super) slice_values: Vec<HashMap<String, u16>>,
    pub(super) left_out: u64,
}

impl Tally {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(definition: Definition) -> Self {
        let splits = Splits::new(&definition);
        let known = |metric: &Metric| metric.source.is_told().then(|| splits.clone());
        Self {
            known: definition.metrics.iter().map(known).collect(),
            slice_values: vec![HashMap::new(); definition.slices.len()],
            requests: vec![0; definition.arms.len()],
            units: HashMap::new(),
            seen: Vec::new(),
            decisions: HashMap::new(),
            assigned: splits.clone(),
            answered: splits,
            left_out: 0,
            definition,
        }
    }

    /// The experiment.
    #[must_use]
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// An arm was stopped: from here on, units are split among the others.
    pub fn stop(&mut self, arm: usize) {
        let definition = &self.definition;
        self.assigned.stop(arm, definition);
        self.answered.stop(arm, definition);
        self.known.iter_mut().flatten().for_each(|splits| splits.stop(arm, definition));
    }

    /// Sees a request that was assigned to an arm.
    pub fn request(&mut self, request: &Request<'_>) {
        let Some(count) = self.requests.get_mut(request.arm) else { return };
        *count += 1;
        let place = match self.units.get(&request.unit) {
            Some(place) => *place,
            None => {
                self.assigned.see(request.arm);
                if self.seen.len() >= UNITS_MAX {
                    self.left_out += 1;
                    return;
                }
                self.units.insert(request.unit, self.seen.len());
                self.seen.push(Seen {
                    arm: u8::try_from(request.arm).unwrap_or(u8::MAX),
                    is_answered: false,
                    time: request.time,
                    numbers: Box::default(),
                    slices: Box::default(),
                });
                self.seen.len() - 1
            }
        };
        let Some(answer) = &request.answer else { return };
        let slices = self.slices(&answer.slices);
        let Some(seen) = self.seen.get_mut(place) else { return };
        if seen.is_answered || usize::from(seen.arm) != request.arm {
            return;
        }
        self.answered.see(request.arm);
        let number = |metric: &Metric| match metric.source {
            Source::Outcome { .. } | Source::Value => f64::NAN,
            Source::Score => answer.score,
            Source::Positive => f64::from(u8::from(answer.is_positive)),
        };
        let numbers = self.definition.metrics.iter().map(number);
        let covariates = (0..self.definition.metrics.len())
            .map(|metric| answer.covariates.get(metric).copied().unwrap_or(f64::NAN));
        seen.numbers = numbers.chain(covariates).collect();
        (seen.slices, seen.time, seen.is_answered) = (slices, request.time, true);
        self.decisions.insert(request.decision, place);
    }

    fn slices(&mut self, values: &[Option<Cow<'_, str>>]) -> Box<[u16]> {
        let place = |(known, value): (&mut HashMap<String, u16>, &Option<Cow<'_, str>>)| {
            let value = &**value.as_ref()?;
            if let Some(place) = known.get(value) {
                return Some(*place);
            }
            let next =
                u16::try_from(known.len()).ok().filter(|_| known.len() < SLICE_VALUES_MAX)?;
            known.insert(value.to_owned(), next);
            Some(next)
        };
        let places = self.slice_values.iter_mut().zip(values).map(place);
        places.map(|place| place.unwrap_or(u16::MAX)).collect()
    }

    /// Whether a decision is the one of its unit that counts.
    #[must_use]
    pub fn counts(&self, decision: &[u8; 16]) -> bool {
        self.decisions.contains_key(decision)
    }

    /// A number of a metric became known of a decision; what was known before is replaced.
    pub fn tell(&mut self, decision: &[u8; 16], metric: usize, number: f64) {
        let Some(seen) = self.decisions.get(decision).and_then(|place| self.seen.get_mut(*place))
        else {
            return;
        };
        let Some(known) = seen.numbers.get_mut(metric).filter(|_| number.is_finite()) else {
            return;
        };
        let is_new = known.is_nan();
        *known = number;
        let arm = usize::from(seen.arm);
        if let (true, Some(Some(splits))) = (is_new, self.known.get_mut(metric)) {
            splits.see(arm);
        }
    }

    /// Requests that were assigned to an arm.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.iter().sum()
    }
}
