//! Limits of parts of an API, by method and path.

use serde::{Deserialize, Serialize};

use super::bucket::BucketConfig;
use super::limit::LimitConfig;

/// A part of an API with a limit of its own: an endpoint, or a kind of request.
///
/// A request in a scope takes a permit of the scope's limiter first, and then one of the client's. So a slow
/// scope delays no other requests. A refusal slows down the narrowest scope only, unless the server says
/// otherwise or [`pause_all`](Self::pause_all) is set.
///
/// A segment of the path is literal, or `*` or `{any_name}` for any one segment; `**` at the end stands for
/// any rest. The path is relative to the base URL, or to the host if it begins with `^/`. If several scopes
/// cover a request, the most specific one counts: compared from the left, a literal segment comes before a
/// wildcard; then a scope that names methods comes first; then the one that is listed first.
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
    /// Name, unique in its configuration. Logs show it after the configuration's own name.
    pub name: String,
    /// Methods that the scope covers. Defaults to an empty list, which stands for all methods.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Pattern of the paths that the scope covers.
    pub path: String,
    /// Limit of the scope. If its window is 5 s or longer and it is a whole number of requests, all of it may go at once,
    /// and no window of its length holds more. Otherwise, and if the scope has a [`bucket`](Self::bucket), it is a rate,
    /// which the scope starts with and never exceeds.
    pub limit: LimitConfig,
    /// Size of the scope's token bucket. Defaults to a size that follows from the rate.
    #[serde(default)]
    pub bucket: BucketConfig,
    /// Whether a refusal in this scope pauses the whole client. Defaults to `false`.
    #[serde(default)]
    pub pause_all: bool,
}

impl ScopeConfig {
    /// Creates a scope that covers every method on `path`.
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

    /// Returns whether its limit is a number that may go at once, and not a rate.
    pub(crate) fn is_quota(&self) -> bool {
        self.bucket == BucketConfig::default() && self.limit.may_go_at_once()
    }

    /// Restricts the scope to these methods.
    #[must_use]
    pub fn methods<M: Into<String>>(mut self, methods: impl IntoIterator<Item = M>) -> Self {
        self.methods = methods.into_iter().map(Into::into).collect();
        self
    }

    /// Allows no bursts: each request waits for one interval after the one before.
    #[must_use]
    pub const fn one_by_one(mut self) -> Self {
        self.bucket = BucketConfig::of(1.0, 1.0);
        self
    }

    /// Applies refusals in this scope, and what their headers announce, to the whole client.
    ///
    /// For a scope that only spaces requests out, and that the server does not know.
    #[must_use]
    pub const fn pause_all(mut self) -> Self {
        self.pause_all = true;
        self
    }
}
