//! Whether a deployment's answers treat groups of people alike. Groups are by attributes that were
//! told of people beside the model (`record_attributes`), or by slice keys of the contract. Small
//! groups are named and nothing more: their figures would be luck, and point to persons.

use crate::bootstrap::Control;
use crate::context::RequestContext;
use crate::error::ControlError;
use crate::outcome::UNNAMED;
use crate::performance::{LEAST, Pair, Positive, confidence, paired, score, standing, unread};
use plimsoll_api as api;
use plimsoll_lake::{Lake, Truth, TruthValue};
use plimsoll_policy::Action;
use plimsoll_stats::fairness::apart;
use plimsoll_stats::performance::{Confusion, Interval, share};
use plimsoll_stats::realized::Reliability;
use plimsoll_store::DeploymentRow;
use plimsoll_types::{DecisionId, DeploymentId, Name, Severity, Signal, SignalKind};
use std::collections::{BTreeMap, HashMap};

/// Attributes that are looked at together: groups multiply.
const MAX_ATTRIBUTES: usize = 4;
/// Groups of one comparison.
const MAX_GROUPS: usize = 500;
/// Between the values of an intersection.
const AND: &str = " & ";

/// An answer with the group it belongs to by each attribute.
struct Member<'a> {
    groups: Vec<&'a str>,
    score: f64,
    answer: bool,
    outcome: Option<bool>,
}

/// Where the values of an attribute come from.
enum Attribute<'a> {
    /// A column of the answers.
    Column(usize),
    /// What was told of people.
    Told(HashMap<(DecisionId, u32), &'a Truth>),
}

impl Control {
    /// Compares how groups of people are treated. Blocks.
    ///
    /// # Errors
    /// [`ControlError`]; see [`ControlError::code`].
    pub fn read_fairness(
        &self,
        ctx: &RequestContext,
        lake: &Lake,
        name: &Name,
        query: &api::FairnessQuery,
    ) -> Result<api::FairnessReport, ControlError> {
        let row = self.judged_by(ctx, Action::ReadFairness, name)?;
        self.fairness_of(lake, &row, query)
    }

    /// The same of a deployment that whoever asks may see.
    pub(crate) fn fairness_of(
        &self,
        lake: &Lake,
        row: &DeploymentRow,
        query: &api::FairnessQuery,
    ) -> Result<api::FairnessReport, ControlError> {
        self.fairness_among(lake, row, query, None)
    }

    /// The same of the answers of one version.
    pub(crate) fn fairness_among(
        &self,
        lake: &Lake,
        row: &DeploymentRow,
        query: &api::FairnessQuery,
        version: Option<u32>,
    ) -> Result<api::FairnessReport, ControlError> {
        let range = (query.since, query.until);
        let mut looked = self.looked_at(lake, row, query.output.as_deref(), range)?;
        let by: Vec<String> = query
            .by
            .as_deref()
            .unwrap_or_default()
            .split(',')
            .collect::<Vec<_>>()
            .into_iter()
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect();
        if by.is_empty() || by.len() > MAX_ATTRIBUTES {
            let detail = format!("names 1 to {MAX_ATTRIBUTES} attributes, with commas between");
            return Err(ControlError::invalid("by", detail));
        }
        let keys = self.slice_keys(&looked.row)?;
        looked.judge.columns = by.iter().filter(|name| keys.contains(name)).cloned().collect();
        let judged = lake.judged(&looked.judge).map_err(unread)?;
        let told = lake.attributes(&looked.judge).map_err(unread)?;
        let mut attributes = Vec::new();
        for name in &by {
            if let Some(place) = looked.judge.columns.iter().position(|column| column == name) {
                attributes.push(Attribute::Column(place));
                continue;
            }
            let values = standing(&told, name);
            if values.is_empty() {
                let detail = "names an attribute that nothing was told of, and no slice key";
                return Err(ControlError::invalid("by", detail));
            }
            attributes.push(Attribute::Told(values));
        }
        let confidence = confidence(query.confidence)?;
        let positive = Positive::new(query.positive.as_ref());
        let threshold = query.threshold.unwrap_or(0.5);
        let texts = Texts::of(&told);
        let pairs = paired(&judged, query.outcome.as_deref().unwrap_or(UNNAMED));
        let members: Vec<Member<'_>> = pairs
            .iter()
            .filter(|pair| version.is_none() || pair.answer.version == version)
            .filter_map(|pair| member(pair, &attributes, &texts, &positive, threshold))
            .collect();
        let mut comparisons = Vec::new();
        for (place, name) in by.iter().enumerate() {
            comparisons.push(compared(vec![name.clone()], &members, &[place], confidence));
        }
        if by.len() > 1 {
            let all: Vec<usize> = (0..by.len()).collect();
            comparisons.push(compared(by, &members, &all, confidence));
        }
        Ok(api::FairnessReport {
            deployment: row.name.to_string(),
            from: looked.judge.since.into(),
            to: looked.judge.until.into(),
            least: LEAST as u64,
            is_cut: judged.is_cut,
            comparisons,
        })
    }
}

