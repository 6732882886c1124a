//! Two streams compared while they run: is the candidate's worse than the incumbent's? Tests that
//! may be looked at after every record, as in [`crate::sequential`], and that notice soon.
//!
//! Each is an e-process: a purse that starts with 1 and is bet so that, if the hypothesis holds,
//! it is not expected to grow. That it ever holds 1 / alpha then has probability at most alpha
//! (Ville's inequality), however often it is looked at.
//!
//! A purse is spread over several fixed bets, so that no stake has to be guessed, and keeps a
//! reserve that trickles into them, so that a change after a long quiet time is noticed, too.
//! Moving money between bets makes none, so both leave the purse fair.

use crate::special::float;
use serde::{Deserialize, Serialize};

/// The part of a purse that is in the bets at first; the rest is the reserve.
const STARTED: f64 = 0.6;
/// The part of the reserve that goes into the bets when a new phase begins.
const RENEWED: f64 = 0.5;
/// The reserve trickles at one part in this many, and fewer the longer it has: after so many
/// records half of it is left.
const TRICKLE_AFTER: f64 = 10_000.0;
/// Less than this is nothing: keeps arithmetic off subnormal numbers, which are slow. Dropping
/// it takes from the purse, which errs to the safe side.
const NOTHING: f64 = 1e-200;

/// Money in several bets and a reserve.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Purse {
    bets: Vec<f64>,
    reserve: f64,
    /// The most it ever held.
    most: f64,
    /// What is to be reached: 1 / alpha.
    goal: f64,
    /// How often it was bet.
    count: u64,
}

impl Purse {
    /// A purse of which this part is in the bets at first.
    pub(crate) fn new(alpha: f64, weights: &[f64], started: f64) -> Option<Self> {
        (alpha > 0.0 && alpha < 1.0).then(|| Self {
            bets: weights.iter().map(|weight| started * weight).collect(),
            reserve: 1.0 - started,
            most: 1.0,
            goal: 1.0 / alpha,
            count: 0,
        })
    }

    fn total(&self) -> f64 {
        self.bets.iter().sum::<f64>() + self.reserve
    }

    pub(crate) fn is_full(&self) -> bool {
        self.most >= self.goal
    }

    /// Moves a part of the reserve into the bets.
    pub(crate) fn pour(&mut self, part: f64, weights: &[f64]) {
        let poured = self.reserve * part;
        self.reserve -= poured;
        for (bet, weight) in self.bets.iter_mut().zip(weights) {
            *bet += poured * weight;
        }
    }

    /// Multiplies each bet by what it brought. A full purse is put away: nothing empties it.
    pub(crate) fn settle(&mut self, weights: &[f64], brought: impl Iterator<Item = f64>) {
        if self.is_full() {
            return;
        }
        for (bet, factor) in self.bets.iter_mut().zip(brought) {
            *bet *= factor;
            if *bet < NOTHING {
                *bet = 0.0;
            }
        }
        self.count += 1;
        self.most = self.most.max(self.total());
        self.pour(1.0 / (TRICKLE_AFTER + self.count as f64), weights);
    }
}

/// What a contest says now.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Evidence {
    /// How many to 1 the evidence is, now.
    pub wealth: f64,
    /// The most that it was. The p-value that holds at any time is 1 over it.
    pub most: f64,
    /// What it has to reach: 1 / alpha.
    pub goal: f64,
}

impl Purse {
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence { wealth: self.total(), most: self.most, goal: self.goal }
    }
}

/// How much more often, as a ratio of odds, the candidate's events are bet to happen, and the
/// part of the money in each. Twice the odds is a slow leak, 4,000 times an outage.
const ODDS: [f64; 5] = [2.0, 5.0, 25.0, 200.0, 4000.0];
const ODDS_WEIGHTS: [f64; 5] = [0.1, 0.35, 0.15, 0.15, 0.25];
/// The rate before anything was seen, and the number of records that it counts as.
const RATE_AT_FIRST: f64 = 0.05;
const RECORDS_AT_FIRST: f64 = 10.0;

/// Whether events happen more often to the candidate than to the incumbent: an e-process for the
/// hypothesis that they do not, however the common rate moves over time.
///
/// Records are taken in blocks of at least one of each stream; a block's bet is the likelihood
/// ratio of two rates and of their mean by counts, which is fair whatever the common rate is, and
/// unfavourable if the candidate's is lower (Turner, Ly and Grünwald, *Generic E-variables for
/// exact sequential k-sample tests*, 2024, theorem 1; the one-sided form follows as each factor
/// is monotone in its rate). Which stream a record belongs to must not depend on its event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct RateContest {
    purse: Purse,
    /// The incumbent before this block: the rate that bets are made with.
    past: Count,
    incumbent: Count,
    candidate: Count,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Count {
    all: u64,
    events: u64,
}

