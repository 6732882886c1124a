//! How old model, data, reference, evaluation and outcomes are, and which of them too old.

use plimsoll_api::Age;
use plimsoll_types::Time;
use serde::{Deserialize, Serialize};

const DAY_SECONDS: f64 = 86_400.0;

/// What is known of a version that answers.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Facts {
    /// When the version was registered.
    pub model: Option<Time>,
    /// When the data that it was trained on was registered.
    pub training_data: Option<Time>,
    /// When its reference was made.
    pub reference: Option<Time>,
    /// When checks or a gate last looked at it.
    pub evaluation: Option<Time>,
    /// When the last outcome came.
    pub outcome: Option<Time>,
    /// The day that was declared for a review.
    pub review_by: Option<Time>,
    /// The share of features' values in the last window unlike any of the reference.
    pub outside: Option<f64>,
}

/// How old things may be, in days.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// The version.
    pub model_days: u32,
    /// The data that it was trained on.
    pub training_data_days: u32,
    /// The last look of checks or a gate.
    pub evaluation_days: u32,
    /// The last outcome; only where there ever was one.
    pub outcome_days: u32,
    /// The share of features' values unlike any of the reference, 0 to 1.
    pub outside: f64,
}

impl Default for Limits {
    /// A year for model and data, the half of it for an evaluation (SR 11-7 and its like ask for a
    /// review "at least annually"), a quarter for outcomes, a twentieth of values outside.
    fn default() -> Self {
        Self {
            model_days: 365,
            training_data_days: 365,
            evaluation_days: 180,
            outcome_days: 90,
            outside: 0.05,
        }
    }
}

/// How stale a deployment is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Staleness {
    /// How old things are; of what is not known nothing is said.
    pub ages: Vec<Age>,
    /// The share of values outside, and its limit.
    pub outside: Option<(f64, f64)>,
}

impl Staleness {
    /// How stale what these facts describe is at `now`.
    #[must_use]
    pub fn of(facts: &Facts, limits: &Limits, reference_days: u32, now: Time) -> Self {
        let days = |since: Time| {
            let ahead = since.since(now).as_secs_f64();
            let ago = now.since(since).as_secs_f64();
            (if ago > 0.0 { ago } else { -ahead }) / DAY_SECONDS
        };
        let age = |of: &str, since: Option<Time>, limit: u32| {
            let days = days(since?);
            let limit = f64::from(limit);
            let (of, limit_days) = (of.to_owned(), Some(limit));
            Some(Age { of, days, limit_days, is_stale: days > limit })
        };
        let ages = [
            age("model", facts.model, limits.model_days),
            age("training data", facts.training_data, limits.training_data_days),
            age("reference", facts.reference, reference_days),
            age("evaluation", facts.evaluation, limits.evaluation_days),
            age("outcomes", facts.outcome, limits.outcome_days),
            age("review overdue", facts.review_by, 0),
        ];
        Self {
            ages: ages.into_iter().flatten().collect(),
            outside: facts.outside.map(|share| (share, limits.outside)),
        }
    }

    /// What is beyond its limit: what it is about, one sentence, and the numbers.
    pub fn told(&self) -> impl Iterator<Item = (&'static str, String, Vec<(&'static str, f64)>)> {
        let ages = self.ages.iter().filter(|age| age.is_stale).filter_map(|age| {
            let limit = age.limit_days.unwrap_or_default();
            let numbers = vec![("days", age.days), ("limit_days", limit)];
            let old =
                |what: &str| format!("{what} {:.0} days old; {limit:.0} are put up with", age.days);
            Some(match &*age.of {
                "model" => ("model age", old("the version that answers is"), numbers),
                "training data" => {
                    ("training data age", old("the data that it was trained on is"), numbers)
                }
                "reference" => ("reference age", old("the reference is"), numbers),
                "evaluation" => ("evaluation age", old("the last evaluation is"), numbers),
                "outcomes" => ("outcome age", old("the last outcome is"), numbers),
                "review overdue" => {
                    let text = "the day that was declared for its review is past".to_owned();
                    ("review", text, numbers)
                }
                _ => return None,
            })
        });
        let outside = self.outside.filter(|(share, limit)| share > limit).map(|(share, limit)| {
            let text = format!(
                "{:.1} % of the features' values in the last window are unlike any of the reference; \
                 {:.1} % are put up with: the model answers where it was not trained",
                share * 100.0,
                limit * 100.0
            );
            ("training range", text, vec![("outside_share", share), ("limit_share", limit)])
        });
        ages.chain(outside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn day(number: u32) -> Time {
        Time::EPOCH.plus(Duration::from_secs(86_400) * number)
    }

    #[test]
    fn each_age_is_told_beyond_its_own_limit_and_not_before() {
        let limits = Limits::default();
        let facts = Facts {
            model: Some(day(1)),
            training_data: Some(day(1)),
            reference: Some(day(1)),
            evaluation: Some(day(1)),
            outcome: Some(day(1)),
            review_by: Some(day(300)),
            outside: Some(0.04),
        };
        let told = |now: u32, facts: &Facts| -> Vec<&'static str> {
            Staleness::of(facts, &limits, 200, day(now)).told().map(|(about, ..)| about).collect()
        };
        assert!(told(91, &facts).is_empty());
        assert_eq!(told(92, &facts), ["outcome age"]);
        assert_eq!(told(182, &facts), ["evaluation age", "outcome age"]);
        assert_eq!(told(202, &facts), ["reference age", "evaluation age", "outcome age"]);
        let all = [
            "model age",
            "training data age",
            "reference age",
            "evaluation age",
            "outcome age",
            "review",
        ];
        assert_eq!(told(367, &facts), all);
        let outside = Facts { outside: Some(0.06), ..Facts::default() };
        assert_eq!(told(1, &outside), ["training range"]);
        assert!(told(900, &Facts::default()).is_empty(), "of what is not known nothing is said");
    }

    #[test]
    fn a_review_to_come_is_days_ahead() {
        let facts = Facts { review_by: Some(day(10)), ..Facts::default() };
        let found = Staleness::of(&facts, &Limits::default(), 180, day(4));
        assert!((found.ages[0].days + 6.0).abs() < 1e-9 && !found.ages[0].is_stale);
    }
}
