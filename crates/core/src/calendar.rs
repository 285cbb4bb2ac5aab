//! Days and months that begin at an hour of a place, as quotas are renewed by them.

mod date;
mod zone;

use std::time::Duration;

use date::{Date, SECONDS_PER_DAY};
use zone::Zone;

/// How often a quota is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Every {
    /// Each day.
    Day,
    /// On the first day of each month.
    Month,
}

/// The times at which a quota is renewed: each day or month, at an hour of a place.
///
/// ```
/// use api_ratelimiter_core::{Calendar, Every};
///
/// let pacific = Calendar::new(Every::Day, "00:00", "America/Los_Angeles")?;
/// // The day of 1970-01-01 in California began at eight o'clock in Greenwich.
/// assert_eq!(pacific.period(86_400 / 2), (8 * 3600, 32 * 3600));
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calendar {
    every: Every,
    /// Time of the day, in seconds after midnight.
    at: i64,
    zone: Zone,
    /// The zone's name, unless it was given by its rule.
    zone_name: Option<&'static str>,
}

impl Calendar {
    /// Returns the calendar of a place whose days or months begin at `at`, such as `00:00`. `zone` is a name such as
    /// `America/Los_Angeles`, or a rule such as `PST8PDT,M3.2.0,M11.1.0`.
    ///
    /// # Errors
    ///
    /// Says what is wrong with which value.
    pub fn new(every: Every, at: &str, zone: &str) -> Result<Self, String> {
        let time = at.split_once(':').and_then(|(hours, minutes)| {
            let two_digits = |text: &str, most: i64| {
                let is_number = text.len() == 2 && text.bytes().all(|it| it.is_ascii_digit());
                let number = text.parse::<i64>().ok().filter(|_| is_number);
                number.filter(|number| *number <= most)
            };
            Some(two_digits(hours, 23)? * 3600 + two_digits(minutes, 59)? * 60)
        });
        let at = time.ok_or_else(|| {
            format!("{at:?} is not a valid time of the day (expected 00:00 to 23:59)")
        })?;
        let (zone, zone_name) = Zone::named(zone)?;
        Ok(Self {
            every,
            at,
            zone,
            zone_name,
        })
    }

    /// Returns how often the quota is renewed.
    #[must_use]
    pub const fn every(&self) -> Every {
        self.every
    }

    /// Returns the name of the time zone, unless it was given by its rule.
    #[must_use]
    pub const fn zone_name(&self) -> Option<&'static str> {
        self.zone_name
    }

    /// Returns the length of the longest day or month.
    #[must_use]
    pub const fn longest(&self) -> Duration {
        let hours = match self.every {
            Every::Day => 25,
            Every::Month => 31 * 24 + 1,
        };
        Duration::from_secs(hours * 60 * 60)
    }

    /// Returns when the day or month began that this instant is in, and when the next one begins. All are seconds since
    /// 1970 (UTC).
    ///
    /// A time of the day that is skipped in spring counts as an hour later, and of one that comes twice in autumn the first
    /// counts.
    #[must_use]
    pub fn period(&self, unix: i64) -> (i64, i64) {
        let mut date = self.first(Date::of(self.zone.to_local(unix)));
        if self.begins(date) > unix {
            date = self.first(Date::from_days(date.days() - 1));
        }
        let next = self.next(date);
        (self.begins(date), self.begins(next))
    }

    /// Returns the day on which the period begins that this date is in.
    fn first(&self, date: Date) -> Date {
        match self.every {
            Every::Day => date,
            Every::Month => Date { day: 1, ..date },
        }
    }

    /// Returns the day on which the period begins after the one that begins on this date.
    fn next(&self, date: Date) -> Date {
        let longest = match self.every {
            Every::Day => 1,
            Every::Month => 31,
        };
        self.first(Date::from_days(date.days() + longest))
    }

    /// Returns when the period that begins on this date does so.
    fn begins(&self, date: Date) -> i64 {
        self.zone.to_utc(date.days() * SECONDS_PER_DAY + self.at)
    }
}

#[cfg(test)]
mod tests;
