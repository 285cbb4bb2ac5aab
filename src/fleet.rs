//! What a fleet shares its limit by: a key in a store.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api_ratelimiter_core::Time;
use api_ratelimiter_core::hash::fnv128;
use api_ratelimiter_core::limiter::{OutagePolicy, Record};

mod local;
#[cfg(feature = "redis")]
mod redis;

pub use local::LocalStore;

/// Workers in other processes, or on other machines, that share one limit: rate, ceiling, cooldown and tokens.
///
/// A vendor counts per token, not per process. All workers that are built with the same store and key are paced as
/// one: what one of them learns all know, and a refusal of one holds all. Each takes its slots from the store a tenth
/// of a second ahead, so that a request itself never waits for the store. Give it to
/// [`ClientBuilder::fleet`](crate::ClientBuilder), or to
/// [`DynamicRateLimiter::in_fleet`](crate::DynamicRateLimiter::in_fleet).
///
/// # Default
///
/// While the store can't be reached, each worker goes on with its part of the last rate ([`OnOutage::GoOn`]); a fleet
/// that was never reached is taken to have 16 workers.
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

/// What a worker does while the store can't be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnOutage {
    /// Goes on at once with the last rate divided by the last known number of workers, and learns for itself until
    /// the store is back. The default.
    #[default]
    GoOn,
    /// Every call ends with [`Error::Fleet`](crate::Error) until the store is back.
    Stop,
}

/// Workers that a fleet is taken to have as long as its store was never reached.
const ASSUMED_WORKERS: u32 = 16;

impl Fleet {
    /// The workers that use `key` in `store`: one key for each API and credential.
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

    /// What workers do while the store can't be reached. Defaults to [`OnOutage::GoOn`].
    #[must_use]
    pub fn on_outage(mut self, on_outage: OnOutage) -> Self {
        self.policy.stops = on_outage == OnOutage::Stop;
        self
    }

    /// How many workers there are taken to be as long as the store was never reached; at least 1. Defaults to 16.
    #[must_use]
    pub fn workers(mut self, workers: u32) -> Self {
        self.policy.workers = workers.max(1);
        self
    }

    /// What the store holds of this fleet right now; `None` if it holds nothing that this version reads.
    ///
    /// # Errors
    ///
    /// [`Error::Fleet`](crate::Error) if the store can't be reached.
    pub fn status(&self) -> crate::Result<Option<FleetStatus>> {
        let found = self.store.read(&self.key);
        let found = found.map_err(|error| crate::Error::fleet(error.0))?;
        Ok(FleetStatus::read(&found))
    }

    /// The fleet of a part of the API, which has a limit of its own.
    pub(crate) fn part(&self, scope: &str) -> Self {
        Self {
            key: self.key.part(scope),
            ..self.clone()
        }
    }
}

/// The key is the user's business, and may say more than it should.
impl fmt::Debug for Fleet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fleet")
            .field("store", &self.store)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The name under which a store keeps a fleet's state: a hash of the user's key, in 32 hexadecimal digits.
///
/// It tells keys apart and hides them from a glance. Stores that others read should hash it once more, by a function that
/// can't be turned round; `Fleet::redis` does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetKey(Box<str>);

impl FleetKey {
    fn of(key: &str) -> Self {
        Self(format!("{:032x}", fnv128(key.as_bytes())).into())
    }

    fn part(&self, scope: &str) -> Self {
        Self::of(&format!("{}/{scope}", self.0))
    }

    /// The name, as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a fleet keeps its one state: a text under each key, replaced only if nobody else did meanwhile.
///
/// [`LocalStore`] serves the workers of one process; with the feature `redis`, `Fleet::redis` serves those of many
/// machines. A visit that takes long holds up the workers' new slots: give up after some 50 ms.
pub trait FleetStore: fmt::Debug + Send + Sync + 'static {
    /// What is there under `key`, and the store's time: one clock for all workers, since 1970.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be reached in time.
    fn read(&self, key: &FleetKey) -> Result<Stored, StoreError>;

    /// Puts `text` there if the version is still `version`, to be kept for at least `keep`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store can't be reached in time, or does not take it.
    fn replace(
        &self,
        key: &FleetKey,
        version: u64,
        text: &str,
        keep: Duration,
    ) -> Result<Replaced, StoreError>;

    /// What people are told of it: an address without credentials.
    fn shown(&self) -> String;
}

/// What a store holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The text; empty if there is none.
    pub text: String,
    /// Changes with every replacement; 0 if there is no text.
    pub version: u64,
    /// The store's time, since 1970.
    pub now: Duration,
}

impl Stored {
    pub(crate) fn time(&self) -> Time {
        Time::ZERO + self.now
    }
}

/// What came of a replacement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replaced {
    /// It is there.
    Done,
    /// Somebody else was quicker: this is there now.
    Other(Stored),
}

/// A store that can't be reached, or does not do what it should, in words and without credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(Box<str>);

impl StoreError {
    /// So it is said.
    #[must_use]
    pub fn new(problem: impl fmt::Display) -> Self {
        Self(problem.to_string().into())
    }
}

/// A fleet as its store shows it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[non_exhaustive]
pub struct FleetStatus {
    /// Workers that came in the last 20 to 40 s.
    pub workers: u32,
    /// What all of them together are paced at, per second.
    pub rate_per_second: f64,
    /// The learned ceiling, once there is one.
    pub learned_ceiling: Option<f64>,
    /// What is left of a pause; as JSON `cooldown_seconds`.
    #[serde(rename = "cooldown_seconds", serialize_with = "seconds")]
    pub cooldown: Duration,
    /// How long ago a worker changed it; as JSON `changed_seconds_ago`.
    #[serde(rename = "changed_seconds_ago", serialize_with = "seconds")]
    pub changed_ago: Duration,
}

fn seconds<S: serde::Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(duration.as_secs_f64())
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
