//! When a loss has risen, told soon after it did, however long it was low before.
//!
//! A bet that began with the first record has lost what it would win with by the time a change comes.
//! So a bet is begun anew with every window, and what all of them hold is added up: the e-detector of
//! Shiryaev and Roberts (Shin, Ramdas and Rinaldo, *E-detectors: a nonparametric framework for sequential
//! change detection*, 2023). As long as the mean of the loss is at most its bound, the sum is expected
//! to reach a goal only after so many windows or more, however often it is looked at: the goal *is* the
//! mean time to a false alarm. Several stakes share the capital, as nobody knows how large a rise will be.

use crate::special::float;

/// Stakes: a half to a five-hundredth of what a bet may put at risk. The half finds a loss that doubles
/// within some tens of records, the least one that rises by a hundredth of its bound.
const STAKES: usize = 8;
/// What evidence holds at most, as a multiple of its goal: so that what ends is forgotten within some
/// windows.
const EVIDENCE_OVER: f64 = 1_000.0;
/// What the best bet holds at most: what it is beyond that tells nothing more.
const BEST_MAX: f64 = 1e12;
/// Records that a bound is learned from: with fewer it is too far off to be of use, and more would let
/// what degrades slowly pass for normal.
pub const LEARN_MIN: usize = 200;
/// The most of them.
pub const LEARN_MAX: usize = 5_000;
/// A rise of the mean by less is put up with, and by less than so many standard errors of what was
/// learned: the mean of 5,000 records is that far off once in a thousand times.
const TOLERANCE: f64 = 0.005;
const ERRORS: f64 = 3.0;

/// What one stake holds.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Bets {
    /// All bets together.
    held: f64,
    /// The best of them, which tells when the mean began to rise: begun anew where it holds less than
    /// a bet that begins now.
    best: f64,
    /// The window that it began with, and the values since.
    since: usize,
    count: usize,
    sum: f64,
}

/// An e-detector of "the mean of values in 0 to 1 is at most a bound".
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Detector {
    bets: [Bets; STAKES],
    windows: usize,
}

impl Detector {
    /// A window begins: with each stake one more bet of one unit.
    pub fn begin_window(&mut self) {
        for bets in &mut self.bets {
            bets.held += 1.0;
            if bets.best <= 1.0 {
                *bets =
                    Bets { held: bets.held, best: 1.0, since: self.windows, count: 0, sum: 0.0 };
            }
        }
        self.windows += 1;
    }

    /// Sees the next value, brought into 0 to 1, against a bound that was known before it; NaN, and
    /// a bound that nothing can be above, are passed over.
    pub fn see(&mut self, value: f64, bound: f64) {
        if value.is_nan() || !(bound > 0.0 && bound < 1.0) {
            return;
        }
        let value = value.clamp(0.0, 1.0);
        let over = value / bound - 1.0;
        let mut stake = 1.0;
        for bets in &mut self.bets {
            stake /= 2.0;
            let factor = 1.0 + stake * over;
            bets.held *= factor;
            bets.best = (bets.best * factor).min(BEST_MAX);
            bets.count += 1;
            bets.sum += value;
        }
    }

    /// How many to one the evidence is now that the mean is above.
    #[must_use]
    pub fn evidence(&self) -> f64 {
        self.bets.iter().map(|bets| bets.held).sum::<f64>() / float(STAKES)
    }

    /// The window with which the best bet began, counted from 0, how many values it has seen, and
    /// their mean.
    #[must_use]
    pub fn since(&self) -> (usize, usize, f64) {
        let best = self.bets.iter().max_by(|a, b| a.best.total_cmp(&b.best));
        let best = best.copied().unwrap_or_default();
        (best.since, best.count, best.sum / float(best.count.max(1)))
    }

    /// Holds at most so much, in the same proportions.
    fn cap(&mut self, most: f64) {
        let evidence = self.evidence();
        if evidence > most {
            self.bets.iter_mut().for_each(|bets| bets.held *= most / evidence);
        }
    }
}

/// What a loss was at first.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Learned {
    count: usize,
    sum: f64,
    squares: f64,
}