impl Count {
    fn see(&mut self, event: bool) {
        self.all += 1;
        self.events += u64::from(event);
    }
    fn all(self) -> f64 {
        self.all as f64
    }
    fn events(self) -> f64 {
        self.events as f64
    }
}

impl RateContest {
    /// A contest to be decided at `alpha`; `None` unless 0 < alpha < 1.
    #[must_use]
    pub fn new(alpha: f64) -> Option<Self> {
        let [past, incumbent, candidate] = [Count::default(); 3];
        Some(Self { purse: Purse::new(alpha, &ODDS_WEIGHTS, STARTED)?, past, incumbent, candidate })
    }

    /// What is known of the incumbent from before: it is not bet on, and makes the first bets good.
    pub fn learn(&mut self, records: u64, events: u64) {
        self.past.all += records;
        self.past.events += events.min(records);
    }

    /// A new phase begins, in which the candidate may do worse than before.
    pub fn renew(&mut self) {
        self.purse.pour(RENEWED, &ODDS_WEIGHTS);
    }

    /// Sees a record of the incumbent.
    pub fn incumbent(&mut self, event: bool) {
        self.incumbent.see(event);
        if self.candidate.all > 0 {
            self.close();
        }
    }

    /// Sees a record of the candidate.
    pub fn candidate(&mut self, event: bool) {
        self.candidate.see(event);
        if self.incumbent.all > 0 {
            self.close();
        }
    }

    /// Settles the bets on the block.
    fn close(&mut self) {
        let (incumbent, candidate) = (self.incumbent, self.candidate);
        let rate = (RATE_AT_FIRST * RECORDS_AT_FIRST + self.past.events())
            / (RECORDS_AT_FIRST + self.past.all());
        let brought = ODDS.iter().map(|odds| factor(rate, *odds, incumbent, candidate));
        self.purse.settle(&ODDS_WEIGHTS, brought);
        self.past.all += incumbent.all;
        self.past.events += incumbent.events;
        (self.incumbent, self.candidate) = (Count::default(), Count::default());
    }

    /// What it says now.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.purse.evidence()
    }

    /// Whether the hypothesis is rejected, for good.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.purse.is_full()
    }
}

/// What a bet on these odds brings for a block: the likelihood of the incumbent's rate and the
/// candidate's at `odds` times its odds, over that of their mean.
fn factor(rate: f64, odds: f64, incumbent: Count, candidate: Count) -> f64 {
    let worse = odds * rate / (1.0 - rate + odds * rate);
    let mean =
        (incumbent.all() * rate + candidate.all() * worse) / (incumbent.all() + candidate.all());
    let log = |count: Count, rate: f64| {
        count.events() * (rate / mean).ln()
            + (count.all() - count.events()) * ((1.0 - rate) / (1.0 - mean)).ln()
    };
    (log(incumbent, rate) + log(candidate, worse)).exp()
}

/// The stakes of a bet on a mean, as parts of the largest that could lose everything.
const STAKES: [f64; 5] = [0.05, 0.1, 0.2, 0.4, 0.8];
const STAKE_WEIGHTS: [f64; 5] = [0.2; 5];

/// Whether the mean of values in 0 to 1 is above a bound: an e-process for the hypothesis that it
/// is not, whatever their distribution is and even if it changes. The capital process of
/// Waudby-Smith and Ramdas (2024, section 4) with a grid of fixed stakes, as
/// `confseq.betting.betting_mart` computes it for each.
///
/// Beside [`crate::sequential::Bet`] it notices sooner what is extreme and what comes late; it
/// costs five times as much.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct MeanContest {
    purse: Purse,
    bound: f64,
}

impl MeanContest {
    /// A contest against "the mean is at most `bound`", 0 < bound < 1, to be decided at `alpha`.
    /// `None` if either is out of range.
    #[must_use]
    pub fn new(bound: f64, alpha: f64) -> Option<Self> {
        let purse = Purse::new(alpha, &STAKE_WEIGHTS, STARTED)?;
        (bound > 0.0 && bound < 1.0).then_some(Self { purse, bound })
    }

    /// A new phase begins, in which the mean may be another.
    pub fn renew(&mut self) {
        self.purse.pour(RENEWED, &STAKE_WEIGHTS);
    }

    /// Sees the next value, which is brought into 0 to 1; NaN is passed over.
    pub fn see(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        let above = (value.clamp(0.0, 1.0) - self.bound) / self.bound;
        self.purse.settle(&STAKE_WEIGHTS, STAKES.iter().map(|stake| 1.0 + stake * above));
    }

    /// What it says now.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.purse.evidence()
    }

    /// Whether the hypothesis is rejected, for good.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.purse.is_full()
    }
}

/// How many of the incumbent's first values say where its quantile is: the 95th percentile of so
/// many is within two points of the real one, 19 times in 20.
const LEARNED: usize = 512;

