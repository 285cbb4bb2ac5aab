//! Durations, rates and sizes as people write them: `80ms`, `10m`, `4/s`, `180/min`, `64MiB`.

use std::time::Duration;

use api_ratelimiter_core::duration::parse;

/// Reads a duration in any form that headers have, but not a number without a unit: `80ms`, `1h30m`,
/// `2 minutes`, `PT30S`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse(text).ok_or_else(|| {
        format!(
            "{text:?} is not a valid duration (expected a number with ms, s, m, h or d, like 80ms or 10m)"
        )
    })
}

/// Units of sizes. Those with an `i` are powers of 1024 (IEC 80000-13), the others of 1000.
const SIZES: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Reads a number of bytes: a decimal number and a unit, whose case does not matter.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let lower = text.to_ascii_lowercase();
    let unit = SIZES
        .iter()
        .find(|(unit, _)| lower.ends_with(&unit.to_ascii_lowercase()));
    let bytes = unit.and_then(|(unit, bytes)| {
        let number = decimal(&text[..text.len() - unit.len()])?;
        Some((number * *bytes as f64).round()).filter(|bytes| (1.0..=9e15).contains(bytes))
    });
    bytes.map(|bytes| bytes as u64).ok_or_else(|| {
        format!("{text:?} is not a valid size (expected a number with B, kB, KiB, MB, MiB, GB or GiB, like 16MiB)")
    })
}

/// Returns a number of bytes in the largest unit of which it is a multiple.
pub(crate) fn shown_size(bytes: u64) -> String {
    let mut units = SIZES.iter().filter(|(_, unit)| bytes.is_multiple_of(*unit));
    let (name, unit) = units.next().unwrap_or(&("B", 1));
    format!("{} {name}", bytes / unit)
}

/// Returns the requests per second of a rate like `4/s`, `180/min` or `100/60s`.
pub(crate) fn rate(text: &str) -> Option<f64> {
    let (count, period) = text.split_once('/')?;
    let period = parse(period).or_else(|| parse(&format!("1{period}")))?;
    let rate = decimal(count)? / period.as_secs_f64();
    (rate.is_finite() && rate > 0.0).then_some(rate)
}

/// Reads a number with digits and a point only. `f64` alone would also accept `inf`, `NaN` and `1e3`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text.parse().ok() } else { None }
}

/// Returns a duration for people: milliseconds below one second, else seconds, and larger units beside them.
pub(crate) fn spoken(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let plain = |value: f64, unit: &str| {
        let text = format!("{value:.3}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        format!("{text} {unit}")
    };
    match duration.as_secs() {
        0 => plain(seconds * 1e3, "ms"),
        1..120 => plain(seconds, "s"),
        120..7200 => format!("{} ({})", plain(seconds, "s"), plain(seconds / 60.0, "min")),
        7200..172_800 => format!("{} ({})", plain(seconds, "s"), plain(seconds / 3600.0, "h")),
        _ => format!(
            "{} ({})",
            plain(seconds, "s"),
            plain(seconds / 86_400.0, "days")
        ),
    }
}

/// Returns a duration in whole seconds, minutes or hours, rounded up.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        ..120 => format!("{:.0} s", seconds.ceil()),
        120..7200 => format!("{:.0} min", (seconds / 60.0).ceil()),
        _ => format!("{:.0} h", (seconds / 3600.0).ceil()),
    }
}

/// Returns a count with its noun: `1 line`, `2 lines`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_are_read_as_people_write_them() {
        for (text, millis) in [
            ("80ms", 80),
            ("1.5s", 1500),
            ("10m", 600_000),
            ("2min", 120_000),
            ("9 s", 9000),
            ("1 min 30 sec", 90_000),
            ("PT1M30.5S", 90_500),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "-1s",
            "1e3s",
            "infs",
            "PT5",
            "5x",
            "18446744073709551615d",
        ] {
            assert!(duration(text).is_err(), "{text:?}");
        }
        assert_eq!(rate("4/s"), Some(4.0));
        assert_eq!(rate("180/min"), Some(3.0));
        assert_eq!(rate("100/50s"), Some(2.0));
        for text in ["", "4", "0/s", "4/0s", "-4/s", "inf/s", "4/x"] {
            assert_eq!(rate(text), None, "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_and_shown_with_their_units() {
        for (text, bytes, shown) in [
            ("64MiB", 64 << 20, "64 MiB"),
            ("64mib", 64 << 20, "64 MiB"),
            ("1.5KiB", 1536, "1536 B"),
            ("100KiB", 102_400, "100 KiB"),
            ("2MB", 2_000_000, "2 MB"),
            ("7B", 7, "7 B"),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
            assert_eq!(shown_size(bytes), shown);
        }
        for text in [
            "",
            "5",
            "MiB",
            "-1B",
            "0B",
            "1e3B",
            "1 KiB",
            "infB",
            "9999999999GiB",
            "é",
        ] {
            assert!(size(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn long_durations_are_shown_in_two_units() {
        assert_eq!(spoken(Duration::from_millis(80)), "80 ms");
        assert_eq!(spoken(Duration::from_millis(1500)), "1.5 s");
        assert_eq!(spoken(Duration::from_secs(1800)), "1800 s (30 min)");
        assert_eq!(spoken(Duration::from_secs(86_400)), "86400 s (24 h)");
    }
}
