//! The limiter that callers share: the controller behind a lock, and one queue for all who wait.
//!
//! A driver: what is decided, the controller decides. The lock is held for the decision and never
//! while somebody sleeps, sends, logs or is woken.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Clock, SystemClock};
use crate::fleet::Fleet;
use crate::observe::{
    self, About, AttemptRecord, Cause, Decision, Dispatcher, Event, EventSource, Observer,
};
use api_ratelimiter_core::attempt::Attempt;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::{Change, Controller, Grant, Learned, Source};
use api_ratelimiter_core::{Rate, Time};

mod agent;
mod closing;
mod permit;
mod permits;
mod queue;
mod snapshot;
#[cfg(feature = "async")]
mod tasks;
mod waiting;

pub use permit::Permit;
pub(crate) use permits::{Permits, give};
pub use snapshot::{AnnouncedLimit, FleetSnapshot, Snapshot};

use agent::Agent;
use queue::Queue;

/// A rate limiter that adapts: a token bucket whose rate rises while requests get through and falls
/// when they are refused.
///
/// Cheap to clone, and a clone shares the state: give one to each thread. All who wait are served in
/// the order in which they came. Each permit takes the outcome of its request back, by
/// [`Permit::success`] or [`Permit::backoff`]; dropped without either, it counts as neutral.
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
    shared: Arc<Shared>,
}

/// The lock comes first, so that it shares its cache line with the count of references that every
/// permit changes.
#[repr(C)]
struct Shared {
    core: Mutex<Core>,
    clock: Arc<dyn Clock>,
    name: Box<str>,
    audience: Dispatcher,
    /// The limiters of parts of the API, by name.
    scopes: Box<[(Box<str>, DynamicRateLimiter)]>,
    /// Who visits the store of the fleet, if there is one.
    agent: Option<Arc<Agent>>,
}

/// What the lock protects.
struct Core {
    source: Source,
    queue: Queue,
    totals: Totals,
    jitter: fastrand::Rng,
    /// When the pause began after which nothing was granted yet.
    cooling_since: Option<Time>,
    /// Permits that have not come to their end.
    in_flight: usize,
    /// Nothing is granted any more.
    closed: bool,
    /// Who waits for the last permit to come back.
    closers: Vec<Waker>,
}

impl Core {
    /// Whether the fleet's store has to be visited sooner than its visitor thinks.
    fn is_calling(&self, now: Time) -> bool {
        self.source
            .is_calling(now, self.queue.len(), || self.queue.head_cost())
    }

    /// A success, if that leaves everything else as it is. See [`Source::counts`].
    fn counts(&mut self, grant: &Grant) -> bool {
        let counts = self.source.counts(grant);
        self.totals.succeeded += u64::from(counts);
        counts
    }

    /// A permit was granted after `waited`. Returns how long the pause was of whose end it is the sign.
    fn granted(&mut self, now: Time, waited: Duration) -> Option<Duration> {
        self.in_flight += 1;
        self.totals.granted += 1;
        self.totals.waited += waited;
        self.cooling_since
            .take()
            .map(|since| now.saturating_since(since))
    }
}

/// Where an outcome comes from.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// Nobody's permit.
    Hand,
    /// A request that was sent.
    Request(&'a Grant),
    /// One that was not: its token is back, which concerns whoever waits first.
    Unsent,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    granted: u64,
    succeeded: u64,
    backed_off: u64,
    waited: Duration,
}

/// The answer of [`DynamicRateLimiter::try_acquire`].
#[derive(Debug)]
#[must_use]
pub enum TryAcquire {
    /// A permit.
    Ready(Permit),
    /// None before so long, as things stand; never zero.
    Wait(Duration),
    /// None ever: the limiter was closed.
    Closed,
}

impl DynamicRateLimiter {
    /// A limiter with the rates and bounds of `config`, on the system's clock.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a value that breaks a rule.
    pub fn new(config: &ApiRateConfig) -> Result<Self> {
        Self::with_clock(config, Arc::new(SystemClock::new()))
    }

