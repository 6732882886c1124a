//! Limits on how much a principal asks, or a deployment is asked: pure decisions. What was used
//! so far is kept by the gateway, one [`Usage`] each.

use plimsoll_types::{DeploymentId, PrincipalId, Time};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const DAY_SECONDS: u64 = 86_400;

/// How fast: the generic cell rate algorithm (ITU-T I.371 §A.1), a token bucket whose whole state
/// is one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    interval_ns: u64,
    tolerance_ns: u64,
}

impl Rate {
    /// `per_second` requests in the long run, `burst` at once.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float to integer cast saturates, and both ends are clamped before"
    )]
    pub fn new(per_second: f64, burst: u32) -> Self {
        // A millionth to a million requests a second; anything else was refused before.
        let per_second = if per_second.is_finite() { per_second.clamp(1e-6, 1e6) } else { 1e6 };
        let interval_ns = (1e9 / per_second).round().max(1.0) as u64;
        let tolerance_ns = interval_ns.saturating_mul(u64::from(burst.max(1)) - 1);
        Self { interval_ns, tolerance_ns }
    }
}

/// What may be used. `None` is without limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limit {
    /// How fast.
    pub rate: Option<Rate>,
    /// Requests in flight at once.
    pub in_flight: Option<u32>,
    /// Requests in a day of UTC.
    pub requests_per_day: Option<u64>,
    /// Rows in a day of UTC. Rows are known only when a request was read, so the one that passes
    /// the limit is answered, and the next refused.
    pub rows_per_day: Option<u64>,
}

/// Which limit was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// [`Limit::rate`].
    Rate,
    /// [`Limit::in_flight`].
    InFlight,
    /// [`Limit::requests_per_day`].
    RequestsPerDay,
    /// [`Limit::rows_per_day`].
    RowsPerDay,
}

impl LimitKind {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Rate, Self::InFlight, Self::RequestsPerDay, Self::RowsPerDay];
    /// Its word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::InFlight => "in_flight",
            Self::RequestsPerDay => "requests_per_day",
            Self::RowsPerDay => "rows_per_day",
        }
    }
    /// What it limits, in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Rate => "requests per second",
            Self::InFlight => "requests in flight",
            Self::RequestsPerDay => "requests per day",
            Self::RowsPerDay => "rows per day",
        }
    }
}

/// A limit is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Which.
    pub kind: LimitKind,
    /// When asking again may help.
    pub wait: Duration,
}

/// What was used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// When the bucket is full again: the theoretical arrival time, monotonic nanoseconds.
    full_at: u64,
    day: u64,
    requests: u64,
    rows: u64,
    in_flight: u32,
}

impl Usage {
    /// Whether one more request keeps `limit`. `monotonic` is in nanoseconds, `now` tells the day.
    ///
    /// # Errors
    /// [`Over`], and nothing is used.
    pub fn check(&self, limit: &Limit, monotonic: u64, now: Time) -> Result<(), Over> {
        let is_today = self.day == day(now);
        let used = |count: u64, most: Option<u64>| is_today && most.is_some_and(|m| count >= m);
        let tomorrow = Duration::from_secs(DAY_SECONDS - now.as_secs() % DAY_SECONDS);
        let over = |kind, wait| Err(Over { kind, wait });
        // A day without any is a day of none.
        if limit.requests_per_day == Some(0) || used(self.requests, limit.requests_per_day) {
            return over(LimitKind::RequestsPerDay, tomorrow);
        }
        if limit.rows_per_day == Some(0) || used(self.rows, limit.rows_per_day) {
            return over(LimitKind::RowsPerDay, tomorrow);
        }
        if limit.in_flight.is_some_and(|most| self.in_flight >= most) {
            return over(LimitKind::InFlight, Duration::from_secs(1));
        }
        if let Some(rate) = limit.rate {
            let ahead = self.full_at.saturating_sub(monotonic);
            if ahead > rate.tolerance_ns {
                return over(LimitKind::Rate, Duration::from_nanos(ahead - rate.tolerance_ns));
            }
        }
        Ok(())
    }

    /// Uses what one request takes.
    pub fn take(&mut self, limit: &Limit, monotonic: u64, now: Time) {
        self.turn(now);
        self.requests = self.requests.saturating_add(1);
        self.in_flight = self.in_flight.saturating_add(1);
        if let Some(rate) = limit.rate {
            self.full_at = self.full_at.max(monotonic).saturating_add(rate.interval_ns);
        }
    }

    /// Uses rows of a request that was taken before.
    pub fn add_rows(&mut self, rows: u64, now: Time) {
        self.turn(now);
        self.rows = self.rows.saturating_add(rows);
    }

