//! Probes: short tests beyond the ceiling, and the meaning of an unusually long one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::law::Law;
use crate::rate::Rate;
use crate::time::Time;

/// Maximum growth per success in a probe, per second. A larger one overshoots by the requests in flight.
const STEP: f64 = 0.1;

/// How far above the ceiling a probe goes while it repeats the last one. There, a higher rate shows nothing new, and
/// in a long window it only leaves a longer pause.
const GENTLE: f64 = 1.25;

/// Multiple of the tolerance of the last probe that a probe must get through before the limit counts as raised.
const FURTHER: f64 = 1.5;

/// Requests on top of [`FURTHER`] that may get through by the luck of timing.
const LUCK: f64 = 2.0;

/// Assumed tolerance of a server above its rate, before it is known, in seconds' worth of requests. A low guess costs
/// one refusal; a high one costs a whole interval between probes.
const TOLERATED_SECONDS: f64 = 0.5;

/// Part of a pause in which the server owes nothing. A longer pause belongs to the probe's time.
const FREE_PAUSE: Duration = Duration::from_secs(1);

/// A probe in progress.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) began: Time,
    /// Number of requests accepted before it.
    pub(crate) accepted_before: u64,
}

/// Requests that a probe got through, and its time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Yield {
    requests: f64,
    seconds: f64,
}

impl Yield {
    /// Returns the requests beyond what the ceiling allows in that time.
    fn excess(&self, ceiling: Rate) -> f64 {
        self.requests - ceiling.as_per_second() * self.seconds
    }
}

/// End of a probe.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Refused {
    /// Number of requests accepted until then, with those before the probe.
    pub(crate) accepted: u64,
    /// When the refusal arrived.
    pub(crate) at: Time,
    /// The pause that followed.
    pub(crate) pause: Duration,
    /// The rate that was refused.
    pub(crate) rate: Rate,
}

/// Results of the probes so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probes {
    last: Option<Yield>,
    /// Number of requests above the ceiling that the server accepted before it refused, last time.
    tolerated: Option<f64>,
}

impl Probes {
    /// Returns the rate after one more success in `probe`.
    pub(crate) fn grown(
        &self,
        probe: &Probe,
        accepted: u64,
        now: Time,
        ceiling: Rate,
        rate: Rate,
        law: &Law,
    ) -> Rate {
        let grown = law.grown(rate, law.increase_step.min(STEP));
        let top = law.within(ceiling.scaled(GENTLE));
        if self.is_known_ground(probe, accepted, now, ceiling) {
            grown.min(top.max(rate))
        } else {
            grown
        }
    }

    /// Returns whether `probe` has shown no more than the last one.
    fn is_known_ground(&self, probe: &Probe, accepted: u64, now: Time, ceiling: Rate) -> bool {
        let span = now.saturating_since(probe.began);
        self.tolerated.is_some_and(|tolerated| {
            !goes_further(probe.yielded(accepted, span).excess(ceiling), tolerated)
        })
    }

    /// Takes in the refusal that ends a probe. Returns the new limit, if the probe went clearly further than the last
    /// one.
    pub(crate) fn ended(
        &mut self,
        probe: &Probe,
        refused: &Refused,
        ceiling: Rate,
    ) -> Option<Rate> {
        let ramp = refused.at.saturating_since(probe.began);
        let yielded = probe.yielded(
            refused.accepted,
            ramp + refused.pause.saturating_sub(FREE_PAUSE),
        );
        let excess = yielded.excess(ceiling);
        let tolerated = self
            .tolerated
            .unwrap_or(TOLERATED_SECONDS * ceiling.as_per_second());
        self.last = Some(yielded);
        if !goes_further(excess, tolerated) {
            self.tolerated = Some(excess.max(0.0));
            return None;
        }
        // Two estimates of the limit. The average rate of the probe lies below the limit, because the probe began
        // at the old ceiling. And while the rate rose steadily, the server tolerated a triangle: half of the time
        // beyond the limit times the height above it; but it may tolerate more than last time. The result is the
        // middle of both.
        let average = ceiling.as_per_second() + (excess - tolerated) / yielded.seconds;
        let height = refused.rate.as_per_second() - ceiling.as_per_second();
        let slope = (height / ramp.as_secs_f64()).max(0.0);
        let crossed = refused.rate.as_per_second() - (2.0 * slope * (tolerated + 1.0)).sqrt();
        Rate::per_second(average.max((average + crossed) / 2.0))
    }

