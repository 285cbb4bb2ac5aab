//! Probes: short looks beyond the ceiling, and what an unusually long one means.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::law::Law;
use crate::rate::Rate;
use crate::time::Time;

/// Most growth per success in a probe, per second: a bigger one overshoots by what is under way.
const STEP: f64 = 0.1;

/// How far above the ceiling a probe goes while it is on known ground: there, faster shows nothing
/// more, and in a long window it only leaves a longer pause.
const GENTLE: f64 = 1.25;

/// How many times what was tolerated above the ceiling last time a probe must get through before the
/// limit counts as raised.
const FURTHER: f64 = 1.5;

/// On top of [`FURTHER`], requests that may get through by the luck of timing.
const LUCK: f64 = 2.0;

/// What servers are taken to tolerate above their rate before that is known, in seconds' worth of it. A
/// guess that is too low costs one refusal, one that is too high a whole interval between probes.
const TOLERATED_SECONDS: f64 = 0.5;

/// In the first second of a pause nothing is owed yet; a longer one belongs to the probe's time.
const FREE_PAUSE: Duration = Duration::from_secs(1);

/// A probe that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    pub(crate) began: Time,
    /// Requests accepted before it.
    pub(crate) accepted_before: u64,
}

/// What a probe got through.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Yield {
    requests: f64,
    seconds: f64,
}

impl Yield {
    /// Requests above what the ceiling allows in that time.
    fn excess(&self, ceiling: Rate) -> f64 {
        self.requests - ceiling.as_per_second() * self.seconds
    }
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Refused {
    /// Requests accepted until then, and before it.
    pub(crate) accepted: u64,
    /// When the refusal arrived.
    pub(crate) at: Time,
    /// The pause that followed.
    pub(crate) pause: Duration,
    /// The rate that was refused.
    pub(crate) rate: Rate,
}

/// What the probes until now have shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probes {
    last: Option<Yield>,
    /// How many requests above the ceiling the server took before it refused, last time.
    tolerated: Option<f64>,
}

impl Probes {
    /// The rate after one more success in `probe`.
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

    /// Whether `probe` has shown no more than the last one did.
    fn is_known_ground(&self, probe: &Probe, accepted: u64, now: Time, ceiling: Rate) -> bool {
        let span = now.saturating_since(probe.began);
        self.tolerated.is_some_and(|tolerated| {
            !goes_further(probe.yielded(accepted, span).excess(ceiling), tolerated)
        })
    }

    /// A probe has ended with a refusal. Returns the rate that the limit must have now if the probe went
    /// clearly further than the last one.
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
        // Two views of where the limit is. The average of the probe lies below it, as the probe began at
        // the old ceiling. And while the rate rose steadily, the server tolerated half of the time beyond
        // the limit times the height above it; but it may tolerate more than last time. The middle.
        let average = ceiling.as_per_second() + (excess - tolerated) / yielded.seconds;
        let height = refused.rate.as_per_second() - ceiling.as_per_second();
        let slope = (height / ramp.as_secs_f64()).max(0.0);
        let crossed = refused.rate.as_per_second() - (2.0 * slope * (tolerated + 1.0)).sqrt();
        Rate::per_second(average.max((average + crossed) / 2.0))
    }

    /// The ceiling turned out to be another: what the last probe got through above it is counted anew.
    pub(crate) fn recounted(&mut self, ceiling: Rate) {
        if let Some(last) = &self.last {
            self.tolerated = Some(last.excess(ceiling).max(0.0));
        }
    }
}

impl Probe {
    fn yielded(&self, accepted: u64, span: Duration) -> Yield {
        Yield {
            requests: accepted.saturating_sub(self.accepted_before) as f64,
            seconds: span.as_secs_f64(),
        }
    }
}

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
