//! Call other people's APIs at exactly the speed they allow.
//!
//! A blocking HTTP client that paces itself: it waits for a token of a token bucket, honours
//! `Retry-After`, speeds up while requests succeed, slows down when they are refused, and retries refused
//! requests.
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
//! - [`ApiRateConfig`] and [`API_RATE_CONFIGS`]: the known limits of APIs, by name.
//! - [`enum@Error`]: everything that can go wrong.
//! - [`guidance`]: reads the limits that a response announces, for requests that other code sends.
//! - [`Observer`] and [`Event`]: events of limiters and calls, as they happen.
//! - [`CircuitBreaker`]: stops all workers during an outage, and tries whether it is over.
//! - [`ManualClock`]: virtual time, for tests.
//! - `prometheus` and `dashboard` (features): metrics and a live page of a running job.
//!
//! The package `api-ratelimiter-core` holds the decisions, for a client of your own;
//! `api-ratelimiter-simulator` is a rate-limited API for tests of any client; `apirl` is the program.
//!
//! `USAGE.md` is the guide, in twenty parts. `background.md` explains the design and its reasons.
//! `METRICS.md` lists states, log lines, events and metrics.
//!
//! # Crate features
//!
//! The number of crates is what the feature adds, on Linux, to the 36 of the library without features.
//!
//! - **rustls** (default, 9 crates): https by rustls with the ring provider and Mozilla's roots.
//! - **gzip** (default, 5 crates): compressed responses.
//! - **native-tls** (15 crates, and the system's OpenSSL): https by the system's TLS library; chosen by
//!   [`tls(Tls::Native)`](ClientBuilder::tls). Not needed with `rustls`.
//! - **platform-verifier** (3 crates beside rustls): the operating system's certificates; chosen by
//!   [`roots(Roots::Platform)`](ClientBuilder::roots). For networks with their own certificate authority.
//! - **socks-proxy** (none): SOCKS proxies by `ALL_PROXY`.
//! - **async** (54 crates, 58 beside rustls): `AsyncDynamicAPIClient` over reqwest on tokio, and
//!   `acquire_async` of the limiter. A few calls from async code can use `spawn_blocking` instead.
//! - **redis** (38 crates, 36 beside the default features): `Fleet::redis`, one limit for workers of many
//!   processes and machines. Needs Rust 1.88.
//! - **prometheus** (3 crates): the module `prometheus`, metrics in your registry.
//! - **dashboard** (26 crates): the module `dashboard`, a live page about a running job, and its `/metrics`.
//!
//! # Logging
//!
//! This crate's own log lines never show a credential, a query string or a body. Its transport redacts them
//! at level `debug`, but at level `trace` it logs every byte that it sends. Don't enable `trace` for the
//! targets `ureq` and `ureq_proto` where logs must not contain credentials.
//!
//! # Rust version
//!
//! 1.85 for the default features. Raising it is a minor release.

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
mod random;
mod rate_limiter;
mod registry;

pub use api_ratelimiter_core::config::{
    ApiRateConfig, BodyThrottle, BucketConfig, ByRouteConfig, DialectConfig, FieldPath,
    IdempotencyConfig, LimitConfig, Pagination, ResetConfig, ScopeConfig,
};
pub use api_ratelimiter_core::guidance;
/// Types for methods, statuses and headers.
pub use api_ratelimiter_core::http;
pub use api_ratelimiter_core::limiter::{
    BreakerPhase, CircuitBreaker, Learned, Learning, LearningReason, LimitKind, Phase,
};
pub use api_ratelimiter_core::{
    DialectField, Effort, Error, FieldMeaning, Page, Position, Rate, Reader, Reply, Resend, Result,
    Time, TimeForm, TimeUnit, TimeoutPhase, TokenReason, TransportKind, Verdict,
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
pub use observe::{About, Event, LimitFound, Observer, Standing};
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

// Checks that the public types can be shared by threads.
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
