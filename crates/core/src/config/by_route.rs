//! Limits by route.

use serde::{Deserialize, Serialize};

/// Says that an API counts the requests of each route by itself, as the vendor documents.
///
/// The limits that responses announce, and refusals, then concern the route of the request: its method, and its path
/// with ids replaced (numbers, UUIDs, tokens), or the label given by the request builder's `route`. Where a
/// response names its limits (Discord's `X-RateLimit-Bucket`), routes with one name share them. What is left of such a
/// limit may be used at once. The client keeps the 1,000 limits that were used last.
///
/// The names that responses give their limits are followed for every API, also without this.
///
/// ```
/// use api_ratelimiter_core::{ApiRateConfig, ByRouteConfig};
///
/// let config = ApiRateConfig {
///     by_route: Some(ByRouteConfig::default().owners(["channels"])),
///     ..Default::default()
/// };
/// config.validate()?;
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ByRouteConfig {
    /// Segments of paths behind which each id has limits of its own, such as Discord's `channels`. Defaults to none.
    pub owners: Vec<String>,
}

impl ByRouteConfig {
    /// Sets the segments of paths behind which each id has limits of its own.
    #[must_use]
    pub fn owners<S: Into<String>>(mut self, owners: impl IntoIterator<Item = S>) -> Self {
        self.owners = owners.into_iter().map(Into::into).collect();
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// Names the segment that is invalid.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bad = |owner: &&String| owner.is_empty() || owner.contains('/');
        match self.owners.iter().find(bad) {
            Some(owner) => Err(format!(
                "{owner:?} is not a valid segment (expected one such as channels)"
            )),
            None => Ok(()),
        }
    }
}
