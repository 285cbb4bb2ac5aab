//! Durations as text: `80ms`, `1.5s`, `6m0s`, `1d`, `10 minutes`, `1 minute and 30 seconds`, `PT1M30S`, `00:01:30`.
//!
//! One form is Go's `time.Duration`, which vendors such as OpenAI send in headers. Days, weeks, months,
//! years and the words for units are accepted beyond it: windows come as `600s` (Composio), as `1m`,
//! `12h` or `1d` (AspNetCoreRateLimit), or as words. The other forms are that of ISO 8601 and that of a clock,
//! in which .NET writes its `TimeSpan`. All are read wherever a duration is: in headers, bodies and command
//! lines.
//!
//! [`parse`] is strict, for texts that a user writes: it takes no sign, and no number that is too large. The
//! reader of responses takes both.

use std::time::Duration;

use crate::headers::lines::BLANKS;
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

/// Returns the duration that `text` names: one or more decimal numbers, each followed by its unit, or the form
/// of ISO 8601 (`PT1M30.5S`, `P1D`), or hours, minutes and seconds (`00:01:30`, with days `1.00:01:30`). Quotes and
/// blanks may stand around it, and blanks around units. Before a smaller unit, a comma or `and` may stand.
///
/// Units are `ns`, `us`, `ms`, `s`, `m`, `h`, `d` and `w`, and the words for them, such as `min`, `sec` or
/// `hours`; a month is 30 days and a year 365. Single letters keep their case. Fractions are exact to one
/// nanosecond; later digits are dropped.
///
/// Returns `None` if a number has no unit, if the text has a sign, or if the duration is longer than
/// [`Duration::MAX`].
///
/// ```
/// use std::time::Duration;
///
/// use api_ratelimiter_core::duration;
///
/// assert_eq!(duration::parse("80ms"), Some(Duration::from_millis(80)));
/// assert_eq!(duration::parse("1h30m"), Some(Duration::from_secs(90 * 60)));
/// assert_eq!(duration::parse("0.5d"), Some(Duration::from_secs(12 * 60 * 60)));
/// assert_eq!(duration::parse("2 minutes"), Some(Duration::from_secs(2 * 60)));
/// assert_eq!(duration::parse("1 minute, 30 seconds"), Some(Duration::from_secs(90)));
/// assert_eq!(duration::parse("PT30S"), Some(Duration::from_secs(30)));
/// assert_eq!(duration::parse("00:01:30"), Some(Duration::from_secs(90)));
/// assert_eq!(duration::parse("5"), None);
/// ```
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let nanos = sum(bare(text), |number, unit| {
        // A number at the end of the range may have been a larger one.
        (number.whole() < u64::MAX).then(|| number.times(unit))
    })?;
    from_nanos(nanos)
}