    /// Takes note of another ceiling: counts anew what the last probe got through above it.
    pub(crate) fn recounted(&mut self, ceiling: Rate) {
        if let Some(last) = &self.last {
            self.tolerated = Some(last.excess(ceiling).max(0.0));
        }
    }
}

impl Probe {
    /// Returns what it got through in `span`.
    fn yielded(&self, accepted: u64, span: Duration) -> Yield {
        Yield {
            requests: accepted.saturating_sub(self.accepted_before) as f64,
            seconds: span.as_secs_f64(),
        }
    }
}

/// Returns whether an excess is clearly more than what was tolerated.
fn goes_further(excess: f64, tolerated: f64) -> bool {
    excess > FURTHER * tolerated + LUCK
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    fn law() -> Law {
        Law {
            min: rate(0.1),
            max: rate(1000.0),
            increase_step: 0.2,
            decrease_factor: 0.7,
        }
    }

    const PROBE: Probe = Probe {
        began: Time::ZERO,
        accepted_before: 100,
    };

    fn refused(accepted: u64, seconds: u64, per_second: f64) -> Refused {
        Refused {
            accepted: 100 + accepted,
            at: at(seconds),
            pause: Duration::ZERO,
            rate: rate(per_second),
        }
    }

    #[test]
    fn a_probe_that_gets_no_further_than_the_last_one_is_as_expected() {
        let mut probes = Probes::default();
        // 10/s for 4 s are 40; half a second's worth more is taken for granted, and two of luck.
        assert_eq!(
            probes.ended(&PROBE, &refused(48, 4, 15.0), rate(10.0)),
            None
        );
        // 8 were tolerated: up to 1.5 * 8 + 2 are no news.
        assert_eq!(
            probes.ended(&PROBE, &refused(54, 4, 15.0), rate(10.0)),
            None
        );
    }

    #[test]
    fn a_probe_that_gets_clearly_further_tells_where_the_limit_is() {
        let mut probes = Probes::default();
        assert_eq!(
            probes.ended(&PROBE, &refused(47, 4, 15.0), rate(10.0)),
            None
        );
        // 7 were tolerated; now 50 above the 100 of ten seconds: on average (50 - 7) / 10 above 10/s. The
        // rate rose by 1/s each second up to 20/s; it stood 4/s above the limit when 8 were used up.
        let to = probes
            .ended(&PROBE, &refused(150, 10, 20.0), rate(10.0))
            .expect("a raised limit");
        assert!(
            (to.as_per_second() - (14.3 + 16.0) / 2.0).abs() < 1e-9,
            "{to:?}"
        );
    }

    #[test]
    fn a_long_pause_belongs_to_the_probe() {
        let mut probes = Probes::default();
        let windowed = Refused {
            pause: Duration::from_secs(9),
            ..refused(200, 4, 100.0)
        };
        // 200 in 4 + 8 seconds are less than 20/s.
        assert_eq!(probes.ended(&PROBE, &windowed, rate(20.0)), None);
    }

    #[test]
    fn a_lower_ceiling_means_that_the_last_probe_went_further_above_it() {
        let mut probes = Probes::default();
        assert_eq!(
            probes.ended(&PROBE, &refused(44, 4, 15.0), rate(10.0)),
            None
        );
        probes.recounted(rate(9.0));
        assert_eq!(probes.tolerated, Some(8.0));
    }

    #[test]
    fn a_probe_is_gentle_on_known_ground_only() {
        let mut probes = Probes::default();
        let grown = |probes: &Probes, accepted, from| {
            probes
                .grown(&PROBE, accepted, at(4), rate(10.0), rate(from), &law())
                .as_per_second()
        };
        assert_eq!(grown(&probes, 140, 12.5), 12.6);
        assert_eq!(
            probes.ended(&PROBE, &refused(44, 4, 15.0), rate(10.0)),
            None
        );
        assert_eq!(grown(&probes, 140, 12.45), 12.5);
        assert_eq!(grown(&probes, 140, 13.0), 13.0);
        // 9 above the 40 are more than 1.5 * 4 + 2.
        assert_eq!(grown(&probes, 149, 12.5), 12.6);
    }
}
