//! Dates as servers write them: the three forms of RFC 9110, RFC 3339, and inexact variants of these.
//!
//! A strict parser does not fit. Real responses contain weekdays that do not match, the second 60, `UTC` for
//! `GMT` (Go's `time.RFC1123`), `+0100` (RFC 5322), or the output of JavaScript's `Date.toString()`. Except
//! for RFC 3339, all of them consist of the same few parts in some order, which differ in shape. So one
//! parser reads them all, as RFC 6265 (section 5.1.1) does for the dates of cookies. It ignores the weekday,
//! and a date with an unknown part is invalid.

use crate::headers::lines::is_weekday;
use crate::number::{Number, SECOND, split_digits};

/// English names of months. The first three letters count.
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Days in the months of a common year.
const MONTH_DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// Days from 0001-01-01 to 1970-01-01 in the Gregorian calendar.
const DAYS_BEFORE_1970: i64 = 719_162;

/// Seconds in a day.
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;
const MINUTE: i64 = 60;

/// Length of a mean Gregorian year in seconds, for the rule of 50 years.
const YEAR: i128 = 31_556_952;

/// Parses a date to nanoseconds since 1970; `None` if it is invalid.
///
/// `about` is the present in the same unit. A year of two digits is the one closest to it: if that is more
/// than 50 years ahead, it is in the past century (RFC 9110, section 5.6.7). A date without a zone is in UTC.
pub(super) fn parse(text: &str, about: i128) -> Option<i128> {
    let text = text.trim_matches([' ', '\t', '"']);
    if text.as_bytes().get(4) == Some(&b'-') {
        rfc3339(text)
    } else {
        wordy(text, about)
    }
}

/// A day and a time of day, before the zone is applied.
#[derive(Clone, Copy)]
struct Civil {
    year: i64,
    month: usize,
    day: i64,
    time: i128,
}

impl Civil {
    /// Returns nanoseconds since 1970, read as UTC; `None` if the day does not exist.
    fn instant(self) -> Option<i128> {
        let leap = self.year % 4 == 0 && (self.year % 100 != 0 || self.year % 400 == 0);
        let length = MONTH_DAYS.get(self.month)? + i64::from(leap && self.month == 1);
        if self.year < 1 || self.day < 1 || self.day > length {
            return None;
        }
        let years = self.year - 1;
        let days_before_year = years * 365 + years / 4 - years / 100 + years / 400;
        let days_before_month =
            MONTH_DAYS.iter().take(self.month).sum::<i64>() + i64::from(leap && self.month > 1);
        let days = days_before_year + days_before_month + self.day - 1 - DAYS_BEFORE_1970;
        Some(i128::from(days * DAY) * SECOND + self.time)
    }
}

/// Parses `2026-01-01T00:01:00.5Z`; also with a blank for the `T`, any number of digits in the fraction, any
/// form of the zone, and without seconds (ISO 8601).
fn rfc3339(text: &str) -> Option<i128> {
    // Java appends the zone's name in brackets to the offset, which stays valid (RFC 9557).
    let text = text.split('[').next().unwrap_or(text);
    let (year, rest) = fixed(text, 4)?;
    let (month, rest) = fixed(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = fixed(rest.strip_prefix('-')?, 2)?;
    let rest = rest.strip_prefix(['T', 't', ' '])?;
    let end = rest
        .find(|c: char| !matches!(c, '0'..='9' | ':' | '.'))
        .unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end);
    let civil = Civil {
        year,
        month: usize::try_from(month - 1).ok()?,
        day,
        time: time_of_day(time)?,
    };
    // Go prints an offset and the zone's name after it, `+0000 UTC`, and for a time that it measured itself
    // the reading of a monotonic clock: `m=+60.25`.
    let parts = zone.split(' ').filter(|part| !part.is_empty());
    let mut offset = 0;
    for (position, part) in parts.enumerate() {
        if position == 2 && part.starts_with("m=") {
            continue;
        }
        match (position, zone_offset(part)?) {
            (0, seconds) => offset = seconds,
            (1, 0) => {}
            _ => return None,
        }
    }
    Some(civil.instant()? - offset)
}

