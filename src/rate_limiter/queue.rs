//! The callers that wait, threads and tasks alike, in one queue.
//!
//! Nothing is reserved for a waiting caller. The head of the queue polls the engine and holds the only timer. A head that
//! leaves wakes the next one. So leaving is exact: it can neither lose a permit nor make one.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::Error;
use api_ratelimiter_core::limiter::{Denial, Engine, Grant, Poll};

/// Waiting callers in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    /// Sum of the costs of all waiting callers.
    cost: u64,
    /// Whether a caller had to wait since the last grant, without queueing: the limit, and not the caller's own pace,
    /// delayed the next grant.
    had_to_wait: bool,
}

/// A waiting caller.
#[derive(Debug)]
struct Waiter {
    waker: Waker,
    cost: u32,
    deadline: Option<Time>,
}

/// Next action of a caller.
#[derive(Debug)]
pub(super) enum Turn {
    /// Send the request.
    Granted(Grant),
    /// Come back when woken, or at this time.
    Wait(Option<Time>),
    /// Return this error.
    Failed(Error),
}

/// Shortest wait that is ever returned: a caller that gets zero would spin.
const SHORTEST_WAIT: Duration = Duration::from_nanos(1);

impl Queue {
    /// Returns the number of waiting callers.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Asks for a grant: at the caller's place in the queue if it has a `ticket`, else behind all others.
    ///
    /// Unless it returns [`Turn::Wait`], the caller leaves the queue.
    pub(super) fn turn(
        &mut self,
        engine: &mut Engine,
        now: Time,
        ticket: &mut Option<u64>,
        cost: u32,
        deadline: Option<Time>,
        waker: &mut dyn FnMut() -> Waker,
    ) -> Turn {
        if deadline.is_some_and(|deadline| deadline < now) {
            return Turn::Failed(Error::deadline(SHORTEST_WAIT));
        }
        // The head polls the engine; the others only learn whether waiting makes sense.
        let first = self.waiting.first_key_value().map(|(first, _)| *first);
        let is_head = first.is_none() || first == *ticket;
        // A response that is awaited may come at any moment: the time is only the latest.
        let (until, is_latest) = if is_head {
            match engine.poll(now, cost, ticket.is_some() || self.had_to_wait) {
                Poll::Grant(grant) => {
                    self.had_to_wait = false;
                    return Turn::Granted(grant);
                }
                Poll::Denied(denial) => return Turn::Failed(denial.into()),
                Poll::At(time) => (time, false),
                Poll::AfterFeedback(time) => (time, true),
            }
        } else {
            match engine.projected(now, self.ahead_of(*ticket), cost) {
                Ok(time) => (time, false),
                Err(denial) => return Turn::Failed(denial.into()),
            }
        };
        // A deadline that would be missed fails now.
        if deadline.is_some_and(|deadline| deadline <= now || (deadline < until && !is_latest)) {
            let needed = until.saturating_since(now).max(SHORTEST_WAIT);
            return Turn::Failed(Error::deadline(needed));
        }
        // Take a place in the queue, or keep it.
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
        // Behind the head only callers with a deadline need a timer.
        Turn::Wait(match deadline {
            Some(deadline) if is_head => Some(until.min(deadline)),
            deadline => deadline.or(is_head.then_some(until)),
        })
    }

    /// Asks for a grant without queueing. `Err`: how long it would take.
    pub(super) fn try_turn(
        &mut self,
        engine: &mut Engine,
        now: Time,
        cost: u32,
    ) -> Result<Grant, Duration> {
        let due = if self.waiting.is_empty() {
            match engine.poll(now, cost, self.had_to_wait) {
                Poll::Grant(grant) => {
                    self.had_to_wait = false;
                    return Ok(grant);
                }
                Poll::At(time) => Ok(time),
                // The response is expected long before the time at which the canary counts as lost.
                Poll::AfterFeedback(lost_at) => engine
                    .projected(now, 0, cost)
                    .map(|due| if due > now { due.min(lost_at) } else { lost_at }),
                Poll::Denied(denial) => Err(denial),
            }
        } else {
            engine.projected(now, self.cost, cost)
        };
        self.had_to_wait = true;
        Err(due.map_or_else(Denial::retry_after, |time| {
            time.saturating_since(now).max(SHORTEST_WAIT)
        }))
    }

    /// Takes a caller out of the queue. Returns the new head's waker if the old head left.
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

    /// Returns the costs of the first `most` callers, in their order.
    pub(super) fn costs(&self, most: usize) -> Vec<u32> {
        let waiting = self.waiting.values().take(most);
        waiting.map(|waiter| waiter.cost).collect()
    }

    /// Returns the cost of the head.
    pub(super) fn head_cost(&self) -> Option<u32> {
        self.waiting.first_key_value().map(|(_, head)| head.cost)
    }

    /// Returns the head's waker.
    pub(super) fn head(&self) -> Option<Waker> {
        self.waiting
            .first_key_value()
            .map(|(_, head)| head.waker.clone())
    }

    /// Returns the wakers of all callers.
    pub(super) fn all(&self) -> Vec<Waker> {
        let all = self.waiting.values();
        all.map(|waiter| waiter.waker.clone()).collect()
    }

    /// Returns the wakers of the callers behind the head that have a deadline.
    pub(super) fn with_deadlines(&self) -> Vec<Waker> {
        let behind = self.waiting.values().skip(1);
        behind
            .filter(|waiter| waiter.deadline.is_some())
            .map(|waiter| waiter.waker.clone())
            .collect()
    }

    /// Returns the wakers of the callers behind the head that will miss their deadline, as things stand.
    pub(super) fn hopeless(&self, engine: &Engine, now: Time) -> Vec<Waker> {
        let mut ahead = 0;
        let waits_in_vain = |waiter: &&Waiter| {
            let before = ahead;
            ahead += u64::from(waiter.cost);
            let is_late = |deadline| {
                let due = engine.projected(now, before, waiter.cost);
                due.is_ok_and(|due| due > deadline)
            };
            before > 0 && waiter.deadline.is_some_and(is_late)
        };
        let hopeless = self.waiting.values().filter(waits_in_vain);
        hopeless.map(|waiter| waiter.waker.clone()).collect()
    }

    /// Returns the sum of the costs of the callers before this one.
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
