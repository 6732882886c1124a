//! Where findings stand and go, and when somebody is told: pure functions of facts and time.

use plimsoll_api::{AlertWhat, FindingSeverity, FindingState};
use plimsoll_store::SilenceRow;
use plimsoll_types::{DeploymentId, Time};
use std::time::Duration;

/// The longest snooze: what nobody looks at for longer is resolved or wrong.
pub(crate) const MAX_SNOOZE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Where a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) state: FindingState,
    pub(crate) severity: FindingSeverity,
    pub(crate) snoozed_until: Option<Time>,
}

/// What happens to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Move {
    /// It is seen, this bad.
    Seen(FindingSeverity),
    /// Somebody sees to it.
    Acknowledge,
    /// Somebody is to see to it.
    Assign,
    /// Nobody is told of it before this time.
    Snooze(Time),
    /// It is over.
    Resolve,
}

/// Why a move is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoMove {
    /// It is resolved; only seeing it again opens it.
    Resolved,
    /// The snooze would be over, or too long.
    Snooze,
}

/// Where a finding stands after a move, and what is to be told of it.
pub(crate) fn step(
    from: Standing,
    to: Move,
    now: Time,
) -> Result<(Standing, Option<AlertWhat>), NoMove> {
    let stays = |state| Standing { state, severity: from.severity, snoozed_until: None };
    if from.state == FindingState::Resolved && !matches!(to, Move::Seen(_)) {
        return Err(NoMove::Resolved);
    }
    match to {
        Move::Seen(severity) => Ok(seen(from, severity, now)),
        Move::Acknowledge if from.state == FindingState::Acknowledged => Ok((from, None)),
        Move::Acknowledge => Ok((stays(FindingState::Acknowledged), Some(AlertWhat::Acknowledged))),
        Move::Assign => Ok((from, None)),
        Move::Snooze(until) => {
            if until <= now || until > now.plus(MAX_SNOOZE) {
                return Err(NoMove::Snooze);
            }
            let snoozed_until = Some(until);
            Ok((Standing { snoozed_until, ..stays(FindingState::Snoozed) }, None))
        }
        Move::Resolve => Ok((stays(FindingState::Resolved), Some(AlertWhat::Resolved))),
    }
}

fn seen(from: Standing, severity: FindingSeverity, now: Time) -> (Standing, Option<AlertWhat>) {
    let worst = from.severity.max(severity);
    let open = |severity| Standing { state: FindingState::Open, severity, snoozed_until: None };
    match from.state {
        // What it was before it was resolved says nothing of what it is now.
        FindingState::Resolved => (open(severity), Some(AlertWhat::Returned)),
        FindingState::Snoozed if from.snoozed_until.is_none_or(|until| until <= now) => {
            (open(worst), Some(AlertWhat::Returned))
        }
        // Whoever snoozed it did not mean this.
        FindingState::Snoozed if is_worse(from, worst) && worst == FindingSeverity::Critical => {
            (open(worst), Some(AlertWhat::Worsened))
        }
        FindingState::Snoozed => (Standing { severity: worst, ..from }, None),
        FindingState::Open | FindingState::Acknowledged if is_worse(from, worst) => {
            (open(worst), Some(AlertWhat::Worsened))
        }
        FindingState::Open | FindingState::Acknowledged => (from, None),
    }
}

fn is_worse(from: Standing, severity: FindingSeverity) -> bool {
    severity > from.severity
}

/// Whether a silence holds at `now`.
pub(crate) fn is_silent(silence: &SilenceRow, now: Time) -> bool {
    let (start, end) = (silence.starts_at.as_micros(), silence.ends_at.as_micros());
    let (now, length) = (now.as_micros(), end.saturating_sub(start));
    let Some(since) = now.checked_sub(start) else { return false };
    let Some(every) = silence.every.filter(|every| *every > 0) else { return since < length };
    let into = since % every;
    let began = now.saturating_sub(into);
    into < length && silence.last_at.is_none_or(|last| began <= last.as_micros())
}

/// Whether a silence is about findings such as this. Those of security are silenced by name.
pub(crate) fn silences(
    silence: &SilenceRow,
    deployment: DeploymentId,
    kind: &str,
    severity: FindingSeverity,
) -> bool {
    let of_kind = match silence.kind.as_deref() {
        Some(silenced) => silenced == kind,
        None => kind != plimsoll_api::FindingKind::Security.as_str(),
    };
    let up_to = silence.severity.parse::<FindingSeverity>();
    of_kind
        && silence.deployment.is_none_or(|silenced| silenced == deployment)
        && up_to.is_ok_and(|worst| severity <= worst)
}

