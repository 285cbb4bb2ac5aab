//! The configuration of one API: plain data, checked when something is built from it.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::headers;
use crate::limiter::{CircuitBreaker, FixedLimit, Law, Learning, Settings};
use crate::rate::Rate;
use crate::verdict::Reader;

mod dialect;
pub(crate) mod field_path;
mod idempotency;
pub(crate) mod pagination;
mod scope;

pub use dialect::{BodyThrottle, DialectConfig};
pub use field_path::FieldPath;
pub use idempotency::Idempotency;
pub use idempotency::IdempotencyConfig;
pub use pagination::Pagination;
pub use scope::{LimitConfig, ScopeConfig};
pub use scope::{ScopeRule, narrowest};

use scope::Pattern;

/// Requests per second at the start: slow enough for most public APIs.
const DEFAULT_INITIAL_RATE: f64 = 2.0;
/// Requests per second that the rate never falls below: one in ten seconds keeps asking without
/// pestering.
const DEFAULT_MIN_RATE: f64 = 0.1;
/// Requests per second that the rate never exceeds.
const DEFAULT_MAX_RATE: f64 = 10.0;
/// Requests per second that a success adds: from the start to the maximum in 40 successes.
const DEFAULT_INCREASE_STEP: f64 = 0.2;
/// What is left of the rate after a refusal: in simulations better than 0.5 in the worst cases.
const DEFAULT_DECREASE_FACTOR: f64 = 0.7;
/// Longest pause that callers wait through: longer ones are an error, so that a job can do something
/// else meanwhile.
const DEFAULT_MAX_COOLDOWN: Duration = Duration::from_secs(5 * 60);

/// Time of queued demand between two probes: most vendors' windows are no longer than a minute, and a
/// probe costs about one refusal.
const DEFAULT_PROBE_INTERVAL: Duration = Duration::from_secs(60);

/// Below it a client would be probing all the time.
const SHORTEST_PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// What is known of an API's limits, and how to adapt within them.
///
/// Plain data and the one type that may be invalid: it is checked when a limiter or a client is built
/// from it, or when it is inserted into [`API_RATE_CONFIGS`](crate::API_RATE_CONFIGS). End a literal
/// with `..Default::default()`: fields are added in later versions.
///
/// Rates are in requests per second. In JSON, where fields left out have their default and unknown
/// ones are refused, durations are seconds: `default_cooldown_seconds`,
/// `max_cooldown_seconds`, `probe_interval_seconds`.
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
    /// The name that [`make_client_for`](crate::make_client_for) looks up, and that logs show.
    /// Defaults to an empty name.
    pub name: String,
    /// Where paths are joined to, `https://host/prefix`. Empty where each customer has a host of
    /// their own: then the builder's `base_url` gives it. Defaults to empty.
    pub base_url: String,
    /// The rate at the start, from `min_rate` to `max_rate`. Defaults to 2.0.
    pub initial_rate: f64,
    /// The rate never falls below this; above 0. Defaults to 0.1.
    pub min_rate: f64,
    /// The rate never rises above this. Defaults to 10.0.
    pub max_rate: f64,
    /// Added to the rate for each success that says something about the limit; 0 is a fixed rate.
    /// Defaults to 0.2.
    pub increase_step: f64,
    /// What is left of the rate after a refusal, above 0 and at most 1. Defaults to 0.7.
    pub decrease_factor: f64,
    /// What the vendor documents, in words, for people. Defaults to none.
    pub documented_limit_desc: Option<String>,
    /// Statuses that mean "slower". Defaults to 429.
    pub backoff_status_codes: Vec<u16>,
    /// The pause after a refusal that names none. Defaults to one interval at the new rate, from 1 to
    /// 60 s, doubled while nothing gets through.
    #[serde(rename = "default_cooldown_seconds", with = "crate::seconds::optional")]
    pub default_cooldown: Option<Duration>,
    /// The longest pause that callers wait through; of a longer one they are told at once by
    /// [`Error::CooldownTooLong`]. Defaults to 5 minutes.
    #[serde(rename = "max_cooldown_seconds", with = "crate::seconds")]
    pub max_cooldown: Duration,
    /// Whether the limit is learned. Defaults to [`Learning::On`]; off leaves the bare law: up by
    /// `increase_step`, down by `decrease_factor`.
    pub learning: Learning,
    /// Time of queued demand between two looks beyond the learned ceiling. Shorter finds a raised limit
    /// sooner (and yields less to others who share it), longer is refused less often: about one to three
    /// requests each time. Defaults to 60 s.
    #[serde(rename = "probe_interval_seconds", with = "crate::seconds")]
    pub probe_interval: Duration,
    /// The size of the token bucket.
    pub bucket: BucketConfig,
    /// Stops sending while requests fail. Defaults to none: each request fails for itself.
    pub breaker: Option<CircuitBreaker>,
    /// How the API splits collections into pages; what
    /// [`RequestBuilder::pages`](crate::RequestBuilder::pages) goes by. Defaults to unknown.
    pub pagination: Option<Pagination>,
    /// Headers that every request carries unless it, or the client's builder, has one of that name.
    /// Credentials don't belong here and are refused. Defaults to none.
    pub default_headers: BTreeMap<String, String>,
    /// How the API says that it refuses.
    pub dialect: DialectConfig,
    /// What keeps a request that is sent twice from being done twice.
    pub idempotency: IdempotencyConfig,
    /// Limits that are known beside the one that is learned, such as 1,000 an hour: every request needs
    /// room in all of them. They never learn. Each lets a tenth of its requests go at once and spreads
    /// the rest, so that no window of its length ever holds more. Default: none.
    pub limits: Vec<LimitConfig>,
    /// Parts of the API with a limit of their own. Defaults to none.
    pub scopes: Vec<ScopeConfig>,
}

