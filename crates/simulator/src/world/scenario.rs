//! What a simulated world is made of: hidden limits, the way there and back, and who wants what.

use std::time::Duration;

use crate::Limit;

/// One experiment, complete but for its seed and its strategies.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The hidden limits, all of which a request must pass.
    pub limits: Vec<Limit>,
    /// Limits that replace the ones before, each at its time after the start.
    pub changes: Vec<(Duration, Vec<Limit>)>,
    /// How long requests travel and stay.
    pub trip: Trip,
    /// Workers of each client: requests that can be under way at once.
    pub workers: usize,
    /// Later clients start so much after the ones before them.
    pub stagger: Duration,
    /// What each client wants to send.
    pub demand: Demand,
    /// What a refusal says about the wait.
    pub hint: Hint,
    /// Somebody else who uses the same limits.
    pub neighbour: Option<Neighbour>,
    /// How long it lasts.
    pub length: Duration,
}

impl Scenario {
    /// 16 saturated workers against `limits` for half an hour, round trips of 80 to 180 ms, no hints.
    #[must_use]
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        Self {
            limits: limits.into_iter().collect(),
            changes: Vec::new(),
            trip: Trip::default(),
            workers: 16,
            stagger: Duration::from_secs(10),
            demand: Demand::Saturated,
            hint: Hint::None,
            neighbour: None,
            length: Duration::from_secs(1800),
        }
    }
}

/// The way of one request. Each leg takes its time plus a jitter drawn evenly up to its most, so that
/// requests overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trip {
    /// From the client to the limit.
    pub there: Duration,
    /// Most jitter on the way there.
    pub there_jitter: Duration,
    /// How long the server works on a request that was let in.
    pub service: Duration,
    /// From the server to the client.
    pub back: Duration,
    /// Most jitter on the way back.
    pub back_jitter: Duration,
    /// Most that a timer of the client is late.
    pub timer_late: Duration,
}

impl Default for Trip {
    /// 80 to 180 ms, with the half millisecond that timers of a usual system are late.
    fn default() -> Self {
        Self {
            there: Duration::from_millis(40),
            there_jitter: Duration::from_millis(50),
            service: Duration::ZERO,
            back: Duration::from_millis(40),
            back_jitter: Duration::from_millis(50),
            timer_late: Duration::from_micros(500),
        }
    }
}

/// What a client wants to send.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// Every worker sends its next request as soon as the last one is through.
    Saturated,
    /// So many requests, as fast as they go.
    Job {
        /// How many.
        requests: u64,
    },
    /// Requests that come at even distances, whoever is free takes the next.
    Steady {
        /// How many come in each second.
        per_second: f64,
    },
    /// Jobs with nothing to do between the end of one and the start of the next.
    Bursts {
        /// Requests of each job.
        requests: u64,
        /// The idle time between.
        idle: Duration,
    },
}

/// What answers say about the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Hint {
    /// Nothing.
    None,
    /// `Retry-After` in whole seconds, rounded up.
    RetryAfter,
    /// Every answer says how much is left and in how many whole seconds, rounded up, all of it is back.
    Headers,
    /// The same, but rounded down: zero in the last second.
    HeadersRoundedDown,
}

/// Somebody else's requests against the same limits: at uneven distances, deaf to refusals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// How many in each second.
    pub per_second: f64,
    /// Since when, after the start.
    pub from: Duration,
    /// Until when, after the start.
    pub until: Duration,
}
