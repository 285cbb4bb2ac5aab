//! The configuration of one API, and its defaults.

use std::collections::BTreeMap;
use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::bucket::BucketConfig;
use super::by_route::ByRouteConfig;
use super::dialect::DialectConfig;
use super::idempotency::IdempotencyConfig;
use super::limit::LimitConfig;
use super::pagination::Pagination;
use super::scope::ScopeConfig;
use crate::limiter::{CircuitBreaker, DEFAULT_RESERVE, Learning};

/// Default of `initial_rate`, in requests per second: slow enough for most public APIs.
const DEFAULT_INITIAL_RATE: f64 = 2.0;
/// Default of `min_rate`, in requests per second: one request in ten seconds keeps asking without overloading
/// a server.
const DEFAULT_MIN_RATE: f64 = 0.1;
/// Default of `max_rate`, in requests per second: above what most APIs allow, so that the API is the limit and not the
/// client. A refusal ends the search for it.
const DEFAULT_MAX_RATE: f64 = 100.0;
/// Default of `increase_step`, in requests per second: after the first refusal it takes five successes for one request
/// per second more.
const DEFAULT_INCREASE_STEP: f64 = 0.2;
/// Default of `decrease_factor`: in simulations better than 0.5 in the worst cases.
const DEFAULT_DECREASE_FACTOR: f64 = 0.7;
/// Default of `max_cooldown`. A longer pause is an error, so that a job can do something else meanwhile.
const DEFAULT_MAX_COOLDOWN: Duration = Duration::from_secs(5 * 60);

