//! Gauges of the watched limiters, read at each scrape.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

use super::series::{Of, Series};
use crate::observe::Observer;
use crate::rate_limiter::{DynamicRateLimiter, Snapshot};
use api_ratelimiter_core::BreakerPhase;

/// The watched limiters, and the series that count their events.
#[derive(Debug)]
pub(super) struct WatchedLimiters {
    series: Arc<Series>,
    limiters: Mutex<Vec<DynamicRateLimiter>>,
}

impl WatchedLimiters {
    pub(super) fn new(series: Series) -> Self {
        Self {
            series: Arc::new(series),
            limiters: Mutex::default(),
        }
    }

    /// Returns the series that count events.
    pub(super) fn series(&self) -> &Series {
        &self.series
    }

    /// Begins to watch a limiter, unless it is watched.
    pub(super) fn add(&self, limiter: &DynamicRateLimiter) {
        let mut limiters = self.limiters.lock();
        if limiters.iter().any(|known| known.is_same(limiter)) {
            return;
        }
        self.series.begin(&limiter.snapshot());
        limiter.add_observer(self.observer());
        limiters.push(limiter.clone());
    }

    /// Ends watching a limiter.
    pub(super) fn remove(&self, limiter: &DynamicRateLimiter) {
        let mut limiters = self.limiters.lock();
        let found = limiters.iter().position(|known| known.is_same(limiter));
        if let Some(at) = found {
            limiters.remove(at).remove_observer(&self.observer());
        }
    }

    fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.series) as Arc<dyn Observer>
    }
}

/// Stops watching when the metrics are shown nowhere any more.
impl Drop for WatchedLimiters {
    fn drop(&mut self) {
        let observer = self.observer();
        for limiter in self.limiters.get_mut().drain(..) {
            limiter.remove_observer(&observer);
        }
    }
}

/// Collector that reads the state of the watched limiters at each scrape.
#[derive(Debug)]
pub(super) struct GaugeCollector(pub(super) Arc<WatchedLimiters>);

/// A gauge: its name, its help text, how it is read, and how the values of two limiters are combined.
struct Gauge {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    read: fn(&Snapshot) -> Option<f64>,
    join: fn(f64, f64) -> f64,
}

fn gauges() -> [Gauge; 8] {
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
            name: "api_ratelimiter_found_limit_requests",
            help: "Requests per window of the limit that was found",
            unit: None,
            read: |snapshot| snapshot.limit.map(|limit| limit.count as f64),
            join: f64::max,
        },
        Gauge {
            name: "api_ratelimiter_found_limit_window",
            help: "Length of the window of the limit that was found",
            unit: Some(Unit::Seconds),
            read: |snapshot| snapshot.limit.map(|limit| limit.window.as_secs_f64()),
            join: f64::max,
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

impl Collector for GaugeCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        // Copy the list first, so that its lock is not held while a limiter is locked.
        let limiters = self.0.limiters.lock().clone();
        let seen: Vec<(Of, Snapshot)> = limiters
            .iter()
            .map(|limiter| {
                let snapshot = limiter.snapshot();
                let series = &self.0.series;
                let of = series.of(&snapshot.name, snapshot.tenant.as_deref());
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
