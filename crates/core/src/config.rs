//! The configuration of one API: plain data, which is checked when a client or a limiter is built from it.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::headers;
use crate::limiter::{CircuitBreaker, FixedLimit, Law, Learning, Settings};
use crate::rate::Rate;
use crate::verdict::Reader;

mod bucket;
mod dialect;
pub(crate) mod field_path;
mod idempotency;
mod limit;
pub(crate) mod pagination;
mod pattern;
mod scope;

pub use bucket::BucketConfig;
pub use dialect::{BodyThrottle, DialectConfig};
pub use field_path::FieldPath;
pub use idempotency::Idempotency;
pub use idempotency::IdempotencyConfig;
pub use limit::LimitConfig;
pub use pagination::Pagination;
pub use pattern::{ScopeRule, narrowest};
pub use scope::ScopeConfig;

use pattern::Pattern;

/// Default of `initial_rate`, in requests per second: slow enough for most public APIs.
const DEFAULT_INITIAL_RATE: f64 = 2.0;
/// Default of `min_rate`, in requests per second: one request in ten seconds keeps asking without overloading
/// a server.
const DEFAULT_MIN_RATE: f64 = 0.1;
/// Default of `max_rate`, in requests per second.
const DEFAULT_MAX_RATE: f64 = 10.0;
/// Default of `increase_step`, in requests per second: it takes 40 successes from the start to the maximum.
const DEFAULT_INCREASE_STEP: f64 = 0.2;
/// Default of `decrease_factor`: in simulations better than 0.5 in the worst cases.
const DEFAULT_DECREASE_FACTOR: f64 = 0.7;
/// Default of `max_cooldown`. A longer pause is an error, so that a job can do something else meanwhile.
const DEFAULT_MAX_COOLDOWN: Duration = Duration::from_secs(5 * 60);

/// Default of `probe_interval`: most vendors' windows are no longer than a minute, and a probe costs about
/// one refusal.
const DEFAULT_PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// Minimum of `probe_interval`: with a shorter one a client would probe all the time.
const SHORTEST_PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Lowest rate of a scope, as a share of its limit: a tenth keeps asking without overloading a server.
const LOWEST_SHARE: f64 = 0.1;

/// Increase per success in a scope, as a share of its limit: 18 successes from the lowest rate to the limit.
const STEP_SHARE: f64 = 0.05;

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
    /// Maximum of the rate, in requests per second, at least `min_rate`. Defaults to 10.0.
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
    /// [`Error::CooldownTooLong`]. Defaults to 5 minutes.
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
    /// What makes it harmless to send a request twice. Defaults to the request's method.
    pub idempotency: IdempotencyConfig,
    /// Known quotas beside the learned limit, such as 1,000 requests an hour. A request needs room in all of
    /// them. They are never learned. Each quota lets a tenth of its requests go at once and spreads the rest,
    /// so that no window of its length contains more requests than it allows. Defaults to none.
    pub limits: Vec<LimitConfig>,
    /// Parts of the API with a limit of their own. Defaults to none.
    pub scopes: Vec<ScopeConfig>,
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
            bucket: BucketConfig::default(),
            breaker: None,
            pagination: None,
            default_headers: BTreeMap::new(),
            dialect: DialectConfig::default(),
            idempotency: IdempotencyConfig::default(),
            limits: Vec::new(),
            scopes: Vec::new(),
        }
    }
}

impl ApiRateConfig {
    /// Reads a configuration from JSON text and checks it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the field if the text is not a JSON object of this shape, or if a value
    /// breaks a rule.
    ///
    /// ```
    /// use api_ratelimiter_core::ApiRateConfig;
    ///
    /// let config = ApiRateConfig::from_json(r#"{"name": "mine", "max_rate": 4, "max_cooldown_seconds": 90}"#)?;
    /// assert_eq!(config.max_rate, 4.0);
    /// assert!(ApiRateConfig::from_json(r#"{"maxrate": 4}"#).is_err());
    /// # Ok::<(), api_ratelimiter_core::Error>(())
    /// ```
    pub fn from_json(text: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| Error::config("", "JSON", error))?;
        let name = value
            .get("name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let config: Self = overlaid(&name, Self::default(), value)?;
        config.validate()?;
        Ok(config)
    }

    /// Returns the configuration as JSON text that [`from_json`](Self::from_json) reads.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Serializing plain fields with string keys into memory can't fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks every field. The name and the base URL may be empty.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the first field that breaks a rule, its value and the rule.
    pub fn validate(&self) -> Result<()> {
        self.settings().map(drop)?;
        if !self.base_url.is_empty() {
            crate::url::Base::parse(&self.base_url).map_err(|problem| {
                self.bad(
                    "base_url",
                    format_args!("{} {problem}", crate::url::Shown(&self.base_url)),
                )
            })?;
        }
        if let Some(pagination) = &self.pagination {
            pagination
                .check()
                .map_err(|problem| self.bad("pagination", problem))?;
        }
        // Parts of the configuration that have checks of their own.
        self.header_map()?;
        let problem = |(field, problem): (&str, String)| self.bad(field, problem);
        self.dialect.check(&self.name).map_err(problem)?;
        self.idempotency().map(drop)?;
        self.scope_rules().map(drop)?;
        statuses(&self.name, &self.backoff_status_codes).map(drop)
    }

