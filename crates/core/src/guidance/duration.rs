//! Durations with units: Go's `6m0s` and `20ms`, `600s`, `1d`, `10 minutes`.
//!
//! OpenAI and those who copy it write resets in the form of Go's `time.Duration`; windows come as
//! `600s` (Composio), `1m`, `12h` or `1d` (AspNetCoreRateLimit), or as words.

use super::number::{Number, SECOND};

/// Seconds in a minute, an hour, a day, a week, a month of 30 days, a year of 365: servers that speak of
/// months never say which, and 30 days is what gateways such as Kong count.
pub(super) const MINUTE: i128 = 60;
pub(super) const HOUR: i128 = 60 * MINUTE;
pub(super) const DAY: i128 = 24 * HOUR;
const WEEK: i128 = 7 * DAY;
const MONTH: i128 = 30 * DAY;
const YEAR: i128 = 365 * DAY;

/// Every name of a unit and its length in nanoseconds. Single letters are Go's and keep their case: a
/// lone `M` could be a month.
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

/// The nanoseconds that a text of numbers with units stands for; `None` unless every number has one.
///
/// The form is Go's (`time.ParseDuration`): `["-"] 1*( number unit )`; days, weeks, unit words and
/// blanks are accepted beyond it.
pub(super) fn parse(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let mut sum = 0_i128;
    loop {
        let (number, after) = Number::take(rest)?;
        let after = after.trim_start_matches(' ');
        let end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        sum = sum.saturating_add(number.times(unit(word)?));
        rest = after.trim_start_matches(' ');
        if rest.is_empty() {
            return Some(sign * sum);
        }
    }
}

/// The length of a unit in nanoseconds, by any of its names.
pub(super) fn unit(word: &str) -> Option<i128> {
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
        for (text, nanos) in expected {
            assert_eq!(parse(text), Some(nanos), "{text:?}");
        }
    }

    #[test]
    fn days_and_words_are_read_too() {
        assert_eq!(parse("1d"), Some(DAY * SECOND));
        assert_eq!(parse("10 minutes"), Some(10 * MINUTE * SECOND));
        assert_eq!(parse("1 day 2 hours"), Some((DAY + 2 * HOUR) * SECOND));
        assert_eq!(parse("24hour"), Some(DAY * SECOND));
    }

    #[test]
    fn a_number_without_a_unit_or_a_unit_without_a_number_is_none() {
        for text in ["", "5", "m", "5m3", "-", "1x", "1M", "soon", "5mm", "1s,2s"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn absurd_durations_saturate() {
        let text = format!("{0}w{0}w", "9".repeat(40));
        assert!(parse(&text).is_some_and(|nanos| nanos > i128::from(u64::MAX)));
    }
}