/// Parses every form that consists of a day, the name of a month, a year and a time: IMF-fixdate, RFC 850,
/// asctime, RFC 5322, JavaScript.
fn wordy(text: &str, about: i128) -> Option<i128> {
    let (mut day, mut month, mut year, mut time, mut offset) = (None, None, None, None, None);
    // JavaScript appends the zone's name in parentheses.
    let text = text.split('(').next().unwrap_or(text);
    for (position, part) in text
        .split([' ', ',', '\t'])
        .filter(|part| !part.is_empty())
        .enumerate()
    {
        if position == 0 && is_weekday(part) {
            continue;
        }
        let mut dashed = part.split('-');
        if let (Some(d), Some(m), Some(y), None) =
            (dashed.next(), dashed.next(), dashed.next(), dashed.next())
        {
            set(&mut day, digits(d, 2)?)?;
            set(&mut month, month_of(m)?)?;
            set(&mut year, year_of(y)?)?;
        } else if let Some(value) = month_of(part) {
            set(&mut month, value)?;
        } else if part.bytes().all(|byte| byte.is_ascii_digit()) {
            if day.is_none() {
                set(&mut day, digits(part, 2)?)?
            } else {
                set(&mut year, year_of(part)?)?
            }
        } else if part.starts_with(|c: char| c.is_ascii_digit()) {
            set(&mut time, time_of_day(part)?)?;
        } else {
            set(&mut offset, zone_offset(part)?)?;
        }
    }
    let (year, short) = year?;
    let offset = offset.unwrap_or(0);
    let civil = Civil {
        year,
        month: month?,
        day: day?,
        time: time?,
    };
    if short {
        in_this_century(civil, about, offset)
    } else {
        Some(civil.instant()? - offset)
    }
}

/// Returns the instant of a date whose year has two digits: in the century that puts it within 50 years of
/// `about`.
fn in_this_century(civil: Civil, about: i128, offset: i128) -> Option<i128> {
    let fifty_years = 50 * YEAR * SECOND;
    // A clock beyond the year 9999 is invalid.
    let years = i64::try_from(about / (YEAR * SECOND))
        .ok()
        .filter(|years| *years < 8030)?;
    let this_year = 1970 + years;
    let century = this_year - this_year.rem_euclid(100);
    [century - 100, century, century + 100]
        .into_iter()
        .find_map(|century| {
            let instant = Civil {
                year: century + civil.year,
                ..civil
            }
            .instant()?
                - offset;
            (instant > about - fifty_years && instant <= about + fifty_years).then_some(instant)
        })
}

/// Sets a part of the date; `None` if it is set already.
fn set<T>(part: &mut Option<T>, value: T) -> Option<()> {
    part.is_none().then(|| *part = Some(value))
}

