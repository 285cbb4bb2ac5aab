//! The suite of `tests/pagination`, run on the async client's stream of pages.

#[allow(
    dead_code,
    reason = "another suite's front, of which this one needs a part"
)]
#[path = "../blocking_suite_on_async/front.rs"]
mod front;
#[path = "../pagination/helpers.rs"]
mod helpers;
#[path = "../pagination/hostile.rs"]
mod hostile;
#[path = "../pagination/positions.rs"]
mod positions;
#[path = "../pagination/server.rs"]
mod server;
#[path = "../pagination/simulated.rs"]
mod simulated;
#[path = "../pagination/vendor_walk.rs"]
mod vendor_walk;
#[path = "../pagination/vendors.rs"]
mod vendors;

use helpers::*;