/// The values of attributes as texts, by the id of what told them.
struct Texts<'a>(HashMap<&'a str, String>);

impl<'a> Texts<'a> {
    fn of(told: &'a [Truth]) -> Self {
        let text = |truth: &Truth| match &truth.value {
            TruthValue::Label(label) => label.clone(),
            TruthValue::Number(number) | TruthValue::Relevance(number) => number.to_string(),
        };
        Self(told.iter().map(|truth| (truth.id.as_str(), text(truth))).collect())
    }
    fn get(&self, truth: &Truth) -> Option<&str> {
        self.0.get(truth.id.as_str()).map(String::as_str)
    }
}

/// An answer whose groups are all known.
fn member<'a>(
    pair: &Pair<'a>,
    attributes: &[Attribute<'a>],
    texts: &'a Texts<'_>,
    positive: &Positive,
    threshold: f64,
) -> Option<Member<'a>> {
    let group = |attribute: &Attribute<'a>| match attribute {
        Attribute::Column(place) => pair.answer.columns.get(*place)?.as_deref(),
        Attribute::Told(values) => {
            texts.get(values.get(&(pair.answer.decision, pair.answer.row)).copied()?)
        }
    };
    let groups: Option<Vec<&str>> = attributes.iter().map(group).collect();
    let score = score(pair.answer)?;
    let outcome = pair.truth.map(|truth| positive.is(&truth.value));
    Some(Member { groups: groups?, score, answer: score >= threshold, outcome })
}

/// A group's counts.
#[derive(Default)]
struct Counts {
    answers: usize,
    selected: usize,
    known: Vec<(bool, bool)>,
    scored: Vec<(f64, bool)>,
}

fn compared(
    by: Vec<String>,
    members: &[Member<'_>],
    places: &[usize],
    confidence: f64,
) -> api::FairnessComparison {
    let mut groups: BTreeMap<String, Counts> = BTreeMap::new();
    for member in members {
        let values = places.iter().filter_map(|place| member.groups.get(*place).copied());
        let counts = groups.entry(values.collect::<Vec<_>>().join(AND)).or_default();
        counts.answers += 1;
        counts.selected += usize::from(member.answer);
        if let Some(outcome) = member.outcome {
            counts.known.push((member.answer, outcome));
            counts.scored.push((member.score, outcome));
        }
    }
    let mut groups: Vec<(String, Counts)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.answers));
    groups.truncate(MAX_GROUPS);
    let metrics = metrics(&groups, confidence);
    let groups = groups.into_iter().map(|(name, counts)| group(name, &counts, confidence));
    api::FairnessComparison { by, groups: groups.collect(), metrics }
}

fn group(name: String, counts: &Counts, confidence: f64) -> api::FairnessGroup {
    let is_small = counts.answers < LEAST;
    let is_known = !is_small && counts.known.len() >= LEAST;
    let confusion = Confusion::count(counts.known.iter().copied());
    let rate = |is_shown: bool, hits: f64, all: f64| {
        let found = share(hits, all, confidence).filter(|_| is_shown);
        found.map(|Interval { value, lower, upper }| api::Rate { value, lower, upper })
    };
    let is_share = counts.scored.iter().all(|(score, _)| (0.0..=1.0).contains(score));
    let error = Reliability::of(&counts.scored, confidence).error;
    api::FairnessGroup {
        name,
        answers: (!is_small).then_some(counts.answers as u64),
        known: is_known.then_some(counts.known.len() as u64),
        selection_rate: rate(!is_small, count(counts.selected), count(counts.answers)),
        true_positive_rate: rate(is_known, confusion.true_positives, positives(&confusion)),
        false_positive_rate: rate(is_known, confusion.false_positives, negatives(&confusion)),
        calibration_error: (is_known && is_share).then_some(error),
        is_small,
    }
}

fn positives(confusion: &Confusion) -> f64 {
    confusion.true_positives + confusion.false_negatives
}

