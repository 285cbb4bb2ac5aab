//! Collections page by page over real HTTP: in the shapes of several vendors, with refusals and cut
//! connections, and against servers that mean harm.
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

/// The blocking client; `tests/pagination_async` runs the same suite on the other.
mod front {
    pub(crate) use api_ratelimiter::{ClientBuilder, DynamicAPIClient, Pages};
}
