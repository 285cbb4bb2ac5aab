//! Durations as numbers of seconds in JSON, for serde's `with`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Writes the duration as a number of seconds.
///
/// # Errors
///
/// The serializer's own.
pub fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64())
}

/// Reads a number of seconds of at least 0.
///
/// # Errors
///
/// The deserializer's own, and a number that is negative or too large.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    checked(f64::deserialize(from)?)
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

    /// Writes the seconds, or `null`.
    ///
    /// # Errors
    ///
    /// The serializer's own.
    pub fn serialize<S: Serializer>(value: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|value| value.as_secs_f64()).serialize(to)
    }

    /// Reads a number of seconds of at least 0, or `null`.
    ///
    /// # Errors
    ///
    /// The deserializer's own, and a number that is negative or too large.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        Option::<f64>::deserialize(from)?
            .map(super::checked)
            .transpose()
    }
}
