//! A quota: a number of requests per window.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::calendar::{Calendar, Every};
use crate::limiter::FixedLimit;

/// The length of a day, and of the longest month.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MONTH: Duration = DAY.saturating_mul(31);

/// A quota: `requests` per `per`.
///
/// ```
/// use api_ratelimiter_core::LimitConfig;
///
/// assert_eq!(LimitConfig::per_hour(1000.0), LimitConfig::new(1000.0, std::time::Duration::from_secs(3600)));
/// // All of it may go at once each day, from midnight in California on.
/// let _ = LimitConfig::per_day(10_000.0).resets_at("00:00", "America/Los_Angeles");
/// ```
///
/// In JSON `{"requests": 1000, "per_seconds": 3600}`, or, with a calendar,
/// `{"requests": 10000, "per": "day", "resets_at": "00:00", "zone": "America/Los_Angeles"}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "WrittenLimit", into = "WrittenLimit")]
#[non_exhaustive]
pub struct LimitConfig {
    /// Number of requests, above 0. In [`limits`](crate::ApiRateConfig::limits) it is a whole number.
    pub requests: f64,
    /// Length of the window, above 0. In JSON `per_seconds`, in seconds.
    pub per: Duration,
    /// When a day or a month begins anew. Defaults to none: any window of the length counts, wherever it begins.
    pub resets: Option<ResetConfig>,
}

/// When a quota of a day or a month begins anew. Made by [`LimitConfig::resets_at`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResetConfig {
    /// Time of the day, such as `00:00`.
    pub at: String,
    /// Name of the time zone, or its rule.
    pub zone: String,
}

impl LimitConfig {
    /// Creates a quota of `requests` per `per`.
    #[must_use]
    pub const fn new(requests: f64, per: Duration) -> Self {
        Self {
            requests,
            per,
            resets: None,
        }
    }

    /// Creates a quota of `requests` per second.
    #[must_use]
    pub const fn per_second(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(1))
    }

    /// Creates a quota of `requests` per minute.
    #[must_use]
    pub const fn per_minute(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(60))
    }

    /// Creates a quota of `requests` per hour.
    #[must_use]
    pub const fn per_hour(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(3600))
    }

    /// Creates a quota of `requests` in 24 hours, or in each day if it [`resets_at`](Self::resets_at) a time.
    #[must_use]
    pub const fn per_day(requests: f64) -> Self {
        Self::new(requests, DAY)
    }

    /// Creates a quota of `requests` in 31 days, or in each month if it [`resets_at`](Self::resets_at) a time.
    #[must_use]
    pub const fn per_month(requests: f64) -> Self {
        Self::new(requests, MONTH)
    }

    /// Lets a quota of a day begin anew each day at this time, and one of a month on its first day.
    ///
    /// `at` is a time of the day, such as `00:00`. `zone` is a name of the IANA time zone database, such as
    /// `America/Los_Angeles`, or a rule in the form of POSIX, such as `PST8PDT,M3.2.0,M11.1.0`, for a zone whose rule has
    /// changed since the limiter was published. Changes of daylight saving time are followed.
    #[must_use]
    pub fn resets_at(self, at: impl Into<String>, zone: impl Into<String>) -> Self {
        let (at, zone) = (at.into(), zone.into());
        Self {
            resets: Some(ResetConfig { at, zone }),
            ..self
        }
    }

    /// Returns the quota as the limiter keeps it, checked.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks.
    pub(crate) fn fixed(&self) -> Result<FixedLimit, String> {
        let Self {
            requests,
            per,
            resets,
        } = self;
        let whole = requests.fract() == 0.0 && *requests >= 1.0;
        // `as` saturates at `u64::MAX`, which is beyond any real quota.
        let number = if whole { *requests as u64 } else { 0 };
        let limit = match resets {
            None => FixedLimit::new(number, *per),
            Some(ResetConfig { at, zone }) => {
                let (every, word) = match *per {
                    DAY => (Every::Day, "day"),
                    MONTH => (Every::Month, "month"),
                    _ => {
                        return Err(format!(
                            "{per:?} is not a valid window of a quota that resets at a time of the day (expected per_day or \
                             per_month)"
                        ));
                    }
                };
                let calendar = Calendar::new(every, at, zone)?;
                FixedLimit::in_calendar(number, calendar, &format!("{word} {at} {zone}"))
            }
        };
        limit.ok_or_else(|| {
            format!(
                "{requests} requests per {per:?} is not a valid quota (expected a whole number of requests from 1, and a \
                 window above 0)"
            )
        })
    }

    /// Returns whether all of it may go at once: if it is a number of requests in a window that is not short.
    pub(crate) fn may_go_at_once(&self) -> bool {
        self.fixed().is_ok_and(|fixed| fixed.goes_at_once())
    }

    /// Returns the average rate in requests per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.requests / self.per.as_secs_f64()
    }

    /// Checks the quota for use as a rate.
    ///
    /// # Errors
    ///
    /// Says which rule it breaks.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { requests, per, .. } = self;
        if !(requests.is_finite() && *requests > 0.0) {
            return Err(format!(
                "{requests} is not a valid number of requests (expected a finite number above 0)"
            ));
        }
        if per.is_zero() || !(self.rate().is_finite() && self.rate() > 0.0) {
            return Err(format!(
                "{requests} requests per {per:?} is not a valid quota (expected a window above 0)"
            ));
        }
        Ok(())
    }
}

/// Writes the quota for people: `180 per 60 s`, or `10000 per day from 00:00 America/Los_Angeles`.
impl fmt::Display for LimitConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            per,
            resets,
        } = self;
        match resets {
            None => write!(f, "{requests} per {} s", per.as_secs_f64()),
            Some(ResetConfig { at, zone }) => {
                let every = if *per == DAY { "day" } else { "month" };
                write!(f, "{requests} per {every} from {at} {zone}")
            }
        }
    }
}

/// A quota as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimit {
    requests: f64,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        with = "crate::seconds::optional"
    )]
    per_seconds: Option<Duration>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per: Option<WrittenPeriod>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resets_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
}

/// A window by its name.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenPeriod {
    Day,
    Month,
}

impl TryFrom<WrittenLimit> for LimitConfig {
    type Error = String;

    fn try_from(written: WrittenLimit) -> Result<Self, String> {
        let per = match (written.per_seconds, written.per) {
            (Some(per), None) => per,
            (None, Some(WrittenPeriod::Day)) => DAY,
            (None, Some(WrittenPeriod::Month)) => MONTH,
            _ => return Err("a quota needs either per_seconds or per (day or month)".into()),
        };
        let limit = Self::new(written.requests, per);
        match (written.resets_at, written.zone) {
            (None, None) => Ok(limit),
            (Some(at), Some(zone)) => Ok(limit.resets_at(at, zone)),
            _ => Err("a quota needs resets_at and zone together, or neither".into()),
        }
    }
}

impl From<LimitConfig> for WrittenLimit {
    fn from(limit: LimitConfig) -> Self {
        let named = match limit.per {
            DAY => Some(WrittenPeriod::Day),
            MONTH => Some(WrittenPeriod::Month),
            _ => None,
        };
        let per = named.filter(|_| limit.resets.is_some());
        let (resets_at, zone) = limit.resets.map(|it| (it.at, it.zone)).unzip();
        Self {
            requests: limit.requests,
            per_seconds: per.is_none().then_some(limit.per),
            per,
            resets_at,
            zone,
        }
    }
}

#[cfg(test)]
mod tests;
