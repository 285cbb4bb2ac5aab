//! Full-size journeys of the program: `cargo test --release -p apirl --test journeys -- --ignored --nocapture`.
//!
//! They check that no line is lost or doubled and that no run stalls. They print times and refused requests, which
//! mean something on a quiet machine only; tests in virtual time check bounds on them.

mod alone;
mod discover;
mod fetch;
mod fleet_faults;
mod fleet_store;
#[path = "../../../../tests/common/nginx.rs"]
mod nginx;
mod octokit;
mod redis_server;
