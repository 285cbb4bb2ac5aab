//! Full-size journeys: `cargo test --release --test journeys -- --ignored --nocapture`.

mod fetch;
mod fetch_memory;
#[cfg(feature = "redis")]
mod fleet_faults;
#[cfg(feature = "redis")]
mod fleet_store;
mod live_page;
mod nginx;
mod outage;
mod quickstart;
#[cfg(feature = "redis")]
mod redis_server;
#[cfg(feature = "rustls")]
mod tasks;
mod vendors;
