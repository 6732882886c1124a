//! Do small changes within the contract change decisions, and which single feature does? Black
//! box; the tests that Giskard calls perturbations, and a sweep over each feature alone.

use crate::{Random, float};

/// Of the rows that are changed by noise, this share may be decided otherwise.
pub const NOISE_MAX: f64 = 0.05;
/// Of the rows that are not near the boundary, a single feature may flip this share.
pub const SINGLE_MAX: f64 = 0.20;
/// Values that one feature is swept over. Thresholds of trees lie between quantiles of the data,
/// so as many places as quantiles are worth looking at.
pub const SWEEP: usize = 16;
/// Rows that are looked at: a changed-decision rate of 5 % is then known to about 1.4 points.
pub const ROWS_MAX: usize = 1_000;
/// Rows whose score is within this part of all scores' spread of the threshold are near it: they
/// flip by anything, and say nothing of a feature.
const NEAR: f64 = 0.10;
/// The relative change, both ways.
const RELATIVE: f64 = 0.01;
/// The noise, in standard deviations of the feature.
const SIGMAS: f64 = 0.01;

/// What a feature may hold.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// A number within bounds, both included; whole numbers only, perhaps.
    Number {
        /// The least.
        least: f64,
        /// The greatest.
        most: f64,
        /// Whether it is an integer.
        whole: bool,
    },
    /// One of so many, counted from 0.
    Choice(u32),
    /// Something that is not changed here: a text, a tensor, a time.
    Fixed,
}

/// A feature.
#[derive(Clone, PartialEq, Debug)]
pub struct Feature {
    /// Its name.
    pub name: String,
    /// What it may hold.
    pub kind: Kind,
    /// Whether who is decided about can change it.
    pub is_mutable: bool,
}

