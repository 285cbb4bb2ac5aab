//! What the calls of one client have in common, checked.

use std::fmt;

use http::HeaderMap;

use crate::config::{Idempotency, ScopeRule};
use crate::headers::HeaderNames;
use crate::url::Base;
use crate::verdict::Reader;

/// What a call needs to know of its client.
pub struct CallSettings {
    /// The name of the configuration.
    pub name: Box<str>,
    /// How its answers are read and judged.
    pub reader: Reader,
    /// Whether a refusal under a scope holds up the whole client.
    pub pause_all: bool,
    /// The parts of the API with a limit of their own.
    pub scopes: Vec<ScopeRule>,
    /// What keeps a request that is sent twice from being done twice.
    pub idempotency: Idempotency,
    /// Where paths are joined to.
    pub base: Base,
    /// Headers of every request.
    pub headers: HeaderMap,
    /// Whether each request carries a token that is asked for when it goes out.
    pub has_token_source: bool,
    /// Refusals of one call that are waited out before the caller is told.
    pub max_retries_on_backoff: u32,
    /// Retries of a call whose connection failed.
    pub retry_transport: u32,
    /// Whether redirects to other origins are followed: not where the transport is the user's, for nobody
    /// can take off what it adds by itself.
    pub follows_abroad: bool,
}

impl fmt::Debug for CallSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallSettings")
            .field("name", &self.name)
            .field("base", &self.base)
            .field("headers", &HeaderNames(&self.headers))
            .field("reader", &self.reader)
            .field("max_retries_on_backoff", &self.max_retries_on_backoff)
            .field("retry_transport", &self.retry_transport)
            .finish_non_exhaustive()
    }
}
