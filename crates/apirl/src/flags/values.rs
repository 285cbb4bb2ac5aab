//! Values of flags that are more than a word or a number: changes, pacing strategies, ranges of time.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use api_ratelimiter_simulator::Limit;

use crate::quantity::{decimal, duration, rate};

/// A hidden limit, such as `token-bucket:10/s,burst=20`.
pub(super) fn limit(text: &str) -> Result<Limit, String> {
    Limit::parse(text).map_err(|error| error.to_string())
}

/// A round trip: `80ms..250ms`, or one duration for both ends.
pub(super) fn round_trip(text: &str) -> Result<(Duration, Duration), String> {
    let (least, most) = text.split_once("..").unwrap_or((text, text));
    let (least, most) = (duration(least)?, duration(most)?);
    if least > most {
        return Err("the first time must not be longer than the second".to_owned());
    }
    if most.is_zero() || most > Duration::from_secs(3600) {
        return Err("a round trip must be greater than zero and at most 1h".to_owned());
    }
    Ok((least, most))
}

/// A change of the hidden limits: `200s=4/s` or `200s=fixed-window:100/60s`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) at: Duration,
    pub(crate) to: NewLimit,
}

/// What holds from a change on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum NewLimit {
    /// A new rate for the one limit that has a rate.
    Rate(f64),
    /// A limit that replaces all limits. Several of one time hold together.
    Replaced(Limit),
}

impl Change {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (at, to) = text
            .split_once('=')
            .ok_or("it must be a time and a rate or limit, like 200s=4/s")?;
        let to = match rate(to) {
            Some(rate) => NewLimit::Rate(rate),
            None if !to.contains(':') => {
                return Err(format!("{to:?} is neither a rate like 4/s nor a limit"));
            }
            None => NewLimit::Replaced(limit(to)?),
        };
        Ok(Self {
            at: duration(at)?,
            to,
        })
    }
}

/// How simulated clients decide when to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pacing {
    /// As the library does.
    Learned,
    /// As the library does with learning off.
    Aimd,
    /// A fixed number of requests per second.
    Fixed(f64),
}

/// Fixed rates that can be simulated: from one request a day to a million per second.
const FIXED_RATES: RangeInclusive<f64> = 1e-5..=1e6;

impl Pacing {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "learned" => return Ok(Self::Learned),
            None if text == "aimd" => return Ok(Self::Aimd),
            Some(("fixed", rate)) => {
                if let Some(rate) = decimal(rate).filter(|rate| FIXED_RATES.contains(rate)) {
                    return Ok(Self::Fixed(rate));
                }
            }
            _ => {}
        }
        Err(
            "it must be learned, aimd, or fixed:RATE with a rate from 0.00001 to 1000000"
                .to_owned(),
        )
    }
}

impl fmt::Display for Pacing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Learned => f.write_str("learned"),
            Self::Aimd => f.write_str("aimd"),
            Self::Fixed(rate) => write!(f, "fixed at {rate}/s"),
        }
    }
}
