//! The suite of the blocking client once more, on the async client: what holds for the one holds for the
//! other.
//!
//! The tests are those of `tests/client`, word for word; `front` makes each call of theirs an async one.

#[path = "../client/bodies.rs"]
mod bodies;
#[path = "../client/connections.rs"]
mod connections;
#[allow(dead_code, reason = "another suite's needs are here, too")]
mod front;
#[cfg(feature = "gzip")]
#[path = "../client/gzip.rs"]
mod gzip;
#[path = "../client/helpers.rs"]
mod helpers;
#[path = "../client/hostile.rs"]
mod hostile;
#[path = "../client/limits.rs"]
mod limits;
#[path = "../client/presets.rs"]
mod presets;
#[path = "../client/proxies.rs"]
mod proxies;
#[path = "../client/redirects.rs"]
mod redirects;
#[path = "../client/requests.rs"]
mod requests;
#[path = "../client/retries.rs"]
mod retries;
#[path = "../client/secrets.rs"]
mod secrets;
#[path = "../client/server.rs"]
mod server;
#[path = "../client/threads.rs"]
mod threads;

use helpers::*;
