//! The canary: after a refusal, one request goes alone to test whether the server accepts requests again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How long the others wait for a canary that does not come back. Most responses take less than a second. A slower
/// one costs a second canary and nothing else.
const PATIENCE: Duration = Duration::from_secs(10);

/// State of the canary.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Canary {
    /// Requests go as tokens allow.
    #[default]
    None,
    /// The next grant is the canary.
    Armed,
    /// The canary is in flight. No other request goes before its outcome is known, or it counts as lost.
    Out { lost_at: Time },
}

impl Canary {
    /// Makes the next grant the canary.
    pub(crate) fn arm(&mut self) {
        *self = Self::Armed;
    }

    /// Takes in a canary that came back without a word about the limit. One that already counts as lost is ignored:
    /// another may be in flight.
    pub(crate) fn lost(&mut self, issued_at: Time) {
        if *self == Self::out(issued_at) {
            self.arm();
        }
    }

    /// Returns the state of a canary that was issued then.
    fn out(issued_at: Time) -> Self {
        Self::Out {
            lost_at: issued_at + PATIENCE,
        }
    }

    /// Ends the wait: the server accepts requests again.
    pub(crate) fn stand_down(&mut self) {
        *self = Self::None;
    }

    /// Returns the time until which the others wait for the canary. A lost canary is armed again, so that no permit
    /// can block the others for ever.
    pub(crate) fn awaited_until(&mut self, now: Time) -> Option<Time> {
        match *self {
            Self::Out { lost_at } if now < lost_at => Some(lost_at),
            Self::Out { .. } => {
                self.arm();
                None
            }
            Self::None | Self::Armed => None,
        }
    }

    /// Takes note of a grant. Returns whether its request is the canary.
    pub(crate) fn release(&mut self, now: Time) -> bool {
        let armed = *self == Self::Armed;
        if armed {
            *self = Self::out(now);
        }
        armed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_grant_after_arming_is_the_canary_and_the_others_wait_for_it() {
        let mut canary = Canary::default();
        assert!(!canary.release(Time::ZERO));
        canary.arm();
        assert_eq!(canary.awaited_until(Time::ZERO), None);
        assert!(canary.release(Time::ZERO));
        assert_eq!(
            canary.awaited_until(Time::ZERO),
            Some(Time::ZERO + PATIENCE)
        );
        canary.stand_down();
        assert_eq!(canary.awaited_until(Time::ZERO), None);
    }

    #[test]
    fn a_canary_that_never_comes_back_is_armed_again() {
        let mut canary = Canary::Armed;
        assert!(canary.release(Time::ZERO));
        let lost = Time::ZERO + PATIENCE;
        assert_eq!(canary.awaited_until(lost), None);
        assert!(canary.release(lost));
    }

    #[test]
    fn a_canary_that_was_given_up_does_not_free_the_way_beside_the_next() {
        let mut canary = Canary::Armed;
        assert!(canary.release(Time::ZERO));
        let later = Time::ZERO + PATIENCE;
        assert_eq!(canary.awaited_until(later), None);
        assert!(canary.release(later));
        canary.lost(Time::ZERO);
        assert!(!canary.release(later), "the second is still out");
        canary.lost(later);
        assert!(canary.release(later));
    }
}
