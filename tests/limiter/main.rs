//! The limiter that callers share: threads and a queue, in virtual time.

mod breaker;
mod calendar;
mod clock;
mod closing;
mod cooldown;
mod deadlines;
mod faults;
mod learning;
mod pacing;
mod queue;
#[path = "../common/server.rs"]
#[allow(dead_code, reason = "the helper has more than is needed here")]
mod server;
mod world;
