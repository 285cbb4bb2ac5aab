//! The learned ceiling: a part that is proven and a small raise that waits for its proof.

use serde::{Deserialize, Serialize};

use crate::rate::Rate;

/// Share of the ceiling that stays unused, as room for late timers and jitter.
const MARGIN: f64 = 0.005;

/// Share of the pending raise after the limit was learned for the first time. The estimate after a search of a few
/// seconds is no better than that.
pub(crate) const FIRST_RAISE: f64 = 0.05;

/// Share of the pending raise after one was refused. The limit is close, so the steps are small. Doubles each time
/// that a raise survives.
const SMALLEST_RAISE: f64 = 0.005;

/// Share above which a refused raise is halved instead of dropped: such a raise came from a leap of the limit, which
/// lies well between the proven part and the refused one.
const BIG_RAISE: f64 = 0.1;

/// Maximum number of probes that are confirmed without a raise, after raises were refused. Testing a limit that stays
/// the same costs a refusal each time.
const LONGEST_REST: u32 = 2;

/// Smallest step down when the proven ceiling is refused. Doubles while such refusals follow each other, so that a
/// stray one costs little, and a halved limit is reached in a few steps.
const STEP_DOWN: f64 = 0.02;

/// Estimate of the limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ceiling {
    /// Current estimate.
    pub(crate) rate: Rate,
    /// Rate that the limit has let through for long.
    pub(crate) proven: Rate,
    /// Share by which the next raise exceeds the proven part.
    raise: f64,
    /// Number of raises refused in a row.
    refuted: u32,
    /// Number of probes to confirm before the next raise.
    rest: u32,
}

impl Ceiling {
    /// Returns the first ceiling: a little above the measured rate, or the average of the whole search if that is
    /// higher; never above the rate that was refused.
    pub(crate) fn learned(measured: Rate, overall: Option<Rate>, failed_at: Rate) -> Self {
        let proven = measured.min(failed_at);
        let raised = raised(proven, FIRST_RAISE);
        let rate = overall
            .map_or(raised, |overall| raised.max(overall))
            .min(failed_at);
        Self {
            rate,
            ..Self::trusted(proven)
        }
    }

    /// Returns a ceiling that an earlier run has learned.
    pub(crate) fn trusted(rate: Rate) -> Self {
        Self {
            rate,
            proven: rate,
            raise: FIRST_RAISE,
            refuted: 0,
            rest: 0,
        }
    }

    /// Returns the rate to send at under this ceiling.
    pub(crate) fn cruise(&self) -> Rate {
        self.rate.scaled(1.0 - MARGIN)
    }

    /// Returns the rate to fall back to after something beyond the proven part was refused.
    pub(crate) fn fallback(&self) -> Rate {
        self.proven.scaled(1.0 - MARGIN)
    }

    /// Returns whether a part of the ceiling is not proven.
    pub(crate) fn is_raised(&self) -> bool {
        self.rate > self.proven
    }

    /// Returns the share by which the ceiling exceeds its proven part.
    pub(crate) fn pending(&self) -> f64 {
        self.rate.as_per_second() / self.proven.as_per_second() - 1.0
    }

    /// Takes in a probe that was refused where expected. The ceiling held until then, so it is proven, and the next
    /// raise begins unless raises rest.
    pub(crate) fn confirmed(&mut self, measured: Rate, failed_at: Rate) {
        let survived = self.is_raised();
        self.prove(measured, failed_at);
        if survived {
            self.raise *= 2.0;
            self.refuted = 0;
        } else if self.rest > 0 {
            self.rest -= 1;
            self.rate = self.proven;
            return;
        }
        self.rate = raised(self.proven, self.raise)
            .min(failed_at)
            .max(self.proven);
    }

    /// Takes in a probe that went much further than the one before it: the limit was raised to about `to`.
    pub(crate) fn surpassed(&mut self, measured: Rate, to: Rate, failed_at: Rate) {
        self.prove(measured, failed_at);
        (self.refuted, self.rest) = (0, 0);
        self.rate = to.min(failed_at).max(self.proven);
    }

    fn prove(&mut self, measured: Rate, failed_at: Rate) {
        self.proven = self.rate.max(measured.min(failed_at));
    }

    /// Takes in a refusal of the pending raise. Returns whether half of it waits for its proof now.
    pub(crate) fn refuted(&mut self, measured: Rate) -> bool {
        let failed = self.rate;
        self.proven = self
            .proven
            .max(measured.min(failed.scaled(1.0 - STEP_DOWN)));
        self.raise = SMALLEST_RAISE;
        self.refuted = self.refuted.saturating_add(1);
        self.rest = self.refuted.min(LONGEST_REST);
        let refused = failed.as_per_second() / self.proven.as_per_second() - 1.0;
        let halved = refused > BIG_RAISE;
        self.rate = if halved {
            raised(self.proven, refused / 2.0)
        } else {
            self.proven
        };
        halved
    }

