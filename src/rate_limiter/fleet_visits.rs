//! The limiter's side of a fleet's driver: when the store is visited, and what comes of a visit.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::feedback::Origin;
use super::fleet_driver::{FleetDriver, VisitFailure, Visited};
use super::shared::{Core, DynamicRateLimiter, Shared};
use crate::clock::{Clock, SystemClock};
use crate::fleet::Fleet;
use crate::observe::{Cause, Event};
use crate::random;
use api_ratelimiter_core::Time;
use api_ratelimiter_core::config::ApiRateConfig;
use api_ratelimiter_core::error::{Error, Result};
use api_ratelimiter_core::limiter::{
    Action, Change, Denial, Engine, FleetUnavailable, MOST_WANTED, Member, SyncRequest,
};

/// Problem of a store whose compare-and-swap never succeeds.
const ALWAYS_LOST: &str = "compare-and-swap never succeeds";

/// Time until the worker tries again, if the operating system has no random numbers.
const WITHOUT_RANDOM_NUMBERS: Duration = Duration::from_secs(1);

/// Decision about the store, for observers.
enum StoreNews {
    Lost(String),
    Back,
}

impl DynamicRateLimiter {
    /// Returns a limiter that shares its limit with the other workers of `fleet`. A thread of its own visits the store,
    /// and ends with the last clone.
    ///
    /// Parts of the API that have limits of their own are shared as well, each under a key of its own.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a value that breaks a rule, or if workers with another configuration share the key.
    /// A store that can't be reached is not an error but a warning; [`OnOutage`](crate::OnOutage) says what follows.
    pub fn in_fleet(config: &ApiRateConfig, fleet: &Fleet) -> Result<Self> {
        Self::in_fleet_after(config, fleet, |limiter| limiter)
    }

    /// Joins a fleet after `prepare`, so that observers hear of a store that can't be reached at once.
    pub(crate) fn in_fleet_after(
        config: &ApiRateConfig,
        fleet: &Fleet,
        prepare: impl FnOnce(Self) -> Self,
    ) -> Result<Self> {
        let clock = Arc::new(SystemClock::new());
        let limiter = prepare(Self::assembled(config, clock, Some(fleet))?);
        limiter.join_fleet(true)?;
        // If the store does not respond to the first limiter, those of the scopes do not wait for it, too.
        let is_there = limiter.snapshot().fleet.is_some_and(|fleet| fleet.joined);
        for (_, scope) in &limiter.shared.scopes {
            scope.join_fleet(is_there)?;
        }
        Ok(limiter)
    }

    /// Returns the engine and the driver of a worker.
    pub(super) fn fleet_engine(
        config: &ApiRateConfig,
        fleet: &Fleet,
        now: Time,
    ) -> Result<(Engine, Option<Arc<FleetDriver>>)> {
        let member = Member::new(config.settings()?, fleet.policy, now);
        let driver = FleetDriver::new(fleet, &member);
        Ok((Engine::Fleet(Box::new(member)), Some(Arc::new(driver))))
    }

    /// Starts the driver's thread. Makes the first visit right here, if the store `is_there`.
    fn join_fleet(&self, is_there: bool) -> Result<()> {
        let Some(driver) = &self.shared.fleet_driver else {
            return Ok(());
        };
        if is_there {
            if let Action::Visit(request) = self.next_fleet_action() {
                self.visit(driver, *request);
            }
        }
        // Other settings are a mistake of the program, so that it should not start.
        if self.fleet_unavailable() == Some(FleetUnavailable::OtherSettings) {
            return Err(Error::config(self.name(), "fleet", other_settings()));
        }
        let (weak, own) = (Arc::downgrade(&self.shared), Arc::clone(driver));
        let clock = Arc::clone(&self.shared.clock);
        let spawned = thread::Builder::new()
            .name("api-ratelimiter fleet".to_owned())
            .spawn(move || run(&own, &weak, &*clock));
        let handle = spawned.map_err(|error| {
            Error::config(
                self.name(),
                "fleet",
                format_args!("can't spawn a thread: {error}"),
            )
        })?;
        driver.runs_in(handle.thread().clone());
        Ok(())
    }

