//! Durations as numbers of seconds in JSON, for serde's `with`. Texts in any form of a duration are read, too.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};
use serde_json::Value;

use crate::duration;

/// Writes the duration as a number of seconds.
///
/// # Errors
///
/// The serializer's own.
pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64())
}

/// Reads a number of seconds of at least 0, or a duration with units: `30`, `"30s"`, `"PT30S"`.
///
/// # Errors
///
/// The deserializer's own, a number that is negative or too large, and a text that is not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    read(&Value::deserialize(from)?)
}

fn read<E: Error>(value: &Value) -> Result<Duration, E> {
    let duration = match value {
        Value::Number(seconds) => match seconds.as_f64() {
            Some(seconds) => return checked(seconds),
            None => None,
        },
        Value::String(text) => duration::parse(text),
        _ => None,
    };
    duration.ok_or_else(|| {
        E::custom(format_args!(
            "{value} is not a valid duration (expected a number of seconds, or a text such as \"30s\")"
        ))
    })
}

/// Converts a number of seconds.
///
/// # Errors
///
/// A number that is negative, too large or not a number.
pub fn checked<E: Error>(seconds: f64) -> Result<Duration, E> {
    // The longest duration rounds up as a float, to more than can be counted.
    if seconds == Duration::MAX.as_secs_f64() {
        return Ok(Duration::MAX);
    }
    Duration::try_from_secs_f64(seconds).map_err(|_| {
        E::custom(format_args!(
            "{seconds} is not a valid number of seconds (expected at least 0)"
        ))
    })
}

/// Optional durations as numbers of seconds or `null`, for serde's `with`.
pub mod optional {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    /// Writes the seconds, or `null`.
    ///
    /// # Errors
    ///
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|value| value.as_secs_f64()).serialize(to)
    }

    /// Reads a number of seconds of at least 0, a duration with units, or `null`.
    ///
    /// # Errors
    ///
    /// The deserializer's own, a number that is negative or too large, and a text that is not a duration.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let value = Option::<Value>::deserialize(from)?;
        value.as_ref().map(super::read).transpose()
    }
}