    /// Takes in a refusal of the proven ceiling, after `streak` such refusals without a probe between them: the limit
    /// is lower now. Steps down to the measured rate, by at least one step and at most the streak's; if `leap`, by at
    /// most `worst`, a share of the ceiling.
    pub(crate) fn lowered(
        &mut self,
        measured: Option<Rate>,
        failed_at: Rate,
        streak: u32,
        worst: f64,
        leap: bool,
    ) {
        let doublings = f64::from(streak.min(MOST_DOUBLINGS)).exp2();
        let step = if leap {
            worst
        } else {
            (1.0 - STEP_DOWN * doublings).max(worst)
        };
        let floor = failed_at.min(self.rate).scaled(step);
        let held = measured.map_or(floor, |measured| measured.max(floor));
        self.proven = self.rate.scaled(1.0 - STEP_DOWN).min(held);
        *self = Self {
            raise: SMALLEST_RAISE,
            ..Self::trusted(self.proven)
        };
    }
}

/// Maximum number of doublings: further ones exceed the whole ceiling.
const MOST_DOUBLINGS: u32 = 8;

fn raised(rate: Rate, share: f64) -> Rate {
    rate.scaled(1.0 + share)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    fn near(actual: Rate, expected: f64) {
        assert!(
            (actual.as_per_second() / expected - 1.0).abs() < 1e-9,
            "{actual:?} is not {expected}"
        );
    }

    fn ceiling() -> Ceiling {
        Ceiling::trusted(rate(100.0))
    }

    #[test]
    fn the_first_ceiling_stands_a_bit_above_what_was_measured_and_never_above_what_was_refused() {
        let first = Ceiling::learned(rate(10.0), None, rate(20.0));
        near(first.rate, 10.5);
        near(first.fallback(), 9.95);
        near(
            Ceiling::learned(rate(10.0), Some(rate(14.0)), rate(20.0)).rate,
            14.0,
        );
        near(
            Ceiling::learned(rate(10.0), Some(rate(14.0)), rate(12.0)).rate,
            12.0,
        );
        near(Ceiling::learned(rate(30.0), None, rate(20.0)).proven, 20.0);
    }

    #[test]
    fn cruising_leaves_a_margin() {
        near(ceiling().cruise(), 99.5);
    }

    #[test]
    fn a_raise_that_survives_is_proven_and_the_next_one_is_twice_as_big() {
        let mut ceiling = ceiling();
        ceiling.confirmed(rate(90.0), rate(150.0));
        near(ceiling.proven, 100.0);
        near(ceiling.rate, 105.0);
        ceiling.confirmed(rate(90.0), rate(150.0));
        near(ceiling.proven, 105.0);
        near(ceiling.rate, 115.5);
    }

    #[test]
    fn a_raise_never_goes_beyond_what_was_refused() {
        let mut ceiling = ceiling();
        ceiling.confirmed(rate(90.0), rate(101.0));
        near(ceiling.rate, 101.0);
    }

    #[test]
    fn a_refused_raise_falls_back_to_the_proven_part_and_rests() {
        let mut ceiling = ceiling();
        ceiling.confirmed(rate(90.0), rate(150.0));
        assert!(!ceiling.refuted(rate(90.0)));
        near(ceiling.rate, 100.0);
        ceiling.confirmed(rate(90.0), rate(150.0));
        near(ceiling.rate, 100.0);
        ceiling.confirmed(rate(90.0), rate(150.0));
        near(ceiling.rate, 100.5);
    }

    #[test]
    fn a_big_raise_that_is_refused_is_halved() {
        let mut ceiling = ceiling();
        ceiling.surpassed(rate(100.0), rate(180.0), rate(200.0));
        near(ceiling.rate, 180.0);
        assert!(ceiling.refuted(rate(100.0)));
        near(ceiling.rate, 140.0);
        near(ceiling.proven, 100.0);
    }

    #[test]
    fn surprises_step_down_further_each_time() {
        let mut ceiling = ceiling();
        ceiling.lowered(None, rate(99.5), 0, 0.7, false);
        near(ceiling.rate, 99.5 * 0.98);
        ceiling.lowered(None, rate(97.0), 1, 0.7, false);
        near(ceiling.rate, 97.0 * 0.96);
        assert!(!ceiling.is_raised());
    }

    #[test]
    fn a_leap_goes_down_to_what_was_measured_within_the_law() {
        let mut measured = ceiling();
        measured.lowered(Some(rate(80.0)), rate(99.0), 1, 0.7, true);
        near(measured.rate, 80.0);
        let mut far = ceiling();
        far.lowered(Some(rate(20.0)), rate(99.0), 1, 0.7, true);
        near(far.rate, 69.3);
        let mut above = ceiling();
        above.lowered(Some(rate(300.0)), rate(99.0), 1, 0.7, true);
        near(above.rate, 98.0);
    }
}
