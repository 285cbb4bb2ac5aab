//! The server of a simulated world: limits, and what its responses say about them.

use std::time::Duration;

use api_ratelimiter_core::Time;

use super::scenario::{LimitHint, ResetError, Scenario};
use crate::rules::{Admission, Limit, LimitState, Limits};

/// The server: its limits and its kind of hints.
#[derive(Debug)]
pub(super) struct LimitedApi {
    limits: Limits,
    hint: LimitHint,
    /// Index of the announced limit; the binding one if there is none.
    announced: Option<usize>,
    reset_error: ResetError,
    /// End of the timer of [`ResetError::OwnTimer`].
    timer: Time,
}

/// Decision and hints in a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LimitedResponse {
    pub(super) refused: bool,
    /// Wait of a refusal; for an accepted request, the time until the reset if no request remains.
    pub(super) hint: Option<Duration>,
    /// Announced state of the limit.
    pub(super) state: Option<LimitState>,
}

impl LimitedApi {
    /// Returns a server with the limits and the hints of the scenario.
    pub(super) fn new(scenario: &Scenario) -> Self {
        Self {
            limits: Limits::new(Time::ZERO, scenario.limits.iter().copied()),
            hint: scenario.hint,
            announced: scenario.announced,
            reset_error: scenario.reset_error,
            timer: Time::ZERO,
        }
    }

    /// Decides about a request that arrives `now`. An accepted one is in flight until it leaves.
    pub(super) fn respond(&mut self, now: Time) -> LimitedResponse {
        let admission = self.limits.arrive(now);
        let state = self.announced_state(now);
        let (refused, hint) = match admission {
            Admission::Accepted => {
                let exhausted = state.filter(|state| state.remaining == 0);
                (false, exhausted.map(|state| state.reset_after))
            }
            Admission::Refused { retry_after } => (true, self.wait_hint(retry_after, state)),
        };
        LimitedResponse {
            refused,
            hint,
            state,
        }
    }

    /// Records that an accepted request has finished.
    pub(super) fn leave(&mut self, now: Time) {
        self.limits.leave(now);
    }

    /// Replaces all limits.
    pub(super) fn replace_limits(&mut self, now: Time, limits: impl IntoIterator<Item = Limit>) {
        self.limits.replace(now, limits);
    }

    /// Returns the wait that a refusal names.
    ///
    /// A reset is a wait only if nothing is left until then: otherwise another limit refuses, of which the
    /// headers say nothing.
    fn wait_hint(&self, retry_after: Duration, state: Option<LimitState>) -> Option<Duration> {
        let reset = match state {
            Some(state) => (state.remaining == 0).then_some(state.reset_after),
            None => Some(whole_seconds(retry_after)),
        };
        match self.hint {
            LimitHint::None => None,
            LimitHint::RetryAfter | LimitHint::HeadersAndWait => Some(whole_seconds(retry_after)),
            LimitHint::Headers | LimitHint::HeadersRoundedDown => reset,
            // A wait of zero is no hint. The reset is asked next.
            LimitHint::HeadersAndWaitRoundedDown => match retry_after.as_secs() {
                0 => reset,
                seconds => Some(Duration::from_secs(seconds)),
            },
        }
    }

    /// Returns the state of the limit that every response announces, if the server has such hints.
    fn announced_state(&mut self, now: Time) -> Option<LimitState> {
        let rounded = match self.hint {
            LimitHint::Headers | LimitHint::HeadersAndWait => whole_seconds,
            LimitHint::HeadersRoundedDown | LimitHint::HeadersAndWaitRoundedDown => {
                |wait: Duration| Duration::from_secs(wait.as_secs())
            }
            LimitHint::None | LimitHint::RetryAfter => return None,
        };
        let state = self.limits.announced_state(self.announced, now)?;
        let reset_after = match self.reset_error {
            ResetError::None => state.reset_after,
            ResetError::Late(error) => state.reset_after + error,
            ResetError::Early(error) => state.reset_after.saturating_sub(error),
            ResetError::OwnTimer => {
                if self.timer <= now {
                    self.timer = now + state.window;
                }
                self.timer.saturating_since(now)
            }
        };
        Some(LimitState {
            reset_after: rounded(reset_after),
            ..state
        })
    }
}

/// Rounds up to whole seconds, at least one: a `Retry-After` of 0 would be no hint.
fn whole_seconds(wait: Duration) -> Duration {
    let up = u64::from(wait.subsec_nanos() > 0);
    Duration::from_secs((wait.as_secs() + up).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the resets in seconds that requests at these seconds are told.
    fn resets(error: ResetError, seconds: &[u64]) -> Vec<u64> {
        let limit = Limit::parse("sliding-window:200/10s").expect("a limit");
        let mut api = LimitedApi::new(&Scenario {
            hint: LimitHint::Headers,
            reset_error: error,
            ..Scenario::new([limit])
        });
        let at = |second: &u64| Time::ZERO + Duration::from_secs(*second);
        let states = seconds.iter().map(|second| api.respond(at(second)).state);
        states
            .map(|state| state.expect("a state").reset_after.as_secs())
            .collect()
    }

    #[test]
    fn resets_are_wrong_as_the_scenario_says() {
        let error = Duration::from_secs(2);
        assert_eq!(resets(ResetError::None, &[0, 3]), [10, 10]);
        assert_eq!(resets(ResetError::Late(error), &[0, 3]), [12, 12]);
        assert_eq!(resets(ResetError::Early(error), &[0, 3]), [8, 8]);
    }

    #[test]
    fn a_timer_of_its_own_counts_down_and_begins_anew_with_a_request() {
        let told = resets(ResetError::OwnTimer, &[0, 3, 9, 10, 12, 30]);
        assert_eq!(told, [10, 7, 1, 10, 8, 10]);
    }
}
