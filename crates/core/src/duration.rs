//! Durations as text: `80ms`, `1.5s`, `6m0s`, `1d`, `10 minutes`.
//!
//! The form is Go's `time.Duration`, which vendors such as OpenAI send in headers. Days, weeks, months,
//! years and the words for units are accepted beyond it: windows come as `600s` (Composio), as `1m`,
//! `12h` or `1d` (AspNetCoreRateLimit), or as words.
//!
//! [`parse`] is strict, for texts that a user writes: command lines and configurations. The reader of
//! responses takes what servers send more leniently: signs, blanks, and numbers that are too large.

use std::time::Duration;

use crate::number::{Number, SECOND};

/// Seconds in a minute.
pub(crate) const MINUTE: i128 = 60;

/// Seconds in an hour.
pub(crate) const HOUR: i128 = 60 * MINUTE;

/// Seconds in a day.
pub(crate) const DAY: i128 = 24 * HOUR;

/// Seconds in a week.
const WEEK: i128 = 7 * DAY;

/// Seconds in a month. Servers that speak of months never say which; gateways such as Kong count 30 days.
const MONTH: i128 = 30 * DAY;

/// Seconds in a year of 365 days.
const YEAR: i128 = 365 * DAY;

/// Names of units and their lengths in nanoseconds. Single letters are Go's and keep their case: a lone
/// `M` could be a month.
const UNITS: &[(&[&str], i128)] = &[
    (&["ns"], 1),
    // The micro sign and the Greek letter mu: Go prints the first and reads both.
    (&["us", "\u{b5}s", "\u{3bc}s"], 1_000),
    (
        &[
            "ms",
            "msec",
            "msecs",
            "millis",
            "millisecond",
            "milliseconds",
        ],
        1_000_000,
    ),
    (
        &["s", "sec", "secs", "second", "seconds", "secondly"],
        SECOND,
    ),
    (
        &["m", "min", "mins", "minute", "minutes", "minutely"],
        MINUTE * SECOND,
    ),
    (
        &["h", "hr", "hrs", "hour", "hours", "hourly"],
        HOUR * SECOND,
    ),
    (&["d", "day", "days", "daily"], DAY * SECOND),
    (&["w", "week", "weeks", "weekly"], WEEK * SECOND),
    (&["month", "months", "monthly"], MONTH * SECOND),
    (&["year", "years", "yearly"], YEAR * SECOND),
];

/// Returns the duration that `text` names: one or more decimal numbers, each followed by its unit.
///
/// Units are `ns`, `us`, `ms`, `s`, `m`, `h`, `d` and `w`, and the words for them, such as `min`, `sec` or
/// `hours`; a month is 30 days and a year 365. Single letters keep their case. Fractions are exact to one
/// nanosecond; later digits are dropped.
///
/// Returns `None` if a number has no unit, if the text has a sign or a blank, or if the duration is
/// longer than [`Duration::MAX`].
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::duration;
///
/// assert_eq!(duration::parse("80ms"), Some(Duration::from_millis(80)));
/// assert_eq!(duration::parse("1h30m"), Some(Duration::from_secs(90 * 60)));
/// assert_eq!(duration::parse("0.5d"), Some(Duration::from_secs(12 * 60 * 60)));
/// assert_eq!(duration::parse("5"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    if text.starts_with('-') || text.contains(' ') {
        return None;
    }
    let nanos = sum(text, |number, unit| {
        // A number at the end of the range may have been a larger one.
        (number.whole() < u64::MAX).then(|| number.times(unit))
    })?;
    from_nanos(nanos)
}

/// Returns the length of one unit, by any of its names: `s`, `min`, `hours`.
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::duration;
///
/// assert_eq!(duration::unit("min"), Some(Duration::from_secs(60)));
/// assert_eq!(duration::unit("fortnight"), None);
/// ```
#[must_use]
pub fn unit(name: &str) -> Option<Duration> {
    from_nanos(unit_nanos(name)?)
}

/// Returns the nanoseconds that a server's text stands for, saturating; below zero after a minus sign.
///
/// The form is Go's (`time.ParseDuration`): `["-"] 1*( number unit )`. Blanks may stand around units.
/// Returns `None` unless every number has a unit.
pub(crate) fn nanos(text: &str) -> Option<i128> {
    match text.strip_prefix('-') {
        Some(rest) => lenient_sum(rest).map(|nanos| -nanos),
        None => lenient_sum(text),
    }
}

