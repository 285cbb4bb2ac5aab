//! Idempotency: what makes it harmless to send a request twice.

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::error::Result;
use crate::request::RequestParts;
use crate::url::{Address, Base};

/// Configures what makes it harmless to send a request twice: keys, and POSTs that only read.
///
/// ```
/// use api_ratelimiter_core::{ApiRateConfig, IdempotencyConfig};
///
/// let config = ApiRateConfig {
///     idempotency: IdempotencyConfig::default().automatic().reading_post("/databases/{id}/query"),
///     ..Default::default()
/// };
/// config.validate()?;
/// # Ok::<(), api_ratelimiter_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct IdempotencyConfig {
    /// Name of the header that carries a request's key. Defaults to `Idempotency-Key`.
    pub header: Option<String>,
    /// Whether every POST and PATCH gets a key. The client retries requests with a key, so set this only if
    /// the API deduplicates by it. Defaults to `false`.
    pub automatic: bool,
    /// Paths whose POST only reads, as patterns like those of a [`ScopeConfig`](crate::ScopeConfig). Such a
    /// POST is retried like a GET. Defaults to none.
    pub reading_posts: Vec<String>,
}

/// Header that draft-ietf-httpapi-idempotency-key-header-07 names, and that vendors adopted.
const DEFAULT_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

impl IdempotencyConfig {
    /// Sets the name of the header that carries a request's key.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = Some(name.into());
        self
    }

    /// Gives every POST and PATCH a key.
    #[must_use]
    pub const fn automatic(mut self) -> Self {
        self.automatic = true;
        self
    }

    /// Adds a path whose POST only reads.
    #[must_use]
    pub fn reading_post(mut self, path: impl Into<String>) -> Self {
        self.reading_posts.push(path.into());
        self
    }

    /// Checks the configuration.
    ///
    /// # Errors
    ///
    /// The field that is invalid, and what is wrong with it.
    pub(crate) fn checked(&self) -> Result<Idempotency, (&'static str, String)> {
        let header = match &self.header {
            None => DEFAULT_HEADER,
            Some(name) => name.parse().map_err(|_| {
                let problem = format!("{name:?} is not a valid header name");
                ("idempotency.header", problem)
            })?,
        };
        let pattern = |path: &String| {
            Pattern::path(path)
                .map_err(|problem| ("idempotency.reading_posts", format!("{path:?} {problem}")))
        };
        Ok(Idempotency {
            header,
            automatic: self.automatic,
            reading_posts: self
                .reading_posts
                .iter()
                .map(pattern)
                .collect::<Result<_, _>>()?,
        })
    }
}

/// A checked [`IdempotencyConfig`].
#[derive(Debug, Clone)]
pub struct Idempotency {
    /// Name of the header that carries a request's key.
    pub header: HeaderName,
    /// Whether every POST and PATCH gets a key.
    pub(crate) automatic: bool,
    /// Paths whose POST only reads.
    pub(crate) reading_posts: Vec<Pattern>,
}

impl Idempotency {
    /// Returns whether the configuration marks the request as a POST that only reads.
    #[must_use]
    pub fn is_reading_post(&self, method: &Method, address: &Address, base: &Base) -> bool {
        let mut reading = self.reading_posts.iter();
        *method == Method::POST && reading.any(|path| path.covers(method, address, base))
    }

    /// Marks the request as repeatable if it only reads or carries an idempotency key.
    ///
    /// If the configuration asks for keys and the request has none, a key is made from 128 random bits, which
    /// `random` draws. It is called only then.
    ///
    /// # Errors
    ///
    /// The error of `random`.
    pub fn mark(
        &self,
        parts: &mut RequestParts,
        base: &Base,
        random: impl FnOnce() -> Result<u128>,
    ) -> Result<()> {
        let RequestParts {
            method, address, ..
        } = &*parts;
        let is_write = matches!(*method, Method::POST | Method::PATCH);
        if self.is_reading_post(method, address, base) {
            parts.repeatable = true;
            return Ok(());
        }
        if is_write && self.automatic && !parts.headers.contains_key(&self.header) {
            if let Ok(key) = HeaderValue::from_str(&uuid_v4(random()?)) {
                parts.headers.insert(self.header.clone(), key);
            }
        }
        parts.repeatable |= is_write && parts.headers.contains_key(&self.header);
        Ok(())
    }
}

/// Formats random bits as a UUID of version 4 (RFC 9562, section 5.4). It is unlikely to repeat, but it is
/// not a secret.
fn uuid_v4(random: u128) -> String {
    let bits = random & !(0xf << 76) & !(0b11 << 62) | 4 << 76 | 0b10 << 62;
    let hex = format!("{bits:032x}");
    let (a, rest) = hex.split_at(8);
    let (b, rest) = rest.split_at(4);
    let (c, rest) = rest.split_at(4);
    let (d, e) = rest.split_at(4);
    format!("{a}-{b}-{c}-{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_uuid_of_version_4() {
        assert_eq!(uuid_v4(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid_v4(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(
            uuid_v4(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef),
            "01234567-89ab-4def-8123-456789abcdef"
        );
    }
}
