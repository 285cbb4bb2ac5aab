//! Full-size journeys: `cargo test --release --workspace --test journeys -- --ignored --nocapture`.
//!
//! They check that no request is lost or doubled and that no job stalls. They print the time and the refused
//! requests, which mean something on a quiet machine only; tests in virtual time check bounds on them.

mod alone;
mod live_page;
mod nginx;
#[path = "../common/nginx.rs"]
mod nginx_server;
mod outage;
mod quickstart;
mod vendors;