fn negatives(confusion: &Confusion) -> f64 {
    confusion.false_positives + confusion.true_negatives
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
const fn count(count: usize) -> f64 {
    count as f64
}

/// How far groups that are not small are apart.
fn metrics(groups: &[(String, Counts)], confidence: f64) -> Vec<api::PerformanceMetric> {
    let large = || groups.iter().map(|(_, counts)| counts).filter(|c| c.answers >= LEAST);
    let known: Vec<Confusion> = large()
        .filter(|counts| counts.known.len() >= LEAST)
        .map(|counts| Confusion::count(counts.known.iter().copied()))
        .collect();
    let selected: Vec<(f64, f64)> =
        large().map(|counts| (count(counts.selected), count(counts.answers))).collect();
    let hits: Vec<(f64, f64)> =
        known.iter().map(|one| (one.true_positives, positives(one))).collect();
    let alarms: Vec<(f64, f64)> =
        known.iter().map(|one| (one.false_positives, negatives(one))).collect();
    let mut found = Vec::new();
    let mut add = |name: &str, interval: Interval| {
        let Interval { value, lower, upper } = interval;
        let (lower, upper) = (Some(lower), Some(upper));
        found.push(api::PerformanceMetric { name: name.to_owned(), value, lower, upper });
    };
    if let Some(apart) = apart(&selected, confidence) {
        add("demographic_parity_difference", apart.difference);
        add("demographic_parity_ratio", apart.ratio);
        // The same ratio by the name under which the four-fifths rule is known.
        add("disparate_impact", apart.ratio);
    }
    let (hits, alarms) = (apart(&hits, confidence), apart(&alarms, confidence));
    if let Some(hits) = hits {
        add("equal_opportunity_difference", hits.difference);
        add("equal_opportunity_ratio", hits.ratio);
    }
    if let Some((hits, alarms)) = hits.zip(alarms) {
        let (a, b) = (hits.difference, alarms.difference);
        add("equalized_odds_difference", if a.value >= b.value { a } else { b });
        let (a, b) = (hits.ratio, alarms.ratio);
        add("equalized_odds_ratio", if a.value <= b.value { a } else { b });
    }
    found
}

/// What a deployment's owner does not accept.
#[derive(Debug, Clone, PartialEq)]
pub struct FairnessLimit {
    /// The name of a measure, such as `disparate_impact`.
    pub metric: String,
    /// Its value must not be below this (for ratios: 0.8 is the four-fifths rule).
    pub least: Option<f64>,
    /// Nor above this (for differences).
    pub most: Option<f64>,
}

/// What a report says against limits: a measure speaks when all of its interval lies beyond one.
#[must_use]
pub fn fairness_signals(
    deployment: DeploymentId,
    report: &api::FairnessReport,
    limits: &[FairnessLimit],
) -> Vec<Signal> {
    let mut signals = Vec::new();
    for comparison in &report.comparisons {
        for limit in limits {
            let metric = comparison.metrics.iter().find(|metric| metric.name == limit.metric);
            let Some(metric) = metric else { continue };
            let lower = metric.lower.unwrap_or(metric.value);
            let upper = metric.upper.unwrap_or(metric.value);
            let below = limit.least.filter(|least| upper < *least);
            let above = limit.most.filter(|most| lower > *most);
            let wanted = match (below, above) {
                (Some(least), _) => format!("it must be {least} at least"),
                (None, Some(most)) => format!("it must be {most} at most"),
                (None, None) => continue,
            };
            signals.push(Signal {
                deployment,
                version: None,
                kind: SignalKind::Fairness,
                severity: Severity::Critical,
                about: metric.name.clone(),
                // The names of attributes, never a value of a person's.
                slice: Some(comparison.by.join(AND)),
                since: report.from.0,
                until: report.to.0,
                text: format!(
                    "{} by {} is {:.4} ({lower:.4} to {upper:.4}); {wanted}",
                    metric.name,
                    comparison.by.join(AND),
                    metric.value
                ),
                numbers: vec![
                    (metric.name.clone(), metric.value),
                    ("lower".to_owned(), lower),
                    ("upper".to_owned(), upper),
                ],
            });
        }
    }
    signals
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::Time;

    fn members<'a>(group: &'a str, answers: usize, selected: usize) -> Vec<Member<'a>> {
        let one = |place: usize| Member {
            groups: vec![group],
            score: if place < selected { 0.9 } else { 0.1 },
            answer: place < selected,
            outcome: Some(place.is_multiple_of(2)),
        };
        (0..answers).map(one).collect()
    }

    #[test]
    fn small_groups_are_named_and_nothing_more() {
        let mut all = members("a", 200, 100);
        all.extend(members("b", 200, 60));
        all.extend(members("c", LEAST - 1, 0));
        let found = compared(vec!["g".into()], &all, &[0], 0.95);
        let small = found.groups.iter().find(|group| group.name == "c").expect("named");
        assert!(small.is_small && small.answers.is_none() && small.selection_rate.is_none());
        let parity = found.metrics.iter().find(|m| m.name == "demographic_parity_difference");
        assert!((parity.expect("measured").value - 0.2).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn four_fifths_speak_only_when_it_is_sure() {
        let report = |selected| {
            let mut all = members("a", 1_000, 500);
            all.extend(members("b", 1_000, selected));
            api::FairnessReport {
                deployment: "d".into(),
                from: Time::from_micros(1).into(),
                to: Time::from_micros(2).into(),
                least: 30,
                is_cut: false,
                comparisons: vec![compared(vec!["g".into()], &all, &[0], 0.95)],
            }
        };
        let limit =
            FairnessLimit { metric: "disparate_impact".into(), least: Some(0.8), most: None };
        let id = DeploymentId::from_bytes([1; 16]);
        let told = |selected| fairness_signals(id, &report(selected), std::slice::from_ref(&limit));
        assert_eq!(told(300).len(), 1);
        assert!(told(390).is_empty(), "0.78 may be luck");
        assert!(told(500).is_empty());
        assert_eq!(told(300)[0].slice.as_deref(), Some("g"));
    }
}