impl Learned {
    fn see(&mut self, value: f64) {
        if self.count < LEARN_MAX {
            self.count += 1;
            self.sum += value;
            self.squares += value * value;
        }
    }
    fn mean(&self) -> f64 {
        self.sum / float(self.count.max(1))
    }
    /// What its mean is at most, if enough was seen.
    fn bound(&self) -> Option<f64> {
        if self.count < LEARN_MIN {
            return None;
        }
        let (n, mean) = (float(self.count), self.mean());
        // Of a loss that never was, the error is that of one that was once.
        let variance = (self.squares / n - mean * mean).max(1.0 / n);
        Some(mean + TOLERANCE.max(ERRORS * (variance / n).sqrt()))
    }
}

/// Watches a loss in 0 to 1, record after record, against what it was at first or what was declared.
#[derive(Clone, PartialEq, Debug)]
pub struct LossWatch {
    /// Windows from one false alarm to the next, on average or more.
    goal: f64,
    declared: Option<f64>,
    learned: Learned,
    bound: Option<f64>,
    detector: Detector,
    /// Windows before the detector's first.
    before: usize,
}

/// What a loss is beside what it was.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Risen {
    /// How many to one the evidence is.
    pub evidence: f64,
    /// What it has to reach.
    pub goal: f64,
    /// The mean at first; what was declared, if it was.
    pub before: f64,
    /// What is put up with.
    pub bound: f64,
    /// The mean since it began to rise.
    pub now: f64,
    /// How many records that is, and from which window on, counted from 0.
    pub count: usize,
    /// The window.
    pub since: usize,
}

impl LossWatch {
    /// A watch that is to be wrong once in `goal` windows on average, or seldomer. `declared` is what
    /// the mean may be at most; else it is learned from the first records. `None` unless `goal` is
    /// above 1 and a declared bound between 0 and 1.
    #[must_use]
    pub fn new(goal: f64, declared: Option<f64>) -> Option<Self> {
        let is_bound = declared.is_none_or(|bound| bound > 0.0 && bound < 1.0);
        (goal > 1.0 && goal.is_finite() && is_bound).then(|| Self {
            goal,
            declared,
            learned: Learned::default(),
            bound: declared,
            detector: Detector::default(),
            before: 0,
        })
    }

    /// A window begins. What it is compared with is what was learned before it.
    pub fn begin_window(&mut self) {
        self.bound = self.declared.or_else(|| self.learned.bound());
        match self.bound {
            Some(_) => self.detector.begin_window(),
            None => self.before += 1,
        }
    }

    /// Sees the next record's loss, brought into 0 to 1; NaN is passed over.
    pub fn see(&mut self, loss: f64) {
        if loss.is_nan() {
            return;
        }
        let loss = loss.clamp(0.0, 1.0);
        if let Some(bound) = self.bound {
            self.detector.see(loss, bound);
            self.detector.cap(self.goal * EVIDENCE_OVER);
        }
        self.learned.see(loss);
    }

    /// What there is to be told now: the evidence has reached its goal.
    #[must_use]
    pub fn risen(&self) -> Option<Risen> {
        let (evidence, bound) = (self.detector.evidence(), self.bound?);
        let (since, count, now) = self.detector.since();
        (evidence >= self.goal).then(|| Risen {
            evidence,
            goal: self.goal,
            before: self.declared.unwrap_or_else(|| self.learned.mean()),
            bound,
            now,
            count,
            since: self.before + since,
        })
    }

    /// How many to one the evidence is.
    #[must_use]
    pub fn evidence(&self) -> f64 {
        self.detector.evidence()
    }

    /// Forgets the evidence, and not what was learned: after what was told has been seen to.
    pub fn begin_anew(&mut self) {
        self.before += self.detector.windows;
        self.detector = Detector::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A small generator; its low bits are not used.
    struct Draws(u64);

    impl Draws {
        fn is_wrong(&mut self, rate: f64) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            #[expect(clippy::cast_precision_loss, reason = "31 bits")]
            let unit = (self.0 >> 33) as f64 / f64::from(1_u32 << 31);
            f64::from(u8::from(unit < rate))
        }
    }

