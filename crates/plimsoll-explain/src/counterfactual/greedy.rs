//! A change for any model: take the change that helps most for its cost, until the decision
//! flips; then take back whatever is not needed.

use super::trees::Ensemble;
use super::{Budget, MAX_CHANGES, Space};

/// How a next change is chosen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taste {
    /// The one that helps most.
    Most,
    /// The one that helps most for what it costs.
    Cheap,
}

/// The best of two greedy ways, or nothing.
pub(super) fn search(
    space: &Space<'_>,
    ensemble: Option<&Ensemble>,
    budget: &mut Budget,
) -> Option<Vec<usize>> {
    let scorer = Scorer { space, ensemble };
    let ways = [Taste::Most, Taste::Cheap].into_iter();
    let found: Vec<Vec<usize>> = ways
        .filter_map(|taste| {
            let mut point = climb(&scorer, taste, budget)?;
            trim(&scorer, &mut point, budget);
            Some(point)
        })
        .collect();
    found.into_iter().min_by(|a, b| space.cost(a).total_cmp(&space.cost(b)))
}

struct Scorer<'a> {
    space: &'a Space<'a>,
    ensemble: Option<&'a Ensemble>,
}

impl Scorer<'_> {
    /// How far `point` is on the wanted side; `None` without budget or answer.
    fn gain(&self, point: &[usize], budget: &mut Budget) -> Option<f64> {
        match self.ensemble {
            Some(ensemble) => ensemble.gain(point, budget),
            None => {
                let width = u64::try_from(self.space.inputs.len()).unwrap_or(u64::MAX);
                // A model without trees to look into is asked: a hundred visits a feature.
                budget
                    .spend(width.saturating_mul(100))
                    .then(|| self.space.answer(point))
                    .flatten()
                    .map(|value| self.space.gain(value))
            }
        }
    }
}

fn climb(scorer: &Scorer<'_>, taste: Taste, budget: &mut Budget) -> Option<Vec<usize>> {
    let space = scorer.space;
    let mut point = space.start();
    let mut now = scorer.gain(&point, budget)?;
    for _ in 0..MAX_CHANGES {
        let mut best: Option<(f64, usize, usize, f64)> = None;
        for (place, domain) in space.domains.iter().enumerate() {
            let before = *point.get(place)?;
            if before != 0 {
                continue;
            }
            for value in 1..domain.values.len() {
                *point.get_mut(place)? = value;
                let gain = scorer.gain(&point, budget)?;
                let cost = domain.costs.get(value).copied().unwrap_or(f64::MAX);
                // Whatever flips is better than what does not, and then cheap is better.
                let worth = match taste {
                    _ if gain >= 0.0 => f64::MAX / cost.max(1.0),
                    Taste::Most => gain - now,
                    Taste::Cheap => (gain - now) / cost,
                };
                if best.is_none_or(|(most, ..)| worth > most) {
                    best = Some((worth, place, value, gain));
                }
            }
            *point.get_mut(place)? = 0;
        }
        let (worth, place, value, gain) = best?;
        if worth <= 0.0 {
            return None;
        }
        *point.get_mut(place)? = value;
        now = gain;
        if now >= 0.0 {
            return Some(point);
        }
    }
    None
}

/// Takes back changes that are not needed, and makes the others as small as they can be. The
/// cheaper values of a domain come first, so the first that still flips is the one.
fn trim(scorer: &Scorer<'_>, point: &mut [usize], budget: &mut Budget) {
    let mut order: Vec<usize> = (0..point.len()).collect();
    let cost = |place: usize, point: &[usize]| {
        let domain = scorer.space.domains.get(place)?;
        domain.costs.get(*point.get(place)?).copied()
    };
    order.sort_by(|a, b| {
        let (a, b) = (cost(*a, point), cost(*b, point));
        b.unwrap_or_default().total_cmp(&a.unwrap_or_default())
    });
    for place in order {
        let Some(taken) = point.get(place).copied() else { continue };
        for value in 0..taken {
            if let Some(slot) = point.get_mut(place) {
                *slot = value;
            }
            match scorer.gain(point, budget) {
                Some(gain) if gain >= 0.0 => break,
                _ => {
                    if let Some(slot) = point.get_mut(place) {
                        *slot = taken;
                    }
                }
            }
        }
    }
}
