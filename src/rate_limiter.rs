//! The limiter that callers share: an engine behind a lock, and one queue for all waiting callers.
//!
//! This is a driver. The engine, from the core, decides; the code in here reads the clock, locks, parks, wakes and
//! logs. The lock is held for a decision only, and never while a thread sleeps, sends, logs or is woken.

mod acquire;
mod build;
mod closing;
mod feedback;
mod fleet_driver;
mod fleet_visits;
mod permit;
mod permits;
mod queue;
mod route_table;
mod routes;
mod shared;
mod snapshot;
#[cfg(feature = "async")]
mod tasks;
mod waiting;

pub use acquire::TryAcquire;
pub use permit::Permit;
pub(crate) use permits::{Permits, give};
pub use shared::DynamicRateLimiter;
pub use snapshot::{AnnouncedLimit, FleetSnapshot, Snapshot};

#[cfg(test)]
mod deadline_tests;