/// The size of the token bucket, where the default does not fit.
///
/// ```
/// use api_ratelimiter_core::{ApiRateConfig, BucketConfig};
///
/// let one_by_one = ApiRateConfig { bucket: BucketConfig::of(1.0, 1.0), ..Default::default() };
/// one_by_one.validate().unwrap();
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BucketConfig {
    /// Tokens at the start, at least 0. Defaults to one second's worth, from 1 to 10.
    pub initial_tokens: Option<f64>,
    /// Tokens that the bucket holds at most, at least 1: the longest burst after a rest. Defaults to
    /// two seconds' worth of the current rate.
    pub capacity: Option<f64>,
}

impl BucketConfig {
    /// A bucket that starts with `initial_tokens` and holds at most `capacity`.
    #[must_use]
    pub const fn of(initial_tokens: f64, capacity: f64) -> Self {
        Self {
            initial_tokens: Some(initial_tokens),
            capacity: Some(capacity),
        }
    }
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
    /// A configuration from JSON text.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for text that is no JSON object of this shape, with the field's name,
    /// and for values that break a rule.
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

    /// The configuration as JSON text, which [`from_json`](Self::from_json) reads back.
    #[must_use]
    pub fn to_json(&self) -> String {
        // A struct of plain fields with string keys: serialising it into memory has no way to fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Checks every rule; the name and base URL may be empty.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] naming the first field that breaks a rule, its value and the rule.
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
        self.header_map()?;
        let problem = |(field, problem): (&str, String)| self.bad(field, problem);
        self.dialect.check(&self.name).map_err(problem)?;
        self.idempotency().map(drop)?;
        self.scope_rules().map(drop)?;
        statuses(&self.name, &self.backoff_status_codes).map(drop)
    }

    /// How a client with this configuration reads answers.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a profile that does not exist or a status that is none.
    pub fn reader(&self) -> Result<Reader> {
        let profile = self.dialect.resolved(&self.name);
        Ok(Reader::new(
            profile.map_err(|problem| self.bad("dialect.profile", problem))?,
            self.dialect.rules(),
            statuses(&self.name, &self.backoff_status_codes)?,
            self.dialect.not_processed_statuses(),
        ))
    }

