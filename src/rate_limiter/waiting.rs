//! How a thread waits for its permit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::thread::{self, Thread};

use super::permit::Permit;
use super::queue::{Asked, Left, SharedWaker, Turn};
use super::shared::DynamicRateLimiter;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::{Error, Result};

impl DynamicRateLimiter {
    /// Waits for a permit: the loop behind every blocking wait.
    pub(crate) fn acquire_by(&self, cost: u32, deadline: Option<Time>) -> Result<Permit> {
        let clock = &*self.shared.clock;
        let began = clock.now();
        let mut place = QueuePlace {
            limiter: self,
            ticket: None,
        };
        let mut signal: Option<Arc<Signal>> = None;
        let mut now = began;
        loop {
            let mut waker = || {
                let signal = signal.get_or_insert_with(Signal::of_this_thread);
                Waker::from(Arc::clone(signal))
            };
            let asked = Asked {
                now,
                cost,
                deadline,
                current: None,
            };
            match place.turn(began, asked, &mut waker) {
                Turn::Granted(grant) => {
                    let waited = now.saturating_since(began);
                    return Ok(Permit::new(self.clone(), grant, waited));
                }
                Turn::Failed(error) => return Err(error),
                Turn::Wait(until) => {
                    if let Some(signal) = &signal {
                        clock.park_until(until, &signal.woken);
                    }
                }
            }
            now = clock.now();
        }
    }
}

/// A caller's place in the queue. Leaves the queue when dropped, so that a caller that goes away blocks no other.
pub(super) struct QueuePlace<'a> {
    pub(super) limiter: &'a DynamicRateLimiter,
    pub(super) ticket: Option<u64>,
}

impl QueuePlace<'_> {
    /// Asks for a permit once, and takes or keeps a place in the queue if there is none yet. `waker` makes a waker, and
    /// is called without the lock.
    pub(super) fn turn(
        &mut self,
        began: Time,
        asked: Asked<'_>,
        waker: &mut dyn FnMut() -> Waker,
    ) -> Turn {
        let mut made = None;
        loop {
            if let Some(turn) = self.look(began, &asked, &mut made) {
                return turn;
            }
            made = Some(Arc::new(waker()));
        }
    }

    /// Asks once, under the lock; then, without it, wakes the next caller and emits events. Returns `None` if a waker is
    /// missing.
    fn look(
        &mut self,
        began: Time,
        asked: &Asked<'_>,
        made: &mut Option<SharedWaker>,
    ) -> Option<Turn> {
        let now = asked.now;
        let unix_now = self.limiter.shared.wall_clock();
        let (turn, left, ended, needs_visit) = {
            let mut core = self.limiter.shared.core.lock();
            let core = &mut *core;
            core.show_wall_clock(now, unix_now);
            let turn = if core.closed {
                Turn::Failed(Error::closed())
            } else {
                let ticket = &mut self.ticket;
                core.queue.turn(&mut core.engine, asked, ticket, made)?
            };
            let left = if let Turn::Wait(_) = turn {
                None
            } else {
                core.queue.leave(&mut self.ticket)
            };
            let ended = match turn {
                Turn::Granted(_) => core.granted(now, now.saturating_since(began)),
                Turn::Wait(_) | Turn::Failed(_) => None,
            };
            let number = ended.map(|_| self.limiter.shared.audience.next_number());
            let needs_visit = core.needs_visit(now);
            (turn, left, number.zip(ended), needs_visit)
        };
        left.into_iter().for_each(Left::wake_next);
        self.limiter.wake_fleet_driver(needs_visit);
        self.limiter.tell_ended(ended);
        Some(turn)
    }
}

impl Drop for QueuePlace<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let left = self
                .limiter
                .shared
                .core
                .lock()
                .queue
                .leave(&mut self.ticket);
            left.into_iter().for_each(Left::wake_next);
        }
    }
}

/// Waker of a blocked thread.
pub(super) struct Signal {
    thread: Thread,
    pub(super) woken: AtomicBool,
}

impl Signal {
    /// Returns a signal that wakes the calling thread.
    pub(super) fn of_this_thread() -> Arc<Self> {
        Arc::new(Self {
            thread: thread::current(),
            woken: AtomicBool::new(false),
        })
    }
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