    /// Returns why the worker grants nothing, if so.
    fn fleet_unavailable(&self) -> Option<FleetUnavailable> {
        let mut core = self.shared.core.lock();
        core.engine.member().and_then(|member| member.unavailable())
    }

    /// Returns what the driver does next.
    fn next_fleet_action(&self) -> Action {
        let now = self.shared.clock.now();
        // The number names a state, so it must differ from those of all other workers.
        let Ok(unique) = random::u64() else {
            return Action::Rest(now + WITHOUT_RANDOM_NUMBERS);
        };
        let mut core = self.shared.core.lock();
        let Core { engine, queue, .. } = &mut *core;
        match engine.member() {
            Some(member) => member.next_action(now, &queue.costs(MOST_WANTED), unique),
            None => Action::Rest(Time::MAX),
        }
    }

    /// Visits the store, without the lock, and gives the worker what comes of it.
    fn visit(&self, driver: &FleetDriver, mut request: SyncRequest) {
        let result = driver.visit(&mut request, &*self.shared.clock);
        let disagreement = result.as_ref().ok().and_then(|it| it.reply.disagreement);
        let mut news = None;
        // A visit is feedback like any other: changes are events, and the head of the queue looks again.
        self.feed(Origin::Manual, Cause::default(), |core, now| {
            let chance = core.jitter.f64();
            let Some(member) = core.engine.member() else {
                return Change::Nothing;
            };
            let was_joined = member.membership().joined;
            let change = match result {
                Ok(Visited {
                    sent,
                    received,
                    reply,
                }) => member.synced(sent, received, now, reply),
                Err(failure) => {
                    let (is_new, problem) = match failure {
                        VisitFailure::Store(error) => {
                            let is_new = member.store_unreachable(now, request, chance);
                            (is_new, error.to_string())
                        }
                        VisitFailure::LostAllRaces => {
                            let is_new = member.lost_all_races(now, request, chance);
                            (is_new, ALWAYS_LOST.to_owned())
                        }
                        VisitFailure::OtherSettings => {
                            let is_new = member.met_other_settings(now, request);
                            (is_new, other_settings())
                        }
                    };
                    news = is_new.then_some(StoreNews::Lost(problem));
                    Change::Nothing
                }
            };
            let is_back = !was_joined && member.membership().joined && member.ended_an_outage();
            news = news.take().or(is_back.then_some(StoreNews::Back));
            change
        });
        // Events, without the lock.
        match news {
            Some(StoreNews::Back) => self.tell(log::Level::Info, |about| Event::FleetBack {
                about,
                store: driver.store_shown(),
            }),
            Some(StoreNews::Lost(problem)) => {
                self.tell(log::Level::Warn, |about| Event::FleetLost {
                    about,
                    store: driver.store_shown(),
                    problem,
                });
            }
            None => {}
        }
        if let Some((announced, learned)) = disagreement {
            self.tell_disagreement(announced, learned);
        }
    }
}

/// Returns the problem of a fleet with other settings.
fn other_settings() -> String {
    Error::from(Denial::Fleet(FleetUnavailable::OtherSettings)).to_string()
}

/// Runs the driver's thread until the limiter is dropped.
fn run(driver: &FleetDriver, limiter: &Weak<Shared>, clock: &dyn Clock) {
    while let Some(shared) = limiter.upgrade() {
        let limiter = DynamicRateLimiter { shared };
        match limiter.next_fleet_action() {
            Action::Visit(request) => limiter.visit(driver, *request),
            Action::Rest(until) => {
                // The thread must not keep the limiter alive while it rests.
                drop(limiter);
                driver.rest(Some(until).filter(|it| *it < Time::MAX), clock);
            }
        }
    }
    driver.finish(clock);
}

/// Reports what is left to report, and gives slots back.
impl Drop for Shared {
    fn drop(&mut self) {
        let Some(driver) = &self.fleet_driver else {
            return;
        };
        let now = self.clock.now();
        let member = self.core.get_mut().engine.member();
        driver.end(member.and_then(|member| member.final_visit(now, random::u64().ok()?)));
    }
}
