//! A duration as a number of seconds, in text: for serde's `with`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

pub(crate) fn serialize<S: Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    checked(f64::deserialize(from)?)
}

/// More seconds than can be counted, such as [`Duration::MAX`] as a float, are as many as can.
pub(crate) fn checked<E: Error>(seconds: f64) -> Result<Duration, E> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) => Ok(duration),
        Err(_) if seconds.is_finite() && seconds > 0.0 => Ok(Duration::MAX),
        Err(_) => Err(E::custom(format_args!(
            "{seconds} is not a number of seconds of at least 0"
        ))),
    }
}