/// Parses a whole text as a number of at most `most` digits.
fn digits(text: &str, most: usize) -> Option<i64> {
    if text.len() > most || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// Parses a number of exactly `length` digits, and returns the rest of the text.
fn fixed(text: &str, length: usize) -> Option<(i64, &str)> {
    let (number, rest) = (text.get(..length)?, text.get(length..)?);
    Some((digits(number, length)?, rest))
}

/// Parses a year, and returns whether it has only two digits.
fn year_of(text: &str) -> Option<(i64, bool)> {
    match text.len() {
        2 => Some((digits(text, 2)?, true)),
        4 => Some((digits(text, 4)?, false)),
        _ => None,
    }
}

/// Returns the number of a month, from 0, by its English name or its first three letters.
fn month_of(text: &str) -> Option<usize> {
    let start = text.get(..3)?;
    if !text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    MONTHS
        .iter()
        .position(|month| start.eq_ignore_ascii_case(month))
}

/// Parses `hh:mm[:ss[.fraction]]` to nanoseconds. Second 60 is the first of the next minute (a leap second).
fn time_of_day(text: &str) -> Option<i128> {
    let mut parts = text.splitn(3, ':');
    let (hour, minute) = (digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let seconds = match parts.next() {
        Some(text) => Number::parse(text)
            .filter(|number| number.whole() <= 60 && !number.is_negative())?
            .times(SECOND),
        None => 0,
    };
    (hour < 24 && minute < 60).then(|| i128::from(hour * HOUR + minute * MINUTE) * SECOND + seconds)
}

/// Returns how far a zone is ahead of UTC, in nanoseconds: `Z`, `GMT`, `UTC`, `+01:00`, `-0500`, `GMT+0100`.
fn zone_offset(text: &str) -> Option<i128> {
    let names = ["GMT", "UTC", "UT", "Z"];
    let name = names.iter().find(|name| {
        text.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    });
    let number = name.and_then(|name| text.get(name.len()..)).unwrap_or(text);
    if number.is_empty() {
        return Some(0);
    }
    let (sign, number) = match (number.strip_prefix('+'), number.strip_prefix('-')) {
        (Some(rest), _) => (1, rest),
        (_, Some(rest)) => (-1, rest),
        _ => return None,
    };
    let (start, rest) = split_digits(number)?;
    let (hours, minutes) = match (start.len(), rest.strip_prefix(':')) {
        (4, None) if rest.is_empty() => (digits(&start[..2], 2)?, digits(&start[2..], 2)?),
        (1 | 2, Some(minutes)) => (digits(start, 2)?, digits(minutes, 2)?),
        (1 | 2, None) if rest.is_empty() => (digits(start, 2)?, 0),
        _ => return None,
    };
    (hours < 24 && minutes < 60)
        .then(|| sign * i128::from(hours * HOUR + minutes * MINUTE) * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01T00:00:00Z.
    const ABOUT: i128 = 1_767_225_600 * SECOND;

    fn seconds(text: &str) -> Option<f64> {
        parse(text, ABOUT).map(|nanos| (nanos / 1000) as f64 / 1e6)
    }

    #[test]
    fn every_form_of_the_same_instant_is_that_instant() {
        let forms = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 09:49:37 +0100",
            "06 Nov 94 08:49:37 UT",
            "Sun Nov 06 1994 03:49:37 GMT-0500 (Eastern Standard Time)",
            "Sunday, 06 November 1994 08:49:37 Z",
            "sun, 06 nov 1994 08:49:37 gmt",
            "1994-11-06T08:49:37Z",
            "1994-11-06t08:49:37.000000000z",
            "1994-11-06T09:49:37+01:00",
            "1994-11-06T04:19:37-0430",
            "1994-11-06 08:49:37",
            "1994-11-06 08:49:37 UTC",
            "1994-11-06 10:49:37 +0200",
            "1994-11-06 08:49:37 +0000 UTC",
            "1994-11-06 08:49:37 +0000 UTC m=+60.000123",
            "\"1994-11-06T08:49:37Z\"",
            "1994-11-06T08:49:37Z[UTC]",
            "1994-11-06T09:49:37+01:00[Europe/Paris][u-ca=iso8601]",
        ];
        for form in forms {
            assert_eq!(seconds(form), Some(784_111_777.0), "{form:?}");
        }
    }

    #[test]
    fn fractions_and_leap_seconds_are_read() {
        assert_eq!(
            seconds("2026-01-01T00:00:19.5684430Z"),
            Some(1_767_225_619.568_443)
        );
        assert_eq!(
            seconds("Wed, 31 Dec 2025 23:59:60 GMT"),
            Some(1_767_225_600.0)
        );
        assert_eq!(seconds("2026-01-01T00:01Z"), Some(1_767_225_660.0));
        assert_eq!(
            seconds("Thu, 29 Feb 2024 00:00:00 GMT"),
            Some(1_709_164_800.0)
        );
        assert_eq!(
            seconds("Thu Jan 01 2026 05:30:00 GMT+0530"),
            Some(1_767_225_600.0)
        );
    }

    #[test]
    fn a_year_of_two_digits_is_at_most_fifty_years_ahead() {
        assert_eq!(
            seconds("Tuesday, 01-Jan-30 00:00:00 GMT"),
            Some(1_893_456_000.0)
        );
        assert_eq!(
            seconds("Wednesday, 01-Jan-75 00:00:00 GMT"),
            Some(3_313_526_400.0)
        );
        assert_eq!(
            seconds("Friday, 31-Dec-76 00:00:00 GMT"),
            Some(220_838_400.0)
        );
        let in_2099 = 4_070_908_800 * SECOND;
        assert_eq!(
            parse("01-Jan-05 00:00:00 GMT", in_2099),
            Some(4_260_211_200 * SECOND)
        );
    }

    #[test]
    fn an_invalid_date_is_none() {
        let texts = [
            "",
            "soon",
            "Thu",
            "2026",
            "2026-01-01",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-01T25:00:00Z",
            "2026-01-01T00:00:00X",
            "2026-01-01T00:00:00+99:99",
            "Thu, 01 Jan 2026",
            "Thu, 01 Jan 2026 00:00:00 PST",
            "Thu, 31 Feb 2026 00:00:00 GMT",
            "Thu, 00 Jan 2026 00:00:00 GMT",
            "Thu, 01 Foo 2026 00:00:00 GMT",
            "Thu, 01 Jan 0000 00:00:00 GMT",
            "Thu, 01 Jan 2026 00:00:61 GMT",
            "Thu, 01 Jan 2026 00:00:00 00:00:01 GMT",
            "12:00:00",
            "----",
            "é-é-é",
            "0000-\u{fffd}",
            "Thu, 001 Jan 2026 00:00:00 GMT",
            "monthly",
        ];
        for text in texts {
            assert_eq!(parse(text, ABOUT), None, "{text:?}");
        }
    }
}
