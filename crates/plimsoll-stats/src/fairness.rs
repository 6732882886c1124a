//! Are groups of people treated alike? The metrics of fairlearn, with small groups set aside and
//! intervals.

use crate::performance::{Confusion, Interval, share};
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows of a group below which it is not compared: its rates would be luck, and could point to
/// persons.
pub const GROUP_MIN: usize = 30;

/// The answers to one group.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Its name; of an intersection the names together.
    pub name: String,
    /// Answers against outcomes.
    pub confusion: Confusion,
    /// The share said yes to, with Wilson's interval.
    pub selection_rate: Option<Interval>,
    /// Whether it is too small to be compared.
    pub is_small: bool,
}

/// How far groups differ. Differences are of the largest and the smallest rate, ratios of the
/// smallest and the largest; 1 where every rate is 0. NaN if there is no group to compare.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Fairness {
    /// Largest difference of the share said yes to.
    pub demographic_parity_difference: f64,
    /// Its ratio, the disparate impact: below 0.8 it breaks the four-fifths rule.
    pub demographic_parity_ratio: f64,
    /// The larger of the largest differences of true and of false positive rates.
    pub equalized_odds_difference: f64,
    /// The smaller of their ratios.
    pub equalized_odds_ratio: f64,
    /// Largest difference of the true positive rate.
    pub equal_opportunity_difference: f64,
    /// Its ratio.
    pub equal_opportunity_ratio: f64,
}

/// Groups the rows by `name` (for an intersection, a name made of several attributes).
#[must_use]
pub fn groups<'a>(
    rows: impl IntoIterator<Item = (&'a str, bool, bool)>,
    confidence: f64,
    least: usize,
) -> Vec<Group> {
    let mut by_name: BTreeMap<&str, Vec<(bool, bool)>> = BTreeMap::new();
    for (name, answer, outcome) in rows {
        by_name.entry(name).or_default().push((answer, outcome));
    }
    let group = |(name, pairs): (&str, Vec<(bool, bool)>)| {
        let is_small = pairs.len() < least;
        let confusion = Confusion::count(pairs);
        let selected = confusion.true_positives + confusion.false_positives;
        let selection_rate = share(selected, confusion.total(), confidence);
        Group { name: name.to_owned(), confusion, selection_rate, is_small }
    };
    by_name.into_iter().map(group).collect()
}

/// Compares the groups that are not small.
#[must_use]
pub fn fairness(groups: &[Group]) -> Fairness {
    let over = |rate: fn(&Confusion) -> f64| {
        let rates =
            groups.iter().filter(|group| !group.is_small).map(|group| rate(&group.confusion));
        rates.fold((f64::NAN, f64::NAN), |(least, most), rate| (rate.min(least), rate.max(most)))
    };
    let difference = |(least, most): (f64, f64)| most - least;
    let ratio = |(least, most): (f64, f64)| if most == 0.0 { 1.0 } else { least / most };
    let selected = over(Confusion::selection_rate);
    let hits = over(Confusion::recall);
    let false_alarms = over(Confusion::false_positive_rate);
    Fairness {
        demographic_parity_difference: difference(selected),
        demographic_parity_ratio: ratio(selected),
        equalized_odds_difference: difference(hits).max(difference(false_alarms)),
        equalized_odds_ratio: ratio(hits).min(ratio(false_alarms)),
        equal_opportunity_difference: difference(hits),
        equal_opportunity_ratio: ratio(hits),
    }
}
