//! Snapshots of a limiter, for people and programs.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::fleet_driver::FleetDriver;
use super::shared::{DynamicRateLimiter, Shared, Totals};
use crate::observe::{LimitFound, StateInWords};
use api_ratelimiter_core::limiter::{BreakerPhase, LearningReason, Phase, View};
use api_ratelimiter_core::{Rate, Time, seconds};

/// State of a limiter at one moment.
///
/// As JSON, `cooldown_until` is Unix seconds as a float, or `null`, and `waited` is
/// `waited_seconds`:
///
/// ```
/// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter};
///
/// let limiter = DynamicRateLimiter::new(&ApiRateConfig::default())?;
/// let json = serde_json::to_value(limiter.snapshot()).unwrap();
/// assert_eq!(json["current_rate"], 2.0);
/// assert!(json["cooldown_until"].is_null());
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Name of the configuration.
    pub name: String,
    /// Label that tells credentials for one API apart. Left out of the JSON without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Current rate in requests per second.
    pub current_rate: f64,
    /// Tokens in the bucket; negative while a costly request is paid off.
    pub tokens: f64,
    /// End of the pause by the wall clock. `None` if there is no pause.
    #[serde(serialize_with = "unix_seconds")]
    pub cooldown_until: Option<SystemTime>,
    /// Learned ceiling in requests per second: the estimate of the limit. `None` until the limit was met twice, and
    /// where learning is off.
    pub learned_ceiling: Option<f64>,
    /// Current phase of learning. `None` where learning is off.
    pub phase: Option<Phase>,
    /// Reason for the last change of the estimate. `None` where learning is off.
    pub reason: Option<LearningReason>,
    /// State of the circuit breaker. `None` without one.
    pub breaker: Option<BreakerPhase>,
    /// Rate, phase and reason in words.
    pub state: String,
    /// Announced limit and the rest of it until its reset; the tightest one of several. `None` if the server announced
    /// none.
    pub announced: Option<AnnouncedLimit>,
    /// Limit that the server does not announce, once it is found. Left out of the JSON without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitFound>,
    /// Number of callers in the queue.
    pub waiting: usize,
    /// Number of permits granted so far.
    pub granted: u64,
    /// Number of permits and manual reports that ended in success.
    pub succeeded: u64,
    /// Number of permits and manual reports that ended in a refusal.
    pub backed_off: u64,
    /// Sum of the times that callers waited for the permits granted so far.
    #[serde(rename = "waited_seconds", serialize_with = "seconds::serialize")]
    pub waited: Duration,
    /// Fleet that shares the limit. Left out of the JSON without one. With one, `current_rate` is the whole fleet's,
    /// unless the store can't be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetSnapshot>,
    /// Snapshots of the parts of the API that have a limit of their own, by name: `github/search`.
    pub scopes: Vec<Snapshot>,
}

/// The fleet of a worker.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FleetSnapshot {
    /// Number of workers that visited the store in the last 20 to 40 s. Before the first visit, the assumed number.
    pub workers: u32,
    /// This worker's part of the rate in requests per second, if all workers have equally much to do.
    pub share: f64,
    /// Address of the store, without credentials.
    pub store: String,
    /// Whether the last try reached the store.
    pub joined: bool,
    /// Time of the last successful visit by this machine's wall clock. As JSON Unix seconds.
    #[serde(serialize_with = "unix_seconds")]
    pub last_contact: Option<SystemTime>,
}

/// A limit that the server announced.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AnnouncedLimit {
    /// Requests allowed per window, if announced.
    pub limit: Option<u64>,
    /// Length of the window, if announced. As JSON `window_seconds`.
    #[serde(
        rename = "window_seconds",
        serialize_with = "seconds::optional::serialize"
    )]
    pub window: Option<Duration>,
    /// Requests left: the number in the last response, less what was granted since.
    pub remaining: u64,
    /// Time of the reset by the wall clock. As JSON Unix seconds.
    #[serde(serialize_with = "unix_seconds")]
    pub reset: Option<SystemTime>,
}

impl DynamicRateLimiter {
    /// Returns a snapshot of the limiter's state.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let Shared {
            name,
            clock,
            core,
            audience,
            ..
        } = &*self.shared;
        let (now, unix_now) = (clock.now(), clock.unix_now());
        let tenant = audience.tenant();
        let scopes = self.shared.scopes.iter();
        let scopes = scopes.map(|(_, scope)| scope.snapshot()).collect();
        let (view, totals, waiting) = {
            let core = core.lock();
            (core.engine.view(now), core.totals, core.queue.len())
        };
        of(name, tenant, &view, totals, waiting, now, unix_now)
            .with_scopes(scopes)
            .with_store(self.shared.fleet_driver.as_deref())
    }
}

impl Snapshot {
    /// Adds the store's address, for the worker of a fleet.
    fn with_store(mut self, driver: Option<&FleetDriver>) -> Self {
        if let Some((fleet, driver)) = self.fleet.as_mut().zip(driver) {
            fleet.store = driver.store_shown();
        }
        self
    }

    /// Adds the snapshots of the scopes.
    fn with_scopes(mut self, scopes: Vec<Self>) -> Self {
        self.scopes = scopes;
        self
    }
}

/// Makes a snapshot of a view: times by the wall clock, rates as plain numbers.
fn of(
    name: &str,
    tenant: Option<String>,
    view: &View,
    totals: Totals,
    waiting: usize,
    now: Time,
    unix_now: Duration,
) -> Snapshot {
    let wall = |time: Time| {
        SystemTime::UNIX_EPOCH.checked_add(unix_now.saturating_add(time.saturating_since(now)))
    };
    Snapshot {
        name: name.to_owned(),
        tenant,
        current_rate: view.rate.as_per_second(),
        tokens: view.tokens,
        cooldown_until: view.cooldown_until.and_then(wall),
        learned_ceiling: view.ceiling.map(Rate::as_per_second),
        phase: view.learning.map(|(phase, _)| phase),
        reason: view.learning.map(|(_, reason)| reason),
        breaker: view.breaker,
        state: StateInWords(view).to_string(),
        announced: view.announced.map(|standing| AnnouncedLimit {
            limit: standing.limit,
            window: standing.window,
            remaining: standing.remaining,
            reset: wall(standing.until),
        }),
        limit: view
            .limit
            .map(|limit| LimitFound::of(&limit, now, unix_now)),
        waiting,
        granted: totals.granted,
        succeeded: totals.succeeded,
        backed_off: totals.backed_off,
        waited: totals.waited,
        fleet: view.fleet.map(|fleet| FleetSnapshot {
            workers: fleet.workers,
            share: if fleet.joined {
                view.rate.as_per_second() / f64::from(fleet.workers)
            } else {
                view.rate.as_per_second()
            },
            store: String::new(),
            joined: fleet.joined,
            last_contact: fleet.last_contact.and_then(|then| {
                let ago = now.saturating_since(then);
                SystemTime::UNIX_EPOCH.checked_add(unix_now.saturating_sub(ago))
            }),
        }),
        scopes: Vec::new(),
    }
}

/// Writes one line that explains the current speed.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {:.3}/s, {}; {} waiting",
            self.name.escape_debug(),
            self.current_rate,
            self.state,
            self.waiting
        )
    }
}

fn unix_seconds<S: Serializer>(time: &Option<SystemTime>, to: S) -> Result<S::Ok, S::Error> {
    time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
        .map(|since| since.as_secs_f64())
        .serialize(to)
}
