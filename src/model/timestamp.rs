//! `Timestamp`: a moment as indexes write it, `2026-11-23T08:30:00Z`; always UTC, whole seconds.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use super::age::Age;
use super::redact::quoted;
use crate::error::{Error, Kind, Result};

const DAY: i64 = 24 * 60 * 60;
/// The years that four digits can write; every other moment is clamped to them.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;

/// Seconds since 1970, from the year 1 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment that many seconds after 1970 began; what four digits of a year cannot hold is the nearest they can.
    #[must_use]
    pub fn from_seconds(seconds: i64) -> Self {
        Timestamp(seconds.clamp(FIRST, LAST))
    }

    /// What the clock of this machine says.
    #[must_use]
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Timestamp::from_seconds(i64::try_from(since).unwrap_or(LAST))
    }

    /// Parses `YYYY-MM-DDTHH:MM:SSZ`, with or without a fraction, which is dropped.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for any other text, and for a day or time that does not exist.
    pub fn parse(text: &str) -> Result<Self> {
        read(text).ok_or_else(|| {
            Error::new(Kind::Invalid, format!("`{}` is not a time", quoted(text)))
                .help("write it in UTC, such as `2026-11-23T08:30:00Z`")
        })
    }

    /// Whether this long has passed from `self` to `now`.
    #[must_use]
    pub fn is_older_than(self, age: Age, now: Timestamp) -> bool {
        let seconds = i64::try_from(age.days()).ok().and_then(|days| days.checked_mul(DAY)).unwrap_or(i64::MAX);
        now.0.saturating_sub(self.0) >= seconds
    }
}

fn read(text: &str) -> Option<Timestamp> {
    let number = |at: std::ops::Range<usize>| {
        let digits = text.get(at)?;
        digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse::<i64>().ok())?
    };
    let sign = |at: usize, want: u8| (text.as_bytes().get(at) == Some(&want)).then_some(());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')].into_iter().try_for_each(|(at, want)| sign(at, want))?;
    let rest = text.get(19..)?.strip_suffix('Z')?;
    let is_fraction = |rest: &str| {
        rest.strip_prefix('.').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    // 60 is a leap second.
    let valid = year >= 1 && hour < 24 && minute < 60 && second <= 60 && (rest.is_empty() || is_fraction(rest));
    let days = days_before(year, month, day).filter(|_| valid)?;
    Some(Timestamp::from_seconds(days * DAY + hour * 3600 + minute * 60 + second))
}

/// Days from 1970 to a date of the Gregorian calendar; `None` for one that does not exist.
fn days_before(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March end with the leap day, so the days before a month depend on the month only.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before_year + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// The date of a day, the inverse of [`days_before`].
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year_of_era, month + 3) } else { (year_of_era + 1, month - 9) };
    (era * 400 + year, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_and_write_as_the_calendar_has_them() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2024-02-29T00:00:00Z", 1_709_164_800),
            ("2026-11-23T08:30:00Z", 1_795_422_600),
            ("0001-01-01T00:00:00Z", FIRST),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            assert_eq!(Timestamp::parse(text).expect(text), Timestamp(seconds));
            assert_eq!(Timestamp(seconds).to_string(), text);
        }
        assert_eq!(Timestamp::parse("2026-11-23T08:30:00.25Z").expect("a time"), Timestamp(1_795_422_600));
        assert_eq!(
            (Timestamp::from_seconds(i64::MIN), Timestamp::from_seconds(i64::MAX)),
            (Timestamp(FIRST), Timestamp(LAST))
        );
    }

    #[test]
    fn every_day_of_eight_centuries_comes_back() {
        for day in -150_000..150_000 {
            let (year, month, of_month) = date(day);
            assert_eq!(days_before(year, month, of_month), Some(day));
        }
    }

    #[test]
    fn nothing_else_is_a_time() {
        for bad in [
            "",
            "2026-11-23",
            "2026-11-23T08:30:00",
            "2026-11-23 08:30:00Z",
            "2026-11-23T08:30:00+01:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-04-31T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:60:00Z",
            "2026-01-01T00:00:61Z",
            "0000-01-01T00:00:00Z",
            "2026-01-01T00:00:00.Z",
            "+026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Zz",
            "é026-01-01T00:00:00Z",
            "12026-01-01T00:00:00Z",
        ] {
            assert_eq!(Timestamp::parse(bad).expect_err(bad).kind(), Kind::Invalid, "{bad}");
        }
    }

    #[test]
    fn an_age_is_reached_to_the_second() {
        let then = Timestamp(1_000_000);
        let week = Age::parse("1w").expect("an age");
        assert!(then.is_older_than(week, Timestamp(1_000_000 + 7 * DAY)));
        assert!(!then.is_older_than(week, Timestamp(1_000_000 + 7 * DAY - 1)));
        assert!(!Timestamp(LAST).is_older_than(week, then), "what comes from the future is too young");
        assert!(then.is_older_than(Age::ZERO, then));
    }
}
