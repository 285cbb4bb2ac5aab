//! How long to pause when a refusal does not say.

use std::time::Duration;

use crate::rate::Rate;

/// Growth of the pause while the canary is refused, at high rates. A canary more is one refusal more, a
/// longer step oversleeps the end of a window.
const GROWTH: f64 = 1.3;

/// What slow limits add to [`GROWTH`], at 1/s: among few requests a refusal weighs more. Divided by the
/// square root of the rate, which balances the two costs.
const GROWTH_WHEN_SLOW: f64 = 0.3;

/// Part of the last pause that the next one begins with: it found out how long this API's pauses are,
/// but the next refusal may come late in a window.
const REMEMBERED: u32 = 4;

/// Longest pause without a hint: most vendors' windows are no longer.
const LONGEST: Duration = Duration::from_secs(60);

/// The first pause after a refusal: until the limit owes one request at the rate that failed, and at
/// least the round trip of the refused request, in which everything that was under way comes back.
pub(crate) fn first(rate: Rate, round_trip: Duration, last_pause: Duration) -> Duration {
    rate.time_for(1.0)
        .max(round_trip)
        .max(last_pause / REMEMBERED)
        .min(LONGEST)
}

/// The pause after the canary was refused, where requests went at `rate`.
pub(crate) fn next(pause: Duration, rate: Rate) -> Duration {
    let growth = GROWTH + GROWTH_WHEN_SLOW / rate.as_per_second().max(SLOWEST).sqrt();
    pause.min(LONGEST).mul_f64(growth).min(LONGEST)
}

/// Below this rate, per second, the pause more than doubles already.
const SLOWEST: f64 = 0.1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_pause_covers_an_interval_a_round_trip_and_a_part_of_the_last_pause() {
        let rate = Rate::per_second(4.0).expect("a valid rate");
        let ms = Duration::from_millis;
        assert_eq!(first(rate, ms(100), ms(0)), ms(250));
        assert_eq!(first(rate, ms(300), ms(0)), ms(300));
        assert_eq!(first(rate, ms(300), ms(2000)), ms(500));
        assert_eq!(first(rate, ms(300), Duration::MAX), LONGEST);
    }

    #[test]
    fn a_pause_that_was_too_short_grows_up_to_a_minute() {
        let grown = |per_second| {
            next(
                Duration::from_secs(20),
                Rate::per_second(per_second).expect("a valid rate"),
            )
        };
        assert_eq!(grown(1.0), Duration::from_secs(32));
        assert_eq!(grown(4.0), Duration::from_secs(29));
        assert_eq!(
            next(Duration::MAX, Rate::per_second(1.0).expect("a valid rate")),
            LONGEST
        );
    }
}
