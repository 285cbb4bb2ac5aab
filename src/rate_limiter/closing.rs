//! How a limiter is closed.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::queue::wake_all;
use super::shared::DynamicRateLimiter;
use super::waiting::Signal;

impl DynamicRateLimiter {
    /// Closes the limiter for all clones: waiting and later callers get [`Error::Closed`](crate::Error::Closed) at once.
    /// Returns the number of permits in flight, without waiting for them.
    ///
    /// Permits in flight still take their outcome, and [`learned`](Self::learned) and [`snapshot`](Self::snapshot) still
    /// work. A closed limiter can't be opened again.
    pub fn close(&self) -> usize {
        for (_, scope) in &self.shared.scopes {
            scope.close();
        }
        for apart in self.limiters_apart() {
            apart.close();
        }
        let (waiting, under_way) = {
            let mut core = self.shared.core.lock();
            core.closed = true;
            (core.queue.all(), core.in_flight)
        };
        wake_all(waiting);
        under_way
    }

    /// Closes the limiter and waits, at most for `patience`, until the last permit is back. Returns the number of permits
    /// still in flight: 0 if all are back. See [`close`](Self::close).
    ///
    /// A permit that the calling thread itself holds is never back in time.
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

    /// Returns the number of permits in flight. `waker` is woken when the last of them is done.
    pub(super) fn left_to_land(&self, waker: &Waker) -> usize {
        // A waker runs code of the caller when it is cloned or dropped, so neither happens under the lock.
        let mut own = Some(waker.clone());
        let mut core = self.shared.core.lock();
        if !core.closers.iter().any(|known| known.will_wake(waker)) {
            core.closers.extend(own.take());
        }
        let left = core.in_flight;
        drop(core);
        drop(own);
        left
    }
}
