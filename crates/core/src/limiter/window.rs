//! Predicts when a fixed window begins anew, from the pauses that ended with a new window.
//!
//! Without a hint, the end of a pause is found by trying, and each try may be a refusal. But a fixed window begins at
//! multiples of its length on the server's clock, and people choose lengths that divide a minute. Each pause shows
//! two requests between which a window began: the last refused and the first successful one. A length with which
//! several pauses agree, and hardly by chance, predicts the next window: once a pause turns out not to be short, it
//! ends there.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// Possible lengths of windows in seconds: those that divide a minute. Pauses of shorter windows do not stand out
/// from round trips, and longer windows leave too few pauses to compare.
const LENGTHS: [f64; 10] = [2.0, 3.0, 4.0, 5.0, 6.0, 10.0, 15.0, 20.0, 30.0, 60.0];

/// A length is believed once the chance that random pauses agree with it this well is below this. Ten lengths are
/// tried, so that one in ten servers without windows misleads us for a while.
const BY_CHANCE: f64 = 0.01;

/// Number of predictions in a row. Then the end is found by trying once more, because a pause that is too long never
/// shows that it is.
const UNASKED: u32 = 3;

/// Maximum difference in seconds between the ways of two requests to the server.
const JITTER: f64 = 0.1;

/// Estimate of when windows of one length begin, in seconds since the clock's epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Guess {
    /// A window began after this time.
    after: f64,
    /// Time before which this window began.
    before: f64,
    /// Chance that random pauses would agree this well.
    by_chance: f64,
}

/// Estimates for windows of each of [`LENGTHS`], from the pauses so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Windows {
    guesses: [Option<Guess>; LENGTHS.len()],
    /// Number of predictions since the end was last found by trying.
    unasked: u32,
}

impl Windows {
    /// Takes in a pause that has ended. `refused` are the times at which its first and last refused request were
    /// sent; `free` is the time of the first successful one.
    pub(crate) fn observe(&mut self, refused: [Time; 2], free: Time) {
        let [first, last, free] = [refused[0], refused[1], free].map(seconds);
        for (guess, length) in self.guesses.iter_mut().zip(LENGTHS) {
            let after = last - JITTER;
            let before = free.min(first + length) + JITTER;
            if after >= before {
                // A window of this length is not used up for this long.
                *guess = None;
            } else if before - after < length {
                *guess = Some(Guess::agreed(*guess, after, before, length));
            }
        }
    }

    /// Returns when the window ends in which a request sent at `sent` was refused. `None` if that is not known, or is
    /// to be found by trying once more. If several lengths fit, the earliest end counts.
    pub(crate) fn expect(&mut self, sent: Time) -> Option<Time> {
        let end = self.end(seconds(sent));
        if end.is_none() || self.unasked >= UNASKED {
            self.unasked = 0;
            return None;
        }
        self.unasked += 1;
        end
    }

    /// Returns the predicted end of the window, if a length is believed.
    fn end(&self, sent: f64) -> Option<Time> {
        let guesses = self.guesses.iter().zip(LENGTHS);
        let ends = guesses.filter_map(|(guess, length)| {
            let guess = guess.filter(|guess| guess.by_chance < BY_CHANCE)?;
            let past = ((sent - guess.before) / length).floor();
            Some(guess.before + (past + 1.0) * length)
        });
        let end = Duration::try_from_secs_f64(ends.min_by(f64::total_cmp)?).ok()?;
        Some(Time::ZERO + end)
    }
}

impl Guess {
    /// Combines the estimate with one more pause. If they contradict each other, the new pause counts alone.
    fn agreed(known: Option<Self>, after: f64, before: f64, length: f64) -> Self {
        let alone = Self {
            after,
            before,
            by_chance: 1.0,
        };
        let Some(known) = known else { return alone };
        let apart = (after + before - known.after - known.before) / 2.0;
        let since = (apart / length).round() * length;
        let (width, known_width) = (before - after, known.before - known.after);
        let both = Self {
            after: after.max(known.after + since),
            before: before.min(known.before + since),
            by_chance: known.by_chance * ((width + known_width) / length).min(1.0),
        };
        if both.after < both.before {
            both
        } else {
            alone
        }
    }
}

fn seconds(at: Time) -> f64 {
    at.saturating_since(Time::ZERO).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Time {
        Time::ZERO + Duration::from_secs_f64(seconds)
    }

    /// Pauses that end when a window of this length begins, `late` seconds after it began.
    fn seen(length: f64, phase: f64, starts: &[f64], late: f64) -> Windows {
        let mut windows = Windows::default();
        for start in starts {
            let end = phase + ((start - phase) / length).ceil() * length;
            let asked = (end - 0.5).max(*start);
            windows.observe([at(*start), at(asked)], at(end + late));
        }
        windows
    }

    #[test]
    fn pauses_that_end_in_a_rhythm_tell_when_the_next_one_ends() {
        let mut windows = seen(60.0, 7.0, &[50.0, 155.0, 230.0, 330.0], 0.5);
        let end = windows.expect(at(700.0)).expect("a rhythm");
        let late = end.saturating_since(at(727.0));
        assert!(
            end > at(727.0) && late < Duration::from_millis(700),
            "{late:?}"
        );
    }

    #[test]
    fn pauses_without_a_rhythm_tell_nothing() {
        let mut windows = Windows::default();
        for (first, free) in [(50.0, 71.3), (131.0, 148.1), (230.0, 252.9), (300.0, 317.6)] {
            windows.observe([at(first), at(free - 0.5)], at(free));
        }
        assert_eq!(windows.expect(at(400.0)), None);
    }

    #[test]
    fn one_pause_is_no_rhythm() {
        let mut windows = seen(60.0, 7.0, &[50.0], 0.5);
        assert_eq!(windows.expect(at(400.0)), None);
    }

    #[test]
    fn a_window_is_not_shorter_than_the_pause_in_which_it_stayed_used_up() {
        let mut windows = seen(10.0, 0.0, &[18.0, 37.0, 58.0, 76.0], 0.1);
        assert!(windows.expect(at(101.0)).is_some());
        windows.observe([at(121.0), at(142.0)], at(145.0));
        assert_eq!(windows.end(101.0), None);
    }

    #[test]
    fn after_three_pauses_that_were_not_asked_for_one_asks() {
        let mut windows = seen(60.0, 7.0, &[50.0, 155.0, 230.0, 330.0], 0.5);
        let known: Vec<bool> = (0..5)
            .map(|_| windows.expect(at(700.0)).is_some())
            .collect();
        assert_eq!(known, [true, true, true, false, true]);
    }

    #[test]
    fn another_rhythm_replaces_the_one_before() {
        let mut windows = seen(60.0, 7.0, &[50.0, 155.0, 230.0, 330.0], 0.5);
        windows.observe([at(400.0), at(409.0)], at(410.0));
        assert_eq!(windows.expect(at(700.0)), None);
    }
}
