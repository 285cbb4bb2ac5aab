//! The client on real HTTP: what it sends, what it makes of answers, and what no answer can do to it.
//!
//! Servers are scripted raw sockets and the simulated API, all on the loopback. Waits for permits pass
//! in virtual time where a test is about waits. Timeouts are small where they are to run out and ample
//! where they are not, so that a slow machine changes nothing.

mod before_send;
mod bodies;
mod connections;
mod effort;
#[cfg(feature = "gzip")]
mod gzip;
mod helpers;
mod hostile;
mod limits;
mod one_wait;
mod presets;
mod proxies;
mod redirects;
mod requests;
mod retries;
mod secrets;
#[path = "../common/server.rs"]
mod server;
mod threads;

use helpers::*;

/// The blocking client; `tests/blocking_suite_on_async` runs the same suite on the other.
mod front {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    use api_ratelimiter::{TimeoutPhase, TransportKind};

    pub(crate) use api_ratelimiter::{ClientBuilder, DynamicAPIClient, RequestBuilder, Response};

    /// What ends a head that falls silent: each of its bytes is seen.
    pub(crate) const SILENT_HEAD: TimeoutPhase = TimeoutPhase::BetweenBytes;

    /// What a length of 2^64 - 1 is: one that is never reached.
    pub(crate) const LONGEST_LENGTH: TransportKind = TransportKind::Closed;

    /// The time between two of a flood of answers that say nothing.
    pub(crate) const FLOOD: Duration = Duration::ZERO;

    /// Connections that a caller needs who reads every answer to its end.
    pub(crate) const REUSED: RangeInclusive<usize> = 1..=1;

    /// Connections after a short answer was dropped unread.
    pub(crate) const AFTER_A_SHORT_ONE: usize = 2;

    /// Connections that a thread needs at most.
    pub(crate) const EACH: u64 = 1;

    /// What was dropped is gone.
    pub(crate) fn settle() {}
}
