//! Counterfactuals: the smallest plausible change of the inputs that flips a decision
//! (Wachter, Mittelstadt and Russell, "Counterfactual explanations without opening the black
//! box", Harvard Journal of Law & Technology 31, 2018).
//!
//! What can change, how, and in which steps is declared in the explain profile; what is
//! allowed at all, in the contract. A change costs 1 for each feature and its distance in
//! units of the feature's range, so that few features change before they change little.
//! `domain` lists the values that a feature can take; a tree model only tells intervals
//! between its thresholds apart, so the nearest value of each interval stands for all of them
//! and nothing is lost. `greedy` finds a change for any model; `trees` searches tree
//! ensembles best first, and then knows that no smaller change exists. Whatever was found is
//! checked against the model itself.

mod domain;
mod greedy;
mod trees;

use crate::profile::CompiledProfile;
use domain::{Domain, domains};
use plimsoll_contract::{Binding, Contract};
use plimsoll_model::Model;
use plimsoll_types::{Cell, Rows};
use trees::Ensemble;

/// Features of one change; a person cannot act on more.
const MAX_CHANGES: usize = 6;

/// How much a search may cost. The unit is a visit of a tree node or a feature of a scored
/// row, some nanoseconds; the same budget gives the same result on every machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Budget(pub u64);

impl Default for Budget {
    /// Some tens of milliseconds.
    fn default() -> Self {
        Self(12_000_000)
    }
}

impl Budget {
    /// Takes `cost` off. False when nothing is left.
    fn spend(&mut self, cost: u64) -> bool {
        self.0 = self.0.saturating_sub(cost);
        self.0 > 0
    }
}

/// A change that flips a decision.
#[derive(Clone, PartialEq, Debug)]
pub struct Counterfactual {
    /// The features of the contract that change, and to what.
    pub changes: Vec<(usize, Cell)>,
    /// The number of the answer that decides, after the change.
    pub value: f64,
    /// What it costs: 1 for each change and its distance in units of the feature's range.
    pub cost: f64,
    /// Whether no change of less cost exists among the values that were looked at.
    pub is_minimal: bool,
}

/// What a search found.
#[derive(Clone, PartialEq, Debug)]
pub enum Search {
    /// A change that flips the decision, checked against the model.
    Found(Counterfactual),
    /// None, and there is none.
    None,
    /// None within the budget.
    BudgetSpent,
    /// Nothing to search: the profile names no adverse answers, or nothing that can change.
    NotDeclared,
}

/// A decision to be flipped.
#[derive(Clone, Copy, Debug)]
pub struct Decided<'a> {
    /// The model that decided.
    pub model: &'a Model,
    /// Which contract field feeds which model input.
    pub binding: &'a Binding,
    /// The contract that the row keeps.
    pub contract: &'a Contract,
    /// What can change, and which answers are adverse.
    pub profile: &'a CompiledProfile,
    /// The rows.
    pub rows: &'a Rows,
    /// Which of them.
    pub row: usize,
}

/// What the searches work on: values by place in their domains, and how a point scores.
pub(crate) struct Space<'a> {
    decided: Decided<'a>,
    domains: Vec<Domain>,
    /// The row as the model reads it.
    inputs: Vec<f64>,
    threshold: f64,
    output: usize,
    /// Whether the answer must get below the threshold.
    lower: bool,
}

impl Space<'_> {
    /// The number of the answer that decides at `point`, a place in each domain; `None` if
    /// the model cannot answer.
    fn answer(&self, point: &[usize]) -> Option<f64> {
        let mut inputs = self.inputs.clone();
        for (domain, place) in self.domains.iter().zip(point) {
            *inputs.get_mut(domain.input)? = *domain.values.get(*place)?;
        }
        let mut answer = vec![0.0; self.decided.model.output().count];
        self.decided.model.predict(&inputs, &mut answer).ok()?;
        answer.get(self.output).copied().filter(|value| value.is_finite())
    }
    /// How far the answer is on the wanted side of the threshold; at least 0 there.
    fn gain(&self, value: f64) -> f64 {
        if !self.lower {
            return value - self.threshold;
        }
        // At the threshold is above it, so lower means less.
        if value < self.threshold {
            self.threshold - value
        } else {
            -(value - self.threshold).max(f64::MIN_POSITIVE)
        }
    }
    fn cost(&self, point: &[usize]) -> f64 {
        let costs = self.domains.iter().zip(point);
        costs.map(|(domain, place)| domain.costs.get(*place).copied().unwrap_or(f64::MAX)).sum()
    }
    /// Where the row is.
    fn start(&self) -> Vec<usize> {
        vec![0; self.domains.len()]
    }
    fn changed(&self, point: &[usize]) -> usize {
        point.iter().filter(|place| **place != 0).count()
    }
}

/// The smallest change that flips `decided`. Deterministic.
#[must_use]
pub fn counterfactual(decided: Decided<'_>, mut budget: Budget) -> Search {
    let Some(space) = space(decided) else { return Search::NotDeclared };
    let start = space.start();
    let Some(now) = space.answer(&start) else { return Search::NotDeclared };
    if space.gain(now) >= 0.0 {
        // It is decided the other way already: there is nothing to flip to.
        return Search::NotDeclared;
    }
    let ensemble = Ensemble::new(&space, now);
    let mut best = greedy::search(&space, ensemble.as_ref(), &mut budget);
    let mut is_minimal = false;
    if let Some(ensemble) = &ensemble {
        let (found, is_complete) = trees::search(&space, ensemble, best.as_deref(), &mut budget);
        best = found.or(best);
        is_minimal = is_complete;
    }
    match best {
        Some(point) => {
            checked(&space, &point, is_minimal).map_or(Search::BudgetSpent, Search::Found)
        }
        None if is_minimal => Search::None,
        None => Search::BudgetSpent,
    }
}

fn space(decided: Decided<'_>) -> Option<Space<'_>> {
    let rule = decided.profile.decision()?;
    let mut inputs = Vec::with_capacity(decided.model.feature_count());
    decided.binding.model_row(decided.rows, decided.row, &mut inputs);
    let domains = domains(&decided, &inputs);
    if domains.is_empty() {
        return None;
    }
    let mut space = Space {
        decided,
        domains,
        inputs,
        threshold: rule.threshold,
        output: rule.output.into(),
        lower: false,
    };
    let now = space.answer(&space.start())?;
    space.lower = now >= rule.threshold;
    Some(space)
}

/// The change at `point`, if the model agrees that it flips the decision.
fn checked(space: &Space<'_>, point: &[usize], is_minimal: bool) -> Option<Counterfactual> {
    let value = space.answer(point)?;
    if space.gain(value) < 0.0 {
        return None;
    }
    let changed = space.domains.iter().zip(point).filter(|(_, place)| **place != 0);
    let changes = changed.map(|(domain, place)| Some((domain.field, *domain.cells.get(*place)?)));
    Some(Counterfactual {
        changes: changes.collect::<Option<_>>()?,
        value,
        cost: space.cost(point),
        is_minimal,
    })
}

#[cfg(test)]
mod tests;
