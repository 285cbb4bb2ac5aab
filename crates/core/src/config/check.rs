//! Checks of the configuration, and the checked parts that a client and its limiter run on.

use http::{HeaderMap, StatusCode};
use std::time::Duration;

use super::api_rate_config::ApiRateConfig;
use super::idempotency::Idempotency;
use super::pattern::{Pattern, ScopeRule};
use super::scope::ScopeConfig;
use crate::error::{Error, Result};
use crate::headers;
use crate::limiter::{FixedLimit, Law, Settings};
use crate::rate::Rate;
use crate::verdict::Reader;

/// Minimum of `probe_interval`: with a shorter one a client would probe all the time.
const SHORTEST_PROBE_INTERVAL: Duration = Duration::from_secs(1);

/// Lowest rate of a scope, as a share of its limit: a tenth keeps asking without overloading a server.
const LOWEST_SHARE: f64 = 0.1;

/// Increase per success in a scope, as a share of its limit: 18 successes from the lowest rate to the limit.
const STEP_SHARE: f64 = 0.05;

impl ApiRateConfig {
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
        if let Some(by_route) = &self.by_route {
            let checked = by_route.check();
            checked.map_err(|problem| self.bad("by_route.owners", problem))?;
        }
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
            self.dialect.fields.clone(),
            statuses(&self.name, &self.backoff_status_codes)?,
            self.dialect.not_processed_statuses(),
            self.max_cooldown,
        ))
    }

    /// Returns the default headers, checked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] for a header that can't be sent, and for one that looks like a credential.
    pub(crate) fn header_map(&self) -> Result<HeaderMap> {
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
        let fixed = limits.map(|(place, limit)| {
            let fixed = limit.fixed();
            fixed.map_err(|problem| self.bad(&format!("limits[{place}]"), problem))
        });
        fixed.collect()
    }

    /// Returns the scopes in the form that requests are matched with.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] if a scope's name is empty or used twice, or if its limit, path or methods
    /// are invalid.
    pub(crate) fn scope_rules(&self) -> Result<Vec<ScopeRule>> {
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
        // All of a quota may go at once, as fast as the client may send.
        let is_quota = scope.is_quota();
        let (initial, most) = match is_quota {
            true => (self.initial_rate.max(rate), self.max_rate.max(rate)),
            false => (rate, rate),
        };
        Self {
            name: format!("{}/{}", self.name, scope.name),
            initial_rate: initial,
            min_rate: rate * LOWEST_SHARE,
            max_rate: most,
            increase_step: rate * STEP_SHARE,
            limits: is_quota.then(|| scope.limit.clone()).into_iter().collect(),
            decrease_factor: self.decrease_factor,
            default_cooldown: self.default_cooldown,
            max_cooldown: self.max_cooldown,
            learning: self.learning,
            probe_interval: self.probe_interval,
            reserve: self.reserve,
            bucket: scope.bucket,
            ..Self::default()
        }
    }

    /// Returns the configuration of a limiter for one of several limits that responses keep apart: this one, without
    /// its known quotas, scopes and circuit breaker. It paces as the client does until it is refused.
    #[must_use]
    pub fn of_route(&self) -> Self {
        Self {
            name: format!("{}/route", self.name),
            initial_rate: self.initial_rate,
            min_rate: self.min_rate,
            max_rate: self.max_rate,
            increase_step: self.increase_step,
            decrease_factor: self.decrease_factor,
            default_cooldown: self.default_cooldown,
            max_cooldown: self.max_cooldown,
            learning: self.learning,
            probe_interval: self.probe_interval,
            reserve: self.reserve,
            bucket: self.bucket,
            ..Self::default()
        }
    }

    /// Returns the settings that a limiter runs on, checked.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidConfig`] names the first field that breaks a rule, its value and the rule.
    pub fn settings(&self) -> Result<Settings> {
        let (initial, law) = self.rates()?;
        self.check_pauses()?;
        self.check_bucket_and_breaker()?;
        Ok(Settings {
            initial,
            law,
            capacity: self.bucket.capacity,
            initial_tokens: self.bucket.initial_tokens,
            default_cooldown: self.default_cooldown,
            max_cooldown: self.max_cooldown,
            learning: self.learning,
            probe_interval: self.probe_interval,
            breaker: self.breaker,
            fixed: self.fixed()?,
            reserve: self.reserve,
            max_under_way: self.max_under_way.map(u64::from),
        })
    }

    /// Returns the rate at the start, and how it changes, checked.
    fn rates(&self) -> Result<(Rate, Law)> {
        let rate = |field, value: f64| {
            Rate::per_second(value).ok_or_else(|| {
                self.bad(
                    field,
                    format_args!("{value} is not a valid rate (expected a finite number above 0)"),
                )
            })
        };
        // Each rate is valid, and they are in order.
        let (initial, min, max) = (
            rate("initial_rate", self.initial_rate)?,
            rate("min_rate", self.min_rate)?,
            rate("max_rate", self.max_rate)?,
        );
        self.require(
            min <= max,
            "min_rate",
            format_args!(
                "{} is not a valid minimum (expected at most max_rate, {})",
                self.min_rate, self.max_rate
            ),
        )?;
        self.require(
            min <= initial && initial <= max,
            "initial_rate",
            format_args!(
                "{} is not a valid start (expected min_rate to max_rate, {} to {})",
                self.initial_rate, self.min_rate, self.max_rate
            ),
        )?;
        // The rate rises by a step and falls by a factor.
        self.require(
            self.increase_step.is_finite() && self.increase_step >= 0.0,
            "increase_step",
            format_args!(
                "{} is not a valid step (expected a finite number of at least 0)",
                self.increase_step
            ),
        )?;
        self.require(
            self.decrease_factor > 0.0 && self.decrease_factor <= 1.0,
            "decrease_factor",
            format_args!(
                "{} is not a valid factor (expected above 0 and at most 1)",
                self.decrease_factor
            ),
        )?;
        let law = Law {
            min,
            max,
            increase_step: self.increase_step,
            decrease_factor: self.decrease_factor,
        };
        Ok((initial, law))
    }

    /// Checks pauses and the interval of probes.
    fn check_pauses(&self) -> Result<()> {
        self.require(
            !self.max_cooldown.is_zero(),
            "max_cooldown",
            format_args!("0 is not a valid pause (expected more than 0)"),
        )?;
        self.require(
            self.probe_interval >= SHORTEST_PROBE_INTERVAL,
            "probe_interval",
            format_args!(
                "{:?} is not a valid interval (expected at least 1 s)",
                self.probe_interval
            ),
        )?;
        self.require(
            (0.0..=1.0).contains(&self.reserve),
            "reserve",
            format_args!(
                "{} is not a valid part of a limit (expected 0 to 1)",
                self.reserve
            ),
        )?;
        self.require(
            self.max_under_way != Some(0),
            "max_under_way",
            format_args!("0 would never send a request (expected at least 1, or none)"),
        )?;
        let Some(cooldown) = self.default_cooldown else {
            return Ok(());
        };
        self.require(
            !cooldown.is_zero() && cooldown <= self.max_cooldown,
            "default_cooldown",
            format_args!(
                "{cooldown:?} is not a valid pause (expected above 0 and at most max_cooldown, {:?})",
                self.max_cooldown
            ),
        )
    }

    /// Checks the bucket's size and the circuit breaker.
    fn check_bucket_and_breaker(&self) -> Result<()> {
        if let Some(capacity) = self.bucket.capacity {
            self.require(
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
            self.require(
                tokens.is_finite() && tokens >= 0.0,
                "bucket.initial_tokens",
                format_args!(
                    "{tokens} is not a valid number of tokens (expected a finite number of at least 0)"
                ),
            )?;
        }
        Ok(())
    }

    /// Returns the error for a field unless its rule holds.
    fn require(&self, holds: bool, field: &str, problem: std::fmt::Arguments<'_>) -> Result<()> {
        if holds {
            Ok(())
        } else {
            Err(self.bad(field, problem))
        }
    }

    /// Returns the error for a field that breaks a rule.
    fn bad(&self, field: &str, problem: impl std::fmt::Display) -> Error {
        Error::config(&self.name, field, problem)
    }
}

/// Converts status codes to checked values. Only statuses from 400 to 599 can stand for a refusal.
fn statuses(entry: &str, codes: &[u16]) -> Result<Vec<StatusCode>> {
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
