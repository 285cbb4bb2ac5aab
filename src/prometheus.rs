//! Metrics for Prometheus: counters of an [`Observer`], and gauges that are read at each scrape.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::{Family, MetricConstructor};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::observe::{Event, Observer};
use crate::rate_limiter::{DynamicRateLimiter, Snapshot};
use api_ratelimiter_core::BreakerPhase;

/// Maximum number of route labels with series of their own; later labels count as [`OTHER`]. A label that
/// contains an id by mistake must not fill the memory of this program and of Prometheus.
const MOST_ROUTES: usize = 200;

/// Route label for all labels above [`MOST_ROUTES`].
const OTHER: &str = "other";

/// Upper bounds of the histograms' buckets, in seconds. Responses take milliseconds to seconds. Waits take up
/// to the longest pause that vendors ask for: an hour, at GitHub.
const BUCKETS: [f64; 12] = [
    0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

/// Metrics of any number of limiters in your registry.
///
/// Clones are cheap and share the metrics. `METRICS.md` lists names and labels. The labels have few values:
/// the API's name, the tenant's label, the caller's [route](crate::RequestBuilder::route), the class of a
/// status; never an address.
///
/// ```
/// use api_ratelimiter::{DynamicAPIClient, prometheus::{Metrics, text_format}};
/// use prometheus_client::registry::Registry;
///
/// let mut registry = Registry::default();
/// let metrics = Metrics::register(&mut registry);
/// let client = DynamicAPIClient::builder_for("notion")?.build()?;
/// metrics.watch(client.limiter());
/// assert!(text_format(&registry).contains("api_ratelimiter_rate_per_second{api=\"notion\",tenant=\"\"} 2.5"));
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Metrics {
    series: Arc<Series>,
    watched: WatchedLimiters,
}

impl Metrics {
    /// Registers all metrics, once for each registry.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let series = Arc::new(Series::default());
        series.register(registry);
        let watched = WatchedLimiters::default();
        registry.register_collector(Box::new(watched.clone()));
        Self { series, watched }
    }

    /// Counts the events of this limiter and of its calls from now on, and shows its gauges at each scrape
    /// until [`forget`](Self::forget).
    ///
    /// Limiters of one API and tenant share their series: rates, tokens and waiting callers are added up, and
    /// the longest pause is shown. Watching a limiter twice has no effect.
    pub fn watch(&self, limiter: &DynamicRateLimiter) {
        let mut limiters = self.watched.0.lock();
        if limiters.iter().any(|known| known.is_same(limiter)) {
            return;
        }
        limiters.push(limiter.clone());
        drop(limiters);
        self.series.begin(&limiter.snapshot());
        limiter.add_observer(Arc::clone(&self.series) as Arc<dyn Observer>);
    }

    /// Removes the gauges of this limiter; its counters stay.
    pub fn forget(&self, limiter: &DynamicRateLimiter) {
        self.watched
            .0
            .lock()
            .retain(|known| !known.is_same(limiter));
    }
}

