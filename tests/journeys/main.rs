//! Full-size journeys: `cargo test --release --test journeys -- --ignored --nocapture`.
//!
//! They check that nothing is lost, nothing doubled, and that nothing stands still. How long they took and how many
//! requests were refused they print, for a quiet machine; bounds on that are checked in virtual time.

mod alone;
mod live_page;
mod nginx;
#[path = "../common/nginx.rs"]
mod nginx_server;
mod outage;
mod quickstart;
mod vendors;
