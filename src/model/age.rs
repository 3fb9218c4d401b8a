//! `Age`: how long something was not used, in whole days or weeks, as people type it.

use std::fmt;
use std::time::Duration;

use super::redact::quoted;
use crate::error::{Error, Kind, Result};

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A span of days; zero days includes everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    days: u64,
}

impl Age {
    /// No time at all: what was used just now is that old.
    pub const ZERO: Age = Age { days: 0 };

    /// Parses a number and a unit without a space: `30d` is days, `2w` is weeks.
    ///
    /// # Errors
    /// [`Kind::Usage`] for anything else, or more than fits.
    pub fn parse(text: &str) -> Result<Self> {
        let days_per = |unit| match unit {
            'd' => Some(1),
            'w' => Some(7),
            _ => None,
        };
        let parsed = text.chars().next_back().and_then(days_per).and_then(|days| {
            let number = &text[..text.len() - 1];
            let is_plain = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            let days = number.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(days)?;
            // So that the span always fits a `Duration`.
            days.checked_mul(DAY_SECONDS).map(|_| Age { days })
        });
        parsed.ok_or_else(|| {
            Error::new(Kind::Usage, format!("`{}` is not an age", quoted(text)))
                .help("write a number with `d` for days or `w` for weeks, such as `30d` or `2w`")
        })
    }

    /// The age of something that was last used this long ago; parts of a day do not count.
    #[must_use]
    pub fn of(unused: Duration) -> Self {
        Age { days: unused.as_secs() / DAY_SECONDS }
    }

    /// In whole days.
    #[must_use]
    pub fn days(self) -> u64 {
        self.days
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.days {
            1 => f.write_str("1 day"),
            days => write!(f, "{days} days"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_weeks_are_ages_and_nothing_else_is() {
        for (text, days) in [("0d", 0), ("1d", 1), ("30d", 30), ("2w", 14), ("007d", 7)] {
            assert_eq!(Age::parse(text).expect(text).days(), days, "{text}");
        }
        for bad in ["", "d", "30", "30D", "3m", "-1d", "+1d", "1.5d", " 1d", "1 d", "1dd", "1é", "99999999999999999w"]
        {
            assert_eq!(Age::parse(bad).expect_err(bad).kind(), Kind::Usage, "{bad}");
        }
    }

    #[test]
    fn a_day_is_over_when_it_is_over() {
        let hours = |hours: u64| Age::of(Duration::from_secs(hours * 60 * 60));
        assert_eq!(
            (hours(0), hours(23), hours(24), hours(49)),
            (Age::ZERO, Age::ZERO, Age { days: 1 }, Age { days: 2 })
        );
    }
}
