//! What a person or a program is shown of a limiter.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::Totals;
use super::agent::Agent;
use crate::observe::StateInWords;
use api_ratelimiter_core::limiter::{BreakerPhase, Phase, Reason, View};
use api_ratelimiter_core::{Rate, Time};

/// What a limiter is doing at one moment.
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
    /// The name of the configuration.
    pub name: String,
    /// The label by which credentials for one API are told apart; left out of the JSON without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What requests are paced at now, per second.
    pub current_rate: f64,
    /// Tokens in the bucket; negative while a costly request is paid off.
    pub tokens: f64,
    /// Until when nothing is granted, by the wall clock; `None` if there is no pause.
    #[serde(serialize_with = "unix_seconds")]
    pub cooldown_until: Option<SystemTime>,
    /// The learned ceiling, per second: where the limit is taken to be. `None` until it was met twice,
    /// and where learning is off.
    pub learned_ceiling: Option<f64>,
    /// What the limiter is doing; `None` where learning is off.
    pub phase: Option<Phase>,
    /// Why it last changed its mind about the limit; `None` where learning is off.
    pub reason: Option<Reason>,
    /// What the circuit breaker is doing; `None` where there is none.
    pub breaker: Option<BreakerPhase>,
    /// All of this in words.
    pub state: String,
    /// What the server announced and how much is left of it, until its reset; of several limits the
    /// tightest. `None` if it did not say.
    pub announced: Option<AnnouncedLimit>,
    /// Callers in the queue.
    pub waiting: usize,
    /// Permits granted so far.
    pub granted: u64,
    /// Permits, or reports by hand, that ended in success.
    pub succeeded: u64,
    /// Permits, or reports by hand, that ended in a refusal.
    pub backed_off: u64,
    /// Time that callers spent waiting for the permits granted so far, all added up.
    #[serde(rename = "waited_seconds", serialize_with = "seconds")]
    pub waited: Duration,
    /// The fleet that shares the limit; left out of the JSON without one. `current_rate` is then the whole
    /// fleet's, unless its store can't be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fleet: Option<FleetSnapshot>,
    /// The same of each part of the API that has a limit of its own, by name: `github/search`.
    pub scopes: Vec<Snapshot>,
}

/// The fleet that a limiter is a worker of.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FleetSnapshot {
    /// Workers that came to the store in the last 20 to 40 s; as long as it was never reached, those that are
    /// assumed.
    pub workers: u32,
    /// This worker's part of the rate, per second, if all have as much to do.
    pub share: f64,
    /// Who is the store.
    pub store: String,
    /// Whether it was reached at the last try.
    pub joined: bool,
    /// When it was reached last, by this machine's wall clock; as JSON Unix seconds.
    #[serde(serialize_with = "unix_seconds")]
    pub last_contact: Option<SystemTime>,
}

/// A limit as the server announced it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AnnouncedLimit {
    /// Requests in a window, if it said so.
    pub limit: Option<u64>,
    /// The window, if it said so; as JSON `window_seconds`.
    #[serde(rename = "window_seconds", serialize_with = "optional_seconds")]
    pub window: Option<Duration>,
    /// What is left of it by our own count: the last answer's, less what was granted since.
    pub remaining: u64,
    /// When it resets, by the wall clock; as JSON Unix seconds.
    #[serde(serialize_with = "unix_seconds")]
    pub reset: Option<SystemTime>,
}

impl Snapshot {
    pub(super) fn with_store(mut self, agent: Option<&Agent>) -> Self {
        if let Some((fleet, agent)) = self.fleet.as_mut().zip(agent) {
            fleet.store = agent.shown();
        }
        self
    }

    pub(super) fn with_scopes(mut self, scopes: Vec<Self>) -> Self {
        self.scopes = scopes;
        self
    }
}

pub(super) fn of(
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

/// One line that answers why it is slow now.
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

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    duration.as_secs_f64().serialize(to)
}

fn optional_seconds<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(to)
}
