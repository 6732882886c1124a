//! The first answers of a phase taken together: a bet that all five fail.
//!
//! Bets on single answers wait while the incumbent fails, as both may be out. Where the incumbent
//! answers rarely, one failure of its own then costs answers of the candidate. The first five
//! answers of a phase are therefore also one event: under the hypothesis that each fails, given all
//! before it, with a chance of at most the ceiling, all five do with at most its fifth power. So the
//! bet can be made before them, and what the incumbent did meanwhile be looked at when it is
//! settled: to ask for more than the event can only make it rarer.

use serde::{Deserialize, Serialize};

/// The answers that the bet is on: the bound on an outage.
const FIRST: u32 = 5;
/// More of the incumbent's answers than this may have failed meanwhile than were well: one that
/// fails by chance. Beyond, both seem to be out.
const UNWELL: i64 = 1;
/// What is paid exceeds what is to be reached by this much, so that rounding does not lose it.
const ROUNDING: f64 = 1e-9;

/// Whether the first five answers of a phase all fail: an e-process for the hypothesis that each
/// fails with a chance of at most the ceiling of its phase. Of the stake, a phase costs the price
/// of a bet that is fair at the ceiling; what cannot be paid is not bet.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct OpeningBet {
    wealth: f64,
    /// What a bet pays that is won: a little more than 1 / alpha.
    pays: f64,
    at: At,
}

/// Where the bet of a phase is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum At {
    /// No answer of the candidate yet in this phase.
    Before,
    /// So many failures and no success; and how much more often the incumbent was well than not.
    Open { failed: u32, well: i64 },
    /// Lost, or not made: the next is in the next phase.
    Over,
    /// Won.
    Won,
}

impl OpeningBet {
    /// Bets that are to be decided at `alpha`, above 0 and below 1.
    pub(crate) fn new(alpha: f64) -> Self {
        Self { wealth: 1.0, pays: (1.0 + ROUNDING) / alpha, at: At::Before }
    }

    /// A new phase begins, with a bet of its own.
    pub(crate) fn renew(&mut self) {
        if self.at != At::Won {
            self.at = At::Before;
        }
    }

    /// What it holds now.
    pub(crate) fn wealth(&self) -> f64 {
        self.wealth
    }

    pub(crate) fn incumbent(&mut self, failed: bool) {
        if let At::Open { well, .. } = &mut self.at {
            *well = well.saturating_add(if failed { -1 } else { 1 });
        }
    }

    /// Sees an answer of the candidate. `ceiling` follows from what was before it, and that of a
    /// phase's first answer counts for the whole bet, as do the incumbent's failures in a row just
    /// before that.
    pub(crate) fn candidate(&mut self, failed: bool, ceiling: f64, failing: u32) {
        if self.at == At::Before {
            self.open(ceiling, failing);
        }
        let At::Open { failed: before, well } = self.at else { return };
        let count = before.saturating_add(u32::from(failed));
        self.at = match (failed, count) {
            (false, _) => At::Over,
            (true, FIRST) if well < -UNWELL => At::Over,
            (true, FIRST) => {
                self.wealth += self.pays;
                At::Won
            }
            (true, _) => At::Open { failed: count, well },
        };
    }

    /// Pays for the bet of this phase, if there is enough for it.
    fn open(&mut self, ceiling: f64, failing: u32) {
        let price = self.pays * ceiling.powf(f64::from(FIRST));
        self.at = At::Over;
        if price <= self.wealth {
            self.wealth -= price;
            self.at = At::Open { failed: 0, well: -i64::from(failing) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALPHA: f64 = 1e-4;

    /// What is expected to be held after the first answers of phases, if each fails at `rate` and
    /// the incumbent is well.
    fn expected(bet: &OpeningBet, rate: f64, ceiling: f64, answers: u32) -> f64 {
        if answers == 0 {
            return bet.wealth();
        }
        let after = |failed| {
            let mut bet = bet.clone();
            bet.candidate(failed, ceiling, 0);
            bet.incumbent(false);
            expected(&bet, rate, ceiling, answers - 1)
        };
        rate * after(true) + (1.0 - rate) * after(false)
    }

    #[test]
    fn nothing_is_expected_to_be_won_below_the_ceiling() {
        for ceiling in [0.04, 0.1, 0.2] {
            for part in [0.0, 0.3, 1.0] {
                let bet = OpeningBet::new(ALPHA);
                let held = expected(&bet, ceiling * part, ceiling, 6);
                assert!(held <= 1.0 + 1e-6, "{held} at {part} of {ceiling}");
            }
            // At the ceiling it is fair, where it can be paid.
            let fair = expected(&OpeningBet::new(ALPHA), ceiling, ceiling, 5);
            assert!((fair - 1.0).abs() < 1e-6, "{fair} at {ceiling}");
        }
    }

    #[test]
    fn a_phase_costs_what_its_ceiling_says_and_never_more_than_there_is() {
        let mut bet = OpeningBet::new(ALPHA);
        for phase in 1..=16 {
            bet.candidate(false, 0.04, 0);
            bet.candidate(true, 0.04, 0);
            let spent = f64::from(phase) * 0.04_f64.powi(5) / ALPHA;
            assert!((1.0 - bet.wealth() - spent).abs() < 1e-9, "one bet in phase {phase}");
            bet.renew();
        }
        for _ in 0..100 {
            bet.candidate(true, 0.15, 0);
            bet.renew();
        }
        assert!(bet.wealth() >= 0.0, "{bet:?}");
        // What cannot be paid is not bet.
        (0..5).for_each(|_| bet.candidate(true, 0.3, 0));
        assert_eq!(bet.at, At::Over);
    }

    #[test]
    fn five_failures_win_unless_both_seem_to_be_out() {
        for (failing, incumbent, is_won) in [
            (0, &[][..], true),
            (0, &[true], true),
            (0, &[true, false, true], true),
            (0, &[true, true], false),
            (1, &[], true),
            (1, &[true], false),
            (2, &[false], true),
        ] {
            let mut bet = OpeningBet::new(ALPHA);
            bet.candidate(true, 0.04, failing);
            incumbent.iter().for_each(|failed| bet.incumbent(*failed));
            // What was before the first answer counts, not what the ceiling is later.
            (0..4).for_each(|_| bet.candidate(true, 0.9, 9));
            assert_eq!(bet.at == At::Won, is_won, "{failing} {incumbent:?}");
            assert_eq!(bet.wealth() >= 1.0 / ALPHA, is_won);
        }
    }
}
