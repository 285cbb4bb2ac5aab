//! The callers that wait, threads and tasks alike, in one queue.
//!
//! Nothing is reserved for a waiting caller. The head of the queue polls the engine and holds the only timer. A head that
//! leaves wakes the next one. So leaving is exact: it can neither lose a permit nor make one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::Error;
use api_ratelimiter_core::limiter::{Denial, Engine, Grant, Poll};

mod cost_sums;

use cost_sums::CostSums;

/// Waiting callers in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: BTreeMap<u64, Waiter>,
    next_ticket: u64,
    /// Costs of all waiting callers.
    costs: CostSums,
    /// Whether a caller had to wait since the last grant, without queueing: the limit, and not the caller's own pace,
    /// delayed the next grant.
    had_to_wait: bool,
}

/// The waker of a waiting caller. A waker runs code of the caller when it is cloned, dropped or woken, so none of that
/// happens under the lock: there only this pointer is copied and moved.
pub(super) type SharedWaker = Arc<Waker>;

/// A waiting caller.
#[derive(Debug)]
struct Waiter {
    waker: SharedWaker,
    cost: u32,
    deadline: Option<Time>,
}

/// What a caller asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) now: Time,
    pub(super) cost: u32,
    pub(super) deadline: Option<Time>,
    /// The waker of the caller's task; `None` for a thread, which always has the same one.
    pub(super) current: Option<&'a Waker>,
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

/// Longest time between two looks at the wall clock, while a caller waits for a limit that is renewed by it.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

