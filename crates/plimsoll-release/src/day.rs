//! A day of the calendar, as laws name them.

use plimsoll_types::Time;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A day, written `2027-12-02`. Days sort as they come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

/// Not a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a day: write it as 2027-12-02")]
pub struct DayError(());

impl Day {
    /// The day of these numbers. That the month has so many days is not looked at.
    #[must_use]
    pub const fn new(year: u16, month: u8, day: u8) -> Self {
        Self { year, month, day }
    }

    /// The day of a time, in UTC (the civil calendar from a count of days, after H. Hinnant).
    /// Beyond the year 65535 the year saturates.
    #[must_use]
    pub fn of(time: Time) -> Self {
        // Years begin on 1 March, so that the day of the leap comes last.
        let days = time.as_secs() / 86_400 + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + era * 400 + u64::from(month <= 2);
        let small = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
        Self::new(u16::try_from(year).unwrap_or(u16::MAX), small(month), small(day))
    }
}

impl FromStr for Day {
    type Err = DayError;

    fn from_str(text: &str) -> Result<Self, DayError> {
        let shape = |(place, byte): (usize, u8)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        if text.len() != 10 || !text.bytes().enumerate().all(shape) {
            return Err(DayError(()));
        }
        let mut parts = text.split('-');
        let mut next = || parts.next().ok_or(DayError(()));
        let year = next()?.parse().map_err(|_| DayError(()))?;
        let month = next()?.parse().map_err(|_| DayError(()))?;
        let day = next()?.parse().map_err(|_| DayError(()))?;
        let is_day = (1..=12).contains(&month) && (1..=31).contains(&day);
        is_day.then_some(Self { year, month, day }).ok_or(DayError(()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Day {
    type Error = DayError;
    fn try_from(text: String) -> Result<Self, DayError> {
        text.parse()
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_times_are_the_calendars() {
        for (seconds, day) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_795_424_400, "2026-11-23"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(Day::of(Time::from_micros(seconds * 1_000_000)).to_string(), day);
        }
    }
}
