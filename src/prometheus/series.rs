//! Counters and histograms of events.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::observe::{Event, Observer};
use crate::rate_limiter::Snapshot;

/// Maximum number of route labels with series of their own; later labels count as [`OTHER`]. A label that
/// contains an id by mistake must not fill the memory of this program and of Prometheus.
const MOST_ROUTES: usize = 200;

/// Maximum number of pairs of API and tenant with series of their own; later ones count as [`OTHER`].
pub(super) const MOST_TENANTS: usize = 1_000;

/// Label for all labels above [`MOST_ROUTES`] and [`MOST_TENANTS`].
const OTHER: &str = "other";

/// Upper bounds of the histograms' buckets, in seconds. Responses take milliseconds to seconds. Waits take up
/// to the longest pause that vendors ask for: an hour, at GitHub.
const BUCKETS: [f64; 12] = [
    0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, EncodeLabelSet)]
pub(super) struct Of {
    pub(super) api: String,
    pub(super) tenant: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    api: String,
    tenant: String,
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStatus {
    api: String,
    tenant: String,
    route: String,
    /// `2xx` to `5xx`, or `error` without a response.
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfError {
    api: String,
    tenant: String,
    route: String,
    error: String,
}

#[derive(Debug, Clone)]
struct Buckets;

impl MetricConstructor<Histogram> for Buckets {
    fn new_metric(&self) -> Histogram {
        Histogram::new(BUCKETS)
    }
}

/// Series that count events.
#[derive(Debug)]
pub(super) struct Series {
    routes: Mutex<BTreeSet<String>>,
    tenants: Mutex<BTreeSet<Of>>,
    attempts: Family<OfStatus, Counter>,
    refused: Family<OfRoute, Counter>,
    gave_up: Family<OfError, Counter>,
    cuts: Family<Of, Counter>,
    probes: Family<Of, Counter>,
    elapsed: Family<OfRoute, Histogram, Buckets>,
    waited: Family<OfRoute, Histogram, Buckets>,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            routes: Mutex::default(),
            tenants: Mutex::default(),
            attempts: Family::default(),
            refused: Family::default(),
            gave_up: Family::default(),
            cuts: Family::default(),
            probes: Family::default(),
            elapsed: Family::new_with_constructor(Buckets),
            waited: Family::new_with_constructor(Buckets),
        }
    }
}

impl Series {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "api_ratelimiter_attempts",
            "Requests that were sent, by class of status",
            self.attempts.clone(),
        );
        registry.register(
            "api_ratelimiter_refusals",
            "Requests that the server refused because of a limit",
            self.refused.clone(),
        );
        registry.register(
            "api_ratelimiter_calls_given_up",
            "Calls that ended with an error and no response",
            self.gave_up.clone(),
        );
        registry.register(
            "api_ratelimiter_cuts",
            "Refusals that cut the rate, one for each burst of refusals",
            self.cuts.clone(),
        );
        registry.register(
            "api_ratelimiter_probes",
            "Probes above the learned ceiling",
            self.probes.clone(),
        );
        registry.register_with_unit(
            "api_ratelimiter_request_duration",
            "Time from sending a request to the head of its response",
            Unit::Seconds,
            self.elapsed.clone(),
        );
        registry.register_with_unit(
            "api_ratelimiter_wait_duration",
            "Time that a request waited for its permit",
            Unit::Seconds,
            self.waited.clone(),
        );
    }

    /// Starts the counters of refusals at 0, so that a ratio of refusals is defined from the first request on.
    pub(super) fn begin(&self, snapshot: &Snapshot) {
        let of = self.of(&snapshot.name, snapshot.tenant.as_deref());
        self.cuts.get_or_create(&of).inc_by(0);
        self.probes.get_or_create(&of).inc_by(0);
        let of = OfRoute {
            api: of.api,
            tenant: of.tenant,
            route: String::new(),
        };
        self.refused.get_or_create(&of).inc_by(0);
    }

    /// Returns API and tenant as labels. If there are too many of them, the tenant is [`OTHER`], and the API too if it
    /// is new.
    pub(super) fn of(&self, api: &str, tenant: Option<&str>) -> Of {
        let of = Of {
            api: api.to_owned(),
            tenant: tenant.unwrap_or_default().to_owned(),
        };
        let mut known = self.tenants.lock();
        if known.contains(&of) {
            return of;
        }
        if known.len() < MOST_TENANTS {
            known.insert(of.clone());
            return of;
        }
        let without = Of {
            tenant: String::new(),
            ..of
        };
        let next = known.range(&without..).next();
        let is_known_api = next.is_some_and(|next| next.api == without.api);
        Of {
            api: if is_known_api {
                without.api
            } else {
                OTHER.to_owned()
            },
            tenant: OTHER.to_owned(),
        }
    }

    /// Returns the route as a label, or [`OTHER`] if there are too many labels.
    fn route(&self, route: Option<&str>) -> String {
        let Some(route) = route else {
            return String::new();
        };
        let mut routes = self.routes.lock();
        if routes.contains(route) {
            return route.to_owned();
        }
        if routes.len() >= MOST_ROUTES {
            return OTHER.to_owned();
        }
        routes.insert(route.to_owned());
        route.to_owned()
    }
}

impl Observer for Series {
    fn on_event(&self, event: &Event) {
        let about = event.about();
        let Of { api, tenant } = self.of(&about.api, about.tenant.as_deref());
        match event {
            Event::Attempt {
                route,
                status,
                refused,
                elapsed,
                waited,
                ..
            } => {
                let route = self.route(route.as_deref());
                let of = OfRoute {
                    api: api.clone(),
                    tenant: tenant.clone(),
                    route: route.clone(),
                };
                if *refused {
                    self.refused.get_or_create(&of).inc();
                }
                self.elapsed
                    .get_or_create(&of)
                    .observe(elapsed.as_secs_f64());
                self.waited.get_or_create(&of).observe(waited.as_secs_f64());
                let status = class(*status);
                let of = OfStatus {
                    api,
                    tenant,
                    route,
                    status,
                };
                self.attempts.get_or_create(&of).inc();
            }
            Event::GaveUp { route, error, .. } => {
                let of = OfError {
                    api,
                    tenant,
                    route: self.route(route.as_deref()),
                    error: error.clone(),
                };
                self.gave_up.get_or_create(&of).inc();
            }
            Event::Cut { .. } => {
                self.cuts.get_or_create(&Of { api, tenant }).inc();
            }
            Event::Probe { .. } => {
                self.probes.get_or_create(&Of { api, tenant }).inc();
            }
            _ => {}
        }
    }
}

fn class(status: Option<u16>) -> &'static str {
    match status.map(|status| status / 100) {
        None => "error",
        Some(1) => "1xx",
        Some(2) => "2xx",
        Some(3) => "3xx",
        Some(4) => "4xx",
        Some(_) => "5xx",
    }
}
