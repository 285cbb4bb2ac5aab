//! Text form of a builder: `limit=pacing:10/s shape=notion`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::builder::SimulatedApiBuilder;
use super::setting_error::SettingError;
use crate::duration_text::duration;
use crate::rules::Limit;

/// Examples of all settings, shown in errors.
const WORDS: &str = "limit=pacing:10/s, change=200s:pacing:4/s, hint=seconds, announce=1, shape=notion, \
                     fault=cut:2%, round-trip=80ms, refusal-status=429, seed=1, items=1000, port=8080";

/// Reads a builder from words `name=value`. Each word sets what the method with that name sets. `limit`,
/// `change` and `fault` may be repeated. Limits that start together are joined by `+`:
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

/// Applies one word.
fn word(builder: SimulatedApiBuilder, word: &str) -> Result<SimulatedApiBuilder, SettingError> {
    let invalid = || {
        SettingError::new(format!(
            "{word:?} is not a valid setting (expected for example {WORDS})"
        ))
    };
    let (name, value) = word.split_once('=').ok_or_else(invalid)?;
    Ok(match name {
        "limit" => builder.limit(read(value)?),
        "change" => {
            let (after, limits) = value.split_once(':').ok_or_else(invalid)?;
            let limits: Result<Vec<Limit>, _> = limits.split('+').map(read).collect();
            builder.change_after(time(after)?, limits?)
        }
        "hint" => builder.hint(read(value)?),
        "announce" => builder.announce(number(name, value)?),
        "shape" => builder.shape(read(value)?),
        "fault" => builder.fault(read(value)?),
        "round-trip" => builder.round_trip(time(value)?),
        "refusal-status" => builder.refusal_status(number(name, value)?),
        "seed" => builder.seed(number(name, value)?),
        "items" => builder.items(number(name, value)?),
        "port" => builder.port(number(name, value)?),
        _ => return Err(invalid()),
    })
}

/// Reads a value by its own text form.
fn read<T: FromStr<Err: fmt::Display>>(value: &str) -> Result<T, SettingError> {
    let read = value.parse();
    read.map_err(|error: T::Err| SettingError::new(error.to_string()))
}

/// Reads a whole number.
fn number<T: FromStr<Err: fmt::Display>>(name: &str, value: &str) -> Result<T, SettingError> {
    let read = value.parse();
    read.map_err(|error: T::Err| {
        SettingError::new(format!(
            "{name} must be a whole number, not {value:?}: {error}"
        ))
    })
}

/// Reads a duration.
fn time(value: &str) -> Result<Duration, SettingError> {
    let invalid = || {
        SettingError::new(format!(
            "{value:?} is not a valid duration (expected for example 80ms, 2s or 1.5min)"
        ))
    };
    duration(value).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::fault::Fault;
    use crate::http::hint::Hint;
    use crate::http::shape::Shape;

    #[test]
    fn a_text_sets_what_the_methods_set() {
        let text = "limit=pacing:10/s limit=concurrency:5 change=200s:pacing:4/s+concurrency:2 hint=ietf \
                    announce=1 shape=vanta fault=cut:2% round-trip=80ms refusal-status=503 seed=7 items=12 port=8080";
        let limit = |text: &str| Limit::parse(text).expect("a limit");
        let expected = SimulatedApiBuilder::new()
            .limit(limit("pacing:10/s"))
            .limit(limit("concurrency:5"))
            .change_after(
                Duration::from_secs(200),
                [limit("pacing:4/s"), limit("concurrency:2")],
            )
            .hint(Hint::Ietf)
            .announce(1)
            .shape(Shape::Vanta)
            .fault(Fault::cut_before_response(0.02).expect("a fault"))
            .round_trip(Duration::from_millis(80))
            .refusal_status(503)
            .seed(7)
            .items(12)
            .port(8080);
        let read: SimulatedApiBuilder = text.parse().expect("settings");
        assert_eq!(format!("{read:?}"), format!("{expected:?}"));
    }

    #[test]
    fn an_error_names_the_invalid_part() {
        for (text, named) in [
            ("limit", "\"limit\" is not a valid setting"),
            ("speed=3", "\"speed=3\" is not a valid setting"),
            ("change=pacing", "\"change=pacing\" is not a valid setting"),
            ("change=soon:pacing:1/s", "\"soon\" is not a valid duration"),
            ("change=1s:", "is not a valid limit"),
            ("limit=lots", "\"lots\" is not a valid limit"),
            ("fault=cut:200%", "a probability must be within 0 and 1"),
            ("hint=loud", "\"loud\" is not a valid hint"),
            ("shape=", "\"\" is not a valid shape"),
            ("round-trip=5", "\"5\" is not a valid duration"),
            ("port=65536", "port must be a whole number, not \"65536\""),
            ("items=-1", "items must be a whole number, not \"-1\""),
        ] {
            let error = text.parse::<SimulatedApiBuilder>().expect_err(text);
            assert!(error.to_string().contains(named), "{error}");
        }
    }

    #[test]
    fn names_are_displayed_as_they_were_written() {
        for name in ["echo", "notion", "vanta", "fieldguide", "github"] {
            assert_eq!(name.parse::<Shape>().expect("a shape").to_string(), name);
        }
        for name in ["none", "seconds", "date", "headers", "ietf", "vendor"] {
            assert_eq!(name.parse::<Hint>().expect("a hint").to_string(), name);
        }
    }
}
