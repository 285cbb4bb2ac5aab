//! Full-size journeys of the program: `cargo test --release -p apirl --test journeys -- --ignored --nocapture`.
//!
//! They check that nothing is lost, nothing doubled, and that nothing stands still. How long they took and how many
//! requests were refused they print, for a quiet machine; bounds on that are checked in virtual time.

mod alone;
mod fetch;
mod fleet_faults;
mod fleet_store;
#[path = "../../../../tests/common/nginx.rs"]
mod nginx;
mod redis_server;
