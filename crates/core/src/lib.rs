//! The decisions of a client for rate-limited APIs, without any I/O.
//!
//! No function in here reads a clock, sleeps, locks, logs, draws a random number or opens a socket. Each one
//! gets the time, the chance and what happened, and returns what to do next. The library
//! `dynamic-api-rate-limiter` drives these decisions with threads, tasks, files and sockets; for another
//! transport, write a driver of your own.
//!
//! # Modules
//!
//! | module | decides |
//! |---|---|
//! | [`guidance`] | what a response says about limits: wait, limits, reset, scope |
//! | [`limiter`] | how fast to send, how long to pause, and what the limit is |
//! | [`verdict`] | whether a response is a success, a refusal or a failure, and whether to send again |
//! | [`call`] | the next step of one call: wait for a permit, send, read, done |
//! | [`paginate`] | the request of the next page, and the end of a walk |
//! | [`config`], [`presets`] | what is known about an API, checked |
//! | [`settings`], [`request`], [`url`], [`headers`] | the checked settings of a client, and a request as data |
//! | [`coding`], [`proxy`] | whether a body is decoded, and through which proxy a request goes |
//! | [`outcome`], [`attempt`] | what a call and its driver tell each other, and what the call has done |
//! | [`error`], [`reply`] | the one error type, and the response that an error keeps |
//!
//! # A client of your own
//!
//! A driver needs a clock, a transport and a source of random numbers. For each call:
//!
//! 1. Make [`settings::CallSettings`] and a [`limiter::Controller`] from an [`ApiRateConfig`], and a
//!    [`call::Call`] for the request.
//! 2. Poll the controller until it grants a permit, and send the request.
//! 3. Give the response's head, and the body where the call asks for it, to the call. Report the feedback
//!    that it returns to the controller, and the pause until a quota renews, if there is one.
//! 4. Continue as the call says: deliver the response, or read the beginning of its body first. A body may ask
//!    for a longer pause; report that to the controller, too.
//!
//! The example `own_client` (`cargo run -p api-ratelimiter-core --example own_client`) is a whole call
//! with a scripted server.

#![deny(clippy::disallowed_methods)]

pub mod attempt;
mod calendar;
pub mod call;
pub mod coding;
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
pub mod proxy;
mod rate;
mod reading;
mod redirect;
pub mod reply;
pub mod request;
pub mod route;
pub mod seconds;
pub mod settings;
mod time;
mod token;
pub mod url;
pub mod verdict;

pub use calendar::{Calendar, Every};
pub use config::{
    ApiRateConfig, BodyThrottle, BucketConfig, ByRouteConfig, DialectConfig, FieldPath,
    IdempotencyConfig, LimitConfig, Pagination, ResetConfig, ScopeConfig,
};
pub use error::{Effort, Error, Result, TimeoutPhase, TransportKind};
pub use guidance::{DialectField, FieldMeaning, Guidance, TimeForm, TimeUnit};
/// The vocabulary of methods, statuses and headers.
pub use http;
pub use limiter::{BreakerPhase, CircuitBreaker, Learned, Learning, LearningReason, Phase};
pub use paginate::{Page, Position};
pub use rate::Rate;
pub use reading::Reading;
pub use reply::Reply;
pub use time::Time;
pub use token::TokenReason;
pub use verdict::{Reader, Resend, Verdict};
