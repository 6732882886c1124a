//! Points in time on the command line: how people write them and read them.

use crate::failure::Failure;
use crate::settings::Value as _;
use jiff::tz::TimeZone;
use plimsoll_api::Timestamp;
use plimsoll_types::Time;
use std::time::Duration;

/// A time in the local zone, or in UTC with a `Z`.
pub(super) fn show(time: Timestamp, utc: bool) -> String {
    let micros = i64::try_from(time.0.as_micros()).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_microsecond(micros).unwrap_or(jiff::Timestamp::MAX);
    if utc {
        time.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
    } else {
        time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string()
    }
}

/// A time of RFC 3339, or a duration before `now`.
pub(super) fn past(text: &str, now: Time) -> Result<Timestamp, Failure> {
    read(text, |ago| now.minus(ago))
}

/// A time of RFC 3339, or a duration after `now`.
pub(super) fn future(text: &str, now: Time) -> Result<Timestamp, Failure> {
    read(text, |ahead| now.plus(ahead))
}

/// A duration, or `0`.
pub(super) fn duration(text: &str) -> Result<Duration, Failure> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    Duration::parse(text).map_err(|wanted| Failure::user(format!("`{text}` is not {wanted}")))
}

fn read(text: &str, relative: impl FnOnce(Duration) -> Time) -> Result<Timestamp, Failure> {
    if let Ok(duration) = Duration::parse(text) {
        return Ok(Timestamp(relative(duration)));
    }
    text.parse().map_err(|_| {
        Failure::user(format!("`{text}` is neither a time nor a duration"))
            .hint("for example `2026-07-01T08:30:00Z`, `10m` or `30d`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_absolute_or_relative() {
        let now = Time::from_micros(1_000_000_000_000_000);
        assert_eq!(past("10s", now).expect("duration").0, now.minus(Duration::from_secs(10)));
        assert_eq!(future("1d", now).expect("duration").0, now.plus(Duration::from_secs(86_400)));
        let time = past("2026-07-01T10:30:00+02:00", now).expect("time");
        assert_eq!(show(time, true), "2026-07-01 08:30:00.000Z");
        for text in ["", "10", "yesterday", "2026-07-01", "-1h"] {
            assert!(past(text, now).is_err(), "{text}");
        }
    }
}
