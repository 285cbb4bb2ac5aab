//! Events, and the trait of observers.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use super::limit_found::LimitFound;
use super::unix_seconds;
use api_ratelimiter_core::limiter::{BreakerPhase, LearningReason, Phase};
use api_ratelimiter_core::seconds;

/// Receives the events of limiters and calls.
///
/// It is called on the thread that caused the event, without any lock: a slow observer slows down that
/// request, and no other caller in the queue. A panic of an observer is caught and logged once. An
/// observer may call [`snapshot`](crate::DynamicRateLimiter::snapshot).
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use api_ratelimiter::{ApiRateConfig, DynamicRateLimiter, Event, Observer};
///
/// #[derive(Default)]
/// struct Cuts(AtomicU64);
///
/// impl Observer for Cuts {
///     fn on_event(&self, event: &Event) {
///         if let Event::Cut { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let cuts = Arc::new(Cuts::default());
/// let limiter = DynamicRateLimiter::new(&ApiRateConfig::default())?;
/// limiter.add_observer(cuts.clone());
/// limiter.on_backoff(None);
/// assert_eq!(cuts.0.load(Ordering::Relaxed), 1);
/// # Ok::<(), api_ratelimiter::Error>(())
/// ```
pub trait Observer: Send + Sync {
    /// Receives one event.
    fn on_event(&self, event: &Event);
}