impl Queue {
    /// Returns the number of waiting callers.
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Asks for a grant: at the caller's place in the queue if it has a `ticket`, else behind all others.
    ///
    /// Returns `None` if the caller has to wait and its `waker` is missing: it asks again with one. A queued caller that
    /// still has the same one needs none. What is in `waker` afterwards is
    /// dropped without the lock.
    ///
    /// Unless it waits, the caller leaves the queue.
    pub(super) fn turn(
        &mut self,
        engine: &mut Engine,
        asked: &Asked<'_>,
        ticket: &mut Option<u64>,
        waker: &mut Option<SharedWaker>,
    ) -> Option<Turn> {
        let Asked {
            now,
            cost,
            deadline,
            current,
        } = *asked;
        if ticket.is_none() {
            if let Err(too_large) = engine.check_cost(cost) {
                return Some(Turn::Failed(too_large.into()));
            }
        }
        if deadline.is_some_and(|deadline| deadline < now) {
            return Some(Turn::Failed(Error::deadline(SHORTEST_WAIT)));
        }
        // The head polls the engine; the others only learn whether waiting makes sense.
        let first = self.waiting.first_key_value().map(|(first, _)| *first);
        let is_head = first.is_none() || first == *ticket;
        // A response that is awaited may come at any moment: the time is only the latest.
        let (until, is_latest) = if is_head {
            match engine.poll(now, cost, ticket.is_some() || self.had_to_wait) {
                Poll::Grant(grant) => {
                    self.had_to_wait = false;
                    return Some(Turn::Granted(grant));
                }
                Poll::Denied(denial) => return Some(Turn::Failed(denial.into())),
                Poll::At(time) => (time, false),
                Poll::AfterFeedback(time) => (time, true),
            }
        } else {
            match engine.projected(now, self.ahead_of(*ticket), cost) {
                Ok(time) => (time, false),
                Err(denial) => return Some(Turn::Failed(denial.into())),
            }
        };
        // A deadline that would be missed fails now.
        if deadline.is_some_and(|deadline| deadline <= now || (deadline < until && !is_latest)) {
            let needed = until.saturating_since(now).max(SHORTEST_WAIT);
            return Some(Turn::Failed(Error::deadline(needed)));
        }
        // Take a place in the queue, or keep it.
        let queued = ticket.and_then(|ticket| self.waiting.get_mut(&ticket));
        if let Some(waiter) = queued {
            let is_same = current.is_none_or(|current| current.will_wake(&waiter.waker));
            if !is_same {
                // A task has moved to another waker since.
                std::mem::swap(&mut waiter.waker, waker.as_mut()?);
            }
        } else {
            let waiter = Waiter {
                waker: Arc::clone(waker.as_ref()?),
                cost,
                deadline,
            };
            *ticket = Some(self.next_ticket);
            self.costs.add(self.next_ticket, cost);
            self.waiting.insert(self.next_ticket, waiter);
            self.next_ticket += 1;
        }
        // A wall clock that was put forward, or a machine that slept, brings the day sooner than the timer.
        let until = if engine.follows_wall_clock() {
            until.min(now + LOOK_AGAIN)
        } else {
            until
        };
        // Behind the head only callers with a deadline need a timer.
        Some(Turn::Wait(match deadline {
            Some(deadline) if is_head => Some(until.min(deadline)),
            deadline => deadline.or(is_head.then_some(until)),
        }))
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
            engine.projected(now, self.costs.total(), cost)
        };
        self.had_to_wait = true;
        Err(due.map_or_else(Denial::retry_after, |time| {
            time.saturating_since(now).max(SHORTEST_WAIT)
        }))
    }

    /// Takes a caller out of the queue. Returns the new head's waker if the old head left, and the caller's own, which
    /// is to be dropped without the lock.
    pub(super) fn leave(&mut self, ticket: &mut Option<u64>) -> Option<Left> {
        let ticket = ticket.take()?;
        let was_head = self
            .waiting
            .first_key_value()
            .is_some_and(|(first, _)| *first == ticket);
        let waiter = self.waiting.remove(&ticket)?;
        self.costs.subtract(ticket, waiter.cost);
        Some(Left {
            next: if was_head { self.head() } else { None },
            _own: waiter.waker,
        })
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
    pub(super) fn head(&self) -> Option<SharedWaker> {
        self.waiting
            .first_key_value()
            .map(|(_, head)| Arc::clone(&head.waker))
    }

    /// Returns the wakers of all callers.
    pub(super) fn all(&self) -> Vec<SharedWaker> {
        let all = self.waiting.values();
        all.map(|waiter| Arc::clone(&waiter.waker)).collect()
    }

    /// Returns the wakers of the callers behind the head that will miss their deadline, as things stand. Callers that
    /// will leave for that reason do not count as ahead of others.
    pub(super) fn hopeless(&self, engine: &Engine, now: Time) -> Vec<SharedWaker> {
        let mut ahead = u64::from(self.head_cost().unwrap_or_default());
        let waits_in_vain = |waiter: &&Waiter| {
            let is_late = waiter.deadline.is_some_and(|deadline| {
                let due = engine.projected(now, ahead, waiter.cost);
                due.is_ok_and(|due| due > deadline)
            });
            if !is_late {
                ahead += u64::from(waiter.cost);
            }
            is_late
        };
        let behind = self.waiting.values().skip(1);
        behind
            .filter(waits_in_vain)
            .map(|waiter| Arc::clone(&waiter.waker))
            .collect()
    }

    /// Returns the sum of the costs of the callers before this one.
    fn ahead_of(&self, ticket: Option<u64>) -> u64 {
        ticket.map_or(self.costs.total(), |ticket| self.costs.before(ticket))
    }
}

/// What a caller that leaves the queue leaves behind.
pub(super) struct Left {
    /// The waker of the new head, if the head has left.
    next: Option<SharedWaker>,
    _own: SharedWaker,
}

impl Left {
    /// Wakes the new head. Called without the lock.
    pub(super) fn wake_next(self) {
        wake_all(self.next);
    }
}

/// Wakes callers. Called without the lock.
pub(super) fn wake_all(wakers: impl IntoIterator<Item = SharedWaker>) {
    for waker in wakers {
        waker.wake_by_ref();
    }
}
