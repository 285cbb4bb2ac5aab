//! A simulated rate-limited API, to try scripts against before they meet a real one.
//!
//! [`SimulatedApi`] is an HTTP server on a loopback port that hides [`Limit`]s, answers like a vendor
//! ([`Shape`]) and, on request, drops connections, stalls and fails as vendors do ([`Fault`]). Point a client at
//! its [`base_url`](SimulatedApi::base_url), then ask it what it served and what it had to refuse.
//!
//! [`Limits`] are the same rules without any server: they are told the time, and can be asked about
//! hours of traffic within milliseconds.
//!
//! Unstable: the behaviour described here is kept, but names may change in minor versions.

#![deny(clippy::disallowed_methods)]

mod clock;
mod http;
mod limit;
pub mod world;

pub use self::http::{
    Fault, FaultError, Hint, SettingError, Shape, SimulatedApi, SimulatedApiBuilder, Stats,
};
pub use limit::{Announced, Limit, LimitError, Limits, Verdict};

/// The README, so that its code is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
