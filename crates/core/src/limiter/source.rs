//! Where a limiter's grants come from: a controller of its own, or the one that a fleet shares.

use std::time::Duration;

use super::fleet::Member;
use super::{Belief, Change, Controller, Grant, Learned, Poll, Told, TurnedAway, View};
use crate::rate::Rate;
use crate::time::Time;

/// A controller, or a worker's part of one.
#[derive(Debug, Clone)]
pub enum Source {
    Own(Box<Controller>),
    Fleet(Box<Member>),
}

impl Source {
    /// May a request of this cost be sent now? See [`Controller::poll`].
    pub fn poll(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        match self {
            Self::Own(own) => own.poll(now, cost, waited),
            Self::Fleet(member) => member.poll(now, cost, waited),
        }
    }

    /// When a request would be granted after others. See [`Controller::projected`].
    pub fn projected(&self, now: Time, ahead: u64, cost: u32) -> Result<Time, TurnedAway> {
        match self {
            Self::Own(own) => own.projected(now, ahead, cost),
            Self::Fleet(member) => member.projected(now, ahead, cost),
        }
    }

    /// A request got through; the server told how much is left, and that nothing is until `exhausted` from now.
    pub fn succeeded(
        &mut self,
        now: Time,
        grant: &Grant,
        told: Told,
        exhausted: Option<Duration>,
        chance: impl FnOnce() -> f64,
    ) -> Change {
        match self {
            Self::Own(own) => {
                own.announced(now, grant, &told);
                let change = own.success(now, grant);
                match exhausted {
                    Some(wait) => own.exhausted(now, wait, chance()),
                    None => change,
                }
            }
            Self::Fleet(member) => member.succeeded(now, grant, told, exhausted, chance()),
        }
    }

    /// A request got through, and the server told nothing: if that leaves everything as it is, it is counted.
    /// `false`: see [`succeeded`](Self::succeeded).
    pub fn counts(&mut self, grant: &Grant) -> bool {
        match self {
            Self::Own(own) => own.counts(grant),
            Self::Fleet(_) => false,
        }
    }

    /// The server refused a request.
    pub fn refused(
        &mut self,
        now: Time,
        grant: &Grant,
        told: Told,
        hint: Option<Duration>,
        chance: f64,
    ) -> Change {
        match self {
            Self::Own(own) => {
                own.announced(now, grant, &told);
                own.backoff(now, grant, hint, chance)
            }
            Self::Fleet(member) => member.refused(now, grant, told, hint, chance),
        }
    }

    /// No answer came, or one that the server did not mean.
    pub fn failed(&mut self, now: Time, grant: &Grant) {
        match self {
            Self::Own(own) => own.failed(now, grant),
            Self::Fleet(member) => member.failed(now, grant),
        }
    }

    /// No word about the limit.
    pub fn neutral(&mut self, now: Time, grant: &Grant) {
        match self {
            Self::Own(own) => own.neutral(grant),
            Self::Fleet(member) => member.neutral(now, grant),
        }
    }

    /// No word about the limit, and nobody who waits for one: as [`neutral`](Self::neutral), if that holds.
    pub fn forgets(&mut self, grant: &Grant) -> bool {
        match self {
            Self::Own(own) if !grant.canary && !grant.trial && !own.is_held_by_cap() => {
                own.neutral(grant);
                true
            }
            Self::Own(_) | Self::Fleet(_) => false,
        }
    }

    /// The request was never sent.
    pub fn unused(&mut self, now: Time, grant: &Grant) {
        match self {
            Self::Own(own) => own.unused(grant),
            Self::Fleet(member) => member.unused(now, grant),
        }
    }

    /// Nothing is left of a limit for so long.
    pub fn exhausted(&mut self, now: Time, wait: Duration, chance: f64) -> Change {
        match self {
            Self::Own(own) => own.exhausted(now, wait, chance),
            Self::Fleet(member) => member.exhausted(now, wait, chance),
        }
    }

    /// A success reported by hand.
    pub fn on_success(&mut self, now: Time) -> Change {
        match self {
            Self::Own(own) => own.on_success(now),
            Self::Fleet(member) => member.on_success(now),
        }
    }

    /// A refusal reported by hand.
    pub fn on_backoff(&mut self, now: Time, hint: Option<Duration>, chance: f64) -> Change {
        match self {
            Self::Own(own) => own.on_backoff(now, hint, chance),
            Self::Fleet(member) => member.on_backoff(now, hint, chance),
        }
    }

    /// New bounds. `false`: they are the whole fleet's.
    pub fn set_bounds(&mut self, now: Time, min: Rate, max: Rate) -> bool {
        match self {
            Self::Own(own) => {
                own.set_bounds(now, min, max);
                true
            }
            Self::Fleet(_) => false,
        }
    }

    /// What the next run can start from.
    pub fn learned(&self, unix_now: Duration) -> Option<Learned> {
        match self {
            Self::Own(own) => own.learned(unix_now),
            Self::Fleet(member) => member.learned(unix_now),
        }
    }

    /// Starts from what an earlier run learned.
    pub fn restore(&mut self, now: Time, learned: &Learned, unix_now: Duration) -> Change {
        match self {
            Self::Own(own) => own.restore(now, learned, unix_now),
            Self::Fleet(member) => member.restore(now, learned, unix_now),
        }
    }

    /// Whether a cut or a pause began since this grant.
    pub fn has_retreated_since(&self, grant: &Grant) -> bool {
        match self {
            Self::Own(own) => own.has_retreated_since(grant),
            Self::Fleet(member) => member.has_retreated_since(grant),
        }
    }

    /// Whether callers who wait are turned away.
    pub fn turns_away(&self, now: Time) -> bool {
        match self {
            Self::Own(own) => own.turns_away(now),
            Self::Fleet(member) => member.turns_away(now),
        }
    }

    /// Whether any answer may let the head of the queue go.
    pub fn is_held_by_cap(&self) -> bool {
        match self {
            Self::Own(own) => own.is_held_by_cap(),
            // Answers come by the store: each visit's end wakes the head.
            Self::Fleet(_) => false,
        }
    }

    /// Whether no answer is under way that could tell more of a limit.
    pub fn has_all_answers(&self) -> bool {
        match self {
            Self::Own(own) => own.has_all_answers(),
            // Others' may be.
            Self::Fleet(_) => false,
        }
    }

    /// Announced and learned limit, when they have disagreed for a while.
    pub fn disagreement(&mut self, now: Time) -> Option<(Rate, Rate)> {
        match self {
            Self::Own(own) => own.disagreement(now),
            // Whose visit finds it tells it.
            Self::Fleet(_) => None,
        }
    }

    /// What is believed about the limit.
    pub fn belief(&self) -> Belief {
        match self {
            Self::Own(own) => own.belief(),
            Self::Fleet(member) => member.in_force(Time::ZERO).0.belief(),
        }
    }

    /// What a person wants to know.
    pub fn view(&self, now: Time) -> View {
        match self {
            Self::Own(own) => own.view(now),
            Self::Fleet(member) => member.view(now),
        }
    }

    /// The worker of a fleet, if it is one.
    pub fn member(&mut self) -> Option<&mut Member> {
        match self {
            Self::Own(_) => None,
            Self::Fleet(member) => Some(member),
        }
    }

    /// Whether the driver of the worker has to look again.
    pub fn is_calling(
        &self,
        now: Time,
        waiting: usize,
        head: impl FnOnce() -> Option<u32>,
    ) -> bool {
        match self {
            Self::Own(_) => false,
            Self::Fleet(member) => member.is_calling(now, waiting, head()),
        }
    }
}
