//! Text form of limits, like `token-bucket:10/s,burst=20`: parsing and display.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use api_ratelimiter_core::Every;

use super::limit::{Limit, LimitError};
use crate::duration_text::{DurationText, decimal, duration};

/// Examples of all forms, shown in errors.
const FORMS: &str = "token-bucket:10/s,burst=20 | fixed-window:100/60s | sliding-window:50/10s | \
                     calendar:10000/day,zone=America/Los_Angeles | pacing:10/s | concurrency:5";

impl Limit {
    /// Reads a limit from its text form, like `"pacing:10/s"`. [`FromStr`] does the same.
    ///
    /// # Errors
    ///
    /// If the text has none of the forms listed at [`Limit`], or a number in it is out of range.
    ///
    /// ```
    /// use api_ratelimiter_simulator::Limit;
    ///
    /// assert_eq!(Limit::parse("pacing:600/min")?, Limit::pacing(10.0)?);
    /// assert!(Limit::parse("10 per second").is_err());
    /// # Ok::<(), api_ratelimiter_simulator::LimitError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LimitError> {
        parse(text)
    }
}

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
                write!(f, "fixed-window:{limit}/{}", DurationText(window))?;
                if phase > Duration::ZERO {
                    write!(f, ",phase={}", DurationText(phase))?;
                }
                Ok(())
            }
            Self::WindowFromFirst { limit, window } => {
                write!(
                    f,
                    "fixed-window:{limit}/{},from=first",
                    DurationText(window)
                )
            }
            Self::Calendar {
                limit, calendar, ..
            } => {
                let every = if calendar.every() == Every::Day {
                    "day"
                } else {
                    "month"
                };
                let zone = calendar.zone_name().unwrap_or_default();
                write!(f, "calendar:{limit}/{every},zone={zone}")
            }
            Self::SlidingWindow { limit, window } => {
                write!(f, "sliding-window:{limit}/{}", DurationText(window))
            }
            Self::Pacing { rate_per_second } => write!(f, "pacing:{rate_per_second}/s"),
            Self::Concurrency { limit } => write!(f, "concurrency:{limit}"),
        }
    }
}

/// Reads a limit: a kind, its main argument and at most one option.
fn parse(text: &str) -> Result<Limit, LimitError> {
    let invalid = || {
        LimitError::new(format!(
            "{text:?} is not a valid limit (expected for example {FORMS})"
        ))
    };
    let (kind, rest) = text.trim().split_once(':').ok_or_else(invalid)?;
    let (main, option) = match rest.split_once(',') {
        Some((main, option)) => (main, Some(option.split_once('=').ok_or_else(invalid)?)),
        None => (rest, None),
    };
    match (kind, option) {
        ("token-bucket", Some(("burst", burst))) => Limit::token_bucket(
            rate(main).ok_or_else(invalid)?,
            decimal(burst).ok_or_else(invalid)?,
        ),
        ("fixed-window", None) => {
            let (limit, window) = count_per(main).ok_or_else(invalid)?;
            Limit::fixed_window(limit, window)
        }
        ("fixed-window", Some(("phase", phase))) => {
            let (limit, window) = count_per(main).ok_or_else(invalid)?;
            let phase = duration(phase).ok_or_else(invalid)?;
            Ok(Limit::fixed_window(limit, window)?.with_phase(phase))
        }
        ("fixed-window", Some(("from", "first"))) => {
            let (limit, window) = count_per(main).ok_or_else(invalid)?;
            Limit::window_from_first(limit, window)
        }
        ("calendar", Some(("zone", zone))) => {
            let (limit, every) = main.split_once('/').ok_or_else(invalid)?;
            let every = match every {
                "day" => Every::Day,
                "month" => Every::Month,
                _ => return Err(invalid()),
            };
            Limit::calendar(limit.parse().map_err(|_| invalid())?, every, zone)
        }
        ("sliding-window", None) => {
            let (limit, window) = count_per(main).ok_or_else(invalid)?;
            Limit::sliding_window(limit, window)
        }
        ("pacing", None) => Limit::pacing(rate(main).ok_or_else(invalid)?),
        ("concurrency", None) => Limit::concurrency(main.parse().map_err(|_| invalid())?),
        _ => Err(invalid()),
    }
}

/// Reads `100/60s`: a number of requests per duration.
fn count_per(text: &str) -> Option<(u32, Duration)> {
    let (count, window) = text.split_once('/')?;
    Some((count.parse().ok()?, duration(window)?))
}

/// Reads `10/s` as requests per second.
fn rate(text: &str) -> Option<f64> {
    let (count, period) = text.split_once('/')?;
    Some(decimal(count)? / duration(period)?.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_displayed_as_it_was_written() {
        for text in [
            "token-bucket:10/s,burst=20",
            "token-bucket:0.3/s,burst=1.5",
            "fixed-window:100/60s",
            "fixed-window:100/1500ms,phase=10us",
            "fixed-window:100/60s,from=first",
            "calendar:10000/day,zone=America/Los_Angeles",
            "calendar:1/month,zone=UTC",
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
    fn durations_accept_several_units() {
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
    fn invalid_limits_are_rejected() {
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
            "fixed-window:10/s,from=last",
            "sliding-window:10/s,from=first",
            "fixed-window:10/18446744073709551615d",
            "fixed-window:10/60parsec",
            "fixed-window:10/9é9s",
            "calendar:5/day",
            "calendar:5/week,zone=UTC",
            "calendar:0/day,zone=UTC",
            "calendar:5/day,zone=Mars",
            "calendar:5/day,zone=UTC0",
            "concurrency:0",
            "leaky:5",
        ] {
            assert!(Limit::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_error_lists_the_valid_forms() {
        let error = Limit::parse("10 per second").expect_err("not a limit");
        assert!(error.to_string().contains("pacing:10/s"), "{error}");
    }
}
