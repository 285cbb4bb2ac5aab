//! Limits of parts of an API, by method and path.

use serde::{Deserialize, Serialize};

use super::bucket::BucketConfig;
use super::limit::LimitConfig;

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
}
