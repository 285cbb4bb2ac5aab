//! The source of a limiter's grants: a controller of its own, or membership in a fleet.

use std::time::Duration;

use super::announced::AnnouncedLimits;
use super::controller::Controller;
use super::fleet::member::Member;
use super::grant::Grant;
use super::learned::Learned;
use super::outcome::{Change, ManualReport, Outcome};
use super::poll::{CostTooLarge, Denial, Poll};
use super::view::{Belief, View};
use crate::rate::Rate;
use crate::time::Time;

/// Decides for one limiter: by a controller of its own, or as a worker of a fleet that shares one.
///
/// Has the same methods as [`Controller`], so that a driver handles both alike.
#[derive(Debug, Clone)]
pub enum Engine {
    /// A controller of its own.
    Own(Box<Controller>),
    /// A worker of a fleet.
    Fleet(Box<Member>),
}

impl Engine {
    /// Returns whether a request of this cost may be sent now. See [`Controller::poll`].
    pub fn poll(&mut self, now: Time, cost: u32, waited: bool) -> Poll {
        match self {
            Self::Own(own) => own.poll(now, cost, waited),
            Self::Fleet(member) => member.poll(now, cost, waited),
        }
    }

    /// Takes in what the wall clock shows `now`. See [`Controller::set_wall_clock`].
    pub fn set_wall_clock(&mut self, now: Time, unix_now: Duration) {
        match self {
            Self::Own(own) => own.set_wall_clock(now, unix_now),
            Self::Fleet(member) => member.set_wall_clock(now, unix_now),
        }
    }

    /// Returns whether a known limit is renewed by the wall clock, so that the driver has to tell what that shows.
    #[must_use]
    pub fn follows_wall_clock(&self) -> bool {
        match self {
            Self::Own(own) => own.follows_wall_clock(),
            Self::Fleet(member) => member.in_force(Time::ZERO).0.follows_wall_clock(),
        }
    }

    /// Checks that a request of this cost leaves no debt that holds up all others for long: at most what `max_rate` pays
    /// off within `max_cooldown`, or what a full bucket holds.
    ///
    /// # Errors
    ///
    /// [`CostTooLarge`] for a larger cost.
    pub fn check_cost(&self, cost: u32) -> Result<(), CostTooLarge> {
        let most = match self {
            Self::Own(own) => own.largest_cost(),
            Self::Fleet(member) => member.in_force(Time::ZERO).0.largest_cost(),
        };
        if cost <= most {
            Ok(())
        } else {
            Err(CostTooLarge { cost, most })
        }
    }

    /// Returns when a request of this cost would be granted after others that cost `ahead`.
    ///
    /// # Errors
    ///
    /// The [`Denial`] if the caller should not wait.
    pub fn projected(&self, now: Time, ahead: u64, cost: u32) -> Result<Time, Denial> {
        match self {
            Self::Own(own) => own.projected(now, ahead, cost),
            Self::Fleet(member) => member.projected(now, ahead, cost),
        }
    }

    /// Takes in the outcome of a granted request. See [`Controller::report`].
    pub fn report(&mut self, now: Time, grant: &Grant, outcome: Outcome) -> Change {
        match self {
            Self::Own(own) => own.report(now, grant, outcome),
            Self::Fleet(member) => member.report(now, grant, outcome),
        }
    }

    /// Takes in feedback without a grant. See [`Controller::report_manually`].
    pub fn report_manually(&mut self, now: Time, report: ManualReport) -> Change {
        match self {
            Self::Own(own) => own.report_manually(now, report),
            Self::Fleet(member) => member.report_manually(now, report),
        }
    }

    /// Sets new bounds of the rate. Returns `false` for a fleet, whose workers have the same bounds.
    #[must_use]
    pub fn set_bounds(&mut self, now: Time, min: Rate, max: Rate) -> bool {
        match self {
            Self::Own(own) => {
                own.set_bounds(now, min, max);
                true
            }
            Self::Fleet(_) => false,
        }
    }

    /// Returns what was learned, for the next run. See [`Controller::learned`].
    #[must_use]
    pub fn learned(&self, now: Time, unix_now: Duration) -> Option<Learned> {
        match self {
            Self::Own(own) => own.learned(now, unix_now),
            Self::Fleet(member) => member.learned(now, unix_now),
        }
    }

