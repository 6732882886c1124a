//! Whether a model is to be trained again now: a pure function of policy, facts and time.

use plimsoll_api::{FindingKind, FindingSeverity, RetrainPolicy, RetrainTrigger};
use plimsoll_types::{FindingId, Time};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What a budget counts in.
pub(crate) const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Retrainings in 30 days, unless told.
const BUDGET: u32 = 4;
/// Hours from one to the next, unless told.
const COOLDOWN: u32 = 24;

/// What is known of a deployment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Facts {
    /// Findings that are not resolved, with how often each opened.
    pub(crate) findings: Vec<Seen>,
    /// The version that answers, and since when.
    pub(crate) released: Option<(u32, Time)>,
    /// When the policy was set.
    pub(crate) set_at: Time,
    /// Retrainings of the last 30 days, when each was asked for.
    pub(crate) recent: Vec<Time>,
    /// Whether one is under way.
    pub(crate) is_under_way: bool,
}

/// A finding that is not resolved.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) id: FindingId,
    pub(crate) kind: FindingKind,
    pub(crate) severity: FindingSeverity,
    pub(crate) openings: u64,
}

/// What asks for a retraining. One cause asks once, ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) trigger: RetrainTrigger,
    pub(crate) name: String,
    pub(crate) finding: Option<FindingId>,
    pub(crate) reason: String,
}

/// Why nothing is trained, whatever asks.
pub(crate) fn held(policy: &RetrainPolicy, facts: &Facts, now: Time) -> Option<String> {
    if facts.findings.iter().any(|seen| seen.kind == FindingKind::Security) {
        return Some(
            "a finding of security is open: what came in meanwhile may be an attack".into(),
        );
    }
    if facts.is_under_way {
        return Some("one is under way".into());
    }
    let budget = policy.budget.unwrap_or(BUDGET);
    if facts.recent.len() >= usize::try_from(budget).unwrap_or(usize::MAX) {
        return Some(format!("the budget of {budget} in 30 days is spent"));
    }
    let cooldown = HOUR.saturating_mul(policy.cooldown_hours.unwrap_or(COOLDOWN));
    let last = facts.recent.iter().max().copied();
    if let Some(last) = last.filter(|last| last.plus(cooldown) > now) {
        let until = plimsoll_api::Timestamp(last.plus(cooldown));
        return Some(format!("the one before was asked for lately; the cooldown ends at {until}"));
    }
    None
}

/// What asks for a retraining now, the most urgent first. Which of them asked before is the
/// store's to know.
pub(crate) fn causes(policy: &RetrainPolicy, facts: &Facts, now: Time) -> Vec<Cause> {
    let mildest = policy.severity.unwrap_or(FindingSeverity::Warning);
    let mut findings: Vec<&Seen> = facts
        .findings
        .iter()
        .filter(|seen| policy.kinds.contains(&seen.kind) && seen.severity >= mildest)
        .collect();
    findings.sort_by_key(|seen| (std::cmp::Reverse(seen.severity), seen.id));
    let mut causes: Vec<Cause> = findings.into_iter().map(of_finding).collect();
    if let (Some(days), Some((number, since))) = (policy.max_age_days, facts.released)
        && since.plus(DAY.saturating_mul(days)) <= now
    {
        causes.push(Cause {
            trigger: RetrainTrigger::Age,
            name: format!("age/{number}/{}", since.as_micros()),
            finding: None,
            reason: format!("version {number} has answered for {days} days"),
        });
    }
    if let Some(days) = policy.every_days.filter(|days| *days > 0) {
        let every = DAY.saturating_mul(days).as_micros();
        let passed = now.since(facts.set_at).as_micros().checked_div(every).unwrap_or(0);
        if passed > 0 {
            causes.push(Cause {
                trigger: RetrainTrigger::Schedule,
                name: format!("schedule/{}/{passed}", facts.set_at.as_micros()),
                finding: None,
                reason: format!("every {days} days"),
            });
        }
    }
    causes
}