    /// Returns the reader of responses that clients with this configuration use.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if the dialect's profile does not exist or if a backoff status is out of
    /// range.
    pub fn reader(&self) -> Result<Reader> {
        let profile = self.dialect.resolved(&self.name);
        Ok(Reader::new(
            profile.map_err(|problem| self.bad("dialect.profile", problem))?,
            self.dialect.rules(),
            statuses(&self.name, &self.backoff_status_codes)?,
            self.dialect.not_processed_statuses(),
        ))
    }

    /// Returns the default headers, checked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a header that can't be sent, and for one that looks like a credential.
    pub fn header_map(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.default_headers {
            let (name, value) =
                headers::pair(name, value).map_err(|error| Error::header_of(&self.name, error))?;
            if value.is_sensitive() {
                let problem =
                    format_args!("{name} looks like a credential: give it to the client's builder");
                return Err(self.bad("default_headers", problem));
            }
            headers.insert(name, value);
        }
        Ok(headers)
    }

    /// Returns the idempotency settings, checked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for an invalid name of the header or an invalid path.
    pub fn idempotency(&self) -> Result<Idempotency> {
        self.idempotency
            .checked()
            .map_err(|(field, problem)| self.bad(field, problem))
    }

    /// Returns the known quotas, checked.
    fn fixed(&self) -> Result<Vec<FixedLimit>> {
        let limits = self.limits.iter().enumerate();
        limits
            .map(|(place, limit)| {
                let whole = limit.requests.fract() == 0.0 && limit.requests >= 1.0;
                // `as` saturates at `u64::MAX`, which is beyond any real quota.
                let known = FixedLimit::new(limit.requests as u64, limit.per, None);
                known.filter(|_| whole).ok_or_else(|| {
                    let problem = format!(
                        "{} requests per {:?} is not a valid quota (expected a whole number of requests from 1, and a window above 0)",
                        limit.requests, limit.per
                    );
                    self.bad(&format!("limits[{place}]"), problem)
                })
            })
            .collect()
    }

    /// Returns the scopes in the form that requests are matched with.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if a scope's name is empty or used twice, or if its limit, path or methods
    /// are invalid.
    pub fn scope_rules(&self) -> Result<Vec<ScopeRule>> {
        let rule = |(place, scope): (usize, &ScopeConfig)| {
            let bad = |problem: String| {
                self.bad(
                    &format!("scopes[{place}]"),
                    format_args!("{:?}: {problem}", scope.name),
                )
            };
            // The name identifies the scope's limiter in logs and snapshots.
            let names = self.scopes.iter().take(place);
            if scope.name.is_empty() || names.into_iter().any(|other| other.name == scope.name) {
                return Err(bad(
                    "is not a valid name (expected a name that no other scope has)".into(),
                ));
            }
            scope.limit.check().map_err(bad)?;
            let pattern = Pattern::path(&scope.path)
                .map_err(|problem| bad(format!("{:?} {problem}", scope.path)))?
                .with_methods(&scope.methods)
                .map_err(bad)?;
            self.of_scope(scope).settings()?;
            Ok(ScopeRule {
                name: scope.name.as_str().into(),
                pause_all: scope.pause_all,
                pattern,
            })
        };
        self.scopes.iter().enumerate().map(rule).collect()
    }

    /// Returns the configuration of a scope's own limiter: this one, with the rates and the bucket of the
    /// scope.
    pub fn of_scope(&self, scope: &ScopeConfig) -> Self {
        let rate = scope.limit.rate();
        Self {
            name: format!("{}/{}", self.name, scope.name),
            initial_rate: rate,
            min_rate: rate * LOWEST_SHARE,
            max_rate: rate,
            increase_step: rate * STEP_SHARE,
            decrease_factor: self.decrease_factor,
            default_cooldown: self.default_cooldown,
            max_cooldown: self.max_cooldown,
            learning: self.learning,
            probe_interval: self.probe_interval,
            bucket: scope.bucket,
            ..Self::default()
        }
    }

