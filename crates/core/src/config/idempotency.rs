//! What keeps a request that is sent twice from being done twice.

use http::{HeaderName, HeaderValue, Method};
use serde::{Deserialize, Serialize};

use super::pattern::Pattern;
use crate::request::RequestParts;
use crate::url::Base;

/// What keeps a request that is sent twice from being done twice.
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
    /// The header that carries a request's key. Defaults to `Idempotency-Key`.
    pub header: Option<String>,
    /// Whether every POST and PATCH gets a key of its own. Only for an API that keeps its promise: a key
    /// makes the request one that is sent again. Defaults to no.
    pub automatic: bool,
    /// Paths, written as those of a [`ScopeConfig`](crate::ScopeConfig), whose POST only reads: it is sent
    /// again like a GET. Defaults to none.
    pub reading_posts: Vec<String>,
}

/// The header's name of draft-ietf-httpapi-idempotency-key-header-07, which vendors took over.
const DEFAULT_HEADER: HeaderName = HeaderName::from_static("idempotency-key");

impl IdempotencyConfig {
    /// The header that carries a request's key.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = Some(name.into());
        self
    }

    /// Gives every POST and PATCH a key of its own.
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

    pub(crate) fn checked(&self) -> Result<Idempotency, (&'static str, String)> {
        let header = match &self.header {
            None => DEFAULT_HEADER,
            Some(name) => name.parse().map_err(|_| {
                let problem = format!("{name:?} is not a valid name of a header");
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

/// [`IdempotencyConfig`], checked.
#[derive(Debug, Clone)]
pub struct Idempotency {
    pub header: HeaderName,
    pub(crate) automatic: bool,
    pub(crate) reading_posts: Vec<Pattern>,
}

impl Idempotency {
    /// Notes what makes sending the request twice harmless: that it reads only, or its idempotency key,
    /// which is made of `random` where the configuration asks for one and there is none.
    pub fn mark(&self, parts: &mut RequestParts, base: &Base, random: u128) {
        let RequestParts {
            method, address, ..
        } = parts;
        let is_write = matches!(*method, Method::POST | Method::PATCH);
        let mut reading = self.reading_posts.iter();
        if *method == Method::POST && reading.any(|path| path.covers(method, address, base)) {
            parts.repeatable = true;
            return;
        }
        if is_write && self.automatic && !parts.headers.contains_key(&self.header) {
            if let Ok(key) = HeaderValue::from_str(&uuid_v4(random)) {
                parts.headers.insert(self.header.clone(), key);
            }
        }
        parts.repeatable |= is_write && parts.headers.contains_key(&self.header);
    }
}

/// Random bits as a UUID of version 4 (RFC 9562, section 5.4): unlikely to come twice, but no secret.
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
