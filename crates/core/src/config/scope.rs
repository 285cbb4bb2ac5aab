//! Limits of parts of an API, by method and path; which of them a request falls under.

use std::cmp::Ordering;
use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::{ApiRateConfig, BucketConfig};
use crate::url::{Address, Base};

/// A part of an API with a limit of its own: an endpoint, or a kind of request.
///
/// A request that falls under it takes a permit of this limiter first and then one of the client's. So a
/// slow scope holds up nobody else. A refusal belongs to the narrowest scope, unless the server names
/// another or [`pause_all`](Self::pause_all) is set.
///
/// A path's segments are literal, or `*` or `{any_name}` for any one segment; `**` at the end stands for any
/// rest. It is relative to the base URL; one that begins with `^/` is relative to the host. Of several scopes
/// that fit, the most specific one counts: a literal segment before a wildcard, from the left, then
/// one that names methods, then the first.
///
/// ```
/// use std::time::Duration;
/// use api_ratelimiter_core::{ApiRateConfig, LimitConfig, ScopeConfig};
///
/// let config = ApiRateConfig {
///     name: "mine".into(),
///     scopes: vec![
///         ScopeConfig::new("search", "/search/**", LimitConfig::per_minute(30.0)),
///         ScopeConfig::new("writes", "**", LimitConfig::per_second(1.0)).methods(["POST", "PATCH"]).one_by_one(),
///     ],
///     ..Default::default()
/// };
/// config.validate()?;
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ScopeConfig {
    /// Its name, unique in its configuration; logs show it after the configuration's own.
    pub name: String,
    /// The methods that it covers; none stand for all. Defaults to all.
    #[serde(default)]
    pub methods: Vec<String>,
    /// The paths that it covers.
    pub path: String,
    /// How much is allowed: the highest rate, and the one at the start. It never rises above it.
    pub limit: LimitConfig,
    /// The size of its token bucket.
    #[serde(default)]
    pub bucket: BucketConfig,
    /// Whether a refusal under this scope holds up the whole client. Defaults to no.
    #[serde(default)]
    pub pause_all: bool,
}

impl ScopeConfig {
    /// A scope of all methods on `path`.
    #[must_use]
    pub fn new(name: impl Into<String>, path: impl Into<String>, limit: LimitConfig) -> Self {
        Self {
            name: name.into(),
            methods: Vec::new(),
            path: path.into(),
            limit,
            bucket: BucketConfig::default(),
            pause_all: false,
        }
    }

    /// Covers these methods only.
    #[must_use]
    pub fn methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// No bursts: one request, then the next an interval later.
    #[must_use]
    pub const fn one_by_one(mut self) -> Self {
        self.bucket = BucketConfig::of(1.0, 1.0);
        self
    }

    /// A refusal under this scope, and what its headers say, concerns the whole client: for a scope that
    /// only keeps requests apart, of which the server knows nothing.
    #[must_use]
    pub const fn pause_all(mut self) -> Self {
        self.pause_all = true;
        self
    }

    /// The configuration of this scope's own limiter: the client's, with other rates.
    pub fn limiter_config(&self, client: &ApiRateConfig) -> ApiRateConfig {
        let rate = self.limit.rate();
        ApiRateConfig {
            name: format!("{}/{}", client.name, self.name),
            initial_rate: rate,
            min_rate: rate * LOWEST_SHARE,
            max_rate: rate,
            increase_step: rate * STEP_SHARE,
            decrease_factor: client.decrease_factor,
            default_cooldown: client.default_cooldown,
            max_cooldown: client.max_cooldown,
            learning: client.learning,
            probe_interval: client.probe_interval,
            bucket: self.bucket,
            ..ApiRateConfig::default()
        }
    }
}

/// A scope's lowest rate as a share of its limit: a tenth keeps asking without pestering.
const LOWEST_SHARE: f64 = 0.1;

/// What a success adds, as a share of the limit: from the lowest rate to the limit in 18 successes.
const STEP_SHARE: f64 = 0.05;