fn of_finding(seen: &Seen) -> Cause {
    Cause {
        trigger: RetrainTrigger::Finding,
        name: format!("finding/{}/{}", seen.id, seen.openings),
        finding: Some(seen.id),
        reason: format!("a finding of {} is open ({})", seen.kind, seen.severity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy() -> RetrainPolicy {
        RetrainPolicy {
            trainer: "t".parse().expect("a name"),
            kinds: vec![FindingKind::Performance, FindingKind::InputDrift],
            severity: None,
            every_days: Some(7),
            max_age_days: Some(30),
            window_days: None,
            exclude: None,
            budget: None,
            cooldown_hours: None,
            needs_approval: false,
            candidate_only: false,
            rollout: None,
        }
    }

    fn at(hours: u64) -> Time {
        Time::EPOCH.plus(HOUR.saturating_mul(u32::try_from(hours).expect("few")))
    }

    fn seen(n: u8, kind: FindingKind, severity: FindingSeverity) -> Seen {
        Seen { id: FindingId::from_bytes([n; 16]), kind, severity, openings: 1 }
    }

    #[test]
    fn the_worst_finding_asks_first_and_each_opening_once() {
        let facts = Facts {
            findings: vec![
                seen(1, FindingKind::InputDrift, FindingSeverity::Warning),
                seen(2, FindingKind::Performance, FindingSeverity::Critical),
                seen(3, FindingKind::Performance, FindingSeverity::Info),
                seen(4, FindingKind::Fairness, FindingSeverity::Critical),
            ],
            ..Facts::default()
        };
        let ask = |facts: &Facts, hours| {
            let causes = causes(&policy(), facts, at(hours));
            causes.into_iter().map(|c| c.name).collect::<Vec<_>>()
        };
        let first = ask(&facts, 1);
        assert_eq!(first.len(), 2);
        assert!(first[0].contains("02020202") && first[1].contains("01010101"), "{first:?}");
        assert_eq!(ask(&facts, 90), first, "the same causes an hour later");
        let mut again = facts;
        again.findings[1].openings = 2;
        assert_ne!(ask(&again, 1)[0], first[0]);
    }

    #[test]
    fn calendar_and_age_ask_once_for_each_turn() {
        let facts = Facts { released: Some((3, at(0))), ..Facts::default() };
        let names = |hours| -> Vec<String> {
            causes(&policy(), &facts, at(hours)).into_iter().map(|c| c.name).collect()
        };
        assert!(names(7 * 24 - 1).is_empty());
        assert_eq!(names(7 * 24), ["schedule/0/1"]);
        assert_eq!(names(13 * 24), ["schedule/0/1"]);
        assert_eq!(names(30 * 24), ["age/3/0", "schedule/0/4"]);
    }

    #[test]
    fn an_attack_holds_everything() {
        let security = seen(9, FindingKind::Security, FindingSeverity::Info);
        let facts = Facts { findings: vec![security], ..Facts::default() };
        assert!(held(&policy(), &facts, at(0)).expect("held").contains("security"));
        assert_eq!(held(&policy(), &Facts::default(), at(0)), None);
    }

    proptest! {
        /// However causes come, no month has more than its budget, and none comes too soon.
        #[test]
        fn budget_and_cooldown_hold(
            budget in 1_u32..6, cooldown in 0_u32..200, steps in prop::collection::vec(1_u64..100, 1..200),
        ) {
            let policy = RetrainPolicy {
                budget: Some(budget), cooldown_hours: Some(cooldown), ..policy() };
            let (mut hours, mut asked) = (0, Vec::new());
            for step in steps {
                hours += step;
                let recent = asked.iter().copied()
                    .filter(|time: &Time| time.plus(MONTH) > at(hours)).collect();
                let facts = Facts { recent, ..Facts::default() };
                if held(&policy, &facts, at(hours)).is_none() {
                    asked.push(at(hours));
                }
            }
            for pair in asked.windows(2) {
                prop_assert!(pair[1].since(pair[0]) >= HOUR.saturating_mul(cooldown));
            }
            for (n, time) in asked.iter().enumerate() {
                let within = asked[..=n].iter().filter(|one| one.plus(MONTH) > *time).count();
                prop_assert!(within <= usize::try_from(budget).expect("few"));
            }
        }
    }
}
