//! Are groups of people treated alike? The metrics of fairlearn, with small groups set aside and
//! intervals.

use crate::performance::{Confusion, Interval, share};
use crate::special::normal_quantile;
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

/// Which two groups are furthest apart by some rate, and how sure that is.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Apart {
    /// The largest rate less the smallest.
    pub difference: Interval,
    /// The smallest rate over the largest; 1 where both are 0.
    pub ratio: Interval,
}

/// How far the rates of groups are apart: of each the hits and the rows they are of. `None` below
/// two groups with rows.
///
/// The interval of the difference is Newcombe's hybrid score interval (1998, method 10), that of
/// the ratio is Katz's on the logarithm (1978), both of the two groups that are furthest apart:
/// it does not allow for their having been chosen among several.
#[must_use]
pub fn apart(rates: &[(f64, f64)], confidence: f64) -> Option<Apart> {
    let shares = rates.iter().filter(|(_, all)| *all > 0.0);
    let shares: Vec<(f64, f64, Interval)> = shares
        .filter_map(|(hits, all)| share(*hits, *all, confidence).map(|found| (*hits, *all, found)))
        .collect();
    if shares.len() < 2 {
        return None;
    }
    let by_rate =
        |a: &&(f64, f64, Interval), b: &&(f64, f64, Interval)| a.2.value.total_cmp(&b.2.value);
    let (low, high) = (shares.iter().min_by(by_rate)?, shares.iter().max_by(by_rate)?);
    let (least, most) = (low.2, high.2);
    let value = most.value - least.value;
    let down = ((most.value - most.lower).powi(2) + (least.upper - least.value).powi(2)).sqrt();
    let up = ((most.upper - most.value).powi(2) + (least.value - least.lower).powi(2)).sqrt();
    let difference =
        Interval { value, lower: (value - down).max(0.0), upper: (value + up).min(1.0) };
    let ratio = if most.value == 0.0 {
        Interval { value: 1.0, lower: 0.0, upper: 1.0 }
    } else if low.0 == 0.0 {
        Interval { value: 0.0, lower: 0.0, upper: (least.upper / most.lower).min(1.0) }
    } else {
        let z = normal_quantile(f64::midpoint(1.0, confidence));
        let spread = (1.0 / low.0 - 1.0 / low.1 + 1.0 / high.0 - 1.0 / high.1).max(0.0).sqrt();
        let value = least.value / most.value;
        let factor = (z * spread).exp();
        Interval { value, lower: value / factor, upper: (value * factor).min(1.0) }
    };
    Some(Apart { difference, ratio })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_two_and_their_intervals() {
        // Newcombe (1998), table II, example (a): 56/70 against 48/80, method 10.
        let found = apart(&[(48.0, 80.0), (56.0, 70.0), (50.0, 70.0)], 0.95).unwrap();
        assert!((found.difference.value - 0.2).abs() < 1e-12);
        assert!((found.difference.lower - 0.0524).abs() < 5e-5, "{found:?}");
        assert!((found.difference.upper - 0.3339).abs() < 5e-5, "{found:?}");
        assert!((found.ratio.value - 0.75).abs() < 1e-12);
        assert!(found.ratio.lower < 0.75 && found.ratio.upper > 0.75);
    }

    #[test]
    fn one_group_or_no_rows_cannot_be_compared() {
        assert_eq!(apart(&[(1.0, 2.0)], 0.95), None);
        assert_eq!(apart(&[(1.0, 2.0), (0.0, 0.0)], 0.95), None);
        let none = apart(&[(0.0, 50.0), (0.0, 60.0)], 0.95).unwrap();
        assert_eq!((none.difference.value, none.ratio.value), (0.0, 1.0));
    }
}
