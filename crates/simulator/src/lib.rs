//! A rate-limited API for tests of any HTTP client.
//!
//! [`SimulatedApi`] is an HTTP server on a loopback port. It enforces hidden [`Limit`]s, has the response
//! shapes of several vendors ([`Shape`]), sends `Retry-After` and rate-limit headers ([`Hint`]), and injects
//! faults such as dropped connections and outages ([`Fault`]). A test points its client at
//! [`base_url`](SimulatedApi::base_url) and afterwards reads from [`stats`](SimulatedApi::stats) what was
//! served and what was refused.
//!
//! ```
//! use api_ratelimiter_simulator::{Hint, Limit, SimulatedApi};
//!
//! // At most 3 requests per hour, with `Retry-After` on refusals.
//! let api = SimulatedApi::builder()
//!     .limit(Limit::parse("fixed-window:3/1h")?)
//!     .hint(Hint::RetryAfterSeconds)
//!     .start()?;
//!
//! // The client under test; here a plain one.
//! let client: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
//! let mut statuses = Vec::new();
//! for page in 0..4 {
//!     let response = client.get(format!("{}/pages/{page}", api.base_url())).call()?;
//!     statuses.push(response.status().as_u16());
//! }
//!
//! assert_eq!(statuses, [200, 200, 200, 429]);
//! assert_eq!((api.stats().served, api.stats().refused), (3, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Map
//!
//! | item | use |
//! |---|---|
//! | [`SimulatedApi`], [`SimulatedApiBuilder`] | the server and its settings |
//! | [`Limit`] | one limit: token bucket, fixed or sliding window, pacing, concurrency |
//! | [`Hint`], [`Shape`], [`Fault`] | headers, form of the responses, faults |
//! | [`Stats`] | counts of the server |
//! | [`Limits`], [`Admission`], [`LimitState`] | the limits without a server; the caller supplies the time |
//! | [`world`] | whole experiments in virtual time, with the limiter of `dynamic-api-rate-limiter` as a client |
//!
//! Unstable: names may change in minor versions; the described behaviour is kept.

#![deny(clippy::disallowed_methods)]

mod clock;
mod duration_text;
mod http;
mod rules;
pub mod world;

pub use self::http::{
    Fault, FaultError, Hint, SettingError, Shape, SimulatedApi, SimulatedApiBuilder, Stats,
};
pub use rules::{Admission, Limit, LimitError, LimitState, Limits};

/// The README, so that its code is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
