//! Call other people's APIs at exactly the speed they allow.
//!
//! A blocking HTTP client that paces itself: it waits its turn in a token bucket, honours
//! `Retry-After`, speeds up while requests get through, slows down when they are refused, and sends
//! what was refused again.
//!
//! ```no_run
//! use api_ratelimiter::make_client_for;
//!
//! # fn main() -> api_ratelimiter::Result<()> {
//! # let token = "";
//! let client = make_client_for("notion")?;
//! let page: serde_json::Value = client.get("/pages/42").bearer_auth(token).send()?.error_for_status()?.json()?;
//! println!("{:?}", client.limiter().snapshot());
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! - [`make_client_for`] and [`DynamicAPIClient`]: requests that pace themselves. Clones share one
//!   limiter; give one to each thread.
//! - [`DynamicRateLimiter`]: the limiter alone, for requests that other code sends.
//! - [`ApiRateConfig`] and [`API_RATE_CONFIGS`]: what is known about an API, by name.
//! - [`enum@Error`]: everything that can go wrong.
//! - [`guidance`]: what a response says about limits, for requests that other code sends.
//! - [`Observer`] and [`Event`]: what happened, as it happens.
//! - [`CircuitBreaker`]: waiting for the end of an outage, for all workers at once.
//! - [`ManualClock`]: virtual time, for tests.
//! - `prometheus` and `dashboard` (features): what to watch while a job runs.
//!
//! The package `api-ratelimiter-core` holds the decisions, for a client of your own;
//! `api-ratelimiter-simulator` is a rate-limited API for tests of any client; `apirl` is the program.
//!
//! The guide in twenty parts is `USAGE.md`; the design and its reasons are `background.md`; what to
//! watch is `METRICS.md`.
//!
//! # Crate features
//!
//! Costs are in crates that the feature adds, on Linux, to the 35 of the library without features.
//!
//! - **rustls** (default, 10 crates): https by rustls with the ring provider and Mozilla's roots.
//! - **gzip** (default, 5 crates): compressed responses.
//! - **native-tls** (15 crates, and the system's OpenSSL): https by the system's TLS library; chosen by
//!   [`tls(Tls::Native)`](ClientBuilder::tls). Not needed where rustls is on.
//! - **platform-verifier** (3 crates beside rustls): the operating system's certificates; chosen by
//!   [`roots(Roots::Platform)`](ClientBuilder::roots). For networks with a certificate of their own.
//! - **socks-proxy** (none): SOCKS proxies by `ALL_PROXY`.
//! - **async** (54 crates, 58 beside rustls): `AsyncDynamicAPIClient` over reqwest on tokio, and
//!   `acquire_async` of the limiter. Not needed for a few calls from
//!   async code: `spawn_blocking` does.
//! - **redis** (34 crates, 36 beside the default features): `Fleet::redis`, one limit for workers of many
//!   processes and machines. Needs Rust 1.88.
//! - **prometheus** (3 crates): the module `prometheus`, metrics in a registry of yours.
//! - **dashboard** (26 crates): the module `dashboard`, a live page about a running job, and `/metrics` beside it.
//!
//! # What is logged
//!
//! This crate's own log lines never show a credential, a query string or a body. The transport below it
//! redacts them at level `debug`, but at level `trace` it logs every byte that it sends: switch that on
//! (targets `ureq` and `ureq_proto`) only where that does no harm.
//!
//! # Rust version
//!
//! 1.85 for the default features. A later one is a minor release.

#![deny(clippy::disallowed_methods)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "async")]
mod async_client;
mod blocking;
mod client;
mod clock;
#[cfg(feature = "dashboard")]
pub mod dashboard;
mod fleet;
mod memory;
mod observe;
#[cfg(feature = "prometheus")]
pub mod prometheus;
mod rate_limiter;
mod registry;

pub use api_ratelimiter_core::config::{
    ApiRateConfig, BodyThrottle, BucketConfig, DialectConfig, FieldPath, IdempotencyConfig,
    LimitConfig, Pagination, ScopeConfig,
};
pub use api_ratelimiter_core::guidance;
/// The vocabulary of methods, statuses and headers.
pub use api_ratelimiter_core::http;
pub use api_ratelimiter_core::limiter::{
    BreakerPhase, CircuitBreaker, Learned, Learning, LearningReason, Phase,
};
pub use api_ratelimiter_core::{
    Effort, Error, Page, Position, Rate, Reader, Reply, Resend, Result, Time, TimeoutPhase,
    TransportKind, Verdict,
};
#[cfg(feature = "async")]
pub use async_client::{
    AsyncClientBuilder, AsyncDynamicAPIClient, AsyncItems, AsyncPages, AsyncRequestBuilder,
    AsyncResponse, make_async_client_for,
};
pub use blocking::{BodyReader, DynamicAPIClient, Items, Pages, Response, make_client_for};
#[cfg(feature = "async")]
pub use client::builder::Async;
pub use client::builder::{Blocking, ClientBuilder, Front};
pub use client::request::RequestBuilder;
pub use client::settings::{Roots, Timeouts, Tls};
pub use clock::{Clock, JoinGuard, ManualClock, SystemClock};
pub use fleet::{
    Fleet, FleetKey, FleetStatus, FleetStore, LocalStore, OnOutage, Replaced, StoreError, Stored,
};
pub use observe::{About, Event, Observer, Standing};
pub use rate_limiter::{
    AnnouncedLimit, DynamicRateLimiter, FleetSnapshot, Permit, Snapshot, TryAcquire,
};
pub use registry::{API_RATE_CONFIGS, ApiRateConfigs};
#[cfg(feature = "async")]
/// The async transport, for [`AsyncClientBuilder::http`].
pub use reqwest;

/// The guides, so that their code is tested.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[doc = include_str!("../USAGE.md")]
    mod usage {}
    #[doc = include_str!("../METRICS.md")]
    mod metrics {}
    #[doc = include_str!("../background.md")]
    mod background {}
}

// Threads share what users share.
const _: () = {
    const fn shared<T: Send + Sync + 'static>() {}
    shared::<DynamicAPIClient>();
    shared::<DynamicRateLimiter>();
    shared::<Permit>();
    shared::<RequestBuilder>();
    shared::<Pages>();
    shared::<Items<String>>();
    shared::<Error>();
};

#[cfg(feature = "async")]
const _: () = {
    const fn shared<T: Send + Sync + 'static>() {}
    const fn moved<T: Send + 'static>() {}
    shared::<AsyncDynamicAPIClient>();
    shared::<AsyncRequestBuilder>();
    moved::<AsyncResponse>();
    moved::<AsyncPages>();
    moved::<AsyncItems<String>>();
};
