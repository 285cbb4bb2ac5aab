//! Settings as text: names, and a whole builder from `limit=pacing:10/s shape=notion`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use super::builder::SimulatedApiBuilder;
use crate::Limit;
use crate::limit::duration;

/// The text of a setting is not understood; says what it could be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SettingError(Box<str>);

impl SettingError {
    /// What is called so; an error lists the names there are.
    pub(super) fn named<T: Copy>(
        what: &str,
        text: &str,
        names: &[(&str, T)],
    ) -> Result<T, SettingError> {
        let wanted = text.trim();
        if let Some((_, found)) = names.iter().find(|(name, _)| *name == wanted) {
            return Ok(*found);
        }
        let names: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        Err(Self::new(format!(
            "{text:?} is not {what}; it should be one of {}",
            names.join(", ")
        )))
    }

    fn new(message: impl Into<Box<str>>) -> Self {
        Self(message.into())
    }
}

/// What is shown when a word is not understood.
const WORDS: &str = "limit=pacing:10/s, change=200s:pacing:4/s, hint=seconds, shape=notion, \
                     fault=cut:2%, round-trip=80ms, refusal-status=429, seed=1, items=1000, port=8080";

/// Reads the whole from words `name=value`, as the methods of the same name take it; `limit`, `change`
/// and `fault` may be repeated. Several limits that come into force together are joined by `+`:
/// `change=200s:pacing:4/s+concurrency:2`.
///
/// ```
/// use api_ratelimiter_simulator::{SimulatedApi, SimulatedApiBuilder};
///
/// let text = "shape=github limit=fixed-window:100/60s hint=vendor fault=cut:2% items=250";
/// let api = text.parse::<SimulatedApiBuilder>()?.start()?;
/// assert_eq!(api.stats().connections, 0);
/// assert!("limit=lots".parse::<SimulatedApiBuilder>().is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
impl FromStr for SimulatedApiBuilder {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        text.split_whitespace().try_fold(Self::new(), word)
    }
}

fn word(builder: SimulatedApiBuilder, word: &str) -> Result<SimulatedApiBuilder, SettingError> {
    let not_understood = || {
        SettingError::new(format!(
            "{word:?} is not a setting; it should be like {WORDS}"
        ))
    };
    let (name, value) = word.split_once('=').ok_or_else(not_understood)?;
    Ok(match name {
        "limit" => builder.limit(read(value)?),
        "change" => {
            let (after, limits) = value.split_once(':').ok_or_else(not_understood)?;
            let limits: Result<Vec<Limit>, _> = limits.split('+').map(read).collect();
            builder.change_after(time(after)?, limits?)
        }
        "hint" => builder.hint(read(value)?),
        "shape" => builder.shape(read(value)?),
        "fault" => builder.fault(read(value)?),
        "round-trip" => builder.round_trip(time(value)?),
        "refusal-status" => builder.refusal_status(number(name, value)?),
        "seed" => builder.seed(number(name, value)?),
        "items" => builder.items(number(name, value)?),
        "port" => builder.port(number(name, value)?),
        _ => return Err(not_understood()),
    })
}

fn read<T: FromStr<Err: fmt::Display>>(value: &str) -> Result<T, SettingError> {
    let read = value.parse();
    read.map_err(|error: T::Err| SettingError::new(error.to_string()))
}

fn number<T: FromStr<Err: fmt::Display>>(name: &str, value: &str) -> Result<T, SettingError> {
    let read = value.parse();
    read.map_err(|error: T::Err| {
        SettingError::new(format!(
            "{name} must be a whole number, not {value:?}: {error}"
        ))
    })
}

fn time(value: &str) -> Result<Duration, SettingError> {
    let wrong = || {
        SettingError::new(format!(
            "{value:?} is not a duration; it should be like 80ms, 2s or 1.5min"
        ))
    };
    duration(value).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, Hint, Shape};

    #[test]
    fn a_text_means_what_the_methods_mean() {
        let text = "limit=pacing:10/s limit=concurrency:5 change=200s:pacing:4/s+concurrency:2 hint=ietf \
                    shape=vanta fault=cut:2% round-trip=80ms refusal-status=503 seed=7 items=12 port=8080";
        let limit = |text: &str| Limit::parse(text).expect("a limit");
        let expected = SimulatedApiBuilder::new()
            .limit(limit("pacing:10/s"))
            .limit(limit("concurrency:5"))
            .change_after(
                Duration::from_secs(200),
                [limit("pacing:4/s"), limit("concurrency:2")],
            )
            .hint(Hint::Ietf)
            .shape(Shape::Vanta)
            .fault(Fault::cut_before_answer(0.02).expect("a fault"))
            .round_trip(Duration::from_millis(80))
            .refusal_status(503)
            .seed(7)
            .items(12)
            .port(8080);
        let read: SimulatedApiBuilder = text.parse().expect("settings");
        assert_eq!(format!("{read:?}"), format!("{expected:?}"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (text, named) in [
            ("limit", "\"limit\" is not a setting"),
            ("speed=3", "\"speed=3\" is not a setting"),
            ("change=pacing", "\"change=pacing\" is not a setting"),
            ("change=soon:pacing:1/s", "\"soon\" is not a duration"),
            ("change=1s:", "is not a limit"),
            ("limit=lots", "\"lots\" is not a limit"),
            ("fault=cut:200%", "a probability must be within 0 and 1"),
            ("hint=loud", "\"loud\" is not a hint"),
            ("shape=", "\"\" is not a shape"),
            ("round-trip=5", "\"5\" is not a duration"),
            ("port=65536", "port must be a whole number, not \"65536\""),
            ("items=-1", "items must be a whole number, not \"-1\""),
        ] {
            let error = text.parse::<SimulatedApiBuilder>().expect_err(text);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn names_are_given_back_as_they_were() {
        for name in ["echo", "notion", "vanta", "fieldguide", "github"] {
            assert_eq!(name.parse::<Shape>().expect("a shape").to_string(), name);
        }
        for name in ["none", "seconds", "date", "headers", "ietf", "vendor"] {
            assert_eq!(name.parse::<Hint>().expect("a hint").to_string(), name);
        }
    }
}