/// Returns the length of a unit in nanoseconds, by any of its names.
pub(crate) fn unit_nanos(word: &str) -> Option<i128> {
    let is = |name: &str| {
        if name.len() == 1 {
            name == word
        } else {
            name.eq_ignore_ascii_case(word)
        }
    };
    UNITS
        .iter()
        .find(|(names, _)| names.iter().any(|name| is(name)))
        .map(|&(_, length)| length)
}

/// Adds up numbers with units; a number that is too large counts as the largest.
fn lenient_sum(text: &str) -> Option<i128> {
    sum(text, |number, unit| Some(number.times(unit)))
}

/// Adds up numbers with units. `product` makes nanoseconds of a number and the length of its unit.
fn sum(text: &str, product: fn(Number, i128) -> Option<i128>) -> Option<i128> {
    let mut rest = text;
    let mut sum = 0_i128;
    loop {
        // A number, then the letters behind it, which must be the name of a unit.
        let (number, after) = Number::take(rest)?;
        let after = after.trim_start_matches(' ');
        let end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        sum = sum.saturating_add(product(number, unit_nanos(word)?)?);
        rest = after.trim_start_matches(' ');
        if rest.is_empty() {
            return Some(sum);
        }
    }
}

/// Converts nanoseconds of at least zero; `None` beyond [`Duration::MAX`].
fn from_nanos(nanos: i128) -> Option<Duration> {
    let seconds = u64::try_from(nanos / SECOND).ok()?;
    let rest = u32::try_from(nanos % SECOND).ok()?;
    Some(Duration::new(seconds, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read_with_every_unit() {
        let expected = [
            ("20ms", 20_000_000),
            ("6m0s", 360 * SECOND),
            ("1h2m3.5s", 3_723_500_000_000),
            ("500us", 500_000),
            ("500\u{b5}s", 500_000),
            ("500\u{3bc}s", 500_000),
            ("12ns", 12),
            ("0s", 0),
            ("-1.5s", -1_500_000_000),
            ("2m59.56s", 179_560_000_000),
        ];
        for (text, expected) in expected {
            assert_eq!(nanos(text), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn days_and_words_are_read_too() {
        assert_eq!(nanos("1d"), Some(DAY * SECOND));
        assert_eq!(nanos("10 minutes"), Some(10 * MINUTE * SECOND));
        assert_eq!(nanos("1 day 2 hours"), Some((DAY + 2 * HOUR) * SECOND));
        assert_eq!(nanos("24hour"), Some(DAY * SECOND));
    }

    #[test]
    fn a_number_without_a_unit_or_a_unit_without_a_number_is_none() {
        for text in ["", "5", "m", "5m3", "-", "1x", "1M", "soon", "5mm", "1s,2s"] {
            assert_eq!(nanos(text), None, "{text:?}");
        }
    }

    #[test]
    fn huge_durations_saturate() {
        let text = format!("{0}w{0}w", "9".repeat(40));
        assert!(nanos(&text).is_some_and(|nanos| nanos > i128::from(u64::MAX)));
    }

    #[test]
    fn users_write_numbers_with_units() {
        for (text, millis) in [
            ("80ms", 80),
            ("1.5s", 1_500),
            ("10m", 600_000),
            ("2min", 120_000),
            ("1h30m", 5_400_000),
            ("0.5h", 1_800_000),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        let longest = format!("{}s", u64::MAX - 1);
        assert_eq!(parse(&longest), Some(Duration::from_secs(u64::MAX - 1)));
    }

    #[test]
    fn users_get_no_guess_for_what_is_not_a_duration() {
        let beyond = ["18446744073709551615d", "18446744073709551616ns"];
        let unclear = [
            "", "5", "s", "-1s", "1e3s", "infs", "9 s", " 9s", "5x", "1M", "+1s",
        ];
        for text in unclear.iter().chain(&beyond) {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn units_have_a_length_of_their_own() {
        assert_eq!(unit("ms"), Some(Duration::from_millis(1)));
        assert_eq!(unit("Hours"), Some(Duration::from_secs(3600)));
        assert_eq!(unit("M"), None);
        assert_eq!(unit(""), None);
    }
}
