//! Performance of a model with several classes before outcomes are known: CBPE of each class against
//! all others, from the windows in which they are.

use crate::performance::{LEAST, Pair, REFERENCE_MAX, REFERENCE_MIN, Reading, Window};
use plimsoll_api as api;
use plimsoll_stats::cbpe::{Answered, MulticlassCbpe, MulticlassEstimate};
use plimsoll_stats::realized::Chosen;

/// Rows as CBPE takes them.
#[derive(Default)]
struct Rows {
    scores: Vec<Vec<f64>>,
    answers: Vec<usize>,
}

impl Rows {
    /// Of rows whose shares make up a whole, with as many classes each.
    fn of<'a>(rows: impl Iterator<Item = (&'a [f64], usize)>) -> Self {
        let mut all = Self::default();
        for (scores, answer) in rows {
            if all.scores.is_empty() {
                all.scores = vec![Vec::new(); scores.len()];
            }
            if scores.len() != all.scores.len() {
                continue;
            }
            all.scores.iter_mut().zip(scores).for_each(|(class, score)| class.push(*score));
            all.answers.push(answer);
        }
        all
    }
    fn answered(&self) -> Answered<'_> {
        Answered { scores: &self.scores, answers: &self.answers }
    }
    fn are_shares(&self) -> bool {
        self.scores.iter().flatten().all(|score| (0.0..=1.0).contains(score))
    }
}

/// Estimates the windows whose outcomes are mostly not known yet. Says why not, if it cannot.
pub(crate) fn estimate_classes(
    reading: &Reading,
    windows: &[Window<'_>],
    shown: &mut [api::PerformanceWindow],
) -> Option<String> {
    if windows.iter().all(Window::is_known) {
        return None;
    }
    let known: Vec<Chosen> = windows
        .iter()
        .filter(|window| window.is_known())
        .flat_map(|window| window.pairs.iter().filter_map(|pair| reading.chosen(pair)))
        .filter(|chosen| chosen.outcome < chosen.scores.len())
        .collect();
    let known = known.get(known.len().saturating_sub(REFERENCE_MAX)..).unwrap_or_default();
    if known.len() < REFERENCE_MIN {
        return Some(format!(
            "windows with nearly all outcomes have {} answers with shares of classes; \
             {REFERENCE_MIN} are needed",
            known.len()
        ));
    }
    let reference = Rows::of(known.iter().map(|one| (one.scores.as_slice(), one.answer)));
    let outcomes: Vec<usize> = known.iter().map(|one| one.outcome).collect();
    if !reference.are_shares() {
        return Some("scores are not probabilities".to_owned());
    }
    let Some(cbpe) = MulticlassCbpe::fit(reference.answered(), &outcomes) else {
        return Some("the known windows cannot be estimated from".to_owned());
    };
    for window in windows.iter().filter(|window| !window.is_known()) {
        let rows = Rows::of(window.pairs.iter().filter_map(answer));
        let fits = rows.answers.len() >= LEAST
            && rows.scores.len() == reference.scores.len()
            && rows.are_shares();
        let place = shown.iter_mut().find(|one| one.slice.is_none() && one.from.0 == window.from);
        let Some(place) = place.filter(|_| fits) else { continue };
        let estimates = cbpe.estimate(rows.answered()).into_iter();
        place.estimated = estimates.filter(|one| one.value.is_finite()).map(estimated).collect();
    }
    None
}

/// The shares of an answer, and the class that it is.
fn answer<'a>(pair: &Pair<'a>) -> Option<(&'a [f64], usize)> {
    let scores = pair.answer.output.as_slice();
    let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0)))?;
    (scores.len() > 1).then_some((scores, best.0))
}

fn estimated(one: MulticlassEstimate) -> api::EstimatedMetric {
    let name = serde_json::to_value(one.metric).ok();
    api::EstimatedMetric {
        name: name.and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default(),
        value: one.value,
        sampling_error: if one.sampling_error.is_finite() { one.sampling_error } else { 0.0 },
        lower_threshold: one.lower_threshold,
        upper_threshold: one.upper_threshold,
    }
}
