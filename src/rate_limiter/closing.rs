//! The end of a limiter.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::waiting::Signal;
use super::{Core, DynamicRateLimiter};

impl DynamicRateLimiter {
    /// Closes the limiter for all who share it: callers who wait get [`Error::Closed`](crate::Error::Closed) at once,
    /// and so does whoever comes later. Returns how many permits are under way, without waiting for them.
    ///
    /// What is under way finishes: outcomes are still taken, and [`learned`](Self::learned) and
    /// [`snapshot`](Self::snapshot) go on to answer. There is no way to open it again.
    pub fn close(&self) -> usize {
        for (_, scope) in &self.shared.scopes {
            scope.close();
        }
        let (waiting, under_way) = {
            let mut core = self.shared.core.lock();
            core.closed = true;
            (core.queue.all(), core.in_flight)
        };
        waiting.into_iter().for_each(Waker::wake);
        under_way
    }

    /// Closes the limiter as [`close`](Self::close) does, and waits until the last permit is back, but
    /// no longer than `patience`. Returns how many are still under way then: 0 if all finished.
    ///
    /// A permit that the calling thread itself holds is waited for in vain.
    pub fn close_within(&self, patience: Duration) -> usize {
        let clock = &*self.shared.clock;
        let until = clock.now() + patience;
        let signal = Signal::of_this_thread();
        self.close();
        let waker = Waker::from(Arc::clone(&signal));
        loop {
            let left = self.left_to_land(&waker);
            if left == 0 || clock.now() >= until {
                return left;
            }
            clock.park_until(Some(until), &signal.woken);
        }
    }

    /// How many permits are under way; `waker` is woken when the last of them has come to its end.
    pub(super) fn left_to_land(&self, waker: &Waker) -> usize {
        let mut core = self.shared.core.lock();
        if !core.closers.iter().any(|known| known.will_wake(waker)) {
            core.closers.push(waker.clone());
        }
        core.in_flight
    }
}

impl Core {
    /// A permit has come to its end. Returns who waited for the last one, if it was that.
    pub(super) fn landed(&mut self) -> Vec<Waker> {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            std::mem::take(&mut self.closers)
        } else {
            Vec::new()
        }
    }
}