/// So much in so long.
///
/// ```
/// use api_ratelimiter_core::LimitConfig;
///
/// assert_eq!(LimitConfig::per_hour(1000.0), LimitConfig::new(1000.0, std::time::Duration::from_secs(3600)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LimitConfig {
    /// Requests, above 0.
    pub requests: f64,
    /// The window, above 0.
    #[serde(rename = "per_seconds", with = "crate::seconds")]
    pub per: Duration,
}

impl LimitConfig {
    /// `requests` in each `per`.
    #[must_use]
    pub const fn new(requests: f64, per: Duration) -> Self {
        Self { requests, per }
    }

    /// So many requests a second.
    #[must_use]
    pub const fn per_second(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(1))
    }

    /// So many requests a minute.
    #[must_use]
    pub const fn per_minute(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(60))
    }

    /// So many requests an hour.
    #[must_use]
    pub const fn per_hour(requests: f64) -> Self {
        Self::new(requests, Duration::from_secs(3600))
    }

    /// Requests per second on average.
    pub(crate) fn rate(&self) -> f64 {
        self.requests / self.per.as_secs_f64()
    }

    /// Which rule it breaks.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Self { requests, per } = self;
        if !(requests.is_finite() && *requests > 0.0) {
            return Err(format!(
                "{requests} requests is not a finite number above 0"
            ));
        }
        if per.is_zero() || !(self.rate().is_finite() && self.rate() > 0.0) {
            return Err(format!(
                "{requests} requests per {per:?} is no rate; give a window above 0"
            ));
        }
        Ok(())
    }
}

/// A pattern of methods and paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern {
    methods: Vec<Method>,
    from_host: bool,
    segments: Vec<Segment>,
}

/// Ordered by how much it tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Rest,
    Any,
    Literal(String),
}

impl Segment {
    const fn rank(&self) -> u8 {
        match self {
            Self::Rest => 0,
            Self::Any => 1,
            Self::Literal(_) => 2,
        }
    }

    fn of(text: &str) -> Result<Self, String> {
        match text {
            "**" => Ok(Self::Rest),
            "*" => Ok(Self::Any),
            name if name.starts_with('{') && name.ends_with('}') => Ok(Self::Any),
            text if text.contains(['*', '{', '}', '?', '#', '\\']) || text == ".." => Err(format!(
                "has the segment {text:?}; give a text, `*`, `{{name}}`, or `**` at the end"
            )),
            text => Ok(Self::Literal(crate::url::encoded(text))),
        }
    }
}

impl Pattern {
    /// # Errors
    ///
    /// What is wrong, as the end of a sentence that begins with the path.
    pub(crate) fn path(path: &str) -> Result<Self, String> {
        let from_host = path.starts_with('^');
        let path = path.strip_prefix('^').unwrap_or(path);
        if path.is_empty() || (from_host && !path.starts_with('/')) {
            return Err("is no path such as /search/{kind}".into());
        }
        let segments = path
            .split('/')
            .filter(|text| !text.is_empty())
            .map(Segment::of)
            .collect::<Result<Vec<_>, _>>()?;
        let rest = segments
            .iter()
            .position(|segment| *segment == Segment::Rest);
        if rest.is_some_and(|at| at + 1 < segments.len()) {
            return Err("has `**` before its end".into());
        }
        Ok(Self {
            methods: Vec::new(),
            from_host,
            segments,
        })
    }