/// Default of `probe_interval`: most vendors' windows are no longer than a minute, and a probe costs about
/// one refusal.
const DEFAULT_PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// Configures a client for one API: what is known of the API's limits, and how the client adapts to them.
///
/// This is plain data and may be invalid. It is checked when a limiter or a client is built from it, or when
/// it is inserted into the library's registry, `API_RATE_CONFIGS`. End a literal with `..Default::default()`,
/// because later versions add fields.
///
/// Rates are in requests per second. In JSON, durations are in seconds and their fields are called
/// `default_cooldown_seconds`, `max_cooldown_seconds` and `probe_interval_seconds`. A field that is left out
/// has its default; an unknown field is an error.
///
/// ```
/// use api_ratelimiter_core::ApiRateConfig;
///
/// # fn main() -> api_ratelimiter_core::Result<()> {
/// let config = ApiRateConfig {
///     name: "my_internal_api".into(),
///     base_url: "https://internal.api.company/v2".into(),
///     initial_rate: 3.0,
///     min_rate: 1.0,
///     max_rate: 10.0,
///     documented_limit_desc: Some("soft limit ~8 rps".into()),
///     ..Default::default()
/// };
/// config.validate()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiRateConfig {
    /// Name of the configuration: the library's `make_client_for` looks it up, and logs show it. Defaults to
    /// an empty name.
    pub name: String,
    /// URL that paths are joined to, `https://host/prefix`. Leave it empty if each customer has a host of
    /// their own, and give the URL to the client's builder (`base_url`). Defaults to an empty URL.
    pub base_url: String,
    /// Rate at the start, in requests per second, from `min_rate` to `max_rate`. Defaults to 2.0.
    pub initial_rate: f64,
    /// Minimum of the rate, in requests per second, above 0. Defaults to 0.1.
    pub min_rate: f64,
    /// Maximum of the rate, in requests per second, at least `min_rate`: how fast a burst may be. Quotas belong into
    /// `limits`. At this rate the limiter's phase is [`Phase::AtMaxRate`](crate::limiter::Phase): the API may allow more.
    /// Defaults to 100.0.
    pub max_rate: f64,
    /// Increase of the rate for each success that is evidence about the limit, in requests per second, at
    /// least 0. With 0 the rate never rises. Defaults to 0.2.
    pub increase_step: f64,
    /// Factor that the rate is multiplied by after a refusal, above 0 and at most 1. Defaults to 0.7.
    pub decrease_factor: f64,
    /// Describes for readers what the vendor documents about its limits, and which values are guesses.
    /// Defaults to none.
    pub documented_limit_desc: Option<String>,
    /// Statuses that are refusals: the client slows down and pauses. Each is from 400 to 599. Defaults to
    /// 429.
    pub backoff_status_codes: Vec<u16>,
    /// Pause after a refusal that announces no wait, above 0 and at most `max_cooldown`. Defaults to one
    /// interval at the new rate, from 1 to 60 s, doubled while every request is refused.
    #[serde(rename = "default_cooldown_seconds", with = "crate::seconds::optional")]
    pub default_cooldown: Option<Duration>,
    /// Longest pause that calls wait through, above 0. A call that meets a longer pause ends at once with
    /// [`Error::CooldownTooLong`](crate::Error::CooldownTooLong). Defaults to 5 minutes.
    #[serde(rename = "max_cooldown_seconds", with = "crate::seconds")]
    pub max_cooldown: Duration,
    /// Whether the client learns the limit. Defaults to [`Learning::On`]. Without learning, the rate rises by
    /// `increase_step` and falls by `decrease_factor`, and no more.
    pub learning: Learning,
    /// Time of queued demand between two probes above the learned ceiling, at least 1 s. A shorter interval
    /// finds a raised limit sooner, and yields less to other clients of the same limit. A longer one causes
    /// fewer refusals: each probe costs one to three. Defaults to 60 s.
    #[serde(rename = "probe_interval_seconds", with = "crate::seconds")]
    pub probe_interval: Duration,
    /// Part of an announced limit that is kept for the time until its reset, from 0 to 1, if the limit is one of more
    /// than five minutes. The rest is spent as fast as the server answers. 0 spends all of it at once: for a token that
    /// nobody else uses. 1 spreads all of it evenly. Defaults to 0.1.
    pub reserve: f64,
    /// Maximum number of requests under way at once, at least 1: sent, and without a response yet. For APIs that limit
    /// that, such as GitHub's 100. Each worker of a fleet has an equal part of them, and at least one. A source of tokens
    /// that sends its requests through the same limiter needs a place, too. Defaults to none: as many as the caller sends,
    /// within the other limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_under_way: Option<u32>,
    /// Size of the token bucket. Defaults to a size that follows from the rate.
    pub bucket: BucketConfig,
    /// Circuit breaker: stops sending while requests fail. Defaults to none, so that each request fails by
    /// itself.
    pub breaker: Option<CircuitBreaker>,
    /// How the API splits collections into pages. The library's `RequestBuilder::pages` uses it. Defaults to
    /// none.
    pub pagination: Option<Pagination>,
    /// Headers of every request, unless the request or the client's builder sets a header of that name.
    /// Credentials are an error here: give them to the builder. Defaults to none.
    pub default_headers: BTreeMap<String, String>,
    /// How the API announces refusals. Defaults to the dialect of the vendor that has the configuration's
    /// name.
    pub dialect: DialectConfig,
    /// Rules for requests that the server may safely process twice. Defaults to the request's method.
    pub idempotency: IdempotencyConfig,
    /// Known quotas beside the learned limit, such as 1,000 requests an hour. A request needs room in all of
    /// them, and waits for it without a bound. They are never learned. All of a quota may go at once, and no window of
    /// its length contains more requests than it allows. In a window of less than 5 s a tenth goes at once, and the
    /// rest is spread. Defaults to none.
    pub limits: Vec<LimitConfig>,
    /// Parts of the API with a limit of their own. Defaults to none.
    pub scopes: Vec<ScopeConfig>,
    /// Whether the API counts the requests of each route by itself. Defaults to none: what responses announce is about
    /// the whole client, unless they name different limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_route: Option<ByRouteConfig>,
}

impl Default for ApiRateConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            base_url: String::new(),
            initial_rate: DEFAULT_INITIAL_RATE,
            min_rate: DEFAULT_MIN_RATE,
            max_rate: DEFAULT_MAX_RATE,
            increase_step: DEFAULT_INCREASE_STEP,
            decrease_factor: DEFAULT_DECREASE_FACTOR,
            documented_limit_desc: None,
            backoff_status_codes: vec![StatusCode::TOO_MANY_REQUESTS.as_u16()],
            default_cooldown: None,
            max_cooldown: DEFAULT_MAX_COOLDOWN,
            learning: Learning::default(),
            probe_interval: DEFAULT_PROBE_INTERVAL,
            reserve: DEFAULT_RESERVE,
            max_under_way: None,
            bucket: BucketConfig::default(),
            breaker: None,
            pagination: None,
            default_headers: BTreeMap::new(),
            dialect: DialectConfig::default(),
            idempotency: IdempotencyConfig::default(),
            limits: Vec::new(),
            scopes: Vec::new(),
            by_route: None,
        }
    }
}
