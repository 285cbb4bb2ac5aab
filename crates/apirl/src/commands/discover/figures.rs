//! Figures as they are written: rates with three digits, seconds with three decimals.

use std::time::Duration;

use serde::Serializer;

/// Returns a rate with three digits that count, rounded down: a faster one might be refused.
pub(super) fn rounded(rate: f64) -> f64 {
    if !(rate.is_finite() && rate > 0.0) {
        return rate;
    }
    let unit = 10_f64.powf(rate.log10().floor() - 2.0);
    // A decimal point in the text avoids the noise of a binary fraction.
    let down = (rate / unit + 1e-9).floor() * unit;
    format!("{down:.6}").parse().unwrap_or(down)
}

/// Writes seconds with three decimals.
pub(super) fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    let millis = duration.as_secs_f64() * 1e3;
    to.serialize_f64(millis.round() / 1e3)
}

/// Writes seconds with three decimals, or null.
pub(super) fn optional_seconds<S: Serializer>(
    duration: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => seconds(duration, to),
        None => to.serialize_none(),
    }
}
