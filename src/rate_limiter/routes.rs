//! The limiters of limits that responses keep apart, by route.

use std::sync::Arc;

use parking_lot::Mutex;

use super::feedback::Origin;
use super::route_table::RouteTable;
use super::shared::{Core, DynamicRateLimiter, Shared};
use crate::observe::Cause;
use api_ratelimiter_core::limiter::{AnnouncedLimits, Change, Controller, Engine, Place};
use api_ratelimiter_core::outcome::Feedback;
use api_ratelimiter_core::route::Route;

impl DynamicRateLimiter {
    /// Returns the limiter apart that the next request of this route counts in, as far as is known.
    pub(super) fn limiter_of(&self, route: Route) -> Option<Self> {
        let routes = self.shared.routes.as_ref()?;
        routes.table.lock().limit_of(route, || self.apart(routes))
    }

    /// Takes in what the response to a request of this route announced. Returns the limiter apart that the response is
    /// about; `None` for this one.
    pub(super) fn limiter_told(&self, route: Route, announced: &AnnouncedLimits) -> Option<Self> {
        let routes = self.shared.routes.as_ref()?;
        let place = routes
            .table
            .lock()
            .heard(route, announced, || self.apart(routes));
        match place {
            Place::Home => None,
            Place::Apart(limiter) => Some(limiter),
            Place::FirstApart { limit, before } => {
                let taken = self.take_announced();
                before.feed(Origin::Manual, Cause::default(), |core, now| {
                    core.engine.announced_elsewhere(now, &taken);
                    Change::Nothing
                });
                Some(limit)
            }
        }
    }

    /// Returns all limiters apart.
    pub(super) fn limiters_apart(&self) -> Vec<Self> {
        let routes = self.shared.routes.as_ref();
        routes.map_or_else(Vec::new, |routes| {
            routes.table.lock().limits().cloned().collect()
        })
    }

    /// Takes in the response to a request that another limiter granted.
    pub(super) fn hear(&self, feedback: Feedback) {
        let cause = Cause {
            status: feedback.refused_status(),
            tags: None,
        };
        self.feed(Origin::Manual, cause, |core, now| {
            let (announced, report) = feedback.beside(|| core.jitter.f64());
            core.engine.announced_elsewhere(now, &announced);
            match report {
                Some(report) => core.engine.report_manually(now, report),
                None => Change::Nothing,
            }
        });
    }

    /// Returns the announced limits, and forgets them.
    fn take_announced(&self) -> AnnouncedLimits {
        let mut taken = AnnouncedLimits::default();
        self.feed(Origin::Manual, Cause::default(), |core, now| {
            taken = core.engine.take_announced(now);
            Change::Nothing
        });
        taken
    }

    /// Makes a limiter apart, with the observers of this one.
    fn apart(&self, routes: &RouteTable<Self>) -> Self {
        let clock = Arc::clone(&self.shared.clock);
        let controller = Controller::new(routes.settings.clone(), clock.now());
        let jitter = self.shared.core.lock().jitter.fork();
        let shared = Shared {
            name: routes.name.clone(),
            clock,
            // It has no known limits.
            follows_wall_clock: false,
            core: Mutex::new(Core::new(Engine::Own(Box::new(controller)), jitter)),
            audience: Arc::clone(&self.shared.audience),
            scopes: Box::default(),
            routes: None,
            fleet_driver: None,
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}
