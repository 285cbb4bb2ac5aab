//! Tells a token bucket from a window by its reset: it announces when it is full again.

use serde::{Deserialize, Serialize};

/// Maximum difference, in seconds, between the announced reset and the time in which what is missing flows in. Resets
/// come in whole seconds.
const ROUNDING: f64 = 1.0;

/// How far that time must have moved while both agreed, as a multiple of the difference that is allowed. In a fixed
/// window the two cross, and agree for no longer than twice the difference.
const MOVED: f64 = 2.5;

/// Whether the reset of a limit is the time in which what is missing flows in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RefillEvidence {
    /// That time, in seconds, when the two began to agree; `None` if they don't.
    began_at: Option<f64>,
    is_bucket: bool,
}

impl RefillEvidence {
    /// Takes in that `missing` requests are gone of a limit that gains one in `interval` seconds, and is full again in
    /// `reset` seconds.
    pub(super) fn seen(self, missing: u64, interval: f64, reset: f64) -> Self {
        let refill = missing as f64 * interval;
        // What is left of the limit comes in whole requests.
        let tolerance = ROUNDING + interval;
        if (reset - refill).abs() > tolerance {
            return Self::default();
        }
        let began_at = self.began_at.unwrap_or(refill);
        let moved = (refill - began_at).abs() >= MOVED * tolerance;
        Self {
            began_at: Some(began_at),
            is_bucket: self.is_bucket || moved,
        }
    }

    /// Returns whether the limit is a bucket.
    pub(super) const fn is_bucket(self) -> bool {
        self.is_bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays requests at this rate against a limit of 60 a minute. `reset` says what it announces, by the seconds since
    /// the start and the requests that are missing.
    fn played(per_second: f64, reset: impl Fn(f64, f64) -> f64) -> bool {
        let mut refill = RefillEvidence::default();
        for number in 1..60 {
            let seconds = f64::from(number) / per_second;
            let missing = f64::from(number);
            refill = refill.seen(missing as u64, 1.0, reset(seconds, missing).ceil());
        }
        refill.is_bucket()
    }

    #[test]
    fn a_limit_whose_reset_is_the_time_to_refill_is_a_bucket() {
        assert!(played(50.0, |_, missing| missing - 0.5));
    }

    #[test]
    fn a_window_that_ends_or_rolls_is_none_whatever_the_pace() {
        for per_second in [0.5, 1.0, 2.0, 10.0, 100.0] {
            assert!(!played(per_second, |seconds, _| 60.0 - seconds));
            assert!(!played(per_second, |seconds, _| 30.0 - seconds));
            assert!(!played(per_second, |_, _| 60.0));
        }
    }

    #[test]
    fn one_announcement_that_does_not_fit_ends_it() {
        let mut refill = RefillEvidence::default();
        for missing in 1..20 {
            refill = refill.seen(missing, 1.0, missing as f64);
        }
        assert!(refill.is_bucket());
        assert!(!refill.seen(20, 1.0, 30.0).is_bucket());
    }
}