    /// Starts from what an earlier run learned. See [`Controller::restore`].
    pub fn restore(&mut self, now: Time, learned: &Learned, unix_now: Duration) -> Change {
        match self {
            Self::Own(own) => own.restore(now, learned, unix_now),
            Self::Fleet(member) => member.restore(now, learned, unix_now),
        }
    }

    /// Returns the sum of the costs of all grants.
    #[must_use]
    pub fn sent(&self) -> u64 {
        match self {
            Self::Own(own) => own.sent(),
            Self::Fleet(member) => member.in_force(Time::ZERO).0.sent(),
        }
    }

    /// Returns the cost that may be sent until what was [`learned`](Self::learned) has to be stored again, so that a process
    /// that is killed has not used known limits without a trace. `None` if no known limit has a window of more than 60 s,
    /// and in a fleet, whose store outlives the process.
    #[must_use]
    pub fn reserve_of_known_limits(&self) -> Option<u64> {
        match self {
            Self::Own(own) => own.reserve_of_known_limits(),
            Self::Fleet(_) => None,
        }
    }

    /// Returns whether a cut or a pause began since this grant.
    #[must_use]
    pub fn has_retreated_since(&self, grant: &Grant) -> bool {
        match self {
            Self::Own(own) => own.has_retreated_since(grant),
            Self::Fleet(member) => member.has_retreated_since(grant),
        }
    }

    /// Returns whether callers who wait are denied now, so that the driver must wake all of them.
    #[must_use]
    pub fn denies_callers(&self, now: Time) -> bool {
        match self {
            Self::Own(own) => own.denies_callers(now),
            Self::Fleet(member) => member.denies_callers(now),
        }
    }

    /// Returns whether an announced or known limit, or one of requests at once, holds up the head of the queue. Any outcome
    /// may then let it go.
    #[must_use]
    pub fn is_held_by_cap(&self) -> bool {
        match self {
            Self::Own(own) => own.is_held_by_cap(),
            // Other outcomes reach a fleet by the store. The end of each visit wakes the head.
            Self::Fleet(member) => member.is_held_by_cap(),
        }
    }

    /// Returns whether the outcomes of all grants are known. A pending one may announce that more is left of a limit.
    #[must_use]
    pub fn has_all_responses(&self) -> bool {
        match self {
            Self::Own(own) => own.has_all_responses(),
            // Other workers' requests may be in flight.
            Self::Fleet(_) => false,
        }
    }

    /// Returns the announced and the learned limit, once, when they have disagreed for a while.
    pub fn disagreement(&mut self, now: Time) -> Option<(Rate, Rate)> {
        match self {
            Self::Own(own) => own.disagreement(now),
            // The worker whose visit finds a disagreement gets it with the reply.
            Self::Fleet(_) => None,
        }
    }

    /// Takes in limits that the response to a request of another limiter announced. A fleet takes in none.
    pub fn announced_elsewhere(&mut self, now: Time, announced: &AnnouncedLimits) {
        match self {
            Self::Own(own) => own.announced_elsewhere(now, announced),
            Self::Fleet(_) => {}
        }
    }

    /// Returns the announced limits as they stand now, and forgets them. A fleet keeps them for its other workers.
    pub fn take_announced(&mut self, now: Time) -> AnnouncedLimits {
        match self {
            Self::Own(own) => own.take_announced(now),
            Self::Fleet(_) => AnnouncedLimits::default(),
        }
    }

    /// Returns the estimate of the limit and the state of the breaker.
    #[must_use]
    pub fn belief(&self) -> Belief {
        match self {
            Self::Own(own) => own.belief(),
            Self::Fleet(member) => member.in_force(Time::ZERO).0.belief(),
        }
    }

    /// Returns a snapshot of the state.
    #[must_use]
    pub fn view(&self, now: Time) -> View {
        match self {
            Self::Own(own) => own.view(now),
            Self::Fleet(member) => member.view(now),
        }
    }

    /// Returns the worker of a fleet, if it is one.
    pub fn member(&mut self) -> Option<&mut Member> {
        match self {
            Self::Own(_) => None,
            Self::Fleet(member) => Some(member),
        }
    }

    /// Returns whether the driver has to visit the fleet's store sooner than planned. `head` is the cost of the first
    /// of `waiting` callers.
    #[must_use]
    pub fn needs_visit(
        &self,
        now: Time,
        waiting: usize,
        head: impl FnOnce() -> Option<u32>,
    ) -> bool {
        match self {
            Self::Own(_) => false,
            Self::Fleet(member) => member.needs_visit(now, waiting, head()),
        }
    }
}
