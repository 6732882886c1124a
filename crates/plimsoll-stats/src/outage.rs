//! Failures of a candidate, so that an outage is found within five of its answers at any share of
//! the traffic: the contest of rates beside a bet that the candidate fails more often than any
//! healthy version does.
//!
//! A contest of two streams learns nothing from the candidate's answers until the incumbent has
//! answered, too, and little where it has answered rarely: with a quarter of the traffic, five
//! failures may meet a handful of the incumbent's answers, and both could be an outage of what both
//! rest on. The second bet therefore has a hypothesis of its own: *each answer of the candidate
//! fails, given all before it, with a chance of at most the ceiling*, which is a few percent, and
//! more where the incumbent was seen to fail more. Every failure then multiplies a stake by up to
//! one over the ceiling, whoever answered meanwhile.
//!
//! An outage of both is no evidence against the candidate: the bet is off while the incumbent's last
//! answer failed, and after two answers of the candidate in a row it waits for
//! one of the incumbent's, so that nothing is decided before somebody looked. After a row of
//! failures it is enough that the incumbent was mostly well since the first of them; and where
//! the candidate answers alone there is no incumbent to wait for.
//!
//! So that waiting never costs a sixth answer, the first five of a phase are a bet of their own:
//! `opening`.

use crate::contest::{Evidence, Purse, RateContest};
use crate::opening::OpeningBet;
use serde::{Deserialize, Serialize};

/// The part of the money that is bet on the first answers of each phase: enough for the sixteen
/// phases of a plan where the incumbent fails up to 4 %.
const OPENING: f64 = 0.02;
/// The part of the rest that is bet on an outage; what is left compares the rates.
const OUTAGE: f64 = 0.4;
/// The chance of failing that a healthy version stays below.
const CEILING: f64 = 0.04;
/// Where the incumbent fails, the candidate may so many times as often, as seen rates are inexact.
const SLACK: f64 = 2.0;
/// The incumbent's last answers that say how often it fails now: the bits of a word.
const RECENT: u32 = u64::BITS;
/// The candidate's answers after one of the incumbent's that are bet on without another.
const UNSEEN: u32 = 2;
/// After so many failures of the candidate in a row the next is bet on all the same, if the
/// incumbent was mostly well meanwhile.
const STREAK: u32 = 3;
/// After so many answers of the candidate without one of the incumbent's there may be none.
const ALONE: u32 = 4;
/// The stakes, as parts of the money in each, and the part of the money that is in each.
const STAKES: [f64; 2] = [0.95, 0.4];
const STAKE_WEIGHTS: [f64; 2] = [0.7, 0.3];
/// A success costs nearly all of what is staked, so most waits for the steps to come.
const STARTED: f64 = 0.3;
/// The part of the reserve that goes into the bets when a new phase begins.
const RENEWED: f64 = 0.3;

/// Whether each answer of the candidate fails with a chance above the ceiling: an e-process for
/// the hypothesis that none does. A stake of `s` is multiplied by 1 + s (1 / ceiling - 1) where
/// the answer fails and by 1 - s where it does not, which is fair at the ceiling and loses below;
/// ceiling, stakes and whether to bet follow from the past alone (Waudby-Smith and Ramdas 2024,
/// section 4, with bets that may be left out).
///
/// Where the incumbent fails more often than half the ceiling, the ceiling is estimated, and the
/// error rate holds as far as the estimate does.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct OutageBet {
    purse: Purse,
    /// Which of the incumbent's last answers failed, the latest lowest.
    recent: u64,
    /// The incumbent's answers, and those that failed.
    seen: u64,
    failed: u64,
    /// The candidate's answers since the incumbent's last one.
    unseen: u32,
    /// The candidate's failures since its last success, and how much more often the incumbent was
    /// well than not since the first of them.
    streak: u32,
    well: i64,
}

impl OutageBet {
    fn new(alpha: f64) -> Option<Self> {
        let purse = Purse::new(alpha, &STAKE_WEIGHTS, STARTED)?;
        Some(Self { purse, recent: 0, seen: 0, failed: 0, unseen: 0, streak: 0, well: 0 })
    }

    fn learn(&mut self, records: u64, failed: u64) {
        self.seen += records;
        self.failed += failed.min(records);
    }

