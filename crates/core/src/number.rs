//! Plain decimal numbers, as servers write counts, seconds and epochs.
//!
//! Rust's own `parse::<f64>` does not fit: it accepts `inf`, `NaN`, `1e3` and `+5`, which no header means.
//! Here a number is digits, optionally with a point and more digits. A number that is too large saturates
//! instead of failing.

/// Nanoseconds in a second.
pub(crate) const SECOND: i128 = 1_000_000_000;

/// Nanoseconds in a millisecond.
pub(crate) const MILLISECOND: i128 = 1_000_000;

/// Digits of a fraction that are kept, down to one nanosecond of a second. Later digits are dropped.
const FRACTION_DIGITS: usize = 9;

/// A decimal number as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    /// Whole part, saturating.
    whole: u64,
    /// Fraction in billionths.
    billionths: u32,
}

impl Number {
    /// Parses a whole text as a number: `["-"] 1*DIGIT ["." 1*DIGIT]`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, rest) = Self::take(digits)?;
        rest.is_empty().then_some(Self { negative, ..number })
    }

    /// Parses the number at the start of a text, without a sign; returns it and the rest of the text.
    pub(crate) fn take(text: &str) -> Option<(Self, &str)> {
        Self::take_with(text, &['.'])
    }

    /// Parses as [`take`](Self::take), with a comma or a point before the fraction: ISO 8601 has both.
    pub(crate) fn take_with_comma(text: &str) -> Option<(Self, &str)> {
        Self::take_with(text, &['.', ','])
    }

    fn take_with<'a>(text: &'a str, points: &[char]) -> Option<(Self, &'a str)> {
        let (digits, rest) = split_digits(text)?;
        let whole = digits.bytes().fold(0_u64, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(u64::from(digit - b'0'))
        });
        let fraction = rest.strip_prefix(points).and_then(split_digits);
        let (billionths, rest) = match fraction {
            Some((digits, rest)) => (billionths(digits), rest),
            None => (0, rest),
        };
        Some((
            Self {
                negative: false,
                whole,
                billionths,
            },
            rest,
        ))
    }

    /// Returns the nanoseconds of this number of units, each `unit` nanoseconds long.
    pub(crate) fn times(self, unit: i128) -> i128 {
        let whole = i128::from(self.whole).saturating_mul(unit);
        let size = whole.saturating_add(i128::from(self.billionths).saturating_mul(unit) / SECOND);
        if self.negative { -size } else { size }
    }

    /// Returns the number as a count of requests or tokens, rounded down: Reddit writes `96.0`. A negative
    /// number is not a count, because servers write `-1` for "no limit".
    pub(crate) fn count(self) -> Option<u64> {
        (!self.is_negative()).then_some(self.whole)
    }

    /// Returns whether the number is above zero and below one.
    pub(crate) fn is_fraction(self) -> bool {
        self.whole == 0 && self.billionths > 0 && !self.negative
    }

    /// Returns whether the number is below zero.
    pub(crate) fn is_negative(self) -> bool {
        self.negative && (self.whole, self.billionths) != (0, 0)
    }

    /// Returns the whole part, saturating, without the sign.
    pub(crate) fn whole(self) -> u64 {
        self.whole
    }
}

/// Splits a text behind the digits at its start; `None` if there are none.
pub(crate) fn split_digits(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    (end > 0).then(|| text.split_at(end))
}

/// Converts the digits behind a point to billionths.
fn billionths(digits: &str) -> u32 {
    let kept = digits
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(FRACTION_DIGITS);
    kept.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_with_at_most_one_point_are_a_number() {
        for text in [
            "", "-", ".", "5.", ".5", "1e3", "+5", "0x1E", "inf", "NaN", "1.2.3", "--1", "1 ", "١",
        ] {
            assert_eq!(Number::parse(text), None, "{text:?}");
        }
        assert_eq!(Number::parse("007").and_then(Number::count), Some(7));
        assert_eq!(Number::parse("0.0").and_then(Number::count), Some(0));
        assert_eq!(Number::parse("-0").and_then(Number::count), Some(0));
        assert_eq!(Number::parse("-1").and_then(Number::count), None);
        assert_eq!(Number::parse("-0.5").and_then(Number::count), None);
    }

    #[test]
    fn numbers_beyond_the_range_saturate_instead_of_failing() {
        let huge = "9".repeat(40);
        assert_eq!(Number::parse(&huge).and_then(Number::count), Some(u64::MAX));
        assert!(Number::parse(&huge).is_some_and(|number| number.times(i128::MAX) == i128::MAX));
    }

    #[test]
    fn fractions_are_exact_to_the_nanosecond() {
        let of = |text: &str, unit| Number::parse(text).map(|number| number.times(unit));
        assert_eq!(of("87.5", MILLISECOND), Some(87_500_000));
        assert_eq!(of("0.0000000019", SECOND), Some(1));
        assert_eq!(of("-1.25", SECOND), Some(-1_250_000_000));
    }
}