/// Returns the registry in Prometheus' own text format, version 0.0.4.
///
/// `prometheus-client` writes OpenMetrics, which Prometheus reads, too. Use this function for a reader that reads only
/// the older form: `promtool check metrics`, the text files of `node_exporter`. The two differ in the
/// names of counters in the comments, and in the mark at the end.
#[must_use]
pub fn text_format(registry: &Registry) -> String {
    let mut open = String::new();
    if text::encode(&mut open, registry).is_err() {
        // A collector of other code has failed. Return an empty text.
        open.clear();
    }
    let counters: BTreeSet<&str> = open
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    let mut classic = String::with_capacity(open.len());
    for line in open.lines() {
        let mut words = line.splitn(4, ' ');
        let (hash, kind, name) = (words.next(), words.next(), words.next());
        let line_of_counter = match (hash, kind, name) {
            (Some("#"), Some(kind @ ("HELP" | "TYPE")), Some(name)) if counters.contains(name) => {
                Some((kind, name, words.next().unwrap_or_default()))
            }
            (Some("#"), Some("EOF" | "UNIT"), _) => continue,
            _ => None,
        };
        // Writing into memory can't fail.
        let _ = match line_of_counter {
            Some((kind, name, rest)) => writeln!(classic, "# {kind} {name}_total {rest}"),
            None => writeln!(classic, "{line}"),
        };
    }
    classic
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Of {
    api: String,
    tenant: String,
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
struct Series {
    routes: Mutex<BTreeSet<String>>,
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
    fn register(&self, registry: &mut Registry) {
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
    fn begin(&self, snapshot: &Snapshot) {
        let (api, tenant) = (&snapshot.name, snapshot.tenant.clone().unwrap_or_default());
        let of = Of {
            api: api.clone(),
            tenant: tenant.clone(),
        };
        self.cuts.get_or_create(&of).inc_by(0);
        self.probes.get_or_create(&of).inc_by(0);
        let of = OfRoute {
            api: api.clone(),
            tenant,
            route: String::new(),
        };
        self.refused.get_or_create(&of).inc_by(0);
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
        let api = about.api.clone();
        let tenant = about.tenant.clone().unwrap_or_default();
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

/// Collector that reads the state of the watched limiters at each scrape.
#[derive(Debug, Clone, Default)]
struct WatchedLimiters(Arc<Mutex<Vec<DynamicRateLimiter>>>);

/// A gauge: its name, its help text, how it is read, and how the values of two limiters are combined.
struct Gauge {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    read: fn(&Snapshot) -> Option<f64>,
    join: fn(f64, f64) -> f64,
}

fn gauges() -> [Gauge; 6] {
    let sum = |a: f64, b: f64| a + b;
    [
        Gauge {
            name: "api_ratelimiter_rate_per_second",
            help: "Current rate",
            unit: None,
            read: |snapshot| Some(snapshot.current_rate),
            join: sum,
        },
        Gauge {
            name: "api_ratelimiter_ceiling_per_second",
            help: "Learned ceiling, the estimate of the limit",
            unit: None,
            read: |snapshot| snapshot.learned_ceiling,
            join: sum,
        },
        Gauge {
            name: "api_ratelimiter_tokens",
            help: "Tokens in the bucket, below 0 while a costly request is paid off",
            unit: None,
            read: |snapshot| Some(snapshot.tokens),
            join: sum,
        },
        Gauge {
            name: "api_ratelimiter_waiting_callers",
            help: "Callers in the queue",
            unit: None,
            read: |snapshot| Some(snapshot.waiting as f64),
            join: sum,
        },
        Gauge {
            name: "api_ratelimiter_cooldown",
            help: "Rest of the current pause",
            unit: Some(Unit::Seconds),
            read: |snapshot| Some(left(snapshot.cooldown_until).as_secs_f64()),
            join: f64::max,
        },
        Gauge {
            name: "api_ratelimiter_breaker_open",
            help: "1 while the circuit breaker is open or half open, else 0",
            unit: None,
            read: |snapshot| {
                let breaker = snapshot.breaker?;
                Some(f64::from(u8::from(breaker != BreakerPhase::Closed)))
            },
            join: f64::max,
        },
    ]
}

#[allow(
    clippy::disallowed_methods,
    reason = "the wall clock of the scrape, against the snapshot's"
)]
fn left(until: Option<SystemTime>) -> Duration {
    until
        .and_then(|until| until.duration_since(SystemTime::now()).ok())
        .unwrap_or_default()
}

impl Collector for WatchedLimiters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Copy the list first, so that its lock is not held while a limiter is locked.
        let limiters = self.0.lock().clone();
        let seen: Vec<(Of, Snapshot)> = limiters
            .iter()
            .map(|limiter| {
                let snapshot = limiter.snapshot();
                let of = Of {
                    api: snapshot.name.clone(),
                    tenant: snapshot.tenant.clone().unwrap_or_default(),
                };
                (of, snapshot)
            })
            .collect();
        for gauge in gauges() {
            let mut series: BTreeMap<(&str, &str), (&Of, f64)> = BTreeMap::new();
            for (of, snapshot) in &seen {
                if let Some(value) = (gauge.read)(snapshot) {
                    series
                        .entry((&of.api, &of.tenant))
                        .and_modify(|(_, joined)| *joined = (gauge.join)(*joined, value))
                        .or_insert((of, value));
                }
            }
            if series.is_empty() {
                continue;
            }
            let value = ConstGauge::new(0.0);
            let mut family = encoder.encode_descriptor(
                gauge.name,
                gauge.help,
                gauge.unit.as_ref(),
                value.metric_type(),
            )?;
            for (of, value) in series.into_values() {
                ConstGauge::new(value).encode(family.encode_family(of)?)?;
            }
        }
        Ok(())
    }
}