    /// A request is over.
    pub fn end(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// Whether forgetting it changes no decision.
    #[must_use]
    pub fn is_idle(&self, monotonic: u64, now: Time) -> bool {
        self.in_flight == 0 && self.full_at <= monotonic && self.day != day(now)
            || *self == Self::default()
    }

    /// Begins a new day at midnight. A clock that goes back begins none: the same requests would
    /// be allowed twice.
    fn turn(&mut self, now: Time) {
        let today = day(now);
        if today > self.day {
            (self.day, self.requests, self.rows) = (today, 0, 0);
        }
    }
}

const fn day(now: Time) -> u64 {
    now.as_secs() / DAY_SECONDS
}

/// Every limit of the installation.
#[derive(Debug, Default)]
pub struct Limits {
    /// Of each principal that has none of its own.
    pub everyone: Option<Arc<Limit>>,
    /// Of single principals.
    pub principals: HashMap<PrincipalId, Arc<Limit>>,
    /// Of deployments, over all who ask.
    pub deployments: HashMap<DeploymentId, Arc<Limit>>,
}

impl Limits {
    /// The limit of a principal.
    #[must_use]
    pub fn principal(&self, id: PrincipalId) -> Option<&Limit> {
        self.principals.get(&id).or(self.everyone.as_ref()).map(|limit| &**limit)
    }
    /// The limit of a deployment.
    #[must_use]
    pub fn deployment(&self, id: DeploymentId) -> Option<&Limit> {
        self.deployments.get(&id).map(|limit| &**limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 20_000;
    const SECOND_NS: u64 = 1_000_000_000;

    fn at(second_of_day: u64) -> Time {
        Time::from_micros((DAY * DAY_SECONDS + second_of_day) * 1_000_000)
    }

    fn ask(usage: &mut Usage, limit: &Limit, monotonic: u64, now: Time) -> Result<(), Over> {
        usage.check(limit, monotonic, now)?;
        usage.take(limit, monotonic, now);
        Ok(())
    }

    #[test]
    fn a_burst_passes_at_once_and_then_one_by_one() {
        let limit = Limit { rate: Some(Rate::new(10.0, 3)), ..Limit::default() };
        let (mut usage, now) = (Usage::default(), at(0));
        let start = 7 * SECOND_NS;
        for _ in 0..3 {
            assert_eq!(ask(&mut usage, &limit, start, now), Ok(()));
        }
        let wait = Duration::from_millis(100);
        assert_eq!(ask(&mut usage, &limit, start, now), Err(Over { kind: LimitKind::Rate, wait }));
        // A refusal costs nothing: exactly then there is room for one, and for no second.
        let later = start + SECOND_NS / 10;
        assert_eq!(ask(&mut usage, &limit, later - 1, now).map_err(|o| o.wait.as_nanos()), Err(1));
        assert_eq!(ask(&mut usage, &limit, later, now), Ok(()));
        assert!(ask(&mut usage, &limit, later, now).is_err());
        // An hour of silence gives the burst again and no more.
        let much_later = start + 3600 * SECOND_NS;
        let passed = (0..10).filter(|_| ask(&mut usage, &limit, much_later, now).is_ok()).count();
        assert_eq!(passed, 3);
    }

    #[test]
    fn in_the_long_run_the_rate_is_kept_exactly() {
        let limit = Limit { rate: Some(Rate::new(250.0, 20)), ..Limit::default() };
        let mut usage = Usage::default();
        // Asked every 100 µs for ten seconds: 250 a second, and the burst once.
        let passed = (0..100_000_u64)
            .filter(|n| ask(&mut usage, &limit, SECOND_NS + n * 100_000, at(0)).is_ok())
            .count();
        assert_eq!(passed, 2_500 + 19);
    }

    #[test]
    fn what_is_in_flight_is_counted_until_it_ends() {
        let limit = Limit { in_flight: Some(2), ..Limit::default() };
        let mut usage = Usage::default();
        assert_eq!(ask(&mut usage, &limit, 0, at(0)), Ok(()));
        assert_eq!(ask(&mut usage, &limit, 0, at(0)), Ok(()));
        let over = ask(&mut usage, &limit, 0, at(0)).expect_err("two are in flight");
        assert_eq!(over.kind, LimitKind::InFlight);
        usage.end();
        assert_eq!(ask(&mut usage, &limit, 0, at(0)), Ok(()));
    }

    #[test]
    fn a_day_ends_at_midnight_and_not_when_a_clock_goes_back() {
        let limit = Limit { requests_per_day: Some(2), rows_per_day: Some(10), ..Limit::default() };
        let mut usage = Usage::default();
        let late = at(DAY_SECONDS - 60);
        assert_eq!(ask(&mut usage, &limit, 0, late), Ok(()));
        usage.add_rows(9, late);
        assert_eq!(ask(&mut usage, &limit, 0, late), Ok(()));
        let wait = Duration::from_secs(60);
        let kind = LimitKind::RequestsPerDay;
        assert_eq!(ask(&mut usage, &limit, 0, late), Err(Over { kind, wait }));
        // The second of the next day's two.
        let next = at(DAY_SECONDS);
        assert_eq!(ask(&mut usage, &limit, 0, next), Ok(()));
        usage.add_rows(10, next);
        let over = ask(&mut usage, &limit, 0, next).expect_err("rows are used up");
        assert_eq!((over.kind, over.wait), (LimitKind::RowsPerDay, Duration::from_secs(86_400)));
        // Back before midnight nothing is given twice: the day that began goes on.
        usage.take(&limit, 0, late);
        assert_eq!(usage.requests, 2);
    }

    #[test]
    fn none_a_day_is_none_and_idle_is_forgotten_only_when_it_says_nothing() {
        let none = Limit { requests_per_day: Some(0), ..Limit::default() };
        assert!(Usage::default().check(&none, 0, at(0)).is_err());
        let limit = Limit { rate: Some(Rate::new(1.0, 1)), ..Limit::default() };
        let mut usage = Usage::default();
        assert!(usage.is_idle(0, at(0)));
        usage.take(&limit, 0, at(0));
        let tomorrow = at(DAY_SECONDS);
        assert!(!usage.is_idle(10 * SECOND_NS, tomorrow), "in flight");
        usage.end();
        assert!(!usage.is_idle(SECOND_NS / 2, tomorrow), "not full again");
        assert!(!usage.is_idle(10 * SECOND_NS, at(5)), "its day goes on");
        assert!(usage.is_idle(10 * SECOND_NS, tomorrow));
    }
}
