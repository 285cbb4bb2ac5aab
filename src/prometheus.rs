//! Metrics for Prometheus: an [`Observer`] that counts, and gauges that are read at each scrape.

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

/// Most different route labels that are kept apart; whatever comes later counts as [`OTHER`]. A label
/// that holds an id by mistake must not fill the memory of this program and of Prometheus.
const MOST_ROUTES: usize = 200;

/// The route of requests whose label is one too many.
const OTHER: &str = "other";

/// Bounds of the buckets in seconds. Answers take milliseconds to seconds; waits take up to the longest
/// pause that vendors ask for, and an hour is where GitHub's end.
const BUCKETS: [f64; 12] = [
    0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0,
];

/// Metrics of any number of limiters in a registry of yours.
///
/// Cheap to clone; a clone counts into the same metrics. Their names and labels are listed in
/// `METRICS.md`. Labels are bounded: the API's name, the tenant's label, the caller's
/// [route](crate::RequestBuilder::route), the class of a status; never an address.
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

    /// Counts what this limiter and the calls through it do, from now on, and shows its gauges at each
    /// scrape until [`forget`](Self::forget).
    ///
    /// Limiters of the same API and tenant share their series: rates, tokens and waiting callers are
    /// added up, of pauses the longest counts. Watching a limiter twice is watching it once.
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

    /// Shows no gauges of this limiter any more; its counters stay.
    pub fn forget(&self, limiter: &DynamicRateLimiter) {
        self.watched
            .0
            .lock()
            .retain(|known| !known.is_same(limiter));
    }
}

/// The registry in Prometheus' own text format, version 0.0.4.
///
/// `prometheus-client` writes OpenMetrics, which Prometheus reads, too. Use this function for a reader that reads only
/// the older form: `promtool check metrics`, the text files of `node_exporter`. The two differ in the
/// names of counters in the comments, and in the mark at the end.
#[must_use]
pub fn text_format(registry: &Registry) -> String {
    let mut open = String::new();
    if text::encode(&mut open, registry).is_err() {
        // Writing into memory can't fail, but a collector of other code may.
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
        // Writing into memory has no way to fail.
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
    /// `2xx` to `5xx`, `error` if no answer came.
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

/// What is counted as it happens.
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
            "Calls that ended with an error and no answer",
            self.gave_up.clone(),
        );
        registry.register(
            "api_ratelimiter_cuts",
            "Refusals that cut the rate, one for each burst of refusals",
            self.cuts.clone(),
        );
        registry.register(
            "api_ratelimiter_probes",
            "Looks beyond the learned ceiling",
            self.probes.clone(),
        );
        registry.register_with_unit(
            "api_ratelimiter_request_duration",
            "From sending a request to the head of its answer",
            Unit::Seconds,
            self.elapsed.clone(),
        );
        registry.register_with_unit(
            "api_ratelimiter_wait_duration",
            "How long a request waited for its permit",
            Unit::Seconds,
            self.waited.clone(),
        );
    }

    /// Counters of refusals begin at 0, so that a share of refusals is one from the first request on.
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

    /// The route as a label, unless it is one too many.
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

/// The limiters whose state is read at each scrape.
#[derive(Debug, Clone, Default)]
struct WatchedLimiters(Arc<Mutex<Vec<DynamicRateLimiter>>>);

/// A gauge: its name, what it says, how it is read, and how those of two limiters make one.
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
            help: "What requests are paced at now",
            unit: None,
            read: |snapshot| Some(snapshot.current_rate),
            join: sum,
        },
        Gauge {
            name: "api_ratelimiter_ceiling_per_second",
            help: "Where the limit is taken to be, once it was learned",
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
            help: "How much longer nothing is sent",
            unit: Some(Unit::Seconds),
            read: |snapshot| Some(left(snapshot.cooldown_until).as_secs_f64()),
            join: f64::max,
        },
        Gauge {
            name: "api_ratelimiter_breaker_open",
            help: "1 while the circuit breaker lets nothing but trials through, else 0",
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
        // Taken first: no lock of ours is held while a limiter's is.
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
