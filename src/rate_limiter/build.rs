//! How a limiter is built.

use std::sync::Arc;

use parking_lot::Mutex;

use super::route_table::RouteTable;
use super::shared::{Core, DynamicRateLimiter, Shared};
use crate::clock::{Clock, SystemClock};
use crate::fleet::Fleet;
use crate::observe::{self, Dispatcher, Observer};
use crate::random;
use api_ratelimiter_core::config::{ApiRateConfig, ScopeConfig};
use api_ratelimiter_core::error::Result;
use api_ratelimiter_core::limiter::{Controller, Engine};

impl DynamicRateLimiter {
    /// Returns a limiter with the rates and bounds of `config`, on the system's clock.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a value that breaks a rule.
    pub fn new(config: &ApiRateConfig) -> Result<Self> {
        Self::with_clock(config, Arc::new(SystemClock::new()))
    }

    /// Returns a limiter on another clock, for tests in virtual time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`](crate::Error::InvalidConfig) for a value that breaks a rule.
    pub fn with_clock(config: &ApiRateConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        Self::assembled(config, clock, None)
    }

    /// Builds the limiter and, by itself, those of its scopes.
    pub(super) fn assembled(
        config: &ApiRateConfig,
        clock: Arc<dyn Clock>,
        fleet: Option<&Fleet>,
    ) -> Result<Self> {
        config.validate()?;
        let scope = |scope: &ScopeConfig| {
            let fleet = fleet.map(|fleet| fleet.part(&scope.name));
            let (config, clock) = (config.of_scope(scope), Arc::clone(&clock));
            let limiter = Self::assembled(&config, clock, fleet.as_ref())?;
            Ok((scope.name.as_str().into(), limiter))
        };
        let scopes = config.scopes.iter().map(scope).collect::<Result<_>>()?;
        let now = clock.now();
        let (engine, fleet_driver) = match fleet {
            Some(fleet) => Self::fleet_engine(config, fleet, now)?,
            None => {
                let controller = Controller::new(config.settings()?, now);
                (Engine::Own(Box::new(controller)), None)
            }
        };
        let follows_wall_clock = engine.follows_wall_clock();
        let core = Core::new(engine, random_jitter());
        observe::created(config);
        let shared = Shared {
            name: config.name.as_str().into(),
            clock,
            follows_wall_clock,
            core: Mutex::new(core),
            audience: Arc::new(Dispatcher::default()),
            scopes,
            routes: Some(RouteTable::new(config)?),
            fleet_driver,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Sets the seed of the jitter, so that pauses can be repeated exactly.
    #[must_use]
    pub fn with_jitter_seed(self, seed: u64) -> Self {
        self.shared.core.lock().jitter = fastrand::Rng::with_seed(seed);
        for ((_, scope), further) in self.shared.scopes.iter().zip(1..) {
            scope.shared.core.lock().jitter = fastrand::Rng::with_seed(seed.wrapping_add(further));
        }
        self
    }

    /// Sets a label that tells credentials for one API apart in events.
    #[must_use]
    pub fn with_label(self, tenant: &str) -> Self {
        self.shared.audience.set_tenant(tenant);
        for (_, scope) in &self.shared.scopes {
            scope.shared.audience.set_tenant(tenant);
        }
        self
    }

    /// Sends every [`Event`](crate::Event) from now on to `observer`, after the observers that were added before.
    pub fn add_observer(&self, observer: Arc<dyn Observer>) {
        for (_, scope) in &self.shared.scopes {
            scope.add_observer(Arc::clone(&observer));
        }
        self.shared.audience.add(observer);
    }

    /// Removes an observer that [`add_observer`](Self::add_observer) has added. It gets no event that happens later.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Event, Observer};
    ///
    /// struct Printer;
    ///
    /// impl Observer for Printer {
    ///     fn on_event(&self, event: &Event) {
    ///         println!("{event:?}");
    ///     }
    /// }
    ///
    /// # fn main() -> api_ratelimiter::Result<()> {
    /// let limiter = DynamicRateLimiter::new(&ApiRateConfig::default())?;
    /// let printer: Arc<dyn Observer> = Arc::new(Printer);
    /// limiter.add_observer(Arc::clone(&printer));
    /// limiter.on_backoff(None);
    /// limiter.remove_observer(&printer);
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_observer(&self, observer: &Arc<dyn Observer>) {
        for (_, scope) in &self.shared.scopes {
            scope.remove_observer(observer);
        }
        self.shared.audience.remove(observer);
    }

    /// Returns the number of its observers.
    #[cfg(test)]
    pub(crate) fn observers(&self) -> usize {
        self.shared.audience.observers()
    }

    /// Returns the limiter of a part of the API, by the name of its [`ScopeConfig`](crate::ScopeConfig).
    ///
    /// A client uses it by itself. For a request that other code sends, take a permit of the scope first and then one
    /// of the whole limiter. Manual reports, [`set_rates`](Self::set_rates) and [`learned`](Self::learned) concern the
    /// one limiter that they are called on: what a scope has learned is not kept from run to run.
    #[must_use]
    pub fn scope(&self, name: &str) -> Option<&Self> {
        let mut scopes = self.shared.scopes.iter();
        scopes
            .find(|(known, _)| **known == *name)
            .map(|(_, limiter)| limiter)
    }
}

/// Returns a generator for jitter, which differs from those of other processes. Without random numbers of the
/// operating system the thread's generator is good enough: jitter need not be unique.
fn random_jitter() -> fastrand::Rng {
    random::u64().map_or_else(|_| fastrand::Rng::new(), fastrand::Rng::with_seed)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::observe::Event;

    #[derive(Debug, Default)]
    struct Counter(AtomicUsize);

    impl Observer for Counter {
        fn on_event(&self, _: &Event) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_removed_observer_gets_no_further_event_and_the_others_do() {
        let limiter = DynamicRateLimiter::new(&ApiRateConfig::default()).expect("valid");
        let [removed, kept] = [(); 2].map(|()| Arc::new(Counter::default()));
        let as_observer = |counter: &Arc<Counter>| Arc::clone(counter) as Arc<dyn Observer>;
        limiter.add_observer(as_observer(&removed));
        limiter.add_observer(as_observer(&kept));
        limiter.remove_observer(&as_observer(&removed));
        assert_eq!(limiter.observers(), 1);
        limiter.on_backoff(None);
        assert_eq!(removed.0.load(Ordering::Relaxed), 0);
        assert!(kept.0.load(Ordering::Relaxed) > 0);
    }
}
