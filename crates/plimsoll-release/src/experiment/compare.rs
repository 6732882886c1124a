//! What may be said of an experiment at any moment: each arm beside the control, by metric and by
//! slice, and what the numbers suggest.

use super::declared::{Goal, Metric, Role};
use super::float;
use super::report::{Advice, Contrast, MeanOf, MetricReport, Report, Says, SliceReport, Split};
use super::tally::{Seen, Tally};
use plimsoll_stats::difference::{BoundedDifference, Difference, Group, Mixture};
use plimsoll_stats::discovery::Correction;
use plimsoll_types::Time;
use std::collections::HashMap;
use std::time::Duration;

/// Units of an arm below which nothing is said of it: the intervals hold for many units, and
/// figures of few could point to persons.
pub const LEAST: usize = 100;

impl Tally {
    /// What may be said now. Arms that were stopped are shown, and not advised.
    #[must_use]
    pub fn report(&self, stopped: &[bool], now: Time) -> Report {
        let metrics: Vec<MetricReport> = (0..self.definition.metrics.len())
            .filter_map(|place| self.metric(place, now))
            .collect();
        let mut splits = vec![self.assigned.shown("assigned"), self.answered.shown("answered")];
        for (metric, known) in self.definition.metrics.iter().zip(&self.known) {
            splits.extend(known.as_ref().map(|known| known.shown(&metric.name)));
        }
        let (advice, leader) = self.advice(&metrics, &splits, stopped);
        Report {
            requests: self.requests.clone(),
            splits,
            metrics,
            advice,
            leader,
            left_out: self.left_out,
        }
    }

    /// Units of which a metric is known for good: arm, number, covariate, and the unit.
    fn units_of(&self, place: usize, now: Time) -> impl Iterator<Item = (usize, f64, f64, &Seen)> {
        let settles = self.definition.metrics.get(place).map_or(0, |metric| metric.settles_after_s);
        let until = now.minus(Duration::from_secs(settles));
        let covariate = self.definition.metrics.len() + place;
        self.seen.iter().filter(move |seen| seen.time <= until).filter_map(move |seen| {
            let number = seen.numbers.get(place).copied().filter(|number| number.is_finite())?;
            let covariate = seen.numbers.get(covariate).copied().unwrap_or(f64::NAN);
            Some((usize::from(seen.arm), number, covariate, seen))
        })
    }

    /// What the primary metric says of each arm, as a report at this time would, and of how many
    /// units it is known. Slices are left out: this is asked often.
    #[must_use]
    pub fn primary(&self, now: Time) -> Option<(usize, Vec<Contrast>)> {
        let is_primary = |metric: &Metric| metric.role == Role::Primary;
        let place = self.definition.metrics.iter().position(is_primary)?;
        let (means, contrasts) = self.compared(place, self.usual_covariate(place, now), now)?;
        Some((means.iter().map(|mean| mean.units).sum(), contrasts))
    }

    fn metric(&self, place: usize, now: Time) -> Option<MetricReport> {
        let metric = self.definition.metrics.get(place)?;
        let usual = self.usual_covariate(place, now);
        let (means, contrasts) = self.compared(place, usual, now)?;
        let is_primary = metric.role == Role::Primary;
        let slices = if is_primary { self.slice_reports(place, usual, now) } else { Vec::new() };
        Some(MetricReport { metric: place, means, contrasts, slices })
    }

    fn compared(
        &self,
        place: usize,
        usual: f64,
        now: Time,
    ) -> Option<(Vec<MeanOf>, Vec<Contrast>)> {
        let metric = self.definition.metrics.get(place)?;
        let alpha = self.definition.alpha_of(metric);
        let mut groups = vec![Group::default(); self.definition.arms.len()];
        for (arm, number, covariate, _) in self.units_of(place, now) {
            let covariate = if covariate.is_finite() { covariate } else { usual };
            groups.get_mut(arm)?.see(number, covariate);
        }
        let bounded = self.bounded(place, alpha, now);
        let compared = |(arm, bounded): (usize, &Option<(f64, f64)>)| {
            self.contrast(metric, &groups, (arm, alpha), *bounded)
        };
        let contrasts = bounded.iter().enumerate().skip(1).map(compared).collect();
        let means = groups
            .iter()
            .map(|group| MeanOf {
                units: group.count(),
                mean: group.mean(),
                variance: group.variance(),
            })
            .collect();
        Some((means, contrasts))
    }

