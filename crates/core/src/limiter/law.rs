//! Additive increase, multiplicative decrease: the rate law that users configure.

use crate::rate::Rate;

/// Bounds and steps of the rate law. Every value was checked before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// The rate never falls below this.
    pub(crate) min: Rate,
    /// The rate never rises above this.
    pub(crate) max: Rate,
    /// Requests per second added for each success, at least 0. 0 means a fixed rate.
    pub(crate) increase_step: f64,
    /// Factor that a refusal multiplies the rate with, in (0, 1].
    pub(crate) decrease_factor: f64,
}

impl Law {
    /// Returns the rate after a success.
    pub(crate) fn increased(&self, rate: Rate) -> Rate {
        self.grown(rate, self.increase_step)
    }

    /// Returns the rate after a success that counts for another step than the configured one.
    pub(crate) fn grown(&self, rate: Rate, step: f64) -> Rate {
        self.clamped(rate.as_per_second() + step)
    }

    /// Returns the rate after a refusal.
    pub(crate) fn decreased(&self, rate: Rate) -> Rate {
        self.clamped(rate.as_per_second() * self.decrease_factor)
    }

    /// Returns `rate` moved into the bounds.
    pub(crate) fn within(&self, rate: Rate) -> Rate {
        rate.max(self.min).min(self.max)
    }

    /// Moves a number into the bounds. One that left the range of rates, by underflow or overflow, ends at a bound.
    fn clamped(&self, per_second: f64) -> Rate {
        match Rate::per_second(per_second) {
            Some(rate) => self.within(rate),
            None if per_second > 0.0 => self.max,
            None => self.min,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(requests: f64) -> Rate {
        Rate::per_second(requests).expect("a valid rate")
    }

    fn law() -> Law {
        Law {
            min: rate(0.5),
            max: rate(3.0),
            increase_step: 0.25,
            decrease_factor: 0.5,
        }
    }

    #[test]
    fn a_success_adds_the_step_up_to_the_maximum() {
        assert_eq!(law().increased(rate(1.0)), rate(1.25));
        assert_eq!(law().increased(rate(2.9)), rate(3.0));
    }

    #[test]
    fn a_refusal_multiplies_by_the_factor_down_to_the_minimum() {
        assert_eq!(law().decreased(rate(2.0)), rate(1.0));
        assert_eq!(law().decreased(rate(0.6)), rate(0.5));
    }

    #[test]
    fn a_step_of_zero_is_a_fixed_rate() {
        let fixed = Law {
            increase_step: 0.0,
            ..law()
        };
        assert_eq!(fixed.increased(rate(2.0)), rate(2.0));
    }

    #[test]
    fn a_step_that_overflows_ends_at_the_maximum() {
        let huge = Law {
            increase_step: f64::MAX,
            max: rate(f64::MAX),
            ..law()
        };
        assert_eq!(huge.increased(rate(f64::MAX)), rate(f64::MAX));
    }
}
