//! Who waits, in which order: one queue for threads and tasks.
//!
//! Nothing is reserved for anybody. The head asks the controller and holds the only timer; whoever
//! leaves as the head wakes the next. So leaving is exact: it can neither lose a permit nor make one.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::Error;
use api_ratelimiter_core::limiter::{Grant, Poll, Source, TurnedAway};

#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    /// The costs of all who wait.
    cost: u64,
    /// Somebody was told to wait since the last grant, without queueing: the next grant is one that
    /// the limit, and not the caller's own pace, delayed.
    told_to_wait: bool,
}

#[derive(Debug)]
struct Waiter {
    waker: Waker,
    cost: u32,
    deadline: Option<Time>,
}

/// What a caller does next.
#[derive(Debug)]
pub(super) enum Turn {
    Granted(Grant),
    /// Come back when woken, or at that time.
    Wait(Option<Time>),
    Failed(Error),
}

/// The shortest wait that is ever named: a caller who is told zero spins.
const SHORTEST_WAIT: Duration = Duration::from_nanos(1);

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// One look of a caller: at its place in the queue if it has a `ticket`, else behind all others.
    /// Unless the answer is [`Turn::Wait`], the caller leaves.
    pub(super) fn turn(
        &mut self,
        source: &mut Source,
        now: Time,
        ticket: &mut Option<u64>,
        cost: u32,
        deadline: Option<Time>,
        waker: &mut dyn FnMut() -> Waker,
    ) -> Turn {
        if deadline.is_some_and(|deadline| deadline < now) {
            return Turn::Failed(Error::deadline(SHORTEST_WAIT));
        }
        let first = self.waiting.first_key_value().map(|(first, _)| *first);
        let is_head = first.is_none() || first == *ticket;
        // Where an answer is awaited, it may come at any moment: the time is only the latest.
        let (until, is_latest) = if is_head {
            match source.poll(now, cost, ticket.is_some() || self.told_to_wait) {
                Poll::Grant(grant) => {
                    self.told_to_wait = false;
                    return Turn::Granted(grant);
                }
                Poll::CooldownTooLong(wait) => return Turn::Failed(Error::cooldown(wait)),
                Poll::CircuitOpen(wait) => return Turn::Failed(Error::circuit(wait)),
                Poll::Apart(apart) => return Turn::Failed(Error::apart(apart)),
                Poll::At(time) => (time, false),
                Poll::AfterFeedback(time) => (time, true),
            }
        } else {
            match source.projected(now, self.ahead_of(*ticket), cost) {
                Ok(time) => (time, false),
                Err(TurnedAway::Cooldown(wait)) => return Turn::Failed(Error::cooldown(wait)),
                Err(TurnedAway::CircuitOpen(wait)) => return Turn::Failed(Error::circuit(wait)),
                Err(TurnedAway::Apart(apart)) => return Turn::Failed(Error::apart(apart)),
            }
        };
        if deadline.is_some_and(|deadline| deadline <= now || (deadline < until && !is_latest)) {
            let needed = until.saturating_since(now).max(SHORTEST_WAIT);
            return Turn::Failed(Error::deadline(needed));
        }
        let queued = ticket.and_then(|ticket| self.waiting.get_mut(&ticket));
        if let Some(waiter) = queued {
            // A task may have moved to another waker since.
            waiter.waker.clone_from(&waker());
        } else {
            *ticket = Some(self.next_ticket);
            self.waiting.insert(
                self.next_ticket,
                Waiter {
                    waker: waker(),
                    cost,
                    deadline,
                },
            );
            self.next_ticket += 1;
            self.cost += u64::from(cost);
        }
        // Behind the head nobody needs a timer but those who may have to give up.
        Turn::Wait(match deadline {
            Some(deadline) if is_head => Some(until.min(deadline)),
            deadline => deadline.or(is_head.then_some(until)),
        })
    }

    /// One look of a caller who will not queue.
    pub(super) fn try_turn(
        &mut self,
        source: &mut Source,
        now: Time,
        cost: u32,
    ) -> Result<Grant, Duration> {
        let due = if self.waiting.is_empty() {
            match source.poll(now, cost, self.told_to_wait) {
                Poll::Grant(grant) => {
                    self.told_to_wait = false;
                    return Ok(grant);
                }
                Poll::At(time) => Ok(time),
                // The canary's answer is expected long before the time at which it counts as lost.
                Poll::AfterFeedback(lost_at) => source
                    .projected(now, 0, cost)
                    .map(|due| if due > now { due.min(lost_at) } else { lost_at }),
                Poll::CooldownTooLong(wait) => Err(TurnedAway::Cooldown(wait)),
                Poll::CircuitOpen(wait) => Err(TurnedAway::CircuitOpen(wait)),
                Poll::Apart(apart) => Err(TurnedAway::Apart(apart)),
            }
        } else {
            source.projected(now, self.cost, cost)
        };
        self.told_to_wait = true;
        Err(due.map_or_else(TurnedAway::wait, |time| {
            time.saturating_since(now).max(SHORTEST_WAIT)
        }))
    }

    /// Takes a caller out of the queue and returns the new head's waker if the old head went.
    pub(super) fn leave(&mut self, ticket: &mut Option<u64>) -> Option<Waker> {
        let ticket = ticket.take()?;
        let was_head = self
            .waiting
            .first_key_value()
            .is_some_and(|(first, _)| *first == ticket);
        let waiter = self.waiting.remove(&ticket)?;
        self.cost -= u64::from(waiter.cost);
        if was_head { self.head() } else { None }
    }

    /// What those who wait would pay, in their order.
    pub(super) fn costs(&self, most: usize) -> Vec<u32> {
        let waiting = self.waiting.values().take(most);
        waiting.map(|waiter| waiter.cost).collect()
    }

    /// What the head would pay.
    pub(super) fn head_cost(&self) -> Option<u32> {
        self.waiting.first_key_value().map(|(_, head)| head.cost)
    }

    /// The head's waker.
    pub(super) fn head(&self) -> Option<Waker> {
        self.waiting
            .first_key_value()
            .map(|(_, head)| head.waker.clone())
    }

    /// The wakers of all who wait.
    pub(super) fn all(&self) -> Vec<Waker> {
        let all = self.waiting.values();
        all.map(|waiter| waiter.waker.clone()).collect()
    }

    /// The wakers of all behind the head who wait with a deadline.
    pub(super) fn with_deadlines(&self) -> Vec<Waker> {
        let behind = self.waiting.values().skip(1);
        behind
            .filter(|waiter| waiter.deadline.is_some())
            .map(|waiter| waiter.waker.clone())
            .collect()
    }

    /// The wakers of all behind the head who, as things stand, wait in vain.
    pub(super) fn hopeless(&self, source: &Source, now: Time) -> Vec<Waker> {
        let mut ahead = 0;
        let waits_in_vain = |waiter: &&Waiter| {
            let before = ahead;
            ahead += u64::from(waiter.cost);
            let is_late = |deadline| {
                let due = source.projected(now, before, waiter.cost);
                due.is_ok_and(|due| due > deadline)
            };
            before > 0 && waiter.deadline.is_some_and(is_late)
        };
        let hopeless = self.waiting.values().filter(waits_in_vain);
        hopeless.map(|waiter| waiter.waker.clone()).collect()
    }

    fn ahead_of(&self, ticket: Option<u64>) -> u64 {
        match ticket {
            None => self.cost,
            Some(ticket) => self
                .waiting
                .range(..ticket)
                .map(|(_, waiter)| u64::from(waiter.cost))
                .sum(),
        }
    }
}