    /// The mean of the covariate, which stands for one that is not known.
    fn usual_covariate(&self, place: usize, now: Time) -> f64 {
        let mut known = Group::default();
        self.units_of(place, now).for_each(|(_, _, covariate, _)| known.see(covariate, 0.0));
        known.mean()
    }

    /// The interval of each arm where the metric has bounds.
    fn bounded(&self, place: usize, alpha: f64, now: Time) -> Vec<Option<(f64, f64)>> {
        let arms = self.definition.arms.len();
        let bounds = self.definition.metrics.get(place).and_then(|metric| metric.bounds);
        let Some((low, high)) = bounds else { return vec![None; arms] };
        let mut all: Vec<_> = (0..arms).map(|_| BoundedDifference::new(low, high, alpha)).collect();
        for (arm, number, _, _) in self.units_of(place, now) {
            for (other, difference) in all.iter_mut().enumerate() {
                let Some(difference) = difference else { continue };
                match arm {
                    0 => difference.control(number),
                    _ if arm == other => difference.treated(number),
                    _ => {}
                }
            }
        }
        all.into_iter().map(|one| one.map(|one| one.interval())).collect()
    }

    fn contrast(
        &self,
        metric: &Metric,
        groups: &[Group],
        (arm, alpha): (usize, f64),
        bounded: Option<(f64, f64)>,
    ) -> Contrast {
        let mut contrast = Contrast { arm, confidence: 1.0 - alpha, ..Contrast::default() };
        let (Some(control), Some(treated)) = (groups.first(), groups.get(arm)) else {
            return contrast;
        };
        if control.count() < LEAST || treated.count() < LEAST {
            return contrast;
        }
        contrast.difference = Some(treated.mean() - control.mean());
        let plain = Difference::of(control, treated);
        let difference = match (&metric.covariate, &plain) {
            (Some(_), Some(plain)) => {
                let adjusted = Difference::adjusted(control, treated).unwrap_or(*plain);
                contrast.variance_left = Some(adjusted.variance / plain.variance);
                Some(adjusted)
            }
            _ => plain,
        };
        contrast.interval = bounded;
        if let (None, Some(difference), Some(mixture)) = (bounded, difference, self.mixture(alpha))
        {
            contrast.difference = Some(difference.estimate);
            contrast.interval = Some(difference.interval(mixture, alpha));
            contrast.p_value = Some(difference.p_value(mixture));
        }
        let effect = self.definition.minimum_effect.filter(|_| metric.role == Role::Primary);
        contrast.says =
            contrast.interval.map_or(Says::Unclear, |one| says(metric.goal, one, effect));
        let is_guardrail = metric.role == Role::Guardrail;
        contrast.is_harm =
            is_guardrail && contrast.interval.is_some_and(|one| is_harm(metric, one));
        contrast
    }

    fn mixture(&self, alpha: f64) -> Option<Mixture> {
        #[expect(clippy::cast_precision_loss, reason = "where intervals are narrowest, about")]
        Mixture::narrowest_at(self.definition.units_planned as f64, alpha)
    }

