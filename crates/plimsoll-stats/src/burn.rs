//! How fast the budget of wrong answers is used up, over several windows: burn rates as in *The Site
//! Reliability Workbook* (Google, 2018), chapter 5, table 5-8, with one pair of windows more for
//! outcomes that come slowly.
//!
//! A rate of 1 uses up the budget of thirty days in thirty days. A page wants two percent of it within
//! an hour. But an objective of 0.8 can burn at no more than 5, and 14.4 would never be reached: there
//! the limit is half way between 1 and the most that can be.

/// Microseconds of an hour.
const HOUR: u64 = 3_600_000_000;
/// The windows, in the order of their lengths.
pub const WINDOWS: [(&str, u64); 9] = [
    ("5m", HOUR / 12),
    ("30m", HOUR / 2),
    ("1h", HOUR),
    ("2h", 2 * HOUR),
    ("6h", 6 * HOUR),
    ("1d", 24 * HOUR),
    ("3d", 72 * HOUR),
    ("7d", 168 * HOUR),
    ("30d", 720 * HOUR),
];
/// The windows that are held to a limit, each with the short one that has to burn as well, so that an
/// alert ends soon after its cause, and the rate that is too fast.
pub const PAIRS: [(&str, &str, f64); 5] = [
    ("1h", "5m", 14.4),
    ("6h", "30m", 6.0),
    ("1d", "2h", 3.0),
    ("3d", "6h", 1.0),
    ("7d", "1d", 1.0),
];
/// Outcomes in a window below which it says nothing.
pub const LEAST: u64 = 30;

/// What one window says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Burnt {
    /// The window's name.
    pub window: &'static str,
    /// Outcomes in it.
    pub count: u64,
    /// The share of answers that were right.
    pub right: f64,
    /// How many times as fast as planned the budget is used up.
    pub rate: f64,
}

/// The windows with outcomes enough, of answers that should be right in a share `objective` of all
/// outcomes. Each outcome is the time that it became known, in microseconds, and whether the answer
/// was right. Nothing unless `objective` is between 0 and 1.
#[must_use]
pub fn burnt(outcomes: &[(u64, bool)], now: u64, objective: f64) -> Vec<Burnt> {
    if !(objective > 0.0 && objective < 1.0) {
        return Vec::new();
    }
    let of = |(window, length): (&'static str, u64)| {
        let since = now.saturating_sub(length);
        let (mut count, mut right) = (0_u64, 0_u64);
        for (_, is_right) in outcomes.iter().filter(|(at, _)| *at > since && *at <= now) {
            count += 1;
            right += u64::from(*is_right);
        }
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let right = right as f64 / count.max(1) as f64;
        let rate = (1.0 - right) / (1.0 - objective);
        (count >= LEAST).then_some(Burnt { window, count, right, rate })
    };
    WINDOWS.into_iter().filter_map(of).collect()
}

/// The rate from which on a window burns too fast.
#[must_use]
pub fn limit(usual: f64, objective: f64) -> f64 {
    let most = 1.0 / (1.0 - objective);
    usual.min(f64::midpoint(1.0, most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_burns_the_short_windows_and_hardly_the_long_one() {
        let now = 720 * HOUR;
        // One outcome a minute for thirty days, every twentieth wrong; all wrong for the last hour.
        let outcomes: Vec<(u64, bool)> = (1..=43_200_u64)
            .map(|minute| (minute * 60_000_000, minute <= 43_140 && !minute.is_multiple_of(20)))
            .collect();
        let found = burnt(&outcomes, now, 0.95);
        let rate = |name: &str| found.iter().find(|one| one.window == name).map(|one| one.rate);
        assert_eq!(rate("5m"), None, "five outcomes say nothing");
        assert!((rate("1h").expect("sixty") - 20.0).abs() < 1e-9);
        assert!((rate("30d").expect("all") - 1.026).abs() < 0.01, "{found:?}");
        assert!(rate("1h") > Some(limit(14.4, 0.95)) && rate("6h") < Some(limit(6.0, 0.95)));
    }

    #[test]
    fn a_limit_can_be_reached_whatever_the_objective() {
        for (_, _, usual) in PAIRS {
            for objective in [0.5, 0.8, 0.9, 0.99, 0.999] {
                let limit = limit(usual, objective);
                assert!((1.0..1.0 / (1.0 - objective)).contains(&limit), "{objective}: {limit}");
            }
        }
        assert!((limit(14.4, 0.99) - 14.4).abs() < 1e-12 && (limit(14.4, 0.8) - 3.0).abs() < 1e-12);
        let names = WINDOWS.map(|(name, _)| name);
        assert!(PAIRS.iter().all(|(long, short, _)| names.contains(long) && names.contains(short)));
    }

    proptest! {
        /// A rate is the share of wrong answers over the share that is put up with.
        #[test]
        fn rates_are_shares(
            outcomes in prop::collection::vec((1_u64..30 * HOUR, any::<bool>()), 0..200),
            objective in 0.01_f64..0.99,
        ) {
            for one in burnt(&outcomes, 30 * HOUR, objective) {
                prop_assert!(one.count >= LEAST && (0.0..=1.0).contains(&one.right));
                prop_assert!((one.rate * (1.0 - objective) - (1.0 - one.right)).abs() < 1e-9);
            }
            prop_assert!(burnt(&outcomes, 30 * HOUR, 1.0).is_empty());
        }
    }
}
