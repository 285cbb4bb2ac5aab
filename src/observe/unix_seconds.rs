//! Serializes wall time as Unix seconds, to the microsecond: a float of seconds is precise enough for that, so a time
//! that is read back is equal.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serializer, de::Error};

const MICROS: f64 = 1e6;

/// Returns the wall time that is `since_1970` after 1970, to the microsecond.
pub(in crate::observe) fn of(since_1970: Duration) -> SystemTime {
    let micros = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_micros(micros))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

pub(in crate::observe) fn serialize<S: Serializer>(
    at: &SystemTime,
    to: S,
) -> Result<S::Ok, S::Error> {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    to.serialize_f64(since.as_micros() as f64 / MICROS)
}

pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<SystemTime, D::Error> {
    let micros = (f64::deserialize(from)? * MICROS).round();
    // Above 2^53 microseconds (the year 2255) a float skips some of them.
    if !(0.0..=9_007_199_254_740_992.0).contains(&micros) {
        return Err(D::Error::custom("a time is not from 1970 to 2255"));
    }
    Ok(of(Duration::from_micros(micros as u64)))
}

/// The earliest and the latest time of something, or `null`.
pub(in crate::observe) mod range {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Seconds(#[serde(with = "super")] SystemTime);

    pub(in crate::observe) fn serialize<S: Serializer>(
        range: &Option<[SystemTime; 2]>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        range.map(|range| range.map(Seconds)).serialize(to)
    }

    pub(in crate::observe) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<[SystemTime; 2]>, D::Error> {
        let range = Option::<[Seconds; 2]>::deserialize(from)?;
        Ok(range.map(|range| range.map(|Seconds(at)| at)))
    }
}