    /// The primary metric by the values of each slice key. Intervals hold together for all of
    /// them (Bonferroni); which slices differ is corrected for false discoveries under any
    /// dependence (Benjamini and Yekutieli 2001), on p-values that hold at any time.
    fn slice_reports(&self, place: usize, usual: f64, now: Time) -> Vec<SliceReport> {
        let Some(metric) = self.definition.metrics.get(place) else { return Vec::new() };
        let arms = self.definition.arms.len();
        let mut groups: Vec<HashMap<u16, Vec<Group>>> =
            vec![HashMap::new(); self.slice_values.len()];
        for (arm, number, covariate, seen) in self.units_of(place, now) {
            let covariate = if covariate.is_finite() { covariate } else { usual };
            for (groups, value) in groups.iter_mut().zip(&seen.slices) {
                let of_value = groups.entry(*value).or_insert_with(|| vec![Group::default(); arms]);
                of_value
                    .iter_mut()
                    .skip(arm)
                    .take(1)
                    .for_each(|group| group.see(number, covariate));
            }
        }
        let mut found = Vec::new();
        for ((key, values), groups) in
            self.definition.slices.iter().zip(&self.slice_values).zip(&groups)
        {
            let mut values: Vec<_> = values.iter().collect();
            values.sort_unstable();
            for (value, groups) in
                values.into_iter().filter_map(|(v, place)| Some((v, groups.get(place)?)))
            {
                let is_enough =
                    |arm: &usize| groups.get(*arm).is_some_and(|one| one.count() >= LEAST);
                let enough = (0..arms).take(1).all(|control| is_enough(&control));
                found.extend(
                    (1..arms)
                        .filter(|arm| enough && is_enough(arm))
                        .map(|arm| (key, value, groups, arm)),
                );
            }
        }
        let alpha = self.definition.alpha / float(found.len().max(1));
        let plain = Metric { bounds: None, ..metric.clone() };
        let contrasts: Vec<Contrast> = found
            .iter()
            .map(|(_, _, groups, arm)| self.contrast(&plain, groups, (*arm, alpha), None))
            .collect();
        let p_values: Vec<f64> = contrasts.iter().map(|one| one.p_value.unwrap_or(1.0)).collect();
        let adjusted = Correction::By.adjust(&p_values);
        let report = |(((key, value, groups, arm), contrast), p): ((_, Contrast), f64)| {
            let (key, value, groups, arm): (&String, &String, &Vec<Group>, usize) =
                (key, value, groups, arm);
            SliceReport {
                key: key.clone(),
                value: value.clone(),
                units: groups.get(arm).map_or(0, Group::count),
                contrast,
                p_adjusted: p,
                is_different: p <= self.definition.alpha,
            }
        };
        found.into_iter().zip(contrasts).zip(adjusted).map(report).collect()
    }

    /// What the numbers suggest, and of which arm.
    fn advice(
        &self,
        metrics: &[MetricReport],
        splits: &[Split],
        stopped: &[bool],
    ) -> (Advice, Option<usize>) {
        let role =
            |report: &&MetricReport| self.definition.metrics.get(report.metric).map(|one| one.role);
        let Some(primary) = metrics.iter().find(|one| role(one) == Some(Role::Primary)) else {
            return (Advice::GoOn, None);
        };
        let is_in = |contrast: &&Contrast| !stopped.get(contrast.arm).copied().unwrap_or_default();
        let harms = |arm: usize| {
            metrics.iter().flat_map(|one| &one.contrasts).any(|one| one.arm == arm && one.is_harm)
        };
        let running: Vec<&Contrast> = primary.contrasts.iter().filter(is_in).collect();
        let better = running.iter().filter(|one| one.says == Says::Better && !harms(one.arm));
        let size = |one: &Contrast| one.difference.unwrap_or_default().abs();
        let leader = better.max_by(|a, b| size(a).total_cmp(&size(b))).map(|one| one.arm);
        if splits.iter().any(|split| split.is_wrong) {
            return (Advice::Look, leader);
        }
        match leader {
            Some(arm) => (Advice::Ship, Some(arm)),
            None if running.iter().all(|one| matches!(one.says, Says::Worse | Says::Same)) => {
                (Advice::Keep, Some(0))
            }
            None => (Advice::GoOn, None),
        }
    }
}

fn says(goal: Goal, (lower, upper): (f64, f64), effect: Option<f64>) -> Says {
    let (least, most) = match goal {
        Goal::Increase => (lower, upper),
        Goal::Decrease => (-upper, -lower),
    };
    if effect.is_some_and(|effect| -effect < least && most < effect) {
        return Says::Same;
    }
    if least > 0.0 {
        Says::Better
    } else if most < 0.0 {
        Says::Worse
    } else {
        Says::Unclear
    }
}

fn is_harm(metric: &Metric, (lower, upper): (f64, f64)) -> bool {
    match metric.goal {
        Goal::Increase => upper < -metric.margin,
        Goal::Decrease => lower > metric.margin,
    }
}