/// Whether the candidate is slower than the incumbent at a quantile, beyond a tolerance: an
/// e-process for the hypothesis that the candidate's values, divided by the tolerance, are
/// nowhere stochastically larger than the incumbent's.
///
/// The first values of the incumbent say where its quantile is; from then on a value beyond is an
/// event, and a [`RateContest`] compares how often they happen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct QuantileContest {
    rates: RateContest,
    quantile: f64,
    tolerance: f64,
    learned: Vec<f64>,
    threshold: Option<f64>,
}

impl QuantileContest {
    /// A contest at `quantile`, 0 < quantile < 1, where being `tolerance` ≥ 1 times as large is
    /// put up with, to be decided at `alpha`. `None` if one is out of range.
    #[must_use]
    pub fn new(quantile: f64, tolerance: f64, alpha: f64) -> Option<Self> {
        let is_right =
            quantile > 0.0 && quantile < 1.0 && tolerance >= 1.0 && tolerance.is_finite();
        let rates = RateContest::new(alpha)?;
        is_right.then_some(Self {
            rates,
            quantile,
            tolerance,
            learned: Vec::new(),
            threshold: None,
        })
    }

    /// A new phase begins.
    pub fn renew(&mut self) {
        self.rates.renew();
    }

    /// Sees a value of the incumbent, which is not negative; NaN is passed over.
    pub fn incumbent(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if let Some(threshold) = self.threshold {
            self.rates.incumbent(value > threshold);
            return;
        }
        self.learned.push(value);
        if self.learned.len() < LEARNED {
            return;
        }
        self.learned.sort_unstable_by(f64::total_cmp);
        let rank = crate::special::whole(self.quantile * float(LEARNED));
        self.threshold = self.learned.get(rank.min(LEARNED - 1)).copied();
        self.learned = Vec::new();
    }

    /// Sees a value of the candidate; before the quantile is known, it is passed over.
    pub fn candidate(&mut self, value: f64) {
        if let Some(threshold) = self.threshold
            && !value.is_nan()
        {
            self.rates.candidate(value / self.tolerance > threshold);
        }
    }

    /// The incumbent's quantile, once it is known.
    #[must_use]
    pub fn threshold(&self) -> Option<f64> {
        self.threshold
    }

    /// What it says now.
    #[must_use]
    pub fn evidence(&self) -> Evidence {
        self.rates.evidence()
    }

    /// Whether the hypothesis is rejected, for good.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.rates.is_rejected()
    }
}

/// How many records the shares expected count as, in the prior of [`SplitContest`]. Few, so that
/// a mismatch that is large is found soon; Lindon and Malek's own default of 10,000 looks for
/// small ones in large experiments.
pub const SPLIT_PRIOR: f64 = 100.0;

/// Whether traffic is split as planned: the sequential sample-ratio test of Lindon and Malek
/// (*Anytime-valid inference for multinomial count data*, 2022), a Bayes factor of a Dirichlet
/// around the planned shares against the shares themselves, as `ssrm-test` computes it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SplitContest {
    shares: Vec<f64>,
    counts: Vec<u64>,
    prior: f64,
    all: u64,
    log: f64,
    most: f64,
    alpha: f64,
}

impl SplitContest {
    /// A test of these shares, which count as `prior` records, at `alpha`. `None` unless all are
    /// above 0 and the shares sum to 1.
    #[must_use]
    pub fn new(shares: &[f64], prior: f64, alpha: f64) -> Option<Self> {
        let is_right = alpha > 0.0 && alpha < 1.0 && prior > 0.0 && prior.is_finite();
        (is_right && are_shares(shares)).then(|| Self {
            shares: shares.to_vec(),
            counts: vec![0; shares.len()],
            prior,
            all: 0,
            log: 0.0,
            most: 0.0,
            alpha,
        })
    }

    /// The planned shares change. What was found so far stays; `false`, and nothing changes, if
    /// they are none.
    pub fn plan(&mut self, shares: &[f64]) -> bool {
        if !are_shares(shares) {
            return false;
        }
        self.shares = shares.to_vec();
        self.counts = vec![0; shares.len()];
        self.all = 0;
        true
    }

    /// Sees a record in this place; none such is passed over.
    pub fn see(&mut self, place: usize) {
        let (Some(share), Some(count)) = (self.shares.get(place), self.counts.get_mut(place))
        else {
            return;
        };
        let expected = (self.prior * share + *count as f64) / (self.prior + self.all as f64);
        self.log += (expected / share).ln();
        self.most = self.most.max(self.log);
        *count += 1;
        self.all += 1;
    }

    /// The logarithm of the evidence that it is not split so, now.
    #[must_use]
    pub fn log_evidence(&self) -> f64 {
        self.log
    }

    /// Whether it is not split as planned, for good.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.most >= (1.0 / self.alpha).ln()
    }
}

fn are_shares(shares: &[f64]) -> bool {
    shares.len() > 1
        && shares.iter().all(|share| *share > 0.0)
        && (shares.iter().sum::<f64>() - 1.0).abs() < 1e-9
}