    /// Days until it is told that the rate went from a tenth to `rate` after so many healthy days.
    fn delay(seed: u64, healthy: usize, rate: f64, declared: Option<f64>) -> Option<usize> {
        let mut draws = Draws(seed);
        let mut watch = LossWatch::new(30.0, declared).expect("a goal");
        for day in 0..healthy + 60 {
            watch.begin_window();
            for _ in 0..500 {
                watch.see(draws.is_wrong(if day < healthy { 0.1 } else { rate }));
            }
            match (watch.risen(), day.checked_sub(healthy)) {
                (Some(_), None) => return None,
                (Some(risen), Some(since)) => {
                    assert!(risen.since + 3 >= healthy, "{risen:?} since day {healthy}");
                    assert!((risen.now - rate).abs() < 0.06, "{risen:?}");
                    return Some(since + 1);
                }
                (None, _) => {}
            }
        }
        None
    }

    #[test]
    fn a_rise_is_told_as_soon_after_a_year_as_after_a_month() {
        for declared in [None, Some(0.11)] {
            let days = |healthy: usize| {
                let mut days: Vec<usize> = (1..=9)
                    .map(|seed| delay(seed * 7, healthy, 0.14, declared).unwrap_or(usize::MAX))
                    .collect();
                days.sort_unstable();
                days
            };
            let (month, year) = (days(30), days(365));
            assert!(month[4] <= 6 && month[8] <= 20, "{month:?}");
            assert!(year[4] <= 6 && year[8] <= 20, "{year:?}");
        }
    }

    /// The worst that the hypothesis allows: the mean *is* the bound. And what it is there for: what
    /// was learned holds.
    #[test]
    fn false_alarms_are_within_their_budget() {
        for (declared, most) in [(Some(0.1), 1.0), (None, 0.5)] {
            let (mut alarms, mut months) = (0.0, 0.0);
            for seed in 1..=40 {
                let mut draws = Draws(seed * 1_009);
                let mut watch = LossWatch::new(30.0, declared).expect("a goal");
                for _ in 0..360 {
                    watch.begin_window();
                    for _ in 0..60 {
                        watch.see(draws.is_wrong(0.1));
                        if watch.risen().is_some() {
                            alarms += 1.0;
                            watch.begin_anew();
                        }
                    }
                }
                months += 12.0;
            }
            assert!(alarms / months <= most, "{alarms} in {months} months, {declared:?}");
        }
    }

    #[test]
    fn what_ended_is_forgotten_and_nothing_is_said_of_little() {
        let mut watch = LossWatch::new(30.0, Some(0.5)).expect("a goal");
        watch.begin_window();
        (0..100).for_each(|_| watch.see(1.0));
        assert!(watch.risen().is_some());
        watch.begin_window();
        (0..100).for_each(|_| watch.see(0.0));
        assert!(watch.risen().is_none(), "{}", watch.evidence());
        let mut few = LossWatch::new(30.0, None).expect("a goal");
        for _ in 0..10 {
            few.begin_window();
            (0..19).for_each(|_| few.see(1.0));
        }
        assert!(few.risen().is_none() && few.evidence() == 0.0);
        assert!(LossWatch::new(1.0, None).is_none() && LossWatch::new(9.0, Some(1.0)).is_none());
    }

    proptest! {
        /// Evidence is a number, and higher losses make no less of it.
        #[test]
        fn evidence_grows_with_the_loss(
            losses in prop::collection::vec((0.0_f64..1.0, 0.0_f64..1.0, any::<bool>()), 1..300),
            bound in 0.01_f64..0.99,
        ) {
            let mut lower = LossWatch::new(30.0, Some(bound)).expect("a goal");
            let mut higher = lower.clone();
            for (one, other, begins) in losses {
                if begins {
                    lower.begin_window();
                    higher.begin_window();
                }
                lower.see(one.min(other));
                higher.see(one.max(other));
                prop_assert!(lower.evidence().is_finite() && lower.evidence() >= 0.0);
                prop_assert!(higher.evidence() >= lower.evidence() * (1.0 - 1e-9));
                // Beyond, what is held is capped.
                if higher.risen().is_some() {
                    break;
                }
            }
        }
    }
}
