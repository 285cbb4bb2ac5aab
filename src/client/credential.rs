//! The warning about a credential that travels unencrypted.

use std::sync::atomic::{AtomicBool, Ordering};

use api_ratelimiter_core::headers;
use api_ratelimiter_core::request::RequestParts;

use crate::observe::Event;
use crate::rate_limiter::DynamicRateLimiter;

/// Tells observers of a request that carries a credential over plain HTTP to another machine; once for
/// each client, which keeps the mark `warned`.
pub(crate) fn warn_if_exposed(
    warned: &AtomicBool,
    limiter: &DynamicRateLimiter,
    parts: &RequestParts,
    has_token: bool,
) {
    let origin = parts.address.origin();
    let in_clear = !origin.is_https() && !origin.is_loopback();
    let is_credential =
        |name, value: &http::HeaderValue| value.is_sensitive() || headers::is_sensitive(name);
    let credential = || {
        let mut headers = parts.headers.iter();
        has_token || headers.any(|(name, value)| is_credential(name, value))
    };
    if in_clear && credential() && !warned.swap(true, Ordering::Relaxed) {
        limiter.tell(log::Level::Warn, |about| Event::CredentialExposed {
            about,
            origin: origin.to_string(),
        });
    }
}