    /// # Errors
    ///
    /// The method that is none.
    pub(crate) fn with_methods(mut self, methods: &[String]) -> Result<Self, String> {
        for method in methods {
            let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes())
                .map_err(|_| format!("{method:?} is no method"))?;
            self.methods.push(method);
        }
        Ok(self)
    }

    /// Whether a request falls under it.
    pub(crate) fn covers(&self, method: &Method, address: &Address, base: &Base) -> bool {
        let path = if self.from_host {
            Some(address.path())
        } else {
            address.path_under(base)
        };
        (self.methods.is_empty() || self.methods.contains(method))
            && path.is_some_and(|path| self.fits(path))
    }

    fn fits(&self, path: &str) -> bool {
        let mut segments = path.split('/').filter(|text| !text.is_empty());
        for wanted in &self.segments {
            match (wanted, segments.next()) {
                (Segment::Rest, _) => return true,
                (Segment::Any, Some(_)) => {}
                (Segment::Literal(text), Some(found)) if text == found => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }

    /// `Greater`: it says more than `other`, which covers the same request.
    fn specificity(&self, other: &Self) -> Ordering {
        let ranks = |pattern: &Self| {
            let ranks: Vec<u8> = pattern.segments.iter().map(Segment::rank).collect();
            ranks
        };
        ranks(self)
            .cmp(&ranks(other))
            .then((!self.methods.is_empty()).cmp(&!other.methods.is_empty()))
    }
}

/// A scope as requests are matched with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRule {
    pub(crate) name: Box<str>,
    pub(crate) pause_all: bool,
    pub(crate) pattern: Pattern,
}

/// The most specific scope that covers the request.
pub fn narrowest<'a>(
    rules: &'a [ScopeRule],
    method: &Method,
    address: &Address,
    base: &Base,
) -> Option<&'a ScopeRule> {
    // The first of equals: `max_by` takes the last.
    rules
        .iter()
        .rev()
        .filter(|rule| rule.pattern.covers(method, address, base))
        .max_by(|a, b| a.pattern.specificity(&b.pattern))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[(&str, &[&str], &str)]) -> Vec<ScopeRule> {
        let rule = |(name, methods, path): &(&str, &[&str], &str)| ScopeRule {
            name: (*name).into(),
            pause_all: false,
            pattern: Pattern::path(path)
                .expect("a pattern")
                .with_methods(&methods.iter().map(ToString::to_string).collect::<Vec<_>>())
                .expect("methods"),
        };
        patterns.iter().map(rule).collect()
    }

    fn found(rules: &[ScopeRule], method: Method, path: &str) -> Option<String> {
        let base = Base::parse("https://api.example/v1").expect("a base");
        let address = base.join(path).expect("a path");
        narrowest(rules, &method, &address, &base).map(|rule| rule.name.to_string())
    }

    #[test]
    fn the_most_specific_scope_that_covers_a_request_counts() {
        let rules = rules(&[
            ("writes", &["POST", "patch"], "**"),
            ("item", &[], "/items/{id}"),
            ("first", &[], "/items/1"),
            ("update", &["PATCH"], "/items/*"),
            ("search", &[], "search/**"),
            ("also first", &[], "/items/1/"),
            ("token", &["POST"], "^/oauth/token"),
        ]);
        for (method, path, expected) in [
            (Method::GET, "/pages", None),
            (Method::POST, "/pages", Some("writes")),
            (Method::PATCH, "/pages/7", Some("writes")),
            (Method::GET, "/items/2", Some("item")),
            (Method::PATCH, "/items/2", Some("update")),
            (Method::PATCH, "/items/1", Some("first")),
            (Method::GET, "/items/2/parts", None),
            (Method::GET, "/items", None),
            (Method::GET, "/items/2?x=/items/1", Some("item")),
            (Method::GET, "/search", Some("search")),
            (Method::GET, "/search/code/now", Some("search")),
            (
                Method::POST,
                "https://api.example/oauth/token",
                Some("token"),
            ),
            (Method::GET, "https://api.example/oauth/token", None),
            (Method::POST, "/oauth/token", Some("writes")),
            (Method::GET, "https://api.example/v10/items/1", None),
        ] {
            assert_eq!(found(&rules, method, path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_pattern_that_means_nothing_is_refused() {
        for path in ["", "^", "^x", "/a/**/b", "/a*", "/{a", "/a?b", "/../x"] {
            assert!(Pattern::path(path).is_err(), "{path:?}");
        }
    }
}
