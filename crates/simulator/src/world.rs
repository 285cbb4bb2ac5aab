//! A deterministic world in virtual time: clients, their strategies and the hidden limits of one API.
//!
//! [`run`] plays one [`Scenario`] and returns a [`Report`]. The result depends only on the scenario, the
//! strategies and the seed: it is equal to the nanosecond on every machine.
//!
//! ```
//! use api_ratelimiter_simulator::world::{Scenario, fixed, run};
//! use std::time::Duration;
//!
//! let scenario = Scenario::new(["token-bucket:10/s,burst=20".parse()?]);
//! let (report, _) = run(&scenario, vec![fixed(12.0)], 1);
//! let refused = report.refused_share(Duration::from_secs(60), scenario.length);
//! assert!((0.16..0.17).contains(&refused)); // 2 of 12
//! # Ok::<(), api_ratelimiter_simulator::LimitError>(())
//! ```

#[cfg(test)]
mod calendar_tests;
pub mod chart;
mod client;
mod fastest;
mod fleet;
mod learned;
mod limited_api;
#[cfg(test)]
mod preset_tests;
mod report;
mod scenario;
mod simulation;
mod strategy;

pub use fleet::{FleetFault, FleetPermit, FleetWorker, StoreCounts, fleet};
pub use learned::{Learned, LearnedPermit, learned};
pub use report::{Arrival, Job, Report};
pub use scenario::{Demand, LimitHint, Neighbour, ResetError, Scenario, Trip};
pub use simulation::run;
pub use strategy::{Decision, FixedRate, Strategy, fixed};
