//! After a refusal one request goes alone to ask whether the server answers again: the canary.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How long everybody waits for a canary that does not come back. Most answers take less than a
/// second; one that takes longer than this costs a second canary and nothing else.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whether a request goes alone next, or has gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Canary {
    /// Requests go as tokens allow.
    #[default]
    None,
    /// The next grant is the canary.
    Armed,
    /// It is out; nobody else goes before it is answered, or lost.
    Out { lost_at: Time },
}

impl Canary {
    pub(crate) fn arm(&mut self) {
        *self = Self::Armed;
    }

    /// The request that was issued then came back without a word about the limit. One that counts as
    /// lost already is not waited for, so it concerns nobody: another may be out by now.
    pub(crate) fn lost(&mut self, issued_at: Time) {
        if *self == Self::out(issued_at) {
            self.arm();
        }
    }

    fn out(issued_at: Time) -> Self {
        Self::Out {
            lost_at: issued_at + PATIENCE,
        }
    }

    /// The server answers again.
    pub(crate) fn stand_down(&mut self) {
        *self = Self::None;
    }

    /// The time until which everybody waits for the answer. A canary that is lost is armed again, so
    /// that no permit can block the others for ever.
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

    /// A grant is made: is it the canary?
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