/// Whether something may be told now: nothing that is critical ever waits for the budget.
pub(crate) fn is_within_budget(severity: FindingSeverity, told: u64, budget: u32) -> bool {
    severity == FindingSeverity::Critical || told < u64::from(budget)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_types::{PrincipalId, SilenceId};
    use proptest::prelude::*;

    fn at(seconds: u64) -> Time {
        Time::from_micros(seconds * 1_000_000)
    }

    fn severity() -> impl Strategy<Value = FindingSeverity> {
        prop::sample::select(FindingSeverity::ALL)
    }

    fn a_move() -> impl Strategy<Value = Move> {
        prop_oneof![
            severity().prop_map(Move::Seen),
            Just(Move::Acknowledge),
            Just(Move::Assign),
            (0_u64..20_000_000).prop_map(|s| Move::Snooze(at(s))),
            Just(Move::Resolve),
        ]
    }

    fn opened(severity: FindingSeverity) -> Standing {
        Standing { state: FindingState::Open, severity, snoozed_until: None }
    }

    proptest! {
        /// Whatever happens in whichever order: nothing worse goes untold, what is resolved
        /// comes back only when it is seen, and a snooze is never without its end.
        #[test]
        fn nothing_worse_goes_untold(
            first in severity(), moves in prop::collection::vec((a_move(), 0_u64..4_000_000), 0..40),
        ) {
            let (mut now, mut standing) = (0, opened(first));
            for (next, passed) in moves {
                now += passed;
                let before = standing;
                let Ok((after, told)) = step(before, next, at(now)) else {
                    prop_assert!(!matches!(next, Move::Seen(_)), "seeing is never refused");
                    continue;
                };
                prop_assert_eq!(
                    after.state == FindingState::Snoozed, after.snoozed_until.is_some());
                if let Move::Seen(seen) = next {
                    prop_assert!(after.severity >= seen);
                    prop_assert!(after.state != FindingState::Resolved);
                    let was_over = before.state == FindingState::Resolved;
                    if was_over || (seen == FindingSeverity::Critical && before.severity < seen) {
                        prop_assert!(told.is_some());
                        prop_assert_eq!(after.state, FindingState::Open);
                    }
                    if !was_over {
                        prop_assert!(after.severity >= before.severity);
                    }
                    // Seen again at once, it says nothing new.
                    let again = step(after, next, at(now)).expect("seen");
                    prop_assert_eq!(again, (after, None));
                } else {
                    prop_assert_eq!(after.severity, before.severity);
                    prop_assert!(before.state != FindingState::Resolved);
                }
                standing = after;
            }
        }

        #[test]
        fn a_silence_that_comes_again_holds_as_long_each_time(
            start in 0_u64..10_000, length in 1_u64..500, gap in 1_u64..500, later in 0_u64..1_000,
            times in 0_u64..50,
        ) {
            let every = length + gap;
            let row = silence(start, start + length, Some(every), None);
            let (begin, inside) = (start + times * every, later % length);
            prop_assert!(is_silent(&row, at(begin + inside)));
            prop_assert!(!is_silent(&row, at(begin + length + later % gap)));
            let last = SilenceRow { last_at: Some(at(begin)), ..row };
            prop_assert!(is_silent(&last, at(begin + inside)));
            prop_assert!(!is_silent(&last, at(begin + every + inside)));
        }
    }

    fn silence(start: u64, end: u64, every: Option<u64>, last: Option<u64>) -> SilenceRow {
        SilenceRow {
            id: SilenceId::from_bytes([1; 16]),
            deployment: None,
            kind: None,
            severity: "warning".into(),
            starts_at: at(start),
            ends_at: at(end),
            every: every.map(|every| every * 1_000_000),
            last_at: last.map(at),
            reason: "maintenance".into(),
            created_by: PrincipalId::from_bytes([0; 16]),
            created_at: at(0),
        }
    }

    #[test]
    fn a_snooze_ends_and_is_broken_by_what_is_critical_only() {
        let warning = opened(FindingSeverity::Warning);
        let (snoozed, _) = step(warning, Move::Snooze(at(100)), at(1)).expect("snoozed");
        let seen = |severity, now| step(snoozed, Move::Seen(severity), at(now)).expect("seen").1;
        assert_eq!(seen(FindingSeverity::Warning, 99), None);
        assert_eq!(seen(FindingSeverity::Warning, 100), Some(AlertWhat::Returned));
        assert_eq!(seen(FindingSeverity::Critical, 2), Some(AlertWhat::Worsened));
        let late = at(2 + 90 * 24 * 60 * 60);
        assert_eq!(step(warning, Move::Snooze(late), at(1)), Err(NoMove::Snooze));
        assert_eq!(step(warning, Move::Snooze(at(1)), at(1)), Err(NoMove::Snooze));
    }

    #[test]
    fn silences_and_budgets_spare_what_must_be_told() {
        let (row, of) = (silence(0, 10, None, None), DeploymentId::from_bytes([7; 16]));
        assert!(is_silent(&row, at(9)) && !is_silent(&row, at(10)));
        assert!(silences(&row, of, "input_drift", FindingSeverity::Warning));
        assert!(!silences(&row, of, "input_drift", FindingSeverity::Critical));
        assert!(!silences(&row, of, "security", FindingSeverity::Info));
        let named = SilenceRow { kind: Some("security".into()), ..row };
        assert!(silences(&named, of, "security", FindingSeverity::Info));
        assert!(!silences(&named, of, "fairness", FindingSeverity::Info));
        assert!(is_within_budget(FindingSeverity::Critical, 1_000, 0));
        assert!(is_within_budget(FindingSeverity::Warning, 0, 1));
        assert!(!is_within_budget(FindingSeverity::Warning, 1, 1));
        assert!(!is_within_budget(FindingSeverity::Info, 0, 0));
    }
}
