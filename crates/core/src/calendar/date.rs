//! Dates of the Gregorian calendar.

/// Seconds of a day without a change of the clocks.
pub(super) const SECONDS_PER_DAY: i64 = 86_400;

/// Days of 400 years, after which the calendar repeats.
const DAYS_PER_ERA: i64 = 146_097;

/// Days from 0000-03-01 to 1970-01-01.
const DAYS_BEFORE_1970: i64 = 719_468;

/// A date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Date {
    pub(super) year: i64,
    /// From 1 to 12.
    pub(super) month: i64,
    /// From 1.
    pub(super) day: i64,
}

impl Date {
    /// Returns the date of a local time in seconds since 1970.
    pub(super) const fn of(local: i64) -> Self {
        Self::from_days(local.div_euclid(SECONDS_PER_DAY))
    }

    /// Returns the date that is this many days after 1970-01-01.
    ///
    /// Years are counted from March on, so that the day that only some of them have is the last one. All months but
    /// February then follow a pattern of 153 days in 5 months.
    pub(super) const fn from_days(days: i64) -> Self {
        let days = days + DAYS_BEFORE_1970;
        let (era, of_era) = (days.div_euclid(DAYS_PER_ERA), days.rem_euclid(DAYS_PER_ERA));
        let year_of_era =
            (of_era - of_era / 1460 + of_era / 36_524 - of_era / (DAYS_PER_ERA - 1)) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let month = (from_march + 2) % 12 + 1;
        let is_next_year = (month <= 2) as i64;
        Self {
            year: era * 400 + year_of_era + is_next_year,
            month,
            day: of_year - (153 * from_march + 2) / 5 + 1,
        }
    }

    /// Returns the number of days since 1970-01-01.
    pub(super) const fn days(self) -> i64 {
        let from_march = (self.month + 9) % 12;
        let year = self.year - (self.month <= 2) as i64;
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let of_year = (153 * from_march + 2) / 5 + self.day - 1;
        era * DAYS_PER_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_BEFORE_1970
    }

    /// Returns the `week`th of these weekdays (Sunday is 0) of a month, or the last one for week 5.
    pub(super) const fn weekday_of_month(year: i64, month: i64, week: i64, weekday: i64) -> Self {
        let first = Self {
            year,
            month,
            day: 1,
        };
        // 1970-01-01 was a Thursday.
        let offset = (weekday - (first.days() + 4)).rem_euclid(7);
        let mut date = Self {
            day: 1 + offset + 7 * (week - 1),
            ..first
        };
        if Self::from_days(date.days()).month != month {
            date.day -= 7;
        }
        date
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn date(year: i64, month: i64, day: i64) -> Date {
        Date { year, month, day }
    }

    #[test]
    fn days_and_dates_are_the_same_thing() {
        for (days, expected) in [
            (0, date(1970, 1, 1)),
            (-1, date(1969, 12, 31)),
            (11_016, date(2000, 2, 29)),
            (20_454, date(2026, 1, 1)),
        ] {
            assert_eq!(Date::from_days(days), expected);
            assert_eq!(expected.days(), days);
        }
        let mut last = Date::from_days(-200_001);
        for days in -200_000..200_000 {
            let date = Date::from_days(days);
            assert_eq!(date.days(), days);
            assert!(date > last, "{date:?}");
            last = date;
        }
    }

    #[test]
    fn weekdays_are_counted_from_the_month_s_beginning_and_the_fifth_is_the_last() {
        assert_eq!(Date::weekday_of_month(2026, 3, 2, 0), date(2026, 3, 8));
        assert_eq!(Date::weekday_of_month(2026, 11, 1, 0), date(2026, 11, 1));
        assert_eq!(Date::weekday_of_month(2026, 10, 5, 0), date(2026, 10, 25));
        assert_eq!(Date::weekday_of_month(2026, 5, 5, 0), date(2026, 5, 31));
    }
}
