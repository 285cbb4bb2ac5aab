//! Tasks that wait: in the same queue as threads, each by its waker.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::permits::Held;
use super::queue::Turn;
use super::waiting::Place;
use super::{DynamicRateLimiter, Permit, Permits};
use crate::clock::Clock;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::Wanted;

/// Needs the feature `async`.
///
/// A task takes its place in the queue when its future is first polled, among threads and tasks alike.
/// All these futures may be dropped at any time: one that waits leaves the queue at once, and neither
/// loses a permit nor makes one; the permit of one that is done is spent when dropped, as always. One that
/// was polled and is kept without being polled on holds its place, and everybody behind it waits.
///
/// # Panics
///
/// Waiting needs a tokio runtime with its timer enabled, unless the limiter's clock wakes tasks itself
/// ([`Clock::wake_at`]): without one they panic.
impl DynamicRateLimiter {
    /// Waits for a permit, as [`acquire`](Self::acquire) does, without blocking the thread.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire).
    ///
    /// ```
    /// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter};
    ///
    /// # fn main() -> api_ratelimiter::Result<()> {
    /// let limiter = DynamicRateLimiter::new(&ApiRateConfig::default())?;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let permit = limiter.acquire_async().await?;
    /// // … the request goes here …
    /// permit.success();
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub async fn acquire_async(&self) -> Result<Permit> {
        self.acquire_by_async(1, None).await
    }

    /// Waits for a permit, but no longer than `within` from the first poll.
    ///
    /// # Errors
    ///
    /// As for [`acquire_within`](Self::acquire_within).
    pub async fn acquire_within_async(&self, within: Duration) -> Result<Permit> {
        self.acquire_by_async(1, Some(self.shared.clock.now() + within))
            .await
    }

    /// Waits for a permit for a request that costs `cost` tokens.
    ///
    /// # Errors
    ///
    /// As for [`acquire_cost`](Self::acquire_cost).
    pub async fn acquire_cost_async(&self, cost: u32) -> Result<Permit> {
        self.acquire_by_async(cost, None).await
    }

    /// Closes the limiter as [`close`](Self::close) does, and waits until the last permit is back, but
    /// no longer than `patience`, as [`close_within`](Self::close_within) does without blocking the
    /// thread. It is closed from the first poll on, and stays so when the future is dropped.
    ///
    /// A permit that the calling task itself holds is waited for in vain.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter};
    ///
    /// # fn main() -> api_ratelimiter::Result<()> {
    /// let limiter = DynamicRateLimiter::new(&ApiRateConfig::default())?;
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// assert_eq!(limiter.close_within_async(Duration::from_secs(5)).await, 0);
    /// # Ok(())
    /// # })
    /// # }
    /// ```
    pub async fn close_within_async(&self, patience: Duration) -> usize {
        let clock = &*self.shared.clock;
        let until = clock.now() + patience;
        self.close();
        let mut alarm = Alarm::of(clock);
        poll_fn(|context| {
            loop {
                let left = self.left_to_land(context.waker());
                let now = clock.now();
                if left == 0 || now >= until {
                    return Poll::Ready(left);
                }
                if alarm.set(Some(until), now, context).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    /// Waits for the permits of a request, as [`acquire_for`](Self::acquire_for) does.
    pub(crate) async fn acquire_for_async(&self, wanted: &Wanted) -> Result<Permits> {
        let Wanted { cost, deadline, .. } = *wanted;
        let mut waited = Duration::ZERO;
        let narrow = wanted.scope.as_deref().and_then(|name| self.scope(name));
        loop {
            let held = match narrow {
                Some(narrow) => Held::new(narrow.acquire_by_async(cost, deadline).await?),
                None => Held::default(),
            };
            let wide = self.acquire_by_async(cost, deadline).await?;
            match Permits::pair(held, wide, waited) {
                Ok(permits) => return Ok(permits),
                Err(so_far) => waited = so_far,
            }
        }
    }

    async fn acquire_by_async(&self, cost: u32, deadline: Option<Time>) -> Result<Permit> {
        let clock = &*self.shared.clock;
        let began = clock.now();
        let mut place = Place {
            limiter: self,
            ticket: None,
        };
        let mut alarm = Alarm::of(clock);
        let mut first_look = Some(began);
        poll_fn(|context| {
            loop {
                let now = first_look.take().unwrap_or_else(|| clock.now());
                let mut waker = || context.waker().clone();
                match place.turn(began, now, cost, deadline, &mut waker) {
                    Turn::Granted(grant) => {
                        let waited = now.saturating_since(began);
                        return Poll::Ready(Ok(Permit::new(self.clone(), grant, waited)));
                    }
                    Turn::Failed(error) => return Poll::Ready(Err(error)),
                    Turn::Wait(until) => {
                        if alarm.set(until, now, context).is_pending() {
                            return Poll::Pending;
                        }
                    }
                }
            }
        })
        .await
    }
}

/// What wakes a task at its time: the clock, or a timer of tokio's, which only the head of the queue
/// and those with a deadline have.
struct Alarm<'a> {
    clock: &'a dyn Clock,
    id: Option<u64>,
    timer: Option<(Time, Pin<Box<Sleep>>)>,
}

impl<'a> Alarm<'a> {
    fn of(clock: &'a dyn Clock) -> Self {
        Self {
            clock,
            id: None,
            timer: None,
        }
    }

    /// Ready: the time has come.
    fn set(&mut self, until: Option<Time>, now: Time, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.wake_at(&mut self.id, until, context.waker()) {
            return Poll::Pending;
        }
        let Some(until) = until else {
            self.timer = None;
            return Poll::Pending;
        };
        let timer = match &mut self.timer {
            Some((set_to, timer)) if *set_to == until => timer,
            timer => {
                let sleep = tokio::time::sleep(until.saturating_since(now));
                &mut timer.insert((until, Box::pin(sleep))).1
            }
        };
        let rang = timer.as_mut().poll(context);
        if rang.is_ready() {
            // Not to be polled again; and should it have rung early, a new one is set.
            self.timer = None;
        }
        rang
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.clock.forget(id);
        }
    }
}
