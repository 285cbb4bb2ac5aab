//! Limits as text: `token-bucket:10/s,burst=20` and its like, both ways.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Limit, LimitError};

/// Units of time and their length in nanoseconds, shortest first.
const UNITS: [(&str, u64); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("min", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The place of the second among the units, the largest that is written.
const SECONDS: usize = 3;

/// What is shown when a text is not understood: one example of each form.
const FORMS: &str = "token-bucket:10/s,burst=20 | fixed-window:100/60s | sliding-window:50/10s | \
                     pacing:10/s | concurrency:5";

impl FromStr for Limit {
    type Err = LimitError;

    fn from_str(text: &str) -> Result<Self, LimitError> {
        parse(text)
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TokenBucket {
                rate_per_second,
                burst,
            } => {
                write!(f, "token-bucket:{rate_per_second}/s,burst={burst}")
            }
            Self::FixedWindow {
                limit,
                window,
                phase,
            } => {
                write!(f, "fixed-window:{limit}/{}", Length(window))?;
                if phase > Duration::ZERO {
                    write!(f, ",phase={}", Length(phase))?;
                }
                Ok(())
            }
            Self::SlidingWindow { limit, window } => {
                write!(f, "sliding-window:{limit}/{}", Length(window))
            }
            Self::Pacing { rate_per_second } => write!(f, "pacing:{rate_per_second}/s"),
            Self::Concurrency { limit } => write!(f, "concurrency:{limit}"),
        }
    }
}

/// A duration in the largest of s, ms, us and ns that is exact; minutes stay `60s`, as vendors write.
pub(crate) struct Length(pub(crate) Duration);

impl fmt::Display for Length {
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

pub(super) fn parse(text: &str) -> Result<Limit, LimitError> {
    let not_understood = || {
        LimitError::new(format!(
            "{text:?} is not a limit; it should be like {FORMS}"
        ))
    };
    let (kind, rest) = text.trim().split_once(':').ok_or_else(not_understood)?;
    let (main, option) = match rest.split_once(',') {
        Some((main, option)) => (
            main,
            Some(option.split_once('=').ok_or_else(not_understood)?),
        ),
        None => (rest, None),
    };
    match (kind, option) {
        ("token-bucket", Some(("burst", burst))) => Limit::token_bucket(
            rate(main).ok_or_else(not_understood)?,
            decimal(burst).ok_or_else(not_understood)?,
        ),
        ("fixed-window", None) => {
            let (limit, window) = count_per(main).ok_or_else(not_understood)?;
            Limit::fixed_window(limit, window)
        }
        ("fixed-window", Some(("phase", phase))) => {
            let (limit, window) = count_per(main).ok_or_else(not_understood)?;
            let phase = duration(phase).ok_or_else(not_understood)?;
            Ok(Limit::fixed_window(limit, window)?.with_phase(phase))
        }
        ("sliding-window", None) => {
            let (limit, window) = count_per(main).ok_or_else(not_understood)?;
            Limit::sliding_window(limit, window)
        }
        ("pacing", None) => Limit::pacing(rate(main).ok_or_else(not_understood)?),
        ("concurrency", None) => Limit::concurrency(main.parse().map_err(|_| not_understood())?),
        _ => Err(not_understood()),
    }
}

fn count_per(text: &str) -> Option<(u32, Duration)> {
    let (count, window) = text.split_once('/')?;
    Some((count.parse().ok()?, duration(window)?))
}

fn rate(text: &str) -> Option<f64> {
    let (count, period) = text.split_once('/')?;
    Some(decimal(count)? / duration(period)?.as_secs_f64())
}

/// A number and a unit, or a unit alone, which means one of it.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let nanos_per = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    if number.is_empty() {
        return Some(Duration::from_nanos(nanos_per));
    }
    // Whole numbers first: they must not lose a nanosecond on the way through a float.
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(nanos_per).map(Duration::from_nanos);
    }
    let seconds = decimal(number)? * Duration::from_nanos(nanos_per).as_secs_f64();
    Duration::try_from_secs_f64(seconds).ok()
}

/// Digits and a point only: `f64` would also read `inf`, `NaN` and `1e3`.
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
    fn the_text_of_a_limit_is_given_back_as_it_was() {
        for text in [
            "token-bucket:10/s,burst=20",
            "token-bucket:0.3/s,burst=1.5",
            "fixed-window:100/60s",
            "fixed-window:100/1500ms,phase=10us",
            "sliding-window:50/10s",
            "sliding-window:50/1ns",
            "pacing:10/s",
            "concurrency:5",
        ] {
            let limit = Limit::parse(text).expect(text);
            assert_eq!(limit.to_string(), text);
        }
    }

    #[test]
    fn units_may_be_written_in_several_ways() {
        assert_eq!(Limit::parse("pacing:180/min"), Limit::pacing(3.0));
        assert_eq!(Limit::parse("pacing:180/60s"), Limit::pacing(3.0));
        assert_eq!(
            Limit::parse("fixed-window:5000/h"),
            Limit::fixed_window(5000, Duration::from_secs(3600))
        );
        assert_eq!(
            Limit::parse("sliding-window:5/0.5s"),
            Limit::sliding_window(5, Duration::from_millis(500))
        );
    }

    #[test]
    fn what_is_not_a_limit_is_refused() {
        for text in [
            "",
            ":",
            "pacing",
            "pacing:",
            "pacing:10",
            "pacing:10/",
            "pacing:inf/s",
            "pacing:1e3/s",
            "pacing:-1/s",
            "pacing:0/s",
            "pacing:10/0s",
            "pacing:10/s,burst=5",
            "token-bucket:10/s",
            "token-bucket:10/s,burst",
            "token-bucket:10/s,burst=",
            "fixed-window:1.5/s",
            "fixed-window:10/18446744073709551615d",
            "fixed-window:10/60parsec",
            "fixed-window:10/9é9s",
            "concurrency:0",
            "leaky:5",
        ] {
            assert!(Limit::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_refusal_shows_the_forms() {
        let error = Limit::parse("10 per second").expect_err("no limit");
        assert!(error.to_string().contains("pacing:10/s"), "{error}");
    }
}
