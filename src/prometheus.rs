//! Metrics for Prometheus: counters of an [`Observer`](crate::Observer), and gauges that are read at each scrape.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

use crate::rate_limiter::DynamicRateLimiter;

mod gauges;
mod series;

use gauges::{GaugeCollector, WatchedLimiters};
use series::Series;

/// Metrics of any number of limiters in your registry.
///
/// Clones are cheap and share the metrics. `METRICS.md` lists names and labels. The labels have few values:
/// the API's name, the tenant's label (up to 1,000 of them, then `other`), the caller's [route](crate::RequestBuilder::route), the class of a
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
/// assert!(text_format(&registry).contains("api_ratelimiter_rate_per_second{api=\"notion\",tenant=\"\"} 5.0"));
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Metrics {
    watched: Arc<WatchedLimiters>,
}

impl Metrics {
    /// Registers all metrics, once for each registry.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let watched = Arc::new(WatchedLimiters::new(Series::default()));
        watched.series().register(registry);
        registry.register_collector(Box::new(GaugeCollector(Arc::clone(&watched))));
        Self { watched }
    }

    /// Counts the events of this limiter and of its calls, and shows its gauges at each scrape, from now on until
    /// [`forget`](Self::forget), or until the registry and all clones of these metrics are dropped.
    ///
    /// Limiters of one API and tenant share their series: rates, tokens and waiting callers are added up, and
    /// the longest pause is shown. Watching a limiter twice has no effect.
    pub fn watch(&self, limiter: &DynamicRateLimiter) {
        self.watched.add(limiter);
    }

    /// Counts no further events of this limiter and removes its gauges; the counters keep their values.
    pub fn forget(&self, limiter: &DynamicRateLimiter) {
        self.watched.remove(limiter);
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

#[cfg(test)]
mod tests {
    use super::series::MOST_TENANTS;
    use super::*;
    use api_ratelimiter_core::config::ApiRateConfig;

    fn limiter(tenant: &str) -> DynamicRateLimiter {
        let config = ApiRateConfig {
            name: "api".into(),
            ..Default::default()
        };
        let limiter = DynamicRateLimiter::new(&config).expect("valid");
        limiter.with_label(tenant)
    }

    #[test]
    fn a_limiter_has_one_observer_while_it_is_watched_and_none_afterwards() {
        let limiter = limiter("a");
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        for _ in 0..3 {
            metrics.watch(&limiter);
            metrics.watch(&limiter);
            assert_eq!(limiter.observers(), 1);
            metrics.forget(&limiter);
            assert_eq!(limiter.observers(), 0);
        }
        metrics.watch(&limiter);
        drop(metrics);
        assert_eq!(limiter.observers(), 1, "the registry still shows it");
        drop(registry);
        assert_eq!(limiter.observers(), 0);
    }

    #[test]
    fn tenants_above_the_maximum_share_their_labels() {
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry);
        for number in 0..MOST_TENANTS + 50 {
            let limiter = limiter(&format!("tenant-{number}"));
            metrics.watch(&limiter);
            limiter.on_backoff(None);
        }
        let text = text_format(&registry);
        let lines = |start: &str| text.lines().filter(|line| line.starts_with(start)).count();
        assert_eq!(lines("api_ratelimiter_cuts_total{"), MOST_TENANTS + 1);
        assert_eq!(lines("api_ratelimiter_tokens{"), MOST_TENANTS + 1);
        let others = "api_ratelimiter_cuts_total{api=\"api\",tenant=\"other\"} 50";
        assert!(text.contains(others), "{text}");
        let series = &metrics.watched.series();
        let new = series.of("another", Some("tenant"));
        assert_eq!((&*new.api, &*new.tenant), ("other", "other"));
    }
}
