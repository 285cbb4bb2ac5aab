//! Length of the pause after a refusal without a hint.

use std::time::Duration;

use crate::rate::Rate;

/// Growth of the pause while canaries are refused, at high rates. One more canary is one more refusal, and a longer
/// step oversleeps the end of a window.
const GROWTH: f64 = 1.3;

/// Growth that slow limits add to [`GROWTH`], at 1/s, because a refusal weighs more among few requests. Divided by
/// the square root of the rate, which balances the two costs.
const GROWTH_WHEN_SLOW: f64 = 0.3;

/// Divisor of the last pause for the start of the next one. The last pause shows how long pauses of this API are, but
/// the next refusal may come late in a window.
const REMEMBERED: u32 = 4;

/// Longest pause without a hint: most vendors' windows are no longer.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns the first pause after a refusal: until the limit owes one request at the rate that failed, and at least
/// the round trip of the refused request, in which all requests in flight come back.
pub(crate) fn first(rate: Rate, round_trip: Duration, last_pause: Duration) -> Duration {
    rate.time_for(1.0)
        .max(round_trip)
        .max(last_pause / REMEMBERED)
        .min(LONGEST)
}

/// Returns the pause after the canary was refused, where requests went at `rate`.
pub(crate) fn next(pause: Duration, rate: Rate) -> Duration {
    let growth = GROWTH + GROWTH_WHEN_SLOW / rate.as_per_second().max(SLOWEST).sqrt();
    pause.min(LONGEST).mul_f64(growth).min(LONGEST)
}

/// Rate per second below which the growth does not increase further: the pause more than doubles there.
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