    fn incumbent(&mut self, failed: bool) {
        self.recent = self.recent << 1 | u64::from(failed);
        self.learn(1, failed.into());
        self.unseen = 0;
        self.well += if failed { -1 } else { 1 };
    }

    fn candidate(&mut self, failed: bool) {
        let is_seen = self.recent & 1 == 0 && self.unseen < UNSEEN;
        let is_well = self.streak >= STREAK && self.well > 0;
        let is_bet = is_seen || is_well || self.unseen >= ALONE;
        self.unseen = self.unseen.saturating_add(1);
        self.well = if self.streak == 0 { 0 } else { self.well };
        self.streak = if failed { self.streak.saturating_add(1) } else { 0 };
        let ceiling = self.ceiling();
        if !is_bet || ceiling >= 1.0 {
            return;
        }
        let brought = STAKES
            .iter()
            .map(|stake| if failed { 1.0 + stake * (1.0 / ceiling - 1.0) } else { 1.0 - stake });
        self.purse.settle(&STAKE_WEIGHTS, brought);
    }

    /// What chance of failing is put up with at the candidate's next answer.
    fn ceiling(&self) -> f64 {
        let now = f64::from(self.recent.count_ones()) / f64::from(RECENT);
        let always = self.failed as f64 / self.seen.max(RECENT.into()) as f64;
        CEILING.max(SLACK * now.max(always))
    }
}

/// Whether the candidate fails more often than the incumbent, or than any healthy version: an
/// e-process for the hypothesis that it does neither, as the mean of one for the first and two for
/// the second.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FailureContest {
    rates: RateContest,
    outage: OutageBet,
    /// None in a contest that began before there was one.
    #[serde(default)]
    opening: Option<OpeningBet>,
    most: f64,
    goal: f64,
}

impl FailureContest {
    /// A contest to be decided at `alpha`; `None` unless 0 < alpha < 1.
    #[must_use]
    pub fn new(alpha: f64) -> Option<Self> {
        // Each part is put away only when it alone decides the whole.
        let rest = alpha * (1.0 - OPENING);
        let rates = RateContest::new(rest * (1.0 - OUTAGE))?;
        let outage = OutageBet::new(rest * OUTAGE)?;
        let opening = Some(OpeningBet::new(alpha * OPENING));
        (alpha < 1.0).then_some(Self { rates, outage, opening, most: 1.0, goal: 1.0 / alpha })
    }

    /// What is known of the incumbent from before: it is not bet on, and makes the first bets good.
    pub fn learn(&mut self, records: u64, failed: u64) {
        self.rates.learn(records, failed);
        self.outage.learn(records, failed);
    }

    /// A new phase begins, in which the candidate may do worse than before.
    pub fn renew(&mut self) {
        self.rates.renew();
        self.outage.purse.pour(RENEWED, &STAKE_WEIGHTS);
        self.opening.iter_mut().for_each(OpeningBet::renew);
    }

    /// Sees an answer of the incumbent.
    pub fn incumbent(&mut self, failed: bool) {
        self.rates.incumbent(failed);
        self.outage.incumbent(failed);
        self.opening.iter_mut().for_each(|opening| opening.incumbent(failed));
        self.most = self.most.max(self.wealth());
    }

    /// Sees an answer of the candidate.
    pub fn candidate(&mut self, failed: bool) {
        self.rates.candidate(failed);
        self.routed(failed);
    }

    /// Sees an answer of the candidate to a request that was sent to it on purpose: no fair sample
    /// for a comparison, and as good as any to tell whether it works at all.
    pub fn routed(&mut self, failed: bool) {
        let (ceiling, failing) = (self.outage.ceiling(), self.outage.recent.trailing_ones());
        self.opening.iter_mut().for_each(|opening| opening.candidate(failed, ceiling, failing));
        self.outage.candidate(failed);
        self.most = self.most.max(self.wealth());
    }

    fn wealth(&self) -> f64 {
        let (rates, outage) = (self.rates.evidence(), self.outage.purse.evidence());
        let rest = (1.0 - OUTAGE) * rates.wealth + OUTAGE * outage.wealth;
        let opening = self.opening.as_ref().map(OpeningBet::wealth);
        opening.map_or(rest, |opening| OPENING * opening + (1.0 - OPENING) * rest)
    }

