//! The suite of the blocking client, run on the async client.
//!
//! The tests are those of `tests/blocking`; `front` turns each of their calls into an async one.

#[path = "../blocking/bodies.rs"]
mod bodies;
#[path = "../blocking/connections.rs"]
mod connections;
#[path = "../blocking/effort.rs"]
mod effort;
#[allow(dead_code, reason = "another suite's needs are here, too")]
mod front;
#[cfg(feature = "gzip")]
#[path = "../blocking/gzip.rs"]
mod gzip;
#[path = "../blocking/helpers.rs"]
mod helpers;
#[path = "../blocking/hostile.rs"]
mod hostile;
#[path = "../blocking/limits.rs"]
mod limits;
#[cfg(target_os = "linux")]
#[path = "../blocking/memory.rs"]
mod memory;
#[path = "../blocking/one_wait.rs"]
mod one_wait;
#[path = "../blocking/phases.rs"]
mod phases;
#[path = "../blocking/presets.rs"]
mod presets;
#[path = "../blocking/proxies.rs"]
mod proxies;
#[path = "../blocking/redirects.rs"]
mod redirects;
#[path = "../blocking/requests.rs"]
mod requests;
#[path = "../blocking/retries.rs"]
mod retries;
#[path = "../blocking/secrets.rs"]
mod secrets;
#[path = "../common/server.rs"]
mod server;
#[path = "../blocking/threads.rs"]
mod threads;

use helpers::*;
