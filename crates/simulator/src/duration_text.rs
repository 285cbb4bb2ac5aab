//! Durations and decimal numbers as text.

use std::fmt;
use std::time::Duration;

/// Units of time with their length in nanoseconds, shortest first.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// Index of the second in `UNITS`: the largest unit that is written.
const SECONDS: usize = 3;

/// Displays a duration in the largest exact unit of s, ms, us and ns. A minute is `60s`, as vendors write it.
pub(crate) struct DurationText(pub(crate) Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let exact = UNITS[..=SECONDS].iter().rev();
        let (unit, length) = exact
            .copied()
            .find(|(_, length)| nanos % u128::from(*length) == 0)
            .unwrap_or(UNITS[0]);
        write!(f, "{}{unit}", nanos / u128::from(length))
    }
}

/// Reads a duration: a number and a unit, or a unit alone, which means one of it.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let nanos_per = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    if number.is_empty() {
        return Some(Duration::from_nanos(nanos_per));
    }
    // Whole numbers first: a float could lose nanoseconds.
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(nanos_per).map(Duration::from_nanos);
    }
    let seconds = decimal(number)? * Duration::from_nanos(nanos_per).as_secs_f64();
    Duration::try_from_secs_f64(seconds).ok()
}

/// Reads a number of digits and a point. `f64` would also accept `inf`, `NaN` and `1e3`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text.parse().ok() } else { None }
}
