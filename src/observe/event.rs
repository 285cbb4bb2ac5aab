//! The events, and the trait of observers.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

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
        /// Why there is no response, in words.
        error: Option<String>,
        /// Whether the response is a refusal.
        refused: bool,
        /// The number of the request in its call, from 1.
        attempt: u32,
        /// Time from sending to the head of the response, or to the failure.
        #[serde(rename = "elapsed_seconds", with = "seconds")]
        elapsed: Duration,
        /// How long this request waited for its permit.
        #[serde(rename = "waited_seconds", with = "seconds")]
        waited: Duration,
        /// The length of the body that the head announces, if it does.
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
        /// Requests that were sent.
        attempts: u32,
        /// Time spent waiting for permits.
        #[serde(rename = "waited_seconds", with = "seconds")]
        waited: Duration,
    },
    /// A refusal lowered the rate (or found it low already).
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
        /// The refusal's status, where it is known.
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
        /// How long, from now.
        #[serde(rename = "cooldown_seconds", with = "seconds")]
        cooldown: Duration,
        /// Whether a refusal cut the rate for it; if not, the server asked for a pause.
        by_cut: bool,
        /// Whether it prolongs a pause: there is one [`CooldownEnded`](Self::CooldownEnded) for all.
        prolonged: bool,
        /// The status of the answer that asked for it, where it is known.
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
        /// From when it began to this permit.
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
    /// The circuit breaker opened: nothing but trials is sent until one gets through.
    #[non_exhaustive]
    BreakerOpened {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// When the first trial may go, from now.
        #[serde(rename = "next_trial_seconds", with = "seconds")]
        next_trial: Duration,
    },
    /// A trial got through: the circuit breaker closed.
    #[non_exhaustive]
    BreakerClosed {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// How long it was open.
        #[serde(rename = "open_for_seconds", with = "seconds")]
        open_for: Duration,
    },
    /// The limit that the server announces and the one that was met have disagreed for a minute; the
    /// limiter goes by the lower one.
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
    /// The store of a fleet became unreachable, or can't be used; the worker keeps trying.
    #[non_exhaustive]
    FleetLost {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The store, as its [`FleetStore`](crate::FleetStore) shows itself.
        store: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The store of a fleet is reachable again.
    #[non_exhaustive]
    FleetBack {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// The store, as its [`FleetStore`](crate::FleetStore) shows itself.
        store: String,
    },
    /// The file of [`remember_in`](crate::ClientBuilder::remember_in) could not be read or written.
    /// Comes once for each client.
    #[non_exhaustive]
    MemoryFailed {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// What failed: `read` or `write`.
        operation: String,
        /// The file.
        path: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A request carries a credential over plain HTTP to another machine. Comes once for each client.
    #[non_exhaustive]
    CredentialExposed {
        /// API, tenant and time.
        #[serde(flatten)]
        about: About,
        /// Scheme, host and port that it is sent to.
        origin: String,
    },
}

impl Event {
    /// The API and tenant of an event, and its time.
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
            | Self::Blocked { about, .. }
            | Self::BreakerOpened { about, .. }
            | Self::BreakerClosed { about, .. }
            | Self::LimitsDisagree { about, .. }
            | Self::FleetLost { about, .. }
            | Self::FleetBack { about, .. }
            | Self::MemoryFailed { about, .. }
            | Self::CredentialExposed { about, .. } => about,
        }
    }
}

/// The API and tenant of an event, and its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct About {
    /// The name of the configuration.
    pub api: String,
    /// The label of the limiter, by which credentials for one API are told apart.
    pub tenant: Option<String>,
    /// Rises in the order in which the limiter decided; some numbers are left out. Events of several
    /// threads may be told out of order: sort by it.
    pub sequence: u64,
    /// When, by the wall clock, to the microsecond.
    #[serde(rename = "at_unix_seconds", with = "unix_seconds")]
    pub at: SystemTime,
    /// What the caller gave to [`context`](crate::RequestBuilder::context); empty for what no request
    /// of a client caused.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, String>,
}

/// What a limiter does and believes at one moment; the fields are those of a
/// [`Snapshot`](crate::Snapshot).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Standing {
    /// What requests are paced at, per second.
    pub current_rate: f64,
    /// The learned ceiling, per second.
    pub learned_ceiling: Option<f64>,
    /// What the limiter is doing; `None` where learning is off.
    pub phase: Option<Phase>,
    /// Why it last changed its mind about the limit; `None` where learning is off.
    pub reason: Option<LearningReason>,
    /// What the circuit breaker is doing; `None` where there is none.
    pub breaker: Option<BreakerPhase>,
    /// All of this in words.
    pub state: String,
}

/// Wall time as Unix seconds. Kept to the microsecond, which a float of seconds holds exactly enough to
/// be read back the same.
pub(super) mod unix_seconds {
    use std::time::{Duration, SystemTime};

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    const MICROS: f64 = 1e6;

    /// The wall time of a clock that counts from 1970.
    pub(in crate::observe) fn of(since_1970: Duration) -> SystemTime {
        let micros = u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX);
        SystemTime::UNIX_EPOCH
            .checked_add(Duration::from_micros(micros))
            .unwrap_or(SystemTime::UNIX_EPOCH)
    }

    pub(super) fn serialize<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
        let since = at
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        to.serialize_f64(since.as_micros() as f64 / MICROS)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<SystemTime, D::Error> {
        let micros = (f64::deserialize(from)? * MICROS).round();
        // Beyond 2^53 a float counts no single microseconds; that is the year 2255.
        if !(0.0..=9_007_199_254_740_992.0).contains(&micros) {
            return Err(D::Error::custom("at_unix_seconds is no time after 1970"));
        }
        Ok(of(Duration::from_micros(micros as u64)))
    }
}
