//! Durations and decimal numbers as text.

use std::fmt;
use std::time::Duration;

use api_ratelimiter_core::duration;

/// Units in which durations are written, with their length in nanoseconds, longest first.
const UNITS: [(&str, u128); 4] = [
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Displays a duration in the largest exact unit of s, ms, us and ns. A minute is `60s`, as vendors write it.
pub(crate) struct DurationText(pub(crate) Duration);

impl fmt::Display for DurationText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let exact = UNITS.iter().find(|(_, length)| nanos % length == 0);
        let (unit, length) = exact.copied().unwrap_or(("ns", 1));
        write!(f, "{}{unit}", nanos / length)
    }
}

/// Reads a duration: numbers with units, or a unit alone, which means one of it.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    // A fraction may stand without its zero: `.5s`.
    if text.starts_with('.') {
        return duration::parse(&format!("0{text}"));
    }
    duration::unit(text).or_else(|| duration::parse(text))
}

/// Reads a number of digits and a point. `f64` would also accept `inf`, `NaN` and `1e3`.
pub(crate) fn decimal(text: &str) -> Option<f64> {
    let plain = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_numbers_with_units_or_units() {
        let millis = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("80ms"), Some(80));
        assert_eq!(millis("min"), Some(60_000));
        assert_eq!(millis(".5s"), Some(500));
        assert_eq!(millis("1m30s"), Some(90_000));
        assert_eq!(millis("PT1M30S"), Some(90_000));
        for text in ["", ".", "5", "s5", "-1s", "1e3s"] {
            assert_eq!(millis(text), None, "{text:?}");
        }
    }
}