/// What came of noise.
#[derive(Clone, PartialEq, Debug)]
pub struct Noise {
    /// Rows looked at.
    pub rows: usize,
    /// For each change, in words, the share of rows decided otherwise.
    pub changed: Vec<(&'static str, f64)>,
}

impl Noise {
    /// The change that changed most.
    #[must_use]
    pub fn worst(&self) -> Option<(&'static str, f64)> {
        self.changed.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// What came of sweeping each feature alone.
#[derive(Clone, PartialEq, Debug)]
pub struct Single {
    /// Rows looked at, those near the boundary left out.
    pub rows: usize,
    /// Whether there was no time for every feature.
    pub is_cut_short: bool,
    /// For each feature, the share of rows that it alone flips, the largest first.
    pub flips: Vec<(String, f64)>,
}

/// Scores a row. `None` if the model gives no answer, which counts as another decision.
pub type Score<'a> = dyn FnMut(&[f64]) -> Option<f64> + 'a;

/// The rows that are looked at: at most [`ROWS_MAX`], evenly over all.
fn looked_at(rows: &[Vec<f64>]) -> impl Iterator<Item = &Vec<f64>> {
    rows.iter().step_by(rows.len().div_ceil(ROWS_MAX).max(1))
}

/// Changes every number of each row a little, three ways; `None` without rows.
pub fn noise(
    features: &[Feature],
    rows: &[Vec<f64>],
    threshold: f64,
    seed: u64,
    score: &mut Score<'_>,
) -> Option<Noise> {
    let spread: Vec<f64> = (0..features.len()).map(|place| deviation(rows, place)).collect();
    let mut random = Random::new(seed);
    let mut changed = [0_usize; 3];
    let mut count = 0;
    for row in looked_at(rows) {
        let before = score(row).map(|value| value >= threshold);
        for (way, changed) in changed.iter_mut().enumerate() {
            let mut other = row.clone();
            for ((value, feature), spread) in other.iter_mut().zip(features).zip(&spread) {
                let to = match way {
                    0 => *value * (1.0 - RELATIVE),
                    1 => *value * (1.0 + RELATIVE),
                    _ => *value + random.normal() * SIGMAS * spread,
                };
                *value = within(feature.kind, *value, to);
            }
            let after = score(&other).map(|value| value >= threshold);
            *changed += usize::from(before.is_none() || after != before);
        }
        count += 1;
    }
    let share = |changed: usize| float(changed) / float(count);
    (count > 0).then(|| Noise {
        rows: count,
        changed: vec![
            ("1 % less", share(changed[0])),
            ("1 % more", share(changed[1])),
            ("noise of 0.01 sd", share(changed[2])),
        ],
    })
}

/// Sweeps each mutable feature alone over its values in the rows (or its choices), and counts the
/// rows that some value flips. `stop` is asked before each feature; `None` if no row is left when
/// those near the boundary are left out.
pub fn single(
    features: &[Feature],
    rows: &[Vec<f64>],
    threshold: f64,
    score: &mut Score<'_>,
    stop: &mut dyn FnMut() -> bool,
) -> Option<Single> {
    let scored: Vec<(&Vec<f64>, f64)> =
        looked_at(rows).filter_map(|row| Some((row, score(row)?))).collect();
    let ends = scored.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| {
        (low.min(*value), high.max(*value))
    });
    let near = (ends.1 - ends.0).max(0.0) * NEAR / 2.0;
    let clear: Vec<(&Vec<f64>, bool)> = scored
        .into_iter()
        .filter(|(_, value)| (value - threshold).abs() >= near)
        .map(|(row, value)| (row, value >= threshold))
        .collect();
    if clear.is_empty() {
        return None;
    }
    let mut flips = Vec::new();
    let mut is_cut_short = false;
    for (place, feature) in features.iter().enumerate().filter(|(_, one)| one.is_mutable) {
        let values = sweep(feature.kind, rows, place);
        if values.is_empty() {
            continue;
        }
        if stop() {
            is_cut_short = true;
            break;
        }
        let mut flipped = 0;
        for (row, before) in &clear {
            let mut other = (*row).clone();
            let is_flipped = values.iter().any(|value| {
                if let Some(cell) = other.get_mut(place) {
                    *cell = *value;
                }
                score(&other).is_none_or(|value| (value >= threshold) != *before)
            });
            flipped += usize::from(is_flipped);
        }
        flips.push((feature.name.clone(), float(flipped) / float(clear.len())));
    }
    flips.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Some(Single { rows: clear.len(), is_cut_short, flips })
}

/// The standard deviation of a column, missing values left out.
fn deviation(rows: &[Vec<f64>], place: usize) -> f64 {
    let values = || rows.iter().filter_map(|row| row.get(place)).filter(|value| value.is_finite());
    let count = values().count();
    if count < 2 {
        return 0.0;
    }
    let mean = values().sum::<f64>() / float(count);
    (values().map(|value| (value - mean).powi(2)).sum::<f64>() / float(count - 1)).sqrt()
}

/// A changed number within the contract; what is missing or no number stays.
fn within(kind: Kind, from: f64, to: f64) -> f64 {
    match kind {
        Kind::Number { least, most, whole } if from.is_finite() && to.is_finite() => {
            let to = if whole { to.round() } else { to };
            to.max(least).min(most)
        }
        _ => from,
    }
}

/// Values that a feature is swept over: quantiles of its own, or its choices.
fn sweep(kind: Kind, rows: &[Vec<f64>], place: usize) -> Vec<f64> {
    match kind {
        Kind::Fixed => Vec::new(),
        Kind::Choice(count) => {
            (0..count.min(u32::try_from(SWEEP).unwrap_or(u32::MAX))).map(f64::from).collect()
        }
        Kind::Number { least, most, .. } => {
            let mut values: Vec<f64> = rows
                .iter()
                .filter_map(|row| row.get(place).copied())
                .filter(|value| value.is_finite() && (least..=most).contains(value))
                .collect();
            values.sort_by(f64::total_cmp);
            values.dedup();
            let step = values.len().div_ceil(SWEEP).max(1);
            let last = values.last().copied();
            let mut kept: Vec<f64> = values.into_iter().step_by(step).collect();
            if kept.last().copied() != last {
                kept.extend(last);
            }
            kept
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(name: &str) -> Feature {
        let kind = Kind::Number { least: 0.0, most: 100.0, whole: false };
        Feature { name: name.to_owned(), kind, is_mutable: true }
    }

    fn rows(count: u32) -> Vec<Vec<f64>> {
        let mut random = Random::new(3);
        (0..count).map(|_| vec![random.unit() * 100.0, random.unit() * 100.0]).collect()
    }

    #[test]
    fn a_smooth_model_hardly_changes_and_a_jagged_one_does() {
        let features = [number("a"), number("b")];
        let rows = rows(800);
        let smooth = noise(&features, &rows, 100.0, 1, &mut |row| Some(row[0] + row[1]));
        let (_, worst) = smooth.expect("rows").worst().expect("ways");
        assert!(worst > 0.0 && worst <= NOISE_MAX, "{worst}");
        // The third digit decides.
        let jagged = noise(&features, &rows, 0.5, 1, &mut |row| Some((row[0] * 10.0).fract()));
        let (_, worst) = jagged.expect("rows").worst().expect("ways");
        assert!(worst > 0.3, "{worst}");
        assert_eq!(noise(&features, &[], 0.5, 1, &mut |_| Some(0.0)), None);
    }

    #[test]
    fn the_feature_that_decides_alone_is_named() {
        let features = [number("alone"), number("hardly")];
        let rows = rows(500);
        let found =
            single(&features, &rows, 50.0, &mut |row| Some(row[0] + row[1] / 1e6), &mut || false)
                .expect("rows");
        assert_eq!(found.flips[0], ("alone".to_owned(), 1.0));
        assert_eq!(found.flips[1].1, 0.0, "{found:?}");
        assert!(found.rows < 500 && !found.is_cut_short, "near rows are left out: {found:?}");
        let kept = Feature { is_mutable: false, ..number("alone") };
        let found = single(&[kept], &rows, 50.0, &mut |row| Some(row[0]), &mut || false);
        assert_eq!(found.expect("rows").flips, []);
    }

    #[test]
    fn it_stops_when_told_and_a_model_without_an_answer_counts_as_changed() {
        let features = [number("a"), number("b")];
        let rows = rows(100);
        let cut = single(&features, &rows, 50.0, &mut |row| Some(row[0]), &mut || true);
        assert!(cut.expect("rows").is_cut_short);
        let silent = noise(&features, &rows, 50.0, 1, &mut |_| None).expect("rows");
        assert_eq!(silent.worst().expect("ways").1, 1.0);
    }

    proptest! {
        #[test]
        fn a_change_stays_within_the_contract(
            least in -50.0..0.0_f64, most in 0.0..50.0_f64, value in -50.0..50.0_f64,
            to in -1e9..1e9_f64, whole: bool,
        ) {
            let value = value.clamp(least, most);
            let kind = Kind::Number { least: least.floor(), most: most.ceil(), whole };
            let changed = within(kind, value, to);
            prop_assert!((least.floor()..=most.ceil()).contains(&changed));
            prop_assert!(!whole || changed.fract() == 0.0);
        }
    }
}
