//! How a task waits for its permit, in one queue with threads.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::permit::Permit;
use super::permits::{Held, Permits};
use super::queue::{Asked, Turn};
use super::shared::DynamicRateLimiter;
use super::waiting::QueuePlace;
use crate::clock::Clock;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::outcome::Wanted;

/// Waiting without blocking a thread. Needs the feature `async`.
///
/// A task takes its place in the queue, among threads and tasks, when its future is first polled. All these futures may
/// be dropped at any time. One that waits leaves the queue at once, and neither loses a permit nor makes one. One that is
/// kept without being polled holds its place, and all callers behind it wait.
///
/// # Panics
///
/// Waiting needs a tokio runtime with its timer enabled, unless the limiter's clock wakes tasks itself
/// ([`Clock::wake_at`]). They panic without one.
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

    /// Closes the limiter and waits, at most for `patience`, until the last permit is back, without blocking the thread.
    /// See [`close_within`](Self::close_within).
    ///
    /// The first poll closes the limiter, and it stays closed when the future is dropped. A permit that the calling task
    /// itself holds is never back in time.
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
        loop {
            let mut held = Held::default();
            if let Some(scope) = self.scope_of(wanted) {
                held.scope(scope.acquire_by_async(cost, deadline).await?);
            }
            if let Some(apart) = self.limiter_of(wanted.route) {
                held.apart(apart.acquire_by_async(cost, deadline).await?);
            }
            let wide = self.acquire_by_async(cost, deadline).await?;
            match held.with(wide, wanted.route, waited) {
                Ok(permits) => return Ok(permits),
                Err(so_far) => waited = so_far,
            }
        }
    }

    async fn acquire_by_async(&self, cost: u32, deadline: Option<Time>) -> Result<Permit> {
        let clock = &*self.shared.clock;
        let began = clock.now();
        let mut place = QueuePlace {
            limiter: self,
            ticket: None,
        };
        let mut alarm = Alarm::of(clock);
        let mut first_look = Some(began);
        poll_fn(|context| {
            loop {
                let now = first_look.take().unwrap_or_else(|| clock.now());
                let asked = Asked {
                    now,
                    cost,
                    deadline,
                    current: Some(context.waker()),
                };
                let mut waker = || context.waker().clone();
                match place.turn(began, asked, &mut waker) {
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

/// Wakes a task at its time, by the clock or by a timer of tokio's. Only the head of the queue and callers with a
/// deadline set one.
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

    /// Sets the alarm. Returns `Ready` when the time has come.
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
            // A timer that has fired must not be polled again. If it fired early, the next call sets a new one.
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
