//! Fleets: one limit for many processes, by a key in a common store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::limiter::{OutagePolicy, Record};
use api_ratelimiter_core::seconds;

mod local;
#[cfg(feature = "redis")]
mod redis;
mod store;

pub use local::LocalStore;
pub use store::{FleetKey, FleetStore, Replaced, StoreError, Stored};

/// A group of workers, in other processes or on other machines, that share one limit: rate, ceiling, cooldown and
/// tokens.
///
/// A vendor counts per token, not per process. All workers that are built with one store and key are paced together:
/// what one of them learns all know, and a refusal of one makes all pause. Each worker takes its slots from the store
/// a tenth of a second ahead, so that a request itself never waits for the store. Pass a fleet to
/// [`ClientBuilder::fleet`](crate::ClientBuilder), or to
/// [`DynamicRateLimiter::in_fleet`](crate::DynamicRateLimiter::in_fleet).
///
/// # Default
///
/// While the store can't be reached, each worker continues with its part of the last rate ([`OnOutage::GoOn`]). Before
/// the first visit, a fleet is assumed to have 16 workers.
///
/// ```
/// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Fleet, LocalStore};
///
/// let store = LocalStore::new();
/// let config = ApiRateConfig::default();
/// let here = DynamicRateLimiter::in_fleet(&config, &Fleet::new(store.clone(), "notion/workspace-42"))?;
/// let there = DynamicRateLimiter::in_fleet(&config, &Fleet::new(store, "notion/workspace-42"))?;
/// here.acquire()?.success();
/// there.acquire()?.success();
/// assert_eq!(there.snapshot().fleet.unwrap().workers, 2);
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
#[derive(Clone)]
pub struct Fleet {
    pub(crate) store: Arc<dyn FleetStore>,
    pub(crate) key: FleetKey,
    pub(crate) policy: OutagePolicy,
}

/// Policy of a worker while the store can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOutage {
    /// Continue at once with the last rate divided by the last known number of workers, and learn alone until the store
    /// is back. The default.
    #[default]
    GoOn,
    /// End every call with [`Error::Fleet`](crate::Error) until the store is back.
    Stop,
}

/// Number of workers that a fleet is assumed to have before its store was reached.
const ASSUMED_WORKERS: u32 = 16;

impl Fleet {
    /// Returns the fleet of all workers that use `key` in `store`. Use one key for each API and credential.
    ///
    /// Only a hash of the key reaches the store.
    pub fn new(store: impl FleetStore, key: &str) -> Self {
        Self {
            store: Arc::new(store),
            key: FleetKey::of(key),
            policy: OutagePolicy {
                workers: ASSUMED_WORKERS,
                stops: false,
            },
        }
    }

    /// Sets what workers do while the store can't be reached. Defaults to [`OnOutage::GoOn`].
    #[must_use]
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.policy.stops = on_outage == OnOutage::Stop;
        self
    }

    /// Sets the number of workers to assume before the store was reached, at least 1. Defaults to 16.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.policy.workers = workers.max(1);
        self
    }

    /// Returns what the store holds of this fleet right now; `None` if it holds nothing that this version can read.
    ///
    /// # Errors
    ///
    /// [`Error::Fleet`](crate::Error) if the store can't be reached.
    pub fn status(&self) -> crate::Result<Option<FleetStatus>> {
        let found = self.store.read(&self.key);
        let found = found.map_err(|error| crate::Error::fleet(error.0))?;
        Ok(FleetStatus::read(&found))
    }

    /// Returns the fleet of a part of the API that has a limit of its own.
    pub(crate) fn part(&self, scope: &str) -> Self {
        Self {
            key: self.key.part(scope),
            ..self.clone()
        }
    }
}

/// Hides the key, which may contain a secret.
impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("store", &self.store)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// State of a fleet, as its store shows it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct FleetStatus {
    /// Number of workers that visited the store in the last 20 to 40 s.
    pub workers: u32,
    /// Rate of all workers together, in requests per second.
    pub rate_per_second: f64,
    /// Learned ceiling in requests per second, once there is one.
    pub learned_ceiling: Option<f64>,
    /// Rest of the pause. As JSON `cooldown_seconds`.
    #[serde(rename = "cooldown_seconds", serialize_with = "seconds::serialize")]
    pub cooldown: Duration,
    /// Time since a worker last changed the state. As JSON `changed_seconds_ago`.
    #[serde(rename = "changed_seconds_ago", serialize_with = "seconds::serialize")]
    pub changed_ago: Duration,
}

impl FleetStatus {
    fn read(found: &Stored) -> Option<Self> {
        let now = found.time();
        let summary = Record::read(&found.text, now)?.summary(now);
        Some(Self {
            workers: summary.workers,
            rate_per_second: summary.rate.as_per_second(),
            learned_ceiling: summary.ceiling.map(crate::Rate::as_per_second),
            cooldown: summary.pause_left,
            changed_ago: summary.age,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reaches_the_store_as_a_hash_of_its_own() {
        let key = FleetKey::of("notion/secret_abc");
        assert!(!key.as_str().contains("notion") && !key.as_str().contains("secret"));
        assert_eq!(key, FleetKey::of("notion/secret_abc"));
        assert_ne!(key, FleetKey::of("notion/secret_abd"));
        assert_ne!(key, key.part("search"));
        let fleet = Fleet::new(LocalStore::new(), "notion/secret_abc");
        assert!(!format!("{fleet:?}").contains("secret"));
    }
}
