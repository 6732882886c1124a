//! A day of the calendar, as laws name them.

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
