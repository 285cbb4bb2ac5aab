//! How much round trips differ.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much a round trip counts for the mean and the deviation of all.
const GAIN: f64 = 1.0 / 32.0;

/// How long round trips take, in seconds, and by how much they differ from that (RFC 6298, section 2).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct RoundTrips {
    mean: f64,
    pub(super) deviation: f64,
}

impl RoundTrips {
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
