//! How callers get permits.

use std::time::Duration;

use super::permit::Permit;
use super::shared::{Core, DynamicRateLimiter};
use api_ratelimiter_core::error::Result;

/// Result of [`DynamicRateLimiter::try_acquire`].
#[derive(Debug)]
#[must_use]
pub enum TryAcquire {
    /// A permit.
    Ready(Permit),
    /// No permit now. Try again after this time, which is never zero.
    Wait(Duration),
    /// No permit ever: the limiter was closed.
    Closed,
}

impl DynamicRateLimiter {
    /// Waits for a permit.
    ///
    /// Waits without a bound for its turn, but never for a pause of more than `max_cooldown`.
    ///
    /// # Errors
    ///
    /// - [`Error::CooldownTooLong`](crate::Error::CooldownTooLong) at once, while more than `max_cooldown` is left of a pause
    /// - [`Error::CircuitOpen`](crate::Error::CircuitOpen) from an open circuit breaker that fails fast
    /// - [`Error::Fleet`](crate::Error::Fleet) from a fleet that grants nothing
    /// - [`Error::Closed`](crate::Error::Closed) after [`close`](Self::close)
    pub fn acquire(&self) -> Result<Permit> {
        self.acquire_by(1, None)
    }

    /// Waits for a permit, but no longer than `within`.
    ///
    /// # Errors
    ///
    /// [`Error::DeadlineTooShort`](crate::Error::DeadlineTooShort) at once, if the permit would take longer at the current rate or by the announced
    /// limits (while responses are in flight, one may announce that more is left, and the caller waits for it); and as
    /// for [`acquire`](Self::acquire).
    pub fn acquire_within(&self, within: Duration) -> Result<Permit> {
        self.acquire_by(1, Some(self.shared.clock.now() + within))
    }

    /// Waits for a permit for a request that costs `cost` tokens.
    ///
    /// A cost above the bucket's capacity waits for a full bucket and leaves a debt that later requests wait for.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire); and [`Error::InvalidRequest`](crate::Error::InvalidRequest) at once, if the cost
    /// is above both what a full bucket holds and what `max_rate` pays off within `max_cooldown`: its debt would hold up
    /// all other callers for longer than any pause. Also if the cost is above a known limit.
    pub fn acquire_cost(&self, cost: u32) -> Result<Permit> {
        self.acquire_by(cost, None)
    }

    /// Returns a permit if there is one right now, else how long it would take. Never overtakes the queue.
    pub fn try_acquire(&self) -> TryAcquire {
        let now = self.shared.clock.now();
        let unix_now = self.shared.wall_clock();
        let mut core = self.shared.core.lock();
        if core.closed {
            return TryAcquire::Closed;
        }
        core.show_wall_clock(now, unix_now);
        let Core { engine, queue, .. } = &mut *core;
        match queue.try_turn(engine, now, 1) {
            Ok(grant) => {
                let ended = core.granted(now, Duration::ZERO);
                let number = ended.map(|_| self.shared.audience.next_number());
                drop(core);
                let permit = Permit::new(self.clone(), grant, Duration::ZERO);
                self.tell_ended(number.zip(ended));
                TryAcquire::Ready(permit)
            }
            Err(wait) => {
                let needs_visit = core.needs_visit(now);
                drop(core);
                self.wake_fleet_driver(needs_visit);
                TryAcquire::Wait(wait)
            }
        }
    }
}