/// Returns a text without the quotes and blanks around it.
pub(crate) fn bare(text: &str) -> &str {
    text.trim_matches(BLANKS)
        .trim_matches(['"', '\''])
        .trim_matches(BLANKS)
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
/// The form is Go's (`time.ParseDuration`), `["-"] 1*( number unit )`, that of ISO 8601 or that of a clock. Blanks
/// may stand around units, quotes around all of it. Returns `None` unless every number has a unit.
pub(crate) fn nanos(text: &str) -> Option<i128> {
    let text = bare(text);
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
    if let Some(designators) = text.strip_prefix(['P', 'p']) {
        return iso_sum(designators, product);
    }
    if text.contains(':') {
        return clock_sum(text, product);
    }
    let mut rest = text;
    let mut sum = 0_i128;
    // The length below which the next unit must be.
    let mut bound = i128::MAX;
    loop {
        // A number, then the letters behind it, which must be the name of a unit.
        let (number, after) = Number::take(rest)?;
        let after = after.trim_start_matches(BLANKS);
        let end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (word, after) = after.split_at(end);
        let unit = unit_nanos(word).filter(|unit| *unit < bound)?;
        sum = sum.saturating_add(product(number, unit)?);
        let after = after.trim_start_matches(BLANKS);
        if after.is_empty() {
            return Some(sum);
        }
        // `30s, 60s` is a list of two durations, and `1 minute, 30 seconds` is one.
        rest = without_joint(after);
        bound = if rest.len() < after.len() {
            unit
        } else {
            i128::MAX
        };
    }
}

/// Returns a text without the comma, the `and`, or both, that join its beginning to what came before.
fn without_joint(text: &str) -> &str {
    let text = text
        .strip_prefix(',')
        .map_or(text, |rest| rest.trim_start_matches(BLANKS));
    let behind = text.strip_prefix("and");
    behind
        .filter(|rest| rest.starts_with(BLANKS))
        .map_or(text, |rest| rest.trim_start_matches(BLANKS))
}

/// Adds up the form of a clock, in which .NET writes a `TimeSpan`: `[days.]hours:minutes:seconds[.fraction]`. Two
/// numbers may be of minutes or of hours, and are none.
fn clock_sum(text: &str, product: fn(Number, i128) -> Option<i128>) -> Option<i128> {
    let mut fields = text.split(':');
    let [Some(hours), Some(minutes), Some(seconds), None] = [(); 4].map(|()| fields.next()) else {
        return None;
    };
    let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
    let whole = |text: &str| {
        let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
        Number::parse(text).filter(|_| is_whole)
    };
    let sexagesimal = |number: &Number| number.whole() < 60 && !number.is_negative();
    let parts = [
        (whole(days)?, DAY),
        (whole(hours)?, HOUR),
        (whole(minutes).filter(sexagesimal)?, MINUTE),
        (Number::parse(seconds).filter(sexagesimal)?, 1),
    ];
    parts.into_iter().try_fold(0_i128, |sum, (number, length)| {
        Some(sum.saturating_add(product(number, length * SECOND)?))
    })
}

/// Designators of ISO 8601 before and behind the `T`, in their order, each with its length in seconds.
const DATE_DESIGNATORS: &[(char, i128)] = &[('Y', YEAR), ('M', MONTH), ('W', WEEK), ('D', DAY)];
const TIME_DESIGNATORS: &[(char, i128)] = &[('H', HOUR), ('M', MINUTE), ('S', 1)];

/// Adds up a duration of ISO 8601 behind its `P`: `1DT2H`, `T1M30.5S`, `2W` (RFC 3339, appendix A, and the
/// standard's fractions, with a point or a comma).
fn iso_sum(text: &str, product: fn(Number, i128) -> Option<i128>) -> Option<i128> {
    let (date, time) = match text.split_once(['T', 't']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    // Each half has its own designators. One behind the `T` must have at least one number.
    if time.map_or(date.is_empty(), str::is_empty) {
        return None;
    }
    let halves = [
        (date, DATE_DESIGNATORS),
        (time.unwrap_or_default(), TIME_DESIGNATORS),
    ];
    let mut sum = 0_i128;
    for (mut rest, mut allowed) in halves {
        while !rest.is_empty() {
            let (number, after) = Number::take_with_comma(rest)?;
            let designator = after.chars().next()?.to_ascii_uppercase();
            let at = allowed.iter().position(|(name, _)| *name == designator)?;
            let seconds = allowed[at].1;
            sum = sum.saturating_add(product(number, seconds * SECOND)?);
            // Designators are ASCII: one byte each.
            rest = &after[1..];
            allowed = &allowed[at + 1..];
        }
    }
    Some(sum)
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
    fn durations_of_iso_8601_are_read() {
        for (text, seconds) in [
            ("PT30S", 30.0),
            ("PT1M30.5S", 90.5),
            ("PT1,5S", 1.5),
            ("pt0.25h", 900.0),
            ("P1D", 86_400.0),
            ("P1DT12H", 129_600.0),
            ("P2W", 1_209_600.0),
            ("P1M", 30.0 * 86_400.0),
            ("PT1M", 60.0),
            ("P1Y", 365.0 * 86_400.0),
            ("-PT5S", -5.0),
            ("\"PT0S\"", 0.0),
        ] {
            let nanos = (seconds * SECOND as f64) as i128;
            assert_eq!(super::nanos(text), Some(nanos), "{text:?}");
        }
        for text in [
            "P",
            "PT",
            "T30S",
            "PT30",
            "P30S",
            "P1DT",
            "PT1S1M",
            "PT1S1S",
            "P-1D",
            "PT.5S",
            "P1H",
            "PT1e3S",
            "PTinfS",
            "P 1D",
            "PT1\u{b5}",
            "Pt1\u{17f}",
        ] {
            assert_eq!(nanos(text), None, "{text:?}");
        }
        let huge = format!("P{}Y", "9".repeat(40));
        assert!(nanos(&huge).is_some_and(|nanos| nanos > i128::from(u64::MAX)));
        assert_eq!(parse(&huge), None);
    }

    #[test]
    fn units_are_joined_to_smaller_ones_by_commas_and_words() {
        for (text, seconds) in [
            ("1 minute and 30 seconds", 90),
            ("1 minute, 30 seconds", 90),
            ("1 hour, 2 minutes, and 3 seconds", 3723),
            ("1h,30m", 5400),
            ("1 day and 1 hour", 90_000),
        ] {
            assert_eq!(nanos(text), Some(seconds * SECOND), "{text:?}");
        }
        for text in [
            "30s, 60s",
            "30s and 60s",
            "30 seconds, 1 minute",
            "1m,",
            "1m and",
            "1mand 30s",
            "1m and30s",
            "and 30s",
            "1m,,30s",
        ] {
            assert_eq!(nanos(text), None, "{text:?}");
        }
    }

    #[test]
    fn hours_minutes_and_seconds_are_read_as_dot_net_writes_them() {
        for (text, seconds) in [
            ("00:00:30", 30.0),
            ("00:01:30", 90.0),
            ("'01:00:00'", 3600.0),
            ("00:00:00.2500000", 0.25),
            ("1.02:03:04", 93_784.0),
            ("36:00:00", 129_600.0),
            ("-00:00:05", -5.0),
        ] {
            let nanos = (seconds * SECOND as f64) as i128;
            assert_eq!(super::nanos(text), Some(nanos), "{text:?}");
        }
        for text in [
            "1:30",
            "00:60:00",
            "00:00:60",
            "00:00:-1",
            "00:00:",
            ":00:30",
            "::",
            "00:00:30s",
            "1:2:3:4",
            "a:00:30",
            "1..02:00:00",
            "2026-01-01T00:00:30Z",
        ] {
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
            (" 9 s", 9_000),
            ("\"30s\"", 30_000),
            ("1 min 30 sec", 90_000),
            ("PT1M30.5S", 90_500),
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
            "", "5", "\"5\"", "s", "-1s", "1e3s", "infs", "5x", "1M", "+1s", "-PT1S",
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