    /// A limiter on another clock, for tests in virtual time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a value that breaks a rule.
    pub fn with_clock(config: &ApiRateConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::assembled(config, clock, None)
    }

    fn assembled(
        config: &ApiRateConfig,
        clock: Arc<dyn Clock>,
        fleet: Option<&Fleet>,
    ) -> Result<Self> {
        config.validate()?;
        let scope = |scope: &api_ratelimiter_core::config::ScopeConfig| {
            let fleet = fleet.map(|fleet| fleet.part(&scope.name));
            let (config, clock) = (scope.limiter_config(config), Arc::clone(&clock));
            let limiter = Self::assembled(&config, clock, fleet.as_ref())?;
            Ok((scope.name.as_str().into(), limiter))
        };
        let scopes = config.scopes.iter().map(scope).collect::<Result<_>>()?;
        let now = clock.now();
        let (source, agent) = match fleet {
            Some(fleet) => Self::fleet_source(config, fleet, now)?,
            None => {
                let controller = Controller::new(config.settings()?, now);
                (Source::Own(Box::new(controller)), None)
            }
        };
        let core = Core {
            source,
            queue: Queue::default(),
            totals: Totals::default(),
            jitter: fastrand::Rng::new(),
            cooling_since: None,
            in_flight: 0,
            closed: false,
            closers: Vec::new(),
        };
        observe::created(config);
        let shared = Shared {
            name: config.name.as_str().into(),
            clock,
            core: Mutex::new(core),
            audience: Dispatcher::default(),
            scopes,
            agent,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// The same limiter with the seed of its jitter set, so that pauses can be repeated exactly.
    #[must_use]
    pub fn with_jitter_seed(self, seed: u64) -> Self {
        self.shared.core.lock().jitter = fastrand::Rng::with_seed(seed);
        for ((_, scope), further) in self.shared.scopes.iter().zip(1..) {
            scope.shared.core.lock().jitter = fastrand::Rng::with_seed(seed.wrapping_add(further));
        }
        self
    }

    /// The same limiter with a label, which tells credentials for one API apart in its events.
    #[must_use]
    pub fn with_label(self, tenant: &str) -> Self {
        self.shared.audience.set_tenant(tenant);
        for (_, scope) in &self.shared.scopes {
            scope.shared.audience.set_tenant(tenant);
        }
        self
    }

    /// Has `observer` told of every [`Event`](crate::Event) from now on, after those who were added
    /// before.
    pub fn add_observer(&self, observer: Arc<dyn Observer>) {
        for (_, scope) in &self.shared.scopes {
            scope.add_observer(Arc::clone(&observer));
        }
        self.shared.audience.add(observer);
    }

    /// The limiter of a part of the API, by the name of its [`ScopeConfig`](crate::ScopeConfig).
    ///
    /// A client asks it by itself; requests that something else sends take a permit of it first and then
    /// one of the whole. What is reported by hand, [`set_rates`](Self::set_rates) and
    /// [`learned`](Self::learned) concern the one limiter that they are called on: scopes are not
    /// remembered from run to run.
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<&Self> {
        let mut scopes = self.shared.scopes.iter();
        scopes
            .find(|(known, _)| **known == *name)
            .map(|(_, limiter)| limiter)
    }

    /// Waits for a permit.
    ///
    /// Waits as long as it takes: at the lowest rate and with everybody who came before, but never
    /// for a pause of more than `max_cooldown`.
    ///
    /// # Errors
    ///
    /// [`Error::CooldownTooLong`] at once, while more than `max_cooldown` is left of a pause;
    /// [`Error::CircuitOpen`] from a circuit breaker that turns callers away; [`Error::Fleet`] of a fleet that
    /// grants nothing; [`Error::Closed`] after [`close`](Self::close).
    pub fn acquire(&self) -> Result<Permit> {
        self.acquire_by(1, None)
    }

    /// Waits for a permit, but no longer than `within`.
    ///
    /// # Errors
    ///
    /// [`Error::DeadlineTooShort`] at once, if the permit would take longer at the current rate, or by
    /// what the server announced is left (while answers are under way, one may say that more is left,
    /// and it is waited for); and as for [`acquire`](Self::acquire).
    pub fn acquire_within(&self, within: Duration) -> Result<Permit> {
        self.acquire_by(1, Some(self.shared.clock.now() + within))
    }

    /// Waits for a permit for a request that costs `cost` tokens.
    ///
    /// A cost above the bucket's capacity waits for a full bucket and leaves a debt that later
    /// requests wait for; it never hangs.
    ///
    /// # Errors
    ///
    /// As for [`acquire`](Self::acquire).
    pub fn acquire_cost(&self, cost: u32) -> Result<Permit> {
        self.acquire_by(cost, None)
    }

    /// A permit if there is one right now, else how long it would take. Never overtakes the queue.
    pub fn try_acquire(&self) -> TryAcquire {
        let now = self.shared.clock.now();
        let mut core = self.shared.core.lock();
        if core.closed {
            return TryAcquire::Closed;
        }
        let Core { source, queue, .. } = &mut *core;
        match queue.try_turn(source, now, 1) {
            Ok(grant) => {
                let ended = core.granted(now, Duration::ZERO);
                let number = ended.map(|_| self.shared.audience.next_number());
                // The count of references lies beside the lock: it is cheapest to reach while that is held.
                let permit = Permit::new(self.clone(), grant, Duration::ZERO);
                drop(core);
                self.tell_ended(number.zip(ended));
                TryAcquire::Ready(permit)
            }
            Err(wait) => {
                let is_calling = core.is_calling(now);
                drop(core);
                self.call_agent(is_calling);
                TryAcquire::Wait(wait)
            }
        }
    }

    /// Reports a success by hand, for requests made without a permit: the rate rises by
    /// `increase_step`, to at most `max_rate`.
    pub fn on_success(&self) {
        self.feed(Origin::Hand, Cause::default(), |core, now| {
            core.totals.succeeded += 1;
            core.source.on_success(now)
        });
    }

    /// Reports a refusal by hand, for requests made without a permit: the rate falls by
    /// `decrease_factor`, to at least `min_rate`, and nothing is granted for `retry_after` (`None` or
    /// zero: the limiter's own choice).
    pub fn on_backoff(&self, retry_after: Option<Duration>) {
        self.feed(Origin::Hand, Cause::default(), |core, now| {
            core.totals.backed_off += 1;
            let chance = core.jitter.f64();
            core.source.on_backoff(now, retry_after, chance)
        });
    }

    /// New bounds for the rate, from the next grant on; tokens and cooldown stay.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] unless both are finite, above 0, and `min` is at most `max`; and of a
    /// [`Fleet`](crate::Fleet), whose workers have all the same bounds.
    pub fn set_rates(&self, min: f64, max: f64) -> Result<()> {
        let name = &self.shared.name;
        let rate = |field, value| {
            Rate::per_second(value).ok_or_else(|| {
                Error::config(
                    name,
                    field,
                    format_args!("{value} is not a finite number above 0"),
                )
            })
        };
        let (min, max) = (rate("min_rate", min)?, rate("max_rate", max)?);
        if min > max {
            let problem = format!(
                "{} exceeds max_rate, {}",
                min.as_per_second(),
                max.as_per_second()
            );
            return Err(Error::config(name, "min_rate", problem));
        }
        let now = self.shared.clock.now();
        let (head, late) = {
            let mut core = self.shared.core.lock();
            if !core.source.set_bounds(now, min, max) {
                let problem =
                    "belongs to the whole fleet; give all its workers another configuration";
                return Err(Error::config(name, "min_rate", problem));
            }
            // Those who would now come too late are told at once.
            (core.queue.head(), core.queue.with_deadlines())
        };
        head.into_iter().chain(late).for_each(Waker::wake);
        Ok(())
    }

    /// What was learned about the limit, to be stored until the next run; `None` until there is a
    /// ceiling, and where learning is off.
    #[must_use]
    pub fn learned(&self) -> Option<Learned> {
        let unix_now = self.shared.clock.unix_now();
        self.shared.core.lock().source.learned(unix_now)
    }

    /// Starts from what an earlier run learned, instead of searching: at its ceiling if it is younger
    /// than 36 hours, else ever nearer to the configured start.
    ///
    /// A short hold confirms the ceiling. Does nothing with what another version's law has learned, and
    /// where learning is off.
    pub fn restore(&self, learned: &Learned) {
        let unix_now = self.shared.clock.unix_now();
        self.feed(Origin::Hand, Cause::default(), |core, now| {
            core.source.restore(now, learned, unix_now)
        });
    }

    /// What the limiter is doing right now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let Shared {
            name,
            clock,
            core,
            audience,
            ..
        } = &*self.shared;
        let (now, unix_now) = (clock.now(), clock.unix_now());
        let tenant = audience.tenant();
        let scopes = self.shared.scopes.iter();
        let scopes = scopes.map(|(_, scope)| scope.snapshot()).collect();
        let (view, totals, waiting) = {
            let core = core.lock();
            (core.source.view(now), core.totals, core.queue.len())
        };
        snapshot::of(name, tenant, &view, totals, waiting, now, unix_now)
            .with_scopes(scopes)
            .with_store(self.shared.agent.as_deref())
    }