/// Something that happened to a limiter or to a request.
///
/// As JSON it is one flat object whose `event` names the kind; durations are in seconds, and their
/// names say so. Unknown fields are ignored when it is read back. No event holds a query string, a
/// header, a body or a credential.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A request was sent, and the head of its response arrived or the attempt failed.
    ///
    /// There is one event for each request: a call that is refused twice and then succeeds makes three.
    #[non_exhaustive]
    Attempt {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The method.
        method: String,
        /// The caller's label of the kind of request. With a label there is no `url`.
        route: Option<String>,
        /// The address without its query.
        url: Option<String>,
        /// The status of the response; `None` without a response.
        status: Option<u16>,
        /// Error text, if there is no response.
        error: Option<String>,
        /// Whether the response is a refusal.
        refused: bool,
        /// Number of the request in its call, from 1.
        attempt: u32,
        /// Time from sending to the head of the response, or to the failure.
        #[serde(rename = "elapsed_seconds", with = "seconds")]
        elapsed: Duration,
        /// Time that this request waited for its permit.
        #[serde(rename = "waited_seconds", with = "seconds")]
        waited: Duration,
        /// Length of the body, if the head announces it.
        bytes: Option<u64>,
    },
    /// A call ended with an error: the caller gets no response.
    #[non_exhaustive]
    GaveUp {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The method.
        method: String,
        /// The caller's label of the kind of request.
        route: Option<String>,
        /// The address without its query, where there is no label.
        url: Option<String>,
        /// The error's variant, such as `BackoffExhausted`.
        error: String,
        /// Number of requests that were sent.
        attempts: u32,
        /// Time spent waiting for permits.
        #[serde(rename = "waited_seconds", with = "seconds")]
        waited: Duration,
    },
    /// A refusal lowered the rate (or the rate was at its minimum already).
    #[non_exhaustive]
    Cut {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The rate before, per second.
        old_rate: f64,
        /// The rate after, per second.
        new_rate: f64,
        /// The pause that follows, from now.
        #[serde(rename = "cooldown_seconds", with = "seconds")]
        cooldown: Duration,
        /// Status of the refusal, if it is known.
        status: Option<u16>,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// The rate rose.
    #[non_exhaustive]
    Raised {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The rate before, per second.
        old_rate: f64,
        /// The rate after, per second.
        new_rate: f64,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// A pause began, in which nothing is granted; or the current pause became longer.
    #[non_exhaustive]
    CooldownBegan {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Length of the pause, from now.
        #[serde(rename = "cooldown_seconds", with = "seconds")]
        cooldown: Duration,
        /// Whether the pause follows a cut of the rate. If not, the server asked for it.
        by_cut: bool,
        /// Whether the event prolongs a pause. Such pauses have one [`CooldownEnded`](Self::CooldownEnded)
        /// together.
        prolonged: bool,
        /// Status of the response that asked for the pause, if it is known.
        status: Option<u16>,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// The first permit after a pause was granted.
    #[non_exhaustive]
    CooldownEnded {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Time from the beginning of the pause to this permit.
        #[serde(rename = "lasted_seconds", with = "seconds")]
        lasted: Duration,
    },
    /// The estimate of the limit, or its reason, changed.
    #[non_exhaustive]
    CeilingLearned {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The ceiling before, per second.
        old_ceiling: Option<f64>,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// The limiter began to probe above the ceiling.
    #[non_exhaustive]
    Probe {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// The rate reached `max_rate`, and no limit at or below it is learned, known or announced: the API may allow more.
    #[non_exhaustive]
    MaxRateReached {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// A request that was sent after a pause was refused again.
    #[non_exhaustive]
    Blocked {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The state of the limiter after the event.
        #[serde(flatten)]
        standing: Standing,
    },
    /// The circuit breaker opened: only trials are sent until one succeeds.
    #[non_exhaustive]
    BreakerOpened {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Time until the first trial may be sent.
        #[serde(rename = "next_trial_seconds", with = "seconds")]
        next_trial: Duration,
    },
    /// A trial succeeded: the circuit breaker closed.
    #[non_exhaustive]
    BreakerClosed {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Time that it was open.
        #[serde(rename = "open_for_seconds", with = "seconds")]
        open_for: Duration,
    },
    /// The limit that the server announces and the learned limit have disagreed for a minute; the limiter
    /// uses the lower one.
    #[non_exhaustive]
    LimitsDisagree {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The announced limit, per second.
        announced_rate: f64,
        /// The learned ceiling, per second.
        learned_ceiling: f64,
    },
    /// A limit that the server does not announce was found, or more is known about it.
    #[non_exhaustive]
    LimitFound {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The limit.
        #[serde(flatten)]
        limit: LimitFound,
        /// The limit in words.
        words: String,
    },
    /// What the server accepts and refuses does not fit the limit that was found any more.
    #[non_exhaustive]
    LimitLost {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The limit in words.
        words: String,
    },
    /// The store of a fleet became unreachable, or can't be used; the worker keeps trying.
    #[non_exhaustive]
    FleetLost {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Address of the store, by [`FleetStore::shown`](crate::FleetStore::shown).
        store: String,
        /// Description of the problem.
        problem: String,
    },
    /// The store of a fleet is reachable again.
    #[non_exhaustive]
    FleetBack {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Address of the store, by [`FleetStore::shown`](crate::FleetStore::shown).
        store: String,
    },
    /// The file of [`remember_in`](crate::ClientBuilder::remember_in) could not be read or written.
    /// Comes once for each client.
    #[non_exhaustive]
    MemoryFailed {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Operation that failed: `read` or `write`.
        operation: String,
        /// The file.
        path: String,
        /// Description of the problem.
        problem: String,
    },
    /// A [`BodyThrottle`](crate::BodyThrottle) asked for a body that could not be read, so it can't find refusals
    /// there. Comes once for each client and rule.
    #[non_exhaustive]
    BodyUnread {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Status of the response.
        status: u16,
        /// The path of the rule.
        path: String,
        /// Description of the problem, without the body's contents.
        problem: String,
    },
    /// A request carries a credential over plain HTTP to another machine. Comes once for each client.
    #[non_exhaustive]
    CredentialExposed {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Scheme, host and port of the server.
        origin: String,
    },
}

impl Event {
    /// API, tenant and time of an event.
    #[must_use]
    pub fn about(&self) -> &About {
        match self {
            Self::Attempt { about, .. }
            | Self::GaveUp { about, .. }
            | Self::Cut { about, .. }
            | Self::Raised { about, .. }
            | Self::CooldownBegan { about, .. }
            | Self::CooldownEnded { about, .. }
            | Self::CeilingLearned { about, .. }
            | Self::Probe { about, .. }
            | Self::MaxRateReached { about, .. }
            | Self::Blocked { about, .. }
            | Self::BreakerOpened { about, .. }
            | Self::BreakerClosed { about, .. }
            | Self::LimitsDisagree { about, .. }
            | Self::LimitFound { about, .. }
            | Self::LimitLost { about, .. }
            | Self::FleetLost { about, .. }
            | Self::FleetBack { about, .. }
            | Self::MemoryFailed { about, .. }
            | Self::BodyUnread { about, .. }
            | Self::CredentialExposed { about, .. } => about,
        }
    }
}

/// API, tenant and time of an event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct About {
    /// The name of the configuration.
    pub api: String,
    /// Label of the limiter, which distinguishes several credentials for one API.
    pub tenant: Option<String>,
    /// Number that rises in the order of the limiter's decisions, with gaps. Events of several threads may
    /// arrive out of order: sort by this number.
    pub sequence: u64,
    /// Time of the event by the wall clock, to the microsecond.
    #[serde(rename = "at_unix_seconds", with = "unix_seconds")]
    pub at: SystemTime,
    /// Entries that the caller gave to [`context`](crate::RequestBuilder::context); empty for an event that
    /// no request of a client caused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// State of a limiter at one moment. The fields are those of a [`Snapshot`](crate::Snapshot).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Standing {
    /// Current rate in requests per second.
    pub current_rate: f64,
    /// The learned ceiling, per second.
    pub learned_ceiling: Option<f64>,
    /// Current phase of learning; `None` where learning is off.
    pub phase: Option<Phase>,
    /// Reason for the last change of the estimate; `None` where learning is off.
    pub reason: Option<LearningReason>,
    /// State of the circuit breaker; `None` where there is none.
    pub breaker: Option<BreakerPhase>,
    /// Phase, reason and breaker in words.
    pub state: String,
}