    /// What it says now.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        Evidence { wealth: self.wealth(), most: self.most, goal: self.goal }
    }

    /// Whether the hypothesis is rejected, for good.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.most >= self.goal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a purse is expected to hold after the candidate's next answer.
    fn expected(bet: &OutageBet, rate: f64) -> f64 {
        let after = |failed| {
            let mut bet = bet.clone();
            bet.candidate(failed);
            bet.purse.evidence().wealth
        };
        rate * after(true) + (1.0 - rate) * after(false)
    }

    #[test]
    fn no_bet_is_expected_to_win_below_the_ceiling() {
        let mut state = 7_u64;
        let mut bet = OutageBet::new(1e-9).unwrap();
        for _ in 0..2_000 {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            let drawn = state >> 40;
            if drawn.is_multiple_of(3) {
                bet.candidate(drawn.is_multiple_of(30));
            } else {
                bet.incumbent(drawn.is_multiple_of(20));
            }
            let (before, ceiling) = (bet.purse.evidence().wealth, bet.ceiling());
            assert!(ceiling >= CEILING);
            for part in [0.0, 0.3, 1.0] {
                let after = expected(&bet, ceiling.min(1.0) * part);
                assert!(after <= before * (1.0 + 1e-12), "{after} after {before} at {part}");
            }
        }
    }

    #[test]
    fn an_outage_of_both_is_no_evidence() {
        // Its part of what errors get in the plan as delivered.
        let mut bet = OutageBet::new(0.0022).unwrap();
        (0..1_000).for_each(|_| bet.incumbent(false));
        // Two answers of the candidate before the first of the incumbent: no more than that counts.
        for _ in 0..100 {
            bet.candidate(true);
            bet.candidate(true);
            bet.incumbent(true);
        }
        assert!(!bet.purse.is_full(), "{:?}", bet.purse.evidence());
    }

    /// A contest in a phase: what an incumbent that fails one time in a hundred leaves.
    fn in_phase(phases: usize) -> FailureContest {
        let mut contest = FailureContest::new(0.0055).unwrap();
        contest.learn(1_000, 10);
        for phase in 0..phases {
            for place in 0..[2_000, 500, 1_500][phase] {
                contest.incumbent(place % 100 == 49);
                contest.candidate(place % 100 == 98);
            }
            contest.renew();
        }
        contest
    }

    /// Whatever of the incumbent's answers lie between them, and whatever came before, as long as
    /// no two more of them failed than were well.
    #[test]
    fn five_failures_are_enough_at_the_start_of_each_phase() {
        const BETWEEN: [&[bool]; 7] =
            [&[], &[false], &[true], &[true, false], &[false, true], &[false; 19], &[false; 99]];
        let mut tried = 0;
        for contest in (0..4).map(in_phase) {
            for way in 0..7_usize.pow(5) {
                let mut contest = contest.clone();
                let between = |place: u32| BETWEEN[way / 7_usize.pow(place) % 7];
                // An answer just before the first counts if it failed.
                let before = between(0).iter().rev().take_while(|failed| **failed);
                let meanwhile = || before.clone().chain((1..5).flat_map(between));
                let failed = meanwhile().filter(|failed| **failed).count();
                if failed > meanwhile().count() - failed + 1 {
                    continue;
                }
                for place in 0..5 {
                    between(place).iter().for_each(|failed| contest.incumbent(*failed));
                    contest.candidate(true);
                }
                assert!(contest.is_rejected(), "way {way}: {:?}", contest.evidence());
                tried += 1;
            }
        }
        assert!(tried > 60_000, "{tried}");
    }

    #[test]
    fn a_contest_that_began_without_the_opening_goes_on() {
        let contest = in_phase(1);
        let mut kept = serde_json::to_value(&contest).unwrap();
        assert_eq!(serde_json::from_value::<FailureContest>(kept.clone()).unwrap(), contest);
        kept.as_object_mut().unwrap().remove("opening");
        let mut old: FailureContest = serde_json::from_value(kept).unwrap();
        for _ in 0..5 {
            old.incumbent(false);
            old.candidate(true);
        }
        assert!(old.is_rejected());
    }
}