    /// Whether both are clones of one limiter.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    pub(crate) fn name(&self) -> &str {
        &self.shared.name
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// Grants nothing for `wait`, and leaves the rate as it is.
    fn hold(&self, wait: Duration) {
        self.feed(Origin::Hand, Cause::default(), |core, now| {
            let chance = core.jitter.f64();
            core.source.exhausted(now, wait, chance)
        });
    }

    fn speaker(&self) -> EventSource<'_> {
        EventSource {
            api: &self.shared.name,
            unix_now: self.shared.clock.unix_now(),
        }
    }

    /// A request that goes out after `waited`, if anybody wants to hear of it.
    pub(crate) fn going_out(&self, attempt: &Attempt, waited: Duration) -> Option<AttemptRecord> {
        let is_wanted = self.shared.audience.wants(log::Level::Trace);
        is_wanted.then(|| AttemptRecord::going_out(attempt, waited, self.shared.clock.now()))
    }

    /// That request's end.
    pub(crate) fn tell_attempt(&self, heard: AttemptRecord) {
        self.shared.audience.attempted(self.speaker(), heard);
    }

    /// A call that ends with an error.
    pub(crate) fn tell_gave_up(&self, attempt: &Attempt, error: &Error) {
        if self.shared.audience.wants(log::Level::Debug) {
            let speaker = self.speaker();
            self.shared.audience.gave_up(speaker, attempt, error);
        }
    }

    /// Tells an event that is not a decision of this limiter, if an observer wants it or it is logged.
    pub(crate) fn tell(&self, level: log::Level, event: impl FnOnce(About) -> Event) {
        let audience = &self.shared.audience;
        audience.tell_if_wanted(self.speaker(), level, event);
    }

    fn tell_disagreement(&self, announced: Rate, learned: Rate) {
        self.tell(log::Level::Info, |about| Event::LimitsDisagree {
            about,
            announced_rate: announced.as_per_second(),
            learned_ceiling: learned.as_per_second(),
        });
    }

    /// A pause that is over, with the event's number.
    fn tell_ended(&self, ended: Option<(u64, Duration)>) {
        let Some((number, lasted)) = ended else {
            return;
        };
        let audience = &self.shared.audience;
        if audience.wants(log::Level::Debug) {
            audience.cooldown_ended(self.speaker(), number, lasted);
        }
    }

    /// Gives the controller an outcome; afterwards, without the lock, wakes whom it concerns and logs.
    ///
    /// A permit whose outcome leaves nothing to do has come to its end with it: returns who waited for the last
    /// one. Else it is under way still, so that whoever waits for the last permit has heard everything.
    fn feed(
        &self,
        origin: Origin<'_>,
        cause: Cause,
        outcome: impl FnOnce(&mut Core, Time) -> Change,
    ) -> Option<Vec<Waker>> {
        let now = self.shared.clock.now();
        // Most outcomes change nothing and concern nobody: they need no list.
        let (news, head, others, disagreement, is_calling) = {
            let mut core = self.shared.core.lock();
            let before = core.source.belief();
            let change = outcome(&mut core, now);
            let after = core.source.belief();
            let is_news = change != Change::Nothing || after != before;
            let was_cooling = core.cooling_since.is_some();
            if let Change::Cut { .. } | Change::Held { .. } = change {
                core.cooling_since.get_or_insert(now);
            }
            let has_opened = before.open_since.is_none() && after.open_since.is_some();
            let others = match change {
                _ if core.source.turns_away(now) => core.queue.all(),
                // Those whose deadline the pause has passed are told at once, not at their deadline.
                Change::Cut { .. } | Change::Held { .. } => core.queue.with_deadlines(),
                _ if has_opened => core.queue.with_deadlines(),
                // The last answer is in: nothing can tell any more that more is left.
                Change::Nothing | Change::Raised { .. }
                    if core.source.is_held_by_cap() && core.source.has_all_answers() =>
                {
                    core.queue.hopeless(&core.source, now)
                }
                Change::Nothing | Change::Raised { .. } => Vec::new(),
            };
            // The head's time may have moved either way; and whoever waits for a canary, or for word of
            // what is left, is the head.
            let is_capped = core.source.is_held_by_cap();
            let concerns_head = is_news
                || match origin {
                    Origin::Hand | Origin::Unsent => true,
                    Origin::Request(grant) => grant.canary || grant.trial || is_capped,
                };
            let head = if concerns_head {
                core.queue.head()
            } else {
                None
            };
            let news = is_news.then(|| Decision {
                change,
                was_cooling,
                before,
                after,
                view: core.source.view(now),
                now,
                status: cause.status.map(|status| status.as_u16()),
                number: self.shared.audience.next_number(),
            });
            let disagreement = core.source.disagreement(now);
            let is_calling = core.is_calling(now);
            let wakes = head.is_some() || !others.is_empty();
            if news.is_none() && disagreement.is_none() && !wakes && !is_calling {
                return match origin {
                    Origin::Hand => None,
                    Origin::Request(_) | Origin::Unsent => Some(core.landed()),
                };
            }
            (news, head, others, disagreement, is_calling)
        };
        self.call_agent(is_calling);
        head.into_iter().for_each(Waker::wake);
        others.into_iter().for_each(Waker::wake);
        if let Some((told, learned)) = disagreement {
            self.tell_disagreement(told, learned);
        }
        let audience = &self.shared.audience;
        if let Some(news) = news.filter(|news| audience.wants(news.level())) {
            audience.decided(self.speaker(), cause.tags.as_deref(), &news);
        }
        None
    }
}

/// Itself, so that what looks at clients takes a limiter alone, too.
impl AsRef<DynamicRateLimiter> for DynamicRateLimiter {
    fn as_ref(&self) -> &DynamicRateLimiter {
        self
    }
}

impl fmt::Debug for DynamicRateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("DynamicRateLimiter");
        shown.field("name", &self.shared.name);
        // Never blocks: a debugger or a panic message may ask while the lock is held.
        if let Some(core) = self.shared.core.try_lock() {
            shown.field("view", &core.source.view(self.shared.clock.now()));
        }
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "rate_limiter/deadline_tests.rs"]
mod deadline_tests;
