//! Description of an experiment: hidden limits, latencies and demand.

use std::time::Duration;

use crate::rules::Limit;

/// One experiment without its strategies and its seed.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Hidden limits. A request must pass all of them.
    pub limits: Vec<Limit>,
    /// Changes: at each time after the start, these limits replace the ones before.
    pub changes: Vec<(Duration, Vec<Limit>)>,
    /// Latencies of a request.
    pub trip: Trip,
    /// Workers of each client: the maximum number of its requests in flight.
    pub workers: usize,
    /// Delay between the starts of two successive clients.
    pub stagger: Duration,
    /// Demand of each client.
    pub demand: Demand,
    /// Hints about the limits in responses.
    pub hint: LimitHint,
    /// Index in `limits` of the limit that headers announce; `None` announces the binding one.
    pub announced: Option<usize>,
    /// Error of the announced resets.
    pub reset_error: ResetError,
    /// Another user of these limits.
    pub neighbour: Option<Neighbour>,
    /// Duration of the experiment.
    pub length: Duration,
}

impl Scenario {
    /// Returns 16 saturated workers per client against `limits` for half an hour, with round trips of 80 to
    /// 180 ms and without hints.
    #[must_use]
    pub fn new(limits: impl IntoIterator<Item = Limit>) -> Self {
        Self {
            limits: limits.into_iter().collect(),
            changes: Vec::new(),
            trip: Trip::default(),
            workers: 16,
            stagger: Duration::from_secs(10),
            demand: Demand::Saturated,
            hint: LimitHint::None,
            announced: None,
            reset_error: ResetError::None,
            neighbour: None,
            length: Duration::from_secs(1800),
        }
    }
}

/// Latencies of one request.
///
/// Each way takes its base time plus a uniform random jitter, so requests can overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trip {
    /// Base time from the client to the server.
    pub there: Duration,
    /// Maximum jitter on the way to the server.
    pub there_jitter: Duration,
    /// Base time that the server takes for an accepted request.
    pub service: Duration,
    /// Maximum jitter of that time.
    pub service_jitter: Duration,
    /// Base time from the server to the client.
    pub back: Duration,
    /// Maximum jitter on the way to the client.
    pub back_jitter: Duration,
    /// Maximum delay of a timer of the client.
    pub timer_late: Duration,
}

impl Trip {
    /// Returns the mean time that the server takes for an accepted request.
    #[must_use]
    pub fn mean_service(&self) -> Duration {
        self.service + self.service_jitter / 2
    }
}

impl Default for Trip {
    /// Returns a round trip of 80 to 180 ms, with timers up to half a millisecond late, as on common systems.
    fn default() -> Self {
        Self {
            there: Duration::from_millis(40),
            there_jitter: Duration::from_millis(50),
            service: Duration::ZERO,
            service_jitter: Duration::ZERO,
            back: Duration::from_millis(40),
            back_jitter: Duration::from_millis(50),
            timer_late: Duration::from_micros(500),
        }
    }
}

/// Demand of a client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// Every worker sends its next request when the one before has succeeded.
    Saturated,
    /// A number of requests, as fast as possible.
    Job {
        /// Number of requests.
        requests: u64,
    },
    /// Requests at even intervals. An idle worker takes the next one.
    Steady {
        /// Requests per second.
        per_second: f64,
    },
    /// Jobs with an idle time between the end of one and the start of the next.
    Bursts {
        /// Requests of each job.
        requests: u64,
        /// Idle time between two jobs.
        idle: Duration,
    },
}

/// Hints about the limits in responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitHint {
    /// Nothing.
    None,
    /// `Retry-After` in whole seconds, rounded up.
    RetryAfter,
    /// Every response has the remaining requests and the whole seconds, rounded up, until the reset.
    Headers,
    /// As [`Headers`](Self::Headers) with seconds rounded down: zero in the last second.
    HeadersRoundedDown,
    /// As [`Headers`](Self::Headers), and a refusal names the wait until the next request as well.
    ///
    /// Implementations of GCRA do so, such as Go's throttled and redis-cell: the limit is full again at
    /// the reset, but accepts the next request after the wait.
    HeadersAndWait,
    /// As [`HeadersAndWait`](Self::HeadersAndWait) with seconds rounded down, so that many waits are zero.
    HeadersAndWaitRoundedDown,
}

/// Error of the resets that responses announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResetError {
    /// None: resets are as the limit counts.
    None,
    /// Each reset is announced so much too late.
    Late(Duration),
    /// Each reset is announced so much too early, but not before now.
    Early(Duration),
    /// Resets are those of a timer that runs for the length of the window, from the first request after it ended,
    /// whatever the limit counts.
    ///
    /// NestJS' throttler does so: it counts a sliding log.
    OwnTimer,
}

/// Requests of another user against these limits, at random intervals and regardless of refusals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Requests per second.
    pub per_second: f64,
    /// Time of the first request after the start.
    pub from: Duration,
    /// Time of the last request after the start.
    pub until: Duration,
}
