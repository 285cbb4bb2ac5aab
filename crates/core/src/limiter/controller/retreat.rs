//! How the rate moves, and how long the limiter pauses after a refusal.

use std::time::Duration;

use super::Controller;
use crate::limiter::outcome::Change;
use crate::rate::Rate;
use crate::time::Time;

/// Shortest pause after a refusal without a hint. After less time, a limit of a few requests per second has nothing
/// to give.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Longest pause that is chosen without a hint, unless the preset names a longer one. Most vendors' windows are no
/// longer than a minute.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Maximum jitter on top of a pause, as a share of it: enough to separate clients that were refused together.
const JITTER: f64 = 0.1;

/// Maximum jitter on top of a pause until a reset.
const RESET_JITTER: Duration = Duration::from_millis(100);

/// Tokens that survive a cut: one, for the first request after the pause.
const TOKENS_AFTER_CUT: f64 = 1.0;

impl Controller {
    /// Changes the rate. Every change goes through here, so that tokens accrue at the old rate until now.
    pub(in crate::limiter) fn change_rate(&mut self, now: Time, to: Rate) -> Rate {
        let capacity = self.capacity();
        self.state.bucket.settle(now, self.state.rate, capacity);
        std::mem::replace(&mut self.state.rate, to)
    }

    /// Raises the rate by one step.
    pub(super) fn raise(&mut self, now: Time) -> Change {
        self.moved(now, self.settings.law.increased(self.state.rate))
    }

    /// Moves the rate to a new value and says whether that is a raise.
    pub(super) fn moved(&mut self, now: Time, to: Rate) -> Change {
        if to == self.state.rate {
            return Change::Nothing;
        }
        let from = self.change_rate(now, to);
        if to > from {
            Change::Raised { from, to }
        } else {
            Change::Nothing
        }
    }

    /// Lowers the rate by the law, and pauses as the server asks or as the limiter chooses.
    pub(super) fn cut(&mut self, now: Time, hint: Option<Duration>, chance: f64) -> Change {
        let to = self.settings.law.decreased(self.state.rate);
        let pause = hint
            .filter(|hint| !hint.is_zero())
            .unwrap_or_else(|| self.own_pause(to));
        self.retreat(now, to, pause, chance)
    }

    /// Grants nothing and saves no tokens before this time, because others send in its place. It is not a pause that
    /// the server asked for.
    pub(in crate::limiter) fn idle_until(&mut self, until: Time) {
        if let Some(learner) = &mut self.state.learner {
            learner.interrupted();
        }
        self.state.bucket.hold(until, TOKENS_AFTER_CUT);
    }

    /// Counts `sent` tokens' worth of requests that others sent: they are part of what the limit allows.
    pub(in crate::limiter) fn count_beside(&mut self, sent: u64) {
        if let Some(learner) = &mut self.state.learner {
            learner.count_beside(sent);
        }
    }

    /// Ends the epoch: a new rate, a pause, and at most one token for the time after it.
    pub(super) fn retreat(&mut self, now: Time, to: Rate, pause: Duration, chance: f64) -> Change {
        let from = self.change_rate(now, to);
        self.state.epoch = self.state.epoch.saturating_add(1);
        self.state.cuts_in_a_row = self.state.cuts_in_a_row.saturating_add(1);
        // A longer pause that is already in progress stays.
        let _ = self.hold(now, self.jittered(pause, chance));
        self.state
            .bucket
            .hold(self.state.cooldown_until, TOKENS_AFTER_CUT);
        let cooldown = self.state.cooldown_until.saturating_since(now);
        Change::Cut { from, to, cooldown }
    }

    /// Returns the pause for a refusal without a hint: about one interval, doubled while all requests are refused.
    pub(super) fn own_pause(&self, rate: Rate) -> Duration {
        let interval = || rate.time_for(1.0).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        let first = self.settings.default_cooldown.unwrap_or_else(interval);
        let longest = LONGEST_PAUSE.max(first).min(self.settings.max_cooldown);
        let doublings = 2_u32.saturating_pow(self.state.cuts_in_a_row);
        first.saturating_mul(doublings).min(longest)
    }

    /// Returns a pause with jitter: up to a tenth longer, never shorter, and never longer than callers wait for.
    pub(super) fn jittered(&self, pause: Duration, chance: f64) -> Duration {
        let jitter =
            Duration::try_from_secs_f64(pause.as_secs_f64() * JITTER * chance).unwrap_or_default();
        pause
            .saturating_add(jitter)
            .min(self.settings.max_cooldown.max(pause))
    }

    /// Returns a pause until a reset, with jitter that separates the clients of one limit: a request of each goes first.
    pub(super) fn until_reset(&self, wait: Duration, chance: f64) -> Duration {
        let most = wait.saturating_add(RESET_JITTER);
        self.jittered(wait, chance).min(most)
    }

    /// Pauses from now, unless a longer pause is in progress.
    pub(super) fn hold(&mut self, now: Time, pause: Duration) -> Change {
        let until = now + pause;
        if until <= self.state.cooldown_until {
            return Change::Nothing;
        }
        let capacity = self.capacity();
        self.state.bucket.settle(now, self.state.rate, capacity);
        self.state.bucket.hold(until, TOKENS_AFTER_CUT);
        self.state.cooldown_until = until;
        Change::Held { cooldown: pause }
    }
}
