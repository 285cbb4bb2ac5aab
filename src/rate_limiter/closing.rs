//! The end of a limiter.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use super::waiting::Signal;
use super::{DynamicRateLimiter, Shared};

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
        self.shared.closing.store(true, Ordering::SeqCst);
        let waiting = {
            let mut core = self.shared.core.lock();
            core.closed = true;
            core.queue.all()
        };
        waiting.into_iter().for_each(Waker::wake);
        self.shared.in_flight.load(Ordering::SeqCst)
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
        // Before the look, so that none lands unnoticed in between.
        let closers = &mut self.shared.core.lock().closers;
        if !closers.iter().any(|known| known.will_wake(waker)) {
            closers.push(waker.clone());
        }
        self.shared.in_flight.load(Ordering::SeqCst)
    }

    /// A permit has come to its end.
    pub(super) fn landed(&self) {
        let Shared {
            core,
            in_flight,
            closing,
            ..
        } = &*self.shared;
        if in_flight.fetch_sub(1, Ordering::SeqCst) == 1 && closing.load(Ordering::SeqCst) {
            let closers = std::mem::take(&mut core.lock().closers);
            closers.into_iter().for_each(Waker::wake);
        }
    }
}
