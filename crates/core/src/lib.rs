//! The decisions of a client for rate-limited APIs, without any I/O.
//!
//! Nothing in here reads a clock, sleeps, locks, logs or opens a socket: every function is told the
//! time, the chance and what happened, and answers what to do next. The library
//! `dynamic-api-rate-limiter` drives it with threads, tasks, files and sockets; write a driver of your own for
//! another transport.

#![deny(clippy::disallowed_methods)]

pub mod attempt;
pub mod call;
pub mod config;
pub mod duration;
pub mod error;
pub mod guidance;
pub mod hash;
pub mod headers;
pub mod limiter;
mod number;
pub mod outcome;
pub mod paginate;
pub mod presets;
mod rate;
mod reading;
mod redirect;
pub mod reply;
pub mod request;
pub mod seconds;
pub mod settings;
mod time;
pub mod url;
pub mod verdict;

pub use config::{
    ApiRateConfig, BodyThrottle, BucketConfig, DialectConfig, FieldPath, IdempotencyConfig,
    LimitConfig, Pagination, ScopeConfig,
};
pub use error::{Effort, Error, Result, TimeoutPhase, TransportKind};
pub use guidance::Guidance;
/// The vocabulary of methods, statuses and headers.
pub use http;
pub use limiter::{BreakerPhase, CircuitBreaker, Learned, Learning, LearningReason, Phase};
pub use paginate::{Page, Position};
pub use rate::Rate;
pub use reading::Reading;
pub use reply::Reply;
pub use time::Time;
pub use verdict::{Reader, Resend, Verdict};