    /// Returns the settings that a limiter runs on, checked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the first field that breaks a rule, its value and the rule.
    pub fn settings(&self) -> Result<Settings> {
        let rate = |field, value: f64| {
            Rate::per_second(value).ok_or_else(|| {
                self.bad(
                    field,
                    format_args!("{value} is not a valid rate (expected a finite number above 0)"),
                )
            })
        };
        // Rates: valid, and in order.
        let (initial, min, max) = (
            rate("initial_rate", self.initial_rate)?,
            rate("min_rate", self.min_rate)?,
            rate("max_rate", self.max_rate)?,
        );
        let require = |holds: bool, field, problem: std::fmt::Arguments<'_>| {
            if holds {
                Ok(())
            } else {
                Err(self.bad(field, problem))
            }
        };
        require(
            min <= max,
            "min_rate",
            format_args!(
                "{} is not a valid minimum (expected at most max_rate, {})",
                self.min_rate, self.max_rate
            ),
        )?;
        require(
            min <= initial && initial <= max,
            "initial_rate",
            format_args!(
                "{} is not a valid start (expected min_rate to max_rate, {} to {})",
                self.initial_rate, self.min_rate, self.max_rate
            ),
        )?;
        // How the rate changes.
        require(
            self.increase_step.is_finite() && self.increase_step >= 0.0,
            "increase_step",
            format_args!(
                "{} is not a valid step (expected a finite number of at least 0)",
                self.increase_step
            ),
        )?;
        require(
            self.decrease_factor > 0.0 && self.decrease_factor <= 1.0,
            "decrease_factor",
            format_args!(
                "{} is not a valid factor (expected above 0 and at most 1)",
                self.decrease_factor
            ),
        )?;
        // Pauses and probes.
        require(
            !self.max_cooldown.is_zero(),
            "max_cooldown",
            format_args!("0 is not a valid pause (expected more than 0)"),
        )?;
        require(
            self.probe_interval >= SHORTEST_PROBE_INTERVAL,
            "probe_interval",
            format_args!(
                "{:?} is not a valid interval (expected at least 1 s)",
                self.probe_interval
            ),
        )?;
        if let Some(cooldown) = self.default_cooldown {
            require(
                !cooldown.is_zero() && cooldown <= self.max_cooldown,
                "default_cooldown",
                format_args!(
                    "{cooldown:?} is not a valid pause (expected above 0 and at most max_cooldown, {:?})",
                    self.max_cooldown
                ),
            )?;
        }
        // The bucket and the circuit breaker.
        if let Some(capacity) = self.bucket.capacity {
            require(
                capacity.is_finite() && capacity >= 1.0,
                "bucket.capacity",
                format_args!(
                    "{capacity} is not a valid capacity (expected a finite number of at least 1)"
                ),
            )?;
        }
        if let Some((field, problem)) = self.breaker.and_then(|breaker| breaker.problem()) {
            return Err(self.bad(field, problem));
        }
        if let Some(tokens) = self.bucket.initial_tokens {
            require(
                tokens.is_finite() && tokens >= 0.0,
                "bucket.initial_tokens",
                format_args!(
                    "{tokens} is not a valid number of tokens (expected a finite number of at least 0)"
                ),
            )?;
        }
        Ok(Settings {
            initial,
            law: Law {
                min,
                max,
                increase_step: self.increase_step,
                decrease_factor: self.decrease_factor,
            },
            capacity: self.bucket.capacity,
            initial_tokens: self.bucket.initial_tokens,
            default_cooldown: self.default_cooldown,
            max_cooldown: self.max_cooldown,
            learning: self.learning,
            probe_interval: self.probe_interval,
            breaker: self.breaker,
            fixed: self.fixed()?,
        })
    }

    /// Returns the error for a field that breaks a rule.
    fn bad(&self, field: &str, problem: impl std::fmt::Display) -> Error {
        Error::config(&self.name, field, problem)
    }
}

/// Converts status codes to checked values. Only statuses from 400 to 599 can stand for a refusal.
pub(crate) fn statuses(entry: &str, codes: &[u16]) -> Result<Vec<StatusCode>> {
    codes
        .iter()
        .map(|&code| {
            StatusCode::from_u16(code)
                .ok()
                .filter(|status| status.as_u16() >= 400 && status.as_u16() < 600)
                .ok_or_else(|| {
                    Error::config(
                        entry,
                        "backoff_status_codes",
                        format_args!("{code} is not a valid status (expected 400 to 599)"),
                    )
                })
        })
        .collect()
}

/// Returns `base` with the fields of `fields`, a JSON object, in the place of its own.
///
/// # Errors
///
/// [`Error::InvalidConfig`] if `fields` is not an object, or names the first field that is unknown or has the
/// wrong type.
pub fn overlaid(
    entry: &str,
    base: ApiRateConfig,
    fields: serde_json::Value,
) -> Result<ApiRateConfig> {
    let serde_json::Value::Object(fields) = fields else {
        return Err(Error::config(
            entry,
            "JSON",
            "is not a valid configuration (expected an object of fields)",
        ));
    };
    let merged = serde_json::to_value(base).map_err(|error| Error::config(entry, "JSON", error))?;
    let serde_json::Value::Object(mut merged) = merged else {
        return Err(Error::config(
            entry,
            "JSON",
            "is not a valid configuration (expected an object of fields)",
        ));
    };
    for (field, value) in fields {
        merged.insert(field.clone(), value);
        // Fields are set one at a time, so that an error can name its field.
        ApiRateConfig::deserialize(serde_json::Value::Object(merged.clone()))
            .map_err(|error| Error::config(entry, &field, error))?;
    }
    ApiRateConfig::deserialize(serde_json::Value::Object(merged))
        .map_err(|error| Error::config(entry, "JSON", error))
}

#[cfg(test)]
mod tests;
