//! Estimate of round-trip times and their variation.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Weight of one round trip in the mean and the deviation.
const GAIN: f64 = 1.0 / 32.0;

/// Mean and mean deviation of round trips in seconds, smoothed as in RFC 6298, section 2.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct RoundTrips {
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl RoundTrips {
    /// Returns the estimate after one more round trip.
    pub(super) fn seen(before: Option<Self>, trip: Duration) -> Self {
        let trip = trip.as_secs_f64();
        let Some(Self { mean, deviation }) = before else {
            return Self {
                mean: trip,
                deviation: trip / 2.0,
            };
        };
        Self {
            mean: mean + GAIN * (trip - mean),
            deviation: deviation + GAIN * ((trip - mean).abs() - deviation),
        }
    }
}
