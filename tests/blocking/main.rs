//! The client on real HTTP: its requests, how it handles responses, and hostile servers.
//!
//! Servers are scripted raw sockets and the simulated API, all on the loopback. Waits for permits pass
//! in virtual time where a test is about waits. Timeouts are short where they should expire and long
//! elsewhere, so that a slow machine changes nothing.

mod before_send;
mod bodies;
mod connections;
mod effort;
#[cfg(feature = "gzip")]
mod gzip;
mod helpers;
mod hostile;
mod limits;
#[cfg(target_os = "linux")]
mod memory;
mod one_wait;
mod phases;
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

/// The blocking client. `tests/blocking_suite_on_async` runs this suite on the async client.
mod front {
    use std::ops::RangeInclusive;
    use std::time::Duration;

    use api_ratelimiter::{TimeoutPhase, TransportKind};

    pub(crate) use api_ratelimiter::{ClientBuilder, DynamicAPIClient, RequestBuilder, Response};

    /// Timeout that ends a silent head: the transport sees each of its bytes.
    pub(crate) const SILENT_HEAD: TimeoutPhase = TimeoutPhase::BetweenBytes;

    /// Error of a length of 2^64 - 1: the body never reaches it.
    pub(crate) const LONGEST_LENGTH: TransportKind = TransportKind::Closed;

    /// Time between two responses of a flood of informational responses.
    pub(crate) const FLOOD: Duration = Duration::ZERO;

    /// Number of connections of a caller that reads every response to its end.
    pub(crate) const REUSED: RangeInclusive<usize> = 1..=1;

    /// Number of connections after a short response was dropped unread.
    pub(crate) const AFTER_A_SHORT_ONE: usize = 2;

    /// Maximum number of connections of a thread.
    pub(crate) const EACH: u64 = 1;

    /// Waits until dropped responses are closed, which they are at once.
    pub(crate) fn settle() {}
}
