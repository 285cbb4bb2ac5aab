//! The state that all clones of a limiter share.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;

use super::fleet_driver::FleetDriver;
use super::queue::Queue;
use super::route_table::RouteTable;
use crate::clock::Clock;
use crate::observe::{Dispatcher, EventSource};
use api_ratelimiter_core::Time;
use api_ratelimiter_core::limiter::{Change, Engine, Grant, Outcome};

/// An adaptive rate limiter: a token bucket whose rate rises while requests succeed and falls when the server refuses
/// them.
///
/// Clones are cheap and share the state: give one to each thread. Waiting callers are served in the order in which they
/// came. Each [`Permit`](crate::Permit) takes the outcome of its request back, by
/// [`Permit::success`](crate::Permit::success) or [`Permit::backoff`](crate::Permit::backoff). A permit that is dropped
/// without an outcome counts as neutral.
///
/// ```
/// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter};
///
/// # fn main() -> api_ratelimiter::Result<()> {
/// let limiter = DynamicRateLimiter::new(&ApiRateConfig::default())?;
/// let permit = limiter.acquire()?;        // waits for its turn
/// let refused = false;                    // … the request goes here …
/// if refused { permit.backoff(None) } else { permit.success() }
/// assert_eq!(limiter.snapshot().granted, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DynamicRateLimiter {
    pub(super) shared: Arc<Shared>,
}

/// Everything that the clones share.
pub(super) struct Shared {
    pub(super) name: Box<str>,
    pub(super) clock: Arc<dyn Clock>,
    /// Whether a known limit is renewed by the wall clock.
    pub(super) follows_wall_clock: bool,
    pub(super) core: Mutex<Core>,
    /// Shared with the limiters of routes.
    pub(super) audience: Arc<Dispatcher>,
    /// The limiters of parts of the API, by name.
    pub(super) scopes: Box<[(Box<str>, DynamicRateLimiter)]>,
    /// The limiters of limits that responses keep apart; `None` for such a limiter itself.
    pub(super) routes: Option<RouteTable<DynamicRateLimiter>>,
    /// Visits the store of the fleet, if there is one.
    pub(super) fleet_driver: Option<Arc<FleetDriver>>,
}

/// The part of the state that the lock protects.
pub(super) struct Core {
    pub(super) engine: Engine,
    pub(super) queue: Queue,
    pub(super) totals: Totals,
    /// Random numbers for the jitter of pauses.
    pub(super) jitter: fastrand::Rng,
    /// Start of the pause after which nothing was granted yet.
    pub(super) cooling_since: Option<Time>,
    /// Permits whose outcome is not known, or not handled to the end.
    pub(super) in_flight: usize,
    /// Whether the limiter was closed and grants nothing any more.
    pub(super) closed: bool,
    /// Callers that wait until the last permit is back.
    pub(super) closers: Vec<Waker>,
}

/// Counts since the start.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) granted: u64,
    pub(super) succeeded: u64,
    pub(super) backed_off: u64,
    pub(super) waited: Duration,
}

impl Core {
    /// Returns the state of a limiter that has granted nothing.
    pub(super) fn new(engine: Engine, jitter: fastrand::Rng) -> Self {
        Self {
            engine,
            queue: Queue::default(),
            totals: Totals::default(),
            jitter,
            cooling_since: None,
            in_flight: 0,
            closed: false,
            closers: Vec::new(),
        }
    }

    /// Returns whether the fleet's store has to be visited sooner than its driver plans.
    pub(super) fn needs_visit(&self, now: Time) -> bool {
        self.engine
            .needs_visit(now, self.queue.len(), || self.queue.head_cost())
    }

    /// Tells the engine what the wall clock shows, where that matters.
    pub(super) fn show_wall_clock(&mut self, now: Time, unix_now: Option<Duration>) {
        if let Some(unix_now) = unix_now {
            self.engine.set_wall_clock(now, unix_now);
        }
    }

    /// Counts a permit that was granted after `waited`. Returns the length of the pause that ends with it, if one does.
    pub(super) fn granted(&mut self, now: Time, waited: Duration) -> Option<Duration> {
        self.in_flight += 1;
        self.totals.granted += 1;
        self.totals.waited += waited;
        self.cooling_since
            .take()
            .map(|since| now.saturating_since(since))
    }

    /// Counts an outcome and reports it to the engine.
    pub(super) fn report(&mut self, now: Time, grant: &Grant, outcome: Outcome) -> Change {
        match outcome {
            Outcome::Success { .. } => self.totals.succeeded += 1,
            Outcome::Refused { .. } => self.totals.backed_off += 1,
            Outcome::Failed | Outcome::Neutral | Outcome::Unused => {}
        }
        self.engine.report(now, grant, outcome)
    }

    /// Counts a permit as done. Returns the callers that waited for the last one, if it was the last.
    pub(super) fn landed(&mut self) -> Vec<Waker> {
        self.in_flight -= 1;
        if self.in_flight == 0 {
            std::mem::take(&mut self.closers)
        } else {
            Vec::new()
        }
    }
}

impl Shared {
    /// Returns what the wall clock shows, if a known limit is renewed by it.
    pub(super) fn wall_clock(&self) -> Option<Duration> {
        self.follows_wall_clock.then(|| self.clock.unix_now())
    }
}

impl DynamicRateLimiter {
    /// Returns whether both are clones of one limiter.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Returns the name of the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns the limiter's clock.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Returns what each event says of its source.
    pub(super) fn speaker(&self) -> EventSource<'_> {
        EventSource {
            api: &self.shared.name,
            unix_now: self.shared.clock.unix_now(),
        }
    }

    /// Wakes the fleet's driver if it has to visit the store sooner than it plans.
    pub(super) fn wake_fleet_driver(&self, needs_visit: bool) {
        if let Some(driver) = self.shared.fleet_driver.as_ref().filter(|_| needs_visit) {
            driver.wake();
        }
    }

    /// Emits the event of a pause that is over, with its number.
    pub(super) fn tell_ended(&self, ended: Option<(u64, Duration)>) {
        let Some((number, lasted)) = ended else {
            return;
        };
        let audience = &self.shared.audience;
        if audience.wants(log::Level::Debug) {
            audience.cooldown_ended(self.speaker(), number, lasted);
        }
    }
}

/// Returns itself, so that what shows clients takes a limiter alone, too.
impl AsRef<DynamicRateLimiter> for DynamicRateLimiter {
    fn as_ref(&self) -> &DynamicRateLimiter {
        self
    }
}

impl fmt::Debug for DynamicRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DynamicRateLimiter");
        shown.field("name", &self.shared.name);
        // Does not block: a debugger or a panic message may ask while the lock is held.
        if let Some(core) = self.shared.core.try_lock() {
            shown.field("view", &core.engine.view(self.shared.clock.now()));
        }
        shown.finish_non_exhaustive()
    }
}