    /// The default headers, checked.
    pub fn header_map(&self) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.default_headers {
            let (name, value) =
                headers::pair(name, value).map_err(|error| Error::header_of(&self.name, error))?;
            if value.is_sensitive() {
                let problem =
                    format_args!("{name} looks like a credential; give it to the builder");
                return Err(self.bad("default_headers", problem));
            }
            headers.insert(name, value);
        }
        Ok(headers)
    }

    pub fn idempotency(&self) -> Result<Idempotency> {
        self.idempotency
            .checked()
            .map_err(|(field, problem)| self.bad(field, problem))
    }

    fn fixed(&self) -> Result<Vec<FixedLimit>> {
        let limits = self.limits.iter().enumerate();
        limits
            .map(|(place, limit)| {
                let whole = limit.requests.fract() == 0.0 && limit.requests >= 1.0;
                // `as` saturates; so many requests are no limit.
                let known = FixedLimit::new(limit.requests as u64, limit.per, None);
                known.filter(|_| whole).ok_or_else(|| {
                    let problem = format!(
                        "{} requests per {:?} is no limit; give a whole number of requests from 1 and a window above 0",
                        limit.requests, limit.per
                    );
                    self.bad(&format!("limits[{place}]"), problem)
                })
            })
            .collect()
    }

    /// The scopes as requests are matched with them.
    pub fn scope_rules(&self) -> Result<Vec<ScopeRule>> {
        let rule = |(place, scope): (usize, &ScopeConfig)| {
            let bad = |problem: String| {
                self.bad(
                    &format!("scopes[{place}]"),
                    format_args!("{:?}: {problem}", scope.name),
                )
            };
            let names = self.scopes.iter().take(place);
            if scope.name.is_empty() || names.into_iter().any(|other| other.name == scope.name) {
                return Err(bad("needs a name that no other scope has".into()));
            }
            scope.limit.check().map_err(bad)?;
            let pattern = Pattern::path(&scope.path)
                .and_then(|pattern| pattern.with_methods(&scope.methods))
                .map_err(|problem| bad(format!("{:?} {problem}", scope.path)))?;
            scope.limiter_config(self).settings()?;
            Ok(ScopeRule {
                name: scope.name.as_str().into(),
                pause_all: scope.pause_all,
                pattern,
            })
        };
        self.scopes.iter().enumerate().map(rule).collect()
    }

    /// What the limiter runs on.
    pub fn settings(&self) -> Result<Settings> {
        let rate = |field, value: f64| {
            Rate::per_second(value).ok_or_else(|| {
                self.bad(
                    field,
                    format_args!("{value} is not a finite number above 0"),
                )
            })
        };
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
            format_args!("{} exceeds max_rate, {}", self.min_rate, self.max_rate),
        )?;
        require(
            min <= initial && initial <= max,
            "initial_rate",
            format_args!(
                "{} is not between min_rate, {}, and max_rate, {}",
                self.initial_rate, self.min_rate, self.max_rate
            ),
        )?;
        require(
            self.increase_step.is_finite() && self.increase_step >= 0.0,
            "increase_step",
            format_args!(
                "{} is not a finite number of at least 0",
                self.increase_step
            ),
        )?;
        require(
            self.decrease_factor > 0.0 && self.decrease_factor <= 1.0,
            "decrease_factor",
            format_args!("{} is not above 0 and at most 1", self.decrease_factor),
        )?;
        require(
            !self.max_cooldown.is_zero(),
            "max_cooldown",
            format_args!("0 would refuse every pause; give at least 1 s"),
        )?;
        require(
            self.probe_interval >= SHORTEST_PROBE_INTERVAL,
            "probe_interval",
            format_args!("{:?} is below 1 s", self.probe_interval),
        )?;
        if let Some(cooldown) = self.default_cooldown {
            require(
                !cooldown.is_zero() && cooldown <= self.max_cooldown,
                "default_cooldown",
                format_args!(
                    "{cooldown:?} is not above 0 and at most max_cooldown, {:?}",
                    self.max_cooldown
                ),
            )?;
        }
        if let Some(capacity) = self.bucket.capacity {
            require(
                capacity.is_finite() && capacity >= 1.0,
                "bucket.capacity",
                format_args!("{capacity} is not a finite number of at least 1"),
            )?;
        }
        if let Some((field, problem)) = self.breaker.and_then(|breaker| breaker.problem()) {
            return Err(self.bad(field, problem));
        }
        if let Some(tokens) = self.bucket.initial_tokens {
            require(
                tokens.is_finite() && tokens >= 0.0,
                "bucket.initial_tokens",
                format_args!("{tokens} is not a finite number of at least 0"),
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

    fn bad(&self, field: &str, problem: impl std::fmt::Display) -> Error {
        Error::config(&self.name, field, problem)
    }
}

/// Status codes as checked values; only those that can stand for a refusal.
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
                        format_args!("{code} is not between 400 and 599"),
                    )
                })
        })
        .collect()
}

/// `base` with the fields that `fields`, a JSON object, names.
pub fn overlaid(
    entry: &str,
    base: ApiRateConfig,
    fields: serde_json::Value,
) -> Result<ApiRateConfig> {
    let serde_json::Value::Object(fields) = fields else {
        return Err(Error::config(entry, "JSON", "is not an object of fields"));
    };
    let merged = serde_json::to_value(base).map_err(|error| Error::config(entry, "JSON", error))?;
    let serde_json::Value::Object(mut merged) = merged else {
        return Err(Error::config(entry, "JSON", "is not an object of fields"));
    };
    for (field, value) in fields {
        merged.insert(field.clone(), value);
        // One field at a time, so that the error can name it.
        ApiRateConfig::deserialize(serde_json::Value::Object(merged.clone()))
            .map_err(|error| Error::config(entry, &field, error))?;
    }
    ApiRateConfig::deserialize(serde_json::Value::Object(merged))
        .map_err(|error| Error::config(entry, "JSON", error))
}

#[cfg(test)]
mod tests;
