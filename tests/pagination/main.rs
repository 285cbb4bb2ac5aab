//! Pagination over real HTTP: in the formats of several vendors, with refusals and cut connections, and with
//! hostile servers.
//!
//! Servers are scripted raw sockets and the simulated API, all on the loopback; assertions are on counts
//! and order, never on times.

mod helpers;
mod hostile;
mod positions;
mod server;
mod simulated;
mod vendor_walk;
mod vendors;

use helpers::*;

/// The blocking client. `tests/pagination_async` runs this suite on the async client.
mod front {
    pub(crate) use api_ratelimiter::{ClientBuilder, DynamicAPIClient, Pages};
}
